//! Brings events of older writers to the present form.
//!
//! Writers only ever appended parameters to a code; where that was not enough, a new code was made.
//! And old writers told the arguments of an operation in its enter event, new ones in its exit
//! event. The build script follows both kinds of steps to their end, so that here one lookup tells
//! where each parameter of the present form comes from. Nothing is copied.

use crate::argument::Arguments;
use crate::event::Event;
use crate::table::{Code, EventInfo};

/// Where an upgraded event takes a parameter from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// From this parameter of its own.
    Own(u8),
    /// From this dynamic parameter of its own, without the selector.
    OwnSelected(u8),
    /// From this parameter of the enter event. Other readers take zero where there is no enter event.
    Enter(u8),
    /// From this parameter of the enter event.
    EnterIfThere(u8),
    /// Its writers had none of it: zero, or empty.
    Default,
    /// Nobody knows it.
    Absent,
}

/// How an event with a certain number of parameters becomes the present form.
#[derive(Debug)]
pub(crate) struct Upgrade {
    /// The number of parameters that it has.
    pub(crate) count: u8,
    /// The code that it gets.
    pub(crate) code: Code,
    /// Where the parameters of that code come from.
    pub(crate) sources: &'static [Source],
}

/// An event in the present form, whatever it is stored as.
#[derive(Clone, Copy, Debug)]
pub struct Upgraded<'a> {
    info: &'static EventInfo,
    event: Event<'a>,
    enter: Option<Event<'a>>,
    /// Empty where the event is stored in the present form, or in one that nothing is known about.
    sources: &'static [Source],
}

impl<'a> Event<'a> {
    /// The event in the present form, with the arguments that old writers put into the enter event
    /// taken from there.
    ///
    /// The enter event counts only if it is the one of this event: of the same thread and the same
    /// pair of codes. (A successful `execveat` ends as an `execve`: its enter event does not count.)
    /// Without it, what it would tell is absent, never a default. Absent is as well what the writer
    /// did not know.
    ///
    /// The container event of four texts (228) stays as it is: its present form is a JSON text.
    pub fn upgraded(&self, enter: Option<&Event<'a>>) -> Upgraded<'a> {
        let info = self.info();
        let count = self.stored_parameters();
        let Some(upgrade) = info
            .upgrades
            .iter()
            .find(|step| usize::from(step.count) == count)
        else {
            return Upgraded {
                info,
                event: *self,
                enter: None,
                sources: &[],
            };
        };
        let belongs = |enter: &&Event<'a>| {
            self.is_exit() && enter.code() == self.code().enter() && enter.tid() == self.tid()
        };
        Upgraded {
            info: upgrade.code.info().unwrap_or(info),
            event: *self,
            enter: enter.filter(belongs).copied(),
            sources: upgrade.sources,
        }
    }
}

impl<'a> Upgraded<'a> {
    /// The code of the present form.
    pub const fn code(&self) -> Code {
        self.info.code
    }

    /// The event as stored.
    pub const fn stored(&self) -> &Event<'a> {
        &self.event
    }

    /// How many of the parameters the event has: writers stop where they know no more.
    pub fn told(&self) -> usize {
        if self.sources.is_empty() {
            self.event.stored_parameters()
        } else {
            self.sources.len()
        }
    }

    /// Whether a parameter is one of which the writer had nothing, or one that the missing enter event would
    /// tell. Other readers take it for zero.
    pub fn is_default(&self, index: usize) -> bool {
        match self.sources.get(index) {
            Some(Source::Default) => true,
            Some(Source::Enter(other)) => self
                .enter
                .is_none_or(|enter| enter.bytes(usize::from(*other)).is_none()),
            _ => false,
        }
    }

    /// Whether the event is stored in an older form.
    pub const fn is_changed(&self) -> bool {
        !self.sources.is_empty()
    }
}

impl<'a> Arguments<'a> for Upgraded<'a> {
    fn info(&self) -> &'static EventInfo {
        self.info
    }

    fn bytes(&self, index: usize) -> Option<&'a [u8]> {
        if self.sources.is_empty() {
            return self.event.bytes(index);
        }
        match *self.sources.get(index)? {
            Source::Own(own) => self.event.bytes(usize::from(own)),
            Source::OwnSelected(own) => self.event.bytes(usize::from(own))?.get(1..),
            Source::Enter(other) | Source::EnterIfThere(other) => {
                self.enter?.bytes(usize::from(other))
            }
            Source::Default | Source::Absent => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Layout, Shape};
    use crate::parameter::ParameterType;
    use crate::table::{Name, events};
    use crate::testing::EventBytes;

    fn event(body: &[u8]) -> Event<'_> {
        let layout = Layout {
            counted: true,
            flagged: false,
        };
        let shape = Shape::measure(body, layout)
            .expect("a sound event")
            .expect("a known code");
        Event::new(body, &shape)
    }

    #[test]
    fn arguments_come_from_the_enter_event() {
        let enter = EventBytes::new(Code::SYSCALL_WRITE_E, 1, 7)
            .parameter(&3_i64.to_le_bytes())
            .parameter(&99_u32.to_le_bytes())
            .body();
        let exit = EventBytes::new(Code::SYSCALL_WRITE_X, 2, 7)
            .parameter(&5_i64.to_le_bytes())
            .parameter(b"hello")
            .body();
        let (enter, exit) = (event(&enter), event(&exit));
        let whole = exit.upgraded(Some(&enter));
        assert!(whole.is_changed());
        assert_eq!(whole.code(), Code::SYSCALL_WRITE_X);
        assert_eq!(whole.named(Name::RES).and_then(|res| res.i64()), Some(5));
        assert_eq!(whole.named(Name::FD).and_then(|fd| fd.i64()), Some(3));
        assert_eq!(
            whole.named(Name::SIZE).and_then(|size| size.u32()),
            Some(99)
        );

        // Without its enter event the descriptor is not known, and is no number either.
        assert!(exit.upgraded(None).named(Name::FD).is_none());
        assert!(exit.upgraded(None).is_default(2) && !whole.is_default(2));
        assert_eq!(
            (exit.upgraded(None).told(), enter.upgraded(None).told()),
            (4, 2)
        );
        assert!(exit.upgraded(Some(&exit)).named(Name::FD).is_none());
        let stranger = EventBytes::new(Code::SYSCALL_WRITE_E, 1, 8)
            .parameter(&3_i64.to_le_bytes())
            .parameter(&99_u32.to_le_bytes())
            .body();
        assert!(
            exit.upgraded(Some(&event(&stranger)))
                .named(Name::FD)
                .is_none()
        );
    }

    #[test]
    fn old_codes_become_the_newest() {
        let mut bytes = EventBytes::new(Code::SYSCALL_EXECVE_8_X, 1, 7);
        for value in [
            &0_i64.to_le_bytes()[..],
            b"sh\0",
            b"-c\0",
            b"7",
            b"7",
            b"1",
            b"/\0",
            b"9",
        ] {
            bytes = bytes.parameter(value);
        }
        let body = bytes.body();
        let newest = event(&body).upgraded(None);
        assert_eq!(newest.code(), Code::SYSCALL_EXECVE_19_X);
        assert_eq!(
            newest.named(Name::EXE).and_then(|exe| exe.text()),
            Some(&b"sh"[..])
        );
        assert_eq!(
            newest.named(Name::CWD).and_then(|cwd| cwd.text()),
            Some(&b"/"[..])
        );
        assert!(newest.named(Name::ENV).is_none());
        assert!(newest.named(Name::COMM).is_none());
        assert_eq!(newest.arguments().count(), 8);
    }

    /// `clone_17` had the flags where `clone_20` has the control groups.
    #[test]
    fn parameters_move_with_a_change_of_code() {
        let mut bytes = EventBytes::new(Code::SYSCALL_CLONE_17_X, 1, 7);
        for index in 0..17_u32 {
            bytes = bytes.parameter(&index.to_le_bytes());
        }
        let body = bytes.body();
        let newest = event(&body).upgraded(None);
        assert_eq!(newest.code(), Code::SYSCALL_CLONE_20_X);
        assert!(newest.named(Name::CGROUPS).is_none());
        let number = |name| newest.named(name).and_then(|argument| argument.u32());
        assert_eq!(number(Name::FLAGS), Some(14));
        assert_eq!(number(Name::UID), Some(15));
        assert_eq!(number(Name::GID), Some(16));
        assert!(newest.named(Name::VTID).is_none());
    }

    #[test]
    fn old_paths_move_from_enter_to_exit() {
        let enter = EventBytes::new(Code::SYSCALL_UNLINK_E, 1, 7)
            .parameter(b"/tmp/x\0")
            .body();
        let exit = EventBytes::new(Code::SYSCALL_UNLINK_X, 2, 7)
            .parameter(&[0; 8])
            .body();
        let (enter, exit) = (event(&enter), event(&exit));
        let newest = exit.upgraded(Some(&enter));
        assert_eq!(newest.code(), Code::SYSCALL_UNLINK_2_X);
        assert_eq!(
            newest.named(Name::PATH).and_then(|path| path.text()),
            Some(&b"/tmp/x"[..])
        );
    }

    #[test]
    fn selectors_are_left_behind() {
        let mut value = vec![0];
        value.extend(11_i64.to_le_bytes());
        let body = EventBytes::new(Code::SYSCALL_BPF_X, 1, 7)
            .parameter(&value)
            .body();
        let newest = event(&body).upgraded(None);
        assert_eq!(newest.code(), Code::SYSCALL_BPF_2_X);
        assert_eq!(newest.i64(0), Some(11));
    }

    #[test]
    fn present_forms_stay_as_they_are() {
        let body = EventBytes::new(Code::SYSCALL_CLOSE_X, 1, 7)
            .parameter(&[0; 8])
            .parameter(&4_i64.to_le_bytes())
            .body();
        let same = event(&body).upgraded(None);
        assert!(!same.is_changed());
        assert_eq!(same.i64(1), Some(4));
        assert_eq!(same.code(), same.stored().code());
    }

    /// Every chain ends at a form that has no further step, with each parameter accounted for.
    #[test]
    fn chains_end_at_whole_events_of_fitting_types() {
        let mut upgrades = 0;
        for info in events() {
            for upgrade in info.upgrades {
                upgrades += 1;
                let present = upgrade.code.info().expect("a known code");
                let short = present.parameters.len() - upgrade.sources.len();
                // The oldest ioctl had no argument besides its request.
                let is_ioctl = info.code == Code::SYSCALL_IOCTL_2_X;
                assert_eq!(short, usize::from(is_ioctl), "{}", info.label);
                assert!(
                    present
                        .upgrades
                        .iter()
                        .all(|next| usize::from(next.count) != present.parameters.len())
                );
                let names = (info.name, present.name);
                assert!(
                    names.0 == names.1 || names == ("accept", "accept4"),
                    "{names:?}"
                );
                let enter = info.code.enter().info().expect("a known code");
                for (target, source) in present.parameters.iter().zip(upgrade.sources) {
                    let from = match *source {
                        Source::Own(index) => &info.parameters[usize::from(index)],
                        Source::Enter(index) | Source::EnterIfThere(index) => {
                            match enter.parameters.get(usize::from(index)) {
                                Some(parameter) => parameter,
                                None => continue,
                            }
                        }
                        Source::OwnSelected(_) | Source::Default | Source::Absent => continue,
                    };
                    let is_text = |ty: ParameterType| ty.is_text() || ty == ParameterType::Bytes;
                    let fits = from.ty == target.ty
                        || is_text(from.ty) && is_text(target.ty)
                        || from.ty.integer_width().is_some() && target.ty.integer_width().is_some();
                    assert!(fits, "{}: {:?} to {:?}", info.label, from, target);
                }
            }
        }
        assert!(upgrades > 150, "{upgrades}");
    }
}
