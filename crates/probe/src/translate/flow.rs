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

use super::Translator;
use crate::interface::{Flow, FlowKey, Number, item};
use crate::record::Record;
use crate::values::like;

/// Counts of a flow that were told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    read_ops: u64,
    read_bytes: u64,
    write_ops: u64,
    write_bytes: u64,
}

impl Counts {
    const fn of(flow: &Flow) -> Self {
        Self {
            read_ops: flow.read_ops,
            read_bytes: flow.read_bytes,
            write_ops: flow.write_ops,
            write_bytes: flow.write_bytes,
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
    told: HashMap<u64, (Counts, u64), FixedState>,
}

impl Translator {
    /// A flow has ended. Returns its id where flows with peers belong to it, which are still in the map.
    pub(super) fn flow<O: Observer>(
        &mut self,
        record: &Record<'_>,
        observer: &mut O,
    ) -> Option<u64> {
        let parts = record.bytes(item::FLOW).and_then(|bytes| {
            let key = FlowKey::read(bytes)?;
            Some((key, Flow::read(bytes.get(size_of::<FlowKey>()..)?)?))
        });
        let Some((key, flow)) = parts else {
            self.malformed += 1;
            return None;
        };
        let tid = self.living(flow.tid, record.header.tid);
        let ts = self.clock.epoch(record.header.time);
        self.sum_up(&key, &flow, (ts, tid), observer);
        self.forget_flow(flow.id);
        (flow.peers != 0).then_some(flow.id)
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
        let tid = self.living(flow.tid, key.pid);
        if !self.has_ended(tid) {
            self.sum_up(key, flow, (ts, tid), observer);
        }
    }

    /// Tells what is new of a flow, at a time and of a thread.
    pub(crate) fn sum_up<O: Observer>(
        &mut self,
        key: &FlowKey,
        flow: &Flow,
        (ts, tid): (u64, u32),
        observer: &mut O,
    ) {
        let counts = Counts::of(flow);
        let (before, since) = self
            .flows
            .told
            .get(&flow.id)
            .copied()
            .unwrap_or((Counts::default(), flow.first));
        let new = counts.since(before);
        if new.read_ops == 0 && new.write_ops == 0 {
            return;
        }
        self.flows.told.insert(flow.id, (counts, flow.last));
        self.events += 1;
        let summary = Summary {
            fd: key.fd as i32,
            read_ops: new.read_ops,
            read_bytes: new.read_bytes,
            write_ops: new.write_ops,
            write_bytes: new.write_bytes,
            first: self.clock.epoch(since),
            last: self.clock.epoch(flow.last),
            tuple: tuple(flow),
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
        let key = FlowKey {
            pid: 1,
            fd: 3,
            ..FlowKey::default()
        };
        let mut flow = Flow {
            id: 9,
            read_ops: 2,
            read_bytes: 20,
            ..Flow::default()
        };
        translator.sum_up(&key, &flow, (1, 1), &mut sums);
        translator.sum_up(&key, &flow, (1, 1), &mut sums);
        flow.read_ops = 5;
        flow.read_bytes = 21;
        translator.sum_up(&key, &flow, (1, 1), &mut sums);
        assert_eq!(sums.0, [(2, 20), (3, 1)]);
        translator.forget_flow(9);
        assert!(translator.flows.told.is_empty());
    }
}
