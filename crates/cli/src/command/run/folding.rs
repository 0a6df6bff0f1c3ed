//! Folding of repeats: a person needs to read only once that one program does one thing again and again.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use sysflow_export::observation::Observation;

/// So many different alerts are remembered; then all is forgotten, and repeats may be shown once more.
const MOST_REMEMBERED: usize = 100_000;

/// Remembers which alerts have been shown.
#[derive(Debug)]
pub struct Folding {
    enabled: bool,
    seen: HashSet<u64>,
    hasher: RandomState,
    folded: u64,
}

impl Folding {
    /// Remembers nothing yet.
    pub fn new(enabled: bool) -> Self {
        Self {
            enabled,
            seen: HashSet::new(),
            hasher: RandomState::new(),
            folded: 0,
        }
    }

    /// Whether no alert of this rule was shown for this program, container, deed and target.
    pub fn is_new(&mut self, rule: usize, view: &impl Observation) -> bool {
        if !self.enabled {
            return true;
        }
        if self.seen.len() >= MOST_REMEMBERED {
            self.seen.clear();
        }
        let mut hasher = self.hasher.build_hasher();
        rule.hash(&mut hasher);
        view.hash_likeness(&mut hasher);
        let new = self.seen.insert(hasher.finish());
        self.folded += u64::from(!new);
        new
    }

    /// How many alerts were folded.
    pub const fn folded(&self) -> u64 {
        self.folded
    }
}
