//! The record types ("SysFlow schema 5"), each declared once: structure, documentation, encoding and the
//! schema version of every field.
//!
//! All types borrow from the block that they were read from. [`Record`] is the union of them; the order
//! of its variants is the order of the union in the schema.

#[macro_use]
mod declare;
mod entities;
mod enums;
mod events;
mod flows;
mod union;

pub use declare::Model;
pub use entities::{Container, File, Header, Pod, Port, Process, Service};
pub use enums::{ContainerType, K8sAction, K8sComponent, ObjectState, ResourceType};
pub use events::{FileEvent, K8sEvent, Loss, NetworkEvent, ProcessEvent};
pub use flows::{FileFlow, Ip6, NetworkFlow, ProcessFlow};
pub use union::{Kind, Record, schema_json};
