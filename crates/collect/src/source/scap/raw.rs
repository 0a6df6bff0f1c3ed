//! The arguments of recorded events, for who asks for them by name.

use std::marker::PhantomData;

use sysflow_event::raw::{Base, Class, RawArguments, RawValue};
use sysflow_scap::{
    Argument, Arguments, Code, Event as Recorded, Flags, Format, Name, ParameterInfo,
    ParameterType, Upgraded, system_call_name,
};

use super::arguments::{address, tuple};

/// An event, or one in the present form.
pub(super) struct Raw<'e, 'a, A> {
    event: &'e A,
    bytes: PhantomData<&'a [u8]>,
}

/// Which parameters an event has, besides their values.
pub(super) trait Told {
    /// How many it has.
    fn told(&self) -> usize;

    /// Whether one without a value counts as zero.
    fn is_default(&self, index: usize) -> bool;
}

impl Told for Recorded<'_> {
    fn told(&self) -> usize {
        self.stored_parameters()
    }

    fn is_default(&self, _: usize) -> bool {
        false
    }
}

impl Told for Upgraded<'_> {
    fn told(&self) -> usize {
        self.told()
    }

    fn is_default(&self, index: usize) -> bool {
        self.is_default(index)
    }
}

impl<'e, 'a, A: Arguments<'a>> Raw<'e, 'a, A> {
    pub(super) const fn new(event: &'e A) -> Self {
        Self {
            event,
            bytes: PhantomData,
        }
    }
}

/// Events with a name for each system call: what the generic ones stand for is in their arguments.
const GENERIC: Code = Code(0);

/// The name of the operation. Generic events have that of the system call, if its number is known.
pub(super) fn name_of(event: &Upgraded<'_>) -> &'static str {
    let name = event.info().name;
    if event.code().enter() != GENERIC {
        return name;
    }
    native_name(event).unwrap_or(name)
}

/// What the kernel's number in a generic event stands for.
fn native_name<'a>(event: &impl Arguments<'a>) -> Option<&'static str> {
    let number = event.named(Name::NATIVEID)?.u32()?;
    system_call_name(number as u16)
}

impl<'a, A: Arguments<'a> + Told> RawArguments for Raw<'_, 'a, A> {
    fn class(&self) -> Class {
        self.event.info().class()
    }

    fn count(&self) -> usize {
        self.event.told().min(self.event.info().parameters.len())
    }

    fn name(&self, index: usize) -> &'static str {
        self.event
            .info()
            .parameters
            .get(index)
            .map_or("", |parameter| parameter.name.text())
    }

    fn value(&self, index: usize) -> RawValue<'_> {
        if let Some(value) = self
            .event
            .argument(index)
            .and_then(|argument| value(&argument))
        {
            return value;
        }
        match self.event.info().parameters.get(index) {
            Some(parameter) if self.event.is_default(index) => nothing(parameter),
            Some(parameter) => empty(parameter),
            None => RawValue::Unknown,
        }
    }

    fn each_polled(&self, index: usize, visit: &mut dyn FnMut(i64, u32)) {
        let argument = self.event.argument(index);
        let polled = argument.as_ref().and_then(Argument::polled);
        for entry in polled.into_iter().flatten() {
            visit(entry.descriptor, entry.events.value);
        }
    }

    fn write_names(&self, index: usize, out: &mut Vec<u8>) {
        if let Some(argument) = self.event.argument(index) {
            if argument.name() == Name::SYSCALL_ID {
                let name = native_name(self.event).unwrap_or_default();
                out.extend_from_slice(name.as_bytes());
                return;
            }
            write_names(&argument, out);
        } else if self.event.is_default(index)
            && let Some(parameter) = self.event.info().parameters.get(index)
        {
            let zero = Argument {
                parameter,
                ty: parameter.ty,
                bytes: &[0; size_of::<u32>()],
            };
            write_names(&zero, out);
        }
    }
}

/// The value of an argument; `None` where the writer did not know it.
fn value<'a>(argument: &Argument<'a>) -> Option<RawValue<'a>> {
    use ParameterType as T;
    let argument = argument.selected()?;
    let base = base_of(argument.parameter.format);
    Some(match argument.ty {
        T::I8 | T::I16 | T::I32 | T::I64 => RawValue::Signed(argument.i64()?, base),
        T::U8 | T::U16 | T::U32 | T::U64 | T::Port => RawValue::Unsigned(argument.u64()?, base),
        T::AbsoluteTime => RawValue::Time(argument.u64()?),
        T::SignalSet => RawValue::Signals(argument.u32()?),
        T::Errno => RawValue::Result(argument.i64()?),
        T::Descriptor | T::Descriptor32 => RawValue::Descriptor(argument.i64()?),
        T::Process | T::Process32 => RawValue::Process(argument.i64()?),
        T::User => RawValue::User(argument.u32()?),
        T::Group => RawValue::Group(argument.u32()?),
        T::Text => RawValue::Text(argument.text()?),
        T::Path => RawValue::Path(argument.text()?),
        T::RelativePath => {
            let text = argument.text()?;
            match argument.parameter.relative_to {
                Some(index) => RawValue::PathAt(text, usize::from(index)),
                None => RawValue::Path(text),
            }
        }
        T::Bytes => RawValue::Bytes(argument.bytes),
        T::SocketAddress => RawValue::Address(address(argument.socket_address()?)),
        T::SocketTuple => RawValue::Tuple(tuple(argument.socket_tuple()?)),
        T::Flags8 | T::Flags16 | T::Flags32 | T::Enum8 | T::Enum16 | T::Enum32 | T::Mode => {
            RawValue::Symbols(argument.u32()?, base)
        }
        T::SystemCall => RawValue::Named(argument.u32()?),
        T::Signal => RawValue::Signal(argument.u32()?),
        T::RelativeTime => RawValue::Span(argument.u64()?),
        T::Bool => RawValue::Bool(argument.bool()?),
        T::DescriptorList => RawValue::Polled,
        T::Ipv4Address | T::Ipv6Address | T::Dynamic | T::TextArray | T::TextPairArray => {
            RawValue::Other
        }
    })
}

/// What stands for nothing. Descriptors stay unknown: 0 is one.
fn nothing(parameter: &ParameterInfo) -> RawValue<'static> {
    use ParameterType as T;
    let base = base_of(parameter.format);
    match parameter.ty {
        T::I8 | T::I16 | T::I32 | T::I64 => RawValue::Signed(0, base),
        T::U8 | T::U16 | T::U32 | T::U64 | T::Port => RawValue::Unsigned(0, base),
        T::Errno => RawValue::Result(0),
        T::Flags8 | T::Flags16 | T::Flags32 | T::Enum8 | T::Enum16 | T::Enum32 | T::Mode => {
            RawValue::Symbols(0, base)
        }
        T::Bool => RawValue::Bool(false),
        _ => empty(parameter),
    }
}

/// What stands for no bytes at all.
fn empty(parameter: &ParameterInfo) -> RawValue<'static> {
    match parameter.ty {
        ParameterType::Bytes | ParameterType::SocketTuple => RawValue::Bytes(b""),
        _ => RawValue::Unknown,
    }
}

fn base_of(format: Format) -> Base {
    match format {
        Format::Hexadecimal => Base::Hexadecimal,
        Format::Octal => Base::Octal,
        Format::Decimal | Format::Plain => Base::Decimal,
    }
}

fn write_names(argument: &Argument<'_>, out: &mut Vec<u8>) {
    use ParameterType as T;
    let start = out.len();
    let add = |name: &str, out: &mut Vec<u8>| {
        if out.len() > start {
            out.push(b'|');
        }
        out.extend_from_slice(name.as_bytes());
    };
    match (argument.ty, argument.parameter.flag_set) {
        // Several names of one value are all shown.
        (T::Enum8 | T::Enum16 | T::Enum32, Some(set)) => {
            let value = argument.u32();
            for (name, _) in set.values.iter().filter(|(_, own)| Some(*own) == value) {
                add(name, out);
            }
        }
        (_, Some(set)) => {
            let Some(value) = argument.u32() else { return };
            let flags = Flags {
                value,
                set: Some(set),
            };
            flags.names().for_each(|name| add(name, out));
        }
        _ => {}
    }
}
