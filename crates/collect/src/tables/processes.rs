//! Processes as the records know them.

use std::collections::HashMap;

use bstr::BStr;
use sysflow_event::identity::Capabilities;
use sysflow_record::Oid;
use sysflow_record::model::{ObjectState, Process};

use super::containers::{ContainerRef, Containers};
use super::flows::FlowRef;
use super::hash_order::{HashOrder, hash_of};
use super::slab::{Key, Slab};
use crate::text::{Text, decode};

/// The place of a process in the table.
pub(crate) type ProcessRef = Key;

/// What threads of a process did as such, where that is counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ThreadCounts {
    pub(crate) op_flags: u32,
    pub(crate) ts: u64,
    pub(crate) exported: u64,
    pub(crate) last_used: u64,
    pub(crate) cloned: i64,
    pub(crate) exited: i64,
    pub(crate) errors: i64,
    /// In which order such counts were begun or exported.
    pub(crate) number: u64,
}

/// Flows of a process in the order of the original's tables.
#[derive(Debug)]
pub(crate) struct FlowOrder {
    pub(crate) files: HashOrder<FlowRef>,
    pub(crate) network: HashOrder<FlowRef>,
}

impl FlowOrder {
    pub(crate) fn new() -> Self {
        Self {
            files: HashOrder::new(),
            network: HashOrder::new(),
        }
    }

    pub(crate) fn of(&mut self, is_file: bool) -> &mut HashOrder<FlowRef> {
        if is_file {
            &mut self.files
        } else {
            &mut self.network
        }
    }
}

/// A process.
#[derive(Debug)]
pub(crate) struct KnownProcess {
    pub(crate) oid: Oid,
    pub(crate) parent: Option<Oid>,
    pub(crate) state: ObjectState,
    /// When it was created or changed, ns since the epoch.
    pub(crate) ts: u64,
    pub(crate) exe: Text,
    pub(crate) exe_args: Text,
    pub(crate) uid: u32,
    pub(crate) user: Text,
    pub(crate) gid: u32,
    pub(crate) group: Text,
    pub(crate) container: Option<ContainerRef>,
    pub(crate) is_entry: bool,
    pub(crate) directory: Text,
    /// As records encode it.
    pub(crate) environment: Text,
    pub(crate) comm: Text,
    /// As records encode it.
    pub(crate) argv: Text,
    pub(crate) exe_path: Text,
    pub(crate) namespace_pid: i64,
    pub(crate) process_group: i64,
    pub(crate) session: i64,
    pub(crate) terminal: u32,
    pub(crate) login_uid: u32,
    pub(crate) capabilities: Capabilities,
    pub(crate) exe_flags: u32,
    pub(crate) exe_inode: u64,
    pub(crate) exe_changed: u64,
    pub(crate) exe_modified: u64,
    /// Whether the file that is being written holds it as it is now.
    pub(crate) is_written: bool,
    /// Whether it has changed since it was written last.
    pub(crate) is_changed: bool,
    /// Whether its main thread has ended.
    pub(crate) has_exited: bool,
    /// Flows in progress.
    pub(crate) flows: Vec<FlowRef>,
    /// The same in the order of the original's tables, where that is kept.
    pub(crate) flow_order: Option<Box<FlowOrder>>,
    pub(crate) threads: Option<ThreadCounts>,
    /// In which order processes were met.
    pub(crate) number: u64,
    /// When it was used last, ns since the epoch.
    pub(crate) used: u64,
    /// The process met before it with the same pid.
    pub(crate) older_of_pid: Option<ProcessRef>,
}

impl KnownProcess {
    pub(crate) fn record<'a>(&'a self, containers: &'a Containers) -> Process<'a> {
        let container = self
            .container
            .and_then(|container| containers.get(container));
        let bits = |set: Option<u64>| set.unwrap_or_default() as i64;
        Process {
            state: self.state,
            oid: self.oid,
            poid: self.parent,
            ts: self.ts as i64,
            exe: BStr::new(&*self.exe),
            exe_args: BStr::new(&*self.exe_args),
            uid: self.uid as i32,
            user_name: BStr::new(&*self.user),
            gid: self.gid as i32,
            group_name: BStr::new(&*self.group),
            tty: self.terminal != 0,
            container_id: container.map(|container| BStr::new(&*container.id)),
            entry: self.is_entry,
            cwd: BStr::new(&*self.directory),
            env: decode(&self.environment),
            comm: BStr::new(&*self.comm),
            argv: decode(&self.argv),
            exe_path: BStr::new(&*self.exe_path),
            vpid: self.namespace_pid.max(0),
            pgid: self.process_group.max(0),
            sid: self.session.max(0),
            tty_number: self.terminal as i32,
            login_uid: self.login_uid as i32,
            cap_permitted: bits(self.capabilities.permitted),
            cap_effective: bits(self.capabilities.effective),
            cap_inheritable: bits(self.capabilities.inheritable),
            exe_flags: self.exe_flags as i32,
            exe_inode: self.exe_inode as i64,
            exe_ctime: self.exe_changed as i64,
            exe_mtime: self.exe_modified as i64,
        }
    }
}

/// All processes.
#[derive(Debug, Default)]
pub(crate) struct Processes {
    all: Slab<KnownProcess>,
    by_oid: HashMap<Oid, ProcessRef, foldhash::fast::FixedState>,
    /// The last process met with a pid.
    by_pid: HashMap<i64, ProcessRef, foldhash::fast::FixedState>,
    /// How many processes name each as their parent.
    children: HashMap<Oid, u32, foldhash::fast::FixedState>,
    /// The order of the original's table, where that is kept.
    order: Option<HashOrder<ProcessRef>>,
    met: u64,
}

/// The buckets with which the original's table of processes begins.
const BUCKETS: usize = 1 << 17;

/// Where the original's table looks for a process.
fn order_hash(oid: Oid) -> u64 {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&oid.create_ts.to_le_bytes());
    key[8..].copy_from_slice(&oid.hpid.to_le_bytes());
    hash_of(&key) / 8
}

impl Processes {
    /// With the order of the original's table.
    pub(crate) fn with_order() -> Self {
        Self {
            order: Some(HashOrder::with_buckets(BUCKETS)),
            ..Self::default()
        }
    }

    /// Whether a process is the parent of another in the table.
    pub(crate) fn has_children(&self, oid: Oid) -> bool {
        self.children.contains_key(&oid)
    }

    #[inline]
    pub(crate) fn get(&self, process: ProcessRef) -> Option<&KnownProcess> {
        self.all.get(process)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, process: ProcessRef) -> Option<&mut KnownProcess> {
        self.all.get_mut(process)
    }

    #[inline]
    pub(crate) fn find(&self, oid: Oid) -> Option<ProcessRef> {
        self.by_oid.get(&oid).copied()
    }

    /// The last process met with a pid; where the order of the original's table is kept, the first there.
    pub(crate) fn find_by_pid(&self, pid: i64) -> Option<ProcessRef> {
        let last = self.by_pid.get(&pid).copied()?;
        let is_only = self.all.get(last)?.older_of_pid.is_none();
        match &self.order {
            Some(order) if !is_only => order.iter().find(|place| {
                self.all
                    .get(*place)
                    .is_some_and(|process| process.oid.hpid == pid)
            }),
            _ => Some(last),
        }
    }

    pub(crate) fn insert(&mut self, mut process: KnownProcess) -> ProcessRef {
        self.met += 1;
        process.number = self.met;
        let oid = process.oid;
        if let Some(parent) = process.parent {
            *self.children.entry(parent).or_default() += 1;
        }
        let place = self.all.insert(process);
        self.by_oid.insert(oid, place);
        if let Some(order) = &mut self.order {
            order.insert(order_hash(oid), place);
        }
        let older = self.by_pid.insert(oid.hpid, place);
        if let Some(process) = self.all.get_mut(place) {
            process.older_of_pid = older;
        }
        place
    }

    pub(crate) fn remove(&mut self, place: ProcessRef) -> Option<KnownProcess> {
        let process = self.all.remove(place)?;
        if let Some(order) = &mut self.order {
            order.remove(order_hash(process.oid), place);
        }
        if self.by_oid.get(&process.oid) == Some(&place) {
            self.by_oid.remove(&process.oid);
        }
        self.leave_pid(place, &process);
        if let Some(parent) = process.parent
            && let Some(children) = self.children.get_mut(&parent)
        {
            *children -= 1;
            if *children == 0 {
                self.children.remove(&parent);
            }
        }
        Some(process)
    }

    /// Takes a process out of the list of those with its pid.
    fn leave_pid(&mut self, place: ProcessRef, process: &KnownProcess) {
        let pid = process.oid.hpid;
        let mut next = self.by_pid.get(&pid).copied();
        if next == Some(place) {
            match process.older_of_pid {
                Some(older) => self.by_pid.insert(pid, older),
                None => self.by_pid.remove(&pid),
            };
            return;
        }
        while let Some(younger) = next.and_then(|next| self.all.get_mut(next)) {
            if younger.older_of_pid == Some(place) {
                younger.older_of_pid = process.older_of_pid;
                return;
            }
            next = younger.older_of_pid;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) const fn all(&self) -> &Slab<KnownProcess> {
        &self.all
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ProcessRef, &KnownProcess)> {
        self.all.iter()
    }

    /// All processes in the order in which the original has them, else in that in which they were met.
    pub(crate) fn in_order(&self) -> Vec<ProcessRef> {
        if let Some(order) = &self.order {
            return order.iter().collect();
        }
        let mut order: Vec<(u64, ProcessRef)> = self
            .all
            .iter()
            .map(|(place, process)| (process.number, place))
            .collect();
        order.sort_unstable_by_key(|(number, _)| *number);
        order.into_iter().map(|(_, place)| place).collect()
    }

    /// Another file begins.
    pub(crate) fn forget_written(&mut self) {
        for process in self.all.iter_mut() {
            process.is_written = false;
            process.is_changed = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::empty;

    fn process(create_ts: i64, hpid: i64) -> KnownProcess {
        KnownProcess {
            oid: Oid { create_ts, hpid },
            parent: None,
            state: ObjectState::REUP,
            ts: 0,
            exe: empty(),
            exe_args: empty(),
            uid: 0,
            user: empty(),
            gid: 0,
            group: empty(),
            container: None,
            is_entry: false,
            directory: empty(),
            environment: empty(),
            comm: empty(),
            argv: empty(),
            exe_path: empty(),
            namespace_pid: 0,
            process_group: 0,
            session: 0,
            terminal: 0,
            login_uid: 0,
            capabilities: Capabilities::default(),
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
            used: 0,
            older_of_pid: None,
        }
    }

    #[test]
    fn processes_with_the_same_pid_are_all_found() {
        let mut processes = Processes::default();
        let places = [1, 2, 3].map(|ts| processes.insert(process(ts, 7)));
        processes.insert(process(4, 8));
        assert_eq!(processes.find_by_pid(7), Some(places[2]));
        processes.remove(places[1]);
        assert_eq!(processes.find_by_pid(7), Some(places[2]));
        processes.remove(places[2]);
        assert_eq!(processes.find_by_pid(7), Some(places[0]));
        processes.remove(places[0]);
        assert_eq!(processes.find_by_pid(7), None);
    }

    #[test]
    fn the_original_takes_the_first_in_its_table() {
        let mut processes = Processes::with_order();
        let places = [1, 2, 3, 4, 5].map(|ts| processes.insert(process(ts, 7)));
        let first = processes.in_order()[0];
        assert_ne!(first, places[4], "the last would be found in any case");
        assert_eq!(processes.find_by_pid(7), Some(first));
    }
}
