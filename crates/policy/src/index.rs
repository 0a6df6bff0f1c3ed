//! Which rules an observation can match at all.

use sysflow_field::{Catalogue, KindSet};

use crate::program::{NodeId, Reach};

/// A rule in the index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) root: NodeId,
    /// The number of the rule among its like.
    pub(crate) item: u32,
    /// An observation must stand for one of these operations, unless the rule is for any.
    operations: u64,
    any_operation: bool,
}

impl Entry {
    const fn reached(&self) -> u64 {
        if self.any_operation {
            u64::MAX
        } else {
            self.operations
        }
    }
}

/// Rules by kind of observation, each bucket in the order in which the rules were loaded.
#[derive(Debug, Default)]
pub(crate) struct Index {
    buckets: Vec<Vec<Entry>>,
    /// The operations that some rule is about; all if a rule is about any.
    operations: u64,
}

impl Index {
    pub(crate) fn new(catalogue: &Catalogue) -> Self {
        Self {
            buckets: vec![Vec::new(); catalogue.kinds.len()],
            operations: 0,
        }
    }

    pub(crate) fn add(&mut self, item: u32, root: NodeId, kinds: KindSet, reach: Reach) {
        let entry = Entry {
            root,
            item,
            operations: reach.operations.unwrap_or(u64::MAX),
            any_operation: reach.operations.is_none(),
        };
        let kinds = kinds.intersection(reach.kinds);
        for (kind, bucket) in self.buckets.iter_mut().enumerate() {
            if kinds.contains(kind as u32) && (entry.any_operation || entry.operations != 0) {
                bucket.push(entry);
                self.operations |= entry.reached();
            }
        }
    }

    /// Leaves out the rules that are not to be asked.
    pub(crate) fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        for bucket in &mut self.buckets {
            bucket.retain(|entry| keep(entry.item));
        }
        let entries = self.buckets.iter().flatten();
        self.operations = entries.fold(0, |all, entry| all | entry.reached());
    }

    /// Whether some rule is about one of these operations, whatever the kind of the observation: if not, its
    /// kind need not be found out.
    pub(crate) const fn reaches(&self, operations: u64) -> bool {
        self.operations == u64::MAX || self.operations & operations != 0
    }

    /// The rules that an observation of this kind and with these operations may match.
    pub(crate) fn candidates(&self, kind: usize, operations: u64) -> impl Iterator<Item = &Entry> {
        let bucket = self.buckets.get(kind).map_or(&[][..], Vec::as_slice);
        bucket
            .iter()
            .filter(move |entry| entry.any_operation || entry.operations & operations != 0)
    }
}
