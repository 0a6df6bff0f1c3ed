//! Everything that rule files define, put together item by item.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use sysflow_field::Catalogue;

use crate::Dialect;
use crate::diagnostic::{Code, Diagnostic, Severity, nearest};
use crate::document::Node;
use crate::exceptions::Exception;
use crate::falco::FalcoCode;
use crate::falco_items::as_set;
use crate::items::{DropItem, Item, Mode, RuleChange, RuleItem};
use crate::lists::Lists;
use crate::macros::Macros;
use crate::requirements;
use crate::ruleset::{Counts, LoadOptions};
use crate::sigma::Sigma;
use crate::source::{MappedText, Span};

/// The only source of observations that there is here.
pub(crate) const SOURCE: &str = "syscall";

/// Everything that the files define, before it is compiled.
#[derive(Default)]
pub(crate) struct Definitions {
    pub(crate) lists: Lists,
    pub(crate) macros: Macros,
    pub(crate) rules: Vec<(RuleItem, Dialect)>,
    /// Where the rules of a name stand among all, for later items that change them.
    rules_by_name: HashMap<String, usize, RandomState>,
    pub(crate) drops: Vec<(DropItem, Dialect)>,
    pub(crate) counts: Counts,
    pub(crate) sigma: Sigma,
}

/// Adds the items of one file to what is there.
pub(crate) struct Adder<'d> {
    pub(crate) definitions: &'d mut Definitions,
    pub(crate) catalogue: &'static Catalogue,
    pub(crate) dialect: Dialect,
    pub(crate) options: &'d LoadOptions,
}

impl Adder<'_> {
    /// Adds an item.
    pub(crate) fn add(&mut self, item: Item, problems: &mut Vec<Diagnostic>) {
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
            match Exception::new(raw, fields_of(&rule, self.catalogue)) {
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
                problems.extend(other_source(&rule));
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
                problems.extend(other_source(&rule));
                redefined("rule", &rule.name, Some(earlier), problems);
            }
            None => problems.extend(other_source(&rule)),
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

/// Where the observations of a rule come from.
pub(crate) fn source_of(rule: &RuleItem) -> &str {
    rule.source.as_ref().map_or(SOURCE, |source| &source.text)
}

/// The fields that a rule may ask for, if those of its source are known here.
fn fields_of<'c>(rule: &RuleItem, catalogue: &'c Catalogue) -> Option<&'c Catalogue> {
    (source_of(rule) == SOURCE).then_some(catalogue)
}

/// Points out a rule for another source.
fn other_source(rule: &RuleItem) -> Option<Diagnostic> {
    let source = rule
        .source
        .as_ref()
        .filter(|source| source.text != SOURCE)?;
    let message = format!("rules for the source `{}` cannot run here", source.text);
    let problem = Diagnostic::warning(Code::OtherSource, source.span, message);
    let name = &rule.name.text;
    let note = format!("in rule `{name}`");
    Some(problem.note(note).about("rule", name))
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
    let condition = added.condition.as_ref().or(replaced.condition.as_ref());
    if let Some(condition) = condition
        && rule.stateful.as_ref().is_some_and(|s| s.is_sequence())
    {
        let message = "a sequence has several conditions, none of which can be changed";
        fault(Diagnostic::error(
            Code::Unsupported,
            condition.span,
            message,
        ));
        return;
    }
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
            let message = format!("nothing is added to the exception `{name}`");
            let problem = Diagnostic::warning(Code::Shape, span, message);
            fault(problem.falco(FalcoCode::AppendNoValues));
        }
        let lacks = match (&raw.fields, &raw.values) {
            (None, _) => Some("fields"),
            (_, None) => Some("values"),
            (_, Some(Node::List(values, _))) if values.is_empty() => Some("values"),
            _ => None,
        };
        if let Some(lacks) = lacks {
            let message = format!("the exception `{name}` is new and has no `{lacks}`");
            fault(Diagnostic::error(Code::Invalid, span, message));
            continue;
        }
        match Exception::new(&raw, fields_of(rule, catalogue)) {
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
            match Exception::new(raw, fields_of(rule, catalogue)) {
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
