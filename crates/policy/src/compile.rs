//! From expressions to the graph of a [`Program`](crate::program::Program): names and macros.
//!
//! Single checks are the business of [`check`](crate::check).

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use foldhash::fast::RandomState;
use sysflow_field::{Catalogue, Type, Unresolved};

use crate::Dialect;
use crate::ast::{Expression, Operand};
use crate::diagnostic::{Code, Diagnostic, Severity, nearest};
use crate::explain::Trace;
use crate::falco::{FalcoCode, Stage, Step};
use crate::lists::{Lists, Word};
use crate::macros::{MacroState, Macros};
use crate::made;
use crate::names::Place;
use crate::parser;
use crate::program::{Builder, MAX_DEPTH, Node, NodeId};
use crate::source::{MappedText, Span};
use crate::splice::{Spliced, TextLists};

/// How deep the compiler may descend through expressions and macros together.
const MAX_LEVEL: usize = 300;

/// What a condition belongs to.
#[derive(Clone, Debug)]
pub(crate) enum Owner {
    /// A condition that stands alone.
    Nothing,
    /// `rule`, `drop` or `filter`, and its name.
    Item(&'static str, String),
    Macro(String),
}

/// The surroundings of what is being compiled.
pub(crate) struct Scope {
    pub(crate) dialect: Dialect,
    /// The file whose names are meant.
    file: u32,
    owner: Owner,
    /// Indices of the problems because of which it cannot be compiled.
    faults: Vec<usize>,
    /// Whether it is skipped, without complaint, if it asks for something unknown.
    skips_unknown: bool,
    /// Whether a list without items stood in it.
    pub(crate) had_empty_list: bool,
    /// When the macro that this is was last defined.
    last_defined: Option<u32>,
}

/// A condition to be compiled.
pub(crate) struct ToCompile<'t> {
    pub(crate) text: &'t MappedText,
    pub(crate) dialect: Dialect,
    pub(crate) owner: Owner,
    /// Whether it is skipped, without complaint, if it asks for something unknown.
    pub(crate) skips_unknown: bool,
}

impl Scope {
    /// The surroundings of a condition in a file.
    pub(crate) const fn new(dialect: Dialect, file: u32, owner: Owner) -> Self {
        Self {
            dialect,
            file,
            owner,
            faults: Vec::new(),
            skips_unknown: false,
            had_empty_list: false,
            last_defined: None,
        }
    }

    const fn place(&self) -> Place {
        Place {
            file: self.file,
            dialect: self.dialect,
        }
    }
}

/// Compiles conditions into one graph.
pub(crate) struct Compiler {
    pub(crate) catalogue: &'static Catalogue,
    pub(crate) builder: Builder,
    pub(crate) lists: Lists,
    pub(crate) macros: Macros,
    pub(crate) problems: Vec<Diagnostic>,
    /// The number of the rule that is being compiled.
    pub(crate) rule: Option<u32>,
    /// The rules that fall out because of a problem within a macro.
    fallout: HashMap<usize, Fallout, RandomState>,
    /// Lists as text, once a condition of Falco's has asked for them.
    texts: Option<TextLists>,
    /// Whether conditions are kept as they are written, to be explained.
    pub(crate) traces: bool,
    /// What parts of the program stand for that no condition text says: those of Sigma rules.
    told: HashMap<NodeId, Arc<Trace>, RandomState>,
    /// Constants by name.
    pub(crate) constants: Vec<(String, String)>,
    level: usize,
}

/// A part of a condition.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pub(crate) node: NodeId,
    /// As it is written, if that is kept.
    pub(crate) trace: Option<Arc<Trace>>,
}

/// A text that is not too long to be shown.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Characters of a check that are kept.
const LONGEST_SHOWN: usize = 200;

/// What a problem within a macro leads to.
struct Fallout {
    macro_name: String,
    /// The rules that fall out.
    rules: Vec<String>,
    /// Whether all of these are skipped without complaint.
    all_skip: bool,
}

impl Compiler {
    pub(crate) fn new(
        catalogue: &'static Catalogue,
        lists: Lists,
        macros: Macros,
        problems: Vec<Diagnostic>,
    ) -> Self {
        Self {
            catalogue,
            builder: Builder::new(catalogue),
            lists,
            macros,
            problems,
            rule: None,
            fallout: HashMap::default(),
            texts: None,
            traces: false,
            told: HashMap::default(),
            constants: Vec::new(),
            level: 0,
        }
    }

    /// Keeps what a part of the program stands for, if rules are to be explained.
    pub(crate) fn tell(&mut self, node: NodeId, trace: impl FnOnce(&Self) -> Trace) {
        if self.traces {
            // Otherwise it could be dissolved in what it is a part of.
            self.builder.keep(node);
            let trace = trace(self).into();
            self.told.insert(node, trace);
        }
    }

    /// What a part of the program stands for: as it was told, else by its shape.
    pub(crate) fn trace_of(&self, node: NodeId) -> Arc<Trace> {
        if let Some(told) = self.told.get(&node) {
            return Arc::clone(told);
        }
        let of = |parts: &[NodeId]| parts.iter().map(|part| self.trace_of(*part)).collect();
        let trace = match self.builder.node(node) {
            Node::All(parts) => Trace::All(of(parts)),
            Node::Any(parts) => Trace::Any(of(parts)),
            Node::Not(inner) => Trace::Not(self.trace_of(*inner)),
            Node::Constant(_) | Node::Test(_) | Node::One(_) => Trace::Check {
                node,
                text: match self.builder.node(node) {
                    Node::Constant(value) => format!("always {value}"),
                    Node::One(_) => "exactly one of several checks".to_owned(),
                    _ => "a check".to_owned(),
                },
                span: Span::default(),
            },
        };
        trace.into()
    }

    /// Whether a part of the program has a name.
    pub(crate) fn is_named(&self, node: NodeId) -> bool {
        let told = self.told.get(&node);
        told.is_some_and(|told| matches!(**told, Trace::Macro { .. }))
    }

    /// Compiles the condition of a rule or a drop, or one that stands alone.
    pub(crate) fn condition(&mut self, wanted: ToCompile<'_>) -> Option<Compiled> {
        let text = wanted.text;
        let mut scope = Scope {
            skips_unknown: wanted.skips_unknown,
            ..Scope::new(wanted.dialect, text.span.file, wanted.owner)
        };
        let node = self.parsed(text, &mut scope);
        if node.is_none()
            && let Owner::Item(_, name) = &scope.owner
        {
            for fault in &scope.faults {
                if let Some(fallout) = self.fallout.get_mut(fault)
                    && !fallout.rules.contains(name)
                {
                    fallout.rules.push(name.clone());
                    fallout.all_skip &= scope.skips_unknown;
                }
            }
        }
        node
    }

    /// Compiles the macros and opens the lists that nothing has asked for yet, so that their faults are
    /// known.
    pub(crate) fn remaining_names(&mut self) {
        for index in self.macros.definitions.standing() {
            let _ = self.macro_node(index);
        }
        let is_macro = |name: &str| self.macros.contains(name);
        self.lists.open_remaining(&is_macro, &mut self.problems);
    }

    /// Whether a name stands for a list.
    pub(crate) fn names_list(&self, name: &str, scope: &Scope) -> bool {
        self.lists.find(name, scope.place()).is_some()
    }

    /// The values of the list that a name stands for, or `None` if there is no such list.
    pub(crate) fn list(&mut self, name: &str, scope: &Scope) -> Option<Rc<[Word]>> {
        let list = self.lists.find(name, scope.place())?;
        self.lists.use_it(list);
        let is_macro = |name: &str| self.macros.contains(name);
        Some(self.lists.open(list, &is_macro, &mut self.problems))
    }

    /// The problems, with the consequences of those that lie in macros.
    pub(crate) fn into_problems(self) -> (Builder, Vec<Diagnostic>) {
        let mut problems = self.problems;
        for (index, fallout) in self.fallout {
            let Fallout {
                macro_name,
                rules,
                all_skip,
            } = fallout;
            let verb = if all_skip { "skipped" } else { "left out" };
            let consequence = match rules.as_slice() {
                [] => "which no rule uses".to_owned(),
                [only] => format!("because of which `{only}` is {verb}"),
                [first, rest @ ..] if rest.len() > 4 => {
                    let others = rest.len();
                    format!("because of which `{first}` and {others} others are {verb}")
                }
                all => format!("because of which `{}` are {verb}", all.join("`, `")),
            };
            let problem = &mut problems[index];
            problem.leaves_out.clone_from(&rules);
            problem
                .notes
                .push(format!("in macro `{macro_name}`, {consequence}"));
            if all_skip && !rules.is_empty() && problem.code.is_unknown_filter() {
                skip(problem);
            }
            if rules.is_empty() && problem.step > Step::Macros {
                problem.falco = None;
            }
        }
        (self.builder, problems)
    }

    /// Lists as text, in the state that they have at last.
    pub(crate) fn texts(&mut self) -> &mut TextLists {
        let lists = &self.lists;
        self.texts.get_or_insert_with(|| lists.as_text())
    }

    /// A condition of Falco's with the items of lists in it.
    fn spliced(&mut self, text: &MappedText, scope: &mut Scope) -> Option<Spliced> {
        let spliced = match self.texts().splice(text) {
            Ok(spliced) => spliced,
            Err(problem) => {
                let problem = Diagnostic::error(Code::TooLarge, text.span, problem);
                self.fault(scope, problem);
                return None;
            }
        };
        for (span, name) in &spliced.in_quotes {
            let message =
                format!("the items of the list `{name}` take its place even within quotes");
            let problem = Diagnostic::warning(Code::ListAsValue, *span, message);
            self.warn(scope, problem.help("give the list another name"));
        }
        scope.had_empty_list |= spliced.had_empty;
        Some(spliced)
    }

    fn parsed(&mut self, text: &MappedText, scope: &mut Scope) -> Option<Compiled> {
        let spliced = match scope.dialect {
            Dialect::Falco => Some(self.spliced(text, scope)?),
            Dialect::SysFlow | Dialect::Sigma => None,
        };
        let mut syntax_problems = Vec::new();
        let letters = spliced.as_ref().map_or(text, |spliced| &spliced.text);
        let expression = parser::parse(letters, scope.dialect, &mut syntax_problems);
        let mut faultless = true;
        for problem in syntax_problems {
            let problem = problem.step(Step::Parse);
            if problem.severity != Severity::Error {
                self.warn(scope, problem);
                continue;
            }
            faultless = false;
            let names = spliced.iter().flat_map(|spliced| &spliced.names);
            let list = names.into_iter().find(|(span, _)| *span == problem.span());
            let problem = match list {
                Some((_, name)) => problem.help(format!(
                    "`{name}` is a list, whose items stand here in its place; did you mean `in ({name})`?"
                )),
                None => problem,
            };
            self.fault(scope, problem);
        }
        let compiled = self.expression(&expression, scope)?;
        if self.builder.depth(compiled.node) > MAX_DEPTH {
            self.too_deep(text.span, scope);
            return None;
        }
        faultless.then_some(compiled)
    }

    fn expression(&mut self, expression: &Expression, scope: &mut Scope) -> Option<Compiled> {
        match expression {
            Expression::Or(parts) => {
                let (nodes, traces) = self.parts(parts, scope)?;
                let node = self.builder.any(nodes);
                Some(self.compiled(node, |_| Trace::Any(traces)))
            }
            Expression::And(parts) => {
                let (nodes, traces) = self.parts(parts, scope)?;
                let node = self.builder.all(nodes);
                Some(self.compiled(node, |_| Trace::All(traces)))
            }
            Expression::Not(inner) => {
                let inner = self.descend(inner, scope)?;
                let node = self.builder.not(inner.node);
                let trace = inner.trace.map(|inner| Trace::Not(inner).into());
                Some(Compiled { node, trace })
            }
            Expression::Check(check) => {
                let node = self.check(check, scope)?;
                Some(self.compiled(node, |node| Trace::Check {
                    node,
                    text: shortened(&check.to_string()),
                    span: check.span(),
                }))
            }
            Expression::Name(name) => self.name(name, scope),
            Expression::Broken => None,
        }
    }

    fn compiled(&self, node: NodeId, trace: impl FnOnce(NodeId) -> Trace) -> Compiled {
        Compiled {
            node,
            trace: self.traces.then(|| trace(node).into()),
        }
    }

    /// Compiles all parts, even after one has failed, so that all problems are found.
    fn parts(
        &mut self,
        parts: &[Expression],
        scope: &mut Scope,
    ) -> Option<(Vec<NodeId>, Vec<Arc<Trace>>)> {
        let compiled: Vec<Option<Compiled>> =
            parts.iter().map(|part| self.descend(part, scope)).collect();
        let compiled = compiled.into_iter().collect::<Option<Vec<Compiled>>>()?;
        let nodes = compiled.iter().map(|part| part.node).collect();
        let traces = compiled.into_iter().filter_map(|part| part.trace);
        Some((nodes, traces.collect()))
    }

    fn descend(&mut self, expression: &Expression, scope: &mut Scope) -> Option<Compiled> {
        self.level += 1;
        let compiled = self.expression(expression, scope);
        self.level -= 1;
        compiled
    }

    /// A bare word where a check is expected.
    fn name(&mut self, name: &Operand, scope: &mut Scope) -> Option<Compiled> {
        if let Some(index) = self.macros.definitions.find(&name.text, scope.place()) {
            if self.level > MAX_LEVEL {
                self.too_deep(name.span, scope);
                return None;
            }
            self.about_macro(name, scope);
            self.macros.definitions.get_mut(index).is_used = true;
            return match self.macro_node(index) {
                MacroState::Ready(Compiled { node, trace }) => {
                    let trace = trace.map(|inner| {
                        Arc::new(Trace::Macro {
                            name: name.text.clone(),
                            span: name.span,
                            node,
                            inner,
                        })
                    });
                    Some(Compiled { node, trace })
                }
                MacroState::Failed(faults) => {
                    scope.faults.extend_from_slice(&faults);
                    None
                }
                MacroState::Waiting | MacroState::Open => {
                    let message = format!("the macro `{}` needs itself", name.text);
                    self.fault(
                        scope,
                        Diagnostic::error(Code::MacroCycle, name.span, message),
                    );
                    None
                }
            };
        }
        let problem = self.not_a_macro(name, scope);
        self.fault(scope, problem);
        None
    }

    /// Points out a use of a macro that Falco would refuse.
    fn about_macro(&mut self, name: &Operand, scope: &Scope) {
        if scope.dialect != Dialect::Falco {
            return;
        }
        let text = name.text.as_str();
        let (first, file) = self.macros.first.get(text).copied().unwrap_or_default();
        let message = match scope.last_defined {
            _ if !parser::is_name(text) => {
                let message = format!("Falco does not read `{text}` as the name of a macro");
                let hint = Diagnostic::hint(Code::Falco, name.span, message);
                let hint = hint.falco(FalcoCode::CompileCondition);
                self.warn(scope, hint.step(Step::Parse));
                return;
            }
            Some(last) if first > last => {
                format!("Falco knows the macro `{text}` only in what stands behind it")
            }
            None if file > scope.file => {
                format!("Falco knows the macro `{text}` only from a later file on")
            }
            _ => return,
        };
        let hint = Diagnostic::hint(Code::Falco, name.span, message);
        let hint = hint.falco(FalcoCode::Validate);
        self.warn(scope, hint.step(Step::Macros));
    }

    fn not_a_macro(&self, name: &Operand, scope: &Scope) -> Diagnostic {
        let text = name.text.as_str();
        match self.catalogue.resolve(text) {
            Ok(resolved) => {
                let is_boolean = self.catalogue.field(resolved.id).ty == Type::Bool;
                let message = format!("the field `{text}` alone is not a check");
                let problem = Diagnostic::error(Code::BareField, name.span, message);
                return problem.help(if is_boolean {
                    format!("write `{text} = true`")
                } else {
                    format!("write `{text} exists`, or compare it with something")
                });
            }
            Err(unresolved) if text.contains('.') && self.catalogue.looks_like_field(text) => {
                let problem = self.unresolved(text, name.span, &unresolved);
                return problem.step(Step::Parse);
            }
            Err(_) => {}
        }
        let message = if parser::is_keyword(text) {
            format!("`{text}` stands where a check is expected, and there is no macro of that name")
        } else {
            format!("there is no macro `{text}`")
        };
        let problem = Diagnostic::error(Code::UndefinedMacro, name.span, message);
        // What cannot be the name of a macro is no check at all to Falco.
        let problem = if parser::is_name(text) {
            problem
        } else {
            let problem = problem.falco(FalcoCode::CompileCondition);
            problem.step(Step::Parse)
        };
        if self.names_list(text, scope) {
            return problem.help(format!(
                "`{text}` is a list; write `FIELD in ({text})` to compare with its values"
            ));
        }
        match nearest(text, self.macros.definitions.names()) {
            Some(known) => problem.help(format!("did you mean `{known}`?")),
            None => problem,
        }
    }

    fn macro_node(&mut self, index: usize) -> MacroState {
        let place = self.macros.definitions.place(index);
        let definition = self.macros.definitions.get_mut(index);
        match definition.state {
            MacroState::Waiting => definition.state = MacroState::Open,
            _ => return definition.state.clone(),
        }
        let condition = definition.condition.clone();
        let mut scope = Scope {
            dialect: place.dialect,
            file: place.file,
            owner: Owner::Macro(definition.name.clone()),
            faults: Vec::new(),
            skips_unknown: false,
            had_empty_list: false,
            last_defined: Some(definition.last),
        };
        self.level += 1;
        let node = self.parsed(&condition, &mut scope);
        self.level -= 1;
        let state = if let Some(compiled) = node {
            self.builder.keep(compiled.node);
            MacroState::Ready(compiled)
        } else {
            scope.faults.sort_unstable();
            scope.faults.dedup();
            MacroState::Failed(scope.faults.into())
        };
        self.macros.definitions.get_mut(index).state = state.clone();
        state
    }

    /// Says why a name is not a field.
    pub(crate) fn unresolved(&self, text: &str, span: Span, why: &Unresolved) -> Diagnostic {
        made::unresolved(self.catalogue, text, span, why)
    }

    fn too_deep(&mut self, span: Span, scope: &mut Scope) {
        let message = "conditions and macros nest too deeply";
        self.fault(scope, Diagnostic::error(Code::TooDeep, span, message));
    }

    /// Reports a problem because of which the owner of the condition cannot be used.
    pub(crate) fn fault(&mut self, scope: &mut Scope, problem: Diagnostic) {
        let index = self.problems.len();
        scope.faults.push(index);
        let mut problem = self.placed(problem, scope);
        match &scope.owner {
            Owner::Nothing => {}
            Owner::Item(kind, name) => {
                let skips = scope.skips_unknown && problem.code.is_unknown_filter();
                let verb = if skips { "skipped" } else { "left out" };
                problem = problem.note(format!("in {kind} `{name}`, which is {verb}"));
                if skips {
                    skip(&mut problem);
                } else if *kind == "rule" {
                    problem = problem.leaving_out(name);
                }
            }
            Owner::Macro(name) => {
                let fallout = Fallout {
                    macro_name: name.clone(),
                    rules: Vec::new(),
                    all_skip: true,
                };
                self.fallout.insert(index, fallout);
            }
        }
        self.problems.push(problem);
    }

    /// Reports something that is probably not meant so.
    pub(crate) fn warn(&mut self, scope: &Scope, problem: Diagnostic) {
        let problem = self.placed(problem, scope);
        self.problems.push(match &scope.owner {
            Owner::Nothing => problem,
            Owner::Item(kind, name) => problem.note(format!("in {kind} `{name}`")),
            Owner::Macro(name) => problem.note(format!("in macro `{name}`")),
        });
    }

    /// A problem with the item that it is about, and when Falco would find it.
    fn placed(&self, mut problem: Diagnostic, scope: &Scope) -> Diagnostic {
        if scope.dialect != Dialect::Falco {
            problem.falco = None;
        }
        match &scope.owner {
            Owner::Nothing => problem,
            Owner::Item(kind, name) => {
                problem.stage = Stage::Rule(self.rule.unwrap_or_default(), problem.step);
                problem.about(kind, name)
            }
            Owner::Macro(name) => {
                match self.rule {
                    _ if problem.step <= Step::Macros => {
                        problem.stage = Stage::Macros(problem.step);
                    }
                    // Falco looks at what a macro asks for where a rule uses it.
                    Some(rule) => problem.stage = Stage::Rule(rule, problem.step),
                    None => problem.falco = None,
                }
                problem.about("macro", name)
            }
        }
    }
}

/// Makes an error one because of which a rule is skipped without complaint.
fn skip(problem: &mut Diagnostic) {
    problem.severity = Severity::Warning;
    if problem.falco.is_some() {
        problem.falco = Some(FalcoCode::UnknownFilter);
    }
}
