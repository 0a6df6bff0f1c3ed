//! Captures of system calls: state alone, and state with rules.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use serde_json::json;
use sysflow_collect::EventView;
use sysflow_export::observation::Observation;
use sysflow_pipeline::inputs;
use sysflow_pipeline::judging::Judgement;
use sysflow_pipeline::policies::{Rules, Views};
use sysflow_pipeline::progress::Progress;
use sysflow_pipeline::stream::{self, Fault, Options, Sink};
use sysflow_policy::{LoadOptions, Selection, Selector};
use sysflow_record::entity::Joined;

use crate::{fastest, with_filler};

/// Takes records and nothing else.
struct Records;

impl Sink for Records {
    type Stop = ();

    fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<()> {
        black_box(joined);
        ControlFlow::Continue(())
    }

    fn fault(&mut self, fault: &Fault) {
        eprintln!("{fault}");
    }
}

/// Asks all rules.
struct Judge<'r> {
    rules: &'r Rules,
    records: Judgement,
    events: Judgement,
    operations: u64,
    matches: u64,
}

impl Sink for Judge<'_> {
    type Stop = ();

    const WANTS_EVENTS: bool = true;

    fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<()> {
        let (_, matches) = self.records.judge(&self.rules.records, joined, joined.ts());
        self.matches += matches.len() as u64;
        ControlFlow::Continue(())
    }

    fn operations(&self) -> u64 {
        self.operations
    }

    fn event(&mut self, view: &EventView<'_>) -> ControlFlow<()> {
        let (_, matches) = self.events.judge(&self.rules.events, view, view.ts());
        self.matches += matches.len() as u64;
        ControlFlow::Continue(())
    }

    fn fault(&mut self, fault: &Fault) {
        eprintln!("{fault}");
    }
}

/// Measures and prints.
pub(crate) fn measure(paths: &[PathBuf], rules: &[PathBuf], filler: usize) -> Result<()> {
    let inputs = inputs::expand(paths)?;
    let quiet = Progress::new(None, false);
    let (mut blocks, mut events) = (0, 0);
    let state = fastest(|| {
        let (tally, _) = stream::read(&inputs, Options::default(), &quiet, &mut Records);
        (blocks, events) = (tally.blocks, tally.system_calls);
        Ok(())
    })?;
    let mut report = json!({
        "blocks": blocks,
        "events": events,
        "seconds": {"state": state.as_secs_f64()},
        "blocks_per_second": {"state": blocks as f64 / state.as_secs_f64()},
    });
    for (task, filler) in [("rules", 0), ("rules_with_filler", filler)] {
        let begin = Instant::now();
        let files = with_filler(rules, filler)?;
        let options = LoadOptions {
            selection: vec![Selection {
                enable: true,
                rules: Selector::Name("*".to_owned()),
            }],
            ..LoadOptions::default()
        };
        let rules = Rules::load(files, &options, Views::Both);
        eprintln!(
            "{} of {} rules run, loaded in {:.1?}",
            rules.running(),
            rules.count,
            begin.elapsed()
        );
        let mut matches = 0;
        let time = fastest(|| {
            let mut judge = Judge {
                records: Judgement::new(&rules.records),
                events: Judgement::new(&rules.events),
                operations: rules.events.operations(),
                rules: &rules,
                matches: 0,
            };
            stream::read(&inputs, Options::default(), &quiet, &mut judge);
            matches = judge.matches;
            Ok(())
        })?;
        report["seconds"][task] = time.as_secs_f64().into();
        report["blocks_per_second"][task] = (blocks as f64 / time.as_secs_f64()).into();
        report["matches"] = matches.into();
    }
    println!("{report}");
    Ok(())
}
