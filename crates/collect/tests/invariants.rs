//! What must hold for every stream of events: on real captures with rotations, and on random ones.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::HashMap;

use common::checker::Checker;
use common::machine::Machine;
use common::{captures, name_of};
use proptest::prelude::*;
use sysflow_collect::source::scap::ScapSource;
use sysflow_collect::{Collector, Config, Context, Limits, Quirks};
use sysflow_event::network::Direction;
use sysflow_record::{OpFlags, Record};
use sysflow_scap::{Capture, Item};

/// Replays a capture and rotates after so many events.
fn replay_rotating(input: &[u8], config: Config, every: u64) -> Checker {
    let mut collector = Collector::new(config, Checker::default());
    let mut source = ScapSource::new();
    let mut capture = Capture::open(input).expect("a capture");
    let mut events = 0;
    while let Some(item) = capture.next().expect("a sound capture") {
        source.translate(&item, &mut collector);
        if matches!(item, Item::Event(_)) {
            events += 1;
            if events % every == 0 {
                collector.rotate(&format!("{events}"));
            }
        }
    }
    collector.finish()
}

#[test]
fn references_resolve_in_every_file_however_it_is_rotated() {
    for capture in captures() {
        let input = std::fs::read(&capture).expect("readable");
        let mut whole = None;
        for every in [u64::MAX, 1000, 37, 3] {
            let checker = replay_rotating(&input, Config::default(), every);
            let name = name_of(&capture);
            assert!(
                checker.problems.is_empty(),
                "{name}/{every}: {:#?}",
                checker.problems
            );
            // Rotation repeats entities and changes nothing else.
            let counts = (
                checker.read_ops,
                checker.read_bytes,
                checker.write_ops,
                checker.write_bytes,
                checker.opened,
                checker.closed,
            );
            assert_eq!(*whole.get_or_insert(counts), counts, "{name}/{every}");
        }
    }
}

#[test]
fn tiny_tables_break_no_reference() {
    let limits = Limits {
        threads: 40,
        descriptors: 30,
        processes: 12,
        files: 6,
        flows: 5,
        containers: 2,
    };
    for capture in captures() {
        let config = Config {
            limits,
            ..Config::default()
        };
        let input = std::fs::read(&capture).expect("readable");
        let checker = replay_rotating(&input, config, 100);
        assert!(
            checker.problems.is_empty(),
            "{}: {:#?}",
            name_of(&capture),
            checker.problems
        );
    }
}

#[test]
fn the_same_events_give_the_same_records() {
    for capture in captures() {
        let input = std::fs::read(&capture).expect("readable");
        let run = || {
            let sink = common::MemoryFile::new(sysflow_record::container::WriteOptions {
                sync: Some([7; 16]),
                ..sysflow_record::container::WriteOptions::NATIVE
            });
            common::replay(&input, Config::default(), sink).0.finish()
        };
        assert!(run() == run(), "{}", name_of(&capture));
    }
}

/// One step of a random machine. Threads and descriptors are few, so that steps meet.
#[derive(Clone, Copy, Debug)]
enum Step {
    Open(i64, i64, u8),
    Read(i64, i32, i64),
    Write(i64, i32, i64),
    Close(i64, i32),
    Duplicate(i64, i32, i32),
    Accept(i64, i64, u8),
    Fork(i64, i64),
    Thread(i64, i64),
    Exec(i64),
    Exit(i64),
    Wait(u64),
    /// Nothing happens for so long that what is idle is forgotten.
    Idle,
    /// A thread that nobody saw begin does something.
    Strange(i64),
    Rotate,
}

fn tid() -> impl Strategy<Value = i64> {
    prop_oneof![3 => Just(10_i64), 4 => 20_i64..26]
}

fn step(with_implicit: bool) -> impl Strategy<Value = Step> {
    let fd = 3_i32..7;
    let common = prop_oneof![
        4 => (tid(), 3_i64..7, 0_u8..3).prop_map(|(tid, fd, path)| Step::Open(tid, fd, path)),
        5 => (tid(), fd.clone(), -11_i64..100).prop_map(|(tid, fd, bytes)| Step::Read(tid, fd, bytes)),
        5 => (tid(), fd.clone(), -11_i64..100).prop_map(|(tid, fd, bytes)| Step::Write(tid, fd, bytes)),
        4 => (tid(), fd.clone()).prop_map(|(tid, fd)| Step::Close(tid, fd)),
        2 => (tid(), 3_i64..7, 0_u8..3).prop_map(|(tid, fd, port)| Step::Accept(tid, fd, port)),
        2 => (tid(), 20_i64..26).prop_map(|(tid, child)| Step::Fork(tid, child)),
        2 => (tid(), 20_i64..26).prop_map(|(tid, thread)| Step::Thread(tid, thread)),
        1 => tid().prop_map(Step::Exit),
        1 => (0_u64..100).prop_map(Step::Wait),
        1 => Just(Step::Idle),
        1 => (900_i64..903).prop_map(Step::Strange),
        1 => Just(Step::Rotate),
    ];
    let implicit = prop_oneof![
        1 => (tid(), fd.clone(), fd).prop_map(|(tid, old, new)| Step::Duplicate(tid, old, new)),
        1 => tid().prop_map(Step::Exec),
    ];
    if with_implicit {
        prop_oneof![6 => common, 1 => implicit].boxed()
    } else {
        common.boxed()
    }
}

/// What was fed in.
#[derive(Debug, Default)]
struct Fed {
    transfers: u64,
    closes: u64,
    opens: u64,
}

fn feed(machine: &mut Machine<Checker>, steps: &[Step]) -> Fed {
    let mut fed = Fed::default();
    for (number, step) in steps.iter().enumerate() {
        match *step {
            Step::Open(tid, fd, path) => {
                fed.opens += 1;
                machine.open(tid, fd, &format!("/tmp/{path}"), 1);
            }
            Step::Read(tid, fd, bytes) => {
                fed.transfers += 1;
                machine.transfer(tid, fd, Direction::In, bytes);
            }
            Step::Write(tid, fd, bytes) => {
                fed.transfers += 1;
                machine.transfer(tid, fd, Direction::Out, bytes);
            }
            Step::Close(tid, fd) => {
                fed.closes += 1;
                machine.close(tid, fd);
            }
            Step::Duplicate(tid, old, new) => machine.duplicate(tid, old, new),
            Step::Accept(tid, fd, port) => {
                machine.accept(tid, fd, true, &format!("10.0.0.9:{port}"), "10.0.0.1:22");
            }
            Step::Fork(tid, child) if tid != child => machine.fork(tid, child),
            Step::Thread(tid, thread) if tid != thread => machine.thread(tid, thread),
            Step::Exec(tid) => machine.exec(tid, 0, "/bin/x", "/"),
            Step::Exit(tid) => machine.exit(tid, 0),
            Step::Wait(seconds) => machine.wait(seconds),
            Step::Idle => (0..5).for_each(|_| machine.wait(30)),
            Step::Strange(tid) => machine.make_directory(tid, "/tmp/0", 0),
            Step::Rotate => machine.collector.rotate(&number.to_string()),
            Step::Fork(..) | Step::Thread(..) => {}
        }
    }
    fed
}

/// Feeds steps to a collector with tiny tables. Returns how many transfers were told and fed, and what is wrong.
fn in_tiny_tables(steps: &[Step]) -> (i64, i64, Vec<String>) {
    let limits = Limits {
        threads: 4,
        descriptors: 3,
        processes: 3,
        files: 1,
        flows: 2,
        containers: 1,
    };
    let config = Config {
        limits,
        ..Config::default()
    };
    let mut machine = Machine::with_sink(config, Checker::default());
    let mut transfers = 0;
    for step in steps {
        let before = machine.collector.statistics().unknown_descriptors;
        feed(&mut machine, std::slice::from_ref(step));
        let is_known = machine.collector.statistics().unknown_descriptors == before;
        transfers += i64::from(matches!(step, Step::Read(..) | Step::Write(..)) && is_known);
    }
    let checker = machine.collector.finish();
    (
        checker.read_ops + checker.write_ops,
        transfers,
        checker.problems,
    )
}

/// Room for a flow was once made when its process had been found: ending another flow wrote that one's
/// ancestors, for which in turn room was made, and the process was gone.
#[test]
fn what_an_operation_has_found_is_not_given_up_for_it() {
    let steps = [
        Step::Open(10, 3, 0),
        Step::Open(10, 3, 0),
        Step::Thread(10, 20),
        Step::Exec(10),
        Step::Open(10, 3, 0),
        Step::Fork(10, 25),
        Step::Open(25, 6, 0),
        Step::Open(10, 3, 0),
        Step::Fork(25, 20),
        Step::Open(21, 3, 0),
        Step::Rotate,
        Step::Duplicate(10, 3, 3),
        Step::Read(20, 6, 0),
    ];
    assert_eq!(in_tiny_tables(&steps), (1, 1, Vec::new()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_operation_is_lost_or_counted_twice(steps in prop::collection::vec(step(true), 0..200)) {
        let mut machine = Machine::with_sink(Config::default(), Checker::default());
        let mut transfers = 0;
        let mut bytes = 0;
        for step in &steps {
            let before = machine.collector.statistics().unknown_descriptors;
            feed(&mut machine, std::slice::from_ref(step));
            let is_known = machine.collector.statistics().unknown_descriptors == before;
            if let Step::Read(_, _, moved) | Step::Write(_, _, moved) = step && is_known {
                transfers += 1;
                bytes += (*moved).max(0);
            }
        }
        prop_assert_eq!(machine.collector.statistics().dropped_flows, 0);
        let checker = machine.collector.finish();
        prop_assert!(checker.problems.is_empty(), "{:#?}", checker.problems);
        prop_assert_eq!(checker.read_ops + checker.write_ops, transfers);
        prop_assert_eq!(checker.read_bytes + checker.write_bytes, bytes);
    }

    #[test]
    fn every_open_and_every_close_is_in_one_flow(steps in prop::collection::vec(step(false), 0..200)) {
        let mut machine = Machine::with_sink(Config::default(), Checker::default());
        let mut closes = 0;
        let mut opens = 0;
        for step in &steps {
            let before = machine.collector.statistics().unknown_descriptors;
            let fed = feed(&mut machine, std::slice::from_ref(step));
            let known = machine.collector.statistics().unknown_descriptors == before;
            closes += if known { fed.closes } else { 0 };
            opens += if known { fed.opens } else { 0 };
        }
        let checker = machine.collector.finish();
        prop_assert_eq!(checker.closed, closes);
        prop_assert_eq!(checker.opened, opens);
    }

    #[test]
    fn no_quirk_loses_an_operation_but_those_that_say_so(
        steps in prop::collection::vec(step(true), 0..200),
        kept in any::<u64>(),
    ) {
        // Flows that are idle, and those of processes that have ended, are dropped with what they counted.
        let loses = Quirks::IDLE_FLOWS_LOST | Quirks::ENDED_ARE_DROPPED;
        for quirks in [Quirks::all(), Quirks::from_bits_truncate(kept)] {
            let config = Config { quirks: Some(quirks - loses), ..Config::default() };
            let mut machine = Machine::with_sink(config, Checker::default());
            let (mut transfers, mut bytes) = (0, 0);
            for step in &steps {
                let before = machine.collector.statistics().unknown_descriptors;
                feed(&mut machine, std::slice::from_ref(step));
                let is_known = machine.collector.statistics().unknown_descriptors == before;
                if let Step::Read(_, _, moved) | Step::Write(_, _, moved) = step && is_known {
                    transfers += 1;
                    bytes += (*moved).max(0);
                }
            }
            prop_assert_eq!(machine.collector.statistics().dropped_flows, 0);
            let checker = machine.collector.finish();
            prop_assert_eq!(checker.read_ops + checker.write_ops, transfers);
            prop_assert_eq!(checker.read_bytes + checker.write_bytes, bytes);
        }
    }

    #[test]
    fn a_close_ends_exactly_what_was_opened(
        steps in prop::collection::vec((3_i32..6, 0_u8..3, 0_u8..3), 0..100),
    ) {
        let mut ended: Vec<(i32, String, i64)> = Vec::new();
        let sink = |record: &Record<'_>, context: &Context<'_>| {
            if let Record::FileFlow(flow) = record {
                assert!(flow.op_flags.contains(OpFlags::OPEN | OpFlags::CLOSE), "{flow:?}");
                let path = context.file().map(|file| file.path.to_string());
                ended.push((flow.fd, path.unwrap_or_default(), flow.read_ops));
            }
        };
        let mut machine = Machine::with_sink(Config::default(), sink);
        let mut open: HashMap<i32, (String, i64)> = HashMap::new();
        let mut expected = Vec::new();
        let mut end = |fd: i32, open: &mut HashMap<i32, (String, i64)>| {
            let flow = open.remove(&fd);
            expected.extend(flow.map(|(path, reads)| (fd, path, reads)));
        };
        for (fd, what, path) in steps {
            match what {
                0 if !open.contains_key(&fd) => {
                    let path = format!("/tmp/{path}");
                    machine.open(10, i64::from(fd), &path, 1);
                    open.insert(fd, (path, 0));
                }
                1 => {
                    machine.close(10, fd);
                    end(fd, &mut open);
                }
                2 => {
                    machine.transfer(10, fd, Direction::In, 1);
                    if let Some((_, reads)) = open.get_mut(&fd) {
                        *reads += 1;
                    }
                }
                _ => {}
            }
        }
        for fd in 3..6 {
            machine.close(10, fd);
            end(fd, &mut open);
        }
        drop(machine);
        prop_assert_eq!(ended, expected);
    }

    #[test]
    fn tiny_tables_lose_no_operation(steps in prop::collection::vec(step(true), 0..200)) {
        let (told, fed, problems) = in_tiny_tables(&steps);
        prop_assert!(problems.is_empty(), "{:#?}", problems);
        prop_assert_eq!(told, fed);
    }

    #[test]
    fn strict_takes_everything_too(steps in prop::collection::vec(step(true), 0..200)) {
        for rules in [sysflow_collect::Generation::Libs010, sysflow_collect::Generation::Libs017] {
            let mut machine = Machine::with_sink(Config::strict(rules), Checker::default());
            feed(&mut machine, &steps);
            machine.collector.finish();
        }
    }
}
