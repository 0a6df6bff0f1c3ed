//! The fields of events say what Falco says on the same captures.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::Path;

use bstr::ByteSlice as _;
use common::events::{data, each_event, matches};
use serde_json::Value as Json;
use sysflow_collect::EventView;
use sysflow_field::{Shown, Type, Unresolved, Value, View};
use sysflow_policy::{Condition, Dialect, Evaluator};

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

/// The fields that Falco was asked for: it tells no missing values, but each field has one somewhere.
fn asked(data: &Path) -> BTreeSet<String> {
    let mut asked = BTreeSet::new();
    for entry in std::fs::read_dir(data.join("falco-expected")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "gz") {
            for answer in answers(&path).values().flatten() {
                asked.extend(answer.as_object().unwrap().keys().cloned());
            }
        }
    }
    asked
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
        Json::Number(number) if number.is_f64() => number.as_f64().unwrap().to_string(),
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
    // Falco's own program writes numbers as they are, also those that texts show otherwise.
    let shown = if matches!(field.ty, Type::Time | Type::Fraction) {
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
    // As templates do it.
    let text = text.filter(|text| shown != Shown::Joined || !text.is_empty());
    if name.starts_with("fd.container") {
        return Some(text.map(|text| without_container(view, text)));
    }
    Some(text)
}

/// One answer that differs.
struct Difference<'a> {
    /// The number of the event in its capture.
    number: u64,
    got: Option<&'a str>,
    expected: &'a str,
    /// Falco's name for the account.
    account: &'a str,
    capture: &'a [u8],
}

/// The account that Falco names is nowhere in the capture: it asked the machine that replayed it.
fn is_from_elsewhere(difference: &Difference<'_>) -> bool {
    difference.got == Some("<NA>") && !difference.capture.contains_str(difference.account)
}

/// The event is one of those with a relative path from a directory. Falco's program, asked for `evt.abspath`
/// before all else, put the descriptor of the directory in the place of the event's own: see
/// `conditions_match_as_in_falco`, where without that question the same openat is on a file.
fn is_overwritten(difference: &Difference<'_>) -> bool {
    const OPENAT: u64 = 587;
    const LINKAT: u64 = 645;
    const RENAMEAT: u64 = 657;
    matches!(difference.number, OPENAT | LINKAT | RENAMEAT)
}

/// Nothing was read. Falco prints its buffer for texts, which still holds what was printed before, at the length
/// of that; its conditions see the empty data.
fn is_left_behind(difference: &Difference<'_>) -> bool {
    difference.got == Some("") && difference.expected.starts_with("NULL.")
}

/// The field that names the account that a field is about.
fn account_of(field: &str) -> &'static str {
    if field.starts_with("group.") {
        "group.name"
    } else {
        "user.name"
    }
}

/// What shows that a difference is none of ours.
type Proof = fn(&Difference<'_>) -> bool;

/// Fields of which some answers differ, how many, and what each must prove to be.
const DIFFERENCES: &[(&str, usize, Proof)] = &[
    ("evt.buffer", 4, is_left_behind),
    ("evt.count.error.file", 2, is_overwritten),
    ("fd.containername", 1, is_overwritten),
    ("fd.name", 1, is_overwritten),
    ("fd.nameraw", 1, is_overwritten),
    ("fd.type", 1, is_overwritten),
    ("fd.typechar", 1, is_overwritten),
    ("fs.path.name", 1, is_overwritten),
    ("group.name", 95, is_from_elsewhere),
    ("user.homedir", 95, is_from_elsewhere),
    ("user.name", 95, is_from_elsewhere),
    ("user.shell", 95, is_from_elsewhere),
];

/// Answers to what Falco has no value for, with the numbers of their events: see `is_overwritten`.
const ADDED: &[(&str, u64)] = &[
    ("evt.count.error.other", 645),
    ("evt.count.error.other", 657),
    ("fd.filename", 587),
];

#[derive(Default)]
struct Row {
    equal: usize,
    different: usize,
    unproven: usize,
    /// Answers to what Falco has no value for.
    added: usize,
    extra: String,
    example: String,
}

#[test]
fn fields_are_those_of_falco() {
    let Some(data) = data() else { return };
    let mut table: BTreeMap<String, Row> = BTreeMap::new();
    let mut unanswered: BTreeSet<String> = BTreeSet::new();
    let mut unseen = 0;
    let asked = asked(&data);
    for entry in std::fs::read_dir(data.join("falco-expected")).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let name = file
            .strip_prefix("fields-")
            .and_then(|name| name.strip_suffix(".jsonl.gz"));
        let Some(name) = name else { continue };
        let mut answers = answers(&path);
        let recorded = data.join("capture").join(format!("{name}.scap"));
        let capture = std::fs::read(&recorded).unwrap();
        each_event(&recorded, |view| {
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
            for field in asked.iter().filter(|field| answer.get(field).is_none()) {
                if let Some(Some(got)) = ours(view, field) {
                    let row = table.entry(field.clone()).or_default();
                    row.added += 1;
                    row.extra = format!("{name} #{} {}: {got:?}", view.number(), key.1);
                    let known = ADDED.contains(&(&**field, view.number()));
                    row.unproven += usize::from(!known);
                }
            }
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
                    let difference = Difference {
                        number: view.number(),
                        got: got.as_deref(),
                        expected: &expected,
                        account: answer[account_of(field)].as_str().unwrap_or_default(),
                        capture: &capture,
                    };
                    let known = DIFFERENCES.iter().find(|(known, ..)| known == field);
                    let is_proven = known.is_some_and(|(.., proof)| proof(&difference));
                    row.unproven += usize::from(!is_proven);
                    if row.example.is_empty() || !is_proven {
                        let number = view.number();
                        row.example =
                            format!("{name} #{number} {}: {got:?}, not {expected:?}", key.1);
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
        if row.added > 0 {
            println!("{field:36} {:6} too many  {}", row.added, row.extra);
        }
        let allowed = DIFFERENCES
            .iter()
            .find(|(name, ..)| name == field)
            .map_or(0, |row| row.1);
        if row.different != allowed || row.unproven != 0 {
            wrong.push((field.clone(), row.different, allowed, row.unproven));
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
        "evt.type in (open,openat) and user.name=\"<NA>\"",
        "Falco asks the machine that replays: see `is_from_elsewhere`",
    ),
    (
        "evt.type=connect and fd.net in (10.0.0.0/8, 127.0.0.0/8)",
        "Falco tests the first network only",
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
