//! Correlation rules: conditions on how often, and in which order, other rules match.

use std::time::Duration;

use super::collection::Keys;
use super::metadata::{Head, Metadata};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::document::{Entry, Node};
use crate::priority::Priority;
use crate::source::MappedText;

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
    /// Different values of a field.
    ValueCount {
        /// The field, by Sigma's name.
        field: String,
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
        }
    }
}

/// A correlation rule whose references are not resolved yet.
pub(super) struct CorrelationItem {
    pub(super) title: MappedText,
    /// The word for its type.
    pub(super) kind: MappedText,
    pub(super) rules: Vec<MappedText>,
    /// Names, and what they mean in which rule.
    pub(super) aliases: Vec<(String, Vec<(MappedText, String)>)>,
    pub(super) correlation: Correlation,
}

const KINDS: [&str; 4] = ["event_count", "value_count", "temporal", "temporal_ordered"];

/// Reads the correlation section. `None` after an error, which has been reported.
pub(super) fn read(keys: &mut Keys<'_, '_>, head: Head) -> Option<CorrelationItem> {
    let generate = keys.text("generate");
    let Some((entries, span)) = keys.map("correlation") else {
        keys.missing("correlation");
        return None;
    };
    let mut inner = Keys {
        entries,
        span,
        note: keys.note.clone(),
        problems: &mut *keys.problems,
        faulty: keys.faulty,
    };
    inner.check_unique();
    let generate = inner.text("generate").or(generate);
    let kind_word = inner.text("type");
    if kind_word.is_none() {
        inner.missing("type");
    }
    let rules = inner.texts("rules");
    if rules.is_empty() {
        inner.missing("rules");
    }
    let timespan = timespan(&mut inner);
    let kind_word = kind_word?;
    let is_temporal = kind_word.text.starts_with("temporal");
    let (field, bounds) = condition(&mut inner, is_temporal);
    let kind = match (kind_word.text.as_str(), field) {
        ("event_count", None) => Some(CorrelationKind::EventCount),
        ("value_count", Some(field)) => Some(CorrelationKind::ValueCount { field }),
        ("value_count", None) => {
            let message = "`value_count` needs a `field` in its condition";
            inner.error(Code::Shape, kind_word.span, message);
            None
        }
        ("temporal", None) => Some(CorrelationKind::Temporal),
        ("temporal_ordered", None) => Some(CorrelationKind::TemporalOrdered),
        (known, Some(_)) if KINDS.contains(&known) => {
            let message = "only `value_count` has a `field` in its condition";
            inner.error(Code::Shape, kind_word.span, message);
            None
        }
        (other, _) => {
            let message = format!("there are no correlations of type `{other}`");
            let problem = Diagnostic::error(Code::Unsupported, kind_word.span, message);
            inner.report(match nearest(other, KINDS.into_iter()) {
                Some(known) => problem.help(format!("did you mean `{known}`?")),
                None => problem.help(format!("types are {}", KINDS.join(", "))),
            });
            None
        }
    };
    let group_by = inner.strings("group-by");
    let aliases = aliases(&mut inner);
    let faulty = inner.faulty;
    keys.faulty |= faulty;
    let (Some(kind), Some(timespan), false) = (kind, timespan, faulty) else {
        return None;
    };
    Some(CorrelationItem {
        title: head.title.clone(),
        kind: kind_word,
        correlation: Correlation {
            name: head.title.text,
            desc: head.description,
            priority: head.priority,
            tags: head.tags,
            metadata: head.metadata,
            kind,
            rules: Vec::new(),
            group_by,
            aliases: Vec::new(),
            timespan,
            bounds,
            generate: generate.is_some_and(|word| word.text == "true"),
        },
        rules,
        aliases,
    })
}

/// A number and a unit: `15s`, `90m`, `1h`, `7d`.
fn timespan(keys: &mut Keys<'_, '_>) -> Option<Duration> {
    let Some(text) = keys.text("timespan").or_else(|| keys.text("timeframe")) else {
        keys.missing("timespan");
        return None;
    };
    let parsed = parse_timespan(&text.text);
    if parsed.is_none() {
        let message = format!("`{}` is not a span of time", text.text);
        let problem = Diagnostic::error(Code::BadLiteral, text.span, message);
        keys.report(problem.help("write a number and s, m, h or d, such as `15m`"));
    }
    parsed
}

fn parse_timespan(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let number: u64 = text[..text.len() - 1].parse().ok()?;
    // Times are nanoseconds in 63 bits.
    let seconds = number
        .checked_mul(seconds)
        .filter(|s| *s < i64::MAX as u64 / 1_000_000_000)?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// The field and the bounds of a condition.
fn condition(keys: &mut Keys<'_, '_>, is_temporal: bool) -> (Option<String>, Vec<Bound>) {
    if let Some(Entry {
        value: Node::Scalar(text),
        ..
    }) = keys.get("condition")
    {
        let message = "conditions of correlations on which rules match are not supported";
        let problem = Diagnostic::error(Code::Unsupported, text.span, message);
        keys.report(problem.help("write a bound such as `gte: 2`, or leave it out for all rules"));
        return (None, Vec::new());
    }
    let Some((entries, _)) = keys.map("condition") else {
        if !is_temporal {
            keys.missing("condition");
        }
        return (None, Vec::new());
    };
    let (mut field, mut bounds) = (None, Vec::new());
    for entry in entries {
        let key = entry.key.text.as_str();
        let text = match &entry.value {
            Node::Scalar(text) => text.text.as_str(),
            _ => "",
        };
        if key == "field" {
            field = Some(text.to_owned()).filter(|field| !field.is_empty());
            if field.is_none() {
                let message = "`field` must be the name of one field";
                keys.error(Code::Unsupported, entry.value.span(), message);
            }
            continue;
        }
        let bound: fn(u64) -> Bound = match key {
            "gt" => Bound::Greater,
            "gte" => Bound::GreaterOrEqual,
            "lt" => Bound::Less,
            "lte" => Bound::LessOrEqual,
            "eq" => Bound::Equal,
            _ => {
                let message = format!("a condition of a correlation has no key `{key}`");
                let problem = Diagnostic::error(Code::UnknownKey, entry.key.span, message);
                keys.report(problem.help("it has gt, gte, lt, lte, eq and field"));
                continue;
            }
        };
        if let Ok(number) = text.parse() {
            bounds.push(bound(number));
        } else {
            let message = format!("`{key}` takes a number");
            keys.error(Code::BadLiteral, entry.value.span(), message);
        }
    }
    if bounds.is_empty() && !is_temporal && !keys.faulty {
        let message = "the condition says nothing of a count";
        let span = keys.get("condition").map_or(keys.span, |e| e.key.span);
        keys.error(Code::Shape, span, message);
    }
    (field, bounds)
}

fn aliases(keys: &mut Keys<'_, '_>) -> Vec<(String, Vec<(MappedText, String)>)> {
    let Some((entries, _)) = keys.map("aliases") else {
        return Vec::new();
    };
    let mut aliases = Vec::new();
    for entry in entries {
        let Node::Map(fields, _) = &entry.value else {
            let message = "an alias has rules as keys and fields as values";
            keys.error(Code::Shape, entry.value.span(), message);
            continue;
        };
        let mut meant = Vec::new();
        for field in fields {
            match &field.value {
                Node::Scalar(name) => meant.push((field.key.clone(), name.text.clone())),
                other => keys.error(Code::Shape, other.span(), "this is not the name of a field"),
            }
        }
        aliases.push((entry.key.text.clone(), meant));
    }
    aliases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_have_a_unit() {
        assert_eq!(parse_timespan("90m"), Some(Duration::from_secs(5400)));
        assert_eq!(parse_timespan("7d"), Some(Duration::from_secs(604_800)));
        for text in [
            "",
            "5",
            "m",
            "5M",
            "1h30m",
            "0s",
            "99999999999999d",
            "-1s",
            "é",
        ] {
            assert_eq!(parse_timespan(text), None, "{text}");
        }
    }
}
