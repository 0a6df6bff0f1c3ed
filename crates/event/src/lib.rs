//! What was observed: one operation of one thread, typed and borrowed.
//!
//! Every source (a capture, a live probe) turns what it sees into [`Event`]s, and everything that acts on
//! single operations (the collector, rules on events) works on these and knows no source.
//!
//! # Contract
//!
//! - An event borrows from its source and costs no allocation.
//! - An event tells one operation with its result. Few operations matter before they return, see
//!   [`Phase`]; sources that see operations only at their end leave the beginnings out.
//! - What a source does not know is `None`, never a default.
//! - Times are nanoseconds since the epoch, ids are those of the host's namespaces unless they say
//!   otherwise, descriptors are numbers in the table of the thread.
//! - Flag values have the numbers of the SysFlow and capture formats, which hold on every architecture,
//!   not those of a kernel. See [`flags`].
//!
//! # Layout
//!
//! - [`Event`], [`Operation`]: what happened.
//! - [`mod@file`], [`identity`], [`network`], [`process`], [`descriptor`]: the arguments of operations, by family.
//! - [`raw`]: every argument by its name, for who asks for more than the state of a system needs.
//! - [`snapshot`]: what there was before the first event.
//! - [`Observer`]: who takes all this from a source.

pub mod descriptor;
mod event;
pub mod file;
pub mod flags;
pub mod identity;
pub mod network;
mod observer;
mod operation;
pub mod process;
pub mod raw;
pub mod snapshot;

pub use event::{Event, Phase};
pub use observer::Observer;
pub use operation::Operation;

/// The number of a descriptor in the table of a thread.
pub type Fd = i32;

/// What `*at` calls get in place of a directory's descriptor when they mean the working directory.
pub const WORKING_DIRECTORY: Fd = -100;
