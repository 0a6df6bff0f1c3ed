//! Rules and conditions, ready to run.

use std::marker::PhantomData;

use sysflow_field::{FieldId, KindSet, View};

use crate::Dialect;
use crate::compile::{Compiler, Macros, Owner};
use crate::diagnostic::Diagnostics;
use crate::index::Index;
use crate::lists::Lists;
use crate::loader;
use crate::priority::Priority;
use crate::program::{NodeId, Program};
use crate::sigma::{Correlation, Metadata};
use crate::source::{MappedText, Position, SourceFile, Sources};
use crate::stateful::Plans;
use crate::template::Template;

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
    /// What a Sigma rule says about itself.
    pub sigma: Option<Box<Metadata>>,
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
    /// What the names of Sigma rules mean, in place of the mapping that comes with this crate.
    pub sigma_mapping: Option<SourceFile>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            dialect: None,
            max_file_size: 16 << 20,
            sigma_mapping: None,
        }
    }
}

/// The rules of any number of files, compiled into one program.
#[derive(Debug)]
pub struct RuleSet<V: View> {
    pub(crate) rules: Vec<Rule<V>>,
    pub(crate) drops: usize,
    pub(crate) counts: Counts,
    pub(crate) correlations: Vec<Correlation>,
    pub(crate) plans: Plans,
    pub(crate) program: Program,
    pub(crate) rule_index: Index,
    pub(crate) drop_index: Index,
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
        let mapped = MappedText::verbatim(text, 0, 0);
        let root = compiler.condition(&mapped, dialect, Owner::Nothing);
        let (builder, problems) = compiler.into_problems();
        let problems = Diagnostics::new(problems, sources);
        let Some(root) = root else {
            return Err(problems);
        };
        Ok(Self {
            program: builder.finish(&[root]),
            root,
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
