//! Events as their sink sees them.

use std::sync::Arc;

use sysflow_event::network::{Direction, Protocol};
use sysflow_event::raw::{Origin, RawArguments, RawValue};
use sysflow_event::{Event, Fd, Operation, Phase};

use super::Collector;
use crate::sink::RecordSink;
use crate::state::descriptor::Ends;
use crate::state::dns;
use crate::state::thread::Details;
use crate::text::Text;
use crate::view::{EventView, descriptor_of};

/// When events were shown, ns since the epoch; 0 for never.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown {
    /// The first.
    pub(crate) first: u64,
    /// The last before the one in hand.
    pub(crate) previous: u64,
}

impl<S: RecordSink> Collector<S> {
    /// Takes an event and shows it, unless it only tells that a system call begins.
    pub(super) fn take_and_show(&mut self, event: &Event<'_>, arguments: &dyn RawArguments) {
        let is_shown = self.is_shown(event, arguments);
        if let Operation::Container(container) = &event.operation {
            self.container_facts
                .learn(container, self.config.limits.containers);
        }
        let before = is_shown
            .then(|| self.name_of_descriptor(event, arguments))
            .flatten();
        self.apply(event);
        if is_shown {
            self.learn_names(event);
            self.note_details(event, arguments);
            let after = self.name_of_descriptor(event, arguments);
            if self.shown.first == 0 {
                self.shown.first = event.ts;
            }
            let view = EventView {
                event,
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
                thread: self.threads.get(event.tid),
                fd: descriptor_of(event, arguments),
                is_name_changed: after.is_some() && before != after && !is_nameless(after.as_ref()),
            };
            self.sink.event(&view);
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
        let is_answer = socket.is_some_and(|socket| {
            socket.protocol == Protocol::Udp
                && (is_server(socket.ends.source.port())
                    || is_server(socket.ends.destination.port()))
        });
        if is_answer {
            self.names.learn(data);
        }
    }

    /// What tells one name of a descriptor from another.
    fn name_of_descriptor(
        &self,
        event: &Event<'_>,
        arguments: &dyn RawArguments,
    ) -> Option<(Text, Ends)> {
        let fd = Fd::try_from(descriptor_of(event, arguments)?).ok()?;
        let descriptor = self.threads.descriptors(event.tid)?.get(fd)?;
        Some((descriptor.path.clone(), descriptor.ends))
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
            descriptor.raw_path = Some(Arc::from(path));
        }
        let Some(thread) = self.threads.get(event.tid) else {
            return;
        };
        if thread.details.is_none() {
            // A new thread starts as its process, a new process as its parent.
            let source = if thread.is_main() {
                thread.parent
            } else {
                thread.pid
            };
            let inherited = self
                .threads
                .get(source)
                .and_then(|source| source.details.clone());
            if let Some(thread) = self.threads.get_mut(event.tid) {
                thread.details = Some(inherited.unwrap_or_default());
            }
        }
        let Some(details) = self
            .threads
            .get_mut(event.tid)
            .and_then(|thread| thread.details.as_mut())
        else {
            return;
        };
        // A clone tells of its caller in passing; what both use is told by what they do next.
        if matches!(event.operation, Operation::Clone(_)) {
            return;
        }
        let Details { usage, cgroups } = &mut **details;
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

fn is_nameless(name: Option<&(Text, Ends)>) -> bool {
    name.is_some_and(|(path, ends)| path.is_empty() && *ends == Ends::NOWHERE)
}
