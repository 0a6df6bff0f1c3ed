//! What can be shown of a record, chosen by name.

use std::io::Write as _;

use sysflow_field::{Arg, FieldId, Type, Unresolved};
use sysflow_record::catalogue::CATALOGUE;
use sysflow_record::entity::Joined;
use thiserror::Error;

use crate::sentence;

/// How an absent value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// As null.
    Null,
    /// As empty text. The original's printer does so for text and for some numbers.
    Empty,
}

/// Where the value of a column comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A field of the catalogue.
    Field(FieldId, Arg),
    /// A field that holds JSON, written as JSON rather than as a string.
    Json(FieldId),
    /// A time, as text.
    IsoTime(FieldId),
    /// Text made from the whole record.
    Text(fn(&Joined<'_>, &mut Vec<u8>)),
    /// The same JSON value for every record.
    Constant(&'static str),
}

/// What the value of a column depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The record itself.
    Record,
    /// The entities alone: header, process, parent, container and pod.
    Entities,
}

/// One column.
#[derive(Clone, Debug)]
pub struct Column {
    /// The name by which it is chosen, which is the key in JSON.
    pub name: String,
    /// The title in tables.
    pub title: String,
    /// The type of its values.
    pub ty: Type,
    /// Whether it can have several values.
    pub list: bool,
    /// How an absent value is written.
    pub absent: Absent,
    /// Where the value comes from.
    pub source: Source,
    /// What the value depends on.
    pub scope: Scope,
}

/// A name that is no column.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no field `{name}`{hint}")]
pub struct UnknownColumn {
    /// The name.
    pub name: String,
    /// What may have been meant, as the end of the sentence.
    pub hint: String,
}

/// Columns of the original's printer whose name is not that of an attribute without `sf.`, or which are
/// written in another way: name, title, source.
enum Special {
    Same(&'static str),
    Iso(&'static str),
    Json(&'static str),
    Text(fn(&Joined<'_>, &mut Vec<u8>)),
    Constant(&'static str),
}

use Absent::{Empty, Null};
use Special::{Constant, Iso, Json, Same, Text};

/// The columns of the original's printer, in its order ("sysprint", 0.6.1).
const CLASSIC: &[(&str, &str, Absent, Special)] = &[
    ("version", "API", Empty, Constant("\"4\"")),
    ("type", "T", Empty, Same("sf.type")),
    ("state", "State", Empty, Same("sf.state")),
    ("opflags", "Op Flags", Empty, Text(operations)),
    ("opflags_bitmap", "Op Flags", Empty, Same("sf.opflags.bits")),
    ("ret", "Ret", Null, Same("sf.ret")),
    ("ts", "Start Time", Empty, Iso("sf.ts")),
    ("ts_uts", "Start Time", Null, Same("sf.ts")),
    ("endts", "End Time", Empty, Iso("sf.endts")),
    ("endts_uts", "End Time", Null, Same("sf.endts")),
    ("proc.pid", "PID", Null, Same("sf.proc.pid")),
    ("proc.tid", "TID", Null, Same("sf.proc.tid")),
    ("proc.uid", "UID", Null, Same("sf.proc.uid")),
    ("proc.user", "User", Empty, Same("sf.proc.user")),
    ("proc.gid", "GID", Null, Same("sf.proc.gid")),
    ("proc.group", "Group", Empty, Same("sf.proc.group")),
    ("proc.cwd", "Cwd", Empty, Same("sf.proc.cwd")),
    ("proc.exe", "Cmd", Empty, Same("sf.proc.exe")),
    ("proc.args", "Args", Empty, Same("sf.proc.args")),
    ("proc.tty", "TTY", Empty, Same("sf.proc.tty")),
    ("proc.entry", "Entry", Empty, Same("sf.proc.entry")),
    ("proc.env", "Env", Empty, Text(environment)),
    (
        "proc.createts",
        "Proc. Creation Time",
        Null,
        Same("sf.proc.createts"),
    ),
    ("pproc.pid", "PPID", Null, Same("sf.pproc.pid")),
    ("pproc.gid", "PGID", Null, Same("sf.pproc.gid")),
    ("pproc.uid", "PUID", Null, Same("sf.pproc.uid")),
    ("pproc.group", "PGroup", Empty, Same("sf.pproc.group")),
    ("pproc.tty", "PTTY", Empty, Same("sf.pproc.tty")),
    ("pproc.entry", "PEntry", Empty, Same("sf.pproc.entry")),
    ("pproc.env", "PEnv", Empty, Text(parent_environment)),
    ("pproc.user", "PUser", Empty, Same("sf.pproc.user")),
    ("pproc.cwd", "PCwd", Empty, Same("sf.pproc.cwd")),
    ("pproc.exe", "PCmd", Empty, Same("sf.pproc.exe")),
    ("pproc.args", "PArgs", Empty, Same("sf.pproc.args")),
    (
        "pproc.createts",
        "PProc. Creation Time",
        Null,
        Same("sf.pproc.createts"),
    ),
    ("file.fd", "FD", Empty, Same("sf.file.fd")),
    ("file.path", "Path", Empty, Same("sf.file.rawpath")),
    (
        "file.newpath",
        "New Path",
        Empty,
        Same("sf.file.newrawpath"),
    ),
    ("file.type", "File Type", Empty, Same("sf.file.type")),
    (
        "file.openflags",
        "Open Flags",
        Empty,
        Same("sf.file.openflags.bits"),
    ),
    ("net.proto", "Proto", Empty, Same("sf.net.proto")),
    ("net.sport", "SPort", Null, Same("sf.net.sport")),
    ("net.dport", "DPort", Null, Same("sf.net.dport")),
    ("net.sip", "SIP", Empty, Same("sf.net.sip")),
    ("net.dip", "DIP", Empty, Same("sf.net.dip")),
    ("res", "Resource", Empty, Text(resource)),
    ("flow.rbytes", "NoBRead", Null, Same("sf.flow.rbytes")),
    ("flow.rops", "NoOpsRead", Null, Same("sf.flow.rops")),
    ("flow.wbytes", "NoBWrite", Null, Same("sf.flow.wbytes")),
    ("flow.wops", "NoOpsWrite", Null, Same("sf.flow.wops")),
    ("pf.nthreads", "NoThreads", Null, Same("sf.pf.nthreads")),
    ("pf.nexits", "NoThrExits", Null, Same("sf.pf.nexits")),
    ("pf.nerrors", "NoThrErrs", Null, Same("sf.pf.nerrors")),
    ("container.id", "Cont ID", Empty, Same("sf.container.id")),
    (
        "container.name",
        "Cont Name",
        Empty,
        Same("sf.container.name"),
    ),
    (
        "container.imageid",
        "Image ID",
        Empty,
        Same("sf.container.imageid"),
    ),
    (
        "container.image",
        "Image Name",
        Empty,
        Same("sf.container.image"),
    ),
    ("container.type", "Cont Type", Empty, Text(container_type)),
    (
        "container.privileged",
        "Privileged",
        Empty,
        Same("sf.container.privileged"),
    ),
    ("pod.id", "Pod Id", Empty, Same("sf.pod.id")),
    ("pod.name", "Pod Name", Empty, Same("sf.pod.name")),
    ("pod.nname", "Pod Node Name", Empty, Same("sf.pod.nodename")),
    ("pod.hostip", "Pod Host IP", Empty, Same("sf.pod.hostip")),
    (
        "pod.internalip",
        "Pod Intern IP",
        Empty,
        Same("sf.pod.internalip"),
    ),
    ("pod.ns", "Pod Namespace", Empty, Same("sf.pod.namespace")),
    ("pod.rstrtcnt", "Rstrt Cnt", Null, Same("sf.pod.restartcnt")),
    (
        "pod.services",
        "Pod Services",
        Empty,
        Json("sf.pod.services"),
    ),
    ("node.id", "Node ID", Empty, Same("sf.node.id")),
    ("node.ip", "Node IP", Empty, Same("sf.node.ip")),
    ("filename", "File name", Empty, Same("sf.meta.filename")),
    ("schema", "SF Schema", Null, Same("sf.meta.schema")),
    ("tags", "Tags", Empty, Constant("[]")),
    ("k8s.action", "K8s EV Action", Empty, Same("sf.ke.action")),
    ("k8s.kind", "K8s EV Comp Type", Empty, Same("sf.ke.kind")),
    ("k8s.msg", "K8s EV Msg", Empty, Same("sf.ke.message")),
];

/// Columns of ours.
const OURS: &[(&str, &str, Special)] = &[
    ("time", "Time", Iso("sf.ts")),
    ("what", "What", Text(sentence::write_action)),
    ("process", "Process", Text(sentence::write_process)),
    ("sentence", "What happened", Text(sentence::write_sentence)),
];

/// All columns of the original's printer, in its order.
pub fn classic() -> Vec<Column> {
    CLASSIC
        .iter()
        .filter_map(|(name, ..)| find(name).ok())
        .collect()
}

/// All columns with names of their own: ours and those of the original's printer.
pub fn named() -> Vec<Column> {
    let ours = OURS.iter().map(|(name, ..)| *name);
    let names = ours.chain(CLASSIC.iter().map(|(name, ..)| *name));
    names.filter_map(|name| find(name).ok()).collect()
}

/// Every attribute of SysFlow, for analysis in columns.
pub fn attributes() -> Vec<Column> {
    let fields = CATALOGUE
        .fields
        .iter()
        .filter(|field| field.name.starts_with("sf."));
    fields.filter_map(|field| find(field.name).ok()).collect()
}

/// The columns with these names, separated by commas.
pub fn choose(names: &str) -> Result<Vec<Column>, UnknownColumn> {
    names
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(find)
        .collect()
}

/// The column with this name: one of the original's printer, one of ours, or a field of the catalogue.
pub fn find(name: &str) -> Result<Column, UnknownColumn> {
    let classic = CLASSIC.iter().find(|(known, ..)| *known == name);
    if let Some((name, title, absent, special)) = classic {
        return special_column(name, title, *absent, special);
    }
    if let Some((name, title, special)) = OURS.iter().find(|(known, ..)| *known == name) {
        return special_column(name, title, Empty, special);
    }
    field_column(name, name, Null)
}

fn special_column(
    name: &str,
    title: &str,
    absent: Absent,
    special: &Special,
) -> Result<Column, UnknownColumn> {
    let text = |source| Column {
        name: name.to_owned(),
        title: title.to_owned(),
        ty: Type::Text,
        list: false,
        absent,
        scope: if name.contains("env") || name == "container.type" {
            Scope::Entities
        } else {
            Scope::Record
        },
        source,
    };
    let mut column = match special {
        Text(write) => return Ok(text(Source::Text(*write))),
        Constant(value) => return Ok(text(Source::Constant(value))),
        Same(field) | Iso(field) | Json(field) => field_column(field, title, absent)?,
    };
    name.clone_into(&mut column.name);
    column.source = match (special, column.source) {
        (Iso(_), Source::Field(id, _)) => Source::IsoTime(id),
        (Json(_), Source::Field(id, _)) => Source::Json(id),
        (_, source) => source,
    };
    Ok(column)
}

fn field_column(name: &str, title: &str, absent: Absent) -> Result<Column, UnknownColumn> {
    let resolved = CATALOGUE.resolve(name).map_err(|unresolved| {
        let hint = match unresolved {
            Unresolved::Unknown { suggestions } if suggestions.is_empty() => {
                "; `sysflow fields` lists all".to_owned()
            }
            Unresolved::Unknown { suggestions } => {
                format!("; did you mean `{}`?", suggestions.join("` or `"))
            }
            Unresolved::Foreign { reason } => format!(" in records: it {reason}"),
            Unresolved::BadArgument { problem } => format!(": {problem}"),
        };
        UnknownColumn {
            name: name.to_owned(),
            hint,
        }
    })?;
    let field = CATALOGUE.field(resolved.id);
    Ok(Column {
        name: name.to_owned(),
        title: title.to_owned(),
        ty: field.ty,
        list: field.list && resolved.arg == Arg::None,
        absent,
        scope: scope(field.name),
        source: Source::Field(resolved.id, resolved.arg),
    })
}

/// What a field depends on. A thread is that of the record, and ancestors are more than the parent.
fn scope(field: &str) -> Scope {
    let families = [
        "sf.proc.",
        "sf.pproc.",
        "sf.container.",
        "sf.pod.",
        "sf.node.",
        "sf.meta.",
    ];
    let others = [
        "sf.proc.tid",
        "sf.proc.aname",
        "sf.proc.aexe",
        "sf.proc.acmdline",
        "sf.proc.apid",
    ];
    if families.iter().any(|family| field.starts_with(family)) && !others.contains(&field) {
        Scope::Entities
    } else {
        Scope::Record
    }
}

fn operations(joined: &Joined<'_>, out: &mut Vec<u8>) {
    let flags = joined.op_flags();
    if !flags.is_empty() {
        out.extend_from_slice(flags.to_columns().as_bytes());
    }
}

fn environment(joined: &Joined<'_>, out: &mut Vec<u8>) {
    if let Some(process) = joined.process {
        join_environment(process.env().iter().map(|variable| &**variable), out);
    }
}

fn parent_environment(joined: &Joined<'_>, out: &mut Vec<u8>) {
    if let Some(parent) = joined.parent {
        join_environment(parent.env().iter().map(|variable| &**variable), out);
    }
}

/// Variables joined with semicolons, without empty ones and a bare `=`.
fn join_environment<'a>(variables: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    let start = out.len();
    for variable in variables.filter(|variable| !variable.is_empty() && *variable != b"=") {
        if out.len() > start {
            out.push(b';');
        }
        out.extend_from_slice(variable);
    }
}

fn container_type(joined: &Joined<'_>, out: &mut Vec<u8>) {
    if let Some(container) = joined.container {
        out.extend_from_slice(container.kind.symbol().as_bytes());
    }
}

/// The paths of a file record, both ends of a connection, or nothing.
fn resource(joined: &Joined<'_>, out: &mut Vec<u8>) {
    if let Some(file) = joined.file {
        out.extend_from_slice(file.raw_path());
        if let Some(new_file) = joined.new_file {
            out.extend_from_slice(b", ");
            out.extend_from_slice(new_file.raw_path());
        }
        return;
    }
    if let Some(ends) = joined.connection() {
        let (source, destination) = (ends.source, ends.destination);
        let (source_port, destination_port) = (ends.source_port, ends.destination_port);
        let _ = write!(
            out,
            "{source}:{source_port}-{destination}:{destination_port}"
        );
    }
}
