//! The system calls that are seen, and how each is told: one table, which is also sent to the kernel.

use sysflow_scap::Code;

use crate::interface::{ARGUMENTS, Call, RESULT, action, lane, special};

/// A system call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// The kernel's number.
    pub(crate) number: u16,
    /// Its name in rules.
    pub(crate) name: &'static str,
    /// The code that names its arguments.
    pub(crate) code: Code,
    /// How it is told.
    pub(crate) call: Call,
}

const NONE: Call = Call {
    action: 0,
    lane: 0,
    special: 0,
    direction: 0,
    strings: [0; 3],
    fd: 0,
    fd2: 0,
    address: 0,
    data: 0,
    numbers: 0,
    numbers_size: 0,
    arguments: ARGUMENTS as u8,
    first: 0,
    unused: 0,
};

/// The code of calls that have none of their own.
pub(crate) const GENERIC: Code = Code(1);

/// A call of which each is told.
const fn told(number: i64, name: &'static str, code: Code) -> Known {
    Known {
        number: number as u16,
        name,
        code,
        call: Call {
            action: action::TELL,
            lane: lane::NORMAL,
            arguments: arguments(number),
            ..NONE
        },
    }
}

/// How many arguments a call takes: only these cross. The kernel's and the C library's views of a call may differ; what
/// counts is the kernel's.
#[rustfmt::skip]
const fn arguments(number: i64) -> u8 {
    match number {
        libc::SYS_setsid => 0,
        libc::SYS_close | libc::SYS_dup | libc::SYS_setuid | libc::SYS_setgid | libc::SYS_setfsuid
        | libc::SYS_setfsgid | libc::SYS_unshare | libc::SYS_chdir | libc::SYS_fchdir | libc::SYS_chroot
        | libc::SYS_userfaultfd | libc::SYS_inotify_init1 | libc::SYS_epoll_create1 => 1,
        libc::SYS_clone3 | libc::SYS_setreuid | libc::SYS_setregid | libc::SYS_setgroups | libc::SYS_capset
        | libc::SYS_setns | libc::SYS_setpgid | libc::SYS_pivot_root | libc::SYS_kill | libc::SYS_tkill
        | libc::SYS_delete_module | libc::SYS_io_uring_setup | libc::SYS_pipe2 | libc::SYS_memfd_create
        | libc::SYS_pidfd_open | libc::SYS_eventfd2 | libc::SYS_timerfd_create | libc::SYS_fanotify_init
        | libc::SYS_truncate | libc::SYS_ftruncate | libc::SYS_fchmod | libc::SYS_umount2 | libc::SYS_fsopen
        | libc::SYS_swapon | libc::SYS_listen | libc::SYS_shutdown => 2,
        libc::SYS_execve | libc::SYS_setresuid | libc::SYS_setresgid | libc::SYS_tgkill | libc::SYS_seccomp
        | libc::SYS_bpf | libc::SYS_init_module | libc::SYS_finit_module | libc::SYS_open_by_handle_at
        | libc::SYS_close_range | libc::SYS_dup3 | libc::SYS_fcntl | libc::SYS_pidfd_getfd
        | libc::SYS_symlinkat | libc::SYS_unlinkat | libc::SYS_mkdirat | libc::SYS_fchmodat
        | libc::SYS_fchown | libc::SYS_open_tree | libc::SYS_fsmount | libc::SYS_socket | libc::SYS_bind
        | libc::SYS_connect | libc::SYS_accept | libc::SYS_read | libc::SYS_readv | libc::SYS_recvmsg
        | libc::SYS_write | libc::SYS_writev | libc::SYS_sendmsg => 3,
        libc::SYS_ptrace | libc::SYS_pidfd_send_signal | libc::SYS_kexec_load | libc::SYS_request_key
        | libc::SYS_io_uring_register | libc::SYS_openat | libc::SYS_openat2 | libc::SYS_signalfd4
        | libc::SYS_renameat | libc::SYS_mknodat | SYS_FCHMODAT2 | libc::SYS_socketpair | libc::SYS_accept4
        | libc::SYS_pread64 | libc::SYS_pwrite64 | libc::SYS_sendmmsg | libc::SYS_sendfile | libc::SYS_tee
        | libc::SYS_vmsplice => 4,
        libc::SYS_clone | libc::SYS_execveat | libc::SYS_prctl | libc::SYS_keyctl | libc::SYS_add_key
        | libc::SYS_perf_event_open | libc::SYS_linkat | libc::SYS_renameat2 | libc::SYS_fchownat
        | libc::SYS_mount | libc::SYS_move_mount | libc::SYS_preadv | libc::SYS_pwritev
        | libc::SYS_recvmmsg => 5,
        _ => old_arguments(number),
    }
}

/// The same of calls that newer architectures do without.
#[cfg(target_arch = "x86_64")]
const fn old_arguments(number: i64) -> u8 {
    match number {
        libc::SYS_fork | libc::SYS_vfork | libc::SYS_inotify_init => 0,
        libc::SYS_pipe
        | libc::SYS_eventfd
        | libc::SYS_epoll_create
        | libc::SYS_unlink
        | libc::SYS_rmdir => 1,
        libc::SYS_creat
        | libc::SYS_dup2
        | libc::SYS_link
        | libc::SYS_symlink
        | libc::SYS_rename
        | libc::SYS_mkdir
        | libc::SYS_chmod => 2,
        libc::SYS_open
        | libc::SYS_signalfd
        | libc::SYS_mknod
        | libc::SYS_chown
        | libc::SYS_lchown => 3,
        _ => ARGUMENTS as u8,
    }
}
#[cfg(not(target_arch = "x86_64"))]
const fn old_arguments(_: i64) -> u8 {
    ARGUMENTS as u8
}

/// A call that others must not displace.
const fn critical(number: i64, name: &'static str, code: Code) -> Known {
    let mut known = told(number, name, code);
    known.call.lane = lane::CRITICAL;
    known
}

/// A call that moves data on its first argument.
const fn counted(number: i64, name: &'static str, code: Code, direction: u8) -> Known {
    let mut known = told(number, name, code);
    known.call.action = action::COUNT;
    known.call.direction = direction;
    known.call.first = 1;
    known.call.fd = 1;
    known
}

impl Known {
    const fn texts<const N: usize>(mut self, positions: [u8; N]) -> Self {
        let mut index = 0;
        while index < N {
            self.call.strings[index] = positions[index];
            index += 1;
        }
        self
    }

    const fn fd(mut self, position: u8) -> Self {
        self.call.fd = position;
        self
    }

    const fn fd2(mut self, position: u8) -> Self {
        self.call.fd2 = position;
        self
    }

    const fn address(mut self, position: u8) -> Self {
        self.call.address = position;
        self
    }

    const fn data(mut self, position: u8) -> Self {
        self.call.data = position;
        self
    }

    const fn special(mut self, special: u8) -> Self {
        self.call.special = special;
        self
    }

    const fn numbers(mut self, position: u8, size: u32) -> Self {
        self.call.numbers = position;
        self.call.numbers_size = size;
        self
    }
}

const IN: u8 = 1;
const OUT: u8 = 2;

/// Calls of all architectures.
#[rustfmt::skip]
const CALLS: &[Known] = &[
    // Processes. A new thread or program is told by the kernel's own places; these are the other ends.
    critical(libc::SYS_clone, "clone", Code::SYSCALL_CLONE_20_X).special(special::CLONE),
    critical(libc::SYS_clone3, "clone3", Code::SYSCALL_CLONE3_X).numbers(1, 88).special(special::CLONE),
    critical(libc::SYS_execve, "execve", Code::SYSCALL_EXECVE_19_X).texts([1]).special(special::EXEC),
    critical(libc::SYS_execveat, "execveat", Code::SYSCALL_EXECVEAT_X).texts([2]).special(special::EXEC),
    critical(libc::SYS_setuid, "setuid", Code::SYSCALL_SETUID_X),
    critical(libc::SYS_setgid, "setgid", Code::SYSCALL_SETGID_X),
    critical(libc::SYS_setreuid, "setreuid", Code::SYSCALL_SETREUID_X),
    critical(libc::SYS_setregid, "setregid", Code::SYSCALL_SETREGID_X),
    critical(libc::SYS_setresuid, "setresuid", Code::SYSCALL_SETRESUID_X),
    critical(libc::SYS_setresgid, "setresgid", Code::SYSCALL_SETRESGID_X),
    critical(libc::SYS_setfsuid, "setfsuid", GENERIC),
    critical(libc::SYS_setfsgid, "setfsgid", GENERIC),
    critical(libc::SYS_setgroups, "setgroups", GENERIC),
    critical(libc::SYS_capset, "capset", Code::SYSCALL_CAPSET_X).numbers(2, 24),
    critical(libc::SYS_setns, "setns", Code::SYSCALL_SETNS_X),
    critical(libc::SYS_unshare, "unshare", Code::SYSCALL_UNSHARE_X),
    critical(libc::SYS_setsid, "setsid", Code::SYSCALL_SETSID_X),
    critical(libc::SYS_setpgid, "setpgid", Code::SYSCALL_SETPGID_X),
    critical(libc::SYS_chdir, "chdir", Code::SYSCALL_CHDIR_X).texts([1]).special(special::DIRECTORY),
    critical(libc::SYS_fchdir, "fchdir", Code::SYSCALL_FCHDIR_X).fd(1),
    critical(libc::SYS_chroot, "chroot", Code::SYSCALL_CHROOT_X).texts([1]),
    critical(libc::SYS_pivot_root, "pivot_root", GENERIC).texts([1, 2]),
    told(libc::SYS_prctl, "prctl", Code::SYSCALL_PRCTL_X).texts([2]),
    critical(libc::SYS_ptrace, "ptrace", Code::SYSCALL_PTRACE_X),
    critical(libc::SYS_process_vm_readv, "process_vm_readv", Code::SYSCALL_PROCESS_VM_READV_X),
    critical(libc::SYS_process_vm_writev, "process_vm_writev", Code::SYSCALL_PROCESS_VM_WRITEV_X)
        .data(2).special(special::VECTOR),
    critical(libc::SYS_kill, "kill", Code::SYSCALL_KILL_X),
    critical(libc::SYS_tkill, "tkill", Code::SYSCALL_TKILL_X),
    critical(libc::SYS_tgkill, "tgkill", Code::SYSCALL_TGKILL_X),
    critical(libc::SYS_pidfd_send_signal, "pidfd_send_signal", GENERIC),
    critical(libc::SYS_seccomp, "seccomp", Code::SYSCALL_SECCOMP_X),

    // The kernel itself.
    critical(libc::SYS_bpf, "bpf", Code::SYSCALL_BPF_2_X),
    critical(libc::SYS_init_module, "init_module", Code::SYSCALL_INIT_MODULE_X).texts([3]),
    critical(libc::SYS_finit_module, "finit_module", Code::SYSCALL_FINIT_MODULE_X).texts([2]).fd(1),
    critical(libc::SYS_delete_module, "delete_module", Code::SYSCALL_DELETE_MODULE_X).texts([1]),
    critical(libc::SYS_kexec_load, "kexec_load", GENERIC),
    critical(libc::SYS_keyctl, "keyctl", Code::SYSCALL_KEYCTL_X),
    critical(libc::SYS_add_key, "add_key", GENERIC).texts([1, 2]),
    critical(libc::SYS_request_key, "request_key", GENERIC).texts([1, 2]),
    critical(libc::SYS_perf_event_open, "perf_event_open", GENERIC),
    critical(libc::SYS_userfaultfd, "userfaultfd", Code::SYSCALL_USERFAULTFD_X),
    critical(libc::SYS_io_uring_setup, "io_uring_setup", Code::SYSCALL_IO_URING_SETUP_X).numbers(2, 32),
    told(libc::SYS_io_uring_enter, "io_uring_enter", Code::SYSCALL_IO_URING_ENTER_X),
    told(libc::SYS_io_uring_register, "io_uring_register", Code::SYSCALL_IO_URING_REGISTER_X),

    // Descriptors.
    told(libc::SYS_openat, "openat", Code::SYSCALL_OPENAT_2_X).texts([2]).fd(RESULT),
    told(libc::SYS_openat2, "openat2", Code::SYSCALL_OPENAT2_X).texts([2]).fd(RESULT).numbers(3, 24),
    told(libc::SYS_open_by_handle_at, "open_by_handle_at", Code::SYSCALL_OPEN_BY_HANDLE_AT_X).fd(RESULT),
    told(libc::SYS_close, "close", Code::SYSCALL_CLOSE_X).special(special::CLOSE),
    told(libc::SYS_close_range, "close_range", Code::SYSCALL_CLOSE_RANGE_X).special(special::CLOSE_RANGE),
    told(libc::SYS_dup, "dup", Code::SYSCALL_DUP_1_X),
    told(libc::SYS_dup3, "dup3", Code::SYSCALL_DUP3_X).special(special::DUP2),
    told(libc::SYS_fcntl, "fcntl", Code::SYSCALL_FCNTL_X).special(special::DUP_COMMAND),
    told(libc::SYS_pipe2, "pipe2", Code::SYSCALL_PIPE2_X).numbers(1, 8).special(special::PAIR),
    told(libc::SYS_memfd_create, "memfd_create", Code::SYSCALL_MEMFD_CREATE_X).texts([1]).fd(RESULT),
    critical(libc::SYS_pidfd_open, "pidfd_open", Code::SYSCALL_PIDFD_OPEN_X),
    critical(libc::SYS_pidfd_getfd, "pidfd_getfd", Code::SYSCALL_PIDFD_GETFD_X).fd(RESULT),
    told(libc::SYS_eventfd2, "eventfd2", Code::SYSCALL_EVENTFD2_X),
    told(libc::SYS_timerfd_create, "timerfd_create", Code::SYSCALL_TIMERFD_CREATE_X),
    told(libc::SYS_signalfd4, "signalfd4", Code::SYSCALL_SIGNALFD4_X),
    told(libc::SYS_inotify_init1, "inotify_init1", Code::SYSCALL_INOTIFY_INIT1_X),
    told(libc::SYS_epoll_create1, "epoll_create1", Code::SYSCALL_EPOLL_CREATE1_X),
    told(libc::SYS_fanotify_init, "fanotify_init", GENERIC),
    told(libc::SYS_mmap, "mmap", Code::SYSCALL_MMAP_X).fd(5).special(special::MAP),

    // Names in the file system.
    told(libc::SYS_linkat, "linkat", Code::SYSCALL_LINKAT_2_X).texts([2, 4]),
    told(libc::SYS_symlinkat, "symlinkat", Code::SYSCALL_SYMLINKAT_X).texts([1, 3]),
    told(libc::SYS_renameat, "renameat", Code::SYSCALL_RENAMEAT_X).texts([2, 4]),
    told(libc::SYS_renameat2, "renameat2", Code::SYSCALL_RENAMEAT2_X).texts([2, 4]),
    told(libc::SYS_unlinkat, "unlinkat", Code::SYSCALL_UNLINKAT_2_X).texts([2]),
    told(libc::SYS_mkdirat, "mkdirat", Code::SYSCALL_MKDIRAT_X).texts([2]),
    told(libc::SYS_mknodat, "mknodat", Code::SYSCALL_MKNODAT_X).texts([2]),
    told(libc::SYS_truncate, "truncate", GENERIC).texts([1]),
    told(libc::SYS_ftruncate, "ftruncate", GENERIC).fd(1),
    told(libc::SYS_fchmod, "fchmod", Code::SYSCALL_FCHMOD_X).fd(1),
    told(libc::SYS_fchmodat, "fchmodat", Code::SYSCALL_FCHMODAT_X).texts([2]),
    told(SYS_FCHMODAT2, "fchmodat2", GENERIC).texts([2]),
    told(libc::SYS_fchown, "fchown", Code::SYSCALL_FCHOWN_X).fd(1),
    told(libc::SYS_fchownat, "fchownat", Code::SYSCALL_FCHOWNAT_X).texts([2]),
    critical(libc::SYS_mount, "mount", Code::SYSCALL_MOUNT_X).texts([1, 2, 3]),
    critical(libc::SYS_umount2, "umount2", Code::SYSCALL_UMOUNT2_X).texts([1]),
    critical(libc::SYS_move_mount, "move_mount", GENERIC).texts([2, 4]),
    critical(libc::SYS_open_tree, "open_tree", GENERIC).texts([2]).fd(RESULT),
    critical(libc::SYS_fsopen, "fsopen", GENERIC).texts([1]),
    critical(libc::SYS_fsmount, "fsmount", GENERIC),
    critical(libc::SYS_swapon, "swapon", GENERIC).texts([1]),

    // Sockets.
    told(libc::SYS_socket, "socket", Code::SOCKET_SOCKET_X),
    told(libc::SYS_socketpair, "socketpair", Code::SOCKET_SOCKETPAIR_X).numbers(4, 8).special(special::PAIR),
    critical(libc::SYS_bind, "bind", Code::SOCKET_BIND_X).fd(1).address(2),
    critical(libc::SYS_connect, "connect", Code::SOCKET_CONNECT_X).fd(1).address(2).special(special::CONNECT),
    critical(libc::SYS_listen, "listen", Code::SOCKET_LISTEN_X).fd(1),
    critical(libc::SYS_accept, "accept", Code::SOCKET_ACCEPT_5_X).fd(RESULT),
    critical(libc::SYS_accept4, "accept4", Code::SOCKET_ACCEPT4_6_X).fd(RESULT),
    told(libc::SYS_shutdown, "shutdown", Code::SOCKET_SHUTDOWN_X).fd(1),

    // What moves data is counted, but for the first on each descriptor.
    counted(libc::SYS_read, "read", Code::SYSCALL_READ_X, IN).data(2),
    counted(libc::SYS_pread64, "pread", Code::SYSCALL_PREAD_X, IN).data(2),
    counted(libc::SYS_readv, "readv", Code::SYSCALL_READV_X, IN).data(2).special(special::VECTOR),
    counted(libc::SYS_preadv, "preadv", Code::SYSCALL_PREADV_X, IN).data(2).special(special::VECTOR),
    counted(libc::SYS_preadv2, "preadv2", GENERIC, IN).data(2).special(special::VECTOR),
    counted(libc::SYS_recvfrom, "recvfrom", Code::SOCKET_RECVFROM_X, IN).data(2).address(5),
    counted(libc::SYS_recvmsg, "recvmsg", Code::SOCKET_RECVMSG_X, IN).data(2).special(special::MESSAGE),
    counted(libc::SYS_recvmmsg, "recvmmsg", Code::SOCKET_RECVMMSG_X, IN).special(special::MESSAGES),
    counted(libc::SYS_write, "write", Code::SYSCALL_WRITE_X, OUT).data(2),
    counted(libc::SYS_pwrite64, "pwrite", Code::SYSCALL_PWRITE_X, OUT).data(2),
    counted(libc::SYS_writev, "writev", Code::SYSCALL_WRITEV_X, OUT).data(2).special(special::VECTOR),
    counted(libc::SYS_pwritev, "pwritev", Code::SYSCALL_PWRITEV_X, OUT).data(2).special(special::VECTOR),
    counted(libc::SYS_pwritev2, "pwritev2", GENERIC, OUT).data(2).special(special::VECTOR),
    counted(libc::SYS_sendto, "sendto", Code::SOCKET_SENDTO_X, OUT).data(2).address(5),
    counted(libc::SYS_sendmsg, "sendmsg", Code::SOCKET_SENDMSG_X, OUT).data(2).special(special::MESSAGE),
    counted(libc::SYS_sendmmsg, "sendmmsg", Code::SOCKET_SENDMMSG_X, OUT).special(special::MESSAGES),
    counted(libc::SYS_sendfile, "sendfile", Code::SYSCALL_SENDFILE_X, 0).fd(2).fd2(1).special(special::COPY),
    counted(libc::SYS_splice, "splice", Code::SYSCALL_SPLICE_X, 0).fd(1).fd2(3).special(special::COPY),
    counted(libc::SYS_tee, "tee", GENERIC, 0).fd(1).fd2(2).special(special::COPY),
    counted(libc::SYS_vmsplice, "vmsplice", GENERIC, OUT),
    counted(libc::SYS_copy_file_range, "copy_file_range", Code::SYSCALL_COPY_FILE_RANGE_X, 0)
        .fd(1).fd2(3).special(special::COPY),
];

/// `fchmodat2` has the same number everywhere, and no name in the library yet.
const SYS_FCHMODAT2: i64 = 452;

/// Calls that newer architectures do without.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const OLD_CALLS: &[Known] = &[
    critical(libc::SYS_fork, "fork", Code::SYSCALL_FORK_20_X).special(special::CLONE),
    critical(libc::SYS_vfork, "vfork", Code::SYSCALL_VFORK_20_X).special(special::CLONE),
    told(libc::SYS_open, "open", Code::SYSCALL_OPEN_X).texts([1]).fd(RESULT),
    told(libc::SYS_creat, "creat", Code::SYSCALL_CREAT_X).texts([1]).fd(RESULT),
    told(libc::SYS_dup2, "dup2", Code::SYSCALL_DUP2_X).special(special::DUP2),
    told(libc::SYS_pipe, "pipe", Code::SYSCALL_PIPE_X).numbers(1, 8).special(special::PAIR),
    told(libc::SYS_eventfd, "eventfd", Code::SYSCALL_EVENTFD_X),
    told(libc::SYS_signalfd, "signalfd", Code::SYSCALL_SIGNALFD_X),
    told(libc::SYS_inotify_init, "inotify_init", Code::SYSCALL_INOTIFY_INIT_X),
    told(libc::SYS_epoll_create, "epoll_create", Code::SYSCALL_EPOLL_CREATE_X),
    told(libc::SYS_link, "link", Code::SYSCALL_LINK_2_X).texts([1, 2]),
    told(libc::SYS_symlink, "symlink", Code::SYSCALL_SYMLINK_X).texts([1, 2]),
    told(libc::SYS_rename, "rename", Code::SYSCALL_RENAME_X).texts([1, 2]),
    told(libc::SYS_unlink, "unlink", Code::SYSCALL_UNLINK_2_X).texts([1]),
    told(libc::SYS_mkdir, "mkdir", Code::SYSCALL_MKDIR_2_X).texts([1]),
    told(libc::SYS_rmdir, "rmdir", Code::SYSCALL_RMDIR_2_X).texts([1]),
    told(libc::SYS_mknod, "mknod", Code::SYSCALL_MKNOD_X).texts([1]),
    told(libc::SYS_chmod, "chmod", Code::SYSCALL_CHMOD_X).texts([1]),
    told(libc::SYS_chown, "chown", Code::SYSCALL_CHOWN_X).texts([1]),
    told(libc::SYS_lchown, "lchown", Code::SYSCALL_LCHOWN_X).texts([1]),
];
#[cfg(not(target_arch = "x86_64"))]
const OLD_CALLS: &[Known] = &[];

/// Calls by the numbers of 32-bit programs on x86-64, and by the names above. From 424 on the numbers are the same.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const COMPAT: &[(u32, &str)] = &[
    (2, "fork"), (3, "read"), (4, "write"), (5, "open"), (6, "close"), (8, "creat"), (9, "link"), (10, "unlink"),
    (11, "execve"), (12, "chdir"), (14, "mknod"), (15, "chmod"), (16, "lchown"), (21, "mount"), (23, "setuid"),
    (26, "ptrace"), (37, "kill"), (38, "rename"), (39, "mkdir"), (40, "rmdir"), (41, "dup"), (42, "pipe"),
    (46, "setgid"), (52, "umount2"), (55, "fcntl"), (57, "setpgid"), (61, "chroot"), (63, "dup2"), (66, "setsid"),
    (70, "setreuid"), (71, "setregid"), (81, "setgroups"), (83, "symlink"), (92, "truncate"), (93, "ftruncate"),
    (94, "fchmod"), (95, "fchown"), (120, "clone"), (128, "init_module"), (129, "delete_module"), (133, "fchdir"),
    (138, "setfsuid"), (139, "setfsgid"), (145, "readv"), (146, "writev"), (164, "setresuid"), (170, "setresgid"),
    (172, "prctl"), (180, "pread"), (181, "pwrite"), (182, "chown"), (185, "capset"), (187, "sendfile"),
    (190, "vfork"), (192, "mmap"), (198, "lchown"), (203, "setreuid"), (204, "setregid"), (206, "setgroups"),
    (207, "fchown"), (208, "setresuid"), (210, "setresgid"), (212, "chown"), (213, "setuid"), (214, "setgid"),
    (215, "setfsuid"), (216, "setfsgid"), (217, "pivot_root"), (221, "fcntl"), (238, "tkill"), (239, "sendfile"),
    (254, "epoll_create"), (270, "tgkill"), (283, "kexec_load"), (286, "add_key"), (287, "request_key"),
    (288, "keyctl"), (291, "inotify_init"), (295, "openat"), (296, "mkdirat"), (297, "mknodat"), (298, "fchownat"),
    (301, "unlinkat"), (302, "renameat"), (303, "linkat"), (304, "symlinkat"), (306, "fchmodat"), (310, "unshare"),
    (313, "splice"), (315, "tee"), (316, "vmsplice"), (321, "signalfd"), (322, "timerfd_create"), (323, "eventfd"),
    (327, "signalfd4"), (328, "eventfd2"), (329, "epoll_create1"), (330, "dup3"), (331, "pipe2"),
    (332, "inotify_init1"), (333, "preadv"), (334, "pwritev"), (336, "perf_event_open"), (338, "fanotify_init"),
    (342, "open_by_handle_at"), (346, "setns"), (347, "process_vm_readv"), (348, "process_vm_writev"),
    (350, "finit_module"), (353, "renameat2"), (354, "seccomp"), (356, "memfd_create"), (357, "bpf"),
    (358, "execveat"), (359, "socket"), (360, "socketpair"), (361, "bind"), (362, "connect"), (363, "listen"),
    (364, "accept4"), (369, "sendto"), (370, "sendmsg"), (371, "recvfrom"), (372, "recvmsg"), (373, "shutdown"),
    (374, "userfaultfd"), (377, "copy_file_range"), (378, "preadv2"), (379, "pwritev2"),
];
#[cfg(not(target_arch = "x86_64"))]
const COMPAT: &[(u32, &str)] = &[];

/// Calls of 32-bit programs that put the arguments of others into structures: `socketcall`, `sendmmsg`, `recvmmsg`.
#[cfg(target_arch = "x86_64")]
const FOREIGN_CALLS: [u32; 3] = [102, 337, 345];
#[cfg(not(target_arch = "x86_64"))]
const FOREIGN_CALLS: [u32; 0] = [];

/// The numbers of 32-bit programs, and what the kernel is told of each.
pub(crate) fn compat() -> impl Iterator<Item = (u32, u32)> {
    const ALIKE: u16 = 424;
    let named = COMPAT.iter().filter_map(|(number, name)| {
        let known = all().find(|known| known.name == *name)?;
        Some((*number, u32::from(known.number) + 1))
    });
    let alike = all()
        .filter(|known| known.number >= ALIKE)
        .map(|known| (u32::from(known.number), u32::from(known.number) + 1));
    let foreign = FOREIGN_CALLS.map(|number| (number, crate::interface::FOREIGN));
    named.chain(alike).chain(foreign)
}

/// Requests of `io_uring`, by their numbers, and the system calls that they stand for.
#[rustfmt::skip]
pub(crate) const REQUESTS: &[(u32, i64)] = &[
    (1, libc::SYS_readv), (2, libc::SYS_writev), (4, libc::SYS_read), (5, libc::SYS_write),
    (9, libc::SYS_sendmsg), (10, libc::SYS_recvmsg), (13, libc::SYS_accept4), (16, libc::SYS_connect),
    (18, libc::SYS_openat), (19, libc::SYS_close), (22, libc::SYS_read), (23, libc::SYS_write),
    (26, libc::SYS_sendto), (27, libc::SYS_recvfrom), (28, libc::SYS_openat2), (30, libc::SYS_splice),
    (33, libc::SYS_tee), (34, libc::SYS_shutdown),
    (35, libc::SYS_renameat2), (36, libc::SYS_unlinkat), (37, libc::SYS_mkdirat), (38, libc::SYS_symlinkat),
    (39, libc::SYS_linkat), (45, libc::SYS_socket), (47, libc::SYS_sendto), (48, libc::SYS_sendmsg),
    (49, libc::SYS_read), (54, libc::SYS_dup), (55, libc::SYS_ftruncate), (56, libc::SYS_bind), (57, libc::SYS_listen),
    (60, libc::SYS_readv), (61, libc::SYS_writev), (62, libc::SYS_pipe2),
];

/// Calls that are counted.
pub(crate) fn all_counted() -> impl Iterator<Item = &'static Known> {
    all().filter(|known| known.call.action == action::COUNT)
}

/// All calls.
pub(crate) fn all() -> impl Iterator<Item = &'static Known> {
    CALLS.iter().chain(OLD_CALLS)
}

/// Calls by number.
#[derive(Debug)]
pub(crate) struct Table {
    by_number: Vec<Option<&'static Known>>,
}

impl Table {
    /// The table of this architecture.
    pub(crate) fn new() -> Self {
        let mut by_number = vec![None; crate::interface::CALLS];
        for known in all() {
            by_number[usize::from(known.number)] = Some(known);
        }
        Self { by_number }
    }

    /// The call with a number.
    #[inline]
    pub(crate) fn get(&self, number: u16) -> Option<&'static Known> {
        self.by_number.get(usize::from(number)).copied().flatten()
    }

    /// Its name, for people.
    pub(crate) fn name(&self, number: u32) -> &'static str {
        u16::try_from(number)
            .ok()
            .and_then(|number| self.get(number))
            .map_or("other", |known| known.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_stands_once_and_has_room() {
        let mut seen = std::collections::HashSet::new();
        for known in all() {
            assert!(seen.insert(known.number), "{} twice", known.name);
            assert!(
                usize::from(known.number) < crate::interface::CALLS,
                "{}",
                known.name
            );
            let info = known.code.info().expect("a code of the table");
            let is_generic = known.code == GENERIC;
            assert!(
                is_generic || info.name == known.name || info.name == "umount",
                "{} is told as {}",
                known.name,
                info.name
            );
            assert!(known.call.numbers_size <= 128);
            // What is asked for must cross.
            let call = &known.call;
            let address_length = if call.address == 0 {
                0
            } else {
                call.address + 1
            };
            let places = [call.fd, call.fd2, call.data, call.numbers, address_length];
            let places = places.into_iter().chain(call.strings);
            let last = places.filter(|place| *place != RESULT).max();
            assert!(last <= Some(call.arguments), "{}", known.name);
        }
        for (number, name) in COMPAT {
            assert!(
                all().any(|known| known.name == *name),
                "{number}: no {name}"
            );
        }
    }
}
