//! A control group of its own for what is measured: the kernel adds up the processor time of all its processes,
//! also of those that have ended.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

/// Enters the group that is named first, then becomes the program that is named next.
const ENTER: &str = r#"echo $$ >"$0"/cgroup.procs && exec "$@""#;

/// The group. It is removed when dropped; its processes must have ended.
#[derive(Debug)]
pub(crate) struct Group(PathBuf);

impl Group {
    /// Makes a group in the unified hierarchy.
    pub(crate) fn new() -> Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let root = mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .find(|words| words.get(2) == Some(&"cgroup2"))
            .and_then(|words| words.get(1).copied())
            .context("control groups (version 2) are not mounted")?;
        let path = Path::new(root).join(format!("sysflow-bench-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("make {}", path.display()))?;
        Ok(Self(path))
    }

    /// A program that will run in the group.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(ENTER).arg(&self.0).arg(program);
        command
    }

    /// The processor time of all processes so far, in user mode and in the kernel.
    pub(crate) fn time(&self) -> Result<(Duration, Duration)> {
        let text = fs::read_to_string(self.0.join("cpu.stat"))?;
        let find = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
                .map(Duration::from_micros)
                .with_context(|| format!("cpu.stat has no {name}"))
        };
        Ok((find("user_usec ")?, find("system_usec ")?))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The kernel may be a moment late to see that the last process has ended.
        for _ in 0..50 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        eprintln!("cannot remove {}", self.0.display());
    }
}
