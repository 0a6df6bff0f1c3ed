//! From searches to checks of the crate's own language.

use super::detection::{Item, Search, Value};
use super::mapping::{Mapping, Target};
use super::modifier::Operand;
use super::wildcard::Pattern;
use crate::Dialect;
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
    /// Bytes that modifiers may still make, for all rules.
    pub(super) room: &'c mut usize,
}

/// Bytes that modifiers may make for all rules of a set.
pub(super) const MAX_MADE: usize = 128 << 20;

/// What a value that was made costs besides its bytes.
const VALUE_OVERHEAD: usize = 128;

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

    pub(super) fn unmapped(&mut self, field: &str, span: Span) -> Option<NodeId> {
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
                let bytes = operands.iter().map(Operand::bytes);
                let made: usize = bytes.map(|bytes| bytes + VALUE_OVERHEAD).sum();
                if item.modifiers.make_more() && made > *self.room {
                    let message =
                        format!("with this, values of all rules become more than {MAX_MADE} bytes");
                    let problem = Diagnostic::error(Code::TooLarge, value.span, message);
                    self.compiler.fault(&mut self.scope, problem);
                    return None;
                }
                if item.modifiers.make_more() {
                    *self.room -= made;
                }
                // Keywords may stand anywhere in a field.
                let widen = |operand| match operand {
                    Operand::Text(pattern) if item.field.is_none() => {
                        Operand::Text(pattern.widened(true, true))
                    }
                    Operand::Cased(pattern) if item.field.is_none() => {
                        Operand::Cased(pattern.widened(true, true))
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
}
