//! The arguments of an operation as its source tells them: by position and name, untyped until asked for.
//!
//! [`Operation`](crate::Operation) holds what the state of a system needs. Rules and people may ask for
//! any other argument, by the names that the source uses.

use crate::network::{Address, Tuple};

/// How a number is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// In tens.
    Decimal,
    /// In sixteens.
    Hexadecimal,
    /// In eights.
    Octal,
}

/// The value of one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawValue<'a> {
    /// The source does not know it.
    Unknown,
    /// An integer.
    Signed(i64, Base),
    /// An integer without a sign.
    Unsigned(u64, Base),
    /// A result: negative error numbers.
    Result(i64),
    /// A descriptor.
    Descriptor(i64),
    /// A process or thread.
    Process(i64),
    /// A user.
    User(u32),
    /// A group.
    Group(u32),
    /// A text.
    Text(&'a [u8]),
    /// A path that starts from the working directory.
    Path(&'a [u8]),
    /// A path that starts from the directory in the argument at a position.
    PathAt(&'a [u8], usize),
    /// Data, or a list of texts with a NUL after each.
    Bytes(&'a [u8]),
    /// Flags or a value of a set: see [`RawArguments::write_names`].
    Symbols(u32, Base),
    /// A number that stands for a name, such as that of a system call.
    Named(u32),
    /// A signal.
    Signal(u32),
    /// Signals, a bit for each: the lowest bit is signal 1.
    Signals(u32),
    /// A point in time, ns since the epoch.
    Time(u64),
    /// Descriptors with the events that they are polled for: see [`RawArguments::each_polled`].
    Polled,
    /// The address of a socket.
    Address(Address<'a>),
    /// Both ends of a connection.
    Tuple(Tuple<'a>),
    /// A span of time in nanoseconds; all ones for none.
    Span(u64),
    /// True or false.
    Bool(bool),
    /// Something that has no form here.
    Other,
}

/// What an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the words are those of the formats")]
pub enum Category {
    Unknown,
    Other,
    File,
    Net,
    Ipc,
    Memory,
    Process,
    Sleep,
    System,
    Signal,
    User,
    Time,
    Wait,
    Scheduler,
    Internal,
    /// What its descriptor is about.
    OfDescriptor,
}

/// Where an observation comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A system call.
    SystemCall,
    /// Another place in the kernel.
    Kernel,
    /// The observing program itself.
    Observer,
}

/// What is known of an operation by its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Class {
    /// What it is about.
    pub category: Category,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether it makes a descriptor.
    pub creates_descriptor: bool,
    /// Whether it works on a descriptor.
    pub uses_descriptor: bool,
    /// Whether it reads data.
    pub reads: bool,
    /// Whether it writes data.
    pub writes: bool,
    /// Whether the thread waits in it.
    pub waits: bool,
}

impl Class {
    /// The class of something of which nothing is known.
    pub const UNKNOWN: Self = Self {
        category: Category::Unknown,
        origin: Origin::SystemCall,
        creates_descriptor: false,
        uses_descriptor: false,
        reads: false,
        writes: false,
        waits: false,
    };
}

/// Asks for arguments as the source tells them.
pub trait RawArguments {
    /// What is known of the operation by its kind.
    fn class(&self) -> Class;

    /// The number of arguments that the source tells of the operation, known or not.
    fn count(&self) -> usize;

    /// The name of the argument at a position below [`count`](Self::count).
    fn name(&self, index: usize) -> &'static str;

    /// The argument at a position.
    fn value(&self, index: usize) -> RawValue<'_>;

    /// Appends the names that stand for the value of an argument; nothing where it has none.
    fn write_names(&self, index: usize, out: &mut Vec<u8>);

    /// Visits the descriptors of an argument that is [`RawValue::Polled`], with the events as bits.
    fn each_polled(&self, index: usize, visit: &mut dyn FnMut(i64, u32)) {
        let _ = (index, visit);
    }

    /// The position of the argument with a name.
    fn position(&self, name: &str) -> Option<usize> {
        (0..self.count()).find(|index| self.name(*index) == name)
    }

    /// The argument with a name.
    fn named(&self, name: &str) -> Option<RawValue<'_>> {
        self.position(name).map(|index| self.value(index))
    }
}

/// No arguments: for sources that tell none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoArguments;

impl RawArguments for NoArguments {
    fn class(&self) -> Class {
        Class::UNKNOWN
    }

    fn count(&self) -> usize {
        0
    }

    fn name(&self, _: usize) -> &'static str {
        ""
    }

    fn value(&self, _: usize) -> RawValue<'_> {
        RawValue::Unknown
    }

    fn write_names(&self, _: usize, _: &mut Vec<u8>) {}
}
