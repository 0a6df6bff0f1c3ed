//! `sysflow rules`.

mod test;

use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;
use sysflow_field::KindSet;
use sysflow_pipeline::policies;
use sysflow_policy::{Diagnostics, Dialect, LoadOptions, Rule};
use sysflow_record::Kind;
use sysflow_record::catalogue::CATALOGUE;
use sysflow_record::entity::Joined;

use crate::arguments::{ColourChoice, terminal_width};
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
    /// The exit code is 0 when there are no errors and 1 when there are.
    Check(Paths),
    /// List the rules that load
    List(Paths),
    Test(test::Arguments),
}

#[derive(Debug, Args)]
struct Paths {
    /// Rule files, or directories that hold some at any depth
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// JSON for machines
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments, colour: ColourChoice) -> Result<ExitCode, Failure> {
    match &arguments.command {
        Command::Check(paths) => check(paths, colour),
        Command::List(paths) => list(paths, colour),
        Command::Test(arguments) => test::run(arguments, colour),
    }
}

fn check(paths: &Paths, colour: ColourChoice) -> Result<ExitCode, Failure> {
    let (rules, problems) = load(paths)?;
    let mut out = Output::to(None)?;
    let counts = rules.counts();
    let loaded = rules.rules().len();
    if paths.json {
        let object = json!({
            "rules": counts.rules,
            "loaded": loaded,
            "macros": counts.macros,
            "lists": counts.lists,
            "drops": counts.drops,
            "errors": problems.errors(),
            "warnings": problems.warnings(),
            "problems": problems.to_json(),
        });
        writeln!(out.buffer, "{object}")?;
    } else {
        let styled = colour.wanted(stdout().is_terminal());
        out.buffer
            .extend_from_slice(problems.render(styled, terminal_width()).as_bytes());
        let (rules, macros, lists, drops) =
            (counts.rules, counts.macros, counts.lists, counts.drops);
        writeln!(
            out.buffer,
            "{loaded} of {rules} rules load ({macros} macros, {lists} lists, {drops} drops): \
             {} errors, {} warnings",
            problems.errors(),
            problems.warnings()
        )?;
    }
    out.flush()?;
    Ok(if problems.errors() > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn list(paths: &Paths, colour: ColourChoice) -> Result<ExitCode, Failure> {
    let (rules, problems) = load(paths)?;
    let mut out = Output::to(None)?;
    for rule in rules.rules() {
        if paths.json {
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

fn load(paths: &Paths) -> Result<(policies::RecordRules, Diagnostics), Failure> {
    let loaded = policies::load(&paths.paths, &LoadOptions::default());
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
        "desc": rule.desc,
        "priority": rule.priority.name(),
        "tags": rule.tags,
        "enabled": rule.enabled,
        "kinds": kinds,
        "fields": fields.collect::<Vec<_>>(),
        "dialect": match rule.dialect {
            Dialect::Falco => "falco",
            Dialect::SysFlow => "sysflow",
        },
        "file": rule.file,
        "line": rule.position.line,
    })
}
