//! Whole rules: what they match, and what is said of those with faults.

use crate::toy::Toy;
use crate::{Dialect, Evaluator, LoadOptions, Priority, RuleSet, SourceFile};

/// Names for the toys.
pub(super) const MAPPING: &str = r"
title: Toys
unmatched: refuse
fieldmappings:
  Image: sf.proc.exe
  ParentImage: sf.pproc.exe
  Directory: {field: sf.proc.exe, suffix: /}
  Pid: sf.proc.pid
  Tty: sf.proc.tty
  Names: [sf.proc.exe, sf.pproc.exe]
  Ancestors: sf.proc.aname
  File: sf.file.path
  Address: sf.net.ip
  Port: sf.net.dport
  ParentName: proc.pname
  Operation: {values: {exec: sf.opflags = EXEC, EXIT: sf.opflags = EXIT}}
  Hash: {absent: toys have none}
  Lost: sf.no.such
keywords: [sf.proc.exe, sf.file.path]
placeholders:
  Shells: [/bin/sh, /bin/*bash]
logsources:
  process_creation:
    product: linux
    category: process_creation
    condition: sf.opflags = EXEC
  other:
    product: linux
    category: other
    fieldmappings:
      Image: sf.pproc.exe
";

pub(crate) fn options() -> LoadOptions {
    LoadOptions {
        sigma_mapping: Some(SourceFile {
            name: "mapping.yaml".into(),
            text: MAPPING.into(),
        }),
        ..LoadOptions::default()
    }
}

pub(super) fn load(text: &str) -> (RuleSet<Toy>, String) {
    let file = SourceFile {
        name: "rule.yml".into(),
        text: text.into(),
    };
    let (set, problems) = RuleSet::load(vec![file], &options());
    (set, problems.render(false, 100))
}

/// A rule with this detection.
pub(super) fn rule(detection: &str) -> String {
    let detection = detection.replace('\n', "\n  ");
    format!(
        "title: T\nlogsource:\n  product: linux\n  category: process_creation\n\
         detection:\n  {detection}\nlevel: high\n"
    )
}

pub(super) fn exec(exe: &str, parent: &str) -> Toy {
    Toy {
        operations: 1,
        exe: exe.into(),
        parent_exe: parent.into(),
        pid: 7,
        ..Toy::default()
    }
}

#[track_caller]
pub(super) fn matches(detection: &str, toy: &Toy) -> bool {
    let (set, problems) = load(&rule(detection));
    assert_eq!(problems, "", "\n{problems}");
    let mut matched = false;
    let _ = Evaluator::new().rules(&set, toy, |_, _| matched = true);
    matched
}

#[track_caller]
pub(super) fn problems(text: &str, wanted: &[&str]) {
    let (set, problems) = load(text);
    assert!(set.rules().is_empty(), "{text}");
    for wanted in wanted {
        assert!(problems.contains(wanted), "{wanted}:\n{problems}");
    }
}

#[test]
fn selections_match_as_the_specification_says() {
    let bash = exec("/bin/Bash", "/usr/bin/node");
    for (detection, expected) in [
        ("s:\n  Image: /bin/bash\ncondition: s", true),
        ("s:\n  Image|cased: /bin/bash\ncondition: s", false),
        ("s:\n  Image|endswith: [/sh, BASH]\ncondition: s", true),
        ("s:\n  Image|startswith: /BIN/\ncondition: s", true),
        ("s:\n  Image|contains|all: [bin, ash]\ncondition: s", true),
        ("s:\n  Image|contains|all: [bin, zsh]\ncondition: s", false),
        ("s:\n  Image: /b?n/*sh\ncondition: s", true),
        ("s:\n  Image: '/bin/\\*sh'\ncondition: s", false),
        ("s:\n  Image|re: B.sh$\ncondition: s", true),
        ("s:\n  Image|re: b.sh$\ncondition: s", false),
        ("s:\n  Image|re|i: ^/BIN.b.sh$\ncondition: s", true),
        (
            "s:\n  - Image: x\n  - ParentImage|endswith: node\ncondition: s",
            true,
        ),
        (
            "s:\n  Image: x\n  ParentImage|endswith: node\ncondition: s",
            false,
        ),
        ("s:\n  - x\n  - BASH\ncondition: s", true),
        ("s:\n  '|all': [bash, /bin]\ncondition: s", true),
        ("s:\n  File: null\ncondition: s", true),
        ("s:\n  File: ''\ncondition: s", true),
        ("s:\n  Image|exists: true\ncondition: s", true),
        ("s:\n  ParentName|exists: true\ncondition: s", false),
        ("s:\n  ParentName: null\ncondition: s", true),
        ("s:\n  Image: '*'\ncondition: s", true),
        ("s:\n  Pid: 7\ncondition: s", true),
        ("s:\n  Pid|gte: 7\n  Pid|lt: 8\ncondition: s", true),
        ("s:\n  Pid|neq: [7, 8]\ncondition: s", false),
        ("s:\n  Image|neq: /bin/sh\ncondition: s", true),
        ("s:\n  Names|endswith: node\ncondition: s", true),
        ("s:\n  Image|expand: '%Shells%'\ncondition: s", true),
        ("s:\n  Image|fieldref: ParentImage\ncondition: s", false),
        ("s:\n  Operation: EXEC\ncondition: s", true),
        (
            "a:\n  Pid: 7\nb_1:\n  Pid: 8\nb_2:\n  Pid: 7\ncondition: a and 1 of b_*",
            true,
        ),
        (
            "a:\n  Pid: 7\nb_1:\n  Pid: 8\nb_2:\n  Pid: 7\ncondition: a and all of b_*",
            false,
        ),
        ("a:\n  Pid: 7\n_b:\n  Pid: 8\ncondition: all of them", true),
        ("a:\n  Pid: 8\nb:\n  Pid: 7\ncondition: [a, b]", true),
        ("a:\n  Pid: 7\nb:\n  Pid: 7\ncondition: a and not b", false),
    ] {
        assert_eq!(matches(detection, &bash), expected, "{detection}");
    }
}

#[test]
fn encodings_and_addresses() {
    let encoded = exec("xYXNjaWk=", "");
    assert!(matches(
        "s:\n  Image|base64|contains: ascii\ncondition: s",
        &encoded
    ));
    let offset = exec("echo eGh0dHA6Ly94", "");
    assert!(matches(
        "s:\n  Image|base64offset|contains: 'http://'\ncondition: s",
        &offset
    ));
    let dash = exec("a /x", "");
    assert!(matches(
        "s:\n  Image|windash|contains: ' -x'\ncondition: s",
        &dash
    ));
    let wide = exec("a\0b\0", "");
    assert!(matches("s:\n  Image|wide: AB\ncondition: s", &wide));
    let connection = Toy {
        kind: 2,
        operations: 1,
        addresses: vec!["10.1.2.3".parse().unwrap()],
        ..Toy::default()
    };
    assert!(matches(
        "s:\n  Address|cidr: [192.168.0.0/16, 10.0.0.0/8]\ncondition: s",
        &connection
    ));
    assert!(!matches(
        "s:\n  Address: 10.1.2.4\ncondition: s",
        &connection
    ));
    let directory = exec("/tmp/", "");
    assert!(matches("s:\n  Directory: /tmp\ncondition: s", &directory));
    assert!(matches(
        "s:\n  Directory|endswith: tmp\ncondition: s",
        &directory
    ));
}

#[test]
fn the_log_source_limits_what_is_asked() {
    let text = rule("s:\n  Image: /a\ncondition: s");
    let (set, _) = load(&text);
    let exit = Toy {
        operations: 2,
        ..exec("/a", "")
    };
    let mut found = 0;
    for toy in [exec("/a", ""), exit] {
        let _ = Evaluator::new().rules(&set, &toy, |_, rule| {
            found += 1;
            assert_eq!(rule.priority, Priority::Error);
            assert_eq!(rule.dialect, Dialect::Sigma);
        });
    }
    assert_eq!(found, 1);
    let (set, _) = load(&text.replace("process_creation", "other"));
    let found = |toy: &Toy| {
        let mut found = false;
        let _ = Evaluator::new().rules(&set, toy, |_, _| found = true);
        found
    };
    assert!(found(&exec("", "/a")) && !found(&exec("/a", "")));
    let (set, problems) = load(&text.replace("product: linux", "product: windows"));
    assert!(set.rules().is_empty() && problems.contains("cannot run here"));
}

#[test]
fn faults_are_told_with_their_place() {
    problems(
        &rule("s:\n  Imag: x\ncondition: s"),
        &[
            "rule.yml:7:5",
            "`Imag` is not mapped",
            "mapping.yaml",
            "did you mean `Image`?",
        ],
    );
    problems(
        &rule("s:\n  Lost: x\ncondition: s"),
        &["mapping.yaml", "sf.no.such", "asked for here"],
    );
    problems(
        &rule("s:\n  Image|contain: x\ncondition: s"),
        &["did you mean `contains`?"],
    );
    problems(
        &rule("s:\n  Image|re: '('\ncondition: s"),
        &["not a regular expression"],
    );
    problems(
        &rule("s:\n  Image|expand: '%No%'\ncondition: s"),
        &["placeholder `%No%`"],
    );
    problems(
        &rule("s:\n  Pid|gt: x\ncondition: s"),
        &["rule.yml:7:13", "`x` is not a number"],
    );
    problems(
        &rule("s:\n  Image|cidr: 10.0.0.0/8\ncondition: s"),
        &["`cidr` does not apply"],
    );
    problems(
        &rule("s:\n  Pid: 1\ncondition: t"),
        &["no search identifier `t`"],
    );
    problems(
        &rule("s:\n  Pid: 1\ncondition: 1 of t*"),
        &["no search identifier has"],
    );
    problems(
        &rule("s:\n  Pid: 1\ncondition: s | count() by Image > 3"),
        &["correlation rule"],
    );
    problems(
        &rule("s:\n  Pid: 1\n  Pid: 2\ncondition: s"),
        &["stands here twice"],
    );
    problems(&rule("s:\n  Pid: 1"), &["`condition` is missing"]);
    problems(
        "title: T\ndetection:\n  s: x\n  condition: s\n",
        &["`logsource` is missing"],
    );
    problems("detection:\n  s: x\n", &["`title` is missing"]);
}

#[test]
fn collections_and_filters() {
    let text = "action: global\ntitle: T\nlevel: low\nlogsource:\n  product: linux\n  \
        category: process_creation\n---\nid: one\ndetection:\n  s:\n    Image: /a\n  condition: s\n\
        ---\naction: repeat\nid: two\ndetection:\n  s:\n    Image: /b\n---\n\
        title: F\nfilter:\n  rules: [two]\n  s:\n    Pid: 7\n  condition: not s\n";
    let (set, problems) = load(text);
    assert_eq!(problems, "");
    let ids = |toy: &Toy| {
        let mut ids = Vec::new();
        let _ = Evaluator::new().rules(&set, toy, |_, rule| {
            ids.push(rule.sigma.as_ref().unwrap().id.clone());
        });
        ids
    };
    assert_eq!(set.rules().len(), 2);
    assert_eq!(ids(&exec("/a", "")), ["one"]);
    assert_eq!(ids(&exec("/b", "")), [""; 0]);
    let other = Toy {
        pid: 8,
        ..exec("/b", "")
    };
    assert_eq!(ids(&other), ["two"]);
}

#[test]
fn what_a_rule_says_of_itself_is_kept() {
    let text = rule("s:\n  Image: /a\ncondition: s").replace(
        "level: high",
        "id: i\nname: n\nstatus: test\nauthor: [a, b]\ndate: 2024-01-02\nmodified: 2024-01-03\n\
         references: [r]\ntags: [attack.t1059, cve.2024.1]\nfalsepositives: [f]\nfields: [Image]\n\
         related:\n  - id: x\n    type: derived\nlicense: MIT\ntaxonomy: sigma\nlevel: critical",
    );
    let (set, problems) = load(&text);
    assert_eq!(problems, "");
    let rule = &set.rules()[0];
    let metadata = rule.sigma.as_ref().unwrap();
    assert_eq!(rule.priority, Priority::Critical);
    assert_eq!(rule.tags, ["attack.t1059", "cve.2024.1"]);
    assert_eq!(
        (metadata.author.as_str(), metadata.date.as_str()),
        ("a, b", "2024-01-02")
    );
    assert_eq!(metadata.status, Some(super::Status::Test));
    assert_eq!(metadata.related[0].kind, "derived");
    assert_eq!(metadata.logsource.category, "process_creation");
}
