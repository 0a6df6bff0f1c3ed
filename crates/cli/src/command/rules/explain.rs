//! `sysflow rules explain`.

use std::io::{IsTerminal as _, Write as _, stdout};
use std::process::ExitCode;

use clap::Args;
use sysflow_pipeline::explaining::{self, Choice, Explainer, Filter};
use sysflow_pipeline::policies::{Rules, Views};
use sysflow_pipeline::stream;
use sysflow_policy::{LoadOptions, Selection, Selector};

use super::replay::{Paint, Replay, tell_faults};
use super::{Policies, ViewName};
use crate::arguments::{self, ColourChoice};
use crate::output::{Failure, Output};

mod json;
mod text;

/// Tell why a rule fires, or why it does not
///
/// For an observation each part of the condition is told: ✓ true, ✗ false, - not needed, and what the fields had to
/// say. Without --filter or --event that is the first observation that matches, else the one that came closest. Of a
/// rule over several observations it is told how often each step was taken and how far the rule came.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sysflow rules explain 'Dropped program' -p policies/ -s trace.scap
  sysflow rules explain 'Dropped program' -p policies/ -s trace.scap --event 4711
  sysflow rules explain 'Dropped program' -p policies/ -s trace.sf -f 'sf.proc.pid = 4722'

Exit codes: 0 told, 1 part of the source could not be read, or no observation was chosen, 2 could not start.")]
pub struct Arguments {
    /// The name of the rule
    rule: String,

    #[command(flatten)]
    policies: Policies,

    #[command(flatten)]
    replay: Replay,

    /// Explain the observations of which this condition is true
    #[arg(short, long, value_name = "CONDITION", conflicts_with = "event")]
    filter: Option<String>,

    /// Explain the operation with this number (evt.num), or the record at this place among events and flows
    #[arg(short, long, value_name = "N")]
    event: Option<u64>,

    /// With --filter: at most so many
    #[arg(long, default_value_t = 5, value_name = "N")]
    most: usize,

    /// What the rule is asked of
    #[arg(long, value_enum, value_name = "VIEW")]
    view: Option<ViewName>,

    /// JSON for machines
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments, colour: ColourChoice) -> Result<ExitCode, Failure> {
    let (inputs, progress) = arguments.replay.open()?;
    let views = match (arguments.view, Views::of(&inputs)) {
        (None, views) => views,
        (Some(ViewName::Events), Views::Records) => {
            let message = "recordings hold records alone: operations are in captures (.scap)";
            return Err(anyhow::anyhow!(message).into());
        }
        (Some(wanted), _) => wanted.into(),
    };
    let options = LoadOptions {
        explain: true,
        ..arguments.policies.loading.options()?
    };
    let (name, rules) = load(arguments, options, views)?;
    let is_on_events = Explainer::is_on_events(&rules, &name) == Some(true);
    let choice = match (&arguments.filter, arguments.event) {
        (Some(text), _) => {
            let filter = if is_on_events {
                Filter::Events(arguments::parse(text, colour)?)
            } else {
                Filter::Records(arguments::parse(text, colour)?)
            };
            Choice::Filter(filter, arguments.most)
        }
        (None, Some(number)) => Choice::Number(number),
        (None, None) => Choice::Nearest,
    };
    let is_chosen = !matches!(choice, Choice::Nearest);
    let Some(mut explainer) = Explainer::new(&rules, &name, choice) else {
        return Err(anyhow::anyhow!("the rule `{name}` does not run").into());
    };
    stream::read(
        &inputs,
        arguments.replay.options(),
        &progress,
        &mut explainer,
    );
    let answer = explainer.finish();
    let mut out = Output::to(None)?;
    if arguments.json {
        writeln!(out.buffer, "{}", json::answer(&answer))?;
    } else {
        let paint = Paint(colour.wanted(stdout().is_terminal()));
        text::answer(&answer, is_chosen, paint, &mut out.buffer)?;
    }
    out.flush()?;
    let is_faulty = tell_faults(&answer.faults, colour);
    Ok(if is_faulty || is_chosen && answer.explained.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The rules with only the wanted one running, and its name as it is written.
fn load(
    arguments: &Arguments,
    mut options: LoadOptions,
    views: Views,
) -> anyhow::Result<(String, Rules)> {
    // A rule that its file switches off can be explained all the same.
    options.selection.push(Selection {
        enable: true,
        rules: Selector::Name(arguments.rule.clone()),
    });
    let mut rules = Rules::load(arguments.policies.read()?, &options, views);
    let wanted = &arguments.rule;
    let coverage = rules.coverage();
    let names = || coverage.iter().map(|covered| covered.name.as_str());
    let same_letters = |name: &&str| name.to_lowercase() == wanted.to_lowercase();
    let Some(name) = names()
        .find(|name| name == wanted)
        .or_else(|| names().find(same_letters))
    else {
        anyhow::bail!(
            "there is no rule `{wanted}`{}",
            policy_advice(wanted, names())
        );
    };
    if let Some(left_out) = rules.left_out.iter().find(|rule| rule.name == name) {
        anyhow::bail!(
            "the rule `{name}` cannot run on this source: {}",
            left_out.told()
        );
    }
    let name = name.to_owned();
    explaining::only(&mut rules.records, &name);
    explaining::only(&mut rules.events, &name);
    Ok((name, rules))
}

/// The names that hold a word of what was asked for.
fn policy_advice<'n>(wanted: &str, names: impl Iterator<Item = &'n str>) -> String {
    let lower = wanted.to_lowercase();
    let words: Vec<&str> = lower
        .split_whitespace()
        .filter(|word| word.len() > 3)
        .collect();
    let mut scored: Vec<(usize, &str)> = names
        .map(|name| {
            let known = name.to_lowercase();
            let shared = words.iter().filter(|word| known.contains(**word)).count();
            (shared, name)
        })
        .filter(|(shared, _)| *shared > 0)
        .collect();
    scored.sort_by_key(|(shared, _)| std::cmp::Reverse(*shared));
    let near: Vec<String> = scored
        .iter()
        .take(3)
        .map(|(_, name)| format!("`{name}`"))
        .collect();
    if near.is_empty() {
        "; `sysflow rules list` tells which there are".to_owned()
    } else {
        format!(": did you mean {}?", near.join(" or "))
    }
}
