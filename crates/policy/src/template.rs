//! Output texts of rules, with tokens such as `%proc.name` for fields (Falco rules language).

use std::fmt::Write as _;
use std::marker::PhantomData;
use std::ops::ControlFlow;

use sysflow_field::{Arg, Catalogue, FieldId, Shown, Unresolved, Value, View};

use crate::Dialect;
use crate::diagnostic::{Code, Diagnostic};
use crate::falco::FalcoCode;
use crate::json::JsonPath;
use crate::predicate::{Question, Source};
use crate::source::{MappedText, Span};
use crate::transform::{Memory, Transform};
use crate::{made, parser};

/// A token that Falco has given up.
const RETIRED: &str = "container.info";

/// What stands for a value that is missing.
const MISSING: &str = "<NA>";

/// A field in a template.
#[derive(Clone, Debug)]
pub struct TemplateField {
    /// The name as the rule writes it, with its argument: a key for alerts.
    pub name: String,
    /// The field.
    pub field: FieldId,
    /// Its argument.
    pub arg: Arg,
    path: Option<JsonPath>,
    /// Whether all values are printed, in parentheses or joined.
    list: bool,
    shown: Shown,
    zero: bool,
    /// Whether it prints nothing, as it is for conditions only.
    is_silent: bool,
    /// Cut or padded to so many characters.
    width: Option<usize>,
}

/// A transformer in a template.
#[derive(Clone, Debug)]
struct TemplateCall {
    transform: Transform,
    list: bool,
    width: Option<usize>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    /// Index of a field.
    Field(usize),
    Call(Box<TemplateCall>),
    /// A field that this source cannot answer.
    Missing,
}

/// An output text.
#[derive(Clone, Debug)]
pub struct Template<V: View> {
    parts: Vec<Part>,
    fields: Vec<TemplateField>,
    view: PhantomData<fn() -> V>,
}

impl<V: View> Template<V> {
    pub(crate) fn parse(
        text: &MappedText,
        dialect: Dialect,
        constants: &[(String, String)],
        problems: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut parser = Parser {
            catalogue: V::catalogue(),
            text,
            dialect,
            constants,
            problems,
            parts: Vec::new(),
            fields: Vec::new(),
        };
        parser.parse();
        Self {
            parts: parser.parts,
            fields: parser.fields,
            view: PhantomData,
        }
    }

    /// The fields in the text, in order, with those inside transformers; a field may come more than once.
    pub fn fields(&self) -> &[TemplateField] {
        &self.fields
    }

    /// Appends the text for an observation. Missing values are `<NA>`, lists `(a,b)`; bytes that are not
    /// UTF-8 become U+FFFD.
    pub fn render(&self, view: &V, out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Missing => out.push_str(MISSING),
                Part::Field(index) => self.fields[*index].render(view, out),
                Part::Call(call) => call.render(view, out),
            }
        }
    }
}

impl TemplateCall {
    fn render<V: View>(&self, view: &V, out: &mut String) {
        let start = out.len();
        let mut memory = Memory::default();
        let made = memory.make(&self.transform, view);
        let mut count = 0;
        for value in memory
            .values(made)
            .take(if self.list { usize::MAX } else { 1 })
        {
            if self.list {
                out.push(if count == 0 { '(' } else { ',' });
            }
            count += 1;
            // Writing to a string cannot fail.
            let _ = write!(out, "{value}");
        }
        match count {
            0 => out.push_str(MISSING),
            _ if self.list => out.push(')'),
            _ => {}
        }
        if let Some(width) = self.width {
            fit(out, start, width);
        }
    }
}

impl TemplateField {
    /// Appends the value of the field for an observation, as templates print it.
    pub fn render<V: View>(&self, view: &V, out: &mut String) {
        let start = out.len();
        let mut count = 0;
        let is_joined = self.shown == Shown::Joined;
        if self.is_silent {
            out.push_str(MISSING);
            return;
        }
        let mut push = |value: &Value<'_>, out: &mut String| {
            match (self.list, is_joined, count) {
                (true, true, 1..) => out.push(' '),
                (true, false, 0) => out.push('('),
                (true, false, _) => out.push(','),
                _ => {}
            }
            count += 1;
            // Writing to a string cannot fail.
            let _ = self.shown.write(value, out);
            if self.list {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        view.visit(self.field, &self.arg, |value| match &self.path {
            None => push(&value, out),
            Some(path) => value.with_text(|document| {
                path.visit(document, &mut |text| push(&Value::Text(text), out))
            }),
        });
        match count {
            0 if self.list && self.zero && !is_joined => out.push_str("()"),
            0 if self.zero => {}
            0 => out.push_str(MISSING),
            // To Falco, nothing but empty texts is no value.
            _ if is_joined && out.len() == start => out.push_str(MISSING),
            _ if self.list && !is_joined => out.push(')'),
            _ => {}
        }
        if let Some(width) = self.width {
            fit(out, start, width);
        }
    }
}

/// Cuts or pads what stands behind `start` to a number of characters.
fn fit(out: &mut String, start: usize, width: usize) {
    let printed = &out[start..];
    if let Some((cut, _)) = printed.char_indices().nth(width) {
        out.truncate(start + cut);
        return;
    }
    let missing = width - printed.chars().count();
    out.extend(std::iter::repeat_n(' ', missing));
}

/// Wider columns than this are certainly not meant.
const MAX_WIDTH: usize = 1000;

struct Parser<'t, 'p> {
    catalogue: &'static Catalogue,
    text: &'t MappedText,
    dialect: Dialect,
    constants: &'t [(String, String)],
    problems: &'p mut Vec<Diagnostic>,
    parts: Vec<Part>,
    fields: Vec<TemplateField>,
}

impl Parser<'_, '_> {
    fn parse(&mut self) {
        let text = self.text.text.trim();
        let offset = self.text.text.len() - self.text.text.trim_start().len();
        // A star in front says that missing values are no reason to stay silent; they never are here.
        let mut at = usize::from(text.starts_with('*'));
        while let Some(percent) = text[at..].find('%').map(|length| at + length) {
            self.literal(&text[at..percent]);
            at = percent + 1 + self.token(&text[percent + 1..], offset + percent);
        }
        self.literal(&text[at..]);
    }

    fn literal(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.parts.last_mut() {
            Some(Part::Text(before)) => before.push_str(text),
            _ => self.parts.push(Part::Text(text.to_owned())),
        }
    }

    /// Reads the token behind a percent sign at `percent`; gives the length read.
    fn token(&mut self, rest: &str, percent: usize) -> usize {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let width = rest[..digits].parse::<usize>().ok();
        let name = &rest[digits..];
        let longest = name_length(name);
        if longest == 0 {
            if self.dialect == Dialect::SysFlow {
                // A doubled sign stands for one.
                self.literal("%");
                return usize::from(rest.starts_with('%'));
            }
            let place = self.text.locate(percent, percent + 1);
            let message = "no field follows this `%`";
            // At the end, nothing unknown is asked for.
            let problem = if name.is_empty() {
                Diagnostic::error(Code::Syntax, place, message).falco(FalcoCode::CompileOutput)
            } else {
                Diagnostic::error(Code::UnknownToken, place, message)
            };
            self.problems.push(problem);
            return digits;
        }
        if let Some(length) = self.retired(name, percent) {
            return digits + length;
        }
        let width = width.map(|width| width.min(MAX_WIDTH));
        if let Some(length) = self.call(name, width) {
            return digits + length;
        }
        if let Some(length) = self.constant(name) {
            return digits + length;
        }
        let mut ends = name[..longest]
            .char_indices()
            .map(|(at, c)| at + c.len_utf8());
        let ends: Vec<usize> = ends.by_ref().collect();
        let bracket = bracket_length(&name[longest..]);
        let candidates = bracket
            .map(|length| longest + length)
            .into_iter()
            .chain(ends.into_iter().rev());
        for length in candidates {
            let Some(resolved) = self.catalogue.known(&name[..length]) else {
                continue;
            };
            let Ok(question) = made::question(self.catalogue, Span::default(), resolved) else {
                continue;
            };
            self.parts.push(Part::Field(self.fields.len()));
            let field = self.field(&name[..length], question, width);
            self.fields.push(field);
            return digits + length;
        }
        let place = self.text.locate(percent, percent + 1 + digits + longest);
        digits + self.unknown(&name[..longest], place)
    }

    fn field(&self, name: &str, question: Question, width: Option<usize>) -> TemplateField {
        let field = self.catalogue.field(question.field);
        let arg = field.shown.argument(question.arg);
        TemplateField {
            name: name.to_owned(),
            field: question.field,
            list: field.list && arg == Arg::None && question.path.is_none(),
            shown: field.shown,
            zero: question.zero,
            is_silent: field.limits.filter_only,
            arg,
            path: question.path,
            width,
        }
    }

    /// Reads a transformer, if one stands here and compiles; gives the length of it.
    fn call(&mut self, name: &str, width: Option<usize>) -> Option<usize> {
        let (operand, length) = parser::leading_call(name)?;
        let asked = made::asked(&operand, self.catalogue, Dialect::Falco).ok()?;
        let Source::Made(transform) = asked.source else {
            return None;
        };
        let mut inner = Vec::new();
        transform.each_question(&mut |question| inner.push(question.clone()));
        for question in inner {
            let name = question.spelled(self.catalogue);
            let field = self.field(&name, question, None);
            self.fields.push(field);
        }
        self.parts.push(Part::Call(Box::new(TemplateCall {
            transform,
            list: asked.field.list,
            width,
        })));
        Some(length)
    }

    /// Reads the name of a constant, if one stands here; gives the length of it.
    fn constant(&mut self, name: &str) -> Option<usize> {
        let rest = name.strip_prefix("static.")?;
        let constants = self.constants.iter();
        let fitting = constants.filter(|(known, _)| rest.starts_with(known.as_str()));
        let (known, value) = fitting.max_by_key(|(known, _)| known.len())?;
        let length = "static.".len() + known.len();
        let value = value.clone();
        self.literal(&value);
        Some(length)
    }

    /// `%container.info` once stood for a text put together by Falco; it is taken out of the output.
    fn retired(&mut self, name: &str, percent: usize) -> Option<usize> {
        if !name.starts_with(RETIRED) {
            return None;
        }
        let place = self.text.locate(percent, percent + 1 + RETIRED.len());
        let message = format!("`%{RETIRED}` prints nothing any more");
        self.problems
            .push(Diagnostic::warning(Code::Deprecated, place, message));
        Some(RETIRED.len())
    }

    /// Reports a token that names no field; gives the length of it.
    fn unknown(&mut self, name: &str, place: Span) -> usize {
        let trimmed = name.trim_end_matches('.');
        match self.catalogue.resolve(trimmed) {
            Err(Unresolved::Foreign { reason }) => {
                let message = format!("`%{trimmed}` prints {MISSING}: the field {reason}");
                let problem = Diagnostic::warning(Code::ForeignField, place, message);
                // Falco knows no fields of plugins that are not loaded.
                let is_audit = trimmed.starts_with("ka.") || trimmed.starts_with("jevt.");
                self.problems.push(if is_audit {
                    problem.falco(FalcoCode::CompileOutput)
                } else {
                    problem
                });
                self.parts.push(Part::Missing);
                trimmed.len()
            }
            other => {
                let message = format!("`%{trimmed}` names no field");
                let mut problem = match self.dialect {
                    Dialect::Falco => Diagnostic::error(Code::UnknownToken, place, message),
                    Dialect::SysFlow | Dialect::Sigma => {
                        Diagnostic::warning(Code::UnknownToken, place, message)
                    }
                };
                if let Err(Unresolved::Unknown { suggestions }) = other
                    && let Some(suggestion) = suggestions.first()
                {
                    problem = problem.help(format!("did you mean `%{suggestion}`?"));
                }
                self.problems.push(problem);
                self.literal(&format!("%{trimmed}"));
                trimmed.len()
            }
        }
    }
}

/// The length of the longest text that may be a name.
fn name_length(text: &str) -> usize {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return 0;
    }
    text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_')))
        .unwrap_or(text.len())
}

fn bracket_length(text: &str) -> Option<usize> {
    if !text.starts_with('[') {
        return None;
    }
    text.find(']').map(|end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::Toy;

    fn rendered(text: &str, dialect: Dialect) -> (String, usize) {
        let mut problems = Vec::new();
        let mapped = MappedText::verbatim(text, 0, 0);
        let template = Template::<Toy>::parse(&mapped, dialect, &[], &mut problems);
        let toy = Toy {
            kind: 2,
            exe: "curl".into(),
            ancestors: vec!["a".into(), "b".into()],
            message: r#"{"k": ["v", "w"]}"#.into(),
            pid: 7,
            ..Toy::default()
        };
        let mut out = String::new();
        template.render(&toy, &mut out);
        (out, problems.len())
    }

    #[test]
    fn tokens_are_as_long_as_they_can_be() {
        let falco = |text: &str| rendered(text, Dialect::Falco).0;
        assert_eq!(falco("(user=%proc.exe)"), "(user=curl)");
        assert_eq!(falco("*%proc.exes."), "curls.");
        assert_eq!(
            falco("%sf.proc.aname %sf.proc.aname[1] %sf.proc.aname[1"),
            "(a,b) b (a,b)[1"
        );
        assert_eq!(falco("%6proc.exe|%2proc.exe|%3proc.pid"), "curl  |cu|7  ");
        assert_eq!(falco("%proc.pname %proc.ports"), "<NA> <NA>");
        assert_eq!(falco("%sf.file.path|%sf.net.ip"), "|()");
        assert_eq!(falco("%sf.ke.message[k.1]"), "w");
    }

    #[test]
    fn unknown_tokens_are_reported() {
        assert_eq!(
            rendered("%proc.loginuid", Dialect::Falco),
            ("<NA>".into(), 1)
        );
        assert_eq!(
            rendered("%nothing.here!", Dialect::SysFlow),
            ("%nothing.here!".into(), 1)
        );
        assert_eq!(
            rendered("100%% of % it", Dialect::SysFlow),
            ("100% of % it".into(), 0)
        );
        assert_eq!(rendered("100%", Dialect::Falco).1, 1);
        assert_eq!(
            rendered("a %container.info.", Dialect::Falco),
            ("a .".into(), 1)
        );
    }
}
