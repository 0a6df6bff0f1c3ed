//! Fitting the values of a check to the type of its field.

use std::collections::BTreeSet;

use sysflow_field::{Role, Type};

use crate::Dialect;
use crate::ast::{Check, Operator};
use crate::check::{Asked, order_of};
use crate::compile::{Compiler, Scope};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::falco::FalcoCode;
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
            let texts = words.iter().map(|word| literal::bytes(&word.text));
            texts.collect()
        };
        let operator = check.operator;
        let on_text = !matches!(operator, Op::Equal | Op::NotEqual | Op::In | Op::Intersects)
            && order_of(operator).is_none();
        if scope.dialect == Dialect::Falco {
            if on_text && !field.ty.is_text() || !fits(operator, field.ty) {
                self.misfit(check, left, scope);
                return None;
            }
            self.about_values(check, left, words, scope);
            // Falco wants names of types of events under any operator.
            if left.field.name == "evt.type" {
                self.unknown_operations(left, words, scope)?;
            }
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
            self.unknown_operations(left, words, scope)?;
            let texts = words.iter().map(|word| literal::bytes(&word.text));
            return Some(vec![Spec::Equals(texts.collect())]);
        }
        if ty.is_address() {
            // A missing address is the empty text.
            let (empty, addresses): (Vec<Word>, Vec<Word>) =
                words.iter().cloned().partition(|word| word.text.is_empty());
            let mut specs = Vec::new();
            if !addresses.is_empty() {
                let networks = self.converted(&addresses, Network::parse, scope)?;
                self.masks_of_falco(ty, &addresses, scope);
                specs.push(Spec::Networks(networks));
            }
            if !empty.is_empty() {
                specs.push(Spec::Equals([Box::default()].into()));
            }
            return Some(specs);
        }
        if ty == Type::Fraction {
            let fractions = self.converted(words, literal::fraction, scope)?;
            return Some(vec![Spec::Fractions(fractions)]);
        }
        let dialect = scope.dialect;
        let numbers = self.converted(
            words,
            |word| match ty {
                Type::Bool => literal::boolean(word, dialect).map(i64::from),
                Type::Port if dialect == Dialect::Falco => literal::falco_port(word),
                Type::Int if dialect == Dialect::Falco => {
                    literal::falco_integer(word, left.field.falco_type(), false)
                }
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
            (
                Type::Text | Type::Bytes | Type::Path | Type::Json,
                Dialect::SysFlow | Dialect::Sigma,
            ) if is_number => {
                let message = format!("`{}` is text and has no order with a number", check.left);
                let problem = Diagnostic::error(Code::BadLiteral, word.span, message);
                let problem = match scope.dialect {
                    Dialect::Sigma => problem,
                    _ => problem.help("put the number in quotes to compare by letters"),
                };
                self.fault(scope, problem);
                return None;
            }
            (Type::Ip | Type::Net, _) | (Type::Bool | Type::Bytes, Dialect::Falco) => {
                self.misfit(check, left, scope);
                return None;
            }
            (Type::Fraction, _) => {
                let numbers = self.converted(words, literal::fraction, scope)?;
                Spec::FractionOrder(order, *numbers.first()?)
            }
            (Type::Text | Type::Bytes | Type::Path | Type::Json, _) => {
                Spec::TextOrder(order, literal::bytes(&word.text))
            }
            (ty, dialect) => {
                let numbers: BTreeSet<i64> = self.converted(
                    words,
                    |word| match (ty, literal::boolean(word, dialect)) {
                        (Type::Bool, Ok(value)) => Ok(i64::from(value)),
                        (Type::Port, _) if dialect == Dialect::Falco => literal::falco_port(word),
                        (Type::Int, _) if dialect == Dialect::Falco => {
                            literal::falco_integer(word, field.falco_type(), true)
                        }
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

    /// Complains about names of operations that do not exist.
    fn unknown_operations(
        &mut self,
        left: &Asked,
        words: &[Word],
        scope: &mut Scope,
    ) -> Option<()> {
        let Some(is_operation) = self.catalogue.is_operation else {
            return Some(());
        };
        if left.field.role != Role::Operation || scope.dialect != Dialect::Falco {
            return Some(());
        }
        let mut faultless = true;
        for word in words.iter().filter(|word| !is_operation(&word.text)) {
            let message = format!("there is no type of event `{}`", word.text);
            let problem = Diagnostic::error(Code::UnknownOperation, word.span, message);
            let known = self.catalogue.operations.iter().map(|(name, _)| *name);
            let problem = match nearest(&word.text, known) {
                Some(known) => problem.help(format!("did you mean `{known}`?")),
                None => problem,
            };
            self.fault(scope, problem);
            faultless = false;
        }
        faultless.then_some(())
    }

    /// Points out masks that Falco misses, or does not want.
    fn masks_of_falco(&mut self, ty: Type, words: &[Word], scope: &Scope) {
        if scope.dialect != Dialect::Falco {
            return;
        }
        for word in words {
            let message = match (ty, word.text.split_once('/')) {
                (Type::Net, None) => "Falco wants a mask behind an address here, as in `/32`",
                (Type::Net, Some((address, "0"))) if address.contains(':') => {
                    "Falco knows no network of all IPv6 addresses"
                }
                (Type::Ip, Some(_)) => "Falco compares this field with single addresses only",
                _ => continue,
            };
            let hint = Diagnostic::hint(Code::Falco, word.span, message);
            self.warn(scope, hint.falco(FalcoCode::CompileCondition));
        }
    }

    /// Points out values that Falco does not take as they are, and regular expressions that are none.
    fn about_values(&mut self, check: &Check, left: &Asked, words: &[Word], scope: &Scope) {
        for word in words {
            let refused = refused_value(check.operator, left.field.ty, &word.text);
            if let Some(message) = refused {
                let hint = Diagnostic::hint(Code::Falco, word.span, message);
                self.warn(scope, hint.falco(FalcoCode::CompileCondition));
            }
            if left.field.ty == Type::Port
                && word.text.parse().is_ok_and(|port: i32| port > MAX_PORT)
            {
                let message = format!(
                    "ports go up to {MAX_PORT}: as in Falco, `{}` is cut",
                    word.text
                );
                self.warn(
                    scope,
                    Diagnostic::warning(Code::BadLiteral, word.span, message),
                );
            }
            if check.operator == Operator::Regex
                && let Some(instead) = pattern::simpler(&word.text)
            {
                let message = format!("no regular expression is needed: write `{instead}`");
                let hint = Diagnostic::hint(Code::Simpler, word.span, message);
                self.warn(scope, hint.falco(FalcoCode::ConditionHint));
            }
        }
    }

    /// Points out values that a field with a closed set of values never has.
    fn doubtful_values(&mut self, check: &Check, left: &Asked, words: &[Word], scope: &Scope) {
        let field = left.field;
        if field.domain.is_empty() || left.source.path().is_some() {
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

    pub(crate) fn misfit(&mut self, check: &Check, left: &Asked, scope: &mut Scope) {
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

/// Why Falco does not take a value that we understand, if it does not.
fn refused_value(operator: Operator, ty: Type, value: &str) -> Option<String> {
    let reason = match ty {
        _ if value.len() > LONGEST_IN_FALCO => {
            return Some(format!(
                "Falco takes at most {LONGEST_IN_FALCO} bytes for a value"
            ));
        }
        Type::Bool if matches!(value, "0" | "1") => "Falco takes only `true` and `false` here",
        Type::Duration if value.parse::<i64>().is_err() => "Falco takes nanoseconds here",
        Type::Port if value.starts_with('+') => "Falco takes a sign for the name of a service",
        Type::Ip | Type::Net if value.is_empty() => "Falco takes only an address here",
        Type::Ip | Type::Net if value.contains('.') && value.contains(':') => {
            "Falco takes what has a dot in it for an IPv4 address"
        }
        _ if operator == Operator::Regex && pattern::is_beyond_posix(value) => {
            "Falco has regular expressions of POSIX, without what Perl added"
        }
        _ => return None,
    };
    Some(reason.to_owned())
}

/// The highest port.
const MAX_PORT: i32 = 65_535;

/// The longest value of a condition in Falco, in bytes.
const LONGEST_IN_FALCO: usize = 255;

/// Whether Falco has an operator for fields of a type, as far as text is concerned.
const fn fits(operator: Operator, ty: Type) -> bool {
    use Operator as Op;
    match operator {
        Op::ContainsBytes | Op::StartsWithBytes => matches!(ty, Type::Bytes),
        Op::ContainsIgnoringCase
        | Op::Glob
        | Op::GlobIgnoringCase
        | Op::Regex
        | Op::PathMatch
        | Op::Intersects => !matches!(ty, Type::Bytes),
        _ => true,
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
