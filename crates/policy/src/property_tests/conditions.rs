//! Texts of conditions, in words that either dialect knows, and observations that they are asked of.

use proptest::prelude::*;
use proptest::sample::select;

use crate::toy::Toy;

pub(super) fn toy() -> impl Strategy<Value = Toy> {
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
pub(super) fn check_text() -> impl Strategy<Value = String> {
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

pub(super) fn text_list() -> impl Strategy<Value = String> {
    let text = select(vec!["''", "a", "b", "/a", "'a,b'", "AB", "x"]);
    proptest::collection::vec(text, 1..5).prop_map(|texts| texts.join(", "))
}

/// Checks with `oneof` and its kin.
pub(super) fn quantified_text() -> impl Strategy<Value = String> {
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
pub(super) fn transformed_text() -> impl Strategy<Value = String> {
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

pub(super) fn condition_text() -> impl Strategy<Value = String> {
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
