//! Entities: what events and flows refer to.

use bstr::BStr;

use super::{ContainerType, ObjectState, ResourceType};
use crate::avro::{Array, Cursor, Datum, DatumError, FieldShape, Map, RecordShape, Shape};
use crate::{Foid, Oid};

avro_record! {
    /// The start of a recording. All entities seen before it are forgotten.
    Header<'a> = "sysflow.entity.SFHeader" {
        /// The schema version: 1000 and 1001 for the first schema, 2 to 5, 100 for native.
        version: i64 = "version" since 1, default "5";
        /// Who recorded: a configured id or the host's name.
        exporter: &'a BStr = "exporter" since 1;
        /// The address of the node; empty or `NA` when not configured.
        ip: &'a BStr = "ip" since 2, default "\"NA\"";
        /// The file as it was opened by the recorder; empty on a socket.
        filename: &'a BStr = "filename" since 3;
    }
}

avro_record! {
    /// A container.
    Container<'a> = "sysflow.entity.Container" {
        /// The short id: twelve hexadecimal digits.
        id: &'a BStr = "id" since 1;
        /// The name; `incomplete` until the runtime has answered the original collector.
        name: &'a BStr = "name" since 1;
        /// The image with its tag.
        image: &'a BStr = "image" since 1;
        /// The image's id.
        image_id: &'a BStr = "imageid" since 1;
        /// The runtime.
        kind: ContainerType = "type" since 1;
        /// Whether the container is privileged.
        privileged: bool = "privileged" since 1;
        /// The id of the pod that it belongs to.
        pod_id: Option<&'a BStr> = "podId" since 4;
        /// Mounts as `source:destination:mode:writable:propagation`.
        mounts: Array<'a, &'a BStr> = "mounts" since 100, default "[]";
    }
}

avro_record! {
    /// A process. Threads have none of their own: they appear as `tid` of events and flows.
    Process<'a> = "sysflow.entity.Process" {
        /// Why it was written.
        state: ObjectState = "state" since 1;
        /// Its identity.
        oid: Oid = "oid" since 1;
        /// The identity of its parent, if known.
        poid: Option<Oid> = "poid" since 1;
        /// When it was created or changed, ns since the epoch.
        ts: i64 = "ts" since 1;
        /// The path of the executable, or `argv[0]` where the path is not known.
        exe: &'a BStr = "exe" since 1;
        /// `argv[1..]` joined with one blank, without quotes.
        exe_args: &'a BStr = "exeArgs" since 1;
        /// The effective user id; -1 when unknown.
        uid: i32 = "uid" since 1;
        /// The name of that user; `<NA>` or empty when unknown.
        user_name: &'a BStr = "userName" since 1;
        /// The effective group id; -1 when unknown.
        gid: i32 = "gid" since 1;
        /// The name of that group; `<NA>` or empty when unknown.
        group_name: &'a BStr = "groupName" since 1;
        /// Whether it has a controlling terminal.
        tty: bool = "tty" since 1;
        /// The container that it runs in; none on the host.
        container_id: Option<&'a BStr> = "containerId" since 1;
        /// Whether it is process 1 of its pid namespace.
        entry: bool = "entry" since 2, default "false";
        /// The working directory, with a slash at the end; empty when unknown.
        cwd: &'a BStr = "cwd" since 5;
        /// The environment as `NAME=value`.
        env: Array<'a, &'a BStr> = "env" since 5;
        /// The kernel's short name of the main thread, at most 15 bytes.
        comm: &'a BStr = "comm" since 100, default "\"\"";
        /// The arguments with their boundaries, `argv[0]` first.
        argv: Array<'a, &'a BStr> = "argv" since 100, default "[]";
        /// The resolved path of the executable; empty when unknown.
        exe_path: &'a BStr = "exePath" since 100, default "\"\"";
        /// The process id inside its own namespace; 0 when unknown.
        vpid: i64 = "vpid" since 100, default "0";
        /// The process group; 0 when unknown.
        pgid: i64 = "pgid" since 100, default "0";
        /// The session; 0 when unknown.
        sid: i64 = "sid" since 100, default "0";
        /// The number of the controlling terminal; 0 without one.
        tty_number: i32 = "ttyNr" since 100, default "0";
        /// The audit login user; -1 when unset or unknown.
        login_uid: i32 = "loginUid" since 100 or -1, default "-1";
        /// The permitted capabilities as a bit set.
        cap_permitted: i64 = "capPermitted" since 100, default "0";
        /// The effective capabilities as a bit set.
        cap_effective: i64 = "capEffective" since 100, default "0";
        /// The inheritable capabilities as a bit set.
        cap_inheritable: i64 = "capInheritable" since 100, default "0";
        /// Facts about the executable: 1 writable by the user, 2 in the upper layer of an overlay,
        /// 4 an anonymous memory file, 8 deleted.
        exe_flags: i32 = "exeFlags" since 100, default "0";
        /// The executable's inode; 0 when unknown.
        exe_inode: i64 = "exeIno" since 100, default "0";
        /// The executable's status change time, ns since the epoch; 0 when unknown.
        exe_ctime: i64 = "exeCtime" since 100, default "0";
        /// The executable's modification time, ns since the epoch; 0 when unknown.
        exe_mtime: i64 = "exeMtime" since 100, default "0";
    }
}

avro_record! {
    /// A file, directory, pipe or unix socket.
    File<'a> = "sysflow.entity.File" {
        /// Why it was written.
        state: ObjectState = "state" since 1;
        /// Its identity.
        oid: Foid = "oid" since 1;
        /// When it was first seen, ns since the epoch.
        ts: i64 = "ts" since 1;
        /// What it is.
        kind: ResourceType = "restype" since 1;
        /// The path; of connected unix sockets the kernel addresses of both ends and the socket's path.
        path: &'a BStr = "path" since 1;
        /// The container in which the path holds; none on the host.
        container_id: Option<&'a BStr> = "containerId" since 1;
        /// The inode; 0 when unknown.
        inode: i64 = "ino" since 100, default "0";
        /// The device that holds the inode, as the kernel encodes it; 0 when unknown.
        device: i64 = "dev" since 100, default "0";
    }
}

avro_record! {
    /// A Kubernetes pod.
    Pod<'a> = "sysflow.entity.Pod" {
        /// When the pod was last seen, ns since the epoch.
        ts: i64 = "ts" since 1;
        /// Its uid.
        id: &'a BStr = "id" since 1;
        /// Its name.
        name: &'a BStr = "name" since 1;
        /// The node that it runs on.
        node_name: &'a BStr = "nodeName" since 1;
        /// Addresses of the node, as [`pod_address`](crate::pod_address) reads them.
        host_ip: Array<'a, i64> = "hostIP" since 1;
        /// Addresses of the pod.
        internal_ip: Array<'a, i64> = "internalIP" since 1;
        /// The namespace.
        namespace: &'a BStr = "namespace" since 1;
        /// How often its containers were restarted.
        restart_count: i64 = "restartCount" since 1;
        /// Labels.
        labels: Map<'a> = "labels" since 1;
        /// Selectors.
        selectors: Map<'a> = "selectors" since 1;
        /// Services that lead to it.
        services: Array<'a, Service<'a>> = "services" since 1;
    }
}

/// A Kubernetes service.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Service<'a> {
    /// Its name.
    pub name: &'a BStr,
    /// Its uid.
    pub id: &'a BStr,
    /// The namespace.
    pub namespace: &'a BStr,
    /// Ports.
    pub ports: Array<'a, Port<'a>>,
    /// Addresses inside the cluster.
    pub cluster_ip: Array<'a, i64>,
}

const fn field(name: &'static str, shape: Shape) -> FieldShape {
    FieldShape {
        name,
        shape,
        since: 1,
        default: None,
    }
}

impl<'a> Datum<'a> for Service<'a> {
    const SHAPE: Shape = Shape::Record(&RecordShape {
        name: "sysflow.entity.Service",
        fields: &[
            field("name", Shape::String),
            field("id", Shape::String),
            field("namespace", Shape::String),
            field("portList", Shape::Array(&Port::SHAPE)),
            field("clusterIP", Shape::Array(&Shape::Long)),
        ],
    });
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DatumError> {
        Ok(Self {
            name: Datum::read(cursor)?,
            id: Datum::read(cursor)?,
            namespace: Datum::read(cursor)?,
            ports: Datum::read(cursor)?,
            cluster_ip: Datum::read(cursor)?,
        })
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.name.write(out);
        self.id.write(out);
        self.namespace.write(out);
        self.ports.write(out);
        self.cluster_ip.write(out);
    }
}

/// A port of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Port<'a> {
    /// The port of the service.
    pub port: i32,
    /// The port of the pod.
    pub target_port: i32,
    /// The port of the node; 0 without one.
    pub node_port: i32,
    /// The protocol's name.
    pub proto: &'a BStr,
}

impl<'a> Datum<'a> for Port<'a> {
    const SHAPE: Shape = Shape::Record(&RecordShape {
        name: "sysflow.entity.Port",
        fields: &[
            field("port", Shape::Int),
            field("targetPort", Shape::Int),
            field("nodePort", Shape::Int),
            field("proto", Shape::String),
        ],
    });
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DatumError> {
        Ok(Self {
            port: Datum::read(cursor)?,
            target_port: Datum::read(cursor)?,
            node_port: Datum::read(cursor)?,
            proto: Datum::read(cursor)?,
        })
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.port.write(out);
        self.target_port.write(out);
        self.node_port.write(out);
        self.proto.write(out);
    }
}
