//! From documents to compiled rules.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use sysflow_field::View;

use super::collection::{self, Document, Keys};
use super::correlate;
use super::correlation::{self, Correlation, CorrelationItem};
use super::detection::{self, Detection};
use super::lower::Lowering;
use super::mapping::{self, Mapping};
use super::metadata::{self, LogSource, Status};
use crate::Dialect;
use crate::compile::{Compiler, Owner, Scope, ToCompile};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document;
use crate::explain::Trace;
use crate::items::RuleItem;
use crate::lists::Lists;
use crate::macros::Macros;
use crate::program::NodeId;
use crate::source::{MappedText, SourceFile, Span};
use crate::stateful::Draft;

/// What the Sigma files define, before it is compiled.
#[derive(Default)]
pub(crate) struct Sigma {
    rules: Vec<Rule>,
    filters: Vec<Filter>,
    correlations: Vec<CorrelationItem>,
}

struct Rule {
    item: RuleItem,
    log_source: LogSource,
    log_source_span: Span,
    detection: Detection,
}

struct Filter {
    title: MappedText,
    log_source: LogSource,
    rules: Vec<MappedText>,
    detection: Detection,
}

/// A rule that has been compiled.
pub(crate) struct Compiled {
    pub(crate) item: RuleItem,
    pub(crate) root: NodeId,
    /// Whether it is only there for correlations.
    pub(crate) silent: bool,
    /// What a correlation is about.
    pub(crate) draft: Option<Draft>,
    pub(super) log_source: Option<usize>,
}

const KEYS: &[&str] = &[
    "title",
    "id",
    "name",
    "related",
    "taxonomy",
    "status",
    "description",
    "license",
    "author",
    "references",
    "reference",
    "date",
    "modified",
    "logsource",
    "detection",
    "correlation",
    "generate",
    "filter",
    "fields",
    "falsepositives",
    "level",
    "tags",
    "scope",
];

/// What became of the rules.
pub(crate) struct Outcome {
    pub(crate) rules: Vec<Compiled>,
    pub(crate) correlations: Vec<Correlation>,
    /// The names of those that are left out since they have errors.
    pub(crate) failed: Vec<MappedText>,
}

impl Sigma {
    /// Whether there is nothing to compile.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.filters.is_empty() && self.correlations.is_empty()
    }

    /// How many rules there are, correlation rules among them.
    pub(crate) fn rules(&self) -> usize {
        self.rules.len() + self.correlations.len()
    }

    /// Reads the documents of a file.
    pub(crate) fn read(&mut self, text: &str, file: u32, problems: &mut Vec<Diagnostic>) {
        let nodes = document::documents(text, file, problems);
        for document in collection::documents(nodes, problems) {
            self.add(&document, problems);
        }
    }

    fn add(&mut self, document: &Document, problems: &mut Vec<Diagnostic>) {
        for entry in &document.entries {
            if let Some(span) = collection::too_deep(&entry.value) {
                let message = "values nest too deeply";
                problems.push(Diagnostic::error(Code::TooDeep, span, message));
                return;
            }
        }
        let mut keys = Keys {
            entries: &document.entries,
            span: document.span,
            note: String::new(),
            problems,
            faulty: false,
        };
        let title = keys.get("title").map(|entry| &entry.value);
        keys.note = match title {
            Some(document::Node::Scalar(title)) => {
                format!("in rule `{}`, which is left out", title.text)
            }
            _ => "this rule is left out".to_owned(),
        };
        let Some(head) = metadata::head(&mut keys) else {
            return;
        };
        let has = |key: &str| document.entries.iter().any(|entry| entry.key.text == key);
        unknown_keys(&mut keys);
        if has("correlation") {
            let correlation = correlation::read(&mut keys, head);
            self.correlations.extend(correlation);
            return;
        }
        let is_filter = has("filter");
        let section = if is_filter { "filter" } else { "detection" };
        let Some((entries, span)) = keys.map(section) else {
            keys.missing(section);
            return;
        };
        let log_source = metadata::logsource(&mut keys);
        let skipped: &[&str] = if is_filter { &["rules"] } else { &[] };
        let detection = detection::read(&mut keys, entries, span, skipped);
        let (Some(detection), Some((log_source, log_source_span))) = (detection, log_source) else {
            return;
        };
        if is_filter {
            let mut inner = Keys {
                entries,
                span,
                note: keys.note.clone(),
                problems: &mut *keys.problems,
                faulty: false,
            };
            let rules = inner.texts("rules");
            if rules.is_empty() {
                inner.missing("rules");
                return;
            }
            self.filters.push(Filter {
                title: head.title,
                log_source,
                rules,
                detection,
            });
            return;
        }
        let mut enabled = true;
        if let Some(Status::Unsupported) = head.metadata.status {
            let message = "the rule says of itself that it cannot be used, and is switched off";
            keys.note.clear();
            keys.warn(Code::Unsupported, head.title.span, message);
            enabled = false;
        }
        if keys.faulty {
            return;
        }
        let condition = detection.conditions.first().cloned();
        let mut condition = condition.unwrap_or_default();
        for other in detection.conditions.iter().skip(1) {
            condition.text = format!("({}) or ({})", condition.text, other.text);
        }
        let metadata = super::Metadata {
            logsource: log_source.clone(),
            ..head.metadata
        };
        self.rules.push(Rule {
            item: RuleItem {
                name: head.title,
                desc: head.description,
                condition,
                output: None,
                priority: head.priority,
                tags: head.tags,
                actions: Vec::new(),
                prefilter: None,
                enabled,
                source: None,
                raw_exceptions: Vec::new(),
                exceptions: Vec::new(),
                warns_of_types: true,
                skips_unknown: false,
                capture: false,
                capture_duration: 0,
                sigma: Some(Box::new(metadata)),
                stateful: None,
            },
            log_source,
            log_source_span,
            detection,
        });
    }

    /// Compiles the rules, of which the first will have the place `base` among all: those that the mapping
    /// has a source for, and the correlations whose rules are there.
    pub(crate) fn compile(
        self,
        mapping_file: Option<(&SourceFile, u32)>,
        compiler: &mut Compiler,
        base: usize,
    ) -> Outcome {
        let mapping = mapping_file.map_or_else(Mapping::default, |(file, number)| {
            Mapping::read(file, number, &mut compiler.problems)
        });
        let by_reference = correlate::by_reference(
            self.rules
                .iter()
                .filter_map(|rule| rule.item.sigma.as_deref()),
        );
        let mut filters_of: Vec<Vec<&Filter>> = vec![Vec::new(); self.rules.len()];
        let mut filters_of_all = Vec::new();
        for filter in &self.filters {
            for reference in &filter.rules {
                if reference.text == "any" {
                    filters_of_all.push(filter);
                } else if let Some(rule) = by_reference.get(reference.text.as_str()) {
                    filters_of[*rule].push(filter);
                } else {
                    let message = format!("there is no rule `{}`", reference.text);
                    let problem =
                        Diagnostic::warning(Code::UndefinedMacro, reference.span, message);
                    let note = format!("in filter `{}`", filter.title.text);
                    compiler.problems.push(problem.note(note));
                }
            }
        }
        let mut sources = Sources {
            mapping: &mapping,
            compiled: HashMap::default(),
        };
        let mut rules = Vec::with_capacity(self.rules.len());
        let mut failed = Vec::new();
        for (rule, own) in self.rules.iter().zip(&filters_of) {
            let filters = own.iter().chain(&filters_of_all).copied();
            if !sources.can_run(rule, compiler) {
                continue;
            }
            let root = sources.rule(rule, compiler);
            let root = root.and_then(|root| sources.filtered(root, rule, filters, compiler));
            if root.is_none() {
                failed.push(rule.item.name.clone());
            }
            rules.extend(root.map(|root| Compiled {
                item: rule.item.clone(),
                root,
                silent: false,
                draft: None,
                log_source: mapping.log_source(&rule.log_source),
            }));
        }
        let correlations =
            correlate::resolve(&self.correlations, &mut rules, &mapping, base, compiler);
        let stands = |item: &&CorrelationItem| {
            let mut known = rules.iter().filter(|rule| rule.draft.is_some());
            !known.any(|rule| rule.item.name.span == item.title.span)
        };
        let lost = self.correlations.iter().filter(stands);
        failed.extend(lost.map(|item| item.title.clone()));
        Outcome {
            rules,
            correlations,
            failed,
        }
    }
}

fn unknown_keys(keys: &mut Keys<'_, '_>) {
    for entry in keys.entries {
        let key = entry.key.text.as_str();
        // The specification leaves room for keys of one's own, so only likely slips are told.
        let known = crate::diagnostic::nearest(key, KEYS.iter().copied());
        if let Some(known) = known.filter(|known| *known != key) {
            let message = format!("Sigma rules have no key `{key}`");
            let problem = Diagnostic::warning(Code::UnknownKey, entry.key.span, message);
            keys.problems
                .push(problem.help(format!("did you mean `{known}`?")));
        }
    }
}

/// Finds what is wrong with a mapping, or with the built-in one of a source, also in what no rule asks for:
/// every field is looked up, every condition compiled.
pub fn check_mapping<V: View>(mapping: Option<SourceFile>) -> Diagnostics {
    let catalogue = V::catalogue();
    let Some(file) = mapping.or_else(|| mapping::built_in(catalogue.source)) else {
        return Diagnostics::default();
    };
    let mut problems = Vec::new();
    let mapping = Mapping::read(&file, 0, &mut problems);
    let (lists, macros) = (Lists::default(), Macros::default());
    let mut compiler = Compiler::new(catalogue, lists, macros, problems);
    mapping.check(&mut compiler);
    let (_, problems) = compiler.into_problems();
    Diagnostics::new(problems, crate::source::Sources::new(vec![file]), 1)
}

/// The file of the built-in mapping for a source.
pub(crate) fn built_in_mapping(source: &str) -> Option<SourceFile> {
    mapping::built_in(source)
}

/// Log sources, whose conditions are compiled once.
struct Sources<'m> {
    mapping: &'m Mapping,
    compiled: HashMap<usize, Option<NodeId>, RandomState>,
}

impl Sources<'_> {
    /// Whether observations can be what the rule is about; that they cannot is no error.
    fn can_run(&self, rule: &Rule, compiler: &mut Compiler) -> bool {
        let title = &rule.item.name.text;
        if self.mapping.log_source(&rule.log_source).is_some() {
            return true;
        }
        let described = || {
            let words = [
                ("product", &rule.log_source.product),
                ("category", &rule.log_source.category),
                ("service", &rule.log_source.service),
            ];
            let words = words.iter().filter(|(_, word)| !word.is_empty());
            let words: Vec<String> = words.map(|(key, word)| format!("{key} {word}")).collect();
            words.join(", ")
        };
        let (consequence, code) = if self.mapping.accepts_unmatched {
            ("so the rule is asked of every observation", Code::Constant)
        } else {
            ("so the rule cannot run here", Code::OtherSource)
        };
        let message = format!(
            "no log source of {} is for {}, {consequence}",
            if self.mapping.name.is_empty() {
                "any mapping"
            } else {
                &self.mapping.name
            },
            described()
        );
        let problem = Diagnostic::warning(code, rule.log_source_span, message);
        compiler
            .problems
            .push(problem.note(format!("in rule `{title}`")));
        self.mapping.accepts_unmatched
    }

    fn rule(&mut self, rule: &Rule, compiler: &mut Compiler) -> Option<NodeId> {
        let title = rule.item.name.text.clone();
        let log_source = self.mapping.log_source(&rule.log_source);
        let taxonomy = rule.item.sigma.as_deref().map_or("", |m| &m.taxonomy);
        let plain = |taxonomy: &str| taxonomy.is_empty() || taxonomy == "sigma";
        if taxonomy != self.mapping.taxonomy && !(plain(taxonomy) && plain(&self.mapping.taxonomy))
        {
            let message = format!("the taxonomy `{taxonomy}` is not that of the mapping");
            let problem = Diagnostic::error(Code::Unsupported, rule.item.name.span, message);
            compiler.problems.push(
                problem
                    .leaving_out(&title)
                    .note(format!("in rule `{title}`, which is left out")),
            );
            return None;
        }
        let condition = self.log_source(log_source, compiler)?;
        let detection = self.detection(&rule.detection, log_source, title, compiler)?;
        Some(compiler.builder.all(vec![condition, detection]))
    }

    fn detection(
        &self,
        detection: &Detection,
        log_source: Option<usize>,
        title: String,
        compiler: &mut Compiler,
    ) -> Option<NodeId> {
        let file = detection.conditions.first().map_or(0, |c| c.span.file);
        let owner = Owner::Item("rule", title);
        let mut lowering = Lowering {
            scope: Scope::new(Dialect::Sigma, file, owner.clone()),
            compiler,
            mapping: self.mapping,
            log_source,
            owner,
        };
        lowering.detection(detection)
    }

    /// What an observation must be to be of a log source.
    fn log_source(&mut self, index: Option<usize>, compiler: &mut Compiler) -> Option<NodeId> {
        let Some(index) = index else {
            return Some(compiler.builder.constant(true));
        };
        if let Some(known) = self.compiled.get(&index) {
            return *known;
        }
        let source = &self.mapping.log_sources[index];
        let node = match &source.condition {
            None => Some(compiler.builder.constant(true)),
            Some(condition) => {
                let dialect = self.mapping.dialect.unwrap_or(Dialect::SysFlow);
                let owner = Owner::Item("log source", source.name.clone());
                let answer = compiler.condition(ToCompile {
                    text: condition,
                    dialect,
                    owner,
                    skips_unknown: false,
                });
                if let Some(answer) = &answer
                    && let Some(inner) = answer.trace.clone()
                {
                    compiler.tell(answer.node, |_| Trace::Macro {
                        name: format!("log source {}", source.name),
                        span: condition.span,
                        node: answer.node,
                        inner,
                    });
                }
                answer.map(|answer| answer.node)
            }
        };
        self.compiled.insert(index, node);
        node
    }

    /// A rule together with the filters that are for it.
    fn filtered<'f>(
        &self,
        root: NodeId,
        rule: &Rule,
        filters: impl Iterator<Item = &'f Filter>,
        compiler: &mut Compiler,
    ) -> Option<NodeId> {
        let mut parts = vec![root];
        for filter in filters {
            let wanted = &filter.log_source;
            let asked = &rule.log_source;
            let same = [
                (&wanted.product, &asked.product),
                (&wanted.category, &asked.category),
                (&wanted.service, &asked.service),
            ];
            let same = same
                .iter()
                .all(|(wanted, asked)| wanted.is_empty() || wanted == asked);
            if !same {
                continue;
            }
            let log_source = self.mapping.log_source(&rule.log_source);
            let title = filter.title.text.clone();
            // A rule without its filter would tell too much, so it falls out with it.
            parts.push(self.detection(&filter.detection, log_source, title, compiler)?);
        }
        Some(compiler.builder.all(parts))
    }
}
