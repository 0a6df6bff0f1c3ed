//! Users, groups, directories and the like: what changes a process in place.

use std::sync::Arc;

use sysflow_event::identity::{Capabilities, GroupIds, IdCall, UserIds};
use sysflow_event::process::{Control, ControlGroups, Namespace, ProcessGroup};
use sysflow_event::{Event, Fd, Phase};
use sysflow_record::OpFlags;

use super::Collector;
use super::entities::Need;
use crate::config::{Mode, Quirks};
use crate::sink::RecordSink;
use crate::text::{NOT_KNOWN, Text, empty, with_slash};

/// The name of the user "no change", as the original spells it.
const NO_CHANGE: &[u8] = b"<NONE>";

/// Options of `prctl`, as the format numbers them.
const SET_CHILD_SUBREAPER: u32 = 36;

impl<S: RecordSink> Collector<S> {
    /// Looks up the name of a thread's user. An unknown number leaves the name as it was.
    pub(super) fn name_user(&mut self, tid: i64) {
        let Some(thread) = self.threads.get_mut(tid) else {
            return;
        };
        let container = self.tables.containers.id(thread.container);
        match self.accounts.user(container, thread.uid) {
            Some(name) => thread.user = Some(name.clone()),
            // The original keeps the name of another user.
            None if self.quirks.contains(Quirks::STALE_USER_NAMES) => {}
            None => thread.user = None,
        }
    }

    pub(super) fn name_group(&mut self, tid: i64) {
        let Some(thread) = self.threads.get_mut(tid) else {
            return;
        };
        let container = self.tables.containers.id(thread.container);
        match self.accounts.group(container, thread.gid) {
            Some(name) => thread.group_name = Some(name.clone()),
            None if self.quirks.contains(Quirks::STALE_USER_NAMES) => {}
            None => thread.group_name = None,
        }
    }

    /// What an event says of the user that is changed to.
    fn user_argument(&self, tid: i64, ids: &UserIds) -> Text {
        let is_original = self.has(Quirks::ONE_USER_SLOT);
        // The original looks for a parameter that only `setuid` has.
        if is_original && ids.call != IdCall::One {
            return empty();
        }
        let Some(uid) = ids.effective else {
            return Arc::from(NOT_KNOWN);
        };
        if uid == u32::MAX {
            return Arc::from(NO_CHANGE);
        }
        let container = self.threads.get(tid).and_then(|thread| thread.container);
        let container = self.tables.containers.id(container);
        match self.accounts.user(container, uid) {
            Some(name) => name.clone(),
            None if is_original => Arc::from(NOT_KNOWN),
            None if uid == 0 => Arc::from(&b"root"[..]),
            None => Text::from(uid.to_string().into_bytes()),
        }
    }

    pub(super) fn on_set_user(&mut self, event: &Event<'_>, ids: &UserIds) {
        let is_original = self.has(Quirks::ONE_USER_SLOT);
        if event.phase == Phase::Begin {
            if is_original {
                self.user_slot = Some(self.user_argument(event.tid, ids));
                if ids.call == IdCall::One
                    && let Some(uid) = ids.effective
                {
                    self.shown_name = Text::from(uid.to_string().into_bytes());
                }
            }
            return;
        }
        let has_succeeded = event.is_success();
        if has_succeeded {
            self.set_user(event.tid, ids);
        }
        if is_original && ids.call == IdCall::RealEffective || !self.is_wanted(event.tid) {
            return;
        }
        let argument = match &self.user_slot {
            Some(slot) if is_original => slot.clone(),
            _ => self.user_argument(event.tid, ids),
        };
        self.record_process_event(
            event,
            Need::SetUser { has_succeeded },
            OpFlags::SETUID,
            Some(&argument),
        );
    }

    fn set_user(&mut self, tid: i64, ids: &UserIds) {
        let keeps = ids.call != IdCall::One;
        let Some(uid) = ids.effective.filter(|uid| !(keeps && *uid == u32::MAX)) else {
            return;
        };
        if let Some(thread) = self.threads.get_mut(tid) {
            thread.uid = uid;
        }
        self.name_user(tid);
        self.share_with_process(tid);
    }

    pub(super) fn on_set_group(&mut self, event: &Event<'_>, ids: &GroupIds) {
        let keeps = ids.call != IdCall::One;
        let Some(gid) = ids.effective.filter(|gid| !(keeps && *gid == u32::MAX)) else {
            return;
        };
        if !event.is_success() {
            return;
        }
        if let Some(thread) = self.threads.get_mut(event.tid) {
            thread.gid = gid;
        }
        self.name_group(event.tid);
        self.share_with_process(event.tid);
        self.note_change(event.tid);
    }

    /// The C library changes the ids of all threads; what the record says is those of the main thread.
    fn share_with_process(&mut self, tid: i64) {
        if self.has(Quirks::STALE_PROCESSES) {
            return;
        }
        let Some(thread) = self.threads.get(tid).filter(|thread| !thread.is_main()) else {
            return;
        };
        let ids = (
            thread.uid,
            thread.gid,
            thread.user.clone(),
            thread.group_name.clone(),
        );
        let pid = thread.pid;
        if let Some(main) = self.threads.get_mut(pid) {
            (main.uid, main.gid, main.user, main.group_name) = ids;
        }
    }

    /// The record of a process is no longer true: it will be written again when it is next needed.
    fn note_change(&mut self, tid: i64) {
        if self.has(Quirks::STALE_PROCESSES) {
            return;
        }
        let Some(oid) = self.oid_of(tid) else { return };
        let Some(process) = self.tables.processes.find(oid) else {
            return;
        };
        if let Some(leader) = self.threads.leader_of(tid).map(|leader| leader.tid) {
            self.refresh(process, leader);
        }
    }

    pub(super) fn on_set_capabilities(&mut self, event: &Event<'_>, sets: Capabilities) {
        if !event.is_success() {
            return;
        }
        if let Some(thread) = self.threads.get_mut(event.tid) {
            thread.capabilities = sets;
        }
        self.note_change(event.tid);
    }

    pub(super) fn on_set_session(&mut self, event: &Event<'_>) {
        let Some(session) = event.result.filter(|session| *session > 0) else {
            return;
        };
        if let Some(thread) = self.threads.get_mut(event.tid)
            && thread.namespace_tid == thread.tid
        {
            thread.session = session;
            thread.process_group = session;
        }
    }

    pub(super) fn on_set_process_group(&mut self, event: &Event<'_>, group: &ProcessGroup) {
        let (Some(pid), Some(group)) = (group.pid, group.group) else {
            return;
        };
        let pid = if pid == 0 { event.tid } else { pid };
        if event.is_success()
            && let Some(thread) = self.threads.get_mut(pid)
            && thread.namespace_tid == thread.tid
        {
            thread.process_group = if group == 0 { pid } else { group };
        }
    }

    pub(super) fn on_enter_namespace(&mut self, event: &Event<'_>, namespace: &Namespace) {
        if self.config.mode == Mode::Flow {
            self.operate(event, namespace.fd, OpFlags::SETNS, None);
        }
    }

    /// Container runtimes move what they have started into the groups of its container.
    pub(super) fn on_enter_control_groups(
        &mut self,
        event: &Event<'_>,
        entered: &ControlGroups<'_>,
    ) {
        let container = self.container_of(entered.groups);
        let pid = self
            .threads
            .get(event.tid)
            .map_or(event.tid, |thread| thread.pid);
        let mut moved = vec![event.tid];
        if entered.is_process
            && let Some(group) = self.groups.get(&pid)
        {
            moved.clone_from(&group.threads);
        }
        for tid in moved {
            let Some(thread) = self.threads.get_mut(tid) else {
                continue;
            };
            if let Some(details) = &mut thread.details {
                details.cgroups = Arc::from(entered.groups);
            }
            if thread.container == container {
                continue;
            }
            // The same path is another file there.
            let descriptors = thread.descriptors.iter_mut();
            descriptors.for_each(|(_, descriptor)| descriptor.file = None);
            thread.container = container;
            self.name_user(tid);
            self.name_group(tid);
        }
        self.note_change(event.tid);
    }

    fn set_directory(&mut self, tid: i64, path: &[u8]) {
        // From an unknown directory a relative step leads to an unknown one.
        let is_known = path.first() == Some(&b'/') || self.has(Quirks::HOST_PATHS);
        let directory = if is_known { with_slash(path) } else { empty() };
        let main = self.threads.main_of(tid).map(|main| main.tid);
        if let Some(main) = main.and_then(|main| self.threads.get_mut(main)) {
            main.directory = directory;
        }
    }

    pub(super) fn on_change_directory(&mut self, event: &Event<'_>, path: Option<&[u8]>) {
        if !event.is_success() {
            return;
        }
        let base = self.threads.directory_of(event.tid);
        let text = self.text_of(path);
        let path = self.resolve(event.tid, &base, text);
        self.set_directory(event.tid, &path);
    }

    /// The kernel says where a thread is. It does so from within the thread's root.
    pub(super) fn on_get_directory(&mut self, event: &Event<'_>, path: Option<&[u8]>) {
        if event.is_success() && path.is_some_and(|path| path.starts_with(b"/")) {
            self.on_change_directory(event, path);
        }
    }

    pub(super) fn on_change_directory_to(&mut self, event: &Event<'_>, fd: Option<Fd>) {
        if !event.is_success() {
            return;
        }
        if let Some(directory) = fd.and_then(|fd| self.directory_of_descriptor(event.tid, fd)) {
            self.set_directory(event.tid, &directory);
        }
    }

    pub(super) fn on_change_root(&mut self, event: &Event<'_>, path: Option<&[u8]>) {
        if !event.is_success() {
            return;
        }
        let base = self.threads.directory_of(event.tid);
        let text = self.text_of(path);
        let root = self.resolve(event.tid, &base, text);
        let main = self.threads.main_of(event.tid).map(|main| main.tid);
        if let Some(main) = main.and_then(|main| self.threads.get_mut(main)) {
            main.root = root;
        }
    }

    /// A thread that gives itself another name (`PR_SET_NAME`) keeps the one that it was run or made with: rules for
    /// Falco, which does so, except programs by their names, and none is to except itself.
    pub(super) fn on_control(&mut self, event: &Event<'_>, control: &Control<'_>) {
        if !event.is_success() {
            return;
        }
        let Some(thread) = self.threads.get_mut(event.tid) else {
            return;
        };
        if control.option == Some(SET_CHILD_SUBREAPER) {
            let is_reaper = control.number.unwrap_or_default() != 0;
            thread.is_reaper = is_reaper;
            if let Some(group) = self.groups.get_mut(&thread.pid) {
                group.is_reaper = is_reaper || thread.namespace_pid == 1;
            }
        }
    }
}
