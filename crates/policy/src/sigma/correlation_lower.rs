//! Makes correlations rules over several observations.

use super::correlate::Meaning;
use super::correlation::{Bound, Correlation, CorrelationKind};
use super::correlation_item::CorrelationItem;
use super::load::Compiled;
use super::mapping::{Mapping, Target};
use crate::compile::Compiler;
use crate::diagnostic::{Code, Diagnostic};
use crate::items::RuleItem;
use crate::source::{MappedText, Span};
use crate::stateful::{self, Draft, DraftStep, KeyPart, Kind, MAX_COUNT, StepSource};

/// Makes one correlation a rule.
pub(super) struct Lowering<'l> {
    pub(super) item: &'l CorrelationItem,
    pub(super) correlation: &'l Correlation,
    /// What its rules are, one for each.
    pub(super) meanings: &'l [Option<Meaning>],
    /// What its aliases mean, one for each.
    pub(super) aliases: &'l [Vec<(Meaning, MappedText)>],
    pub(super) rules: &'l [Compiled],
    pub(super) mapping: &'l Mapping,
    pub(super) base: usize,
    pub(super) compiler: &'l mut Compiler,
}

impl<'l> Lowering<'l> {
    /// The rule, of which `places` has the rules that it is about.
    pub(super) fn compiled(&mut self, places: &[usize]) -> Option<Compiled> {
        let correlation = self.correlation;
        let within = i64::try_from(correlation.timespan.as_nanos()).unwrap_or(i64::MAX);
        let kind = match correlation.kind {
            CorrelationKind::EventCount | CorrelationKind::ValueCount { .. } => Kind::Count {
                needed: self.needed()?,
                within,
            },
            CorrelationKind::Temporal => Kind::Together {
                needed: self.rules_needed(places.len())?,
                within,
            },
            CorrelationKind::TemporalOrdered => {
                if self.rules_needed(places.len())? < places.len() {
                    let message = "some of several rules in an order are not supported; leave out the \
                                   condition for all";
                    return self.fault(Code::Unsupported, message.to_owned());
                }
                Kind::Sequence {
                    within: Some(within),
                    lineage: None,
                }
            }
        };
        let mut steps = Vec::with_capacity(places.len());
        let item = self.item;
        for (index, place) in places.iter().enumerate() {
            let rule = &self.rules[*place];
            let mut by = Vec::with_capacity(self.item.group_by.len());
            for name in &item.group_by {
                let name = self.meant(name, index);
                by.push(self.part(name, rule.log_source)?);
            }
            let mut distinct = Vec::with_capacity(self.item.counted.len());
            for name in &item.counted {
                let name = self.meant(name, index);
                distinct.push(self.part(name, rule.log_source)?);
            }
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

    /// The field that a name means in one of the rules.
    fn meant(&self, name: &'l MappedText, rule: usize) -> &'l MappedText {
        let (item, aliases) = (self.item, self.aliases);
        let alias = item
            .aliases
            .iter()
            .position(|(alias, _)| *alias == name.text);
        let mut fields = alias.into_iter().flat_map(|alias| &aliases[alias]);
        let meant = fields.find(|(meaning, _)| self.meanings[rule] == Some(*meaning));
        meant.map_or(name, |(_, field)| field)
    }

    /// How many of so many rules must match.
    fn rules_needed(&mut self, rules: usize) -> Option<usize> {
        if self.correlation.bounds.is_empty() {
            return Some(rules);
        }
        let needed = usize::try_from(self.needed()?).unwrap_or(usize::MAX);
        if needed > rules {
            let message = format!("there are only {rules} rules, so this is never so");
            return self.fault(Code::NeverTrue, message);
        }
        Some(needed)
    }

    /// The least count that is as it must be: once it is reached, there is an alert.
    fn needed(&mut self) -> Option<u64> {
        let bounds = &self.correlation.bounds;
        let least = |bound: &Bound| match bound {
            Bound::Greater(bound) => Some(bound.saturating_add(1)),
            Bound::GreaterOrEqual(bound) | Bound::Equal(bound) => Some(*bound),
            Bound::Less(_) | Bound::LessOrEqual(_) | Bound::NotEqual(_) => None,
        };
        let only_excludes = bounds
            .iter()
            .all(|bound| matches!(bound, Bound::NotEqual(_)));
        let needed = bounds.iter().filter_map(least).max();
        let Some(needed) = needed.or(only_excludes.then_some(1)) else {
            let message = "that matches are few cannot be told while more may come";
            return self.fault(Code::Unsupported, message.to_owned());
        };
        let mut needed = needed.max(1);
        let excludes = |needed| bounds.contains(&Bound::NotEqual(needed));
        while excludes(needed) {
            needed += 1;
        }
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

    fn part(&mut self, name: &MappedText, log_source: Option<usize>) -> Option<KeyPart> {
        let Some(Target::Fields(fields, _)) = self.mapping.field(&name.text, log_source) else {
            let message = format!(
                "the field `{}` is not mapped to fields of this source",
                name.text
            );
            fault(
                self.item,
                Code::UnknownField,
                name.span,
                message,
                self.compiler,
            );
            return None;
        };
        let mut found = Vec::with_capacity(fields.len());
        for field in fields {
            match stateful::field(self.compiler, field) {
                Ok(field) => found.push(field),
                Err(problem) => {
                    let title = &self.item.title;
                    let problem = problem.also(name.span, "asked for here");
                    let note = format!("in correlation `{}`, which is left out", title.text);
                    let problem = problem.leaving_out(&title.text);
                    self.compiler.problems.push(problem.note(note));
                    return None;
                }
            }
        }
        // An empty text is what sources have for no value.
        Some(KeyPart {
            fields: found,
            needs_text: true,
        })
    }

    fn fault<T>(&mut self, code: Code, message: String) -> Option<T> {
        fault(
            self.item,
            code,
            self.item.condition_span,
            message,
            self.compiler,
        );
        None
    }
}

/// Reports why a correlation is left out.
pub(super) fn fault(
    item: &CorrelationItem,
    code: Code,
    span: Span,
    message: String,
    compiler: &mut Compiler,
) {
    let note = format!("in correlation `{}`, which is left out", item.title.text);
    let problem = Diagnostic::error(code, span, message).leaving_out(&item.title.text);
    compiler.problems.push(problem.note(note));
}
