//! What each rule costs, measured on what a source holds.
//!
//! Nothing is kept of the source: it is read several times. The first pass warms caches up and counts. Then
//! passes in which all rules judge together, once for each observation as in `sysflow run`, take turns with passes in
//! which each rule that the index leaves to be asked is asked alone, [`REPEATS`] times in a row. What the clock
//! itself takes is subtracted. Of several passes the medians count.

use std::convert::Infallible;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use sysflow_collect::EventView;
use sysflow_export::observation::Observation;
use sysflow_field::View;
use sysflow_policy::{Evaluator, RuleId, RuleSet};
use sysflow_record::entity::Joined;

use crate::explaining::keep;
use crate::inputs::Input;
use crate::judging::Judgement;
use crate::policies::Rules;
use crate::progress::Progress;
use crate::stream::{self, Fault, Sink};

/// How often a rule is asked of an observation in a row, since the clock is too coarse for once.
pub const REPEATS: u32 = 8;

/// Passes of each kind, if time allows.
const MOST_PASSES: usize = 5;

/// What a rule costs.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleCost {
    /// Its name.
    pub rule: String,
    /// What it is asked of: `records` or `events`.
    pub view: &'static str,
    /// Observations of its view.
    pub seen: u64,
    /// Those of which it is asked; the index rules the others out.
    pub asked: u64,
    /// Checks that were made for it, alone.
    pub checks: u64,
    /// Observations that match; of a rule over several observations those that take a step.
    pub matches: u64,
    /// The time of all its evaluations, alone, in ns.
    pub time: f64,
}

impl RuleCost {
    /// Time for each observation that it is asked of, in ns.
    pub fn time_asked(&self) -> f64 {
        self.time / self.asked.max(1) as f64
    }

    /// Time for each observation of its view, in ns.
    pub fn time_seen(&self) -> f64 {
        self.time / self.seen.max(1) as f64
    }
}

/// What all rules cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Costs {
    /// Each rule, the dearest first.
    pub rules: Vec<RuleCost>,
    /// Observations of the views on which rules run.
    pub seen: u64,
    /// Those that drop rules discard.
    pub dropped: u64,
    /// The time of all rules together, those over several observations with their memory, in ns.
    pub together: f64,
    /// How many passes of each kind the medians are of.
    pub passes: usize,
    /// What was wrong with the source.
    pub faults: Vec<String>,
}

impl Costs {
    /// The sum of all rules, each alone, in ns. Together they take less, since equal checks are made once.
    pub fn alone(&self) -> f64 {
        self.rules.iter().map(|rule| rule.time).sum()
    }
}

/// Measures rules on inputs that can be read several times; no more passes are begun once `budget` is used up.
pub fn measure(
    inputs: &[Input],
    options: &stream::Options,
    rules: &Rules,
    budget: Duration,
    progress: impl Fn() -> Progress,
) -> Costs {
    let begin = Instant::now();
    let mut measuring = Measuring {
        rules,
        pass: Pass::WarmUp,
        records: Side::new(&rules.records),
        events: Side::new(&rules.events),
        clock: clock_overhead(),
        faults: Vec::new(),
    };
    let pass = |measuring: &mut Measuring<'_>, pass| {
        measuring.start(pass);
        stream::read(inputs, options.clone(), &progress(), measuring);
    };
    pass(&mut measuring, Pass::WarmUp);
    let mut passes = 0;
    while passes == 0 || (passes < MOST_PASSES && begin.elapsed() < budget) {
        pass(&mut measuring, Pass::Together);
        pass(&mut measuring, Pass::Alone);
        passes += 1;
    }
    let Measuring {
        records,
        events,
        faults,
        ..
    } = measuring;
    let mut costs = Costs {
        seen: records.seen_if_any() + events.seen_if_any(),
        dropped: records.dropped + events.dropped,
        together: median(records.together.clone()) + median(events.together.clone()),
        passes,
        faults,
        ..Costs::default()
    };
    costs.rules.extend(records.costs(&rules.records));
    costs.rules.extend(events.costs(&rules.events));
    costs
        .rules
        .sort_by(|a, b| b.time.total_cmp(&a.time).then_with(|| a.rule.cmp(&b.rule)));
    costs
}

/// What looking at the clock takes, in ns.
fn clock_overhead() -> f64 {
    let looks = (0..2001).map(|_| {
        let begin = Instant::now();
        begin.elapsed().as_nanos() as f64
    });
    median(looks.collect())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.get(middle) {
        None => 0.0,
        Some(upper) if values.len().is_multiple_of(2) => f64::midpoint(values[middle - 1], *upper),
        Some(value) => *value,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    WarmUp,
    Together,
    Alone,
}

/// What is counted of a rule.
#[derive(Clone, Default)]
struct Count {
    asked: u64,
    checks: u64,
    matches: u64,
    /// Its time in each pass, ns.
    times: Vec<f64>,
}

/// What is measured on one view.
struct Side {
    evaluator: Evaluator,
    judgement: Judgement,
    running: bool,
    seen: u64,
    dropped: u64,
    counts: Vec<Count>,
    /// The time of all rules together in each pass, ns.
    together: Vec<f64>,
    asked: Vec<RuleId>,
}

impl Side {
    fn new<V: View>(rules: &RuleSet<V>) -> Self {
        Self {
            evaluator: Evaluator::new(),
            judgement: Judgement::new(rules),
            running: rules.rules().iter().any(|rule| rule.enabled),
            seen: 0,
            dropped: 0,
            counts: vec![Count::default(); rules.rules().len()],
            together: Vec::new(),
            asked: Vec::new(),
        }
    }

    const fn seen_if_any(&self) -> u64 {
        if self.running { self.seen } else { 0 }
    }

    fn start<V: View>(&mut self, rules: &RuleSet<V>, pass: Pass) {
        // What rules remember of the last pass is none of this one's.
        self.judgement = Judgement::new(rules);
        match pass {
            Pass::WarmUp => {}
            Pass::Together => self.together.push(0.0),
            Pass::Alone => self
                .counts
                .iter_mut()
                .for_each(|count| count.times.push(0.0)),
        }
    }

    fn see<V: Observation>(&mut self, rules: &RuleSet<V>, view: &V, pass: Pass, clock: f64) {
        if !self.running {
            return;
        }
        if pass != Pass::Alone {
            let begin = Instant::now();
            black_box(self.judgement.judge(rules, view, view.ts()).1.len());
            let took = begin.elapsed().as_nanos() as f64 - clock;
            if let Some(sum) = self.together.last_mut() {
                *sum += took.max(0.0);
            }
            if pass == Pass::Together {
                return;
            }
        }
        let is_dropped = rules.drops_it(&mut self.evaluator, view);
        if pass == Pass::WarmUp {
            self.seen += 1;
            self.dropped += u64::from(is_dropped);
        }
        if is_dropped {
            return;
        }
        let Self {
            evaluator,
            counts,
            asked,
            ..
        } = self;
        asked.clear();
        rules.asked(view, |id| asked.push(id));
        for id in asked.iter().copied() {
            let count = &mut counts[id.0 as usize];
            if pass == Pass::WarmUp {
                if let Some((holds, checks)) = evaluator.counted_alone(rules, id, view) {
                    count.asked += 1;
                    count.checks += checks;
                    count.matches += u64::from(holds);
                }
                continue;
            }
            let begin = Instant::now();
            for _ in 0..REPEATS {
                black_box(evaluator.alone(rules, black_box(id), view));
            }
            let took = begin.elapsed().as_nanos() as f64 - clock;
            if let Some(sum) = count.times.last_mut() {
                *sum += took.max(0.0) / f64::from(REPEATS);
            }
        }
    }

    fn costs<V: View>(&self, rules: &RuleSet<V>) -> Vec<RuleCost> {
        let pairs = rules.rules().iter().zip(&self.counts);
        let running = pairs.filter(|(rule, _)| rule.enabled);
        let costs = running.map(|(rule, count)| RuleCost {
            rule: rule.name.clone(),
            view: V::catalogue().source,
            seen: self.seen,
            asked: count.asked,
            checks: count.checks,
            matches: count.matches,
            time: median(count.times.clone()),
        });
        costs.collect()
    }
}

struct Measuring<'r> {
    rules: &'r Rules,
    pass: Pass,
    records: Side,
    events: Side,
    clock: f64,
    faults: Vec<String>,
}

impl Measuring<'_> {
    fn start(&mut self, pass: Pass) {
        self.pass = pass;
        self.records.start(&self.rules.records, pass);
        self.events.start(&self.rules.events, pass);
    }
}

impl Sink for Measuring<'_> {
    type Stop = Infallible;

    const WANTS_EVENTS: bool = true;

    fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<Infallible> {
        let (pass, clock) = (self.pass, self.clock);
        self.records.see(&self.rules.records, joined, pass, clock);
        ControlFlow::Continue(())
    }

    fn event(&mut self, view: &EventView<'_>) -> ControlFlow<Infallible> {
        let (pass, clock) = (self.pass, self.clock);
        self.events.see(&self.rules.events, view, pass, clock);
        ControlFlow::Continue(())
    }

    fn fault(&mut self, fault: &Fault) {
        if self.pass == Pass::WarmUp {
            keep(&mut self.faults, fault);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_middle_of_values_is_taken() {
        let close = |values: &[f64], expected: f64| {
            assert!(
                (median(values.to_vec()) - expected).abs() < 1e-9,
                "{values:?}"
            );
        };
        close(&[], 0.0);
        close(&[3.0], 3.0);
        close(&[9.0, 1.0, 2.0], 2.0);
        close(&[4.0, 1.0, 2.0, 100.0], 3.0);
    }
}
