//! Errors of both ends.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::MessageProblem;
use crate::Kind;

/// What went wrong on a socket.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WireError {
    /// A system call failed.
    #[error("cannot {action} the socket {}: {source}", .path.display())]
    Io {
        /// What was tried, as in "cannot *bind* the socket".
        action: &'static str,
        /// The path of the socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something that is not a socket is in the way; it is left alone.
    #[error("cannot listen at {}: there is something that is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// Another process listens there.
    #[error("cannot listen at {}: another process listens there", .0.display())]
    InUse(PathBuf),
    /// Nothing came in the time that was allowed. The connection goes on.
    #[error("nothing came in time on the socket")]
    Idle,
    /// A message is longer than allowed. It is skipped and the connection goes on.
    #[error("message {message} has {length} bytes, more than the limit of {limit}")]
    Oversize {
        /// The number of the message in the connection, from 0.
        message: u64,
        /// Its length, in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A message is no record. It is skipped and the connection goes on.
    #[error("message {message} is no record: {problem}")]
    Undecodable {
        /// The number of the message in the connection, from 0.
        message: u64,
        /// What is wrong with it.
        problem: MessageProblem,
    },
    /// A record was lost because sending it failed. The connection is closed; a later
    /// [`send`](super::Sender::send) makes a new one.
    #[error("a record was not delivered to {}: {source}", .path.display())]
    Undelivered {
        /// The path of the socket.
        path: PathBuf,
        /// What the system said; [`io::ErrorKind::WouldBlock`] when the peer did not read in time.
        source: io::Error,
    },
    /// A record was lost because there is no connection and it is not yet time to try again.
    #[error("a record was not delivered to {}: not connected, next attempt in {retry_in:?}", .path.display())]
    NotConnected {
        /// The path of the socket.
        path: PathBuf,
        /// When the next attempt is due.
        retry_in: Duration,
    },
    /// A record was dropped because it is longer than a message may be, even when shortened.
    #[error("a {} record of {length} bytes was dropped: a message may have {limit}", .kind.code())]
    TooLarge {
        /// The kind of the record.
        kind: Kind,
        /// Its length, in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A record was dropped because the schema version does not have its kind.
    #[error("a {} record was dropped: schema {version} does not have it", .kind.code())]
    NotInSchema {
        /// The kind.
        kind: Kind,
        /// The schema version.
        version: u32,
    },
}

impl WireError {
    /// Whether the connection is of no further use, or was never made.
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::NotASocket(_) | Self::InUse(_))
    }
}
