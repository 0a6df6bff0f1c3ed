//! How texts for people show fields.

use std::fmt;

use crate::{Arg, Value};

/// Nanoseconds of a second, seconds of a day.
const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

/// How texts for people show a field, where that is not how its values are written.
///
/// Conditions and machines see the values. Texts follow Falco, whose fields are one text each: times are UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// As its values, those of lists in parentheses.
    #[default]
    AsIs,
    /// All values of a list, with blanks between them.
    Joined,
    /// Without an argument, as with this position for one.
    At(u32),
    /// A number, in sixteens.
    Hexadecimal,
    /// A fraction, to one place.
    Tenths,
    /// A time: `15:04:05.123456789`.
    Clock,
    /// A time: `15:04:05`.
    ClockSeconds,
    /// A time: `2006-01-02 15:04:05.123456789 +0000`.
    Date,
    /// A time: `2006-01-02 15:04:05 +0000`.
    DateSeconds,
    /// A time: `2006-01-02T15:04:05.123456789+0000`.
    Iso8601,
}

impl Shown {
    /// The argument that texts ask with where `given` was written.
    pub fn argument(self, given: Arg) -> Arg {
        match (self, given) {
            (Self::At(index), Arg::None) => Arg::Index(index),
            (_, given) => given,
        }
    }

    /// Whether the field is one text even where it has many values or a number.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Joined | Self::Hexadecimal)
    }

    /// Writes one value.
    pub fn write(self, value: &Value<'_>, out: &mut impl fmt::Write) -> fmt::Result {
        let number = match *value {
            Value::Int(number) => number,
            Value::Fraction(number) if self == Self::Tenths => {
                return write!(out, "{:.1}", number.0);
            }
            _ => return write!(out, "{value}"),
        };
        match self {
            Self::AsIs | Self::Joined | Self::At(_) | Self::Tenths => write!(out, "{number}"),
            Self::Hexadecimal => write!(out, "{number:X}"),
            Self::Clock => write_clock(number, true, out),
            Self::ClockSeconds => write_clock(number, false, out),
            Self::Date | Self::DateSeconds => {
                write_day(number, out)?;
                out.write_char(' ')?;
                write_clock(number, self == Self::Date, out)?;
                out.write_str(" +0000")
            }
            Self::Iso8601 => {
                write_day(number, out)?;
                out.write_char('T')?;
                write_clock(number, true, out)?;
                out.write_str("+0000")
            }
        }
    }
}

fn write_clock(time: i64, with_fraction: bool, out: &mut impl fmt::Write) -> fmt::Result {
    let (seconds, rest) = (time.div_euclid(SECOND), time.rem_euclid(SECOND));
    let of_day = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    write!(out, "{hour:02}:{minute:02}:{second:02}")?;
    if with_fraction {
        write!(out, ".{rest:09}")?;
    }
    Ok(())
}

/// The day in the Gregorian calendar.
fn write_day(time: i64, out: &mut impl fmt::Write) -> fmt::Result {
    // Years begin in March here, so that the leap day is the last; 400 of them are 146097 days.
    let days = time.div_euclid(SECOND).div_euclid(DAY) + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    write!(out, "{:04}-{month:02}-{day:02}", era * 400 + year + next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(how: Shown, number: i64) -> String {
        let mut out = String::new();
        how.write(&Value::Int(number), &mut out).unwrap();
        out
    }

    #[test]
    fn times_are_shown_in_utc() {
        let time = 1_470_327_477_882_054_739;
        assert_eq!(shown(Shown::Clock, time), "16:17:57.882054739");
        assert_eq!(shown(Shown::ClockSeconds, time), "16:17:57");
        assert_eq!(
            shown(Shown::Iso8601, time),
            "2016-08-04T16:17:57.882054739+0000"
        );
        assert_eq!(
            shown(Shown::Date, time),
            "2016-08-04 16:17:57.882054739 +0000"
        );
        for (days, day) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (19_722, "2023-12-31"),
            (19_723, "2024-01-01"),
        ] {
            let text = shown(Shown::DateSeconds, days * DAY * SECOND);
            assert_eq!(text, format!("{day} 00:00:00 +0000"));
        }
    }

    #[test]
    fn other_values_are_shown_as_they_are() {
        assert_eq!(shown(Shown::Hexadecimal, 0xca02), "CA02");
        assert_eq!(shown(Shown::AsIs, -7), "-7");
        let mut out = String::new();
        let quarter = Value::Fraction(crate::Fraction(0.28));
        Shown::Tenths.write(&quarter, &mut out).unwrap();
        assert_eq!(out, "0.3");
        assert_eq!(Shown::At(0).argument(Arg::None), Arg::Index(0));
        assert_eq!(Shown::At(0).argument(Arg::Index(2)), Arg::Index(2));
        assert_eq!(Shown::Joined.argument(Arg::None), Arg::None);
    }
}
