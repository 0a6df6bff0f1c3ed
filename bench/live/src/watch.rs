//! The watcher: a process of its own, since nothing is told of the process that watches.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use sysflow_collect::{Collector, Config};
use sysflow_event::Observer;
use sysflow_probe::{Mode, Options, Probe};
use sysflow_record::Record;

/// What is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bar {
    Nothing,
    Floor,
    PerCall,
    Ours,
}

impl Bar {
    pub(crate) const ALL: [Self; 4] = [Self::Nothing, Self::Floor, Self::PerCall, Self::Ours];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Floor => "floor",
            Self::PerCall => "per call",
            Self::Ours => "ours",
        }
    }
}

/// Observes and keeps nothing.
struct Ignore;

impl Observer for Ignore {
    fn restart(&mut self) {}
    fn snapshot(&mut self, _: &sysflow_event::snapshot::Snapshot<'_>) {}
    fn event(&mut self, _: &sysflow_event::Event<'_>) {}
}

/// The watcher's side: watches until standard input ends, then says what it has seen.
pub(crate) fn watch(bar: &str, run_times: bool) -> Result<()> {
    let Some(bar) = Bar::ALL.into_iter().find(|known| known.name() == bar) else {
        bail!("no bar {bar}");
    };
    let mode = match bar {
        Bar::Nothing => bail!("nothing is to be attached"),
        Bar::Floor => Mode::Floor,
        Bar::PerCall => Mode::PerCall,
        Bar::Ours => Mode::Normal,
    };
    let probe = Probe::load(Options {
        mode,
        // Nothing is left out: what is measured is telling it.
        rate: 1_000_000_000,
        normal_ring: 64 << 20,
        run_times,
        ..Options::default()
    })?;
    if bar == Bar::Ours {
        let mut collector = Collector::new(Config::default(), |_: &Record<'_>, _: &sysflow_collect::Context<'_>| ());
        drain(probe, &mut collector)
    } else {
        drain(probe, &mut Ignore)
    }
}

fn own_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn drain<O: Observer>(mut probe: Probe, observer: &mut O) -> Result<()> {
    static IS_OVER: AtomicBool = AtomicBool::new(false);
    probe.snapshot(observer)?;
    probe.poll(Duration::ZERO, observer)?;
    println!("ready");
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        IS_OVER.store(true, Ordering::Relaxed);
    });
    let before = (probe.statistics()?, own_time());
    while !IS_OVER.load(Ordering::Relaxed) {
        probe.poll(Duration::from_millis(100), observer)?;
    }
    probe.flush(observer)?;
    let after = (probe.statistics()?, own_time());
    let programs: Vec<Value> = after
        .0
        .programs
        .iter()
        .filter(|program| program.runs > 0)
        .map(|program| {
            json!({
                "name": program.name,
                "runs": program.runs,
                "ns": program.time.as_nanos() as u64,
            })
        })
        .collect();
    println!(
        "{}",
        json!({
            "events": after.0.events - before.0.events,
            "bytes": after.0.bytes - before.0.bytes,
            "lost": after.0.lost(),
            "malformed": after.0.malformed,
            "watcher_us": (after.1 - before.1).as_micros() as u64,
            "programs": programs,
        })
    );
    Ok(())
}

/// A watcher that runs.
#[derive(Debug)]
pub(crate) struct Watcher {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Watcher {
    /// Starts a watcher, and waits until it watches. `None` where nothing is to be attached.
    pub(crate) fn start(bar: Bar, run_times: bool) -> Result<Option<Self>> {
        if bar == Bar::Nothing {
            return Ok(None);
        }
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--watch", bar.name()])
            .args(run_times.then_some("--run-times"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut output = BufReader::new(child.stdout.take().context("no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        if line.trim() != "ready" {
            child.wait()?;
            bail!("the watcher has failed");
        }
        Ok(Some(Self { child, output }))
    }

    /// Ends it, and returns what it says.
    pub(crate) fn finish(mut self) -> Result<Value> {
        drop(self.child.stdin.take());
        let mut text = String::new();
        self.output.read_to_string(&mut text)?;
        anyhow::ensure!(self.child.wait()?.success(), "the watcher has failed");
        Ok(serde_json::from_str(&text)?)
    }
}
