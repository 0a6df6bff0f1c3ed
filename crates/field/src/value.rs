//! Types and values of fields.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io::Write as _;
use std::net::IpAddr;

use bstr::BStr;

/// The type of a field, which decides what operators and literals fit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// Text. Bytes as the source saw them: almost always UTF-8, never guaranteed.
    Text,
    /// Bytes of any kind, such as data that were read.
    Bytes,
    /// Text that is a file-system path.
    Path,
    /// Text that holds a JSON document; a path may select a part of it.
    Json,
    /// A signed integer (ids, counters, sizes in bytes).
    Int,
    /// A TCP or UDP port.
    Port,
    /// An IP protocol number as IANA assigns them.
    Proto,
    /// A point in time: nanoseconds since the epoch, UTC.
    Time,
    /// A span of time in nanoseconds.
    Duration,
    /// A number that need not be whole.
    Fraction,
    /// True or false.
    Bool,
    /// An IPv4 or IPv6 address.
    Ip,
    /// An IPv4 or IPv6 address that is compared with networks.
    Net,
}

impl Type {
    /// Whether values of this type are [`Value::Text`].
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Bytes | Self::Path | Self::Json)
    }

    /// Whether values of this type are [`Value::Ip`].
    pub const fn is_address(self) -> bool {
        matches!(self, Self::Ip | Self::Net)
    }

    /// Whether values of this type are [`Value::Int`].
    pub const fn is_integer(self) -> bool {
        matches!(
            self,
            Self::Int | Self::Port | Self::Proto | Self::Time | Self::Duration
        )
    }

    /// The word used for the type in messages and documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Path => "path",
            Self::Json => "json",
            Self::Int => "integer",
            Self::Port => "port",
            Self::Proto => "protocol",
            Self::Time => "time",
            Self::Duration => "duration",
            Self::Fraction => "fraction",
            Self::Bool => "boolean",
            Self::Ip => "address",
            Self::Net => "network",
        }
    }

    /// The value that stands for "nothing" where a field is [`Absence::Zero`].
    ///
    /// [`Absence::Zero`]: crate::Absence::Zero
    pub const fn zero(self) -> Value<'static> {
        match self {
            Self::Text | Self::Bytes | Self::Path | Self::Json | Self::Ip | Self::Net => {
                Value::Text(b"")
            }
            Self::Int | Self::Port | Self::Proto | Self::Time | Self::Duration => Value::Int(0),
            Self::Fraction => Value::Fraction(Fraction(0.0)),
            Self::Bool => Value::Bool(false),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A number that need not be whole. All of them have an order, as IEEE 754 defines it for all.
#[derive(Clone, Copy, Debug)]
pub struct Fraction(pub f64);

impl PartialEq for Fraction {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Fraction {}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Fraction {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Hash for Fraction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// One answer of a field, borrowed from the observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Text; see [`Type::Text`].
    Text(&'a [u8]),
    /// An integer, a time or a duration.
    Int(i64),
    /// A number that need not be whole.
    Fraction(Fraction),
    /// True or false.
    Bool(bool),
    /// An address.
    Ip(IpAddr),
}

/// Longest text that a value other than text and fractions can have: an IPv6 address.
const LONGEST_RENDERED: usize = 64;

/// Longest text that a fraction can have: the smallest of them.
const LONGEST_FRACTION: usize = 1080;

/// As [`Value::with_text`], for fractions.
fn with_fraction<R>(number: Fraction, use_text: impl FnOnce(&[u8]) -> R) -> R {
    let mut buffer = [0_u8; LONGEST_FRACTION];
    let mut rest = &mut buffer[..];
    // The buffer is longer than any of these can be, so writing cannot fail.
    let _ = write!(rest, "{number}");
    let unused = rest.len();
    use_text(&buffer[..LONGEST_FRACTION - unused])
}

impl<'a> Value<'a> {
    /// Calls `use_text` with the value as text, without allocating.
    ///
    /// Integers are decimal, booleans `true` and `false`, addresses in their usual notation.
    pub fn with_text<R>(&self, use_text: impl FnOnce(&[u8]) -> R) -> R {
        let mut buffer = [0_u8; LONGEST_RENDERED];
        let mut rest = &mut buffer[..];
        // The buffer is longer than any of these can be, so writing cannot fail.
        let _ = match self {
            Self::Text(text) => return use_text(text),
            Self::Fraction(number) => return with_fraction(*number, use_text),
            Self::Bool(true) => return use_text(b"true"),
            Self::Bool(false) => return use_text(b"false"),
            Self::Int(number) => write!(rest, "{number}"),
            Self::Ip(address) => write!(rest, "{address}"),
        };
        let unused = rest.len();
        use_text(&buffer[..LONGEST_RENDERED - unused])
    }

    /// The text of a text value.
    pub const fn as_text(&self) -> Option<&'a [u8]> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number in an integer value; booleans count as 0 and 1.
    pub const fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Bool(flag) => Some(*flag as i64),
            _ => None,
        }
    }

    /// Whether this is the zero value of its kind: empty text, 0 or false.
    pub const fn is_zero(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Int(number) => *number == 0,
            Self::Fraction(number) => number.0 == 0.0,
            Self::Bool(flag) => !*flag,
            Self::Ip(_) => false,
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => fmt::Display::fmt(BStr::new(text), f),
            Self::Int(number) => fmt::Display::fmt(number, f),
            Self::Fraction(number) => fmt::Display::fmt(number, f),
            Self::Bool(flag) => fmt::Display::fmt(flag, f),
            Self::Ip(address) => fmt::Display::fmt(address, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_has_a_text() {
        let text =
            |value: Value<'_>| value.with_text(|text| String::from_utf8_lossy(text).into_owned());
        assert_eq!(text(Value::Text(b"a,b")), "a,b");
        assert_eq!(text(Value::Int(i64::MIN)), "-9223372036854775808");
        assert_eq!(text(Value::Fraction(Fraction(0.25))), "0.25");
        assert_eq!(text(Value::Fraction(Fraction(-5e-324))).len(), 327);
        assert_eq!(text(Value::Bool(true)), "true");
        assert_eq!(text(Value::Ip("10.1.2.3".parse().unwrap())), "10.1.2.3");
        let longest = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255";
        assert_eq!(
            text(Value::Ip(longest.parse().unwrap())),
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
        );
    }
}
