//! Errors.

use std::io;
use std::path::PathBuf;

/// Why nothing was learnt, or why enrichment could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The background thread or its runtime could not be made.
    #[error("cannot start the enrichment thread: {0}")]
    Start(io::Error),
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is longer than what is read of such files.
    #[error("{path} is longer than {limit} bytes")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The bound.
        limit: u64,
    },
    /// Nobody listens at the socket.
    #[error("no runtime answers at {path}: {reason}")]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The runtime took too long.
    #[error("the runtime at {path} did not answer in time")]
    Timeout {
        /// The socket.
        path: PathBuf,
    },
    /// The runtime answered that it failed or does not allow the question.
    #[error("the runtime at {path} refused: {reason}")]
    Refused {
        /// The socket.
        path: PathBuf,
        /// Its reason.
        reason: String,
    },
    /// What was read is not what it should be.
    #[error("malformed answer of {path}: {reason}")]
    Malformed {
        /// The socket or file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}
