//! Writing container files.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};

use bstr::BStr;
use thiserror::Error;

use super::codec::{Codec, encode};
use super::{MAGIC, SYNC_LENGTH};
use crate::avro::{Datum, write_long};
use crate::model::schema_json;
use crate::{Kind, Record};

/// A block is closed before a record is added to this many bytes or more, as the original collector does.
pub const DEFAULT_BLOCK_SIZE: usize = 80_000;

/// How a container file is written.
#[derive(Clone, Copy, Debug)]
pub struct WriteOptions {
    /// The schema version: 1 to 5, or native.
    pub version: u32,
    /// How blocks are compressed.
    pub codec: Codec,
    /// The size at which a block is closed, in bytes before compression.
    pub block_size: usize,
    /// The marker after each block; random when not given.
    pub sync: Option<[u8; SYNC_LENGTH]>,
}

impl WriteOptions {
    /// As the original collector writes: schema 5, deflate, blocks of 80,000 bytes.
    pub const CLASSIC: Self = Self {
        version: crate::CLASSIC_VERSION,
        codec: Codec::CLASSIC,
        block_size: DEFAULT_BLOCK_SIZE,
        sync: None,
    };

    /// The native schema, compressed with Zstandard.
    pub const NATIVE: Self = Self {
        version: crate::NATIVE_VERSION,
        codec: Codec::Zstandard,
        ..Self::CLASSIC
    };
}

/// Why a record cannot be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// Writing to the destination failed.
    #[error("cannot write the recording: {0}")]
    Io(#[from] io::Error),
    /// The schema version does not have this kind of record.
    #[error("schema {version} cannot carry {} records", .kind.code())]
    NotInSchema {
        /// The kind.
        kind: Kind,
        /// The schema version.
        version: u32,
    },
}

/// Writes a container file. Records reach the destination a block at a time; call
/// [`finish`](Self::finish) at the end.
#[derive(Debug)]
pub struct Writer<W: Write> {
    destination: W,
    options: WriteOptions,
    sync: [u8; SYNC_LENGTH],
    block: Vec<u8>,
    count: i64,
    /// What goes to the destination at once: a block must not be torn by a failing header write.
    output: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes the header of the file.
    pub fn new(mut destination: W, options: WriteOptions) -> io::Result<Self> {
        let sync = options.sync.unwrap_or_else(random_sync);
        let mut header = MAGIC.to_vec();
        write_long(2, &mut header);
        let schema = schema_json(options.version);
        for (key, value) in [
            ("avro.codec", options.codec.name()),
            ("avro.schema", schema.as_str()),
        ] {
            BStr::new(key).write(&mut header);
            BStr::new(value).write(&mut header);
        }
        header.push(0);
        header.extend_from_slice(&sync);
        destination.write_all(&header)?;
        Ok(Self {
            destination,
            options,
            sync,
            block: Vec::new(),
            count: 0,
            output: Vec::new(),
        })
    }

    /// Appends a record. A header is written with the schema version of this file.
    pub fn write(&mut self, record: &Record<'_>) -> Result<(), WriteError> {
        if self.block.len() >= self.options.block_size {
            self.flush_block()?;
        }
        let version = self.options.version;
        let written = match record {
            Record::Header(header) => {
                let header = crate::model::Header {
                    version: header_version(version),
                    ..*header
                };
                Record::Header(header).write(version, &mut self.block)
            }
            other => other.write(version, &mut self.block),
        };
        if !written {
            return Err(WriteError::NotInSchema {
                kind: record.kind(),
                version,
            });
        }
        self.count += 1;
        Ok(())
    }

    /// Writes the block in hand, so that readers see all records so far.
    pub fn flush_block(&mut self) -> io::Result<()> {
        if self.count == 0 {
            return self.destination.flush();
        }
        let mut payload = Vec::new();
        encode(self.options.codec, &self.block, &mut payload)?;
        self.output.clear();
        write_long(self.count, &mut self.output);
        write_long(payload.len() as i64, &mut self.output);
        self.output.extend_from_slice(&payload);
        self.output.extend_from_slice(&self.sync);
        self.destination.write_all(&self.output)?;
        self.block.clear();
        self.count = 0;
        self.destination.flush()
    }

    /// Where the bytes go. What is not yet a block is not there.
    pub const fn get_ref(&self) -> &W {
        &self.destination
    }

    /// Writes what is left and gives the destination back.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush_block()?;
        Ok(self.destination)
    }
}

/// What files of a schema version carry in their header: the first schema called itself 1000.
pub(crate) const fn header_version(version: u32) -> i64 {
    if version == 1 { 1000 } else { version as i64 }
}

/// Sixteen bytes that are unlikely to occur in the data. The keys of the standard library's hash maps are
/// random for each process and differ for each map.
fn random_sync() -> [u8; SYNC_LENGTH] {
    let half = || RandomState::new().build_hasher().finish().to_le_bytes();
    let mut sync = [0; SYNC_LENGTH];
    sync[..8].copy_from_slice(&half());
    sync[8..].copy_from_slice(&half());
    sync
}
