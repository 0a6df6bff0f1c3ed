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
    /// Threads forgotten because they were idle, and nothing that lives refers to them.
    pub forgotten_threads: u64,
    /// Processes forgotten so.
    pub forgotten_processes: u64,
    /// Files forgotten so.
    pub forgotten_files: u64,
    /// Containers forgotten so.
    pub forgotten_containers: u64,
    /// Descriptors not kept because a process has too many.
    pub refused_descriptors: u64,
    /// Flows dropped without a record (strict profile: idle flows, flows of forgotten processes).
    pub dropped_flows: u64,
}

/// How much a collector keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Threads.
    pub threads: usize,
    /// Descriptors of all processes.
    pub descriptors: usize,
    /// Processes known to the records.
    pub processes: usize,
    /// Files known to the records.
    pub files: usize,
    /// Flows in progress.
    pub flows: usize,
    /// Containers.
    pub containers: usize,
    /// Containers of which names of users or groups are known, the host among them.
    pub accounts: usize,
    /// What waits for its time: processes that have ended, threads that were guessed, counts of threads.
    pub waiting: usize,
}
