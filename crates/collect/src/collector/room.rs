//! What is given up when a table is full.
//!
//! Room is made between operations, never during one: what an operation has found must still be there when it
//! is done. A table may so be beyond its limit by what a single operation adds: a process with its ancestors, two
//! files, a flow.

use sysflow_record::OpFlags;

use super::Collector;
use crate::sink::RecordSink;
use crate::tables::processes::ProcessRef;

impl<S: RecordSink> Collector<S> {
    /// Makes room for what the next operation may add.
    #[inline]
    pub(super) fn make_room(&mut self) {
        self.make_room_for_thread();
        self.make_room_for_process();
        self.make_room_for_file();
        self.make_room_for_flow();
    }

    /// Forgets the threads that were there longest, when the table is full.
    pub(super) fn make_room_for_thread(&mut self) {
        if self.threads.len() < self.config.limits.threads {
            return;
        }
        let mut ages: Vec<(u64, i64)> = self
            .threads
            .iter()
            .map(|thread| (thread.created, thread.tid))
            .collect();
        ages.sort_unstable();
        ages.truncate(ages.len().div_ceil(4));
        self.statistics.evicted_threads += ages.len() as u64;
        for (_, tid) in ages {
            self.forget_thread(tid);
        }
    }

    fn make_room_for_process(&mut self) {
        if self.tables.processes.len() < self.config.limits.processes {
            return;
        }
        // Those first that have nothing in progress, then those that have ended, then those unused for longest.
        let mut all: Vec<(bool, bool, u64, ProcessRef)> = self
            .tables
            .processes
            .iter()
            .map(|(place, known)| {
                let is_busy = !known.flows.is_empty() || known.threads.is_some();
                (is_busy, !known.has_exited, known.used, place)
            })
            .collect();
        all.sort_unstable_by_key(|(is_busy, lives, used, place)| {
            (*is_busy, *lives, *used, place.index)
        });
        all.truncate(all.len().div_ceil(4));
        self.statistics.evicted_processes += all.len() as u64;
        for (_, _, _, process) in all {
            self.end_flows_of_process(process, true);
            self.tables.processes.remove(process);
        }
    }

    fn make_room_for_file(&mut self) {
        let limit = self.config.limits.files;
        if self.tables.files.len() < self.next_file_sweep.max(limit) {
            return;
        }
        self.statistics.evicted_files += self
            .tables
            .files
            .forget_unused(true, &self.tables.containers);
        // Files in use stay. Where nearly all are, looking again at once would be in vain.
        self.next_file_sweep = self.tables.files.len() + limit.div_ceil(8);
    }

    fn make_room_for_flow(&mut self) {
        while self.flows.len() >= self.config.limits.flows
            && let Some(earliest) = self.flows.earliest()
        {
            self.statistics.evicted_flows += 1;
            self.end_flow(earliest, OpFlags::TRUNCATE, false);
        }
    }
}
