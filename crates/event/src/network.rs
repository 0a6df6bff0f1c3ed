//! Arguments of operations on sockets, and of all that moves data.

use std::net::SocketAddr;

use crate::Fd;

/// The address of one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address<'a> {
    /// An address of the internet.
    Internet(SocketAddr),
    /// The path of a unix socket.
    Unix(&'a [u8]),
    /// An address of another family: the kernel's number.
    Other(u8),
}

/// Both ends of a connection. The source is the client: for `accept` the peer, for `connect` the local end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tuple<'a> {
    /// Over the internet.
    Internet {
        /// The client's end.
        source: SocketAddr,
        /// The server's end.
        destination: SocketAddr,
    },
    /// Over a unix socket.
    Unix {
        /// The kernel's address of one end.
        source: u64,
        /// The kernel's address of the other end.
        peer: u64,
        /// The path of the socket; empty where it has none.
        path: &'a [u8],
    },
    /// Of another family: the kernel's number.
    Other(u8),
}

/// The protocol above IP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Not known, or none.
    #[default]
    Unknown,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP.
    Icmp,
    /// Raw IP.
    Raw,
}

/// Makes a socket. The numbers are the kernel's; the type may hold flags above its lowest byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    /// The family.
    pub domain: Option<u32>,
    /// The type.
    pub kind: Option<u32>,
    /// The protocol.
    pub protocol: Option<u32>,
}

/// Makes two connected sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketPair {
    /// One of them.
    pub first: Option<Fd>,
    /// The other one.
    pub second: Option<Fd>,
    /// The kernel's address of the first.
    pub source: Option<u64>,
    /// The kernel's address of the second.
    pub peer: Option<u64>,
}

/// Gives a socket its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bind<'a> {
    /// The descriptor.
    pub fd: Option<Fd>,
    /// The address.
    pub address: Option<Address<'a>>,
}

/// Connects a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connect<'a> {
    /// The descriptor.
    pub fd: Option<Fd>,
    /// The address asked for.
    pub address: Option<Address<'a>>,
    /// Both ends as they are now.
    pub tuple: Option<Tuple<'a>>,
}

/// Waits for connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The descriptor.
    pub fd: Option<Fd>,
    /// How many may wait.
    pub backlog: Option<i32>,
}

/// Takes a connection; the result is the new descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept<'a> {
    /// Both ends.
    pub tuple: Option<Tuple<'a>>,
    /// Flags of `accept4`.
    pub flags: Option<u32>,
    /// Whether the call is `accept4`.
    pub is_accept4: bool,
}

/// Shuts one or both directions down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// The descriptor.
    pub fd: Option<Fd>,
    /// Which direction.
    pub how: Option<u32>,
}

/// Reads or sets an option of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOption {
    /// The descriptor.
    pub fd: Option<Fd>,
    /// The level.
    pub level: Option<u32>,
    /// The option.
    pub name: Option<u32>,
}

/// In which direction data move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To the program: read, receive.
    In,
    /// From the program: write, send.
    Out,
}

/// How data are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransferCall {
    /// `read`, `write` and their vector and positioned forms.
    Plain,
    /// `recv`, `send`: on a connected socket.
    Socket,
    /// `recvfrom`, `recvmsg`, `sendto`, `sendmsg`: with an address.
    SocketAddressed,
    /// `recvmmsg`, `sendmmsg`: one of several messages, whose size is the result.
    SocketMessages,
}

/// Reads, writes, receives or sends; the result is the number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer<'a> {
    /// The direction.
    pub direction: Direction,
    /// The call.
    pub call: TransferCall,
    /// The descriptor.
    pub fd: Option<Fd>,
    /// How many bytes were asked for.
    pub size: Option<u32>,
    /// The first bytes of the data, as many as the source keeps.
    pub data: Option<&'a [u8]>,
    /// Both ends, of calls with an address.
    pub tuple: Option<Tuple<'a>>,
}
