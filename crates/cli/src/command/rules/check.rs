//! `sysflow rules check`.

use std::io::{IsTerminal as _, Write as _, stdout};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use sysflow_pipeline::policies::{Coverage, LeftOut, Rules};
use sysflow_policy::{Diagnostics, Severity};

use super::{Files, ViewName, read};
use crate::arguments::{ColourChoice, terminal_width};
use crate::output::{Failure, Output};

/// Tell everything that is wrong with rule files
///
/// A rule may ask for what single operations tell, or for what the records tell that operations become. An error is
/// what keeps it from running on either; --view narrows that down to one. The exit code is 0 when there are no errors
/// and 1 when there are. Errors and warnings bear Falco's codes beside ours. Notes tell what is not wrong: rules that
/// never match, that say what others say or that cost much, names that nothing uses, and what Falco would refuse.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    files: Files,

    /// What rules are asked of
    #[arg(long, value_enum, default_value_t, value_name = "VIEW")]
    view: ViewName,

    /// Errors and warnings only
    #[arg(long)]
    no_notes: bool,

    /// JSON for machines
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments, colour: ColourChoice) -> Result<ExitCode, Failure> {
    let files = read(&arguments.files.paths)?;
    let options = arguments.files.loading.options()?;
    let rules = Rules::load(files, &options, arguments.view.into());
    let hints = if arguments.no_notes {
        Diagnostics::default()
    } else {
        rules.problems.hints()
    };
    let mut out = Output::to(None)?;
    if arguments.json {
        writeln!(out.buffer, "{}", as_json(&rules, &hints))?;
    } else {
        tell(&rules, &hints, colour, &mut out.buffer)?;
    }
    out.flush()?;
    Ok(if errors(&rules) > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn errors(rules: &Rules) -> usize {
    rules.problems.errors() + rules.torn.len()
}

/// How many rules load.
fn loaded(rules: &Rules) -> usize {
    let coverage = rules.coverage();
    let loads = |state: &Coverage| !matches!(state, Coverage::LeftOut(_));
    coverage.iter().filter(|rule| loads(&rule.state)).count()
}

fn tell(
    rules: &Rules,
    hints: &Diagnostics,
    colour: ColourChoice,
    out: &mut Vec<u8>,
) -> std::io::Result<()> {
    let styled = colour.wanted(stdout().is_terminal());
    let problems = &rules.problems;
    out.extend_from_slice(problems.render(styled, terminal_width()).as_bytes());
    for torn in &rules.torn {
        if !out.is_empty() {
            writeln!(out)?;
        }
        let (file, line, column) = (&torn.file, torn.position.line, torn.position.column);
        writeln!(out, "{}", torn_headline(torn))?;
        writeln!(out, "   --> {file}:{line}:{column}")?;
        for reason in &torn.reasons {
            writeln!(out, "    = on {reason}")?;
        }
    }
    if !hints.is_empty() {
        if !out.is_empty() {
            writeln!(out)?;
        }
        out.extend_from_slice(hints.render(styled, terminal_width()).as_bytes());
    }
    if let Some((code, problem)) = &rules.as_falco.falco_result().error {
        let (start, _) = rules.as_falco.positions(problem.span());
        writeln!(
            out,
            "Falco itself would refuse {} with {}, because of line {}",
            rules.as_falco.file_name(problem.span()),
            code.name(),
            start.line
        )?;
    }
    let counts = rules.counts;
    writeln!(
        out,
        "{} of {} rules load ({} macros, {} lists, {} drops): {} errors, {} warnings, {} notes",
        loaded(rules),
        counts.rules,
        counts.macros,
        counts.lists,
        counts.drops,
        errors(rules),
        problems.warnings(),
        hints.iter().count()
    )
}

/// What is wrong with a rule of which each view lacks something.
fn torn_headline(torn: &LeftOut) -> String {
    format!(
        "error[foreign-field]: neither records nor operations tell all that the rule `{}` asks for",
        torn.name
    )
}

fn as_json(rules: &Rules, hints: &Diagnostics) -> Value {
    let mut problems = rules.problems.to_json();
    if let Some(list) = problems.as_array_mut() {
        list.extend(rules.torn.iter().map(|torn| {
            let notes = torn.reasons.iter().map(|reason| format!("on {reason}"));
            json!({
                "file": torn.file,
                "line": torn.position.line,
                "column": torn.position.column,
                "end_line": torn.position.line,
                "end_column": torn.position.column + torn.name.chars().count(),
                "severity": Severity::Error.name(),
                "code": "foreign-field",
                "falco": null,
                "message": format!("neither records nor operations tell all that the rule `{}` asks for", torn.name),
                "notes": notes.collect::<Vec<_>>(),
                "help": [],
            })
        }));
    }
    json!({
        "rules": rules.counts.rules,
        "loaded": loaded(rules),
        "macros": rules.counts.macros,
        "lists": rules.counts.lists,
        "drops": rules.counts.drops,
        "errors": errors(rules),
        "warnings": rules.problems.warnings(),
        "problems": problems,
        "notes": hints.to_json(),
        "falco": rules.as_falco.falco_json(),
    })
}
