//! Captures, event by event.

use std::path::{Path, PathBuf};

use sysflow_collect::source::scap::ScapSource;
use sysflow_collect::{Collector, Config, EventView, EventsOnly};
use sysflow_policy::{Condition, Evaluator};
use sysflow_scap::Capture;

/// The folder of data that are not part of this repository.
pub fn data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !folder.is_dir() {
        eprintln!("skipped: there is no {}", folder.display());
        return None;
    }
    Some(folder)
}

/// Replays a capture and shows each event.
pub fn each_event(capture: &Path, see: impl FnMut(&EventView<'_>)) {
    let file = std::fs::File::open(capture).unwrap();
    let mut collector = Collector::new(Config::default(), EventsOnly(see));
    let mut source = ScapSource::new();
    let mut capture = Capture::open(file).unwrap();
    while let Some(item) = capture.next().unwrap() {
        source.translate(&item, &mut collector);
    }
    collector.finish();
}

/// Whether a condition is true of an event: both have one catalogue, whatever the view borrows.
pub fn matches<'a>(
    evaluator: &mut Evaluator,
    condition: &Condition<EventView<'a>>,
    view: &EventView<'a>,
) -> bool {
    evaluator.condition(condition, view)
}
