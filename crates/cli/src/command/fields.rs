//! `sysflow fields`.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use sysflow_export::columns;
use sysflow_field::{Argument, Catalogue, Field, KindSet};
use sysflow_record::Kind;
use sysflow_record::catalogue::CATALOGUE;

use crate::arguments::ColourChoice;
use crate::output::{self, Failure, Output};

/// List what can be asked about records, or about single operations.
///
/// The fields can be used in conditions, in rules and as columns. The prefix `sf.` may be left out where no
/// other field has the rest of the name.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only fields whose name or meaning contains this text
    pattern: Option<String>,

    /// The columns of `print` and `convert` instead
    #[arg(long)]
    columns: bool,

    /// What can be asked about the operations of captures instead, in Falco's terms
    #[arg(long, conflicts_with = "columns")]
    events: bool,

    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments, colour: ColourChoice) -> Result<ExitCode, Failure> {
    let mut out = Output::to(None)?;
    if arguments.columns {
        list_columns(arguments, &mut out)?;
    } else {
        let catalogue: &'static Catalogue = if arguments.events {
            &sysflow_collect::view::CATALOGUE
        } else {
            &CATALOGUE
        };
        let wanted = |field: &&Field| matches(arguments, field.name, field.doc);
        let fields: Vec<&Field> = catalogue.fields.iter().filter(wanted).collect();
        let styled = colour.wanted(output::width().is_some());
        for field in &fields {
            if arguments.json {
                writeln!(out.buffer, "{}", as_json(field, catalogue))?;
            } else {
                describe(field, catalogue, styled, &mut out)?;
            }
        }
        if fields.is_empty() {
            let pattern = arguments.pattern.as_deref().unwrap_or_default();
            return Err(anyhow::anyhow!("no field has `{pattern}` in its name or meaning").into());
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn matches(arguments: &Arguments, name: &str, doc: &str) -> bool {
    arguments.pattern.as_ref().is_none_or(|pattern| {
        let pattern = pattern.to_lowercase();
        name.to_lowercase().contains(&pattern) || doc.to_lowercase().contains(&pattern)
    })
}

fn describe(
    field: &Field,
    catalogue: &Catalogue,
    styled: bool,
    out: &mut Output,
) -> Result<(), Failure> {
    let argument = match field.argument {
        Argument::None => "",
        Argument::OptionalIndex => "[N]",
        Argument::OptionalKey => "[NAME]",
        Argument::Key => ".NAME",
        Argument::JsonPath => "[PATH]",
    };
    let (bold, dim, plain) = if styled {
        ("\x1b[1m", "\x1b[2m", "\x1b[0m")
    } else {
        ("", "", "")
    };
    let list = if field.list { " list" } else { "" };
    let kinds = if is_of_records(catalogue) {
        format!(", {}", kinds(field.kinds).join(" "))
    } else {
        String::new()
    };
    writeln!(
        out.buffer,
        "{bold}{}{plain}{argument}  {dim}{}{list}{kinds}{plain}",
        field.name, field.ty
    )?;
    let aliases: Vec<&str> = catalogue
        .aliases
        .iter()
        .filter(|alias| alias.target == field.name)
        .map(|alias| alias.name)
        .collect();
    for line in wrap(
        field.doc,
        output::width().unwrap_or(100).saturating_sub(4).max(40),
    ) {
        writeln!(out.buffer, "    {line}")?;
    }
    if !field.domain.is_empty() {
        for line in wrap(&format!("One of {}", field.domain.join(", ")), 92) {
            writeln!(out.buffer, "    {dim}{line}{plain}")?;
        }
    }
    if !aliases.is_empty() {
        writeln!(out.buffer, "    {dim}Also {}{plain}", aliases.join(", "))?;
    }
    Ok(())
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        if let Some(line) = lines.last_mut() {
            if line.is_empty() {
                line.push_str(word);
            } else if line.chars().count() + 1 + word.chars().count() <= width {
                line.push(' ');
                line.push_str(word);
            } else {
                lines.push(word.to_owned());
            }
        }
    }
    lines
}

/// Whether kinds are kinds of records.
fn is_of_records(catalogue: &Catalogue) -> bool {
    std::ptr::eq(catalogue, &raw const CATALOGUE)
}

fn kinds(set: KindSet) -> Vec<&'static str> {
    if set == KindSet::ALL {
        return vec!["any record"];
    }
    let members = Kind::ALL
        .into_iter()
        .filter(|kind| set.contains(*kind as u32));
    members.map(Kind::code).collect()
}

fn as_json(field: &Field, catalogue: &Catalogue) -> serde_json::Value {
    let aliases = catalogue
        .aliases
        .iter()
        .filter(|alias| alias.target == field.name);
    let kinds = is_of_records(catalogue).then(|| kinds(field.kinds));
    json!({
        "name": field.name,
        "type": field.ty.name(),
        "list": field.list,
        "kinds": kinds,
        "values": field.domain,
        "aliases": aliases.map(|alias| alias.name).collect::<Vec<_>>(),
        "meaning": field.doc,
    })
}

fn list_columns(arguments: &Arguments, out: &mut Output) -> Result<(), Failure> {
    for column in columns::named() {
        if !matches(arguments, &column.name, &column.title) {
            continue;
        }
        if arguments.json {
            let object = json!({ "name": column.name, "title": column.title });
            writeln!(out.buffer, "{object}")?;
        } else {
            writeln!(out.buffer, "{:<22} {}", column.name, column.title)?;
        }
    }
    Ok(())
}
