//! Entities: what they are made of, and that they are written before anything refers to them.

use std::sync::Arc;

use sysflow_record::model::ObjectState;
use sysflow_record::{Oid, Record};

use super::Collector;
use crate::config::Quirks;
use crate::sink::{Context, RecordSink};
use crate::state::thread::{Thread, UNKNOWN};
use crate::tables::containers::ContainerRef;
use crate::tables::processes::{KnownProcess, ProcessRef};
use crate::text::{NOT_KNOWN, Text, empty, encode, join, split};

/// Ancestors looked at: a loop in the parents must end.
const DEEPEST: usize = 1024;

/// What the kernel appends to the path of a file that was deleted, and the bit that says so in records.
const DELETED: &[u8] = b" (deleted)";
const IS_DELETED: u32 = 8;

/// Why a process is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// It was made, or made another.
    Clone { is_child: bool },
    /// It executes a program.
    Exec { has_succeeded: bool },
    /// It changes its user.
    SetUser { has_succeeded: bool },
    /// It did anything else.
    Use,
}

impl Need {
    /// Whether the process is another than before.
    const fn is_change(self, counts_failures: bool) -> bool {
        match self {
            Self::Exec { has_succeeded } | Self::SetUser { has_succeeded } => {
                has_succeeded || counts_failures
            }
            Self::Clone { .. } | Self::Use => false,
        }
    }
}

/// The identity of the process that a thread stands for.
pub(super) const fn identity(leader: &Thread) -> Oid {
    Oid {
        create_ts: leader.created as i64,
        hpid: leader.pid,
    }
}

impl<S: RecordSink> Collector<S> {
    /// The process of a thread, known and written. `None` where the thread is not known.
    pub(super) fn process_for(&mut self, tid: i64, need: Need) -> Option<ProcessRef> {
        let leader = self.threads.leader_of(tid)?;
        let oid = identity(leader);
        let leader_tid = leader.tid;
        let Some(process) = self.tables.processes.find(oid) else {
            return Some(self.meet_process(leader_tid, tid, need));
        };
        if need.is_change(self.has(Quirks::STALE_PROCESSES))
            && self.has(Quirks::TWICE_AFTER_ROTATION)
            && !self.tables.processes.get(process)?.is_changed
        {
            self.write_again(process, leader_tid, tid);
        }
        if need.is_change(self.has(Quirks::STALE_PROCESSES)) {
            self.refresh(process, leader_tid);
        }
        let known = self.tables.processes.get_mut(process)?;
        known.used = self.now;
        if !known.is_written {
            self.write_again(process, leader_tid, tid);
        }
        Some(process)
    }

    /// The process of a thread, known, and written once a record refers to it.
    pub(super) fn process_unwritten(&mut self, tid: i64) -> Option<ProcessRef> {
        let leader = self.threads.leader_of(tid)?;
        let (oid, leader) = (identity(leader), leader.tid);
        let Some(process) = self.tables.processes.find(oid) else {
            return Some(self.add_process(leader, tid, ObjectState::REUP));
        };
        self.tables.processes.get_mut(process)?.used = self.now;
        Some(process)
    }

    /// Writes a process that is known already, if the file does not hold it.
    fn write_again(&mut self, process: ProcessRef, leader: i64, tid: i64) {
        let container = self.container_for(leader, tid);
        let is_rechecked = self.has(Quirks::STALE_PROCESSES);
        let Some(known) = self.tables.processes.get_mut(process) else {
            return;
        };
        if known.is_written {
            return;
        }
        if !known.is_changed {
            known.state = ObjectState::REUP;
            if is_rechecked {
                known.container = container;
            }
        }
        self.write_with_ancestors(process, Some(leader));
    }

    /// The container of a process, as one of its threads shows it.
    fn container_for(&self, leader: i64, tid: i64) -> Option<ContainerRef> {
        let shown_by = if self.has(Quirks::CONTAINER_OF_THREAD) {
            tid
        } else {
            leader
        };
        self.threads.get(shown_by)?.container
    }

    /// Puts a process that is not known into the table, and writes it after its ancestors.
    fn meet_process(&mut self, leader: i64, tid: i64, need: Need) -> ProcessRef {
        let is_created = match need {
            Need::Clone { is_child } => is_child || self.has(Quirks::CREATED_WHEN_MET),
            Need::Exec { .. } => self.has(Quirks::CREATED_WHEN_MET),
            Need::SetUser { .. } | Need::Use => false,
        };
        let state = if is_created {
            ObjectState::CREATED
        } else {
            ObjectState::REUP
        };
        let process = self.insert_process(leader, tid, state);
        self.write_with_ancestors(process, Some(leader));
        process
    }

    /// Puts a process into the table, and writes its container.
    fn insert_process(&mut self, leader: i64, tid: i64, state: ObjectState) -> ProcessRef {
        let process = self.add_process(leader, tid, state);
        let known = self.tables.processes.get(process);
        let container = known.and_then(|known| known.container);
        self.write_container(container);
        process
    }

    fn add_process(&mut self, leader: i64, tid: i64, state: ObjectState) -> ProcessRef {
        let mut known = self.describe(leader);
        known.state = state;
        known.container = self.container_for(leader, tid);
        self.tables.processes.insert(known)
    }

    /// Writes a process after those of its ancestors that the file does not hold.
    fn write_with_ancestors(&mut self, process: ProcessRef, leader: Option<i64>) {
        let mut unwritten = vec![process];
        let container = self
            .tables
            .processes
            .get(process)
            .and_then(|known| known.container);
        self.write_container(container);
        if !self.has(Quirks::PARENTS_OF_NOW) {
            self.climb_identities(&mut unwritten);
        } else if leader.is_none_or(|leader| self.climb_threads(leader, &mut unwritten)) {
            self.climb_processes(&mut unwritten);
        }
        for process in unwritten.into_iter().rev() {
            self.write_process(process);
        }
    }

    /// Goes up from thread to parent thread until a process that is written already. Tells whether a parent
    /// is missing on the way.
    fn climb_threads(&mut self, leader: i64, unwritten: &mut Vec<ProcessRef>) -> bool {
        let mut current = leader;
        for _ in 0..DEEPEST {
            let Some(thread) = self.threads.get(current) else {
                return true;
            };
            let Some(parent) = self.threads.leader_of(thread.parent) else {
                return true;
            };
            if parent.pid == UNKNOWN && !self.has(Quirks::BARE_PLACEHOLDERS) {
                return true;
            }
            let oid = identity(parent);
            let parent_tid = parent.tid;
            if parent_tid == current {
                return false;
            }
            current = parent_tid;
            if oid == Oid::default() {
                continue;
            }
            let Some(known) = self.tables.processes.find(oid) else {
                let known = self.insert_process(parent_tid, parent_tid, ObjectState::REUP);
                unwritten.push(known);
                continue;
            };
            if !self.needs_writing(known, unwritten) {
                return false;
            }
            unwritten.push(known);
        }
        false
    }

    /// Goes up from process to parent by what their records say, until a process that is written already.
    fn climb_identities(&mut self, unwritten: &mut Vec<ProcessRef>) {
        for _ in 0..DEEPEST {
            let parent = unwritten
                .last()
                .and_then(|process| self.tables.processes.get(*process)?.parent);
            let Some(parent) = parent else { return };
            if let Some(known) = self.tables.processes.find(parent) {
                if !self.needs_writing(known, unwritten) {
                    return;
                }
                unwritten.push(known);
                continue;
            }
            let leader = self
                .threads
                .leader_of(parent.hpid)
                .filter(|leader| identity(leader) == parent)
                .map(|leader| leader.tid);
            let Some(leader) = leader else { return };
            let known = self.insert_process(leader, leader, ObjectState::REUP);
            unwritten.push(known);
        }
    }

    /// Goes up from process to parent process, where threads are gone.
    fn climb_processes(&mut self, unwritten: &mut Vec<ProcessRef>) {
        for _ in 0..DEEPEST {
            let parent = unwritten
                .last()
                .and_then(|process| self.tables.processes.get(*process)?.parent)
                .and_then(|parent| self.tables.processes.find(parent));
            let Some(parent) = parent else { return };
            if !self.needs_writing(parent, unwritten) {
                return;
            }
            unwritten.push(parent);
        }
    }

    /// Whether an ancestor is to be written again. Its container is at once.
    fn needs_writing(&mut self, process: ProcessRef, unwritten: &[ProcessRef]) -> bool {
        let Some(known) = self.tables.processes.get_mut(process) else {
            return false;
        };
        if known.is_written || unwritten.contains(&process) {
            return false;
        }
        if !known.is_changed {
            known.state = ObjectState::REUP;
        }
        let container = known.container;
        self.write_container(container);
        true
    }

    /// What the records say of the process of a thread.
    fn describe(&self, leader_tid: i64) -> KnownProcess {
        let placeholder = Thread::placeholder(leader_tid, UNKNOWN);
        let leader = self.threads.get(leader_tid).unwrap_or(&placeholder);
        let parent = match self.threads.leader_of(leader.parent) {
            Some(parent) if parent.pid != UNKNOWN || self.has(Quirks::BARE_PLACEHOLDERS) => {
                Some(identity(parent))
            }
            _ => self
                .tables
                .processes
                .find_by_pid(leader.parent)
                .and_then(|parent| self.tables.processes.get(parent))
                .map(|parent| parent.oid),
        };
        let oid = identity(leader);
        let mut known = KnownProcess {
            oid,
            parent: parent.filter(|parent| *parent != oid),
            state: ObjectState::REUP,
            ts: self.now,
            exe: empty(),
            exe_args: empty(),
            uid: 0,
            user: empty(),
            gid: 0,
            group: empty(),
            container: leader.container,
            is_entry: leader.namespace_pid == 1,
            directory: self.threads.directory_of(leader_tid),
            environment: encode(split(
                &leader.environment,
                self.has(Quirks::LAST_ARGUMENT_LOST),
            )),
            comm: empty(),
            argv: empty(),
            exe_path: empty(),
            namespace_pid: leader.namespace_pid,
            process_group: 0,
            session: 0,
            terminal: leader.terminal,
            login_uid: 0,
            capabilities: leader.capabilities,
            exe_flags: 0,
            exe_inode: 0,
            exe_changed: 0,
            exe_modified: 0,
            is_written: false,
            is_changed: false,
            has_exited: false,
            flows: Vec::new(),
            flow_order: None,
            threads: None,
            number: 0,
            used: self.now,
            older_of_pid: None,
        };
        self.describe_image(&mut known, leader);
        known
    }

    /// The part that an execution or a change of user refreshes.
    fn describe_image(&self, known: &mut KnownProcess, leader: &Thread) {
        let last_is_lost = self.has(Quirks::LAST_ARGUMENT_LOST);
        let has_path = !leader.exe_path.is_empty() && &*leader.exe_path != NOT_KNOWN;
        known.exe = if has_path {
            leader.exe_path.clone()
        } else {
            leader.exe.clone()
        };
        if known.exe.is_empty() && self.has(Quirks::NA_TEXTS) && leader.pid == UNKNOWN {
            known.exe = Arc::from(NOT_KNOWN);
        }
        known.exe_args = join(split(&leader.arguments, last_is_lost));
        known.uid = leader.uid;
        known.gid = leader.gid;
        known.user = self.name_or_default(leader.user.as_ref(), leader.uid);
        known.group = self.name_or_default(leader.group_name.as_ref(), leader.gid);
        known.comm = leader.comm.clone();
        let arguments = split(&leader.arguments, last_is_lost);
        known.argv = encode(std::iter::once(&*leader.exe).chain(arguments));
        known.exe_path = leader.exe_path.clone();
        // The format knows no lower layer here; its fourth bit means a deleted file.
        known.exe_flags = leader.exe_flags & 7;
        if !self.has(Quirks::DELETED_IN_PATHS)
            && let Some(path) = leader.exe_path.strip_suffix(DELETED)
        {
            known.exe_path = Text::from(path);
            known.exe = known.exe_path.clone();
            known.exe_flags |= IS_DELETED;
        }
        known.session = leader.session;
        known.process_group = leader.process_group;
        known.login_uid = leader.login_uid;
        known.capabilities = leader.capabilities;
        known.exe_inode = leader.exe_inode;
        known.exe_changed = leader.exe_changed;
        known.exe_modified = leader.exe_modified;
    }

    /// The name of a user or group; root needs no table.
    fn name_or_default(&self, name: Option<&Text>, id: u32) -> Text {
        match name {
            Some(name) => name.clone(),
            None if id == 0 => Arc::from(&b"root"[..]),
            // Older releases never look up the user of a process that they know by name only.
            None if id == u32::MAX && self.is_generation_010() => empty(),
            None => Arc::from(NOT_KNOWN),
        }
    }

    /// A process has changed: it will be written again.
    pub(super) fn refresh(&mut self, process: ProcessRef, leader_tid: i64) {
        let fresh = self.describe(leader_tid);
        let is_stale = self.has(Quirks::STALE_PROCESSES);
        let Some(known) = self.tables.processes.get_mut(process) else {
            return;
        };
        let old = std::mem::replace(known, fresh);
        known.parent = old.parent;
        known.flows = old.flows;
        known.flow_order = old.flow_order;
        known.threads = old.threads;
        known.number = old.number;
        known.has_exited = old.has_exited;
        known.older_of_pid = old.older_of_pid;
        known.state = ObjectState::MODIFIED;
        known.is_changed = true;
        if is_stale {
            known.directory = old.directory;
            known.environment = old.environment;
            known.terminal = old.terminal;
            known.is_entry = old.is_entry;
            known.container = old.container;
        }
    }

    fn write_process(&mut self, process: ProcessRef) {
        let Some(known) = self.tables.processes.get_mut(process) else {
            return;
        };
        known.is_written = true;
        known.is_changed = false;
        let Some(known) = self.tables.processes.get(process) else {
            return;
        };
        let mut record = known.record(&self.tables.containers);
        // A parent that is no longer known cannot be in this file.
        let processes = &self.tables.processes;
        let is_there = |parent: Oid| {
            let parent = processes
                .find(parent)
                .and_then(|parent| processes.get(parent));
            parent.is_some_and(|parent| parent.is_written)
        };
        if !self.quirks.contains(Quirks::EXPORT_WITHOUT_ANCESTORS) {
            record.poid = record.poid.filter(|parent| is_there(*parent));
        }
        let record = Record::Process(record);
        self.statistics.records += 1;
        let context = Context {
            tables: &self.tables,
            process: Some(process),
            file: None,
            new_file: None,
        };
        self.sink.record(&record, &context);
    }

    /// Writes a process that a flow belongs to, if the file does not hold it.
    pub(super) fn ensure_process(&mut self, process: ProcessRef) {
        if self
            .tables
            .processes
            .get(process)
            .is_none_or(|known| known.is_written)
        {
            return;
        }
        if self.has(Quirks::EXPORT_WITHOUT_ANCESTORS) {
            self.write_process(process);
            return;
        }
        if let Some(known) = self.tables.processes.get_mut(process)
            && !known.is_changed
        {
            known.state = ObjectState::REUP;
        }
        self.write_with_ancestors(process, None);
    }

    pub(super) fn write_container(&mut self, container: Option<ContainerRef>) {
        let Some(known) = container.and_then(|container| self.tables.containers.get_mut(container))
        else {
            return;
        };
        if std::mem::replace(&mut known.is_written, true) {
            return;
        }
        let raw_types = self.quirks.contains(Quirks::RAW_CONTAINER_TYPES);
        let Some(known) = container.and_then(|container| self.tables.containers.get(container))
        else {
            return;
        };
        self.statistics.records += 1;
        let record = Record::Container(known.record(raw_types));
        let context = Context {
            tables: &self.tables,
            process: None,
            file: None,
            new_file: None,
        };
        self.sink.record(&record, &context);
    }
}
