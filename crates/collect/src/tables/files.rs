//! Files.

use std::collections::HashMap;

use bstr::BStr;
use sysflow_record::Foid;
use sysflow_record::model::{File, ObjectState, ResourceType};

use super::containers::{ContainerRef, Containers};
use super::slab::{Key, Slab};
use crate::text::Text;

/// The place of a file in the table.
pub(crate) type FileRef = Key;

/// A file: a path in a container.
#[derive(Debug)]
pub(crate) struct KnownFile {
    pub(crate) oid: Foid,
    pub(crate) container: Option<ContainerRef>,
    pub(crate) path: Text,
    pub(crate) kind: ResourceType,
    pub(crate) state: ObjectState,
    /// When it was first seen, ns since the epoch.
    pub(crate) ts: u64,
    pub(crate) inode: u64,
    pub(crate) device: u64,
    /// How many flows are in progress on it.
    pub(crate) flows: u32,
    /// When it was used last, ns since the epoch.
    pub(crate) used: u64,
    /// Whether the file that is being written holds it as it is now.
    pub(crate) is_written: bool,
}

impl KnownFile {
    pub(crate) fn record<'a>(&'a self, containers: &'a Containers) -> File<'a> {
        let container = self
            .container
            .and_then(|container| containers.get(container));
        File {
            state: self.state,
            oid: self.oid,
            ts: self.ts as i64,
            kind: self.kind,
            path: BStr::new(&*self.path),
            container_id: container.map(|container| BStr::new(&*container.id)),
            inode: self.inode as i64,
            device: self.device as i64,
        }
    }
}

/// What a file is when it is met.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sighting {
    pub(crate) kind: ResourceType,
    pub(crate) state: ObjectState,
    pub(crate) ts: u64,
    pub(crate) inode: u64,
    pub(crate) device: u64,
}

/// All files.
#[derive(Debug, Default)]
pub(crate) struct Files {
    all: Slab<KnownFile>,
    by_path: HashMap<Place, FileRef, foldhash::fast::FixedState>,
    /// Whether containers and paths are told apart only as one text: see
    /// [`Quirks::TEXT_KEYS`](crate::Quirks::TEXT_KEYS).
    pub(crate) are_joined: bool,
}

/// Where a file is.
type Place = (Option<ContainerRef>, Text);

impl Files {
    #[inline]
    pub(crate) fn get(&self, file: FileRef) -> Option<&KnownFile> {
        self.all.get(file)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, file: FileRef) -> Option<&mut KnownFile> {
        self.all.get_mut(file)
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// The file at a path, met now if it was not known.
    pub(crate) fn find(
        &mut self,
        container: Option<ContainerRef>,
        path: &Text,
        containers: &Containers,
        sighting: Sighting,
    ) -> FileRef {
        let key = self.place_of(container, path, containers);
        if let Some(file) = self.by_path.get(&key) {
            if let Some(known) = self.all.get_mut(*file) {
                known.used = sighting.ts;
            }
            return *file;
        }
        let file = self.all.insert(KnownFile {
            oid: Foid::of(containers.id(container), path),
            container,
            path: path.clone(),
            kind: sighting.kind,
            state: sighting.state,
            ts: sighting.ts,
            inode: sighting.inode,
            device: sighting.device,
            flows: 0,
            used: sighting.ts,
            is_written: false,
        });
        self.by_path.insert(key, file);
        file
    }

    fn place_of(
        &self,
        container: Option<ContainerRef>,
        path: &Text,
        containers: &Containers,
    ) -> Place {
        if container.is_some() && self.are_joined {
            return (None, [containers.id(container), path].concat().into());
        }
        (container, path.clone())
    }

    pub(crate) fn remove(&mut self, file: FileRef, containers: &Containers) {
        if let Some(known) = self.all.remove(file) {
            let place = self.place_of(known.container, &known.path, containers);
            self.by_path.remove(&place);
        }
    }

    /// Forgets files without flows: all of them, or the half that was not used for longest. Gives their number.
    pub(crate) fn forget_unused(&mut self, only_older_half: bool, containers: &Containers) -> u64 {
        let idle = || self.all.iter().filter(|(_, file)| file.flows == 0);
        let mut used: Vec<u64> = idle().map(|(_, file)| file.used).collect();
        let newest = if only_older_half && !used.is_empty() {
            let middle = used.len() / 2;
            *used.select_nth_unstable(middle).1
        } else {
            u64::MAX
        };
        let old: Vec<FileRef> = idle()
            .filter(|(_, file)| file.used <= newest)
            .map(|(key, _)| key)
            .collect();
        for file in &old {
            self.remove(*file, containers);
        }
        old.len() as u64
    }

    pub(crate) const fn all(&self) -> &Slab<KnownFile> {
        &self.all
    }

    /// Another file begins: what is used there is repeated.
    pub(crate) fn forget_written(&mut self) {
        for file in self.all.iter_mut() {
            file.is_written = false;
            file.state = ObjectState::REUP;
        }
    }
}
