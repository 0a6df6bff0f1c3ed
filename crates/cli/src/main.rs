//! The `sysflow` program: one module a subcommand, each thin.

// In a program `pub` means what it says: seen by the other modules.
#![allow(unreachable_pub)]

mod arguments;
mod built_in;
mod command;
mod output;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::arguments::ColourChoice;
use crate::output::Failure;

/// Watch what processes do to processes, files and the network: record, judge, explain.
///
/// SysFlow condenses system calls to compact records (entities, events and flows), judges them with rules as
/// they happen, and lets you look at them.
#[derive(Debug, Parser)]
#[command(name = "sysflow", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: ColourChoice,
}

const EXAMPLES: &str = "\
Examples:
  sysflow run                                       watch this machine (as root)
  sysflow record -o /var/log/sysflow                record it, judge later
  sysflow run --source trace.sf                     judge a recording with the built-in rules
  sysflow print trace.sf -f 'type = NF'             show its connections
  sysflow print trace.sf --json -c ts,proc.exe,res  the same for machines, chosen fields
  sysflow info traces/                              what a directory of recordings holds
  sysflow convert trace.sf trace.parquet            for analysis elsewhere
  sysflow fields proc                               what can be asked about processes

Exit codes: 0 all is well, 1 done, but part of the input was bad or a check failed, 2 could not start.";

#[derive(Debug, Subcommand)]
enum Command {
    Run(command::run::Arguments),
    #[cfg(feature = "live")]
    Record(command::record::Arguments),
    Print(command::print::Arguments),
    Convert(command::convert::Arguments),
    Info(command::info::Arguments),
    Fields(command::fields::Arguments),
    Rules(command::rules::Arguments),
    #[cfg(feature = "live")]
    Doctor(command::doctor::Arguments),
    Completions(command::completions::Arguments),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let colour = cli.color;
    let result = match cli.command {
        Command::Run(arguments) => command::run::run(&arguments, colour),
        #[cfg(feature = "live")]
        Command::Record(arguments) => command::record::run(&arguments, colour),
        #[cfg(feature = "live")]
        Command::Doctor(arguments) => command::doctor::run(&arguments, colour),
        Command::Print(arguments) => command::print::run(&arguments, colour),
        Command::Convert(arguments) => command::convert::run(&arguments, colour),
        Command::Info(arguments) => command::info::run(&arguments, colour),
        Command::Fields(arguments) => command::fields::run(&arguments, colour),
        Command::Rules(arguments) => command::rules::run(&arguments, colour),
        Command::Completions(arguments) => {
            command::completions::run(&arguments, &mut Cli::command())
        }
    };
    match result {
        Ok(code) => code,
        Err(Failure::Closed) => ExitCode::SUCCESS,
        Err(Failure::Other(error)) => {
            output::error(&told_once(&error), colour);
            ExitCode::from(2)
        }
    }
}

/// An error with its causes. Some errors tell their cause themselves: it is not told twice.
fn told_once(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // Who reads our output has seen enough: that is no failure of ours.
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::Closed;
        }
        Self::Other(error.into())
    }
}
