//! From searches to checks of the crate's own language.

use std::collections::BTreeMap;

use super::detection::{Item, Search, Value};
use super::mapping::{Mapping, Target};
use super::modifier::{Comparison, Operand, Side};
use super::wildcard::{Pattern, Shape};
use crate::Dialect;
use crate::ast::{Check, Operand as Word, OperandKind, Operator, Right};
use crate::compile::{Compiler, Owner, Scope, ToCompile};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::explain::Trace;
use crate::program::NodeId;
use crate::source::{MappedText, Span};

/// Compiles detections of one log source.
pub(super) struct Lowering<'c, 'm> {
    pub(super) compiler: &'c mut Compiler,
    pub(super) mapping: &'m Mapping,
    pub(super) log_source: Option<usize>,
    pub(super) scope: Scope,
    /// The rule, for problems within the mapping.
    pub(super) owner: Owner,
}

/// Values of one field that one check can ask for.
type Buckets<'v> = BTreeMap<&'static str, (Operator, Vec<(String, Span)>)>;

impl Lowering<'_, '_> {
    pub(super) fn search(&mut self, search: &Search) -> Option<NodeId> {
        match search {
            Search::All(parts) => {
                let parts = self.searches(parts)?;
                Some(self.compiler.builder.all(parts))
            }
            Search::Any(parts) => {
                let parts = self.searches(parts)?;
                Some(self.compiler.builder.any(parts))
            }
            Search::Item(item) => self.item(item),
        }
    }

    fn searches(&mut self, parts: &[Search]) -> Option<Vec<NodeId>> {
        let nodes: Vec<Option<NodeId>> = parts.iter().map(|part| self.search(part)).collect();
        nodes.into_iter().collect()
    }

    fn item(&mut self, item: &Item) -> Option<NodeId> {
        let mapping = self.mapping;
        let mut values: Vec<Vec<(Operand, Span)>> = Vec::with_capacity(item.values.len());
        for value in &item.values {
            values.push(self.operands(item, value)?);
        }
        let keywords;
        let target = match &item.field {
            Some(field) => match mapping.field(field, self.log_source) {
                Some(target) => target,
                None => return self.unmapped(field, item.key_span),
            },
            None if mapping.keywords.is_empty() => {
                let message = "keywords cannot be searched for";
                let problem = Diagnostic::error(Code::Unsupported, item.key_span, message);
                let note = format!("the mapping {} names no fields for them", mapping.name);
                self.compiler.fault(&mut self.scope, problem.note(note));
                return None;
            }
            None => {
                keywords = Target::Fields(mapping.keywords.clone(), String::new());
                &keywords
            }
        };
        let groups = if item.modifiers.all {
            values
        } else {
            vec![values.into_iter().flatten().collect()]
        };
        let nodes: Vec<Option<NodeId>> = groups
            .iter()
            .map(|group| self.any_of(item, target, group))
            .collect();
        let nodes: Option<Vec<NodeId>> = nodes.into_iter().collect();
        let node = self.compiler.builder.all(nodes?);
        let node = if item.modifiers.negated {
            self.compiler.builder.not(node)
        } else {
            node
        };
        self.compiler.tell(node, |_| Trace::Check {
            node,
            text: item.shown(),
            span: item.key_span,
        });
        Some(node)
    }

    fn unmapped(&mut self, field: &str, span: Span) -> Option<NodeId> {
        let message = format!("the field `{field}` is not mapped");
        let problem = Diagnostic::error(Code::UnknownField, span, message);
        let source = self
            .log_source
            .map(|index| &self.mapping.log_sources[index].name);
        let problem = problem.note(match source {
            Some(source) => format!("by {}, log source `{source}`", self.mapping.name),
            None => format!("by {}", self.mapping.name),
        });
        let problem = match nearest(field, self.mapping.field_names(self.log_source)) {
            Some(known) => problem.help(format!("did you mean `{known}`?")),
            None => problem,
        };
        self.compiler.fault(&mut self.scope, problem);
        None
    }

    /// What a value becomes under the modifiers of its field.
    fn operands(&mut self, item: &Item, value: &Value) -> Option<Vec<(Operand, Span)>> {
        let mapping = self.mapping;
        let placeholders = |name: &str| mapping.placeholder(name);
        match item.modifiers.apply(value.text.as_deref(), placeholders) {
            Ok(operands) => {
                // Keywords may stand anywhere in a field.
                let widen = |operand| match operand {
                    Operand::Text(pattern) if item.field.is_none() => {
                        Operand::Text(pattern.widened(true, true))
                    }
                    other => other,
                };
                let operands = operands.into_iter();
                Some(
                    operands
                        .map(|operand| (widen(operand), value.span))
                        .collect(),
                )
            }
            Err(message) => {
                let problem = Diagnostic::error(Code::BadLiteral, value.span, message);
                self.compiler.fault(&mut self.scope, problem);
                None
            }
        }
    }

    fn any_of(
        &mut self,
        item: &Item,
        target: &Target,
        operands: &[(Operand, Span)],
    ) -> Option<NodeId> {
        match target {
            Target::Fields(names, suffix) => {
                let is_absence = |(operand, _): &&(Operand, Span)| {
                    matches!(operand, Operand::Null | Operand::Exists(false))
                };
                let (absences, others): (Vec<_>, Vec<_>) = operands.iter().partition(is_absence);
                let mut nodes = Vec::with_capacity(names.len() + 1);
                for name in names {
                    nodes.push(self.any_of_field(item, name, suffix, &others)?);
                }
                if !absences.is_empty() {
                    // Nothing is there if none of the fields has a value.
                    let presence = (Operand::Exists(true), item.key_span);
                    let mut present = Vec::with_capacity(names.len());
                    for name in names {
                        present.push(self.any_of_field(item, name, suffix, &[&presence])?);
                    }
                    let present = self.compiler.builder.any(present);
                    nodes.push(self.compiler.builder.not(present));
                }
                Some(self.compiler.builder.any(nodes))
            }
            Target::Values(values) => self.any_of_values(values, operands),
            Target::Absent(reason) => {
                let is_absence =
                    |operand: &Operand| matches!(operand, Operand::Null | Operand::Exists(false));
                let holds = operands.iter().any(|(operand, _)| is_absence(operand));
                let field = item.field.as_deref().unwrap_or_default();
                let message = format!("`{field}` never has a value: {reason}");
                let problem = Diagnostic::warning(Code::NeverTrue, item.key_span, message);
                self.compiler.warn(&self.scope, problem);
                Some(self.compiler.builder.constant(holds))
            }
        }
    }

    /// Values that stand for conditions: any whose name one of the operands matches.
    fn any_of_values(
        &mut self,
        values: &[(String, MappedText)],
        operands: &[(Operand, Span)],
    ) -> Option<NodeId> {
        let mut nodes = Vec::new();
        for (operand, span) in operands {
            let regex = match operand {
                Operand::Exists(true) => Pattern::parse("*").regex(true),
                Operand::Exists(false) | Operand::Null => continue,
                Operand::Text(pattern) => pattern.regex(true),
                Operand::Cased(pattern) => pattern.regex(false),
                _ => {
                    let message = "the values of this field can only be compared as texts";
                    let problem = Diagnostic::error(Code::BadOperator, *span, message);
                    self.compiler.fault(&mut self.scope, problem);
                    return None;
                }
            };
            let regex = crate::test::regex([regex.as_str()].into_iter());
            let matching: Vec<&MappedText> = values
                .iter()
                .filter(|(value, _)| {
                    let found = regex.as_ref().map(|regex| regex.is_match(value.as_bytes()));
                    found.unwrap_or(false)
                })
                .map(|(_, condition)| condition)
                .collect();
            if matching.is_empty() {
                let names: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
                let message = "this source knows no such value";
                let problem = Diagnostic::warning(Code::NeverTrue, *span, message);
                let problem = problem.help(format!("it knows {}", names.join(", ")));
                self.compiler.warn(&self.scope, problem);
            }
            for condition in matching {
                let dialect = self.mapping.dialect.unwrap_or(Dialect::SysFlow);
                let owner = self.owner.clone();
                let answer = self.compiler.condition(ToCompile {
                    text: condition,
                    dialect,
                    owner,
                    skips_unknown: false,
                });
                nodes.push(answer?.node);
            }
        }
        Some(self.compiler.builder.any(nodes))
    }

    /// Any of the operands for one field of the source.
    fn any_of_field(
        &mut self,
        item: &Item,
        name: &MappedText,
        suffix: &str,
        operands: &[&(Operand, Span)],
    ) -> Option<NodeId> {
        let resolved = match self.compiler.catalogue.resolve(&name.text) {
            Ok(resolved) => resolved,
            Err(why) => {
                let problem = self.compiler.unresolved(&name.text, name.span, &why);
                let problem = problem.also(item.key_span, "asked for here");
                self.compiler.fault(&mut self.scope, problem);
                return None;
            }
        };
        let ty = self.compiler.catalogue.field(resolved.id).ty;
        let mut buckets = Buckets::new();
        let mut nodes = Vec::new();
        let mut faultless = true;
        for (operand, span) in operands {
            let node = match operand {
                Operand::Text(pattern) => {
                    if pattern.shape() == Shape::Present {
                        self.check(item, name, Operator::Exists, Right::Nothing)
                    } else if !ty.is_text() && pattern.shape() == Shape::Equals(b"") {
                        let present = self.check(item, name, Operator::Exists, Right::Nothing);
                        present.map(|node| self.compiler.builder.not(node))
                    } else {
                        sort_into(&mut buckets, pattern, true, ty.is_text(), suffix, *span);
                        continue;
                    }
                }
                Operand::Cased(pattern) => {
                    if pattern.shape() == Shape::Present {
                        self.check(item, name, Operator::Exists, Right::Nothing)
                    } else {
                        sort_into(&mut buckets, pattern, false, ty.is_text(), suffix, *span);
                        continue;
                    }
                }
                Operand::Regex(regex) => {
                    push(&mut buckets, Operator::Finds, regex.clone(), *span);
                    continue;
                }
                Operand::Network(_) if !ty.is_address() => {
                    let message =
                        format!("`{}` is no address, so `cidr` does not apply", name.text);
                    let problem = Diagnostic::error(Code::BadOperator, item.key_span, message);
                    self.compiler.fault(&mut self.scope, problem);
                    None
                }
                Operand::Network(network) => {
                    push(&mut buckets, Operator::Equal, network.clone(), *span);
                    continue;
                }
                Operand::Number(comparison, number) => {
                    let right = Right::One(Word {
                        kind: OperandKind::Word,
                        text: number.clone(),
                        span: *span,
                    });
                    self.check(item, name, order(*comparison), right)
                }
                Operand::Exists(true) => self.check(item, name, Operator::Exists, Right::Nothing),
                // These are about all fields together: see `any_of`.
                Operand::Exists(false) | Operand::Null => continue,
                Operand::Field(field, side) => self.reference(item, name, field, *side, *span),
            };
            faultless &= node.is_some();
            nodes.extend(node);
        }
        for (operator, words) in buckets.into_values() {
            let operands: Vec<Word> = words
                .into_iter()
                .map(|(text, span)| Word {
                    kind: OperandKind::Quoted,
                    text,
                    span,
                })
                .collect();
            let span = operands.first().map_or(item.key_span, |word| word.span);
            let node = self.check(item, name, operator, Right::List(operands, span));
            faultless &= node.is_some();
            nodes.extend(node);
        }
        faultless.then(|| self.compiler.builder.any(nodes))
    }

    fn check(
        &mut self,
        item: &Item,
        name: &MappedText,
        operator: Operator,
        right: Right,
    ) -> Option<NodeId> {
        let check = Check {
            left: Word {
                kind: OperandKind::Word,
                text: name.text.clone(),
                span: item.key_span,
            },
            operator,
            operator_span: item.key_span,
            right,
        };
        self.compiler.check(&check, &mut self.scope)
    }

    fn reference(
        &mut self,
        item: &Item,
        name: &MappedText,
        field: &str,
        side: Side,
        span: Span,
    ) -> Option<NodeId> {
        let Some(target) = self.mapping.field(field, self.log_source) else {
            return self.unmapped(field, span);
        };
        let Target::Fields(others, _) = target else {
            let message = format!("`{field}` is no field that could be compared with");
            let problem = Diagnostic::error(Code::BadOperator, span, message);
            self.compiler.fault(&mut self.scope, problem);
            return None;
        };
        let operator = match side {
            Side::Whole => Operator::EqualIgnoringCase,
            Side::Anywhere => Operator::ContainsIgnoringCase,
            Side::Start => Operator::StartsWithIgnoringCase,
            Side::End => Operator::EndsWithIgnoringCase,
        };
        let mut nodes = Vec::with_capacity(others.len());
        for other in others {
            let right = Right::One(Word {
                kind: OperandKind::FieldValue,
                text: other.text.clone(),
                span,
            });
            nodes.push(self.check(item, name, operator, right)?);
        }
        Some(self.compiler.builder.any(nodes))
    }
}

const fn order(comparison: Comparison) -> Operator {
    match comparison {
        Comparison::Less => Operator::Less,
        Comparison::LessOrEqual => Operator::LessOrEqual,
        Comparison::Greater => Operator::Greater,
        Comparison::GreaterOrEqual => Operator::GreaterOrEqual,
    }
}

fn push(buckets: &mut Buckets<'_>, operator: Operator, text: String, span: Span) {
    let bucket = buckets.entry(operator.spelling());
    bucket
        .or_insert((operator, Vec::new()))
        .1
        .push((text, span));
}

/// Puts a text to those that the same check can ask for.
fn sort_into(
    buckets: &mut Buckets<'_>,
    pattern: &Pattern,
    ignore_case: bool,
    is_text: bool,
    suffix: &str,
    span: Span,
) {
    let choose = |ignoring, exact| if ignore_case { ignoring } else { exact };
    let (operator, bytes, may_lack_suffix) = match pattern.shape() {
        // Numbers and addresses are compared as such.
        Shape::Equals(bytes) if !is_text => (Operator::Equal, bytes, false),
        Shape::Equals(bytes) => {
            let operator = choose(Operator::EqualIgnoringCase, Operator::Equal);
            (operator, bytes, true)
        }
        Shape::StartsWith(bytes) => {
            let operator = choose(Operator::StartsWithIgnoringCase, Operator::StartsWith);
            (operator, bytes, false)
        }
        Shape::EndsWith(bytes) => {
            let operator = choose(Operator::EndsWithIgnoringCase, Operator::EndsWith);
            (operator, bytes, true)
        }
        Shape::Contains(bytes) => {
            let operator = choose(Operator::ContainsIgnoringCase, Operator::Contains);
            (operator, bytes, false)
        }
        Shape::Present | Shape::Pattern => (Operator::Regex, &b""[..], false),
    };
    match std::str::from_utf8(bytes) {
        Ok(text) if operator != Operator::Regex => {
            if may_lack_suffix && !suffix.is_empty() && !text.is_empty() && !text.ends_with(suffix)
            {
                push(buckets, operator, format!("{text}{suffix}"), span);
            }
            push(buckets, operator, text.to_owned(), span);
        }
        // Bytes that are no text can only be told to a regular expression.
        _ => push(buckets, Operator::Regex, pattern.regex(ignore_case), span),
    }
}
