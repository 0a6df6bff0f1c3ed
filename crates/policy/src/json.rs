//! Paths into JSON documents: the part of the GJSON path language that rules use.
//!
//! A path is a row of names and positions with dots between them. `#` stands for every element of an
//! array, or at the end of a path for the number of them. A backslash takes the meaning from a dot.
//! The document is walked as it is, without building a tree of it.

use std::borrow::Cow;
use std::ops::ControlFlow;

/// Longer paths than this are certainly not meant.
const MAX_STEPS: usize = 64;

/// A path into a JSON document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct JsonPath(Box<[Step]>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// The member of that name; in an array the element at that position.
    Name(Box<[u8]>, Option<usize>),
    /// Every element, or their number.
    Each,
}

impl JsonPath {
    /// Reads a path such as `items.0.name`. `[items][0]`, without its first and last bracket, is the same.
    pub(crate) fn parse(path: &str) -> Result<Self, String> {
        let path = &path.replace("][", ".");
        let mut steps = Vec::new();
        let mut name = String::new();
        let mut characters = path.chars();
        let mut escaped = false;
        loop {
            let character = characters.next();
            match character {
                Some('\\') => match characters.next() {
                    Some(next) => {
                        name.push(next);
                        escaped = true;
                    }
                    None => return Err("the path ends in a backslash".into()),
                },
                Some('.') | None => {
                    if name.is_empty() {
                        return Err(format!("a part of the path `{path}` is empty"));
                    }
                    let step = if name == "#" && !escaped {
                        Step::Each
                    } else {
                        let position = name.parse().ok();
                        Step::Name(name.as_bytes().into(), position)
                    };
                    steps.push(step);
                    name.clear();
                    escaped = false;
                    if character.is_none() {
                        break;
                    }
                }
                Some('*' | '?' | '|' | '@') => {
                    return Err(format!(
                        "the path `{path}` uses a part of the path language that is not supported"
                    ));
                }
                Some(other) => name.push(other),
            }
        }
        if steps.len() > MAX_STEPS {
            return Err(format!("a path may have {MAX_STEPS} parts, not more"));
        }
        Ok(Self(steps.into()))
    }

    /// Calls `visit` with the text of every value that the path leads to. Objects and arrays are given
    /// as they are written. Nothing is found in what is not JSON.
    pub(crate) fn visit(
        &self,
        document: &[u8],
        visit: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        walk(document, blanks(document, 0), &self.0, visit)
    }
}

impl std::fmt::Display for JsonPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            let dot = if index > 0 { "." } else { "" };
            match step {
                Step::Name(name, _) => write!(f, "{dot}{}", bstr::BStr::new(name))?,
                Step::Each => write!(f, "{dot}#")?,
            }
        }
        Ok(())
    }
}

fn walk(
    text: &[u8],
    at: usize,
    steps: &[Step],
    visit: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let Some((step, rest)) = steps.split_first() else {
        return match value_end(text, at) {
            Some(end) => visit(&value_text(&text[at..end])),
            None => ControlFlow::Continue(()),
        };
    };
    match (text.get(at), step) {
        (Some(b'{'), Step::Name(name, _)) => {
            let mut members = Elements::new(text, at);
            while let Some(key) = members.next_key() {
                let Some(value) = members.next_value() else {
                    break;
                };
                if *value_text(key) == **name {
                    return walk(text, value, rest, visit);
                }
            }
        }
        (Some(b'['), Step::Name(_, Some(position))) => {
            let mut elements = Elements::new(text, at);
            let mut index = 0;
            while let Some(value) = elements.next_value() {
                if index == *position {
                    return walk(text, value, rest, visit);
                }
                index += 1;
            }
        }
        (Some(b'['), Step::Each) => {
            let mut elements = Elements::new(text, at);
            let mut count = 0_i64;
            while let Some(value) = elements.next_value() {
                count += 1;
                if !rest.is_empty() {
                    walk(text, value, rest, visit)?;
                }
            }
            if rest.is_empty() {
                return sysflow_field::Value::Int(count).with_text(visit);
            }
        }
        _ => {}
    }
    ControlFlow::Continue(())
}

/// The elements of an array or the members of an object.
struct Elements<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Elements<'t> {
    const fn new(text: &'t [u8], open: usize) -> Self {
        Self { text, at: open + 1 }
    }

    /// The next key, with its quotes, and steps over the colon.
    fn next_key(&mut self) -> Option<&'t [u8]> {
        let start = self.start_of_next()?;
        if self.text.get(start) != Some(&b'"') {
            return None;
        }
        let end = value_end(self.text, start)?;
        let colon = blanks(self.text, end);
        if self.text.get(colon) != Some(&b':') {
            return None;
        }
        self.at = colon + 1;
        Some(&self.text[start..end])
    }

    /// Where the next value starts, and steps over it.
    fn next_value(&mut self) -> Option<usize> {
        let start = self.start_of_next()?;
        self.at = value_end(self.text, start)?;
        Some(start)
    }

    fn start_of_next(&self) -> Option<usize> {
        let mut at = blanks(self.text, self.at);
        if self.text.get(at) == Some(&b',') {
            at = blanks(self.text, at + 1);
        }
        match self.text.get(at) {
            None | Some(b']' | b'}') => None,
            Some(_) => Some(at),
        }
    }
}

fn blanks(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

/// One past the end of the value that starts at `at`, or `None` if it has no end.
fn value_end(text: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match text.get(at)? {
            b'"' => at = string_end(text, at)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if depth > 0 => at += 1,
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => return None,
            _ => {
                let length = text[at..].iter().position(|byte| {
                    matches!(
                        byte,
                        b',' | b':' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n' | b'"'
                    )
                });
                at = length.map_or(text.len(), |length| at + length);
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

fn string_end(text: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The text of a value: a string without quotes and escapes, `null` as nothing, all else as written.
fn value_text(value: &[u8]) -> Cow<'_, [u8]> {
    match value.first() {
        Some(b'"') => {
            let inner = &value[1..value.len() - 1];
            if memchr::memchr(b'\\', inner).is_none() {
                return Cow::Borrowed(inner);
            }
            // Escapes are rare enough to spend an allocation on them.
            match serde_json::from_slice::<String>(value) {
                Ok(text) => Cow::Owned(text.into_bytes()),
                Err(_) => Cow::Borrowed(inner),
            }
        }
        Some(b'n') if value == b"null" => Cow::Borrowed(b""),
        _ => Cow::Borrowed(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, document: &str) -> Vec<String> {
        let mut all = Vec::new();
        let path = JsonPath::parse(path).unwrap();
        let _ = path.visit(document.as_bytes(), &mut |text| {
            all.push(String::from_utf8_lossy(text).into_owned());
            ControlFlow::Continue(())
        });
        all
    }

    #[test]
    fn paths_lead_to_values() {
        let document = r#" {"a": {"b.c": [1, "x\"y", null, {"d": true}]}, "e": [{"f": 1}, {"f": -2.5}, 3],
            "g": [], "0": "zero"} "#;
        assert_eq!(found("a.b\\.c.0", document), ["1"]);
        assert_eq!(found("a.b\\.c.1", document), ["x\"y"]);
        assert_eq!(found("a.b\\.c.2", document), [""]);
        assert_eq!(found("a.b\\.c.3", document), [r#"{"d": true}"#]);
        assert_eq!(found("a.b\\.c.3.d", document), ["true"]);
        assert_eq!(found("e.#.f", document), ["1", "-2.5"]);
        assert_eq!(found("e.#", document), ["3"]);
        assert_eq!(found("g.#", document), ["0"]);
        assert_eq!(found("0", document), ["zero"]);
        assert_eq!(found("0", "[\"first\"]"), ["first"]);
        for missing in ["x", "a.x", "e.9", "e.f", "a.b\\.c.0.z"] {
            assert!(found(missing, document).is_empty(), "{missing}");
        }
    }

    #[test]
    fn what_is_not_json_holds_nothing_and_harms_nobody() {
        for broken in [
            "",
            "{",
            "[1,",
            "{\"a\"",
            "{\"a\":",
            "\"",
            "]",
            "{\"a\":\"\\",
            "a",
        ] {
            assert!(found("a", broken).is_empty(), "{broken}");
            assert!(found("a.#.b", broken).is_empty(), "{broken}");
        }
    }

    #[test]
    fn only_the_known_part_of_the_language_is_taken() {
        for bad in ["", ".", "a..b", "a.*", "a|b", "a\\"] {
            assert!(JsonPath::parse(bad).is_err(), "{bad}");
        }
    }
}
