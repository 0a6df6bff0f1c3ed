//! Captures of system calls, turned into records by both profiles.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sysflow_collect::source::scap::ScapSource;
use sysflow_collect::{Collector, Config, Context, Generation, Limits};
use sysflow_fuzz::Walk;
use sysflow_record::Record;
use sysflow_scap::Capture;

/// Small tables, so that a short input can fill them.
const LIMITS: Limits = Limits {
    threads: 64,
    descriptors: 64,
    processes: 64,
    files: 64,
    flows: 64,
    containers: 8,
};

const LARGEST_BLOCK: u32 = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let clean = Config {
        limits: LIMITS,
        ..Config::default()
    };
    let strict = Config {
        limits: LIMITS,
        ..Config::strict(Generation::Libs017)
    };
    collect(data, clean);
    collect(data, strict);
});

fn collect(data: &[u8], config: Config) {
    let Ok(mut capture) = Capture::open_with_limit(data, LARGEST_BLOCK) else {
        return;
    };
    let mut walk = Walk::default();
    let sink = |record: &Record<'_>, _: &Context<'_>| walk.record(record);
    let mut collector = Collector::new(config, sink);
    let mut source = ScapSource::new();
    // Every step uses up some of the input.
    for _ in 0..=2 * data.len() {
        match capture.next() {
            Ok(Some(item)) => source.translate(&item, &mut collector),
            Ok(None) => {
                let _ = collector.finish();
                return;
            }
            Err(_) => collector.lost("block", "damaged", 1),
        }
    }
    panic!("the reader does not advance");
}
