//! `sysflow convert`.

use std::io::BufWriter;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use sysflow_export::columns::{self, Column};
use sysflow_pipeline::inputs::Input;
use sysflow_pipeline::policies::Views;
use sysflow_pipeline::stream::{self, Fault, Sink};
use sysflow_record::container::{WriteError, WriteOptions, Writer};
use sysflow_record::entity::Joined;
use sysflow_record::{CLASSIC_VERSION, NATIVE_VERSION};

use super::print::{Encoder, Format};
use crate::arguments::{Capturing, ColourChoice, Encoding, Filter, ProfileName, Reading};
use crate::output::{self, Failure, Output};

/// Write recordings in another format.
///
/// The format follows from the end of the output's name: .sf (Avro), .json or .ndjson, .csv, .parquet.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Recordings or captures: files, directories, or - for standard input; the last is the output, - for standard output
    #[arg(required = true, num_args = 2.., value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    reading: Reading,

    #[command(flatten)]
    capturing: Capturing,

    /// The format, when the output's name does not tell it
    #[arg(long, value_enum, value_name = "FORMAT")]
    to: Option<Target>,

    /// What to write: columns and fields by name, separated by commas (see `sysflow fields`)
    #[arg(short, long, value_name = "NAMES")]
    columns: Option<String>,

    #[command(flatten)]
    encoding: Encoding,
}

/// What recordings are converted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    /// A SysFlow recording (Avro)
    Sf,
    /// One JSON object a line, nested
    Json,
    /// One JSON object a line, flat
    FlatJson,
    /// Comma-separated values
    Csv,
    /// Apache Parquet
    Parquet,
}

/// Runs the command.
pub fn run(arguments: &Arguments, colour: ColourChoice) -> Result<ExitCode, Failure> {
    let Some((path, files)) = arguments.files.split_last() else {
        return Err(anyhow::anyhow!("there is nothing to convert").into());
    };
    let target = arguments.to.map_or_else(|| target_of(path), Ok)?;
    let names = arguments.columns.as_deref();
    let columns = match (names, target) {
        (Some(names), _) => columns::choose(names).map_err(anyhow::Error::from)?,
        (None, Target::Parquet) => columns::attributes(),
        (None, _) => columns::classic(),
    };
    let filter = arguments.reading.filter(Views::Records, colour)?;
    let (inputs, progress) = arguments.reading.open(files)?;
    refuse_to_overwrite_an_input(path, &inputs)?;
    let clean = arguments.capturing.profile == ProfileName::Clean;
    let native = clean && inputs.iter().any(Input::is_capture);
    let default = if native {
        NATIVE_VERSION
    } else {
        CLASSIC_VERSION
    };
    let write = arguments.encoding.options(default);
    let schema = write.version;
    let writer = Destination::create(target, path, &columns, write, colour)?;
    let mut converter = Converter {
        filter,
        writer,
        written: 0,
        left_out: 0,
        colour,
    };
    let options = arguments
        .reading
        .options(target == Target::Sf, &arguments.capturing);
    let (tally, stopped) = stream::read(&inputs, options, &progress, &mut converter);
    if let Some(error) = stopped {
        return Err(error);
    }
    converter.writer.finish()?;
    if converter.left_out > 0 {
        let count = converter.left_out;
        let hint = "use --schema native to keep them";
        output::warning(
            &format!("left out {count} records that schema {schema} cannot carry; {hint}"),
            colour,
        );
    }
    if tally.lost_bytes > 0 {
        output::warning(
            &format!("skipped {} damaged bytes", tally.lost_bytes),
            colour,
        );
    }
    Ok(if tally.faults > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn target_of(path: &Path) -> anyhow::Result<Target> {
    Ok(
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("sf" | "avro") => Target::Sf,
            Some("json" | "ndjson" | "jsonl") => Target::Json,
            Some("csv") => Target::Csv,
            Some("parquet") => Target::Parquet,
            _ => anyhow::bail!(
                "the name {} does not tell the format; say it with --to (sf, json, flat-json, csv, parquet)",
                path.display()
            ),
        },
    )
}

fn refuse_to_overwrite_an_input(path: &Path, inputs: &[Input]) -> anyhow::Result<()> {
    let Ok(output) = path.canonicalize() else {
        return Ok(());
    };
    for input in inputs {
        if let Input::File(input) = input
            && input.canonicalize().is_ok_and(|input| input == output)
        {
            anyhow::bail!(
                "{} is an input: it would be overwritten while it is read",
                path.display()
            );
        }
    }
    Ok(())
}

enum Destination {
    Text {
        encoder: Encoder,
        out: Output,
    },
    Sf(Writer<BufWriter<Box<dyn std::io::Write + Send>>>),
    #[cfg(feature = "parquet")]
    Parquet(Box<sysflow_export::parquet::Encoder<Box<dyn std::io::Write + Send>>>),
}

impl Destination {
    fn create(
        target: Target,
        path: &Path,
        columns: &[Column],
        write: WriteOptions,
        colour: ColourChoice,
    ) -> Result<Self, Failure> {
        let format = match target {
            Target::Json => Format::Json,
            Target::FlatJson => Format::FlatJson,
            Target::Csv => Format::Csv,
            Target::Sf => {
                return Ok(Self::Sf(Writer::new(BufWriter::new(raw(path)?), write)?));
            }
            #[cfg(feature = "parquet")]
            Target::Parquet => {
                let encoder = sysflow_export::parquet::Encoder::new(columns, raw(path)?);
                return Ok(Self::Parquet(Box::new(
                    encoder.map_err(anyhow::Error::from)?,
                )));
            }
            #[cfg(not(feature = "parquet"))]
            Target::Parquet => {
                return Err(anyhow::anyhow!("this sysflow was built without Parquet").into());
            }
        };
        let encoder = Encoder::new(format, columns, false, colour);
        let mut out = Output::to(Some(path))?;
        encoder.begin(&mut out.buffer);
        Ok(Self::Text { encoder, out })
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Text { mut out, .. } => out.flush()?,
            Self::Sf(writer) => drop(writer.finish()?),
            #[cfg(feature = "parquet")]
            Self::Parquet(encoder) => drop(encoder.finish().map_err(anyhow::Error::from)?),
        }
        Ok(())
    }
}

fn raw(path: &Path) -> anyhow::Result<Box<dyn std::io::Write + Send>> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdout()));
    }
    Ok(Box::new(output::create(path)?))
}

struct Converter {
    filter: Filter,
    writer: Destination,
    written: u64,
    left_out: u64,
    colour: ColourChoice,
}

impl Converter {
    fn write(&mut self, joined: &Joined<'_>) -> Result<(), Failure> {
        match &mut self.writer {
            Destination::Text { encoder, out } => {
                encoder.write(joined, &mut out.buffer);
                out.flush_if_full()?;
            }
            Destination::Sf(writer) => match writer.write(joined.record) {
                Ok(()) => {}
                Err(WriteError::NotInSchema { .. }) => self.left_out += 1,
                Err(WriteError::Io(error)) => return Err(error.into()),
                Err(other) => return Err(anyhow::Error::from(other).into()),
            },
            #[cfg(feature = "parquet")]
            Destination::Parquet(encoder) => encoder.write(joined).map_err(anyhow::Error::from)?,
        }
        self.written += 1;
        Ok(())
    }
}

impl Sink for Converter {
    type Stop = Failure;

    // A recording keeps all its entities, so that whatever record is kept can be joined.
    fn wants(&mut self, joined: &Joined<'_>) -> bool {
        self.filter.accepts(joined)
    }

    fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<Failure> {
        match self.write(joined) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => ControlFlow::Break(failure),
        }
    }

    fn fault(&mut self, fault: &Fault) {
        output::error(&fault.to_string(), self.colour);
    }
}
