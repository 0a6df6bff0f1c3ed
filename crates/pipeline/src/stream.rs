//! All records of the inputs, joined with their entities. Captures of system calls become records on the way.

use std::cell::RefCell;
use std::io::Read;
use std::ops::ControlFlow;

use sysflow_collect::source::scap::ScapSource;
use sysflow_collect::{Collector, Config, Context, EventView, RecordSink};
use sysflow_scap::Capture;

use sysflow_record::ReadError;
use sysflow_record::Record;
use sysflow_record::container::{FileHeader, ReadOptions, Reader};
#[cfg(any(test, feature = "live"))]
use sysflow_record::entity::Limits;
use sysflow_record::entity::{Joined, Tables};
use thiserror::Error;

use crate::inputs::{self, Input, InputError};
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
    /// The capture cannot be read on.
    #[error("{input}: {source}")]
    Capture {
        /// The name of the input.
        input: String,
        /// What is wrong, and where.
        source: sysflow_scap::Error,
    },
}

/// How to read the inputs.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Go on behind faults within an input.
    pub salvage: bool,
    /// Hand over entities and headers too, not only events and flows.
    pub entities: bool,
    /// How captures of system calls become records.
    pub collect: Config,
}

/// What takes the records of a stream.
pub trait Sink {
    /// What stops the stream.
    type Stop;

    /// Whether the operations of captures are wanted too.
    const WANTS_EVENTS: bool = false;

    /// Whether the records of captures are wanted.
    const WANTS_RECORDS: bool = true;

    /// Whether an event or flow is wanted; others are neither taken nor counted.
    fn wants(&mut self, _joined: &Joined<'_>) -> bool {
        true
    }

    /// Takes a record.
    fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<Self::Stop>;

    /// The [operations](sysflow_field::View::operations) of which events are wanted.
    fn operations(&self) -> u64 {
        u64::MAX
    }

    /// Sees an operation of a capture, before the records that it ends.
    fn event(&mut self, _view: &EventView<'_>) -> ControlFlow<Self::Stop> {
        ControlFlow::Continue(())
    }

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
        progress: Some(progress),
        tables: Tables::default(),
        forgotten: 0,
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

/// Hands over what a source tells a collector, operations and the records that they become.
pub(crate) fn play<S: Sink, R>(
    sink: &mut S,
    tell: impl FnOnce(&mut Collector<Shared<'_, '_, '_, S>>) -> R,
) -> R {
    let mut stream = Stream {
        options: Options::default(),
        progress: None,
        tables: Tables::default(),
        forgotten: 0,
        tally: Tally::default(),
    };
    let taker = RefCell::new(Taker::new(&mut stream, sink));
    let mut collector = Collector::new(Config::default(), Shared(&taker));
    let told = tell(&mut collector);
    // The sink that comes back is the hold on the taker.
    let _ = collector.finish();
    told
}

/// Where bytes come from: those that were looked at to tell what they are, then the rest.
type Source = std::io::Chain<std::io::Cursor<Vec<u8>>, Box<dyn Read + Send>>;

/// An input whose first bytes tell what it is.
enum Opened {
    /// A SysFlow recording.
    Recording(Box<Reader<Source>>),
    /// A capture of system calls, plain or compressed.
    Capture(Source),
}

impl Opened {
    fn new(mut source: Box<dyn Read + Send>, salvage: bool) -> Result<Self, ReadError> {
        let mut start = Vec::new();
        let looked = source.by_ref().take(4).read_to_end(&mut start);
        looked.map_err(|source| ReadError::Io { offset: 0, source })?;
        let is_capture =
            start.starts_with(&inputs::CAPTURE_MAGIC) || start.starts_with(&inputs::GZIP_MAGIC);
        let source = std::io::Cursor::new(start).chain(source);
        if is_capture {
            return Ok(Self::Capture(source));
        }
        let options = ReadOptions {
            salvage,
            ..ReadOptions::default()
        };
        Reader::new(source, options).map(|reader| Self::Recording(Box::new(reader)))
    }
}

/// Hands the records of a collector on.
pub(crate) struct Taker<'t, 'p, S: Sink> {
    pub(crate) stream: &'t mut Stream<'p>,
    pub(crate) sink: &'t mut S,
    pub(crate) stopped: Option<S::Stop>,
}

impl<'t, 'p, S: Sink> Taker<'t, 'p, S> {
    pub(crate) const fn new(stream: &'t mut Stream<'p>, sink: &'t mut S) -> Self {
        Self {
            stream,
            sink,
            stopped: None,
        }
    }

    fn record(&mut self, record: &Record<'_>) {
        if S::WANTS_RECORDS
            && self.stopped.is_none()
            && let ControlFlow::Break(stop) = self.stream.record(record, self.sink)
        {
            self.stopped = Some(stop);
        }
    }

    fn event(&mut self, view: &EventView<'_>) {
        if self.stopped.is_none()
            && let ControlFlow::Break(stop) = self.sink.event(view)
        {
            self.stopped = Some(stop);
        }
    }

    fn fault(&mut self, fault: &Fault) {
        self.stream.fault(fault, self.sink);
    }
}

/// The collector's hold on a [`Taker`], which hears of faults from elsewhere.
pub(crate) struct Shared<'a, 't, 'p, S: Sink>(pub(crate) &'a RefCell<Taker<'t, 'p, S>>);

impl<S: Sink> RecordSink for Shared<'_, '_, '_, S> {
    const WANTS_EVENTS: bool = S::WANTS_EVENTS;
    const FORGETS: bool = true;

    fn has_forgotten(&mut self) -> bool {
        self.0.borrow_mut().stream.has_forgotten()
    }

    fn record(&mut self, record: &Record<'_>, _: &Context<'_>) {
        self.0.borrow_mut().record(record);
    }

    fn wants(&self, operations: u64) -> bool {
        self.0.borrow().sink.operations() & operations != 0
    }

    fn event(&mut self, view: &EventView<'_>) {
        self.0.borrow_mut().event(view);
    }
}

/// What is known of a stream at a point of it.
pub(crate) struct Stream<'p> {
    options: Options,
    progress: Option<&'p Progress>,
    tables: Tables,
    /// Entities that were forgotten when this was asked last.
    forgotten: u64,
    pub(crate) tally: Tally,
}

/// What a stream without end may remember, so that a machine has room for other things. Who is forgotten is told
/// of again.
#[cfg(feature = "live")]
const LIVE: Limits = Limits {
    processes: 24 << 20,
    files: 12 << 20,
    containers: 4 << 20,
};

#[cfg(feature = "live")]
impl Stream<'_> {
    /// A stream without end.
    pub(crate) fn live(entities: bool) -> Self {
        Self {
            options: Options {
                entities,
                ..Options::default()
            },
            progress: None,
            tables: Tables::new(LIVE),
            forgotten: 0,
            tally: Tally::default(),
        }
    }

    /// What it held.
    pub(crate) fn finish(mut self, events: u64) -> Tally {
        self.tally.system_calls = events;
        self.tally.joins = self.tables.statistics();
        self.tally
    }
}

impl Stream<'_> {
    /// Whether entities were forgotten since this was asked last.
    fn has_forgotten(&mut self) -> bool {
        let forgotten = self.tables.statistics().forgotten;
        std::mem::replace(&mut self.forgotten, forgotten) != forgotten
    }

    fn input<S: Sink>(&mut self, input: &Input, sink: &mut S) -> ControlFlow<S::Stop> {
        let opened = input.open().map_err(Fault::from).and_then(|source| {
            Opened::new(source, self.options.salvage).map_err(|source| Fault::Read {
                input: input.name(),
                source,
            })
        });
        match opened {
            Ok(Opened::Recording(reader)) => self.recording(input, *reader, sink),
            Ok(Opened::Capture(source)) => self.capture(input, source, sink),
            Err(fault) => {
                self.fault(&fault, sink);
                ControlFlow::Continue(())
            }
        }
    }

    fn recording<S: Sink>(
        &mut self,
        input: &Input,
        mut reader: Reader<Source>,
        sink: &mut S,
    ) -> ControlFlow<S::Stop> {
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
            if let Some(progress) = self.progress {
                progress.set(self.tally.bytes);
            }
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
        if !context && !sink.wants(&joined) {
            return ControlFlow::Continue(());
        }
        self.tally.count(record, joined.end_ts());
        sink.record(&joined)
    }

    /// Reads a capture of system calls. A damaged event costs itself, and the loss becomes a record.
    fn capture<S: Sink>(
        &mut self,
        input: &Input,
        source: Source,
        sink: &mut S,
    ) -> ControlFlow<S::Stop> {
        let bytes_before = self.tally.bytes;
        let config = self.options.collect.clone();
        let taker = RefCell::new(Taker::new(self, sink));
        let mut collector = Collector::new(config, Shared(&taker));
        let mut translator = ScapSource::new();
        let mut capture = match Capture::open(source) {
            Ok(capture) => capture,
            Err(source) => {
                let fault = Fault::Capture {
                    input: input.name(),
                    source,
                };
                taker.borrow_mut().fault(&fault);
                return ControlFlow::Continue(());
            }
        };
        let mut blocks = 0;
        while taker.borrow().stopped.is_none() {
            match capture.next() {
                Ok(Some(item)) => translator.translate(&item, &mut collector),
                Ok(None) => break,
                Err(source) => {
                    collector.lost("block", &source.to_string(), 1);
                    let fault = Fault::Capture {
                        input: input.name(),
                        source,
                    };
                    taker.borrow_mut().fault(&fault);
                }
            }
            blocks += 1_u64;
            // Telling of progress costs more than reading a block.
            if blocks.is_multiple_of(4096) {
                let used = bytes_before + capture.statistics().bytes;
                if let Some(progress) = taker.borrow().stream.progress {
                    progress.set(used);
                }
            }
        }
        // The sink that comes back is the hold on the taker.
        let _ = collector.finish();
        let Taker {
            stream, stopped, ..
        } = taker.into_inner();
        let statistics = capture.statistics();
        stream.tally.bytes = bytes_before + statistics.bytes;
        stream.tally.blocks += statistics.blocks;
        stream.tally.system_calls += statistics.events;
        stopped.map_or(ControlFlow::Continue(()), ControlFlow::Break)
    }

    fn fault<S: Sink>(&mut self, fault: &Fault, sink: &mut S) {
        self.tally.faults += 1;
        match self.progress {
            Some(progress) => progress.suspend(|| sink.fault(fault)),
            None => sink.fault(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use sysflow_story::Story;

    use super::*;

    /// Records of a file, and how many of them name no process.
    #[derive(Default)]
    struct Known {
        records: u64,
        nameless: u64,
    }

    impl Sink for Known {
        type Stop = ();

        fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<()> {
            if joined.file.is_some_and(|file| file.path() == "/srv/late") {
                self.records += 1;
                self.nameless += u64::from(joined.process.is_none());
            }
            ControlFlow::Continue(())
        }

        fn fault(&mut self, _: &Fault) {}
    }

    #[test]
    fn who_was_forgotten_for_want_of_room_is_known_again_when_it_acts() {
        let mut text = String::from(
            "- process: {pid: 100, exe: /bin/sh}\n- process: {pid: 200, exe: /usr/bin/quiet}\n\
             - open: {pid: 200, path: /srv/early}\n- close: {pid: 200}\n",
        );
        for pid in 1000..3000 {
            let _ = writeln!(text, "- fork: {{pid: 100, child: {pid}}}");
            let _ = writeln!(
                text,
                "- exec: {{pid: {pid}, exe: /bin/x}}\n- exit: {{pid: {pid}}}"
            );
        }
        text.push_str("- open: {pid: 200, path: /srv/late}\n- close: {pid: 200}\n");
        let story = Story::parse(&text).unwrap();
        let mut stream = Stream {
            options: Options::default(),
            progress: None,
            tables: Tables::new(Limits {
                processes: 64 << 10,
                ..Limits::default()
            }),
            forgotten: 0,
            tally: Tally::default(),
        };
        let mut sink = Known::default();
        let taker = RefCell::new(Taker::new(&mut stream, &mut sink));
        let mut collector = Collector::new(Config::default(), Shared(&taker));
        story.play(&mut collector).unwrap();
        let _ = collector.finish();
        assert!(stream.tables.statistics().forgotten > 1000);
        assert_eq!((sink.records, sink.nameless), (1, 0));
    }
}
