//! Fields of the event itself and its arguments.

use sysflow_event::Phase;
use sysflow_event::raw::{Origin, RawValue};
use sysflow_field::{Arg, Argument, FalcoType, Limits, Role, Value};

use super::EventView;
use super::render::number;

/// Flags of opens.
const READS: u32 = 1;
const WRITES: u32 = 2;
const CREATES: u32 = 4;
const TEMPORARY: u32 = 0x2000;
const CREATED: u32 = 0x4000;
const EXECUTE_BITS: i64 = 0o111;

event_fields! {
    EVT_NUM = "evt.num": Int { falco: Some(FalcoType::Uint64) }, "Number of the event in the capture, from 1; beginnings count."
        => value |v| Some(Value::Int(v.number as i64));
    EVT_TYPE = "evt.type": Text { role: Role::Operation }, "Name of the system call or notification."
        => value |v| Some(Value::Text(v.event.name.as_bytes()));
    EVT_TYPE_IS = "evt.type.is": Int { argument: Argument::Key, falco: Some(FalcoType::Uint32) }, "1 for events of one type, 0 for all others."
        => each |v, arg, emit| if let Arg::Key(name) = arg {
            emit.value(Value::Int(i64::from(**name == *v.event.name)));
        };
    SYSCALL_TYPE = "syscall.type": Text { role: Role::Operation }, "Name of the system call; nothing for notifications."
        => value |v| v.is_call().then_some(Value::Text(v.event.name.as_bytes()));
    EVT_DIR = "evt.dir": Text, "< where something has ended, > for what has no end."
        => value |v| Some(Value::Text(v.direction().as_bytes()));
    EVT_CATEGORY = "evt.category": Text { role: Role::Kind, domain: super::names::KINDS },
        "What it is about: file, net, process …"
        => value |v| Some(Value::Text(v.category().as_bytes()));
    EVT_CPU = "evt.cpu": Int { falco: Some(FalcoType::Int16) }, "Processor on which it was seen."
        => value |v| Some(Value::Int(i64::from(v.event.cpu)));
    EVT_HOSTNAME = "evt.hostname": Text, "Name of the machine."
        => value |v| Some(Value::Text(v.host_name));
    EVT_SOURCE = "evt.source": Text, "Always syscall."
        => value |_| Some(Value::Text(b"syscall"));
    EVT_ARGS = "evt.args": Text, "All arguments, as name=value, with what they stand for in parentheses."
        => text |v, out| { v.write_arguments(out); Some(()) };
    EVT_INFO = "evt.info": Text, "All arguments, as name=value, with what they stand for in parentheses."
        => text |v, out| { v.write_arguments(out); Some(()) };
    EVT_ARG = "evt.arg": Text { argument: Argument::Key },
        "One argument, by name or position: with what it stands for, as flags and paths."
        => each |v, arg, emit| if let Some(index) = v.argument(arg) {
            emit.text(|out| { v.write_argument(index, out); Some(()) });
        };
    EVT_RAWARG = "evt.rawarg": Text { argument: Argument::Key, limits: Limits::LEFT_SIDE }, "One argument, by name, as the program gave it."
        => each |v, arg, emit| if let Some(text) = v.argument(arg).and_then(|index| v.raw_text(index)) {
            emit.value(Value::Text(text));
        };
    EVT_RAWARG_NUMBER = "evt.rawarg": Int { argument: Argument::Key, limits: Limits::LEFT_SIDE }, "One argument that is a number, by name."
        => each |v, arg, emit| {
            let value = v.argument(arg).and_then(|index| number(v.arguments.value(index)));
            if let Some(number) = value {
                emit.value(Value::Int(number));
            }
        };
    EVT_COUNT = "evt.count": Int { falco: Some(FalcoType::Uint32) }, "Always 1."
        => value |_| Some(Value::Int(1));
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
        => value |v| {
            let flags = v.open_flags();
            let is_temporary = flags & TEMPORARY != 0 && v.result().is_some_and(|fd| fd >= 0);
            Some(Value::Bool(flags & CREATED != 0 || is_temporary))
        };
    EVT_IS_OPEN_EXEC = "evt.is_open_exec": Bool, "Whether an executable file is to be created."
        => value |v| {
            let asks = v.open_flags() & (CREATES | TEMPORARY) != 0 || v.event.name == "creat";
            let mode = v.arguments.named("mode").and_then(number).unwrap_or_default();
            Some(Value::Bool(asks && mode & EXECUTE_BITS != 0))
        };
}

impl<'a> EventView<'a> {
    pub(super) fn is_call(&self) -> bool {
        self.event.phase == Phase::End && self.arguments.class().origin == Origin::SystemCall
    }

    pub(super) fn direction(&self) -> &'static str {
        if self.is_call() { "<" } else { ">" }
    }

    fn argument(&self, arg: &Arg) -> Option<usize> {
        let Arg::Key(name) = arg else { return None };
        match name.parse() {
            Ok(index) => Some(index).filter(|index| *index < self.arguments.count()),
            Err(_) => self.arguments.position(name),
        }
    }

    fn raw_text(&self, index: usize) -> Option<&'a [u8]> {
        match self.arguments.value(index) {
            RawValue::Text(text)
            | RawValue::Path(text)
            | RawValue::PathAt(text, _)
            | RawValue::Bytes(text) => Some(text),
            _ => None,
        }
    }

    /// The flags of an open; 0 for all other calls.
    fn open_flags(&self) -> u32 {
        let is_open = matches!(
            self.event.name,
            "open" | "openat" | "openat2" | "open_by_handle_at"
        );
        if !is_open {
            return 0;
        }
        match self.arguments.named("flags") {
            Some(RawValue::Symbols(flags, _)) => flags,
            _ => 0,
        }
    }
}
