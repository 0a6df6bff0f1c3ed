//! The texts and fields of a rule's alerts: its output, and what the configuration adds to it.

use std::fmt::Write as _;

use sysflow_field::View;

use crate::Dialect;
use crate::diagnostic::Diagnostic;
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
