//! What other rules would have told: alerts that are gained and lost between two sets of rules.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::ControlFlow;

use sysflow_collect::EventView;
use sysflow_export::observation::Observation;
use sysflow_field::View;
use sysflow_policy::{Priority, RuleSet};
use sysflow_record::entity::Joined;

use crate::explaining::keep;
use crate::judging::Judgement;
use crate::policies::Rules;
use crate::stream::{Fault, Sink};

/// How an alert differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Only the new rules tell it.
    Gained,
    /// Only the old rules tell it.
    Lost,
    /// Both tell it, in other words or with another priority.
    Changed,
}

/// An alert that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// How.
    pub difference: Difference,
    /// When, ns since the epoch.
    pub time: i64,
    /// What the rule says of it; what happened, in words, where it says nothing.
    pub output: String,
    /// What the old rule said, if both tell it.
    pub before: Option<String>,
}

/// What is different about a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Alerts of the old rules.
    pub old: u64,
    /// Alerts of the new rules.
    pub new: u64,
    /// Alerts that only the new rules tell.
    pub gained: u64,
    /// Alerts that only the old rules tell.
    pub lost: u64,
    /// Alerts that both tell, differently.
    pub changed: u64,
    /// The first few of each.
    pub examples: Vec<Example>,
}

impl Change {
    /// Whether there is none.
    pub const fn is_none(&self) -> bool {
        self.gained + self.lost + self.changed == 0
    }
}

/// An alert.
struct Told {
    rule: String,
    priority: Priority,
    output: String,
}

/// Judges by two sets of rules.
pub struct Comparison<'r> {
    old: Side<'r>,
    new: Side<'r>,
    /// How many examples of each difference are kept for each rule.
    most: usize,
    rules: BTreeMap<String, Change>,
    faults: Vec<String>,
}

struct Side<'r> {
    rules: &'r Rules,
    records: Judgement,
    events: Judgement,
}

impl<'r> Side<'r> {
    fn new(rules: &'r Rules) -> Self {
        Self {
            rules,
            records: Judgement::new(&rules.records),
            events: Judgement::new(&rules.events),
        }
    }
}

impl<'r> Comparison<'r> {
    /// Compares what two sets of rules tell, with so many examples for each rule and difference.
    pub fn new(old: &'r Rules, new: &'r Rules, most: usize) -> Self {
        Self {
            old: Side::new(old),
            new: Side::new(new),
            most,
            rules: BTreeMap::new(),
            faults: Vec::new(),
        }
    }

    /// What each rule told by its name, those without a change too, and the faults of the source.
    pub fn finish(self) -> (BTreeMap<String, Change>, Vec<String>) {
        (self.rules, self.faults)
    }

    fn compare(&mut self, time: i64, old: Vec<Told>, new: Vec<Told>) {
        let mut left = old;
        for told in new {
            let before = left.iter().position(|old| old.rule == told.rule);
            let before = before.map(|place| left.remove(place));
            let most = self.most;
            let change = self.change(&told.rule);
            change.new += 1;
            match before {
                Some(before) => {
                    change.old += 1;
                    if (before.priority, &before.output) != (told.priority, &told.output) {
                        let both = (said(&before), said(&told));
                        change.note(Difference::Changed, time, both.1, Some(both.0), most);
                    }
                }
                None => change.note(Difference::Gained, time, told.output, None, most),
            }
        }
        for told in left {
            let most = self.most;
            let change = self.change(&told.rule);
            change.old += 1;
            change.note(Difference::Lost, time, told.output, None, most);
        }
    }

    fn change(&mut self, rule: &str) -> &mut Change {
        if !self.rules.contains_key(rule) {
            self.rules.insert(rule.to_owned(), Change::default());
        }
        self.rules.entry(rule.to_owned()).or_default()
    }
}

fn said(told: &Told) -> String {
    format!("{}: {}", told.priority.name(), told.output)
}

impl Change {
    fn note(
        &mut self,
        difference: Difference,
        time: i64,
        output: String,
        before: Option<String>,
        most: usize,
    ) {
        let count = match difference {
            Difference::Gained => &mut self.gained,
            Difference::Lost => &mut self.lost,
            Difference::Changed => &mut self.changed,
        };
        *count += 1;
        if *count <= most as u64 {
            self.examples.push(Example {
                difference,
                time,
                output,
                before,
            });
        }
    }
}

/// The alerts of an observation.
fn told<V: Observation>(judgement: &mut Judgement, rules: &RuleSet<V>, view: &V) -> Vec<Told> {
    let (_, matches) = judgement.judge(rules, view, view.ts());
    let rules = matches.iter().filter_map(|found| rules.rule(found.rule));
    let told = rules.map(|rule| {
        let mut output = String::new();
        if let Some(template) = &rule.output {
            template.render(view, &mut output);
        } else {
            let mut sentence = Vec::new();
            view.write_sentence(&mut sentence);
            output = String::from_utf8_lossy(&sentence).into_owned();
        }
        Told {
            rule: rule.name.clone(),
            priority: rule.priority,
            output,
        }
    });
    told.collect()
}

impl Sink for Comparison<'_> {
    type Stop = Infallible;

    const WANTS_EVENTS: bool = true;

    fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<Infallible> {
        let old = told(&mut self.old.records, &self.old.rules.records, joined);
        let new = told(&mut self.new.records, &self.new.rules.records, joined);
        self.compare(joined.ts(), old, new);
        ControlFlow::Continue(())
    }

    fn event(&mut self, view: &EventView<'_>) -> ControlFlow<Infallible> {
        let old = told(&mut self.old.events, &self.old.rules.events, view);
        let new = told(&mut self.new.events, &self.new.rules.events, view);
        self.compare(view.ts(), old, new);
        ControlFlow::Continue(())
    }

    fn fault(&mut self, fault: &Fault) {
        keep(&mut self.faults, fault);
    }
}

/// On which view a rule runs: `records` or `events`.
pub fn view_of(rules: &Rules, name: &str) -> Option<&'static str> {
    fn on<V: View>(rules: &RuleSet<V>, name: &str) -> Option<&'static str> {
        let mut all = rules.rules().iter();
        let is_there = all.any(|rule| rule.enabled && rule.name == name);
        is_there.then(|| V::catalogue().source)
    }
    on(&rules.events, name).or_else(|| on(&rules.records, name))
}
