//! What becomes of a rule over several observations: which steps are taken, and how far it comes.

use std::collections::HashSet;

use sysflow_export::observation::Observation;
use sysflow_field::View;
use sysflow_policy::stateful::{Outline, Progress, RuleState};
use sysflow_policy::{Evaluator, Explanation, RuleId, RuleSet};

use super::Seen;
use crate::judging::{Judgement, Led};

/// Alerts that are told.
const MOST_ALERTS: usize = 5;

/// Keys that are counted; beyond it there are "at least" so many.
const MOST_KEYS: usize = 65_536;

/// What became of a rule over several observations.
#[derive(Debug)]
pub struct Several {
    /// What it asks for.
    pub outline: Outline,
    /// How each step fared.
    pub steps: Vec<StepStory>,
    /// How often it fired.
    pub fired: u64,
    /// The first few alerts.
    pub alerts: Vec<Alert>,
    /// The key that came nearest to an alert without one.
    pub furthest: Option<Furthest>,
    /// What it remembers at the end.
    pub state: Option<RuleState>,
}

/// How a step fared.
#[derive(Debug, Default)]
pub struct StepStory {
    /// How many observations take it.
    pub taken: u64,
    /// With how many different values of the key, as far as they were counted.
    pub keys: u64,
    /// How many of those that take it have no value in a field of the key, and so do not count.
    pub without_key: u64,
    /// The first that takes it.
    pub first: Option<Seen>,
    /// Of a step that nothing takes, what came closest, and why not.
    pub closest: Option<(Seen, Explanation)>,
}

/// The observation that completes a rule.
#[derive(Debug)]
pub struct Alert {
    /// It.
    pub seen: Seen,
    /// What led to it.
    pub led: Option<Led>,
}

/// How far a key came.
#[derive(Debug)]
pub struct Furthest {
    /// The last observation that took a step.
    pub seen: Seen,
    /// How far, with the values of the key.
    pub progress: Progress,
}

/// Follows a rule through what happens.
pub(super) struct Following {
    judgement: Judgement,
    several: Several,
    keys: Vec<HashSet<Vec<u8>>>,
    near: Vec<f64>,
    /// For the state at the end; the rules are gone by then.
    last: Option<RuleState>,
}

impl Following {
    /// Follows a rule if it is one over several observations.
    pub(super) fn new<V: View>(set: &RuleSet<V>, id: RuleId) -> Option<Self> {
        let outline = set.outline(id)?;
        let steps = outline.steps.len();
        Some(Self {
            judgement: Judgement::new(set),
            several: Several {
                steps: (0..steps).map(|_| StepStory::default()).collect(),
                outline,
                fired: 0,
                alerts: Vec::new(),
                furthest: None,
                state: None,
            },
            keys: vec![HashSet::new(); steps],
            near: vec![-1.0; steps],
            last: None,
        })
    }

    /// Looks at an observation, and returns the steps that it takes.
    pub(super) fn follow<V: Observation>(
        &mut self,
        set: &RuleSet<V>,
        id: RuleId,
        evaluator: &mut Evaluator,
        view: &V,
        seen: &impl Fn() -> Seen,
    ) -> Vec<usize> {
        let mut steps = Vec::new();
        let (_, matches) = self
            .judgement
            .judge_each(set, view, view.ts(), |rule, taken| {
                if rule == id {
                    steps.extend_from_slice(taken);
                }
            });
        for matched in matches.iter().filter(|matched| matched.rule == id) {
            self.several.fired += 1;
            if self.several.alerts.len() < MOST_ALERTS {
                self.several.alerts.push(Alert {
                    seen: seen(),
                    led: matched.led,
                });
            }
        }
        for step in &steps {
            self.take(set, id, *step, view, seen);
        }
        if !steps.is_empty() {
            self.last = self.judgement.states(set).find(|state| state.rule == id);
            self.measure(set, id, view, seen);
        }
        self.come_closer(set, id, evaluator, view, seen);
        steps
    }

    fn take<V: Observation>(
        &mut self,
        set: &RuleSet<V>,
        id: RuleId,
        step: usize,
        view: &V,
        seen: &impl Fn() -> Seen,
    ) {
        let Some(story) = self.several.steps.get_mut(step) else {
            return;
        };
        story.taken += 1;
        story.closest = None;
        story.first.get_or_insert_with(seen);
        let keys = &mut self.keys[step];
        match set.key_of(id, step, view) {
            Some(key) if keys.len() < MOST_KEYS => {
                keys.insert(key);
                story.keys = keys.len() as u64;
            }
            Some(_) => {}
            None => story.without_key += 1,
        }
    }

    /// Keeps the key that came furthest.
    fn measure<V: Observation>(
        &mut self,
        set: &RuleSet<V>,
        id: RuleId,
        view: &V,
        seen: &impl Fn() -> Seen,
    ) {
        let Some(progress) = self.judgement.progress(set, id, view, view.ts()) else {
            return;
        };
        let furthest = self.several.furthest.as_ref();
        if furthest.is_none_or(|known| known.progress.reached < progress.reached) {
            self.several.furthest = Some(Furthest {
                seen: seen(),
                progress,
            });
        }
    }

    /// For steps that nothing has taken yet, keeps what came closest.
    fn come_closer<V: Observation>(
        &mut self,
        set: &RuleSet<V>,
        id: RuleId,
        evaluator: &mut Evaluator,
        view: &V,
        seen: &impl Fn() -> Seen,
    ) {
        let is_sequence = self.several.steps.len() > 1;
        for (place, story) in self.several.steps.iter_mut().enumerate() {
            if story.taken > 0 {
                continue;
            }
            let step = is_sequence.then_some(place);
            let near = set.closeness(id, step, evaluator, view);
            let Some(near) = near.filter(|near| *near > self.near[place]) else {
                continue;
            };
            let Some(mut explanation) = set.explain(id, evaluator, view) else {
                continue;
            };
            if is_sequence && place < explanation.parts.len() {
                explanation = explanation.parts.swap_remove(place);
                explanation.require();
            }
            self.near[place] = near;
            story.closest = Some((seen(), explanation));
        }
    }

    pub(super) fn finish(mut self) -> Several {
        self.several.state = self.last;
        self.several
    }
}
