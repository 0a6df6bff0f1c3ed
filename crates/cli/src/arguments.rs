//! Arguments that several commands share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use sysflow_pipeline::inputs::{self, Input};
use sysflow_pipeline::progress::Progress;
use sysflow_pipeline::stream;
use sysflow_policy::{Condition, Evaluator};
use sysflow_record::entity::Joined;

use crate::output;

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColourChoice {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl ColourChoice {
    /// Whether colours are wanted on an output that is or is not a terminal.
    pub fn wanted(self, terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()),
        }
    }
}

/// How recordings are read.
#[derive(Debug, Args)]
pub struct Reading {
    /// Only records for which this condition is true, such as 'type = FF and flow.wbytes > 0'
    #[arg(short, long, value_name = "CONDITION")]
    pub filter: Option<String>,

    /// Go on behind damaged parts of a recording
    #[arg(long)]
    pub salvage: bool,

    /// No progress bar
    #[arg(long)]
    pub no_progress: bool,
}

/// A condition with what is needed to ask it.
pub struct Filter {
    condition: Option<Condition<Joined<'static>>>,
    evaluator: Evaluator,
}

impl Filter {
    /// Whether the record is wanted.
    pub fn accepts(&mut self, joined: &Joined<'_>) -> bool {
        let Self {
            condition,
            evaluator,
        } = self;
        condition
            .as_ref()
            .is_none_or(|condition| evaluator.condition(condition, joined))
    }
}

impl Reading {
    /// The recordings that `paths` stand for, and a bar for reading them.
    pub fn open(&self, paths: &[PathBuf]) -> anyhow::Result<(Vec<Input>, Progress)> {
        let inputs = inputs::expand(paths)?;
        let total = inputs.iter().map(Input::size).sum::<Option<u64>>();
        Ok((inputs, Progress::new(total, !self.no_progress)))
    }

    /// How to read them.
    pub const fn options(&self, entities: bool) -> stream::Options {
        stream::Options {
            salvage: self.salvage,
            entities,
        }
    }

    /// The condition, compiled.
    pub fn filter(&self, colour: ColourChoice) -> anyhow::Result<Filter> {
        let evaluator = Evaluator::new();
        let Some(text) = &self.filter else {
            return Ok(Filter {
                condition: None,
                evaluator,
            });
        };
        let styled = colour.wanted(std::io::IsTerminal::is_terminal(&std::io::stderr()));
        match Condition::parse(text) {
            Ok(condition) => {
                if !condition.warnings().is_empty() {
                    eprint!("{}", condition.warnings().render(styled, terminal_width()));
                }
                Ok(Filter {
                    condition: Some(condition),
                    evaluator,
                })
            }
            Err(problems) => {
                eprint!("{}", problems.render(styled, terminal_width()));
                Err(anyhow::anyhow!("the condition of --filter is not valid"))
            }
        }
    }
}

/// The width for messages on standard error.
pub fn terminal_width() -> usize {
    output::width().unwrap_or(100)
}
