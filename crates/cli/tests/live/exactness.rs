//! The counts of a recording against those of another witness, `strace`, who sees the same processes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::program::{Watching, can_watch, files, has_program, records, scratch, share};

/// What was done to one file by one process.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Use {
    opens: u64,
    read: (u64, u64),
    written: (u64, u64),
}

/// What a witness has seen.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    /// By process and path.
    files: BTreeMap<(u32, String), Use>,
    /// Connects, bytes sent and received, by process.
    network: BTreeMap<u32, (u64, u64, u64)>,
    /// Directories made, files renamed and the like: process and word.
    events: BTreeMap<(u32, &'static str), u64>,
    executions: BTreeMap<u32, u64>,
    children: BTreeMap<u32, BTreeSet<u32>>,
    /// Exit codes.
    ends: BTreeMap<u32, i64>,
}

/// Text between the first `open` and the `close` behind it.
fn between<'t>(text: &'t str, open: &str, close: &str) -> Option<&'t str> {
    let rest = &text[text.find(open)? + open.len()..];
    Some(&rest[..rest.find(close)?])
}

/// Whole lines of a trace, with calls put together that were torn by others.
fn calls(trace: &str) -> Vec<(u32, String)> {
    let mut torn: BTreeMap<u32, String> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let (pid, call) = line.split_once(' ').unwrap();
        let (pid, call) = (pid.parse().unwrap(), call.trim_start());
        if let Some(begin) = call.strip_suffix("<unfinished ...>") {
            torn.insert(pid, begin.trim_end().to_owned());
        } else if let Some(rest) = call.strip_prefix("<... ") {
            let rest = rest.split_once("resumed>").unwrap().1;
            calls.push((pid, torn.remove(&pid).unwrap() + rest));
        } else {
            calls.push((pid, call.to_owned()));
        }
    }
    // Calls that never come back, such as exit_group, are torn for ever.
    calls.extend(torn);
    calls
}

fn by_strace(trace: &str) -> Seen {
    let mut seen = Seen::default();
    for (pid, call) in calls(trace) {
        if let Some(code) = between(&call, "+++ exited with ", " +++") {
            seen.ends.insert(pid, code.parse().unwrap());
            continue;
        }
        let Some((name, arguments)) = call.split_once('(') else {
            continue;
        };
        let Some((arguments, result)) = arguments.rsplit_once(" = ") else {
            continue;
        };
        let number = result.split(['<', ' ']).next().unwrap().parse::<i64>();
        let Ok(Ok(result_number)) = number.map(u64::try_from) else {
            continue;
        };
        let path = between(arguments, "<", ">").unwrap_or("").to_owned();
        match name {
            "open" | "openat" => {
                let path = between(result, "<", ">").unwrap().to_owned();
                seen.files.entry((pid, path)).or_default().opens += 1;
            }
            "read" | "pread64" | "write" if path.starts_with("socket:") => {
                let (_, sent, received) = seen.network.entry(pid).or_default();
                *(if name == "write" { sent } else { received }) += result_number;
            }
            "read" | "pread64" | "write" => {
                let used = seen.files.entry((pid, path)).or_default();
                let side = if name == "write" {
                    &mut used.written
                } else {
                    &mut used.read
                };
                *side = (side.0 + 1, side.1 + result_number);
            }
            "copy_file_range" => {
                let to = arguments.split('<').nth(2).unwrap();
                let to = to[..to.find('>').unwrap()].to_owned();
                let from = seen.files.entry((pid, path)).or_default();
                from.read = (from.read.0 + 1, from.read.1 + result_number);
                let to = seen.files.entry((pid, to)).or_default();
                to.written = (to.written.0 + 1, to.written.1 + result_number);
            }
            "connect" => seen.network.entry(pid).or_default().0 += 1,
            "mkdir" | "mkdirat" => *seen.events.entry((pid, "MKDIR")).or_default() += 1,
            "rmdir" => *seen.events.entry((pid, "RMDIR")).or_default() += 1,
            "unlink" | "unlinkat" => *seen.events.entry((pid, "UNLINK")).or_default() += 1,
            "rename" | "renameat" | "renameat2" => {
                *seen.events.entry((pid, "RENAME")).or_default() += 1;
            }
            "link" | "linkat" => *seen.events.entry((pid, "LINK")).or_default() += 1,
            "symlink" | "symlinkat" => *seen.events.entry((pid, "SYMLINK")).or_default() += 1,
            "execve" => *seen.executions.entry(pid).or_default() += 1,
            "clone" | "clone3" | "fork" | "vfork" => {
                let child = u32::try_from(result_number).unwrap();
                seen.children.entry(pid).or_default().insert(child);
            }
            _ => {}
        }
    }
    seen
}

/// Bits of operations in records, from the format's description.
const OPERATIONS: [(u64, &str); 6] = [
    (1 << 15, "MKDIR"),
    (1 << 16, "RMDIR"),
    (1 << 17, "LINK"),
    (1 << 18, "UNLINK"),
    (1 << 19, "SYMLINK"),
    (1 << 20, "RENAME"),
];
const CLONE: u64 = 1;
const EXEC: u64 = 1 << 1;
const EXIT: u64 = 1 << 2;
const CONNECT: u64 = 1 << 6;
const OPEN: u64 = 1 << 7;

fn by_recording(all: &[Value], pids: &BTreeSet<u32>) -> Seen {
    let mut seen = Seen::default();
    for record in all {
        // What others did too much of is counted without a process.
        if record["type"] == "LOSS" {
            continue;
        }
        let pid = record["proc"]["pid"].as_u64().unwrap();
        let pid = u32::try_from(pid).unwrap();
        if !pids.contains(&pid) {
            continue;
        }
        let done = record["opflags_bitmap"].as_u64().unwrap();
        let flow = |name: &str| record["flow"][name].as_u64().unwrap();
        match record["type"].as_str().unwrap() {
            "FF" => {
                let path = record["file"]["path"].as_str().unwrap().to_owned();
                let used = seen.files.entry((pid, path)).or_default();
                used.opens += u64::from(done & OPEN != 0);
                used.read.0 += flow("rops");
                used.read.1 += flow("rbytes");
                used.written.0 += flow("wops");
                used.written.1 += flow("wbytes");
            }
            "NF" => {
                let (connects, sent, received) = seen.network.entry(pid).or_default();
                *connects += u64::from(done & CONNECT != 0);
                *sent += flow("wbytes");
                *received += flow("rbytes");
            }
            "FE" => {
                let known = OPERATIONS.iter().find(|(bit, _)| done & bit != 0);
                *seen.events.entry((pid, known.unwrap().1)).or_default() += 1;
            }
            "PE" => {
                let result = record["ret"].as_i64().unwrap();
                if done & EXEC != 0 {
                    *seen.executions.entry(pid).or_default() += 1;
                }
                if done & EXIT != 0 {
                    seen.ends.insert(pid, result >> 8 | result & 0xff);
                }
                // The child tells of its beginning too, with 0.
                if done & CLONE != 0 && result > 0 {
                    let child = u32::try_from(result).unwrap();
                    seen.children.entry(pid).or_default().insert(child);
                }
            }
            _ => {}
        }
    }
    seen
}

/// Does a little of everything in the directory, `$1` being a port.
const WORKLOAD: &str = "
    dd if=/dev/zero of=a bs=1000 count=100 status=none
    for i in 1 2 3; do cat a > b$i; done
    mkdir d
    mv b1 d/c
    ln d/c e
    ln -s e f
    rm b2 b3 d/c
    rmdir d
    cat missing 2> /dev/null
    cat e f > g
    (exit 7)
    exec 3<>/dev/tcp/127.0.0.1/$1
    echo hello >&3
    read x <&3
    exit 5
";

#[test]
fn a_recording_holds_what_strace_counts() {
    if !can_watch() || !has_program("strace") || !has_program("bash") {
        return;
    }
    let _share = share();
    let directory = scratch();
    let (output, work) = (directory.path().join("out"), directory.path().join("work"));
    fs::create_dir(&work).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let peer = std::thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        let mut hello = [0; 6];
        peer.read_exact(&mut hello).unwrap();
        peer.write_all(b"you too\n").unwrap();
    });
    let watching = Watching::start(&["record", "-o", output.to_str().unwrap()]);
    let trace = directory.path().join("trace");
    let ended = Command::new("strace")
        .args(["-f", "-y", "-e", "signal=none", "-o"])
        .arg(&trace)
        .args(["bash", "-c", WORKLOAD, "workload", &port])
        .current_dir(&work)
        .stdin(std::process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(ended.code(), Some(5));
    peer.join().unwrap();
    let (_, told) = watching.stop();
    assert!(told.contains("no event was lost"), "{told}");

    let trace = fs::read_to_string(&trace).unwrap();
    let mut theirs = by_strace(&trace);
    let pids: BTreeSet<u32> = theirs.ends.keys().copied().collect();
    assert!(pids.len() >= 12, "{pids:?}");
    let mut ours = by_recording(&records(one_of(&files(&output, ".sf")), "type != P"), &pids);
    explain(&mut theirs, &mut ours);
    for (key, used) in &theirs.files {
        assert_eq!(
            ours.files.get(key),
            Some(used),
            "of {key:?} strace saw {used:?}"
        );
    }
    for (key, used) in &ours.files {
        assert_eq!(theirs.files.get(key), Some(used), "strace saw no {key:?}");
    }
    assert_eq!(ours, theirs);
    // The comparison is of something.
    let wrote: u64 = ours.files.values().map(|used| used.written.1).sum();
    assert!(wrote >= 600_000, "{wrote}");
    assert_eq!(ours.network.values().next(), Some(&(1, 6, 8)));
    for word in OPERATIONS.map(|(_, word)| word) {
        assert!(
            ours.events.keys().any(|(_, event)| *event == word),
            "{word}"
        );
    }
}

fn one_of(files: &[std::path::PathBuf]) -> &Path {
    assert_eq!(files.len(), 1, "one file holds all");
    &files[0]
}

/// Takes away what both count in their own ways.
fn explain(theirs: &mut Seen, ours: &mut Seen) {
    // Files that are only closed or mapped have a flow without counts. strace's count of them is of no use here: it
    // would have to know of every descriptor that a process inherits.
    let is_used = |used: &Use| *used != Use::default();
    ours.files.retain(|_, used| is_used(used));
    theirs.files.retain(|_, used| is_used(used));
}
