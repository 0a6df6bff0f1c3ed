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
struct Spread {
    low: f64,
    middle: f64,
    high: f64,
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

    fn of(&self, bar: usize, value: impl Fn(&Sample) -> f64) -> Spread {
        spread(self.rounds.iter().map(|samples| value(&samples[bar])))
    }

    /// What a bar costs over nothing attached, ns for each operation.
    fn cost(&self, bar: usize) -> Spread {
        spread(
            self.rounds
                .iter()
                .map(|samples| samples[bar].time() - samples[0].time()),
        )
    }

    /// The same as a part of the time with nothing attached.
    fn share(&self, bar: usize) -> Spread {
        spread(
            self.rounds
                .iter()
                .map(|samples| samples[bar].time() / samples[0].time() - 1.0),
        )
    }

    fn lost(&self, bar: usize) -> f64 {
        self.rounds
            .iter()
            .map(|samples| samples[bar].seen("lost"))
            .sum()
    }

    pub(crate) fn json(&self) -> Value {
        let bars: Vec<Value> = Bar::ALL
            .iter()
            .enumerate()
            .map(|(bar, name)| {
                let (time, cost, share) = (
                    self.of(bar, Sample::time),
                    self.cost(bar),
                    self.share(bar),
                );
                json!({
                    "bar": name.name(),
                    "ns": [time.low, time.middle, time.high],
                    "cost_ns": [cost.low, cost.middle, cost.high],
                    "cost_share": [share.low, share.middle, share.high],
                    "operations_per_second": self.of(bar, Sample::rate).middle,
                    "ring_bytes": self.of(bar, |one| one.seen_per_operation("bytes")).middle,
                    "events": self.of(bar, |one| one.seen_per_operation("events")).middle,
                    "watcher_ns": 1000.0 * self.of(bar, |one| one.seen_per_operation("watcher_us")).middle,
                    "lost": self.lost(bar),
                })
            })
            .collect();
        json!({
            "work": self.kind.name(),
            "operation": self.kind.operation(),
            "bars": bars,
            "rounds": self.rounds.iter().flatten().map(Sample::json).collect::<Vec<_>>(),
            "timed": self.timed.iter().map(Sample::json).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let loads = spread(self.rounds.iter().flatten().map(|sample| sample.load));
        writeln!(
            out,
            "\n{}: medians of {} rounds, quartiles in brackets; load {:.1} [{:.1} {:.1}]",
            self.kind.name(),
            self.rounds.len(),
            loads.middle,
            loads.low,
            loads.high
        )?;
        writeln!(
            out,
            "  {:<8} {:>12} {:>9} {:>30} {:>25} {:>9} {:>7} {:>11} {:>6}",
            "",
            format!("ns/{}", self.kind.operation()),
            "per s",
            "cost ns",
            "cost %",
            "x floor",
            "ring B",
            "watcher ns",
            "lost",
        )?;
        for (bar, name) in Bar::ALL.iter().enumerate() {
            let (cost, share) = (self.cost(bar), self.share(bar));
            let is_more = bar > 1;
            writeln!(
                out,
                "  {:<8} {:>12.0} {:>9.0} {:>30} {:>25} {:>9} {:>7.1} {:>11.0} {:>6}",
                name.name(),
                self.of(bar, Sample::time).middle,
                self.of(bar, Sample::rate).middle,
                if bar == 0 {
                    String::new()
                } else {
                    format!("{:.0} [{:.0} {:.0}]", cost.middle, cost.low, cost.high)
                },
                if bar == 0 {
                    String::new()
                } else {
                    format!(
                        "{:.1} [{:.1} {:.1}]",
                        100.0 * share.middle,
                        100.0 * share.low,
                        100.0 * share.high
                    )
                },
                if is_more {
                    format!("{:.2}", cost.middle / self.cost(1).middle)
                } else {
                    String::new()
                },
                self.of(bar, |one| one.seen_per_operation("bytes")).middle,
                1000.0
                    * self
                        .of(bar, |one| one.seen_per_operation("watcher_us"))
                        .middle,
                self.lost(bar),
            )?;
        }
        for sample in &self.timed {
            write!(out, "  {:<8} in the kernel:", sample.bar.name())?;
            let programs = sample.seen.get("programs").and_then(Value::as_array);
            for program in programs.into_iter().flatten() {
                let number = |what: &str| program.get(what).and_then(Value::as_f64).unwrap_or(0.0);
                write!(
                    out,
                    " {} {:.0} ns x {:.2}",
                    program.get("name").and_then(Value::as_str).unwrap_or("?"),
                    number("ns") / number("runs").max(1.0),
                    number("runs") / sample.operations.max(1) as f64,
                )?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sample(bar: Bar, micros: u64) -> Sample {
        Sample {
            bar,
            operations: 1000,
            user: Duration::from_micros(micros / 2),
            system: Duration::from_micros(micros - micros / 2),
            wall: Duration::from_micros(2 * micros),
            load: 1.0,
            seen: json!({"bytes": 40_000, "lost": 1}),
        }
    }

    #[test]
    fn costs_are_compared_within_a_round() {
        let mut measured = Measured::new(Kind::ReadWrite);
        // The machine is ten times slower in the second round, and somewhat in the third.
        for slow in [1, 10, 2] {
            measured.rounds.push(
                [
                    (Bar::Nothing, 100),
                    (Bar::Floor, 110),
                    (Bar::PerCall, 150),
                    (Bar::Ours, 120),
                ]
                .map(|(bar, micros)| sample(bar, micros * slow))
                .to_vec(),
            );
        }
        assert!((measured.share(3).middle - 0.2).abs() < 1e-9);
        assert!((measured.cost(3).middle - 40.0).abs() < 1e-9);
        assert!((measured.cost(2).low - 75.0).abs() < 1e-9);
        let json = measured.json();
        assert_eq!(json["bars"][3]["ring_bytes"], 40.0);
        assert_eq!(json["bars"][1]["lost"], 3.0);
        assert_eq!(json["rounds"].as_array().unwrap().len(), 12);
        assert!(measured.to_string().contains("ours"));
    }

    #[test]
    fn spreads_are_quartiles() {
        let of = |values: &[f64]| spread(values.iter().copied());
        let five = of(&[5.0, 1.0, 4.0, 2.0, 3.0]);
        assert_eq!([five.low, five.middle, five.high], [2.0, 3.0, 4.0]);
        assert!((of(&[1.0, 2.0]).middle - 1.5).abs() < 1e-9);
        assert!(of(&[]).middle.is_nan());
    }
}
