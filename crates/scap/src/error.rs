//! What can go wrong.

use std::io;

/// Why a capture, or a part of it, could not be read.
///
/// Blocks are counted from 0; offsets are those of the block's first byte in the decompressed
/// capture. After [`Error::Content`] reading can go on with the next call; any other error ends the
/// capture, and calls after it find the end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The reader failed, or the compressed stream is damaged.
    #[error("cannot read block {block} at byte {offset}")]
    Read {
        /// The block that was to be read.
        block: u64,
        /// Where it begins, in bytes.
        offset: u64,
        /// What the reader says.
        source: io::Error,
    },

    /// The input has no bytes at all.
    #[error("the input is empty")]
    Empty,

    /// The first block is not a section header.
    #[error(
        "not a scap capture: it begins with {found:#010x} rather than a section header \
         (0x0a0d0d0a)"
    )]
    NotACapture {
        /// The first four bytes, as a little-endian number.
        found: u32,
    },

    /// A section header was written by a big-endian machine.
    #[error(
        "block {block} at byte {offset} comes from a big-endian machine, which is not supported"
    )]
    BigEndian {
        /// The section header.
        block: u64,
        /// Where it begins, in bytes.
        offset: u64,
    },

    /// The magic number of a section header is wrong in either byte order.
    #[error(
        "block {block} at byte {offset} is a section header with the wrong magic {found:#010x}"
    )]
    Magic {
        /// The section header.
        block: u64,
        /// Where it begins, in bytes.
        offset: u64,
        /// The magic number found.
        found: u32,
    },

    /// A section is of a format that may differ in everything.
    #[error("block {block} at byte {offset} begins format {major}.{minor}, but only 1.x is known")]
    Version {
        /// The section header.
        block: u64,
        /// Where it begins, in bytes.
        offset: u64,
        /// Major version of the format.
        major: u16,
        /// Minor version of the format.
        minor: u16,
    },

    /// The input ends within a block.
    #[error(
        "block {block} at byte {offset} is cut off: {found} of {needed} bytes are there; \
         everything before it was read"
    )]
    Truncated {
        /// The block that is cut off.
        block: u64,
        /// Where it begins, in bytes.
        offset: u64,
        /// How many of its bytes are there.
        found: u64,
        /// How many there should be, as far as can be told.
        needed: u64,
    },

    /// The length of a block cannot be right, so that the next block cannot be found.
    #[error("block {block} at byte {offset} has an impossible length of {length} bytes")]
    Length {
        /// The damaged block.
        block: u64,
        /// Where it begins, in bytes.
        offset: u64,
        /// The length that it claims, in bytes.
        length: u32,
    },

    /// A block is longer than the reader was told to accept.
    #[error("block {block} at byte {offset} has {length} bytes, over the limit of {limit}")]
    TooLong {
        /// The block.
        block: u64,
        /// Where it begins, in bytes.
        offset: u64,
        /// Its length, in bytes.
        length: u32,
        /// The limit in force, in bytes.
        limit: u32,
    },

    /// The two lengths of a block differ, so that the next block cannot be found.
    #[error(
        "block {block} at byte {offset} is damaged: its length is {length} bytes at its start and \
         {trailer} at its end"
    )]
    Trailer {
        /// The damaged block.
        block: u64,
        /// Where it begins, in bytes.
        offset: u64,
        /// The length at its start, in bytes.
        length: u32,
        /// The length at its end, in bytes.
        trailer: u32,
    },

    /// A whole block holds something that cannot be right. Reading can go on behind it.
    #[error("block {block} at byte {offset} is damaged: {what}")]
    Content {
        /// The damaged block.
        block: u64,
        /// Where it begins, in bytes.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
}

impl Error {
    /// Whether the next call can go on behind the damage.
    pub const fn is_recoverable(&self) -> bool {
        matches!(self, Self::Content { .. })
    }
}

/// What is wrong within a block; its place is added by who knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) &'static str);
