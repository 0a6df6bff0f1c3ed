//! Builds captures for tests, and reads them as text.

use std::io::Read;

use crate::argument::Arguments;
use crate::block::{MAGIC, SECTION};
use crate::event::Event;
use crate::{Capture, Code, Item, Statistics};

/// An event to be written.
#[derive(Clone, Debug)]
pub(crate) struct EventBytes {
    code: Code,
    timestamp: u64,
    thread: i64,
    flags: Option<u32>,
    parameters: Vec<Vec<u8>>,
}

impl EventBytes {
    pub(crate) fn new(code: Code, timestamp: u64, thread: i64) -> Self {
        Self {
            code,
            timestamp,
            thread,
            flags: None,
            parameters: Vec::new(),
        }
    }

    pub(crate) fn parameter(mut self, bytes: &[u8]) -> Self {
        self.parameters.push(bytes.to_vec());
        self
    }

    pub(crate) fn flagged(mut self, flags: u32) -> Self {
        self.flags = Some(flags);
        self
    }

    /// Whether an event that was read is this one.
    pub(crate) fn is_the_same_as(&self, event: &Event<'_>) -> bool {
        let parameters = self.parameters.iter().enumerate();
        event.code() == self.code
            && (event.timestamp(), event.tid()) == (self.timestamp, self.thread)
            && event.block_flags() == self.flags.unwrap_or(0)
            && event.stored_parameters() == self.parameters.len()
            && parameters
                .into_iter()
                .all(|(index, bytes)| event.bytes(index) == Some(bytes))
    }

    fn is_wide(&self) -> bool {
        [322, 324, 402].contains(&self.code.0)
    }

    /// The body of a block of the second version, with or without flags.
    pub(crate) fn body(&self) -> Vec<u8> {
        self.write(true, 0)
    }

    /// The body of a block of the first version, whose stored length is too large by `excess`.
    pub(crate) fn body_of_first_version(&self, excess: u32) -> Vec<u8> {
        self.write(false, excess)
    }

    /// The type of the block of the second version that such an event comes in.
    pub(crate) fn kind(&self) -> u32 {
        match (self.is_wide(), self.flags) {
            (false, None) => 0x216,
            (false, Some(_)) => 0x217,
            (true, None) => 0x221,
            (true, Some(_)) => 0x222,
        }
    }

    fn write(&self, counted: bool, excess: u32) -> Vec<u8> {
        let width = if self.is_wide() { 4 } else { 2 };
        let values: usize = self.parameters.iter().map(Vec::len).sum();
        let header = if counted { 26 } else { 22 };
        let length = (header + width * self.parameters.len() + values) as u32 + excess;
        let mut body = 3_u16.to_le_bytes().to_vec();
        if let Some(flags) = self.flags {
            body.extend(flags.to_le_bytes());
        }
        body.extend(self.timestamp.to_le_bytes());
        body.extend(self.thread.to_le_bytes());
        body.extend(length.to_le_bytes());
        body.extend(self.code.0.to_le_bytes());
        if counted {
            body.extend((self.parameters.len() as u32).to_le_bytes());
        }
        for parameter in &self.parameters {
            body.extend(&(parameter.len() as u32).to_le_bytes()[..width]);
        }
        body.extend(self.parameters.concat());
        body
    }
}

/// A capture to be written.
#[derive(Clone, Debug, Default)]
pub(crate) struct CaptureBytes {
    pub(crate) bytes: Vec<u8>,
    /// Where blocks end.
    pub(crate) boundaries: Vec<usize>,
}

impl CaptureBytes {
    /// A capture with its section header.
    pub(crate) fn new() -> Self {
        Self::default().section(1, 2)
    }

    pub(crate) fn section(self, major: u16, minor: u16) -> Self {
        let mut body = MAGIC.to_le_bytes().to_vec();
        body.extend(major.to_le_bytes());
        body.extend(minor.to_le_bytes());
        body.extend((-1_i64).to_le_bytes());
        self.block(SECTION, &body)
    }

    pub(crate) fn block(mut self, kind: u32, body: &[u8]) -> Self {
        let padding = body.len().next_multiple_of(4) - body.len();
        let length = (12 + body.len() + padding) as u32;
        self.bytes.extend(kind.to_le_bytes());
        self.bytes.extend(length.to_le_bytes());
        self.bytes.extend(body);
        self.bytes.extend(vec![0; padding]);
        self.bytes.extend(length.to_le_bytes());
        self.boundaries.push(self.bytes.len());
        self
    }

    pub(crate) fn event(self, event: &EventBytes) -> Self {
        self.block(event.kind(), &event.body())
    }

    /// A block of entries, with the length of each before it if so wanted. `own` is how many bytes
    /// a length counts for itself.
    pub(crate) fn list(
        self,
        kind: u32,
        start: &[u8],
        own: Option<u32>,
        entries: &[Vec<u8>],
    ) -> Self {
        let mut body = start.to_vec();
        for entry in entries {
            if let Some(own) = own {
                body.extend((entry.len() as u32 + own).to_le_bytes());
            }
            body.extend(entry);
        }
        self.block(kind, &body)
    }
}

/// A text with its length before it.
pub(crate) fn counted(text: &[u8]) -> Vec<u8> {
    let mut bytes = (text.len() as u16).to_le_bytes().to_vec();
    bytes.extend(text);
    bytes
}

/// An entry of a process list of a version from 1 to 9, without its length.
pub(crate) fn process_entry(version: u8, tail: &[u8]) -> Vec<u8> {
    let mut entry = Vec::new();
    for id in [11_i64, 10, 1] {
        entry.extend(id.to_le_bytes());
    }
    if version >= 6 {
        entry.extend(9_i64.to_le_bytes());
    }
    if version >= 8 {
        entry.extend(8_i64.to_le_bytes());
    }
    entry.extend(counted(b"worker"));
    entry.extend(counted(b"/bin/server"));
    if version >= 7 {
        entry.extend(counted(b"/usr/bin/server"));
    }
    entry.extend(counted(b"-v\0x\0"));
    entry.extend(counted(b"/srv"));
    entry.extend(1024_i64.to_le_bytes());
    for number in [0x2001_u32, 500, 501] {
        entry.extend(number.to_le_bytes());
    }
    if version >= 2 {
        for number in [11_u32, 22, 33] {
            entry.extend(number.to_le_bytes());
        }
        for number in [4_u64, 5] {
            entry.extend(number.to_le_bytes());
        }
    }
    if version >= 3 {
        entry.extend(counted(b"HOME=/root\0"));
    }
    if version >= 4 {
        for id in [2_i64, 1] {
            entry.extend(id.to_le_bytes());
        }
        entry.extend(counted(b"cpuset=/\0cpu=/user.slice\0"));
    }
    if version >= 5 {
        entry.extend(counted(b"/"));
    }
    entry.extend(tail);
    entry
}

/// What a capture yields, as text, with errors where they come, and the counts at the end.
pub(crate) fn read(bytes: impl Read) -> (Vec<String>, Statistics) {
    let mut yielded = Vec::new();
    let mut capture = match Capture::open(bytes) {
        Ok(capture) => capture,
        Err(error) => return (vec![format!("error: {error}")], Statistics::default()),
    };
    loop {
        let text = match capture.next() {
            Ok(None) => break,
            Ok(Some(Item::Event(event))) => {
                let arguments: Vec<_> = event.arguments().map(|argument| argument.bytes).collect();
                format!("{} {} {arguments:?}", event.name(), event.timestamp())
            }
            Ok(Some(item)) => format!("{item:?}"),
            Err(error) => format!("error: {error}"),
        };
        yielded.push(text);
    }
    let fault_is_the_end = matches!(capture.next(), Ok(None));
    assert!(fault_is_the_end, "nothing comes after the end");
    (yielded, *capture.statistics())
}

pub(crate) fn items(capture: &CaptureBytes) -> Vec<String> {
    read(&capture.bytes[..]).0
}

pub(crate) fn close(timestamp: u64) -> EventBytes {
    EventBytes::new(Code::SYSCALL_CLOSE_E, timestamp, 5).parameter(&3_i64.to_le_bytes())
}

/// An interface of a kind.
pub(crate) fn interface(kind: u16, name: &[u8]) -> Vec<u8> {
    let width = if kind % 2 == 1 { 4 } else { 16 };
    let mut entry = kind.to_le_bytes().to_vec();
    entry.extend((name.len() as u16).to_le_bytes());
    entry.extend(vec![1; 3 * width]);
    if kind <= 2 {
        entry.extend(1000_u64.to_le_bytes());
    }
    entry.extend(name);
    entry
}

pub(crate) fn user(uid: u32, name: &[u8]) -> Vec<u8> {
    let mut entry = vec![0];
    entry.extend(uid.to_le_bytes());
    entry.extend(7_u32.to_le_bytes());
    entry.extend([counted(name), counted(b"/home"), counted(b"/bin/sh")].concat());
    entry
}

pub(crate) fn group(gid: u32, name: &[u8]) -> Vec<u8> {
    let mut entry = vec![1];
    entry.extend(gid.to_le_bytes());
    entry.extend(counted(name));
    entry
}

pub(crate) fn descriptor(number: i64) -> Vec<u8> {
    let mut entry = number.to_le_bytes().to_vec();
    entry.extend(9_u64.to_le_bytes());
    entry.push(2);
    entry.extend(counted(b"/tmp"));
    entry
}

pub(crate) fn machine() -> Vec<u8> {
    let mut body = 8_u32.to_le_bytes().to_vec();
    body.extend([1_u64 << 30, 0].map(u64::to_le_bytes).concat());
    let mut host = b"sampa".to_vec();
    host.resize(128, 0);
    body.extend(host);
    body.extend([5_u64, 0, 0, 0].map(u64::to_le_bytes).concat());
    assert_eq!(body.len(), 180);
    body
}

/// A capture with every kind of block in its present version.
pub(crate) fn whole() -> CaptureBytes {
    let interfaces = [1, 2, 3, 4].map(|kind| interface(kind, b"eth0"));
    CaptureBytes::new()
        .block(0x201, &machine())
        .list(0x219, &[], Some(0), &interfaces)
        .list(0x220, &[], Some(4), &[user(0, b"root"), group(7, b"wheel")])
        .list(
            0x215,
            &[],
            Some(4),
            &[process_entry(9, &[0; 66]), process_entry(9, &[])],
        )
        .list(
            0x218,
            &10_i64.to_le_bytes(),
            Some(4),
            &[descriptor(3), descriptor(4)],
        )
        .event(&close(1))
        .event(&close(2).flagged(1))
        .event(&EventBytes::new(Code::CONTAINER_JSON_2_E, 3, -1).parameter(b"{}\0"))
        .event(
            &EventBytes::new(Code::ASYNCEVENT_E, 4, -1)
                .flagged(0)
                .parameter(&[0; 4]),
        )
}
