//! Properties: what is printed is read again, what the engine answers is what a plain reading of the
//! condition answers, and no text of a rule file does harm.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::select;

use crate::ast::{
    Call, Check, Expression, Operand, OperandKind, Operator, Quantifier, Right, Transformer,
};
use crate::reference::Reference;
use crate::source::{MappedText, Span};
use crate::toy::{OPERATIONS, Toy};
use crate::{
    Condition, Dialect, Evaluator, LoadOptions, Outcome, RuleId, RuleSet, SourceFile, parser,
};

fn parsed(text: &str, dialect: Dialect) -> Expression {
    let mut problems = Vec::new();
    let mapped = MappedText::verbatim(text, 0, 0);
    let expression = parser::parse(&mapped, dialect, &mut problems);
    problems.retain(|problem| problem.severity == crate::Severity::Error);
    assert!(problems.is_empty(), "{text}: {problems:#?}");
    expression
}

/// The same without places, and without the words in which calls were written.
fn operand_alone(operand: Operand) -> Operand {
    let alone = |operands: Vec<Operand>| operands.into_iter().map(operand_alone).collect();
    let (kind, text) = match operand.kind {
        OperandKind::Call(call) => {
            let call = Call {
                arguments: alone(call.arguments),
                ..*call
            };
            (OperandKind::Call(Box::new(call)), String::new())
        }
        OperandKind::Tuple(parts) => (OperandKind::Tuple(alone(parts)), String::new()),
        kind => (kind, operand.text),
    };
    Operand {
        kind,
        text,
        span: Span::default(),
    }
}

/// The same without places.
fn bare(expression: Expression) -> Expression {
    match expression {
        Expression::Or(parts) => Expression::Or(parts.into_iter().map(bare).collect()),
        Expression::And(parts) => Expression::And(parts.into_iter().map(bare).collect()),
        Expression::Not(inner) => Expression::Not(Box::new(bare(*inner))),
        Expression::Name(name) => Expression::Name(operand_alone(name)),
        Expression::Broken => Expression::Broken,
        Expression::Check(check) => Expression::Check(Check {
            left: operand_alone(check.left),
            operator: check.operator,
            operator_span: Span::default(),
            right: match check.right {
                Right::Nothing => Right::Nothing,
                Right::One(right) => Right::One(operand_alone(right)),
                Right::List(items, _) => Right::List(
                    items.into_iter().map(operand_alone).collect(),
                    Span::default(),
                ),
                Right::Quantified(quantifier, items, _) => Right::Quantified(
                    quantifier,
                    items.into_iter().map(operand_alone).collect(),
                    Span::default(),
                ),
            },
        }),
    }
}

fn of_kind(
    kind: OperandKind,
    text: impl Strategy<Value = String>,
) -> impl Strategy<Value = Operand> {
    text.prop_map(move |text| Operand {
        kind: kind.clone(),
        text,
        span: Span::default(),
    })
}

fn word() -> impl Strategy<Value = Operand> {
    let text = "[a-zA-Z0-9_/.*][a-zA-Z0-9_/.*:@+-]{0,8}".prop_filter("keywords", |word| {
        let keywords = ["and", "or", "not", "val", "oneof", "anyof", "allof"];
        Transformer::parse(word).is_none()
            && !keywords.contains(&word.as_str())
            && Operator::parse(word).is_none()
    });
    of_kind(OperandKind::Word, text)
}

fn plain() -> impl Strategy<Value = Operand> {
    let quoted = of_kind(OperandKind::Quoted, "[^\u{0}\u{1}-\u{8}\u{b}-\u{1f}]{0,8}");
    prop_oneof![word(), quoted]
}

fn operand() -> impl Strategy<Value = Operand> {
    let field = "[a-z]{1,4}[.][a-z]{1,4}(\\[[a-z0-9]{1,3}\\])?";
    prop_oneof![
        3 => plain(),
        1 => of_kind(OperandKind::FieldValue, field),
        1 => call(),
    ]
}

/// Any transformer with anything in it.
fn call() -> impl Strategy<Value = Operand> {
    let field = of_kind(
        OperandKind::Word,
        "[a-z]{1,4}[.][a-z]{1,4}(\\[[a-z0-9]{1,3}\\])?",
    );
    let quoted = of_kind(OperandKind::Quoted, "[a-z ]{0,4}");
    let leaf = prop_oneof![3 => field, 1 => quoted];
    let argument = leaf.prop_recursive(3, 12, 3, |inner| {
        let several = proptest::collection::vec(inner, 1..4);
        prop_oneof![
            3 => called(several.clone()),
            1 => several.prop_map(|parts| Operand {
                kind: OperandKind::Tuple(parts),
                text: String::new(),
                span: Span::default(),
            }),
        ]
    });
    called(proptest::collection::vec(argument, 1..4))
}

fn called(arguments: impl Strategy<Value = Vec<Operand>>) -> impl Strategy<Value = Operand> {
    let index = proptest::option::of("[a-z]{1,2}");
    (select(Transformer::ALL.to_vec()), arguments, index).prop_map(
        |(transformer, arguments, index)| Operand {
            kind: OperandKind::Call(Box::new(Call {
                transformer,
                arguments,
                index,
            })),
            text: String::new(),
            span: Span::default(),
        },
    )
}

fn expression() -> impl Strategy<Value = Expression> {
    let check = (
        prop_oneof![4 => plain().boxed(), 1 => call().boxed()],
        select(Operator::ALL),
        operand(),
        proptest::collection::vec(plain(), 0..4),
        proptest::option::of(select(vec![
            Quantifier::One,
            Quantifier::Any,
            Quantifier::All,
        ])),
    )
        .prop_map(|(left, operator, one, items, quantifier)| {
            let right = match operator {
                Operator::Exists => Right::Nothing,
                _ if !operator.takes_list()
                    && !operator.orders()
                    && let Some(quantifier) = quantifier =>
                {
                    Right::Quantified(quantifier, items, Span::default())
                }
                _ if operator.takes_list() => Right::List(items, Span::default()),
                _ => Right::One(one),
            };
            Expression::Check(Check {
                left,
                operator,
                operator_span: Span::default(),
                right,
            })
        });
    let leaf = prop_oneof![4 => check, 1 => word().prop_map(Expression::Name)];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let parts = proptest::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            parts.clone().prop_map(Expression::Or),
            parts.prop_map(Expression::And),
            inner.prop_map(|inner| Expression::Not(Box::new(inner))),
        ]
    })
}

fn toy() -> impl Strategy<Value = Toy> {
    let word = || select(vec!["", "a", "ab", "/a/b", "b", "A", "a,b"]).prop_map(str::to_owned);
    let words = || proptest::collection::vec(word(), 0..3);
    let number = || select(vec![0_i64, 1, 2, 80]);
    let address = select(vec!["10.0.0.1", "10.1.2.3", "127.0.0.1", "::1"]);
    let address = address.prop_map(|text| text.parse().unwrap());
    (
        (0_u32..3, 0_u64..64, word(), word(), number(), any::<bool>()),
        (words(), word(), proptest::collection::vec(address, 0..3)),
        (number(), number(), proptest::option::of(word())),
        proptest::collection::vec(number(), 0..3),
    )
        .prop_map(
            |((kind, operations, exe, parent_exe, pid, tty), names, net, ports)| {
                let (ancestors, path, addresses) = names;
                let (port, proto, parent_name) = net;
                let message = format!("{{\"a\": [\"{exe}\", {pid}]}}");
                Toy {
                    kind,
                    operations,
                    exe,
                    parent_exe,
                    pid,
                    tty,
                    ancestors,
                    path,
                    addresses,
                    port,
                    proto,
                    message,
                    parent_name,
                    ports,
                    ..Toy::default()
                }
            },
        )
}

/// Checks that are right in either dialect.
fn check_text() -> impl Strategy<Value = String> {
    let text_field = select(vec![
        "sf.proc.exe",
        "sf.pproc.exe",
        "sf.proc.aname",
        "sf.proc.aname[1]",
        "sf.file.path",
        "sf.ke.message[a.0]",
        "proc.pname",
    ]);
    let text = || select(vec!["''", "a", "b", "/a", "'a,b'", "AB", "x"]);
    let texts = || proptest::collection::vec(text(), 1..8).prop_map(|texts| texts.join(", "));
    let operator = select(vec![
        "=",
        "!=",
        "contains",
        "icontains",
        "startswith",
        "endswith",
        "<",
        ">=",
    ]);
    let list_operator = select(vec!["in", "intersects", "pmatch"]);
    let number_field = select(vec![
        "sf.proc.pid",
        "sf.net.dport",
        "sf.net.proto",
        "proc.ports",
        "sf.proc.tty",
    ]);
    let order = select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let number = || select(vec!["0", "1"]);
    let numbers = proptest::collection::vec(number(), 1..3).prop_map(|n| n.join(", "));
    let any_field = select(vec![
        "sf.proc.exe",
        "sf.opflags",
        "sf.file.path",
        "sf.net.ip",
        "proc.pname",
        "proc.ports",
        "sf.proc.tty",
    ]);
    prop_oneof![
        3 => (text_field.clone(), operator, text()).prop_map(|(f, o, t)| format!("{f} {o} {t}")),
        3 => (text_field, list_operator, texts()).prop_map(|(f, o, t)| format!("{f} {o} ({t})")),
        2 => (number_field.clone(), order, number()).prop_map(|(f, o, n)| format!("{f} {o} {n}"))
            .prop_filter("booleans have no order in Falco's", |t| !t.starts_with("sf.proc.tty")
                || t.contains(" = ") || t.contains("!=")),
        1 => (number_field, numbers).prop_map(|(f, n)| format!("{f} in ({n})")),
        2 => (select(vec!["=", "!="]), select(vec!["PE", "FF", "NF"]))
            .prop_map(|(o, kind)| format!("sf.type {o} {kind}")),
        2 => (select(vec!["=", "!="]), select(vec!["EXEC", "EXIT", "READ"]))
            .prop_map(|(o, name)| format!("sf.opflags {o} {name}")),
        1 => Just("sf.opflags in (OPEN, WRITE, CONNECT)".to_owned()),
        1 => select(vec!["=", "!="]).prop_map(|o| format!("sf.net.ip {o} 10.0.0.1")),
        1 => any_field.prop_map(|field| format!("{field} exists")),
        1 => select(vec!["=", "!="]).prop_map(|o| format!("sf.proc.exe {o} val(sf.pproc.exe)")),
        1 => select(vec!["=", "!="]).prop_map(|o| format!("sf.proc.aname {o} val(proc.pname)")),
        1 => select(vec!["first", "second"]).prop_map(str::to_owned),
        2 => quantified_text(),
        3 => transformed_text(),
        1 => (select(vec!["in", "intersects"]), text_list())
            .prop_map(|(o, t)| format!("proc.anames {o} ({t})")),
    ]
}

fn text_list() -> impl Strategy<Value = String> {
    let text = select(vec!["''", "a", "b", "/a", "'a,b'", "AB", "x"]);
    proptest::collection::vec(text, 1..5).prop_map(|texts| texts.join(", "))
}

/// Checks with `oneof` and its kin.
fn quantified_text() -> impl Strategy<Value = String> {
    let field = select(vec![
        "sf.proc.exe",
        "sf.proc.aname",
        "proc.pname",
        "tolower(proc.pname)",
    ]);
    let operator = select(vec![
        "=",
        "!=",
        "contains",
        "icontains",
        "startswith",
        "endswith",
    ]);
    let quantifier = select(vec!["oneof", "anyof", "allof"]);
    (field, operator, quantifier, text_list()).prop_map(|(f, o, q, t)| format!("{f} {o} {q} ({t})"))
}

/// Checks with transformers on either side.
fn transformed_text() -> impl Strategy<Value = String> {
    let field = || {
        select(vec![
            "sf.proc.exe",
            "sf.pproc.exe",
            "sf.file.path",
            "proc.pname",
            "sf.proc.aname",
        ])
    };
    let text = prop_oneof![
        field().prop_map(str::to_owned),
        (select(vec!["tolower", "toupper", "basename"]), field())
            .prop_map(|(name, field)| format!("{name}({field})")),
    ]
    .prop_recursive(2, 8, 3, |inner| {
        let one = (
            select(vec!["tolower", "toupper", "basename"]),
            inner.clone(),
        )
            .prop_map(|(name, inner)| format!("{name}({inner})"));
        let two = (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("concat({a}, {b})"));
        let join = (inner.clone(), inner).prop_map(|(a, b)| format!("join('/', ({a}, 'x', {b}))"));
        prop_oneof![one, two, join]
    })
    .prop_filter("a transformer", |text| text.contains('('))
    .boxed();
    let length = prop_oneof![
        select(vec![
            "sf.proc.exe",
            "sf.proc.aname",
            "proc.pname",
            "(proc.pname, sf.proc.exe)"
        ])
        .prop_map(|of| format!("len({of})")),
        text.clone()
            .prop_filter("one value", |text| !text.contains("aname"))
            .prop_map(|text| format!("len({text})")),
    ];
    let operator = || select(vec!["=", "!=", "contains", "startswith", "endswith"]);
    let order = select(vec!["=", "!=", "<", "<=", ">", ">="]);
    prop_oneof![
        3 => (text.clone(), operator(), select(vec!["''", "a", "A", "b", "/a"]))
            .prop_map(|(t, o, v)| format!("{t} {o} {v}")),
        1 => (text.clone(), text_list()).prop_map(|(t, l)| format!("{t} in ({l})")),
        1 => (text.clone(), operator(), field()).prop_map(|(t, o, f)| format!("{t} {o} val({f})")),
        1 => (field(), operator(), text.clone()).prop_map(|(f, o, t)| format!("{f} {o} {t}")),
        1 => (text.clone(), operator(), text.clone()).prop_map(|(a, o, b)| format!("{a} {o} {b}")),
        1 => text.prop_map(|text| format!("{text} exists")),
        2 => (length, order, select(vec!["0", "1", "2", "val(sf.proc.pid)"]))
            .prop_map(|(l, o, v)| format!("{l} {o} {v}")),
    ]
}

fn condition_text() -> impl Strategy<Value = String> {
    check_text().prop_recursive(4, 24, 5, |inner| {
        let parts = proptest::collection::vec(inner.clone(), 2..5);
        prop_oneof![
            parts
                .clone()
                .prop_map(|parts| format!("({})", parts.join(" or "))),
            parts.prop_map(|parts| format!("({})", parts.join(" and "))),
            inner.prop_map(|inner| format!("not {inner}")),
        ]
    })
}

fn rule_file(macros: &[String], rules: &[String], drop: Option<&String>) -> String {
    let mut text = String::new();
    let mut item = |kind: &str, name: &str, condition: &str| {
        let _ = writeln!(
            text,
            "- {kind}: {name}\n  desc: d\n  condition: {condition}"
        );
        if kind == "rule" {
            text += "  output: o\n  priority: notice\n";
        }
    };
    item("macro", "first", &macros[0]);
    item("macro", "second", &macros[1]);
    for (index, rule) in rules.iter().enumerate() {
        item("rule", &format!("r{index}"), rule);
    }
    if let Some(drop) = drop {
        item("drop", "d", drop);
    }
    text
}

/// Rows of values for an exception with the fields `sf.proc.exe` and `proc.pname`.
fn rows() -> impl Strategy<Value = Vec<(String, Vec<String>)>> {
    let word = || select(vec!["a", "b", "ab", "A", "la"]).prop_map(str::to_owned);
    proptest::collection::vec((word(), proptest::collection::vec(word(), 1..3)), 0..3)
}

/// A rule with lists and exceptions, and the condition that it stands for.
fn with_exceptions(
    condition: &str,
    listed: &[String],
    rows: &[(String, Vec<String>)],
    single: &[String],
) -> (String, String) {
    let mut text = format!("- list: la\n  items: [{}]\n", listed.join(", "));
    let _ = write!(
        text,
        "- rule: r\n  desc: d\n  output: o\n  priority: notice\n  condition: {condition} or sf.proc.exe in (la, x)\n  \
         exceptions:\n  - name: one\n    fields: proc.pname\n    values: [{}]\n  - name: two\n    \
         fields: [sf.proc.exe, proc.pname]\n    comps: [startswith, in]\n    values:",
        single.join(", ")
    );
    if rows.is_empty() {
        text += " []";
    }
    for (first, second) in rows {
        let _ = write!(text, "\n    - [{first}, [{}]]", second.join(", "));
    }
    text.push('\n');
    let lists = listed.join(", ");
    let mut meaning = format!("({condition} or sf.proc.exe in ({lists}, x))");
    if !single.is_empty() {
        let single = single.join(", ").replace("la", &lists);
        let _ = write!(meaning, " and not proc.pname in ({single})");
    }
    for (first, second) in rows {
        let first = first.replace("la", &lists);
        let second = second.join(", ").replace("la", &lists);
        let _ = write!(
            meaning,
            " and not (sf.proc.exe startswith {first} and proc.pname in ({second}))"
        );
    }
    (text, meaning)
}

fn load(text: &str, dialect: Dialect) -> RuleSet<Toy> {
    let file = SourceFile {
        name: "rules".into(),
        text: text.to_owned(),
    };
    let options = LoadOptions {
        dialect: Some(dialect),
        ..LoadOptions::default()
    };
    let (set, problems) = RuleSet::load(vec![file], &options);
    assert_eq!(problems.errors(), 0, "{text}\n{problems}");
    set
}

proptest! {
    #[test]
    fn printed_conditions_are_read_again(original in expression(), falco in any::<bool>()) {
        let dialect = if falco { Dialect::Falco } else { Dialect::SysFlow };
        let text = original.to_string();
        let again = bare(parsed(&text, dialect));
        prop_assert_eq!(&again, &original, "{}", text);
    }

    #[test]
    fn the_engine_agrees_with_a_plain_reading(
        macros in proptest::collection::vec(
            condition_text().prop_filter("macros use no macros here", |text| {
                !text.contains("first") && !text.contains("second")
            }), 2),
        rules in proptest::collection::vec(condition_text(), 1..6),
        drop in proptest::option::of(condition_text()),
        toys in proptest::collection::vec(toy(), 1..8),
        falco in any::<bool>(),
    ) {
        let dialect = if falco { Dialect::Falco } else { Dialect::SysFlow };
        let set = load(&rule_file(&macros, &rules, drop.as_ref()), dialect);
        let expressions: Vec<_> = rules.iter().map(|rule| parsed(rule, dialect)).collect();
        let definitions = [parsed(&macros[0], dialect), parsed(&macros[1], dialect)];
        let drop = drop.map(|drop| parsed(&drop, dialect));
        let mut evaluator = Evaluator::new();
        for toy in &toys {
            let macros = [&definitions[0], &definitions[1]];
            let reference = Reference { toy, dialect, macros };
            let mut matched = Vec::new();
            let outcome = evaluator.rules(&set, toy, |id, _| matched.push(id.0 as usize));
            if drop.as_ref().is_some_and(|drop| reference.holds(drop)) {
                prop_assert_eq!(outcome, Outcome::Dropped, "{:?}", toy);
                continue;
            }
            let wanted: Vec<usize> =
                (0..rules.len()).filter(|rule| reference.holds(&expressions[*rule])).collect();
            prop_assert_eq!(outcome, Outcome::Matched(wanted.len()), "{:?}", toy);
            prop_assert_eq!(matched, wanted, "{:?}", toy);
        }
    }

    #[test]
    fn lists_and_exceptions_agree_with_a_plain_reading(
        condition in condition_text().prop_filter("no macros here", |text| {
            !text.contains("first") && !text.contains("second")
        }),
        listed in proptest::collection::vec(select(vec!["a", "/a/b", "ab"]), 1..4),
        rows in rows(),
        single in proptest::collection::vec(select(vec!["a", "b", "la"]), 0..3),
        toys in proptest::collection::vec(toy(), 1..8),
    ) {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let (listed, single) = (words(&listed), words(&single));
        // A list of several items cannot stand for one value.
        prop_assume!(listed.len() == 1 || rows.iter().all(|(first, _)| first != "la"));
        let (text, meaning) = with_exceptions(&condition, &listed, &rows, &single);
        let set = load(&text, Dialect::Falco);
        let expression = parsed(&meaning, Dialect::Falco);
        let nothing = Expression::Broken;
        let mut evaluator = Evaluator::new();
        for toy in &toys {
            let macros = [&nothing, &nothing];
            let reference = Reference { toy, dialect: Dialect::Falco, macros };
            let matched = evaluator.rules(&set, toy, |_, _| {}) == Outcome::Matched(1);
            prop_assert_eq!(matched, reference.holds(&expression), "{}\n{:?}", meaning, toy);
            let alone = evaluator.rule(&set, RuleId(0), toy).unwrap_or(false);
            prop_assert_eq!(alone, matched);
        }
    }

    #[test]
    fn explanations_agree_with_evaluation(
        condition in condition_text().prop_filter("no macros here", |text| {
            !text.contains("first") && !text.contains("second")
        }),
        toy in toy(),
        falco in any::<bool>(),
    ) {
        let dialect = if falco { Dialect::Falco } else { Dialect::SysFlow };
        let condition = Condition::<Toy>::parse_in(&condition, dialect).unwrap();
        let mut evaluator = Evaluator::new();
        let explanation = condition.explain(&mut evaluator, &toy).unwrap();
        prop_assert_eq!(explanation.holds, evaluator.condition(&condition, &toy));
        prop_assert!(explanation.needed && !explanation.to_string().is_empty());
    }

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
