//! Rules that do not run, and why.

use std::fmt;

use sysflow_policy::{Code, Diagnostic, Diagnostics, FailedRule, Position};

/// A rule that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name.
    pub name: String,
    /// The name of the file that it stands in.
    pub file: String,
    /// Where its name stands in the file.
    pub position: Position,
    /// What is wrong, for each view that was asked.
    pub reasons: Vec<Reason>,
}

/// What keeps a rule from running on a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What the view holds: `records` or `events`.
    pub view: &'static str,
    /// The kind of problem.
    pub code: Code,
    /// The problem, in a sentence.
    pub message: String,
    /// The name of the file that it is in.
    pub file: String,
    /// Where.
    pub position: Position,
}

impl Reason {
    fn new(view: &'static str, problems: &Diagnostics, problem: &Diagnostic, file: &str) -> Self {
        // What Sigma's names stand for is in the mapping; what asks for it is in the rule.
        let mut spans = problem.labels.iter().map(|label| label.span);
        let span = spans.rfind(|span| problems.file_name(*span) == file);
        let span = span.unwrap_or_else(|| problem.span());
        Self {
            view,
            code: problem.code,
            message: problem.message.clone(),
            file: problems.file_name(span).to_owned(),
            position: problems.positions(span).0,
        }
    }

    /// Whether it is about this view alone: it lacks a field.
    pub const fn is_missing_field(&self) -> bool {
        is_missing_field(self.code)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            view,
            message,
            file,
            position,
            ..
        } = self;
        let (line, column) = (position.line, position.column);
        write!(f, "{view}: {message} ({file}:{line}:{column})")
    }
}

/// Whether a problem can be one of a view, and none of the other.
pub(super) const fn is_missing_field(code: Code) -> bool {
    matches!(
        code,
        Code::ForeignField | Code::UnknownField | Code::UnknownToken
    )
}

impl LeftOut {
    /// What the problems of the views that were asked say of a rule.
    pub(super) fn new(failed: &FailedRule, views: &[(&'static str, &Diagnostics)]) -> Self {
        let reasons = views.iter().flat_map(|(view, problems)| {
            let about = problems.leaving_out(&failed.name);
            about.map(|problem| Reason::new(view, problems, problem, &failed.file))
        });
        Self {
            name: failed.name.clone(),
            file: failed.file.clone(),
            position: failed.position,
            reasons: reasons.collect(),
        }
    }

    /// Why it runs nowhere, in words.
    pub fn told(&self) -> String {
        let reasons: Vec<String> = self.reasons.iter().map(Reason::to_string).collect();
        reasons.join("; ")
    }
}
