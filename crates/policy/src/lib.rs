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
//! A check is true if *any* value of the field passes. Texts are never cut at commas. Fields that have
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
//! | the name of a list after `=` | a text, with a warning | its only item |
//!
//! # What a name means
//!
//! Macros and lists may be used before they are defined, and across files. Where several files define one
//! name, the dialect of the file that *uses* it decides:
//!
//! - Falco: the last definition counts, for rules of earlier files too; `append: true` adds to it.
//! - SysFlow: what later files define changes nothing in a file. A name is the last definition of the file
//!   itself, also if it stands behind the use, else that of the latest file before it. Only a name that
//!   neither defines is looked for in later files, where the first one counts (the original took it for
//!   false).
//!
//! Names within a macro or a list are looked up from where it is defined, not from where it is used.
//!
//! # The way through the crate
//!
//! ```text
//! files ─ document ─► items ─ lexer, parser ─► ast ─ compile, check, fit ─► program ─► eval
//!                       └─► names: lists, macros ────┘     └─ predicate ─ test ──┘
//! ```

mod ast;
mod check;
mod compile;
#[cfg(test)]
mod data_tests;
mod diagnostic;
mod document;
mod eval;
#[cfg(test)]
mod eval_tests;
mod fit;
mod index;
mod items;
mod json;
mod lexer;
mod lists;
mod literal;
mod loader;
#[cfg(test)]
mod loader_tests;
#[cfg(test)]
mod message_tests;
mod names;
mod parser;
mod pattern;
mod predicate;
mod priority;
mod program;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod reference;
mod ruleset;
pub mod sigma;
mod source;
pub mod stateful;
mod template;
mod test;
#[cfg(test)]
mod toy;

pub use diagnostic::{Code, Diagnostic, Diagnostics, Label, Severity};
pub use eval::{Evaluator, Outcome};
pub use priority::Priority;
pub use ruleset::{Condition, Counts, LoadOptions, Rule, RuleId, RuleSet};
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
