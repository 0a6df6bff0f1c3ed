//! `sysflow run` on this machine.

use std::io::{IsTerminal, stderr};
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use sysflow_collect::EventView;
use sysflow_pipeline::live::{self, LiveSink, Pulse};
use sysflow_pipeline::policies::{Rules, Views};
use sysflow_pipeline::reload::RuleFiles;
use sysflow_pipeline::signals::Signals;
use sysflow_pipeline::stream::{Fault, Sink};
use sysflow_policy::LoadOptions;
use sysflow_record::entity::Joined;

use super::judge::Judge;
use super::{Arguments, ViewName, errors, tell_problems};
use crate::arguments::ColourChoice;
use crate::built_in;
use crate::command::live::{Status, cannot_watch, tell_missing};
use crate::output::{self, Failure};

/// Judges what happens on this machine until it is told to stop.
pub fn live(arguments: &Arguments, colour: ColourChoice) -> Result<ExitCode, Failure> {
    let views = match arguments.view {
        ViewName::Auto => Views::Both,
        ViewName::Records => Views::Records,
        ViewName::Events => Views::Events,
    };
    let mut files = RuleFiles::new(arguments.policies.clone());
    let texts = if arguments.policies.is_empty() {
        built_in::files()
    } else {
        files.read().context("cannot load rules")?
    };
    let loading = arguments.sigma.options()?;
    let rules = Rules::load(texts, &loading, views);
    let status = Status::new(!arguments.quiet);
    let judge = super::judge(arguments, rules, views, status.bar(), colour)?;
    let signals = Signals::listen()?;
    let running = judge.rules().running();
    let mut sink = Watch {
        judge,
        files,
        loading,
        views,
        status,
        colour,
    };
    let options = live::Options {
        probe: arguments.watching.probe(),
        collect: arguments.capturing.config(),
        entities: false,
        duration: arguments.watching.duration,
        written: Vec::new(),
    };
    let begin = Instant::now();
    let watched = live::watch(&options, &signals, &mut sink, |probe, took| {
        tell_missing(probe.missing_hooks(), colour);
        if !arguments.quiet {
            let took = took.as_secs_f64();
            eprintln!("watching this machine by {running} rules, ready after {took:.1} s");
        }
    });
    let watched = watched.map_err(|error| cannot_watch(&error))?;
    sink.status.finish();
    if let Some(error) = watched.stopped {
        return Err(error.into());
    }
    let cost = sink.status.describe(&watched.tally, &watched.statistics);
    sink.judge.tell_forgotten();
    let (summary, folded) = sink.judge.finish()?;
    if !arguments.quiet {
        let styled = colour.wanted(stderr().is_terminal());
        let took = begin.elapsed();
        eprint!(
            "{}",
            summary.describe(&watched.tally, folded, took, &cost, styled)
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Judges, tells how it goes, and follows changes of the rules.
struct Watch {
    judge: Judge,
    files: RuleFiles,
    loading: LoadOptions,
    views: Views,
    status: Status,
    colour: ColourChoice,
}

impl Watch {
    /// Takes the rules as they are now, unless they have become worse.
    fn reload(&mut self) {
        let colour = self.colour;
        let texts = match self.files.read() {
            Ok(texts) => texts,
            Err(error) => {
                let message = format!("the old rules stay: {error}");
                return self.status.suspend(|| output::error(&message, colour));
            }
        };
        let rules = Rules::load(texts, &self.loading, self.views);
        if rules.running() == 0 || errors(&rules) > errors(self.judge.rules()) {
            return self.status.suspend(|| {
                tell_problems(&rules, colour);
                output::error("the old rules stay, since the new ones have errors", colour);
            });
        }
        let running = rules.running();
        self.judge.replace(rules);
        self.status
            .suspend(|| eprintln!("the rules have changed: {running} run now"));
    }
}

impl Sink for Watch {
    type Stop = std::io::Error;

    const WANTS_EVENTS: bool = true;

    fn wants(&mut self, joined: &Joined<'_>) -> bool {
        self.judge.wants(joined)
    }

    fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<Self::Stop> {
        self.judge.record(joined)
    }

    fn operations(&self) -> u64 {
        self.judge.operations()
    }

    fn event(&mut self, view: &EventView<'_>) -> ControlFlow<Self::Stop> {
        self.judge.event(view)
    }

    fn fault(&mut self, fault: &Fault) {
        self.judge.fault(fault);
    }
}

impl LiveSink for Watch {
    fn pulse(&mut self, pulse: &Pulse<'_>) -> ControlFlow<Self::Stop, Option<String>> {
        let has_files = !self.files.is_empty();
        if has_files && (pulse.reopen || self.files.have_changed()) {
            self.reload();
        }
        let alerts = format!(", {} alerts", self.judge.alerts());
        self.status.pulse(pulse, &alerts);
        ControlFlow::Continue(None)
    }

    fn asks_for(&self, operation: &str) -> bool {
        self.judge.rules().events.asks_for(operation)
    }
}
