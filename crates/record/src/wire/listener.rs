//! The consumer's end: waiting for recorders.

use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, fchmod};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with, bind, connect, listen, sockopt};

use super::socket::{address, failure, seqpacket};
use super::{ReceiveOptions, Receiver, WireError};

/// Recorders that may wait to be accepted.
const BACKLOG: i32 = 64;

/// A socket at a path to which recorders connect. The path is removed when this is dropped.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    path: PathBuf,
    options: ReceiveOptions,
    /// Device and inode of the path, to remove no one else's.
    identity: Option<(u64, u64)>,
}

impl Listener {
    /// Listens at `path`, for this user only. The directory is made if it is missing. A socket that an
    /// earlier process left there is replaced if nobody answers on it; nothing else is.
    pub fn bind(path: impl Into<PathBuf>, options: ReceiveOptions) -> Result<Self, WireError> {
        let path = path.into();
        let address = address(&path).map_err(|error| failure("name", &path, error))?;
        if let Some(directory) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            let made = DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory);
            made.map_err(|error| failure("make the directory of", &path, error))?;
        }
        remove_stale(&path)?;
        let socket = seqpacket(SocketFlags::empty());
        let socket = socket.map_err(|error| failure("create", &path, error))?;
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, options.timeout)
            .map_err(|error| failure("set a timeout on", &path, error))?;
        // The path takes its mode from the socket, so there is no moment in which it has a wider one, and no
        // second look at a path that may by then be another's.
        fchmod(&socket, Mode::RUSR | Mode::WUSR)
            .map_err(|error| failure("protect", &path, error))?;
        bind(&socket, &address).map_err(|error| match error {
            Errno::ADDRINUSE => WireError::InUse(path.clone()),
            error => failure("bind", &path, error),
        })?;
        let mut listener = Self {
            socket,
            path,
            options,
            identity: None,
        };
        listener.identity = fs::symlink_metadata(&listener.path)
            .ok()
            .as_ref()
            .map(identity);
        listen(&listener.socket, BACKLOG)
            .map_err(|error| failure("listen on", &listener.path, error))?;
        Ok(listener)
    }

    /// Waits for the next recorder. Fails with [`WireError::Idle`] when none comes within
    /// [`ReceiveOptions::timeout`].
    pub fn accept(&self) -> Result<Receiver, WireError> {
        loop {
            match accept_with(&self.socket, SocketFlags::CLOEXEC) {
                Ok(connection) => {
                    return Receiver::new(connection, self.path.clone(), self.options);
                }
                // The second means that the peer has gone while it waited.
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(Errno::AGAIN) => return Err(WireError::Idle),
                Err(error) => return Err(failure("accept on", &self.path, error)),
            }
        }
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let present = fs::symlink_metadata(&self.path).ok().as_ref().map(identity);
        if present.is_some() && present == self.identity {
            // There is nobody to tell, and the next `bind` would replace it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Removes a socket on which nobody answers.
fn remove_stale(path: &Path) -> Result<(), WireError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failure("look at", path, error)),
    };
    if !metadata.file_type().is_socket() {
        return Err(WireError::NotASocket(path.to_owned()));
    }
    // A full backlog must not hold us up: that too is an answer.
    let probe = seqpacket(SocketFlags::NONBLOCK).map_err(|error| failure("create", path, error))?;
    let address = address(path).map_err(|error| failure("name", path, error))?;
    match connect(&probe, &address) {
        Err(Errno::CONNREFUSED) => match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failure("replace", path, error))
            }
            _ => Ok(()),
        },
        Err(Errno::NOENT) => Ok(()),
        _ => Err(WireError::InUse(path.to_owned())),
    }
}
