//! All macros, by name.

use std::collections::HashMap;
use std::rc::Rc;

use foldhash::fast::RandomState;

use crate::Dialect;
use crate::compile::Compiled;
use crate::items::{MacroItem, Mode};
use crate::names::{Named, Place};
use crate::source::{MappedText, Span};

/// A macro and what has become of it.
pub(crate) struct MacroDefinition {
    pub(crate) condition: MappedText,
    pub(crate) name: String,
    pub(crate) name_span: Span,
    pub(crate) state: MacroState,
    /// When it was last defined or added to, among all macros.
    pub(crate) last: u32,
    pub(crate) is_used: bool,
}

#[derive(Clone)]
pub(crate) enum MacroState {
    Waiting,
    /// Being compiled.
    Open,
    Ready(Compiled),
    /// Unusable because of these problems.
    Failed(Rc<[usize]>),
}

/// All macros.
#[derive(Default)]
pub(crate) struct Macros {
    pub(crate) definitions: Named<MacroDefinition>,
    /// When each name first came, and in which file.
    pub(crate) first: HashMap<String, (u32, u32), RandomState>,
    count: u32,
}

impl Macros {
    /// Adds a macro; a later one of the same name replaces the earlier one, for the files that see it, or
    /// adds to it. Gives the place of one in the same file that is replaced.
    pub(crate) fn define(&mut self, item: MacroItem, dialect: Dialect) -> Option<Span> {
        let name = item.name.text;
        let number = self.count;
        self.count += 1;
        let first = (number, item.name.span.file);
        self.first.entry(name.clone()).or_insert(first);
        if item.mode == Mode::Append
            && let Some(known) = self.definitions.last_mut(&name)
        {
            known.condition.append(&item.condition);
            known.last = number;
            return None;
        }
        let place = Place::new(item.name.span, dialect);
        let definition = MacroDefinition {
            condition: item.condition,
            name: name.clone(),
            name_span: item.name.span,
            state: MacroState::Waiting,
            last: number,
            is_used: false,
        };
        let replaced = self.definitions.define(&name, place, definition);
        replaced.map(|replaced| replaced.name_span)
    }

    /// Whether any file defines such a macro.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.definitions.contains(name)
    }

    /// Where the macros stand that nothing uses, with their names.
    pub(crate) fn unused(&self) -> Vec<(String, Span)> {
        let standing = self.definitions.standing().into_iter();
        let definitions = standing.map(|index| self.definitions.get(index));
        definitions
            .filter(|definition| !definition.is_used)
            .map(|definition| (definition.name.clone(), definition.name_span))
            .collect()
    }
}
