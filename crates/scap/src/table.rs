//! The table of event codes: what each one means and what parameters it has.
//!
//! The contents come from `tables/` at build time; see the heads of the files there.

use bitflags::bitflags;

use crate::flags::FlagSet;
use crate::parameter::{Choice, Format, ParameterInfo, ParameterType};
use crate::upgrade::{Source, Upgrade};

/// The number of an event code, which names one side of one operation in one shape.
///
/// There is one constant for each code, named by its label: `Code::SYSCALL_OPENAT_2_X`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

impl Code {
    /// What the code means, unless it is newer than the table.
    pub fn info(self) -> Option<&'static EventInfo> {
        EVENTS.get(usize::from(self.0))
    }

    /// The enter code of the pair that this code belongs to.
    #[must_use]
    pub const fn enter(self) -> Self {
        Self(self.0 & !1)
    }

    /// The exit code of the pair that this code belongs to.
    #[must_use]
    pub const fn exit(self) -> Self {
        Self(self.0 | 1)
    }
}

/// The name of a parameter, as a small number that is compared in place of the text.
///
/// There is one constant for each name, in capitals: `Name::FD`, `Name::CGROUPS`. The generic
/// system call events have a parameter `ID`, which is [`Name::SYSCALL_ID`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(u8);

impl Name {
    /// The name with this text, if any event has such a parameter.
    pub fn find(text: &str) -> Option<Self> {
        let index = NAMES.binary_search(&text).ok()?;
        Some(Self(index as u8))
    }

    /// The text of the name.
    pub fn text(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }
}

/// Which end of an operation an event stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The operation begins. Events without an end, such as the exit of a process, are so too.
    Enter,
    /// The operation has ended and its result is known.
    Exit,
}

/// Where events of a code come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A system call.
    Syscall,
    /// Another place in the kernel.
    Tracepoint,
    /// The capturing library itself.
    Meta,
    /// A plugin of the capturing program.
    Plugin,
    /// A walk over the tasks of the kernel at start.
    Iterator,
    /// The code is not used.
    None,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(
    missing_docs,
    reason = "the words are the format's own and say as much as is known"
)]
pub enum Category {
    Unknown,
    Other,
    File,
    Net,
    Ipc,
    Memory,
    Process,
    Sleep,
    System,
    Signal,
    User,
    Time,
    IoRead,
    IoWrite,
    IoOther,
    Wait,
    Scheduler,
    Internal,
}

impl Category {
    /// The word for the category. Falco shows reads, writes and other I/O under what their
    /// descriptor is (`file`, `net`), which takes someone who knows the descriptor.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Other => "other",
            Self::File => "file",
            Self::Net => "net",
            Self::Ipc => "ipc",
            Self::Memory => "memory",
            Self::Process => "process",
            Self::Sleep => "sleep",
            Self::System => "system",
            Self::Signal => "signal",
            Self::User => "user",
            Self::Time => "time",
            Self::IoRead => "io_read",
            Self::IoWrite => "io_write",
            Self::IoOther => "io_other",
            Self::Wait => "wait",
            Self::Scheduler => "scheduler",
            Self::Internal => "internal",
        }
    }
}

bitflags! {
    /// What events of a code do, as far as a replay needs to know.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct EventFlags: u16 {
        /// A descriptor comes into being.
        const CREATES_DESCRIPTOR = 1;
        /// A descriptor is closed.
        const DESTROYS_DESCRIPTOR = 1 << 1;
        /// The operation works on a descriptor.
        const USES_DESCRIPTOR = 1 << 2;
        /// Data are read from a descriptor.
        const READS = 1 << 3;
        /// Data are written to a descriptor.
        const WRITES = 1 << 4;
        /// The state of a process changes.
        const MODIFIES_STATE = 1 << 5;
        /// The thread waits for something.
        const WAITS = 1 << 6;
        /// The event says nothing about its thread, which is not to be looked up for it.
        const LEAVES_THREAD = 1 << 7;
        /// Lengths of parameters are 32 bits wide.
        const LARGE = 1 << 8;
        /// The code is found in old captures only.
        const OLD = 1 << 9;
        /// The code is not used.
        const UNUSED = 1 << 10;
        /// The code takes part in upgrades.
        const UPGRADED = 1 << 11;
    }
}

/// One event code.
#[derive(Debug)]
pub struct EventInfo {
    /// The code.
    pub code: Code,
    /// The label of the code: unlike the name, it is unique.
    pub label: &'static str,
    /// The name of the operation (`open`), shared by its sides and shapes; empty for unused codes.
    pub name: &'static str,
    /// Which end of the operation this is.
    pub direction: Direction,
    /// Where the event comes from.
    pub origin: Origin,
    /// What it is about.
    pub category: Category,
    /// What it does, where everything is told by the exit event.
    pub flags: EventFlags,
    /// What it does, where enter and exit event share the telling: the captures of library 0.17 and
    /// before.
    pub flags_two_event: EventFlags,
    /// Parameters in their order, as many as the newest writers know.
    pub parameters: &'static [ParameterInfo],
    /// Whether the lengths of parameters are stored in 32 bits rather than in 16.
    pub(crate) wide_lengths: bool,
    /// The names of the parameters once more, close together so that a search touches one line of
    /// the cache.
    pub(crate) names: &'static [u8],
    /// How events of this code with fewer parameters become the present form.
    pub(crate) upgrades: &'static [Upgrade],
}

impl EventInfo {
    /// The position of the parameter with a name.
    pub fn position(&self, name: Name) -> Option<usize> {
        self.names.iter().position(|&candidate| candidate == name.0)
    }

    /// Whether the code is in use.
    pub const fn is_used(&self) -> bool {
        !self.flags.contains(EventFlags::UNUSED)
    }
}

/// All event codes, in their order.
pub fn events() -> &'static [EventInfo] {
    &EVENTS
}

/// All sets of symbolic values, by name.
pub fn flag_sets() -> &'static [FlagSet] {
    &FLAG_SETS
}

include!(concat!(env!("OUT_DIR"), "/tables.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_complete_and_in_order() {
        assert_eq!(events().len(), 454);
        assert_eq!(flag_sets().len(), 55);
        for (index, info) in events().iter().enumerate() {
            assert_eq!(usize::from(info.code.0), index);
            assert_eq!(info.parameters.len(), info.names.len());
            assert_eq!(info.is_used(), !info.name.is_empty(), "{}", info.label);
            let enter = index % 2 == 0;
            assert_eq!(info.direction == Direction::Enter, enter, "{}", info.label);
            assert!(info.label.ends_with(if enter { "_E" } else { "_X" }));
        }
        assert!(Code(454).info().is_none());
    }

    /// Codes come in pairs of one operation; where one side is unused, the other stands alone.
    #[test]
    fn exits_have_an_enter() {
        let mut exits_alone = Vec::new();
        for pair in events().chunks(2) {
            let [enter, exit] = pair else {
                panic!("an odd number of codes")
            };
            let stem = |label: &'static str| label[..label.len() - 2].to_owned();
            assert_eq!(stem(enter.label), stem(exit.label));
            if enter.is_used() && exit.is_used() {
                assert_eq!(enter.name, exit.name);
                assert_eq!(enter.category, exit.category, "{}", enter.label);
            } else if exit.is_used() {
                exits_alone.push(exit.code);
            }
        }
        // Newer than the last enter events that anyone writes.
        assert_eq!(
            exits_alone,
            [Code::SYSCALL_CLOSE_RANGE_X, Code::SYSCALL_KEYCTL_X]
        );
    }

    #[test]
    fn large_codes() {
        let large: Vec<u16> = events()
            .iter()
            .filter(|info| info.wide_lengths)
            .map(|info| info.code.0)
            .collect();
        assert_eq!(large, [322, 324, 402]);
    }

    #[test]
    fn spot_facts() {
        let text = |code: u16| -> String {
            let info = Code(code).info().expect("a known code");
            let names: Vec<&str> = info.parameters.iter().map(|p| p.name.text()).collect();
            format!("{} {}", info.name, names.join(" "))
        };
        assert_eq!(text(307), "openat fd dirfd name flags mode dev ino");
        assert_eq!(text(23), "connect res tuple fd addr");
        assert_eq!(text(186), "procexit status ret sig core reaper_tid");
        assert_eq!(text(249), "accept fd tuple queuepct queuelen queuemax");
        assert_eq!(text(453), "keyctl res operation arg2 arg3 arg4 arg5");
        assert_eq!(text(0), "syscall ID nativeID");
        assert_eq!(Code::SYSCALL_OPENAT_2_X, Code(307));
        assert_eq!(Code(307).enter(), Code::SYSCALL_OPENAT_2_E);
        assert_eq!(Code(306).exit(), Code::SYSCALL_OPENAT_2_X);

        let openat = Code(307).info().expect("a known code");
        assert_eq!(openat.parameters[2].ty, ParameterType::RelativePath);
        assert_eq!(openat.parameters[2].relative_to, Some(1));
        assert_eq!(
            openat.parameters[3].flag_set.map(|set| set.name),
            Some("file_flags")
        );
        assert_eq!(openat.position(Name::MODE), Some(4));
        assert_eq!(openat.position(Name::TUPLE), None);
        assert_eq!(openat.category, Category::File);
        assert!(
            openat
                .flags
                .contains(EventFlags::CREATES_DESCRIPTOR | EventFlags::MODIFIES_STATE)
        );

        let mmap = Code(160).info().expect("a known code");
        assert!(mmap.flags_two_event.contains(EventFlags::USES_DESCRIPTOR));
        assert_eq!(Code(293).info().map(|info| info.parameters.len()), Some(31));
        assert_eq!(Code(430).info().map(|info| info.parameters.len()), Some(32));
    }

    #[test]
    fn names_are_found_by_text_and_unique_in_an_event() {
        for info in events() {
            for (index, parameter) in info.parameters.iter().enumerate() {
                assert_eq!(Name::find(parameter.name.text()), Some(parameter.name));
                assert_eq!(info.position(parameter.name), Some(index), "{}", info.label);
            }
        }
        assert_eq!(Name::find("no such parameter"), None);
        assert_ne!(Name::ID, Name::SYSCALL_ID);
    }

    /// Flags and enumerations can be named, relative paths lead to a descriptor.
    #[test]
    fn parameters_have_what_their_type_needs() {
        use ParameterType as T;
        let mut unnamed = Vec::new();
        for info in events() {
            for parameter in info.parameters {
                let symbolic = matches!(
                    parameter.ty,
                    T::Flags8
                        | T::Flags16
                        | T::Flags32
                        | T::Enum8
                        | T::Enum16
                        | T::Enum32
                        | T::Mode
                );
                if symbolic && parameter.flag_set.is_none() {
                    unnamed.push((info.code, parameter.name.text()));
                }
                assert_eq!(parameter.ty == T::Dynamic, parameter.choice.is_some());
                assert_eq!(
                    parameter.ty == T::RelativePath,
                    parameter.relative_to.is_some()
                );
                if let Some(index) = parameter.relative_to {
                    assert_eq!(info.parameters[usize::from(index)].ty, T::Descriptor);
                }
            }
        }
        assert_eq!(unnamed, []);
    }
}
