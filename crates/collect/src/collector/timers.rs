//! What happens as time passes, and what is forgotten.

use sysflow_event::Event;
use sysflow_record::model::ProcessFlow;
use sysflow_record::{OpFlags, Record};

use super::Collector;
use super::entities::Need;
use crate::config::Quirks;
use crate::sink::RecordSink;
use crate::tables::processes::{ProcessRef, ThreadCounts};

/// After how many seconds a flow in progress is written, and counted anew.
const EXPORT_INTERVAL: u64 = 30;

/// After how many seconds without an operation the original drops a flow.
const IDLE_LIMIT: u64 = 60;

impl<S: RecordSink> Collector<S> {
    /// Runs at the first event of each second.
    #[cold]
    pub(super) fn check_timers(&mut self) {
        self.timers_checked = self.second;
        self.export_flows();
        if self.config.process_flows {
            self.export_thread_counts();
        }
        self.delete_ended();
        self.forget_idle();
    }

    fn export_flows(&mut self) {
        let mut next = self.flows.earliest();
        // A flow that is exported goes to the end and must not be met again.
        for _ in 0..self.flows.len() {
            let Some(place) = next else { return };
            let Some(flow) = self.flows.get(place) else {
                return;
            };
            if self.second.saturating_sub(flow.exported) < EXPORT_INTERVAL {
                return;
            }
            let is_idle = self.second.saturating_sub(flow.last_used) >= IDLE_LIMIT;
            next = self.flows.later(place);
            if is_idle && self.has(Quirks::IDLE_FLOWS_LOST) {
                self.statistics.dropped_flows += 1;
                self.forget_flow(place);
                continue;
            }
            self.write_flow(place, true);
            if let Some(flow) = self.flows.get_mut(place) {
                flow.ts = self.now;
                flow.exported = self.second;
                flow.op_flags = OpFlags::empty();
                (flow.read_ops, flow.read_bytes) = (0, 0);
                (flow.write_ops, flow.write_bytes) = (0, 0);
            }
            self.flows.move_to_end(place);
        }
    }

    fn export_thread_counts(&mut self) {
        while let Some((process, number)) = self.counting.front().copied() {
            let counts = self
                .tables
                .processes
                .get(process)
                .and_then(|known| known.threads)
                .filter(|counts| counts.number == number);
            let Some(counts) = counts else {
                self.counting.pop_front();
                continue;
            };
            if self.second.saturating_sub(counts.exported) < EXPORT_INTERVAL {
                return;
            }
            self.counting.pop_front();
            let is_idle = self.second.saturating_sub(counts.last_used) >= IDLE_LIMIT;
            // Where nothing was counted there is nothing to lose.
            if is_idle && (counts.op_flags == 0 || self.has(Quirks::IDLE_FLOWS_LOST)) {
                if let Some(known) = self.tables.processes.get_mut(process) {
                    known.threads = None;
                }
                self.statistics.dropped_flows += u64::from(counts.op_flags != 0);
                continue;
            }
            self.write_thread_counts(process, OpFlags::empty());
            let begun = self.begin_counts();
            if let Some(known) = self.tables.processes.get_mut(process) {
                known.threads = Some(ThreadCounts {
                    last_used: counts.last_used,
                    ..begun
                });
                self.counting.push_back((process, begun.number));
            }
        }
    }

    /// Counts of nothing yet, from now on.
    fn begin_counts(&mut self) -> ThreadCounts {
        self.counts_begun += 1;
        ThreadCounts {
            ts: self.now,
            exported: self.second,
            last_used: self.second,
            number: self.counts_begun,
            ..ThreadCounts::default()
        }
    }

    /// Counts what a thread did as such.
    pub(super) fn count_thread(
        &mut self,
        event: &Event<'_>,
        count: impl FnOnce(&mut ThreadCounts),
    ) {
        let Some(process) = self.process_for(event.tid, Need::Use) else {
            return;
        };
        let is_begun = self
            .tables
            .processes
            .get(process)
            .is_some_and(|known| known.threads.is_some());
        let begun = (!is_begun).then(|| self.begin_counts());
        if let Some(begun) = begun {
            self.counting.push_back((process, begun.number));
        }
        let second = self.second;
        let Some(known) = self.tables.processes.get_mut(process) else {
            return;
        };
        known.threads = known.threads.or(begun);
        if let Some(counts) = &mut known.threads {
            counts.last_used = second;
            count(counts);
        }
    }

    /// Writes what threads of a process did since the last time, and counts no longer.
    pub(super) fn write_thread_counts(&mut self, process: ProcessRef, end: OpFlags) {
        let Some(counts) = self
            .tables
            .processes
            .get_mut(process)
            .and_then(|known| known.threads.take())
        else {
            return;
        };
        if counts.op_flags == 0 && !self.has(Quirks::EMPTY_PROCESS_FLOWS) {
            return;
        }
        self.ensure_process(process);
        let Some(oid) = self.tables.processes.get(process).map(|known| known.oid) else {
            return;
        };
        let record = Record::ProcessFlow(ProcessFlow {
            proc_oid: oid,
            ts: counts.ts as i64,
            threads_cloned: counts.cloned,
            op_flags: OpFlags::from_bits_retain(counts.op_flags) | end,
            end_ts: self.now as i64,
            threads_exited: counts.exited,
            clone_errors: counts.errors,
        });
        self.emit(&record, Some(process), None, None);
    }

    /// Forgets a process that has ended. In the clean profile it stays while anything refers to it.
    pub(super) fn forget_process(&mut self, process: ProcessRef) {
        if self.has(Quirks::ENDED_ARE_DROPPED) {
            // Flows of it that were begun since it ended are told of with the next export, or never.
            self.tables.processes.remove(process);
            return;
        }
        let mut next = Some(process);
        while let Some(process) = next {
            let Some(known) = self.tables.processes.get(process) else {
                return;
            };
            let is_needed = !known.flows.is_empty()
                || known.threads.is_some()
                || self.tables.processes.has_children(known.oid);
            if is_needed || !known.has_exited {
                return;
            }
            let parent = known.parent;
            self.tables.processes.remove(process);
            // Its parent may have waited for that.
            next = parent.and_then(|parent| self.tables.processes.find(parent));
        }
    }

    /// Another file begins: what has no use is forgotten, the rest will be written again.
    pub(super) fn clean_tables(&mut self) {
        for process in self.tables.processes.in_order().into_iter().rev() {
            let mut next = Some(process);
            while let Some(process) = next {
                let Some(known) = self.tables.processes.get(process) else {
                    break;
                };
                let is_needed = !known.flows.is_empty()
                    || known.threads.is_some()
                    || self.tables.processes.has_children(known.oid);
                if is_needed {
                    break;
                }
                let parent = known.parent;
                self.tables.processes.remove(process);
                next = parent.and_then(|parent| self.tables.processes.find(parent));
            }
        }
        self.tables
            .files
            .forget_unused(false, &self.tables.containers);
        self.tables.forget_written();
    }
}
