//! What rule files may look like, and what becomes of their items.

use sysflow_field::KindSet;

use crate::toy::Toy;
use crate::{Dialect, Evaluator, LoadOptions, Outcome, Priority, RuleSet, SourceFile};

fn load_files(texts: &[&str]) -> (RuleSet<Toy>, String) {
    let files = texts.iter().enumerate().map(|(number, text)| SourceFile {
        name: format!("f{number}.yaml"),
        text: (*text).to_owned(),
    });
    let (set, problems) = RuleSet::load(files.collect(), &LoadOptions::default());
    (set, problems.render(false, 100))
}

#[track_caller]
fn load(text: &str) -> RuleSet<Toy> {
    let (set, problems) = load_files(&[text]);
    assert_eq!(problems, "", "\n{problems}");
    set
}

fn toy(kind: u32, exe: &str) -> Toy {
    Toy {
        kind,
        operations: 1,
        exe: exe.into(),
        ..Toy::default()
    }
}

fn matches(set: &RuleSet<Toy>, toy: &Toy) -> Vec<String> {
    let mut names = Vec::new();
    let _ = Evaluator::new().rules(set, toy, |_, rule| names.push(rule.name.clone()));
    names
}

#[test]
fn a_file_that_is_not_utf8_leaves_the_others() {
    let bad = SourceFile::from_bytes("bad.yaml".into(), b"- list: l\n  items: [\xff]\n".to_vec());
    let good = SourceFile {
        name: "good.yaml".into(),
        text: "- rule: A\n  desc: d\n  condition: proc.pid = 1\n  output: o\n  priority: INFO\n"
            .into(),
    };
    let (set, problems) = RuleSet::<Toy>::load(vec![bad, good], &LoadOptions::default());
    assert_eq!(set.rules().len(), 1);
    let problem = problems.iter().next().unwrap();
    let (start, _) = problems.positions(problem.span());
    assert_eq!((start.line, start.column), (2, 11));
    assert_eq!(problem.falco, Some(crate::FalcoCode::YamlParse));
}

#[test]
fn the_loose_dialect_takes_what_the_original_took() {
    let set = load(
        "# first
 - list: odd-binaries
  items: [ '\"(a)\"',\t\"b c\" , d,  # comment
     e ]

- macro: odd
  condition: >
    (sf.proc.exe in (odd-binaries)   # comment
\tor sf.proc.exe = \t/f)

   - rule: Name: with, colons
  desc: text with a condition word
        over lines
  condition: odd
             and not sf.type=FF
  priority: HIGH
  tags: [mitre:T1059, other]
  prefilter: [PE,NF]
  enabled: 1
  output: %sf.proc.exe ran
- drop: __global__
  condition: sf.proc.exe startswith '/noise'
- filter: another
  condition: sf.proc.exe = /off
  enabled: false
",
    );
    let rule = &set.rules()[0];
    assert_eq!(rule.name, "Name: with, colons");
    assert_eq!(rule.desc, "text with a condition word over lines");
    assert_eq!(rule.priority, Priority::Error);
    assert_eq!(rule.tags, ["mitre:T1059", "other"]);
    assert_eq!(rule.dialect, Dialect::SysFlow);
    assert_eq!(rule.kinds, KindSet(0b101));
    assert_eq!((set.drops(), set.counts().drops), (1, 2));
    for exe in ["(a)", "b c", "d", "e", "/f"] {
        assert_eq!(matches(&set, &toy(0, exe)).len(), 1, "{exe}");
        assert_eq!(matches(&set, &toy(1, exe)).len(), 0, "{exe}");
    }
    let outcome = |exe: &str| Evaluator::new().rules(&set, &toy(0, exe), |_, _| {});
    assert_eq!(outcome("/noise/x"), Outcome::Dropped);
    assert_eq!(outcome("/off"), Outcome::Matched(0));
}

#[test]
fn the_loose_dialect_takes_what_yaml_would() {
    let set = load(
        "---
- list: shells
  items:
    - bash
    # comment
    - 'it''s'
- rule: \"quoted: name\"
  desc: |
    some text
    priority: in a text
  condition: \"sf.proc.exe in (shells) and sf.proc.pid > -1 or sf.proc.exe = \\\"a b\\\"\"
  actions:
    - hash
    - other
  tags: []
---
- rule: second
  condition: >-
    sf.proc.exe = bash
  prefilter: PE
...
",
    );
    assert_eq!(set.rules()[0].name, "quoted: name");
    assert_eq!(set.rules()[0].desc, "some text priority: in a text");
    assert_eq!(set.rules()[0].actions, ["hash", "other"]);
    assert_eq!(matches(&set, &toy(0, "it's")), ["quoted: name"]);
    assert_eq!(matches(&set, &toy(0, "bash")), ["quoted: name", "second"]);
    assert_eq!(matches(&set, &toy(2, "bash")), ["quoted: name"]);
    assert_eq!(load("").rules().len(), 0);
    assert_eq!(load("# nothing\n").rules().len(), 0);
    assert_eq!(
        load("- macro: m\r\n  condition: sf.type = PE\r\n")
            .counts()
            .macros,
        1
    );
}

#[test]
fn falco_files_are_yaml() {
    let set = load(
        "- required_engine_version: 0.31.0
- list: shells
  items: [bash, '\"z sh\"']
- macro: never
  condition: (proc.pid < 0)
- rule: A
  desc: >
    folded
    text
  condition: >
    proc.exe in (shells) and not never
  output: \"%proc.exe|%10proc.exe|%evt.type\"
  priority: WARNING
  tags: [b, a]
",
    );
    let rule = &set.rules()[0];
    assert_eq!(
        (rule.desc.trim(), rule.dialect),
        ("folded text", Dialect::Falco)
    );
    assert_eq!(matches(&set, &toy(0, "z sh")), ["A"]);
    let mut out = String::new();
    rule.output
        .as_ref()
        .unwrap()
        .render(&toy(0, "bash"), &mut out);
    assert_eq!(out, "bash|bash      |(EXEC)");
}

#[test]
fn later_files_change_earlier_ones() {
    let base = "- list: l\n  items: [a]
- macro: m\n  condition: proc.exe in (l)
- rule: A\n  desc: d\n  condition: m\n  output: o\n  priority: INFO
- rule: B\n  desc: d\n  condition: proc.exe = b\n  output: o\n  priority: INFO
";
    let change = "- list: l\n  items: [c]\n  append: true
- macro: m\n  condition: or proc.exe = d\n  append: true
- rule: A\n  condition: and not proc.pid = 9\n  append: true
- rule: B\n  enabled: false
- rule: A2\n  desc: d\n  condition: m\n  output: o\n  priority: INFO
- rule: A2\n  desc: d\n  condition: proc.exe = z\n  output: o\n  priority: ALERT
";
    let (set, problems) = load_files(&[base, change]);
    assert_eq!(problems, "");
    for exe in ["a", "c", "d"] {
        assert_eq!(matches(&set, &toy(0, exe)), ["A"], "{exe}");
    }
    let nine = Toy {
        pid: 9,
        ..toy(0, "a")
    };
    assert!(matches(&set, &nine).is_empty());
    assert!(matches(&set, &toy(0, "b")).is_empty());
    assert_eq!(matches(&set, &toy(0, "z")), ["A2"]);
    let names: Vec<&str> = set.rules().iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["A", "B", "A2"]);
    let (_, problems) = load_files(&["- rule: C\n  enabled: true\n"]);
    assert!(problems.contains("there is no rule `C` yet"), "{problems}");
}

/// A rule of the SysFlow dialect, which its prefilter shows.
fn rule(number: u32, condition: &str) -> String {
    format!("- rule: R{number}\n  desc: d\n  condition: {condition}\n  prefilter: [PE]\n")
}

/// The original compiles a file when it has read it, so what follows changes nothing.
#[test]
fn later_sysflow_files_leave_earlier_ones_alone() {
    let with_macro = |number, exe: &str| {
        let rule = rule(number, "m");
        format!("{rule}- macro: m\n  condition: sf.proc.exe = {exe}\n")
    };
    let files = [
        &with_macro(0, "a"),
        &rule(1, "m"),
        &with_macro(2, "c"),
        &rule(3, "m"),
    ];
    let (set, problems) = load_files(&files.map(String::as_str));
    assert_eq!(problems, "");
    assert_eq!(matches(&set, &toy(0, "a")), ["R0", "R1"]);
    assert_eq!(matches(&set, &toy(0, "c")), ["R2", "R3"]);

    // Files of lists show no dialect; that of the rules counts.
    let list = |exe: &str| format!("- list: l\n  items: [{exe}]\n");
    let uses = |number| rule(number, "sf.proc.exe in (l, x)");
    let files = [list("a") + &uses(0), list("b"), uses(2), list("c")];
    let (set, problems) = load_files(&files.each_ref().map(String::as_str));
    assert_eq!(problems, "");
    assert_eq!(matches(&set, &toy(0, "a")), ["R0"]);
    assert_eq!(matches(&set, &toy(0, "b")), ["R2"]);
    assert_eq!(matches(&set, &toy(0, "c")), [""; 0]);
    assert_eq!(matches(&set, &toy(0, "x")), ["R0", "R2"]);
}

#[test]
fn names_that_only_later_files_define_are_found_there() {
    let files = [
        &*rule(0, "m"),
        "- macro: m\n  condition: sf.proc.exe in (l)\n",
        "- macro: m\n  condition: sf.proc.exe = b\n- list: l\n  items: [a]\n",
        "- drop: d\n  condition: sf.proc.pid = 9\n- list: l\n  items: [c]\n",
    ];
    let (set, problems) = load_files(&files);
    assert_eq!(problems, "");
    assert_eq!(matches(&set, &toy(0, "a")), ["R0"]);
    assert_eq!(matches(&set, &toy(0, "b")), [""; 0]);
    assert_eq!(matches(&set, &toy(0, "c")), [""; 0]);
}

#[test]
fn names_within_macros_and_lists_belong_to_their_own_file() {
    let base = "- list: inner\n  items: [a]\n- list: outer\n  items: [inner]\n\
        - macro: inside\n  condition: sf.proc.exe in (outer)\n\
        - macro: m\n  condition: inside or sf.proc.exe = z\n";
    let change = "- list: inner\n  items: [b]\n- macro: inside\n  condition: sf.proc.exe = c\n";
    let both = format!("{change}{}", rule(1, "m or sf.proc.exe in (outer)"));
    let (set, problems) = load_files(&[base, &both]);
    assert_eq!(problems, "");
    for (exe, count) in [("a", 1), ("b", 0), ("c", 0), ("z", 1)] {
        assert_eq!(matches(&set, &toy(0, exe)).len(), count, "{exe}");
    }
}

#[test]
fn the_dialect_of_the_user_decides_which_definition_counts() {
    let sysflow = |exe: &str| format!("- macro: m\n  condition: sf.proc.exe = {exe}\n");
    let falco = "- rule: F\n  desc: d\n  condition: m\n  output: o\n  priority: INFO\n";
    let first = sysflow("a") + &rule(0, "m");
    let (set, problems) = load_files(&[&first, falco, &sysflow("b")]);
    assert_eq!(problems, "");
    assert_eq!(matches(&set, &toy(0, "a")), ["R0"]);
    assert_eq!(matches(&set, &toy(0, "b")), ["F"]);
    let replaced = "- macro: m\n  condition: proc.exe = c\n";
    let (set, _) = load_files(&[&first, falco, replaced]);
    assert_eq!(matches(&set, &toy(0, "a")), ["R0"]);
    assert_eq!(matches(&set, &toy(0, "c")), ["F"]);
}

#[test]
fn faults_count_where_somebody_may_see_them() {
    let faulty = "- macro: m\n  condition: proc.exf = a\n- list: l\n  items: [l]\n";
    let good = "- macro: m\n  condition: proc.exe = a\n- list: l\n  items: [b]\n";
    let (_, problems) = load_files(&[faulty, good]);
    assert_eq!(problems, "", "Falco's last definition replaces a bad one");
    let drop = "- drop: d\n  condition: sf.proc.pid = 9\n";
    let (_, problems) = load_files(&[&format!("{drop}{faulty}"), good]);
    assert!(
        problems.contains("proc.exf") && problems.contains("holds itself"),
        "{problems}"
    );
}

#[test]
fn an_error_in_an_appended_part_is_found_in_its_own_file() {
    let base = "- macro: m\n  condition: sf.type = PE\n";
    let change = "- macro: m\n  condition: or proc.exf = d\n  append: true\n\
        - rule: r\n  desc: d\n  condition: m\n  output: o\n  priority: INFO\n";
    let (_, problems) = load_files(&[base, change]);
    assert!(problems.contains("f1.yaml:2:17"), "{problems}");
}

#[test]
fn a_sysflow_macro_keeps_its_meaning_in_a_falco_rule() {
    let sysflow = "- macro: m\n  condition: proc.pname != x and sf.type = PE\n";
    let falco = "- rule: A\n  desc: d\n  condition: m\n  output: o\n  priority: INFO
- rule: B\n  desc: d\n  condition: proc.pname != x\n  output: o\n  priority: INFO\n";
    let (set, problems) = load_files(&[sysflow, falco]);
    assert_eq!(problems, "");
    assert_eq!(matches(&set, &toy(0, "a")), ["A"]);
}

#[test]
fn rules_know_the_kinds_that_they_can_match() {
    let kinds = |condition: &str| {
        let (set, _) = load_files(&[&format!("- rule: r\n  condition: {condition}\n")]);
        set.rules()[0].kinds.0 & 7
    };
    assert_eq!(kinds("sf.type = PE"), 1);
    assert_eq!(kinds("sf.type != PE"), 6);
    assert_eq!(kinds("not sf.type in (PE, FF)"), 4);
    assert_eq!(kinds("sf.type = PE or sf.type = FF"), 3);
    assert_eq!(kinds("sf.type = PE and sf.type = FF"), 0);
    assert_eq!(kinds("not (sf.type = PE or sf.proc.exe = a)"), 6);
    assert_eq!(kinds("sf.file.path = a"), 2);
    assert_eq!(kinds("sf.file.path = ''"), 7);
    assert_eq!(kinds("sf.file.path != a"), 7);
    assert_eq!(kinds("sf.net.ip = 1.2.3.4 and sf.proc.exe = a"), 4);
    assert_eq!(kinds("sf.net.dport > 1 or sf.file.path startswith /etc"), 6);
    assert_eq!(kinds("sf.net.dport >= 0"), 7);
}

#[test]
fn operations_narrow_only_as_far_as_they_may() {
    let set = load(
        "- rule: both
  condition: sf.opflags = EXEC and sf.opflags = READ
- rule: any
  condition: sf.opflags in (EXIT, READ)
- rule: none
  condition: sf.opflags != EXEC
",
    );
    let with = |operations| Toy {
        operations,
        ..toy(0, "a")
    };
    assert_eq!(matches(&set, &with(1 | 8)), ["both", "any"]);
    assert_eq!(matches(&set, &with(8)), ["any", "none"]);
    assert_eq!(matches(&set, &with(0)), ["none"]);
}

#[test]
fn prefilters_are_exact() {
    let (set, problems) = load_files(&[
        "- rule: empty\n  condition: sf.proc.pid = 0\n  prefilter: []\n\
         - rule: wrong\n  condition: sf.proc.pid = 0\n  prefilter: [pe]\n",
    ]);
    assert!(matches(&set, &toy(0, "a")).is_empty());
    assert_eq!(problems.matches("warning").count(), 2, "{problems}");
}

#[test]
fn large_files_and_other_sources_are_left_out() {
    let file = SourceFile {
        name: "f".into(),
        text: "- rule: r\n  condition: sf.type = PE\n".into(),
    };
    let options = LoadOptions {
        max_file_size: 10,
        ..LoadOptions::default()
    };
    let (set, problems) = RuleSet::<Toy>::load(vec![file], &options);
    assert_eq!((set.rules().len(), problems.errors()), (0, 1));
}

#[test]
fn rule_sets_can_be_shared_between_threads() {
    const fn shared<T: Send + Sync>() {}
    shared::<RuleSet<Toy>>();
    shared::<crate::Condition<Toy>>();
    shared::<Evaluator>();
}
