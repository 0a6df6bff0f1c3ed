//! The recorder's end.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{SendFlags, SocketFlags, connect, send, sockopt};

use super::shrink::write_shrunk;
use super::socket::{address, failure, seqpacket};
use super::{CLASSIC_LARGEST_MESSAGE, DEFAULT_LARGEST_MESSAGE, WireError};
use crate::Record;
use crate::container::header_version;
use crate::model::Header;

/// The first wait before connecting again; it doubles with each failure.
const SHORTEST_BACKOFF: Duration = Duration::from_millis(10);
/// The longest wait before connecting again. A connection that lived longer than this was a good one.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);
/// What the kernel takes of the send buffer for each message, in bytes ("unix(7)", Linux `af_unix.c`).
const KERNEL_OVERHEAD: usize = 32;

/// How records are sent.
#[derive(Clone, Copy, Debug)]
pub struct SendOptions {
    /// The schema version: one that a [`Dialect`](super::Dialect) can announce.
    pub version: u32,
    /// The longest message that the consumer accepts, in bytes. The kernel may allow less.
    pub largest_message: usize,
    /// How long connecting or sending may wait for the consumer.
    pub timeout: Duration,
}

impl SendOptions {
    /// For the original's consumer.
    pub const CLASSIC: Self = Self {
        version: crate::CLASSIC_VERSION,
        largest_message: CLASSIC_LARGEST_MESSAGE,
        timeout: Duration::from_secs(5),
    };

    /// For a consumer of this crate.
    pub const NATIVE: Self = Self {
        version: crate::NATIVE_VERSION,
        largest_message: DEFAULT_LARGEST_MESSAGE,
        ..Self::CLASSIC
    };
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Sent {
    /// The kernel has taken it for the consumer.
    Delivered,
    /// It was **not** sent, nor is it counted as lost: a new connection was made, on which the consumer knows
    /// nothing yet. Send the header and the entities, then this record again.
    Reconnected,
}

/// What was sent and what was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendCounts {
    /// Records that were delivered, also those that were shortened.
    pub delivered: u64,
    /// Processes that lost environment or arguments to fit into a message.
    pub truncated: u64,
    /// Records that were dropped because they do not fit into a message.
    pub oversize: u64,
    /// Records that were dropped because the schema version does not have their kind.
    pub not_in_schema: u64,
    /// Records that were lost because sending failed or there was no connection.
    pub lost: u64,
    /// Connections that were made.
    pub connections: u64,
}

/// Sends records to a consumer, connecting again when the connection breaks.
#[derive(Debug)]
pub struct Sender {
    path: PathBuf,
    options: SendOptions,
    connection: Option<Connection>,
    backoff: Duration,
    retry_at: Option<Instant>,
    message: Vec<u8>,
    counts: SendCounts,
}

#[derive(Debug)]
struct Connection {
    socket: OwnedFd,
    since: Instant,
    /// The longest message that both the consumer and the kernel accept, in bytes.
    limit: usize,
}

impl Sender {
    /// A sender that connects at the first [`send`](Self::send), for consumers that may come later.
    pub fn new(path: impl Into<PathBuf>, options: SendOptions) -> Self {
        Self {
            path: path.into(),
            options,
            connection: None,
            backoff: SHORTEST_BACKOFF,
            retry_at: None,
            message: Vec::new(),
            counts: SendCounts::default(),
        }
    }

    /// Connects to the consumer that listens at `path`.
    pub fn connect(path: impl Into<PathBuf>, options: SendOptions) -> Result<Self, WireError> {
        let mut sender = Self::new(path, options);
        let opened = sender.open();
        opened.map_err(|error| failure("connect to", &sender.path, error))?;
        Ok(sender)
    }

    /// Sends a record. Headers are sent with the schema version of the options.
    ///
    /// Every error means that the record was not delivered; the counts say what became of it.
    pub fn send(&mut self, record: &Record<'_>) -> Result<Sent, WireError> {
        if self.connection.is_none() {
            return self.reconnect();
        }
        self.encode(record)?;
        let Some(connection) = &self.connection else {
            return self.reconnect();
        };
        let sent = loop {
            match send(&connection.socket, &self.message, SendFlags::NOSIGNAL) {
                Err(Errno::INTR) => {}
                other => break other,
            }
        };
        match sent {
            Ok(_) => {
                self.counts.delivered += 1;
                Ok(Sent::Delivered)
            }
            Err(Errno::MSGSIZE) => {
                let length = self.message.len();
                Err(self.too_large(record, length, length.saturating_sub(1)))
            }
            Err(error) => {
                self.counts.lost += 1;
                self.close();
                Err(WireError::Undelivered {
                    path: self.path.clone(),
                    source: error.into(),
                })
            }
        }
    }

    /// Where the consumer listens.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was sent so far and what was not.
    pub const fn counts(&self) -> SendCounts {
        self.counts
    }

    /// Whether there is a connection, as far as is known.
    pub const fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// Leaves the message for `record` in the buffer.
    fn encode(&mut self, record: &Record<'_>) -> Result<(), WireError> {
        let version = self.options.version;
        self.message.clear();
        let written = match record {
            Record::Header(header) => {
                let version_name = header_version(version);
                let header = Header {
                    version: version_name,
                    ..*header
                };
                Record::Header(header).write(version, &mut self.message)
            }
            other => other.write(version, &mut self.message),
        };
        if !written {
            self.counts.not_in_schema += 1;
            let kind = record.kind();
            return Err(WireError::NotInSchema { kind, version });
        }
        let limit = self.limit();
        let length = self.message.len();
        if length <= limit {
            return Ok(());
        }
        if let Record::Process(process) = record
            && write_shrunk(process, version, length, limit, &mut self.message)
        {
            self.counts.truncated += 1;
            return Ok(());
        }
        Err(self.too_large(record, length, limit))
    }

    fn too_large(&mut self, record: &Record<'_>, length: usize, limit: usize) -> WireError {
        self.counts.oversize += 1;
        let kind = record.kind();
        WireError::TooLarge {
            kind,
            length,
            limit,
        }
    }

    fn limit(&self) -> usize {
        self.connection
            .as_ref()
            .map_or(self.options.largest_message, |connection| connection.limit)
    }

    fn reconnect(&mut self) -> Result<Sent, WireError> {
        let now = Instant::now();
        if let Some(retry_at) = self.retry_at
            && retry_at > now
        {
            self.counts.lost += 1;
            return Err(WireError::NotConnected {
                path: self.path.clone(),
                retry_in: retry_at - now,
            });
        }
        match self.open() {
            Ok(()) => Ok(Sent::Reconnected),
            Err(error) => {
                self.counts.lost += 1;
                self.wait_longer();
                Err(WireError::Undelivered {
                    path: self.path.clone(),
                    source: error,
                })
            }
        }
    }

    fn open(&mut self) -> io::Result<()> {
        let socket = seqpacket(SocketFlags::empty())?;
        // This bounds waiting in `connect`, for a consumer with a full backlog, too.
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(self.options.timeout))?;
        let wanted = self.options.largest_message.saturating_add(KERNEL_OVERHEAD);
        if sockopt::socket_send_buffer_size(&socket)? < wanted {
            // The kernel doubles what it is told and caps it where an administrator says so; what we got
            // is asked below.
            let _ = sockopt::set_socket_send_buffer_size(&socket, wanted);
        }
        connect(&socket, &address(&self.path)?)?;
        let granted = sockopt::socket_send_buffer_size(&socket)?;
        let limit = granted.saturating_sub(KERNEL_OVERHEAD);
        self.connection = Some(Connection {
            socket,
            since: Instant::now(),
            limit: limit.min(self.options.largest_message),
        });
        self.counts.connections += 1;
        Ok(())
    }

    fn close(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        // A consumer that closes each connection at once must not make us repeat all entities all the time.
        if connection.since.elapsed() > LONGEST_BACKOFF {
            self.backoff = SHORTEST_BACKOFF;
        }
        self.wait_longer();
    }

    fn wait_longer(&mut self) {
        self.retry_at = Some(Instant::now() + self.backoff);
        self.backoff = (self.backoff * 2).min(LONGEST_BACKOFF);
    }
}
