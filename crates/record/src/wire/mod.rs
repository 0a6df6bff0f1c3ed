//! The unix-socket protocol between a recorder and a consumer, both ends.
//!
//! The consumer listens at a path on an `AF_UNIX` `SOCK_SEQPACKET` socket and the recorder connects to it.
//! A message is one binary Avro datum of the record union, as [`Record::write`](crate::Record::write) writes
//! it: no framing, no schema, no answer. The first message after each connect is a header.
//!
//! # Contract
//!
//! - What a peer sends never ends the process, nor costs more memory than
//!   [`ReceiveOptions::largest_message`] for each connection.
//! - A message that cannot be used is reported with its number, counted, and the stream goes on.
//! - Sending waits no longer than [`SendOptions::timeout`] and never raises `SIGPIPE`. Whatever is not
//!   delivered whole is counted in [`SendCounts`] and told to the caller.
//! - There is no negotiation: both ends speak schema 5, unless the header announces another version
//!   (see [`Dialect::announced`]).
//!
//! The original's consumer has a buffer of [`CLASSIC_LARGEST_MESSAGE`] bytes and drops the connection on any
//! longer message, so classic senders stay below that.
//!
//! Source: "SysFlow collector 0.7", socket writer and reader of the collector and the processor.

mod error;
mod listener;
mod message;
mod receiver;
mod sender;
mod shrink;
mod socket;

pub use error::WireError;
pub use listener::Listener;
pub use message::{Dialect, MessageProblem, decode_message};
pub use receiver::{ReceiveCounts, ReceiveOptions, Receiver};
pub use sender::{SendCounts, SendOptions, Sender, Sent};

/// The longest message that the original's consumer accepts, in bytes.
pub const CLASSIC_LARGEST_MESSAGE: usize = 16_384;

/// The longest message that is accepted and sent between our own ends, in bytes.
pub const DEFAULT_LARGEST_MESSAGE: usize = 4 << 20;
