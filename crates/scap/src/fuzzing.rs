//! Captures made of random choices, that look enough like real ones to get past the reader: whoever tests what
//! is made of captures spends no time on damaged blocks.

use crate::parameter::{ParameterInfo, ParameterType};
use crate::table::{Code, events};
use crate::testing::{CaptureBytes, EventBytes, descriptor, process_entry};

/// Numbers at which arithmetic goes wrong, and those that mean something: descriptors, threads, flags.
const NUMBERS: [i64; 16] = [
    0,
    1,
    2,
    3,
    11,
    -1,
    -2,
    -100,
    -4095,
    i64::MAX,
    i64::MIN,
    i32::MAX as i64,
    i32::MIN as i64,
    u32::MAX as i64,
    0x0102_0304_0506_0708,
    0x6802_0000,
];

const TEXTS: [&[u8]; 12] = [
    b"\0",
    b"/\0",
    b"a\0",
    b"../b\0",
    b"/a/../../c\0",
    b"/proc/self/fd/3\0",
    b"cpu=/docker/0123456789ab0123456789ab0123456789ab0123456789ab0123456789ab0123\0",
    b"A=1\0PATH=/bin\0\0",
    b"{\"container\":{\"id\":\"x\",\"Mounts\":[]}}\0",
    b"(NULL)\0",
    b"\xff\xfe",
    b"",
];

/// Unix, version 4 and 6, each as an address and as both ends; and what is none.
const ADDRESSES: [&[u8]; 8] = [
    b"\x01/run/x\0",
    b"\x02\x7f\0\0\x01\x50\0",
    b"\x02\x0a\0\0\x01\x50\0\x0a\0\0\x02\x51\0",
    b"\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x50\0",
    b"\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x50\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\x51\0",
    b"\x01\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0/run/y\0",
    b"\x02",
    b"",
];

/// The first events of a capture, at most: a short input stands for a short capture.
const MOST_EVENTS: usize = 512;

/// Writes a capture of the operations that these bytes choose, by threads of which some are known at its start.
pub fn capture_of(choices: &[u8]) -> Vec<u8> {
    let mut choices = Choices(choices);
    let mut capture = CaptureBytes::new()
        .list(0x215, &[], Some(4), &[process_entry(9, &[0; 66])])
        .list(0x218, &11_i64.to_le_bytes(), Some(4), &[descriptor(3)]);
    let mut time = 1_700_000_000_000_000_000_u64;
    for _ in 0..MOST_EVENTS {
        let Some(low) = choices.next() else { break };
        let code = Code((u16::from(low) | u16::from(choices.byte()) << 8) % events().len() as u16);
        let Some(info) = code.info() else { break };
        time = time.wrapping_add(u64::from(choices.byte()) << 20);
        let thread = 9 + i64::from(choices.byte() % 6);
        // Older captures have fewer parameters.
        let parameters = match choices.byte() {
            fewer @ 0..16 => usize::from(fewer).min(info.parameters.len()),
            _ => info.parameters.len(),
        };
        let event = info.parameters[..parameters]
            .iter()
            .fold(EventBytes::new(code, time, thread), |event, parameter| {
                event.parameter(&choices.parameter(parameter))
            });
        capture = capture.event(&event);
    }
    capture.bytes
}

struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// The next choice; no more choices are zeros.
    fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    fn parameter(&mut self, parameter: &ParameterInfo) -> Vec<u8> {
        match parameter.ty {
            ParameterType::Dynamic => {
                let selector = self.byte() % 6;
                let ty = parameter.choice.and_then(|choice| choice.select(selector));
                let mut bytes = vec![selector];
                bytes.extend(self.value(ty.unwrap_or(ParameterType::Bytes)));
                bytes
            }
            ty => self.value(ty),
        }
    }

    fn value(&mut self, ty: ParameterType) -> Vec<u8> {
        if self.byte().is_multiple_of(16) {
            return self.raw();
        }
        if let Some(width) = ty.integer_width() {
            return self.number().to_le_bytes()[..width].to_vec();
        }
        match ty {
            ParameterType::SocketAddress | ParameterType::SocketTuple => self.one_of(&ADDRESSES),
            ParameterType::DescriptorList => {
                let count = self.byte() % 4;
                let mut bytes = u16::from(count).to_le_bytes().to_vec();
                for _ in 0..count {
                    bytes.extend(self.number().to_le_bytes());
                    bytes.extend(&self.number().to_le_bytes()[..2]);
                }
                bytes
            }
            _ => self.one_of(&TEXTS),
        }
    }

    fn one_of(&mut self, of: &[&[u8]]) -> Vec<u8> {
        of[usize::from(self.byte()) % of.len()].to_vec()
    }

    fn number(&mut self) -> i64 {
        match self.byte() {
            small @ 0..128 => i64::from(small % 8),
            other => NUMBERS[usize::from(other) % NUMBERS.len()],
        }
    }

    fn raw(&mut self) -> Vec<u8> {
        let length = usize::from(self.byte() % 24);
        (0..length).map(|_| self.byte()).collect()
    }
}
