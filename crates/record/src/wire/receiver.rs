//! The consumer's end of a connection.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv, sockopt};

use super::socket::failure;
use super::{DEFAULT_LARGEST_MESSAGE, Dialect, WireError, decode_message};
use crate::Record;

/// Limits of the consumer's end.
#[derive(Clone, Copy, Debug)]
pub struct ReceiveOptions {
    /// The longest message that is accepted, in bytes.
    pub largest_message: usize,
    /// How long to wait for a recorder or a message; for ever if not given.
    pub timeout: Option<Duration>,
}

impl Default for ReceiveOptions {
    fn default() -> Self {
        Self {
            largest_message: DEFAULT_LARGEST_MESSAGE,
            timeout: None,
        }
    }
}

/// What came in on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiveCounts {
    /// All messages, also those that could not be used.
    pub messages: u64,
    /// Messages longer than the limit.
    pub oversize: u64,
    /// Messages that are no records.
    pub undecodable: u64,
    /// Records that came before the first header.
    pub before_header: u64,
}

/// A connection with a recorder.
#[derive(Debug)]
pub struct Receiver {
    connection: OwnedFd,
    path: PathBuf,
    buffer: Vec<u8>,
    dialect: Dialect,
    counts: ReceiveCounts,
    has_header: bool,
}

impl Receiver {
    pub(super) fn new(
        connection: OwnedFd,
        path: PathBuf,
        options: ReceiveOptions,
    ) -> Result<Self, WireError> {
        sockopt::set_socket_timeout(&connection, sockopt::Timeout::Recv, options.timeout)
            .map_err(|error| failure("set a timeout on", &path, error))?;
        Ok(Self {
            connection,
            path,
            // Fresh zeros of this size are address space, not memory: the kernel provides pages when a
            // message reaches them. So one call reads any message, without asking for its length first.
            buffer: vec![0; options.largest_message],
            dialect: Dialect::default(),
            counts: ReceiveCounts::default(),
            has_header: false,
        })
    }

    /// The next record; `None` when the recorder has closed the connection.
    ///
    /// After an error that is not [fatal](WireError::is_fatal) the next call goes on with the next message.
    // The record borrows from this receiver, which an `Iterator` cannot say.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, WireError> {
        let Some(length) = self.receive()? else {
            return Ok(None);
        };
        let message = self.counts.messages;
        self.counts.messages += 1;
        let Some(data) = self.buffer.get(..length) else {
            self.counts.oversize += 1;
            return Err(WireError::Oversize {
                message,
                length,
                limit: self.buffer.len(),
            });
        };
        let record = match decode_message(&self.dialect, data) {
            Ok(record) => record,
            Err(problem) => {
                self.counts.undecodable += 1;
                return Err(WireError::Undecodable { message, problem });
            }
        };
        if let Record::Header(header) = &record {
            self.has_header = true;
            self.dialect = Dialect::announced(header.version);
        }
        self.counts.before_header += u64::from(!self.has_header);
        Ok(Some(record))
    }

    /// Receives a message into the buffer and returns its true length; `None` at the end.
    fn receive(&mut self) -> Result<Option<usize>, WireError> {
        loop {
            match recv(&self.connection, &mut self.buffer[..], RecvFlags::TRUNC) {
                Ok((_, 0)) => return Ok(None),
                Ok((_, length)) => return Ok(Some(length)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Err(WireError::Idle),
                Err(error) => return Err(failure("read from", &self.path, error)),
            }
        }
    }

    /// What came in so far.
    pub const fn counts(&self) -> ReceiveCounts {
        self.counts
    }

    /// The schema version by which messages are read now.
    pub const fn version(&self) -> u32 {
        self.dialect.version()
    }
}

impl AsFd for Receiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.as_fd()
    }
}
