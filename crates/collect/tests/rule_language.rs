//! Rule files mean what they mean to Falco: what it takes and refuses, and what its published rules match.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use sysflow_collect::EventView;
use sysflow_policy::{Dialect, LoadOptions, RuleSet, SourceFile};

type EventRules = RuleSet<EventView<'static>>;

fn data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !folder.is_dir() {
        eprintln!("skipped: there is no {}", folder.display());
        return None;
    }
    Some(folder)
}

fn falco() -> LoadOptions {
    LoadOptions {
        dialect: Some(Dialect::Falco),
        ..LoadOptions::default()
    }
}

/// Files of which we do not say what Falco says, and why.
const DIFFERENCES: &[(&str, &str)] = &[(
    "cond_list_field_eq",
    "fd.types is not captured, so nothing is known of its type",
)];

fn words(list: &Json) -> BTreeSet<String> {
    let words = list.as_array().into_iter().flatten();
    words.map(|word| word.as_str().unwrap().to_owned()).collect()
}

#[test]
fn files_are_taken_and_refused_as_in_falco() {
    let Some(data) = data() else { return };
    let text = std::fs::read_to_string(data.join("falco-expected/load-cases.json")).unwrap();
    let cases: Vec<Json> = serde_json::from_str(&text).unwrap();
    let (mut agreeing, mut different) = (0, BTreeMap::new());
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let file = SourceFile {
            name: "rules.yaml".into(),
            text: case["yaml"].as_str().unwrap().into(),
        };
        let (_, problems) = EventRules::load(vec![file], &falco());
        let result = problems.falco_result();
        let errors: BTreeSet<String> = result
            .error
            .iter()
            .map(|(code, _)| code.name().to_owned())
            .collect();
        let warnings: BTreeSet<String> = result
            .warnings
            .iter()
            .map(|(code, _)| code.name().to_owned())
            .collect();
        let mut expected = (
            case["ok"].as_bool().unwrap(),
            words(&case["errors"]),
            words(&case["warnings"]),
        );
        // What ends Falco before it can tell has no code.
        if !expected.0 && !expected.1.iter().any(|code| code.starts_with("LOAD_")) {
            expected.1.clone_from(&errors);
        }
        let got = (result.is_successful(), errors, warnings);
        if got == expected {
            agreeing += 1;
        } else {
            let all = format!("{problems}{}", problems.hints());
            different.insert(name, format!("{got:?}, not {expected:?}\n{all}"));
        }
    }
    println!("{agreeing} of {} files agree", cases.len());
    for (name, reason) in DIFFERENCES {
        assert!(
            different.remove(name).is_some(),
            "{name} agrees, though it should differ: {reason}"
        );
    }
    for (name, difference) in &different {
        println!("{name}: {difference}");
    }
    assert!(different.is_empty(), "{}", different.len());
}
