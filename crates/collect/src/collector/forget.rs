//! What is forgotten because nothing that lives refers to it.
//!
//! Of what has ended, some is left behind: files that were closed, processes whose end was not seen, containers
//! without processes. It is forgotten once it was idle for a while on the clock of events. Each second a part of
//! the tables is looked through, so that no event pays for it. What is met again is written again: references
//! resolve in every file.

use super::entities::identity;
use super::{Collector, SECOND};
use crate::config::Quirks;
use crate::sink::RecordSink;
use crate::state::thread::UNKNOWN;

/// After how many seconds of idleness something is forgotten.
const IDLE: u64 = 60;

/// Tables are looked through in so many seconds.
const ROUND: usize = 16;

/// So many places are looked at in any case.
const FEWEST: usize = 256;

/// So many containers and more may be left over from the last sweep.
const SPARE_CONTAINERS: usize = 64;

/// How far the tables were looked through.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sweep {
    file: usize,
    process: usize,
    /// The number of the last sweep of containers.
    containers: u64,
    /// The number of containers at which they are swept next.
    next_containers: usize,
}

impl<S: RecordSink> Collector<S> {
    /// Looks through a part of the tables.
    pub(super) fn forget_idle(&mut self) {
        if self.has(Quirks::NOTHING_IS_FORGOTTEN) {
            return;
        }
        self.forget_idle_files();
        self.forget_idle_processes();
        self.forget_guessed_threads();
        self.forget_idle_containers();
    }

    const fn idle_since(&self) -> u64 {
        self.now.saturating_sub(IDLE * SECOND)
    }

    fn forget_idle_files(&mut self) {
        let since = self.idle_since();
        let places = part(&mut self.sweep.file, self.tables.files.all().places());
        let old: Vec<_> = self
            .tables
            .files
            .all()
            .at(places)
            .filter(|(_, file)| file.flows == 0 && file.used < since)
            .map(|(key, _)| key)
            .collect();
        self.statistics.forgotten_files += old.len() as u64;
        for file in old {
            self.tables.files.remove(file, &self.tables.containers);
        }
    }

    /// Processes of which no thread is known any more, and that nothing else refers to. The ancestors of those
    /// that live are kept.
    fn forget_idle_processes(&mut self) {
        let since = self.idle_since();
        let processes = &self.tables.processes;
        let places = part(&mut self.sweep.process, processes.all().places());
        let lives = |oid: sysflow_record::Oid| {
            self.threads
                .leader_of(oid.hpid)
                .is_some_and(|leader| identity(leader) == oid)
        };
        let old: Vec<_> = processes
            .all()
            .at(places)
            .filter(|(_, known)| {
                known.used < since
                    && known.flows.is_empty()
                    && known.threads.is_none()
                    && !processes.has_children(known.oid)
                    && !lives(known.oid)
            })
            .map(|(key, known)| (key, known.parent))
            .collect();
        self.statistics.forgotten_processes += old.len() as u64;
        for (process, parent) in old {
            self.tables.processes.remove(process);
            // A parent that has ended may have waited for that.
            if let Some(parent) = parent.and_then(|parent| self.tables.processes.find(parent)) {
                self.forget_process(parent);
            }
        }
    }

    /// Threads of which nothing was ever learnt but that they did something: they may have ended long ago.
    fn forget_guessed_threads(&mut self) {
        while let Some((tid, met)) = self.guessed.front().copied() {
            if self.second.saturating_sub(met) < IDLE {
                return;
            }
            self.guessed.pop_front();
            let is_idle = self.threads.get(tid).is_some_and(|thread| {
                thread.parent == UNKNOWN
                    && thread.created == 0
                    && thread.uid == u32::MAX
                    && thread.directory.is_empty()
                    && thread.children.is_empty()
                    && thread.descriptors.len() == 0
            });
            let is_unused = self.oid_of(tid).is_some_and(|oid| {
                let process = self.tables.processes.find(oid);
                process.is_none_or(|process| {
                    let known = self.tables.processes.get(process);
                    known.is_none_or(|known| {
                        known.used < self.idle_since()
                            && known.flows.is_empty()
                            && known.threads.is_none()
                    })
                })
            });
            if is_idle && is_unused {
                self.statistics.forgotten_threads += 1;
                self.forget_thread(tid);
            } else if is_idle {
                self.guessed.push_back((tid, self.second));
            }
        }
    }

    /// Containers of which there is no thread, process or file. Looking for them costs much: it is done when there
    /// are twice as many as the last time.
    fn forget_idle_containers(&mut self) {
        self.tables.containers.now = self.second;
        self.accounts.now = self.second;
        let count = self.tables.containers.len().max(self.accounts.containers());
        if count < self.sweep.next_containers.max(SPARE_CONTAINERS) {
            return;
        }
        self.sweep.containers += 1;
        let sweep = self.sweep.containers;
        let of_threads = self.threads.iter().filter_map(|thread| thread.container);
        let of_files = self.tables.files.all().iter();
        let of_processes = self.tables.processes.iter();
        let found: std::collections::HashSet<_> = of_threads
            .chain(of_files.filter_map(|(_, file)| file.container))
            .chain(of_processes.filter_map(|(_, process)| process.container))
            .collect();
        let containers = &mut self.tables.containers;
        for container in found {
            if let Some(known) = containers.get_mut(container) {
                known.found = sweep;
            }
        }
        let since = self.second.saturating_sub(IDLE);
        self.statistics.forgotten_containers += containers.forget_unfound(sweep, since);
        let containers = &self.tables.containers;
        self.accounts.forget(|id| containers.contains(id), since);
        let left = containers.len().max(self.accounts.containers());
        self.sweep.next_containers = 2 * left + SPARE_CONTAINERS;
    }
}

/// The next part of so many places. From the end it goes on at the start, even where the end moves away.
fn part(next: &mut usize, places: usize) -> std::ops::Range<usize> {
    let first = if *next < places { *next } else { 0 };
    let end = places.min(first + (places / ROUND).max(FEWEST));
    *next = if end < places { end } else { 0 };
    first..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_places_are_looked_at_while_more_come() {
        let mut next = 0;
        let mut looked_at = [0; 400];
        for round in 0..40 {
            let places = 300 + round;
            for place in part(&mut next, places) {
                looked_at[place] += 1;
            }
        }
        assert!(looked_at[..300].iter().all(|times| *times >= 19));
        assert_eq!(part(&mut 5, 0), 0..0);
        let mut next = 0;
        assert_eq!(part(&mut next, 16_000), 0..1000);
        assert_eq!(part(&mut next, 16_000), 1000..2000);
    }
}
