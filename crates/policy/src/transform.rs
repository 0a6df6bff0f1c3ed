//! Values made out of values: transformers, evaluated in memory that is kept.

use std::ops::ControlFlow;

use sysflow_field::{Value, View};

use crate::predicate::Question;

/// What is made of each text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Change {
    /// ASCII letters become small.
    ToLower,
    /// ASCII letters become large.
    ToUpper,
    /// What stands behind the last slash.
    BaseName,
    /// The bytes that base64 stands for; nothing if it is none.
    Base64,
}

/// Where values come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Transform {
    /// All values of a field, as texts.
    Field(Question),
    /// This text.
    Text(Box<[u8]>),
    /// The values of all of them; nothing if one has none.
    Tuple(Box<[Transform]>),
    /// Each value changed.
    Each(Change, Box<Transform>),
    /// How many bytes the first value has.
    Bytes(Box<Transform>),
    /// How many values there are.
    Count(Box<Transform>),
    /// The first value of each, one behind the other; nothing if one has none.
    Concat(Box<[Transform]>),
    /// The values of the second with the first between them.
    Join(Box<Transform>, Box<Transform>),
    /// Values read as the arguments of a program.
    Options(Box<Options>),
}

/// How arguments are read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Options {
    pub(crate) words: Transform,
    /// Letters of options, those with a value followed by a colon.
    pub(crate) letters: Box<[u8]>,
    /// The option whose last value is asked for; without it, options and values are listed.
    pub(crate) wanted: Option<u8>,
}

/// A value in the memory.
#[derive(Clone, Copy, Debug)]
enum Slot {
    Text { start: usize, end: usize },
    Number(i64),
}

/// Memory for values that are being made. It is reused, so that nothing is allocated once it has grown.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    bytes: Vec<u8>,
    slots: Vec<Slot>,
}

/// Where the values of a transform lie in the memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    first: usize,
    end: usize,
}

impl Memory {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.slots.clear();
    }

    /// Bytes that are kept.
    #[cfg(test)]
    pub(crate) fn size(&self) -> usize {
        self.bytes.capacity() + self.slots.capacity() * size_of::<Slot>()
    }

    /// The values that were made.
    pub(crate) fn values(&self, made: Made) -> impl Iterator<Item = Value<'_>> {
        self.slots[made.first..made.end]
            .iter()
            .map(|slot| match *slot {
                Slot::Text { start, end } => Value::Text(&self.bytes[start..end]),
                Slot::Number(number) => Value::Int(number),
            })
    }

    /// Makes the values of a transform.
    pub(crate) fn make<V: View>(&mut self, transform: &Transform, view: &V) -> Made {
        let first = self.slots.len();
        if !self.push(transform, view) {
            self.slots.truncate(first);
        }
        Made {
            first,
            end: self.slots.len(),
        }
    }

    fn push_text(&mut self, text: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text);
        let end = self.bytes.len();
        self.slots.push(Slot::Text { start, end });
    }

    /// Appends the values; whether there is anything.
    fn push<V: View>(&mut self, transform: &Transform, view: &V) -> bool {
        let first = self.slots.len();
        match transform {
            Transform::Field(question) => {
                self.push_field(question, view);
                self.slots.len() > first
            }
            Transform::Text(text) => {
                self.push_text(text);
                true
            }
            Transform::Tuple(parts) => parts.iter().all(|part| self.push(part, view)),
            Transform::Each(change, inner) => {
                if !self.push(inner, view) {
                    return false;
                }
                self.change(*change, first);
                self.slots.len() > first
            }
            Transform::Bytes(inner) => {
                if !self.push(inner, view) {
                    return false;
                }
                let length = match self.slots.get(first) {
                    Some(Slot::Text { start, end }) => end - start,
                    _ => 0,
                };
                self.slots.truncate(first);
                self.slots.push(Slot::Number(length as i64));
                true
            }
            Transform::Count(inner) => {
                // A list without values has none, but a tuple with a missing part is no list.
                let is_there = self.push(inner, view) || matches!(**inner, Transform::Field(_));
                let count = self.slots.len() - first;
                self.slots.truncate(first);
                self.slots.push(Slot::Number(count as i64));
                is_there
            }
            Transform::Concat(parts) => {
                for part in parts {
                    let at = self.slots.len();
                    if !self.push(part, view) {
                        return false;
                    }
                    self.slots.truncate(at + 1);
                }
                self.join(first, None);
                true
            }
            Transform::Join(separator, list) => {
                if !self.push(separator, view) {
                    return false;
                }
                self.slots.truncate(first + 1);
                let between = self.slots[first];
                if !self.push(list, view) {
                    return false;
                }
                self.join(first + 1, Some(between));
                self.slots.swap_remove(first);
                true
            }
            Transform::Options(options) => {
                if !self.push(&options.words, view) {
                    return false;
                }
                self.read_options(options, first);
                options.wanted.is_none() || self.slots.len() > first
            }
        }
    }

    fn push_field<V: View>(&mut self, question: &Question, view: &V) {
        let first = self.slots.len();
        view.visit(question.field, &question.arg, |value| {
            value.with_text(|text| match &question.path {
                None => self.push_text(text),
                Some(path) => {
                    let _ = path.visit(text, &mut |found| {
                        self.push_text(found);
                        ControlFlow::Continue(())
                    });
                }
            });
            ControlFlow::Continue(())
        });
        if self.slots.len() == first && question.path.is_some() && question.zero {
            self.push_text(b"");
        }
    }

    /// Changes the values from `first` on.
    fn change(&mut self, change: Change, first: usize) {
        let mut kept = first;
        for index in first..self.slots.len() {
            let Slot::Text { start, end } = self.slots[index] else {
                continue;
            };
            let text = &mut self.bytes[start..end];
            let changed = match change {
                Change::ToLower => {
                    text.make_ascii_lowercase();
                    Some((start, end))
                }
                Change::ToUpper => {
                    text.make_ascii_uppercase();
                    Some((start, end))
                }
                Change::BaseName => {
                    let slash = memchr::memrchr(b'/', text);
                    Some((slash.map_or(start, |slash| start + slash + 1), end))
                }
                Change::Base64 => decode(text).map(|length| (start, start + length)),
            };
            if let Some((start, end)) = changed {
                self.slots[kept] = Slot::Text { start, end };
                kept += 1;
            }
        }
        self.slots.truncate(kept);
    }

    /// Puts the values from `first` on into one.
    fn join(&mut self, first: usize, between: Option<Slot>) {
        let start = self.bytes.len();
        for index in first..self.slots.len() {
            if index > first
                && let Some(Slot::Text { start, end }) = between
            {
                self.bytes.extend_from_within(start..end);
            }
            if let Slot::Text { start, end } = self.slots[index] {
                self.bytes.extend_from_within(start..end);
            }
        }
        self.slots.truncate(first);
        let end = self.bytes.len();
        self.slots.push(Slot::Text { start, end });
    }

    /// Reads the values from `first` on as arguments and puts what was found in their place.
    fn read_options(&mut self, options: &Options, first: usize) {
        let (words, mut last) = (self.slots.len(), None);
        let mut index = first;
        while index < words {
            let Slot::Text { start, end } = self.slots[index] else {
                break;
            };
            index += 1;
            let word = &self.bytes[start..end];
            if word.len() < 2 || word[0] != b'-' || word == b"--" {
                break;
            }
            let mut at = start + 1;
            while at < end {
                let letter = self.bytes[at];
                at += 1;
                let known = memchr::memchr(letter, &options.letters).filter(|_| letter != b':');
                let takes_value =
                    known.is_some_and(|known| options.letters.get(known + 1) == Some(&b':'));
                let mut value = Slot::Text { start: at, end: at };
                if takes_value && at < end {
                    value = Slot::Text { start: at, end };
                    at = end;
                } else if takes_value && index < words {
                    value = self.slots[index];
                    index += 1;
                }
                if known.is_some() && options.wanted == Some(letter) {
                    last = Some(value);
                }
                if options.wanted.is_none() {
                    self.push_text(&[if known.is_some() { letter } else { b'?' }]);
                    self.slots.push(value);
                }
            }
        }
        match options.wanted {
            Some(_) => {
                self.slots.truncate(first);
                self.slots.extend(last);
            }
            None => drop(self.slots.drain(first..words)),
        }
    }
}

/// Decodes base64 in place; gives the length of what it stands for.
fn decode(text: &mut [u8]) -> Option<usize> {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let digits = text.len() - padding;
    if padding > 2 || digits % 4 == 1 || (padding > 0 && !text.len().is_multiple_of(4)) {
        return None;
    }
    let (mut bits, mut count, mut length) = (0_u32, 0, 0);
    for at in 0..digits {
        let digit = match text[at] {
            letter @ b'A'..=b'Z' => letter - b'A',
            letter @ b'a'..=b'z' => letter - b'a' + 26,
            figure @ b'0'..=b'9' => figure - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            text[length] = (bits >> count) as u8;
            length += 1;
            bits &= (1 << count) - 1;
        }
    }
    Some(length)
}

impl Transform {
    /// Calls `see` with each field that is asked for.
    pub(crate) fn each_question<'t>(&'t self, see: &mut impl FnMut(&'t Question)) {
        match self {
            Self::Field(question) => see(question),
            Self::Text(_) => {}
            Self::Tuple(parts) | Self::Concat(parts) => {
                for part in parts {
                    part.each_question(see);
                }
            }
            Self::Each(_, inner) | Self::Bytes(inner) | Self::Count(inner) => {
                inner.each_question(see);
            }
            Self::Join(separator, list) => {
                separator.each_question(see);
                list.each_question(see);
            }
            Self::Options(options) => options.words.each_question(see),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::Toy;

    fn text(text: &str) -> Transform {
        Transform::Text(text.as_bytes().into())
    }

    fn made(transform: &Transform) -> Vec<String> {
        let mut memory = Memory::default();
        let made = memory.make(transform, &Toy::default());
        memory.values(made).map(|value| value.to_string()).collect()
    }

    #[test]
    fn base64_is_decoded_with_and_without_padding() {
        let decoded = |code: &str| made(&Transform::Each(Change::Base64, text(code).into()));
        assert_eq!(decoded("aGVsbG8="), ["hello"]);
        assert_eq!(decoded("aGVsbG8"), ["hello"]);
        assert_eq!(decoded("aGk="), decoded("aGk"));
        assert_eq!(decoded(""), [""]);
        for bad in ["a", "aGk*", "aG=k", "===="] {
            assert!(decoded(bad).is_empty(), "{bad}");
        }
    }

    #[test]
    fn options_are_read_as_programs_do() {
        let read = |words: &[&str], wanted| {
            let words = words.iter().map(|word| text(word)).collect();
            made(&Transform::Options(Box::new(Options {
                words: Transform::Tuple(words),
                letters: (*b"ab:c").into(),
                wanted,
            })))
        };
        let words = ["-ab1", "-b", "2", "-x", "end", "-b3"];
        assert_eq!(read(&words, None), ["a", "", "b", "1", "b", "2", "?", ""]);
        assert_eq!(read(&words, Some(b'b')), ["2"]);
        assert_eq!(read(&words, Some(b'c')), [""; 0]);
        assert_eq!(read(&["--", "-a"], None), [""; 0]);
    }

    #[test]
    fn texts_are_put_together() {
        let tuple = || Transform::Tuple([text("a"), text("/b/c")].into());
        assert_eq!(
            made(&Transform::Join(text("-").into(), tuple().into())),
            ["a-/b/c"]
        );
        assert_eq!(
            made(&Transform::Concat([text("a"), text("b")].into())),
            ["ab"]
        );
        assert_eq!(made(&Transform::Count(tuple().into())), ["2"]);
        assert_eq!(made(&Transform::Bytes(text("four").into())), ["4"]);
        let name = Transform::Each(Change::BaseName, tuple().into());
        assert_eq!(
            made(&Transform::Each(Change::ToUpper, name.into())),
            ["A", "C"]
        );
    }
}
