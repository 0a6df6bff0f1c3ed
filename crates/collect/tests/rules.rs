//! The rules one by one, on a machine that is made up.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::machine::Machine;
use sysflow_collect::{Config, Generation, Limits, Mode, ReadMode};
use sysflow_event::file::OpenCall;
use sysflow_event::network::Direction;
use sysflow_event::{Operation, Phase};

fn clean() -> Machine<common::machine::Words> {
    Machine::new(Config::default())
}

fn strict() -> Machine<common::machine::Words> {
    Machine::new(Config::strict(Generation::Libs017))
}

const READ: u32 = 1;
const CLOSE_ON_EXEC: u32 = 0x1000;

#[test]
fn a_flow_has_its_entities_before_it() {
    let mut machine = clean();
    machine.open(10, 3, "notes", READ);
    machine.transfer(10, 3, Direction::In, 5);
    machine.transfer(10, 3, Direction::In, -11);
    machine.close(10, 3);
    assert_eq!(
        machine.words(),
        [
            "H ",
            "P reup 1 of 0 /sbin/init /home/",
            "P reup 10 of 1 /bin/sh /home/",
            "F reup f /home/notes",
            "FF OPEN|CLOSE|READ 10 fd 3 /home/notes in 2/5 out 0/0",
        ]
    );
}

#[test]
fn a_failed_open_leaves_nothing() {
    let mut machine = clean();
    machine.open(10, -2, "nothing", READ);
    machine.transfer(10, 3, Direction::In, 5);
    assert_eq!(machine.words(), ["H "]);
    assert_eq!(machine.collector.statistics().unknown_descriptors, 1);
}

#[test]
fn a_close_without_a_flow_is_a_flow_of_its_own() {
    let mut machine = clean();
    machine.open(10, 3, "/a", READ);
    machine.fork(10, 11);
    machine.words();
    machine.close(11, 3);
    assert_eq!(machine.told(), ["FF CLOSE 11 fd 3 /a in 0/0 out 0/0"]);
    machine.close(10, 3);
    assert_eq!(machine.told(), ["FF OPEN|CLOSE 10 fd 3 /a in 0/0 out 0/0"]);
    machine.close(10, 3);
    assert!(machine.told().is_empty());
}

#[test]
fn a_fork_is_told_on_both_sides() {
    let mut machine = clean();
    machine.fork(10, 11);
    machine.exec(11, 0, "/bin/ls", "/tmp");
    assert_eq!(
        machine.words(),
        [
            "H ",
            "P reup 1 of 0 /sbin/init /home/",
            "P reup 10 of 1 /bin/sh /home/",
            "PE CLONE 10 ret 11",
            "P created 11 of 10 /bin/sh /home/",
            "PE CLONE 11 ret 0",
            "P modified 11 of 10 /bin/ls /tmp/",
            "PE EXEC 11 ret 0",
        ]
    );
}

#[test]
fn the_original_calls_parents_created_and_keeps_directories() {
    let mut machine = strict();
    machine.fork(10, 11);
    machine.exec(11, 0, "/bin/ls", "/tmp");
    machine.exec(11, -2, "/bin/none", "/tmp");
    assert_eq!(
        machine.words(),
        [
            "H ",
            "P reup 1 of 0 /sbin/init /home/",
            "P created 10 of 1 /bin/sh /home/",
            "PE CLONE 10 ret 11",
            "P created 11 of 10 /bin/sh /home/",
            "PE CLONE 11 ret 0",
            "P modified 11 of 10 /bin/ls /home/",
            "PE EXEC 11 ret 0",
            "P modified 11 of 10 /bin/ls /home/",
            "PE EXEC 11 ret -2",
        ]
    );
}

#[test]
fn a_failed_execution_changes_nothing() {
    let mut machine = clean();
    machine.exec(10, -2, "/bin/none", "/tmp");
    assert_eq!(
        machine.words()[2..],
        ["P reup 10 of 1 /bin/sh /home/", "PE EXEC 10 ret -2"]
    );
}

#[test]
fn what_is_closed_without_a_call_ends_too() {
    let mut machine = clean();
    machine.open(10, 3, "/a", READ | CLOSE_ON_EXEC);
    machine.open(10, 4, "/b", READ);
    machine.open(10, 5, "/c", READ);
    machine.words();
    machine.duplicate(10, 4, 5);
    assert_eq!(machine.told(), ["FF OPEN|CLOSE 10 fd 5 /c in 0/0 out 0/0"]);
    machine.transfer(10, 5, Direction::Out, 7);
    machine.exec(10, 0, "/bin/ls", "/");
    assert_eq!(
        machine.told(),
        [
            "FF OPEN|CLOSE 10 fd 3 /a in 0/0 out 0/0",
            "PE EXEC 10 ret 0"
        ]
    );
    machine.close(10, 3);
    assert!(machine.told().is_empty());
    machine.exit(10, 0);
    assert_eq!(
        machine.told(),
        [
            "FF OPEN|TRUNCATE 10 fd 4 /b in 0/0 out 0/0",
            "FF WRITE|TRUNCATE 10 fd 5 /b in 0/0 out 1/7",
            "PE EXIT 10 ret 0",
        ]
    );

    let mut machine = strict();
    machine.open(10, 4, "/b", READ);
    machine.open(10, 5, "/c", READ | CLOSE_ON_EXEC);
    machine.words();
    machine.duplicate(10, 4, 5);
    machine.exec(10, 0, "/bin/ls", "/");
    assert_eq!(machine.told(), ["PE EXEC 10 ret 0"]);
}

#[test]
fn threads_share_descriptors_and_have_flows_of_their_own() {
    let mut machine = clean();
    machine.thread(10, 12);
    machine.open(10, 3, "/a", READ);
    machine.words();
    machine.transfer(12, 3, Direction::In, 9);
    machine.close(12, 3);
    assert_eq!(
        machine.told(),
        [
            "FF OPEN|TRUNCATE 10 fd 3 /a in 0/0 out 0/0",
            "FF CLOSE|READ 12 fd 3 /a in 1/9 out 0/0",
        ]
    );
}

#[test]
fn the_end_of_the_main_thread_leaves_other_threads_their_flows() {
    for (machine, outlives) in [(&mut clean(), true), (&mut strict(), false)] {
        machine.thread(10, 12);
        machine.open(12, 3, "/a", READ);
        machine.words();
        machine.exit(10, 0);
        let told = machine.told();
        assert_eq!(told.last().unwrap(), "PE EXIT 10 ret 0");
        assert_eq!(told.len(), if outlives { 1 } else { 2 });
        machine.exit(12, 0);
        assert_eq!(machine.told().len(), if outlives { 2 } else { 1 });
    }
}

#[test]
fn threads_can_be_counted() {
    let mut machine = Machine::new(Config {
        process_flows: true,
        ..Config::default()
    });
    machine.thread(10, 12);
    machine.thread(10, 13);
    machine.exit(12, 0);
    machine.fork(10, 20);
    assert_eq!(machine.told(), ["PE CLONE 10 ret 20", "PE CLONE 20 ret 0"]);
    machine.wait(31);
    assert_eq!(
        machine.told(),
        ["PF CLONE|EXIT 10 cloned 2 exited 1 errors 0"]
    );
    machine.exit(13, 0);
    machine.exit(10, 256);
    assert_eq!(
        machine.told(),
        [
            "PF EXIT 10 cloned 0 exited 1 errors 0",
            "PE EXIT 10 ret 256"
        ]
    );
}

#[test]
fn mappings_count_once_they_succeed() {
    let mut machine = clean();
    machine.open(10, 3, "/lib/x.so", READ);
    machine.map(Phase::Begin, 10, 3, None);
    machine.map(Phase::End, 10, 3, Some(-13));
    machine.close(10, 3);
    machine.open(10, 3, "/lib/x.so", READ);
    machine.map(Phase::Begin, 10, 3, None);
    machine.map(Phase::End, 10, 3, Some(0x7fff_0000_0000));
    machine.close(10, 3);
    assert_eq!(
        machine.told(),
        [
            "FF OPEN|CLOSE 10 fd 3 /lib/x.so in 0/0 out 0/0",
            "FF OPEN|CLOSE|MMAP 10 fd 3 /lib/x.so in 0/0 out 0/0",
        ]
    );
}

#[test]
fn newer_calls_are_recorded() {
    for call in [OpenCall::OpenAt2, OpenCall::Create, OpenCall::OpenByHandle] {
        let (mut machine, mut original) = (clean(), strict());
        machine.open_by(call, 10, 3, "/a", READ);
        machine.close(10, 3);
        assert_eq!(machine.told(), ["FF OPEN|CLOSE 10 fd 3 /a in 0/0 out 0/0"]);
        original.open_by(call, 10, 3, "/a", READ);
        original.close(10, 3);
        assert_eq!(original.told(), ["FF CLOSE 10 fd 3 /a in 0/0 out 0/0"]);
    }
}

#[test]
fn long_flows_are_exported_and_no_count_is_lost() {
    let mut machine = clean();
    machine.open(10, 3, "/a", READ);
    machine.transfer(10, 3, Direction::In, 5);
    machine.wait(29);
    assert!(machine.told().is_empty());
    machine.wait(1);
    assert_eq!(machine.told(), ["FF OPEN|READ 10 fd 3 /a in 1/5 out 0/0"]);
    machine.transfer(10, 3, Direction::In, 7);
    machine.wait(3600);
    assert_eq!(machine.told(), ["FF READ 10 fd 3 /a in 1/7 out 0/0"]);
    machine.wait(31);
    machine.transfer(10, 3, Direction::In, 1);
    machine.close(10, 3);
    assert_eq!(machine.told(), ["FF CLOSE|READ 10 fd 3 /a in 1/1 out 0/0"]);

    // The original loses what was counted before a long pause.
    let mut machine = strict();
    machine.open(10, 3, "/a", READ);
    machine.transfer(10, 3, Direction::In, 5);
    machine.wait(3600);
    machine.close(10, 3);
    assert_eq!(machine.told(), ["FF CLOSE 10 fd 3 /a in 0/0 out 0/0"]);
    assert_eq!(machine.collector.statistics().dropped_flows, 1);
}

#[test]
fn a_rotated_file_can_be_read_alone() {
    let mut machine = clean();
    machine.fork(10, 11);
    machine.open(11, 3, "/a", READ);
    machine.exit(10, 0);
    machine.wait(5);
    machine.words();
    machine.collector.rotate("second");
    machine.wait(31);
    assert_eq!(
        machine.words(),
        [
            "H second",
            "P reup 1 of 0 /sbin/init /home/",
            "P reup 10 of 1 /bin/sh /home/",
            "P reup 11 of 10 /bin/sh /home/",
            "F reup f /a",
            "FF OPEN 11 fd 3 /a in 0/0 out 0/0",
        ]
    );
}

#[test]
fn names_are_made_where_they_are_and_failures_are_told() {
    let mut machine = clean();
    machine.make_directory(10, "./x/../d", 0);
    machine.make_directory(10, "e", -17);
    assert_eq!(
        machine.words()[3..],
        [
            "F created d /home/d",
            "FE MKDIR 10 /home/d ret 0",
            "F reup d /home/e",
            "FE MKDIR 10 /home/e ret -17",
        ]
    );
}

#[test]
fn paths_start_at_the_root_of_the_process() {
    let mut machine = clean();
    machine.end(10, 0, Operation::ChangeRoot(Some(b"/jail")));
    machine.end(10, 0, Operation::ChangeDirectory(Some(b"/etc")));
    machine.open(10, 3, "passwd", READ);
    machine.open(10, 4, "/etc/group", READ);
    machine.close(10, 3);
    machine.close(10, 4);
    assert_eq!(
        machine.told(),
        [
            "FF OPEN|CLOSE 10 fd 3 /jail/etc/passwd in 0/0 out 0/0",
            "FF OPEN|CLOSE 10 fd 4 /jail/etc/group in 0/0 out 0/0",
        ]
    );
}

#[test]
fn an_id_that_is_used_again_is_another_process() {
    let mut machine = clean();
    machine.fork(10, 11);
    machine.open(11, 3, "/a", READ);
    machine.wait(10);
    machine.words();
    // The end of the first was not seen.
    machine.fork(10, 11);
    assert_eq!(
        machine.told(),
        [
            "FF OPEN|TRUNCATE 11 fd 3 /a in 0/0 out 0/0",
            "PE CLONE 10 ret 11",
            "PE CLONE 11 ret 0",
        ]
    );
}

#[test]
fn full_tables_forget_and_count() {
    let limits = Limits {
        threads: 50,
        descriptors: 20,
        processes: 30,
        files: 10,
        flows: 8,
        containers: 4,
    };
    let mut machine = Machine::new(Config {
        limits,
        ..Config::default()
    });
    for number in 0..200_i64 {
        machine.fork(10, 1000 + number);
        machine.open(10, 3 + number, &format!("/f{number}"), READ);
    }
    let statistics = *machine.collector.statistics();
    assert!(statistics.evicted_threads > 0 && statistics.evicted_processes > 0);
    assert!(statistics.evicted_files > 0 && statistics.evicted_flows > 0);
    assert!(statistics.refused_descriptors > 0);
}

#[test]
fn parts_can_be_left_out() {
    let run = |config: Config| {
        let mut machine = Machine::new(config);
        machine.open(10, 3, "/usr/lib/x", READ);
        machine.transfer(10, 3, Direction::In, 5);
        machine.close(10, 3);
        machine.open(10, 3, "/home/y", 3);
        machine.transfer(10, 3, Direction::Out, 5);
        machine.close(10, 3);
        machine.pipe(10, 5, 6, 9);
        machine.close(10, 5);
        machine.make_directory(10, "/d", 0);
        machine
            .told()
            .into_iter()
            .map(|words| words[..2].to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let default = Config::default;
    assert_eq!(run(default()), "FF FF FF FE");
    assert_eq!(
        run(Config {
            file_only: true,
            ..default()
        }),
        "FF FF FE"
    );
    assert_eq!(
        run(Config {
            read_mode: ReadMode::Writes,
            ..default()
        }),
        "FF FF FE"
    );
    assert_eq!(
        run(Config {
            read_mode: ReadMode::OutsideSystem,
            ..default()
        }),
        "FF FF FE"
    );
    assert_eq!(
        run(Config {
            mode: Mode::Consume,
            ..default()
        }),
        "FF FF FE"
    );
    assert_eq!(
        run(Config {
            mode: Mode::NoFiles,
            ..default()
        }),
        ""
    );
    assert_eq!(
        run(Config {
            containers_only: true,
            ..default()
        }),
        ""
    );
}

#[test]
fn losses_are_in_the_records() {
    let mut machine = clean();
    machine.end(0, 0, Operation::Lost(Some(7)));
    machine.collector.lost("event", "damaged", 2);
    assert_eq!(
        machine.told(),
        ["LOSS call dropped by the source 7", "LOSS event damaged 2"]
    );
    assert_eq!(machine.collector.statistics().source_losses, 9);
}

#[test]
fn an_unseen_close_does_not_join_two_files() {
    let mut machine = clean();
    machine.open(10, 3, "/a", READ);
    machine.transfer(10, 3, Direction::In, 1);
    machine.open(10, 3, "/a", READ);
    machine.close(10, 3);
    assert_eq!(
        machine.told(),
        [
            "FF OPEN|READ|TRUNCATE 10 fd 3 /a in 1/1 out 0/0",
            "FF OPEN|CLOSE 10 fd 3 /a in 0/0 out 0/0",
        ]
    );
}

#[test]
fn a_close_that_races_with_an_open_leaves_the_new_descriptor() {
    let mut machine = clean();
    machine.thread(10, 12);
    machine.open(10, 3, "/a", READ);
    machine.told();
    machine.event(Phase::Begin, 10, None, Operation::Close(Some(3)));
    machine.open(12, 3, "/b", READ);
    machine.close(10, 3);
    machine.transfer(12, 3, Direction::In, 4);
    assert_eq!(machine.collector.statistics().unknown_descriptors, 0);
}

#[test]
fn failed_opens_are_recorded_on_demand() {
    let mut machine = Machine::new(Config {
        failed_opens: true,
        ..Config::default()
    });
    machine.open(10, -13, "/etc/shadow", READ);
    assert_eq!(
        machine.told(),
        ["FF OPEN 10 fd -1 /etc/shadow in 0/0 out 0/0"]
    );
    let mut machine = clean();
    machine.open(10, -13, "/etc/shadow", READ);
    assert_eq!(machine.words().len(), 1);
}
