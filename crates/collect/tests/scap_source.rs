//! How captures become events.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::recording::Recording;
use sysflow_collect::Observer;
use sysflow_collect::source::scap::ScapSource;
use sysflow_event::snapshot::Snapshot;
use sysflow_event::{Event, Operation, Phase};
use sysflow_scap::{Capture, Code};

/// Keeps what it is told, in words.
#[derive(Default)]
struct Words(Vec<String>);

impl Observer for Words {
    fn restart(&mut self) {
        self.0.push("restart".to_owned());
    }

    fn snapshot(&mut self, _: &Snapshot<'_>) {
        self.0.push("snapshot".to_owned());
    }

    fn event(&mut self, event: &Event<'_>) {
        let side = if event.phase == Phase::Begin {
            ">"
        } else {
            "<"
        };
        let text =
            |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let what = match event.operation {
            Operation::Other => "-".to_owned(),
            Operation::Tick => "tick".to_owned(),
            Operation::Close(fd) => format!("{fd:?}"),
            Operation::Transfer(transfer) => format!("{:?} {:?}", transfer.fd, transfer.size),
            Operation::Open(open) => {
                format!(
                    "{:?} {:?} {:?}",
                    open.path.directory,
                    text(open.path.path),
                    open.path.flags
                )
            }
            Operation::Exec(exec) => {
                format!(
                    "at {} {:?} {:?}",
                    exec.is_at,
                    exec.directory,
                    text(exec.path)
                )
            }
            Operation::MakeDirectory(path) => format!("{:?}", text(path.path)),
            Operation::Exit(exit) => format!("{:?}", exit.signal),
            Operation::Duplicate(duplicate) => {
                format!("{:?} {:?}", duplicate.old, duplicate.close_on_exec)
            }
            Operation::Lost(count) => format!("{count:?}"),
            ref other => format!("{other:?}"),
        };
        let older = if event.is_older_form { " older" } else { "" };
        self.0.push(format!(
            "{side} {} {:?} {what}{older}",
            event.name, event.result
        ));
    }
}

fn words(recording: &Recording) -> Vec<String> {
    let mut words = Words::default();
    let mut source = ScapSource::new();
    let mut capture = Capture::open(recording.bytes()).unwrap();
    while let Some(item) = capture.next().unwrap() {
        source.translate(&item, &mut words);
    }
    words.0
}

fn i64(value: i64) -> [u8; 8] {
    value.to_le_bytes()
}

fn u32(value: u32) -> [u8; 4] {
    value.to_le_bytes()
}

#[test]
fn the_end_takes_its_arguments_from_the_beginning() {
    let mut recording = Recording::new();
    recording.event(Code::SYSCALL_READ_E, 7, &[&i64(3), &u32(99)]);
    // Another thread does something in between.
    recording.event(Code::SYSCALL_CLOSE_E, 8, &[&i64(4)]);
    recording.event(Code::SYSCALL_READ_X, 7, &[&i64(5), b"hello"]);
    recording.event(Code::SYSCALL_CLOSE_X, 8, &[&i64(0)]);
    assert_eq!(
        words(&recording),
        [
            "> read None -",
            "> close None Some(4)",
            "< read Some(5) Some(3) Some(99)",
            "< close Some(0) Some(4)",
        ]
    );
}

#[test]
fn without_its_beginning_an_end_has_no_descriptor() {
    let mut recording = Recording::new();
    recording.event(Code::SYSCALL_READ_X, 7, &[&i64(5), b"hello"]);
    recording.event(Code::SYSCALL_READ_E, 7, &[&i64(3), &u32(99)]);
    recording.event(Code::SYSCALL_FUTEX_E, 7, &[]);
    recording.event(Code::SYSCALL_READ_X, 7, &[&i64(5), b"hello"]);
    recording.event(Code::SYSCALL_CLOSE_E, 7, &[&i64(4)]);
    recording.event(Code::SYSCALL_CLOSE_X, 7, &[&i64(0)]);
    recording.event(Code::SYSCALL_CLOSE_X, 7, &[&i64(0)]);
    let words = words(&recording);
    assert_eq!(words[0], "< read Some(5) None None");
    assert_eq!(words[3], "< read Some(5) None None");
    assert_eq!(
        words[5..],
        ["< close Some(0) Some(4)", "< close Some(0) None"]
    );
}

#[test]
fn captures_without_beginnings_tell_all_at_the_end() {
    let mut recording = Recording::new();
    recording.event(
        Code::SYSCALL_READ_X,
        7,
        &[&i64(5), b"hello", &i64(3), &u32(99)],
    );
    recording.event(
        Code::SYSCALL_DUP3_X,
        7,
        &[&i64(9), &i64(3), &i64(9), &u32(0x1000)],
    );
    assert_eq!(
        words(&recording),
        [
            "< read Some(5) Some(3) Some(99)",
            "< dup3 Some(9) Some(3) Some(true)"
        ]
    );
}

#[test]
fn a_successful_execveat_ends_as_execve() {
    let mut recording = Recording::new();
    recording.event(Code::SYSCALL_EXECVEAT_E, 7, &[&i64(5), b"tool\0", &u32(0)]);
    recording.event(
        Code::SYSCALL_EXECVE_19_X,
        7,
        &[&i64(0), b"tool\0", b"-x\0", &i64(7), &i64(7), &i64(1)],
    );
    recording.event(Code::SYSCALL_EXECVE_19_E, 7, &[b"/bin/ls\0"]);
    recording.event(
        Code::SYSCALL_EXECVE_19_X,
        7,
        &[&i64(0), b"ls\0", b"", &i64(7), &i64(7), &i64(1)],
    );
    let words = words(&recording);
    assert_eq!(words[1], "< execve Some(0) at true Some(5) Some(\"tool\")");
    assert_eq!(words[3], "< execve Some(0) at false None Some(\"/bin/ls\")");
}

#[test]
fn old_forms_are_told_in_the_present_one() {
    let mut recording = Recording::new();
    recording.event(Code::SYSCALL_MKDIR_E, 7, &[b"/d\0", &u32(0o755)]);
    recording.event(Code::SYSCALL_MKDIR_X, 7, &[&i64(0)]);
    recording.event(
        Code::SYSCALL_OPENAT_E,
        7,
        &[&i64(-100), b"x\0", &u32(1), &u32(0)],
    );
    recording.event(Code::SYSCALL_OPENAT_X, 7, &[&i64(3)]);
    let words = words(&recording);
    assert_eq!(words[1], "< mkdir Some(0) Some(\"/d\") older");
    assert_eq!(
        words[3],
        "< openat Some(3) Some(-100) Some(\"x\") Some(1) older"
    );
}

#[test]
fn ends_of_threads_losses_and_sections() {
    let mut recording = Recording::new();
    recording.event(Code::SYSCALL_READ_E, 7, &[&i64(3), &u32(99)]);
    recording.event(Code::PROCEXIT_1_E, 7, &[&i64(2), &i64(0), &[2], &[0]]);
    recording.event(Code::DROP_E, 0, &[&u32(1)]);
    recording.event(Code::PROCINFO_E, 7, &[&i64(0), &i64(0)]);
    recording.section();
    recording.event(Code::SYSCALL_READ_X, 7, &[&i64(5), b"hello"]);
    assert_eq!(
        words(&recording)[1..],
        [
            "< procexit Some(2) Some(2)",
            "> drop None None",
            "> procinfo None tick",
            "restart",
            "< read Some(5) None None",
        ]
    );
}
