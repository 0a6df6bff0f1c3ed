//! Why a rule did not fire: which parts of its condition were false where most of them were true.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::ops::ControlFlow;

use sysflow_collect::EventView;
use sysflow_export::observation::Observation;
use sysflow_field::View;
use sysflow_policy::{Evaluator, LoadOptions, Rule, RuleSet, SourceFile};
use sysflow_record::entity::Joined;

use super::{Test, TestFile, play};
use crate::policies::Rules;
use crate::stream::{Fault, Sink};

/// Names of the rules that stand for parts begin so.
const PART: &str = "\u{1}part ";

/// Why a rule did not fire, in words; `None` where its condition has no parts that could be told apart.
pub(super) fn why_silent(
    files: &[SourceFile],
    rules: &Rules,
    file: &TestFile,
    test: &Test,
    name: &str,
) -> Option<String> {
    let on_events = rules
        .events
        .rules()
        .iter()
        .find(|rule| rule.enabled && rule.name == name);
    if let Some(rule) = on_events {
        let parts = parts(&rule.condition)?;
        let sets = Some(with_parts(files, rule, &parts));
        return closest(file, test, &parts, Parts::new(sets, None));
    }
    let on_records = rules
        .records
        .rules()
        .iter()
        .find(|rule| rule.enabled && rule.name == name)?;
    let parts = parts(&on_records.condition)?;
    let sets = Some(with_parts(files, on_records, &parts));
    closest(file, test, &parts, Parts::new(None, sets))
}

/// The rules with one more for each part of a condition, which so means what it means in the rule.
fn with_parts<V: View>(files: &[SourceFile], rule: &Rule<V>, parts: &[String]) -> RuleSet<V> {
    let mut text = String::new();
    for (index, part) in parts.iter().enumerate() {
        // Texts of JSON are texts of YAML.
        let (name, part) = (
            serde_json::Value::from(format!("{PART}{index}")),
            serde_json::Value::from(part.as_str()),
        );
        let _ = writeln!(
            text,
            "- rule: {name}\n  desc: part\n  condition: {part}\n  output: part\n  priority: DEBUG"
        );
    }
    let mut files = files.to_vec();
    files.push(SourceFile {
        name: "parts".to_owned(),
        text,
    });
    let options = LoadOptions {
        dialect: Some(rule.dialect),
        ..LoadOptions::default()
    };
    RuleSet::load(files, &options).0
}

fn closest(file: &TestFile, test: &Test, parts: &[String], mut asked: Parts) -> Option<String> {
    play(file, test, &mut asked).ok()?;
    let Some((what, holds)) = asked.best else {
        return Some("nothing in the story meets any part of its condition".to_owned());
    };
    let missed = parts.iter().zip(&holds).filter(|(_, holds)| !**holds);
    let missed: Vec<String> = missed.map(|(part, _)| format!("`{part}`")).collect();
    let verb = if missed.len() == 1 { "is" } else { "are" };
    Some(format!(
        "closest was `{what}`, where {} {verb} false",
        missed.join(" and ")
    ))
}

/// Asks which parts are true of what happens.
struct Parts {
    events: Option<RuleSet<EventView<'static>>>,
    records: Option<RuleSet<Joined<'static>>>,
    evaluator: Evaluator,
    /// What met most parts, and which.
    best: Option<(String, Vec<bool>)>,
}

impl Parts {
    fn new(
        events: Option<RuleSet<EventView<'static>>>,
        records: Option<RuleSet<Joined<'static>>>,
    ) -> Self {
        Self {
            events,
            records,
            evaluator: Evaluator::new(),
            best: None,
        }
    }
}

fn ask<V: Observation>(
    rules: &RuleSet<V>,
    evaluator: &mut Evaluator,
    view: &V,
    best: &mut Option<(String, Vec<bool>)>,
) {
    let is_part = |rule: &&Rule<V>| rule.name.starts_with(PART);
    let mut holds = vec![false; rules.rules().iter().filter(is_part).count()];
    evaluator.rules(rules, view, |id, _| {
        let name = rules
            .rules()
            .get(id.0 as usize)
            .map(|rule| rule.name.as_str());
        let index = name.and_then(|name| name.strip_prefix(PART)?.parse::<usize>().ok());
        if let Some(held) = index.and_then(|index| holds.get_mut(index)) {
            *held = true;
        }
    });
    let count = |holds: &[bool]| holds.iter().filter(|held| **held).count();
    let before = best.as_ref().map_or(0, |(_, holds)| count(holds));
    if count(&holds) > before {
        let mut sentence = Vec::new();
        view.write_sentence(&mut sentence);
        *best = Some((String::from_utf8_lossy(&sentence).into_owned(), holds));
    }
}

impl Sink for Parts {
    type Stop = Infallible;

    const WANTS_EVENTS: bool = true;

    fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<Infallible> {
        if let Some(rules) = &self.records {
            ask(rules, &mut self.evaluator, joined, &mut self.best);
        }
        ControlFlow::Continue(())
    }

    fn event(&mut self, view: &EventView<'_>) -> ControlFlow<Infallible> {
        if let Some(rules) = &self.events {
            ask(rules, &mut self.evaluator, view, &mut self.best);
        }
        ControlFlow::Continue(())
    }

    fn fault(&mut self, _: &Fault) {}
}

/// The parts of a condition that must all be true; `None` where it is not made of such.
fn parts(condition: &str) -> Option<Vec<String>> {
    let mut parts = vec![String::new()];
    let (mut depth, mut quote) = (0_u32, None);
    let mut word = String::new();
    for character in condition.chars().chain([' ']) {
        let is_inside = depth > 0 || quote.is_some();
        if character.is_whitespace() && !is_inside {
            match word.as_str() {
                "and" => parts.push(String::new()),
                "or" => return None,
                "" => {}
                word => {
                    let part = parts.last_mut()?;
                    if !part.is_empty() {
                        part.push(' ');
                    }
                    part.push_str(word);
                }
            }
            word.clear();
            continue;
        }
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.checked_sub(1)?,
            _ => {}
        }
        word.push(if character.is_whitespace() {
            ' '
        } else {
            character
        });
    }
    let is_whole = depth == 0 && quote.is_none() && parts.iter().all(|part| !part.is_empty());
    (is_whole && parts.len() > 1).then_some(parts)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::parts;

    #[test]
    fn conditions_fall_into_the_parts_that_must_all_hold() {
        let told = parts("a = 1 and not (b in (x, y) or c)\n and d contains \" and \"").unwrap();
        assert_eq!(
            told,
            ["a = 1", "not (b in (x, y) or c)", "d contains \" and \""]
        );
        for whole in ["a = 1", "a = 1 or b = 2 and c = 3", "a and (b", "and", ""] {
            assert_eq!(parts(whole), None, "{whole}");
        }
    }
}
