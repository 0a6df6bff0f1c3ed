//! Fitting the values of a check to the type of its field.

use std::collections::BTreeSet;

use sysflow_field::Type;

use crate::Dialect;
use crate::ast::{Check, Operator};
use crate::check::{Asked, order_of};
use crate::compile::{Compiler, Scope};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::lists::Word;
use crate::literal::{self, Network};
use crate::pattern;
use crate::predicate::{Spec, Texts};
use crate::test;

impl Compiler {
    /// What the values of the field must be: any of these.
    pub(crate) fn specs(
        &mut self,
        check: &Check,
        left: &Asked,
        words: &[Word],
        scope: &mut Scope,
    ) -> Option<Vec<Spec>> {
        use Operator as Op;
        let field = left.field;
        let texts = || -> Texts {
            words
                .iter()
                .map(|word| word.text.as_bytes().into())
                .collect()
        };
        let operator = check.operator;
        let on_text = !matches!(operator, Op::Equal | Op::NotEqual | Op::In | Op::Intersects)
            && order_of(operator).is_none();
        if on_text && !field.ty.is_text() && scope.dialect == Dialect::Falco {
            self.misfit(check, left, scope);
            return None;
        }
        let spec = match operator {
            Op::Equal | Op::NotEqual | Op::In | Op::Intersects => {
                self.doubtful_values(check, left, words, scope);
                return self.equality(left, words, scope);
            }
            Op::Contains => Spec::Contains(texts()),
            Op::PathMatch if scope.dialect == Dialect::SysFlow => Spec::Contains(texts()),
            Op::PathMatch => return Some(below(words)),
            Op::ContainsIgnoringCase => Spec::ContainsIgnoringCase(in_lower_case(words)),
            Op::EqualIgnoringCase => Spec::EqualsIgnoringCase(in_lower_case(words)),
            Op::StartsWithIgnoringCase => Spec::StartsWithIgnoringCase(in_lower_case(words)),
            Op::EndsWithIgnoringCase => Spec::EndsWithIgnoringCase(in_lower_case(words)),
            Op::StartsWith => Spec::StartsWith(texts()),
            Op::EndsWith => Spec::EndsWith(texts()),
            Op::ContainsBytes | Op::StartsWithBytes => {
                let bytes = self.converted(words, literal::hexadecimal, scope)?;
                if operator == Op::ContainsBytes {
                    Spec::Contains(bytes)
                } else {
                    Spec::StartsWith(bytes)
                }
            }
            Op::Glob | Op::GlobIgnoringCase => {
                let ignore_case = operator == Op::GlobIgnoringCase;
                let globs = words
                    .iter()
                    .map(|word| pattern::glob(&word.text, ignore_case));
                Spec::Matches(globs.collect())
            }
            Op::Regex => Spec::Matches(self.converted(
                words,
                |word| test::regex([word].into_iter()).map(|_| word.to_owned()),
                scope,
            )?),
            Op::Finds => Spec::Finds(self.converted(
                words,
                |word| test::part([word].into_iter()).map(|_| word.to_owned()),
                scope,
            )?),
            Op::Less | Op::LessOrEqual | Op::Greater | Op::GreaterOrEqual | Op::Exists => {
                return self.order(check, left, words, scope);
            }
        };
        Some(vec![spec])
    }

    fn equality(&mut self, left: &Asked, words: &[Word], scope: &mut Scope) -> Option<Vec<Spec>> {
        let ty = left.field.ty;
        if ty.is_text() {
            let texts = words.iter().map(|word| word.text.as_bytes().into());
            return Some(vec![Spec::Equals(texts.collect())]);
        }
        if ty == Type::Ip {
            // A missing address is the empty text.
            let (empty, addresses): (Vec<Word>, Vec<Word>) =
                words.iter().cloned().partition(|word| word.text.is_empty());
            let mut specs = Vec::new();
            if !addresses.is_empty() {
                specs.push(Spec::Networks(self.converted(
                    &addresses,
                    Network::parse,
                    scope,
                )?));
            }
            if !empty.is_empty() {
                specs.push(Spec::Equals([Box::default()].into()));
            }
            return Some(specs);
        }
        let dialect = scope.dialect;
        let numbers = self.converted(
            words,
            |word| match ty {
                Type::Bool => literal::boolean(word, dialect).map(i64::from),
                _ => literal::integer(word, ty),
            },
            scope,
        )?;
        Some(vec![Spec::Integers(numbers)])
    }

    fn order(
        &mut self,
        check: &Check,
        left: &Asked,
        words: &[Word],
        scope: &mut Scope,
    ) -> Option<Vec<Spec>> {
        let (Some(order), [word]) = (order_of(check.operator), words) else {
            return None;
        };
        let field = left.field;
        let is_number = word.text.parse::<f64>().is_ok() && !word.quoted;
        let spec = match (field.ty, scope.dialect) {
            (Type::Text | Type::Path | Type::Json, Dialect::SysFlow | Dialect::Sigma)
                if is_number =>
            {
                let message = format!("`{}` is text and has no order with a number", check.left);
                let problem = Diagnostic::error(Code::BadLiteral, word.span, message);
                let problem = match scope.dialect {
                    Dialect::Sigma => problem,
                    _ => problem.help("put the number in quotes to compare by letters"),
                };
                self.fault(scope, problem);
                return None;
            }
            (Type::Text | Type::Path | Type::Json, _) => {
                Spec::TextOrder(order, word.text.as_bytes().into())
            }
            (Type::Ip, _) | (Type::Bool, Dialect::Falco) => {
                self.misfit(check, left, scope);
                return None;
            }
            (ty, dialect) => {
                let numbers: BTreeSet<i64> = self.converted(
                    words,
                    |word| match (ty, literal::boolean(word, dialect)) {
                        (Type::Bool, Ok(value)) => Ok(i64::from(value)),
                        _ => literal::integer(word, ty),
                    },
                    scope,
                )?;
                Spec::IntegerOrder(order, numbers.first().copied().unwrap_or(0))
            }
        };
        Some(vec![spec])
    }

    /// Converts all values; each one that does not fit is reported.
    fn converted<T: Ord>(
        &mut self,
        words: &[Word],
        convert: impl Fn(&str) -> Result<T, String>,
        scope: &mut Scope,
    ) -> Option<BTreeSet<T>> {
        let mut converted = BTreeSet::new();
        let mut faultless = true;
        for word in words {
            match convert(&word.text) {
                Ok(value) => {
                    converted.insert(value);
                }
                Err(problem) => {
                    let problem = problem.trim_end().to_owned();
                    let problem = Diagnostic::error(Code::BadLiteral, word.span, problem);
                    self.fault(scope, problem);
                    faultless = false;
                }
            }
        }
        faultless.then_some(converted)
    }

    /// Points out values that a field with a closed set of values never has.
    fn doubtful_values(&mut self, check: &Check, left: &Asked, words: &[Word], scope: &Scope) {
        let field = left.field;
        if field.domain.is_empty() || left.question.path.is_some() {
            return;
        }
        let mut reported = Vec::new();
        for word in words {
            let is_list = self.names_list(&word.text, scope);
            if field.domain.contains(&word.text.as_str())
                || word.text.is_empty()
                || (is_list && scope.dialect == Dialect::SysFlow)
                || reported.contains(&&word.text)
            {
                continue;
            }
            reported.push(&word.text);
            let consequence = match (check.operator, words.len()) {
                (Operator::NotEqual, _) => "the check is always true",
                (_, 1) => "the check is never true",
                _ => "this value changes nothing",
            };
            let message = format!("`{}` never is `{}`: {consequence}", check.left, word.text);
            let problem = Diagnostic::warning(Code::NeverTrue, word.span, message);
            let problem = match nearest(&word.text, field.domain.iter().copied()) {
                Some(known) => problem.help(format!("did you mean `{known}`?")),
                None if field.domain.len() <= 12 => {
                    problem.help(format!("the values are {}", field.domain.join(", ")))
                }
                None => problem,
            };
            self.warn(scope, problem);
        }
    }

    fn misfit(&mut self, check: &Check, left: &Asked, scope: &mut Scope) {
        let message = format!(
            "`{}` is of type {}, to which `{}` does not apply",
            check.left,
            left.field.ty,
            check.operator.spelling()
        );
        let problem = Diagnostic::error(Code::BadOperator, check.operator_span, message);
        self.fault(scope, problem);
    }
}

fn in_lower_case(words: &[Word]) -> Texts {
    let lower = words.iter().map(|word| word.text.to_ascii_lowercase());
    lower.map(|text| text.into_bytes().into()).collect()
}

/// Falco's `pmatch`: at or below one of these paths, whose parts may be patterns.
fn below(words: &[Word]) -> Vec<Spec> {
    let mut paths = Texts::new();
    let mut patterns = BTreeSet::new();
    for word in words {
        if pattern::is_pattern(&word.text) {
            patterns.insert(pattern::below(&word.text));
        } else {
            paths.insert(word.text.trim_matches('/').as_bytes().into());
        }
    }
    let mut specs = Vec::new();
    if !paths.is_empty() {
        specs.push(Spec::Below(paths));
    }
    if !patterns.is_empty() {
        specs.push(Spec::Matches(patterns));
    }
    specs
}
