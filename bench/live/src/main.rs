//! Measures what live capture costs the programs that are watched.
//!
//! ```text
//! sysflow-bench-live [--rounds N] [--only WORK,…] [--rules PATH] [--quick] [--json]
//! ```
//!
//! Each kind of work is done with nothing attached, with programs that do nothing on the same hooks (the floor), with
//! one record for each system call, and with ours, in turns, several rounds. What counts is the processor time of the
//! work's own processes, in which the programs in the kernel run; the watcher's is told apart. Costs are differences
//! from the run of the same round with nothing attached, and of these the medians: so what else the machine does, and
//! how fast it happens to be, matters little. In the end each is done once more while the kernel measures how long
//! each program runs, which costs time itself. Needs root.

mod group;
mod judge;
mod machine;
mod report;
mod targets;
mod watch;
mod work;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use sysflow_pipeline::signals::Signals;

use group::Group;
use report::{Measured, Sample};
use watch::{Bar, Watcher};
use work::{Kind, Work};

/// Arguments.
struct Wanted {
    rounds: usize,
    kinds: Vec<Kind>,
    rules: String,
    /// The work is divided by this.
    less: u32,
    is_json: bool,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--watch", bar, rules] => return watch::watch(bar, rules, false),
        ["--watch", bar, rules, "--run-times"] => return watch::watch(bar, rules, true),
        ["--read-write", pairs] => return work::read_write(pairs.parse()?),
        _ => {}
    }
    let wanted = parse(&arguments)?;
    ensure!(
        rustix::process::geteuid().is_root(),
        "live capture needs root"
    );
    let machine = machine::describe()?;
    if !wanted.is_json {
        println!("{machine}");
    }
    let signals = Signals::listen()?;
    let group = Group::new()?;
    let mut all = Vec::new();
    for kind in &wanted.kinds {
        let missing = work::missing(kind.needs());
        if !missing.is_empty() {
            eprintln!("{}: skipped, not installed: {missing:?}", kind.name());
            continue;
        }
        let measured = measure(*kind, &group, &wanted, &signals)
            .with_context(|| format!("measure {}", kind.name()))?;
        if !wanted.is_json {
            print!("{measured}");
        }
        all.push(measured);
    }
    let verdicts: Vec<_> = all.iter().flat_map(targets::judge).collect();
    if wanted.is_json {
        let works: Vec<Value> = all.iter().map(Measured::json).collect();
        let verdicts: Vec<Value> = verdicts.iter().map(targets::Verdict::json).collect();
        println!(
            "{}",
            json!({"machine": machine, "works": works, "targets": verdicts})
        );
    } else {
        println!("\ntargets");
        for verdict in verdicts {
            println!("  {verdict}");
        }
    }
    Ok(())
}

fn parse(arguments: &[String]) -> Result<Wanted> {
    let mut wanted = Wanted {
        rounds: 5,
        kinds: Kind::ALL.to_vec(),
        rules: "policies".to_owned(),
        less: 1,
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
            "--rules" => wanted.rules.clone_from(value()?),
            "--quick" => wanted.less = 10,
            "--json" => wanted.is_json = true,
            other => bail!(
                "{other}: not known. --rounds N, --only WORK,…, --rules PATH, --quick, --json"
            ),
        }
    }
    ensure!(wanted.rounds > 0, "--rounds must be at least 1");
    Ok(wanted)
}

/// Measures all bars in turns.
fn measure(kind: Kind, group: &Group, wanted: &Wanted, signals: &Signals) -> Result<Measured> {
    let work = Work::start(kind, group, wanted.less)?;
    // Caches are filled.
    work.run()?;
    let mut measured = Measured::new(kind);
    for round in 0..wanted.rounds {
        eprintln!("{}: round {} of {}", kind.name(), round + 1, wanted.rounds);
        // Each bar comes first at times: what follows a certain other one may be better or worse off.
        let mut samples = Bar::ALL.map(|_| None);
        let mut order = Bar::ALL;
        order.rotate_left(round % Bar::ALL.len());
        for bar in order {
            // What was started is ended, too.
            ensure!(!signals.stop(), "stopped by a signal");
            samples[bar.index()] = Some(run(&work, group, bar, &wanted.rules, false)?);
        }
        measured
            .rounds
            .push(samples.into_iter().flatten().collect());
    }
    for bar in Bar::ALL.into_iter().filter(|bar| *bar != Bar::Nothing) {
        measured
            .timed
            .push(run(&work, group, bar, &wanted.rules, true)?);
    }
    Ok(measured)
}

/// Does the work once, watched or not.
fn run(work: &Work<'_>, group: &Group, bar: Bar, rules: &str, run_times: bool) -> Result<Sample> {
    let others = machine::wait_for_quiet(machine::PATIENCE);
    let load = machine::load();
    let watcher = Watcher::start(bar, rules, run_times)?;
    // Loading keeps the machine busy for a moment longer.
    std::thread::sleep(Duration::from_millis(50));
    let programs = machine::run_times();
    let before = group.time()?;
    let begun = Instant::now();
    let operations = work.run()?;
    let wall = begun.elapsed();
    let after = group.time()?;
    let programs = watch::runs_between(&programs, &machine::run_times());
    let mut seen = watcher.map(Watcher::finish).transpose()?;
    if let Some(seen) = &mut seen
        && seen["programs"].as_array().is_none_or(Vec::is_empty)
    {
        seen["programs"] = programs;
    }
    Ok(Sample {
        bar,
        operations,
        user: after.0.saturating_sub(before.0),
        system: after.1.saturating_sub(before.1),
        wall,
        load,
        others: others.max(machine::wait_for_quiet(machine::LEAVING)),
        seen: seen.unwrap_or_default(),
    })
}
