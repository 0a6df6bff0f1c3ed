//! Sets of small numbers, one bit for each.

/// Bits in a word.
const WORD: usize = u64::BITS as usize;

/// Adds a number to a set that has room for it.
pub(crate) fn insert(set: &mut [u64], number: usize) {
    set[number / WORD] |= 1 << (number % WORD);
}

/// Takes a number out of a set that has room for it.
pub(crate) fn remove(set: &mut [u64], number: usize) {
    set[number / WORD] &= !(1 << (number % WORD));
}

/// The number that a bit in a word of a set stands for.
pub(crate) const fn in_word(word: usize, bit: usize) -> usize {
    word * WORD + bit
}

/// How many words a set of numbers below `limit` takes.
pub(crate) const fn words(limit: usize) -> usize {
    limit.div_ceil(WORD)
}

/// The numbers of a set, in order.
pub(crate) fn numbers(set: &[u64]) -> impl Iterator<Item = usize> {
    set.iter().enumerate().flat_map(|(at, word)| {
        let mut rest = *word;
        std::iter::from_fn(move || {
            let lowest = rest.trailing_zeros() as usize;
            // The lowest bit goes; of nothing, nothing is left.
            rest &= rest.checked_sub(1)?;
            Some(in_word(at, lowest))
        })
    })
}

/// A set that takes room only where it has numbers: words that are not empty, with their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sparse(Box<[(u32, u64)]>);

impl Sparse {
    /// The set of numbers that come in order.
    pub(crate) fn new(numbers: impl IntoIterator<Item = usize>) -> Self {
        let mut words: Vec<(u32, u64)> = Vec::new();
        for number in numbers {
            let (at, bit) = ((number / WORD) as u32, 1 << (number % WORD));
            match words.last_mut() {
                Some((last, word)) if *last == at => *word |= bit,
                _ => words.push((at, bit)),
            }
        }
        Self(words.into())
    }

    /// How many numbers this set has in common with another.
    pub(crate) fn common(&self, set: &[u64]) -> u32 {
        let words = self.0.iter();
        words
            .map(|(at, word)| (set[*at as usize] & word).count_ones())
            .sum()
    }

    /// Adds these numbers to another set.
    pub(crate) fn insert_into(&self, set: &mut [u64]) {
        for (at, word) in &*self.0 {
            set[*at as usize] |= word;
        }
    }

    /// Takes these numbers out of another set.
    pub(crate) fn remove_from(&self, set: &mut [u64]) {
        for (at, word) in &*self.0 {
            set[*at as usize] &= !word;
        }
    }

    /// Takes these numbers out of another set but for those in `kept`, and out of `kept`.
    pub(crate) fn remove_others_from(&self, set: &mut [u64], kept: &mut [u64]) {
        for (at, word) in &*self.0 {
            let kept = &mut kept[*at as usize];
            set[*at as usize] &= !word | *kept;
            *kept &= !word;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_have_what_was_put_into_them() {
        let all = [0, 1, 63, 64, 200];
        let mut set = vec![0; words(201)];
        assert_eq!(set.len(), 4);
        for number in all {
            insert(&mut set, number);
        }
        assert_eq!(numbers(&set).collect::<Vec<_>>(), all);
        remove(&mut set, 63);
        assert_eq!(numbers(&set).collect::<Vec<_>>(), [0, 1, 64, 200]);
        assert_eq!(numbers(&[u64::MAX]).count(), 64);
    }

    #[test]
    fn sparse_sets_change_only_what_they_have() {
        let sparse = Sparse::new([1, 2, 130]);
        let mut set = vec![u64::MAX; 3];
        assert_eq!(sparse.common(&set), 3);
        sparse.remove_from(&mut set);
        assert_eq!((sparse.common(&set), numbers(&set).count()), (0, 189));
        sparse.insert_into(&mut set);
        let mut kept = vec![0; 3];
        insert(&mut kept, 2);
        sparse.remove_others_from(&mut set, &mut kept);
        assert_eq!(kept, [0; 3]);
        let left = numbers(&set).collect::<Vec<_>>();
        assert!(left.len() == 190 && !left.contains(&1) && left.contains(&2));
    }
}
