//! Which rules run, and why others do not: `sysflow rules check` and `list`, and the options that choose rules.

use crate::common::{capture, json, json_lines, recording, rules, sysflow, text};

const RULES: &str = "
- rule: of an operation
  desc: d
  condition: evt.type = setuid and evt.cpu >= 0
  output: o
  priority: NOTICE
- rule: of either
  desc: d
  condition: evt.type = execve
  output: o
  priority: NOTICE
";

const TORN: &str = "
- rule: torn
  desc: d
  condition: evt.cpu = 0 and sf.flow.wbytes > 1
  output: o
  priority: NOTICE
";

#[test]
fn a_rule_that_one_view_answers_is_no_error() {
    let (_guard, path) = rules(RULES);
    let output = sysflow(&["rules", "check", &path]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("2 of 2 rules load"), "{told}");
    let output = sysflow(&["rules", "check", &path, "--view", "records"]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("field `evt.cpu`"), "{told}");
    assert!(told.contains("1 of 2 rules load"), "{told}");
}

#[test]
fn a_rule_that_no_view_answers_tells_what_each_lacks() {
    let (_guard, path) = rules(TORN);
    let output = sysflow(&["rules", "check", &path]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    for part in [
        "neither records nor operations tell all that the rule `torn` asks for",
        "on records: cannot run on this source: field `evt.cpu`",
        "on events: cannot run on this source: field `sf.flow.wbytes` belongs to records, which",
        "0 of 1 rules load",
    ] {
        assert!(told.contains(part), "not told: {part}\n{told}");
    }
    let report = json(&sysflow(&["rules", "check", &path, "--json"]).stdout);
    assert_eq!(
        (&report["errors"], &report["loaded"]),
        (&1.into(), &0.into())
    );
    assert_eq!(report["problems"][0]["notes"].as_array().unwrap().len(), 2);
}

#[test]
fn an_error_that_is_no_missing_field_is_the_reason_that_is_told() {
    let wrong = TORN.replace("evt.cpu = 0", "evt.cpu = 0 and evt.type = exceve");
    let wrong = wrong.replace("sf.flow.wbytes > 1", "proc.pid > 1");
    let (_guard, path) = rules(&wrong);
    let told = text(&sysflow(&["rules", "check", &path]).stdout);
    assert!(told.contains("exceve"), "{told}");
    assert!(!told.contains("neither records nor operations"), "{told}");
    assert!(told.contains("1 errors"), "{told}");
    // Tests of rules tell the same reason.
    let tests = std::path::Path::new(&path).with_file_name("x.test.yaml");
    std::fs::write(&tests, "- test: t\n  story: []\n  expect: [rule: torn]\n").unwrap();
    let told = text(&sysflow(&["rules", "test", tests.to_str().unwrap()]).stdout);
    assert!(
        told.contains("BLOCKED") && told.contains("exceve"),
        "{told}"
    );
}

#[test]
fn a_misspelled_token_is_the_only_one_that_is_told() {
    let wrong = RULES.replace("output: o", "output: \"%evt.datetime %thread.vtd\"");
    let (_guard, path) = rules(&wrong);
    let report = json(&sysflow(&["rules", "check", &path, "--json"]).stdout);
    let problems = report["problems"].as_array().unwrap();
    let messages = problems.iter().map(|problem| &problem["message"]);
    let messages: Vec<&str> = messages.map(|message| message.as_str().unwrap()).collect();
    // Only records lack the first token, so it keeps no rule from running.
    assert_eq!(messages, ["`%thread.vtd` names no field"; 2], "{report}");
}

#[test]
fn a_field_that_no_view_has_is_the_reason_that_is_told() {
    let wrong = TORN.replace("evt.cpu = 0 and sf.flow.wbytes > 1", "thread.cpu > 1");
    let (_guard, path) = rules(&wrong);
    let told = text(&sysflow(&["rules", "check", &path]).stdout);
    assert!(told.contains("field `thread.cpu` needs"), "{told}");
    assert!(!told.contains("neither records nor operations"), "{told}");
}

#[test]
fn coverage_tells_what_a_source_cannot_answer() {
    let (_guard, path) = rules(&format!("{RULES}{TORN}"));
    let output = sysflow(&["rules", "list", &path, "--source", &recording()]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    for part in [
        "records   of either",
        "-         of an operation",
        "records: cannot run on this source: field `evt.cpu`",
        "Operations are not in recordings (.sf)",
        "1 of 3 rules run: 1 on records, 0 on operations; 0 are disabled, 2 left out, 2 of these for want of a field",
    ] {
        assert!(told.contains(part), "not told: {part}\n{told}");
    }
    let both = sysflow(&["rules", "list", &path, "--view", "both", "--json"]);
    let report = json(&both.stdout);
    let totals = &report["totals"];
    assert_eq!(
        (&totals["events"], &totals["left_out"]),
        (&2.into(), &1.into())
    );
    assert_eq!(report["rules"][2]["reasons"][0]["code"], "foreign-field");
    if let Some(capture) = capture("setuid-setuid.scap") {
        let told = sysflow(&["rules", "list", &path, "--source", &capture, "--json"]);
        assert_eq!(json(&told.stdout)["totals"], *totals);
    }
    // The plain list holds those that load.
    let plain = json_lines(&sysflow(&["rules", "list", &path, "--json"]).stdout);
    let views: Vec<_> = plain.iter().map(|rule| rule["view"].as_str()).collect();
    assert_eq!(views, [Some("events"), Some("events")]);
}

#[test]
fn rules_are_chosen_when_they_are_run() {
    let (_guard, path) = rules(
        "
- rule: First program
  desc: d
  condition: sf.opflags = EXEC
  output: o
  priority: NOTICE
  tags: [one, both]
- rule: Second program
  desc: d
  condition: sf.opflags = EXEC and sf.proc.pid > 0
  output: o
  priority: NOTICE
  tags: [two, both]
- rule: Off
  desc: d
  condition: sf.opflags = EXEC
  output: o
  priority: NOTICE
  enabled: false
",
    );
    let fired = |options: &[&str]| {
        let recording = recording();
        let start = ["run", "-s", &recording, "-p", &path, "--json", "-q"];
        let mut names: Vec<String> = json_lines(&sysflow(&[&start[..], options].concat()).stdout)
            .iter()
            .map(|alert| alert["rule"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names.dedup();
        names
    };
    assert_eq!(fired(&[]), ["First program", "Second program"]);
    assert_eq!(fired(&["--first-match"]), ["First program"]);
    assert_eq!(fired(&["--disable", "First*"]), ["Second program"]);
    assert_eq!(fired(&["--tag", "two"]), ["Second program"]);
    assert_eq!(
        fired(&["--tag", "both", "--no-tag", "two"]),
        ["First program"]
    );
    assert_eq!(fired(&["--disable", "*", "--enable", "Off"]), ["Off"]);
}

#[test]
fn what_no_rule_asks_for_changes_no_alert() {
    let asked = "
- rule: asked
  desc: d
  condition: evt.type in (open, openat, dup, close) and fd.num >= 0
  output: \"%evt.num %evt.deltatime %evt.reltime %fd.name %fd.name_changed %fd.nameraw %proc.vmsize\"
  priority: NOTICE
";
    let all = format!(
        "{asked}- rule: all\n  desc: d\n  condition: evt.num > 0\n  output: o\n  priority: DEBUG\n"
    );
    let Some(capture) = capture("files-filesat.scap") else {
        return;
    };
    let alerts = |rules_text: &str| -> Vec<String> {
        let (_guard, path) = rules(rules_text);
        let output = sysflow(&["run", "-p", &path, "--source", &capture, "--json"]);
        let alerts = json_lines(&output.stdout).into_iter();
        let alerts = alerts.filter(|alert| alert["rule"] == "asked");
        alerts.map(|alert| alert["output"].to_string()).collect()
    };
    let alone = alerts(asked);
    assert!(alone.len() > 10, "{alone:?}");
    assert_eq!(alone, alerts(&all));
}
