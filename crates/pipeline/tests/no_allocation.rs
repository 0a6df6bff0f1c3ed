//! Judging what no rule is about allocates nothing, once the working memory has grown.

#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use sysflow_collect::{Collector, Config, EventView, EventsOnly};
use sysflow_export::observation::Observation;
use sysflow_field::View;
use sysflow_pipeline::inputs;
use sysflow_pipeline::judging::Judgement;
use sysflow_pipeline::policies::{self, Rules, Views};
use sysflow_pipeline::progress::Progress;
use sysflow_pipeline::stream::{self, Fault, Options, Sink};
use sysflow_policy::{LoadOptions, RuleSet};
use sysflow_record::entity::Joined;
use sysflow_story::Story;

/// What all of these rules say of each observation.
struct Judge<'r> {
    rules: &'r Rules,
    records: Judgement,
    events: Judgement,
    seen: Seen,
}

#[derive(Debug, Default)]
struct Seen {
    quiet: u64,
    matching: u64,
    allocations: u64,
}

impl<'r> Judge<'r> {
    fn new(rules: &'r Rules) -> Self {
        Self {
            rules,
            records: Judgement::new(&rules.records),
            events: Judgement::new(&rules.events),
            seen: Seen::default(),
        }
    }
}

impl Seen {
    fn judge<V: View>(&mut self, by: &mut Judgement, rules: &RuleSet<V>, view: &V, time: i64) {
        let (mut matches, mut steps) = (0, 0);
        let of_memory = allocation_counter::measure(|| {
            let (_, found) = by.judge_each(rules, view, time, |_, taken| steps += taken.len());
            matches = found.len();
        });
        // A step that is taken is remembered.
        if matches == 0 && steps == 0 {
            self.quiet += 1;
            self.allocations += of_memory.count_total;
        } else {
            self.matching += 1;
        }
    }
}

impl Sink for Judge<'_> {
    type Stop = ();

    const WANTS_EVENTS: bool = true;

    fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<()> {
        let by = &mut self.records;
        self.seen
            .judge(by, &self.rules.records, joined, joined.ts());
        ControlFlow::Continue(())
    }

    fn event(&mut self, view: &EventView<'_>) -> ControlFlow<()> {
        let by = &mut self.events;
        self.seen.judge(by, &self.rules.events, view, view.ts());
        ControlFlow::Continue(())
    }

    fn fault(&mut self, fault: &Fault) {
        panic!("{fault}");
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn load(path: &Path) -> Rules {
    let files = policies::read_files(&[path.to_owned()]).unwrap();
    let rules = Rules::load(files, &LoadOptions::default(), Views::Both);
    assert!(rules.running() > 10);
    rules
}

/// What is seen of a recording when it is judged for the second time.
fn again(rules: &Rules, recording: &Path) -> Seen {
    let inputs = inputs::expand(&[recording.to_owned()]).unwrap();
    let mut judge = Judge::new(rules);
    for _ in 0..2 {
        judge.seen = Seen::default();
        let quiet = Progress::new(None, false);
        stream::read(&inputs, Options::default(), &quiet, &mut judge);
    }
    judge.seen
}

#[test]
fn records_that_match_nothing_cost_no_memory() {
    let rules = load(&repository().join("policies"));
    let seen = again(&rules, &repository().join("examples/web-intrusion.sf"));
    assert!(seen.quiet > 50, "{seen:?}");
    assert_eq!(seen.allocations, 0, "{seen:?}");
}

#[test]
fn operations_that_match_nothing_cost_no_memory() {
    let rules = load(&repository().join("policies"));
    let story = Story::parse(
        "\
- process: {pid: 100, exe: /usr/sbin/nginx, user: www-data, uid: 33, container: web}
- process: {pid: 200, exe: /usr/bin/make, args: all, cwd: /home/u/project}
- open: {pid: 100, path: /var/www/index.html, fd: 7, repeat: 20}
- read: {pid: 100, fd: 7, bytes: 300}
- write: {pid: 100, fd: 7, data: abc}
- close: {pid: 100, fd: 7}
- fork: {pid: 200, child: 201}
- exec: {pid: 201, exe: /usr/bin/cc, args: -c a.c -o a.o}
- open: {pid: 201, path: /home/u/project/a.o, flags: [write, create], fd: 3}
- rename: {pid: 201, from: /home/u/project/a.o, to: /home/u/project/b.o}
- unlink: {pid: 201, path: /home/u/project/b.o}
- exit: {pid: 201}
- connect: {pid: 100, fd: 9, to: '10.0.0.9:5432'}
- send: {pid: 100, fd: 9, bytes: 512, times: 20}
",
    )
    .unwrap();
    let (mut judgement, mut seen) = (Judgement::new(&rules.events), Seen::default());
    for _ in 0..2 {
        seen = Seen::default();
        let take = EventsOnly(|view: &EventView<'_>| {
            seen.judge(&mut judgement, &rules.events, view, view.ts());
        });
        let mut collector = Collector::new(Config::default(), take);
        story.play(&mut collector).unwrap();
        let _ = collector.finish();
    }
    assert!(seen.quiet > 40, "{seen:?}");
    assert_eq!(seen.allocations, 0, "{seen:?}");
}

/// The published rules of Falco, over a capture of a server.
#[test]
fn a_capture_that_matches_nothing_costs_no_memory() {
    let data = repository().join("../shared/data");
    if !data.is_dir() {
        println!("skipped: {} is not there", data.display());
        return;
    }
    let rules = load(&data.join("falco-rules"));
    let seen = again(&rules, &data.join("capture/nginx-nginx.scap"));
    assert!(seen.quiet > 10_000, "{seen:?}");
    assert_eq!(seen.allocations, 0, "{seen:?}");
}
