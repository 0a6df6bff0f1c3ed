//! Names of signals.

/// The names from 1 on, as Linux numbers signals on most architectures.
const NAMES: [&str; 31] = [
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];

/// The name of a signal; the real-time ones have none.
pub(super) fn name(signal: u32) -> Option<&'static str> {
    let index = (signal as usize).checked_sub(1)?;
    NAMES.get(index).copied()
}

/// The names of the signals whose bits are set, with blanks between them.
pub(super) fn write_set(bits: u32, out: &mut Vec<u8>) {
    let start = out.len();
    for name in (0..32)
        .filter(|bit| bits & (1 << bit) != 0)
        .filter_map(|bit| name(bit + 1))
    {
        if out.len() > start {
            out.push(b' ');
        }
        out.extend_from_slice(name.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names() {
        assert_eq!(
            (name(0), name(9), name(31), name(32)),
            (None, Some("SIGKILL"), Some("SIGSYS"), None)
        );
        let mut out = Vec::new();
        write_set(0x8000_4001, &mut out);
        assert_eq!(out, b"SIGHUP SIGTERM");
    }
}
