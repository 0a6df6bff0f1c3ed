//! What the original does and no capture shows: its faults one by one, each beside what the clean profile does.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::machine::{Machine, Words};
use common::recording::Recording;
use sysflow_collect::source::scap::ScapSource;
use sysflow_collect::{
    Collector, Config, Context, Generation, Observer, Quirks, ReadMode, RecordSink,
};
use sysflow_event::file::{OpenCall, Path, Symlink};
use sysflow_event::identity::{Capabilities, IdCall, UserIds};
use sysflow_event::network::{Address, Bind, Connect, Direction, Tuple};
use sysflow_event::process::{Clone, Exec, Image};
use sysflow_event::snapshot::{Container, Process, Snapshot, User};
use sysflow_event::{Operation, Phase, flags};
use sysflow_record::Record;
use sysflow_scap::{Capture, Code};

const READ: u32 = 1;

/// Without the order of hash tables, which would hide what else differs.
fn original() -> Machine<Words> {
    with(Quirks::all() - Quirks::HASH_ORDER)
}

fn with(quirks: Quirks) -> Machine<Words> {
    Machine::new(Config {
        quirks: Some(quirks),
        ..Config::strict(Generation::Libs017)
    })
}

fn clean() -> Machine<Words> {
    Machine::new(Config::default())
}

/// What both profiles tell of the same events: the original first.
fn both(run: impl Fn(&mut Machine<Words>)) -> [Vec<String>; 2] {
    [original(), clean()].map(|mut machine| {
        run(&mut machine);
        machine.told()
    })
}

#[test]
fn flows_with_the_same_text_are_one() {
    let [original, clean] = both(|machine| {
        machine.thread(10, 1234);
        machine.thread(10, 12345);
        machine.told();
        machine.open(1234, 56, "/a", READ);
        machine.open(12345, 6, "/a", READ);
        machine.transfer(12345, 6, Direction::In, 5);
        machine.close(12345, 6);
        machine.close(1234, 56);
    });
    assert_eq!(
        original,
        [
            "FF OPEN|CLOSE|READ 1234 fd 56 /a in 1/5 out 0/0",
            "FF CLOSE 1234 fd 56 /a in 0/0 out 0/0",
        ]
    );
    assert_eq!(
        clean,
        [
            "FF OPEN|CLOSE|READ 12345 fd 6 /a in 1/5 out 0/0",
            "FF OPEN|CLOSE 1234 fd 56 /a in 0/0 out 0/0",
        ]
    );
}

#[test]
fn descriptor_0_has_no_digits() {
    let [original, clean] = both(|machine| {
        machine.thread(10, 100);
        machine.thread(10, 1005);
        machine.told();
        machine.open(100, 5, "/a", READ);
        machine.open(1005, 0, "/a", READ);
        machine.exit(10, 0);
    });
    assert_eq!(
        original[..1],
        ["FF OPEN|TRUNCATE 100 fd 5 /a in 0/0 out 0/0"]
    );
    assert!(original[1].starts_with("PE EXIT"), "{original:?}");
    assert_eq!(clean.len(), 1, "other threads go on: {clean:?}");
}

fn connect_begin(machine: &mut Machine<Words>, fd: i32) {
    machine.event(
        Phase::Begin,
        10,
        None,
        Operation::Connect(Connect {
            fd: Some(fd),
            address: None,
            tuple: None,
        }),
    );
}

fn bind(machine: &mut Machine<Words>, fd: i32, address: &str) {
    machine.end(
        10,
        0,
        Operation::Bind(Bind {
            fd: Some(fd),
            address: Some(Address::Internet(address.parse().unwrap())),
        }),
    );
}

fn datagram(machine: &mut Machine<Words>, direction: Direction, source: &str, destination: &str) {
    let tuple = Tuple::Internet {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
    };
    machine.transfer_with(10, 3, direction, 10, Some(tuple));
}

#[test]
fn the_port_of_a_bound_socket_is_taken_for_an_address() {
    let [original, clean] = both(|machine| {
        machine.socket(10, 3, 2, 2);
        bind(machine, 3, "10.0.0.1:5353");
        connect_begin(machine, 3);
        machine.connect(10, 3, 0, "10.0.0.1:5353", "10.0.0.2:80");
        machine.close(10, 3);
    });
    // 5353 is 233 and 20 times 256; 3 stands for UDP. The end is that of a server, and swapped.
    assert_eq!(
        original,
        ["NF CONNECT|CLOSE 10 fd 3 233.20.3.0:80 -> 10.0.0.1:5353 proto 17 in 0/0 out 0/0 ret 0"]
    );
    assert_eq!(clean.len(), 1);
    assert!(!clean[0].contains("233.20"), "{clean:?}");
    // A datagram sets both ends anew.
    let [original, clean] = both(|machine| {
        machine.socket(10, 3, 2, 2);
        bind(machine, 3, "10.0.0.1:53");
        datagram(machine, Direction::In, "10.0.0.9:4000", "10.0.0.1:53");
        machine.close(10, 3);
    });
    let expected =
        ["NF CLOSE|READ 10 fd 3 10.0.0.9:4000 -> 10.0.0.1:53 proto 17 in 1/10 out 0/0 ret 0"];
    assert_eq!(original, expected);
    assert_eq!(clean, expected);
}

#[test]
fn a_connection_whose_begin_was_lost_takes_both_ends() {
    let mut machine = original();
    machine.socket(10, 3, 2, 1);
    connect_begin(&mut machine, 3);
    machine.connect(10, 3, 0, "10.0.0.1:4000", "10.0.0.2:80");
    machine.connect(10, 3, 0, "10.0.0.1:4001", "10.0.0.3:81");
    machine.close(10, 3);
    assert_eq!(
        machine.told(),
        ["NF CONNECT|CLOSE 10 fd 3 10.0.0.1:4001 -> 10.0.0.3:81 proto 6 in 0/0 out 0/0 ret 0"]
    );
}

#[test]
fn who_receives_first_is_a_server() {
    let [original, clean] = both(|machine| {
        machine.socket(10, 3, 2, 2);
        datagram(machine, Direction::In, "10.0.0.9:53", "10.0.0.1:4000");
        datagram(machine, Direction::Out, "10.0.0.1:4000", "10.0.0.8:53");
        machine.exit(10, 0);
    });
    assert_eq!(
        original[..2],
        [
            "NF READ|TRUNCATE 10 fd 3 10.0.0.9:53 -> 10.0.0.1:4000 proto 17 in 1/10 out 0/0 ret 0",
            "NF WRITE|TRUNCATE 10 fd 3 10.0.0.8:53 -> 10.0.0.1:4000 proto 17 in 0/0 out 1/10 ret 0",
        ]
    );
    assert_eq!(
        clean[..2],
        [
            "NF READ|TRUNCATE 10 fd 3 10.0.0.1:4000 -> 10.0.0.9:53 proto 17 in 1/10 out 0/0 ret 0",
            "NF WRITE|TRUNCATE 10 fd 3 10.0.0.1:4000 -> 10.0.0.8:53 proto 17 in 0/0 out 1/10 ret 0",
        ]
    );
}

/// Replays a made up capture.
fn replay(recording: &Recording, config: Config) -> Vec<String> {
    let mut collector = Collector::new(config, Words::default());
    let mut source = ScapSource::new();
    let mut capture = Capture::open(recording.bytes()).unwrap();
    while let Some(item) = capture.next().unwrap() {
        source.translate(&item, &mut collector);
    }
    collector.finish().0
}

#[test]
fn what_an_opening_announces_wins() {
    let (fd, flags) = (3_i64.to_le_bytes(), READ.to_le_bytes());
    let (created, created_now) = (4_u32.to_le_bytes(), 0x4004_u32.to_le_bytes());
    let nothing = 0_u32.to_le_bytes();
    let mut recording = Recording::new();
    recording.event(Code::SYSCALL_OPEN_E, 7, &[b"/a\0", &created, &nothing]);
    recording.event(
        Code::SYSCALL_OPEN_X,
        7,
        &[&fd, b"/b\0", &created_now, &nothing],
    );
    recording.event(Code::SYSCALL_CLOSE_E, 7, &[&fd]);
    recording.event(Code::SYSCALL_CLOSE_X, 7, &[&[0; 8]]);
    // A name that could not be read counts for nothing.
    recording.event(Code::SYSCALL_OPEN_E, 7, &[b"", &created, &nothing]);
    recording.event(Code::SYSCALL_OPEN_X, 7, &[&fd, b"/c\0", &flags, &nothing]);
    recording.event(Code::SYSCALL_CLOSE_E, 7, &[&fd]);
    recording.event(Code::SYSCALL_CLOSE_X, 7, &[&[0; 8]]);
    for rules in [Generation::Libs010, Generation::Libs017] {
        let words = replay(&recording, Config::strict(rules));
        let paths: Vec<&str> = words
            .iter()
            .filter(|words| words.starts_with("F "))
            .map(String::as_str)
            .collect();
        assert_eq!(paths, ["F reup f /a", "F reup f /c"]);
    }
    let words = replay(&recording, Config::default());
    assert!(words.iter().any(|words| words == "F reup f /b"));
}

#[test]
fn directories_announced_win_too() {
    let numbers = [3_i64, -100, 9].map(i64::to_le_bytes);
    let flags = READ.to_le_bytes();
    let mode = 0_u32.to_le_bytes();
    let mut recording = Recording::new();
    recording.event(
        Code::SYSCALL_OPENAT_2_E,
        7,
        &[&numbers[2], b"a\0", &flags, &mode],
    );
    recording.event(
        Code::SYSCALL_OPENAT_2_X,
        7,
        &[&numbers[0], &numbers[1], b"/b\0", &flags, &mode],
    );
    let words = replay(&recording, Config::strict(Generation::Libs017));
    assert!(
        words.iter().any(|words| words == "F reup f <UNKNOWN>a"),
        "{words:?}"
    );
    let words = replay(&recording, Config::default());
    assert!(
        words.iter().any(|words| words == "F reup f /b"),
        "{words:?}"
    );
}

#[test]
fn containers_are_written_once() {
    let id = "0123456789abcdef".repeat(4);
    let cgroups = format!("cpu=/docker/{id}\0");
    let run = |mut machine: Machine<Words>| {
        machine.end(
            10,
            11,
            Operation::Clone(Clone {
                image: Image {
                    cgroups: Some(cgroups.as_bytes()),
                    ..Image::default()
                },
                flags: Some(0),
                namespace_start: None,
                is_clone3: false,
            }),
        );
        machine.open(11, 3, "/a", READ);
        machine.end(
            0,
            0,
            Operation::Container(Container {
                id: &id.as_bytes()[..12],
                image: b"httpd",
                image_tag: b"2",
                ..Container::default()
            }),
        );
        machine.fork(11, 12);
        machine.open(11, 4, "/b", READ);
        let containers = machine.words().into_iter();
        containers
            .filter(|words| words.starts_with("C "))
            .collect::<Vec<_>>()
    };
    assert_eq!(run(original()), ["C 0123456789ab :"]);
    assert_eq!(run(clean()), ["C 0123456789ab :", "C 0123456789ab httpd:2"]);
}

fn failed_clone(machine: &mut Machine<Words>, error: i64) {
    machine.end(
        10,
        error,
        Operation::Clone(Clone {
            image: Image::default(),
            flags: Some(flags::clone::THREAD),
            namespace_start: None,
            is_clone3: false,
        }),
    );
}

#[test]
fn only_one_error_of_clones_counts_and_counts_of_nothing_are_told() {
    let run = |config: Config| {
        let mut machine = Machine::new(Config {
            process_flows: true,
            ..config
        });
        failed_clone(&mut machine, -1);
        failed_clone(&mut machine, -11);
        machine.wait(31);
        machine.exit(10, 0);
        machine.told()
    };
    assert_eq!(
        run(Config::strict(Generation::Libs017)),
        [
            "PF CLONE 10 cloned 0 exited 0 errors 1",
            "PF  10 cloned 0 exited 0 errors 0",
            "PE EXIT 10 ret 0",
        ]
    );
    assert_eq!(
        run(Config::default()),
        ["PF CLONE 10 cloned 0 exited 0 errors 2", "PE EXIT 10 ret 0"]
    );
}

#[test]
fn the_end_of_a_thread_ends_what_others_do_on_its_descriptors() {
    let [original, clean] = both(|machine| {
        machine.thread(10, 11);
        machine.told();
        machine.open(10, 3, "/a", READ);
        machine.open(10, 4, "/b", READ);
        machine.transfer(11, 3, Direction::In, 5);
        machine.exit(11, 0);
    });
    assert_eq!(
        original,
        [
            "FF OPEN|TRUNCATE 10 fd 3 /a in 0/0 out 0/0",
            "FF READ|TRUNCATE 11 fd 3 /a in 1/5 out 0/0",
            "PE EXIT 11 ret 0",
        ]
    );
    assert_eq!(
        clean,
        [
            "FF READ|TRUNCATE 11 fd 3 /a in 1/5 out 0/0",
            "PE EXIT 11 ret 0"
        ]
    );
}

#[test]
fn an_executable_that_is_not_known_is_argument_0() {
    let run = |mut machine: Machine<Words>, exe| {
        let mut exec = exec(None, Some(b""));
        exec.image.exe = exe;
        machine.end(10, 0, Operation::Exec(exec));
        let words = machine.words();
        words[words.len() - 2].clone()
    };
    assert_eq!(
        run(original(), Some(b"true")),
        "P created 10 of 1 true /home/"
    );
    assert_eq!(run(original(), None), "P created 10 of 1 <NA> /home/");
    assert_eq!(
        run(clean(), Some(b"true")),
        "P reup 10 of 1 /bin/true /home/"
    );
}

#[test]
fn what_links_say_has_only_bytes_that_print() {
    let [original, clean] = both(|machine| {
        machine.end(
            10,
            0,
            Operation::Symlink(Symlink {
                target: Some(b"a\xc3\xa4\nb"),
                link: Path {
                    directory: Some(sysflow_event::WORKING_DIRECTORY),
                    is_at: true,
                    path: Some(b"link"),
                    ..Path::default()
                },
            }),
        );
    });
    assert_eq!(original, ["FE SYMLINK 10 ab -> /home/link ret 0"]);
    assert_eq!(
        clean,
        ["FE SYMLINK 10 /home/a\u{e4}\nb -> /home/link ret 0"]
    );
}

#[test]
fn a_change_after_a_rotation_is_written_twice() {
    let run = |mut machine: Machine<Words>| {
        machine.open(10, 3, "/a", READ);
        machine.collector.rotate("2");
        machine.words();
        machine.exec(10, 0, "/bin/ls", "/");
        let words = machine.words();
        words[words.len() - 3..].join(", ")
    };
    assert_eq!(
        run(original()),
        "P reup 10 of 1 /bin/sh /home/, P modified 10 of 1 /bin/ls /home/, PE EXEC 10 ret 0"
    );
    assert!(run(clean()).ends_with("P modified 10 of 1 /bin/ls /, PE EXEC 10 ret 0"));
}

#[test]
fn flows_of_a_forgotten_process_are_told_of_once() {
    let mut machine = original();
    machine.thread(10, 11);
    machine.exit(10, 0);
    machine.open(11, 3, "/a", READ);
    machine.wait(3);
    machine.told();
    machine.wait(29);
    assert_eq!(machine.told(), ["FF OPEN 11 fd 3 /a in 0/0 out 0/0"]);
    machine.wait(31);
    machine.wait(31);
    assert!(machine.told().is_empty());
    assert_eq!(machine.collector.statistics().dropped_flows, 1);
}

/// An execution as captures of 2014 tell it.
fn exec<'a>(environment: Option<&'a [u8]>, resolved_path: Option<&'a [u8]>) -> Exec<'a> {
    Exec {
        image: Image {
            exe: Some(b"true"),
            tid: Some(10),
            pid: Some(10),
            parent: Some(1),
            ..Image::default()
        },
        environment,
        terminal: None,
        group: None,
        namespace_group: None,
        login_uid: None,
        flags: None,
        capabilities: Capabilities::default(),
        inode: None,
        changed: None,
        modified: None,
        resolved_path,
        path: Some(b"/bin/true"),
        directory: None,
        at_flags: None,
        is_at: false,
        ends_as_at: false,
    }
}

#[test]
fn old_executions_keep_the_environment() {
    let run = |config: Config| {
        let mut environments = Vec::new();
        let sink = |record: &Record<'_>, _: &Context<'_>| {
            if let Record::Process(process) = record
                && process.oid.hpid == 11
            {
                environments.push(
                    process
                        .env
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>(),
                );
            }
        };
        let mut machine = Machine::with_sink(config, sink);
        machine.end(10, 0, Operation::Exec(exec(Some(b"A=1\0"), None)));
        machine.end(10, 0, Operation::Exec(exec(None, None)));
        machine.fork(10, 11);
        drop(machine);
        environments
    };
    assert_eq!(run(Config::strict(Generation::Libs017)), [["A=1"]]);
    assert_eq!(run(Config::default()), [Vec::<String>::new()]);
}

#[test]
fn reads_that_are_left_out_leave_nothing() {
    let run = |config: Config| {
        let mut machine = Machine::new(Config {
            read_mode: ReadMode::Writes,
            ..config
        });
        machine.open(10, 3, "/a", READ);
        machine.transfer(10, 3, Direction::In, 5);
        machine.close(10, 3);
        machine.open(10, 4, "/b", 2);
        machine.transfer(10, 4, Direction::Out, 5);
        machine.close(10, 4);
        machine.words()
    };
    assert_eq!(
        run(Config::default()),
        [
            "H ",
            "P reup 1 of 0 /sbin/init /home/",
            "P reup 10 of 1 /bin/sh /home/",
            "F reup f /b",
            "FF OPEN|CLOSE|WRITE 10 fd 4 /b in 0/0 out 1/5",
        ]
    );
    let original = run(Config::strict(Generation::Libs017));
    assert!(original.contains(&"F reup f /a".to_owned()));
}

/// What is told of a process in the snapshot.
fn snapshot(machine: &mut Machine<Words>, pid: i64, exe_path: &str, uid: u32) {
    machine.collector.snapshot(&Snapshot::Process(Process {
        image: Image {
            tid: Some(pid),
            pid: Some(pid),
            parent: Some(1),
            uid: Some(uid),
            exe: Some(b"x"),
            directory: Some(b"/"),
            ..Image::default()
        },
        exe_path: Some(exe_path.as_bytes()),
        ..Process::default()
    }));
}

#[test]
fn deleted_executables_have_their_name() {
    let run = |mut machine: Machine<Words>| {
        snapshot(&mut machine, 20, "/tmp/x (deleted)", 0);
        machine.open(20, 3, "/a", READ);
        let words = machine.words();
        words[2].clone()
    };
    assert_eq!(run(original()), "P reup 20 of 1 /tmp/x (deleted) /");
    assert_eq!(run(clean()), "P reup 20 of 1 /tmp/x /");
}

#[test]
fn container_types_beyond_the_schema_are_custom_ones() {
    let id = "0123456789abcdef".repeat(4);
    let run = |quirks: Quirks| {
        let mut kinds = Vec::new();
        let sink = |record: &Record<'_>, _: &Context<'_>| {
            if let Record::Container(container) = record {
                kinds.push(container.kind.0);
            }
        };
        let mut machine = Machine::with_sink(
            Config {
                quirks: Some(quirks),
                ..Config::default()
            },
            sink,
        );
        let cgroups = format!("cpu=/libpod-{id}.scope\0");
        let image = Image {
            cgroups: Some(cgroups.as_bytes()),
            ..Image::default()
        };
        machine.end(10, 11, clone_of(image));
        machine.open(11, 3, "/a", READ);
        drop(machine);
        kinds
    };
    assert_eq!(run(Quirks::all()), [11]);
    assert_eq!(run(Quirks::empty()), [5]);
}

fn clone_of(image: Image<'_>) -> Operation<'_> {
    Operation::Clone(Clone {
        image,
        flags: Some(0),
        namespace_start: None,
        is_clone3: false,
    })
}

fn set_user<S: RecordSink>(machine: &mut Machine<S>, phase: Phase, tid: i64, uid: u32) {
    let result = (phase == Phase::End).then_some(0);
    let ids = UserIds {
        call: IdCall::One,
        real: Some(uid),
        effective: Some(uid),
        saved: Some(uid),
    };
    machine.event(phase, tid, result, Operation::SetUser(ids));
}

#[test]
fn an_unknown_user_has_no_name_of_another() {
    let run = |quirks: Quirks| {
        let mut names = Vec::new();
        let sink = |record: &Record<'_>, _: &Context<'_>| {
            if let Record::Process(process) = record
                && process.oid.hpid == 10
            {
                names.push(process.user_name.to_string());
            }
        };
        let config = Config {
            quirks: Some(quirks),
            ..Config::default()
        };
        let mut machine = Machine::with_sink(config, sink);
        machine.collector.snapshot(&Snapshot::User(User {
            uid: 5,
            name: b"www",
            home: b"",
            shell: b"",
            container: b"",
            is_removed: false,
        }));
        for uid in [5, 7] {
            set_user(&mut machine, Phase::End, 10, uid);
            machine.make_directory(10, "/d", 0);
        }
        drop(machine);
        names.pop()
    };
    assert_eq!(run(Quirks::STALE_USER_NAMES).as_deref(), Some("www"));
    assert_eq!(run(Quirks::empty()).as_deref(), Some("<NA>"));
}

/// What happens on a machine.
type Scene = fn(&mut Machine<Words>);

/// Machines in which the faults show. Each is run with everything recorded, with threads counted, and without
/// reads.
const SCENES: &[(&str, Scene)] = &[
    ("maps", |machine| {
        machine.open(10, 3, "/a", READ);
        machine.map(Phase::Begin, 10, 3, None);
        machine.map(Phase::End, 10, 3, Some(-12));
        machine.transfer(99, 3, Direction::In, 5);
    }),
    ("a long pause", |machine| {
        machine.open(10, 3, "/a", READ);
        machine.wait(100);
        machine.wait(31);
        machine.open(10, 4, "/b", READ);
        machine.close(10, 4);
        machine.wait(31);
        machine.wait(70);
        machine.wait(70);
        machine.open(10, 4, "/b", READ);
        machine.end(0, 0, Operation::Lost(Some(3)));
    }),
    ("an end", |machine| {
        machine.thread(10, 11);
        machine.open(11, 3, "/a", READ);
        machine.fork(10, 12);
        machine.exit(10, 0);
        machine.wait(3);
        machine.transfer(11, 3, Direction::In, 5);
        machine.open(12, 3, "/b", 3);
        machine.close(12, 3);
        machine.fork(12, 13);
        machine.exit(11, 0);
    }),
    ("odd paths", |machine| {
        machine.open(10, 3, "/a\nb", READ);
        machine.end(10, 0, Operation::ChangeRoot(Some(b"/jail")));
        machine.open(10, 4, "/c", READ);
        machine.open_by(OpenCall::Create, 10, 5, "/d", READ);
    }),
    ("strangers", |machine| {
        machine.make_directory(77, "d", 0);
        machine.end(78, 0, Operation::MakeDirectory(Path::default()));
    }),
    ("containers", |machine| {
        let id = "0123456789abcdef".repeat(4);
        let cgroups = format!("cpu=/libpod-{id}.scope\0");
        machine.end(
            12,
            0,
            clone_of(Image {
                cgroups: Some(cgroups.as_bytes()),
                tid: Some(12),
                pid: Some(10),
                parent: Some(1),
                ..Image::default()
            }),
        );
        machine.open(12, 3, "/a", READ);
        machine.open(10, 4, "/b", READ);
    }),
    ("users", |machine| {
        let named = User {
            uid: 5,
            name: b"www",
            home: b"",
            shell: b"",
            container: b"",
            is_removed: false,
        };
        machine.event(Phase::End, 0, None, Operation::UserKnown(named));
        machine.open(10, 3, "/a", READ);
        set_user(machine, Phase::Begin, 10, 5);
        set_user(machine, Phase::Begin, 1, 6);
        set_user(machine, Phase::End, 10, 5);
        set_user(machine, Phase::End, 1, 6);
        set_user(machine, Phase::End, 10, 7);
        machine.fork(10, 11);
    }),
    ("rotation", |machine| {
        machine.fork(10, 11);
        machine.open(11, 3, "/a", READ);
        machine.collector.rotate("2");
        machine.wait(31);
        machine.exec(10, 0, "/bin/x", "/");
    }),
    ("ids used again", |machine| {
        // A thread is taken for a parent by its number only.
        machine.end(50, 0, Operation::MakeDirectory(Path::default()));
        machine.wait(100);
        machine.fork(10, 50);
        machine.open(50, 3, "/a", READ);
        machine.exit(50, 0);
        machine.end(
            51,
            0,
            clone_of(Image {
                tid: Some(51),
                pid: Some(51),
                parent: Some(50),
                ..Image::default()
            }),
        );
        machine.exit(50, 0);
        machine.open(51, 3, "/a", READ);
    }),
    ("parents that change", |machine| {
        machine.fork(10, 11);
        machine.fork(11, 12);
        machine.exit(11, 0);
        machine.wait(3);
        machine.collector.rotate("2");
        machine.open(12, 3, "/a", READ);
    }),
];

/// What is not shown by these machines, and where it is.
const SHOWN_ELSEWHERE: &[(Quirks, &str)] = &[
    (Quirks::HASH_ORDER, "strict.rs: captures with many flows"),
    (Quirks::RAW_CONTAINER_TYPES, "a test of its own"),
    (Quirks::DELETED_IN_PATHS, "a test of its own"),
    (Quirks::OLD_EXECS_KEEP, "a test of its own"),
    (Quirks::TEXT_KEYS, "a test of its own"),
    (Quirks::BOUND_PORT_STAYS, "a test of its own"),
    (Quirks::ENTER_ARGUMENTS_WIN, "a test of its own"),
    (Quirks::LATE_CONTAINERS_STAY, "a test of its own"),
    (Quirks::ONE_CLONE_ERROR, "a test of its own"),
    (Quirks::EMPTY_PROCESS_FLOWS, "a test of its own"),
    (Quirks::DATAGRAMS_RENAME, "a test of its own"),
    (Quirks::THREAD_END_ENDS_OTHERS, "a test of its own"),
    (Quirks::STALE_USER_NAMES, "a test of its own"),
    (Quirks::ANY_PARENT_OF_ID, "tables::processes"),
];

#[test]
fn every_quirk_shows_somewhere() {
    let table = std::fs::read_to_string("tests/differences.txt").unwrap();
    let mut unseen = Vec::new();
    for (name, quirk) in Quirks::all().iter_names() {
        let is_in_table = table.contains(&format!("\n  {name}: "));
        let is_elsewhere = SHOWN_ELSEWHERE
            .iter()
            .any(|(elsewhere, _)| *elsewhere == quirk);
        let told = |quirks, scene: Scene, read_mode| {
            let mut machine = Machine::new(Config {
                quirks: Some(quirks),
                read_mode,
                ..Config::default()
            });
            scene(&mut machine);
            machine.collector.finish().0
        };
        let shows = SCENES.iter().any(|(_, scene)| {
            [ReadMode::All, ReadMode::Writes].into_iter().any(|mode| {
                told(Quirks::empty(), *scene, mode) != told(quirk, *scene, mode)
                    || told(Quirks::all(), *scene, mode)
                        != told(Quirks::all() - quirk, *scene, mode)
            })
        });
        if !(is_in_table || is_elsewhere || shows) {
            unseen.push(name);
        }
    }
    assert!(unseen.is_empty(), "nothing shows {unseen:?}");
}
