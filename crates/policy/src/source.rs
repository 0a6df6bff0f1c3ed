//! Rule files, and positions in them.

use std::sync::Arc;

/// A file of rules as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The name shown in messages, usually the path.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// Stands for bytes that are not UTF-8: no text of a rule file holds it.
pub(crate) const NOT_UTF8: char = '\u{ffff}';

impl SourceFile {
    /// A file with these bytes. Those that are not UTF-8 are reported when it is loaded.
    pub fn from_bytes(name: String, bytes: Vec<u8>) -> Self {
        let text = String::from_utf8(bytes).unwrap_or_else(|error| {
            let mut text = String::new();
            for chunk in error.as_bytes().utf8_chunks() {
                text.push_str(chunk.valid());
                if !chunk.invalid().is_empty() {
                    text.push(NOT_UTF8);
                }
            }
            text
        });
        Self { name, text }
    }
}

/// A piece of a [`SourceFile`], in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Index of the file among those that were loaded together.
    pub file: u32,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    pub(crate) fn new(file: u32, start: usize, end: usize) -> Self {
        Self {
            file,
            start: start as u32,
            end: end.max(start) as u32,
        }
    }

    /// The span from the start of this one to the end of `other`.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self {
            file: self.file,
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

/// A position that people can find: both numbers count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// The files that were loaded together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources(Arc<[SourceFile]>);

impl Sources {
    pub(crate) fn new(files: Vec<SourceFile>) -> Self {
        Self(files.into())
    }

    pub(crate) fn files(&self) -> &[SourceFile] {
        &self.0
    }

    pub(crate) fn get(&self, span: Span) -> Option<&SourceFile> {
        self.0.get(span.file as usize)
    }

    pub(crate) fn position(&self, span: Span, offset: u32) -> Position {
        let text = self.get(span).map_or("", |file| &file.text);
        let before = &text[..floor_char_boundary(text, offset as usize)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Position {
            line: 1 + memchr::memchr_iter(b'\n', before.as_bytes()).count(),
            column: 1 + before[line_start..].chars().count(),
        }
    }
}

/// The nearest offset at or before `offset` that does not split a character.
pub(crate) fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// Text taken from a file, not always letter by letter (quotes removed, lines folded), that knows
/// where each part of it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MappedText {
    /// The text as the language means it.
    pub(crate) text: String,
    /// Where the whole of it stands in its file, with quotes.
    pub(crate) span: Span,
    /// Whether it stood in quotes.
    pub(crate) quoted: bool,
    steps: Vec<Step>,
}

/// From the offset `at` in a text on, the text runs in step with a file from `in_file` on, or all of it
/// stands for `length` bytes there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    at: u32,
    file: u32,
    in_file: u32,
    length: Option<u32>,
}

impl MappedText {
    /// Text that stands in its file exactly so, starting at `start`.
    pub(crate) fn verbatim(text: &str, file: u32, start: usize) -> Self {
        Self {
            text: text.to_owned(),
            span: Span::new(file, start, start + text.len()),
            quoted: false,
            steps: vec![Step {
                at: 0,
                file,
                in_file: start as u32,
                length: None,
            }],
        }
    }

    /// Text that a reader made out of `source[start..end]`: finds out which character came from where
    /// by walking both, as all that a reader does is leave out, fold and unescape.
    pub(crate) fn aligned(text: String, source: &str, file: u32, start: usize, end: usize) -> Self {
        let raw = &source[start..end];
        let has_escapes = raw.starts_with('"');
        let mut steps: Vec<Step> = Vec::new();
        let step = |at: usize, in_file: usize, length: Option<usize>| Step {
            at: at as u32,
            file,
            in_file: in_file as u32,
            length: length.map(|length| length as u32),
        };
        let mut raw_characters = raw.char_indices().peekable();
        let (mut expected, mut last_raw) = (usize::MAX, 0);
        for (offset, wanted) in text.char_indices() {
            let (found, length) = loop {
                match raw_characters.peek().copied() {
                    None => break (last_raw, None),
                    Some((at, '\\'))
                        if has_escapes && let Some(length) = escaped(&raw[at..], wanted) =>
                    {
                        while raw_characters
                            .next_if(|(next, _)| *next < at + length)
                            .is_some()
                        {}
                        break (at, Some(length));
                    }
                    Some((at, given)) if given == wanted => {
                        raw_characters.next();
                        break (at, None);
                    }
                    // Folded line breaks: nothing in the file is that character.
                    Some((at, given)) if wanted.is_whitespace() && !given.is_whitespace() => {
                        break (at, None);
                    }
                    Some(_) => raw_characters.next(),
                };
            };
            last_raw = found;
            let in_file = start + found;
            if in_file != expected || length.is_some() {
                steps.push(step(offset, in_file, length));
            }
            expected = match length {
                None => in_file + wanted.len_utf8(),
                Some(_) => usize::MAX,
            };
        }
        if steps.is_empty() {
            steps.push(step(0, start, None));
        }
        Self {
            text,
            span: Span::new(file, start, end),
            quoted: raw.starts_with(['"', '\'']),
            steps,
        }
    }

    /// Adds a further text after a blank, as when a later item appends to an earlier one.
    pub(crate) fn append(&mut self, other: &Self) {
        self.text.push(' ');
        self.push_all(other);
    }

    /// Takes away the blanks at the end.
    pub(crate) fn trim_end(&mut self) {
        self.truncate(self.text.trim_end().len());
    }

    /// A text that is written nowhere and stands for a place.
    pub(crate) fn standing_for(text: &str, span: Span) -> Self {
        let mut mapped = Self::assembled(span);
        mapped.push_for(text, span);
        mapped
    }

    /// A text to be put together from pieces, which stands for `span` as a whole.
    pub(crate) const fn assembled(span: Span) -> Self {
        Self {
            text: String::new(),
            span,
            quoted: false,
            steps: Vec::new(),
        }
    }

    /// Adds the piece of another text between two offsets, with the places that it has there.
    pub(crate) fn push_piece(&mut self, other: &Self, start: usize, end: usize) {
        if start >= end {
            return;
        }
        let at = self.text.len() as u32;
        let first = other
            .steps
            .partition_point(|step| step.at as usize <= start);
        if let Some(step) = first.checked_sub(1).map(|index| other.steps[index]) {
            let skipped = match step.length {
                Some(_) => 0,
                None => start as u32 - step.at,
            };
            self.steps.push(Step {
                at,
                in_file: step.in_file + skipped,
                ..step
            });
        }
        let others = other.steps[first..].iter();
        let inner = others.take_while(|step| (step.at as usize) < end);
        self.steps.extend(inner.map(|step| Step {
            at: at + step.at - start as u32,
            ..*step
        }));
        self.text.push_str(&other.text[start..end]);
    }

    /// Takes away what stands behind an offset.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.text.truncate(length);
        self.steps.retain(|step| (step.at as usize) < length);
    }

    /// Adds all of another text.
    pub(crate) fn push_all(&mut self, other: &Self) {
        self.push_piece(other, 0, other.text.len());
    }

    /// Adds a text that stands nowhere so; all of it is found at `span`.
    pub(crate) fn push_for(&mut self, text: &str, span: Span) {
        if text.is_empty() {
            return;
        }
        self.steps.push(Step {
            at: self.text.len() as u32,
            file: span.file,
            in_file: span.start,
            length: Some(span.end - span.start),
        });
        self.text.push_str(text);
    }

    /// Where a piece of the text stands in its file.
    pub(crate) fn locate(&self, start: usize, end: usize) -> Span {
        let first = self.in_file(start as u32);
        let last = if end > start {
            self.in_file(end as u32 - 1)
        } else {
            Span {
                end: first.start,
                ..first
            }
        };
        if last.file != first.file {
            return first;
        }
        Span {
            file: first.file,
            start: first.start,
            end: last.end.max(first.start),
        }
    }

    /// Where the byte at an offset stands in its file.
    fn in_file(&self, offset: u32) -> Span {
        let after = self.steps.partition_point(|step| step.at <= offset);
        match after.checked_sub(1).and_then(|index| self.steps.get(index)) {
            Some(step) => {
                let (start, length) = match step.length {
                    Some(length) => (step.in_file, length),
                    None => (step.in_file + (offset - step.at), 1),
                };
                Span {
                    file: step.file,
                    start,
                    end: start + length,
                }
            }
            None => Span {
                file: self.span.file,
                start: self.span.start + offset,
                end: self.span.start + offset + 1,
            },
        }
    }
}

/// The length of the escape of YAML that a text starts with, if it stands for a character.
fn escaped(text: &str, wanted: char) -> Option<usize> {
    let mut letters = text.chars().skip(1);
    let letter = letters.next()?;
    let digits = match letter {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => 0,
    };
    let meant = match letter {
        '0' => '\0',
        'a' => '\u{7}',
        'b' => '\u{8}',
        't' | '\t' => '\t',
        'n' => '\n',
        'v' => '\u{b}',
        'f' => '\u{c}',
        'r' => '\r',
        'e' => '\u{1b}',
        ' ' | '"' | '/' | '\\' => letter,
        'N' => '\u{85}',
        '_' => '\u{a0}',
        'L' => '\u{2028}',
        'P' => '\u{2029}',
        _ if digits > 0 => {
            let number = u32::from_str_radix(text.get(2..2 + digits)?, 16).ok()?;
            char::from_u32(number)?
        }
        _ => return None,
    };
    (meant == wanted).then_some(2 + digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_from_one_in_characters() {
        let sources = Sources::new(vec![SourceFile {
            name: "a".into(),
            text: "éa\nbç = 1".into(),
        }]);
        let span = Span::new(0, 7, 8);
        assert_eq!(
            sources.position(span, span.start),
            Position { line: 2, column: 3 }
        );
        assert_eq!(
            sources.position(span, 1),
            Position { line: 1, column: 1 },
            "the middle of a character is its start"
        );
    }

    #[test]
    fn folded_and_quoted_text_is_found_in_its_file() {
        let source = "x: \"a\n   b \\\" c\"";
        let mapped = MappedText::aligned("a b \" c".into(), source, 0, 3, source.len());
        let letter = |at: usize| {
            let span = mapped.locate(at, at + 1);
            &source[span.start as usize..span.end as usize]
        };
        assert_eq!((letter(0), letter(2), letter(6)), ("a", "b", "c"));
        assert!(mapped.quoted);
    }

    #[test]
    fn escapes_stand_where_they_are_written() {
        let source = r#""\u00e9b\n\x41\"z""#;
        let mapped = MappedText::aligned("éb\nA\"z".into(), source, 0, 0, source.len());
        let letter = |at: usize, end: usize| {
            let span = mapped.locate(at, end);
            &source[span.start as usize..span.end as usize]
        };
        assert_eq!((letter(0, 2), letter(2, 3)), (r"\u00e9", "b"));
        assert_eq!((letter(3, 4), letter(4, 5)), (r"\n", r"\x41"));
        assert_eq!((letter(5, 6), letter(6, 7)), (r#"\""#, "z"));
        assert_eq!(letter(2, 5), r"b\n\x41");
    }

    #[test]
    fn pieces_keep_their_places() {
        let first = MappedText::verbatim("abcdef", 0, 10);
        let mut whole = MappedText::assembled(Span::new(0, 10, 16));
        whole.push_for("(", Span::new(0, 3, 5));
        whole.push_piece(&first, 2, 5);
        whole.push_for("xyz", Span::new(1, 7, 8));
        whole.push_all(&MappedText::verbatim("uv", 1, 20));
        assert_eq!(whole.text, "(cdexyzuv");
        assert_eq!(whole.locate(0, 1), Span::new(0, 3, 5));
        assert_eq!(whole.locate(2, 4), Span::new(0, 13, 15));
        assert_eq!(whole.locate(5, 6), Span::new(1, 7, 8));
        assert_eq!(whole.locate(7, 9), Span::new(1, 20, 22));
        let mut again = MappedText::assembled(Span::default());
        again.push_piece(&whole, 3, 8);
        assert_eq!(again.locate(0, 1), Span::new(0, 14, 15));
        assert_eq!(again.locate(2, 3), Span::new(1, 7, 8));
        assert_eq!(again.locate(4, 5), Span::new(1, 20, 21));
    }
}
