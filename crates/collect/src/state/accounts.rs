//! Names of users and groups, by container.

use std::collections::HashMap;
use std::sync::Arc;

use sysflow_event::snapshot::{Group, User};

use crate::text::Text;

/// Names by number. The host's have an empty container id.
#[derive(Debug, Default)]
struct Names {
    by_container: HashMap<Text, InContainer>,
}

/// Names in a container.
#[derive(Debug, Default)]
struct InContainer {
    names: HashMap<u32, Text, foldhash::fast::FixedState>,
    /// When the last was learnt, in seconds.
    learnt: u64,
}

impl Names {
    fn set(&mut self, container: &[u8], id: u32, name: &[u8], now: u64) {
        if !self.by_container.contains_key(container) {
            self.by_container
                .insert(Arc::from(container), InContainer::default());
        }
        if let Some(known) = self.by_container.get_mut(container) {
            known.names.insert(id, Arc::from(name));
            known.learnt = now;
        }
    }

    /// Forgets the names in containers that are not there, unless they were learnt since.
    fn forget(&mut self, is_there: impl Fn(&[u8]) -> bool, since: u64) {
        self.by_container
            .retain(|id, known| id.is_empty() || known.learnt >= since || is_there(id));
    }

    fn remove(&mut self, container: &[u8], id: u32) {
        if let Some(known) = self.by_container.get_mut(container) {
            known.names.remove(&id);
        }
    }

    fn get(&self, container: &[u8], id: u32) -> Option<&Text> {
        self.by_container.get(container)?.names.get(&id)
    }
}

/// Names of users and groups.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    users: Names,
    groups: Names,
    /// The second of the last event.
    pub(crate) now: u64,
}

impl Accounts {
    pub(crate) fn learn_user(&mut self, user: &User<'_>) {
        if user.is_removed {
            self.users.remove(user.container, user.uid);
        } else {
            self.users
                .set(user.container, user.uid, user.name, self.now);
        }
    }

    pub(crate) fn learn_group(&mut self, group: &Group<'_>) {
        if group.is_removed {
            self.groups.remove(group.container, group.gid);
        } else {
            self.groups
                .set(group.container, group.gid, group.name, self.now);
        }
    }

    /// Of how many containers names are known.
    pub(crate) fn containers(&self) -> usize {
        self.users
            .by_container
            .len()
            .max(self.groups.by_container.len())
    }

    /// Forgets the names in containers that are not there, unless they were learnt since a second.
    pub(crate) fn forget(&mut self, is_there: impl Fn(&[u8]) -> bool, since: u64) {
        self.users.forget(&is_there, since);
        self.groups.forget(&is_there, since);
    }

    pub(crate) fn user(&self, container: &[u8], uid: u32) -> Option<&Text> {
        self.users.get(container, uid)
    }

    pub(crate) fn group(&self, container: &[u8], gid: u32) -> Option<&Text> {
        self.groups.get(container, gid)
    }
}
