//! Wiring: recordings, policies and counts put together. No domain logic lives here.
//!
//! - [`inputs`]: the recordings that a user names: files, directories, standard input.
//! - [`socket`]: records for a consumer at a unix socket.
//! - [`stream`]: all records of the inputs, joined with their entities, with faults told and survived.
//! - [`policies`]: the rules that a user names: files and directories.
//! - [`judging`]: what rules make of one observation after the other.
//! - [`rule_tests`]: tests of rules, run with a story or a recording.
//! - [`explaining`]: why a rule is true or false of what happened.
//! - [`costing`]: what each rule costs.
//! - [`comparing`]: what other rules would have told.
//! - [`recorder`]: recordings of a live system, one file after the other.
//! - [`reload`]: rule files that change while they are in use.
//! - [`signals`]: when to stop, when to read files again.
//! - `live`: watching this machine (feature `live`).
//! - [`tally`]: what a stream held, for summaries.
//! - [`progress`]: a bar for people who wait.

pub mod comparing;
pub mod costing;
pub mod explaining;
pub mod inputs;
pub mod judging;
#[cfg(feature = "live")]
pub mod live;
pub mod policies;
pub mod progress;
pub mod recorder;
pub mod reload;
pub mod rule_tests;
pub mod signals;
pub mod socket;
pub mod stream;
pub mod tally;
