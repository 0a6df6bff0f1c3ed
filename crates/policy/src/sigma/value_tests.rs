//! Values of detections: what they match, and those that match nothing.

use std::fmt::Write as _;

use super::rule_tests::{exec, load, matches, problems, rule};
use crate::Evaluator;
use crate::toy::Toy;

/// Whether a rule that has warnings matches, and what they are.
#[track_caller]
fn warned(detection: &str, toy: &Toy) -> (bool, String) {
    let (set, problems) = load(&rule(detection));
    assert_eq!(set.rules().len(), 1, "{problems}");
    let mut matched = false;
    let _ = Evaluator::new().rules(&set, toy, |_, _| matched = true);
    (matched, problems)
}

#[test]
fn keywords_stand_anywhere_whatever_their_modifiers() {
    let bash = exec("/bin/Bash -c", "");
    assert!(matches("k:\n  '|cased': Bash\ncondition: k", &bash));
    assert!(!matches("k:\n  '|cased': bash\ncondition: k", &bash));
    let encoded = exec("echo aGVsbG8= x", "");
    assert!(matches("k:\n  '|base64': hello\ncondition: k", &encoded));
    let offset = exec("echo eGh0dHA6Ly94", "");
    assert!(matches(
        "k:\n  '|base64offset': 'http://'\ncondition: k",
        &offset
    ));
}

#[test]
fn no_value_is_not_an_empty_one() {
    let orphan = exec("/bin/sh", "");
    let child = exec("/bin/sh", "init");
    for regex in [".*", "^[^/]*$", "", "x?"] {
        let detection = format!("s:\n  ParentImage|re: '{regex}'\ncondition: s");
        assert!(!matches(&detection, &orphan), "{regex}");
        assert!(matches(&detection, &child), "{regex}");
    }
    let twins = "s:\n  ParentImage|fieldref: File\ncondition: s";
    assert!(!matches(twins, &orphan));
    let part = "s:\n  Image|fieldref|contains: ParentImage\ncondition: s";
    assert!(!matches(part, &orphan) && !matches(part, &child));
    assert!(matches(part, &exec("/bin/sh", "bin")));
}

#[test]
fn regular_expressions_are_those_of_pcre() {
    let history = exec("~/<bash_history> ${jndi:x} [a", "");
    for regex in [
        r"\<bash_history\>",
        r"\${jndi:",
        r"[[]a",
        r"\w{12}",
        r"[<&&~]b",
    ] {
        let detection = format!("s:\n  Image|re: '{regex}'\ncondition: s");
        assert!(matches(&detection, &history), "{regex}");
    }
    for (modifiers, regex, expected) in [
        ("re|startswith", "~/.b", true),
        ("re|startswith", "bash|~", true),
        ("re|startswith", "bash", false),
        ("re|endswith", "[[].", true),
        ("re|endswith", "jndi", false),
        ("re|contains", "jndi", true),
    ] {
        let detection = format!("s:\n  Image|{modifiers}: '{regex}'\ncondition: s");
        assert_eq!(matches(&detection, &history), expected, "{detection}");
    }
    let shell = "s:\n  Image|re|expand: '^%Shells%$'\ncondition: s";
    assert!(matches(shell, &exec("/bin/zbash", "")) && !matches(shell, &history));
}

#[test]
fn values_of_another_type_never_match_and_leave_the_others() {
    let connection = Toy {
        kind: 2,
        operations: 1,
        addresses: vec!["10.1.2.3".parse().unwrap()],
        port: 443,
        pid: 1003,
        ..Toy::default()
    };
    let (matched, told) = warned("s:\n  Address: ['-', 10.1.2.3]\ncondition: s", &connection);
    assert!(matched && told.contains("rule.yml:7:15") && told.contains("no value is like this"));
    let (matched, told) = warned("s:\n  Pid: [abc, 1003.5]\ncondition: s", &connection);
    assert!(!matched && told.matches("no value is like this").count() == 2);
    for detection in [
        "s:\n  Pid: 0x3eb\ncondition: s",
        "s:\n  Pid: 1003.0\ncondition: s",
        "s:\n  Pid|gt: 1002.5\n  Pid|lte: 1003.5\ncondition: s",
        "s:\n  Pid|gte: 0x3eb\n  Pid|lt: 1e30\ncondition: s",
        "s:\n  Port|gt: -1\n  Port|lt: 70000\ncondition: s",
    ] {
        assert!(matches(detection, &connection), "{detection}");
    }
    assert!(!matches("s:\n  Pid|gt: 1003.5\ncondition: s", &connection));
    let (matched, told) = warned("s:\n  Port|gt: 70000\ncondition: s", &connection);
    assert!(!matched && told.contains("no value is so"));
}

#[test]
fn private_selections_are_meant_only_where_asked_for() {
    let bash = exec("/bin/bash", "");
    let searches = "a:\n  Pid: 8\n_b:\n  Pid: 7\nc_s:\n  Pid: 8\n_d_s:\n  Pid: 7\n";
    for (condition, expected) in [("1 of *", false), ("1 of *_s", false), ("1 of _*", true)] {
        let (matched, _) = warned(&format!("{searches}condition: {condition}"), &bash);
        assert_eq!(matched, expected, "{condition}");
    }
}

#[test]
fn values_that_grow_without_end_are_refused() {
    let wide = "|wide".repeat(40);
    problems(
        &rule(&format!("s:\n  'Image{wide}': xxxxxxxxxx\ncondition: s")),
        &["becomes more than 1048576 bytes"],
    );
}

#[test]
fn what_cannot_be_read_is_told_once() {
    let (_, told) = load(&rule("s:\n  Pid: 7\nt:\n  Pid: 8\ncondition: s s"));
    assert!(
        told.contains("expected") && !told.contains("asks for"),
        "{told}"
    );
}

#[test]
fn many_values_do_not_take_long() {
    let mut detection = "s:\n  Image|contains:\n".to_owned();
    for number in 0..100_000 {
        let _ = writeln!(detection, "    - v{number}");
    }
    detection += "condition: s";
    // Long runs of numbers took minutes once.
    assert!(matches(&detection, &exec("/v99999", "")));
}
