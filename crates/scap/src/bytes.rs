//! Reads little-endian numbers and counted texts off a slice.

use crate::error::Fault;

/// A position in a slice that moves on with each value read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes<'a> {
    rest: &'a [u8],
    /// What to say when the slice ends too early.
    what: &'static str,
}

impl<'a> Bytes<'a> {
    pub(crate) const fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    pub(crate) const fn left(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Fault(self.what))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Fault(self.what))?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Fault> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Fault> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Fault> {
        self.array().map(i64::from_le_bytes)
    }

    /// Text with its length in 16 bits before it.
    pub(crate) fn text(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }
}

/// Texts with a NUL after each, as arguments, environments and control groups are stored.
///
/// Empty texts are yielded too: a program that wiped its title leaves as many as it has bytes.
#[derive(Clone, Debug)]
pub struct Texts<'a> {
    rest: &'a [u8],
}

impl<'a> Texts<'a> {
    /// Splits bytes into texts.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Texts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self
            .rest
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(self.rest.len());
        let text = &self.rest[..end];
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        Some(text)
    }
}

/// Text up to its first NUL, or all of it.
pub(crate) fn until_nul(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(bytes.len());
    &bytes[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_little_endian_and_never_read_beyond_the_end() {
        let mut bytes = Bytes::new(&[1, 2, 1, 3, 0, b'a', b'b', b'c', 9], "short");
        assert_eq!(bytes.u8(), Ok(1));
        assert_eq!(bytes.u16(), Ok(0x102));
        assert_eq!(bytes.text(), Ok(&b"abc"[..]));
        assert_eq!(bytes.u32(), Err(Fault("short")));
        assert_eq!(bytes.left(), 1);
    }

    #[test]
    fn texts_end_with_a_nul_or_with_the_bytes() {
        let texts = |bytes| Texts::new(bytes).collect::<Vec<&[u8]>>();
        assert!(texts(b"").is_empty());
        assert_eq!(texts(b"a\0bc\0"), [&b"a"[..], b"bc"]);
        assert_eq!(texts(b"a\0bc"), [&b"a"[..], b"bc"]);
        assert_eq!(texts(b"\0\0"), [&b""[..], b""]);
    }
}
