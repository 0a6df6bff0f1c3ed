#![allow(clippy::expect_used, reason = "a test")]
//! Whatever a capture says that operations did, they are collected by both profiles, shown and asked.

use std::ops::ControlFlow;

use proptest::prelude::*;
use sysflow_collect::source::scap::ScapSource;
use sysflow_collect::{Collector, Config, Context, EventView, Generation, RecordSink};
use sysflow_field::{Arg, FieldId, View};
use sysflow_record::{NATIVE_VERSION, Record};
use sysflow_scap::{Capture, Item, fuzzing};

/// Shows everything, and counts what it saw.
#[derive(Default)]
struct Seen {
    bytes: Vec<u8>,
    operations: u64,
    values: u64,
}

impl RecordSink for Seen {
    const WANTS_EVENTS: bool = true;

    fn record(&mut self, record: &Record<'_>, _: &Context<'_>) {
        self.bytes.clear();
        assert!(record.write(NATIVE_VERSION, &mut self.bytes));
    }

    fn event(&mut self, view: &EventView<'_>) {
        self.operations += 1;
        self.bytes.clear();
        sysflow_collect::view::line(view, &mut self.bytes);
        for index in 0..EventView::catalogue().fields.len() {
            let field = FieldId(u16::try_from(index).expect("the catalogue is small"));
            for argument in [Arg::None, Arg::Index(1)] {
                view.visit(field, &argument, |_| {
                    self.values += 1;
                    ControlFlow::Continue(())
                });
            }
        }
    }
}

/// The number of events that were read, and of operations that were shown.
fn collect(capture: &[u8], config: Config) -> (u64, u64) {
    let mut capture = Capture::open(capture).expect("a capture");
    let mut collector = Collector::new(config, Seen::default());
    let mut source = ScapSource::new();
    let mut events = 0;
    while let Some(item) = capture.next().expect("all blocks are sound") {
        events += u64::from(matches!(item, Item::Event(_)));
        source.translate(&item, &mut collector);
    }
    let seen = collector.finish();
    assert!(seen.operations == 0 || seen.values > seen.operations);
    (events, seen.operations)
}

proptest! {
    #[test]
    fn any_operations_are_collected_and_shown(choices in prop::collection::vec(any::<u8>(), 0..3_000)) {
        let capture = fuzzing::capture_of(&choices);
        for config in [Config::default(), Config::strict(Generation::Libs017)] {
            let (events, operations) = collect(&capture, config);
            prop_assert!(operations <= events);
            prop_assert!(choices.len() < 2_000 || operations > 0);
        }
    }
}
