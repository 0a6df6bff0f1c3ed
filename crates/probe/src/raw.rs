//! The arguments of operations by name, for rules: in the order and under the names that captures have.

use sysflow_event::raw::{Base, Class, RawArguments, RawValue};
use sysflow_scap::{Code, EventInfo, Flags, ParameterType, system_call_name};

use crate::calls::GENERIC;

/// No operation has more arguments.
const MOST: usize = 32;

/// The arguments of one operation.
#[derive(Debug)]
pub(crate) struct Arguments<'a> {
    info: &'static EventInfo,
    values: [RawValue<'a>; MOST],
}

/// The code that stands in where there is none. Tables of codes are never empty.
fn info(code: Code) -> &'static EventInfo {
    code.info().unwrap_or(&sysflow_scap::events()[0])
}

impl<'a> Arguments<'a> {
    /// Arguments of an operation, none of which is known.
    pub(crate) fn new(code: Code) -> Self {
        Self {
            info: info(code),
            values: [RawValue::Unknown; MOST],
        }
    }

    /// Sets the first arguments.
    pub(crate) fn set<const N: usize>(&mut self, values: [RawValue<'a>; N]) {
        self.values[..N].copy_from_slice(&values);
    }

    /// Sets one argument.
    pub(crate) fn set_at(&mut self, index: usize, value: RawValue<'a>) {
        self.values[index] = value;
    }
}

/// A text that may be missing.
pub(crate) fn text(text: Option<&[u8]>) -> RawValue<'_> {
    text.map_or(RawValue::Unknown, RawValue::Text)
}

/// A path that may be missing.
pub(crate) fn path(path: Option<&[u8]>) -> RawValue<'_> {
    path.map_or(RawValue::Unknown, RawValue::Path)
}

/// A path from the directory in the argument at a position.
pub(crate) fn path_at(path: Option<&[u8]>, directory: usize) -> RawValue<'_> {
    path.map_or(RawValue::Unknown, |path| RawValue::PathAt(path, directory))
}

/// Bytes that may be missing.
pub(crate) fn bytes(bytes: Option<&[u8]>) -> RawValue<'_> {
    bytes.map_or(RawValue::Unknown, RawValue::Bytes)
}

/// A descriptor.
pub(crate) fn fd<'a>(fd: i32) -> RawValue<'a> {
    RawValue::Descriptor(i64::from(fd))
}

/// Flags.
pub(crate) const fn flags<'a>(flags: u32) -> RawValue<'a> {
    RawValue::Symbols(flags, Base::Hexadecimal)
}

/// One of several values with names.
pub(crate) const fn symbol<'a>(value: u32) -> RawValue<'a> {
    RawValue::Symbols(value, Base::Decimal)
}

/// Permissions.
pub(crate) const fn mode<'a>(mode: u32) -> RawValue<'a> {
    RawValue::Symbols(mode, Base::Octal)
}

/// A number.
pub(crate) const fn number<'a>(number: u64) -> RawValue<'a> {
    RawValue::Unsigned(number, Base::Decimal)
}

/// A number that is shown in sixteens.
pub(crate) const fn hexadecimal<'a>(number: u64) -> RawValue<'a> {
    RawValue::Unsigned(number, Base::Hexadecimal)
}

/// A number that is shown in eights.
pub(crate) const fn octal<'a>(number: u64) -> RawValue<'a> {
    RawValue::Unsigned(number, Base::Octal)
}

/// A number with a sign.
pub(crate) const fn signed<'a>(number: i64) -> RawValue<'a> {
    RawValue::Signed(number, Base::Decimal)
}

impl RawArguments for Arguments<'_> {
    fn class(&self) -> Class {
        self.info.class()
    }

    fn count(&self) -> usize {
        self.info.parameters.len()
    }

    fn name(&self, index: usize) -> &'static str {
        self.info
            .parameters
            .get(index)
            .map_or("", |parameter| parameter.name.text())
    }

    fn value(&self, index: usize) -> RawValue<'_> {
        // Results are errors where they are negative; positive ones are what the parameter says.
        self.values.get(index).copied().unwrap_or(RawValue::Unknown)
    }

    fn write_names(&self, index: usize, out: &mut Vec<u8>) {
        let Some(parameter) = self.info.parameters.get(index) else {
            return;
        };
        let value = match self.value(index) {
            RawValue::Symbols(value, _) => value,
            RawValue::Named(number) if self.info.code == GENERIC => {
                let name = system_call_name(number as u16).unwrap_or_default();
                out.extend_from_slice(name.as_bytes());
                return;
            }
            _ => return,
        };
        let Some(set) = parameter.flag_set else {
            return;
        };
        let start = out.len();
        let add = |name: &str, out: &mut Vec<u8>| {
            if out.len() > start {
                out.push(b'|');
            }
            out.extend_from_slice(name.as_bytes());
        };
        match parameter.ty {
            ParameterType::Enum8 | ParameterType::Enum16 | ParameterType::Enum32 => {
                for (name, _) in set.values.iter().filter(|(_, own)| *own == value) {
                    add(name, out);
                }
            }
            _ => {
                let flags = Flags {
                    value,
                    set: Some(set),
                };
                flags.names().for_each(|name| add(name, out));
            }
        }
    }
}

/// Keeps the shape of arguments in step with the table: used by tests.
#[cfg(test)]
pub(crate) fn is_fitting(
    value: RawValue<'_>,
    ty: ParameterType,
    format: sysflow_scap::Format,
) -> bool {
    use ParameterType as T;
    use sysflow_scap::Format;
    let base = match format {
        Format::Hexadecimal => Base::Hexadecimal,
        Format::Octal => Base::Octal,
        Format::Decimal | Format::Plain => Base::Decimal,
    };
    match value {
        RawValue::Unknown => true,
        RawValue::Signed(_, own) => matches!(ty, T::I8 | T::I16 | T::I32 | T::I64) && own == base,
        RawValue::Unsigned(_, own) => matches!(ty, T::U8 | T::U16 | T::U32 | T::U64) && own == base,
        RawValue::Result(_) => ty == T::Errno,
        RawValue::Descriptor(_) => matches!(ty, T::Descriptor | T::Descriptor32),
        RawValue::Process(_) => matches!(ty, T::Process | T::Process32),
        RawValue::User(_) => ty == T::User,
        RawValue::Group(_) => ty == T::Group,
        RawValue::Text(_) => ty == T::Text,
        RawValue::Path(_) => ty == T::Path,
        RawValue::PathAt(..) => ty == T::RelativePath,
        RawValue::Bytes(_) => ty == T::Bytes,
        RawValue::Symbols(_, own) => {
            matches!(
                ty,
                T::Flags8 | T::Flags16 | T::Flags32 | T::Enum8 | T::Enum16 | T::Enum32 | T::Mode
            ) && own == base
        }
        RawValue::Named(_) => ty == T::SystemCall,
        RawValue::Signal(_) => ty == T::Signal,
        RawValue::Signals(_) => ty == T::SignalSet,
        RawValue::Time(_) => ty == T::AbsoluteTime,
        RawValue::Polled => false,
        RawValue::Address(_) => ty == T::SocketAddress,
        RawValue::Tuple(_) => ty == T::SocketTuple,
        RawValue::Bool(_) => ty == T::Bool,
        RawValue::Span(_) => ty == T::RelativeTime,
        RawValue::Other => ty == T::Dynamic,
    }
}
