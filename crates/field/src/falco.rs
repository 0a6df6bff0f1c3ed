//! The types that Falco gives its fields.

use std::fmt;

use crate::Type;

/// The type of a field in Falco. It compares two fields only if theirs is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FalcoType {
    /// Text, paths among it.
    Text,
    /// Bytes of any kind.
    Bytes,
    /// True or false.
    Bool,
    /// A signed integer of 16 bits.
    Int16,
    /// A signed integer of 32 bits.
    Int32,
    /// A signed integer of 64 bits.
    Int64,
    /// An unsigned integer of 32 bits.
    Uint32,
    /// An unsigned integer of 64 bits.
    Uint64,
    /// A port.
    Port,
    /// An IP protocol.
    Proto,
    /// A point in time.
    Time,
    /// A span of time.
    Duration,
    /// A number that need not be whole.
    Fraction,
    /// An address.
    Ip,
    /// An address that is compared with networks.
    Net,
}

impl From<Type> for FalcoType {
    /// The usual one for fields of a type.
    fn from(ty: Type) -> Self {
        match ty {
            Type::Text | Type::Path | Type::Json => Self::Text,
            Type::Bytes => Self::Bytes,
            Type::Int => Self::Int64,
            Type::Port => Self::Port,
            Type::Proto => Self::Proto,
            Type::Time => Self::Time,
            Type::Duration => Self::Duration,
            Type::Fraction => Self::Fraction,
            Type::Bool => Self::Bool,
            Type::Ip => Self::Ip,
            Type::Net => Self::Net,
        }
    }
}

impl FalcoType {
    /// The word for the type in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Bool => "booleans",
            Self::Int16 => "integers of 16 bits",
            Self::Int32 => "integers of 32 bits",
            Self::Int64 => "integers of 64 bits",
            Self::Uint32 => "unsigned integers of 32 bits",
            Self::Uint64 => "unsigned integers of 64 bits",
            Self::Port => "ports",
            Self::Proto => "protocols",
            Self::Time => "points in time",
            Self::Duration => "spans of time",
            Self::Fraction => "fractions",
            Self::Ip => "addresses",
            Self::Net => "networks",
        }
    }
}

impl fmt::Display for FalcoType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
