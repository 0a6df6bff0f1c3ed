//! What container runtimes and Kubernetes' runtimes know about containers, for live capture.
//!
//! A process is in a control group, whose path names its container ([`container_of_cgroup`]). What the container is
//! called, what image it was made from, which pod it belongs to and what it may do, only its runtime knows. An
//! [`Enricher`] asks for that in a thread of its own, so that capture never waits:
//!
//! - Docker and Podman over HTTP, containerd and CRI-O over gRPC, each at its unix socket. A runtime need not be there;
//!   it may go and come back.
//! - Where none answers, files that Docker, containerd, Podman, CRI-O and OCI runtimes leave tell much of the same.
//! - A container that is not known yet is asked about again, with growing pauses.
//! - Everything is bounded: questions, answers, containers, and what is kept of each.
//!
//! Root may ask runtimes. The processes of the host must be seen in `/proc`: by its first process it is known that a
//! container lives.
//!
//! ```no_run
//! use std::time::Duration;
//! use sysflow_enrich::{Answer, Enricher, Settings, container_of_cgroup};
//!
//! # fn main() -> Result<(), sysflow_enrich::Error> {
//! let enricher = Enricher::start(Settings::default())?;
//!
//! // When a control group is seen first:
//! let path = b"/docker/3f0a9d2c41b7e86553f0a9d2c41b7e86553f0a9d2c41b7e86553f0a9d2c41b7e";
//! if let Some(found) = container_of_cgroup(path) {
//!     enricher.look_up(found.into(), Some(4711));
//! }
//!
//! // Now and then, between events:
//! while let Some(answer) = enricher.next_answer() {
//!     match answer {
//!         Answer::Known(key, facts) => println!("{} is {}", key.id, facts.name),
//!         Answer::Unknown(key) => println!("nobody knows {}", key.id),
//!         Answer::Ended(key) => println!("{} has ended", key.id),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`ContainerFacts::snapshot`] is what collection takes of the facts, [`ContainerFacts::metadata`] what rules ask for.
//!
//! - [`cgroup`](container_of_cgroup): from paths of control groups to containers.
//! - `facts`, `image`, `metadata`: what is known. `answer`: questions and answers.
//! - `enricher`, `worker`, `cache`, `learn`: the thread, what it asks when, what it remembers.
//! - `runtime`: the interfaces. Features `docker` and `cri` leave them out.
//! - `files`, `docker`, `oci`, `kubernetes`: what files, specifications, labels and annotations tell.
//! - `accounts`: users and groups of a container.

mod accounts;
mod answer;
mod cache;
mod cgroup;
mod docker;
mod enricher;
mod error;
mod facts;
mod files;
mod image;
mod json;
mod kubernetes;
mod learn;
mod metadata;
mod oci;
mod process;
mod runtime;
mod settings;
mod statistics;
mod time;
mod worker;

pub use accounts::Accounts;
pub use answer::{Answer, ContainerKey};
pub use cgroup::{
    CgroupContainer, container_of_cgroup, container_of_process, containers_of_cgroup,
};
pub use enricher::Enricher;
pub use error::Error;
pub use facts::{ContainerFacts, Image, Mount, Origin, PodFacts, RuntimeKind};
pub use settings::{Directories, Settings, Socket, SocketKind};
pub use statistics::Statistics;
