//! Why a rule is true or false of what happened: what `sysflow rules explain` tells.
//!
//! Of a rule about single observations some are chosen, and each part of the condition is told with its values.
//! A rule over several observations is told as a [`Several`]: which steps were taken, and how far it came.

mod several;

use std::ops::ControlFlow;

use sysflow_collect::EventView;
use sysflow_export::observation::Observation;
use sysflow_field::{Arg, Value, View, first};
use sysflow_policy::{Condition, Evaluator, Explanation, Position, Rule, RuleId, RuleSet};
use sysflow_record::entity::Joined;

use crate::policies::Rules;
use crate::stream::{Fault, Sink};

pub use several::{Alert, Furthest, Several, StepStory};

/// Which observations are explained.
#[derive(Debug)]
pub enum Choice {
    /// The first that matches, else the one that came closest.
    Nearest,
    /// Those of which a condition is true, at most so many.
    Filter(Filter, usize),
    /// The one with this number: `evt.num` of an operation, the place of a record among events and flows.
    Number(u64),
}

/// A condition, compiled for the view of the rule.
#[derive(Debug)]
pub enum Filter {
    /// On records.
    Records(Condition<Joined<'static>>),
    /// On operations.
    Events(Condition<EventView<'static>>),
}

/// What a rule makes of an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It matches; one over several observations takes a step.
    Matches,
    /// It does not.
    DoesNotMatch,
    /// It is not asked, as no observation of this kind can match it, or its prefilter leaves it out.
    NotAsked,
    /// A drop rule discards the observation before any rule sees it.
    Dropped,
}

/// When something happened, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its number: see [`Choice::Number`].
    pub number: u64,
    /// When, ns since the epoch.
    pub time: i64,
    /// What, in words.
    pub sentence: String,
}

/// An observation that was chosen.
#[derive(Clone, Debug)]
pub struct Explained {
    /// What happened.
    pub seen: Seen,
    /// What the rule makes of it.
    pub verdict: Verdict,
    /// Why; nothing where the language of the rule cannot be told in parts.
    pub explanation: Option<Explanation>,
    /// From 0 to 1: how nearly it matches.
    pub closeness: f64,
}

/// What was found out about a rule.
#[derive(Debug)]
pub struct Answer {
    /// Its name.
    pub rule: String,
    /// The name of the file that it stands in.
    pub file: String,
    /// Where its name stands in the file.
    pub position: Position,
    /// Its condition, as it is written.
    pub condition: String,
    /// What it is asked of: `records` or `events`.
    pub view: &'static str,
    /// How many observations were looked at. Where one that matches is found, the rest is not.
    pub observations: u64,
    /// How many of them drop rules discard.
    pub dropped: u64,
    /// Those that were chosen.
    pub explained: Vec<Explained>,
    /// What became of a rule over several observations.
    pub several: Option<Several>,
    /// What was wrong with the source.
    pub faults: Vec<String>,
}

/// Looks for what is to be explained.
pub struct Explainer<'r> {
    rules: &'r Rules,
    is_on_events: bool,
    id: RuleId,
    choice: Choice,
    evaluator: Evaluator,
    several: Option<several::Following>,
    answer: Answer,
}

impl<'r> Explainer<'r> {
    /// An explainer of the rule of a name, if it runs. The rules are loaded with
    /// [`LoadOptions::explain`](sysflow_policy::LoadOptions::explain).
    pub fn new(rules: &'r Rules, name: &str, choice: Choice) -> Option<Self> {
        if Self::is_on_events(rules, name)? {
            Self::of(rules, &rules.events, name, true, choice)
        } else {
            Self::of(rules, &rules.records, name, false, choice)
        }
    }

    fn of<V: View>(
        rules: &'r Rules,
        set: &RuleSet<V>,
        name: &str,
        is_on_events: bool,
        choice: Choice,
    ) -> Option<Self> {
        let mut all = set.rules().iter();
        let place = all.position(|rule| rule.enabled && rule.name == name)?;
        let (id, rule) = (RuleId(place as u32), &set.rules()[place]);
        Some(Self {
            rules,
            is_on_events,
            id,
            choice,
            evaluator: Evaluator::new(),
            several: several::Following::new(set, id),
            answer: Answer {
                rule: rule.name.clone(),
                file: rule.file.clone(),
                position: rule.position,
                condition: rule.condition.clone(),
                view: V::catalogue().source,
                observations: 0,
                dropped: 0,
                explained: Vec::new(),
                several: None,
                faults: Vec::new(),
            },
        })
    }

    /// Whether the rule of a name is asked of operations rather than of records; `None` if it does not run.
    pub fn is_on_events(rules: &Rules, name: &str) -> Option<bool> {
        let events = rules.events.rules().iter();
        let records = rules.records.rules().iter();
        if events
            .filter(|rule| rule.enabled)
            .any(|rule| rule.name == name)
        {
            return Some(true);
        }
        let is_there = records
            .filter(|rule| rule.enabled)
            .any(|rule| rule.name == name);
        is_there.then_some(false)
    }

    /// What was found out.
    pub fn finish(self) -> Answer {
        let mut answer = self.answer;
        answer.several = self.several.map(several::Following::finish);
        answer
    }

    fn see<V: Observation>(
        &mut self,
        set: &RuleSet<V>,
        view: &V,
        filtered: impl FnOnce(&mut Evaluator, &Choice) -> bool,
    ) -> ControlFlow<()> {
        self.answer.observations += 1;
        let number = number(view).unwrap_or(self.answer.observations);
        let is_dropped = set.drops_it(&mut self.evaluator, view);
        self.answer.dropped += u64::from(is_dropped);
        let seen = || seen(view, number);
        let mut steps = Vec::new();
        if let Some(following) = &mut self.several
            && !is_dropped
        {
            steps = following.follow(set, self.id, &mut self.evaluator, view, &seen);
        }
        let (is_chosen, most) = match &self.choice {
            Choice::Nearest => {
                if self.several.is_none() && !is_dropped {
                    return self.nearest(set, view, &seen);
                }
                (false, usize::MAX)
            }
            Choice::Filter(_, most) => (
                self.answer.explained.len() < *most && filtered(&mut self.evaluator, &self.choice),
                *most,
            ),
            Choice::Number(wanted) => (*wanted == number, 1),
        };
        if is_chosen {
            let mut asked = false;
            set.asked(view, |id| asked |= id == self.id);
            let holds = match &self.several {
                Some(_) => !steps.is_empty(),
                None => self.evaluator.rule(set, self.id, view) == Some(true),
            };
            let verdict = match (is_dropped, asked, holds) {
                (true, ..) => Verdict::Dropped,
                (_, false, _) => Verdict::NotAsked,
                (_, _, true) => Verdict::Matches,
                _ => Verdict::DoesNotMatch,
            };
            let explained = self.explain(set, view, seen(), verdict);
            self.answer.explained.push(explained);
        }
        // How a rule over several observations goes on is still to be seen.
        if self.several.is_none() && self.answer.explained.len() >= most {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Keeps the observation if it matches or is the closest so far.
    fn nearest<V: Observation>(
        &mut self,
        set: &RuleSet<V>,
        view: &V,
        seen: &impl Fn() -> Seen,
    ) -> ControlFlow<()> {
        let verdict = match self.evaluator.rule(set, self.id, view) {
            Some(true) => Verdict::Matches,
            Some(false) => Verdict::DoesNotMatch,
            None => Verdict::NotAsked,
        };
        if verdict == Verdict::Matches {
            self.answer.explained = vec![self.explain(set, view, seen(), verdict)];
            return ControlFlow::Break(());
        }
        let before = self.answer.explained.first();
        // What the rule is asked about is nearer than what can never match it.
        let is_asked = |verdict| verdict != Verdict::NotAsked;
        let rank = before.map(|before| (is_asked(before.verdict), before.closeness));
        if rank.is_some_and(|(known, _)| known && !is_asked(verdict)) {
            return ControlFlow::Continue(());
        }
        let near = set.closeness(self.id, None, &mut self.evaluator, view);
        let is_nearer = |near: f64| rank.is_none_or(|rank| rank < (is_asked(verdict), near));
        if near.is_some_and(is_nearer) {
            self.answer.explained = vec![self.explain(set, view, seen(), verdict)];
        }
        ControlFlow::Continue(())
    }

    fn explain<V: Observation>(
        &mut self,
        set: &RuleSet<V>,
        view: &V,
        seen: Seen,
        verdict: Verdict,
    ) -> Explained {
        let closeness = set.closeness(self.id, None, &mut self.evaluator, view);
        Explained {
            seen,
            verdict,
            explanation: set.explain(self.id, &mut self.evaluator, view),
            closeness: closeness.unwrap_or(0.0),
        }
    }
}

impl Sink for Explainer<'_> {
    type Stop = ();

    const WANTS_EVENTS: bool = true;

    fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<()> {
        if self.is_on_events {
            return ControlFlow::Continue(());
        }
        let set = &self.rules.records;
        self.see(set, joined, |evaluator, choice| match choice {
            Choice::Filter(Filter::Records(condition), _) => evaluator.condition(condition, joined),
            _ => false,
        })
    }

    fn event(&mut self, view: &EventView<'_>) -> ControlFlow<()> {
        if !self.is_on_events {
            return ControlFlow::Continue(());
        }
        let set = &self.rules.events;
        self.see(set, view, |evaluator, choice| match choice {
            Choice::Filter(Filter::Events(condition), _) => evaluator.condition(condition, view),
            _ => false,
        })
    }

    fn fault(&mut self, fault: &Fault) {
        keep(&mut self.answer.faults, fault);
    }
}

/// Faults that are told.
const MOST_FAULTS: usize = 20;

/// Keeps a fault, if there are not too many.
pub(crate) fn keep(faults: &mut Vec<String>, fault: &Fault) {
    if faults.len() < MOST_FAULTS {
        faults.push(fault.to_string());
    }
}

/// Leaves only one rule running, and what it is about.
pub fn only<V: View>(set: &mut RuleSet<V>, name: &str) {
    set.retain(|rule: &Rule<V>| rule.name == name);
}

/// The number that the view itself tells.
fn number<V: View>(view: &V) -> Option<u64> {
    let field = V::catalogue().find("evt.num")?;
    first(view, field, &Arg::None, |value| match value {
        Some(Value::Int(number)) => u64::try_from(number).ok(),
        _ => None,
    })
}

/// What happened, in words.
fn seen<V: Observation>(view: &V, number: u64) -> Seen {
    let mut sentence = Vec::new();
    view.write_sentence(&mut sentence);
    Seen {
        number,
        time: view.ts(),
        sentence: String::from_utf8_lossy(&sentence).into_owned(),
    }
}
