//! What is asked of one observation: plain data that can be compared, merged and counted.
//!
//! [`Test`](crate::test::Test) is the same made ready to run.

use std::collections::BTreeSet;

use sysflow_field::{Absence, Arg, Field, FieldId, Value};

use crate::json::JsonPath;
use crate::literal::Network;
use crate::test::Test;

/// Order between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    pub(crate) fn holds<T: Ord + ?Sized>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

/// A set of byte strings.
pub(crate) type Texts = BTreeSet<Box<[u8]>>;

/// What a value must be. Texts are compared with the value as text, whatever its type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Spec {
    /// Anything at all.
    Present,
    /// Something other than the zero value.
    NotZero,
    /// One of these texts.
    Equals(Texts),
    /// The same, ASCII case ignored; the texts are in lower case.
    EqualsIgnoringCase(Texts),
    /// A text with one of these in it.
    Contains(Texts),
    /// The same, ASCII case ignored; the texts are in lower case.
    ContainsIgnoringCase(Texts),
    /// A text that starts with one of these.
    StartsWith(Texts),
    /// The same, ASCII case ignored; the texts are in lower case.
    StartsWithIgnoringCase(Texts),
    /// A text that ends with one of these.
    EndsWith(Texts),
    /// The same, ASCII case ignored; the texts are in lower case.
    EndsWithIgnoringCase(Texts),
    /// A path at or below one of these, which have no slash at either end.
    Below(Texts),
    /// A text that one of these regular expressions matches as a whole.
    Matches(BTreeSet<String>),
    /// A text that one of these regular expressions matches a part of.
    Finds(BTreeSet<String>),
    /// A text before or after this one, by bytes.
    TextOrder(Order, Box<[u8]>),
    /// One of these numbers; truth values are 0 and 1.
    Integers(BTreeSet<i64>),
    /// A number less or greater than this one.
    IntegerOrder(Order, i64),
    /// An address in one of these networks.
    Networks(BTreeSet<Network>),
}

impl Spec {
    /// Makes this spec say "this or that", if one spec can say so; whether it could.
    fn absorb(&mut self, other: &Self) -> bool {
        fn join<T: Clone + Ord>(all: &mut BTreeSet<T>, more: &BTreeSet<T>) -> bool {
            all.extend(more.iter().cloned());
            true
        }
        match (self, other) {
            (Self::Equals(a), Self::Equals(b))
            | (Self::EqualsIgnoringCase(a), Self::EqualsIgnoringCase(b))
            | (Self::StartsWithIgnoringCase(a), Self::StartsWithIgnoringCase(b))
            | (Self::EndsWithIgnoringCase(a), Self::EndsWithIgnoringCase(b))
            | (Self::Contains(a), Self::Contains(b))
            | (Self::ContainsIgnoringCase(a), Self::ContainsIgnoringCase(b))
            | (Self::StartsWith(a), Self::StartsWith(b))
            | (Self::EndsWith(a), Self::EndsWith(b))
            | (Self::Below(a), Self::Below(b)) => join(a, b),
            (Self::Integers(a), Self::Integers(b)) => join(a, b),
            (Self::Networks(a), Self::Networks(b)) => join(a, b),
            _ => false,
        }
    }

    /// A rough price of asking, by which cheap questions come first.
    fn cost(&self) -> u32 {
        match self {
            Self::Present
            | Self::NotZero
            | Self::Integers(_)
            | Self::IntegerOrder(..)
            | Self::TextOrder(..) => 1,
            Self::Equals(texts) | Self::EqualsIgnoringCase(texts) => 2 + u32::from(texts.len() > 8),
            Self::Networks(networks) => 2 + networks.len().min(20) as u32,
            Self::StartsWith(texts)
            | Self::EndsWith(texts)
            | Self::StartsWithIgnoringCase(texts)
            | Self::EndsWithIgnoringCase(texts) => 2 + texts.len().min(20) as u32 / 4,
            Self::Below(texts) => 3 + texts.len().min(20) as u32 / 2,
            Self::Contains(_) => 10,
            Self::ContainsIgnoringCase(_) => 14,
            Self::Matches(_) | Self::Finds(_) => 40,
        }
    }
}

/// Whose values are looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub(crate) field: FieldId,
    /// The argument for the view. Paths into JSON documents are ours to follow.
    pub(crate) arg: Arg,
    pub(crate) path: Option<JsonPath>,
    /// Whether a path that leads nowhere gives the empty text.
    pub(crate) zero: bool,
}

/// How two fields are compared, any value of the one with any of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Comparison {
    Equal,
    Order(Order),
    Contains,
    ContainsIgnoringCase,
    StartsWith,
    EndsWith,
    EqualIgnoringCase,
    StartsWithIgnoringCase,
    EndsWithIgnoringCase,
}

impl Comparison {
    pub(crate) fn holds(self, left: &Value<'_>, right: &Value<'_>) -> bool {
        match (self, left, right) {
            (Self::Equal, Value::Ip(left), Value::Ip(right)) => left == right,
            (Self::Equal, Value::Text(left), Value::Text(right)) => left == right,
            (Self::Equal, Value::Int(left), Value::Int(right)) => left == right,
            (Self::Order(order), Value::Text(left), Value::Text(right)) => order.holds(left, right),
            (Self::Order(order), ..) => match (left.as_int(), right.as_int()) {
                (Some(left), Some(right)) => order.holds(&left, &right),
                _ => false,
            },
            _ => left.with_text(|left| right.with_text(|right| self.holds_for_texts(left, right))),
        }
    }

    fn holds_for_texts(self, left: &[u8], right: &[u8]) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Order(order) => order.holds(left, right),
            Self::Contains => memchr::memmem::find(left, right).is_some(),
            Self::ContainsIgnoringCase => {
                let mut windows = left.windows(right.len().max(1));
                right.is_empty() || windows.any(|window| window.eq_ignore_ascii_case(right))
            }
            Self::StartsWith => left.starts_with(right),
            Self::EndsWith => left.ends_with(right),
            Self::EqualIgnoringCase => left.eq_ignore_ascii_case(right),
            Self::StartsWithIgnoringCase => starts_ignoring_case(left, right),
            Self::EndsWithIgnoringCase => ends_ignoring_case(left, right),
        }
    }
}

/// Whether a text starts with another, ASCII case ignored.
pub(crate) fn starts_ignoring_case(text: &[u8], start: &[u8]) -> bool {
    let head = text.get(..start.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// Whether a text ends with another, ASCII case ignored.
pub(crate) fn ends_ignoring_case(text: &[u8], end: &[u8]) -> bool {
    let tail = text.len().checked_sub(end.len()).map(|at| &text[at..]);
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

/// One question with a yes or a no for an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Predicate {
    /// Whether any value of a field is so.
    Field { question: Question, spec: Spec },
    /// Whether any value of one field compares so with any of another.
    Pair(Box<Pair>),
}

/// Two fields and how they are compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pair {
    pub(crate) left: Question,
    pub(crate) comparison: Comparison,
    pub(crate) right: Question,
}

impl Predicate {
    /// Makes this predicate say "this or that", if one predicate can say so; whether it could.
    pub(crate) fn absorb(&mut self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Field { question, spec },
                Self::Field {
                    question: same,
                    spec: other,
                },
            ) => question == same && spec.absorb(other),
            _ => false,
        }
    }

    pub(crate) fn cost(&self) -> u32 {
        match self {
            Self::Field { question, spec } => {
                spec.cost() + if question.path.is_some() { 50 } else { 0 }
            }
            Self::Pair(pair) => {
                let paths = [&pair.left.path, &pair.right.path];
                6 + 50 * paths.into_iter().flatten().count() as u32
            }
        }
    }
}

/// Whether a test is false wherever the field has nothing to say, so that only observations of the kinds
/// that carry the field can pass.
pub(crate) fn fails_on_nothing(field: &Field, test: &Test) -> bool {
    field.absence == Absence::Missing || !test.holds(&field.ty.zero())
}
