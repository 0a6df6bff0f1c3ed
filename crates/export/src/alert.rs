//! A match of a rule, as Falco's JSON and for a terminal.

use sysflow_record::entity::Joined;

use crate::json::{write_string, write_value, write_values};
use crate::sentence;
use crate::table::printable;
use crate::time::Clock;
use sysflow_field::{Arg, FieldId, Value};

/// Ancestors that are shown on a terminal.
const ANCESTORS_SHOWN: usize = 5;

/// A match of a rule with the record that it is about.
#[derive(Debug)]
pub struct Alert<'a> {
    /// When the record begins, ns since the epoch.
    pub ts: i64,
    /// The name of the rule.
    pub rule: &'a str,
    /// Falco's word for the priority, capitalised: `Warning`.
    pub priority: &'a str,
    /// Tags of the rule, in its order.
    pub tags: &'a [String],
    /// The filled-in output of the rule; a sentence about the record where the rule has none.
    pub output: Option<&'a str>,
    /// Fields that the output names.
    pub fields: &'a [(String, FieldId, Arg)],
    /// The record.
    pub joined: &'a Joined<'a>,
}

impl Alert<'_> {
    /// What happened, in words.
    pub fn sentence(&self) -> String {
        let mut text = Vec::new();
        match self.output {
            Some(output) => text.extend_from_slice(output.as_bytes()),
            None => sentence::write_sentence(self.joined, &mut text),
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// Writes alerts as one JSON object a line, in the layout of Falco (keys in alphabetical
/// order), with SysFlow's fields in `output_fields`.
#[derive(Debug)]
pub struct JsonEncoder {
    hostname: String,
    clock: Clock,
    /// Fields that every alert carries.
    fields: Vec<(String, FieldId, Arg)>,
}

/// Fields that every alert carries, where the record has them.
const ALERT_FIELDS: &[&str] = &[
    "sf.type",
    "sf.opflags",
    "sf.ret",
    "sf.ts",
    "sf.endts",
    "sf.proc.oid",
    "sf.proc.pid",
    "sf.proc.tid",
    "sf.proc.exe",
    "sf.proc.cmdline",
    "sf.proc.uid",
    "sf.proc.user",
    "sf.proc.tty",
    "sf.proc.acmdline",
    "sf.proc.apid",
    "sf.pproc.pid",
    "sf.pproc.exe",
    "sf.pproc.cmdline",
    "sf.file.path",
    "sf.file.newpath",
    "sf.file.openflags",
    "sf.net.proto",
    "sf.net.sip",
    "sf.net.sport",
    "sf.net.dip",
    "sf.net.dport",
    "sf.flow.rbytes",
    "sf.flow.rops",
    "sf.flow.wbytes",
    "sf.flow.wops",
    "sf.container.id",
    "sf.container.name",
    "sf.container.image",
    "sf.pod.name",
    "sf.pod.namespace",
    "sf.ke.kind",
    "sf.ke.action",
    "sf.node.id",
];

impl JsonEncoder {
    /// An encoder that names `hostname` where a recording does not say who recorded it.
    pub fn new(hostname: String) -> Self {
        let catalogue = &sysflow_record::catalogue::CATALOGUE;
        let resolve = |name: &&str| {
            let resolved = catalogue.resolve(name).ok()?;
            Some(((*name).to_owned(), resolved.id, resolved.arg))
        };
        let fields = ALERT_FIELDS.iter().filter_map(resolve).collect();
        Self {
            hostname,
            clock: Clock::default(),
            fields,
        }
    }

    /// Appends an alert as one line.
    pub fn write(&mut self, alert: &Alert<'_>, out: &mut Vec<u8>) {
        let exporter = alert
            .joined
            .header
            .map(|header| header.exporter().to_string());
        let hostname = exporter.filter(|name| !name.is_empty());
        out.extend_from_slice(b"{\"hostname\":");
        write_string(hostname.as_ref().unwrap_or(&self.hostname).as_bytes(), out);
        let mut time = Vec::new();
        self.clock.write(alert.ts, &mut time);
        let time = String::from_utf8_lossy(&time);
        let line = format!("{time}: {} {}", alert.priority, alert.sentence());
        out.extend_from_slice(b",\"output\":");
        write_string(line.as_bytes(), out);
        out.extend_from_slice(b",\"output_fields\":{\"evt.time\":");
        write_value(Value::Int(alert.ts), out);
        // Keys of an object come once: what the rule names itself goes first, null where missing.
        for (name, id, arg) in alert.fields.iter().filter(|(name, ..)| name != "evt.time") {
            write_field(alert.joined, name, *id, arg, true, out);
        }
        for (name, id, arg) in &self.fields {
            if !alert.fields.iter().any(|(named, ..)| named == name) {
                write_field(alert.joined, name, *id, arg, false, out);
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

/// Appends `,"name":value`. A field without a value is null if it is wanted, and left out otherwise.
fn write_field(
    joined: &Joined<'_>,
    name: &str,
    id: FieldId,
    arg: &Arg,
    wanted: bool,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    out.push(b',');
    write_string(name.as_bytes(), out);
    out.push(b':');
    let field = sysflow_record::catalogue::CATALOGUE.field(id);
    let list = field.list && *arg == Arg::None;
    let any = write_values(list, out, |visit| joined.answer(id, arg, visit));
    match (any, wanted) {
        (true, _) => {}
        (false, false) => out.truncate(start),
        (false, true) => out.extend_from_slice(if list { b"[]" } else { b"null" }),
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

    /// Appends the alerts about one record, as a few lines.
    pub fn write(&mut self, alerts: &[Alert<'_>], out: &mut Vec<u8>) {
        let Some(first) = alerts.first() else {
            return;
        };
        for (index, alert) in alerts.iter().enumerate() {
            if index == 0 {
                self.clock.write_of_day(alert.ts, out);
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
        self.write_context(first.joined, out);
    }

    fn write_context(&self, joined: &Joined<'_>, out: &mut Vec<u8>) {
        if let Some(process) = joined.process {
            let command = shorten(&printable(process.cmdline()));
            let user = printable(process.user());
            let unknown = user.is_empty() || user == "<NA>";
            let user = if unknown {
                format!("uid {}", process.uid)
            } else {
                user
            };
            self.detail("command    ", &format!("{command}  (as {user})"), out);
        }
        let mut ancestors = Vec::new();
        sentence::write_ancestors(joined, ANCESTORS_SHOWN, &mut ancestors);
        if !ancestors.is_empty() {
            self.detail("started by ", &printable(&ancestors), out);
        }
        if let Some(container) = joined.container {
            let name = printable(container.name());
            let image = printable(container.image());
            let image = image
                .split('@')
                .next()
                .unwrap_or_default()
                .trim_end_matches(['/', ':']);
            let place = match (kubernetes_name(&name), joined.pod) {
                (_, Some(pod)) => {
                    let (pod, namespace) = (printable(pod.name()), printable(pod.namespace()));
                    format!("{} in pod {pod} of {namespace}", container.id())
                }
                (Some((name, pod, namespace)), None) => {
                    format!("{name} {} in pod {pod} of {namespace}", container.id())
                }
                (None, None) => format!("{name} {}", container.id()),
            };
            self.detail("container  ", &format!("{place}, image {image}"), out);
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

/// Container, pod and namespace in the name that the kubelet gives to containers of Docker:
/// `k8s_container_pod_namespace_uid_attempt`.
fn kubernetes_name(name: &str) -> Option<(&str, &str, &str)> {
    let mut parts = name.strip_prefix("k8s_")?.split('_');
    Some((parts.next()?, parts.next()?, parts.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_given_by_the_kubelet_are_taken_apart() {
        let name = "k8s_node_shop-9c5b5b4f7-bqkbt_default_33930aa8-893c-11e8-bc3e-ea499b7e8ba7_0";
        assert_eq!(
            kubernetes_name(name),
            Some(("node", "shop-9c5b5b4f7-bqkbt", "default"))
        );
        assert_eq!(kubernetes_name("shop"), None);
    }
}
