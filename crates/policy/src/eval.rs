//! Asking one observation.

use std::ops::ControlFlow;

use sysflow_field::{Value, View};

use crate::bits;
use crate::index::Index;
use crate::predicate::{Pair, Question, Source};
use crate::program::{Node, NodeId, Program, Runnable};
use crate::ruleset::{Condition, Matching, Rule, RuleId, RuleSet};
use crate::sieve::{Ask, LEAST_RULES};
use crate::stateful::StepId;
use crate::transform::{Made, Memory};

/// What became of an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A drop rule discarded it, so no rule has seen it.
    Dropped,
    /// So many rules matched it.
    Matched(usize),
}

/// The working memory of one thread. It is reused for every observation, so that none allocates.
#[derive(Debug, Default)]
pub struct Evaluator {
    /// For each part of a program that is worth remembering: twice the generation in which it was
    /// answered, plus the answer.
    answers: Vec<u32>,
    generation: u32,
    memory: Memory,
    /// The rules of an index that may still match.
    candidates: Vec<u64>,
    /// Those of them that a lookup keeps; empty between lookups.
    kept: Vec<u64>,
}

/// Generations start over here, as they are doubled.
const LAST_GENERATION: u32 = u32::MAX / 2;

impl Evaluator {
    /// An evaluator that knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a condition is true of an observation.
    pub fn condition<V: View>(&mut self, condition: &Condition<V>, view: &V) -> bool {
        self.begin(&condition.program);
        self.holds(&condition.program, condition.root, view)
    }

    /// Finds the rules that match an observation and gives them to `on_match` in the order in which they
    /// were loaded. If a drop rule matches, the observation is discarded before any rule sees it.
    pub fn rules<'r, V: View>(
        &mut self,
        set: &'r RuleSet<V>,
        view: &V,
        mut on_match: impl FnMut(RuleId, &'r Rule<V>),
    ) -> Outcome {
        self.begin(&set.program);
        if self.each_match(&set.program, &set.drop_index, view, |_| stop_if(true)) {
            return Outcome::Dropped;
        }
        let mut matched = 0;
        self.each_match(&set.program, &set.rule_index, view, |item| {
            matched += 1;
            on_match(RuleId(item), &set.rules[item as usize]);
            stop_if(set.matching == Matching::First)
        });
        Outcome::Matched(matched)
    }

    /// The same, and gives the steps of rules over several observations that the observation takes to `on_step`.
    /// What was found out for the rules is not asked again for the steps.
    pub fn rules_and_steps<'r, V: View>(
        &mut self,
        set: &'r RuleSet<V>,
        view: &V,
        on_match: impl FnMut(RuleId, &'r Rule<V>),
        on_step: impl FnMut(StepId),
    ) -> Outcome {
        let outcome = self.rules(set, view, on_match);
        if outcome != Outcome::Dropped && set.is_stateful() {
            self.each_step(set, view, on_step);
        }
        outcome
    }

    fn each_step<V: View>(&mut self, set: &RuleSet<V>, view: &V, mut on_step: impl FnMut(StepId)) {
        self.each_match(&set.program, &set.plans.index, view, |step| {
            on_step(StepId(step));
            ControlFlow::Continue(())
        });
    }

    /// Calls `on_match` with each rule of an index that matches, in their order, until it breaks; whether it
    /// did.
    fn each_match<V: View>(
        &mut self,
        program: &Program,
        index: &Index,
        view: &V,
        mut on_match: impl FnMut(u32) -> ControlFlow<()>,
    ) -> bool {
        if !index.begin(view, &mut self.candidates) {
            return false;
        }
        for step in index.sieve().steps(view.operations()) {
            if step.rules.common(&self.candidates) < LEAST_RULES {
                continue;
            }
            match &step.ask {
                Ask::Node(node) => {
                    if !self.holds(program, *node, view) {
                        step.rules.remove_from(&mut self.candidates);
                    }
                }
                Ask::Values(lookup) => {
                    self.kept.resize(self.candidates.len(), 0);
                    let kept = &mut self.kept;
                    visit::<V, &mut dyn FnMut(&Value<'_>) -> ControlFlow<()>>(
                        view,
                        &lookup.question,
                        &mut |value| {
                            lookup.find(value, kept);
                            ControlFlow::Continue(())
                        },
                    );
                    let kept = &mut self.kept;
                    step.rules.remove_others_from(&mut self.candidates, kept);
                }
            }
        }
        for word in 0..self.candidates.len() {
            for number in bits::numbers(&[self.candidates[word]]) {
                let entry = index.entry(bits::in_word(word, number));
                if self.holds(program, entry.root, view) && on_match(entry.item).is_break() {
                    return true;
                }
            }
        }
        false
    }

    /// Finds what [`rules`](Self::rules) finds, but asks every enabled rule: to see that the index loses none.
    pub fn rules_without_index<'r, V: View>(
        &mut self,
        set: &'r RuleSet<V>,
        view: &V,
        mut on_match: impl FnMut(RuleId, &'r Rule<V>),
    ) -> Outcome {
        self.begin(&set.program);
        for root in &set.drop_roots {
            if self.holds(&set.program, *root, view) {
                return Outcome::Dropped;
            }
        }
        let mut matched = 0;
        for (number, (rule, root)) in set.rules.iter().zip(&set.rule_roots).enumerate() {
            let is_asked = rule.enabled && !rule.stateful && !rule.silent;
            if is_asked && self.holds(&set.program, *root, view) {
                matched += 1;
                on_match(RuleId(number as u32), rule);
            }
        }
        Outcome::Matched(matched)
    }

    /// Whether one rule matches an observation, asked alone: nothing that other rules, or an earlier call,
    /// found out is used, so that the time of the call is what the rule costs by itself. `None` if the rule
    /// is not enabled or the observation is of a kind, or an operation, that it cannot match, so that it
    /// would not be asked.
    pub fn rule<V: View>(&mut self, set: &RuleSet<V>, id: RuleId, view: &V) -> Option<bool> {
        let entry = set.rule_index.candidate(id.0, view)?;
        self.begin(&set.program);
        Some(self.holds(&set.program, entry.root, view))
    }

    /// The same, with the number of checks that were made. A check that is needed twice is made once.
    pub fn counted_rule<V: View>(
        &mut self,
        set: &RuleSet<V>,
        id: RuleId,
        view: &V,
    ) -> Option<(bool, u64)> {
        let entry = set.rule_index.candidate(id.0, view)?;
        self.begin(&set.program);
        let mut checks = 0;
        let holds = self.answer(&set.program, entry.root, view, &mut |()| checks += 1);
        Some((holds, checks))
    }

    /// Whether the condition of one rule is true of an observation, without regard to the index: a call costs
    /// what the condition costs, and nothing else. Of a sequence it is true if any step is. `None` if there is
    /// no such rule.
    pub fn alone<V: View>(&mut self, set: &RuleSet<V>, id: RuleId, view: &V) -> Option<bool> {
        let root = *set.rule_roots.get(id.0 as usize)?;
        self.begin(&set.program);
        Some(self.holds(&set.program, root, view))
    }

    /// The same, with the number of checks that were made. A check that is needed twice is made once.
    pub fn counted_alone<V: View>(
        &mut self,
        set: &RuleSet<V>,
        id: RuleId,
        view: &V,
    ) -> Option<(bool, u64)> {
        let root = *set.rule_roots.get(id.0 as usize)?;
        self.begin(&set.program);
        let mut checks = 0;
        let holds = self.answer(&set.program, root, view, &mut |()| checks += 1);
        Some((holds, checks))
    }

    /// Bytes that are kept for evaluation.
    #[cfg(test)]
    pub(crate) fn memory_size(&self) -> usize {
        let sets = self.candidates.capacity() + self.kept.capacity();
        self.answers.capacity() * size_of::<u32>() + sets * size_of::<u64>() + self.memory.size()
    }

    /// Finds the steps of rules over several observations that an observation takes. Drop rules are not
    /// asked again: what [`rules`](Self::rules) has dropped is not to come here.
    pub fn steps<V: View>(&mut self, set: &RuleSet<V>, view: &V, on_step: impl FnMut(StepId)) {
        self.begin(&set.program);
        self.each_step(set, view, on_step);
    }

    /// Forgets all answers.
    pub(crate) fn begin(&mut self, program: &Program) {
        if self.answers.len() < program.nodes.len() {
            self.answers.resize(program.nodes.len(), 0);
        }
        if self.generation >= LAST_GENERATION {
            self.answers.fill(0);
            self.generation = 0;
        }
        self.generation += 1;
    }

    pub(crate) fn holds<V: View>(&mut self, program: &Program, id: NodeId, view: &V) -> bool {
        self.answer(program, id, view, &mut |()| {})
    }

    /// The answer of a part; `count` learns of each check that is made.
    fn answer<V: View, C: FnMut(())>(
        &mut self,
        program: &Program,
        id: NodeId,
        view: &V,
        count: &mut C,
    ) -> bool {
        let index = id.0 as usize;
        let remembered = program.remembered[index];
        if remembered && self.answers[index] >> 1 == self.generation {
            return self.answers[index] & 1 == 1;
        }
        let mut ask = |part: &NodeId| self.answer(program, *part, view, count);
        let answer = match &program.nodes[index] {
            Node::Constant(value) => *value,
            Node::Not(inner) => !ask(inner),
            Node::All(parts) => parts.iter().all(ask),
            Node::Any(parts) => parts.iter().any(ask),
            Node::One(parts) => {
                let mut holding = parts.iter().filter(|part| ask(part));
                holding.next().is_some() && holding.next().is_none()
            }
            Node::Test(test) => {
                count(());
                runs(&program.runnables[*test as usize], view, &mut self.memory)
            }
        };
        if remembered {
            self.answers[index] = self.generation << 1 | u32::from(answer);
        }
        answer
    }
}

pub(crate) fn runs<V: View>(runnable: &Runnable, view: &V, memory: &mut Memory) -> bool {
    match runnable {
        Runnable::Field { question, test } => {
            let mut found = false;
            visit(view, question, |value| {
                found = test.holds(value);
                stop_if(found)
            });
            found
        }
        Runnable::Every { question, test } => {
            let (mut any, mut all) = (false, true);
            visit::<V, &mut dyn FnMut(&Value<'_>) -> ControlFlow<()>>(
                view,
                question,
                &mut |value| {
                    any = true;
                    all = test.holds(value);
                    stop_if(!all)
                },
            );
            any && all
        }
        Runnable::Made { transform, test } => {
            memory.clear();
            let made = memory.make(transform, view);
            memory.values(made).any(|value| test.holds(&value))
        }
        Runnable::Pair(pair) => pair_holds(pair, view, memory),
    }
}

/// Whether any value of the left side compares so with any of the right side.
fn pair_holds<V: View>(pair: &Pair, view: &V, memory: &mut Memory) -> bool {
    memory.clear();
    let mut made = |source: &Source| match source {
        Source::Field(_) => None,
        Source::Made(transform) => Some(memory.make(transform, view)),
    };
    let (made_left, made_right) = (made(&pair.left), made(&pair.right));
    let memory = &*memory;
    let mut found = false;
    each_value(view, &pair.left, made_left, memory, &mut |left| {
        each_value(view, &pair.right, made_right, memory, &mut |right| {
            found = pair.comparison.holds(left, right);
            stop_if(found)
        });
        stop_if(found)
    });
    found
}

/// Calls `see` with each value of a source, of which what transformers make has been made.
pub(crate) fn each_value<V: View>(
    view: &V,
    source: &Source,
    made: Option<Made>,
    memory: &Memory,
    see: &mut dyn FnMut(&Value<'_>) -> ControlFlow<()>,
) {
    match (source, made) {
        (Source::Field(question), _) => visit(view, question, see),
        (Source::Made(_), Some(made)) => {
            let _ = memory.values(made).try_for_each(|value| see(&value));
        }
        (Source::Made(_), None) => {}
    }
}

/// Calls `see` with each value that a question finds.
///
/// Each type of `see` becomes code for every field, so there are two: for the plain test of a field, and one
/// behind a pointer for all that is rare.
pub(crate) fn visit<V: View, F: FnMut(&Value<'_>) -> ControlFlow<()>>(
    view: &V,
    question: &Question,
    mut see: F,
) {
    view.visit(question.field, &question.arg, |value| {
        let Some(path) = &question.path else {
            return see(&value);
        };
        value.with_text(|document| {
            let mut any = false;
            let flow = path.visit(document, &mut |text| {
                any = true;
                see(&Value::Text(text))
            });
            if !any && question.zero {
                return see(&Value::Text(b""));
            }
            flow
        })
    });
}

const fn stop_if(found: bool) -> ControlFlow<()> {
    if found {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}
