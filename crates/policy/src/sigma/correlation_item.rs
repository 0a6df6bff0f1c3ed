//! Reads correlation rules.

use std::time::Duration;

use super::collection::{Keys, texts_of};
use super::condition::{self, Condition};
use super::correlation::{Bound, Correlation, CorrelationKind};
use super::metadata::Head;
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::document::{Entry, Node};
use crate::source::{MappedText, Span};

/// A correlation rule whose references are not resolved yet.
pub(super) struct CorrelationItem {
    pub(super) title: MappedText,
    /// The word for its type.
    pub(super) kind: MappedText,
    pub(super) rules: Vec<MappedText>,
    pub(super) group_by: Vec<MappedText>,
    /// The fields of which values are counted.
    pub(super) counted: Vec<MappedText>,
    /// Where its condition stands; its type, without one.
    pub(super) condition_span: Span,
    /// Names, and what they mean in which rule.
    pub(super) aliases: Vec<(String, Vec<(MappedText, MappedText)>)>,
    pub(super) correlation: Correlation,
}

const KINDS: [&str; 4] = ["event_count", "value_count", "temporal", "temporal_ordered"];

/// Types of the specification that need more than counting.
const OTHER_KINDS: [&str; 4] = ["value_sum", "value_avg", "value_percentile", "value_median"];

const KEYS: [&str; 8] = [
    "type",
    "rules",
    "group-by",
    "aliases",
    "timespan",
    "timeframe",
    "condition",
    "generate",
];

/// The rules that a correlation is about, if they are to give no alerts of their own: as far as that can be told of
/// one with errors.
pub(super) fn quieted(entries: &[Entry]) -> Vec<MappedText> {
    let get = |entries: &[Entry], key: &str| {
        let entry = entries.iter().find(|entry| entry.key.text == key);
        entry.map(|entry| entry.value.clone())
    };
    let Some(Node::Map(section, _)) = get(entries, "correlation") else {
        return Vec::new();
    };
    let generate = get(&section, "generate").or_else(|| get(entries, "generate"));
    match generate {
        Some(Node::Scalar(word)) if truth(&word.text) == Some(true) => Vec::new(),
        _ => get(&section, "rules")
            .map_or_else(Vec::new, |rules| texts_of(&rules).unwrap_or_default()),
    }
}

/// A truth value of YAML.
fn truth(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Reads the correlation section. `None` after an error, which has been reported.
pub(super) fn read(keys: &mut Keys<'_, '_>, head: Head) -> Option<CorrelationItem> {
    let generate = keys.text("generate");
    let (entries, span) = keys.section("correlation")?;
    let mut inner = Keys {
        entries,
        span,
        note: keys.note.clone(),
        problems: &mut *keys.problems,
        faulty: keys.faulty,
    };
    inner.check_unique();
    unknown_keys(&mut inner);
    let generate = inner.text("generate").or(generate);
    let generate = generate.is_some_and(|word| {
        let truth = truth(&word.text);
        if truth.is_none() {
            inner.error(Code::Shape, word.span, "`generate` is true or false");
        }
        truth == Some(true)
    });
    let kind = inner.text("type");
    if kind.is_none() {
        inner.missing("type");
    }
    let timespan = timespan(&mut inner);
    let kind = kind?;
    let rules = inner.texts("rules");
    let Wanted {
        counted,
        bounds,
        names,
        span: condition_span,
    } = read_condition(&mut inner, &kind, &rules);
    let rules = if rules.is_empty() { names } else { rules };
    if rules.is_empty() {
        inner.missing("rules");
    }
    let what = kind_of(&mut inner, &kind, &counted, condition_span);
    let group_by = inner.texts("group-by");
    let aliases = aliases(&mut inner);
    let faulty = inner.faulty;
    keys.faulty |= faulty;
    let (Some(what), Some(timespan), false) = (what, timespan, faulty) else {
        return None;
    };
    Some(CorrelationItem {
        title: head.title.clone(),
        condition_span: condition_span.unwrap_or(kind.span),
        kind,
        correlation: Correlation {
            name: head.title.text,
            desc: head.description,
            priority: head.priority,
            tags: head.tags,
            metadata: head.metadata,
            kind: what,
            rules: Vec::new(),
            group_by: group_by.iter().map(|name| name.text.clone()).collect(),
            aliases: Vec::new(),
            timespan,
            bounds,
            generate,
        },
        rules,
        group_by,
        counted,
        aliases,
    })
}

fn unknown_keys(keys: &mut Keys<'_, '_>) {
    for entry in keys.entries {
        let key = entry.key.text.as_str();
        if KEYS.contains(&key) {
            continue;
        }
        let message = format!("a correlation has no key `{key}`, so it says nothing");
        let problem = Diagnostic::warning(Code::UnknownKey, entry.key.span, message);
        let problem = match nearest(key, KEYS.into_iter()) {
            Some(known) => problem.help(format!("did you mean `{known}`?")),
            None => problem.help(format!("it has {}", KEYS.join(", "))),
        };
        // The rule is not left out for that.
        keys.problems.push(problem);
    }
}

fn kind_of(
    keys: &mut Keys<'_, '_>,
    word: &MappedText,
    counted: &[MappedText],
    condition: Option<Span>,
) -> Option<CorrelationKind> {
    let (code, message, help) = match (word.text.as_str(), counted) {
        ("event_count", []) => return Some(CorrelationKind::EventCount),
        ("temporal", []) => return Some(CorrelationKind::Temporal),
        ("temporal_ordered", []) => return Some(CorrelationKind::TemporalOrdered),
        ("value_count", []) => {
            // That the field is none has been said.
            if keys.faulty {
                return None;
            }
            let message = "`value_count` needs a `field` in its condition".to_owned();
            keys.error(Code::Shape, condition.unwrap_or(word.span), message);
            return None;
        }
        ("value_count", fields) => {
            let fields = fields.iter().map(|field| field.text.clone()).collect();
            return Some(CorrelationKind::ValueCount { fields });
        }
        (known, [field, ..]) if KINDS.contains(&known) => {
            let message = "only `value_count` has a `field` in its condition";
            keys.error(Code::Shape, field.span, message);
            return None;
        }
        (other, _) if OTHER_KINDS.contains(&other) => (
            Code::Unsupported,
            format!("correlations of type `{other}` are not supported"),
            format!("types are {}", KINDS.join(", ")),
        ),
        (other, _) => (
            Code::Unsupported,
            format!("there are no correlations of type `{other}`"),
            match nearest(other, KINDS.into_iter()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("types are {}", KINDS.join(", ")),
            },
        ),
    };
    keys.report(Diagnostic::error(code, word.span, message).help(help));
    None
}

/// A number and a unit: `15s`, `90m`, `1h`, `7d`, `2w`.
fn timespan(keys: &mut Keys<'_, '_>) -> Option<Duration> {
    let Some(text) = keys.text("timespan").or_else(|| keys.text("timeframe")) else {
        keys.missing("timespan");
        return None;
    };
    let parsed = parse_timespan(&text.text);
    if parsed.is_none() {
        let message = format!("`{}` is not a span of time", text.text);
        let problem = Diagnostic::error(Code::BadLiteral, text.span, message);
        keys.report(problem.help("write a number and s, m, h, d or w, such as `15m`"));
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
        'w' => 604_800,
        _ => return None,
    };
    let number: u64 = text[..text.len() - 1].parse().ok()?;
    // Times are nanoseconds in 63 bits.
    let seconds = number
        .checked_mul(seconds)
        .filter(|s| *s < i64::MAX as u64 / 1_000_000_000)?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// What a condition says.
#[derive(Default)]
struct Wanted {
    /// The fields of which values are counted.
    counted: Vec<MappedText>,
    bounds: Vec<Bound>,
    /// The rules of a condition in words, all of which must match.
    names: Vec<MappedText>,
    span: Option<Span>,
}

fn read_condition(keys: &mut Keys<'_, '_>, kind: &MappedText, rules: &[MappedText]) -> Wanted {
    let is_temporal = kind.text.starts_with("temporal");
    let mut wanted = Wanted::default();
    let Some(entry) = keys.get("condition") else {
        if !is_temporal {
            keys.missing("condition");
        }
        return wanted;
    };
    wanted.span = Some(entry.key.span);
    if let Node::Scalar(text) = &entry.value {
        wanted.names = in_words(keys, is_temporal, text, rules);
        return wanted;
    }
    let Some((entries, _)) = keys.map("condition") else {
        return wanted;
    };
    let before = keys.faulty;
    for entry in entries {
        let key = entry.key.text.as_str();
        if key == "field" {
            wanted.counted = texts_of(&entry.value).unwrap_or_default();
            if wanted.counted.iter().all(|field| field.text.is_empty()) {
                let message = "`field` is the name of a field, or a list of names";
                keys.error(Code::Shape, entry.value.span(), message);
            }
            continue;
        }
        let bound: fn(u64) -> Bound = match key {
            "gt" => Bound::Greater,
            "gte" => Bound::GreaterOrEqual,
            "lt" => Bound::Less,
            "lte" => Bound::LessOrEqual,
            "eq" => Bound::Equal,
            "neq" => Bound::NotEqual,
            _ => {
                let message = format!("a condition of a correlation has no key `{key}`");
                let problem = Diagnostic::error(Code::UnknownKey, entry.key.span, message);
                keys.report(problem.help("it has gt, gte, lt, lte, eq, neq and field"));
                continue;
            }
        };
        let number = match &entry.value {
            Node::Scalar(text) => text.text.parse().ok(),
            _ => None,
        };
        if let Some(number) = number {
            wanted.bounds.push(bound(number));
        } else {
            let message = format!("`{key}` takes a number");
            keys.error(Code::BadLiteral, entry.value.span(), message);
        }
    }
    if wanted.bounds.is_empty() && !is_temporal && keys.faulty == before {
        let message = "the condition says nothing of a count";
        keys.error(Code::Shape, wanted.span.unwrap_or(keys.span), message);
    }
    wanted
}

/// A condition in words. That all rules must match is what a temporal correlation means without one; nothing else
/// is supported.
fn in_words(
    keys: &mut Keys<'_, '_>,
    is_temporal: bool,
    text: &MappedText,
    rules: &[MappedText],
) -> Vec<MappedText> {
    if !is_temporal {
        let message = "only temporal correlations have conditions on which rules match";
        let problem = Diagnostic::error(Code::Shape, text.span, message);
        keys.report(problem.help("write a bound such as `gte: 2`"));
        return Vec::new();
    }
    let condition = match condition::parse(text) {
        Ok(condition) => condition,
        Err(problem) => {
            keys.report(*problem);
            return Vec::new();
        }
    };
    let mut names = Vec::new();
    let mut is_and = all_names(&condition, &mut names);
    let has = |names: &[MappedText], name: &str| names.iter().any(|known| known.text == name);
    if !rules.is_empty() {
        is_and &= rules.iter().all(|rule| has(&names, &rule.text));
        is_and &= names.iter().all(|name| has(rules, &name.text));
    }
    if !is_and {
        let message = "conditions of correlations are supported where they ask for all rules, joined by `and`";
        let problem = Diagnostic::error(Code::Unsupported, text.span, message);
        keys.report(problem.help("write a bound such as `gte: 2`, or leave it out for all rules"));
        return Vec::new();
    }
    names
}

/// Collects the names that `and` joins, each once; whether there is nothing else.
fn all_names(condition: &Condition, names: &mut Vec<MappedText>) -> bool {
    match condition {
        Condition::And(parts) => parts.iter().all(|part| all_names(part, names)),
        Condition::Name(name, span) => {
            if !names.iter().any(|known| known.text == *name) {
                names.push(MappedText::standing_for(name, *span));
            }
            true
        }
        Condition::Or(_) | Condition::Not(_) | Condition::Of(..) => false,
    }
}

fn aliases(keys: &mut Keys<'_, '_>) -> Vec<(String, Vec<(MappedText, MappedText)>)> {
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
                Node::Scalar(name) => meant.push((field.key.clone(), name.clone())),
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
        assert_eq!(parse_timespan("2w"), Some(Duration::from_secs(1_209_600)));
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
