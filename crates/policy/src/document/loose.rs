//! Reader of the rule files of the original SysFlow processor.
//!
//! They look like YAML, but were read by a grammar to which line breaks and indentation mean nothing,
//! and are not YAML: keys and items stand at any column, tabs occur, names hold colons. So this reader
//! goes by the words at the start of lines. It also takes what YAML would: block lists, block texts,
//! document marks.

use super::loose_value;
use super::{Entry, RawItem};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::source::{MappedText, Span};

/// Words that start an item.
const ITEMS: [&str; 7] = [
    "rule",
    "drop",
    "filter",
    "macro",
    "list",
    "required_engine_version",
    "required_plugin_versions",
];

/// Words that start a value within an item.
const KEYS: [&str; 18] = [
    "desc",
    "condition",
    "output",
    "priority",
    "actions",
    "action",
    "tags",
    "prefilter",
    "enabled",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "append",
    "items",
    "source",
    "exceptions",
    "override",
    "capture",
    "capture_duration",
];

/// Keys whose values hold keys themselves.
const NESTED: [&str; 3] = ["exceptions", "override", "required_plugin_versions"];

/// Reads the items of a file.
pub(super) fn read(text: &str, file: u32, problems: &mut Vec<Diagnostic>) -> Vec<RawItem> {
    let mut reader = Reader {
        text,
        file,
        problems,
        items: Vec::new(),
        open: None,
        lost: false,
    };
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        reader.line(line, offset);
        offset += line.len();
    }
    reader.close_item(text.len());
    reader.items
}

struct Reader<'t, 'p> {
    text: &'t str,
    file: u32,
    problems: &'p mut Vec<Diagnostic>,
    items: Vec<RawItem>,
    open: Option<OpenItem>,
    /// Whether the last lines belonged to nothing, which has been reported.
    lost: bool,
}

/// An item whose end has not been seen.
struct OpenItem {
    start: usize,
    /// Whether the item is of no known kind and is read only to be left out.
    unknown: bool,
    keys: Vec<OpenKey>,
    /// The column of the second key, by which unknown keys are told from text.
    key_column: Option<usize>,
}

struct OpenKey {
    word: String,
    start: usize,
    column: usize,
    value_start: usize,
    /// What stands behind the colon in the same line.
    first_line: FirstLine,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FirstLine {
    Empty,
    BlockText,
    Text,
}

/// A line of the form `- word: …` or `word: …`.
struct Header<'l> {
    /// The column of the dash.
    dash: Option<usize>,
    word: &'l str,
    /// The column of the word.
    column: usize,
    /// Where the value starts in the line.
    value: usize,
    /// Whether a blank or nothing follows the colon, as YAML demands.
    spaced: bool,
}

fn header(line: &str) -> Option<Header<'_>> {
    let content = line.trim_start();
    let indent = line.len() - content.len();
    let (dash, content, column) = match content.strip_prefix('-') {
        Some(after) if !after.starts_with('-') => {
            let word = after.trim_start();
            (Some(indent), word, line.len() - word.len())
        }
        _ => (None, content, indent),
    };
    let length = content
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
        .filter(|length| *length > 0)?;
    let after_word = content[length..].trim_start_matches([' ', '\t']);
    let after_colon = after_word.strip_prefix(':')?;
    Some(Header {
        dash,
        word: &content[..length],
        column,
        value: line.len() - after_colon.len(),
        spaced: after_colon.is_empty() || after_colon.starts_with(char::is_whitespace),
    })
}

impl Reader<'_, '_> {
    fn line(&mut self, line: &str, offset: usize) {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            return;
        }
        if line.starts_with("---") || line.starts_with("...") || line.starts_with('%') {
            self.close_item(offset);
            return;
        }
        let Some(header) = header(line) else {
            return self.content(line, offset);
        };
        if self.is_content(&header) {
            return self.content(line, offset);
        }
        let is_item = ITEMS.contains(&header.word);
        if header.dash.is_some() || is_item {
            self.close_item(offset);
            let start = offset + header.dash.unwrap_or(header.column);
            if !is_item {
                self.unknown_item(&header, offset);
            } else if header.dash.is_none() {
                let word = header.word;
                let span = self.word_span(&header, offset);
                let message = format!("a dash is missing before `{word}`");
                let problem = Diagnostic::error(Code::Shape, span, message);
                self.problems
                    .push(problem.help(format!("an item starts with `- {word}:`")));
            }
            self.lost = false;
            self.open = Some(OpenItem {
                start,
                unknown: !is_item,
                keys: Vec::new(),
                key_column: None,
            });
        }
        self.open_key(&header, line, offset);
    }

    /// Whether a line that looks like the start of something belongs to the value before it.
    fn is_content(&self, header: &Header<'_>) -> bool {
        let is_item = ITEMS.contains(&header.word);
        let Some(item) = &self.open else {
            return header.dash.is_none() && !is_item;
        };
        let Some(key) = item.keys.last() else {
            return false;
        };
        // No condition holds a word with a colon behind it at the start of a line.
        let is_condition = key.word == "condition";
        if let Some(dash) = header.dash {
            let in_list = key.first_line == FirstLine::Empty && dash >= key.column && !is_item;
            let in_text =
                key.first_line == FirstLine::BlockText && dash > key.column && !is_condition;
            return in_list || in_text;
        }
        let deeper = header.column > key.column;
        if NESTED.contains(&key.word.as_str()) && deeper {
            return true;
        }
        if KEYS.contains(&header.word) || is_item {
            return key.first_line == FirstLine::BlockText && deeper && !is_condition;
        }
        let at_key_column = item.key_column.is_none_or(|column| column == header.column);
        !(header.spaced && (at_key_column || is_condition))
    }

    fn content(&mut self, line: &str, offset: usize) {
        let has_value = self.open.as_ref().is_some_and(|item| !item.keys.is_empty());
        if has_value || self.lost {
            return;
        }
        self.lost = true;
        let start = offset + (line.len() - line.trim_start().len());
        let span = Span::new(self.file, start, start + line.trim().len());
        let problem = Diagnostic::error(Code::Shape, span, "this belongs to no item");
        self.problems
            .push(problem.help("an item starts with a line such as `- rule: NAME`"));
    }

    fn unknown_item(&mut self, header: &Header<'_>, offset: usize) {
        let word = header.word;
        let span = self.word_span(header, offset);
        let message = format!("`{word}` is not a kind of item");
        let problem = Diagnostic::error(Code::Shape, span, message);
        self.problems.push(match nearest(word, ITEMS.into_iter()) {
            Some(known) => problem.help(format!("did you mean `{known}`?")),
            None => problem.help("items are `rule`, `drop`, `filter`, `macro` and `list`"),
        });
    }

    fn word_span(&self, header: &Header<'_>, offset: usize) -> Span {
        let start = offset + header.column;
        Span::new(self.file, start, start + header.word.len())
    }

    fn open_key(&mut self, header: &Header<'_>, line: &str, offset: usize) {
        let Some(item) = &mut self.open else {
            return;
        };
        if item.keys.len() == 1 && item.key_column.is_none() {
            item.key_column = Some(header.column);
        }
        let behind = line[header.value..].trim();
        let first_line = if behind.is_empty() || behind.starts_with('#') {
            FirstLine::Empty
        } else if loose_value::block_mark(behind).is_some_and(|mark| mark == behind.len()) {
            FirstLine::BlockText
        } else {
            FirstLine::Text
        };
        item.keys.push(OpenKey {
            word: header.word.to_owned(),
            start: offset + header.column,
            column: header.column,
            value_start: offset + header.value,
            first_line,
        });
    }

    fn close_item(&mut self, end: usize) {
        let Some(item) = self.open.take() else {
            return;
        };
        if item.unknown {
            return;
        }
        let values = loose_value::Values {
            text: self.text,
            file: self.file,
        };
        let mut entries = Vec::with_capacity(item.keys.len());
        for (index, key) in item.keys.iter().enumerate() {
            let value_end = item.keys.get(index + 1).map_or(end, |next| next.start);
            let value_end = trimmed_end(self.text, key.value_start, value_end);
            let nested = NESTED.contains(&key.word.as_str());
            let value = if nested {
                values.unread(key.value_start, value_end)
            } else {
                values.read(&key.word, key.value_start, value_end, self.problems)
            };
            entries.push(Entry {
                key: MappedText::verbatim(&key.word, self.file, key.start),
                value,
            });
        }
        let last = entries
            .last()
            .map_or(item.start as u32, |e| e.value.span().end);
        let span = Span::new(self.file, item.start, last as usize);
        self.items.push(RawItem { entries, span });
    }
}

/// The end of a value without the blanks after it.
fn trimmed_end(text: &str, start: usize, end: usize) -> usize {
    start + text[start..end].trim_end().len()
}
