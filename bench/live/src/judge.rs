//! The whole way of `sysflow run`: what the probe sees is joined to records, both are judged, and alerts are written
//! as JSON, here to where nothing is kept.

use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use sysflow_collect::{Config, EventView};
use sysflow_export::alert::{Alert, JsonEncoder};
use sysflow_export::observation::Observation;
use sysflow_field::{Arg, FieldId, View};
use sysflow_pipeline::live::{self, LiveSink, ProbeOptions, Pulse};
use sysflow_pipeline::policies::{Rules, Views, read_files};
use sysflow_pipeline::signals::Signals;
use sysflow_pipeline::stream::{Fault, Sink};
use sysflow_policy::{Evaluator, LoadOptions, RuleSet};
use sysflow_record::entity::Joined;

use crate::watch::{Moment, is_over};

/// Watches, judging by the rules of a file or directory, until it is over. Returns where it began and ended, and how
/// many alerts there were.
pub(crate) fn watch(probe: ProbeOptions, rules: &str) -> Result<(Moment, Moment, u64)> {
    let files = read_files(&[PathBuf::from(rules)])?;
    let rules = Rules::load(files, &LoadOptions::default(), Views::Both);
    let running = rules.running();
    ensure!(running > 0, "none of the rules can run");
    if running < rules.count {
        eprintln!("{running} of {} rules run", rules.count);
    }
    let mut sink = Judging {
        records: Side::new(&rules.records),
        events: Side::new(&rules.events),
        rules,
        teller: Teller {
            out: File::create("/dev/null")?,
            buffer: Vec::new(),
            alerts: 0,
        },
        end: None,
    };
    let options = live::Options {
        probe,
        collect: Config::default(),
        entities: false,
        duration: None,
        written: Vec::new(),
    };
    let mut begin = None;
    let watched = live::watch(&options, &Signals::listen()?, &mut sink, |probe, _| {
        begin = Some(Moment::now(probe));
        println!("ready");
    })?;
    if let Some(error) = watched.stopped.flatten() {
        return Err(error);
    }
    let begin = begin.context("it has never begun")??;
    let end = sink.end.context("it was ended by a signal")?;
    Ok((begin, end, sink.teller.alerts))
}

/// What rules need on one view.
struct Side<V: View> {
    evaluator: Evaluator,
    matches: Vec<usize>,
    /// For each rule the fields that its output names.
    fields: Vec<Vec<(String, FieldId, Arg)>>,
    json: JsonEncoder<V>,
}

impl<V: Observation> Side<V> {
    fn new(rules: &RuleSet<V>) -> Self {
        let fields = rules.rules().iter().map(|rule| {
            let fields = rule
                .output
                .iter()
                .flat_map(sysflow_policy::Template::fields);
            fields
                .map(|field| (field.name.clone(), field.field, field.arg.clone()))
                .collect()
        });
        Self {
            evaluator: Evaluator::new(),
            matches: Vec::new(),
            fields: fields.collect(),
            json: JsonEncoder::new(String::new()),
        }
    }
}

/// Where alerts go.
struct Teller {
    out: File,
    buffer: Vec<u8>,
    alerts: u64,
}

impl Teller {
    /// Judges one observation. `S` is `V` of another lifetime.
    fn judge<V: Observation, S: Observation>(
        &mut self,
        rules: &RuleSet<V>,
        side: &mut Side<S>,
        view: &V,
    ) -> ControlFlow<Option<anyhow::Error>> {
        let Side {
            evaluator, matches, ..
        } = side;
        matches.clear();
        evaluator.rules(rules, view, |id, _| matches.push(id.0 as usize));
        if side.matches.is_empty() {
            return ControlFlow::Continue(());
        }
        for index in &side.matches {
            let rule = &rules.rules()[*index];
            let output = rule.output.as_ref().map(|output| {
                let mut rendered = String::new();
                output.render(view, &mut rendered);
                rendered
            });
            let alert = Alert {
                rule: &rule.name,
                priority: rule.priority.name(),
                tags: &rule.tags,
                output: output.as_deref(),
                fields: &side.fields[*index],
                view,
            };
            side.json.write(&alert, &mut self.buffer);
            self.alerts += 1;
        }
        let written = self.out.write_all(&self.buffer);
        self.buffer.clear();
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Some(error.into())),
        }
    }
}

/// Judges records and operations.
struct Judging {
    rules: Rules,
    records: Side<Joined<'static>>,
    events: Side<EventView<'static>>,
    teller: Teller,
    end: Option<Moment>,
}

impl Sink for Judging {
    /// What has failed; nothing where it was told to stop.
    type Stop = Option<anyhow::Error>;

    const WANTS_EVENTS: bool = true;

    fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<Self::Stop> {
        self.teller
            .judge(&self.rules.records, &mut self.records, joined)
    }

    fn event(&mut self, view: &EventView<'_>) -> ControlFlow<Self::Stop> {
        self.teller
            .judge(&self.rules.events, &mut self.events, view)
    }

    fn fault(&mut self, fault: &Fault) {
        eprintln!("{fault}");
    }
}

impl LiveSink for Judging {
    fn pulse(&mut self, pulse: &Pulse<'_>) -> ControlFlow<Self::Stop, Option<String>> {
        if !is_over() {
            return ControlFlow::Continue(None);
        }
        match Moment::now(pulse.probe) {
            Ok(moment) => {
                self.end = Some(moment);
                ControlFlow::Break(None)
            }
            Err(error) => ControlFlow::Break(Some(error.into())),
        }
    }

    fn asks_for(&self, operation: &str) -> bool {
        self.rules.events.asks_for(operation)
    }
}
