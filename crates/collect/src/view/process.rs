//! Fields of the process.

use sysflow_event::flags::executable;
use sysflow_event::snapshot::Usage;
use sysflow_field::{Arg, Argument, FalcoType, Fraction, Shown, Value};

use super::EventView;
use super::fd::{words, write_name};
use crate::state::descriptor::Descriptor;
use crate::state::thread::{Details, Thread};
use crate::text::split;

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
    PROC_CMDNARGS = "proc.cmdnargs": Int { falco: Some(FalcoType::Uint64) }, "Number of arguments behind argv[0]."
        => value |v| Some(Value::Int(split(arguments(v.main()?), false).count() as i64));
    PROC_CMDLENARGS = "proc.cmdlenargs": Int { falco: Some(FalcoType::Uint64) }, "Length of these arguments together."
        => value |v| Some(Value::Int(split(arguments(v.main()?), false).map(<[u8]>::len).sum::<usize>() as i64));
    PROC_ENV = "proc.env": Text { argument: Argument::OptionalKey },
        "Environment, joined with blanks; with a name the value of that variable."
        => each |v, arg, emit| if let Some(main) = v.main() {
            match arg {
                Arg::Key(name) => { emit.value(Value::Text(variable(main, name).unwrap_or_default())); }
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
    PROC_VPID = "proc.vpid": Int, "Process id inside its namespace, if that is known."
        => value |v| Some(Value::Int(v.thread?.namespace_pid)).filter(|pid| *pid != Value::Int(-1));
    PROC_TTY = "proc.tty": Int { falco: Some(FalcoType::Uint32) }, "Number of the terminal, 0 without one."
        => value |v| Some(Value::Int(i64::from(v.main()?.terminal)));
    PROC_PID_TS = "proc.pid.ts": Time { falco: Some(FalcoType::Duration) }, "Start of the thread, ns since the epoch, if it was seen."
        => value |v| Some(Value::Int(v.thread.filter(|thread| thread.created != 0)?.created as i64));
    PROC_DURATION = "proc.duration": Duration, "Age of the thread at the event, ns."
        => value |v| {
            let created = v.thread.filter(|thread| thread.created != 0)?.created;
            Some(Value::Int((v.event.ts as i64).saturating_sub(created as i64)))
        };
    PROC_PIDNS_START = "proc.pidns_init_start_ts": Time { falco: Some(FalcoType::Uint64) }, "Start of the first process of the namespace, if known."
        => value |v| v.usage().namespace_start.map(|start| Value::Int(start as i64));
    PROC_FDOPENCOUNT = "proc.fdopencount": Int { falco: Some(FalcoType::Uint64) }, "Number of open descriptors."
        => value |v| Some(Value::Int(v.threads.descriptors(v.thread?.tid)?.len() as i64));
    PROC_FDLIMIT = "proc.fdlimit": Int, "Number of descriptors that it may have; -1 when unknown."
        => value |v| { v.thread?; Some(Value::Int(v.usage().descriptor_limit.unwrap_or(-1))) };
    PROC_FDUSAGE = "proc.fdusage": Fraction { shown: Shown::Tenths },
        "Open descriptors in percent of those that it may have; 0 when that is unknown."
        => value |v| {
            let open = v.threads.descriptors(v.thread?.tid)?.len();
            let usage = match v.usage().descriptor_limit {
                Some(limit) if limit > 0 => open as f64 * 100.0 / limit as f64,
                _ => 0.0,
            };
            Some(Value::Fraction(Fraction(usage)))
        };
    PROC_NTHREADS = "proc.nthreads": Int { falco: Some(FalcoType::Uint64) }, "Number of threads that are alive."
        => value |v| Some(Value::Int(v.groups.get(&v.thread?.pid).map_or(0, |group| group.alive) as i64));
    PROC_NCHILDS = "proc.nchilds": Int { falco: Some(FalcoType::Uint64) }, "Number of threads that are alive besides the main one."
        => value |v| {
            let alive = v.groups.get(&v.thread?.pid).map_or(0, |group| group.alive);
            Some(Value::Int(alive.saturating_sub(1) as i64))
        };
    PROC_VMSIZE = "proc.vmsize": Int { falco: Some(FalcoType::Uint64) }, "Virtual memory of the process, KiB."
        => value |v| { v.thread?; Some(Value::Int(v.usage().memory_virtual.unwrap_or_default() as i64)) };
    PROC_VMRSS = "proc.vmrss": Int { falco: Some(FalcoType::Uint64) }, "Memory of the process in use, KiB."
        => value |v| { v.thread?; Some(Value::Int(v.usage().memory_resident.unwrap_or_default() as i64)) };
    PROC_VMSWAP = "proc.vmswap": Int { falco: Some(FalcoType::Uint64) }, "Memory swapped out, KiB."
        => value |v| { v.thread?; Some(Value::Int(v.usage().memory_swapped.unwrap_or_default() as i64)) };
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
    PROC_EXE_AGE = "proc.exe_ino.ctime_duration_proc_start": Duration { falco: Some(FalcoType::Time) },
        "Time from the status change of the executable to the start of the process, ns, if both are known."
        => value |v| v.since_change(Some(v.main()?.created));
    PROC_EXE_AGE_PIDNS = "proc.exe_ino.ctime_duration_pidns_start": Duration { falco: Some(FalcoType::Time) },
        "Time from the status change of the executable to the start of the namespace, ns, if both are known."
        => value |v| v.since_change(v.usage().namespace_start);
    PROC_STDIN_NAME = "proc.stdin.name": Text, "Name of descriptor 0."
        => text |v, out| { write_name(v.standard(0)?, out); Some(()) };
    PROC_STDOUT_NAME = "proc.stdout.name": Text, "Name of descriptor 1."
        => text |v, out| { write_name(v.standard(1)?, out); Some(()) };
    PROC_STDERR_NAME = "proc.stderr.name": Text, "Name of descriptor 2."
        => text |v, out| { write_name(v.standard(2)?, out); Some(()) };
    PROC_STDIN_TYPE = "proc.stdin.type": Text, "Type of descriptor 0."
        => value |v| Some(Value::Text(words(v.standard(0)?).1.as_bytes()));
    PROC_STDOUT_TYPE = "proc.stdout.type": Text, "Type of descriptor 1."
        => value |v| Some(Value::Text(words(v.standard(1)?).1.as_bytes()));
    PROC_STDERR_TYPE = "proc.stderr.type": Text, "Type of descriptor 2."
        => value |v| Some(Value::Text(words(v.standard(2)?).1.as_bytes()));
}

/// The arguments. A single empty one is none at all to Falco.
pub(super) fn arguments(thread: &Thread) -> &[u8] {
    if *thread.arguments == [0] {
        b""
    } else {
        &thread.arguments
    }
}

/// The value of a variable.
pub(super) fn variable<'t>(thread: &'t Thread, name: &str) -> Option<&'t [u8]> {
    split(&thread.environment, false)
        .find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

pub(super) fn write_joined(list: &[u8], out: &mut Vec<u8>) {
    for (index, text) in split(list, false).enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(text);
    }
}

pub(super) fn write_command(name: &[u8], thread: &Thread, always_blank: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    if always_blank || !arguments(thread).is_empty() {
        out.push(b' ');
    }
    write_joined(arguments(thread), out);
}

impl<'a> EventView<'a> {
    pub(super) fn details(&self) -> Option<&'a Details> {
        self.thread?.details.as_deref()
    }

    pub(super) fn usage(&self) -> Usage {
        self.details()
            .map_or_else(Usage::default, |details| details.usage)
    }

    /// The time from the status change of the executable to a later one.
    fn since_change(&self, later: Option<u64>) -> Option<Value<'static>> {
        let changed = self.main()?.exe_changed;
        let later = later.filter(|later| *later > changed && changed != 0)?;
        Some(Value::Int((later - changed) as i64))
    }

    fn standard(&self, fd: i32) -> Option<&'a Descriptor> {
        self.threads.descriptor_of_thread(self.thread?, fd.into())
    }
}
