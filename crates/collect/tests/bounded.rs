//! What is kept is bounded by what lives, not by how long a recording is.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::checker::Checker;
use common::machine::Machine;
use sysflow_collect::{Config, Context, RecordSink, Sizes};
use sysflow_event::network::Direction;
use sysflow_event::process::{Clone, Exit, Image};
use sysflow_event::snapshot::{Container, User};
use sysflow_event::{Operation, Phase};
use sysflow_record::Record;

const READ: u32 = 1;

/// Short processes a second.
const RATE: u64 = 100;

/// Numbers of processes are used again.
const NUMBERS: u64 = 30_000;

/// Of so many processes, one runs in a container of its own, the end of one is not seen, and one does something
/// without having been seen at all.
const CONTAINED: u64 = 100;
const UNSEEN: u64 = 10;
const STRANGE: u64 = 50;

/// Counts flows, and what they count.
#[derive(Default)]
struct Count {
    opened: u64,
    closed: u64,
    read: i64,
}

impl RecordSink for Count {
    fn record(&mut self, record: &Record<'_>, _: &Context<'_>) {
        if let Record::FileFlow(flow) = record {
            use sysflow_record::OpFlags;
            self.opened += u64::from(flow.op_flags.contains(OpFlags::OPEN));
            self.closed += u64::from(flow.op_flags.contains(OpFlags::CLOSE));
            self.read += flow.read_bytes;
        }
    }
}

/// A process that opens a file of its own, reads it, and ends.
fn live_briefly<S: RecordSink>(machine: &mut Machine<S>, number: u64) {
    let pid = 1000 + (number % NUMBERS) as i64;
    let id = format!("{number:012x}{:052x}", 0);
    let cgroups = format!("cpu=/docker/{id}\0");
    let is_contained = number.is_multiple_of(CONTAINED);
    if is_contained {
        let container = &id.as_bytes()[..12];
        machine.event(
            Phase::End,
            0,
            None,
            Operation::Container(Container {
                id: container,
                image: b"web",
                ..Container::default()
            }),
        );
        machine.event(
            Phase::End,
            0,
            None,
            Operation::UserKnown(User {
                uid: 5,
                name: b"www",
                home: b"",
                shell: b"",
                container,
                is_removed: false,
            }),
        );
    }
    let image = Image {
        exe: Some(b"job"),
        tid: Some(pid),
        pid: Some(pid),
        parent: Some(10),
        uid: Some(5),
        cgroups: is_contained.then_some(cgroups.as_bytes()),
        ..Image::default()
    };
    machine.end(
        pid,
        0,
        Operation::Clone(Clone {
            image,
            flags: Some(0),
            namespace_start: None,
            is_clone3: false,
        }),
    );
    machine.open(pid, 3, &format!("/tmp/{number}"), READ);
    machine.transfer(pid, 3, Direction::In, 7);
    machine.close(pid, 3);
    if number.is_multiple_of(STRANGE) {
        machine.transfer(100_000 + number as i64, 3, Direction::In, 7);
    }
    if !number.is_multiple_of(UNSEEN) {
        machine.end(pid, 0, Operation::Exit(Exit::default()));
    }
    machine.now += 1_000_000_000 / RATE;
}

/// Runs so many processes, and tells the most that was kept at once.
fn run<S: RecordSink>(machine: &mut Machine<S>, processes: u64) -> Sizes {
    let mut most = Sizes::default();
    for number in 0..processes {
        live_briefly(machine, number);
        if number % 10_000 == 0 {
            let now = machine.collector.sizes();
            most = Sizes {
                threads: most.threads.max(now.threads),
                descriptors: most.descriptors.max(now.descriptors),
                processes: most.processes.max(now.processes),
                files: most.files.max(now.files),
                flows: most.flows.max(now.flows),
                containers: most.containers.max(now.containers),
                accounts: most.accounts.max(now.accounts),
                waiting: most.waiting.max(now.waiting),
            };
        }
    }
    most
}

#[test]
fn a_million_short_processes_leave_nothing_behind() {
    const PROCESSES: u64 = 1_000_000;
    let mut machine = Machine::with_sink(Config::default(), Count::default());
    let most = run(&mut machine, PROCESSES);
    let statistics = *machine.collector.statistics();
    println!("{most:?}\n{statistics:?}");
    // What lives, and what was used in the last minute and a round of looking.
    let recent = (RATE * 80) as usize;
    let unseen = (NUMBERS / UNSEEN) as usize;
    assert!(most.threads < unseen + recent / STRANGE as usize + 10);
    assert!(most.processes < unseen + recent / 10, "{most:?}");
    assert!(most.files < recent, "{most:?}");
    assert!(most.flows < 10 && most.descriptors < 10, "{most:?}");
    // Containers of processes whose end was not seen.
    let contained = unseen / (CONTAINED / UNSEEN) as usize + recent / CONTAINED as usize;
    assert!(most.containers < 2 * contained + 100, "{most:?}");
    assert!(most.accounts < 2 * contained + 100, "{most:?}");
    assert!(most.waiting < recent, "{most:?}");
    // No table was ever full.
    assert_eq!(
        (
            statistics.evicted_threads,
            statistics.evicted_processes,
            statistics.evicted_files,
            statistics.evicted_flows,
            statistics.dropped_flows
        ),
        (0, 0, 0, 0, 0)
    );
    let count = machine.collector.finish();
    assert_eq!((count.opened, count.closed), (PROCESSES, PROCESSES));
    assert_eq!(count.read, 7 * PROCESSES as i64);
}

#[test]
fn what_was_forgotten_is_written_again() {
    let mut machine = Machine::with_sink(Config::default(), Checker::default());
    run(&mut machine, 20_000);
    let forgotten = machine.collector.statistics().forgotten_files;
    assert!(forgotten > 10_000, "{forgotten}");
    // The same once more, in the same file.
    run(&mut machine, 20_000);
    let checker = machine.collector.finish();
    assert!(checker.problems.is_empty(), "{:#?}", checker.problems);
    assert_eq!((checker.opened, checker.closed), (40_000, 40_000));
}

#[test]
fn what_lives_is_kept() {
    let mut machine = Machine::new(Config::default());
    machine.fork(10, 11);
    machine.fork(11, 12);
    machine.open(12, 3, "/a", READ);
    machine.exit(11, 0);
    machine.words();
    for _ in 0..10 {
        machine.wait(60);
    }
    let told = machine.words();
    assert_eq!(told, ["FF OPEN 12 fd 3 /a in 0/0 out 0/0"]);
    // Neither its file nor its ancestors have to be written again.
    machine.transfer(12, 3, Direction::In, 5);
    machine.close(12, 3);
    assert_eq!(machine.words(), ["FF CLOSE|READ 12 fd 3 /a in 1/5 out 0/0"]);
    for _ in 0..40 {
        machine.wait(60);
    }
    machine.open(12, 3, "/a", READ);
    machine.close(12, 3);
    assert_eq!(
        machine.words(),
        ["F reup f /a", "FF OPEN|CLOSE 12 fd 3 /a in 0/0 out 0/0"]
    );
    assert_eq!(machine.collector.statistics().forgotten_processes, 0);
}
