//! What was asked, learnt and lost.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Error;

/// Declares each counter once: what users read and what the threads count in.
macro_rules! counters {
    ($($(#[$meaning:meta])* $name:ident,)*) => {
        /// Counters of an [`Enricher`](crate::Enricher) since its start.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Statistics {
            $($(#[$meaning])* pub $name: u64,)*
        }

        impl Statistics {
            /// All counters by name, for metrics.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
        }

        impl Counters {
            pub(crate) fn read(&self) -> Statistics {
                Statistics { $($name: self.$name.0.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Questions taken.
    requests,
    /// Questions not taken because too many were waiting. They may be asked again.
    requests_refused,
    /// Questions answered from memory.
    answers_cached,
    /// Containers whose facts were told.
    answers_known,
    /// Containers of which nothing was known when patience ended.
    answers_unknown,
    /// Containers told to have ended.
    answers_ended,
    /// Answers that nobody fetched and that were dropped.
    answers_dropped,
    /// Attempts to learn about a container, first ones included.
    attempts,
    /// Attempts that only files of a runtime could satisfy.
    answers_from_files,
    /// Connections that no runtime took.
    runtimes_unreachable,
    /// Runtimes that did not answer in time.
    runtimes_slow,
    /// Questions that a runtime refused or failed at.
    runtimes_refused,
    /// Answers and files that are not what they should be.
    malformed,
    /// Files that could not be read.
    files_unreadable,
    /// Facts that were cut because they were too many.
    trimmed,
    /// Containers forgotten because the memory for them was full.
    evicted,
}

/// A counter that several threads may count in.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Counters {
    /// Counts a failure by its kind.
    pub(crate) fn count_error(&self, error: &Error) {
        match error {
            Error::Unreachable { .. } => &self.runtimes_unreachable,
            Error::Timeout { .. } => &self.runtimes_slow,
            Error::Refused { .. } => &self.runtimes_refused,
            Error::Malformed { .. } => &self.malformed,
            Error::File { .. } | Error::TooLong { .. } | Error::Start(_) => &self.files_unreadable,
        }
        .count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_read_by_name() {
        let counters = Counters::default();
        counters.count_error(&Error::Timeout {
            path: "/run/x".into(),
        });
        let statistics = counters.read();
        assert_eq!(statistics.runtimes_slow, 1);
        let counted: Vec<_> = statistics.named().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [("runtimes_slow", 1)]);
    }
}
