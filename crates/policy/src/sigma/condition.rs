//! The language of conditions: `selection and not 1 of filter_*`.

use crate::diagnostic::{Code, Diagnostic};
use crate::source::{MappedText, Span};

/// How deep parentheses and `not` may nest.
const MAX_DEPTH: usize = 200;

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Or(Vec<Condition>),
    And(Vec<Condition>),
    Not(Box<Condition>),
    /// A search identifier.
    Name(String, Span),
    /// Search identifiers whose names fit.
    Of(Of, Span),
}

/// Several search identifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Of {
    /// Whether all must match, not only one.
    pub(super) all: bool,
    /// The pattern of their names; none for `them`.
    pub(super) pattern: Option<String>,
}

impl Of {
    /// Whether a name is meant.
    pub(super) fn fits(&self, name: &str) -> bool {
        match &self.pattern {
            None => !name.starts_with('_'),
            // Private ones are meant where the pattern says so.
            Some(pattern) => {
                let may_be_meant = pattern.starts_with('_') || !name.starts_with('_');
                may_be_meant && fits(pattern.as_bytes(), name.as_bytes())
            }
        }
    }
}

/// Whether a name fits a pattern with `*`.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let mut parts = pattern.split(|byte| *byte == b'*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match memchr::memmem::find(rest, part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Parses a condition; the problem is not yet reported.
pub(super) fn parse(text: &MappedText) -> Result<Condition, Box<Diagnostic>> {
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
    };
    let condition = parser.or()?;
    match parser.next() {
        None => Ok(condition),
        Some(token) => Err(parser.unexpected(&token, "`and`, `or` or the end")),
    }
}

struct Parser<'t> {
    text: &'t MappedText,
    at: usize,
    depth: usize,
}

struct Token<'t> {
    text: &'t str,
    start: usize,
}

impl Token<'_> {
    fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<Token<'t>> {
        let text = self.text.text.as_str();
        let rest = &text[self.at..];
        let rest = rest.trim_start();
        let first = rest.chars().next()?;
        let length = if matches!(first, '(' | ')' | '|') {
            1
        } else {
            let end = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '|');
            rest.find(end).unwrap_or(rest.len())
        };
        Some(Token {
            text: &rest[..length],
            start: text.len() - rest.len(),
        })
    }

    fn next(&mut self) -> Option<Token<'t>> {
        let token = self.peek()?;
        self.at = token.start + token.text.len();
        Some(token)
    }

    fn accept(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is(word));
        if found {
            self.next();
        }
        found
    }

    fn span(&self, token: &Token<'_>) -> Span {
        self.text
            .locate(token.start, token.start + token.text.len())
    }

    fn unexpected(&self, token: &Token<'_>, wanted: &str) -> Box<Diagnostic> {
        if token.text == "|" || token.is("near") {
            let message = "aggregations and `near` are no longer part of Sigma";
            return Diagnostic::error(Code::Unsupported, self.span(token), message)
                .help("write a correlation rule: `correlation:` with `type`, `rules`, `timespan`")
                .into();
        }
        let message = format!("expected {wanted}, found `{}`", token.text);
        Diagnostic::error(Code::Syntax, self.span(token), message).into()
    }

    fn at_end(&self, wanted: &str) -> Box<Diagnostic> {
        let end = self.text.locate(self.text.text.len(), self.text.text.len());
        Diagnostic::error(Code::Syntax, end, format!("expected {wanted} at the end")).into()
    }

    fn or(&mut self) -> Result<Condition, Box<Diagnostic>> {
        let mut parts = vec![self.and()?];
        while self.accept("or") {
            parts.push(self.and()?);
        }
        Ok(single_or(parts, Condition::Or))
    }

    fn and(&mut self) -> Result<Condition, Box<Diagnostic>> {
        let mut parts = vec![self.not()?];
        while self.accept("and") {
            parts.push(self.not()?);
        }
        Ok(single_or(parts, Condition::And))
    }

    fn not(&mut self) -> Result<Condition, Box<Diagnostic>> {
        let wanted = "a search identifier, `not`, `1 of`, `all of` or `(`";
        let Some(token) = self.next() else {
            return Err(self.at_end(wanted));
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = "conditions nest too deeply";
            return Err(Diagnostic::error(Code::TooDeep, self.span(&token), message).into());
        }
        let condition = if token.is("not") {
            Condition::Not(Box::new(self.not()?))
        } else if token.text == "(" {
            let inner = self.or()?;
            match self.next() {
                Some(close) if close.text == ")" => inner,
                Some(other) => return Err(self.unexpected(&other, "`)`")),
                None => return Err(self.at_end("`)`")),
            }
        } else if matches!(token.text, ")" | "|") || token.is("and") || token.is("or") {
            return Err(self.unexpected(&token, wanted));
        } else if self.peek().is_some_and(|next| next.is("of")) {
            self.of(&token)?
        } else {
            Condition::Name(token.text.to_owned(), self.span(&token))
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn of(&mut self, number: &Token<'_>) -> Result<Condition, Box<Diagnostic>> {
        let all = number.is("all");
        if !(all || number.is("any") || number.text == "1") {
            return Err(self.unexpected(number, "`1`, `any` or `all` before `of`"));
        }
        self.next();
        let wanted = "`them` or the names of search identifiers";
        let Some(names) = self.next() else {
            return Err(self.at_end(wanted));
        };
        if matches!(names.text, "(" | ")" | "|") {
            return Err(self.unexpected(&names, wanted));
        }
        let pattern = (!names.is("them")).then(|| names.text.to_owned());
        let span = self.span(number).to(self.span(&names));
        Ok(Condition::Of(Of { all, pattern }, span))
    }
}

fn single_or(
    mut parts: Vec<Condition>,
    combine: impl FnOnce(Vec<Condition>) -> Condition,
) -> Condition {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            combine(parts)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(condition: &Condition) -> String {
        let join = |parts: &[Condition], word: &str| {
            let parts: Vec<String> = parts.iter().map(shown).collect();
            format!("({})", parts.join(word))
        };
        match condition {
            Condition::Or(parts) => join(parts, " | "),
            Condition::And(parts) => join(parts, " & "),
            Condition::Not(inner) => format!("!{}", shown(inner)),
            Condition::Name(name, _) => name.clone(),
            Condition::Of(of, _) => {
                let pattern = of.pattern.as_deref().unwrap_or("them");
                format!("{}:{pattern}", if of.all { "all" } else { "any" })
            }
        }
    }

    fn parsed(text: &str) -> String {
        match parse(&MappedText::verbatim(text, 0, 0)) {
            Ok(condition) => shown(&condition),
            Err(problem) => format!("{}: {}", problem.code.name(), problem.message),
        }
    }

    #[test]
    fn not_binds_tighter_than_and_than_or() {
        assert_eq!(parsed("a or b and not c"), "(a | (b & !c))");
        assert_eq!(parsed("(a OR b) AND c"), "((a | b) & c)");
        assert_eq!(
            parsed("1 of a* and not all of them"),
            "(any:a* & !all:them)"
        );
        assert_eq!(parsed("any of filter_*"), "any:filter_*");
        assert_eq!(parsed("not not a"), "!!a");
    }

    #[test]
    fn faults_are_told() {
        for text in ["", "a b", "(a", "a)", "a and", "2 of them", "1 of", "or a"] {
            assert!(parsed(text).starts_with("syntax: "), "{text}");
        }
        for text in ["a | count() > 3", "a near b"] {
            assert!(
                parsed(text).starts_with("unsupported: aggregations"),
                "{text}"
            );
        }
        assert!(parsed(&"(".repeat(300)).starts_with("too-deep"));
        assert!(parsed(&"not ".repeat(300)).starts_with("too-deep"));
    }

    #[test]
    fn stars_stand_anywhere_in_names() {
        assert!(fits(b"sel*", b"selection") && !fits(b"sel*", b"filter"));
        assert!(fits(b"*_a*b", b"x_ab") && fits(b"a*a", b"aa") && !fits(b"a*a", b"a"));
        assert!(fits(b"a", b"a") && !fits(b"a", b"ab") && fits(b"*", b""));
        let them = Of {
            all: false,
            pattern: None,
        };
        assert!(them.fits("a") && !them.fits("_a"));
        let of = |pattern: &str| Of {
            all: false,
            pattern: Some(pattern.into()),
        };
        assert!(of("*_s").fits("a_s") && !of("*_s").fits("_b_s") && !of("*").fits("_b"));
        assert!(of("_*").fits("_b") && !of("_*").fits("b"));
    }
}
