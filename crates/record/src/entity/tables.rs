//! The entities of a stream.

use bstr::ByteSlice;

use super::generations::Generations;
use super::joined::Joined;
use super::kept::{KeptContainer, KeptFile, KeptHeader, KeptPod};
use super::process::KeptProcess;
use crate::{Foid, Oid, Record};

/// How much memory the entities of a stream may take, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For processes.
    pub processes: usize,
    /// For files.
    pub files: usize,
    /// For containers and for pods, each.
    pub containers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            processes: 64 << 20,
            files: 64 << 20,
            containers: 16 << 20,
        }
    }
}

/// What could not be joined, and what was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Records whose process was not in the stream before them.
    pub unknown_processes: u64,
    /// Records whose process has a parent that was not in the stream before them.
    pub unknown_parents: u64,
    /// Records with a file that was not in the stream before them.
    pub unknown_files: u64,
    /// Records in a container that was not in the stream before them.
    pub unknown_containers: u64,
    /// Entities that were forgotten to stay within the limits.
    pub forgotten: u64,
}

/// The entities of a stream, as they are at the record in hand.
#[derive(Debug)]
pub struct Tables {
    header: Option<KeptHeader>,
    pub(super) processes: Generations<Oid, KeptProcess>,
    files: Generations<Foid, KeptFile>,
    containers: Generations<Box<[u8]>, KeptContainer>,
    pods: Generations<Box<[u8]>, KeptPod>,
    events: u64,
    /// Counts the entities that were taken in.
    stamp: u64,
    statistics: Statistics,
}

impl Default for Tables {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Tables {
    /// Empty tables.
    pub fn new(limits: Limits) -> Self {
        Self {
            header: None,
            processes: Generations::new(limits.processes),
            files: Generations::new(limits.files),
            containers: Generations::new(limits.containers),
            pods: Generations::new(limits.containers),
            events: 0,
            stamp: 0,
            statistics: Statistics::default(),
        }
    }

    /// Takes in a record: entities are kept, events and flows are joined with theirs.
    pub fn join<'t>(&'t mut self, record: &'t Record<'t>) -> Option<Joined<'t>> {
        self.stamp += u64::from(record.kind().is_context());
        match record {
            Record::Header(header) => self.start(KeptHeader::new(header, self.stamp)),
            Record::Container(container) => {
                let kept = KeptContainer::new(container, self.stamp);
                let size = kept.size();
                self.containers
                    .insert(container.id.as_bytes().into(), kept, size);
            }
            Record::Pod(pod) => {
                let kept = KeptPod::new(pod, self.stamp);
                let size = kept.size();
                self.pods.insert(pod.id.as_bytes().into(), kept, size);
            }
            Record::Process(process) => {
                let kept = KeptProcess::new(process, self.stamp);
                let size = kept.size();
                self.processes.insert(process.oid, kept, size);
            }
            Record::File(file) => {
                let kept = KeptFile::new(file);
                let size = kept.size();
                self.files.insert(file.oid, kept, size);
            }
            event => return Some(self.join_event(event)),
        }
        None
    }

    /// Like [`join`](Self::join), but entities too are joined, with what they refer to themselves.
    pub fn join_all<'t>(&'t mut self, record: &'t Record<'t>) -> Joined<'t> {
        if record.kind().is_context() {
            let _ = self.join(record);
        }
        self.join_event(record)
    }

    /// What could not be joined so far, and what was forgotten.
    pub fn statistics(&self) -> Statistics {
        let forgotten = self.processes.dropped()
            + self.files.dropped()
            + self.containers.dropped()
            + self.pods.dropped();
        Statistics {
            forgotten,
            ..self.statistics
        }
    }

    /// The number of entities in hand: processes, files, containers, pods.
    pub fn counts(&self) -> [usize; 4] {
        [
            self.processes.len(),
            self.files.len(),
            self.containers.len(),
            self.pods.len(),
        ]
    }

    fn start(&mut self, header: KeptHeader) {
        self.processes.clear();
        self.files.clear();
        self.containers.clear();
        self.pods.clear();
        self.header = Some(header);
    }

    fn join_event<'t>(&'t mut self, record: &'t Record<'t>) -> Joined<'t> {
        let (oid, foid, new_foid) = references(record);
        let in_event = !record.kind().is_context();
        if let Some(oid) = &oid {
            self.processes.touch(oid, KeptProcess::size);
            let parent = self.processes.get(oid).and_then(|process| process.poid);
            if let Some(parent) = &parent {
                self.processes.touch(parent, KeptProcess::size);
                if in_event && self.processes.get(parent).is_none() {
                    self.statistics.unknown_parents += 1;
                }
            }
        }
        for foid in [&foid, &new_foid].into_iter().flatten() {
            self.files.touch(foid, KeptFile::size);
        }
        let process = oid.and_then(|oid| self.processes.get(&oid));
        let file = foid.and_then(|foid| self.files.get(&foid));
        let new_file = new_foid.and_then(|foid| self.files.get(&foid));
        let container_id = match (process, record) {
            (None, Record::File(file)) => file.container_id,
            (process, _) => process.and_then(KeptProcess::container_id),
        };
        let container = container_id.and_then(|id| self.containers.get(id.as_bytes()));
        let pod = container
            .and_then(KeptContainer::pod_id)
            .and_then(|id| self.pods.get(id.as_bytes()));
        if in_event {
            self.events += 1;
            let missing = |wanted: bool, found: bool| u64::from(wanted && !found);
            self.statistics.unknown_processes += missing(oid.is_some(), process.is_some());
            self.statistics.unknown_files += missing(foid.is_some(), file.is_some());
            self.statistics.unknown_files += missing(new_foid.is_some(), new_file.is_some());
            self.statistics.unknown_containers +=
                missing(container_id.is_some(), container.is_some());
        }
        Joined {
            record,
            number: self.events,
            header: self.header.as_ref(),
            process,
            parent: process
                .and_then(|process| process.poid)
                .and_then(|poid| self.processes.get(&poid)),
            file,
            new_file,
            container,
            pod,
            processes: &self.processes,
        }
    }
}

/// What a record refers to: its process, its file and its second file.
const fn references(record: &Record<'_>) -> (Option<Oid>, Option<Foid>, Option<Foid>) {
    match record {
        Record::ProcessEvent(event) => (Some(event.proc_oid), None, None),
        Record::FileEvent(event) => (
            Some(event.proc_oid),
            Some(event.file_oid),
            event.new_file_oid,
        ),
        Record::NetworkEvent(event) => (Some(event.proc_oid), None, None),
        Record::NetworkFlow(flow) => (Some(flow.proc_oid), None, None),
        Record::FileFlow(flow) => (Some(flow.proc_oid), Some(flow.file_oid), None),
        Record::ProcessFlow(flow) => (Some(flow.proc_oid), None, None),
        Record::Process(process) => (Some(process.oid), None, None),
        Record::File(file) => (None, Some(file.oid), None),
        Record::Loss(loss) => (loss.proc_oid, None, None),
        Record::Header(_) | Record::Container(_) | Record::Pod(_) | Record::K8sEvent(_) => {
            (None, None, None)
        }
    }
}
