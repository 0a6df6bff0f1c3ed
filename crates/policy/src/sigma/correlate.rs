//! Finds the rules that correlations are about.

use super::correlation::{Alias, Correlation};
use super::correlation_item::CorrelationItem;
use super::correlation_lower::{Lowering, fault};
use super::load::Compiled;
use super::mapping::Mapping;
use super::metadata::Metadata;
use super::references::References;
use crate::compile::Compiler;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::MappedText;

/// What a reference of a correlation means: a place among rules, or among correlations.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Rule(usize),
    Correlation(usize),
}

/// Why a rule is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// It is for other data.
    OtherSource,
    /// It has errors.
    Faulty,
}

/// What correlations are resolved among.
pub(super) struct Known<'k> {
    pub(super) mapping: &'k Mapping,
    /// The place that the first of the rules will have among all.
    pub(super) base: usize,
    /// Rules that are not there.
    pub(super) lost: &'k [(&'k Metadata, Lost)],
    /// Rules that correlations with errors are about.
    pub(super) quieted: &'k [MappedText],
}

/// What became of correlations.
pub(super) struct Resolved {
    pub(super) correlations: Vec<Correlation>,
    /// The names of those that are left out since they, or their rules, have errors.
    pub(super) failed: Vec<MappedText>,
}

/// A correlation whose references are looked up.
struct Found {
    correlation: Correlation,
    /// For each of its rules; `None` where there is none of that name.
    meanings: Vec<Option<Meaning>>,
    /// For each alias the fields, and the rules that these are for.
    aliases: Vec<Vec<(Meaning, MappedText)>>,
    /// Whether something is wrong with it already.
    faulty: bool,
}

/// What became of a correlation.
#[derive(Clone, Copy)]
enum Fate {
    /// It waits for others, and in the end for itself.
    Waits,
    Stands(usize),
    Lost(Lost),
}

/// Finds the rules that correlations are about, and adds correlations as rules behind them. Those whose rules
/// are not there, or that need themselves, are left out; their rules stay silent all the same.
pub(super) fn resolve(
    items: &[CorrelationItem],
    rules: &mut Vec<Compiled>,
    known: &Known<'_>,
    compiler: &mut Compiler,
) -> Resolved {
    let of_rules = References::new(rules.iter().map(|rule| rule.item.sigma.as_deref()));
    let of_items = References::new(items.iter().map(|item| Some(&item.correlation.metadata)));
    let of_lost = References::new(known.lost.iter().map(|(metadata, _)| Some(*metadata)));
    let meaning = |reference: &MappedText| {
        let rule = of_rules.find(&reference.text).map(Meaning::Rule);
        rule.or_else(|| of_items.find(&reference.text).map(Meaning::Correlation))
    };
    let found: Vec<Found> = items
        .iter()
        .map(|item| find(item, items, rules, &meaning, compiler))
        .collect();
    let mut fates = vec![Fate::Waits; items.len()];
    let mut correlations = Vec::new();
    for index in in_order(&found) {
        let (item, found) = (&items[index], &found[index]);
        let fates_of_rules = found
            .meanings
            .iter()
            .zip(&item.rules)
            .map(|(meaning, name)| {
                let fate = match meaning {
                    Some(Meaning::Rule(rule)) => Fate::Stands(*rule),
                    Some(Meaning::Correlation(other)) => fates[*other],
                    None => of_lost
                        .find(&name.text)
                        .map_or(Fate::Waits, |at| Fate::Lost(known.lost[at].1)),
                };
                (name, fate)
            });
        let places = places(item, fates_of_rules, compiler);
        let places = if found.faulty {
            Err(Lost::Faulty)
        } else {
            places
        };
        let rule = places.and_then(|places| {
            let mut lowering = Lowering {
                item,
                correlation: &found.correlation,
                meanings: &found.meanings,
                aliases: &found.aliases,
                rules,
                mapping: known.mapping,
                base: known.base,
                compiler,
            };
            lowering.compiled(&places).ok_or(Lost::Faulty)
        });
        fates[index] = match rule {
            Ok(rule) => {
                rules.push(rule);
                correlations.push(found.correlation.clone());
                Fate::Stands(rules.len() - 1)
            }
            Err(lost) => Fate::Lost(lost),
        };
    }
    let mut failed = Vec::new();
    for (item, fate) in items.iter().zip(&fates) {
        match fate {
            Fate::Stands(_) | Fate::Lost(Lost::OtherSource) => {}
            Fate::Lost(Lost::Faulty) => failed.push(item.title.clone()),
            Fate::Waits => {
                failed.push(item.title.clone());
                let message = "this correlation needs itself, or one that does".to_owned();
                fault(item, Code::MacroCycle, item.title.span, message, compiler);
            }
        }
    }
    let place = |meaning: Meaning| match meaning {
        Meaning::Rule(rule) => Some(rule),
        Meaning::Correlation(other) => match fates[other] {
            Fate::Stands(place) => Some(place),
            Fate::Waits | Fate::Lost(_) => None,
        },
    };
    let mut speaks = vec![None; rules.len()];
    for found in &found {
        for place in found.meanings.iter().flatten().filter_map(|m| place(*m)) {
            *speaks[place].get_or_insert(false) |= found.correlation.generate;
        }
    }
    for place in known.quieted.iter().filter_map(meaning).filter_map(place) {
        speaks[place].get_or_insert(false);
    }
    for (rule, speaks) in rules.iter_mut().zip(speaks) {
        rule.silent = speaks == Some(false);
    }
    Resolved {
        correlations,
        failed,
    }
}

/// The places of the rules of a correlation, or why it cannot run, which is reported: a rule whose fate is to wait
/// does not exist.
fn places<'i>(
    item: &CorrelationItem,
    rules: impl Iterator<Item = (&'i MappedText, Fate)>,
    compiler: &mut Compiler,
) -> Result<Vec<usize>, Lost> {
    let mut places = Vec::new();
    let mut all_lost = None;
    for (MappedText { text, span, .. }, fate) in rules {
        let (lost, message) = match fate {
            Fate::Stands(place) => {
                places.push(place);
                continue;
            }
            Fate::Lost(Lost::OtherSource) => (
                Lost::OtherSource,
                format!("the rule `{text}` cannot run here, so neither can this correlation"),
            ),
            Fate::Lost(Lost::Faulty) => (
                Lost::Faulty,
                format!("the rule `{text}` is left out, and so this correlation is"),
            ),
            Fate::Waits => (Lost::Faulty, format!("there is no rule `{text}`")),
        };
        if lost == Lost::Faulty {
            all_lost = Some(lost);
            fault(item, Code::UndefinedMacro, *span, message, compiler);
            continue;
        }
        // That it cannot run is no error.
        all_lost = all_lost.or(Some(lost));
        let problem = Diagnostic::warning(Code::OtherSource, *span, message);
        let note = format!("in correlation `{}`", item.title.text);
        compiler.problems.push(problem.note(note));
    }
    match all_lost {
        Some(lost) => Err(lost),
        None => Ok(places),
    }
}

fn find(
    item: &CorrelationItem,
    items: &[CorrelationItem],
    rules: &[Compiled],
    meaning: &impl Fn(&MappedText) -> Option<Meaning>,
    compiler: &mut Compiler,
) -> Found {
    let title = |meaning: Meaning| match meaning {
        Meaning::Rule(rule) => rules[rule].item.name.text.clone(),
        Meaning::Correlation(other) => items[other].title.text.clone(),
    };
    let mut correlation = item.correlation.clone();
    let meanings: Vec<Option<Meaning>> = item.rules.iter().map(meaning).collect();
    let titles = meanings
        .iter()
        .map(|meaning| meaning.map_or_else(String::new, title));
    correlation.rules = titles.collect();
    let mut faulty = false;
    let mut aliases = Vec::with_capacity(item.aliases.len());
    for (name, fields) in &item.aliases {
        let mut meant = Vec::with_capacity(fields.len());
        for (reference, field) in fields {
            let is_named = item.rules.iter().any(|rule| rule.text == reference.text);
            match meaning(reference) {
                Some(rule) if meanings.contains(&Some(rule)) => meant.push((rule, field.clone())),
                // That there is no such rule is told where the rules are.
                None if is_named => {}
                _ => {
                    let message = format!("`{}` is none of the rules above", reference.text);
                    fault(
                        item,
                        Code::UndefinedMacro,
                        reference.span,
                        message,
                        compiler,
                    );
                    faulty = true;
                }
            }
        }
        correlation.aliases.push(Alias {
            name: name.clone(),
            fields: meant
                .iter()
                .map(|(rule, field)| (title(*rule), field.text.clone()))
                .collect(),
        });
        aliases.push(meant);
    }
    Found {
        correlation,
        meanings,
        aliases,
        faulty,
    }
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
        waits_for.push(count);
    }
    let mut order: Vec<usize> = (0..found.len()).filter(|i| waits_for[*i] == 0).collect();
    let mut at = 0;
    while let Some(next) = order.get(at).copied() {
        at += 1;
        for dependent in &needed_by[next] {
            waits_for[*dependent] -= 1;
            if waits_for[*dependent] == 0 {
                order.push(*dependent);
            }
        }
    }
    order
}
