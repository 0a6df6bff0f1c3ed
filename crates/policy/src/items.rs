//! What the items of a file define: rules, drops, macros and lists.

use crate::Dialect;
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::document::{Entry, Node, RawItem};
use crate::priority::Priority;
use crate::sigma::Metadata;
use crate::source::{MappedText, Span};
use crate::stateful::{self, StatefulItem};

/// An item that has the shape it needs.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Rule(RuleItem),
    /// Switches an earlier rule on or off.
    Toggle {
        name: MappedText,
        enabled: bool,
    },
    Drop(DropItem),
    Macro(MacroItem),
    List(ListItem),
}

#[derive(Clone, Debug)]
pub(crate) struct RuleItem {
    pub(crate) name: MappedText,
    pub(crate) desc: String,
    pub(crate) condition: MappedText,
    pub(crate) output: Option<MappedText>,
    pub(crate) priority: Priority,
    pub(crate) tags: Vec<String>,
    pub(crate) actions: Vec<String>,
    /// Kinds of observation that the rule is for; all when absent.
    pub(crate) prefilter: Option<Vec<MappedText>>,
    pub(crate) enabled: bool,
    /// Adds its condition to the rule of that name.
    pub(crate) append: bool,
    /// What a Sigma rule says about itself.
    pub(crate) sigma: Option<Box<Metadata>>,
    /// What the rule says of several observations.
    pub(crate) stateful: Option<Box<StatefulItem>>,
}

#[derive(Clone, Debug)]
pub(crate) struct DropItem {
    pub(crate) name: MappedText,
    pub(crate) condition: MappedText,
    pub(crate) enabled: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct MacroItem {
    pub(crate) name: MappedText,
    pub(crate) condition: MappedText,
    pub(crate) append: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct ListItem {
    pub(crate) name: MappedText,
    pub(crate) items: Vec<MappedText>,
    pub(crate) append: bool,
}

const PRIORITIES: &str = "priorities are emergency, alert, critical, error, warning, notice, \
    informational, debug, and low, medium, high";

const RULE_KEYS: &[&str] = &[
    "rule",
    "desc",
    "condition",
    "output",
    "priority",
    "tags",
    "actions",
    "prefilter",
    "enabled",
    "source",
    "append",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "exceptions",
    "override",
    "capture",
    "capture_duration",
    "by",
    "sequence",
    "threshold",
    "throttle",
    "within",
];
const DROP_KEYS: &[&str] = &["drop", "filter", "condition", "desc", "enabled"];
const MACRO_KEYS: &[&str] = &["macro", "condition", "append", "override", "desc"];
const LIST_KEYS: &[&str] = &["list", "items", "append", "override"];

/// Finds out what an item defines. `None` if it defines nothing or lacks what it needs, which has then
/// been reported.
pub(crate) fn interpret(
    raw: &RawItem,
    dialect: Dialect,
    problems: &mut Vec<Diagnostic>,
) -> Option<Item> {
    let has = |key: &str| raw.entries.iter().any(|entry| entry.key.text == key);
    if has("required_engine_version") || has("required_plugin_versions") {
        return None;
    }
    // Falco looks for these words in this order.
    let kinds = [
        ("list", LIST_KEYS),
        ("macro", MACRO_KEYS),
        ("rule", RULE_KEYS),
        ("drop", DROP_KEYS),
        ("filter", DROP_KEYS),
    ];
    let Some((kind, keys)) = kinds.into_iter().find(|(kind, _)| has(kind)) else {
        let place = raw.entries.first().map_or(raw.span, |entry| entry.key.span);
        let problem = Diagnostic::error(Code::Shape, place, "this item is of no known kind");
        problems.push(problem.help("an item has one of `rule`, `macro`, `list`, `drop`"));
        return None;
    };
    let mut form = Form {
        raw,
        dialect,
        problems,
        kind,
        faultless: true,
        name: String::new(),
    };
    form.check_keys(keys);
    let name = form.name(kind)?;
    form.name.clone_from(&name.text);
    let item = match kind {
        "list" => form.list(name),
        "macro" => form.macro_item(name),
        "rule" => form.rule(name),
        _ => form.drop_item(name),
    };
    item.filter(|_| form.faultless)
}

/// An item that is being read.
struct Form<'r, 'p> {
    raw: &'r RawItem,
    dialect: Dialect,
    problems: &'p mut Vec<Diagnostic>,
    kind: &'static str,
    name: String,
    faultless: bool,
}

impl Form<'_, '_> {
    fn rule(&mut self, name: MappedText) -> Option<Item> {
        let source = self.text("source");
        if let Some(source) = source.filter(|source| source.text != "syscall") {
            let message = format!("rules for the source `{}` cannot run here", source.text);
            self.warning(Code::OtherSource, source.span, message);
            return None;
        }
        let essential = ["condition", "sequence", "output", "desc", "priority"];
        let enabled = self.boolean("enabled");
        let append = self.boolean("append").unwrap_or(false);
        if let Some(enabled) = enabled
            && !essential.iter().any(|key| self.entry(key).is_some())
        {
            return Some(Item::Toggle { name, enabled });
        }
        let note = format!("in rule `{}`, which is left out", name.text);
        let stateful = stateful::read(self.raw, &note, self.problems).ok()?;
        let condition = match &stateful {
            Some(stateful) if stateful.is_sequence() => stateful.shown(name.span),
            _ => self.required("condition")?,
        };
        let required: &[&str] = match self.dialect {
            Dialect::Falco if !append => &["desc", "output", "priority"],
            _ => &[],
        };
        for key in required {
            if self.entry(key).is_none() {
                self.missing(key);
            }
        }
        Some(Item::Rule(RuleItem {
            desc: self.text("desc").map_or_else(String::new, |desc| desc.text),
            output: self.text("output"),
            priority: self.priority(),
            tags: self.texts("tags"),
            actions: self.texts("actions"),
            prefilter: self.list_of("prefilter"),
            enabled: enabled.unwrap_or(true),
            append,
            name,
            condition,
            sigma: None,
            stateful: stateful.map(Box::new),
        }))
    }

    fn drop_item(&mut self, name: MappedText) -> Option<Item> {
        let condition = self.required("condition")?;
        let enabled = self.boolean("enabled").unwrap_or(true);
        Some(Item::Drop(DropItem {
            name,
            condition,
            enabled,
        }))
    }

    fn macro_item(&mut self, name: MappedText) -> Option<Item> {
        let append = self.append();
        let condition = self.required("condition")?;
        Some(Item::Macro(MacroItem {
            name,
            condition,
            append,
        }))
    }

    fn list(&mut self, name: MappedText) -> Option<Item> {
        let append = self.append();
        if self.entry("items").is_none() {
            self.missing("items");
            return None;
        }
        let items = self.list_of("items").unwrap_or_default();
        Some(Item::List(ListItem {
            name,
            items,
            append,
        }))
    }

    fn append(&mut self) -> bool {
        let append = self.boolean("append").unwrap_or(false);
        if append && self.dialect == Dialect::SysFlow {
            let span = self.entry("append").map_or(self.raw.span, |e| e.key.span);
            let message = format!("`append` does nothing here: this {} replaces", self.kind);
            self.warning(Code::Deprecated, span, message);
            return false;
        }
        append
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        // The first one counts, as it did in the original.
        self.raw.entries.iter().find(|entry| entry.key.text == key)
    }

    fn check_keys(&mut self, known: &[&str]) {
        let entries = &self.raw.entries;
        for (index, entry) in entries.iter().enumerate() {
            let key = entry.key.text.as_str();
            let span = entry.key.span;
            if entries[..index]
                .iter()
                .any(|earlier| earlier.key.text == key)
            {
                let message = format!("`{key}` is given twice; the first one counts");
                self.warning(Code::Redefined, span, message);
            } else if matches!(key, "exceptions" | "override") {
                self.error(
                    Code::Unsupported,
                    span,
                    format!("`{key}` is not supported yet"),
                );
            } else if !known.contains(&key) {
                let message = format!("a {} has no `{key}`", self.kind);
                let problem = Diagnostic::warning(Code::UnknownKey, span, message);
                let suggestion = nearest(key, known.iter().copied());
                self.problems.push(match suggestion {
                    Some(known) => problem.help(format!("did you mean `{known}`?")),
                    None => problem,
                });
            }
        }
    }

    fn name(&mut self, key: &str) -> Option<MappedText> {
        let name = self.text(key).filter(|name| !name.text.is_empty());
        if name.is_none() {
            let span = self
                .entry(key)
                .map_or(self.raw.span, |entry| entry.key.span);
            let message = format!("this {} has no name", self.kind);
            self.error(Code::Shape, span, message);
        }
        name
    }

    /// A text, or `None` with a complaint if something else stands there.
    fn text(&mut self, key: &str) -> Option<MappedText> {
        match self.entry(key).map(|entry| entry.value.clone())? {
            Node::Scalar(text) => Some(text),
            Node::Null(_) => None,
            Node::List(_, span) | Node::Map(_, span) => {
                self.error(
                    Code::Shape,
                    first_line(span),
                    format!("`{key}` takes a text"),
                );
                None
            }
        }
    }

    fn required(&mut self, key: &str) -> Option<MappedText> {
        let text = self.text(key).filter(|text| !text.text.trim().is_empty());
        if text.is_none() {
            self.missing(key);
        }
        text
    }

    fn missing(&mut self, key: &str) {
        let place = self.entry(key).or_else(|| self.entry(self.kind));
        let span = place.map_or(self.raw.span, |entry| entry.key.span);
        let message = format!("this {} has no `{key}`", self.kind);
        self.error(Code::Shape, span, message);
    }

    /// Texts in brackets; a lone text counts as a list of one.
    fn list_of(&mut self, key: &str) -> Option<Vec<MappedText>> {
        let elements = match self.entry(key).map(|entry| entry.value.clone())? {
            Node::List(elements, _) => elements,
            Node::Null(_) => return None,
            Node::Scalar(text) => return Some(vec![text]),
            Node::Map(_, span) => {
                self.error(
                    Code::Shape,
                    first_line(span),
                    format!("`{key}` takes a list"),
                );
                return None;
            }
        };
        let mut texts = Vec::with_capacity(elements.len());
        for element in elements {
            match element {
                Node::Scalar(text) => texts.push(text),
                Node::Null(_) => {}
                Node::List(inner, span) => {
                    // Falco files write `- [a, b]` within lists of values now and then.
                    let inner = inner.into_iter().filter_map(|node| match node {
                        Node::Scalar(text) => Some(text),
                        _ => None,
                    });
                    let message = format!("`{key}` takes texts, not lists of them");
                    self.error(Code::Shape, first_line(span), message);
                    texts.extend(inner);
                }
                Node::Map(_, span) => {
                    let message = format!("`{key}` takes texts");
                    self.error(Code::Shape, first_line(span), message);
                }
            }
        }
        Some(texts)
    }

    fn texts(&mut self, key: &str) -> Vec<String> {
        let texts = self.list_of(key).unwrap_or_default();
        texts.into_iter().map(|text| text.text).collect()
    }

    /// A truth value, in the words of Go's and YAML's libraries; others mean true, as they always did.
    fn boolean(&mut self, key: &str) -> Option<bool> {
        let text = self.text(key)?;
        match text.text.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
            other => {
                let message = format!("`{other}` is neither true nor false and taken for true");
                let problem = Diagnostic::warning(Code::NotBoolean, text.span, message);
                self.problems.push(problem.help("write `true` or `false`"));
                Some(true)
            }
        }
    }

    fn priority(&mut self) -> Priority {
        let Some(text) = self.text("priority") else {
            return Priority::Notice;
        };
        if let Some(priority) = Priority::parse(&text.text) {
            return priority;
        }
        let words = Priority::ALL.into_iter().map(Priority::name);
        let suggestion = nearest(&text.text, words.chain(["low", "medium", "high"]));
        let message = format!("`{}` is not a priority; taken for notice", text.text);
        let problem = Diagnostic::warning(Code::UnknownPriority, text.span, message);
        self.problems.push(match suggestion {
            Some(word) => problem.help(format!("did you mean `{}`?", word.to_lowercase())),
            None => problem.help(PRIORITIES),
        });
        Priority::Notice
    }

    fn error(&mut self, code: Code, span: Span, message: String) {
        self.faultless = false;
        let problem = Diagnostic::error(code, span, message);
        self.problems.push(self.with_name(problem, true));
    }

    fn warning(&mut self, code: Code, span: Span, message: String) {
        let problem = Diagnostic::warning(code, span, message);
        self.problems.push(self.with_name(problem, false));
    }

    fn with_name(&self, problem: Diagnostic, left_out: bool) -> Diagnostic {
        if self.name.is_empty() {
            return problem;
        }
        let consequence = if left_out { ", which is left out" } else { "" };
        problem.note(format!("in {} `{}`{consequence}", self.kind, self.name))
    }
}

/// The first character of a span that may go over many lines.
fn first_line(span: Span) -> Span {
    Span {
        end: span.end.min(span.start + 1),
        ..span
    }
}
