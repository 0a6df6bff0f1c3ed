//! A bar for people who wait.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that is done before anybody could look at a bar needs none: bytes.
const WORTH_A_BAR: u64 = 4 << 20;

/// A bar on standard error, if that is a terminal.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar for `total` bytes; hidden when the work is short, its length unknown or nobody looks.
    pub fn new(total: Option<u64>, wanted: bool) -> Self {
        let total = total.filter(|total| wanted && *total >= WORTH_A_BAR && stderr().is_terminal());
        let Some(total) = total else {
            return Self {
                bar: ProgressBar::hidden(),
            };
        };
        let template = "{bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left {msg}";
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(8));
        bar.set_style(style);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    /// Tells how many bytes have been used.
    pub fn set(&self, bytes: u64) {
        self.bar.set_position(bytes);
    }

    /// Writes to the terminal without the bar in between.
    pub fn suspend<R>(&self, write: impl FnOnce() -> R) -> R {
        self.bar.suspend(write)
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
