//! The texts and fields of a rule's alerts: its output, what the configuration adds to it, and what is wrong with
//! it.

use std::fmt::Write as _;

use sysflow_field::View;

use crate::Dialect;
use crate::compile::Compiler;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::falco::{self, FalcoCode, Stage, Step};
use crate::items::RuleItem;
use crate::ruleset::{AppendOutput, ExtraField, ExtraOption, ExtraValue, LoadOptions};
use crate::source::MappedText;
use crate::template::Template;

/// The output of a rule and its further fields.
pub(crate) fn output<V: View>(
    item: &RuleItem,
    dialect: Dialect,
    source: &str,
    options: &LoadOptions,
    problems: &mut Vec<Diagnostic>,
) -> (Option<Template<V>>, Vec<ExtraField<V>>) {
    let constants = &options.static_fields;
    let meant = options
        .append_output
        .iter()
        .filter(|entry| is_meant(entry, item, source));
    let mut text = item.output.clone();
    let mut fields = Vec::new();
    for entry in meant {
        let mut added = entry.extra_output.clone().unwrap_or_default();
        if entry.suggested_output {
            for field in &options.suggested_fields {
                if V::catalogue().known(field).is_some() {
                    // Writing to a string cannot fail.
                    let _ = write!(added, " {}=%{field}", field.replace('.', "_"));
                }
            }
            for (name, value) in constants {
                let _ = write!(added, " static_{name}={}", value.replace('%', ""));
            }
        }
        if let Some(output) = text.as_mut().filter(|_| !added.trim().is_empty()) {
            output.trim_end();
            let span = output.span;
            output.append(&MappedText::standing_for(added.trim(), span));
        }
        let span = item.name.span;
        for extra in &entry.extra_fields {
            let (name, template) = match extra {
                ExtraOption::Field(name) => (name, format!("%{name}")),
                ExtraOption::Text(name, template) => (name, template.clone()),
            };
            let mapped = MappedText::standing_for(&template, span);
            let template = Template::parse(&mapped, dialect, constants, problems);
            let value = match (extra, template.fields()) {
                (ExtraOption::Field(name), [field]) if field.name == *name => {
                    ExtraValue::Field(field.clone())
                }
                _ => ExtraValue::Text(template),
            };
            fields.push(ExtraField {
                name: name.clone(),
                value,
            });
        }
    }
    let output = text.map(|text| Template::parse(&text, dialect, constants, problems));
    (output, fields)
}

fn is_meant(entry: &AppendOutput, item: &RuleItem, source: &str) -> bool {
    let is_rule = |rule: &String| *rule == item.name.text;
    entry.rule.as_ref().is_none_or(is_rule)
        && entry.source.as_ref().is_none_or(|wanted| wanted == source)
        && entry.tags.iter().all(|tag| item.tags.contains(tag))
}

/// Reports the problems of a rule's output; whether the rule is skipped because of them.
pub(crate) fn report(
    mut found: Vec<Diagnostic>,
    item: &RuleItem,
    dialect: Dialect,
    compiler: &mut Compiler,
) -> bool {
    let name = &item.name.text;
    let mut is_skipped = false;
    found.extend(item.output.as_ref().and_then(retired_in));
    for mut problem in found {
        problem.stage = Stage::Rule(compiler.rule.unwrap_or_default(), Step::Output);
        if dialect != Dialect::Falco {
            problem.falco = None;
        }
        let is_error = problem.severity == Severity::Error;
        let is_refused = is_error || problem.falco.is_some_and(FalcoCode::is_error);
        let skips = item.skips_unknown && is_refused && problem.code.is_unknown_filter();
        is_skipped |= skips;
        if skips {
            problem.severity = Severity::Warning;
            problem.falco = Some(FalcoCode::UnknownFilter);
        }
        let consequence = match (is_error, skips) {
            (_, true) => ", which is skipped",
            (true, false) => ", which is left out",
            (false, false) => "",
        };
        let problem = problem
            .note(format!("in rule `{name}`{consequence}"))
            .leaving_out(name);
        compiler.problems.push(problem.about("rule", name));
    }
    is_skipped
}

/// Points out fields in an output that Falco has given up. It looks for their names anywhere in the text.
fn retired_in(output: &MappedText) -> Option<Diagnostic> {
    let mut retired = falco::RETIRED_FIELDS.iter();
    let (name, at) = retired.find_map(|name| Some((name, output.text.find(name)?)))?;
    let span = output.locate(at, at + name.len());
    let message = format!("`{name}` has had one value since there are no enter events any more");
    Some(Diagnostic::hint(Code::Deprecated, span, message))
}
