//! Values of flags that the state of a system depends on. Flags of opens are those of the SysFlow format.

/// Flags of opens.
pub mod open {
    /// Must be a directory.
    pub const DIRECTORY: u32 = 0x400;
    /// Closed when a program is executed.
    pub const CLOSE_ON_EXEC: u32 = 0x1000;
    /// The call created the file.
    pub const CREATED: u32 = 0x4000;
}

/// Flags of clones.
pub mod clone {
    /// The descriptor table is shared.
    pub const FILES: u32 = 1;
    /// Root and working directory are shared.
    pub const FS: u32 = 2;
    /// The child is the first of a new pid namespace.
    pub const NEW_PID: u32 = 0x40;
    /// The child gets the parent of the caller.
    pub const PARENT: u32 = 0x100;
    /// The child is a thread of the caller's process.
    pub const THREAD: u32 = 0x2000;
    /// The child is in a pid namespace other than the host's.
    pub const IN_PID_NAMESPACE: u32 = 0x2000_0000;
}

/// Facts about an executed file.
pub mod executable {
    /// Its user may write to it.
    pub const WRITABLE: u32 = 1;
    /// It lies in the upper layer of an overlay.
    pub const UPPER_LAYER: u32 = 2;
    /// It is a file in memory only.
    pub const FROM_MEMORY: u32 = 4;
    /// It lies in a lower layer of an overlay.
    pub const LOWER_LAYER: u32 = 8;
}

/// Flags of `execveat` and other `*at` calls.
pub mod at {
    /// The path is empty: the descriptor itself is meant.
    pub const EMPTY_PATH: u32 = 1;
}

/// Flags of `dup3` and of sockets: closed when a program is executed, in the numbering of opens.
pub const DESCRIPTOR_CLOSE_ON_EXEC: u32 = open::CLOSE_ON_EXEC;
