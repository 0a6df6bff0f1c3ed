//! Texts with wildcards, and what test says the same.

use std::fmt::Write as _;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// These bytes.
    Text(Vec<u8>),
    /// `*`: any text, also none.
    Any,
    /// `?`: one character.
    One,
}

/// A text that may have wildcards. No two texts and no two `*` stand side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pattern {
    pieces: Vec<Piece>,
}

/// The test that says what a pattern says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape<'p> {
    /// There is a value.
    Present,
    /// This text.
    Equals(&'p [u8]),
    /// This text at the start.
    StartsWith(&'p [u8]),
    /// This text at the end.
    EndsWith(&'p [u8]),
    /// This text anywhere.
    Contains(&'p [u8]),
    /// Nothing less than the pattern.
    Pattern,
}

impl Pattern {
    /// Reads a text: `*` and `?` are wildcards, a backslash in front of them or of a backslash takes their
    /// meaning, and any other backslash is one.
    pub(super) fn parse(text: &str) -> Self {
        let mut pattern = Self::default();
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '*' => pattern.push(Piece::Any),
                '?' => pattern.push(Piece::One),
                '\\' => {
                    let escaped = characters.next_if(|next| matches!(next, '*' | '?' | '\\'));
                    pattern.push_character(escaped.unwrap_or('\\'));
                }
                other => pattern.push_character(other),
            }
        }
        pattern
    }

    /// A text without wildcards.
    pub(super) fn literal(bytes: Vec<u8>) -> Self {
        let mut pattern = Self::default();
        pattern.push(Piece::Text(bytes));
        pattern
    }

    fn push_character(&mut self, character: char) {
        let mut buffer = [0; 4];
        self.push(Piece::Text(
            character.encode_utf8(&mut buffer).as_bytes().to_vec(),
        ));
    }

    pub(super) fn push(&mut self, piece: Piece) {
        match (self.pieces.last_mut(), piece) {
            (Some(Piece::Any), Piece::Any) => {}
            (_, Piece::Text(text)) if text.is_empty() => {}
            (Some(Piece::Text(last)), Piece::Text(text)) => last.extend_from_slice(&text),
            (_, piece) => self.pieces.push(piece),
        }
    }

    /// This pattern behind another.
    pub(super) fn extend(&mut self, other: &Self) {
        for piece in &other.pieces {
            self.push(piece.clone());
        }
    }

    /// The pattern with `*` at its sides.
    pub(super) fn widened(&self, before: bool, after: bool) -> Self {
        let mut wider = Self::default();
        if before {
            wider.push(Piece::Any);
        }
        wider.extend(self);
        if after {
            wider.push(Piece::Any);
        }
        wider
    }

    /// The bytes, if there are no wildcards.
    pub(super) fn as_literal(&self) -> Option<&[u8]> {
        match self.pieces.as_slice() {
            [] => Some(b""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// How many bytes of text there are, with one for each wildcard.
    pub(super) fn bytes(&self) -> usize {
        let of = |piece: &Piece| match piece {
            Piece::Text(text) => text.len(),
            Piece::Any | Piece::One => 1,
        };
        self.pieces.iter().map(of).sum()
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The cheapest test that says the same.
    pub(super) fn shape(&self) -> Shape<'_> {
        match self.pieces.as_slice() {
            [] => Shape::Equals(b""),
            [Piece::Any] => Shape::Present,
            [Piece::Text(text)] => Shape::Equals(text),
            [Piece::Text(text), Piece::Any] => Shape::StartsWith(text),
            [Piece::Any, Piece::Text(text)] => Shape::EndsWith(text),
            [Piece::Any, Piece::Text(text), Piece::Any] => Shape::Contains(text),
            _ => Shape::Pattern,
        }
    }

    /// The regular expression for the whole of a value. `?` is a character of UTF-8.
    pub(super) fn regex(&self, ignore_case: bool) -> String {
        let mut regex = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Any => regex.push_str("(?s-u:.*)"),
                Piece::One => regex.push_str("(?s:.)"),
                Piece::Text(bytes) => regex.push_str(&literal_regex(bytes, ignore_case)),
            }
        }
        regex
    }
}

/// The regular expression for these bytes.
fn literal_regex(bytes: &[u8], ignore_case: bool) -> String {
    let flags = if ignore_case { "(?i-u:" } else { "(?-u:" };
    let mut regex = String::from(flags);
    for byte in bytes {
        if byte.is_ascii_alphanumeric() {
            regex.push(char::from(*byte));
        } else {
            let _ = write!(regex, r"\x{byte:02x}");
        }
    }
    regex.push(')');
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backslashes_escape_wildcards_and_themselves() {
        let pieces = |text: &str| Pattern::parse(text).pieces;
        let text = |text: &str| Piece::Text(text.as_bytes().to_vec());
        assert_eq!(pieces(r"C:\a\\b"), [text(r"C:\a\b")]);
        assert_eq!(pieces(r"\*\?"), [text("*?")]);
        assert_eq!(pieces(r"\\*"), [text(r"\"), Piece::Any]);
        assert_eq!(pieces(r"\\\*"), [text(r"\*")]);
        assert_eq!(pieces(r"\\\\"), [text(r"\\")]);
        assert_eq!(pieces(r"a\"), [text(r"a\")]);
        assert_eq!(pieces("a**b"), [text("a"), Piece::Any, text("b")]);
    }

    #[test]
    fn patterns_take_the_cheapest_test() {
        let shape = |text: &str, expected: Shape<'_>| {
            assert_eq!(Pattern::parse(text).shape(), expected, "{text}");
        };
        shape("", Shape::Equals(b""));
        shape("*", Shape::Present);
        shape("a", Shape::Equals(b"a"));
        shape("a*", Shape::StartsWith(b"a"));
        shape("*a", Shape::EndsWith(b"a"));
        shape("*a*", Shape::Contains(b"a"));
        shape("a*b", Shape::Pattern);
        shape("?", Shape::Pattern);
    }

    #[test]
    fn regular_expressions_match_what_patterns_mean() {
        let matches = |pattern: &str, value: &[u8]| {
            let regex = Pattern::parse(pattern).regex(true);
            crate::test::regex([regex.as_str()].into_iter())
                .unwrap()
                .is_match(value)
        };
        assert!(matches("a?c*", b"AbC\nd") && !matches("a?c", b"ac"));
        assert!(
            matches("?", "é".as_bytes()) && !matches("??", "é".as_bytes()) && !matches("?", b"")
        );
        assert!(matches("[a.]*x", b"[A.]x") && !matches("[a.]*x", b"ax"));
        assert!(matches("é?", "éx".as_bytes()) && !matches("é?", "Éx".as_bytes()));
    }
}
