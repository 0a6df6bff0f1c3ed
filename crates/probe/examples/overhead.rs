//! What capture costs: nanoseconds for each system call, in the modes, one after the other and in turns.
//!
//! `overhead [ROUNDS]`. For each call the time of the thread is measured over many short batches, of which the fifth
//! percentile counts: on a machine that does other things, means say little.

use std::error::Error;
use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use sysflow_event::snapshot::Snapshot;
use sysflow_event::{Event, Observer};
use sysflow_probe::{Mode, Options, Probe};

/// Keeps nothing but how late opens are told, ns.
#[derive(Default)]
struct Delays(Vec<u64>);

impl Observer for Delays {
    fn restart(&mut self) {}
    fn snapshot(&mut self, _: &Snapshot<'_>) {}
    fn event(&mut self, event: &Event<'_>) {
        if event.name == "openat" {
            let now = clock_gettime(ClockId::Realtime);
            let now = now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64;
            self.0.push(now.saturating_sub(event.ts));
        }
    }
}

const CALLS: [&str; 5] = [
    "getpid",
    "read 1 B",
    "pread 4 KiB",
    "write 1 B",
    "open+close",
];
const BATCH: usize = 200;

fn own_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Measures each call, and prints nanoseconds.
fn measure() -> Result<(), Box<dyn Error>> {
    use std::io::{Read, Write};
    use std::os::unix::fs::FileExt;
    let mut zero = File::open("/dev/zero")?;
    let mut null = File::create("/dev/null")?;
    let file = File::open("/etc/passwd")?;
    let mut page = [0; 4096];
    for number in 0..CALLS.len() {
        let mut times = Vec::new();
        for _ in 0..500 {
            let start = own_time();
            for _ in 0..BATCH {
                match number {
                    0 => {
                        std::hint::black_box(rustix::process::getpid());
                    }
                    1 => {
                        zero.read_exact(&mut page[..1])?;
                    }
                    2 => {
                        std::hint::black_box(file.read_at(&mut page, 0)?);
                    }
                    3 => {
                        null.write_all(b"x")?;
                    }
                    _ => drop(File::open("/etc/passwd")?),
                }
            }
            times.push((own_time() - start) / BATCH as u64);
        }
        times.sort_unstable();
        println!("{}", times[times.len() / 20]);
    }
    Ok(())
}

/// Measures in a process of its own, with the probe as it is.
fn measure_with(
    probe: Option<&mut Probe>,
    delays: &mut Delays,
) -> Result<[u64; CALLS.len()], Box<dyn Error>> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("--measure")
        .stdout(Stdio::piped())
        .spawn()?;
    if let Some(probe) = probe {
        while child.try_wait()?.is_none() {
            probe.poll(Duration::from_millis(5), delays)?;
        }
    }
    let output = child.wait_with_output()?;
    let mut times = [0; CALLS.len()];
    for (time, line) in times
        .iter_mut()
        .zip(String::from_utf8(output.stdout)?.lines())
    {
        *time = line.parse()?;
    }
    Ok(times)
}

fn main() -> Result<(), Box<dyn Error>> {
    let argument = std::env::args().nth(1);
    if argument.as_deref() == Some("--measure") {
        return measure();
    }
    let rounds = argument.map_or(Ok(3), |rounds| rounds.parse())?;
    let modes = [
        ("nothing attached", None),
        ("floor", Some(Mode::Floor)),
        ("normal", Some(Mode::Normal)),
        ("per call", Some(Mode::PerCall)),
    ];
    let mut delays = Delays::default();
    let mut best = [[u64::MAX; CALLS.len()]; 4];
    for _ in 0..rounds {
        for ((_, mode), best) in modes.iter().zip(&mut best) {
            let mut probe = match mode {
                Some(mode) => Some(Probe::load(Options {
                    mode: *mode,
                    rate: 1_000_000_000,
                    ..Options::default()
                })?),
                None => None,
            };
            for (best, time) in best
                .iter_mut()
                .zip(measure_with(probe.as_mut(), &mut delays)?)
            {
                *best = time.min(*best);
            }
            if let Some(probe) = probe {
                let statistics = probe.statistics()?;
                eprintln!("{mode:?}: {} lost", statistics.lost());
            }
        }
    }
    delays.0.sort_unstable();
    if let (Some(middle), Some(late)) = (
        delays.0.get(delays.0.len() / 2),
        delays.0.get(delays.0.len() * 99 / 100),
    ) {
        println!("opens are told {middle} ns late in the middle, {late} ns at the 99th percentile");
    }
    print!("{:<18}", "ns");
    for call in CALLS {
        print!("{call:>13}");
    }
    println!();
    for ((name, _), times) in modes.iter().zip(best) {
        print!("{name:<18}");
        for time in times {
            print!("{time:>13}");
        }
        println!();
    }
    Ok(())
}
