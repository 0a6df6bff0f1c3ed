//! Rules over several observations, ready to run.

use sysflow_field::{Arg, FieldId, View};

use crate::index::Index;
use crate::ruleset::RuleId;

/// A step among all steps of a rule set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId(pub u32);

/// A field of a key: the first of these that has a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyPart {
    pub(crate) fields: Vec<(FieldId, Arg)>,
    /// Whether an empty text is no value.
    pub(crate) needs_text: bool,
}

impl KeyPart {
    /// Appends the first value, with its length; whether there is one.
    pub(super) fn append<V: View>(&self, view: &V, key: &mut Vec<u8>) -> bool {
        let start = key.len();
        for (field, arg) in &self.fields {
            let mut found = false;
            view.visit(*field, arg, |value| {
                value.with_text(|text| {
                    // A length in front keeps values of neighbouring fields apart.
                    key.extend_from_slice(&(text.len() as u32).to_le_bytes());
                    key.extend_from_slice(text);
                    found = !text.is_empty() || !self.needs_text && self.fields.len() == 1;
                });
                std::ops::ControlFlow::Break(())
            });
            if found {
                return true;
            }
            key.truncate(start);
        }
        false
    }
}

/// The values of a key, apart.
pub(super) fn values_of(mut key: &[u8]) -> Vec<Box<[u8]>> {
    let mut values = Vec::new();
    while let Some((length, rest)) = key.split_first_chunk::<4>() {
        let length = (u32::from_le_bytes(*length) as usize).min(rest.len());
        let (value, rest) = rest.split_at(length);
        values.push(value.into());
        key = rest;
    }
    values
}

/// One step.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// What must be the same in all steps.
    pub(super) by: Vec<KeyPart>,
    /// Time since the step before, if it counts.
    pub(super) within: Option<i64>,
    /// What is counted, if values are: together, where these are several.
    pub(super) distinct: Vec<KeyPart>,
}

/// What makes an alert.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Every step does.
    Each,
    /// So many steps of any kind, or so many different values.
    Count { needed: u64, within: i64 },
    /// Steps in this order.
    Sequence {
        within: Option<i64>,
        lineage: Option<Lineage>,
    },
    /// So many different steps in any order.
    Together { needed: usize, within: i64 },
}

/// The fields of ancestry.
#[derive(Clone, Debug)]
pub(crate) struct Lineage {
    /// The process.
    pub(super) own: (FieldId, Arg),
    /// Its ancestors, with it or without.
    pub(super) ancestors: (FieldId, Arg),
}

/// Folds alerts.
#[derive(Clone, Debug)]
pub(crate) struct Throttle {
    pub(super) per: Vec<KeyPart>,
    pub(super) every: i64,
}

/// A rule over several observations.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(super) rule: RuleId,
    /// Whether it is told when the rule has come together; otherwise it is there for others.
    pub(super) tells: bool,
    pub(super) kind: Kind,
    pub(super) steps: Vec<Step>,
    pub(super) throttle: Option<Throttle>,
    /// The steps of other plans that an alert of this one takes: plan and place in it, always behind it.
    pub(super) feeds: Vec<(usize, usize)>,
}

/// All rules over several observations.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    pub(super) all: Vec<Plan>,
    /// Which plan a step belongs to, and its place in it.
    pub(super) steps: Vec<(usize, usize)>,
    /// The steps that an observation can take.
    pub(crate) index: Index,
}

impl Plans {
    /// The rule that a step belongs to.
    pub(crate) fn rule_of(&self, step: u32) -> RuleId {
        self.all[self.steps[step as usize].0].rule
    }

    /// Whether there is nothing that could be told.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.iter().all(|plan| !plan.tells)
    }

    /// Tells no more of rules that are not wanted, and asks for no steps that only they need.
    pub(crate) fn retain(&mut self, wanted: impl Fn(RuleId) -> bool) {
        let mut needed = vec![false; self.all.len()];
        // What a plan feeds stands behind it, so the last plans come first.
        for (at, plan) in self.all.iter_mut().enumerate().rev() {
            plan.tells &= wanted(plan.rule);
            plan.feeds.retain(|(fed, _)| needed[*fed]);
            needed[at] = plan.tells || !plan.feeds.is_empty();
        }
        let steps = &self.steps;
        self.index.retain(|step| needed[steps[step as usize].0]);
    }
}

/// An observation that had a part in an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Which step it took, from 0.
    pub step: u32,
    /// When, ns since the epoch.
    pub time: i64,
    /// The values of the fields in `by`, and with `distinct` behind them what was counted.
    pub values: Vec<Box<[u8]>>,
}

/// A rule over several observations has come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatefulAlert<'a> {
    /// The rule.
    pub rule: RuleId,
    /// How many observations, or different values or steps, make it.
    pub count: u64,
    /// The observations that led to it, oldest first, the one in hand at the end. Of thresholds these are
    /// the latest few.
    pub observations: &'a [Earlier],
    /// Alerts like it that were folded since the last one.
    pub folded: u64,
}
