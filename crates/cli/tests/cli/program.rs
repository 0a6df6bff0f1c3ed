//! The program as its users meet it: arguments, output, exit codes.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::common::{example, json_lines, recording, scratch, sysflow, text};

#[test]
fn the_built_in_rules_tell_the_story_of_the_bundled_intrusion() {
    let output = sysflow(&["run", "--source", &recording()]);
    assert_eq!(output.status.code(), Some(0));
    let alerts = text(&output.stdout);
    for told in [
        "node (2200), a web server, writes /tmp/.thumb.sh",
        "/tmp/.cache-d --quiet (4722) runs from a temporary directory, started by sh",
        ".cache-d --quiet (4722) reads /srv/shop/credentials.json",
        "writes the scheduled task /etc/cron.d/logrotate2",
        "removes /home/admin/.bash_history",
        "started by sh (4720) ← sh (4719) ← node (2200) ← containerd-shim (90) ← systemd (1)",
        "web-shop 5e2a91c07b3d, image example/web-shop:2.1",
    ] {
        assert!(alerts.contains(told), "not told: {told}\n{alerts}");
    }
    let summary = text(&output.stderr);
    assert!(summary.contains("30 alerts in 180 records"), "{summary}");
    assert!(summary.contains("18 alerts repeated others"), "{summary}");
    assert!(!alerts.contains('\u{1b}'), "colours without a terminal");
}

#[test]
fn alerts_for_machines_have_the_layout_of_falco() {
    let output = sysflow(&["run", "--source", &recording(), "--json", "--quiet"]);
    let alerts = json_lines(&output.stdout);
    assert_eq!(alerts.len(), 30, "nothing is folded for machines");
    for alert in &alerts {
        let keys: Vec<&String> = alert.as_object().unwrap().keys().collect();
        let expected = [
            "hostname",
            "output",
            "output_fields",
            "priority",
            "rule",
            "source",
            "tags",
            "time",
        ];
        assert_eq!(keys, expected);
        assert!(alert["output_fields"]["sf.proc.exe"].is_string());
    }
    let rule = "Credentials read by a dropped program";
    let credentials = alerts.iter().find(|alert| alert["rule"] == rule);
    let credentials = credentials.unwrap();
    assert_eq!(credentials["priority"], "Critical");
    assert_eq!(credentials["hostname"], "shop-host");
    assert_eq!(
        credentials["tags"],
        serde_json::json!(["SF-601", "T1552.001", "mitre_credential_access"])
    );
    assert_eq!(
        credentials["output_fields"]["fd.name"],
        "/srv/shop/credentials.json"
    );
    assert_eq!(credentials["time"].as_str().unwrap().len(), 30);
}

#[test]
fn the_least_priority_and_a_filter_narrow_the_alerts() {
    let critical = sysflow(&[
        "run",
        "--source",
        &recording(),
        "--priority",
        "critical",
        "--json",
        "-q",
    ]);
    let critical = json_lines(&critical.stdout);
    assert_eq!(critical.len(), 3);
    assert!(critical.iter().all(|alert| alert["priority"] == "Critical"));
    let filter = ["--filter", "sf.type = FE"];
    let removed = sysflow(
        &[
            &["run", "--source", &recording(), "--json", "-q"],
            &filter[..],
        ]
        .concat(),
    );
    assert_eq!(json_lines(&removed.stdout).len(), 1);
}

#[test]
fn a_rule_with_an_error_is_left_out_and_told_of() {
    let rules = "- rule: A\n  desc: a\n  condition: sf.typo = PE\n  priority: low\n\
                 - rule: B\n  desc: b\n  condition: sf.opflags = EXIT\n  priority: low\n";
    let (_guard, path) = scratch("rules.yaml", rules.as_bytes());
    let path = path.to_str().unwrap();
    let output = sysflow(&[
        "run",
        "--source",
        &recording(),
        "--policies",
        path,
        "--json",
    ]);
    assert_eq!(output.status.code(), Some(0));
    assert!(!output.stdout.is_empty());
    let problems = text(&output.stderr);
    assert!(
        problems.contains("rules.yaml:3:14: there is no field `sf.typo`"),
        "{problems}"
    );
    assert!(problems.contains("did you mean `sf.type`"), "{problems}");
    assert!(problems.contains("1 of 2 rules run"), "{problems}");
    let strict = sysflow(&[
        "run",
        "--source",
        &recording(),
        "--policies",
        path,
        "--strict",
    ]);
    assert_eq!(strict.status.code(), Some(2));
    assert!(strict.stdout.is_empty());
    let check = sysflow(&["rules", "check", path]);
    assert_eq!(check.status.code(), Some(1));
    assert!(
        text(&check.stdout).contains("3 |   condition: sf.typo = PE"),
        "{}",
        text(&check.stdout)
    );
    let check = sysflow(&["rules", "check", "--json", path]);
    let report: Value = serde_json::from_slice(&check.stdout).unwrap();
    assert_eq!(report["errors"], 1);
    assert_eq!(report["problems"][0]["line"], 3);
}

#[test]
fn rules_are_checked_as_falco_would() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("falco.yaml");
    let rule = "- macro: idle
  condition: evt.type = open
- rule: First
  desc: d
  condition: evt.type = open and proc.name = val(proc.pname)
  output: o
  priority: INFO
- rule: Second
  desc: d
  condition: evt.type = open and proc.name = val(proc.pname) and fd.name startswith oneof (/a, /b)
  output: o
  priority: INFO
- rule: Third
  desc: d
  condition: evt.type = open and proc.name < a
  output: o
  priority: INFO
";
    std::fs::write(&path, rule).unwrap();
    let path = path.to_str().unwrap();
    let check = sysflow(&["rules", "check", path]);
    assert_eq!(check.status.code(), Some(0));
    let told = text(&check.stdout);
    for words in [
        "note[unused, LOAD_UNUSED_MACRO]: nothing uses the macro `idle`",
        "whatever the rule `Second` matches, `First` matches before it",
        "refuse",
        "LOAD_ERR_COMPILE_CONDITION",
        "3 of 3 rules load",
    ] {
        assert!(told.contains(words), "{words}\n{told}");
    }
    let check = sysflow(&["rules", "check", "--json", "--no-notes", path]);
    let report: Value = serde_json::from_slice(&check.stdout).unwrap();
    assert_eq!(report["notes"], serde_json::json!([]));
    let falco = &report["falco"]["falco_load_results"][0];
    assert_eq!(falco["successful"], false);
    assert_eq!(falco["errors"][0]["code"], "LOAD_ERR_COMPILE_CONDITION");
    let position = &falco["errors"][0]["context"]["locations"][0]["position"];
    assert_eq!(position["line"], 14);
}

#[test]
fn sigma_rules_and_sequences_find_the_intrusion() {
    let sigma = "title: Shell of a web server\nname: shell\n\
        logsource: {product: linux, category: process_creation}\n\
        detection:\n  s:\n    ParentImage|endswith: /node\n    Image|endswith: /sh\n  condition: s\n\
        level: high\n";
    let (_sigma, sigma) = scratch("shell.yml", sigma.as_bytes());
    let sigma = sigma.to_str().unwrap();
    let sequence = "- rule: Shell, then something from tmp\n  desc: d\n  priority: WARNING\n  output: o\n  \
        by: [container.id, lineage]\n  sequence:\n    \
        - condition: evt.type = execve and proc.exepath endswith /sh and proc.pname = node\n    \
        - condition: evt.type = execve and proc.exepath startswith /tmp/\n      within: 1h\n";
    let (_sequence, sequence) = scratch("sequence.yaml", sequence.as_bytes());
    let source = recording();
    let arguments = ["run", "--source", &source, "--json", "-q", "--policies"];
    let files = [sigma, sequence.to_str().unwrap()];
    let output = sysflow(&[&arguments[..], &files[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let alerts = json_lines(&output.stdout);
    let first = |rule: &str| alerts.iter().position(|alert| alert["rule"] == rule);
    let shell = first("Shell of a web server").unwrap();
    assert!(first("Shell, then something from tmp").unwrap() > shell);

    let names = "fieldmappings:\n  Image: sf.proc.exe\n";
    let (_names, names) = scratch("names.yaml", names.as_bytes());
    let check = [
        "rules",
        "check",
        "--sigma-config",
        names.to_str().unwrap(),
        sigma,
    ];
    let check = sysflow(&check);
    assert_eq!(check.status.code(), Some(1));
    let told = text(&check.stdout);
    assert!(told.contains("`ParentImage` is not mapped"), "{told}");
}

#[test]
fn records_are_printed_in_every_form() {
    let nested = sysflow(&["print", &recording(), "--json", "-n", "3"]);
    let nested = json_lines(&nested.stdout);
    assert_eq!(nested.len(), 3);
    assert_eq!(nested[0]["proc"]["exe"], "/usr/local/bin/node");
    let flat = sysflow(&[
        "print",
        &recording(),
        "-o",
        "flat-json",
        "-c",
        "type,sf.proc.aname,res",
    ]);
    let flat = json_lines(&flat.stdout);
    assert_eq!(flat.len(), 180);
    assert_eq!(
        flat[0]["sf.proc.aname"],
        serde_json::json!(["node", "containerd-shim", "systemd"])
    );
    let csv = sysflow(&[
        "print",
        &recording(),
        "-o",
        "csv",
        "-c",
        "type,proc.pid",
        "-f",
        "type = FE",
    ]);
    assert_eq!(text(&csv.stdout), "type,proc.pid\r\nFE,4722\r\n");
    let table = sysflow(&["print", &recording(), "-f", "type = NF and net.dport = 80"]);
    let table = text(&table.stdout);
    assert!(
        table.contains("connected to tcp 203.0.113.80:80, sent 96 B, received 412,008 B"),
        "{table}"
    );
    let entities = sysflow(&["print", &recording(), "--entities", "--json", "-c", "type"]);
    assert_eq!(json_lines(&entities.stdout).len(), 265);
}

#[test]
fn names_and_conditions_that_are_wrong_are_explained() {
    let column = sysflow(&["print", &recording(), "-c", "proc.exee"]);
    assert_eq!(column.status.code(), Some(2));
    assert!(
        text(&column.stderr).contains("did you mean `proc.exe`"),
        "{}",
        text(&column.stderr)
    );
    let condition = sysflow(&["print", &recording(), "-f", "sf.proc.pid = abc"]);
    assert_eq!(condition.status.code(), Some(2));
    assert!(
        text(&condition.stderr).contains("^^^"),
        "{}",
        text(&condition.stderr)
    );
    let missing = sysflow(&["print", "no-such-file.sf"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(
        text(&missing.stderr).contains("cannot open no-such-file.sf"),
        "{}",
        text(&missing.stderr)
    );
    let other = sysflow(&["print", &example("web-intrusion.yaml")]);
    assert_eq!(other.status.code(), Some(1));
    assert!(
        text(&other.stderr).contains("not a SysFlow recording"),
        "{}",
        text(&other.stderr)
    );
}

#[test]
fn damaged_recordings_lose_nothing_that_stands_before_the_damage() {
    let (guard, small_blocks) = scratch("blocks.sf", b"");
    let out = small_blocks.to_str().unwrap();
    let split = sysflow(&["convert", &recording(), out, "--block-size", "2000"]);
    assert_eq!(split.status.code(), Some(0), "{}", text(&split.stderr));
    let whole = json_lines(&sysflow(&["print", out, "--json"]).stdout);
    assert_eq!(whole.len(), 180);

    let mut damaged = fs::read(&small_blocks).unwrap();
    let cut = guard.path().join("cut.sf");
    fs::write(&cut, &damaged[..damaged.len() - 700]).unwrap();
    let output = sysflow(&["print", cut.to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let read = json_lines(&output.stdout);
    assert!(
        read.len() > 140 && whole.starts_with(&read),
        "{}",
        read.len()
    );
    let told = text(&output.stderr);
    assert!(
        told.contains("cut.sf: block ") && told.contains("the stream ends inside it"),
        "{told}"
    );

    let middle = damaged.len() * 3 / 4;
    damaged[middle..middle + 40].fill(0x55);
    let torn = guard.path().join("torn.sf");
    fs::write(&torn, &damaged).unwrap();
    let torn = torn.to_str().unwrap();
    let strict = json_lines(&sysflow(&["print", torn, "--json"]).stdout);
    let salvaged = sysflow(&["print", torn, "--json", "--salvage"]);
    assert_eq!(salvaged.status.code(), Some(1), "the loss is told");
    let salvaged = json_lines(&salvaged.stdout);
    assert!(
        strict.len() < salvaged.len(),
        "{} {}",
        strict.len(),
        salvaged.len()
    );
    assert_eq!(salvaged.last(), whole.last());
}

#[test]
fn recordings_come_from_files_directories_and_standard_input() {
    let (guard, first) = scratch("9.sf", &fs::read(recording()).unwrap());
    fs::copy(&first, guard.path().join("10.sf")).unwrap();
    let directory = guard.path().to_str().unwrap();
    let info: Value =
        serde_json::from_slice(&sysflow(&["info", "--json", directory]).stdout).unwrap();
    assert_eq!(info["records"], 2 * 265);
    assert!(
        info["inputs"][0].as_str().unwrap().ends_with("9.sf"),
        "{info}"
    );
    let mut child = Command::new(env!("CARGO_BIN_EXE_sysflow"))
        .args(["print", "-", "--json", "-c", "type"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&fs::read(recording()).unwrap()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(json_lines(&output.stdout).len(), 180);
}

#[test]
fn conversions_keep_what_they_convert() {
    let (guard, _) = scratch("x", b"");
    let path = |name: &str| guard.path().join(name).to_str().unwrap().to_owned();
    let before = sysflow(&["print", &recording(), "-o", "csv"]).stdout;
    for arguments in [
        &["--codec", "null"][..],
        &["--codec", "snappy", "--block-size", "500"],
        &["--codec", "zstandard"],
        &["--level", "9"],
        &["--schema", "native"],
    ] {
        let out = path("again.sf");
        let converted = sysflow(&[&["convert", &recording(), &out], arguments].concat());
        assert_eq!(
            converted.status.code(),
            Some(0),
            "{}",
            text(&converted.stderr)
        );
        let after = sysflow(&["print", &out, "-o", "csv"]).stdout;
        if arguments.contains(&"native") {
            assert_eq!(text(&after).replace(",100,[]", ",5,[]"), text(&before));
        } else {
            assert!(after == before, "{arguments:?}");
        }
    }
    for name in ["a.json", "a.csv", "a.parquet"] {
        let converted = sysflow(&["convert", &recording(), &path(name)]);
        assert_eq!(
            converted.status.code(),
            Some(0),
            "{}",
            text(&converted.stderr)
        );
    }
    assert!(fs::read(path("a.parquet")).unwrap().ends_with(b"PAR1"));
    assert_eq!(fs::read(path("a.csv")).unwrap(), before);
    let unclear = sysflow(&["convert", &recording(), &path("a.xyz")]);
    assert_eq!(unclear.status.code(), Some(2));
    assert!(
        text(&unclear.stderr).contains("say it with --to"),
        "{}",
        text(&unclear.stderr)
    );
    let own = path("own.sf");
    fs::copy(recording(), &own).unwrap();
    assert_eq!(sysflow(&["convert", &own, &own]).status.code(), Some(2));
    assert_eq!(fs::read(&own).unwrap(), fs::read(recording()).unwrap());
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sysflow"))
        .arg("print")
        .args(vec![recording(); 200])
        .args(["--json", "--no-progress"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn fields_and_completions_are_listed() {
    let fields = json_lines(&sysflow(&["fields", "--json"]).stdout);
    assert!(fields.len() > 150, "{}", fields.len());
    let opflags = fields
        .iter()
        .find(|field| field["name"] == "sf.opflags")
        .unwrap();
    assert_eq!(opflags["type"], "text");
    assert!(
        opflags["values"]
            .as_array()
            .unwrap()
            .contains(&"EXEC".into())
    );
    let of_events = json_lines(&sysflow(&["fields", "--events", "--json"]).stdout);
    assert!(of_events.len() > 250, "{}", of_events.len());
    let mut meanings = of_events.iter().map(|field| &field["meaning"]);
    assert!(meanings.all(|meaning| meaning.as_str().is_some_and(|text| text.len() > 5)));
    let listed = text(&sysflow(&["fields", "--events", "fd.sip"]).stdout);
    assert!(listed.starts_with("fd.sip  address\n    Address of the server.\n"));
    assert_eq!(sysflow(&["fields", "no such thing"]).status.code(), Some(2));
    for shell in ["bash", "zsh", "fish"] {
        assert!(text(&sysflow(&["completions", shell]).stdout).contains("sysflow"));
    }
    assert!(text(&sysflow(&["completions"]).stdout).contains(".TH sysflow"));
}

#[test]
fn rules_are_listed() {
    let rules =
        json_lines(&sysflow(&["rules", "list", "--json", &example("web-intrusion.yaml")]).stdout);
    assert_eq!(rules.len(), 11);
    assert_eq!(rules[0]["priority"], "Error");
    let missing = sysflow(&["rules", "list", "no-such-directory"]);
    assert_eq!(missing.status.code(), Some(2));
    let told = text(&missing.stderr);
    assert_eq!(told.matches("No such file").count(), 1, "{told}");
}

/// Captures are not part of this repository: this says that it skips where `../shared/data` does not exist.
#[test]
fn captures_are_read_like_recordings() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/capture");
    let capture = data.join("setuid-setuid.scap");
    if !capture.exists() {
        eprintln!("skipped: {} does not exist", capture.display());
        return;
    }
    let capture = capture.to_str().unwrap();
    let guard = tempfile::tempdir().unwrap();
    let out = guard.path().join("out.sf").to_str().unwrap().to_owned();
    let strict = [
        "--profile",
        "strict",
        "--exporter",
        "tests",
        "--schema",
        "5",
    ];
    let converted = sysflow(&[&["convert", capture, &out], &strict[..]].concat());
    assert_eq!(
        converted.status.code(),
        Some(0),
        "{}",
        text(&converted.stderr)
    );
    let columns = [
        "--json",
        "-c",
        "type,opflags,ret,ts,proc.pid,proc.exe,proc.uid,res",
    ];
    let ours = sysflow(&[&["print", &out], &columns[..]].concat()).stdout;
    let reference = data.join("setuid-setuid.sf");
    let reference =
        sysflow(&[&["print", reference.to_str().unwrap()], &columns[..]].concat()).stdout;
    assert_eq!(text(&ours), text(&reference));
    let info: Value =
        serde_json::from_slice(&sysflow(&["info", "--json", capture]).stdout).unwrap();
    assert!(info["system_calls"].as_u64().unwrap() > 1000, "{info}");
    assert_eq!(info["schemas"], serde_json::json!([100]));
    let cut = guard.path().join("cut.scap");
    let bytes = fs::read(capture).unwrap();
    fs::write(&cut, &bytes[..bytes.len() - 999]).unwrap();
    let cut = sysflow(&["print", cut.to_str().unwrap(), "--json"]);
    assert_eq!(cut.status.code(), Some(1));
    let loss = json_lines(&cut.stdout)
        .into_iter()
        .find(|record| record["type"] == "LOSS");
    assert!(loss.is_some(), "the loss is told in the records");
    assert!(
        text(&cut.stderr).contains("cut.scap: "),
        "{}",
        text(&cut.stderr)
    );
}

/// As above: skips where the captures do not exist.
#[test]
fn the_operations_of_captures_are_shown() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/capture");
    let capture = data.join("files-files.scap");
    if !capture.exists() {
        eprintln!("skipped: {} does not exist", capture.display());
        return;
    }
    let capture = capture.to_str().unwrap();
    let filter = ["--events", "-f", "evt.type = rename and proc.name = filer"];
    let lines = sysflow(&[&["print", capture], &filter[..]].concat());
    let lines = text(&lines.stdout);
    assert_eq!(lines.lines().count(), 1, "{lines}");
    assert!(lines.contains(" filer (21847) < rename res=0"), "{lines}");
    let columns = ["--json", "-c", "evt.type,evt.arg.newpath,proc.pid"];
    let json = sysflow(&[&["print", capture], &filter[..], &columns[..]].concat());
    let json = json_lines(&json.stdout);
    assert_eq!(json[0]["evt.arg.newpath"], "/tmp/tested_file4.txt");
    assert_eq!(json[0]["proc.pid"], 21847);
}

#[test]
fn each_rule_is_asked_of_what_can_answer_it() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/capture");
    let capture = data.join("setuid-setuid.scap");
    if !capture.exists() {
        eprintln!("skipped: {} does not exist", capture.display());
        return;
    }
    let capture = capture.to_str().unwrap();
    let rules = "\
- rule: of an operation
  desc: fields of operations alone
  condition: evt.type = setuid and evt.cpu >= 0
  output: '%proc.name sets its user to %evt.arg.uid'
  priority: NOTICE
- rule: of a record
  desc: fields of records alone
  condition: sf.opflags = EXEC
  output: 'runs %sf.proc.cmdline'
  priority: WARNING
- rule: of neither
  desc: no such field
  condition: no.such = 1
  output: none
  priority: WARNING
";
    let (_directory, path) = scratch("rules.yaml", rules.as_bytes());
    let path = path.to_str().unwrap();
    let output = sysflow(&["run", "--source", capture, "--policies", path, "--json"]);
    let alerts = json_lines(&output.stdout);
    let of = |rule: &str| alerts.iter().filter(|alert| alert["rule"] == rule).count();
    assert!(
        of("of an operation") > 0 && of("of a record") > 0,
        "{alerts:?}"
    );
    let told = text(&output.stderr);
    assert!(
        told.contains("no.such") && told.contains("2 of 3 rules run"),
        "{told}"
    );
    let alert = alerts
        .iter()
        .find(|alert| alert["rule"] == "of an operation");
    assert!(
        alert.unwrap()["output_fields"]["evt.arg.uid"].is_string(),
        "{alert:?}"
    );

    let output = sysflow(&[
        "run",
        "--source",
        capture,
        "--policies",
        path,
        "--view",
        "records",
    ]);
    assert!(text(&output.stderr).contains("1 of 3 rules run"));
}
