//! `sysflow rules list`.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use sysflow_field::{KindSet, View};
use sysflow_pipeline::inputs;
use sysflow_pipeline::policies::{Coverage, Covered, Reason, Rules, Views};
use sysflow_policy::{Dialect, Priority, Rule, RuleSet};

use super::{Files, ViewName, read};
use crate::arguments::{ColourChoice, terminal_width};
use crate::output::{Failure, Output};

/// List rules, and which of them a source can answer
///
/// With --source or --view: whether each rule runs there and on which view, and what is missing where it does not.
/// `records` are what recordings (.sf) hold; `events` are single operations, which captures (.scap) and live systems
/// have too. The exit code is 1 when rules have errors that keep them from running anywhere.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    files: Files,

    /// What the rules are to run on: recordings or captures
    #[arg(short, long, num_args = 1.., value_name = "FILE", conflicts_with = "view")]
    source: Vec<PathBuf>,

    /// The same by its kind
    #[arg(long, value_enum, value_name = "VIEW")]
    view: Option<ViewName>,

    /// JSON for machines
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments, colour: ColourChoice) -> Result<ExitCode, Failure> {
    let files = read(&arguments.files.paths)?;
    let options = arguments.files.loading.options()?;
    let views = match arguments.view {
        Some(view) => view.into(),
        None if arguments.source.is_empty() => Views::Both,
        None => Views::of(&inputs::expand(&arguments.source).map_err(anyhow::Error::from)?),
    };
    let is_coverage = arguments.view.is_some() || !arguments.source.is_empty();
    let rules = Rules::load(files, &options, views);
    let mut out = Output::to(None)?;
    if is_coverage {
        cover(&rules, views, arguments.json, &mut out.buffer)?;
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    }
    for covered in rules.coverage() {
        let (description, tags) = described(&rules, &covered);
        if let (Coverage::LeftOut(_), _) | (_, None) = (&covered.state, &description) {
            continue;
        }
        if arguments.json {
            writeln!(out.buffer, "{}", description.unwrap_or_default())?;
            continue;
        }
        let state = match covered.state {
            Coverage::Disabled => " (disabled)",
            _ => "",
        };
        let priority = covered.priority.map_or("", |priority| priority.name());
        let (name, file, line) = (&covered.name, &covered.file, covered.position.line);
        writeln!(out.buffer, "{priority:<13} {name}{state}  [{tags}]")?;
        writeln!(out.buffer, "              {file}:{line}")?;
    }
    out.flush()?;
    if rules.problems.errors() + rules.torn.len() > 0 {
        let styled = colour.wanted(stderr().is_terminal());
        eprint!("{}", rules.problems.render(styled, terminal_width()));
        for torn in &rules.torn {
            eprintln!("error: rule `{}`: {}", torn.name, torn.told());
        }
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn cover(rules: &Rules, views: Views, json: bool, out: &mut Vec<u8>) -> std::io::Result<()> {
    let coverage = rules.coverage();
    if json {
        let listed = coverage.iter().map(|covered| {
            let (view, state, reasons) = match &covered.state {
                Coverage::Runs(view) => (Some(*view), "runs", &[][..]),
                Coverage::Disabled => (None, "disabled", &[][..]),
                Coverage::LeftOut(reasons) => (None, "left out", &reasons[..]),
            };
            json!({
                "rule": covered.name,
                "file": covered.file,
                "line": covered.position.line,
                "priority": covered.priority.map(Priority::name),
                "state": state,
                "view": view,
                "reasons": reasons.iter().map(reason_as_json).collect::<Vec<_>>(),
            })
        });
        let listed: Vec<Value> = listed.collect();
        let object = json!({"rules": listed, "totals": totals(rules, &coverage).1});
        return writeln!(out, "{object}");
    }
    for covered in &coverage {
        let name = &covered.name;
        match &covered.state {
            Coverage::Runs(view) => writeln!(out, "{view:<9} {name}")?,
            Coverage::Disabled => writeln!(out, "disabled  {name}")?,
            Coverage::LeftOut(reasons) => {
                let (file, line) = (&covered.file, covered.position.line);
                writeln!(out, "-         {name}  ({file}:{line})")?;
                for reason in reasons {
                    writeln!(out, "            {reason}")?;
                }
            }
        }
    }
    if views == Views::Records && coverage.iter().any(lacks_a_field) {
        writeln!(
            out,
            "Operations are not in recordings (.sf), but in captures (.scap) and on live systems."
        )?;
    }
    writeln!(out, "{}", totals(rules, &coverage).0)
}

fn lacks_a_field(covered: &Covered) -> bool {
    match &covered.state {
        Coverage::LeftOut(reasons) => reasons.iter().any(Reason::is_missing_field),
        _ => false,
    }
}

fn reason_as_json(reason: &Reason) -> Value {
    json!({
        "view": reason.view,
        "code": reason.code.name(),
        "message": reason.message,
        "file": reason.file,
        "line": reason.position.line,
        "column": reason.position.column,
    })
}

/// How many rules run, and how many not: in words, and for machines.
fn totals(rules: &Rules, coverage: &[Covered]) -> (String, Value) {
    let on = |wanted: &str| {
        let runs = |covered: &&Covered| covered.state == Coverage::Runs(view_named(wanted));
        coverage.iter().filter(runs).count()
    };
    let (records, events) = (on("records"), on("events"));
    let disabled = coverage
        .iter()
        .filter(|covered| covered.state == Coverage::Disabled)
        .count();
    let lacking = coverage
        .iter()
        .filter(|covered| lacks_a_field(covered))
        .count();
    let left_out = rules.left_out.len();
    let running = records + events;
    let text = format!(
        "{running} of {} rules run: {records} on records, {events} on operations; {disabled} are disabled, {left_out} \
         left out, {lacking} of these for want of a field",
        rules.count
    );
    let value = json!({
        "rules": rules.count,
        "running": running,
        "records": records,
        "events": events,
        "disabled": disabled,
        "left_out": left_out,
        "lacking_a_field": lacking,
    });
    (text, value)
}

/// The name by which a view calls itself.
fn view_named(name: &str) -> &'static str {
    use sysflow_collect::EventView;
    use sysflow_record::entity::Joined;
    if name == "records" {
        Joined::catalogue().source
    } else {
        EventView::catalogue().source
    }
}

/// A rule as JSON, and its tags.
fn described(rules: &Rules, covered: &Covered) -> (Option<Value>, String) {
    fn find<'r, V: View>(
        set: &'r RuleSet<V>,
        covered: &Covered,
        enabled: bool,
    ) -> Option<&'r Rule<V>> {
        set.rules().iter().find(|rule| {
            let place = (&rule.file, rule.position) == (&covered.file, covered.position);
            place && rule.enabled == enabled
        })
    }
    let enabled = matches!(covered.state, Coverage::Runs(_));
    if let Some(rule) = find(&rules.events, covered, enabled) {
        return (Some(as_json(rule)), rule.tags.join(" "));
    }
    match find(&rules.records, covered, enabled) {
        Some(rule) => (Some(as_json(rule)), rule.tags.join(" ")),
        None => (None, String::new()),
    }
}

fn as_json<V: View>(rule: &Rule<V>) -> Value {
    let catalogue = V::catalogue();
    let kinds: Vec<&str> = if rule.kinds == KindSet::ALL {
        Vec::new()
    } else {
        let all = catalogue.kinds.iter().zip(0..);
        let members = all.filter(|(_, number)| rule.kinds.contains(*number));
        members.map(|(kind, _)| *kind).collect()
    };
    let fields = rule.fields.iter().map(|id| catalogue.field(*id).name);
    json!({
        "rule": rule.name,
        "id": rule.sigma.as_ref().map(|metadata| metadata.id.as_str()),
        "desc": rule.desc,
        "priority": rule.priority.name(),
        "tags": rule.tags,
        "enabled": rule.enabled,
        "view": catalogue.source,
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
