//! What a stream held.

use sysflow_record::entity::Statistics;
use sysflow_record::{Kind, Record};

/// What a stream held.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Records by kind.
    pub records: [u64; Kind::ALL.len()],
    /// Start of the first event or flow, ns since the epoch.
    pub first_ts: Option<i64>,
    /// End of the last event or flow, ns since the epoch.
    pub last_ts: Option<i64>,
    /// Bytes read.
    pub bytes: u64,
    /// Bytes skipped after faults.
    pub lost_bytes: u64,
    /// Blocks read.
    pub blocks: u64,
    /// Events of system calls in captures, from which records were made.
    pub system_calls: u64,
    /// Faults met.
    pub faults: u64,
    /// What could not be joined.
    pub joins: Statistics,
}

impl Tally {
    /// Counts a record.
    pub fn count(&mut self, record: &Record<'_>, end_ts: Option<i64>) {
        let kind = record.kind();
        self.records[kind as usize] += 1;
        // What has no time of its own, such as a loss at the start of a capture, does not stretch the span.
        if kind.is_context() || record.ts() <= 0 {
            return;
        }
        let (start, end) = (record.ts(), end_ts.unwrap_or(0).max(record.ts()));
        self.first_ts = Some(self.first_ts.map_or(start, |first| first.min(start)));
        self.last_ts = Some(self.last_ts.map_or(end, |last| last.max(end)));
    }

    /// All records.
    pub fn total(&self) -> u64 {
        self.records.iter().sum()
    }

    /// Events and flows: records that are neither headers nor entities.
    pub fn events(&self) -> u64 {
        let events = Kind::ALL.iter().filter(|kind| !kind.is_context());
        events.map(|kind| self.records[*kind as usize]).sum()
    }
}
