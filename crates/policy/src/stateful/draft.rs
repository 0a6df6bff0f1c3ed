//! From the keys of a rule to a [`Plan`], once its conditions are compiled.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use sysflow_field::{Arg, Argument, Catalogue, FieldId, KindSet};

use super::item::StatefulItem;
use super::plan::{KeyPart, Kind, Lineage, Plan, Plans, Step, Throttle};
use crate::compile::Compiler;
use crate::diagnostic::{Code, Diagnostic};
use crate::index::{Entry, Index};
use crate::program::{Builder, NodeId};
use crate::ruleset::RuleId;
use crate::source::MappedText;

/// More than this is not counted.
pub(crate) const MAX_COUNT: u64 = 100_000;

/// A rule over several observations whose rules have no numbers yet.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) kind: Kind,
    pub(crate) steps: Vec<DraftStep>,
    pub(crate) throttle: Option<Throttle>,
}

/// A step.
#[derive(Clone, Debug)]
pub(crate) struct DraftStep {
    pub(crate) source: StepSource,
    pub(crate) by: Vec<KeyPart>,
    pub(crate) within: Option<i64>,
    pub(crate) distinct: Vec<KeyPart>,
}

/// Who takes a step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StepSource {
    /// An observation for which this is true.
    Node(NodeId),
    /// The one that completes the rule at this place among all.
    Rule(usize),
}

/// The word in `by` for ancestry.
const LINEAGE: &str = "lineage";

/// Makes a draft of what a rule says. `roots` are its steps, or its condition. `None` after errors, which have
/// been reported.
pub(crate) fn drafted(
    item: &StatefulItem,
    roots: &[NodeId],
    rule: &MappedText,
    compiler: &mut Compiler,
) -> Option<Draft> {
    let mut fields = Fields {
        compiler,
        rule: &rule.text,
        faulty: false,
    };
    let wants_lineage = item.by.iter().find(|field| field.text == LINEAGE);
    let by = item.by.iter().filter(|field| field.text != LINEAGE);
    let by = fields.parts(by);
    let lineage = wants_lineage.and_then(|word| fields.lineage(word));
    if let (Some(word), false) = (wants_lineage, item.is_sequence()) {
        let message = "only the steps of a `sequence` have a lineage";
        fields.error(Diagnostic::error(Code::Unsupported, word.span, message));
    }
    let distinct = item.threshold.as_ref().and_then(|t| t.distinct.as_ref());
    let distinct = fields.parts(distinct.into_iter());
    let throttle = item.throttle.as_ref().map(|throttle| Throttle {
        per: fields.parts(throttle.per.iter()),
        every: throttle.every,
    });
    let kind = match &item.threshold {
        Some(threshold) => {
            if threshold.count > MAX_COUNT {
                let message = format!("no more than {MAX_COUNT} are counted");
                fields.error(Diagnostic::error(Code::TooLarge, rule.span, message));
            }
            Kind::Count {
                needed: threshold.count,
                within: threshold.within,
            }
        }
        None if item.is_sequence() => Kind::Sequence {
            within: item.within,
            lineage,
        },
        None => Kind::Each,
    };
    let mut keys = vec![by; roots.len()];
    for (key, step) in keys.iter_mut().zip(&item.sequence) {
        if let Some(by) = &step.by {
            *key = fields.parts(by.iter());
        }
    }
    if keys.windows(2).any(|pair| pair[0].len() != pair[1].len()) && !fields.faulty {
        let message = "the steps of a `sequence` have as many fields in `by`, one for the other";
        fields.error(Diagnostic::error(Code::Shape, rule.span, message));
    }
    if fields.faulty {
        return None;
    }
    let withins = item.sequence.iter().map(|step| step.within);
    let withins = withins.chain(std::iter::repeat(None));
    let steps = roots.iter().zip(keys).zip(withins);
    let steps = steps.map(|((root, by), within)| DraftStep {
        source: StepSource::Node(*root),
        by,
        within,
        distinct: distinct.clone(),
    });
    Some(Draft {
        kind,
        steps: steps.collect(),
        throttle,
    })
}

/// Looks up the fields of keys.
struct Fields<'c> {
    compiler: &'c mut Compiler,
    rule: &'c str,
    faulty: bool,
}

impl Fields<'_> {
    fn error(&mut self, problem: Diagnostic) {
        self.faulty = true;
        let note = format!("in rule `{}`, which is left out", self.rule);
        let problem = problem.leaving_out(self.rule).about("rule", self.rule);
        self.compiler.problems.push(problem.note(note));
    }

    fn parts<'t>(&mut self, names: impl Iterator<Item = &'t MappedText>) -> Vec<KeyPart> {
        names.filter_map(|name| self.part(name)).collect()
    }

    fn part(&mut self, name: &MappedText) -> Option<KeyPart> {
        match field(self.compiler, name) {
            Ok(field) => Some(KeyPart {
                fields: vec![field],
                needs_text: false,
            }),
            Err(problem) => {
                self.error(*problem);
                None
            }
        }
    }

    fn lineage(&mut self, word: &MappedText) -> Option<Lineage> {
        let catalogue = self.compiler.catalogue;
        let find = |name: &str| {
            let resolved = catalogue.known(name)?;
            Some((resolved.id, resolved.arg))
        };
        if let (Some(own), Some(ancestors)) = (find("proc.pid"), find("proc.apid")) {
            return Some(Lineage { own, ancestors });
        }
        let message = format!("{} tell nothing of ancestors", catalogue.source);
        self.error(Diagnostic::error(Code::ForeignField, word.span, message));
        None
    }
}

/// Looks up a field whose values make a key.
pub(crate) fn field(
    compiler: &Compiler,
    name: &MappedText,
) -> Result<(FieldId, Arg), Box<Diagnostic>> {
    let catalogue = compiler.catalogue;
    let resolved = catalogue
        .resolve(&name.text)
        .map_err(|why| compiler.unresolved(&name.text, name.span, &why))?;
    let is_path = catalogue.field(resolved.id).argument == Argument::JsonPath;
    if is_path && resolved.arg != Arg::None {
        let message = "a part of a document cannot be a key";
        return Err(Diagnostic::error(Code::Unsupported, name.span, message).into());
    }
    Ok((resolved.id, resolved.arg))
}

/// A draft with the place of its rule among all, and the kinds of observation that it is for.
pub(crate) struct Numbered {
    pub(crate) rule: usize,
    pub(crate) kinds: KindSet,
    /// Whether it is told when the rule has come together.
    pub(crate) tells: bool,
    pub(crate) draft: Draft,
}

impl Plans {
    /// Puts drafts in an order in which those that others need come first. Those that need what is not
    /// there are left out.
    pub(crate) fn new(drafts: Vec<Numbered>, catalogue: &Catalogue, builder: &Builder) -> Self {
        let mut plans = Self::default();
        let mut entries = Vec::new();
        let mut waiting = drafts;
        let mut placed: HashMap<usize, usize, RandomState> = HashMap::default();
        // Each round places at least one level of correlations of correlations.
        loop {
            let ready = |numbered: &Numbered| {
                numbered.draft.steps.iter().all(|step| match step.source {
                    StepSource::Node(_) => true,
                    StepSource::Rule(rule) => placed.contains_key(&rule),
                })
            };
            let (next, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(ready);
            waiting = rest;
            if next.is_empty() {
                plans.index = Index::new(entries, catalogue, builder);
                plans.retain(|_| true);
                return plans;
            }
            for numbered in next {
                let rule = numbered.rule;
                let at = plans.place(numbered, &placed, |id, root, kinds| {
                    entries.push(Entry::new(id, root, kinds, builder));
                });
                placed.insert(rule, at);
            }
        }
    }

    /// Takes a draft up; `add` learns of its steps.
    fn place(
        &mut self,
        numbered: Numbered,
        placed: &HashMap<usize, usize, RandomState>,
        mut add: impl FnMut(u32, NodeId, KindSet),
    ) -> usize {
        let Numbered {
            rule,
            kinds,
            tells,
            draft,
        } = numbered;
        let at = self.all.len();
        let mut steps = Vec::with_capacity(draft.steps.len());
        for (place, step) in draft.steps.into_iter().enumerate() {
            match step.source {
                StepSource::Node(root) => {
                    let id = self.steps.len() as u32;
                    self.steps.push((at, place));
                    add(id, root, kinds);
                }
                StepSource::Rule(needed) => self.all[placed[&needed]].feeds.push((at, place)),
            }
            steps.push(Step {
                by: step.by,
                within: step.within,
                distinct: step.distinct,
            });
        }
        self.all.push(Plan {
            rule: RuleId(rule as u32),
            tells,
            kind: draft.kind,
            steps,
            throttle: draft.throttle,
            feeds: Vec::new(),
        });
        at
    }
}
