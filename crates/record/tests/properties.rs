//! What must hold for all records: the encoding loses nothing that its schema version can carry.

#![allow(clippy::unwrap_used)]

mod arbitrary;

use arbitrary::{Parts, VERSIONS, cases, parts, restricted};
use proptest::collection::vec;
use proptest::prelude::*;
use sysflow_record::avro::{Cursor, Plan};
use sysflow_record::entity::Tables;
use sysflow_record::model::schema_json;
use sysflow_record::wire::{Dialect, decode_message};

fn encoded(parts: &Parts, version: u32) -> Option<Vec<u8>> {
    let mut datum = Vec::new();
    let is_written = parts.with_record(|record| record.write(version, &mut datum));
    assert_eq!(is_written, parts.kind().since() <= version);
    assert_eq!(is_written, !datum.is_empty());
    is_written.then_some(datum)
}

fn plans(version: u32) -> [Plan; 2] {
    let from_schema = Plan::for_schema(schema_json(version).as_bytes()).unwrap();
    [Plan::for_version(version), from_schema]
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn records_are_read_as_they_were_written(parts in parts()) {
        for version in VERSIONS {
            let Some(datum) = encoded(&parts, version) else {
                continue;
            };
            prop_assert_eq!(encoded(&parts, version), Some(datum.clone()), "not the same twice");
            let plan = Plan::for_version(version);
            let mut cursor = Cursor::new(&datum);
            let read = plan.read(&mut cursor).unwrap().unwrap();
            prop_assert!(cursor.is_empty());
            parts.with_record(|record| {
                prop_assert_eq!(read, restricted(record, version), "schema {}", version);
                Ok(())
            })?;
            let mut again = Vec::new();
            prop_assert!(read.write(version, &mut again));
            prop_assert_eq!(again, datum);
        }
    }

    /// A datum that ends early is an error at every byte, and nothing else is.
    #[test]
    fn no_part_of_a_datum_is_a_datum(parts in parts()) {
        let datum = encoded(&parts, 100).unwrap();
        let plan = Plan::for_version(100);
        for cut in 0..datum.len() {
            prop_assert!(plan.read(&mut Cursor::new(&datum[..cut])).is_err(), "cut at {}", cut);
        }
    }

    #[test]
    fn noise_does_no_harm(noise in vec(any::<u8>(), 0..400), branch in 0_u8..13) {
        let datum = [&[branch * 2], &noise[..]].concat();
        let mut tables = Tables::default();
        for version in VERSIONS {
            if let Ok(Some(record)) = Plan::for_version(version).read(&mut Cursor::new(&datum)) {
                let _ = format!("{record:?}");
                let _ = tables.join_all(&record);
            }
        }
        for announced in [5, 100, 101] {
            let _ = decode_message(&Dialect::announced(announced), &datum);
        }
    }
}

proptest! {
    #![proptest_config(cases(64))]

    /// Schemas are read as what they stand for.
    #[test]
    fn the_plan_for_a_schema_is_the_plan_for_its_version(all in vec(parts(), 50)) {
        for version in VERSIONS {
            let [by_version, by_schema] = plans(version);
            for parts in &all {
                let Some(datum) = encoded(parts, version) else {
                    continue;
                };
                let expected = by_version.read(&mut Cursor::new(&datum)).unwrap();
                let read = by_schema.read(&mut Cursor::new(&datum)).unwrap();
                prop_assert_eq!(read, expected);
            }
        }
    }
}
