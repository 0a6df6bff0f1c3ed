//! Clones and executions.

use std::sync::Arc;

use sysflow_event::flags::{at, clone as clone_flags};
use sysflow_event::process::{Clone, Exec, Image};
use sysflow_event::{Event, file};
use sysflow_record::model::ProcessEvent;
use sysflow_record::{OpFlags, Record};

use super::entities::{Need, identity};
use super::{Collector, SECOND};
use crate::config::Quirks;
use crate::sink::RecordSink;
use crate::state::thread::{Thread, UNKNOWN};
use crate::text::{Text, shared, with_slash};

/// A thread whose clone is told again within this time is the same; later its id was used again.
const SAME_CLONE: u64 = 2 * SECOND;

/// Flags of a clone that make the number that the parent gets not one of the host's, or the parent not the
/// caller.
const CHILD_TELLS: u32 = clone_flags::IN_PID_NAMESPACE | clone_flags::NEW_PID | clone_flags::PARENT;

/// What is to be made of a child.
struct Child {
    tid: i64,
    pid: i64,
    parent: i64,
    namespace_tid: i64,
    namespace_pid: i64,
    /// The thread that it inherits from.
    source: i64,
    came_first: bool,
}

/// What a child has in common with its parent, unless the event says otherwise. Where the event says nothing,
/// `unknown` stands in, if there is one.
fn inherited(parents: &Text, told: Option<&[u8]>, unknown: Option<&[u8]>) -> Text {
    told.or(unknown)
        .map_or_else(|| parents.clone(), |told| shared(parents, told))
}

impl<S: RecordSink> Collector<S> {
    pub(super) fn on_clone(&mut self, event: &Event<'_>, clone: &Clone<'_>) {
        match event.result {
            Some(0) => self.clone_in_child(event, clone),
            Some(child) if child > 0 => self.clone_in_parent(event, clone, child),
            _ => {}
        }
        if clone.is_clone3 && self.has(Quirks::NO_NEWER_CALLS) {
            return;
        }
        if self.threads.contains(event.tid) && self.is_wanted(event.tid) {
            self.record_clone(event, clone);
        }
    }

    fn clone_in_parent(&mut self, event: &Event<'_>, clone: &Clone<'_>, child: i64) {
        if !self.threads.contains(event.tid) {
            self.meet_thread(event.tid);
        }
        self.complete_placeholder(event.tid, &clone.image);
        let Some(caller) = self.threads.get(event.tid) else {
            return;
        };
        let flags = clone.flags.unwrap_or_default();
        let is_elsewhere = if self.is_generation_010() {
            let own = clone.image.namespace_tid;
            flags & clone_flags::IN_PID_NAMESPACE != 0 || own.is_some_and(|own| own != event.tid)
        } else {
            flags & CHILD_TELLS != 0 || caller.namespace_tid != caller.tid
        };
        if is_elsewhere {
            return;
        }
        let is_thread = flags & clone_flags::THREAD != 0;
        let new = Child {
            tid: child,
            pid: if is_thread { caller.pid } else { child },
            parent: if is_thread { caller.parent } else { caller.tid },
            namespace_tid: child,
            namespace_pid: if is_thread { caller.pid } else { child },
            source: caller.tid,
            came_first: false,
        };
        if let Some(existing) = self.threads.get(child) {
            let is_same = if self.is_generation_010() {
                event.ts.saturating_sub(existing.created) < SAME_CLONE && existing.created != 0
            } else {
                existing.child_came_first
            };
            if is_same {
                return;
            }
            self.forget_thread(child);
        }
        self.make_child(event, clone, &new);
    }

    fn clone_in_child(&mut self, event: &Event<'_>, clone: &Clone<'_>) {
        if let Some(existing) = self.threads.get(event.tid) {
            let age = event.ts.saturating_sub(existing.created);
            if existing.created != 0 && age < SAME_CLONE {
                self.complete_child(event.tid, &clone.image);
                return;
            }
            self.forget_thread(event.tid);
        }
        let image = &clone.image;
        let pid = image.pid.unwrap_or(event.tid);
        let parent = image.parent.unwrap_or_default();
        let is_thread = pid != event.tid;
        let source = if is_thread { pid } else { parent };
        if !self.threads.contains(source) {
            self.meet_source(source, image);
        }
        let new = Child {
            tid: event.tid,
            pid,
            parent,
            namespace_tid: image.namespace_tid.unwrap_or(event.tid),
            namespace_pid: image.namespace_pid.unwrap_or(pid),
            source,
            came_first: true,
        };
        self.make_child(event, clone, &new);
    }

    /// The child knows how it is numbered in its own namespace, where its parent only guessed.
    fn complete_child(&mut self, tid: i64, image: &Image<'_>) {
        if !self.is_generation_010() && self.has(Quirks::BARE_PLACEHOLDERS) {
            return;
        }
        if let Some(child) = self.threads.get_mut(tid) {
            child.namespace_tid = image.namespace_tid.unwrap_or(child.namespace_tid);
            child.namespace_pid = image.namespace_pid.unwrap_or(child.namespace_pid);
        }
    }

    /// Makes a placeholder for a parent or main thread that is not known. What the child is says something
    /// about it too.
    fn meet_source(&mut self, source: i64, image: &Image<'_>) {
        self.meet_thread(source);
        let container = match image.cgroups {
            Some(cgroups) if !self.is_generation_010() => self.container_of(cgroups),
            _ => None,
        };
        let exe = self.text_of(image.exe);
        if let Some(thread) = self.threads.get_mut(source) {
            let text = |bytes: Option<&[u8]>| Text::from(bytes.unwrap_or_default());
            thread.pid = source;
            thread.comm = text(image.comm);
            thread.exe = Text::from(exe);
            thread.arguments = text(image.arguments);
            thread.container = container;
        }
    }

    /// Fills a thread of which nothing but the id was known from what an event tells about it.
    fn complete_placeholder(&mut self, tid: i64, image: &Image<'_>) {
        let is_placeholder = self
            .threads
            .get(tid)
            .is_some_and(|thread| thread.pid == UNKNOWN || thread.parent == UNKNOWN);
        if !is_placeholder {
            return;
        }
        let parent = image.parent.unwrap_or_default();
        self.leave_guessed_process(tid, image.pid);
        if let Some(thread) = self.threads.get_mut(tid) {
            thread.pid = image.pid.unwrap_or(tid);
            thread.parent = parent;
            thread.namespace_tid = image.namespace_tid.unwrap_or(tid);
            thread.namespace_pid = image.namespace_pid.unwrap_or(thread.pid);
            if !self.quirks.contains(Quirks::BARE_PLACEHOLDERS) {
                thread.uid = image.uid.unwrap_or(thread.uid);
                thread.gid = image.gid.unwrap_or(thread.gid);
                thread.comm = shared(&thread.comm, image.comm.unwrap_or_default());
                thread.exe = shared(&thread.exe, image.exe.unwrap_or_default());
                thread.arguments = shared(&thread.arguments, image.arguments.unwrap_or_default());
                if let Some(directory) = image
                    .directory
                    .filter(|directory| directory.starts_with(b"/"))
                {
                    thread.directory = with_slash(directory);
                }
            }
        }
        if !self.has(Quirks::BARE_PLACEHOLDERS) {
            let container = image.cgroups.and_then(|cgroups| self.container_of(cgroups));
            if let Some(thread) = self.threads.get_mut(tid) {
                thread.container = container;
            }
            self.name_user(tid);
            self.name_group(tid);
        }
        self.link(tid);
    }

    /// A thread that was taken for a process of its own turns out to be of another one: what was recorded of
    /// the former is over.
    fn leave_guessed_process(&mut self, tid: i64, pid: Option<i64>) {
        let is_other = self
            .threads
            .get(tid)
            .is_some_and(|thread| pid.is_some_and(|pid| pid != thread.pid));
        if !is_other {
            return;
        }
        if !self.has(Quirks::BARE_PLACEHOLDERS) {
            self.end_unseen(tid);
        }
        self.leave_group(tid);
    }

    /// Enters a thread into its group and the list of its parent.
    fn link(&mut self, tid: i64) {
        let Some(thread) = self.threads.get(tid) else {
            return;
        };
        let (pid, parent) = (thread.pid, thread.parent);
        let is_reaper = thread.namespace_pid == 1 || pid == 1 || thread.is_reaper;
        let group = self.groups.entry(pid).or_default();
        if !group.threads.contains(&tid) {
            group.threads.push(tid);
            group.alive += 1;
        }
        group.is_reaper |= is_reaper;
        if let Some(parent) = self.threads.get_mut(parent)
            && !parent.children.contains(&tid)
        {
            parent.children.push(tid);
        }
    }

    fn make_child(&mut self, event: &Event<'_>, clone: &Clone<'_>, new: &Child) {
        let image = &clone.image;
        let is_thread = new.pid != new.tid;
        let mut child = Thread {
            parent: new.parent,
            namespace_tid: new.namespace_tid,
            namespace_pid: new.namespace_pid,
            flags: clone.flags.unwrap_or_default(),
            created: event.ts,
            uid: image.uid.unwrap_or(u32::MAX),
            gid: image.gid.unwrap_or(u32::MAX),
            child_came_first: new.came_first,
            ..Thread::placeholder(new.tid, new.pid)
        };
        let directory = self.threads.directory_of(new.source);
        let as_original = self.has(Quirks::NA_TEXTS);
        let unknown = as_original.then_some(&b""[..]);
        let unknown_exe = as_original.then(|| self.text_of(None));
        if let Some(source) = self.threads.get(new.source) {
            child.comm = inherited(&source.comm, image.comm, unknown);
            child.exe = inherited(&source.exe, image.exe, unknown_exe);
            child.arguments = inherited(&source.arguments, image.arguments, unknown);
            child.container = source.container;
            child.exe_path = source.exe_path.clone();
            child.root = source.root.clone();
            child.terminal = source.terminal;
            child.session = source.session;
            child.process_group = source.process_group;
            child.login_uid = source.login_uid;
            child.capabilities = source.capabilities;
            child.exe_flags = source.exe_flags;
            child.exe_inode = source.exe_inode;
            child.exe_changed = source.exe_changed;
            child.exe_modified = source.exe_modified;
        }
        if is_thread {
            child.flags |= clone_flags::FILES;
        } else {
            // A process has a table of its own even where it shares that of its parent.
            child.flags &= !clone_flags::FILES;
            let leader = self.threads.leader_of(new.source);
            child.environment =
                leader.map_or_else(crate::text::empty, |leader| leader.environment.clone());
            child.directory = directory;
            if let Some(table) = self.threads.descriptors(new.source) {
                child.descriptors = table.clone();
            }
        }
        if let Some(cgroups) = image.cgroups {
            child.container = self.container_of(cgroups);
        }
        self.threads.insert(child);
        self.name_user(new.tid);
        self.name_group(new.tid);
        self.link(new.tid);
    }

    fn record_clone(&mut self, event: &Event<'_>, clone: &Clone<'_>) {
        let ret = event.result.unwrap_or(-1);
        let is_child = ret == 0;
        let is_main = self.threads.get(event.tid).is_some_and(Thread::is_main);
        let is_thread = clone.flags.unwrap_or_default() & clone_flags::THREAD != 0;
        let makes_process = (is_child && is_main) || (ret > 0 && !is_thread);
        if self.config.process_flows && !makes_process {
            let counts_all_errors = !self.has(Quirks::ONE_CLONE_ERROR);
            self.count_thread(event, |counts| {
                counts.op_flags |= OpFlags::CLONE.bits();
                if is_child {
                    counts.cloned += 1;
                } else if ret < 0 && (counts_all_errors || ret == -1) {
                    counts.errors += 1;
                }
            });
            return;
        }
        self.record_process_event(
            event,
            Need::Clone {
                is_child: is_child && is_main,
            },
            OpFlags::CLONE,
            None,
        );
    }

    /// Yields an event of a process.
    pub(super) fn record_process_event(
        &mut self,
        event: &Event<'_>,
        need: Need,
        op_flags: OpFlags,
        argument: Option<&[u8]>,
    ) {
        let Some(process) = self.process_for(event.tid, need) else {
            return;
        };
        let Some(oid) = self.tables.processes.get(process).map(|known| known.oid) else {
            return;
        };
        let arguments = [argument.unwrap_or_default().into()];
        let record = Record::ProcessEvent(ProcessEvent {
            proc_oid: oid,
            ts: event.ts as i64,
            tid: event.tid,
            op_flags,
            args: arguments[..usize::from(argument.is_some())].into(),
            ret: event.result.unwrap_or(-1) as i32,
        });
        self.emit(&record, Some(process), None, None);
    }

    pub(super) fn on_exec(&mut self, event: &Event<'_>, exec: &Exec<'_>) {
        let has_succeeded = event.is_success();
        if has_succeeded {
            self.execute(event, exec);
        }
        if exec.ends_as_at && self.has(Quirks::NO_NEWER_CALLS) || !self.is_wanted(event.tid) {
            return;
        }
        self.record_process_event(event, Need::Exec { has_succeeded }, OpFlags::EXEC, None);
    }

    fn execute(&mut self, event: &Event<'_>, exec: &Exec<'_>) {
        let image = &exec.image;
        let was_placeholder = self
            .threads
            .get(event.tid)
            .is_some_and(|thread| thread.pid == UNKNOWN || thread.parent == UNKNOWN);
        let exe_path = self.executed_path(event.tid, exec);
        self.leave_guessed_process(event.tid, image.pid);
        let container = image.cgroups.map(|cgroups| self.container_of(cgroups));
        let prefers_told = !self.has(Quirks::HOST_PATHS);
        let keeps_old = self.has(Quirks::OLD_EXECS_KEEP);
        let exe = self.text_of(image.exe);
        let Some(thread) = self.threads.get_mut(event.tid) else {
            return;
        };
        let text = |bytes: Option<&[u8]>| bytes.map(Text::from);
        thread.exe = Text::from(exe);
        thread.arguments = text(image.arguments).unwrap_or_else(crate::text::empty);
        thread.comm = text(image.comm).unwrap_or_else(|| thread.exe.clone());
        thread.environment = match exec.environment {
            Some(environment) => Text::from(environment),
            None if keeps_old => thread.environment.clone(),
            None => crate::text::empty(),
        };
        thread.pid = image.pid.unwrap_or(thread.pid);
        thread.exe_path = match exe_path {
            Some(path) => path,
            // It cannot be told, and is no longer what it was.
            None if prefers_told => crate::text::empty(),
            None => thread.exe_path.clone(),
        };
        if let Some(container) = container {
            if thread.container != container {
                thread
                    .descriptors
                    .iter_mut()
                    .for_each(|(_, descriptor)| descriptor.file = None);
            }
            thread.container = container;
        }
        thread.terminal = exec.terminal.unwrap_or(thread.terminal);
        if prefers_told
            && let Some(directory) = image
                .directory
                .filter(|directory| directory.starts_with(b"/"))
        {
            thread.directory = with_slash(directory);
        }
        thread.process_group = exec.group.unwrap_or(thread.process_group);
        thread.login_uid = exec.login_uid.unwrap_or(thread.login_uid);
        thread.capabilities.inheritable = exec
            .capabilities
            .inheritable
            .or(thread.capabilities.inheritable);
        thread.capabilities.permitted = exec
            .capabilities
            .permitted
            .or(thread.capabilities.permitted);
        thread.capabilities.effective = exec
            .capabilities
            .effective
            .or(thread.capabilities.effective);
        thread.exe_flags = exec.flags.unwrap_or_default();
        thread.exe_inode = exec.inode.unwrap_or_default();
        thread.exe_changed = exec.changed.unwrap_or_default();
        thread.exe_modified = exec.modified.unwrap_or_default();
        thread.flags = 0;
        if let Some(uid) = image.uid {
            thread.uid = uid;
        }
        if let Some(gid) = image.gid {
            thread.gid = gid;
        }
        if was_placeholder {
            thread.parent = image.parent.unwrap_or_default();
            thread.namespace_tid = thread.tid;
            thread.namespace_pid = thread.pid;
            self.link(event.tid);
        }
        if prefers_told {
            self.name_user(event.tid);
            self.name_group(event.tid);
        }
        self.end_other_threads(event.tid);
        if !self.has(Quirks::IMPLICIT_CLOSES_UNSEEN) {
            self.close_on_exec(event);
        }
    }

    /// The path of the executed file, as far as it can be told.
    fn executed_path(&mut self, tid: i64, exec: &Exec<'_>) -> Option<Text> {
        match exec.resolved_path {
            Some(b"") if !self.has(Quirks::NA_TEXTS) => {}
            Some(path) => return Some(Arc::from(path)),
            None => {}
        }
        let is_empty_path = exec.at_flags.unwrap_or_default() & at::EMPTY_PATH != 0;
        // The original does not look whether the path is empty.
        let is_path_empty = exec.path.unwrap_or_default().is_empty();
        if is_empty_path && (is_path_empty || self.has(Quirks::HOST_PATHS)) {
            let descriptor = self.threads.descriptors(tid)?.get(exec.directory?)?;
            return Some(descriptor.path.clone());
        }
        let path = exec.path?;
        let path = file::Path {
            directory: exec.directory,
            is_at: exec.directory.is_some(),
            path: Some(path),
            ..file::Path::default()
        };
        Some(self.path_of(tid, &path))
    }

    /// The identity of the process of a thread.
    pub(super) fn oid_of(&self, tid: i64) -> Option<sysflow_record::Oid> {
        self.threads.leader_of(tid).map(identity)
    }
}
