//! `sysflow completions`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use clap_complete::Shell;

use crate::output::Failure;

/// Print completions for a shell, or the manual page.
///
/// For bash: `sysflow completions bash > /etc/bash_completion.d/sysflow`
#[derive(Debug, Args)]
pub struct Arguments {
    /// The shell; without one, the manual page in the format of man(7)
    shell: Option<Shell>,
}

/// Runs the command.
pub fn run(arguments: &Arguments, command: &mut clap::Command) -> Result<ExitCode, Failure> {
    let mut text = Vec::new();
    match arguments.shell {
        Some(shell) => clap_complete::generate(shell, command, "sysflow", &mut text),
        None => clap_mangen::Man::new(command.clone()).render(&mut text)?,
    }
    io::stdout().write_all(&text)?;
    Ok(ExitCode::SUCCESS)
}
