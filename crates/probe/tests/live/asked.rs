//! Asking what rules ask: the fields of operations, as the collector answers them from live capture.

use std::io::Read;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use sysflow_collect::{Collector, Config, EventView, EventsOnly};
use sysflow_field::View;
use sysflow_probe::{Options, Probe};

use crate::watch::player;

/// Plays a scene, and returns the values of fields in each operation of the process that plays it, with what it says.
pub fn ask<const N: usize>(
    scene: &str,
    rest: &[&str],
    fields: [&str; N],
) -> (Vec<[String; N]>, String) {
    let own = format!("--play {scene}");
    let mut rows = Vec::new();
    let sink = EventsOnly(|view: &EventView<'_>| {
        if value(view, "proc.cmdline").contains(&own) {
            rows.push(fields.map(|field| value(view, field)));
        }
    });
    let mut collector = Collector::new(Config::default(), sink);
    let mut probe = Probe::load(Options::default()).unwrap_or_else(|error| panic!("{error}"));
    probe.snapshot(&mut collector).unwrap();
    let mut child = player(scene, rest).spawn().unwrap();
    drop(child.stdin.take());
    let end = Instant::now() + Duration::from_secs(30);
    let status = loop {
        let pause = Duration::from_millis(20);
        probe.poll(pause, &mut collector).unwrap();
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < end, "the scene does not end");
    };
    probe.flush(&mut collector).unwrap();
    assert!(status.success(), "the scene failed");
    let statistics = probe.statistics().unwrap();
    assert_eq!((statistics.lost(), statistics.malformed), (0, 0));
    let mut output = String::new();
    let mut said = child.stdout.take().unwrap();
    said.read_to_string(&mut output).unwrap();
    drop(collector);
    (rows, output)
}

/// The values of a field, with blanks between them.
fn value(view: &EventView<'_>, field: &str) -> String {
    let catalogue = EventView::catalogue();
    let resolved = catalogue.resolve(field).unwrap();
    let shown = catalogue.field(resolved.id).shown;
    let mut parts = Vec::new();
    view.visit(resolved.id, &shown.argument(resolved.arg), |value| {
        let mut text = String::new();
        shown.write(&value, &mut text).unwrap();
        parts.push(text);
        ControlFlow::Continue(())
    });
    parts.join(" ")
}
