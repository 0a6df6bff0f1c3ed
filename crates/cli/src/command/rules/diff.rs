//! `sysflow rules diff`.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use sysflow_pipeline::comparing::{Change, Comparison, Difference, view_of};
use sysflow_pipeline::policies::{Rules, Views};
use sysflow_pipeline::stream;

use super::read;
use super::replay::{Paint, Replay, count, plain, tell_faults, tell_left_out, time};
use crate::arguments::{ColourChoice, RuleLoading};
use crate::output::{Failure, Output};

/// Tell which alerts a change of rules gains and loses
///
/// Both judge the same source, observation by observation. An alert of a rule of the same name that has other words
/// or another priority has changed; a rule with another name is lost and gained. The exit code is 0 when all alerts are
/// the same, 1 when they differ, and 2 when the comparison could not start or the source could not be read as a whole.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The rules before: a file, or a directory
    #[arg(value_name = "OLD")]
    old: PathBuf,

    /// The rules after
    #[arg(value_name = "NEW")]
    new: PathBuf,

    #[command(flatten)]
    loading: RuleLoading,

    #[command(flatten)]
    replay: Replay,

    /// How many alerts are shown of each rule and difference
    #[arg(long, default_value_t = 3, value_name = "N")]
    show: usize,

    /// JSON for machines
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments, colour: ColourChoice) -> Result<ExitCode, Failure> {
    let (inputs, progress) = arguments.replay.open()?;
    let options = arguments.loading.options()?;
    let views = Views::of(&inputs);
    let load = |path: &PathBuf| -> anyhow::Result<Rules> {
        let files = read(std::slice::from_ref(path))?;
        Ok(Rules::load(files, &options, views))
    };
    let (old, new) = (load(&arguments.old)?, load(&arguments.new)?);
    tell_left_out(&old, "old ", colour);
    tell_left_out(&new, "new ", colour);
    let mut comparison = Comparison::new(&old, &new, arguments.show);
    let (tally, _) = stream::read(
        &inputs,
        arguments.replay.options(),
        &progress,
        &mut comparison,
    );
    let (changes, faults) = comparison.finish();
    let mut out = Output::to(None)?;
    let views = |rule: &str| (view_of(&old, rule), view_of(&new, rule));
    if arguments.json {
        writeln!(out.buffer, "{}", as_json(&changes, &views))?;
    } else {
        let paint = Paint(colour.wanted(stdout().is_terminal()));
        tell(&changes, &views, paint, &mut out.buffer)?;
    }
    out.flush()?;
    tell_faults(&faults, colour);
    Ok(if tally.faults > 0 {
        ExitCode::from(2)
    } else if changes.values().all(Change::is_none) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// On which view a rule runs, before and after.
type ViewsOf<'v> = &'v dyn Fn(&str) -> (Option<&'static str>, Option<&'static str>);

fn sums(changes: &BTreeMap<String, Change>) -> [u64; 5] {
    let sum = |of: fn(&Change) -> u64| changes.values().map(of).sum();
    [
        sum(|change| change.old),
        sum(|change| change.new),
        sum(|change| change.gained),
        sum(|change| change.lost),
        sum(|change| change.changed),
    ]
}

fn tell(
    changes: &BTreeMap<String, Change>,
    views: ViewsOf<'_>,
    paint: Paint,
    out: &mut Vec<u8>,
) -> std::io::Result<()> {
    for (rule, change) in changes.iter().filter(|(_, change)| !change.is_none()) {
        let mut parts = Vec::new();
        for (number, word, code) in [
            (change.gained, "gained", "32"),
            (change.lost, "lost", "31"),
            (change.changed, "changed", "33"),
        ] {
            if number > 0 {
                parts.push(paint.text(&format!("{number} {word}"), code));
            }
        }
        let (old, new) = (change.old, change.new);
        let moved = match views(rule) {
            (None, _) => ", not in the old rules".to_owned(),
            (_, None) => ", not in the new rules".to_owned(),
            (Some(before), Some(after)) if before != after => {
                format!(", asked of {before} before and of {after} now")
            }
            _ => String::new(),
        };
        let parts = parts.join(", ");
        let name = paint.text(&plain(rule), "1");
        writeln!(out, "{name}: {parts} ({old} before, {new} now{moved})")?;
        for example in &change.examples {
            let (mark, code) = match example.difference {
                Difference::Gained => ("+", "32"),
                Difference::Lost => ("-", "31"),
                Difference::Changed => ("~", "33"),
            };
            let (mark, when) = (paint.text(mark, code), time(example.time));
            if let Some(before) = &example.before {
                writeln!(out, "  {mark} {when}  {}", plain(before))?;
                writeln!(out, "    now: {}", plain(&example.output))?;
            } else {
                writeln!(out, "  {mark} {when}  {}", plain(&example.output))?;
            }
        }
    }
    let [old, new, gained, lost, different] = sums(changes);
    if gained + lost + different == 0 {
        return writeln!(out, "no difference: {} each", count(old, "alert"));
    }
    writeln!(
        out,
        "{} before, {} now: {gained} gained, {lost} lost, {different} changed",
        count(old, "alert"),
        count(new, "alert"),
    )
}

fn as_json(changes: &BTreeMap<String, Change>, views: ViewsOf<'_>) -> Value {
    let rules = changes.iter().map(|(rule, change)| {
        let examples = change.examples.iter().map(|example| {
            json!({
                "difference": match example.difference {
                    Difference::Gained => "gained",
                    Difference::Lost => "lost",
                    Difference::Changed => "changed",
                },
                "time": time(example.time),
                "output": example.output,
                "before": example.before,
            })
        });
        let (before, after) = views(rule);
        json!({
            "rule": rule,
            "old": change.old,
            "new": change.new,
            "gained": change.gained,
            "lost": change.lost,
            "changed": change.changed,
            "old_view": before,
            "new_view": after,
            "examples": examples.collect::<Vec<_>>(),
        })
    });
    let [old, new, gained, lost, different] = sums(changes);
    json!({
        "rules": rules.collect::<Vec<_>>(),
        "old": old,
        "new": new,
        "gained": gained,
        "lost": lost,
        "changed": different,
    })
}
