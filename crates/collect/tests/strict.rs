//! The strict profile writes what the original collector wrote from the same captures, record for record.

mod common;

use common::{MemoryFile, captures, name_of, replay, tell};
use sysflow_collect::{Config, Generation};
use sysflow_record::container::WriteOptions;

/// Which release of the capture library stood behind the original when it wrote each reference.
fn rules_of(name: &str) -> Generation {
    if name.ends_with("full_capture") {
        Generation::Libs010
    } else {
        Generation::Libs017
    }
}

/// The schema of each reference.
fn options_of(name: &str) -> WriteOptions {
    let version = if name == RETIRED_FIELD { 1 } else { 5 };
    WriteOptions {
        version,
        ..WriteOptions::CLASSIC
    }
}

/// A field of containers that was given up before its schema was released, and the spelling of unknown names.
const RETIRED_FIELD: &str = "nginx-nginx";

#[test]
fn references_are_met_record_for_record() {
    let mut failures = Vec::new();
    for capture in captures() {
        let name = name_of(&capture);
        let config = Config {
            exporter: "tests".to_owned(),
            ..Config::strict(rules_of(&name))
        };
        let input = std::fs::read(&capture).expect("readable");
        let (sink, _) = replay(&input, config, MemoryFile::new(options_of(&name)));
        let ours = tell(&sink.finish(), false);
        let reference = std::fs::read(capture.with_extension("sf")).expect("a reference");
        let theirs = tell(&reference, false);
        let different = ours
            .iter()
            .zip(&theirs)
            .filter(|(ours, theirs)| ours != theirs)
            .count();
        println!(
            "{name}: {} records, {} expected, {different} differ",
            ours.len(),
            theirs.len()
        );
        let allowed = if name == RETIRED_FIELD { 4 } else { 0 };
        if different > allowed || ours.len() != theirs.len() {
            let first = ours
                .iter()
                .zip(&theirs)
                .position(|(ours, theirs)| ours != theirs);
            if let Some(first) = first {
                for index in first.saturating_sub(1)..(first + 4) {
                    println!(
                        "  {index} ours   {:.400}",
                        ours.get(index).map_or("-", |line| &line.text)
                    );
                    println!(
                        "  {index} theirs {:.400}",
                        theirs.get(index).map_or("-", |line| &line.text)
                    );
                }
            }
            failures.push(name);
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}
