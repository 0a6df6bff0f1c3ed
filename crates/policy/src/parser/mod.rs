//! From the text of a condition to its [`Expression`]: a Pratt parser that goes on after an error.

mod call;
mod values;

pub(crate) use call::leading_call;
pub(crate) use values::is_name;

use self::call::Called;
use crate::Dialect;
use crate::ast::{Check, Expression, Operand, OperandKind, Operator, Right, Transformer};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::falco::FalcoCode;
use crate::lexer::{Expect, Lexer, Token, TokenKind};
use crate::source::{MappedText, Span};

/// How deep parentheses and `not` may nest: far beyond what people write, well within the stack.
const MAX_DEPTH: usize = 200;

/// Falco takes one pair of parentheses less than this within others, behind an `and`.
const FALCO_PARENTHESES: usize = 199;

/// Binding powers: the higher, the tighter.
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;

/// Parses a condition. What cannot be understood is [`Expression::Broken`] and has been reported.
pub(crate) fn parse(
    text: &MappedText,
    dialect: Dialect,
    problems: &mut Vec<Diagnostic>,
) -> Expression {
    let mut parser = Parser::new(text, dialect, problems);
    let whole = parser.expression(OR);
    loop {
        let token = parser.lexer.peek(Expect::Term);
        match token.kind {
            TokenKind::End => return whole,
            TokenKind::Close => {
                parser.error(&token, "this `)` closes nothing").finish();
                parser.lexer.advance(&token);
                let _ = parser.rest(Expression::Broken, OR);
            }
            _ => {
                parser.unexpected(&token, "`and`, `or` or the end");
                parser.lexer.advance(&token);
                parser.skip();
                let _ = parser.rest(Expression::Broken, OR);
            }
        }
    }
}

struct Parser<'t, 'p> {
    lexer: Lexer<'t>,
    dialect: Dialect,
    problems: &'p mut Vec<Diagnostic>,
    depth: usize,
    /// How many parentheses are open.
    parentheses: usize,
}

/// A problem that is being described.
struct Report<'p> {
    problems: &'p mut Vec<Diagnostic>,
    diagnostic: Diagnostic,
}

impl Report<'_> {
    fn label(mut self, text: impl Into<String>) -> Self {
        self.diagnostic = self.diagnostic.label(text);
        self
    }

    fn also(mut self, span: Span, text: &str) -> Self {
        self.diagnostic = self.diagnostic.also(span, text);
        self
    }

    fn help(mut self, text: impl Into<String>) -> Self {
        self.diagnostic = self.diagnostic.help(text);
        self
    }

    fn finish(self) {
        self.problems.push(self.diagnostic);
    }
}

impl<'t, 'p> Parser<'t, 'p> {
    const fn new(
        text: &'t MappedText,
        dialect: Dialect,
        problems: &'p mut Vec<Diagnostic>,
    ) -> Self {
        Self {
            lexer: Lexer::new(text, dialect),
            dialect,
            problems,
            depth: 0,
            parentheses: 0,
        }
    }

    /// Parses everything that binds at least as tightly as `power`.
    fn expression(&mut self, power: u8) -> Expression {
        let left = self.prefix();
        self.rest(left, power)
    }

    /// Goes on after a left side.
    fn rest(&mut self, mut left: Expression, power: u8) -> Expression {
        while let Some(connective) = self.peek_connective() {
            if connective < power {
                break;
            }
            // A chain of the same connective is one node, whatever stands in parentheses is another.
            let mut parts = vec![left];
            while self.peek_connective() == Some(connective) {
                let word = self.lexer.peek(Expect::Term);
                self.lexer.advance(&word);
                parts.push(self.expression(connective + 1));
            }
            left = if connective == OR {
                Expression::Or(parts)
            } else {
                Expression::And(parts)
            };
        }
        left
    }

    fn prefix(&mut self) -> Expression {
        let token = self.lexer.peek(Expect::Term);
        match &token.kind {
            TokenKind::Open => {
                self.parentheses += 1;
                if self.parentheses == FALCO_PARENTHESES && self.dialect == Dialect::Falco {
                    let span = self.lexer.span(&token);
                    let message = "Falco takes no parentheses that lie so deep in others";
                    let hint = Diagnostic::hint(Code::Falco, span, message);
                    self.problems.push(hint.falco(FalcoCode::CompileCondition));
                }
                let inner = self.nested(&token, |parser| parser.parenthesised(&token));
                self.parentheses -= 1;
                inner
            }
            TokenKind::Word
                if self.lexer.letters(&token) == "not"
                    // Without anything behind it, it can only be a name to Falco.
                    && !(self.dialect == Dialect::Falco && self.is_last(&token)) =>
            {
                self.nested(&token, |parser| {
                    parser.lexer.advance(&token);
                    Expression::Not(Box::new(parser.expression(NOT)))
                })
            }
            TokenKind::Word | TokenKind::Quoted(_) => self.check(&token),
            _ => {
                self.unexpected(&token, "a check");
                self.skip();
                Expression::Broken
            }
        }
    }

    fn nested(&mut self, token: &Token, parse: impl FnOnce(&mut Self) -> Expression) -> Expression {
        if self.depth >= MAX_DEPTH {
            let span = self.lexer.span(token);
            let message = format!("conditions may nest {MAX_DEPTH} levels deep, not more");
            let diagnostic = Diagnostic::error(Code::TooDeep, span, message);
            let diagnostic = diagnostic.help("put a part of it into a macro");
            // Falco counts parentheses only.
            self.problems.push(match token.kind {
                TokenKind::Open => diagnostic,
                _ => diagnostic.fine_in_falco(),
            });
            self.lexer.advance(token);
            self.skip_all();
            return Expression::Broken;
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn parenthesised(&mut self, open: &Token) -> Expression {
        self.lexer.advance(open);
        let mut inner = self.expression(OR);
        loop {
            let token = self.lexer.peek(Expect::Term);
            match token.kind {
                TokenKind::Close => {
                    self.lexer.advance(&token);
                    return inner;
                }
                TokenKind::End => {
                    let opened = self.lexer.span(open);
                    let closed_before = self
                        .problems
                        .last()
                        .is_some_and(|last| last.message == UNCLOSED && last.labels.len() > 1);
                    if !closed_before {
                        let token_span = self.lexer.span(&token);
                        let diagnostic = Diagnostic::error(Code::Syntax, opened, UNCLOSED);
                        self.problems.push(
                            diagnostic
                                .label("opened here")
                                .also(token_span, "expected `)`"),
                        );
                    }
                    return Expression::Broken;
                }
                _ => {
                    self.unexpected(&token, "`and`, `or` or `)`");
                    self.lexer.advance(&token);
                    self.skip();
                    inner = self.rest(Expression::Broken, OR);
                }
            }
        }
    }

    /// A check, or a bare name.
    fn check(&mut self, first: &Token) -> Expression {
        if let Some(word) = self.keyword(first)
            && !self.is_named(first)
        {
            let message = format!("`{word}` stands where a check is expected");
            let report = self.error(first, message);
            if matches!(word, "and" | "or") {
                report.finish();
            } else {
                let help = format!("the field comes first: `FIELD {word}`");
                report.help(help).finish();
            }
            // What follows a misplaced `and` or `or` is most likely a good check.
            if !matches!(word, "and" | "or") {
                self.lexer.advance(first);
                self.skip();
            }
            return Expression::Broken;
        }
        let called = self.call(first);
        let is_call = !matches!(called, Called::No);
        let left = match called {
            Called::Call(operand) => operand,
            Called::Fault => {
                self.skip();
                return Expression::Broken;
            }
            Called::No => {
                self.lexer.advance(first);
                self.operand(first)
            }
        };
        let next = self.lexer.peek(Expect::Term);
        let letters = self.lexer.letters(&next);
        let operator = match next.kind {
            TokenKind::Sign | TokenKind::Word => Operator::parse(letters),
            _ => None,
        };
        if let Some(operator) = operator {
            self.lexer.advance(&next);
            let operator_span = self.lexer.span(&next);
            self.about_quote(&next);
            return self.right_side(left, operator, operator_span);
        }
        if self.is_end(&next) && left.kind == OperandKind::Word {
            return Expression::Name(left);
        }
        if next.kind == TokenKind::Open && !is_call && left.kind == OperandKind::Word {
            self.not_a_transformer(&left);
            self.skip();
            return Expression::Broken;
        }
        self.missing_operator(&left, &next);
        Expression::Broken
    }

    /// Points out a quote right behind an operator that is a word.
    fn about_quote(&mut self, operator: &Token) {
        if operator.kind != TokenKind::Word || self.dialect != Dialect::Falco {
            return;
        }
        let next = self.lexer.peek(Expect::Value);
        let is_quote = matches!(next.kind, TokenKind::Quoted(_)) && next.start == operator.end;
        if is_quote {
            let message = "Falco wants a blank between an operator and a quote";
            let span = self.lexer.span(operator);
            let hint = Diagnostic::hint(Code::Falco, span, message);
            self.problems.push(hint.falco(FalcoCode::CompileCondition));
        }
    }

    fn not_a_transformer(&mut self, word: &Operand) {
        let text = word.text.as_str();
        let message = format!("`{text}` is neither an operator nor a transformer");
        let known = Transformer::ALL.map(Transformer::spelling);
        let problem = Diagnostic::error(Code::Syntax, word.span, message);
        let lower = text.to_lowercase();
        self.problems.push(match nearest(text, known.into_iter()) {
            Some(word) if word == lower => {
                problem.help(format!("transformers are lower-case: `{word}`"))
            }
            Some(word) => problem.help(format!("did you mean `{word}`?")),
            None => problem.help(format!("transformers are {}", known.join(", "))),
        });
    }

    fn missing_operator(&mut self, left: &Operand, next: &Token) {
        if let TokenKind::Fault(_) = next.kind {
            self.unexpected(next, "an operator");
            return self.skip();
        }
        let letters = self.lexer.letters(next);
        if next.kind == TokenKind::Word {
            let lower = letters.to_lowercase();
            let known = Operator::ALL.iter().map(|operator| operator.spelling());
            let known = known.chain(["and", "or"]);
            let report = self.error(next, format!("`{letters}` is not an operator"));
            let report = report.label(format!("expected an operator after `{}`", left.text));
            let report = match nearest(letters, known) {
                Some(word) if word == lower => {
                    report.help(format!("operators are lower-case: `{word}`"))
                }
                Some(word) => report.help(format!("did you mean `{word}`?")),
                None => report,
            };
            report.finish();
        } else {
            let message = format!("an operator is missing after `{}`", left.text);
            let report = self.error(next, message).label("expected an operator");
            report.finish();
        }
        self.skip();
    }

    fn right_side(&mut self, left: Operand, operator: Operator, operator_span: Span) -> Expression {
        let right = if operator == Operator::Exists {
            Some(Right::Nothing)
        } else if operator.takes_list() {
            self.list()
        } else {
            self.value(operator)
        };
        let Some(right) = right else {
            self.skip();
            return Expression::Broken;
        };
        Expression::Check(Check {
            left,
            operator,
            operator_span,
            right,
        })
    }

    fn operand(&self, token: &Token) -> Operand {
        let (kind, text) = match &token.kind {
            TokenKind::Quoted(text) => (OperandKind::Quoted, text.clone()),
            _ => (OperandKind::Word, self.lexer.letters(token).to_owned()),
        };
        Operand {
            kind,
            text,
            span: self.lexer.span(token),
        }
    }

    /// Whether a keyword is the name of a macro, as it is to Falco where nothing but the end of a check follows.
    fn is_named(&mut self, keyword: &Token) -> bool {
        if self.dialect != Dialect::Falco {
            return false;
        }
        self.lexer.advance(keyword);
        let next = self.lexer.peek(Expect::Term);
        let is_named = self.is_end(&next);
        self.go_back(keyword.start);
        is_named
    }

    /// Whether nothing stands behind a word.
    fn is_last(&mut self, word: &Token) -> bool {
        self.lexer.advance(word);
        let next = self.lexer.peek(Expect::Term);
        self.go_back(word.start);
        next.kind == TokenKind::End
    }

    /// Whether a check ends before a token.
    fn is_end(&self, next: &Token) -> bool {
        match next.kind {
            TokenKind::Close | TokenKind::End => true,
            TokenKind::Word => matches!(self.lexer.letters(next), "and" | "or"),
            _ => false,
        }
    }

    /// The keyword that a token is, if it cannot start a check.
    fn keyword(&self, token: &Token) -> Option<&'t str> {
        let word = self.lexer.letters(token);
        let is_keyword = token.kind == TokenKind::Word
            && (word == "and" || word == "or" || is_operator_word(word));
        is_keyword.then_some(word)
    }

    fn peek_connective(&mut self) -> Option<u8> {
        let token = self.lexer.peek(Expect::Term);
        if token.kind != TokenKind::Word {
            return None;
        }
        match self.lexer.letters(&token) {
            "or" => Some(OR),
            "and" => Some(AND),
            _ => None,
        }
    }

    fn error(&mut self, token: &Token, message: impl Into<String>) -> Report<'_> {
        let span = self.lexer.span(token);
        Report {
            problems: self.problems,
            diagnostic: Diagnostic::error(Code::Syntax, span, message),
        }
    }

    fn unexpected(&mut self, token: &Token, expected: &str) {
        let message = match &token.kind {
            TokenKind::Fault(problem) => return self.error(token, problem.as_str()).finish(),
            TokenKind::End => "the condition ends too early".to_owned(),
            _ => format!("`{}` cannot stand here", self.lexer.letters(token)),
        };
        let letters = self.lexer.letters(token).to_lowercase();
        let report = self.error(token, message);
        let report = report.label(format!("expected {expected}"));
        if matches!(letters.as_str(), "and" | "or" | "not") && token.kind == TokenKind::Word {
            report
                .help(format!("keywords are lower-case: `{letters}`"))
                .finish();
        } else {
            report.finish();
        }
    }

    /// Skips to the next place where a check may end, so that what follows is understood again.
    fn skip(&mut self) {
        let mut depth = 0_usize;
        loop {
            let token = self.lexer.peek(Expect::Term);
            match token.kind {
                TokenKind::End => return,
                TokenKind::Open => depth += 1,
                TokenKind::Close if depth == 0 => return,
                TokenKind::Close => depth -= 1,
                TokenKind::Word
                    if depth == 0 && matches!(self.lexer.letters(&token), "and" | "or") =>
                {
                    return;
                }
                _ => {}
            }
            self.lexer.advance(&token);
        }
    }

    fn skip_all(&mut self) {
        loop {
            let token = self.lexer.peek(Expect::Term);
            if token.kind == TokenKind::End {
                return;
            }
            self.lexer.advance(&token);
        }
    }
}

const UNCLOSED: &str = "this parenthesis is never closed";

/// Whether a word means something in the language itself.
pub(crate) fn is_keyword(word: &str) -> bool {
    matches!(word, "and" | "or" | "not") || is_operator_word(word)
}

fn is_operator_word(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphabetic()) && Operator::parse(word).is_some()
}
