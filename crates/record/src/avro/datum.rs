//! Types that can be read and written.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::net::Ipv4Addr;

use bstr::BStr;

use super::{Cursor, DatumError, Shape};
use crate::{Foid, Oid, OpFlags, OpenFlags};

/// A type with an Avro encoding. `'a` is the lifetime of the encoded data.
pub trait Datum<'a>: Sized {
    /// What the type looks like in a schema.
    const SHAPE: Shape;

    /// Reads one value.
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DatumError>;

    /// Appends the encoding to `out`.
    fn write(&self, out: &mut Vec<u8>);
}

/// Appends a zig-zag encoded integer.
#[inline]
pub(crate) fn write_long(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

impl Datum<'_> for i64 {
    const SHAPE: Shape = Shape::Long;
    #[inline]
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, DatumError> {
        cursor.long()
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_long(*self, out);
    }
}

impl Datum<'_> for i32 {
    const SHAPE: Shape = Shape::Int;
    #[inline]
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, DatumError> {
        cursor.int()
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_long(i64::from(*self), out);
    }
}

impl Datum<'_> for bool {
    const SHAPE: Shape = Shape::Boolean;
    #[inline]
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, DatumError> {
        cursor.boolean()
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl<'a> Datum<'a> for &'a BStr {
    const SHAPE: Shape = Shape::String;
    #[inline]
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DatumError> {
        cursor.text()
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_long(self.len() as i64, out);
        out.extend_from_slice(self);
    }
}

impl Datum<'_> for OpFlags {
    const SHAPE: Shape = Shape::Int;
    #[inline]
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, DatumError> {
        cursor.int().map(Self::from_avro)
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.to_avro().write(out);
    }
}

impl Datum<'_> for OpenFlags {
    const SHAPE: Shape = Shape::Int;
    #[inline]
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, DatumError> {
        cursor.int().map(Self::from_avro)
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.to_avro().write(out);
    }
}

/// IPv4 addresses travel as an `int` whose lowest byte is the first octet.
impl Datum<'_> for Ipv4Addr {
    const SHAPE: Shape = Shape::Int;
    #[inline]
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, DatumError> {
        cursor
            .int()
            .map(|address| Self::from(address.to_le_bytes()))
    }
    fn write(&self, out: &mut Vec<u8>) {
        i32::from_le_bytes(self.octets()).write(out);
    }
}

impl Datum<'_> for Foid {
    const SHAPE: Shape = Shape::Fixed("sysflow.type.FOID", 20);
    #[inline]
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, DatumError> {
        cursor.fixed().map(Self)
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

impl Datum<'_> for Oid {
    const SHAPE: Shape = Shape::Record(&super::RecordShape {
        name: "sysflow.type.OID",
        fields: &[
            super::FieldShape {
                name: "createTS",
                shape: Shape::Long,
                since: 1,
                default: None,
            },
            super::FieldShape {
                name: "hpid",
                shape: Shape::Long,
                since: 1,
                default: None,
            },
        ],
    });
    #[inline]
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, DatumError> {
        Ok(Self {
            create_ts: cursor.long()?,
            hpid: cursor.long()?,
        })
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_long(self.create_ts, out);
        write_long(self.hpid, out);
    }
}

impl<'a, T: Datum<'a>> Datum<'a> for Option<T> {
    const SHAPE: Shape = Shape::Nullable(&T::SHAPE);
    #[inline]
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DatumError> {
        match cursor.long()? {
            0 => Ok(None),
            1 => T::read(cursor).map(Some),
            other => Err(DatumError::BadBranch(other)),
        }
    }
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(value) => {
                out.push(2);
                value.write(out);
            }
        }
    }
}

/// Appends the encoding of an array of `count` items, in a single block.
pub fn write_array<'a, T: Datum<'a>>(
    count: usize,
    items: impl Iterator<Item = T>,
    out: &mut Vec<u8>,
) {
    if count > 0 {
        write_long(count as i64, out);
        items.for_each(|item| item.write(out));
    }
    out.push(0);
}

/// Any number of values, either still encoded or in a slice.
#[derive(Clone, Copy)]
pub struct Array<'a, T> {
    items: Items<'a, T>,
}

#[derive(Clone, Copy)]
enum Items<'a, T> {
    /// The encoding with its block headers, checked when it was read.
    Encoded {
        data: &'a [u8],
        length: usize,
        /// Whether it is the one that we write: a single block.
        is_plain: bool,
    },
    Slice(&'a [T]),
}

impl<T> Default for Array<'_, T> {
    fn default() -> Self {
        Self {
            items: Items::Slice(&[]),
        }
    }
}

impl<'a, T> From<&'a [T]> for Array<'a, T> {
    fn from(items: &'a [T]) -> Self {
        Self {
            items: Items::Slice(items),
        }
    }
}

impl<'a, T: Datum<'a> + Copy> Array<'a, T> {
    /// The number of values.
    pub const fn len(&self) -> usize {
        match self.items {
            Items::Encoded { length, .. } => length,
            Items::Slice(slice) => slice.len(),
        }
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values.
    pub fn iter(&self) -> ArrayIter<'a, T> {
        match self.items {
            Items::Encoded { data, .. } => ArrayIter {
                cursor: Cursor::new(data),
                left: 0,
                slice: &[],
                item: PhantomData,
            },
            Items::Slice(slice) => ArrayIter {
                cursor: Cursor::new(&[]),
                left: 0,
                slice,
                item: PhantomData,
            },
        }
    }

    /// The encoding.
    pub(crate) fn encoding(&self) -> Cow<'a, [u8]> {
        if let Items::Encoded {
            data,
            is_plain: true,
            ..
        } = self.items
        {
            return Cow::Borrowed(data);
        }
        let mut encoding = Vec::new();
        self.write(&mut encoding);
        Cow::Owned(encoding)
    }

    /// From an encoding, as [`encoding`](Self::encoding) gave it.
    pub(crate) fn from_encoding(data: &'a [u8]) -> Self {
        Self::read(&mut Cursor::new(data)).unwrap_or_default()
    }
}

impl<'a, T: Datum<'a> + Copy> IntoIterator for &Array<'a, T> {
    type Item = T;
    type IntoIter = ArrayIter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T: Datum<'a> + Copy + PartialEq> PartialEq for Array<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<'a, T: Datum<'a> + Copy + fmt::Debug> fmt::Debug for Array<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, T: Datum<'a> + Copy> Datum<'a> for Array<'a, T> {
    const SHAPE: Shape = Shape::Array(&T::SHAPE);

    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DatumError> {
        let start = cursor.rest();
        let (mut length, mut blocks) = (0_usize, 0_u32);
        loop {
            let items = cursor.items()?;
            if items == 0 {
                break;
            }
            // Every item takes at least a byte, so a lying count ends at the end of the data.
            for _ in 0..items {
                T::read(cursor)?;
                length += 1;
            }
            blocks = blocks.saturating_add(1);
        }
        let data = &start[..start.len() - cursor.rest().len()];
        Ok(Self {
            items: Items::Encoded {
                data,
                length,
                // A negative count, which is odd in zig-zag, is followed by a size.
                is_plain: blocks <= 1 && data[0].is_multiple_of(2),
            },
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        if let Items::Encoded {
            data,
            is_plain: true,
            ..
        } = self.items
        {
            out.extend_from_slice(data);
            return;
        }
        write_array(self.len(), self.iter(), out);
    }
}

/// The values of an [`Array`].
#[derive(Clone, Debug)]
pub struct ArrayIter<'a, T> {
    cursor: Cursor<'a>,
    left: u64,
    slice: &'a [T],
    item: PhantomData<T>,
}

impl<'a, T: Datum<'a> + Copy> Iterator for ArrayIter<'a, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if let [first, rest @ ..] = self.slice {
            self.slice = rest;
            return Some(*first);
        }
        if self.left == 0 {
            self.left = self.cursor.items().ok()?;
        }
        self.left = self.left.checked_sub(1)?;
        T::read(&mut self.cursor).ok()
    }
}

/// Texts by name, in the order in which they were written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Map<'a> {
    entries: Array<'a, Entry<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry<'a>(&'a BStr, &'a BStr);

impl<'a> Datum<'a> for Entry<'a> {
    const SHAPE: Shape = Shape::String;
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DatumError> {
        Ok(Self(cursor.text()?, cursor.text()?))
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }
}

impl<'a> Map<'a> {
    /// The names with their texts.
    pub fn iter(&self) -> impl Iterator<Item = (&'a BStr, &'a BStr)> + use<'a> {
        self.entries.iter().map(|Entry(name, text)| (name, text))
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<'a> Datum<'a> for Map<'a> {
    const SHAPE: Shape = Shape::Map(&Shape::String);
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DatumError> {
        Array::read(cursor).map(|entries| Self { entries })
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.entries.write(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_accept_every_block_form_and_write_one() {
        let texts: Vec<&BStr> = vec!["a".into(), "bc".into(), "".into()];
        let mut canonical = Vec::new();
        Array::from(&texts[..]).write(&mut canonical);
        assert_eq!(canonical, [6, 2, b'a', 4, b'b', b'c', 0, 0]);
        // Two blocks, the second with a negative count and its size in bytes.
        let blocks = [2, 2, b'a', 3, 8, 4, b'b', b'c', 0, 0, 99];
        let mut cursor = Cursor::new(&blocks);
        let read = Array::<&BStr>::read(&mut cursor).unwrap();
        assert_eq!(cursor.rest(), [99]);
        assert_eq!(read.iter().collect::<Vec<_>>(), texts);
        let mut again = Vec::new();
        read.write(&mut again);
        assert_eq!(again, canonical);
    }

    /// Found by fuzzing: the size fitted the data that followed, but not the list alone, which then had a
    /// length and no items.
    #[test]
    fn a_lying_size_of_a_block_changes_nothing() {
        for size in [0, 2, 100, i64::MAX, -1] {
            let mut data = vec![3];
            write_long(size, &mut data);
            data.extend([2, b'a', 0, 0]);
            data.extend([99; 200]);
            let mut cursor = Cursor::new(&data);
            let read = Array::<&BStr>::read(&mut cursor).unwrap();
            assert_eq!(cursor.rest(), [99; 200]);
            assert_eq!((read.len(), read.iter().count()), (2, 2));
        }
    }

    #[test]
    fn a_lying_count_is_an_error_not_an_allocation() {
        let mut data = Vec::new();
        write_long(i64::MAX, &mut data);
        data.push(0);
        let read = Array::<&BStr>::read(&mut Cursor::new(&data));
        assert_eq!(read.unwrap_err(), DatumError::UnexpectedEnd);
    }

    #[test]
    fn addresses_have_their_first_octet_lowest() {
        let mut data = Vec::new();
        Ipv4Addr::LOCALHOST.write(&mut data);
        assert_eq!(Cursor::new(&data).int(), Ok(16_777_343));
        let mut data = Vec::new();
        1_076_803_850_i32.write(&mut data);
        let address = Ipv4Addr::read(&mut Cursor::new(&data)).unwrap();
        assert_eq!(address.to_string(), "10.185.46.64");
    }
}
