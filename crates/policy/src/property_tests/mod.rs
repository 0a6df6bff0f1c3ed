//! Properties: what is printed is read again, what the engine answers is what a plain reading of the
//! condition answers, and no text of a rule file does harm.

mod agreement;
mod conditions;
mod harm;
mod indexing;
mod printing;

use crate::ast::Expression;
use crate::source::MappedText;
use crate::toy::Toy;
use crate::{Dialect, LoadOptions, RuleSet, SourceFile, parser};

fn parsed(text: &str, dialect: Dialect) -> Expression {
    let mut problems = Vec::new();
    let mapped = MappedText::verbatim(text, 0, 0);
    let expression = parser::parse(&mapped, dialect, &mut problems);
    problems.retain(|problem| problem.severity == crate::Severity::Error);
    assert!(problems.is_empty(), "{text}: {problems:#?}");
    expression
}

fn load(text: &str, dialect: Dialect) -> RuleSet<Toy> {
    let file = SourceFile {
        name: "rules".into(),
        text: text.to_owned(),
    };
    let options = LoadOptions {
        dialect: Some(dialect),
        ..LoadOptions::default()
    };
    let (set, problems) = RuleSet::load(vec![file], &options);
    assert_eq!(problems.errors(), 0, "{text}\n{problems}");
    set
}
