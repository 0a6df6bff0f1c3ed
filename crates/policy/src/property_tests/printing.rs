//! What is printed is read again.

use proptest::prelude::*;
use proptest::sample::select;

use super::parsed;
use crate::Dialect;
use crate::ast::{
    Call, Check, Expression, Operand, OperandKind, Operator, Quantifier, Right, Transformer,
};
use crate::source::Span;

/// The same without places, and without the words in which calls were written.
fn operand_alone(operand: Operand) -> Operand {
    let alone = |operands: Vec<Operand>| operands.into_iter().map(operand_alone).collect();
    let (kind, text) = match operand.kind {
        OperandKind::Call(call) => {
            let call = Call {
                arguments: alone(call.arguments),
                ..*call
            };
            (OperandKind::Call(Box::new(call)), String::new())
        }
        OperandKind::Tuple(parts) => (OperandKind::Tuple(alone(parts)), String::new()),
        kind => (kind, operand.text),
    };
    Operand {
        kind,
        text,
        span: Span::default(),
    }
}

/// The same without places.
fn bare(expression: Expression) -> Expression {
    match expression {
        Expression::Or(parts) => Expression::Or(parts.into_iter().map(bare).collect()),
        Expression::And(parts) => Expression::And(parts.into_iter().map(bare).collect()),
        Expression::Not(inner) => Expression::Not(Box::new(bare(*inner))),
        Expression::Name(name) => Expression::Name(operand_alone(name)),
        Expression::Broken => Expression::Broken,
        Expression::Check(check) => Expression::Check(Check {
            left: operand_alone(check.left),
            operator: check.operator,
            operator_span: Span::default(),
            right: match check.right {
                Right::Nothing => Right::Nothing,
                Right::One(right) => Right::One(operand_alone(right)),
                Right::List(items, _) => Right::List(
                    items.into_iter().map(operand_alone).collect(),
                    Span::default(),
                ),
                Right::Quantified(quantifier, items, _) => Right::Quantified(
                    quantifier,
                    items.into_iter().map(operand_alone).collect(),
                    Span::default(),
                ),
            },
        }),
    }
}

fn of_kind(
    kind: OperandKind,
    text: impl Strategy<Value = String>,
) -> impl Strategy<Value = Operand> {
    text.prop_map(move |text| Operand {
        kind: kind.clone(),
        text,
        span: Span::default(),
    })
}

fn word() -> impl Strategy<Value = Operand> {
    let text = "[a-zA-Z0-9_/.*][a-zA-Z0-9_/.*:@+-]{0,8}".prop_filter("keywords", |word| {
        let keywords = ["and", "or", "not", "val", "oneof", "anyof", "allof"];
        Transformer::parse(word).is_none()
            && !keywords.contains(&word.as_str())
            && Operator::parse(word).is_none()
    });
    of_kind(OperandKind::Word, text)
}

fn plain() -> impl Strategy<Value = Operand> {
    let quoted = of_kind(OperandKind::Quoted, "[^\u{0}\u{1}-\u{8}\u{b}-\u{1f}]{0,8}");
    prop_oneof![word(), quoted]
}

fn operand() -> impl Strategy<Value = Operand> {
    let field = "[a-z]{1,4}[.][a-z]{1,4}(\\[[a-z0-9]{1,3}\\])?";
    prop_oneof![
        3 => plain(),
        1 => of_kind(OperandKind::FieldValue, field),
        1 => call(),
    ]
}

/// Any transformer with anything in it.
fn call() -> impl Strategy<Value = Operand> {
    let field = of_kind(
        OperandKind::Word,
        "[a-z]{1,4}[.][a-z]{1,4}(\\[[a-z0-9]{1,3}\\])?",
    );
    let quoted = of_kind(OperandKind::Quoted, "[a-z ]{0,4}");
    let leaf = prop_oneof![3 => field, 1 => quoted];
    let argument = leaf.prop_recursive(3, 12, 3, |inner| {
        let several = proptest::collection::vec(inner, 1..4);
        prop_oneof![
            3 => called(several.clone()),
            1 => several.prop_map(|parts| Operand {
                kind: OperandKind::Tuple(parts),
                text: String::new(),
                span: Span::default(),
            }),
        ]
    });
    called(proptest::collection::vec(argument, 1..4))
}

fn called(arguments: impl Strategy<Value = Vec<Operand>>) -> impl Strategy<Value = Operand> {
    let index = proptest::option::of("[a-z]{1,2}");
    (select(Transformer::ALL.to_vec()), arguments, index).prop_map(
        |(transformer, arguments, index)| Operand {
            kind: OperandKind::Call(Box::new(Call {
                transformer,
                arguments,
                index,
            })),
            text: String::new(),
            span: Span::default(),
        },
    )
}

fn expression() -> impl Strategy<Value = Expression> {
    let check = (
        prop_oneof![4 => plain().boxed(), 1 => call().boxed()],
        select(Operator::ALL),
        operand(),
        proptest::collection::vec(plain(), 0..4),
        proptest::option::of(select(vec![
            Quantifier::One,
            Quantifier::Any,
            Quantifier::All,
        ])),
    )
        .prop_map(|(left, operator, one, items, quantifier)| {
            let right = match operator {
                Operator::Exists => Right::Nothing,
                _ if !operator.takes_list()
                    && !operator.orders()
                    && let Some(quantifier) = quantifier =>
                {
                    Right::Quantified(quantifier, items, Span::default())
                }
                _ if operator.takes_list() => Right::List(items, Span::default()),
                _ => Right::One(one),
            };
            Expression::Check(Check {
                left,
                operator,
                operator_span: Span::default(),
                right,
            })
        });
    let leaf = prop_oneof![4 => check, 1 => word().prop_map(Expression::Name)];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let parts = proptest::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            parts.clone().prop_map(Expression::Or),
            parts.prop_map(Expression::And),
            inner.prop_map(|inner| Expression::Not(Box::new(inner))),
        ]
    })
}

proptest! {
    #[test]
    fn printed_conditions_are_read_again(original in expression(), falco in any::<bool>()) {
        let dialect = if falco { Dialect::Falco } else { Dialect::SysFlow };
        let text = original.to_string();
        let again = bare(parsed(&text, dialect));
        prop_assert_eq!(&again, &original, "{}", text);
    }
}
