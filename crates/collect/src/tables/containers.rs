//! Containers.

use std::collections::HashMap;
use std::sync::Arc;

use bstr::BStr;
use sysflow_event::snapshot;
use sysflow_record::model::{Container, ContainerType};

use super::slab::{Key, Slab};
use crate::text::{Text, empty};

/// The place of a container in the table.
pub(crate) type ContainerRef = Key;

/// What is known of a container.
#[derive(Debug)]
pub(crate) struct KnownContainer {
    pub(crate) id: Text,
    pub(crate) name: Text,
    /// The image with its tag.
    pub(crate) image: Text,
    pub(crate) image_id: Text,
    pub(crate) kind: i32,
    pub(crate) is_privileged: bool,
    pub(crate) pod_id: Option<Text>,
    /// Whether the file that is being written holds it as it is now.
    pub(crate) is_written: bool,
    /// When it was spoken of last, in seconds.
    seen: u64,
    /// The last sweep that found something of it.
    pub(crate) found: u64,
}

impl KnownContainer {
    pub(crate) fn record(&self, raw_types: bool) -> Container<'_> {
        let is_in_schema =
            usize::try_from(self.kind).is_ok_and(|kind| kind < ContainerType::SYMBOLS.len());
        Container {
            id: BStr::new(&*self.id),
            name: BStr::new(&*self.name),
            image: BStr::new(&*self.image),
            image_id: BStr::new(&*self.image_id),
            kind: if is_in_schema || raw_types {
                ContainerType(self.kind)
            } else {
                ContainerType::CUSTOM
            },
            privileged: self.is_privileged,
            pod_id: self.pod_id.as_deref().map(BStr::new),
            ..Container::default()
        }
    }
}

/// All containers.
#[derive(Debug, Default)]
pub(crate) struct Containers {
    all: Slab<KnownContainer>,
    by_id: HashMap<Text, ContainerRef, foldhash::fast::FixedState>,
    /// Whether what becomes known of a container once it was written is not written: see
    /// [`Quirks::LATE_CONTAINERS_STAY`](crate::Quirks::LATE_CONTAINERS_STAY).
    pub(crate) are_written_once: bool,
    /// The second of the last event.
    pub(crate) now: u64,
}

impl Containers {
    pub(crate) fn get(&self, container: ContainerRef) -> Option<&KnownContainer> {
        self.all.get(container)
    }

    pub(crate) fn get_mut(&mut self, container: ContainerRef) -> Option<&mut KnownContainer> {
        self.all.get_mut(container)
    }

    /// The id; empty for the host.
    pub(crate) fn id(&self, container: Option<ContainerRef>) -> &[u8] {
        container
            .and_then(|container| self.get(container))
            .map_or(&[], |container| &container.id)
    }

    /// The container with an id. One that was not known yet has no more than its id and type; `None` when
    /// there are too many.
    pub(crate) fn find(&mut self, id: &[u8], kind: i32, limit: usize) -> Option<ContainerRef> {
        if let Some(container) = self.by_id.get(id).copied() {
            if let Some(known) = self.all.get_mut(container) {
                known.seen = self.now;
            }
            return Some(container);
        }
        if self.all.len() >= limit {
            return None;
        }
        let id: Text = Arc::from(id);
        let container = self.all.insert(KnownContainer {
            id: id.clone(),
            name: empty(),
            image: Arc::from(&b":"[..]),
            image_id: empty(),
            kind,
            is_privileged: false,
            pod_id: None,
            is_written: false,
            seen: self.now,
            found: 0,
        });
        self.by_id.insert(id, container);
        Some(container)
    }

    /// Takes facts about a container. Where they change it, it will be written again.
    pub(crate) fn learn(&mut self, facts: &snapshot::Container<'_>, limit: usize) {
        let Some(container) = self.find(facts.id, facts.kind, limit) else {
            return;
        };
        let stays = self.are_written_once;
        let Some(known) = self.get_mut(container) else {
            return;
        };
        let image = [facts.image, b":", facts.image_tag].concat();
        let pod_id = facts.pod_id.map(Arc::from);
        let is_same = *known.name == *facts.name
            && *known.image == *image
            && *known.image_id == *facts.image_id
            && known.kind == facts.kind
            && known.is_privileged == facts.is_privileged
            && known.pod_id == pod_id;
        if is_same {
            return;
        }
        known.name = Arc::from(facts.name);
        known.image = Arc::from(image);
        known.image_id = Arc::from(facts.image_id);
        known.kind = facts.kind;
        known.is_privileged = facts.is_privileged;
        known.pod_id = pod_id;
        known.is_written &= stays;
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is a container with an id.
    pub(crate) fn contains(&self, id: &[u8]) -> bool {
        self.by_id.contains_key(id)
    }

    /// Forgets containers of which a sweep found nothing, and that nobody spoke of since a second. Gives their
    /// number.
    pub(crate) fn forget_unfound(&mut self, sweep: u64, since: u64) -> u64 {
        let is_old = |known: &KnownContainer| known.found != sweep && known.seen < since;
        let old: Vec<ContainerRef> = self
            .all
            .iter()
            .filter(|(_, known)| is_old(known))
            .map(|(key, _)| key)
            .collect();
        for container in &old {
            if let Some(known) = self.all.remove(*container) {
                self.by_id.remove(&known.id);
            }
        }
        old.len() as u64
    }

    /// Another file begins.
    pub(crate) fn forget_written(&mut self) {
        self.all
            .iter_mut()
            .for_each(|container| container.is_written = false);
    }
}
