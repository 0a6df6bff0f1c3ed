//! Files that are opened.

use sysflow_event::file::{Open, OpenCall, Path};
use sysflow_event::{Operation, WORKING_DIRECTORY, flags};

use super::name::{at, plain};
use crate::interface::{File, item};
use crate::raw::{self, Arguments, fd, hexadecimal, number, octal, path, path_at};
use crate::record::Record;
use crate::values;

const KIND: u32 = 0o170_000;

const DIRECTORY: u32 = 0o040_000;

/// What the arguments of an open say.
pub(super) struct Asked {
    pub(super) call: OpenCall,
    pub(super) directory: Option<usize>,
    pub(super) flags: u64,
    pub(super) mode: u64,
    pub(super) resolve: Option<u64>,
}

pub(super) fn open<'a>(
    record: &Record<'a>,
    asked: &Asked,
    out: &mut Arguments<'a>,
) -> Operation<'a> {
    let file: Option<File> = record.structure(item::FILE);
    let given = record.bytes(item::STRING0);
    let asked_flags = values::open_flags(asked.flags as u32);
    let shown = asked_flags | file.as_ref().map_or(0, values::file_flags);
    let mut known = shown;
    if file.is_some_and(|file| file.mode & KIND == DIRECTORY) {
        known |= flags::open::DIRECTORY;
    }
    // The kernel's own path of what was opened cannot be changed behind our back. Where there is none, it is
    // what the program said.
    let resolved = record
        .bytes(item::PATH)
        .filter(|path| path.starts_with(b"/"));
    let opened = match (resolved, asked.directory) {
        (Some(resolved), _) => Path {
            directory: asked.directory.map(|_| WORKING_DIRECTORY),
            is_at: asked.directory.is_some(),
            path: Some(resolved),
            ..Path::default()
        },
        (None, Some(directory)) => at(record, directory, item::STRING0),
        (None, None) => plain(record, item::STRING0),
    };
    let inode = file.map(|file| file.inode);
    let device = file.map(|file| file.device);
    let shown_device = hexadecimal(u64::from(device.unwrap_or_default()));
    let shown_inode = number(inode.unwrap_or_default());
    let descriptor = fd(record.header.result as i32);
    match asked.call {
        OpenCall::Open => out.set([
            descriptor,
            path(given),
            raw::flags(shown),
            octal(asked.mode),
            shown_device,
            shown_inode,
        ]),
        OpenCall::OpenAt => out.set([
            descriptor,
            fd(record.fd(0)),
            path_at(given, 1),
            raw::flags(shown),
            octal(asked.mode),
            shown_device,
            shown_inode,
        ]),
        OpenCall::OpenAt2 => out.set([
            descriptor,
            fd(record.fd(0)),
            path_at(given, 1),
            raw::flags(shown),
            octal(asked.mode),
            raw::flags(values::resolve_flags(asked.resolve.unwrap_or_default())),
            shown_device,
            shown_inode,
        ]),
        OpenCall::Create => out.set([
            descriptor,
            path(given),
            octal(asked.mode),
            shown_device,
            shown_inode,
            raw::flags(shown >> 15),
        ]),
        OpenCall::OpenByHandle => out.set([
            descriptor,
            fd(record.fd(0)),
            raw::flags(shown),
            path(resolved),
            shown_device,
            shown_inode,
        ]),
    }
    Operation::Open(Open {
        call: asked.call,
        path: Path {
            flags: Some(known),
            mode: Some(asked.mode as u32),
            ..opened
        },
        device,
        inode,
        resolve: asked.resolve.map(values::resolve_flags),
        announced: None,
    })
}
