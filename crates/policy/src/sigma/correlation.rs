//! Correlation rules: conditions on how often, and in which order, other rules match.

use std::time::Duration;

use super::metadata::Metadata;
use crate::priority::Priority;

/// A correlation rule.
#[derive(Clone, Debug)]
pub struct Correlation {
    /// Its title.
    pub name: String,
    /// What it looks for.
    pub desc: String,
    /// How urgent it is.
    pub priority: Priority,
    /// Labels.
    pub tags: Vec<String>,
    /// What it says about itself.
    pub metadata: Metadata,
    /// What is counted.
    pub kind: CorrelationKind,
    /// The rules, or other correlations, that it is about: by their titles, in the order of the file.
    pub rules: Vec<String>,
    /// Names of Sigma's fields, or aliases: what has different values in them is counted apart.
    pub group_by: Vec<String>,
    /// Names in `group_by` that mean different fields in different rules.
    pub aliases: Vec<Alias>,
    /// The time in which it all must happen.
    pub timespan: Duration,
    /// What the count must be.
    pub bounds: Vec<Bound>,
    /// Whether the rules give alerts of their own too.
    pub generate: bool,
}

/// What a correlation rule counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorrelationKind {
    /// Matches.
    EventCount,
    /// Different values of a field, or of several together.
    ValueCount {
        /// The fields, by Sigma's names.
        fields: Vec<String>,
    },
    /// Different rules that match.
    Temporal,
    /// The same, in the order of the rules.
    TemporalOrdered,
}

/// A name that means a field in each of several rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The name.
    pub name: String,
    /// Titles of rules, and the fields that are meant in them.
    pub fields: Vec<(String, String)>,
}

/// What a count must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Greater than this.
    Greater(u64),
    /// This or greater.
    GreaterOrEqual(u64),
    /// Less than this.
    Less(u64),
    /// This or less.
    LessOrEqual(u64),
    /// Exactly this.
    Equal(u64),
    /// Anything but this.
    NotEqual(u64),
}

impl Bound {
    /// Whether a count is as it must be.
    pub const fn holds(self, count: u64) -> bool {
        match self {
            Self::Greater(bound) => count > bound,
            Self::GreaterOrEqual(bound) => count >= bound,
            Self::Less(bound) => count < bound,
            Self::LessOrEqual(bound) => count <= bound,
            Self::Equal(bound) => count == bound,
            Self::NotEqual(bound) => count != bound,
        }
    }
}
