//! The capabilities of Linux, by bit.

use std::io::Write as _;

/// Names of all capabilities; the position is the bit.
const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// The length of all names joined with blanks.
const LONGEST: usize = {
    let mut length = NAMES.len();
    let mut bit = 0;
    while bit < NAMES.len() {
        length += NAMES[bit].len();
        bit += 1;
    }
    length
};

/// Calls `with` with the names of a set, joined with blanks; the text is empty for the empty set. Bits that
/// no kernel has named yet are left out.
pub fn with_names<R>(set: i64, with: impl FnOnce(&[u8]) -> R) -> R {
    let mut buffer = [0; LONGEST];
    let mut rest = &mut buffer[..];
    let mut separator = "";
    for (bit, name) in NAMES.iter().enumerate() {
        if set >> bit & 1 == 1 {
            // All names together fit exactly.
            let _ = write!(rest, "{separator}{name}");
            separator = " ";
        }
    }
    let length = LONGEST - rest.len();
    with(&buffer[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_spelled_in_the_order_of_bits() {
        let names = |set| with_names(set, |names| String::from_utf8_lossy(names).into_owned());
        assert_eq!(names(0), "");
        assert_eq!(
            names(1 | 1 << 21 | 1 << 40),
            "CAP_CHOWN CAP_SYS_ADMIN CAP_CHECKPOINT_RESTORE"
        );
        assert_eq!(names(-1), NAMES.join(" "));
        assert_eq!(names(1 << 62), "");
    }
}
