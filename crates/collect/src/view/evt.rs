//! Fields of the event itself.

use sysflow_event::Phase;
use sysflow_event::raw::{Category, Origin, RawValue};
use sysflow_field::{Arg, Argument, Role, Value};

use super::EventView;
use super::render::{error_name, number};

/// Flags of opens.
const READS: u32 = 1;
const WRITES: u32 = 2;
const CREATES: u32 = 4;
const CREATED: u32 = 0x4000;
const EXECUTE_BITS: i64 = 0o111;

event_fields! {
    EVT_NUM = "evt.num": Int, "Number of the event in the capture, from 1; beginnings count."
        => value |v| Some(Value::Int(v.number as i64));
    EVT_TIME = "evt.time": Time, "When, ns since the epoch."
        => value |v| Some(Value::Int(v.event.ts as i64));
    EVT_TYPE = "evt.type": Text { role: Role::Operation }, "Name of the system call or notification."
        => value |v| Some(Value::Text(v.event.name.as_bytes()));
    SYSCALL_TYPE = "syscall.type": Text, "Name of the system call."
        => value |v| v.is_call().then_some(Value::Text(v.event.name.as_bytes()));
    EVT_DIR = "evt.dir": Text, "< where something has ended, > for what has no end."
        => value |v| Some(Value::Text(v.direction().as_bytes()));
    EVT_CATEGORY = "evt.category": Text { role: Role::Kind, domain: super::names::KINDS },
        "What it is about: file, net, process …"
        => value |v| Some(Value::Text(v.category().as_bytes()));
    EVT_CPU = "evt.cpu": Int, "Processor."
        => value |v| Some(Value::Int(i64::from(v.event.cpu)));
    EVT_HOSTNAME = "evt.hostname": Text, "Name of the machine."
        => value |v| Some(Value::Text(v.host_name));
    EVT_SOURCE = "evt.source": Text, "Always syscall."
        => value |_| Some(Value::Text(b"syscall"));
    EVT_ARGS = "evt.args": Text, "All arguments, as name=value."
        => text |v, out| { v.write_arguments(out); Some(()) };
    EVT_INFO = "evt.info": Text, "All arguments, as name=value."
        => text |v, out| { v.write_arguments(out); Some(()) };
    EVT_ARG = "evt.arg": Text { argument: Argument::Key, is_key: Some(super::names::is_argument) },
        "One argument, by name or position: with what it stands for, as flags and paths."
        => each |v, arg, emit| if let Some(index) = v.argument(arg) {
            emit.text(|out| { v.write_argument(index, out); Some(()) });
        };
    EVT_ABSPATH = "evt.abspath": Path { argument: Argument::Key },
        "Path of a call that takes directories, resolved: src or dst."
        => each |v, arg, emit| v.with_absolute(arg, |path| { emit.value(Value::Text(path)); });
    EVT_RES = "evt.res": Text, "SUCCESS, or the name of the error."
        => value |v| {
            let result = v.result()?;
            let name = i32::try_from(-result).ok().filter(|_| result < 0).and_then(error_name);
            Some(Value::Text(name.unwrap_or("SUCCESS").as_bytes()))
        };
    EVT_RAWRES = "evt.rawres": Int, "What the call returned; negative error numbers."
        => value |v| v.result().map(Value::Int);
    EVT_FAILED = "evt.failed": Bool, "Whether the call failed."
        => value |v| v.result().map(|result| Value::Bool(result < 0));
    EVT_COUNT = "evt.count": Int, "Always 1."
        => value |_| Some(Value::Int(1));
    EVT_COUNT_ERROR = "evt.count.error": Int, "1 for a failed call."
        => value |v| v.result().map(|result| Value::Int(i64::from(result < 0)));
    EVT_COUNT_EXIT = "evt.count.exit": Int, "1 for the end of a system call."
        => value |v| v.is_call().then_some(Value::Int(1));
    EVT_BUFFER = "evt.buffer": Bytes, "First bytes of what was read or written."
        => value |v| match v.arguments.named("data")? {
            RawValue::Bytes(data) if v.moves_data() => Some(Value::Text(data)),
            _ => None,
        };
    EVT_BUFLEN = "evt.buflen": Int, "How many bytes were read or written."
        => value |v| match v.arguments.class().category {
            Category::OfDescriptor if v.moves_data() => v.result().map(|size| Value::Int(size.max(0))),
            Category::OfDescriptor => Some(Value::Int(0)),
            _ => None,
        };
    EVT_IO_DIR = "evt.io_dir": Text, "read or write."
        => value |v| if v.arguments.class().reads {
            Some(Value::Text(b"read"))
        } else if v.arguments.class().writes {
            Some(Value::Text(b"write"))
        } else {
            None
        };
    EVT_IS_IO = "evt.is_io": Bool, "Whether data are read or written."
        => value |v| Some(Value::Bool(v.moves_data()));
    EVT_IS_IO_READ = "evt.is_io_read": Bool, "Whether data are read."
        => value |v| Some(Value::Bool(v.arguments.class().reads));
    EVT_IS_IO_WRITE = "evt.is_io_write": Bool, "Whether data are written."
        => value |v| Some(Value::Bool(v.arguments.class().writes));
    EVT_IS_WAIT = "evt.is_wait": Bool, "Whether the thread waited in the call."
        => value |v| Some(Value::Bool(v.arguments.class().waits));
    EVT_IS_ASYNC = "evt.is_async": Bool, "Whether no call or kernel told it, but the observing program."
        => value |v| Some(Value::Bool(v.arguments.class().origin == Origin::Observer));
    EVT_ASYNCTYPE = "evt.asynctype": Text, "Name of what the observing program told."
        => value |v| (v.arguments.class().origin == Origin::Observer)
            .then_some(Value::Text(v.event.name.as_bytes()));
    EVT_IS_OPEN_READ = "evt.is_open_read": Bool, "Whether a file is opened for reading."
        => value |v| Some(Value::Bool(v.open_flags() & READS != 0));
    EVT_IS_OPEN_WRITE = "evt.is_open_write": Bool, "Whether a file is opened for writing."
        => value |v| Some(Value::Bool(v.open_flags() & WRITES != 0));
    EVT_IS_OPEN_CREATE = "evt.is_open_create": Bool, "Whether the open made the file."
        => value |v| Some(Value::Bool(v.open_flags() & CREATED != 0));
    EVT_IS_OPEN_EXEC = "evt.is_open_exec": Bool, "Whether an executable file is to be created."
        => value |v| {
            let asks = v.open_flags() & CREATES != 0 || v.event.name == "creat";
            let mode = v.arguments.named("mode").and_then(number).unwrap_or_default();
            Some(Value::Bool(asks && mode & EXECUTE_BITS != 0))
        };
    FS_PATH_NAME = "fs.path.name": Path, "Path that the call works on, resolved."
        => each |v, _, emit| v.with_path(PathRole::Name, true, |path| { emit.value(Value::Text(path)); });
    FS_PATH_NAMERAW = "fs.path.nameraw": Path, "Path that the call works on, as given."
        => each |v, _, emit| v.with_path(PathRole::Name, false, |path| { emit.value(Value::Text(path)); });
    FS_PATH_SOURCE = "fs.path.source": Path, "What is renamed; the link that is made. Resolved."
        => each |v, _, emit| v.with_path(PathRole::Source, true, |path| { emit.value(Value::Text(path)); });
    FS_PATH_SOURCERAW = "fs.path.sourceraw": Path, "What is renamed; the link that is made. As given."
        => each |v, _, emit| v.with_path(PathRole::Source, false, |path| { emit.value(Value::Text(path)); });
    FS_PATH_TARGET = "fs.path.target": Path, "The new name; what a link leads to. Resolved."
        => each |v, _, emit| v.with_path(PathRole::Target, true, |path| { emit.value(Value::Text(path)); });
    FS_PATH_TARGETRAW = "fs.path.targetraw": Path, "The new name; what a link leads to. As given."
        => each |v, _, emit| v.with_path(PathRole::Target, false, |path| { emit.value(Value::Text(path)); });
}

/// Which path of a call is meant.
#[derive(Clone, Copy)]
enum PathRole {
    Name,
    Source,
    Target,
}

impl EventView<'_> {
    fn is_call(&self) -> bool {
        self.event.phase == Phase::End && self.arguments.class().origin == Origin::SystemCall
    }

    pub(super) fn direction(&self) -> &'static str {
        if self.is_call() { "<" } else { ">" }
    }

    fn moves_data(&self) -> bool {
        let class = self.arguments.class();
        class.reads || class.writes
    }

    fn argument(&self, arg: &Arg) -> Option<usize> {
        let Arg::Key(name) = arg else { return None };
        match name.parse() {
            Ok(index) => Some(index).filter(|index| *index < self.arguments.count()),
            Err(_) => self.arguments.position(name),
        }
    }

    /// The flags of an open; 0 for all other calls.
    fn open_flags(&self) -> u32 {
        let is_open = matches!(
            self.event.name,
            "open" | "openat" | "openat2" | "open_by_handle_at"
        );
        match self.arguments.named("flags") {
            Some(RawValue::Symbols(flags, _)) if is_open => flags,
            _ => 0,
        }
    }

    fn with_path(&self, role: PathRole, is_resolved: bool, with: impl FnOnce(&[u8])) {
        let names: &[&str] = match (self.event.name, role) {
            ("open" | "openat" | "openat2" | "creat" | "unlinkat", PathRole::Name) => &["name"],
            ("unlink" | "rmdir" | "mkdir" | "mkdirat", PathRole::Name) => &["path"],
            ("chmod" | "fchmodat", PathRole::Name) => &["filename"],
            ("rename" | "renameat" | "renameat2", PathRole::Source)
            | ("link" | "linkat", PathRole::Target) => &["oldpath"],
            ("rename" | "renameat" | "renameat2", PathRole::Target)
            | ("link" | "linkat", PathRole::Source) => &["newpath"],
            ("symlink" | "symlinkat", PathRole::Source) => &["linkpath"],
            ("symlink" | "symlinkat", PathRole::Target) => &["target"],
            _ => return,
        };
        let Some(index) = names.iter().find_map(|name| self.arguments.position(name)) else {
            return;
        };
        self.with_path_at(index, is_resolved, with);
    }

    fn with_path_at(&self, index: usize, is_resolved: bool, with: impl FnOnce(&[u8])) {
        let (path, at) = match self.arguments.value(index) {
            RawValue::Path(path) | RawValue::Text(path) => (path, None),
            RawValue::PathAt(path, at) => (path, Some(at)),
            _ => return,
        };
        if !is_resolved {
            return with(path);
        }
        let mut resolved = Vec::new();
        self.write_path(at, path, &mut resolved);
        with(&resolved);
    }

    /// The path that a call takes from a directory: the first or the last of them.
    fn with_absolute(&self, arg: &Arg, with: impl FnOnce(&[u8])) {
        let Arg::Key(which) = arg else { return };
        let is_path = |index: &usize| matches!(self.arguments.value(*index), RawValue::PathAt(..));
        let mut indices = (0..self.arguments.count()).filter(is_path);
        let index = match &**which {
            "src" => indices.next(),
            "dst" => indices.last(),
            _ => None,
        };
        if let Some(index) = index {
            self.with_path_at(index, true, with);
        }
    }
}
