//! What the commands share that watch this machine.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use sysflow_export::sentence::grouped;
use sysflow_pipeline::live::{Error, ProbeOptions, Pulse, Statistics};
use sysflow_pipeline::tally::Tally;

use crate::arguments::{ColourChoice, duration};
use crate::output;

/// How this machine is watched.
#[derive(Debug, Args)]
#[command(next_help_heading = "Live capture")]
pub struct Watching {
    /// Stop after this time, such as 30s, 5m or 1h; unless given, at Ctrl-C
    #[arg(long, value_parser = duration, value_name = "SPAN")]
    pub duration: Option<Duration>,

    /// How often the counts of open files and connections are told
    #[arg(long, value_parser = duration, default_value = "5s", value_name = "SPAN")]
    flow_interval: Duration,

    /// Operations that a process may do each second before most of them are only counted
    #[arg(long, default_value_t = ProbeOptions::default().rate, value_name = "NUMBER")]
    rate: u32,
}

impl Watching {
    /// What is done in the kernel.
    pub fn probe(&self) -> ProbeOptions {
        ProbeOptions {
            flow_interval: self.flow_interval,
            rate: self.rate,
            burst: self.rate.saturating_mul(5),
            ..ProbeOptions::default()
        }
    }
}

/// An error with what to do instead.
pub fn cannot_watch(error: &Error) -> anyhow::Error {
    anyhow::anyhow!(
        "cannot watch this machine: {error}.\n       `sysflow doctor` tells what is missing; \
         recordings and captures can be judged without: `sysflow run --source FILE`"
    )
}

/// Ticks of the clock in which the system counts the time of processes (`sysconf(_SC_CLK_TCK)` on Linux).
const TICKS: f64 = 100.0;

/// What this process has used so far: CPU time and resident memory in bytes.
fn usage() -> (Duration, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields are counted behind the name, which may hold blanks.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let number = |index: usize| {
        let field = fields.get(index).and_then(|field| field.parse().ok());
        field.unwrap_or(0_u64)
    };
    let time = Duration::from_secs_f64((number(11) + number(12)) as f64 / TICKS);
    (time, number(21) * 4096)
}

/// The most memory that this process ever had, in bytes: at the end the rings are given back already.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap_or_default();
    let kibibytes = line.trim().trim_end_matches(" kB").parse().unwrap_or(0_u64);
    kibibytes << 10
}

/// A line at the bottom of the terminal that tells what goes on.
pub struct Status {
    bar: ProgressBar,
    since: Instant,
    told: Instant,
    events: u64,
    cpu: Duration,
}

impl Status {
    /// A line, if standard error is a terminal and it is wanted.
    pub fn new(wanted: bool) -> Self {
        let bar = if wanted && stderr().is_terminal() {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{spinner} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar
        } else {
            ProgressBar::hidden()
        };
        let now = Instant::now();
        Self {
            bar,
            since: now,
            told: now,
            events: 0,
            cpu: usage().0,
        }
    }

    /// Tells what has happened since the last time, once a second.
    pub fn pulse(&mut self, pulse: &Pulse<'_>, more: &str) {
        // Not by a thread of its own, which would keep the rights that this one gives up.
        self.bar.tick();
        let passed = self.told.elapsed().as_secs_f64();
        if self.bar.is_hidden() || passed < 1.0 {
            return;
        }
        let lost = pulse.probe.statistics().map_or(0, |all| all.lost());
        let (cpu, memory) = usage();
        let events = pulse.tally.system_calls;
        let rate = (events - self.events) as f64 / passed;
        let share = (cpu.saturating_sub(self.cpu)).as_secs_f64() / passed * 100.0;
        self.bar.set_message(format!(
            "{} events/s, {} records, {lost} lost{more}; {share:.1} % CPU, {} MiB; Ctrl-C ends",
            grouped(rate as u64),
            grouped(pulse.tally.total()),
            memory >> 20,
        ));
        (self.told, self.events, self.cpu) = (Instant::now(), events, cpu);
    }

    /// The line, for who writes to the terminal.
    pub fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    /// Writes to the terminal without the line in between.
    pub fn suspend<R>(&self, write: impl FnOnce() -> R) -> R {
        self.bar.suspend(write)
    }

    /// Takes the line away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// What the watching cost, and what was lost, as lines of a summary.
    pub fn describe(&self, tally: &Tally, statistics: &Statistics) -> Vec<String> {
        let seconds = self.since.elapsed().as_secs_f64().max(1e-9);
        let (cpu, _) = usage();
        let events = tally.system_calls;
        let mut lines = vec![format!(
            "watched for {seconds:.1} s: {} events ({}/s) became {} records; {:.1} % of a CPU, {} MiB at most",
            grouped(events),
            grouped((events as f64 / seconds) as u64),
            grouped(tally.total()),
            cpu.as_secs_f64() / seconds * 100.0,
            most_memory() >> 20,
        )];
        let lost = statistics.lost();
        if lost > 0 {
            let kinds = statistics
                .losses
                .iter()
                .map(|loss| format!("{} {:?} {}", loss.count, loss.lane, loss.kind).to_lowercase());
            let kinds: Vec<String> = kinds.collect();
            lines.push(format!(
                "{} events were lost: {}",
                grouped(lost),
                kinds.join(", ")
            ));
        } else {
            lines.push("no event was lost".to_owned());
        }
        let others = [
            (
                statistics.suppressed,
                "operations were only counted, since their processes did too many (--rate)",
            ),
            (
                statistics.foreign,
                "system calls of 32-bit programs were not seen",
            ),
            (
                statistics.malformed,
                "records of the kernel could not be read",
            ),
        ];
        for (count, what) in others.into_iter().filter(|(count, _)| *count > 0) {
            lines.push(format!("{} {what}", grouped(count)));
        }
        lines
    }
}

/// Tells what the kernel does not offer.
pub fn tell_missing(missing: &[&str], colour: ColourChoice) {
    if !missing.is_empty() {
        let places = missing.join(", ");
        let message = format!("this kernel lacks {places}; `sysflow doctor` tells what is missed");
        output::warning(&message, colour);
    }
}
