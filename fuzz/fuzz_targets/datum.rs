//! Single datums, by our own schema versions and by a schema that is part of the input.
//!
//! The first byte says which: 0 is schema 5, 1 is native, 2 is a schema whose length follows in two bytes,
//! lowest first.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sysflow_fuzz::Walk;
use sysflow_record::avro::{Cursor, Plan};
use sysflow_record::{CLASSIC_VERSION, NATIVE_VERSION};

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    match choice {
        0 => read_all(&Plan::for_version(CLASSIC_VERSION), rest),
        1 => read_all(&Plan::for_version(NATIVE_VERSION), rest),
        _ => {
            let Some((length, rest)) = rest.split_first_chunk() else {
                return;
            };
            let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
            let (schema, datums) = rest.split_at(length);
            if let Ok(plan) = Plan::for_schema(schema) {
                read_all(&plan, datums);
            }
        }
    }
});

fn read_all(plan: &Plan, datums: &[u8]) {
    let mut walk = Walk::default();
    let mut cursor = Cursor::new(datums);
    while !cursor.is_empty() {
        match plan.read(&mut cursor) {
            Ok(Some(record)) => walk.record(&record),
            Ok(None) => {}
            Err(_) => return,
        }
    }
}
