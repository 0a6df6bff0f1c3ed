//! What can be asked of one operation, at the moment at which it ends.
//!
//! [`EventView`] is the operation together with the state of its thread, its ancestors and its descriptor.
//! Its fields have the names and meanings of Falco's, oddities included; what no capture tells is listed as
//! foreign, with the reason. A sink that [wants events](crate::RecordSink::WANTS_EVENTS) gets one view for each
//! operation.
//!
//! Texts that must be put together are written into buffers that are lent, so that asking allocates nothing in
//! the long run; an exception is `fd.types`, for which all descriptors are put in order.

#[macro_use]
mod declare;
mod account;
mod ancestor;
mod buffer;
mod container;
mod evt;
mod fd;
mod io;
mod line;
mod mount;
mod names;
mod operations;
mod outcome;
mod path;
mod pod;
mod polled;
mod process;
mod reach;
mod render;
mod session;
mod signals;
mod socket;
mod syslog;
mod thread;
mod time;

use std::fmt;
use std::ops::ControlFlow;

use sysflow_event::Event;
use sysflow_event::raw::{Category, RawArguments, RawValue};
use sysflow_field::{Arg, Catalogue, Elsewhere, Field, FieldId, Keys, Value, View};

pub use line::{arguments, line};
pub(crate) use operations::bit_of;

use crate::collector::Shown;
use crate::state::accounts::Accounts;
use crate::state::container_facts::ContainerFacts;
use crate::state::descriptor::{Descriptor, Kind};
use crate::state::dns::Names;
use crate::state::groups::Groups;
use crate::state::interfaces::Interfaces;
use crate::state::thread::{Thread, Threads};
use crate::tables::Tables;

/// One operation, with the state around it.
#[derive(Clone, Copy)]
pub struct EventView<'a> {
    pub(crate) event: &'a Event<'a>,
    /// The bit of the event's name.
    pub(crate) operations: u64,
    pub(crate) arguments: &'a dyn RawArguments,
    pub(crate) number: u64,
    pub(crate) threads: &'a Threads,
    pub(crate) groups: &'a Groups,
    pub(crate) accounts: &'a Accounts,
    pub(crate) interfaces: &'a Interfaces,
    pub(crate) container_facts: &'a ContainerFacts,
    pub(crate) names: &'a Names,
    pub(crate) since: Shown,
    pub(crate) tables: &'a Tables,
    pub(crate) host_name: &'a [u8],
    pub(crate) thread: Option<&'a Thread>,
    pub(crate) fd: Option<i64>,
    pub(crate) is_name_changed: bool,
    /// The descriptor `fd`, which many fields ask for.
    pub(crate) descriptor: Option<&'a Descriptor>,
}

impl fmt::Debug for EventView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventView")
            .field("number", &self.number)
            .field("event", &self.event)
            .finish_non_exhaustive()
    }
}

/// Puts the fields of modules one after the other, and asks the module that a field belongs to.
macro_rules! modules {
    ($($module:ident),* $(,)?) => {
        const MODULES: &[&[Field]] = &[$($module::FIELDS),*];

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
                self.operations
            }

            fn visit(
                &self,
                field: FieldId,
                arg: &Arg,
                visit: impl FnMut(Value<'_>) -> ControlFlow<()>,
            ) {
                let mut emit = declare::Emit::new(visit);
                let index = usize::from(field.0);
                $(
                    if index < $module::FIELDS.len() {
                        return $module::answer(self, index, arg, &mut emit);
                    }
                    let index = index - $module::FIELDS.len();
                )*
                let _ = index;
            }
        }
    };
}

modules! {
    evt, time, outcome, io, syslog, path, fd, socket, polled, process, ancestor, session, thread, account,
    container, mount, pod,
}

const COUNT: usize = {
    let (mut count, mut module) = (0, 0);
    while module < MODULES.len() {
        count += MODULES[module].len();
        module += 1;
    }
    count
};

static FIELDS: [Field; COUNT] = {
    let mut fields = [declare::BASE; COUNT];
    let (mut next, mut module) = (0, 0);
    while module < MODULES.len() {
        let mut index = 0;
        while index < MODULES[module].len() {
            fields[next] = MODULES[module][index];
            next += 1;
            index += 1;
        }
        module += 1;
    }
    fields
};

/// The fields of events.
pub static CATALOGUE: Catalogue = Catalogue {
    source: "events",
    fields: &FIELDS,
    aliases: names::ALIASES,
    foreign: names::FOREIGN,
    elsewhere: Some(Elsewhere {
        catalogue: &sysflow_record::catalogue::CATALOGUE,
        reason: "belongs to records, which sum up many operations",
    }),
    kinds: names::KINDS,
    operations: operations::ALL,
    other_operations: Some(operations::OTHERS),
    is_operation: Some(operations::is_operation),
    default_prefix: "",
    keys: Keys {
        field: reach::field_for,
        operations: reach::operations_with,
    },
};

impl<'a> EventView<'a> {
    /// The operation.
    pub const fn event(&self) -> &'a Event<'a> {
        self.event
    }

    /// The name of the machine; empty when unknown.
    pub const fn host_name(&self) -> &'a [u8] {
        self.host_name
    }

    /// Its number in the capture, from 1.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Its arguments as the source tells them.
    pub const fn arguments(&self) -> &'a dyn RawArguments {
        self.arguments
    }

    /// The main thread of the thread's process, else the thread.
    fn main(&self) -> Option<&'a Thread> {
        self.threads.leader_of_thread(self.thread?)
    }

    const fn descriptor(&self) -> Option<&'a Descriptor> {
        self.descriptor
    }

    /// A descriptor of the process by its number.
    fn descriptor_at(&self, fd: i64) -> Option<&'a Descriptor> {
        self.threads.descriptor_of_thread(self.thread?, fd)
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
pub(crate) fn descriptor_of(event: &Event<'_>, arguments: &dyn RawArguments) -> Option<i64> {
    let class = arguments.class();
    let first = || {
        (0..arguments.count()).find_map(|index| match arguments.value(index) {
            RawValue::Descriptor(fd) => Some(fd),
            _ => None,
        })
    };
    let named = || arguments.named("fd").and_then(render::number);
    if class.creates_descriptor {
        let made = named().or_else(first).or(event.result)?;
        return Some(made.max(-1));
    }
    if class.uses_descriptor {
        named().or_else(first)
    } else {
        None
    }
}
