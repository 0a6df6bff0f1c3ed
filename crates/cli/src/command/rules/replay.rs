//! Replaying a source for rules, and telling what came out.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use sysflow_export::table::printable;
use sysflow_export::time::Clock;
use sysflow_pipeline::inputs::Input;
use sysflow_pipeline::policies::Rules;
use sysflow_pipeline::progress::Progress;
use sysflow_pipeline::stream;

use crate::arguments::{Capturing, ColourChoice, Reading};
use crate::output;

/// What is replayed.
#[derive(Debug, Args)]
pub struct Replay {
    /// Recordings or captures: files, directories, or - for standard input
    #[arg(short, long, required = true, num_args = 1.., value_name = "FILE")]
    source: Vec<PathBuf>,

    /// Go on behind damaged parts of a recording
    #[arg(long)]
    salvage: bool,

    /// No progress bar
    #[arg(long)]
    no_progress: bool,

    #[command(flatten)]
    capturing: Capturing,
}

impl Replay {
    fn reading(&self) -> Reading {
        Reading {
            filter: None,
            salvage: self.salvage,
            no_progress: self.no_progress,
        }
    }

    /// The recordings, and a bar for reading them.
    pub fn open(&self) -> anyhow::Result<(Vec<Input>, Progress)> {
        self.reading().open(&self.source)
    }

    /// How to read them.
    pub fn options(&self) -> stream::Options {
        self.reading().options(false, &self.capturing)
    }

    /// Whether bars are wanted.
    pub const fn has_progress(&self) -> bool {
        !self.no_progress
    }
}

/// Paints text, where that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Paint(pub bool);

impl Paint {
    /// The text in a colour, or as it is.
    pub fn text(self, text: &str, code: &str) -> String {
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Text of the source or of rules that cannot move the cursor.
pub fn plain(text: &str) -> String {
    printable(text.as_bytes())
}

/// A time, ns since the epoch, as date and time of day.
pub fn time(ts: i64) -> String {
    let mut text = Vec::new();
    Clock::default().write(ts, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// A span of ns in its handiest unit.
pub fn span(nanoseconds: f64) -> String {
    match nanoseconds {
        ns if ns < 9_999.5 => format!("{ns:.0} ns"),
        ns if ns < 9_999_500.0 => format!("{:.0} µs", ns / 1e3),
        ns if ns < 9_999_500_000.0 => format!("{:.0} ms", ns / 1e6),
        ns => format!("{:.0} s", ns / 1e9),
    }
}

/// `1 alert`, `2 alerts`.
pub fn count(number: u64, word: &str) -> String {
    let mut text = sysflow_export::sentence::grouped(number);
    let _ = write!(text, " {word}{}", if number == 1 { "" } else { "s" });
    text
}

/// Tells what was wrong with the source; whether anything was.
pub fn tell_faults(faults: &[String], colour: ColourChoice) -> bool {
    for fault in faults {
        output::error(fault, colour);
    }
    !faults.is_empty()
}

/// Warns of rules that are left out of what is told.
pub fn tell_left_out(rules: &Rules, which: &str, colour: ColourChoice) {
    let left_out = rules.left_out.len();
    if left_out > 0 {
        let message = format!(
            "{left_out} of {} {which}rules cannot run on this source; `sysflow rules list --source` tells why",
            rules.count
        );
        output::warning(&message, colour);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_counts_are_told_in_few_letters() {
        assert_eq!(span(0.4), "0 ns");
        assert_eq!(span(9_999.0), "9999 ns");
        assert_eq!(span(9_999.9), "10 µs");
        assert_eq!(span(1.5e9), "1500 ms");
        assert_eq!(span(2.0e10), "20 s");
        assert_eq!(count(1, "alert"), "1 alert");
        assert_eq!(
            count(2000, "alert"),
            format!("{} alerts", sysflow_export::sentence::grouped(2000))
        );
    }
}
