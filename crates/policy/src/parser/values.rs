//! The right side of a check: values, fields and lists.

use super::Parser;
use super::call::Called;
use crate::Dialect;
use crate::ast::{Operand, OperandKind, Operator, Quantifier, Right};
use crate::diagnostic::{Code, Diagnostic};
use crate::falco::FalcoCode;
use crate::lexer::{Expect, Token, TokenKind};
use crate::source::Span;

impl Parser<'_, '_> {
    /// One value or field, or several values after a quantifier.
    pub(super) fn value(&mut self, operator: Operator) -> Option<Right> {
        if let Some(quantifier) = self.quantifier(operator) {
            return self.items().map(|right| match right {
                Right::List(items, span) => Right::Quantified(quantifier, items, span),
                other => other,
            });
        }
        let operand = self.one_value(operator)?;
        if operator.orders() && self.dialect == Dialect::Falco && !is_number(&operand) {
            let message = format!(
                "Falco takes only a number or a field after `{}`",
                operator.spelling()
            );
            let problem = Diagnostic::hint(Code::Falco, operand.span, message);
            self.problems
                .push(problem.falco(FalcoCode::CompileCondition));
        }
        Some(Right::One(operand))
    }

    /// `oneof` and its kin before a list; nothing if none of these words stands here as such.
    fn quantifier(&mut self, operator: Operator) -> Option<Quantifier> {
        let word = self.lexer.peek(Expect::Value);
        if word.kind != TokenKind::Word || operator.orders() {
            return None;
        }
        let quantifier = Quantifier::parse(self.lexer.letters(&word))?;
        self.lexer.advance(&word);
        let next = self.lexer.peek(Expect::Value);
        let is_list = match next.kind {
            TokenKind::Open => true,
            TokenKind::Word => {
                self.dialect == Dialect::Falco
                    && !matches!(self.lexer.letters(&next), "and" | "or" | "not")
            }
            _ => false,
        };
        if !is_list {
            self.go_back(word.start);
            return None;
        }
        Some(quantifier)
    }

    fn one_value(&mut self, operator: Operator) -> Option<Operand> {
        let token = self.lexer.peek(Expect::Value);
        let letters = self.lexer.letters(&token);
        match self.call(&token) {
            Called::Call(operand) => return Some(operand),
            Called::Fault => return None,
            Called::No => {}
        }
        match token.kind {
            TokenKind::Word if letters == "val" => {
                if let Some(operand) = self.field_value(&token) {
                    return Some(operand);
                }
            }
            TokenKind::Word if letters.starts_with('[') && self.dialect == Dialect::SysFlow => {
                self.error(&token, "a list cannot stand here")
                    .help("write `FIELD in (A, B)` to compare with each of several values")
                    .finish();
                return None;
            }
            TokenKind::Open if operator == Operator::Equal => {
                self.error(&token, "a list cannot stand here")
                    .help("write `FIELD in (A, B)` to compare with each of several values")
                    .finish();
                return None;
            }
            _ => {}
        }
        match token.kind {
            TokenKind::Word if matches!(letters, "and" | "or") && !self.ends_check(&token) => {}
            TokenKind::Word if operator.orders() && self.dialect == Dialect::Falco => {
                let number = self.number_before_connective(&token);
                self.lexer.advance(&number);
                return Some(self.operand(&number));
            }
            TokenKind::Word | TokenKind::Quoted(_) => {
                self.lexer.advance(&token);
                return Some(self.operand(&token));
            }
            TokenKind::Fault(_) => {
                self.unexpected(&token, "a value");
                return None;
            }
            _ => {}
        }
        let message = format!("a value is missing after `{}`", operator.spelling());
        let report = self.error(&token, message).label("expected a value");
        if matches!(letters, "and" | "or") {
            report
                .help(format!(
                    "put the value in quotes if you mean the text \"{letters}\""
                ))
                .finish();
        } else {
            report.finish();
        }
        None
    }

    /// Whether a check may end behind a keyword, so that to Falco it is the value of the check.
    fn ends_check(&mut self, keyword: &Token) -> bool {
        if self.dialect != Dialect::Falco {
            return false;
        }
        self.lexer.advance(keyword);
        let next = self.lexer.peek(Expect::Term);
        let ends = self.is_end(&next);
        self.go_back(keyword.start);
        ends
    }

    /// The number that a word starts with, if `and` or `or` follows at once: Falco needs no blank there.
    fn number_before_connective(&self, word: &Token) -> Token {
        let letters = self.lexer.letters(word);
        let length = number_length(letters);
        let end = match &letters[length..] {
            "and" | "or" if length > 0 => word.start + length,
            _ => word.end,
        };
        Token {
            end,
            ..word.clone()
        }
    }

    /// `val(FIELD)`.
    fn field_value(&mut self, val: &Token) -> Option<Operand> {
        let before = val.start;
        self.lexer.advance(val);
        let open = self.lexer.peek(Expect::Term);
        if open.kind == TokenKind::Open {
            self.lexer.advance(&open);
            let field = self.lexer.peek(Expect::Term);
            if field.kind == TokenKind::Word {
                self.lexer.advance(&field);
                let close = self.lexer.peek(Expect::Term);
                if close.kind == TokenKind::Close {
                    self.about_blank(val, &open);
                    self.lexer.advance(&close);
                    let mut operand = self.operand(&field);
                    operand.kind = OperandKind::FieldValue;
                    return Some(operand);
                }
            }
        }
        // It was the word `val` after all.
        self.go_back(before);
        None
    }

    pub(super) fn go_back(&mut self, to: usize) {
        self.lexer.advance(&Token {
            kind: TokenKind::Word,
            start: to,
            end: to,
        });
    }

    /// What stands behind an operator that takes a list: that, or a field.
    pub(super) fn list(&mut self) -> Option<Right> {
        let token = self.lexer.peek(Expect::Value);
        match self.call(&token) {
            Called::Call(operand) => return Some(Right::One(operand)),
            Called::Fault => return None,
            Called::No => {}
        }
        let is_value = token.kind == TokenKind::Word && self.lexer.letters(&token) == "val";
        if is_value && let Some(operand) = self.field_value(&token) {
            return Some(Right::One(operand));
        }
        self.items()
    }

    /// `(A, B)`, or a bare word that stands for a list of one.
    fn items(&mut self) -> Option<Right> {
        let open = self.lexer.peek(Expect::Value);
        match open.kind {
            TokenKind::Open => {}
            TokenKind::Word if !matches!(self.lexer.letters(&open), "and" | "or") => {
                self.lexer.advance(&open);
                let item = self.operand(&open);
                let span = item.span;
                if self.dialect == Dialect::Falco && !is_name(&item.text) {
                    let message = "Falco takes only a plain word for a list without parentheses";
                    let problem = Diagnostic::hint(Code::Falco, span, message);
                    self.problems
                        .push(problem.falco(FalcoCode::CompileCondition));
                }
                return Some(Right::List(vec![item], span));
            }
            _ => {
                self.error(&open, "a list is missing")
                    .label("expected `(`")
                    .finish();
                return None;
            }
        }
        self.lexer.advance(&open);
        let open_span = self.lexer.span(&open);
        let mut items = Vec::new();
        let mut faultless = true;
        loop {
            let token = self.lexer.peek(Expect::Value);
            match &token.kind {
                TokenKind::Close => {
                    self.lexer.advance(&token);
                    let span = open_span.to(self.lexer.span(&token));
                    return faultless.then_some(Right::List(items, span));
                }
                TokenKind::Word | TokenKind::Quoted(_) => {
                    if self.lexer.letters(&token).starts_with('[')
                        && token.kind == TokenKind::Word
                        && self.dialect == Dialect::SysFlow
                    {
                        self.error(&token, "brackets cannot stand within parentheses")
                            .help("write the values without brackets, or quote a `[` that is meant")
                            .finish();
                        faultless = false;
                    }
                    items.push(self.operand(&token));
                    self.lexer.advance(&token);
                    faultless &= self.separator(open_span)?;
                }
                TokenKind::End => {
                    self.unclosed_list(open_span, &token);
                    return None;
                }
                TokenKind::Comma => {
                    self.error(&token, "a value is missing before this comma")
                        .finish();
                    self.lexer.advance(&token);
                    faultless = false;
                }
                _ => {
                    self.unexpected(&token, "a value");
                    return None;
                }
            }
        }
    }

    /// What follows a value of a list; whether that was as it should be.
    fn separator(&mut self, open_span: Span) -> Option<bool> {
        let token = self.lexer.peek(Expect::Value);
        match token.kind {
            TokenKind::Close => Some(true),
            TokenKind::Comma => {
                self.lexer.advance(&token);
                let after = self.lexer.peek(Expect::Value);
                if after.kind == TokenKind::Close {
                    self.error(&token, "no value follows this comma").finish();
                    return Some(false);
                }
                Some(true)
            }
            TokenKind::Word | TokenKind::Quoted(_) => {
                if matches!(self.lexer.letters(&token), "and" | "or") {
                    self.unclosed_list(open_span, &token);
                    return None;
                }
                self.error(&token, "a comma is missing between the values")
                    .label("expected `,` or `)`")
                    .finish();
                Some(false)
            }
            TokenKind::End => {
                self.unclosed_list(open_span, &token);
                None
            }
            _ => {
                self.unexpected(&token, "`,` or `)`");
                None
            }
        }
    }

    fn unclosed_list(&mut self, open_span: Span, token: &Token) {
        self.error(token, "this list is never closed")
            .label("expected `)`")
            .also(open_span, "opened here")
            .finish();
    }
}

/// Whether a value reads as a number to Falco, or is a field.
fn is_number(operand: &Operand) -> bool {
    match operand.kind {
        OperandKind::Quoted | OperandKind::Tuple(_) => false,
        OperandKind::FieldValue | OperandKind::Call(_) => true,
        OperandKind::Word => number_length(&operand.text) == operand.text.len(),
    }
}

/// The length of the number that a text starts with, as Falco writes numbers: an exponent has a sign.
fn number_length(text: &str) -> usize {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len()
    };
    if let Some(rest) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let length = rest.find(|c: char| !c.is_ascii_hexdigit());
        match length.unwrap_or(rest.len()) {
            0 => {}
            length => return 2 + length,
        }
    }
    let sign = usize::from(text.starts_with(['+', '-']));
    let whole = digits(sign);
    if whole == 0 {
        return 0;
    }
    let mut end = sign + whole;
    if text[end..].starts_with('.') {
        end += 1 + digits(end + 1);
    }
    if text[end..].starts_with(['e', 'E']) && text[end + 1..].starts_with(['+', '-']) {
        match digits(end + 2) {
            0 => {}
            length => end += 2 + length,
        }
    }
    end
}

/// Whether a text has the form of a name of a macro.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
