//! Transformers: functions of values, such as `tolower(proc.name)`.

use super::Parser;
use crate::Dialect;
use crate::ast::{Call, Operand, OperandKind, Transformer};
use crate::diagnostic::{Code, Diagnostic};
use crate::falco::FalcoCode;
use crate::lexer::{Expect, Token, TokenKind};
use crate::source::MappedText;

/// How deep calls may lie in one another.
const MAX_CALLS: usize = 32;

/// What a word turned out to be.
pub(super) enum Called {
    /// A call, with all of it read.
    Call(Operand),
    /// A call with a fault in it, which has been reported.
    Fault,
    /// No call; nothing has been read.
    No,
}

impl Parser<'_, '_> {
    /// Reads a call if `first`, the next token, starts one.
    pub(super) fn call(&mut self, first: &Token) -> Called {
        self.call_within(first, 0)
    }

    fn call_within(&mut self, first: &Token, level: usize) -> Called {
        if first.kind != TokenKind::Word {
            return Called::No;
        }
        let Some(transformer) = Transformer::parse(self.lexer.letters(first)) else {
            return Called::No;
        };
        self.lexer.advance(first);
        let open = self.lexer.peek(Expect::Term);
        if open.kind != TokenKind::Open {
            self.lexer.advance(&Token {
                kind: TokenKind::Word,
                start: first.start,
                end: first.start,
            });
            return Called::No;
        }
        self.about_blank(first, &open);
        if level >= MAX_CALLS {
            let message = format!("transformers may nest {MAX_CALLS} deep, not more");
            self.error(first, message).finish();
            return Called::Fault;
        }
        let Some((arguments, close)) = self.arguments(level) else {
            return Called::Fault;
        };
        let mut end = close;
        let bracket = self.lexer.peek(Expect::Term);
        let letters = self.lexer.letters(&bracket);
        let mut index = None;
        if bracket.kind == TokenKind::Word
            && bracket.start == end.end
            && let Some(inner) = letters.strip_prefix('[')
        {
            let Some(inner) = inner.strip_suffix(']') else {
                self.unexpected(&bracket, "an argument in brackets");
                return Called::Fault;
            };
            index = Some(inner.trim_matches(['"', '\'']).to_owned());
            self.lexer.advance(&bracket);
            end = bracket;
        }
        let whole = Token {
            kind: TokenKind::Word,
            start: first.start,
            end: end.end,
        };
        Called::Call(Operand {
            text: self.lexer.letters(&whole).to_owned(),
            span: self.lexer.span(&whole),
            kind: OperandKind::Call(Box::new(Call {
                transformer,
                arguments,
                index,
            })),
        })
    }

    /// Points out blanks between a word and its parenthesis.
    pub(super) fn about_blank(&mut self, word: &Token, open: &Token) {
        if open.start == word.end || self.dialect != Dialect::Falco {
            return;
        }
        let message = format!(
            "Falco takes no blanks between `{}` and its parenthesis",
            self.lexer.letters(word)
        );
        let hint = Diagnostic::hint(Code::Falco, self.lexer.span(word), message);
        self.problems.push(hint.falco(FalcoCode::CompileCondition));
    }

    /// What stands in parentheses, and the closing one.
    fn arguments(&mut self, level: usize) -> Option<(Vec<Operand>, Token)> {
        let open = self.lexer.peek(Expect::Term);
        self.lexer.advance(&open);
        let mut arguments = Vec::new();
        loop {
            arguments.push(self.argument(level)?);
            let next = self.lexer.peek(Expect::Term);
            match next.kind {
                TokenKind::Comma => self.lexer.advance(&next),
                TokenKind::Close => {
                    self.lexer.advance(&next);
                    return Some((arguments, next));
                }
                _ => {
                    self.unexpected(&next, "`,` or `)`");
                    return None;
                }
            }
        }
    }

    fn argument(&mut self, level: usize) -> Option<Operand> {
        let token = self.lexer.peek(Expect::Term);
        match self.call_within(&token, level + 1) {
            Called::Call(operand) => return Some(operand),
            Called::Fault => return None,
            Called::No => {}
        }
        match token.kind {
            TokenKind::Open if level < MAX_CALLS => {
                let (parts, close) = self.arguments(level + 1)?;
                let span = self.lexer.span(&token).to(self.lexer.span(&close));
                Some(Operand {
                    kind: OperandKind::Tuple(parts),
                    text: String::new(),
                    span,
                })
            }
            TokenKind::Word | TokenKind::Quoted(_) => {
                self.lexer.advance(&token);
                Some(self.operand(&token))
            }
            _ => {
                self.unexpected(&token, "a field");
                None
            }
        }
    }
}

/// Reads the call that a text starts with, and how long it is: for outputs.
pub(crate) fn leading_call(text: &str) -> Option<(Operand, usize)> {
    let end = call_length(text)?;
    let mapped = MappedText::verbatim(&text[..end], 0, 0);
    let mut problems = Vec::new();
    let mut parser = Parser::new(&mapped, Dialect::Falco, &mut problems);
    let first = parser.lexer.peek(Expect::Term);
    let Called::Call(operand) = parser.call(&first) else {
        return None;
    };
    let is_whole = parser.lexer.peek(Expect::Term).kind == TokenKind::End;
    (is_whole && problems.is_empty()).then_some((operand, end))
}

/// The length of a name with what stands in parentheses, and in brackets, behind it.
fn call_length(text: &str) -> Option<usize> {
    let open = text.find('(')?;
    Transformer::parse(&text[..open])?;
    let (mut depth, mut quote) = (0_usize, None);
    for (at, character) in text.char_indices().skip(open) {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, '(') => depth += 1,
            (None, ')') => {
                depth -= 1;
                if depth == 0 {
                    let end = at + 1;
                    let bracket = text[end..]
                        .strip_prefix('[')
                        .and_then(|rest| rest.find(']'));
                    return Some(bracket.map_or(end, |length| end + length + 2));
                }
            }
            _ => {}
        }
    }
    None
}
