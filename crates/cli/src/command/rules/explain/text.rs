//! An explanation for people.

use std::io::{self, Write};

use sysflow_export::sentence::grouped;
use sysflow_pipeline::explaining::{Answer, Explained, Seen, Several, StepStory, Verdict};
use sysflow_policy::Explanation;
use sysflow_policy::stateful::{Earlier, Outline, Pattern};

use crate::command::rules::replay::{Paint, count, plain, span, time};

/// Tells all that was found out. `is_chosen` says that the user chose the observations.
pub fn answer(answer: &Answer, is_chosen: bool, paint: Paint, out: &mut Vec<u8>) -> io::Result<()> {
    let Answer {
        rule, file, view, ..
    } = answer;
    let line = answer.position.line;
    let name = paint.text(&plain(rule), "1");
    writeln!(out, "{name}  ({file}:{line}, asked of {view})")?;
    let observations = grouped(answer.observations);
    let dropped = match answer.dropped {
        0 => String::new(),
        dropped => format!(" ({} dropped before the rules)", grouped(dropped)),
    };
    for explained in &answer.explained {
        let head = match (is_chosen, explained.verdict) {
            (false, Verdict::Matches) => "the first that matches".to_owned(),
            (false, _) => format!(
                "nothing of {observations} {view}{dropped} matches; this came closest ({:.0}%)",
                100.0 * explained.closeness
            ),
            (true, Verdict::Matches) if answer.several.is_some() => "takes a step".to_owned(),
            (true, Verdict::Matches) => "matches".to_owned(),
            (true, Verdict::DoesNotMatch) => "does not match".to_owned(),
            (true, Verdict::NotAsked) => {
                "is not asked about this: nothing of this kind can match".to_owned()
            }
            (true, Verdict::Dropped) => "does not see this: a drop rule discards it".to_owned(),
        };
        let colour = if explained.verdict == Verdict::Matches {
            "32"
        } else {
            "33"
        };
        writeln!(out, "{}", paint.text(&head, colour))?;
        one(explained, &answer.condition, paint, out)?;
    }
    if let Some(told) = &answer.several {
        several(told, observations.as_str(), view, paint, out)?;
    } else if answer.explained.is_empty() {
        let what = if is_chosen {
            "is the one that was asked for"
        } else {
            "meets any part of its condition"
        };
        writeln!(out, "nothing of {observations} {view}{dropped} {what}")?;
    }
    Ok(())
}

fn one(explained: &Explained, condition: &str, paint: Paint, out: &mut Vec<u8>) -> io::Result<()> {
    writeln!(out, "  {}", happened(&explained.seen))?;
    if let Some(explanation) = &explained.explanation {
        return tree(explanation, 4, paint, out);
    }
    writeln!(out, "    the parts of this rule cannot be told apart:")?;
    for line in condition.lines() {
        writeln!(out, "      {}", plain(line))?;
    }
    Ok(())
}

fn happened(seen: &Seen) -> String {
    let (number, when) = (seen.number, time(seen.time));
    format!("#{number}  {when}  {}", plain(&seen.sentence))
}

/// The tree of an explanation, each line painted by its mark.
fn tree(
    explanation: &Explanation,
    indent: usize,
    paint: Paint,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    for line in explanation.to_string().lines() {
        let line = plain(line);
        let code = match line.trim_start().chars().next() {
            Some('✓') => "32",
            Some('✗') => "31",
            _ => "2",
        };
        writeln!(out, "{:indent$}{}", "", paint.text(&line, code))?;
    }
    Ok(())
}

/// What becomes of a rule over several observations.
fn several(
    told: &Several,
    observations: &str,
    view: &str,
    paint: Paint,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    writeln!(out, "asks for {}", asked(&told.outline))?;
    let colour = if told.fired > 0 { "32" } else { "33" };
    let fired = match told.fired {
        0 => format!("did not fire on {observations} {view}"),
        1 => format!("fired once on {observations} {view}"),
        fired => format!("fired {} times on {observations} {view}", grouped(fired)),
    };
    writeln!(out, "{}", paint.text(&fired, colour))?;
    for alert in &told.alerts {
        let led = alert
            .led
            .map_or_else(String::new, |led| format!(" ({led})"));
        writeln!(out, "  {}{led}", happened(&alert.seen))?;
    }
    if let Some(state) = told.state.filter(|state| state.folded + state.evicted > 0) {
        let (folded, evicted) = (grouped(state.folded), grouped(state.evicted));
        writeln!(
            out,
            "  {folded} more alerts were folded by its throttle, {evicted} keys forgotten for want of room"
        )?;
    }
    for (place, step) in told.steps.iter().enumerate() {
        story(place, step, told, paint, out)?;
    }
    if told.fired == 0 {
        missing(told, out)?;
    }
    Ok(())
}

/// What an outline asks for, in words.
fn asked(outline: &Outline) -> String {
    let steps = outline.steps.len();
    let within = |time: i64| span_of(time);
    let mut text = match outline.pattern {
        Pattern::Each => "each observation".to_owned(),
        Pattern::Count {
            needed,
            within: time,
        } => {
            let mut counted = outline.steps.iter().map(|step| &step.distinct);
            let what = match counted.find(|fields| !fields.is_empty()) {
                Some(fields) => format!("different values of {}", fields.join(" and ")),
                None => "observations".to_owned(),
            };
            format!("{needed} {what} within {}", within(time))
        }
        Pattern::Sequence {
            within: time,
            lineage,
        } => {
            let lineage = if lineage {
                ", by a process and its descendants"
            } else {
                ""
            };
            let time = time.map_or_else(String::new, |time| format!(" within {}", within(time)));
            format!("{steps} steps in this order{time}{lineage}")
        }
        Pattern::Together {
            needed,
            within: time,
        } => {
            format!(
                "{needed} of {steps} steps in any order within {}",
                within(time)
            )
        }
    };
    if let Some(step) = outline.steps.iter().find(|step| !step.by.is_empty()) {
        text = format!("{text}, with the same {}", step.by.join(", "));
    }
    if let Some((per, every)) = &outline.throttle {
        text = format!("{text}; then silence for {}", within(*every));
        if !per.is_empty() {
            text = format!("{text} per {}", per.join(", "));
        }
    }
    text
}

fn span_of(nanoseconds: i64) -> String {
    span(nanoseconds as f64)
}

fn story(
    place: usize,
    step: &StepStory,
    told: &Several,
    paint: Paint,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let name = if told.steps.len() == 1 {
        "its condition".to_owned()
    } else {
        format!("step {}", place + 1)
    };
    let Some(first) = &step.first else {
        writeln!(out, "{}", paint.text(&format!("{name}: never true"), "31"))?;
        if let Some((seen, explanation)) = &step.closest {
            writeln!(out, "  closest was {}", happened(seen))?;
            tree(explanation, 4, paint, out)?;
        }
        return Ok(());
    };
    let keys = match told.outline.steps.get(place).map(|step| &step.by) {
        Some(by) if !by.is_empty() => {
            format!(", with {} of {}", count(step.keys, "value"), by.join(", "))
        }
        _ => String::new(),
    };
    let times = count(step.taken, "time");
    writeln!(
        out,
        "{}",
        paint.text(&format!("{name}: true {times}{keys}"), "32")
    )?;
    writeln!(out, "  first {}", happened(first))?;
    if step.without_key > 0 {
        writeln!(
            out,
            "  {} of these do not count: a field of the key has no value there",
            grouped(step.without_key)
        )?;
    }
    Ok(())
}

/// How far it came, and what was missing.
fn missing(told: &Several, out: &mut Vec<u8>) -> io::Result<()> {
    let Some(furthest) = &told.furthest else {
        return Ok(());
    };
    let progress = &furthest.progress;
    let (reached, needed) = (progress.reached, progress.needed);
    let what = match told.outline.pattern {
        Pattern::Each | Pattern::Count { .. } => format!("{reached} of {needed} were there"),
        Pattern::Sequence { .. } => {
            format!(
                "step {reached} of {needed} was reached, step {} is missing",
                reached + 1
            )
        }
        Pattern::Together { .. } => format!("{reached} of {needed} steps were there"),
    };
    writeln!(out, "furthest: {what}")?;
    for earlier in &progress.observations {
        let mut line = String::new();
        if told.steps.len() > 1 {
            line = format!("step {}  ", earlier.step + 1);
        }
        writeln!(
            out,
            "  {line}{}  {}",
            time(earlier.time),
            key(earlier, &told.outline)
        )?;
    }
    writeln!(out, "  the last was {}", happened(&furthest.seen))
}

/// The values of a key beside its fields.
pub fn key(earlier: &Earlier, outline: &Outline) -> String {
    let Some(step) = outline.steps.get(earlier.step as usize) else {
        return String::new();
    };
    let fields = step.by.iter().chain(&step.distinct);
    let pairs = fields.zip(&earlier.values).map(|(field, value)| {
        let value = String::from_utf8_lossy(value);
        format!("{field} = {}", plain(&value))
    });
    pairs.collect::<Vec<_>>().join(", ")
}
