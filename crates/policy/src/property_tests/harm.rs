//! No text of a rule file does harm.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::load;
use crate::toy::{OPERATIONS, Toy};
use crate::{Condition, Dialect, Evaluator, LoadOptions, Outcome, RuleSet, SourceFile};

proptest! {
    #[test]
    fn no_condition_does_harm(text in "(?s)[a-z.=!<>()\\[\\]'\"\\\\, #&\u{e9}]{0,40}") {
        for dialect in [Dialect::Falco, Dialect::SysFlow] {
            if let Err(problems) = Condition::<Toy>::parse_in(&text, dialect) {
                prop_assert!(problems.errors() > 0);
                prop_assert!(!problems.render(true, 80).is_empty());
            }
        }
    }

    #[test]
    fn no_file_does_harm(
        edits in proptest::collection::vec(
            (any::<prop::sample::Index>(), 0_usize..12, "(?s)[-a-z:>|\\[\\]'\"#{}&*!%,\\n\\t \u{e9}]{0,6}"),
            1..6,
        ),
    ) {
        let mut text = format!("{FILE}{FALCO_FILE}");
        for (at, length, inserted) in edits {
            let starts: Vec<usize> = text.char_indices().map(|(start, _)| start).collect();
            if starts.is_empty() {
                break;
            }
            let start = at.index(starts.len());
            let end = starts.get(start + length).copied().unwrap_or(text.len());
            text.replace_range(starts[start]..end, &inserted);
        }
        for dialect in [Some(Dialect::Falco), Some(Dialect::SysFlow), None] {
            let file = SourceFile { name: "f".into(), text: text.clone() };
            let options = LoadOptions { dialect, ..LoadOptions::default() };
            let (set, problems) = RuleSet::<Toy>::load(vec![file], &options);
            let _ = problems.render(false, 80);
            let _ = problems.to_json();
            let _ = problems.hints().render(false, 80);
            let _ = problems.falco_json();
            let _ = Evaluator::new().rules(&set, &Toy::default(), |_, _| {});
        }
    }
}

const FILE: &str = "# é comment
- required_engine_version: 7
- list: shells
  items: [bash, 'z sh', \"x\", '\"(q)\"'] # more
- list: blocks
  items:
    - a
    - shells
- macro: shell
  condition: (sf.proc.exe in (shells) or
    sf.proc.exe startswith '/bin')
- drop: noise
  condition: sf.proc.pid < 0
- rule: One: two
  desc: >
    folded é
    text
  condition: >
    shell and not sf.type = FF
    # why
    or sf.ke.message[a.0] = 'x'
  output: \"exe=%sf.proc.exe (%30sf.proc.aname[1]) %sf.net.ip\"
  priority: high
  tags: [a, b:c]
  prefilter: [PE, NF]
  enabled: true
  exceptions:
    - name: n
      fields: [f]
";

const FALCO_FILE: &str = "- required_plugin_versions:
  - name: json
    version: 0.7.0
    alternatives:
    - {name: k8s, version: 0.1.0}
- rule: Two
  desc: d
  condition: join('-', (proc.exe, \"x\")) contains oneof (a, shells) and len(proc.exe) > 2
  output: \"%toupper(proc.exe) %5proc.pid %container.info\"
  priority: INFO
  skip-if-unknown-filter: true
  capture: true
  capture_duration: 5
  exceptions:
  - name: n
    fields: [proc.exe, proc.pname]
    comps: [=, in]
    values:
    - [a b, [x, shells]]
- rule: Two
  condition: and proc.exe = val(proc.pname)
  exceptions:
  - name: n
    values: [[c, (d)]]
  tags: [t]
  override:
    condition: append
    exceptions: append
    tags: replace
- macro: shell
  condition: or proc.exe = x
  append: true
";

#[test]
fn the_file_for_mutations_is_good() {
    let text = FILE.split("  exceptions").next().unwrap();
    let set = load(text, Dialect::SysFlow);
    assert_eq!((set.rules().len(), set.drops()), (1, 1));
    let shells = "- list: shells\n  items: [sh]\n- macro: shell\n  condition: proc.exe = y\n";
    let set = load(&format!("{shells}{FALCO_FILE}"), Dialect::Falco);
    assert_eq!(set.rules().len(), 1);
    assert_eq!(set.rules()[0].tags, ["t"]);
    assert_eq!(OPERATIONS.len(), 6);
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    let parentheses = format!("{}sf.type = PE{}", "(".repeat(5000), ")".repeat(5000));
    let negations = format!("{}sf.type = PE", "not ".repeat(5000));
    for text in [parentheses, negations] {
        assert!(Condition::<Toy>::parse(&text).is_err());
    }
    let allowed = format!("{}sf.type = PE{}", "(".repeat(150), ")".repeat(150));
    assert!(Condition::<Toy>::parse(&allowed).is_ok());
    // Macros that each use the next one, in the worst order and in the best.
    let chain = |order: &mut dyn Iterator<Item = usize>| {
        let mut text = String::from("- macro: m0\n  condition: sf.proc.pid = 0\n");
        for index in order {
            let before = index - 1;
            let condition = format!("not (m{before} and sf.proc.pid = {index})");
            let _ = writeln!(text, "- macro: m{index}\n  condition: {condition}");
        }
        text += "- rule: r\n  condition: m5000 or sf.type = PE\n";
        let file = SourceFile {
            name: "f".into(),
            text,
        };
        let (set, problems) = RuleSet::<Toy>::load(vec![file], &LoadOptions::default());
        assert!(set.rules().is_empty());
        assert!(problems.iter().any(|p| p.code == crate::Code::TooDeep));
    };
    chain(&mut (1..=5000).rev());
    chain(&mut (1..=5000));
    // A chain that is just allowed can also be evaluated.
    let mut text = String::from("- macro: m0\n  condition: sf.proc.pid = 0\n");
    for index in 1..400 {
        let before = index - 1;
        let condition = format!("not (m{before} and sf.proc.pid != {index})");
        let _ = writeln!(text, "- macro: m{index}\n  condition: {condition}");
    }
    // An earlier rule that asks for every macro keeps the compiler's own descent short.
    for index in 0..400 {
        let _ = writeln!(text, "- rule: r{index}\n  condition: m{index}");
    }
    let set = load(&text, Dialect::SysFlow);
    let outcome = Evaluator::new().rules(&set, &Toy::default(), |_, _| {});
    assert_eq!(outcome, Outcome::Matched(200));
    // The deepest conditions in the deepest chain.
    let mut text = String::new();
    for index in (1..100).rev() {
        let before = index - 1;
        let negations = "not (".repeat(95);
        let ends = ")".repeat(95);
        let _ = writeln!(
            text,
            "- macro: m{index}\n  condition: {negations}m{before} and sf.proc.pid = {index}{ends}"
        );
    }
    text += "- macro: m0\n  condition: sf.type = PE\n- rule: r\n  condition: m99\n";
    let (set, problems) = RuleSet::<Toy>::load(
        vec![SourceFile {
            name: "f".into(),
            text,
        }],
        &LoadOptions::default(),
    );
    assert!(set.rules().is_empty() && problems.errors() > 0);
}
