//! Which operations can have a value for a field, by the table of events: for indexes of rules.
//!
//! What a source tells of an operation beyond the table is never asked for here, so sources name arguments
//! as the table does.

use sysflow_field::{Arg, FieldId, Type};
use sysflow_scap::{EventFlags, EventInfo, ParameterType, events};

use super::{FIELDS, operations, path};

/// Arguments of the events that stand for any call without arguments of its own.
const OF_GENERIC: [&str; 2] = ["ID", "nativeID"];

/// The field that answers for a dotted argument.
pub(super) fn field_for(field: FieldId, key: &str) -> Option<FieldId> {
    match FIELDS[usize::from(field.0)].name {
        "evt.arg" => parameter(key).map(|_| field),
        "evt.rawarg" => Some(if is_number(parameter(key)?) {
            number_variant(field)
        } else {
            field
        }),
        "evt.type.is" => {
            let is_known = events().iter().any(|event| event.name == key);
            is_known.then_some(field)
        }
        "evt.abspath" => matches!(key, "src" | "dst").then_some(field),
        _ => Some(field),
    }
}

/// The type of the first parameter with a name.
fn parameter(name: &str) -> Option<ParameterType> {
    let parameters = events().iter().flat_map(|event| event.parameters);
    let mut named = parameters.filter(|parameter| parameter.name.text() == name);
    named.next().map(|parameter| parameter.ty)
}

const fn is_number(ty: ParameterType) -> bool {
    use ParameterType as T;
    !matches!(
        ty,
        T::Text
            | T::Path
            | T::RelativePath
            | T::Bytes
            | T::SocketAddress
            | T::SocketTuple
            | T::DescriptorList
            | T::Ipv4Address
            | T::Ipv6Address
            | T::Dynamic
            | T::TextArray
            | T::TextPairArray
    )
}

/// The field of the same name for numbers.
fn number_variant(field: FieldId) -> FieldId {
    let name = FIELDS[usize::from(field.0)].name;
    let found = FIELDS
        .iter()
        .position(|other| other.name == name && other.ty == Type::Int);
    found
        .and_then(|index| u16::try_from(index).ok())
        .map_or(field, FieldId)
}

/// The operations of which an event must be one to have a value for a field; `None` for any.
pub(super) fn operations_with(field: FieldId, arg: &Arg) -> Option<u64> {
    let name = FIELDS[usize::from(field.0)].name;
    if name.starts_with("fd.") {
        return Some(bits(|event| {
            has(
                event,
                EventFlags::CREATES_DESCRIPTOR.union(EventFlags::USES_DESCRIPTOR),
            )
        }));
    }
    if name.starts_with("fdlist.") {
        return Some(bits(|event| {
            let mut types = event.parameters.iter().map(|parameter| parameter.ty);
            types.any(|ty| ty == ParameterType::DescriptorList)
        }));
    }
    if name.starts_with("fs.path.") {
        return Some(bits(|event| path::has_path(event.name)));
    }
    if name.starts_with("syslog.") {
        return Some(bits(|event| has(event, EventFlags::WRITES)));
    }
    match (name, arg) {
        ("evt.arg" | "evt.rawarg", Arg::Key(key)) => with_argument(key),
        ("evt.abspath", _) => Some(bits(|event| path::absolute_arguments(event.name).is_some())),
        ("evt.buffer" | "evt.io_dir", _) => Some(bits(|event| {
            has(event, EventFlags::READS.union(EventFlags::WRITES))
        })),
        _ => None,
    }
}

/// The operations that have an argument, by name or position.
fn with_argument(key: &str) -> Option<u64> {
    if OF_GENERIC.contains(&key) {
        return None;
    }
    Some(match key.parse::<usize>() {
        // Calls without arguments of their own have two, whatever they are called.
        Ok(0 | 1) => return None,
        Ok(position) => bits(|event| position < event.parameters.len()),
        Err(_) => bits(|event| {
            let mut names = event
                .parameters
                .iter()
                .map(|parameter| parameter.name.text());
            names.any(|name| name == key)
        }),
    })
}

fn bits(is_meant: impl Fn(&EventInfo) -> bool) -> u64 {
    let meant = events().iter().filter(|event| is_meant(event));
    meant.fold(0, |all, event| all | operations::bit_of(event.name))
}

/// Whether an event has any of some flags, in captures of any age.
fn has(event: &EventInfo, flags: EventFlags) -> bool {
    event.flags.union(event.flags_two_event).intersects(flags)
}
