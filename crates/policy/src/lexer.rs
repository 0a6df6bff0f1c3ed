//! Words, quoted texts and signs of a condition.
//!
//! What a character means depends on where it stands: `evt.num>=0` has an operator in it, while the
//! value `<` of `evt.dir=<` is a word. So the parser says what it expects.

use crate::Dialect;
use crate::literal::raw_byte;
use crate::source::MappedText;

/// What the parser expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// The left side of a check, an operator, a keyword: words end at the signs of operators.
    Term,
    /// A value: words may hold the signs of operators.
    Value,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Open,
    Close,
    Comma,
    /// The sign of an operator, as in `!=`.
    Sign,
    /// A bare word, with an argument in brackets if it has one.
    Word,
    /// The text without its quotes, with escapes replaced.
    Quoted(String),
    End,
    /// Something that no token starts with, or a quoted text with a fault in it.
    Fault(String),
}

/// A token and its place in the text of the condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Splits the text of one condition.
pub(crate) struct Lexer<'t> {
    text: &'t MappedText,
    dialect: Dialect,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(crate) const fn new(text: &'t MappedText, dialect: Dialect) -> Self {
        Self {
            text,
            dialect,
            at: 0,
        }
    }

    /// The next token; it stays the next one until [`advance`](Self::advance).
    pub(crate) fn peek(&mut self, expect: Expect) -> Token {
        self.skip_blanks();
        let text = &self.text.text;
        let start = self.at;
        let rest = &text[start..];
        let token = |kind, length: usize| Token {
            kind,
            start,
            end: start + length,
        };
        let Some(first) = rest.chars().next() else {
            return token(TokenKind::End, 0);
        };
        match first {
            '(' => return token(TokenKind::Open, 1),
            ')' => return token(TokenKind::Close, 1),
            ',' => return token(TokenKind::Comma, 1),
            '"' | '\'' => return self.quoted(start, first),
            '\\' if self.dialect == Dialect::SysFlow && rest.starts_with("\\\"") => {
                if let Some(length) = rest[2..].find("\\\"") {
                    let inner = rest[2..2 + length].to_owned();
                    return token(TokenKind::Quoted(inner), length + 4);
                }
            }
            '=' => {
                let length = if rest.starts_with("==") { 2 } else { 1 };
                return token(TokenKind::Sign, length);
            }
            '<' | '>' | '!' if expect == Expect::Term => {
                let length = if rest[1..].starts_with('=') { 2 } else { 1 };
                return match first {
                    '!' if length == 1 => token(
                        TokenKind::Fault("`!` is not an operator; write `not` or `!=`".into()),
                        1,
                    ),
                    _ => token(TokenKind::Sign, length),
                };
            }
            _ => {}
        }
        token(TokenKind::Word, word_length(rest, expect))
    }

    /// Steps over a token.
    pub(crate) const fn advance(&mut self, token: &Token) {
        self.at = token.end;
    }

    /// The letters of a token as they stand in the condition.
    pub(crate) fn letters(&self, token: &Token) -> &'t str {
        &self.text.text[token.start..token.end]
    }

    /// The place of a token in its file.
    pub(crate) fn span(&self, token: &Token) -> crate::source::Span {
        self.text.locate(token.start, token.end)
    }

    fn skip_blanks(&mut self) {
        let text = &self.text.text;
        loop {
            let rest = &text[self.at..];
            self.at += rest.len() - rest.trim_start_matches(is_blank).len();
            // The original dialect knows comments within conditions; in YAML they never arrive here.
            let comment = self.dialect == Dialect::SysFlow && text[self.at..].starts_with('#');
            if !comment {
                return;
            }
            self.at = text[self.at..]
                .find('\n')
                .map_or(text.len(), |length| self.at + length);
        }
    }

    fn quoted(&self, start: usize, quote: char) -> Token {
        let rest = &self.text.text[start..];
        // The original dialect also quotes with two single quotes on each side.
        if self.dialect == Dialect::SysFlow
            && let Some(doubled) = rest.strip_prefix("''")
            && doubled.starts_with(|c: char| !is_blank(c) && !matches!(c, ')' | ',' | '\''))
            && let Some(length) = doubled.find("''")
            && !doubled[..length].contains(['\n', '\''])
        {
            return Token {
                kind: TokenKind::Quoted(doubled[..length].to_owned()),
                start,
                end: start + length + 4,
            };
        }
        match unquote(rest, quote, self.dialect) {
            Ok((text, length)) => Token {
                kind: TokenKind::Quoted(text),
                start,
                end: start + length,
            },
            Err(fault) => Token {
                kind: TokenKind::Fault(fault.problem),
                start: start + fault.at,
                end: start + fault.end,
            },
        }
    }
}

/// Blanks as Falco's language has them: space, tab, backspace and line breaks.
fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\u{8}' | '\r' | '\n')
}

fn word_length(rest: &str, expect: Expect) -> usize {
    let mut length = 0;
    while let Some(character) = rest[length..].chars().next() {
        let ends = match character {
            '(' | ')' | ',' | '"' | '\'' | '=' => true,
            '<' | '>' | '!' => expect == Expect::Term,
            _ => is_blank(character),
        };
        if ends {
            break;
        }
        if character == '[' && length > 0 && expect == Expect::Term {
            length += argument_length(&rest[length..]);
            continue;
        }
        length += character.len_utf8();
    }
    length
}

/// The length of `[…]`, in which quotes protect everything, or of `[` alone if it is never closed.
fn argument_length(rest: &str) -> usize {
    let mut quote = None;
    for (at, character) in rest.char_indices() {
        match (quote, character) {
            (_, '\n') => break,
            (None, ']') => return at + 1,
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            _ => {}
        }
    }
    1
}

/// A fault in a quoted text, as offsets from its opening quote.
struct QuoteFault {
    at: usize,
    end: usize,
    problem: String,
}

/// Reads the quoted text that `rest` starts with; gives the text and the length with its quotes.
fn unquote(rest: &str, quote: char, dialect: Dialect) -> Result<(String, usize), QuoteFault> {
    let mut text = String::new();
    let mut at = 1;
    while let Some(character) = rest[at..].chars().next() {
        if character == quote {
            return Ok((text, at + 1));
        }
        if character != '\\' {
            text.push(character);
            at += character.len_utf8();
            continue;
        }
        let (replacement, length) = escape(&rest[at + 1..], quote, dialect).map_err(|problem| {
            let escaped = rest[at + 1..].chars().next().map_or(0, char::len_utf8);
            QuoteFault {
                at,
                end: at + 1 + escaped,
                problem,
            }
        })?;
        text.push_str(&replacement);
        at += 1 + length;
    }
    Err(QuoteFault {
        at: 0,
        end: rest.find('\n').unwrap_or(rest.len()).min(rest.len()),
        problem: "this quote is never closed".into(),
    })
}

/// What a backslash followed by `rest` stands for, and how much of `rest` belongs to it.
fn escape(rest: &str, quote: char, dialect: Dialect) -> Result<(String, usize), String> {
    let Some(character) = rest.chars().next() else {
        return Err("this quote is never closed".into());
    };
    let replacement = match character {
        'b' if dialect == Dialect::Falco => '\u{8}',
        'f' if dialect == Dialect::Falco => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '\\' => '\\',
        '/' if dialect == Dialect::Falco => '/',
        '"' | '\'' if character == quote => character,
        // Falco swallows the blank, for old rules.
        ' ' if dialect == Dialect::Falco => '\\',
        'x' => {
            let byte = rest.get(1..3).and_then(|digits| {
                let all_digits = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                all_digits.then(|| u8::from_str_radix(digits, 16).ok())?
            });
            return match (byte, dialect) {
                (Some(0), _) => Err("a value cannot hold the character zero".into()),
                (Some(byte), _) => Ok((raw_byte(byte).to_string(), 3)),
                (None, Dialect::SysFlow | Dialect::Sigma) => Ok(("\\".into(), 0)),
                (None, Dialect::Falco) => Err("`\\x` needs two hexadecimal digits".into()),
            };
        }
        // The original dialect has no escapes: what is not one of ours stays as it is.
        _ if dialect == Dialect::SysFlow => return Ok(("\\".into(), 0)),
        _ => return Err(format!("`\\{character}` is not an escape")),
    };
    Ok((replacement.to_string(), character.len_utf8()))
}

/// What a list item means that is itself a text in quotes: the text within.
///
/// Rules write `'"(systemd)"'`: the outer quotes are YAML's, the inner ones the condition's.
pub(crate) fn unquote_item(item: &str, dialect: Dialect) -> Option<String> {
    let quote = item.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    if item.len() < 2 || !item.ends_with(quote) {
        return None;
    }
    match unquote(item, quote, dialect) {
        Ok((text, length)) if length == item.len() => Some(text),
        _ => Some(item[1..item.len() - 1].to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, expect: Expect, dialect: Dialect) -> Vec<String> {
        let mapped = MappedText::verbatim(text, 0, 0);
        let mut lexer = Lexer::new(&mapped, dialect);
        let mut words = Vec::new();
        loop {
            let token = lexer.peek(expect);
            match &token.kind {
                TokenKind::End => return words,
                TokenKind::Quoted(inner) => words.push(format!("'{inner}'")),
                TokenKind::Fault(problem) => words.push(format!("!{problem}")),
                _ => words.push(lexer.letters(&token).to_owned()),
            }
            lexer.advance(&token);
        }
    }

    #[test]
    fn words_end_where_the_place_says() {
        let both = |text| {
            (
                words(text, Expect::Term, Dialect::Falco).join(" "),
                words(text, Expect::Value, Dialect::Falco).join(" "),
            )
        };
        assert_eq!(both("a.b>=0"), ("a.b >= 0".into(), "a.b> = 0".into()));
        assert_eq!(
            both("(x,\ty)"),
            ("( x , y )".into(), "( x , y )".to_owned())
        );
        assert_eq!(
            words("proc.env[\"a ]b\"]=1", Expect::Term, Dialect::Falco),
            ["proc.env[\"a ]b\"]", "=", "1"]
        );
    }

    #[test]
    fn quotes_and_escapes_follow_the_dialect() {
        let quoted = |text, dialect| words(text, Expect::Value, dialect).join(" ");
        assert_eq!(quoted(r#""a\"\x41""#, Dialect::Falco), "'a\"A'");
        assert_eq!(
            quoted(r"'\d'", Dialect::Falco),
            r"!`\d` is not an escape !this quote is never closed"
        );
        assert_eq!(quoted(r"'\d'", Dialect::SysFlow), r"'\d'");
        assert_eq!(quoted("''a b'' ''", Dialect::SysFlow), "'a b' ''");
        assert_eq!(quoted("\\\"a b\\\"", Dialect::SysFlow), "'a b'");
        assert_eq!(quoted("# c\n x # d", Dialect::SysFlow), "x");
        assert_eq!(
            unquote_item("\"(systemd)\"", Dialect::Falco).as_deref(),
            Some("(systemd)")
        );
        assert_eq!(unquote_item("\"", Dialect::Falco), None);
    }
}
