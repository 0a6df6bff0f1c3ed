//! What the engine answers is what a plain reading of the condition answers.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::select;

use super::conditions::{condition_text, toy};
use super::{load, parsed};
use crate::ast::Expression;
use crate::reference::Reference;
use crate::toy::Toy;
use crate::{Condition, Dialect, Evaluator, Outcome, RuleId};

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

proptest! {
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
}
