//! Watching a scene: all events of a child process and of what comes of it.

use std::collections::{BTreeMap, HashSet};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sysflow_event::raw::{RawArguments, RawValue};
use sysflow_event::snapshot::{Snapshot, Target};
use sysflow_event::{Event, Observer, Operation, descriptor, network, process};
use sysflow_probe::{Options, Probe};

/// An event, kept.
#[derive(Clone, Debug)]
pub struct Seen {
    pub name: &'static str,
    pub tid: i64,
    pub ts: u64,
    /// When it was told.
    pub told: u64,
    pub result: Option<i64>,
    /// The operation in words, for messages.
    #[allow(dead_code)]
    pub operation: String,
    pub arguments: BTreeMap<&'static str, String>,
    pub summary: Option<Sum>,
    /// Directions and descriptors of what was moved.
    pub transfers: Vec<(network::Direction, i32)>,
    pub pid: Option<i64>,
    pub parent: Option<i64>,
    pub lost: Option<u64>,
}

/// A sum, kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    pub fd: i32,
    pub read_ops: u64,
    pub read_bytes: u64,
    pub write_ops: u64,
    pub write_bytes: u64,
}

/// Keeps everything.
#[derive(Debug, Default)]
pub struct Keeper {
    pub events: Vec<Seen>,
    /// Threads that there were: id, executable, arguments.
    pub threads: Vec<(i64, String, String)>,
    /// Descriptors that there were: thread, number, what.
    pub descriptors: Vec<(i64, i32, String)>,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn shown(arguments: &dyn RawArguments, index: usize) -> Option<String> {
    let mut names = Vec::new();
    arguments.write_names(index, &mut names);
    if !names.is_empty() {
        return Some(text(&names));
    }
    Some(match arguments.value(index) {
        RawValue::Unknown | RawValue::Polled | RawValue::Other => return None,
        RawValue::Signed(number, _)
        | RawValue::Result(number)
        | RawValue::Descriptor(number)
        | RawValue::Process(number) => number.to_string(),
        RawValue::Unsigned(number, _) => number.to_string(),
        RawValue::User(number)
        | RawValue::Group(number)
        | RawValue::Symbols(number, _)
        | RawValue::Named(number)
        | RawValue::Signal(number)
        | RawValue::Signals(number) => number.to_string(),
        RawValue::Time(ns) => ns.to_string(),
        RawValue::Text(bytes)
        | RawValue::Path(bytes)
        | RawValue::PathAt(bytes, _)
        | RawValue::Bytes(bytes) => text(bytes),
        RawValue::Address(address) => address_text(&address),
        RawValue::Tuple(tuple) => tuple_text(&tuple),
        RawValue::Span(span) => span.to_string(),
        RawValue::Bool(is) => is.to_string(),
    })
}

fn address_text(address: &network::Address<'_>) -> String {
    match address {
        network::Address::Internet(address) => address.to_string(),
        network::Address::Unix(path) => text(path),
        network::Address::Other(family) => format!("family {family}"),
    }
}

fn tuple_text(tuple: &network::Tuple<'_>) -> String {
    match tuple {
        network::Tuple::Internet {
            source,
            destination,
        } => format!("{source}->{destination}"),
        network::Tuple::Unix { path, .. } => format!("unix {}", text(path)),
        network::Tuple::Other(family) => format!("family {family}"),
    }
}

impl Observer for Keeper {
    const WANTS_ARGUMENTS: bool = true;

    fn restart(&mut self) {}

    fn snapshot(&mut self, snapshot: &Snapshot<'_>) {
        match snapshot {
            Snapshot::Process(process) => self.threads.push((
                process.image.tid.unwrap_or(-1),
                text(process.exe_path.unwrap_or_default()),
                text(process.image.arguments.unwrap_or_default()),
            )),
            Snapshot::Descriptor(descriptor) => {
                let what = match descriptor.target {
                    Target::File { path, .. } => text(path),
                    Target::Directory(path) => format!("directory {}", text(path)),
                    Target::Pipe(name) => text(name),
                    Target::Connection { local, remote, .. } => format!("{local}->{remote}"),
                    Target::Listener { address, .. } => format!("at {address}"),
                    Target::Unix { path, .. } => format!("unix {}", text(path)),
                    Target::Special(kind, _) => format!("{kind:?}"),
                };
                self.descriptors.push((descriptor.tid, descriptor.fd, what));
            }
            _ => {}
        }
    }

    fn event(&mut self, _: &Event<'_>) {}

    fn event_with(&mut self, event: &Event<'_>, arguments: &dyn RawArguments) {
        let mut seen = Seen {
            name: event.name,
            tid: event.tid,
            ts: event.ts,
            told: std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap()
                .as_nanos() as u64,
            result: event.result,
            operation: format!("{:?}", event.operation),
            arguments: (0..arguments.count())
                .filter_map(|index| Some((arguments.name(index), shown(arguments, index)?)))
                .collect(),
            summary: None,
            transfers: Vec::new(),
            pid: None,
            parent: None,
            lost: None,
        };
        match &event.operation {
            Operation::Summary(descriptor::Summary {
                fd,
                read_ops,
                read_bytes,
                write_ops,
                write_bytes,
                tuple,
                ..
            }) => {
                seen.summary = Some(Sum {
                    fd: *fd,
                    read_ops: *read_ops,
                    read_bytes: *read_bytes,
                    write_ops: *write_ops,
                    write_bytes: *write_bytes,
                });
                if let Some(tuple) = tuple {
                    seen.arguments.insert("tuple", tuple_text(tuple));
                }
            }
            Operation::Transfer(transfer) => {
                seen.transfers
                    .push((transfer.direction, transfer.fd.unwrap_or(-1)));
            }
            Operation::CopyRange(copy) => {
                seen.transfers
                    .push((network::Direction::In, copy.from.unwrap_or(-1)));
                seen.transfers
                    .push((network::Direction::Out, copy.to.unwrap_or(-1)));
            }
            Operation::Clone(process::Clone { image, .. }) => {
                seen.pid = image.pid;
                seen.parent = image.parent;
            }
            Operation::Open(open) => {
                seen.arguments
                    .insert("(path)", text(open.path.path.unwrap_or_default()));
            }
            Operation::ChangeDirectory(path) => {
                seen.arguments
                    .insert("(path)", text(path.unwrap_or_default()));
            }
            Operation::Lost(count) => seen.lost = *count,
            _ => {}
        }
        self.events.push(seen);
    }
}

/// What was seen of a scene.
pub struct Watched {
    pub root: i64,
    pub events: Vec<Seen>,
    pub all: Keeper,
    pub probe: Probe,
    pub output: String,
}

/// A child that will play a scene.
pub fn player(scene: &str, rest: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("--play").arg(scene).args(rest);
    command.stdout(Stdio::piped()).stdin(Stdio::piped());
    command
}

/// Whether scenes are watched as kernels before 6.2 need it.
pub static COPIES: AtomicBool = AtomicBool::new(false);

/// Plays a scene and watches it.
pub fn watch(scene: &str, rest: &[&str]) -> Watched {
    let options = Options {
        copies: COPIES.load(Ordering::Relaxed),
        ..Options::default()
    };
    watch_with(options, scene, rest)
}

/// The same with options.
pub fn watch_with(options: Options, scene: &str, rest: &[&str]) -> Watched {
    let probe = Probe::load(options).unwrap_or_else(|error| panic!("{error}"));
    watch_by(probe, scene, rest)
}

/// The same by a probe.
pub fn watch_by(mut probe: Probe, scene: &str, rest: &[&str]) -> Watched {
    let mut keeper = Keeper::default();
    probe.snapshot(&mut keeper).unwrap();
    let child = player(scene, rest).spawn().unwrap();
    finish(probe, keeper, child)
}

/// Watches a child to its end.
pub fn finish(mut probe: Probe, mut keeper: Keeper, mut child: Child) -> Watched {
    let root = i64::from(child.id());
    drop(child.stdin.take());
    let end = Instant::now() + Duration::from_secs(30);
    let mut status = None;
    while status.is_none() {
        probe.poll(Duration::from_millis(20), &mut keeper).unwrap();
        status = child.try_wait().unwrap();
        if Instant::now() >= end {
            let _ = child.kill();
            let _ = child.wait();
            panic!("the scene does not end");
        }
    }
    let mut output = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut output).unwrap();
    probe.flush(&mut keeper).unwrap();
    assert!(status.unwrap().success(), "the scene failed: {output}");
    let events = family(&keeper, root);
    Watched {
        root,
        events,
        all: keeper,
        probe,
        output,
    }
}

/// The events of a process, its threads and its descendants, after the execution with which the scene begins.
fn family(keeper: &Keeper, root: i64) -> Vec<Seen> {
    let mut threads = HashSet::from([root]);
    let mut has_begun = false;
    let mut events = Vec::new();
    for event in &keeper.events {
        if event.name == "clone" && event.result == Some(0) {
            let is_own = |id: Option<i64>| id.is_some_and(|id| threads.contains(&id));
            if is_own(event.parent) || is_own(event.pid) {
                threads.insert(event.tid);
            }
        }
        if threads.contains(&event.tid) {
            if has_begun {
                events.push(event.clone());
            }
            has_begun |= event.name == "execve" && event.result == Some(0);
        }
    }
    events
}

impl Watched {
    /// The events with a name.
    pub fn named(&self, name: &str) -> Vec<&Seen> {
        self.events
            .iter()
            .filter(|event| event.name == name && event.lost.is_none())
            .collect()
    }

    /// The only event with a name and an argument.
    #[track_caller]
    pub fn one(&self, name: &str, argument: &str, value: &str) -> &Seen {
        let found: Vec<&Seen> = self
            .named(name)
            .into_iter()
            .filter(|event| {
                event
                    .arguments
                    .get(argument)
                    .is_some_and(|own| own == value)
            })
            .collect();
        match found[..] {
            [one] => one,
            _ => panic!(
                "{} events {name} with {argument}={value}; there are {:#?}",
                found.len(),
                self.named(name)
            ),
        }
    }

    /// Reads and writes on a descriptor from a time on: those told one by one and those summed up.
    pub fn moved(&self, fd: i32, since: u64, until: u64) -> Sum {
        let mut sum = Sum {
            fd,
            read_ops: 0,
            read_bytes: 0,
            write_ops: 0,
            write_bytes: 0,
        };
        for event in &self.events {
            if event.ts < since || event.ts > until {
                continue;
            }
            if let Some(own) = event.summary.filter(|own| own.fd == fd) {
                sum.read_ops += own.read_ops;
                sum.read_bytes += own.read_bytes;
                sum.write_ops += own.write_ops;
                sum.write_bytes += own.write_bytes;
            }
            let bytes = event.result.unwrap_or(0).max(0) as u64;
            for (direction, _) in event.transfers.iter().filter(|(_, own)| *own == fd) {
                if *direction == network::Direction::In {
                    sum.read_ops += 1;
                    sum.read_bytes += bytes;
                } else {
                    sum.write_ops += 1;
                    sum.write_bytes += bytes;
                }
            }
        }
        sum
    }

    /// Events of threads that were neither there before nor made since.
    pub fn of_unknown_threads(&self) -> Vec<&Seen> {
        let mut known: HashSet<i64> = self.all.threads.iter().map(|(tid, ..)| *tid).collect();
        let mut strange = Vec::new();
        for event in &self.all.events {
            if event.name == "clone" && event.result == Some(0) {
                known.insert(event.tid);
            } else if event.lost.is_none()
                && !known.contains(&event.tid)
                // It may have ended while the threads were being listed.
                && event.name != "procexit"
            {
                strange.push(event);
            }
            if event.name == "procexit" {
                known.remove(&event.tid);
            }
        }
        strange
    }

    /// What was moved on the descriptor that an event made, until it was closed.
    #[track_caller]
    pub fn moved_on(&self, made: &Seen) -> Sum {
        let fd = made.result.unwrap() as i32;
        let closed = self.events.iter().find(|event| {
            event.name == "close"
                && event.ts >= made.ts
                && event
                    .arguments
                    .get("fd")
                    .is_some_and(|own| *own == fd.to_string())
        });
        self.moved(fd, made.ts, closed.map_or(u64::MAX, |event| event.ts))
    }
}

impl Seen {
    /// An argument.
    #[track_caller]
    pub fn argument(&self, name: &str) -> &str {
        self.arguments
            .get(name)
            .unwrap_or_else(|| panic!("no argument {name} in {self:?}"))
    }
}
