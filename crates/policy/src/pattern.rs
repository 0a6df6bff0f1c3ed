//! Shell patterns, as regular expressions.

/// The regular expression for a whole-text match of a pattern as `fnmatch` without flags has it: `*` and
/// `?` also match `/`, `[…]` is a class, a backslash takes the meaning from the next character.
pub(crate) fn glob(pattern: &str, ignore_case: bool) -> String {
    let flags = if ignore_case { "(?si-u:" } else { "(?s-u:" };
    format!("{flags}{})", translate(pattern, ".*", "."))
}

/// The regular expression for all paths at or below one whose parts may be patterns.
pub(crate) fn below(path: &str) -> String {
    let parts = path.trim_matches('/').split('/');
    let parts: Vec<String> = parts.map(|part| translate(part, "[^/]*", "[^/]")).collect();
    format!("(?s-u:/?{}(?:/.*)?)", parts.join("/"))
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
    }

    #[test]
    fn paths_below_go_by_components() {
        let below = |pattern: &str, text: &str| matches(&super::below(pattern), text);
        assert!(below("/var/*/log", "/var/x/log/y") && below("/var/*/log", "/var/x/log"));
        assert!(!below("/var/*/log", "/var/x/y/log") && !below("/var/*/log", "/var/x/logs"));
        assert!(below("etc?/", "/etc1"));
    }
}
