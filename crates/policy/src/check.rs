//! From single checks to predicates: fields are looked up, names of lists opened.
//!
//! Values are fitted to the types of fields in [`fit`](crate::fit).

use sysflow_field::{Absence, Arg, Field, Resolved, Role, Unresolved};

use crate::Dialect;
use crate::ast::{Check, Operand, OperandKind, Operator, Quantifier, Right};
use crate::compile::{Compiler, Scope};
use crate::diagnostic::{Code, Diagnostic};
use crate::falco::FalcoCode;
use crate::lists::{Word, looks_like_macro, macro_as_value};
use crate::made;
use crate::predicate::{Order, Predicate, Question, Source, Spec};
use crate::program::NodeId;
use crate::source::Span;

/// A field with its argument, as a check asks for it.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) source: Source,
    /// The field; of values that are made, one that has the same nature.
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
        self.about_left(check, &left, scope);
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
                    let word = self.single(check, &left, word, scope);
                    self.compare(check, &left, &[word], scope)
                }
            },
            Right::List(operands, span) => {
                let words = self.expanded(operands, scope);
                let named_list = !operands.is_empty() || scope.had_empty_list;
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
            Right::Quantified(quantifier, operands, _) => {
                let words = self.expanded(operands, scope);
                if words.is_empty() {
                    return Some(self.builder.constant(false));
                }
                if *quantifier == Quantifier::Any && check.operator != Operator::NotEqual {
                    return self.compare(check, &left, &words, scope);
                }
                let each = words
                    .iter()
                    .map(|word| self.compare(check, &left, std::slice::from_ref(word), scope));
                let each: Vec<Option<NodeId>> = each.collect();
                let each = each.into_iter().collect::<Option<Vec<NodeId>>>()?;
                Some(match quantifier {
                    Quantifier::One => self.builder.one(each),
                    Quantifier::Any => self.builder.any(each),
                    Quantifier::All => self.builder.all(each),
                })
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
        match operand.kind {
            OperandKind::Quoted => return value(),
            OperandKind::Call(_) => return self.called(operand, scope).map(Side::Field),
            _ => {}
        }
        let starts_like_name = operand
            .text
            .starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        if let Some(constant) = self.constant(&operand.text) {
            return Some(Side::Value(Word {
                text: constant,
                span: operand.span,
                quoted: true,
            }));
        }
        match self.catalogue.resolve(&operand.text) {
            Ok(resolved) => self.asked(operand, resolved, scope).map(Side::Field),
            Err(Unresolved::Unknown { .. }) if !starts_like_name => {
                let problem = Diagnostic::hint(
                    Code::Falco,
                    operand.span,
                    "Falco takes only a field on the left side",
                );
                if scope.dialect == Dialect::Falco {
                    self.warn(scope, problem.falco(FalcoCode::CompileCondition));
                }
                value()
            }
            Err(Unresolved::Unknown { .. })
                if !operand.text.contains('.')
                    && scope.dialect == Dialect::SysFlow
                    && check.operator != Operator::Exists =>
            {
                value()
            }
            Err(why) => {
                self.about_unresolved(check, scope);
                let problem = self.unresolved(&operand.text, operand.span, &why);
                self.fault(scope, problem);
                None
            }
        }
    }

    /// The right side: a value, or a field if it can be meant as one.
    fn right(&mut self, operand: &Operand, scope: &mut Scope) -> Option<Side> {
        let text = &operand.text;
        let as_field = match (&operand.kind, scope.dialect) {
            (OperandKind::Call(_), _) => return self.called(operand, scope).map(Side::Field),
            (OperandKind::FieldValue, _) => true,
            (OperandKind::Word, Dialect::SysFlow) => self.catalogue.looks_like_field(text),
            _ => false,
        };
        if !as_field {
            let quoted = operand.kind == OperandKind::Quoted;
            self.like_a_field(text, operand.span, quoted, scope);
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

    /// The constant that `static.NAME` stands for.
    fn constant(&self, text: &str) -> Option<String> {
        let name = text.strip_prefix("static.")?;
        let mut constants = self.constants.iter();
        let (_, value) = constants.find(|(known, _)| known == name)?;
        Some(value.clone())
    }

    /// What a transformer makes.
    fn called(&mut self, operand: &Operand, scope: &mut Scope) -> Option<Asked> {
        match made::asked(operand, self.catalogue, scope.dialect) {
            Ok(asked) => Some(asked),
            Err(problem) => {
                self.fault(scope, *problem);
                None
            }
        }
    }

    fn asked(&mut self, operand: &Operand, resolved: Resolved, scope: &mut Scope) -> Option<Asked> {
        let field = self.catalogue.field(resolved.id);
        let needs_quotes = scope.dialect == Dialect::Falco
            && operand.text.split_once('[').is_some_and(|(_, argument)| {
                let argument = argument.strip_suffix(']').unwrap_or(argument);
                argument.contains([' ', '\t', '\n', '[', ']']) && !argument.starts_with(['"', '\''])
            });
        if needs_quotes {
            let message = "an argument with blanks or brackets needs quotes";
            let problem = Diagnostic::error(Code::BadArgument, operand.span, message);
            self.fault(scope, problem);
            return None;
        }
        match made::question(self.catalogue, operand.span, resolved) {
            Ok(question) => Some(Asked {
                source: Source::Field(question),
                field,
            }),
            Err(problem) => {
                self.fault(scope, *problem);
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
            Right::List(operands, _) | Right::Quantified(_, operands, _) => {
                self.expanded(operands, scope)
            }
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
        if check.operator == Operator::Exists {
            return Some(self.builder.constant(true));
        }
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
        // Constants of the configuration are meant so.
        if !check.left.text.starts_with("static.") {
            self.warn(scope, problem);
        }
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
            // In Falco's files the items of lists stand here already.
            if scope.dialect == Dialect::Falco {
                self.like_a_field(&word.text, word.span, word.quoted, scope);
                if !word.quoted && self.lists.contains(&word.text) {
                    self.left_closed(&word, scope);
                }
            } else if !word.quoted
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

    /// Points out the name of a list that is not opened where it stands.
    fn left_closed(&mut self, word: &Word, scope: &Scope) {
        let name = &word.text;
        let message = format!("`{name}` is a list, but here it is only a text");
        let problem = Diagnostic::warning(Code::ListAsValue, word.span, message);
        let problem = problem.help(format!(
            "lists are opened one within another only once: name `{name}` in the condition, or define it \
             after the list that it is in"
        ));
        self.warn(scope, problem);
    }

    /// A lone value. In SysFlow's files the name of a list is only a text here, which is pointed out.
    fn single(&mut self, check: &Check, left: &Asked, word: Word, scope: &Scope) -> Word {
        let name = word.text.clone();
        let is_list =
            !word.quoted && scope.dialect != Dialect::Falco && self.list(&name, scope).is_some();
        let may_be_meant = left.field.domain.contains(&name.as_str());
        let is_equality = matches!(check.operator, Operator::Equal | Operator::NotEqual);
        if !is_list || may_be_meant || !is_equality {
            return word;
        }
        let message = format!("`{name}` is a list, but here it is only a text");
        let problem = Diagnostic::warning(Code::ListAsValue, word.span, message);
        self.warn(scope, problem.help(format!("did you mean `in ({name})`?")));
        Word {
            quoted: true,
            ..word
        }
    }

    /// Compares a field with values.
    fn compare(
        &mut self,
        check: &Check,
        left: &Asked,
        words: &[Word],
        scope: &mut Scope,
    ) -> Option<NodeId> {
        if left.field.limits.whole_list && scope.dialect == Dialect::Falco {
            return self.compare_list(check, left, words, scope);
        }
        let specs = self.specs(check, left, words, scope)?;
        if left.field.limits.one_differs
            && scope.dialect == Dialect::Falco
            && check.operator == Operator::NotEqual
            && let (Source::Field(question), [spec]) = (&left.source, &specs[..])
            && question.arg == Arg::None
        {
            return self.some_value_differs(question, spec.clone());
        }
        // Falco does not see in these for which types of events a rule is, so neither may we: every value of
        // a field that has one is that value.
        let is_for_all_types = scope.dialect == Dialect::Falco
            && left.field.role == Role::Operation
            && !left.field.list
            && (check.operator == Operator::Intersects
                || matches!(check.right, Right::Quantified(..)));
        let mut tests = Vec::with_capacity(specs.len());
        for spec in specs {
            tests.push(match &left.source {
                Source::Field(question) if is_for_all_types => {
                    let question = question.clone();
                    let predicate = Predicate::Every { question, spec };
                    self.builder.test(predicate).ok()?
                }
                _ => self.test(left.clone(), spec, check.span(), scope)?,
            });
        }
        let any = self.builder.any(tests);
        if check.operator == Operator::NotEqual {
            return Some(self.not_equal(any, &[left], scope));
        }
        Some(any)
    }

    /// There are values, and not all of them are so.
    fn some_value_differs(&mut self, question: &Question, spec: Spec) -> Option<NodeId> {
        let present = Predicate::of(Source::Field(question.clone()), Spec::Present);
        let every = Predicate::Every {
            question: question.clone(),
            spec,
        };
        let (present, every) = (self.builder.test(present), self.builder.test(every));
        let differs = self.builder.not(every.ok()?);
        Some(self.builder.all(vec![present.ok()?, differs]))
    }

    /// Compares a field whose values are one whole.
    fn compare_list(
        &mut self,
        check: &Check,
        left: &Asked,
        words: &[Word],
        scope: &mut Scope,
    ) -> Option<NodeId> {
        if !matches!(check.operator, Operator::In | Operator::Intersects) {
            self.misfit(check, left, scope);
            return None;
        }
        let specs = self.specs(check, left, words, scope)?;
        let (Operator::In, Source::Field(question)) = (check.operator, &left.source) else {
            let mut tests = Vec::with_capacity(specs.len());
            for spec in specs {
                tests.push(self.test(left.clone(), spec, check.span(), scope)?);
            }
            return Some(self.builder.any(tests));
        };
        let mut tests = Vec::with_capacity(specs.len());
        for spec in specs {
            let predicate = Predicate::Every {
                question: question.clone(),
                spec,
            };
            tests.push(self.builder.test(predicate).ok()?);
        }
        Some(self.builder.any(tests))
    }

    /// SysFlow: nothing is equal. Falco: there is something, and nothing is equal.
    pub(crate) fn not_equal(&mut self, equal: NodeId, sides: &[&Asked], scope: &Scope) -> NodeId {
        let mut parts = vec![self.builder.not(equal)];
        if scope.dialect == Dialect::Falco {
            for side in sides {
                let always_there = side.field.absence == Absence::Zero && !side.field.list;
                if always_there {
                    continue;
                }
                let present = Predicate::of(side.source.clone(), Spec::Present);
                // That anything is there can always be asked.
                parts.extend(self.builder.test(present));
            }
        }
        self.builder.all(parts)
    }

    fn test(&mut self, asked: Asked, spec: Spec, span: Span, scope: &mut Scope) -> Option<NodeId> {
        match self.builder.test(Predicate::of(asked.source, spec)) {
            Ok(node) => Some(node),
            Err(problem) => {
                let problem = Diagnostic::error(Code::TooLarge, span, problem);
                self.fault(scope, problem);
                None
            }
        }
    }
}
