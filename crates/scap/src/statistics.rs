//! What was read and what was lost.

/// Counters over a capture up to the point reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Whole blocks read, skipped and damaged ones included.
    pub blocks: u64,
    /// Bytes of whole blocks, after decompression.
    pub bytes: u64,
    /// Section headers: above 1 where captures were put together.
    pub sections: u64,
    /// Events yielded.
    pub events: u64,
    /// Entries of state blocks yielded: machines, interfaces, users, groups, processes, descriptors.
    pub entries: u64,
    /// Events left out because their code is newer than the table.
    pub skipped_unknown_events: u64,
    /// Blocks left out because their type is not known.
    pub skipped_unknown_blocks: u64,
    /// Events and entries left out because they are damaged.
    pub damaged: u64,
    /// Whether the capture ends within a block, or at damage that cannot be passed.
    pub truncated: bool,
}
