//! A map in bounded memory.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

/// A map of two generations. New and used entries live in the young one; when that has filled half of the
/// budget it becomes the old one, and what was old and not used since is dropped.
#[derive(Debug)]
pub(super) struct Generations<K, V> {
    young: HashMap<K, V, RandomState>,
    old: HashMap<K, V, RandomState>,
    young_bytes: usize,
    budget: usize,
    dropped: u64,
}

impl<K: Eq + Hash, V> Generations<K, V> {
    pub(super) fn new(budget: usize) -> Self {
        Self {
            young: HashMap::default(),
            old: HashMap::default(),
            young_bytes: 0,
            budget,
            dropped: 0,
        }
    }

    /// Adds or replaces an entry that takes some `bytes`.
    pub(super) fn insert(&mut self, key: K, value: V, bytes: usize) {
        self.old.remove(&key);
        self.young.insert(key, value);
        self.used(bytes);
    }

    /// Keeps an entry that is being used from being dropped. `bytes` is what it takes.
    pub(super) fn touch<Q: Eq + Hash + ?Sized>(&mut self, key: &Q, bytes: impl FnOnce(&V) -> usize)
    where
        K: Borrow<Q>,
    {
        if self.old.is_empty() {
            return;
        }
        if let Some((key, value)) = self.old.remove_entry(key) {
            let bytes = bytes(&value);
            self.young.insert(key, value);
            self.used(bytes);
        }
    }

    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.young.get(key).or_else(|| {
            if self.old.is_empty() {
                None
            } else {
                self.old.get(key)
            }
        })
    }

    pub(super) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
        self.young_bytes = 0;
    }

    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// How many entries were dropped to stay in the budget.
    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }

    fn used(&mut self, bytes: usize) {
        self.young_bytes += bytes;
        if self.young_bytes > self.budget / 2 {
            self.dropped += self.old.len() as u64;
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_is_bounded() {
        let mut map = Generations::new(1000);
        map.insert(0, "in use", 1);
        for key in 1..100_000 {
            map.insert(key, "passing by", 1);
            map.touch(&0, |_| 1);
            assert!(map.len() <= 1002, "{}", map.len());
        }
        assert_eq!(map.get(&0), Some(&"in use"));
        assert_eq!(map.get(&1), None);
        assert_eq!(map.get(&99_999), Some(&"passing by"));
        assert_eq!(map.dropped() + map.len() as u64, 100_000);
    }
}
