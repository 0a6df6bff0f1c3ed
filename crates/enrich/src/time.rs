//! Times as runtimes write them.

const NANOSECONDS: i128 = 1_000_000_000;

/// Nanoseconds since the epoch of a time as RFC 3339 writes it. `None` for what is no time, and for times before the
/// epoch: runtimes write the year 1 for what has not happened.
pub(crate) fn nanoseconds(text: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| {
        let digits = text.get(range)?;
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse::<i64>().ok()).flatten()
    };
    let is_at = |place: usize, characters: &[u8]| {
        text.as_bytes()
            .get(place)
            .is_some_and(|byte| characters.contains(byte))
    };
    if !(is_at(4, b"-")
        && is_at(7, b"-")
        && is_at(10, b"Tt ")
        && is_at(13, b":")
        && is_at(16, b":"))
    {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    if !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let rest = text.get(19..)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(
            rest.find(|character: char| !character.is_ascii_digit())
                .unwrap_or(rest.len()),
        ),
        None => ("", rest),
    };
    let fraction = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(9)
        .fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0'));
    let seconds =
        days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - zone_seconds(zone)?;
    u64::try_from(i128::from(seconds) * NANOSECONDS + fraction).ok()
}

/// How far a zone is east of Greenwich.
fn zone_seconds(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?);
    Some(sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
}

/// Days from the epoch to a day of the Gregorian calendar, counting years from March so that leap days come last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // The epoch is day 719,468 of this count.
    year * 365 + leap_days + (153 * month_from_march + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_read() {
        assert_eq!(nanoseconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(
            nanoseconds("2000-02-29T12:00:00.5Z"),
            Some(951_825_600_500_000_000)
        );
        assert_eq!(
            nanoseconds("2024-12-31T23:59:59.123456789+01:00"),
            Some(1_735_685_999_123_456_789)
        );
        assert_eq!(
            nanoseconds("2024-03-01T00:00:00-00:30"),
            Some(1_709_253_000_000_000_000)
        );
        assert_eq!(nanoseconds("0001-01-01T00:00:00Z"), None);
        for text in [
            "",
            "2024",
            "2024-13-01T00:00:00Z",
            "2024-12-01T00:00:00",
            "2024-12-01T00:00:00X",
        ] {
            assert_eq!(nanoseconds(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[0-9TZ:.+ü-]{0,40}") {
            let _ = nanoseconds(&text);
        }
    }
}
