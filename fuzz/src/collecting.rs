//! Captures turned into records and operations, of which everything is looked at.

use sysflow_collect::source::scap::ScapSource;
use sysflow_collect::{Collector, Config, Context, EventView, Generation, Limits, RecordSink};
use sysflow_record::Record;
use sysflow_scap::Capture;

use crate::Walk;

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

#[derive(Default)]
struct Look(Walk);

impl RecordSink for Look {
    const WANTS_EVENTS: bool = true;

    fn record(&mut self, record: &Record<'_>, _: &Context<'_>) {
        self.0.record(record);
    }

    fn event(&mut self, view: &EventView<'_>) {
        self.0.event(view);
    }
}

/// Collects a capture by both profiles, if it is one.
///
/// # Panics
///
/// If reading does not end.
pub fn collect_by_both(data: &[u8]) {
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
}

fn collect(data: &[u8], config: Config) {
    let Ok(mut capture) = Capture::open_with_limit(data, LARGEST_BLOCK) else {
        return;
    };
    let mut collector = Collector::new(config, Look::default());
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
