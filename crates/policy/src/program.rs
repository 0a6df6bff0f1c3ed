//! Conditions of many rules as one graph, in which equal parts exist once.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use sysflow_field::{Catalogue, FieldId, KindSet, Role};

use crate::predicate::{Pair, Predicate, Question, Spec, fails_on_nothing};
use crate::test::Test;
use crate::transform::Transform;

/// How deep the graph may be: evaluation walks it recursively.
pub(crate) const MAX_DEPTH: u32 = 1000;

/// A part of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(pub(crate) u32);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    Constant(bool),
    /// Index of a predicate.
    Test(u32),
    Not(NodeId),
    All(Box<[NodeId]>),
    Any(Box<[NodeId]>),
    /// Exactly one of them; one that is there twice counts twice.
    One(Box<[NodeId]>),
}

/// A predicate ready to run.
#[derive(Debug)]
pub(crate) enum Runnable {
    Field {
        question: Question,
        test: Test,
    },
    Every {
        question: Question,
        test: Test,
    },
    Made {
        transform: Box<Transform>,
        test: Test,
    },
    Pair(Box<Pair>),
}

impl Runnable {
    /// Calls `see` with each field that is asked for.
    pub(crate) fn each_question<'r>(&'r self, see: &mut impl FnMut(&'r Question)) {
        match self {
            Self::Field { question, .. } | Self::Every { question, .. } => see(question),
            Self::Made { transform, .. } => transform.each_question(see),
            Self::Pair(pair) => {
                pair.left.each_question(see);
                pair.right.each_question(see);
            }
        }
    }
}

/// What an observation must at least be for a node to be true, or for it to be false.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) kinds: KindSet,
    /// At least one of these operations, or no matter what.
    pub(crate) operations: Option<u64>,
}

impl Reach {
    pub(crate) const ALL: Self = Self {
        kinds: KindSet::ALL,
        operations: None,
    };
    const NONE: Self = Self {
        kinds: KindSet::NONE,
        operations: Some(0),
    };

    /// What both demand. Of two demands on operations one is kept: an observation may stand for several
    /// operations, so meeting both does not mean to have one in common.
    fn and(self, other: Self) -> Self {
        let operations = match (self.operations, other.operations) {
            (Some(a), Some(b)) if b.count_ones() < a.count_ones() => Some(b),
            (Some(a), _) => Some(a),
            (None, b) => b,
        };
        Self {
            kinds: self.kinds.intersection(other.kinds),
            operations,
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            kinds: self.kinds.union(other.kinds),
            operations: self.operations.zip(other.operations).map(|(a, b)| a | b),
        }
    }
}

/// What is known of a node.
#[derive(Clone, Copy, Debug)]
struct Facts {
    if_true: Reach,
    if_false: Reach,
    depth: u32,
    cost: u32,
    /// Whether the node is a part that should stay one, such as a macro.
    kept: bool,
}

/// Builds the graph.
pub(crate) struct Builder {
    catalogue: &'static Catalogue,
    nodes: Vec<Node>,
    facts: Vec<Facts>,
    known: HashMap<Node, NodeId, RandomState>,
    predicates: Vec<Predicate>,
    known_predicates: HashMap<Predicate, u32, RandomState>,
}

impl Builder {
    pub(crate) fn new(catalogue: &'static Catalogue) -> Self {
        Self {
            catalogue,
            nodes: Vec::new(),
            facts: Vec::new(),
            known: HashMap::default(),
            predicates: Vec::new(),
            known_predicates: HashMap::default(),
        }
    }

    pub(crate) fn constant(&mut self, value: bool) -> NodeId {
        let (if_true, if_false) = if value {
            (Reach::ALL, Reach::NONE)
        } else {
            (Reach::NONE, Reach::ALL)
        };
        self.intern(Node::Constant(value), if_true, if_false, 0, 0)
    }

    /// A predicate; fails if it cannot be made ready to run.
    pub(crate) fn test(&mut self, predicate: Predicate) -> Result<NodeId, String> {
        let test = match &predicate {
            Predicate::Field { spec, .. }
            | Predicate::Every { spec, .. }
            | Predicate::Made { spec, .. } => Some(Test::new(spec)?),
            Predicate::Pair(_) => None,
        };
        Ok(self.intern_predicate(predicate, test.as_ref()))
    }

    fn intern_predicate(&mut self, predicate: Predicate, test: Option<&Test>) -> NodeId {
        let (if_true, if_false) = self.reach(&predicate, test);
        let cost = predicate.cost();
        let next = self.predicates.len() as u32;
        let index = *self
            .known_predicates
            .entry(predicate.clone())
            .or_insert(next);
        if index == next {
            self.predicates.push(predicate);
        }
        self.intern(Node::Test(index), if_true, if_false, 1, cost)
    }

    pub(crate) fn not(&mut self, inner: NodeId) -> NodeId {
        match self.nodes[inner.0 as usize] {
            Node::Constant(value) => self.constant(!value),
            Node::Not(original) => original,
            _ => {
                let facts = self.facts[inner.0 as usize];
                self.intern(
                    Node::Not(inner),
                    facts.if_false,
                    facts.if_true,
                    facts.depth + 1,
                    facts.cost,
                )
            }
        }
    }

    pub(crate) fn all(&mut self, parts: Vec<NodeId>) -> NodeId {
        self.combine(parts, true)
    }

    pub(crate) fn any(&mut self, parts: Vec<NodeId>) -> NodeId {
        self.combine(parts, false)
    }

    /// Exactly one of the parts.
    pub(crate) fn one(&mut self, parts: Vec<NodeId>) -> NodeId {
        if parts.len() < 2 {
            let only = parts.first().copied();
            return only.unwrap_or_else(|| self.constant(false));
        }
        let of_parts = || parts.iter().map(|part| self.facts[part.0 as usize]);
        let if_true = of_parts().map(|f| f.if_true).fold(Reach::NONE, Reach::or);
        let depth = 1 + of_parts().map(|facts| facts.depth).max().unwrap_or(0);
        let costs = of_parts().map(|facts| facts.cost);
        let cost = costs.fold(0, u32::saturating_add).min(100_000);
        self.intern(Node::One(parts.into()), if_true, Reach::ALL, depth, cost)
    }

    /// Marks a node as a part that is used in many places and should not be dissolved.
    pub(crate) fn keep(&mut self, node: NodeId) {
        self.facts[node.0 as usize].kept = true;
    }

    pub(crate) fn depth(&self, node: NodeId) -> u32 {
        self.facts[node.0 as usize].depth
    }

    pub(crate) fn if_true(&self, node: NodeId) -> Reach {
        self.facts[node.0 as usize].if_true
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    pub(crate) fn predicate(&self, index: u32) -> &Predicate {
        &self.predicates[index as usize]
    }

    /// How many nodes there are.
    pub(crate) const fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn cost(&self, node: NodeId) -> u32 {
        self.facts[node.0 as usize].cost
    }

    fn combine(&mut self, parts: Vec<NodeId>, all: bool) -> NodeId {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            let kept = self.facts[part.0 as usize].kept;
            match &self.nodes[part.0 as usize] {
                Node::Constant(value) if *value == all => {}
                Node::Constant(_) => return self.constant(!all),
                Node::All(inner) if all && !kept => flat.extend_from_slice(inner),
                Node::Any(inner) if !all && !kept => flat.extend_from_slice(inner),
                _ => flat.push(part),
            }
        }
        let mut flat = self.merged(&flat, all);
        flat.sort_by_key(|part| (self.facts[part.0 as usize].cost, *part));
        flat.dedup();
        if flat.len() < 2 {
            let only = flat.first().copied();
            return only.unwrap_or_else(|| self.constant(all));
        }
        let of_parts = || flat.iter().map(|part| self.facts[part.0 as usize]);
        let (narrow, wide) = (
            |of: fn(Facts) -> Reach| of_parts().map(of).fold(Reach::ALL, Reach::and),
            |of: fn(Facts) -> Reach| of_parts().map(of).fold(Reach::NONE, Reach::or),
        );
        let (if_true, if_false) = if all {
            (narrow(|f| f.if_true), wide(|f| f.if_false))
        } else {
            (wide(|f| f.if_true), narrow(|f| f.if_false))
        };
        let depth = 1 + of_parts().map(|facts| facts.depth).max().unwrap_or(0);
        let costs = of_parts().map(|facts| facts.cost);
        let cost = costs.fold(0, u32::saturating_add).min(100_000);
        let node = if all {
            Node::All(flat.into())
        } else {
            Node::Any(flat.into())
        };
        self.intern(node, if_true, if_false, depth, cost)
    }

    /// Joins tests of the same field into one: `a = x or a = y` asks for a set, and so does
    /// `not a = x and not a = y`.
    fn merged(&mut self, parts: &[NodeId], all: bool) -> Vec<NodeId> {
        let mut result: Vec<NodeId> = Vec::with_capacity(parts.len());
        let mut joined: Vec<(usize, Predicate, bool)> = Vec::new();
        for part in parts {
            let Some(predicate) = self.joinable(*part, all) else {
                result.push(*part);
                continue;
            };
            let fitting = joined
                .iter_mut()
                .find_map(|(_, known, changed)| known.absorb(predicate).then_some(changed));
            if let Some(changed) = fitting {
                *changed = true;
                continue;
            }
            joined.push((result.len(), predicate.clone(), false));
            result.push(*part);
        }
        for (at, predicate, changed) in joined {
            if !changed {
                continue;
            }
            // Sets that were fine alone are fine together, but for limits of size: then they stay apart.
            let Ok(test) = self.test(predicate) else {
                return parts.to_vec();
            };
            result[at] = if all { self.not(test) } else { test };
        }
        result
    }

    fn joinable(&self, part: NodeId, all: bool) -> Option<&Predicate> {
        let test = match (&self.nodes[part.0 as usize], all) {
            (Node::Not(inner), true) => &self.nodes[inner.0 as usize],
            (node, false) => node,
            _ => return None,
        };
        match test {
            Node::Test(index) => Some(&self.predicates[*index as usize]),
            _ => None,
        }
    }

    fn intern(
        &mut self,
        node: Node,
        if_true: Reach,
        if_false: Reach,
        depth: u32,
        cost: u32,
    ) -> NodeId {
        if let Some(id) = self.known.get(&node) {
            return *id;
        }
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(node.clone());
        self.facts.push(Facts {
            if_true,
            if_false,
            depth,
            cost,
            kept: false,
        });
        self.known.insert(node, id);
        id
    }

    /// What an observation must be for a predicate to be true, and to be false.
    fn reach(&self, predicate: &Predicate, test: Option<&Test>) -> (Reach, Reach) {
        let (question, spec, test) = match (predicate, test) {
            (Predicate::Field { question, spec }, Some(test)) => (question, spec, test),
            (Predicate::Every { question, .. }, _) => {
                let field = self.catalogue.field(question.field);
                let reach = Reach {
                    kinds: field.kinds,
                    ..Reach::ALL
                };
                return (reach, Reach::ALL);
            }
            _ => return (Reach::ALL, Reach::ALL),
        };
        let field = self.catalogue.field(question.field);
        let texts = match spec {
            Spec::Equals(texts) => Some(texts),
            _ => None,
        };
        if let (Role::Kind, Some(texts)) = (field.role, texts) {
            let kinds = texts.iter().filter_map(|text| self.catalogue.kind(text));
            let kinds = kinds.fold(KindSet::NONE, |all, kind| all.union(KindSet::of(kind)));
            let reach = |kinds| Reach {
                kinds,
                ..Reach::ALL
            };
            return (reach(kinds), reach(KindSet(!kinds.0)));
        }
        let kinds = if fails_on_nothing(field, test) {
            field.kinds
        } else {
            KindSet::ALL
        };
        let operations = match (field.role, texts) {
            (Role::Operation, Some(texts)) => {
                let mut bits = texts.iter().map(|text| self.catalogue.operation(text));
                bits.try_fold(0, |all, bits| bits.map(|bits| all | bits))
            }
            _ => None,
        };
        let operations = operations.or_else(|| {
            let narrow = self.catalogue.keys.operations;
            fails_on_nothing(field, test)
                .then(|| narrow(question.field, &question.arg))
                .flatten()
        });
        (Reach { kinds, operations }, Reach::ALL)
    }

    /// The finished program, of which only what `roots` need, and what `asked` need, is made ready to run. What
    /// is asked for by itself counts as one more use.
    pub(crate) fn finish(self, roots: &[NodeId], asked: &[NodeId]) -> Program {
        let mut uses = vec![0_u32; self.nodes.len()];
        let mut pending: Vec<NodeId> = [roots, asked].concat();
        while let Some(id) = pending.pop() {
            uses[id.0 as usize] += 1;
            if uses[id.0 as usize] > 1 {
                continue;
            }
            match &self.nodes[id.0 as usize] {
                Node::Constant(_) | Node::Test(_) => {}
                Node::Not(inner) => pending.push(*inner),
                Node::All(parts) | Node::Any(parts) | Node::One(parts) => {
                    pending.extend_from_slice(parts);
                }
            }
        }
        let mut needed = vec![false; self.predicates.len()];
        for (node, uses) in self.nodes.iter().zip(&uses) {
            if let (Node::Test(index), 1..) = (node, *uses) {
                needed[*index as usize] = true;
            }
        }
        let predicates = self.predicates.into_iter().zip(&needed);
        let runnables = predicates.map(|(predicate, needed)| {
            let ready = |spec: Spec| {
                // It was tried before, so it can be made ready.
                let test = Some(spec).filter(|_| *needed).map(|spec| Test::new(&spec));
                test.and_then(Result::ok).unwrap_or(Test::Never)
            };
            match predicate {
                Predicate::Field { question, spec } => Runnable::Field {
                    question,
                    test: ready(spec),
                },
                Predicate::Every { question, spec } => Runnable::Every {
                    question,
                    test: ready(spec),
                },
                Predicate::Made { transform, spec } => Runnable::Made {
                    transform,
                    test: ready(spec),
                },
                Predicate::Pair(pair) => Runnable::Pair(pair),
            }
        });
        Program {
            runnables: runnables.collect(),
            remembered: uses.iter().map(|uses| *uses > 1).collect(),
            nodes: self.nodes,
        }
    }
}

/// A graph of conditions, ready to run.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) nodes: Vec<Node>,
    pub(crate) runnables: Vec<Runnable>,
    /// Nodes that several others need: their answer is worth remembering.
    pub(crate) remembered: Vec<bool>,
}

impl Program {
    /// The fields that a part of the program asks for, each once.
    pub(crate) fn fields(&self, root: NodeId) -> Vec<FieldId> {
        let mut seen = vec![false; self.nodes.len()];
        let mut pending = vec![root];
        let mut fields = Vec::new();
        while let Some(id) = pending.pop() {
            if std::mem::replace(&mut seen[id.0 as usize], true) {
                continue;
            }
            match &self.nodes[id.0 as usize] {
                Node::Constant(_) => {}
                Node::Test(index) => {
                    self.runnables[*index as usize]
                        .each_question(&mut |question| fields.push(question.field));
                }
                Node::Not(inner) => pending.push(*inner),
                Node::All(parts) | Node::Any(parts) | Node::One(parts) => {
                    pending.extend_from_slice(parts);
                }
            }
        }
        fields.sort_unstable();
        fields.dedup();
        fields
    }
}
