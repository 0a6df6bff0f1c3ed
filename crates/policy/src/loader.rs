//! From files to a [`RuleSet`].

use std::collections::HashMap;

use foldhash::fast::RandomState;
use sysflow_field::{Catalogue, KindSet, View};

use crate::Dialect;
use crate::compile::{Compiler, Macros, Owner};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, nearest};
use crate::document;
use crate::index::Index;
use crate::items::{self, DropItem, Item, RuleItem};
use crate::lists::Lists;
use crate::program::{NodeId, Program};
use crate::ruleset::{Counts, LoadOptions, Rule, RuleSet};
use crate::sigma::{self, Compiled, Sigma};
use crate::source::{MappedText, SourceFile, Sources, Span};
use crate::stateful::{self, Numbered, Plans, StepSource};
use crate::template::Template;

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
    sigma: Sigma,
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
        let dialect = options
            .dialect
            .unwrap_or_else(|| document::detect(&file.text));
        if dialect == Dialect::Sigma {
            definitions.sigma.read(&file.text, number, &mut problems);
            continue;
        }
        for raw in document::read(&file.text, number, dialect, &mut problems) {
            if let Some(item) = items::interpret(&raw, dialect, &mut problems) {
                definitions.add(item, dialect, &mut problems);
            }
        }
    }
    compile(definitions, problems, sources, rule_files)
}

impl Definitions {
    fn add(&mut self, item: Item, dialect: Dialect, problems: &mut Vec<Diagnostic>) {
        match item {
            Item::List(list) => {
                self.counts.lists += 1;
                let earlier = self.lists.define(&list, dialect);
                redefined("list", &list.name, earlier, problems);
            }
            Item::Macro(definition) => {
                self.counts.macros += 1;
                let name = definition.name.clone();
                let earlier = self.macros.define(definition, dialect);
                redefined("macro", &name, earlier, problems);
            }
            Item::Drop(drop) => {
                self.counts.drops += 1;
                self.drops.push((drop, dialect));
            }
            Item::Rule(rule) => {
                self.counts.rules += 1;
                self.add_rule(rule, dialect, problems);
            }
            Item::Toggle { name, enabled } => {
                if let Some(rule) = self.known_rule(&name, problems) {
                    rule.enabled = enabled;
                }
            }
        }
    }

    fn add_rule(&mut self, rule: RuleItem, dialect: Dialect, problems: &mut Vec<Diagnostic>) {
        if rule.append {
            if let Some(known) = self.known_rule(&rule.name, problems) {
                if known.stateful.as_ref().is_some_and(|s| s.is_sequence()) {
                    let message = "a sequence has several conditions, to which none can be added";
                    let span = rule.condition.span;
                    problems.push(Diagnostic::error(Code::Unsupported, span, message));
                    return;
                }
                known.condition.append(&rule.condition);
            }
            return;
        }
        let name = rule.name.text.clone();
        let known = self.rules_by_name.get(&name).copied();
        match known {
            // To Falco a name is the identity of a rule; the original SysFlow runs them all.
            Some(index) if dialect == Dialect::Falco => {
                self.rules[index] = (rule, dialect);
                return;
            }
            Some(index) => {
                let earlier = self.rules[index].0.name.span;
                redefined("rule", &rule.name, Some(earlier), problems);
            }
            None => {}
        }
        self.rules_by_name.insert(name, self.rules.len());
        self.rules.push((rule, dialect));
    }

    fn known_rule(
        &mut self,
        name: &MappedText,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<&mut RuleItem> {
        if let Some(index) = self.rules_by_name.get(&name.text) {
            return Some(&mut self.rules[*index].0);
        }
        let message = format!("there is no rule `{}` yet to be changed", name.text);
        let problem = Diagnostic::error(Code::Shape, name.span, message);
        let known = self.rules_by_name.keys().map(String::as_str);
        problems.push(match nearest(&name.text, known) {
            Some(known) => problem.help(format!("did you mean `{known}`?")),
            None => problem,
        });
        None
    }
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

fn compile<V: View>(
    definitions: Definitions,
    problems: Vec<Diagnostic>,
    sources: Sources,
    rule_files: usize,
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
    let mut compiled_drops = Vec::new();
    for (drop, dialect) in &drops {
        let owner = Owner::Item("drop", drop.name.text.clone());
        let root = compiler.condition(&drop.condition, *dialect, owner);
        compiled_drops.extend(root.filter(|_| drop.enabled));
    }
    let mut compiled_rules = Vec::new();
    let mut drafts: Vec<Numbered> = Vec::new();
    // Rules that others are about give no alerts of their own.
    let mut silent: Vec<usize> = Vec::new();
    for (item, dialect) in rules {
        let owner = Owner::Item("rule", item.name.text.clone());
        let sequence = item.stateful.as_ref().filter(|s| s.is_sequence());
        let roots = match sequence {
            Some(sequence) => sequence.compiled(dialect, &owner, &mut compiler),
            None => compiler
                .condition(&item.condition, dialect, owner)
                .map(|root| vec![root]),
        };
        let mut found = Vec::new();
        let output = item
            .output
            .as_ref()
            .map(|text| Template::parse(text, dialect, &mut found));
        let output_is_good = found
            .iter()
            .all(|problem| problem.severity == crate::diagnostic::Severity::Warning);
        let note = if output_is_good {
            ""
        } else {
            ", which is left out"
        };
        let name = &item.name.text;
        compiler.problems.extend(
            found
                .into_iter()
                .map(|p| p.note(format!("in rule `{name}`{note}"))),
        );
        let kinds = prefilter::<V>(&item, &mut compiler.problems);
        let draft = match (&item.stateful, &roots) {
            (Some(stateful), Some(roots)) => {
                let draft = stateful::drafted(stateful, roots, &item.name, &mut compiler);
                if draft.is_none() {
                    continue;
                }
                draft
            }
            _ => None,
        };
        if let (Some(roots), true) = (roots, output_is_good) {
            let root = compiler.builder.any(roots);
            let reach = compiler.builder.if_true(root);
            if dialect == Dialect::SysFlow && !kinds.is_empty() {
                let possible = kinds.intersection(reach.kinds);
                compiler
                    .problems
                    .extend(matches_nothing(&item, possible, catalogue));
            }
            drafts.extend(draft.filter(|_| item.enabled).map(|draft| Numbered {
                rule: compiled_rules.len(),
                kinds,
                draft,
            }));
            compiled_rules.push((item, dialect, root, output, kinds));
        }
    }
    let mut correlations = Vec::new();
    if !sigma.is_empty() {
        let mapping = sources.files().get(rule_files);
        let mapping = mapping.map(|file| (file, rule_files as u32));
        let (rules, found) = sigma.compile(mapping, &mut compiler, compiled_rules.len());
        correlations = found;
        for rule in rules {
            let number = compiled_rules.len();
            let Compiled { item, root, .. } = rule;
            if rule.silent || rule.draft.is_some() {
                silent.push(number);
            }
            drafts.extend(rule.draft.map(|draft| Numbered {
                rule: number,
                kinds: KindSet::ALL,
                draft,
            }));
            compiled_rules.push((item, Dialect::Sigma, root, None, KindSet::ALL));
        }
    }
    compiler.remaining_names();
    let (builder, problems) = compiler.into_problems();

    let mut drop_index = Index::new(catalogue);
    for (number, root) in compiled_drops.iter().enumerate() {
        drop_index.add(number as u32, *root, KindSet::ALL, builder.if_true(*root));
    }
    let mut rule_index = Index::new(catalogue);
    for (number, (item, _, root, _, kinds)) in compiled_rules.iter().enumerate() {
        let judged = item.enabled && item.stateful.is_none();
        if judged && silent.binary_search(&number).is_err() {
            rule_index.add(number as u32, *root, *kinds, builder.if_true(*root));
        }
    }
    let reach: Vec<KindSet> = compiled_rules
        .iter()
        .map(|(_, _, root, _, kinds)| kinds.intersection(builder.if_true(*root).kinds))
        .collect();
    let steps = drafts.iter().flat_map(|numbered| &numbered.draft.steps);
    let step_roots = steps.filter_map(|step| match step.source {
        StepSource::Node(root) => Some(root),
        StepSource::Rule(_) => None,
    });
    let rule_roots = compiled_rules.iter().map(|(_, _, root, ..)| *root);
    let roots: Vec<NodeId> = compiled_drops
        .iter()
        .copied()
        .chain(rule_roots)
        .chain(step_roots)
        .collect();
    let plans = Plans::new(drafts, catalogue, &builder);
    let program = builder.finish(&roots);
    let rules = compiled_rules
        .into_iter()
        .zip(reach)
        .map(|((item, dialect, root, output, _), kinds)| {
            finished(item, dialect, root, output, kinds, &program, &sources)
        })
        .collect();
    let set = RuleSet {
        rules,
        drops: compiled_drops.len(),
        counts,
        correlations,
        plans,
        program,
        rule_index,
        drop_index,
    };
    (set, Diagnostics::new(problems, sources))
}

fn finished<V: View>(
    item: RuleItem,
    dialect: Dialect,
    root: NodeId,
    output: Option<Template<V>>,
    kinds: KindSet,
    program: &Program,
    sources: &Sources,
) -> Rule<V> {
    let span = item.name.span;
    Rule {
        fields: program.fields(root),
        file: sources
            .get(span)
            .map_or_else(String::new, |file| file.name.clone()),
        position: sources.position(span, span.start),
        name: item.name.text,
        desc: item.desc,
        condition: item.condition.text,
        priority: item.priority,
        tags: item.tags,
        actions: item.actions,
        output,
        enabled: item.enabled,
        dialect,
        kinds,
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
