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
const LONGEST_WAIT: Duration = Duration::from_millis(100);
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
        self.start_with(Settings::default());
    }

    fn start_with(&mut self, settings: Settings) {
        let started = Enricher::start(settings).map_or(State::Failed, State::Started);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::path::PathBuf;
    use sysflow_enrich::Directories;
    use sysflow_event::process::{Exec, Image};

    /// What was told, in its order: images of containers, and names of other events.
    #[derive(Default)]
    struct Told(Vec<String>);

    impl Observer for Told {
        fn restart(&mut self) {}
        fn snapshot(&mut self, _: &Snapshot<'_>) {}
        fn event(&mut self, event: &Event<'_>) {
            self.0.push(match &event.operation {
                Operation::Container(container) => {
                    String::from_utf8_lossy(container.image).into_owned()
                }
                _ => event.name.to_owned(),
            });
        }
        fn event_with(&mut self, event: &Event<'_>, _: &dyn RawArguments) {
            self.event(event);
        }
    }

    fn run(containers: &mut Containers, told: &mut Told, id: &str) {
        let groups = format!("pids=/libpod_parent/libpod-{id}\0");
        let image = Image {
            tid: Some(10),
            pid: Some(10),
            cgroups: Some(groups.as_bytes()),
            ..Image::default()
        };
        let event = Event {
            ts: 1,
            cpu: 0,
            tid: 10,
            phase: Phase::End,
            name: "execve",
            result: Some(0),
            is_older_form: false,
            operation: Operation::Exec(Exec {
                image,
                ..Exec::default()
            }),
        };
        let mut looking = Looking {
            observer: told,
            containers,
        };
        looking.event_with(&event, &NoArguments);
    }

    fn watching(storage: Vec<PathBuf>) -> Containers {
        let mut containers = Containers::default();
        containers.start_with(Settings {
            sockets: Vec::new(),
            directories: Directories {
                docker: Vec::new(),
                containerd_tasks: Vec::new(),
                containers_storage: storage,
                oci_states: Vec::new(),
            },
            ..Settings::default()
        });
        containers
    }

    #[test]
    fn the_first_program_of_a_container_comes_after_what_is_known_of_it() {
        let storage = tempfile::tempdir().unwrap();
        let id = "ab".repeat(32);
        let all = storage.path().join("overlay-containers");
        std::fs::create_dir_all(all.join(&id).join("userdata")).unwrap();
        std::fs::write(all.join(&id).join("userdata/config.json"), "{}").unwrap();
        let list = format!(
            r#"[{{"id":"{id}","names":["shop"],"metadata":"{{\"image-name\":\"localhost/shop:3\"}}"}}]"#
        );
        std::fs::write(all.join("containers.json"), list).unwrap();
        // A machine that does much else may not read the files in time; not each time, though.
        let is_known_first = (0..20).any(|_| {
            let mut containers = watching(vec![storage.path().into()]);
            let mut told = Told::default();
            run(&mut containers, &mut told, &id);
            told.0 == ["localhost/shop", "execve"]
        });
        assert!(is_known_first);
    }

    #[test]
    fn what_nobody_knows_holds_up_once_and_briefly() {
        let mut containers = watching(Vec::new());
        let mut told = Told::default();
        let id = "cd".repeat(32);
        let begin = Instant::now();
        run(&mut containers, &mut told, &id);
        assert!(begin.elapsed() >= LONGEST_WAIT);
        let waited = containers.waited;
        run(&mut containers, &mut told, &id);
        assert_eq!(containers.waited, waited);
        // When many such containers start, the waits together stay within what they may take.
        for number in 0..20 {
            run(&mut containers, &mut told, &format!("{number:064x}"));
        }
        let most = WAITS + containers.since.elapsed() / WAIT_SHARE;
        // The last wait may be told late by a machine that does much else.
        assert!(containers.waited < most + LONGEST_WAIT * 10);
        assert_eq!(told.0.len(), 22);
    }
}
