//! The subcommands.

pub mod completions;
pub mod convert;
pub mod events;
pub mod fields;
pub mod info;
pub mod print;
pub mod rules;
pub mod run;
