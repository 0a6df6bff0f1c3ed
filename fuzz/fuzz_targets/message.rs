//! A stream of socket messages: each is its length in two bytes, lowest first, then its data.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sysflow_fuzz::Walk;
use sysflow_record::Record;
use sysflow_record::wire::{Dialect, decode_message};

fuzz_target!(|data: &[u8]| {
    let mut walk = Walk::default();
    let mut dialect = Dialect::default();
    let mut rest = data;
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
        let (message, after) = after.split_at(length);
        rest = after;
        let Ok(record) = decode_message(&dialect, message) else {
            continue;
        };
        if let Record::Header(header) = &record {
            dialect = Dialect::announced(header.version);
        }
        walk.record(&record);
    }
});
