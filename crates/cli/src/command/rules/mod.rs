//! `sysflow rules`.

mod test;

use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;
use sysflow_field::KindSet;
use sysflow_pipeline::policies;
use sysflow_policy::{Diagnostics, Dialect, Rule};
use sysflow_record::Kind;
use sysflow_record::catalogue::CATALOGUE;
use sysflow_record::entity::Joined;

use crate::arguments::{ColourChoice, SigmaConfig, terminal_width};
use crate::output::{Failure, Output};

/// Check, list and test rules.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell everything that is wrong with rule files
    ///
    /// The exit code is 0 when there are no errors and 1 when there are. Errors and warnings bear Falco's
    /// codes beside ours. Notes tell what is not wrong: rules that never match, that say what others say or
    /// that cost much, names that nothing uses, and what Falco would refuse.
    Check(Check),
    /// List the rules that load
    List(Files),
    Test(test::Arguments),
}

#[derive(Debug, Args)]
struct Check {
    #[command(flatten)]
    paths: Files,

    /// Errors and warnings only
    #[arg(long)]
    no_notes: bool,
}

#[derive(Debug, Args)]
struct Files {
    /// Rule files, or directories that hold some at any depth
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    sigma: SigmaConfig,

    /// JSON for machines
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments, colour: ColourChoice) -> Result<ExitCode, Failure> {
    match &arguments.command {
        Command::Check(wanted) => check(&wanted.paths, wanted.no_notes, colour),
        Command::List(paths) => list(paths, colour),
        Command::Test(arguments) => test::run(arguments, colour),
    }
}

fn check(files: &Files, no_notes: bool, colour: ColourChoice) -> Result<ExitCode, Failure> {
    let (rules, problems) = load(files)?;
    let mut out = Output::to(None)?;
    let counts = rules.counts();
    let loaded = rules.rules().len();
    let hints = if no_notes {
        Diagnostics::default()
    } else {
        problems.hints()
    };
    let in_falco = problems.falco_result();
    if files.json {
        let object = json!({
            "rules": counts.rules,
            "loaded": loaded,
            "macros": counts.macros,
            "lists": counts.lists,
            "drops": counts.drops,
            "errors": problems.errors(),
            "warnings": problems.warnings(),
            "problems": problems.to_json(),
            "notes": hints.to_json(),
            "falco": problems.falco_json(),
        });
        writeln!(out.buffer, "{object}")?;
    } else {
        let styled = colour.wanted(stdout().is_terminal());
        out.buffer
            .extend_from_slice(problems.render(styled, terminal_width()).as_bytes());
        if !hints.is_empty() {
            let rendered = hints.render(styled, terminal_width());
            if !problems.is_empty() {
                writeln!(out.buffer)?;
            }
            out.buffer.extend_from_slice(rendered.as_bytes());
        }
        if let Some((code, problem)) = &in_falco.error {
            let (start, _) = problems.positions(problem.span());
            writeln!(
                out.buffer,
                "Falco itself would refuse {} with {}, because of line {}",
                problems.file_name(problem.span()),
                code.name(),
                start.line
            )?;
        }
        let (rules, macros, lists, drops) =
            (counts.rules, counts.macros, counts.lists, counts.drops);
        writeln!(
            out.buffer,
            "{loaded} of {rules} rules load ({macros} macros, {lists} lists, {drops} drops): \
             {} errors, {} warnings, {} notes",
            problems.errors(),
            problems.warnings(),
            hints.iter().count()
        )?;
    }
    out.flush()?;
    Ok(if problems.errors() > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn list(files: &Files, colour: ColourChoice) -> Result<ExitCode, Failure> {
    let (rules, problems) = load(files)?;
    let mut out = Output::to(None)?;
    for rule in rules.rules() {
        if files.json {
            writeln!(out.buffer, "{}", as_json(rule))?;
        } else {
            let state = if rule.enabled { "" } else { " (disabled)" };
            let tags = rule.tags.join(" ");
            writeln!(
                out.buffer,
                "{:<13} {}{state}  [{tags}]",
                rule.priority.name(),
                rule.name
            )?;
            writeln!(
                out.buffer,
                "              {}:{}",
                rule.file, rule.position.line
            )?;
        }
    }
    out.flush()?;
    if problems.errors() > 0 {
        let styled = colour.wanted(stderr().is_terminal());
        eprint!("{}", problems.render(styled, terminal_width()));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn load(files: &Files) -> Result<(policies::RecordRules, Diagnostics), Failure> {
    let loaded = policies::load(&files.paths, &files.sigma.options()?);
    Ok(loaded.map_err(anyhow::Error::from)?)
}

fn as_json(rule: &Rule<Joined<'static>>) -> serde_json::Value {
    let kinds: Vec<&str> = if rule.kinds == KindSet::ALL {
        Vec::new()
    } else {
        let members = Kind::ALL
            .into_iter()
            .filter(|kind| rule.kinds.contains(*kind as u32));
        members.map(Kind::code).collect()
    };
    let fields = rule.fields.iter().map(|id| CATALOGUE.field(*id).name);
    json!({
        "rule": rule.name,
        "id": rule.sigma.as_ref().map(|metadata| metadata.id.as_str()),
        "desc": rule.desc,
        "priority": rule.priority.name(),
        "tags": rule.tags,
        "enabled": rule.enabled,
        "kinds": kinds,
        "fields": fields.collect::<Vec<_>>(),
        "dialect": match rule.dialect {
            Dialect::Falco => "falco",
            Dialect::SysFlow => "sysflow",
            Dialect::Sigma => "sigma",
        },
        "file": rule.file,
        "line": rule.position.line,
    })
}
