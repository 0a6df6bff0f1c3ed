//! Wiring: recordings, policies and counts put together. No domain logic lives here.
//!
//! - [`inputs`]: the recordings that a user names: files, directories, standard input.
//! - [`stream`]: all records of the inputs, joined with their entities, with faults told and survived.
//! - [`policies`]: the rules that a user names: files and directories.
//! - [`recorder`]: recordings of a live system, one file after the other.
//! - [`tally`]: what a stream held, for summaries.
//! - [`progress`]: a bar for people who wait.

pub mod inputs;
pub mod policies;
pub mod progress;
pub mod recorder;
pub mod stream;
pub mod tally;
