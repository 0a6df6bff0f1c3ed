//! Regular expressions of PCRE, which is what `re` takes, for the `regex` crate.
//!
//! Most of the two languages is one. What differs is spelled out: braces that repeat nothing, brackets and
//! operators within classes, escapes that only one of them knows, and classes of ASCII characters, which PCRE
//! means by `\w`, `\d`, `\s` and `\b`. What the crate cannot do (looking around, references to groups) is left
//! as it is, for the crate to name.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::CharIndices;

/// The characters of `\w`, as they stand within a class. So are the others.
const WORD: &str = "0-9A-Za-z_";
const DIGIT: &str = "0-9";
const SPACE: &str = r"\t\n\x0b\x0c\r\x20";
const BLANK: &str = r"\t\x20";

/// Classes by the word in `[:word:]`.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// A pattern of PCRE in the words of the `regex` crate.
pub(super) fn translated(pattern: &str) -> String {
    let mut translator = Translator {
        pattern,
        rest: pattern.char_indices().peekable(),
        out: String::with_capacity(pattern.len() + 16),
    };
    translator.all();
    translator.out
}

struct Translator<'p> {
    pattern: &'p str,
    rest: Peekable<CharIndices<'p>>,
    out: String,
}

/// A member of a class.
enum Member {
    /// One character, which may start or end a range.
    One(char),
    /// Several, as the crate writes them.
    Many(String),
}

impl<'p> Translator<'p> {
    /// What is still to be read.
    fn ahead(&mut self) -> &'p str {
        let at = self.rest.peek().map_or(self.pattern.len(), |(at, _)| *at);
        &self.pattern[at..]
    }

    fn skip(&mut self, bytes: usize) {
        let end = self.pattern.len() - self.ahead().len() + bytes;
        while self.rest.next_if(|(at, _)| *at < end).is_some() {}
    }

    /// Takes so many bytes over as they are.
    fn copy(&mut self, bytes: usize) {
        let ahead = self.ahead();
        self.out.push_str(&ahead[..bytes]);
        self.skip(bytes);
    }

    fn all(&mut self) {
        while let Some((_, character)) = self.rest.next() {
            match character {
                '\\' => self.escape(),
                '[' => self.class(),
                '{' => match repetition(self.ahead()) {
                    Some(length) => {
                        self.out.push('{');
                        self.copy(length);
                    }
                    None => self.out.push_str(r"\{"),
                },
                other => self.out.push(other),
            }
        }
    }

    /// What follows a backslash outside of a class.
    fn escape(&mut self) {
        let Some((_, character)) = self.rest.next() else {
            self.out.push('\\');
            return;
        };
        match character {
            'w' | 'd' | 's' | 'b' | 'B' => {
                let _ = write!(self.out, r"(?-u:\{character})");
            }
            // Their opposites are whole characters, not bytes of them.
            'W' => self.negated(WORD),
            'D' => self.negated(DIGIT),
            'S' => self.negated(SPACE),
            'h' => {
                let _ = write!(self.out, "[{BLANK}]");
            }
            'H' => self.negated(BLANK),
            'N' => self.negated(r"\n"),
            'R' => self.out.push_str(r"(?:\r\n|[\n\x0b\x0c\r])"),
            'e' => self.out.push_str(r"\x1b"),
            'x' => self.hexadecimal(),
            'Q' => self.quoted(),
            // Nothing was quoted.
            'E' => {}
            'p' | 'P' | 'u' | 'U' | 'k' | 'g' | 'o' => self.named(character),
            other if other.is_ascii_alphanumeric() => {
                self.out.push('\\');
                self.out.push(other);
            }
            other => self.literal(other),
        }
    }

    fn negated(&mut self, characters: &str) {
        let _ = write!(self.out, "(?-i:[^{characters}])");
    }

    /// An escape that may have a name in braces, which repeat nothing.
    fn named(&mut self, letter: char) {
        self.out.push('\\');
        self.out.push(letter);
        if let ('{', Some(end)) = (self.next_or_nul(), self.ahead().find('}')) {
            self.copy(end + 1);
        }
    }

    fn next_or_nul(&mut self) -> char {
        self.rest.peek().map_or('\0', |(_, next)| *next)
    }

    /// `\xhh` with up to two digits, or `\x{hhh}`.
    fn hexadecimal(&mut self) {
        let ahead = self.ahead();
        if let Some(inner) = ahead.strip_prefix('{')
            && let Some((digits, _)) = inner.split_once('}')
        {
            self.out.push_str(r"\x");
            self.copy(digits.len() + 2);
            return;
        }
        let digits = ahead.bytes().take(2);
        let length = digits.take_while(u8::is_ascii_hexdigit).count();
        let _ = write!(self.out, r"\x{:0>2}", &ahead[..length]);
        self.skip(length);
    }

    /// What stands between `\Q` and `\E`, letter by letter.
    fn quoted(&mut self) {
        let ahead = self.ahead();
        let (text, length) = match ahead.split_once(r"\E") {
            Some((text, _)) => (text, text.len() + 2),
            None => (ahead, ahead.len()),
        };
        for character in text.chars() {
            self.literal(character);
        }
        self.skip(length);
    }

    /// A character that means itself.
    fn literal(&mut self, character: char) {
        push_literal(&mut self.out, character);
    }

    /// A class, of which the bracket is read.
    fn class(&mut self) {
        let start = self.pattern.len() - self.ahead().len() - 1;
        let mut class = String::from("[");
        if self.rest.next_if(|(_, next)| *next == '^').is_some() {
            class.push('^');
        }
        let mut is_first = true;
        loop {
            let Some((_, character)) = self.rest.next() else {
                // It never ends, and the crate is to say so.
                self.out.push_str(&self.pattern[start..]);
                return;
            };
            if character == ']' && !is_first {
                class.push(']');
                self.out.push_str(&class);
                return;
            }
            is_first = false;
            let from = match self.member(character) {
                Some(Member::One(from)) => from,
                Some(Member::Many(many)) => {
                    class.push_str(&many);
                    continue;
                }
                None => continue,
            };
            push_literal(&mut class, from);
            if !self.starts_range() {
                continue;
            }
            self.rest.next();
            let Some((_, character)) = self.rest.next() else {
                continue;
            };
            match self.member(character) {
                Some(Member::One(to)) => {
                    class.push('-');
                    push_literal(&mut class, to);
                }
                // A range has no class at its end, so the hyphen is one.
                Some(Member::Many(many)) => {
                    class.push_str(r"\-");
                    class.push_str(&many);
                }
                None => class.push_str(r"\-"),
            }
        }
    }

    /// Whether a hyphen comes that is not the last of the class.
    fn starts_range(&mut self) -> bool {
        let rest = self.ahead().strip_prefix('-');
        rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(']'))
    }

    /// A member of a class; none for what says nothing.
    fn member(&mut self, character: char) -> Option<Member> {
        match character {
            '[' => {
                let length = posix(self.ahead());
                if length == 0 {
                    return Some(Member::One('['));
                }
                let class = format!("[{}", &self.ahead()[..length]);
                self.skip(length);
                Some(Member::Many(class))
            }
            '\\' => self.class_escape(),
            other => Some(Member::One(other)),
        }
    }

    fn class_escape(&mut self) -> Option<Member> {
        let many = |class: String| Some(Member::Many(class));
        let Some((_, character)) = self.rest.next() else {
            return Some(Member::One('\\'));
        };
        match character {
            'w' => many(WORD.to_owned()),
            'd' => many(DIGIT.to_owned()),
            's' => many(SPACE.to_owned()),
            'h' => many(BLANK.to_owned()),
            'W' => many(format!("[^{WORD}]")),
            'D' => many(format!("[^{DIGIT}]")),
            'S' => many(format!("[^{SPACE}]")),
            'H' => many(format!("[^{BLANK}]")),
            'b' => Some(Member::One('\x08')),
            'e' => Some(Member::One('\x1b')),
            'a' => Some(Member::One('\x07')),
            'f' => Some(Member::One('\x0c')),
            'n' => Some(Member::One('\n')),
            'r' => Some(Member::One('\r')),
            't' => Some(Member::One('\t')),
            'v' => Some(Member::One('\x0b')),
            'Q' | 'E' => None,
            'x' | 'p' | 'P' | 'u' | 'U' | 'o' | 'k' | 'g' => {
                let outside = std::mem::take(&mut self.out);
                if character == 'x' {
                    self.hexadecimal();
                } else {
                    self.named(character);
                }
                let escape = std::mem::replace(&mut self.out, outside);
                Some(hexadecimal_value(&escape).map_or(Member::Many(escape), Member::One))
            }
            other if other.is_ascii_alphanumeric() => many(format!("\\{other}")),
            other => Some(Member::One(other)),
        }
    }
}

/// The character of `\xhh` or `\x{hhh}`.
fn hexadecimal_value(escape: &str) -> Option<char> {
    let digits = escape.strip_prefix(r"\x")?;
    let digits = digits.trim_start_matches('{').trim_end_matches('}');
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}

/// A character that means itself wherever it stands.
fn push_literal(out: &mut String, character: char) {
    // Blanks and `#` mean nothing under the flag `x`, in classes too.
    if character == '#' || character.is_ascii_whitespace() || character.is_ascii_control() {
        let _ = write!(out, r"\x{:02x}", u32::from(character));
        return;
    }
    if character.is_ascii_punctuation() && !matches!(character, '<' | '>' | '_') {
        out.push('\\');
    }
    out.push(character);
}

/// The length of `n}`, `n,}`, `n,m}` or `,m}`, which make a brace a repetition.
fn repetition(ahead: &str) -> Option<usize> {
    let end = ahead.find('}')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_good = match ahead[..end].split_once(',') {
        None => is_number(&ahead[..end]),
        Some((least, "")) => is_number(least),
        Some((least, most)) => (least.is_empty() || is_number(least)) && is_number(most),
    };
    is_good.then_some(end + 1)
}

/// The length of `:word:]` or `:^word:]`; 0 if something else follows.
fn posix(ahead: &str) -> usize {
    let name = ahead
        .strip_prefix(':')
        .and_then(|rest| rest.split_once(":]"));
    let Some((name, _)) = name else {
        return 0;
    };
    if POSIX.contains(&name.trim_start_matches('^')) {
        name.len() + 3
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::bytes::Regex;

    use super::translated;

    #[track_caller]
    fn finds(pattern: &str, text: &str) -> bool {
        crate::test::part([translated(pattern).as_str()].into_iter())
            .unwrap()
            .is_match(text.as_bytes())
    }

    #[test]
    fn escapes_mean_what_pcre_means() {
        assert!(finds(r"\<tag\>", "<tag>") && !finds(r"\<tag\>", "tag"));
        assert!(finds(r"^\x2fetc\/\x{73}h\_\ä$", "/etc/sh_ä"));
        assert!(finds(r"^\Qa.b[\E.$", "a.b[c") && !finds(r"\Qa.b\E", "axb"));
        assert!(finds(r"^\h\H\N\e\R$", " ab\x1b\r\n"));
        assert!(finds(r"\b{start}", "{start}") || !finds(r"\b{start}", "start"));
        assert!(finds(r"a\{2\}", "a{2}"));
    }

    #[test]
    fn braces_that_repeat_nothing_are_letters() {
        assert!(finds(r"\${jndi:", "${jndi:ldap") && finds("a{b}", "a{b}") && finds("{}", "{}"));
        assert!(finds("^a{2}b{1,}c{0,2}$", "aabb") && finds("x{ 2}", "x{ 2}"));
        assert!(finds(r"^\p{L}{2}$", "äb") && !finds(r"^\p{L}{2}$", "ä"));
    }

    #[test]
    fn classes_have_letters_where_the_crate_has_operators() {
        assert!(finds("[[]x", "[x") && finds(r"\s[<[]", " [") && !finds("[[]x", "x"));
        assert!(finds("^y[&&z]z$", "y&z") && finds("^[a~~b-]+$", "a~-"));
        assert!(finds("^[]a]+$", "]a") && finds("^[^]a]$", "b") && !finds("^[^]]$", "]"));
        assert!(finds(r"^[\w-z]+$", "a-z") && finds(r"^[\w-]+\.com$", "a-b.com"));
        assert!(finds("^[+--]+$", "+,-") && finds(r"^[\x41-\x43\]\\]+$", "AC]\\"));
        assert!(finds("^[[:alpha:][:^print:]]+$", "ab\n") && finds("^[[:x]+$", "[:x"));
        assert!(finds(r"(?x)^ [ #] \# $", "##") && finds(r"^[\b]$", "\x08"));
    }

    #[test]
    fn letters_digits_and_blanks_are_those_of_ascii() {
        assert!(!finds(r"\w", "ä") && !finds(r"\d", "٣") && !finds(r"\s", "\u{a0}"));
        assert!(finds(r"^\W\D\S$", "ää٣") && finds(r"^[\W]$", "ä") && finds(r"ä\bx", "äx"));
        assert!(!finds(r"(?i)^\w$", "\u{212a}") && finds(r"^..$", "äx"));
        assert!(finds(r"\w{32}", &"a".repeat(32)) && finds(r"[\w/]{40,}", &"a/".repeat(20)));
        assert!(finds(r"\W{64}\S{64}", &"-".repeat(128)));
    }

    #[test]
    fn what_is_wrong_stays_wrong() {
        for pattern in ["[a", "a(", r"(?=a)", r"(a)\1", r"a\", "[b-a]", r"\y", "[]"] {
            let built = crate::test::part([translated(pattern).as_str()].into_iter());
            assert!(built.is_err(), "{pattern}: {}", translated(pattern));
        }
    }

    /// Patterns that mean the same to both.
    fn plain() -> impl Strategy<Value = String> {
        let atom = prop_oneof![
            4 => "[abä /=<>-]",
            1 => Just(".".to_owned()),
            1 => Just("[a-c]".to_owned()),
            1 => Just("[^bä-]".to_owned()),
            1 => Just(r"\.".to_owned()),
            1 => Just(r"[\]a\\]".to_owned()),
            1 => Just("^".to_owned()),
            1 => Just("$".to_owned()),
        ];
        atom.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}{b}")),
                1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(?:{a}|{b})")),
                1 => (inner.clone(), "[*+?]|\\{2\\}|\\{1,\\}|\\{0,2\\}")
                    .prop_map(|(a, times)| format!("({a}){times}")),
                1 => inner.prop_map(|a| format!("(?i:{a})")),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_both_know_stays_the_same(
            pattern in plain(),
            texts in proptest::collection::vec(r"[abcABÄä./=<>\]\\ -]{0,6}", 1..20),
        ) {
            let plain = Regex::new(&pattern).unwrap();
            let ours = Regex::new(&translated(&pattern)).unwrap();
            for text in texts {
                let (plain, ours) = (plain.is_match(text.as_bytes()), ours.is_match(text.as_bytes()));
                prop_assert_eq!(plain, ours, "{} {:?}", pattern, text);
            }
        }

        #[test]
        fn no_pattern_does_harm(pattern in r"[\\\[\]{}xQEpbw:^&~,0-9aä()-]{0,16}") {
            let _ = translated(&pattern);
        }
    }
}
