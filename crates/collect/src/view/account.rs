//! Fields of the user and the group.

use sysflow_field::{FalcoType, Value};

use super::EventView;
use crate::state::accounts::User;
use crate::text::NOT_KNOWN;

event_fields! {
    USER_UID = "user.uid": Int { falco: Some(FalcoType::Uint32) }, "Number of the user."
        => value |v| Some(Value::Int(i64::from(v.thread?.uid)));
    USER_NAME = "user.name": Text, "Name of the user; <NA> when unknown."
        => value |v| Some(Value::Text(v.user_of(v.thread?.uid, NOT_KNOWN)));
    USER_HOMEDIR = "user.homedir": Path, "Home directory of the user; <NA> when the user is unknown."
        => value |v| {
            let uid = v.thread?.uid;
            Some(Value::Text(v.whole_user(uid).map_or_else(|| nobody(uid, b"/root"), |user| &user.home)))
        };
    USER_SHELL = "user.shell": Path, "Shell of the user; <NA> when the user is unknown."
        => value |v| {
            let uid = v.thread?.uid;
            Some(Value::Text(v.whole_user(uid).map_or_else(|| nobody(uid, b""), |user| &user.shell)))
        };
    USER_LOGINUID = "user.loginuid": Int, "User who logged in; -1 when unset."
        => value |v| Some(Value::Int(i64::from(v.main()?.login_uid as i32)));
    USER_LOGINNAME = "user.loginname": Text, "Name of the user who logged in; <NA> when unset or unknown."
        => value |v| Some(Value::Text(v.user_of(v.main()?.login_uid, NOT_KNOWN)));
    GROUP_GID = "group.gid": Int { falco: Some(FalcoType::Uint32) }, "Group."
        => value |v| Some(Value::Int(i64::from(v.thread?.gid)));
    GROUP_NAME = "group.name": Text, "Name of the group; <NA> when unknown."
        => value |v| Some(Value::Text(v.group_of(v.thread?.gid, NOT_KNOWN)));
}

/// What stands for a text of a user of whom nothing is known, unless it is number 0.
fn nobody(uid: u32, of_root: &'static [u8]) -> &'static [u8] {
    if uid == 0 { of_root } else { NOT_KNOWN }
}

impl<'a> EventView<'a> {
    pub(super) fn user_of(&self, uid: u32, none: &'static [u8]) -> &'a [u8] {
        if uid == u32::MAX {
            return none;
        }
        self.whole_user(uid)
            .map_or_else(|| nobody(uid, b"root"), |user| &user.name)
    }

    pub(super) fn group_of(&self, gid: u32, none: &'static [u8]) -> &'a [u8] {
        if gid == u32::MAX {
            return none;
        }
        let known = self
            .accounts
            .group(self.container_id(), gid)
            .or_else(|| self.accounts.group(b"", gid));
        match known {
            Some(name) => name,
            None => nobody(gid, b"root"),
        }
    }

    /// A user of the container, else of the host.
    fn whole_user(&self, uid: u32) -> Option<&'a User> {
        let accounts = self.accounts;
        accounts
            .whole_user(self.container_id(), uid)
            .or_else(|| accounts.whole_user(b"", uid))
    }
}
