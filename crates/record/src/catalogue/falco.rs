//! The fields of Falco that a record can answer, with Falco's meaning as far as the record allows.
//!
//! Classic recordings lack the kernel's short name, `argv[0]` and more: there the base name and the path of
//! the executable stand in ("approx" in the coverage of the rule language). Native recordings have them.

use sysflow_field::{Arg, Argument, Role, Value};

use super::declare::{
    ANY, FILE_EVENT, FILE_FLOW, FILE_OPERATION, FLOW, NETWORK, OPERATION, PROCESS, PROCESS_EVENT,
    RESULT, text,
};
use super::falco_answers::{
    ancestors, argv0, container_text, descriptor_letter, emit_args, emit_calls, emit_capabilities,
    emit_descriptor_name, emit_open_flags, emit_result, exe_flag, exe_inode, exe_path, flow_file,
    raw_result, single_path, split_image, two_paths, was_opened,
};
use super::mounts;
use super::sysflow::emit_env;
use crate::entity::{KeptContainer, KeptProcess};
use crate::model::ContainerType;
use crate::{OpFlags, OpenFlags, Record};
use bstr::ByteSlice;

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
    FS_PATH_NAME = "fs.path.name": Path, FILE_OPERATION, "Path that the operation works on, resolved."
        => scalar |j| single_path(j);
    FS_PATH_SOURCE = "fs.path.source": Path, FILE_EVENT, "What is renamed; the link that is made. Resolved."
        => scalar |j| Some(two_paths(j)?.0);
    FS_PATH_TARGET = "fs.path.target": Path, FILE_EVENT, "The new name; what a link leads to."
        => scalar |j| Some(two_paths(j)?.1);

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
        => scalar |j| Some(text(j.process?.short_name()));
    PROC_EXE = "proc.exe": Text, PROCESS, "argv[0]; of classic recordings the executable."
        => scalar |j| Some(text(argv0(j.process?)));
    PROC_EXEPATH = "proc.exepath": Path, PROCESS, "Path of the executable."
        => scalar |j| Some(text(exe_path(j.process?)));
    PROC_ARGS = "proc.args": Text { argument: Argument::OptionalIndex }, PROCESS,
        "Arguments behind argv[0], joined with blanks; with a position one of them."
        => each |j, arg, emit| if let Some(process) = j.process {
            emit_args(process, arg, emit);
        };
    PROC_CMDLINE = "proc.cmdline": Text, PROCESS, "Short name and arguments."
        => scalar |j| Some(text(j.process?.short_cmdline()));
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
        => scalar |j| Some(text(j.parent?.short_name()));
    PROC_PEXE = "proc.pexe": Text, PROCESS, "argv[0] of the parent."
        => scalar |j| Some(text(argv0(j.parent?)));
    PROC_PEXEPATH = "proc.pexepath": Path, PROCESS, "Path of the parent's executable."
        => scalar |j| Some(text(exe_path(j.parent?)));
    PROC_PARGS = "proc.pargs": Text, PROCESS, "Arguments of the parent."
        => scalar |j| Some(text(j.parent?.args()));
    PROC_PCMDLINE = "proc.pcmdline": Text, PROCESS, "Short name and arguments of the parent."
        => scalar |j| Some(text(j.parent?.short_cmdline()));
    PROC_ANAME = "proc.aname": Text { list: true, argument: Argument::OptionalIndex }, PROCESS,
        "Short names of the ancestors without the process itself; with a position one: 0 is the process, \
         1 its parent."
        => each |j, arg, emit| emit.texts(ancestors(j, arg).map(KeptProcess::short_name));
    PROC_AEXE = "proc.aexe": Text { list: true, argument: Argument::OptionalIndex }, PROCESS,
        "argv[0] of the ancestors."
        => each |j, arg, emit| emit.texts(ancestors(j, arg).map(argv0));
    PROC_AEXEPATH = "proc.aexepath": Path { list: true, argument: Argument::OptionalIndex }, PROCESS,
        "Executables of the ancestors."
        => each |j, arg, emit| emit.texts(ancestors(j, arg).map(exe_path));
    PROC_ACMDLINE = "proc.acmdline": Text { list: true, argument: Argument::OptionalIndex }, PROCESS,
        "Command lines of the ancestors."
        => each |j, arg, emit| emit.texts(ancestors(j, arg).map(KeptProcess::short_cmdline));
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
            members.last().map(|leader| text(leader.short_name()))
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
