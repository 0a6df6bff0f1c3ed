//! An index loses no match: rules that need values of fields, or share what they need, match as if each were
//! asked.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::select;

use super::conditions::{condition_text, toy};
use super::load;
use crate::toy::Toy;
use crate::{Dialect, Evaluator, LoadOptions, Matching, Outcome, RuleSet, SourceFile};

/// Fields of which values are wanted: one value, several, an index, missing ones, numbers and truth values.
fn wanted() -> impl Strategy<Value = String> {
    let text_field = select(vec![
        "sf.proc.exe",
        "sf.pproc.exe",
        "sf.proc.aname",
        "sf.proc.aname[1]",
        "sf.file.path",
        "sf.opflags",
        "proc.pname",
        "sf.ke.message[a.0]",
    ]);
    let text = || select(vec!["''", "a", "b", "A", "/a/b", "'a,b'", "nobody", "READ"]);
    let texts = || proptest::collection::vec(text(), 1..6).prop_map(|texts| texts.join(", "));
    let number_field = select(vec!["sf.proc.pid", "sf.net.dport", "proc.ports"]);
    let number = || select(vec!["0", "1", "2", "80", "81"]);
    let numbers = proptest::collection::vec(number(), 1..4).prop_map(|all| all.join(", "));
    prop_oneof![
        4 => (text_field.clone(), text()).prop_map(|(f, t)| format!("{f} = {t}")),
        3 => (text_field.clone(), texts()).prop_map(|(f, t)| format!("{f} in ({t})")),
        1 => (text_field, select(vec!["iglob a", "iglob A", "!= a", "startswith a"]))
            .prop_map(|(f, rest)| format!("{f} {rest}")),
        2 => (number_field.clone(), number()).prop_map(|(f, n)| format!("{f} = {n}")),
        2 => (number_field, numbers).prop_map(|(f, n)| format!("{f} in ({n})")),
        1 => select(vec!["sf.proc.tty = true", "sf.proc.tty = false"]).prop_map(str::to_owned),
        1 => select(vec!["sf.proc.exe in ()", "sf.proc.pid in ()"]).prop_map(str::to_owned),
        1 => select(vec!["sf.type = PE", "sf.type != NF"]).prop_map(str::to_owned),
        2 => select(vec!["first", "second"]).prop_map(str::to_owned),
    ]
}

/// Conjunctions of what is wanted, of alternatives, of negations and of anything else.
fn needing() -> impl Strategy<Value = String> {
    let conjunction = || {
        proptest::collection::vec(wanted(), 1..4)
            .prop_map(|parts| format!("({})", parts.join(" and ")))
    };
    let alternatives = proptest::collection::vec(conjunction(), 2..4)
        .prop_map(|parts| format!("({})", parts.join(" or ")));
    let part = prop_oneof![
        6 => wanted(),
        3 => alternatives,
        1 => wanted().prop_map(|text| format!("not {text}")),
        1 => condition_text(),
    ];
    proptest::collection::vec(part, 1..4).prop_map(|parts| parts.join(" and "))
}

fn rule_file(macros: &[String], rules: &[String], drop: Option<&String>) -> String {
    let mut text = String::new();
    for (name, condition) in ["first", "second"].iter().zip(macros) {
        let _ = writeln!(text, "- macro: {name}\n  condition: {condition}");
    }
    for (number, rule) in rules.iter().enumerate() {
        let _ = writeln!(
            text,
            "- rule: r{number}\n  desc: d\n  condition: {rule}\n  output: o\n  priority: notice"
        );
    }
    if let Some(drop) = drop {
        let _ = writeln!(text, "- drop: d\n  condition: {drop}");
    }
    text
}

/// Rules of which only the first match counts.
fn first_only(text: &str) -> RuleSet<Toy> {
    let file = SourceFile {
        name: "rules".into(),
        text: text.to_owned(),
    };
    let options = LoadOptions {
        dialect: Some(Dialect::SysFlow),
        matching: Matching::First,
        ..LoadOptions::default()
    };
    RuleSet::load(vec![file], &options).0
}

fn macros() -> impl Strategy<Value = Vec<String>> {
    let plain = needing().prop_filter("macros use no macros here", |text| {
        !text.contains("first") && !text.contains("second")
    });
    proptest::collection::vec(plain, 2)
}

proptest! {
    #[test]
    fn an_index_loses_no_match_and_keeps_the_order(
        macros in macros(),
        rules in proptest::collection::vec(needing(), 1..90),
        drop in proptest::option::of(needing()),
        toys in proptest::collection::vec(toy(), 1..12),
        off in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let text = rule_file(&macros, &rules, drop.as_ref());
        let mut set = load(&text, Dialect::SysFlow);
        let first = first_only(&text);
        let mut evaluator = Evaluator::new();
        for half in [false, true] {
            if half {
                let off: Vec<String> =
                    off.iter().map(|at| format!("r{}", at.index(rules.len()))).collect();
                set.retain(|rule| !off.contains(&rule.name));
            }
            for toy in &toys {
                let (mut with, mut without) = (Vec::new(), Vec::new());
                let outcome = evaluator.rules(&set, toy, |id, _| with.push(id));
                let wanted = evaluator.rules_without_index(&set, toy, |id, _| without.push(id));
                prop_assert_eq!(outcome, wanted, "{}\n{:?}", text, toy);
                prop_assert_eq!(&with, &without, "{}\n{:?}", text, toy);
                for (number, rule) in set.rules().iter().enumerate() {
                    let id = crate::RuleId(number as u32);
                    let alone = evaluator.alone(&set, id, toy).unwrap();
                    let indexed = evaluator.rule(&set, id, toy).unwrap_or(false);
                    prop_assert_eq!(indexed, alone && rule.enabled, "{}\n{:?}", text, toy);
                }
                if !half {
                    let mut only = Vec::new();
                    let outcome = evaluator.rules(&first, toy, |id, _| only.push(id));
                    prop_assert_eq!(outcome == Outcome::Dropped, wanted == Outcome::Dropped);
                    prop_assert_eq!(only.first(), without.first(), "{}\n{:?}", text, toy);
                    prop_assert!(only.len() <= 1);
                }
            }
        }
    }

    /// Rules that count have one step each, in their order.
    #[test]
    fn an_index_loses_no_step(
        macros in macros(),
        rules in proptest::collection::vec(needing(), 1..90),
        toys in proptest::collection::vec(toy(), 1..12),
    ) {
        let text = rule_file(&macros, &rules, None).replace(
            "  output: o\n",
            "  output: o\n  threshold: {count: 1000, within: 1h}\n",
        );
        let set = load(&text, Dialect::Falco);
        prop_assert!(set.is_stateful(), "{text}");
        let mut evaluator = Evaluator::new();
        for toy in &toys {
            let mut taken = Vec::new();
            evaluator.steps(&set, toy, |step| taken.push(step.0));
            let all = 0..set.rules().len() as u32;
            let wanted: Vec<u32> = all
                .filter(|id| evaluator.alone(&set, crate::RuleId(*id), toy) == Some(true))
                .collect();
            prop_assert_eq!(taken, wanted, "{}\n{:?}", text, toy);
        }
    }

    /// What was found out for rules holds for steps.
    #[test]
    fn rules_and_steps_are_found_together(
        macros in macros(),
        rules in proptest::collection::vec(needing(), 2..90),
        toys in proptest::collection::vec(toy(), 1..12),
    ) {
        let mut text = String::new();
        // Every other rule counts.
        let all = rule_file(&macros, &rules, None);
        for (number, part) in all.split_inclusive("  output: o\n").enumerate() {
            text.push_str(part);
            if number % 2 == 0 && part.ends_with("  output: o\n") {
                text.push_str("  threshold: {count: 1000, within: 1h}\n");
            }
        }
        let set = load(&text, Dialect::Falco);
        let mut evaluator = Evaluator::new();
        for toy in &toys {
            let (mut matched, mut taken) = (Vec::new(), Vec::new());
            evaluator.rules(&set, toy, |id, _| matched.push(id));
            evaluator.steps(&set, toy, |step| taken.push(step));
            let (mut together, mut steps) = (Vec::new(), Vec::new());
            evaluator.rules_and_steps(&set, toy, |id, _| together.push(id), |step| steps.push(step));
            prop_assert_eq!(together, matched, "{}\n{:?}", text, toy);
            prop_assert_eq!(steps, taken, "{}\n{:?}", text, toy);
        }
    }
}
