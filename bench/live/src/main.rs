//! Measures what live capture costs the programs that are watched.
//!
//! ```text
//! sysflow-bench-live [--rounds N] [--only WORK,…] [--json]
//! ```
//!
//! Each kind of work is done with nothing attached, with programs that do nothing on the same hooks (the floor), with
//! one record for each system call, and with ours, in turns, several rounds. What counts is the processor time of the
//! work's own processes, in which the programs in the kernel run; the watcher's is told apart. Costs are differences
//! from the run of the same round with nothing attached, and of these the medians: so what else the machine does, and
//! how fast it happens to be, matters little. In the end each is done once more while the kernel measures how long
//! each program runs, which costs time itself. Needs root.

mod group;
mod report;
mod watch;
mod work;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use group::Group;
use report::{Measured, Sample};
use watch::{Bar, Watcher};
use work::{Kind, Work};

/// Arguments.
struct Wanted {
    rounds: usize,
    kinds: Vec<Kind>,
    is_json: bool,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--watch", bar] => return watch::watch(bar, false),
        ["--watch", bar, "--run-times"] => return watch::watch(bar, true),
        ["--read-write"] => return work::read_write(),
        _ => {}
    }
    let wanted = parse(&arguments)?;
    ensure!(
        rustix::process::geteuid().is_root(),
        "live capture needs root"
    );
    let group = Group::new()?;
    let mut all = Vec::new();
    for kind in wanted.kinds {
        let missing = work::missing(kind.needs());
        if !missing.is_empty() {
            eprintln!("{}: skipped, not installed: {missing:?}", kind.name());
            continue;
        }
        let measured = measure(kind, &group, wanted.rounds)
            .with_context(|| format!("measure {}", kind.name()))?;
        if !wanted.is_json {
            print!("{measured}");
        }
        all.push(measured);
    }
    if wanted.is_json {
        println!(
            "{}",
            Value::from(all.iter().map(Measured::json).collect::<Vec<_>>())
        );
    }
    Ok(())
}

fn parse(arguments: &[String]) -> Result<Wanted> {
    let mut wanted = Wanted {
        rounds: 5,
        kinds: Kind::ALL.to_vec(),
        is_json: false,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || {
            rest.next()
                .with_context(|| format!("{argument} needs a value"))
        };
        match argument.as_str() {
            "--rounds" => wanted.rounds = value()?.parse().context("--rounds")?,
            "--only" => {
                let names = value()?;
                wanted.kinds.clear();
                for name in names.split(',') {
                    let known = Kind::ALL.into_iter().find(|kind| kind.name() == name);
                    wanted
                        .kinds
                        .push(known.with_context(|| format!("no work {name}"))?);
                }
            }
            "--json" => wanted.is_json = true,
            other => bail!("{other}: not known. --rounds N, --only WORK,…, --json"),
        }
    }
    ensure!(wanted.rounds > 0, "--rounds must be at least 1");
    Ok(wanted)
}

/// Measures all bars in turns.
fn measure(kind: Kind, group: &Group, rounds: usize) -> Result<Measured> {
    let work = Work::start(kind, group)?;
    // Caches are filled.
    work.run()?;
    let mut measured = Measured::new(kind);
    for round in 0..rounds {
        eprintln!("{}: round {} of {rounds}", kind.name(), round + 1);
        let mut samples = Vec::new();
        for bar in Bar::ALL {
            samples.push(run(&work, group, bar, false)?);
        }
        measured.rounds.push(samples);
    }
    for bar in Bar::ALL.into_iter().skip(1) {
        measured.timed.push(run(&work, group, bar, true)?);
    }
    Ok(measured)
}

/// Does the work once, watched or not.
fn run(work: &Work<'_>, group: &Group, bar: Bar, run_times: bool) -> Result<Sample> {
    let load = load();
    let watcher = Watcher::start(bar, run_times)?;
    // Loading keeps the machine busy for a moment longer.
    std::thread::sleep(Duration::from_millis(50));
    let before = group.time()?;
    let begun = Instant::now();
    let operations = work.run()?;
    let wall = begun.elapsed();
    let after = group.time()?;
    let seen = watcher.map(Watcher::finish).transpose()?;
    Ok(Sample {
        bar,
        operations,
        user: after.0.saturating_sub(before.0),
        system: after.1.saturating_sub(before.1),
        wall,
        load,
        seen: seen.unwrap_or_default(),
    })
}

/// Processes that could run, on average over the last minute.
fn load() -> f64 {
    std::fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .unwrap_or(f64::NAN)
}
