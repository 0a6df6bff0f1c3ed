//! The plain reading of conditions, against which the engine is held: it walks the expression, takes all
//! values as texts and knows nothing of programs, sets, memory or indexes.
#![allow(clippy::unwrap_used)] // It is for tests and fuzzing, where it is to fail loudly.

use sysflow_field::{Arg, Value, View};

use crate::Dialect;
use crate::ast::{
    Check, Expression, Operand, OperandKind, Operator, Quantifier, Right, Transformer,
};
use crate::toy::Toy;

/// The plain reading of conditions.
pub(crate) struct Reference<'t> {
    pub(crate) toy: &'t Toy,
    pub(crate) dialect: Dialect,
    /// What the names `first` and `second` stand for.
    pub(crate) macros: [&'t Expression; 2],
}

impl Reference<'_> {
    pub(crate) fn holds(&self, expression: &Expression) -> bool {
        match expression {
            Expression::Or(parts) => parts.iter().any(|part| self.holds(part)),
            Expression::And(parts) => parts.iter().all(|part| self.holds(part)),
            Expression::Not(inner) => !self.holds(inner),
            Expression::Name(name) => self.holds(self.macros[usize::from(name.text == "second")]),
            Expression::Check(check) => self.check(check),
            Expression::Broken => unreachable!(),
        }
    }

    /// The values of a field as texts, whether 0, false and nothing count as values, and its type.
    fn values(&self, name: &str) -> (Vec<String>, bool, bool) {
        let catalogue = Toy::catalogue();
        let resolved = catalogue.resolve(name).unwrap();
        let field = catalogue.field(resolved.id);
        let mut values = Vec::new();
        let in_document = matches!(resolved.arg, Arg::Key(_));
        self.toy.visit(resolved.id, &resolved.arg, |value| {
            values.push(match value {
                Value::Bool(flag) => i64::from(flag).to_string(),
                Value::Text(document) if in_document => {
                    let document: serde_json::Value = serde_json::from_slice(document).unwrap();
                    document["a"][0].as_str().unwrap().to_owned()
                }
                value => value.to_string(),
            });
            std::ops::ControlFlow::Continue(())
        });
        let zero_counts = field.absence == sysflow_field::Absence::Missing;
        (values, zero_counts, !field.ty.is_text())
    }

    /// What a side of a check has to say: values, whether 0 and nothing count, whether they are numbers.
    fn side(&self, operand: &Operand) -> (Vec<String>, bool, bool) {
        match &operand.kind {
            OperandKind::Call(call) => {
                let is_number = call.transformer == Transformer::Length;
                (self.made(operand).unwrap_or_default(), true, is_number)
            }
            _ => self.values(&operand.text),
        }
    }

    /// The values that transformers make, or nothing where something is missing.
    fn made(&self, operand: &Operand) -> Option<Vec<String>> {
        let call = match &operand.kind {
            OperandKind::Call(call) => call,
            OperandKind::Quoted => return Some(vec![operand.text.clone()]),
            OperandKind::Tuple(parts) => {
                let parts: Option<Vec<Vec<String>>> = parts.iter().map(|p| self.made(p)).collect();
                return Some(parts?.concat());
            }
            _ => return Some(self.values(&operand.text).0).filter(|values| !values.is_empty()),
        };
        let first = &call.arguments[0];
        let each = |change: &dyn Fn(&str) -> String| {
            let values = self.made(first)?;
            Some(values.iter().map(|value| change(value)).collect())
        };
        match call.transformer {
            Transformer::ToLower => each(&|text| text.to_lowercase()),
            Transformer::ToUpper => each(&|text| text.to_uppercase()),
            Transformer::BaseName => each(&|text| text.rsplit('/').next().unwrap().to_owned()),
            Transformer::Length => {
                let is_list = match &first.kind {
                    OperandKind::Tuple(_) => true,
                    OperandKind::Word => first.text.ends_with("aname"),
                    _ => false,
                };
                let values = self.made(first);
                let values = if matches!(first.kind, OperandKind::Word) && is_list {
                    values.unwrap_or_default()
                } else {
                    values?
                };
                let length = if is_list {
                    values.len()
                } else {
                    values[0].len()
                };
                Some(vec![length.to_string()])
            }
            Transformer::Concat => {
                let parts = call.arguments.iter().map(|part| self.made(part));
                let parts: Option<Vec<String>> = parts.map(|p| Some(p?[0].clone())).collect();
                Some(vec![parts?.concat()])
            }
            Transformer::Join => {
                let (separator, list) = (self.made(first)?, self.made(&call.arguments[1])?);
                Some(vec![list.join(&separator[0])])
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn check(&self, check: &Check) -> bool {
        if let Right::Quantified(quantifier, items, _) = &check.right {
            let holding = items.iter().filter(|item| {
                self.check(&Check {
                    right: Right::One((*item).clone()),
                    ..check.clone()
                })
            });
            return match quantifier {
                Quantifier::One => holding.count() == 1,
                Quantifier::Any => holding.count() > 0,
                Quantifier::All => !items.is_empty() && holding.count() == items.len(),
            };
        }
        let (lefts, zero_counts, is_number) = self.side(&check.left);
        if check.left.text == "proc.anames"
            && self.dialect == Dialect::Falco
            && check.operator == Operator::In
            && let Right::List(items, _) = &check.right
        {
            let is_listed = |left: &String| items.iter().any(|item| item.text == *left);
            return !lefts.is_empty() && lefts.iter().all(is_listed);
        }
        let rights = match &check.right {
            Right::Nothing => {
                return lefts
                    .iter()
                    .any(|left| zero_counts || !(left.is_empty() || left == "0"));
            }
            Right::One(right)
                if matches!(right.kind, OperandKind::FieldValue | OperandKind::Call(_)) =>
            {
                self.side(right).0
            }
            Right::One(right) => vec![right.text.clone()],
            Right::List(items, _) | Right::Quantified(_, items, _) => {
                items.iter().map(|item| item.text.clone()).collect()
            }
        };
        let both_there = !lefts.is_empty() && !rights.is_empty();
        let mut pairs = lefts
            .iter()
            .flat_map(|left| rights.iter().map(move |right| (left, right)));
        if check.operator == Operator::NotEqual {
            let none_equal = pairs.all(|(left, right)| left != right);
            return none_equal && (self.dialect == Dialect::SysFlow || both_there);
        }
        pairs.any(|(left, right)| self.compares(check.operator, left, right, is_number))
    }

    fn compares(&self, operator: Operator, left: &str, right: &str, is_number: bool) -> bool {
        let number = |text: &str| text.parse::<i64>().unwrap();
        let order = || {
            if is_number {
                number(left).cmp(&number(right))
            } else {
                left.cmp(right)
            }
        };
        match operator {
            Operator::Equal | Operator::In | Operator::Intersects => left == right,
            Operator::Less => order().is_lt(),
            Operator::LessOrEqual => order().is_le(),
            Operator::Greater => order().is_gt(),
            Operator::GreaterOrEqual => order().is_ge(),
            Operator::Contains => left.contains(right),
            Operator::ContainsIgnoringCase => left.to_lowercase().contains(&right.to_lowercase()),
            Operator::StartsWith => left.starts_with(right),
            Operator::EndsWith => left.ends_with(right),
            Operator::PathMatch if self.dialect == Dialect::SysFlow => left.contains(right),
            Operator::PathMatch => {
                let parts = |path: &str| -> Vec<String> {
                    let parts = path.trim_start_matches('/').split('/');
                    parts.map(str::to_owned).collect()
                };
                right.is_empty() || parts(left).starts_with(&parts(right))
            }
            other => unreachable!("{other:?}"),
        }
    }
}
