//! What is wrong with a rule file, said so that it can be put right.

use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::json;

use crate::falco::{FalcoCode, Stage, Step};
use crate::source::{Position, SourceFile, Sources, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is wrong, but something can be better, or would not please Falco.
    Note,
    /// The item is used, but probably not as meant.
    Warning,
    /// The item cannot be used.
    Error,
}

impl Severity {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// What kind of problem it is: a stable name for machines.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $variant,)+ }

        impl Code {
            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

codes! {
    /// A condition is not a sentence of the language.
    Syntax = "syntax",
    /// The file is not YAML.
    Yaml = "yaml",
    /// An item lacks a key, or a key holds the wrong shape of value.
    Shape = "shape",
    /// A key that the item does not have.
    UnknownKey = "unknown-key",
    /// A part of the language that is not supported yet.
    Unsupported = "unsupported",
    /// No source has such a field.
    UnknownField = "unknown-field",
    /// The source at hand cannot answer the field.
    ForeignField = "foreign-field",
    /// The argument does not fit the field.
    BadArgument = "bad-argument",
    /// An argument of events that none of them has.
    UnknownArgument = "unknown-argument",
    /// The value does not fit the type of the field.
    BadLiteral = "bad-literal",
    /// The operator does not fit the type of the field.
    BadOperator = "bad-operator",
    /// A field stands where a check is expected.
    BareField = "bare-field",
    /// No macro has that name.
    UndefinedMacro = "undefined-macro",
    /// A macro needs itself.
    MacroCycle = "macro-cycle",
    /// A list holds itself.
    ListCycle = "list-cycle",
    /// Nested too deeply.
    TooDeep = "too-deep",
    /// Larger than the limit.
    TooLarge = "too-large",
    /// A check that can never be true.
    NeverTrue = "never-true",
    /// A check that does not depend on the observation.
    Constant = "constant",
    /// The name of a list where a value is expected.
    ListAsValue = "list-as-value",
    /// The name of a macro where a value is expected.
    MacroAsValue = "macro-as-value",
    /// The name of a field where a value is expected.
    FieldAsValue = "field-as-value",
    /// A list without items.
    EmptyList = "empty-list",
    /// A kind of observation that the source does not have.
    UnknownKind = "unknown-kind",
    /// A priority that does not exist.
    UnknownPriority = "unknown-priority",
    /// Neither true nor false.
    NotBoolean = "not-boolean",
    /// Defined twice.
    Redefined = "redefined",
    /// For a source that is not this one.
    OtherSource = "other-source",
    /// A token in an output that names no field.
    UnknownToken = "unknown-token",
    /// An old way to say it.
    Deprecated = "deprecated",
    /// Items that do not go together: nothing is there to be changed, or it cannot be changed so.
    Invalid = "invalid",
    /// An engine or a plugin that is not here.
    Requirement = "requirement",
    /// An item of no known type.
    UnknownItem = "unknown-item",
    /// No operation has such a name.
    UnknownOperation = "unknown-operation",
    /// A field or a transformer where it may not stand.
    Misplaced = "misplaced",
    /// A name that conditions cannot use.
    BadName = "bad-name",
    /// A rule that is skipped because it asks for something unknown.
    Skipped = "skipped",
    /// Taken here, but refused by Falco.
    Falco = "falco",
    /// Can be said in a simpler or cheaper way.
    Simpler = "simpler",
    /// Nothing uses it.
    Unused = "unused",
    /// Says the same as another.
    Duplicate = "duplicate",
    /// A condition that is costly to evaluate.
    Costly = "costly",
}

impl Code {
    /// Falco's code for problems of this kind in its files.
    const fn falco(self, severity: Severity) -> Option<FalcoCode> {
        use FalcoCode as F;
        Some(match (self, severity) {
            (Self::Yaml, _) => F::YamlParse,
            (Self::Shape, Severity::Error) => F::YamlValidate,
            (Self::UnknownKey, _) => F::UnknownKey,
            (Self::UnknownItem, _) => F::UnknownItem,
            (Self::Deprecated, _) => F::DeprecatedItem,
            (Self::OtherSource, _) => F::UnknownSource,
            (Self::Skipped, _) => F::UnknownFilter,
            (Self::Invalid | Self::UndefinedMacro | Self::MacroCycle, Severity::Error) => {
                F::Validate
            }
            (Self::UnknownToken, Severity::Error) => F::CompileOutput,
            (
                Self::Syntax
                | Self::UnknownField
                | Self::BadArgument
                | Self::UnknownArgument
                | Self::BadLiteral
                | Self::BadOperator
                | Self::BareField
                | Self::TooDeep
                | Self::ListAsValue
                | Self::UnknownOperation
                | Self::Misplaced,
                Severity::Error,
            ) => F::CompileCondition,
            _ => return None,
        })
    }

    /// When Falco finds it in a macro or a rule.
    const fn step(self) -> Step {
        match self {
            Self::Syntax | Self::TooDeep | Self::BareField => Step::Parse,
            Self::UndefinedMacro | Self::MacroCycle => Step::Macros,
            Self::Deprecated => Step::Warn,
            _ => Step::Compile,
        }
    }

    /// Whether Falco's `skip-if-unknown-filter` is about it.
    pub(crate) const fn is_unknown_filter(self) -> bool {
        matches!(
            self,
            Self::UnknownField
                | Self::ForeignField
                | Self::BadArgument
                | Self::UnknownOperation
                | Self::UnknownToken
        )
    }
}

/// A place in a file with what to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What to say; may be empty.
    pub text: String,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Its kind.
    pub code: Code,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where: the first label is the place itself, the others explain it.
    pub labels: Vec<Label>,
    /// What else to know, such as the rule that it concerns.
    pub notes: Vec<String>,
    /// How to put it right.
    pub help: Vec<String>,
    /// What Falco calls it, if it is something that Falco complains about.
    pub falco: Option<FalcoCode>,
    /// The names of the rules that are left out because of it.
    pub leaves_out: Vec<String>,
    /// Type and name of the item that it is about.
    pub(crate) item: (&'static str, String),
    pub(crate) stage: Stage,
    /// When Falco finds it in a macro or a rule.
    pub(crate) step: Step,
    /// How many problems were found before.
    number: usize,
}

impl Diagnostic {
    pub(crate) fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, span, message.into())
    }

    pub(crate) fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, span, message.into())
    }

    pub(crate) fn hint(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, span, message.into())
    }

    fn new(severity: Severity, code: Code, span: Span, message: String) -> Self {
        let label = Label {
            span,
            text: String::new(),
        };
        Self {
            severity,
            code,
            message,
            labels: vec![label],
            notes: Vec::new(),
            help: Vec::new(),
            falco: code.falco(severity),
            leaves_out: Vec::new(),
            item: ("", String::new()),
            stage: Stage::Read,
            step: code.step(),
            number: 0,
        }
    }

    /// Sets what Falco calls it.
    #[must_use]
    pub(crate) const fn falco(mut self, code: FalcoCode) -> Self {
        self.falco = Some(code);
        self.step = match code {
            FalcoCode::UnsafeNaCheck => Step::Warn,
            FalcoCode::ConditionHint | FalcoCode::NoEventType => Step::Done,
            _ => self.step,
        };
        self
    }

    /// Says when Falco finds it in a macro or a rule.
    #[must_use]
    pub(crate) const fn step(mut self, step: Step) -> Self {
        self.step = step;
        self
    }

    /// Says that Falco does not complain about it.
    #[must_use]
    pub(crate) const fn fine_in_falco(mut self) -> Self {
        self.falco = None;
        self
    }

    /// Says what item it is about.
    #[must_use]
    pub(crate) fn about(mut self, kind: &'static str, name: &str) -> Self {
        if self.item.0.is_empty() {
            self.item = (kind, name.to_owned());
        }
        self
    }

    /// Says that a rule is left out because of it.
    #[must_use]
    pub(crate) fn leaving_out(mut self, rule: &str) -> Self {
        if self.severity == Severity::Error {
            self.leaves_out.push(rule.to_owned());
        }
        self
    }

    /// Type (`rule`, `macro`, `list`, …) and name of the item that it is about, where that is known.
    pub fn subject(&self) -> Option<(&str, &str)> {
        let (kind, name) = &self.item;
        (!kind.is_empty()).then_some((kind, name.as_str()))
    }

    /// When Falco finds it, among all.
    pub(crate) fn turn(&self) -> (u32, Stage, usize) {
        (self.span().file, self.stage, self.number)
    }

    #[must_use]
    pub(crate) fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(first) = self.labels.first_mut() {
            first.text = text.into();
        }
        self
    }

    #[must_use]
    pub(crate) fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    #[must_use]
    pub(crate) fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    #[must_use]
    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Where the problem is.
    pub fn span(&self) -> Span {
        self.labels.first().map_or_else(Span::default, |l| l.span)
    }

    fn render(&self, sources: &Sources, renderer: &Renderer) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let id = match self.falco {
            Some(falco) => format!("{}, {}", self.code.name(), falco.name()),
            None => self.code.name().to_owned(),
        };
        let mut group: Group<'_> = level
            .primary_title(self.message.as_str())
            .id(id)
            .element(self.snippet(sources, self.span().file));
        let mut other_files: Vec<u32> = self.labels.iter().map(|label| label.span.file).collect();
        other_files.retain(|file| *file != self.span().file);
        other_files.dedup();
        for file in other_files {
            group = group.element(self.snippet(sources, file));
        }
        for note in &self.notes {
            group = group.element(Level::NOTE.message(note.as_str()));
        }
        for help in &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }

    fn snippet<'s>(
        &'s self,
        sources: &'s Sources,
        file: u32,
    ) -> Snippet<'s, annotate_snippets::Annotation<'s>> {
        let here = || self.labels.iter().filter(|label| label.span.file == file);
        let source = sources.files().get(file as usize);
        let (name, text) = source.map_or(("", ""), |source| (&source.name, &source.text));
        let clamp = |offset: u32| {
            crate::source::floor_char_boundary(text, (offset as usize).min(text.len()))
        };
        let first = here().map(|label| clamp(label.span.start)).min();
        let last = here().map(|label| clamp(label.span.end)).max();
        // Only the lines in question are handed over: files may be long and problems many.
        let window_start = text[..first.unwrap_or(0)]
            .rfind('\n')
            .map_or(0, |at| at + 1);
        let window_end = last.unwrap_or(0);
        let window_end = text[window_end..]
            .find('\n')
            .map_or(text.len(), |at| window_end + at);
        let line = 1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..window_start]).count();
        let mut snippet = Snippet::source(&text[window_start..window_end])
            .path(name)
            .line_start(line);
        for (index, label) in self.labels.iter().enumerate() {
            if label.span.file != file {
                continue;
            }
            let kind = if index == 0 {
                AnnotationKind::Primary
            } else {
                AnnotationKind::Context
            };
            let range =
                clamp(label.span.start) - window_start..clamp(label.span.end) - window_start;
            let annotation = kind.span(range);
            snippet = snippet.annotation(if label.text.is_empty() {
                annotation
            } else {
                annotation.label(label.text.as_str())
            });
        }
        snippet
    }
}

/// Everything that was wrong, in the order of files and places, and hints at what can be better.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    hints: Vec<Diagnostic>,
    sources: Sources,
    /// How many of the files are rule files: these come first.
    rule_files: usize,
}

impl Diagnostics {
    pub(crate) fn new(mut list: Vec<Diagnostic>, sources: Sources, rule_files: usize) -> Self {
        for (number, diagnostic) in list.iter_mut().enumerate() {
            diagnostic.number = number;
        }
        list.sort_by_key(|diagnostic| (diagnostic.span().file, diagnostic.span().start));
        let (hints, list) = list
            .into_iter()
            .partition(|diagnostic| diagnostic.severity == Severity::Note);
        Self {
            list,
            hints,
            sources,
            rule_files,
        }
    }

    /// The problems.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// The hints at what is not wrong: what costs much, is never used, can be put simpler, or is refused by
    /// Falco. They do not count among the problems and are not rendered with them.
    #[must_use]
    pub fn hints(&self) -> Self {
        Self {
            list: self.hints.clone(),
            hints: Vec::new(),
            sources: self.sources.clone(),
            rule_files: self.rule_files,
        }
    }

    /// Problems and hints.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter().chain(&self.hints)
    }

    pub(crate) fn rule_files(&self) -> &[SourceFile] {
        let files = self.sources.files();
        &files[..self.rule_files.min(files.len())]
    }

    /// The lines that a span lies on.
    pub(crate) fn snippet_of(&self, span: Span) -> &str {
        let text = self.sources.get(span).map_or("", |file| &file.text);
        let at = |offset: u32| crate::source::floor_char_boundary(text, offset as usize);
        let start = text[..at(span.start)].rfind('\n').map_or(0, |end| end + 1);
        let end = at(span.end.max(span.start));
        let end = text[end..]
            .find('\n')
            .map_or(text.len(), |length| end + length);
        &text[start..end]
    }

    /// Those problems that are errors.
    #[must_use]
    pub fn only_errors(&self) -> Self {
        let errors = self.list.iter().filter(|d| d.severity == Severity::Error);
        Self {
            list: errors.cloned().collect(),
            hints: Vec::new(),
            sources: self.sources.clone(),
            rule_files: self.rule_files,
        }
    }

    /// Leaves out the problems that are not `wanted`.
    pub fn retain(&mut self, wanted: impl FnMut(&Diagnostic) -> bool) {
        self.list.retain(wanted);
    }

    /// Leaves out the hints that are not `wanted`.
    pub fn retain_hints(&mut self, wanted: impl FnMut(&Diagnostic) -> bool) {
        self.hints.retain(wanted);
    }

    /// Adds those problems and hints of another load of the same files that are `wanted` and not there yet.
    pub fn adopt(&mut self, other: &Self, mut wanted: impl FnMut(&Diagnostic) -> bool) {
        let mut files = self.sources.files().to_vec();
        for (from, to) in [
            (&other.list, &mut self.list),
            (&other.hints, &mut self.hints),
        ] {
            for diagnostic in from.iter().filter(|diagnostic| wanted(diagnostic)) {
                let mut moved = diagnostic.clone();
                for label in &mut moved.labels {
                    // The mapping of Sigma's names, behind the rule files, may be another one.
                    if let Some(file) = other.sources.files().get(label.span.file as usize) {
                        let known = files.iter().position(|known| known == file);
                        let number = known.unwrap_or_else(|| {
                            files.push(file.clone());
                            files.len() - 1
                        });
                        label.span.file = number as u32;
                    }
                }
                let same = |known: &Diagnostic| {
                    (known.code, known.span(), &known.message)
                        == (moved.code, moved.span(), &moved.message)
                };
                if !to.iter().any(same) {
                    to.push(moved);
                }
            }
            to.sort_by_key(|diagnostic| (diagnostic.span().file, diagnostic.span().start));
        }
        self.sources = Sources::new(files);
    }

    /// The errors because of which a rule is left out.
    pub fn leaving_out<'d>(&'d self, rule: &'d str) -> impl Iterator<Item = &'d Diagnostic> {
        let names = move |d: &&Diagnostic| d.leaves_out.iter().any(|name| name == rule);
        self.list.iter().filter(names)
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    fn count(&self, severity: Severity) -> usize {
        let of_severity = self.list.iter().filter(|d| d.severity == severity);
        of_severity.count()
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The name of the file that a span lies in.
    pub fn file_name(&self, span: Span) -> &str {
        self.sources.get(span).map_or("", |file| &file.name)
    }

    /// First and last position of a span; the last one is past its end.
    pub fn positions(&self, span: Span) -> (Position, Position) {
        (
            self.sources.position(span, span.start),
            self.sources.position(span, span.end),
        )
    }

    /// The problems as text for people, with the lines in question, at most `width` columns wide.
    pub fn render(&self, color: bool, width: usize) -> String {
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let renderer = renderer.term_width(width);
        let texts = self.list.iter().map(|d| d.render(&self.sources, &renderer));
        texts.map(|text| text + "\n").collect::<Vec<_>>().join("\n")
    }

    /// The problems for machines: one object each, with `file`, `line`, `column`, `end_line`,
    /// `end_column` (past the end), `severity`, `code`, `falco` (Falco's code or null), `message`, `notes`
    /// and `help`.
    pub fn to_json(&self) -> serde_json::Value {
        let objects = self.list.iter().map(|diagnostic| {
            let (start, end) = self.positions(diagnostic.span());
            json!({
                "file": self.file_name(diagnostic.span()),
                "line": start.line,
                "column": start.column,
                "end_line": end.line,
                "end_column": end.column,
                "severity": diagnostic.severity.name(),
                "code": diagnostic.code.name(),
                "falco": diagnostic.falco.map(FalcoCode::name),
                "message": diagnostic.message,
                "notes": diagnostic.notes,
                "help": diagnostic.help,
            })
        });
        objects.collect()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false, 120))
    }
}

impl std::error::Error for Diagnostics {}

/// The word of `words` that looks most like `word`, if any is close.
pub(crate) fn nearest<'w>(word: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let scored = words.map(|known| {
        let ignoring_case = strsim::jaro_winkler(&known.to_lowercase(), &word.to_lowercase());
        (ignoring_case, known)
    });
    scored
        .filter(|(score, _)| *score > 0.85)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}
