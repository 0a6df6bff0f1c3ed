//! How rules of every kind judge what happens on one view: those about single observations, and those that
//! remember.

use std::fmt;
use std::time::Duration;

use sysflow_field::View;
use sysflow_policy::stateful::{Correlator, Limits, Progress, RuleState, StatefulAlert, StepId};
use sysflow_policy::{Evaluator, Outcome, RuleId, RuleSet};

/// What rules of one set need to judge one observation after the other.
pub struct Judgement {
    evaluator: Evaluator,
    correlator: Correlator,
    steps: Vec<StepId>,
    matches: Vec<Match>,
}

/// A rule that an observation makes fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// The rule.
    pub rule: RuleId,
    /// What led to it, if the rule is about several observations.
    pub led: Option<Led>,
}

/// What led to an alert of a rule over several observations: `3 within 2.5s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Led {
    /// How many observations, or different values or steps.
    pub count: u64,
    /// From the first observation to the last.
    pub span: Duration,
    /// Alerts like it that were folded since the last one.
    pub folded: u64,
}

impl Judgement {
    /// What the rules of a set need, which alone may be used with it.
    pub fn new<V: View>(rules: &RuleSet<V>) -> Self {
        Self {
            evaluator: Evaluator::new(),
            correlator: Correlator::new(rules, Limits::default()),
            steps: Vec::new(),
            matches: Vec::new(),
        }
    }

    /// The rules that an observation of this time (ns since the epoch) makes fire; none of one that is
    /// [dropped](Outcome::Dropped).
    pub fn judge<V: View>(
        &mut self,
        rules: &RuleSet<V>,
        view: &V,
        time: i64,
    ) -> (Outcome, &[Match]) {
        self.judge_each(rules, view, time, |_, _| {})
    }

    /// The same, and tells `on_steps` which steps (from 0) of which rules the observation takes.
    pub fn judge_each<V: View>(
        &mut self,
        rules: &RuleSet<V>,
        view: &V,
        time: i64,
        on_steps: impl FnMut(RuleId, &[usize]),
    ) -> (Outcome, &[Match]) {
        let Self {
            evaluator,
            correlator,
            steps,
            matches,
        } = self;
        matches.clear();
        steps.clear();
        let single = |rule| Match { rule, led: None };
        let outcome = evaluator.rules_and_steps(
            rules,
            view,
            |rule, _| matches.push(single(rule)),
            |step| steps.push(step),
        );
        if !steps.is_empty() {
            let on_alert = |alert: StatefulAlert<'_>| {
                let led = Some(Led::to(&alert));
                matches.push(Match {
                    rule: alert.rule,
                    led,
                });
            };
            correlator.observe_each(rules, view, time, steps, on_steps, on_alert);
        }
        (outcome, matches)
    }

    /// How far a rule that remembers has come with the values that an observation has in its keys.
    pub fn progress<V: View>(
        &self,
        rules: &RuleSet<V>,
        rule: RuleId,
        view: &V,
        time: i64,
    ) -> Option<Progress> {
        self.correlator.progress(rules, rule, view, time)
    }

    /// What the rules that remember have come to.
    pub fn states<'s, V: View>(
        &'s self,
        rules: &'s RuleSet<V>,
    ) -> impl Iterator<Item = RuleState> + 's {
        self.correlator.states(rules)
    }
}

impl Led {
    fn to(alert: &StatefulAlert<'_>) -> Self {
        let times = || alert.observations.iter().map(|earlier| earlier.time);
        let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
        Self {
            count: alert.count,
            span: Duration::from_nanos(last.saturating_sub(first).unsigned_abs()),
            folded: alert.folded,
        }
    }
}

impl fmt::Display for Led {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} within {:.1?}", self.count, self.span)?;
        if self.folded > 0 {
            write!(f, ", {} more since the last alert", self.folded)?;
        }
        Ok(())
    }
}
