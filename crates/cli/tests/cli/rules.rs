//! `sysflow rules explain`, `cost` and `diff` as their users meet them.

use serde_json::Value;

use crate::common::{capture, example, json, json_lines, recording, rules, sysflow, text};

const RULES: &str = "
- rule: Credentials
  desc: d
  condition: sf.opflags = OPEN and sf.file.path endswith credentials.json
  output: '%sf.proc.exe reads %sf.file.path'
  priority: WARNING
- rule: Never
  desc: d
  condition: sf.opflags = EXEC and sf.proc.exe = /bin/sh and not sf.proc.pid > 0
  output: o
  priority: NOTICE
- rule: Off
  desc: d
  condition: sf.opflags = EXEC
  output: o
  priority: NOTICE
  enabled: false
";

fn explain(rule: &str, path: &str, more: &[&str]) -> std::process::Output {
    let recording = recording();
    let start = [
        "rules",
        "explain",
        rule,
        "--policies",
        path,
        "--source",
        &recording,
    ];
    sysflow(&[&start[..], more].concat())
}

#[test]
fn a_rule_that_fires_is_explained_by_what_it_fires_on_first() {
    let (_guard, path) = rules(RULES);
    let output = explain("Credentials", &path, &[]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for part in [
        "Credentials  (",
        "asked of records)",
        "the first that matches",
        "✓ sf.file.path endswith credentials.json  [sf.file.path = /srv/shop/credentials.json]",
    ] {
        assert!(told.contains(part), "not told: {part}\n{told}");
    }
    let object = json(&explain("credentials", &path, &["--json"]).stdout);
    assert_eq!(object["rule"], "Credentials", "letters may differ in case");
    let explained = &object["explained"][0];
    assert_eq!(explained["verdict"], "matches");
    assert_eq!(explained["closeness"], 1.0);
    let parts = explained["explanation"]["parts"].as_array().unwrap();
    assert!(parts.iter().all(|part| part["holds"] == true), "{parts:?}");
    assert_eq!(parts[0]["found"][0]["field"], "sf.opflags");
    // The first match is the first alert.
    let run = sysflow(&["run", "--source", &recording(), "-p", &path, "--json", "-q"]);
    let alerts = json_lines(&run.stdout);
    let first = alerts
        .iter()
        .find(|alert| alert["rule"] == "Credentials")
        .unwrap();
    let values = &parts[1]["found"][0]["values"];
    assert_eq!(values[0], first["output_fields"]["sf.file.path"]);
}

#[test]
fn a_rule_that_stays_silent_is_explained_by_what_came_closest() {
    let (_guard, path) = rules(RULES);
    let told = text(&explain("Never", &path, &[]).stdout);
    for part in [
        "nothing of 180 records matches; this came closest (67%)",
        "✓ sf.proc.exe = /bin/sh",
        "✗ not",
        "✓ sf.proc.pid > 0  [sf.proc.pid = ",
    ] {
        assert!(told.contains(part), "not told: {part}\n{told}");
    }
    let styled = text(&explain("Never", &path, &["--color", "always"]).stdout);
    assert!(styled.contains("\u{1b}[31m"), "{styled}");
}

#[test]
fn observations_can_be_chosen() {
    let (_guard, path) = rules(RULES);
    let chosen = explain("Off", &path, &["--event", "1", "--json"]);
    let object = json(&chosen.stdout);
    assert_eq!(object["explained"].as_array().unwrap().len(), 1, "{object}");
    assert_eq!(object["explained"][0]["number"], 1);
    assert_eq!(object["observations"], 1, "the rest is not read");
    let filter = ["--filter", "sf.opflags = EXEC", "--most", "2", "--json"];
    let object = json(&explain("Off", &path, &filter).stdout);
    let explained = object["explained"].as_array().unwrap();
    assert_eq!(explained.len(), 2);
    assert!(
        explained.iter().all(|one| one["verdict"] == "matches"),
        "a rule that is switched off can be explained"
    );
    let none = explain("Off", &path, &["--event", "9999"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(text(&none.stdout).contains("nothing of 180 records is the one that was asked for"));
    let wrong = explain("Off", &path, &["--filter", "no.such = 1"]);
    assert_eq!(wrong.status.code(), Some(2));
    let unknown = explain("Credential", &path, &[]);
    assert_eq!(unknown.status.code(), Some(2));
    let told = text(&unknown.stderr);
    assert!(told.contains("did you mean `Credentials`?"), "{told}");
}

#[test]
fn drops_are_told() {
    let (_guard, path) = rules(&format!(
        "- drop: shells\n  condition: sf.proc.exe = /bin/sh\n{RULES}"
    ));
    let filter = [
        "-f",
        "sf.opflags = EXEC and sf.proc.exe = /bin/sh",
        "--json",
    ];
    let object = json(&explain("Off", &path, &filter).stdout);
    assert_eq!(object["explained"][0]["verdict"], "dropped", "{object}");
    assert!(object["dropped"].as_u64() > Some(0));
    // What is dropped does not end the search for what matches.
    let object = json(&explain("Off", &path, &["--json"]).stdout);
    assert_eq!(object["explained"][0]["verdict"], "matches", "{object}");
    assert!(object["dropped"].as_u64() > Some(0), "{object}");
}

#[test]
fn a_sequence_tells_which_step_is_missing() {
    let (_guard, path) = rules(
        "
- rule: Sequence
  desc: d
  priority: NOTICE
  output: o
  by: [sf.container.id]
  sequence:
    - {condition: sf.opflags = EXEC and sf.proc.exe = /bin/sh}
    - {condition: 'sf.opflags = EXEC and sf.proc.exe = /no/such', within: 1m}
  within: 10m
- rule: Threshold
  desc: d
  priority: NOTICE
  output: o
  condition: sf.opflags = EXEC
  threshold: {distinct: sf.proc.exe, count: 1000, within: 1h, by: [sf.container.id]}
- rule: Complete
  desc: d
  priority: NOTICE
  output: o
  condition: sf.opflags = EXEC
  threshold: {count: 3, within: 1h, by: [sf.container.id]}
",
    );
    let told = text(&explain("Sequence", &path, &[]).stdout);
    for part in [
        "asks for 2 steps in this order within 600 s, with the same sf.container.id",
        "did not fire on 180 records",
        "step 1: true",
        "of sf.container.id",
        "step 2: never true",
        "✗ sf.proc.exe = /no/such",
        "furthest: step 1 of 2 was reached, step 2 is missing",
        "sf.container.id = 5e2a91c07b3d",
    ] {
        assert!(told.contains(part), "not told: {part}\n{told}");
    }
    let object = json(&explain("Threshold", &path, &["--json"]).stdout);
    let several = &object["several"];
    assert_eq!(
        (&several["pattern"], &several["fired"]),
        (&"count".into(), &0.into())
    );
    let furthest = &several["furthest"];
    assert_eq!(furthest["needed"], 1000);
    // As many programs as the recording runs in that container.
    let runs = ["-f", "sf.opflags = EXEC and sf.container.id = 5e2a91c07b3d"];
    let recording = recording();
    let columns = ["--json", "-c", "proc.exe"];
    let records = sysflow(&[&["print", &recording], &runs[..], &columns[..]].concat());
    let mut programs: Vec<String> = json_lines(&records.stdout)
        .iter()
        .map(|record| record["proc"]["exe"].to_string())
        .collect();
    programs.sort();
    programs.dedup();
    assert_eq!(furthest["reached"], programs.len(), "{programs:?}");
    let object = json(&explain("Complete", &path, &["--json"]).stdout);
    let run = sysflow(&["run", "--source", &recording, "-p", &path, "--json", "-q"]);
    let alerts = json_lines(&run.stdout);
    let fired = alerts
        .iter()
        .filter(|alert| alert["rule"] == "Complete")
        .count();
    assert!(fired > 0);
    assert_eq!(object["several"]["fired"], fired);
}

#[test]
fn rules_on_operations_are_explained_by_operations() {
    let Some(capture) = capture("setuid-setuid.scap") else {
        return;
    };
    let (_guard, path) = rules(
        "- rule: of an operation\n  desc: d\n  condition: evt.type = setuid and evt.cpu >= 0\n  output: o\n  \
         priority: NOTICE\n",
    );
    let arguments = [
        "rules",
        "explain",
        "of an operation",
        "-p",
        &path,
        "-s",
        &capture,
        "--json",
    ];
    let object = json(&sysflow(&arguments).stdout);
    assert_eq!(object["view"], "events");
    let number = object["explained"][0]["number"].as_u64().unwrap();
    let filter = format!("evt.num = {number} and evt.type = setuid");
    let printed = sysflow(&["print", &capture, "--events", "-f", &filter]);
    assert_eq!(text(&printed.stdout).lines().count(), 1);
    // The same operation by its number.
    let number = number.to_string();
    let again = sysflow(&[&arguments[..], &["--event", &number]].concat());
    let again = json(&again.stdout);
    assert_eq!(
        again["explained"][0]["sentence"],
        object["explained"][0]["sentence"]
    );
    let recording = recording();
    let arguments = [
        "rules",
        "explain",
        "of an operation",
        "-p",
        &path,
        "-s",
        &recording,
    ];
    let refused = sysflow(&arguments);
    assert_eq!(refused.status.code(), Some(2));
    let told = text(&refused.stderr);
    assert!(told.contains("`evt.cpu`"), "{told}");
}

#[test]
fn costs_name_the_dearest_rule_first() {
    let rules = example("web-intrusion.yaml");
    let recording = recording();
    let arguments = ["rules", "cost", "-p", &rules, "-s", &recording];
    let object = json(&sysflow(&[&arguments[..], &["--json"]].concat()).stdout);
    let costs = object["rules"].as_array().unwrap();
    assert_eq!(costs.len(), 11);
    let of = |cost: &Value, key: &str| cost[key].as_f64().unwrap();
    assert!(
        costs
            .windows(2)
            .all(|pair| of(&pair[0], "ns") >= of(&pair[1], "ns"))
    );
    let shares: f64 = costs.iter().map(|cost| of(cost, "share")).sum();
    assert!((shares - 1.0).abs() < 1e-6, "{shares}");
    assert_eq!(object["observations"], 180);
    assert!(of(&object, "together_ns") > 0.0 && object["passes"].as_u64() > Some(0));
    let run = sysflow(&["run", "-s", &recording, "-p", &rules, "--json", "-q"]);
    let alerts = json_lines(&run.stdout);
    for cost in costs {
        let alerts = alerts.iter().filter(|alert| alert["rule"] == cost["rule"]);
        assert_eq!(cost["matches"], alerts.count(), "{cost}");
        assert!(of(cost, "asked") <= of(cost, "seen"), "{cost}");
        assert!(of(cost, "checks") >= of(cost, "asked"), "{cost}");
    }
    let told = text(&sysflow(&[&arguments[..], &["--top", "2"]].concat()).stdout);
    assert_eq!(told.matches("  records  ").count(), 2, "{told}");
    assert!(told.contains("11 rules, 180 observations"), "{told}");
    assert!(told.contains("Measured after a warm-up"), "{told}");
    let piped = sysflow(&["rules", "cost", "-p", &rules, "-s", "-"]);
    assert_eq!(piped.status.code(), Some(2));
}

fn diff(old: &str, new: &str, more: &[&str]) -> std::process::Output {
    let recording = recording();
    let arguments = ["rules", "diff", old, new, "--source", &recording];
    sysflow(&[&arguments[..], more].concat())
}

#[test]
fn equal_rules_have_no_difference() {
    let rules = example("web-intrusion.yaml");
    let output = diff(&rules, &rules, &[]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "no difference: 28 alerts each\n");
}

#[test]
fn alerts_that_are_gained_and_lost_are_told() {
    let old = "
- rule: Shell
  desc: d
  condition: sf.opflags = EXEC and sf.proc.exe endswith sh
  output: 'runs %sf.proc.exe'
  priority: NOTICE
- rule: Renamed
  desc: d
  condition: sf.opflags = UNLINK
  output: 'removes %sf.file.path'
  priority: NOTICE
- rule: Same
  desc: d
  condition: sf.opflags = RENAME
  output: o
  priority: NOTICE
- rule: More urgent
  desc: d
  condition: sf.opflags = UNLINK
  output: o
  priority: NOTICE
";
    let new = old
        .replace("endswith sh", "= /bin/sh")
        .replace("rule: Renamed", "rule: New name")
        .replace(
            "  output: o\n  priority: NOTICE\n",
            "  output: o\n  priority: ERROR\n",
        )
        .replacen("priority: ERROR", "priority: NOTICE", 1);
    let ((_one, old), (_two, new)) = (rules(old), rules(&new));
    let output = diff(&old, &new, &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let object = json(&output.stdout);
    let change = |rule: &str| {
        let mut changes = object["rules"].as_array().unwrap().iter();
        changes
            .find(|change| change["rule"] == rule)
            .cloned()
            .unwrap_or_default()
    };
    let unlinks = change("Renamed")["lost"].clone();
    assert!(unlinks.as_u64() > Some(0), "{object}");
    assert_eq!(change("New name")["gained"], unlinks);
    assert_eq!(change("New name")["old_view"], Value::Null);
    assert_eq!(change("More urgent")["changed"], unlinks);
    let run = |path: &str, rule: &str| {
        let run = sysflow(&["run", "-s", &recording(), "-p", path, "--json", "-q"]);
        let alerts = json_lines(&run.stdout);
        alerts.iter().filter(|alert| alert["rule"] == rule).count() as u64
    };
    let shell = change("Shell");
    let (before, now) = (run(&old, "Shell"), run(&new, "Shell"));
    assert_eq!(
        (&shell["old"], &shell["new"]),
        (&before.into(), &now.into())
    );
    assert_eq!(shell["lost"], before - now);
    let output = diff(&old, &new, &["--show", "1"]);
    let told = text(&output.stdout);
    for part in [
        "Renamed: ",
        "not in the new rules",
        "  - ",
        "  + ",
        "now: Error: o",
    ] {
        assert!(told.contains(part), "not told: {part}\n{told}");
    }
    assert!(!told.contains("Same"), "{told}");
    let missing = diff(&old, "no-such-file", &[]);
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn sigma_rules_are_explained_by_their_searches() {
    let (_guard, path) = rules(
        "title: Shell of a web server
logsource: {product: linux, category: process_creation}
detection:
  shell: {Image|endswith: [/sh, /bash]}
  parent: {ParentImage|endswith: /node}
  other: {CommandLine|contains: no-such-text}
  condition: shell and parent and not other
",
    );
    let told = text(&explain("Shell of a web server", &path, &[]).stdout);
    for part in [
        "the first that matches",
        "✓ shell:",
        "✓ Image|endswith: /sh, /bash  [",
        "✓ ParentImage|endswith: /node",
        "✓ not",
        "✗ CommandLine|contains: no-such-text",
        "log source process_creation",
    ] {
        assert!(told.contains(part), "not told: {part}\n{told}");
    }
}
