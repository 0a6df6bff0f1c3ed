//! What a rule over several observations asks for, and how far it has come: for explanations.

use sysflow_field::{Arg, Argument, Catalogue, FieldId, View};

use super::memory::{Memory, State, fill_key};
use super::plan::{Earlier, KeyPart, Kind, Plan};
use crate::ruleset::{RuleId, RuleSet};

/// What makes an alert of a rule over several observations. Times are in ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Every observation does.
    Each,
    /// So many observations, or different values, within a time.
    Count {
        /// How many.
        needed: u64,
        /// The time.
        within: i64,
    },
    /// Steps in their order.
    Sequence {
        /// From the first to the last, if that counts.
        within: Option<i64>,
        /// Whether later steps are taken by the process of the first or by a descendant.
        lineage: bool,
    },
    /// So many different steps in any order within a time.
    Together {
        /// How many.
        needed: usize,
        /// The time.
        within: i64,
    },
}

/// What a rule over several observations asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// What makes an alert.
    pub pattern: Pattern,
    /// Its steps; one where it counts.
    pub steps: Vec<StepOutline>,
    /// Fields and time (ns) of its throttle.
    pub throttle: Option<(Vec<String>, i64)>,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepOutline {
    /// The fields whose values must be the same in all steps.
    pub by: Vec<String>,
    /// The time since the step before (ns), if that counts.
    pub within: Option<i64>,
    /// The fields of which different values are counted, together where these are several.
    pub distinct: Vec<String>,
}

/// How far a rule has come at one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Observations, different values or steps that are there.
    pub reached: u64,
    /// How many make an alert.
    pub needed: u64,
    /// The observations, oldest first; of thresholds the latest few.
    pub observations: Vec<Earlier>,
}

impl<V: View> RuleSet<V> {
    /// What a rule over several observations asks for; `None` for other rules.
    pub fn outline(&self, rule: RuleId) -> Option<Outline> {
        let plan = self.plans.all.iter().find(|plan| plan.rule == rule)?;
        let catalogue = V::catalogue();
        let names = |parts: &[KeyPart]| -> Vec<String> {
            let names = parts.iter().map(|part| spelled(part, catalogue));
            names.collect()
        };
        let steps = plan.steps.iter().map(|step| StepOutline {
            by: names(&step.by),
            within: step.within,
            distinct: names(&step.distinct),
        });
        let pattern = match &plan.kind {
            Kind::Each => Pattern::Each,
            Kind::Count { needed, within } => Pattern::Count {
                needed: *needed,
                within: *within,
            },
            Kind::Sequence { within, lineage } => Pattern::Sequence {
                within: *within,
                lineage: lineage.is_some(),
            },
            Kind::Together { needed, within } => Pattern::Together {
                needed: *needed,
                within: *within,
            },
        };
        let throttle = plan.throttle.as_ref();
        Some(Outline {
            pattern,
            steps: steps.collect(),
            throttle: throttle.map(|throttle| (names(&throttle.per), throttle.every)),
        })
    }
}

impl<V: View> RuleSet<V> {
    /// The values of an observation by which a step (from 0) of a rule tells it from others, as bytes to be
    /// compared; `None` where a field has no value, so that the step does not count.
    pub fn key_of(&self, rule: RuleId, step: usize, view: &V) -> Option<Vec<u8>> {
        let plan = self.plans.all.iter().find(|plan| plan.rule == rule)?;
        let mut key = Vec::new();
        fill_key(plan.steps.get(step)?, view, &mut key).then_some(key)
    }
}

fn spelled(part: &KeyPart, catalogue: &Catalogue) -> String {
    let name = |(field, arg): &(FieldId, Arg)| {
        let field = catalogue.field(*field);
        match arg {
            Arg::None => field.name.to_owned(),
            Arg::Index(index) => format!("{}[{index}]", field.name),
            Arg::Key(key) if field.argument == Argument::Key => format!("{}.{key}", field.name),
            Arg::Key(key) => format!("{}[{key}]", field.name),
        }
    };
    part.fields
        .iter()
        .map(name)
        .collect::<Vec<_>>()
        .join(" or ")
}

/// How far a plan has come with the values that an observation has in its keys.
pub(super) fn progress<V: View>(
    plan: &Plan,
    memory: &Memory,
    view: &V,
    time: i64,
) -> Option<Progress> {
    let mut key = Vec::new();
    let mut best: Option<Progress> = None;
    let mut see = |state: &State| {
        let found = of_state(plan, state, time);
        if best
            .as_ref()
            .is_none_or(|best| best.reached < found.reached)
        {
            best = Some(found);
        }
    };
    for step in &plan.steps {
        if !fill_key(step, view, &mut key) {
            continue;
        }
        let Kind::Sequence {
            lineage: Some(lineage),
            ..
        } = &plan.kind
        else {
            if let Some(state) = memory.store.get(&key) {
                see(state);
            }
            continue;
        };
        let length = key.len();
        for process in lineage.of(view) {
            key.truncate(length);
            key.extend_from_slice(&process.to_le_bytes());
            if let Some(state) = memory.store.get(&key) {
                see(state);
            }
        }
    }
    best
}

fn of_state(plan: &Plan, state: &State, time: i64) -> Progress {
    let live = |then: i64, within: i64| then.saturating_add(within) >= time;
    let needed = match &plan.kind {
        Kind::Each => 1,
        Kind::Count { needed, .. } => *needed,
        Kind::Sequence { .. } => plan.steps.len() as u64,
        Kind::Together { needed, .. } => *needed as u64,
    };
    let (reached, observations) = match state {
        State::Count {
            times,
            latest,
            within,
        } => {
            let count = times.iter().filter(|then| live(**then, *within)).count();
            (count, latest.iter().cloned().collect())
        }
        State::Distinct {
            times,
            latest,
            within,
            ..
        } => {
            let count = times.values().filter(|then| live(**then, *within)).count();
            (count, latest.iter().cloned().collect())
        }
        State::Chains(chains, _) => {
            let longest = chains.iter().rev().find(|chain| !chain.is_empty());
            let longest: Vec<Earlier> = longest.cloned().unwrap_or_default();
            (longest.len(), longest)
        }
        State::Together(latest, within) => {
            let alive = latest.iter().flatten().filter(|e| live(e.time, *within));
            let mut alive: Vec<Earlier> = alive.cloned().collect();
            alive.sort_by_key(|earlier| earlier.time);
            (alive.len(), alive)
        }
    };
    Progress {
        reached: reached as u64,
        needed,
        observations,
    }
}
