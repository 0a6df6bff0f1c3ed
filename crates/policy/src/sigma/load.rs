//! From documents to compiled rules.

use sysflow_field::View;

use super::collection::{self, Document, Keys};
use super::correlate::{self, Known, Lost};
use super::correlation::Correlation;
use super::correlation_item::{self, CorrelationItem};
use super::detection::{self, Detection};
use super::log_sources::Sources;
use super::mapping::{self, Mapping};
use super::metadata::{self, Head, LogSource, Metadata, Status};
use super::references::{self, References};
use crate::compile::Compiler;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document;
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
    /// Rules with errors.
    faulty: Vec<Metadata>,
    /// Rules that correlations with errors are about.
    quieted: Vec<MappedText>,
}

/// A detection rule.
pub(super) struct Rule {
    pub(super) item: RuleItem,
    pub(super) log_source: LogSource,
    pub(super) log_source_span: Span,
    pub(super) detection: Detection,
}

impl Rule {
    fn metadata(&self) -> &Metadata {
        static NONE: Metadata = Metadata::NONE;
        self.item.sigma.as_deref().unwrap_or(&NONE)
    }
}

/// What rules match only together with.
pub(super) struct Filter {
    pub(super) title: MappedText,
    pub(super) log_source: LogSource,
    /// The rules that it is for; none for any.
    rules: Vec<MappedText>,
    pub(super) detection: Detection,
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
        let items = self.correlations.len();
        let before = self.rules.len() + self.filters.len();
        let has = |key: &str| document.entries.iter().any(|entry| entry.key.text == key);
        let metadata = self.read_document(document, problems);
        // A rule that is left out may be called by others.
        if self.rules.len() + self.filters.len() == before && items == self.correlations.len() {
            self.faulty.extend(metadata);
            if has("correlation") {
                let quieted = correlation_item::quieted(&document.entries);
                self.quieted.extend(quieted);
            }
        }
    }

    /// Reads a document; gives what it says of itself.
    fn read_document(
        &mut self,
        document: &Document,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Metadata> {
        let mut keys = Keys {
            entries: &document.entries,
            span: document.span,
            note: String::new(),
            problems,
            faulty: false,
        };
        let title = keys.get("title").map(|entry| &entry.value);
        let kind = if keys.get("filter").is_some() {
            "filter"
        } else {
            "rule"
        };
        keys.note = match title {
            Some(document::Node::Scalar(title)) => {
                format!("in {kind} `{}`, which is left out", title.text)
            }
            _ => "this rule is left out".to_owned(),
        };
        let head = metadata::head(&mut keys)?;
        let metadata = head.metadata.clone();
        let has = |key: &str| document.entries.iter().any(|entry| entry.key.text == key);
        unknown_keys(&mut keys);
        if has("correlation") {
            self.correlations
                .extend(correlation_item::read(&mut keys, head));
        } else if has("filter") {
            self.filters.extend(filter(&mut keys, head));
        } else {
            self.rules.extend(rule(&mut keys, head));
        }
        Some(metadata)
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
        let own = self
            .rules
            .iter()
            .map(|rule| (rule.metadata(), &rule.item.name));
        let others = self.correlations.iter();
        let others = others.map(|item| (&item.correlation.metadata, &item.title));
        references::check_unique(own.chain(others), &mut compiler.problems);
        let filters_of = self.filters_of(&mut compiler.problems);
        let mut lowered = Sources::new(&mapping, &self.filters);
        let mut rules = Vec::with_capacity(self.rules.len());
        let mut failed = Vec::new();
        let mut lost: Vec<(&Metadata, Lost)> = Vec::new();
        for (rule, filters) in self.rules.iter().zip(&filters_of) {
            if !lowered.can_run(rule, compiler) {
                lost.push((rule.metadata(), Lost::OtherSource));
                continue;
            }
            let root = lowered.rule(rule, compiler);
            let root = root.and_then(|root| lowered.filtered(root, rule, filters, compiler));
            let Some(root) = root else {
                failed.push(rule.item.name.clone());
                lost.push((rule.metadata(), Lost::Faulty));
                continue;
            };
            rules.push(Compiled {
                item: rule.item.clone(),
                root,
                silent: false,
                draft: None,
                log_source: mapping.log_source(&rule.log_source),
            });
        }
        lowered.tell_of_filters(compiler);
        lost.extend(self.faulty.iter().map(|metadata| (metadata, Lost::Faulty)));
        let known = Known {
            mapping: &mapping,
            base,
            lost: &lost,
            quieted: &self.quieted,
        };
        let resolved = correlate::resolve(&self.correlations, &mut rules, &known, compiler);
        failed.extend(resolved.failed);
        let correlations = resolved.correlations;
        Outcome {
            rules,
            correlations,
            failed,
        }
    }

    /// The filters for each rule, by their places.
    fn filters_of(&self, problems: &mut Vec<Diagnostic>) -> Vec<Vec<usize>> {
        let references = References::new(self.rules.iter().map(|rule| Some(rule.metadata())));
        let mut filters_of: Vec<Vec<usize>> = vec![Vec::new(); self.rules.len()];
        for (at, filter) in self.filters.iter().enumerate() {
            if filter.rules.is_empty() {
                for of in &mut filters_of {
                    of.push(at);
                }
            }
            for reference in &filter.rules {
                if let Some(rule) = references.find(&reference.text) {
                    filters_of[rule].push(at);
                    continue;
                }
                let message = format!("there is no rule `{}`", reference.text);
                let problem = Diagnostic::warning(Code::UndefinedMacro, reference.span, message);
                let note = format!("in filter `{}`", filter.title.text);
                problems.push(problem.note(note));
            }
        }
        filters_of
    }
}

/// Reads a detection rule. `None` after an error, which has been reported.
fn rule(keys: &mut Keys<'_, '_>, head: Head) -> Option<Rule> {
    let section = keys.section("detection");
    let log_source = metadata::logsource(keys);
    let (entries, span) = section?;
    let detection = detection::read(keys, entries, span, &[])?;
    let (log_source, log_source_span) = log_source?;
    let mut enabled = true;
    if let Some(Status::Unsupported) = head.metadata.status {
        let message = "the rule says of itself that it cannot be used, and is switched off";
        keys.note.clear();
        keys.warn(Code::Unsupported, head.title.span, message);
        enabled = false;
    }
    if keys.faulty {
        return None;
    }
    let condition = detection.conditions.first().cloned();
    let mut condition = condition.unwrap_or_default();
    for other in detection.conditions.iter().skip(1) {
        condition.text = format!("({}) or ({})", condition.text, other.text);
    }
    let metadata = Metadata {
        logsource: log_source.clone(),
        ..head.metadata
    };
    Some(Rule {
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
    })
}

/// Reads a filter.
fn filter(keys: &mut Keys<'_, '_>, head: Head) -> Option<Filter> {
    let section = keys.section("filter");
    let log_source = metadata::logsource(keys);
    let (entries, span) = section?;
    let detection = detection::read(keys, entries, span, &["rules"]);
    let mut inner = Keys {
        entries,
        span,
        note: keys.note.clone(),
        problems: &mut *keys.problems,
        faulty: false,
    };
    let mut rules = inner.texts("rules");
    if inner.get("rules").is_none() {
        inner.missing("rules");
        return None;
    }
    // No rules are no restriction.
    let is_for_any = rules.is_empty() || rules.iter().any(|r| r.text.eq_ignore_ascii_case("any"));
    if is_for_any {
        rules.clear();
    }
    Some(Filter {
        title: head.title,
        log_source: log_source?.0,
        rules,
        detection: detection?,
    })
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
