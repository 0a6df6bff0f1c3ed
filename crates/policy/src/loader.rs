//! From files to a [`RuleSet`].

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::RandomState;
use sysflow_field::{Catalogue, KindSet, View};

use crate::Dialect;
use crate::compile::{Compiler, Macros, Owner, ToCompile};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity, nearest};
use crate::document;
use crate::exceptions::{self, Exception};
use crate::explain::Trace;
use crate::falco::{FalcoCode, Stage};
use crate::falco_items::as_set;
use crate::index::Index;
use crate::items::{self, DropItem, Item, Mode, RuleChange, RuleItem};
use crate::lists::Lists;
use crate::program::{Builder, NodeId, Program};
use crate::ruleset::{
    Capture, Counts, ExtraField, LoadOptions, Rule, RuleSet, Selection, Selector,
};
use crate::source::{MappedText, SourceFile, Sources, Span};
use crate::template::Template;
use crate::{alerts, analysis, pattern, requirements};

/// The only source of observations that there is here.
const SOURCE: &str = "syscall";

/// Everything that the files define, before it is compiled.
#[derive(Default)]
struct Definitions {
    lists: Lists,
    macros: Macros,
    rules: Vec<(RuleItem, Dialect)>,
    /// Where the rules of a name stand among all, for later items that change them.
    rules_by_name: HashMap<String, usize, RandomState>,
    drops: Vec<(DropItem, Dialect)>,
    counts: Counts,
}

pub(crate) fn load<V: View>(
    mut files: Vec<SourceFile>,
    options: &LoadOptions,
) -> (RuleSet<V>, Diagnostics) {
    for file in &mut files {
        if file.text.starts_with('\u{feff}') {
            file.text.remove(0);
        }
    }
    let sources = Sources::new(files);
    let mut problems = Vec::new();
    let mut definitions = Definitions::default();
    for (number, file) in sources.files().iter().enumerate() {
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
        let dialect = options
            .dialect
            .unwrap_or_else(|| document::detect(&file.text));
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
    compile(definitions, problems, sources, options)
}

/// Adds the items of one file to what is there.
struct Adder<'d> {
    definitions: &'d mut Definitions,
    catalogue: &'static Catalogue,
    dialect: Dialect,
    options: &'d LoadOptions,
}

impl Adder<'_> {
    fn add(&mut self, item: Item, problems: &mut Vec<Diagnostic>) {
        let dialect = self.dialect;
        let definitions = &mut *self.definitions;
        match item {
            Item::List(list) => {
                definitions.counts.lists += 1;
                if list.mode != Mode::Define && !definitions.lists.contains(&list.name.text) {
                    problems.push(nothing_to_change("list", &list.name));
                    return;
                }
                let earlier = definitions.lists.define(&list, dialect);
                if list.mode == Mode::Define {
                    redefined("list", &list.name, earlier, problems);
                }
            }
            Item::Macro(definition) => {
                definitions.counts.macros += 1;
                let (name, mode) = (definition.name.clone(), definition.mode);
                if mode != Mode::Define && !definitions.macros.contains(&name.text) {
                    problems.push(nothing_to_change("macro", &name));
                    return;
                }
                let earlier = definitions.macros.define(definition, dialect);
                if mode == Mode::Define {
                    redefined("macro", &name, earlier, problems);
                }
            }
            Item::Drop(drop) => {
                definitions.counts.drops += 1;
                definitions.drops.push((drop, dialect));
            }
            Item::Rule(rule) => {
                definitions.counts.rules += 1;
                self.add_rule(*rule, problems);
            }
            Item::Change(change) => {
                definitions.counts.rules += 1;
                if let Some(index) = self.known_rule(&change.name, problems) {
                    let mut changed = self.definitions.rules[index].0.clone();
                    let mut found = Vec::new();
                    change_rule(&mut changed, *change, self.catalogue, &mut found);
                    let faultless = found.iter().all(|p| p.severity != Severity::Error);
                    problems.append(&mut found);
                    if faultless {
                        self.definitions.rules[index].0 = changed;
                    }
                }
            }
            Item::Toggle { name, enabled } => {
                if let Some(index) = self.known_rule(&name, problems) {
                    self.definitions.rules[index].0.enabled = enabled;
                }
            }
            Item::Engine(version) => problems.extend(requirements::engine(&version)),
            Item::Plugins(plugins) => {
                for choice in &plugins {
                    problems.extend(requirements::plugin(choice, &self.options.plugins));
                }
            }
        }
    }

    fn add_rule(&mut self, mut rule: RuleItem, problems: &mut Vec<Diagnostic>) {
        let name = rule.name.text.clone();
        let mut faultless = true;
        for raw in &rule.raw_exceptions {
            match Exception::new(raw, self.catalogue) {
                Ok(exception) => rule.exceptions.push(exception),
                Err(problem) => {
                    faultless = false;
                    let note = format!("in rule `{name}`, which is left out");
                    problems.push(problem.note(note).about("rule", &name));
                }
            }
        }
        if !faultless {
            return;
        }
        if let Some(source) = rule.source.as_ref().filter(|source| source.text != SOURCE) {
            let message = format!("rules for the source `{}` cannot run here", source.text);
            let problem = Diagnostic::warning(Code::OtherSource, source.span, message);
            let note = format!("in rule `{name}`");
            problems.push(problem.note(note).about("rule", &name));
        }
        let dialect = self.dialect;
        let definitions = &mut *self.definitions;
        let known = definitions.rules_by_name.get(&name).copied();
        match known {
            // To Falco a name is the identity of a rule; the original SysFlow runs them all.
            Some(index) if dialect == Dialect::Falco => {
                let earlier = &definitions.rules[index].0;
                if source_of(earlier) != source_of(&rule) {
                    let message = format!(
                        "the rule `{name}` was for the source `{}` before",
                        source_of(earlier)
                    );
                    let problem = Diagnostic::error(Code::Invalid, rule.name.span, message);
                    let problem = problem.also(earlier.name.span, "the first one");
                    problems.push(problem.about("rule", &name));
                    return;
                }
                if earlier.name.span.file == rule.name.span.file {
                    let message = format!("this rule takes the place of an earlier one, `{name}`");
                    let hint = Diagnostic::hint(Code::Redefined, rule.name.span, message);
                    problems.push(hint.also(earlier.name.span, "the earlier one"));
                }
                definitions.rules[index] = (rule, dialect);
                return;
            }
            Some(index) => {
                let earlier = definitions.rules[index].0.name.span;
                redefined("rule", &rule.name, Some(earlier), problems);
            }
            None => {}
        }
        definitions
            .rules_by_name
            .insert(name, definitions.rules.len());
        definitions.rules.push((rule, dialect));
    }

    fn known_rule(&self, name: &MappedText, problems: &mut Vec<Diagnostic>) -> Option<usize> {
        if let Some(index) = self.definitions.rules_by_name.get(&name.text) {
            return Some(*index);
        }
        let problem = nothing_to_change("rule", name);
        let known = self.definitions.rules_by_name.keys().map(String::as_str);
        problems.push(match nearest(&name.text, known) {
            Some(known) => problem.help(format!("did you mean `{known}`?")),
            None => problem,
        });
        None
    }
}

fn nothing_to_change(kind: &'static str, name: &MappedText) -> Diagnostic {
    let message = format!("there is no {kind} `{}` yet to be changed", name.text);
    Diagnostic::error(Code::Invalid, name.span, message).about(kind, &name.text)
}

fn source_of(rule: &RuleItem) -> &str {
    rule.source.as_ref().map_or(SOURCE, |source| &source.text)
}

/// Changes a rule: first what is added, then what is replaced.
fn change_rule(
    rule: &mut RuleItem,
    change: RuleChange,
    catalogue: &Catalogue,
    problems: &mut Vec<Diagnostic>,
) {
    let RuleChange {
        name,
        added,
        replaced,
    } = change;
    let mut fault = |problem: Diagnostic| problems.push(problem.about("rule", &name.text));
    if let Some(condition) = &added.condition {
        rule.condition.append(condition);
    }
    if let Some(output) = &added.output {
        match &mut rule.output {
            Some(known) => known.append(output),
            none => *none = Some(output.clone()),
        }
    }
    if let Some(desc) = &added.desc {
        rule.desc.push(' ');
        rule.desc.push_str(desc);
    }
    if let Some(tags) = added.tags {
        rule.tags.extend(tags);
        rule.tags = as_set(std::mem::take(&mut rule.tags));
    }
    for raw in added.exceptions.unwrap_or_default() {
        let known = rule.exceptions.iter_mut();
        let mut fitting = known.filter(|known| known.name.text == raw.name.text);
        let (name, span) = (&raw.name.text, raw.name.span);
        if let Some(known) = fitting.next() {
            if raw.fields.is_some() || raw.comps.is_some() {
                let message = format!("the exception `{name}` is there: only values can be added");
                fault(Diagnostic::error(Code::Invalid, span, message));
            } else if raw.values.is_none() {
                let message = format!("nothing is added to the exception `{name}`");
                let problem = Diagnostic::warning(Code::Shape, span, message);
                fault(problem.falco(FalcoCode::AppendNoValues));
            } else if let Err(problem) = known.add_values(raw.values.as_ref()) {
                fault(*problem);
            }
            continue;
        }
        if raw.values.is_none() {
            let message = format!("the exception `{name}` is new and has no `values`");
            fault(Diagnostic::error(Code::Invalid, span, message));
            continue;
        }
        match Exception::new(&raw, catalogue) {
            Ok(exception) => rule.exceptions.push(exception),
            Err(problem) => fault(*problem),
        }
    }
    if let Some(condition) = replaced.condition {
        rule.condition = condition;
    }
    if let Some(output) = replaced.output {
        rule.output = Some(output);
    }
    if let Some(exceptions) = replaced.exceptions {
        rule.exceptions.clear();
        for raw in &exceptions {
            match Exception::new(raw, catalogue) {
                Ok(exception) => rule.exceptions.push(exception),
                Err(problem) => fault(*problem),
            }
        }
    }
    let set = |known: &mut bool, new: Option<bool>| *known = new.unwrap_or(*known);
    set(&mut rule.enabled, replaced.enabled);
    set(&mut rule.warns_of_types, replaced.warns_of_types);
    set(&mut rule.skips_unknown, replaced.skips_unknown);
    set(&mut rule.capture, replaced.capture);
    rule.desc = replaced.desc.unwrap_or(std::mem::take(&mut rule.desc));
    rule.priority = replaced.priority.unwrap_or(rule.priority);
    rule.tags = replaced.tags.map_or(std::mem::take(&mut rule.tags), as_set);
    rule.capture_duration = replaced.capture_duration.unwrap_or(rule.capture_duration);
}

/// Points out that a name was given before in the same file; across files that is how rules are adapted.
fn redefined(kind: &str, name: &MappedText, earlier: Option<Span>, problems: &mut Vec<Diagnostic>) {
    let Some(earlier) = earlier.filter(|earlier| earlier.file == name.span.file) else {
        return;
    };
    let message = match kind {
        "rule" => format!("there are two rules `{}`, and both are used", name.text),
        _ => format!("there are two {kind}s `{}`; the last one counts", name.text),
    };
    let problem = Diagnostic::warning(Code::Redefined, name.span, message);
    problems.push(problem.also(earlier, "the first one"));
}

/// A rule that has been compiled.
struct CompiledRule<V: View> {
    item: RuleItem,
    dialect: Dialect,
    root: NodeId,
    trace: Option<Arc<Trace>>,
    output: Option<Template<V>>,
    extra_fields: Vec<ExtraField<V>>,
    kinds: KindSet,
}

fn compile<V: View>(
    definitions: Definitions,
    problems: Vec<Diagnostic>,
    sources: Sources,
    options: &LoadOptions,
) -> (RuleSet<V>, Diagnostics) {
    let catalogue = V::catalogue();
    let Definitions {
        lists,
        macros,
        rules,
        drops,
        counts,
        ..
    } = definitions;
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
    for (item, dialect) in rules {
        let is_urgent = options
            .minimum_priority
            .is_none_or(|least| item.priority <= least);
        if source_of(&item) == SOURCE && is_urgent {
            compiled_rules.extend(compile_rule(item, dialect, options, &mut compiler));
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
        .map(|rule| analysis::Described {
            item: &rule.item,
            dialect: rule.dialect,
            root: rule.root,
            kinds: rule.kinds,
        })
        .collect();
    analysis::rules(&described, &builder, catalogue, &mut problems);
    finish(
        compiled_rules,
        &compiled_drops,
        counts,
        builder,
        options,
        &sources,
    )
    .with(problems, sources)
}

/// A rule set whose problems are still apart.
struct Finished<V: View>(RuleSet<V>);

impl<V: View> Finished<V> {
    fn with(self, problems: Vec<Diagnostic>, sources: Sources) -> (RuleSet<V>, Diagnostics) {
        (self.0, Diagnostics::new(problems, sources))
    }
}

/// Compiles the condition and the output of a rule.
fn compile_rule<V: View>(
    item: RuleItem,
    dialect: Dialect,
    options: &LoadOptions,
    compiler: &mut Compiler,
) -> Option<CompiledRule<V>> {
    let condition = exceptions::expand(&item.condition, &item.exceptions);
    let name = &item.name.text;
    let answer = compiler.condition(ToCompile {
        text: &condition,
        dialect,
        owner: Owner::Item("rule", name.clone()),
        skips_unknown: item.skips_unknown,
    });
    let mut found = Vec::new();
    let (output, extra_fields) = alerts::output(&item, dialect, SOURCE, options, &mut found);
    let output_is_good = found
        .iter()
        .all(|problem| problem.severity != Severity::Error);
    for mut problem in found {
        problem.stage = Stage::Rules;
        if dialect != Dialect::Falco {
            problem.falco = None;
        }
        let skips = item.skips_unknown && problem.code.is_unknown_filter();
        let is_error = problem.severity == Severity::Error;
        let note = match (is_error, skips) {
            (false, _) => "",
            (true, false) => ", which is left out",
            (true, true) => {
                problem.severity = Severity::Warning;
                problem.falco = Some(FalcoCode::UnknownFilter);
                ", which is skipped"
            }
        };
        let problem = problem.note(format!("in rule `{name}`{note}"));
        compiler.problems.push(problem.about("rule", name));
    }
    let kinds = prefilter::<V>(&item, &mut compiler.problems);
    let answer = answer.filter(|_| output_is_good)?;
    let reach = compiler.builder.if_true(answer.node);
    if dialect == Dialect::SysFlow && !kinds.is_empty() {
        let possible = kinds.intersection(reach.kinds);
        compiler
            .problems
            .extend(matches_nothing(&item, possible, compiler.catalogue));
    }
    Some(CompiledRule {
        item,
        dialect,
        root: answer.node,
        trace: answer.trace,
        output,
        extra_fields,
        kinds,
    })
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
    rules: Vec<CompiledRule<V>>,
    drops: &[NodeId],
    counts: Counts,
    builder: Builder,
    options: &LoadOptions,
    sources: &Sources,
) -> Finished<V> {
    let catalogue = V::catalogue();
    let mut drop_index = Index::new(catalogue);
    for (number, root) in drops.iter().enumerate() {
        drop_index.add(number as u32, *root, KindSet::ALL, builder.if_true(*root));
    }
    let mut rule_index = Index::new(catalogue);
    let mut reach = Vec::with_capacity(rules.len());
    for (number, rule) in rules.iter().enumerate() {
        let of_root = builder.if_true(rule.root);
        if rule.item.enabled {
            rule_index.add(number as u32, rule.root, rule.kinds, of_root);
        }
        reach.push(rule.kinds.intersection(of_root.kinds));
    }
    let rule_roots = rules.iter().map(|rule| rule.root);
    let roots: Vec<NodeId> = drops.iter().copied().chain(rule_roots).collect();
    let (mut seen, mut checks) = (HashSet::new(), Vec::new());
    for trace in rules.iter().filter_map(|rule| rule.trace.as_ref()) {
        trace.checks(&mut seen, &mut checks);
    }
    let program = builder.finish(&roots, &checks);
    let mut traces = Vec::new();
    let mut finished = Vec::with_capacity(rules.len());
    for (rule, kinds) in rules.into_iter().zip(reach) {
        traces.push(rule.trace.clone());
        finished.push(finished_rule(rule, kinds, &program, sources));
    }
    Finished(RuleSet {
        rules: finished,
        drops: drops.len(),
        counts,
        program,
        rule_index,
        drop_index,
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
        file: sources
            .get(span)
            .map_or_else(String::new, |file| file.name.clone()),
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
