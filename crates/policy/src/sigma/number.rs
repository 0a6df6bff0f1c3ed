//! Numbers of rules, and what they mean to fields that hold whole ones.

use super::modifier::Comparison;

/// A number of a rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Whole(i64),
    /// Finite, and not whole or too large for it.
    Fraction(f64),
}

// There is no NaN among them.
impl Eq for Number {}

impl Number {
    /// A number as YAML writes it: decimal, or hexadecimal and octal whole numbers.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
            return None;
        }
        let text = text.replace('_', "");
        if let Ok(number) = text.parse() {
            return Some(Self::Whole(number));
        }
        let based = |prefix: &str, base| {
            let digits = digits.strip_prefix(prefix)?;
            let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_digit(base));
            let number = is_number.then(|| i64::from_str_radix(digits, base).ok())??;
            Some(Self::Whole(if text.starts_with('-') {
                -number
            } else {
                number
            }))
        };
        if let Some(number) = based("0x", 16).or_else(|| based("0o", 8)) {
            return Some(number);
        }
        let number: f64 = text
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())?;
        Some(match whole(number) {
            Some(whole) => Self::Whole(whole),
            None => Self::Fraction(number),
        })
    }

    /// The same comparison with a whole number: more than 3.5 is more than 3. `None` where it says the same of
    /// all whole numbers.
    pub(super) fn among_whole(self, comparison: Comparison) -> Option<(Comparison, i64)> {
        match self {
            Self::Whole(number) => Some((comparison, number)),
            Self::Fraction(number) => {
                let below = whole(number.floor())?;
                Some(match comparison {
                    Comparison::Less | Comparison::LessOrEqual => (Comparison::LessOrEqual, below),
                    Comparison::Greater | Comparison::GreaterOrEqual => {
                        (Comparison::Greater, below)
                    }
                })
            }
        }
    }

    /// Whether a comparison with this number, which no whole number reaches, holds for all of them.
    pub(super) fn is_beyond(self, comparison: Comparison) -> bool {
        let wants_less = matches!(comparison, Comparison::Less | Comparison::LessOrEqual);
        match self {
            Self::Whole(_) => false,
            Self::Fraction(number) => wants_less == (number > 0.0),
        }
    }

    /// The number in decimals.
    pub(super) fn shown(self) -> String {
        match self {
            Self::Whole(number) => number.to_string(),
            Self::Fraction(number) => number.to_string(),
        }
    }
}

/// A whole number that 64 bits hold.
fn whole(number: f64) -> Option<i64> {
    // 2 to the power of 63, which no `i64` reaches.
    let end = -(i64::MIN as f64);
    let fits = number.fract() == 0.0 && (-end..end).contains(&number);
    fits.then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_yaml() {
        for (text, number) in [
            ("1003", Number::Whole(1003)),
            ("1003.0", Number::Whole(1003)),
            ("0x3eb", Number::Whole(1003)),
            ("-0x10", Number::Whole(-16)),
            ("0o17", Number::Whole(15)),
            ("1_003", Number::Whole(1003)),
            ("+7", Number::Whole(7)),
            ("1e3", Number::Whole(1000)),
            ("9007199254740993", Number::Whole(9_007_199_254_740_993)),
            ("-.5", Number::Fraction(-0.5)),
            ("1e30", Number::Fraction(1e30)),
        ] {
            assert_eq!(Number::parse(text), Some(number), "{text}");
        }
        for text in [
            "", "-", "0x", "0x-1", "nan", "inf", "many", "1e999", "10.1.2.3",
        ] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }

    #[test]
    fn fractions_stand_between_whole_numbers() {
        let among = |comparison| Number::Fraction(3.5).among_whole(comparison);
        assert_eq!(among(Comparison::Greater), Some((Comparison::Greater, 3)));
        assert_eq!(
            among(Comparison::GreaterOrEqual),
            Some((Comparison::Greater, 3))
        );
        assert_eq!(among(Comparison::Less), Some((Comparison::LessOrEqual, 3)));
        let huge = Number::Fraction(1e30);
        assert_eq!(huge.among_whole(Comparison::Less), None);
        assert!(huge.is_beyond(Comparison::Less) && !huge.is_beyond(Comparison::Greater));
    }
}
