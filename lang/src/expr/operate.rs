//! Operators on values: arithmetic, order, equality, membership. Overflow is an error, never a wrapped number.

use super::EvalError;
use super::evaluate::failure;
use super::number;
use super::tree::{Comparison, Expected, Operation};
use crate::literal;
use crate::money::Money;
use crate::value::Value;
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;
use std::cmp::Ordering;
use std::sync::Arc;

/// Longest text that an expression may build, in bytes.
pub(super) const MAX_TEXT: usize = 16 * 1024 * 1024;
/// Parts that a value may have at most, were each as small as it can be.
pub(super) const MOST_PARTS: u64 = 2 * 1024 * 1024;

fn overflow<T>() -> Result<T, EvalError> {
    failure("a number is beyond its range")
}

fn whole(number: Option<i64>) -> Result<Value, EvalError> {
    number.map_or_else(overflow, |number| Ok(Value::Int(number)))
}

fn span(micros: Option<i64>) -> Result<Value, EvalError> {
    match micros.filter(|micros| literal::duration_range().contains(micros)) {
        Some(micros) => Ok(Value::Duration(micros)),
        None => failure("a duration is beyond ten thousand years"),
    }
}

fn instant(micros: Option<i64>) -> Result<Value, EvalError> {
    match micros.filter(|micros| literal::timestamp_range().contains(micros)) {
        Some(micros) => Ok(Value::Timestamp(micros)),
        None => failure("a timestamp is beyond the years 1 to 9999"),
    }
}

fn amount(left: Money, right: Money, result: Option<Money>) -> Result<Value, EvalError> {
    match result {
        Some(money) => Ok(Value::Money(money)),
        None => failure(currencies(left, right).unwrap_or_else(|| "an amount of money is beyond its range".to_owned())),
    }
}

/// The sentence for two amounts of different currencies.
fn currencies(left: Money, right: Money) -> Option<String> {
    (left.currency != right.currency).then(|| format!("{left} and {right} are of different currencies"))
}

/// `left what right`.
pub(super) fn arithmetic(what: Operation, left: Value, right: Value) -> Result<Value, EvalError> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => ints(what, left, right),
        (Value::Double(left), Value::Double(right)) => doubles(what, left, right),
        (left @ Value::Int(_), Value::Double(right)) => arithmetic(what, widen(left), Value::Double(right)),
        (Value::Double(left), right @ Value::Int(_)) => arithmetic(what, Value::Double(left), widen(right)),
        (Value::UInt(left), Value::UInt(right)) => number::unsigned(what, left, right),
        (Value::Decimal(left), right) if number::exact(&right).is_some() => {
            number::decimals(what, left, number::exact(&right).unwrap_or_default())
        }
        (left, Value::Decimal(right)) if number::exact(&left).is_some() => {
            number::decimals(what, number::exact(&left).unwrap_or_default(), right)
        }
        (Value::Money(left), Value::Money(right)) => match what {
            Operation::Add => amount(left, right, left.plus(right)),
            Operation::Subtract => amount(left, right, left.minus(right)),
            Operation::Divide if left.currency == right.currency && right.amount.is_zero() => failure("division by zero"),
            Operation::Divide => match left.ratio(right) {
                Some(ratio) => Ok(Value::Double(ratio)),
                None => amount(left, right, None),
            },
            _ => failure("money meets money in a sum or a ratio only"),
        },
        (Value::Money(money), number) => scaled(what, money, &number),
        (number, Value::Money(money)) if what == Operation::Multiply => scaled(what, money, &number),
        (Value::Timestamp(left), Value::Duration(right)) => match what {
            Operation::Add => instant(left.checked_add(right)),
            _ => instant(left.checked_sub(right)),
        },
        (Value::Duration(left), Value::Timestamp(right)) => instant(left.checked_add(right)),
        (Value::Timestamp(left), Value::Timestamp(right)) => span(left.checked_sub(right)),
        (Value::Duration(left), right) => spans(what, left, &right),
        (Value::Int(left), Value::Duration(right)) => span(left.checked_mul(right)),
        (left, right) => joined(&left, &right),
    }
}

pub(super) fn ints(what: Operation, left: i64, right: i64) -> Result<Value, EvalError> {
    if matches!(what, Operation::Divide | Operation::Remainder) && right == 0 {
        return failure("division by zero");
    }
    whole(match what {
        Operation::Add => left.checked_add(right),
        Operation::Subtract => left.checked_sub(right),
        Operation::Multiply => left.checked_mul(right),
        Operation::Divide => left.checked_div(right),
        Operation::Remainder => left.checked_rem(right),
    })
}

fn doubles(what: Operation, left: f64, right: f64) -> Result<Value, EvalError> {
    Ok(Value::Double(match what {
        Operation::Add => left + right,
        Operation::Subtract => left - right,
        Operation::Multiply => left * right,
        Operation::Divide => left / right,
        Operation::Remainder => return failure("`%` takes whole numbers"),
    }))
}

/// Money times or by a number, exact in the number's decimal reading.
fn scaled(what: Operation, money: Money, number: &Value) -> Result<Value, EvalError> {
    let factor = match number {
        Value::Int(number) => Decimal::from_i64(*number),
        Value::Decimal(number) => Some(*number),
        // The unit amount turns a double into the decimal that is written the same way.
        Value::Double(number) => Money { amount: Decimal::ONE, ..money }.times(*number).map(|money| money.amount),
        _ => return failure("money is scaled by a number only"),
    };
    let Some(factor) = factor else { return failure("money cannot be scaled by such a number") };
    let result = match what {
        Operation::Multiply => money.amount.checked_mul(factor),
        Operation::Divide if factor.is_zero() => return failure("division by zero"),
        Operation::Divide => money.amount.checked_div(factor),
        _ => return failure("money meets a number in a product or a quotient only"),
    };
    amount(money, money, result.map(|amount| Money { amount: amount.normalize(), ..money }))
}

fn spans(what: Operation, left: i64, right: &Value) -> Result<Value, EvalError> {
    match (what, right) {
        (Operation::Add, Value::Duration(right)) => span(left.checked_add(*right)),
        (Operation::Subtract, Value::Duration(right)) => span(left.checked_sub(*right)),
        (Operation::Multiply, Value::Int(right)) => span(left.checked_mul(*right)),
        (Operation::Divide, Value::Int(0) | Value::Duration(0)) => failure("division by zero"),
        (Operation::Divide, Value::Int(right)) => span(left.checked_div(*right)),
        #[expect(clippy::cast_precision_loss, reason = "a ratio is a double")]
        (Operation::Divide, Value::Duration(right)) => Ok(Value::Double(left as f64 / *right as f64)),
        _ => failure("an operator does not take such values"),
    }
}

fn joined(left: &Value, right: &Value) -> Result<Value, EvalError> {
    match (left, right) {
        (Value::String(left), Value::String(right)) if left.len() + right.len() > MAX_TEXT => failure("a text grows beyond 16 MB"),
        (Value::String(left), Value::String(right)) => Ok(Value::string(format!("{left}{right}"))),
        (Value::Bytes(left), Value::Bytes(right)) if left.len() + right.len() > MAX_TEXT => failure("bytes grow beyond 16 MB"),
        (Value::Bytes(left), Value::Bytes(right)) => Ok(Value::Bytes(left.iter().chain(right.iter()).copied().collect())),
        (Value::List(left), Value::List(right)) => Ok(Value::List(Arc::new(left.iter().chain(right.iter()).cloned().collect()))),
        _ => failure("an operator does not take such values"),
    }
}

/// `-value`.
pub(super) fn negate(value: Value) -> Result<Value, EvalError> {
    match value {
        Value::Int(number) => whole(number.checked_neg()),
        Value::Double(number) => Ok(Value::Double(-number)),
        Value::Decimal(number) => Ok(Value::Decimal(-number)),
        Value::Duration(micros) => span(micros.checked_neg()),
        Value::Money(money) => Ok(Value::Money(Money { amount: -money.amount, ..money })),
        _ => failure("`-` takes a number, money or a duration"),
    }
}

/// A whole number as a double; anything else as it is. Lists item by item.
pub(super) fn widen(value: Value) -> Value {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "an int meets double as double")]
        Value::Int(number) => Value::Double(number as f64),
        Value::List(items) => Value::List(Arc::new(items.iter().cloned().map(widen).collect())),
        other => other,
    }
}

/// `left how right`.
pub(super) fn compare(how: Comparison, left: &Value, right: &Value) -> Result<bool, EvalError> {
    if let (Value::Money(left), Value::Money(right)) = (left, right)
        && let Some(sentence) = currencies(*left, *right)
    {
        return failure(sentence);
    }
    match how {
        Comparison::Equal => return Ok(equal(left, right)),
        Comparison::Different => return Ok(!equal(left, right)),
        _ => {}
    }
    // Not-a-number is neither below nor above anything.
    Ok(order(left, right)?.is_some_and(|order| match how {
        Comparison::Less => order == Ordering::Less,
        Comparison::AtMost => order != Ordering::Greater,
        Comparison::More => order == Ordering::Greater,
        _ => order != Ordering::Less,
    }))
}

/// Whether two values are equal; numbers by value, whatever their type.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => left == right,
        (Value::Int(_) | Value::UInt(_) | Value::Double(_) | Value::Decimal(_), _) => {
            number::order(left, right).is_some_and(|order| order == Some(Ordering::Equal))
        }
        (Value::Optional(Some(left)), Value::Optional(Some(right))) => equal(left, right),
        (Value::Map(left), Value::Map(right)) => {
            let same = |(key, value): &(Value, Value)| entry(right, key).is_some_and(|other| equal(value, other));
            left.len() == right.len() && left.iter().all(same)
        }
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len() && left.iter().zip(right.iter()).all(|(left, right)| equal(left, right))
        }
        (Value::Record(left), Value::Record(right)) => {
            let same = |(key, value): &(Arc<str>, Value)| right.get(key).is_some_and(|other| equal(value, other));
            left.0.len() == right.0.len() && left.0.iter().all(same)
        }
        _ => left == right,
    }
}

/// The order of two values of one kind; `None` beside not-a-number.
pub(super) fn order(left: &Value, right: &Value) -> Result<Option<Ordering>, EvalError> {
    Ok(match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Int(_) | Value::UInt(_) | Value::Double(_) | Value::Decimal(_), _) => match number::order(left, right) {
            Some(order) => order,
            None => return failure("two values of different kinds have no order"),
        },
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Bytes(left), Value::Bytes(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Timestamp(left), Value::Timestamp(right)) | (Value::Duration(left), Value::Duration(right)) => Some(left.cmp(right)),
        (Value::Money(left), Value::Money(right)) => match left.compare(*right) {
            Some(order) => Some(order),
            None => return failure(currencies(*left, *right).unwrap_or_default()),
        },
        _ => return failure("two values of different kinds have no order"),
    })
}

/// The value of a key in a map of any keys.
pub(super) fn entry<'a>(entries: &'a [(Value, Value)], key: &Value) -> Option<&'a Value> {
    entries.iter().find(|(other, _)| equal(key, other)).map(|(_, value)| value)
}

/// `left what right` as CEL has it: numbers of two types do not meet.
pub(super) fn dynamic(what: Operation, left: Value, right: Value) -> Result<Value, EvalError> {
    match (&left, &right) {
        (Value::Int(_), Value::Double(_)) | (Value::Double(_), Value::Int(_)) => failure("an operator does not take such values"),
        (Value::Duration(_), Value::Int(_)) | (Value::Int(_), Value::Duration(_)) => failure("an operator does not take such values"),
        _ => arithmetic(what, left, right),
    }
}

/// Whether a list holds a value, or a map a key.
pub(super) fn contains_value(item: &Value, list: &Value) -> Result<bool, EvalError> {
    match (list, item) {
        (Value::List(items), _) => Ok(items.iter().any(|other| equal(item, other))),
        (Value::Record(record), Value::String(key)) => Ok(record.get(key).is_some()),
        (Value::Record(_), _) => Ok(false),
        (Value::Map(entries), key) => Ok(entry(entries, key).is_some()),
        _ => failure("`in` looks into a list or a map only"),
    }
}

/// A value from outside as a type. `path` is for the message.
pub(super) fn expect(expected: Expected, value: Value, path: &str) -> Result<Value, EvalError> {
    let wrong =
        |wanted: &str| failure(if path.is_empty() { format!("a value is no {wanted}") } else { format!("`{path}` is no {wanted}") });
    match (expected, value) {
        (Expected::Bool, value @ Value::Bool(_))
        | (Expected::Int, value @ Value::Int(_))
        | (Expected::Double, value @ Value::Double(_))
        | (Expected::String, value @ Value::String(_))
        | (Expected::Money, value @ Value::Money(_))
        | (Expected::Decimal, value @ Value::Decimal(_))
        | (Expected::Timestamp, value @ Value::Timestamp(_))
        | (Expected::Duration, value @ Value::Duration(_)) => Ok(value),
        (Expected::Double, value @ Value::Int(_)) => Ok(widen(value)),
        (Expected::Money, Value::String(text)) => Money::parse(&text).map_or_else(|| wrong("money"), |money| Ok(Value::Money(money))),
        (Expected::Timestamp, Value::String(text)) => {
            literal::timestamp(&text).map_or_else(|| wrong("timestamp"), |micros| Ok(Value::Timestamp(micros)))
        }
        (Expected::Duration, Value::String(text)) => {
            literal::duration(&text).map_or_else(|| wrong("duration"), |micros| Ok(Value::Duration(micros)))
        }
        (Expected::Decimal, Value::String(text)) => {
            literal::decimal(&text).map_or_else(|| wrong("decimal"), |number| Ok(Value::Decimal(number)))
        }
        (Expected::Decimal, Value::Int(number)) => Ok(Value::Decimal(number.into())),
        (Expected::Decimal, _) => wrong("decimal"),
        (Expected::Bool, _) => wrong("bool"),
        (Expected::Int, _) => wrong("int"),
        (Expected::Double, _) => wrong("number"),
        (Expected::String, _) => wrong("string"),
        (Expected::Money, _) => wrong("money"),
        (Expected::Timestamp, _) => wrong("timestamp"),
        (Expected::Duration, _) => wrong("duration"),
    }
}
