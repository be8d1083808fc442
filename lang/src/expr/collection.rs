//! Lists, sets and optionals: what is found in them, and the functions that make new ones.
//! Long lists are bounded by the budget of an evaluation, which counts what they build.

use super::EvalError;
use super::evaluate::failure;
use super::operate::{entry, equal, order};
use crate::value::Value;
use std::cmp::Ordering;
use std::sync::Arc;

/// Longest list that `lists.range` makes.
const MAX_RANGE: i64 = 100_000;

/// An item of a list or a map, `None` where there is none.
///
/// # Errors
/// What has no items, or an index of a wrong kind.
pub(super) fn find(of: &Value, key: &Value) -> Result<Option<Value>, EvalError> {
    match (of, key) {
        (Value::Record(record), Value::String(name)) => Ok(record.get(name).cloned()),
        (Value::Record(_), _) => Ok(None),
        (Value::Map(entries), key) => Ok(entry(entries, key).cloned()),
        (Value::List(items), key) => match place(key) {
            Some(place) => Ok(usize::try_from(place).ok().and_then(|place| items.get(place)).cloned()),
            None => failure("the index of a list is a whole number"),
        },
        _ => failure("only a list or a map has items"),
    }
}

/// A whole number of any type.
#[expect(clippy::cast_possible_truncation, reason = "a whole number below 10^15 by the guard")]
fn place(key: &Value) -> Option<i64> {
    match key {
        Value::Int(at) => Some(*at),
        Value::UInt(at) => i64::try_from(*at).ok(),
        Value::Double(at) if at.fract() == 0.0 && at.abs() < 1e15 => Some(*at as i64),
        _ => None,
    }
}

/// `of[key]`; of an optional, an optional.
pub(super) fn index(of: &Value, key: &Value) -> Result<Value, EvalError> {
    if let Value::Optional(_) = of {
        return optional_index(of, key);
    }
    match find(of, key)? {
        Some(value) => Ok(value),
        None => match (of, key) {
            (Value::List(items), key) => {
                failure(format!("there is no item {} in a list of {}", place(key).unwrap_or_default(), items.len()))
            }
            (_, Value::String(key)) => failure(format!("there is no `{key}` in the map")),
            _ => failure("there is no such key in the map"),
        },
    }
}

/// `of[?key]`, `of.?key`.
pub(super) fn optional_index(of: &Value, key: &Value) -> Result<Value, EvalError> {
    match of {
        Value::Null | Value::Optional(None) => Ok(Value::Optional(None)),
        Value::Optional(Some(of)) if matches!(**of, Value::Optional(_)) => optional_index(of, key),
        Value::Optional(Some(of)) => Ok(Value::Optional(find(of, key)?.map(Arc::new))),
        of => Ok(Value::Optional(find(of, key)?.map(Arc::new))),
    }
}

/// `has(of.key)`
pub(super) fn has(of: &Value, key: &Value) -> Result<Value, EvalError> {
    Ok(Value::Bool(match of {
        Value::Optional(None) => false,
        Value::Optional(Some(of)) => find(of, key)?.is_some(),
        of => find(of, key)?.is_some(),
    }))
}

/// The value of an optional; an absent one is nothing, anything else itself.
pub(super) fn held(of: &Value) -> Option<Value> {
    match of {
        Value::Null | Value::Optional(None) => None,
        Value::Optional(Some(value)) => Some(value.as_ref().clone()),
        value => Some(value.clone()),
    }
}

/// An optional of a value that is not zero, not empty and not null.
pub(super) fn non_zero(of: &Value) -> Value {
    let zero = match of {
        Value::Null => true,
        Value::Bool(truth) => !truth,
        Value::Int(number) | Value::Timestamp(number) | Value::Duration(number) => *number == 0,
        Value::UInt(number) => *number == 0,
        Value::Double(number) => *number == 0.0,
        Value::Decimal(number) => number.is_zero(),
        Value::Money(money) => money.amount.is_zero(),
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Record(record) => record.0.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        Value::Optional(of) => of.is_none(),
        Value::Type(_) | Value::Erased => false,
    };
    Value::Optional((!zero).then(|| Arc::new(of.clone())))
}

/// `lists.range(n)`
pub(super) fn range(count: i64) -> Result<Value, EvalError> {
    if count > MAX_RANGE {
        return failure(format!("a range has at most {MAX_RANGE} items"));
    }
    Ok(Value::list((0..count).map(Value::Int)))
}

/// `list.slice(from, to)`
pub(super) fn slice(items: &[Value], from: i64, to: i64) -> Result<Value, EvalError> {
    let bounds = usize::try_from(from).ok().zip(usize::try_from(to).ok());
    match bounds.and_then(|(from, to)| items.get(from..to)) {
        Some(items) => Ok(Value::list(items.iter().cloned())),
        None => failure(format!("there are no items {from} to {to} in a list of {}", items.len())),
    }
}

/// `list.flatten(depth)`
pub(super) fn flatten(items: &[Value], depth: i64) -> Result<Value, EvalError> {
    fn add(items: &[Value], depth: i64, made: &mut Vec<Value>) {
        for item in items {
            match item {
                Value::List(inner) if depth > 0 => add(inner, depth - 1, made),
                other => made.push(other.clone()),
            }
        }
    }
    if !(0..=64).contains(&depth) {
        return failure(format!("a list is flattened by 0 to 64 levels, not {depth}"));
    }
    let mut made = Vec::new();
    add(items, depth, &mut made);
    Ok(Value::List(Arc::new(made)))
}

/// The items in the order of their keys, equal ones as they stood.
pub(super) fn sort_by(items: &[Value], keys: &[Value]) -> Result<Value, EvalError> {
    let mut pairs: Vec<(&Value, &Value)> = keys.iter().zip(items).collect();
    let mut trouble = None;
    let Some((first, _)) = pairs.first().copied() else { return Ok(Value::list([])) };
    for (key, _) in &pairs {
        match order(first, key) {
            Ok(Some(_)) => {}
            Ok(None) => return failure("not-a-number has no order"),
            Err(error) => return Err(error),
        }
    }
    pairs.sort_by(|(left, _), (right, _)| match order(left, right) {
        Ok(order) => order.unwrap_or(Ordering::Equal),
        Err(error) => {
            trouble = Some(error);
            Ordering::Equal
        }
    });
    trouble.map_or_else(|| Ok(Value::list(pairs.iter().map(|(_, item)| (*item).clone()))), Err)
}

/// Each item once, where it stood first.
pub(super) fn distinct(items: &[Value]) -> Result<Value, EvalError> {
    // Each item meets each that was kept: bounded, so that a long list costs an error instead of minutes.
    if items.len() > 2_000 {
        return failure(format!("`distinct` takes lists of at most 2000 items, not {}", items.len()));
    }
    let mut kept: Vec<Value> = Vec::new();
    for item in items {
        if !kept.iter().any(|other| equal(item, other)) {
            kept.push(item.clone());
        }
    }
    Ok(Value::List(Arc::new(kept)))
}

/// Whether every item of the second is in the first.
pub(super) fn contains_all(left: &[Value], right: &[Value]) -> bool {
    right.iter().all(|item| left.iter().any(|other| equal(item, other)))
}
