//! Reader of rule files that are YAML, as Falco's are.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Location, Options, Spanned};

use super::{Entry, Node, RawItem};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{MappedText, Span, floor_char_boundary};

/// Reads the items of a file. Where the file as a whole is not YAML, its items are read one by one, so
/// that a fault in one does not hide the others.
pub(super) fn read(text: &str, file: u32, problems: &mut Vec<Diagnostic>) -> Vec<RawItem> {
    let reader = Reader { text, file };
    if let Ok(documents) = parse(text) {
        return reader.items(documents, 0, problems);
    }
    let mut items = Vec::new();
    for (start, end) in chunks(text, &["- ", "---"]) {
        match parse(&text[start..end]) {
            Ok(documents) => items.extend(reader.items(documents, start, problems)),
            Err(error) => problems.push(reader.fault(&error, start, end)),
        }
    }
    items
}

/// Reads the documents of a file. Where the file as a whole is not YAML, they are read one by one.
pub(super) fn documents(text: &str, file: u32, problems: &mut Vec<Diagnostic>) -> Vec<Node> {
    let reader = Reader { text, file };
    if let Ok(documents) = parse(text) {
        let nodes = documents.into_iter().map(|raw| reader.node(raw, 0));
        return nodes.collect();
    }
    let mut nodes = Vec::new();
    for (start, end) in chunks(text, &["---"]) {
        match parse(&text[start..end]) {
            Ok(documents) => nodes.extend(documents.into_iter().map(|raw| reader.node(raw, start))),
            Err(error) => problems.push(reader.fault(&error, start, end)),
        }
    }
    nodes
}

fn parse(text: &str) -> Result<Vec<Raw>, serde_saphyr::Error> {
    let mut options = Options::default();
    options.duplicate_keys = DuplicateKeyPolicy::PassThrough;
    options.with_snippet = false;
    serde_saphyr::from_multiple_with_options(text, options)
}

/// The pieces of a file between lines that start so.
fn chunks(text: &str, starting: &[&str]) -> Vec<(usize, usize)> {
    let mut starts = vec![0];
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if offset > 0 && starting.iter().any(|start| line.starts_with(start)) {
            starts.push(offset);
        }
        offset += line.len();
    }
    starts.push(text.len());
    let pairs = starts.windows(2).map(|pair| (pair[0], pair[1]));
    pairs.filter(|(start, end)| start < end).collect()
}

struct Reader<'t> {
    text: &'t str,
    file: u32,
}

impl Reader<'_> {
    fn items(
        &self,
        documents: Vec<Raw>,
        base: usize,
        problems: &mut Vec<Diagnostic>,
    ) -> Vec<RawItem> {
        let mut items = Vec::new();
        for document in documents {
            match self.node(document, base) {
                Node::Null(_) => {}
                Node::List(elements, _) => {
                    for element in elements {
                        match element {
                            Node::Null(_) => {}
                            Node::Map(entries, span) => items.push(RawItem { entries, span }),
                            other => problems.push(shape_fault(other.span(), "an item")),
                        }
                    }
                }
                other => problems.push(shape_fault(other.span(), "a file of rules")),
            }
        }
        items
    }

    fn fault(&self, error: &serde_saphyr::Error, start: usize, end: usize) -> Diagnostic {
        let at = error.location().map_or(start, |location| {
            start + offset_of(&self.text[start..end], location)
        });
        let length = self.text[at..].chars().next().map_or(0, char::len_utf8);
        let drawn = error.without_snippet().to_string();
        let message = drawn.lines().next().unwrap_or_default();
        // The place is told by us, in terms of the whole file.
        let message = message.split(" at line ").next().unwrap_or_default();
        Diagnostic::error(
            Code::Yaml,
            Span::new(self.file, at, at + length),
            format!("this is not YAML: {message}"),
        )
    }

    fn node(&self, raw: Raw, base: usize) -> Node {
        let (first, last) = range(raw.location).unwrap_or((0, 0));
        let start = floor_char_boundary(self.text, base + first);
        let end = floor_char_boundary(self.text, base + last).max(start);
        let span = Span::new(self.file, start, end);
        match raw.value {
            RawValue::Null => Node::Null(span),
            RawValue::Text(value) => {
                Node::Scalar(MappedText::aligned(value, self.text, self.file, start, end))
            }
            // What YAML takes for a number or a truth value is text to us, as it was written.
            RawValue::Other => {
                let written = self.text[start..end].trim_end();
                Node::Scalar(MappedText::verbatim(written, self.file, start))
            }
            RawValue::List(elements) => {
                let elements = elements.into_iter().map(|element| self.node(element, base));
                Node::List(elements.collect(), span)
            }
            RawValue::Map(entries) => {
                let entries =
                    entries
                        .into_iter()
                        .filter_map(|(key, value)| match self.node(key, base) {
                            Node::Scalar(key) => Some(Entry {
                                key,
                                value: self.node(value, base),
                            }),
                            _ => None,
                        });
                Node::Map(entries.collect(), span)
            }
        }
    }
}

fn shape_fault(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error(
        Code::Shape,
        Span {
            end: span.start.saturating_add(1).min(span.end),
            ..span
        },
        format!("this is not {what}"),
    )
    .help("a file of rules is a sequence of items such as `- rule: NAME`")
}

/// The offset of a line and a column, which count from one.
fn offset_of(text: &str, location: Location) -> usize {
    let lines_before = (location.line() as usize).saturating_sub(1);
    let mut lines = text.split_inclusive('\n');
    let line_start: usize = lines.by_ref().take(lines_before).map(str::len).sum();
    let line = lines.next().unwrap_or_default();
    let column = (location.column() as usize).saturating_sub(1);
    let in_line = line
        .char_indices()
        .nth(column)
        .map_or(line.len(), |(at, _)| at);
    line_start + in_line
}

/// First byte and one past the last byte of a place, as the parser tells them.
fn range(location: Location) -> Option<(usize, usize)> {
    let span = location.span();
    let offset = span.byte_offset()?;
    let length = span.byte_len()?;
    Some((offset as usize, (offset + length) as usize))
}

/// A YAML node and where it stands.
struct Raw {
    value: RawValue,
    location: Location,
}

enum RawValue {
    Null,
    Text(String),
    Other,
    List(Vec<Raw>),
    Map(Vec<(Raw, Raw)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<RawValue>::deserialize(deserializer)?;
        Ok(Self {
            value: spanned.value,
            location: spanned.referenced,
        })
    }
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Null)
    }

    fn visit_none<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<RawValue, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<RawValue, E> {
        Ok(RawValue::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<RawValue, E> {
        Ok(RawValue::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<RawValue, E> {
        Ok(RawValue::Other)
    }

    fn visit_i128<E>(self, _: i128) -> Result<RawValue, E> {
        Ok(RawValue::Other)
    }

    fn visit_u128<E>(self, _: u128) -> Result<RawValue, E> {
        Ok(RawValue::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<RawValue, E> {
        Ok(RawValue::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<RawValue, E> {
        Ok(RawValue::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<RawValue, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            list.push(element);
        }
        Ok(RawValue::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<RawValue, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(RawValue::Map(map))
    }
}
