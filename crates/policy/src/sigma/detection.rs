//! Search identifiers: what a detection looks for.

use super::collection::Keys;
use super::modifier::Modifiers;
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::document::{Entry, Node};
use crate::source::{MappedText, Span};

/// What is looked for.
#[derive(Clone, Debug)]
pub(super) enum Search {
    /// All of them.
    All(Vec<Search>),
    /// Any of them.
    Any(Vec<Search>),
    /// Values of a field.
    Item(Item),
}

/// Values of a field, or keywords.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The field; without one, any field may have the values.
    pub(super) field: Option<String>,
    pub(super) key_span: Span,
    /// The key as it is written, with its modifiers; empty for keywords.
    pub(super) key: String,
    pub(super) modifiers: Modifiers,
    pub(super) values: Vec<Value>,
}

/// Values of an item that are shown.
const MOST_SHOWN: usize = 8;

impl Item {
    /// The item as text for people, in one line.
    pub(super) fn shown(&self) -> String {
        let values = self.values.iter().take(MOST_SHOWN);
        let values = values.map(|value| value.text.as_deref().unwrap_or("null"));
        let mut text = values.collect::<Vec<_>>().join(", ");
        let more = self.values.len().saturating_sub(MOST_SHOWN);
        if more > 0 {
            text = format!("{text}, and {more} more");
        }
        let key = if self.key.is_empty() {
            "keywords"
        } else {
            &self.key
        };
        format!("{key}: {text}")
    }
}

/// A value; without a text, `null`.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) text: Option<String>,
    pub(super) span: Span,
}

/// A search with its name.
#[derive(Clone, Debug)]
pub(super) struct Identifier {
    pub(super) name: MappedText,
    pub(super) search: Search,
}

/// A detection section: its searches and its conditions, any of which may be true.
#[derive(Clone, Debug)]
pub(super) struct Detection {
    pub(super) identifiers: Vec<Identifier>,
    pub(super) conditions: Vec<MappedText>,
}

/// Reads a detection section, or a filter, whose other keys are `skipped`. `None` after errors, which have
/// been reported.
pub(super) fn read(
    keys: &mut Keys<'_, '_>,
    entries: &[Entry],
    span: Span,
    skipped: &[&str],
) -> Option<Detection> {
    let mut inner = Keys {
        entries,
        span,
        note: keys.note.clone(),
        problems: &mut *keys.problems,
        faulty: false,
    };
    inner.check_unique();
    let conditions = inner.texts("condition");
    if conditions.is_empty() && !inner.faulty {
        inner.missing("condition");
    }
    if let Some(old) = inner.get("timeframe") {
        let message =
            "`timeframe` belongs to aggregations, which Sigma has given up, and says nothing here";
        let problem = Diagnostic::warning(Code::Unsupported, old.key.span, message);
        inner.report(problem.help("write a correlation rule with a `timespan`"));
    }
    let mut identifiers = Vec::new();
    for entry in entries {
        let name = entry.key.text.as_str();
        if name == "condition" || name == "timeframe" || skipped.contains(&name) {
            continue;
        }
        let search = search(&mut inner, entry.key.span, &entry.value);
        identifiers.extend(search.map(|search| Identifier {
            name: entry.key.clone(),
            search,
        }));
    }
    let faulty = inner.faulty;
    keys.faulty |= faulty;
    (!faulty).then_some(Detection {
        identifiers,
        conditions,
    })
}

fn search(keys: &mut Keys<'_, '_>, key_span: Span, node: &Node) -> Option<Search> {
    match node {
        Node::Map(entries, span) => {
            let mut unique = Keys {
                entries,
                span: *span,
                note: keys.note.clone(),
                problems: &mut *keys.problems,
                faulty: false,
            };
            unique.check_unique();
            keys.faulty |= unique.faulty;
            let items: Vec<Option<Search>> =
                entries.iter().map(|entry| map_item(keys, entry)).collect();
            let items: Option<Vec<Search>> = items.into_iter().collect();
            if entries.is_empty() {
                keys.error(Code::Shape, key_span, "there is nothing to look for");
                return None;
            }
            items.map(Search::All)
        }
        Node::List(elements, _) if !elements.is_empty() => {
            let mut any = Vec::with_capacity(elements.len());
            let mut keywords = Vec::new();
            for element in elements {
                match element {
                    Node::Scalar(_) | Node::Null(_) => keywords.extend(value(element)),
                    other => any.push(search(keys, other.span(), other)?),
                }
            }
            if !keywords.is_empty() {
                any.push(Search::Item(Item {
                    field: None,
                    key_span,
                    key: String::new(),
                    modifiers: Modifiers::default(),
                    values: keywords,
                }));
            }
            Some(Search::Any(any))
        }
        Node::Scalar(_) => Some(Search::Item(Item {
            field: None,
            key_span,
            key: String::new(),
            modifiers: Modifiers::default(),
            values: value(node).into_iter().collect(),
        })),
        Node::List(..) | Node::Null(_) => {
            keys.error(Code::Shape, key_span, "there is nothing to look for");
            None
        }
    }
}

fn map_item(keys: &mut Keys<'_, '_>, entry: &Entry) -> Option<Search> {
    let mut parts = entry.key.text.split('|');
    let field = parts.next().unwrap_or_default();
    let mut offset = field.len();
    let mut modifiers = Modifiers::default();
    for name in parts {
        let span = entry.key.locate(offset + 1, offset + 1 + name.len());
        offset += 1 + name.len();
        if let Err(message) = modifiers.add(name) {
            let problem = Diagnostic::error(Code::Unsupported, span, message);
            let known = nearest(name, Modifiers::NAMES.into_iter());
            keys.report(match known {
                Some(known) => problem.help(format!("did you mean `{known}`?")),
                None => problem,
            });
            return None;
        }
    }
    let values: Option<Vec<Value>> = match &entry.value {
        Node::List(elements, _) => elements.iter().map(value).collect(),
        other => value(other).map(|value| vec![value]),
    };
    let Some(values) = values.filter(|values| !values.is_empty()) else {
        let message = "a field is compared with a value or with a list of values";
        keys.error(Code::Shape, entry.value.span(), message);
        return None;
    };
    Some(Search::Item(Item {
        field: Some(field.to_owned()).filter(|field| !field.is_empty()),
        key_span: entry.key.locate(0, field.len()),
        key: entry.key.text.clone(),
        modifiers,
        values,
    }))
}

fn value(node: &Node) -> Option<Value> {
    match node {
        Node::Null(span) => Some(Value {
            text: None,
            span: *span,
        }),
        Node::Scalar(text) => Some(Value {
            text: Some(text.text.clone()),
            span: text.span,
        }),
        Node::List(..) | Node::Map(..) => None,
    }
}
