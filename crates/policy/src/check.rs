//! From single checks to predicates: fields are looked up, names of lists opened.
//!
//! Values are fitted to the types of fields in [`fit`](crate::fit).

use sysflow_field::{Absence, Arg, Argument, Field, Resolved, Type, Unresolved};

use crate::Dialect;
use crate::ast::{Check, Operand, OperandKind, Operator, Right};
use crate::compile::{Compiler, Scope};
use crate::diagnostic::{Code, Diagnostic};
use crate::json::JsonPath;
use crate::lists::{Word, looks_like_macro, macro_as_value};
use crate::predicate::{Comparison, Order, Pair, Predicate, Question, Spec};
use crate::program::NodeId;
use crate::source::Span;

/// A field with its argument, as a check asks for it.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) question: Question,
    pub(crate) field: &'static Field,
}

/// One side of a check.
enum Side {
    Field(Asked),
    Value(Word),
}

/// The order that an operator asks for, if it does.
pub(crate) const fn order_of(operator: Operator) -> Option<Order> {
    Some(match operator {
        Operator::Less => Order::Less,
        Operator::LessOrEqual => Order::LessOrEqual,
        Operator::Greater => Order::Greater,
        Operator::GreaterOrEqual => Order::GreaterOrEqual,
        _ => return None,
    })
}

impl Compiler {
    /// Compiles one check; `None` after a fault that has been reported.
    pub(crate) fn check(&mut self, check: &Check, scope: &mut Scope) -> Option<NodeId> {
        let left = match self.left(check, scope)? {
            Side::Field(asked) => asked,
            Side::Value(word) => return self.constant_check(check, &word, scope),
        };
        match &check.right {
            Right::Nothing => {
                let spec = match left.field.absence {
                    Absence::Missing => Spec::Present,
                    Absence::Zero => Spec::NotZero,
                };
                self.test(left, spec, check.span(), scope)
            }
            Right::One(operand) => match self.right(operand, scope)? {
                Side::Field(right) => self.pair(check, &left, &right, scope),
                Side::Value(word) => {
                    let words = self.single(check, &left, word, scope)?;
                    self.compare(check, &left, &words, scope)
                }
            },
            Right::List(operands, span) => {
                let words = self.expanded(operands, scope);
                let named_list = !operands.is_empty();
                if words.is_empty() {
                    // In Falco's files empty lists are places for others to fill.
                    if !(named_list && scope.dialect == Dialect::Falco) {
                        let message = "nothing is in this list, so the check is never true";
                        self.warn(scope, Diagnostic::warning(Code::EmptyList, *span, message));
                    }
                    return Some(self.builder.constant(false));
                }
                self.compare(check, &left, &words, scope)
            }
        }
    }

    /// The left side: a field, or a value if it cannot be meant as a field.
    fn left(&mut self, check: &Check, scope: &mut Scope) -> Option<Side> {
        let operand = &check.left;
        let value = || {
            Some(Side::Value(Word {
                text: operand.text.clone(),
                span: operand.span,
                quoted: operand.kind == OperandKind::Quoted,
            }))
        };
        if operand.kind == OperandKind::Quoted {
            return value();
        }
        let starts_like_name = operand
            .text
            .starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        match self.catalogue.resolve(&operand.text) {
            Ok(resolved) => self.asked(operand, resolved, scope).map(Side::Field),
            Err(Unresolved::Unknown { .. }) if !starts_like_name => value(),
            Err(Unresolved::Unknown { .. })
                if !operand.text.contains('.')
                    && scope.dialect == Dialect::SysFlow
                    && check.operator != Operator::Exists =>
            {
                value()
            }
            Err(why) => {
                let problem = self.unresolved(&operand.text, operand.span, &why);
                self.fault(scope, problem);
                None
            }
        }
    }

    /// The right side: a value, or a field if it can be meant as one.
    fn right(&mut self, operand: &Operand, scope: &mut Scope) -> Option<Side> {
        let text = &operand.text;
        let as_field = match (operand.kind, scope.dialect) {
            (OperandKind::FieldValue, _) => true,
            (OperandKind::Word, Dialect::SysFlow) => self.catalogue.looks_like_field(text),
            _ => false,
        };
        if !as_field {
            let quoted = operand.kind == OperandKind::Quoted;
            if !quoted && text.contains('.') && self.catalogue.resolve(text).is_ok() {
                let message = format!("`{text}` is a field, but here it is only a text");
                let problem = Diagnostic::warning(Code::FieldAsValue, operand.span, message);
                self.warn(
                    scope,
                    problem.help(format!("write `val({text})` to compare with the field")),
                );
            }
            return Some(Side::Value(Word {
                text: text.clone(),
                span: operand.span,
                quoted,
            }));
        }
        match self.catalogue.resolve(text) {
            Ok(resolved) => self.asked(operand, resolved, scope).map(Side::Field),
            Err(why) => {
                let problem = self.unresolved(text, operand.span, &why);
                let problem = problem.help("put it in quotes if you mean it as a text");
                self.fault(scope, problem);
                None
            }
        }
    }

    fn asked(&mut self, operand: &Operand, resolved: Resolved, scope: &mut Scope) -> Option<Asked> {
        match asked(self.catalogue.field(resolved.id), resolved) {
            Ok(asked) => Some(asked),
            Err(problem) => {
                let problem = Diagnostic::error(Code::BadArgument, operand.span, problem);
                self.fault(scope, problem);
                None
            }
        }
    }

    /// A check without a field: its answer is known now.
    fn constant_check(&mut self, check: &Check, left: &Word, scope: &mut Scope) -> Option<NodeId> {
        let rights = match &check.right {
            Right::Nothing => Vec::new(),
            Right::One(operand) => match self.right(operand, scope)? {
                Side::Value(word) => vec![word],
                Side::Field(_) => {
                    let message = format!("`{}` is not a field", left.text);
                    let problem = Diagnostic::error(Code::UnknownField, left.span, message);
                    self.fault(
                        scope,
                        problem.help("the field stands on the left of a check"),
                    );
                    return None;
                }
            },
            Right::List(operands, _) => self.expanded(operands, scope),
        };
        let text = left.text.as_str();
        let holds = |word: &Word| {
            let right = word.text.as_str();
            let numbers = text.parse::<i64>().ok().zip(right.parse::<i64>().ok());
            match (check.operator, order_of(check.operator), numbers) {
                (_, Some(order), Some((left, right))) => order.holds(&left, &right),
                (_, Some(order), None) => order.holds(text, right),
                (Operator::Contains, ..) => text.contains(right),
                (Operator::ContainsIgnoringCase, ..) => {
                    let lower = text.to_ascii_lowercase();
                    lower.contains(&right.to_ascii_lowercase())
                }
                (Operator::StartsWith, ..) => text.starts_with(right),
                (Operator::EndsWith, ..) => text.ends_with(right),
                (Operator::PathMatch, ..) if scope.dialect == Dialect::SysFlow => {
                    text.contains(right)
                }
                (_, None, Some((left, right))) => left == right,
                _ => text == right,
            }
        };
        let any = rights.iter().any(holds);
        let answer = any != (check.operator == Operator::NotEqual);
        let message = format!("this check asks for no field and is always {answer}");
        let mut problem = Diagnostic::warning(Code::Constant, check.span(), message);
        if !left.quoted
            && let Err(Unresolved::Unknown { suggestions }) = self.catalogue.resolve(text)
            && let Some(suggestion) = suggestions.first()
        {
            problem = problem.help(format!("did you mean the field `{suggestion}`?"));
        }
        self.warn(scope, problem);
        Some(self.builder.constant(answer))
    }

    /// The values of a list in a check, with named lists opened up.
    fn expanded(&mut self, operands: &[Operand], scope: &mut Scope) -> Vec<Word> {
        let mut words: Vec<Word> = Vec::with_capacity(operands.len());
        for operand in operands {
            let word = Word {
                text: operand.text.clone(),
                span: operand.span,
                quoted: operand.kind == OperandKind::Quoted,
            };
            if !word.quoted
                && let Some(list) = self.list(&word.text, scope)
            {
                // A value from a list is reported where the list is used.
                words.extend(list.iter().map(|inner| Word {
                    text: inner.text.clone(),
                    span: operand.span,
                    quoted: true,
                }));
                continue;
            }
            if looks_like_macro(&word) && self.macros.contains(&word.text) {
                self.warn(scope, macro_as_value(&word));
            }
            words.push(word);
        }
        words
    }

    /// A lone value. Falco puts the items of a list in place of its name, which works for one item.
    fn single(
        &mut self,
        check: &Check,
        left: &Asked,
        word: Word,
        scope: &mut Scope,
    ) -> Option<Vec<Word>> {
        let name = word.text.clone();
        let list = if word.quoted {
            None
        } else {
            self.list(&name, scope)
        };
        let Some(list) = list else {
            return Some(vec![word]);
        };
        if scope.dialect == Dialect::Falco {
            if let [only] = &*list {
                return Some(vec![Word {
                    span: word.span,
                    ..only.clone()
                }]);
            }
            let message = format!("`{name}` is a list and cannot stand here");
            let problem = Diagnostic::error(Code::ListAsValue, word.span, message);
            self.fault(scope, problem.help(format!("did you mean `in ({name})`?")));
            return None;
        }
        let may_be_meant = left.field.domain.contains(&name.as_str());
        if matches!(check.operator, Operator::Equal | Operator::NotEqual) && !may_be_meant {
            let message = format!("`{name}` is a list, but here it is only a text");
            let problem = Diagnostic::warning(Code::ListAsValue, word.span, message);
            self.warn(scope, problem.help(format!("did you mean `in ({name})`?")));
            return Some(vec![Word {
                quoted: true,
                ..word
            }]);
        }
        Some(vec![word])
    }

    /// Compares a field with values.
    fn compare(
        &mut self,
        check: &Check,
        left: &Asked,
        words: &[Word],
        scope: &mut Scope,
    ) -> Option<NodeId> {
        let specs = self.specs(check, left, words, scope)?;
        let mut tests = Vec::with_capacity(specs.len());
        for spec in specs {
            tests.push(self.test(left.clone(), spec, check.span(), scope)?);
        }
        let any = self.builder.any(tests);
        if check.operator == Operator::NotEqual {
            return Some(self.not_equal(any, &[left], scope));
        }
        Some(any)
    }

    /// SysFlow: nothing is equal. Falco: there is something, and nothing is equal.
    fn not_equal(&mut self, equal: NodeId, sides: &[&Asked], scope: &Scope) -> NodeId {
        let mut parts = vec![self.builder.not(equal)];
        if scope.dialect == Dialect::Falco {
            for side in sides {
                let always_there = side.field.absence == Absence::Zero && !side.field.list;
                if always_there {
                    continue;
                }
                let present = Predicate::Field {
                    question: side.question.clone(),
                    spec: Spec::Present,
                };
                // That anything is there can always be asked.
                parts.extend(self.builder.test(present));
            }
        }
        self.builder.all(parts)
    }

    fn test(&mut self, asked: Asked, spec: Spec, span: Span, scope: &mut Scope) -> Option<NodeId> {
        let predicate = Predicate::Field {
            question: asked.question,
            spec,
        };
        match self.builder.test(predicate) {
            Ok(node) => Some(node),
            Err(problem) => {
                let problem = Diagnostic::error(Code::TooLarge, span, problem);
                self.fault(scope, problem);
                None
            }
        }
    }

    /// Compares two fields.
    fn pair(
        &mut self,
        check: &Check,
        left: &Asked,
        right: &Asked,
        scope: &mut Scope,
    ) -> Option<NodeId> {
        let comparison = match check.operator {
            Operator::Equal | Operator::NotEqual => Comparison::Equal,
            Operator::Contains => Comparison::Contains,
            Operator::ContainsIgnoringCase => Comparison::ContainsIgnoringCase,
            Operator::StartsWith => Comparison::StartsWith,
            Operator::EndsWith => Comparison::EndsWith,
            Operator::EqualIgnoringCase => Comparison::EqualIgnoringCase,
            Operator::StartsWithIgnoringCase => Comparison::StartsWithIgnoringCase,
            Operator::EndsWithIgnoringCase => Comparison::EndsWithIgnoringCase,
            operator => {
                let Some(order) = order_of(operator) else {
                    let message = format!("`{}` cannot compare two fields", operator.spelling());
                    let problem =
                        Diagnostic::error(Code::BadOperator, check.operator_span, message);
                    self.fault(scope, problem);
                    return None;
                };
                Comparison::Order(order)
            }
        };
        let class = |ty: Type| (ty.is_text(), ty.is_integer() || ty == Type::Bool);
        let same_class = class(left.field.ty) == class(right.field.ty);
        let needs_same =
            scope.dialect == Dialect::Falco || matches!(comparison, Comparison::Order(_));
        let ordered_addresses =
            matches!(comparison, Comparison::Order(_)) && left.field.ty == Type::Ip;
        if (needs_same && !same_class) || ordered_addresses {
            let message = format!(
                "a field of type {} cannot be compared so with one of type {}",
                left.field.ty, right.field.ty
            );
            let problem = Diagnostic::error(Code::BadOperator, check.span(), message);
            self.fault(scope, problem);
            return None;
        }
        let predicate = Predicate::Pair(Box::new(Pair {
            left: left.question.clone(),
            comparison,
            right: right.question.clone(),
        }));
        // Pairs need nothing that could fail to be made ready.
        let test = self.builder.test(predicate).ok()?;
        if check.operator == Operator::NotEqual {
            return Some(self.not_equal(test, &[left, right], scope));
        }
        Some(test)
    }
}

/// The question that a resolved name asks.
fn asked(field: &'static Field, resolved: Resolved) -> Result<Asked, String> {
    let (arg, path) = match resolved.arg {
        Arg::Key(path) if field.argument == Argument::JsonPath => {
            (Arg::None, Some(JsonPath::parse(&path)?))
        }
        arg => (arg, None),
    };
    let question = Question {
        field: resolved.id,
        arg,
        path,
        zero: field.absence == Absence::Zero,
    };
    Ok(Asked { question, field })
}
