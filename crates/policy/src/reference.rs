//! The plain reading of conditions, against which the engine is held: it walks the expression, takes all
//! values as texts and knows nothing of programs, sets, memory or indexes.

use sysflow_field::{Arg, Value, View};

use crate::Dialect;
use crate::ast::{Check, Expression, OperandKind, Operator, Right};
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

    fn check(&self, check: &Check) -> bool {
        let (lefts, zero_counts, is_number) = self.values(&check.left.text);
        let rights = match &check.right {
            Right::Nothing => {
                return lefts
                    .iter()
                    .any(|left| zero_counts || !(left.is_empty() || left == "0"));
            }
            Right::One(right) if right.kind == OperandKind::FieldValue => {
                self.values(&right.text).0
            }
            Right::One(right) => vec![right.text.clone()],
            Right::List(items, _) => items.iter().map(|item| item.text.clone()).collect(),
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
