//! Detections of log sources, and filters, as parts of the program.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;

use super::detection::Detection;
use super::load::{Filter, Rule};
use super::lower::{Lowering, MAX_MADE};
use super::mapping::Mapping;
use crate::Dialect;
use crate::compile::{Compiler, Owner, Scope, ToCompile};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::explain::Trace;
use crate::program::NodeId;

/// Log sources and filters, which are compiled once.
pub(super) struct Sources<'m> {
    mapping: &'m Mapping,
    filters: &'m [Filter],
    compiled: HashMap<usize, Option<NodeId>, RandomState>,
    /// Filters by their places, for each log source.
    of_filters: HashMap<(usize, Option<usize>), Filtering, RandomState>,
    /// Bytes that modifiers may still make.
    room: usize,
}

/// A filter for a log source.
#[derive(Clone)]
struct Filtering {
    /// `None` after errors, which are these problems.
    node: Option<NodeId>,
    problems: Range<usize>,
}

impl<'m> Sources<'m> {
    pub(super) fn new(mapping: &'m Mapping, filters: &'m [Filter]) -> Self {
        Self {
            mapping,
            filters,
            compiled: HashMap::default(),
            of_filters: HashMap::default(),
            room: MAX_MADE,
        }
    }

    /// Whether observations can be what the rule is about; that they cannot is no error.
    pub(super) fn can_run(&self, rule: &Rule, compiler: &mut Compiler) -> bool {
        let title = &rule.item.name.text;
        if self.mapping.covers(&rule.log_source) {
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

    /// The condition of a rule.
    pub(super) fn rule(&mut self, rule: &Rule, compiler: &mut Compiler) -> Option<NodeId> {
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
        let owner = Owner::Item("rule", title);
        let detection = self.detection(&rule.detection, log_source, owner, compiler)?;
        Some(compiler.builder.all(vec![condition, detection]))
    }

    fn detection(
        &mut self,
        detection: &Detection,
        log_source: Option<usize>,
        owner: Owner,
        compiler: &mut Compiler,
    ) -> Option<NodeId> {
        let file = detection.conditions.first().map_or(0, |c| c.span.file);
        let mut lowering = Lowering {
            scope: Scope::new(Dialect::Sigma, file, owner.clone()),
            compiler,
            mapping: self.mapping,
            log_source,
            owner,
            room: &mut self.room,
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

    /// A rule together with the filters that are for it, by their places.
    pub(super) fn filtered(
        &mut self,
        root: NodeId,
        rule: &Rule,
        filters: &[usize],
        compiler: &mut Compiler,
    ) -> Option<NodeId> {
        let mut parts = vec![root];
        let mut faultless = true;
        for at in filters {
            let wanted = &self.filters[*at].log_source;
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
            let filtering = self.filter(*at, self.mapping.log_source(asked), compiler);
            parts.extend(filtering.node);
            if filtering.node.is_some() {
                continue;
            }
            // A rule without its filter would tell too much, so it falls out with it.
            faultless = false;
            let name = &rule.item.name.text;
            for problem in &mut compiler.problems[filtering.problems] {
                if problem.severity == Severity::Error && !problem.leaves_out.contains(name) {
                    problem.leaves_out.push(name.clone());
                }
            }
        }
        faultless.then(|| compiler.builder.all(parts))
    }

    fn filter(
        &mut self,
        at: usize,
        log_source: Option<usize>,
        compiler: &mut Compiler,
    ) -> Filtering {
        if let Some(known) = self.of_filters.get(&(at, log_source)) {
            return known.clone();
        }
        let filter = &self.filters[at];
        let before = compiler.problems.len();
        let owner = Owner::Item("filter", filter.title.text.clone());
        let node = self.detection(&filter.detection, log_source, owner, compiler);
        let filtering = Filtering {
            node,
            problems: before..compiler.problems.len(),
        };
        self.of_filters.insert((at, log_source), filtering.clone());
        filtering
    }

    /// Says with the errors in filters which rules they leave out.
    pub(super) fn tell_of_filters(&self, compiler: &mut Compiler) {
        let all = self.of_filters.iter();
        for ((at, _), filtering) in all.filter(|(_, filtering)| filtering.node.is_none()) {
            let title = &self.filters[*at].title.text;
            for problem in &mut compiler.problems[filtering.problems.clone()] {
                let consequence = match problem.leaves_out.as_slice() {
                    [] => continue,
                    [only] => format!("`{only}` is left out"),
                    [first, others @ ..] => {
                        format!("`{first}` and {} others are left out", others.len())
                    }
                };
                // In place of what is said of items that are left out themselves.
                problem.notes.pop();
                let note = format!("in filter `{title}`, because of which {consequence}");
                problem.notes.push(note);
            }
        }
    }
}
