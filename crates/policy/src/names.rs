//! Which of several definitions a name stands for.
//!
//! To Falco the last definition counts, everywhere. In the SysFlow policy dialect a file has the meaning
//! that it had when it was loaded: a name is the last definition of its own file, else that of the latest
//! file before it. Only if there is none does the first file after it help out.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::Dialect;
use crate::source::Span;

/// From where a name is looked up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) file: u32,
    pub(crate) dialect: Dialect,
}

impl Place {
    pub(crate) const fn new(span: Span, dialect: Dialect) -> Self {
        Self {
            file: span.file,
            dialect,
        }
    }
}

/// Definitions of one kind by name, all that some file may see.
#[derive(Debug)]
pub(crate) struct Named<T> {
    entries: Vec<Entry<T>>,
    /// For each name, its definitions in the order of their files, at most one of each file.
    by_name: HashMap<String, Vec<usize>, RandomState>,
}

#[derive(Debug)]
struct Entry<T> {
    place: Place,
    definition: T,
    /// Whether a later file defines the name anew.
    replaced: bool,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            by_name: HashMap::default(),
        }
    }
}

impl<T> Named<T> {
    /// Adds a definition. The files come in order. Gives back a definition of the same file, which nobody
    /// sees any longer.
    pub(crate) fn define(&mut self, name: &str, place: Place, definition: T) -> Option<T> {
        let new = self.entries.len();
        let known = self.by_name.entry(name.to_owned()).or_default();
        if let Some(last) = known.last().map(|index| &mut self.entries[*index]) {
            if last.place.file == place.file {
                return Some(std::mem::replace(&mut last.definition, definition));
            }
            last.replaced = true;
        }
        known.push(new);
        self.entries.push(Entry {
            place,
            definition,
            replaced: false,
        });
        None
    }

    /// The last definition, to be added to.
    pub(crate) fn last_mut(&mut self, name: &str) -> Option<&mut T> {
        let index = *self.by_name.get(name)?.last()?;
        Some(&mut self.entries[index].definition)
    }

    /// The index of the definition that a name stands for at a place.
    pub(crate) fn find(&self, name: &str, place: Place) -> Option<usize> {
        let known = self.by_name.get(name)?;
        let seen = match place.dialect {
            Dialect::Falco | Dialect::Sigma => known.len(),
            Dialect::SysFlow => {
                known.partition_point(|index| self.entries[*index].place.file <= place.file)
            }
        };
        known.get(seen.saturating_sub(1)).copied()
    }

    pub(crate) fn get(&self, index: usize) -> &T {
        &self.entries[index].definition
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> &mut T {
        &mut self.entries[index].definition
    }

    /// Where names within a definition are looked up.
    pub(crate) fn place(&self, index: usize) -> Place {
        self.entries[index].place
    }

    /// Whether any file defines the name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// The definitions that count even if nothing uses them. Those of Falco's that a later file replaces
    /// do not: to be replaced is what they are for.
    pub(crate) fn standing(&self) -> Vec<usize> {
        let stands = |entry: &Entry<T>| !entry.replaced || entry.place.dialect == Dialect::SysFlow;
        let entries = self.entries.iter().enumerate();
        entries
            .filter(|(_, entry)| stands(entry))
            .map(|(index, _)| index)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn place(file: u32, dialect: Dialect) -> Place {
        Place { file, dialect }
    }

    #[test]
    fn each_file_sees_its_own_or_the_nearest_before() {
        let mut named = Named::default();
        for (file, definition) in [(1, "first"), (3, "hidden"), (3, "second")] {
            named.define("x", place(file, Dialect::SysFlow), definition);
        }
        let seen: Vec<&str> = (0..5)
            .map(|file| {
                let index = named.find("x", place(file, Dialect::SysFlow));
                *named.get(index.unwrap())
            })
            .collect();
        assert_eq!(seen, ["first", "first", "first", "second", "second"]);
        let last = named.find("x", place(0, Dialect::Falco)).unwrap();
        assert_eq!(*named.get(last), "second");
        assert_eq!(named.find("y", place(0, Dialect::Falco)), None);
    }

    #[test]
    fn what_falco_replaces_does_not_stand() {
        let mut named = Named::default();
        named.define("x", place(0, Dialect::Falco), 0);
        named.define("x", place(1, Dialect::SysFlow), 1);
        named.define("x", place(2, Dialect::Falco), 2);
        assert_eq!(named.standing(), [1, 2]);
    }
}
