//! What the original processor answers on recordings made by others, held against ours.
//!
//! All numbers of the original were measured on its engine, with the faults in its data put right (names of
//! operations, flow counters, ancestry). Where we differ, both numbers and the reason stand in a table, and
//! our number is asserted: nothing is waved through.
//!
//! The recordings and policies lie beside the repository; without them the tests say so and pass.

mod captures;
mod conditions;
mod falco_rules;
mod judged;
mod policies;
mod rules;
mod sigma;
mod totals;
mod unit_rules;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use sysflow_pipeline::inputs::Input;
use sysflow_pipeline::policies::RecordRules;
use sysflow_pipeline::progress::Progress;
use sysflow_pipeline::stream::{self, Fault, Options, Sink};
use sysflow_pipeline::tally::Tally;
use sysflow_policy::{Condition, Evaluator, LoadOptions, RuleSet, SourceFile};
use sysflow_record::entity::Joined;

/// Recordings that come with the original.
const TRACES: [&str; 8] = [
    "traces/samples/tcp.sf",
    "traces/samples/httpd.sf",
    "traces/samples/shellshock.sf",
    "traces/samples/k8s_small.sf",
    "traces/samples/1621959914",
    "traces/express/mon.1531776682.sf",
    "traces/express/mon.1531776712.sf",
    "traces/express/mon.1531776742.sf",
];

/// Where the data lie, if they do.
fn data() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !path.is_dir() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// Calls `visit` with every event and flow of a recording.
fn for_each_record(path: &Path, visit: impl FnMut(&Joined<'_>)) -> Tally {
    struct Visitor<F>(F);

    impl<F: FnMut(&Joined<'_>)> Sink for Visitor<F> {
        type Stop = ();

        fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<()> {
            (self.0)(joined);
            ControlFlow::Continue(())
        }

        fn fault(&mut self, fault: &Fault) {
            panic!("{fault}");
        }
    }

    let inputs = [Input::File(path.to_owned())];
    let progress = Progress::new(None, false);
    let (tally, _) = stream::read(&inputs, Options::default(), &progress, &mut Visitor(visit));
    tally
}

/// What rules found in a recording.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    /// Records that at least one rule matched.
    passed: u64,
    /// Matches of all rules of a name.
    by_rule: BTreeMap<String, u64>,
}

fn judge(rules: &RecordRules, path: &Path) -> Found {
    let mut evaluator = Evaluator::new();
    let mut found = Found::default();
    for_each_record(path, |joined| {
        let rules: &RuleSet<Joined<'_>> = rules;
        let mut matched = false;
        evaluator.rules(rules, joined, |_, rule| {
            matched = true;
            *found.by_rule.entry(rule.name.clone()).or_default() += 1;
        });
        found.passed += u64::from(matched);
    });
    found
}

/// How many records a condition is true of, or `None` if it is rejected.
fn count(condition: &str, path: &Path) -> Option<u64> {
    let condition = Condition::<Joined<'static>>::parse(condition).ok()?;
    let mut evaluator = Evaluator::new();
    let mut count = 0;
    for_each_record(path, |joined| {
        let condition: &Condition<Joined<'_>> = &condition;
        count += u64::from(evaluator.condition(condition, joined));
    });
    Some(count)
}

/// Rules from a text, and whether anything in it is an error.
fn rules_of(text: &str) -> (RecordRules, bool) {
    let file = SourceFile {
        name: "rules".to_owned(),
        text: text.to_owned(),
    };
    let (rules, problems) = RecordRules::load(vec![file], &LoadOptions::default());
    (rules, problems.errors() > 0)
}
