//! Sigma rules: detections as data, compiled into the same program as the conditions of other languages.
//!
//! Written from the Sigma specification 2.1 (<https://sigmahq.io/sigma-specification/>): detection rules,
//! filters and correlation rules.
//!
//! ```text
//! documents ─ collection ─► rule ─ detection, modifier, wildcard ─► lower ─► ast ─► the crate's compiler
//!                             │                                       ▲
//!                             └─ condition ──────────────► nodes      └─ mapping: names of fields
//! ```
//!
//! Where the specification leaves room:
//!
//! - Letters are compared without their case in ASCII. What `base64` and `base64offset` make is compared
//!   with it: other letters are other data.
//! - `re` may match any part of the value. Its flavour is PCRE without looking around and references to groups.
//! - `null` means that the field has no value, or an empty one where its source cannot tell these apart.
//!   `*` alone means the opposite, and no regular expression finds anything in it.
//! - Fields that the mapping does not know are errors.

mod collection;
mod combine;
mod compare;
mod condition;
mod correlate;
mod correlation;
mod correlation_item;
mod correlation_lower;
mod detection;
mod encode;
mod expand;
#[cfg(test)]
mod file_tests;
mod load;
mod log_sources;
mod lower;
mod mapping;
mod metadata;
mod modifier;
mod number;
mod pcre;
#[cfg(test)]
mod property_tests;
mod references;
#[cfg(test)]
mod rule_tests;
#[cfg(test)]
mod value_tests;
mod wildcard;

pub use correlation::{Alias, Bound, Correlation, CorrelationKind};
pub use load::check_mapping;
pub use metadata::{LogSource, Metadata, Related, Status};

pub(crate) use load::{Sigma, built_in_mapping};
#[cfg(test)]
pub(crate) use rule_tests::options as toy_options;
