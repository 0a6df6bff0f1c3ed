//! Watching this machine.

mod containers;

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sysflow_collect::{Collector, Config};
use sysflow_event::raw::NoArguments;
use sysflow_event::{Event, Observer, Operation, Phase};
use sysflow_probe::Probe;
pub use sysflow_probe::{Error, Options as ProbeOptions, Statistics};

use self::containers::{Containers, Looking};
use crate::signals::Signals;
use crate::stream::{Shared, Sink, Stream, Taker};
use crate::tally::Tally;

/// How long the probe may wait for something to happen.
const PATIENCE: Duration = Duration::from_millis(100);
/// How often sinks hear that time has passed.
const PULSE: Duration = Duration::from_millis(250);

/// How to watch.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What is done in the kernel.
    pub probe: ProbeOptions,
    /// How operations become records.
    pub collect: Config,
    /// Hand over entities and headers too, not only events and flows.
    pub entities: bool,
    /// For how long; until it is told to stop without this.
    pub duration: Option<Duration>,
    /// Directories and sockets that the sink writes to: the rights that this takes are kept, all others but those
    /// to read are given up when watching begins.
    pub written: Vec<PathBuf>,
}

/// What has become of the watching so far.
#[derive(Debug)]
pub struct Pulse<'a> {
    /// The time, ns since the epoch.
    pub now: u64,
    /// What was told.
    pub tally: &'a Tally,
    /// The probe, for its statistics.
    pub probe: &'a Probe,
    /// Whether files are to be opened anew and rules to be read again.
    pub reopen: bool,
}

/// What takes the records of a system that is being watched.
pub trait LiveSink: Sink {
    /// Some time has passed: 250 ms or so. Returns the name of the file that is to be begun, if one is.
    fn pulse(&mut self, pulse: &Pulse<'_>) -> ControlFlow<Self::Stop, Option<String>>;

    /// Whether the sink looks at operations of this name that move data, such as `read`. What it does not look at need
    /// not be told one by one, not even the first on each descriptor. Asked at the start and after each pulse.
    fn asks_for(&self, _operation: &str) -> bool {
        Self::WANTS_EVENTS
    }
}

/// What was watched.
#[derive(Debug)]
pub struct Watched<B> {
    /// What the stream held.
    pub tally: Tally,
    /// What the probe saw and lost.
    pub statistics: Statistics,
    /// Why the sink wanted no more.
    pub stopped: Option<B>,
}

/// Watches this machine until a signal, the sink or the end of the duration.
///
/// # Errors
///
/// Fails when the probe cannot be loaded or read. What was told before has been handed over.
pub fn watch<S: LiveSink>(
    options: &Options,
    signals: &Signals,
    sink: &mut S,
    started: impl FnOnce(&Probe, Duration),
) -> Result<Watched<S::Stop>, Error> {
    let begin = Instant::now();
    let mut probe = Probe::load(options.probe.clone())?;
    let mut stream = Stream::live(options.entities);
    let taker = RefCell::new(Taker::new(&mut stream, sink));
    let mut collector = Collector::new(options.collect.clone(), Shared(&taker));
    let mut containers = Containers::default();
    probe.snapshot(&mut Looking {
        observer: &mut collector,
        containers: &mut containers,
    })?;
    probe.ask_for(|operation| taker.borrow().sink.asks_for(operation))?;
    probe.drop_privileges(&options.written)?;
    // Its thread has no more rights than the one that starts it.
    containers.start();
    started(&probe, begin.elapsed());

    let end = options.duration.map(|duration| Instant::now() + duration);
    let mut pulsed = Instant::now();
    let mut events = 0_u64;
    let mut failed = None;
    while taker.borrow().stopped.is_none() && !signals.stop() {
        let now = Instant::now();
        let left = end.map_or(PATIENCE, |end| end.saturating_duration_since(now));
        if left.is_zero() {
            break;
        }
        let mut looking = Looking {
            observer: &mut collector,
            containers: &mut containers,
        };
        match probe.poll(left.min(PATIENCE), &mut looking) {
            Ok(count) => events += count as u64,
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
        containers.tell(since_epoch(), &mut collector);
        if pulsed.elapsed() >= PULSE {
            pulsed = Instant::now();
            let now = since_epoch();
            collector.event_with(&tick(now), &NoArguments);
            let file = taker
                .borrow_mut()
                .pulse(&probe, now, events, signals.reopen());
            if let Some(name) = file {
                collector.rotate(&name);
            }
            // The rules may be others now.
            if let Err(error) = probe.ask_for(|operation| taker.borrow().sink.asks_for(operation)) {
                failed = Some(error);
                break;
            }
        }
    }
    if failed.is_none() {
        failed = probe.flush(&mut collector).err();
    }
    let statistics = probe.statistics();
    drop(probe);
    // The sink that comes back is the hold on the taker.
    let _ = collector.finish();
    let stopped = taker.into_inner().stopped;
    let tally = stream.finish(events);
    match failed {
        Some(error) => Err(error),
        None => Ok(Watched {
            tally,
            statistics: statistics?,
            stopped,
        }),
    }
}

/// Time has passed: flows that are idle end, and those that are long are told of.
const fn tick(ts: u64) -> Event<'static> {
    Event {
        ts,
        cpu: 0,
        tid: 0,
        phase: Phase::End,
        name: "tick",
        result: None,
        is_older_form: false,
        operation: Operation::Tick,
    }
}

fn since_epoch() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))
}

impl<S: LiveSink> Taker<'_, '_, S> {
    fn pulse(&mut self, probe: &Probe, now: u64, events: u64, reopen: bool) -> Option<String> {
        self.stream.tally.system_calls = events;
        let pulse = Pulse {
            now,
            tally: &self.stream.tally,
            probe,
            reopen,
        };
        match self.sink.pulse(&pulse) {
            ControlFlow::Continue(file) => file,
            ControlFlow::Break(stop) => {
                self.stopped = Some(stop);
                None
            }
        }
    }
}
