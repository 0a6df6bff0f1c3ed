//! Events: single operations.

use bstr::BStr;

use super::{K8sAction, K8sComponent};
use crate::avro::Array;
use crate::{Foid, Oid, OpFlags};
use std::net::Ipv4Addr;

avro_record! {
    /// A process or a thread was created, ended, executed a program or changed its user.
    ProcessEvent<'a> = "sysflow.event.ProcessEvent" {
        /// The process.
        proc_oid: Oid = "procOID" since 1;
        /// When, ns since the epoch.
        ts: i64 = "ts" since 1;
        /// The thread that did it.
        tid: i64 = "tid" since 1;
        /// One operation.
        op_flags: OpFlags = "opFlags" since 1;
        /// For SETUID the name of the requested user; empty otherwise.
        args: Array<'a, &'a BStr> = "args" since 1;
        /// The result: a negative error number, the child's pid of a clone, the wait status of an exit.
        ret: i32 = "ret" since 1;
    }
}

avro_record! {
    /// A name in the file system was made, changed or removed. Failed attempts are recorded too.
    FileEvent<'a> = "sysflow.event.FileEvent" {
        /// The process.
        proc_oid: Oid = "procOID" since 1;
        /// When, ns since the epoch.
        ts: i64 = "ts" since 1;
        /// The thread that did it.
        tid: i64 = "tid" since 1;
        /// One operation.
        op_flags: OpFlags = "opFlags" since 1;
        /// The file; the old name of a link, the target of a symbolic link.
        file_oid: Foid = "fileOID" since 1;
        /// The result: 0 or a negative error number.
        ret: i32 = "ret" since 1;
        /// The new name of a link, symbolic link or rename.
        new_file_oid: Option<Foid> = "newFileOID" since 1;
        /// The arguments as the program gave them, in the order of the system call.
        args: Array<'a, &'a BStr> = "args" since 100, default "[]";
    }
}

avro_record! {
    /// A single network operation. Defined by the schema; no known collector writes it.
    NetworkEvent = "sysflow.event.NetworkEvent" {
        /// The process.
        proc_oid: Oid = "procOID" since 1;
        /// When, ns since the epoch.
        ts: i64 = "ts" since 1;
        /// The thread that did it.
        tid: i64 = "tid" since 1;
        /// One operation.
        op_flags: OpFlags = "opFlags" since 1;
        /// The client's address.
        sip: Ipv4Addr = "sip" since 1 or Ipv4Addr::UNSPECIFIED;
        /// The client's port.
        sport: i32 = "sport" since 1;
        /// The server's address.
        dip: Ipv4Addr = "dip" since 1 or Ipv4Addr::UNSPECIFIED;
        /// The server's port.
        dport: i32 = "dport" since 1;
        /// The IP protocol.
        proto: i32 = "proto" since 1;
        /// The result: 0 or a negative error number.
        ret: i32 = "ret" since 1;
    }
}

avro_record! {
    /// A Kubernetes component changed.
    K8sEvent<'a> = "sysflow.event.K8sEvent" {
        /// The kind of the component.
        kind: K8sComponent = "kind" since 1;
        /// What happened.
        action: K8sAction = "action" since 1;
        /// When, ns since the epoch.
        ts: i64 = "ts" since 1;
        /// The notification: JSON text, followed by a newline and a NUL in old recordings.
        message: &'a BStr = "message" since 1;
    }
}

avro_record! {
    /// Observations that are missing from the stream (native schema only).
    Loss<'a> = "sysflow.event.Loss" {
        /// Start of the span in which they were lost, ns since the epoch.
        ts: i64 = "ts" since 1;
        /// End of that span, ns since the epoch.
        end_ts: i64 = "endTs" since 1;
        /// What was lost, such as the name of an operation or of a lane.
        kind: &'a BStr = "kind" since 1;
        /// Why: `ring full`, `table full`, `truncated`, …
        reason: &'a BStr = "reason" since 1;
        /// How many.
        count: i64 = "count" since 1;
        /// The process concerned, where that is known.
        proc_oid: Option<Oid> = "procOID" since 1;
    }
}
