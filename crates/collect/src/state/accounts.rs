//! Users and groups, by container.

use std::collections::HashMap;
use std::sync::Arc;

use sysflow_event::snapshot;

use crate::text::Text;

/// What is known of a user.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) name: Text,
    pub(crate) home: Text,
    pub(crate) shell: Text,
}

/// Accounts of one sort by number. The host's have an empty container id.
#[derive(Debug)]
struct ByContainer<T> {
    containers: HashMap<Text, HashMap<u32, T, foldhash::fast::FixedState>>,
}

impl<T> Default for ByContainer<T> {
    fn default() -> Self {
        Self {
            containers: HashMap::new(),
        }
    }
}

impl<T> ByContainer<T> {
    fn set(&mut self, container: &[u8], id: u32, account: T) {
        if let Some(accounts) = self.containers.get_mut(container) {
            accounts.insert(id, account);
            return;
        }
        let accounts = self.containers.entry(Arc::from(container)).or_default();
        accounts.insert(id, account);
    }

    fn remove(&mut self, container: &[u8], id: u32) {
        if let Some(accounts) = self.containers.get_mut(container) {
            accounts.remove(&id);
        }
    }

    fn get(&self, container: &[u8], id: u32) -> Option<&T> {
        self.containers.get(container)?.get(&id)
    }
}

/// Users and groups.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    users: ByContainer<User>,
    groups: ByContainer<Text>,
}

impl Accounts {
    pub(crate) fn learn_user(&mut self, user: &snapshot::User<'_>) {
        if user.is_removed {
            self.users.remove(user.container, user.uid);
            return;
        }
        let account = User {
            name: Arc::from(user.name),
            home: Arc::from(user.home),
            shell: Arc::from(user.shell),
        };
        self.users.set(user.container, user.uid, account);
    }

    pub(crate) fn learn_group(&mut self, group: &snapshot::Group<'_>) {
        if group.is_removed {
            self.groups.remove(group.container, group.gid);
        } else {
            self.groups
                .set(group.container, group.gid, Arc::from(group.name));
        }
    }

    /// The name of a user.
    pub(crate) fn user(&self, container: &[u8], uid: u32) -> Option<&Text> {
        self.users.get(container, uid).map(|user| &user.name)
    }

    /// All that is known of a user.
    pub(crate) fn whole_user(&self, container: &[u8], uid: u32) -> Option<&User> {
        self.users.get(container, uid)
    }

    /// The name of a group.
    pub(crate) fn group(&self, container: &[u8], gid: u32) -> Option<&Text> {
        self.groups.get(container, gid)
    }
}
