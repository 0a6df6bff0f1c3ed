//! What there was before the first event, and facts about containers and users that come later.

use std::net::{IpAddr, SocketAddr};

use crate::Fd;
use crate::descriptor::SpecialKind;
use crate::identity::Capabilities;
use crate::network::Protocol;
use crate::process::Image;

/// One thing that there was.
#[derive(Clone, Copy, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "a process is large, but rare and borrowed"
)]
pub enum Snapshot<'a> {
    /// The machine.
    Machine(Machine<'a>),
    /// An address of the machine.
    Interface(Interface),
    /// A user.
    User(User<'a>),
    /// A group.
    Group(Group<'a>),
    /// A thread.
    Process(Process<'a>),
    /// A descriptor.
    Descriptor(Descriptor<'a>),
    /// A container.
    Container(Container<'a>),
}

/// The machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine<'a> {
    /// Its name.
    pub host_name: &'a [u8],
}

/// An address of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The address.
    pub address: IpAddr,
    /// Which bits of it name the network.
    pub netmask: IpAddr,
}

/// A user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User<'a> {
    /// The number.
    pub uid: u32,
    /// The name.
    pub name: &'a [u8],
    /// The home directory.
    pub home: &'a [u8],
    /// The shell.
    pub shell: &'a [u8],
    /// The container in which it holds; empty for the host.
    pub container: &'a [u8],
    /// Whether the user was removed.
    pub is_removed: bool,
}

/// A group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    /// The number.
    pub gid: u32,
    /// The name.
    pub name: &'a [u8],
    /// The container in which it holds; empty for the host.
    pub container: &'a [u8],
    /// Whether the group was removed.
    pub is_removed: bool,
}

/// A thread that ran at the start; the main thread of a process has the id of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Process<'a> {
    /// What it runs.
    pub image: Image<'a>,
    /// When its main thread was made, ns since the epoch; `None` when unknown.
    pub created: Option<u64>,
    /// Flags of its clone.
    pub flags: u32,
    /// The path of the executable.
    pub exe_path: Option<&'a [u8]>,
    /// The root directory.
    pub root: Option<&'a [u8]>,
    /// Environment, as `NAME=value`, a NUL after each.
    pub environment: Option<&'a [u8]>,
    /// The session.
    pub session: Option<i64>,
    /// The process group, as the host numbers it.
    pub group: Option<i64>,
    /// The controlling terminal; 0 without one.
    pub terminal: Option<u32>,
    /// The audit login user; all ones when unset.
    pub login_uid: Option<u32>,
    /// Capabilities.
    pub capabilities: Capabilities,
    /// Facts about the executable: [`flags::executable`](crate::flags::executable).
    pub exe_flags: u32,
    /// The executable's inode; 0 when unknown.
    pub exe_inode: u64,
    /// Its status change time, ns since the epoch; 0 when unknown.
    pub exe_changed: u64,
    /// Its modification time, ns since the epoch; 0 when unknown.
    pub exe_modified: u64,
    /// What it uses.
    pub usage: Usage,
}

/// What a thread uses and may use, and how it is grouped. Nothing but questions about single events needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The number of descriptors that it may have.
    pub descriptor_limit: Option<i64>,
    /// Page faults that needed the disk.
    pub faults_major: Option<u64>,
    /// Page faults that did not.
    pub faults_minor: Option<u64>,
    /// Virtual memory in KiB.
    pub memory_virtual: Option<u64>,
    /// Memory in use, in KiB.
    pub memory_resident: Option<u64>,
    /// Memory swapped out, in KiB.
    pub memory_swapped: Option<u64>,
    /// The process group, as numbered in its own namespace.
    pub namespace_group: Option<i64>,
    /// When the first process of its namespace was started, ns since the epoch.
    pub namespace_start: Option<u64>,
}

/// A descriptor that was open at the start, or that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor<'a> {
    /// The thread whose table it is in.
    pub tid: i64,
    /// Its number.
    pub fd: Fd,
    /// The inode; 0 when unknown.
    pub inode: u64,
    /// What it stands for.
    pub target: Target<'a>,
}

/// What a descriptor stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// A file.
    File {
        /// Its path.
        path: &'a [u8],
        /// How it was opened; `None` when unknown.
        flags: Option<u32>,
        /// The device; `None` when unknown.
        device: Option<u32>,
    },
    /// A directory.
    Directory(&'a [u8]),
    /// A pipe: its name.
    Pipe(&'a [u8]),
    /// An internet socket with two ends, which of them is the client being unknown.
    Connection {
        /// The local end.
        local: SocketAddr,
        /// The far end.
        remote: SocketAddr,
        /// The protocol above IP.
        protocol: Protocol,
    },
    /// An internet socket that waits for connections or datagrams.
    Listener {
        /// Where.
        address: SocketAddr,
        /// The protocol above IP.
        protocol: Protocol,
    },
    /// A unix socket.
    Unix {
        /// The kernel's address of one end.
        source: u64,
        /// The kernel's address of the other end.
        peer: u64,
        /// The path of the socket; empty where it has none.
        path: &'a [u8],
    },
    /// Anything else: its name.
    Special(SpecialKind, &'a [u8]),
}

/// What is known of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Container<'a> {
    /// The short id: twelve hexadecimal digits.
    pub id: &'a [u8],
    /// The name.
    pub name: &'a [u8],
    /// The image, without tag.
    pub image: &'a [u8],
    /// The tag of the image.
    pub image_tag: &'a [u8],
    /// The id of the image.
    pub image_id: &'a [u8],
    /// The runtime, as the SysFlow format numbers it.
    pub kind: i32,
    /// Whether it is privileged.
    pub is_privileged: bool,
    /// The pod that it belongs to.
    pub pod_id: Option<&'a [u8]>,
    /// All that the runtime tells, as JSON text of an object with the keys of Falco's container events; empty
    /// where it tells no more.
    pub metadata: &'a [u8],
}
