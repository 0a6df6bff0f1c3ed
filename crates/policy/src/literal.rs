//! Values in conditions: what a word means to a field of a certain type.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sysflow_field::{FalcoType, Fraction, Type};

use crate::Dialect;

/// Services that rules name instead of their port; not taken from the host, so that a rule means the
/// same everywhere.
const SERVICES: &[(&str, i64)] = &[
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("dns", 53),
    ("bootps", 67),
    ("bootpc", 68),
    ("tftp", 69),
    ("http", 80),
    ("kerberos", 88),
    ("pop3", 110),
    ("ntp", 123),
    ("imap", 143),
    ("snmp", 161),
    ("bgp", 179),
    ("ldap", 389),
    ("https", 443),
    ("syslog", 514),
    ("ldaps", 636),
    ("imaps", 993),
    ("pop3s", 995),
    ("mysql", 3306),
    ("rdp", 3389),
    ("postgresql", 5432),
    ("redis", 6379),
];

/// IP protocols by name, with the numbers that IANA assigned.
const PROTOCOLS: &[(&str, i64)] = &[
    ("icmp", 1),
    ("igmp", 2),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmp6", 58),
    ("icmpv6", 58),
    ("sctp", 132),
    ("udplite", 136),
    ("raw", 255),
];

/// Units of durations, in nanoseconds.
const UNITS: &[(&str, i64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// The number that a word means to an integer field.
pub(crate) fn integer(word: &str, ty: Type) -> Result<i64, String> {
    let decimal = word.parse::<i64>();
    let named = |table: &[(&str, i64)]| {
        let mut table = table.iter();
        let found = table.find(|(name, _)| name.eq_ignore_ascii_case(word));
        found.map(|(_, number)| *number)
    };
    match (ty, decimal) {
        (Type::Port, Ok(number)) if !(0..=65_535).contains(&number) => {
            Err(format!("`{word}` is not a port: ports go from 0 to 65535"))
        }
        (Type::Proto, Ok(number)) if !(0..=255).contains(&number) => Err(format!(
            "`{word}` is not a protocol: these go from 0 to 255"
        )),
        (_, Ok(number)) => Ok(number),
        (Type::Port, Err(_)) => {
            named(SERVICES).ok_or_else(|| format!("`{word}` is neither a port nor a known service"))
        }
        (Type::Proto, Err(_)) => named(PROTOCOLS)
            .ok_or_else(|| format!("`{word}` is neither a number nor a known protocol")),
        (Type::Duration, Err(_)) => duration(word)
            .ok_or_else(|| format!("`{word}` is not a duration such as `5s` or `100ms`")),
        (Type::Time, Err(_)) => Err(format!(
            "`{word}` is not a time in nanoseconds since the epoch"
        )),
        (_, Err(_)) => Err(format!("`{word}` is not a whole number")),
    }
}

/// The port that a word means to Falco: it takes nothing for 0, and of a number that is too large the lowest
/// 16 bits.
pub(crate) fn falco_port(word: &str) -> Result<i64, String> {
    if word.is_empty() {
        return Ok(0);
    }
    match word.parse::<i32>() {
        Ok(number) if number >= 0 => Ok(i64::from(number as u16)),
        _ => integer(word, Type::Port),
    }
}

/// The number that a word means to an integer field of Falco. To one without a sign a number below zero is a
/// large one, and one of 32 bits takes the lowest 32 bits. Ours have 64 bits and a sign: of an `order` with more
/// than that only on which side all values are is left.
pub(crate) fn falco_integer(word: &str, ty: FalcoType, order: bool) -> Result<i64, String> {
    let number = integer(word, Type::Int)?;
    Ok(match ty {
        FalcoType::Uint32 => i64::from(number as u32),
        FalcoType::Uint64 if order && number < 0 => i64::MAX,
        _ => number,
    })
}

/// The number that a word means to a field of fractions.
pub(crate) fn fraction(word: &str) -> Result<Fraction, String> {
    match word.parse::<f64>() {
        // There is one zero.
        Ok(number) if number.is_finite() => Ok(Fraction(number + 0.0)),
        _ => Err(format!("`{word}` is not a number")),
    }
}

fn duration(word: &str) -> Option<i64> {
    let unit_start = word.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = word.split_at(unit_start);
    let (_, nanoseconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<i64>().ok()?.checked_mul(*nanoseconds)
}

/// The truth value that a word means to a boolean field. SysFlow also has any case. 0 and 1 are taken in
/// both dialects, because fields that Falco knows as numbers (`proc.tty`) may be booleans to a source.
pub(crate) fn boolean(word: &str, dialect: Dialect) -> Result<bool, String> {
    match (word, dialect) {
        ("true" | "1", _) => Ok(true),
        ("false" | "0", _) => Ok(false),
        (_, Dialect::SysFlow | Dialect::Sigma) if word.eq_ignore_ascii_case("true") => Ok(true),
        (_, Dialect::SysFlow | Dialect::Sigma) if word.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(format!("`{word}` is neither `true` nor `false`")),
    }
}

/// A block of addresses; a single address is the smallest of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Network {
    /// The address with all bits beyond the prefix cleared.
    base: IpAddr,
    prefix: u8,
}

impl Network {
    /// `10.0.0.1`, `10.0.0.0/8`, `fe80::/10`.
    pub(crate) fn parse(word: &str) -> Result<Self, String> {
        let (address, prefix) = match word.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (word, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| format!("`{word}` is neither an address nor a network"))?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix.map(str::parse::<u8>) {
            None => longest,
            Some(Ok(prefix)) if prefix <= longest => prefix,
            Some(_) => {
                return Err(format!(
                    "`{word}` is not a network: the prefix goes from 0 to {longest}"
                ));
            }
        };
        Ok(Self {
            base: masked(address, prefix),
            prefix,
        })
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.base.is_ipv4() == address.is_ipv4() && masked(address, self.prefix) == self.base
    }
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

/// A byte beyond ASCII that an escape names: texts cannot hold it, so a character for private use stands
/// for it until the text becomes bytes.
const RAW_BYTES: u32 = 0x10_fe00;

/// The character that stands for a byte.
pub(crate) fn raw_byte(byte: u8) -> char {
    if byte.is_ascii() {
        return char::from(byte);
    }
    char::from_u32(RAW_BYTES + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The bytes of a text, with those that escapes name.
pub(crate) fn bytes(text: &str) -> Box<[u8]> {
    let raw = |character: char| {
        let byte = u32::from(character).checked_sub(RAW_BYTES)?;
        u8::try_from(byte).ok()
    };
    if !text.chars().any(|character| raw(character).is_some()) {
        return text.as_bytes().into();
    }
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match raw(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes.into()
}

/// The bytes that hexadecimal digits stand for.
pub(crate) fn hexadecimal(word: &str) -> Result<Box<[u8]>, String> {
    let problem = || format!("`{word}` is not an even number of hexadecimal digits");
    if word.is_empty()
        || !word.len().is_multiple_of(2)
        || !word.bytes().all(|b| b.is_ascii_hexdigit())
    {
        return Err(problem());
    }
    let pairs = (0..word.len()).step_by(2).map(|at| &word[at..at + 2]);
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).map_err(|_| problem()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_follow_the_type() {
        assert_eq!(integer("-5", Type::Int), Ok(-5));
        assert_eq!(integer("https", Type::Port), Ok(443));
        assert_eq!(integer("UDP", Type::Proto), Ok(17));
        assert_eq!(falco_port("70000"), Ok(4464));
        assert!(falco_port("99999999999").is_err() && falco_port("-1").is_err());
        let unsigned = |word, order| falco_integer(word, FalcoType::Uint64, order);
        assert_eq!(
            (unsigned("-1", false), unsigned("-1", true)),
            (Ok(-1), Ok(i64::MAX))
        );
        assert_eq!(
            falco_integer("-1", FalcoType::Uint32, true),
            Ok(4_294_967_295)
        );
        assert_eq!(falco_integer("4294967296", FalcoType::Uint32, false), Ok(0));
        assert_eq!(falco_integer("-1", FalcoType::Int64, true), Ok(-1));
        assert_eq!(integer("100ms", Type::Duration), Ok(100_000_000));
        assert_eq!(integer("7", Type::Duration), Ok(7));
        assert_eq!(fraction("-0"), Ok(Fraction(0.0)));
        assert_eq!(fraction("12.5"), Ok(Fraction(12.5)));
        assert!(fraction("nan").is_err() && fraction("1e999").is_err() && fraction("x").is_err());
        for (word, ty) in [
            ("abc", Type::Int),
            ("0x10", Type::Int),
            ("1.5", Type::Int),
            ("70000", Type::Port),
            ("gopherd", Type::Port),
            ("256", Type::Proto),
            ("5parsec", Type::Duration),
            ("9223372036854775807d", Type::Duration),
        ] {
            assert!(integer(word, ty).is_err(), "{word}");
        }
    }

    #[test]
    fn networks_hold_their_addresses() {
        let holds = |network: &str, address: &str| {
            Network::parse(network)
                .unwrap()
                .contains(address.parse().unwrap())
        };
        assert!(holds("127.0.0.0/8", "127.1.2.3"));
        assert!(holds("10.0.0.1", "10.0.0.1"));
        assert!(!holds("10.0.0.1", "10.0.0.2"));
        assert!(holds("0.0.0.0/0", "255.255.255.255"));
        assert!(holds("::/0", "fe80::1") && !holds("::/0", "1.2.3.4"));
        assert!(holds("fe80::1/10", "fe80::ffff"));
        assert!(Network::parse("10.0.0.0/33").is_err());
        assert!(Network::parse("host").is_err());
    }

    #[test]
    fn truth_and_bytes_are_strict_about_their_spelling() {
        assert_eq!(boolean("True", Dialect::SysFlow), Ok(true));
        assert!(boolean("True", Dialect::Falco).is_err());
        assert_eq!(boolean("0", Dialect::Falco), Ok(false));
        assert_eq!(hexadecimal("0aFF").as_deref(), Ok(&[10, 255][..]));
        assert!(hexadecimal("abc").is_err());
    }
}
