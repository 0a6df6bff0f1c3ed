//! `sysflow rules test` as its users meet it.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::common::{sysflow, text};

fn rules_test(arguments: &[&str]) -> Output {
    sysflow(&[&["rules", "test"], arguments].concat())
}

const RULES: &str = "
- macro: dropped
  condition: proc.exepath startswith /tmp/
- rule: Dropped program
  desc: d
  condition: evt.type = execve and evt.res = SUCCESS and dropped
  output: '%proc.exepath runs'
  priority: ERROR
- rule: Any write
  desc: d
  condition: evt.is_open_write = true
  output: '%fd.name'
  priority: NOTICE
- rule: Much sent
  desc: d
  condition: sf.flow.wbytes > 1000
  output: '%sf.flow.wbytes'
  priority: NOTICE
";

/// A directory of rules and tests of them.
fn scratch(tests: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    // Fields of SysFlow make a file one of its dialect.
    let (falco, sysflow) = RULES.split_at(RULES.find("- rule: Much").unwrap());
    fs::write(directory.path().join("falco.yaml"), falco).unwrap();
    fs::write(directory.path().join("sysflow.yaml"), sysflow).unwrap();
    fs::write(directory.path().join("x.test.yaml"), tests).unwrap();
    let path = directory.path().to_str().unwrap().to_owned();
    (directory, path)
}

const SCENE: &str = "
- scene:
    - process: {pid: 5, exe: /bin/sh}
";

#[test]
fn the_shipped_rules_pass_their_tests() {
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let output = rules_test(&[policies.to_str().unwrap(), "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let tests = report["tests"].as_array().unwrap();
    assert!(tests.len() > 80, "{}", tests.len());
    let idle = report["idle"].as_object().unwrap();
    for test in tests {
        let verdict = test["verdict"].as_str().unwrap();
        // Rules that ask for more than one observation run once their engine is there.
        let waits = idle.values().any(|reason| {
            let reason = reason.as_str().unwrap();
            let key = ["`threshold`", "`throttle`", "`by`", "`sequence`"];
            let reasons = test["reasons"].to_string();
            key.iter().any(|key| reason.ends_with(key)) && reasons.contains(reason)
        });
        assert!(
            verdict == "passed" || verdict == "blocked" && waits,
            "{test:#}"
        );
    }
    let untested = report["untested"].as_array().unwrap();
    for rule in untested {
        assert!(
            idle.contains_key(rule.as_str().unwrap()),
            "no test makes {rule} fire"
        );
    }
    let is_whole = idle.is_empty();
    assert_eq!(output.status.code(), Some(i32::from(!is_whole)));
}

#[test]
fn a_test_that_passes_says_so() {
    let (_guard, path) = scratch(&format!(
        "{SCENE}
- test: drop and run
  story:
    - fork: {{pid: 5, child: 6}}
    - open: {{pid: 6, path: /tmp/x, flags: write}}
    - exec: {{pid: 6, exe: /tmp/x}}
    - connect: {{pid: 6, to: '203.0.113.9:443'}}
    - send: {{pid: 6, bytes: 2000}}
  expect:
    - {{rule: Dropped program, count: 1, where: proc.pid = 6}}
    - rule: Any write
    - {{rule: Much sent, count: 1, where: sf.flow.wbytes = 2000}}
  others: none
"
    ));
    let output = rules_test(&[&path, "--strict"]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("ok      drop and run"), "{told}");
    assert!(
        told.contains("1 of 1 tests of 3 rules passed, 0 failed"),
        "{told}"
    );
    let file = format!("{path}/x.test.yaml");
    assert_eq!(
        rules_test(&[&file]).status.code(),
        Some(0),
        "a file takes the rules beside it"
    );
}

#[test]
fn a_test_that_fails_says_what_was_expected_and_what_happened_instead() {
    let (_guard, path) = scratch(&format!(
        "{SCENE}
- test: run what was not dropped
  story:
    - exec: {{pid: 5, exe: /opt/x}}
    - open: {{pid: 5, path: /srv/x, flags: write, repeat: 2}}
  expect:
    - {{rule: Dropped program, count: 1}}
    - {{rule: Much sent, count: 0}}
  others: none
- test: priorities
  story:
    - open: {{pid: 5, path: /srv/x, flags: write}}
  others: none
  least: error
- test: a rule that is not there
  story: []
  expect: [rule: Droped program]
"
    ));
    let output = rules_test(&[&path]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    for part in [
        "FAILED  run what was not dropped (line 5)",
        "rule `Dropped program` must fire once, but it fired not at all: closest was",
        "where `dropped` is false",
        "no other rule may fire, but `Any write` did twice: /srv/x",
        "fired: Any write (2×): /srv/x",
        "ok      priorities",
        "BLOCKED a rule that is not there",
        "there is no rule `Droped program` that runs: did you mean `Dropped program`?",
        "Rules that no test makes fire:",
        "1 of 3 tests of 3 rules passed, 1 failed, 1 cannot be run",
    ] {
        assert!(told.contains(part), "not told: {part}\n{told}");
    }
    let output = rules_test(&[&path, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["tests"][0]["verdict"], "failed");
    assert_eq!(report["tests"][0]["line"], 5);
    assert_eq!(report["tests"][0]["fired"][0]["count"], 2);
    assert_eq!(report["untested"].as_array().unwrap().len(), 3);
}

#[test]
fn rules_without_a_test_fail_only_when_strict() {
    let (_guard, path) = scratch(&format!(
        "{SCENE}\n- test: nothing\n  story: []\n  others: none\n"
    ));
    assert_eq!(rules_test(&[&path]).status.code(), Some(0));
    assert_eq!(rules_test(&[&path, "--strict"]).status.code(), Some(1));
}

#[test]
fn what_is_no_test_is_told_with_its_place() {
    for (tests, message) in [
        (
            "- test: a\n  story: []\n",
            "x.test.yaml:1:3: test `a` expects nothing",
        ),
        (
            "- test: a\n  others: none\n",
            "x.test.yaml:1:3: test `a` needs either",
        ),
        (
            "- tset: a\n",
            "x.test.yaml:1:3: unknown field `tset`, expected one of scene, test",
        ),
        (
            "- test: a\n  story:\n    - opne: {pid: 1}\n  others: none\n",
            "x.test.yaml:3:7: unknown variant `opne`",
        ),
        (
            "- test: a\n  story: []\n  expect:\n    - {rule: x, count: 1, at_most: 2}\n",
            "x.test.yaml:4:7: `count` says it all",
        ),
        (
            "- test: a\n  story: []\n  others: none\n  least: urgent\n",
            "no priority `urgent`",
        ),
    ] {
        let (_guard, path) = scratch(tests);
        let output = rules_test(&[&path]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(message), "not told: {message}\n{told}");
    }
    // What goes wrong while a story is told is the matter of one test.
    let (_guard, path) = scratch("- test: a\n  story:\n    - exit: {pid: 9}\n  others: none\n");
    let output = rules_test(&[&path]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        told.contains("3:7: there is no process or thread 9"),
        "{told}"
    );
}

#[test]
fn recordings_are_judged_as_stories_are() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let recording = examples.join("web-intrusion.sf").canonicalize().unwrap();
    let tests = format!(
        "- test: the bundled intrusion\n  recording: {}\n  expect:\n    - {{rule: Credentials read by a \
         dropped program, at_least: 1}}\n",
        recording.display()
    );
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.test.yaml");
    fs::write(&path, tests).unwrap();
    let rules = examples.join("web-intrusion.yaml");
    let output = rules_test(&[
        path.to_str().unwrap(),
        "--policies",
        rules.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}
