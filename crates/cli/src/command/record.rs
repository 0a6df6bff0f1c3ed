//! `sysflow record`.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use sysflow_export::sentence::grouped;
use sysflow_pipeline::live::{self, LiveSink, Pulse};
use sysflow_pipeline::policies::Views;
use sysflow_pipeline::recorder::{Recorder, RecorderOptions};
use sysflow_pipeline::signals::Signals;
use sysflow_pipeline::socket::SocketOutput;
use sysflow_pipeline::stream::{Fault, Sink};
use sysflow_record::NATIVE_VERSION;
use sysflow_record::entity::Joined;

use super::live::{Status, Watching, cannot_watch, tell_missing};
use crate::arguments::{Capturing, ColourChoice, Encoding, Filter, duration, parse_filter, size};
use crate::output::{self, Failure};

/// Record what happens on this machine.
///
/// Recordings go into a directory, one file after the other; each can be read by itself. A file is called
/// NAME.sf.partial until it is complete. SIGHUP begins a new file.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The directory for the recordings
    #[arg(short, long, required_unless_present = "socket", value_name = "DIR")]
    output: Option<PathBuf>,

    /// Send the records to the consumer that listens at this unix socket (the original's protocol)
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,

    /// What the names of the files begin with; the name of this machine unless given
    #[arg(long, value_name = "NAME")]
    prefix: Option<String>,

    /// Begin a new file after this time
    #[arg(long, value_parser = duration, default_value = "5m", value_name = "SPAN")]
    every: Duration,

    /// Begin a new file at this size
    #[arg(long, value_parser = size, default_value = "256M", value_name = "SIZE")]
    max_size: u64,

    /// Keep so many files and remove older ones
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..), value_name = "NUMBER")]
    keep: Option<u64>,

    /// Only events and flows for which this condition is true, such as 'container.id != host'
    #[arg(short, long, value_name = "CONDITION")]
    filter: Option<String>,

    #[command(flatten)]
    watching: Watching,

    #[command(flatten)]
    capturing: Capturing,

    #[command(flatten)]
    encoding: Encoding,

    /// No status line and no summary
    #[arg(short, long)]
    quiet: bool,
}

/// How often what is there is handed to the system.
const FLUSH: Duration = Duration::from_secs(2);

/// Runs the command.
pub fn run(arguments: &Arguments, colour: ColourChoice) -> Result<ExitCode, Failure> {
    let filter = parse_filter(arguments.filter.as_deref(), Views::Records, colour)?;
    let write = arguments.encoding.options(NATIVE_VERSION);
    let recorder = arguments.output.as_ref().map(|directory| {
        Recorder::new(RecorderOptions {
            directory: directory.clone(),
            prefix: arguments.prefix.clone().unwrap_or_else(output::host_name),
            every: Some(arguments.every),
            largest: Some(arguments.max_size),
            keep: arguments.keep.and_then(|keep| usize::try_from(keep).ok()),
            write,
        })
    });
    let recorder = recorder.transpose().map_err(anyhow::Error::from)?;
    let signals = Signals::listen()?;
    let mut collect = arguments.capturing.config();
    if let Some(recorder) = &recorder {
        collect.filename = recorder.name_at(output::now());
    }
    let mut sink = Recording {
        filter,
        recorder,
        socket: arguments
            .socket
            .as_ref()
            .map(|path| SocketOutput::new(path, write.version)),
        status: Status::new(!arguments.quiet),
        flushed: Instant::now(),
        failures: 0,
        colour,
    };
    let options = live::Options {
        probe: arguments.watching.probe(),
        collect,
        entities: true,
        duration: arguments.watching.duration,
        written: [&arguments.output, &arguments.socket]
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
    };
    let watched = live::watch(&options, &signals, &mut sink, |probe, took| {
        tell_missing(probe.missing_hooks(), colour);
        if !arguments.quiet {
            let took = took.as_secs_f64();
            eprintln!("recording this machine, ready after {took:.1} s");
        }
    });
    let watched = watched.map_err(|error| cannot_watch(&error))?;
    sink.finish();
    if !arguments.quiet {
        for line in sink.status.describe(&watched.tally, &watched.statistics) {
            eprintln!("{line}");
        }
        for line in sink.describe() {
            eprintln!("{line}");
        }
    }
    Ok(if sink.failures > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Where records go.
struct Recording {
    filter: Filter,
    recorder: Option<Recorder>,
    socket: Option<SocketOutput>,
    status: Status,
    flushed: Instant,
    failures: u64,
    colour: ColourChoice,
}

impl Recording {
    fn finish(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.finish();
        }
        self.tell_failures();
        self.status.finish();
    }

    fn tell_failures(&mut self) {
        let failure = self.recorder.as_mut().and_then(Recorder::take_failure);
        let failure = failure.map(|failure| failure.to_string());
        let unsent = self.socket.as_mut().and_then(SocketOutput::take_failure);
        for message in failure.into_iter().chain(unsent) {
            self.failures += 1;
            let colour = self.colour;
            self.status.suspend(|| output::error(&message, colour));
        }
    }

    fn describe(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(recorder) = &self.recorder {
            let counts = recorder.counts();
            lines.push(format!(
                "wrote {} records, {} bytes, into {} files",
                grouped(counts.records),
                grouped(counts.bytes),
                grouped(counts.files),
            ));
            if counts.lost > 0 {
                lines.push(format!(
                    "{} records could not be written",
                    grouped(counts.lost)
                ));
            }
            if counts.not_in_schema > 0 {
                let count = grouped(counts.not_in_schema);
                lines.push(format!(
                    "{count} records do not exist in this schema version"
                ));
            }
        }
        if let Some(socket) = &self.socket {
            let counts = socket.counts();
            lines.push(format!(
                "sent {} records over {} connections; {} were lost",
                grouped(counts.delivered),
                grouped(counts.connections),
                grouped(socket.lost()),
            ));
        }
        lines
    }
}

impl Sink for Recording {
    type Stop = Infallible;

    // A recording keeps all its entities, so that whatever record is kept can be joined.
    fn wants(&mut self, joined: &Joined<'_>) -> bool {
        self.filter.accepts(joined)
    }

    fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<Infallible> {
        if let Some(recorder) = &mut self.recorder {
            recorder.take(joined.record);
        }
        if let Some(socket) = &mut self.socket {
            socket.take(joined.record);
        }
        ControlFlow::Continue(())
    }

    fn fault(&mut self, fault: &Fault) {
        output::error(&fault.to_string(), self.colour);
    }
}

impl LiveSink for Recording {
    fn pulse(&mut self, pulse: &Pulse<'_>) -> ControlFlow<Infallible, Option<String>> {
        self.tell_failures();
        let mut name = None;
        if let Some(recorder) = &mut self.recorder {
            if self.flushed.elapsed() >= FLUSH {
                recorder.flush();
                self.flushed = Instant::now();
            }
            if pulse.reopen || recorder.is_due(pulse.now) {
                name = Some(recorder.name_at(pulse.now));
            }
        }
        // A consumer that has come anew knows nothing yet.
        if let Some(socket) = &mut self.socket
            && socket.needs_header()
        {
            let recorder = self.recorder.as_ref();
            name =
                name.or_else(|| Some(recorder.map_or_else(String::new, |r| r.name_at(pulse.now))));
        }
        self.status.pulse(pulse, "");
        ControlFlow::Continue(name)
    }
}
