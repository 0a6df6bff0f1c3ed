//! Questions and answers.

use std::sync::Arc;

use crate::cgroup::CgroupContainer;
use crate::facts::{ContainerFacts, RuntimeKind};

/// A container that is asked about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContainerKey {
    /// The full id, or the name where the runtime names its containers.
    pub id: String,
    /// The runtime, as far as it is known. Runtimes of this kind are asked first.
    pub kind: RuntimeKind,
    /// The namespace of containerd, where it is known.
    pub namespace: Option<String>,
}

impl ContainerKey {
    /// The container with an id.
    pub fn new(id: impl Into<String>, kind: RuntimeKind) -> Self {
        Self {
            id: id.into(),
            kind,
            namespace: None,
        }
    }
}

impl From<CgroupContainer<'_>> for ContainerKey {
    fn from(found: CgroupContainer<'_>) -> Self {
        Self {
            id: found.id.to_owned(),
            kind: found.kind,
            namespace: found.namespace.map(str::to_owned),
        }
    }
}

/// What became of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What is known of the container. It comes again when more is known: runtimes tell of containers that are still
    /// starting, and files tell less than runtimes.
    Known(ContainerKey, Arc<ContainerFacts>),
    /// Nobody knew the container for the time that the settings call patience. Facts may follow still.
    Unknown(ContainerKey),
    /// A container of which facts were told has ended, and is forgotten.
    Ended(ContainerKey),
}
