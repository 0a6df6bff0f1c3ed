//! Ends of threads, and what is forgotten with them.

use sysflow_event::Event;
use sysflow_event::process::Exit;
use sysflow_record::OpFlags;

use super::entities::Need;
use super::{Collector, Delayed};
use crate::config::Quirks;
use crate::sink::RecordSink;
use crate::state::thread::Thread;

/// Ancestors looked at for one that takes over children.
const DEEPEST: usize = 1024;

impl<S: RecordSink> Collector<S> {
    pub(super) fn on_exit(&mut self, event: &Event<'_>, exit: &Exit) {
        let Some(thread) = self.threads.get_mut(event.tid) else {
            return;
        };
        let is_main = thread.is_main();
        let was_dead = std::mem::replace(&mut thread.is_dead, true);
        let pid = thread.pid;
        let mut are_all_dead = true;
        if let Some(group) = self.groups.get_mut(&pid) {
            if !was_dead {
                group.alive = group.alive.saturating_sub(1);
            }
            are_all_dead = group.alive == 0;
        }
        if self.is_wanted(event.tid) {
            self.record_exit(event, is_main, are_all_dead);
        }
        self.delayed.exit = Some((event.tid, exit.reaper));
    }

    fn record_exit(&mut self, event: &Event<'_>, is_main: bool, are_all_dead: bool) {
        let ends_all = if self.has(Quirks::MAIN_THREAD_ENDS_ALL) {
            is_main
        } else {
            are_all_dead
        };
        if self.config.process_flows && !is_main {
            self.count_thread(event, |counts| {
                counts.op_flags |= OpFlags::EXIT.bits();
                counts.exited += 1;
            });
            if ends_all && let Some(process) = self.process_for(event.tid, Need::Use) {
                self.end_flows_of_process(process, true);
                self.end_process(process);
            }
            return;
        }
        let Some(process) = self.process_for(event.tid, Need::Use) else {
            return;
        };
        if ends_all {
            self.end_flows_of_process(process, true);
        } else {
            self.end_flows_of_thread(process, event.tid);
        }
        self.record_process_event(event, Need::Use, OpFlags::EXIT, None);
        if ends_all {
            self.end_process(process);
        }
    }

    /// Notes that a process has ended. It is forgotten a little later.
    fn end_process(&mut self, process: crate::tables::processes::ProcessRef) {
        let is_each_noted = self.has(Quirks::ENDED_ARE_DROPPED);
        if let Some(known) = self.tables.processes.get_mut(process)
            && (!std::mem::replace(&mut known.has_exited, true) || is_each_noted)
        {
            self.ended.push_back((process, self.second));
        }
    }

    /// Does what has to wait until an event is recorded.
    pub(super) fn do_delayed(&mut self) {
        let Delayed { exit, close } = std::mem::take(&mut self.delayed);
        if let Some((tid, reaper)) = exit {
            self.remove_ended(tid, reaper);
        }
        if let Some((tid, fd)) = close
            && let Some(table) = self.threads.descriptors_mut(tid)
            && table
                .get(fd)
                .is_some_and(|descriptor| descriptor.is_closing)
        {
            table.remove(fd);
        }
    }

    /// Takes a thread that has ended out of the table, unless it is needed for the rest of its process.
    fn remove_ended(&mut self, tid: i64, reaper: Option<i64>) {
        let Some(thread) = self.threads.get(tid) else {
            return;
        };
        let (pid, is_main) = (thread.pid, thread.is_main());
        if !self.is_generation_010() {
            self.give_children_away(tid, reaper);
        }
        let are_all_dead = self.groups.get(&pid).is_none_or(|group| group.alive == 0);
        if !is_main || are_all_dead {
            self.take_out(tid);
        }
        let main_is_dead = self.threads.get(pid).is_some_and(|main| main.is_dead);
        if !is_main && are_all_dead && main_is_dead {
            self.take_out(pid);
        }
    }

    /// Forgets a thread whose id is used again.
    pub(super) fn forget_thread(&mut self, tid: i64) {
        let Some(thread) = self.threads.get(tid) else {
            return;
        };
        let thread_is_main = thread.is_main();
        // Its end was not seen, and its flows must not be those of whoever gets its number.
        if thread_is_main && !self.has(Quirks::ENDED_ARE_DROPPED) {
            self.end_unseen(tid);
            self.end_other_threads(tid);
        }
        if !self.is_generation_010() {
            self.give_children_away(tid, None);
        }
        self.take_out(tid);
    }

    /// Ends the process of a thread whose end was not seen.
    pub(super) fn end_unseen(&mut self, tid: i64) {
        if let Some(process) = self
            .oid_of(tid)
            .and_then(|oid| self.tables.processes.find(oid))
        {
            self.end_flows_of_process(process, true);
            self.end_process(process);
        }
    }

    /// Takes a thread out of the group of its process.
    pub(super) fn leave_group(&mut self, tid: i64) {
        let Some(thread) = self.threads.get(tid) else {
            return;
        };
        let (pid, is_alive) = (thread.pid, !thread.is_dead);
        let Some(group) = self.groups.get_mut(&pid) else {
            return;
        };
        let Some(position) = group.threads.iter().position(|other| *other == tid) else {
            return;
        };
        group.threads.remove(position);
        if is_alive {
            group.alive = group.alive.saturating_sub(1);
        }
        if group.threads.is_empty() {
            self.groups.remove(&pid);
        }
    }

    fn take_out(&mut self, tid: i64) {
        self.leave_group(tid);
        let Some(thread) = self.threads.remove(tid) else {
            return;
        };
        if let Some(parent) = self.threads.get_mut(thread.parent)
            && let Some(position) = parent.children.iter().position(|child| *child == tid)
        {
            parent.children.swap_remove(position);
        }
    }

    /// Gives the children of a thread another parent.
    fn give_children_away(&mut self, tid: i64, reaper: Option<i64>) {
        let Some(thread) = self.threads.get_mut(tid) else {
            return;
        };
        if thread.children.is_empty() {
            return;
        }
        let children = std::mem::take(&mut thread.children);
        let parent = self.reaper_of(tid, reaper).unwrap_or_default();
        for child in children {
            let Some(child) = self
                .threads
                .get_mut(child)
                .filter(|child| child.parent == tid)
            else {
                continue;
            };
            child.parent = parent;
            let child = child.tid;
            if let Some(parent) = self.threads.get_mut(parent) {
                parent.children.push(child);
            }
        }
    }

    /// Who takes over the children of a thread: whom the kernel named, else a living thread of the process,
    /// else the nearest ancestor that does so within the pid namespace.
    fn reaper_of(&self, tid: i64, named: Option<i64>) -> Option<i64> {
        if let Some(named) = named.filter(|named| *named > 0 && self.threads.contains(*named)) {
            return Some(named);
        }
        let thread = self.threads.get(tid)?;
        let living_of = |pid: i64, except: i64| {
            let group = self.groups.get(&pid)?;
            let lives = |other: &&i64| {
                **other != except
                    && self
                        .threads
                        .get(**other)
                        .is_some_and(|thread| !thread.is_dead)
            };
            group.threads.iter().find(lives).copied()
        };
        if let Some(sibling) = living_of(thread.pid, tid) {
            return Some(sibling);
        }
        let is_in_namespace = thread.namespace_tid != thread.tid;
        let mut current = thread.parent;
        for _ in 0..DEEPEST {
            let ancestor = self.threads.get(current)?;
            if is_in_namespace != (ancestor.namespace_tid != ancestor.tid) {
                return None;
            }
            if self
                .groups
                .get(&ancestor.pid)
                .is_some_and(|group| group.is_reaper)
            {
                return living_of(ancestor.pid, tid);
            }
            current = ancestor.parent;
        }
        None
    }

    /// An execution ends all other threads of the process.
    pub(super) fn end_other_threads(&mut self, tid: i64) {
        let Some(pid) = self.threads.get(tid).map(|thread| thread.pid) else {
            return;
        };
        let Some(group) = self.groups.get(&pid) else {
            return;
        };
        if group.threads.len() < 2 {
            return;
        }
        let others: Vec<i64> = group
            .threads
            .iter()
            .copied()
            .filter(|other| *other != tid)
            .collect();
        for other in others {
            if other != pid || self.threads.get(tid).is_some_and(Thread::is_main) {
                self.forget_thread(other);
            }
        }
    }

    /// Forgets processes that have ended for a while.
    pub(super) fn delete_ended(&mut self) {
        if self.second.saturating_sub(self.deletions_checked) <= 1 {
            return;
        }
        self.deletions_checked = self.second;
        let mut position = 0;
        while let Some((process, ended)) = self.ended.get(position).copied() {
            if self.second.saturating_sub(ended) < 1 {
                position += 1;
                continue;
            }
            self.ended.remove(position);
            self.forget_process(process);
            // The original steps over the entry that has moved into this place.
            if self.has(Quirks::ENDED_ARE_DROPPED) {
                position += 1;
            }
        }
    }
}
