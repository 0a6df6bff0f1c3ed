//! What was counted in the kernel, told as sums.
//!
//! The kernel's counts only grow; here stands what of them was told already. A flow ends with a record that
//! carries its last counts; until then the map is read from time to time. What two readings differ by is told, so
//! nothing is told twice and nothing is left out, whenever a reading meets an operation.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use sysflow_event::descriptor::Summary;
use sysflow_event::network::Tuple;
use sysflow_event::raw::NoArguments;
use sysflow_event::{Event, Observer, Operation, Phase};

use super::{Ended, Translator};
use crate::interface::{Counts, Flow, FlowKey, item};
use crate::record::Record;
use crate::values::like;

/// Counts of a flow that were told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Told {
    read_ops: u64,
    read_bytes: u64,
    write_ops: u64,
    write_bytes: u64,
}

impl Told {
    const fn of(counts: &Counts) -> Self {
        Self {
            read_ops: counts.read_ops,
            read_bytes: counts.read_bytes,
            write_ops: counts.write_ops,
            write_bytes: counts.write_bytes,
        }
    }

    /// What has come since; counts read in the midst of a change may be a step behind each other.
    const fn since(self, before: Self) -> Self {
        Self {
            read_ops: self.read_ops.saturating_sub(before.read_ops),
            read_bytes: self.read_bytes.saturating_sub(before.read_bytes),
            write_ops: self.write_ops.saturating_sub(before.write_ops),
            write_bytes: self.write_bytes.saturating_sub(before.write_bytes),
        }
    }
}

/// What was told of which flow.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    told: HashMap<u64, (Told, u64), FixedState>,
}

impl Translator {
    /// Tells of the flow that a record says has ended, if it says so. Returns it where flows with peers belong to it,
    /// which are still in the map.
    #[inline]
    pub(super) fn flow<O: Observer>(
        &mut self,
        record: &Record<'_>,
        observer: &mut O,
    ) -> Option<Ended> {
        let counts: Counts = record.structure(item::COUNTS)?;
        let tid = self.living(counts.tid, record.header.tid);
        let ts = self.clock.epoch(record.header.time);
        self.sum_up(&counts, None, (ts, tid), observer);
        self.forget_flow(counts.id);
        (counts.peers != 0).then_some(Ended {
            id: counts.id,
            ts,
            tid: record.header.tid,
        })
    }

    /// Tells what is new of a flow of a process that goes on. Where its threads have ended that could be named, the
    /// last one will tell it.
    pub(crate) fn sum_up_living<O: Observer>(
        &mut self,
        key: &FlowKey,
        flow: &Flow,
        ts: u64,
        observer: &mut O,
    ) {
        let tid = self.living(flow.counts.tid, key.pid);
        if !self.has_ended(tid) {
            self.sum_up(&flow.counts, tuple(flow), (ts, tid), observer);
        }
    }

    /// Tells what is new of a flow with a peer, at a time and of a thread.
    pub(crate) fn sum_up_peer<O: Observer>(
        &mut self,
        flow: &Flow,
        at: (u64, u32),
        observer: &mut O,
    ) {
        self.sum_up(&flow.counts, tuple(flow), at, observer);
    }

    /// Tells what is new of counts, with both ends where these are not those of the descriptor.
    fn sum_up<O: Observer>(
        &mut self,
        counts: &Counts,
        tuple: Option<Tuple<'static>>,
        (ts, tid): (u64, u32),
        observer: &mut O,
    ) {
        let now = Told::of(counts);
        let (before, since) = self
            .flows
            .told
            .get(&counts.id)
            .copied()
            .unwrap_or((Told::default(), counts.first));
        let new = now.since(before);
        if new.read_ops == 0 && new.write_ops == 0 {
            return;
        }
        self.flows.told.insert(counts.id, (now, counts.last));
        self.events += 1;
        let summary = Summary {
            fd: counts.fd as i32,
            read_ops: new.read_ops,
            read_bytes: new.read_bytes,
            write_ops: new.write_ops,
            write_bytes: new.write_bytes,
            first: self.clock.epoch(since),
            last: self.clock.epoch(counts.last),
            tuple,
        };
        let event = Event {
            ts,
            cpu: 0,
            tid: i64::from(tid),
            phase: Phase::End,
            name: "summary",
            result: None,
            is_older_form: false,
            operation: Operation::Summary(summary),
        };
        observer.event_with(&event, &NoArguments);
    }

    /// Nothing more comes of a flow.
    pub(crate) fn forget_flow(&mut self, id: u64) {
        self.flows.told.remove(&id);
    }
}

/// Both ends of a flow with a peer. The near one is known to the descriptor.
fn tuple(flow: &Flow) -> Option<Tuple<'static>> {
    let destination = flow.peer.address()?;
    let source = like(flow.local.address()?, destination);
    Some(Tuple::Internet {
        source,
        destination,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sysflow_event::snapshot::Snapshot;

    #[derive(Default)]
    struct Sums(Vec<(u64, u64)>);

    impl Observer for Sums {
        fn restart(&mut self) {}
        fn snapshot(&mut self, _: &Snapshot<'_>) {}
        fn event(&mut self, event: &Event<'_>) {
            let Operation::Summary(summary) = event.operation else {
                panic!("not a sum")
            };
            self.0.push((summary.read_ops, summary.read_bytes));
        }
    }

    #[test]
    fn only_what_is_new_is_told() {
        let mut translator = Translator::new();
        let mut sums = Sums::default();
        let mut counts = Counts {
            id: 9,
            read_ops: 2,
            read_bytes: 20,
            fd: 3,
            ..Counts::default()
        };
        translator.sum_up(&counts, None, (1, 1), &mut sums);
        translator.sum_up(&counts, None, (1, 1), &mut sums);
        counts.read_ops = 5;
        counts.read_bytes = 21;
        translator.sum_up(&counts, None, (1, 1), &mut sums);
        assert_eq!(sums.0, [(2, 20), (3, 1)]);
        translator.forget_flow(9);
        assert!(translator.flows.told.is_empty());
    }
}
