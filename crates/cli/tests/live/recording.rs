//! `sysflow record`: files that are whole, rotation, crashes, sockets, other readers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use sysflow_record::container::{ReadOptions, Reader};
use sysflow_record::wire::{Listener, ReceiveOptions};
use sysflow_record::{Kind, Record};

use crate::program::{
    Watching, can_watch, eventually, files, has_program, records, scratch, share, shell, sysflow,
    text,
};

/// Holds a file open and writes to it now and then until its standard input ends.
struct Writer {
    child: std::process::Child,
    path: PathBuf,
}

impl Writer {
    fn start(path: &Path) -> Self {
        let line = format!(
            "exec 3> {}; while ! read -t 0.1 x; do echo 12345 >&3; done",
            path.display()
        );
        let child = Command::new("/bin/bash")
            .args(["-c", &line])
            .stdin(std::process::Stdio::piped())
            .spawn();
        Self {
            child: child.unwrap(),
            path: path.to_owned(),
        }
    }

    /// What a file knows of the writing.
    fn records(&self, file: &Path) -> Vec<serde_json::Value> {
        records(
            file,
            &format!("file.path = {} and flow.wops > 0", self.path.display()),
        )
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file can be read by itself, and names those who did something below the directory.
fn assert_self_contained(file: &Path, directory: &Path) {
    let output = sysflow(&["info", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let mut reader = Reader::new(fs::File::open(file).unwrap(), ReadOptions::default()).unwrap();
    let mut is_first = true;
    while let Some(block) = reader.next_block().unwrap() {
        for record in block {
            if std::mem::take(&mut is_first) {
                let Record::Header(header) = record.unwrap() else {
                    panic!("{} does not begin with a header", file.display());
                };
                let name = file.file_name().unwrap().to_str().unwrap();
                assert_eq!(
                    header.filename.to_string(),
                    name.trim_end_matches(".partial")
                );
            }
        }
    }
    assert!(!is_first, "{} is empty", file.display());
    let filter = format!("file.path startswith {}", directory.display());
    for record in records(file, &filter) {
        assert!(
            record["proc"]["exe"]
                .as_str()
                .is_some_and(|exe| !exe.is_empty()),
            "{} does not say who did this: {record}",
            file.display()
        );
    }
}

#[test]
fn files_are_rotated_by_time_size_and_signal_and_are_whole() {
    if !can_watch() || !has_program("bash") {
        return;
    }
    let _share = share();
    let directory = scratch();
    let writer = Writer::start(&directory.path().join("written"));
    let (by_time, by_size) = (directory.path().join("time"), directory.path().join("size"));
    let time = by_time.to_str().unwrap();
    let timed = Watching::start(&[
        "record",
        "-o",
        time,
        "--every",
        "2s",
        "--flow-interval",
        "500ms",
        "--prefix",
        "host",
    ]);
    eventually("two files are complete", || {
        files(&by_time, ".sf").len() >= 2
    });
    assert_eq!(files(&by_time, ".partial").len(), 1, "one file is in work");

    // A signal begins a new file at once, also by rights that are left.
    let before = files(&by_time, ".sf").len();
    timed.signal(Signal::HUP);
    eventually("the signal ends a file", || {
        files(&by_time, ".sf").len() > before
    });
    let (_, told) = timed.stop();
    assert!(files(&by_time, ".partial").is_empty(), "{told}");
    let complete = files(&by_time, ".sf");
    assert!(
        told.contains(&format!("into {} files", complete.len())),
        "{told}"
    );
    for file in &complete {
        assert_self_contained(file, directory.path());
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("host."), "{name}");
    }
    // The writer began before the first file, and what it writes is told in those that last long enough.
    let with_writer = complete.iter().filter(|file| {
        let found = writer.records(file);
        found.iter().all(|r| r["proc"]["pid"] == writer.child.id()) && !found.is_empty()
    });
    assert!(
        with_writer.count() >= 2,
        "files do not know who wrote before they began"
    );

    let size = by_size.to_str().unwrap();
    let sized = Watching::start(&[
        "record",
        "-o",
        size,
        "--max-size",
        "40k",
        "--keep",
        "3",
        "--block-size",
        "4096",
        "--codec",
        "null",
        "--prefix",
        "host",
    ]);
    let mut most = 0;
    let mut names = std::collections::BTreeSet::new();
    eventually("five files came and went", || {
        shell("for i in 1 2 3 4 5 6 7 8 9 10; do /bin/true; done");
        let complete = files(&by_size, ".sf");
        most = most.max(complete.len());
        names.extend(complete);
        names.len() >= 5
    });
    sized.stop();
    // One more for the moment between a new one and the removal of the oldest.
    assert!(most <= 4, "{most} files, of which 3 were to be kept");
    let kept = files(&by_size, ".sf");
    assert_eq!(kept.len(), 3);
    // Entities come first whatever the size: a file may be longer by as much as it takes to tell of all processes.
    let is_long = |file: &&PathBuf| fs::metadata(file).unwrap().len() >= 40 << 10;
    let long = kept.iter().filter(is_long).count();
    assert!(
        long >= 2,
        "only the last was ended before it was as long as it may be"
    );
    for file in &kept {
        assert_self_contained(file, directory.path());
    }
}

#[test]
fn what_was_flushed_before_a_crash_can_be_read() {
    if !can_watch() {
        return;
    }
    let _share = share();
    let directory = scratch();
    let output = directory.path().join("out");
    let arguments = ["record", "-o", output.to_str().unwrap(), "--prefix", "host"];
    let watching = Watching::start(&arguments);
    let marker = directory.path().join("marker");
    shell(&format!("echo before > {}", marker.display()));
    // A block may be half written when it is looked at.
    let partial = |file: &PathBuf| {
        let (file, filter) = (file.to_str().unwrap(), of(&marker));
        !sysflow(&["print", file, "--json", "-f", &filter])
            .stdout
            .is_empty()
    };
    eventually("it is in the file in work", || {
        files(&output, ".partial").first().is_some_and(partial)
    });
    watching.signal(Signal::KILL);
    let (status, ..) = watching.end();
    assert_eq!(status.code(), None);
    let left = files(&output, ".partial");
    assert_eq!(left.len(), 1);
    assert_self_contained(&left[0], directory.path());
    assert!(partial(&left[0]), "it was there before the crash");

    // What tears the last block costs that block alone. The next start names the file.
    let length = fs::metadata(&left[0]).unwrap().len();
    fs::OpenOptions::new()
        .write(true)
        .open(&left[0])
        .unwrap()
        .set_len(length - 3)
        .unwrap();
    let whole = sysflow(&["print", left[0].to_str().unwrap()]);
    assert_eq!(whole.status.code(), Some(1), "damage is told");
    assert!(
        text(&whole.stdout).lines().count() > 10,
        "all before is told"
    );
    let again = Watching::start(&arguments);
    again.stop();
    assert!(files(&output, ".partial").is_empty());
    assert_eq!(files(&output, ".sf").len(), 2);
}

/// The flow to a file.
fn of(path: &Path) -> String {
    format!("type = FF and file.path = {}", path.display())
}

#[test]
fn a_filter_narrows_and_the_entities_of_what_is_left_stay() {
    if !can_watch() {
        return;
    }
    let _share = share();
    let directory = scratch();
    let output = directory.path().join("out");
    let marker = directory.path().join("marker");
    let filter = of(&marker);
    let watching = Watching::start(&[
        "record",
        "-o",
        output.to_str().unwrap(),
        "--filter",
        &filter,
    ]);
    shell(&format!(
        "echo wanted > {0}; echo no > {0}.not",
        marker.display()
    ));
    watching.stop();
    let file = &files(&output, ".sf")[0];
    let all = records(file, "type != P");
    assert!(!all.is_empty());
    for record in &all {
        assert_eq!(record["file"]["path"], marker.to_str().unwrap(), "{record}");
        assert_eq!(
            record["proc"]["exe"]
                .as_str()
                .map(|exe| exe.ends_with("sh")),
            Some(true)
        );
    }
    let wrong = sysflow(&["record", "-o", "/nowhere", "--filter", "proc.nam = x"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong.stderr).contains("proc.name"),
        "{}",
        text(&wrong.stderr)
    );
}

#[test]
fn a_consumer_at_a_socket_is_told_all_and_may_come_late() {
    if !can_watch() {
        return;
    }
    let _share = share();
    let directory = scratch();
    let socket = directory.path().join("socket");
    let marker = directory.path().join("marker");
    // Nobody listens yet: what happens meanwhile is lost and counted. A slow machine comes to send nothing before
    // somebody listens unless it is waited for.
    let mut watching = Watching::start(&["record", "--socket", socket.to_str().unwrap()]);
    shell("/bin/true");
    watching.wait_for_message("was not delivered");
    let options = ReceiveOptions {
        timeout: Some(Duration::from_secs(30)),
        ..ReceiveOptions::default()
    };
    let listener = Listener::bind(&socket, options).unwrap();
    let (sender, flows) = channel();
    let path = marker.clone();
    let consumer = thread::spawn(move || {
        let mut receiver = listener.accept().unwrap();
        let (mut kinds, mut processes) = (Vec::new(), Vec::new());
        let mut file = None;
        while let Some(record) = receiver.next().unwrap() {
            kinds.push(record.kind());
            match record {
                Record::Process(process) => processes.push(process.oid),
                Record::File(entity) if *entity.path == *path.to_str().unwrap() => {
                    file = Some(entity.oid);
                }
                // The shell opens it under one number and writes by another: the first is closed unused.
                Record::FileFlow(flow) if file == Some(flow.file_oid) && flow.write_ops > 0 => {
                    let is_known = processes.contains(&flow.proc_oid);
                    let _ = sender.send((is_known, flow.write_bytes));
                }
                _ => {}
            }
        }
        kinds
    });
    let mut found = None;
    eventually("a flow arrives", || {
        shell(&format!("echo 12345 > {}", marker.display()));
        found = flows.recv_timeout(Duration::from_millis(500)).ok();
        found.is_some()
    });
    let (is_known, bytes) = found.unwrap();
    assert!(is_known, "the consumer was not told who did it");
    assert_eq!(bytes, 6);
    watching.signal(Signal::TERM);
    let (status, _, told) = watching.end();
    // Done, but what happened before the consumer came did not reach it.
    assert_eq!(status.code(), Some(1), "{told}");
    assert!(told.contains("was not delivered"), "{told}");
    assert!(told.contains("over 1 connections"), "{told}");
    let kinds = consumer.join().unwrap();
    assert_eq!(kinds[0], Kind::Header, "a header comes first");
    assert_eq!(
        kinds.iter().filter(|kind| **kind == Kind::Header).count(),
        1
    );
}

/// The original's Python reader; `None`, with a message, where it cannot be installed.
fn original_reader() -> Option<PathBuf> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sysflow-tools");
    let python = place.join("bin/python");
    let has_it = || {
        let import = Command::new(&python)
            .args(["-c", "import sysflow.reader"])
            .output();
        import.is_ok_and(|output| output.status.success())
    };
    if !has_it() {
        let venv = Command::new("python3")
            .args(["-m", "venv"])
            .arg(&place)
            .output();
        let pip = Command::new(place.join("bin/pip"))
            .args(["install", "--quiet", "sysflow-tools"])
            .output();
        if !has_it() {
            let why = [venv, pip].map(|tried| match tried {
                Ok(output) => text(&output.stderr),
                Err(error) => error.to_string(),
            });
            eprintln!(
                "skipped: the original's reader cannot be installed: {}",
                why.join(" ")
            );
            return None;
        }
    }
    Some(python)
}

#[test]
fn the_original_reads_what_is_recorded_for_it() {
    if !can_watch() {
        return;
    }
    let Some(python) = original_reader() else {
        return;
    };
    let _share = share();
    let directory = scratch();
    let output = directory.path().join("out");
    let marker = directory.path().join("marker");
    let watching = Watching::start(&["record", "-o", output.to_str().unwrap(), "--schema", "5"]);
    shell(&format!(
        "echo 12345 > {0}; cat {0} > /dev/null",
        marker.display()
    ));
    watching.stop();
    let file = &files(&output, ".sf")[0];
    // Path, process and counts of each flow of the marker, and how many records there are.
    let script = "import sys\nfrom sysflow.reader import FlattenedSFReader\ncount = 0\n\
        for (kind, header, pod, cont, pproc, proc, files, evt, flow) in FlattenedSFReader(sys.argv[1], False):\n    \
        count += 1\n    \
        if files and files[0] and files[0].path == sys.argv[2] and flow:\n        \
        print(proc.exe, flow.numRRecvBytes, flow.numWSendBytes)\nprint('records', count)\n";
    let read = Command::new(python)
        .args(["-c", script])
        .arg(file)
        .arg(&marker)
        .output()
        .unwrap();
    assert!(read.status.success(), "{}", text(&read.stderr));
    let lines = text(&read.stdout);
    let lines: Vec<&str> = lines.lines().collect();
    let ours = records(file, "type != P").len();
    let all = ours + records(file, "type = P").len();
    let told: usize = lines
        .last()
        .unwrap()
        .rsplit(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(
        told == ours || told == all,
        "{told} records, ours are {ours} of {all}"
    );
    assert!(
        lines.iter().any(|line| line.ends_with("sh 0 6")),
        "{lines:?}"
    );
    assert!(
        lines.iter().any(|line| line.ends_with("cat 6 0")),
        "{lines:?}"
    );
}
