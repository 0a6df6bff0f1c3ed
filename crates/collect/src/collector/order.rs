//! The order of what is written at once: that of the original's hash tables in the strict profile, that of
//! beginnings otherwise.

use sysflow_record::OpFlags;

use super::Collector;
use crate::config::Quirks;
use crate::sink::RecordSink;
use crate::tables::Tables;
use crate::tables::flows::{Flow, FlowRef, Object, Place};
use crate::tables::hash_order::hash_of;
use crate::tables::processes::{FlowOrder, ProcessRef, Processes};

impl<S: RecordSink> Collector<S> {
    /// Tables without content.
    pub(super) fn new_tables(quirks: Quirks) -> Tables {
        let mut tables = Tables::default();
        if quirks.contains(Quirks::HASH_ORDER) {
            tables.processes = Processes::with_order();
        }
        tables.containers.are_written_once = quirks.contains(Quirks::LATE_CONTAINERS_STAY);
        tables.files.are_joined = quirks.contains(Quirks::TEXT_KEYS);
        tables
    }

    /// Where the original's tables look for a flow.
    fn order_hash(&self, flow: &Flow) -> u64 {
        match flow.file() {
            Some(_) => hash_of(&self.file_key(&flow.place, flow.tid)),
            None => hash_of(&network_key(flow)),
        }
    }

    /// The key of a flow on a file, as the original puts it together.
    fn file_key(&self, place: &Place, tid: i64) -> Vec<u8> {
        let Object::File(file) = place.object else {
            return Vec::new();
        };
        let Some(file) = self.tables.files.get(file) else {
            return Vec::new();
        };
        let mut key = file.path.to_vec();
        key.extend_from_slice(self.tables.containers.id(file.container));
        key.extend_from_slice(tid.to_string().as_bytes());
        // Descriptor 0 has no digits there.
        if place.fd != 0 {
            key.extend_from_slice(place.fd.to_string().as_bytes());
        }
        key
    }

    /// The flow that the original would take for that of a thread at a place: one whose key is the same text.
    pub(super) fn flow_of_same_text(&self, place: &Place, tid: i64) -> Option<FlowRef> {
        if !self.has(Quirks::TEXT_KEYS) || !matches!(place.object, Object::File(_)) {
            return None;
        }
        let key = self.file_key(place, tid);
        let found = self.flows.with_hash(place.process, hash_of(&key))?;
        let flow = self.flows.get(found)?;
        (self.file_key(&flow.place, flow.tid) == key).then_some(found)
    }

    /// Enters a new flow into the order of its process.
    pub(super) fn enter_order(&mut self, place: FlowRef) {
        if !self.has(Quirks::HASH_ORDER) && !self.has(Quirks::TEXT_KEYS) {
            return;
        }
        let Some(hash) = self.flows.get(place).map(|flow| self.order_hash(flow)) else {
            return;
        };
        let Some(flow) = self.flows.get_mut(place) else {
            return;
        };
        flow.order_hash = hash;
        let is_file = flow.file().is_some();
        let process = flow.place.process;
        if is_file {
            self.flows.set_hash(process, hash, place);
        }
        if !self.has(Quirks::HASH_ORDER) {
            return;
        }
        if let Some(known) = self.tables.processes.get_mut(process) {
            let order = known
                .flow_order
                .get_or_insert_with(|| Box::new(FlowOrder::new()));
            order.of(is_file).insert(hash, place);
        }
    }

    /// Takes a flow that has ended out of the order of its process.
    pub(super) fn leave_order(&mut self, place: FlowRef, flow: &Flow) {
        self.flows
            .clear_hash(flow.place.process, flow.order_hash, place);
        if let Some(known) = self.tables.processes.get_mut(flow.place.process)
            && let Some(order) = &mut known.flow_order
        {
            order
                .of(flow.file().is_some())
                .remove(flow.order_hash, place);
        }
    }

    /// The flows of a process for which something holds: those on files, and those on the network.
    pub(super) fn flows_in_order(
        &self,
        process: ProcessRef,
        holds: impl Fn(&Flow) -> bool,
    ) -> (Vec<FlowRef>, Vec<FlowRef>) {
        let Some(known) = self.tables.processes.get(process) else {
            return (Vec::new(), Vec::new());
        };
        let is_wanted = |place: &FlowRef| self.flows.get(*place).is_some_and(&holds);
        if let Some(order) = &known.flow_order {
            let files = order.files.iter().filter(is_wanted).collect();
            return (files, order.network.iter().filter(is_wanted).collect());
        }
        let mut flows: Vec<FlowRef> = known.flows.iter().copied().filter(is_wanted).collect();
        flows.sort_unstable_by_key(|place| self.flows.get(*place).map(|flow| flow.number));
        flows.into_iter().partition(|place| {
            self.flows
                .get(*place)
                .is_some_and(|flow| flow.file().is_some())
        })
    }

    /// The flows of other threads at a place, those first that began it.
    pub(super) fn flows_of_others(&self, place: &Place, tid: i64) -> Vec<FlowRef> {
        let mut others = self.flows.of_other_threads(place, tid);
        if others.len() < 2 {
            return others;
        }
        let begins = OpFlags::OPEN | OpFlags::ACCEPT | OpFlags::CONNECT;
        if let Some(order) = self
            .tables
            .processes
            .get(place.process)
            .and_then(|known| known.flow_order.as_ref())
        {
            let in_order = order.files.iter().chain(order.network.iter());
            others = in_order.filter(|flow| others.contains(flow)).collect();
            // It puts each that began something at the front, so that the last comes first.
            others.reverse();
            let (mut first, mut then): (Vec<_>, Vec<_>) = others.into_iter().partition(|flow| {
                let flow = self.flows.get(*flow);
                flow.is_some_and(|flow| flow.op_flags.intersects(begins))
            });
            then.reverse();
            first.append(&mut then);
            return first;
        }
        others.sort_by_key(|flow| {
            let flow = self.flows.get(*flow);
            !flow.is_some_and(|flow| flow.op_flags.intersects(begins))
        });
        others
    }
}

/// The key of a flow on the network, as the original lays it out.
fn network_key(flow: &Flow) -> [u8; 32] {
    let octets = |address: std::net::SocketAddr| match address.ip() {
        std::net::IpAddr::V4(ip) => ip.octets(),
        std::net::IpAddr::V6(_) => [0; 4],
    };
    let mut key = [0; 32];
    key[..8].copy_from_slice(&flow.tid.to_le_bytes());
    key[8..12].copy_from_slice(&octets(flow.ends.source));
    key[12..14].copy_from_slice(&flow.ends.source.port().to_le_bytes());
    key[16..20].copy_from_slice(&octets(flow.ends.destination));
    key[20..22].copy_from_slice(&flow.ends.destination.port().to_le_bytes());
    key[24..28].copy_from_slice(&flow.place.fd.to_le_bytes());
    key
}
