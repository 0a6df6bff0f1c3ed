//! How arguments are shown.

use std::fmt;
use std::io::Write as _;

use sysflow_event::WORKING_DIRECTORY;
use sysflow_event::network::{Address, Tuple};
use sysflow_event::raw::{Base, RawValue};
use sysflow_field::{Shown, Value};

use super::EventView;
use super::buffer::with_buffer;
use super::fd::{words, write_kind, write_name};
use super::signals;
use crate::text::resolve_into;

/// The number in an argument, if it is one.
pub(super) const fn number(value: RawValue<'_>) -> Option<i64> {
    Some(match value {
        RawValue::Signed(number, _)
        | RawValue::Result(number)
        | RawValue::Descriptor(number)
        | RawValue::Process(number) => number,
        RawValue::Unsigned(number, _) | RawValue::Span(number) | RawValue::Time(number) => {
            number as i64
        }
        RawValue::User(number)
        | RawValue::Group(number)
        | RawValue::Symbols(number, _)
        | RawValue::Named(number)
        | RawValue::Signal(number)
        | RawValue::Signals(number) => number as i64,
        RawValue::Bool(flag) => flag as i64,
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
    let name = error_of(result);
    out.extend_from_slice(name.unwrap_or_default().as_bytes());
    name.is_some()
}

/// The name of the error that a call answered with; a capture may hold any number as its result.
pub(super) fn error_of(result: i64) -> Option<&'static str> {
    i32::try_from(result.checked_neg()?)
        .ok()
        .filter(|number| *number > 0)
        .and_then(error_name)
}

/// The name of an error number; some are the kernel's own and never reach a program.
fn error_name(number: i32) -> Option<&'static str> {
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
        let count = if self.is_generic() {
            0
        } else {
            self.arguments.count()
        };
        for index in 0..count {
            if index > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(self.arguments.name(index).as_bytes());
            out.push(b'=');
            self.write_raw(index, out);
            let before = out.len();
            out.push(b'(');
            self.write_resolved(index, out);
            if out.len() > before + 1 {
                out.push(b')');
            } else {
                out.truncate(before);
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

            RawValue::Signals(bits) => {
                signals::write_set(bits, out);
                Ok(())
            }
            RawValue::Time(time) => {
                let shown = Shown::Date.write(&Value::Int(time as i64), &mut Utf8(out));
                shown.map_err(std::io::Error::other)
            }
            RawValue::Polled => {
                self.write_polled_list(index, out);
                Ok(())
            }
            RawValue::Symbols(number, Base::Octal) => write!(out, "{number:04o}"),
            RawValue::User(number)
            | RawValue::Group(number)
            | RawValue::Named(number)
            | RawValue::Signal(number)
            | RawValue::Symbols(number, _) => write!(out, "{number}"),
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
                if let Some(descriptor) = self.descriptor_at(fd) {
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
            RawValue::Signal(number) => {
                out.extend_from_slice(signals::name(number).unwrap_or_default().as_bytes());
            }
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

    /// Polled descriptors: number, letter of the type, and the events in sixteens.
    fn write_polled_list(&self, index: usize, out: &mut Vec<u8>) {
        let start = out.len();
        self.arguments.each_polled(index, &mut |fd, events| {
            if out.len() > start {
                out.push(b' ');
            }
            let letter = self.descriptor_at(fd).map_or("?", |polled| words(polled).0);
            // Writing into memory does not fail.
            let _ = write!(out, "{fd}:{letter}{events:x}");
        });
    }

    /// A path from where it starts: the directory in an argument, or the working directory.
    pub(super) fn write_path(&self, at: Option<usize>, path: &[u8], out: &mut Vec<u8>) {
        if path.first() == Some(&b'/') {
            return self.write_joined_path(b"", path, out);
        }
        match at.and_then(|at| number(self.arguments.value(at))) {
            Some(fd) if fd != i64::from(WORKING_DIRECTORY) => match self.descriptor_at(fd) {
                Some(directory) if directory.path.last() == Some(&b'/') => {
                    self.write_joined_path(&directory.path, path, out);
                }
                Some(directory) => with_buffer(|base| {
                    base.extend_from_slice(&directory.path);
                    base.push(b'/');
                    self.write_joined_path(base, path, out);
                }),
                None => self.write_joined_path(b"<UNKNOWN>", path, out),
            },
            _ => self.write_joined_path(&self.threads.directory_of(self.event.tid), path, out),
        }
    }

    /// A directory and a path from there, cleaned. What stands for an unknown directory becomes a part of the
    /// first name, as it does in Falco.
    #[allow(clippy::unused_self, reason = "reads as the other writers do")]
    pub(super) fn write_joined_path(&self, base: &[u8], path: &[u8], out: &mut Vec<u8>) {
        with_buffer(|clean| {
            if base.is_empty() || base.last() == Some(&b'/') {
                resolve_into(clean, base, path, false);
            } else {
                with_buffer(|whole| {
                    whole.extend_from_slice(base);
                    whole.extend_from_slice(path);
                    resolve_into(clean, b"", whole, false);
                });
            }
            out.extend_from_slice(clean);
        });
    }
}

/// Lets text be written into bytes.
struct Utf8<'a>(&'a mut Vec<u8>);

impl fmt::Write for Utf8<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
