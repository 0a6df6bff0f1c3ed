//! Reading container files.

use std::io::Read;

use super::codec::{Codec, Decoder};
use super::input::Input;
use super::{MAGIC, SYNC_LENGTH};
use crate::avro::{Cursor, Plan};
use crate::{BlockProblem, ReadError, Record};

/// The largest header that is accepted: schema 5 has 6 kB, native 9 kB.
const LARGEST_HEADER: usize = 4 << 20;
/// Bytes that the two integers before a block can take.
const LONGEST_BLOCK_HEADER: usize = 20;

/// Limits and behaviour of a [`Reader`].
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions {
    /// After a fault, go on at the next sync marker.
    pub salvage: bool,
    /// The largest block that is accepted, in bytes, compressed and not.
    pub largest_block: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            salvage: false,
            largest_block: 64 << 20,
        }
    }
}

/// What the header of a container file says.
#[derive(Clone, Debug)]
pub struct FileHeader {
    /// How blocks are compressed.
    pub codec: Codec,
    /// The marker after each block.
    pub sync: [u8; SYNC_LENGTH],
    /// Size of the schema, in bytes.
    pub schema_length: usize,
    plan: Plan,
}

/// Reads one container file, or several that are concatenated, from a stream.
#[derive(Debug)]
pub struct Reader<R> {
    input: Input<R>,
    options: ReadOptions,
    header: Option<FileHeader>,
    decoder: Decoder,
    data: Vec<u8>,
    blocks: u64,
    files: u64,
    lost_bytes: u64,
    state: State,
    /// Where the block would end whose marker is wrong, in bytes from the window's start.
    claimed_end: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The next thing in the stream is a block or a header.
    Reading,
    /// A fault was reported: where the next block begins has to be found out.
    Faulted,
    /// A record was bad in a block that is whole: the next block follows.
    BadRecord,
    /// The end was reached, or a fault after which we do not go on.
    Ended,
}

/// A block that was read: an iterator over its records.
#[derive(Debug)]
pub struct Block<'a> {
    plan: &'a Plan,
    cursor: Cursor<'a>,
    /// The number of records that the block says it has.
    count: u64,
    done: u64,
    number: u64,
    offset: u64,
    problem: Option<BlockProblem>,
    /// The state of the reader.
    state: &'a mut State,
}

impl<R: Read> Reader<R> {
    /// Starts reading: the header of the first file is read at once.
    pub fn new(source: R, options: ReadOptions) -> Result<Self, ReadError> {
        let mut reader = Self {
            input: Input::new(source),
            options,
            header: None,
            decoder: Decoder::new(),
            data: Vec::new(),
            blocks: 0,
            files: 0,
            lost_bytes: 0,
            state: State::Reading,
            claimed_end: None,
        };
        if !reader.at_magic()? {
            return Err(ReadError::NotAContainer);
        }
        reader.read_header()?;
        Ok(reader)
    }

    /// What the header of the file in hand says.
    pub const fn header(&self) -> Option<&FileHeader> {
        self.header.as_ref()
    }

    /// How many bytes of the stream have been used.
    pub const fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// How many blocks have been read.
    pub const fn blocks(&self) -> u64 {
        self.blocks
    }

    /// How many files the stream has been found to hold.
    pub const fn files(&self) -> u64 {
        self.files
    }

    /// How many bytes were skipped after faults.
    pub const fn lost_bytes(&self) -> u64 {
        self.lost_bytes
    }

    /// The next block; `None` at the end.
    ///
    /// After an error, from here or from the records of a block, the next call goes on at the next sync
    /// marker when [`ReadOptions::salvage`] is set and ends otherwise.
    pub fn next_block(&mut self) -> Result<Option<Block<'_>>, ReadError> {
        // Reading on may fail too: then this is the end.
        let may_go_on = match std::mem::replace(&mut self.state, State::Ended) {
            State::Reading => true,
            State::Faulted => self.options.salvage && self.find_next()?,
            State::BadRecord => self.options.salvage,
            State::Ended => false,
        };
        if !may_go_on {
            return Ok(None);
        }
        self.state = State::Reading;
        let loaded = self.load_block();
        if loaded.is_err() {
            self.state = State::Faulted;
        }
        let Some((count, offset, problem)) = loaded? else {
            self.state = State::Ended;
            return Ok(None);
        };
        if problem.is_some() {
            self.state = State::Faulted;
        }
        let Some(header) = &self.header else {
            return Err(ReadError::NotAContainer);
        };
        Ok(Some(Block {
            plan: &header.plan,
            cursor: Cursor::new(&self.data),
            count,
            done: 0,
            number: self.blocks - 1,
            offset,
            problem,
            state: &mut self.state,
        }))
    }

    fn io(&self, source: std::io::Error) -> ReadError {
        ReadError::Io {
            offset: self.input.offset(),
            source,
        }
    }

    fn fill(&mut self, wanted: usize) -> Result<bool, ReadError> {
        self.input.fill(wanted).map_err(|error| self.io(error))
    }

    fn at_magic(&mut self) -> Result<bool, ReadError> {
        self.fill(MAGIC.len())?;
        Ok(self.input.available().starts_with(MAGIC))
    }

    /// Reads the next block into `data`: number of records, offset, and what is wrong with it.
    fn load_block(&mut self) -> Result<Option<(u64, u64, Option<BlockProblem>)>, ReadError> {
        while self.at_magic()? {
            self.read_header()?;
        }
        let offset = self.input.offset();
        if !self.fill(1)? {
            return Ok(None);
        }
        self.fill(LONGEST_BLOCK_HEADER)?;
        let block = self.blocks;
        self.blocks += 1;
        let bad = |problem| ReadError::BadBlock {
            block,
            offset,
            problem,
        };
        let available = self.input.available();
        let mut cursor = Cursor::new(available);
        let (count, size) = match (cursor.long(), cursor.long()) {
            (Ok(count), Ok(size)) if count >= 0 && size >= 0 => (count as u64, size as u64),
            (Ok(_), Ok(_)) => return Err(bad(BlockProblem::BadHeader)),
            _ if available.len() < LONGEST_BLOCK_HEADER => {
                return Err(bad(BlockProblem::Truncated));
            }
            _ => return Err(bad(BlockProblem::BadHeader)),
        };
        let header_length = available.len() - cursor.rest().len();
        if size > self.options.largest_block as u64 {
            return Err(bad(BlockProblem::TooLarge(size)));
        }
        // The block's own header is used up even if the block proves bad: looking for the next marker
        // begins inside the block, since its size cannot be trusted.
        self.input.consume(header_length);
        let size = size as usize;
        let complete = self.fill(size + SYNC_LENGTH)?;
        let available = self.input.available();
        let payload = &available[..size.min(available.len())];
        let (codec, sync) = match &self.header {
            Some(header) => (header.codec, header.sync),
            None => return Err(ReadError::NotAContainer),
        };
        let decoded =
            self.decoder
                .decode(codec, payload, &mut self.data, self.options.largest_block);
        let problem = match decoded {
            // A cut block that still decompressed is cut all the same.
            _ if payload.len() < size => Some(BlockProblem::Truncated),
            Err(problem) => Some(problem),
            Ok(()) if !complete => Some(BlockProblem::Truncated),
            Ok(()) => {
                (available[size..size + SYNC_LENGTH] != sync).then_some(BlockProblem::BadSync)
            }
        };
        match problem {
            None => self.input.consume(size + SYNC_LENGTH),
            Some(BlockProblem::BadSync) => self.claimed_end = Some(size + SYNC_LENGTH),
            Some(_) => {}
        }
        Ok(Some((count, offset, problem)))
    }

    /// Reads the header of a file; the window stands at its magic.
    fn read_header(&mut self) -> Result<(), ReadError> {
        let offset = self.input.offset();
        let mut wanted = 16 * 1024;
        let (header, length) = loop {
            let complete = self.fill(wanted)?;
            match parse_header(self.input.available(), offset) {
                Some(Ok(parsed)) => break parsed,
                Some(Err(error)) => {
                    // Whoever salvages must not find this header again.
                    self.input.consume(MAGIC.len());
                    return Err(error);
                }
                None if complete && wanted < LARGEST_HEADER => wanted *= 2,
                None => {
                    let problem = "it is cut off or too large";
                    self.input.consume(MAGIC.len());
                    return Err(ReadError::BadHeader { offset, problem });
                }
            }
        };
        self.input.consume(length);
        self.header = Some(header);
        self.files += 1;
        Ok(())
    }

    /// Moves to where the next block or file begins; returns whether there is one.
    fn find_next(&mut self) -> Result<bool, ReadError> {
        if let Some(end) = self.claimed_end.take()
            && !self.marker_before(end + SYNC_LENGTH)?
            && self.stands_at(end)?
        {
            self.lost_bytes += end as u64;
            self.input.consume(end);
            return Ok(true);
        }
        self.find_marker()
    }

    /// Whether a marker begins before `end` of the window: then the block's size is what is damaged.
    fn marker_before(&mut self, end: usize) -> Result<bool, ReadError> {
        self.fill(end + SYNC_LENGTH)?;
        let sync = self
            .header
            .as_ref()
            .map_or([0; SYNC_LENGTH], |header| header.sync);
        let available = self.input.available();
        Ok(find(
            &available[..available.len().min(end + SYNC_LENGTH - 1)],
            &sync,
        )
        .is_some())
    }

    /// Whether a whole block or the start of a file stands at `start` of the window. Then only the marker
    /// before it is damaged.
    fn stands_at(&mut self, start: usize) -> Result<bool, ReadError> {
        self.fill(start + LONGEST_BLOCK_HEADER)?;
        let Some(data) = self.input.available().get(start..) else {
            return Ok(false);
        };
        if data.starts_with(MAGIC) {
            return Ok(true);
        }
        let mut cursor = Cursor::new(data);
        let size = match (cursor.long(), cursor.long()) {
            (Ok(0..), Ok(size)) => usize::try_from(size).ok(),
            _ => None,
        };
        let Some(size) = size.filter(|size| *size <= self.options.largest_block) else {
            return Ok(false);
        };
        let marker = start + (data.len() - cursor.rest().len()) + size;
        self.fill(marker + SYNC_LENGTH)?;
        let found = self.input.available().get(marker..marker + SYNC_LENGTH);
        let expected = self.header.as_ref().map(|header| &header.sync[..]);
        Ok(found.is_some() && found == expected)
    }

    /// Moves behind the next sync marker, or to the next file header, counting what is skipped.
    fn find_marker(&mut self) -> Result<bool, ReadError> {
        let sync = self
            .header
            .as_ref()
            .map_or([0; SYNC_LENGTH], |header| header.sync);
        loop {
            let enough = self.fill(64 * 1024)?;
            let available = self.input.available();
            let marker = find(available, &sync).map(|at| (at, SYNC_LENGTH));
            let magic = find(available, MAGIC).map(|at| (at, 0));
            let nearest = [marker, magic].into_iter().flatten().min();
            if let Some((at, length)) = nearest {
                self.lost_bytes += at as u64;
                self.input.consume(at + length);
                return Ok(true);
            }
            // A marker may begin in the last bytes of the window.
            let keep = if enough { SYNC_LENGTH - 1 } else { 0 };
            let skipped = available.len().saturating_sub(keep);
            self.lost_bytes += skipped as u64;
            self.input.consume(skipped);
            if !enough {
                return Ok(false);
            }
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    bstr::ByteSlice::find(haystack, needle)
}

/// Parses a file header at the start of `data`. `None` means that data are missing.
fn parse_header(data: &[u8], offset: u64) -> Option<Result<(FileHeader, usize), ReadError>> {
    let bad = |problem| Some(Err(ReadError::BadHeader { offset, problem }));
    let mut cursor = Cursor::new(data);
    cursor.take(MAGIC.len()).ok()?;
    let mut codec = Codec::Null;
    let mut schema: Option<&[u8]> = None;
    loop {
        let entries = match cursor.long() {
            Ok(0) => break,
            Ok(count) if count < 0 => {
                cursor.long().ok()?;
                count.unsigned_abs()
            }
            Ok(count) => count.unsigned_abs(),
            Err(_) if data.len() < LARGEST_HEADER => return None,
            Err(_) => return bad("its metadata make no sense"),
        };
        if entries > 1024 {
            return bad("it has more than a thousand metadata entries");
        }
        for _ in 0..entries {
            let key = match cursor.text() {
                Ok(key) => key,
                Err(crate::avro::DatumError::BadLength(_)) => return bad("a length is negative"),
                Err(_) => return None,
            };
            let value = match cursor.text() {
                Ok(value) => value,
                Err(crate::avro::DatumError::BadLength(_)) => return bad("a length is negative"),
                Err(_) => return None,
            };
            if key == "avro.schema" {
                schema = Some(value);
            } else if key == "avro.codec" {
                let Some(known) = Codec::from_name(value) else {
                    let codec = value.to_string();
                    return Some(Err(ReadError::UnknownCodec { offset, codec }));
                };
                codec = known;
            }
        }
    }
    let sync = cursor.fixed().ok()?;
    let Some(schema) = schema else {
        return bad("it has no schema");
    };
    let plan = match Plan::for_schema(schema) {
        Ok(plan) => plan,
        Err(source) => return Some(Err(ReadError::Schema { offset, source })),
    };
    let header = FileHeader {
        codec,
        sync,
        schema_length: schema.len(),
        plan,
    };
    Some(Ok((header, data.len() - cursor.rest().len())))
}

impl Block<'_> {
    /// The number of the block in the stream, from 0.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The number of records that the block says it has.
    pub const fn record_count(&self) -> u64 {
        self.count
    }
}

impl<'a> Block<'a> {
    /// The records as they are encoded, before the first was read.
    pub fn data(&self) -> &'a [u8] {
        self.cursor.rest()
    }

    fn end(&mut self) -> Option<Result<Record<'a>, ReadError>> {
        let (block, offset) = (self.number, self.offset);
        let left_over = self.done == self.count && !self.cursor.is_empty();
        let trailing = left_over.then_some(BlockProblem::TrailingData);
        if trailing.is_some() && self.problem.is_none() {
            *self.state = State::BadRecord;
        }
        let problem = self.problem.take().or(trailing)?;
        self.cursor = Cursor::new(&[]);
        Some(Err(ReadError::BadBlock {
            block,
            offset,
            problem,
        }))
    }
}

impl<'a> Iterator for Block<'a> {
    type Item = Result<Record<'a>, ReadError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        while self.done < self.count {
            let record = self.done;
            self.done += 1;
            match self.plan.read(&mut self.cursor) {
                Ok(Some(record)) => return Some(Ok(record)),
                Ok(None) => {}
                Err(source) => {
                    self.done = self.count;
                    // Data that end early in a block that is known to be bad are the end of the block.
                    if self.problem.is_some() {
                        break;
                    }
                    *self.state = State::BadRecord;
                    self.cursor = Cursor::new(&[]);
                    let (block, offset) = (self.number, self.offset);
                    return Some(Err(ReadError::BadRecord {
                        block,
                        offset,
                        record,
                        source,
                    }));
                }
            }
        }
        self.end()
    }
}
