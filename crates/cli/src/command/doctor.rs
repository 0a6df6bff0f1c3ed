//! `sysflow doctor`.

use std::io::{IsTerminal as _, Write as _, stdout};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use sysflow_probe::Report;

use crate::arguments::ColourChoice;
use crate::output::{Failure, Output};

/// Tell what this machine can show, and what is missing.
///
/// The exit code is 0 when the machine can be watched and 1 when it cannot.
#[derive(Debug, Args)]
pub struct Arguments {
    /// JSON for machines
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments, colour: ColourChoice) -> Result<ExitCode, Failure> {
    let report = sysflow_probe::doctor();
    let mut out = Output::to(None)?;
    if arguments.json {
        writeln!(out.buffer, "{}", as_json(&report))?;
    } else {
        let styled = colour.wanted(stdout().is_terminal());
        describe(&report, styled, &mut out.buffer)?;
    }
    out.flush()?;
    Ok(if report.obstacle.is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn describe(report: &Report, styled: bool, out: &mut Vec<u8>) -> std::io::Result<()> {
    let paint = |text: &str, colour: &str| {
        if styled {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    };
    let (yes, no, weak) = (
        paint("yes ", "32"),
        paint("NO  ", "1;31"),
        paint("no  ", "33"),
    );
    let mark = |good: bool, needed: bool| match (good, needed) {
        (true, _) => &yes,
        (false, true) => &no,
        (false, false) => &weak,
    };
    writeln!(out, "{}", paint("Kernel", "1"))?;
    writeln!(
        out,
        "  release {} on {}",
        report.kernel, report.architecture
    )?;
    match report.types {
        Some(bytes) => writeln!(out, "  {yes} tells its types (BTF, {} KiB)", bytes >> 10)?,
        None => writeln!(
            out,
            "  {no} does not tell its types: it must be built with CONFIG_DEBUG_INFO_BTF=y"
        )?,
    }
    if let Some(lockdown) = &report.lockdown {
        writeln!(out, "       lockdown: {lockdown}")?;
    }
    writeln!(out, "{}", paint("Capabilities of this process", "1"))?;
    for capability in &report.capabilities {
        let note = match (capability.is_held, capability.is_needed) {
            (true, _) => "",
            (false, true) => ": needed, run as root",
            (false, false) => ": some details are missed without it",
        };
        let mark = mark(capability.is_held, capability.is_needed);
        writeln!(out, "  {mark} {}{note}", capability.name)?;
    }
    writeln!(out, "{}", paint("Places in the kernel", "1"))?;
    for place in &report.places {
        let note = if place.is_offered {
            String::new()
        } else {
            format!(": without it {}", place.missed)
        };
        let mark = mark(place.is_offered, place.is_needed);
        writeln!(out, "  {mark} {}{note}", place.name)?;
    }
    writeln!(out, "{}", paint("In all", "1"))?;
    match &report.obstacle {
        None => writeln!(out, "  {yes} this machine can be watched: `sysflow run`"),
        Some(obstacle) => writeln!(
            out,
            "  {no} this machine cannot be watched: {obstacle}\n       recordings and captures can be \
             judged all the same: `sysflow run --source FILE`"
        ),
    }
}

fn as_json(report: &Report) -> serde_json::Value {
    let capabilities = report.capabilities.iter().map(|capability| {
        json!({
            "name": capability.name,
            "held": capability.is_held,
            "needed": capability.is_needed,
        })
    });
    let places = report.places.iter().map(|place| {
        json!({
            "place": place.name,
            "offered": place.is_offered,
            "needed": place.is_needed,
            "missed": if place.is_offered { None } else { Some(place.missed) },
        })
    });
    json!({
        "kernel": report.kernel,
        "architecture": report.architecture,
        "btf_bytes": report.types,
        "lockdown": report.lockdown,
        "unprivileged_bpf_disabled": report.unprivileged_disabled,
        "capabilities": capabilities.collect::<Vec<_>>(),
        "places": places.collect::<Vec<_>>(),
        "obstacle": report.obstacle,
    })
}
