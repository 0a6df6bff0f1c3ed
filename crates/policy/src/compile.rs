//! From expressions to the graph of a [`Program`](crate::program::Program): names and macros.
//!
//! Single checks are the business of [`check`](crate::check).

use std::collections::HashMap;
use std::rc::Rc;

use foldhash::fast::RandomState;
use sysflow_field::{Catalogue, Type, Unresolved};

use crate::Dialect;
use crate::ast::{Expression, Operand};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::items::MacroItem;
use crate::lists::{Lists, Word};
use crate::names::{Named, Place};
use crate::parser;
use crate::program::{Builder, MAX_DEPTH, NodeId};
use crate::source::{MappedText, Span};

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
}

impl Scope {
    /// The surroundings of a condition in a file.
    pub(crate) const fn new(dialect: Dialect, file: u32, owner: Owner) -> Self {
        Self {
            dialect,
            file,
            owner,
            faults: Vec::new(),
        }
    }

    const fn place(&self) -> Place {
        Place {
            file: self.file,
            dialect: self.dialect,
        }
    }
}

struct MacroDefinition {
    condition: MappedText,
    name: String,
    name_span: Span,
    state: MacroState,
}

#[derive(Clone)]
enum MacroState {
    Waiting,
    /// Being compiled.
    Open,
    Ready(NodeId),
    /// Unusable because of these problems.
    Failed(Rc<[usize]>),
}

/// All macros.
#[derive(Default)]
pub(crate) struct Macros {
    definitions: Named<MacroDefinition>,
}

impl Macros {
    /// Adds a macro; a later one of the same name replaces the earlier one, for the files that see it, or
    /// adds to it. Gives the place of one in the same file that is replaced.
    pub(crate) fn define(&mut self, item: MacroItem, dialect: Dialect) -> Option<Span> {
        let name = item.name.text;
        if item.append
            && let Some(known) = self.definitions.last_mut(&name)
        {
            known.condition.append(&item.condition);
            return None;
        }
        let place = Place::new(item.name.span, dialect);
        let definition = MacroDefinition {
            condition: item.condition,
            name: name.clone(),
            name_span: item.name.span,
            state: MacroState::Waiting,
        };
        let replaced = self.definitions.define(&name, place, definition);
        replaced.map(|replaced| replaced.name_span)
    }

    /// Whether any file defines such a macro.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.definitions.contains(name)
    }
}

/// Compiles conditions into one graph.
pub(crate) struct Compiler {
    pub(crate) catalogue: &'static Catalogue,
    pub(crate) builder: Builder,
    pub(crate) lists: Lists,
    pub(crate) macros: Macros,
    pub(crate) problems: Vec<Diagnostic>,
    /// The rules that fall out because of a problem within a macro.
    fallout: HashMap<usize, (String, Vec<String>), RandomState>,
    level: usize,
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
            fallout: HashMap::default(),
            level: 0,
        }
    }

    /// Compiles the condition of a rule or a drop, or one that stands alone.
    pub(crate) fn condition(
        &mut self,
        text: &MappedText,
        dialect: Dialect,
        owner: Owner,
    ) -> Option<NodeId> {
        let mut scope = Scope::new(dialect, text.span.file, owner);
        let node = self.parsed(text, &mut scope);
        if node.is_none()
            && let Owner::Item(_, name) = &scope.owner
        {
            for fault in &scope.faults {
                if let Some((_, names)) = self.fallout.get_mut(fault)
                    && !names.contains(name)
                {
                    names.push(name.clone());
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
        let is_macro = |name: &str| self.macros.contains(name);
        Some(self.lists.open(list, &is_macro, &mut self.problems))
    }

    /// The problems, with the consequences of those that lie in macros.
    pub(crate) fn into_problems(self) -> (Builder, Vec<Diagnostic>) {
        let mut problems = self.problems;
        for (index, (macro_name, rules)) in self.fallout {
            let consequence = match rules.as_slice() {
                [] => "which no rule uses".to_owned(),
                [only] => format!("because of which `{only}` is left out"),
                [first, rest @ ..] if rest.len() > 4 => {
                    let others = rest.len();
                    format!("because of which `{first}` and {others} others are left out")
                }
                all => format!("because of which `{}` are left out", all.join("`, `")),
            };
            let note = format!("in macro `{macro_name}`, {consequence}");
            problems[index].notes.push(note);
        }
        (self.builder, problems)
    }

    fn parsed(&mut self, text: &MappedText, scope: &mut Scope) -> Option<NodeId> {
        let mut syntax_problems = Vec::new();
        let expression = parser::parse(text, scope.dialect, &mut syntax_problems);
        let faultless = syntax_problems.is_empty();
        for problem in syntax_problems {
            self.fault(scope, problem);
        }
        let node = self.expression(&expression, scope)?;
        if self.builder.depth(node) > MAX_DEPTH {
            self.too_deep(text.span, scope);
            return None;
        }
        faultless.then_some(node)
    }

    fn expression(&mut self, expression: &Expression, scope: &mut Scope) -> Option<NodeId> {
        match expression {
            Expression::Or(parts) => {
                let parts = self.parts(parts, scope)?;
                Some(self.builder.any(parts))
            }
            Expression::And(parts) => {
                let parts = self.parts(parts, scope)?;
                Some(self.builder.all(parts))
            }
            Expression::Not(inner) => {
                let inner = self.descend(inner, scope)?;
                Some(self.builder.not(inner))
            }
            Expression::Check(check) => self.check(check, scope),
            Expression::Name(name) => self.name(name, scope),
            Expression::Broken => None,
        }
    }

    /// Compiles all parts, even after one has failed, so that all problems are found.
    fn parts(&mut self, parts: &[Expression], scope: &mut Scope) -> Option<Vec<NodeId>> {
        let compiled: Vec<Option<NodeId>> =
            parts.iter().map(|part| self.descend(part, scope)).collect();
        compiled.into_iter().collect()
    }

    fn descend(&mut self, expression: &Expression, scope: &mut Scope) -> Option<NodeId> {
        self.level += 1;
        let node = self.expression(expression, scope);
        self.level -= 1;
        node
    }

    /// A bare word where a check is expected.
    fn name(&mut self, name: &Operand, scope: &mut Scope) -> Option<NodeId> {
        if let Some(index) = self.macros.definitions.find(&name.text, scope.place()) {
            if self.level > MAX_LEVEL {
                self.too_deep(name.span, scope);
                return None;
            }
            return match self.macro_node(index) {
                MacroState::Ready(node) => Some(node),
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
                return self.unresolved(text, name.span, &unresolved);
            }
            Err(_) => {}
        }
        let message = format!("there is no macro `{text}`");
        let problem = Diagnostic::error(Code::UndefinedMacro, name.span, message);
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
        };
        self.level += 1;
        let node = self.parsed(&condition, &mut scope);
        self.level -= 1;
        let state = if let Some(node) = node {
            self.builder.keep(node);
            MacroState::Ready(node)
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
        match why {
            Unresolved::Unknown { suggestions } => {
                let message = format!("there is no field `{text}`");
                let problem = Diagnostic::error(Code::UnknownField, span, message);
                match suggestions.as_slice() {
                    [] => problem,
                    [best, ..] if strsim::levenshtein(best, text) <= 2 => {
                        problem.help(format!("did you mean `{best}`?"))
                    }
                    all => problem.help(format!("did you mean `{}`?", all.join("` or `"))),
                }
            }
            Unresolved::Foreign { reason } => Diagnostic::error(
                Code::ForeignField,
                span,
                format!("cannot run on this source: field `{text}` {reason}"),
            )
            .label(format!("not known of {}", self.catalogue.source)),
            Unresolved::BadArgument { problem } => {
                Diagnostic::error(Code::BadArgument, span, problem.as_str())
            }
        }
    }

    fn too_deep(&mut self, span: Span, scope: &mut Scope) {
        let message = "conditions and macros nest too deeply";
        self.fault(scope, Diagnostic::error(Code::TooDeep, span, message));
    }

    /// Reports a problem because of which the owner of the condition cannot be used.
    pub(crate) fn fault(&mut self, scope: &mut Scope, problem: Diagnostic) {
        let index = self.problems.len();
        scope.faults.push(index);
        let problem = match &scope.owner {
            Owner::Nothing => problem,
            Owner::Item(kind, name) => {
                problem.note(format!("in {kind} `{name}`, which is left out"))
            }
            Owner::Macro(name) => {
                self.fallout.insert(index, (name.clone(), Vec::new()));
                problem
            }
        };
        self.problems.push(problem);
    }

    /// Reports something that is probably not meant so.
    pub(crate) fn warn(&mut self, scope: &Scope, problem: Diagnostic) {
        self.problems.push(match &scope.owner {
            Owner::Nothing => problem,
            Owner::Item(kind, name) => problem.note(format!("in {kind} `{name}`")),
            Owner::Macro(name) => problem.note(format!("in macro `{name}`")),
        });
    }
}
