//! Fields of the descriptor that an operation makes or works on.

use std::io::Write as _;

use sysflow_event::Operation;
use sysflow_event::descriptor::SpecialKind;
use sysflow_field::{Arg, Argument, FalcoType, Limits, Shown, Value};

use super::EventView;
use super::socket::protocol;
use crate::state::descriptor::{Descriptor, Ends, Kind, NOWHERE};

const PROCESSES: &[u8] = b"/proc/";
const UPPER_LAYER: u32 = 0x8000;
const LOWER_LAYER: u32 = 0x1_0000;

event_fields! {
    FD_NUM = "fd.num": Int, "Number of the descriptor; negative where there is none."
        => value |v| v.fd.map(Value::Int);
    FD_NAME = "fd.name": Text,
        "Path of a file; client:port->server:port of a connection; path of a unix socket. A file that is opened by a \
         link in /proc to what is open or run already has the name of the link as well."
        => each |v, _, emit| match v.stored_name() {
            Some(name) => {
                emit.value(Value::Text(name));
                if let Some(link) = v.link_to(name) {
                    emit.value(Value::Text(link));
                }
            }
            None => { emit.text(|out| v.write_descriptor_name(out)); }
        };
    FD_NAMERAW = "fd.nameraw": Text, "Path as the program gave it."
        => text |v, out| v.write_raw_name(out);
    FD_TYPECHAR = "fd.typechar": Text, "One letter for the type; that of what was meant, or o, where there is no descriptor."
        => value |v| {
            v.fd?;
            let letter = v.descriptor().map_or_else(|| meant(v.event.name), |descriptor| words(descriptor).0);
            Some(Value::Text(letter.as_bytes()))
        };
    FD_TYPE = "fd.type": Text, "file, directory, ipv4, ipv6, unix, pipe …"
        => value |v| Some(Value::Text(words(v.descriptor()?).1.as_bytes()));
    FD_TYPES = "fd.types": Text { list: true, argument: Argument::OptionalIndex, limits: Limits::LIST },
        "Types of all descriptors of the process, each once; with a number that of one descriptor."
        => each |v, arg, emit| match arg {
            Arg::Index(fd) => if let Some(descriptor) = v.fd.and_then(|_| v.descriptor_at(i64::from(*fd))) {
                emit.value(Value::Text(words(descriptor).1.as_bytes()));
            },
            _ => v.each_type(|word| emit.value(Value::Text(word.as_bytes()))),
        };
    FD_UID = "fd.uid": Text, "Thread and number of the descriptor, together."
        => text |v, out| { let _ = write!(out, "{}{}", v.main()?.pid, v.fd?); Some(()) };
    FD_DIRECTORY = "fd.directory": Path, "Directory of a file's path."
        => text |v, out| v.write_directory(out);
    FD_FILENAME = "fd.filename": Text, "Last part of a file's path; a slash where the path has none."
        => value |v| {
            let path = &*v.descriptor().filter(|descriptor| descriptor.kind == Kind::File)?.path;
            Some(Value::Text(match path.iter().rposition(|byte| *byte == b'/') {
                Some(slash) if slash + 1 < path.len() => &path[slash + 1..],
                Some(_) => path,
                None => b"/",
            }))
        };
    FD_CONTAINERNAME = "fd.containername": Text, "Container id and name of the descriptor, with a colon between them."
        => text |v, out| { v.fd?; v.write_container(out); out.push(b':'); v.write_descriptor_name(out) };
    FD_CONTAINERDIRECTORY = "fd.containerdirectory": Text,
        "Container id and directory of a file, with a colon between them."
        => text |v, out| { v.fd?; v.write_container(out); out.push(b':'); v.write_directory(out) };
    FD_INO = "fd.ino": Int, "Inode; 0 when unknown."
        => value |v| Some(Value::Int(v.descriptor()?.inode as i64));
    FD_DEV = "fd.dev": Int { shown: Shown::Hexadecimal, falco: Some(FalcoType::Int32) }, "Device; 0 when unknown. Texts show it in sixteens."
        => value |v| Some(Value::Int(v.descriptor()?.device as i64));
    FD_DEV_MAJOR = "fd.dev.major": Int { falco: Some(FalcoType::Int32) }, "Class of the device."
        => value |v| Some(Value::Int((v.descriptor()?.device >> 8 & 0xfff) as i64));
    FD_DEV_MINOR = "fd.dev.minor": Int { falco: Some(FalcoType::Int32) }, "Number of the device in its class."
        => value |v| {
            let device = v.descriptor()?.device;
            Some(Value::Int((device & 0xff | device >> 12 & 0xf_ff00) as i64))
        };
    FD_IS_UPPER = "fd.is_upper_layer": Bool, "Whether the file lies in the upper layer of an overlay."
        => value |v| Some(Value::Bool(v.descriptor()?.flags & UPPER_LAYER != 0));
    FD_IS_LOWER = "fd.is_lower_layer": Bool, "Whether the file lies in a lower layer of an overlay."
        => value |v| Some(Value::Bool(v.descriptor()?.flags & LOWER_LAYER != 0));
    FD_NAME_CHANGED = "fd.name_changed": Bool, "Whether this event changed the name."
        => value |v| { v.descriptor()?; Some(Value::Bool(v.is_name_changed)) };
}

/// The letter for what a failed call was to make.
fn meant(call: &str) -> &'static str {
    match call {
        "openat" | "openat2" | "creat" => "f",
        "socket" | "accept" | "accept4" => "4",
        "pipe" | "pipe2" => "p",
        "eventfd" | "eventfd2" => "e",
        "signalfd" | "signalfd4" => "s",
        "timerfd_create" => "t",
        "inotify_init" | "inotify_init1" => "i",
        _ => "o",
    }
}

/// Letter and word for a kind of descriptor.
pub(super) const fn words(descriptor: &Descriptor) -> (&'static str, &'static str) {
    match descriptor.kind {
        Kind::File => ("f", "file"),
        Kind::Directory => ("d", "directory"),
        Kind::Pipe => ("p", "pipe"),
        Kind::Unix => ("u", "unix"),
        Kind::Internet | Kind::Listener if descriptor.is_ipv6 => ("6", "ipv6"),
        Kind::Internet | Kind::Listener => ("4", "ipv4"),
        Kind::Special(SpecialKind::Event) => ("e", "event"),
        Kind::Special(SpecialKind::Signal) => ("s", "signalfd"),
        Kind::Special(SpecialKind::Epoll) => ("l", "eventpoll"),
        Kind::Special(SpecialKind::Inotify) => ("i", "inotify"),
        Kind::Special(SpecialKind::Timer) => ("t", "timerfd"),
        Kind::Special(SpecialKind::Bpf) => ("b", "bpf"),
        Kind::Special(SpecialKind::UserFault) => ("u", "userfaultfd"),
        Kind::Special(SpecialKind::IoUring) => ("r", "io_uring"),
        Kind::Special(SpecialKind::MemoryFile) => ("m", "memfd"),
        Kind::Special(SpecialKind::Process) => ("P", "pidfd"),
        Kind::Special(SpecialKind::Netlink) => ("n", "netlink"),
        Kind::Special(SpecialKind::Other) => ("o", "other"),
    }
}

/// `<4t>` and the like, before the name in arguments.
pub(super) fn write_kind(descriptor: &Descriptor, out: &mut Vec<u8>) {
    out.push(b'<');
    out.extend_from_slice(words(descriptor).0.as_bytes());
    match protocol(descriptor) {
        b"tcp" => out.push(b't'),
        b"udp" => out.push(b'u'),
        b"icmp" => out.push(b'i'),
        b"raw" => out.push(b'r'),
        _ => {}
    }
    out.push(b'>');
}

pub(super) fn write_name(descriptor: &Descriptor, out: &mut Vec<u8>) {
    let Ends {
        source,
        destination,
    } = descriptor.ends;
    // Writing into memory does not fail.
    let _ = match descriptor.kind {
        Kind::Listener => write!(out, "{source}"),
        Kind::Internet if source == NOWHERE && destination == NOWHERE => Ok(()),
        Kind::Internet if source == NOWHERE => write!(out, "{destination}"),
        Kind::Internet => write!(out, "{source}->{destination}"),
        _ => {
            out.extend_from_slice(&descriptor.path);
            Ok(())
        }
    };
}

impl<'a> EventView<'a> {
    /// The name of a descriptor that has it in one piece.
    fn stored_name(&self) -> Option<&'a [u8]> {
        let descriptor = self.descriptor()?;
        let is_put_together = matches!(descriptor.kind, Kind::Internet | Kind::Listener);
        (!is_put_together).then_some(&*descriptor.path)
    }

    /// The link in `/proc` by which a file with another name is opened now. Sources that take paths from the kernel tell
    /// where it led; rules know both.
    fn link_to(&self, name: &[u8]) -> Option<&'a [u8]> {
        let Operation::Open(_) = &self.event.operation else {
            return None;
        };
        let given = self.descriptor()?.raw_path.as_deref()?;
        (given.starts_with(PROCESSES) && !name.starts_with(PROCESSES)).then_some(given)
    }

    pub(super) fn write_descriptor_name(&self, out: &mut Vec<u8>) -> Option<()> {
        self.fd?;
        if let Some(descriptor) = self.descriptor() {
            write_name(descriptor, out);
        } else if let Operation::Open(open) = &self.event.operation {
            // A failed open is still asked for what it meant.
            let at = self.arguments.position("dirfd").filter(|_| open.path.is_at);
            self.write_path(at, open.path.path.unwrap_or_default(), out);
        }
        Some(())
    }

    fn write_raw_name(&self, out: &mut Vec<u8>) -> Option<()> {
        self.fd?;
        let raw = match (self.descriptor(), &self.event.operation) {
            (Some(descriptor), _) if !matches!(descriptor.kind, Kind::File | Kind::Directory) => {
                b""
            }
            (Some(descriptor), _) => descriptor.raw_path.as_deref().unwrap_or(&descriptor.path),
            (None, Operation::Open(open)) => open.path.path.unwrap_or_default(),
            (None, _) => b"",
        };
        for byte in raw {
            if *byte != b'/' || out.last() != Some(&b'/') {
                out.push(*byte);
            }
        }
        Some(())
    }

    /// Appends the directory of the file, without a slash at its end unless it is the root.
    fn write_directory(&self, out: &mut Vec<u8>) -> Option<()> {
        let kind = self.descriptor().map(|descriptor| descriptor.kind);
        if !matches!(kind, None | Some(Kind::File | Kind::Directory)) {
            return None;
        }
        let start = out.len();
        self.write_descriptor_name(out)?;
        if kind == Some(Kind::Directory) {
            return Some(());
        }
        let name = &out[start..];
        match name.iter().rposition(|byte| *byte == b'/') {
            Some(slash) if slash > 0 => {
                if slash + 1 < name.len() {
                    out.truncate(start + slash);
                }
            }
            _ => {
                out.truncate(start);
                out.push(b'/');
            }
        }
        Some(())
    }

    /// Visits the words for the types of all descriptors, each once, until `visit` has had enough.
    fn each_type(&self, mut visit: impl FnMut(&'static str) -> bool) {
        let table = self.threads.descriptors(self.event.tid);
        let Some(table) = table.filter(|_| self.fd.is_some()) else {
            return;
        };
        let all = table.newest_first();
        for (index, descriptor) in all.iter().enumerate() {
            let word = words(descriptor).1;
            let is_new = all[..index].iter().all(|earlier| words(earlier).1 != word);
            if is_new && visit(word) {
                return;
            }
        }
    }
}
