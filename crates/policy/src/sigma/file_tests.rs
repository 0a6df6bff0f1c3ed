//! Files of several documents: references among rules, filters and correlations, and what is said of their faults.

use std::fmt::Write as _;

use super::rule_tests::{exec, load, options};
use crate::stateful::{Correlator, Limits};
use crate::toy::Toy;
use crate::{Evaluator, RuleSet, Severity, SourceFile};

const ID: &str = "aaaaaaaa-1111-4111-8111-111111111111";

/// A rule for programs of this name.
fn rule(name: &str, image: &str) -> String {
    format!(
        "title: {name}\nname: {name}\nlogsource: {{product: linux, category: process_creation}}\n\
         detection:\n  s: {{Image|endswith: '{image}'}}\n  condition: s\n---\n"
    )
}

fn correlation(keys: &str) -> String {
    let keys = keys.replace('\n', "\n  ");
    format!("title: K\ncorrelation:\n  {keys}\n---\n")
}

/// The titles of alerts, of single observations and of several.
fn alerts(set: &RuleSet<Toy>, toys: &[Toy]) -> Vec<String> {
    let mut told = Vec::new();
    let mut correlator = Correlator::new(set, Limits::default());
    let mut evaluator = Evaluator::new();
    for (time, toy) in toys.iter().enumerate() {
        let _ = evaluator.rules(set, toy, |_, rule| told.push(rule.name.clone()));
        let mut steps = Vec::new();
        evaluator.steps(set, toy, |step| steps.push(step));
        correlator.observe(set, toy, time as i64, &steps, |alert| {
            told.extend(set.rule(alert.rule).map(|rule| rule.name.clone()));
        });
    }
    told
}

#[track_caller]
fn told(text: &str, toys: &[Toy]) -> Vec<String> {
    let (set, problems) = load(text);
    assert_eq!(problems, "", "{problems}");
    alerts(&set, toys)
}

#[track_caller]
fn faulty(text: &str, wanted: &str) -> RuleSet<Toy> {
    let (set, problems) = load(text);
    assert!(problems.contains(wanted), "{wanted}:\n{problems}");
    set
}

fn runs() -> [Toy; 3] {
    [exec("/a", ""), exec("/b", "/a"), exec("/b", "/a")]
}

#[test]
fn correlations_are_silent_for_those_about_them() {
    let many = "title: many\nname: many\ncorrelation:\n  type: event_count\n  rules: [b]\n  timespan: 1w\n  \
                condition: {gte: 2}\n---\n";
    let chain = correlation("type: temporal_ordered\nrules: [a, many]\ntimespan: 1m");
    let rules = rule("a", "/a") + &rule("b", "/b");
    let text = format!("{many}{chain}{rules}");
    assert_eq!(told(&text, &runs()), ["K"]);
    for (generate, expected) in [
        ("True", &["a", "many", "K"][..]),
        ("yes", &["a", "many", "K"]),
        ("False", &["K"]),
    ] {
        let text = text.replace(
            "timespan: 1m",
            &format!("timespan: 1m\n  generate: {generate}"),
        );
        assert_eq!(told(&text, &runs()), expected, "{generate}");
    }
    let set = faulty(
        &text.replace("timespan: 1m", "timespan: 1m\n  generate: maybe"),
        "`generate` is true or false",
    );
    assert!(alerts(&set, &runs()).is_empty());
}

#[test]
fn rules_of_faulty_correlations_stay_silent() {
    for keys in [
        "type: event_count\nrules: [a]\ntimespan: 1m\ncondition: {lt: 3}",
        "type: event_count\nrules: [a]\ntimespan: 1 minute\ncondition: {gte: 3}",
        "type: value_sum\nrules: a\ntimespan: 1m\ncondition: {field: Pid, gte: 3}",
        "type: temporal\nrules: [a, nobody]\ntimespan: 1m",
    ] {
        let set = faulty(&(correlation(keys) + &rule("a", "/a")), "in ");
        assert!(alerts(&set, &runs()).is_empty(), "{keys}");
    }
    let loud = "type: event_count\nrules: [a]\ntimespan: 1m\ncondition: {lt: 3}\ngenerate: true";
    let set = faulty(&(correlation(loud) + &rule("a", "/a")), "few");
    assert_eq!(alerts(&set, &runs()), ["a"]);
}

#[test]
fn rules_that_are_not_there_are_told_apart() {
    let keys = "type: temporal\nrules: [other, a]\ntimespan: 1m";
    let text = correlation(keys) + &rule("a", "/a");
    let windows = rule("other", "/b").replace("linux", "windows");
    let (set, problems) = load(&format!("{text}{windows}"));
    assert!(problems.contains("cannot run here, so neither can this correlation"));
    assert!(
        set.failed().is_empty() && !problems.contains("error"),
        "{problems}"
    );
    let broken = rule("other", "/b").replace("Image", "Nothing");
    let set = faulty(&format!("{text}{broken}"), "`other` is left out");
    assert_eq!(set.failed().len(), 2);
    faulty(
        &format!("{text}{}", broken.replace("detection", "dtection")),
        "`other` is left out",
    );
    faulty(&text, "there is no rule `other`");
}

#[test]
fn aliases_mean_rules_whatever_their_titles() {
    let keys = "type: temporal\nrules: [a, b]\naliases:\n  who: {a: Image, b: ParentImage}\n\
                group-by: [who]\ntimespan: 1m";
    let rules = rule("a", "/a") + &rule("b", "/b");
    let rules = rules
        .replace("title: a", "title: T")
        .replace("title: b", "title: T");
    assert_eq!(told(&(correlation(keys) + &rules), &runs()), ["K"]);
}

#[test]
fn no_value_is_no_group_and_is_not_counted() {
    let any = rule("any", "").replace("|endswith: ''", ": '*'");
    let toys = [
        exec("/a", ""),
        exec("/b", ""),
        exec("/b", "p"),
        exec("/c", "p"),
    ];
    let grouped = "type: event_count\nrules: [any]\ngroup-by: [ParentImage]\ntimespan: 1m\ncondition: {gte: 2}";
    assert_eq!(told(&(correlation(grouped) + &any), &toys), ["K"]);
    let counted =
        "type: value_count\nrules: [any]\ntimespan: 1m\ncondition: {field: ParentImage, gte: 2}";
    assert!(told(&(correlation(counted) + &any), &toys).is_empty());
    // Of several fields the values count together.
    let both = "type: value_count\nrules: [any]\ntimespan: 1m\ncondition: {field: [Image, ParentImage], gte: 2}";
    assert_eq!(told(&(correlation(both) + &any), &toys), ["K"]);
    assert!(told(&(correlation(both) + &any), &toys[..3]).is_empty());
}

#[test]
fn conditions_that_ask_for_all_rules_are_as_none() {
    let rules = rule("a", "/a") + &rule("b", "/b");
    for kind in ["temporal", "temporal_ordered"] {
        for (condition, fits) in [
            ("{gte: 2}", true),
            ("{eq: 2}", true),
            ("a AND b", true),
            ("(b and a)", true),
            ("a or b", false),
            ("a and not b", false),
            ("a", false),
            ("{gte: 3}", false),
        ] {
            let keys = format!("type: {kind}\nrules: [a, b]\ntimespan: 1m\ncondition: {condition}");
            let text = correlation(&keys) + &rules;
            if fits {
                assert_eq!(told(&text, &runs()), ["K"], "{keys}");
            } else {
                faulty(&text, "rule.yml:6:");
            }
        }
    }
    let text = correlation("type: temporal\ntimespan: 1m\ncondition: a and b") + &rules;
    assert_eq!(told(&text, &runs()), ["K"]);
    let keys = "type: event_count\nrules: [b]\ntimespan: 1m\ncondition: {gte: 1, neq: 1}";
    assert_eq!(
        told(&(correlation(keys) + &rule("b", "/b")), &runs()),
        ["K"]
    );
}

#[test]
fn ids_have_no_case() {
    let of_id = rule("a", "/a").replace("name: a", &format!("id: {ID}"));
    let keys = format!(
        "type: event_count\nrules: [{}]\ntimespan: 1m\ncondition: {{gte: 1}}",
        ID.to_uppercase()
    );
    assert_eq!(told(&(correlation(&keys) + &of_id), &runs()), ["K"]);
    let filter = |rules: &str| {
        format!(
            "title: F\nlogsource: {{product: linux}}\nfilter:\n  rules: {rules}\n  \
             s: {{Pid: 7}}\n  condition: not s\n---\n"
        )
    };
    for rules in [ID.to_uppercase().as_str(), "ANY", "[any]", "[]"] {
        assert!(
            told(&(filter(rules) + &of_id), &runs()).is_empty(),
            "{rules}"
        );
    }
    let text = filter("any").replace("Pid", "Nothing") + &of_id + &rule("b", "/b");
    let set = faulty(
        &text,
        "in filter `F`, because of which `a` and 1 others are left out",
    );
    assert_eq!(set.failed().len(), 2);
}

#[test]
fn data_of_any_kind_or_product_is_asked() {
    let text = rule("a", "/a");
    for (logsource, runs) in [
        ("{product: linux}", true),
        ("{category: process_creation}", true),
        ("{product: linux, service: sshd}", false),
        ("{product: windows}", false),
        ("{service: sshd}", false),
    ] {
        let text = text.replace("{product: linux, category: process_creation}", logsource);
        let (set, _) = load(&text);
        assert_eq!(set.rules().len(), usize::from(runs), "{logsource}");
        let exit = Toy {
            operations: 2,
            ..exec("/a", "")
        };
        let expected = usize::from(logsource == "{product: linux}");
        assert_eq!(alerts(&set, &[exit]).len(), expected, "{logsource}");
    }
}

#[test]
fn problems_stand_where_they_are_and_once() {
    let b = rule("b", "/b");
    let keys =
        "type: event_count\nrules: [b]\ngroup-by: [Nothing]\ntimespan: 1m\ncondition: {gte: 2}";
    faulty(&(correlation(keys) + &b), "rule.yml:5:14");
    for (text, wanted) in [
        (
            correlation("type: value_sum").replace("  type", "  groupby: x\n  type"),
            "did you mean `group-by`?",
        ),
        (
            correlation("type: value_avg\nrules: x\ntimespan: 1m"),
            "`value_avg` are not supported",
        ),
        (
            "title: T\nlogsource: linux\ndetection:\n  s: x\n".into(),
            "keys of its own",
        ),
        ("title: T\ncorrelation: foo\n".into(), "keys of its own"),
        (
            "title: T\nlogsource: {product: linux}\ndetection: [a]\n".into(),
            "keys of its own",
        ),
    ] {
        let (_, problems) = load(&text);
        assert!(problems.contains(wanted), "{wanted}:\n{problems}");
        assert!(!problems.contains("section") && !problems.contains("logsource` is missing"));
        assert!(!problems.contains("`correlation` is missing"), "{problems}");
        assert!(!problems.contains("`detection` is missing"), "{problems}");
    }
    let twice = b.replace("name: b", &format!("name: b\nid: {ID}"));
    let (_, problems) = load(&format!(
        "{twice}{}",
        twice
            .replace("title: b", "title: B")
            .replace(ID, &ID.to_uppercase())
    ));
    assert!(problems.contains("the id") && problems.contains("the name `b` is also that"));
    let (set, problems) = load(&b.replace("  condition", "  timeframe: 5m\n  condition"));
    assert!(
        set.rules().len() == 1 && problems.contains("says nothing here"),
        "{problems}"
    );
}

#[test]
fn levels_and_statuses_have_no_case() {
    let (set, problems) = load(&format!("level: HIGH\nstatus: Stable\n{}", rule("a", "/a")));
    assert_eq!(problems, "");
    assert_eq!(set.rules()[0].priority, crate::Priority::Error);
}

#[test]
fn repetitions_end() {
    let mut text = rule("a", "/a");
    for number in 0..1500 {
        let _ = write!(
            text,
            "action: repeat\ndetection: {{s{number}: {{Image: y{number}}}}}\n---\n"
        );
    }
    let set = faulty(&text, "repeat more than");
    assert!(set.rules().len() > 100 && set.rules().len() < 1000);
}

/// Nothing of Falco's own is said of other files, and no texts of ours are shown.
#[test]
fn what_is_said_is_about_sigma() {
    let text = rule("a", "/a").replace("s: {Image|endswith: '/a'}", "s: ['who*mi']")
        + "title: B\nlogsource: x\n---\ntitle: C\nid: abc\ndate: soon\ntags: [attack]\ntag: x\n";
    let file = SourceFile {
        name: "rule.yml".into(),
        text,
    };
    let (_, problems) = RuleSet::<Toy>::load(vec![file], &options());
    assert!(
        problems
            .iter()
            .any(|problem| problem.severity == Severity::Error)
    );
    assert!(problems.iter().all(|problem| problem.falco.is_none()));
    let hints = problems.hints();
    assert!(hints.iter().all(|hint| hint.falco.is_none()));
    let hints = hints.render(false, 100);
    assert!(
        hints.contains("every value is searched") && !hints.contains("(?"),
        "{hints}"
    );
    for wanted in [
        "`abc` is not a UUID",
        "`soon` is not a date",
        "`attack` is not a tag",
    ] {
        assert!(hints.contains(wanted), "{wanted}: {hints}");
    }
}
