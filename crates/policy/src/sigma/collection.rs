//! The documents of a file, with collections (`action`) taken apart.

use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Entry, Node};
use crate::source::{MappedText, Span};

/// A document with everything that a collection gives it.
#[derive(Clone, Debug, Default)]
pub(super) struct Document {
    pub(super) entries: Vec<Entry>,
    pub(super) span: Span,
}

/// Documents of one file, in order. `action: global` gives its keys to all documents behind it,
/// `action: repeat` means the last document with other keys, and `action: reset` ends a global one.
pub(super) fn documents(nodes: Vec<Node>, problems: &mut Vec<Diagnostic>) -> Vec<Document> {
    let mut global: Vec<Entry> = Vec::new();
    let mut documents: Vec<Document> = Vec::new();
    let mut room = MAX_REPEATED;
    for node in nodes {
        let (mut entries, span) = match node {
            Node::Null(_) => continue,
            Node::Map(entries, span) => (entries, span),
            other => {
                let start = Span {
                    end: other.span().start.saturating_add(1).min(other.span().end),
                    ..other.span()
                };
                let problem = Diagnostic::error(Code::Shape, start, "this is not a Sigma rule");
                problems.push(problem.help("a rule is a document with keys such as `title`"));
                continue;
            }
        };
        let action = entries.iter().position(|entry| entry.key.text == "action");
        let Some(action) = action.map(|at| entries.remove(at)) else {
            if !take(&mut room, &global) {
                problems.push(too_many(span));
                break;
            }
            documents.push(Document {
                entries: merged(global.clone(), entries),
                span,
            });
            continue;
        };
        let word = match &action.value {
            Node::Scalar(word) => word.text.as_str(),
            _ => "",
        };
        match (word, documents.last()) {
            ("global", _) => global = merged(std::mem::take(&mut global), entries),
            ("reset", _) => global.clear(),
            ("repeat", Some(last)) => {
                if !take(&mut room, &last.entries) {
                    problems.push(too_many(action.key.span));
                    break;
                }
                let entries = merged(last.entries.clone(), entries);
                documents.push(Document { entries, span });
            }
            ("repeat", None) => {
                let message = "there is no document yet to be repeated";
                problems.push(Diagnostic::error(Code::Shape, action.key.span, message));
            }
            _ => {
                let message = "this is not an action of Sigma";
                let problem = Diagnostic::error(Code::Shape, action.value.span(), message);
                problems.push(problem.help("actions are global, reset and repeat"));
            }
        }
    }
    documents
}

/// Values that documents of a file may be given by others: each repetition has all that was there before.
const MAX_REPEATED: usize = 200_000;

/// Takes from the room what these entries need; whether there was enough.
fn take(room: &mut usize, entries: &[Entry]) -> bool {
    fn count(node: &Node, most: usize) -> usize {
        let parts: &mut dyn Iterator<Item = &Node> = match node {
            Node::Null(_) | Node::Scalar(_) => return 1,
            Node::List(elements, _) => &mut elements.iter(),
            Node::Map(entries, _) => &mut entries.iter().map(|entry| &entry.value),
        };
        let mut all = 1;
        for part in parts {
            if all > most {
                break;
            }
            all += count(part, most - all.min(most));
        }
        all
    }
    for entry in entries {
        match room.checked_sub(count(&entry.value, *room)) {
            Some(rest) => *room = rest,
            None => return false,
        }
    }
    true
}

fn too_many(span: Span) -> Diagnostic {
    let message =
        format!("documents of this file repeat more than {MAX_REPEATED} values of others");
    let start = Span {
        end: span.start.saturating_add(1).min(span.end),
        ..span
    };
    Diagnostic::error(Code::TooLarge, start, message).note("this and what follows are left out")
}

/// The entries of `over` with those of `base` that it lacks; maps within maps are merged too.
fn merged(mut base: Vec<Entry>, over: Vec<Entry>) -> Vec<Entry> {
    for entry in over {
        let Some(known) = base.iter_mut().find(|e| e.key.text == entry.key.text) else {
            base.push(entry);
            continue;
        };
        known.key = entry.key;
        let before = std::mem::replace(&mut known.value, Node::Null(Span::default()));
        known.value = match (before, entry.value) {
            (Node::Map(base, _), Node::Map(over, span)) => Node::Map(merged(base, over), span),
            (_, value) => value,
        };
    }
    base
}

/// Reads the keys of a map and tells what is wrong with them.
pub(super) struct Keys<'d, 'p> {
    pub(super) entries: &'d [Entry],
    pub(super) span: Span,
    /// What the map belongs to, as a note on each problem.
    pub(super) note: String,
    pub(super) problems: &'p mut Vec<Diagnostic>,
    /// Whether an error was found.
    pub(super) faulty: bool,
}

impl<'d> Keys<'d, '_> {
    pub(super) fn get(&self, key: &str) -> Option<&'d Entry> {
        self.entries.iter().find(|entry| entry.key.text == key)
    }

    pub(super) fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.report(Diagnostic::error(code, span, message));
    }

    pub(super) fn report(&mut self, problem: Diagnostic) {
        self.faulty |= problem.severity == crate::diagnostic::Severity::Error;
        self.problems.push(problem.note(self.note.clone()));
    }

    pub(super) fn warn(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.report(Diagnostic::warning(code, span, message));
    }

    /// A text; other shapes are errors.
    pub(super) fn text(&mut self, key: &str) -> Option<MappedText> {
        let entry = self.get(key)?;
        match &entry.value {
            Node::Scalar(text) => Some(text.clone()),
            Node::Null(_) => None,
            other => {
                self.error(Code::Shape, other.span(), format!("`{key}` must be a text"));
                None
            }
        }
    }

    /// A text, or nothing.
    pub(super) fn string(&mut self, key: &str) -> String {
        self.text(key).map_or_else(String::new, |text| text.text)
    }

    /// Texts: a list of them, or a single one.
    pub(super) fn texts(&mut self, key: &str) -> Vec<MappedText> {
        let Some(entry) = self.get(key) else {
            return Vec::new();
        };
        match texts_of(&entry.value) {
            Ok(texts) => texts,
            Err(span) => {
                self.error(
                    Code::Shape,
                    span,
                    format!("`{key}` must be a list of texts"),
                );
                Vec::new()
            }
        }
    }

    pub(super) fn strings(&mut self, key: &str) -> Vec<String> {
        let texts = self.texts(key).into_iter();
        texts.map(|text| text.text).collect()
    }

    /// The entries of a map.
    pub(super) fn map(&mut self, key: &str) -> Option<(&'d [Entry], Span)> {
        let entry = self.get(key)?;
        match &entry.value {
            Node::Map(entries, span) => Some((entries, *span)),
            Node::Null(_) => None,
            other => {
                let message = format!("`{key}` must have keys of its own");
                self.error(Code::Shape, other.span(), message);
                None
            }
        }
    }

    /// The entries of a map that must be there.
    pub(super) fn section(&mut self, key: &str) -> Option<(&'d [Entry], Span)> {
        let entry = self.get(key);
        if entry.is_none_or(|entry| matches!(entry.value, Node::Null(_))) {
            self.missing(key);
        }
        self.map(key)
    }

    /// A key that the map must have.
    pub(super) fn missing(&mut self, key: &str) {
        let place = Span {
            end: self.span.start.saturating_add(1).min(self.span.end),
            ..self.span
        };
        let place = self.entries.first().map_or(place, |entry| entry.key.span);
        self.error(Code::Shape, place, format!("the key `{key}` is missing"));
    }

    /// Keys that stand twice are errors: one of them would be lost.
    pub(super) fn check_unique(&mut self) {
        let mut seen: Vec<&MappedText> = Vec::new();
        let mut doubles = Vec::new();
        for entry in self.entries {
            // Looking at all pairs is only worth it while there are few.
            if seen.len() < 256 {
                match seen.iter().find(|key| key.text == entry.key.text) {
                    Some(first) => doubles.push((first.span, entry.key.clone())),
                    None => seen.push(&entry.key),
                }
            }
        }
        for (first, key) in doubles {
            let message = format!("the key `{}` stands here twice", key.text);
            let problem = Diagnostic::error(Code::Redefined, key.span, message);
            self.report(problem.also(first, "the first one"));
        }
    }
}

/// The texts of a list, or a single one; else the place of what is none.
pub(super) fn texts_of(node: &Node) -> Result<Vec<MappedText>, Span> {
    match node {
        Node::Null(_) => Ok(Vec::new()),
        Node::Scalar(text) => Ok(vec![text.clone()]),
        Node::Map(_, span) => Err(*span),
        Node::List(elements, _) => elements
            .iter()
            .filter(|element| !matches!(element, Node::Null(_)))
            .map(|element| match element {
                Node::Scalar(text) => Ok(text.clone()),
                other => Err(other.span()),
            })
            .collect(),
    }
}

/// How deep lists and maps may lie in one another.
const MAX_DEPTH: usize = 32;

/// The place where a value nests too deeply, if it does.
pub(super) fn too_deep(node: &Node) -> Option<Span> {
    fn walk(node: &Node, depth: usize) -> Option<Span> {
        if depth > MAX_DEPTH {
            return Some(node.span());
        }
        match node {
            Node::Null(_) | Node::Scalar(_) => None,
            Node::List(elements, _) => elements.iter().find_map(|e| walk(e, depth + 1)),
            Node::Map(entries, _) => entries.iter().find_map(|e| walk(&e.value, depth + 1)),
        }
    }
    walk(node, 0)
}
