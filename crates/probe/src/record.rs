//! Records as they come from the kernel.

use crate::interface::{ARGUMENTS, Header, Item, Number, item};

/// A record, borrowed from the bytes that crossed the ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// What every record has.
    pub(crate) header: Header,
    arguments: [u64; ARGUMENTS],
    items: [Option<&'a [u8]>; item::END],
}

impl<'a> Record<'a> {
    /// Reads a record; `None` where a length in it is wrong.
    #[inline]
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let header = Header::read(bytes)?;
        let mut rest = bytes.get(size_of::<Header>()..header.length as usize)?;
        let mut arguments = [0; ARGUMENTS];
        for argument in arguments.get_mut(..usize::from(header.arguments))? {
            *argument = u64::read(rest)?;
            rest = &rest[size_of::<u64>()..];
        }
        let mut items = [None; item::END];
        while !rest.is_empty() {
            let head = Item::read(rest)?;
            let length = head.length as usize;
            let data = rest.get(size_of::<Item>()..size_of::<Item>() + length)?;
            if let Some(place) = items.get_mut(usize::from(head.kind)) {
                *place = Some(data);
            }
            let padded = size_of::<Item>() + length.next_multiple_of(8);
            rest = rest.get(padded..).unwrap_or_default();
        }
        Some(Self {
            header,
            arguments,
            items,
        })
    }

    /// The bytes of an item.
    #[inline]
    pub(crate) fn bytes(&self, kind: usize) -> Option<&'a [u8]> {
        self.items.get(kind).copied().flatten()
    }

    /// An item that is a structure.
    #[inline]
    pub(crate) fn structure<T: Number>(&self, kind: usize) -> Option<T> {
        T::read(self.bytes(kind)?)
    }

    /// An argument of the call; 0 where it has not so many.
    #[inline]
    pub(crate) const fn argument(&self, index: usize) -> u64 {
        self.arguments[index]
    }

    /// An argument that is a number of 32 bits.
    #[inline]
    pub(crate) const fn u32(&self, index: usize) -> u32 {
        self.argument(index) as u32
    }

    /// An argument that is a descriptor.
    #[inline]
    pub(crate) const fn fd(&self, index: usize) -> i32 {
        self.argument(index) as i32
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn record(items: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; size_of::<Header>()];
        for (kind, data) in items {
            let head = Item {
                kind: *kind,
                unused: 0,
                length: data.len() as u32,
            };
            bytes.extend(head.to_bytes());
            bytes.extend(*data);
            bytes.resize(bytes.len().next_multiple_of(8), 0);
        }
        let header = Header {
            length: bytes.len() as u32,
            pid: 7,
            ..Header::default()
        };
        header.write(&mut bytes);
        bytes
    }

    #[test]
    fn items_are_found_by_kind() {
        let bytes = record(&[(1, b"/etc/passwd"), (5, b""), (12, b"12345678")]);
        let record = Record::parse(&bytes).unwrap();
        assert_eq!(record.header.pid, 7);
        assert_eq!(record.bytes(item::STRING0), Some(&b"/etc/passwd"[..]));
        assert_eq!(record.bytes(item::PATH), Some(&b""[..]));
        assert_eq!(record.bytes(item::DATA), Some(&b"12345678"[..]));
        assert_eq!(record.bytes(item::FILE), None);
    }

    #[test]
    fn arguments_stand_between_header_and_items() {
        let mut bytes = record(&[(1, b"name")]);
        let place = size_of::<Header>();
        bytes.splice(
            place..place,
            [3_u64, 4].iter().flat_map(|number| number.to_ne_bytes()),
        );
        let mut header = Header::read(&bytes).unwrap();
        header.length = bytes.len() as u32;
        header.arguments = 2;
        header.write(&mut bytes);
        let parsed = Record::parse(&bytes).unwrap();
        let arguments: Vec<u64> = (0..ARGUMENTS).map(|index| parsed.argument(index)).collect();
        assert_eq!(arguments, [3, 4, 0, 0, 0, 0]);
        assert_eq!(parsed.bytes(item::STRING0), Some(&b"name"[..]));
        header.arguments = ARGUMENTS as u16 + 1;
        header.write(&mut bytes);
        assert!(Record::parse(&bytes).is_none());
    }

    #[test]
    fn wrong_lengths_are_refused_and_unknown_items_skipped() {
        let mut bytes = record(&[(999, b"new"), (1, b"x")]);
        let parsed = Record::parse(&bytes).unwrap();
        assert_eq!(parsed.bytes(item::STRING0), Some(&b"x"[..]));
        for length in 0..bytes.len() {
            assert!(Record::parse(&bytes[..length]).is_none());
        }
        let place = size_of::<Header>() + 4;
        bytes[place..place + 4].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert!(Record::parse(&bytes).is_none());
    }
}
