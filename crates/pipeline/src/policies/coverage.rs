//! Which rules run on what a source holds.

use sysflow_field::View;
use sysflow_policy::{Position, Priority, Rule};

use super::{Reason, Rules};

/// A rule, and whether it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covered {
    /// Its name.
    pub name: String,
    /// The name of the file that it stands in.
    pub file: String,
    /// Where its name stands in the file.
    pub position: Position,
    /// How urgent a match is; not known of rules that are left out.
    pub priority: Option<Priority>,
    /// Whether it runs.
    pub state: Coverage,
}

/// Whether a rule runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// It runs on this view: `records` or `events`.
    Runs(&'static str),
    /// It is switched off.
    Disabled,
    /// It cannot.
    LeftOut(Vec<Reason>),
}

impl Rules {
    /// Each rule, and whether it runs, in the order of files and places.
    pub fn coverage(&self) -> Vec<Covered> {
        let mut all: Vec<Covered> = of(self.events.rules()).collect();
        for rule in of(self.records.rules()) {
            let same =
                |other: &&mut Covered| (&other.file, other.position) == (&rule.file, rule.position);
            match all.iter_mut().find(same) {
                Some(known) if known.state == Coverage::Disabled => *known = rule,
                Some(_) => {}
                None => all.push(rule),
            }
        }
        all.extend(self.left_out.iter().map(|rule| Covered {
            name: rule.name.clone(),
            file: rule.file.clone(),
            position: rule.position,
            priority: None,
            state: Coverage::LeftOut(rule.reasons.clone()),
        }));
        all.sort_by(|a, b| (&a.file, a.position.line).cmp(&(&b.file, b.position.line)));
        all
    }
}

fn of<V: View>(rules: &[Rule<V>]) -> impl Iterator<Item = Covered> {
    rules.iter().map(|rule| Covered {
        name: rule.name.clone(),
        file: rule.file.clone(),
        position: rule.position,
        priority: Some(rule.priority),
        state: if rule.enabled {
            Coverage::Runs(V::catalogue().source)
        } else {
            Coverage::Disabled
        },
    })
}
