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
