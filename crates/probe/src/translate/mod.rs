//! From records to events.

mod descriptor;
mod flow;
mod name;
mod network;
mod open;
mod process;

use std::collections::HashSet;

use foldhash::fast::FixedState;
use sysflow_event::process::ControlGroups;
use sysflow_event::raw::{NoArguments, RawValue};
use sysflow_event::snapshot::Descriptor;
use sysflow_event::{Event, Observer, Operation, Phase, flags};
use sysflow_scap::Code;

use crate::calls::{Known, Table};
use crate::clock::Clock;
use crate::interface::{File, Identity, NO_CALL, item, kind};
use crate::raw::Arguments;
use crate::record::Record;

pub(crate) use flow::Flows;
pub(crate) use process::{executable_flags, short_name, split_first};

/// What a thread is, of one that there is already.
pub(crate) fn image<'a>(
    record: &Record<'a>,
    identity: &'a Identity,
    cgroups: &'a [u8],
) -> sysflow_event::process::Image<'a> {
    process::image(record, Some(identity), short_name(&identity.comm), cgroups)
}

/// A flow has ended to which flows with peers belong, which are still in the map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    /// Its id.
    pub(crate) id: u64,
    /// When, ns since the epoch.
    pub(crate) ts: u64,
    /// The thread that has ended it.
    pub(crate) tid: u32,
}

/// Turns records into events, and remembers what it needs for that: what was told of flows, and which threads of
/// living processes have ended.
#[derive(Debug)]
pub(crate) struct Translator {
    table: Table,
    pub(crate) clock: Clock,
    pub(crate) flows: Flows,
    ended: HashSet<u32, FixedState>,
    /// Room for control groups.
    room: Vec<u8>,
    /// Records that could not be read.
    pub(crate) malformed: u64,
    /// Events told.
    pub(crate) events: u64,
}

impl Translator {
    pub(crate) fn new() -> Self {
        Self {
            table: Table::new(),
            clock: Clock::new(),
            flows: Flows::default(),
            ended: HashSet::default(),
            room: Vec::new(),
            malformed: 0,
            events: 0,
        }
    }

    /// The name of a call, for people.
    pub(crate) fn name_of_call(&self, number: u32) -> &'static str {
        self.table.name(number)
    }

    /// Tells what a record says.
    #[inline]
    pub(crate) fn record<O: Observer>(&mut self, bytes: &[u8], observer: &mut O) -> Option<Ended> {
        let Some(record) = Record::parse(bytes) else {
            self.malformed += 1;
            return None;
        };
        match record.header.kind {
            kind::CALL | kind::URING => {
                if let Some(known) = self.table.get(record.header.call) {
                    let ended = self.flow(&record, observer);
                    self.call(&record, known, observer);
                    return ended;
                }
            }
            kind::FLOW => return self.flow(&record, observer),
            kind::FORK => self.fork(&record, observer),
            kind::EXEC => self.exec(&record, observer),
            kind::EXIT => self.exit(&record, observer),
            kind::SIGNAL => self.signal(&record, observer),
            kind::PASSED => self.received(&record, record.fd(0), observer),
            kind::MOVED => self.moved(&record, observer),
            _ => self.malformed += 1,
        }
        None
    }

    #[inline]
    #[allow(
        clippy::large_types_passed_by_value,
        reason = "it is moved into the event"
    )]
    fn tell<'a, O: Observer>(
        &mut self,
        record: &Record<'_>,
        (name, result): (&'static str, Option<i64>),
        operation: Operation<'a>,
        arguments: &Arguments<'a>,
        observer: &mut O,
    ) {
        self.events += 1;
        let event = Event {
            ts: self.clock.epoch(record.header.time),
            cpu: record.header.cpu,
            tid: i64::from(record.header.tid),
            phase: Phase::End,
            name,
            result,
            is_older_form: false,
            operation,
        };
        observer.event_with(&event, arguments);
    }

    fn call<O: Observer>(&mut self, record: &Record<'_>, known: &Known, observer: &mut O) {
        let mut arguments = Arguments::new(known.code);
        let operation = operation(record, known, &mut arguments);
        let result = Some(record.header.result);
        self.tell(
            record,
            (known.name, result),
            operation,
            &arguments,
            observer,
        );
        let is_taken = known.number == libc::SYS_pidfd_getfd as u16 && record.header.result >= 0;
        let is_described = [item::FILE, item::SOCKET]
            .iter()
            .any(|kind| record.bytes(*kind).is_some());
        if is_taken && is_described {
            self.received(record, record.header.result as i32, observer);
        }
    }

    fn fork<O: Observer>(&mut self, record: &Record<'_>, observer: &mut O) {
        let Some(identity) = record.structure::<Identity>(item::IDENTITY) else {
            self.malformed += 1;
            return;
        };
        self.ended.remove(&record.header.tid);
        let room = self.cgroups(record);
        let image = process::image(
            record,
            Some(&identity),
            process::short_name(&identity.comm),
            &room,
        );
        let mut shown = crate::values::clone_flags(u64::from(identity.clone_flags));
        if identity.namespace_tid != identity.tid {
            shown |= flags::clone::IN_PID_NAMESPACE;
        }
        let mut arguments = Arguments::new(Code::SYSCALL_CLONE_20_X);
        let operation = process::clone(
            image,
            Some(&identity),
            shown,
            Some(self.clock.epoch(identity.namespace_start)),
            Code::SYSCALL_CLONE_20_X,
            0,
            &mut arguments,
        );
        self.tell(record, ("clone", Some(0)), operation, &arguments, observer);
        self.room = room;
    }

    fn exec<O: Observer>(&mut self, record: &Record<'_>, observer: &mut O) {
        let Some(identity) = record.structure::<Identity>(item::IDENTITY) else {
            self.malformed += 1;
            return;
        };
        let old = record.argument(0) as u32;
        if old != record.header.tid {
            // The thread that called has become the first of its process.
            self.ended.insert(old);
        }
        let room = self.cgroups(record);
        let image = process::image(
            record,
            Some(&identity),
            process::short_name(&identity.comm),
            &room,
        );
        let mut arguments = Arguments::new(Code::SYSCALL_EXECVE_19_X);
        let operation = process::exec(record, image, Some(&identity), false, &mut arguments);
        self.tell(record, ("execve", Some(0)), operation, &arguments, observer);
        self.room = room;
    }

    fn exit<O: Observer>(&mut self, record: &Record<'_>, observer: &mut O) {
        if record.argument(3) != 0 {
            // Another thread takes its place: the process goes on under its number.
            return;
        }
        let is_last = record.argument(1) != 0;
        if is_last {
            self.ended.remove(&record.header.pid);
        } else {
            self.ended.insert(record.header.tid);
        }
        let mut arguments = Arguments::new(Code::PROCEXIT_1_E);
        let operation = process::exit(record, &mut arguments);
        let result = Some(record.header.result);
        self.tell(
            record,
            ("procexit", result),
            operation,
            &arguments,
            observer,
        );
    }

    fn signal<O: Observer>(&mut self, record: &Record<'_>, observer: &mut O) {
        let mut arguments = Arguments::new(Code::SIGNALDELIVER_E);
        arguments.set([
            RawValue::Process(i64::from(record.header.pid)),
            RawValue::Process(record.argument(3) as i64),
            RawValue::Named(record.u32(0)),
        ]);
        self.tell(
            record,
            ("signaldeliver", None),
            Operation::Other,
            &arguments,
            observer,
        );
    }

    /// Tells of a thing without arguments that no call stands for.
    #[allow(
        clippy::large_types_passed_by_value,
        reason = "it is moved into the event"
    )]
    fn tell_plain<O: Observer>(
        &mut self,
        record: &Record<'_>,
        name: &'static str,
        operation: Operation<'_>,
        observer: &mut O,
    ) {
        self.events += 1;
        let event = Event {
            ts: self.clock.epoch(record.header.time),
            cpu: record.header.cpu,
            tid: i64::from(record.header.tid),
            phase: Phase::End,
            name,
            result: None,
            is_older_form: false,
            operation,
        };
        observer.event_with(&event, &NoArguments);
    }

    /// A descriptor was sent by another process, or taken from it.
    fn received<O: Observer>(&mut self, record: &Record<'_>, fd: i32, observer: &mut O) {
        // Of sockets, calls describe the socket only.
        let file: File = record.structure(item::FILE).unwrap_or_default();
        let mut name = std::mem::take(&mut self.room);
        name.clear();
        let descriptor = Descriptor {
            tid: i64::from(record.header.tid),
            fd,
            inode: file.inode,
            target: crate::snapshot::target(record, &file, &mut name),
        };
        self.tell_plain(
            record,
            "received",
            Operation::Received(descriptor),
            observer,
        );
        self.room = name;
    }

    /// A thread is in other control groups.
    fn moved<O: Observer>(&mut self, record: &Record<'_>, observer: &mut O) {
        let room = self.cgroups(record);
        let operation = Operation::EnterControlGroups(ControlGroups {
            groups: &room,
            is_process: record.argument(0) != 0,
        });
        self.tell_plain(record, "cgroup_attach_task", operation, observer);
        self.room = room;
    }

    /// The control groups of a record as captures tell them.
    fn cgroups(&mut self, record: &Record<'_>) -> Vec<u8> {
        let mut room = std::mem::take(&mut self.room);
        room.clear();
        write_cgroups(record, &mut room);
        room
    }

    /// The thread that a flow is told of: the one that began it, or another of its process where that has ended.
    fn living(&self, tid: u32, other: u32) -> u32 {
        if self.ended.contains(&tid) {
            other
        } else {
            tid
        }
    }

    /// Whether a thread of a living process has ended.
    fn has_ended(&self, tid: u32) -> bool {
        self.ended.contains(&tid)
    }
}

/// Writes control groups as `name=path`, a NUL after each. That of a controller with a hierarchy of its own comes
/// first: runtimes give both the same path.
pub(crate) fn write_cgroups(record: &Record<'_>, out: &mut Vec<u8>) {
    let groups = [(&b"memory="[..], item::CGROUP_V1), (b"=", item::CGROUP)];
    for (name, kind) in groups {
        if let Some(path) = record.bytes(kind) {
            out.extend_from_slice(name);
            out.extend_from_slice(path);
            out.push(0);
        }
    }
}

/// What a call has done.
fn operation<'a>(record: &Record<'a>, known: &Known, out: &mut Arguments<'a>) -> Operation<'a> {
    debug_assert_ne!(record.header.call, NO_CALL);
    let number = i64::from(known.number);
    match known.code {
        Code::SYSCALL_CLONE_20_X
        | Code::SYSCALL_CLONE3_X
        | Code::SYSCALL_FORK_20_X
        | Code::SYSCALL_VFORK_20_X => {
            let image = sysflow_event::process::Image {
                tid: Some(i64::from(record.header.tid)),
                pid: Some(i64::from(record.header.pid)),
                ..Default::default()
            };
            let shown = process::caller_flags(record, known.code);
            let result = record.header.result;
            process::clone(image, None, shown, None, known.code, result, out)
        }
        Code::SYSCALL_EXECVE_19_X | Code::SYSCALL_EXECVEAT_X => {
            let identity: Option<Identity> = record.structure(item::IDENTITY);
            let image = process::image(record, identity.as_ref(), b"", b"");
            let is_at = known.code == Code::SYSCALL_EXECVEAT_X;
            process::exec(record, image, identity.as_ref(), is_at, out)
        }
        _ => network::call(record, number, out)
            .or_else(|| process::call(record, number, out))
            .or_else(|| descriptor::call(record, number, out))
            .or_else(|| name::call(record, number, out))
            .unwrap_or_else(|| {
                process::generic(record, out);
                Operation::Other
            }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use sysflow_event::raw::RawArguments;

    use super::*;
    use crate::calls;
    use crate::interface::{Header, Item};
    use crate::raw::is_fitting;

    /// A record of a call with every item that there may be.
    fn record(known: &Known, result: i64) -> Vec<u8> {
        let mut bytes = vec![0; size_of::<Header>()];
        bytes.extend(
            [3_u64, 1, 2, 3, 4, 5]
                .iter()
                .flat_map(|number| number.to_ne_bytes()),
        );
        for kind in 1..item::END {
            let head = Item {
                kind: kind as u16,
                unused: 0,
                length: 256,
            };
            bytes.extend(head.to_bytes());
            let ipv4 = [2, 0, 0x1f, 0x90, 10, 0, 0, 1];
            bytes.extend(ipv4.iter().cycle().take(256));
        }
        let header = Header {
            length: bytes.len() as u32,
            kind: kind::CALL,
            call: known.number,
            arguments: 6,
            result,
            ..Header::default()
        };
        bytes[..size_of::<Header>()].copy_from_slice(&header.to_bytes());
        bytes
    }

    /// Rules ask for arguments by name and expect what captures have there.
    #[test]
    fn arguments_have_the_types_of_the_table() {
        for known in calls::all() {
            for result in [-2, 0, 7] {
                let bytes = record(known, result);
                let record = Record::parse(&bytes).unwrap();
                let mut arguments = Arguments::new(known.code);
                let operation = operation(&record, known, &mut arguments);
                let info = known.code.info().unwrap();
                assert_eq!(arguments.count(), info.parameters.len());
                for (index, parameter) in info.parameters.iter().enumerate() {
                    let value = arguments.value(index);
                    assert!(
                        is_fitting(value, parameter.ty, parameter.format),
                        "{}: {} is told as {value:?}, not as {:?}",
                        known.name,
                        parameter.name.text(),
                        parameter.ty,
                    );
                }
                for index in info.parameters.len()..32 {
                    assert_eq!(arguments.value(index), RawValue::Unknown, "{}", known.name);
                }
                let is_generic = known.code == calls::GENERIC;
                assert!(
                    is_generic
                        || matches!(known.name, "seccomp" | "keyctl")
                        || !matches!(operation, Operation::Other),
                    "{} has no operation",
                    known.name
                );
            }
        }
    }
}
