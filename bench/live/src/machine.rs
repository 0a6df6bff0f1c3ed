//! The state of the machine that is measured on.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use libbpf_rs::ProgramType;
use libbpf_rs::query::{ProgInfoIter, ProgramInfo};
use serde_json::{Value, json};

/// For how long the programs of others are waited for before a run.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// For how long our own may stay after they were detached.
pub(crate) const LEAVING: Duration = Duration::from_secs(1);

/// Processes that could run, on average over the last minute.
pub(crate) fn load() -> f64 {
    std::fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .unwrap_or(f64::NAN)
}

/// Programs in the kernel that look at what is done, and therefore cost what is measured. They are not ours while
/// nothing is attached.
fn tracing_programs() -> impl Iterator<Item = ProgramInfo> {
    ProgInfoIter::default().filter(|program| {
        matches!(
            program.ty,
            ProgramType::Tracing
                | ProgramType::RawTracepoint
                | ProgramType::RawTracepointWritable
                | ProgramType::Tracepoint
                | ProgramType::Kprobe
                | ProgramType::Lsm
        )
    })
}

/// How often these programs have run, and for how long, ns, if the kernel measures that: for watchers that have
/// given up the right to ask.
pub(crate) fn run_times() -> Vec<(String, u64, u64)> {
    tracing_programs()
        .map(|program| {
            let name = program.name.to_string_lossy().into_owned();
            (name, program.run_cnt, program.run_time_ns)
        })
        .collect()
}

/// Waits for a while until no program of others is there. How many there are in the end.
pub(crate) fn wait_for_quiet(patience: Duration) -> usize {
    let begun = Instant::now();
    loop {
        let others = tracing_programs().count();
        if others == 0 || begun.elapsed() > patience {
            return others;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What it is.
pub(crate) fn describe() -> Result<Value> {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let processor = std::fs::read_to_string("/proc/cpuinfo")?;
    let processor = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map(|(_, name)| name.to_owned());
    let memory = std::fs::read_to_string("/proc/meminfo")?;
    let memory: u64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .context("no MemTotal in /proc/meminfo")?;
    Ok(json!({
        "kernel": kernel.trim(),
        "processor": processor,
        "processors": std::thread::available_parallelism()?.get(),
        "memory_mib": memory >> 10,
        "load": load(),
    }))
}
