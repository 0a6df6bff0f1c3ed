//! An index of rules never loses a match: what an operation cannot answer is what its field declares.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod common;

use std::collections::HashMap;
use std::ops::ControlFlow;

use common::captures;
use common::events::{data, each_event};
use sysflow_collect::EventView;
use sysflow_field::{Arg, Argument, FieldId, View};
use sysflow_policy::{Condition, Dialect, Evaluator, LoadOptions, Outcome, RuleSet, SourceFile};

/// Events of one operation in one capture that are asked for everything.
const ENOUGH: usize = 50;

/// Every field, those that need an argument with each that any event has.
fn questions() -> Vec<(String, FieldId, Arg)> {
    let catalogue = EventView::catalogue();
    let mut questions = Vec::new();
    let names: std::collections::BTreeSet<&str> = sysflow_scap::events()
        .iter()
        .flat_map(|event| event.parameters)
        .map(|parameter| parameter.name.text())
        .collect();
    for field in catalogue.fields {
        if field.argument != Argument::Key {
            let resolved = catalogue.resolve(field.name).unwrap();
            questions.push((field.name.to_owned(), resolved.id, resolved.arg));
            continue;
        }
        for name in names.iter().copied().chain(["src", "dst", "0", "2", "5"]) {
            if let Ok(resolved) = catalogue.resolve(&format!("{}.{name}", field.name)) {
                questions.push((format!("{}.{name}", field.name), resolved.id, resolved.arg));
            }
        }
        if field.name == "evt.arg" {
            for position in 0..12 {
                let resolved = catalogue.resolve(&format!("evt.arg[{position}]")).unwrap();
                questions.push((format!("evt.arg[{position}]"), resolved.id, resolved.arg));
            }
        }
    }
    questions
}

#[test]
fn operations_that_a_field_excludes_have_no_value_for_it() {
    let catalogue = EventView::catalogue();
    let narrow: Vec<_> = questions()
        .into_iter()
        .filter_map(|(name, id, arg)| {
            let operations = (catalogue.keys.operations)(id, &arg)?;
            Some((name, id, arg, operations))
        })
        .collect();
    assert!(narrow.len() > 100, "{}", narrow.len());
    let mut asked = 0_u64;
    for capture in captures() {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        each_event(&capture, |view| {
            let count = seen.entry(view.event().name).or_default();
            *count += 1;
            if *count > ENOUGH {
                return;
            }
            for (name, id, arg, operations) in &narrow {
                if operations & view.operations() != 0 {
                    continue;
                }
                asked += 1;
                view.visit(*id, arg, |value| {
                    let call = view.event().name;
                    panic!("{name} of {call} #{} is {value}", view.number());
                    #[allow(unreachable_code, reason = "tells the type of the closure")]
                    ControlFlow::Break(())
                });
            }
        });
    }
    println!(
        "{} questions, {asked} of them to operations without an answer",
        narrow.len()
    );
    assert!(asked > 0 || captures().is_empty());
}

/// Rules of one file; what does not compile is left out.
fn rules(name: &str, text: String) -> RuleSet<EventView<'static>> {
    let file = SourceFile {
        name: name.into(),
        text,
    };
    let options = LoadOptions {
        dialect: Some(Dialect::Falco),
        ..LoadOptions::default()
    };
    RuleSet::load(vec![file], &options).0
}

/// The number of matches, and how many rules were asked, with and without the index.
fn run<'a>(set: &RuleSet<EventView<'a>>, view: &EventView<'a>, counts: &mut [u64; 3]) {
    let mut evaluator = Evaluator::new();
    let (mut with, mut without) = (Vec::new(), Vec::new());
    evaluator.rules(set, view, |id, _| with.push(id));
    let outcome = evaluator.rules_without_index(set, view, |id, _| without.push(id));
    assert_eq!(with, without, "#{} {}", view.number(), view.event().name);
    assert_eq!(outcome, Outcome::Matched(without.len()));
    counts[0] += with.len() as u64;
    counts[1] += set.candidates(view) as u64;
    counts[2] += set.rules().len() as u64;
}

#[test]
fn the_index_loses_no_match_of_the_published_rules() {
    let Some(data) = data() else { return };
    for file in [
        "falco_rules",
        "falco-incubating_rules",
        "falco-sandbox_rules",
    ] {
        let path = data.join("falco-rules").join(format!("{file}.yaml"));
        // Those that are not enabled are asked as well.
        let text = std::fs::read_to_string(path).unwrap();
        let set = rules(file, text.replace("enabled: false", "enabled: true"));
        let mut counts = [0; 3];
        for capture in captures() {
            each_event(&capture, |view| run(&set, view, &mut counts));
        }
        let [matches, asked, all] = counts;
        println!(
            "{file}: {} rules compile, {matches} matches; {asked} of {all} questions are left",
            set.rules().len()
        );
        assert!(asked * 10 < all, "{asked} of {all}");
    }
}

#[test]
fn rules_without_a_type_are_narrowed_by_what_they_ask() {
    let Some(_) = data() else { return };
    let conditions = [
        "fd.sip = 127.0.0.1",
        "fd.sip != 127.0.0.1",
        "evt.arg.flags contains O_CREAT",
        "evt.arg[3] exists",
        "evt.rawarg.flags = 4097",
        "evt.buffer startswith \"GET\"",
        "fs.path.name startswith /etc",
        "evt.abspath.src startswith /tmp",
        "fd.types intersects (ipv4)",
        "evt.type = fcntl",
    ];
    let rule = |(number, condition): (usize, &&str)| {
        format!(
            "- rule: r{number}\n  desc: d\n  condition: '{condition}'\n  output: o\n  priority: INFO\n"
        )
    };
    let items: Vec<String> = conditions.iter().enumerate().map(rule).collect();
    let text = items.concat();
    let set = rules("narrow", text);
    assert_eq!(set.rules().len(), conditions.len());
    let mut counts = [0; 3];
    for capture in captures() {
        each_event(&capture, |view| run(&set, view, &mut counts));
    }
    let [matches, asked, all] = counts;
    println!("{matches} matches; {asked} of {all} questions are left");
    assert!(
        matches > 100 && asked * 2 < all,
        "{matches}, {asked} of {all}"
    );
}

#[test]
fn arguments_that_no_event_has_are_refused() {
    for condition in [
        "evt.arg.nothing = x",
        "evt.arg.names = x",
        "evt.type.is.opened = 1",
    ] {
        assert!(Condition::<EventView<'static>>::parse_in(condition, Dialect::Falco).is_err());
    }
    for condition in [
        "evt.arg.name = x",
        "evt.rawarg.name = x",
        "evt.type.is.open = 1",
    ] {
        assert!(Condition::<EventView<'static>>::parse_in(condition, Dialect::Falco).is_ok());
    }
    // The type of a raw argument is that of the argument.
    assert!(
        Condition::<EventView<'static>>::parse_in("evt.rawarg.flags = x", Dialect::Falco).is_err()
    );
}
