//! What is asked of one observation: plain data that can be compared, merged and counted.
//!
//! [`Test`](crate::test::Test) is the same made ready to run.

use std::collections::BTreeSet;

use sysflow_field::{Absence, Arg, Argument, Catalogue, Field, FieldId, Fraction, Value};

use crate::json::JsonPath;
use crate::literal::Network;
use crate::pattern;
use crate::test::Test;
use crate::transform::Transform;

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
    /// One of these fractions.
    Fractions(BTreeSet<Fraction>),
    /// A fraction less or greater than this one.
    FractionOrder(Order, Fraction),
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
            (Self::Fractions(a), Self::Fractions(b)) => join(a, b),
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
            | Self::Fractions(_)
            | Self::FractionOrder(..)
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

impl Question {
    /// The field with its argument, as a condition writes it.
    pub(crate) fn spelled(&self, catalogue: &Catalogue) -> String {
        let name = catalogue.field(self.field).name;
        match (&self.arg, &self.path) {
            (_, Some(path)) => format!("{name}[{path}]"),
            (Arg::None, None) => name.to_owned(),
            (Arg::Index(index), None) => format!("{name}[{index}]"),
            (Arg::Key(key), None) if catalogue.field(self.field).argument == Argument::Key => {
                format!("{name}.{key}")
            }
            (Arg::Key(key), None) => format!("{name}[{key}]"),
        }
    }
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
    Glob { ignore_case: bool },
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
            (Self::Order(order), Value::Fraction(left), Value::Fraction(right)) => {
                order.holds(left, right)
            }
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
            Self::Glob { ignore_case } => pattern::glob_matches(right, left, ignore_case),
            Self::EqualIgnoringCase => left.eq_ignore_ascii_case(right),
            Self::StartsWithIgnoringCase => starts_ignoring_case(left, right),
            Self::EndsWithIgnoringCase => ends_ignoring_case(left, right),
        }
    }
}

/// Where the values of one side of a comparison come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// A field.
    Field(Question),
    /// Transformers.
    Made(Transform),
}

impl Source {
    /// The path into a document that is followed, if the source is a field.
    pub(crate) const fn path(&self) -> Option<&JsonPath> {
        match self {
            Self::Field(question) => question.path.as_ref(),
            Self::Made(_) => None,
        }
    }

    /// Calls `see` with each field that is asked for.
    pub(crate) fn each_question<'s>(&'s self, see: &mut impl FnMut(&'s Question)) {
        match self {
            Self::Field(question) => see(question),
            Self::Made(transform) => transform.each_question(see),
        }
    }

    fn cost(&self) -> u32 {
        let mut cost = match self {
            Self::Field(_) => 0,
            Self::Made(_) => 8,
        };
        self.each_question(&mut |question| {
            cost += if question.path.is_some() { 50 } else { 1 };
        });
        cost
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
    /// Whether a field has values, and all are so.
    Every { question: Question, spec: Spec },
    /// Whether any value that transformers make is so.
    Made {
        transform: Box<Transform>,
        spec: Spec,
    },
    /// Whether any value of one field compares so with any of another.
    Pair(Box<Pair>),
}

/// Two fields and how they are compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pair {
    pub(crate) left: Source,
    pub(crate) comparison: Comparison,
    pub(crate) right: Source,
}

impl Predicate {
    /// Whether any value of a source is so.
    pub(crate) fn of(source: Source, spec: Spec) -> Self {
        match source {
            Source::Field(question) => Self::Field { question, spec },
            Source::Made(transform) => Self::Made {
                transform: transform.into(),
                spec,
            },
        }
    }

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
            (
                Self::Made { transform, spec },
                Self::Made {
                    transform: same,
                    spec: other,
                },
            ) => transform == same && spec.absorb(other),
            _ => false,
        }
    }

    pub(crate) fn cost(&self) -> u32 {
        match self {
            Self::Field { question, spec } | Self::Every { question, spec } => {
                spec.cost() + if question.path.is_some() { 50 } else { 0 }
            }
            Self::Made { transform, spec } => {
                let mut cost = spec.cost() + 8;
                transform.each_question(&mut |question| {
                    cost += if question.path.is_some() { 50 } else { 1 };
                });
                cost
            }
            Self::Pair(pair) => 4 + pair.left.cost() + pair.right.cost(),
        }
    }
}

/// Whether a test is false wherever the field has nothing to say, so that only observations of the kinds
/// that carry the field can pass.
pub(crate) fn fails_on_nothing(field: &Field, test: &Test) -> bool {
    field.absence == Absence::Missing || !test.holds(&field.ty.zero())
}
