//! Flows: what an operation on a descriptor adds to them, and how they end.

use sysflow_event::descriptor::Summary;
use sysflow_event::network::{Direction, Protocol, Transfer, TransferCall, Tuple};
use sysflow_event::{Event, Fd, Phase};
use sysflow_record::model::{ObjectState, ResourceType};
use sysflow_record::{Foid, OpFlags};

use super::Collector;
use super::entities::Need;
use crate::config::{Mode, Quirks, ReadMode};
use crate::sink::RecordSink;
use crate::state::descriptor::{Descriptor, Kind, Role};
use crate::tables::files::{FileRef, Sighting};
use crate::tables::flows::{EndsKey, Flow, FlowRef, Object, Place};
use crate::tables::processes::ProcessRef;

/// Directories of the system whose reads are left out in one mode.
const SYSTEM_DIRECTORIES: [&[u8]; 8] = [
    b"/proc/",
    b"/dev/",
    b"/sys/",
    b"//sys/",
    b"/lib/",
    b"/lib64/",
    b"/usr/lib/",
    b"/usr/lib64/",
];

/// The number of TCP in records.
const TCP: i32 = 6;

/// Flags of opens.
const READS: u32 = 1;
const WRITES: u32 = 2;

/// Data that an operation moved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moved {
    pub(super) direction: Direction,
    /// The number of operations.
    pub(super) ops: i64,
    /// The result of the call; of several calls the sum of what they moved.
    pub(super) bytes: i64,
}

impl<S: RecordSink> Collector<S> {
    pub(super) fn on_transfer(&mut self, event: &Event<'_>, transfer: &Transfer<'_>) {
        if event.phase == Phase::Begin {
            self.meet_datagram_socket(event, transfer);
            return;
        }
        let bytes = event.result.unwrap_or(-1);
        let is_newer = transfer.call == TransferCall::SocketMessages;
        let tells_peer = transfer.call == TransferCall::SocketAddressed
            || is_newer && !self.has(Quirks::NO_NEWER_CALLS);
        if tells_peer && bytes >= 0 {
            self.learn_peer(event, transfer);
        }
        if self.config.mode != Mode::Flow && self.is_file(event.tid, transfer.fd)
            || is_newer && self.has(Quirks::NO_NEWER_CALLS)
        {
            return;
        }
        let op = match transfer.direction {
            Direction::In => OpFlags::READ_RECV,
            Direction::Out => OpFlags::WRITE_SEND,
        };
        let direction = transfer.direction;
        self.operate(
            event,
            transfer.fd,
            op,
            Some(Moved {
                direction,
                ops: 1,
                bytes,
            }),
        );
    }

    /// Reads and writes that the source has counted: as many operations at once.
    pub(super) fn on_summary(&mut self, event: &Event<'_>, summary: &Summary<'_>) {
        let sides = [
            (Direction::In, summary.read_ops, summary.read_bytes),
            (Direction::Out, summary.write_ops, summary.write_bytes),
        ];
        for (direction, ops, bytes) in sides {
            if ops == 0 {
                continue;
            }
            // Of a single operation the sender comes first.
            let tuple = match (summary.tuple, direction) {
                (
                    Some(Tuple::Internet {
                        source,
                        destination,
                    }),
                    Direction::In,
                ) => Some(Tuple::Internet {
                    source: destination,
                    destination: source,
                }),
                (tuple, _) => tuple,
            };
            let transfer = Transfer {
                direction,
                call: TransferCall::SocketAddressed,
                fd: Some(summary.fd),
                size: None,
                data: None,
                tuple,
            };
            self.learn_peer(event, &transfer);
            if self.config.mode != Mode::Flow && self.is_file(event.tid, transfer.fd) {
                continue;
            }
            let op = match direction {
                Direction::In => OpFlags::READ_RECV,
                Direction::Out => OpFlags::WRITE_SEND,
            };
            let moved = Moved {
                direction,
                ops: ops as i64,
                bytes: bytes as i64,
            };
            self.operate(event, transfer.fd, op, Some(moved));
        }
    }

    fn is_file(&self, tid: i64, fd: Option<Fd>) -> bool {
        fd.and_then(|fd| self.threads.descriptors(tid)?.get(fd))
            .is_some_and(|descriptor| descriptor.kind.resource_type().is_some())
    }

    /// An operation on a descriptor: adds to its flow, and ends it with a close.
    pub(super) fn operate(
        &mut self,
        event: &Event<'_>,
        fd: Option<Fd>,
        op: OpFlags,
        moved: Option<Moved>,
    ) {
        let tid = event.tid;
        let descriptor = fd.and_then(|fd| self.threads.descriptors(tid)?.get(fd));
        let (Some(fd), Some(descriptor)) = (fd, descriptor) else {
            self.statistics.unknown_descriptors += 1;
            return;
        };
        let kind = descriptor.kind;
        if !self.is_recorded(descriptor, op) || !self.is_wanted(tid) {
            return;
        }
        // Whether a flow is written shows at its end, and what it refers to need not be before.
        let is_late = kind != Kind::Internet
            && self.config.read_mode != ReadMode::All
            && !self.has(Quirks::SUPPRESSED_READS_LEAVE_ENTITIES);
        let process = if is_late {
            self.process_unwritten(tid)
        } else {
            self.process_for(tid, Need::Use)
        };
        let Some(process) = process else { return };
        let object = if kind == Kind::Internet {
            self.threads
                .descriptors(tid)
                .and_then(|table| table.get(fd))
                .map(|descriptor| Object::Network(EndsKey::of(&descriptor.ends)))
        } else {
            self.file_of(tid, fd, is_late).map(Object::File)
        };
        let Some(object) = object else { return };
        let place = Place {
            process,
            fd,
            object,
        };
        let known = self
            .flows
            .find(&place, tid)
            .or_else(|| self.flow_of_same_text(&place, tid));
        let flow = match known {
            Some(flow) => flow,
            // The original does not enter what only closes into its tables.
            None => match self.begin_flow(place, tid, op != OpFlags::CLOSE) {
                Some(flow) => flow,
                None => return,
            },
        };
        self.add(flow, event, fd, op, moved);
        if self.config.mode == Mode::Consume && op == OpFlags::OPEN {
            self.end_flow(flow, OpFlags::empty(), true);
        } else if op == OpFlags::CLOSE {
            let (place, tid) = self
                .flows
                .get(flow)
                .map_or((place, tid), |flow| (flow.place, flow.tid));
            self.end_flows_of_others(&place, tid);
            self.end_flow(flow, OpFlags::empty(), true);
            if kind == Kind::Internet {
                self.end_flows_with_peers(process, fd);
            }
        }
    }

    /// A socket for datagrams that is closed had a flow with each of its peers.
    fn end_flows_with_peers(&mut self, process: ProcessRef, fd: Fd) {
        if self.has(Quirks::IMPLICIT_CLOSES_UNSEEN) {
            return;
        }
        let is_left = |flow: &Flow| flow.place.fd == fd && flow.protocol != TCP;
        let (_, left) = self.flows_in_order(process, is_left);
        for flow in left {
            self.end_flow(flow, OpFlags::TRUNCATE, true);
        }
    }

    /// Whether operations on a descriptor are recorded at all.
    fn is_recorded(&self, descriptor: &Descriptor, op: OpFlags) -> bool {
        match descriptor.kind {
            Kind::Internet => !(self.has(Quirks::NO_IPV6) && descriptor.is_ipv6),
            kind if kind.resource_type().is_none() => false,
            Kind::Special(_) if !self.has(Quirks::NAMELESS_PIPES) => false,
            _ if self.config.mode == Mode::NoFiles => false,
            _ if self.config.mode == Mode::Consume => op == OpFlags::OPEN,
            kind => !self.config.file_only || kind == Kind::File,
        }
    }

    /// The file in the records that a descriptor stands for, written unless that has time.
    fn file_of(&mut self, tid: i64, fd: Fd, is_late: bool) -> Option<FileRef> {
        let container = self.threads.get(tid)?.container;
        let descriptor = self.threads.descriptors(tid)?.get(fd)?;
        if let Some(file) = descriptor.file
            && let Some(known) = self.tables.files.get_mut(file)
        {
            known.used = self.now;
            if !known.is_written && !is_late {
                self.ensure_file(file);
            }
            return Some(file);
        }
        let path = descriptor.path.clone();
        let sighting = Sighting {
            kind: descriptor
                .kind
                .resource_type()
                .unwrap_or(ResourceType::UNKNOWN),
            state: ObjectState::REUP,
            ts: self.now,
            inode: descriptor.inode,
            device: descriptor.device,
        };
        let file = if is_late {
            self.file_unwritten(container, &path, sighting)
        } else {
            self.file_for(container, &path, sighting)
        };
        let table = self.threads.descriptors_mut(tid)?;
        table.get_mut(fd)?.file = Some(file);
        Some(file)
    }

    fn begin_flow(&mut self, place: Place, tid: i64, is_ordered: bool) -> Option<FlowRef> {
        let oid = self.tables.processes.get(place.process)?.oid;
        let mut flow = Flow::new(place, oid, tid, self.now, self.second);
        match place.object {
            Object::File(file) => self.tables.files.get_mut(file)?.flows += 1,
            Object::Network(_) => {
                let descriptor = self.threads.descriptors(tid)?.get(place.fd)?;
                flow.ends = descriptor.ends;
                flow.protocol = self.protocol_of(descriptor);
            }
        }
        let known = self.tables.processes.get_mut(place.process)?;
        flow.position = known.flows.len();
        let flow = self.flows.insert(flow);
        known.flows.push(flow);
        if is_ordered {
            self.enter_order(flow);
        }
        Some(flow)
    }

    /// The number of the protocol that records carry.
    fn protocol_of(&self, descriptor: &Descriptor) -> i32 {
        if descriptor.role == Role::None && self.has(Quirks::NO_PROTOCOL_WITHOUT_ROLE) {
            return -1;
        }
        match descriptor.protocol {
            Protocol::Tcp => TCP,
            Protocol::Udp => 17,
            Protocol::Icmp => 1,
            Protocol::Raw => 254,
            Protocol::Unknown => -1,
        }
    }

    /// Adds an operation to a flow.
    fn add(&mut self, flow: FlowRef, event: &Event<'_>, fd: Fd, op: OpFlags, moved: Option<Moved>) {
        let second = self.second;
        let Some(flow) = self.flows.get_mut(flow) else {
            return;
        };
        flow.op_flags |= op;
        flow.last_used = second;
        if op == OpFlags::OPEN {
            let descriptor = self
                .threads
                .descriptors(event.tid)
                .and_then(|table| table.get(fd));
            flow.open_flags = descriptor.map_or(0, |descriptor| descriptor.flags);
        }
        if op.intersects(OpFlags::CONNECT | OpFlags::ACCEPT) {
            flow.ret = event.result.unwrap_or_default().min(0) as i32;
        }
        match moved {
            Some(Moved {
                direction: Direction::In,
                ops,
                bytes,
            }) => {
                flow.read_ops = flow.read_ops.saturating_add(ops);
                flow.read_bytes = flow.read_bytes.saturating_add(bytes.max(0));
            }
            Some(Moved {
                direction: Direction::Out,
                ops,
                bytes,
            }) => {
                flow.write_ops = flow.write_ops.saturating_add(ops);
                flow.write_bytes = flow.write_bytes.saturating_add(bytes.max(0));
            }
            None => {}
        }
    }

    /// Ends the flows of other threads at a place: one has closed it for all.
    fn end_flows_of_others(&mut self, place: &Place, tid: i64) {
        let others = self.flows_of_others(place, tid);
        for flow in others {
            self.end_flow(flow, OpFlags::TRUNCATE, true);
        }
    }

    /// A descriptor is gone without a call that says so. Ends the flows on it; where there is none, there
    /// is nothing to tell.
    pub(super) fn end_flows_on(
        &mut self,
        event: &Event<'_>,
        fd: Fd,
        descriptor: &Descriptor,
        op: OpFlags,
    ) {
        let Some(process) = self
            .oid_of(event.tid)
            .and_then(|oid| self.tables.processes.find(oid))
        else {
            return;
        };
        let object = match (descriptor.kind, descriptor.file) {
            (Kind::Internet, _) => Object::Network(EndsKey::of(&descriptor.ends)),
            (_, Some(file)) => Object::File(file),
            (_, None) => return,
        };
        let place = Place {
            process,
            fd,
            object,
        };
        let own = self.flows.find(&place, event.tid);
        self.end_flows_of_others(&place, event.tid);
        if let Some(own) = own {
            self.end_flow(own, op, true);
        }
    }

    /// Ends a flow now and writes it.
    pub(super) fn end_flow(&mut self, flow: FlowRef, op: OpFlags, is_filtered: bool) {
        if let Some(flow) = self.flows.get_mut(flow) {
            flow.op_flags |= op;
        }
        self.write_flow(flow, is_filtered);
        self.forget_flow(flow);
    }

    pub(super) fn forget_flow(&mut self, flow: FlowRef) {
        let place = flow;
        let Some(flow) = self.flows.remove(place) else {
            return;
        };
        self.leave_order(place, &flow);
        if let Some(file) = flow.file().and_then(|file| self.tables.files.get_mut(file)) {
            file.flows = file.flows.saturating_sub(1);
            file.used = self.now;
        }
        let Some(known) = self.tables.processes.get_mut(flow.place.process) else {
            return;
        };
        if flow.position < known.flows.len() {
            known.flows.swap_remove(flow.position);
        }
        if let Some(moved) = known.flows.get(flow.position)
            && let Some(moved) = self.flows.get_mut(*moved)
        {
            moved.position = flow.position;
        }
    }

    /// Writes a flow as it is now, if it has anything to tell.
    pub(super) fn write_flow(&mut self, flow: FlowRef, is_filtered: bool) {
        let Some(found) = self.flows.get(flow) else {
            return;
        };
        if !found.has_content() || is_filtered && self.is_filtered_read(found) {
            return;
        }
        let (process, file) = (found.place.process, found.file());
        self.ensure_process(process);
        let mut foid = Foid::default();
        if let Some(file) = file {
            self.ensure_file(file);
            foid = self.tables.files.get(file).map_or(foid, |known| known.oid);
        }
        let Some(found) = self.flows.get(flow) else {
            return;
        };
        // On a machine with several processors, time may go back from one event to the next.
        let end = if self.quirks.is_empty() {
            self.now.max(found.ts)
        } else {
            self.now
        };
        let record = found.record(end, foid);
        self.emit(&record, Some(process), file, None);
    }

    /// Whether a flow only reads a file, in a mode that leaves such flows out.
    fn is_filtered_read(&self, flow: &Flow) -> bool {
        let Some(file) = flow.file() else {
            return false;
        };
        if self.config.read_mode == ReadMode::All {
            return false;
        }
        let changes = flow
            .op_flags
            .intersects(OpFlags::WRITE_SEND | OpFlags::MMAP);
        let reads_only = flow.op_flags.contains(OpFlags::READ_RECV) && !changes;
        let is_read = if self.has(Quirks::READ_WRITE_IS_READ) {
            // The bit is set in opens for reading and writing too.
            flow.open_flags & READS != 0 || reads_only
        } else {
            !changes
                && flow.open_flags & WRITES == 0
                && (reads_only || flow.open_flags & READS != 0)
        };
        if !is_read || self.config.read_mode == ReadMode::Writes {
            return is_read;
        }
        let path = self.tables.files.get(file).map(|known| &*known.path);
        path.is_some_and(|path| {
            SYSTEM_DIRECTORIES
                .iter()
                .any(|directory| path.starts_with(directory))
        })
    }

    /// Ends all flows of a process: files, then network at its exit; network, then files at the end of the
    /// recording.
    pub(super) fn end_flows_of_process(&mut self, process: ProcessRef, is_exit: bool) {
        if is_exit {
            self.write_thread_counts(process, OpFlags::empty());
        }
        let (files, network) = self.flows_in_order(process, |_| true);
        let (first, then) = if is_exit {
            (files, network)
        } else {
            (network, files)
        };
        for flow in first.into_iter().chain(then) {
            self.end_flow(flow, OpFlags::TRUNCATE, is_exit);
        }
        if !is_exit {
            self.write_thread_counts(process, OpFlags::TRUNCATE);
        }
    }

    /// Ends the flows of a thread that has ended.
    pub(super) fn end_flows_of_thread(&mut self, process: ProcessRef, tid: i64) {
        let (files, network) = self.flows_in_order(process, |flow| flow.tid == tid);
        for flow in files.into_iter().chain(network) {
            if self.has(Quirks::THREAD_END_ENDS_OTHERS)
                && let Some(place) = self.flows.get(flow).map(|flow| flow.place)
            {
                self.end_flows_of_others(&place, tid);
            }
            self.end_flow(flow, OpFlags::TRUNCATE, true);
        }
    }

    /// Ends everything at the end of a recording.
    pub(super) fn end_all_flows(&mut self) {
        for process in self.tables.processes.in_order() {
            self.end_flows_of_process(process, false);
        }
    }
}
