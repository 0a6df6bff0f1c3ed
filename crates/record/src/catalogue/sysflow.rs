//! The attributes of SysFlow (`sf.*`).

use std::hash::Hasher;
use std::io::Write as _;
use std::net::IpAddr;

use sysflow_field::{Arg, Argument, Role, Value};
use twox_hash::XxHash64;

use super::declare::{
    ANY, FILE, FILE_EVENT, FILE_FLOW, FLOW, K8S_EVENT, LOSS, NETWORK, OPERATION, PROCESS,
    PROCESS_FLOW, RESULT, SPAN, STATE, text,
};
use crate::entity::{Joined, KeptProcess};
use crate::model::{ContainerType, K8sAction, K8sComponent, Kind, ObjectState};
use crate::{Oid, OpenFlags, Record, pod_address};

/// Names of operations in any record.
const OPERATION_NAMES: &[&str] = &[
    "MKDIR", "RMDIR", "LINK", "SYMLINK", "UNLINK", "RENAME", "CLONE", "EXEC", "EXIT", "SETUID",
    "OPEN", "ACCEPT", "CONNECT", "CLOSE", "WRITE", "SEND", "READ", "RECV", "SETNS", "MMAP",
    "SHUTDOWN", "TRUNCATE", "DIGEST",
];

const OPEN_FLAG_NAMES: &[&str] = &[
    "NONE",
    "RDONLY",
    "WRONLY",
    "RDWR",
    "CREAT",
    "EXCL",
    "TRUNC",
    "APPEND",
    "NONBLOCK",
    "DSYNC",
    "DIRECT",
    "LARGEFILE",
    "DIRECTORY",
    "CLOEXEC",
    "SYNC",
    "TMPFILE",
    "CREATED",
    "UPPER_LAYER",
];

fields! {
    absence Zero;

    TYPE = "sf.type": Text { role: Role::Kind, domain: &Kind::CODES }, ANY,
        "Kind of the record: PE process event, FE file event, FF file flow, NF network flow, PF process \
         flow, NE network event, KE Kubernetes event."
        => scalar |j| Some(Value::Text(j.record.kind().code().as_bytes()));
    OPFLAGS = "sf.opflags": Text { list: true, role: Role::Operation, domain: OPERATION_NAMES }, OPERATION,
        "Operations that the record stands for. Sockets SEND and RECV, everything else READs and WRITEs."
        => each |j, _, emit| {
            let names = j.op_flags().names(j.is_socket());
            emit.texts(names);
        };
    OPFLAGS_BITS = "sf.opflags.bits": Int, OPERATION,
        "Operations as the bit set of the format."
        => scalar |j| j.has_operations().then(|| Value::Int(i64::from(j.op_flags().bits())));
    RET = "sf.ret": Int, RESULT,
        "Result of an event: 0 or a negative error number, the child's pid of a clone, the wait status of \
         an exit."
        => scalar |j| j.result().map(Value::Int);
    TS = "sf.ts": Time, ANY, "Start, ns since the epoch."
        => scalar |j| Some(Value::Int(j.record.ts()));
    ENDTS = "sf.endts": Time, SPAN, "End of a flow, ns since the epoch."
        => scalar |j| j.end_ts().map(Value::Int);
    STATE_FIELD = "sf.state": Text { domain: ObjectState::SYMBOLS }, STATE,
        "Why the process, or without one the file, was last written: CREATED, MODIFIED or REUP."
        => scalar |j| {
            let state = j.process.map(|process| process.state).or(j.file.map(|file| file.state))?;
            Some(Value::Text(state.symbol().as_bytes()))
        };

    PROC_OID = "sf.proc.oid": Text, PROCESS,
        "Identity of the process: 16 hexadecimal digits, stable across tools (xxHash64 of pid and creation \
         time)."
        => each |j, _, emit| if let Some(process) = j.process {
            emit.value(Value::Text(&oid_digest(process.oid)));
        };
    PROC_PID = "sf.proc.pid": Int, PROCESS, "Process id on the host."
        => scalar |j| Some(Value::Int(j.process?.oid.hpid));
    PROC_TID = "sf.proc.tid": Int, OPERATION, "Id of the thread that acted."
        => scalar |j| j.tid().map(Value::Int);
    PROC_NAME = "sf.proc.name": Text, PROCESS, "Last part of the executable's path."
        => scalar |j| Some(text(j.process?.name()));
    PROC_EXE = "sf.proc.exe": Path, PROCESS,
        "Path of the executable, or the name it was called by where the path is not known."
        => scalar |j| Some(text(j.process?.exe()));
    PROC_ARGS = "sf.proc.args": Text, PROCESS, "Arguments, joined with blanks."
        => scalar |j| Some(text(j.process?.args()));
    PROC_CMDLINE = "sf.proc.cmdline": Text, PROCESS, "Executable and arguments."
        => scalar |j| Some(text(j.process?.cmdline()));
    PROC_UID = "sf.proc.uid": Int, PROCESS, "Effective user id; -1 when unknown."
        => scalar |j| Some(Value::Int(i64::from(j.process?.uid)));
    PROC_USER = "sf.proc.user": Text, PROCESS, "Name of the effective user."
        => scalar |j| Some(text(j.process?.user()));
    PROC_GID = "sf.proc.gid": Int, PROCESS, "Effective group id; -1 when unknown."
        => scalar |j| Some(Value::Int(i64::from(j.process?.gid)));
    PROC_GROUP = "sf.proc.group": Text, PROCESS, "Name of the effective group."
        => scalar |j| Some(text(j.process?.group()));
    PROC_CREATETS = "sf.proc.createts": Time, PROCESS,
        "Creation of the process, ns since the epoch; 0 when unknown."
        => scalar |j| Some(Value::Int(j.process?.oid.create_ts));
    PROC_TTY = "sf.proc.tty": Bool, PROCESS, "Whether the process has a terminal."
        => scalar |j| Some(Value::Bool(j.process?.tty));
    PROC_ENTRY = "sf.proc.entry": Bool, PROCESS,
        "Whether the process is the first of its pid namespace (the container's entry point)."
        => scalar |j| j.records_entry().then_some(Value::Bool(j.process?.entry));
    PROC_CWD = "sf.proc.cwd": Path, PROCESS, "Working directory, with a slash at the end."
        => scalar |j| Some(text(j.process?.cwd()));
    PROC_ENV = "sf.proc.env": Text { list: true, argument: Argument::OptionalKey }, PROCESS,
        "Environment as NAME=value; with a name in brackets the value of that variable."
        => each |j, arg, emit| if let Some(process) = j.process {
            emit_env(process, arg, emit);
        };
    PROC_ANAME = "sf.proc.aname": Text { list: true, argument: Argument::OptionalIndex }, PROCESS,
        "Names of the process and its ancestors; 0 is the process itself, 1 its parent."
        => each |j, arg, emit| emit.texts(pick(j, arg).map(KeptProcess::name));
    PROC_AEXE = "sf.proc.aexe": Path { list: true, argument: Argument::OptionalIndex }, PROCESS,
        "Executables of the process and its ancestors."
        => each |j, arg, emit| emit.texts(pick(j, arg).map(KeptProcess::exe));
    PROC_ACMDLINE = "sf.proc.acmdline": Text { list: true, argument: Argument::OptionalIndex }, PROCESS,
        "Command lines of the process and its ancestors."
        => each |j, arg, emit| emit.texts(pick(j, arg).map(KeptProcess::cmdline));
    PROC_APID = "sf.proc.apid": Int { list: true, argument: Argument::OptionalIndex }, PROCESS,
        "Process ids of the process and its ancestors."
        => each |j, arg, emit| {
            let _ = pick(j, arg).any(|process| emit.value(Value::Int(process.oid.hpid)));
        };

    PPROC_OID = "sf.pproc.oid": Text, PROCESS, "Identity of the parent; see sf.proc.oid."
        => each |j, _, emit| if let Some(poid) = j.process.and_then(|process| process.poid) {
            emit.value(Value::Text(&oid_digest(poid)));
        };
    PPROC_PID = "sf.pproc.pid": Int, PROCESS, "Process id of the parent; 0 when unknown."
        => scalar |j| Some(Value::Int(j.process?.poid?.hpid));
    PPROC_CREATETS = "sf.pproc.createts": Time, PROCESS, "Creation of the parent, ns since the epoch."
        => scalar |j| Some(Value::Int(j.process?.poid?.create_ts));
    PPROC_NAME = "sf.pproc.name": Text, PROCESS, "Last part of the path of the parent's executable."
        => scalar |j| Some(text(j.parent?.name()));
    PPROC_EXE = "sf.pproc.exe": Path, PROCESS, "Path of the parent's executable."
        => scalar |j| Some(text(j.parent?.exe()));
    PPROC_ARGS = "sf.pproc.args": Text, PROCESS, "Arguments of the parent."
        => scalar |j| Some(text(j.parent?.args()));
    PPROC_CMDLINE = "sf.pproc.cmdline": Text, PROCESS, "Executable and arguments of the parent."
        => scalar |j| Some(text(j.parent?.cmdline()));
    PPROC_UID = "sf.pproc.uid": Int, PROCESS, "Effective user id of the parent."
        => scalar |j| Some(Value::Int(i64::from(j.parent?.uid)));
    PPROC_USER = "sf.pproc.user": Text, PROCESS, "Name of the parent's effective user."
        => scalar |j| Some(text(j.parent?.user()));
    PPROC_GID = "sf.pproc.gid": Int, PROCESS, "Effective group id of the parent."
        => scalar |j| Some(Value::Int(i64::from(j.parent?.gid)));
    PPROC_GROUP = "sf.pproc.group": Text, PROCESS, "Name of the parent's effective group."
        => scalar |j| Some(text(j.parent?.group()));
    PPROC_TTY = "sf.pproc.tty": Bool, PROCESS, "Whether the parent has a terminal."
        => scalar |j| Some(Value::Bool(j.parent?.tty));
    PPROC_ENTRY = "sf.pproc.entry": Bool, PROCESS, "Whether the parent is the first of its pid namespace."
        => scalar |j| j.records_entry().then_some(Value::Bool(j.parent?.entry));
    PPROC_CWD = "sf.pproc.cwd": Path, PROCESS, "Working directory of the parent."
        => scalar |j| Some(text(j.parent?.cwd()));
    PPROC_ENV = "sf.pproc.env": Text { list: true, argument: Argument::OptionalKey }, PROCESS,
        "Environment of the parent."
        => each |j, arg, emit| if let Some(parent) = j.parent {
            emit_env(parent, arg, emit);
        };

    FILE_PATH = "sf.file.path": Path, FILE, "Path of the file; of a connected unix socket the socket's path."
        => scalar |j| Some(text(j.file?.path()));
    FILE_RAWPATH = "sf.file.rawpath": Path, FILE,
        "Path as it was recorded: of a connected unix socket with the kernel addresses of both ends."
        => scalar |j| Some(text(j.file?.raw_path()));
    FILE_NEWRAWPATH = "sf.file.newrawpath": Path, FILE_EVENT, "As sf.file.rawpath, for the second path."
        => scalar |j| Some(text(j.new_file?.raw_path()));
    FILE_SYMLINK = "sf.file.symlink": Text, FILE,
        "Kernel addresses of both ends of a connected unix socket."
        => scalar |j| Some(text(j.file?.socket_link()));
    FILE_NAME = "sf.file.name": Text, FILE, "Last part of the path."
        => scalar |j| Some(text(j.file?.name()));
    FILE_DIRECTORY = "sf.file.directory": Path, FILE, "Directory of the path."
        => scalar |j| Some(text(j.file?.directory()));
    FILE_OID = "sf.file.oid": Text, FILE, "Identity of the file: 40 hexadecimal digits."
        => each |j, _, emit| if let Some(file) = j.file {
            emit.value(Value::Text(&file.oid.to_hex()));
        };
    FILE_NEWPATH = "sf.file.newpath": Path, FILE_EVENT,
        "Second path: the new name of a link, symbolic link or rename."
        => scalar |j| Some(text(j.new_file?.path()));
    FILE_NEWSYMLINK = "sf.file.newsymlink": Text, FILE_EVENT, "As sf.file.symlink, for the second path."
        => scalar |j| Some(text(j.new_file?.socket_link()));
    FILE_NEWNAME = "sf.file.newname": Text, FILE_EVENT, "Last part of the second path."
        => scalar |j| Some(text(j.new_file?.name()));
    FILE_NEWDIRECTORY = "sf.file.newdirectory": Path, FILE_EVENT, "Directory of the second path."
        => scalar |j| Some(text(j.new_file?.directory()));
    FILE_NEWOID = "sf.file.newoid": Text, FILE_EVENT, "Identity of the second file."
        => each |j, _, emit| if let Some(file) = j.new_file {
            emit.value(Value::Text(&file.oid.to_hex()));
        };
    FILE_TYPE = "sf.file.type": Text, FILE,
        "f file, d directory, u unix socket, p pipe, ? unknown."
        => each |j, _, emit| if let Some(file) = j.file {
            emit.value(Value::Text(&[file.kind.letter()]));
        };
    FILE_FD = "sf.file.fd": Int, FLOW, "Descriptor."
        => scalar |j| j.fd().map(Value::Int);
    FILE_OPENFLAGS = "sf.file.openflags": Text { list: true, domain: OPEN_FLAG_NAMES }, FILE_FLOW,
        "How the file was opened; NONE where the open was not seen."
        => each |j, _, emit| if let Some(flags) = j.open_flags() {
            emit.texts(flags.names());
        };
    FILE_OPENFLAGS_BITS = "sf.file.openflags.bits": Int, FILE_FLOW,
        "How the file was opened, as the bit set of the format."
        => scalar |j| Some(Value::Int(i64::from(j.open_flags()?.bits())));
    FILE_IS_OPEN_READ = "sf.file.is_open_read": Bool, FILE_FLOW, "Whether the file was opened for reading."
        => scalar |j| Some(Value::Bool(j.open_flags()?.contains(OpenFlags::RDONLY)));
    FILE_IS_OPEN_WRITE = "sf.file.is_open_write": Bool, FILE_FLOW, "Whether the file was opened for writing."
        => scalar |j| Some(Value::Bool(j.open_flags()?.contains(OpenFlags::WRONLY)));
    FILE_INODE = "sf.file.inode": Int, FILE, "Inode; 0 when it was not recorded."
        => scalar |j| Some(Value::Int(j.file?.inode));
    FILE_DEVICE = "sf.file.device": Int, FILE, "Device that holds the inode; 0 when it was not recorded."
        => scalar |j| Some(Value::Int(j.file?.device));

    NET_PROTO = "sf.net.proto": Proto, NETWORK, "IP protocol: 6 tcp, 17 udp, 1 icmp, 254 raw."
        => scalar |j| Some(Value::Int(j.connection()?.proto));
    NET_SPORT = "sf.net.sport": Port, NETWORK, "Port of the client."
        => scalar |j| Some(Value::Int(j.connection()?.source_port));
    NET_DPORT = "sf.net.dport": Port, NETWORK, "Port of the server."
        => scalar |j| Some(Value::Int(j.connection()?.destination_port));
    NET_PORT = "sf.net.port": Port { list: true }, NETWORK, "Port of the client and of the server."
        => each |j, _, emit| if let Some(connection) = j.connection() {
            let ports = [connection.source_port, connection.destination_port];
            let _ = ports.into_iter().any(|port| emit.value(Value::Int(port)));
        };
    NET_SIP = "sf.net.sip": Ip, NETWORK, "Address of the client."
        => scalar |j| Some(Value::Ip(j.connection()?.source));
    NET_DIP = "sf.net.dip": Ip, NETWORK, "Address of the server."
        => scalar |j| Some(Value::Ip(j.connection()?.destination));
    NET_IP = "sf.net.ip": Ip { list: true }, NETWORK, "Address of the client and of the server."
        => each |j, _, emit| if let Some(connection) = j.connection() {
            let addresses = [connection.source, connection.destination];
            let _ = addresses.into_iter().any(|address| emit.value(Value::Ip(address)));
        };

    FLOW_RBYTES = "sf.flow.rbytes": Int, FLOW, "Bytes read or received."
        => scalar |j| Some(Value::Int(j.transfer()?.read_bytes));
    FLOW_ROPS = "sf.flow.rops": Int, FLOW, "How often data was read or received."
        => scalar |j| Some(Value::Int(j.transfer()?.read_ops));
    FLOW_WBYTES = "sf.flow.wbytes": Int, FLOW, "Bytes written or sent."
        => scalar |j| Some(Value::Int(j.transfer()?.write_bytes));
    FLOW_WOPS = "sf.flow.wops": Int, FLOW, "How often data was written or sent."
        => scalar |j| Some(Value::Int(j.transfer()?.write_ops));

    PF_NTHREADS = "sf.pf.nthreads": Int, PROCESS_FLOW, "Threads created."
        => scalar |j| match j.record {
            Record::ProcessFlow(flow) => Some(Value::Int(flow.threads_cloned)),
            _ => None,
        };
    PF_NEXITS = "sf.pf.nexits": Int, PROCESS_FLOW, "Threads that ended."
        => scalar |j| match j.record {
            Record::ProcessFlow(flow) => Some(Value::Int(flow.threads_exited)),
            _ => None,
        };
    PF_NERRORS = "sf.pf.nerrors": Int, PROCESS_FLOW, "Failed attempts to create a thread."
        => scalar |j| match j.record {
            Record::ProcessFlow(flow) => Some(Value::Int(flow.clone_errors)),
            _ => None,
        };

    CONTAINER_ID = "sf.container.id": Text, PROCESS, "Short id of the container; empty on the host."
        => scalar |j| Some(text(j.container?.id()));
    CONTAINER_NAME = "sf.container.name": Text, PROCESS, "Name of the container."
        => scalar |j| Some(text(j.container?.name()));
    CONTAINER_IMAGE = "sf.container.image": Text, PROCESS, "Image of the container with its tag."
        => scalar |j| Some(text(j.container?.image()));
    CONTAINER_IMAGEID = "sf.container.imageid": Text, PROCESS, "Id of the image."
        => scalar |j| Some(text(j.container?.image_id()));
    CONTAINER_TYPE = "sf.container.type": Text { domain: CONTAINER_TYPES }, PROCESS,
        "Runtime of the container; empty on the host."
        => scalar |j| Some(Value::Text(j.container?.kind.name().as_bytes()));
    CONTAINER_PRIVILEGED = "sf.container.privileged": Bool, PROCESS, "Whether the container is privileged."
        => scalar |j| Some(Value::Bool(j.container?.privileged));

    POD_TS = "sf.pod.ts": Time, PROCESS, "When the pod was last seen, ns since the epoch."
        => scalar |j| Some(Value::Int(j.pod?.ts));
    POD_ID = "sf.pod.id": Text, PROCESS, "Uid of the pod."
        => scalar |j| Some(text(j.pod?.id()));
    POD_NAME = "sf.pod.name": Text, PROCESS, "Name of the pod."
        => scalar |j| Some(text(j.pod?.name()));
    POD_NODENAME = "sf.pod.nodename": Text, PROCESS, "Node that the pod runs on."
        => scalar |j| Some(text(j.pod?.node_name()));
    POD_NAMESPACE = "sf.pod.namespace": Text, PROCESS, "Namespace of the pod."
        => scalar |j| Some(text(j.pod?.namespace()));
    POD_RESTARTCNT = "sf.pod.restartcnt": Int, PROCESS, "How often containers of the pod were restarted."
        => scalar |j| Some(Value::Int(j.pod?.restart_count));
    POD_HOSTIP = "sf.pod.hostip": Ip { list: true, argument: Argument::OptionalIndex }, PROCESS,
        "Addresses of the node."
        => each |j, arg, emit| if let Some(pod) = j.pod {
            emit_addresses(pod.host_ip().iter(), arg, emit);
        };
    POD_INTERNALIP = "sf.pod.internalip": Ip { list: true, argument: Argument::OptionalIndex }, PROCESS,
        "Addresses of the pod."
        => each |j, arg, emit| if let Some(pod) = j.pod {
            emit_addresses(pod.internal_ip().iter(), arg, emit);
        };
    POD_SERVICES = "sf.pod.services": Json { argument: Argument::JsonPath }, PROCESS,
        "Services that lead to the pod, as JSON; a path in brackets selects a part."
        => scalar |j| Some(text(j.pod?.services_json()));

    KE_ACTION = "sf.ke.action": Text { domain: K8sAction::SYMBOLS }, K8S_EVENT,
        "What happened to the Kubernetes component."
        => scalar |j| match j.record {
            Record::K8sEvent(event) => Some(Value::Text(event.action.symbol().as_bytes())),
            _ => None,
        };
    KE_KIND = "sf.ke.kind": Text { domain: K8sComponent::SYMBOLS }, K8S_EVENT,
        "Kind of the Kubernetes component."
        => scalar |j| match j.record {
            Record::K8sEvent(event) => Some(Value::Text(event.kind.symbol().as_bytes())),
            _ => None,
        };
    KE_MESSAGE = "sf.ke.message": Json { argument: Argument::JsonPath }, K8S_EVENT,
        "Notification of Kubernetes, as JSON; a path in brackets selects a part."
        => scalar |j| match j.record {
            Record::K8sEvent(event) => Some(text(event.message)),
            _ => None,
        };

    LOSS_KIND = "sf.loss.kind": Text, LOSS, "What was lost."
        => scalar |j| match j.record {
            Record::Loss(loss) => Some(text(loss.kind)),
            _ => None,
        };
    LOSS_REASON = "sf.loss.reason": Text, LOSS, "Why it was lost."
        => scalar |j| match j.record {
            Record::Loss(loss) => Some(text(loss.reason)),
            _ => None,
        };
    LOSS_COUNT = "sf.loss.count": Int, LOSS, "How many were lost."
        => scalar |j| match j.record {
            Record::Loss(loss) => Some(Value::Int(loss.count)),
            _ => None,
        };

    NODE_ID = "sf.node.id": Text, ANY, "Who recorded: a configured id or the host's name."
        => scalar |j| Some(text(j.header?.exporter()));
    NODE_IP = "sf.node.ip": Text, ANY, "Address of the node, if it was configured."
        => scalar |j| Some(text(j.header?.ip()));
    META_SCHEMA = "sf.meta.schema": Int, ANY, "Schema version of the recording."
        => scalar |j| Some(Value::Int(j.header?.version));
    META_TRACENAME = "sf.meta.tracename": Text, ANY, "Last part of the path of the recording."
        => scalar |j| {
            let path = j.header?.filename();
            let start = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
            Some(Value::Text(&path[start..]))
        };
    META_FILENAME = "sf.meta.filename": Path, ANY, "Path of the recording as the recorder opened it."
        => scalar |j| Some(text(j.header?.filename()));
}

/// Runtimes as fields spell them, and the value for processes on the host.
const CONTAINER_TYPES: &[&str] = &{
    let mut types = [""; ContainerType::NAMES.len() + 1];
    let mut index = 0;
    while index < ContainerType::NAMES.len() {
        types[index] = ContainerType::NAMES[index];
        index += 1;
    }
    types
};

/// The digest by which the original names processes: xxHash64 of the decimal pid and creation time.
fn oid_digest(oid: Oid) -> [u8; 16] {
    let mut decimal = itoa::Buffer::new();
    let mut hash = XxHash64::with_seed(0);
    hash.write(decimal.format(oid.hpid).as_bytes());
    hash.write(decimal.format(oid.create_ts).as_bytes());
    let mut digits = [b'0'; 16];
    // Sixteen digits fit exactly.
    let _ = write!(&mut digits[..], "{:016x}", hash.finish());
    digits
}

/// The process and its ancestors, or the one at the position that `arg` gives.
fn pick<'t>(joined: &Joined<'t>, arg: &Arg) -> impl Iterator<Item = &'t KeptProcess> + use<'t> {
    let (skip, take) = match arg {
        Arg::Index(index) => (*index as usize, 1),
        _ => (0, usize::MAX),
    };
    joined.lineage().skip(skip).take(take)
}

/// Hands over environment variables: all, the one at a position, or the value of the one with a name.
pub(super) fn emit_env<F>(process: &KeptProcess, arg: &Arg, emit: &mut super::declare::Emit<F>)
where
    F: FnMut(Value<'_>) -> std::ops::ControlFlow<()>,
{
    let env = process.env().iter();
    match arg {
        Arg::None => emit.texts(env),
        Arg::Index(index) => emit.texts(env.skip(*index as usize).take(1)),
        Arg::Key(name) => emit.texts(
            env.filter_map(|variable| variable.strip_prefix(name.as_bytes())?.strip_prefix(b"=")),
        ),
    }
}

fn emit_addresses<F>(
    addresses: impl Iterator<Item = i64>,
    arg: &Arg,
    emit: &mut super::declare::Emit<F>,
) where
    F: FnMut(Value<'_>) -> std::ops::ControlFlow<()>,
{
    let (skip, take) = match arg {
        Arg::Index(index) => (*index as usize, 1),
        _ => (0, usize::MAX),
    };
    let mut picked = addresses.skip(skip).take(take);
    let _ = picked.any(|address| emit.value(Value::Ip(IpAddr::V4(pod_address(address)))));
}
