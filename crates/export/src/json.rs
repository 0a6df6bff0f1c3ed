//! One JSON object a line.

use std::ops::ControlFlow;

use sysflow_field::Value;
use sysflow_record::entity::Joined;

use crate::columns::{Absent, Column, Source};
use crate::time::Clock;

/// Appends `text` as a JSON string. What is not UTF-8 becomes U+FFFD.
pub fn write_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    if text.iter().all(|byte| is_plain(*byte)) {
        out.extend_from_slice(text);
    } else {
        for chunk in text.utf8_chunks() {
            escape(chunk.valid().as_bytes(), out);
            if !chunk.invalid().is_empty() {
                out.extend_from_slice("\u{fffd}".as_bytes());
            }
        }
    }
    out.push(b'"');
}

/// Whether a byte stands for itself in a JSON string whatever its neighbours are.
const fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte < 0x7f && byte != b'"' && byte != b'\\'
}

fn escape(text: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 | 0x7f => {
                let code = [
                    DIGITS[usize::from(byte >> 4)],
                    DIGITS[usize::from(byte & 15)],
                ];
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&code);
            }
            other => out.push(*other),
        }
    }
}

/// Appends a value: integers and booleans as they are, everything else as a string.
pub fn write_value(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) => write_string(text, out),
        Value::Int(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Ip(_) => value.with_text(|text| write_string(text, out)),
    }
}

/// How names with dots are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// As they are: `"proc.pid": 1`.
    Flat,
    /// As objects, one level deep: `"proc": {"pid": 1}`.
    Nested,
}

/// Writes records as JSON objects.
#[derive(Debug)]
pub struct Encoder {
    /// What to write, with the text that stands before each value.
    steps: Vec<(Vec<u8>, Column)>,
    end: Vec<u8>,
    clock: Clock,
}

impl Encoder {
    /// An encoder for these columns.
    pub fn new(columns: &[Column], layout: Layout) -> Self {
        match layout {
            Layout::Flat => Self::flat(columns),
            Layout::Nested => Self::nested(columns),
        }
    }

    fn flat(columns: &[Column]) -> Self {
        let mut steps = Vec::with_capacity(columns.len());
        for (index, column) in columns.iter().enumerate() {
            let before: &[u8] = if index == 0 { b"{" } else { b"," };
            steps.push((with_key(before, &column.name), column.clone()));
        }
        let end: &[u8] = if columns.is_empty() { b"{}" } else { b"}" };
        Self {
            steps,
            end: end.to_vec(),
            clock: Clock::default(),
        }
    }

    /// Groups come where their first column stands, and hold all columns of the group.
    fn nested(columns: &[Column]) -> Self {
        let mut steps: Vec<(Vec<u8>, Column)> = Vec::with_capacity(columns.len());
        let mut done: Vec<&str> = Vec::new();
        let mut before = b"{".to_vec();
        for column in columns {
            let Some((group, _)) = column.name.split_once('.') else {
                steps.push((with_key(&before, &column.name), column.clone()));
                before = b",".to_vec();
                continue;
            };
            if done.contains(&group) {
                continue;
            }
            done.push(group);
            before = with_key(&before, group);
            before.push(b'{');
            for member in columns {
                let key = member
                    .name
                    .split_once('.')
                    .filter(|(first, _)| *first == group);
                if let Some((_, key)) = key {
                    steps.push((with_key(&before, key), member.clone()));
                    before = b",".to_vec();
                }
            }
            before = b"},".to_vec();
        }
        let end = match &before[..] {
            b"{" => b"{}".to_vec(),
            b"," => b"}".to_vec(),
            _ => b"}}".to_vec(),
        };
        Self {
            steps,
            end,
            clock: Clock::default(),
        }
    }

    /// Appends a record as one line.
    pub fn write(&mut self, joined: &Joined<'_>, out: &mut Vec<u8>) {
        for (before, column) in &self.steps {
            out.extend_from_slice(before);
            write_column(joined, column, &mut self.clock, out);
        }
        out.extend_from_slice(&self.end);
        out.push(b'\n');
    }
}

fn with_key(before: &[u8], key: &str) -> Vec<u8> {
    let mut text = before.to_vec();
    write_string(key.as_bytes(), &mut text);
    text.push(b':');
    text
}

fn write_column(joined: &Joined<'_>, column: &Column, clock: &mut Clock, out: &mut Vec<u8>) {
    match &column.source {
        Source::Field(id, arg) if !column.list => {
            let before = out.len();
            joined.answer(*id, arg, |value| {
                write_value(value, out);
                ControlFlow::Break(())
            });
            if out.len() == before {
                write_absent(column.absent, out);
            }
        }
        Source::Field(id, arg) => write_list(column.absent, out, |visit| {
            joined.answer(*id, arg, visit);
        }),
        Source::Json(id) => {
            let before = out.len();
            joined.answer(*id, &sysflow_field::Arg::None, |value| {
                if let Value::Text(text) = value {
                    out.extend_from_slice(text);
                }
                ControlFlow::Break(())
            });
            if out.len() == before {
                write_absent(column.absent, out);
            }
        }
        Source::IsoTime(id) => {
            let mut time = None;
            joined.answer(*id, &sysflow_field::Arg::None, |value| {
                time = value.as_int();
                ControlFlow::Break(())
            });
            match time {
                None => write_absent(column.absent, out),
                Some(ts) => {
                    out.push(b'"');
                    clock.write(ts, out);
                    out.push(b'"');
                }
            }
        }
        Source::Text(write_text) => {
            let mut text = Vec::new();
            write_text(joined, &mut text);
            write_string(&text, out);
        }
        Source::Constant(text) => out.extend_from_slice(text.as_bytes()),
    }
}

fn write_absent(absent: Absent, out: &mut Vec<u8>) {
    out.extend_from_slice(match absent {
        Absent::Null => b"null",
        Absent::Empty => b"\"\"",
    });
}

/// Writes a list; one without values is absent.
fn write_list(
    absent: Absent,
    out: &mut Vec<u8>,
    visit_all: impl FnOnce(&mut dyn FnMut(Value<'_>) -> ControlFlow<()>),
) {
    let start = out.len();
    out.push(b'[');
    visit_all(&mut |value| {
        if out.len() > start + 1 {
            out.push(b',');
        }
        write_value(value, out);
        ControlFlow::Continue(())
    });
    if out.len() == start + 1 {
        out.truncate(start);
        write_absent(absent, out);
    } else {
        out.push(b']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_escaped() {
        let string = |text: &[u8]| {
            let mut out = Vec::new();
            write_string(text, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(string(b"plain text"), "\"plain text\"");
        assert_eq!(string(b"a\"b\\c\n\x01\x7f"), r#""a\"b\\c\n\u0001\u007f""#);
        assert_eq!(string("für".as_bytes()), "\"für\"");
        assert_eq!(string(b"\xff."), "\"\u{fffd}.\"");
    }

    proptest! {
        #[test]
        fn every_text_is_valid_json(text in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut out = Vec::new();
            write_string(&text, &mut out);
            let read: String = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(read, String::from_utf8_lossy(&text));
        }
    }
}
