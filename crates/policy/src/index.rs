//! Which rules an observation can match at all.
//!
//! Rules are numbered in the order in which they were loaded, and a set of rules is a row of bits. Those that
//! are for the operation and the kind of an observation are the first set; a [`Sieve`] takes out of it those
//! of which something that they need is not so. What is left is asked as a whole, in order.

use sysflow_field::{Catalogue, KindSet, View};

use crate::bits;
use crate::program::{Builder, NodeId, Reach};
use crate::sieve::Sieve;

/// A rule in the index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) root: NodeId,
    /// The number of the rule among its like.
    pub(crate) item: u32,
    kinds: KindSet,
    /// An observation must stand for one of these operations, unless the rule is for any.
    operations: Option<u64>,
}

impl Entry {
    /// A rule of these kinds. Items are to be numbered in the order in which they are put into an index.
    pub(crate) fn new(item: u32, root: NodeId, kinds: KindSet, builder: &Builder) -> Self {
        let Reach {
            kinds: of_root,
            operations,
        } = builder.if_true(root);
        Self {
            root,
            item,
            kinds: kinds.intersection(of_root),
            operations,
        }
    }

    fn is_for_operation(&self, operations: u64) -> bool {
        self.operations.is_none_or(|own| own & operations != 0)
    }
}

/// Where the rules stand that are for observations of no operation, or of several.
const OTHER_OPERATIONS: usize = u64::BITS as usize;

/// Rules by operation and kind.
#[derive(Debug, Default)]
pub(crate) struct Index {
    entries: Vec<Entry>,
    /// For each operation the rules that are for it, those that are for any among them; behind them those that
    /// are for any.
    by_operation: Vec<Box<[u64]>>,
    by_kind: Vec<Box<[u64]>>,
    /// Rules that are not for all kinds.
    of_few_kinds: Box<[u64]>,
    sieve: Sieve,
}

impl Index {
    pub(crate) fn new(entries: Vec<Entry>, catalogue: &Catalogue, builder: &Builder) -> Self {
        let set_of = |is_in: &dyn Fn(&Entry) -> bool| {
            let mut set = vec![0; bits::words(entries.len())];
            for (number, _) in entries.iter().enumerate().filter(|(_, entry)| is_in(entry)) {
                bits::insert(&mut set, number);
            }
            set.into_boxed_slice()
        };
        let kinds = 0..catalogue.kinds.len() as u32;
        let operations = (0..u64::BITS).map(|bit| 1_u64 << bit).chain([0]);
        let by_operation: Vec<_> = operations
            .map(|operation| set_of(&|entry| entry.is_for_operation(operation)))
            .collect();
        let roots: Vec<NodeId> = entries.iter().map(|entry| entry.root).collect();
        let sieve = Sieve::new(
            &roots,
            &by_operation[..OTHER_OPERATIONS],
            catalogue,
            builder,
        );
        Self {
            by_kind: kinds
                .clone()
                .map(|kind| set_of(&|entry| entry.kinds.contains(kind)))
                .collect(),
            of_few_kinds: set_of(&|entry| !kinds.clone().all(|kind| entry.kinds.contains(kind))),
            by_operation,
            sieve,
            entries,
        }
    }

    /// Leaves out the rules that are not to be asked.
    pub(crate) fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        for (number, entry) in self.entries.iter_mut().enumerate() {
            if !keep(entry.item) {
                entry.operations = Some(0);
                for set in &mut self.by_operation {
                    bits::remove(set, number);
                }
            }
        }
    }

    pub(crate) const fn sieve(&self) -> &Sieve {
        &self.sieve
    }

    /// The rule of a number in the sets.
    pub(crate) fn entry(&self, number: usize) -> &Entry {
        &self.entries[number]
    }

    /// Puts the rules into `set` that are for what an observation stands for and is; whether there are any.
    pub(crate) fn begin<V: View>(&self, view: &V, set: &mut Vec<u64>) -> bool {
        set.clear();
        if self.entries.is_empty() {
            return false;
        }
        let operations = view.operations();
        if operations.is_power_of_two() {
            set.extend_from_slice(&self.by_operation[operations.trailing_zeros() as usize]);
        } else {
            set.extend_from_slice(&self.by_operation[OTHER_OPERATIONS]);
            for operation in bits::numbers(&[operations]) {
                let words = set.iter_mut().zip(&self.by_operation[operation]);
                words.for_each(|(word, more)| *word |= more);
            }
        }
        if set.iter().all(|word| *word == 0) {
            return false;
        }
        let mut words = set.iter().zip(&self.of_few_kinds);
        // To find out its kind costs something.
        if words.any(|(word, few)| word & few != 0)
            && let Some(of_kind) = self.by_kind.get(view.kind() as usize)
        {
            let words = set.iter_mut().zip(of_kind);
            words.for_each(|(word, of_kind)| *word &= of_kind);
        }
        true
    }

    /// Whether some rule is for these operations.
    pub(crate) fn asks_for(&self, operations: u64) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| entry.is_for_operation(operations))
    }

    /// The rules that are for what an observation stands for and is.
    pub(crate) fn candidates<V: View>(&self, view: &V) -> impl Iterator<Item = &Entry> {
        let (kind, operations) = (view.kind(), view.operations());
        let is_for =
            move |entry: &&Entry| entry.kinds.contains(kind) && entry.is_for_operation(operations);
        self.entries.iter().filter(is_for)
    }

    /// The same, if it is this rule.
    pub(crate) fn candidate<V: View>(&self, item: u32, view: &V) -> Option<&Entry> {
        let at = self.entries.binary_search_by_key(&item, |entry| entry.item);
        let entry = &self.entries[at.ok()?];
        let is_for = entry.is_for_operation(view.operations()) && entry.kinds.contains(view.kind());
        is_for.then_some(entry)
    }
}
