//! More than can be told: what is lost is counted, nothing that matters is lost, memory stays bounded.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sysflow_record::container::{ReadOptions, Reader};
use sysflow_record::{Foid, OpFlags, Record};

use crate::program::{Watching, alone, can_watch, files, scratch};

/// Resident memory while nothing much happens, in KiB. Two thirds of it are the rings, which the kernel maps twice.
const IDLE: u64 = 60 << 10;
/// And while more happens than the machine can do besides.
const STORM: u64 = 160 << 10;

/// What a recording holds of a storm.
#[derive(Debug, Default)]
struct Told {
    /// Opens of one file.
    opens: u64,
    /// Operations that were told to be missing: lost in a ring, or only counted.
    missing: u64,
    /// Processes that began and ended.
    begun: u64,
    ended: u64,
}

/// Reads a recording; `file` is the one whose opens are counted.
fn read(recording: &Path, file: &Path) -> Told {
    let mut told = Told::default();
    let mut known: Vec<Foid> = Vec::new();
    let path = file.to_str().unwrap();
    let options = ReadOptions::default();
    let mut reader = Reader::new(File::open(recording).unwrap(), options).unwrap();
    while let Some(block) = reader.next_block().unwrap() {
        for record in block {
            match record.unwrap() {
                Record::File(entity) if entity.path == path => known.push(entity.oid),
                Record::FileFlow(flow) if known.contains(&flow.file_oid) => {
                    told.opens += u64::from(flow.op_flags.contains(OpFlags::OPEN));
                }
                Record::Loss(loss) => told.missing += u64::try_from(loss.count).unwrap(),
                Record::ProcessEvent(event) => {
                    let begins = event.op_flags.contains(OpFlags::CLONE) && event.ret == 0;
                    told.begun += u64::from(begins);
                    told.ended += u64::from(event.op_flags.contains(OpFlags::EXIT));
                }
                _ => {}
            }
        }
    }
    told
}

/// Opens a file as often as two processors can, from threads of this process.
fn open_often(path: &Path, times: u64) {
    const THREADS: u64 = 2;
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..times / THREADS).for_each(|_| drop(File::open(path).unwrap())));
        }
    });
}

/// Starts processes one after the other, each of which ends at once.
fn start_often(times: u64) {
    let line = "i=0; while [ $i -lt $0 ]; do (:); i=$((i+1)); done";
    let status = Command::new("/bin/sh")
        .args(["-c", line, &times.to_string()])
        .status();
    assert!(status.unwrap().success());
}

/// The largest resident memory while something happens, in KiB.
fn largest_memory(watching: &Watching, storm: impl FnOnce() + Send) -> u64 {
    thread::scope(|scope| {
        let storm = scope.spawn(storm);
        let mut largest = 0;
        while !storm.is_finished() {
            largest = watching.memory().max(largest);
            thread::sleep(Duration::from_millis(50));
        }
        storm.join().unwrap();
        largest.max(watching.memory())
    })
}

#[test]
fn what_is_sent_is_recorded_or_counted_as_lost() {
    if !can_watch() {
        return;
    }
    let _alone = alone();
    let directory = scratch();
    let file = directory.path().join("opened");
    fs::write(&file, "x").unwrap();
    let output = directory.path().join("out");
    // No process does too much for this rate: whatever is missing was lost.
    let watching = Watching::start(&[
        "record",
        "-o",
        output.to_str().unwrap(),
        "--rate",
        "100000000",
        "--max-size",
        "10G",
    ]);
    let sent = 200_000;
    open_often(&file, sent);
    start_often(500);
    let (_, summary) = watching.stop();
    let told = read(&files(&output, ".sf")[0], &file);
    assert!(told.opens <= sent);
    assert!(sent - told.opens <= told.missing, "{told:?}\n{summary}");
    assert!(told.begun >= 500 && told.ended >= 500, "{told:?}");
    // Losses are named by lane.
    assert!(!summary.contains(" critical "), "{summary}");
}

#[test]
fn losses_of_a_recorder_that_does_not_run_are_told() {
    if !can_watch() {
        return;
    }
    let _alone = alone();
    let directory = scratch();
    let file = directory.path().join("opened");
    fs::write(&file, "x").unwrap();
    let output = directory.path().join("out");
    let watching = Watching::start(&[
        "record",
        "-o",
        output.to_str().unwrap(),
        "--rate",
        "100000000",
        "--max-size",
        "10G",
    ]);
    // Nothing is read from the rings: the one for what may be lost must run over, the other must not.
    watching.signal(Signal::STOP);
    let sent = 300_000;
    open_often(&file, sent);
    start_often(500);
    watching.signal(Signal::CONT);
    let (_, summary) = watching.stop();
    let told = read(&files(&output, ".sf")[0], &file);
    assert!(told.opens < sent, "the ring was large enough");
    assert!(sent - told.opens <= told.missing, "{told:?}\n{summary}");
    assert!(summary.contains("events were lost: "), "{summary}");
    assert!(!summary.contains(" critical "), "{summary}");
    assert!(told.begun >= 500 && told.ended >= 500, "{told:?}");
}

#[test]
fn a_process_that_does_too_much_is_counted() {
    if !can_watch() {
        return;
    }
    let _alone = alone();
    let directory = scratch();
    let file = directory.path().join("opened");
    fs::write(&file, "x").unwrap();
    let output = directory.path().join("out");
    let watching = Watching::start(&["record", "-o", output.to_str().unwrap(), "--rate", "1000"]);
    let sent = 50_000;
    let begin = Instant::now();
    open_often(&file, sent);
    let allowed = 1000 * (begin.elapsed().as_secs() + 1 + 5);
    let (_, summary) = watching.stop();
    let told = read(&files(&output, ".sf")[0], &file);
    assert!(told.opens <= allowed, "{told:?} of {allowed} allowed");
    assert!(told.opens >= 1000, "{told:?}\n{summary}");
    assert!(told.opens + told.missing >= sent, "{told:?}\n{summary}");
    assert!(
        summary.contains("operations were only counted"),
        "{summary}"
    );
}

#[test]
fn memory_is_bounded_when_a_million_files_are_opened() {
    if !can_watch() {
        return;
    }
    let _alone = alone();
    let directory = scratch();
    // Many names: each is an entity.
    let names: Vec<_> = (0..20_000)
        .map(|number| directory.path().join(format!("file-{number}")))
        .collect();
    for name in &names {
        fs::write(name, "").unwrap();
    }
    let output = directory.path().join("out");
    let watching = Watching::start(&["record", "-o", output.to_str().unwrap()]);
    let idle = watching.memory();
    assert!(idle <= IDLE, "{idle} KiB before anything happens");
    let largest = largest_memory(&watching, || {
        thread::scope(|scope| {
            for half in names.chunks(names.len() / 2) {
                scope.spawn(move || {
                    for _ in 0..50 {
                        for name in half {
                            drop(File::open(name).unwrap());
                        }
                    }
                });
            }
        });
    });
    println!("{idle} KiB idle, {largest} KiB at most");
    assert!(largest <= STORM, "{largest} KiB");
    let (_, summary) = watching.stop();
    assert!(!summary.contains(" critical "), "{summary}");
}

#[test]
fn memory_is_bounded_when_processes_come_and_go() {
    if !can_watch() {
        return;
    }
    let _alone = alone();
    // More take minutes: SYSFLOW_STORM=100000 says how many.
    let count = std::env::var("SYSFLOW_STORM").map_or(10_000, |count| count.parse().unwrap());
    come_and_go(count);
}

fn come_and_go(count: u64) {
    let directory = scratch();
    let output = directory.path().join("out");
    let watching = Watching::start(&[
        "record",
        "-o",
        output.to_str().unwrap(),
        "--max-size",
        "10G",
    ]);
    let largest = largest_memory(&watching, || start_often(count));
    println!("{largest} KiB at most");
    assert!(largest <= STORM, "{largest} KiB");
    let (_, summary) = watching.stop();
    assert!(!summary.contains(" critical "), "{summary}");
    let told = read(&files(&output, ".sf")[0], Path::new("/"));
    assert!(told.begun >= count && told.ended >= count, "{told:?}");
}
