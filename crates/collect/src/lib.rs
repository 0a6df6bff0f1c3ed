//! From operations to SysFlow records: the state of processes, descriptors and files, and the aggregation
//! of what happens on them.
//!
//! A [`Collector`] takes a snapshot of a machine and then every [`Event`](sysflow_event::Event), and yields
//! [`Record`](sysflow_record::Record)s to a [`RecordSink`].
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use sysflow_collect::source::scap::ScapSource;
//! use sysflow_collect::{Collector, Config, Context};
//! use sysflow_record::Record;
//!
//! let print = |record: &Record<'_>, _: &Context<'_>| println!("{record:?}");
//! let mut collector = Collector::new(Config::default(), print);
//! let mut source = ScapSource::new();
//! let mut capture = sysflow_scap::Capture::open(std::fs::File::open("ls.scap")?)?;
//! while let Some(item) = capture.next()? {
//!     source.translate(&item, &mut collector);
//! }
//! collector.finish();
//! # Ok(()) }
//! ```
//!
//! # Contract
//!
//! - Records come in an order in which they can be read: a header first, entities before what refers to them.
//! - In the clean profile every reference of a record resolves inside its file, whenever it was rotated.
//! - The strict profile writes what the original collector writes from the same events, record for record and
//!   in the same order, quirks included: each is named in [`Quirks`].
//! - The only clock is that of the events. The same events give the same records.
//! - What is kept is bounded by what lives, in the clean profile: what is idle and referred to by nothing that
//!   lives is forgotten, and written again when met again. In every profile, tables are bounded by [`Limits`].
//!   What is forgotten is counted in [`Statistics`].
//! - No operation is counted twice, and none is lost without being counted.
//!
//! # Layout
//!
//! - [`source`]: translators from what is observed to events.
//! - `state`: threads, descriptors, accounts. `tables`: what the records know.
//! - [`view`]: what can be asked of a single operation, for rules and for people.
//! - `collector`: the rules, by family: what an operation does to the state, and what is recorded of it.

mod cgroup;
mod collector;
mod config;
mod sink;
pub mod source;
mod state;
mod statistics;
mod tables;
mod text;
pub mod view;

pub use collector::Collector;
pub use config::{Config, Generation, Limits, Mode, Profile, Quirks, ReadMode};
pub use sink::{Context, EventsOnly, RecordSink};
pub use source::Observer;
pub use statistics::{Sizes, Statistics};
pub use view::EventView;
