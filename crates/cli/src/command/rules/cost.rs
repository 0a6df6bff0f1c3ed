//! `sysflow rules cost`.

use std::io::{IsTerminal as _, Write as _, stdout};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use sysflow_export::sentence::grouped;
use sysflow_pipeline::costing::{self, Costs, REPEATS};
use sysflow_pipeline::inputs::Input;
use sysflow_pipeline::policies::{Rules, Views};
use sysflow_pipeline::progress::Progress;

use super::Policies;
use super::replay::{Paint, Replay, plain, span, tell_faults, tell_left_out};
use crate::arguments::{ColourChoice, duration};
use crate::output::{Failure, Output};

/// Measure what each rule costs on a source
///
/// The source is read several times and not kept in memory. The first time warms up and counts. Then all rules judge
/// together as in `sysflow run`, in turn with passes in which each rule is asked alone, 8 times in a row, of the
/// observations that the index leaves to it; the time of the clock itself is subtracted, and of up to five passes the
/// medians are told. Alone, a rule finds its data warm and shares nothing; together, equal checks are made once. So the
/// shares compare rules, and the last line tells what they take. Times are of this machine and its load now.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    policies: Policies,

    #[command(flatten)]
    replay: Replay,

    /// Only the dearest N rules
    #[arg(long, value_name = "N")]
    top: Option<usize>,

    /// Begin no more passes after this time
    #[arg(long, default_value = "10s", value_parser = duration, value_name = "TIME")]
    budget: Duration,

    /// JSON for machines
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments, colour: ColourChoice) -> Result<ExitCode, Failure> {
    let (inputs, _) = arguments.replay.open()?;
    if inputs.contains(&Input::Stdin) {
        let message = "standard input cannot be read several times: name a file";
        return Err(anyhow::anyhow!(message).into());
    }
    let options = arguments.policies.loading.options()?;
    let rules = Rules::load(arguments.policies.read()?, &options, Views::of(&inputs));
    tell_left_out(&rules, "", colour);
    if rules.running() == 0 {
        return Err(anyhow::anyhow!("no rule can run on this source").into());
    }
    let total = inputs.iter().map(Input::size).sum::<Option<u64>>();
    let progress = || Progress::new(total, arguments.replay.has_progress());
    let costs = costing::measure(
        &inputs,
        &arguments.replay.options(),
        &rules,
        arguments.budget,
        progress,
    );
    let mut out = Output::to(None)?;
    if arguments.json {
        writeln!(out.buffer, "{}", as_json(&costs, arguments.top))?;
    } else {
        let paint = Paint(colour.wanted(stdout().is_terminal()));
        tell(&costs, arguments.top, paint, &mut out.buffer)?;
    }
    out.flush()?;
    Ok(if tell_faults(&costs.faults, colour) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 {
        100.0 * part / whole
    } else {
        0.0
    }
}

fn tell(costs: &Costs, top: Option<usize>, paint: Paint, out: &mut Vec<u8>) -> std::io::Result<()> {
    let alone = costs.alone();
    let head = format!(
        "{:>7}  {:>9}  {:>9}  {:>11}  {:>6}  {:>12}  {:>11}  {:<7}  rule",
        "share", "ns/seen", "ns/asked", "asked", "of all", "checks", "matches", "view"
    );
    writeln!(out, "{}", paint.text(&head, "1"))?;
    for rule in costs.rules.iter().take(top.unwrap_or(usize::MAX)) {
        writeln!(
            out,
            "{:>6.1}%  {:>9.1}  {:>9.1}  {:>11}  {:>5.1}%  {:>12}  {:>11}  {:<7}  {}",
            percent(rule.time, alone),
            rule.time_seen(),
            rule.time_asked(),
            grouped(rule.asked),
            percent(rule.asked as f64, rule.seen as f64),
            grouped(rule.checks),
            grouped(rule.matches),
            rule.view,
            plain(&rule.rule),
        )?;
    }
    let each = |time: f64| time / costs.seen.max(1) as f64;
    let rules = costs.rules.len();
    writeln!(
        out,
        "{rules} rules, {} observations ({} dropped before the rules): together {}, {:.1} ns for each observation; \
         each alone {} in all, {:.1} ns",
        grouped(costs.seen),
        grouped(costs.dropped),
        span(costs.together),
        each(costs.together),
        span(alone),
        each(alone),
    )?;
    let passes = match costs.passes {
        1 => "one pass".to_owned(),
        passes => format!("the medians of {passes} passes"),
    };
    let measured = format!(
        "Measured after a warm-up, {passes} of each kind. Shares are of the sum of all rules alone ({REPEATS} times in a \
         row, data warm); together, equal checks are made once, and looking up \
         which rules are to be asked and remembering earlier observations count too."
    );
    writeln!(out, "{}", paint.text(&measured, "2"))
}

fn as_json(costs: &Costs, top: Option<usize>) -> Value {
    let alone = costs.alone();
    let rules = costs.rules.iter().take(top.unwrap_or(usize::MAX));
    let rules = rules.map(|rule| {
        json!({
            "rule": rule.rule,
            "view": rule.view,
            "seen": rule.seen,
            "asked": rule.asked,
            "checks": rule.checks,
            "matches": rule.matches,
            "ns": rule.time,
            "ns_per_asked": rule.time_asked(),
            "ns_per_seen": rule.time_seen(),
            "share": percent(rule.time, alone) / 100.0,
        })
    });
    json!({
        "rules": rules.collect::<Vec<_>>(),
        "observations": costs.seen,
        "dropped": costs.dropped,
        "together_ns": costs.together,
        "together_ns_per_observation": costs.together / costs.seen.max(1) as f64,
        "alone_ns": alone,
        "passes": costs.passes,
        "repeats": REPEATS,
    })
}
