//! What a Sigma rule says about itself.

use super::collection::{Keys, texts_of};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::document::{Entry, Node};
use crate::priority::Priority;
use crate::source::Span;

/// How far a rule has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Fit for production.
    Stable,
    /// Mostly stable.
    Test,
    /// May be noisy.
    Experimental,
    /// Another rule has taken its place.
    Deprecated,
    /// Cannot be used as it is.
    Unsupported,
}

impl Status {
    const ALL: [(&'static str, Self); 5] = [
        ("stable", Self::Stable),
        ("test", Self::Test),
        ("experimental", Self::Experimental),
        ("deprecated", Self::Deprecated),
        ("unsupported", Self::Unsupported),
    ];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Test => "test",
            Self::Experimental => "experimental",
            Self::Deprecated => "deprecated",
            Self::Unsupported => "unsupported",
        }
    }
}

/// The data that a rule is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LogSource {
    /// Such as `linux`; empty when not given. So are the others.
    pub product: String,
    /// Such as `process_creation`.
    pub category: String,
    /// Such as `auditd`.
    pub service: String,
    /// What the data must hold, in words.
    pub definition: String,
}

/// Another rule that a rule has to do with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// Its id.
    pub id: String,
    /// In which way: derived, obsolete, merged, renamed or similar.
    pub kind: String,
}

/// What a Sigma rule says about itself beyond what all rules have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Its id, a UUID; empty when not given. So are the others.
    pub id: String,
    /// The name by which correlation rules refer to it.
    pub name: String,
    /// The language of its field names; `sigma` when not given.
    pub taxonomy: String,
    /// How far it has got.
    pub status: Option<Status>,
    /// Who wrote it.
    pub author: String,
    /// When it was written.
    pub date: String,
    /// When it was changed.
    pub modified: String,
    /// Its license, as an SPDX id.
    pub license: String,
    /// Where to read more.
    pub references: Vec<String>,
    /// What else may look the same.
    pub falsepositives: Vec<String>,
    /// Fields that help to judge a match.
    pub fields: Vec<String>,
    /// For whom the rule may be seen.
    pub scope: Vec<String>,
    /// Other rules that it has to do with.
    pub related: Vec<Related>,
    /// The data that it is for; of a correlation rule none.
    pub logsource: LogSource,
}

impl Metadata {
    /// Nothing said.
    pub(super) const NONE: Self = Self {
        id: String::new(),
        name: String::new(),
        taxonomy: String::new(),
        status: None,
        author: String::new(),
        date: String::new(),
        modified: String::new(),
        license: String::new(),
        references: Vec::new(),
        falsepositives: Vec::new(),
        fields: Vec::new(),
        scope: Vec::new(),
        related: Vec::new(),
        logsource: LogSource {
            product: String::new(),
            category: String::new(),
            service: String::new(),
            definition: String::new(),
        },
    };
}

/// What all documents have.
pub(super) struct Head {
    pub(super) title: crate::source::MappedText,
    pub(super) description: String,
    pub(super) tags: Vec<String>,
    pub(super) priority: Priority,
    pub(super) metadata: Metadata,
}

/// Reads what all documents have. `None` without a title, which has then been reported.
pub(super) fn head(keys: &mut Keys<'_, '_>) -> Option<Head> {
    keys.check_unique();
    let Some(title) = keys.text("title").filter(|title| !title.text.is_empty()) else {
        keys.missing("title");
        return None;
    };
    let priority = level(keys);
    forms(keys);
    let metadata = Metadata {
        id: keys.string("id"),
        name: keys.string("name"),
        taxonomy: keys.string("taxonomy"),
        status: status(keys),
        author: keys.strings("author").join(", "),
        date: keys.string("date"),
        modified: keys.string("modified"),
        license: keys.string("license"),
        references: keys.strings("references"),
        falsepositives: keys.strings("falsepositives"),
        fields: keys.strings("fields"),
        scope: keys.strings("scope"),
        related: related(keys),
        logsource: LogSource::default(),
    };
    Some(Head {
        title,
        description: keys.string("description"),
        tags: keys.strings("tags"),
        priority,
        metadata,
    })
}

/// Points out texts that are not of the form that the specification gives them. They mean something to people and
/// other programs alone.
fn forms(keys: &mut Keys<'_, '_>) {
    for key in ["id", "date", "modified", "tags"] {
        let (has_form, form): (fn(&str) -> bool, _) = match key {
            "id" => (is_uuid, "a UUID"),
            "tags" => (is_tag, "a tag such as `attack.t1059`"),
            _ => (is_date, "a date such as 2024-12-31"),
        };
        let texts = keys.get(key).map(|entry| texts_of(&entry.value));
        for text in texts.and_then(Result::ok).unwrap_or_default() {
            if !has_form(&text.text) {
                let message = format!("`{}` is not {form}", text.text);
                let hint = Diagnostic::hint(Code::Shape, text.span, message);
                keys.problems.push(hint);
            }
        }
    }
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    let is_hexadecimal = |c: char| c == '-' || c.is_ascii_hexdigit();
    lengths.eq([8, 4, 4, 4, 12]) && text.chars().all(is_hexadecimal)
}

/// `2024-12-31`, or with slashes, as it was before version 2.
fn is_date(text: &str) -> bool {
    let separator = if text.contains('/') { '/' } else { '-' };
    let parts: Vec<&str> = text.split(separator).collect();
    let numbers = parts.iter().map(|part| part.parse::<u32>().unwrap_or(0));
    let numbers: Vec<u32> = numbers.collect();
    match numbers.as_slice() {
        [year, month, day] => {
            let lengths = parts.iter().map(|part| part.len());
            lengths.eq([4, 2, 2]) && *year > 0 && (1..=12).contains(month) && (1..=31).contains(day)
        }
        _ => false,
    }
}

fn is_tag(text: &str) -> bool {
    let is_plain = |part: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !part.is_empty() && part.chars().all(plain)
    };
    text.split_once('.')
        .is_some_and(|(namespace, tag)| is_plain(namespace) && is_plain(tag))
}

fn level(keys: &mut Keys<'_, '_>) -> Priority {
    let Some(level) = keys.text("level") else {
        return Priority::Informational;
    };
    match level.text.to_ascii_lowercase().as_str() {
        "informational" => Priority::Informational,
        "low" => Priority::Notice,
        "medium" => Priority::Warning,
        "high" => Priority::Error,
        "critical" => Priority::Critical,
        _ => {
            let message = format!("there is no level `{}`; informational is meant", level.text);
            let problem = Diagnostic::warning(Code::UnknownPriority, level.span, message);
            let levels = "levels are informational, low, medium, high and critical";
            keys.report(problem.help(levels));
            Priority::Informational
        }
    }
}

fn status(keys: &mut Keys<'_, '_>) -> Option<Status> {
    let word = keys.text("status")?;
    let mut all = Status::ALL.iter();
    if let Some((_, status)) = all.find(|(name, _)| name.eq_ignore_ascii_case(&word.text)) {
        return Some(*status);
    }
    let message = format!("there is no status `{}`", word.text);
    let problem = Diagnostic::warning(Code::Shape, word.span, message);
    let names = Status::ALL.map(|(name, _)| name);
    keys.report(match nearest(&word.text, names.iter().copied()) {
        Some(known) => problem.help(format!("did you mean `{known}`?")),
        None => problem.help(format!("it is one of {}", names.join(", "))),
    });
    None
}

/// In which ways rules are related.
const RELATIONS: [&str; 6] = [
    "correlation",
    "derived",
    "obsolete",
    "merged",
    "renamed",
    "similar",
];

fn related(keys: &mut Keys<'_, '_>) -> Vec<Related> {
    let Some(entry) = keys.get("related") else {
        return Vec::new();
    };
    let mut related = Vec::new();
    let Node::List(elements, _) = &entry.value else {
        let message = "`related` must be a list";
        keys.warn(Code::Shape, entry.value.span(), message);
        return related;
    };
    for element in elements {
        let field = |wanted: &str| match element {
            Node::Map(entries, _) => text_of(entries, wanted),
            _ => None,
        };
        if let (Some(id), Some(kind)) = (field("id"), field("type")) {
            if !RELATIONS.contains(&kind.as_str()) {
                let message = format!("rules are not related as `{kind}`");
                let hint = Diagnostic::hint(Code::Shape, element.span(), message);
                let relations = format!("types are {}", RELATIONS.join(", "));
                keys.problems.push(hint.help(relations));
            }
            related.push(Related { id, kind });
        } else {
            let message = "a related rule has an `id` and a `type`";
            keys.warn(Code::Shape, element.span(), message);
        }
    }
    related
}

fn text_of(entries: &[Entry], key: &str) -> Option<String> {
    let entry = entries.iter().find(|entry| entry.key.text == key)?;
    match &entry.value {
        Node::Scalar(text) => Some(text.text.clone()),
        _ => None,
    }
}

/// Reads `logsource`; gives its place too.
pub(super) fn logsource(keys: &mut Keys<'_, '_>) -> Option<(LogSource, Span)> {
    let (entries, span) = keys.section("logsource")?;
    let text = |key: &str| text_of(entries, key).unwrap_or_default();
    let logsource = LogSource {
        product: text("product"),
        category: text("category"),
        service: text("service"),
        definition: text("definition"),
    };
    let none_given = [&logsource.product, &logsource.category, &logsource.service];
    if none_given.iter().all(|word| word.is_empty()) {
        let message = "`logsource` has none of `product`, `category` and `service`";
        keys.error(Code::Shape, span, message);
        return None;
    }
    Some((logsource, span))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_dates_and_tags_have_their_forms() {
        assert!(is_uuid("6c4a4e4c-0000-4000-8000-00000000ABCD"));
        assert!(!is_uuid("abc") && !is_uuid("6c4a4e4c-0000-4000-8000-00000000000g"));
        assert!(is_date("2024-12-31") && is_date("2021/01/02"));
        assert!(!is_date("2024-13-01") && !is_date("yesterday") && !is_date("24-1-1"));
        assert!(is_tag("attack.t1059.001") && is_tag("cve.2024-1") && !is_tag("attack"));
    }
}
