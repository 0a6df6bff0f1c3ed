//! What was seen and lost.

use std::time::Duration;

/// Which operations a loss is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Those that must not be lost: processes, identity, connections, the kernel itself.
    Critical,
    /// All others.
    Normal,
}

/// Records that did not fit into a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Which ring.
    pub lane: Lane,
    /// What they told of.
    pub kind: &'static str,
    /// How many.
    pub count: u64,
}

/// Operations that were only counted because their process did too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// The process.
    pub pid: u32,
    /// The system call.
    pub call: &'static str,
    /// How many.
    pub count: u64,
}

/// How long a program in the kernel ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramTime {
    /// The program.
    pub name: String,
    /// How often it ran.
    pub runs: u64,
    /// For how long altogether.
    pub time: Duration,
}

/// What was seen and lost since the probe was loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Events told.
    pub events: u64,
    /// Bytes that crossed the rings.
    pub bytes: u64,
    /// Records that could not be read.
    pub malformed: u64,
    /// Records lost, by ring and kind.
    pub losses: Vec<Loss>,
    /// The processes that lost most records, with how many.
    pub losers: Vec<(u32, u64)>,
    /// What was left out, by process and call, as far as it was not told before.
    pub suppressions: Vec<Suppression>,
    /// What was left out altogether.
    pub suppressed: u64,
    /// Reads and writes that were told one by one since there was no room to count them.
    pub uncounted: u64,
    /// System calls of 32-bit programs that cannot be told.
    pub foreign: u64,
    /// Open descriptors whose reads and writes are counted.
    pub flows: u64,
    /// For how many there is room.
    pub flow_room: u64,
    /// How long the programs ran; 0 unless the kernel measures it.
    pub programs: Vec<ProgramTime>,
}

impl Statistics {
    /// Records lost altogether.
    pub fn lost(&self) -> u64 {
        self.losses.iter().map(|loss| loss.count).sum()
    }
}
