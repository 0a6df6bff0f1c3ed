//! What runtimes know of the containers that processes are seen in.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use sysflow_enrich::{
    Answer, CgroupContainer, ContainerKey, Enricher, Settings, container_of_cgroup,
};
use sysflow_event::raw::{NoArguments, RawArguments};
use sysflow_event::snapshot::{Container, Snapshot};
use sysflow_event::{Event, Observer, Operation, Phase};

/// Control groups that are remembered; then all are forgotten, and asked about again.
const MOST_GROUPS: usize = 1 << 14;

/// How long the first program of a container waits for what is known of the container. Rules about how containers
/// are started ask at this moment and never again.
const LONGEST_WAIT: Duration = Duration::from_millis(30);
/// All waits together may take this, and a share of the time: one part in so many.
const WAITS: Duration = Duration::from_millis(300);
const WAIT_SHARE: u32 = 20;

/// Asks about containers when they are seen first, and tells what is known of them.
#[derive(Debug)]
pub(super) struct Containers {
    enricher: State,
    seen: HashSet<Box<[u8]>>,
    /// Containers that were asked about and in which no program was run yet.
    awaited: HashSet<ContainerKey>,
    since: Instant,
    waited: Duration,
}

fn container_of(groups: &[u8]) -> Option<CgroupContainer<'_>> {
    groups.split(|byte| *byte == 0).find_map(|group| {
        let path = group.splitn(2, |byte| *byte == b'=').nth(1)?;
        container_of_cgroup(path)
    })
}

#[derive(Debug)]
enum State {
    /// Not started yet: what will be asked.
    Waiting(Vec<(ContainerKey, Option<u32>)>),
    Started(Enricher),
    /// It could not be started: containers are known by their ids alone.
    Failed,
}

impl Default for Containers {
    fn default() -> Self {
        Self {
            enricher: State::Waiting(Vec::new()),
            seen: HashSet::new(),
            awaited: HashSet::new(),
            since: Instant::now(),
            waited: Duration::ZERO,
        }
    }
}

impl Containers {
    /// Begins to ask, about those that were seen before too.
    pub(super) fn start(&mut self) {
        let started = Enricher::start(Settings::default()).map_or(State::Failed, State::Started);
        let before = std::mem::replace(&mut self.enricher, started);
        if let (State::Waiting(questions), State::Started(enricher)) = (before, &self.enricher) {
            for (key, pid) in questions {
                enricher.look_up(key, pid);
            }
        }
    }

    /// A process has these control groups, each as `controller=path` with a NUL behind it.
    fn see(&mut self, groups: &[u8], pid: i64) {
        if matches!(self.enricher, State::Failed) {
            return;
        }
        if groups.is_empty() || self.seen.contains(groups) {
            return;
        }
        if self.seen.len() >= MOST_GROUPS {
            self.seen.clear();
            self.awaited.clear();
        }
        self.seen.insert(groups.into());
        let Some(found) = container_of(groups) else {
            return;
        };
        let is_certain = found.is_certain;
        let (key, pid) = (ContainerKey::from(found), u32::try_from(pid).ok());
        match &mut self.enricher {
            State::Waiting(questions) => questions.push((key, pid)),
            State::Started(enricher) => {
                if enricher.look_up(key.clone(), pid) && is_certain {
                    self.awaited.insert(key);
                }
            }
            State::Failed => {}
        }
    }

    /// A program is run in these control groups: where it is the first in a container, waits for what is known.
    fn wait(&mut self, groups: &[u8], now: u64, observer: &mut impl Observer) {
        if self.awaited.is_empty() {
            return;
        }
        let Some(key) = container_of(groups).map(ContainerKey::from) else {
            return;
        };
        if !self.awaited.contains(&key) {
            return;
        }
        let begin = Instant::now();
        let allowed = (WAITS + self.since.elapsed() / WAIT_SHARE).saturating_sub(self.waited);
        let end = begin + LONGEST_WAIT.min(allowed);
        while self.awaited.contains(&key) {
            let left = end.saturating_duration_since(Instant::now());
            let answer = match &self.enricher {
                State::Started(enricher) => enricher.wait(left),
                _ => None,
            };
            match answer {
                Some(answer) => self.take(&answer, now, observer),
                None => break,
            }
        }
        self.waited += begin.elapsed();
        self.awaited.remove(&key);
    }

    /// Tells what has become known.
    pub(super) fn tell(&mut self, now: u64, observer: &mut impl Observer) {
        while let State::Started(enricher) = &self.enricher
            && let Some(answer) = enricher.next_answer()
        {
            self.take(&answer, now, observer);
        }
    }

    fn take(&mut self, answer: &Answer, now: u64, observer: &mut impl Observer) {
        let (Answer::Known(key, _) | Answer::Unknown(key) | Answer::Ended(key)) = answer;
        self.awaited.remove(key);
        let Answer::Known(_, facts) = answer else {
            return;
        };
        let metadata = facts.metadata();
        let event = Event {
            ts: now,
            cpu: 0,
            tid: facts.pid.map_or(0, i64::from),
            phase: Phase::End,
            name: "container",
            result: None,
            is_older_form: false,
            operation: Operation::Container(Container {
                metadata: &metadata,
                ..facts.snapshot()
            }),
        };
        observer.event_with(&event, &NoArguments);
    }
}

/// Looks at what an observer is told.
pub(super) struct Looking<'o, O> {
    pub(super) observer: &'o mut O,
    pub(super) containers: &'o mut Containers,
}

impl<O: Observer> Looking<'_, O> {
    fn look(&mut self, event: &Event<'_>) {
        let (groups, pid, is_run) = match &event.operation {
            Operation::Clone(clone) => (clone.image.cgroups, clone.image.pid, false),
            Operation::Exec(exec) => (exec.image.cgroups, exec.image.pid, true),
            Operation::EnterControlGroups(entered) => (Some(entered.groups), None, false),
            _ => return,
        };
        if let Some(groups) = groups {
            self.containers.see(groups, pid.unwrap_or(event.tid));
            if is_run {
                self.containers.wait(groups, event.ts, self.observer);
            }
        }
    }
}

impl<O: Observer> Observer for Looking<'_, O> {
    const WANTS_ARGUMENTS: bool = O::WANTS_ARGUMENTS;

    fn restart(&mut self) {
        self.observer.restart();
    }

    fn snapshot(&mut self, snapshot: &Snapshot<'_>) {
        if let Snapshot::Process(process) = snapshot
            && let (Some(groups), Some(pid)) = (process.image.cgroups, process.image.pid)
        {
            self.containers.see(groups, pid);
        }
        self.observer.snapshot(snapshot);
    }

    fn event(&mut self, event: &Event<'_>) {
        self.look(event);
        self.observer.event(event);
    }

    fn event_with(&mut self, event: &Event<'_>, arguments: &dyn RawArguments) {
        self.look(event);
        self.observer.event_with(event, arguments);
    }
}
