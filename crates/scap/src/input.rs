//! Plain and gzip input, told apart by their first bytes.

use std::io::{self, Chain, Cursor, Read};

use flate2::read::MultiGzDecoder;

/// The first two bytes of a gzip stream.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The reader with the bytes put back that were taken to look at.
type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// The bytes of a capture, decompressed where need be.
pub(crate) enum Input<R> {
    Plain(Whole<R>),
    // Boxed, since the state of the decompressor is large.
    Gzip(Box<MultiGzDecoder<Whole<R>>>),
}

impl<R: Read> Input<R> {
    pub(crate) fn open(mut reader: R) -> io::Result<Self> {
        let mut first = Vec::with_capacity(GZIP.len());
        reader
            .by_ref()
            .take(GZIP.len() as u64)
            .read_to_end(&mut first)?;
        let compressed = first == GZIP;
        let whole = Cursor::new(first).chain(reader);
        Ok(if compressed {
            Self::Gzip(Box::new(MultiGzDecoder::new(whole)))
        } else {
            Self::Plain(whole)
        })
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(reader) => reader.read(buffer),
            Self::Gzip(reader) => reader.read(buffer),
        }
    }
}
