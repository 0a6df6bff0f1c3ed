//! The rules that a user names.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sysflow_collect::EventView;
use sysflow_field::View;
use sysflow_policy::{
    Code, Counts, Diagnostic, Diagnostics, FailedRule, LoadOptions, Position, Rule, RuleSet,
    Severity, SourceFile, Span,
};
use sysflow_record::entity::Joined;
use thiserror::Error;

use crate::inputs::Input;
use crate::rule_tests::TestFile;

mod coverage;
mod left_out;

pub use coverage::{Coverage, Covered};
pub use left_out::{LeftOut, Reason};

/// Rules over records.
pub type RecordRules = RuleSet<Joined<'static>>;

/// Rules over operations.
pub type EventRules = RuleSet<EventView<'static>>;

/// What a source lets rules see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Views {
    /// Records alone, as a recording holds them.
    Records,
    /// Operations alone.
    Events,
    /// Operations, and the records that they become: captures and live systems.
    Both,
}

impl Views {
    /// What inputs let rules see. Standard input may hold a capture.
    pub fn of(inputs: &[Input]) -> Self {
        let recording = |input: &Input| matches!(input, Input::File(_)) && !input.is_capture();
        if inputs.iter().all(recording) {
            Self::Records
        } else {
            Self::Both
        }
    }
}

/// Rules, each on the view that can answer it. Where both can, operations are asked: they come first, and
/// tell more.
#[derive(Debug)]
pub struct Rules {
    /// Those that are asked of records.
    pub records: RecordRules,
    /// Those that are asked of operations.
    pub events: EventRules,
    /// What is wrong with the rules, as far as it keeps them from running on these views.
    pub problems: Diagnostics,
    /// Rules of which each view lacks a field, and neither holds all. Nothing of it is in `problems`.
    pub torn: Vec<LeftOut>,
    /// All rules that do not run, with what each view has against them.
    pub left_out: Vec<LeftOut>,
    /// How many rules the files hold.
    pub count: usize,
    /// How many items the files hold.
    pub counts: Counts,
    /// What is wrong on operations, or on the only view there is: this is what Falco would look at.
    pub as_falco: Diagnostics,
}

impl Rules {
    /// Compiles rules for what a source lets them see.
    pub fn load(files: Vec<SourceFile>, options: &LoadOptions, views: Views) -> Self {
        let empty = || RuleSet::load(Vec::new(), options).0;
        match views {
            Views::Records => {
                let (records, problems) = RecordRules::load(files, options);
                Self {
                    count: records.counts().rules,
                    counts: records.counts(),
                    events: RuleSet::load(Vec::new(), options).0,
                    torn: Vec::new(),
                    left_out: alone(&records, &problems),
                    records,
                    as_falco: problems.clone(),
                    problems,
                }
            }
            Views::Events => {
                let (events, problems) = EventRules::load(files, options);
                Self {
                    count: events.counts().rules,
                    counts: events.counts(),
                    records: empty(),
                    torn: Vec::new(),
                    left_out: alone(&events, &problems),
                    events,
                    as_falco: problems.clone(),
                    problems,
                }
            }
            Views::Both => Self::divided(files, options),
        }
    }

    fn divided(files: Vec<SourceFile>, options: &LoadOptions) -> Self {
        let (mut records, on_records) = RecordRules::load(files.clone(), options);
        let (mut events, on_events) = EventRules::load(files, options);
        // A rule that only another rule is to hear of stays with that one.
        let unheard: HashSet<Place> = silent(&records).map(place).collect();
        events.retain(|rule| rule.silent || !unheard.contains(&place(rule)));
        let running = events.rules().iter().filter(|rule| rule.enabled);
        let taken: HashSet<Place> = running.map(place).collect();
        records.retain(|rule| !taken.contains(&place(rule)));

        let views = [
            (Joined::catalogue().source, &on_records),
            (EventView::catalogue().source, &on_events),
        ];
        let lost: HashSet<(&str, Position)> = records.failed().iter().map(failed_place).collect();
        let lost = events
            .failed()
            .iter()
            .filter(|failed| lost.contains(&failed_place(failed)));
        let left_out: Vec<LeftOut> = lost.map(|failed| LeftOut::new(failed, &views)).collect();
        let lost: HashSet<&str> = left_out.iter().map(|rule| rule.name.as_str()).collect();
        let problems = on_both(&on_records, &on_events, &lost, &events, &records);
        let is_torn = |rule: &&LeftOut| problems.leaving_out(&rule.name).next().is_none();
        Self {
            count: events.counts().rules,
            counts: events.counts(),
            torn: left_out.iter().filter(is_torn).cloned().collect(),
            left_out,
            records,
            events,
            problems,
            as_falco: on_events,
        }
    }

    /// How many rules run.
    pub fn running(&self) -> usize {
        let records = self.records.rules().iter().filter(|rule| rule.enabled);
        let events = self.events.rules().iter().filter(|rule| rule.enabled);
        records.count() + events.count()
    }
}

/// What a view alone has against rules.
fn alone<V: View>(rules: &RuleSet<V>, problems: &Diagnostics) -> Vec<LeftOut> {
    let views = [(V::catalogue().source, problems)];
    let failed = rules.failed().iter();
    failed.map(|failed| LeftOut::new(failed, &views)).collect()
}

/// What is wrong whichever view a rule is asked of, and what the view on which it runs has to say of it. `lost`
/// are the rules that run on neither.
fn on_both(
    on_records: &Diagnostics,
    on_events: &Diagnostics,
    lost: &HashSet<&str>,
    events: &EventRules,
    records: &RecordRules,
) -> Diagnostics {
    let spans = |problems: &Diagnostics| -> HashSet<(Span, Code)> {
        let hints = problems.hints();
        problems.iter().chain(hints.iter()).map(about).collect()
    };
    let (places_on_records, places_on_events) = (spans(on_records), spans(on_events));
    // Where rules run: only that view's word counts.
    let events_names = names(events);
    let records_names = names(records);
    let wanted = |problem: &Diagnostic, others: &HashSet<(Span, Code)>, own: &HashSet<&str>| {
        let is_common = others.contains(&about(problem));
        if problem.severity == Severity::Error {
            let mut left_out = problem.leaves_out.iter();
            let keeps_one_out = left_out.any(|name| lost.contains(name.as_str()));
            return if problem.leaves_out.is_empty() {
                is_common
            } else {
                keeps_one_out && (is_common || !left_out::is_missing_field(problem.code))
            };
        }
        match problem.subject() {
            Some(("rule", name)) => own.contains(name),
            _ => is_common,
        }
    };
    let mut problems = on_events.clone();
    problems.retain(|problem| wanted(problem, &places_on_records, &events_names));
    problems.retain_hints(|hint| wanted(hint, &places_on_records, &events_names));
    problems.adopt(on_records, |problem| {
        let is_common = places_on_events.contains(&about(problem));
        !is_common && wanted(problem, &places_on_events, &records_names)
    });
    problems
}

/// What a problem is about. That a view has no such field is the same problem whether it knows why or not.
fn about(problem: &Diagnostic) -> (Span, Code) {
    let code = match problem.code {
        Code::ForeignField => Code::UnknownField,
        code => code,
    };
    (problem.span(), code)
}

/// The names of the rules that run.
fn names<V: View>(rules: &RuleSet<V>) -> HashSet<&str> {
    let running = rules.rules().iter().filter(|rule| rule.enabled);
    running.map(|rule| rule.name.as_str()).collect()
}

fn failed_place(rule: &FailedRule) -> (&str, Position) {
    (&rule.file, rule.position)
}

/// Rules that tell nothing by themselves.
fn silent<V: View>(rules: &RuleSet<V>) -> impl Iterator<Item = &Rule<V>> {
    rules.rules().iter().filter(|rule| rule.silent)
}

/// What tells one rule from another.
type Place = (String, Position);

fn place<V: View>(rule: &Rule<V>) -> Place {
    (rule.file.clone(), rule.position)
}

/// Directories nest no deeper than this; symbolic links may lead in circles.
const DEEPEST: usize = 16;

/// Why rules cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A file or directory cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There are no rule files.
    #[error("{} holds no rule files (*.yaml or *.yml)", .0.display())]
    Empty(PathBuf),
}

/// Reads rule files: each path is a file or a directory, of which all `.yaml` and `.yml` files are read, at
/// any depth, in the order of their paths. Tests of rules (`.test.yaml`) are left out.
pub fn read_files(paths: &[PathBuf]) -> Result<Vec<SourceFile>, PolicyError> {
    find_files(paths)?
        .iter()
        .map(|path| read_file(path))
        .collect()
}

/// The files that [`read_files`] would read.
pub(crate) fn find_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, PolicyError> {
    let mut files = Vec::new();
    for path in paths {
        let before = files.len();
        if path.is_dir() {
            find_in_directory(path, 0, false, &mut files)?;
            if files.len() == before {
                return Err(PolicyError::Empty(path.clone()));
            }
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// Files with tests of rules: the path itself, or those in a directory at any depth.
pub(crate) fn find_tests(path: &Path) -> Result<Vec<PathBuf>, PolicyError> {
    let mut files = Vec::new();
    if path.is_dir() {
        find_in_directory(path, 0, true, &mut files)?;
    } else {
        files.push(path.to_owned());
    }
    Ok(files)
}

/// How to load rules, with another mapping of the names of Sigma rules than the built-in one.
pub fn with_sigma_mapping(path: Option<&Path>) -> Result<LoadOptions, PolicyError> {
    Ok(LoadOptions {
        sigma_mapping: path.map(read_mapping).transpose()?,
        ..LoadOptions::default()
    })
}

/// Reads and compiles rules over records: of each file its text shows the language.
pub fn load(
    paths: &[PathBuf],
    options: &LoadOptions,
) -> Result<(RecordRules, Diagnostics), PolicyError> {
    Ok(RecordRules::load(read_files(paths)?, options))
}

fn read_mapping(path: &Path) -> Result<SourceFile, PolicyError> {
    let text = fs::read_to_string(path).map_err(|source| PolicyError::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(SourceFile {
        name: path.display().to_string(),
        text,
    })
}

/// Reads a file of rules, whose faults are reported when it is loaded.
fn read_file(path: &Path) -> Result<SourceFile, PolicyError> {
    let failed = |source| PolicyError::Read {
        path: path.to_owned(),
        source,
    };
    let bytes = fs::read(path).map_err(failed)?;
    Ok(SourceFile::from_bytes(path.display().to_string(), bytes))
}

fn find_in_directory(
    path: &Path,
    depth: usize,
    tests: bool,
    files: &mut Vec<PathBuf>,
) -> Result<(), PolicyError> {
    let failed = |source| PolicyError::Read {
        path: path.to_owned(),
        source,
    };
    if depth > DEEPEST {
        return Err(failed(io::Error::other("directories nest too deep")));
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        entries.push(entry.map_err(failed)?.path());
    }
    entries.sort();
    for entry in entries {
        let extension = entry.extension().and_then(|extension| extension.to_str());
        if entry.is_dir() {
            find_in_directory(&entry, depth + 1, tests, files)?;
        } else if matches!(extension, Some("yaml" | "yml")) && TestFile::is_one(&entry) == tests {
            files.push(entry);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_read_in_the_order_of_their_paths() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("b")).unwrap();
        for name in ["c.yml", "b/a.yaml", "a.yaml", "a.test.yaml", "notes.txt"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let files = read_files(&[directory.path().to_owned()]).unwrap();
        let names: Vec<_> = files
            .iter()
            .map(|file| file.name.rsplit('/').next().unwrap())
            .collect();
        assert_eq!(names, ["a.yaml", "a.yaml", "c.yml"]);
        assert!(files[1].name.ends_with("b/a.yaml"));
    }

    /// What moves data need not be told one by one where no rule looks at it.
    #[test]
    fn only_what_rules_are_about_is_asked_for() {
        let load = |name: &str, text: &str| {
            let file = SourceFile {
                name: name.to_owned(),
                text: text.to_owned(),
            };
            Rules::load(vec![file], &LoadOptions::default(), Views::Both).events
        };
        let rule = |condition: &str| {
            let text = format!(
                "- rule: R\n  desc: d\n  condition: {condition}\n  output: o\n  priority: NOTICE\n"
            );
            load("rules.yaml", &text)
        };
        let reads = rule("evt.type in (read, openat) and fd.name startswith /etc");
        assert!(reads.asks_for("read") && !reads.asks_for("write"));
        let any = rule("fd.name startswith /etc");
        assert!(any.asks_for("read") && any.asks_for("sendfile") && any.asks_for("vmsplice"));
        let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
        let files = read_files(&[built_in]).unwrap();
        let built_in = Rules::load(files, &LoadOptions::default(), Views::Both).events;
        assert!(built_in.asks_for("openat"));
        for operation in ["read", "pwrite", "sendfile", "recvmsg", "sendto"] {
            assert!(!built_in.asks_for(operation), "{operation}");
        }
    }
}
