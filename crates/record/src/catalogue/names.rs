//! Other names: aliases, operations, and well-known fields that no record can answer.

use sysflow_field::{Alias, Foreign};

use crate::OpFlags;

const fn alias(name: &'static str, target: &'static str) -> Alias {
    Alias { name, target }
}

/// Names that stand for a field.
pub(super) const ALIASES: &[Alias] = &[
    // Columns of the original's printer that are called otherwise as attributes.
    alias("sf.ts_uts", "sf.ts"),
    alias("sf.endts_uts", "sf.endts"),
    alias("sf.opflags_bitmap", "sf.opflags.bits"),
    alias("sf.pod.nname", "sf.pod.nodename"),
    alias("sf.pod.ns", "sf.pod.namespace"),
    alias("sf.pod.rstrtcnt", "sf.pod.restartcnt"),
    alias("sf.k8s.action", "sf.ke.action"),
    alias("sf.k8s.kind", "sf.ke.kind"),
    alias("sf.k8s.msg", "sf.ke.message"),
    alias("sf.schema", "sf.meta.schema"),
    alias("sf.filename", "sf.meta.filename"),
    // Names that the original's documentation promises.
    alias("sf.container.image.id", "sf.container.imageid"),
    alias("sf.schema.version", "sf.meta.schema"),
    // Names that the original's own policies use although they never existed: to the original they were
    // texts, so that the checks with them did nothing.
    alias("sf.proc.username", "sf.proc.user"),
    alias("sf.file.typechar", "sf.file.type"),
    // Falco's spellings of one thing, old and new, and the original's aliases that Falco lacks.
    alias("evt.rawtime", "evt.time"),
    alias("fd.net", "fd.ip"),
    alias("fd.cnet", "fd.cip"),
    alias("fd.snet", "fd.sip"),
    alias("fd.dip", "fd.sip"),
    alias("fd.dport", "fd.sport"),
    alias("fd.proto", "fd.l4proto"),
    alias("proc.user", "user.name"),
    alias("proc.uid", "user.uid"),
    alias("proc.gid", "group.gid"),
    alias("proc.group", "group.name"),
    alias("proc.tid", "thread.tid"),
    alias("proc.createtime", "proc.pid.ts"),
    alias("proc.pcreatetime", "proc.ppid.ts"),
    alias("container.image.id", "container.imageid"),
    alias("container.image", "container.image.full"),
];

const fn bits(flags: OpFlags) -> u64 {
    flags.bits() as u64
}

/// Names of operations, SysFlow's and the system calls that each stands for, with their flags.
pub(super) const OPERATIONS: &[(&str, u64)] = &[
    ("MKDIR", bits(OpFlags::MKDIR)),
    ("RMDIR", bits(OpFlags::RMDIR)),
    ("LINK", bits(OpFlags::LINK)),
    ("SYMLINK", bits(OpFlags::SYMLINK)),
    ("UNLINK", bits(OpFlags::UNLINK)),
    ("RENAME", bits(OpFlags::RENAME)),
    ("CLONE", bits(OpFlags::CLONE)),
    ("EXEC", bits(OpFlags::EXEC)),
    ("EXIT", bits(OpFlags::EXIT)),
    ("SETUID", bits(OpFlags::SETUID)),
    ("OPEN", bits(OpFlags::OPEN)),
    ("ACCEPT", bits(OpFlags::ACCEPT)),
    ("CONNECT", bits(OpFlags::CONNECT)),
    ("CLOSE", bits(OpFlags::CLOSE)),
    ("WRITE", bits(OpFlags::WRITE_SEND)),
    ("SEND", bits(OpFlags::WRITE_SEND)),
    ("READ", bits(OpFlags::READ_RECV)),
    ("RECV", bits(OpFlags::READ_RECV)),
    ("SETNS", bits(OpFlags::SETNS)),
    ("MMAP", bits(OpFlags::MMAP)),
    ("SHUTDOWN", bits(OpFlags::SHUTDOWN)),
    ("TRUNCATE", bits(OpFlags::TRUNCATE)),
    ("DIGEST", bits(OpFlags::DIGEST)),
    ("mkdir", bits(OpFlags::MKDIR)),
    ("mkdirat", bits(OpFlags::MKDIR)),
    ("rmdir", bits(OpFlags::RMDIR)),
    ("link", bits(OpFlags::LINK)),
    ("linkat", bits(OpFlags::LINK)),
    ("symlink", bits(OpFlags::SYMLINK)),
    ("symlinkat", bits(OpFlags::SYMLINK)),
    ("unlink", bits(OpFlags::UNLINK)),
    ("unlinkat", bits(OpFlags::UNLINK)),
    ("rename", bits(OpFlags::RENAME)),
    ("renameat", bits(OpFlags::RENAME)),
    ("renameat2", bits(OpFlags::RENAME)),
    ("clone", bits(OpFlags::CLONE)),
    ("clone3", bits(OpFlags::CLONE)),
    ("fork", bits(OpFlags::CLONE)),
    ("vfork", bits(OpFlags::CLONE)),
    ("execve", bits(OpFlags::EXEC)),
    ("execveat", bits(OpFlags::EXEC)),
    ("procexit", bits(OpFlags::EXIT)),
    ("setuid", bits(OpFlags::SETUID)),
    ("setresuid", bits(OpFlags::SETUID)),
    ("open", bits(OpFlags::OPEN)),
    ("openat", bits(OpFlags::OPEN)),
    ("openat2", bits(OpFlags::OPEN)),
    ("creat", bits(OpFlags::OPEN)),
    ("accept", bits(OpFlags::ACCEPT)),
    ("accept4", bits(OpFlags::ACCEPT)),
    ("connect", bits(OpFlags::CONNECT)),
    ("close", bits(OpFlags::CLOSE)),
    ("read", bits(OpFlags::READ_RECV)),
    ("recvfrom", bits(OpFlags::READ_RECV)),
    ("recvmsg", bits(OpFlags::READ_RECV)),
    ("write", bits(OpFlags::WRITE_SEND)),
    ("sendto", bits(OpFlags::WRITE_SEND)),
    ("sendmsg", bits(OpFlags::WRITE_SEND)),
    ("setns", bits(OpFlags::SETNS)),
    ("mmap", bits(OpFlags::MMAP)),
    ("shutdown", bits(OpFlags::SHUTDOWN)),
];

const fn foreign(name: &'static str, reason: &'static str) -> Foreign {
    Foreign { name, reason }
}

/// Rules mostly ask whether an address does *not* belong to a network: an answer for some flows only would
/// make the others alerts.
const LOCAL_END: &str =
    "needs to know which end is local, which only flows with a connect or accept tell";

/// Fields of Falco that no record can answer. Each covers the names below it.
pub const FOREIGN: &[Foreign] = &[
    foreign("evt.args", "needs the arguments of the system call"),
    foreign("evt.arg", "needs that argument of the system call"),
    foreign("evt.rawarg", "needs that argument of the system call"),
    foreign("evt.buffer", "needs the data that was read or written"),
    foreign("evt.buflen", "needs the size of a single read or write"),
    foreign("evt.is_open_exec", "needs the mode of the open"),
    foreign("evt.abspath", "needs the arguments of the system call"),
    foreign("evt.cpu", "needs the processor of the event"),
    foreign(
        "evt.latency",
        "is the time inside a system call, which is not recorded",
    ),
    foreign("evt.category", "belongs to single system calls"),
    foreign("evt.failed", "needs the result of the single system call"),
    foreign("evt.info", "needs the arguments of the system call"),
    foreign("fd.connected", "needs the state of the socket at the event"),
    foreign(
        "fd.name_changed",
        "needs the state of the socket at the event",
    ),
    foreign("fd.nameraw", "needs the path as the program gave it"),
    foreign("fd.lip", LOCAL_END),
    foreign("fd.rip", LOCAL_END),
    foreign("fd.lport", LOCAL_END),
    foreign("fd.rport", LOCAL_END),
    foreign("fd.lnet", LOCAL_END),
    foreign("fd.rnet", LOCAL_END),
    foreign("fd.cip.name", "needs names of addresses"),
    foreign("fd.sip.name", "needs names of addresses"),
    foreign("fd.types", "needs the descriptors of the system call"),
    foreign(
        "proc.is_vpgid_leader",
        "needs the process group inside the namespace",
    ),
    foreign("proc.fdopencount", "needs the number of open descriptors"),
    foreign("proc.cpu", "needs the load of the process"),
    foreign("proc.vmsize", "needs the memory of the process"),
    foreign("proc.vmrss", "needs the memory of the process"),
    foreign("user.homedir", "needs the user database of the host"),
    foreign("user.shell", "needs the user database of the host"),
    foreign("user.loginname", "needs the user database of the host"),
    foreign("container.healthcheck", "needs the runtime's configuration"),
    foreign("container.label", "needs the runtime's labels"),
    foreign("k8s.pod.label", "needs the labels of the pod"),
    foreign("ka", "belongs to Kubernetes audit events"),
    foreign("jevt", "belongs to events in JSON"),
];
