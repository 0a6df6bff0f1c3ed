//! Names as programs give them and as the kernel has them: paths, peers of datagrams, programs.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::cell::RefCell;
use std::ops::ControlFlow;

use sysflow_collect::{Collector, Config, EventView, EventsOnly, Observer};
use sysflow_event::file::{Open, OpenCall, Path};
use sysflow_event::network::{Address, Connect, Direction, Socket, Transfer, TransferCall, Tuple};
use sysflow_event::process::{Control, Image};
use sysflow_event::raw::{Class, RawArguments, RawValue};
use sysflow_event::snapshot::{Process, Snapshot};
use sysflow_event::{Event, Operation, Phase};
use sysflow_field::{Value, View};

const PR_SET_NAME: u32 = 15;

/// Arguments of calls: by their names.
struct Given<'a> {
    makes_descriptor: bool,
    values: Vec<(&'static str, RawValue<'a>)>,
}

impl RawArguments for Given<'_> {
    fn class(&self) -> Class {
        Class {
            creates_descriptor: self.makes_descriptor,
            uses_descriptor: true,
            ..Class::UNKNOWN
        }
    }

    fn count(&self) -> usize {
        self.values.len()
    }

    fn name(&self, index: usize) -> &'static str {
        self.values[index].0
    }

    fn value(&self, index: usize) -> RawValue<'_> {
        self.values[index].1
    }

    fn write_names(&self, _: usize, _: &mut Vec<u8>) {}
}

/// What process 10 answers to the fields when it does these operations: of each operation all values, with `|` between
/// them.
fn answers(
    fields: &[&str],
    operations: &[(&'static str, i64, Operation<'_>, Given<'_>)],
) -> Vec<String> {
    let answers = RefCell::new(Vec::new());
    let see = |view: &EventView<'_>| {
        let mut texts = Vec::new();
        for name in fields {
            let resolved = EventView::catalogue().resolve(name).unwrap();
            view.visit(resolved.id, &resolved.arg, |value: Value<'_>| {
                texts.push(value.to_string());
                ControlFlow::Continue(())
            });
        }
        answers.borrow_mut().push(texts.join("|"));
    };
    let mut collector = Collector::new(Config::default(), EventsOnly(see));
    collector.snapshot(&Snapshot::Process(Process {
        image: Image {
            tid: Some(10),
            pid: Some(10),
            exe: Some(b"/usr/bin/reader"),
            comm: Some(b"reader"),
            ..Image::default()
        },
        ..Process::default()
    }));
    for (ts, (name, result, operation, arguments)) in (1..).zip(operations) {
        let event = Event {
            ts,
            cpu: 0,
            tid: 10,
            phase: Phase::End,
            name,
            result: Some(*result),
            is_older_form: false,
            operation: *operation,
        };
        collector.event_with(&event, arguments);
    }
    drop(collector);
    answers.into_inner()
}

fn open(
    given: &'static str,
    resolved: &'static str,
) -> (&'static str, i64, Operation<'static>, Given<'static>) {
    let operation = Operation::Open(Open {
        call: OpenCall::Open,
        path: Path {
            path: Some(resolved.as_bytes()),
            ..Path::default()
        },
        device: None,
        inode: None,
        resolve: None,
        announced: None,
    });
    let values = vec![
        ("fd", RawValue::Descriptor(3)),
        ("name", RawValue::Path(given.as_bytes())),
    ];
    let arguments = Given {
        makes_descriptor: true,
        values,
    };
    ("open", 3, operation, arguments)
}

#[test]
fn what_the_kernel_resolved_has_the_given_name_too() {
    let told = answers(
        &["fd.name", "fd.nameraw"],
        &[
            open("/etc/../etc/hostname", "/etc/hostname"),
            open("/proc/self/fd/5", "/srv/data"),
            open("/proc/self/status", "/proc/10/status"),
        ],
    );
    assert_eq!(
        told,
        [
            "/etc/hostname|/etc/../etc/hostname",
            "/srv/data|/proc/self/fd/5|/proc/self/fd/5",
            "/proc/10/status|/proc/self/status",
        ]
    );
}

fn on_socket(
    name: &'static str,
    operation: &Operation<'static>,
) -> (&'static str, i64, Operation<'static>, Given<'static>) {
    let arguments = Given {
        makes_descriptor: name == "socket",
        values: vec![("fd", RawValue::Descriptor(3))],
    };
    (
        name,
        if name == "socket" { 3 } else { 0 },
        *operation,
        arguments,
    )
}

#[test]
fn a_socket_that_sends_is_not_connected() {
    let (source, destination) = (
        "10.0.0.1:5000".parse().unwrap(),
        "203.0.113.7:123".parse().unwrap(),
    );
    let tuple = Some(Tuple::Internet {
        source,
        destination,
    });
    let send = Operation::Transfer(Transfer {
        direction: Direction::Out,
        call: TransferCall::SocketAddressed,
        fd: Some(3),
        size: None,
        data: None,
        tuple,
    });
    let told = answers(
        &["fd.connected", "fd.name_changed", "fd.rport"],
        &[
            on_socket(
                "socket",
                &Operation::Socket(Socket {
                    domain: Some(2),
                    kind: Some(2),
                    protocol: Some(0),
                }),
            ),
            on_socket("sendto", &send),
            on_socket("sendto", &send),
            on_socket(
                "connect",
                &Operation::Connect(Connect {
                    fd: Some(3),
                    address: Some(Address::Internet(destination)),
                    tuple,
                }),
            ),
        ],
    );
    assert_eq!(
        told,
        [
            "false|false",
            "false|true|123",
            "false|false|123",
            "true|false|123"
        ]
    );
}

#[test]
fn no_thread_names_itself() {
    let control = Operation::Control(Control {
        option: Some(PR_SET_NAME),
        text: Some(b"sshd"),
        number: None,
    });
    let arguments = Given {
        makes_descriptor: false,
        values: Vec::new(),
    };
    assert_eq!(
        answers(&["proc.name"], &[("prctl", 0, control, arguments)]),
        ["reader"]
    );
}
