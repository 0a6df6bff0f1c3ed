//! Operations, for indexes of rules: each has a bit, alone or with its like.

use sysflow_scap::{events, system_call_name};

/// The bit of all operations that have none of their own.
pub(super) const OTHERS: u64 = 1 << 63;

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
    &["switch"],
    &["procinfo"],
    &["signaldeliver"],
    &["futex"],
    &["fcntl"],
    &["ioctl"],
    &[
        "stat",
        "lstat",
        "fstat",
        "newfstatat",
        "stat64",
        "lstat64",
        "fstat64",
        "fstatat64",
    ],
    &["access", "faccessat", "faccessat2"],
    &["lseek", "llseek"],
    &["getdents", "getdents64"],
    &["poll", "ppoll", "select", "pselect6"],
    &["epoll_wait", "epoll_pwait", "epoll_ctl"],
    &[
        "epoll_create",
        "epoll_create1",
        "eventfd",
        "eventfd2",
        "timerfd_create",
        "signalfd",
        "signalfd4",
    ],
    &["inotify_init", "inotify_init1"],
    &["pipe", "pipe2"],
    &["sendfile", "splice", "copy_file_range"],
    &[
        "getsockopt",
        "setsockopt",
        "shutdown",
        "getsockname",
        "getpeername",
    ],
    &["prctl", "capset", "seccomp"],
    &["setsid", "setpgid"],
    &[
        "getuid",
        "geteuid",
        "getgid",
        "getegid",
        "getresuid",
        "getresgid",
    ],
    &["io_uring_setup", "io_uring_enter", "io_uring_register"],
    &["nanosleep"],
    &["page_fault"],
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

/// Operations with their bits, in the order of their names.
pub(super) const ALL: &[(&str, u64)] = &{
    let mut all = [("", 0); COUNT];
    let (mut next, mut group) = (0, 0);
    while group < GROUPS.len() {
        let mut member = 0;
        while member < GROUPS[group].len() {
            // Insertion sort: the compiler does it once.
            let mut at = next;
            while at > 0 && is_before(GROUPS[group][member], all[at - 1].0) {
                all[at] = all[at - 1];
                at -= 1;
            }
            all[at] = (GROUPS[group][member], 1 << group);
            next += 1;
            member += 1;
        }
        group += 1;
    }
    all
};

const fn is_before(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut index = 0;
    while index < one.len() && index < other.len() {
        if one[index] != other[index] {
            return one[index] < other[index];
        }
        index += 1;
    }
    one.len() < other.len()
}

/// Slots of the hash table of operations: a power of two, four times what it holds.
const SLOTS: usize = 1024;

/// [`ALL`] by hash, each in the first free slot behind the one of its hash. Asked for every event.
static HASHED: [(&str, u64); SLOTS] = {
    assert!(COUNT * 4 < SLOTS);
    let mut slots = [("", OTHERS); SLOTS];
    let mut next = 0;
    while next < COUNT {
        let mut slot = slot_of(ALL[next].0);
        while !slots[slot].0.is_empty() {
            slot = (slot + 1) % SLOTS;
        }
        slots[slot] = ALL[next];
        next += 1;
    }
    slots
};

/// By the length, the first eight bytes and the last one: enough to tell most names apart.
const fn slot_of(name: &str) -> usize {
    let bytes = name.as_bytes();
    let (mut word, mut index) = (bytes.len() as u64, 0);
    while index < bytes.len() && index < 8 {
        word = word.rotate_left(8) ^ bytes[index] as u64;
        index += 1;
    }
    if let Some(last) = bytes.last() {
        word ^= (*last as u64) << 32;
    }
    (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize
}

/// The bit of an operation.
pub(crate) fn bit_of(name: &str) -> u64 {
    let mut slot = slot_of(name);
    loop {
        let (known, bit) = HASHED[slot];
        if known == name || known.is_empty() {
            return bit;
        }
        slot = (slot + 1) % SLOTS;
    }
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
    let is_grouped = || ALL.iter().any(|(known, _)| *known == name);
    !name.is_empty() && (is_grouped() || is_event() || is_call() || OTHER_CALLS.contains(&name))
}

/// Numbers of system calls are below this one.
const NUMBERS: u16 = 600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_found_and_groups_have_a_bit_each() {
        assert!(ALL.is_sorted() && ALL.windows(2).all(|pair| pair[0].0 != pair[1].0));
        assert!(GROUPS.len() < 63);
        for (bit, group) in GROUPS.iter().enumerate() {
            for name in *group {
                assert_eq!(bit_of(name), 1 << bit);
            }
        }
        assert_eq!((bit_of("getpid"), bit_of("")), (OTHERS, OTHERS));
    }
}
