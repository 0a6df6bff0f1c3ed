//! From the kernel's clock, which begins with the machine, to time since the epoch.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// How far the clocks may drift apart before the difference is measured anew, ns. Less is the noise of measuring.
const DRIFT: u64 = 1_000_000;

/// Nanoseconds since the machine was started, not counting leap seconds, but time asleep.
pub(crate) fn since_boot() -> u64 {
    nanoseconds(clock_gettime(ClockId::Boottime))
}

fn nanoseconds(time: Timespec) -> u64 {
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The difference between the clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    offset: u64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { offset: measure() }
    }

    /// Follows the clock of the machine where that was set, or is being slowed or hurried.
    pub(crate) fn adjust(&mut self) {
        let now = measure();
        if now.abs_diff(self.offset) > DRIFT {
            self.offset = now;
        }
    }

    /// A time since boot as one since the epoch; 0 stays 0.
    #[inline]
    pub(crate) const fn epoch(self, since_boot: u64) -> u64 {
        if since_boot == 0 {
            0
        } else {
            since_boot + self.offset
        }
    }
}

/// The real time is read between two readings of the other clock; the closest of a few pairs counts.
fn measure() -> u64 {
    let mut best = (u64::MAX, 0);
    for _ in 0..5 {
        let before = since_boot();
        let real = nanoseconds(clock_gettime(ClockId::Realtime));
        let after = since_boot();
        let span = after - before;
        if span < best.0 {
            best = (span, real - (before + span / 2));
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn now_is_now() {
        let clock = Clock::new();
        let real = nanoseconds(clock_gettime(ClockId::Realtime));
        assert!(clock.epoch(since_boot()).abs_diff(real) < 1_000_000_000);
        assert_eq!(clock.epoch(0), 0);
    }
}
