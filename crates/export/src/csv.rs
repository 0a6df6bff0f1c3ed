//! Comma-separated values ("RFC 4180": CRLF line ends, quotes doubled).

use std::ops::ControlFlow;

use sysflow_field::{Arg, Value};
use sysflow_record::entity::Joined;

use crate::columns::{Column, Source};
use crate::json;
use crate::time::Clock;

/// Writes records as lines of a CSV file. Lists are JSON text.
#[derive(Debug)]
pub struct Encoder {
    columns: Vec<Column>,
    clock: Clock,
    cell: Vec<u8>,
}

impl Encoder {
    /// An encoder for these columns.
    pub fn new(columns: &[Column]) -> Self {
        Self {
            columns: columns.to_vec(),
            clock: Clock::default(),
            cell: Vec::new(),
        }
    }

    /// Appends the line of names.
    pub fn write_header(&self, out: &mut Vec<u8>) {
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            quote(column.name.as_bytes(), out);
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Appends a record as one line.
    pub fn write(&mut self, joined: &Joined<'_>, out: &mut Vec<u8>) {
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            self.cell.clear();
            write_cell(joined, column, &mut self.clock, &mut self.cell);
            quote(&self.cell, out);
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends the text of a column, which is empty where the record has no value.
pub(crate) fn write_cell(
    joined: &Joined<'_>,
    column: &Column,
    clock: &mut Clock,
    cell: &mut Vec<u8>,
) {
    match &column.source {
        Source::Field(id, arg) if column.list => joined.answer(*id, arg, |value| {
            cell.push(if cell.is_empty() { b'[' } else { b',' });
            json::write_value(value, cell);
            ControlFlow::Continue(())
        }),
        Source::Field(id, arg) => joined.answer(*id, arg, |value| {
            value.with_text(|text| cell.extend_from_slice(text));
            ControlFlow::Break(())
        }),
        Source::Json(id) => joined.answer(*id, &Arg::None, |value| {
            value.with_text(|text| cell.extend_from_slice(text));
            ControlFlow::Break(())
        }),
        Source::IsoTime(id) => joined.answer(*id, &Arg::None, |value| {
            if let Value::Int(ts) = value {
                clock.write(ts, cell);
            }
            ControlFlow::Break(())
        }),
        Source::Text(write_text) => write_text(joined, cell),
        Source::Constant(json) => cell.extend_from_slice(json.trim_matches('"').as_bytes()),
    }
    if column.list && !cell.is_empty() {
        cell.push(b']');
    }
}

/// Appends a cell, in quotes where it needs them. What is not UTF-8 becomes U+FFFD.
fn quote(cell: &[u8], out: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(cell);
    if !text.contains([',', '"', '\r', '\n']) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let cell = |text: &str| {
            let mut out = Vec::new();
            quote(text.as_bytes(), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            [cell("a b"), cell("a,b"), cell("a\"b")],
            ["a b", "\"a,b\"", "\"a\"\"b\""]
        );
    }
}
