//! What must have been seen of each scene.

mod capture;
mod files;
mod network;
mod passed;
mod processes;
mod uring;

use crate::watch::{Sum, Watched};

use capture::{
    asked_for, closes, collector, doctor, every_call, flood, floor, latency, lost, old_entry,
    older, per_call, privileges, two_at_once,
};
use files::{chroot, descriptors, files, mounts, raced, special};
use network::{messages, names, tcp, udp, unix};
use passed::{moved, passed};
use processes::{executions, identity, killed, threads, vfork};
use uring::{uring, uring_files, uring_repeated, uring_sockets};

type Check = (&'static str, fn());

/// What is done is told.
pub const SCENES: &[Check] = &[
    ("files", files),
    ("executions", executions),
    ("threads", threads),
    ("vfork", vfork),
    ("tcp4", || tcp("127.0.0.1")),
    ("tcp6", || tcp("::1")),
    ("udp", udp),
    ("messages", messages),
    ("names", names),
    ("passed", passed),
    ("moved", moved),
    ("unix", unix),
    ("descriptors", descriptors),
    ("chroot", chroot),
    ("raced", raced),
    ("mounts", mounts),
    ("identity", identity),
    ("special", special),
    ("older", older),
    ("closes", closes),
    ("privileges", privileges),
    ("uring", uring),
    ("uring_files", uring_files),
    ("uring_sockets", uring_sockets),
    ("uring_repeated", uring_repeated),
];

/// How the probe itself behaves.
pub const CAPTURE: &[Check] = &[
    ("flood", flood),
    ("lost", lost),
    ("old_entry", old_entry),
    ("latency", latency),
    ("killed", killed),
    ("per_call", per_call),
    ("every_call", every_call),
    ("asked_for", asked_for),
    ("floor", floor),
    ("two_at_once", two_at_once),
    ("collector", collector),
    ("doctor", doctor),
];

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn name(directory: &tempfile::TempDir) -> String {
    directory.path().to_string_lossy().into_owned()
}

/// Nothing was lost, and all was understood.
fn check_whole(watched: &Watched) {
    let statistics = watched.probe.statistics().unwrap();
    assert_eq!(statistics.lost(), 0, "{statistics:?}");
    assert_eq!(statistics.malformed, 0);
    assert_eq!(statistics.suppressed, 0);
    let strange = watched.of_unknown_threads();
    if let Some(first) = strange.first() {
        let of_it: Vec<_> = watched
            .all
            .events
            .iter()
            .filter(|event| event.tid == first.tid)
            .map(|event| (event.ts, event.name, event.result, &event.arguments))
            .take(8)
            .collect();
        panic!("events of unknown threads: {of_it:#?}");
    }
    for pair in watched.events.windows(2) {
        assert!(pair[0].ts <= pair[1].ts, "time goes back: {pair:#?}");
    }
}

fn sum(read: (u64, u64), write: (u64, u64), fd: i32) -> Sum {
    Sum {
        fd,
        read_ops: read.0,
        read_bytes: read.1,
        write_ops: write.0,
        write_bytes: write.1,
    }
}

fn lines(watched: &Watched) -> Vec<(&str, &str)> {
    watched
        .output
        .lines()
        .filter_map(|line| line.split_once(' '))
        .collect()
}
