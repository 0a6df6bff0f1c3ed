//! Lists of values, with the lists inside them opened up.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use foldhash::fast::RandomState;

use crate::Dialect;
use crate::diagnostic::{Code, Diagnostic};
use crate::exceptions;
use crate::items::{ListItem, Mode};
use crate::lexer::unquote_item;
use crate::names::{Named, Place};
use crate::source::{MappedText, Span};
use crate::splice::{TextList, TextLists};

/// How deep lists may lie in one another.
const MAX_DEPTH: usize = 64;

/// A value as a condition or a list writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) span: Span,
    /// Whether it was in quotes, so that it is no name of anything.
    pub(crate) quoted: bool,
}

/// A list among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListId(usize);

struct Definition {
    name: String,
    name_span: Span,
    words: Vec<Word>,
    /// The items as they go into conditions of Falco's files.
    raw: Vec<String>,
    /// When it was last defined or added to, among all lists.
    last: u32,
    opened: Option<Rc<[Word]>>,
    is_used: bool,
}

/// All lists.
#[derive(Default)]
pub(crate) struct Lists {
    definitions: Named<Definition>,
    /// The names in the order in which they first came, with their number.
    order: Vec<String>,
    first: HashMap<String, u32, RandomState>,
    /// How many definitions there were.
    count: u32,
}

impl Lists {
    /// Adds a list; a later one of the same name replaces the earlier one, for the files that see it, or
    /// adds to it. Gives the place of one in the same file that is replaced.
    pub(crate) fn define(&mut self, item: &ListItem, dialect: Dialect) -> Option<Span> {
        let words = item.items.iter().map(|text| word(text, dialect));
        let raw = item.items.iter().map(|text| raw(text, dialect));
        let name = &item.name.text;
        let number = self.count;
        self.count += 1;
        if let Entry::Vacant(vacant) = self.first.entry(name.clone()) {
            vacant.insert(number);
            self.order.push(name.clone());
        }
        if item.mode == Mode::Append
            && let Some(known) = self.definitions.last_mut(name)
        {
            known.words.extend(words);
            known.raw.extend(raw);
            known.last = number;
            return None;
        }
        let definition = Definition {
            name: name.clone(),
            name_span: item.name.span,
            words: words.collect(),
            raw: raw.collect(),
            last: number,
            opened: None,
            is_used: false,
        };
        let place = Place::new(item.name.span, dialect);
        let replaced = self.definitions.define(name, place, definition);
        replaced.map(|replaced| replaced.name_span)
    }

    /// The lists as conditions of Falco's files see them.
    pub(crate) fn as_text(&self) -> TextLists {
        let lists = self.order.iter().filter_map(|name| {
            let place = Place {
                file: u32::MAX,
                dialect: Dialect::Falco,
            };
            let index = self.definitions.find(name, place)?;
            let definition = self.definitions.get(index);
            Some(TextList {
                name: name.clone(),
                items: definition.raw.clone(),
                first: self.first[name],
                last: definition.last,
            })
        });
        TextLists::new(&lists.collect::<Vec<_>>())
    }

    /// Notes that something refers to a list.
    pub(crate) fn use_it(&mut self, list: ListId) {
        self.definitions.get_mut(list.0).is_used = true;
    }

    /// Where the lists stand that nothing has been noted to refer to, with their names.
    pub(crate) fn unused(&self) -> Vec<(String, Span)> {
        let standing = self.definitions.standing().into_iter();
        let definitions = standing.map(|index| self.definitions.get(index));
        definitions
            .filter(|definition| !definition.is_used)
            .map(|definition| (definition.name.clone(), definition.name_span))
            .collect()
    }

    /// Whether there is a list of that name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.first.contains_key(name)
    }

    /// The list that a name stands for at a place.
    pub(crate) fn find(&self, name: &str, place: Place) -> Option<ListId> {
        self.definitions.find(name, place).map(ListId)
    }

    /// The values of a list, with the lists inside it opened. Names of macros among them are pointed out
    /// when it is opened for the first time.
    pub(crate) fn open(
        &mut self,
        list: ListId,
        is_macro: &dyn Fn(&str) -> bool,
        problems: &mut Vec<Diagnostic>,
    ) -> Rc<[Word]> {
        self.open_within(list, &mut Vec::new(), is_macro, problems)
    }

    /// Opens the lists that nothing has asked for yet, so that their problems are known.
    pub(crate) fn open_remaining(
        &mut self,
        is_macro: &dyn Fn(&str) -> bool,
        problems: &mut Vec<Diagnostic>,
    ) {
        for index in self.definitions.standing() {
            let _ = self.open(ListId(index), is_macro, problems);
        }
    }

    fn open_within(
        &mut self,
        list: ListId,
        path: &mut Vec<ListId>,
        is_macro: &dyn Fn(&str) -> bool,
        problems: &mut Vec<Diagnostic>,
    ) -> Rc<[Word]> {
        let definition = self.definitions.get(list.0);
        if let Some(opened) = &definition.opened {
            return Rc::clone(opened);
        }
        let name = definition.name.clone();
        let name_span = definition.name_span;
        let words = definition.words.clone();
        let place = self.definitions.place(list.0);
        path.push(list);
        let mut opened: Vec<Word> = Vec::with_capacity(words.len());
        let mut seen: HashSet<String, RandomState> = HashSet::default();
        for word in words {
            let inner = self.find(&word.text, place).filter(|_| !word.quoted);
            let Some(inner) = inner else {
                if looks_like_macro(&word) && is_macro(&word.text) {
                    problems.push(macro_as_value(&word));
                }
                if seen.insert(word.text.clone()) {
                    opened.push(word);
                }
                continue;
            };
            let is_cycle = path.contains(&inner);
            if is_cycle || path.len() >= MAX_DEPTH {
                let (code, message) = if is_cycle {
                    let message = format!("the list `{name}` holds itself through `{}`", word.text);
                    (Code::ListCycle, message)
                } else {
                    let message =
                        format!("lists may lie in one another {MAX_DEPTH} deep, not more");
                    (Code::TooDeep, message)
                };
                // To Falco it is a text that happens to be the name of a list.
                let problem = match place.dialect {
                    Dialect::Falco => Diagnostic::warning(code, word.span, message),
                    Dialect::SysFlow | Dialect::Sigma => {
                        Diagnostic::error(code, word.span, message)
                    }
                };
                problems.push(problem.also(name_span, "in this list"));
                continue;
            }
            if place.dialect != Dialect::Falco {
                self.use_it(inner);
            }
            let inner = self.open_within(inner, path, is_macro, problems);
            for word in inner.iter() {
                if seen.insert(word.text.clone()) {
                    opened.push(word.clone());
                }
            }
        }
        path.pop();
        let opened: Rc<[Word]> = opened.into();
        self.definitions.get_mut(list.0).opened = Some(Rc::clone(&opened));
        opened
    }
}

/// An item as it goes into a condition of Falco's.
fn raw(text: &MappedText, dialect: Dialect) -> String {
    let item = text.text.as_str();
    let needs_quotes = match dialect {
        Dialect::Falco => exceptions::needs_quotes(item),
        Dialect::SysFlow | Dialect::Sigma => {
            item.contains([' ', '\t', '(', ')', ',', '=']) && !item.starts_with(['"', '\''])
        }
    };
    if needs_quotes {
        format!("\"{item}\"")
    } else {
        item.to_owned()
    }
}

fn word(text: &MappedText, dialect: Dialect) -> Word {
    let unquoted = unquote_item(&text.text, dialect);
    Word {
        span: text.span,
        // To Falco, the quotes of YAML are none: names are looked for in the text within.
        quoted: unquoted.is_some() || (text.quoted && dialect == Dialect::SysFlow),
        text: unquoted.unwrap_or_else(|| text.text.clone()),
    }
}

/// Whether a value may be meant as a macro. Plain words such as `mkdir` are names of programs, too.
pub(crate) fn looks_like_macro(word: &Word) -> bool {
    !word.quoted && word.text.contains('_')
}

pub(crate) fn macro_as_value(word: &Word) -> Diagnostic {
    let message = format!(
        "`{}` is a macro, but among values it is only a text",
        word.text
    );
    Diagnostic::warning(Code::MacroAsValue, word.span, message)
        .help("join the macro to the check with `or`, or put the text in quotes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(name: &str, items: &[&str]) -> ListItem {
        let text = |text: &&str| MappedText::verbatim(text, 0, 0);
        ListItem {
            name: text(&name),
            items: items.iter().map(text).collect(),
            mode: Mode::Define,
        }
    }

    fn opened(definitions: &[ListItem], name: &str) -> (String, Vec<Code>) {
        let mut lists = Lists::default();
        for definition in definitions {
            lists.define(definition, Dialect::Falco);
        }
        let mut problems = Vec::new();
        let is_macro = |name: &str| name == "a_macro";
        let place = Place::new(Span::default(), Dialect::Falco);
        let list = lists.find(name, place).unwrap();
        let words = lists.open(list, &is_macro, &mut problems);
        lists.open_remaining(&is_macro, &mut problems);
        let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        (texts.join(" "), problems.iter().map(|p| p.code).collect())
    }

    #[test]
    fn lists_open_in_any_order_and_hold_each_value_once() {
        let definitions = [
            list("outer", &["inner", "x", "'inner'"]),
            list("inner", &["y", "x", "\"(z)\""]),
        ];
        assert_eq!(opened(&definitions, "outer").0, "y x (z) inner");
    }

    #[test]
    fn later_lists_replace_or_add() {
        let mut more = list("l", &["b"]);
        more.mode = Mode::Append;
        assert_eq!(opened(&[list("l", &["a"]), more], "l").0, "a b");
        assert_eq!(opened(&[list("l", &["a"]), list("l", &["b"])], "l").0, "b");
    }

    #[test]
    fn cycles_and_macros_are_reported() {
        let definitions = [list("a", &["b", "1"]), list("b", &["a", "2", "a_macro"])];
        let (words, codes) = opened(&definitions, "a");
        assert_eq!(words, "2 a_macro 1");
        assert_eq!(codes, [Code::ListCycle, Code::MacroAsValue]);
    }
}
