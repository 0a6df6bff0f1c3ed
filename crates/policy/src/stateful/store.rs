//! Memory with a budget.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

/// What an entry costs besides its key and its value: the map, the order and their pointers.
const OVERHEAD: usize = 160;

/// A value that knows its size.
pub(super) trait Weighed {
    /// Bytes beyond those that every entry takes.
    fn bytes(&self) -> usize;

    /// Whether it can no longer matter at a time.
    fn expired(&self, now: i64) -> bool;
}

struct Entry<T> {
    value: T,
    bytes: usize,
    used: u64,
}

/// Values by key. Beyond the budget those that were used the longest ago are forgotten.
pub(super) struct Store<T> {
    entries: HashMap<Arc<[u8]>, Entry<T>, RandomState>,
    /// Keys by when they were used.
    order: BTreeMap<u64, Arc<[u8]>>,
    uses: u64,
    bytes: usize,
    max_entries: usize,
    max_bytes: usize,
    /// How many entries were forgotten that could still have mattered.
    pub(super) evicted: u64,
}

impl<T: Weighed> Store<T> {
    pub(super) fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self {
            entries: HashMap::default(),
            order: BTreeMap::new(),
            uses: 0,
            bytes: 0,
            max_entries,
            max_bytes,
            evicted: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&T> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    pub(super) fn remove(&mut self, key: &[u8]) -> Option<T> {
        let entry = self.entries.remove(key)?;
        self.order.remove(&entry.used);
        self.bytes -= entry.bytes;
        Some(entry.value)
    }

    /// Puts a value at its key, as the one used last, and keeps the budget.
    pub(super) fn put(&mut self, key: &[u8], value: T, now: i64) {
        self.remove(key);
        let key: Arc<[u8]> = key.into();
        let bytes = OVERHEAD + key.len() + value.bytes();
        self.uses += 1;
        let used = self.uses;
        self.order.insert(used, Arc::clone(&key));
        self.entries.insert(key, Entry { value, bytes, used });
        self.bytes += bytes;
        while self.entries.len() > self.max_entries || self.bytes > self.max_bytes {
            let Some(oldest) = self.order.first_key_value().map(|(_, key)| Arc::clone(key)) else {
                return;
            };
            if let Some(value) = self.remove(&oldest) {
                self.evicted += u64::from(!value.expired(now));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weighed for usize {
        fn bytes(&self) -> usize {
            *self
        }

        fn expired(&self, now: i64) -> bool {
            now > 100
        }
    }

    #[test]
    fn the_oldest_are_forgotten_and_counted() {
        let mut store = Store::new(2, 10_000);
        for key in [b"a", b"b"] {
            store.put(key, 1_usize, 0);
        }
        store.put(b"a", 2, 0);
        store.put(b"c", 3, 0);
        assert_eq!((store.get(b"a"), store.get(b"b")), (Some(&2), None));
        assert_eq!((store.evicted, store.len()), (1, 2));
        store.put(b"d", 3, 101);
        assert_eq!(
            (store.evicted, store.len()),
            (1, 2),
            "what is over is no loss"
        );
        store.put(b"e", 20_000, 0);
        assert_eq!(
            (store.len(), store.bytes()),
            (0, 0),
            "too large for any budget"
        );
    }
}
