//! Turns a capture into a SysFlow file: `scap2sf [--strict] [--rules 0.10|0.17] IN OUT`.
//!
//! Tells how fast it was. With `-` for OUT nothing is written, which shows the collector alone.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::Instant;

use sysflow_collect::source::scap::ScapSource;
use sysflow_collect::{Collector, Config, Context, Generation, RecordSink};
use sysflow_record::Record;
use sysflow_record::container::{WriteError, WriteOptions, Writer};
use sysflow_scap::Capture;

/// Writes records, and keeps the first error.
struct Output<W: Write> {
    writer: Option<Writer<W>>,
    error: Option<WriteError>,
}

impl<W: Write> RecordSink for Output<W> {
    fn record(&mut self, record: &Record<'_>, _: &Context<'_>) {
        let Some(writer) = &mut self.writer else {
            return;
        };
        if let Err(error) = writer.write(record) {
            self.error.get_or_insert(error);
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut config = Config::default();
    let mut files = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--strict" => config = Config::strict(config.rules),
            "--rules" => {
                config.rules = match arguments.next().as_deref() {
                    Some("0.10") => Generation::Libs010,
                    Some("0.17") => Generation::Libs017,
                    _ => return Err("--rules takes 0.10 or 0.17".into()),
                }
            }
            _ => files.push(argument),
        }
    }
    let [input, output] = &files[..] else {
        return Err("usage: scap2sf [--strict] [--rules 0.10|0.17] IN OUT".into());
    };
    config.filename.clone_from(output);
    let options = match config.profile {
        sysflow_collect::Profile::Strict => WriteOptions::CLASSIC,
        sysflow_collect::Profile::Clean => WriteOptions::NATIVE,
    };
    let writer = match output.as_str() {
        "-" => None,
        path => Some(Writer::new(BufWriter::new(File::create(path)?), options)?),
    };

    let start = Instant::now();
    let sink = Output {
        writer,
        error: None,
    };
    let mut collector = Collector::new(config, sink);
    let mut source = ScapSource::new();
    let mut capture = Capture::open(File::open(input)?)?;
    loop {
        match capture.next() {
            Ok(Some(item)) => source.translate(&item, &mut collector),
            Ok(None) => break,
            Err(error) => {
                eprintln!("{error}");
                collector.lost("block", &error.to_string(), 1);
            }
        }
    }
    let (sink, statistics) = collector.finish_with_statistics();
    if let Some(error) = sink.error {
        return Err(error.into());
    }
    if let Some(writer) = sink.writer {
        writer.finish()?.flush()?;
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{statistics:#?}");
    println!(
        "{} events in {seconds:.3} s: {:.2} million/s, {:.0} MB/s",
        statistics.events,
        statistics.events as f64 / seconds / 1e6,
        capture.statistics().bytes as f64 / seconds / 1e6,
    );
    Ok(())
}
