//! Names of addresses, learnt from the answers that name servers give to the programs of the machine.
//!
//! Asking a name server would tell what it says now, not what the program was told, and would be seen. Messages
//! are those of RFC 1035; what was recorded of one may be its beginning only.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::text::Text;

/// Addresses that are remembered. Those that were learnt first are forgotten first, half of them at a time.
const MOST_ADDRESSES: usize = 1 << 16;
/// Names that are remembered of an address.
const MOST_NAMES: usize = 8;
/// A message has no more answers than this that are looked at.
const MOST_ANSWERS: u16 = 64;
/// The longest name (RFC 1035, 2.3.4).
const LONGEST_NAME: usize = 255;
/// Bytes before the first question.
const HEADER: usize = 12;

/// The port of name servers.
pub(crate) const PORT: u16 = 53;

/// Names by address.
#[derive(Debug, Default)]
pub(crate) struct Names {
    by_address: HashMap<IpAddr, Known, foldhash::fast::FixedState>,
    learnt: u64,
}

#[derive(Debug)]
struct Known {
    names: Vec<Text>,
    /// The number of the answer that told last.
    at: u64,
}

impl Names {
    /// Learns from an answer of a name server. What is no answer teaches nothing.
    pub(crate) fn learn(&mut self, message: &[u8]) {
        let Some(answer) = Answer::read(message) else {
            return;
        };
        let Some(asked) = answer.asked() else {
            return;
        };
        answer.each_address(|address| self.add(address, &asked));
    }

    /// Learns from what was read of a stream, where two bytes before each message tell its length (RFC 1035, 4.2.2).
    /// They may have been read before, and the message may be cut off.
    pub(crate) fn learn_of_stream(&mut self, bytes: &[u8]) {
        if Answer::read(bytes).is_some_and(|answer| answer.asked().is_some()) {
            self.learn(bytes);
        } else if let Some(message) = bytes.get(2..) {
            self.learn(message);
        }
    }

    fn add(&mut self, address: IpAddr, name: &[u8]) {
        if self.by_address.len() >= MOST_ADDRESSES && !self.by_address.contains_key(&address) {
            let oldest = self.learnt.saturating_sub(MOST_ADDRESSES as u64 / 2);
            self.by_address.retain(|_, known| known.at > oldest);
        }
        self.learnt += 1;
        let known = self.by_address.entry(address).or_insert_with(|| Known {
            names: Vec::new(),
            at: 0,
        });
        known.at = self.learnt;
        if known.names.iter().any(|old| **old == *name) {
            return;
        }
        if known.names.len() >= MOST_NAMES {
            known.names.remove(0);
        }
        known.names.push(Text::from(name));
    }

    /// The names by which programs have asked for an address, the latest last.
    pub(crate) fn of(&self, address: IpAddr) -> &[Text] {
        self.by_address
            .get(&address)
            .map_or(&[][..], |known| &known.names)
    }

    pub(crate) fn clear(&mut self) {
        self.by_address.clear();
    }
}

/// A message that answers one question.
struct Answer<'m> {
    message: &'m [u8],
    answers: u16,
}

impl<'m> Answer<'m> {
    fn read(message: &'m [u8]) -> Option<Self> {
        let number = |at: usize| {
            let bytes = message.get(at..at + 2)?;
            Some(u16::from_be_bytes([bytes[0], bytes[1]]))
        };
        let (flags, questions) = (number(2)?, number(4)?);
        // An answer to a query, without an error.
        let is_answer = flags & 0xf80f == 0x8000;
        (is_answer && questions == 1).then_some(Self {
            message,
            answers: number(6)?.min(MOST_ANSWERS),
        })
    }

    /// The name that was asked for, in small letters.
    fn asked(&self) -> Option<Vec<u8>> {
        let mut name = Vec::new();
        let mut at = HEADER;
        loop {
            let length = usize::from(*self.message.get(at)?);
            // A question is the first name of a message, so nothing in it can refer to an earlier one.
            if length >= 0x40 || name.len() + length > LONGEST_NAME {
                return None;
            }
            if length == 0 {
                break;
            }
            if !name.is_empty() {
                name.push(b'.');
            }
            let label = self.message.get(at + 1..at + 1 + length)?;
            name.extend(label.iter().map(u8::to_ascii_lowercase));
            at += 1 + length;
        }
        (!name.is_empty()).then_some(name)
    }

    /// Where a name ends that begins at a place.
    fn end_of_name(&self, mut at: usize) -> Option<usize> {
        loop {
            match *self.message.get(at)? {
                0 => return Some(at + 1),
                length if length < 0x40 => at += 1 + usize::from(length),
                // A reference to an earlier name ends this one.
                length if length >= 0xc0 => return Some(at + 2),
                _ => return None,
            }
        }
    }

    fn each_address(&self, mut each: impl FnMut(IpAddr)) {
        const ADDRESS_4: [u8; 4] = [0, 1, 0, 1];
        const ADDRESS_6: [u8; 4] = [0, 28, 0, 1];
        let mut walk = || -> Option<()> {
            // Behind the question: type and class.
            let mut at = self.end_of_name(HEADER)? + 4;
            for _ in 0..self.answers {
                at = self.end_of_name(at)?;
                // Type and class, time to live, length.
                let head = self.message.get(at..at + 10)?;
                let length = usize::from(u16::from_be_bytes([head[8], head[9]]));
                let data = self.message.get(at + 10..at + 10 + length)?;
                if head.starts_with(&ADDRESS_4) {
                    each(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?).into());
                } else if head.starts_with(&ADDRESS_6) {
                    each(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?).into());
                }
                at += 10 + length;
            }
            Some(())
        };
        let _ = walk();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An answer with an alias and two addresses.
    fn message() -> Vec<u8> {
        let mut message = vec![0x12, 0x34, 0x81, 0x80, 0, 1, 0, 3, 0, 0, 0, 0];
        message.extend(b"\x03Www\x07example\x03org\x00\x00\x01\x00\x01");
        message.extend(b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x06\x03cdn\xc0\x10");
        message.extend(b"\x03cdn\xc0\x10\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04");
        message.extend([203, 0, 113, 9]);
        message.extend(b"\xc0\x0c\x00\x1c\x00\x01\x00\x00\x00\x3c\x00\x10");
        message.extend("2001:db8::9".parse::<Ipv6Addr>().unwrap().octets());
        message
    }

    fn names(known: &Names, address: &str) -> Vec<String> {
        let names = known.of(address.parse().unwrap());
        let text = |name: &Text| String::from_utf8_lossy(name).into_owned();
        names.iter().map(text).collect()
    }

    #[test]
    fn addresses_have_the_name_that_was_asked_for() {
        let mut known = Names::default();
        known.learn(&message());
        assert_eq!(names(&known, "203.0.113.9"), ["www.example.org"]);
        assert_eq!(names(&known, "2001:db8::9"), ["www.example.org"]);
        assert!(names(&known, "203.0.113.10").is_empty());
    }

    #[test]
    fn the_beginning_of_a_message_teaches_what_it_holds() {
        let mut known = Names::default();
        let whole = message();
        known.learn(&whole[..whole.len() - 4]);
        assert_eq!(names(&known, "203.0.113.9"), ["www.example.org"]);
        assert!(names(&known, "2001:db8::9").is_empty());
    }

    #[test]
    fn messages_of_streams_are_found_behind_their_length() {
        let message = message();
        let mut stream = (message.len() as u16).to_be_bytes().to_vec();
        stream.extend(&message);
        for bytes in [&stream, &message] {
            let mut known = Names::default();
            known.learn_of_stream(bytes);
            assert_eq!(names(&known, "203.0.113.9"), ["www.example.org"]);
        }
        let mut known = Names::default();
        known.learn_of_stream(&stream[..2]);
        assert!(known.by_address.is_empty());
    }

    #[test]
    fn questions_and_errors_teach_nothing() {
        for flags in [[0x01, 0x00], [0x81, 0x83]] {
            let mut known = Names::default();
            let mut message = message();
            message[2..4].copy_from_slice(&flags);
            known.learn(&message);
            assert!(known.by_address.is_empty());
        }
    }

    #[test]
    fn a_flood_of_answers_takes_bounded_room() {
        let mut known = Names::default();
        for number in 0..200_000_u32 {
            known.add(Ipv4Addr::from(number).into(), b"a.example");
            known.add(
                Ipv4Addr::LOCALHOST.into(),
                format!("{number}.example").as_bytes(),
            );
        }
        assert!(known.by_address.len() <= MOST_ADDRESSES);
        assert_eq!(known.of(Ipv4Addr::LOCALHOST.into()).len(), MOST_NAMES);
        assert_eq!(
            names(&known, "0.3.13.63"),
            ["a.example"],
            "the latest is known"
        );
    }

    proptest! {
        #[test]
        fn no_message_does_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
            let mut known = Names::default();
            known.learn(&bytes);
            let mut spoilt = message();
            for (at, byte) in bytes.iter().enumerate().take(3) {
                let length = spoilt.len();
                spoilt[(at * 31 + usize::from(*byte)) % length] = *byte;
            }
            spoilt.truncate(cut);
            known.learn(&spoilt);
        }
    }
}
