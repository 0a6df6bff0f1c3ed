//! The fields of events say what Falco says on the same captures.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use sysflow_collect::source::scap::ScapSource;
use sysflow_collect::{Collector, Config, EventView, EventsOnly};
use sysflow_field::{Shown, Type, Unresolved, Value, View};
use sysflow_policy::{Condition, Dialect, Evaluator};
use sysflow_scap::Capture;

fn data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !folder.is_dir() {
        eprintln!("skipped: there is no {}", folder.display());
        return None;
    }
    Some(folder)
}

/// Replays a capture and shows each event.
fn each_event(capture: &Path, see: impl FnMut(&EventView<'_>)) {
    let file = std::fs::File::open(capture).unwrap();
    let mut collector = Collector::new(Config::default(), EventsOnly(see));
    let mut source = ScapSource::new();
    let mut capture = Capture::open(file).unwrap();
    while let Some(item) = capture.next().unwrap() {
        source.translate(&item, &mut collector);
    }
    collector.finish();
}

/// The lines of Falco's answers, by time and type.
fn answers(path: &Path) -> HashMap<(i64, String), Vec<Json>> {
    let mut text = String::new();
    let file = std::fs::File::open(path).unwrap();
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut text)
        .unwrap();
    let mut answers: HashMap<(i64, String), Vec<Json>> = HashMap::new();
    for line in text.lines() {
        let answer: Json = serde_json::from_str(line).unwrap();
        let key = (
            answer["evt.time"].as_i64().unwrap(),
            answer["evt.type"].as_str().unwrap().to_owned(),
        );
        answers.entry(key).or_default().push(answer);
    }
    answers
}

/// What does not print is a dot in Falco's answers.
fn printable(text: &str) -> String {
    let dot = |letter: char| {
        if matches!(letter, ' '..='~') {
            letter
        } else {
            '.'
        }
    };
    text.chars().map(dot).collect()
}

fn theirs(answer: &Json) -> String {
    match answer {
        Json::String(text) => printable(text),
        Json::Array(texts) => {
            let texts: Vec<String> = texts.iter().map(theirs).collect();
            texts.join(" ")
        }
        other => other.to_string(),
    }
}

/// Falco's answers were made without its container plugin: to it, no process is in a container.
fn without_container(view: &EventView<'_>, text: String) -> String {
    let Some(Some(id)) = ours(view, "container.id") else {
        return text;
    };
    match text.strip_prefix(&id) {
        Some(rest) if id != "host" && rest.starts_with(':') => rest.to_owned(),
        _ => text,
    }
}

#[allow(clippy::option_option, reason = "no field and no value are two things")]
/// Our answer as texts show it; lists joined with blanks. `None` for no value.
fn ours(view: &EventView<'_>, name: &str) -> Option<Option<String>> {
    let catalogue = EventView::catalogue();
    let resolved = catalogue.resolve(name).ok()?;
    let field = catalogue.field(resolved.id);
    // Falco's own program writes times as numbers too.
    let shown = if field.ty == Type::Time {
        Shown::AsIs
    } else {
        field.shown
    };
    let mut parts = Vec::new();
    view.visit(resolved.id, &shown.argument(resolved.arg), |value| {
        parts.push(match value {
            Value::Text(text) => text.iter().map(|byte| char::from(*byte)).collect(),
            other => {
                let mut text = String::new();
                shown.write(&other, &mut text).unwrap();
                text
            }
        });
        ControlFlow::Continue(())
    });
    let text = (!parts.is_empty()).then(|| printable(&parts.join(" ")));
    if name.starts_with("fd.container") {
        return Some(text.map(|text| without_container(view, text)));
    }
    Some(text)
}

/// Fields of which some answers differ, how many at most, and why.
const DIFFERENCES: &[(&str, usize, &str)] = &[
    (
        "evt.arg.flags",
        11,
        "what a writer did not tell has no name",
    ),
    (
        "evt.args",
        36,
        "flags that a writer did not tell, reads of nothing, users of the replaying machine; the rest is not looked into yet",
    ),
    (
        "evt.buffer",
        4,
        "of a read of nothing Falco shows what an earlier one left behind",
    ),
    ("evt.count.error", 8, "a call that only asks has no result"),
    ("evt.failed", 8, "a call that only asks has no result"),
    ("evt.rawres", 8, "a call that only asks has no result"),
    ("evt.res", 8, "a call that only asks has no result"),
    ("fd.containername", 267, "these answers know no containers"),
    (
        "fd.filename",
        8,
        "of a path without a slash Falco shows a slash",
    ),
    (
        "fd.is_server",
        3,
        "on a loopback both ends are local: Falco takes the client for the server",
    ),
    (
        "fd.name",
        1,
        "Falco takes the directory of an openat for its file",
    ),
    (
        "fd.nameraw",
        1,
        "Falco takes the directory of an openat for its file",
    ),
    (
        "fd.num",
        7,
        "Falco shows a descriptor of 32 bits without its sign",
    ),
    (
        "fd.type",
        1,
        "Falco takes the directory of an openat for its file",
    ),
    (
        "fd.typechar",
        1,
        "Falco takes the directory of an openat for its file",
    ),
    (
        "fd.uid",
        7,
        "Falco shows a descriptor of 32 bits without its sign",
    ),
    (
        "fs.path.name",
        5,
        "an unknown directory stays unknown; Falco takes the directory for the file",
    ),
    (
        "fs.path.source",
        2,
        "an unknown directory stays unknown; Falco takes linkat for link",
    ),
    ("fs.path.target", 1, "Falco takes linkat for link"),
    ("group.name", 95, "Falco asks the machine that replays"),
    (
        "proc.aargs",
        540,
        "Falco leaves out blanks around what is empty",
    ),
    (
        "proc.apid",
        936,
        "without a position Falco shows the process itself",
    ),
    ("user.name", 95, "Falco asks the machine that replays"),
];

#[derive(Default)]
struct Row {
    equal: usize,
    different: usize,
    example: String,
}

#[test]
fn fields_are_those_of_falco() {
    let Some(data) = data() else { return };
    let mut table: BTreeMap<String, Row> = BTreeMap::new();
    let mut unanswered: BTreeSet<String> = BTreeSet::new();
    let mut unseen = 0;
    let verbose = std::env::var_os("SHOW_DIFFERENCES").is_some();
    for entry in std::fs::read_dir(data.join("falco-expected")).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let name = file
            .strip_prefix("fields-")
            .and_then(|name| name.strip_suffix(".jsonl.gz"));
        let Some(name) = name else { continue };
        let mut answers = answers(&path);
        each_event(&data.join("capture").join(format!("{name}.scap")), |view| {
            let key = (view.event().ts as i64, view.event().name.to_owned());
            let Some(answer) = answers.get_mut(&key).and_then(|left| {
                if left.is_empty() {
                    None
                } else {
                    Some(left.remove(0))
                }
            }) else {
                return;
            };
            for (field, expected) in answer.as_object().unwrap() {
                let Some(got) = ours(view, field) else {
                    unanswered.insert(field.clone());
                    continue;
                };
                let row = table.entry(field.clone()).or_default();
                let expected = theirs(expected);
                if got.as_deref() == Some(&*expected) {
                    row.equal += 1;
                } else {
                    row.different += 1;
                    if verbose {
                        println!("DIFF {field} | {name} #{} {} {} | {got:?} | {expected:?}", view.number(), key.0, key.1);
                    }
                    if row.example.is_empty() {
                        row.example =
                            format!("{name} {} {}: {got:?}, not {expected:?}", key.0, key.1);
                    }
                }
            }
        });
        let left: Vec<_> = answers
            .iter()
            .filter(|(_, left)| !left.is_empty())
            .collect();
        if let Some((key, _)) = left.first() {
            println!(
                "{name}: {} events are not shown, such as {key:?}",
                left.len()
            );
        }
        unseen += left.len();
    }
    let mut wrong = Vec::new();
    for (field, row) in &table {
        println!(
            "{field:36} {:6} equal {:6} different  {:.3000}",
            row.equal, row.different, row.example
        );
        let allowed = DIFFERENCES
            .iter()
            .find(|(name, _, _)| name == field)
            .map_or(0, |row| row.1);
        if row.different != allowed {
            wrong.push((field.clone(), row.different, allowed));
        }
    }
    println!("not answered: {unanswered:?}");
    assert!(wrong.is_empty(), "{} fields: {wrong:?}", wrong.len());
    assert_eq!(unseen, 0);
    for field in &unanswered {
        let found = EventView::catalogue().resolve(field);
        assert!(matches!(found, Err(Unresolved::Foreign { .. })), "{field}");
    }
}

/// Conditions of which the number of matches differs, and why.
const CONDITIONS: &[(&str, &str)] = &[
    (
        "evt.hostname exists",
        "notices of containers, users and groups count here, which Falco keeps to itself for the most part",
    ),
    (
        "evt.is_async=true",
        "notices of containers, users and groups count here, which Falco keeps to itself for the most part",
    ),
    (
        "evt.num=1",
        "Falco spends the first numbers on what it tells of threads",
    ),
    (
        "evt.num>=0",
        "notices of containers, users and groups count here, which Falco keeps to itself for the most part",
    ),
    (
        "evt.type in (open,openat) and user.name=\"<NA>\"",
        "Falco asks the machine that replays",
    ),
    (
        "evt.type=connect and fd.net in (10.0.0.0/8, 127.0.0.0/8)",
        "Falco tests the first network only",
    ),
    (
        "evt.type=container",
        "notices of containers, users and groups count here, which Falco keeps to itself for the most part",
    ),
    (
        "not evt.type=open",
        "notices of containers, users and groups count here, which Falco keeps to itself for the most part",
    ),
];

#[test]
fn conditions_match_as_in_falco() {
    let Some(data) = data() else { return };
    let text = std::fs::read_to_string(data.join("falco-expected/condition-counts.json")).unwrap();
    let counts: Json = serde_json::from_str(&text).unwrap();
    let mut different: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut same, mut refused) = (0, BTreeSet::new());
    for (name, conditions) in counts.as_object().unwrap() {
        let mut compiled = Vec::new();
        for (condition, expected) in conditions.as_object().unwrap() {
            match Condition::<EventView<'static>>::parse_in(condition, Dialect::Falco) {
                Ok(parsed) => compiled.push((condition, parsed, expected.as_u64().unwrap(), 0)),
                Err(_) => {
                    refused.insert(condition.clone());
                }
            }
        }
        let mut evaluator = Evaluator::new();
        each_event(&data.join("capture").join(format!("{name}.scap")), |view| {
            for (_, parsed, _, matched) in &mut compiled {
                // The view and the condition have one catalogue, whatever the view borrows.
                *matched += u64::from(matches(&mut evaluator, parsed, view));
            }
        });
        for (condition, _, expected, matched) in compiled {
            if expected == matched {
                same += 1;
            } else {
                different
                    .entry(condition.clone())
                    .or_default()
                    .push(format!("{name}: {matched}, not {expected}"));
            }
        }
    }
    println!("{same} counts agree; refused: {refused:#?}");
    different.retain(|condition, captures| {
        println!("{condition}: {captures:?}");
        !CONDITIONS.iter().any(|(known, _)| known == condition)
    });
    assert!(different.is_empty(), "{}", different.len());
}

fn matches<'a>(
    evaluator: &mut Evaluator,
    condition: &Condition<EventView<'a>>,
    view: &EventView<'a>,
) -> bool {
    evaluator.condition(condition, view)
}
