//! From event codes to operations. Codes of old shapes have become present ones before they come here.

use sysflow_event::Operation;
use sysflow_event::descriptor::{
    Bpf, CloseRange, CopyRange, Duplicate, IoControl, IoUring, Lock, Map, MemoryFile, Pipe, Seek,
    Special, SpecialKind, TakeDescriptor,
};
use sysflow_event::file::{
    ChangeMode, ChangeOwner, MakeNode, Mount, Open, OpenCall, Path, Symlink, TwoPaths, Unmount,
};
use sysflow_event::flags;
use sysflow_event::identity::{IdCall, UserIds};
use sysflow_event::network::{
    Accept, Bind, Connect, Direction, Listen, Shutdown, Socket, SocketOption, SocketPair, Transfer,
    TransferCall,
};
use sysflow_scap::{Arguments, Code, Event as Recorded, Name, Upgraded};

use super::arguments::{self, Named};
use super::process_operations;

/// Commands of `fcntl` that duplicate a descriptor, as the format numbers them.
const DUPLICATE: u32 = 1;
const DUPLICATE_CLOSE_ON_EXEC: u32 = 26;

/// What an operation does already where it begins.
pub(super) fn begin<'a>(event: &Recorded<'a>) -> Operation<'a> {
    let fd = |index| event.i64(index).map(|fd| fd as i32);
    match event.code() {
        Code::SYSCALL_CLOSE_E => Operation::Close(fd(0)),
        Code::SYSCALL_MMAP_E | Code::SYSCALL_MMAP2_E => Operation::Map(Map {
            fd: fd(4),
            length: event.u64(1),
            protection: event.u32(2),
            flags: event.u32(3),
            offset: event.u64(5),
        }),
        Code::SOCKET_CONNECT_E => Operation::Connect(Connect {
            fd: fd(0),
            address: event.socket_address(1).map(arguments::address),
            tuple: None,
        }),
        Code::SOCKET_SENDTO_E => Operation::Transfer(Transfer {
            direction: Direction::Out,
            call: TransferCall::SocketAddressed,
            fd: fd(0),
            size: event.u32(1),
            data: None,
            tuple: event.socket_tuple(2).map(arguments::tuple),
        }),
        Code::SYSCALL_SETUID_E => Operation::SetUser(UserIds {
            call: IdCall::One,
            real: event.u32(0),
            effective: event.u32(0),
            saved: event.u32(0),
        }),
        Code::SYSCALL_SETRESUID_E => Operation::SetUser(UserIds {
            call: IdCall::RealEffectiveSaved,
            real: event.u32(0),
            effective: event.u32(1),
            saved: event.u32(2),
        }),
        _ => Operation::Other,
    }
}

/// What has been done where an operation ends.
pub(super) fn end<'a>(event: &Upgraded<'a>, enter: Option<&Recorded<'a>>) -> Operation<'a> {
    let named = Named(event);
    match event.code() {
        Code::SYSCALL_READ_X | Code::SYSCALL_PREAD_X => {
            transfer(event, Direction::In, TransferCall::Plain, 2, None)
        }
        Code::SYSCALL_WRITE_X
        | Code::SYSCALL_PWRITE_X
        | Code::SYSCALL_WRITEV_X
        | Code::SYSCALL_PWRITEV_X => transfer(event, Direction::Out, TransferCall::Plain, 2, None),
        Code::SYSCALL_READV_X | Code::SYSCALL_PREADV_X => {
            transfer(event, Direction::In, TransferCall::Plain, 3, None)
        }
        Code::SOCKET_RECV_X => transfer(event, Direction::In, TransferCall::Socket, 2, Some(4)),
        Code::SOCKET_SEND_X => transfer(event, Direction::Out, TransferCall::Socket, 2, Some(4)),
        Code::SOCKET_SENDTO_X | Code::SOCKET_SENDMSG_X => transfer(
            event,
            Direction::Out,
            TransferCall::SocketAddressed,
            2,
            Some(4),
        ),
        Code::SOCKET_RECVFROM_X => transfer(
            event,
            Direction::In,
            TransferCall::SocketAddressed,
            3,
            Some(2),
        ),
        Code::SOCKET_RECVMSG_X => transfer(
            event,
            Direction::In,
            TransferCall::SocketAddressed,
            5,
            Some(3),
        ),
        Code::SOCKET_SENDMMSG_X => transfer(
            event,
            Direction::Out,
            TransferCall::SocketMessages,
            1,
            Some(4),
        ),
        Code::SOCKET_RECVMMSG_X => transfer(
            event,
            Direction::In,
            TransferCall::SocketMessages,
            1,
            Some(4),
        ),
        Code::SYSCALL_CLOSE_X => Operation::Close(event.i64(1).map(|fd| fd as i32)),
        Code::SYSCALL_OPEN_X => open(named, OpenCall::Open, named.path(Name::NAME), enter),
        Code::SYSCALL_OPENAT_2_X => open(
            named,
            OpenCall::OpenAt,
            named.path_at(Name::DIRFD, Name::NAME),
            enter,
        ),
        Code::SYSCALL_OPENAT2_X => open(
            named,
            OpenCall::OpenAt2,
            named.path_at(Name::DIRFD, Name::NAME),
            enter,
        ),
        Code::SYSCALL_CREAT_X => open(named, OpenCall::Create, named.path(Name::NAME), enter),
        Code::SYSCALL_OPEN_BY_HANDLE_AT_X => {
            open(named, OpenCall::OpenByHandle, named.path(Name::PATH), None)
        }
        Code::SYSCALL_CLONE_20_X
        | Code::SYSCALL_FORK_20_X
        | Code::SYSCALL_VFORK_20_X
        | Code::SYSCALL_CLONE3_X
        | Code::SYSCALL_CLONE_11_X
        | Code::SYSCALL_CLONE_16_X
        | Code::SYSCALL_CLONE_17_X
        | Code::SYSCALL_FORK_X
        | Code::SYSCALL_FORK_17_X
        | Code::SYSCALL_VFORK_X
        | Code::SYSCALL_VFORK_17_X => Operation::Clone(arguments::clone(event)),
        Code::SYSCALL_EXECVE_19_X | Code::SYSCALL_EXECVEAT_X => {
            Operation::Exec(arguments::exec(event, enter))
        }
        code if event.stored().name() == "execve" => {
            let _ = code;
            Operation::Exec(arguments::exec(event, enter))
        }
        _ => rare(event),
    }
}

fn transfer<'a>(
    event: &Upgraded<'a>,
    direction: Direction,
    call: TransferCall,
    fd: usize,
    tuple: Option<usize>,
) -> Operation<'a> {
    let named = Named(event);
    Operation::Transfer(Transfer {
        direction,
        call,
        fd: event.i64(fd).map(|fd| fd as i32),
        size: named.u32(Name::SIZE),
        data: named.bytes(Name::DATA),
        tuple: tuple
            .and_then(|index| event.socket_tuple(index))
            .map(arguments::tuple),
    })
}

/// What was told of an opening where it began. Writers that told nothing there leave the event empty.
fn announced<'a>(enter: &Recorded<'a>, is_at: bool) -> Option<Path<'a>> {
    let first = usize::from(is_at);
    let has_flags = enter.code() != Code::SYSCALL_CREAT_E;
    if enter.stored_parameters() < first + 1 + usize::from(has_flags) {
        return None;
    }
    Some(Path {
        directory: is_at.then(|| enter.i64(0).map(|fd| fd as i32)).flatten(),
        is_at,
        path: Some(enter.text(first)?),
        flags: if has_flags {
            enter.u32(first + 1)
        } else {
            Some(0)
        },
        ..Path::default()
    })
}

fn open<'a>(
    named: Named<'_, 'a>,
    call: OpenCall,
    path: Path<'a>,
    enter: Option<&Recorded<'a>>,
) -> Operation<'a> {
    let flags = match call {
        // The call has no flags of its own: it creates, empties and opens for writing.
        OpenCall::Create => {
            Some(0x106 | named.u32(Name::CREAT_FLAGS).unwrap_or(0) & flags::open::CREATED)
        }
        _ => named.u32(Name::FLAGS),
    };
    Operation::Open(Open {
        call,
        path: Path {
            flags,
            mode: named.u32(Name::MODE),
            ..path
        },
        device: named.u32(Name::DEV),
        inode: named.u64(Name::INO),
        resolve: named.u32(Name::RESOLVE),
        announced: enter.and_then(|enter| announced(enter, path.is_at)),
    })
}

/// Operations on sockets and descriptors.
fn rare<'a>(event: &Upgraded<'a>) -> Operation<'a> {
    let named = Named(event);
    let fd = named.fd(Name::FD);
    match event.code() {
        Code::SOCKET_SOCKET_X => Operation::Socket(Socket {
            domain: named.u32(Name::DOMAIN),
            kind: named.u32(Name::TYPE),
            protocol: named.u32(Name::PROTO),
        }),
        Code::SOCKET_BIND_X => Operation::Bind(Bind {
            fd,
            address: named.address(),
        }),
        Code::SOCKET_CONNECT_X => Operation::Connect(Connect {
            fd,
            address: named.address(),
            tuple: named.tuple(),
        }),
        Code::SOCKET_LISTEN_X => Operation::Listen(Listen {
            fd,
            backlog: named.i64(Name::BACKLOG).map(|backlog| backlog as i32),
        }),
        Code::SOCKET_ACCEPT_5_X | Code::SOCKET_ACCEPT4_5_X | Code::SOCKET_ACCEPT4_6_X => {
            Operation::Accept(Accept {
                tuple: named.tuple(),
                flags: named.u32(Name::FLAGS),
                is_accept4: event.code() != Code::SOCKET_ACCEPT_5_X,
            })
        }
        Code::SOCKET_SHUTDOWN_X => Operation::Shutdown(Shutdown {
            fd,
            how: named.u32(Name::HOW),
        }),
        Code::SOCKET_SOCKETPAIR_X => Operation::SocketPair(SocketPair {
            first: named.fd(Name::FD1),
            second: named.fd(Name::FD2),
            source: named.u64(Name::SOURCE),
            peer: named.u64(Name::PEER),
        }),
        Code::SOCKET_SETSOCKOPT_X | Code::SOCKET_GETSOCKOPT_X => {
            Operation::SocketOption(SocketOption {
                fd,
                level: named.u32(Name::LEVEL),
                name: named.u32(Name::OPTNAME),
            })
        }
        Code::SYSCALL_MMAP_X | Code::SYSCALL_MMAP2_X => Operation::Map(Map {
            fd,
            length: named.u64(Name::LENGTH),
            protection: named.u32(Name::PROT),
            flags: named.u32(Name::FLAGS),
            offset: named
                .u64(Name::OFFSET)
                .or_else(|| named.u64(Name::PGOFFSET)),
        }),
        Code::SYSCALL_CLOSE_RANGE_X => Operation::CloseRange(CloseRange {
            first: named.u32(Name::FIRST),
            last: named.u32(Name::LAST),
            flags: named.u32(Name::FLAGS),
        }),
        Code::SYSCALL_SENDFILE_X => copy(
            named.fd(Name::IN_FD),
            named.fd(Name::OUT_FD),
            named.u64(Name::SIZE),
        ),
        Code::SYSCALL_SPLICE_X => copy(
            named.fd(Name::FD_IN),
            named.fd(Name::FD_OUT),
            named.u64(Name::SIZE),
        ),
        Code::SYSCALL_COPY_FILE_RANGE_X => copy(
            named.fd(Name::FDIN),
            named.fd(Name::FDOUT),
            named.u64(Name::LEN),
        ),
        Code::SYSCALL_LSEEK_X => Operation::Seek(Seek {
            fd,
            offset: named.u64(Name::OFFSET),
            whence: named.u32(Name::WHENCE),
        }),
        Code::SYSCALL_FLOCK_X => Operation::Lock(Lock {
            fd,
            operation: named.u32(Name::OPERATION),
        }),
        Code::SYSCALL_IOCTL_3_X => Operation::IoControl(IoControl {
            fd,
            request: named.u64(Name::REQUEST),
            argument: named.u64(Name::ARGUMENT),
        }),
        Code::SYSCALL_DUP_X => duplicate(named.fd(Name::FD), None, None),
        Code::SYSCALL_DUP_1_X => duplicate(named.fd(Name::OLDFD), None, None),
        Code::SYSCALL_DUP2_X => duplicate(named.fd(Name::OLDFD), named.fd(Name::NEWFD), None),
        Code::SYSCALL_DUP3_X => duplicate(
            named.fd(Name::OLDFD),
            named.fd(Name::NEWFD),
            named
                .u32(Name::FLAGS)
                .map(|flags| flags & flags::DESCRIPTOR_CLOSE_ON_EXEC != 0),
        ),
        Code::SYSCALL_FCNTL_X => match named.u32(Name::CMD) {
            Some(DUPLICATE) => duplicate(fd, None, Some(false)),
            Some(DUPLICATE_CLOSE_ON_EXEC) => duplicate(fd, None, Some(true)),
            _ => Operation::Other,
        },
        Code::SYSCALL_PIPE_X | Code::SYSCALL_PIPE2_X => Operation::Pipe(Pipe {
            read: named.fd(Name::FD1),
            write: named.fd(Name::FD2),
            inode: named.u64(Name::INO),
            flags: named.u32(Name::FLAGS),
        }),
        Code::SYSCALL_EVENTFD_X | Code::SYSCALL_EVENTFD2_X => special(named, SpecialKind::Event),
        Code::SYSCALL_SIGNALFD_X | Code::SYSCALL_SIGNALFD4_X => special(named, SpecialKind::Signal),
        Code::SYSCALL_TIMERFD_CREATE_X => special(named, SpecialKind::Timer),
        Code::SYSCALL_INOTIFY_INIT_X | Code::SYSCALL_INOTIFY_INIT1_X => {
            special(named, SpecialKind::Inotify)
        }
        Code::SYSCALL_EPOLL_CREATE_X | Code::SYSCALL_EPOLL_CREATE1_X => {
            special(named, SpecialKind::Epoll)
        }
        Code::SYSCALL_USERFAULTFD_X => special(named, SpecialKind::UserFault),
        Code::SYSCALL_IO_URING_SETUP_X => special(named, SpecialKind::IoUring),
        Code::SYSCALL_PIDFD_OPEN_X => special(named, SpecialKind::Process),
        Code::SYSCALL_MEMFD_CREATE_X => Operation::MemoryFile(MemoryFile {
            name: named.text(Name::NAME),
            flags: named.u32(Name::FLAGS),
        }),
        Code::SYSCALL_PIDFD_GETFD_X => Operation::TakeDescriptor(TakeDescriptor {
            process: named.fd(Name::PID_FD),
            target: named.fd(Name::TARGET_FD),
        }),
        Code::SYSCALL_IO_URING_ENTER_X => Operation::IoUring(IoUring {
            fd,
            count: named.u32(Name::TO_SUBMIT),
            opcode: None,
            flags: named.u32(Name::FLAGS),
        }),
        Code::SYSCALL_IO_URING_REGISTER_X => Operation::IoUring(IoUring {
            fd,
            count: named.u32(Name::NR_ARGS),
            opcode: named.u32(Name::OPCODE),
            flags: None,
        }),
        Code::SYSCALL_BPF_X | Code::SYSCALL_BPF_2_X => Operation::Bpf(Bpf {
            command: named.u32(Name::CMD),
        }),
        _ => names(event),
    }
}

/// Operations on names in the file system.
fn names<'a>(event: &Upgraded<'a>) -> Operation<'a> {
    let named = Named(event);
    let flags = named.u32(Name::FLAGS);
    let mode = named.u32(Name::MODE);
    let with = |path: Path<'a>| Path {
        flags,
        mode,
        ..path
    };
    match event.code() {
        Code::SYSCALL_MKDIR_2_X => Operation::MakeDirectory(with(named.path(Name::PATH))),
        Code::SYSCALL_MKDIRAT_X => {
            Operation::MakeDirectory(with(named.path_at(Name::DIRFD, Name::PATH)))
        }
        Code::SYSCALL_RMDIR_2_X => Operation::RemoveDirectory(named.path(Name::PATH)),
        Code::SYSCALL_UNLINK_2_X => Operation::Unlink(named.path(Name::PATH)),
        Code::SYSCALL_UNLINKAT_2_X => {
            Operation::Unlink(with(named.path_at(Name::DIRFD, Name::NAME)))
        }
        Code::SYSCALL_LINK_2_X => Operation::Link(two(named, None)),
        Code::SYSCALL_LINKAT_X | Code::SYSCALL_LINKAT_2_X => {
            Operation::Link(two(named, Some((Name::OLDDIR, Name::NEWDIR))))
        }
        Code::SYSCALL_RENAME_X => Operation::Rename(two(named, None)),
        Code::SYSCALL_RENAMEAT_X | Code::SYSCALL_RENAMEAT2_X => {
            Operation::Rename(two(named, Some((Name::OLDDIRFD, Name::NEWDIRFD))))
        }
        Code::SYSCALL_SYMLINK_X => Operation::Symlink(Symlink {
            target: named.text(Name::TARGET),
            link: named.path(Name::LINKPATH),
        }),
        Code::SYSCALL_SYMLINKAT_X => Operation::Symlink(Symlink {
            target: named.text(Name::TARGET),
            link: named.path_at(Name::LINKDIRFD, Name::LINKPATH),
        }),
        Code::SYSCALL_CHMOD_X => change_mode(named, named.path(Name::FILENAME)),
        Code::SYSCALL_FCHMOD_X => change_mode(named, Path::default()),
        Code::SYSCALL_FCHMODAT_X => change_mode(named, named.path_at(Name::DIRFD, Name::FILENAME)),
        Code::SYSCALL_CHOWN_X | Code::SYSCALL_LCHOWN_X => {
            change_owner(named, named.path(Name::PATH))
        }
        Code::SYSCALL_FCHOWN_X => change_owner(named, Path::default()),
        Code::SYSCALL_FCHOWNAT_X => {
            change_owner(named, with(named.path_at(Name::DIRFD, Name::PATHNAME)))
        }
        Code::SYSCALL_MOUNT_X => Operation::Mount(Mount {
            source: named.text(Name::DEV),
            target: named.text(Name::DIR),
            file_system: named.text(Name::TYPE),
            flags,
        }),
        Code::SYSCALL_UMOUNT_1_X | Code::SYSCALL_UMOUNT2_X | Code::SYSCALL_UMOUNT_X => {
            Operation::Unmount(Unmount {
                target: named.text(Name::NAME),
                flags,
            })
        }
        Code::SYSCALL_MKNOD_X => make_node(named, named.path(Name::PATH)),
        Code::SYSCALL_MKNODAT_X => make_node(named, named.path_at(Name::DIRFD, Name::PATH)),
        Code::SYSCALL_STAT_X | Code::SYSCALL_LSTAT_X => Operation::Look(named.path(Name::PATH)),
        Code::SYSCALL_ACCESS_X => Operation::Look(with(named.path(Name::NAME))),
        Code::SYSCALL_NEWFSTATAT_X => Operation::Look(with(named.path_at(Name::DIRFD, Name::PATH))),
        _ => process_operations::end(event),
    }
}

fn copy<'a>(from: Option<i32>, to: Option<i32>, size: Option<u64>) -> Operation<'a> {
    Operation::CopyRange(CopyRange { from, to, size })
}

fn duplicate<'a>(old: Option<i32>, new: Option<i32>, close_on_exec: Option<bool>) -> Operation<'a> {
    Operation::Duplicate(Duplicate {
        old,
        new,
        close_on_exec,
    })
}

fn special<'a>(named: Named<'_, 'a>, kind: SpecialKind) -> Operation<'a> {
    Operation::Special(Special {
        kind,
        flags: named.u32(Name::FLAGS),
        pid: named.i64(Name::PID),
    })
}

fn two<'a>(named: Named<'_, 'a>, directories: Option<(Name, Name)>) -> TwoPaths<'a> {
    let (old, new) = match directories {
        Some((old, new)) => (
            named.path_at(old, Name::OLDPATH),
            named.path_at(new, Name::NEWPATH),
        ),
        None => (named.path(Name::OLDPATH), named.path(Name::NEWPATH)),
    };
    TwoPaths {
        old,
        new,
        flags: named.u32(Name::FLAGS),
    }
}

fn change_mode<'a>(named: Named<'_, 'a>, path: Path<'a>) -> Operation<'a> {
    Operation::ChangeMode(ChangeMode {
        path,
        fd: named.fd(Name::FD),
        mode: named.u32(Name::MODE),
    })
}

fn change_owner<'a>(named: Named<'_, 'a>, path: Path<'a>) -> Operation<'a> {
    Operation::ChangeOwner(ChangeOwner {
        path,
        fd: named.fd(Name::FD),
        uid: named.u32(Name::UID),
        gid: named.u32(Name::GID),
    })
}

fn make_node<'a>(named: Named<'_, 'a>, path: Path<'a>) -> Operation<'a> {
    Operation::MakeNode(MakeNode {
        path,
        mode: named.u32(Name::MODE),
        device: named.u32(Name::DEV),
    })
}
