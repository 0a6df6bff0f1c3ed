//! How arguments are shown.

use std::io::Write as _;

use sysflow_event::network::{Address, Tuple};
use sysflow_event::raw::{Base, RawValue};
use sysflow_event::{Fd, WORKING_DIRECTORY};

use super::EventView;
use super::fd::{write_kind, write_name};
use crate::text::resolve_into;

/// The number in an argument, if it is one.
pub(super) const fn number(value: RawValue<'_>) -> Option<i64> {
    Some(match value {
        RawValue::Signed(number, _)
        | RawValue::Result(number)
        | RawValue::Descriptor(number)
        | RawValue::Process(number) => number,
        RawValue::Unsigned(number, _) | RawValue::Span(number) => number as i64,
        RawValue::User(number)
        | RawValue::Group(number)
        | RawValue::Symbols(number, _)
        | RawValue::Named(number) => number as i64,
        _ => return None,
    })
}

/// Bytes that do not print become dots.
pub(super) fn write_dotted(bytes: &[u8], out: &mut Vec<u8>) {
    let dotted = |byte: &u8| {
        if matches!(byte, 0x20..=0x7e) {
            *byte
        } else {
            b'.'
        }
    };
    out.extend(bytes.iter().map(dotted));
}

fn write_number(number: u64, base: Base, out: &mut Vec<u8>) {
    // Writing into memory does not fail.
    let _ = match base {
        Base::Decimal => write!(out, "{number}"),
        Base::Hexadecimal => write!(out, "{number:X}"),
        Base::Octal if number == 0 => write!(out, "0"),
        Base::Octal => write!(out, "0{number:o}"),
    };
}

pub(super) fn write_error(result: i64, out: &mut Vec<u8>) -> bool {
    let name = i32::try_from(-result)
        .ok()
        .filter(|_| result < 0)
        .and_then(error_name);
    out.extend_from_slice(name.unwrap_or_default().as_bytes());
    name.is_some()
}

/// The name of an error number; some are the kernel's own and never reach a program.
pub(super) fn error_name(number: i32) -> Option<&'static str> {
    Some(match number {
        512 => "ERESTARTSYS",
        513 => "ERESTARTNOINTR",
        514 => "ERESTARTNOHAND",
        515 => "ENOIOCTLCMD",
        516 => "ERESTART_RESTARTBLOCK",
        number => return sysflow_record::errno::name(number),
    })
}

impl EventView<'_> {
    /// What an argument stands for, or itself where that is not known.
    pub(super) fn write_argument(&self, index: usize, out: &mut Vec<u8>) {
        let start = out.len();
        self.write_resolved(index, out);
        if out.len() == start {
            self.write_raw(index, out);
        }
    }

    /// All arguments, as `name=raw(resolved)`.
    pub(super) fn write_arguments(&self, out: &mut Vec<u8>) {
        let is_generic = self.arguments.name(0) == "ID";
        let count = if is_generic {
            0
        } else {
            self.arguments.count()
        };
        let mut resolved = Vec::new();
        for index in 0..count {
            if index > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(self.arguments.name(index).as_bytes());
            out.push(b'=');
            self.write_raw(index, out);
            resolved.clear();
            self.write_resolved(index, &mut resolved);
            if !resolved.is_empty() {
                out.push(b'(');
                out.append(&mut resolved);
                out.push(b')');
            }
        }
    }

    fn write_raw(&self, index: usize, out: &mut Vec<u8>) {
        let _ = match self.arguments.value(index) {
            RawValue::Signed(number, Base::Decimal) => write!(out, "{number}"),
            RawValue::Signed(number, base) => {
                write_number(number as u64, base, out);
                Ok(())
            }
            // Falco shows the largest numbers as negative ones.
            RawValue::Unsigned(number, Base::Decimal) => write!(out, "{}", number as i64),
            RawValue::Unsigned(number, base) => {
                write_number(number, base, out);
                Ok(())
            }
            RawValue::Result(number) | RawValue::Descriptor(number) | RawValue::Process(number) => {
                write!(out, "{number}")
            }
            RawValue::User(number) | RawValue::Group(number) if number == u32::MAX => {
                write!(out, "-1")
            }
            RawValue::User(number) | RawValue::Group(number) | RawValue::Named(number) => {
                write!(out, "{number}")
            }
            RawValue::Symbols(number, Base::Octal) => write!(out, "{number:04o}"),
            RawValue::Symbols(number, _) => write!(out, "{number}"),
            RawValue::Text(text) | RawValue::Path(text) | RawValue::PathAt(text, _) => {
                out.extend_from_slice(text);
                Ok(())
            }
            RawValue::Bytes(b"") => write!(out, "NULL"),
            RawValue::Bytes(bytes) => {
                write_dotted(bytes, out);
                Ok(())
            }
            RawValue::Address(Address::Internet(address)) => write!(out, "{address}"),
            RawValue::Address(Address::Unix(path)) => {
                out.extend_from_slice(path);
                Ok(())
            }
            RawValue::Tuple(Tuple::Internet {
                source,
                destination,
            }) => {
                write!(out, "{source}->{destination}")
            }
            RawValue::Tuple(Tuple::Unix { source, peer, path }) => {
                let _ = write!(out, "{source:x}->{peer:x} ");
                out.extend_from_slice(path);
                Ok(())
            }
            RawValue::Span(u64::MAX) => write!(out, "-1"),
            RawValue::Span(span) => write!(out, "{span}"),
            RawValue::Bool(flag) => write!(out, "{flag}"),
            _ => write!(out, "<NA>"),
        };
    }

    /// What an argument stands for; nothing where that is not known or the argument says it itself.
    fn write_resolved(&self, index: usize, out: &mut Vec<u8>) {
        match self.arguments.value(index) {
            RawValue::Result(result) => {
                write_error(result, out);
            }
            RawValue::Descriptor(fd) if fd == i64::from(WORKING_DIRECTORY) => {
                out.extend_from_slice(b"AT_FDCWD");
            }
            RawValue::Descriptor(fd) if fd < 0 => {
                write_error(fd, out);
            }
            RawValue::Descriptor(fd) => {
                let table = self.threads.descriptors(self.event.tid);
                if let Some(descriptor) = table.and_then(|table| table.get(fd as Fd)) {
                    write_kind(descriptor, out);
                    write_name(descriptor, out);
                }
            }
            RawValue::Process(pid) if pid < 0 => {
                write_error(pid, out);
            }
            RawValue::Process(pid) => {
                if let Some(thread) = self.threads.get(pid) {
                    out.extend_from_slice(&thread.comm);
                }
            }
            RawValue::User(uid) => out.extend_from_slice(self.user_of(uid, b"<NONE>")),
            RawValue::Group(gid) => out.extend_from_slice(self.group_of(gid, b"<NONE>")),
            RawValue::Symbols(..) | RawValue::Named(_) => self.arguments.write_names(index, out),
            RawValue::Path(path) if !path.is_empty() && path[0] != b'/' => {
                self.write_path(None, path, out);
            }
            RawValue::PathAt(path, at) if !path.is_empty() && path[0] != b'/' => {
                self.write_path(Some(at), path, out);
            }
            RawValue::Span(span) if span != u64::MAX => {
                let seconds = span as f64 / 1e9;
                let _ = write!(out, "{seconds}s");
            }
            _ => {}
        }
    }

    /// A relative path from where it starts: the directory in an argument, or the working directory.
    pub(super) fn write_path(&self, at: Option<usize>, path: &[u8], out: &mut Vec<u8>) {
        let directory = at.and_then(|at| number(self.arguments.value(at)));
        let base = match directory {
            Some(fd) if fd != i64::from(WORKING_DIRECTORY) => {
                let table = self.threads.descriptors(self.event.tid);
                let found = table.and_then(|table| table.get(fd as Fd));
                found.map(|descriptor| crate::text::with_slash(&descriptor.path))
            }
            _ => Some(self.threads.directory_of(self.event.tid)),
        };
        let mut resolved = Vec::new();
        resolve_into(
            &mut resolved,
            base.as_deref().unwrap_or(b"<UNKNOWN>"),
            path,
            false,
        );
        out.append(&mut resolved);
    }
}
