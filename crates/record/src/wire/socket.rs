//! What both ends need of a socket.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};

use super::WireError;

/// A new socket of the protocol's type that no child process inherits.
pub(super) fn seqpacket(flags: SocketFlags) -> rustix::io::Result<OwnedFd> {
    socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        flags | SocketFlags::CLOEXEC,
        None,
    )
}

/// The address of `path`. Paths longer than about a hundred bytes have none.
pub(super) fn address(path: &Path) -> rustix::io::Result<SocketAddrUnix> {
    SocketAddrUnix::new(path)
}

/// An error that says what could not be done where.
pub(super) fn failure(
    action: &'static str,
    path: &Path,
    source: impl Into<io::Error>,
) -> WireError {
    WireError::Io {
        action,
        path: path.to_owned(),
        source: source.into(),
    }
}
