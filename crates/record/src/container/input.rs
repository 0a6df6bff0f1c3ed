//! A buffer over a stream that knows where it is and never grows ahead of the data.

use std::io::{self, Read};

const CHUNK: usize = 256 * 1024;

/// A window onto a stream.
#[derive(Debug)]
pub(super) struct Input<R> {
    source: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Position of `start` in the stream.
    offset: u64,
    ended: bool,
}

impl<R: Read> Input<R> {
    pub(super) const fn new(source: R) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            offset: 0,
            ended: false,
        }
    }

    /// Position of the window in the stream, in bytes.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// What is in the window.
    pub(super) fn available(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Moves the start of the window.
    pub(super) fn consume(&mut self, length: usize) {
        let length = length.min(self.end - self.start);
        self.start += length;
        self.offset += length as u64;
    }

    /// Reads until the window holds `wanted` bytes or the stream ends; returns whether it holds them.
    /// The buffer grows with the data that arrive, not with what is asked for.
    pub(super) fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        while self.end - self.start < wanted && !self.ended {
            self.make_room();
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(length) => self.end += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.end - self.start >= wanted)
    }

    fn make_room(&mut self) {
        if self.start > 0 && self.buffer.len() - self.end < CHUNK / 2 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2 + CHUNK, 0);
        }
    }
}
