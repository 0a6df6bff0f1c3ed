//! How the fields of Falco are answered.

use std::io::Write as _;
use std::net::IpAddr;

use bstr::{BStr, ByteSlice};
use sysflow_field::{Arg, Value};

use super::access::Connection;
use super::capabilities::with_names;
use super::declare::{Emit, text};
use crate::entity::{Joined, KeptContainer, KeptProcess};
use crate::errno;
use crate::{OpFlags, OpenFlags, Record};

/// The system calls that a record stands for.
const CALLS: [(OpFlags, &[&str]); 20] = [
    (OpFlags::CLONE, &["clone", "clone3", "fork", "vfork"]),
    (OpFlags::EXEC, &["execve", "execveat"]),
    (OpFlags::EXIT, &["procexit"]),
    (OpFlags::SETUID, &["setuid", "setresuid"]),
    (OpFlags::SETNS, &["setns"]),
    (OpFlags::ACCEPT, &["accept", "accept4"]),
    (OpFlags::CONNECT, &["connect"]),
    (OpFlags::OPEN, &["open", "openat", "openat2", "creat"]),
    (OpFlags::READ_RECV, &["read", "recvfrom", "recvmsg"]),
    (OpFlags::WRITE_SEND, &["write", "sendto", "sendmsg"]),
    (OpFlags::CLOSE, &["close"]),
    (OpFlags::SHUTDOWN, &["shutdown"]),
    (OpFlags::MMAP, &["mmap"]),
    (OpFlags::MKDIR, &["mkdir", "mkdirat"]),
    (OpFlags::RMDIR, &["rmdir", "unlinkat"]),
    (OpFlags::LINK, &["link", "linkat"]),
    (OpFlags::UNLINK, &["unlink", "unlinkat"]),
    (OpFlags::SYMLINK, &["symlink", "symlinkat"]),
    (OpFlags::RENAME, &["rename", "renameat", "renameat2"]),
    (OpFlags::TRUNCATE, &[]),
];

pub(super) fn emit_calls<F>(joined: &Joined<'_>, emit: &mut Emit<F>)
where
    F: FnMut(Value<'_>) -> std::ops::ControlFlow<()>,
{
    let flags = joined.op_flags();
    let calls = CALLS.iter().filter(|(flag, _)| flags.contains(*flag));
    emit.texts(calls.flat_map(|(_, names)| *names));
}

/// The result of an event, or of the operation that began a flow.
pub(super) fn raw_result(joined: &Joined<'_>) -> Option<i64> {
    joined.result().or_else(|| match joined.record {
        Record::NetworkFlow(flow) => Some(i64::from(flow.ret)),
        Record::FileFlow(flow) => Some(i64::from(flow.ret)),
        _ => None,
    })
}

pub(super) fn emit_result<F>(result: i64, emit: &mut Emit<F>)
where
    F: FnMut(Value<'_>) -> std::ops::ControlFlow<()>,
{
    if result >= 0 {
        emit.value(Value::Text(b"SUCCESS"));
        return;
    }
    let number = result
        .checked_neg()
        .and_then(|number| i32::try_from(number).ok());
    match number.and_then(errno::name) {
        Some(name) => emit.value(Value::Text(name.as_bytes())),
        None => emit.value(Value::Int(result)),
    };
}

/// Whether a flow holds an open with these flags; none for flows whose open was not seen.
pub(super) fn was_opened(joined: &Joined<'_>, flags: OpenFlags) -> Option<bool> {
    let opened = joined.op_flags().contains(OpFlags::OPEN);
    joined
        .open_flags()
        .filter(|_| opened)
        .map(|open| open.contains(flags))
}

/// The path of an operation that works on one: an open, or an event that is no rename and makes no link.
pub(super) fn single_path<'a>(joined: &Joined<'a>) -> Option<Value<'a>> {
    let takes_path = match joined.record {
        Record::FileFlow(_) => joined.op_flags().contains(OpFlags::OPEN),
        _ => two_paths(joined).is_none(),
    };
    Some(text(joined.file.filter(|_| takes_path)?.path()))
}

/// Source and target in Falco's terms: what is renamed and its new name; the link that is made and what it
/// leads to.
pub(super) fn two_paths<'a>(joined: &Joined<'a>) -> Option<(Value<'a>, Value<'a>)> {
    let flags = joined.op_flags();
    let (first, second) = (joined.file?, joined.new_file?);
    let (first, second) = (text(first.path()), text(second.path()));
    if flags.intersects(OpFlags::LINK | OpFlags::SYMLINK) {
        Some((second, first))
    } else {
        flags.contains(OpFlags::RENAME).then_some((first, second))
    }
}

pub(super) fn emit_open_flags<F>(joined: &Joined<'_>, emit: &mut Emit<F>)
where
    F: FnMut(Value<'_>) -> std::ops::ControlFlow<()>,
{
    let flags = joined.open_flags().unwrap_or_default();
    let mut buffer = [0_u8; 256];
    let mut rest = &mut buffer[..];
    let read_write = flags.contains(OpenFlags::RDWR);
    let mut separator = "";
    for name in flags.names() {
        let is_half = matches!(name, "RDONLY" | "WRONLY");
        if (is_half && read_write) || name == "NONE" {
            continue;
        }
        // All names together are shorter than the buffer.
        let _ = write!(rest, "{separator}O_{name}");
        separator = "|";
    }
    let length = 256 - rest.len();
    emit.value(Value::Text(&buffer[..length]));
}

/// The letter of the kind of descriptor that a flow is about.
pub(super) fn descriptor_letter(joined: &Joined<'_>) -> Option<u8> {
    match joined.record {
        Record::NetworkFlow(flow) => Some(if flow.source().is_ipv4() { b'4' } else { b'6' }),
        Record::FileFlow(_) => joined.file.map(|file| file.kind.letter()),
        _ => None,
    }
}

/// The file of a flow on a file or directory.
pub(super) fn flow_file<'t>(joined: &Joined<'t>) -> Option<&'t crate::entity::KeptFile> {
    let is_file = matches!(descriptor_letter(joined), Some(b'f' | b'd' | b'?'));
    joined.file.filter(|_| is_file && joined.fd().is_some())
}

pub(super) fn emit_descriptor_name<F>(joined: &Joined<'_>, emit: &mut Emit<F>)
where
    F: FnMut(Value<'_>) -> std::ops::ControlFlow<()>,
{
    if joined.fd().is_none() {
        return;
    }
    if let Some(file) = joined.file {
        emit.value(text(file.path()));
        return;
    }
    let Some(Connection {
        source,
        source_port,
        destination,
        destination_port,
        ..
    }) = joined.connection()
    else {
        return;
    };
    let mut buffer = [0_u8; 128];
    let mut rest = &mut buffer[..];
    // Two addresses and two ports are shorter than the buffer.
    let _ = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            write!(
                rest,
                "{source}:{source_port}->{destination}:{destination_port}"
            )
        }
        (source, destination) => {
            write!(
                rest,
                "{source}:{source_port}->{destination}:{destination_port}"
            )
        }
    };
    let length = 128 - rest.len();
    emit.value(Value::Text(&buffer[..length]));
}

pub(super) fn argv0(process: &KeptProcess) -> &BStr {
    process
        .argv()
        .iter()
        .next()
        .unwrap_or_else(|| process.exe())
}

pub(super) fn exe_path(process: &KeptProcess) -> &BStr {
    if process.exe_path().is_empty() {
        process.exe()
    } else {
        process.exe_path()
    }
}

/// Hands over all arguments joined with blanks, or the one at a position. Classic recordings have lost where
/// one argument ends and the next begins, so there each blank is taken for an end.
pub(super) fn emit_args<F>(process: &KeptProcess, arg: &Arg, emit: &mut Emit<F>)
where
    F: FnMut(Value<'_>) -> std::ops::ControlFlow<()>,
{
    let Arg::Index(index) = arg else {
        emit.value(text(process.args()));
        return;
    };
    let index = *index as usize;
    let argv = process.argv();
    if argv.is_empty() {
        emit.texts(process.args().split_str(" ").skip(index).take(1));
    } else {
        emit.texts(argv.iter().skip(index + 1).take(1));
    }
}

/// The ancestors without the process itself, or the one at the position that `arg` gives.
pub(super) fn ancestors<'t>(
    joined: &Joined<'t>,
    arg: &Arg,
) -> impl Iterator<Item = &'t KeptProcess> + use<'t> {
    let (skip, take) = match arg {
        Arg::Index(index) => (*index as usize, 1),
        _ => (1, usize::MAX),
    };
    joined.lineage().skip(skip).take(take)
}

fn is_native(joined: &Joined<'_>) -> bool {
    joined.header.is_some_and(|header| {
        header.version >= i64::from(crate::NATIVE_VERSION) && header.version < 1000
    })
}

pub(super) fn exe_flag(joined: &Joined<'_>, flag: i32) -> Option<Value<'static>> {
    let process = joined.process.filter(|_| is_native(joined))?;
    Some(Value::Bool(process.exe_flags & flag != 0))
}

pub(super) fn emit_capabilities<F>(joined: &Joined<'_>, set: usize, emit: &mut Emit<F>)
where
    F: FnMut(Value<'_>) -> std::ops::ControlFlow<()>,
{
    let Some(process) = joined.process.filter(|_| is_native(joined)) else {
        return;
    };
    with_names(process.capabilities[set], |names| {
        emit.value(Value::Text(names))
    });
}

pub(super) fn exe_inode(joined: &Joined<'_>, index: usize) -> Option<Value<'static>> {
    joined
        .process
        .map(|process| process.exe_inode[index])
        .filter(|value| *value != 0)
        .map(Value::Int)
}

pub(super) fn container_text<'t>(
    joined: &Joined<'t>,
    text_of: impl Fn(&'t KeptContainer) -> &'t BStr,
) -> Option<Value<'t>> {
    if joined.process?.container_id().is_none() {
        return Some(Value::Text(b"host"));
    }
    joined.container.map(|container| text(text_of(container)))
}

/// Repository and tag of an image such as `registry:5000/team/app:1.2@sha256:…`.
pub(super) fn split_image(image: &BStr) -> (&[u8], Option<&[u8]>) {
    let without_digest = image
        .find_byte(b'@')
        .map_or(image.as_bytes(), |at| &image[..at]);
    let path_start = without_digest.rfind_byte(b'/').map_or(0, |slash| slash + 1);
    match without_digest[path_start..].find_byte(b':') {
        Some(colon) => {
            let (repository, tag) = without_digest.split_at(path_start + colon);
            (repository, Some(&tag[1..]))
        }
        None => (without_digest, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_taken_apart() {
        let split = |image: &'static str| {
            let (repository, tag) = split_image(BStr::new(image));
            (
                repository.to_str_lossy().into_owned(),
                tag.map(|tag| tag.to_str_lossy().into_owned()),
            )
        };
        assert_eq!(split("alpine:3.18"), ("alpine".into(), Some("3.18".into())));
        assert_eq!(split("r:5000/a/b"), ("r:5000/a/b".into(), None));
        assert_eq!(
            split("r:5000/a/b:1@sha256:00"),
            ("r:5000/a/b".into(), Some("1".into()))
        );
    }
}
