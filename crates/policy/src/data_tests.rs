//! The rule files of the original SysFlow and of Falco, where they are at hand: all of them are
//! understood, whatever the toy source makes of their fields.

use std::path::{Path, PathBuf};

use crate::toy::Toy;
use crate::{Code, Counts, Diagnostics, LoadOptions, RuleSet, SourceFile};

/// Codes that say that a file was not understood.
const MISUNDERSTOOD: &[Code] = &[
    Code::Syntax,
    Code::Yaml,
    Code::Shape,
    Code::UnknownKey,
    Code::TooDeep,
    Code::ListCycle,
    Code::MacroCycle,
];

fn data(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = path.join(folder);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

fn load(path: &Path) -> (RuleSet<Toy>, Diagnostics) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let file = SourceFile {
        name: name.into_owned(),
        text: std::fs::read_to_string(path).unwrap(),
    };
    RuleSet::load(vec![file], &LoadOptions::default())
}

#[track_caller]
fn understood(path: &Path, counts: [usize; 4]) {
    let (set, problems) = load(path);
    if std::env::var_os("SHOW_PROBLEMS").is_some() {
        println!("{}", problems.render(false, 140));
    }
    let bad = problems.iter().filter(|p| MISUNDERSTOOD.contains(&p.code));
    let bad: Vec<_> = bad.collect();
    assert!(bad.is_empty(), "{}: {bad:#?}", path.display());
    let [rules, macros, lists, drops] = counts;
    let wanted = Counts {
        rules,
        macros,
        lists,
        drops,
    };
    assert_eq!(set.counts(), wanted, "{}", path.display());
}

#[test]
fn sysflow_policies_are_understood() {
    let Some(folder) = data("sysflow-policies") else {
        return;
    };
    for (file, counts) in [
        ("distribution/filter.yaml", [21, 84, 42, 1]),
        ("runtimeintegrity/globals.yaml", [0, 3, 4, 1]),
        ("runtimeintegrity/path.yaml", [1, 0, 0, 0]),
        ("runtimeintegrity/runtimeintegrity.yaml", [26, 53, 67, 0]),
        ("runtimeintegrity/ttps.yaml", [52, 59, 86, 0]),
        ("tests/falco.yaml", [61, 298, 112, 0]),
        ("tests/unit_test_in.yaml", [1, 1, 1, 0]),
        ("tests/unit_test_logic.yaml", [2, 1, 1, 0]),
        ("tests/unit_test_simple.yaml", [6, 0, 0, 0]),
        ("tests/unit_test_fileflow.yaml", [1, 0, 0, 0]),
    ] {
        understood(&folder.join(file), counts);
    }
}

#[test]
fn falco_rules_are_understood() {
    let Some(folder) = data("falco-rules") else {
        return;
    };
    for (file, counts) in [
        ("falco_rules.yaml", [25, 87, 49, 0]),
        ("falco-incubating_rules.yaml", [31, 82, 54, 0]),
        ("falco-sandbox_rules.yaml", [37, 183, 60, 0]),
    ] {
        understood(&folder.join(file), counts);
    }
}
