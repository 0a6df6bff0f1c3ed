//! Which threads make up a process.

use std::collections::HashMap;

/// The threads of a process.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// Those in the table, the dead ones included.
    pub(crate) threads: Vec<i64>,
    /// How many of them are alive.
    pub(crate) alive: usize,
    /// Whether it takes over the children of its descendants.
    pub(crate) is_reaper: bool,
}

/// All processes by their id.
pub(crate) type Groups = HashMap<i64, Group, foldhash::fast::FixedState>;
