//! What live capture is meant to cost at most, and whether it does.

use std::fmt;

use serde_json::{Value, json};

use crate::report::Measured;
use crate::watch::Bar;
use crate::work::Kind;

/// How many times what programs cost that do nothing, on servers.
const MOST_FLOORS: f64 = 1.3;
/// Which part of what a record for every call costs.
const MOST_EVERY_CALL: f64 = 0.5;
/// Which part of the processor time with nothing attached.
const MOST_SHARE: f64 = 0.05;
/// Bytes that cross the rings for each operation.
const MOST_BYTES: f64 = 40.0;

/// A target and what was measured.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    work: &'static str,
    what: &'static str,
    most: f64,
    /// Nothing where what it is compared with is no cost that can be told from noise.
    is: Option<f64>,
}

impl Verdict {
    fn is_met(&self) -> Option<bool> {
        self.is.map(|is| is <= self.most)
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "work": self.work,
            "what": self.what,
            "most": self.most,
            "is": self.is,
            "met": self.is_met(),
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            work,
            what,
            most,
            is,
        } = self;
        let word = match self.is_met() {
            Some(true) => "met",
            Some(false) => "missed",
            None => "cannot be told: too much noise",
        };
        let is = is.map_or_else(String::new, |is| format!("{is:.2}"));
        write!(out, "{work:<11} {what:<34} {is:>8} of {most:>5.2}  {word}")
    }
}

/// Compares what was measured of a kind of work with what it is meant to be.
pub(crate) fn judge(measured: &Measured) -> Vec<Verdict> {
    let kind = measured.kind();
    let ours = measured.cost(Bar::Ours).middle;
    let compared = |bar| {
        let cost = measured.cost(bar);
        (cost.low > 0.0).then(|| ours / cost.middle)
    };
    let mut verdicts = Vec::new();
    let mut judge = |what, is, most| {
        verdicts.push(Verdict {
            work: kind.name(),
            what,
            most,
            is,
        });
    };
    if matches!(kind, Kind::Redis | Kind::Nginx) {
        judge(
            "cost, in those of the floor",
            compared(Bar::Floor),
            MOST_FLOORS,
        );
    }
    judge(
        "cost, in those of every call told",
        compared(Bar::EveryCall),
        MOST_EVERY_CALL,
    );
    if matches!(kind, Kind::Redis | Kind::Nginx | Kind::Compile) {
        judge(
            "cost, in times with nothing",
            Some(measured.share(Bar::Ours).middle),
            MOST_SHARE,
        );
    }
    if matches!(kind, Kind::Redis | Kind::Nginx | Kind::ReadWrite) {
        judge(
            "bytes in the rings an operation",
            Some(measured.ring_bytes(Bar::Ours).middle),
            MOST_BYTES,
        );
    }
    verdicts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::report::tests::measured;

    #[test]
    fn what_costs_too_much_misses_its_target() {
        let verdicts = judge(&measured(Kind::Redis, [100, 110, 150, 130, 112, 114]));
        let met: Vec<bool> = verdicts.iter().filter_map(Verdict::is_met).collect();
        // 1.4 floors, 0.28 of every call told, 14 %, 40 bytes.
        assert_eq!(met, [false, true, false, true]);
        assert!((verdicts[0].is.unwrap() - 1.4).abs() < 1e-9);
        let noise = judge(&measured(Kind::Redis, [100, 90, 150, 130, 112, 114]));
        assert_eq!(noise[0].is_met(), None);
        assert_eq!(
            judge(&measured(Kind::Execute, [100, 110, 150, 130, 112, 126])).len(),
            1
        );
    }
}
