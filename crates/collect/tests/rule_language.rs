//! Rule files mean what they mean to Falco: what it takes and refuses, and what its published rules match.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use sysflow_collect::source::scap::ScapSource;
use sysflow_collect::{Collector, Config, EventView, EventsOnly};
use sysflow_policy::{
    Condition, Dialect, Evaluator, LoadOptions, RuleSet, Selection, Selector, SourceFile,
};
use sysflow_scap::Capture;

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

fn words(list: &Json) -> BTreeSet<String> {
    let words = list.as_array().into_iter().flatten();
    words
        .map(|word| word.as_str().unwrap().to_owned())
        .collect()
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
    for (name, difference) in &different {
        println!("{name}: {difference}");
    }
    assert!(different.is_empty(), "{}", different.len());
}

const RULE_FILES: [&str; 3] = [
    "falco_rules.yaml",
    "falco-incubating_rules.yaml",
    "falco-sandbox_rules.yaml",
];

fn published(data: &Path) -> Vec<SourceFile> {
    let files = RULE_FILES.iter().map(|name| SourceFile {
        name: (*name).into(),
        text: std::fs::read_to_string(data.join("falco-rules").join(name)).unwrap(),
    });
    files.collect()
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

#[test]
fn the_published_rules_load() {
    let Some(data) = data() else { return };
    let (rules, problems) = EventRules::load(published(&data), &falco());
    assert!(problems.is_empty(), "{problems}");
    assert_eq!(rules.rules().len(), 93);
    println!("{}", problems.hints());
    let result = problems.falco_result();
    assert!(result.is_successful(), "{:?}", result.error);
    assert_eq!(rules.counts().rules, 93);
}

/// Rules of which the matches differ, and why; nothing that the language has to do with.
const OTHER_MATCHES: &[(&str, &str)] = &[(
    "Launch Disallowed Container",
    "these answers know no containers",
)];

#[test]
fn the_published_rules_match_as_in_falco() {
    let Some(data) = data() else { return };
    let text = std::fs::read_to_string(data.join("falco-expected/published-rules.json")).unwrap();
    let expected: Json = serde_json::from_str(&text).unwrap();
    let files = published(&data);
    // They are for all rules, those among them that are off.
    let options = LoadOptions {
        selection: vec![Selection {
            enable: true,
            rules: Selector::Name("*".into()),
        }],
        ..falco()
    };
    let (rules, _) = EventRules::load(files, &options);
    let loaded: BTreeSet<&str> = rules
        .rules()
        .iter()
        .map(|rule| rule.name.as_str())
        .collect();
    let mut different = Vec::new();
    let mut same = 0;
    for (capture, wanted) in expected.as_object().unwrap() {
        let mut evaluator = Evaluator::new();
        let mut matches: BTreeMap<String, usize> = BTreeMap::new();
        each_event(
            &data.join("capture").join(format!("{capture}.scap")),
            |view| {
                matched(&mut evaluator, &rules, view, &mut matches);
            },
        );
        let wanted: BTreeMap<String, usize> = wanted
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| loaded.contains(name.as_str()))
            .map(|(name, alerts)| (name.clone(), alerts.as_array().unwrap().len()))
            .collect();
        let names: BTreeSet<&String> = matches.keys().chain(wanted.keys()).collect();
        for name in names {
            let (ours, theirs) = (matches.get(name), wanted.get(name));
            if ours == theirs {
                same += 1;
            } else if !OTHER_MATCHES.iter().any(|(known, _)| known == name) {
                different.push(format!("{capture}: {name}: {ours:?}, not {theirs:?}"));
            }
        }
    }
    println!("{same} pairs of a rule and a capture agree");
    assert!(different.is_empty(), "{different:#?}");
}

fn matched<'a>(
    evaluator: &mut Evaluator,
    rules: &RuleSet<EventView<'a>>,
    view: &EventView<'a>,
    matches: &mut BTreeMap<String, usize>,
) {
    let _ = evaluator.rules(rules, view, |_, rule| {
        *matches.entry(rule.name.clone()).or_default() += 1;
    });
}

/// Conditions of which the number of matches differs, and why; nothing that the language has to do with.
const OTHER_COUNTS: &[(&str, &str)] = &[
    ("evt.hostname exists", NOTICES),
    ("evt.is_async=true", NOTICES),
    ("evt.num>=0", NOTICES),
    ("evt.type=container", NOTICES),
    ("not evt.type=open", NOTICES),
    (
        "evt.num=1",
        "Falco spends the first numbers on what it tells of threads",
    ),
    (
        "evt.type in (open,openat) and user.name=\"<NA>\"",
        "Falco asks the machine that replays",
    ),
    (
        "evt.type=connect and fd.net in (10.0.0.0/8, 127.0.0.0/8)",
        "Falco tests the first network only, of which nobody has use",
    ),
];

const NOTICES: &str = "what is told of threads, containers and users is counted otherwise";

#[test]
fn every_condition_of_falco_compiles_and_counts() {
    let Some(data) = data() else { return };
    let text = std::fs::read_to_string(data.join("falco-expected/condition-counts.json")).unwrap();
    let counts: Json = serde_json::from_str(&text).unwrap();
    let (mut same, mut different) = (0, Vec::new());
    for (name, conditions) in counts.as_object().unwrap() {
        let mut compiled = Vec::new();
        for (condition, expected) in conditions.as_object().unwrap() {
            let parsed = Condition::<EventView<'static>>::parse_in(condition, Dialect::Falco);
            let parsed = parsed.unwrap_or_else(|problems| panic!("{condition}\n{problems}"));
            compiled.push((condition, parsed, expected.as_u64().unwrap(), 0));
        }
        let mut evaluator = Evaluator::new();
        each_event(&data.join("capture").join(format!("{name}.scap")), |view| {
            for (_, parsed, _, matched) in &mut compiled {
                *matched += u64::from(holds(&mut evaluator, parsed, view));
            }
        });
        for (condition, _, expected, matched) in compiled {
            if expected == matched {
                same += 1;
            } else if !OTHER_COUNTS.iter().any(|(known, _)| known == condition) {
                different.push(format!("{name}: {condition}: {matched}, not {expected}"));
            }
        }
    }
    println!("{same} counts agree");
    assert!(different.is_empty(), "{different:#?}");
}

fn holds<'a>(
    evaluator: &mut Evaluator,
    condition: &Condition<EventView<'a>>,
    view: &EventView<'a>,
) -> bool {
    evaluator.condition(condition, view)
}
