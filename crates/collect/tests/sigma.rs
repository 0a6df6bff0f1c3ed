//! Sigma rules over the events of captures.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use sysflow_collect::source::scap::ScapSource;
use sysflow_collect::{Collector, Config, EventView, EventsOnly};
use sysflow_policy::sigma::check_mapping;
use sysflow_policy::{Evaluator, LoadOptions, RuleSet, SourceFile};
use sysflow_scap::Capture;

type Rules = RuleSet<EventView<'static>>;

/// What a rule is about and what Falco's fields say of the same.
const PAIRS: &[(&str, &str, &str)] = &[
    (
        "process_creation",
        "Image|startswith: /",
        "evt.type in (execve, execveat) and evt.rawres = 0 and proc.exepath startswith /",
    ),
    (
        "process_creation",
        "CommandLine|contains: ' -'",
        "evt.type in (execve, execveat) and evt.rawres = 0 and proc.exeline contains \" -\"",
    ),
    (
        "file_event",
        "TargetFilename|startswith: /tmp/",
        "evt.failed = false and ((evt.type in (open, openat, openat2, creat) and fd.typechar = f \
         and (evt.arg.flags contains O_CREAT or evt.arg.flags contains O_TRUNC or evt.type = creat) \
         and (fd.name startswith /tmp/ or fs.path.name startswith /tmp/)) \
         or (evt.type in (link, linkat, symlink, symlinkat, rename, renameat, renameat2, mkdir, mkdirat) \
         and (fd.name startswith /tmp/ or fs.path.name startswith /tmp/ or fs.path.target startswith /tmp/)))",
    ),
    (
        "network_connection",
        "DestinationPort|gte: 1",
        "(evt.rawres >= 0 or evt.res = EINPROGRESS) and evt.type in (connect, accept, accept4) \
         and fd.typechar in (\"4\", \"6\") and fd.sport >= 1",
    ),
    (
        "network_connection",
        "Initiated: 'true'",
        "evt.type = connect and fd.typechar in (\"4\", \"6\") and (evt.rawres >= 0 or evt.res = EINPROGRESS)",
    ),
];

#[test]
fn everything_in_the_mapping_exists() {
    let problems = check_mapping::<EventView<'static>>(None);
    assert!(problems.is_empty(), "{problems}");
}

#[test]
fn rules_match_what_the_same_conditions_match() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/capture");
    if !folder.is_dir() {
        eprintln!("skipped: there is no {}", folder.display());
        return;
    }
    let mut sigma = String::new();
    let mut falco = String::new();
    for (index, (category, search, condition)) in PAIRS.iter().enumerate() {
        let _ = write!(
            sigma,
            "---\ntitle: r{index}\nlogsource: {{product: linux, category: {category}}}\n\
             detection:\n  s:\n    {search}\n  condition: s\n"
        );
        let _ = write!(
            falco,
            "- rule: r{index}\n  desc: d\n  priority: INFO\n  output: o\n  condition: >\n    {condition}\n"
        );
    }
    let load = |name: &str, text: String| {
        let file = SourceFile {
            name: name.into(),
            text,
        };
        let (rules, problems) = Rules::load(vec![file], &LoadOptions::default());
        assert_eq!(problems.errors(), 0, "{problems}");
        rules
    };
    let sets = [load("sigma.yml", sigma), load("falco.yaml", falco)];
    let mut matches: [BTreeMap<String, u64>; 2] = Default::default();
    let mut captures = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "scap") {
            continue;
        }
        captures += 1;
        let mut evaluators = [Evaluator::new(), Evaluator::new()];
        let mut see = |view: &EventView<'_>| {
            for (index, set) in sets.iter().enumerate() {
                let set: &RuleSet<EventView<'_>> = set;
                evaluators[index].rules(set, view, |_, rule| {
                    *matches[index].entry(rule.name.clone()).or_default() += 1;
                });
            }
        };
        let mut collector = Collector::new(Config::default(), EventsOnly(&mut see));
        let mut source = ScapSource::new();
        let mut capture = Capture::open(std::fs::File::open(&path).unwrap()).unwrap();
        while let Ok(Some(item)) = capture.next() {
            source.translate(&item, &mut collector);
        }
        collector.finish();
    }
    println!("{captures} captures: {matches:?}");
    assert_eq!(matches[0], matches[1]);
    assert_eq!(matches[0].len(), PAIRS.len(), "each matches something");
}
