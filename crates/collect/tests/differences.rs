//! In what the clean profile differs from the strict one, on real captures: a table in
//! `tests/differences.txt`, one section a capture, one class a line, with an example of each
//! (of the last line none: there, several faults meet in one record).
//!
//! A class is one quirk of the original. It is counted by taking only this one away from the strict profile:
//! records that are no longer there, records that are there instead (as schema 5 shows them). Set
//! `UPDATE_TABLES` to write the table anew.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use common::{CLASSIC, MemoryFile, captures, name_of, replay, tell};
use sysflow_collect::{Config, Generation, Quirks};

fn told(input: &[u8], quirks: Quirks) -> Vec<String> {
    let config = Config {
        quirks: Some(quirks),
        ..Config::strict(Generation::Libs017)
    };
    let sink = MemoryFile::new(CLASSIC);
    let file = replay(input, config, sink).0.finish();
    tell(&file, false)
        .into_iter()
        .map(|line| line.text)
        .collect()
}

/// The name of the line of all classes at once.
const TOGETHER: &str = "ALL TOGETHER";

/// What is in `some` more often than in `others`.
fn without<'a>(some: &'a [String], others: &'a [String]) -> Vec<&'a str> {
    let mut counts: HashMap<&str, i64> = HashMap::new();
    for line in others {
        *counts.entry(line).or_default() += 1;
    }
    let mut more = Vec::new();
    for line in some {
        let count = counts.entry(line).or_default();
        *count -= 1;
        if *count < 0 {
            more.push(line.as_str());
        }
    }
    more
}

/// A record in its first words.
fn shortened(line: &str) -> String {
    line.chars().take(240).collect()
}

/// What differs between two records of one kind.
fn fields(old: &str, new: &str) -> Option<String> {
    let kind = old.split('(').next()?;
    if !new.starts_with(kind) {
        return None;
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split(", ").collect(), new.split(", ").collect());
    if old.len() != new.len() {
        return None;
    }
    let pairs = old.iter().zip(&new).filter(|(old, new)| old != new);
    let changes: Vec<String> = pairs
        .map(|(old, new)| format!("{old:?} => {new:?}"))
        .collect();
    Some(format!("{kind}: {}", shortened(&changes.join(", "))))
}

fn section(input: &[u8]) -> String {
    let strict = told(input, Quirks::all());
    let mut section = String::new();
    let mut line = |name: &str, other: &[String]| {
        let (gone, come) = (without(&strict, other), without(other, &strict));
        if gone.is_empty() && come.is_empty() {
            return;
        }
        writeln!(section, "  {name}: -{} +{}", gone.len(), come.len()).unwrap();
        let change = gone
            .first()
            .zip(come.first())
            .and_then(|(old, new)| fields(old, new));
        if let Some(change) = change.filter(|_| name != TOGETHER) {
            writeln!(section, "    {change}").unwrap();
            return;
        }
        for (sign, lines) in [('-', gone), ('+', come)] {
            if let Some(example) = lines.first().filter(|_| name != TOGETHER) {
                writeln!(section, "    {sign} {}", shortened(example)).unwrap();
            }
        }
    };
    for (name, quirk) in Quirks::all().iter_names() {
        line(name, &told(input, Quirks::all() - quirk));
    }
    line(TOGETHER, &told(input, Quirks::empty()));
    section
}

#[test]
fn differences_are_those_of_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differences.txt");
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let known: HashMap<&str, &str> = known
        .split("\n== ")
        .skip(1)
        .filter_map(|section| section.split_once('\n'))
        .collect();
    let mut table = String::from(
        "# In what the clean profile differs from the strict one: see differences.rs. The names are those of\n\
         # `Quirks`, where each says what fault it mends. Examples are the first of each kind.\n",
    );
    let mut failures = Vec::new();
    for capture in captures() {
        let name = name_of(&capture);
        let section = section(&std::fs::read(&capture).expect("readable"));
        write!(table, "\n== {name}\n{section}").unwrap();
        if known
            .get(&*name)
            .is_some_and(|known| known.trim_end() != section.trim_end())
        {
            println!("{name} is now\n{section}");
            failures.push(name);
        }
    }
    if std::env::var_os("UPDATE_TABLES").is_some() {
        std::fs::write(&path, table).expect("writable");
        return;
    }
    assert!(
        failures.is_empty(),
        "other differences than in the table: {failures:?}"
    );
}
