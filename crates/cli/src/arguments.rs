//! Arguments that several commands share.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use sysflow_collect::{Config, Generation, Mode, Profile, ReadMode};
use sysflow_pipeline::inputs::{self, Input};
use sysflow_pipeline::policies;
use sysflow_pipeline::progress::Progress;
use sysflow_pipeline::stream;
use sysflow_policy::{Condition, Evaluator, LoadOptions};
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

/// What the names of Sigma rules mean.
#[derive(Debug, Args)]
pub struct SigmaConfig {
    /// Names of fields and kinds of data for Sigma rules, in place of the built-in ones
    #[arg(long, value_name = "FILE")]
    pub sigma_config: Option<PathBuf>,
}

impl SigmaConfig {
    /// How to load rules.
    pub fn options(&self) -> anyhow::Result<LoadOptions> {
        policies::with_sigma_mapping(self.sigma_config.as_deref())
            .context("cannot load the names of Sigma rules")
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

/// How captures of system calls (.scap) become records. Recordings are records already.
#[derive(Debug, Args)]
#[command(next_help_heading = "Captures (.scap)")]
pub struct Capturing {
    /// As the original collector writes, or with its faults mended
    #[arg(long, value_enum, default_value_t, value_name = "PROFILE")]
    pub profile: ProfileName,

    /// For the strict profile: which release of the original's capture library to follow
    #[arg(long, value_enum, default_value_t, value_name = "RELEASE")]
    rules: RulesName,

    /// What to record: flow for everything, consume without data operations on files, nofiles without files
    #[arg(long, value_enum, default_value_t, value_name = "MODE")]
    mode: ModeName,

    /// Leave pipes, unix sockets and directories out of flows
    #[arg(long)]
    file_only: bool,

    /// Which reads of files become records
    #[arg(long, value_enum, default_value_t, value_name = "READS")]
    reads: ReadsName,

    /// Count threads in process flows rather than tell of each
    #[arg(long)]
    process_flows: bool,

    /// Leave processes outside of containers out
    #[arg(long)]
    containers_only: bool,

    /// Who records, for the header; the machine of the capture unless given
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "NAME"
    )]
    exporter: String,
}

/// A profile by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProfileName {
    /// Faults mended, native fields filled
    #[default]
    Clean,
    /// Record for record as the original
    Strict,
}

/// A release of the original's capture library.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum RulesName {
    #[default]
    #[value(name = "0.17")]
    Libs017,
    #[value(name = "0.10")]
    Libs010,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ModeName {
    #[default]
    Flow,
    Consume,
    Nofiles,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ReadsName {
    /// All
    #[default]
    All,
    /// None
    None,
    /// None below system directories such as /proc and /usr/lib
    NoSystem,
}

impl Capturing {
    /// The configuration of a collector.
    pub fn config(&self) -> Config {
        Config {
            profile: match self.profile {
                ProfileName::Clean => Profile::Clean,
                ProfileName::Strict => Profile::Strict,
            },
            rules: match self.rules {
                RulesName::Libs017 => Generation::Libs017,
                RulesName::Libs010 => Generation::Libs010,
            },
            mode: match self.mode {
                ModeName::Flow => Mode::Flow,
                ModeName::Consume => Mode::Consume,
                ModeName::Nofiles => Mode::NoFiles,
            },
            read_mode: match self.reads {
                ReadsName::All => ReadMode::All,
                ReadsName::None => ReadMode::Writes,
                ReadsName::NoSystem => ReadMode::OutsideSystem,
            },
            file_only: self.file_only,
            process_flows: self.process_flows,
            containers_only: self.containers_only,
            exporter: self.exporter.clone(),
            ..Config::default()
        }
    }
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
    pub fn options(&self, entities: bool, capturing: &Capturing) -> stream::Options {
        stream::Options {
            salvage: self.salvage,
            entities,
            collect: capturing.config(),
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
