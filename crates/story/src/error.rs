//! What is wrong with a story.

use serde_saphyr::Location;
use thiserror::Error;

/// A story that cannot be read or played.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{line}:{column}: {message}")]
pub struct Error {
    /// The line, from 1; 0 where the place is not known.
    pub line: u64,
    /// The column in characters, from 1; 0 where the place is not known.
    pub column: u64,
    /// What is wrong, and what is allowed.
    pub message: String,
}

impl Error {
    /// Something wrong at a place.
    pub fn at(location: Location, message: impl Into<String>) -> Self {
        Self {
            line: location.line(),
            column: location.column(),
            message: message.into(),
        }
    }

    /// A document that is not what it should be.
    pub fn from_yaml(error: &serde_saphyr::Error) -> Self {
        let error = error.without_snippet();
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        // The place is told apart.
        let message = first.split(" at line ").next().unwrap_or_default();
        let message = message.strip_prefix("error: ").unwrap_or(message);
        let location = error.location().unwrap_or(Location::UNKNOWN);
        Self::at(location, message)
    }
}
