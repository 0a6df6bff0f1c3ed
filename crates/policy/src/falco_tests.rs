//! What items of Falco's files do with one another, and what the configuration does with rules.

use crate::toy::Toy;
use crate::{
    AppendOutput, Code, Condition, Diagnostics, Dialect, Evaluator, ExtraOption, ExtraValue,
    FalcoCode, LoadOptions, Matching, Part, Priority, RuleId, RuleSet, Selection, Selector,
    SourceFile,
};

fn falco() -> LoadOptions {
    LoadOptions {
        dialect: Some(Dialect::Falco),
        ..LoadOptions::default()
    }
}

fn load_with(texts: &[&str], options: &LoadOptions) -> (RuleSet<Toy>, Diagnostics) {
    let files = texts.iter().enumerate().map(|(number, text)| SourceFile {
        name: format!("f{number}.yaml"),
        text: (*text).to_owned(),
    });
    RuleSet::load(files.collect(), options)
}

#[track_caller]
fn load(text: &str) -> RuleSet<Toy> {
    let (set, problems) = load_with(&[text], &falco());
    assert!(problems.is_empty(), "{problems}");
    let result = problems.falco_result();
    assert!(result.is_successful(), "{:?}", result.error);
    set
}

/// Falco's codes for a file: that of the error, and those of the warnings.
fn codes(texts: &[&str]) -> (Option<FalcoCode>, Vec<FalcoCode>) {
    let (_, problems) = load_with(texts, &falco());
    let result = problems.falco_result();
    let warnings = result.warnings.iter().map(|(code, _)| *code);
    (result.error.map(|(code, _)| code), warnings.collect())
}

fn rule(name: &str, condition: &str) -> String {
    format!(
        "- rule: {name}\n  desc: d\n  condition: evt.type = EXEC and {condition}\n  output: \"%proc.exe\"\n  \
         priority: INFO\n  tags: [x, {name}]\n"
    )
}

fn toy(exe: &str, parent: &str) -> Toy {
    Toy {
        operations: 1,
        exe: exe.into(),
        parent_name: Some(parent.into()),
        ..Toy::default()
    }
}

fn matches(set: &RuleSet<Toy>, toy: &Toy) -> Vec<String> {
    let mut names = Vec::new();
    let _ = Evaluator::new().rules(set, toy, |_, rule| names.push(rule.name.clone()));
    names
}

#[test]
fn parts_of_rules_are_added_to_and_replaced() {
    let base = rule("A", "proc.exe = a");
    let set = load(&format!(
        "{base}- rule: A\n  condition: or proc.exe = b\n  output: and %proc.pname\n  priority: ALERT\n  desc: more\n  \
         tags: [c, x]\n  capture: true\n  capture_duration: 7\n  override:\n    condition: append\n    output: append\n    \
         priority: replace\n    desc: append\n    tags: append\n    capture: replace\n    capture_duration: replace\n"
    ));
    let changed = &set.rules()[0];
    assert_eq!(matches(&set, &toy("b", "p")), ["A"]);
    assert_eq!(
        (changed.desc.as_str(), changed.priority),
        ("d more", Priority::Alert)
    );
    assert_eq!(changed.tags, ["A", "c", "x"]);
    assert_eq!(changed.capture.unwrap().duration_ms, Some(7));
    let mut out = String::new();
    changed
        .output
        .as_ref()
        .unwrap()
        .render(&toy("b", "p"), &mut out);
    assert_eq!(out, "b and p");
    let set = load(&format!(
        "{base}- rule: A\n  condition: evt.type = EXEC and proc.exe = c\n  enabled: false\n  tags: []\n  override:\n    \
         condition: replace\n    enabled: replace\n    tags: replace\n- rule: A\n  enabled: true\n"
    ));
    assert_eq!(matches(&set, &toy("c", "p")), ["A"]);
    assert!(matches(&set, &toy("a", "p")).is_empty() && set.rules()[0].tags.is_empty());
}

#[test]
fn exceptions_are_taken_away_from_conditions() {
    let base = rule("A", "proc.exe exists");
    let exceptions = "  exceptions:
  - name: pairs
    fields: [proc.exe, proc.pname]
    comps: [=, startswith]
    values:
    - [a, p]
    - [\"b c\", '\"q r\"']
  - name: one
    fields: proc.exe
    values: [x, y z]
  - name: any
    fields: proc.exe
    comps: endswith anyof
    values: [.tmp, .bak]
  - name: made
    fields: [tolower(proc.exe), proc.pname]
    comps: [in, =]
    values: [[[up, er], val(proc.pname)]]
  - name: empty
    fields: proc.pname
";
    let added = "- rule: A
  exceptions:
  - name: pairs
    values: [[c, z]]
  - name: new
    fields: [proc.exe]
    values: [[d]]
  override:
    exceptions: append
";
    let set = load(&format!("{base}{exceptions}{added}"));
    assert_eq!(
        set.rules()[0].exceptions,
        ["pairs", "one", "any", "made", "empty", "new"]
    );
    for (exe, parent) in [
        ("a", "pp"),
        ("b c", "q r"),
        ("x", "-"),
        ("y z", "-"),
        ("f.bak", "-"),
        ("UP", "-"),
        ("c", "zz"),
        ("d", "-"),
    ] {
        assert!(
            matches(&set, &toy(exe, parent)).is_empty(),
            "{exe} {parent}"
        );
    }
    for (exe, parent) in [("a", "q"), ("b c", "p"), ("c", "a"), ("bak", "-")] {
        assert_eq!(matches(&set, &toy(exe, parent)), ["A"], "{exe} {parent}");
    }
    let replaced = "- rule: A
  exceptions:
  - name: only
    fields: proc.exe
    values: [k]
  override:
    exceptions: replace
";
    let set = load(&format!("{base}{exceptions}{replaced}"));
    assert!(matches(&set, &toy("k", "-")).is_empty());
    assert_eq!(matches(&set, &toy("x", "-")), ["A"]);
}

#[test]
fn falco_refuses_what_it_refuses() {
    use FalcoCode as F;
    let good = rule("A", "proc.exe = a");
    let with = |more: &str| codes(&[&format!("{good}{more}")]).0;
    let exception = |text: &str| with(&format!("  exceptions:\n  - {text}\n"));
    for (number, (error, wanted)) in [
        (
            with(
                "- rule: A\n  source: other\n  desc: d\n  condition: evt.type = EXEC\n  output: o\n  priority: INFO\n",
            ),
            F::Validate,
        ),
        (with("- rule: A\n  desc: d\n"), F::YamlValidate),
        (with("- rule: B\n  enabled: true\n"), F::Validate),
        (with("- list: l\n"), F::YamlValidate),
        (
            with("- list: l\n  items: [a]\n  append: true\n"),
            F::Validate,
        ),
        (
            with("- macro: m\n  condition: x\n  override: {condition: append}\n"),
            F::Validate,
        ),
        (
            with("- macro: m\n  condition: proc.exe = \n"),
            F::CompileCondition,
        ),
        (with("- required_engine_version: 0.64.0\n"), F::Validate),
        (with("- required_plugin_versions: x\n"), F::YamlValidate),
        (with("- a\n"), F::YamlValidate),
        (with("- list: l\n  items: a\n"), F::YamlValidate),
        (with("  capture_duration: -1\n"), F::YamlValidate),
        (with("  exceptions: x\n"), F::YamlValidate),
        (exception("fields: proc.exe"), F::YamlValidate),
        (exception("name: n"), F::YamlValidate),
        (
            exception("{name: n, fields: proc.exe, comps: =}"),
            F::Validate,
        ),
        (
            exception("{name: n, fields: [proc.exe], comps: [=, =]}"),
            F::Validate,
        ),
        (exception("{name: n, fields: [proc.exf]}"), F::Validate),
        (
            exception("{name: n, fields: proc.exe, values: x}"),
            F::YamlValidate,
        ),
        (
            exception("{name: n, fields: [proc.exe], values: [['a\"b c']]}"),
            F::CompileCondition,
        ),
        (codes(&["- rule: x\n  desc: [\n"]).0, F::YamlParse),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(error, Some(wanted), "case {number}");
    }
    // Nothing that only uses fields wrongly matters as long as no rule needs it.
    assert_eq!(with("- macro: m\n  condition: proc.exf = a\n"), None);
    let later = "- macro: m\n  condition: n\n- macro: n\n  condition: evt.type = EXEC\n";
    assert_eq!(with(later), Some(F::Validate));
    let first = rule("B", "m");
    let second = "- macro: m\n  condition: proc.exe = a\n";
    assert_eq!(codes(&[&first, second]).0, Some(F::Validate));
    let (set, problems) = load_with(&[&first, second], &falco());
    assert_eq!(
        (set.rules().len(), problems.errors()),
        (1, 0),
        "here both go together"
    );
}

#[test]
fn falco_warns_of_what_it_warns_of() {
    use FalcoCode as F;
    let warnings = |more: &str| codes(&[&format!("{}{more}", rule("A", "proc.exe = a"))]).1;
    let exceptions =
        "  exceptions:\n  - name: n\n    fields: proc.exe\n  - name: n\n    fields: proc.exe\n";
    for (more, wanted) in [
        ("- odd: x\n", F::UnknownItem),
        ("  odd: x\n", F::UnknownKey),
        (
            "- macro: my-macro\n  condition: evt.type = EXEC\n",
            F::InvalidMacroName,
        ),
        ("- list: my list\n  items: [a]\n", F::InvalidListName),
        (exceptions, F::ExceptionNameNotUnique),
        ("- rule: A\n  enabled: false\n", F::DeprecatedItem),
    ] {
        assert!(warnings(more).contains(&wanted), "{more}");
    }
    let added = "  exceptions:\n  - name: n\n    fields: proc.exe\n- rule: A\n  exceptions:\n  - name: n\n  \
                 override: {exceptions: append}\n";
    assert_eq!(warnings(added), [F::AppendNoValues]);
    let container = rule("A", "proc.exe = a").replace("%proc.exe", "%container.info");
    assert_eq!(codes(&[&container]).1, [F::DeprecatedItem]);
    let no_types = |condition: &str| {
        codes(&[&format!(
            "- rule: A\n  desc: d\n  condition: {condition}\n  output: o\n  priority: INFO\n"
        )])
        .1
    };
    assert_eq!(no_types("proc.exe = a"), [F::NoEventType]);
    assert_eq!(
        no_types("not evt.type = EXEC and proc.exe = a"),
        [F::NoEventType]
    );
    assert_eq!(
        no_types("evt.type = EXEC or proc.exe = a"),
        [F::NoEventType]
    );
    assert_eq!(
        no_types("proc.exe = a and (evt.type = EXEC or evt.type in (EXIT, OPEN))"),
        []
    );
    assert_eq!(no_types("proc.exe = a\n  warn_evttypes: false"), []);
    assert_eq!(
        no_types("evt.type = EXEC and proc.exe regex abc"),
        [F::ConditionHint]
    );
    assert_eq!(
        no_types("evt.type = EXEC and proc.exe = 'tolower(proc.exe)'"),
        [F::ConditionHint]
    );
}

#[test]
fn rules_are_skipped_or_left_out() {
    let skipped = format!(
        "{}  skip-if-unknown-filter: true\n",
        rule("A", "foo.bar = 1")
    );
    let (set, problems) = load_with(&[&(skipped + &rule("B", "proc.exe = a"))], &falco());
    assert_eq!(
        (set.rules().len(), problems.errors(), problems.warnings()),
        (1, 0, 1)
    );
    let in_macro = format!(
        "- macro: m\n  condition: foo.bar = 1\n{}  skip-if-unknown-filter: true\n",
        rule("A", "m")
    );
    let (_, problems) = load_with(&[&in_macro], &falco());
    assert_eq!((problems.errors(), problems.warnings()), (0, 1));
    assert_eq!(codes(&[&in_macro]), (None, vec![FalcoCode::UnknownFilter]));
    let other = rule("A", "ka.verb = create") + "  source: k8s_audit\n";
    let (set, problems) = load_with(&[&other], &falco());
    assert!(set.rules().is_empty());
    let found: Vec<Code> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(found, [Code::OtherSource]);
}

#[test]
fn rules_are_chosen_when_they_run() {
    let text = rule("A", "proc.exe = a") + &rule("B", "proc.exe = a") + &rule("C", "proc.pid = 0");
    let text = text.replacen("INFO", "ERROR", 1);
    let selection = vec![
        Selection {
            enable: false,
            rules: Selector::Tag("x".into()),
        },
        Selection {
            enable: true,
            rules: Selector::Name("*B".into()),
        },
    ];
    let chosen = |options: LoadOptions| {
        let (set, problems) = load_with(&[&text], &options);
        assert!(problems.is_empty(), "{problems}");
        matches(&set, &toy("a", "p")).concat()
    };
    assert_eq!(chosen(falco()), "ABC");
    assert_eq!(
        chosen(LoadOptions {
            selection,
            ..falco()
        }),
        "B"
    );
    assert_eq!(
        chosen(LoadOptions {
            minimum_priority: Some(Priority::Warning),
            ..falco()
        }),
        "A"
    );
    assert_eq!(
        chosen(LoadOptions {
            matching: Matching::First,
            ..falco()
        }),
        "A"
    );
}

#[test]
fn alerts_get_what_is_configured() {
    let options = LoadOptions {
        append_output: vec![
            AppendOutput {
                tags: vec!["A".into()],
                extra_output: Some("(%toupper(proc.pname) %static.site)".into()),
                extra_fields: vec![
                    ExtraOption::Field("proc.pid".into()),
                    ExtraOption::Text("who".into(), "%proc.pname!".into()),
                ],
                ..AppendOutput::default()
            },
            AppendOutput {
                rule: Some("B".into()),
                suggested_output: true,
                ..AppendOutput::default()
            },
        ],
        suggested_fields: vec!["proc.pname".into(), "k8s.ns.name".into()],
        static_fields: vec![("site".into(), "here".into())],
        ..falco()
    };
    let text = rule("A", "static.site = here") + &rule("B", "static.site = there");
    let (set, problems) = load_with(&[&text], &options);
    assert!(problems.is_empty(), "{problems}");
    let toy = toy("a", "p");
    assert_eq!(matches(&set, &toy), ["A"]);
    let output = |index: usize| {
        let mut out = String::new();
        set.rules()[index]
            .output
            .as_ref()
            .unwrap()
            .render(&toy, &mut out);
        out
    };
    assert_eq!(output(0), "a (P here)");
    assert_eq!(output(1), "a proc_pname=p static_site=here");
    let extra = &set.rules()[0].extra_fields;
    assert!(matches!(&extra[0].value, ExtraValue::Field(field) if field.name == "proc.pid"));
    let ExtraValue::Text(template) = &extra[1].value else {
        panic!("a text");
    };
    let mut out = String::new();
    template.render(&toy, &mut out);
    assert_eq!((extra[1].name.as_str(), out.as_str()), ("who", "p!"));
}

#[test]
fn rules_explain_themselves_and_their_cost() {
    let options = LoadOptions {
        explain: true,
        ..falco()
    };
    let text = "- macro: m\n  condition: proc.exe in (l)\n- list: l\n  items: [a, b]\n".to_owned()
        + &rule("A", "m and not proc.pname startswith x and proc.pid = 5");
    let (set, _) = load_with(&[&text], &options);
    let mut evaluator = Evaluator::new();
    let toy = toy("c", "p");
    let explanation = set.explain(RuleId(0), &mut evaluator, &toy).unwrap();
    assert_eq!(
        explanation.to_string(),
        "✗ all of
  ✓ evt.type = EXEC  [sf.opflags = EXEC]
  ✗ m:
    ✗ proc.exe in (a, b)  [sf.proc.exe = c]
  - not
    - proc.pname startswith x  [proc.pname = p]
  - proc.pid = 5  [sf.proc.pid = 0]"
    );
    assert_eq!(explanation.part, Part::All);
    assert_eq!(evaluator.rule(&set, RuleId(0), &toy), Some(false));
    let (holds, checks) = evaluator.counted_rule(&set, RuleId(0), &toy).unwrap();
    assert!(!holds && checks > 0 && checks <= 4);
    let other = Toy {
        operations: 2,
        ..toy
    };
    assert_eq!(evaluator.rule(&set, RuleId(0), &other), None, "never asked");
    let condition = Condition::<Toy>::parse_in("proc.pname exists", Dialect::Falco).unwrap();
    let explanation = condition.explain(&mut evaluator, &Toy::default()).unwrap();
    assert_eq!(
        explanation.to_string(),
        "✗ proc.pname exists  [proc.pname has no value]"
    );
}

#[test]
fn bytes_have_operators_of_their_own() {
    let toy = Toy {
        message: "\u{7f}ELF\u{1}".into(),
        ..Toy::default()
    };
    let parse = |text: &str| Condition::<Toy>::parse_in(text, Dialect::Falco);
    for text in [
        "evt.buffer bstartswith 7f454c46",
        "evt.buffer bcontains 4C46",
        "evt.buffer startswith \"\\x7f\"",
        "evt.buffer contains ELF and not evt.buffer contains \"\\xff\"",
        "len(evt.buffer) = 5",
    ] {
        let condition = parse(text).unwrap();
        assert!(Evaluator::new().condition(&condition, &toy), "{text}");
    }
    for text in [
        "evt.buffer glob x",
        "evt.buffer < 5",
        "evt.buffer intersects (x)",
        "tolower(evt.buffer) = x",
        "proc.exe bcontains 41",
        "evt.buffer bcontains 4",
        "len(fd.net) = 1",
        "proc.exe = val(proc.anames)",
        "fd.net = val(sf.net.ip)",
        "proc.anames = a",
        "evt.type = val(proc.exe)",
        "tolower(evt.type) = a",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
    // A byte beyond ASCII is that byte, not the letter of that number.
    let raw = parse(
        "evt.buffer bcontains c3 and not evt.buffer contains \"\\xe9\" and evt.buffer contains \"\\xc3\\xa9\"",
    );
    let toy = Toy {
        message: "é".into(),
        ..Toy::default()
    };
    assert!(Evaluator::new().condition(&raw.unwrap(), &toy));
}

#[test]
fn memory_of_transformers_is_used_again() {
    let text = "concat(toupper(proc.exe), basename(sf.pproc.exe)) = x or join('-', proc.anames) contains b";
    let condition = Condition::<Toy>::parse_in(text, Dialect::Falco).unwrap();
    let toy = Toy {
        ancestors: vec!["a".repeat(50), "c".repeat(50)],
        ..toy("long name", "p")
    };
    let mut evaluator = Evaluator::new();
    assert!(!evaluator.condition(&condition, &toy));
    let before = evaluator.memory_size();
    for _ in 0..100 {
        assert!(!evaluator.condition(&condition, &toy));
    }
    assert_eq!(evaluator.memory_size(), before);
}
