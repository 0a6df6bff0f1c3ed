//! Kinds, operations, other names, and what no capture can answer.

use sysflow_event::raw::Category;
use sysflow_field::{Alias, Foreign};
use sysflow_scap::{Name, events, system_call_name};

/// What operations are about.
pub(super) const KINDS: &[&str] = &[
    "unknown",
    "other",
    "file",
    "net",
    "IPC",
    "memory",
    "process",
    "sleep",
    "system",
    "signal",
    "user",
    "time",
    "wait",
    "scheduler",
    "internal",
    "ipc",
];

/// Reads and writes on unix sockets: Falco spells them otherwise than operations of that category.
pub(super) const OF_UNIX: &str = "ipc";

/// The word for a category.
pub(super) const fn category(category: Category) -> &'static str {
    KINDS[match category {
        Category::Unknown | Category::OfDescriptor => 0,
        Category::Other => 1,
        Category::File => 2,
        Category::Net => 3,
        Category::Ipc => 4,
        Category::Memory => 5,
        Category::Process => 6,
        Category::Sleep => 7,
        Category::System => 8,
        Category::Signal => 9,
        Category::User => 10,
        Category::Time => 11,
        Category::Wait => 12,
        Category::Scheduler => 13,
        Category::Internal => 14,
    }]
}

/// The bit of all operations that have none of their own.
const OTHERS: u64 = 1 << 63;

/// Groups of operations that rules ask for, a bit for each.
const GROUPS: &[&[&str]] = &[
    &["execve", "execveat"],
    &["clone", "clone3", "fork", "vfork"],
    &["procexit"],
    &["open", "openat", "openat2", "creat", "open_by_handle_at"],
    &["close", "close_range"],
    &["read", "readv", "pread", "preadv"],
    &["write", "writev", "pwrite", "pwritev"],
    &["recv", "recvfrom", "recvmsg", "recvmmsg"],
    &["send", "sendto", "sendmsg", "sendmmsg"],
    &["accept", "accept4"],
    &["connect"],
    &["listen", "bind"],
    &["socket", "socketpair"],
    &["rename", "renameat", "renameat2"],
    &["rmdir", "unlink", "unlinkat"],
    &["mkdir", "mkdirat"],
    &["link", "linkat"],
    &["symlink", "symlinkat"],
    &["chmod", "fchmod", "fchmodat"],
    &["chown", "fchown", "lchown", "fchownat"],
    &["dup", "dup2", "dup3"],
    &[
        "setuid",
        "setgid",
        "setresuid",
        "setresgid",
        "setreuid",
        "setregid",
    ],
    &["setns", "unshare"],
    &["ptrace", "process_vm_readv", "process_vm_writev"],
    &["bpf"],
    &["init_module", "finit_module", "delete_module"],
    &["mount", "umount", "umount2"],
    &["kill", "tkill", "tgkill"],
    &["userfaultfd", "memfd_create"],
    &["mmap", "mmap2", "munmap", "mprotect", "brk"],
    &["chdir", "fchdir", "chroot"],
    &["container"],
];

const COUNT: usize = {
    let mut count = 0;
    let mut group = 0;
    while group < GROUPS.len() {
        count += GROUPS[group].len();
        group += 1;
    }
    count
};

/// Operations with their bits.
pub(super) const OPERATIONS: &[(&str, u64)] = &{
    let mut operations = [("", 0); COUNT];
    let (mut next, mut group) = (0, 0);
    while group < GROUPS.len() {
        let mut member = 0;
        while member < GROUPS[group].len() {
            operations[next] = (GROUPS[group][member], 1 << group);
            next += 1;
            member += 1;
        }
        group += 1;
    }
    operations
};

/// The bit of an operation.
pub(super) fn operation(name: &str) -> u64 {
    let found = OPERATIONS.iter().find(|(known, _)| *known == name);
    found.map_or(OTHERS, |(_, bits)| *bits)
}

/// Calls that the kernels of 32-bit and of other machines have beside those of x86-64.
const OTHER_CALLS: &[&str] = &[
    "_llseek",
    "_newselect",
    "fadvise64_64",
    "fcntl64",
    "fstat64",
    "fstatat64",
    "fstatfs64",
    "ftruncate64",
    "ipc",
    "lstat64",
    "mmap2",
    "nice",
    "recv",
    "renameat",
    "send",
    "sendfile64",
    "sigaction",
    "sigpending",
    "sigprocmask",
    "sigreturn",
    "sigsuspend",
    "signal",
    "socketcall",
    "stat64",
    "statfs64",
    "stime",
    "truncate64",
    "ugetrlimit",
    "umount",
    "waitpid",
];

/// Whether a word names an operation: an event, a system call, or what rules ask for.
pub(super) fn is_operation(name: &str) -> bool {
    let is_event = || events().iter().any(|event| event.name == name);
    let is_call = || (0..NUMBERS).any(|number| system_call_name(number) == Some(name));
    let is_grouped = || OPERATIONS.iter().any(|(known, _)| *known == name);
    !name.is_empty() && (is_grouped() || is_event() || is_call() || OTHER_CALLS.contains(&name))
}

/// Numbers of system calls are below this one.
const NUMBERS: u16 = 600;

/// Whether a word names an argument of some event, or counts one.
pub(super) fn is_argument(name: &str) -> bool {
    name.parse::<u8>().is_ok() || Name::find(name).is_some()
}

const fn alias(name: &'static str, target: &'static str) -> Alias {
    Alias { name, target }
}

/// Names that stand for a field.
pub(super) const ALIASES: &[Alias] = &[
    alias("evt.rawtime", "evt.time"),
    alias("proc.vmsize", "thread.vmsize"),
    alias("proc.vmrss", "thread.vmrss"),
];

const fn foreign(name: &'static str, reason: &'static str) -> Foreign {
    Foreign { name, reason }
}

const SPAN: &str = "is the time inside a call, whose beginning is no event any more";
const DNS: &str = "needs names of addresses";
const DATABASE: &str = "needs the user database of the host, of which only names are kept";
const RUNTIME: &str = "needs the runtime's description of the container";
const PODS: &str = "needs the description of the pod";
const TOTALS: &str = "is for totals over events, not for a single one";
const PORTS: &str = "needs names of ports: ask for the port";
const GROUP: &str = "needs groups as the host numbers them: ask for proc.vpgid";
const DOUBLE: &str = "is a fraction, a type that fields do not have";

/// Fields of Falco that no capture answers. Each covers the names below it.
pub(super) const FOREIGN: &[Foreign] = &[
    foreign("evt.rawarg", "has another type with each argument"),
    foreign("evt.latency", SPAN),
    foreign("evt.wait_latency", SPAN),
    foreign("evt.deltatime", "needs the event before"),
    foreign("evt.reltime", "needs the first event"),
    foreign("evt.around", "needs events that are still to come"),
    foreign("evt.count.error.file", TOTALS),
    foreign("evt.count.error.net", TOTALS),
    foreign("evt.count.error.memory", TOTALS),
    foreign("evt.count.error.other", TOTALS),
    foreign("evt.count.procinfo", TOTALS),
    foreign("evt.count.threadinfo", TOTALS),
    foreign("evt.pluginname", "belongs to events of plugins"),
    foreign("evt.plugininfo", "belongs to events of plugins"),
    foreign("evt.infra", "belongs to events of a retired kind"),
    foreign("evt.is_syslog", "needs to know where the log listens"),
    foreign(
        "fd.containerdirectory",
        "is the directory with the container before it: ask for both",
    ),
    foreign("fd.cproto", PORTS),
    foreign("fd.sproto", PORTS),
    foreign("fd.lproto", PORTS),
    foreign("fd.rproto", PORTS),
    foreign(
        "proc.aenv",
        "needs the environments of all ancestors in one text",
    ),
    foreign("proc.pgid.name", GROUP),
    foreign("proc.pgid.exe", GROUP),
    foreign("proc.pgid.exepath", GROUP),
    foreign("proc.stdin.type", "is told by the name"),
    foreign("proc.stdout.type", "is told by the name"),
    foreign("proc.stderr.type", "is told by the name"),
    foreign("fd.types", "needs every descriptor of the call"),
    foreign("fd.cip.name", DNS),
    foreign("fd.sip.name", DNS),
    foreign("fd.lip.name", DNS),
    foreign("fd.rip.name", DNS),
    foreign("fdlist", "needs the descriptors that a call polls"),
    foreign("proc.fdusage", DOUBLE),
    foreign("thread.cpu", DOUBLE),
    foreign(
        "thread.exectime",
        "needs every change of threads on a processor",
    ),
    foreign(
        "thread.totexectime",
        "needs every change of threads on a processor",
    ),
    foreign("user.homedir", DATABASE),
    foreign("user.shell", DATABASE),
    foreign("container.mount", RUNTIME),
    foreign("container.mounts", RUNTIME),
    foreign("container.label", RUNTIME),
    foreign("container.labels", RUNTIME),
    foreign("container.healthcheck", RUNTIME),
    foreign("container.ip", RUNTIME),
    foreign("container.full_id", RUNTIME),
    foreign("k8s", PODS),
    foreign("ka", "belongs to Kubernetes audit events"),
    foreign("jevt", "belongs to events in JSON"),
];
