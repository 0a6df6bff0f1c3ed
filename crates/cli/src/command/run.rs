//! `sysflow run`.

mod folding;
mod judge;
#[cfg(feature = "live")]
mod live;
mod summary;

use std::io::{IsTerminal, stderr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use sysflow_export::alert::TextEncoder;
use sysflow_pipeline::inputs::Input;
use sysflow_pipeline::policies::{self, Rules, Views};
use sysflow_pipeline::stream;
use sysflow_policy::{Code, LoadOptions, Priority, Severity};

use self::judge::{Form, Judge};
#[cfg(feature = "live")]
use super::live::Watching;
use crate::arguments::{Capturing, ColourChoice, Reading, SigmaConfig};
use crate::built_in;
use crate::output::{self, Failure, Output};

/// Judge what happens and tell of it.
///
/// Without --source this machine is watched, as root. Alerts are printed as they happen; repeats of one rule for one program and target are folded. A summary
/// follows at the end, on standard error.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Recordings or captures: files, directories, or - for standard input; without this, this machine
    #[arg(short, long, num_args = 1.., value_name = "FILE")]
    source: Vec<PathBuf>,

    /// Rule files, or directories that hold some at any depth; without this, the built-in rules
    #[arg(short, long, num_args = 1.., value_name = "PATH")]
    policies: Vec<PathBuf>,

    #[command(flatten)]
    sigma: SigmaConfig,

    #[command(flatten)]
    reading: Reading,

    #[cfg(feature = "live")]
    #[command(flatten)]
    watching: Watching,

    #[command(flatten)]
    capturing: Capturing,

    /// What rules are asked of: records, operations, or each rule what answers it. Recordings hold records
    /// alone
    #[arg(long, value_enum, default_value_t, value_name = "VIEW")]
    view: ViewName,

    /// Only alerts of this priority or a more severe one
    #[arg(long, default_value = "debug", value_parser = priority, value_name = "PRIORITY")]
    priority: Priority,

    /// Alerts as Falco's JSON, one object a line, none folded
    #[arg(long)]
    json: bool,

    /// Print every alert: fold no repeats
    #[arg(long)]
    all: bool,

    /// Do not start when a rule has an error; otherwise that rule is left out and the rest runs
    #[arg(long)]
    strict: bool,

    /// No summary
    #[arg(short, long)]
    quiet: bool,
}

/// What rules are asked of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ViewName {
    /// Operations where they answer all fields of the rule, else the records that they become
    #[default]
    Auto,
    /// Records
    Records,
    /// Operations
    Events,
}

fn priority(word: &str) -> Result<Priority, String> {
    let known = "emergency, alert, critical, error, warning, notice, informational and debug";
    Priority::parse(word).ok_or_else(|| format!("priorities are {known}"))
}

/// Runs the command.
pub fn run(arguments: &Arguments, colour: ColourChoice) -> Result<ExitCode, Failure> {
    if arguments.source.is_empty() {
        return live(arguments, colour);
    }
    let (inputs, progress) = arguments.reading.open(&arguments.source)?;
    let views = views(arguments.view, &inputs);
    let rules = load_rules(&arguments.policies, &arguments.sigma.options()?, views)?;
    let mut judge = judge(arguments, rules, views, ProgressBar::hidden(), colour)?;
    let started = Instant::now();
    let options = arguments.reading.options(false, &arguments.capturing);
    let (tally, stopped) = stream::read(&inputs, options, &progress, &mut judge);
    if let Some(error) = stopped {
        return Err(error.into());
    }
    judge.tell_forgotten();
    let (summary, folded) = judge.finish()?;
    if !arguments.quiet {
        let styled = colour.wanted(stderr().is_terminal());
        let text = summary.describe(&tally, folded, started.elapsed(), &[], styled);
        eprint!("{text}");
    }
    Ok(if tally.faults > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// A judge by rules of which enough can run.
fn judge(
    arguments: &Arguments,
    rules: Rules,
    views: Views,
    bar: ProgressBar,
    colour: ColourChoice,
) -> Result<Judge, Failure> {
    tell_problems(&rules, colour);
    if arguments.strict && errors(&rules) > 0 {
        return Err(anyhow::anyhow!("not started, since rules have errors").into());
    }
    if rules.running() == 0 {
        return Err(anyhow::anyhow!("not started, since no rule can run").into());
    }
    let styled = colour.wanted(output::width().is_some());
    let options = judge::Options {
        filter: arguments.reading.filter(views, colour)?,
        least: arguments.priority,
        fold: !arguments.json && !arguments.all,
        form: if arguments.json {
            Form::Json(output::host_name())
        } else {
            Form::Text(TextEncoder::new(styled))
        },
        out: Output::to(None)?,
        bar,
        colour,
    };
    Ok(Judge::new(rules, options))
}

/// Problems that keep rules from running.
fn errors(rules: &Rules) -> usize {
    rules.problems.errors() + rules.torn.len()
}

#[cfg(not(feature = "live"))]
fn live(_: &Arguments, _: ColourChoice) -> Result<ExitCode, Failure> {
    let what = "this sysflow was built without live capture: name what to judge with --source";
    Err(anyhow::anyhow!(what).into())
}

#[cfg(feature = "live")]
use self::live::live;

/// What rules can be asked of.
fn views(wanted: ViewName, inputs: &[Input]) -> Views {
    let recording = |input: &Input| matches!(input, Input::File(_)) && !input.is_capture();
    match wanted {
        ViewName::Records => Views::Records,
        ViewName::Events => Views::Events,
        ViewName::Auto if inputs.iter().all(recording) => Views::Records,
        ViewName::Auto => Views::Both,
    }
}

fn load_rules(paths: &[PathBuf], options: &LoadOptions, views: Views) -> anyhow::Result<Rules> {
    let files = if paths.is_empty() {
        built_in::files()
    } else {
        policies::read_files(paths).context("cannot load rules")?
    };
    Ok(Rules::load(files, options, views))
}

/// Tells in a line each why a rule does not run; `rules check` shows the place. Rules that only another source
/// could answer are counted: it is no fault of theirs.
fn tell_problems(rules: &Rules, colour: ColourChoice) {
    let problems = &rules.problems;
    if errors(rules) == 0 {
        return;
    }
    let errors = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error);
    let (foreign, faults): (Vec<_>, Vec<_>) =
        errors.partition(|problem| problem.code == Code::ForeignField);
    for problem in &faults {
        let (start, _) = problems.positions(problem.span());
        let file = problems.file_name(problem.span());
        let details: Vec<&str> = problem
            .notes
            .iter()
            .chain(&problem.help)
            .map(String::as_str)
            .collect();
        let details = if details.is_empty() {
            String::new()
        } else {
            format!(" ({})", details.join("; "))
        };
        let message = &problem.message;
        output::error(
            &format!("{file}:{}:{}: {message}{details}", start.line, start.column),
            colour,
        );
    }
    for rule in &rules.torn {
        let (file, place, name) = (&rule.file, rule.position, &rule.name);
        let (line, column) = (place.line, place.column);
        let message = format!(
            "{file}:{line}:{column}: rule `{name}` asks for fields of operations and of records at once \
             (`--view events` and `--view records` show which)"
        );
        output::error(&message, colour);
    }
    let (running, all) = (rules.running(), rules.count);
    if faults.is_empty() && rules.torn.is_empty() {
        let reason = foreign.first().map_or("", |problem| &problem.message);
        let reason = reason.trim_start_matches("cannot run on this source: ");
        let message = format!("{running} of {all} rules run on this source ({reason})");
        output::note(&message, colour);
        return;
    }
    let advice = "`sysflow rules check` shows where, `--strict` refuses to start";
    output::warning(&format!("{running} of {all} rules run; {advice}"), colour);
}
