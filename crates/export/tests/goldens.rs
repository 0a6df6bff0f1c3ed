//! Output compared with that of the original's printer ("sysprint" 0.6.1), value by value. The expected
//! files are not part of this repository: the tests say that they skip where `../shared/data` does not exist.
//!
//! Deliberate differences, each a fault of the original:
//!
//! 1. `ts` and `endts` are exact and say that they are UTC. The original took nanoseconds through a double and
//!    printed rounded microseconds without a zone.
//! 2. `pproc.createts` is null where there is no parent. The original printed empty text for a number.
//! 3. CSV has `true` and `false`, not `True` and `False`, and `[]` for no tags, not `()`: the forms of Python.
//! 4. `pproc.pid` and `pproc.createts` are there whenever a process names its parent. The original had them only
//!    when the parent's own record had been seen.
//! 5. `pod.services` has the addresses under `clusterip`, as the original's other tools have.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use sysflow_export::columns::{self, Column};
use sysflow_export::{csv, json};
use sysflow_record::container::{ReadOptions, Reader};
use sysflow_record::entity::{Joined, Tables};

/// Recordings with the names of what the original made of them.
const RECORDINGS: &[(&str, &str)] = &[
    ("traces/bh/1634482638.sf", "bh-1634482638-v3"),
    ("traces/samples/httpd.sf", "httpd-v2"),
    ("traces/samples/shellshock.sf", "shellshock-v4"),
    ("traces/samples/tcp.sf", "tcp-client-server"),
];

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data")
}

fn read(path: &str) -> Option<Vec<u8>> {
    let path = data().join(path);
    let read = fs::read(&path).ok();
    if read.is_none() {
        eprintln!("skipped: {} does not exist", path.display());
    }
    read
}

fn for_each_event(recording: &[u8], mut use_event: impl FnMut(&Joined<'_>)) {
    let mut reader = Reader::new(recording, ReadOptions::default()).unwrap();
    let mut tables = Tables::default();
    while let Some(block) = reader.next_block().unwrap() {
        for record in block {
            if let Some(joined) = tables.join(&record.unwrap()) {
                use_event(&joined);
            }
        }
    }
}

fn to_json(recording: &[u8], layout: json::Layout) -> Vec<Map<String, Value>> {
    let mut encoder = json::Encoder::new(&columns::classic(), layout);
    let mut out = Vec::new();
    for_each_event(recording, |joined| encoder.write(joined, &mut out));
    parse_lines(&out)
}

fn parse_lines(text: &[u8]) -> Vec<Map<String, Value>> {
    let lines = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

/// What the original prints for an exact time: the nanoseconds as a double of seconds, to microseconds.
fn as_original_prints(exact: &str, nanoseconds: i64) -> String {
    let seconds = nanoseconds as f64 / 1e9;
    let micros = (seconds.fract() * 1e6).round_ties_even() as i64;
    let (second, fraction) = (
        seconds.trunc() as i64 + micros / 1_000_000,
        micros % 1_000_000,
    );
    let mut text = Vec::new();
    sysflow_export::time::Clock::default().write(second * 1_000_000_000, &mut text);
    let text = String::from_utf8(text).unwrap();
    assert!(exact.ends_with('Z') && exact.len() == 30, "{exact}");
    if fraction == 0 {
        text[..19].to_owned()
    } else {
        format!("{}.{fraction:06}", &text[..19])
    }
}

/// Takes the deliberate differences out of our record.
fn as_original(ours: &Map<String, Value>) -> Map<String, Value> {
    let mut ours = ours.clone();
    for (text, number) in [("ts", "ts_uts"), ("endts", "endts_uts")] {
        if let (Some(exact), Some(nanoseconds)) = (ours[text].as_str(), ours[number].as_i64()) {
            ours[text] = as_original_prints(exact, nanoseconds).into();
        }
    }
    let forget_unseen = |parent: &mut Map<String, Value>, prefix: &str| {
        let [pid, created, user] = ["pid", "createts", "uid"].map(|key| format!("{prefix}{key}"));
        if parent[&user].is_null() {
            parent[&pid] = Value::Null;
            parent[&created] = "".into();
        }
    };
    match ours.get_mut("pproc") {
        Some(Value::Object(parent)) => forget_unseen(parent, ""),
        _ => forget_unseen(&mut ours, "pproc."),
    }
    let services = |value: &mut Value| {
        let Value::Array(services) = value else {
            return;
        };
        for service in services {
            let addresses = service
                .as_object_mut()
                .unwrap()
                .remove("clusterip")
                .unwrap();
            service["clusterIP"] = addresses;
        }
    };
    if let Some(value) = ours.get_mut("pod.services") {
        services(value);
    }
    if let Some(value) = ours.get_mut("pod").and_then(|pod| pod.get_mut("services")) {
        services(value);
    }
    ours
}

fn assert_equal(name: &str, ours: &[Map<String, Value>], golden: &[Map<String, Value>]) {
    for (index, (ours, golden)) in ours.iter().zip(golden).enumerate() {
        let ours = as_original(ours);
        for (key, expected) in golden {
            assert_eq!(
                ours.get(key),
                Some(expected),
                "{name}: record {index}: {key}"
            );
        }
        assert!(
            ours.keys().eq(golden.keys()),
            "{name}: record {index}: other keys or order"
        );
    }
}

#[test]
fn flat_json_has_the_values_of_the_original() {
    for (recording, name) in RECORDINGS {
        let golden = read(&format!("golden-sysprint/{name}.flatjson.ndjson"));
        let (Some(recording), Some(golden)) = (read(recording), golden) else {
            continue;
        };
        let (ours, golden) = (
            to_json(&recording, json::Layout::Flat),
            parse_lines(&golden),
        );
        assert_eq!(ours.len(), golden.len(), "{name}");
        assert_equal(name, &ours, &golden);
    }
}

#[test]
fn nested_json_has_the_values_of_the_original() {
    for (recording, name) in RECORDINGS {
        let golden = read(&format!("golden-sysprint/{name}.json.ndjson"));
        let (Some(recording), Some(golden)) = (read(recording), golden) else {
            continue;
        };
        let (ours, golden) = (
            to_json(&recording, json::Layout::Nested),
            parse_lines(&golden),
        );
        assert_eq!(ours.len(), golden.len(), "{name}");
        assert_equal(name, &ours, &golden);
    }
}

#[test]
fn pods_and_services_have_the_values_of_the_original() {
    let first = read("golden-sysprint/k8s-small-first40-v4.json.ndjson");
    let events = read("golden-sysprint/k8s-small-ke-v4.json.ndjson");
    let recording = read("traces/samples/k8s_small.sf");
    let (Some(recording), Some(first), Some(events)) = (recording, first, events) else {
        return;
    };
    let ours = to_json(&recording, json::Layout::Nested);
    assert_eq!(ours.len(), 5247);
    assert_equal("first records", &ours, &parse_lines(&first));
    let ours: Vec<_> = ours
        .into_iter()
        .filter(|record| record["type"] == "KE")
        .collect();
    let events = parse_lines(&events);
    assert_eq!(ours.len(), events.len());
    assert_equal("Kubernetes events", &ours, &events);
}

#[test]
fn csv_has_the_values_of_the_original() {
    let columns: Vec<Column> = columns::classic();
    for (recording, name) in RECORDINGS {
        let golden = read(&format!("golden-sysprint/{name}.csv"));
        let (Some(recording), Some(golden)) = (read(recording), golden) else {
            continue;
        };
        let mut encoder = csv::Encoder::new(&columns);
        let mut out = Vec::new();
        encoder.write_header(&mut out);
        for_each_event(&recording, |joined| encoder.write(joined, &mut out));
        let (ours, golden) = (
            String::from_utf8(out).unwrap(),
            String::from_utf8(golden).unwrap(),
        );
        let (mut ours_rows, mut golden_rows) = (rows(&ours), rows(&golden));
        assert_eq!(ours_rows.len(), golden_rows.len(), "{name}");
        assert_eq!(ours_rows.remove(0), golden_rows.remove(0), "{name}: names");
        for (index, (ours, golden)) in ours_rows.iter().zip(&golden_rows).enumerate() {
            for ((column, ours), golden) in columns.iter().zip(ours).zip(golden) {
                let expected = match (column.name.as_str(), golden.as_str()) {
                    ("tags", "()") => "[]",
                    ("ts" | "endts", _) => continue,
                    (_, "True") => "true",
                    (_, "False") => "false",
                    (_, other) => other,
                };
                assert_eq!(ours, expected, "{name}: row {index}: {}", column.name);
            }
        }
    }
}

/// Cells of a CSV file.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => cell.push(chars.next().unwrap()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    rows
}
