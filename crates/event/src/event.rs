//! The event.

use crate::Operation;

/// Which end of an operation an event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The operation begins: there is no result yet. Only told of operations that change something
    /// that others can see before they return: mapping a file, closing, connecting, sending, changing
    /// a user.
    Begin,
    /// The operation has ended.
    End,
}

/// One observed operation.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// When, ns since the epoch.
    pub ts: u64,
    /// The processor on which it was seen.
    pub cpu: u16,
    /// The thread that did it; 0 or -1 where none did.
    pub tid: i64,
    /// Whether it begins or has ended.
    pub phase: Phase,
    /// The name of the system call, such as `openat`, or of the notification.
    pub name: &'static str,
    /// What the call returned: a negative error number, or what the call defines. For the end of a thread the
    /// raw wait status. `None` at the beginning and where there is no result.
    pub result: Option<i64>,
    /// Whether the source told the operation in a form that its writers have since given up. Programs of that
    /// time knew only these forms, and who must act as they did needs the difference.
    pub is_older_form: bool,
    /// What was done.
    pub operation: Operation<'a>,
}

impl Event<'_> {
    /// Whether the operation has ended without an error.
    pub const fn is_success(&self) -> bool {
        matches!(self.result, Some(result) if result >= 0)
    }
}
