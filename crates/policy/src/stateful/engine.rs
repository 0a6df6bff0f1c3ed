//! Remembers steps, and tells when a rule has come together.

use sysflow_field::View;

use super::memory::Memory;
use super::plan::{Kind, Plan, Plans, StatefulAlert, StepId};
use super::progress::{Progress, progress};
use super::store::Store;
use crate::ruleset::{RuleId, RuleSet};

/// What each rule may remember.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Keys, for the rule and again for its throttle.
    pub entries: usize,
    /// Bytes of keys and what is remembered at them, for the rule and again for its throttle.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 65_536,
            bytes: 8 << 20,
        }
    }
}

/// What a rule over several observations has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleState {
    /// The rule.
    pub rule: RuleId,
    /// Keys that are remembered.
    pub entries: usize,
    /// Bytes that these take.
    pub bytes: usize,
    /// Keys that were forgotten for want of room, while they could still have mattered.
    pub evicted: u64,
    /// Steps that were not taken, as a field of the key had no value.
    pub without_key: u64,
    /// Alerts, without those that were folded.
    pub alerts: u64,
    /// Alerts that were folded.
    pub folded: u64,
}

/// The memory of rules over several observations. One thread feeds it, in the order of observations.
pub struct Correlator {
    memories: Vec<Memory>,
    /// Steps that the observation in hand takes and that are still to be looked at.
    taken: Vec<(usize, usize)>,
    key: Vec<u8>,
}

impl Correlator {
    /// A memory for the rules of a set, which alone may be used with it.
    pub fn new<V: View>(set: &RuleSet<V>, limits: Limits) -> Self {
        let memory = |_: &Plan| Memory {
            store: Store::new(limits.entries, limits.bytes),
            throttle: Store::new(limits.entries, limits.bytes),
            without_key: 0,
            alerts: 0,
            folded: 0,
        };
        Self {
            memories: set.plans.all.iter().map(memory).collect(),
            taken: Vec::new(),
            key: Vec::new(),
        }
    }

    /// Takes the steps of an observation, as [`Evaluator::steps`](crate::Evaluator::steps) gives them, and its
    /// time in ns, and tells of each rule that has come together with it.
    pub fn observe<V: View>(
        &mut self,
        set: &RuleSet<V>,
        view: &V,
        time: i64,
        steps: &[StepId],
        on_alert: impl FnMut(StatefulAlert<'_>),
    ) {
        self.observe_each(set, view, time, steps, |_, _| {}, on_alert);
    }

    /// The same, and tells `on_steps` which steps (from 0) of which rules the observation takes, also those
    /// that an alert of another rule takes. Whether the key has its values, and whether the step continues
    /// anything, is not asked yet.
    pub fn observe_each<V: View>(
        &mut self,
        set: &RuleSet<V>,
        view: &V,
        time: i64,
        steps: &[StepId],
        mut on_steps: impl FnMut(RuleId, &[usize]),
        mut on_alert: impl FnMut(StatefulAlert<'_>),
    ) {
        let plans = &set.plans;
        self.taken.clear();
        let steps = steps
            .iter()
            .filter_map(|step| plans.steps.get(step.0 as usize));
        self.taken.extend(steps.copied());
        let mut places = Vec::new();
        // What a plan feeds stands behind it, so the first plans come first.
        while let Some(plan) = self.taken.iter().map(|(plan, _)| *plan).min() {
            places.clear();
            self.taken.retain(|(other, place)| {
                if *other == plan {
                    places.push(*place);
                }
                *other != plan
            });
            places.sort_unstable();
            places.dedup();
            on_steps(plans.all[plan].rule, &places);
            self.plan(plans, plan, view, time, &places, &mut on_alert);
        }
    }

    fn plan<V: View>(
        &mut self,
        plans: &Plans,
        index: usize,
        view: &V,
        time: i64,
        places: &[usize],
        on_alert: &mut impl FnMut(StatefulAlert<'_>),
    ) {
        let plan = &plans.all[index];
        let Some(memory) = self.memories.get_mut(index) else {
            return;
        };
        let complete = match &plan.kind {
            Kind::Each => memory.each(plan, view, time, places, &mut self.key),
            Kind::Count { needed, within } => {
                memory.count(plan, view, time, places, &mut self.key, (*needed, *within))
            }
            Kind::Sequence { within, lineage } => {
                let lineage = lineage.as_ref();
                memory.sequence(plan, view, time, places, &mut self.key, (*within, lineage))
            }
            Kind::Together { needed, within } => {
                memory.together(plan, view, time, places, &mut self.key, (*needed, *within))
            }
        };
        let Some(complete) = complete else {
            return;
        };
        self.taken.extend_from_slice(&plan.feeds);
        if !plan.tells {
            return;
        }
        let folded = match &plan.throttle {
            Some(throttle) => memory.throttled(throttle, view, time, &mut self.key),
            None => Some(0),
        };
        let Some(folded) = folded else {
            return;
        };
        memory.alerts += 1;
        on_alert(StatefulAlert {
            rule: plan.rule,
            count: complete.count,
            observations: &complete.observations,
            folded,
        });
    }

    /// How far a rule has come with the values that an observation has in its keys; `None` where nothing is
    /// remembered at them.
    pub fn progress<V: View>(
        &self,
        set: &RuleSet<V>,
        rule: RuleId,
        view: &V,
        time: i64,
    ) -> Option<Progress> {
        let mut pairs = set.plans.all.iter().zip(&self.memories);
        let (plan, memory) = pairs.find(|(plan, _)| plan.rule == rule)?;
        progress(plan, memory, view, time)
    }

    /// What each rule over several observations has come to.
    pub fn states<'s, V: View>(
        &'s self,
        set: &'s RuleSet<V>,
    ) -> impl Iterator<Item = RuleState> + 's {
        let pairs = set.plans.all.iter().zip(&self.memories);
        pairs.map(|(plan, memory)| RuleState {
            rule: plan.rule,
            entries: memory.store.len() + memory.throttle.len(),
            bytes: memory.store.bytes() + memory.throttle.bytes(),
            evicted: memory.store.evicted + memory.throttle.evicted,
            without_key: memory.without_key,
            alerts: memory.alerts,
            folded: memory.folded,
        })
    }
}
