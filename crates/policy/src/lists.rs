//! Lists of values, with the lists inside them opened up.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use foldhash::fast::RandomState;

use crate::Dialect;
use crate::diagnostic::{Code, Diagnostic};
use crate::items::ListItem;
use crate::lexer::unquote_item;
use crate::source::{MappedText, Span};

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

struct Definition {
    name_span: Span,
    words: Vec<Word>,
}

/// All lists by name.
#[derive(Default)]
pub(crate) struct Lists {
    definitions: HashMap<String, Definition, RandomState>,
    /// In order of definition, so that problems are found in the same order every time.
    order: Vec<String>,
    opened: HashMap<String, Rc<[Word]>, RandomState>,
}

impl Lists {
    /// Adds a list; a later one of the same name replaces the earlier one or adds to it. Gives the place
    /// of the one that is replaced.
    pub(crate) fn define(&mut self, item: &ListItem, dialect: Dialect) -> Option<Span> {
        let words = item.items.iter().map(|text| word(text, dialect));
        let name = &item.name.text;
        if let Some(known) = self.definitions.get_mut(name)
            && item.append
        {
            known.words.extend(words);
            return None;
        }
        let definition = Definition {
            name_span: item.name.span,
            words: words.collect(),
        };
        let replaced = self.definitions.insert(name.clone(), definition);
        if replaced.is_none() {
            self.order.push(name.clone());
        }
        replaced.map(|replaced| replaced.name_span)
    }

    /// Opens all lists. Names of macros among the values are pointed out.
    pub(crate) fn open(&mut self, is_macro: impl Fn(&str) -> bool, problems: &mut Vec<Diagnostic>) {
        for name in std::mem::take(&mut self.order) {
            let _ = self.open_one(&name, &mut Vec::new(), problems);
            let Some(definition) = self.definitions.get(&name) else {
                continue;
            };
            for word in &definition.words {
                if !self.definitions.contains_key(&word.text)
                    && looks_like_macro(word)
                    && is_macro(&word.text)
                {
                    problems.push(macro_as_value(word));
                }
            }
            self.order.push(name);
        }
    }

    /// The values of a list, or `None` if there is no such list.
    pub(crate) fn get(&self, name: &str) -> Option<&Rc<[Word]>> {
        self.opened.get(name)
    }

    fn open_one(
        &mut self,
        name: &str,
        path: &mut Vec<String>,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Rc<[Word]>> {
        if let Some(opened) = self.opened.get(name) {
            return Some(Rc::clone(opened));
        }
        let definition = self.definitions.get(name)?;
        let words = definition.words.clone();
        let name_span = definition.name_span;
        path.push(name.to_owned());
        let mut opened: Vec<Word> = Vec::with_capacity(words.len());
        let mut seen: HashSet<String, RandomState> = HashSet::default();
        for word in words {
            let is_list = !word.quoted && self.definitions.contains_key(&word.text);
            if !is_list {
                if seen.insert(word.text.clone()) {
                    opened.push(word);
                }
                continue;
            }
            let is_cycle = path.contains(&word.text);
            if is_cycle || path.len() >= MAX_DEPTH {
                let (code, message) = if is_cycle {
                    let message = format!("the list `{name}` holds itself through `{}`", word.text);
                    (Code::ListCycle, message)
                } else {
                    let message =
                        format!("lists may lie in one another {MAX_DEPTH} deep, not more");
                    (Code::TooDeep, message)
                };
                let problem = Diagnostic::error(code, word.span, message);
                problems.push(problem.also(name_span, "in this list"));
                continue;
            }
            let inner = self.open_one(&word.text, path, problems);
            for word in inner.iter().flat_map(|words| words.iter()) {
                if seen.insert(word.text.clone()) {
                    opened.push(word.clone());
                }
            }
        }
        path.pop();
        let opened: Rc<[Word]> = opened.into();
        self.opened.insert(name.to_owned(), Rc::clone(&opened));
        Some(opened)
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
            append: false,
        }
    }

    fn opened(definitions: &[ListItem], name: &str) -> (String, Vec<Code>) {
        let mut lists = Lists::default();
        for definition in definitions {
            lists.define(definition, Dialect::Falco);
        }
        let mut problems = Vec::new();
        lists.open(|name| name == "a_macro", &mut problems);
        let words = lists.get(name).unwrap();
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
        more.append = true;
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
