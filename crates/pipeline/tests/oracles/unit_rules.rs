//! The rule files by which the original tested its compiler.

use std::collections::BTreeMap;
use std::fs;

use sysflow_pipeline::policies;
use sysflow_policy::LoadOptions;
use sysflow_record::Kind;

use crate::{TRACES, data, for_each_record, judge};

/// A rule and its matches in each of the three express recordings.
type Row = (&'static str, [u64; 3]);

/// The original's own rule files for tests. None matches anything in the other recordings.
const UNIT_TESTS: &[(&str, &[Row])] = &[
    (
        "contains",
        &[
            ("Contains rule", [17_644, 5_057, 17_186]),
            ("iContains rule", [17_644, 5_057, 17_186]),
        ],
    ),
    ("eq", &[("Eq rule", [0, 0, 0])]),
    ("ge", &[("Ge rule", [0, 0, 0])]),
    ("gt", &[("Gt rule", [0, 0, 0])]),
    ("fileflow", &[("File Flows Open Write Access", [0, 0, 0])]),
    (
        "macro",
        &[("Simple rule to test if Python process", [0, 0, 0])],
    ),
    ("in", &[("In rule", [171, 43, 133])]),
    ("le", &[("Le rule", [285, 70, 225])]),
    (
        "logic",
        &[
            ("Logic rule", [171, 43, 133]),
            ("Pars rule", [171, 43, 133]),
        ],
    ),
    ("lt", &[("Lt rule", [17_119, 4_943, 13_791])]),
    (
        "networkflow",
        &[("Network Flows on specific port", [295, 70, 454])],
    ),
    ("pmatch", &[("Pmatch rule", [175, 56, 146])]),
    ("sfmap", &[("Sf map rule", [17_575, 5_504, 15_516])]),
    (
        "simple",
        &[
            ("Simple rule 1", [175, 52, 157]),
            ("Simple rule 2", [175, 52, 157]),
            ("Simple rule 3", [175, 52, 157]),
            ("Simple rule 4", [171, 43, 133]),
            ("Simple rule 5", [171, 43, 133]),
            ("Simple rule 6", [171, 43, 133]),
        ],
    ),
    (
        "startswith",
        &[("Startswith rule", [17_644, 5_509, 15_518])],
    ),
    ("unary", &[("Exists rule", [18_755, 6_297, 20_010])]),
];

const IN_THE_FILE: &str = "the recording says that processes 18118 and 18162, which are cloned, run \
    /usr/bin/python in the container k8s_node…: both conditions hold for two records more";

/// Rules for which 742 differs: ours, and why.
const UNIT_TEST_DIFFERENCES: &[(&str, u64, &str)] = &[
    ("Contains rule", 17_188, IN_THE_FILE),
    ("iContains rule", 17_188, IN_THE_FILE),
    ("Sf map rule", 15_518, IN_THE_FILE),
    ("Simple rule 4", 135, IN_THE_FILE),
    ("Simple rule 5", 135, IN_THE_FILE),
    ("Simple rule 6", 135, IN_THE_FILE),
];

#[test]
fn unit_tests_of_the_original() {
    let Some(data) = data() else {
        return;
    };
    let folder = data.join("sysflow-policies/tests");
    let files = fs::read_dir(&folder).unwrap().count();
    assert_eq!(
        files,
        UNIT_TESTS.len() + 1,
        "all files but falco.yaml stand in the table"
    );
    for (file, expected) in UNIT_TESTS {
        let path = folder.join(format!("unit_test_{file}.yaml"));
        let (rules, _) = policies::load(&[path], &LoadOptions::default()).unwrap();
        for (number, trace) in TRACES.into_iter().enumerate() {
            let mut wanted = BTreeMap::new();
            for (rule, matches) in *expected {
                let original = number.checked_sub(5).map_or(0, |express| matches[express]);
                let ours = UNIT_TEST_DIFFERENCES
                    .iter()
                    .find(|(name, ..)| number == 7 && name == rule);
                let matches = ours.map_or(original, |(_, ours, _)| {
                    assert_ne!(*ours, original, "no difference: {rule}");
                    *ours
                });
                wanted.insert((*rule).to_owned(), matches);
            }
            wanted.retain(|_, matches| *matches > 0);
            let found = judge(&rules, &data.join(trace));
            assert_eq!(found.by_rule, wanted, "{file} over {trace}");
        }
    }
}

/// The two records that our answer has more than the original's, letter by letter.
#[test]
fn the_cloned_pythons() {
    let Some(data) = data() else {
        return;
    };
    let mut found = Vec::new();
    for_each_record(&data.join(TRACES[7]), |joined| {
        let Some(process) = joined.process else {
            return;
        };
        if matches!(process.oid.hpid, 18_118 | 18_162) {
            let container = joined.container.unwrap();
            assert!(container.name().starts_with(b"k8s_node"));
            assert_eq!(joined.record.kind(), Kind::ProcessEvent);
            found.push((process.oid.hpid, process.exe().to_string()));
        }
    });
    let python = || "/usr/bin/python".to_owned();
    assert_eq!(found, [(18_118, python()), (18_162, python())]);
}

/// Rules of an old Falco. The original compiled them and matched nothing, as its `evt.type` never was a
/// system call; here they work as far as records can tell.
#[test]
fn old_rules_of_falco() {
    let Some(data) = data() else {
        return;
    };
    let path = data.join("sysflow-policies/tests/falco.yaml");
    let (rules, problems) = policies::load(&[path], &LoadOptions::default()).unwrap();
    assert_eq!((rules.counts().rules, rules.rules().len()), (61, 47));
    for problem in problems.only_errors().iter() {
        assert_eq!(
            problem.code,
            sysflow_policy::Code::ForeignField,
            "{problem:?}"
        );
    }
    let expected: [&[(&str, u64)]; 8] = [
        &[],
        &[],
        &[("Run shell untrusted", 1)],
        &[],
        &[("Create files below dev", 112)],
        &[],
        &[("Launch Package Management Process in Container", 2)],
        &[
            ("Launch Package Management Process in Container", 1),
            ("Write below monitored dir", 2),
        ],
    ];
    for (trace, expected) in TRACES.into_iter().zip(expected) {
        let expected = expected.iter().map(|(rule, n)| ((*rule).to_owned(), *n));
        let found = judge(&rules, &data.join(trace));
        assert_eq!(found.by_rule, expected.collect(), "{trace}");
    }
}
