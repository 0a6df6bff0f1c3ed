//! Columns that fit a terminal.

use sysflow_record::entity::Joined;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::columns::{Column, Source};
use crate::csv::write_cell;
use crate::time::Clock;

/// So many rows are looked at before widths are fixed.
const SAMPLE: usize = 512;
/// No column is made narrower than this.
const NARROWEST: usize = 4;
/// Between columns.
const GAP: &str = "  ";

/// Writes records as rows of a table. The widths of the columns come from the first rows; then rows are
/// written as they come.
#[derive(Debug)]
pub struct Encoder {
    columns: Vec<Column>,
    width: Option<usize>,
    colour: bool,
    clock: Clock,
    waiting: Vec<Vec<String>>,
    widths: Option<Vec<usize>>,
}

impl Encoder {
    /// An encoder for a terminal of `width` columns; without one, cells are never cut.
    pub fn new(columns: &[Column], width: Option<usize>, colour: bool) -> Self {
        Self {
            columns: columns.to_vec(),
            width,
            colour,
            clock: Clock::default(),
            waiting: Vec::new(),
            widths: None,
        }
    }

    /// Takes a record; appends what can be written.
    pub fn write(&mut self, joined: &Joined<'_>, out: &mut Vec<u8>) {
        let mut cells = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let mut cell = Vec::new();
            if let (Source::IsoTime(id), "time") = (&column.source, column.name.as_str()) {
                // In a table the day is the same on most rows: the time of day is what differs.
                let ts = sysflow_field::first(joined, *id, &sysflow_field::Arg::None, |value| {
                    value.and_then(|value| value.as_int())
                });
                self.clock.write_of_day(ts.unwrap_or(0), &mut cell);
            } else {
                write_cell(joined, column, &mut self.clock, &mut cell);
            }
            cells.push(printable(&cell));
        }
        if let Some(widths) = &self.widths {
            return self.write_row(&cells, widths, out);
        }
        self.waiting.push(cells);
        if self.waiting.len() >= SAMPLE {
            self.finish(out);
        }
    }

    /// Appends the rows that were kept to find the widths.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if self.widths.is_some() || self.waiting.is_empty() {
            return;
        }
        let widths = self.fit();
        let titles: Vec<String> = self
            .columns
            .iter()
            .map(|column| column.title.clone())
            .collect();
        if self.colour {
            out.extend_from_slice(b"\x1b[1m");
        }
        self.write_row(&titles, &widths, out);
        if self.colour {
            out.extend_from_slice(b"\x1b[0m");
        }
        for row in std::mem::take(&mut self.waiting) {
            self.write_row(&row, &widths, out);
        }
        self.widths = Some(widths);
    }

    /// The width of each column: what its cells need, the widest cut down until all fit.
    fn fit(&self) -> Vec<usize> {
        let needed = |index: usize| {
            let cells = self.waiting.iter().map(|row| row[index].width());
            cells
                .chain([self.columns[index].title.width()])
                .max()
                .unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..self.columns.len()).map(needed).collect();
        let Some(available) = self.width else {
            return widths;
        };
        let available = available.saturating_sub(GAP.len() * widths.len().saturating_sub(1));
        while widths.iter().sum::<usize>() > available {
            let Some(widest) = widths.iter_mut().max() else {
                break;
            };
            if *widest <= NARROWEST {
                break;
            }
            *widest -= 1;
        }
        widths
    }

    fn write_row(&self, cells: &[String], widths: &[usize], out: &mut Vec<u8>) {
        let last = cells.len().saturating_sub(1);
        for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
            if index > 0 {
                out.extend_from_slice(GAP.as_bytes());
            }
            let right = self.columns[index].ty.is_integer();
            let shown = if self.width.is_some() {
                shorten(cell, *width)
            } else {
                cell.clone()
            };
            let padding = width.saturating_sub(shown.width());
            let pad = |out: &mut Vec<u8>| out.extend(std::iter::repeat_n(b' ', padding));
            if right {
                pad(out);
            }
            out.extend_from_slice(shown.as_bytes());
            if !right && index < last {
                pad(out);
            }
        }
        out.push(b'\n');
    }
}

/// Text that cannot move the cursor or change colours.
pub fn printable(text: &[u8]) -> String {
    String::from_utf8_lossy(text)
        .chars()
        .map(|char| if char.is_control() { '\u{fffd}' } else { char })
        .collect()
}

/// Text of at most `width` columns. The end of a path or a command says more than its beginning, and a
/// sentence's beginning more than its end: paths lose their beginning, the rest its end.
fn shorten(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let from_end = text.starts_with('/');
    let mut room = width.saturating_sub(1);
    let mut fits = |char: &char| {
        let char_width = char.width().unwrap_or(0);
        let fits = char_width <= room;
        room = room.saturating_sub(char_width);
        fits
    };
    if from_end {
        let kept: Vec<char> = text.chars().rev().take_while(&mut fits).collect();
        return std::iter::once('…').chain(kept.into_iter().rev()).collect();
    }
    text.chars().take_while(&mut fits).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_where_it_says_least() {
        assert_eq!(shorten("/usr/lib/python2.7/x.py", 10), "…n2.7/x.py");
        assert_eq!(shorten("node wrote to a file", 10), "node wrot…");
        assert_eq!(shorten("short", 10), "short");
    }

    #[test]
    fn control_characters_cannot_reach_the_terminal() {
        assert_eq!(printable(b"a\x1b[31mb\n"), "a\u{fffd}[31mb\u{fffd}");
    }
}
