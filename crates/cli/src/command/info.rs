//! `sysflow info`.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use sysflow_export::sentence::grouped;
use sysflow_export::time::Clock;
use sysflow_pipeline::inputs::Input;
use sysflow_pipeline::policies::Views;
use sysflow_pipeline::stream::{self, Fault, Sink};
use sysflow_pipeline::tally::Tally;
use sysflow_record::container::FileHeader;
use sysflow_record::entity::Joined;
use sysflow_record::{Kind, Record};

use crate::arguments::{Capturing, ColourChoice, Filter, Reading};
use crate::output::{self, Failure, Output};

/// Tell what recordings hold: schema, time, counts, hosts.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Recordings or captures: files, directories, or - for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    reading: Reading,

    #[command(flatten)]
    capturing: Capturing,

    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments, colour: ColourChoice) -> Result<ExitCode, Failure> {
    let (inputs, progress) = arguments.reading.open(&arguments.files)?;
    let mut survey = Survey {
        schemas: BTreeSet::new(),
        codecs: BTreeSet::new(),
        hosts: BTreeSet::new(),
        containers: BTreeSet::new(),
        filter: arguments.reading.filter(Views::Records, colour)?,
        colour,
    };
    let options = arguments.reading.options(true, &arguments.capturing);
    let (tally, _) = stream::read(&inputs, options, &progress, &mut survey);
    let mut out = Output::to(None)?;
    if arguments.json {
        writeln!(out.buffer, "{}", survey.as_json(&inputs, &tally))?;
    } else {
        survey.describe(&inputs, &tally, &mut out.buffer)?;
    }
    out.flush()?;
    Ok(if tally.faults > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

struct Survey {
    schemas: BTreeSet<i64>,
    codecs: BTreeSet<&'static str>,
    hosts: BTreeSet<String>,
    containers: BTreeSet<String>,
    filter: Filter,
    colour: ColourChoice,
}

/// A damaged or hostile recording may name any number of hosts and containers; so many are kept.
const MOST_NAMES: usize = 1000;

impl Sink for Survey {
    type Stop = Infallible;

    fn wants(&mut self, joined: &Joined<'_>) -> bool {
        self.filter.accepts(joined)
    }

    fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<Infallible> {
        match joined.record {
            Record::Header(header) => {
                self.schemas.insert(header.version);
                if self.hosts.len() < MOST_NAMES {
                    self.hosts.insert(header.exporter.to_string());
                }
            }
            Record::Container(container) if self.containers.len() < MOST_NAMES => {
                self.containers
                    .insert(format!("{} ({})", container.name, container.image));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn file(&mut self, _: &Input, header: &FileHeader) {
        self.codecs.insert(header.codec.name());
    }

    fn fault(&mut self, fault: &Fault) {
        output::error(&fault.to_string(), self.colour);
    }
}

impl Survey {
    fn describe(&self, inputs: &[Input], tally: &Tally, out: &mut Vec<u8>) -> io::Result<()> {
        let schemas: Vec<String> = self.schemas.iter().map(i64::to_string).collect();
        let names: Vec<String> = inputs.iter().map(Input::name).collect();
        row("recording", &names.join(", "), out)?;
        row("schema", &schemas.join(", "), out)?;
        row(
            "codec",
            &self.codecs.iter().copied().collect::<Vec<_>>().join(", "),
            out,
        )?;
        row("recorded by", &list(&self.hosts), out)?;
        if let (Some(first), Some(last)) = (tally.first_ts, tally.last_ts) {
            row("from", &time(first), out)?;
            row("to", &time(last), out)?;
            row("span", &span(last - first), out)?;
        }
        row(
            "size",
            &format!(
                "{} B in {} blocks",
                grouped(tally.bytes),
                grouped(tally.blocks)
            ),
            out,
        )?;
        if tally.system_calls > 0 {
            row(
                "events",
                &format!("{} of system calls", grouped(tally.system_calls)),
                out,
            )?;
        }
        row("records", &grouped(tally.total()), out)?;
        for kind in Kind::ALL {
            let count = tally.records[kind as usize];
            if count > 0 {
                writeln!(
                    out,
                    "  {:>12}  {:<4} {}",
                    grouped(count),
                    kind.code(),
                    meaning(kind)
                )?;
            }
        }
        if !self.containers.is_empty() {
            row("containers", &list(&self.containers), out)?;
        }
        let joins = tally.joins;
        let unknown = [
            ("process", joins.unknown_processes),
            ("parent", joins.unknown_parents),
            ("file", joins.unknown_files),
            ("container", joins.unknown_containers),
        ];
        for (what, count) in unknown.into_iter().filter(|(_, count)| *count > 0) {
            let text = format!(
                "{} records whose {what} is not in the recording",
                grouped(count)
            );
            row("unresolved", &text, out)?;
        }
        if tally.faults > 0 {
            let text = format!(
                "{}, {} bytes skipped",
                tally.faults,
                grouped(tally.lost_bytes)
            );
            row("faults", &text, out)?;
        }
        Ok(())
    }

    fn as_json(&self, inputs: &[Input], tally: &Tally) -> serde_json::Value {
        let counts: serde_json::Map<String, serde_json::Value> = Kind::ALL
            .iter()
            .map(|kind| (kind.code().to_owned(), tally.records[*kind as usize].into()))
            .collect();
        json!({
            "inputs": inputs.iter().map(Input::name).collect::<Vec<_>>(),
            "schemas": self.schemas,
            "codecs": self.codecs,
            "exporters": self.hosts,
            "containers": self.containers,
            "first_ts": tally.first_ts,
            "last_ts": tally.last_ts,
            "bytes": tally.bytes,
            "blocks": tally.blocks,
            "system_calls": tally.system_calls,
            "records": tally.total(),
            "counts": counts,
            "unknown_processes": tally.joins.unknown_processes,
            "unknown_parents": tally.joins.unknown_parents,
            "unknown_files": tally.joins.unknown_files,
            "unknown_containers": tally.joins.unknown_containers,
            "faults": tally.faults,
            "lost_bytes": tally.lost_bytes,
        })
    }
}

fn row(label: &str, text: &str, out: &mut Vec<u8>) -> io::Result<()> {
    writeln!(
        out,
        "{label:<12}  {}",
        if text.is_empty() { "-" } else { text }
    )
}

fn list(names: &BTreeSet<String>) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    let more = names.len().saturating_sub(SHOWN);
    if more > 0 {
        format!("{}, and {more} more", shown.join(", "))
    } else {
        shown.join(", ")
    }
}

fn time(ts: i64) -> String {
    let mut text = Vec::new();
    Clock::default().write(ts, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// A span of ns, to the millisecond.
fn span(nanoseconds: i64) -> String {
    let milliseconds = nanoseconds / 1_000_000;
    let (hours, minutes) = (milliseconds / 3_600_000, milliseconds / 60_000 % 60);
    let seconds = milliseconds as f64 % 60_000.0 / 1000.0;
    match (hours, minutes) {
        (0, 0) => format!("{seconds:.3} s"),
        (0, minutes) => format!("{minutes} min {seconds:.3} s"),
        (hours, minutes) => format!("{hours} h {minutes} min {seconds:.3} s"),
    }
}

const fn meaning(kind: Kind) -> &'static str {
    match kind {
        Kind::Header => "headers",
        Kind::Container => "containers",
        Kind::Process => "processes",
        Kind::File => "files",
        Kind::ProcessEvent => "process events",
        Kind::NetworkFlow => "network flows",
        Kind::FileFlow => "file flows",
        Kind::FileEvent => "file events",
        Kind::NetworkEvent => "network events",
        Kind::ProcessFlow => "process flows",
        Kind::Pod => "pods",
        Kind::K8sEvent => "Kubernetes events",
        Kind::Loss => "losses",
    }
}
