//! Rules over several observations: sequences, thresholds and throttles.
//!
//! The evaluator finds out which *steps* of which rules an observation takes; the [`Correlator`] remembers
//! steps and tells when a rule has come together. All times are those of observations, never of clocks.
//!
//! ```yaml
//! - rule: Downloaded and run
//!   desc: A program is run within a minute of a download by the same process or an ancestor.
//!   priority: WARNING
//!   output: "run %proc.exepath"
//!   by: [container.id, lineage]   # what must be the same in all steps
//!   sequence:
//!     - {name: download, condition: evt.type = execve and proc.name in (curl, wget)}
//!     - {name: run, condition: evt.type = execve and proc.exepath startswith /tmp/, within: 1m}
//!   within: 10m                   # from the first step to the last
//!
//! - rule: Many targets
//!   desc: One process connects to many addresses.
//!   priority: NOTICE
//!   output: "many targets (%proc.name)"
//!   condition: evt.type = connect
//!   threshold: {distinct: fd.sip, count: 50, within: 1m, by: [proc.pid]}
//!   throttle: {per: [container.id], every: 1h}
//! ```
//!
//! # What it means
//!
//! - **Keys.** An observation without a value of a field in `by` or `per` takes no step. Of several values
//!   the first counts. A step of a sequence may have a `by` of its own: other fields that are to have the
//!   same values, one for the other.
//! - **Sequence.** There is an alert when an observation takes the last step, and earlier ones, in this
//!   order, took the others, each at most its `within` before the next, and all within the `within` of the
//!   rule. One observation takes at most one step of a chain. After an alert the key starts anew.
//! - **Lineage.** Later steps are taken by the process of the first step or by a descendant.
//! - **Threshold.** There is an alert when the observation and those at most `within` before it are `count`,
//!   or have that many different values. After an alert the key starts anew.
//! - **Throttle.** After an alert, further ones with the same values of `per` are folded for the time
//!   `every`; the next alert tells how many.
//! - **Order.** Observations count in the order in which they come. One that is older than the step before
//!   does not continue it.
//!
//! # Bounds
//!
//! Each rule has a budget of entries and bytes ([`Limits`]). Beyond it the keys that were used the longest
//! ago are forgotten, and each that could still have mattered is counted ([`RuleState::evicted`]).

mod draft;
mod engine;
mod item;
mod memory;
mod plan;
mod progress;
#[cfg(test)]
mod property_tests;
mod store;

pub use engine::{Correlator, Limits, RuleState};
pub use plan::{Earlier, StatefulAlert, StepId};
pub use progress::{Outline, Pattern, Progress, StepOutline};

pub(crate) use draft::{Draft, DraftStep, MAX_COUNT, Numbered, StepSource, drafted, field};
pub(crate) use item::{StatefulItem, read};
pub(crate) use plan::{KeyPart, Kind, Plans};
