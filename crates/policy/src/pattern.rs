//! Shell patterns, as regular expressions.

/// The regular expression for a whole-text match of a pattern as `fnmatch` without flags has it: `*` and
/// `?` also match `/`, `[…]` is a class, a backslash takes the meaning from the next character.
pub(crate) fn glob(pattern: &str, ignore_case: bool) -> String {
    let flags = if ignore_case { "(?si-u:" } else { "(?s-u:" };
    format!("{flags}{})", translate(pattern, ".*", "."))
}

/// Whether a text matches a pattern, as [`glob`] has it, for patterns that are only known then: without
/// memory, and without more time than both lengths multiplied.
pub(crate) fn glob_matches(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
    let (mut at, mut star) = ((0, 0), None);
    while at.1 < text.len() {
        let (next, byte) = (at.0, text[at.1]);
        if pattern.get(next) == Some(&b'*') {
            star = Some(at);
            at.0 += 1;
        } else if let Some(length) = one_matches(&pattern[next..], byte, ignore_case) {
            at = (next + length, at.1 + 1);
        } else if let Some((of_star, from)) = star {
            star = Some((of_star, from + 1));
            at = (of_star + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[at.0..].iter().all(|rest| *rest == b'*')
}

/// If the first element of a pattern matches a byte: how long it is.
fn one_matches(pattern: &[u8], byte: u8, ignore_case: bool) -> Option<usize> {
    let fold = |byte: u8| {
        if ignore_case {
            byte.to_ascii_lowercase()
        } else {
            byte
        }
    };
    match *pattern.first()? {
        b'?' => Some(1),
        b'\\' if pattern.len() > 1 => (fold(pattern[1]) == fold(byte)).then_some(2),
        b'[' => {
            let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
            let start = 1 + usize::from(negated);
            let first = start + usize::from(pattern.get(start) == Some(&b']'));
            let Some(length) = memchr::memchr(b']', pattern.get(first..)?) else {
                return (byte == b'[').then_some(1);
            };
            let members = &pattern[start..first + length];
            let mut found = false;
            let mut at = 0;
            while at < members.len() {
                if at + 2 < members.len() && members[at + 1] == b'-' {
                    let range = fold(members[at])..=fold(members[at + 2]);
                    found |= range.contains(&fold(byte));
                    at += 3;
                } else {
                    found |= fold(members[at]) == fold(byte);
                    at += 1;
                }
            }
            (found != negated).then_some(first + length + 1)
        }
        other => (fold(other) == fold(byte)).then_some(1),
    }
}

/// The regular expression for all paths at or below one whose parts may be patterns.
pub(crate) fn below(path: &str) -> String {
    let parts = path.trim_matches('/').split('/');
    let parts: Vec<String> = parts.map(|part| translate(part, "[^/]*", "[^/]")).collect();
    format!("(?s-u:/?{}(?:/.*)?)", parts.join("/"))
}

/// How a regular expression that is a plain text, or the start of one, can be said without it.
pub(crate) fn simpler(regex: &str) -> Option<String> {
    let inner = regex.strip_prefix('^').unwrap_or(regex);
    let inner = inner.strip_suffix('$').unwrap_or(inner);
    let is_plain = |text: &str| !text.contains(is_special);
    if is_plain(inner) {
        return Some(format!("= {inner}"));
    }
    let start = inner.strip_suffix(".*")?;
    (!start.is_empty() && is_plain(start)).then(|| format!("startswith {start}"))
}

/// Whether a regular expression uses what Falco's, of POSIX, do not have.
pub(crate) fn is_beyond_posix(regex: &str) -> bool {
    let mut escaped = false;
    let escapes_class = regex.chars().any(|character| {
        let is_class = escaped && character.is_ascii_alphabetic() && !"afnrtvx".contains(character);
        escaped = character == '\\' && !escaped;
        is_class
    });
    escapes_class
        || ["(?", "*?", "+?", "??", "}?"]
            .iter()
            .any(|sign| regex.contains(sign))
}

const fn is_special(character: char) -> bool {
    matches!(
        character,
        '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$'
    )
}

/// Whether a text has anything special to `fnmatch` in it.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

fn translate(pattern: &str, any: &str, one: &str) -> String {
    let mut regex = String::new();
    let mut rest = pattern;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        match character {
            '*' => regex.push_str(any),
            '?' => regex.push_str(one),
            '\\' => {
                let escaped = rest.chars().next().unwrap_or('\\');
                push_literal(&mut regex, escaped);
                rest = rest.get(escaped.len_utf8()..).unwrap_or_default();
            }
            '[' => match class(rest) {
                Some((class, length)) => {
                    regex.push_str(&class);
                    rest = &rest[length..];
                }
                None => push_literal(&mut regex, '['),
            },
            other => push_literal(&mut regex, other),
        }
    }
    regex
}

/// The class that stands behind a `[`, and its length with the `]`. Classes with characters beyond ASCII
/// would have to match parts of them and are taken as text.
fn class(rest: &str) -> Option<(String, usize)> {
    let negated = rest.starts_with(['!', '^']);
    let start = usize::from(negated);
    let first = usize::from(rest[start..].starts_with(']'));
    let end = start + first + rest[start + first..].find(']')?;
    let members = &rest[start..end];
    if members.is_empty() || !members.is_ascii() {
        return None;
    }
    let mut class = String::from(if negated { "[^" } else { "[" });
    for (index, member) in members.char_indices() {
        let inner_dash = member == '-' && index > 0 && index + 1 < members.len();
        if !member.is_ascii_alphanumeric() && !inner_dash {
            class.push('\\');
        }
        class.push(member);
    }
    class.push(']');
    // A range that runs backwards is no class.
    regex::bytes::Regex::new(&class).ok()?;
    Some((class, end + 1))
}

fn push_literal(regex: &mut String, character: char) {
    let mut buffer = [0; 4];
    regex.push_str(&regex::escape(character.encode_utf8(&mut buffer)));
}

#[cfg(test)]
mod tests {
    fn matches(regex: &str, text: &str) -> bool {
        let anchored = format!("\\A(?:{regex})\\z");
        let regex = regex::bytes::Regex::new(&anchored).unwrap();
        regex.is_match(text.as_bytes())
    }

    #[test]
    fn globs_match_as_fnmatch_does() {
        let glob = |pattern: &str, text: &str| matches(&super::glob(pattern, false), text);
        assert!(glob("/etc/*", "/etc/a/b") && !glob("/etc/*", "/etc"));
        assert!(glob("a?c", "a/c") && !glob("a?c", "ac"));
        assert!(glob("[a-c]x", "bx") && !glob("[!a-c]x", "bx") && glob("[]]", "]"));
        assert!(glob("[ab", "[ab") && glob("\\*", "*") && !glob("\\*", "x"));
        assert!(glob("a.b", "a.b") && !glob("a.b", "axb"));
        assert!(glob("é*", "éa\n") && glob("[z-a]", "[z-a]"));
        assert!(matches(&super::glob("AbC", true), "aBc"));
        for (pattern, text) in [
            ("/etc/*", "/etc/a/b"),
            ("/etc/*", "/etc"),
            ("a?c", "a/c"),
            ("[a-c]x", "bx"),
            ("[!a-c]x", "bx"),
            ("[]]", "]"),
            ("[ab", "[ab"),
            ("\\*", "*"),
            ("\\*", "x"),
            ("*a*b*c", "xaybzc"),
            ("*a*b*c", "xaybz"),
            ("", ""),
            ("**", ""),
        ] {
            let directly = super::glob_matches(pattern.as_bytes(), text.as_bytes(), false);
            assert_eq!(directly, glob(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn paths_below_go_by_components() {
        let below = |pattern: &str, text: &str| matches(&super::below(pattern), text);
        assert!(below("/var/*/log", "/var/x/log/y") && below("/var/*/log", "/var/x/log"));
        assert!(!below("/var/*/log", "/var/x/y/log") && !below("/var/*/log", "/var/x/logs"));
        assert!(below("etc?/", "/etc1"));
    }
}
