//! From conditions to the program: which searches must match.

use super::condition::Condition;
use super::detection::Detection;
use super::lower::Lowering;
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::explain::Trace;
use crate::program::{MAX_DEPTH, NodeId};
use crate::source::Span;

/// How many search identifiers the conditions of one rule may come to, counted wherever they are named.
const MAX_MENTIONS: usize = 100_000;

impl Lowering<'_, '_> {
    /// Compiles a detection section: any of its conditions. `None` after a fault, which has been reported.
    pub(super) fn detection(&mut self, detection: &Detection) -> Option<NodeId> {
        let searches: Vec<Option<NodeId>> = detection
            .identifiers
            .iter()
            .map(|identifier| {
                let node = self.search(&identifier.search)?;
                if !self.compiler.is_named(node) {
                    self.compiler.tell(node, |compiler| Trace::Macro {
                        name: identifier.name.text.clone(),
                        span: identifier.name.span,
                        node,
                        inner: compiler.trace_of(node),
                    });
                }
                Some(node)
            })
            .collect();
        let mut used = vec![false; searches.len()];
        let mut mentions = 0;
        let mut conditions = Vec::new();
        for text in &detection.conditions {
            let parsed = match super::condition::parse(text) {
                Ok(parsed) => parsed,
                Err(problem) => {
                    self.compiler.fault(&mut self.scope, *problem);
                    conditions.push(None);
                    continue;
                }
            };
            let mut context = Context {
                detection,
                searches: &searches,
                used: &mut used,
                mentions: &mut mentions,
            };
            conditions.push(self.condition(&parsed, &mut context));
        }
        // What a condition that cannot be read asks for is not known.
        let all_read = conditions.iter().all(Option::is_some);
        for (identifier, used) in detection.identifiers.iter().zip(used) {
            if !used && all_read && !identifier.name.text.starts_with('_') {
                let message = format!("no condition asks for `{}`", identifier.name.text);
                let span = identifier.name.span;
                let problem = Diagnostic::warning(Code::Constant, span, message);
                self.compiler.warn(&self.scope, problem);
            }
        }
        let conditions: Option<Vec<NodeId>> = conditions.into_iter().collect();
        let faultless = searches.iter().all(Option::is_some);
        let node = self.compiler.builder.any(conditions?);
        if self.compiler.builder.depth(node) > MAX_DEPTH {
            let span = detection
                .conditions
                .first()
                .map_or(Span::default(), |c| c.span);
            let problem = Diagnostic::error(Code::TooDeep, span, "conditions nest too deeply");
            self.compiler.fault(&mut self.scope, problem);
            return None;
        }
        faultless.then_some(node)
    }

    fn condition(&mut self, condition: &Condition, context: &mut Context<'_>) -> Option<NodeId> {
        match condition {
            Condition::Or(parts) => {
                let parts = self.conditions(parts, context)?;
                Some(self.compiler.builder.any(parts))
            }
            Condition::And(parts) => {
                let parts = self.conditions(parts, context)?;
                Some(self.compiler.builder.all(parts))
            }
            Condition::Not(inner) => {
                let inner = self.condition(inner, context)?;
                Some(self.compiler.builder.not(inner))
            }
            Condition::Name(name, span) => {
                let mut identifiers = context.detection.identifiers.iter();
                let Some(index) = identifiers.position(|known| known.name.text == *name) else {
                    let message = format!("there is no search identifier `{name}`");
                    let problem = Diagnostic::error(Code::UndefinedMacro, *span, message);
                    let known = context.detection.identifiers.iter();
                    let known = nearest(name, known.map(|known| known.name.text.as_str()));
                    let problem = match known {
                        Some(known) => problem.help(format!("did you mean `{known}`?")),
                        None => problem,
                    };
                    self.compiler.fault(&mut self.scope, problem);
                    return None;
                };
                self.mention(1, *span, context)?;
                context.used[index] = true;
                context.searches[index]
            }
            Condition::Of(of, span) => {
                let identifiers = context.detection.identifiers.iter().enumerate();
                let meant: Vec<usize> = identifiers
                    .filter(|(_, known)| of.fits(&known.name.text))
                    .map(|(index, _)| index)
                    .collect();
                if meant.is_empty() {
                    let message = "no search identifier has such a name";
                    let problem = Diagnostic::error(Code::UndefinedMacro, *span, message);
                    self.compiler.fault(&mut self.scope, problem);
                    return None;
                }
                self.mention(meant.len(), *span, context)?;
                let mut nodes = Vec::with_capacity(meant.len());
                for index in meant {
                    context.used[index] = true;
                    nodes.push(context.searches[index]?);
                }
                Some(if of.all {
                    self.compiler.builder.all(nodes)
                } else {
                    self.compiler.builder.any(nodes)
                })
            }
        }
    }

    fn conditions(
        &mut self,
        parts: &[Condition],
        context: &mut Context<'_>,
    ) -> Option<Vec<NodeId>> {
        let nodes: Vec<Option<NodeId>> = parts
            .iter()
            .map(|part| self.condition(part, context))
            .collect();
        nodes.into_iter().collect()
    }

    fn mention(&mut self, count: usize, span: Span, context: &mut Context<'_>) -> Option<()> {
        *context.mentions += count;
        if *context.mentions <= MAX_MENTIONS {
            return Some(());
        }
        let message = format!("this condition comes to more than {MAX_MENTIONS} searches");
        let problem = Diagnostic::error(Code::TooLarge, span, message);
        self.compiler.fault(&mut self.scope, problem);
        None
    }
}

/// What conditions are compiled with.
struct Context<'d> {
    detection: &'d Detection,
    searches: &'d [Option<NodeId>],
    used: &'d mut [bool],
    mentions: &'d mut usize,
}
