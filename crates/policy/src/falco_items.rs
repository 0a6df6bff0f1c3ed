//! Items as Falco's rule files have them: definitions, additions and replacements.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Entry, Node};
use crate::exceptions::RawException;
use crate::falco::FalcoCode;
use crate::items::{
    Form, Item, ListItem, MacroItem, Mode, RuleChange, RuleItem, RuleParts, first_line,
};
use crate::parser::is_name;
use crate::priority::Priority;
use crate::source::{MappedText, Span};

pub(crate) const MACRO_KEYS: &[&str] = &["macro", "condition", "append", "override"];
pub(crate) const RULE_KEYS: &[&str] = &[
    "rule",
    "condition",
    "output",
    "desc",
    "priority",
    "source",
    "enabled",
    "tags",
    "exceptions",
    "capture",
    "capture_duration",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "append",
    "override",
    // Ours: see `stateful`.
    "by",
    "sequence",
    "threshold",
    "throttle",
    "within",
];

/// What later items may do with a part of a rule.
const RULE_PARTS: &[(&str, bool)] = &[
    ("condition", true),
    ("output", true),
    ("desc", true),
    ("tags", true),
    ("exceptions", true),
    ("priority", false),
    ("enabled", false),
    ("capture", false),
    ("capture_duration", false),
    ("warn_evttypes", false),
    ("skip-if-unknown-filter", false),
];
const MACRO_PARTS: &[(&str, bool)] = &[("condition", true)];
const LIST_PARTS: &[(&str, bool)] = &[("items", true)];

/// Keys that may be absent, but not empty.
const OPTIONAL_KEYS: &[&str] = &[
    "source",
    "enabled",
    "tags",
    "capture",
    "capture_duration",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "append",
];

/// What is changed by an item.
enum Changes {
    /// Nothing: it defines.
    None,
    /// It has `append: true`.
    Old,
    /// Keys that are added to, and keys that are replaced.
    New(BTreeSet<String>, BTreeSet<String>),
    /// A fault that has been reported.
    Fault,
}

impl Form<'_, '_> {
    pub(crate) fn falco_list(&mut self, name: MappedText) -> Option<Item> {
        let has_blank_form = name
            .text
            .contains(['(', ')', '"', '\'', ' ', '\t', '\n', '=', ',']);
        if has_blank_form {
            let message = format!("conditions cannot name the list `{}`", name.text);
            let problem = Diagnostic::warning(Code::BadName, name.span, message);
            self.problems
                .push(problem.falco(FalcoCode::InvalidListName));
        }
        let mode = self.mode(LIST_PARTS, "items")?;
        let value = self.entry("items").map(|entry| &entry.value);
        if !matches!(value, Some(Node::List(..) | Node::Scalar(_))) {
            self.missing("items");
            return None;
        }
        let items = self.list_of("items").unwrap_or_default();
        Some(Item::List(ListItem { name, items, mode }))
    }

    pub(crate) fn falco_macro(&mut self, name: MappedText) -> Option<Item> {
        if !is_name(&name.text) {
            let message = format!("conditions cannot name the macro `{}`", name.text);
            let problem = Diagnostic::warning(Code::BadName, name.span, message);
            let problem = problem.help("a name is a letter, then letters, digits and underscores");
            self.problems
                .push(problem.falco(FalcoCode::InvalidMacroName));
        }
        let mode = self.mode(MACRO_PARTS, "condition")?;
        let condition = self.required("condition")?;
        Some(Item::Macro(MacroItem {
            name,
            condition,
            mode,
        }))
    }

    /// What a list or a macro, which has one part, does with an earlier one.
    fn mode(&mut self, parts: &[(&str, bool)], only: &str) -> Option<Mode> {
        match self.changes(parts) {
            Changes::Old => Some(Mode::Append),
            Changes::New(added, _) if added.contains(only) => Some(Mode::Append),
            Changes::New(_, replaced) if replaced.contains(only) => Some(Mode::Replace),
            // `override: {}` changes nothing.
            Changes::None | Changes::New(..) => Some(Mode::Define),
            Changes::Fault => None,
        }
    }

    pub(crate) fn falco_rule(&mut self, name: MappedText) -> Option<Item> {
        match self.changes(RULE_PARTS) {
            Changes::Fault => return None,
            Changes::Old => return self.old_append(name),
            Changes::New(added, replaced) if !(added.is_empty() && replaced.is_empty()) => {
                let added = self.parts(&added);
                let replaced = self.parts(&replaced);
                return Some(Item::Change(Box::new(RuleChange {
                    name,
                    added,
                    replaced,
                })));
            }
            Changes::New(..) | Changes::None => {}
        }
        let essential = ["condition", "sequence", "output", "desc", "priority"];
        if !essential.iter().any(|key| self.entry(key).is_some()) {
            return self.toggle(name);
        }
        let stateful = self.stateful(&name).ok()?;
        let steps = stateful.as_ref().filter(|item| item.is_sequence());
        let steps = steps.map(|item| item.shown(name.span));
        let mut text = |key: &str| self.filled(key);
        let condition = steps.or_else(|| text("condition"));
        let (output, desc, priority) = (text("output"), text("desc"), text("priority"));
        let (Some(condition), Some(output), Some(desc), Some(_)) =
            (condition, output, desc, priority)
        else {
            return None;
        };
        Some(Item::Rule(Box::new(RuleItem {
            name,
            condition,
            output: Some(output),
            desc: desc.text,
            priority: self.priority().unwrap_or(Priority::Notice),
            tags: as_set(self.texts("tags").unwrap_or_default()),
            actions: Vec::new(),
            prefilter: None,
            enabled: self.boolean("enabled").unwrap_or(true),
            source: self.optional("source"),
            raw_exceptions: self.exceptions().unwrap_or_default(),
            exceptions: Vec::new(),
            warns_of_types: self.boolean("warn_evttypes").unwrap_or(true),
            skips_unknown: self.boolean("skip-if-unknown-filter").unwrap_or(false),
            capture: self.boolean("capture").unwrap_or(false),
            capture_duration: self.number("capture_duration").unwrap_or(0),
            sigma: None,
            stateful: stateful.map(Box::new),
        })))
    }

    /// An item with nothing but `enabled`.
    fn toggle(&mut self, name: MappedText) -> Option<Item> {
        let Some(enabled) = self.boolean("enabled") else {
            let message =
                "this rule has neither `condition`, `output`, `desc` and `priority`, nor `enabled`";
            self.error(Code::Shape, name.span, message.to_owned());
            return None;
        };
        let hint = Diagnostic::hint(
            Code::Deprecated,
            self.place_of("enabled"),
            "an item that only switches a rule on or off has a newer form",
        );
        let hint = hint.help("add `override:` with `enabled: replace`");
        self.problems.push(hint.about("rule", &name.text));
        Some(Item::Toggle { name, enabled })
    }

    /// What `append: true` adds to a rule.
    fn old_append(&mut self, name: MappedText) -> Option<Item> {
        if let Some(Node::Null(span)) = self.entry("condition").map(|entry| &entry.value) {
            let span = *span;
            self.refused_nothing("condition", span);
        }
        let added = RuleParts {
            condition: self.optional("condition"),
            exceptions: self.exceptions(),
            ..RuleParts::default()
        };
        if added.condition.is_none() && added.exceptions.is_none() {
            let message = "nothing is appended: there is neither `condition` nor `exceptions`";
            self.error(Code::Invalid, name.span, message.to_owned());
            return None;
        }
        for key in ["output", "desc", "priority", "tags"] {
            if self.entry(key).is_some() {
                let message = format!("`append` leaves `{key}` as it is");
                let span = self.place_of(key);
                let problem = Diagnostic::warning(Code::Shape, span, message);
                self.problems.push(problem.help("use `override`"));
            }
        }
        Some(Item::Change(Box::new(RuleChange {
            name,
            added,
            replaced: RuleParts::default(),
        })))
    }

    /// What an item says about changing an earlier one.
    fn changes(&mut self, parts: &[(&str, bool)]) -> Changes {
        let append = self.boolean("append");
        let is_append = append == Some(true);
        if is_append {
            let span = self.place_of("append");
            let hint = Diagnostic::hint(Code::Deprecated, span, "`append` has a newer form");
            self.problems
                .push(hint.help("use `override` with the keys that are appended to"));
        } else if append.is_some() {
            let span = self.place_of("append");
            let message = "`append: false` is as good as nothing";
            let hint = Diagnostic::hint(Code::Deprecated, span, message);
            self.problems.push(hint.fine_in_falco());
        }
        let Some(node) = self.entry("override").map(|entry| entry.value.clone()) else {
            return if is_append {
                Changes::Old
            } else {
                Changes::None
            };
        };
        let place = self.place_of("override");
        if is_append {
            let message = "`append` and `override` cannot stand together".to_owned();
            self.error(Code::Shape, place, message);
            return Changes::Fault;
        }
        let entries = match node {
            Node::Map(entries, _) => entries,
            Node::Null(_) => return Changes::None,
            other => {
                let message = "`override` takes keys with `append` or `replace`".to_owned();
                self.error(Code::Shape, first_line(other.span()), message);
                return Changes::Fault;
            }
        };
        let (mut added, mut replaced) = (BTreeSet::new(), BTreeSet::new());
        let mut faultless = true;
        for entry in &entries {
            faultless &= self.one_change(entry, parts, &mut added, &mut replaced);
        }
        for (key, _) in parts {
            let named = entries.iter().any(|entry| entry.key.text == *key);
            if !entries.is_empty() && !named && self.entry(key).is_some() {
                let message = format!("`{key}` stands here, but `override` does not name it");
                self.error(Code::Shape, self.place_of(key), message);
                faultless = false;
            }
        }
        if faultless {
            Changes::New(added, replaced)
        } else {
            Changes::Fault
        }
    }

    fn one_change(
        &mut self,
        entry: &Entry,
        parts: &[(&str, bool)],
        added: &mut BTreeSet<String>,
        replaced: &mut BTreeSet<String>,
    ) -> bool {
        let (key, span) = (entry.key.text.clone(), entry.key.span);
        let kind = self.kind;
        let Some((_, can_append)) = parts.iter().find(|(part, _)| *part == key) else {
            self.error(
                Code::Shape,
                span,
                format!("`{key}` of a {kind} cannot be overridden"),
            );
            return false;
        };
        let Node::Scalar(word) = &entry.value else {
            let message = format!("`{key}` takes `append` or `replace` here");
            self.error(Code::Shape, span, message);
            return false;
        };
        match word.text.as_str() {
            "append" if *can_append => added.insert(key.clone()),
            "replace" => replaced.insert(key.clone()),
            "append" => {
                let message = format!("`{key}` can be replaced, but nothing can be appended to it");
                self.error(Code::Shape, word.span, message);
                return false;
            }
            other => {
                let message = format!("`{other}` is neither `append` nor `replace`");
                self.error(Code::Shape, word.span, message);
                return false;
            }
        };
        if self.entry(&key).is_none() {
            let message = format!("`override` names `{key}`, which does not stand here");
            self.error(Code::Shape, span, message);
            return false;
        }
        true
    }

    fn parts(&mut self, keys: &BTreeSet<String>) -> RuleParts {
        let has = |key: &str| keys.contains(key);
        RuleParts {
            condition: has("condition").then(|| self.filled("condition")).flatten(),
            output: has("output").then(|| self.filled("output")).flatten(),
            desc: has("desc")
                .then(|| self.filled("desc"))
                .flatten()
                .map(|desc| desc.text),
            priority: has("priority").then(|| self.priority()).flatten(),
            tags: has("tags").then(|| self.texts("tags")).flatten(),
            exceptions: has("exceptions").then(|| self.exceptions()).flatten(),
            enabled: has("enabled").then(|| self.boolean("enabled")).flatten(),
            warns_of_types: has("warn_evttypes")
                .then(|| self.boolean("warn_evttypes"))
                .flatten(),
            skips_unknown: has("skip-if-unknown-filter")
                .then(|| self.boolean("skip-if-unknown-filter"))
                .flatten(),
            capture: has("capture").then(|| self.boolean("capture")).flatten(),
            capture_duration: has("capture_duration")
                .then(|| self.number("capture_duration"))
                .flatten(),
        }
    }

    /// A text that must be there and have something in it.
    fn filled(&mut self, key: &str) -> Option<MappedText> {
        match self.entry(key).map(|entry| &entry.value) {
            Some(Node::Scalar(text)) if !text.text.is_empty() => Some(text.clone()),
            Some(Node::List(..) | Node::Map(..)) => self.text(key),
            _ => {
                self.missing(key);
                None
            }
        }
    }

    /// A text that may be absent, but not empty.
    fn optional(&mut self, key: &str) -> Option<MappedText> {
        match self.entry(key).map(|entry| &entry.value) {
            None | Some(Node::Null(_)) => None,
            Some(_) => self.filled(key),
        }
    }

    fn number(&mut self, key: &str) -> Option<u32> {
        let text = self.optional(key)?;
        text.text.parse().ok().or_else(|| {
            let message = format!("`{}` is not a number of milliseconds", text.text);
            self.error(Code::Shape, text.span, message);
            None
        })
    }

    /// The exceptions, if any are written.
    fn exceptions(&mut self) -> Option<Vec<RawException>> {
        let elements = match self.entry("exceptions").map(|entry| entry.value.clone())? {
            Node::List(elements, _) => elements,
            Node::Null(_) => return None,
            other => {
                let message = "`exceptions` takes a list".to_owned();
                self.error(Code::Shape, first_line(other.span()), message);
                return None;
            }
        };
        let mut exceptions: Vec<RawException> = Vec::with_capacity(elements.len());
        for element in elements {
            let Node::Map(entries, span) = element else {
                let message = "an exception has `name`, `fields`, `comps` and `values`".to_owned();
                self.error(Code::Shape, first_line(element.span()), message);
                continue;
            };
            let value = |key: &str| {
                let mut entries = entries.iter();
                let entry = entries.find(|entry| entry.key.text == key)?;
                Some(entry.value.clone())
            };
            let name = match value("name") {
                Some(Node::Scalar(name)) if !name.text.is_empty() => name,
                _ => {
                    let message = "this exception has no name".to_owned();
                    self.error(Code::Shape, first_line(span), message);
                    continue;
                }
            };
            for key in ["fields", "comps", "values"] {
                self.about_emptiness(key, value(key));
            }
            for entry in &entries {
                let key = entry.key.text.as_str();
                if !["name", "fields", "comps", "values"].contains(&key) {
                    let message = format!("an exception has no `{key}`");
                    let problem = Diagnostic::warning(Code::UnknownKey, entry.key.span, message);
                    self.problems.push(problem.fine_in_falco());
                }
            }
            if let Some(first) = exceptions.iter().find(|known| known.name.text == name.text) {
                let message = format!("there are two exceptions `{}`", name.text);
                let problem = Diagnostic::warning(Code::Redefined, name.span, message);
                let problem = problem.also(first.name.span, "the first one");
                self.problems
                    .push(problem.falco(FalcoCode::ExceptionNameNotUnique));
            }
            exceptions.push(RawException {
                name,
                fields: value("fields"),
                comps: value("comps"),
                values: value("values"),
            });
        }
        Some(exceptions)
    }

    /// Points out parts of an exception in which nothing stands.
    fn about_emptiness(&mut self, key: &str, value: Option<Node>) {
        match value {
            Some(Node::Scalar(text)) if text.text.is_empty() => {
                self.error(Code::Shape, text.span, format!("`{key}` is empty"));
            }
            Some(Node::Null(span)) if key == "values" => self.refused_nothing(key, span),
            Some(Node::List(elements, _)) if key == "values" => {
                let is_empty =
                    |node: &Node| matches!(node, Node::Scalar(text) if text.text.is_empty());
                for element in elements.iter().filter(|node| is_empty(node)) {
                    self.refused_nothing(key, element.span());
                }
            }
            _ => {}
        }
    }

    /// Points out keys that are there without a value: to us they are as good as absent.
    pub(crate) fn about_nothing(&mut self) {
        let has_override = self.entry("override").is_some();
        let empty: Vec<(String, Span)> = (self.raw.entries.iter())
            .filter_map(|entry| match &entry.value {
                Node::Null(_) => Some((entry.key.text.clone(), entry.key.span)),
                _ => None,
            })
            .collect();
        for (key, span) in empty {
            let key = key.as_str();
            // Of a rule that is defined, that is an error.
            if OPTIONAL_KEYS.contains(&key) || key == "priority" && has_override {
                self.refused_nothing(key, span);
            }
        }
    }

    pub(crate) fn refused_nothing(&mut self, key: &str, span: Span) {
        let message = format!("Falco does not take a `{key}` in which nothing stands");
        let hint = Diagnostic::hint(Code::Falco, span, message).help("leave it out");
        self.problems.push(hint.falco(FalcoCode::YamlValidate));
    }
}

/// Tags as Falco keeps them: sorted, each once.
pub(crate) fn as_set(tags: Vec<String>) -> Vec<String> {
    let set: BTreeSet<String> = tags.into_iter().collect();
    set.into_iter().collect()
}
