//! What Falco has to say about single checks that are none the worse for it here.

use std::borrow::Cow;

use crate::Dialect;
use crate::ast::{Check, Operand, OperandKind, Right, Transformer};
use crate::check::Asked;
use crate::compile::{Compiler, Scope};
use crate::diagnostic::{Code, Diagnostic};
use crate::falco::{self, FalcoCode};
use crate::predicate::Source;
use crate::source::Span;

impl Compiler {
    /// Points out what Falco has to say about the left side of a check.
    pub(crate) fn about_left(&mut self, check: &Check, left: &Asked, scope: &Scope) {
        if scope.dialect != Dialect::Falco {
            return;
        }
        self.about_retired(&check.left, left, scope);
        let text = &check.left.text;
        if matches!(left.field.name, "evt.arg" | "evt.rawarg" | "evt.abspath")
            && check.left.kind == OperandKind::Word
            && matches!(&left.source, Source::Field(question) if question.path.is_none())
        {
            let bracketed = text
                .split_once('[')
                .map(|(_, rest)| rest.trim_end_matches(']'));
            let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            let last = text.rsplit('.').next().unwrap_or_default();
            let refused = match bracketed {
                Some(key) => left.field.name != "evt.arg" || !is_number(key),
                None => is_number(last),
            };
            if refused {
                let message = match left.field.name {
                    "evt.arg" => "Falco takes numbers in brackets and names behind a dot",
                    _ => "Falco takes only names behind a dot",
                };
                let hint = Diagnostic::hint(Code::Falco, check.left.span, message);
                self.warn(scope, hint.falco(FalcoCode::CompileCondition));
            }
        }
    }

    /// Points out fields that Falco has given up, on the left side or within a transformer there.
    fn about_retired(&mut self, operand: &Operand, left: &Asked, scope: &Scope) {
        match &left.source {
            Source::Field(_) if falco::RETIRED_FIELDS.contains(&left.field.name) => {
                self.retired(left.field.name, operand.span, scope);
            }
            Source::Field(_) => {}
            Source::Made(transform) => {
                let mut names = Vec::new();
                transform.each_question(&mut |question| {
                    names.push(self.catalogue.field(question.field).name);
                });
                names.retain(|name| falco::RETIRED_FIELDS.contains(name));
                for name in names {
                    self.retired(name, operand.span, scope);
                }
            }
        }
    }

    fn retired(&mut self, name: &str, span: Span, scope: &Scope) {
        let message =
            format!("`{name}` has had one value since there are no enter events any more");
        let hint = Diagnostic::hint(Code::Deprecated, span, message);
        self.warn(scope, hint.help("leave this check out"));
    }

    /// Points out what Falco has to say about a field that is not known here.
    pub(crate) fn about_unresolved(&mut self, check: &Check, scope: &Scope) {
        let text = check.left.text.as_str();
        if scope.dialect != Dialect::Falco {
            return;
        }
        if falco::RETIRED_FIELDS.contains(&text) {
            self.retired(text, check.left.span, scope);
        }
        let rights = match &check.right {
            Right::One(operand) => std::slice::from_ref(operand),
            Right::List(operands, _) => operands,
            _ => &[],
        };
        let is_audit = text.starts_with("ka.") || text.starts_with("jevt.");
        if is_audit && rights.iter().any(|operand| operand.text == "<NA>") {
            let message = "this comparison with `<NA>` does not do what it seems to";
            let hint = Diagnostic::hint(Code::Falco, check.span(), message);
            self.warn(scope, hint.falco(FalcoCode::UnsafeNaCheck));
        }
    }

    /// Points out a value that looks like a field or a transformer.
    pub(crate) fn like_a_field(&mut self, text: &str, span: Span, quoted: bool, scope: &Scope) {
        let is_falco = scope.dialect == Dialect::Falco;
        let solid = if is_falco && text.contains(' ') {
            Cow::Owned(text.replace(' ', ""))
        } else {
            Cow::Borrowed(text)
        };
        let is_field = text.contains('.') && self.catalogue.known(&solid).is_some();
        // Falco looks no further than at the name and the parentheses.
        let is_call = is_falco
            && solid.ends_with(')')
            && solid
                .split_once('(')
                .is_some_and(|(name, _)| name == "val" || Transformer::parse(name).is_some());
        if !(is_field || is_call) {
            return;
        }
        let (what, instead) = if is_field {
            (
                "a field",
                format!("write `val({text})` to compare with the field"),
            )
        } else {
            (
                "a transformer",
                "leave the quotes out to compare with what it makes".to_owned(),
            )
        };
        let message = format!("`{text}` is {what}, but here it is only a text");
        let problem = if quoted {
            Diagnostic::hint(Code::FieldAsValue, span, message)
        } else {
            Diagnostic::warning(Code::FieldAsValue, span, message)
        };
        let problem = problem.help(instead).falco(FalcoCode::ConditionHint);
        self.warn(scope, problem);
    }
}
