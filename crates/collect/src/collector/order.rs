//! The order of what is written at once: that of the original's hash tables in the strict profile, that of
//! beginnings otherwise.

use sysflow_record::OpFlags;

use super::Collector;
use crate::config::Quirks;
use crate::sink::RecordSink;
use crate::tables::Tables;
use crate::tables::flows::{Flow, FlowRef, Place};
use crate::tables::hash_order::hash_of;
use crate::tables::processes::{FlowOrder, ProcessRef, Processes};

impl<S: RecordSink> Collector<S> {
    /// Tables without content.
    pub(super) fn new_tables(quirks: Quirks) -> Tables {
        let mut tables = Tables::default();
        if quirks.contains(Quirks::HASH_ORDER) {
            tables.processes = Processes::with_order();
        }
        tables
    }

    /// Where the original's tables look for a flow.
    pub(super) fn order_hash(&self, flow: &Flow) -> u64 {
        let (tid, fd) = (flow.tid, flow.place.fd);
        let Some(file) = flow.file() else {
            return hash_of(&network_key(flow));
        };
        let Some(file) = self.tables.files.get(file) else {
            return 0;
        };
        let mut key = file.path.to_vec();
        key.extend_from_slice(self.tables.containers.id(file.container));
        key.extend_from_slice(tid.to_string().as_bytes());
        // Descriptor 0 has no digits there.
        if fd != 0 {
            key.extend_from_slice(fd.to_string().as_bytes());
        }
        hash_of(&key)
    }

    /// Enters a new flow into the order of its process.
    pub(super) fn enter_order(&mut self, place: FlowRef) {
        if !self.has(Quirks::HASH_ORDER) {
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
        if let Some(known) = self.tables.processes.get_mut(flow.place.process) {
            let order = known
                .flow_order
                .get_or_insert_with(|| Box::new(FlowOrder::new()));
            order.of(is_file).insert(hash, place);
        }
    }

    /// Takes a flow that has ended out of the order of its process.
    pub(super) fn leave_order(&mut self, place: FlowRef, flow: &Flow) {
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
