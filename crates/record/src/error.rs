//! Errors of the crate.

use std::io;

use thiserror::Error;

use crate::avro::{DatumError, SchemaError};

/// Why a recording cannot be read on, and where.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Reading from the source failed.
    #[error("cannot read at byte {offset}: {source}")]
    Io {
        /// Where in the stream.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The data are no Avro container file.
    #[error("this is not a SysFlow recording: it does not begin as an Avro container file")]
    NotAContainer,
    /// The header of a container file is damaged.
    #[error("the file header at byte {offset} is damaged: {problem}")]
    BadHeader {
        /// Where the header begins.
        offset: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// The schema in the header cannot be used.
    #[error("the file header at byte {offset} cannot be used: {source}")]
    Schema {
        /// Where the header begins.
        offset: u64,
        /// What is wrong.
        source: SchemaError,
    },
    /// The codec in the header is not supported.
    #[error(
        "the file header at byte {offset} names the codec `{codec}`; known are null, deflate, snappy and zstandard"
    )]
    UnknownCodec {
        /// Where the header begins.
        offset: u64,
        /// The codec.
        codec: String,
    },
    /// A block is damaged.
    #[error("block {block} at byte {offset} is damaged: {problem}")]
    BadBlock {
        /// The number of the block in the stream, from 0.
        block: u64,
        /// Where the block begins in the stream.
        offset: u64,
        /// What is wrong.
        problem: BlockProblem,
    },
    /// A record is damaged.
    #[error("record {record} of block {block} at byte {offset} is damaged: {source}")]
    BadRecord {
        /// The number of the block in the stream, from 0.
        block: u64,
        /// Where the block begins in the stream.
        offset: u64,
        /// The number of the record in the block, from 0.
        record: u64,
        /// What is wrong.
        source: DatumError,
    },
}

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BlockProblem {
    /// The stream ends inside the block.
    #[error("the stream ends inside it")]
    Truncated,
    /// The number of records or of bytes makes no sense.
    #[error("its header makes no sense")]
    BadHeader,
    /// The block claims more bytes than are allowed.
    #[error("it claims {0} bytes, more than the limit")]
    TooLarge(u64),
    /// The compressed data are not valid.
    #[error("its compressed data are not valid")]
    BadCompression,
    /// The checksum does not fit the data.
    #[error("its checksum does not fit")]
    BadChecksum,
    /// The sync marker after the block is not that of the file.
    #[error("the marker after it is not that of the file")]
    BadSync,
    /// Bytes are left over after the last record.
    #[error("bytes are left over after its last record")]
    TrailingData,
}
