//! Times as text.

use std::io::Write as _;

/// Nanoseconds in a second.
const SECOND: i64 = 1_000_000_000;
/// Seconds in a day.
const DAY: i64 = 86_400;

/// Writes times as RFC 3339 in UTC with nanoseconds: `2018-07-16T21:31:55.030354000Z`.
///
/// Records come in bursts, so the text of the last second is kept.
#[derive(Clone, Debug)]
pub struct Clock {
    second: i64,
    text: [u8; 19],
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            second: i64::MIN,
            text: *b"1970-01-01T00:00:00",
        }
    }
}

impl Clock {
    /// Appends a time, given in ns since the epoch.
    pub fn write(&mut self, ts: i64, out: &mut Vec<u8>) {
        let second = ts.div_euclid(SECOND);
        if second != self.second {
            self.second = second;
            self.text = date_time(second);
        }
        out.extend_from_slice(&self.text);
        let mut fraction = *b".000000000Z";
        let mut rest = ts.rem_euclid(SECOND);
        for digit in fraction[1..10].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        out.extend_from_slice(&fraction);
    }

    /// Appends the time of day with milliseconds, `21:31:55.030`, for tables.
    pub fn write_of_day(&mut self, ts: i64, out: &mut Vec<u8>) {
        let start = out.len();
        self.write(ts, out);
        out.copy_within(start + 11..start + 23, start);
        out.truncate(start + 12);
    }
}

/// `YYYY-MM-DDThh:mm:ss` of a second since the epoch. All times that fit 64-bit nanoseconds have years of
/// four digits.
fn date_time(second: i64) -> [u8; 19] {
    let (days, of_day) = (second.div_euclid(DAY), second.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let mut text = *b"0000-00-00T00:00:00";
    let mut rest = &mut text[..];
    let _ = write!(
        rest,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
    );
    text
}

/// The date of a day since the epoch, in the Gregorian calendar. Years are counted from March, so that the
/// leap day is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_IN_ERA: i64 = 146_097;
    let since_march_of_year_0 = days + 719_468;
    let era = since_march_of_year_0.div_euclid(DAYS_IN_ERA);
    let day_of_era = since_march_of_year_0.rem_euclid(DAYS_IN_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(ts: i64) -> String {
        let mut out = Vec::new();
        Clock::default().write(ts, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_are_exact() {
        assert_eq!(text(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(
            text(1_553_543_280_704_111_050),
            "2019-03-25T19:48:00.704111050Z"
        );
        assert_eq!(
            text(951_782_400_000_000_001),
            "2000-02-29T00:00:00.000000001Z"
        );
        assert_eq!(text(-1), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(text(i64::MAX), "2262-04-11T23:47:16.854775807Z");
        assert_eq!(text(i64::MIN), "1677-09-21T00:12:43.145224192Z");
    }

    #[test]
    fn the_kept_second_does_not_stick() {
        let mut clock = Clock::default();
        let mut out = Vec::new();
        for ts in [5 * SECOND, 6 * SECOND + 7, 5 * SECOND] {
            clock.write_of_day(ts, &mut out);
            out.push(b' ');
        }
        assert_eq!(out, b"00:00:05.000 00:00:06.000 00:00:05.000 ");
    }
}
