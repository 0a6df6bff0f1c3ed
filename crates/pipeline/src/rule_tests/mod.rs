//! Tests of rules: what happened, told in short, and which rules must fire. See `docs/rule-tests.md`.
//!
//! - [`TestFile`]: tests as they are written.
//! - [`Suite`]: runs them with rules. How rules judge is in `judge`, and nowhere else.
//! - `explain`: why a rule did not fire.

mod document;
mod explain;
mod judge;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sysflow_policy::{Code, Diagnostic, LoadOptions, Priority, SourceFile};
use thiserror::Error;

use crate::inputs::{self, Input, InputError};
use crate::policies::{PolicyError, Rules, Views};
use crate::progress::Progress;
use crate::stream;

pub use document::{Expectation, Others, Test, TestFile};
use judge::{Fired, Judge, Where};

/// How names of files with tests end.
pub(crate) const ENDING: &str = ".test.yaml";

/// Tests that cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TestError {
    /// A file or directory cannot be read.
    #[error(transparent)]
    Read(#[from] PolicyError),
    /// A test is not what it should be.
    #[error("{}:{}", .path.display(), .source)]
    Document {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: sysflow_story::Error,
    },
}

/// What became of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is as expected.
    Passed,
    /// Something else happened, in words.
    Failed(Vec<String>),
    /// It could not be run since a rule that it expects does not, in words.
    Blocked(Vec<String>),
}

/// A rule that fired in a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FiredRule {
    /// Its name.
    pub rule: String,
    /// How urgent it is.
    pub priority: Priority,
    /// How often it fired.
    pub count: u64,
    /// What it said first.
    pub output: String,
}

/// A test that was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestReport {
    /// Its name.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// The line on which it begins.
    pub line: u64,
    /// What became of it.
    pub verdict: Verdict,
    /// What fired.
    pub fired: Vec<FiredRule>,
}

/// Rules, and why some of them do not run as they are written.
#[derive(Debug)]
pub struct Suite {
    files: Vec<SourceFile>,
    rules: Rules,
    /// The same for recordings, which hold no operations.
    on_records: Rules,
    /// By name: why a rule does not run.
    idle: BTreeMap<String, String>,
    /// Rules that a test expected to fire and that did.
    tested: BTreeSet<String>,
}

impl Suite {
    /// A suite of tests of these rules.
    pub fn new(files: Vec<SourceFile>) -> Self {
        let mut rules = Rules::load(files.clone(), &LoadOptions::default(), Views::Both);
        let idle = idle_rules(&rules);
        // A rule with a key that is not known is not the rule that was written.
        rules.records.retain(|rule| !idle.contains_key(&rule.name));
        rules.events.retain(|rule| !idle.contains_key(&rule.name));
        let mut on_records = Rules::load(files.clone(), &LoadOptions::default(), Views::Records);
        on_records
            .records
            .retain(|rule| !idle.contains_key(&rule.name));
        Self {
            files,
            rules,
            on_records,
            idle,
            tested: BTreeSet::new(),
        }
    }

    /// Rules that do not run, with the reason.
    pub const fn idle(&self) -> &BTreeMap<String, String> {
        &self.idle
    }

    /// How many rules run.
    pub fn running(&self) -> usize {
        self.rules.running()
    }

    /// Rules that no test so far has made fire.
    pub fn untested(&self) -> Vec<&str> {
        let running = self.names().filter(|name| !self.tested.contains(*name));
        let mut names: Vec<&str> = running
            .chain(self.idle.keys().map(String::as_str))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The names of rules that run.
    fn names(&self) -> impl Iterator<Item = &str> {
        let events = self.rules.events.rules().iter();
        let records = self.rules.records.rules().iter();
        let events = events
            .filter(|rule| rule.enabled)
            .map(|rule| rule.name.as_str());
        events.chain(
            records
                .filter(|rule| rule.enabled)
                .map(|rule| rule.name.as_str()),
        )
    }

    /// Runs a test.
    pub fn run(&mut self, file: &TestFile, test: &Test) -> TestReport {
        let (verdict, fired) = match self.judge(file, test) {
            Ok((complaints, fired)) if complaints.is_empty() => (Verdict::Passed, fired),
            Ok((complaints, fired)) => (Verdict::Failed(complaints), fired),
            Err(verdict) => (verdict, Vec::new()),
        };
        TestReport {
            name: test.name.clone(),
            path: file.path.clone(),
            line: test.line,
            verdict,
            fired: summed_up(&fired),
        }
    }

    fn judge(
        &mut self,
        file: &TestFile,
        test: &Test,
    ) -> Result<(Vec<String>, Vec<Fired>), Verdict> {
        let mut wheres = Vec::with_capacity(test.expect.len());
        let (mut missing, mut wrong) = (Vec::new(), Vec::new());
        for expected in &test.expect {
            if let Some(reason) = self.idle.get(&expected.rule) {
                missing.push(format!("rule `{}` does not run: {reason}", expected.rule));
            } else if !self.names().any(|name| name == expected.rule) {
                missing.push(self.no_such_rule(&expected.rule));
            }
            match Where::compile(self.rules_for(file, test), expected) {
                Ok(condition) => wheres.push(condition),
                Err(reason) => wrong.push(format!("line {}: {reason}", expected.line)),
            }
        }
        if !missing.is_empty() {
            return Err(Verdict::Blocked(missing));
        }
        if !wrong.is_empty() {
            return Err(Verdict::Failed(wrong));
        }
        let mut judge = Judge::new(self.rules_for(file, test), &wheres);
        play(file, test, &mut judge).map_err(|reason| Verdict::Failed(vec![reason]))?;
        let fired = judge.finish();
        let complaints = self.complaints(file, test, &fired);
        Ok((complaints, fired))
    }

    /// The rules that judge what a test tells.
    fn rules_for(&self, file: &TestFile, test: &Test) -> &Rules {
        let has_records_only = test.recording.as_ref().is_some_and(|recording| {
            let input = Input::File(beside(file, recording));
            !input.is_capture()
        });
        if has_records_only {
            &self.on_records
        } else {
            &self.rules
        }
    }

    fn no_such_rule(&self, rule: &str) -> String {
        let lower = rule.to_lowercase();
        let near = self
            .names()
            .map(|name| (strsim::jaro_winkler(&lower, &name.to_lowercase()), name))
            .filter(|(likeness, _)| *likeness > 0.85)
            .max_by(|(a, _), (b, _)| a.total_cmp(b));
        match near {
            Some((_, name)) => {
                format!("there is no rule `{rule}` that runs: did you mean `{name}`?")
            }
            None => format!("there is no rule `{rule}` that runs"),
        }
    }

    fn complaints(&mut self, file: &TestFile, test: &Test, fired: &[Fired]) -> Vec<String> {
        let mut complaints = Vec::new();
        for (index, expected) in test.expect.iter().enumerate() {
            let of_rule = fired.iter().filter(|fired| fired.rule == expected.rule);
            let all = of_rule.clone().count() as u64;
            let count = of_rule.filter(|fired| fired.holds[index]).count() as u64;
            if expected.accepts(count) {
                if count > 0 {
                    self.tested.insert(expected.rule.clone());
                }
                continue;
            }
            let mut complaint = format!("{}, but it fired {}", expected.describe(), times(count));
            if count < all {
                let matched = format!(" ({} in all, others do not match `where`)", times(all));
                complaint.push_str(&matched);
            } else if count == 0
                && let Some(reason) = explain::why_silent(
                    &self.files,
                    self.rules_for(file, test),
                    file,
                    test,
                    &expected.rule,
                )
            {
                complaint = format!("{complaint}: {reason}");
            }
            complaints.push(complaint);
        }
        if test.others == Others::None {
            for other in summed_up(fired) {
                let is_expected = test
                    .expect
                    .iter()
                    .any(|expected| expected.rule == other.rule);
                if !is_expected && test.least.is_none_or(|least| other.priority <= least) {
                    let (rule, count, output) = (&other.rule, times(other.count), &other.output);
                    complaints.push(format!(
                        "no other rule may fire, but `{rule}` did {count}: {output}"
                    ));
                }
            }
        }
        complaints
    }
}

/// Feeds a test's story or recording to a sink.
fn play<S: stream::Sink>(file: &TestFile, test: &Test, sink: &mut S) -> Result<(), String> {
    match &test.recording {
        None => {
            let story = file.scene.then(&test.story);
            let played = stream::play(sink, |collector| story.play(collector));
            played.map_err(|error| error.to_string())
        }
        Some(recording) => {
            let paths = [beside(file, recording)];
            let failed = |error: InputError| error.to_string();
            let found = inputs::expand(&paths).map_err(failed)?;
            let quiet = Progress::new(None, false);
            let (tally, _) = stream::read(&found, stream::Options::default(), &quiet, sink);
            if tally.faults > 0 {
                return Err(format!("{} cannot be read as a whole", paths[0].display()));
            }
            Ok(())
        }
    }
}

/// A recording, whose path starts from the file of its test.
fn beside(file: &TestFile, recording: &Path) -> PathBuf {
    file.path.parent().unwrap_or(Path::new("")).join(recording)
}

fn times(count: u64) -> String {
    match count {
        0 => "not at all".to_owned(),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        count => format!("{count} times"),
    }
}

fn summed_up(fired: &[Fired]) -> Vec<FiredRule> {
    let mut rules: Vec<FiredRule> = Vec::new();
    for one in fired {
        match rules.iter_mut().find(|known| known.rule == one.rule) {
            Some(known) => known.count += 1,
            None => rules.push(FiredRule {
                rule: one.rule.clone(),
                priority: one.priority,
                count: 1,
                output: one.output.clone(),
            }),
        }
    }
    rules
}

/// Rules that do not run as they are written, with the reason.
fn idle_rules(rules: &Rules) -> BTreeMap<String, String> {
    let mut idle = BTreeMap::new();
    for left_out in &rules.left_out {
        let own = rules.problems.leaving_out(&left_out.name).next();
        let reason = own.map_or_else(
            || format!("no view answers it: {}", left_out.told()),
            |problem| told(rules, problem),
        );
        idle.insert(left_out.name.clone(), reason);
    }
    let unknown = rules
        .problems
        .iter()
        .filter(|problem| problem.code == Code::UnknownKey);
    for problem in unknown {
        let file = rules.problems.file_name(problem.span());
        let (start, _) = rules.problems.positions(problem.span());
        let places = rules
            .events
            .rules()
            .iter()
            .map(|rule| (&rule.file, rule.position, &rule.name));
        let others = rules
            .records
            .rules()
            .iter()
            .map(|rule| (&rule.file, rule.position, &rule.name));
        let before = places
            .chain(others)
            .filter(|(own, position, _)| *own == file && position.line <= start.line);
        if let Some((_, _, name)) = before.max_by_key(|(_, position, _)| position.line) {
            idle.entry(name.clone())
                .or_insert_with(|| told(rules, problem));
        }
    }
    idle
}

fn told(rules: &Rules, problem: &Diagnostic) -> String {
    let (start, _) = rules.problems.positions(problem.span());
    let file = rules.problems.file_name(problem.span());
    format!(
        "{file}:{}:{}: {}",
        start.line, start.column, problem.message
    )
}
