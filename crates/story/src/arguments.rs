//! The arguments of an event by name, typed by the table of events.

use sysflow_event::network::{Address, Tuple};
use sysflow_event::raw::{Base, Category, Class, Origin, RawArguments, RawValue};
use sysflow_scap::{
    Category as ScapCategory, Code, EventFlags, EventInfo, Flags, Format, Origin as ScapOrigin,
    ParameterInfo, ParameterType, system_call_name,
};

/// The code of calls that have none of their own.
pub(crate) const GENERIC: Code = Code(1);

/// What a verb gives for an argument. How it is shown is the table's business.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Given<'a> {
    Number(i64),
    /// Text, or bytes.
    Text(&'a [u8]),
    Address(Address<'a>),
    Tuple(Tuple<'a>),
    /// It is there, but has no form.
    Other,
}

impl From<i32> for Given<'_> {
    fn from(number: i32) -> Self {
        Self::Number(i64::from(number))
    }
}

impl From<u32> for Given<'_> {
    fn from(number: u32) -> Self {
        Self::Number(i64::from(number))
    }
}

impl From<i64> for Given<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u64> for Given<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number as i64)
    }
}

impl<'a> From<&'a [u8]> for Given<'a> {
    fn from(text: &'a [u8]) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a str> for Given<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.as_bytes())
    }
}

impl<'a> From<Address<'a>> for Given<'a> {
    fn from(address: Address<'a>) -> Self {
        Self::Address(address)
    }
}

impl<'a> From<Tuple<'a>> for Given<'a> {
    fn from(tuple: Tuple<'a>) -> Self {
        Self::Tuple(tuple)
    }
}

/// The arguments of one event.
#[derive(Debug)]
pub(crate) struct Arguments<'g, 'a> {
    info: &'static EventInfo,
    given: &'g [(&'static str, Given<'a>)],
    result: Option<i64>,
}

/// What the table says of a code. It is never empty.
pub(crate) fn info(code: Code) -> &'static EventInfo {
    code.info().unwrap_or(&sysflow_scap::events()[0])
}

impl<'g, 'a> Arguments<'g, 'a> {
    /// Arguments by name; where one is called `res` or is the new descriptor, it is the result.
    pub(crate) const fn new(
        info: &'static EventInfo,
        given: &'g [(&'static str, Given<'a>)],
        result: Option<i64>,
    ) -> Self {
        Self {
            info,
            given,
            result,
        }
    }

    fn parameter(&self, index: usize) -> Option<&'static ParameterInfo> {
        self.info.parameters.get(index)
    }

    fn given(&self, index: usize) -> Option<Given<'a>> {
        let name = self.parameter(index)?.name.text();
        let found = self.given.iter().find(|(given, _)| *given == name);
        if let Some((_, given)) = found {
            return Some(*given);
        }
        let is_new = index == 0 && self.info.flags.contains(EventFlags::CREATES_DESCRIPTOR);
        let is_result = name == "res" || index == 0 && name == "status" || is_new && name == "fd";
        self.result.filter(|_| is_result).map(Given::Number)
    }
}

/// The value of an argument, by its type in the table; `None` where that does not fit.
fn typed<'a>(parameter: &ParameterInfo, given: Given<'a>) -> Option<RawValue<'a>> {
    use ParameterType as T;
    let base = match parameter.format {
        Format::Hexadecimal => Base::Hexadecimal,
        Format::Octal => Base::Octal,
        Format::Decimal | Format::Plain => Base::Decimal,
    };
    Some(match (parameter.ty, given) {
        (T::Dynamic, _) => RawValue::Other,
        (T::SocketAddress, Given::Address(address)) => RawValue::Address(address),
        (T::SocketTuple, Given::Tuple(tuple)) => RawValue::Tuple(tuple),
        (T::Text, Given::Text(text)) => RawValue::Text(text),
        (T::Path, Given::Text(text)) => RawValue::Path(text),
        (T::RelativePath, Given::Text(text)) => match parameter.relative_to {
            Some(index) => RawValue::PathAt(text, usize::from(index)),
            None => RawValue::Path(text),
        },
        (T::Bytes, Given::Text(text)) => RawValue::Bytes(text),
        (_, Given::Number(number)) => match parameter.ty {
            T::I8 | T::I16 | T::I32 | T::I64 => RawValue::Signed(number, base),
            T::U8 | T::U16 | T::U32 | T::U64 | T::AbsoluteTime | T::Port | T::SignalSet => {
                RawValue::Unsigned(number as u64, base)
            }
            T::Errno => RawValue::Result(number),
            T::Descriptor | T::Descriptor32 => RawValue::Descriptor(number),
            T::Process | T::Process32 => RawValue::Process(number),
            T::User => RawValue::User(number as u32),
            T::Group => RawValue::Group(number as u32),
            T::Flags8 | T::Flags16 | T::Flags32 | T::Enum8 | T::Enum16 | T::Enum32 | T::Mode => {
                RawValue::Symbols(number as u32, base)
            }
            T::SystemCall | T::Signal => RawValue::Named(number as u32),
            T::RelativeTime => RawValue::Span(number as u64),
            T::Bool => RawValue::Bool(number != 0),
            _ => return None,
        },
        _ => return None,
    })
}

impl RawArguments for Arguments<'_, '_> {
    fn class(&self) -> Class {
        let flags = self.info.flags;
        Class {
            category: category(self.info.category),
            origin: match self.info.origin {
                ScapOrigin::Syscall => Origin::SystemCall,
                ScapOrigin::Tracepoint => Origin::Kernel,
                _ => Origin::Observer,
            },
            creates_descriptor: flags.contains(EventFlags::CREATES_DESCRIPTOR),
            uses_descriptor: flags.contains(EventFlags::USES_DESCRIPTOR),
            reads: flags.contains(EventFlags::READS),
            writes: flags.contains(EventFlags::WRITES),
            waits: flags.contains(EventFlags::WAITS),
        }
    }

    fn count(&self) -> usize {
        self.info.parameters.len()
    }

    fn name(&self, index: usize) -> &'static str {
        self.parameter(index)
            .map_or("", |parameter| parameter.name.text())
    }

    fn value(&self, index: usize) -> RawValue<'_> {
        let parameter = self.parameter(index);
        parameter
            .zip(self.given(index))
            .and_then(|(parameter, given)| typed(parameter, given))
            .unwrap_or(RawValue::Unknown)
    }

    fn write_names(&self, index: usize, out: &mut Vec<u8>) {
        let Some(parameter) = self.parameter(index) else {
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
        let is_one = matches!(
            parameter.ty,
            ParameterType::Enum8 | ParameterType::Enum16 | ParameterType::Enum32
        );
        let names: Vec<&str> = if is_one {
            let same = set.values.iter().filter(|(_, own)| *own == value);
            same.map(|(name, _)| *name).collect()
        } else {
            let set = Some(set);
            Flags { value, set }.names().collect()
        };
        out.extend_from_slice(names.join("|").as_bytes());
    }
}

const fn category(category: ScapCategory) -> Category {
    match category {
        ScapCategory::Unknown => Category::Unknown,
        ScapCategory::Other => Category::Other,
        ScapCategory::File => Category::File,
        ScapCategory::Net => Category::Net,
        ScapCategory::Ipc => Category::Ipc,
        ScapCategory::Memory => Category::Memory,
        ScapCategory::Process => Category::Process,
        ScapCategory::Sleep => Category::Sleep,
        ScapCategory::System => Category::System,
        ScapCategory::Signal => Category::Signal,
        ScapCategory::User => Category::User,
        ScapCategory::Time => Category::Time,
        ScapCategory::IoRead | ScapCategory::IoWrite | ScapCategory::IoOther => {
            Category::OfDescriptor
        }
        ScapCategory::Wait => Category::Wait,
        ScapCategory::Scheduler => Category::Scheduler,
        ScapCategory::Internal => Category::Internal,
    }
}

/// The code with which the end of a call is told today. Calls without a code of their own have the generic one.
pub(crate) fn code_of(call: &str) -> Code {
    let own = sysflow_scap::events().iter().rev().find(|info| {
        let is_end = info.direction == sysflow_scap::Direction::Exit;
        is_end && info.name == call && !info.flags.contains(EventFlags::OLD)
    });
    own.map_or(GENERIC, |info| info.code)
}
