//! The subcommands.

pub mod completions;
pub mod convert;
#[cfg(feature = "live")]
pub mod doctor;
pub mod events;
pub mod fields;
pub mod info;
#[cfg(feature = "live")]
pub mod live;
pub mod print;
#[cfg(feature = "live")]
pub mod record;
pub mod rules;
pub mod run;
