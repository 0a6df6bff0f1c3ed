//! `sysflow rules test`.

use std::io::{IsTerminal as _, Write as _, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};
use sysflow_pipeline::policies;
use sysflow_pipeline::rule_tests::{Suite, TestFile, TestReport, Verdict};

use crate::arguments::ColourChoice;
use crate::output::{Failure, Output};

/// Run the tests of rules
///
/// A test tells in short what happened, and which rules must fire. It stands in a file `*.test.yaml` beside the
/// rules. The exit code is 0 when all tests pass and 1 when one fails or cannot be run.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Files with tests, or directories that hold some at any depth
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Rule files or directories [default: the directory of the tests]
    #[arg(long, value_name = "PATH")]
    policies: Vec<PathBuf>,

    /// Fail also when a rule is not made to fire by any test
    #[arg(long)]
    strict: bool,

    /// JSON for machines
    #[arg(long)]
    json: bool,
}

/// Tests with the rules that they are run with.
struct Group {
    suite: Suite,
    reports: Vec<TestReport>,
}

/// Runs the command.
pub fn run(arguments: &Arguments, colour: ColourChoice) -> Result<ExitCode, Failure> {
    let mut groups = Vec::new();
    if arguments.policies.is_empty() {
        for path in &arguments.paths {
            let rules = rules_of(path);
            groups.push(group(std::slice::from_ref(path), &[rules])?);
        }
    } else {
        groups.push(group(&arguments.paths, &arguments.policies)?);
    }
    let mut out = Output::to(None)?;
    if arguments.json {
        writeln!(out.buffer, "{}", as_json(&groups))?;
    } else {
        let styled = colour.wanted(stdout().is_terminal());
        tell(&groups, styled, &mut out.buffer)?;
    }
    out.flush()?;
    let is_passed = |report: &TestReport| report.verdict == Verdict::Passed;
    let passed = groups
        .iter()
        .flat_map(|group| &group.reports)
        .all(is_passed);
    let tested = !arguments.strict || groups.iter().all(|group| group.suite.untested().is_empty());
    Ok(if passed && tested {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Where the rules are that tests are about.
fn rules_of(path: &Path) -> PathBuf {
    if path.is_dir() {
        return path.to_owned();
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn group(paths: &[PathBuf], rules: &[PathBuf]) -> anyhow::Result<Group> {
    let mut tests = Vec::new();
    for path in paths {
        let found = TestFile::find(path)?;
        if found.is_empty() {
            anyhow::bail!("{} holds no tests (*.test.yaml)", path.display());
        }
        tests.extend(found);
    }
    let mut suite = Suite::new(policies::read_files(rules).context("cannot load rules")?);
    let mut reports = Vec::new();
    for file in &tests {
        reports.extend(file.tests.iter().map(|test| suite.run(file, test)));
    }
    Ok(Group { suite, reports })
}

fn tell(groups: &[Group], styled: bool, out: &mut Vec<u8>) -> std::io::Result<()> {
    let paint = |text: &str, code: &str| {
        if styled {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    };
    let (mut passed, mut failed, mut blocked) = (0, 0, 0);
    for group in groups {
        let mut path: Option<&Path> = None;
        for report in &group.reports {
            if path != Some(&*report.path) {
                writeln!(out, "{}", report.path.display())?;
                path = Some(&report.path);
            }
            let (word, code, complaints, count) = match &report.verdict {
                Verdict::Passed => ("ok     ", "32", &[][..], &mut passed),
                Verdict::Failed(why) => ("FAILED ", "1;31", &why[..], &mut failed),
                Verdict::Blocked(why) => ("BLOCKED", "1;33", &why[..], &mut blocked),
            };
            *count += 1;
            write!(out, "  {} {}", paint(word, code), report.name)?;
            if complaints.is_empty() {
                writeln!(out)?;
                continue;
            }
            writeln!(out, " (line {})", report.line)?;
            for complaint in complaints {
                writeln!(out, "            {complaint}")?;
            }
            for fired in &report.fired {
                let (rule, count, output) = (&fired.rule, fired.count, &fired.output);
                writeln!(out, "            fired: {rule} ({count}×): {output}")?;
            }
        }
        let idle = group.suite.idle();
        if !idle.is_empty() {
            writeln!(out, "Rules that do not run as they are written:")?;
            for (rule, reason) in idle {
                writeln!(out, "  {rule}: {reason}")?;
            }
        }
        let untested = group.suite.untested();
        if !untested.is_empty() {
            writeln!(out, "Rules that no test makes fire:")?;
            for rule in untested {
                writeln!(out, "  {rule}")?;
            }
        }
    }
    let all = passed + failed + blocked;
    let rules: usize = groups.iter().map(|group| group.suite.running()).sum();
    let cannot = if blocked > 0 {
        format!(", {blocked} cannot be run")
    } else {
        String::new()
    };
    writeln!(
        out,
        "{passed} of {all} tests of {rules} rules passed, {failed} failed{cannot}"
    )
}

fn as_json(groups: &[Group]) -> Value {
    let reports = groups
        .iter()
        .flat_map(|group| &group.reports)
        .map(|report| {
            let (verdict, reasons) = match &report.verdict {
                Verdict::Passed => ("passed", &[][..]),
                Verdict::Failed(reasons) => ("failed", &reasons[..]),
                Verdict::Blocked(reasons) => ("blocked", &reasons[..]),
            };
            let fired = report.fired.iter().map(|fired| {
                json!({
                    "rule": fired.rule,
                    "priority": fired.priority.name(),
                    "count": fired.count,
                    "output": fired.output,
                })
            });
            json!({
                "test": report.name,
                "file": report.path.display().to_string(),
                "line": report.line,
                "verdict": verdict,
                "reasons": reasons,
                "fired": fired.collect::<Vec<_>>(),
            })
        });
    let untested: Vec<&str> = groups
        .iter()
        .flat_map(|group| group.suite.untested())
        .collect();
    let idle = groups.iter().flat_map(|group| group.suite.idle());
    let idle: serde_json::Map<String, Value> = idle
        .map(|(rule, reason)| (rule.clone(), Value::from(reason.as_str())))
        .collect();
    json!({
        "tests": reports.collect::<Vec<_>>(),
        "rules": groups.iter().map(|group| group.suite.running()).sum::<usize>(),
        "untested": untested,
        "idle": idle,
    })
}
