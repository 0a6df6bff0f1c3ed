//! What is known of containers, within bounds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use crate::answer::ContainerKey;
use crate::facts::ContainerFacts;
use crate::process::ProcessMark;

/// What is known of a container.
pub(crate) struct Known {
    pub(crate) facts: Arc<ContainerFacts>,
    /// The first process; `None` where it is not known.
    pub(crate) first_process: Option<ProcessMark>,
    /// When it was learnt, or asked again.
    pub(crate) asked: Instant,
    /// Larger is later.
    used: u64,
}

impl Known {
    /// Whether its first process is known to have ended.
    fn is_over(&self) -> bool {
        match self.first_process {
            Some(process) => !process.is_there(),
            // It was over before it could be looked at.
            None => self.facts.pid.is_some(),
        }
    }
}

/// All that is known. The longest unused is forgotten first.
pub(crate) struct Cache {
    known: HashMap<ContainerKey, Known>,
    uses: u64,
    limit: usize,
}

impl Cache {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            known: HashMap::new(),
            uses: 0,
            limit: limit.max(1),
        }
    }

    /// What is known of a container, as a use.
    pub(crate) fn get(&mut self, key: &ContainerKey) -> Option<&Known> {
        self.uses += 1;
        let known = self.known.get_mut(key)?;
        known.used = self.uses;
        Some(known)
    }

    /// Remembers; tells whether another had to be forgotten for it.
    pub(crate) fn insert(&mut self, key: ContainerKey, facts: Arc<ContainerFacts>) -> bool {
        let is_full = !self.known.contains_key(&key) && self.known.len() >= self.limit;
        if is_full {
            let oldest = self.known.iter().min_by_key(|(_, known)| known.used);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.known.remove(&oldest);
            }
        }
        self.uses += 1;
        let known = Known {
            first_process: facts.pid.and_then(ProcessMark::of),
            facts,
            asked: Instant::now(),
            used: self.uses,
        };
        self.known.insert(key, known);
        is_full
    }

    pub(crate) fn remove(&mut self, key: &ContainerKey) -> Option<Known> {
        self.known.remove(key)
    }

    /// Forgets the containers that have ended, and tells which.
    pub(crate) fn take_ended(&mut self) -> Vec<ContainerKey> {
        self.known
            .extract_if(|_, known| known.is_over())
            .map(|(key, _)| key)
            .collect()
    }

    /// All, for asking again.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&ContainerKey, &mut Known)> {
        self.known.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Origin, RuntimeKind};

    fn key(id: &str) -> ContainerKey {
        ContainerKey::new(id, RuntimeKind::Docker)
    }

    fn facts(pid: Option<u32>) -> Arc<ContainerFacts> {
        let mut facts = ContainerFacts::new("a", RuntimeKind::Docker, Origin::Runtime);
        facts.pid = pid;
        Arc::new(facts)
    }

    #[test]
    fn the_longest_unused_is_forgotten() {
        let mut cache = Cache::new(2);
        assert!(!cache.insert(key("a"), facts(None)));
        assert!(!cache.insert(key("b"), facts(None)));
        assert!(cache.get(&key("a")).is_some());
        assert!(!cache.insert(key("a"), facts(None)));
        assert!(cache.insert(key("c"), facts(None)));
        assert!(cache.get(&key("b")).is_none());
        assert!(cache.get(&key("a")).is_some() && cache.get(&key("c")).is_some());
    }

    #[test]
    fn what_ended_is_forgotten() {
        let mut cache = Cache::new(9);
        cache.insert(key("lives"), facts(Some(std::process::id())));
        cache.insert(key("unknown"), facts(None));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        cache.insert(key("over"), facts(Some(child.id())));
        assert_eq!(cache.take_ended(), [key("over")]);
        assert_eq!(cache.iter_mut().count(), 2);
    }
}
