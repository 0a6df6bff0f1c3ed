//! Threads.

use std::collections::HashMap;

use sysflow_event::Fd;
use sysflow_event::flags::clone;
use sysflow_event::identity::Capabilities;
use sysflow_event::snapshot::Usage;

use super::descriptor::{Descriptor, DescriptorTable};
use crate::tables::containers::ContainerRef;
use crate::text::{Text, empty};

/// The process id of a thread of which nothing is known but that it did something.
pub(crate) const UNKNOWN: i64 = -1;

/// A thread. What belongs to the process (descriptors, directories, environment) is kept with the main one.
#[derive(Debug)]
pub(crate) struct Thread {
    pub(crate) tid: i64,
    pub(crate) pid: i64,
    /// The parent's id; 0 when there is none.
    pub(crate) parent: i64,
    /// As numbered in its own namespace; 0 when unknown.
    pub(crate) namespace_tid: i64,
    pub(crate) namespace_pid: i64,
    pub(crate) flags: u32,
    /// When it was made, ns since the epoch; 0 when not seen.
    pub(crate) created: u64,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) user: Option<Text>,
    pub(crate) group_name: Option<Text>,
    pub(crate) comm: Text,
    /// `argv[0]`.
    pub(crate) exe: Text,
    pub(crate) exe_path: Text,
    /// `argv[1..]`, a NUL after each.
    pub(crate) arguments: Text,
    /// `NAME=value`, a NUL after each.
    pub(crate) environment: Text,
    /// With a slash at the end; empty when unknown.
    pub(crate) directory: Text,
    /// Empty or `/` where it is that of the host or container.
    pub(crate) root: Text,
    pub(crate) terminal: u32,
    pub(crate) session: i64,
    pub(crate) process_group: i64,
    pub(crate) login_uid: u32,
    pub(crate) capabilities: Capabilities,
    pub(crate) exe_flags: u32,
    pub(crate) exe_inode: u64,
    pub(crate) exe_changed: u64,
    pub(crate) exe_modified: u64,
    pub(crate) container: Option<ContainerRef>,
    /// What only views ask for.
    pub(crate) details: Option<Box<Details>>,
    pub(crate) descriptors: DescriptorTable,
    pub(crate) children: Vec<i64>,
    /// Whether it has ended.
    pub(crate) is_dead: bool,
    /// Whether its own side of the clone came before that of its parent.
    pub(crate) child_came_first: bool,
    /// Whether it takes over children of its descendants.
    pub(crate) is_reaper: bool,
}

/// What only views ask for.
#[derive(Clone, Debug)]
pub(crate) struct Details {
    pub(crate) usage: Usage,
    /// `subsystem=path`, a NUL after each.
    pub(crate) cgroups: Text,
}

impl Default for Details {
    fn default() -> Self {
        Self {
            usage: Usage::default(),
            cgroups: empty(),
        }
    }
}

impl Thread {
    /// A thread of which only the id is known.
    pub(crate) fn placeholder(tid: i64, pid: i64) -> Self {
        Self {
            tid,
            pid,
            parent: UNKNOWN,
            namespace_tid: UNKNOWN,
            namespace_pid: UNKNOWN,
            flags: 0,
            created: 0,
            uid: u32::MAX,
            gid: u32::MAX,
            user: None,
            group_name: None,
            comm: empty(),
            exe: empty(),
            exe_path: empty(),
            arguments: empty(),
            environment: empty(),
            directory: empty(),
            root: empty(),
            terminal: 0,
            session: 0,
            process_group: 0,
            login_uid: u32::MAX,
            capabilities: Capabilities::default(),
            exe_flags: 0,
            exe_inode: 0,
            exe_changed: 0,
            exe_modified: 0,
            container: None,
            details: None,
            descriptors: DescriptorTable::default(),
            children: Vec::new(),
            is_dead: false,
            child_came_first: false,
            is_reaper: false,
        }
    }

    pub(crate) const fn is_main(&self) -> bool {
        self.tid == self.pid
    }

    /// Whether it uses the descriptors of the main thread.
    pub(crate) const fn shares_descriptors(&self) -> bool {
        self.flags & clone::FILES != 0
    }
}

/// All threads by their id.
#[derive(Debug, Default)]
pub(crate) struct Threads {
    by_tid: HashMap<i64, Box<Thread>, foldhash::fast::FixedState>,
}

impl Threads {
    #[inline]
    pub(crate) fn get(&self, tid: i64) -> Option<&Thread> {
        self.by_tid.get(&tid).map(|thread| &**thread)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, tid: i64) -> Option<&mut Thread> {
        self.by_tid.get_mut(&tid).map(|thread| &mut **thread)
    }

    #[inline]
    pub(crate) fn contains(&self, tid: i64) -> bool {
        self.by_tid.contains_key(&tid)
    }

    pub(crate) fn insert(&mut self, thread: Thread) {
        self.by_tid.insert(thread.tid, Box::new(thread));
    }

    pub(crate) fn remove(&mut self, tid: i64) -> Option<Box<Thread>> {
        self.by_tid.remove(&tid)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_tid.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Thread> {
        self.by_tid.values().map(|thread| &**thread)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Thread> {
        self.by_tid.values_mut().map(|thread| &mut **thread)
    }

    pub(crate) fn clear(&mut self) {
        self.by_tid.clear();
    }

    /// The main thread of a thread's process, if it is known.
    #[inline]
    pub(crate) fn main_of(&self, tid: i64) -> Option<&Thread> {
        let thread = self.get(tid)?;
        if thread.is_main() {
            Some(thread)
        } else {
            self.get(thread.pid)
        }
    }

    /// The thread that stands for a thread's process: the main thread, else itself.
    #[inline]
    pub(crate) fn leader_of(&self, tid: i64) -> Option<&Thread> {
        self.leader_of_thread(self.get(tid)?)
    }

    /// The same for a thread that was found.
    #[inline]
    pub(crate) fn leader_of_thread<'t>(&'t self, thread: &'t Thread) -> Option<&'t Thread> {
        if thread.is_main() {
            return Some(thread);
        }
        self.get(thread.pid).or(Some(thread))
    }

    /// The id of the thread whose table holds the descriptors of a thread.
    #[inline]
    pub(crate) fn descriptor_owner(&self, tid: i64) -> Option<i64> {
        let thread = self.get(tid)?;
        if thread.is_main() || !thread.shares_descriptors() {
            return Some(tid);
        }
        self.contains(thread.pid).then_some(thread.pid)
    }

    /// The table that holds the descriptors of a thread.
    #[inline]
    pub(crate) fn descriptors(&self, tid: i64) -> Option<&DescriptorTable> {
        self.descriptors_of_thread(self.get(tid)?)
    }

    /// The same for a thread that was found.
    #[inline]
    pub(crate) fn descriptors_of_thread<'t>(
        &'t self,
        thread: &'t Thread,
    ) -> Option<&'t DescriptorTable> {
        if thread.is_main() || !thread.shares_descriptors() {
            return Some(&thread.descriptors);
        }
        self.get(thread.pid).map(|main| &main.descriptors)
    }

    /// A descriptor of a thread that was found, by the number that a system call gave.
    #[inline]
    pub(crate) fn descriptor_of_thread<'t>(
        &'t self,
        thread: &'t Thread,
        fd: i64,
    ) -> Option<&'t Descriptor> {
        let fd = Fd::try_from(fd).ok().filter(|fd| *fd >= 0)?;
        self.descriptors_of_thread(thread)?.get(fd)
    }

    #[inline]
    pub(crate) fn descriptors_mut(&mut self, tid: i64) -> Option<&mut DescriptorTable> {
        let owner = self.descriptor_owner(tid)?;
        self.get_mut(owner).map(|thread| &mut thread.descriptors)
    }

    /// The working directory of a thread's process, with a slash at the end; empty when it is unknown.
    pub(crate) fn directory_of(&self, tid: i64) -> Text {
        match self.main_of(tid) {
            Some(main) => main.directory.clone(),
            None => Text::from(&b"./"[..]),
        }
    }
}
