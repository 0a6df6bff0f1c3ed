//! Records this machine for some seconds: `live2sf SECONDS OUT.sf`.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::{Duration, Instant};

use sysflow_collect::{Collector, Config, Context, RecordSink};
use sysflow_probe::{Options, Probe};
use sysflow_record::Record;
use sysflow_record::container::{WriteError, WriteOptions, Writer};

/// Writes records, and keeps the first error.
struct Output<W: Write> {
    writer: Writer<W>,
    error: Option<WriteError>,
}

impl<W: Write> RecordSink for Output<W> {
    fn record(&mut self, record: &Record<'_>, _: &Context<'_>) {
        if let Err(error) = self.writer.write(record) {
            self.error.get_or_insert(error);
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [seconds, output] = &arguments[..] else {
        return Err("usage: live2sf SECONDS OUT.sf".into());
    };
    let end = Instant::now() + Duration::from_secs(seconds.parse()?);
    let config = Config {
        filename: output.clone(),
        ..Config::default()
    };
    let sink = Output {
        writer: Writer::new(BufWriter::new(File::create(output)?), WriteOptions::NATIVE)?,
        error: None,
    };
    let mut collector = Collector::new(config, sink);

    let start = Instant::now();
    let mut probe = Probe::load(Options::default())?;
    eprintln!("loaded and attached in {:?}", start.elapsed());
    for place in probe.missing_hooks() {
        eprintln!("the kernel has no {place}");
    }
    let start = Instant::now();
    probe.snapshot(&mut collector)?;
    eprintln!("snapshot in {:?}", start.elapsed());
    while Instant::now() < end {
        probe.poll(Duration::from_millis(100), &mut collector)?;
    }
    probe.flush(&mut collector)?;
    eprintln!("{:#?}", probe.statistics()?);
    drop(probe);
    let (sink, statistics) = collector.finish_with_statistics();
    eprintln!("{statistics:#?}");
    if let Some(error) = sink.error {
        return Err(error.into());
    }
    sink.writer.finish()?.flush()?;
    Ok(())
}
