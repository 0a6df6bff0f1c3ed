//! The macro by which fields are declared.

use std::ops::ControlFlow;

use bstr::BStr;
use sysflow_field::{Absence, Argument, Field, KindSet, Limits, Role, Shown, Type, Value};

use crate::model::Kind;

/// What most fields are.
pub(super) const BASE: Field = Field {
    name: "",
    ty: Type::Text,
    list: false,
    argument: Argument::None,
    absence: Absence::Zero,
    role: Role::Plain,
    kinds: KindSet::ALL,
    domain: &[],
    shown: Shown::AsIs,
    limits: Limits::NONE,
    falco: None,
    doc: "",
};

const fn kinds(kinds: &[Kind]) -> KindSet {
    let mut set = KindSet::NONE;
    let mut index = 0;
    while index < kinds.len() {
        set = set.union(KindSet::of(kinds[index] as u32));
        index += 1;
    }
    set
}

/// Every record.
pub(super) const ANY: KindSet = KindSet::ALL;
/// Records of a process.
pub(super) const PROCESS: KindSet = kinds(&[
    Kind::Process,
    Kind::ProcessEvent,
    Kind::NetworkFlow,
    Kind::FileFlow,
    Kind::FileEvent,
    Kind::NetworkEvent,
    Kind::ProcessFlow,
    Kind::Loss,
]);
/// Records with operations.
pub(super) const OPERATION: KindSet = kinds(&[
    Kind::ProcessEvent,
    Kind::NetworkFlow,
    Kind::FileFlow,
    Kind::FileEvent,
    Kind::NetworkEvent,
    Kind::ProcessFlow,
]);
/// Records with a result.
pub(super) const RESULT: KindSet = kinds(&[
    Kind::ProcessEvent,
    Kind::FileEvent,
    Kind::NetworkEvent,
    Kind::NetworkFlow,
    Kind::FileFlow,
]);
/// Records that span some time.
pub(super) const SPAN: KindSet = kinds(&[
    Kind::NetworkFlow,
    Kind::FileFlow,
    Kind::ProcessFlow,
    Kind::K8sEvent,
    Kind::Loss,
]);
/// Records of a file.
pub(super) const FILE: KindSet = kinds(&[Kind::FileFlow, Kind::FileEvent, Kind::File]);
/// What is done to files.
pub(super) const FILE_OPERATION: KindSet = kinds(&[Kind::FileFlow, Kind::FileEvent]);
/// File events.
pub(super) const FILE_EVENT: KindSet = kinds(&[Kind::FileEvent]);
/// File flows.
pub(super) const FILE_FLOW: KindSet = kinds(&[Kind::FileFlow]);
/// Process events.
pub(super) const PROCESS_EVENT: KindSet = kinds(&[Kind::ProcessEvent]);
/// File and network flows.
pub(super) const FLOW: KindSet = kinds(&[Kind::FileFlow, Kind::NetworkFlow]);
/// Records of a connection.
pub(super) const NETWORK: KindSet = kinds(&[Kind::NetworkFlow, Kind::NetworkEvent]);
/// Process flows.
pub(super) const PROCESS_FLOW: KindSet = kinds(&[Kind::ProcessFlow]);
/// Kubernetes events.
pub(super) const K8S_EVENT: KindSet = kinds(&[Kind::K8sEvent]);
/// Losses.
pub(super) const LOSS: KindSet = kinds(&[Kind::Loss]);
/// Entities with a state.
pub(super) const STATE: KindSet = PROCESS.union(FILE);

/// Hands values to a visitor and remembers whether it has had enough.
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

    /// Hands over texts until the visitor has had enough.
    pub(super) fn texts(&mut self, texts: impl IntoIterator<Item: AsRef<[u8]>>) {
        let _ = texts
            .into_iter()
            .any(|text| self.value(Value::Text(text.as_ref())));
    }
}

/// Text as a value.
pub(super) fn text(text: &BStr) -> Value<'_> {
    Value::Text(text)
}

/// Declares fields:
/// `IDENT = "name": Type [{ field attributes }], KINDS, "doc" => scalar |record, arg| Option<Value>;` or
/// `… => each |record, arg, emit| { … };`
macro_rules! fields {
    (
        absence $absence:ident;
        $(
            $id:ident = $name:literal : $type:ident $({ $($attribute:ident : $setting:expr),* })?,
            $kinds:expr, $doc:literal => $form:ident |$($parameter:pat_param),*| $body:expr;
        )*
    ) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Index { $( $id, )* }

        /// The fields, in the order of their answers.
        pub(super) const FIELDS: &[sysflow_field::Field] = &[ $(
            sysflow_field::Field {
                name: $name,
                ty: sysflow_field::Type::$type,
                kinds: $kinds,
                absence: sysflow_field::Absence::$absence,
                doc: $doc,
                $($($attribute: $setting,)*)?
                ..super::declare::BASE
            },
        )* ];

        /// Hands the values of the field at `index` over.
        pub(super) fn answer<F>(
            joined: &crate::entity::Joined<'_>,
            index: usize,
            arg: &sysflow_field::Arg,
            emit: &mut super::declare::Emit<F>,
        ) where
            F: FnMut(sysflow_field::Value<'_>) -> std::ops::ControlFlow<()>,
        {
            $( const $id: usize = Index::$id as usize; )*
            match index {
                $( $id => fields!(@$form joined, arg, emit, |$($parameter),*| $body), )*
                _ => {}
            }
        }
    };
    (@scalar $joined:ident, $arg:ident, $emit:ident, |$j:pat_param| $body:expr) => {{
        // The closure gives `?` somewhere to return to.
        let $j = $joined;
        #[allow(clippy::redundant_closure_call)]
        let answer = (|| -> Option<sysflow_field::Value<'_>> { $body })();
        if let Some(value) = answer {
            $emit.value(value);
        }
    }};
    (@each $joined:ident, $arg:ident, $emit:ident, |$j:pat_param, $a:pat_param, $e:pat_param| $body:expr) => {{
        let ($j, $a, $e) = ($joined, $arg, $emit);
        $body
    }};
}
