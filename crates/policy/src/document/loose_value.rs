//! The values in rule files of the original SysFlow processor: texts, lists, conditions.

use super::Node;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{MappedText, Span};

/// The length of a mark such as `>` or `|-` at the start of a block of text.
pub(super) fn block_mark(text: &str) -> Option<usize> {
    let rest = text.strip_prefix(['>', '|'])?;
    let mark = rest.trim_start_matches(|c: char| matches!(c, '+' | '-') || c.is_ascii_digit());
    let length = text.len() - mark.len();
    (mark.is_empty() || mark.starts_with(char::is_whitespace)).then_some(length)
}

/// Reads values out of the text of a file.
pub(super) struct Values<'t> {
    pub(super) text: &'t str,
    pub(super) file: u32,
}

impl Values<'_> {
    /// Reads the value of a key that stands between two offsets.
    pub(super) fn read(
        &self,
        key: &str,
        start: usize,
        end: usize,
        problems: &mut Vec<Diagnostic>,
    ) -> Node {
        let raw = &self.text[start..end];
        let first = start + (raw.len() - raw.trim_start().len());
        let raw = &self.text[first..end];
        let behind_mark = block_mark(raw).map_or(0, |mark| {
            let rest = &raw[mark..];
            mark + (rest.len() - rest.trim_start().len())
        });
        let is_block = behind_mark > 0;
        let first = first + behind_mark;
        if key == "condition" {
            return self.condition(first, end);
        }
        let at = self.skip_comments(first, end);
        let content = &self.text[at..end];
        if content.is_empty() {
            return Node::Null(Span::new(self.file, at, at));
        }
        if content.starts_with('[') && !is_block {
            return self.flow_list(at, end, problems);
        }
        let on_later_line = self.text[start..at].contains('\n');
        if on_later_line && !is_block && starts_with_dash(content) {
            return self.block_list(at, end, problems);
        }
        Node::Scalar(self.scalar(at, end, is_block))
    }

    /// A value that nobody looks into.
    pub(super) fn unread(&self, start: usize, end: usize) -> Node {
        let text = &self.text[start..end];
        Node::Scalar(MappedText::verbatim(text, self.file, start))
    }

    /// A condition stays as it is: its own language knows about lines and comments.
    fn condition(&self, start: usize, end: usize) -> Node {
        let text = &self.text[start..end];
        if text.is_empty() {
            return Node::Null(Span::new(self.file, start, end));
        }
        // As YAML has it, the whole of it may stand in quotes.
        if let Some((unquoted, length)) = unquote(text)
            && length == text.len()
        {
            return Node::Scalar(MappedText::aligned(
                unquoted, self.text, self.file, start, end,
            ));
        }
        Node::Scalar(MappedText::verbatim(text, self.file, start))
    }

    /// Text over one or more lines, which become one; in block texts `#` is a letter.
    fn scalar(&self, start: usize, end: usize, is_block: bool) -> MappedText {
        let text = &self.text[start..end];
        if !is_block && let Some((unquoted, length)) = unquote(text) {
            let rest = text[length..].trim_start();
            if rest.is_empty() || rest.starts_with('#') {
                let end = start + length;
                return MappedText::aligned(unquoted, self.text, self.file, start, end);
            }
        }
        let lines = text.lines().filter_map(|line| {
            let line = line.trim();
            let line = if is_block {
                line
            } else {
                without_comment(line)
            };
            (!line.starts_with('#') && !line.is_empty()).then_some(line)
        });
        let folded = lines.collect::<Vec<_>>().join(" ");
        MappedText::aligned(folded, self.text, self.file, start, end)
    }

    /// `[a, b]`, over any number of lines.
    fn flow_list(&self, open: usize, end: usize, problems: &mut Vec<Diagnostic>) -> Node {
        let mut items = Vec::new();
        let mut at = open + 1;
        loop {
            at = self.skip_comments(at, end);
            let Some(first) = self.text[at..end].chars().next() else {
                let opened = Span::new(self.file, open, open + 1);
                problems.push(
                    Diagnostic::error(Code::Shape, opened, "this list is never closed")
                        .label("opened here"),
                );
                break;
            };
            match first {
                ']' => {
                    at += 1;
                    break;
                }
                ',' => {
                    let comma = Span::new(self.file, at, at + 1);
                    let message = "an item is missing before this comma";
                    problems.push(Diagnostic::error(Code::Shape, comma, message));
                    at += 1;
                    continue;
                }
                _ => {}
            }
            let (item, item_end) = self.flow_item(at, end);
            let after = self.skip_comments(item_end, end);
            let folded_lines = item.text.contains('\n');
            match self.text[after..end].chars().next() {
                Some(',') if !folded_lines => at = after + 1,
                Some(']') | None if !folded_lines => at = after,
                _ => {
                    let break_at = item.text.find('\n').map_or(item_end, |line| at + line);
                    let place = Span::new(self.file, break_at, break_at);
                    let message = "a comma is missing between the items";
                    problems
                        .push(Diagnostic::error(Code::Shape, place, message).label("expected `,`"));
                    at = after + usize::from(self.text[after..end].starts_with(','));
                }
            }
            items.push(Node::Scalar(item));
        }
        let rest = self.skip_comments(at, end);
        if rest < end {
            let line_end = self.text[rest..end].find('\n').map_or(end, |l| rest + l);
            let place = Span::new(self.file, rest, line_end);
            problems.push(Diagnostic::error(
                Code::Shape,
                place,
                "this belongs to no key",
            ));
        }
        Node::List(items, Span::new(self.file, open, at))
    }

    fn flow_item(&self, start: usize, end: usize) -> (MappedText, usize) {
        let text = &self.text[start..end];
        if let Some((unquoted, length)) = unquote(text) {
            let end = start + length;
            let item = MappedText::aligned(unquoted, self.text, self.file, start, end);
            return (item, end);
        }
        let length = text.find([',', ']']).unwrap_or(text.len());
        let length = text[..length].find(" #").unwrap_or(length);
        let word = text[..length].trim_end();
        let item = MappedText::verbatim(word, self.file, start);
        (item, start + word.len())
    }

    /// Lines that each start with a dash.
    fn block_list(&self, start: usize, end: usize, problems: &mut Vec<Diagnostic>) -> Node {
        let mut items = Vec::new();
        let mut at = start;
        while at < end {
            at = self.skip_comments(at, end);
            let line = &self.text[at..end];
            let line_end = line.find('\n').map_or(end, |length| at + length);
            if at >= end {
                break;
            }
            if starts_with_dash(line) {
                let value = self.text[at + 1..line_end].trim_start();
                let value_start = line_end - value.len();
                if !value.trim_end().is_empty() {
                    let value_end = value_start + value.trim_end().len();
                    items.push(Node::Scalar(self.scalar(value_start, value_end, false)));
                }
            } else {
                let place = Span::new(self.file, at, line_end);
                problems.push(
                    Diagnostic::error(Code::Shape, place, "this is not an item of the list")
                        .help("items of a list start with `- `"),
                );
            }
            at = line_end;
        }
        Node::List(items, Span::new(self.file, start, end))
    }

    /// Steps over blanks, line breaks and comments.
    fn skip_comments(&self, mut at: usize, end: usize) -> usize {
        loop {
            let rest = &self.text[at..end];
            let content = rest.trim_start();
            at = end - content.len();
            if !content.starts_with('#') {
                return at;
            }
            at = content.find('\n').map_or(end, |length| at + length);
        }
    }
}

fn starts_with_dash(line: &str) -> bool {
    line.strip_prefix('-')
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}

fn without_comment(line: &str) -> &str {
    let comment = line.find(" #").or_else(|| line.find("\t#"));
    comment.map_or(line, |at| line[..at].trim_end())
}

/// Reads the quoted text that `text` starts with, by the rules of YAML; gives it and its length.
fn unquote(text: &str) -> Option<(String, usize)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut unquoted = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\'' if quote == '\'' => {
                if characters.next_if(|(_, next)| *next == '\'').is_none() {
                    return Some((unquoted, at + 1));
                }
                unquoted.push('\'');
            }
            '"' if quote == '"' => return Some((unquoted, at + 1)),
            '\\' if quote == '"' => match characters.next() {
                Some((_, 'n')) => unquoted.push('\n'),
                Some((_, 't')) => unquoted.push('\t'),
                Some((_, escaped @ ('"' | '\\'))) => unquoted.push(escaped),
                Some((_, other)) => unquoted.extend(['\\', other]),
                None => return None,
            },
            '\n' => {
                unquoted.push(' ');
                while characters
                    .next_if(|(_, next)| next.is_whitespace())
                    .is_some()
                {}
            }
            _ => unquoted.push(character),
        }
    }
    None
}
