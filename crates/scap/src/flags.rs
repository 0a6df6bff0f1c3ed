//! Symbolic values of flags and enumerations.

use std::fmt;

/// A set of symbolic values, such as the flags of `open`.
///
/// The numbers are the capturing library's own and the same on every machine; they differ from the
/// kernel's.
#[derive(Debug, PartialEq, Eq)]
pub struct FlagSet {
    /// The name of the set.
    pub name: &'static str,
    /// Names and values, in the order in which they are shown.
    pub values: &'static [(&'static str, u32)],
}

impl FlagSet {
    /// The set with a name.
    pub fn find(name: &str) -> Option<&'static Self> {
        crate::table::flag_sets()
            .iter()
            .find(|set| set.name == name)
    }

    /// The value of a name.
    pub fn value_of(&self, name: &str) -> Option<u32> {
        self.values
            .iter()
            .find(|(candidate, _)| *candidate == name)
            .map(|&(_, value)| value)
    }

    /// The name of exactly this value.
    pub fn name_of(&self, value: u32) -> Option<&'static str> {
        self.values
            .iter()
            .find(|(_, candidate)| *candidate == value)
            .map(|&(name, _)| name)
    }

    /// The names that make up a value: the one of exactly this value, or those of its bits. Bits
    /// without a name are left out.
    pub fn names_in(&'static self, value: u32) -> FlagNames {
        FlagNames {
            set: self,
            position: 0,
            rest: value,
            exact: self.name_of(value),
        }
    }
}

/// The names that make up a value: see [`FlagSet::names_in`].
#[derive(Clone, Debug)]
pub struct FlagNames {
    set: &'static FlagSet,
    position: usize,
    rest: u32,
    exact: Option<&'static str>,
}

impl Iterator for FlagNames {
    type Item = &'static str;

    fn next(&mut self) -> Option<&'static str> {
        if let Some(name) = self.exact.take() {
            self.rest = 0;
            return Some(name);
        }
        while self.rest != 0 {
            let &(name, value) = self.set.values.get(self.position)?;
            self.position += 1;
            // A name that takes its bits away is not followed by names of parts of it.
            if value != 0 && self.rest & value == value {
                self.rest &= !value;
                return Some(name);
            }
        }
        None
    }
}

/// A value of flags, an enumeration or a file mode, with the names for it.
///
/// Shown as the names with `|` between them, or as the number where there is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags {
    /// The number.
    pub value: u32,
    /// The names of its bits or values.
    pub set: Option<&'static FlagSet>,
}

impl Flags {
    /// Whether every bit of `mask` is set.
    pub const fn contains(self, mask: u32) -> bool {
        self.value & mask == mask
    }

    /// The names that make up the value.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.set
            .into_iter()
            .flat_map(move |set| set.names_in(self.value))
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = self.names();
        let Some(first) = names.next() else {
            return write!(f, "{}", self.value);
        };
        f.write_str(first)?;
        names.try_for_each(|name| write!(f, "|{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(set: &str, value: u32) -> String {
        let set = FlagSet::find(set);
        assert!(set.is_some());
        Flags { value, set }.to_string()
    }

    #[test]
    fn values_are_the_librarys() {
        let open = FlagSet::find("file_flags").expect("a known set");
        for (name, value) in [
            ("O_RDWR", 3),
            ("O_CREAT", 4),
            ("O_DIRECTORY", 0x400),
            ("O_CLOEXEC", 0x1000),
            ("O_F_CREATED", 0x4000),
            ("FD_LOWER_LAYER", 0x10000),
        ] {
            assert_eq!(open.value_of(name), Some(value));
            assert_eq!(open.name_of(value), Some(name));
        }
        let clone = FlagSet::find("clone_flags").expect("a known set");
        assert_eq!(clone.value_of("CLONE_THREAD"), Some(0x2000));
        assert_eq!(clone.value_of("CLONE_NEWUSER"), Some(0x10_0000));
        assert_eq!(
            FlagSet::find("fcntl_commands").and_then(|set| set.value_of("F_DUPFD")),
            Some(1)
        );
        assert!(FlagSet::find("no such set").is_none());
    }

    #[test]
    fn names_of_bits() {
        assert_eq!(shown("file_flags", 0x1001), "O_RDONLY|O_CLOEXEC");
        assert_eq!(shown("file_flags", 3), "O_RDWR");
        assert_eq!(shown("file_flags", 0x107), "O_TRUNC|O_CREAT|O_RDWR");
        assert_eq!(shown("file_flags", 0), "O_NONE");
        assert_eq!(shown("mmap_flags", 0xa), "MAP_PRIVATE|MAP_ANONYMOUS");
        assert_eq!(shown("mmap_flags", 0), "0");
        assert_eq!(shown("mmap_flags", 0x8000_0002), "MAP_PRIVATE");
        assert_eq!(shown("mmap_flags", 0x8000_0000), "2147483648");
        assert_eq!(shown("access_flags", 0), "F_OK");
        assert_eq!(shown("socket_families", 10), "AF_INET6");
        assert_eq!(shown("prot_flags", 3), "PROT_READ|PROT_WRITE");
    }
}
