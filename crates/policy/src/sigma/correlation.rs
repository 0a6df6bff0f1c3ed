//! Correlation rules: conditions on how often, and in which order, other rules match.

use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::RandomState;

use super::collection::Keys;
use super::load::Compiled;
use super::mapping::{Mapping, Target};
use super::metadata::{Head, Metadata};
use crate::compile::Compiler;
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::document::{Entry, Node};
use crate::items::RuleItem;
use crate::priority::Priority;
use crate::source::{MappedText, Span};
use crate::stateful::{self, Draft, DraftStep, KeyPart, Kind, MAX_COUNT, StepSource};

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
    kind: MappedText,
    rules: Vec<MappedText>,
    aliases: Vec<(String, Vec<(MappedText, String)>)>,
    correlation: Correlation,
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

/// What a reference of a correlation means: a place among rules, or among correlations.
#[derive(Clone, Copy)]
enum Meaning {
    Rule(usize),
    Correlation(usize),
}

/// Rules and correlations by their ids and names, the first of each name.
pub(super) fn by_reference<'n>(
    all: impl Iterator<Item = &'n Metadata>,
) -> HashMap<&'n str, usize, RandomState> {
    let mut index = HashMap::default();
    for (at, metadata) in all.enumerate() {
        for name in [&metadata.id, &metadata.name] {
            if !name.is_empty() {
                index.entry(name.as_str()).or_insert(at);
            }
        }
    }
    index
}

/// A correlation whose references are found.
struct Found {
    correlation: Correlation,
    /// `None` where a rule is missing.
    meanings: Option<Vec<Meaning>>,
}

/// Finds the rules that correlations are about, and adds correlations as rules behind them. Those whose rules
/// are not there, or that need themselves, are left out.
pub(super) fn resolve(
    items: &[CorrelationItem],
    rules: &mut Vec<Compiled>,
    mapping: &Mapping,
    base: usize,
    compiler: &mut Compiler,
) -> Vec<Correlation> {
    let found = find(items, rules, compiler);
    let mut stands: Vec<Option<usize>> = vec![None; items.len()];
    let mut correlations = Vec::new();
    // Those in circles do not come in the order.
    let mut waits: Vec<bool> = found.iter().map(|found| found.meanings.is_some()).collect();
    let mut speaks = vec![None; rules.len()];
    for index in in_order(&found) {
        let Found {
            correlation,
            meanings: Some(meanings),
        } = &found[index]
        else {
            continue;
        };
        let places: Option<Vec<usize>> = meanings
            .iter()
            .map(|meaning| match meaning {
                Meaning::Rule(rule) => Some(*rule),
                Meaning::Correlation(other) => stands[*other],
            })
            .collect();
        let Some(places) = places else {
            continue;
        };
        waits[index] = false;
        let mut lowering = Lowering {
            item: &items[index],
            correlation,
            rules,
            mapping,
            base,
            compiler,
        };
        let Some(compiled) = lowering.compiled(&places) else {
            continue;
        };
        for place in places {
            let spoken = speaks[place].get_or_insert(false);
            *spoken |= correlation.generate;
        }
        stands[index] = Some(rules.len());
        rules.push(compiled);
        speaks.push(None);
        correlations.push(correlation.clone());
    }
    for (rule, speaks) in rules.iter_mut().zip(speaks) {
        rule.silent = speaks == Some(false);
    }
    for (index, item) in items.iter().enumerate() {
        if waits[index] {
            let message = "this correlation needs itself, or one that is left out".to_owned();
            fault(item, Code::MacroCycle, item.title.span, message, compiler);
        }
    }
    correlations
}

fn find(items: &[CorrelationItem], rules: &[Compiled], compiler: &mut Compiler) -> Vec<Found> {
    let none = Metadata::default();
    let rules_by_reference = by_reference(
        rules
            .iter()
            .map(|rule| rule.item.sigma.as_deref().unwrap_or(&none)),
    );
    let items_by_reference = by_reference(items.iter().map(|item| &item.correlation.metadata));
    let find = |reference: &MappedText| {
        let name = reference.text.as_str();
        let rule = rules_by_reference.get(name).copied().map(Meaning::Rule);
        rule.or_else(|| {
            let item = items_by_reference.get(name).copied();
            item.map(Meaning::Correlation)
        })
    };
    let title = |meaning: Option<Meaning>| match meaning {
        Some(Meaning::Rule(rule)) => rules[rule].item.name.text.clone(),
        Some(Meaning::Correlation(item)) => items[item].title.text.clone(),
        None => String::new(),
    };
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        let mut correlation = item.correlation.clone();
        let mut meanings = Some(Vec::new());
        for reference in &item.rules {
            let meaning = find(reference);
            correlation.rules.push(title(meaning));
            match (meaning, &mut meanings) {
                (Some(meaning), Some(meanings)) => meanings.push(meaning),
                (Some(_), None) => {}
                (None, _) => {
                    let message = format!("there is no rule `{}`", reference.text);
                    fault(
                        item,
                        Code::UndefinedMacro,
                        reference.span,
                        message,
                        compiler,
                    );
                    meanings = None;
                }
            }
        }
        for (name, fields) in &item.aliases {
            let mut alias = Alias {
                name: name.clone(),
                fields: Vec::new(),
            };
            for (reference, field) in fields {
                let title = title(find(reference));
                if correlation.rules.contains(&title) {
                    alias.fields.push((title, field.clone()));
                } else {
                    let message = format!("`{}` is none of the rules above", reference.text);
                    fault(
                        item,
                        Code::UndefinedMacro,
                        reference.span,
                        message,
                        compiler,
                    );
                    meanings = None;
                }
            }
            correlation.aliases.push(alias);
        }
        found.push(Found {
            correlation,
            meanings,
        });
    }
    found
}

/// The correlations in an order in which those that others need come first, without those in circles.
fn in_order(found: &[Found]) -> Vec<usize> {
    let mut waits_for: Vec<usize> = Vec::with_capacity(found.len());
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); found.len()];
    for (index, found) in found.iter().enumerate() {
        let mut count = 0;
        for meaning in found.meanings.iter().flatten() {
            if let Meaning::Correlation(needed) = meaning {
                needed_by[*needed].push(index);
                count += 1;
            }
        }
        let waits = if found.meanings.is_some() {
            count
        } else {
            usize::MAX
        };
        waits_for.push(waits);
    }
    let mut order: Vec<usize> = (0..found.len()).filter(|i| waits_for[*i] == 0).collect();
    let mut at = 0;
    while let Some(next) = order.get(at).copied() {
        at += 1;
        for dependent in &needed_by[next] {
            if waits_for[*dependent] != usize::MAX {
                waits_for[*dependent] -= 1;
                if waits_for[*dependent] == 0 {
                    order.push(*dependent);
                }
            }
        }
    }
    order
}

/// Makes one correlation a rule.
struct Lowering<'l> {
    item: &'l CorrelationItem,
    correlation: &'l Correlation,
    rules: &'l [Compiled],
    mapping: &'l Mapping,
    base: usize,
    compiler: &'l mut Compiler,
}

impl Lowering<'_> {
    fn compiled(&mut self, places: &[usize]) -> Option<Compiled> {
        let correlation = self.correlation;
        let within = i64::try_from(correlation.timespan.as_nanos()).unwrap_or(i64::MAX);
        let kind = match correlation.kind {
            CorrelationKind::EventCount | CorrelationKind::ValueCount { .. } => Kind::Count {
                needed: self.needed()?,
                within,
            },
            CorrelationKind::Temporal if correlation.bounds.is_empty() => Kind::Together {
                needed: places.len(),
                within,
            },
            CorrelationKind::Temporal => Kind::Together {
                needed: usize::try_from(self.needed()?).unwrap_or(usize::MAX),
                within,
            },
            CorrelationKind::TemporalOrdered if correlation.bounds.is_empty() => Kind::Sequence {
                within: Some(within),
                lineage: None,
            },
            CorrelationKind::TemporalOrdered => {
                let message = "some of several rules in an order are not supported; leave out the \
                               condition for all";
                return self.fault(Code::Unsupported, message.to_owned());
            }
        };
        let mut steps = Vec::with_capacity(places.len());
        for (index, place) in places.iter().enumerate() {
            let rule = &self.rules[*place];
            let title = &correlation.rules[index];
            let mut by = Vec::with_capacity(correlation.group_by.len());
            for name in &correlation.group_by {
                let alias = correlation.aliases.iter().find(|alias| alias.name == *name);
                let meant = alias.and_then(|alias| {
                    let mut fields = alias.fields.iter();
                    fields
                        .find(|(rule, _)| rule == title)
                        .map(|(_, field)| field)
                });
                by.push(self.part(meant.unwrap_or(name), rule.log_source)?);
            }
            let distinct = match &correlation.kind {
                CorrelationKind::ValueCount { field } => Some(self.part(field, rule.log_source)?),
                _ => None,
            };
            steps.push(DraftStep {
                source: match rule.draft {
                    Some(_) => StepSource::Rule(self.base + place),
                    None => StepSource::Node(rule.root),
                },
                by,
                within: None,
                distinct,
            });
        }
        let roots = places.iter().map(|place| self.rules[*place].root).collect();
        let shown = format!(
            "{} of {}",
            self.item.kind.text,
            correlation.rules.join(", ")
        );
        let span = self.item.kind.span;
        Some(Compiled {
            item: RuleItem {
                name: self.item.title.clone(),
                desc: correlation.desc.clone(),
                condition: MappedText::verbatim(&shown, span.file, span.start as usize),
                output: None,
                priority: correlation.priority,
                tags: correlation.tags.clone(),
                actions: Vec::new(),
                prefilter: None,
                enabled: true,
                append: false,
                sigma: Some(Box::new(correlation.metadata.clone())),
                stateful: None,
            },
            root: self.compiler.builder.any(roots),
            silent: false,
            draft: Some(Draft {
                kind,
                steps,
                throttle: None,
            }),
            log_source: places
                .first()
                .and_then(|place| self.rules[*place].log_source),
        })
    }

    /// The least count that is as it must be: once it is reached, there is an alert.
    fn needed(&mut self) -> Option<u64> {
        let bounds = &self.correlation.bounds;
        let least = |bound: &Bound| match bound {
            Bound::Greater(bound) => Some(bound.saturating_add(1)),
            Bound::GreaterOrEqual(bound) | Bound::Equal(bound) => Some(*bound),
            Bound::Less(_) | Bound::LessOrEqual(_) => None,
        };
        let Some(needed) = bounds.iter().filter_map(least).max() else {
            let message = "that matches are few cannot be told while more may come";
            return self.fault(Code::Unsupported, message.to_owned());
        };
        let needed = needed.max(1);
        if !bounds.iter().all(|bound| bound.holds(needed)) {
            return self.fault(Code::NeverTrue, "no count meets this condition".to_owned());
        }
        if needed > MAX_COUNT {
            return self.fault(
                Code::TooLarge,
                format!("no more than {MAX_COUNT} are counted"),
            );
        }
        Some(needed)
    }

    fn part(&mut self, name: &str, log_source: Option<usize>) -> Option<KeyPart> {
        let Some(Target::Fields(names, _)) = self.mapping.field(name, log_source) else {
            let message = format!("the field `{name}` is not mapped to fields of this source");
            return self.fault(Code::UnknownField, message);
        };
        let mut fields = Vec::with_capacity(names.len());
        for name in names {
            match stateful::field(self.compiler, name) {
                Ok(field) => fields.push(field),
                Err(problem) => {
                    let title = &self.item.title;
                    let problem = problem.also(title.span, "asked for here");
                    let note = format!("in correlation `{}`, which is left out", title.text);
                    self.compiler.problems.push(problem.note(note));
                    return None;
                }
            }
        }
        Some(KeyPart { fields })
    }

    fn fault<T>(&mut self, code: Code, message: String) -> Option<T> {
        fault(self.item, code, self.item.kind.span, message, self.compiler);
        None
    }
}

fn fault(item: &CorrelationItem, code: Code, span: Span, message: String, compiler: &mut Compiler) {
    let note = format!("in correlation `{}`, which is left out", item.title.text);
    let problem = Diagnostic::error(code, span, message);
    compiler.problems.push(problem.note(note));
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
