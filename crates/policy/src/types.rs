//! Which operations a condition can be true of, by name, as Falco works it out.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use foldhash::fast::RandomState;
use sysflow_field::{Catalogue, Role};

use crate::predicate::{Order, Predicate, Spec};
use crate::program::{Builder, Node, NodeId};

/// A rule for more event codes than this is for too many. Most names have two codes.
const MANY_NAMES: usize = 100 / 2;

/// A set of names of operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Types {
    /// These.
    Only(Rc<BTreeSet<Box<[u8]>>>),
    /// All but these.
    AllBut(Rc<BTreeSet<Box<[u8]>>>),
}

impl Types {
    fn all() -> Self {
        Self::AllBut(Rc::default())
    }

    fn none() -> Self {
        Self::Only(Rc::default())
    }

    fn not(self) -> Self {
        match self {
            Self::Only(names) => Self::AllBut(names),
            Self::AllBut(names) => Self::Only(names),
        }
    }

    fn and(self, other: &Self) -> Self {
        let set = |names: Vec<Box<[u8]>>| Rc::new(names.into_iter().collect());
        match (self, other) {
            // Large sets are shared where they stay as they are.
            (Self::AllBut(a), b) if a.is_empty() => b.clone(),
            (a, Self::AllBut(b)) if b.is_empty() => a,
            (a, b) if a == *b => a,
            (Self::Only(a), Self::Only(b)) => Self::Only(set(a.intersection(b).cloned().collect())),
            (Self::Only(a), Self::AllBut(b)) => Self::Only(set(a.difference(b).cloned().collect())),
            (Self::AllBut(a), Self::Only(b)) => {
                Self::Only(set(b.difference(&a).cloned().collect()))
            }
            (Self::AllBut(a), Self::AllBut(b)) => Self::AllBut(set(a.union(b).cloned().collect())),
        }
    }

    fn or(self, other: &Self) -> Self {
        self.not().and(&other.clone().not()).not()
    }

    /// Whether these are so many that a rule for them costs much.
    pub(crate) fn are_too_many(&self) -> bool {
        match self {
            Self::Only(names) => names.len() > MANY_NAMES,
            Self::AllBut(_) => true,
        }
    }

    /// Whether there are none.
    pub(crate) fn are_none(&self) -> bool {
        matches!(self, Self::Only(names) if names.is_empty())
    }
}

/// Works out the types of parts, each once.
pub(crate) struct TypesOf<'b> {
    builder: &'b Builder,
    catalogue: &'static Catalogue,
    /// The types for which a part can be true, and those for which it can be false.
    known: HashMap<NodeId, (Types, Types), RandomState>,
}

impl<'b> TypesOf<'b> {
    pub(crate) fn new(builder: &'b Builder, catalogue: &'static Catalogue) -> Self {
        Self {
            builder,
            catalogue,
            known: HashMap::default(),
        }
    }

    /// The types for which a part can be true.
    pub(crate) fn of(&mut self, node: NodeId) -> Types {
        self.both(node).0
    }

    fn both(&mut self, node: NodeId) -> (Types, Types) {
        if let Some(known) = self.known.get(&node) {
            return known.clone();
        }
        let builder = self.builder;
        let both = match builder.node(node) {
            Node::Constant(true) => (Types::all(), Types::none()),
            Node::Constant(false) => (Types::none(), Types::all()),
            Node::Not(inner) => {
                let (if_true, if_false) = self.both(*inner);
                (if_false, if_true)
            }
            Node::All(parts) => {
                let mut both = (Types::all(), Types::none());
                for part in parts {
                    let (if_true, if_false) = self.both(*part);
                    both = (both.0.and(&if_true), both.1.or(&if_false));
                }
                both
            }
            Node::Any(parts) => {
                let mut both = (Types::none(), Types::all());
                for part in parts {
                    let (if_true, if_false) = self.both(*part);
                    both = (both.0.or(&if_true), both.1.and(&if_false));
                }
                both
            }
            Node::One(_) => (Types::all(), Types::all()),
            Node::Test(index) => self.test(builder.predicate(*index)),
        };
        self.known.insert(node, both.clone());
        both
    }

    fn test(&self, predicate: &Predicate) -> (Types, Types) {
        let any = (Types::all(), Types::all());
        let Predicate::Field { question, spec } = predicate else {
            return any;
        };
        let field = self.catalogue.field(question.field);
        let is_operation = field.role == Role::Operation || field.name == "syscall.type";
        match spec {
            // That an operation has a name is always so.
            Spec::Present if field.role == Role::Operation => (Types::all(), Types::none()),
            // Of a field that can have several at once, having one says nothing about the others.
            Spec::Equals(names) if is_operation && !field.list => {
                let types = Types::Only(Rc::new(names.clone()));
                (types.clone(), types.not())
            }
            Spec::Equals(names) if is_operation => {
                (Types::Only(Rc::new(names.clone())), Types::all())
            }
            // Rules say "never" and "always" in that way.
            Spec::Integers(numbers) if field.name == "evt.num" && numbers.iter().eq([&0]) => {
                (Types::none(), Types::all())
            }
            Spec::IntegerOrder(Order::GreaterOrEqual, 0 | 1)
            | Spec::IntegerOrder(Order::Greater, 0)
                if field.name == "evt.num" =>
            {
                (Types::all(), Types::none())
            }
            _ => any,
        }
    }
}
