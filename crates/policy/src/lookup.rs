//! Values of a field that rules want, and the way from a value to the rules.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;
use sysflow_field::Value;

use crate::bits::Sparse;
use crate::predicate::{Predicate, Question, Spec, Texts};
use crate::program::{Builder, Node, NodeId};

/// Texts up to this length are brought to lower case on the stack to be looked up.
const LONGEST_FOLDED: usize = 256;

/// Fields among which one is looked for that all alternatives ask for.
const MOST_QUESTIONS: usize = 16;

/// Values one of which a field must have for a node to be true: those of all of these specs, each of which
/// [lists](is_list) values.
#[derive(Debug)]
pub(crate) struct Wanted<'b>(Vec<&'b Spec>);

impl<'b> Wanted<'b> {
    /// What a node wants of which field, if it is a test for values, or alternatives each of which needs such
    /// a test of the same field.
    pub(crate) fn of(node: NodeId, builder: &'b Builder) -> Option<(&'b Question, Self)> {
        let Node::Any(alternatives) = builder.node(node) else {
            let (question, spec) = listed(node, builder)?;
            return Some((question, Self(vec![spec])));
        };
        let (first, rest) = alternatives.split_first()?;
        let questions = tests(*first, builder).take(MOST_QUESTIONS);
        questions.into_iter().find_map(|(question, spec)| {
            let mut specs = vec![spec];
            for alternative in rest {
                let mut tests = tests(*alternative, builder);
                specs.push(tests.find(|(other, _)| *other == question)?.1);
            }
            Some((question, Self(specs)))
        })
    }
}

/// The tests for values that a node needs: it is one, or a conjunction of which some are.
fn tests(node: NodeId, builder: &Builder) -> impl Iterator<Item = (&Question, &Spec)> {
    let (itself, parts) = match builder.node(node) {
        Node::All(parts) => (None, &parts[..]),
        _ => (Some(node), &[][..]),
    };
    let nodes = itself.into_iter().chain(parts.iter().copied());
    nodes.filter_map(|node| listed(node, builder))
}

/// The test that a node is, if it is one for values of a field.
fn listed(node: NodeId, builder: &Builder) -> Option<(&Question, &Spec)> {
    let Node::Test(test) = builder.node(node) else {
        return None;
    };
    match builder.predicate(*test) {
        Predicate::Field { question, spec } if question.path.is_none() && is_list(spec) => {
            Some((question, spec))
        }
        _ => None,
    }
}

/// Whether a spec lists values that can be looked up.
fn is_list(spec: &Spec) -> bool {
    match spec {
        Spec::Equals(_) | Spec::Integers(_) => true,
        Spec::EqualsIgnoringCase(texts) => texts.iter().all(|text| text.len() <= LONGEST_FOLDED),
        _ => false,
    }
}

/// From each value to the places of the sets of rules that want it.
type Places<T> = HashMap<T, Vec<u32>, RandomState>;

/// The values of a field that rules want. They are compared as [`Test`](crate::test::Test) compares them.
#[derive(Debug)]
pub(crate) struct Lookup {
    pub(crate) question: Question,
    texts: Places<Box<[u8]>>,
    /// Texts in lower case.
    folded: Places<Box<[u8]>>,
    integers: Places<i64>,
    rules: Vec<Sparse>,
}

impl Lookup {
    pub(crate) fn new(question: Question) -> Self {
        Self {
            question,
            texts: HashMap::default(),
            folded: HashMap::default(),
            integers: HashMap::default(),
            rules: Vec::new(),
        }
    }

    /// Adds rules that want one of some values.
    pub(crate) fn add(&mut self, wanted: &Wanted<'_>, rules: Sparse) {
        let place = self.rules.len() as u32;
        self.rules.push(rules);
        for spec in &wanted.0 {
            match spec {
                Spec::Equals(texts) => note_texts(&mut self.texts, texts, place),
                Spec::EqualsIgnoringCase(texts) => note_texts(&mut self.folded, texts, place),
                Spec::Integers(numbers) => {
                    for number in numbers {
                        note(&mut self.integers, *number, place);
                    }
                }
                _ => {}
            }
        }
    }

    /// Adds the rules that want a value to a set.
    pub(crate) fn find(&self, value: &Value<'_>, set: &mut [u64]) {
        let mut add = |places: Option<&Vec<u32>>| {
            for place in places.into_iter().flatten() {
                self.rules[*place as usize].insert_into(set);
            }
        };
        if !self.integers.is_empty() {
            add(value.as_int().and_then(|number| self.integers.get(&number)));
        }
        if self.texts.is_empty() && self.folded.is_empty() {
            return;
        }
        value.with_text(|text| {
            add(self.texts.get(text));
            if self.folded.is_empty() {
                return;
            }
            let mut folded = [0; LONGEST_FOLDED];
            if let Some(folded) = folded.get_mut(..text.len()) {
                folded.copy_from_slice(text);
                folded.make_ascii_lowercase();
                add(self.folded.get(&*folded));
            }
        });
    }
}

fn note_texts(places: &mut Places<Box<[u8]>>, texts: &Texts, place: u32) {
    for text in texts {
        note(places, text.clone(), place);
    }
}

/// Takes note of a place that a value leads to.
fn note<T: Eq + Hash>(places: &mut Places<T>, value: T, place: u32) {
    let of_value = places.entry(value).or_default();
    // Alternatives may want the same value; their places are added one after the other.
    if of_value.last() != Some(&place) {
        of_value.push(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bits::numbers;
    use crate::test::Test;
    use sysflow_field::FieldId;

    fn texts(all: &[&str]) -> Texts {
        all.iter().map(|text| text.as_bytes().into()).collect()
    }

    #[test]
    fn values_lead_where_tests_hold() {
        let long = "x".repeat(LONGEST_FOLDED);
        let specs = [
            Spec::Equals(texts(&["a", "", "7", "true"])),
            Spec::Equals(texts(&["A", "10.0.0.1"])),
            Spec::EqualsIgnoringCase(texts(&["a", "b", &long])),
            Spec::Integers([0, 1, 7].into()),
            Spec::Integers([7].into()),
            Spec::Equals(Texts::new()),
        ];
        let mut lookup = Lookup::new(Question {
            field: FieldId(0),
            arg: sysflow_field::Arg::None,
            path: None,
            zero: false,
        });
        for (rule, spec) in specs.iter().enumerate() {
            assert!(is_list(spec));
            lookup.add(&Wanted(vec![spec]), Sparse::new([rule]));
        }
        let longer = format!("{long}x");
        let values = [
            "a",
            "A",
            "b",
            "B",
            "",
            "none",
            &long.to_uppercase(),
            &longer,
        ];
        let texts = values.iter().map(|text| Value::Text(text.as_bytes()));
        let others = [
            Value::Int(7),
            Value::Int(2),
            Value::Bool(true),
            Value::Bool(false),
            Value::Ip([10, 0, 0, 1].into()),
        ];
        for value in texts.chain(others) {
            let mut found = [0];
            lookup.find(&value, &mut found);
            let holding = specs.iter().enumerate();
            let holding = holding.filter(|(_, spec)| Test::new(spec).unwrap().holds(&value));
            let holding: Vec<usize> = holding.map(|(rule, _)| rule).collect();
            assert_eq!(numbers(&found).collect::<Vec<_>>(), holding, "{value}");
        }
        let too_long = Spec::EqualsIgnoringCase([longer.as_bytes().into()].into());
        assert!(!is_list(&too_long) && !is_list(&Spec::Present));
    }
}
