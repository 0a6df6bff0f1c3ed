//! Rules and conditions, ready to run.

use std::collections::HashSet;
use std::marker::PhantomData;
use std::sync::Arc;

use sysflow_field::{FieldId, KindSet, View};

use crate::Dialect;
use crate::compile::{Compiled, Compiler, Owner, ToCompile};
use crate::diagnostic::Diagnostics;
use crate::eval::Evaluator;
use crate::explain::Trace;
use crate::index::Index;
use crate::lists::Lists;
use crate::loader;
use crate::macros::Macros;
use crate::priority::Priority;
use crate::program::{NodeId, Program};
use crate::sigma::{Correlation, Metadata};
use crate::source::{MappedText, Position, SourceFile, Sources};
use crate::stateful::Plans;
use crate::template::{Template, TemplateField};

/// The number of a rule within its [`RuleSet`], in load order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub u32);

/// A rule.
#[derive(Debug)]
pub struct Rule<V: View> {
    /// Its name.
    pub name: String,
    /// What it looks for.
    pub desc: String,
    /// Its condition, as it is written.
    pub condition: String,
    /// How urgent a match is.
    pub priority: Priority,
    /// Labels, in the order in which they were written.
    pub tags: Vec<String>,
    /// Names of actions to take on a match (SysFlow policy dialect); nobody has checked that they exist.
    pub actions: Vec<String>,
    /// The text of an alert (Falco rules language).
    pub output: Option<Template<V>>,
    /// Further fields of an alert, which [`LoadOptions::append_output`] adds.
    pub extra_fields: Vec<ExtraField<V>>,
    /// Where its observations come from.
    pub source: String,
    /// Names of its exceptions, in their order.
    pub exceptions: Vec<String>,
    /// What to record when it matches, if anything (Falco rules language).
    pub capture: Option<Capture>,
    /// Whether it is evaluated.
    pub enabled: bool,
    /// The name of the file that it stands in.
    pub file: String,
    /// Where its name stands in the file.
    pub position: Position,
    /// The language that it is written in.
    pub dialect: Dialect,
    /// The fields that its condition asks for, each once, in the order of the catalogue.
    pub fields: Vec<FieldId>,
    /// The kinds of observation that it can match.
    pub kinds: KindSet,
    /// Whether it is about several observations, which a [`Correlator`](crate::stateful::Correlator) remembers.
    pub stateful: bool,
    /// Whether it is there only for rules that are about it, and tells nothing by itself.
    pub silent: bool,
    /// What a Sigma rule says about itself.
    pub sigma: Option<Box<Metadata>>,
}

/// A rule that is left out since it has an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRule {
    /// Its name.
    pub name: String,
    /// The name of the file that it stands in.
    pub file: String,
    /// Where its name stands in the file.
    pub position: Position,
}

/// A recording that a rule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capture {
    /// Milliseconds; nothing for as long as it is configured.
    pub duration_ms: Option<u32>,
}

/// A further field of an alert.
#[derive(Clone, Debug)]
pub struct ExtraField<V: View> {
    /// The key.
    pub name: String,
    /// Its value.
    pub value: ExtraValue<V>,
}

/// The value of a further field.
#[derive(Clone, Debug)]
pub enum ExtraValue<V: View> {
    /// That of a field, with its type.
    Field(TemplateField),
    /// A text.
    Text(Template<V>),
}

/// What rules to switch on or off once all are loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// On or off.
    pub enable: bool,
    /// Which rules.
    pub rules: Selector,
}

/// Which rules are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// Those of a name, in which `*` stands for any text.
    Name(String),
    /// Those with a tag.
    Tag(String),
}

/// What is added to the alerts of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppendOutput {
    /// For the rule of this name only.
    pub rule: Option<String>,
    /// For rules of this source only.
    pub source: Option<String>,
    /// For rules that have all of these tags only.
    pub tags: Vec<String>,
    /// Text put behind the output, after a blank.
    pub extra_output: Option<String>,
    /// Further fields: names of fields, and keys with a text that may have tokens in it.
    pub extra_fields: Vec<ExtraOption>,
    /// Whether the fields of [`LoadOptions::suggested_fields`] are put behind the output.
    pub suggested_output: bool,
}

/// A further field as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtraOption {
    /// A field under its own name.
    Field(String),
    /// A text under a key.
    Text(String, String),
}

/// Which of the rules that are true of an observation count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Matching {
    /// All of them.
    #[default]
    All,
    /// The first one, in the order in which they were loaded. Falco does so unless told otherwise.
    First,
}

/// How many well-formed items the files hold, those among them that are replaced by later ones or whose
/// conditions have errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rules.
    pub rules: usize,
    /// Macros.
    pub macros: usize,
    /// Lists.
    pub lists: usize,
    /// Drop rules.
    pub drops: usize,
}

/// How to load rules.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// The dialect of all files; without it, each file shows its own.
    pub dialect: Option<Dialect>,
    /// Files larger than this many bytes are left out.
    pub max_file_size: usize,
    /// Rules that are less urgent are not loaded.
    pub minimum_priority: Option<Priority>,
    /// What rules to switch on or off; later entries win.
    pub selection: Vec<Selection>,
    /// Which of the rules that are true of an observation count.
    pub matching: Matching,
    /// What is added to the alerts of rules.
    pub append_output: Vec<AppendOutput>,
    /// Fields that outputs get on demand, if the source has them.
    pub suggested_fields: Vec<String>,
    /// Constants, usable as `static.NAME` in conditions and outputs.
    pub static_fields: Vec<(String, String)>,
    /// Plugins that stand ready, with their versions, for files that require some.
    pub plugins: Vec<(String, String)>,
    /// Whether rules can be explained, which takes memory.
    pub explain: bool,
    /// What the names of Sigma rules mean, in place of the mapping that comes with this crate.
    pub sigma_mapping: Option<SourceFile>,
}

/// What Falco puts behind outputs on demand.
const SUGGESTED: [&str; 6] = [
    "container.id",
    "container.name",
    "container.image.repository",
    "container.image.tag",
    "k8s.pod.name",
    "k8s.ns.name",
];

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            dialect: None,
            max_file_size: 16 << 20,
            minimum_priority: None,
            selection: Vec::new(),
            matching: Matching::All,
            append_output: Vec::new(),
            suggested_fields: SUGGESTED.map(str::to_owned).to_vec(),
            static_fields: Vec::new(),
            // What this plugin does is part of the program.
            plugins: vec![("container".to_owned(), "0.4.0".to_owned())],
            explain: false,
            sigma_mapping: None,
        }
    }
}

/// The rules of any number of files, compiled into one program.
#[derive(Debug)]
pub struct RuleSet<V: View> {
    pub(crate) rules: Vec<Rule<V>>,
    pub(crate) failed: Vec<FailedRule>,
    pub(crate) drops: usize,
    pub(crate) counts: Counts,
    pub(crate) correlations: Vec<Correlation>,
    pub(crate) plans: Plans,
    pub(crate) program: Program,
    pub(crate) rule_index: Index,
    pub(crate) drop_index: Index,
    /// The conditions, without regard to the index.
    pub(crate) rule_roots: Vec<NodeId>,
    pub(crate) drop_roots: Vec<NodeId>,
    pub(crate) matching: Matching,
    /// The conditions of the rules as they are written, if they are to be explained.
    pub(crate) traces: Vec<Option<Arc<Trace>>>,
}

impl<V: View> RuleSet<V> {
    /// Loads rules, drops, macros and lists. This never fails as a whole: items with errors are left
    /// out, and every problem is in the diagnostics.
    ///
    /// The order of the files counts where several define a macro or a list of one name: see
    /// [the crate](crate#what-a-name-means).
    pub fn load(files: Vec<SourceFile>, options: &LoadOptions) -> (Self, Diagnostics) {
        loader::load(files, options)
    }

    /// The rules in the order in which they were loaded, those that are not enabled among them.
    pub fn rules(&self) -> &[Rule<V>] {
        &self.rules
    }

    /// The rule of an id that this set gave out.
    pub fn rule(&self, id: RuleId) -> Option<&Rule<V>> {
        self.rules.get(id.0 as usize)
    }

    /// Rules that are left out since they have errors, in their order.
    pub fn failed(&self) -> &[FailedRule] {
        &self.failed
    }

    /// Switches the rules off that are not wanted. They keep their numbers. What they find still counts for
    /// the wanted rules that are about them.
    pub fn retain(&mut self, wanted: impl Fn(&Rule<V>) -> bool) {
        for rule in &mut self.rules {
            rule.enabled &= wanted(rule);
        }
        let rules = &self.rules;
        self.rule_index.retain(|item| rules[item as usize].enabled);
        self.plans.retain(|rule| rules[rule.0 as usize].enabled);
    }

    /// Sigma's correlation rules, in the order in which they were loaded.
    pub fn correlations(&self) -> &[Correlation] {
        &self.correlations
    }

    /// Whether there are rules over several observations, for which a
    /// [`Correlator`](crate::stateful::Correlator) is needed.
    pub fn is_stateful(&self) -> bool {
        !self.plans.is_empty()
    }

    /// How many well-formed items the files hold.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether a rule that is asked may match an observation that stands for this operation.
    pub fn asks_for(&self, operation: &str) -> bool {
        self.is_for(V::catalogue().operation(operation.as_bytes()).unwrap_or(0))
    }

    /// The [operations](View::operations) for which there are rules that are asked: observations of others need not be
    /// shown to them.
    pub fn operations(&self) -> u64 {
        let all = (0..u64::BITS).map(|bit| 1 << bit);
        all.filter(|bit| self.is_for(*bit)).sum()
    }

    fn is_for(&self, operations: u64) -> bool {
        let indexes = [&self.drop_index, &self.rule_index, &self.plans.index];
        indexes.into_iter().any(|index| index.asks_for(operations))
    }

    /// How many rules are for the operation and the kind of an observation.
    pub fn candidates(&self, view: &V) -> usize {
        self.rule_index.candidates(view).count()
    }

    /// Calls `on_rule` with each rule that is for the operation and the kind of an observation, those over several
    /// observations among them.
    pub fn asked(&self, view: &V, mut on_rule: impl FnMut(RuleId)) {
        for entry in self.rule_index.candidates(view) {
            on_rule(RuleId(entry.item));
        }
        let mut last = None;
        for entry in self.plans.index.candidates(view) {
            let rule = self.plans.rule_of(entry.item);
            // The steps of a rule stand side by side.
            if last != Some(rule) {
                on_rule(rule);
            }
            last = Some(rule);
        }
    }

    /// Whether a drop rule discards an observation before any rule sees it.
    pub fn drops_it(&self, evaluator: &mut Evaluator, view: &V) -> bool {
        evaluator.begin(&self.program);
        let mut roots = self.drop_roots.iter();
        roots.any(|root| evaluator.holds(&self.program, *root, view))
    }

    /// How many enabled drop rules there are.
    pub const fn drops(&self) -> usize {
        self.drops
    }
}

/// A condition that stands alone, as on a command line.
#[derive(Debug)]
pub struct Condition<V: View> {
    pub(crate) program: Program,
    pub(crate) root: NodeId,
    pub(crate) trace: Option<Arc<Trace>>,
    warnings: Diagnostics,
    view: PhantomData<fn() -> V>,
}

impl<V: View> Condition<V> {
    /// Compiles a condition of the SysFlow policy dialect.
    pub fn parse(text: &str) -> Result<Self, Diagnostics> {
        Self::parse_in(text, Dialect::SysFlow)
    }

    /// Compiles a condition of a dialect.
    pub fn parse_in(text: &str, dialect: Dialect) -> Result<Self, Diagnostics> {
        let source = SourceFile {
            name: "condition".into(),
            text: text.into(),
        };
        let sources = Sources::new(vec![source]);
        let (lists, macros) = (Lists::default(), Macros::default());
        let mut compiler = Compiler::new(V::catalogue(), lists, macros, Vec::new());
        compiler.traces = true;
        let mapped = MappedText::verbatim(text, 0, 0);
        let answer = compiler.condition(ToCompile {
            text: &mapped,
            dialect,
            owner: Owner::Nothing,
            skips_unknown: false,
        });
        let (builder, problems) = compiler.into_problems();
        let problems = Diagnostics::new(problems, sources, 1);
        let Some(Compiled { node, trace }) = answer else {
            return Err(problems);
        };
        let mut checks = Vec::new();
        if let Some(trace) = &trace {
            trace.checks(&mut HashSet::new(), &mut checks);
        }
        Ok(Self {
            program: builder.finish(&[node], &checks),
            root: node,
            trace,
            warnings: problems,
            view: PhantomData,
        })
    }

    /// The fields that the condition asks for, each once, in the order of the catalogue.
    pub fn fields(&self) -> Vec<FieldId> {
        self.program.fields(self.root)
    }

    /// What is probably not meant so.
    pub const fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }
}
