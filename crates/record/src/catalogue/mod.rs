//! The fields of a joined record.
//!
//! Each field is declared once, in `sysflow` (the attributes of SysFlow, `sf.*`) or in `falco` (the names
//! of Falco that a record can answer): name, type, meaning, the kinds of record that carry it, and how it
//! is answered. [`CATALOGUE`] is all of them; [`Joined`] is their [`View`].
//!
//! SysFlow attributes that a record does not have are zero ("SysFlow policy dialect"), Falco's are missing
//! ("Falco rules language"). [`Joined::answer`] tells the two apart for output.

mod access;
mod capabilities;
#[macro_use]
mod declare;
mod falco;
mod falco_answers;
mod mounts;
mod names;
mod sysflow;

use std::ops::ControlFlow;

use sysflow_field::{Absence, Arg, Catalogue, Field, FieldId, Keys, Value, View};

pub use access::{Connection, Transfer};
pub use capabilities::with_names as with_capability_names;
pub use names::FOREIGN;

use crate::entity::Joined;
use crate::model::Kind;

const SYSFLOW_FIELDS: usize = sysflow::FIELDS.len();

/// All fields of records: SysFlow's, then Falco's.
const FIELDS: [Field; SYSFLOW_FIELDS + falco::FIELDS.len()] = {
    let mut fields = [declare::BASE; SYSFLOW_FIELDS + falco::FIELDS.len()];
    let mut index = 0;
    while index < fields.len() {
        fields[index] = if index < SYSFLOW_FIELDS {
            sysflow::FIELDS[index]
        } else {
            falco::FIELDS[index - SYSFLOW_FIELDS]
        };
        index += 1;
    }
    fields
};

/// The fields of records.
pub static CATALOGUE: Catalogue = Catalogue {
    source: "records",
    fields: &FIELDS,
    aliases: names::ALIASES,
    foreign: FOREIGN,
    elsewhere: None,
    kinds: &Kind::CODES,
    operations: names::OPERATIONS,
    other_operations: None,
    is_operation: None,
    default_prefix: "sf.",
    keys: Keys::ANY,
};

impl Joined<'_> {
    /// Calls `visit` with each value of a field until it breaks. A value that the record does not have is
    /// not visited, whatever the field's [`Absence`].
    pub fn answer(
        &self,
        field: FieldId,
        arg: &Arg,
        visit: impl FnMut(Value<'_>) -> ControlFlow<()>,
    ) {
        let mut emit = declare::Emit::new(visit);
        let index = usize::from(field.0);
        match index.checked_sub(SYSFLOW_FIELDS) {
            None => sysflow::answer(self, index, arg, &mut emit),
            Some(index) => falco::answer(self, index, arg, &mut emit),
        }
    }
}

impl View for Joined<'_> {
    fn catalogue() -> &'static Catalogue {
        &CATALOGUE
    }

    fn kind(&self) -> u32 {
        self.record.kind() as u32
    }

    fn operations(&self) -> u64 {
        u64::from(self.op_flags().bits())
    }

    fn visit(
        &self,
        field: FieldId,
        arg: &Arg,
        mut visit: impl FnMut(Value<'_>) -> ControlFlow<()>,
    ) {
        let declared = CATALOGUE.field(field);
        if declared.absence == Absence::Missing {
            return self.answer(field, arg, visit);
        }
        let mut answered = false;
        self.answer(field, arg, |value| {
            answered = true;
            visit(value)
        });
        if !answered {
            let _ = visit(declared.ty.zero());
        }
    }
}

#[cfg(test)]
mod tests;
