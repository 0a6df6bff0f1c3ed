//! What records of different kinds have in common.

use std::net::IpAddr;

use super::declare::{NETWORK, OPERATION};
use crate::entity::Joined;
use crate::{OpFlags, OpenFlags, Record};

/// Both ends of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    /// Address of the client.
    pub source: IpAddr,
    /// Port of the client.
    pub source_port: i64,
    /// Address of the server.
    pub destination: IpAddr,
    /// Port of the server.
    pub destination_port: i64,
    /// IP protocol as IANA assigns it; -1 when unknown.
    pub proto: i64,
}

/// Counters of a flow.
#[derive(Clone, Copy, Debug)]
pub struct Transfer {
    /// Bytes read or received.
    pub read_bytes: i64,
    /// How often data was read or received.
    pub read_ops: i64,
    /// Bytes written or sent.
    pub write_bytes: i64,
    /// How often data was written or sent.
    pub write_ops: i64,
}

impl Joined<'_> {
    /// The operations that the record stands for.
    pub const fn op_flags(&self) -> OpFlags {
        match self.record {
            Record::ProcessEvent(event) => event.op_flags,
            Record::FileEvent(event) => event.op_flags,
            Record::NetworkEvent(event) => event.op_flags,
            Record::NetworkFlow(flow) => flow.op_flags,
            Record::FileFlow(flow) => flow.op_flags,
            Record::ProcessFlow(flow) => flow.op_flags,
            _ => OpFlags::empty(),
        }
    }

    pub(super) const fn has_operations(&self) -> bool {
        OPERATION.contains(self.record.kind() as u32)
    }

    /// Whether the record is about a connection.
    pub const fn is_socket(&self) -> bool {
        NETWORK.contains(self.record.kind() as u32)
    }

    /// The thread that acted.
    pub(super) const fn tid(&self) -> Option<i64> {
        Some(match self.record {
            Record::ProcessEvent(event) => event.tid,
            Record::FileEvent(event) => event.tid,
            Record::NetworkEvent(event) => event.tid,
            Record::NetworkFlow(flow) => flow.tid,
            Record::FileFlow(flow) => flow.tid,
            _ => return None,
        })
    }

    /// The result of an event. Flows have one in the native schema only, and it is not an event's.
    pub(super) fn result(&self) -> Option<i64> {
        let ret = match self.record {
            Record::ProcessEvent(event) => event.ret,
            Record::FileEvent(event) => event.ret,
            Record::NetworkEvent(event) => event.ret,
            _ => return None,
        };
        Some(i64::from(ret))
    }

    /// Whether the recording tells which processes are the first of their namespace: the first schema
    /// did not.
    pub(super) fn records_entry(&self) -> bool {
        self.header
            .is_none_or(|header| !(1000..=1001).contains(&header.version))
    }

    /// The end of a flow.
    pub const fn end_ts(&self) -> Option<i64> {
        Some(match self.record {
            Record::NetworkFlow(flow) => flow.end_ts,
            Record::FileFlow(flow) => flow.end_ts,
            Record::ProcessFlow(flow) => flow.end_ts,
            Record::Loss(loss) => loss.end_ts,
            _ => return None,
        })
    }

    pub(super) fn fd(&self) -> Option<i64> {
        match self.record {
            Record::NetworkFlow(flow) => Some(i64::from(flow.fd)),
            Record::FileFlow(flow) => Some(i64::from(flow.fd)),
            _ => None,
        }
    }

    pub(super) const fn open_flags(&self) -> Option<OpenFlags> {
        match self.record {
            Record::FileFlow(flow) => Some(flow.open_flags),
            _ => None,
        }
    }

    /// Both ends of the connection of a network record.
    pub fn connection(&self) -> Option<Connection> {
        match self.record {
            Record::NetworkFlow(flow) => Some(Connection {
                source: flow.source(),
                source_port: i64::from(flow.sport),
                destination: flow.destination(),
                destination_port: i64::from(flow.dport),
                proto: i64::from(flow.proto),
            }),
            Record::NetworkEvent(event) => Some(Connection {
                source: IpAddr::V4(event.sip),
                source_port: i64::from(event.sport),
                destination: IpAddr::V4(event.dip),
                destination_port: i64::from(event.dport),
                proto: i64::from(event.proto),
            }),
            _ => None,
        }
    }

    /// The counters of a file or network flow.
    pub const fn transfer(&self) -> Option<Transfer> {
        match self.record {
            Record::NetworkFlow(flow) => Some(Transfer {
                read_bytes: flow.read_bytes,
                read_ops: flow.read_ops,
                write_bytes: flow.write_bytes,
                write_ops: flow.write_ops,
            }),
            Record::FileFlow(flow) => Some(Transfer {
                read_bytes: flow.read_bytes,
                read_ops: flow.read_ops,
                write_bytes: flow.write_bytes,
                write_ops: flow.write_ops,
            }),
            _ => None,
        }
    }
}
