//! Checks that compare two fields, or what transformers make of them.

use sysflow_field::{Role, Type};

use crate::Dialect;
use crate::ast::{Check, Operator, Right};
use crate::check::{Asked, order_of};
use crate::compile::{Compiler, Scope};
use crate::diagnostic::{Code, Diagnostic};
use crate::falco::FalcoCode;
use crate::predicate::{Comparison, Pair, Predicate};
use crate::program::NodeId;

impl Compiler {
    /// Compares two fields.
    pub(crate) fn pair(
        &mut self,
        check: &Check,
        left: &Asked,
        right: &Asked,
        scope: &mut Scope,
    ) -> Option<NodeId> {
        if scope.dialect == Dialect::Falco
            && let Some(problem) = refused_in_pair(check, left, right)
        {
            self.fault(scope, problem);
            return None;
        }
        let comparison = match check.operator {
            Operator::Equal | Operator::NotEqual | Operator::In | Operator::Intersects => {
                Comparison::Equal
            }
            Operator::Glob => Comparison::Glob { ignore_case: false },
            Operator::GlobIgnoringCase => Comparison::Glob { ignore_case: true },
            Operator::Contains => Comparison::Contains,
            Operator::ContainsIgnoringCase => Comparison::ContainsIgnoringCase,
            Operator::StartsWith => Comparison::StartsWith,
            Operator::EndsWith => Comparison::EndsWith,
            Operator::EqualIgnoringCase => Comparison::EqualIgnoringCase,
            Operator::StartsWithIgnoringCase => Comparison::StartsWithIgnoringCase,
            Operator::EndsWithIgnoringCase => Comparison::EndsWithIgnoringCase,
            operator => {
                let Some(order) = order_of(operator) else {
                    let message = format!("`{}` cannot compare two fields", operator.spelling());
                    let problem =
                        Diagnostic::error(Code::BadOperator, check.operator_span, message);
                    self.fault(scope, problem);
                    return None;
                };
                Comparison::Order(order)
            }
        };
        let class = |ty: Type| (ty.is_text(), ty.is_integer() || ty == Type::Bool);
        let same_class = class(left.field.ty) == class(right.field.ty);
        let needs_same =
            scope.dialect == Dialect::Falco || matches!(comparison, Comparison::Order(_));
        let ordered_addresses =
            matches!(comparison, Comparison::Order(_)) && left.field.ty.is_address();
        if (needs_same && !same_class) || ordered_addresses {
            let message = format!(
                "a field of type {} cannot be compared so with one of type {}",
                left.field.ty, right.field.ty
            );
            let problem = Diagnostic::error(Code::BadOperator, check.span(), message);
            self.fault(scope, problem);
            return None;
        }
        let (of_left, of_right) = (left.field.falco_type(), right.field.falco_type());
        if scope.dialect == Dialect::Falco && of_left != of_right {
            let message = "Falco compares only fields of exactly the same type";
            let hint = Diagnostic::hint(Code::Falco, check.span(), message)
                .note(format!("here they are of {of_left} and {of_right}"));
            self.warn(scope, hint.falco(FalcoCode::CompileCondition));
        }
        let predicate = Predicate::Pair(Box::new(Pair {
            left: left.source.clone(),
            comparison,
            right: right.source.clone(),
        }));
        // Pairs need nothing that could fail to be made ready.
        let test = self.builder.test(predicate).ok()?;
        if check.operator == Operator::NotEqual {
            return Some(self.not_equal(test, &[left, right], scope));
        }
        Some(test)
    }
}

/// Why Falco does not compare these two, if it does not.
fn refused_in_pair(check: &Check, left: &Asked, right: &Asked) -> Option<Diagnostic> {
    let right_span = match &check.right {
        Right::One(operand) => operand.span,
        _ => check.span(),
    };
    let misplaced = |span, message: String| Some(Diagnostic::error(Code::Misplaced, span, message));
    let name = |asked: &Asked| asked.field.name;
    if left.field.role == Role::Operation {
        let message = format!("`{}` can only be compared with values", name(left));
        return misplaced(check.left.span, message);
    }
    // Falco puts no field on the right of one that may not stand there itself.
    if left.field.limits.no_right_side {
        let message = format!("`{}` can only be compared with values", name(left));
        return misplaced(check.left.span, message);
    }
    if right.field.limits.no_right_side || right.field.role == Role::Operation {
        let message = format!("`{}` cannot stand on the right side", name(right));
        return misplaced(right_span, message);
    }
    if left.field.ty == Type::Net {
        let message = format!("`{}` can only be compared with networks", name(left));
        return misplaced(check.left.span, message);
    }
    let refuses_fields = matches!(check.operator, Operator::PathMatch | Operator::Regex);
    if refuses_fields {
        let message = format!("`{}` cannot compare two fields", check.operator.spelling());
        return Some(Diagnostic::error(
            Code::BadOperator,
            check.operator_span,
            message,
        ));
    }
    if left.field.limits.whole_list != right.field.limits.whole_list {
        let message = "a list cannot be compared with a single value".to_owned();
        return Some(Diagnostic::error(Code::BadOperator, check.span(), message));
    }
    None
}
