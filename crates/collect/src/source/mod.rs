//! Sources of events, each in the form of one translator.

pub mod scap;

pub use sysflow_event::Observer;
