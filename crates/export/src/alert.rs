//! A match of a rule, as Falco's JSON and for a terminal.

use std::marker::PhantomData;

use sysflow_field::{Arg, FieldId, Value};

use crate::json::{write_string, write_value};
use crate::observation::{Observation, write_field};
use crate::table::printable;
use crate::time::Clock;

/// Ancestors that are shown on a terminal.
const ANCESTORS_SHOWN: usize = 5;

/// A match of a rule with the observation that it is about.
#[derive(Debug)]
pub struct Alert<'a, V> {
    /// The name of the rule.
    pub rule: &'a str,
    /// Falco's word for the priority, capitalised: `Warning`.
    pub priority: &'a str,
    /// Tags of the rule, in its order.
    pub tags: &'a [String],
    /// The filled-in output of the rule; a sentence about the observation where the rule has none.
    pub output: Option<&'a str>,
    /// Fields that the output names.
    pub fields: &'a [(String, FieldId, Arg)],
    /// What the rule matched.
    pub view: &'a V,
}

impl<V: Observation> Alert<'_, V> {
    /// What happened, in words.
    pub fn sentence(&self) -> String {
        let mut text = Vec::new();
        match self.output {
            Some(output) => text.extend_from_slice(output.as_bytes()),
            None => self.view.write_sentence(&mut text),
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// Writes alerts as one JSON object a line, in the layout of Falco (keys in alphabetical
/// order), with SysFlow's fields in `output_fields`.
#[derive(Debug)]
pub struct JsonEncoder<V> {
    hostname: String,
    clock: Clock,
    /// Fields that every alert carries.
    fields: Vec<(String, FieldId, Arg)>,
    view: PhantomData<fn() -> V>,
}

impl<V: Observation> JsonEncoder<V> {
    /// An encoder that names `hostname` where a recording does not say who recorded it.
    pub fn new(hostname: String) -> Self {
        let resolve = |name: &&str| {
            let resolved = V::catalogue().resolve(name).ok()?;
            Some(((*name).to_owned(), resolved.id, resolved.arg))
        };
        Self {
            hostname,
            clock: Clock::default(),
            fields: V::CARRIED.iter().filter_map(resolve).collect(),
            view: PhantomData,
        }
    }

    /// Appends an alert as one line.
    ///
    /// `W` is `V` of another lifetime.
    pub fn write<W: Observation>(&mut self, alert: &Alert<'_, W>, out: &mut Vec<u8>) {
        let mut hostname = Vec::new();
        alert.view.write_host(&mut hostname);
        if hostname.is_empty() {
            hostname.extend_from_slice(self.hostname.as_bytes());
        }
        out.extend_from_slice(b"{\"hostname\":");
        write_string(&hostname, out);
        let (ts, mut time) = (alert.view.ts(), Vec::new());
        self.clock.write(ts, &mut time);
        let time = String::from_utf8_lossy(&time);
        let line = format!("{time}: {} {}", alert.priority, alert.sentence());
        out.extend_from_slice(b",\"output\":");
        write_string(line.as_bytes(), out);
        out.extend_from_slice(b",\"output_fields\":{\"evt.time\":");
        write_value(Value::Int(ts), out);
        // Keys of an object come once: what the rule names itself goes first, null where missing.
        for (name, id, arg) in alert.fields.iter().filter(|(name, ..)| name != "evt.time") {
            write_field(alert.view, name, *id, arg, true, out);
        }
        for (name, id, arg) in &self.fields {
            if !alert.fields.iter().any(|(named, ..)| named == name) {
                write_field(alert.view, name, *id, arg, false, out);
            }
        }
        out.extend_from_slice(b"},\"priority\":");
        write_string(alert.priority.as_bytes(), out);
        out.extend_from_slice(b",\"rule\":");
        write_string(alert.rule.as_bytes(), out);
        out.extend_from_slice(b",\"source\":\"syscall\",\"tags\":[");
        let mut tags: Vec<&String> = alert.tags.iter().collect();
        tags.sort_unstable();
        tags.dedup();
        for (index, tag) in tags.into_iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_string(tag.as_bytes(), out);
        }
        out.extend_from_slice(b"],\"time\":\"");
        out.extend_from_slice(time.as_bytes());
        out.extend_from_slice(b"\"}\n");
    }
}

/// Writes alerts for people: a line with time, severity, rule and tags for each rule that matched a record,
/// then what happened, and by whom.
#[derive(Debug, Default)]
pub struct TextEncoder {
    colour: bool,
    clock: Clock,
}

/// Column at which details begin.
const INDENT: &[u8] = b"                       ";

impl TextEncoder {
    /// An encoder with or without colours.
    pub fn new(colour: bool) -> Self {
        Self {
            colour,
            clock: Clock::default(),
        }
    }

    /// Appends the alerts about one observation, as a few lines.
    pub fn write<V: Observation>(&mut self, alerts: &[Alert<'_, V>], out: &mut Vec<u8>) {
        let Some(first) = alerts.first() else {
            return;
        };
        for (index, alert) in alerts.iter().enumerate() {
            if index == 0 {
                self.clock.write_of_day(alert.view.ts(), out);
            } else {
                out.extend_from_slice(b"            ");
            }
            out.extend_from_slice(b"  ");
            let (severity, colour) = severity(alert.priority);
            self.paint(&format!("{severity:<8}"), colour, out);
            out.push(b' ');
            self.paint(&printable(alert.rule.as_bytes()), "1", out);
            if !alert.tags.is_empty() {
                let tags = printable(alert.tags.join(" ").as_bytes());
                self.paint(&format!("  [{tags}]"), "2", out);
            }
            out.push(b'\n');
        }
        let mut sentences: Vec<String> = Vec::new();
        for alert in alerts {
            let sentence = alert.sentence();
            if !sentences.contains(&sentence) {
                self.detail("", &sentence, out);
                sentences.push(sentence);
            }
        }
        self.write_context(first.view, out);
    }

    fn write_context(&self, view: &impl Observation, out: &mut Vec<u8>) {
        if let Some(actor) = view.actor() {
            let command = shorten(&printable(actor.command.as_bytes()));
            let user = printable(actor.user.as_bytes());
            self.detail("command    ", &format!("{command}  (as {user})"), out);
        }
        let mut ancestors = Vec::new();
        view.write_ancestors(ANCESTORS_SHOWN, &mut ancestors);
        if !ancestors.is_empty() {
            self.detail("started by ", &printable(&ancestors), out);
        }
        let mut container = Vec::new();
        view.write_container(&mut container);
        if !container.is_empty() {
            self.detail("container  ", &printable(&container), out);
        }
    }

    fn detail(&self, label: &str, text: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(INDENT);
        if !label.is_empty() {
            self.paint(label, "2", out);
        }
        out.extend_from_slice(printable(text.as_bytes()).as_bytes());
        out.push(b'\n');
    }

    fn paint(&self, text: &str, colour: &str, out: &mut Vec<u8>) {
        if self.colour {
            out.extend_from_slice(format!("\x1b[{colour}m{text}\x1b[0m").as_bytes());
        } else {
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// What people call a priority of Falco, and its colour.
pub fn severity(priority: &str) -> (&'static str, &'static str) {
    match priority {
        "Emergency" | "Alert" | "Critical" => ("CRITICAL", "1;31"),
        "Error" => ("HIGH", "31"),
        "Warning" => ("MEDIUM", "33"),
        "Notice" => ("LOW", "36"),
        _ => ("INFO", "2"),
    }
}

/// Longest command that is shown, in characters.
const LONGEST_COMMAND: usize = 200;

fn shorten(command: &str) -> String {
    let command = command.trim_end();
    if command.chars().count() <= LONGEST_COMMAND {
        return command.to_owned();
    }
    command
        .chars()
        .take(LONGEST_COMMAND - 1)
        .chain(['…'])
        .collect()
}
