//! The built program as a child that is watched.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long anything may take that is not measured: machines that test are busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Tests that measure have the machine for themselves, as far as it is ours.
static MACHINE: RwLock<()> = RwLock::new(());

/// Held by tests that share the machine.
pub fn share() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

/// Held by tests that measure.
pub fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

/// Whether this machine can be watched; says why not.
pub fn can_watch() -> bool {
    // Looking takes as long as watching does.
    static OBSTACLE: OnceLock<Option<String>> = OnceLock::new();
    let obstacle = OBSTACLE.get_or_init(|| {
        let output = sysflow(&["doctor", "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        report["obstacle"].as_str().map(str::to_owned)
    });
    if let Some(obstacle) = obstacle {
        eprintln!("skipped: {obstacle}");
    }
    obstacle.is_none()
}

/// Whether there is a program of this name; says that it skips otherwise.
pub fn has_program(name: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).any(|path| path.join(name).is_file());
    if !found {
        eprintln!("skipped: there is no {name}");
    }
    found
}

/// The built program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_sysflow");

/// Runs the program to its end.
pub fn sysflow(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Records that the program reads from a file, as JSON.
pub fn records(file: &Path, filter: &str) -> Vec<Value> {
    let file = file.to_str().unwrap();
    let output = sysflow(&["print", file, "--json", "-f", filter]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    json_lines(&text(&output.stdout))
}

pub fn json_lines(lines: &str) -> Vec<Value> {
    let lines = lines.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A directory that goes away with the guard, which every user may look into.
pub fn scratch() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

/// Files in a directory whose names end so, in the order of their names.
pub fn files(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(ending))
        .collect();
    paths.sort();
    paths
}

/// Waits until something is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(20));
    }
    begin.elapsed()
}

/// Runs a shell with a line, to its end. Returns the process id that it had.
pub fn shell(line: &str) -> u32 {
    let mut child = Command::new("/bin/sh").args(["-c", line]).spawn().unwrap();
    assert!(child.wait().unwrap().success(), "{line}");
    child.id()
}

/// The program, watching.
pub struct Watching {
    child: Child,
    alerts: Receiver<String>,
    messages: Receiver<String>,
    /// All messages so far.
    pub told: String,
}

impl Watching {
    /// Starts it and waits until it is ready.
    pub fn start(arguments: &[&str]) -> Self {
        let mut watching = Self::launch(Command::new(PROGRAM).args(arguments));
        watching.wait_for_message("ready after");
        watching
    }

    /// Starts it.
    pub fn launch(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            alerts: lines(child.stdout.take().unwrap()),
            messages: lines(child.stderr.take().unwrap()),
            told: String::new(),
            child,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line of standard output with this text; how long it took.
    pub fn wait_for_alert(&self, text: &str) -> (String, Duration) {
        let begin = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(begin.elapsed());
            match self.alerts.recv_timeout(left) {
                Ok(line) if line.contains(text) => return (line, begin.elapsed()),
                Ok(_) => {}
                Err(error) => panic!("no alert with {text:?}: {error}; it said: {}", self.told),
            }
        }
    }

    /// The next line of standard error with this text.
    pub fn wait_for_message(&mut self, text: &str) -> String {
        let begin = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(begin.elapsed());
            match self.messages.recv_timeout(left) {
                Ok(line) => {
                    self.told.push_str(&line);
                    self.told.push('\n');
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(error) => {
                    let ended = error == RecvTimeoutError::Disconnected;
                    panic!(
                        "no message {text:?} (ended: {ended}); it said: {}",
                        self.told
                    );
                }
            }
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end; everything that it said on both outputs is returned.
    pub fn end(mut self) -> (ExitStatus, Vec<String>, String) {
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begin.elapsed() < PATIENCE, "it does not end");
            thread::sleep(Duration::from_millis(10));
        };
        // Until the threads have read what was left in the pipes.
        let alerts: Vec<String> = self.alerts.iter().collect();
        for line in &self.messages {
            self.told.push_str(&line);
            self.told.push('\n');
        }
        (status, alerts, std::mem::take(&mut self.told))
    }

    /// Has it end as a service manager does. All must be well.
    pub fn stop(self) -> (Vec<String>, String) {
        self.signal(Signal::TERM);
        let (status, alerts, told) = self.end();
        assert_eq!(status.code(), Some(0), "{told}");
        (alerts, told)
    }

    /// Its resident memory in KiB, but for the pages of the program file: a build for tests has three times as much
    /// code as one for users.
    pub fn memory(&self) -> u64 {
        let maps = fs::read_to_string(format!("/proc/{}/smaps", self.pid())).unwrap();
        let mut is_program = false;
        let mut sum = 0;
        for line in maps.lines() {
            if let Some(size) = line.strip_prefix("Rss:") {
                let size: u64 = size.trim().trim_end_matches(" kB").parse().unwrap();
                sum += if is_program { 0 } else { size };
            } else if line.as_bytes()[0].is_ascii_hexdigit() {
                is_program = line.ends_with(PROGRAM);
            }
        }
        sum
    }
}

impl Drop for Watching {
    // A test that fails leaves nothing running.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of an output as they come.
fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n') {
            let Ok(line) = line else { return };
            if sender.send(text(&line)).is_err() {
                return;
            }
        }
    });
    receiver
}
