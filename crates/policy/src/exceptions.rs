//! Exceptions of Falco's rules: what a rule does not complain about, as fields, operators and values.
//!
//! They become text behind the condition, before lists are opened and anything is parsed, so that names of
//! lists, transformers and `val(…)` work as values.

use sysflow_field::{Catalogue, Unresolved};

use crate::ast::{OperandKind, Operator, Quantifier};
use crate::diagnostic::{Code, Diagnostic};
use crate::document::Node;
use crate::items::first_line;
use crate::parser;
use crate::source::{MappedText, Span};

/// An exception as an item writes it.
#[derive(Clone, Debug)]
pub(crate) struct RawException {
    pub(crate) name: MappedText,
    pub(crate) fields: Option<Node>,
    pub(crate) comps: Option<Node>,
    pub(crate) values: Option<Node>,
}

/// An exception of a rule.
#[derive(Clone, Debug)]
pub(crate) struct Exception {
    pub(crate) name: MappedText,
    shape: Shape,
}

/// Whether an exception is about one field or about several together.
#[derive(Clone, Debug)]
enum Shape {
    One {
        field: MappedText,
        comparison: MappedText,
        values: Vec<MappedText>,
    },
    Several {
        fields: Vec<MappedText>,
        comparisons: Vec<MappedText>,
        rows: Vec<Vec<Cell>>,
    },
}

#[derive(Clone, Debug)]
enum Cell {
    One(MappedText),
    Many(Vec<MappedText>, Span),
}

type Result<T> = std::result::Result<T, Box<Diagnostic>>;

fn fault(span: Span, message: impl Into<String>) -> Box<Diagnostic> {
    Diagnostic::error(Code::Invalid, span, message).into()
}

/// A fault of the form that Falco sees when it reads the file.
fn misshapen(span: Span, message: impl Into<String>) -> Box<Diagnostic> {
    Diagnostic::error(Code::Shape, first_line(span), message).into()
}

impl Exception {
    /// Makes an exception that is written down completely. Its fields are looked up, if those of the source are
    /// known.
    pub(crate) fn new(raw: &RawException, catalogue: Option<&Catalogue>) -> Result<Self> {
        let name = &raw.name.text;
        let shape = match &raw.fields {
            None | Some(Node::Null(_)) => {
                let message = format!("the exception `{name}` has no `fields`");
                // To Falco, a key without a value is there all the same.
                return Err(match raw.fields {
                    None => misshapen(raw.name.span, message),
                    Some(_) => fault(raw.name.span, message),
                });
            }
            Some(Node::Scalar(field)) => {
                check_field(field, catalogue)?;
                let comparison = match &raw.comps {
                    None | Some(Node::Null(_)) => MappedText::standing_for("in", field.span),
                    Some(Node::Scalar(comparison)) => comparison.clone(),
                    Some(other) => {
                        let message = "of one field there is one operator, not a list";
                        return Err(fault(first_line(other.span()), message));
                    }
                };
                if !comparison_of(&comparison)? {
                    let message = format!(
                        "`{}` compares with one value, but an exception for one field has a list of them",
                        comparison.text.trim()
                    );
                    return Err(fault(comparison.span, message));
                }
                Shape::One {
                    field: field.clone(),
                    comparison,
                    values: Vec::new(),
                }
            }
            Some(Node::List(elements, span)) => {
                if elements.is_empty() {
                    return Err(fault(first_line(*span), "`fields` is empty"));
                }
                let fields = scalars(elements, "fields")?;
                for field in &fields {
                    check_field(field, catalogue)?;
                }
                let comparisons = match &raw.comps {
                    // To Falco a list of none is as good as no list.
                    Some(Node::List(elements, _)) if !elements.is_empty() => {
                        scalars(elements, "comps")?
                    }
                    None | Some(Node::Null(_) | Node::List(..)) => fields
                        .iter()
                        .map(|field| MappedText::standing_for("=", field.span))
                        .collect(),
                    Some(other) => {
                        let message = "of several fields there are several operators";
                        return Err(fault(first_line(other.span()), message));
                    }
                };
                if comparisons.len() != fields.len() {
                    let message = format!(
                        "the exception `{name}` has {} fields and {} operators",
                        fields.len(),
                        comparisons.len()
                    );
                    return Err(fault(raw.name.span, message));
                }
                for comparison in &comparisons {
                    comparison_of(comparison)?;
                }
                Shape::Several {
                    fields,
                    comparisons,
                    rows: Vec::new(),
                }
            }
            Some(other) => {
                return Err(fault(
                    first_line(other.span()),
                    "`fields` takes a field or a list of them",
                ));
            }
        };
        let mut exception = Self {
            name: raw.name.clone(),
            shape,
        };
        exception.add_values(raw.values.as_ref())?;
        Ok(exception)
    }

    /// Adds values to those that are there.
    pub(crate) fn add_values(&mut self, node: Option<&Node>) -> Result<()> {
        let elements = match node {
            None | Some(Node::Null(_)) => return Ok(()),
            Some(Node::List(elements, _)) => elements,
            Some(other) => return Err(misshapen(other.span(), "`values` takes a list")),
        };
        for element in elements {
            match (&mut self.shape, element) {
                (Shape::One { values, .. }, Node::Scalar(value)) => values.push(value.clone()),
                (Shape::One { .. }, other) => {
                    let message = match other {
                        Node::Null(_) => "a value is empty",
                        _ => "an exception for one field has single values, not lists of them",
                    };
                    return Err(fault(first_line(other.span()), message));
                }
                (Shape::Several { fields, rows, .. }, Node::List(cells, span)) => {
                    if cells.len() != fields.len() {
                        let message = format!(
                            "there are {} values for {} fields",
                            cells.len(),
                            fields.len()
                        );
                        return Err(fault(first_line(*span), message));
                    }
                    rows.push(cells.iter().map(cell).collect::<Result<_>>()?);
                }
                (Shape::Several { fields, .. }, other) => {
                    let message = format!(
                        "a list of {} values is needed here, one for each field",
                        fields.len()
                    );
                    return Err(fault(first_line(other.span()), message));
                }
            }
        }
        Ok(())
    }

    /// Adds `and not (…)` to a condition.
    fn add_to(&self, condition: &mut MappedText) {
        let place = self.name.span;
        match &self.shape {
            Shape::One { values, .. } if values.is_empty() => {}
            Shape::Several { rows, .. } if rows.is_empty() => {}
            Shape::One {
                field,
                comparison,
                values,
            } => {
                condition.push_for(" and not (", place);
                condition.push_all(field);
                condition.push_for(" ", place);
                condition.push_all(comparison);
                condition.push_for(" ", place);
                push_list(condition, values, place);
                condition.push_for(")", place);
            }
            Shape::Several {
                fields,
                comparisons,
                rows,
            } => {
                condition.push_for(" and not (", place);
                for (index, row) in rows.iter().enumerate() {
                    condition.push_for(if index > 0 { " or (" } else { "(" }, place);
                    for (column, cell) in row.iter().enumerate() {
                        if column > 0 {
                            condition.push_for(" and ", place);
                        }
                        condition.push_all(&fields[column]);
                        condition.push_for(" ", place);
                        condition.push_all(&comparisons[column]);
                        condition.push_for(" ", place);
                        push_cell(condition, cell, &comparisons[column].text);
                    }
                    condition.push_for(")", place);
                }
                condition.push_for(")", place);
            }
        }
    }
}

/// The condition of a rule with its exceptions.
pub(crate) fn expand(condition: &MappedText, exceptions: &[Exception]) -> MappedText {
    if exceptions.is_empty() {
        return condition.clone();
    }
    let mut expanded = MappedText::assembled(condition.span);
    expanded.push_for("(", condition.span);
    expanded.push_all(condition);
    expanded.push_for(")", condition.span);
    for exception in exceptions {
        exception.add_to(&mut expanded);
    }
    expanded
}

fn push_cell(condition: &mut MappedText, cell: &Cell, comparison: &str) {
    match cell {
        Cell::Many(values, span) => push_list(condition, values, *span),
        Cell::One(value) if takes_list(comparison) && !value.text.starts_with('(') => {
            condition.push_for("(", value.span);
            condition.push_all(value);
            condition.push_for(")", value.span);
        }
        Cell::One(value) if takes_list(comparison) => condition.push_all(value),
        Cell::One(value) => push_value(condition, value),
    }
}

fn push_list(condition: &mut MappedText, values: &[MappedText], place: Span) {
    condition.push_for("(", place);
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            condition.push_for(", ", place);
        }
        push_value(condition, value);
    }
    condition.push_for(")", place);
}

/// A value, in quotes if it has blanks and none yet. Nothing is escaped.
fn push_value(condition: &mut MappedText, value: &MappedText) {
    if needs_quotes(&value.text) {
        condition.push_for("\"", value.span);
        condition.push_all(value);
        condition.push_for("\"", value.span);
    } else {
        condition.push_all(value);
    }
}

/// Whether Falco puts a value from YAML into quotes. Of blanks it looks for spaces only.
pub(crate) fn needs_quotes(text: &str) -> bool {
    text.contains(' ') && !text.starts_with(['"', '\''])
}

fn scalars(elements: &[Node], what: &str) -> Result<Vec<MappedText>> {
    let texts = elements.iter().map(|element| match element {
        Node::Scalar(text) => Ok(text.clone()),
        other => Err(fault(
            first_line(other.span()),
            format!("`{what}` takes texts"),
        )),
    });
    texts.collect()
}

fn cell(node: &Node) -> Result<Cell> {
    match node {
        Node::Scalar(text) => Ok(Cell::One(text.clone())),
        Node::List(elements, span) => {
            let texts = elements.iter().map(|element| match element {
                Node::Scalar(text) => Ok(text.clone()),
                other => Err(fault(
                    first_line(other.span()),
                    "a value is a text or a list of texts",
                )),
            });
            Ok(Cell::Many(texts.collect::<Result<_>>()?, *span))
        }
        other => Err(fault(
            first_line(other.span()),
            "a value is a text or a list of texts",
        )),
    }
}

/// Whether an operator takes a list; an error if it is none.
fn comparison_of(text: &MappedText) -> Result<bool> {
    let mut words = text.text.split_whitespace();
    let operator = words.next().and_then(Operator::parse);
    let quantifier = words.next();
    let is_quantified = quantifier.and_then(Quantifier::parse).is_some();
    match operator {
        // With `exists` it is the condition that becomes none.
        Some(operator)
            if words.next().is_none()
                && (quantifier.is_none()
                    || is_quantified && !operator.takes_list() && !operator.orders()) =>
        {
            Ok(operator.takes_list() || is_quantified)
        }
        _ => {
            let message = format!("`{}` is not an operator", text.text.trim());
            Err(fault(text.span, message))
        }
    }
}

fn takes_list(comparison: &str) -> bool {
    let mut words = comparison.split_whitespace();
    let operator = words.next().and_then(Operator::parse);
    operator.is_some_and(Operator::takes_list) || words.next().is_some()
}

fn check_field(field: &MappedText, catalogue: Option<&Catalogue>) -> Result<()> {
    let Some(catalogue) = catalogue else {
        return Ok(());
    };
    let text = field.text.trim();
    let is_call = parser::leading_call(text).is_some_and(|(operand, length)| {
        length == text.len() && matches!(operand.kind, OperandKind::Call(_))
    });
    match catalogue.resolve(text) {
        _ if is_call => Ok(()),
        Ok(_) | Err(Unresolved::Foreign { .. }) => Ok(()),
        Err(Unresolved::BadArgument { problem }) => Err(fault(field.span, problem)),
        Err(Unresolved::Unknown { suggestions }) => {
            let mut problem = fault(field.span, format!("there is no field `{text}`"));
            if let Some(suggestion) = suggestions.first() {
                problem.help.push(format!("did you mean `{suggestion}`?"));
            }
            Err(problem)
        }
    }
}
