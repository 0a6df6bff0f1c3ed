//! The SysFlow record model and its codec.
//!
//! A recording is a stream of *records*. Entities (header, container, pod, process, file) give context;
//! events and flows refer to them by id and say what happened. This crate holds:
//!
//! - [`model`]: the record types, each declared once with its schema version.
//! - [`avro`]: the binary encoding, reading any writer's schema into our types.
//! - [`container`]: Avro container files, read and written as streams.
//! - [`wire`]: the unix-socket protocol between a recorder and a consumer.
//! - [`entity`]: joining records with the entities that they refer to, in bounded memory.
//! - [`catalogue`](mod@catalogue): the fields of a joined record, for conditions, rules and output.
//!
//! # Contract
//!
//! - Reading borrows from the block in hand and allocates nothing for each record.
//! - No length or count in the data is trusted for an allocation.
//! - Text is bytes: recorders pass on what programs used, which need not be UTF-8.
//! - Times are nanoseconds since the epoch, sizes are bytes.

pub mod avro;
pub mod catalogue;
pub mod container;
pub mod entity;
pub mod errno;
mod error;
mod flags;
mod id;
pub mod model;
pub mod wire;

pub use error::{BlockProblem, ReadError};
pub use flags::{OpFlags, OpenFlags};
pub use id::{Foid, Oid};
pub use model::{Kind, Record};

/// The schema version that the original's readers understand.
pub const CLASSIC_VERSION: u32 = 5;

/// The schema version that carries what [`CLASSIC_VERSION`] cannot (see `docs/adr/0001`).
pub const NATIVE_VERSION: u32 = 100;

/// The address of a pod, node or service: the bytes of an IPv4 address, lowest first, in a long.
pub const fn pod_address(value: i64) -> std::net::Ipv4Addr {
    let [a, b, c, d, ..] = value.to_le_bytes();
    std::net::Ipv4Addr::new(a, b, c, d)
}
