//! Identities of processes and files.

use std::fmt;

use sha1::{Digest, Sha1};

/// Identity of a process ("OID"): host pid and creation time of its main thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Oid {
    /// Creation time of the main thread, ns since the epoch; 0 where it is not known.
    pub create_ts: i64,
    /// Process id in the host's namespace.
    pub hpid: i64,
}

/// Identity of a file ("FOID"): SHA-1 of the container id followed by the path.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Foid(pub [u8; 20]);

impl Foid {
    /// The identity of `path` in a container (its short id; empty for the host).
    pub fn of(container_id: &[u8], path: &[u8]) -> Self {
        let mut hash = Sha1::new();
        hash.update(container_id);
        hash.update(path);
        Self(hash.finalize().into())
    }

    /// The 40 hexadecimal digits.
    pub fn to_hex(self) -> [u8; 40] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 40];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        text
    }
}

impl fmt::Display for Foid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Foid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_identity_hashes_container_then_path() {
        let hex = |container: &str, path: &str| {
            Foid::of(container.as_bytes(), path.as_bytes()).to_string()
        };
        assert_eq!(
            hex("", "/etc/ld.so.cache"),
            "8d57b8c634ff3c042c2d003a93f46a7bc6cc86da"
        );
        assert_eq!(
            hex("c010f5a08549", "/etc/passwd"),
            "76c575a23309b5524d71812a16abb01856519151"
        );
        assert_eq!(hex("", ""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        let foid = Foid::of(b"", b"/etc/ld.so.cache");
        assert_eq!(foid.to_hex(), foid.to_string().as_bytes());
    }
}
