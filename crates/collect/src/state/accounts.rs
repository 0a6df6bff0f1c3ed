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
    containers: HashMap<Text, InContainer<T>>,
}

/// Accounts in a container.
#[derive(Debug)]
struct InContainer<T> {
    accounts: HashMap<u32, T, foldhash::fast::FixedState>,
    /// When the last was learnt, in seconds.
    learnt: u64,
}

impl<T> Default for ByContainer<T> {
    fn default() -> Self {
        Self {
            containers: HashMap::new(),
        }
    }
}

impl<T> ByContainer<T> {
    fn set(&mut self, container: &[u8], id: u32, account: T, now: u64) {
        if !self.containers.contains_key(container) {
            let none = InContainer {
                accounts: HashMap::default(),
                learnt: now,
            };
            self.containers.insert(Arc::from(container), none);
        }
        if let Some(known) = self.containers.get_mut(container) {
            known.accounts.insert(id, account);
            known.learnt = now;
        }
    }

    /// Forgets the accounts in containers that are not there, unless they were learnt since.
    fn forget(&mut self, is_there: impl Fn(&[u8]) -> bool, since: u64) {
        self.containers
            .retain(|id, known| id.is_empty() || known.learnt >= since || is_there(id));
    }

    fn remove(&mut self, container: &[u8], id: u32) {
        if let Some(known) = self.containers.get_mut(container) {
            known.accounts.remove(&id);
        }
    }

    fn get(&self, container: &[u8], id: u32) -> Option<&T> {
        self.containers.get(container)?.accounts.get(&id)
    }
}

/// Users and groups.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    users: ByContainer<User>,
    groups: ByContainer<Text>,
    /// The second of the last event.
    pub(crate) now: u64,
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
        self.users.set(user.container, user.uid, account, self.now);
    }

    pub(crate) fn learn_group(&mut self, group: &snapshot::Group<'_>) {
        if group.is_removed {
            self.groups.remove(group.container, group.gid);
        } else {
            let name = Arc::from(group.name);
            self.groups.set(group.container, group.gid, name, self.now);
        }
    }

    /// Of how many containers accounts are known.
    pub(crate) fn containers(&self) -> usize {
        let users = self.users.containers.len();
        users.max(self.groups.containers.len())
    }

    /// Forgets the accounts in containers that are not there, unless they were learnt since a second.
    pub(crate) fn forget(&mut self, is_there: impl Fn(&[u8]) -> bool, since: u64) {
        self.users.forget(&is_there, since);
        self.groups.forget(&is_there, since);
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
