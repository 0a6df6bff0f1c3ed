//! The macro by which records are declared.

use crate::avro::{Cursor, DatumError, RecordShape};

/// A record type of the model.
pub trait Model<'a>: Sized + Default {
    /// Its shape: names, types and versions of the fields.
    const RECORD: &'static RecordShape;

    /// Reads the fields that schema `version` has; later ones keep their defaults.
    fn read_version(cursor: &mut Cursor<'a>, version: u32) -> Result<Self, DatumError>;

    /// Reads the field at `index` of [`RECORD`](Self::RECORD).
    fn read_field(&mut self, index: usize, cursor: &mut Cursor<'a>) -> Result<(), DatumError>;

    /// Appends the fields that schema `version` has.
    fn write_version(&self, version: u32, out: &mut Vec<u8>);
}

/// Declares a record: `name = "full.name" { field: Type = "avroName" since version [default json], … }`.
///
/// The default of the Rust field is the default of its type, or what stands after `or`.
macro_rules! avro_record {
    (
        $(#[$doc:meta])*
        $name:ident $(<$life:lifetime>)? = $full:literal {
            $(
                $(#[$field_doc:meta])*
                $field:ident : $type:ty = $avro:literal since $since:literal
                $(or $value:expr)? $(, default $default:literal)?
            );* $(;)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name $(<$life>)? {
            $( $(#[$field_doc])* pub $field: $type, )*
        }

        impl $(<$life>)? Default for $name $(<$life>)? {
            fn default() -> Self {
                Self { $( $field: avro_record!(@value $($value)?), )* }
            }
        }

        impl<'a> $crate::model::Model<'a> for $name $(<$life>)? {
            const RECORD: &'static $crate::avro::RecordShape = &$crate::avro::RecordShape {
                name: $full,
                fields: &[ $(
                    $crate::avro::FieldShape {
                        name: $avro,
                        shape: <$type as $crate::avro::Datum<'a>>::SHAPE,
                        since: $since,
                        default: avro_record!(@default $($default)?),
                    },
                )* ],
            };

            #[inline]
            fn read_version(
                cursor: &mut $crate::avro::Cursor<'a>,
                version: u32,
            ) -> Result<Self, $crate::avro::DatumError> {
                Ok(Self { $(
                    $field: if $since <= 1 || version >= $since {
                        $crate::avro::Datum::read(cursor)?
                    } else {
                        avro_record!(@value $($value)?)
                    },
                )* })
            }

            fn read_field(
                &mut self,
                index: usize,
                cursor: &mut $crate::avro::Cursor<'a>,
            ) -> Result<(), $crate::avro::DatumError> {
                let mut position = 0;
                $(
                    if position == index {
                        self.$field = $crate::avro::Datum::read(cursor)?;
                        return Ok(());
                    }
                    position += 1;
                )*
                let _ = position;
                Ok(())
            }

            fn write_version(&self, version: u32, out: &mut Vec<u8>) {
                $(
                    if $since <= 1 || version >= $since {
                        $crate::avro::Datum::write(&self.$field, out);
                    }
                )*
            }
        }
    };
    (@value) => { Default::default() };
    (@value $value:expr) => { $value };
    (@default) => { None };
    (@default $default:literal) => { Some($default) };
}
