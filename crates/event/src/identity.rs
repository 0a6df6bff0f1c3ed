//! Arguments of operations on users, groups and capabilities.

/// Which call changed ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdCall {
    /// One id for all: `setuid`, `setgid`.
    One,
    /// Real and effective: `setreuid`, `setregid`.
    RealEffective,
    /// Real, effective and saved: `setresuid`, `setresgid`.
    RealEffectiveSaved,
}

/// New user ids. All ones mean no change in calls that take several, `None` that it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserIds {
    /// The call.
    pub call: IdCall,
    /// The real id.
    pub real: Option<u32>,
    /// The effective id: the one that counts.
    pub effective: Option<u32>,
    /// The saved id.
    pub saved: Option<u32>,
}

/// New group ids, as [`UserIds`].
pub type GroupIds = UserIds;

/// Sets of capabilities, a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Those that children may get.
    pub inheritable: Option<u64>,
    /// Those that may be used.
    pub permitted: Option<u64>,
    /// Those that are used.
    pub effective: Option<u64>,
}
