//! How urgent a match is.

use std::fmt;

/// The priority of a rule: the levels of syslog, most severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// The system is unusable.
    Emergency,
    /// Something must be done at once.
    Alert,
    /// A critical condition.
    Critical,
    /// An error.
    Error,
    /// A warning.
    Warning,
    /// Normal but significant.
    Notice,
    /// Worth knowing.
    Informational,
    /// For those who debug rules.
    Debug,
}

impl Priority {
    /// Every priority, most severe first.
    pub const ALL: [Self; 8] = [
        Self::Emergency,
        Self::Alert,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Notice,
        Self::Informational,
        Self::Debug,
    ];

    /// The word for it in Falco's alerts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Emergency => "Emergency",
            Self::Alert => "Alert",
            Self::Critical => "Critical",
            Self::Error => "Error",
            Self::Warning => "Warning",
            Self::Notice => "Notice",
            Self::Informational => "Informational",
            Self::Debug => "Debug",
        }
    }

    /// The priority that a rule file calls so, in any case: the words of Falco, `info`, and `low`,
    /// `medium` and `high` of the SysFlow policy dialect.
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        match word.as_str() {
            "info" => Some(Self::Informational),
            "low" => Some(Self::Notice),
            "medium" => Some(Self::Warning),
            "high" => Some(Self::Error),
            _ => {
                let mut all = Self::ALL.into_iter();
                all.find(|priority| priority.name().eq_ignore_ascii_case(&word))
            }
        }
    }

    /// Whether a word is one of Falco's.
    pub(crate) fn is_falco(word: &str) -> bool {
        !["low", "medium", "high"].contains(&word.to_ascii_lowercase().as_str())
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_both_dialects_are_understood() {
        assert_eq!(Priority::parse("WARNING"), Some(Priority::Warning));
        assert_eq!(Priority::parse("info"), Some(Priority::Informational));
        assert_eq!(Priority::parse("low"), Some(Priority::Notice));
        assert_eq!(Priority::parse("High"), Some(Priority::Error));
        assert_eq!(Priority::parse("urgent"), None);
        assert!(Priority::Critical < Priority::Debug);
        for priority in Priority::ALL {
            assert_eq!(Priority::parse(&priority.to_string()), Some(priority));
        }
    }
}
