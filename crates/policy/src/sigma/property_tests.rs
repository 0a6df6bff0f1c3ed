//! Properties: detections answer what a plain reading of the specification answers, and no text of a rule
//! file does harm.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::rule_tests::options;
use crate::toy::Toy;
use crate::{Dialect, Evaluator, LoadOptions, RuleSet, SourceFile};

/// A line of a selection.
#[derive(Clone, Debug)]
struct Line {
    field: &'static str,
    side: &'static str,
    cased: bool,
    all: bool,
    negated: bool,
    values: Vec<Option<String>>,
}

#[derive(Clone, Debug)]
enum Selection {
    Map(Vec<Line>),
    Maps(Vec<Vec<Line>>),
    Keywords(Vec<String>),
}

#[derive(Clone, Debug)]
enum Formula {
    Name(usize),
    Any,
    All,
    Not(Box<Formula>),
    And(Box<Formula>, Box<Formula>),
    Or(Box<Formula>, Box<Formula>),
}

/// The plain reading: texts letter by letter.
fn value_fits(pattern: &[char], value: &[char]) -> bool {
    match pattern {
        [] => value.is_empty(),
        ['*', rest @ ..] => (0..=value.len()).any(|at| value_fits(rest, &value[at..])),
        ['?', rest @ ..] => !value.is_empty() && value_fits(rest, &value[1..]),
        ['\\', next @ ('*' | '?' | '\\'), rest @ ..] | [next, rest @ ..] => {
            value.first() == Some(next) && value_fits(rest, &value[1..])
        }
    }
}

fn fields_of(field: &str, toy: &Toy) -> Vec<String> {
    match field {
        "Image" => vec![toy.exe.clone()],
        "ParentImage" => vec![toy.parent_exe.clone()],
        "Names" => vec![toy.exe.clone(), toy.parent_exe.clone()],
        "Ancestors" => toy.ancestors.clone(),
        "File" if toy.kind == 1 => vec![toy.path.clone()],
        "File" => vec![String::new()],
        _ => unreachable!("{field}"),
    }
}

fn line_fits(line: &Line, toy: &Toy) -> bool {
    let folded = |text: &str| -> Vec<char> {
        let text = if line.cased {
            text.to_owned()
        } else {
            text.to_ascii_lowercase()
        };
        text.chars().collect()
    };
    let fits = |value: &Option<String>| {
        let present = fields_of(line.field, toy);
        let Some(value) = value else {
            return present.iter().all(String::is_empty);
        };
        let pattern = folded(value);
        let sided = |text: &[char]| {
            let length = text.len();
            match line.side {
                "contains" => (0..=length)
                    .any(|from| (from..=length).any(|to| value_fits(&pattern, &text[from..to]))),
                "startswith" => (0..=length).any(|to| value_fits(&pattern, &text[..to])),
                "endswith" => (0..=length).any(|from| value_fits(&pattern, &text[from..])),
                _ => value_fits(&pattern, text),
            }
        };
        // Stars alone ask whether there is a value.
        let has_star = !pattern.is_empty() || !line.side.is_empty();
        let only_stars = has_star && pattern.iter().all(|c| *c == '*');
        present
            .iter()
            .any(|text| sided(&folded(text)) && !(only_stars && text.is_empty()))
    };
    let found = if line.all {
        line.values.iter().all(fits)
    } else {
        line.values.iter().any(fits)
    };
    found != line.negated
}

fn selection_fits(selection: &Selection, toy: &Toy) -> bool {
    match selection {
        Selection::Map(lines) => lines.iter().all(|line| line_fits(line, toy)),
        Selection::Maps(maps) => maps
            .iter()
            .any(|lines| lines.iter().all(|line| line_fits(line, toy))),
        Selection::Keywords(words) => {
            let line = |field| Line {
                field,
                side: "contains",
                cased: false,
                all: false,
                negated: false,
                values: words.iter().cloned().map(Some).collect(),
            };
            line_fits(&line("Image"), toy) || line_fits(&line("File"), toy)
        }
    }
}

fn formula_fits(formula: &Formula, fits: &[bool]) -> bool {
    match formula {
        Formula::Name(index) => fits[index % fits.len()],
        Formula::Any => fits.iter().any(|fits| *fits),
        Formula::All => fits.iter().all(|fits| *fits),
        Formula::Not(inner) => !formula_fits(inner, fits),
        Formula::And(a, b) => formula_fits(a, fits) && formula_fits(b, fits),
        Formula::Or(a, b) => formula_fits(a, fits) || formula_fits(b, fits),
    }
}

fn shown(formula: &Formula, count: usize) -> String {
    match formula {
        Formula::Name(index) => format!("s{}", index % count),
        Formula::Any => "1 of s*".into(),
        Formula::All => "all of them".into(),
        Formula::Not(inner) => format!("not ({})", shown(inner, count)),
        Formula::And(a, b) => format!("({} and {})", shown(a, count), shown(b, count)),
        Formula::Or(a, b) => format!("({} or {})", shown(a, count), shown(b, count)),
    }
}

/// YAML, in its JSON form.
fn yaml(selections: &[Selection], formula: &Formula) -> String {
    let map = |lines: &Vec<Line>| {
        let mut object = serde_json::Map::new();
        for line in lines {
            let mut key = line.field.to_owned();
            for (wanted, name) in [
                (!line.side.is_empty(), line.side),
                (line.cased, "cased"),
                (line.all, "all"),
                (line.negated, "neq"),
            ] {
                if wanted {
                    key = format!("{key}|{name}");
                }
            }
            object.insert(key, serde_json::json!(line.values));
        }
        serde_json::Value::Object(object)
    };
    let mut detection = serde_json::Map::new();
    for (index, selection) in selections.iter().enumerate() {
        let value = match selection {
            Selection::Map(lines) => map(lines),
            Selection::Maps(maps) => maps.iter().map(map).collect(),
            Selection::Keywords(words) => serde_json::json!(words),
        };
        detection.insert(format!("s{index}"), value);
    }
    let condition = shown(formula, selections.len());
    detection.insert("condition".into(), condition.into());
    let logsource = r#"{"product": "linux", "category": "process_creation"}"#;
    let detection = serde_json::Value::Object(detection);
    format!("title: T\nlogsource: {logsource}\ndetection: {detection}\n")
}

fn value() -> impl Strategy<Value = String> {
    proptest::string::string_regex(r"[abAB/*?\\é]{0,5}").unwrap()
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    // Each field once: a key must not stand twice.
    let fields = subsequence(
        vec!["Image", "ParentImage", "Names", "Ancestors", "File"],
        1..3,
    );
    let line = (
        select(vec!["", "contains", "startswith", "endswith"]),
        (any::<bool>(), any::<bool>(), any::<bool>(), 0_u32..8),
        proptest::collection::vec(value(), 1..4),
    );
    (fields, proptest::collection::vec(line, 3)).prop_map(|(fields, lines)| {
        let pairs = fields.into_iter().zip(lines);
        pairs
            .map(|(field, (side, (cased, all, negated, null), values))| {
                // `null` takes no modifiers that work on texts.
                let may_be_null = side.is_empty() && !cased;
                let mut values: Vec<Option<String>> = values.into_iter().map(Some).collect();
                if may_be_null && null == 0 {
                    values.push(None);
                }
                Line {
                    field,
                    side,
                    cased,
                    all,
                    negated,
                    values,
                }
            })
            .collect()
    })
}

fn selection() -> impl Strategy<Value = Selection> {
    let keyword = value().prop_filter("a text", |word| !word.is_empty());
    prop_oneof![
        3 => lines().prop_map(Selection::Map),
        1 => proptest::collection::vec(lines(), 1..3).prop_map(Selection::Maps),
        1 => proptest::collection::vec(keyword, 1..3).prop_map(Selection::Keywords),
    ]
}

fn formula() -> impl Strategy<Value = Formula> {
    let leaf = prop_oneof![
        4 => (0_usize..4).prop_map(Formula::Name),
        1 => Just(Formula::Any),
        1 => Just(Formula::All),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            inner.prop_map(|inner| Formula::Not(Box::new(inner))),
            pair.clone()
                .prop_map(|(a, b)| Formula::And(Box::new(a), Box::new(b))),
            pair.prop_map(|(a, b)| Formula::Or(Box::new(a), Box::new(b))),
        ]
    })
}

fn toy() -> impl Strategy<Value = Toy> {
    let text = || proptest::string::string_regex(r"[abAB/*?\\é]{0,5}").unwrap();
    (
        text(),
        text(),
        text(),
        0_u32..2,
        proptest::collection::vec(text(), 0..3),
    )
        .prop_map(|(exe, parent_exe, path, kind, ancestors)| Toy {
            kind,
            operations: 1,
            exe,
            parent_exe,
            path,
            ancestors,
            ..Toy::default()
        })
}

proptest! {
    #[test]
    fn detections_answer_as_the_plain_reading(
        selections in proptest::collection::vec(selection(), 1..4),
        formula in formula(),
        toys in proptest::collection::vec(toy(), 1..12),
    ) {
        let text = yaml(&selections, &formula);
        let file = SourceFile { name: "r.yml".into(), text: text.clone() };
        let (set, problems) = RuleSet::<Toy>::load(vec![file], &options());
        prop_assert_eq!(problems.errors(), 0, "{}\n{}", text, problems);
        let mut evaluator = Evaluator::new();
        for toy in &toys {
            let fits: Vec<bool> = selections.iter().map(|s| selection_fits(s, toy)).collect();
            let mut matched = false;
            let _ = evaluator.rules(&set, toy, |_, _| matched = true);
            prop_assert_eq!(matched, formula_fits(&formula, &fits), "{}\n{:?}", text, toy);
        }
    }

    /// Whatever is done to a file, loading it ends without a panic.
    #[test]
    fn no_file_does_harm(
        cuts in proptest::collection::vec((0_usize..900, 0_usize..12, "[ -~\n]{0,6}"), 0..6),
    ) {
        let mut text = GOOD.to_owned();
        for (at, length, put) in cuts {
            let start = at.min(text.len());
            let end = (start + length).min(text.len());
            if text.is_char_boundary(start) && text.is_char_boundary(end) {
                text.replace_range(start..end, &put);
            }
        }
        let files = [text.clone(), super::rule_tests::MAPPING.to_owned()];
        let files = files.map(|text| SourceFile { name: "r.yml".into(), text });
        let options = LoadOptions {
            dialect: Some(Dialect::Sigma),
            sigma_mapping: Some(SourceFile { name: "m.yml".into(), text }),
            ..options()
        };
        for options in [options, super::rule_tests::options()] {
            let (_, problems) = RuleSet::<Toy>::load(files.to_vec(), &options);
            let _ = problems.render(false, 80);
        }
    }
}

const GOOD: &str = r"title: T
id: 6c4a4e4c-0000-4000-8000-000000000000
name: base
logsource: {product: linux, category: process_creation}
detection:
  selection:
    Image|endswith: [/sh, '*bash']
    Pid|gt: 3
    Address|cidr: 10.0.0.0/8
  words: [a, b]
  filter_1:
    - ParentImage|base64offset|contains: http
    - Image|windash|contains: ' -x'
    - Image|expand: '%Shells%'
  condition: selection and (1 of words or not all of filter_*)
level: high
---
title: C
correlation:
  type: value_count
  rules: [base]
  group-by: [who]
  aliases:
    who: {base: Image}
  timespan: 5m
  condition: {field: Pid, gte: 3, lt: 9}
---
title: F
logsource: {product: linux}
filter:
  rules: [any]
  s: {Pid: 3}
  condition: not s
";

#[test]
fn the_file_for_mutations_is_good() {
    let file = SourceFile {
        name: "r.yml".into(),
        text: GOOD.into(),
    };
    let (set, problems) = RuleSet::<Toy>::load(vec![file], &options());
    assert!(problems.is_empty(), "{problems}");
    assert_eq!(set.rules().len(), 2);
    assert_eq!(set.correlations().len(), 1);
}
