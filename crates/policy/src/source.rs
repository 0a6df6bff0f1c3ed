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

/// From the offset `at` in a text on, the text runs in step with a file from `in_file` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    at: u32,
    file: u32,
    in_file: u32,
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
            }],
        }
    }

    /// Text that a reader made out of `source[start..end]`: finds out which character came from where
    /// by walking both, as all that a reader does is leave out, fold and unescape.
    pub(crate) fn aligned(text: String, source: &str, file: u32, start: usize, end: usize) -> Self {
        let raw = &source[start..end];
        let mut steps: Vec<Step> = Vec::new();
        let step = |at: usize, in_file: usize| Step {
            at: at as u32,
            file,
            in_file: in_file as u32,
        };
        let mut raw_characters = raw.char_indices().peekable();
        let (mut expected, mut last_raw) = (usize::MAX, 0);
        for (offset, wanted) in text.char_indices() {
            let found = loop {
                match raw_characters.peek().copied() {
                    None => break last_raw,
                    Some((at, given)) if given == wanted => {
                        raw_characters.next();
                        break at;
                    }
                    // Folded line breaks and escapes: nothing in the file is that character.
                    Some((at, given)) if wanted.is_whitespace() && !given.is_whitespace() => {
                        break at;
                    }
                    Some(_) => raw_characters.next(),
                };
            };
            last_raw = found;
            let in_file = start + found;
            if in_file != expected {
                steps.push(step(offset, in_file));
            }
            expected = in_file + wanted.len_utf8();
        }
        if steps.is_empty() {
            steps.push(step(0, start));
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
        let offset = self.text.len() as u32;
        self.steps.extend(other.steps.iter().map(|step| Step {
            at: step.at + offset,
            ..*step
        }));
        self.text.push_str(&other.text);
    }

    /// Where a piece of the text stands in its file.
    pub(crate) fn locate(&self, start: usize, end: usize) -> Span {
        let (file, first) = self.in_file(start as u32);
        let last = if end > start {
            match self.in_file(end as u32 - 1) {
                (same_file, last) if same_file == file => last + 1,
                _ => first,
            }
        } else {
            first
        };
        Span {
            file,
            start: first,
            end: last.max(first),
        }
    }

    fn in_file(&self, offset: u32) -> (u32, u32) {
        let after = self.steps.partition_point(|step| step.at <= offset);
        match after.checked_sub(1).and_then(|index| self.steps.get(index)) {
            Some(step) => (step.file, step.in_file + (offset - step.at)),
            None => (self.span.file, self.span.start + offset),
        }
    }
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
}
