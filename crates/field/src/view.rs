//! How a program asks one observation.

use std::ops::ControlFlow;

use crate::{Catalogue, Value};

/// A field of a [`Catalogue`]: the index into its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(pub u16);

/// The argument given to a field, as in `proc.aname[2]` or `proc.env[PATH]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Arg {
    /// No argument.
    #[default]
    None,
    /// A position, from 0.
    Index(u32),
    /// A name, or a path into a JSON document.
    Key(Box<str>),
}

/// One observation that can be asked for fields.
pub trait View {
    /// The fields that views of this type answer.
    fn catalogue() -> &'static Catalogue;

    /// The kind of this observation: an index into [`Catalogue::kinds`].
    fn kind(&self) -> u32;

    /// The operations that this observation stands for, as bits of [`Catalogue::operations`].
    fn operations(&self) -> u64;

    /// Calls `visit` with each value of a field until it breaks.
    ///
    /// Fields that are [`Absence::Zero`](crate::Absence::Zero) and not lists yield exactly one value.
    fn visit(&self, field: FieldId, arg: &Arg, visit: impl FnMut(Value<'_>) -> ControlFlow<()>);
}

/// Calls `use_value` with the first value of a field, or with `None` where it has none.
pub fn first<V: View, R>(
    view: &V,
    field: FieldId,
    arg: &Arg,
    use_value: impl FnOnce(Option<Value<'_>>) -> R,
) -> R {
    let mut use_value = Some(use_value);
    let mut result = None;
    view.visit(field, arg, |value| {
        if let Some(use_value) = use_value.take() {
            result = Some(use_value(Some(value)));
        }
        ControlFlow::Break(())
    });
    match (result, use_value) {
        (Some(result), _) => result,
        (None, Some(use_value)) => use_value(None),
        (None, None) => unreachable!("the closure leaves a result whenever it is taken"),
    }
}
