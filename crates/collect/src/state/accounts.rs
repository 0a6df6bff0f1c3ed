//! Names of users and groups, by container.

use std::collections::HashMap;
use std::sync::Arc;

use sysflow_event::snapshot::{Group, User};

use crate::text::Text;

/// Names by number. The host's have an empty container id.
#[derive(Debug, Default)]
struct Names {
    by_container: HashMap<Text, HashMap<u32, Text, foldhash::fast::FixedState>>,
}

impl Names {
    fn set(&mut self, container: &[u8], id: u32, name: &[u8]) {
        if let Some(names) = self.by_container.get_mut(container) {
            names.insert(id, Arc::from(name));
            return;
        }
        let names = self.by_container.entry(Arc::from(container)).or_default();
        names.insert(id, Arc::from(name));
    }

    fn remove(&mut self, container: &[u8], id: u32) {
        if let Some(names) = self.by_container.get_mut(container) {
            names.remove(&id);
        }
    }

    fn get(&self, container: &[u8], id: u32) -> Option<&Text> {
        self.by_container.get(container)?.get(&id)
    }
}

/// Names of users and groups.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    users: Names,
    groups: Names,
}

impl Accounts {
    pub(crate) fn learn_user(&mut self, user: &User<'_>) {
        if user.is_removed {
            self.users.remove(user.container, user.uid);
        } else {
            self.users.set(user.container, user.uid, user.name);
        }
    }

    pub(crate) fn learn_group(&mut self, group: &Group<'_>) {
        if group.is_removed {
            self.groups.remove(group.container, group.gid);
        } else {
            self.groups.set(group.container, group.gid, group.name);
        }
    }

    pub(crate) fn user(&self, container: &[u8], uid: u32) -> Option<&Text> {
        self.users.get(container, uid)
    }

    pub(crate) fn group(&self, container: &[u8], gid: u32) -> Option<&Text> {
        self.groups.get(container, gid)
    }
}
