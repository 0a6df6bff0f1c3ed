//! Why a condition is true or false of one observation: what `sysflow rules explain` shows.

use std::collections::HashSet;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use sysflow_field::{Value, View};

use crate::eval::{Evaluator, visit};
use crate::predicate::Question;
use crate::program::{Node, NodeId, Program};
use crate::ruleset::{Condition, RuleId, RuleSet};
use crate::source::Span;

/// A condition as it is written, with the parts of the program that answer it.
#[derive(Debug)]
pub(crate) enum Trace {
    All(Vec<Arc<Trace>>),
    Any(Vec<Arc<Trace>>),
    Not(Arc<Trace>),
    Check {
        node: NodeId,
        text: String,
        span: Span,
    },
    Macro {
        name: String,
        span: Span,
        node: NodeId,
        inner: Arc<Trace>,
    },
}

impl Trace {
    /// The parts of the program that the checks ask, but for those in macros that were seen.
    pub(crate) fn checks(&self, seen: &mut HashSet<*const Self>, nodes: &mut Vec<NodeId>) {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.checks(seen, nodes);
                }
            }
            Self::Not(inner) => inner.checks(seen, nodes),
            Self::Macro { inner, .. } => {
                if seen.insert(Arc::as_ptr(inner)) {
                    inner.checks(seen, nodes);
                }
            }
            Self::Check { node, .. } => nodes.push(*node),
        }
    }
}

/// What a part of a condition is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of its parts must be true.
    All,
    /// One of its parts must be true.
    Any,
    /// Its part must be false.
    Not,
    /// A check, as it is written.
    Check(String),
    /// A macro of this name, with what it stands for.
    Macro(String),
}

/// What a field had to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The field, with its argument.
    pub field: String,
    /// Its values as text; none if it has none.
    pub values: Vec<String>,
}

/// A part of a condition, and what became of it for one observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What it is.
    pub part: Part,
    /// Where it is written; nothing for what only joins others.
    pub span: Option<Span>,
    /// Whether it is true. Parts that were not needed have an answer, too.
    pub holds: bool,
    /// Whether it was needed: `and` stops at the first part that is false, `or` at the first that is true.
    /// The order is that of the text; an [`Evaluator`] asks cheap parts first.
    pub needed: bool,
    /// What the fields of a check had to say, in the order in which it names them.
    pub found: Vec<Found>,
    /// The parts of it.
    pub parts: Vec<Explanation>,
}

/// Values of one field that are shown.
const MOST_VALUES: usize = 32;

impl<V: View> Condition<V> {
    /// Explains the condition for an observation.
    pub fn explain(&self, evaluator: &mut Evaluator, view: &V) -> Option<Explanation> {
        evaluator.begin(&self.program);
        let trace = self.trace.as_deref()?;
        let mut explainer = Explainer {
            program: &self.program,
            evaluator,
            view,
            left: MOST_PARTS,
        };
        Some(explainer.explain(trace, true))
    }
}

impl<V: View> RuleSet<V> {
    /// Explains a rule for an observation. Nothing if the rule does not exist or the set was loaded without
    /// [`LoadOptions::explain`](crate::LoadOptions::explain).
    pub fn explain(&self, id: RuleId, evaluator: &mut Evaluator, view: &V) -> Option<Explanation> {
        evaluator.begin(&self.program);
        let trace = self.traces.get(id.0 as usize)?.as_deref()?;
        let mut explainer = Explainer {
            program: &self.program,
            evaluator,
            view,
            left: MOST_PARTS,
        };
        Some(explainer.explain(trace, true))
    }
}

impl<V: View> RuleSet<V> {
    /// How near an observation comes to a rule: 1 if it matches, else the share of parts that are true, where
    /// a part that is made of parts counts for the share of its own. With `step` it is about one step of a
    /// sequence. `None` where [`RuleSet::explain`] has nothing to say.
    pub fn closeness(
        &self,
        id: RuleId,
        step: Option<usize>,
        evaluator: &mut Evaluator,
        view: &V,
    ) -> Option<f64> {
        let mut trace = self.traces.get(id.0 as usize)?.as_deref()?;
        if let (Some(step), Trace::Any(steps)) = (step, trace) {
            trace = steps.get(step)?;
        }
        evaluator.begin(&self.program);
        let mut left = MOST_PARTS;
        let mut holds = |node| evaluator.holds(&self.program, node, view);
        Some(trace.closeness(&mut holds, true, &mut left))
    }
}

impl Trace {
    /// How nearly it is as `wanted`, from 0 to 1.
    fn closeness(
        &self,
        holds: &mut impl FnMut(NodeId) -> bool,
        wanted: bool,
        left: &mut usize,
    ) -> f64 {
        *left = left.saturating_sub(1);
        match self {
            Self::Not(inner) => inner.closeness(holds, !wanted, left),
            Self::Check { node, .. } => f64::from(u8::from(holds(*node) == wanted)),
            Self::Macro { node, inner, .. } => {
                if *left == 0 || holds(*node) == wanted {
                    return f64::from(u8::from(holds(*node) == wanted));
                }
                inner.closeness(holds, wanted, left)
            }
            // That not all are true takes one that is false.
            Self::All(parts) | Self::Any(parts) => {
                let all = matches!(self, Self::All(_)) == wanted;
                let (mut sum, mut most) = (0.0, 0.0_f64);
                for part in parts {
                    let near = part.closeness(holds, wanted, left);
                    sum += near;
                    most = most.max(near);
                }
                if all {
                    sum / parts.len().max(1) as f64
                } else {
                    most
                }
            }
        }
    }
}

/// Parts that are shown: macros that use macros can be endless.
const MOST_PARTS: usize = 50_000;

struct Explainer<'e, V> {
    program: &'e Program,
    evaluator: &'e mut Evaluator,
    view: &'e V,
    /// How many parts may still be shown.
    left: usize,
}

impl<V: View> Explainer<'_, V> {
    fn explain(&mut self, trace: &Trace, needed: bool) -> Explanation {
        self.left = self.left.saturating_sub(1);
        let nothing = Vec::new;
        let (part, span, holds, found, parts) = match trace {
            Trace::All(parts) => {
                let parts = self.joined(parts, true, needed);
                let holds = parts.iter().all(|part| part.holds);
                (Part::All, None, holds, nothing(), parts)
            }
            Trace::Any(parts) => {
                let parts = self.joined(parts, false, needed);
                let holds = parts.iter().any(|part| part.holds);
                (Part::Any, None, holds, nothing(), parts)
            }
            Trace::Not(inner) => {
                let inner = self.explain(inner, needed);
                (Part::Not, None, !inner.holds, nothing(), vec![inner])
            }
            Trace::Check { node, text, span } => {
                let holds = self.evaluator.holds(self.program, *node, self.view);
                let found = found(self.program, *node, self.view);
                let part = Part::Check(text.clone());
                (part, Some(*span), holds, found, Vec::new())
            }
            Trace::Macro {
                name,
                span,
                node,
                inner,
            } => {
                let part = Part::Macro(name.clone());
                let holds = self.evaluator.holds(self.program, *node, self.view);
                let parts = if self.left > 0 {
                    vec![self.explain(inner, needed)]
                } else {
                    Vec::new()
                };
                (part, Some(*span), holds, nothing(), parts)
            }
        };
        Explanation {
            part,
            span,
            holds,
            needed,
            found,
            parts,
        }
    }

    /// Explains parts of which the first that is not `usual` decides.
    fn joined(&mut self, parts: &[Arc<Trace>], usual: bool, needed: bool) -> Vec<Explanation> {
        let mut going = needed;
        let explained = parts.iter().map(|part| {
            let part = self.explain(part, going);
            going &= part.holds == usual;
            part
        });
        explained.collect()
    }
}

/// The values of all fields that a check asks for.
fn found<V: View>(program: &Program, check: NodeId, view: &V) -> Vec<Found> {
    let mut questions: Vec<&Question> = Vec::new();
    let mut pending = vec![check];
    while let Some(node) = pending.pop() {
        match &program.nodes[node.0 as usize] {
            Node::Constant(_) => {}
            Node::Test(index) => {
                program.runnables[*index as usize].each_question(&mut |question| {
                    if !questions.contains(&question) {
                        questions.push(question);
                    }
                });
            }
            Node::Not(inner) => pending.push(*inner),
            Node::All(parts) | Node::Any(parts) | Node::One(parts) => {
                pending.extend(parts.iter().rev());
            }
        }
    }
    let found = questions.into_iter().map(|question| {
        let mut values = Vec::new();
        let see: &mut dyn FnMut(&Value<'_>) -> ControlFlow<()> = &mut |value| {
            values.push(value.to_string());
            if values.len() < MOST_VALUES {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        visit(view, question, see);
        Found {
            field: question.spelled(V::catalogue()),
            values,
        }
    });
    found.collect()
}

impl Explanation {
    /// Takes the part for the whole: what was not needed of it is so no longer because of its neighbours.
    pub fn require(&mut self) {
        self.need(true);
    }

    fn need(&mut self, needed: bool) {
        self.needed = needed;
        let mut going = needed;
        for part in &mut self.parts {
            part.need(going);
            match self.part {
                Part::All => going &= part.holds,
                Part::Any => going &= !part.holds,
                Part::Not | Part::Check(_) | Part::Macro(_) => {}
            }
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, level: usize) -> fmt::Result {
        let mark = match (self.needed, self.holds) {
            (false, _) => "-",
            (true, true) => "✓",
            (true, false) => "✗",
        };
        write!(f, "{:level$}{mark} ", "", level = level * 2)?;
        match &self.part {
            Part::All => f.write_str("all of")?,
            Part::Any => f.write_str("any of")?,
            Part::Not => f.write_str("not")?,
            Part::Check(text) => f.write_str(text)?,
            Part::Macro(name) => write!(f, "{name}:")?,
        }
        for found in &self.found {
            match found.values.as_slice() {
                [] => write!(f, "  [{} has no value]", found.field)?,
                values => write!(f, "  [{} = {}]", found.field, values.join(", "))?,
            }
        }
        for part in &self.parts {
            f.write_str("\n")?;
            part.write(f, level + 1)?;
        }
        Ok(())
    }
}

/// As a tree of lines: `✓` for what is true, `✗` for what is false, `-` for what was not needed.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}
