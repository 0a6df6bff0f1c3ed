//! `sysflow print --events`: the operations of captures themselves, before they become records.

use std::fs::File;
use std::io;
use std::process::ExitCode;

use sysflow_collect::source::scap::ScapSource;
use sysflow_collect::view::{self, EventView};
use sysflow_collect::{Collector, Config, EventsOnly};
use sysflow_export::json::{write_string, write_values};
use sysflow_field::{Arg, FieldId, Unresolved, View};
use sysflow_pipeline::inputs::Input;
use sysflow_policy::{Condition, Dialect, Evaluator};
use sysflow_scap::Capture;

use crate::arguments::{ColourChoice, terminal_width};
use crate::output::{self, Failure, Output};

/// What is shown of each event as JSON unless told otherwise.
const FIELDS: &str = "evt.num,evt.time,evt.cpu,evt.type,evt.dir,evt.args,evt.res,proc.name,proc.pid,\
                      thread.tid,proc.exepath,fd.name,user.name,container.id";

/// What is wanted of the events.
pub struct Wanted<'a> {
    /// A condition in Falco's language.
    pub filter: Option<&'a str>,
    /// Fields by name, separated by commas.
    pub columns: Option<&'a str>,
    /// JSON rather than lines.
    pub json: bool,
    /// At most so many.
    pub limit: u64,
}

/// Prints the events of captures.
pub fn print(
    inputs: &[Input],
    wanted: &Wanted<'_>,
    config: &Config,
    out: Output,
    colour: ColourChoice,
) -> Result<ExitCode, Failure> {
    let condition = wanted.filter.map(|text| parse(text, colour)).transpose()?;
    let fields = fields(wanted.columns.unwrap_or(FIELDS))?;
    let mut printer = Printer {
        condition,
        evaluator: Evaluator::new(),
        fields,
        json: wanted.json || wanted.columns.is_some(),
        left: wanted.limit,
        out,
        failed: None,
    };
    let mut faults = 0;
    for input in inputs {
        let Input::File(path) = input else {
            return Err(anyhow::anyhow!("--events needs files, not standard input").into());
        };
        let file = File::open(path);
        let file =
            file.map_err(|error| anyhow::anyhow!("cannot open {}: {error}", path.display()))?;
        let capture = Capture::open(file);
        let mut capture =
            capture.map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        let mut source = ScapSource::new();
        let sink = EventsOnly(|view: &EventView<'_>| printer.event(view));
        let mut collector = Collector::new(config.clone(), sink);
        loop {
            match capture.next() {
                Ok(Some(item)) => source.translate(&item, &mut collector),
                Ok(None) => break,
                Err(error) => {
                    faults += 1;
                    output::error(&format!("{}: {error}", path.display()), colour);
                }
            }
        }
        drop(collector);
        if let Some(error) = printer.failed.take() {
            return Err(error.into());
        }
    }
    printer.out.flush()?;
    Ok(if faults > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn parse(text: &str, colour: ColourChoice) -> anyhow::Result<Condition<EventView<'static>>> {
    Condition::parse_in(text, Dialect::Falco).map_err(|problems| {
        let styled = colour.wanted(io::IsTerminal::is_terminal(&io::stderr()));
        eprint!("{}", problems.render(styled, terminal_width()));
        anyhow::anyhow!("the condition of --filter is not valid")
    })
}

fn fields(names: &str) -> anyhow::Result<Vec<(String, FieldId, Arg)>> {
    let catalogue = EventView::catalogue();
    let names = names
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    names
        .map(|name| match catalogue.resolve(name) {
            Ok(resolved) => Ok((name.to_owned(), resolved.id, resolved.arg)),
            Err(Unresolved::Foreign { reason }) => Err(anyhow::anyhow!(
                "events cannot answer `{name}`: the field {reason}"
            )),
            Err(Unresolved::BadArgument { problem }) => Err(anyhow::anyhow!("{name}: {problem}")),
            Err(Unresolved::Unknown { .. }) => {
                Err(anyhow::anyhow!("events have no field `{name}`"))
            }
        })
        .collect()
}

struct Printer {
    condition: Option<Condition<EventView<'static>>>,
    evaluator: Evaluator,
    fields: Vec<(String, FieldId, Arg)>,
    json: bool,
    left: u64,
    out: Output,
    failed: Option<io::Error>,
}

impl Printer {
    fn event(&mut self, view: &EventView<'_>) {
        if self.left == 0 || self.failed.is_some() {
            return;
        }
        let Self {
            condition,
            evaluator,
            ..
        } = self;
        let wanted = condition
            .as_ref()
            .is_none_or(|condition| evaluator.condition(condition, view));
        if !wanted {
            return;
        }
        self.left -= 1;
        if self.json {
            self.write_json(view);
        } else {
            let mut line = Vec::new();
            view::line(view, &mut line);
            // What an event holds must not break lines or steer the terminal.
            for byte in line.trim_ascii_end() {
                self.out
                    .buffer
                    .push(if byte.is_ascii_control() { b' ' } else { *byte });
            }
            self.out.buffer.push(b'\n');
        }
        self.failed = self.out.flush_if_full().err();
    }

    fn write_json(&mut self, view: &EventView<'_>) {
        let out = &mut self.out.buffer;
        for (index, (name, id, arg)) in self.fields.iter().enumerate() {
            out.push(if index == 0 { b'{' } else { b',' });
            write_string(name.as_bytes(), out);
            out.push(b':');
            let list = EventView::catalogue().field(*id).list && *arg == Arg::None;
            if !write_values(list, out, |visit| view.visit(*id, arg, visit)) {
                out.extend_from_slice(if list { b"[]" } else { b"null" });
            }
        }
        out.extend_from_slice(b"}\n");
    }
}
