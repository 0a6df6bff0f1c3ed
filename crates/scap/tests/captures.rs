//! Reads real captures, recorded by others, where the folder with them exists beside the repository.
//!
//! The expected numbers are those that were published with the captures' description; what Falco
//! shows for the same events is compared too.

#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::Value;
use sysflow_scap::{
    Arguments, Capture, Code, Event, Item, KeptEvent, Name, ParameterType, SocketTuple,
};

/// The folder with data made by others, or `None` after saying so.
fn data(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(folder);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: there is no {folder} in ../shared/data");
    None
}

/// What a capture holds, as described.
struct Expected {
    name: &'static str,
    events: u64,
    threads: usize,
    processes: usize,
    descriptors: usize,
    users: usize,
    groups: usize,
    interfaces: usize,
    processors: u32,
    host: &'static str,
    /// When the first event happened, in seconds since the epoch.
    start: u64,
    /// From the first to the last event, in tenths of a second.
    span: u64,
}

#[rustfmt::skip]
const EXPECTED: &[Expected] = &[
    Expected { name: "client-server-tcp-client-server", events: 2_302, threads: 131, processes: 47, descriptors: 628, users: 22, groups: 42, interfaces: 13, processors: 2, host: "sampa.sl.cloud9.ibm.com", start: 1_553_543_278, span: 190 },
    Expected { name: "files-files", events: 2_186, threads: 201, processes: 49, descriptors: 1_019, users: 34, groups: 60, interfaces: 12, processors: 1, host: "canaris", start: 1_554_914_828, span: 110 },
    Expected { name: "files-filesat", events: 1_697, threads: 201, processes: 49, descriptors: 1_019, users: 34, groups: 60, interfaces: 12, processors: 1, host: "canaris", start: 1_554_931_788, span: 80 },
    Expected { name: "mpm-event-cold_start_capture", events: 3_507, threads: 303, processes: 65, descriptors: 1_150, users: 34, groups: 60, interfaces: 13, processors: 1, host: "canaris", start: 1_555_011_829, span: 40 },
    Expected { name: "mpm-event-full_capture", events: 35_860, threads: 206, processes: 59, descriptors: 1_081, users: 34, groups: 60, interfaces: 12, processors: 1, host: "canaris", start: 1_555_011_814, span: 68 },
    Expected { name: "mpm-preforked-cold_start_capture", events: 2_388, threads: 225, processes: 67, descriptors: 1_160, users: 34, groups: 60, interfaces: 13, processors: 1, host: "canaris", start: 1_555_011_031, span: 32 },
    Expected { name: "nginx-nginx", events: 29_925, threads: 327, processes: 81, descriptors: 1_132, users: 19, groups: 39, interfaces: 2, processors: 4, host: "5d45cc3897f8", start: 1_560_550_415, span: 1_250 },
    Expected { name: "objectstore-download", events: 20_306, threads: 246, processes: 65, descriptors: 1_159, users: 34, groups: 60, interfaces: 14, processors: 1, host: "canaris", start: 1_555_013_924, span: 90 },
    Expected { name: "objectstore-ls", events: 2_936, threads: 246, processes: 65, descriptors: 1_159, users: 34, groups: 60, interfaces: 14, processors: 1, host: "canaris", start: 1_555_013_845, span: 60 },
    Expected { name: "rename-rename2at", events: 2_253, threads: 136, processes: 42, descriptors: 732, users: 24, groups: 42, interfaces: 7, processors: 8, host: "sysflow-rhel8.sl.cloud9.ibm.com", start: 1_672_946_985, span: 110 },
    Expected { name: "setuid-setuid", events: 1_973, threads: 201, processes: 49, descriptors: 1_019, users: 34, groups: 60, interfaces: 12, processors: 1, host: "canaris", start: 1_554_906_977, span: 100 },
];

/// What was counted in a capture.
#[derive(Default)]
struct Counted {
    threads: usize,
    processes: usize,
    descriptors: usize,
    users: usize,
    groups: usize,
    interfaces: usize,
    processors: u32,
    host: String,
    first: u64,
    last: u64,
}

#[test]
fn captures_hold_what_is_described() {
    let Some(folder) = data("capture") else {
        return;
    };
    let mut seen = 0;
    for expected in EXPECTED {
        let path = folder.join(expected.name).with_extension("scap");
        let Ok(file) = File::open(&path) else {
            println!("skipped: {} is not there", expected.name);
            continue;
        };
        let size = file.metadata().expect("the size of an open file").len();
        let mut capture = Capture::open(file).expect("a capture");
        let counted = count(&mut capture);
        let statistics = *capture.statistics();
        println!("{}: {statistics:?}", expected.name);

        assert_eq!(
            statistics.bytes, size,
            "{}: read to the last byte",
            expected.name
        );
        assert_eq!(statistics.events, expected.events, "{}", expected.name);
        assert_eq!(statistics.sections, 1);
        let losses = statistics.skipped_unknown_blocks
            + statistics.skipped_unknown_events
            + statistics.damaged;
        assert_eq!(
            (losses, statistics.truncated),
            (0, false),
            "{}",
            expected.name
        );
        assert_eq!(counted.threads, expected.threads, "{}", expected.name);
        assert_eq!(counted.processes, expected.processes, "{}", expected.name);
        assert_eq!(
            counted.descriptors, expected.descriptors,
            "{}",
            expected.name
        );
        assert_eq!(counted.users, expected.users, "{}", expected.name);
        assert_eq!(counted.groups, expected.groups, "{}", expected.name);
        assert_eq!(counted.interfaces, expected.interfaces, "{}", expected.name);
        assert_eq!(counted.processors, expected.processors, "{}", expected.name);
        assert_eq!(counted.host, expected.host, "{}", expected.name);
        // The description leaves out the parts of a second.
        let apart = counted.first.abs_diff(expected.start * 1_000_000_000);
        assert!(apart < 1_000_000_000, "{}: {apart} ns", expected.name);
        let span = (counted.last - counted.first + 50_000_000) / 100_000_000;
        assert_eq!(span, expected.span, "{}", expected.name);
        seen += 1;
    }
    println!("{seen} captures read");
}

fn count(capture: &mut Capture<File>) -> Counted {
    let mut counted = Counted::default();
    while let Some(item) = capture.next().expect("an undamaged capture") {
        match item {
            Item::Section(section) => assert_eq!((section.major, section.minor), (1, 2)),
            Item::Machine(machine) => {
                counted.processors = machine.processors;
                counted.host = String::from_utf8_lossy(machine.host_name).into_owned();
                assert_eq!(machine.boot_time, 0);
            }
            Item::Interface(_) => counted.interfaces += 1,
            Item::User(_) => counted.users += 1,
            Item::Group(_) => counted.groups += 1,
            Item::Process(process) => {
                counted.threads += 1;
                counted.processes += usize::from(process.is_main_thread());
                let flags = if process.is_main_thread() { 0 } else { 0x2001 };
                assert_eq!(process.flags, flags);
            }
            Item::Descriptor(_) => counted.descriptors += 1,
            Item::Event(event) => {
                check_arguments(&event);
                if event.timestamp() > 0 {
                    counted.first = match counted.first {
                        0 => event.timestamp(),
                        first => first.min(event.timestamp()),
                    };
                    counted.last = counted.last.max(event.timestamp());
                }
            }
        }
    }
    counted
}

/// Every argument has the form of its type.
fn check_arguments(event: &Event<'_>) {
    for argument in event.arguments() {
        let (ty, bytes) = (argument.ty, argument.bytes);
        let what = (event.code(), argument.name().text(), bytes);
        if let Some(width) = ty.integer_width() {
            assert_eq!(bytes.len(), width, "{what:?}");
        }
        if ty.is_text() && !bytes.is_empty() {
            assert_eq!(bytes.last(), Some(&0), "{what:?}");
        }
        match ty {
            ParameterType::SocketTuple if !bytes.is_empty() => {
                assert!(argument.socket_tuple().is_some(), "{what:?}");
            }
            ParameterType::SocketAddress if !bytes.is_empty() => {
                assert!(argument.socket_address().is_some(), "{what:?}");
            }
            ParameterType::DescriptorList => assert!(argument.polled().is_some(), "{what:?}"),
            ParameterType::Dynamic => assert!(argument.selected().is_some(), "{what:?}"),
            _ => {}
        }
    }
}

/// Falco's answers for events, by time; several where the clock did not move on.
type Answers = HashMap<u64, VecDeque<Value>>;

fn answers(path: &Path) -> Answers {
    let mut text = String::new();
    GzDecoder::new(File::open(path).expect("a listed file"))
        .read_to_string(&mut text)
        .expect("text in UTF-8");
    let mut answers = Answers::new();
    for line in text.lines() {
        let answer: Value = serde_json::from_str(line).expect("JSON");
        let time = answer["evt.time"].as_u64().expect("a time");
        answers.entry(time).or_default().push_back(answer);
    }
    answers
}

/// Events are named as Falco names them, and carry the same results, flags and descriptors once they
/// are brought to the present form.
#[test]
fn arguments_are_those_that_falco_shows() {
    let (Some(folder), Some(captures)) = (data("falco-expected"), data("capture")) else {
        return;
    };
    let (mut events, mut results, mut flags, mut descriptors) = (0, 0, 0, 0);
    let (mut paths, mut tuples) = (0, 0);
    for entry in folder.read_dir().expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        let file_name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let Some(name) = file_name
            .strip_prefix("fields-")
            .and_then(|name| name.strip_suffix(".jsonl.gz"))
        else {
            continue;
        };
        let mut answers = answers(&path);
        let file = File::open(captures.join(name).with_extension("scap")).expect("the capture");
        let mut capture = Capture::open(file).expect("a capture");
        let mut entered: HashMap<i64, KeptEvent> = HashMap::new();
        while let Some(item) = capture.next().expect("an undamaged capture") {
            let Item::Event(event) = item else { continue };
            let kept = entered.entry(event.tid()).or_default();
            if event.is_enter() {
                kept.keep(&event);
            }
            let queue = answers.entry(event.timestamp()).or_default();
            let is_exit = |answer: &Value| answer.get("evt.count.exit").is_some();
            if queue
                .front()
                .is_none_or(|answer| is_exit(answer) != event.is_exit())
            {
                continue;
            }
            let answer = queue.pop_front().expect("the queue has a front");
            let upgraded = event.upgraded(kept.event().as_ref());
            // Falco names generic system calls by a list that the format does not contain.
            if event.code() == Code::GENERIC_X {
                continue;
            }
            assert_eq!(
                answer["evt.type"].as_str(),
                Some(upgraded.info().name),
                "{answer}"
            );
            events += 1;
            let result = answer["evt.rawres"].as_i64();
            if let Some(result) = result {
                assert_eq!(upgraded.i64(0), Some(result), "{answer}");
                results += 1;
            }
            let shown = answer["evt.arg.flags"]
                .as_str()
                .filter(|shown| *shown != "<NA>");
            let named = upgraded
                .named(Name::FLAGS)
                .and_then(|argument| argument.flags());
            if let (Some(shown), Some(named)) = (shown, named) {
                assert_eq!(named.to_string(), shown, "{answer}");
                flags += 1;
            }
            let path = upgraded
                .named(Name::NAME)
                .or_else(|| upgraded.named(Name::PATH));
            let path = path.and_then(|argument| argument.text());
            if let (Some(shown), Some(path)) = (answer["fs.path.nameraw"].as_str(), path) {
                assert_eq!(String::from_utf8_lossy(path), shown, "{answer}");
                paths += 1;
            }
            let tuple = upgraded
                .named(Name::TUPLE)
                .and_then(|argument| argument.socket_tuple());
            if let Some(SocketTuple::Internet {
                source,
                destination,
            }) = tuple
            {
                let shown = format!("tuple={source}->{destination} ");
                let arguments = answer["evt.args"].as_str().unwrap_or_default();
                assert!(arguments.contains(&shown), "{shown} in {arguments}");
                tuples += 1;
            }
            let number = answer["fd.num"].as_i64();
            let descriptor = upgraded.named(Name::FD).and_then(|argument| argument.i64());
            // A failed open has no descriptor, but a result in its place.
            if let (Some(number), Some(descriptor @ 0..)) = (number, descriptor) {
                assert_eq!(descriptor, number, "{answer}");
                descriptors += 1;
            }
        }
        let left = answers.values().map(VecDeque::len).sum::<usize>();
        assert_eq!(left, 0, "{name}: every event that Falco shows is found");
    }
    println!("{events} events, {results} results, {flags} flags, {descriptors} descriptors,");
    println!("{paths} paths, {tuples} socket tuples agree");
    assert!(events > 0 && results > 0 && flags > 0 && descriptors > 0 && paths > 0 && tuples > 0);
}
