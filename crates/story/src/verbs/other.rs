//! Descriptors of other kinds, other processes, and the kernel itself.

use sysflow_event::descriptor::{Bpf, Duplicate, Map, MemoryFile, Pipe};
use sysflow_event::process::{Control, LoadModule, Signal, Trace};
use sysflow_event::{Fd, Observer, Operation};
use sysflow_scap::{ParameterType, system_call_name};

use super::{call, fd_of, new_fd};
use crate::arguments::{self, GENERIC, Given};
use crate::flags::{self, unknown};
use crate::stage::{Descriptor, Stage};
use crate::step::{self, Act};
use crate::teller::{Teller, Told, Who};
use crate::value::Words;

/// The length of what is mapped or loaded when a story does not say.
const LENGTH: u64 = 4096;

impl Act for step::Close {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let fd = fd_of(stage, who, self.fd, false)?;
        let operation = Operation::Close(Some(fd));
        let result = who.result.unwrap_or_default();
        teller.call(who, "close", result, operation, &[("fd", fd.into())]);
        if who.succeeds() {
            stage.close(who.pid, fd);
        }
        Ok(())
    }
}

impl Act for step::Dup {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let known: &[&str] = if self.to.is_some() {
            &["dup2", "dup3"]
        } else {
            &["dup"]
        };
        let name = call(self.call.as_deref(), known)?;
        if who.succeeds() {
            stage.expect_fd(who.pid, self.fd)?;
        }
        let result = new_fd(stage, who, self.to)?;
        let mut arguments = vec![("oldfd", Given::from(self.fd)), ("flags", 0.into())];
        arguments.push(("res", result.into()));
        arguments.extend(self.to.map(|to| ("newfd", to.into())));
        let operation = Operation::Duplicate(Duplicate {
            old: Some(self.fd),
            new: self.to,
            close_on_exec: (name == "dup3").then_some(false),
        });
        teller.call(who, name, result, operation, &arguments);
        if result >= 0 {
            let copied = stage.descriptor(who.pid, self.fd).cloned();
            stage.open(who.pid, result as Fd, copied.unwrap_or(Descriptor::Other));
        }
        Ok(())
    }
}

impl Act for step::Pipe {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let read = self.read.unwrap_or_else(|| stage.free_fd(who.pid));
        if who.succeeds() {
            stage.open(who.pid, read, Descriptor::Other);
        }
        let write = self.write.unwrap_or_else(|| stage.free_fd(who.pid));
        if who.succeeds() {
            stage.open(who.pid, write, Descriptor::Other);
        }
        // Pipes are told apart by their inode.
        let inode = teller.now / 1000 % 1_000_000_000;
        let arguments = [
            ("fd1", read.into()),
            ("fd2", write.into()),
            ("ino", inode.into()),
            ("flags", 0.into()),
        ];
        let operation = Operation::Pipe(Pipe {
            read: Some(read),
            write: Some(write),
            inode: Some(inode),
            flags: Some(0),
        });
        teller.call(
            who,
            "pipe2",
            who.result.unwrap_or_default(),
            operation,
            &arguments,
        );
        Ok(())
    }
}

impl Act for step::Memfd {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let flags = match &self.flags {
            Some(words) => flags::of_set(words, "memfd_create_flags", "MFD_")?,
            None => 0,
        };
        let result = new_fd(stage, who, self.fd)?;
        let name = self.name.at(who.number);
        let arguments = [("name", (&*name).into()), ("flags", flags.into())];
        let operation = Operation::MemoryFile(MemoryFile {
            name: Some(name.as_bytes()),
            flags: Some(flags),
        });
        teller.call(who, "memfd_create", result, operation, &arguments);
        if result >= 0 {
            stage.open(who.pid, result as Fd, Descriptor::Other);
        }
        Ok(())
    }
}

impl Act for step::Mmap {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        if let Some(fd) = self.fd.filter(|fd| *fd >= 0 && who.succeeds()) {
            stage.expect_fd(who.pid, fd)?;
        }
        let words = |words: Option<&Words>, default: &str| {
            words
                .cloned()
                .unwrap_or_else(|| Words(vec![default.to_owned()]))
        };
        let protection = flags::of_set(
            &words(self.protection.as_ref(), "read"),
            "prot_flags",
            "PROT_",
        )?;
        let own = flags::of_set(&words(self.flags.as_ref(), "private"), "mmap_flags", "MAP_")?;
        let fd = self.fd.unwrap_or(-1);
        let length = self.length.unwrap_or(LENGTH);
        let arguments = [
            ("addr", 0.into()),
            ("length", length.into()),
            ("prot", protection.into()),
            ("flags", own.into()),
            ("fd", fd.into()),
            ("offset", 0.into()),
        ];
        let operation = Operation::Map(Map {
            fd: Some(fd),
            length: Some(length),
            protection: Some(protection),
            flags: Some(own),
            offset: Some(0),
        });
        let result = who.result.unwrap_or(0x7f00_0000_0000);
        teller.call(who, "mmap", result, operation, &arguments);
        Ok(())
    }
}

impl Act for step::Ptrace {
    fn act<O: Observer>(
        &self,
        _: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let request = flags::one(&self.request, "ptrace_requests", "PTRACE_")?;
        let target = self.target.unwrap_or_default();
        let arguments = [
            ("addr", Given::Other),
            ("data", Given::Other),
            ("request", request.into()),
            ("pid", target.into()),
        ];
        let operation = Operation::Trace(Trace {
            request: Some(request),
            pid: Some(target),
        });
        teller.call(
            who,
            "ptrace",
            who.result.unwrap_or_default(),
            operation,
            &arguments,
        );
        Ok(())
    }
}

impl Act for step::Kill {
    fn act<O: Observer>(
        &self,
        _: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        /// The signal of those that say none.
        const TERMINATE: u8 = 15;
        let signal = self.signal.unwrap_or(TERMINATE);
        let arguments = [
            ("pid", self.target.into()),
            ("sig", u32::from(signal).into()),
        ];
        let operation = Operation::Signal(Signal {
            pid: Some(self.target),
            tid: None,
            signal: Some(signal),
        });
        teller.call(
            who,
            "kill",
            who.result.unwrap_or_default(),
            operation,
            &arguments,
        );
        Ok(())
    }
}

impl Act for step::InitModule {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        if let Some(fd) = self.fd.filter(|_| who.succeeds()) {
            stage.expect_fd(who.pid, fd)?;
        }
        let name = if self.fd.is_some() {
            "finit_module"
        } else {
            "init_module"
        };
        let text = self.args.as_deref().unwrap_or_default();
        let length = self.length.unwrap_or(LENGTH);
        let mut arguments = vec![
            ("uargs", Given::from(text)),
            ("length", length.into()),
            ("flags", 0.into()),
        ];
        arguments.extend(self.fd.map(|fd| ("fd", fd.into())));
        let operation = Operation::LoadModule(LoadModule {
            fd: self.fd,
            arguments: Some(text.as_bytes()),
            length: self.fd.is_none().then_some(length),
            flags: self.fd.map(|_| 0),
        });
        teller.call(
            who,
            name,
            who.result.unwrap_or_default(),
            operation,
            &arguments,
        );
        Ok(())
    }
}

impl Act for step::DeleteModule {
    fn act<O: Observer>(
        &self,
        _: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let name = self.name.at(who.number);
        let arguments = [("name", (&*name).into()), ("flags", 0.into())];
        let operation = Operation::UnloadModule(Some(name.as_bytes()));
        let result = who.result.unwrap_or_default();
        teller.call(who, "delete_module", result, operation, &arguments);
        Ok(())
    }
}

impl Act for step::Bpf {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let command = flags::one(&self.command, "bpf_commands", "BPF_")?;
        // These make a descriptor.
        let makes = ["CREATE", "LOAD", "GET", "OPEN"];
        let capitals = self.command.to_uppercase();
        let makes = self.fd.is_some() || makes.iter().any(|word| capitals.ends_with(word));
        let result = if makes {
            new_fd(stage, who, self.fd)?
        } else {
            who.result.unwrap_or_default()
        };
        let operation = Operation::Bpf(Bpf {
            command: Some(command),
        });
        teller.call(who, "bpf", result, operation, &[("cmd", command.into())]);
        if makes && result >= 0 {
            stage.open(who.pid, result as Fd, Descriptor::Other);
        }
        Ok(())
    }
}

impl Act for step::Prctl {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        /// The option that gives the thread a name.
        const SET_NAME: u32 = 15;
        let option = flags::one(&self.option, "prctl_options", "PR_")?;
        let mut arguments = vec![("option", Given::from(option))];
        arguments.extend(self.text.as_deref().map(|text| ("arg2_str", text.into())));
        arguments.extend(self.number.map(|number| ("arg2_int", number.into())));
        let operation = Operation::Control(Control {
            option: Some(option),
            text: self.text.as_deref().map(str::as_bytes),
            number: self.number,
        });
        teller.call(
            who,
            "prctl",
            who.result.unwrap_or_default(),
            operation,
            &arguments,
        );
        if option == SET_NAME
            && let (Some(thread), Some(text)) = (stage.thread_mut(who.tid), &self.text)
        {
            thread.name = text.as_bytes().iter().copied().take(15).collect();
        }
        Ok(())
    }
}

/// Calls that change what a story keeps: they have verbs of their own.
const OWN_VERBS: [&str; 30] = [
    "clone",
    "clone3",
    "fork",
    "vfork",
    "execve",
    "execveat",
    "procexit",
    "open",
    "openat",
    "openat2",
    "creat",
    "close",
    "read",
    "write",
    "socket",
    "connect",
    "accept",
    "accept4",
    "bind",
    "sendto",
    "recvfrom",
    "dup",
    "dup2",
    "dup3",
    "pipe",
    "pipe2",
    "chdir",
    "setuid",
    "setgid",
    "memfd_create",
];

/// What a number in the arguments of [`step::Call`] is, and what a name.
fn given<'t>(text: &'t str, ty: ParameterType, set: Option<&str>) -> Result<Given<'t>, String> {
    if ty.is_text() || ty == ParameterType::Bytes {
        return Ok(text.into());
    }
    let number = text.strip_prefix("0x").map_or_else(
        || text.parse().ok(),
        |digits| i64::from_str_radix(digits, 16).ok(),
    );
    match (number, set) {
        (Some(number), _) => Ok(Given::Number(number)),
        (None, Some(set)) => {
            let words = text.split('|').map(|word| word.trim().to_owned());
            flags::of_set(&Words(words.collect()), set, "").map(Given::from)
        }
        (None, None) => Err(format!("`{text}` is no number")),
    }
}

impl Act for step::Call {
    fn act<O: Observer>(
        &self,
        _: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        if OWN_VERBS.contains(&self.name.as_str()) {
            let name = &self.name;
            return Err(format!(
                "`{name}` has a verb of its own, so that later steps know of it"
            ));
        }
        let code = arguments::code_of(&self.name);
        let info = arguments::info(code);
        let given_arguments = self.args.as_ref();
        let mut values = Vec::new();
        let mut name = None;
        if code == GENERIC {
            let numbers = 0..=u16::MAX;
            let found = numbers
                .filter_map(|number| Some((number, system_call_name(number)?)))
                .find(|(_, known)| *known == self.name);
            let Some((number, known)) = found else {
                return Err(format!("there is no system call `{}`", self.name));
            };
            name = Some(known);
            values.push(("ID", Given::from(u32::from(number))));
            values.push(("nativeID", Given::from(u32::from(number))));
            if given_arguments.is_some_and(|given| !given.is_empty()) {
                return Err(format!(
                    "`{known}` has no arguments that rules could ask for"
                ));
            }
        }
        for (key, text) in given_arguments.into_iter().flatten() {
            let mut parameters = info.parameters.iter();
            let Some(parameter) = parameters.find(|parameter| parameter.name.text() == key) else {
                let known: Vec<&str> = info
                    .parameters
                    .iter()
                    .map(|parameter| parameter.name.text())
                    .collect();
                return Err(unknown("argument", key, &known));
            };
            let set = parameter.flag_set.map(|set| set.name);
            let value =
                given(text, parameter.ty, set).map_err(|wrong| format!("`{key}`: {wrong}"))?;
            values.push((parameter.name.text(), value));
        }
        teller.tell(&Told {
            tid: who.tid,
            code,
            name,
            result: Some(who.result.unwrap_or_default()),
            operation: Operation::Other,
            arguments: &values,
        });
        Ok(())
    }
}
