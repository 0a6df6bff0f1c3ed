//! What can go wrong, and what helps.

/// Why the probe cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The process may not load BPF programs.
    #[error(
        "this process may not load BPF programs: it lacks {missing}. Run it as root, or give it the \
         capabilities CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"
    )]
    Privileges {
        /// Names of capabilities.
        missing: String,
    },
    /// The kernel does not tell how its structures are laid out.
    #[error(
        "the kernel does not tell its types: {path} cannot be read ({reason}). It must be built with \
         CONFIG_DEBUG_INFO_BTF=y, as those of most distributions since 2020 are"
    )]
    NoTypes {
        /// Where they would be.
        path: &'static str,
        /// Why not.
        reason: std::io::Error,
    },
    /// The kernel lacks a place that is needed.
    #[error("the kernel has no tracepoint {place}, without which {missed}")]
    NoHook {
        /// The place.
        place: &'static str,
        /// What would be missed.
        missed: &'static str,
    },
    /// The kernel refuses.
    #[error("the kernel refuses to {what}: {reason}{hint}{log}")]
    Refused {
        /// What was tried.
        what: String,
        /// What it said.
        reason: String,
        /// What may be the cause, with a leading blank; or nothing.
        hint: String,
        /// The last lines of its log, on lines of their own; or nothing.
        log: String,
    },
    /// The programs do not have what they should: a fault of this build.
    #[error("the BPF programs have no {what}: this build is broken")]
    Broken {
        /// The part.
        what: &'static str,
    },
    /// Reading what the kernel tells has failed.
    #[error("cannot {what}: {reason}")]
    Read {
        /// What was tried.
        what: &'static str,
        /// Why not.
        reason: std::io::Error,
    },
}
