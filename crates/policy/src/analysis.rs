//! What is not wrong with rules, but useless or costly: dead and shadowed rules, names that nothing uses,
//! conditions that cost much.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use sysflow_field::{Catalogue, KindSet, Role};

use crate::Dialect;
use crate::compile::Compiler;
use crate::diagnostic::{Code, Diagnostic};
use crate::falco::{FalcoCode, Stage};
use crate::items::RuleItem;
use crate::predicate::{Predicate, Spec};
use crate::program::{Builder, Node, NodeId};
use crate::types::TypesOf;

/// A rule that has been compiled.
pub(crate) struct Described<'r> {
    pub(crate) item: &'r RuleItem,
    /// Its number among all rules.
    pub(crate) number: u32,
    pub(crate) dialect: Dialect,
    pub(crate) root: NodeId,
    pub(crate) kinds: KindSet,
}

/// Points out macros and lists that nothing uses.
pub(crate) fn unused(compiler: &mut Compiler) {
    let macros = compiler
        .macros
        .unused()
        .into_iter()
        .map(|name| ("macro", name));
    let lists: Vec<_> = compiler.lists.unused();
    let texts = compiler.texts();
    let lists = lists.into_iter().filter(|(name, _)| !texts.is_used(name));
    let lists: Vec<_> = lists.map(|name| ("list", name)).collect();
    let hints: Vec<Diagnostic> = macros
        .chain(lists)
        .map(|(kind, (name, span))| {
            let message = format!("nothing uses the {kind} `{name}`");
            let code = match kind {
                "macro" => FalcoCode::UnusedMacro,
                _ => FalcoCode::UnusedList,
            };
            let mut hint = Diagnostic::hint(Code::Unused, span, message).falco(code);
            hint.stage = Stage::End;
            hint.about(kind, &name)
        })
        .collect();
    compiler.problems.extend(hints);
}

/// Points out rules that can never match, that say what another says, and that cost much.
pub(crate) fn rules(
    rules: &[Described<'_>],
    builder: &Builder,
    catalogue: &'static Catalogue,
    problems: &mut Vec<Diagnostic>,
) {
    let mut types = TypesOf::new(builder, catalogue);
    let mut by_root: HashMap<(NodeId, u32), &RuleItem, RandomState> = HashMap::default();
    for rule in rules {
        let name = &rule.item.name;
        let mut note = |mut problem: Diagnostic| {
            problem.stage = Stage::Rule(rule.number, problem.step);
            if rule.dialect != Dialect::Falco {
                problem.falco = None;
            }
            problems.push(problem.about("rule", &name.text));
        };
        let reachable = types.of(rule.root);
        let reach = builder.if_true(rule.root);
        let is_constant = matches!(builder.node(rule.root), Node::Constant(false));
        let kinds = rule.kinds.intersection(reach.kinds);
        let has_kind = (0..catalogue.kinds.len() as u32).any(|kind| kinds.contains(kind));
        let is_dead = is_constant || reachable.are_none() || !has_kind;
        // Of SysFlow's rules that has been said.
        if is_dead && rule.dialect == Dialect::Falco {
            let why = if is_constant {
                "what its condition asks for is in no list and of no type"
            } else {
                "its checks rule each other out"
            };
            let message = format!("the rule `{}` can never match", name.text);
            let hint = Diagnostic::hint(Code::NeverTrue, name.span, message);
            note(hint.note(why));
        }
        let is_syscall = rule.dialect == Dialect::Falco;
        if is_syscall && rule.item.warns_of_types && reachable.are_too_many() {
            let message = format!(
                "the rule `{}` is for all types of events, or most",
                name.text
            );
            let hint = Diagnostic::hint(Code::Costly, name.span, message);
            let hint = hint.help("restrict it with `evt.type`");
            note(hint.falco(FalcoCode::NoEventType));
        }
        if let Some(earlier) = by_root.get(&(rule.root, rule.kinds.0)).filter(|_| !is_dead) {
            let message = format!(
                "the rule `{}` matches exactly what `{}` matches",
                name.text, earlier.name.text
            );
            let hint = Diagnostic::hint(Code::Duplicate, name.span, message);
            note(hint.also(earlier.name.span, "the other rule"));
        }
        by_root
            .entry((rule.root, rule.kinds.0))
            .or_insert(rule.item);
        if let Some(earlier) = shadowing(rule, rules, builder) {
            let message = format!(
                "whatever the rule `{}` matches, `{}` matches before it",
                name.text, earlier.name.text
            );
            let hint = Diagnostic::hint(Code::Duplicate, name.span, message);
            let hint = hint.also(earlier.name.span, "the other rule");
            note(hint.note("where only the first matching rule counts, this one never does"));
        }
        if rule.item.enabled {
            for problem in costs(rule, builder, catalogue) {
                note(problem);
            }
        }
    }
}

/// An earlier rule that is true wherever this one is, because this one asks for the same and more, or the
/// earlier one for the same or something else.
fn shadowing<'r>(
    rule: &Described<'_>,
    rules: &[Described<'r>],
    builder: &Builder,
) -> Option<&'r RuleItem> {
    let Node::All(parts) = builder.node(rule.root) else {
        return None;
    };
    // Looking at all pairs is only worth it while there are few.
    if rules.len() > MOST_COMPARED || parts.len() > MOST_PARTS {
        return None;
    }
    let earlier = rules
        .iter()
        .take_while(|earlier| !std::ptr::eq(*earlier, rule));
    let mut enabled = earlier.filter(|earlier| earlier.item.enabled && rule.item.enabled);
    let covers = |earlier: &&Described<'_>| {
        let kinds_fit = earlier.kinds.intersection(rule.kinds) == rule.kinds;
        let has_all = match builder.node(earlier.root) {
            Node::All(others) => {
                others.len() < parts.len() && others.iter().all(|part| parts.contains(part))
            }
            _ => parts.contains(&earlier.root),
        };
        kinds_fit && has_all
    };
    enabled.find(covers).map(|earlier| earlier.item)
}

/// Parts of a rule that are looked for in others.
const MOST_PARTS: usize = 64;

/// Rules of which each pair is compared.
const MOST_COMPARED: usize = 2000;

/// Checks in a rule that cost much.
fn costs(rule: &Described<'_>, builder: &Builder, catalogue: &Catalogue) -> Vec<Diagnostic> {
    let name = &rule.item.name;
    let mut hints = Vec::new();
    let mut pending = vec![rule.root];
    let mut seen = std::collections::HashSet::new();
    let (mut slow_patterns, mut paths) = (Vec::new(), false);
    while let Some(node) = pending.pop() {
        if !seen.insert(node) {
            continue;
        }
        match builder.node(node) {
            Node::Constant(_) => {}
            Node::Not(inner) => pending.push(*inner),
            Node::All(parts) | Node::Any(parts) | Node::One(parts) => pending.extend(parts.iter()),
            Node::Test(index) => match builder.predicate(*index) {
                Predicate::Field { question, spec } => {
                    paths |= question.path.is_some();
                    if let Spec::Matches(patterns) = spec {
                        let field = catalogue.field(question.field).name;
                        let slow = patterns
                            .iter()
                            .filter(|pattern| !has_literal_start(pattern));
                        slow_patterns.extend(slow.map(|pattern| (field, pattern.clone())));
                    }
                }
                Predicate::Made { transform, .. } => {
                    transform.each_question(&mut |question| paths |= question.path.is_some());
                }
                Predicate::Every { .. } | Predicate::Pair(_) => {}
            },
        }
    }
    slow_patterns.sort();
    if rule.dialect == Dialect::Sigma {
        // What wildcards became is nothing that somebody wrote.
        slow_patterns.dedup_by_key(|(field, _)| *field);
    }
    for (field, pattern) in slow_patterns.into_iter().take(5) {
        let mut message = format!(
            "a pattern over `{field}` starts with no fixed text, so every value is searched"
        );
        if rule.dialect != Dialect::Sigma {
            message = format!("{message}: {pattern}");
        }
        let hint = Diagnostic::hint(Code::Costly, name.span, message);
        hints.push(hint.note(format!("in rule `{}`", name.text)));
    }
    if paths && !has_kind_or_operation(rule.root, builder, catalogue) {
        let message = format!(
            "the rule `{}` reads a JSON document of every observation",
            name.text
        );
        let hint = Diagnostic::hint(Code::Costly, name.span, message);
        hints.push(hint.help("restrict it by kind or type first"));
    }
    if builder.cost(rule.root) > COSTLY {
        let message = format!("the condition of the rule `{}` is large", name.text);
        let hint = Diagnostic::hint(Code::Costly, name.span, message);
        hints.push(hint.note(format!(
            "its checks are worth {} of one that compares a number",
            builder.cost(rule.root)
        )));
    }
    hints
}

/// From here on a condition is large: the largest of the published rules has less.
const COSTLY: u32 = 2000;

fn has_kind_or_operation(root: NodeId, builder: &Builder, catalogue: &Catalogue) -> bool {
    let is_narrow = |node: &NodeId| match builder.node(*node) {
        Node::Test(index) => match builder.predicate(*index) {
            Predicate::Field { question, .. } => {
                catalogue.field(question.field).role != Role::Plain
            }
            _ => false,
        },
        _ => false,
    };
    match builder.node(root) {
        Node::All(parts) => parts.iter().any(is_narrow),
        _ => is_narrow(&root),
    }
}

/// Whether all that a pattern matches starts with the same letter.
fn has_literal_start(pattern: &str) -> bool {
    let mut rest = pattern;
    // What we, or the user, put around it.
    loop {
        let next = rest
            .strip_prefix("(?s-u:")
            .or_else(|| rest.strip_prefix("(?si-u:"))
            .or_else(|| rest.strip_prefix("(?i-u:"))
            .or_else(|| rest.strip_prefix("(?-u:"))
            .or_else(|| rest.strip_prefix("(?:"))
            .or_else(|| rest.strip_prefix('^'))
            .or_else(|| rest.strip_prefix('('))
            // A slash in front may be missing, in patterns of paths.
            .or_else(|| rest.strip_prefix("/?"));
        match next {
            Some(inner) => rest = inner,
            None => break,
        }
    }
    let mut letters = rest.chars();
    let first = letters.next();
    let is_literal = match first {
        Some('\\') => letters
            .next()
            .is_some_and(|next| next == 'x' || !next.is_ascii_alphanumeric()),
        Some(letter) => !matches!(
            letter,
            '.' | '*' | '+' | '?' | '[' | ']' | '|' | ')' | '$' | '{'
        ),
        None => false,
    };
    is_literal && !matches!(letters.next(), Some('*' | '?' | '{'))
}

#[cfg(test)]
mod tests {
    use super::has_literal_start;

    #[test]
    fn patterns_show_how_they_start() {
        for good in [
            "/etc/.*",
            "^/etc",
            "(?s-u:/bin/.*)",
            "(abc|abd)",
            "\\.ssh",
            "(?i-u:\\x2fbin)(?s-u:.*)x",
        ] {
            assert!(has_literal_start(good), "{good}");
        }
        for bad in [".*x", "[ab]c", "a*b", "(?s-u:.*\\.ssh)", "", "\\d+", "x?y"] {
            assert!(!has_literal_start(bad), "{bad}");
        }
    }
}
