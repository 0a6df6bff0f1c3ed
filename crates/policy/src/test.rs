//! Predicates made ready to run: sets hashed, substrings in automata, patterns compiled.

use std::collections::HashSet;

use aho_corasick::AhoCorasick;
use foldhash::fast::RandomState;
use memchr::memmem::Finder;
use regex::bytes::{Regex, RegexBuilder};
use sysflow_field::{Fraction, Value};

use crate::literal::Network;
use crate::predicate::{Order, Spec, Texts, ends_ignoring_case, starts_ignoring_case};

/// Bytes that a compiled regular expression may take.
const REGEX_SIZE_LIMIT: usize = 1 << 20;

/// Sets up to this size are compared one by one.
const SMALL_SET: usize = 4;

/// Texts up to this length are brought to lower case on the stack to be looked up.
const LONGEST_FOLDED: usize = 256;

/// What a value must be, ready to run.
#[derive(Debug)]
pub(crate) enum Test {
    Never,
    Present,
    NotZero,
    EqualsOne(Box<[u8]>),
    EqualsFew(Box<[Box<[u8]>]>),
    EqualsMany(HashSet<Box<[u8]>, RandomState>),
    EqualsFewIgnoringCase(Box<[Box<[u8]>]>),
    /// Texts in lower case, and the length of the longest.
    EqualsManyIgnoringCase(HashSet<Box<[u8]>, RandomState>, usize),
    ContainsOne(Box<Finder<'static>>),
    ContainsMany(AhoCorasick),
    StartsWith(Box<[Box<[u8]>]>),
    EndsWith(Box<[Box<[u8]>]>),
    StartsWithIgnoringCase(Box<[Box<[u8]>]>),
    EndsWithIgnoringCase(Box<[Box<[u8]>]>),
    Below(Box<[Box<[u8]>]>),
    Matches(Regex),
    TextOrder(Order, Box<[u8]>),
    IntegerOne(i64),
    IntegersFew(Box<[i64]>),
    IntegersMany(HashSet<i64, RandomState>),
    IntegerOrder(Order, i64),
    Fractions(Box<[Fraction]>),
    FractionOrder(Order, Fraction),
    Networks(Box<[Network]>),
}

impl Test {
    /// Makes a spec ready to run; fails where a pattern is bad or something grows too large.
    pub(crate) fn new(spec: &Spec) -> Result<Self, String> {
        let list = |texts: &Texts| texts.iter().cloned().collect::<Box<[_]>>();
        Ok(match spec {
            Spec::Present => Self::Present,
            Spec::NotZero => Self::NotZero,
            Spec::Equals(texts) => match (texts.len(), texts.first()) {
                (1, Some(text)) => Self::EqualsOne(text.clone()),
                (0..=SMALL_SET, _) => Self::EqualsFew(list(texts)),
                _ => Self::EqualsMany(texts.iter().cloned().collect()),
            },
            Spec::EqualsIgnoringCase(texts) => {
                let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
                if texts.len() <= SMALL_SET || longest > LONGEST_FOLDED {
                    Self::EqualsFewIgnoringCase(list(texts))
                } else {
                    Self::EqualsManyIgnoringCase(texts.iter().cloned().collect(), longest)
                }
            }
            Spec::Contains(texts) => match (texts.len(), texts.first()) {
                (1, Some(text)) => Self::ContainsOne(Box::new(Finder::new(text).into_owned())),
                _ => Self::ContainsMany(automaton(texts, false)?),
            },
            Spec::ContainsIgnoringCase(texts) => Self::ContainsMany(automaton(texts, true)?),
            Spec::StartsWith(texts) => Self::StartsWith(shortest_of(texts, <[u8]>::starts_with)),
            Spec::EndsWith(texts) => Self::EndsWith(shortest_of(texts, <[u8]>::ends_with)),
            Spec::StartsWithIgnoringCase(texts) => {
                Self::StartsWithIgnoringCase(shortest_of(texts, <[u8]>::starts_with))
            }
            Spec::EndsWithIgnoringCase(texts) => {
                Self::EndsWithIgnoringCase(shortest_of(texts, <[u8]>::ends_with))
            }
            Spec::Below(texts) => Self::Below(list(texts)),
            Spec::Matches(regexes) => Self::Matches(regex(regexes.iter().map(String::as_str))?),
            Spec::Finds(regexes) => Self::Matches(part(regexes.iter().map(String::as_str))?),
            Spec::TextOrder(order, text) => Self::TextOrder(*order, text.clone()),
            Spec::Integers(numbers) => match (numbers.len(), numbers.first()) {
                (1, Some(number)) => Self::IntegerOne(*number),
                (0..=SMALL_SET, _) => Self::IntegersFew(numbers.iter().copied().collect()),
                _ => Self::IntegersMany(numbers.iter().copied().collect()),
            },
            Spec::IntegerOrder(order, number) => Self::IntegerOrder(*order, *number),
            Spec::Fractions(numbers) => Self::Fractions(numbers.iter().copied().collect()),
            Spec::FractionOrder(order, number) => Self::FractionOrder(*order, *number),
            Spec::Networks(networks) => Self::Networks(networks.iter().copied().collect()),
        })
    }

    /// Whether a value is as it must be.
    pub(crate) fn holds(&self, value: &Value<'_>) -> bool {
        match self {
            Self::Never => false,
            Self::Present => true,
            Self::NotZero => !value.is_zero(),
            Self::IntegerOne(number) => value.as_int() == Some(*number),
            Self::IntegersFew(numbers) => {
                value.as_int().is_some_and(|value| numbers.contains(&value))
            }
            Self::IntegersMany(numbers) => {
                value.as_int().is_some_and(|value| numbers.contains(&value))
            }
            Self::IntegerOrder(order, number) => value
                .as_int()
                .is_some_and(|value| order.holds(&value, number)),
            Self::Fractions(numbers) => {
                matches!(value, Value::Fraction(value) if numbers.contains(value))
            }
            Self::FractionOrder(order, number) => {
                matches!(value, Value::Fraction(value) if order.holds(value, number))
            }
            Self::Networks(networks) => match value {
                Value::Ip(address) => networks.iter().any(|network| network.contains(*address)),
                _ => false,
            },
            _ => value.with_text(|text| self.holds_for_text(text)),
        }
    }

    fn holds_for_text(&self, text: &[u8]) -> bool {
        match self {
            Self::EqualsOne(wanted) => text == &**wanted,
            Self::EqualsFew(wanted) => wanted.iter().any(|wanted| text == &**wanted),
            Self::EqualsMany(wanted) => wanted.contains(text),
            Self::EqualsFewIgnoringCase(wanted) => wanted
                .iter()
                .any(|wanted| text.eq_ignore_ascii_case(wanted)),
            Self::EqualsManyIgnoringCase(wanted, longest) => {
                let mut folded = [0; LONGEST_FOLDED];
                let Some(folded) = folded.get_mut(..text.len()) else {
                    return false;
                };
                folded.copy_from_slice(text);
                folded.make_ascii_lowercase();
                text.len() <= *longest && wanted.contains(&*folded)
            }
            Self::ContainsOne(finder) => finder.find(text).is_some(),
            Self::ContainsMany(automaton) => automaton.is_match(text),
            Self::StartsWith(starts) => starts.iter().any(|start| text.starts_with(start)),
            Self::EndsWith(ends) => ends.iter().any(|end| text.ends_with(end)),
            Self::StartsWithIgnoringCase(starts) => {
                starts.iter().any(|start| starts_ignoring_case(text, start))
            }
            Self::EndsWithIgnoringCase(ends) => {
                ends.iter().any(|end| ends_ignoring_case(text, end))
            }
            Self::Below(paths) => {
                let text = text.strip_prefix(b"/").unwrap_or(text);
                paths.iter().any(|path| {
                    text.strip_prefix(&**path)
                        .is_some_and(|rest| rest.is_empty() || rest[0] == b'/' || path.is_empty())
                })
            }
            Self::Matches(regex) => regex.is_match(text),
            Self::TextOrder(order, wanted) => order.holds(text, wanted),
            _ => false,
        }
    }
}

/// The texts of a set that none of the others makes superfluous.
fn shortest_of(texts: &Texts, covers: impl Fn(&[u8], &[u8]) -> bool) -> Box<[Box<[u8]>]> {
    let mut kept: Vec<Box<[u8]>> = Vec::new();
    let mut by_length: Vec<&Box<[u8]>> = texts.iter().collect();
    by_length.sort_by_key(|text| text.len());
    for text in by_length {
        // Looking at all pairs is only worth it while there are few.
        if kept.len() > 256 || !kept.iter().any(|short| covers(text, short)) {
            kept.push(text.clone());
        }
    }
    kept.into()
}

fn automaton(texts: &Texts, ignore_case: bool) -> Result<AhoCorasick, String> {
    // Where a text is found its start is found too. With such texts left out, states in which something is
    // found have none behind them: the library takes quadratic time to number long runs of them.
    let mut kept: Vec<&[u8]> = Vec::with_capacity(texts.len());
    for text in texts {
        // In their order all that start with a text follow it.
        if !kept.last().is_some_and(|start| text.starts_with(start)) {
            kept.push(text);
        }
    }
    AhoCorasick::builder()
        .ascii_case_insensitive(ignore_case)
        .build(kept)
        .map_err(|error| format!("these texts are too many to search for: {error}"))
}

/// Compiles regular expressions, one of which must match the whole text.
pub(crate) fn regex<'r>(patterns: impl Iterator<Item = &'r str>) -> Result<Regex, String> {
    built(&format!(r"\A(?:{})\z", alternatives(patterns)))
}

/// Compiles regular expressions, one of which must match a part of the text.
pub(crate) fn part<'r>(patterns: impl Iterator<Item = &'r str>) -> Result<Regex, String> {
    built(&alternatives(patterns))
}

fn alternatives<'r>(patterns: impl Iterator<Item = &'r str>) -> String {
    let alternatives: Vec<String> = patterns.map(|pattern| format!("(?:{pattern})")).collect();
    alternatives.join("|")
}

fn built(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(REGEX_SIZE_LIMIT)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(limit) => {
                format!("this pattern needs more than {limit} bytes")
            }
            error => {
                // The library draws the pattern, with what we put around it: its last line says it all.
                let drawn = error.to_string();
                let reason = drawn.lines().last().unwrap_or_default();
                let reason = reason.trim_start_matches("error: ");
                format!("this is not a regular expression: {reason}")
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: &[&str]) -> Texts {
        words.iter().map(|word| word.as_bytes().into()).collect()
    }

    fn holds(spec: &Spec, text: &str) -> bool {
        Test::new(spec)
            .unwrap()
            .holds(&Value::Text(text.as_bytes()))
    }

    #[test]
    fn sets_of_every_size_say_the_same() {
        let many: Vec<String> = (0..20).map(|n| format!("w{n}")).collect();
        for size in [1, 2, 5, 20] {
            let some: Vec<&str> = many[..size].iter().map(String::as_str).collect();
            for (spec, hit) in [
                (Spec::Equals(texts(&some)), "w0"),
                (Spec::Contains(texts(&some)), "xw0x"),
                (Spec::ContainsIgnoringCase(texts(&some)), "xW0x"),
                (Spec::EqualsIgnoringCase(texts(&some)), "W0"),
                (Spec::StartsWithIgnoringCase(texts(&some)), "W0x"),
                (Spec::EndsWithIgnoringCase(texts(&some)), "xW0"),
                (Spec::StartsWith(texts(&some)), "w0x"),
                (Spec::EndsWith(texts(&some)), "xw0"),
            ] {
                assert!(holds(&spec, hit), "{spec:?}");
                assert!(!holds(&spec, "none"), "{spec:?}");
            }
            let numbers = (0..size as i64).collect();
            let test = Test::new(&Spec::Integers(numbers)).unwrap();
            assert!(test.holds(&Value::Int(0)) && !test.holds(&Value::Int(-1)));
        }
    }

    #[test]
    fn paths_below_stop_at_components() {
        let spec = Spec::Below(texts(&["etc", "var/log"]));
        assert!(holds(&spec, "/etc") && holds(&spec, "/etc/passwd") && holds(&spec, "var/log/x"));
        assert!(!holds(&spec, "/etcetera") && !holds(&spec, "/var/logs") && !holds(&spec, "/"));
        let root = Spec::Below(texts(&[""]));
        assert!(holds(&root, "/any") && holds(&root, "/"));
    }

    #[test]
    fn patterns_match_whole_texts_and_stay_small() {
        let spec = Spec::Matches(["a|b".to_owned()].into());
        assert!(holds(&spec, "a") && !holds(&spec, "ab"));
        assert!(regex(["(a{1000}){1000}"].into_iter()).is_err());
        assert!(regex(["("].into_iter()).is_err());
    }

    #[test]
    fn texts_that_start_with_others_find_nothing_more() {
        let spec = Spec::Contains(texts(&["ab", "abc", "b", "bab", "c\u{e9}"]));
        for (text, found) in [
            ("xabc", true),
            ("xb", true),
            ("ac", false),
            ("c\u{e9}", true),
        ] {
            assert_eq!(holds(&spec, text), found, "{text}");
        }
        assert!(holds(&Spec::Contains(texts(&["", "a"])), "x"));
    }

    #[test]
    fn numbers_are_searched_as_text() {
        let spec = Spec::Contains(texts(&["79"]));
        assert!(Test::new(&spec).unwrap().holds(&Value::Int(7955)));
    }
}
