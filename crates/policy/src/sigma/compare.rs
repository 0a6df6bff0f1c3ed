//! From the values of one field to checks of the crate's own language.

use std::collections::BTreeMap;

use sysflow_field::Type;

use super::detection::Item;
use super::lower::Lowering;
use super::mapping::Target;
use super::modifier::{Comparison, Operand, Side};
use super::number::Number;
use super::wildcard::{Pattern, Shape};
use crate::Dialect;
use crate::ast::{Check, Operand as Word, OperandKind, Operator, Right};
use crate::diagnostic::{Code, Diagnostic};
use crate::literal::{self, Network};
use crate::program::NodeId;
use crate::source::{MappedText, Span};

/// Values of one field that one check can ask for.
type Buckets<'v> = BTreeMap<&'static str, (Operator, Vec<(String, Span)>)>;

impl Lowering<'_, '_> {
    /// Any of the operands for one field of the source.
    pub(super) fn any_of_field(
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
                Operand::Text(pattern) | Operand::Cased(pattern) => match pattern.shape() {
                    Shape::Present => self.check(item, name, Operator::Exists, Right::Nothing),
                    Shape::Equals(b"") if !ty.is_text() => {
                        let present = self.check(item, name, Operator::Exists, Right::Nothing);
                        present.map(|node| self.compiler.builder.not(node))
                    }
                    // Numbers and addresses are compared as such.
                    Shape::Equals(bytes) if !ty.is_text() => {
                        if let Some(value) = self.typed(ty, bytes, *span) {
                            push(&mut buckets, Operator::Equal, value, *span);
                        }
                        continue;
                    }
                    _ => {
                        let ignore_case = matches!(operand, Operand::Text(_));
                        sort_into(&mut buckets, pattern, ignore_case, suffix, *span);
                        continue;
                    }
                },
                Operand::Regex(regex) if finds_in_nothing(regex) => {
                    // No value is not an empty one.
                    let right = quoted(regex.clone(), *span);
                    let found = self.check(item, name, Operator::Finds, right);
                    self.if_present(item, &[name], found)
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
                    self.ordered(item, name, ty, (*comparison, *number), *span)
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

    /// A text as a value of a field that holds something else; `None`, with a warning, where it is none.
    fn typed(&mut self, ty: Type, text: &[u8], span: Span) -> Option<String> {
        let text = String::from_utf8_lossy(text);
        let whole = || match Number::parse(&text) {
            Some(Number::Whole(number)) => number.to_string(),
            _ => text.clone().into_owned(),
        };
        let (value, fault) = match ty {
            Type::Ip | Type::Net => (text.to_string(), Network::parse(&text).err()),
            Type::Bool => (
                text.to_string(),
                literal::boolean(&text, Dialect::Sigma).err(),
            ),
            Type::Fraction => (text.to_string(), literal::fraction(&text).err()),
            _ => {
                let value = whole();
                let fault = literal::integer(&value, ty).err();
                (value, fault)
            }
        };
        let Some(fault) = fault else {
            return Some(value);
        };
        let message = format!("{}, so no value is like this", fault.trim_end());
        let problem = Diagnostic::warning(Code::NeverTrue, span, message);
        self.compiler.warn(&self.scope, problem);
        None
    }

    /// A field in an order with a number.
    fn ordered(
        &mut self,
        item: &Item,
        name: &MappedText,
        ty: Type,
        (comparison, number): (Comparison, Number),
        span: Span,
    ) -> Option<NodeId> {
        let (least, most) = match ty {
            Type::Port => (0, 65_535),
            Type::Proto => (0, 255),
            _ => (i64::MIN, i64::MAX),
        };
        let takes_whole = matches!(
            ty,
            Type::Int | Type::Port | Type::Proto | Type::Time | Type::Duration
        );
        let (comparison, number) = if takes_whole {
            let wants_less = matches!(comparison, Comparison::Less | Comparison::LessOrEqual);
            match number.among_whole(comparison) {
                Some((comparison, number)) if (least..=most).contains(&number) => {
                    (comparison, number.to_string())
                }
                Some((_, number)) if wants_less == (number > most) => {
                    return self.check(item, name, Operator::Exists, Right::Nothing);
                }
                None if number.is_beyond(comparison) => {
                    return self.check(item, name, Operator::Exists, Right::Nothing);
                }
                _ => {
                    let message = "no value is so";
                    let problem = Diagnostic::warning(Code::NeverTrue, span, message);
                    self.compiler.warn(&self.scope, problem);
                    return Some(self.compiler.builder.constant(false));
                }
            }
        } else {
            (comparison, number.shown())
        };
        let right = Right::One(Word {
            kind: OperandKind::Word,
            text: number,
            span,
        });
        self.check(item, name, order(comparison), right)
    }

    /// The check together with the presence of the fields.
    fn if_present(
        &mut self,
        item: &Item,
        names: &[&MappedText],
        check: Option<NodeId>,
    ) -> Option<NodeId> {
        let mut parts = vec![check?];
        for name in names {
            parts.push(self.check(item, name, Operator::Exists, Right::Nothing)?);
        }
        Some(self.compiler.builder.all(parts))
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
            let compared = self.check(item, name, operator, right);
            // Two that are missing are not the same.
            nodes.push(self.if_present(item, &[name, other], compared)?);
        }
        Some(self.compiler.builder.any(nodes))
    }
}

/// Whether a regular expression finds itself in an empty text. One that is none finds nothing.
fn finds_in_nothing(regex: &str) -> bool {
    let built = crate::test::part([regex].into_iter());
    built.is_ok_and(|regex| regex.is_match(b""))
}

fn quoted(text: String, span: Span) -> Right {
    let word = Word {
        kind: OperandKind::Quoted,
        text,
        span,
    };
    Right::List(vec![word], span)
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
    suffix: &str,
    span: Span,
) {
    let choose = |ignoring, exact| if ignore_case { ignoring } else { exact };
    let (operator, bytes, may_lack_suffix) = match pattern.shape() {
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
