//! Avro container files, read and written as streams.
//!
//! A container file is a header (magic, metadata with schema and codec, sync marker) and blocks (number of
//! records, number of bytes, bytes, sync marker). Container files that are concatenated are one stream.
//!
//! # Faults
//!
//! Everything that stands before a fault is yielded, also the records of a block whose end is missing. Then
//! the fault is reported once with block number and byte offset. What comes next is up to the caller: a
//! reader made with [`ReadOptions::salvage`] goes on at the next sync marker, others end there.
//!
//! Source: "Apache Avro specification 1.11", object container files.

mod codec;
mod input;
mod reader;
mod writer;

pub use codec::Codec;
pub use reader::{Block, FileHeader, ReadOptions, Reader};
pub(crate) use writer::header_version;
pub use writer::{DEFAULT_BLOCK_SIZE, WriteError, WriteOptions, Writer};

const MAGIC: &[u8; 4] = b"Obj\x01";
const SYNC_LENGTH: usize = 16;
