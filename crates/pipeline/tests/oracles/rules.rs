//! Small rule files over tcp.sf: lists, macros, drops and keys of rules.

use crate::{data, judge, rules_of};

/// What the file shows, its text, on how many records the original matches, on how many we do, and why.
type Row = (&'static str, &'static str, u64, u64, &'static str);

const EMPTY_ITEM: &str = "to the original an empty place in a list was an empty text";

const ROWS: &[Row] = &[
    (
        "an empty list contains nothing",
        "- list: l\n  items: []\n- rule: r\n  desc: d\n  condition: sf.proc.name pmatch (l)\n",
        10,
        0,
        EMPTY_ITEM,
    ),
    (
        "no name is in an empty list",
        "- list: l\n  items: []\n- rule: r\n  desc: d\n  condition: sf.proc.name in (l)\n",
        0,
        0,
        "",
    ),
    (
        "nor is an empty name",
        "- list: l\n  items: []\n- rule: r\n  desc: d\n  condition: sf.container.name in (l)\n",
        10,
        0,
        EMPTY_ITEM,
    ),
    (
        "a comma at the end",
        "- list: l\n  items: [server,]\n- rule: r\n  desc: d\n  condition: sf.proc.name in (l)\n",
        5,
        5,
        "",
    ),
    (
        "a comma at the end and an empty name",
        "- list: l\n  items: [server,]\n- rule: r\n  desc: d\n  condition: sf.container.name in (l)\n",
        10,
        0,
        EMPTY_ITEM,
    ),
    (
        "a list in a list before it",
        "- list: inner\n  items: [server]\n- list: outer\n  items: [inner, x]\n\
         - rule: r\n  desc: d\n  condition: sf.proc.name in (outer)\n",
        5,
        5,
        "",
    ),
    (
        "a list in a list behind it",
        "- list: outer\n  items: [inner, x]\n- list: inner\n  items: [server]\n\
         - rule: r\n  desc: d\n  condition: sf.proc.name in (outer)\n",
        5,
        5,
        "",
    ),
    (
        "a macro behind its use",
        "- rule: r\n  desc: d\n  condition: m\n- macro: m\n  condition: sf.type = PE\n",
        4,
        4,
        "",
    ),
    (
        "the last definition of a file counts",
        "- macro: m\n  condition: sf.type = NF\n- rule: r\n  desc: d\n  condition: m\n\
         - macro: m\n  condition: sf.type = PE\n",
        4,
        4,
        "",
    ),
    (
        "a drop",
        "- drop: x\n  condition: sf.proc.name = server\n\
         - rule: r\n  desc: d\n  condition: sf.type = PE\n",
        2,
        2,
        "",
    ),
    (
        "a drop that is switched off",
        "- drop: x\n  condition: sf.proc.name = server\n  enabled: false\n\
         - rule: r\n  desc: d\n  condition: sf.type = PE\n",
        4,
        4,
        "",
    ),
    (
        "kinds in a prefilter are exact",
        "- rule: r\n  desc: d\n  condition: sf.type = PE\n  prefilter: [pe]\n",
        0,
        0,
        "",
    ),
    (
        "kinds in a prefilter may be quoted",
        "- rule: r\n  desc: d\n  condition: sf.type = PE\n  prefilter: [\"PE\"]\n",
        4,
        4,
        "",
    ),
    (
        "an empty prefilter lets nothing through",
        "- rule: r\n  desc: d\n  condition: sf.type = PE\n  prefilter: []\n",
        0,
        0,
        "",
    ),
    (
        "a rule that is switched off",
        "- rule: r\n  desc: d\n  condition: sf.type = PE\n  enabled: false\n",
        0,
        0,
        "",
    ),
    (
        "other words switch nothing off",
        "- rule: r\n  desc: d\n  condition: sf.type = PE\n  enabled: no\n",
        4,
        4,
        "",
    ),
];

#[test]
fn small_rule_files() {
    let Some(data) = data() else {
        return;
    };
    let path = data.join("traces/samples/tcp.sf");
    for (what, text, original, ours, reason) in ROWS {
        assert_eq!(original == ours, reason.is_empty(), "{what}");
        let (rules, has_errors) = rules_of(text);
        assert!(!has_errors, "{what}");
        assert_eq!(judge(&rules, &path).passed, *ours, "{what}");
    }
}

/// To the original each of these was a syntax error, and one spoilt all files.
#[test]
fn what_the_original_refused() {
    let Some(data) = data() else {
        return;
    };
    let path = data.join("traces/samples/tcp.sf");
    for (text, ours) in [
        // YAML's quotes around a condition are none of its own.
        ("- rule: r\n  desc: d\n  condition: \"sf.type = PE\"\n", 4),
        (
            "- list: l\n  items:\n  - PE\n- rule: r\n  condition: sf.type in (l)\n",
            4,
        ),
        (
            "---\n- rule: r\n  desc: |\n    d\n  condition: >-\n    sf.type = PE\n",
            4,
        ),
    ] {
        let (rules, has_errors) = rules_of(text);
        assert!(!has_errors, "{text}");
        assert_eq!(judge(&rules, &path).passed, ours, "{text}");
    }
    // An item with an error is left out, and no other.
    let (rules, has_errors) = rules_of(
        "- rule: bad\n  desc: d\n  condition: sf.type = [PE, NF]\n\
         - rule: good\n  desc: d\n  condition: sf.type = PE\n",
    );
    assert!(has_errors);
    assert_eq!(judge(&rules, &path).passed, 4);
}
