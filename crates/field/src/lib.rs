//! What can be asked of an observation.
//!
//! Everything that selects, judges or prints observations (conditions, rules, columns, JSON keys,
//! queries, documentation) speaks in *fields*. This crate holds the vocabulary for that and knows
//! no observation itself:
//!
//! - [`Type`] and [`Value`]: what an answer can be.
//! - [`Field`] and [`Catalogue`]: the declared fields of one source of observations, their aliases
//!   and the well-known names that the source cannot answer.
//! - [`FalcoType`]: the types that Falco gives its fields, which are finer than ours.
//! - [`Shown`]: how texts for people show a field where that is not how its values are written.
//! - [`View`]: how a program asks one observation. Programs are generic over it and compiled for
//!   each view, so asking is a jump, not a dynamic call, and allocates nothing.
//!
//! # Contract
//!
//! - A [`FieldId`] is an index into [`Catalogue::fields`] of the view that it came from.
//! - A field yields any number of values; a field that is not [`Field::list`] yields at most one.
//! - What an absent answer means is declared per field by [`Absence`].

mod catalogue;
mod falco;
mod shown;
mod value;
mod view;

pub use catalogue::{
    Absence, Alias, Argument, Catalogue, Elsewhere, Field, Foreign, Keys, KindSet, Limits,
    Resolved, Role, Unresolved,
};
pub use falco::FalcoType;
pub use shown::Shown;
pub use value::{Fraction, Type, Value};
pub use view::{Arg, FieldId, View, first};
