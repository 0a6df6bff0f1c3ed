//! Random rules and observations: what the engine answers is what a plain reading of the conditions answers.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| sysflow_policy::fuzzing::agreement(data));
