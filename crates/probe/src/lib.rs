//! Live capture: what every process of the machine does, seen by programs of our own in the kernel.
//!
//! ```no_run
//! # fn run(mut collector: impl sysflow_event::Observer) -> Result<(), sysflow_probe::Error> {
//! use std::time::Duration;
//! use sysflow_probe::{Options, Probe};
//!
//! let mut probe = Probe::load(Options::default())?;
//! probe.snapshot(&mut collector)?;
//! loop {
//!     probe.poll(Duration::from_secs(1), &mut collector)?;
//! }
//! # }
//! ```
//!
//! # Contract
//!
//! - From [`Probe::load`] on nothing is missed: what happens during the [snapshot](Probe::snapshot) waits in the
//!   rings.
//! - An operation is told once, at its end, in the order of time. What the kernel knows of it comes from the
//!   kernel's own objects, which programs cannot change behind its back; what only the program knows (names that
//!   are removed or renamed, addresses of failed binds) is read from its memory at the end of the call.
//! - Reads and writes are counted in the kernel. The first of each on a descriptor is told at once, all others as
//!   sums: when the descriptor is closed or its process ends, and from time to time.
//! - What did not fit into a ring, and what a process did beyond its [rate](Options::rate), is counted, told as
//!   [`Operation::Lost`](sysflow_event::Operation::Lost), and shown by [`Probe::statistics`].
//! - Operations that must not be lost have a ring of their own, which no flood of others can fill.
//! - Nothing is told of the process that has loaded the probe.
//!
//! # Layout
//!
//! - `bpf/` beside the crates: the programs. `interface`: what crosses, on both sides. `calls`: the table of
//!   system calls. `hooks`: the table of places.
//! - `load`, `rings`, `snapshot`: the ways to the kernel. `record`, `translate`, `values`, `raw`: from records to
//!   events.
//! - [`doctor()`]: what this machine can do.

mod calls;
mod clock;
mod doctor;
mod error;
mod hooks;
mod interface;
mod load;
mod options;
mod probe;
mod raw;
mod record;
mod rings;
mod snapshot;
mod statistics;
mod system;
mod translate;
mod values;

pub use doctor::{Capability, Place, Report, doctor};
pub use error::Error;
pub use options::{Mode, Options};
pub use probe::Probe;
pub use statistics::{Lane, Loss, ProgramTime, Statistics, Suppression};
