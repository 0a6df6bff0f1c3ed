//! Captures of system calls, turned into records by both profiles, and shown operation by operation.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    sysflow_fuzz::collect_by_both(data);
});
