//! What crosses between the kernel and user space, as `bpf/include/intf.h` lays it out.
//!
//! A test compares sizes and places with the types of the compiled object.
#![allow(dead_code, reason = "the mirror is whole, used or not")]
#![allow(clippy::struct_field_names, reason = "names are those of the header")]

/// A number of the interface.
pub(crate) trait Number: Sized {
    /// Reads it from the start of some bytes.
    fn read(bytes: &[u8]) -> Option<Self>;

    /// Writes it to the start of some bytes that have room.
    fn write(&self, out: &mut [u8]);
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Number for $number {
            #[inline]
            fn read(bytes: &[u8]) -> Option<Self> {
                bytes.first_chunk().map(|bytes| Self::from_ne_bytes(*bytes))
            }

            fn write(&self, out: &mut [u8]) {
                out[..size_of::<Self>()].copy_from_slice(&self.to_ne_bytes());
            }
        }
    )*};
}

numbers!(u8, u16, u32, u64, i64);

impl<T: Number + Copy + Default, const N: usize> Number for [T; N] {
    #[inline]
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut all = [T::default(); N];
        for (index, one) in all.iter_mut().enumerate() {
            *one = T::read(bytes.get(index * size_of::<T>()..)?)?;
        }
        Some(all)
    }

    fn write(&self, out: &mut [u8]) {
        for (index, one) in self.iter().enumerate() {
            one.write(&mut out[index * size_of::<T>()..]);
        }
    }
}

/// A member of a structure of the interface: name, place, size.
#[cfg(test)]
pub(crate) type Member = (&'static str, usize, usize);

macro_rules! structures {
    ($($(#[$about:meta])* $name:ident = $c:literal { $($(#[$note:meta])* $member:ident: $ty:ty = $c_member:literal,)* })*) => {
        $(
            $(#[$about])*
            #[repr(C)]
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
            pub(crate) struct $name {
                $($(#[$note])* pub(crate) $member: $ty,)*
            }

            impl Number for $name {
                #[inline]
                fn read(bytes: &[u8]) -> Option<Self> {
                    if bytes.len() < size_of::<Self>() {
                        return None;
                    }
                    Some(Self {
                        $($member: <$ty as Number>::read(&bytes[std::mem::offset_of!(Self, $member)..])?,)*
                    })
                }

                fn write(&self, out: &mut [u8]) {
                    $(self.$member.write(&mut out[std::mem::offset_of!(Self, $member)..]);)*
                }
            }

            impl $name {
                /// As bytes.
                pub(crate) fn to_bytes(self) -> [u8; size_of::<Self>()] {
                    let mut bytes = [0; size_of::<Self>()];
                    self.write(&mut bytes);
                    bytes
                }
            }
        )*

        /// All structures: the name in C, the size, the members.
        #[cfg(test)]
        pub(crate) const STRUCTURES: &[(&str, usize, &[Member])] = &[
            $(($c, size_of::<$name>(), &[
                $(($c_member, std::mem::offset_of!($name, $member), size_of::<$ty>()),)*
            ]),)*
        ];
    };
}

/// System calls that the table has room for.
pub(crate) const CALLS: usize = 512;
/// The number of arguments of a system call.
pub(crate) const ARGUMENTS: usize = 6;
/// The number of lanes.
pub(crate) const LANES: usize = 2;
/// Room for kinds of records.
pub(crate) const KINDS: usize = 16;
/// Kinds of requests of `io_uring` that the table has room for.
pub(crate) const REQUESTS: usize = 128;
/// In place of the number of a call.
pub(crate) const NO_CALL: u16 = u16::MAX;
/// In place of the number of a call of 32-bit programs: it cannot be told.
pub(crate) const FOREIGN: u32 = u32::MAX;
/// In place of the position of an argument: the result.
pub(crate) const RESULT: u8 = 7;

/// What a record tells.
pub(crate) mod kind {
    pub(crate) const CALL: u16 = 1;
    pub(crate) const FORK: u16 = 2;
    pub(crate) const EXEC: u16 = 3;
    pub(crate) const EXIT: u16 = 4;
    pub(crate) const FLOW: u16 = 5;
    pub(crate) const SIGNAL: u16 = 6;
    pub(crate) const URING: u16 = 7;
    pub(crate) const TASK: u16 = 8;
    pub(crate) const FILE: u16 = 9;
    pub(crate) const PASSED: u16 = 10;
    pub(crate) const MOVED: u16 = 11;
    /// Words for them, by number.
    pub(crate) const NAMES: [&str; 12] = [
        "", "call", "fork", "exec", "exit", "flow", "signal", "io_uring", "task", "file", "passed",
        "moved",
    ];
}

/// Which ring.
pub(crate) mod lane {
    pub(crate) const CRITICAL: u8 = 0;
    pub(crate) const NORMAL: u8 = 1;
}

/// What an item holds.
pub(crate) mod item {
    pub(crate) const STRING0: usize = 1;
    pub(crate) const STRING1: usize = 2;
    pub(crate) const STRING2: usize = 3;
    pub(crate) const FILE: usize = 4;
    pub(crate) const PATH: usize = 5;
    pub(crate) const FILE2: usize = 6;
    pub(crate) const PATH2: usize = 7;
    pub(crate) const SOCKET: usize = 8;
    pub(crate) const UNIX: usize = 9;
    pub(crate) const SOCKET2: usize = 10;
    pub(crate) const ADDRESS: usize = 11;
    pub(crate) const DATA: usize = 12;
    pub(crate) const NUMBERS: usize = 13;
    pub(crate) const IDENTITY: usize = 14;
    pub(crate) const ARGUMENTS: usize = 15;
    pub(crate) const ENVIRONMENT: usize = 16;
    pub(crate) const DIRECTORY: usize = 17;
    pub(crate) const ROOT: usize = 18;
    pub(crate) const EXECUTABLE: usize = 19;
    pub(crate) const INTERPRETER: usize = 20;
    pub(crate) const GIVEN: usize = 21;
    pub(crate) const CGROUP: usize = 22;
    pub(crate) const CGROUP_V1: usize = 23;
    pub(crate) const COUNTS: usize = 24;
    pub(crate) const TARGET: usize = 26;
    pub(crate) const PEER: usize = 27;
    /// One more than the highest.
    pub(crate) const END: usize = 28;
}

/// Facts about a file.
pub(crate) mod fact {
    pub(crate) const UPPER: u32 = 1;
    pub(crate) const LOWER: u32 = 2;
    pub(crate) const MEMORY: u32 = 4;
    pub(crate) const DELETED: u32 = 8;
}

/// What is done about a system call.
pub(crate) mod action {
    pub(crate) const TELL: u8 = 1;
    pub(crate) const COUNT: u8 = 2;
}

/// What is special about a system call.
pub(crate) mod special {
    pub(crate) const CLOSE: u8 = 1;
    pub(crate) const DUP2: u8 = 2;
    pub(crate) const DUP_COMMAND: u8 = 3;
    pub(crate) const MAP: u8 = 4;
    pub(crate) const MESSAGE: u8 = 5;
    pub(crate) const MESSAGES: u8 = 6;
    pub(crate) const FAILURE_ONLY: u8 = 7;
    pub(crate) const EXEC: u8 = 8;
    pub(crate) const VECTOR: u8 = 9;
    pub(crate) const COPY: u8 = 10;
    pub(crate) const CLOSE_RANGE: u8 = 11;
    pub(crate) const CONNECT: u8 = 12;
    pub(crate) const CLONE: u8 = 13;
    pub(crate) const PAIR: u8 = 14;
    pub(crate) const DIRECTORY: u8 = 15;
}

structures! {
    /// How a system call is told. Positions of arguments are counted from 1; 0 is none.
    Call = "sf_call" {
        action: u8 = "action",
        lane: u8 = "lane",
        special: u8 = "special",
        direction: u8 = "direction",
        strings: [u8; 3] = "strings",
        fd: u8 = "fd",
        fd2: u8 = "fd2",
        address: u8 = "address",
        data: u8 = "data",
        numbers: u8 = "numbers",
        numbers_size: u32 = "numbers_size",
        arguments: u8 = "arguments",
        first: u8 = "first",
        unused: u16 = "unused",
    }

    /// What the programs are told when they are loaded.
    Config = "sf_config" {
        own_pid: u32 = "own_pid",
        per_call: u32 = "per_call",
        data_size: u32 = "data_size",
        wake_at: u32 = "wake_at",
        processors: u32 = "processors",
        by_entry: u32 = "by_entry",
        event_cost: u64 = "event_cost",
        event_burst: u64 = "event_burst",
        copies: u32 = "copies",
        unused: u32 = "unused",
    }

    /// The start of every record.
    Header = "sf_header" {
        length: u32 = "length",
        kind: u16 = "kind",
        call: u16 = "call",
        cpu: u16 = "cpu",
        lane: u8 = "lane",
        is_compat: u8 = "is_compat",
        pid: u32 = "pid",
        tid: u32 = "tid",
        is_reused: u16 = "is_reused",
        arguments: u16 = "arguments",
        sequence: u64 = "sequence",
        time: u64 = "time",
        start: u64 = "start",
        result: i64 = "result",
    }

    /// The start of every item.
    Item = "sf_item" {
        kind: u16 = "kind",
        unused: u16 = "unused",
        length: u32 = "length",
    }

    /// An open file.
    File = "sf_file" {
        inode: u64 = "inode",
        changed: u64 = "changed",
        modified: u64 = "modified",
        device: u32 = "device",
        flags: u32 = "flags",
        access: u32 = "access",
        mode: u32 = "mode",
        uid: u32 = "uid",
        gid: u32 = "gid",
        facts: u32 = "facts",
        magic: u32 = "magic",
    }

    /// A socket.
    Socket = "sf_socket" {
        family: u16 = "family",
        ty: u16 = "type",
        protocol: u16 = "protocol",
        state: u16 = "state",
        local_port: u16 = "local_port",
        remote_port: u16 = "remote_port",
        unused: u32 = "unused",
        local: [u8; 16] = "local",
        remote: [u8; 16] = "remote",
        socket: u64 = "socket",
        peer: u64 = "peer",
    }

    /// A thread.
    Identity = "sf_identity" {
        start: u64 = "start",
        namespace_start: u64 = "namespace_start",
        inheritable: u64 = "inheritable",
        permitted: u64 = "permitted",
        effective: u64 = "effective",
        cgroup: u64 = "cgroup",
        descriptor_limit: u64 = "descriptor_limit",
        faults_major: u64 = "faults_major",
        faults_minor: u64 = "faults_minor",
        memory_pages: u64 = "memory_pages",
        pid: u32 = "pid",
        tid: u32 = "tid",
        parent: u32 = "parent",
        namespace_pid: u32 = "namespace_pid",
        namespace_tid: u32 = "namespace_tid",
        uid: u32 = "uid",
        gid: u32 = "gid",
        login_uid: u32 = "login_uid",
        session: u32 = "session",
        group: u32 = "group",
        namespace_group: u32 = "namespace_group",
        terminal: u32 = "terminal",
        clone_flags: u32 = "clone_flags",
        is_kernel: u32 = "is_kernel",
        comm: [u8; 16] = "comm",
    }

    /// What is counted.
    FlowKey = "sf_flow_key" {
        pid: u32 = "pid",
        fd: u32 = "fd",
        peer: u32 = "peer",
        unused: u32 = "unused",
    }

    /// An address of the internet.
    Peer = "sf_peer" {
        family: u16 = "family",
        port: u16 = "port",
        unused: u32 = "unused",
        address: [u8; 16] = "address",
    }

    /// What has moved.
    Counts = "sf_counts" {
        id: u64 = "id",
        read_ops: u64 = "read_ops",
        read_bytes: u64 = "read_bytes",
        write_ops: u64 = "write_ops",
        write_bytes: u64 = "write_bytes",
        first: u64 = "first",
        last: u64 = "last",
        peers: u64 = "peers",
        fd: u32 = "fd",
        tid: u32 = "tid",
    }

    /// What is counted on a descriptor.
    Flow = "sf_flow" {
        counts: Counts = "counts",
        file: u64 = "file",
        told: u64 = "told",
        peer: Peer = "peer",
        local: Peer = "local",
        always: u32 = "always",
        unused: u32 = "unused",
    }

    /// What was lost, on one processor.
    Losses = "sf_losses" {
        lost: [[u64; KINDS]; LANES] = "lost",
        sequence: [u64; LANES] = "sequence",
        flows: u64 = "flows",
        uncounted: u64 = "uncounted",
        compat: u64 = "compat",
    }

    /// Whose normal records were left out.
    SuppressedKey = "sf_suppressed_key" {
        pid: u32 = "pid",
        call: u32 = "call",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use libbpf_rs::btf::types::{MemberAttr, Struct};
    use libbpf_rs::btf::{Btf, HasSize};

    use super::*;

    const HEADER: &str = include_str!("../../../bpf/include/intf.h");

    /// What both sides mean by a structure is the same, member for member.
    #[test]
    fn structures_are_those_of_the_programs() {
        let btf = Btf::from_raw("sysflow", crate::load::object())
            .unwrap()
            .unwrap();
        for (name, size, members) in STRUCTURES {
            let structure: Struct<'_> = btf
                .type_by_name(name)
                .unwrap_or_else(|| panic!("{name} is not used by the programs"));
            assert_eq!(structure.size(), *size, "{name}");
            let found: Vec<(String, usize)> = structure
                .iter()
                .map(|member| {
                    let MemberAttr::Normal { offset } = member.attr else {
                        panic!("{name} has bits")
                    };
                    (
                        member.name.unwrap().to_string_lossy().into_owned(),
                        offset as usize / 8,
                    )
                })
                .collect();
            let own: Vec<(String, usize)> = members
                .iter()
                .map(|(name, offset, _)| ((*name).to_owned(), *offset))
                .collect();
            assert_eq!(found, own, "{name}");
        }
    }

    /// The value of an enumerator or definition of the header.
    fn value(name: &str) -> u64 {
        for line in HEADER.lines() {
            if let Some(rest) = line.strip_prefix(&format!("#define {name} ")) {
                let word = rest.split_whitespace().next().unwrap();
                return word
                    .strip_prefix("0x")
                    .map_or_else(|| word.parse(), |hex| u64::from_str_radix(hex, 16))
                    .unwrap();
            }
        }
        for block in HEADER.split("enum ").skip(1) {
            let block = &block[..block.find("};").unwrap()];
            let mut next = 0;
            for line in block.lines().skip(1) {
                let entry = line.trim().split(',').next().unwrap();
                if !entry.starts_with("SF_") {
                    continue;
                }
                let (own, given) = entry.split_once('=').unwrap_or((entry, ""));
                if !given.is_empty() {
                    next = given.trim().parse().unwrap();
                }
                if own.trim() == name {
                    return next;
                }
                next += 1;
            }
        }
        panic!("{name} is not in the header");
    }

    #[test]
    fn numbers_are_those_of_the_header() {
        let pairs: &[(&str, u64)] = &[
            ("SF_ARGUMENTS", ARGUMENTS as u64),
            ("SF_CALLS", CALLS as u64),
            ("SF_KINDS", KINDS as u64),
            ("SF_REQUESTS", REQUESTS as u64),
            ("SF_NO_CALL", u64::from(NO_CALL)),
            ("SF_FOREIGN", u64::from(FOREIGN)),
            ("SF_RESULT", u64::from(RESULT)),
            ("SF_LANES", LANES as u64),
            ("SF_LANE_CRITICAL", u64::from(lane::CRITICAL)),
            ("SF_LANE_NORMAL", u64::from(lane::NORMAL)),
            ("SF_KIND_CALL", u64::from(kind::CALL)),
            ("SF_KIND_FORK", u64::from(kind::FORK)),
            ("SF_KIND_EXEC", u64::from(kind::EXEC)),
            ("SF_KIND_EXIT", u64::from(kind::EXIT)),
            ("SF_KIND_FLOW", u64::from(kind::FLOW)),
            ("SF_KIND_SIGNAL", u64::from(kind::SIGNAL)),
            ("SF_KIND_URING", u64::from(kind::URING)),
            ("SF_KIND_TASK", u64::from(kind::TASK)),
            ("SF_KIND_FILE", u64::from(kind::FILE)),
            ("SF_ITEM_STRING0", item::STRING0 as u64),
            ("SF_ITEM_STRING1", item::STRING1 as u64),
            ("SF_ITEM_STRING2", item::STRING2 as u64),
            ("SF_ITEM_FILE", item::FILE as u64),
            ("SF_ITEM_PATH", item::PATH as u64),
            ("SF_ITEM_FILE2", item::FILE2 as u64),
            ("SF_ITEM_PATH2", item::PATH2 as u64),
            ("SF_ITEM_SOCKET", item::SOCKET as u64),
            ("SF_ITEM_UNIX", item::UNIX as u64),
            ("SF_ITEM_SOCKET2", item::SOCKET2 as u64),
            ("SF_ITEM_ADDRESS", item::ADDRESS as u64),
            ("SF_ITEM_DATA", item::DATA as u64),
            ("SF_ITEM_NUMBERS", item::NUMBERS as u64),
            ("SF_ITEM_IDENTITY", item::IDENTITY as u64),
            ("SF_ITEM_ARGUMENTS", item::ARGUMENTS as u64),
            ("SF_ITEM_ENVIRONMENT", item::ENVIRONMENT as u64),
            ("SF_ITEM_DIRECTORY", item::DIRECTORY as u64),
            ("SF_ITEM_ROOT", item::ROOT as u64),
            ("SF_ITEM_EXECUTABLE", item::EXECUTABLE as u64),
            ("SF_ITEM_INTERPRETER", item::INTERPRETER as u64),
            ("SF_ITEM_GIVEN", item::GIVEN as u64),
            ("SF_ITEM_CGROUP", item::CGROUP as u64),
            ("SF_ITEM_CGROUP_V1", item::CGROUP_V1 as u64),
            ("SF_ITEM_COUNTS", item::COUNTS as u64),
            ("SF_ITEM_TARGET", item::TARGET as u64),
            ("SF_ITEM_PEER", item::PEER as u64),
            ("SF_FACT_UPPER", u64::from(fact::UPPER)),
            ("SF_FACT_LOWER", u64::from(fact::LOWER)),
            ("SF_FACT_MEMORY", u64::from(fact::MEMORY)),
            ("SF_FACT_DELETED", u64::from(fact::DELETED)),
            ("SF_ACTION_TELL", u64::from(action::TELL)),
            ("SF_ACTION_COUNT", u64::from(action::COUNT)),
            ("SF_SPECIAL_CLOSE", u64::from(special::CLOSE)),
            ("SF_SPECIAL_DUP2", u64::from(special::DUP2)),
            ("SF_SPECIAL_DUP_COMMAND", u64::from(special::DUP_COMMAND)),
            ("SF_SPECIAL_MAP", u64::from(special::MAP)),
            ("SF_SPECIAL_MESSAGE", u64::from(special::MESSAGE)),
            ("SF_SPECIAL_MESSAGES", u64::from(special::MESSAGES)),
            ("SF_SPECIAL_FAILURE_ONLY", u64::from(special::FAILURE_ONLY)),
            ("SF_SPECIAL_EXEC", u64::from(special::EXEC)),
            ("SF_SPECIAL_VECTOR", u64::from(special::VECTOR)),
            ("SF_SPECIAL_COPY", u64::from(special::COPY)),
            ("SF_SPECIAL_CLOSE_RANGE", u64::from(special::CLOSE_RANGE)),
            ("SF_SPECIAL_CONNECT", u64::from(special::CONNECT)),
            ("SF_SPECIAL_CLONE", u64::from(special::CLONE)),
            ("SF_SPECIAL_PAIR", u64::from(special::PAIR)),
            ("SF_SPECIAL_DIRECTORY", u64::from(special::DIRECTORY)),
        ];
        for (name, own) in pairs {
            assert_eq!(value(name), *own, "{name}");
        }
        // No item is read from behind the last one.
        assert_eq!(value("SF_ITEM_PEER") as usize + 1, item::END);
    }
}
