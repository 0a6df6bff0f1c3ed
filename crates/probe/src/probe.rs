//! The probe: loads, tells what there is, then what happens.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use libbpf_rs::{Map, MapCore, MapFlags, Program};
use sysflow_event::raw::NoArguments;
use sysflow_event::{Event, Observer, Operation, Phase};

use crate::calls;
use crate::error::Error;
use crate::interface::{Flow, FlowKey, KINDS, LANES, Losses, Number, SuppressedKey, kind};
use crate::load::{self, Loaded};
use crate::options::{Mode, Options};
use crate::rings::Rings;
use crate::statistics::{Lane, Loss, ProgramTime, Statistics, Suppression};
use crate::translate::{Ended, Translator};

/// How often losses are looked for and the clock is checked.
const SECOND: Duration = Duration::from_secs(1);

/// Entries of a map that are read at once.
const BATCH: u32 = 1024;

/// Live capture. Attached from [`load`](Self::load) on; detached when dropped.
///
/// Nothing is told of the process that has loaded it.
#[derive(Debug)]
pub struct Probe {
    // Before the object: links end first.
    rings: Rings,
    loaded: Loaded,
    options: Options,
    pub(crate) translator: Translator,
    checked: Instant,
    walked: Instant,
    told: ToldLosses,
    /// Of each counted call whether the first on a descriptor is told.
    firsts: Vec<bool>,
    _run_times: Option<std::os::fd::OwnedFd>,
}

/// Losses that were told.
#[derive(Clone, Debug, Default)]
struct ToldLosses {
    lost: [[u64; KINDS]; LANES],
    compat: u64,
    suppressed: u64,
    suppressions: HashMap<(u32, u32), u64>,
}

impl Probe {
    /// Loads the programs and attaches them. From now on everything is kept in the rings until it is asked for.
    pub fn load(options: Options) -> Result<Self, Error> {
        let run_times = if options.run_times {
            Some(crate::system::measure_run_times()?)
        } else {
            None
        };
        let loaded = load::load(&options)?;
        let rings = Rings::new(&map(&loaded, "critical")?, &map(&loaded, "normal")?)?;
        let now = Instant::now();
        Ok(Self {
            rings,
            loaded,
            options,
            translator: Translator::new(),
            checked: now,
            walked: now,
            told: ToldLosses::default(),
            firsts: calls::all_counted().map(|_| true).collect(),
            _run_times: run_times,
        })
    }

    /// Places in the kernel that could not be used: see [`doctor`](crate::doctor()) for what is missed.
    pub fn missing_hooks(&self) -> &[&'static str] {
        &self.loaded.missing
    }

    /// Gives up all rights of the calling thread, and of threads that it starts later, but those to read maps, files
    /// and other processes. To be called before other threads are started, since they keep what they have, and after
    /// the [snapshot](Self::snapshot), which needs more.
    ///
    /// `written` are directories and sockets that will be written to. Where one of them is closed to this user, the
    /// right to write all the same is kept.
    pub fn drop_privileges(&self, written: &[PathBuf]) -> Result<(), Error> {
        crate::system::drop_privileges(written)
    }

    /// Says of which calls that move data (`read`, `sendto` …, by name) somebody asks. Of these the first on each
    /// descriptor and in each direction is told where it happens, as all are to begin with; of others it is counted
    /// like those that follow it.
    pub fn ask_for(&mut self, is_asked: impl Fn(&str) -> bool) -> Result<(), Error> {
        let table = map(&self.loaded, "calls")?;
        for (known, first) in calls::all_counted().zip(&mut self.firsts) {
            let asked = is_asked(known.name);
            if asked == *first {
                continue;
            }
            let mut call = known.call;
            call.first = u8::from(asked);
            load::tell_call(&table, known.number, &call)?;
            *first = asked;
        }
        Ok(())
    }

    /// Tells what there was before the first event: the machine, users, threads, open descriptors.
    ///
    /// To be called once, before the first [`poll`](Self::poll): what happens meanwhile waits in the rings.
    pub fn snapshot<O: Observer>(&mut self, observer: &mut O) -> Result<(), Error> {
        crate::snapshot::machine(observer);
        crate::snapshot::accounts(observer);
        let threads = std::mem::take(&mut self.loaded.threads);
        crate::snapshot::threads(&threads, self.translator.clock, observer);
        crate::snapshot::descriptors(
            &load::program_of(&self.loaded.object, "known_files")?,
            observer,
        )
    }

    /// Waits for at most a time, and no longer than the [interval](Options::interval), then tells what has
    /// happened. Returns how many records that were.
    pub fn poll<O: Observer>(
        &mut self,
        timeout: Duration,
        observer: &mut O,
    ) -> Result<usize, Error> {
        self.rings.wait(timeout.min(self.options.interval))?;
        let count = self.drain(false, observer)?;
        if self.walked.elapsed() >= self.options.flow_interval {
            self.walked = Instant::now();
            self.tell_flows(observer)?;
        }
        if self.checked.elapsed() >= SECOND {
            self.checked = Instant::now();
            self.translator.clock.adjust();
            self.tell_losses(observer)?;
        }
        Ok(count)
    }

    /// Tells everything that is known by now, counts of what is still open included.
    pub fn flush<O: Observer>(&mut self, observer: &mut O) -> Result<(), Error> {
        self.drain(true, observer)?;
        self.tell_flows(observer)?;
        self.tell_losses(observer)
    }

    fn drain<O: Observer>(&mut self, all: bool, observer: &mut O) -> Result<usize, Error> {
        let Self {
            rings,
            translator,
            loaded,
            ..
        } = self;
        let mut failed = None;
        let count = rings.drain(all, |record| {
            if let Some(ended) = translator.record(record, observer) {
                failed = failed
                    .take()
                    .or(end_peers(loaded, translator, ended, observer).err());
            }
        })?;
        failed.map_or(Ok(count), Err)
    }

    /// Tells what is new of descriptors that are open.
    fn tell_flows<O: Observer>(&mut self, observer: &mut O) -> Result<(), Error> {
        let complete_to = self.rings.complete_to;
        let ts = self.translator.clock.epoch(self.rings.complete_to);
        let mut dead = Vec::new();
        let translator = &mut self.translator;
        walk(&map(&self.loaded, "flows")?, |key, flow| {
            // Of those that began later, what made the descriptor is not told yet.
            if flow.counts.first > complete_to {
                return;
            }
            if crate::system::is_alive(key.pid) {
                // Where no thread is known that could be named, the end of the process tells it.
                translator.sum_up_living(key, flow, ts, observer);
            } else {
                dead.push((*key, *flow));
            }
        })?;
        // Processes end their flows; a few may be left of those with very many descriptors.
        let flows = map(&self.loaded, "flows")?;
        for (key, flow) in dead {
            if flows.delete(&key.to_bytes()).is_ok() {
                self.translator.forget_flow(flow.counts.id);
            }
        }
        Ok(())
    }

    fn losses(&self) -> Result<Losses, Error> {
        let values = map(&self.loaded, "losses")?
            .lookup_percpu(&0_u32.to_ne_bytes(), MapFlags::ANY)
            .map_err(|error| unreadable(&error))?
            .unwrap_or_default();
        let mut sum = Losses::default();
        for value in values {
            let Some(own) = Losses::read(&value) else {
                continue;
            };
            for (all, one) in sum.lost.iter_mut().flatten().zip(own.lost.iter().flatten()) {
                *all += one;
            }
            sum.uncounted += own.uncounted;
            sum.compat += own.compat;
            sum.flows += own.flows;
        }
        Ok(sum)
    }

    fn suppressions(&self) -> Result<Vec<(SuppressedKey, u64)>, Error> {
        let map = map(&self.loaded, "suppressed")?;
        let mut all = Vec::new();
        for bytes in map.keys() {
            let value = map
                .lookup(&bytes, MapFlags::ANY)
                .map_err(|error| unreadable(&error))?;
            if let (Some(key), Some(count)) = (
                SuppressedKey::read(&bytes),
                value.as_deref().and_then(u64::read),
            ) {
                all.push((key, count));
            }
        }
        Ok(all)
    }

    /// Tells what was lost or left out since the last time.
    fn tell_losses<O: Observer>(&mut self, observer: &mut O) -> Result<(), Error> {
        let losses = self.losses()?;
        let suppressions = self.suppressions()?;
        let ts = self.translator.clock.epoch(self.rings.complete_to);
        let mut tell = |name: &'static str, tid: u32, count: u64| {
            if count > 0 {
                let event = Event {
                    ts,
                    cpu: 0,
                    tid: i64::from(tid),
                    phase: Phase::End,
                    name,
                    result: None,
                    is_older_form: false,
                    operation: Operation::Lost(Some(count)),
                };
                observer.event_with(&event, &NoArguments);
            }
        };
        for (lane, told) in losses.lost.iter().zip(&mut self.told.lost) {
            for (kind, (now, before)) in lane.iter().zip(told).enumerate() {
                let name = kind::NAMES.get(kind).copied().unwrap_or("record");
                tell(name, 0, now - *before);
                *before = *now;
            }
        }
        tell("foreign system call", 0, losses.compat - self.told.compat);
        self.told.compat = losses.compat;
        for (key, count) in suppressions {
            let told = self
                .told
                .suppressions
                .entry((key.pid, key.call))
                .or_default();
            // The map forgets what has not been used for long, and begins anew.
            let new = count.checked_sub(*told).unwrap_or(count);
            tell(self.translator.name_of_call(key.call), key.pid, new);
            self.told.suppressed += new;
            *told = count;
        }
        Ok(())
    }

    /// What was seen and lost so far.
    pub fn statistics(&self) -> Result<Statistics, Error> {
        let sum = self.losses()?;
        let mut losses = Vec::new();
        for (lane, kinds) in [Lane::Critical, Lane::Normal].into_iter().zip(&sum.lost) {
            for (kind, count) in kinds.iter().enumerate().filter(|(_, count)| **count > 0) {
                losses.push(Loss {
                    lane,
                    kind: kind::NAMES.get(kind).copied().unwrap_or("record"),
                    count: *count,
                });
            }
        }
        let losers_map = map(&self.loaded, "losers")?;
        let mut losers: Vec<(u32, u64)> = losers_map
            .keys()
            .filter_map(|key| {
                let count = losers_map.lookup(&key, MapFlags::ANY).ok()??;
                Some((u32::read(&key)?, u64::read(&count)?))
            })
            .collect();
        losers.sort_unstable_by_key(|(_, count)| std::cmp::Reverse(*count));
        let mut flows = 0;
        let flow_map = map(&self.loaded, "flows")?;
        walk(&flow_map, |_, _| flows += 1)?;
        let suppressions = self
            .suppressions()?
            .into_iter()
            .map(|(key, count)| Suppression {
                pid: key.pid,
                call: self.translator.name_of_call(key.call),
                count,
            })
            .collect();
        Ok(Statistics {
            events: self.translator.events,
            bytes: self.rings.bytes,
            malformed: self.translator.malformed,
            losses,
            losers,
            suppressions,
            suppressed: self.told.suppressed,
            uncounted: sum.uncounted,
            foreign: sum.compat,
            flows,
            flow_room: u64::from(flow_map.max_entries()),
            programs: self.programs(),
        })
    }

    fn programs(&self) -> Vec<ProgramTime> {
        use std::os::fd::AsFd;
        // The kernel keeps only the beginnings of names.
        let names: HashMap<u32, String> = self
            .loaded
            .object
            .progs()
            .filter(libbpf_rs::Program::autoload)
            .filter_map(|program| {
                let id = Program::id_from_fd(program.as_fd()).ok()?;
                Some((id, program.name().to_string_lossy().into_owned()))
            })
            .collect();
        libbpf_rs::query::ProgInfoIter::default()
            .filter_map(|program| {
                Some(ProgramTime {
                    name: names.get(&program.id)?.clone(),
                    runs: program.run_cnt,
                    time: Duration::from_nanos(program.run_time_ns),
                })
            })
            .collect()
    }

    /// The mode that it works in.
    pub const fn mode(&self) -> Mode {
        self.options.mode
    }
}

fn map<'a>(loaded: &'a Loaded, what: &'static str) -> Result<Map<'a>, Error> {
    loaded
        .object
        .maps()
        .find(|map| map.name() == OsStr::new(what))
        .ok_or(Error::Broken { what })
}

fn unreadable(error: &libbpf_rs::Error) -> Error {
    Error::Read {
        what: "read a map of the kernel",
        reason: std::io::Error::other(error.to_string()),
    }
}

/// Looks at all flows.
fn walk(map: &Map<'_>, mut each: impl FnMut(&FlowKey, &Flow)) -> Result<(), Error> {
    let entries = map
        .lookup_batch(BATCH, MapFlags::ANY, MapFlags::ANY)
        .map_err(|error| unreadable(&error))?;
    for (key, value) in entries {
        if let (Some(key), Some(flow)) = (FlowKey::read(&key), Flow::read(&value)) {
            each(&key, &flow);
        }
    }
    Ok(())
}

/// A socket was closed that has exchanged datagrams with peers: what was counted for each is told, and no longer
/// counted.
fn end_peers<O: Observer>(
    loaded: &Loaded,
    translator: &mut Translator,
    ended: Ended,
    observer: &mut O,
) -> Result<(), Error> {
    let flows = map(loaded, "flows")?;
    let mut peers = Vec::new();
    walk(&flows, |key, flow| {
        if key.peer != 0 && flow.counts.peers == ended.id {
            peers.push((*key, *flow));
        }
    })?;
    for (key, flow) in peers {
        translator.sum_up_peer(&flow, (ended.ts, ended.tid), observer);
        translator.forget_flow(flow.counts.id);
        let _ = flows.delete(&key.to_bytes());
    }
    Ok(())
}
