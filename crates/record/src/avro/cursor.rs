//! Reading primitive data from a block.

use bstr::BStr;
use thiserror::Error;

/// What is wrong with a datum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DatumError {
    /// The block ends inside the datum.
    #[error("the data end inside a record")]
    UnexpectedEnd,
    /// A variable-length integer has more than ten bytes or more than 64 bits.
    #[error("an integer is longer than 64 bits")]
    IntegerTooLong,
    /// A length or count is negative or larger than what is left of the block.
    #[error("a length of {0} does not fit the data")]
    BadLength(i64),
    /// A union names a branch that it does not have.
    #[error("a union names branch {0}, which does not exist")]
    BadBranch(i64),
    /// A boolean is neither 0 nor 1.
    #[error("a boolean has the value {0}")]
    BadBoolean(u8),
}

/// A position in encoded data. Reading moves it on and borrows from the data.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// At the start of `data`.
    pub const fn new(data: &'a [u8]) -> Self {
        Self { rest: data }
    }

    /// What has not been read.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether all has been read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// A zig-zag encoded `int` or `long`.
    #[inline]
    pub fn long(&mut self) -> Result<i64, DatumError> {
        // One byte is by far the most frequent length.
        if let [byte, rest @ ..] = self.rest
            && *byte < 0x80
        {
            self.rest = rest;
            return Ok(unzigzag(u64::from(*byte)));
        }
        // Away from the end of the data, up to ten bytes are taken apart at once.
        let Some((window, _)) = self.rest.split_first_chunk::<10>() else {
            return self.long_slow();
        };
        let [low @ .., ninth, tenth] = *window;
        let word = u64::from_le_bytes(low);
        let last_bytes = !word & 0x8080_8080_8080_8080;
        let (encoded, length) = if last_bytes != 0 {
            let bits = last_bytes.trailing_zeros() + 1;
            (
                seven_bits_of_each(word & (u64::MAX >> (64 - bits))),
                bits as usize / 8,
            )
        } else if ninth < 0x80 {
            (seven_bits_of_each(word) | u64::from(ninth) << 56, 9)
        } else if tenth <= 1 {
            let high = u64::from(ninth & 0x7f) << 56 | u64::from(tenth) << 63;
            (seven_bits_of_each(word) | high, 10)
        } else {
            return Err(DatumError::IntegerTooLong);
        };
        self.rest = &self.rest[length..];
        Ok(unzigzag(encoded))
    }

    #[cold]
    fn long_slow(&mut self) -> Result<i64, DatumError> {
        let mut encoded = 0_u64;
        for (index, byte) in self.rest.iter().take(10).enumerate() {
            let bits = u64::from(byte & 0x7f);
            if index == 9 && bits > 1 {
                return Err(DatumError::IntegerTooLong);
            }
            encoded |= bits << (7 * index);
            if *byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Ok(unzigzag(encoded));
            }
        }
        Err(if self.rest.len() < 10 {
            DatumError::UnexpectedEnd
        } else {
            DatumError::IntegerTooLong
        })
    }

    /// An `int`. Wider values, which no valid writer produces, keep their low 32 bits.
    #[inline]
    pub fn int(&mut self) -> Result<i32, DatumError> {
        self.long().map(|value| value as i32)
    }

    /// A `boolean`.
    #[inline]
    pub fn boolean(&mut self) -> Result<bool, DatumError> {
        match self.take(1)? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other, ..] => Err(DatumError::BadBoolean(*other)),
            [] => Err(DatumError::UnexpectedEnd),
        }
    }

    /// A `string` or `bytes`.
    #[inline]
    pub fn text(&mut self) -> Result<&'a BStr, DatumError> {
        let length = self.long()?;
        let fits = usize::try_from(length)
            .ok()
            .filter(|length| *length <= self.rest.len());
        match fits {
            Some(length) => Ok(BStr::new(self.take(length)?)),
            None if length < 0 => Err(DatumError::BadLength(length)),
            None => Err(DatumError::UnexpectedEnd),
        }
    }

    /// A `fixed` of `N` bytes.
    #[inline]
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DatumError> {
        let Some((bytes, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(DatumError::UnexpectedEnd);
        };
        self.rest = rest;
        Ok(*bytes)
    }

    /// The next `length` bytes.
    #[inline]
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], DatumError> {
        let Some((bytes, rest)) = self.rest.split_at_checked(length) else {
            return Err(DatumError::UnexpectedEnd);
        };
        self.rest = rest;
        Ok(bytes)
    }

    /// The header of one block of an array or a map: its number of items, 0 at the end. The byte size
    /// that goes with a negative count is passed over: the items say where they end, and a second opinion
    /// could only contradict them.
    pub(crate) fn items(&mut self) -> Result<u64, DatumError> {
        let count = self.long()?;
        if count < 0 {
            self.long()?;
        }
        Ok(count.unsigned_abs())
    }
}

/// The low seven bits of each byte, side by side.
const fn seven_bits_of_each(word: u64) -> u64 {
    let pairs = (word & 0x007f_007f_007f_007f) | (word & 0x7f00_7f00_7f00_7f00) >> 1;
    let quads = (pairs & 0x0000_3fff_0000_3fff) | (pairs & 0x3fff_0000_3fff_0000) >> 2;
    (quads & 0x0fff_ffff) | (quads & 0x0fff_ffff_0000_0000) >> 4
}

const fn unzigzag(encoded: u64) -> i64 {
    (encoded >> 1) as i64 ^ -((encoded & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_integers_of_every_length() {
        let long = |bytes: &[u8]| Cursor::new(bytes).long();
        assert_eq!(long(&[0]), Ok(0));
        assert_eq!(long(&[1]), Ok(-1));
        assert_eq!(long(&[0x7f]), Ok(-64));
        assert_eq!(long(&[0x80, 1]), Ok(64));
        assert_eq!(
            long(&[0xff; 9].iter().copied().chain([1]).collect::<Vec<_>>()),
            Ok(i64::MIN)
        );
        assert_eq!(long(&[]), Err(DatumError::UnexpectedEnd));
        assert_eq!(long(&[0x80]), Err(DatumError::UnexpectedEnd));
        assert_eq!(long(&[0xff; 10]), Err(DatumError::IntegerTooLong));
        assert_eq!(long(&[0xff; 12]), Err(DatumError::IntegerTooLong));
    }

    #[test]
    fn long_integers_are_read_alike_at_the_end_and_away_from_it() {
        let mut value = 1_i64;
        for _ in 0..64 {
            for near in [value - 1, value, value.wrapping_neg()] {
                let mut data = Vec::new();
                crate::avro::write_long(near, &mut data);
                assert_eq!(Cursor::new(&data).long(), Ok(near));
                let length = data.len();
                data.extend_from_slice(&[0xff; 12]);
                let mut cursor = Cursor::new(&data);
                assert_eq!(cursor.long(), Ok(near));
                assert_eq!(cursor.rest().len(), data.len() - length);
            }
            value = value.wrapping_mul(2).wrapping_add(1);
        }
    }

    #[test]
    fn never_believes_a_length() {
        assert_eq!(Cursor::new(&[0x01]).text(), Err(DatumError::BadLength(-1)));
        let huge = [
            0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, b'x',
        ];
        assert_eq!(Cursor::new(&huge).text(), Err(DatumError::UnexpectedEnd));
        assert_eq!(Cursor::new(&[2]).boolean(), Err(DatumError::BadBoolean(2)));
        assert_eq!(
            Cursor::new(&[1, 2]).fixed::<3>(),
            Err(DatumError::UnexpectedEnd)
        );
    }
}
