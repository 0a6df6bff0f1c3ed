//! The fields of Falco that a record can answer, with Falco's meaning as far as the record allows.
//!
//! Classic recordings lack the kernel's short name, `argv[0]` and more: there the base name and the path of
//! the executable stand in ("approx" in the coverage of the rule language). Native recordings have them.

use std::io::Write as _;
use std::net::IpAddr;

use sysflow_field::{Arg, Argument, Role, Value};

use super::access::Connection;
use super::capabilities::with_names;
use super::declare::{
    ANY, Emit, FILE_EVENT, FILE_FLOW, FLOW, NETWORK, OPERATION, PROCESS, PROCESS_EVENT, RESULT,
    text,
};
use super::mounts;
use super::sysflow::emit_env;
use crate::entity::{Joined, KeptContainer, KeptProcess};
use crate::errno;
use crate::model::ContainerType;
use crate::{OpFlags, OpenFlags, Record};
use bstr::{BStr, ByteSlice};

/// The kernel's short names have at most so many bytes.
const LONGEST_COMM: usize = 15;

fields! {
    absence Missing;

    EVT_NUM = "evt.num": Int, ANY, "Number of the record in the stream, from 1."
        => scalar |j| Some(Value::Int(j.number as i64));
    EVT_TIME = "evt.time": Time, ANY, "Start, ns since the epoch."
        => scalar |j| Some(Value::Int(j.record.ts()));
    EVT_TYPE = "evt.type": Text { list: true, role: Role::Operation }, OPERATION,
        "System calls that the record stands for. A record keeps the class of a call, so all calls of the \
         class match: open, openat, openat2 and creat alike."
        => each |j, _, emit| emit_calls(j, emit);
    EVT_DIR = "evt.dir": Text, ANY, "Always < (exit)."
        => scalar |_| Some(Value::Text(b"<"));
    EVT_RES = "evt.res": Text, RESULT, "SUCCESS, or the name of the error."
        => each |j, _, emit| if let Some(result) = raw_result(j) {
            emit_result(result, emit);
        };
    EVT_RAWRES = "evt.rawres": Int, RESULT, "Result: negative error number, 0, or what the call returns."
        => scalar |j| raw_result(j).map(Value::Int);
    EVT_IS_OPEN_READ = "evt.is_open_read": Bool, FILE_FLOW, "Whether a file was opened for reading."
        => scalar |j| Some(Value::Bool(was_opened(j, OpenFlags::RDONLY)?));
    EVT_IS_OPEN_WRITE = "evt.is_open_write": Bool, FILE_FLOW, "Whether a file was opened for writing."
        => scalar |j| Some(Value::Bool(was_opened(j, OpenFlags::WRONLY)?));
    EVT_ARG_UID = "evt.arg.uid": Text, PROCESS_EVENT, "Name of the user given to setuid."
        => scalar |j| match j.record {
            Record::ProcessEvent(event) => Some(text(event.args.iter().next()?)),
            _ => None,
        };
    EVT_ARG_NAME = "evt.arg.name": Path, OPERATION, "Path given to open and unlinkat, resolved."
        => scalar |j| j.op_flags().intersects(OpFlags::OPEN | OpFlags::UNLINK)
            .then(|| j.file.map(|file| text(file.path()))).flatten();
    EVT_ARG_PATH = "evt.arg.path": Path, FILE_EVENT, "Path given to mkdir, rmdir and unlink, resolved."
        => scalar |j| j.op_flags().intersects(OpFlags::MKDIR | OpFlags::RMDIR | OpFlags::UNLINK)
            .then(|| j.file.map(|file| text(file.path()))).flatten();
    EVT_ARG_OLDPATH = "evt.arg.oldpath": Path, FILE_EVENT, "Old path of rename and link, resolved."
        => scalar |j| j.op_flags().intersects(OpFlags::RENAME | OpFlags::LINK)
            .then(|| j.file.map(|file| text(file.path()))).flatten();
    EVT_ARG_NEWPATH = "evt.arg.newpath": Path, FILE_EVENT, "New path of rename and link, resolved."
        => scalar |j| j.op_flags().intersects(OpFlags::RENAME | OpFlags::LINK)
            .then(|| j.new_file.map(|file| text(file.path()))).flatten();
    EVT_ARG_TARGET = "evt.arg.target": Text, FILE_EVENT, "Text stored in a new symbolic link."
        => scalar |j| j.op_flags().contains(OpFlags::SYMLINK)
            .then(|| j.file.map(|file| text(file.path()))).flatten();
    EVT_ARG_LINKPATH = "evt.arg.linkpath": Path, FILE_EVENT, "Path of a new symbolic link."
        => scalar |j| j.op_flags().contains(OpFlags::SYMLINK)
            .then(|| j.new_file.map(|file| text(file.path()))).flatten();
    EVT_ARG_FLAGS = "evt.arg.flags": Text, FILE_FLOW, "Flags of an open: O_ names joined with bars."
        => each |j, _, emit| if was_opened(j, OpenFlags::empty()) == Some(true) {
            emit_open_flags(j, emit);
        };

    FD_NUM = "fd.num": Int, FLOW, "Descriptor."
        => scalar |j| j.fd().map(Value::Int);
    FD_NAME = "fd.name": Text, FLOW,
        "Path of a file; client:port->server:port of a connection; path of a unix socket."
        => each |j, _, emit| emit_descriptor_name(j, emit);
    FD_TYPE = "fd.type": Text, FLOW, "file, directory, ipv4, ipv6, unix or pipe."
        => scalar |j| Some(Value::Text(match descriptor_letter(j)? {
            b'f' => b"file",
            b'd' => b"directory",
            b'4' => b"ipv4",
            b'6' => b"ipv6",
            b'u' => b"unix",
            b'p' => b"pipe",
            _ => return None,
        }));
    FD_TYPECHAR = "fd.typechar": Text, FLOW, "f file, d directory, 4 IPv4, 6 IPv6, u unix socket, p pipe."
        => each |j, _, emit| if let Some(letter) = descriptor_letter(j) {
            emit.value(Value::Text(&[letter]));
        };
    FD_DIRECTORY = "fd.directory": Path, FILE_FLOW, "Directory of a file's path."
        => scalar |j| Some(text(flow_file(j)?.directory()));
    FD_FILENAME = "fd.filename": Text, FILE_FLOW, "Last part of a file's path."
        => scalar |j| Some(text(flow_file(j)?.name()));
    FD_INO = "fd.ino": Int, FILE_FLOW, "Inode (native recordings)."
        => scalar |j| flow_file(j).map(|file| file.inode).filter(|inode| *inode != 0).map(Value::Int);
    FD_DEV = "fd.dev": Int, FILE_FLOW, "Device that holds the inode (native recordings)."
        => scalar |j| flow_file(j).map(|file| file.device).filter(|device| *device != 0).map(Value::Int);
    FD_SOCKFAMILY = "fd.sockfamily": Text, FLOW, "ip or unix."
        => scalar |j| match descriptor_letter(j)? {
            b'4' | b'6' => Some(Value::Text(b"ip")),
            b'u' => Some(Value::Text(b"unix")),
            _ => None,
        };
    FD_L4PROTO = "fd.l4proto": Text, FLOW, "tcp, udp, icmp or raw; <NA> for what is no IP socket."
        => scalar |j| {
            let proto = if j.fd().is_some() { j.connection().map_or(-1, |ends| ends.proto) } else { return None };
            Some(Value::Text(match proto {
                6 => b"tcp",
                17 => b"udp",
                1 => b"icmp",
                254 => b"raw",
                _ => b"<NA>",
            }))
        };
    FD_CIP = "fd.cip": Ip, NETWORK, "Address of the client."
        => scalar |j| Some(Value::Ip(j.connection()?.source));
    FD_SIP = "fd.sip": Ip, NETWORK, "Address of the server."
        => scalar |j| Some(Value::Ip(j.connection()?.destination));
    FD_IP = "fd.ip": Ip { list: true }, NETWORK, "Address of the client and of the server."
        => each |j, _, emit| if let Some(ends) = j.connection() {
            let _ = [ends.source, ends.destination].into_iter().any(|ip| emit.value(Value::Ip(ip)));
        };
    FD_CPORT = "fd.cport": Port, NETWORK, "Port of the client."
        => scalar |j| Some(Value::Int(j.connection()?.source_port));
    FD_SPORT = "fd.sport": Port, NETWORK, "Port of the server."
        => scalar |j| Some(Value::Int(j.connection()?.destination_port));
    FD_PORT = "fd.port": Port { list: true }, NETWORK, "Port of the client and of the server."
        => each |j, _, emit| if let Some(ends) = j.connection() {
            let ports = [ends.source_port, ends.destination_port];
            let _ = ports.into_iter().any(|port| emit.value(Value::Int(port)));
        };

    PROC_NAME = "proc.name": Text, PROCESS, "The kernel's short name, at most 15 bytes."
        => scalar |j| Some(text(comm(j.process?)));
    PROC_EXE = "proc.exe": Text, PROCESS, "argv[0]; of classic recordings the executable."
        => scalar |j| Some(text(argv0(j.process?)));
    PROC_EXEPATH = "proc.exepath": Path, PROCESS, "Path of the executable."
        => scalar |j| Some(text(exe_path(j.process?)));
    PROC_ARGS = "proc.args": Text { argument: Argument::OptionalIndex }, PROCESS,
        "Arguments behind argv[0], joined with blanks; with a position one of them."
        => scalar |j| Some(text(j.process?.args()));
    PROC_CMDLINE = "proc.cmdline": Text, PROCESS, "Short name and arguments."
        => each |j, _, emit| if let Some(process) = j.process {
            emit_cmdline(process, emit);
        };
    PROC_PID = "proc.pid": Int, PROCESS, "Process id on the host."
        => scalar |j| Some(Value::Int(j.process?.oid.hpid));
    PROC_VPID = "proc.vpid": Int, PROCESS, "Process id inside its namespace."
        => scalar |j| {
            let process = j.process?;
            let known = (process.vpid != 0).then_some(process.vpid);
            // A classic record tells only whether it is process 1.
            let derived = if process.entry { Some(1) } else { None };
            let on_host = process.container_id().is_none().then_some(process.oid.hpid);
            known.or(derived).or(on_host).map(Value::Int)
        };
    PROC_PPID = "proc.ppid": Int, PROCESS, "Process id of the parent."
        => scalar |j| Some(Value::Int(j.process?.poid?.hpid));
    PROC_SID = "proc.sid": Int, PROCESS, "Session (native recordings)."
        => scalar |j| Some(j.process?.sid).filter(|sid| *sid != 0).map(Value::Int);
    PROC_PGID = "proc.pgid": Int, PROCESS, "Process group (native recordings)."
        => scalar |j| Some(j.process?.pgid).filter(|pgid| *pgid != 0).map(Value::Int);
    PROC_TTY = "proc.tty": Int, PROCESS,
        "Number of the terminal, 0 without one; 1 in classic recordings, which tell only whether."
        => scalar |j| {
            let process = j.process?;
            let number = i64::from(process.tty_number);
            Some(Value::Int(if number == 0 { i64::from(process.tty) } else { number }))
        };
    PROC_CWD = "proc.cwd": Path, PROCESS, "Working directory, with a slash at the end."
        => scalar |j| Some(text(j.process?.cwd()));
    PROC_ENV = "proc.env": Text { list: true, argument: Argument::OptionalKey }, PROCESS,
        "Environment; with a name in brackets the value of that variable."
        => each |j, arg, emit| if let Some(process) = j.process {
            emit_env(process, arg, emit);
        };
    PROC_PID_TS = "proc.pid.ts": Time, PROCESS, "Start of the process, ns since the epoch."
        => scalar |j| Some(j.process?.oid.create_ts).filter(|ts| *ts != 0).map(Value::Int);
    PROC_PPID_TS = "proc.ppid.ts": Time, PROCESS, "Start of the parent, ns since the epoch."
        => scalar |j| Some(j.process?.poid?.create_ts).filter(|ts| *ts != 0).map(Value::Int);
    PROC_DURATION = "proc.duration": Duration, PROCESS, "Age of the process at the record, ns."
        => scalar |j| {
            let start = j.process?.oid.create_ts;
            (start != 0).then(|| Value::Int(j.record.ts() - start))
        };
    PROC_PNAME = "proc.pname": Text, PROCESS, "Short name of the parent."
        => scalar |j| Some(text(comm(j.parent?)));
    PROC_PEXE = "proc.pexe": Text, PROCESS, "argv[0] of the parent."
        => scalar |j| Some(text(argv0(j.parent?)));
    PROC_PEXEPATH = "proc.pexepath": Path, PROCESS, "Path of the parent's executable."
        => scalar |j| Some(text(exe_path(j.parent?)));
    PROC_PARGS = "proc.pargs": Text, PROCESS, "Arguments of the parent."
        => scalar |j| Some(text(j.parent?.args()));
    PROC_PCMDLINE = "proc.pcmdline": Text, PROCESS, "Short name and arguments of the parent."
        => each |j, _, emit| if let Some(parent) = j.parent {
            emit_cmdline(parent, emit);
        };
    PROC_ANAME = "proc.aname": Text { list: true, argument: Argument::OptionalIndex }, PROCESS,
        "Short names of the ancestors without the process itself; with a position one: 0 is the process, \
         1 its parent."
        => each |j, arg, emit| emit.texts(ancestors(j, arg).map(comm));
    PROC_AEXE = "proc.aexe": Text { list: true, argument: Argument::OptionalIndex }, PROCESS,
        "argv[0] of the ancestors."
        => each |j, arg, emit| emit.texts(ancestors(j, arg).map(argv0));
    PROC_AEXEPATH = "proc.aexepath": Path { list: true, argument: Argument::OptionalIndex }, PROCESS,
        "Executables of the ancestors."
        => each |j, arg, emit| emit.texts(ancestors(j, arg).map(exe_path));
    PROC_ACMDLINE = "proc.acmdline": Text { list: true, argument: Argument::OptionalIndex }, PROCESS,
        "Command lines of the ancestors."
        => each |j, arg, emit| {
            let _ = ancestors(j, arg).any(|process| emit_cmdline(process, emit));
        };
    PROC_APID = "proc.apid": Int { list: true, argument: Argument::OptionalIndex }, PROCESS,
        "Process ids of the ancestors."
        => each |j, arg, emit| {
            let _ = ancestors(j, arg).any(|process| emit.value(Value::Int(process.oid.hpid)));
        };
    PROC_IS_EXE_WRITABLE = "proc.is_exe_writable": Bool, PROCESS,
        "Whether the user can write the executable (native recordings)."
        => scalar |j| exe_flag(j, 1);
    PROC_IS_EXE_UPPER_LAYER = "proc.is_exe_upper_layer": Bool, PROCESS,
        "Whether the executable lies in the writable layer of an overlay (native recordings)."
        => scalar |j| exe_flag(j, 2);
    PROC_IS_EXE_FROM_MEMFD = "proc.is_exe_from_memfd": Bool, PROCESS,
        "Whether the executable is an anonymous memory file (native recordings)."
        => scalar |j| exe_flag(j, 4);
    PROC_EXE_INO = "proc.exe_ino": Int, PROCESS, "Inode of the executable (native recordings)."
        => scalar |j| exe_inode(j, 0);
    PROC_EXE_INO_CTIME = "proc.exe_ino.ctime": Time, PROCESS,
        "Status change of the executable, ns since the epoch (native recordings)."
        => scalar |j| exe_inode(j, 1);
    PROC_EXE_INO_MTIME = "proc.exe_ino.mtime": Time, PROCESS,
        "Modification of the executable, ns since the epoch (native recordings)."
        => scalar |j| exe_inode(j, 2);
    PROC_EXE_INO_AGE = "proc.exe_ino.ctime_duration_proc_start": Duration, PROCESS,
        "Age of the executable's status when the process began, ns (native recordings)."
        => scalar |j| {
            let process = j.process?;
            let (start, change) = (process.oid.create_ts, process.exe_inode[1]);
            (start != 0 && change != 0).then(|| Value::Int(start - change))
        };
    PROC_SNAME = "proc.sname": Text, PROCESS,
        "Short name of the eldest ancestor in the same session, its leader (native recordings)."
        => scalar |j| {
            let session = Some(j.process?.sid).filter(|sid| *sid != 0)?;
            let members = j.lineage().take_while(|ancestor| ancestor.sid == session);
            members.last().map(|leader| text(comm(leader)))
        };

    THREAD_CAP_PERMITTED = "thread.cap_permitted": Text, PROCESS,
        "Permitted capabilities: CAP_ names joined with blanks (native recordings)."
        => each |j, _, emit| emit_capabilities(j, 0, emit);
    THREAD_CAP_EFFECTIVE = "thread.cap_effective": Text, PROCESS,
        "Effective capabilities: CAP_ names joined with blanks (native recordings)."
        => each |j, _, emit| emit_capabilities(j, 1, emit);
    THREAD_CAP_INHERITABLE = "thread.cap_inheritable": Text, PROCESS,
        "Inheritable capabilities: CAP_ names joined with blanks (native recordings)."
        => each |j, _, emit| emit_capabilities(j, 2, emit);
    THREAD_TID = "thread.tid": Int, OPERATION, "Id of the thread that acted."
        => scalar |j| j.tid().map(Value::Int);
    USER_UID = "user.uid": Int, PROCESS, "Effective user id."
        => scalar |j| Some(Value::Int(i64::from(j.process?.uid)));
    USER_NAME = "user.name": Text, PROCESS, "Name of the effective user; <NA> when unknown."
        => scalar |j| {
            let process = j.process?;
            Some(Value::Text(match (process.uid, process.user().as_bytes()) {
                (0, b"") => b"root",
                (_, b"") => b"<NA>",
                (_, name) => name,
            }))
        };
    USER_LOGINUID = "user.loginuid": Int, PROCESS, "Audit login user; -1 when unset or not recorded."
        => scalar |j| Some(Value::Int(i64::from(j.process?.login_uid)));
    GROUP_GID = "group.gid": Int, PROCESS, "Effective group id."
        => scalar |j| Some(Value::Int(i64::from(j.process?.gid)));
    GROUP_NAME = "group.name": Text, PROCESS, "Name of the effective group."
        => scalar |j| Some(text(j.process?.group()));

    CONTAINER_ID = "container.id": Text, PROCESS, "Short id of the container; host for none."
        => scalar |j| Some(j.process?.container_id().map_or(Value::Text(b"host"), text));
    CONTAINER_NAME = "container.name": Text, PROCESS, "Name of the container; host for none."
        => scalar |j| container_text(j, KeptContainer::name);
    CONTAINER_IMAGE = "container.image.full": Text, PROCESS, "Image of the container with its tag."
        => scalar |j| Some(text(j.container?.image()));
    CONTAINER_IMAGE_REPOSITORY = "container.image.repository": Text, PROCESS,
        "Image without tag and digest."
        => scalar |j| Some(Value::Text(split_image(j.container?.image()).0));
    CONTAINER_IMAGE_TAG = "container.image.tag": Text, PROCESS, "Tag of the image."
        => scalar |j| Some(Value::Text(split_image(j.container?.image()).1?));
    CONTAINER_IMAGEID = "container.imageid": Text, PROCESS, "Id of the image."
        => scalar |j| Some(text(j.container?.image_id()));
    CONTAINER_TYPE = "container.type": Text, PROCESS, "Runtime of the container: docker, containerd, …"
        => scalar |j| Some(Value::Text(match j.container?.kind {
            ContainerType::DOCKER => b"docker",
            ContainerType::LXC => b"lxc",
            ContainerType::LIBVIRT_LXC => b"libvirt-lxc",
            ContainerType::MESOS => b"mesos",
            ContainerType::RKT => b"rkt",
            ContainerType::CUSTOM => b"custom",
            ContainerType::CRI => b"cri",
            ContainerType::CONTAINERD => b"containerd",
            ContainerType::CRIO => b"cri-o",
            ContainerType::BPM => b"bpm",
            _ => return None,
        }));
    CONTAINER_PRIVILEGED = "container.privileged": Bool, PROCESS, "Whether the container is privileged."
        => scalar |j| Some(Value::Bool(j.container?.privileged));
    CONTAINER_MOUNTS = "container.mounts": Text { list: true }, PROCESS,
        "Mounts as source:destination:mode:writable:propagation (native recordings)."
        => each |j, _, emit| if let Some(container) = j.container {
            emit.texts(container.mounts().iter());
        };
    CONTAINER_MOUNT_DEST = "container.mount.dest": Path { argument: Argument::Key }, PROCESS,
        "Destination of the first mount whose source fits the pattern in brackets, or of the mount at that \
         position (native recordings)."
        => each |j, arg, emit| if let (Some(container), Arg::Key(wanted)) = (j.container, arg) {
            emit.texts(mounts::destination(container.mounts().iter(), wanted));
        };
    CONTAINER_START_TS = "container.start_ts": Time, PROCESS,
        "Start of the first process of the container, ns since the epoch."
        => scalar |j| {
            let container = j.process?.container_id()?;
            let first = j
                .lineage()
                .take_while(|ancestor| ancestor.container_id() == Some(container))
                .find(|ancestor| ancestor.entry)?;
            Some(first.oid.create_ts).filter(|ts| *ts != 0).map(Value::Int)
        };
    K8S_POD_NAME = "k8s.pod.name": Text, PROCESS, "Name of the pod."
        => scalar |j| Some(text(j.pod?.name()));
    K8S_POD_UID = "k8s.pod.uid": Text, PROCESS, "Uid of the pod."
        => scalar |j| Some(text(j.pod?.id()));
    K8S_NS_NAME = "k8s.ns.name": Text, PROCESS, "Namespace of the pod."
        => scalar |j| Some(text(j.pod?.namespace()));
}

/// The system calls that a record stands for.
const CALLS: [(OpFlags, &[&str]); 20] = [
    (OpFlags::CLONE, &["clone", "clone3", "fork", "vfork"]),
    (OpFlags::EXEC, &["execve", "execveat"]),
    (OpFlags::EXIT, &["procexit"]),
    (OpFlags::SETUID, &["setuid", "setresuid"]),
    (OpFlags::SETNS, &["setns"]),
    (OpFlags::ACCEPT, &["accept", "accept4"]),
    (OpFlags::CONNECT, &["connect"]),
    (OpFlags::OPEN, &["open", "openat", "openat2", "creat"]),
    (OpFlags::READ_RECV, &["read", "recvfrom", "recvmsg"]),
    (OpFlags::WRITE_SEND, &["write", "sendto", "sendmsg"]),
    (OpFlags::CLOSE, &["close"]),
    (OpFlags::SHUTDOWN, &["shutdown"]),
    (OpFlags::MMAP, &["mmap"]),
    (OpFlags::MKDIR, &["mkdir", "mkdirat"]),
    (OpFlags::RMDIR, &["rmdir", "unlinkat"]),
    (OpFlags::LINK, &["link", "linkat"]),
    (OpFlags::UNLINK, &["unlink", "unlinkat"]),
    (OpFlags::SYMLINK, &["symlink", "symlinkat"]),
    (OpFlags::RENAME, &["rename", "renameat", "renameat2"]),
    (OpFlags::TRUNCATE, &[]),
];

fn emit_calls<F>(joined: &Joined<'_>, emit: &mut Emit<F>)
where
    F: FnMut(Value<'_>) -> std::ops::ControlFlow<()>,
{
    let flags = joined.op_flags();
    let calls = CALLS.iter().filter(|(flag, _)| flags.contains(*flag));
    emit.texts(calls.flat_map(|(_, names)| *names));
}

/// The result of an event, or of the operation that began a flow.
fn raw_result(joined: &Joined<'_>) -> Option<i64> {
    joined.result().or_else(|| match joined.record {
        Record::NetworkFlow(flow) => Some(i64::from(flow.ret)),
        Record::FileFlow(flow) => Some(i64::from(flow.ret)),
        _ => None,
    })
}

fn emit_result<F>(result: i64, emit: &mut Emit<F>)
where
    F: FnMut(Value<'_>) -> std::ops::ControlFlow<()>,
{
    if result >= 0 {
        emit.value(Value::Text(b"SUCCESS"));
        return;
    }
    let number = i32::try_from(-result).unwrap_or(0);
    match errno::name(number) {
        Some(name) => emit.value(Value::Text(name.as_bytes())),
        None => emit.value(Value::Int(result)),
    };
}

/// Whether a flow holds an open with these flags; none for flows whose open was not seen.
fn was_opened(joined: &Joined<'_>, flags: OpenFlags) -> Option<bool> {
    let opened = joined.op_flags().contains(OpFlags::OPEN);
    joined
        .open_flags()
        .filter(|_| opened)
        .map(|open| open.contains(flags))
}

fn emit_open_flags<F>(joined: &Joined<'_>, emit: &mut Emit<F>)
where
    F: FnMut(Value<'_>) -> std::ops::ControlFlow<()>,
{
    let flags = joined.open_flags().unwrap_or_default();
    let mut buffer = [0_u8; 256];
    let mut rest = &mut buffer[..];
    let read_write = flags.contains(OpenFlags::RDWR);
    let mut separator = "";
    for name in flags.names() {
        let is_half = matches!(name, "RDONLY" | "WRONLY");
        if (is_half && read_write) || name == "NONE" {
            continue;
        }
        // All names together are shorter than the buffer.
        let _ = write!(rest, "{separator}O_{name}");
        separator = "|";
    }
    let length = 256 - rest.len();
    emit.value(Value::Text(&buffer[..length]));
}

/// The letter of the kind of descriptor that a flow is about.
fn descriptor_letter(joined: &Joined<'_>) -> Option<u8> {
    match joined.record {
        Record::NetworkFlow(flow) => Some(if flow.source().is_ipv4() { b'4' } else { b'6' }),
        Record::FileFlow(_) => joined.file.map(|file| file.kind.letter()),
        _ => None,
    }
}

/// The file of a flow on a file or directory.
fn flow_file<'t>(joined: &Joined<'t>) -> Option<&'t crate::entity::KeptFile> {
    let is_file = matches!(descriptor_letter(joined), Some(b'f' | b'd' | b'?'));
    joined.file.filter(|_| is_file && joined.fd().is_some())
}

fn emit_descriptor_name<F>(joined: &Joined<'_>, emit: &mut Emit<F>)
where
    F: FnMut(Value<'_>) -> std::ops::ControlFlow<()>,
{
    if joined.fd().is_none() {
        return;
    }
    if let Some(file) = joined.file {
        emit.value(text(file.path()));
        return;
    }
    let Some(Connection {
        source,
        source_port,
        destination,
        destination_port,
        ..
    }) = joined.connection()
    else {
        return;
    };
    let mut buffer = [0_u8; 128];
    let mut rest = &mut buffer[..];
    // Two addresses and two ports are shorter than the buffer.
    let _ = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            write!(
                rest,
                "{source}:{source_port}->{destination}:{destination_port}"
            )
        }
        (source, destination) => {
            write!(
                rest,
                "{source}:{source_port}->{destination}:{destination_port}"
            )
        }
    };
    let length = 128 - rest.len();
    emit.value(Value::Text(&buffer[..length]));
}

fn comm(process: &KeptProcess) -> &BStr {
    if process.comm().is_empty() {
        let name = process.name();
        BStr::new(&name[..name.len().min(LONGEST_COMM)])
    } else {
        process.comm()
    }
}

fn argv0(process: &KeptProcess) -> &BStr {
    process
        .argv()
        .iter()
        .next()
        .unwrap_or_else(|| process.exe())
}

fn exe_path(process: &KeptProcess) -> &BStr {
    if process.exe_path().is_empty() {
        process.exe()
    } else {
        process.exe_path()
    }
}

/// Hands over short name and arguments; returns whether the visitor has had enough.
fn emit_cmdline<F>(process: &KeptProcess, emit: &mut Emit<F>) -> bool
where
    F: FnMut(Value<'_>) -> std::ops::ControlFlow<()>,
{
    let name = comm(process);
    // Of classic recordings the short name is the end of the executable's path, which lies beside the
    // arguments already.
    if process.comm().is_empty() && name.len() == process.name().len() {
        let cmdline = process.cmdline();
        let start = process.exe().len() - name.len();
        return emit.value(Value::Text(&cmdline[start..]));
    }
    let mut joined = Vec::with_capacity(name.len() + 1 + process.args().len());
    joined.extend_from_slice(name);
    if !process.args().is_empty() {
        joined.push(b' ');
        joined.extend_from_slice(process.args());
    }
    emit.value(Value::Text(&joined))
}

/// The ancestors without the process itself, or the one at the position that `arg` gives.
fn ancestors<'t>(
    joined: &Joined<'t>,
    arg: &Arg,
) -> impl Iterator<Item = &'t KeptProcess> + use<'t> {
    let (skip, take) = match arg {
        Arg::Index(index) => (*index as usize, 1),
        _ => (1, usize::MAX),
    };
    joined.lineage().skip(skip).take(take)
}

fn is_native(joined: &Joined<'_>) -> bool {
    joined.header.is_some_and(|header| {
        header.version >= i64::from(crate::NATIVE_VERSION) && header.version < 1000
    })
}

fn exe_flag(joined: &Joined<'_>, flag: i32) -> Option<Value<'static>> {
    let process = joined.process.filter(|_| is_native(joined))?;
    Some(Value::Bool(process.exe_flags & flag != 0))
}

fn emit_capabilities<F>(joined: &Joined<'_>, set: usize, emit: &mut Emit<F>)
where
    F: FnMut(Value<'_>) -> std::ops::ControlFlow<()>,
{
    let Some(process) = joined.process.filter(|_| is_native(joined)) else {
        return;
    };
    with_names(process.capabilities[set], |names| {
        emit.value(Value::Text(names))
    });
}

fn exe_inode(joined: &Joined<'_>, index: usize) -> Option<Value<'static>> {
    joined
        .process
        .map(|process| process.exe_inode[index])
        .filter(|value| *value != 0)
        .map(Value::Int)
}

fn container_text<'t>(
    joined: &Joined<'t>,
    text_of: impl Fn(&'t KeptContainer) -> &'t BStr,
) -> Option<Value<'t>> {
    if joined.process?.container_id().is_none() {
        return Some(Value::Text(b"host"));
    }
    joined.container.map(|container| text(text_of(container)))
}

/// Repository and tag of an image such as `registry:5000/team/app:1.2@sha256:…`.
fn split_image(image: &BStr) -> (&[u8], Option<&[u8]>) {
    let without_digest = image
        .find_byte(b'@')
        .map_or(image.as_bytes(), |at| &image[..at]);
    let path_start = without_digest.rfind_byte(b'/').map_or(0, |slash| slash + 1);
    match without_digest[path_start..].find_byte(b':') {
        Some(colon) => {
            let (repository, tag) = without_digest.split_at(path_start + colon);
            (repository, Some(&tag[1..]))
        }
        None => (without_digest, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_taken_apart() {
        let split = |image: &'static str| {
            let (repository, tag) = split_image(BStr::new(image));
            (
                repository.to_str_lossy().into_owned(),
                tag.map(|tag| tag.to_str_lossy().into_owned()),
            )
        };
        assert_eq!(split("alpine:3.18"), ("alpine".into(), Some("3.18".into())));
        assert_eq!(split("r:5000/a/b"), ("r:5000/a/b".into(), None));
        assert_eq!(
            split("r:5000/a/b:1@sha256:00"),
            ("r:5000/a/b".into(), Some("1".into()))
        );
    }
}
