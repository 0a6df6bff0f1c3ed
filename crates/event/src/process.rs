//! Arguments of operations on processes. Lists of texts have a NUL after each.

use crate::Fd;
use crate::identity::Capabilities;

/// What a process is after a clone or an execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Image<'a> {
    /// `argv[0]`.
    pub exe: Option<&'a [u8]>,
    /// `argv[1..]`.
    pub arguments: Option<&'a [u8]>,
    /// The kernel's short name of the thread.
    pub comm: Option<&'a [u8]>,
    /// The working directory.
    pub directory: Option<&'a [u8]>,
    /// Control groups, as `subsystem=path`.
    pub cgroups: Option<&'a [u8]>,
    /// The thread.
    pub tid: Option<i64>,
    /// Its process.
    pub pid: Option<i64>,
    /// The parent of its process.
    pub parent: Option<i64>,
    /// The user.
    pub uid: Option<u32>,
    /// The group.
    pub gid: Option<u32>,
    /// The thread, as numbered in its own namespace.
    pub namespace_tid: Option<i64>,
    /// The process, as numbered in its own namespace.
    pub namespace_pid: Option<i64>,
}

/// A thread or process was made. The result is 0 in the child; in the parent the child's id, as
/// numbered in the parent's namespace, or an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clone<'a> {
    /// The thread that the event is about: caller or child.
    pub image: Image<'a>,
    /// Flags.
    pub flags: Option<u32>,
    /// When the first process of the pid namespace was started, ns since the epoch.
    pub namespace_start: Option<u64>,
    /// Whether the call is `clone3`.
    pub is_clone3: bool,
}

/// A program was executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exec<'a> {
    /// The new process image; of a failed call the old one.
    pub image: Image<'a>,
    /// Environment, as `NAME=value`.
    pub environment: Option<&'a [u8]>,
    /// The controlling terminal; 0 without one.
    pub terminal: Option<u32>,
    /// The process group, as the host numbers it.
    pub group: Option<i64>,
    /// The process group, as numbered in the process's own namespace.
    pub namespace_group: Option<i64>,
    /// The audit login user; all ones when unset.
    pub login_uid: Option<u32>,
    /// Facts about the executable: [`flags::executable`](crate::flags::executable).
    pub flags: Option<u32>,
    /// Capabilities.
    pub capabilities: Capabilities,
    /// The executable's inode.
    pub inode: Option<u64>,
    /// Its status change time, ns since the epoch.
    pub changed: Option<u64>,
    /// Its modification time, ns since the epoch.
    pub modified: Option<u64>,
    /// The path of the executable as the kernel resolved it.
    pub resolved_path: Option<&'a [u8]>,
    /// The path as the program gave it.
    pub path: Option<&'a [u8]>,
    /// The descriptor that this path starts from (`execveat`).
    pub directory: Option<Fd>,
    /// Flags of `execveat`.
    pub at_flags: Option<u32>,
    /// Whether the program called `execveat`.
    pub is_at: bool,
    /// Whether the end of the call was told as that of `execveat`: a successful one ends as `execve` does.
    pub ends_as_at: bool,
}

/// A thread ended; the result of the event is the raw wait status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// The exit code.
    pub code: Option<i64>,
    /// The signal that ended it; 0 without one.
    pub signal: Option<u8>,
    /// Whether a memory image was written.
    pub core_dumped: Option<bool>,
    /// Who becomes the parent of its children.
    pub reaper: Option<i64>,
}

/// Enters a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// The descriptor of the namespace or of a process.
    pub fd: Option<Fd>,
    /// Which kinds, as flags of clone.
    pub kinds: Option<u32>,
}

/// Changes the process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessGroup {
    /// The process; 0 for the caller.
    pub pid: Option<i64>,
    /// The group; 0 for the process's own.
    pub group: Option<i64>,
}

/// An operation on the process itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control<'a> {
    /// Which one.
    pub option: Option<u32>,
    /// Its argument where it is a text.
    pub text: Option<&'a [u8]>,
    /// Its argument where it is a number.
    pub number: Option<i64>,
}

/// Observes or changes another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// What is asked for.
    pub request: Option<u32>,
    /// Of whom.
    pub pid: Option<i64>,
}

/// Sends a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// The process.
    pub pid: Option<i64>,
    /// The thread.
    pub tid: Option<i64>,
    /// The signal.
    pub signal: Option<u8>,
}

/// Reads or writes the memory of another process; the result is the number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryAccess<'a> {
    /// Whose memory.
    pub pid: Option<i64>,
    /// The first bytes.
    pub data: Option<&'a [u8]>,
    /// Whether it is written.
    pub is_write: bool,
}

/// Loads code into the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadModule<'a> {
    /// The descriptor of the module's file (`finit_module`).
    pub fd: Option<Fd>,
    /// Arguments of the module.
    pub arguments: Option<&'a [u8]>,
    /// The length of an image in memory, in bytes (`init_module`).
    pub length: Option<u64>,
    /// Flags of the call.
    pub flags: Option<u32>,
}

/// The control groups of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlGroups<'a> {
    /// All of them, as `name=path`, a NUL after each.
    pub groups: &'a [u8],
    /// Whether all threads of the process are there now.
    pub is_process: bool,
}
