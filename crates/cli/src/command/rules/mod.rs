//! `sysflow rules`.

mod check;
mod cost;
mod diff;
mod explain;
mod list;
mod replay;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use sysflow_pipeline::policies::{self, Views};
use sysflow_policy::SourceFile;

use crate::arguments::{ColourChoice, RuleLoading};
use crate::built_in;
use crate::output::Failure;

/// Check, test, explain, weigh and compare rules
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  sysflow rules check policies/                    what is wrong with them
  sysflow rules list policies/ --source trace.sf   which of them a recording can answer, and why not
  sysflow rules test policies/                     do they find what they shall find
  sysflow rules explain 'My rule' -p policies/ --source trace.sf      why does it fire, or not
  sysflow rules cost -p policies/ --source trace.scap                 which are dear
  sysflow rules diff policies-before/ policies/ --source trace.scap   what a change changes";

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Arguments),
    List(list::Arguments),
    Test(test::Arguments),
    Explain(explain::Arguments),
    Cost(cost::Arguments),
    Diff(diff::Arguments),
}

/// Rule files by their place on the command line.
#[derive(Debug, Args)]
struct Files {
    /// Rule files, or directories that hold some at any depth
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    loading: RuleLoading,
}

/// Rule files by an option.
#[derive(Debug, Args)]
struct Policies {
    /// Rule files, or directories that hold some at any depth; without this, the built-in rules
    #[arg(short, long, num_args = 1.., value_name = "PATH")]
    policies: Vec<PathBuf>,

    #[command(flatten)]
    loading: RuleLoading,
}

impl Policies {
    fn read(&self) -> anyhow::Result<Vec<SourceFile>> {
        if self.policies.is_empty() {
            return Ok(built_in::files());
        }
        read(&self.policies)
    }
}

fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<SourceFile>> {
    policies::read_files(paths).context("cannot load rules")
}

/// What rules are asked of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ViewName {
    /// Each rule what answers it: operations, else the records that they become
    #[default]
    Both,
    /// Records, as recordings (.sf) hold them
    Records,
    /// Operations, as captures (.scap) and live systems have them
    Events,
}

impl From<ViewName> for Views {
    fn from(name: ViewName) -> Self {
        match name {
            ViewName::Both => Self::Both,
            ViewName::Records => Self::Records,
            ViewName::Events => Self::Events,
        }
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments, colour: ColourChoice) -> Result<ExitCode, Failure> {
    match &arguments.command {
        Command::Check(arguments) => check::run(arguments, colour),
        Command::List(arguments) => list::run(arguments, colour),
        Command::Test(arguments) => test::run(arguments, colour),
        Command::Explain(arguments) => explain::run(arguments, colour),
        Command::Cost(arguments) => cost::run(arguments, colour),
        Command::Diff(arguments) => diff::run(arguments, colour),
    }
}
