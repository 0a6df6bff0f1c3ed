//! Random programs, made of bytes, held against the plain reading of conditions: for the fuzz target `evaluator`.
// It is to fail loudly.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

use std::fmt::Write as _;

use crate::ast::Expression;
use crate::reference::Reference;
use crate::source::MappedText;
use crate::toy::Toy;
use crate::{Dialect, Evaluator, LoadOptions, Outcome, RuleId, RuleSet, SourceFile, parser};

/// Rules of one input.
const MOST_RULES: usize = 6;

/// Observations of one input.
const MOST_TOYS: usize = 6;

/// How deep conditions nest.
const DEEPEST: usize = 5;

/// Takes choices from bytes; when they are used up, the first of all that there are.
struct Bytes<'b>(&'b [u8]);

impl Bytes<'_> {
    fn below(&mut self, limit: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(*first) % limit
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn texts(&mut self) -> String {
        let count = 1 + self.below(4);
        let texts: Vec<&str> = (0..count).map(|_| self.pick(TEXTS)).collect();
        texts.join(", ")
    }
}

const TEXTS: &[&str] = &["a", "''", "b", "/a", "'a,b'", "AB", "x", "ab"];
const TEXT_FIELDS: &[&str] = &[
    "sf.proc.exe",
    "sf.pproc.exe",
    "sf.proc.aname",
    "sf.proc.aname[1]",
    "sf.file.path",
    "sf.ke.message[a.0]",
    "proc.pname",
];
const NUMBER_FIELDS: &[&str] = &["sf.proc.pid", "sf.net.dport", "sf.net.proto", "proc.ports"];
const ANY_FIELDS: &[&str] = &[
    "sf.proc.exe",
    "sf.opflags",
    "sf.file.path",
    "sf.net.ip",
    "proc.pname",
    "proc.ports",
    "sf.proc.tty",
];
const TEXT_OPERATORS: &[&str] = &[
    "=",
    "!=",
    "contains",
    "icontains",
    "startswith",
    "endswith",
    "<",
    ">=",
];
const ORDERS: &[&str] = &["=", "!=", "<", "<=", ">", ">="];
const EQUALITY: &[&str] = &["=", "!="];

/// A check that is right in either dialect.
fn check(bytes: &mut Bytes<'_>, with_macros: bool) -> String {
    let kinds = if with_macros { 11 } else { 10 };
    match bytes.below(kinds) {
        0 => {
            let (field, operator) = (bytes.pick(TEXT_FIELDS), bytes.pick(TEXT_OPERATORS));
            format!("{field} {operator} {}", bytes.pick(TEXTS))
        }
        1 => {
            let operator = bytes.pick(&["in", "intersects", "pmatch"]);
            format!("{} {operator} ({})", bytes.pick(TEXT_FIELDS), bytes.texts())
        }
        2 => {
            let (field, order) = (bytes.pick(NUMBER_FIELDS), bytes.pick(ORDERS));
            format!("{field} {order} {}", bytes.pick(&["0", "1"]))
        }
        3 => format!("{} in (0, 1)", bytes.pick(NUMBER_FIELDS)),
        4 => {
            let operator = bytes.pick(EQUALITY);
            format!("sf.type {operator} {}", bytes.pick(&["PE", "FF", "NF"]))
        }
        5 => {
            let operator = bytes.pick(EQUALITY);
            let operation = bytes.pick(&["EXEC", "EXIT", "READ"]);
            format!("sf.opflags {operator} {operation}")
        }
        6 => format!("{} exists", bytes.pick(ANY_FIELDS)),
        7 => {
            let operator = bytes.pick(EQUALITY);
            let pair = bytes.pick(&[
                ("sf.proc.exe", "sf.pproc.exe"),
                ("sf.proc.aname", "proc.pname"),
            ]);
            format!("{} {operator} val({})", pair.0, pair.1)
        }
        8 => {
            let field = bytes.pick(&["sf.proc.exe", "proc.pname", "tolower(proc.pname)"]);
            let operator = bytes.pick(&TEXT_OPERATORS[..6]);
            let quantifier = bytes.pick(&["oneof", "anyof", "allof"]);
            format!("{field} {operator} {quantifier} ({})", bytes.texts())
        }
        9 => {
            let change = bytes.pick(&["tolower", "toupper", "basename"]);
            let field = bytes.pick(&["sf.proc.exe", "sf.file.path", "proc.pname"]);
            let operator = bytes.pick(&TEXT_OPERATORS[..3]);
            format!("{change}({field}) {operator} {}", bytes.pick(TEXTS))
        }
        _ => bytes.pick(&["first", "second"]).to_owned(),
    }
}

fn condition(bytes: &mut Bytes<'_>, level: usize, with_macros: bool) -> String {
    let shape = if level < DEEPEST { bytes.below(6) } else { 0 };
    let mut parts = |word: &str| {
        let count = 2 + bytes.below(3);
        let parts = (0..count).map(|_| condition(bytes, level + 1, with_macros));
        format!("({})", parts.collect::<Vec<_>>().join(word))
    };
    match shape {
        3 => parts(" and "),
        4 => parts(" or "),
        5 => format!("not {}", condition(bytes, level + 1, with_macros)),
        _ => check(bytes, with_macros),
    }
}

fn toy(bytes: &mut Bytes<'_>) -> Toy {
    let words = ["", "a", "ab", "/a/b", "b", "A", "a,b"];
    let numbers = [0_i64, 1, 2, 80];
    let exe = bytes.pick(&words).to_owned();
    let some = |bytes: &mut Bytes<'_>| bytes.below(3);
    let (names, addresses, ports) = (some(bytes), some(bytes), some(bytes));
    Toy {
        kind: bytes.below(3) as u32,
        operations: bytes.below(64) as u64,
        parent_exe: bytes.pick(&words).to_owned(),
        pid: bytes.pick(&numbers),
        tty: bytes.below(2) == 1,
        ancestors: (0..names).map(|_| bytes.pick(&words).to_owned()).collect(),
        path: bytes.pick(&words).to_owned(),
        addresses: (0..addresses)
            .map(|_| {
                bytes
                    .pick(&["10.0.0.1", "127.0.0.1", "::1"])
                    .parse()
                    .unwrap()
            })
            .collect(),
        port: bytes.pick(&numbers),
        proto: bytes.pick(&numbers),
        message: format!("{{\"a\": [\"{exe}\", 1]}}"),
        parent_name: (bytes.below(2) == 1).then(|| bytes.pick(&words).to_owned()),
        ports: (0..ports).map(|_| bytes.pick(&numbers)).collect(),
        exe,
        ..Toy::default()
    }
}

fn parsed(text: &str, dialect: Dialect) -> Expression {
    parser::parse(&MappedText::verbatim(text, 0, 0), dialect, &mut Vec::new())
}

/// Makes rules and observations of bytes, and fails where the engine and the plain reading disagree, where an index
/// loses a rule, or where an explanation is not what was found.
pub fn agreement(data: &[u8]) {
    let mut bytes = Bytes(data);
    let dialect = bytes.pick(&[Dialect::Falco, Dialect::SysFlow]);
    let macros = [0, 1].map(|_| condition(&mut bytes, 2, false));
    let count = 1 + bytes.below(MOST_RULES);
    let rules: Vec<String> = (0..count).map(|_| condition(&mut bytes, 0, true)).collect();
    let drop = (bytes.below(4) == 3).then(|| condition(&mut bytes, 0, true));
    let mut text = String::new();
    for (name, macro_condition) in ["first", "second"].iter().zip(&macros) {
        let _ = writeln!(text, "- macro: {name}\n  condition: {macro_condition}");
    }
    for (number, rule) in rules.iter().enumerate() {
        let _ = writeln!(
            text,
            "- rule: r{number}\n  desc: d\n  condition: {rule}\n  output: o\n  priority: notice"
        );
    }
    if let Some(drop) = &drop {
        let _ = writeln!(text, "- drop: d\n  condition: {drop}");
    }
    let file = SourceFile {
        name: "rules".into(),
        text: text.clone(),
    };
    let options = LoadOptions {
        dialect: Some(dialect),
        explain: true,
        ..LoadOptions::default()
    };
    let (set, problems) = RuleSet::<Toy>::load(vec![file], &options);
    assert_eq!(problems.errors(), 0, "{text}\n{problems}");
    let expressions: Vec<Expression> = rules.iter().map(|rule| parsed(rule, dialect)).collect();
    let definitions = macros.map(|text| parsed(&text, dialect));
    let drop = drop.map(|drop| parsed(&drop, dialect));
    let mut evaluator = Evaluator::new();
    for _ in 0..=bytes.below(MOST_TOYS) {
        let toy = toy(&mut bytes);
        let reference = Reference {
            toy: &toy,
            dialect,
            macros: [&definitions[0], &definitions[1]],
        };
        let mut matched = Vec::new();
        let outcome = evaluator.rules(&set, &toy, |id, _| matched.push(id.0 as usize));
        let is_dropped = drop.as_ref().is_some_and(|drop| reference.holds(drop));
        assert_eq!(
            set.drops_it(&mut evaluator, &toy),
            is_dropped,
            "{text}\n{toy:?}"
        );
        let holding = expressions.iter().map(|rule| reference.holds(rule));
        let wanted: Vec<bool> = holding.collect();
        for (number, wanted) in wanted.iter().enumerate() {
            let id = RuleId(number as u32);
            assert_eq!(
                evaluator.alone(&set, id, &toy),
                Some(*wanted),
                "{text}\n{toy:?}"
            );
            let explained = set.explain(id, &mut evaluator, &toy).unwrap();
            assert_eq!(explained.holds, *wanted, "{text}\n{toy:?}\n{explained}");
            let near = set.closeness(id, None, &mut evaluator, &toy).unwrap();
            assert!((0.0..=1.0).contains(&near), "{near}");
            assert_eq!(near >= 1.0 - 1e-9, *wanted, "{near}\n{text}\n{toy:?}");
        }
        if is_dropped {
            assert_eq!(outcome, Outcome::Dropped, "{text}\n{toy:?}");
            continue;
        }
        let wanted: Vec<usize> = (0..rules.len()).filter(|rule| wanted[*rule]).collect();
        assert_eq!(outcome, Outcome::Matched(wanted.len()), "{text}\n{toy:?}");
        assert_eq!(matched, wanted, "{text}\n{toy:?}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::agreement;

    proptest! {
        #[test]
        fn programs_made_of_bytes_agree_with_a_plain_reading(
            data in proptest::collection::vec(any::<u8>(), 0..400)
        ) {
            agreement(&data);
        }
    }
}
