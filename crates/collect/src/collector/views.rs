//! Events as their sink sees them.

use std::sync::Arc;

use sysflow_event::network::{Direction, Protocol};
use sysflow_event::raw::{Category, Origin, RawArguments, RawValue};
use sysflow_event::{Event, Operation, Phase};

use super::Collector;
use crate::sink::RecordSink;
use crate::state::descriptor::{Descriptor, Ends, Kind};
use crate::state::dns;
use crate::state::thread::Details;
use crate::text::{Text, shared};
use crate::view::{EventView, bit_of, descriptor_of};

/// When events were shown, ns since the epoch; 0 for never.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown {
    /// The first.
    pub(crate) first: u64,
    /// The last before the one in hand.
    pub(crate) previous: u64,
}

/// The name of a descriptor before an operation.
#[derive(PartialEq)]
enum Name {
    /// The descriptor is not known.
    Unknown,
    /// The operation does not change it.
    Kept,
    Known(Text, Ends),
}

/// Whether a descriptor has a name, and another one than before.
fn has_new_name(now: &Descriptor, before: &Name) -> bool {
    match before {
        Name::Kept => false,
        Name::Known(path, ends) if *path == now.path && *ends == now.ends => false,
        _ => !now.path.is_empty() || now.ends != Ends::NOWHERE,
    }
}

impl<S: RecordSink> Collector<S> {
    /// Takes an event and shows it, unless it only tells that a system call begins.
    pub(super) fn take_and_show(&mut self, event: &Event<'_>, arguments: &dyn RawArguments) {
        let is_shown = self.is_shown(event, arguments);
        if let Operation::Container(container) = &event.operation {
            self.container_facts
                .learn(container, self.config.limits.containers);
        }
        let operations = if is_shown { bit_of(event.name) } else { 0 };
        let is_wanted = is_shown && self.sink.wants(operations);
        let fd = if is_wanted {
            descriptor_of(event, arguments)
        } else {
            None
        };
        let before = fd.map(|fd| self.name_of_descriptor(event.tid, fd, arguments));
        self.apply(event);
        if is_shown {
            self.learn_names(event);
            self.note_details(event, arguments);
            if self.shown.first == 0 {
                self.shown.first = event.ts;
            }
        }
        if is_wanted {
            let thread = self.threads.get(event.tid);
            let descriptor = fd.and_then(|fd| self.threads.descriptor_of_thread(thread?, fd));
            let is_name_changed = match (descriptor, before) {
                (Some(descriptor), Some(before)) => has_new_name(descriptor, &before),
                _ => false,
            };
            let view = EventView {
                event,
                operations,
                arguments,
                number: self.statistics.events,
                threads: &self.threads,
                groups: &self.groups,
                accounts: &self.accounts,
                interfaces: &self.interfaces,
                container_facts: &self.container_facts,
                names: &self.names,
                since: self.shown,
                tables: &self.tables,
                host_name: &self.host_name,
                thread,
                fd,
                is_name_changed,
                descriptor,
            };
            self.sink.event(&view);
        }
        if is_shown {
            self.shown.previous = event.ts;
        }
        if self.delayed.exit.is_some() || self.delayed.close.is_some() {
            self.do_delayed();
        }
    }

    /// Whether an event is seen: not what only begins, and not facts from before the first event.
    fn is_shown(&self, event: &Event<'_>, arguments: &dyn RawArguments) -> bool {
        match event.operation {
            Operation::Container(_) | Operation::UserKnown(_) | Operation::GroupKnown(_) => {
                self.has_snapshot
            }
            _ => event.phase == Phase::End || arguments.class().origin != Origin::SystemCall,
        }
    }

    /// Learns names of addresses from what a name server has sent.
    fn learn_names(&mut self, event: &Event<'_>) {
        let Operation::Transfer(transfer) = &event.operation else {
            return;
        };
        if transfer.direction != Direction::In {
            return;
        }
        let (Some(fd), Some(data)) = (transfer.fd, transfer.data) else {
            return;
        };
        let table = self.threads.descriptors(event.tid);
        let socket = table.and_then(|table| table.get(fd));
        let is_server = |port: u16| port == dns::PORT;
        let protocol = socket
            .filter(|socket| {
                is_server(socket.ends.source.port()) || is_server(socket.ends.destination.port())
            })
            .map(|socket| socket.protocol);
        match protocol {
            Some(Protocol::Udp) => self.names.learn(data),
            Some(Protocol::Tcp) => self.names.learn_of_stream(data),
            _ => {}
        }
    }

    /// What tells the name that a descriptor has now from another.
    fn name_of_descriptor(&self, tid: i64, fd: i64, arguments: &dyn RawArguments) -> Name {
        match self.descriptor(tid, fd) {
            None => Name::Unknown,
            // What is neither replaced nor a socket keeps its name.
            Some(descriptor)
                if !arguments.class().creates_descriptor
                    && matches!(descriptor.kind, Kind::File | Kind::Directory | Kind::Pipe) =>
            {
                Name::Kept
            }
            Some(descriptor) => Name::Known(descriptor.path.clone(), descriptor.ends),
        }
    }

    fn descriptor(&self, tid: i64, fd: i64) -> Option<&Descriptor> {
        self.threads
            .descriptor_of_thread(self.threads.get(tid)?, fd)
    }

    /// Makes room for what views ask of a thread. A new one starts as its process, a new process as its parent.
    fn begin_details(&mut self, tid: i64) {
        let Some(thread) = self
            .threads
            .get(tid)
            .filter(|thread| thread.details.is_none())
        else {
            return;
        };
        let source = if thread.is_main() {
            thread.parent
        } else {
            thread.pid
        };
        let source = self.threads.get(source);
        let inherited = source.and_then(|source| source.details.clone());
        if let Some(thread) = self.threads.get_mut(tid) {
            thread.details = Some(inherited.unwrap_or_default());
        }
    }

    /// Keeps what nothing but views ask for.
    fn note_details(&mut self, event: &Event<'_>, arguments: &dyn RawArguments) {
        // The operation may have the kernel's path, the argument has the program's.
        if let Operation::Open(open) = &event.operation
            && let (Some(fd), Some(path)) = (
                Self::new_fd(event),
                given_path(arguments).or(open.path.path),
            )
            && let Some(table) = self.threads.descriptors_mut(event.tid)
            && let Some(descriptor) = table.get_mut(fd)
        {
            descriptor.raw_path = Some(shared(&descriptor.path, path));
        }
        self.begin_details(event.tid);
        // No others tell what is looked for. A clone tells of its caller in passing; what both use is told by what
        // they do next.
        let category = arguments.class().category;
        let tells = matches!(
            category,
            Category::Process | Category::Memory | Category::Scheduler
        );
        if !tells || matches!(event.operation, Operation::Clone(_)) {
            return;
        }
        let thread = self.threads.get_mut(event.tid);
        let Some(details) = thread.and_then(|thread| thread.details.as_deref_mut()) else {
            return;
        };
        let Details { usage, cgroups } = details;
        for index in 0..arguments.count() {
            let number = match arguments.value(index) {
                RawValue::Signed(number, _) | RawValue::Process(number) => number,
                RawValue::Unsigned(number, _) | RawValue::Time(number) => number as i64,
                RawValue::Bytes(list) if arguments.name(index) == "cgroups" => {
                    *cgroups = Arc::from(list);
                    continue;
                }
                _ => continue,
            };
            let wide = Some(number as u64);
            match arguments.name(index) {
                "fdlimit" => usage.descriptor_limit = Some(number),
                "pgft_maj" => usage.faults_major = wide,
                "pgft_min" => usage.faults_minor = wide,
                "vm_size" => usage.memory_virtual = wide,
                "vm_rss" => usage.memory_resident = wide,
                "vm_swap" => usage.memory_swapped = wide,
                "vpgid" => usage.namespace_group = Some(number),
                "pidns_init_start_ts" => usage.namespace_start = wide,
                _ => {}
            }
        }
    }
}

/// The path that a program opens, as it said it.
fn given_path(arguments: &dyn RawArguments) -> Option<&[u8]> {
    match arguments.named("name")? {
        RawValue::Path(path) | RawValue::PathAt(path, _) => Some(path),
        _ => None,
    }
}
