//! All operations.

use crate::Fd;
use crate::descriptor::{
    Bpf, CloseRange, CopyRange, Duplicate, IoControl, IoUring, Lock, Map, MemoryFile, Pipe, Seek,
    Special, Summary, TakeDescriptor,
};
use crate::file::{
    ChangeMode, ChangeOwner, MakeNode, Mount, Open, Path, Rename, Symlink, TwoPaths, Unmount,
};
use crate::identity::{Capabilities, GroupIds, UserIds};
use crate::network::{
    Accept, Bind, Connect, Listen, Shutdown, Socket, SocketOption, SocketPair, Transfer,
};
use crate::process::{
    Clone, Control, ControlGroups, Exec, Exit, LoadModule, MemoryAccess, Namespace, ProcessGroup,
    Signal, Trace,
};
use crate::snapshot::{Container, Descriptor, Group, User};

/// What was done. Names in code style are the system calls that it stands for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Operation<'a> {
    /// `clone`, `clone3`, `fork`, `vfork`: told once in the parent and once in the child.
    Clone(Clone<'a>),
    /// `execve`, `execveat`.
    Exec(Exec<'a>),
    /// A thread ended.
    Exit(Exit),
    /// `setuid`, `setreuid`, `setresuid`, `setfsuid`.
    SetUser(UserIds),
    /// `setgid`, `setregid`, `setresgid`.
    SetGroup(GroupIds),
    /// `capset`.
    SetCapabilities(Capabilities),
    /// `setns`.
    EnterNamespace(Namespace),
    /// `unshare`: flags of clone.
    Unshare(Option<u32>),
    /// `setsid`: the result is the new session.
    SetSession,
    /// `setpgid`.
    SetProcessGroup(ProcessGroup),
    /// `chdir`: the path.
    ChangeDirectory(Option<&'a [u8]>),
    /// `fchdir`: the descriptor.
    ChangeDirectoryTo(Option<Fd>),
    /// `getcwd`: the path.
    GetDirectory(Option<&'a [u8]>),
    /// `chroot`: the path.
    ChangeRoot(Option<&'a [u8]>),
    /// A thread, or a process as a whole, was moved to other control groups.
    EnterControlGroups(ControlGroups<'a>),
    /// `prctl`.
    Control(Control<'a>),
    /// `ptrace`.
    Trace(Trace),
    /// `kill`, `tkill`, `tgkill`.
    Signal(Signal),
    /// `process_vm_readv`, `process_vm_writev`.
    MemoryAccess(MemoryAccess<'a>),
    /// `init_module`, `finit_module`.
    LoadModule(LoadModule<'a>),
    /// `delete_module`: the name.
    UnloadModule(Option<&'a [u8]>),
    /// `bpf`.
    Bpf(Bpf),

    /// `open`, `openat`, `openat2`, `creat`, `open_by_handle_at`.
    Open(Open<'a>),
    /// `close`.
    Close(Option<Fd>),
    /// `close_range`.
    CloseRange(CloseRange),
    /// Reading and writing, sending and receiving, on files and sockets.
    Transfer(Transfer<'a>),
    /// Reads and writes that the source has counted rather than told one by one.
    Summary(Summary<'a>),
    /// `sendfile`, `splice`, `copy_file_range`.
    CopyRange(CopyRange),
    /// `lseek`, `llseek`.
    Seek(Seek),
    /// `mmap`, `mmap2`.
    Map(Map),
    /// `flock`.
    Lock(Lock),
    /// `ioctl`.
    IoControl(IoControl),
    /// `dup`, `dup2`, `dup3` and `fcntl` where it duplicates: the result is the new descriptor.
    Duplicate(Duplicate),
    /// `pipe`, `pipe2`.
    Pipe(Pipe),
    /// `eventfd`, `signalfd`, `timerfd_create`, `inotify_init`, `epoll_create`, `userfaultfd`,
    /// `io_uring_setup`, `pidfd_open`: the result is the new descriptor.
    Special(Special),
    /// `memfd_create`: the result is the new descriptor.
    MemoryFile(MemoryFile<'a>),
    /// `pidfd_getfd`: the result is the new descriptor.
    TakeDescriptor(TakeDescriptor),
    /// A descriptor that another process has sent is in the table of the thread.
    Received(Descriptor<'a>),
    /// `io_uring_enter`, `io_uring_register`.
    IoUring(IoUring),

    /// `mkdir`, `mkdirat`.
    MakeDirectory(Path<'a>),
    /// `rmdir`.
    RemoveDirectory(Path<'a>),
    /// `unlink`, `unlinkat`.
    Unlink(Path<'a>),
    /// `link`, `linkat`.
    Link(TwoPaths<'a>),
    /// `symlink`, `symlinkat`.
    Symlink(Symlink<'a>),
    /// `rename`, `renameat`, `renameat2`.
    Rename(Rename<'a>),
    /// `chmod`, `fchmod`, `fchmodat`.
    ChangeMode(ChangeMode<'a>),
    /// `chown`, `lchown`, `fchown`, `fchownat`.
    ChangeOwner(ChangeOwner<'a>),
    /// `mount`.
    Mount(Mount<'a>),
    /// `umount`, `umount2`.
    Unmount(Unmount<'a>),
    /// `mknod`, `mknodat`.
    MakeNode(MakeNode<'a>),
    /// `stat`, `lstat`, `newfstatat`, `access`: a look at a path.
    Look(Path<'a>),

    /// `socket`: the result is the new descriptor.
    Socket(Socket),
    /// `socketpair`.
    SocketPair(SocketPair),
    /// `bind`.
    Bind(Bind<'a>),
    /// `connect`.
    Connect(Connect<'a>),
    /// `listen`.
    Listen(Listen),
    /// `accept`, `accept4`: the result is the new descriptor.
    Accept(Accept<'a>),
    /// `shutdown`.
    Shutdown(Shutdown),
    /// `getsockopt`, `setsockopt`.
    SocketOption(SocketOption),

    /// Facts about a container have become known.
    Container(Container<'a>),
    /// A user has become known.
    UserKnown(User<'a>),
    /// A group has become known.
    GroupKnown(Group<'a>),
    /// Observations before this event are missing: how many, where that is known.
    Lost(Option<u64>),

    /// An operation of a thread without an effect on what is kept.
    Other,
    /// Something that no thread did. It only tells that time has passed.
    Tick,
}
