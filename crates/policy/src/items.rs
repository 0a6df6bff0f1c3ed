//! What the items of a file define: rules, drops, macros and lists.

use crate::Dialect;
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::document::{Entry, Node, RawItem};
use crate::exceptions::{Exception, RawException};
use crate::falco::FalcoCode;
use crate::priority::Priority;
use crate::sigma::Metadata;
use crate::source::{MappedText, Span};
use crate::stateful::{self, StatefulItem};

/// An item that has the shape it needs.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Rule(Box<RuleItem>),
    /// Changes parts of an earlier rule.
    Change(Box<RuleChange>),
    /// Switches an earlier rule on or off.
    Toggle {
        name: MappedText,
        enabled: bool,
    },
    Drop(DropItem),
    Macro(MacroItem),
    List(ListItem),
    /// The version of the engine that the file needs.
    Engine(MappedText),
    /// Plugins that the file needs: of each line one will do.
    Plugins(Vec<Vec<Plugin>>),
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
    /// Where observations come from, if that is said.
    pub(crate) source: Option<MappedText>,
    /// As they are written.
    pub(crate) raw_exceptions: Vec<RawException>,
    /// As they are understood.
    pub(crate) exceptions: Vec<Exception>,
    pub(crate) warns_of_types: bool,
    pub(crate) skips_unknown: bool,
    pub(crate) capture: bool,
    /// Milliseconds; 0 for as long as it is configured.
    pub(crate) capture_duration: u32,
    /// What a Sigma rule says about itself.
    pub(crate) sigma: Option<Box<Metadata>>,
    /// What the rule says of several observations.
    pub(crate) stateful: Option<Box<StatefulItem>>,
}

/// Parts of a rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleParts {
    pub(crate) condition: Option<MappedText>,
    pub(crate) output: Option<MappedText>,
    pub(crate) desc: Option<String>,
    pub(crate) priority: Option<Priority>,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) exceptions: Option<Vec<RawException>>,
    pub(crate) enabled: Option<bool>,
    pub(crate) warns_of_types: Option<bool>,
    pub(crate) skips_unknown: Option<bool>,
    pub(crate) capture: Option<bool>,
    pub(crate) capture_duration: Option<u32>,
}

/// Changes to an earlier rule: first what is added, then what is replaced.
#[derive(Clone, Debug)]
pub(crate) struct RuleChange {
    pub(crate) name: MappedText,
    pub(crate) added: RuleParts,
    pub(crate) replaced: RuleParts,
}

#[derive(Clone, Debug)]
pub(crate) struct DropItem {
    pub(crate) name: MappedText,
    pub(crate) condition: MappedText,
    pub(crate) enabled: bool,
}

/// What an item does with an earlier one of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Takes its place, if there is one.
    Define,
    /// Adds to it; it must be there.
    Append,
    /// Takes its place; it must be there.
    Replace,
}

#[derive(Clone, Debug)]
pub(crate) struct MacroItem {
    pub(crate) name: MappedText,
    pub(crate) condition: MappedText,
    pub(crate) mode: Mode,
}

#[derive(Clone, Debug)]
pub(crate) struct ListItem {
    pub(crate) name: MappedText,
    pub(crate) items: Vec<MappedText>,
    pub(crate) mode: Mode,
}

/// A plugin that a file needs.
#[derive(Clone, Debug)]
pub(crate) struct Plugin {
    pub(crate) name: MappedText,
    pub(crate) version: MappedText,
}

const PRIORITIES: &str = "priorities are emergency, alert, critical, error, warning, notice, \
    informational, debug, and low, medium, high";

const SYSFLOW_RULE_KEYS: &[&str] = &[
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
    "by",
    "sequence",
    "threshold",
    "throttle",
    "within",
];
const DROP_KEYS: &[&str] = &["drop", "filter", "condition", "desc", "enabled"];
const SYSFLOW_MACRO_KEYS: &[&str] = &["macro", "condition", "append", "desc"];
const LIST_KEYS: &[&str] = &["list", "items", "append", "override"];

/// Finds out what an item defines. `None` if it defines nothing or lacks what it needs, which has then
/// been reported.
pub(crate) fn interpret(
    raw: &RawItem,
    dialect: Dialect,
    problems: &mut Vec<Diagnostic>,
) -> Option<Item> {
    let has = |key: &str| raw.entries.iter().any(|entry| entry.key.text == key);
    let is_falco = dialect == Dialect::Falco;
    // Falco looks for these words in this order.
    let kinds = [
        "required_engine_version",
        "required_plugin_versions",
        "list",
        "macro",
        "rule",
        "drop",
        "filter",
    ];
    let Some(kind) = kinds.into_iter().find(|kind| has(kind)) else {
        let place = raw.entries.first().map_or(raw.span, |entry| entry.key.span);
        let message = "this item is of no known kind";
        let (problem, kinds) = if is_falco {
            (
                Diagnostic::warning(Code::UnknownItem, place, message),
                "`rule`, `macro`, `list`",
            )
        } else {
            (
                Diagnostic::error(Code::UnknownItem, place, message),
                "`rule`, `macro`, `list`, `drop`",
            )
        };
        problems.push(problem.help(format!("an item has one of {kinds}")));
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
    if matches!(kind, "drop" | "filter") && is_falco {
        let place = form.place_of(kind);
        let message = "Falco knows no rules that drop";
        let hint = Diagnostic::hint(Code::Falco, place, message).falco(FalcoCode::UnknownItem);
        form.problems.push(hint);
    }
    match kind {
        "required_engine_version" | "required_plugin_versions" if is_falco => {
            form.check_keys(&[kind]);
        }
        "required_engine_version" | "required_plugin_versions" => {}
        "list" => form.check_keys(LIST_KEYS),
        "macro" if is_falco => form.check_keys(crate::falco_items::MACRO_KEYS),
        "macro" => form.check_keys(SYSFLOW_MACRO_KEYS),
        "rule" if is_falco => form.check_keys(crate::falco_items::RULE_KEYS),
        "rule" => form.check_keys(SYSFLOW_RULE_KEYS),
        _ => form.check_keys(DROP_KEYS),
    }
    match kind {
        "required_engine_version" => return form.engine(),
        "required_plugin_versions" => return form.plugins(),
        _ if is_falco => form.about_nothing(),
        _ => {}
    }
    let name = form.name(kind)?;
    form.name.clone_from(&name.text);
    let item = match (kind, dialect) {
        ("list", Dialect::Falco) => form.falco_list(name),
        ("macro", Dialect::Falco) => form.falco_macro(name),
        ("rule", Dialect::Falco) => form.falco_rule(name),
        ("list", _) => form.list(name),
        ("macro", _) => form.macro_item(name),
        ("rule", _) => form.rule(name),
        _ => form.drop_item(name),
    };
    item.filter(|_| form.faultless)
}

/// An item that is being read.
pub(crate) struct Form<'r, 'p> {
    pub(crate) raw: &'r RawItem,
    dialect: Dialect,
    pub(crate) problems: &'p mut Vec<Diagnostic>,
    pub(crate) kind: &'static str,
    name: String,
    faultless: bool,
}

impl Form<'_, '_> {
    fn rule(&mut self, name: MappedText) -> Option<Item> {
        let source = self.text("source");
        let essential = ["condition", "sequence", "output", "desc", "priority"];
        let enabled = self.boolean("enabled");
        let append = self.boolean("append").unwrap_or(false);
        if let Some(enabled) = enabled
            && !essential.iter().any(|key| self.entry(key).is_some())
        {
            return Some(Item::Toggle { name, enabled });
        }
        if append {
            let added = RuleParts {
                condition: Some(self.required("condition")?),
                ..RuleParts::default()
            };
            return Some(Item::Change(Box::new(RuleChange {
                name,
                added,
                replaced: RuleParts::default(),
            })));
        }
        let stateful = self.stateful(&name).ok()?;
        let condition = match &stateful {
            Some(stateful) if stateful.is_sequence() => stateful.shown(name.span),
            _ => self.required("condition")?,
        };
        Some(Item::Rule(Box::new(RuleItem {
            desc: self.text("desc").map_or_else(String::new, |desc| desc.text),
            output: self.text("output"),
            priority: self.priority().unwrap_or(Priority::Notice),
            tags: self.texts("tags").unwrap_or_default(),
            actions: self.texts("actions").unwrap_or_default(),
            prefilter: self.list_of("prefilter"),
            enabled: enabled.unwrap_or(true),
            source,
            raw_exceptions: Vec::new(),
            exceptions: Vec::new(),
            warns_of_types: true,
            skips_unknown: self.boolean("skip-if-unknown-filter").unwrap_or(false),
            capture: false,
            capture_duration: 0,
            name,
            condition,
            sigma: None,
            stateful: stateful.map(Box::new),
        })))
    }

    /// What the rule says of several observations, if anything. `Err` after errors, which have been reported.
    pub(crate) fn stateful(&mut self, name: &MappedText) -> Result<Option<StatefulItem>, ()> {
        let note = format!("in rule `{}`, which is left out", name.text);
        stateful::read(self.raw, &note, self.problems)
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
        self.useless_append();
        let condition = self.required("condition")?;
        Some(Item::Macro(MacroItem {
            name,
            condition,
            mode: Mode::Define,
        }))
    }

    fn list(&mut self, name: MappedText) -> Option<Item> {
        self.useless_append();
        if self.entry("items").is_none() {
            self.missing("items");
            return None;
        }
        let items = self.list_of("items").unwrap_or_default();
        Some(Item::List(ListItem {
            name,
            items,
            mode: Mode::Define,
        }))
    }

    fn useless_append(&mut self) {
        if self.boolean("append") == Some(true) {
            let span = self.place_of("append");
            let message = format!("`append` does nothing here: this {} replaces", self.kind);
            self.warning(Code::Deprecated, span, message);
        }
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        // The first one counts, as it did in the original.
        self.raw.entries.iter().find(|entry| entry.key.text == key)
    }

    /// Where a key stands, else the item.
    pub(crate) fn place_of(&self, key: &str) -> Span {
        self.entry(key)
            .map_or(self.raw.span, |entry| entry.key.span)
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
            let span = self.place_of(key);
            let message = format!("this {} has no name", self.kind);
            self.error(Code::Shape, span, message);
        }
        name
    }

    /// A text, or `None` with a complaint if something else stands there.
    pub(crate) fn text(&mut self, key: &str) -> Option<MappedText> {
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

    pub(crate) fn required(&mut self, key: &str) -> Option<MappedText> {
        let text = self.text(key).filter(|text| !text.text.trim().is_empty());
        if text.is_none() && self.faultless {
            self.missing(key);
        }
        text
    }

    pub(crate) fn missing(&mut self, key: &str) {
        let place = self.entry(key).or_else(|| self.entry(self.kind));
        let span = place.map_or(self.raw.span, |entry| entry.key.span);
        let message = format!("this {} has no `{key}`", self.kind);
        self.error(Code::Shape, span, message);
    }

    /// Texts in brackets; a lone text counts as a list of one.
    pub(crate) fn list_of(&mut self, key: &str) -> Option<Vec<MappedText>> {
        let elements = match self.entry(key).map(|entry| entry.value.clone())? {
            Node::List(elements, _) => elements,
            Node::Null(_) => return None,
            Node::Scalar(text) => {
                if self.dialect == Dialect::Falco {
                    let message = format!("Falco takes only a list for `{key}`");
                    let hint = Diagnostic::hint(Code::Falco, text.span, message);
                    self.problems.push(hint.falco(FalcoCode::YamlValidate));
                }
                return Some(vec![text]);
            }
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
                Node::Null(span) => {
                    if self.dialect == Dialect::Falco {
                        self.refused_nothing(key, span);
                    }
                }
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

    pub(crate) fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        let texts = self.list_of(key)?;
        Some(texts.into_iter().map(|text| text.text).collect())
    }

    /// A truth value. In SysFlow's files in the words of Go's library, others mean true, as they always
    /// did; in Falco's in those of YAML.
    pub(crate) fn boolean(&mut self, key: &str) -> Option<bool> {
        let text = self.text(key)?;
        let word = text.text.as_str();
        let known = if self.dialect == Dialect::Falco {
            yaml_boolean(word)
        } else {
            match word {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
                _ => None,
            }
        };
        known.or_else(|| {
            let message = format!("`{word}` is neither true nor false and taken for true");
            let problem = Diagnostic::warning(Code::NotBoolean, text.span, message);
            self.problems.push(
                problem
                    .help("write `true` or `false`")
                    .falco(FalcoCode::YamlValidate),
            );
            Some(true)
        })
    }

    pub(crate) fn priority(&mut self) -> Option<Priority> {
        let text = self.text("priority")?;
        if let Some(priority) = Priority::parse(&text.text) {
            if self.dialect == Dialect::Falco && !Priority::is_falco(&text.text) {
                let message = format!("Falco has no priority `{}`", text.text);
                let hint = Diagnostic::hint(Code::Falco, text.span, message);
                self.problems.push(hint.falco(FalcoCode::YamlValidate));
            }
            return Some(priority);
        }
        let words = Priority::ALL.into_iter().map(Priority::name);
        let suggestion = nearest(&text.text, words.chain(["low", "medium", "high"]));
        let message = format!("`{}` is not a priority; taken for notice", text.text);
        let problem = Diagnostic::warning(Code::UnknownPriority, text.span, message);
        let problem = problem.falco(FalcoCode::YamlValidate);
        self.problems.push(match suggestion {
            Some(word) => problem.help(format!("did you mean `{}`?", word.to_lowercase())),
            None => problem.help(PRIORITIES),
        });
        Some(Priority::Notice)
    }

    pub(crate) fn error(&mut self, code: Code, span: Span, message: String) {
        self.faultless = false;
        let problem = Diagnostic::error(code, span, message);
        self.problems.push(self.with_name(problem, true));
    }

    pub(crate) fn warning(&mut self, code: Code, span: Span, message: String) {
        let problem = Diagnostic::warning(code, span, message);
        self.problems.push(self.with_name(problem, false));
    }

    fn with_name(&self, problem: Diagnostic, left_out: bool) -> Diagnostic {
        if self.name.is_empty() {
            return problem;
        }
        let consequence = if left_out { ", which is left out" } else { "" };
        problem
            .note(format!("in {} `{}`{consequence}", self.kind, self.name))
            .about(self.kind, &self.name)
    }
}

/// The truth values of YAML 1.1, in the three ways of writing them large and small.
fn yaml_boolean(word: &str) -> Option<bool> {
    let lower = word.to_ascii_lowercase();
    let capitalised = word
        .chars()
        .skip(1)
        .all(|letter| letter.is_ascii_lowercase());
    let is_well_written =
        word == lower || word == word.to_ascii_uppercase() || capitalised && word.len() > 1;
    match lower.as_str() {
        _ if !is_well_written => None,
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    }
}

/// The first character of a span that may go over many lines.
pub(crate) fn first_line(span: Span) -> Span {
    Span {
        end: span.end.min(span.start + 1),
        ..span
    }
}
