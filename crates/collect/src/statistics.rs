//! What was done and what was lost.

/// Counters of a collector since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Events taken.
    pub events: u64,
    /// Records yielded, headers and entities included.
    pub records: u64,
    /// Events of threads that were not known before.
    pub unknown_threads: u64,
    /// Data operations on descriptors that are not known: nothing can be recorded of them.
    pub unknown_descriptors: u64,
    /// Losses that sources told of.
    pub source_losses: u64,
    /// Threads forgotten because the table was full.
    pub evicted_threads: u64,
    /// Processes forgotten because the table was full.
    pub evicted_processes: u64,
    /// Files forgotten because the table was full.
    pub evicted_files: u64,
    /// Flows ended early because the table was full.
    pub evicted_flows: u64,
    /// Descriptors not kept because a process has too many.
    pub refused_descriptors: u64,
    /// Flows dropped without a record (strict profile: idle flows, flows of forgotten processes).
    pub dropped_flows: u64,
}
