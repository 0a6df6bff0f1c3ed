//! The values of arguments, as people write them.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use sysflow_record::errno;

/// Spans of time end here.
const LONGEST: u64 = 366 * 86_400_000_000_000;

/// A text in which `{n}` stands for the number of the repetition, from 1.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text(String);

impl Text {
    /// The text in a repetition.
    pub(crate) fn at(&self, number: u32) -> Cow<'_, str> {
        if self.0.contains("{n}") {
            Cow::Owned(self.0.replace("{n}", &number.to_string()))
        } else {
            Cow::Borrowed(&self.0)
        }
    }
}

/// Words: a list, or a text that is split at spaces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words(pub(crate) Vec<String>);

impl Words {
    /// The words with a NUL after each, `{n}` replaced.
    pub(crate) fn list(&self, number: u32) -> Vec<u8> {
        let mut list = Vec::new();
        for word in &self.0 {
            list.extend_from_slice(word.replace("{n}", &number.to_string()).as_bytes());
            list.push(0);
        }
        list
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordsVisitor;

        impl<'de> Visitor<'de> for WordsVisitor {
            type Value = Words;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list, or a text that is split at spaces")
            }

            fn visit_str<E>(self, text: &str) -> Result<Words, E> {
                Ok(Words(text.split_whitespace().map(str::to_owned).collect()))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Words, E> {
                Ok(Words(vec![value.to_string()]))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Words, E> {
                Ok(Words(vec![number.to_string()]))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Words, E> {
                Ok(Words(vec![number.to_string()]))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Words, E> {
                Ok(Words(vec![number.to_string()]))
            }

            fn visit_unit<E>(self) -> Result<Words, E> {
                Ok(Words::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Words, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = items.next_element::<String>()? {
                    words.push(word);
                }
                Ok(Words(words))
            }
        }

        deserializer.deserialize_any(WordsVisitor)
    }
}

/// A span of time in nanoseconds, written as a number with a unit: `20ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) u64);

impl Span {
    fn parse(text: &str) -> Option<Self> {
        let unit = text.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = text[..unit].parse().ok()?;
        let length = match text[unit..].trim() {
            "ns" => 1,
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            _ => return None,
        };
        let span = number.checked_mul(length)?;
        (span <= LONGEST).then_some(Self(span))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "`{text}` is no span of time: write a number and ns, us, ms, s, m, h or d, a year at most"
            ))
        })
    }
}

/// What a call returns: a number, or an error by its name as in `-ENOENT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome(pub(crate) i64);

impl Outcome {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(number) = text.parse() {
            return Some(Self(number));
        }
        let name = text.strip_prefix('-').unwrap_or(text);
        let number = (1..200).find(|number| errno::name(*number) == Some(name))?;
        Some(Self(-i64::from(number)))
    }
}

impl<'de> Deserialize<'de> for Outcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "`{text}` is no result: write a number, or an error by its name such as -ENOENT"
            ))
        })
    }
}

/// Permissions in octal digits, as `chmod` takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode(pub(crate) u32);

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix("0o").unwrap_or(&text);
        match u32::from_str_radix(digits, 8) {
            Ok(mode) if mode <= 0o7777 => Ok(Self(mode)),
            _ => Err(D::Error::custom(format!(
                "`{text}` are no permissions: write octal digits such as 4755"
            ))),
        }
    }
}

/// One end of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// An address and a port.
    Internet(SocketAddr),
    /// A path in the file system, or a name of the abstract space after an `@`.
    Unix(Vec<u8>),
}

impl End {
    /// `203.0.113.9:443`, `[2001:db8::9]:443`, `/run/some.sock` or `@name`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with('/') {
            return Ok(Self::Unix(text.as_bytes().to_vec()));
        }
        if let Some(name) = text.strip_prefix('@') {
            return Ok(Self::Unix([b"\0", name.as_bytes()].concat()));
        }
        text.parse().map(Self::Internet).map_err(|_| {
            format!(
                "`{text}` is no end of a connection: write ADDRESS:PORT, [IPV6]:PORT, or the path of a \
                 unix socket"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_people_write_them() {
        assert_eq!(Span::parse("20ms"), Some(Span(20_000_000)));
        assert_eq!(Span::parse("2h"), Some(Span(7_200_000_000_000)));
        for wrong in [
            "20",
            "ms",
            "-1s",
            "5 parsecs",
            "99999999999999999999s",
            "900d",
        ] {
            assert_eq!(Span::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Outcome::parse("-ENOENT"), Some(Outcome(-2)));
        assert_eq!(Outcome::parse("EACCES"), Some(Outcome(-13)));
        assert_eq!(Outcome::parse("7"), Some(Outcome(7)));
        assert_eq!(Outcome::parse("-EVIL"), None);
        assert_eq!(
            End::parse("[2001:db8::9]:443"),
            Ok(End::Internet("[2001:db8::9]:443".parse().unwrap()))
        );
        assert_eq!(End::parse("@x"), Ok(End::Unix(b"\0x".to_vec())));
        assert!(
            End::parse("example.org:443")
                .unwrap_err()
                .contains("ADDRESS:PORT")
        );
        assert_eq!(Text("/srv/{n}".into()).at(3), "/srv/3");
    }
}
