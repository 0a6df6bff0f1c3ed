//! Rule files as items with keys, before anyone knows what they mean.
//!
//! Two readers make the same [`RawItem`]s: [`falco_yaml`] reads YAML, [`loose`] reads the files of the
//! original SysFlow processor, which only look like YAML.

mod falco_yaml;
mod loose;
mod loose_value;

use crate::Dialect;
use crate::diagnostic::Diagnostic;
use crate::source::{MappedText, Span};

/// One element of a file, such as a rule.
#[derive(Clone, Debug)]
pub(crate) struct RawItem {
    pub(crate) entries: Vec<Entry>,
    pub(crate) span: Span,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: MappedText,
    pub(crate) value: Node,
}

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Null(Span),
    Scalar(MappedText),
    List(Vec<Node>, Span),
    Map(Vec<Entry>, Span),
}

impl Node {
    pub(crate) const fn span(&self) -> Span {
        match self {
            Self::Null(span) | Self::List(_, span) | Self::Map(_, span) => *span,
            Self::Scalar(text) => text.span,
        }
    }
}

/// Reads the items of a file.
pub(crate) fn read(
    text: &str,
    file: u32,
    dialect: Dialect,
    problems: &mut Vec<Diagnostic>,
) -> Vec<RawItem> {
    match dialect {
        Dialect::Falco => falco_yaml::read(text, file, problems),
        // Documents of Sigma are no items of ours: see `documents`.
        Dialect::Sigma => Vec::new(),
        Dialect::SysFlow => loose::read(text, file, problems),
    }
}

/// Reads the documents of a YAML file, each of which has been given its own chance where one is faulty.
pub(crate) fn documents(text: &str, file: u32, problems: &mut Vec<Diagnostic>) -> Vec<Node> {
    falco_yaml::documents(text, file, problems)
}

/// Keys that only documents of Sigma have, in the first column.
const SIGMA_KEYS: [&str; 4] = ["detection", "correlation", "logsource", "action"];

/// Keys of rules over several observations.
const STATEFUL_KEYS: [&str; 3] = ["sequence", "threshold", "throttle"];

/// Keys that only the original SysFlow dialect has.
const SYSFLOW_KEYS: [&str; 4] = ["drop", "filter", "prefilter", "actions"];

/// The dialect of a file: Sigma's if a document has a key that only it knows, SysFlow's if an item has a key that only it knows, or if a field of SysFlow's
/// own (`sf.`) is asked for; else Falco's.
pub(crate) fn detect(text: &str) -> Dialect {
    let has_sigma_key = |line: &str| {
        let mut known = SIGMA_KEYS.iter();
        known.any(|key| {
            let rest = line.strip_prefix(key);
            rest.is_some_and(|rest| rest.trim_start().starts_with(':'))
        })
    };
    if text.lines().any(has_sigma_key) {
        return Dialect::Sigma;
    }
    // Rules over several observations have maps within maps, which the loose reader does not know.
    let has_stateful_key = |line: &str| {
        let mut known = STATEFUL_KEYS.iter();
        known.any(|key| {
            let rest = line.trim_start().strip_prefix(key);
            rest.is_some_and(|rest| rest.trim_start().starts_with(':'))
        })
    };
    if text.lines().any(has_stateful_key) {
        return Dialect::Falco;
    }
    let is_sysflow = text.lines().any(|line| {
        let content = line.trim_start();
        if content.starts_with('#') {
            return false;
        }
        let key = content.trim_start_matches('-').trim_start();
        let has_key = SYSFLOW_KEYS.iter().any(|known| {
            key.strip_prefix(known)
                .is_some_and(|rest| rest.trim_start().starts_with(':'))
        });
        has_key || mentions_sysflow_field(content)
    });
    if is_sysflow {
        Dialect::SysFlow
    } else {
        Dialect::Falco
    }
}

fn mentions_sysflow_field(line: &str) -> bool {
    line.match_indices("sf.").any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| matches!(c, ' ' | '\t' | '(' | ':' | '"' | '\'' | '='))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialect_shows_in_keys_and_fields() {
        let sysflow = |text| detect(text) == Dialect::SysFlow;
        assert!(sysflow("- rule: a\n  condition: (sf.type=PE)"));
        assert!(sysflow("- drop : a\n  condition: x = y"));
        assert!(sysflow("- rule: a\n  prefilter: [PE]"));
        assert!(!sysflow(
            "- rule: a\n  condition: proc.name = x.sf.exe\n# sf.type"
        ));
        let sigma = |text| detect(text) == Dialect::Sigma;
        assert!(sysflow("- rule: a\n  filter: x\n  detection: y"));
        assert!(sigma("title: a\ndetection:\n  filter:\n    a: sf.type"));
        assert!(sigma("title: a\ncorrelation :\n  type: temporal"));
        assert!(sigma("action: repeat\ntitle: a"));
        assert!(!sysflow("- rule: filters\n  output: drop"));
    }
}
