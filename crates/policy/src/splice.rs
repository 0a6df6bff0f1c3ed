//! Lists in Falco's conditions: their items stand in place of their names, letter by letter, before anyone
//! looks at the condition.
//!
//! Which names count depends on the order in which lists are defined: items are opened once when a list is
//! put together, if they name a list that was there before it; and an item that came into a condition is
//! replaced only if its list was defined after the one that brought it.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::source::{MappedText, Span};

/// A condition may not grow beyond this many bytes.
const MAX_CONDITION: usize = 1 << 20;

/// All conditions together may not grow beyond this many bytes.
const MAX_TOTAL: usize = 1 << 26;

/// How often an item of a list may be replaced by a list again.
const MAX_LEVEL: usize = 100;

/// A list as the conditions of Falco's files see it.
#[derive(Clone, Debug)]
pub(crate) struct TextList {
    pub(crate) name: String,
    /// The items as text, those with blanks in quotes.
    pub(crate) items: Vec<String>,
    /// When the name was first defined, among all lists.
    pub(crate) first: u32,
    /// When it was last defined or added to.
    pub(crate) last: u32,
}

/// All lists, put together.
#[derive(Debug, Default)]
pub(crate) struct TextLists {
    lists: Vec<(u32, Vec<String>)>,
    by_name: HashMap<String, usize, RandomState>,
    used: HashSet<usize, RandomState>,
    total: usize,
}

/// What has become of a condition.
pub(crate) struct Spliced {
    pub(crate) text: MappedText,
    /// Whether a list without items was among the names.
    pub(crate) had_empty: bool,
    /// Where names stood within quotes, and which.
    pub(crate) in_quotes: Vec<(Span, String)>,
    /// Where lists stood, and how many items they have.
    pub(crate) names: Vec<(Span, String)>,
}

impl TextLists {
    /// Puts lists together, which come in the order of their first definition.
    pub(crate) fn new(raw: &[TextList]) -> Self {
        let by_name: HashMap<String, usize, RandomState> = raw
            .iter()
            .enumerate()
            .map(|(index, list)| (list.name.clone(), index))
            .collect();
        let mut used = HashSet::default();
        let mut lists = Vec::with_capacity(raw.len());
        let mut total = 0_usize;
        for list in raw {
            let mut items = Vec::with_capacity(list.items.len());
            for item in &list.items {
                let inner = by_name
                    .get(item.as_str())
                    .map(|index| (*index, &raw[*index]));
                match inner {
                    Some((index, inner)) if inner.first < list.last && total < MAX_TOTAL => {
                        used.insert(index);
                        total += inner.items.iter().map(String::len).sum::<usize>();
                        items.extend(inner.items.iter().cloned());
                    }
                    _ => items.push(item.clone()),
                }
            }
            lists.push((list.first, items));
        }
        Self {
            lists,
            by_name,
            used,
            total: 0,
        }
    }

    /// Whether a condition or another list refers to the list of a name.
    pub(crate) fn is_used(&self, name: &str) -> bool {
        let index = self.by_name.get(name);
        index.is_some_and(|index| self.used.contains(index))
    }

    /// Puts the items of lists in place of their names. Fails if that grows without end.
    pub(crate) fn splice(&mut self, text: &MappedText) -> Result<Spliced, &'static str> {
        let mut spliced = Spliced {
            text: MappedText::assembled(text.span),
            had_empty: false,
            in_quotes: Vec::new(),
            names: Vec::new(),
        };
        let letters = &text.text;
        let (mut copied, mut seen, mut quote) = (0, 0, None);
        for (start, end) in words(letters) {
            track(&letters[seen..start], &mut quote);
            seen = start;
            let word = &letters[start..end];
            let Some(index) = self.by_name.get(word).copied() else {
                continue;
            };
            let span = text.locate(start, end);
            if quote.is_some() {
                spliced.in_quotes.push((span, word.to_owned()));
            }
            spliced.names.push((span, word.to_owned()));
            spliced.text.push_piece(text, copied, start);
            copied = copied.max(end);
            let items = self.opened(index, 0)?;
            if items.trim_matches(is_blank).is_empty() {
                spliced.had_empty = true;
                let before = spliced.text.text.trim_end_matches(is_blank).len();
                if spliced.text.text[..before].ends_with(',') {
                    spliced.text.truncate(before - 1);
                } else if let Some(after) = after_comma(&letters[copied..]) {
                    copied = letters.len() - after.len();
                }
            }
            spliced.text.push_for(&items, span);
            self.total += items.len();
            if spliced.text.text.len() > MAX_CONDITION || self.total > MAX_TOTAL {
                return Err(TOO_LARGE);
            }
        }
        spliced.text.push_piece(text, copied, letters.len());
        Ok(spliced)
    }

    /// The items of a list in one text, with the names among them replaced.
    fn opened(&mut self, index: usize, level: usize) -> Result<String, &'static str> {
        self.used.insert(index);
        let (order, items) = &self.lists[index];
        let (order, joined) = (*order, items.join(", "));
        if joined.len() > MAX_CONDITION {
            return Err(TOO_LARGE);
        }
        let inner: Vec<(usize, usize, usize)> = words(&joined)
            .filter_map(|(start, end)| {
                let inner = *self.by_name.get(&joined[start..end])?;
                (self.lists[inner].0 > order).then_some((start, end, inner))
            })
            .collect();
        if inner.is_empty() {
            return Ok(joined);
        }
        if level >= MAX_LEVEL {
            return Err("lists lie in one another too deeply");
        }
        let mut opened = String::new();
        let mut copied = 0;
        for (start, end, inner) in inner {
            opened.push_str(joined.get(copied..start).unwrap_or_default());
            copied = copied.max(end);
            let items = self.opened(inner, level + 1)?;
            if items.trim_matches(is_blank).is_empty() {
                let before = opened.trim_end_matches(is_blank).len();
                if opened[..before].ends_with(',') {
                    opened.truncate(before - 1);
                } else if let Some(after) = after_comma(&joined[copied..]) {
                    copied = joined.len() - after.len();
                }
            }
            opened.push_str(&items);
            self.total += items.len();
            if opened.len() > MAX_CONDITION || self.total > MAX_TOTAL {
                return Err(TOO_LARGE);
            }
        }
        opened.push_str(joined.get(copied..).unwrap_or_default());
        Ok(opened)
    }
}

const TOO_LARGE: &str = "with the items of its lists this condition grows too large";

const fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

/// What stands behind a comma, if that is the next thing.
fn after_comma(text: &str) -> Option<&str> {
    text.trim_start_matches(is_blank).strip_prefix(',')
}

/// The pieces between blanks and the signs that end the name of a list.
fn words(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let ends = |character: char| is_blank(character) || matches!(character, '(' | ')' | ',' | '=');
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(|character| !ends(character))?;
        let end = text[start..]
            .find(ends)
            .map_or(text.len(), |length| start + length);
        at = end;
        Some((start, end))
    })
}

/// Follows quotes through a piece of a condition.
fn track(piece: &str, quote: &mut Option<u8>) {
    let mut escaped = false;
    for byte in piece.bytes() {
        match (*quote, byte) {
            _ if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(open), byte) if open == byte => *quote = None,
            (None, b'"' | b'\'') => *quote = Some(byte),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists as they are defined one after the other.
    fn lists(definitions: &[(&str, &[&str])]) -> TextLists {
        let lists: Vec<TextList> = definitions
            .iter()
            .enumerate()
            .map(|(number, (name, items))| TextList {
                name: (*name).into(),
                items: items.iter().map(|item| (*item).into()).collect(),
                first: number as u32,
                last: number as u32,
            })
            .collect();
        TextLists::new(&lists)
    }

    #[track_caller]
    fn becomes(definitions: &[(&str, &[&str])], condition: &str, wanted: &str) {
        let text = MappedText::verbatim(condition, 0, 0);
        let spliced = lists(definitions).splice(&text).unwrap().text.text;
        assert_eq!(spliced, wanted);
    }

    #[test]
    fn names_between_signs_are_replaced() {
        let la: &[(&str, &[&str])] = &[("la", &["a", "b"])];
        becomes(la, "x in (la)", "x in (a, b)");
        becomes(
            la,
            "x in (la, c,la) or y=la",
            "x in (a, b, c,a, b) or y=a, b",
        );
        becomes(la, "x in (lb) or lap = \"la\"", "x in (lb) or lap = \"la\"");
        becomes(la, "x = \"a la b\"", "x = \"a a, b b\"");
    }

    #[test]
    fn empty_lists_take_a_comma_with_them() {
        let la: &[(&str, &[&str])] = &[("la", &[])];
        becomes(la, "x in (la)", "x in ()");
        becomes(la, "x in (la, b)", "x in ( b)");
        becomes(la, "x in (b, la)", "x in (b)");
        becomes(la, "x in (b , la , c)", "x in (b  , c)");
        becomes(&[("lo", &["la"]), ("la", &[])], "x in (lo, b)", "x in ( b)");
    }

    #[test]
    fn order_decides_what_is_opened() {
        // Two levels work in either order.
        becomes(&[("in", &["a"]), ("out", &["in", "b"])], "(out)", "(a, b)");
        becomes(&[("out", &["in", "b"]), ("in", &["a"])], "(out)", "(a, b)");
        // Three work from outside to inside, not in the natural order.
        let (one, two, three): (&[&str], &[&str], &[&str]) = (&["a"], &["one"], &["two"]);
        becomes(
            &[("three", three), ("two", two), ("one", one)],
            "(three)",
            "(a)",
        );
        becomes(
            &[("one", one), ("two", two), ("three", three)],
            "(three)",
            "(one)",
        );
        // Lists that hold one another end.
        becomes(&[("p", &["q"]), ("q", &["p"])], "(p) (q)", "(q) (q)");
    }

    #[test]
    fn growth_has_an_end() {
        let many: Vec<String> = (0..40).map(|number| format!("l{number}")).collect();
        let items: Vec<Vec<&str>> = (1..41)
            .map(|number| vec![many.get(number).map_or("x", String::as_str); 10])
            .collect();
        let definitions: Vec<(&str, &[&str])> = many
            .iter()
            .zip(&items)
            .map(|(name, items)| (name.as_str(), items.as_slice()))
            .collect();
        let text = MappedText::verbatim("x in (l0)", 0, 0);
        assert!(lists(&definitions).splice(&text).is_err());
    }
}
