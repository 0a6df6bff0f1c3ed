//! Counts the events of a capture by name, to get a first look at a file.
//!
//! `cargo run --release -p sysflow-scap --example dump -- FILE`, or `-` for standard input.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::Instant;

use sysflow_scap::{Capture, Item, events};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dump: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os()
        .nth(1)
        .ok_or("usage: dump FILE, or - for standard input")?;
    let reader: Box<dyn Read> = if path == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(&path)?)
    };

    let began = Instant::now();
    let mut capture = Capture::open(reader)?;
    let mut counts = vec![0_u64; events().len()];
    let mut state: BTreeMap<&str, u64> = BTreeMap::new();
    let mut out = io::stdout().lock();
    loop {
        let item = match capture.next() {
            Ok(Some(item)) => item,
            Ok(None) => break,
            Err(error) => {
                writeln!(out, "! {error}")?;
                continue;
            }
        };
        let kind = match item {
            Item::Event(event) => {
                counts[usize::from(event.code().0)] += 1;
                continue;
            }
            Item::Section(section) => {
                writeln!(out, "format {}.{}", section.major, section.minor)?;
                continue;
            }
            Item::Machine(machine) => {
                let name = String::from_utf8_lossy(machine.host_name);
                writeln!(out, "host {name}, {} processors", machine.processors)?;
                continue;
            }
            Item::Interface(_) => "interfaces",
            Item::User(_) => "users",
            Item::Group(_) => "groups",
            Item::Process(process) if process.is_main_thread() => "processes",
            Item::Process(_) => "further threads",
            Item::Descriptor(_) => "descriptors",
        };
        *state.entry(kind).or_default() += 1;
    }
    let seconds = began.elapsed().as_secs_f64();

    for (kind, count) in &state {
        writeln!(out, "{count:>10} {kind}")?;
    }
    let mut seen: Vec<usize> = (0..counts.len()).filter(|&code| counts[code] > 0).collect();
    seen.sort_by_key(|&code| std::cmp::Reverse(counts[code]));
    for code in seen {
        let info = &events()[code];
        writeln!(
            out,
            "{:>10} {:?} {} ({code})",
            counts[code], info.direction, info.name
        )?;
    }
    let statistics = capture.statistics();
    writeln!(out, "{statistics:?}")?;
    let rate = statistics.blocks as f64 / seconds / 1e6;
    writeln!(out, "{seconds:.3} s, {rate:.1} million blocks a second")?;
    Ok(())
}
