//! Flows in progress.

use std::collections::HashMap;

use sysflow_event::Fd;
use sysflow_record::model::{FileFlow, Ip6, NetworkFlow, Record};
use sysflow_record::{Foid, Oid, OpFlags, OpenFlags};

use super::files::FileRef;
use super::processes::ProcessRef;
use super::slab::{Key, Slab};
use crate::state::descriptor::Ends;

/// The place of a flow in the table.
pub(crate) type FlowRef = Key;

/// What a flow is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Object {
    File(FileRef),
    Network(EndsKey),
}

/// Both ends of a connection, in a form that is fast to hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EndsKey {
    source: u128,
    destination: u128,
    ports: u32,
}

impl EndsKey {
    pub(crate) fn of(ends: &Ends) -> Self {
        let bits = |ip: std::net::IpAddr| match ip {
            std::net::IpAddr::V4(ip) => u128::from(u32::from(ip)),
            std::net::IpAddr::V6(ip) => u128::from(ip),
        };
        Self {
            source: bits(ends.source.ip()),
            destination: bits(ends.destination.ip()),
            ports: u32::from(ends.source.port()) << 16 | u32::from(ends.destination.port()),
        }
    }
}

/// Where flows of several threads meet: a descriptor of a process and what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) process: ProcessRef,
    pub(crate) fd: Fd,
    pub(crate) object: Object,
}

/// A flow.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) place: Place,
    pub(crate) oid: Oid,
    pub(crate) tid: i64,
    pub(crate) ends: Ends,
    pub(crate) protocol: i32,
    pub(crate) op_flags: OpFlags,
    pub(crate) open_flags: u32,
    /// Start, or last export, ns since the epoch.
    pub(crate) ts: u64,
    /// The second of the last export.
    pub(crate) exported: u64,
    /// The second of the last operation.
    pub(crate) last_used: u64,
    pub(crate) read_ops: i64,
    pub(crate) write_ops: i64,
    pub(crate) read_bytes: i64,
    pub(crate) write_bytes: i64,
    pub(crate) ret: i32,
    /// Neighbours among the flows of the place, each of another thread: the older and the younger one.
    older_at_place: Option<FlowRef>,
    younger_at_place: Option<FlowRef>,
    /// Neighbours in the order of export.
    earlier: Option<FlowRef>,
    later: Option<FlowRef>,
    /// The position in the list of the process.
    pub(crate) position: usize,
    /// In which order flows were begun.
    pub(crate) number: u64,
    /// Where the original's table looks for it.
    pub(crate) order_hash: u64,
}

impl Flow {
    pub(crate) fn new(place: Place, oid: Oid, tid: i64, ts: u64, second: u64) -> Self {
        Self {
            place,
            oid,
            tid,
            ends: Ends::NOWHERE,
            protocol: -1,
            op_flags: OpFlags::empty(),
            open_flags: 0,
            ts,
            exported: second,
            last_used: second,
            read_ops: 0,
            write_ops: 0,
            read_bytes: 0,
            write_bytes: 0,
            ret: 0,
            older_at_place: None,
            younger_at_place: None,
            earlier: None,
            later: None,
            position: 0,
            number: 0,
            order_hash: 0,
        }
    }

    pub(crate) const fn file(&self) -> Option<FileRef> {
        match self.place.object {
            Object::File(file) => Some(file),
            Object::Network(_) => None,
        }
    }

    /// Whether there is anything to tell: an end alone is nothing.
    pub(crate) fn has_content(&self) -> bool {
        !self.op_flags.is_empty() && self.op_flags != OpFlags::TRUNCATE
    }

    /// The record, ended at a time. `foid` is the file of a file flow.
    pub(crate) fn record(&self, end_ts: u64, foid: Foid) -> Record<'static> {
        match self.place.object {
            Object::File(_) => Record::FileFlow(FileFlow {
                proc_oid: self.oid,
                ts: self.ts as i64,
                tid: self.tid,
                op_flags: self.op_flags,
                open_flags: OpenFlags::from_bits_retain(self.open_flags),
                end_ts: end_ts as i64,
                file_oid: foid,
                fd: self.place.fd,
                read_ops: self.read_ops,
                write_ops: self.write_ops,
                read_bytes: self.read_bytes,
                write_bytes: self.write_bytes,
                ret: self.ret,
            }),
            Object::Network(_) => Record::NetworkFlow(self.network_record(end_ts)),
        }
    }

    fn network_record(&self, end_ts: u64) -> NetworkFlow {
        let v4 = |address: std::net::SocketAddr| match address.ip() {
            std::net::IpAddr::V4(ip) => ip,
            std::net::IpAddr::V6(_) => std::net::Ipv4Addr::UNSPECIFIED,
        };
        let v6 = |address: std::net::SocketAddr| match address.ip() {
            std::net::IpAddr::V4(_) => None,
            std::net::IpAddr::V6(ip) => Some(Ip6(ip)),
        };
        NetworkFlow {
            proc_oid: self.oid,
            ts: self.ts as i64,
            tid: self.tid,
            op_flags: self.op_flags,
            end_ts: end_ts as i64,
            sip: v4(self.ends.source),
            sport: i32::from(self.ends.source.port()),
            dip: v4(self.ends.destination),
            dport: i32::from(self.ends.destination.port()),
            proto: self.protocol,
            fd: self.place.fd,
            read_ops: self.read_ops,
            write_ops: self.write_ops,
            read_bytes: self.read_bytes,
            write_bytes: self.write_bytes,
            sip6: v6(self.ends.source),
            dip6: v6(self.ends.destination),
            ret: self.ret,
        }
    }
}

/// All flows in progress. They are found by place and thread, and stand in the order of their last export.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    all: Slab<Flow>,
    by_thread: HashMap<(Place, i64), FlowRef, foldhash::fast::FixedState>,
    /// Flows on files by the process and the hash of their key, where the order of the original is kept.
    by_hash: HashMap<(ProcessRef, u64), FlowRef, foldhash::fast::FixedState>,
    /// The youngest flow of each place.
    by_place: HashMap<Place, FlowRef, foldhash::fast::FixedState>,
    earliest: Option<FlowRef>,
    latest: Option<FlowRef>,
    begun: u64,
}

impl Flows {
    #[inline]
    pub(crate) fn get(&self, flow: FlowRef) -> Option<&Flow> {
        self.all.get(flow)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, flow: FlowRef) -> Option<&mut Flow> {
        self.all.get_mut(flow)
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// The flow of a thread at a place.
    #[inline]
    pub(crate) fn find(&self, place: &Place, tid: i64) -> Option<FlowRef> {
        self.by_thread.get(&(*place, tid)).copied()
    }

    /// The flow of a process whose key has a hash.
    pub(crate) fn with_hash(&self, process: ProcessRef, hash: u64) -> Option<FlowRef> {
        self.by_hash.get(&(process, hash)).copied()
    }

    pub(crate) fn set_hash(&mut self, process: ProcessRef, hash: u64, flow: FlowRef) {
        self.by_hash.insert((process, hash), flow);
    }

    pub(crate) fn clear_hash(&mut self, process: ProcessRef, hash: u64, flow: FlowRef) {
        if self.by_hash.get(&(process, hash)) == Some(&flow) {
            self.by_hash.remove(&(process, hash));
        }
    }

    /// The flows of other threads at a place, in the order in which they were begun.
    pub(crate) fn of_other_threads(&self, place: &Place, tid: i64) -> Vec<FlowRef> {
        let mut found = Vec::new();
        let mut next = self.by_place.get(place).copied();
        while let Some(place) = next {
            let Some(flow) = self.all.get(place) else {
                break;
            };
            if flow.tid != tid {
                found.push(place);
            }
            next = flow.older_at_place;
        }
        found.reverse();
        found
    }

    pub(crate) fn insert(&mut self, mut flow: Flow) -> FlowRef {
        self.begun += 1;
        flow.number = self.begun;
        let (place, tid) = (flow.place, flow.tid);
        let older = self.by_place.get(&place).copied();
        flow.older_at_place = older;
        let key = self.all.insert(flow);
        if let Some(older) = older.and_then(|older| self.all.get_mut(older)) {
            older.younger_at_place = Some(key);
        }
        self.by_place.insert(place, key);
        self.by_thread.insert((place, tid), key);
        self.append(key);
        key
    }

    pub(crate) fn remove(&mut self, key: FlowRef) -> Option<Flow> {
        self.detach(key);
        let flow = self.all.remove(key)?;
        self.by_thread.remove(&(flow.place, flow.tid));
        let (older, younger) = (flow.older_at_place, flow.younger_at_place);
        if let Some(older) = older.and_then(|older| self.all.get_mut(older)) {
            older.younger_at_place = younger;
        }
        match (younger.and_then(|younger| self.all.get_mut(younger)), older) {
            (Some(younger), older) => younger.older_at_place = older,
            (None, Some(older)) => {
                self.by_place.insert(flow.place, older);
            }
            (None, None) => {
                self.by_place.remove(&flow.place);
            }
        }
        Some(flow)
    }

    /// The flow whose last export is longest ago.
    pub(crate) const fn earliest(&self) -> Option<FlowRef> {
        self.earliest
    }

    /// The flow whose export follows.
    pub(crate) fn later(&self, flow: FlowRef) -> Option<FlowRef> {
        self.all.get(flow)?.later
    }

    /// A flow was exported: it goes to the end of the order.
    pub(crate) fn move_to_end(&mut self, key: FlowRef) {
        self.detach(key);
        self.append(key);
    }

    fn append(&mut self, key: FlowRef) {
        let latest = self.latest;
        if let Some(flow) = self.all.get_mut(key) {
            flow.earlier = latest;
            flow.later = None;
        }
        match latest.and_then(|latest| self.all.get_mut(latest)) {
            Some(latest) => latest.later = Some(key),
            None => self.earliest = Some(key),
        }
        self.latest = Some(key);
    }

    fn detach(&mut self, key: FlowRef) {
        let Some(flow) = self.all.get_mut(key) else {
            return;
        };
        let (earlier, later) = (flow.earlier.take(), flow.later.take());
        match earlier.and_then(|earlier| self.all.get_mut(earlier)) {
            Some(earlier) => earlier.later = later,
            None => self.earliest = later,
        }
        match later.and_then(|later| self.all.get_mut(later)) {
            Some(later) => later.earlier = earlier,
            None => self.latest = earlier,
        }
    }
}
