//! Avro's binary encoding, as much of it as SysFlow needs.
//!
//! Each type of the record model is declared once as a [`Datum`]: its [`Shape`] (from which schemas are
//! written and the schemas of others are judged), how it is read and how it is written. Reading
//! borrows from the block; nothing is allocated.
//!
//! Source: "Apache Avro specification 1.11", binary encoding.

mod cursor;
mod datum;
mod plan;
mod schema;
mod shape;

pub use cursor::{Cursor, DatumError};
pub(crate) use datum::write_long;
pub use datum::{Array, ArrayIter, Datum, Map, write_array};
pub use plan::Plan;
pub use schema::{SchemaError, WriterType, parse_schema};
pub(crate) use shape::SchemaWriter;
pub use shape::{FieldShape, RecordShape, Shape};
