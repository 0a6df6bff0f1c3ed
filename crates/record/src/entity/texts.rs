//! Several texts in one allocation.

use bstr::BStr;

/// `N` texts, one behind the other.
#[derive(Clone, Debug)]
pub(super) struct Texts<const N: usize> {
    bytes: Box<[u8]>,
    ends: [u32; N],
}

impl<const N: usize> Texts<N> {
    pub(super) fn new(parts: [&[u8]; N]) -> Self {
        let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
        let ends = parts.map(|part| {
            bytes.extend_from_slice(part);
            // A record lies in one block, and a block is far smaller than 4 GiB.
            bytes.len() as u32
        });
        Self {
            bytes: bytes.into_boxed_slice(),
            ends,
        }
    }

    pub(super) fn get(&self, index: usize) -> &BStr {
        self.span(index, index)
    }

    /// The texts from `first` to `last`, as one.
    pub(super) fn span(&self, first: usize, last: usize) -> &BStr {
        let start = first
            .checked_sub(1)
            .map_or(0, |previous| self.ends[previous]);
        BStr::new(&self.bytes[start as usize..self.ends[last] as usize])
    }

    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }
}
