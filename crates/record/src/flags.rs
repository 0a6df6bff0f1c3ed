//! Operation and open flags ("SysFlow schema 5", opFlags and openFlags).

use bitflags::bitflags;

bitflags! {
    /// The operations that a record stands for. Events have one, flows the union of what happened.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct OpFlags: u32 {
        /// A process or a thread was created.
        const CLONE = 1;
        /// A program was executed.
        const EXEC = 1 << 1;
        /// A process or a thread ended.
        const EXIT = 1 << 2;
        /// The user id changed.
        const SETUID = 1 << 3;
        /// A namespace was entered.
        const SETNS = 1 << 4;
        /// A connection was accepted.
        const ACCEPT = 1 << 5;
        /// A connection was made or tried.
        const CONNECT = 1 << 6;
        /// A file was opened.
        const OPEN = 1 << 7;
        /// Data was read or received.
        const READ_RECV = 1 << 8;
        /// Data was written or sent.
        const WRITE_SEND = 1 << 9;
        /// The descriptor was closed.
        const CLOSE = 1 << 10;
        /// The flow was cut without its own close: exit, close by another thread, end of recording.
        const TRUNCATE = 1 << 11;
        /// The socket was shut down.
        const SHUTDOWN = 1 << 12;
        /// The file was mapped into memory.
        const MMAP = 1 << 13;
        /// The flow was exported while it went on. Defined by the schema, written by no collector.
        const DIGEST = 1 << 14;
        /// A directory was made.
        const MKDIR = 1 << 15;
        /// A directory was removed.
        const RMDIR = 1 << 16;
        /// A hard link was made.
        const LINK = 1 << 17;
        /// A name was removed.
        const UNLINK = 1 << 18;
        /// A symbolic link was made.
        const SYMLINK = 1 << 19;
        /// A file was renamed.
        const RENAME = 1 << 20;
    }
}

impl OpFlags {
    /// Flags of file events.
    pub const FILE_EVENT: Self = Self::MKDIR
        .union(Self::RMDIR)
        .union(Self::LINK)
        .union(Self::UNLINK)
        .union(Self::SYMLINK)
        .union(Self::RENAME);

    /// Flags of process events.
    pub const PROCESS_EVENT: Self = Self::CLONE
        .union(Self::EXEC)
        .union(Self::EXIT)
        .union(Self::SETUID);

    /// From the integer of a record; unknown bits are kept.
    pub const fn from_avro(value: i32) -> Self {
        Self::from_bits_retain(value as u32)
    }

    /// The integer that a record carries.
    pub const fn to_avro(self) -> i32 {
        self.bits() as i32
    }

    /// The names of the flags that are set, in the order in which SysFlow shows them. Reading and
    /// writing a socket is called RECV and SEND, of anything else READ and WRITE.
    pub fn names(self, socket: bool) -> impl Iterator<Item = &'static str> {
        let names = if socket { &SOCKET_NAMES } else { &FILE_NAMES };
        names
            .iter()
            .filter(move |(flag, _)| self.contains(*flag))
            .map(|(_, name)| *name)
    }

    /// The compact form of the original's printer: names of events without separator, or eleven
    /// columns `OACWRNMSCTD` for flows, blank where a flag is not set.
    pub fn to_columns(self) -> String {
        let event_names = if self.intersects(Self::FILE_EVENT) {
            Self::FILE_EVENT
        } else {
            Self::PROCESS_EVENT
        };
        if self.intersects(event_names) {
            return self.intersection(event_names).names(false).collect();
        }
        let letter =
            |(flag, letter): &(Self, char)| if self.contains(*flag) { *letter } else { ' ' };
        FLOW_COLUMNS.iter().map(letter).collect()
    }
}

const FLOW_COLUMNS: [(OpFlags, char); 11] = [
    (OpFlags::OPEN, 'O'),
    (OpFlags::ACCEPT, 'A'),
    (OpFlags::CONNECT, 'C'),
    (OpFlags::WRITE_SEND, 'W'),
    (OpFlags::READ_RECV, 'R'),
    (OpFlags::SETNS, 'N'),
    (OpFlags::MMAP, 'M'),
    (OpFlags::SHUTDOWN, 'S'),
    (OpFlags::CLOSE, 'C'),
    (OpFlags::TRUNCATE, 'T'),
    (OpFlags::DIGEST, 'D'),
];

const fn operation_names(read: &'static str, write: &'static str) -> [(OpFlags, &'static str); 21] {
    [
        (OpFlags::MKDIR, "MKDIR"),
        (OpFlags::RMDIR, "RMDIR"),
        (OpFlags::LINK, "LINK"),
        (OpFlags::SYMLINK, "SYMLINK"),
        (OpFlags::UNLINK, "UNLINK"),
        (OpFlags::RENAME, "RENAME"),
        (OpFlags::CLONE, "CLONE"),
        (OpFlags::EXEC, "EXEC"),
        (OpFlags::EXIT, "EXIT"),
        (OpFlags::SETUID, "SETUID"),
        (OpFlags::OPEN, "OPEN"),
        (OpFlags::ACCEPT, "ACCEPT"),
        (OpFlags::CONNECT, "CONNECT"),
        (OpFlags::CLOSE, "CLOSE"),
        (OpFlags::WRITE_SEND, write),
        (OpFlags::READ_RECV, read),
        (OpFlags::SETNS, "SETNS"),
        (OpFlags::MMAP, "MMAP"),
        (OpFlags::SHUTDOWN, "SHUTDOWN"),
        (OpFlags::TRUNCATE, "TRUNCATE"),
        (OpFlags::DIGEST, "DIGEST"),
    ]
}

const FILE_NAMES: [(OpFlags, &str); 21] = operation_names("READ", "WRITE");
const SOCKET_NAMES: [(OpFlags, &str); 21] = operation_names("RECV", "SEND");

bitflags! {
    /// How a file was opened. These are the numbers of the SysFlow format, not the kernel's `O_*`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct OpenFlags: u32 {
        /// For reading.
        const RDONLY = 1;
        /// For writing.
        const WRONLY = 1 << 1;
        /// For reading and writing.
        const RDWR = 3;
        /// Created if missing.
        const CREAT = 1 << 2;
        /// Writes go to the end.
        const APPEND = 1 << 3;
        /// Data reaches the device before a write returns.
        const DSYNC = 1 << 4;
        /// Must not exist before.
        const EXCL = 1 << 5;
        /// Does not block.
        const NONBLOCK = 1 << 6;
        /// Data and metadata reach the device before a write returns.
        const SYNC = 1 << 7;
        /// Emptied when opened.
        const TRUNC = 1 << 8;
        /// Bypasses the page cache.
        const DIRECT = 1 << 9;
        /// Must be a directory.
        const DIRECTORY = 1 << 10;
        /// May be larger than 2 GiB.
        const LARGEFILE = 1 << 11;
        /// Closed when a program is executed.
        const CLOEXEC = 1 << 12;
        /// An unnamed temporary file.
        const TMPFILE = 1 << 13;
        /// The call created the file.
        const CREATED = 1 << 14;
        /// The file lies in the upper (writable) layer of an overlay.
        const UPPER_LAYER = 1 << 15;
        /// The file lies in a lower layer of an overlay.
        const LOWER_LAYER = 1 << 16;
    }
}

const OPEN_NAMES: [(OpenFlags, &str); 17] = [
    (OpenFlags::RDONLY, "RDONLY"),
    (OpenFlags::WRONLY, "WRONLY"),
    (OpenFlags::RDWR, "RDWR"),
    (OpenFlags::CREAT, "CREAT"),
    (OpenFlags::EXCL, "EXCL"),
    (OpenFlags::TRUNC, "TRUNC"),
    (OpenFlags::APPEND, "APPEND"),
    (OpenFlags::NONBLOCK, "NONBLOCK"),
    (OpenFlags::DSYNC, "DSYNC"),
    (OpenFlags::DIRECT, "DIRECT"),
    (OpenFlags::LARGEFILE, "LARGEFILE"),
    (OpenFlags::DIRECTORY, "DIRECTORY"),
    (OpenFlags::CLOEXEC, "CLOEXEC"),
    (OpenFlags::SYNC, "SYNC"),
    (OpenFlags::TMPFILE, "TMPFILE"),
    (OpenFlags::CREATED, "CREATED"),
    (OpenFlags::UPPER_LAYER, "UPPER_LAYER"),
];

impl OpenFlags {
    /// From the integer of a record; unknown bits are kept.
    pub const fn from_avro(value: i32) -> Self {
        Self::from_bits_retain(value as u32)
    }

    /// The integer that a record carries.
    pub const fn to_avro(self) -> i32 {
        self.bits() as i32
    }

    /// The names of the flags that are set. A read-write open lists RDONLY, WRONLY and RDWR; no flag at
    /// all is NONE.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let none = self.is_empty().then_some("NONE");
        let set = OPEN_NAMES
            .iter()
            .filter(move |(flag, _)| self.contains(*flag));
        none.into_iter().chain(set.map(|(_, name)| *name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_print_as_the_original_does() {
        let columns = |bits| OpFlags::from_avro(bits).to_columns();
        assert_eq!(columns(1408), "O   R   C  ");
        assert_eq!(columns(1824), " A WR   C  ");
        assert_eq!(columns(2880), "  CWR    T ");
        assert_eq!(columns(1024), "        C  ");
        assert_eq!(columns(9344), "O     M C  ");
        assert_eq!(columns(5), "CLONEEXIT");
        assert_eq!(columns(OpFlags::RENAME.to_avro()), "RENAME");
    }

    #[test]
    fn sockets_send_and_receive_where_files_write_and_read() {
        let both = OpFlags::READ_RECV | OpFlags::WRITE_SEND;
        assert_eq!(both.names(true).collect::<Vec<_>>(), ["SEND", "RECV"]);
        assert_eq!(both.names(false).collect::<Vec<_>>(), ["WRITE", "READ"]);
    }

    #[test]
    fn open_flags_name_both_directions() {
        let names = |bits| OpenFlags::from_avro(bits).names().collect::<Vec<_>>();
        assert_eq!(names(0), ["NONE"]);
        assert_eq!(names(3), ["RDONLY", "WRONLY", "RDWR"]);
        assert_eq!(names(4358), ["WRONLY", "CREAT", "TRUNC", "CLOEXEC"]);
    }
}
