//! Events: header, lengths of parameters, parameters.
//!
//! After the cpu (and flags) of the block comes `u64` timestamp, `i64` thread, `u32` length of the
//! event with this header, `u16` code, `u32` number of parameters (not in the first version), one
//! length for each parameter, and the parameters back to back.

use crate::argument::Arguments;
use crate::bytes::Bytes;
use crate::error::Fault;
use crate::table::{Category, Code, Direction, EventInfo};

/// Bytes before the number of parameters.
const SHORT_HEADER: usize = 22;

/// Codes whose stored length is too large in events of the first version, and by how much.
const MISCOUNTED: [(Code, usize); 2] = [(Code(280), 3), (Code(286), 3)];

/// What a type of event block has besides the event itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// Whether the event tells its number of parameters.
    pub(crate) counted: bool,
    /// Whether flags stand before the event.
    pub(crate) flagged: bool,
}

/// Where the parts of an event are in the body of its block, checked against its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    info: &'static EventInfo,
    cpu: u16,
    flags: u32,
    timestamp: u64,
    tid: i64,
    count: u32,
    lengths_start: u32,
    values_start: u32,
    end: u32,
}

impl Shape {
    /// Takes the measure of the event in a body; `None` where its code is not known.
    #[inline]
    pub(crate) fn measure(body: &[u8], layout: Layout) -> Result<Option<Self>, Fault> {
        let mut bytes = Bytes::new(body, "an event is shorter than its header");
        let cpu = bytes.u16()?;
        let flags = if layout.flagged { bytes.u32()? } else { 0 };
        let event_start = body.len() - bytes.left();
        let timestamp = bytes.u64()?;
        let tid = bytes.i64()?;
        let length = bytes.u32()? as usize;
        let code = Code(bytes.u16()?);
        let Some(info) = code.info() else {
            return Ok(None);
        };

        let excess = if layout.counted {
            0
        } else {
            stored_excess(code)
        };
        let end = length
            .checked_sub(excess)
            .map(|length| event_start + length)
            .filter(|&end| end <= body.len())
            .ok_or(Fault("an event is longer than its block"))?;
        let (header, count) = if layout.counted {
            (SHORT_HEADER + 4, bytes.u32()? as usize)
        } else {
            let after_header = body
                .get(event_start + SHORT_HEADER..end)
                .ok_or(Fault("an event is shorter than its header"))?;
            (SHORT_HEADER, guess_count(after_header, info)?)
        };

        let lengths_start = event_start + header;
        let width = if info.wide_lengths { 4 } else { 2 };
        let lengths = count
            .checked_mul(width)
            .and_then(|size| body.get(lengths_start..end)?.get(..size))
            .ok_or(Fault(
                "an event has no room for the lengths of its parameters",
            ))?;
        let values_start = lengths_start + lengths.len();
        if sum(lengths, info.wide_lengths) > (end - values_start) as u64 {
            return Err(Fault("an event is shorter than its parameters"));
        }
        // All of these fit, since they lie within a block.
        Ok(Some(Self {
            info,
            cpu,
            flags,
            timestamp,
            tid,
            count: count as u32,
            lengths_start: lengths_start as u32,
            values_start: values_start as u32,
            end: end as u32,
        }))
    }
}

/// By how much the stored length of an event of the first version is too large.
fn stored_excess(code: Code) -> usize {
    MISCOUNTED
        .iter()
        .find(|(odd, _)| *odd == code)
        .map_or(0, |&(_, excess)| excess)
}

/// The number of parameters of an event of the first version, which does not tell it: the largest
/// one that accounts for every byte.
fn guess_count(after_header: &[u8], info: &EventInfo) -> Result<usize, Fault> {
    let width = if info.wide_lengths { 4 } else { 2 };
    (0..=info.parameters.len())
        .rev()
        .find(|count| {
            let size = count * width;
            after_header.get(..size).is_some_and(|lengths| {
                size as u64 + sum(lengths, info.wide_lengths) == after_header.len() as u64
            })
        })
        .ok_or(Fault("no number of parameters fits the length of an event"))
}

/// The sum of stored lengths.
#[inline]
fn sum(lengths: &[u8], wide: bool) -> u64 {
    if wide {
        let (lengths, _) = lengths.as_chunks::<4>();
        lengths
            .iter()
            .map(|length| u64::from(u32::from_le_bytes(*length)))
            .sum()
    } else {
        let (lengths, _) = lengths.as_chunks::<2>();
        lengths
            .iter()
            .map(|length| u64::from(u16::from_le_bytes(*length)))
            .sum()
    }
}

/// One event, borrowed from the capture. Parameters are found when they are asked for: see
/// [`Arguments`].
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    info: &'static EventInfo,
    cpu: u16,
    flags: u32,
    timestamp: u64,
    tid: i64,
    count: u32,
    lengths: &'a [u8],
    values: &'a [u8],
}

impl<'a> Event<'a> {
    /// The event in a body whose measure was taken.
    #[inline]
    pub(crate) fn new(body: &'a [u8], shape: &Shape) -> Self {
        let part =
            |start: u32, end: u32| body.get(start as usize..end as usize).unwrap_or_default();
        Self {
            info: shape.info,
            cpu: shape.cpu,
            flags: shape.flags,
            timestamp: shape.timestamp,
            tid: shape.tid,
            count: shape.count,
            lengths: part(shape.lengths_start, shape.values_start),
            values: part(shape.values_start, shape.end),
        }
    }

    /// The processor on which the event was seen.
    pub const fn cpu(&self) -> u16 {
        self.cpu
    }

    /// When the event happened: nanoseconds since the epoch. Some events about the state of the
    /// machine have 0. Nothing says that times never go back from one event to the next.
    pub const fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// The thread that caused the event, as the host numbers it; 0 or -1 where none did.
    pub const fn tid(&self) -> i64 {
        self.tid
    }

    /// What the event is.
    pub const fn code(&self) -> Code {
        self.info.code
    }

    /// The name of the operation, such as `open`.
    pub const fn name(&self) -> &'static str {
        self.info.name
    }

    /// What the event is about.
    pub const fn category(&self) -> Category {
        self.info.category
    }

    /// Whether the operation begins here.
    pub fn is_enter(&self) -> bool {
        self.info.direction == Direction::Enter
    }

    /// Whether the operation has ended here.
    pub fn is_exit(&self) -> bool {
        self.info.direction == Direction::Exit
    }

    /// The flags that the writer put on the event; 0 where its block has none.
    pub const fn block_flags(&self) -> u32 {
        self.flags
    }

    /// Whether the event was kept only because it changes state: the filter of the capture left it
    /// out, and nobody should be shown it.
    pub const fn is_state_only(&self) -> bool {
        self.flags & 1 != 0
    }

    /// The number of parameters stored. May be more than the table knows of.
    pub const fn stored_parameters(&self) -> usize {
        self.count as usize
    }
}

impl<'a> Arguments<'a> for Event<'a> {
    fn info(&self) -> &'static EventInfo {
        self.info
    }

    fn bytes(&self, index: usize) -> Option<&'a [u8]> {
        let width = if self.info.wide_lengths { 4 } else { 2 };
        let before = self.lengths.get(..index.checked_mul(width)?)?;
        let own = self.lengths.get(before.len()..before.len() + width)?;
        let start = sum(before, self.info.wide_lengths) as usize;
        let end = start + sum(own, self.info.wide_lengths) as usize;
        self.values.get(start..end)
    }
}

/// A copy of an event that outlives the block it came in, for who needs an enter event until its
/// exit. One copy can hold many events in turn without a new allocation.
#[derive(Clone, Debug, Default)]
pub struct KeptEvent {
    head: Option<Head>,
    bytes: Vec<u8>,
}

/// What [`KeptEvent`] knows besides the bytes.
#[derive(Clone, Copy, Debug)]
struct Head {
    event: Event<'static>,
    lengths: usize,
}

impl KeptEvent {
    /// Takes a copy of an event, in place of the one held before.
    pub fn keep(&mut self, event: &Event<'_>) {
        self.bytes.clear();
        self.bytes.extend_from_slice(event.lengths);
        self.bytes.extend_from_slice(event.values);
        let bare = Event {
            lengths: &[],
            values: &[],
            ..*event
        };
        self.head = Some(Head {
            event: bare,
            lengths: event.lengths.len(),
        });
    }

    /// Forgets the event.
    pub fn clear(&mut self) {
        self.head = None;
    }

    /// The event held.
    pub fn event(&self) -> Option<Event<'_>> {
        let head = self.head?;
        let (lengths, values) = self.bytes.split_at_checked(head.lengths)?;
        Some(Event {
            lengths,
            values,
            ..head.event
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::EventBytes;

    const COUNTED: Layout = Layout {
        counted: true,
        flagged: false,
    };
    const FIRST: Layout = Layout {
        counted: false,
        flagged: false,
    };

    fn event(body: &[u8], layout: Layout) -> Event<'_> {
        let shape = Shape::measure(body, layout)
            .expect("a sound event")
            .expect("a known code");
        Event::new(body, &shape)
    }

    #[test]
    fn parameters_are_found_by_index_and_name() {
        let body = EventBytes::new(Code::SYSCALL_OPEN_X, 7, 41)
            .parameter(&5_i64.to_le_bytes())
            .parameter(b"/etc/passwd\0")
            .parameter(&0x1001_u32.to_le_bytes())
            .body();
        let event = event(&body, COUNTED);
        assert_eq!((event.timestamp(), event.tid(), event.code().0), (7, 41, 3));
        assert!(event.is_exit() && !event.is_enter());
        assert_eq!(event.name(), "open");
        assert_eq!(event.stored_parameters(), 3);
        assert_eq!(
            event.named(crate::Name::FD).and_then(|fd| fd.i64()),
            Some(5)
        );
        assert_eq!(
            event.argument(1).and_then(|name| name.text()),
            Some(&b"/etc/passwd"[..])
        );
        let flags = event
            .argument(2)
            .and_then(|flags| flags.flags())
            .expect("flags");
        assert_eq!(flags.to_string(), "O_RDONLY|O_CLOEXEC");
        assert!(event.argument(3).is_none());
        assert!(event.named(crate::Name::INO).is_none());
        assert!(event.bytes(usize::MAX).is_none());
    }

    #[test]
    fn more_parameters_than_known_are_passed_over() {
        let body = EventBytes::new(Code::SYSCALL_CLOSE_X, 1, 1)
            .parameter(&0_i64.to_le_bytes())
            .parameter(&3_i64.to_le_bytes())
            .parameter(b"from the future")
            .body();
        let event = event(&body, COUNTED);
        assert_eq!(event.argument(1).and_then(|fd| fd.i64()), Some(3));
        assert!(event.argument(2).is_none());
        assert_eq!(event.bytes(2), Some(&b"from the future"[..]));
    }

    #[test]
    fn first_version_guesses_the_count() {
        let connect = EventBytes::new(Code::SOCKET_CONNECT_X, 1, 1)
            .parameter(&0_i64.to_le_bytes())
            .parameter(b"");
        let body = connect.body_of_first_version(0);
        let found = event(&body, FIRST);
        assert_eq!(found.stored_parameters(), 2);
        assert_eq!(found.bytes(1), Some(&b""[..]));

        let none = EventBytes::new(Code::SYSCALL_EXECVE_8_E, 1, 1).body_of_first_version(0);
        assert_eq!(event(&none, FIRST).stored_parameters(), 0);
    }

    #[test]
    fn first_version_miscounts_two_codes() {
        for code in [Code(280), Code(286)] {
            let parameters = code.info().expect("a known code").parameters;
            let mut bytes = EventBytes::new(code, 1, 1);
            for parameter in parameters {
                let width = parameter.ty.integer_width().unwrap_or(5);
                bytes = bytes.parameter(&vec![1; width]);
            }
            let body = bytes.body_of_first_version(3);
            let found = event(&body, FIRST);
            assert_eq!(found.stored_parameters(), parameters.len());
        }
    }

    #[test]
    fn large_events_have_wide_lengths() {
        let data = vec![7; 100_000];
        let body = EventBytes::new(Code::ASYNCEVENT_E, 1, 1)
            .parameter(&9_u32.to_le_bytes())
            .parameter(b"container\0")
            .parameter(&data)
            .body();
        let event = event(&body, COUNTED);
        assert_eq!(
            event.named(crate::Name::DATA).map(|data| data.bytes.len()),
            Some(100_000)
        );
        assert_eq!(
            event.argument(1).and_then(|name| name.text()),
            Some(&b"container"[..])
        );
    }

    #[test]
    fn flags_stand_before_the_event() {
        let body = EventBytes::new(Code::SYSCALL_CLOSE_E, 1, 1)
            .parameter(&3_i64.to_le_bytes())
            .flagged(1)
            .body();
        let event = event(
            &body,
            Layout {
                counted: true,
                flagged: true,
            },
        );
        assert!(event.is_state_only());
        assert_eq!(event.argument(0).and_then(|fd| fd.i64()), Some(3));
    }

    #[test]
    fn kept_events_are_the_same() {
        let mut kept = KeptEvent::default();
        assert!(kept.event().is_none());
        for name in [&b"/a\0"[..], b"/longer\0"] {
            let body = EventBytes::new(Code::SYSCALL_OPEN_E, 5, 6)
                .parameter(name)
                .parameter(&1_u32.to_le_bytes())
                .body();
            kept.keep(&event(&body, COUNTED));
            drop(body);
            let event = kept.event().expect("an event is held");
            assert_eq!((event.timestamp(), event.tid()), (5, 6));
            assert_eq!(event.text(0), Some(&name[..name.len() - 1]));
            assert_eq!(event.u32(1), Some(1));
        }
        kept.clear();
        assert!(kept.event().is_none());
    }

    #[test]
    fn unknown_codes_are_told_apart_from_damage() {
        let body = EventBytes::new(Code(60_000), 1, 1).parameter(b"x").body();
        assert!(matches!(Shape::measure(&body, COUNTED), Ok(None)));
        let sound = EventBytes::new(Code::SYSCALL_CLOSE_E, 1, 1)
            .parameter(&[0; 8])
            .body();
        for length in 0..sound.len() {
            assert!(Shape::measure(&sound[..length], COUNTED).is_err());
        }
        // A count that would need more bytes than can be addressed.
        let mut counted = sound.clone();
        counted[24..28].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(Shape::measure(&counted, COUNTED).is_err());
    }
}
