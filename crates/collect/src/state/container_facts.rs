//! What runtimes tell of containers, for views.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use sysflow_event::snapshot::Container;

use crate::text::Text;

/// The last that was told of each container, by its short id: an object with the keys of Falco's events.
#[derive(Debug, Default)]
pub(crate) struct ContainerFacts {
    by_id: HashMap<Text, Value>,
}

impl ContainerFacts {
    /// Takes what is told of a container, if that is more than the name and the like.
    pub(crate) fn learn(&mut self, container: &Container<'_>, limit: usize) {
        let Ok(facts) = serde_json::from_slice(container.metadata) else {
            return;
        };
        if let Some(known) = self.by_id.get_mut(container.id) {
            *known = facts;
        } else if self.by_id.len() < limit {
            self.by_id.insert(Arc::from(container.id), facts);
        }
    }

    /// What was told of a container.
    pub(crate) fn get(&self, id: &[u8]) -> Option<&Value> {
        self.by_id.get(id)
    }

    pub(crate) fn clear(&mut self) {
        self.by_id.clear();
    }
}
