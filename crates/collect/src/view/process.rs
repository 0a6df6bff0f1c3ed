//! Fields of the thread, its process, ancestors, user and container.

use std::iter::successors;

use sysflow_event::flags::executable;
use sysflow_event::snapshot::Usage;
use sysflow_field::{Arg, Argument, Limits, Value};

use super::EventView;
use super::fd::write_name;
use crate::state::thread::{Details, Thread};
use crate::tables::containers::KnownContainer;
use crate::text::Text;
use crate::text::{NOT_KNOWN, split};

/// Ancestors looked at at most: what is damaged can go round in a circle.
const DEEPEST: usize = 256;

event_fields! {
    PROC_NAME = "proc.name": Text, "The kernel's short name of the thread."
        => value |v| Some(Value::Text(&v.thread?.comm));
    PROC_EXE = "proc.exe": Text, "argv[0]."
        => value |v| Some(Value::Text(&v.main()?.exe));
    PROC_EXEPATH = "proc.exepath": Path, "Path of the executable; empty when unknown."
        => value |v| Some(Value::Text(&v.main()?.exe_path));
    PROC_ARGS = "proc.args": Text { argument: Argument::OptionalIndex },
        "Arguments behind argv[0], joined with blanks; with a position one of them."
        => each |v, arg, emit| if let Some(main) = v.main() {
            match arg {
                Arg::Index(index) => {
                    let found = split(arguments(main), false).nth(*index as usize);
                    emit.value(Value::Text(found.unwrap_or_default()));
                }
                _ => { emit.text(|out| { write_joined(arguments(main), out); Some(()) }); }
            }
        };
    PROC_CMDLINE = "proc.cmdline": Text, "Short name and arguments."
        => text |v, out| { write_command(&v.main()?.comm, v.main()?, false, out); Some(()) };
    PROC_EXELINE = "proc.exeline": Text, "argv[0] and arguments."
        => text |v, out| { write_command(&v.main()?.exe, v.main()?, true, out); Some(()) };
    PROC_CMDNARGS = "proc.cmdnargs": Int, "Number of arguments behind argv[0]."
        => value |v| Some(Value::Int(split(arguments(v.main()?), false).count() as i64));
    PROC_CMDLENARGS = "proc.cmdlenargs": Int, "Length of these arguments together."
        => value |v| Some(Value::Int(split(arguments(v.main()?), false).map(<[u8]>::len).sum::<usize>() as i64));
    PROC_ENV = "proc.env": Text { argument: Argument::OptionalKey },
        "Environment, joined with blanks; with a name the value of that variable."
        => each |v, arg, emit| if let Some(main) = v.main() {
            match arg {
                Arg::Key(name) => {
                    let found = split(&main.environment, false).find_map(|entry| {
                        entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
                    });
                    emit.value(Value::Text(found.unwrap_or_default()));
                }
                Arg::Index(index) => {
                    let found = split(&main.environment, false).nth(*index as usize);
                    emit.value(Value::Text(found.unwrap_or_default()));
                }
                Arg::None => { emit.text(|out| { write_joined(&main.environment, out); Some(()) }); }
            }
        };
    PROC_CWD = "proc.cwd": Path, "Working directory, with a slash at the end; empty when unknown."
        => value |v| Some(Value::Text(&v.main()?.directory));
    PROC_PID = "proc.pid": Int, "Process id on the host."
        => value |v| Some(Value::Int(v.thread?.pid));
    PROC_VPID = "proc.vpid": Int, "Process id inside its namespace."
        => value |v| Some(Value::Int(v.thread?.namespace_pid));
    PROC_PPID = "proc.ppid": Int, "Process id of the parent, if it is known."
        => value |v| Some(Value::Int(v.ancestor(1)?.pid));
    PROC_PVPID = "proc.pvpid": Int, "Process id of the parent inside its namespace."
        => value |v| Some(Value::Int(v.ancestor(1)?.namespace_pid));
    PROC_SID = "proc.sid": Int, "Session; -1 when unknown."
        => value |v| Some(Value::Int(v.main()?.session_of()));
    PROC_VPGID = "proc.vpgid": Int, "Process group inside the namespace; -1 when unknown."
        => value |v| Some(Value::Int(v.namespace_group(v.main()?)));
    PROC_PGID = "proc.pgid": Int, "Process group on the host; -1 when unknown."
        => value |v| Some(Value::Int(match v.main()?.process_group { 0 => -1, group => group }));
    PROC_IS_SID = "proc.is_sid_leader": Bool, "Whether it leads its session."
        => value |v| Some(Value::Bool(v.main()?.session == v.main()?.namespace_pid));
    PROC_IS_VPGID = "proc.is_vpgid_leader": Bool, "Whether it leads its process group."
        => value |v| Some(Value::Bool(v.namespace_group(v.main()?) == v.main()?.namespace_pid));
    PROC_IS_PGID = "proc.is_pgid_leader": Bool, "Whether it leads its process group, as the host numbers it."
        => value |v| Some(Value::Bool(v.main()?.process_group == v.main()?.pid));
    PROC_SNAME = "proc.sname": Text, "Short name of the session's leader."
        => value |v| v.leader_text(Thread::session_of, |thread| &thread.comm);
    PROC_SID_EXE = "proc.sid.exe": Text, "argv[0] of the session's leader."
        => value |v| v.leader_text(Thread::session_of, |thread| &thread.exe);
    PROC_SID_EXEPATH = "proc.sid.exepath": Path, "Executable of the session's leader."
        => value |v| v.leader_text(Thread::session_of, |thread| &thread.exe_path);
    PROC_VPGID_NAME = "proc.vpgid.name": Text, "Short name of the process group's leader."
        => value |v| v.leader_text(Thread::group_of, |thread| &thread.comm);
    PROC_VPGID_EXE = "proc.vpgid.exe": Text, "argv[0] of the process group's leader."
        => value |v| v.leader_text(Thread::group_of, |thread| &thread.exe);
    PROC_VPGID_EXEPATH = "proc.vpgid.exepath": Path, "Executable of the process group's leader."
        => value |v| v.leader_text(Thread::group_of, |thread| &thread.exe_path);
    PROC_TTY = "proc.tty": Int, "Number of the terminal, 0 without one."
        => value |v| Some(Value::Int(i64::from(v.main()?.terminal)));
    PROC_PID_TS = "proc.pid.ts": Time, "Start of the process, ns since the epoch, if it was seen."
        => value |v| Some(Value::Int(v.main().filter(|main| main.created != 0)?.created as i64));
    PROC_PPID_TS = "proc.ppid.ts": Time, "Start of the parent, ns since the epoch, if it was seen."
        => value |v| Some(Value::Int(v.ancestor(1).filter(|parent| parent.created != 0)?.created as i64));
    PROC_DURATION = "proc.duration": Duration, "Age of the process at the event, ns."
        => value |v| {
            let created = v.main().filter(|main| main.created != 0)?.created;
            Some(Value::Int(v.event.ts as i64 - created as i64))
        };
    PROC_PPID_DURATION = "proc.ppid.duration": Duration, "Age of the parent at the event, ns."
        => value |v| {
            let created = v.ancestor(1).filter(|parent| parent.created != 0)?.created;
            Some(Value::Int(v.event.ts as i64 - created as i64))
        };
    PROC_PNAME = "proc.pname": Text, "Short name of the parent."
        => value |v| Some(Value::Text(&v.ancestor(1)?.comm));
    PROC_PEXE = "proc.pexe": Text, "argv[0] of the parent."
        => value |v| Some(Value::Text(&v.ancestor(1)?.exe));
    PROC_PEXEPATH = "proc.pexepath": Path, "Executable of the parent."
        => value |v| Some(Value::Text(&v.ancestor(1)?.exe_path));
    PROC_PCMDLINE = "proc.pcmdline": Text, "Short name and arguments of the parent."
        => text |v, out| { let parent = v.ancestor(1)?; write_command(&parent.comm, parent, false, out); Some(()) };
    PROC_ANAME = "proc.aname": Text { list: true, argument: Argument::OptionalIndex, limits: Limits::LEFT_SIDE },
        "Short names of the ancestors; with a position one of them, 0 being the process itself."
        => each |v, arg, emit| v.each_ancestor(arg, |thread| emit.value(Value::Text(&thread.comm)));
    PROC_AEXE = "proc.aexe": Text { list: true, argument: Argument::OptionalIndex, limits: Limits::LEFT_SIDE }, "argv[0] of the ancestors."
        => each |v, arg, emit| v.each_ancestor(arg, |thread| emit.value(Value::Text(&thread.exe)));
    PROC_AEXEPATH = "proc.aexepath": Path { list: true, argument: Argument::OptionalIndex, limits: Limits::LEFT_SIDE },
        "Executables of the ancestors."
        => each |v, arg, emit| v.each_ancestor(arg, |thread| emit.value(Value::Text(&thread.exe_path)));
    PROC_APID = "proc.apid": Int { list: true, argument: Argument::OptionalIndex, limits: Limits::LEFT_SIDE }, "Process ids of the ancestors."
        => each |v, arg, emit| v.each_ancestor(arg, |thread| emit.value(Value::Int(thread.pid)));
    PROC_ACMDLINE = "proc.acmdline": Text { list: true, argument: Argument::OptionalIndex, limits: Limits::LEFT_SIDE },
        "Short names and arguments of the ancestors."
        => each |v, arg, emit| v.each_ancestor(arg, |thread| emit.text(|out| {
            write_command(&thread.comm, thread, false, out);
            Some(())
        }));
    PROC_AARGS = "proc.aargs": Text { list: true, argument: Argument::OptionalIndex, limits: Limits::LEFT_SIDE }, "Arguments of the ancestors."
        => each |v, arg, emit| v.each_ancestor(arg, |thread| emit.text(|out| {
            write_joined(arguments(thread), out);
            Some(())
        }));
    PROC_LOGINSHELL = "proc.loginshellid": Int, "Process id of the eldest shell among the ancestors."
        => value |v| v.lineage().filter(|thread| thread.comm.ends_with(b"sh")).last()
            .map(|shell| Value::Int(shell.pid));
    PROC_FDOPENCOUNT = "proc.fdopencount": Int, "Number of open descriptors."
        => value |v| Some(Value::Int(v.threads.descriptors(v.thread?.tid)?.len() as i64));
    PROC_FDLIMIT = "proc.fdlimit": Int, "Number of descriptors that it may have; -1 when unknown."
        => value |v| { v.thread?; Some(Value::Int(v.usage().descriptor_limit.unwrap_or(-1))) };
    PROC_NTHREADS = "proc.nthreads": Int, "Number of threads that are alive."
        => value |v| Some(Value::Int(v.groups.get(&v.thread?.pid).map_or(0, |group| group.alive) as i64));
    PROC_NCHILDS = "proc.nchilds": Int, "Number of threads that are alive besides the main one."
        => value |v| {
            let alive = v.groups.get(&v.thread?.pid).map_or(0, |group| group.alive);
            Some(Value::Int(alive.saturating_sub(1) as i64))
        };
    PROC_IS_WRITABLE = "proc.is_exe_writable": Bool, "Whether its user may write to the executable."
        => value |v| Some(Value::Bool(v.main()?.exe_flags & executable::WRITABLE != 0));
    PROC_IS_UPPER = "proc.is_exe_upper_layer": Bool, "Whether the executable lies in the upper layer of an overlay."
        => value |v| Some(Value::Bool(v.main()?.exe_flags & executable::UPPER_LAYER != 0));
    PROC_IS_LOWER = "proc.is_exe_lower_layer": Bool, "Whether the executable lies in a lower layer of an overlay."
        => value |v| Some(Value::Bool(v.main()?.exe_flags & executable::LOWER_LAYER != 0));
    PROC_IS_MEMFD = "proc.is_exe_from_memfd": Bool, "Whether the executable is a file in memory only."
        => value |v| Some(Value::Bool(v.main()?.exe_flags & executable::FROM_MEMORY != 0));
    PROC_EXE_INO = "proc.exe_ino": Int, "Inode of the executable, if known."
        => value |v| Some(Value::Int(v.main().filter(|main| main.exe_inode != 0)?.exe_inode as i64));
    PROC_EXE_CTIME = "proc.exe_ino.ctime": Time, "Status change of the executable, ns since the epoch, if known."
        => value |v| Some(Value::Int(v.main().filter(|main| main.exe_changed != 0)?.exe_changed as i64));
    PROC_EXE_MTIME = "proc.exe_ino.mtime": Time, "Change of the executable, ns since the epoch, if known."
        => value |v| Some(Value::Int(v.main().filter(|main| main.exe_modified != 0)?.exe_modified as i64));
    PROC_STDIN_NAME = "proc.stdin.name": Text, "Name of descriptor 0."
        => text |v, out| v.write_standard(0, out);
    PROC_STDOUT_NAME = "proc.stdout.name": Text, "Name of descriptor 1."
        => text |v, out| v.write_standard(1, out);
    PROC_STDERR_NAME = "proc.stderr.name": Text, "Name of descriptor 2."
        => text |v, out| v.write_standard(2, out);

    THREAD_TID = "thread.tid": Int, "Thread id on the host."
        => value |v| Some(Value::Int(v.event.tid));
    THREAD_VTID = "thread.vtid": Int, "Thread id inside its namespace."
        => value |v| Some(Value::Int(v.thread?.namespace_tid));
    THREAD_ISMAIN = "thread.ismain": Bool, "Whether it is the main thread."
        => value |v| Some(Value::Bool(v.thread?.is_main()));
    THREAD_VMSIZE = "thread.vmsize": Int, "Virtual memory, KiB."
        => value |v| { v.thread?; Some(Value::Int(v.usage().memory_virtual.unwrap_or_default() as i64)) };
    THREAD_VMRSS = "thread.vmrss": Int, "Memory in use, KiB."
        => value |v| { v.thread?; Some(Value::Int(v.usage().memory_resident.unwrap_or_default() as i64)) };
    PROC_VMSWAP = "proc.vmswap": Int, "Memory swapped out, KiB."
        => value |v| { v.thread?; Some(Value::Int(v.usage().memory_swapped.unwrap_or_default() as i64)) };
    THREAD_PFMAJOR = "thread.pfmajor": Int, "Page faults that needed the disk."
        => value |v| { v.thread?; Some(Value::Int(v.usage().faults_major.unwrap_or_default() as i64)) };
    THREAD_PFMINOR = "thread.pfminor": Int, "Page faults that did not."
        => value |v| { v.thread?; Some(Value::Int(v.usage().faults_minor.unwrap_or_default() as i64)) };
    THREAD_CGROUPS = "thread.cgroups": Text, "Control groups, joined with blanks."
        => text |v, out| { write_cgroups(&v.details()?.cgroups, out); Some(()) };
    THREAD_CGROUP = "thread.cgroup": Text { argument: Argument::Key }, "Path of one control group."
        => each |v, arg, emit| if let (Arg::Key(name), Some(details)) = (arg, v.details()) {
            let found = split(&details.cgroups, false).find_map(|entry| {
                let (own, path) = cgroup(entry);
                (own == name.as_bytes()).then_some(path)
            });
            if let Some(path) = found {
                emit.value(Value::Text(path));
            }
        };
    THREAD_CAP_E = "thread.cap_effective": Text, "Capabilities in use, joined with blanks."
        => text |v, out| { write_capabilities(v.thread?.capabilities.effective, out); Some(()) };
    THREAD_CAP_P = "thread.cap_permitted": Text, "Capabilities that may be used, joined with blanks."
        => text |v, out| { write_capabilities(v.thread?.capabilities.permitted, out); Some(()) };
    THREAD_CAP_I = "thread.cap_inheritable": Text, "Capabilities that programs may get, joined with blanks."
        => text |v, out| { write_capabilities(v.thread?.capabilities.inheritable, out); Some(()) };

    USER_UID = "user.uid": Int, "User."
        => value |v| Some(Value::Int(i64::from(v.thread?.uid)));
    USER_NAME = "user.name": Text, "Name of the user; <NA> when unknown."
        => value |v| Some(Value::Text(v.user_of(v.thread?.uid, NOT_KNOWN)));
    USER_LOGINUID = "user.loginuid": Int, "User who logged in; -1 when unset."
        => value |v| Some(Value::Int(i64::from(v.main()?.login_uid as i32)));
    USER_LOGINNAME = "user.loginname": Text, "Name of the user who logged in; <NA> when unset or unknown."
        => value |v| Some(Value::Text(v.user_of(v.main()?.login_uid, NOT_KNOWN)));
    GROUP_GID = "group.gid": Int, "Group."
        => value |v| Some(Value::Int(i64::from(v.thread?.gid)));
    GROUP_NAME = "group.name": Text, "Name of the group; <NA> when unknown."
        => value |v| Some(Value::Text(v.group_of(v.thread?.gid, NOT_KNOWN)));

    CONTAINER_ID = "container.id": Text, "Short id of the container; host outside of any."
        => value |v| { v.thread?; Some(Value::Text(v.container().map_or(b"host", |known| &known.id))) };
    CONTAINER_NAME = "container.name": Text, "Name of the container."
        => value |v| told(&v.container()?.name);
    CONTAINER_IMAGE = "container.image": Text, "Image with its tag."
        => value |v| told(&v.container()?.image).filter(|image| image.as_text() != Some(b":"));
    CONTAINER_REPOSITORY = "container.image.repository": Text, "Image without its tag."
        => value |v| told(image_parts(v.container()?).0);
    CONTAINER_TAG = "container.image.tag": Text, "Tag of the image."
        => value |v| told(image_parts(v.container()?).1);
    CONTAINER_IMAGE_ID = "container.image.id": Text, "Id of the image."
        => value |v| told(&v.container()?.image_id);
    CONTAINER_PRIVILEGED = "container.privileged": Bool, "Whether the container is privileged, if that was told."
        => value |v| v.container().filter(|known| !known.name.is_empty())
            .map(|known| Value::Bool(known.is_privileged));
    CONTAINER_START = "container.start_ts": Time, "Start of the container, ns since the epoch."
        => value |v| { v.container()?; v.usage().namespace_start.map(|start| Value::Int(start as i64)) };
    PROC_PIDNS_START = "proc.pidns_init_start_ts": Time, "Start of the first process of the namespace."
        => value |v| v.usage().namespace_start.map(|start| Value::Int(start as i64));
}

fn told(text: &[u8]) -> Option<Value<'_>> {
    (!text.is_empty()).then_some(Value::Text(text))
}

/// The image without its tag, and the tag.
fn image_parts(container: &KnownContainer) -> (&[u8], &[u8]) {
    let colon = container.image.iter().rposition(|byte| *byte == b':');
    let colon = colon.unwrap_or(container.image.len());
    (
        &container.image[..colon],
        container.image.get(colon + 1..).unwrap_or_default(),
    )
}

/// The arguments. A single empty one is none at all to Falco.
fn arguments(thread: &Thread) -> &[u8] {
    if *thread.arguments == [0] {
        b""
    } else {
        &thread.arguments
    }
}

/// Names of control groups that the kernel spells otherwise.
const CGROUPS: [(&[u8], &[u8]); 4] = [
    (b"cpu_cgroup", b"cpu"),
    (b"mem_cgroup", b"memory"),
    (b"io", b"blkio"),
    (b"perf", b"perf_event"),
];

/// A control group as name and path.
fn cgroup(entry: &[u8]) -> (&[u8], &[u8]) {
    let equals = entry
        .iter()
        .position(|byte| *byte == b'=')
        .unwrap_or(entry.len());
    let name = &entry[..equals];
    let usual = CGROUPS
        .iter()
        .find(|(kernel, _)| *kernel == name)
        .map_or(name, |(_, usual)| usual);
    (usual, entry.get(equals + 1..).unwrap_or_default())
}

fn write_cgroups(list: &[u8], out: &mut Vec<u8>) {
    for (index, entry) in split(list, false).enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        let (name, path) = cgroup(entry);
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(path);
    }
}

fn write_joined(list: &[u8], out: &mut Vec<u8>) {
    for (index, text) in split(list, false).enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(text);
    }
}

fn write_command(name: &[u8], thread: &Thread, always_blank: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    if always_blank || !arguments(thread).is_empty() {
        out.push(b' ');
    }
    write_joined(arguments(thread), out);
}

fn write_capabilities(set: Option<u64>, out: &mut Vec<u8>) {
    sysflow_record::catalogue::with_capability_names(set.unwrap_or_default() as i64, |names| {
        out.extend_from_slice(names);
    });
}

impl Thread {
    const fn session_of(&self) -> i64 {
        if self.session == 0 { -1 } else { self.session }
    }

    fn group_of(&self) -> i64 {
        let details = self.details.as_deref();
        details
            .and_then(|details| details.usage.namespace_group)
            .unwrap_or(-1)
    }
}

impl<'a> EventView<'a> {
    fn details(&self) -> Option<&'a Details> {
        self.thread?.details.as_deref()
    }

    fn usage(&self) -> Usage {
        self.details()
            .map_or_else(Usage::default, |details| details.usage)
    }

    #[allow(clippy::unused_self, reason = "reads as the other questions do")]
    fn namespace_group(&self, thread: &Thread) -> i64 {
        thread.group_of()
    }

    fn container(&self) -> Option<&'a KnownContainer> {
        self.tables.containers.get(self.thread?.container?)
    }

    pub(super) fn write_container(&self, out: &mut Vec<u8>) {
        if let Some(container) = self.container() {
            out.extend_from_slice(&container.id);
        }
    }

    /// The process and its ancestors.
    fn lineage(&self) -> impl Iterator<Item = &'a Thread> {
        let threads = self.threads;
        let parent = move |thread: &&'a Thread| {
            let parent = threads.leader_of(thread.parent)?;
            (thread.parent > 0 && parent.pid != thread.pid).then_some(parent)
        };
        successors(self.main(), parent).take(DEEPEST)
    }

    fn ancestor(&self, generations: usize) -> Option<&'a Thread> {
        self.lineage().nth(generations)
    }

    /// Hands over one ancestor, or all without the process itself, until `visit` has had enough.
    fn each_ancestor(&self, arg: &Arg, mut visit: impl FnMut(&'a Thread) -> bool) {
        match arg {
            Arg::Index(index) => {
                if let Some(thread) = self.ancestor(*index as usize) {
                    visit(thread);
                }
            }
            _ => {
                let _ = self.lineage().skip(1).any(visit);
            }
        }
    }

    /// A text of who leads a session or group: the eldest ancestor in it, else who has its number. Empty when
    /// nobody is known.
    fn leader_text(
        &self,
        number_of: impl Fn(&Thread) -> i64,
        text_of: impl Fn(&'a Thread) -> &'a [u8],
    ) -> Option<Value<'a>> {
        let number = number_of(self.main()?);
        let eldest = self
            .lineage()
            .skip(1)
            .take_while(|thread| number_of(thread) == number && number >= 0)
            .last();
        let leader = eldest.or_else(|| self.threads.get(number));
        Some(Value::Text(leader.map_or(b"", text_of)))
    }

    pub(super) fn user_of(&self, uid: u32, none: &'static [u8]) -> &'a [u8] {
        let accounts = self.accounts;
        self.account_of(uid, none, |container| accounts.user(container, uid))
    }

    pub(super) fn group_of(&self, gid: u32, none: &'static [u8]) -> &'a [u8] {
        let accounts = self.accounts;
        self.account_of(gid, none, |container| accounts.group(container, gid))
    }

    /// The name of a user or group: that of the container, else that of the host. Number 0 is root even
    /// where nobody says so.
    fn account_of(
        &self,
        id: u32,
        none: &'static [u8],
        name_in: impl Fn(&[u8]) -> Option<&'a Text>,
    ) -> &'a [u8] {
        if id == u32::MAX {
            return none;
        }
        let container = self.thread.and_then(|thread| thread.container);
        let known = name_in(self.tables.containers.id(container)).or_else(|| name_in(b""));
        match known {
            Some(name) => name,
            None if id == 0 => b"root",
            None => NOT_KNOWN,
        }
    }

    fn write_standard(&self, fd: i32, out: &mut Vec<u8>) -> Option<()> {
        let descriptor = self.threads.descriptors(self.thread?.tid)?.get(fd)?;
        write_name(descriptor, out);
        Some(())
    }
}
