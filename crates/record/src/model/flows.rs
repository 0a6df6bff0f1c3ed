//! Flows: what happened on a descriptor or in a process over a span of time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::avro::{Cursor, Datum, DatumError, Shape};
use crate::{Foid, Oid, OpFlags, OpenFlags};

/// An IPv6 address (native schema only).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ip6(pub Ipv6Addr);

impl Datum<'_> for Ip6 {
    const SHAPE: Shape = Shape::Fixed("sysflow.type.IP6", 16);
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, DatumError> {
        cursor
            .fixed::<16>()
            .map(|octets| Self(Ipv6Addr::from(octets)))
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.octets());
    }
}

avro_record! {
    /// What a thread did on a socket.
    NetworkFlow = "sysflow.flow.NetworkFlow" {
        /// The process.
        proc_oid: Oid = "procOID" since 1;
        /// Start, ns since the epoch.
        ts: i64 = "ts" since 1;
        /// The thread.
        tid: i64 = "tid" since 1;
        /// All operations seen.
        op_flags: OpFlags = "opFlags" since 1;
        /// End, ns since the epoch.
        end_ts: i64 = "endTs" since 1;
        /// The client's IPv4 address.
        sip: Ipv4Addr = "sip" since 1 or Ipv4Addr::UNSPECIFIED;
        /// The client's port.
        sport: i32 = "sport" since 1;
        /// The server's IPv4 address.
        dip: Ipv4Addr = "dip" since 1 or Ipv4Addr::UNSPECIFIED;
        /// The server's port.
        dport: i32 = "dport" since 1;
        /// The IP protocol as IANA assigns it; -1 when unknown.
        proto: i32 = "proto" since 1;
        /// The descriptor.
        fd: i32 = "fd" since 1;
        /// How often data was received, failed attempts included.
        read_ops: i64 = "numRRecvOps" since 1;
        /// How often data was sent, failed attempts included.
        write_ops: i64 = "numWSendOps" since 1;
        /// Bytes received.
        read_bytes: i64 = "numRRecvBytes" since 1;
        /// Bytes sent.
        write_bytes: i64 = "numWSendBytes" since 1;
        /// The client's IPv6 address.
        sip6: Option<Ip6> = "sip6" since 100, default "null";
        /// The server's IPv6 address.
        dip6: Option<Ip6> = "dip6" since 100, default "null";
        /// The result of the connect or accept: 0 or a negative error number.
        ret: i32 = "ret" since 100, default "0";
    }
}

impl NetworkFlow {
    /// The client's address.
    pub fn source(&self) -> IpAddr {
        self.sip6
            .map_or(IpAddr::V4(self.sip), |address| IpAddr::V6(address.0))
    }

    /// The server's address.
    pub fn destination(&self) -> IpAddr {
        self.dip6
            .map_or(IpAddr::V4(self.dip), |address| IpAddr::V6(address.0))
    }
}

avro_record! {
    /// What a thread did on an open file, directory, pipe or unix socket.
    FileFlow = "sysflow.flow.FileFlow" {
        /// The process.
        proc_oid: Oid = "procOID" since 1;
        /// Start, ns since the epoch.
        ts: i64 = "ts" since 1;
        /// The thread.
        tid: i64 = "tid" since 1;
        /// All operations seen.
        op_flags: OpFlags = "opFlags" since 1;
        /// How the file was opened; none where the open was not seen.
        open_flags: OpenFlags = "openFlags" since 1;
        /// End, ns since the epoch.
        end_ts: i64 = "endTs" since 1;
        /// The file.
        file_oid: Foid = "fileOID" since 1;
        /// The descriptor.
        fd: i32 = "fd" since 1;
        /// How often data was read, failed attempts included.
        read_ops: i64 = "numRRecvOps" since 1;
        /// How often data was written, failed attempts included.
        write_ops: i64 = "numWSendOps" since 1;
        /// Bytes read.
        read_bytes: i64 = "numRRecvBytes" since 1;
        /// Bytes written.
        write_bytes: i64 = "numWSendBytes" since 1;
        /// The result of the open: 0 or a negative error number.
        ret: i32 = "ret" since 100, default "0";
    }
}

avro_record! {
    /// What the threads of a process did as such.
    ProcessFlow = "sysflow.flow.ProcessFlow" {
        /// The process.
        proc_oid: Oid = "procOID" since 1;
        /// Start, ns since the epoch.
        ts: i64 = "ts" since 1;
        /// Threads created.
        threads_cloned: i64 = "numThreadsCloned" since 1;
        /// All operations seen.
        op_flags: OpFlags = "opFlags" since 1;
        /// End, ns since the epoch.
        end_ts: i64 = "endTs" since 1;
        /// Threads that ended.
        threads_exited: i64 = "numThreadsExited" since 1;
        /// Failed attempts to create a thread.
        clone_errors: i64 = "numCloneErrors" since 1;
    }
}
