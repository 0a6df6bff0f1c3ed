//! What was measured, for people and for machines.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::watch::Bar;
use crate::work::Kind;

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) bar: Bar,
    pub(crate) operations: u64,
    /// Processor time in user mode, and in the kernel.
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    pub(crate) wall: Duration,
    /// Of the machine, when it began.
    pub(crate) load: f64,
    /// Programs of others that looked at what was done, before or after.
    pub(crate) others: usize,
    /// What the watcher says.
    pub(crate) seen: Value,
}

impl Sample {
    /// Processor time of an operation, ns.
    fn time(&self) -> f64 {
        (self.user + self.system).as_nanos() as f64 / self.operations.max(1) as f64
    }

    /// Operations each second.
    fn rate(&self) -> f64 {
        self.operations as f64 / self.wall.as_secs_f64()
    }

    fn seen(&self, what: &str) -> f64 {
        self.seen
            .get(what)
            .and_then(Value::as_f64)
            .unwrap_or_default()
    }

    fn seen_per_operation(&self, what: &str) -> f64 {
        self.seen(what) / self.operations.max(1) as f64
    }

    fn json(&self) -> Value {
        json!({
            "bar": self.bar.name(),
            "operations": self.operations,
            "user_us": self.user.as_micros() as u64,
            "system_us": self.system.as_micros() as u64,
            "wall_us": self.wall.as_micros() as u64,
            "load": self.load,
            "other_programs": self.others,
            "watcher": self.seen,
        })
    }
}

/// All runs of a kind of work.
#[derive(Debug)]
pub(crate) struct Measured {
    kind: Kind,
    /// A sample for each bar, in the order of [`Bar::ALL`].
    pub(crate) rounds: Vec<Vec<Sample>>,
    /// The same, for all but the first, while the kernel measured how long programs run.
    pub(crate) timed: Vec<Sample>,
}

/// The value in the middle, and those at a quarter and three quarters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) middle: f64,
    high: f64,
}

impl Spread {
    fn scaled(self, by: f64, digits: usize) -> String {
        let Self { low, middle, high } = self;
        let (low, middle, high) = (by * low, by * middle, by * high);
        format!("{middle:.digits$} [{low:.digits$} {high:.digits$}]")
    }

    fn json(self) -> Value {
        json!([self.low, self.middle, self.high])
    }
}

fn spread(values: impl Iterator<Item = f64>) -> Spread {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let at = |part: f64| {
        let place = part * sorted.len().saturating_sub(1) as f64;
        let (below, above) = (place.floor() as usize, place.ceil() as usize);
        match (sorted.get(below), sorted.get(above)) {
            (Some(below), Some(above)) => below + (above - below) * place.fract(),
            _ => f64::NAN,
        }
    };
    Spread {
        low: at(0.25),
        middle: at(0.5),
        high: at(0.75),
    }
}

impl Measured {
    pub(crate) const fn new(kind: Kind) -> Self {
        Self {
            kind,
            rounds: Vec::new(),
            timed: Vec::new(),
        }
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    fn of(&self, bar: Bar, value: impl Fn(&Sample) -> f64) -> Spread {
        spread(
            self.rounds
                .iter()
                .map(|samples| value(&samples[bar.index()])),
        )
    }

    /// What is compared with the run of the same round with nothing attached.
    fn compared(&self, bar: Bar, value: impl Fn(&Sample, &Sample) -> f64) -> Spread {
        spread(self.rounds.iter().map(|samples| {
            let nothing = &samples[Bar::Nothing.index()];
            value(&samples[bar.index()], nothing)
        }))
    }

    /// What a bar costs over nothing attached, ns for each operation.
    pub(crate) fn cost(&self, bar: Bar) -> Spread {
        self.compared(bar, |one, nothing| one.time() - nothing.time())
    }

    /// The same as a part of the time with nothing attached.
    pub(crate) fn share(&self, bar: Bar) -> Spread {
        self.compared(bar, |one, nothing| one.time() / nothing.time() - 1.0)
    }

    /// Bytes that cross the rings for each operation.
    pub(crate) fn ring_bytes(&self, bar: Bar) -> Spread {
        self.of(bar, |one| one.seen_per_operation("bytes"))
    }

    fn sum(&self, bar: Bar, what: &str) -> f64 {
        let samples = self.rounds.iter().map(|samples| &samples[bar.index()]);
        samples.map(|sample| sample.seen(what)).sum()
    }

    fn bar_json(&self, bar: Bar) -> Value {
        json!({
            "bar": bar.name(),
            "ns": self.of(bar, Sample::time).json(),
            "cost_ns": self.cost(bar).json(),
            "cost_share": self.share(bar).json(),
            "operations_per_second": self.of(bar, Sample::rate).json(),
            "ring_bytes": self.ring_bytes(bar).json(),
            "events": self.of(bar, |one| one.seen_per_operation("events")).json(),
            "watcher_ns": self.of(bar, |one| 1000.0 * one.seen_per_operation("watcher_us")).json(),
            "resident_kib": self.of(bar, |one| one.seen("resident_kib")).json(),
            "resident_own_kib": self.of(bar, |one| one.seen("resident_own_kib")).json(),
            "lost": self.sum(bar, "lost"),
            "left_out": self.sum(bar, "left_out"),
            "alerts": self.sum(bar, "alerts"),
        })
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "work": self.kind.name(),
            "operation": self.kind.operation(),
            "bars": Bar::ALL.map(|bar| self.bar_json(bar)),
            "rounds": self.rounds.iter().flatten().map(Sample::json).collect::<Vec<_>>(),
            "timed": self.timed.iter().map(Sample::json).collect::<Vec<_>>(),
        })
    }

    /// A line of the table for each bar.
    fn write_bars(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "  {:<10} {:>15} {:>8} {:>22} {:>19} {:>7} {:>12} {:>10} {:>7} {:>10} {:>8} {:>5} {:>8}",
            "",
            format!("ns/{}", self.kind.operation()),
            "per s",
            "cost ns",
            "cost %",
            "x floor",
            "x every call",
            "x per call",
            "ring B",
            "watcher ns",
            "resident",
            "lost",
            "left out",
        )?;
        for bar in Bar::ALL {
            write!(
                out,
                "  {:<8} {:>15.0} {:>8.0}",
                bar.name(),
                self.of(bar, Sample::time).middle,
                self.of(bar, Sample::rate).middle,
            )?;
            if bar == Bar::Nothing {
                writeln!(out)?;
                continue;
            }
            let cost = self.cost(bar);
            let times = |other: Bar| format!("{:.2}", cost.middle / self.cost(other).middle);
            writeln!(
                out,
                " {:>22} {:>19} {:>7} {:>12} {:>10} {:>7.1} {:>10.0} {:>4.0} MiB {:>5} {:>8}",
                cost.scaled(1.0, 0),
                self.share(bar).scaled(100.0, 1),
                times(Bar::Floor),
                times(Bar::EveryCall),
                times(Bar::PerCall),
                self.ring_bytes(bar).middle,
                self.of(bar, |one| 1000.0 * one.seen_per_operation("watcher_us"))
                    .middle,
                self.of(bar, |one| one.seen("resident_kib")).middle / 1024.0,
                self.sum(bar, "lost"),
                self.sum(bar, "left_out"),
            )?;
        }
        Ok(())
    }

    /// How long each program ran in the kernel.
    fn write_programs(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Programs that run less often than once in so many operations are left out.
        const RARE: f64 = 1000.0;
        for sample in &self.timed {
            let operations = sample.operations.max(1) as f64;
            let programs = sample.seen.get("programs").and_then(Value::as_array);
            let mut programs: Vec<(&str, f64, f64)> = programs
                .into_iter()
                .flatten()
                .map(|program| {
                    let number =
                        |what: &str| program.get(what).and_then(Value::as_f64).unwrap_or(0.0);
                    let name = program.get("name").and_then(Value::as_str).unwrap_or("?");
                    (name, number("ns"), number("runs"))
                })
                .filter(|(.., runs)| runs * RARE >= operations)
                .collect();
            programs.sort_by(|(_, one, _), (_, other, _)| other.total_cmp(one));
            write!(out, "  {:<10} in the kernel:", sample.bar.name())?;
            for (name, time, runs) in programs {
                write!(
                    out,
                    " {name} {:.0} ns x {:.2};",
                    time / runs,
                    runs / operations
                )?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = || self.rounds.iter().flatten();
        let loads = spread(all().map(|sample| sample.load));
        let disturbed = all().filter(|sample| sample.others > 0).count();
        writeln!(
            out,
            "\n{}: medians of {} rounds, quartiles in brackets; load {}; programs of others in {disturbed} of {} runs",
            self.kind.name(),
            self.rounds.len(),
            loads.scaled(1.0, 1),
            all().count(),
        )?;
        self.write_bars(out)?;
        self.write_programs(out)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn round(micros: [u64; 6]) -> Vec<Sample> {
        let sample = |(bar, micros): (Bar, u64)| Sample {
            bar,
            operations: 1000,
            user: Duration::from_micros(micros / 2),
            system: Duration::from_micros(micros - micros / 2),
            wall: Duration::from_micros(2 * micros),
            load: 1.0,
            others: 0,
            seen: json!({"bytes": 40_000, "lost": 1}),
        };
        Bar::ALL.into_iter().zip(micros).map(sample).collect()
    }

    /// Three rounds with these times, in the second of which the machine is ten times slower, and twice in the third.
    pub(crate) fn measured(kind: Kind, micros: [u64; 6]) -> Measured {
        let mut measured = Measured::new(kind);
        for slow in [1, 10, 2] {
            measured
                .rounds
                .push(round(micros.map(|micros| micros * slow)));
        }
        measured
    }

    #[test]
    fn costs_are_compared_within_a_round() {
        let measured = measured(Kind::ReadWrite, [100, 110, 160, 150, 118, 120]);
        assert!((measured.share(Bar::Ours).middle - 0.2).abs() < 1e-9);
        assert!((measured.cost(Bar::Ours).middle - 40.0).abs() < 1e-9);
        assert!((measured.cost(Bar::PerCall).low - 75.0).abs() < 1e-9);
        let json = measured.json();
        assert_eq!(json["bars"][4]["ring_bytes"][1], 40.0);
        assert_eq!(json["bars"][1]["lost"], 3.0);
        assert_eq!(json["rounds"].as_array().unwrap().len(), 18);
        assert!(measured.to_string().contains("ours"));
    }

    #[test]
    fn spreads_are_quartiles() {
        let of = |values: &[f64]| spread(values.iter().copied());
        let five = of(&[5.0, 1.0, 4.0, 2.0, 3.0]);
        assert_eq!(five.json(), json!([2.0, 3.0, 4.0]));
        assert!((of(&[1.0, 2.0]).middle - 1.5).abs() < 1e-9);
        assert!(of(&[]).middle.is_nan());
    }
}
