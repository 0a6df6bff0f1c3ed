//! The arguments of an event: parameters with their bytes, read as what they are.

use std::net::IpAddr;

use crate::bytes::{Texts, until_nul};
use crate::flags::Flags;
use crate::parameter::{ParameterInfo, ParameterType};
use crate::socket::{IntoAddress, SocketAddress, SocketTuple};
use crate::table::{EventInfo, Name};

/// What old writers put in place of a text that they could not read.
const NULL_TEXT: &[u8] = b"(NULL)";

/// Asks an event for its arguments: one as stored, or one brought to the present form.
pub trait Arguments<'a> {
    /// What the event is.
    fn info(&self) -> &'static EventInfo;

    /// The bytes of a parameter; `None` where the event does not have it. No bytes at all stand for
    /// a value that the writer did not know.
    fn bytes(&self, index: usize) -> Option<&'a [u8]>;

    /// The argument at a position that the table knows.
    fn argument(&self, index: usize) -> Option<Argument<'a>> {
        let parameter = self.info().parameters.get(index)?;
        let bytes = self.bytes(index)?;
        Some(Argument {
            parameter,
            ty: parameter.ty,
            bytes,
        })
    }

    /// The argument with a name.
    fn named(&self, name: Name) -> Option<Argument<'a>> {
        self.argument(self.info().position(name)?)
    }

    /// The arguments that are there, in the order of the table.
    fn arguments(&self) -> impl Iterator<Item = Argument<'a>> {
        (0..self.info().parameters.len()).filter_map(|index| self.argument(index))
    }

    /// An integer argument by position: see [`Argument::i64`].
    fn i64(&self, index: usize) -> Option<i64> {
        self.argument(index)?.i64()
    }

    /// An integer argument by position: see [`Argument::u64`].
    fn u64(&self, index: usize) -> Option<u64> {
        self.argument(index)?.u64()
    }

    /// An integer argument by position: see [`Argument::u32`].
    fn u32(&self, index: usize) -> Option<u32> {
        self.argument(index)?.u32()
    }

    /// A text argument by position: see [`Argument::text`].
    fn text(&self, index: usize) -> Option<&'a [u8]> {
        self.argument(index)?.text()
    }

    /// A flags argument by position: see [`Argument::flags`].
    fn flags(&self, index: usize) -> Option<Flags> {
        self.argument(index)?.flags()
    }

    /// A socket address argument by position: see [`Argument::socket_address`].
    fn socket_address(&self, index: usize) -> Option<SocketAddress<'a>> {
        self.argument(index)?.socket_address()
    }

    /// A socket tuple argument by position: see [`Argument::socket_tuple`].
    fn socket_tuple(&self, index: usize) -> Option<SocketTuple<'a>> {
        self.argument(index)?.socket_tuple()
    }
}

/// One argument. Each way to read it answers `None` where the value is of another type, damaged, or
/// was not known to the writer.
#[derive(Clone, Copy, Debug)]
pub struct Argument<'a> {
    /// What the table says about it.
    pub parameter: &'static ParameterInfo,
    /// The type of its value: that of the parameter, or the one [`Argument::selected`].
    pub ty: ParameterType,
    /// Its bytes as stored.
    pub bytes: &'a [u8],
}

impl<'a> Argument<'a> {
    /// Its name.
    pub const fn name(&self) -> Name {
        self.parameter.name
    }

    /// An integer of any width. Numbers above `i64::MAX` turn negative, as they do in the kernel.
    pub fn i64(&self) -> Option<i64> {
        let wide = self.u64()?;
        if !self.ty.is_signed() {
            return Some(wide as i64);
        }
        Some(match self.bytes.len() {
            1 => i64::from(wide as i8),
            2 => i64::from(wide as i16),
            4 => i64::from(wide as i32),
            _ => wide as i64,
        })
    }

    /// The bits of an integer of any width, without regard to a sign.
    ///
    /// The width is that of the bytes: types never changed theirs, but values that are taken over
    /// from an older code may be narrower than the table says.
    pub fn u64(&self) -> Option<u64> {
        self.ty.integer_width()?;
        let mut wide = [0; size_of::<u64>()];
        if !matches!(self.bytes.len(), 1 | 2 | 4 | 8) {
            return None;
        }
        wide[..self.bytes.len()].copy_from_slice(self.bytes);
        Some(u64::from_le_bytes(wide))
    }

    /// The lower 32 bits of an integer of any width.
    pub fn u32(&self) -> Option<u32> {
        self.u64().map(|wide| wide as u32)
    }

    /// A truth value, or any integer as one.
    pub fn bool(&self) -> Option<bool> {
        self.u64().map(|wide| wide != 0)
    }

    /// Text or path without its final NUL. `None` as well for what means "not known": no bytes at
    /// all, not even a NUL, and the `(NULL)` of old writers.
    pub fn text(&self) -> Option<&'a [u8]> {
        if !self.ty.is_text() || self.bytes.is_empty() {
            return None;
        }
        let text = until_nul(self.bytes);
        (text != NULL_TEXT).then_some(text)
    }

    /// Bytes that are a list of texts with a NUL after each, such as arguments and environment.
    pub fn texts(&self) -> Option<Texts<'a>> {
        (self.ty == ParameterType::Bytes).then(|| Texts::new(self.bytes))
    }

    /// Flags, an enumeration or a mode, with its names.
    pub fn flags(&self) -> Option<Flags> {
        use ParameterType as T;
        let value = self.u32()?;
        let set = self.parameter.flag_set;
        match self.ty {
            T::Flags8 | T::Flags16 | T::Flags32 | T::Mode => Some(Flags { value, set }),
            // A value of an enumeration is one name or none, never several.
            T::Enum8 | T::Enum16 | T::Enum32 => Some(Flags {
                value,
                set: set.filter(|set| set.name_of(value).is_some()),
            }),
            _ => None,
        }
    }

    /// The address of a socket.
    pub fn socket_address(&self) -> Option<SocketAddress<'a>> {
        if self.ty == ParameterType::SocketAddress {
            SocketAddress::parse(self.bytes)
        } else {
            None
        }
    }

    /// Both ends of a connection.
    pub fn socket_tuple(&self) -> Option<SocketTuple<'a>> {
        if self.ty == ParameterType::SocketTuple {
            SocketTuple::parse(self.bytes)
        } else {
            None
        }
    }

    /// A bare address.
    pub fn address(&self) -> Option<IpAddr> {
        match self.ty {
            ParameterType::Ipv4Address => {
                Some(<[u8; 4]>::try_from(self.bytes).ok()?.into_address())
            }
            ParameterType::Ipv6Address => {
                Some(<[u8; 16]>::try_from(self.bytes).ok()?.into_address())
            }
            _ => None,
        }
    }

    /// Descriptors that are polled.
    pub fn polled(&self) -> Option<impl Iterator<Item = Polled> + use<'a>> {
        if self.ty != ParameterType::DescriptorList {
            return None;
        }
        let set = self.parameter.flag_set;
        let (count, entries) = self.bytes.split_first_chunk()?;
        let count = usize::from(u16::from_le_bytes(*count));
        let (entries, _) = entries.as_chunks::<10>();
        let entries = entries.get(..count)?;
        Some(entries.iter().filter_map(move |entry| {
            let (descriptor, events) = entry.split_first_chunk()?;
            let value = u32::from(u16::from_le_bytes(*events.first_chunk()?));
            let descriptor = i64::from_le_bytes(*descriptor);
            Some(Polled {
                descriptor,
                events: Flags { value, set },
            })
        }))
    }

    /// The value in a dynamic argument, as an argument of its own type; any other argument itself.
    pub fn selected(&self) -> Option<Self> {
        if self.ty != ParameterType::Dynamic {
            return Some(*self);
        }
        let (&selector, bytes) = self.bytes.split_first()?;
        let ty = self.parameter.choice?.select(selector)?;
        Some(Self {
            parameter: self.parameter,
            ty,
            bytes,
        })
    }
}

/// A descriptor that is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Polled {
    /// The descriptor.
    pub descriptor: i64,
    /// The events asked for, or those that happened.
    pub events: Flags,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Code;

    /// An argument of the code's parameter at an index.
    fn argument(code: Code, index: usize, bytes: &[u8]) -> Argument<'_> {
        let parameter = &code.info().expect("a known code").parameters[index];
        Argument {
            parameter,
            ty: parameter.ty,
            bytes,
        }
    }

    #[test]
    fn integers_have_the_sign_of_their_type() {
        let result = argument(
            Code::SYSCALL_CLOSE_X,
            0,
            &[0xfe, 0xff, 0xff, 0xff, 255, 255, 255, 255],
        );
        assert_eq!(result.i64(), Some(-2));
        let descriptor = argument(Code::ITER_TASK_FILE_PIPE_E, 0, &[0xff; 4]);
        assert_eq!(descriptor.i64(), Some(-1));
        let user = argument(Code::SYSCALL_SETUID_E, 0, &[0xff; 4]);
        assert_eq!(user.i64(), Some(0xffff_ffff));
        assert_eq!(user.u32(), Some(u32::MAX));
        assert_eq!(argument(Code::SYSCALL_SETUID_E, 0, b"").i64(), None);
        assert_eq!(argument(Code::SYSCALL_SETUID_E, 0, b"abc").i64(), None);
        assert_eq!(argument(Code::SYSCALL_OPEN_X, 1, b"abcd").i64(), None);
    }

    #[test]
    fn texts_that_are_not_known() {
        let text = |bytes| argument(Code::SYSCALL_OPEN_X, 1, bytes).text();
        assert_eq!(text(b"/tmp/x\0"), Some(&b"/tmp/x"[..]));
        assert_eq!(text(b"\0"), Some(&b""[..]));
        assert_eq!(text(b""), None);
        assert_eq!(text(b"(NULL)\0"), None);
        assert_eq!(argument(Code::SYSCALL_OPEN_X, 0, &[0; 8]).text(), None);
    }

    #[test]
    fn enumerations_have_one_name_or_none() {
        let shown = |value: u32| {
            let bytes = value.to_le_bytes();
            argument(Code::SOCKET_SOCKET_E, 0, &bytes)
                .flags()
                .expect("a number")
                .to_string()
        };
        assert_eq!(shown(10), "AF_INET6");
        assert_eq!(shown(0x1000), "4096");
    }

    #[test]
    fn dynamic_values_select_their_type() {
        let number = argument(Code::SOCKET_SETSOCKOPT_X, 4, &[2, 7, 0, 0, 0]);
        assert_eq!(number.i64(), None);
        let selected = number.selected().expect("a known selector");
        assert_eq!((selected.ty, selected.u32()), (ParameterType::U32, Some(7)));
        assert!(
            argument(Code::SOCKET_SETSOCKOPT_X, 4, &[9, 7])
                .selected()
                .is_none()
        );
        assert!(
            argument(Code::SOCKET_SETSOCKOPT_X, 4, &[])
                .selected()
                .is_none()
        );
        let text = argument(Code::SYSCALL_KEYCTL_X, 2, b"\x01key\0").selected();
        assert_eq!(text.and_then(|text| text.text()), Some(&b"key"[..]));
    }

    #[test]
    fn polled_descriptors() {
        let mut bytes = vec![1, 0];
        bytes.extend(5_i64.to_le_bytes());
        bytes.extend([5, 0]);
        let polled: Vec<Polled> = argument(Code::SYSCALL_POLL_E, 0, &bytes)
            .polled()
            .expect("a list")
            .collect();
        assert_eq!(polled.len(), 1);
        assert_eq!((polled[0].descriptor, polled[0].events.value), (5, 5));
        assert_eq!(polled[0].events.to_string(), "POLLIN|POLLOUT");
        bytes[0] = 2;
        assert!(argument(Code::SYSCALL_POLL_E, 0, &bytes).polled().is_none());
    }

    #[test]
    fn bare_addresses() {
        let inet = argument(Code::ITER_TASK_FILE_SOCKET_INET_E, 3, &[127, 0, 0, 1]);
        assert_eq!(inet.address(), Some(IpAddr::from([127, 0, 0, 1])));
        let inet6 = argument(Code::ITER_TASK_FILE_SOCKET_INET6_E, 3, &[0; 16]);
        assert_eq!(inet6.address(), Some(IpAddr::from([0; 16])));
        assert_eq!(
            argument(Code::ITER_TASK_FILE_SOCKET_INET_E, 3, &[0; 3]).address(),
            None
        );
    }
}
