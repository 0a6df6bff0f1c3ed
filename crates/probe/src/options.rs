//! How the probe works.

use std::time::Duration;

/// How much is done in the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Reads and writes are counted, everything else is told one by one.
    #[default]
    Normal,
    /// Everything is told one by one: to measure what counting saves.
    PerCall,
    /// The same of all calls there are, those too that nobody has any interest in: `stat`, `futex` …
    EveryCall,
    /// Programs that do nothing are attached to the same places: to measure what that costs alone.
    Floor,
}

/// Options of a probe. The defaults suit a machine that does other work.
#[derive(Clone, Debug)]
pub struct Options {
    /// How much is done in the kernel.
    pub mode: Mode,
    /// Bytes of the ring for operations that must not be lost: a power of two.
    pub critical_ring: u32,
    /// Bytes of the ring for all others: a power of two.
    pub normal_ring: u32,
    /// How often the rings are looked at. What happens is told after twice this time at most.
    pub interval: Duration,
    /// How often counts of what is still open are told.
    pub flow_interval: Duration,
    /// Open descriptors whose reads and writes are counted at once. Beyond, they are told one by one.
    pub flows: u32,
    /// First bytes that are kept of what is read and written, where it is told.
    pub data_size: u32,
    /// Operations of the second kind that a process may do each second, on average, before they are only counted.
    pub rate: u32,
    /// How many of them it may do at once.
    pub burst: u32,
    /// Whether the kernel measures how long the programs run. It costs some time itself.
    pub run_times: bool,
    /// Whether what stands in the kernel's memory is copied piece by piece, as kernels before 6.2 need it, instead of
    /// read in place: to test that.
    pub copies: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::Normal,
            critical_ring: 4 << 20,
            normal_ring: 16 << 20,
            interval: Duration::from_millis(4),
            flow_interval: Duration::from_secs(5),
            flows: 1 << 16,
            data_size: 80,
            rate: 50_000,
            burst: 100_000,
            run_times: false,
            copies: false,
        }
    }
}
