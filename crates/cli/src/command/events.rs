//! `sysflow print --events`: the operations of captures themselves, before they become records.

use std::io;
use std::ops::ControlFlow;
use std::process::ExitCode;

use sysflow_collect::view::{self, EventView};
use sysflow_export::json::{write_string, write_values};
use sysflow_field::{Arg, FieldId, Unresolved, View};
use sysflow_pipeline::inputs::Input;
use sysflow_pipeline::progress::Progress;
use sysflow_pipeline::stream::{self, Fault, Sink};
use sysflow_policy::{Condition, Dialect, Evaluator};
use sysflow_record::container::FileHeader;
use sysflow_record::entity::Joined;

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
    options: stream::Options,
    progress: &Progress,
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
        line: Vec::new(),
        recordings: 0,
        out,
        colour,
    };
    let (tally, stopped) = stream::read(inputs, options, progress, &mut printer);
    if let Some(Stop::Failed(error)) = stopped {
        return Err(error.into());
    }
    printer.out.flush()?;
    Ok(if tally.faults + printer.recordings > 0 {
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
    line: Vec<u8>,
    /// Inputs that hold none.
    recordings: u64,
    out: Output,
    colour: ColourChoice,
}

/// Why no more is printed.
enum Stop {
    /// As many as wanted have been.
    Enough,
    /// Nobody takes it.
    Failed(io::Error),
}

impl Sink for Printer {
    type Stop = Stop;

    const WANTS_EVENTS: bool = true;
    const WANTS_RECORDS: bool = false;

    fn record(&mut self, _: &Joined<'_>) -> ControlFlow<Stop> {
        ControlFlow::Continue(())
    }

    fn event(&mut self, view: &EventView<'_>) -> ControlFlow<Stop> {
        if self.left == 0 {
            return ControlFlow::Break(Stop::Enough);
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
            return ControlFlow::Continue(());
        }
        self.left -= 1;
        if self.json {
            self.write_json(view);
        } else {
            self.line.clear();
            view::line(view, &mut self.line);
            // What an event holds must not break lines or steer the terminal.
            for byte in self.line.trim_ascii_end() {
                self.out
                    .buffer
                    .push(if byte.is_ascii_control() { b' ' } else { *byte });
            }
            self.out.buffer.push(b'\n');
        }
        match self.out.flush_if_full() {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Stop::Failed(error)),
        }
    }

    fn file(&mut self, input: &Input, _: &FileHeader) {
        self.recordings += 1;
        let name = input.name();
        let message =
            format!("{name} holds records, not operations; they are shown without --events");
        output::error(&message, self.colour);
    }

    fn fault(&mut self, fault: &Fault) {
        output::error(&fault.to_string(), self.colour);
    }
}

impl Printer {
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
