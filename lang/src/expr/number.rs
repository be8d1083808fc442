//! Numbers beside `int` and `double`: unsigned ones and exact decimals, and the order of numbers of different types.
//! Overflow is an error, never a wrapped number.

use super::EvalError;
use super::evaluate::failure;
use super::tree::Operation;
use crate::value::Value;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::cmp::Ordering;

const RANGE: &str = "a number is beyond its range";

/// Arithmetic of two unsigned numbers.
pub(super) fn unsigned(what: Operation, left: u64, right: u64) -> Result<Value, EvalError> {
    if matches!(what, Operation::Divide | Operation::Remainder) && right == 0 {
        return failure("division by zero");
    }
    let result = match what {
        Operation::Add => left.checked_add(right),
        Operation::Subtract => left.checked_sub(right),
        Operation::Multiply => left.checked_mul(right),
        Operation::Divide => left.checked_div(right),
        Operation::Remainder => left.checked_rem(right),
    };
    result.map_or_else(|| failure(RANGE), |number| Ok(Value::UInt(number)))
}

/// Arithmetic of two exact decimals.
pub(super) fn decimals(what: Operation, left: Decimal, right: Decimal) -> Result<Value, EvalError> {
    if matches!(what, Operation::Divide | Operation::Remainder) && right.is_zero() {
        return failure("division by zero");
    }
    let result = match what {
        Operation::Add => left.checked_add(right),
        Operation::Subtract => left.checked_sub(right),
        Operation::Multiply => left.checked_mul(right),
        Operation::Divide => left.checked_div(right),
        Operation::Remainder => left.checked_rem(right),
    };
    result.map_or_else(|| failure(RANGE), |number| Ok(Value::Decimal(number.normalize())))
}

/// A whole number or a decimal as a decimal.
pub(super) fn exact(value: &Value) -> Option<Decimal> {
    match value {
        Value::Int(number) => Some(Decimal::from(*number)),
        Value::UInt(number) => Some(Decimal::from(*number)),
        Value::Decimal(number) => Some(*number),
        _ => None,
    }
}

/// The order of two numbers of any type; `None` where one is no number, `Some(None)` beside not-a-number.
pub(super) fn order(left: &Value, right: &Value) -> Option<Option<Ordering>> {
    Some(match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::UInt(left), Value::UInt(right)) => Some(left.cmp(right)),
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(right),
        (Value::Int(left), Value::Double(right)) => with_double(i128::from(*left), *right),
        (Value::UInt(left), Value::Double(right)) => with_double(i128::from(*left), *right),
        (Value::Double(left), Value::Int(right)) => with_double(i128::from(*right), *left).map(Ordering::reverse),
        (Value::Double(left), Value::UInt(right)) => with_double(i128::from(*right), *left).map(Ordering::reverse),
        (Value::Int(left), Value::UInt(right)) => Some(i128::from(*left).cmp(&i128::from(*right))),
        (Value::UInt(left), Value::Int(right)) => Some(i128::from(*left).cmp(&i128::from(*right))),
        (Value::Decimal(_), _) | (_, Value::Decimal(_)) => Some(exact(left)?.cmp(&exact(right)?)),
        _ => return None,
    })
}

/// The exact order of a whole number of at most 64 bits and a double.
fn with_double(left: i128, right: f64) -> Option<Ordering> {
    if right.is_nan() {
        return None;
    }
    // 2^64 is a double; every double below it in size truncates into 128 bits.
    if right >= 18_446_744_073_709_551_616.0 {
        return Some(Ordering::Less);
    }
    if right < -9_223_372_036_854_775_808.0 {
        return Some(Ordering::Greater);
    }
    let truncated = right.trunc().to_i128()?;
    Some(left.cmp(&truncated).then_with(|| 0.0.partial_cmp(&right.fract()).unwrap_or(Ordering::Equal)))
}
