//! Joining records with the entities that they refer to.
//!
//! [`Tables`] keeps the entities of the stream. Each record is joined with those that are nearest before
//! it: the last written state of its process, of the process's ancestors, of its files, container and pod.
//! Nothing is cached across records, so an ancestor that executed another program is seen as what it
//! is now.
//!
//! # Contract
//!
//! - A header forgets everything before it ("SysFlow schema 5": recordings are self-contained).
//! - Memory is bounded by [`Limits`]: entities that were not used for a whole generation go first.
//! - A reference that cannot be resolved is no error: the record is joined with nothing, and it is counted.

mod generations;
mod joined;
mod kept;
mod process;
mod tables;
mod texts;

pub use joined::{Ancestors, Joined};
pub use kept::{KeptContainer, KeptFile, KeptHeader, KeptPod};
pub use process::KeptProcess;
pub use tables::{Limits, Statistics, Tables};
