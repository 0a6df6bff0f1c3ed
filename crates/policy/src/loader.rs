//! From files to a [`RuleSet`].

use std::collections::HashSet;
use std::sync::Arc;

use sysflow_field::{Catalogue, KindSet, View};

use crate::Dialect;
use crate::compile::{Compiled, Compiler, Owner, ToCompile};
use crate::definitions::{Adder, Definitions, SOURCE, source_of};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity, nearest};
use crate::document;
use crate::exceptions;
use crate::explain::Trace;
use crate::falco::Step;
use crate::index::{Entry, Index};
use crate::items::{self, RuleItem};
use crate::program::{Builder, NodeId, Program};
use crate::ruleset::{
    Capture, Counts, ExtraField, FailedRule, LoadOptions, Rule, RuleSet, Selection, Selector,
};
use crate::sigma::{self, Correlation};
use crate::source::{MappedText, NOT_UTF8, SourceFile, Sources, Span};
use crate::stateful::{self, Draft, Numbered, Plans, StepSource};
use crate::template::Template;
use crate::{alerts, analysis, pattern};

pub(crate) fn load<V: View>(
    mut files: Vec<SourceFile>,
    options: &LoadOptions,
) -> (RuleSet<V>, Diagnostics) {
    for file in &mut files {
        if file.text.starts_with('\u{feff}') {
            file.text.remove(0);
        }
    }
    // The mapping of Sigma's names stands behind the files, so that problems in it have a place.
    let mapping = options.sigma_mapping.clone();
    let mapping = mapping.or_else(|| sigma::built_in_mapping(V::catalogue().source));
    let rule_files = files.len();
    files.extend(mapping);
    let sources = Sources::new(files);
    let mut problems = Vec::new();
    let mut definitions = Definitions::default();
    for (number, file) in sources.files()[..rule_files].iter().enumerate() {
        let number = number as u32;
        if file.text.len() > options.max_file_size {
            let message = format!(
                "this file has {} bytes, more than the {} that are allowed",
                file.text.len(),
                options.max_file_size
            );
            let start = Span::new(number, 0, 0);
            problems.push(Diagnostic::error(Code::TooLarge, start, message));
            continue;
        }
        if let Some(at) = file.text.find(NOT_UTF8) {
            let span = Span::new(number, at, at + NOT_UTF8.len_utf8());
            let message = "this is not UTF-8, so nothing of the file is read";
            problems.push(Diagnostic::error(Code::Yaml, span, message));
            continue;
        }
        let dialect = options
            .dialect
            .unwrap_or_else(|| document::detect(&file.text));
        if dialect == Dialect::Sigma {
            let mut found = Vec::new();
            definitions.sigma.read(&file.text, number, &mut found);
            problems.extend(found.into_iter().map(Diagnostic::fine_in_falco));
            continue;
        }
        let before = problems.len();
        let mut adder = Adder {
            definitions: &mut definitions,
            catalogue: V::catalogue(),
            dialect,
            options,
        };
        let mut found = Vec::new();
        let items = document::read(&file.text, number, dialect, &mut found);
        problems.append(&mut found);
        for raw in items {
            if let Some(item) = items::interpret(&raw, dialect, &mut problems) {
                adder.add(item, &mut problems);
            }
        }
        if dialect != Dialect::Falco {
            for problem in &mut problems[before..] {
                problem.falco = None;
            }
        }
    }
    compile(definitions, problems, sources, rule_files, options)
}

/// A rule that has been compiled.
struct CompiledRule<V: View> {
    item: RuleItem,
    /// Its number among all rules of Falco's and SysFlow's files.
    number: u32,
    dialect: Dialect,
    root: NodeId,
    trace: Option<Arc<Trace>>,
    output: Option<Template<V>>,
    extra_fields: Vec<ExtraField<V>>,
    kinds: KindSet,
    /// What it says of several observations.
    draft: Option<Draft>,
    /// Whether it is only there for rules that are about it.
    silent: bool,
}

fn compile<V: View>(
    definitions: Definitions,
    problems: Vec<Diagnostic>,
    sources: Sources,
    rule_files: usize,
    options: &LoadOptions,
) -> (RuleSet<V>, Diagnostics) {
    let catalogue = V::catalogue();
    let Definitions {
        lists,
        macros,
        rules,
        drops,
        mut counts,
        sigma,
        ..
    } = definitions;
    counts.rules += sigma.rules();
    let mut compiler = Compiler::new(catalogue, lists, macros, problems);
    compiler.traces = options.explain;
    compiler.constants.clone_from(&options.static_fields);
    let mut compiled_drops = Vec::new();
    for (drop, dialect) in &drops {
        let answer = compiler.condition(ToCompile {
            text: &drop.condition,
            dialect: *dialect,
            owner: Owner::Item("drop", drop.name.text.clone()),
            skips_unknown: false,
        });
        let root = answer.map(|answer| answer.node);
        compiled_drops.extend(root.filter(|_| drop.enabled));
    }
    let mut compiled_rules: Vec<CompiledRule<V>> = Vec::new();
    let mut failed = Vec::new();
    let is_urgent = |item: &RuleItem| {
        let least = options.minimum_priority;
        least.is_none_or(|least| item.priority <= least)
    };
    for (number, (item, dialect)) in (0..).zip(rules) {
        if source_of(&item) == SOURCE && is_urgent(&item) {
            let name = item.name.clone();
            compiler.rule = Some(number);
            match compile_rule(item, dialect, options, &mut compiler) {
                Some(rule) => compiled_rules.push(rule),
                None => failed.push(failed_rule(&name, &sources)),
            }
        }
    }
    compiler.rule = None;
    let mut correlations = Vec::new();
    if !sigma.is_empty() {
        let mapping = sources.files().get(rule_files);
        let mapping = mapping.map(|file| (file, rule_files as u32));
        let before = compiler.problems.len();
        let found = sigma.compile(mapping, &mut compiler, compiled_rules.len());
        for problem in &mut compiler.problems[before..] {
            problem.falco = None;
        }
        correlations = found.correlations;
        failed.extend(found.failed.iter().map(|name| failed_rule(name, &sources)));
        for mut rule in found.rules {
            rule.item.enabled &= is_urgent(&rule.item);
            let trace =
                (compiler.traces && rule.draft.is_none()).then(|| compiler.trace_of(rule.root));
            compiled_rules.push(CompiledRule {
                item: rule.item,
                number: 0,
                dialect: Dialect::Sigma,
                root: rule.root,
                trace,
                output: None,
                extra_fields: Vec::new(),
                kinds: KindSet::ALL,
                draft: rule.draft,
                silent: rule.silent,
            });
        }
    }
    compiler.remaining_names();
    analysis::unused(&mut compiler);
    let (builder, mut problems) = compiler.into_problems();
    for rule in &mut compiled_rules {
        select(&mut rule.item, &options.selection);
    }
    let described: Vec<analysis::Described<'_>> = compiled_rules
        .iter()
        .filter(|rule| rule.draft.is_none() && !rule.silent)
        .map(|rule| analysis::Described {
            item: &rule.item,
            number: rule.number,
            dialect: rule.dialect,
            root: rule.root,
            kinds: rule.kinds,
        })
        .collect();
    analysis::rules(&described, &builder, catalogue, &mut problems);
    finish(
        (compiled_rules, failed, correlations),
        compiled_drops,
        counts,
        builder,
        options,
        &sources,
    )
    .with(problems, sources, rule_files)
}

/// A rule set whose problems are still apart.
struct Finished<V: View>(RuleSet<V>);

impl<V: View> Finished<V> {
    fn with(
        self,
        problems: Vec<Diagnostic>,
        sources: Sources,
        rule_files: usize,
    ) -> (RuleSet<V>, Diagnostics) {
        (self.0, Diagnostics::new(problems, sources, rule_files))
    }
}

/// Compiles the condition and the output of a rule.
fn compile_rule<V: View>(
    item: RuleItem,
    dialect: Dialect,
    options: &LoadOptions,
    compiler: &mut Compiler,
) -> Option<CompiledRule<V>> {
    let name = &item.name.text;
    let mut found = Vec::new();
    let (output, extra_fields) = alerts::output(&item, dialect, SOURCE, options, &mut found);
    let output_is_good = found
        .iter()
        .all(|problem| problem.severity != Severity::Error);
    let is_skipped = alerts::report(found, &item, dialect, compiler);
    // What a rule uses that is skipped because of its output, Falco never sees.
    if is_skipped && dialect == Dialect::Falco {
        return None;
    }
    let parts = match item.stateful.as_ref().filter(|s| s.is_sequence()) {
        Some(sequence) => sequence.conditions().collect(),
        None => vec![&item.condition],
    };
    let before = compiler.problems.len();
    // Of all parts the problems are to be known.
    let answers: Vec<Option<Compiled>> = parts
        .into_iter()
        .map(|part| {
            compiler.condition(ToCompile {
                text: &exceptions::expand(part, &item.exceptions),
                dialect,
                owner: Owner::Item("rule", name.clone()),
                skips_unknown: item.skips_unknown,
            })
        })
        .collect();
    let answers: Option<Vec<Compiled>> = answers.into_iter().collect();
    if answers.is_none() {
        for problem in &mut compiler.problems[before..] {
            problem.falco = problem.falco.filter(|_| problem.step != Step::Done);
        }
    }
    let kinds = prefilter::<V>(&item, &mut compiler.problems);
    let draft = match (&item.stateful, &answers) {
        (Some(stateful), Some(answers)) => {
            let roots: Vec<NodeId> = answers.iter().map(|answer| answer.node).collect();
            Some(stateful::drafted(stateful, &roots, &item.name, compiler)?)
        }
        _ => None,
    };
    let answer = any_of(answers.filter(|_| output_is_good)?, compiler);
    let reach = compiler.builder.if_true(answer.node);
    if dialect == Dialect::SysFlow && !kinds.is_empty() {
        let possible = kinds.intersection(reach.kinds);
        compiler
            .problems
            .extend(matches_nothing(&item, possible, compiler.catalogue));
    }
    Some(CompiledRule {
        item,
        number: compiler.rule.unwrap_or_default(),
        dialect,
        root: answer.node,
        trace: answer.trace,
        output,
        extra_fields,
        kinds,
        draft,
        silent: false,
    })
}

/// The steps of a sequence, of which an observation takes any, or a condition.
fn any_of(mut answers: Vec<Compiled>, compiler: &mut Compiler) -> Compiled {
    if answers.len() == 1 {
        return answers.remove(0);
    }
    let (nodes, traces): (Vec<NodeId>, Vec<_>) = answers
        .into_iter()
        .map(|answer| (answer.node, answer.trace))
        .unzip();
    let traces: Option<Vec<_>> = traces.into_iter().collect();
    Compiled {
        node: compiler.builder.any(nodes),
        trace: traces.map(|traces| Trace::Any(traces).into()),
    }
}

fn failed_rule(name: &MappedText, sources: &Sources) -> FailedRule {
    FailedRule {
        name: name.text.clone(),
        file: file_name(sources, name.span),
        position: sources.position(name.span, name.span.start),
    }
}

fn file_name(sources: &Sources, span: Span) -> String {
    let file = sources.get(span);
    file.map_or_else(String::new, |file| file.name.clone())
}

/// Switches a rule on or off.
fn select(item: &mut RuleItem, selection: &[Selection]) {
    for entry in selection {
        let is_meant = match &entry.rules {
            Selector::Name(pattern) => {
                pattern::glob_matches(&star_only(pattern), item.name.text.as_bytes(), false)
            }
            Selector::Tag(tag) => item.tags.contains(tag),
        };
        if is_meant {
            item.enabled = entry.enable;
        }
    }
}

/// A pattern in which only stars mean something.
fn star_only(pattern: &str) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(pattern.len());
    for byte in pattern.bytes() {
        if matches!(byte, b'?' | b'[' | b'\\') {
            escaped.push(b'\\');
        }
        escaped.push(byte);
    }
    escaped
}

fn finish<V: View>(
    (rules, failed, correlations): (Vec<CompiledRule<V>>, Vec<FailedRule>, Vec<Correlation>),
    drops: Vec<NodeId>,
    counts: Counts,
    builder: Builder,
    options: &LoadOptions,
    sources: &Sources,
) -> Finished<V> {
    let catalogue = V::catalogue();
    let numbered = drops.iter().enumerate();
    let dropping =
        numbered.map(|(number, root)| Entry::new(number as u32, *root, KindSet::ALL, &builder));
    let drop_index = Index::new(dropping.collect(), catalogue, &builder);
    let mut entries = Vec::new();
    let mut reach = Vec::with_capacity(rules.len());
    for (number, rule) in rules.iter().enumerate() {
        if rule.item.enabled && rule.draft.is_none() && !rule.silent {
            entries.push(Entry::new(number as u32, rule.root, rule.kinds, &builder));
        }
        let of_root = builder.if_true(rule.root);
        reach.push(rule.kinds.intersection(of_root.kinds));
    }
    let rule_index = Index::new(entries, catalogue, &builder);
    let rule_roots: Vec<NodeId> = rules.iter().map(|rule| rule.root).collect();
    let drafts: Vec<Numbered> = rules
        .iter()
        .enumerate()
        .filter_map(|(number, rule)| {
            Some(Numbered {
                rule: number,
                kinds: rule.kinds,
                tells: rule.item.enabled && !rule.silent,
                draft: rule.draft.clone()?,
            })
        })
        .collect();
    let steps = drafts.iter().flat_map(|numbered| &numbered.draft.steps);
    let step_roots = steps.filter_map(|step| match step.source {
        StepSource::Node(root) => Some(root),
        StepSource::Rule(_) => None,
    });
    let step_roots: Vec<NodeId> = step_roots.collect();
    let roots = [&drops[..], &rule_roots[..], &step_roots[..]].concat();
    let plans = Plans::new(drafts, catalogue, &builder);
    let indexes = [&drop_index, &rule_index, &plans.index];
    let mut asked: Vec<NodeId> = indexes
        .iter()
        .flat_map(|index| index.sieve().nodes())
        .collect();
    let mut seen = HashSet::new();
    for trace in rules.iter().filter_map(|rule| rule.trace.as_ref()) {
        trace.checks(&mut seen, &mut asked);
    }
    let program = builder.finish(&roots, &asked);
    let mut traces = Vec::new();
    let mut finished = Vec::with_capacity(rules.len());
    for (rule, kinds) in rules.into_iter().zip(reach) {
        traces.push(rule.trace.clone());
        finished.push(finished_rule(rule, kinds, &program, sources));
    }
    Finished(RuleSet {
        rules: finished,
        failed,
        drops: drops.len(),
        counts,
        correlations,
        plans,
        program,
        rule_index,
        drop_index,
        rule_roots,
        drop_roots: drops,
        matching: options.matching,
        traces,
    })
}

fn finished_rule<V: View>(
    rule: CompiledRule<V>,
    kinds: KindSet,
    program: &Program,
    sources: &Sources,
) -> Rule<V> {
    let item = rule.item;
    let span = item.name.span;
    Rule {
        fields: program.fields(rule.root),
        file: file_name(sources, span),
        position: sources.position(span, span.start),
        source: source_of(&item).to_owned(),
        exceptions: item
            .exceptions
            .iter()
            .map(|e| e.name.text.clone())
            .collect(),
        capture: item.capture.then_some(Capture {
            duration_ms: Some(item.capture_duration).filter(|duration| *duration > 0),
        }),
        name: item.name.text,
        desc: item.desc,
        condition: item.condition.text,
        priority: item.priority,
        tags: item.tags,
        actions: item.actions,
        output: rule.output,
        extra_fields: rule.extra_fields,
        enabled: item.enabled,
        dialect: rule.dialect,
        kinds,
        stateful: rule.draft.is_some(),
        silent: rule.silent,
        sigma: item.sigma,
    }
}

/// A warning if no observation can be as a rule demands. Falco's rules are switched off in that way.
fn matches_nothing(
    item: &RuleItem,
    possible: KindSet,
    catalogue: &Catalogue,
) -> Option<Diagnostic> {
    let kinds = 0..catalogue.kinds.len() as u32;
    if !item.enabled || kinds.into_iter().any(|kind| possible.contains(kind)) {
        return None;
    }
    let message = format!(
        "no {} can match the rule `{}`",
        catalogue.source, item.name.text
    );
    let problem = Diagnostic::warning(Code::NeverTrue, item.name.span, message);
    Some(problem.note("its checks, or its prefilter, rule each other out"))
}

/// The kinds that a rule is for. An empty list, written out, is for none.
fn prefilter<V: View>(item: &RuleItem, problems: &mut Vec<Diagnostic>) -> KindSet {
    let catalogue = V::catalogue();
    let Some(words) = &item.prefilter else {
        return KindSet::ALL;
    };
    let note = format!("in rule `{}`", item.name.text);
    if words.is_empty() {
        let message = "the prefilter is empty, so the rule never matches";
        let problem = Diagnostic::warning(Code::NeverTrue, item.name.span, message);
        problems.push(problem.note(note));
        return KindSet::NONE;
    }
    let mut kinds = KindSet::NONE;
    for word in words {
        if let Some(kind) = catalogue.kind(word.text.as_bytes()) {
            kinds = kinds.union(KindSet::of(kind));
            continue;
        }
        let message = format!("there are no {} of kind `{}`", catalogue.source, word.text);
        let problem = Diagnostic::warning(Code::UnknownKind, word.span, message);
        let problem = match nearest(&word.text, catalogue.kinds.iter().copied()) {
            Some(known) => problem.help(format!("did you mean `{known}`?")),
            None => problem.help(format!("the kinds are {}", catalogue.kinds.join(", "))),
        };
        problems.push(problem.note(note.clone()));
    }
    kinds
}
