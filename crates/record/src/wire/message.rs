//! Messages: what a datum of the socket means.

use thiserror::Error;

use crate::avro::{Cursor, DatumError, Plan};
use crate::{CLASSIC_VERSION, NATIVE_VERSION, Record};

/// Versions from here on are what the first schema called itself (1000, 1001), not native ones.
const FIRST_SCHEMA_NAMES: i64 = 1000;

/// Why a message is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MessageProblem {
    /// The datum is damaged, or of another schema.
    #[error(transparent)]
    Datum(#[from] DatumError),
    /// More bytes follow the record than its schema knows.
    #[error("{0} bytes are left over after the record")]
    TrailingData(usize),
}

/// The schema version that a peer speaks.
#[derive(Clone, Debug)]
pub struct Dialect {
    version: u32,
    plan: Plan,
    /// A version newer than ours: fields are only ever appended, so what we do not know comes last.
    is_newer: bool,
}

impl Default for Dialect {
    /// Schema 5, which is spoken before a header announces anything else.
    fn default() -> Self {
        Self::of_version(CLASSIC_VERSION)
    }
}

impl Dialect {
    fn of_version(version: u32) -> Self {
        Self {
            version,
            plan: Plan::for_version(version),
            is_newer: false,
        }
    }

    /// The dialect that a header's `version` announces: 3 and 4 themselves, everything from 100 to 999
    /// native, anything else schema 5. Headers read alike in all of these, and only in these.
    pub fn announced(version: i64) -> Self {
        match version {
            3 => Self::of_version(3),
            4 => Self::of_version(4),
            native if (i64::from(NATIVE_VERSION)..FIRST_SCHEMA_NAMES).contains(&native) => Self {
                is_newer: native > i64::from(NATIVE_VERSION),
                ..Self::of_version(NATIVE_VERSION)
            },
            _ => Self::default(),
        }
    }

    /// The schema version by which messages are read.
    pub const fn version(&self) -> u32 {
        self.version
    }
}

/// Reads the record of a message.
pub fn decode_message<'a>(
    dialect: &Dialect,
    message: &'a [u8],
) -> Result<Record<'a>, MessageProblem> {
    let mut cursor = Cursor::new(message);
    let Some(record) = dialect.plan.read(&mut cursor)? else {
        // Plans of our own versions know all their branches.
        return Err(MessageProblem::TrailingData(message.len()));
    };
    let left_over = cursor.rest().len();
    // A header that announces a newer version is itself of that version.
    let announces_newer = match &record {
        Record::Header(header) => Dialect::announced(header.version).is_newer,
        _ => false,
    };
    if left_over > 0 && !dialect.is_newer && !announces_newer {
        return Err(MessageProblem::TrailingData(left_over));
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Header, Loss};

    fn header(version: i64) -> Vec<u8> {
        let mut message = Vec::new();
        let header = Header {
            version,
            ..Header::default()
        };
        assert!(Record::Header(header).write(CLASSIC_VERSION, &mut message));
        message
    }

    #[test]
    fn headers_announce_their_dialect() {
        let spoken = |version| Dialect::announced(version).version();
        let versions = [3, 4, 5, 6, 99, 100, 101, 999, 1000, 1001, -1, i64::MAX];
        let expected = [3, 4, 5, 5, 5, 100, 100, 100, 5, 5, 5, 5];
        assert_eq!(versions.map(spoken), expected);
    }

    #[test]
    fn left_over_bytes_are_refused_unless_the_peer_is_newer() {
        let mut message = header(5);
        assert!(decode_message(&Dialect::default(), &message).is_ok());
        message.push(0);
        let refused = decode_message(&Dialect::default(), &message);
        assert_eq!(refused, Err(MessageProblem::TrailingData(1)));
        let mut newer = header(101);
        newer.push(0);
        assert!(decode_message(&Dialect::default(), &newer).is_ok());
    }

    #[test]
    fn kinds_of_the_native_schema_need_its_announcement() {
        let mut message = Vec::new();
        assert!(Record::Loss(Loss::default()).write(NATIVE_VERSION, &mut message));
        let classic = decode_message(&Dialect::default(), &message);
        assert_eq!(classic, Err(DatumError::BadBranch(12).into()));
        assert!(decode_message(&Dialect::announced(100), &message).is_ok());
        let empty = decode_message(&Dialect::default(), &[]);
        assert_eq!(empty, Err(DatumError::UnexpectedEnd.into()));
    }
}
