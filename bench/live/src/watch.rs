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
use sysflow_probe::{Mode, Options, Probe, Statistics};
use sysflow_record::Record;

use crate::judge;

/// What is attached, and what becomes of what it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bar {
    /// Nothing at all.
    Nothing,
    /// Programs that do nothing, on the same places.
    Floor,
    /// A record for each system call that there is; they are read and dropped.
    EveryCall,
    /// The same for those only that ours knows.
    PerCall,
    /// What `sysflow record` does, but for writing: counted in the kernel, joined to records.
    Collect,
    /// What `sysflow run` does: judged too.
    Ours,
}

impl Bar {
    pub(crate) const ALL: [Self; 6] = [
        Self::Nothing,
        Self::Floor,
        Self::EveryCall,
        Self::PerCall,
        Self::Collect,
        Self::Ours,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Floor => "floor",
            Self::EveryCall => "every call",
            Self::PerCall => "per call",
            Self::Collect => "collect",
            Self::Ours => "ours",
        }
    }

    /// Where it stands in a round.
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// Observes and keeps nothing.
struct Ignore;

impl Observer for Ignore {
    fn restart(&mut self) {}
    fn snapshot(&mut self, _: &sysflow_event::snapshot::Snapshot<'_>) {}
    fn event(&mut self, _: &sysflow_event::Event<'_>) {}
}

/// Whether the one who has started the watcher wants no more.
static IS_OVER: AtomicBool = AtomicBool::new(false);

/// Whether to stop.
pub(crate) fn is_over() -> bool {
    IS_OVER.load(Ordering::Relaxed)
}

/// What the watcher has used and seen up to a moment.
#[derive(Debug)]
pub(crate) struct Moment {
    statistics: Statistics,
    time: Duration,
}

impl Moment {
    pub(crate) fn now(probe: &Probe) -> Result<Self, sysflow_probe::Error> {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Ok(Self {
            statistics: probe.statistics()?,
            time: Duration::new(time.tv_sec as u64, time.tv_nsec as u32),
        })
    }
}

/// The watcher's side: watches until standard input ends, then says what it has seen.
pub(crate) fn watch(bar: &str, rules: &str, run_times: bool) -> Result<()> {
    let Some(bar) = Bar::ALL.into_iter().find(|known| known.name() == bar) else {
        bail!("no bar {bar}");
    };
    let mode = match bar {
        Bar::Nothing => bail!("nothing is to be attached"),
        Bar::Floor => Mode::Floor,
        Bar::EveryCall => Mode::EveryCall,
        Bar::PerCall => Mode::PerCall,
        Bar::Collect | Bar::Ours => Mode::Normal,
    };
    let options = options(mode, run_times);
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        IS_OVER.store(true, Ordering::Relaxed);
    });
    let (before, after, alerts) = match bar {
        Bar::Ours => judge::watch(options, rules)?,
        Bar::Collect => {
            let nowhere = |_: &Record<'_>, _: &sysflow_collect::Context<'_>| ();
            drain(options, &mut Collector::new(Config::default(), nowhere))?
        }
        _ => drain(options, &mut Ignore)?,
    };
    println!("{}", describe(&before, &after, alerts)?);
    Ok(())
}

/// As `sysflow run` has them.
fn options(mode: Mode, run_times: bool) -> Options {
    let usual = Options::default();
    Options {
        mode,
        burst: usual.rate.saturating_mul(5),
        run_times,
        ..usual
    }
}

fn drain<O: Observer>(options: Options, observer: &mut O) -> Result<(Moment, Moment, u64)> {
    let mut probe = Probe::load(options)?;
    // Records are made of what is counted too.
    probe.ask_for(|_| false)?;
    probe.snapshot(observer)?;
    probe.poll(Duration::ZERO, observer)?;
    let before = Moment::now(&probe)?;
    println!("ready");
    while !is_over() {
        probe.poll(Duration::from_millis(100), observer)?;
    }
    probe.flush(observer)?;
    Ok((before, Moment::now(&probe)?, 0))
}

/// Numbers of memory of this process, KiB.
fn memory(name: &str) -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok())
        .with_context(|| format!("no {name} in /proc/self/status"))
}

fn describe(before: &Moment, after: &Moment, alerts: u64) -> Result<Value> {
    let (then, now) = (&before.statistics, &after.statistics);
    let programs: Vec<Value> = now
        .programs
        .iter()
        .filter_map(|program| {
            let old = then.programs.iter().find(|old| old.name == program.name)?;
            let runs = program.runs - old.runs;
            (runs > 0).then(|| {
                let time = program.time.saturating_sub(old.time);
                json!({"name": program.name, "runs": runs, "ns": time.as_nanos() as u64})
            })
        })
        .collect();
    Ok(json!({
        "events": now.events - then.events,
        "bytes": now.bytes - then.bytes,
        "lost": now.lost() - then.lost(),
        "left_out": now.suppressed - then.suppressed,
        "uncounted": now.uncounted - then.uncounted,
        "malformed": now.malformed,
        "alerts": alerts,
        "watcher_us": after.time.saturating_sub(before.time).as_micros() as u64,
        "resident_kib": memory("VmRSS")?,
        "resident_own_kib": memory("RssAnon")?,
        "programs": programs,
    }))
}

/// What ran between two moments, as a watcher says it.
pub(crate) fn runs_between(before: &[(String, u64, u64)], after: &[(String, u64, u64)]) -> Value {
    let ran = after.iter().filter_map(|(name, runs, ns)| {
        let old = before.iter().find(|old| old.0 == *name)?;
        let runs = runs - old.1;
        (runs > 0).then(|| json!({"name": name, "runs": runs, "ns": ns.saturating_sub(old.2)}))
    });
    ran.collect()
}

/// A watcher that runs.
#[derive(Debug)]
pub(crate) struct Watcher {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Watcher {
    /// Starts a watcher, and waits until it watches. `None` where nothing is to be attached.
    pub(crate) fn start(bar: Bar, rules: &str, run_times: bool) -> Result<Option<Self>> {
        if bar == Bar::Nothing {
            return Ok(None);
        }
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--watch", bar.name(), rules])
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
