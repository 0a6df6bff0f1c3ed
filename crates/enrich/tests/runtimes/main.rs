//! What real runtimes tell about real containers.
//!
//! Each test starts a runtime of its own under a scratch directory, and ends it. They need root and the programs of the
//! runtime; where something is missing they say so and skip.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod containerd;
mod docker;
mod podman;
mod runc;
mod world;
