//! What a run came to.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::time::Duration;

use sysflow_export::alert::severity;
use sysflow_export::observation::Observation;
use sysflow_export::sentence::grouped;
use sysflow_field::View;
use sysflow_pipeline::policies::Rules;
use sysflow_pipeline::tally::Tally;
use sysflow_policy::{Priority, Rule};

/// Commands that are listed.
const COMMANDS_SHOWN: usize = 20;
/// Commands that are remembered.
const MOST_COMMANDS: usize = 10_000;
/// Processes that are remembered for each command.
const MOST_PROCESSES: usize = 1000;
/// Longest command that is shown, in characters.
const LONGEST_COMMAND: usize = 70;

/// Counts of a run.
#[derive(Debug)]
pub struct Summary {
    rules: Vec<CountedRule>,
    commands: HashMap<String, Suspect>,
    dropped: u64,
}

#[derive(Debug)]
struct CountedRule {
    name: String,
    priority: Priority,
    tags: Vec<String>,
    count: u64,
}

/// A command line whose processes have alerts.
#[derive(Debug)]
struct Suspect {
    first_ts: i64,
    /// When each began, and its id.
    processes: HashSet<(i64, i64)>,
    worst: Priority,
    count: u64,
    tags: Vec<String>,
}

impl Summary {
    /// Nothing counted yet. Rules over records come first, then those over operations.
    pub fn new(rules: &Rules) -> Self {
        let records = rules.records.rules().iter().map(counted);
        Self {
            rules: records
                .chain(rules.events.rules().iter().map(counted))
                .collect(),
            commands: HashMap::new(),
            dropped: 0,
        }
    }

    /// Goes on with other rules; those of the same name go on counting.
    pub fn adopt(&mut self, rules: &Rules) {
        let mut old = std::mem::replace(self, Self::new(rules));
        for rule in &mut self.rules {
            if let Some(known) = old.rules.iter_mut().find(|known| known.name == rule.name) {
                rule.count = std::mem::take(&mut known.count);
            }
        }
        self.rules
            .extend(old.rules.into_iter().filter(|rule| rule.count > 0));
        self.commands = old.commands;
        self.dropped = old.dropped;
    }

    /// All alerts.
    pub fn alerts(&self) -> u64 {
        self.rules.iter().map(|rule| rule.count).sum()
    }

    /// Counts a record that a drop rule discarded.
    pub const fn count_dropped(&mut self) {
        self.dropped += 1;
    }

    /// Counts an alert.
    pub fn count(&mut self, rule: usize, view: &impl Observation) {
        let rule = &mut self.rules[rule];
        rule.count += 1;
        let Some(actor) = view.actor() else {
            return;
        };
        let command = actor.command;
        if !self.commands.contains_key(&command) && self.commands.len() >= MOST_COMMANDS {
            return;
        }
        let suspect = self.commands.entry(command).or_insert_with(|| Suspect {
            first_ts: view.ts(),
            processes: HashSet::new(),
            worst: rule.priority,
            count: 0,
            tags: Vec::new(),
        });
        if suspect.processes.len() < MOST_PROCESSES {
            suspect.processes.insert((actor.started, actor.pid));
        }
        suspect.worst = suspect.worst.min(rule.priority);
        suspect.count += 1;
        for tag in &rule.tags {
            if !suspect.tags.contains(tag) {
                suspect.tags.push(tag.clone());
            }
        }
    }

    /// The counts as text.
    ///
    /// `live` has lines about a machine that was watched; recordings are described by what was read.
    pub fn describe(
        &self,
        tally: &Tally,
        folded: u64,
        took: Duration,
        live: &[String],
        styled: bool,
    ) -> String {
        let bold = |text: &str| {
            if styled {
                format!("\x1b[1m{text}\x1b[0m")
            } else {
                text.to_owned()
            }
        };
        let mut out = String::new();
        let mut matched: Vec<&CountedRule> =
            self.rules.iter().filter(|rule| rule.count > 0).collect();
        matched.sort_by_key(|rule| (rule.priority, std::cmp::Reverse(rule.count)));
        let alerts = self.alerts();
        let _ = writeln!(out, "\n{}", bold("Alerts by rule"));
        if matched.is_empty() {
            out.push_str("  none: no rule matched\n");
        }
        for rule in &matched {
            let (count, (word, _)) = (grouped(rule.count), severity(rule.priority.name()));
            let _ = writeln!(
                out,
                "  {count:>9}  {word:<8}  {}  {}",
                rule.name,
                tags(&rule.tags)
            );
        }
        self.describe_commands(&mut out, &bold);
        let _ = writeln!(out, "{}", bold("In all"));
        let seconds = took.as_secs_f64().max(1e-9);
        let (records, bytes) = (tally.events(), tally.bytes);
        if !live.is_empty() {
            let _ = writeln!(out, "  {} alerts", grouped(alerts));
        }
        for line in live {
            let _ = writeln!(out, "  {line}");
        }
        let read = format!(
            "  {} alerts in {} records ({} with entities, {} bytes), read in {seconds:.3} s: \
             {} records/s",
            grouped(alerts),
            grouped(records),
            grouped(tally.total()),
            grouped(bytes),
            grouped((records as f64 / seconds) as u64),
        );
        if live.is_empty() {
            let _ = writeln!(out, "{read}");
        }
        let notes = [
            (
                if live.is_empty() {
                    tally.system_calls
                } else {
                    0
                },
                "events of system calls were condensed to these records",
            ),
            (
                folded,
                "alerts repeated others and were folded (--all shows them)",
            ),
            (self.dropped, "records were discarded by drop rules"),
            (
                tally.joins.unknown_processes,
                "records name a process that is not in the recording",
            ),
            (
                tally.joins.forgotten,
                "entities were forgotten to save memory",
            ),
            (tally.faults, "faults in the input"),
            (tally.lost_bytes, "damaged bytes were skipped"),
        ];
        for (count, what) in notes.into_iter().filter(|(count, _)| *count > 0) {
            let _ = writeln!(out, "  {} {what}", grouped(count));
        }
        out
    }

    /// Commands with alerts. What is done rarely says more than what is done all the time, so that comes
    /// first among equals.
    fn describe_commands(&self, out: &mut String, bold: &impl Fn(&str) -> String) {
        if self.commands.is_empty() {
            return;
        }
        let mut suspects: Vec<(&String, &Suspect)> = self.commands.iter().collect();
        suspects
            .sort_by_key(|(_, suspect)| (suspect.worst, suspect.processes.len(), suspect.first_ts));
        let title = "Commands with alerts, worst and rarest first";
        let _ = writeln!(out, "{}", bold(title));
        for (command, suspect) in suspects.iter().take(COMMANDS_SHOWN) {
            let (word, _) = severity(suspect.worst.name());
            let alerts = if suspect.count == 1 {
                "alert"
            } else {
                "alerts"
            };
            let who = match (suspect.processes.len(), suspect.processes.iter().next()) {
                (1, Some((_, pid))) => format!("pid {pid}"),
                (count, _) => format!("{count} processes"),
            };
            let (command, count, tags) = (
                shorten(command),
                grouped(suspect.count),
                tags(&suspect.tags),
            );
            let _ = writeln!(
                out,
                "  {word:<8}  {command}  ({who}, {count} {alerts})  {tags}"
            );
        }
        if suspects.len() > COMMANDS_SHOWN {
            let _ = writeln!(out, "  and {} more", suspects.len() - COMMANDS_SHOWN);
        }
    }
}

fn counted<V: View>(rule: &Rule<V>) -> CountedRule {
    CountedRule {
        name: rule.name.clone(),
        priority: rule.priority,
        tags: rule.tags.clone(),
        count: 0,
    }
}

fn tags(tags: &[String]) -> String {
    if tags.is_empty() {
        String::new()
    } else {
        format!("[{}]", tags.join(" "))
    }
}

fn shorten(command: &str) -> String {
    let clean: String = command
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect();
    let clean = clean.trim();
    if clean.chars().count() <= LONGEST_COMMAND {
        return clean.to_owned();
    }
    clean
        .chars()
        .take(LONGEST_COMMAND - 1)
        .chain(['…'])
        .collect()
}
