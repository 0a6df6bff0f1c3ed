//! The parameters of event codes: how their bytes are read and shown.

use crate::flags::FlagSet;
use crate::table::Name;

/// How the bytes of a parameter are to be read. Integers are little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(
    missing_docs,
    reason = "those without a remark are what their names say"
)]
pub enum ParameterType {
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    /// A result: 64 bits, a negative number is an error number with its sign turned.
    Errno,
    /// A descriptor, 64 bits. -100 stands for the working directory; another negative number is an
    /// error as in [`ParameterType::Errno`].
    Descriptor,
    Descriptor32,
    /// A process or thread, 64 bits; of the host's namespace unless the table of the format says
    /// otherwise.
    Process,
    Process32,
    /// A user, 32 bits; all ones stand for none.
    User,
    /// A group, 32 bits; all ones stand for none.
    Group,
    /// Text with a final NUL.
    Text,
    /// A path with a final NUL.
    Path,
    /// A path with a final NUL, relative to [`ParameterInfo::relative_to`].
    RelativePath,
    /// Raw bytes, or a list of texts with a NUL after each.
    Bytes,
    SocketAddress,
    SocketTuple,
    /// Descriptors with the poll events asked for or found.
    DescriptorList,
    Flags8,
    Flags16,
    Flags32,
    Enum8,
    Enum16,
    Enum32,
    /// Permission bits and kind of a file, 32 bits.
    Mode,
    /// An index into the capturing library's list of system calls, 16 bits.
    SystemCall,
    /// A signal, 8 bits.
    Signal,
    /// The first 32 signals, one bit each.
    SignalSet,
    /// Nanoseconds, 64 bits; all ones stand for none.
    RelativeTime,
    /// Nanoseconds since the epoch, 64 bits.
    AbsoluteTime,
    Bool,
    Port,
    Ipv4Address,
    Ipv6Address,
    /// One byte that selects a type by [`ParameterInfo::choice`], then a value of it.
    Dynamic,
    TextArray,
    TextPairArray,
}

impl ParameterType {
    /// Whether values are integers below zero where their highest bit is set.
    pub const fn is_signed(self) -> bool {
        matches!(
            self,
            Self::I8
                | Self::I16
                | Self::I32
                | Self::I64
                | Self::Errno
                | Self::Descriptor
                | Self::Descriptor32
                | Self::Process
                | Self::Process32
        )
    }

    /// Whether values are text with a final NUL.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Path | Self::RelativePath)
    }

    /// The number of bytes of an integer of this type; `None` where it is no integer.
    pub const fn integer_width(self) -> Option<usize> {
        Some(match self {
            Self::I8 | Self::U8 | Self::Flags8 | Self::Enum8 | Self::Signal => 1,
            Self::I16
            | Self::U16
            | Self::Flags16
            | Self::Enum16
            | Self::SystemCall
            | Self::Port => 2,
            Self::I32
            | Self::U32
            | Self::Flags32
            | Self::Enum32
            | Self::Mode
            | Self::Bool
            | Self::Descriptor32
            | Self::Process32
            | Self::User
            | Self::Group
            | Self::SignalSet => 4,
            Self::I64
            | Self::U64
            | Self::Errno
            | Self::Descriptor
            | Self::Process
            | Self::RelativeTime
            | Self::AbsoluteTime => 8,
            _ => return None,
        })
    }
}

/// How people are used to see a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Format {
    Decimal,
    Hexadecimal,
    Octal,
    /// As text or bytes.
    Plain,
}

/// What types the selector of a [`ParameterType::Dynamic`] chooses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the operations")]
pub enum Choice {
    Sockopt,
    Ptrace,
    Bpf,
    Keyctl,
}

impl Choice {
    /// The type that a selector stands for.
    pub const fn select(self, selector: u8) -> Option<ParameterType> {
        Some(match (self, selector) {
            (Self::Sockopt, 0) => ParameterType::Bytes,
            (Self::Sockopt | Self::Bpf, 1) => ParameterType::Errno,
            (Self::Sockopt, 2) => ParameterType::U32,
            (Self::Sockopt, 3) | (Self::Ptrace, 0) => ParameterType::U64,
            (Self::Sockopt, 4) => ParameterType::RelativeTime,
            (Self::Ptrace, 1) => ParameterType::Signal,
            (Self::Bpf, 0) => ParameterType::Descriptor,
            (Self::Keyctl, 0) => ParameterType::I64,
            (Self::Keyctl, 1) => ParameterType::Text,
            _ => return None,
        })
    }
}

/// One parameter of an event code.
#[derive(Debug)]
pub struct ParameterInfo {
    /// Its name.
    pub name: Name,
    /// How to read its bytes.
    pub ty: ParameterType,
    /// How to show it.
    pub format: Format,
    /// The symbolic values of a flags, enumeration or mode parameter, and of the poll events of a
    /// descriptor list.
    pub flag_set: Option<&'static FlagSet>,
    /// What the selector of a dynamic parameter chooses from.
    pub choice: Option<Choice>,
    /// The index of the parameter with the directory that a relative path starts at.
    pub relative_to: Option<u8>,
}
