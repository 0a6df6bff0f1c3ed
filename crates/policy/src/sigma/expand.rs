//! Placeholders: `%name%` in values, which the mapping has values for.

use super::modifier::MAX_VARIANTS;
use super::wildcard::Pattern;

/// The value of a placeholder within a regular expression.
pub(super) fn regex_piece(value: &str) -> String {
    Pattern::parse(value).regex(false)
}

/// A text that placeholders are replaced in.
pub(super) trait Expands: Clone + Default {
    fn plain(text: &str) -> Self;
    fn append(&mut self, other: &Self);
}

impl Expands for Pattern {
    fn plain(text: &str) -> Self {
        Self::parse(text)
    }

    fn append(&mut self, other: &Self) {
        self.extend(other);
    }
}

impl Expands for String {
    fn plain(text: &str) -> Self {
        text.to_owned()
    }

    fn append(&mut self, other: &Self) {
        self.push_str(other);
    }
}

/// A text with its placeholders replaced, by each of their values as `read` takes them. `\%` is a plain percent
/// sign.
pub(super) fn expanded<'v, T: Expands>(
    text: &str,
    placeholders: &impl Fn(&str) -> Option<&'v [String]>,
    read: &impl Fn(&str) -> T,
) -> Result<Vec<T>, String> {
    let mut patterns = vec![T::default()];
    let (mut rest, mut plain) = (text, String::new());
    while let Some(at) = rest.find('%') {
        if rest[..at].ends_with('\\') {
            plain.push_str(&rest[..at - 1]);
            plain.push('%');
            rest = &rest[at + 1..];
            continue;
        }
        let name = rest[at + 1..].split_once('%').map(|(name, _)| name);
        let Some(name) =
            name.filter(|name| !name.is_empty() && !name.contains(char::is_whitespace))
        else {
            plain.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
            continue;
        };
        let values = placeholders(name);
        let values = values.ok_or_else(|| format!("there is no placeholder `%{name}%`"))?;
        plain.push_str(&rest[..at]);
        let before = T::plain(&std::mem::take(&mut plain));
        if patterns.len() * values.len() > MAX_VARIANTS {
            return Err(format!("this becomes more than {MAX_VARIANTS} values"));
        }
        patterns = patterns
            .iter()
            .flat_map(|pattern| {
                values.iter().map(|value| {
                    let mut pattern = pattern.clone();
                    pattern.append(&before);
                    pattern.append(&read(value));
                    pattern
                })
            })
            .collect();
        rest = &rest[at + 1 + name.len() + 1..];
    }
    plain.push_str(rest);
    let end = T::plain(&plain);
    for pattern in &mut patterns {
        pattern.append(&end);
    }
    Ok(patterns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admins(name: &str) -> Option<&'static [String]> {
        static VALUES: std::sync::OnceLock<[String; 2]> = std::sync::OnceLock::new();
        let values = VALUES.get_or_init(|| ["root".to_owned(), "adm*".to_owned()]);
        (name == "admins").then_some(&values[..])
    }

    #[test]
    fn each_value_takes_the_place_of_a_name() {
        let texts = |text: &str| expanded(text, &admins, &Pattern::parse).unwrap();
        let patterns = |texts: &[&str]| -> Vec<Pattern> {
            texts.iter().map(|text| Pattern::parse(text)).collect()
        };
        assert_eq!(texts("x-%admins%/*"), patterns(&["x-root/*", "x-adm*/*"]));
        let escaped = patterns(&["%plainroot", "%plainadm*"]);
        assert_eq!(texts(r"\%plain%admins%"), escaped);
        assert_eq!(texts("100%"), patterns(&["100%"]));
        let unknown = expanded("%nobody%", &admins, &Pattern::parse);
        assert!(unknown.unwrap_err().contains("nobody"));
    }

    #[test]
    fn regular_expressions_take_values_as_they_are_meant() {
        let regexes = expanded("^x.%admins%$", &admins, &regex_piece).unwrap();
        assert_eq!(regexes[0], "^x.(?-u:root)$");
        let regex = regex::bytes::Regex::new(&regexes[1]).unwrap();
        assert!(regex.is_match(b"xyadmin") && !regex.is_match(b"xyroot"));
    }
}
