//! `sysflow run`.

mod folding;
mod summary;

use std::fmt::Write as _;
use std::io::{self, IsTerminal, stderr};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use sysflow_export::alert::{Alert, JsonEncoder, TextEncoder};
use sysflow_field::{Arg, FieldId};
use sysflow_pipeline::policies::{self, RecordRules};
use sysflow_pipeline::stream::{self, Fault, Sink};
use sysflow_policy::stateful::{Correlator, Limits, StatefulAlert, StepId};
use sysflow_policy::{
    Diagnostics, Evaluator, LoadOptions, Outcome, Priority, RuleSet, Severity, SourceFile,
};
use sysflow_record::entity::Joined;

use self::folding::Folding;
use self::summary::Summary;
use crate::arguments::{Capturing, ColourChoice, Filter, Reading, SigmaConfig};
use crate::output::{self, Failure, Output};

/// Judge what happened and tell of it.
///
/// Alerts are printed as they happen; repeats of one rule for one program and target are folded. A summary
/// follows at the end, on standard error.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Recordings or captures: files, directories, or - for standard input
    #[arg(short, long, required = true, num_args = 1.., value_name = "FILE")]
    source: Vec<PathBuf>,

    /// Rule files, or directories that hold some at any depth; without this, the built-in rules
    #[arg(short, long, num_args = 1.., value_name = "PATH")]
    policies: Vec<PathBuf>,

    #[command(flatten)]
    sigma: SigmaConfig,

    #[command(flatten)]
    reading: Reading,

    #[command(flatten)]
    capturing: Capturing,

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

fn priority(word: &str) -> Result<Priority, String> {
    let known = "emergency, alert, critical, error, warning, notice, informational and debug";
    Priority::parse(word).ok_or_else(|| format!("priorities are {known}"))
}

/// The rules that are used when none are named.
const BUILT_IN: &[(&str, &str)] = &[(
    "(built-in) web-intrusion.yaml",
    include_str!("../../../../examples/web-intrusion.yaml"),
)];

/// Runs the command.
pub fn run(arguments: &Arguments, colour: ColourChoice) -> Result<ExitCode, Failure> {
    let (rules, problems) = load_rules(&arguments.policies, &arguments.sigma)?;
    tell_problems(&problems, &rules, colour);
    if arguments.strict && problems.errors() > 0 {
        return Err(anyhow::anyhow!("not started, since rules have errors").into());
    }
    if rules.rules().iter().all(|rule| !rule.enabled) {
        return Err(anyhow::anyhow!("not started, since no rule can run").into());
    }
    let filter = arguments.reading.filter(colour)?;
    let (inputs, progress) = arguments.reading.open(&arguments.source)?;
    let out = Output::to(None)?;
    let styled = colour.wanted(output::width().is_some());
    let printer = if arguments.json {
        Printer::Json(JsonEncoder::new(host_name()))
    } else {
        Printer::Text(TextEncoder::new(styled))
    };
    let fields = rules.rules().iter().map(output_fields).collect();
    let mut judge = Judge {
        folding: Folding::new(!arguments.json && !arguments.all),
        summary: Summary::new(rules.rules()),
        rules: &rules,
        evaluator: Evaluator::new(),
        correlator: Correlator::new(&rules, Limits::default()),
        steps: Vec::new(),
        matches: Vec::new(),
        led: Vec::new(),
        fields,
        filter,
        least: arguments.priority,
        printer,
        out,
        colour,
    };
    let started = Instant::now();
    let options = arguments.reading.options(false, &arguments.capturing);
    let (tally, stopped) = stream::read(&inputs, options, &progress, &mut judge);
    if let Some(error) = stopped {
        return Err(error.into());
    }
    judge.out.flush()?;
    tell_forgotten(&judge.correlator, &rules, colour);
    if !arguments.quiet {
        let styled = colour.wanted(stderr().is_terminal());
        let folded = judge.folding.folded();
        let text = judge
            .summary
            .describe(&tally, folded, started.elapsed(), styled);
        eprint!("{text}");
    }
    Ok(if tally.faults > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn load_rules(
    paths: &[PathBuf],
    sigma: &SigmaConfig,
) -> anyhow::Result<(RecordRules, Diagnostics)> {
    if !paths.is_empty() {
        return policies::load(paths, &sigma.options()?).context("cannot load rules");
    }
    let files = BUILT_IN.iter().map(|(name, text)| SourceFile {
        name: (*name).to_owned(),
        text: (*text).to_owned(),
    });
    Ok(RecordRules::load(files.collect(), &LoadOptions::default()))
}

/// Tells which rules over several records have forgotten some for want of room: they may have missed something.
fn tell_forgotten(correlator: &Correlator, rules: &RecordRules, colour: ColourChoice) {
    for state in correlator.states(rules) {
        let Some(rule) = rules.rule(state.rule).filter(|_| state.evicted > 0) else {
            continue;
        };
        let (name, evicted) = (&rule.name, state.evicted);
        let message = format!("the rule `{name}` had to forget {evicted} keys for want of room");
        output::warning(&message, colour);
    }
}

/// Tells in a line each why a rule does not run; `rules check` shows the place.
fn tell_problems(problems: &Diagnostics, rules: &RecordRules, colour: ColourChoice) {
    if problems.errors() == 0 {
        return;
    }
    for problem in problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
    {
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
    let (loaded, all) = (rules.rules().len(), rules.counts().rules);
    let advice = "`sysflow rules check` shows where, `--strict` refuses to start";
    output::warning(&format!("{loaded} of {all} rules run; {advice}"), colour);
}

/// How many records made an alert, in which time, and how many alerts like it were folded.
fn what_led_to(alert: &StatefulAlert<'_>) -> String {
    let times = || alert.observations.iter().map(|earlier| earlier.time);
    let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
    let span = Duration::from_nanos(last.saturating_sub(first).unsigned_abs());
    let mut led = format!("{} within {span:.1?}", alert.count);
    if alert.folded > 0 {
        let _ = write!(led, ", {} more since the last alert", alert.folded);
    }
    led
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// Fields that the output of a rule names.
fn output_fields(rule: &sysflow_policy::Rule<Joined<'static>>) -> Vec<(String, FieldId, Arg)> {
    let Some(output) = &rule.output else {
        return Vec::new();
    };
    let mut fields: Vec<(String, FieldId, Arg)> = Vec::new();
    for field in output.fields() {
        if !fields.iter().any(|(name, ..)| *name == field.name) {
            fields.push((field.name.clone(), field.field, field.arg.clone()));
        }
    }
    fields
}

enum Printer {
    Json(JsonEncoder),
    Text(TextEncoder),
}

struct Judge<'r> {
    rules: &'r RecordRules,
    evaluator: Evaluator,
    /// The memory of rules over several records.
    correlator: Correlator,
    /// Steps of these that the record in hand takes.
    steps: Vec<StepId>,
    /// What led to the alerts of these, by rule.
    led: Vec<(usize, String)>,
    /// Rules that match the record in hand.
    matches: Vec<usize>,
    /// For each rule the fields that its output names.
    fields: Vec<Vec<(String, FieldId, Arg)>>,
    filter: Filter,
    least: Priority,
    folding: Folding,
    summary: Summary,
    printer: Printer,
    out: Output,
    colour: ColourChoice,
}

impl Sink for Judge<'_> {
    type Stop = io::Error;

    fn wants(&mut self, joined: &Joined<'_>) -> bool {
        self.filter.accepts(joined)
    }

    fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<io::Error> {
        let Self {
            rules,
            evaluator,
            correlator,
            steps,
            led,
            matches,
            ..
        } = self;
        matches.clear();
        led.clear();
        let outcome = evaluator.rules(rules, joined, |id, _| matches.push(id.0 as usize));
        if outcome == Outcome::Dropped {
            self.summary.count_dropped();
            return ControlFlow::Continue(());
        }
        if rules.is_stateful() {
            let rules: &RuleSet<Joined<'_>> = rules;
            steps.clear();
            evaluator.steps(rules, joined, |step| steps.push(step));
            let time = joined.record.ts();
            correlator.observe(rules, joined, time, steps, |alert| {
                let rule = alert.rule.0 as usize;
                matches.push(rule);
                led.push((rule, what_led_to(&alert)));
            });
        }
        if self.matches.is_empty() {
            return ControlFlow::Continue(());
        }
        let matches = std::mem::take(&mut self.matches);
        self.alert(&matches, joined);
        self.matches = matches;
        match self.out.flush() {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn fault(&mut self, fault: &Fault) {
        let _ = self.out.flush();
        output::error(&fault.to_string(), self.colour);
    }
}

impl Judge<'_> {
    /// Tells of the rules that match a record.
    fn alert(&mut self, matches: &[usize], joined: &Joined<'_>) {
        let rules: &sysflow_policy::RuleSet<Joined<'_>> = self.rules;
        let mut shown: Vec<(usize, Option<String>)> = Vec::with_capacity(matches.len());
        for index in matches {
            let rule = &rules.rules()[*index];
            if rule.priority > self.least {
                continue;
            }
            self.summary.count(*index, joined);
            if self.folding.is_new(*index, joined) {
                let mut output = rule.output.as_ref().map(|output| {
                    let mut rendered = String::new();
                    output.render(joined, &mut rendered);
                    rendered
                });
                if let Some((_, led)) = self.led.iter().find(|(rule, _)| rule == index) {
                    output = Some(match output {
                        Some(output) => format!("{output} ({led})"),
                        None => led.clone(),
                    });
                }
                shown.push((*index, output));
            }
        }
        let mut alerts: Vec<Alert<'_>> = Vec::with_capacity(shown.len());
        for (index, output) in &shown {
            let rule = &rules.rules()[*index];
            alerts.push(Alert {
                ts: joined.record.ts(),
                rule: &rule.name,
                priority: rule.priority.name(),
                tags: &rule.tags,
                output: output.as_deref(),
                fields: &self.fields[*index],
                joined,
            });
        }
        match &mut self.printer {
            Printer::Json(encoder) => {
                for alert in &alerts {
                    encoder.write(alert, &mut self.out.buffer);
                }
            }
            Printer::Text(encoder) => encoder.write(&alerts, &mut self.out.buffer),
        }
    }
}
