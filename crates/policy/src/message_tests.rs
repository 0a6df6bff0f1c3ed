//! Typical mistakes and the exact messages about them, in `testdata/messages.txt`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p sysflow-policy` writes the file anew; read the difference.

use std::fmt::Write as _;
use std::path::Path;

use crate::toy::Toy;
use crate::{Condition, Dialect, LoadOptions, RuleSet, SourceFile};

const CONDITIONS: &[&str] = &[
    // Names.
    "sf.proc.ex = a",
    "sf.type = PE and proc.loginuid = 1",
    "sf.proc.exe = sf.pproc.exf",
    "sf.proc.aname[x] = a or sf.proc.exe[1] = a",
    "sf.ke.message[a..b] = 1",
    "sf.proc.tty",
    "sf.proc.exe",
    "shell_procs",
    "1 = 2",
    "tpye = PE",
    // Syntax.
    "",
    "(sf.type = PE and (sf.proc.pid = 1)",
    "sf.type = PE)",
    "sf.type PE",
    "sf.type equals PE or sf.proc.exe Contains a",
    "sf.type = PE AND sf.proc.pid = 1",
    "sf.type = PE and",
    "and sf.type = PE",
    "exists sf.type",
    "sf.type = and sf.proc.pid = 1",
    "sf.type = \"PE\" \"FF\"",
    "sf.proc.exe in (a, b",
    "sf.proc.exe in (a b) or sf.proc.exe = [a, b] or sf.proc.exe in (a,) or sf.proc.exe in ([a])",
    "sf.proc.exe = 'a",
    "sf.proc.exe ! a",
    "tolower(sf.proc.pid) = a or len(sf.proc.pid) = 1 or concat(sf.proc.exe) = a",
    "join(',', sf.proc.exe) = a or tolower(sf.proc.ex) = a or tolower(sf.proc.exe = a",
    "TOLOWER(sf.proc.exe) = a or lower(sf.proc.exe) = a",
    "sf.proc.exe contains anyof (a, b",
    // Values.
    "sf.proc.pid = abc",
    "sf.proc.pid in (1, a, 2, b)",
    "sf.net.ip in (10.0.0.0/40, 1.2.3.4)",
    "sf.net.dport = 70000 or sf.net.proto = ip",
    "sf.flow.lasted > 5parsec",
    "sf.proc.exe > 5",
    "sf.net.ip > 1.2.3.4",
    "sf.proc.pid > sf.proc.exe",
    "sf.type = pe",
    "sf.opflags in (EXEC, EXECUTE)",
    "sf.proc.exe in ()",
    "sf.proc.exe regex '('",
];

const FILES: &[(&str, &str)] = &[
    (
        "several errors in one file",
        "- list: shells
  items: [bash, zsh]
- macro: shell
  condition: sf.proc.exe in (shells) and sf.proc.pidd = 1
- rule: First: one
  desc: a
  condition: >
     shell
     and sf.proc.pid = x
  priority: urgent
- rule: Second
  condition: shel or sf.type = PE
- rule: Third
  condition: shell
  prefilter: [pe]
- rul: Fourth
  condition: sf.type = PE
",
    ),
    (
        "macros and lists",
        "- macro: a
  condition: b or sf.type = PE
- macro: b
  condition: a
- list: l
  items: [m, x]
- list: m
  items: [l, a_macro]
- macro: a_macro
  condition: sf.type = FF
- rule: uses them
  condition: a and sf.proc.exe in (l, a_macro) and sf.proc.exe = l
",
    ),
    (
        "shapes",
        "stray text
- rule: no condition
  desc: sf.type
- rule: odd keys
  condition: sf.type = PE
  enabled: no
  colour: red
  exceptions:
    - name: x
      fields: [y]
rule: no dash
  condition: sf.type = PE
- list: open
  items: [a,
    b
- list: commas
  items: [a
    b, , c]
- macro: sf.type
",
    ),
    (
        "falco",
        "- rule: For another source
  desc: d
  condition: ka.verb = create
  output: o
  priority: INFO
  source: k8s_audit
- rule: Bad output
  desc: d
  condition: evt.type = EXEC
  output: \"exe=%proc.exee pid=%proc.loginuid 100%\"
  priority: INFO
- rule: Contains on a number
  desc: d
  condition: proc.pid contains 1 and proc.exe = proc.pname
  output: o
  priority: INFO
- rule: broken: yaml: here
  desc: d
- macro: escapes
  condition: proc.exe = \"\\d\"
",
    ),
    (
        "falco: changes and exceptions",
        "- required_engine_version: 0.99.0
- required_plugin_versions:
  - {name: json, version: 0.7.0}
- list: names
  items: [a, b]
- list: more
  items: [c]
  override: {items: merge}
- rule: First
  desc: d
  condition: evt.type = EXEC and proc.exe = names and proc.exe = \"x names y\"
  output: o
  priority: urgent
- rule: Second
  desc: d
  condition: evt.type = EXEC
  output: o
  priority: INFO
  exceptions:
  - name: e
    fields: [proc.exe, proc.pname]
    comps: [=, like]
    values: [[a, b]]
- rule: Third
  desc: d
  condition: evt.type = EXEC
  output: o
  priority: INFO
  exceptions:
  - name: e
    fields: [proc.exe, proc.pname]
    values: [[a], b]
- rule: Fourth
  desc: d
  condition: evt.type = EXEC
  output: o
  priority: INFO
  exceptions:
  - name: e
    fields: proc.exf
- rule: Fifth
  condition: and proc.exe = a
  output: p
  override: {condition: append}
- rule: Sixth
  condition: and proc.exe = a
  append: true
- rule: Seventh
  desc: d
  condition: evt.type = EXEC and tolower(proc.anames) in (a) and proc.anames = a
  output: o
  priority: INFO
  skip-if-unknown-filter: true
",
    ),
];

/// A file with nothing wrong in it, but with much to be said about it.
const HINTS: &str = "- macro: unused
  condition: evt.type = EXEC
- list: idle
  items: [a]
- list: inner
  items: [x]
- rule: Everything
  desc: d
  condition: proc.exe = a or not proc.exe exists
  output: o
  priority: INFO
- rule: Dead
  desc: d
  condition: evt.type = EXEC and sf.type = PE and sf.type = FF
  output: o
  priority: INFO
- rule: Narrow
  desc: d
  condition: evt.type = EXEC and proc.exe in (inner)
  output: o
  priority: INFO
- rule: Again
  desc: d
  condition: proc.exe in (x) and evt.type = EXEC
  output: o
  priority: INFO
- rule: Narrower
  desc: d
  condition: evt.type = EXEC and proc.exe in (inner) and proc.pid > 5
  output: o
  priority: INFO
- rule: Patterns
  desc: d
  condition: evt.type = OPEN and (proc.exe regex '.*x' or proc.pname regex /etc or proc.exe regex x.*)
  output: o
  priority: INFO
- rule: Refused by Falco
  desc: d
  condition: evt.type = OPEN and sf.proc.tty = 1 and fd.net = 10.0.0.1 and proc.exe > x
  output: o
  priority: low
- rule: Narrow
  enabled: true
";

#[test]
fn hints_are_as_recorded() {
    let file = SourceFile {
        name: "rules.yaml".into(),
        text: HINTS.into(),
    };
    let options = LoadOptions {
        dialect: Some(Dialect::Falco),
        ..LoadOptions::default()
    };
    let (set, problems) = RuleSet::<Toy>::load(vec![file], &options);
    assert_eq!(set.rules().len(), 7);
    let recorded = format!("{}\n{}", problems, problems.hints().render(false, 100));
    same("testdata/hints.txt", &recorded);
}

#[test]
fn messages_are_as_recorded() {
    let mut recorded = String::new();
    for condition in CONDITIONS {
        let problems = match Condition::<Toy>::parse(condition) {
            Ok(compiled) => compiled.warnings().clone(),
            Err(problems) => problems,
        };
        assert!(!problems.is_empty(), "{condition}");
        let _ = writeln!(recorded, "=== {condition}\n{}", problems.render(false, 100));
    }
    for (name, text) in FILES {
        let file = SourceFile {
            name: "rules.yaml".into(),
            text: (*text).into(),
        };
        let (_, problems) = RuleSet::<Toy>::load(vec![file], &LoadOptions::default());
        let _ = writeln!(
            recorded,
            "=== file: {name}\n{}",
            problems.render(false, 100)
        );
    }
    same("testdata/messages.txt", &recorded);
}

/// Compares with what is recorded in a file.
#[track_caller]
fn same(file: &str, recorded: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, recorded).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap();
    for (ours, theirs) in recorded.split("=== ").zip(wanted.split("=== ")) {
        assert_eq!(ours, theirs, "\n{ours}");
    }
    assert_eq!(recorded.len(), wanted.len());
}

#[test]
fn what_falls_out_leaves_the_rest() {
    let file = SourceFile {
        name: "rules.yaml".into(),
        text: "- rule: good\n  condition: sf.type = PE\n- rule: bad\n  condition: sf.typ = PE\n\
            - rule: off\n  condition: sf.type = FF\n  enabled: false\n"
            .into(),
    };
    let (set, problems) = RuleSet::<Toy>::load(vec![file], &LoadOptions::default());
    assert_eq!((problems.errors(), problems.warnings()), (1, 0));
    let names: Vec<&str> = set.rules().iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["good", "off"]);
    let off = &set.rules()[1];
    assert!(!off.enabled);
    assert_eq!((off.position.line, off.position.column), (5, 9));
}

#[test]
fn machines_get_the_same() {
    let text = "sf.type = PE and\n  sf.proc.pid = 'é' ";
    let Err(problems) = Condition::<Toy>::parse_in(text, Dialect::Falco) else {
        panic!("a letter is not a number");
    };
    assert_eq!(
        problems.to_json()[0],
        serde_json::json!({
            "file": "condition", "line": 2, "column": 17, "end_line": 2, "end_column": 20,
            "severity": "error", "code": "bad-literal", "falco": "LOAD_ERR_COMPILE_CONDITION",
            "message": "`é` is not a whole number",
            "notes": [], "help": [],
        })
    );
}
