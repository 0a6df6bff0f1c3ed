//! Fields of what a call returned, and of what is counted.

use sysflow_event::raw::{Category, RawValue};
use sysflow_field::{FalcoType, Value};

use super::EventView;
use super::render::{error_of, number};
use crate::state::descriptor::Kind;

event_fields! {
    EVT_RES = "evt.res": Text, "SUCCESS, or the name of the error."
        => text |v, out| {
            let result = v.result()?;
            match error_of(result) {
                Some(name) => out.extend_from_slice(name.as_bytes()),
                None if result < 0 => Value::Int(result).with_text(|text| out.extend_from_slice(text)),
                None => out.extend_from_slice(b"SUCCESS"),
            }
            Some(())
        };
    EVT_RAWRES = "evt.rawres": Int, "What the call returned; negative error numbers."
        => value |v| v.result().map(Value::Int);
    EVT_FAILED = "evt.failed": Bool, "Whether the call failed."
        => value |v| v.result().map(|result| Value::Bool(result < 0));
    EVT_COUNT_ERROR = "evt.count.error": Int { falco: Some(FalcoType::Uint32) }, "1 for a failed call, 0 for one that did not fail."
        => value |v| v.errors();
    EVT_COUNT_ERROR_FILE = "evt.count.error.file": Int { falco: Some(FalcoType::Uint32) }, "The same, of calls on files and directories only."
        => value |v| v.errors().filter(|_| v.subject() == Subject::File);
    EVT_COUNT_ERROR_NET = "evt.count.error.net": Int { falco: Some(FalcoType::Uint32) }, "The same, of calls on sockets only."
        => value |v| v.errors().filter(|_| v.subject() == Subject::Network);
    EVT_COUNT_ERROR_MEMORY = "evt.count.error.memory": Int { falco: Some(FalcoType::Uint32) }, "The same, of calls about memory only."
        => value |v| v.errors().filter(|_| v.arguments.class().category == Category::Memory);
    EVT_COUNT_ERROR_OTHER = "evt.count.error.other": Int { falco: Some(FalcoType::Uint32) }, "The same, of all other calls."
        => value |v| v.errors().filter(|_| v.subject() == Subject::Other);
    EVT_COUNT_EXIT = "evt.count.exit": Int { falco: Some(FalcoType::Uint32) }, "1 for the end of a system call."
        => value |v| v.is_call().then_some(Value::Int(1));
    EVT_COUNT_PROCINFO = "evt.count.procinfo": Int { falco: Some(FalcoType::Uint32) }, "1 for a notice about a process that runs, else 0."
        => value |v| {
            let is_main = v.thread.is_some_and(crate::state::thread::Thread::is_main);
            Some(Value::Int(i64::from(v.event.name == "procinfo" && is_main)))
        };
    EVT_COUNT_THREADINFO = "evt.count.threadinfo": Int { falco: Some(FalcoType::Uint32) }, "1 for a notice about a thread that runs, else 0."
        => value |v| Some(Value::Int(i64::from(v.event.name == "procinfo")));
}

/// What a call that may fail is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    File,
    Network,
    Memory,
    Other,
}

impl EventView<'_> {
    /// What the call returned: its first argument, if that is a number.
    pub(super) fn result(&self) -> Option<i64> {
        if !self.is_call() {
            return None;
        }
        if self.arguments.count() == 0 {
            return self.event.result;
        }
        if self.is_generic() {
            return None;
        }
        match self.arguments.value(0) {
            value @ (RawValue::Result(_)
            | RawValue::Descriptor(_)
            | RawValue::Process(_)
            | RawValue::Signed(..)
            | RawValue::Unsigned(..)
            | RawValue::User(_)
            | RawValue::Group(_)) => number(value),
            _ => None,
        }
    }

    /// Whether the call is one of those of which nothing is told but the name.
    pub(super) fn is_generic(&self) -> bool {
        self.arguments.name(0) == "ID"
    }

    fn errors(&self) -> Option<Value<'static>> {
        self.result()
            .map(|result| Value::Int(i64::from(result < 0)))
    }

    fn subject(&self) -> Subject {
        match self.descriptor().map(|descriptor| descriptor.kind) {
            Some(Kind::File | Kind::Directory) => Subject::File,
            Some(Kind::Internet | Kind::Listener | Kind::Unix) => Subject::Network,
            Some(_) => Subject::Other,
            None => match self.event.name {
                "open" | "creat" | "openat" | "openat2" | "open_by_handle_at" => Subject::File,
                "accept" | "accept4" | "connect" => Subject::Network,
                _ if self.arguments.class().category == Category::Memory => Subject::Memory,
                _ => Subject::Other,
            },
        }
    }
}
