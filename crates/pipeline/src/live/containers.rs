//! What runtimes know of the containers that processes are seen in.

use std::collections::HashSet;

use sysflow_enrich::{Answer, Enricher, Settings, container_of_cgroup};
use sysflow_event::raw::{NoArguments, RawArguments};
use sysflow_event::snapshot::{Container, Snapshot};
use sysflow_event::{Event, Observer, Operation, Phase};

/// Control groups that are remembered; then all are forgotten, and asked about again.
const MOST_GROUPS: usize = 1 << 14;

/// Asks about containers when they are seen first, and tells what is known of them.
#[derive(Debug)]
pub(super) struct Containers {
    /// `None` where it could not be started: then containers are known by their ids alone.
    enricher: Option<Enricher>,
    seen: HashSet<Box<[u8]>>,
}

impl Containers {
    pub(super) fn start() -> Self {
        Self {
            enricher: Enricher::start(Settings::default()).ok(),
            seen: HashSet::new(),
        }
    }

    /// A process has these control groups, each as `controller=path` with a NUL behind it.
    fn see(&mut self, groups: &[u8], pid: i64) {
        let Some(enricher) = &self.enricher else {
            return;
        };
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
        if let Some(found) = found {
            enricher.look_up(found.into(), u32::try_from(pid).ok());
        }
    }

    /// Tells what has become known.
    pub(super) fn tell(&self, now: u64, observer: &mut impl Observer) {
        let Some(enricher) = &self.enricher else {
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
        let (groups, pid) = match &event.operation {
            Operation::Clone(clone) => (clone.image.cgroups, clone.image.pid),
            Operation::Exec(exec) => (exec.image.cgroups, exec.image.pid),
            Operation::EnterControlGroups(entered) => (Some(entered.groups), None),
            _ => return,
        };
        if let Some(groups) = groups {
            self.containers.see(groups, pid.unwrap_or(event.tid));
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
