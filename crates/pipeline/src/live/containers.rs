//! What runtimes know of the containers that processes are seen in.

use std::collections::HashSet;

use sysflow_enrich::{Answer, ContainerKey, Enricher, Settings, container_of_cgroup};
use sysflow_event::raw::{NoArguments, RawArguments};
use sysflow_event::snapshot::{Container, Snapshot};
use sysflow_event::{Event, Observer, Operation, Phase};

/// Control groups that are remembered; then all are forgotten, and asked about again.
const MOST_GROUPS: usize = 1 << 14;

/// Asks about containers when they are seen first, and tells what is known of them.
#[derive(Debug, Default)]
pub(super) struct Containers {
    enricher: State,
    seen: HashSet<Box<[u8]>>,
}

#[derive(Debug)]
enum State {
    /// Not started yet: what will be asked.
    Waiting(Vec<(ContainerKey, Option<u32>)>),
    Started(Enricher),
    /// It could not be started: containers are known by their ids alone.
    Failed,
}

impl Default for State {
    fn default() -> Self {
        Self::Waiting(Vec::new())
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
        }
        self.seen.insert(groups.into());
        let found = groups.split(|byte| *byte == 0).find_map(|group| {
            let path = group.splitn(2, |byte| *byte == b'=').nth(1)?;
            container_of_cgroup(path)
        });
        let Some(found) = found else {
            return;
        };
        let (key, pid) = (found.into(), u32::try_from(pid).ok());
        match &mut self.enricher {
            State::Waiting(questions) => questions.push((key, pid)),
            State::Started(enricher) => {
                enricher.look_up(key, pid);
            }
            State::Failed => {}
        }
    }

    /// Tells what has become known.
    pub(super) fn tell(&self, now: u64, observer: &mut impl Observer) {
        let State::Started(enricher) = &self.enricher else {
            return;
        };
        while let Some(answer) = enricher.next_answer() {
            let Answer::Known(_, facts) = answer else {
                continue;
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
}

/// Looks at what an observer is told.
pub(super) struct Looking<'o, O> {
    pub(super) observer: &'o mut O,
    pub(super) containers: &'o mut Containers,
}

impl<O: Observer> Looking<'_, O> {
    fn look(&mut self, event: &Event<'_>) {
        let image = match &event.operation {
            Operation::Clone(clone) => &clone.image,
            Operation::Exec(exec) => &exec.image,
            _ => return,
        };
        if let Some(groups) = image.cgroups {
            self.containers.see(groups, image.pid.unwrap_or(event.tid));
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
