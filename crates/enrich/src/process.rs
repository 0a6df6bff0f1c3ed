//! Whether a process is still the same.

use std::fs;

/// A process and the time of its start, which tells it from a later one with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessMark {
    pid: u32,
    start: u64,
}

impl ProcessMark {
    /// `None` where there is no such process.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
        let start = start_of(&text)?;
        Some(Self { pid, start })
    }

    /// Whether the process has not ended.
    pub(crate) fn is_there(self) -> bool {
        Self::of(self.pid) == Some(self)
    }
}

/// Whether a process is in the same namespace of a kind (`namespaces(7)`: `net`, `pid`, `ipc`) as the host. `None` where
/// that cannot be seen.
pub(crate) fn is_in_namespace_of_host(pid: u32, kind: &str) -> Option<bool> {
    let namespace_of = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok();
    // The first process may have capabilities that we lack, and be closed to us. Kernel threads are in the namespaces of
    // the host, too.
    let kernel_thread = || {
        let name = fs::read("/proc/2/comm").ok()?;
        (name == b"kthreadd\n").then_some(2)
    };
    let of_host = namespace_of(1).or_else(|| namespace_of(kernel_thread()?))?;
    Some(namespace_of(pid)? == of_host)
}

/// The start in ticks since boot: field 22 of `proc_pid_stat(5)`. The second field is in parentheses and may hold
/// anything. `None` for processes that ended and are not yet buried.
fn start_of(text: &[u8]) -> Option<u64> {
    let end = text.iter().rposition(|byte| *byte == b')')?;
    let rest = str::from_utf8(text.get(end + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_until_it_ends() {
        let mut child = std::process::Command::new("sleep")
            .arg("100")
            .spawn()
            .unwrap();
        let mark = ProcessMark::of(child.id()).unwrap();
        assert!(mark.is_there());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!mark.is_there());
    }

    #[test]
    fn namespaces_are_compared_with_those_of_the_host() {
        assert_eq!(is_in_namespace_of_host(0, "net"), None);
        let own = is_in_namespace_of_host(std::process::id(), "net");
        let mut other = std::process::Command::new("unshare")
            .args(["--net", "sleep", "100"])
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let is_apart = || is_in_namespace_of_host(other.id(), "net") == Some(false);
        let start = std::time::Instant::now();
        while !is_apart() && start.elapsed() < std::time::Duration::from_secs(2) {
            std::thread::yield_now();
        }
        let is_apart = is_apart();
        other.kill().unwrap();
        let has_made_another = other.wait().unwrap().code().is_none();
        if own != Some(true) || !has_made_another {
            eprintln!("skipped: only root sees the namespaces of the host, and makes others");
            return;
        }
        assert!(is_apart);
    }

    #[test]
    fn names_of_processes_do_not_mislead() {
        let rest = "1 ".repeat(18);
        assert_eq!(
            start_of(format!("7 (a) Z (b) S {rest}99 0 0").as_bytes()),
            Some(99)
        );
        assert_eq!(start_of(format!("7 (a) Z {rest}99 0 0").as_bytes()), None);
        assert_eq!(start_of(b"7 (a"), None);
    }
}
