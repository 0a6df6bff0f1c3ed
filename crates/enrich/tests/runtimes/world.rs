//! Scratch directories, daemons, images, and the sight of containers that start.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use sysflow_enrich::{Answer, ContainerFacts, ContainerKey, Directories, Enricher, Settings};
use tempfile::TempDir;

/// Longest time that anything may take.
pub(crate) const LONG: Duration = Duration::from_secs(30);
/// Where hierarchies of control groups are: version 2 alone, version 2 beside 1, and one of version 1.
const HIERARCHIES: [&str; 3] = [
    "/sys/fs/cgroup",
    "/sys/fs/cgroup/unified",
    "/sys/fs/cgroup/systemd",
];
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A place for one runtime. What is mounted below it, and groups that runtimes leave, go with it.
pub(crate) struct World {
    directory: TempDir,
    groups: Vec<PathBuf>,
    _turn: MutexGuard<'static, ()>,
}

impl World {
    /// `None`, with a message, where a program or the right to use it is missing. `groups` are the top control groups
    /// that the runtime makes.
    pub(crate) fn new(programs: &[&str], groups: &[&str]) -> Option<Self> {
        let turn = ONE_AT_A_TIME
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let is_root = status
            .lines()
            .any(|line| line.starts_with("Uid:\t") && line.split('\t').nth(2) == Some("0"));
        if !is_root {
            eprintln!("skipped: containers can be made by root only");
            return None;
        }
        let path = std::env::var("PATH").unwrap_or_default();
        for program in programs.iter().chain(&["busybox", "tar", "sha256sum"]) {
            if !path
                .split(':')
                .any(|folder| Path::new(folder).join(program).is_file())
            {
                eprintln!("skipped: there is no {program}");
                return None;
            }
        }
        let groups = all_groups(groups).filter(|group| !group.exists()).collect();
        Some(Self {
            directory: tempfile::Builder::new().prefix("enrich").tempdir().unwrap(),
            groups,
            _turn: turn,
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// A root file system with the tools of busybox and two users.
    pub(crate) fn root_file_system(&self) -> PathBuf {
        let root = self.path("rootfs");
        for name in ["bin", "etc", "proc", "dev", "sys", "tmp"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        let busybox = run(Command::new("sh").args(["-c", "command -v busybox"]));
        fs::copy(busybox.trim(), root.join("bin/busybox")).unwrap();
        for name in ["sh", "sleep", "true"] {
            let _ = symlink("busybox", root.join("bin").join(name));
        }
        let users = "root:x:0:0::/:/bin/sh\nshop:x:4242:4242::/:/bin/sh\n";
        fs::write(root.join("etc/passwd"), users).unwrap();
        root
    }

    /// The same as one layer.
    pub(crate) fn layer(&self) -> PathBuf {
        let root = self.root_file_system();
        let layer = self.path("layer.tar");
        run(Command::new("tar")
            .arg("-C")
            .arg(root)
            .arg("-cf")
            .arg(&layer)
            .arg("."));
        layer
    }

    /// The same as an archive of one image that does nothing for an hour.
    pub(crate) fn archive(&self, name: &str) -> PathBuf {
        let layer = self.layer();
        let sum = run(Command::new("sha256sum").arg(layer));
        let digest = sum.split(' ').next().unwrap();
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","config":{{"Cmd":["/bin/sleep","3600"],"Env":["PATH=/bin"]}},"rootfs":{{"type":"layers","diff_ids":["sha256:{digest}"]}}}}"#
        );
        let manifest =
            format!(r#"[{{"Config":"config.json","RepoTags":["{name}"],"Layers":["layer.tar"]}}]"#);
        self.write("config.json", &config);
        self.write("manifest.json", &manifest);
        let archive = self.path("archive.tar");
        run(Command::new("tar")
            .arg("-C")
            .arg(self.directory.path())
            .arg("-cf")
            .arg(&archive)
            .args(["config.json", "layer.tar", "manifest.json"]));
        archive
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let below = self.directory.path().display().to_string();
        for point in mounts
            .lines()
            .rev()
            .filter_map(|line| line.split(' ').nth(4))
        {
            if point.starts_with(&below) {
                let _ = Command::new("umount").arg("-l").arg(point).status();
            }
        }
        for group in &self.groups {
            remove_group(group);
        }
    }
}

fn all_groups(names: &[&str]) -> impl Iterator<Item = PathBuf> {
    let hierarchies = fs::read_dir("/sys/fs/cgroup")
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.join("cgroup.procs").is_file());
    hierarchies
        .chain([PathBuf::from("/sys/fs/cgroup")])
        .flat_map(|hierarchy| names.iter().map(move |name| hierarchy.join(name)))
}

fn remove_group(group: &Path) {
    for entry in fs::read_dir(group)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
    {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_group(&entry.path());
        }
    }
    let _ = fs::remove_dir(group);
}

/// A process that serves until it is dropped.
pub(crate) struct Daemon(Child);

impl Daemon {
    /// Starts a daemon and waits until a program that asks it is content.
    pub(crate) fn start(world: &World, command: &mut Command, check: &mut Command) -> Self {
        let log = fs::File::create(world.path("daemon.log")).unwrap();
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let daemon = Self(command.spawn().unwrap());
        let start = Instant::now();
        check.stdout(Stdio::null()).stderr(Stdio::null());
        while !check.status().unwrap().success() {
            let log = fs::read_to_string(world.path("daemon.log")).unwrap_or_default();
            assert!(start.elapsed() < LONG, "{command:?} does not serve: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
        daemon
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = self.0.id().to_string();
        let _ = Command::new("kill").arg(&pid).status();
        let start = Instant::now();
        while start.elapsed() < LONG {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program to its end; its output.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Runs something when it goes out of scope, also when a test fails.
pub(crate) struct Finally<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for Finally<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A container as capture would see it: by the control groups of its processes.
pub(crate) struct Sight {
    pub(crate) key: ContainerKey,
    pub(crate) is_certain: bool,
    pub(crate) pid: u32,
    pub(crate) at: Instant,
}

/// Waits for a process in a container below a control group, other than those that were seen.
pub(crate) fn watch(group: &str, seen: &mut HashSet<String>) -> Sight {
    let start = Instant::now();
    loop {
        for hierarchy in HIERARCHIES {
            if let Some(sight) = look_below(&Path::new(hierarchy).join(group), seen) {
                seen.insert(sight.key.id.clone());
                return sight;
            }
        }
        assert!(start.elapsed() < LONG, "no container below {group}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn look_below(group: &Path, seen: &HashSet<String>) -> Option<Sight> {
    let processes = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    for pid in processes.lines().filter_map(|line| line.parse().ok()) {
        let text = fs::read(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        if let Some(found) = sysflow_enrich::container_of_process(&text)
            && !seen.contains(found.id)
        {
            return Some(Sight {
                key: found.into(),
                is_certain: found.is_certain,
                pid,
                at: Instant::now(),
            });
        }
    }
    let below = fs::read_dir(group).ok()?.filter_map(Result::ok);
    below
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .find_map(|entry| look_below(&entry.path(), seen))
}

/// Whether a process is in the control group of a container.
pub(crate) fn is_in(pid: Option<u32>, container: &str) -> bool {
    let groups = pid.map(|pid| fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap());
    groups.is_some_and(|groups| groups.contains(container))
}

/// Asks about a container until it is known to have started; how long it took until anything was known, and until that.
pub(crate) fn learn(enricher: &Enricher, sight: &Sight) -> (ContainerFacts, Duration, Duration) {
    assert!(enricher.look_up(sight.key.clone(), Some(sight.pid)));
    let mut first = None;
    loop {
        match enricher.wait(LONG) {
            Some(Answer::Known(key, facts)) if key == sight.key => {
                let age = sight.at.elapsed();
                let first = *first.get_or_insert(age);
                if facts.started.is_some() {
                    return (ContainerFacts::clone(&facts), first, age);
                }
            }
            Some(_) => {}
            None => panic!("{:?} stays unknown: {:?}", sight.key, enricher.statistics()),
        }
    }
}

/// How long it takes to learn about a container that runs.
pub(crate) fn learn_running(settings: &Settings, sight: &Sight) -> Duration {
    let enricher = Enricher::start(settings.clone()).unwrap();
    let sight = Sight {
        key: sight.key.clone(),
        at: Instant::now(),
        ..*sight
    };
    learn(&enricher, &sight).2
}

/// Waits until a container is told to have ended.
pub(crate) fn wait_for_end(enricher: &Enricher, key: &ContainerKey) {
    while let Some(answer) = enricher.wait(LONG) {
        if answer == Answer::Ended(key.clone()) {
            return;
        }
    }
    panic!("{key:?} does not end: {:?}", enricher.statistics());
}

/// No directories.
pub(crate) fn no_directories() -> Directories {
    Directories {
        docker: Vec::new(),
        containerd_tasks: Vec::new(),
        containers_storage: Vec::new(),
        oci_states: Vec::new(),
    }
}
