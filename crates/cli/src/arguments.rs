//! Arguments that several commands share.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use sysflow_collect::{Config, EventView, Generation, Mode, Profile, ReadMode};
use sysflow_field::View;
use sysflow_pipeline::inputs::{self, Input};
use sysflow_pipeline::policies::{self, Views};
use sysflow_pipeline::progress::Progress;
use sysflow_pipeline::stream;
use sysflow_policy::{Condition, Evaluator, LoadOptions, Matching, Selection, Selector};
use sysflow_record::container::{Codec, DEFAULT_BLOCK_SIZE, WriteOptions};
use sysflow_record::entity::Joined;
use sysflow_record::{CLASSIC_VERSION, NATIVE_VERSION};

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

/// How rules are loaded, and which of them count.
#[derive(Debug, Args)]
#[command(next_help_heading = "Choice of rules")]
pub struct RuleLoading {
    /// Names of fields and kinds of data for Sigma rules, in place of the built-in ones
    #[arg(long, value_name = "FILE")]
    pub sigma_config: Option<PathBuf>,

    /// Of the rules that match one observation only the first counts, in the order of files and lines
    #[arg(long)]
    first_match: bool,

    /// Only rules with one of these tags
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,

    /// No rules with one of these tags
    #[arg(long, value_name = "TAG")]
    no_tag: Vec<String>,

    /// Switch rules off by name, in which * stands for any text
    #[arg(long, value_name = "NAME")]
    disable: Vec<String>,

    /// Switch rules on by name, after all that switches off, also those that their files switch off
    #[arg(long, value_name = "NAME")]
    enable: Vec<String>,
}

/// The same, by the name of its first option.
pub type SigmaConfig = RuleLoading;

impl RuleLoading {
    /// How to load rules.
    pub fn options(&self) -> anyhow::Result<LoadOptions> {
        let mut options = policies::with_sigma_mapping(self.sigma_config.as_deref())
            .context("cannot load the names of Sigma rules")?;
        if self.first_match {
            options.matching = Matching::First;
        }
        let mut select = |enable, rules| options.selection.push(Selection { enable, rules });
        if !self.tag.is_empty() {
            select(false, Selector::Name("*".to_owned()));
        }
        for (enable, tags) in [(true, &self.tag), (false, &self.no_tag)] {
            for tag in tags {
                select(enable, Selector::Tag(tag.clone()));
            }
        }
        for (enable, names) in [(false, &self.disable), (true, &self.enable)] {
            for name in names {
                select(enable, Selector::Name(name.clone()));
            }
        }
        Ok(options)
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

/// How recordings (.sf) are written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Recordings (.sf)")]
pub struct Encoding {
    /// The schema version: 5 for the original's readers, native for all that we know; unless given, native for
    /// what is seen live and for captures in the clean profile, and 5 for everything else
    #[arg(long, value_parser = schema_version, value_name = "VERSION")]
    schema: Option<u32>,

    /// How blocks are compressed
    #[arg(long, value_enum, default_value_t)]
    codec: CodecName,

    /// With deflate: from 0 (fast) to 9 (small)
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(0..=9))]
    level: u32,

    /// Size at which a block is closed, in bytes before compression
    #[arg(long, default_value_t = DEFAULT_BLOCK_SIZE, value_name = "BYTES")]
    block_size: usize,
}

/// A codec by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum CodecName {
    /// Not compressed
    Null,
    /// What every reader of SysFlow knows
    #[default]
    Deflate,
    /// Fast
    Snappy,
    /// Fast and small
    Zstandard,
}

impl Encoding {
    /// The options, with a schema for where the user names none.
    pub fn options(&self, schema: u32) -> WriteOptions {
        WriteOptions {
            version: self.schema.unwrap_or(schema),
            codec: match self.codec {
                CodecName::Null => Codec::Null,
                CodecName::Deflate => Codec::Deflate(self.level),
                CodecName::Snappy => Codec::Snappy,
                CodecName::Zstandard => Codec::Zstandard,
            },
            block_size: self.block_size,
            sync: None,
        }
    }
}

fn schema_version(text: &str) -> Result<u32, String> {
    match text {
        "native" => Ok(NATIVE_VERSION),
        _ => match text.parse() {
            Ok(version @ (1..=CLASSIC_VERSION | NATIVE_VERSION)) => Ok(version),
            _ => Err("schema versions are 1 to 5 and native".to_owned()),
        },
    }
}

/// A time span such as `500ms`, `30s`, `5m` or `1h`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|char: char| !char.is_ascii_digit());
    let (number, unit) = text.split_at(unit_at.unwrap_or(text.len()));
    let milliseconds = match unit {
        "ms" => 1,
        "s" | "" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 0,
    };
    let number: Option<u64> = number.parse().ok().filter(|_| milliseconds > 0);
    number
        .and_then(|number| number.checked_mul(milliseconds))
        .filter(|milliseconds| *milliseconds > 0)
        .map(Duration::from_millis)
        .ok_or_else(|| "spans are a number with ms, s, m, h or d, such as 30s".to_owned())
}

/// A size such as `4096`, `100k`, `64M` or `2G`, in bytes.
pub fn size(text: &str) -> Result<u64, String> {
    let unit_at = text.find(|char: char| !char.is_ascii_digit());
    let (number, unit) = text.split_at(unit_at.unwrap_or(text.len()));
    let shift = match unit.trim_end_matches("iB").trim_end_matches('B') {
        "" => Some(0),
        "k" | "K" => Some(10),
        "M" => Some(20),
        "G" => Some(30),
        _ => None,
    };
    let number: Option<u64> = number.parse().ok();
    number
        .zip(shift)
        .and_then(|(number, shift)| number.checked_mul(1 << shift))
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "sizes are a number of bytes, or one with k, M or G, such as 64M".to_owned())
}

/// A condition with what is needed to ask it.
pub struct Filter {
    condition: Option<Condition<Joined<'static>>>,
    on_events: Option<Condition<EventView<'static>>>,
    evaluator: Evaluator,
}

impl Filter {
    /// Whether the record is wanted.
    pub fn accepts(&mut self, joined: &Joined<'_>) -> bool {
        let Self {
            condition,
            evaluator,
            ..
        } = self;
        condition
            .as_ref()
            .is_none_or(|condition| evaluator.condition(condition, joined))
    }

    /// Whether the operation is wanted.
    pub fn accepts_event(&mut self, view: &EventView<'_>) -> bool {
        let Self {
            on_events,
            evaluator,
            ..
        } = self;
        on_events
            .as_ref()
            .is_none_or(|condition| evaluator.condition(condition, view))
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

    /// The condition, compiled for what it is to be asked of.
    pub fn filter(&self, views: Views, colour: ColourChoice) -> anyhow::Result<Filter> {
        parse_filter(self.filter.as_deref(), views, colour)
    }
}

/// A condition, compiled for what it is to be asked of.
pub fn parse_filter(
    text: Option<&str>,
    views: Views,
    colour: ColourChoice,
) -> anyhow::Result<Filter> {
    let records = text.filter(|_| views != Views::Events);
    let events = text.filter(|_| views != Views::Records);
    Ok(Filter {
        condition: records.map(|text| parse(text, colour)).transpose()?,
        on_events: events.map(|text| parse(text, colour)).transpose()?,
        evaluator: Evaluator::new(),
    })
}

/// Compiles the condition of `--filter`; what is wrong with it is told.
pub fn parse<V: View>(text: &str, colour: ColourChoice) -> anyhow::Result<Condition<V>> {
    let styled = colour.wanted(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    match Condition::parse(text) {
        Ok(condition) => {
            if !condition.warnings().is_empty() {
                eprint!("{}", condition.warnings().render(styled, terminal_width()));
            }
            Ok(condition)
        }
        Err(problems) => {
            eprint!("{}", problems.render(styled, terminal_width()));
            let source = V::catalogue().source;
            Err(anyhow::anyhow!(
                "the condition of --filter cannot be asked of {source}"
            ))
        }
    }
}

/// The width for messages on standard error.
pub fn terminal_width() -> usize {
    output::width().unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sizes_have_units() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for wrong in ["", "0s", "5 m", "m", "-1s", "99999999999999999999d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(size("4096"), Ok(4096));
        assert_eq!(size("100k"), Ok(102_400));
        assert_eq!(size("2GiB"), Ok(2 << 30));
        for wrong in ["", "0", "x", "1T", "99999999999G"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
