//! What could not be observed, said in the records.

use sysflow_event::Event;
use sysflow_record::Record;
use sysflow_record::model::Loss;

use super::Collector;
use crate::config::Quirks;
use crate::sink::RecordSink;

/// What the collector loses itself, with the reason.
const OWN: [(&str, &str); 3] = [
    ("operation", "its descriptor is not known"),
    ("descriptor", "the process has too many"),
    ("thread", "table full"),
];

impl<S: RecordSink> Collector<S> {
    /// The source has lost something before an event.
    pub(super) fn on_loss(&mut self, event: &Event<'_>, count: Option<u64>) {
        self.statistics.source_losses = self
            .statistics
            .source_losses
            .saturating_add(count.unwrap_or(1));
        self.write_loss(
            event.name,
            "dropped by the source",
            count.unwrap_or_default(),
            self.now,
        );
    }

    pub(super) fn write_loss(&mut self, kind: &str, reason: &str, count: u64, since: u64) {
        if self.has(Quirks::LOSSES_UNSEEN) {
            return;
        }
        let loss = Record::Loss(Loss {
            ts: since as i64,
            end_ts: self.now as i64,
            kind: kind.into(),
            reason: reason.into(),
            count: count as i64,
            proc_oid: None,
        });
        self.emit(&loss, None, None, None);
    }

    /// Writes what the collector has lost itself since the last time.
    pub(super) fn write_own_losses(&mut self) {
        let statistics = &self.statistics;
        let now = [
            statistics.unknown_descriptors,
            statistics.refused_descriptors,
            statistics.evicted_threads,
        ];
        let (since, before) = std::mem::replace(&mut self.losses_written, (self.now, now));
        for ((kind, reason), (now, before)) in OWN.into_iter().zip(now.into_iter().zip(before)) {
            if now > before {
                self.write_loss(kind, reason, now - before, since);
            }
        }
    }
}
