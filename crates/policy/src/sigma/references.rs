//! Rules by the ids and names that filters and correlations call them by.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::metadata::Metadata;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::MappedText;

/// Rules by their names and ids, the first of each.
pub(super) struct References {
    names: HashMap<String, usize, RandomState>,
    /// In lower case: the letters of UUIDs have none.
    ids: HashMap<String, usize, RandomState>,
}

impl References {
    pub(super) fn new<'n>(all: impl Iterator<Item = Option<&'n Metadata>>) -> Self {
        let mut references = Self {
            names: HashMap::default(),
            ids: HashMap::default(),
        };
        for (at, metadata) in all.enumerate() {
            let Some(metadata) = metadata else {
                continue;
            };
            if !metadata.name.is_empty() {
                references.names.entry(metadata.name.clone()).or_insert(at);
            }
            if !metadata.id.is_empty() {
                let id = metadata.id.to_ascii_lowercase();
                references.ids.entry(id).or_insert(at);
            }
        }
        references
    }

    /// The place of the rule that is called so.
    pub(super) fn find(&self, reference: &str) -> Option<usize> {
        let by_name = self.names.get(reference);
        let found = by_name.or_else(|| self.ids.get(reference.to_ascii_lowercase().as_str()));
        found.copied()
    }
}

/// Points out ids and names that two rules have.
pub(super) fn check_unique<'n>(
    all: impl Iterator<Item = (&'n Metadata, &'n MappedText)> + Clone,
    problems: &mut Vec<Diagnostic>,
) {
    let references = References::new(all.clone().map(|(metadata, _)| Some(metadata)));
    let titles: Vec<&MappedText> = all.clone().map(|(_, title)| title).collect();
    for (at, (metadata, title)) in all.enumerate() {
        let id = metadata.id.to_ascii_lowercase();
        let of_id = references.ids.get(&id).copied();
        let of_name = references.names.get(metadata.name.as_str()).copied();
        for (what, word, first) in [
            ("id", &metadata.id, of_id),
            ("name", &metadata.name, of_name),
        ] {
            let Some(first) = first.filter(|first| *first != at) else {
                continue;
            };
            let other = titles[first];
            let message = format!(
                "the {what} `{word}` is also that of the rule `{}`",
                other.text
            );
            let problem = Diagnostic::warning(Code::Redefined, title.span, message);
            problems.push(problem.also(other.span, "which references mean"));
        }
    }
}
