//! Arguments of operations on names in the file system. Paths are as the program gave them.

use crate::Fd;

/// Which call opened a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpenCall {
    /// `open`.
    Open,
    /// `openat`.
    OpenAt,
    /// `openat2`.
    OpenAt2,
    /// `creat`.
    Create,
    /// `open_by_handle_at`.
    OpenByHandle,
}

/// Opens a file; the result is the new descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open<'a> {
    /// The call.
    pub call: OpenCall,
    /// The path and what it is relative to. The mode is that of a file that is created.
    pub path: Path<'a>,
    /// The device that holds the file; 0 or `None` when unknown.
    pub device: Option<u32>,
    /// The inode of the file; 0 or `None` when unknown.
    pub inode: Option<u64>,
    /// How a path may be resolved (`openat2`).
    pub resolve: Option<u32>,
    /// What was told of the path where the call began, by sources that tell it there and again at the end.
    pub announced: Option<Path<'a>>,
}

/// A path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Path<'a> {
    /// The descriptor of the directory that a relative path starts from; `None` for the working directory of
    /// calls that have no such argument.
    pub directory: Option<Fd>,
    /// Whether the call has an argument for that directory, known or not.
    pub is_at: bool,
    /// The path.
    pub path: Option<&'a [u8]>,
    /// Flags of the call; of opens their flags.
    pub flags: Option<u32>,
    /// Permissions of what is created or asked for.
    pub mode: Option<u32>,
}

/// Two paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwoPaths<'a> {
    /// The present name.
    pub old: Path<'a>,
    /// The further name.
    pub new: Path<'a>,
    /// Flags of the call.
    pub flags: Option<u32>,
}

/// A change of a name.
pub type Rename<'a> = TwoPaths<'a>;

/// Makes a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symlink<'a> {
    /// What the link says; need not be a path.
    pub target: Option<&'a [u8]>,
    /// The name of the link.
    pub link: Path<'a>,
}

/// Changes permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeMode<'a> {
    /// The path.
    pub path: Path<'a>,
    /// The descriptor, of calls that take one in place of a path.
    pub fd: Option<Fd>,
    /// The new permissions.
    pub mode: Option<u32>,
}

/// Changes the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeOwner<'a> {
    /// The path.
    pub path: Path<'a>,
    /// The descriptor, of calls that take one in place of a path.
    pub fd: Option<Fd>,
    /// The new user; all ones for no change.
    pub uid: Option<u32>,
    /// The new group; all ones for no change.
    pub gid: Option<u32>,
}

/// Mounts a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount<'a> {
    /// What is mounted.
    pub source: Option<&'a [u8]>,
    /// Where.
    pub target: Option<&'a [u8]>,
    /// The type of the file system.
    pub file_system: Option<&'a [u8]>,
    /// Flags of the call.
    pub flags: Option<u32>,
}

/// Unmounts a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unmount<'a> {
    /// Where it is mounted.
    pub target: Option<&'a [u8]>,
    /// Flags of the call.
    pub flags: Option<u32>,
}

/// Makes a device, pipe, socket or file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MakeNode<'a> {
    /// Its name.
    pub path: Path<'a>,
    /// Type and permissions.
    pub mode: Option<u32>,
    /// The device that it stands for.
    pub device: Option<u32>,
}
