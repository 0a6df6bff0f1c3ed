//! From calls of transformers to what makes their values: fields are looked up, types checked.

use sysflow_field::{
    Absence, Arg, Argument, Catalogue, FalcoType, Field, KindSet, Limits, Resolved, Role, Type,
    Unresolved,
};

use crate::Dialect;
use crate::ast::{Call, Operand, OperandKind, Transformer};
use crate::check::Asked;
use crate::diagnostic::{Code, Diagnostic};
use crate::falco::FalcoCode;
use crate::json::JsonPath;
use crate::predicate::{Question, Source};
use crate::source::Span;
use crate::transform::{Change, Options, Transform};

/// What is known of values that transformers make, as if a field had them.
const MADE: Field = Field {
    name: "",
    ty: Type::Text,
    list: false,
    argument: Argument::None,
    absence: Absence::Missing,
    role: Role::Plain,
    kinds: KindSet::ALL,
    domain: &[],
    shown: sysflow_field::Shown::AsIs,
    limits: Limits::NONE,
    falco: None,
    doc: "",
};
static TEXT: Field = MADE;
static TEXTS: Field = Field { list: true, ..MADE };
static NUMBER: Field = Field {
    ty: Type::Int,
    falco: Some(FalcoType::Uint64),
    ..MADE
};

type Result<T> = std::result::Result<T, Box<Diagnostic>>;

/// Values and what they are.
struct Values {
    transform: Transform,
    ty: Type,
    /// Whether there can be several of them.
    list: bool,
    /// Whether they come from a list written in the condition.
    is_tuple: bool,
}

/// What a call asks for.
pub(crate) fn asked(
    call: &Operand,
    catalogue: &'static Catalogue,
    dialect: Dialect,
) -> Result<Asked> {
    let maker = Maker { catalogue, dialect };
    let values = maker.values(call)?;
    let field = match (values.ty, values.list) {
        (Type::Int, _) => &NUMBER,
        (_, true) => &TEXTS,
        (_, false) => &TEXT,
    };
    Ok(Asked {
        source: Source::Made(values.transform),
        field,
    })
}

struct Maker {
    catalogue: &'static Catalogue,
    dialect: Dialect,
}

fn misfit(span: Span, message: String) -> Box<Diagnostic> {
    Diagnostic::error(Code::BadOperator, span, message).into()
}

impl Maker {
    fn values(&self, operand: &Operand) -> Result<Values> {
        match &operand.kind {
            OperandKind::Quoted => Ok(Values {
                transform: Transform::Text(crate::literal::bytes(&operand.text)),
                ty: Type::Text,
                list: false,
                is_tuple: false,
            }),
            OperandKind::Call(call) => self.call(operand, call),
            OperandKind::Tuple(parts) => {
                let parts = parts.iter().map(|part| match &part.kind {
                    OperandKind::Word if !part.text.contains('.') => {
                        Ok(Transform::Text(part.text.as_bytes().into()))
                    }
                    _ => Ok(self.values(part)?.transform),
                });
                Ok(Values {
                    transform: Transform::Tuple(parts.collect::<Result<_>>()?),
                    ty: Type::Text,
                    list: true,
                    is_tuple: true,
                })
            }
            OperandKind::Word | OperandKind::FieldValue => self.field(operand),
        }
    }

    fn field(&self, operand: &Operand) -> Result<Values> {
        let (text, span) = (operand.text.as_str(), operand.span);
        let resolved = self
            .catalogue
            .resolve(text)
            .map_err(|why| Box::new(unresolved(self.catalogue, text, span, &why)))?;
        let field = self.catalogue.field(resolved.id);
        let is_operation = field.role == Role::Operation && self.dialect == Dialect::Falco;
        if field.limits.no_transformer || is_operation {
            let message = format!("`{text}` cannot stand in a transformer");
            return Err(Diagnostic::error(Code::Misplaced, span, message).into());
        }
        let asked = question(self.catalogue, span, resolved)?;
        let list = field.list && asked.arg == Arg::None && asked.path.is_none();
        let transform = match Transform::Field(asked) {
            // A whole without values is missing, while other lists have the length 0.
            whole if list && field.limits.whole_list => Transform::Tuple([whole].into()),
            values => values,
        };
        Ok(Values {
            transform,
            ty: field.ty,
            list,
            is_tuple: false,
        })
    }

    fn call(&self, operand: &Operand, call: &Call) -> Result<Values> {
        let (name, span) = (call.transformer.spelling(), operand.span);
        let count = call.arguments.len();
        let is_right_count = match call.transformer {
            Transformer::Concat => count >= 2,
            Transformer::Join | Transformer::Options => count == 2,
            _ => count == 1,
        };
        if !is_right_count {
            let wanted = match call.transformer {
                Transformer::Concat => "two texts or more",
                Transformer::Join => "a text and a list",
                Transformer::Options => "a list and a text with the letters of options",
                _ => "one value",
            };
            return Err(misfit(span, format!("`{name}` takes {wanted}")));
        }
        if call.index.is_some() && call.transformer != Transformer::Options {
            return Err(misfit(span, format!("`{name}` takes nothing in brackets")));
        }
        let mut arguments = Vec::with_capacity(count);
        for argument in &call.arguments {
            arguments.push(self.values(argument)?);
        }
        let place = |index: usize| call.arguments.get(index).map_or(span, |of| of.span);
        let text_at = |arguments: &[Values], index: usize| -> Result<()> {
            let values = &arguments[index];
            let is_text = values.ty.is_text() && values.ty != Type::Bytes && !values.is_tuple;
            if is_text {
                return Ok(());
            }
            let message = format!("`{name}` takes text, not {}", described(values));
            Err(misfit(place(index), message))
        };
        let values = |transform, ty, list| Values {
            transform,
            ty,
            list,
            is_tuple: false,
        };
        let change = match call.transformer {
            Transformer::ToLower => Some(Change::ToLower),
            Transformer::ToUpper => Some(Change::ToUpper),
            Transformer::BaseName => Some(Change::BaseName),
            Transformer::Base64 => Some(Change::Base64),
            _ => None,
        };
        if let Some(change) = change {
            if !(change == Change::Base64 && arguments[0].ty == Type::Bytes) {
                text_at(&arguments, 0)?;
            }
            let inner = arguments.swap_remove(0);
            let transform = Transform::Each(change, inner.transform.into());
            return Ok(values(transform, Type::Text, inner.list));
        }
        match call.transformer {
            Transformer::Length => {
                let inner = arguments.swap_remove(0);
                if inner.list {
                    let transform = Transform::Count(inner.transform.into());
                    return Ok(values(transform, Type::Int, false));
                }
                if !inner.ty.is_text() {
                    let message =
                        format!("`{name}` takes text or a list, not {}", described(&inner));
                    return Err(misfit(place(0), message));
                }
                let transform = Transform::Bytes(inner.transform.into());
                Ok(values(transform, Type::Int, false))
            }
            Transformer::Concat => {
                for index in 0..count {
                    text_at(&arguments, index)?;
                }
                let parts = arguments.into_iter().map(|part| part.transform);
                Ok(values(
                    Transform::Concat(parts.collect()),
                    Type::Text,
                    false,
                ))
            }
            Transformer::Join => {
                text_at(&arguments, 0)?;
                let (list, separator) = (arguments.pop(), arguments.pop());
                let (Some(list), Some(separator)) = (list, separator) else {
                    return Err(misfit(span, format!("`{name}` takes a text and a list")));
                };
                Self::must_be_list(name, &list, place(1))?;
                let transform = Transform::Join(separator.transform.into(), list.transform.into());
                Ok(values(transform, Type::Text, false))
            }
            _ => {
                let (letters, words) = (arguments.pop(), arguments.pop());
                let (Some(letters), Some(words)) = (letters, words) else {
                    return Err(misfit(span, format!("`{name}` takes a list and a text")));
                };
                Self::must_be_list(name, &words, place(0))?;
                let Transform::Text(letters) = letters.transform else {
                    let message = format!("`{name}` takes the letters of options in quotes");
                    return Err(misfit(place(1), message));
                };
                let wanted = match call.index.as_deref().map(str::as_bytes) {
                    None => None,
                    Some([letter]) => Some(*letter),
                    Some(_) => {
                        let message = "an option is one letter".to_owned();
                        return Err(misfit(span, message));
                    }
                };
                let options = Options {
                    words: words.transform,
                    letters,
                    wanted,
                };
                let transform = Transform::Options(options.into());
                Ok(values(transform, Type::Text, wanted.is_none()))
            }
        }
    }

    fn must_be_list(name: &str, values: &Values, span: Span) -> Result<()> {
        if values.list {
            return Ok(());
        }
        let message = format!("`{name}` takes a list, not {}", described(values));
        Err(misfit(span, message))
    }
}

fn described(values: &Values) -> String {
    if values.list {
        "a list".to_owned()
    } else {
        format!("a value of type {}", values.ty)
    }
}

/// The question that a resolved name asks.
pub(crate) fn question(catalogue: &Catalogue, span: Span, resolved: Resolved) -> Result<Question> {
    let field = catalogue.field(resolved.id);
    let bad = |problem: String| -> Box<Diagnostic> {
        Diagnostic::error(Code::BadArgument, span, problem).into()
    };
    let (arg, path) = match resolved.arg {
        Arg::Key(path) if field.argument == Argument::JsonPath => {
            (Arg::None, Some(JsonPath::parse(&path).map_err(bad)?))
        }
        arg => (arg, None),
    };
    Ok(Question {
        field: resolved.id,
        arg,
        path,
        zero: field.absence == Absence::Zero,
    })
}

/// Says why a name is not a field.
pub(crate) fn unresolved(
    catalogue: &Catalogue,
    text: &str,
    span: Span,
    why: &Unresolved,
) -> Diagnostic {
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
        Unresolved::Foreign { reason } => {
            let message = format!("cannot run on this source: field `{text}` {reason}");
            let problem = Diagnostic::error(Code::ForeignField, span, message)
                .label(format!("not known of {}", catalogue.source));
            // What Falco knows of other sources, it does not know of system calls.
            if text.starts_with("ka.") || text.starts_with("jevt.") {
                problem.falco(FalcoCode::CompileCondition)
            } else {
                problem
            }
        }
        Unresolved::BadArgument { problem } => {
            // To Falco such an argument is no unknown field.
            let code = match text.split(['.', '[']).nth(1) {
                Some("arg" | "rawarg") if text.starts_with("evt.") => Code::UnknownArgument,
                _ => Code::BadArgument,
            };
            Diagnostic::error(code, span, problem.as_str())
        }
    }
}
