//! A capture: items in the order in which they are stored.

use std::io::Read;

use crate::block::{Blocks, SECTION};
use crate::bytes::Bytes;
use crate::descriptor::Descriptor;
use crate::error::{Error, Fault};
use crate::event::{Event, Layout, Shape};
use crate::input::Input;
use crate::process::{PREFIXED, Process};
use crate::state::{Account, Group, Interface, Machine, Section, User};
use crate::statistics::Statistics;

/// The only major version of the format.
const MAJOR: u16 = 1;

/// Lists end where fewer bytes than this are left: padding, not an entry.
const SHORTEST_ENTRY: usize = 4;

/// One thing that a capture tells.
#[derive(Clone, Copy, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "a process is large, but rare, and borrowed from the buffer like everything else"
)]
pub enum Item<'a> {
    /// A capture begins. The first item is one; a later one voids all that was told before it.
    Section(Section),
    /// The machine.
    Machine(Machine<'a>),
    /// An address of a network interface.
    Interface(Interface<'a>),
    /// A user of the machine.
    User(User<'a>),
    /// A group of users.
    Group(Group<'a>),
    /// A thread that ran at the start.
    Process(Process<'a>),
    /// A descriptor that was open at the start.
    Descriptor(Descriptor<'a>),
    /// Something that happened.
    Event(Event<'a>),
}

/// What the body of a block is a list of.
#[derive(Clone, Copy, Debug)]
enum Entries {
    Interfaces { prefixed: bool },
    Accounts { prefixed: bool },
    Processes { version: u8 },
    Descriptors { prefixed: bool, tid: i64 },
}

/// What a block holds.
#[derive(Clone, Copy, Debug)]
enum Content {
    Section,
    Machine,
    List(Entries),
    Event(Layout),
    Unknown,
}

impl Content {
    /// The content of a type of block. Numbers above `0x8000_0000` are from before the format had a
    /// version.
    const fn of(kind: u32) -> Self {
        match kind {
            0x216 | 0x221 => Self::Event(Layout {
                counted: true,
                flagged: false,
            }),
            0x217 | 0x222 => Self::Event(Layout {
                counted: true,
                flagged: true,
            }),
            0x204 | 0x8010_ABCD => Self::Event(Layout {
                counted: false,
                flagged: false,
            }),
            0x208 => Self::Event(Layout {
                counted: false,
                flagged: true,
            }),
            SECTION => Self::Section,
            0x201 | 0x8002_ABCD => Self::Machine,
            0x205 | 0x8011_ABCD => Self::List(Entries::Interfaces { prefixed: false }),
            0x219 => Self::List(Entries::Interfaces { prefixed: true }),
            0x206 | 0x8012_ABCD => Self::List(Entries::Accounts { prefixed: false }),
            0x220 => Self::List(Entries::Accounts { prefixed: true }),
            0x202 | 0x8000_ABCD => Self::List(Entries::Processes { version: 1 }),
            0x207 | 0x8013_ABCD => Self::List(Entries::Processes { version: 2 }),
            0x209 | 0x8014_ABCD => Self::List(Entries::Processes { version: 3 }),
            0x210..=0x215 => Self::List(Entries::Processes {
                version: (kind - 0x210 + 4) as u8,
            }),
            0x203 | 0x8001_ABCD => Self::List(Entries::Descriptors {
                prefixed: false,
                tid: -1,
            }),
            0x218 => Self::List(Entries::Descriptors {
                prefixed: true,
                tid: -1,
            }),
            _ => Self::Unknown,
        }
    }
}

/// A list that is being read.
#[derive(Clone, Copy, Debug)]
struct List {
    entries: Entries,
    /// Where the next entry begins in the body.
    position: usize,
}

/// A capture that is being read.
pub struct Capture<R> {
    blocks: Blocks<R>,
    list: Option<List>,
    statistics: Statistics,
}

impl<R: Read> Capture<R> {
    /// How long a block may be unless said otherwise, in bytes. The list of processes is one block,
    /// and long on machines with many threads.
    pub const DEFAULT_BLOCK_LIMIT: u32 = 256 << 20;

    /// Opens a capture, plain or gzip. Needs no buffering by the reader.
    pub fn open(reader: R) -> Result<Self, Error> {
        Self::open_with_limit(reader, Self::DEFAULT_BLOCK_LIMIT)
    }

    /// Opens a capture and refuses blocks of more bytes than the limit. No memory is taken for a
    /// block before its bytes arrive, whatever length it claims.
    pub fn open_with_limit(reader: R, block_limit: u32) -> Result<Self, Error> {
        let input = Input::open(reader).map_err(|source| Error::Read {
            block: 0,
            offset: 0,
            source,
        })?;
        let mut blocks = Blocks::new(input, block_limit);
        blocks.check_start()?;
        Ok(Self {
            blocks,
            list: None,
            statistics: Statistics::default(),
        })
    }

    /// What was read and lost so far.
    pub const fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// The next item; `None` at the end.
    ///
    /// An error comes when everything before the fault has been yielded. If it
    /// [is recoverable](Error::is_recoverable), the next call goes on behind the fault; otherwise
    /// the next call finds the end.
    #[allow(
        clippy::should_implement_trait,
        reason = "items borrow from the capture"
    )]
    pub fn next(&mut self) -> Result<Option<Item<'_>>, Error> {
        loop {
            if self.list_goes_on() {
                return self.next_entry().map(Some);
            }
            let block = match self.blocks.advance() {
                Ok(Some(block)) => block,
                Ok(None) => return Ok(None),
                Err(error) => {
                    self.statistics.truncated = true;
                    return Err(error);
                }
            };
            self.statistics.blocks += 1;
            self.statistics.bytes += u64::from(block.length);
            match Content::of(block.kind) {
                Content::Event(layout) => match Shape::measure(self.blocks.body(), layout) {
                    Ok(Some(shape)) => {
                        self.statistics.events += 1;
                        return Ok(Some(Item::Event(Event::new(self.blocks.body(), &shape))));
                    }
                    Ok(None) => self.statistics.skipped_unknown_events += 1,
                    Err(fault) => return Err(self.damaged(fault)),
                },
                Content::List(entries) => self.begin_list(entries)?,
                Content::Section => return self.section().map(Some),
                Content::Machine => return self.machine().map(Some),
                Content::Unknown => self.statistics.skipped_unknown_blocks += 1,
            }
        }
    }

    fn section(&mut self) -> Result<Item<'static>, Error> {
        let section = Section::parse(self.blocks.body()).map_err(|fault| self.damaged(fault))?;
        if section.major != MAJOR {
            self.blocks.finish();
            self.statistics.truncated = true;
            let (block, offset) = self.blocks.place();
            let Section { major, minor } = section;
            return Err(Error::Version {
                block,
                offset,
                major,
                minor,
            });
        }
        self.statistics.sections += 1;
        Ok(Item::Section(section))
    }

    fn machine(&mut self) -> Result<Item<'_>, Error> {
        let (block, offset) = self.blocks.place();
        match Machine::parse(self.blocks.body()) {
            Ok(machine) => {
                self.statistics.entries += 1;
                Ok(Item::Machine(machine))
            }
            Err(Fault(what)) => {
                self.statistics.damaged += 1;
                Err(Error::Content {
                    block,
                    offset,
                    what,
                })
            }
        }
    }

    fn begin_list(&mut self, mut entries: Entries) -> Result<(), Error> {
        let mut position = 0;
        if let Entries::Descriptors { tid, .. } = &mut entries {
            let mut bytes = Bytes::new(self.blocks.body(), "a list of descriptors has no thread");
            let owner = bytes.i64();
            *tid = owner.map_err(|fault| self.damaged(fault))?;
            position = size_of::<i64>();
        }
        self.list = Some(List { entries, position });
        Ok(())
    }

    /// Whether there is a list with a further entry.
    #[inline]
    fn list_goes_on(&mut self) -> bool {
        let Some(list) = self.list else {
            return false;
        };
        let goes_on = self.blocks.body().len() >= list.position + SHORTEST_ENTRY;
        if !goes_on {
            self.list = None;
        }
        goes_on
    }

    fn next_entry(&mut self) -> Result<Item<'_>, Error> {
        let (block, offset) = self.blocks.place();
        let body = self.blocks.body();
        let parsed = match &mut self.list {
            Some(list) => list.next_entry(body),
            None => Err(Fault("a list has ended")),
        };
        match parsed {
            Ok(item) => {
                self.statistics.entries += 1;
                Ok(item)
            }
            Err(Fault(what)) => {
                self.statistics.damaged += 1;
                Err(Error::Content {
                    block,
                    offset,
                    what,
                })
            }
        }
    }

    /// Counts a fault in the current block, and says where it is.
    fn damaged(&mut self, Fault(what): Fault) -> Error {
        self.statistics.damaged += 1;
        let (block, offset) = self.blocks.place();
        Error::Content {
            block,
            offset,
            what,
        }
    }
}

impl List {
    /// Reads the entry at the current position and goes to the one after it.
    fn next_entry<'a>(&mut self, body: &'a [u8]) -> Result<Item<'a>, Fault> {
        let rest = body.get(self.position..).unwrap_or_default();
        // If the end of this entry cannot be told, the rest of the list is lost.
        self.position = body.len();
        let mut bytes = Bytes::new(rest, self.entries.what());
        if self.entries.is_prefixed() {
            let length = bytes.u32()? as usize;
            // The length of an interface does not count itself, the others do.
            let length = match self.entries {
                Entries::Interfaces { .. } => length,
                _ => length
                    .checked_sub(4)
                    .ok_or(Fault("an entry is shorter than its length"))?,
            };
            let entry = bytes.take(length)?;
            self.position -= bytes.left();
            return self
                .entries
                .parse(&mut Bytes::new(entry, self.entries.what()));
        }
        let item = self.entries.parse(&mut bytes)?;
        self.position -= bytes.left();
        Ok(item)
    }
}

impl Entries {
    const fn is_prefixed(self) -> bool {
        match self {
            Self::Interfaces { prefixed }
            | Self::Accounts { prefixed }
            | Self::Descriptors { prefixed, .. } => prefixed,
            Self::Processes { version } => version >= PREFIXED,
        }
    }

    /// What to say of an entry that ends too early.
    const fn what(self) -> &'static str {
        match self {
            Self::Interfaces { .. } => "an entry of the interface list is cut off",
            Self::Accounts { .. } => "an entry of the user list is cut off",
            Self::Processes { .. } => "an entry of the process list is cut off",
            Self::Descriptors { .. } => "an entry of a descriptor list is cut off",
        }
    }

    fn parse<'a>(self, bytes: &mut Bytes<'a>) -> Result<Item<'a>, Fault> {
        match self {
            Self::Interfaces { .. } => Interface::parse(bytes).map(Item::Interface),
            Self::Accounts { .. } => Account::parse(bytes).map(|account| match account {
                Account::User(user) => Item::User(user),
                Account::Group(group) => Item::Group(group),
            }),
            Self::Processes { version } => Process::parse(bytes, version).map(Item::Process),
            Self::Descriptors { prefixed, tid } => {
                Descriptor::parse(bytes, tid, prefixed).map(Item::Descriptor)
            }
        }
    }
}
