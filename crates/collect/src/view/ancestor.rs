//! Fields of the ancestors of the process.

use std::iter::successors;

use sysflow_field::{Arg, Argument, FalcoType, Limits, Shown, Value};

use super::EventView;
use super::process::{arguments, variable, write_command, write_joined};
use crate::state::thread::Thread;

/// Ancestors looked at at most: what is damaged can go round in a circle.
const DEEPEST: usize = 256;

/// What ancestors have is compared one by one.
const ANCESTORS: Limits = Limits {
    one_differs: true,
    ..Limits::LEFT_SIDE
};

event_fields! {
    PROC_PPID = "proc.ppid": Int, "Process id of the parent, if it is known."
        => value |v| Some(Value::Int(v.ancestor(1)?.pid));
    PROC_PVPID = "proc.pvpid": Int, "Process id of the parent inside its namespace."
        => value |v| Some(Value::Int(v.ancestor(1)?.namespace_pid));
    PROC_PPID_TS = "proc.ppid.ts": Time { falco: Some(FalcoType::Duration) }, "Start of the parent, ns since the epoch, if it was seen."
        => value |v| Some(Value::Int(v.ancestor(1).filter(|parent| parent.created != 0)?.created as i64));
    PROC_PPID_DURATION = "proc.ppid.duration": Duration, "Age of the parent at the event, ns."
        => value |v| {
            let created = v.ancestor(1).filter(|parent| parent.created != 0)?.created;
            Some(Value::Int((v.event.ts as i64).saturating_sub(created as i64)))
        };
    PROC_PNAME = "proc.pname": Text, "Short name of the parent."
        => value |v| Some(Value::Text(&v.ancestor(1)?.comm));
    PROC_PEXE = "proc.pexe": Text, "argv[0] of the parent."
        => value |v| Some(Value::Text(&v.ancestor(1)?.exe));
    PROC_PEXEPATH = "proc.pexepath": Path, "Executable of the parent."
        => value |v| Some(Value::Text(&v.ancestor(1)?.exe_path));
    PROC_PCMDLINE = "proc.pcmdline": Text, "Short name and arguments of the parent."
        => text |v, out| { let parent = v.ancestor(1)?; write_command(&parent.comm, parent, false, out); Some(()) };
    PROC_ANAME = "proc.aname": Text { list: true, argument: Argument::OptionalIndex, shown: Shown::Joined, limits: ANCESTORS },
        "Short names of the ancestors; with a position one of them, 0 being the process itself."
        => each |v, arg, emit| v.each_ancestor(arg, |thread| emit.value(Value::Text(&thread.comm)));
    PROC_AEXE = "proc.aexe": Text { list: true, argument: Argument::OptionalIndex, shown: Shown::Joined, limits: ANCESTORS },
        "argv[0] of the ancestors; with a position of one of them, 0 being the process itself."
        => each |v, arg, emit| v.each_ancestor(arg, |thread| emit.value(Value::Text(&thread.exe)));
    PROC_AEXEPATH = "proc.aexepath": Path { list: true, argument: Argument::OptionalIndex, shown: Shown::Joined, limits: ANCESTORS },
        "Executables of the ancestors; with a position of one of them, 0 being the process itself."
        => each |v, arg, emit| v.each_ancestor(arg, |thread| emit.value(Value::Text(&thread.exe_path)));
    PROC_APID = "proc.apid": Int { list: true, argument: Argument::OptionalIndex, shown: Shown::At(0), limits: ANCESTORS },
        "Process ids of the ancestors; with a position of one of them, 0 being the process itself. Texts show that one."
        => each |v, arg, emit| v.each_ancestor(arg, |thread| emit.value(Value::Int(thread.pid)));
    PROC_ACMDLINE = "proc.acmdline": Text { list: true, argument: Argument::OptionalIndex, shown: Shown::Joined, limits: ANCESTORS },
        "Short names and arguments of the ancestors; with a position of one of them, 0 being the process itself."
        => each |v, arg, emit| v.each_ancestor(arg, |thread| emit.text(|out| {
            write_command(&thread.comm, thread, false, out);
            Some(())
        }));
    PROC_AARGS = "proc.aargs": Text { argument: Argument::OptionalIndex, limits: Limits::LEFT_SIDE },
        "Arguments of all ancestors, joined with blanks; with a position of one of them, 0 being the process itself."
        => each |v, arg, emit| match arg {
            Arg::Index(_) => v.each_ancestor(arg, |thread| emit.text(|out| {
                write_joined(arguments(thread), out);
                Some(())
            })),
            _ => { emit.text(|out| v.write_all_arguments(out)); }
        };
    PROC_AENV = "proc.aenv": Text { list: true, argument: Argument::OptionalKey, shown: Shown::At(0), limits: ANCESTORS },
        "Environments of the ancestors; with a position of one of them, 0 being the process itself, which texts show; with a name the value of that variable of the nearest ancestor that has it."
        => each |v, arg, emit| match arg {
            Arg::Key(name) => if v.main().is_some() {
                let mut values = v.lineage().skip(1).filter_map(|thread| variable(thread, name));
                let found = values.find(|value| !value.is_empty());
                emit.value(Value::Text(found.unwrap_or_default()));
            },
            _ => v.each_ancestor(arg, |thread| emit.text(|out| {
                write_joined(&thread.environment, out);
                Some(())
            })),
        };
    PROC_LOGINSHELL = "proc.loginshellid": Int, "Process id of the eldest shell among the ancestors."
        => value |v| v.lineage().filter(|thread| thread.comm.ends_with(b"sh")).last()
            .map(|shell| Value::Int(shell.pid));
}

impl<'a> EventView<'a> {
    /// The process and its ancestors.
    pub(super) fn lineage(&self) -> impl Iterator<Item = &'a Thread> {
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

    /// The arguments of all ancestors. Falco sets no blank as long as there is nothing before it.
    fn write_all_arguments(&self, out: &mut Vec<u8>) -> Option<()> {
        self.ancestor(1)?;
        for thread in self.lineage().skip(1) {
            if !out.is_empty() {
                out.push(b' ');
            }
            write_joined(arguments(thread), out);
        }
        // To Falco, nothing but empty texts is no value.
        (!out.is_empty()).then_some(())
    }
}
