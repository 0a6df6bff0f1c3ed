//! Finds the rules that correlations are about, and makes correlations rules over several observations.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::correlation::{Alias, Bound, Correlation, CorrelationItem, CorrelationKind};
use super::load::Compiled;
use super::mapping::{Mapping, Target};
use super::metadata::Metadata;
use crate::compile::Compiler;
use crate::diagnostic::{Code, Diagnostic};
use crate::items::RuleItem;
use crate::source::{MappedText, Span};
use crate::stateful::{self, Draft, DraftStep, KeyPart, Kind, MAX_COUNT, StepSource};

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
        let Some(rule) = lowering.compiled(&places) else {
            continue;
        };
        for place in places {
            let spoken = speaks[place].get_or_insert(false);
            *spoken |= correlation.generate;
        }
        stands[index] = Some(rules.len());
        rules.push(rule);
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
                source: None,
                raw_exceptions: Vec::new(),
                exceptions: Vec::new(),
                warns_of_types: true,
                skips_unknown: false,
                capture: false,
                capture_duration: 0,
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
                    let problem = problem.leaving_out(&title.text);
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
    let problem = Diagnostic::error(code, span, message).leaving_out(&item.title.text);
    compiler.problems.push(problem.note(note));
}
