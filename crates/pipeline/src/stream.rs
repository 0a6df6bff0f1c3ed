//! All records of the inputs, joined with their entities.

use std::ops::ControlFlow;

use sysflow_record::ReadError;
use sysflow_record::Record;
use sysflow_record::container::{FileHeader, ReadOptions, Reader};
use sysflow_record::entity::{Joined, Tables};
use thiserror::Error;

use crate::inputs::{Input, InputError};
use crate::progress::Progress;
use crate::tally::Tally;

/// A fault in an input. What stood before it has been used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Fault {
    /// The input cannot be opened.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The input cannot be read on.
    #[error("{input}: {source}")]
    Read {
        /// The name of the input.
        input: String,
        /// What is wrong, and where.
        source: ReadError,
    },
}

/// How to read the inputs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Go on behind faults within an input.
    pub salvage: bool,
    /// Hand over entities and headers too, not only events and flows.
    pub entities: bool,
}

/// What takes the records of a stream.
pub trait Sink {
    /// What stops the stream.
    type Stop;

    /// Takes a record.
    fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<Self::Stop>;

    /// Takes the header of a container file.
    fn file(&mut self, _input: &Input, _header: &FileHeader) {}

    /// Takes a fault.
    fn fault(&mut self, fault: &Fault);
}

/// Reads all records of the inputs, in order. Returns what the stream held, and what stopped it.
///
/// A fault ends the input that it is in, unless [`Options::salvage`] is set; the next input is read all the
/// same.
pub fn read<S: Sink>(
    inputs: &[Input],
    options: Options,
    progress: &Progress,
    sink: &mut S,
) -> (Tally, Option<S::Stop>) {
    let mut stream = Stream {
        options,
        progress,
        tables: Tables::default(),
        tally: Tally::default(),
    };
    let mut stopped = None;
    for input in inputs {
        if let ControlFlow::Break(stop) = stream.input(input, sink) {
            stopped = Some(stop);
            break;
        }
    }
    progress.finish();
    stream.tally.joins = stream.tables.statistics();
    (stream.tally, stopped)
}

struct Stream<'p> {
    options: Options,
    progress: &'p Progress,
    tables: Tables,
    tally: Tally,
}

impl Stream<'_> {
    fn input<S: Sink>(&mut self, input: &Input, sink: &mut S) -> ControlFlow<S::Stop> {
        let read_options = ReadOptions {
            salvage: self.options.salvage,
            ..ReadOptions::default()
        };
        let opened = input.open().map_err(Fault::from).and_then(|source| {
            let reader = Reader::new(source, read_options);
            reader.map_err(|source| Fault::Read {
                input: input.name(),
                source,
            })
        });
        let mut reader = match opened {
            Ok(reader) => reader,
            Err(fault) => {
                self.fault(&fault, sink);
                return ControlFlow::Continue(());
            }
        };
        let bytes_before = self.tally.bytes;
        let mut files = 0;
        loop {
            let (block, fault) = match reader.next_block() {
                Ok(None) => break,
                Ok(Some(block)) => (Some(block), None),
                Err(source) => (None, Some(source)),
            };
            let mut faults: Vec<ReadError> = fault.into_iter().collect();
            for record in block.into_iter().flatten() {
                match record {
                    Ok(record) => self.record(&record, sink)?,
                    Err(source) => faults.push(source),
                }
            }
            for source in faults {
                self.fault(
                    &Fault::Read {
                        input: input.name(),
                        source,
                    },
                    sink,
                );
            }
            if reader.files() > files {
                files = reader.files();
                if let Some(header) = reader.header() {
                    sink.file(input, header);
                }
            }
            self.tally.bytes = bytes_before + reader.offset();
            self.progress.set(self.tally.bytes);
        }
        self.tally.bytes = bytes_before + reader.offset();
        self.tally.blocks += reader.blocks();
        self.tally.lost_bytes += reader.lost_bytes();
        ControlFlow::Continue(())
    }

    fn record<S: Sink>(&mut self, record: &Record<'_>, sink: &mut S) -> ControlFlow<S::Stop> {
        let context = record.kind().is_context();
        if context && !self.options.entities {
            self.tally.count(record, None);
            self.tables.join(record);
            return ControlFlow::Continue(());
        }
        let joined = self.tables.join_all(record);
        self.tally.count(record, joined.end_ts());
        sink.record(&joined)
    }

    fn fault<S: Sink>(&mut self, fault: &Fault, sink: &mut S) {
        self.tally.faults += 1;
        self.progress.suspend(|| sink.fault(fault));
    }
}
