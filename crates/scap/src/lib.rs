//! Reader of `.scap` captures of system calls, old and new.
//!
//! A capture is what sysdig, Falco and the SysFlow collector record: a snapshot of a machine
//! (interfaces, users, processes, open descriptors), then every event in the order in which it was
//! seen. This crate reads it from any [`Read`](std::io::Read), plain or gzip, and yields what it
//! tells, item by item and borrowed from one buffer.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use sysflow_scap::{Arguments, Capture, Code, Item, Name};
//!
//! let mut capture = Capture::open(std::fs::File::open("ls.scap")?)?;
//! while let Some(item) = capture.next()? {
//!     if let Item::Event(event) = item {
//!         if event.code() == Code::SYSCALL_OPENAT_2_X {
//!             println!("{:?}", event.named(Name::NAME).and_then(|name| name.text()));
//!         }
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! # Contract
//!
//! - Every version of every block is read, little-endian only. Blocks and events that are newer than
//!   this crate are skipped and counted in [`Statistics`].
//! - Memory does not grow with the capture, and no event costs an allocation.
//! - Nothing is remembered from one item to the next: tables of processes are built elsewhere.
//! - Whatever stands before a fault is yielded before the fault is reported. A length in the capture
//!   is never trusted: no memory is taken for bytes that have not arrived.
//! - Numbers mean what the format means by them; the library's own flag values are not turned into
//!   those of a kernel.
//!
//! # Layout
//!
//! - [`Capture`] and [`Item`]: the way in. Below it lie gzip detection, blocks, and one module for
//!   each kind of content.
//! - [`Event`], [`Arguments`], [`Argument`]: events and their typed arguments, by position or
//!   [`Name`]. [`Event::upgraded`] brings those of older writers to the present form, [`KeptEvent`]
//!   holds an enter event until its exit.
//! - [`EventInfo`], [`ParameterInfo`], [`FlagSet`]: the table of event codes, built from the files
//!   in `tables/`.

mod argument;
mod block;
mod bytes;
mod capture;
mod class;
mod descriptor;
mod error;
mod event;
mod flags;
mod input;
mod parameter;
mod process;
mod socket;
mod state;
mod statistics;
mod system_call;
mod table;
mod upgrade;

#[cfg(test)]
mod capture_tests;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
#[cfg(test)]
mod property_tests;
#[cfg(any(test, feature = "fuzzing"))]
#[cfg_attr(not(test), allow(dead_code, reason = "tests need more of it"))]
mod testing;

pub use argument::{Argument, Arguments, Polled};
pub use bytes::Texts;
pub use capture::{Capture, Item};
pub use descriptor::{Descriptor, DescriptorKind, Protocol, Target};
pub use error::Error;
pub use event::{Event, KeptEvent};
pub use flags::{FlagNames, FlagSet, Flags};
pub use parameter::{Choice, Format, ParameterInfo, ParameterType};
pub use process::Process;
pub use socket::{SocketAddress, SocketTuple};
pub use state::{Group, Interface, Machine, Section, User};
pub use statistics::Statistics;
pub use system_call::system_call_name;
pub use table::{
    Category, Code, Direction, EventFlags, EventInfo, Name, Origin, events, flag_sets,
};
pub use upgrade::Upgraded;
