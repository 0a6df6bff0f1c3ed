//! The macro by which fields of events are declared.

use std::ops::ControlFlow;

use sysflow_field::{Absence, Argument, Field, KindSet, Limits, Role, Shown, Type, Value};

use super::buffer::with_buffer;

/// What most fields are.
pub(super) const BASE: Field = Field {
    name: "",
    ty: Type::Text,
    list: false,
    argument: Argument::None,
    absence: Absence::Missing,
    role: Role::Plain,
    kinds: KindSet::ALL,
    domain: &[],
    shown: Shown::AsIs,
    limits: Limits::NONE,
    falco: None,
    doc: "",
};

/// Hands values to a visitor until it has had enough.
pub(super) struct Emit<F> {
    visit: F,
    enough: bool,
}

impl<F: FnMut(Value<'_>) -> ControlFlow<()>> Emit<F> {
    pub(super) const fn new(visit: F) -> Self {
        Self {
            visit,
            enough: false,
        }
    }

    /// Hands over a value; returns whether the visitor has had enough.
    pub(super) fn value(&mut self, value: Value<'_>) -> bool {
        if !self.enough {
            self.enough = (self.visit)(value).is_break();
        }
        self.enough
    }

    /// Hands over a text that `write` puts together, if it does.
    pub(super) fn text(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Option<()>) -> bool {
        with_buffer(|text| {
            if write(text).is_some() {
                self.value(Value::Text(text));
            }
        });
        self.enough
    }
}

/// Declares fields: `"name": Type [{ attributes }], "doc" =>` and how they are answered: `value |view|
/// Option<Value>;`, `text |view, out| Option<()>;`, `each |view, arg, emit| { … };` or `never;` for what Falco
/// names, but has no value for
macro_rules! event_fields {
    ($(
        $id:ident = $name:literal : $type:ident $({ $($attribute:ident : $setting:expr),* })?, $doc:literal
        => $form:ident |$($parameter:pat_param),*| $body:expr;
    )*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Index { $( $id, )* }

        /// The fields, in the order of their answers.
        pub(super) const FIELDS: &[sysflow_field::Field] = &[ $(
            sysflow_field::Field {
                name: $name,
                ty: sysflow_field::Type::$type,
                doc: $doc,
                $($($attribute: $setting,)*)?
                ..super::declare::BASE
            },
        )* ];

        /// Hands the values of the field at `index` over.
        pub(super) fn answer<F>(
            view: &super::EventView<'_>,
            index: usize,
            arg: &sysflow_field::Arg,
            emit: &mut super::declare::Emit<F>,
        ) where
            F: FnMut(sysflow_field::Value<'_>) -> std::ops::ControlFlow<()>,
        {
            $( const $id: usize = Index::$id as usize; )*
            let _ = arg;
            match index {
                $( $id => event_fields!(@$form view, arg, emit, |$($parameter),*| $body), )*
                _ => {}
            }
        }
    };
    (@value $view:ident, $arg:ident, $emit:ident, |$v:pat_param| $body:expr) => {{
        let $v = $view;
        // The closure gives `?` somewhere to return to.
        #[allow(clippy::redundant_closure_call)]
        let answer = (|| -> Option<sysflow_field::Value<'_>> { $body })();
        if let Some(value) = answer {
            $emit.value(value);
        }
    }};
    (@text $view:ident, $arg:ident, $emit:ident, |$v:pat_param, $o:pat_param| $body:expr) => {{
        let $v = $view;
        $emit.text(|$o| -> Option<()> { $body });
    }};
    (@never $view:ident, $arg:ident, $emit:ident, |$v:pat_param| $body:expr) => {
        $body
    };
    (@each $view:ident, $arg:ident, $emit:ident, |$v:pat_param, $a:pat_param, $e:pat_param| $body:expr) => {{
        let ($v, $a, $e) = ($view, $arg, $emit);
        $body
    }};
}
