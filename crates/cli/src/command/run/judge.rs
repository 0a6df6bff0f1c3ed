//! Judging what a stream holds, and telling of it.

use std::io;
use std::ops::ControlFlow;

use indicatif::ProgressBar;
use sysflow_collect::EventView;
use sysflow_export::alert::{Alert, JsonEncoder, TextEncoder};
use sysflow_export::observation::Observation;
use sysflow_field::{Arg, FieldId, View};
use sysflow_pipeline::judging::{Judgement, Match};
use sysflow_pipeline::policies::Rules;
use sysflow_pipeline::stream::{Fault, Sink};
use sysflow_policy::{Outcome, Priority, Rule, RuleSet};
use sysflow_record::entity::Joined;

use super::folding::Folding;
use super::summary::Summary;
use crate::arguments::{ColourChoice, Filter};
use crate::output::{self, Output};

/// How alerts are told.
pub enum Form {
    /// As Falco's JSON, recordings without a name having been made by this machine.
    Json(String),
    /// For people.
    Text(TextEncoder),
}

/// What rules need on one view.
struct Side<V: View> {
    judgement: Judgement,
    /// For each rule the fields that its output names.
    fields: Vec<Vec<(String, FieldId, Arg)>>,
    json: Option<JsonEncoder<V>>,
    /// The number of its first rule in the summary.
    first: usize,
}

impl<V: Observation> Side<V> {
    fn new(rules: &RuleSet<V>, json_from: Option<&str>, first: usize) -> Self {
        Self {
            judgement: Judgement::new(rules),
            fields: rules.rules().iter().map(output_fields).collect(),
            json: json_from.map(|host| JsonEncoder::new(host.to_owned())),
            first,
        }
    }
}

/// What is told of the rules of one view.
struct Telling<'a, V: View> {
    rules: &'a RuleSet<V>,
    /// For each rule the fields that its output names.
    fields: &'a [Vec<(String, FieldId, Arg)>],
    /// The number of its first rule in the summary.
    first: usize,
}

/// What both views share.
struct Teller {
    least: Priority,
    folding: Folding,
    summary: Summary,
    text: Option<TextEncoder>,
    out: Output,
    bar: ProgressBar,
}

/// Judges records, and operations where there are some.
pub struct Judge {
    rules: Rules,
    /// The name of this machine, for alerts as JSON.
    host: Option<String>,
    filter: Filter,
    records: Side<Joined<'static>>,
    events: Side<EventView<'static>>,
    /// The operations that rules ask for.
    operations: u64,
    teller: Teller,
    colour: ColourChoice,
}

/// How to judge.
pub struct Options {
    /// What is to be judged at all.
    pub filter: Filter,
    /// The least urgent priority that is told of.
    pub least: Priority,
    /// Whether repeats are folded.
    pub fold: bool,
    /// How alerts are told.
    pub form: Form,
    /// Where.
    pub out: Output,
    /// A line of the terminal that must not get in between.
    pub bar: ProgressBar,
    /// When to use colours in messages.
    pub colour: ColourChoice,
}

impl Judge {
    /// A judge by these rules.
    pub fn new(rules: Rules, options: Options) -> Self {
        let (host, text) = match options.form {
            Form::Json(host) => (Some(host), None),
            Form::Text(encoder) => (None, Some(encoder)),
        };
        Self {
            filter: options.filter,
            records: Side::new(&rules.records, host.as_deref(), 0),
            events: Side::new(&rules.events, host.as_deref(), rules.records.rules().len()),
            teller: Teller {
                least: options.least,
                folding: Folding::new(options.fold),
                summary: Summary::new(&rules),
                text,
                out: options.out,
                bar: options.bar,
            },
            operations: rules.events.operations(),
            rules,
            host,
            colour: options.colour,
        }
    }

    /// Judges by other rules from now on.
    pub fn replace(&mut self, rules: Rules) {
        let host = self.host.as_deref();
        self.records = Side::new(&rules.records, host, 0);
        self.events = Side::new(&rules.events, host, rules.records.rules().len());
        self.teller.summary.adopt(&rules);
        self.operations = rules.events.operations();
        self.rules = rules;
    }

    /// The rules.
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// How many alerts there were, folded ones among them.
    pub fn alerts(&self) -> u64 {
        self.teller.summary.alerts()
    }

    /// Warns of rules that may have missed something.
    pub fn tell_forgotten(&self) {
        tell_forgotten(&self.records.judgement, &self.rules.records, self.colour);
        tell_forgotten(&self.events.judgement, &self.rules.events, self.colour);
    }

    /// Writes what is left. Returns the counts and how many alerts were folded.
    pub fn finish(mut self) -> io::Result<(Summary, u64)> {
        self.teller.out.flush()?;
        Ok((self.teller.summary, self.teller.folding.folded()))
    }
}

impl Sink for Judge {
    type Stop = io::Error;

    const WANTS_EVENTS: bool = true;

    fn wants(&mut self, joined: &Joined<'_>) -> bool {
        self.filter.accepts(joined)
    }

    fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<io::Error> {
        self.teller
            .judge(&self.rules.records, &mut self.records, joined)
    }

    fn operations(&self) -> u64 {
        self.operations
    }

    fn event(&mut self, view: &EventView<'_>) -> ControlFlow<io::Error> {
        if !self.filter.accepts_event(view) {
            return ControlFlow::Continue(());
        }
        self.teller
            .judge(&self.rules.events, &mut self.events, view)
    }

    fn fault(&mut self, fault: &Fault) {
        let _ = self.teller.out.flush();
        output::error(&fault.to_string(), self.colour);
    }
}

impl Teller {
    /// Judges one observation. `S` is `V` of another lifetime.
    fn judge<V: Observation, S: Observation>(
        &mut self,
        rules: &RuleSet<V>,
        side: &mut Side<S>,
        view: &V,
    ) -> ControlFlow<io::Error> {
        let Side {
            judgement,
            fields,
            json,
            first,
        } = side;
        let (outcome, matches) = judgement.judge(rules, view, view.ts());
        if outcome == Outcome::Dropped {
            self.summary.count_dropped();
            return ControlFlow::Continue(());
        }
        if matches.is_empty() {
            return ControlFlow::Continue(());
        }
        let telling = Telling {
            rules,
            fields,
            first: *first,
        };
        self.alert(&telling, matches, json.as_mut(), view);
        let Self { out, bar, .. } = self;
        match bar.suspend(|| out.flush()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    /// Tells of the rules that match an observation.
    fn alert<V: Observation, S: Observation>(
        &mut self,
        telling: &Telling<'_, V>,
        matches: &[Match],
        json: Option<&mut JsonEncoder<S>>,
        view: &V,
    ) {
        let rules = telling.rules;
        let mut shown: Vec<(usize, Option<String>)> = Vec::with_capacity(matches.len());
        for Match { rule: id, led } in matches {
            let index = id.0 as usize;
            let Some(rule) = rules.rule(*id).filter(|rule| rule.priority <= self.least) else {
                continue;
            };
            let number = telling.first + index;
            self.summary.count(number, view);
            if self.folding.is_new(number, view) {
                let mut output = rule.output.as_ref().map(|output| {
                    let mut rendered = String::new();
                    output.render(view, &mut rendered);
                    rendered
                });
                if let Some(led) = led.filter(|led| led.count > 1 || led.folded > 0) {
                    output = Some(match output {
                        Some(output) => format!("{output} ({led})"),
                        None => led.to_string(),
                    });
                }
                shown.push((index, output));
            }
        }
        let alerts: Vec<Alert<'_, V>> = shown
            .iter()
            .map(|(index, output)| {
                let rule = &rules.rules()[*index];
                Alert {
                    rule: &rule.name,
                    priority: rule.priority.name(),
                    tags: &rule.tags,
                    output: output.as_deref(),
                    fields: &telling.fields[*index],
                    view,
                }
            })
            .collect();
        if let Some(encoder) = json {
            for alert in &alerts {
                encoder.write(alert, &mut self.out.buffer);
            }
        } else if let Some(encoder) = &mut self.text {
            encoder.write(&alerts, &mut self.out.buffer);
        }
    }
}

/// Tells which rules over several observations have forgotten some for want of room: they may have missed something.
fn tell_forgotten<V: View>(judgement: &Judgement, rules: &RuleSet<V>, colour: ColourChoice) {
    for state in judgement.states(rules) {
        let Some(rule) = rules.rule(state.rule).filter(|_| state.evicted > 0) else {
            continue;
        };
        let (name, evicted) = (&rule.name, state.evicted);
        let message = format!("the rule `{name}` had to forget {evicted} keys for want of room");
        output::warning(&message, colour);
    }
}

/// Fields that the output of a rule names.
fn output_fields<V: View>(rule: &Rule<V>) -> Vec<(String, FieldId, Arg)> {
    let Some(output) = &rule.output else {
        return Vec::new();
    };
    let mut fields: Vec<(String, FieldId, Arg)> = Vec::new();
    for field in output.fields() {
        if !fields.iter().any(|(name, ..)| *name == field.name) {
            fields.push((field.name.clone(), field.field, field.arg.clone()));
        }
    }
    fields
}
