//! Encoders: what records and alerts look like outside.
//!
//! - [`columns`]: what can be shown of a record, chosen by name: the columns of the original's printer, and
//!   every field of the catalogue.
//! - [`json`]: one JSON object a line, nested or flat.
//! - [`csv`]: comma-separated values.
//! - [`table`]: columns that fit a terminal.
//! - [`parquet`]: Apache Parquet (feature `parquet`).
//! - [`sentence`]: what a record says, in words.
//! - [`observation`]: what alerts tell of who did something, where and when.
//! - [`alert`]: a match of a rule, as Falco's JSON and for a terminal.
//!
//! Encoders append to a buffer of the caller and keep no state beyond caches, so that output depends on
//! the record alone.

pub mod alert;
pub mod columns;
pub mod csv;
pub mod json;
pub mod observation;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod sentence;
pub mod table;
pub mod time;
