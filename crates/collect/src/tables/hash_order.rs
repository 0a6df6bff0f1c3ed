//! The order of the original's hash tables.
//!
//! The original writes what is left of a process, and of all processes, in the order in which its hash tables
//! hold them: open addressing in a power of two of buckets, with tombstones. To be in the same order, the
//! strict profile keeps the same tables, of places only.

use twox_hash::XxHash3_64;

/// The buckets that a table has at least.
const FEWEST: usize = 32;

/// A hash as the original has it.
pub(crate) fn hash_of(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bucket<T> {
    Empty,
    /// Something was removed here: probing goes on.
    Tombstone,
    Full(u64, T),
}

/// Values in the order of a hash table.
#[derive(Debug)]
pub(crate) struct HashOrder<T> {
    buckets: Vec<Bucket<T>>,
    live: usize,
    tombstones: usize,
    /// Whether something was removed since the size was last looked at.
    may_shrink: bool,
}

impl<T: Copy + PartialEq> HashOrder<T> {
    /// A table that begins with so many buckets.
    pub(crate) fn with_buckets(buckets: usize) -> Self {
        Self {
            buckets: vec![Bucket::Empty; buckets.next_power_of_two()],
            live: 0,
            tombstones: 0,
            may_shrink: false,
        }
    }

    /// A table of the usual size.
    pub(crate) fn new() -> Self {
        Self::with_buckets(FEWEST)
    }

    /// The values, bucket by bucket.
    pub(crate) fn iter(&self) -> impl Iterator<Item = T> {
        self.buckets.iter().filter_map(|bucket| match bucket {
            Bucket::Full(_, value) => Some(*value),
            Bucket::Empty | Bucket::Tombstone => None,
        })
    }

    /// Puts a new value in.
    pub(crate) fn insert(&mut self, hash: u64, value: T) {
        self.resize_for_one_more();
        self.place(hash, value);
    }

    /// Takes a value out.
    pub(crate) fn remove(&mut self, hash: u64, value: T) {
        for position in self.probes(hash) {
            match self.buckets[position] {
                Bucket::Full(_, found) if found == value => {
                    self.buckets[position] = Bucket::Tombstone;
                    self.live -= 1;
                    self.tombstones += 1;
                    self.may_shrink = true;
                    return;
                }
                Bucket::Empty => return,
                Bucket::Full(..) | Bucket::Tombstone => {}
            }
        }
    }

    /// The buckets at which a hash is looked for: steps grow by one.
    fn probes(&self, hash: u64) -> impl Iterator<Item = usize> + use<T> {
        let mask = self.buckets.len() - 1;
        let mut position = hash as usize & mask;
        (0..=mask).map(move |step| {
            position = (position + step) & mask;
            position
        })
    }

    fn place(&mut self, hash: u64, value: T) {
        let mut tombstone = None;
        for position in self.probes(hash) {
            match self.buckets[position] {
                Bucket::Full(..) => {}
                Bucket::Tombstone => {
                    tombstone.get_or_insert(position);
                }
                Bucket::Empty => {
                    if tombstone.is_some() {
                        self.tombstones -= 1;
                    }
                    self.buckets[tombstone.unwrap_or(position)] = Bucket::Full(hash, value);
                    self.live += 1;
                    return;
                }
            }
        }
    }

    fn resize_for_one_more(&mut self) {
        if std::mem::replace(&mut self.may_shrink, false) {
            let is_sparse = |buckets: usize| self.live * 5 < buckets && buckets > FEWEST;
            let mut buckets = self.buckets.len();
            while is_sparse(buckets) {
                buckets /= 2;
            }
            if buckets != self.buckets.len() {
                self.rebuild(buckets);
            }
        }
        let used = self.live + self.tombstones;
        if used < self.buckets.len() / 2 {
            return;
        }
        let needed_by_all = Self::buckets_for(used + 1, FEWEST);
        if needed_by_all <= self.buckets.len() {
            return;
        }
        // Tombstones go with a rebuild, but room for what may come is left.
        let mut buckets = Self::buckets_for(self.live + 1, self.buckets.len());
        if buckets < needed_by_all && (self.live + 1) * 5 >= buckets * 2 {
            buckets *= 2;
        }
        self.rebuild(buckets);
    }

    /// The smallest number of buckets, from a number up, of which so many are less than half.
    fn buckets_for(count: usize, from: usize) -> usize {
        let mut buckets = from;
        while count >= buckets / 2 {
            buckets *= 2;
        }
        buckets
    }

    fn rebuild(&mut self, buckets: usize) {
        let old = std::mem::replace(&mut self.buckets, vec![Bucket::Empty; buckets]);
        (self.live, self.tombstones) = (0, 0);
        for bucket in old {
            if let Bucket::Full(hash, value) = bucket {
                self.place(hash, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_collide_move_and_leave_tombstones() {
        let mut order = HashOrder::new();
        for (hash, value) in [(5, 'a'), (5, 'b'), (5, 'c'), (2, 'd')] {
            order.insert(hash, value);
        }
        // 5, then one further, then two further.
        assert_eq!(order.iter().collect::<String>(), "dabc");
        order.remove(5, 'a');
        order.insert(6, 'e');
        assert_eq!(order.iter().collect::<String>(), "dbec");
        order.insert(37, 'f');
        assert_eq!(order.iter().collect::<String>(), "dfbec");
    }

    #[test]
    fn tables_grow_and_shrink() {
        let mut order = HashOrder::with_buckets(128);
        for value in 0..1000_u64 {
            order.insert(value.wrapping_mul(0x9e37_79b9_7f4a_7c15), value);
        }
        assert_eq!(order.iter().count(), 1000);
        for value in 0..990_u64 {
            order.remove(value.wrapping_mul(0x9e37_79b9_7f4a_7c15), value);
        }
        order.insert(7, 7);
        assert_eq!((order.iter().count(), order.buckets.len()), (11, 32));
    }

    #[test]
    fn the_hash_is_that_of_the_original() {
        // The hash of nothing, as its authors publish it.
        assert_eq!(hash_of(b""), 0x2d06_8005_38d3_94c2);
    }
}
