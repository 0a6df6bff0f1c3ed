//! Captures that the reader takes, of operations that no kernel would tell of.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sysflow_scap::fuzzing;

fuzz_target!(|choices: &[u8]| {
    sysflow_fuzz::collect_by_both(&fuzzing::capture_of(choices));
});
