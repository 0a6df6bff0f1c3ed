//! What can be asked of one operation, at the moment at which it ends.
//!
//! [`EventView`] is the operation together with the state of its thread, its ancestors and its descriptor.
//! Its fields have the names and meanings of Falco's; what no capture tells is listed as foreign, with the
//! reason. A sink that [wants events](crate::RecordSink::WANTS_EVENTS) gets one view for each operation.

#[macro_use]
mod declare;
mod evt;
mod fd;
mod line;
mod names;
mod process;
mod render;

use std::fmt;
use std::ops::ControlFlow;

use sysflow_event::raw::{Category, RawArguments, RawValue};
use sysflow_event::{Event, Fd};
use sysflow_field::{Arg, Catalogue, Field, FieldId, Value, View};

pub use line::line;

use crate::state::accounts::Accounts;
use crate::state::descriptor::{Descriptor, Kind};
use crate::state::groups::Groups;
use crate::state::interfaces::Interfaces;
use crate::state::thread::{Thread, Threads};
use crate::tables::Tables;

/// One operation, with the state around it.
#[derive(Clone, Copy)]
pub struct EventView<'a> {
    pub(crate) event: &'a Event<'a>,
    pub(crate) arguments: &'a dyn RawArguments,
    pub(crate) number: u64,
    pub(crate) threads: &'a Threads,
    pub(crate) groups: &'a Groups,
    pub(crate) accounts: &'a Accounts,
    pub(crate) interfaces: &'a Interfaces,
    pub(crate) tables: &'a Tables,
    pub(crate) host_name: &'a [u8],
    pub(crate) thread: Option<&'a Thread>,
    pub(crate) fd: Option<Fd>,
    pub(crate) is_name_changed: bool,
}

impl fmt::Debug for EventView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventView")
            .field("number", &self.number)
            .field("event", &self.event)
            .finish_non_exhaustive()
    }
}

const FIRST_FD: usize = evt::FIELDS.len();
const FIRST_PROCESS: usize = FIRST_FD + fd::FIELDS.len();
const ALL: usize = FIRST_PROCESS + process::FIELDS.len();

const FIELDS: [Field; ALL] = {
    let mut fields = [declare::BASE; ALL];
    let mut index = 0;
    while index < ALL {
        fields[index] = if index < FIRST_FD {
            evt::FIELDS[index]
        } else if index < FIRST_PROCESS {
            fd::FIELDS[index - FIRST_FD]
        } else {
            process::FIELDS[index - FIRST_PROCESS]
        };
        index += 1;
    }
    fields
};

/// The fields of events.
pub static CATALOGUE: Catalogue = Catalogue {
    source: "events",
    fields: &FIELDS,
    aliases: names::ALIASES,
    foreign: names::FOREIGN,
    kinds: names::KINDS,
    operations: names::OPERATIONS,
    is_operation: Some(names::is_operation),
    default_prefix: "",
};

impl<'a> EventView<'a> {
    /// The operation.
    pub const fn event(&self) -> &'a Event<'a> {
        self.event
    }

    /// Its arguments as the source tells them.
    pub const fn arguments(&self) -> &'a dyn RawArguments {
        self.arguments
    }

    /// The main thread of the thread's process, else the thread.
    fn main(&self) -> Option<&'a Thread> {
        self.threads.leader_of(self.thread?.tid)
    }

    fn descriptor(&self) -> Option<&'a Descriptor> {
        self.threads
            .descriptors(self.event.tid)?
            .get(self.fd.filter(|fd| *fd >= 0)?)
    }

    /// What the call returned.
    fn result(&self) -> Option<i64> {
        if self.arguments.count() == 0 {
            return self.event.result;
        }
        let index = self.arguments.position("res").or_else(|| {
            (self.arguments.name(0) == "fd" && self.arguments.class().creates_descriptor)
                .then_some(0)
        })?;
        render::number(self.arguments.value(index))
    }

    /// What the operation is about; reads and writes are about what their descriptor is.
    fn category(&self) -> &'static str {
        let kind = self.descriptor().map(|descriptor| descriptor.kind);
        if self.arguments.class().category == Category::OfDescriptor
            && matches!(kind, Some(Kind::Unix | Kind::Pipe))
        {
            return names::OF_UNIX;
        }
        let category = match self.arguments.class().category {
            Category::OfDescriptor => match kind {
                Some(Kind::File | Kind::Directory) => Category::File,
                Some(Kind::Internet | Kind::Listener) => Category::Net,
                Some(Kind::Unix | Kind::Pipe | Kind::Special(_)) => Category::Other,
                None => Category::Unknown,
            },
            category => category,
        };
        names::category(category)
    }
}

/// The descriptor that an operation makes or works on: -1 where it failed to make one.
pub(crate) fn descriptor_of(event: &Event<'_>, arguments: &dyn RawArguments) -> Option<Fd> {
    let class = arguments.class();
    let first = |from: usize| {
        (from..arguments.count()).find_map(|index| match arguments.value(index) {
            RawValue::Descriptor(fd) => Some(fd as Fd),
            _ => None,
        })
    };
    let named = || {
        arguments
            .named("fd")
            .and_then(render::number)
            .map(|fd| fd as Fd)
    };
    if class.creates_descriptor {
        let made = named()
            .or_else(|| first(0))
            .or_else(|| event.result.map(|fd| fd as Fd))?;
        return Some(made.max(-1));
    }
    if class.uses_descriptor {
        named().or_else(|| first(0))
    } else {
        None
    }
}

impl View for EventView<'_> {
    fn catalogue() -> &'static Catalogue {
        &CATALOGUE
    }

    fn kind(&self) -> u32 {
        let category = self.category();
        let position = names::KINDS.iter().position(|kind| *kind == category);
        position.unwrap_or_default() as u32
    }

    fn operations(&self) -> u64 {
        names::operation(self.event.name)
    }

    fn visit(&self, field: FieldId, arg: &Arg, visit: impl FnMut(Value<'_>) -> ControlFlow<()>) {
        let mut emit = declare::Emit::new(visit);
        let index = usize::from(field.0);
        if index < FIRST_FD {
            evt::answer(self, index, arg, &mut emit);
        } else if index < FIRST_PROCESS {
            fd::answer(self, index - FIRST_FD, arg, &mut emit);
        } else {
            process::answer(self, index - FIRST_PROCESS, arg, &mut emit);
        }
    }
}
