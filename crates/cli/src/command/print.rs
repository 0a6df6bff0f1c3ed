//! `sysflow print`.

use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use sysflow_export::columns::{self, Column};
use sysflow_export::{csv, json, table};
use sysflow_pipeline::policies::Views;
use sysflow_pipeline::stream::{self, Fault, Sink};
use sysflow_record::entity::Joined;

use super::events::{self, Wanted};
use crate::arguments::{Capturing, ColourChoice, Filter, Reading};
use crate::output::{self, Failure, Output};

/// Show the records of recordings.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Recordings or captures: files, directories, or - for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    reading: Reading,

    #[command(flatten)]
    capturing: Capturing,

    /// What to show: columns and fields by name, separated by commas (see `sysflow fields`)
    #[arg(short, long, value_name = "NAMES")]
    columns: Option<String>,

    /// How to show it
    #[arg(short = 'o', long, value_enum, default_value_t)]
    format: Format,

    /// Short for --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,

    /// Show headers and entities too, not only events and flows
    #[arg(short, long)]
    entities: bool,

    /// Show the operations of captures themselves, a line each; conditions and columns are Falco's fields then
    #[arg(long, conflicts_with_all = ["entities", "format"])]
    events: bool,

    /// Stop after so many records
    #[arg(short = 'n', long, value_name = "COUNT")]
    limit: Option<u64>,

    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// How records are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns that fit the terminal
    #[default]
    Table,
    /// One JSON object a line, names with dots as nested objects
    Json,
    /// One JSON object a line, names as they are
    FlatJson,
    /// Comma-separated values
    Csv,
}

/// What a table shows unless told otherwise.
const TABLE_COLUMNS: &str = "time,type,process,what,container.name";

/// Runs the command.
pub fn run(arguments: &Arguments, colour: ColourChoice) -> Result<ExitCode, Failure> {
    if arguments.events {
        let (inputs, progress) = arguments.reading.open(&arguments.files)?;
        let options = arguments.reading.options(false, &arguments.capturing);
        let wanted = Wanted {
            filter: arguments.reading.filter.as_deref(),
            columns: arguments.columns.as_deref(),
            json: arguments.json,
            limit: arguments.limit.unwrap_or(u64::MAX),
        };
        let out = Output::to(arguments.write.as_deref())?;
        return events::print(&inputs, &wanted, options, &progress, out, colour);
    }
    let format = if arguments.json {
        Format::Json
    } else {
        arguments.format
    };
    let columns = chosen(arguments.columns.as_deref(), format).map_err(anyhow::Error::from)?;
    let filter = arguments.reading.filter(Views::Records, colour)?;
    let (inputs, progress) = arguments.reading.open(&arguments.files)?;
    let out = Output::to(arguments.write.as_deref())?;
    let mut printer = Printer {
        encoder: Encoder::new(format, &columns, arguments.write.is_none(), colour),
        filter,
        out,
        left: arguments.limit.unwrap_or(u64::MAX),
        colour,
    };
    if printer.left == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    printer.encoder.begin(&mut printer.out.buffer);
    let options = arguments
        .reading
        .options(arguments.entities, &arguments.capturing);
    let (tally, stopped) = stream::read(&inputs, options, &progress, &mut printer);
    if let Some(Err(error)) = stopped {
        return Err(error.into());
    }
    printer.encoder.end(&mut printer.out.buffer);
    printer.out.flush()?;
    Ok(if tally.faults > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn chosen(names: Option<&str>, format: Format) -> Result<Vec<Column>, columns::UnknownColumn> {
    match (names, format) {
        (Some(names), _) => columns::choose(names),
        (None, Format::Table) => columns::choose(TABLE_COLUMNS),
        (None, _) => Ok(columns::classic()),
    }
}

struct Printer {
    encoder: Encoder,
    filter: Filter,
    out: Output,
    left: u64,
    colour: ColourChoice,
}

impl Sink for Printer {
    type Stop = io::Result<()>;

    fn wants(&mut self, joined: &Joined<'_>) -> bool {
        self.filter.accepts(joined)
    }

    fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<Self::Stop> {
        self.encoder.write(joined, &mut self.out.buffer);
        if let Err(error) = self.out.flush_if_full() {
            return ControlFlow::Break(Err(error));
        }
        self.left -= 1;
        if self.left == 0 {
            ControlFlow::Break(Ok(()))
        } else {
            ControlFlow::Continue(())
        }
    }

    fn fault(&mut self, fault: &Fault) {
        // What came before the fault is shown before it is told.
        self.encoder.end(&mut self.out.buffer);
        let _ = self.out.flush();
        output::error(&fault.to_string(), self.colour);
    }
}

/// An encoder of text.
pub enum Encoder {
    /// As a table.
    Table(table::Encoder),
    /// As JSON.
    Json(json::Encoder),
    /// As comma-separated values.
    Csv(csv::Encoder),
}

impl Encoder {
    /// An encoder for these columns.
    pub fn new(
        format: Format,
        columns: &[Column],
        to_terminal: bool,
        colour: ColourChoice,
    ) -> Self {
        let width = output::width().filter(|_| to_terminal);
        match format {
            Format::Table => Self::Table(table::Encoder::new(
                columns,
                width,
                colour.wanted(width.is_some()),
            )),
            Format::Json => Self::Json(json::Encoder::new(columns, json::Layout::Nested)),
            Format::FlatJson => Self::Json(json::Encoder::new(columns, json::Layout::Flat)),
            Format::Csv => Self::Csv(csv::Encoder::new(columns)),
        }
    }

    /// Appends what stands before the first record.
    pub fn begin(&self, out: &mut Vec<u8>) {
        if let Self::Csv(encoder) = self {
            encoder.write_header(out);
        }
    }

    /// Appends a record.
    pub fn write(&mut self, joined: &Joined<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Table(encoder) => encoder.write(joined, out),
            Self::Json(encoder) => encoder.write(joined, out),
            Self::Csv(encoder) => encoder.write(joined, out),
        }
    }

    /// Appends what was kept back.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        if let Self::Table(encoder) = self {
            encoder.finish(out);
        }
    }
}
