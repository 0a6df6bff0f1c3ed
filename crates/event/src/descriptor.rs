//! Arguments of operations on descriptors.

use crate::Fd;
use crate::network::Tuple;

/// Closes a range of descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseRange {
    /// The first.
    pub first: Option<u32>,
    /// The last.
    pub last: Option<u32>,
    /// Flags of the call.
    pub flags: Option<u32>,
}

/// Moves data from one descriptor to another; the result is the number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyRange {
    /// Where the data come from.
    pub from: Option<Fd>,
    /// Where they go.
    pub to: Option<Fd>,
    /// How many bytes were asked for.
    pub size: Option<u64>,
}

/// Moves the position in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seek {
    /// The descriptor.
    pub fd: Option<Fd>,
    /// By how much, in bytes.
    pub offset: Option<u64>,
    /// From where.
    pub whence: Option<u32>,
}

/// Maps memory, of a file or of none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map {
    /// The descriptor; -1 for memory of no file.
    pub fd: Option<Fd>,
    /// The length in bytes.
    pub length: Option<u64>,
    /// What may be done with the memory.
    pub protection: Option<u32>,
    /// Flags of the mapping.
    pub flags: Option<u32>,
    /// Where in the file, in bytes (pages for `mmap2`).
    pub offset: Option<u64>,
}

/// Locks a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The descriptor.
    pub fd: Option<Fd>,
    /// How.
    pub operation: Option<u32>,
}

/// A request to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoControl {
    /// The descriptor.
    pub fd: Option<Fd>,
    /// The number of the request.
    pub request: Option<u64>,
    /// Its argument.
    pub argument: Option<u64>,
}

/// Makes a second descriptor for the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The descriptor to be copied.
    pub old: Option<Fd>,
    /// The number asked for; `None` where the kernel chooses.
    pub new: Option<Fd>,
    /// Whether the copy is closed when a program is executed; `None` where the call does not say.
    pub close_on_exec: Option<bool>,
}

/// Makes a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pipe {
    /// The end for reading.
    pub read: Option<Fd>,
    /// The end for writing.
    pub write: Option<Fd>,
    /// The inode of the pipe; 0 or `None` when unknown.
    pub inode: Option<u64>,
    /// Flags, numbered as those of opens.
    pub flags: Option<u32>,
}

/// Kinds of descriptors that are neither files nor sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpecialKind {
    /// A counter to wait on.
    Event,
    /// Signals.
    Signal,
    /// A timer.
    Timer,
    /// Changes of files.
    Inotify,
    /// A set of descriptors to wait on.
    Epoll,
    /// Page faults handled in user space.
    UserFault,
    /// Queues of asynchronous operations.
    IoUring,
    /// A process.
    Process,
    /// A BPF program, map or link.
    Bpf,
    /// A netlink socket.
    Netlink,
    /// A file in memory.
    MemoryFile,
    /// Anything else.
    Other,
}

/// Makes a descriptor of a special kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Special {
    /// The kind.
    pub kind: SpecialKind,
    /// Flags of the call.
    pub flags: Option<u32>,
    /// The process of a process descriptor.
    pub pid: Option<i64>,
}

/// Makes a file in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryFile<'a> {
    /// Its name, for people to see.
    pub name: Option<&'a [u8]>,
    /// Flags of the call.
    pub flags: Option<u32>,
}

/// Takes a descriptor of another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakeDescriptor {
    /// The descriptor of the process.
    pub process: Option<Fd>,
    /// The descriptor in that process.
    pub target: Option<Fd>,
}

/// Submits to or changes queues of asynchronous operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoUring {
    /// The descriptor of the queues.
    pub fd: Option<Fd>,
    /// The number of entries submitted or registered.
    pub count: Option<u32>,
    /// What is registered; `None` for a submission.
    pub opcode: Option<u32>,
    /// Flags of the call.
    pub flags: Option<u32>,
}

/// A call of the BPF subsystem; some commands return a new descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bpf {
    /// The command.
    pub command: Option<u32>,
}

/// Reads and writes on a descriptor that are not told one by one, since they were last summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary<'a> {
    /// The descriptor.
    pub fd: Fd,
    /// Reads, also failed ones.
    pub read_ops: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Writes, also failed ones.
    pub write_ops: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// When the first of them ended, ns since the epoch.
    pub first: u64,
    /// When the last of them ended, ns since the epoch.
    pub last: u64,
    /// Both ends, where the descriptor itself does not say: of datagrams, the source being this end.
    pub tuple: Option<Tuple<'a>>,
}
