//! Asking one observation.

use std::ops::ControlFlow;

use sysflow_field::{Value, View};

use crate::predicate::{Comparison, Pair, Question};
use crate::program::{Node, NodeId, Program, Runnable};
use crate::ruleset::{Condition, Rule, RuleId, RuleSet};
use crate::stateful::StepId;

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
        let (kind, operations) = (view.kind() as usize, view.operations());
        self.begin(&set.program);
        for entry in set.drop_index.candidates(kind, operations) {
            if self.holds(&set.program, entry.root, view) {
                return Outcome::Dropped;
            }
        }
        let mut matched = 0;
        for entry in set.rule_index.candidates(kind, operations) {
            if self.holds(&set.program, entry.root, view) {
                matched += 1;
                on_match(RuleId(entry.item), &set.rules[entry.item as usize]);
            }
        }
        Outcome::Matched(matched)
    }

    /// Finds the steps of rules over several observations that an observation takes. Drop rules are not
    /// asked again: what [`rules`](Self::rules) has dropped is not to come here.
    pub fn steps<V: View>(&mut self, set: &RuleSet<V>, view: &V, mut on_step: impl FnMut(StepId)) {
        if set.plans.is_empty() {
            return;
        }
        self.begin(&set.program);
        let (kind, operations) = (view.kind() as usize, view.operations());
        for entry in set.plans.index.candidates(kind, operations) {
            if self.holds(&set.program, entry.root, view) {
                on_step(StepId(entry.item));
            }
        }
    }

    /// Forgets all answers.
    fn begin(&mut self, program: &Program) {
        if self.answers.len() < program.nodes.len() {
            self.answers.resize(program.nodes.len(), 0);
        }
        if self.generation >= LAST_GENERATION {
            self.answers.fill(0);
            self.generation = 0;
        }
        self.generation += 1;
    }

    fn holds<V: View>(&mut self, program: &Program, id: NodeId, view: &V) -> bool {
        let index = id.0 as usize;
        let remembered = program.remembered[index];
        if remembered && self.answers[index] >> 1 == self.generation {
            return self.answers[index] & 1 == 1;
        }
        let answer = match &program.nodes[index] {
            Node::Constant(value) => *value,
            Node::Test(test) => runs(&program.runnables[*test as usize], view),
            Node::Not(inner) => !self.holds(program, *inner, view),
            Node::All(parts) => parts.iter().all(|part| self.holds(program, *part, view)),
            Node::Any(parts) => parts.iter().any(|part| self.holds(program, *part, view)),
        };
        if remembered {
            self.answers[index] = self.generation << 1 | u32::from(answer);
        }
        answer
    }
}

fn runs<V: View>(runnable: &Runnable, view: &V) -> bool {
    match runnable {
        Runnable::Field { question, test } => {
            // The one place where tests ask a view, as each such place becomes code for every field.
            let mut found = false;
            view.visit(question.field, &question.arg, |value| {
                found = test_value(question, &value, |value| test.holds(value));
                stop_if(found)
            });
            found
        }
        Runnable::Pair(pair) => {
            let Pair {
                left,
                comparison,
                right,
            } = &**pair;
            let mut found = false;
            view.visit(left.field, &left.arg, |left_value| {
                found = test_value(left, &left_value, |left_value| {
                    pair_holds(view, *comparison, left_value, right)
                });
                stop_if(found)
            });
            found
        }
    }
}

fn pair_holds<V: View>(
    view: &V,
    comparison: Comparison,
    left: &Value<'_>,
    right: &Question,
) -> bool {
    let mut found = false;
    view.visit(right.field, &right.arg, |right_value| {
        found = test_value(right, &right_value, |right_value| {
            comparison.holds(left, right_value)
        });
        stop_if(found)
    });
    found
}

/// Tests a value, or what a path finds in it.
fn test_value(
    question: &Question,
    value: &Value<'_>,
    mut test: impl FnMut(&Value<'_>) -> bool,
) -> bool {
    let Some(path) = &question.path else {
        return test(value);
    };
    value.with_text(|document| {
        let (mut found, mut any) = (false, false);
        let _ = path.visit(document, &mut |text| {
            any = true;
            found = test(&Value::Text(text));
            stop_if(found)
        });
        if !any && question.zero {
            return test(&Value::Text(b""));
        }
        found
    })
}

const fn stop_if(found: bool) -> ControlFlow<()> {
    if found {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}
