//! One JSON object a line.

use std::ops::{ControlFlow, Range};

use sysflow_field::Value;
use sysflow_record::Kind;
use sysflow_record::catalogue::CATALOGUE;
use sysflow_record::entity::Joined;

use crate::columns::{Absent, Column, Scope, Source};
use crate::time::Clock;

/// Appends `text` as a JSON string. What is not UTF-8 becomes U+FFFD.
pub fn write_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    if is_all_plain(text) {
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

/// Whether every byte stands for itself. Looking at all of them at once is faster than stopping early.
fn is_all_plain(text: &[u8]) -> bool {
    text.iter()
        .fold(true, |plain, byte| plain & is_plain(*byte))
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

/// Appends a value: numbers and booleans as they are, everything else as a string.
pub fn write_value(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) => write_string(text, out),
        Value::Int(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        Value::Fraction(number) if !number.0.is_finite() => out.extend_from_slice(b"null"),
        Value::Fraction(_) => value.with_text(|text| out.extend_from_slice(text)),
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
///
/// Most of a record is the same as in the one before: what a kind of record cannot have is written as one
/// piece, and what depends on entities alone is kept for as long as they are the same.
#[derive(Debug)]
pub struct Encoder {
    /// What to write, with the text that stands before each value.
    steps: Vec<(Vec<u8>, Column)>,
    end: Vec<u8>,
    clock: Clock,
    /// How to write each kind of record, made when the first one comes.
    plans: Vec<Option<Vec<Part>>>,
    kept: Vec<Kept>,
    scratch: Vec<u8>,
}

/// A piece of a record's text.
#[derive(Debug)]
enum Part {
    /// The same for all records of the kind.
    Literal(Vec<u8>),
    /// Steps that depend on entities alone; the number of such pieces before it.
    Entities(Range<usize>, usize),
    /// One step.
    Step(usize),
}

/// The text of all pieces that depend on entities, for one set of entities and kind of record.
#[derive(Clone, Debug, Default)]
struct Kept {
    key: Option<([u64; 5], Kind)>,
    text: Vec<u8>,
    ends: Vec<usize>,
}

/// So many sets of entities are kept at a time.
const MOST_KEPT: usize = 1024;

impl Encoder {
    /// An encoder for these columns.
    pub fn new(columns: &[Column], layout: Layout) -> Self {
        match layout {
            Layout::Flat => Self::flat(columns),
            Layout::Nested => Self::nested(columns),
        }
    }

    fn with_steps(steps: Vec<(Vec<u8>, Column)>, end: Vec<u8>) -> Self {
        Self {
            steps,
            end,
            clock: Clock::default(),
            plans: Kind::ALL.map(|_| None).into(),
            kept: vec![Kept::default(); MOST_KEPT],
            scratch: Vec::new(),
        }
    }

    fn flat(columns: &[Column]) -> Self {
        let mut steps = Vec::with_capacity(columns.len());
        for (index, column) in columns.iter().enumerate() {
            let before: &[u8] = if index == 0 { b"{" } else { b"," };
            steps.push((with_key(before, &column.name), column.clone()));
        }
        let end: &[u8] = if columns.is_empty() { b"{}" } else { b"}" };
        Self::with_steps(steps, end.to_vec())
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
        Self::with_steps(steps, end)
    }

    /// Appends a record as one line.
    pub fn write(&mut self, joined: &Joined<'_>, out: &mut Vec<u8>) {
        let kind = joined.record.kind();
        let plan = self.plans[kind as usize]
            .take()
            .unwrap_or_else(|| self.plan(kind));
        let kept = self.keep(joined, kind, &plan);
        for part in &plan {
            match part {
                Part::Literal(text) => out.extend_from_slice(text),
                Part::Entities(_, number) => out.extend_from_slice(self.kept[kept].piece(*number)),
                Part::Step(index) => {
                    let (before, column) = &self.steps[*index];
                    out.extend_from_slice(before);
                    write_column(joined, column, &mut self.clock, &mut self.scratch, out);
                }
            }
        }
        self.plans[kind as usize] = Some(plan);
        out.extend_from_slice(&self.end);
        out.push(b'\n');
    }

    /// How to write records of a kind.
    fn plan(&self, kind: Kind) -> Vec<Part> {
        let mut plan: Vec<Part> = Vec::new();
        let mut pieces = 0;
        for (index, (before, column)) in self.steps.iter().enumerate() {
            if let Some(value) = literal(column, kind) {
                if let Some(Part::Literal(text)) = plan.last_mut() {
                    text.extend_from_slice(before);
                    text.extend_from_slice(&value);
                } else {
                    plan.push(Part::Literal([&before[..], &value].concat()));
                }
            } else if column.scope == Scope::Record {
                plan.push(Part::Step(index));
            } else if let Some(Part::Entities(steps, _)) = plan.last_mut() {
                steps.end = index + 1;
            } else {
                plan.push(Part::Entities(index..index + 1, pieces));
                pieces += 1;
            }
        }
        plan
    }

    /// Makes sure that the text for the entities of a record is kept; returns where.
    fn keep(&mut self, joined: &Joined<'_>, kind: Kind, plan: &[Part]) -> usize {
        let stamps = joined.stamps();
        let slot = (stamps[1] as usize * Kind::ALL.len() + kind as usize) % MOST_KEPT;
        let key = Some((stamps, kind));
        if self.kept[slot].key == key {
            return slot;
        }
        let mut kept = std::mem::take(&mut self.kept[slot]);
        kept.key = key;
        kept.text.clear();
        kept.ends.clear();
        for part in plan {
            if let Part::Entities(steps, _) = part {
                for (before, column) in &self.steps[steps.clone()] {
                    kept.text.extend_from_slice(before);
                    write_column(
                        joined,
                        column,
                        &mut self.clock,
                        &mut self.scratch,
                        &mut kept.text,
                    );
                }
                kept.ends.push(kept.text.len());
            }
        }
        self.kept[slot] = kept;
        slot
    }
}

impl Kept {
    fn piece(&self, number: usize) -> &[u8] {
        let start = number
            .checked_sub(1)
            .map_or(0, |previous| self.ends[previous]);
        &self.text[start..self.ends[number]]
    }
}

/// The value of a column that is the same for all records of a kind.
fn literal(column: &Column, kind: Kind) -> Option<Vec<u8>> {
    let id = match &column.source {
        Source::Constant(text) => return Some(text.as_bytes().to_vec()),
        Source::Text(_) => return None,
        Source::Field(id, _) | Source::Json(id) | Source::IsoTime(id) => *id,
    };
    if CATALOGUE.field(id).kinds.contains(kind as u32) {
        return None;
    }
    let mut text = Vec::new();
    write_absent(column.absent, &mut text);
    Some(text)
}

fn with_key(before: &[u8], key: &str) -> Vec<u8> {
    let mut text = before.to_vec();
    write_string(key.as_bytes(), &mut text);
    text.push(b':');
    text
}

fn write_column(
    joined: &Joined<'_>,
    column: &Column,
    clock: &mut Clock,
    scratch: &mut Vec<u8>,
    out: &mut Vec<u8>,
) {
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
        Source::Field(id, arg) => {
            let any = write_values(true, out, |visit| joined.answer(*id, arg, visit));
            if !any {
                write_absent(column.absent, out);
            }
        }
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
            scratch.clear();
            write_text(joined, scratch);
            write_string(scratch, out);
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

/// Appends the values that `visit_all` hands over: one as itself, any number of a list as an array. Returns
/// whether there was one; without any, nothing is appended.
pub fn write_values(
    list: bool,
    out: &mut Vec<u8>,
    visit_all: impl FnOnce(&mut dyn FnMut(Value<'_>) -> ControlFlow<()>),
) -> bool {
    let mut any = false;
    visit_all(&mut |value| {
        if list {
            out.push(if any { b',' } else { b'[' });
        }
        any = true;
        write_value(value, out);
        if list {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    if list && any {
        out.push(b']');
    }
    any
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
