//! How rules judge what happens in a test: the one place that knows how matches become alerts.

use std::convert::Infallible;
use std::ops::ControlFlow;

use sysflow_collect::EventView;
use sysflow_export::observation::Observation;
use sysflow_field::View;
use sysflow_policy::{Condition, Diagnostics, Dialect, Evaluator, Priority, RuleSet, Severity};
use sysflow_record::entity::Joined;

use super::Expectation;
use crate::judging::{Judgement, Match};
use crate::policies::Rules;
use crate::stream::{Fault, Sink};

/// A rule that fired on something.
#[derive(Clone, Debug)]
pub(super) struct Fired {
    pub(super) rule: String,
    pub(super) priority: Priority,
    /// What it says.
    pub(super) output: String,
    /// For each expectation whether its condition holds.
    pub(super) holds: Vec<bool>,
}

/// The condition of an expectation, on the view that its rule is asked of.
pub(super) enum Where {
    Anything,
    Record(Condition<Joined<'static>>),
    Event(Condition<EventView<'static>>),
}

impl Where {
    /// Compiles it; fails in words.
    pub(super) fn compile(rules: &Rules, expected: &Expectation) -> Result<Self, String> {
        let Some(text) = &expected.condition else {
            return Ok(Self::Anything);
        };
        let mut events = rules.events.rules().iter();
        let on_events = events.any(|rule| rule.enabled && rule.name == expected.rule);
        let compiled = if on_events {
            Condition::parse_in(text, Dialect::Falco).map(Self::Event)
        } else {
            Condition::parse_in(text, Dialect::Falco).map(Self::Record)
        };
        compiled.map_err(|problems| format!("`where: {}`: {}", text.trim(), first(&problems)))
    }
}

fn first(problems: &Diagnostics) -> String {
    let mut errors = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error);
    errors
        .next()
        .map_or_else(String::new, |problem| problem.message.clone())
}

/// Takes what happens and asks the rules.
pub(super) struct Judge<'r> {
    rules: &'r Rules,
    wheres: &'r [Where],
    records: Judgement,
    events: Judgement,
    asking: Evaluator,
    fired: Vec<Fired>,
}

impl<'r> Judge<'r> {
    pub(super) fn new(rules: &'r Rules, wheres: &'r [Where]) -> Self {
        Self {
            rules,
            wheres,
            records: Judgement::new(&rules.records),
            events: Judgement::new(&rules.events),
            asking: Evaluator::new(),
            fired: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> Vec<Fired> {
        self.fired
    }
}

/// What those that fired say. `holds` is asked for only if some did.
fn tell<V: View>(
    rules: &RuleSet<V>,
    matches: &[Match],
    view: &V,
    holds: impl FnOnce() -> Vec<bool>,
    fired: &mut Vec<Fired>,
) {
    if matches.is_empty() {
        return;
    }
    let holds = holds();
    for rule in matches.iter().filter_map(|found| rules.rule(found.rule)) {
        let mut output = String::new();
        if let Some(template) = &rule.output {
            template.render(view, &mut output);
        }
        fired.push(Fired {
            rule: rule.name.clone(),
            priority: rule.priority,
            output,
            holds: holds.clone(),
        });
    }
}

impl Sink for Judge<'_> {
    type Stop = Infallible;

    const WANTS_EVENTS: bool = true;

    fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<Infallible> {
        let Self {
            rules,
            wheres,
            records,
            asking,
            fired,
            ..
        } = self;
        let (_, matches) = records.judge(&rules.records, joined, joined.ts());
        let holds = || {
            let asked = wheres.iter().map(|condition| match condition {
                Where::Anything => true,
                Where::Record(condition) => asking.condition(condition, joined),
                Where::Event(_) => false,
            });
            asked.collect()
        };
        tell(&rules.records, matches, joined, holds, fired);
        ControlFlow::Continue(())
    }

    fn event(&mut self, view: &EventView<'_>) -> ControlFlow<Infallible> {
        let Self {
            rules,
            wheres,
            events,
            asking,
            fired,
            ..
        } = self;
        let (_, matches) = events.judge(&rules.events, view, view.ts());
        let holds = || {
            let asked = wheres.iter().map(|condition| match condition {
                Where::Anything => true,
                Where::Event(condition) => asking.condition(condition, view),
                Where::Record(_) => false,
            });
            asked.collect()
        };
        tell(&rules.events, matches, view, holds, fired);
        ControlFlow::Continue(())
    }

    fn fault(&mut self, _: &Fault) {
        // They are counted.
    }
}
