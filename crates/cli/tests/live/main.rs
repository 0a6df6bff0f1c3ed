//! The program as it watches this machine: what its users notice, from the first alert to what is left behind.
//!
//! Needs root; each test says that it skips otherwise.

#![cfg(feature = "live")]
#![allow(clippy::unwrap_used, unreachable_pub)]

mod container;
mod exactness;
mod program;
mod recording;
mod rights;
mod running;
mod storm;
