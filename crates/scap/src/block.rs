//! The blocks that a capture is made of, before their contents are looked at.
//!
//! A block is `u32` type, `u32` total length, body, zeros up to a multiple of 4, `u32` total length
//! again. The body stays in the read buffer, from which everything is borrowed.

use std::io::{ErrorKind, Read};

use crate::error::Error;
use crate::input::Input;

/// The type of the block that begins a section.
pub(crate) const SECTION: u32 = 0x0A0D_0D0A;

/// The magic number of a section header, in the byte order of its writer.
pub(crate) const MAGIC: u32 = 0x1A2B_3C4D;

/// Bytes of a block around its body: type, length, length again.
const FRAME: usize = 12;

/// The shortest section header: magic, version and the length of the section.
const SHORTEST_SECTION: u32 = 28;

/// How much is asked of the reader at once, in bytes.
const CHUNK: usize = 256 * 1024;

/// A whole block that is in the buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) kind: u32,
    pub(crate) length: u32,
}

/// Finds one block after the other.
pub(crate) struct Blocks<R> {
    input: Input<R>,
    buffer: Vec<u8>,
    /// The current block begins here in the buffer…
    start: usize,
    /// …and this many bytes of it are to be passed over by the next step.
    current: usize,
    /// Bytes in the buffer.
    filled: usize,
    /// The number of the current block.
    number: u64,
    /// Its offset in the capture, in bytes.
    offset: u64,
    limit: u32,
    input_ended: bool,
    /// A compressed stream ended before its own end.
    input_cut: bool,
    finished: bool,
}

impl<R: Read> Blocks<R> {
    pub(crate) fn new(input: Input<R>, limit: u32) -> Self {
        Self {
            input,
            buffer: vec![0; CHUNK],
            start: 0,
            current: 0,
            filled: 0,
            number: 0,
            offset: 0,
            limit,
            input_ended: false,
            input_cut: false,
            finished: false,
        }
    }

    /// The number and the offset in bytes of the current block.
    pub(crate) const fn place(&self) -> (u64, u64) {
        (self.number, self.offset)
    }

    /// The body of the current block, with the zeros at its end.
    pub(crate) fn body(&self) -> &[u8] {
        // Empty before the first step and after the last.
        self.buffer
            .get(self.start + FRAME - 4..(self.start + self.current).saturating_sub(4))
            .unwrap_or_default()
    }

    /// Ends the capture here: later steps find nothing more.
    pub(crate) fn finish(&mut self) {
        self.finished = true;
    }

    /// Goes to the next block; `None` at a clean end.
    pub(crate) fn advance(&mut self) -> Result<Option<Block>, Error> {
        if self.finished {
            return Ok(None);
        }
        let next = self.find_next();
        if !matches!(next, Ok(Some(_))) {
            self.finished = true;
            self.current = 0;
        }
        next
    }

    /// Checks that the input begins like a capture, without going on.
    pub(crate) fn check_start(&mut self) -> Result<(), Error> {
        let available = self.available(FRAME)?;
        if available == 0 && !self.input_cut {
            return Err(Error::Empty);
        }
        if available < 4 {
            return Err(self.truncated(available, FRAME));
        }
        let found = self.number_at(0);
        if found != SECTION {
            return Err(Error::NotACapture { found });
        }
        if available < FRAME {
            return Err(self.truncated(available, FRAME));
        }
        self.check_magic()
    }

    fn find_next(&mut self) -> Result<Option<Block>, Error> {
        if self.current > 0 {
            self.start += self.current;
            self.offset += self.current as u64;
            self.number += 1;
            self.current = 0;
        }
        let available = self.available(FRAME)?;
        if available == 0 && !self.input_cut {
            return Ok(None);
        }
        if available < FRAME {
            return Err(self.truncated(available, FRAME));
        }
        let (kind, length) = (self.number_at(0), self.number_at(4));
        if kind == SECTION {
            // Before the length is believed: it would be in the wrong byte order too.
            self.check_magic()?;
        }
        let shortest = if kind == SECTION {
            SHORTEST_SECTION
        } else {
            FRAME as u32
        };
        let (block, offset) = self.place();
        if length < shortest || !length.is_multiple_of(4) {
            return Err(Error::Length {
                block,
                offset,
                length,
            });
        }
        if length > self.limit {
            return Err(Error::TooLong {
                block,
                offset,
                length,
                limit: self.limit,
            });
        }
        let needed = length as usize;
        let available = self.available(needed)?;
        if available < needed {
            return Err(self.truncated(available, needed));
        }
        let trailer = self.number_at(needed - 4);
        if trailer != length {
            return Err(Error::Trailer {
                block,
                offset,
                length,
                trailer,
            });
        }
        self.current = needed;
        Ok(Some(Block { kind, length }))
    }

    /// Looks at the magic number of the section header at the current position.
    fn check_magic(&self) -> Result<(), Error> {
        let (block, offset) = self.place();
        match self.number_at(8) {
            MAGIC => Ok(()),
            found if found.swap_bytes() == MAGIC => Err(Error::BigEndian { block, offset }),
            found => Err(Error::Magic {
                block,
                offset,
                found,
            }),
        }
    }

    fn truncated(&self, found: usize, needed: usize) -> Error {
        let (block, offset) = self.place();
        Error::Truncated {
            block,
            offset,
            found: found as u64,
            needed: needed as u64,
        }
    }

    /// The number at a distance from the start of the block; zero beyond what was read.
    fn number_at(&self, distance: usize) -> u32 {
        self.buffer[..self.filled]
            .get(self.start + distance..)
            .and_then(|bytes| bytes.first_chunk())
            .map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    /// Makes sure that so many bytes from the start of the block on are in the buffer, and tells how
    /// many are: fewer than asked for at the end of the input only.
    fn available(&mut self, needed: usize) -> Result<usize, Error> {
        let available = self.filled - self.start;
        if available >= needed {
            Ok(available)
        } else {
            self.refill(needed)
        }
    }

    #[cold]
    fn refill(&mut self, needed: usize) -> Result<usize, Error> {
        self.buffer.copy_within(self.start..self.filled, 0);
        self.filled -= self.start;
        self.start = 0;
        while self.filled < needed && !self.input_ended {
            if self.filled == self.buffer.len() {
                // Twice what has arrived, whatever a damaged length may claim.
                let longer = self.buffer.len() * 2;
                self.buffer.resize(longer, 0);
            }
            match self.input.read(&mut self.buffer[self.filled..]) {
                Ok(0) => self.input_ended = true,
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    self.input_ended = true;
                    self.input_cut = true;
                }
                Err(source) => {
                    let (block, offset) = self.place();
                    return Err(Error::Read {
                        block,
                        offset,
                        source,
                    });
                }
            }
        }
        Ok(self.filled)
    }
}
