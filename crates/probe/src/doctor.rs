//! What this machine can do, and why not.

use rustix::thread::{CapabilitySet, capabilities};

use crate::error::Error;
use crate::hooks::{HOOKS, is_offered};
use crate::load;

/// A capability, its name, and whether the probe cannot do without.
const CAPABILITIES: [(CapabilitySet, &str, bool); 5] = [
    (CapabilitySet::BPF, "CAP_BPF", true),
    (CapabilitySet::PERFMON, "CAP_PERFMON", true),
    (CapabilitySet::SYS_PTRACE, "CAP_SYS_PTRACE", false),
    (CapabilitySet::DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", false),
    (CapabilitySet::SYS_RESOURCE, "CAP_SYS_RESOURCE", false),
];

/// A place in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The tracepoint.
    pub name: &'static str,
    /// Whether the kernel has it.
    pub is_offered: bool,
    /// Whether nothing goes without it.
    pub is_needed: bool,
    /// What is missed without it.
    pub missed: &'static str,
}

/// A capability of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// Its name.
    pub name: &'static str,
    /// Whether the process has it.
    pub is_held: bool,
    /// Whether nothing goes without it.
    pub is_needed: bool,
}

/// What is known of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The kernel's release.
    pub kernel: String,
    /// The architecture.
    pub architecture: String,
    /// The bytes of the kernel's types; `None` where they cannot be read.
    pub types: Option<u64>,
    /// How far the kernel is locked down; `None` where that is not known.
    pub lockdown: Option<String>,
    /// Whether BPF is refused to unprivileged processes; `None` where that is not known.
    pub unprivileged_disabled: Option<bool>,
    /// Capabilities of this process.
    pub capabilities: Vec<Capability>,
    /// Places in the kernel.
    pub places: Vec<Place>,
    /// Why the programs cannot be loaded; `None` where they can.
    pub obstacle: Option<String>,
}

/// Looks at this machine, and tries to load the programs.
pub fn doctor() -> Report {
    let uname = rustix::system::uname();
    let types = load::types().ok();
    let places = HOOKS
        .iter()
        .map(|hook| Place {
            name: hook.place,
            is_offered: types
                .as_ref()
                .is_some_and(|types| is_offered(types, hook.place)),
            is_needed: hook.is_needed,
            missed: hook.missed,
        })
        .collect();
    let held = effective();
    let unprivileged = std::fs::read_to_string("/proc/sys/kernel/unprivileged_bpf_disabled");
    let tried = load::load(&crate::Options {
        critical_ring: 1 << 16,
        normal_ring: 1 << 16,
        ..crate::Options::default()
    });
    Report {
        kernel: uname.release().to_string_lossy().into_owned(),
        architecture: uname.machine().to_string_lossy().into_owned(),
        types: types.map(|types| types.len() as u64),
        lockdown: lockdown(),
        unprivileged_disabled: unprivileged.ok().map(|value| value.trim() != "0"),
        capabilities: CAPABILITIES
            .iter()
            .map(|&(capability, name, is_needed)| Capability {
                name,
                is_held: held.contains(capability),
                is_needed,
            })
            .collect(),
        places,
        obstacle: tried.err().map(|error| error.to_string()),
    }
}

fn effective() -> CapabilitySet {
    let all = capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
    // Before there were finer ones, this one was asked for.
    if all.contains(CapabilitySet::SYS_ADMIN) {
        all | CapabilitySet::BPF | CapabilitySet::PERFMON
    } else {
        all
    }
}

/// Whether this process may load programs.
pub(crate) fn check_privileges() -> Result<(), Error> {
    let held = effective();
    let missing: Vec<&str> = CAPABILITIES
        .iter()
        .filter(|(capability, _, is_needed)| *is_needed && !held.contains(*capability))
        .map(|(_, name, _)| *name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::Privileges {
        missing: missing.join(" and "),
    })
}

/// How far the kernel is locked down, where it tells.
pub(crate) fn lockdown() -> Option<String> {
    let text = std::fs::read_to_string("/sys/kernel/security/lockdown").ok()?;
    let start = text.find('[')? + 1;
    let end = start + text[start..].find(']')?;
    Some(text[start..end].to_owned())
}
