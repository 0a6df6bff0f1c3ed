//! What the names of Sigma mean to a source: fields, kinds of data, placeholders.
//!
//! A mapping is a YAML file:
//!
//! ```yaml
//! title: Records
//! language: sysflow            # of the conditions below; or falco
//! unmatched: refuse            # rules for other data; `accept` asks them of every observation
//! fieldmappings:
//!   Image: sf.proc.exe         # a field
//!   SourceOrTarget: [a, b]     # any of several
//!   CurrentDirectory: {field: sf.proc.cwd, suffix: /}   # whose values end so and Sigma's do not
//!   Initiated: {values: {"true": sf.opflags = CONNECT}} # whose values stand for conditions
//!   Hashes: {absent: files are not hashed}              # that never has a value
//! keywords: [sf.proc.cmdline]  # fields that are searched for keywords
//! placeholders:
//!   Administrators: [root]
//! logsources:
//!   process_creation:
//!     product: linux
//!     category: process_creation
//!     condition: sf.opflags = EXEC
//!     fieldmappings: {}        # in place of those above
//! ```
//!
//! Files of the original SysFlow processor, and of the converter that came before pySigma, are read too:
//! their `conditions` of log sources are values of fields.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::collection::{Keys, texts_of};
use super::metadata::LogSource;
use crate::Dialect;
use crate::compile::{Compiler, Owner, ToCompile};
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{self, Entry, Node};
use crate::source::{MappedText, SourceFile};

/// Mappings of our own, by the name of the source that they are for.
const BUILT_IN: [(&str, &str, &str); 2] = [
    (
        "records",
        "(built-in) sigma/records.yaml",
        include_str!("mappings/records.yaml"),
    ),
    (
        "events",
        "(built-in) sigma/events.yaml",
        include_str!("mappings/events.yaml"),
    ),
];

/// The built-in mapping for a source.
pub(super) fn built_in(source: &str) -> Option<SourceFile> {
    let (_, name, text) = BUILT_IN.iter().find(|(known, ..)| *known == source)?;
    Some(SourceFile {
        name: (*name).to_owned(),
        text: (*text).to_owned(),
    })
}

type Fields = HashMap<String, Target, RandomState>;

/// What the names of Sigma mean.
#[derive(Debug, Default)]
pub(super) struct Mapping {
    /// The name of the file.
    pub(super) name: String,
    pub(super) taxonomy: String,
    fields: Fields,
    pub(super) log_sources: Vec<LogSourceMapping>,
    pub(super) keywords: Vec<MappedText>,
    placeholders: HashMap<String, Vec<String>, RandomState>,
    /// Whether rules for other data are asked of every observation.
    pub(super) accepts_unmatched: bool,
    pub(super) dialect: Option<Dialect>,
}

/// What a log source means.
#[derive(Debug)]
pub(super) struct LogSourceMapping {
    pub(super) name: String,
    wanted: LogSource,
    /// What an observation must be.
    pub(super) condition: Option<MappedText>,
    fields: Fields,
}

/// What a field means.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// Any of these fields; their values end with the suffix that Sigma's values lack.
    Fields(Vec<MappedText>, String),
    /// Values that stand for conditions.
    Values(Vec<(String, MappedText)>),
    /// It never has a value, because of this.
    Absent(String),
}

impl Mapping {
    /// Reads a mapping.
    pub(super) fn read(file: &SourceFile, number: u32, problems: &mut Vec<Diagnostic>) -> Self {
        let mut mapping = Self {
            name: file.name.clone(),
            accepts_unmatched: true,
            ..Self::default()
        };
        for node in document::documents(&file.text, number, problems) {
            let (entries, span) = match node {
                Node::Map(entries, span) => (entries, span),
                Node::Null(_) => continue,
                other => {
                    let message = "this is not a mapping of Sigma's fields";
                    problems.push(Diagnostic::error(Code::Shape, other.span(), message));
                    continue;
                }
            };
            let mut keys = Keys {
                entries: &entries,
                span,
                note: format!("in the mapping {}", file.name),
                problems,
                faulty: false,
            };
            mapping.add(&mut keys);
        }
        mapping
    }

    fn add(&mut self, keys: &mut Keys<'_, '_>) {
        keys.check_unique();
        if let Some(taxonomy) = keys.text("taxonomy") {
            self.taxonomy = taxonomy.text;
        }
        if let Some(language) = keys.text("language") {
            self.dialect = match language.text.as_str() {
                "sysflow" => Some(Dialect::SysFlow),
                "falco" => Some(Dialect::Falco),
                _ => {
                    let message = "the language of conditions is `sysflow` or `falco`";
                    keys.error(Code::Shape, language.span, message);
                    None
                }
            };
        }
        if let Some(unmatched) = keys.text("unmatched") {
            match unmatched.text.as_str() {
                "accept" => self.accepts_unmatched = true,
                "refuse" => self.accepts_unmatched = false,
                _ => keys.error(
                    Code::Shape,
                    unmatched.span,
                    "rules for other data are to `accept` or to `refuse`",
                ),
            }
        }
        if let Some((entries, _)) = keys.map("fieldmappings") {
            fields(keys, entries, &mut self.fields);
        }
        self.keywords.extend(keys.texts("keywords"));
        if let Some((entries, _)) = keys.map("placeholders") {
            for entry in entries {
                match texts_of(&entry.value) {
                    Ok(values) => {
                        let values = values.into_iter().map(|value| value.text).collect();
                        self.placeholders.insert(entry.key.text.clone(), values);
                    }
                    Err(span) => {
                        keys.error(Code::Shape, span, "a placeholder stands for texts");
                    }
                }
            }
        }
        if let Some((entries, _)) = keys.map("logsources") {
            for entry in entries {
                self.add_log_source(keys, entry);
            }
        }
    }

    fn add_log_source(&mut self, keys: &mut Keys<'_, '_>, entry: &Entry) {
        let Node::Map(entries, span) = &entry.value else {
            let message = "a log source has keys such as `category` and `condition`";
            keys.error(Code::Shape, entry.value.span(), message);
            return;
        };
        let mut inner = Keys {
            entries,
            span: *span,
            note: keys.note.clone(),
            problems: &mut *keys.problems,
            faulty: false,
        };
        let wanted = LogSource {
            product: inner.string("product"),
            category: inner.string("category"),
            service: inner.string("service"),
            definition: String::new(),
        };
        let mut condition = inner.text("condition");
        if let Some((values, _)) = inner.map("conditions") {
            let checks: Vec<String> = values.iter().filter_map(equality).collect();
            let start = entry.key.span.start as usize;
            let made = MappedText::verbatim(&checks.join(" and "), entry.key.span.file, start);
            condition = condition.or(Some(made).filter(|made| !made.text.is_empty()));
        }
        let mut own = Fields::default();
        if let Some((entries, _)) = inner.map("fieldmappings") {
            fields(&mut inner, entries, &mut own);
        }
        self.log_sources.push(LogSourceMapping {
            name: entry.key.text.clone(),
            wanted,
            condition,
            fields: own,
        });
    }

    /// Looks up all fields and compiles all conditions.
    pub(super) fn check(&self, compiler: &mut Compiler) {
        let dialect = self.dialect.unwrap_or(Dialect::SysFlow);
        let compile = |condition: &MappedText, name: &str, compiler: &mut Compiler| {
            let owner = Owner::Item("the mapping of", name.to_owned());
            let _ = compiler.condition(ToCompile {
                text: condition,
                dialect,
                owner,
                skips_unknown: false,
            });
        };
        let mut names: Vec<&MappedText> = self.keywords.iter().collect();
        let own = self.log_sources.iter().flat_map(|source| &source.fields);
        for (field, target) in self.fields.iter().chain(own) {
            match target {
                Target::Fields(targets, _) => names.extend(targets),
                Target::Values(values) => {
                    for (_, condition) in values {
                        compile(condition, field, compiler);
                    }
                }
                Target::Absent(_) => {}
            }
        }
        for source in &self.log_sources {
            if let Some(condition) = &source.condition {
                compile(condition, &source.name, compiler);
            }
        }
        for name in names {
            if let Err(why) = compiler.catalogue.resolve(&name.text) {
                let problem = compiler.unresolved(&name.text, name.span, &why);
                compiler.problems.push(problem);
            }
        }
    }

    /// Whether rules for this data can be asked: a log source is for it, or it is all data of a product of which
    /// there are log sources.
    pub(super) fn covers(&self, asked: &LogSource) -> bool {
        let is_all = asked.category.is_empty() && asked.service.is_empty();
        let mut sources = self.log_sources.iter();
        self.log_source(asked).is_some()
            || is_all && sources.any(|source| source.wanted.product == asked.product)
    }

    /// The log source that fits best: all that it names is the same, and it names the most. What names no product
    /// is for any.
    pub(super) fn log_source(&self, asked: &LogSource) -> Option<usize> {
        let fits = |wanted: &LogSource| {
            let product = if asked.product.is_empty() {
                &wanted.product
            } else {
                &asked.product
            };
            let pairs = [
                (&wanted.product, product),
                (&wanted.category, &asked.category),
                (&wanted.service, &asked.service),
            ];
            let named = pairs.iter().filter(|(wanted, _)| !wanted.is_empty());
            let same = named.clone().all(|(wanted, asked)| wanted == asked);
            same.then(|| named.count())
        };
        let fitting = self.log_sources.iter().enumerate();
        fitting
            .filter_map(|(index, source)| Some((fits(&source.wanted)?, index)))
            .max_by_key(|(named, index)| (*named, std::cmp::Reverse(*index)))
            .map(|(_, index)| index)
    }

    /// What a field means to rules for a log source.
    pub(super) fn field(&self, name: &str, log_source: Option<usize>) -> Option<&Target> {
        let own = log_source.and_then(|index| self.log_sources[index].fields.get(name));
        own.or_else(|| self.fields.get(name))
    }

    /// The names of all fields that rules for a log source may use.
    pub(super) fn field_names(&self, log_source: Option<usize>) -> impl Iterator<Item = &str> {
        let own = log_source.map(|index| self.log_sources[index].fields.keys());
        let own = own.into_iter().flatten();
        own.chain(self.fields.keys()).map(String::as_str)
    }

    /// The values of a placeholder.
    pub(super) fn placeholder(&self, name: &str) -> Option<&[String]> {
        self.placeholders.get(name).map(Vec::as_slice)
    }
}

fn equality(entry: &Entry) -> Option<String> {
    let values = texts_of(&entry.value).ok()?;
    let quoted: Vec<String> = values
        .iter()
        .map(|value| {
            format!(
                "\"{}\"",
                value.text.replace('\\', "\\\\").replace('"', "\\\"")
            )
        })
        .collect();
    let list = quoted.join(", ");
    (!list.is_empty()).then(|| format!("{} in ({list})", entry.key.text))
}

fn fields(keys: &mut Keys<'_, '_>, entries: &[Entry], into: &mut Fields) {
    for entry in entries {
        let target = match &entry.value {
            Node::Scalar(name) => Some(Target::Fields(vec![name.clone()], String::new())),
            list @ Node::List(..) => texts_of(list)
                .ok()
                .filter(|names| !names.is_empty())
                .map(|names| Target::Fields(names, String::new())),
            Node::Map(entries, _) => described(entries),
            Node::Null(_) => None,
        };
        if let Some(target) = target {
            into.insert(entry.key.text.clone(), target);
            continue;
        }
        let message = format!("`{}` is mapped to no field", entry.key.text);
        let problem = Diagnostic::error(Code::Shape, entry.key.span, message);
        let forms =
            "write a field, a list of fields, or one of the keys `field`, `values` and `absent`";
        keys.report(problem.help(forms));
    }
}

fn described(entries: &[Entry]) -> Option<Target> {
    let get = |key: &str| entries.iter().find(|entry| entry.key.text == key);
    let text = |key: &str| match &get(key)?.value {
        Node::Scalar(text) => Some(text.clone()),
        _ => None,
    };
    if let Some(reason) = text("absent") {
        return Some(Target::Absent(reason.text));
    }
    if let Some(entry) = get("values") {
        let Node::Map(values, _) = &entry.value else {
            return None;
        };
        let values = values.iter().map(|entry| match &entry.value {
            Node::Scalar(condition) => Some((entry.key.text.clone(), condition.clone())),
            _ => None,
        });
        return values.collect::<Option<Vec<_>>>().map(Target::Values);
    }
    let names = texts_of(&get("field")?.value).ok()?;
    let suffix = text("suffix").map_or_else(String::new, |suffix| suffix.text);
    (!names.is_empty()).then_some(Target::Fields(names, suffix))
}
