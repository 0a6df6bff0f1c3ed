//! Conditions and rules: one typed program for every rule language, evaluated over any
//! [`View`](sysflow_field::View).
//!
//! # Contract
//!
//! - The crate knows fields and values, and no record, event or sink.
//! - [`RuleSet::load`] takes the text of rule files of any [`Dialect`] and never fails as a whole:
//!   an item with an error is left out, and every problem is a [`Diagnostic`] with its place in the
//!   file. A name that is no field is an error, never silently a text.
//! - An [`Evaluator`] asks one observation. It allocates nothing but the working memory that it keeps
//!   (and, in JSON documents, texts with escapes in them), makes no dynamic call, and answers each part
//!   that several rules share at most once per observation.
//! - Whatever a file holds, loading it ends in bounded time, memory and stack.
//! - Rules over several observations ([`stateful`]) are steps to an [`Evaluator`]; a
//!   [`Correlator`](stateful::Correlator) remembers these, within bounds.
//!
//! # What a check means
//!
//! A check is true if *any* value of the field passes; of a field whose values are
//! [one whole](sysflow_field::Limits::whole_list), `in` asks for all. Texts are never cut at commas. Fields that have
//! no value fail every check; whether an absent answer is "no value" or a zero value is declared by the
//! field ([`Absence`](sysflow_field::Absence)). Sigma has its own reading of
//! values: see [`sigma`]. The other dialects differ in few places:
//!
//! | | SysFlow policy dialect | Falco rules language |
//! |---|---|---|
//! | `a != b` | no value is equal | there is a value, and none is equal |
//! | `a pmatch (…)` | contains one of the texts | lies at or below one of the paths |
//! | field on the right side | by its name | in `val(…)` |
//! | `contains` and kin on numbers | on their text | an error |
//! | truth values | `true`, `false` in any case, 0, 1 | `true`, `false`, 0, 1 |
//! | the name of a list | its values, in `in` and `pmatch` | its items, letter by letter, wherever it stands |
//! | names of types of events | a warning where they are unknown | an error |
//!
//! # What a name means
//!
//! Macros and lists may be used before they are defined, and across files. Where several files define one
//! name, the dialect of the file that *uses* it decides:
//!
//! - Falco: the last definition counts, for rules of earlier files too; `append: true` and `override` add
//!   to it. Lists are opened one within another only once, unless the inner one is defined later, as in
//!   Falco; a name that stays closed is pointed out.
//! - SysFlow: what later files define changes nothing in a file. A name is the last definition of the file
//!   itself, also if it stands behind the use, else that of the latest file before it. Only a name that
//!   neither defines is looked for in later files, where the first one counts (the original took it for
//!   false).
//!
//! Names within a macro or a list are looked up from where it is defined, not from where it is used.
//!
//! # What Falco would say
//!
//! Falco refuses a file because of one error; here its item is left out. Some things that Falco refuses are
//! taken here: macros that are defined later, truth values as 0 and 1, addresses without a mask, values of
//! more than 255 bytes, durations with units, Perl's regular expressions, order between texts. Each problem,
//! and each such thing (as a [hint](Diagnostics::hints)), bears [Falco's code](FalcoCode), and
//! [`Diagnostics::falco_result`] tells what Falco would make of the files. The other way round, a port beyond
//! 65535 is an error here and is cut by Falco, and `fd.net in (…)` looks at all networks here and at the
//! first only there.
//!
//! # The way through the crate
//!
//! ```text
//! files ─ document ─► items, falco_items ─ lexer, parser ─► ast ─ compile, check, fit ─► program ─► eval
//!                       └─► definitions: lists ─ splice, ────┘     ├─ made ─ transform ──┤      └ explain
//!                           macros, exceptions                     └─ predicate ─ test ──┘
//! ```

mod alerts;
mod analysis;
mod ast;
mod bits;
mod check;
mod compile;
#[cfg(test)]
mod data_tests;
mod definitions;
mod diagnostic;
mod document;
mod eval;
#[cfg(test)]
mod eval_tests;
mod exceptions;
mod explain;
mod falco;
mod falco_items;
#[cfg(test)]
mod falco_tests;
mod fit;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod index;
mod items;
mod json;
mod lexer;
mod lists;
mod literal;
mod loader;
#[cfg(test)]
mod loader_tests;
mod lookup;
mod macros;
mod made;
#[cfg(test)]
mod message_tests;
mod names;
mod pair;
mod parser;
mod pattern;
mod predicate;
mod priority;
mod program;
#[cfg(test)]
mod property_tests;
#[cfg(any(test, feature = "fuzzing"))]
mod reference;
mod remarks;
mod requirements;
mod ruleset;
mod sieve;
pub mod sigma;
mod source;
mod splice;
pub mod stateful;
mod template;
mod test;
#[cfg(any(test, feature = "fuzzing"))]
mod toy;
mod transform;
mod types;

pub use diagnostic::{Code, Diagnostic, Diagnostics, Label, Severity};
pub use eval::{Evaluator, Outcome};
pub use explain::{Explanation, Found, Part};
pub use falco::{ENGINE_VERSION, FalcoCode, FalcoResult};
pub use priority::Priority;
pub use ruleset::{
    AppendOutput, Capture, Condition, Counts, ExtraField, ExtraOption, ExtraValue, FailedRule,
    LoadOptions, Matching, Rule, RuleId, RuleSet, Selection, Selector,
};
pub use source::{Position, SourceFile, Span};
pub use template::{Template, TemplateField};

/// A rule language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// The rules language of Falco: YAML.
    Falco,
    /// The policy dialect of the original SysFlow processor: almost YAML.
    SysFlow,
    /// Sigma rules: YAML, a document for each.
    Sigma,
}
