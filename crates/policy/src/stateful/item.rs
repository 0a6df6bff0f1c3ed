//! The keys of rules over several observations in rule files.

use sysflow_field::Type;

use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Entry, Node, RawItem};
use crate::literal;
use crate::source::{MappedText, Span};

/// What a rule says of several observations.
#[derive(Clone, Debug, Default)]
pub(crate) struct StatefulItem {
    /// The steps of a sequence; none for other rules.
    pub(super) sequence: Vec<StepItem>,
    pub(super) by: Vec<MappedText>,
    pub(super) within: Option<i64>,
    pub(super) threshold: Option<ThresholdItem>,
    pub(super) throttle: Option<ThrottleItem>,
}

impl StatefulItem {
    /// Whether steps take the place of a condition.
    pub(crate) fn is_sequence(&self) -> bool {
        !self.sequence.is_empty()
    }

    /// The conditions of the steps.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &MappedText> {
        self.sequence.iter().map(|step| &step.condition)
    }

    /// The conditions of all steps, as one text to be shown.
    pub(crate) fn shown(&self, span: Span) -> MappedText {
        let conditions = self.sequence.iter().map(|step| step.condition.text.trim());
        let text = conditions.collect::<Vec<_>>().join("\nthen ");
        MappedText::verbatim(&text, span.file, span.start as usize)
    }
}

#[derive(Clone, Debug)]
pub(super) struct StepItem {
    pub(super) condition: MappedText,
    pub(super) within: Option<i64>,
    /// What this step calls the fields in `by` of the rule.
    pub(super) by: Option<Vec<MappedText>>,
}

#[derive(Clone, Debug)]
pub(super) struct ThresholdItem {
    pub(super) count: u64,
    pub(super) distinct: Option<MappedText>,
    pub(super) within: i64,
}

#[derive(Clone, Debug)]
pub(super) struct ThrottleItem {
    pub(super) per: Vec<MappedText>,
    pub(super) every: i64,
}

/// The longest sequence.
const MAX_STEPS: usize = 16;

/// Reads those keys of a rule. `Ok(None)` if it has none of them, `Err` after errors, which have been reported.
pub(crate) fn read(
    raw: &RawItem,
    note: &str,
    problems: &mut Vec<Diagnostic>,
) -> Result<Option<StatefulItem>, ()> {
    let mut reader = Reader {
        note,
        problems,
        faulty: false,
    };
    let get = |key: &str| raw.entries.iter().find(|entry| entry.key.text == key);
    let (sequence, threshold, throttle) = (get("sequence"), get("threshold"), get("throttle"));
    if sequence.is_none() && threshold.is_none() && throttle.is_none() {
        for key in ["by", "within"] {
            if let Some(entry) = get(key) {
                let message =
                    format!("`{key}` belongs to a `sequence`, which this rule does not have");
                reader.error(Code::Shape, entry.key.span, message);
            }
        }
        return if reader.faulty { Err(()) } else { Ok(None) };
    }
    let mut item = StatefulItem::default();
    if let (Some(_), Some(entry)) = (sequence, threshold) {
        let message = "a rule has a `sequence` or a `threshold`, not both";
        reader.error(Code::Shape, entry.key.span, message);
    }
    if let Some(entry) = get("by") {
        item.by = reader.fields(&entry.value);
    }
    if let Some(entry) = get("within") {
        item.within = reader.duration(&entry.value);
    }
    if let Some(entry) = sequence {
        item.sequence = reader.sequence(entry);
    }
    if let Some(entry) = threshold {
        if let Some(by) = get("within").or(get("by")) {
            let message = format!("write `{}` into the `threshold`", by.key.text);
            reader.error(Code::Shape, by.key.span, message);
        }
        let (threshold, by) = reader.threshold(entry).unzip();
        item.threshold = threshold;
        item.by = by.unwrap_or_default();
    }
    if let Some(entry) = throttle {
        item.throttle = reader.throttle(entry);
    }
    if reader.faulty {
        Err(())
    } else {
        Ok(Some(item))
    }
}

struct Reader<'p> {
    note: &'p str,
    problems: &'p mut Vec<Diagnostic>,
    faulty: bool,
}

impl Reader<'_> {
    fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.faulty = true;
        let problem = Diagnostic::error(code, span, message);
        self.problems.push(problem.note(self.note));
    }

    /// Keys of a map, all of which must be among those that are known.
    fn map<'e>(&mut self, node: &'e Node, what: &str, known: &[&str]) -> Option<&'e [Entry]> {
        let Node::Map(entries, _) = node else {
            let message = format!("{what} has the keys {}", known.join(", "));
            self.error(Code::Shape, node.span(), message);
            return None;
        };
        for entry in entries {
            if !known.contains(&entry.key.text.as_str()) {
                let message = format!("{what} has no key `{}`", entry.key.text);
                self.error(Code::UnknownKey, entry.key.span, message);
            }
        }
        Some(entries)
    }

    fn fields(&mut self, node: &Node) -> Vec<MappedText> {
        match node {
            Node::Scalar(field) => vec![field.clone()],
            Node::List(elements, _) => elements
                .iter()
                .flat_map(|e| match e {
                    Node::Scalar(field) => vec![field.clone()],
                    other => {
                        self.error(Code::Shape, other.span(), "this is not the name of a field");
                        Vec::new()
                    }
                })
                .collect(),
            other => {
                self.error(Code::Shape, other.span(), "write a list of fields");
                Vec::new()
            }
        }
    }

    /// A duration such as `30s`, in ns.
    fn duration(&mut self, node: &Node) -> Option<i64> {
        let text = match node {
            Node::Scalar(text) => text.text.as_str(),
            _ => "",
        };
        let has_unit = text.ends_with(|last: char| last.is_ascii_alphabetic());
        let parsed = literal::integer(text, Type::Duration).ok();
        let parsed = parsed.filter(|ns| *ns > 0 && has_unit);
        if parsed.is_none() {
            let message = "this is not a duration such as `30s`, `5m` or `1h`";
            self.error(Code::BadLiteral, node.span(), message);
        }
        parsed
    }

    fn sequence(&mut self, entry: &Entry) -> Vec<StepItem> {
        let Node::List(elements, _) = &entry.value else {
            self.error(
                Code::Shape,
                entry.value.span(),
                "a `sequence` is a list of steps",
            );
            return Vec::new();
        };
        if !(2..=MAX_STEPS).contains(&elements.len()) {
            let message = format!("a `sequence` has from 2 to {MAX_STEPS} steps");
            self.error(Code::Shape, entry.key.span, message);
        }
        let mut steps = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            let known = ["name", "condition", "within", "by"];
            let Some(entries) = self.map(element, "a step", &known) else {
                continue;
            };
            let get = |key: &str| entries.iter().find(|entry| entry.key.text == key);
            let within = get("within").and_then(|entry| self.duration(&entry.value));
            if let (0, Some(within)) = (index, get("within")) {
                let message = "the first step has none before it to be `within`";
                self.error(Code::Shape, within.key.span, message);
            }
            let by = get("by").map(|entry| self.fields(&entry.value));
            match get("condition").map(|entry| &entry.value) {
                Some(Node::Scalar(condition)) => steps.push(StepItem {
                    condition: condition.clone(),
                    within,
                    by,
                }),
                _ => self.error(Code::Shape, element.span(), "a step has a `condition`"),
            }
        }
        steps
    }

    fn threshold(&mut self, entry: &Entry) -> Option<(ThresholdItem, Vec<MappedText>)> {
        let known = ["count", "distinct", "within", "by"];
        let entries = self.map(&entry.value, "a `threshold`", &known)?;
        let get = |key: &str| entries.iter().find(|entry| entry.key.text == key);
        let count = match get("count").map(|entry| &entry.value) {
            Some(Node::Scalar(text)) => text.text.parse().ok().filter(|count| *count > 0),
            _ => None,
        };
        if count.is_none() {
            let span = get("count").map_or(entry.key.span, |entry| entry.value.span());
            self.error(
                Code::Shape,
                span,
                "a `threshold` has a `count` of 1 or more",
            );
        }
        let within = if let Some(entry) = get("within") {
            self.duration(&entry.value)
        } else {
            let message = "a `threshold` has a duration in `within`";
            self.error(Code::Shape, entry.key.span, message);
            None
        };
        let distinct = match get("distinct").map(|entry| &entry.value) {
            Some(Node::Scalar(field)) => Some(field.clone()),
            Some(other) => {
                self.error(Code::Shape, other.span(), "`distinct` takes a field");
                None
            }
            None => None,
        };
        let by = get("by").map_or_else(Vec::new, |entry| self.fields(&entry.value));
        let threshold = ThresholdItem {
            count: count?,
            distinct,
            within: within?,
        };
        Some((threshold, by))
    }

    fn throttle(&mut self, entry: &Entry) -> Option<ThrottleItem> {
        let entries = self.map(&entry.value, "a `throttle`", &["per", "every"])?;
        let get = |key: &str| entries.iter().find(|entry| entry.key.text == key);
        let per = get("per").map_or_else(Vec::new, |entry| self.fields(&entry.value));
        let Some(every) = get("every") else {
            self.error(
                Code::Shape,
                entry.key.span,
                "a `throttle` has a duration in `every`",
            );
            return None;
        };
        let every = self.duration(&every.value)?;
        Some(ThrottleItem { per, every })
    }
}
