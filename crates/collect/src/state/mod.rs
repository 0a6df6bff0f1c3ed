//! The state of the machine: threads, descriptors, accounts.

pub(crate) mod accounts;
pub(crate) mod container_facts;
pub(crate) mod descriptor;
pub(crate) mod dns;
pub(crate) mod groups;
pub(crate) mod interfaces;
pub(crate) mod thread;
