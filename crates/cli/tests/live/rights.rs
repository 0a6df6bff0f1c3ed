//! What the program may do: nothing without privileges, and no more than it needs with them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

use rustix::process::{Signal, geteuid};
use serde_json::Value;

use crate::program::{
    PROGRAM, Watching, can_watch, eventually, files, has_program, records, scratch, share, shell,
    text,
};

/// A user that is nobody in particular: the one that the kernel names where it has no better name.
const NOBODY: u32 = 65534;

/// What is left once watching has begun: to read maps, other processes and files of others.
const READING: u64 = 1 << 39 | 1 << 19 | 1 << 2;
/// Writing where others may not.
const DAC_OVERRIDE: u64 = 1 << 1;

#[test]
fn without_privileges_it_says_what_to_do() {
    if !geteuid().is_root() || !has_program("setpriv") {
        eprintln!("skipped: giving up root needs root and setpriv");
        return;
    }
    // Where nobody can reach it.
    let directory = scratch();
    let program = directory.path().join("sysflow");
    fs::copy(PROGRAM, &program).unwrap();
    let as_nobody = |arguments: &[&str]| {
        Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&program)
            .args(arguments)
            .current_dir(directory.path())
            .output()
            .unwrap()
    };
    let output = directory.path().join("out");
    fs::create_dir(&output).unwrap();
    chown(&output, Some(NOBODY), None).unwrap();
    for arguments in [vec!["run"], vec!["record", "-o", output.to_str().unwrap()]] {
        let refused = as_nobody(&arguments);
        let message = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {message}");
        for part in [
            "cannot watch this machine",
            "CAP_BPF and CAP_PERFMON",
            "as root",
            "sysflow doctor",
            "sysflow run --source FILE",
        ] {
            assert!(message.contains(part), "no {part:?} in {message}");
        }
        assert!(refused.stdout.is_empty());
    }
    assert!(
        fs::read_dir(&output).unwrap().next().is_none(),
        "it left a file"
    );

    let doctor = as_nobody(&["doctor", "--json"]);
    assert_eq!(doctor.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let lacking: Vec<&str> = report["capabilities"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|capability| capability["held"] == false && capability["needed"] == true)
        .map(|capability| capability["name"].as_str().unwrap())
        .collect();
    assert_eq!(lacking, ["CAP_BPF", "CAP_PERFMON"]);
    assert!(report["obstacle"].as_str().unwrap().contains("CAP_BPF"));
    let doctor = as_nobody(&["doctor"]);
    let told = text(&doctor.stdout);
    assert!(told.contains("CAP_BPF: needed, run as root"), "{told}");
    assert!(told.contains("sysflow run --source FILE"), "{told}");

    // What it proposes works.
    let recording = directory.path().join("example.sf");
    let example =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/web-intrusion.sf");
    fs::copy(example, &recording).unwrap();
    let judged = as_nobody(&["run", "--source", recording.to_str().unwrap()]);
    assert_eq!(judged.status.code(), Some(0), "{}", text(&judged.stderr));
}

/// Effective and permitted capabilities of each thread.
fn capabilities(pid: u32) -> Vec<(u64, u64)> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let status = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("status")).unwrap();
    let number = |status: &str, name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
    };
    threads
        .map(|thread| {
            let status = status(thread.unwrap());
            assert_eq!(number(&status, "NoNewPrivs:"), 1);
            assert_eq!(number(&status, "CapInh:"), 0);
            (number(&status, "CapEff:"), number(&status, "CapPrm:"))
        })
        .collect()
}

#[test]
fn rights_that_watching_does_not_need_are_given_up() {
    if !can_watch() {
        return;
    }
    let _share = share();
    let directory = scratch();
    let (own, foreign) = (
        directory.path().join("own"),
        directory.path().join("foreign"),
    );
    for path in [&own, &foreign] {
        fs::create_dir(path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    }
    chown(&foreign, Some(NOBODY), Some(NOBODY)).unwrap();
    // Root may write to its own directory without any capability, and needs one for that of another.
    for (output, kept) in [(&own, READING), (&foreign, READING | DAC_OVERRIDE)] {
        let watching = Watching::start(&["record", "-o", output.to_str().unwrap()]);
        let all = capabilities(watching.pid());
        assert!(all.len() > 1, "the thread that asks runtimes is one too");
        for (effective, permitted) in all {
            // Who runs the test may not have all of them.
            assert_eq!(effective & !kept, 0, "{effective:x}");
            assert_eq!(permitted, effective);
            assert_ne!(effective & READING, 0);
        }
        // It still sees others, down to their environment, and begins new files.
        let marker = directory.path().join("marker");
        let line = format!(
            "exec setpriv --reuid=65534 --regid=65534 --clear-groups cat {} > /dev/null",
            marker.display()
        );
        fs::write(&marker, "x").unwrap();
        if has_program("setpriv") {
            shell(&line);
        }
        watching.signal(Signal::HUP);
        eventually("a new file is begun", || files(output, ".sf").len() == 1);
        watching.stop();
        let complete = files(output, ".sf");
        assert_eq!(complete.len(), 2);
        if has_program("setpriv") {
            let filter = format!("file.path = {} and proc.uid = 65534", marker.display());
            assert!(
                !records(&complete[0], &filter).is_empty(),
                "nobody is not seen"
            );
        }
    }
}

#[test]
fn single_capabilities_are_enough() {
    if !can_watch() || !has_program("setpriv") {
        return;
    }
    let _share = share();
    let directory = scratch();
    let output = directory.path().join("out");
    fs::create_dir(&output).unwrap();
    chown(&output, Some(NOBODY), Some(NOBODY)).unwrap();
    let program = directory.path().join("sysflow");
    fs::copy(PROGRAM, &program).unwrap();
    let capabilities = "+bpf,+perfmon,+sys_ptrace,+dac_read_search";
    let mut watching = Watching::launch(
        Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .args([
                &format!("--inh-caps={capabilities}"),
                &format!("--ambient-caps={capabilities}"),
            ])
            .arg(&program)
            .args(["record", "-o", output.to_str().unwrap()]),
    );
    watching.wait_for_message("ready after");
    let marker = directory.path().join("marker");
    shell(&format!("echo x > {}", marker.display()));
    watching.stop();
    let file = &files(&output, ".sf")[0];
    let filter = format!("file.path = {}", marker.display());
    assert!(!records(file, &filter).is_empty(), "root is not seen");
}
