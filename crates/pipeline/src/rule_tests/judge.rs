//! How rules judge what happens in a test: the one place that knows how matches become alerts.

use std::convert::Infallible;
use std::ops::ControlFlow;

use sysflow_collect::EventView;
use sysflow_field::View;
use sysflow_policy::{Condition, Diagnostics, Dialect, Evaluator, Priority, RuleSet, Severity};
use sysflow_record::entity::Joined;

use super::Expectation;
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
    records: Evaluator,
    events: Evaluator,
    asking: Evaluator,
    matches: Vec<usize>,
    fired: Vec<Fired>,
}

impl<'r> Judge<'r> {
    pub(super) fn new(rules: &'r Rules, wheres: &'r [Where]) -> Self {
        Self {
            rules,
            wheres,
            records: Evaluator::new(),
            events: Evaluator::new(),
            asking: Evaluator::new(),
            matches: Vec::new(),
            fired: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> Vec<Fired> {
        self.fired
    }
}

/// The rules that fire on an observation.
fn judge<V: View>(
    rules: &RuleSet<V>,
    evaluator: &mut Evaluator,
    view: &V,
    matches: &mut Vec<usize>,
) {
    matches.clear();
    evaluator.rules(rules, view, |id, _| matches.push(id.0 as usize));
}

/// What those that fired say.
fn tell<V: View>(
    rules: &RuleSet<V>,
    matches: &[usize],
    view: &V,
    holds: &[bool],
    fired: &mut Vec<Fired>,
) {
    for index in matches {
        let rule = &rules.rules()[*index];
        let mut output = String::new();
        if let Some(template) = &rule.output {
            template.render(view, &mut output);
        }
        fired.push(Fired {
            rule: rule.name.clone(),
            priority: rule.priority,
            output,
            holds: holds.to_vec(),
        });
    }
}

impl Sink for Judge<'_> {
    type Stop = Infallible;

    const WANTS_EVENTS: bool = true;

    fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<Infallible> {
        judge(
            &self.rules.records,
            &mut self.records,
            joined,
            &mut self.matches,
        );
        if !self.matches.is_empty() {
            let asked = self.wheres.iter().map(|condition| match condition {
                Where::Anything => true,
                Where::Record(condition) => self.asking.condition(condition, joined),
                Where::Event(_) => false,
            });
            let holds: Vec<bool> = asked.collect();
            tell(
                &self.rules.records,
                &self.matches,
                joined,
                &holds,
                &mut self.fired,
            );
        }
        ControlFlow::Continue(())
    }

    fn event(&mut self, view: &EventView<'_>) -> ControlFlow<Infallible> {
        judge(
            &self.rules.events,
            &mut self.events,
            view,
            &mut self.matches,
        );
        if !self.matches.is_empty() {
            let asked = self.wheres.iter().map(|condition| match condition {
                Where::Anything => true,
                Where::Event(condition) => self.asking.condition(condition, view),
                Where::Record(_) => false,
            });
            let holds: Vec<bool> = asked.collect();
            tell(
                &self.rules.events,
                &self.matches,
                view,
                &holds,
                &mut self.fired,
            );
        }
        ControlFlow::Continue(())
    }

    fn fault(&mut self, _: &Fault) {
        // They are counted.
    }
}
