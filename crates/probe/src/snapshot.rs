//! What there is when the probe begins.

use std::io::Read;

use libbpf_rs::{Iter, ProgramMut};
use sysflow_event::Observer;
use sysflow_event::descriptor::SpecialKind;
use sysflow_event::identity::Capabilities;
use sysflow_event::snapshot::{
    Descriptor, Group, Interface, Machine, Process, Snapshot, Target, Usage, User,
};

use crate::clock::Clock;
use crate::error::Error;
use crate::interface::{File, Header, Identity, Number, Socket, item};
use crate::record::Record;
use crate::translate;
use crate::values;

/// The most that is read of the arguments or the environment of a process.
const LONGEST: u64 = 16 * 1024;

const KIND: u32 = 0o170_000;
const DIRECTORY: u32 = 0o040_000;
const PIPE: u32 = 0o010_000;
const LISTENING: u16 = 10;

/// Names of files that stand for something else.
const SPECIAL: [(&[u8], SpecialKind); 10] = [
    (b"[eventfd]", SpecialKind::Event),
    (b"[signalfd]", SpecialKind::Signal),
    (b"[timerfd]", SpecialKind::Timer),
    (b"inotify", SpecialKind::Inotify),
    (b"[eventpoll]", SpecialKind::Epoll),
    (b"[userfaultfd]", SpecialKind::UserFault),
    (b"[io_uring]", SpecialKind::IoUring),
    (b"[pidfd]", SpecialKind::Process),
    (b"bpf-", SpecialKind::Bpf),
    (b"memfd:", SpecialKind::MemoryFile),
];

/// Tells the name and the addresses of the machine.
pub(crate) fn machine<O: Observer>(observer: &mut O) {
    let host_name = crate::system::host_name();
    observer.snapshot(&Snapshot::Machine(Machine {
        host_name: &host_name,
    }));
    for (address, netmask) in crate::system::addresses() {
        observer.snapshot(&Snapshot::Interface(Interface { address, netmask }));
    }
}

/// Tells the users and groups of the host.
pub(crate) fn accounts<O: Observer>(observer: &mut O) {
    for_each_account("/etc/passwd", |name, uid, rest| {
        // Group, comment, home, shell.
        let mut rest = rest.split(|byte| *byte == b':').skip(2);
        observer.snapshot(&Snapshot::User(User {
            uid,
            name,
            home: rest.next().unwrap_or_default(),
            shell: rest.next().unwrap_or_default(),
            container: b"",
            is_removed: false,
        }));
    });
    for_each_account("/etc/group", |name, gid, _| {
        observer.snapshot(&Snapshot::Group(Group {
            gid,
            name,
            container: b"",
            is_removed: false,
        }));
    });
}

/// Name, number and rest of lines of `name:password:number:rest`. A file that is not there has none.
fn for_each_account(path: &str, mut each: impl FnMut(&[u8], u32, &[u8])) {
    let text = std::fs::read(path).unwrap_or_default();
    for line in text.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(4, |byte| *byte == b':');
        let name = parts.next().unwrap_or_default();
        let number = parts
            .nth(1)
            .and_then(|number| std::str::from_utf8(number).ok())
            .and_then(|number| number.parse().ok());
        if let Some(number) = number.filter(|_| !name.is_empty()) {
            each(name, number, parts.next().unwrap_or_default());
        }
    }
}

/// Runs an iterator.
pub(crate) fn list(program: &ProgramMut<'_>) -> Result<Vec<u8>, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Refused {
        what: "list threads and descriptors".to_owned(),
        reason: error.to_string(),
        hint: String::new(),
        log: String::new(),
    };
    let link = program.attach().map_err(|error| failed(&error))?;
    let mut bytes = Vec::new();
    Iter::new(&link)
        .map_err(|error| failed(&error))?
        .read_to_end(&mut bytes)
        .map_err(|error| failed(&error))?;
    Ok(bytes)
}

/// Looks at the records of an iterator.
fn for_each(bytes: &[u8], mut each: impl FnMut(&Record<'_>)) {
    let mut rest = bytes;
    while let Some(header) = Header::read(rest) {
        let length = header.length as usize;
        let (Some(record), Some(after)) = (rest.get(..length), rest.get(length..)) else {
            break;
        };
        if length == 0 {
            break;
        }
        if let Some(record) = Record::parse(record) {
            each(&record);
        }
        rest = after;
    }
}

/// A list of texts that the kernel shows of a process. Processes that are gone have none.
fn texts_of(pid: u32, what: &str, out: &mut Vec<u8>) {
    out.clear();
    if let Ok(file) = std::fs::File::open(format!("/proc/{pid}/{what}")) {
        let _ = file.take(LONGEST).read_to_end(out);
    }
}

/// Tells all threads of a list.
pub(crate) fn threads<O: Observer>(list: &[u8], clock: Clock, observer: &mut O) {
    let (mut arguments, mut environment, mut cgroups) = (Vec::new(), Vec::new(), Vec::new());
    for_each(list, |record| {
        let Some(identity) = record.structure::<Identity>(item::IDENTITY) else {
            return;
        };
        texts_of(identity.pid, "cmdline", &mut arguments);
        texts_of(identity.pid, "environ", &mut environment);
        cgroups.clear();
        translate::write_cgroups(record, &mut cgroups);
        let texts = [&arguments[..], &environment, &cgroups];
        let process = thread(record, &identity, texts, clock);
        observer.snapshot(&Snapshot::Process(process));
    });
}

fn thread<'a>(
    record: &Record<'a>,
    identity: &'a Identity,
    [arguments, environment, cgroups]: [&'a [u8]; 3],
    clock: Clock,
) -> Process<'a> {
    let file: Option<File> = record.structure(item::FILE);
    let mut image = translate::image(record, identity, cgroups);
    let (exe, rest) = translate::split_first(arguments);
    image.exe = Some(if exe.is_empty() {
        translate::short_name(&identity.comm)
    } else {
        exe
    });
    image.arguments = Some(rest);
    let is_main = identity.tid == identity.pid;
    Process {
        image,
        created: Some(clock.epoch(identity.start)),
        flags: if is_main {
            0
        } else {
            values::clone_flags(u64::from(identity.clone_flags))
        },
        exe_path: record.bytes(item::EXECUTABLE),
        root: record.bytes(item::ROOT),
        environment: Some(environment),
        session: Some(i64::from(identity.session)),
        group: Some(i64::from(identity.group)),
        terminal: Some(identity.terminal),
        login_uid: Some(identity.login_uid),
        capabilities: Capabilities {
            inheritable: Some(identity.inheritable),
            permitted: Some(identity.permitted),
            effective: Some(identity.effective),
        },
        exe_flags: file.map_or(0, |file| translate::executable_flags(&file, identity)),
        exe_inode: file.map_or(0, |file| file.inode),
        exe_changed: file.map_or(0, |file| file.changed),
        exe_modified: file.map_or(0, |file| file.modified),
        usage: Usage {
            descriptor_limit: Some(identity.descriptor_limit as i64),
            faults_major: Some(identity.faults_major),
            faults_minor: Some(identity.faults_minor),
            memory_virtual: Some(identity.memory_pages * 4),
            memory_resident: None,
            memory_swapped: None,
            namespace_group: Some(i64::from(identity.namespace_group)),
            namespace_start: Some(clock.epoch(identity.namespace_start)),
        },
    }
}

/// Tells all open descriptors.
pub(crate) fn descriptors<O: Observer>(
    program: &ProgramMut<'_>,
    observer: &mut O,
) -> Result<(), Error> {
    let mut name = Vec::new();
    for_each(&list(program)?, |record| {
        let Some(file) = record.structure::<File>(item::FILE) else {
            return;
        };
        name.clear();
        observer.snapshot(&Snapshot::Descriptor(Descriptor {
            tid: i64::from(record.header.tid),
            fd: record.fd(0),
            inode: file.inode,
            target: target(record, &file, &mut name),
        }));
    });
    Ok(())
}

/// What a descriptor stands for, from a record that describes it. `name` is room.
pub(crate) fn target<'a>(record: &Record<'a>, file: &File, name: &'a mut Vec<u8>) -> Target<'a> {
    if let Some(socket) = record.structure::<Socket>(item::SOCKET) {
        return socket_target(record, &socket);
    }
    let Some(path) = record.bytes(item::PATH) else {
        // In no directory, and without a name.
        if file.mode & KIND != PIPE {
            return Target::Special(SpecialKind::Other, b"");
        }
        name.extend_from_slice(format!("pipe:[{}]", file.inode).as_bytes());
        return Target::Pipe(name);
    };
    if !path.starts_with(b"/") {
        let kind = SPECIAL
            .iter()
            .find(|(prefix, _)| path.starts_with(prefix))
            .map_or(SpecialKind::Other, |(_, kind)| *kind);
        return Target::Special(kind, path);
    }
    match file.mode & KIND {
        DIRECTORY => Target::Directory(path),
        _ => Target::File {
            path,
            flags: Some(values::open_flags(file.flags) | values::file_flags(file) & !0x4000),
            device: Some(file.device),
        },
    }
}

fn socket_target<'a>(record: &Record<'a>, socket: &Socket) -> Target<'a> {
    let protocol = socket.protocol();
    match socket.ends() {
        Some((local, remote)) if socket.is_connected() && socket.state != LISTENING => {
            Target::Connection {
                local,
                remote,
                protocol,
            }
        }
        Some((address, _)) => Target::Listener { address, protocol },
        None if i32::from(socket.family) == libc::AF_UNIX => Target::Unix {
            source: socket.socket,
            peer: socket.peer,
            path: values::unix_path(record.bytes(item::UNIX).unwrap_or_default()),
        },
        None if i32::from(socket.family) == libc::AF_NETLINK => {
            Target::Special(SpecialKind::Netlink, b"")
        }
        None => Target::Special(SpecialKind::Other, b""),
    }
}
