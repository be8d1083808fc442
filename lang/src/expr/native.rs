//! The functions that we evaluate ourselves. Arguments were checked; what cannot be is an error of one sentence.

use super::EvalError;
use super::evaluate::{ERASED, failure};
use super::function::Function;
use super::operate::{equal, order, widen};
use super::{collection, convert, exchange};
use crate::literal;
use crate::money::{Currency, Money};
use crate::value::Value;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use std::cmp::Ordering;
use std::sync::Arc;

/// The value of a function of these arguments.
pub(super) fn call(function: Function, arguments: &[Value]) -> Result<Value, EvalError> {
    match (function, arguments) {
        (Function::Size, [of]) => size(of),
        (Function::Contains, [Value::String(text), Value::String(part)]) => Ok(Value::Bool(text.contains(&**part))),
        (Function::StartsWith, [Value::String(text), Value::String(part)]) => Ok(Value::Bool(text.starts_with(&**part))),
        (Function::EndsWith, [Value::String(text), Value::String(part)]) => Ok(Value::Bool(text.ends_with(&**part))),
        (Function::LowerAscii, [Value::String(text)]) => Ok(Value::string(text.to_ascii_lowercase())),
        (Function::UpperAscii, [Value::String(text)]) => Ok(Value::string(text.to_ascii_uppercase())),
        (Function::Trim, [Value::String(text)]) => Ok(Value::string(text.trim())),
        (Function::ToInt, [of]) => to_int(of),
        (Function::ToDouble, [of]) => to_double(of),
        (Function::ToString, [of]) => to_text(of),
        (Function::ToBool, [of]) => to_bool(of),
        (Function::ToBytes, [Value::Bytes(bytes)]) => Ok(Value::Bytes(bytes.clone())),
        (Function::ToBytes, [Value::String(text)]) => Ok(Value::Bytes(text.as_bytes().into())),
        (Function::ToDuration, [of]) => to_duration(of),
        (Function::ToTimestamp, [of]) => to_timestamp(of),
        (Function::ToMoney, [Value::String(text)]) => Money::parse(text)
            .map_or_else(|| failure(format!("`{}` is no money", literal::shortened(text))), |money| Ok(Value::Money(money))),
        (Function::ToMoney, [Value::Double(number), Value::String(currency)]) => to_money(*number, currency),
        (Function::Exchange, [Value::Money(money), Value::String(currency), Value::List(rates)]) => {
            exchange::exchanged(*money, currency, rates)
        }
        (Function::Round, [Value::Money(money)]) => Ok(Value::Money(money.rounded())),
        (Function::Round, [Value::Money(money), Value::Int(digits)]) => {
            let amount = money.amount.round_dp_with_strategy(places(*digits)?, RoundingStrategy::MidpointNearestEven);
            Ok(Value::Money(Money { amount, ..*money }))
        }
        (Function::Round, [Value::Decimal(number)]) => Ok(Value::Decimal(number.round())),
        (Function::Round, [Value::Decimal(number), Value::Int(digits)]) => {
            Ok(Value::Decimal(number.round_dp_with_strategy(places(*digits)?, RoundingStrategy::MidpointNearestEven)))
        }
        (Function::Round, [Value::Double(number)]) => Ok(Value::Double(number.round_ties_even())),
        (Function::Round, [Value::Double(number), Value::Int(digits)]) => rounded(*number, places(*digits)?),
        (Function::Ending, [Value::Money(money), Value::String(ending)]) => price_ending(*money, ending),
        (Function::Least, [left, right]) => pick(left, right, Ordering::Less),
        (Function::Greatest, [left, right]) => pick(left, right, Ordering::Greater),
        (Function::Abs, [of]) => absolute(of),
        (Function::Among, [of, Value::List(list)]) if list.iter().any(|item| equal(of, item)) => Ok(of.clone()),
        (Function::Among, [of, Value::List(_)]) => failure(format!("{} is not among the allowed values", shown(of))),
        (Function::Between, [of, low, high]) => between(of, low, high),
        // Whoever wrote it answers for it: at run time there is nothing left to do.
        (Function::Endorse, [of, _]) => Ok(of.clone()),
        (Function::ToUInt, [of]) => convert::to_uint(of),
        (Function::ToDecimal, [of]) => convert::to_decimal(of),
        (Function::TypeOf, [of]) => Ok(convert::type_of(of)),
        (Function::CelText, [of]) => convert::cel_text(of),
        (Function::CelDuration, [of]) => convert::cel_duration(of),
        (Function::Hours, [Value::Duration(micros)]) => Ok(Value::Int(micros / 3_600_000_000)),
        (Function::Minutes, [Value::Duration(micros)]) => Ok(Value::Int(micros / 60_000_000)),
        (Function::Seconds, [Value::Duration(micros)]) => Ok(Value::Int(micros / 1_000_000)),
        // Those beyond its last whole second.
        (Function::Milliseconds, [Value::Duration(micros)]) => Ok(Value::Int(micros / 1_000 % 1_000)),
        _ => collections(function, arguments),
    }
}

/// Functions of lists, sets and optionals.
fn collections(function: Function, arguments: &[Value]) -> Result<Value, EvalError> {
    match (function, arguments) {
        (Function::Has, [of, key]) => collection::has(of, key),
        (Function::OptionalIndex, [of, key]) => collection::optional_index(of, key),
        (Function::Plainly, [of]) => Ok(collection::held(of).unwrap_or(Value::Null)),
        (Function::OptionalOf, [of]) => Ok(Value::Optional(Some(Arc::new(of.clone())))),
        (Function::OptionalOfNonZero, [of]) => Ok(collection::non_zero(of)),
        (Function::OptionalNone, []) => Ok(Value::Optional(None)),
        (Function::HasValue, [of]) => Ok(Value::Bool(collection::held(of).is_some())),
        (Function::OptionalValue, [of]) => collection::held(of).map_or_else(|| failure("an optional has no value"), Ok),
        (Function::UnwrapOptionals, [Value::List(items)]) => Ok(Value::list(items.iter().filter_map(collection::held))),
        (Function::First, [Value::List(items)]) => Ok(Value::Optional(items.first().cloned().map(Arc::new))),
        (Function::Last, [Value::List(items)]) => Ok(Value::Optional(items.last().cloned().map(Arc::new))),
        (Function::Range, [Value::Int(count)]) => collection::range(*count),
        (Function::Slice, [Value::List(items), Value::Int(from), Value::Int(to)]) => collection::slice(items, *from, *to),
        (Function::Flatten, [Value::List(items)]) => collection::flatten(items, 1),
        (Function::Flatten, [Value::List(items), Value::Int(depth)]) => collection::flatten(items, *depth),
        (Function::Sort, [Value::List(items)]) => collection::sort_by(items, items),
        (Function::SortBy, [Value::List(items), Value::List(keys)]) => collection::sort_by(items, keys),
        (Function::Distinct, [Value::List(items)]) => collection::distinct(items),
        (Function::Reverse, [Value::List(items)]) => Ok(Value::list(items.iter().rev().cloned())),
        (Function::SetContains, [Value::List(left), Value::List(right)]) => Ok(Value::Bool(collection::contains_all(left, right))),
        (Function::SetEquivalent, [Value::List(left), Value::List(right)]) => {
            Ok(Value::Bool(collection::contains_all(left, right) && collection::contains_all(right, left)))
        }
        (Function::SetIntersects, [Value::List(left), Value::List(right)]) => {
            Ok(Value::Bool(left.iter().any(|item| right.iter().any(|other| equal(item, other)))))
        }
        _ => failure("a function does not take such values"),
    }
}

/// A value in a sentence.
pub(super) fn shown(value: &Value) -> String {
    match to_text(value) {
        Ok(Value::String(text)) => format!("`{}`", literal::shortened(&text)),
        _ => "a value".to_owned(),
    }
}

fn size(of: &Value) -> Result<Value, EvalError> {
    let count = match of {
        Value::String(text) => text.chars().count(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(items) => items.len(),
        Value::Record(record) => record.0.len(),
        Value::Map(entries) => entries.len(),
        _ => return failure("only text, a list or a map has a size"),
    };
    Ok(Value::Int(i64::try_from(count).unwrap_or(i64::MAX)))
}

fn to_int(of: &Value) -> Result<Value, EvalError> {
    let number = match of {
        Value::Int(number) => Some(*number),
        Value::UInt(number) => i64::try_from(*number).ok(),
        Value::Decimal(number) => number.trunc().to_i64(),
        // Strictly inside 2^63, as CEL has it: the bounds themselves are not exact as doubles.
        Value::Double(number) if *number > -9_223_372_036_854_775_808.0 && *number < 9_223_372_036_854_775_808.0 => number.trunc().to_i64(),
        Value::String(text) => text.parse().ok(),
        Value::Timestamp(micros) => Some(micros.div_euclid(1_000_000)),
        Value::Duration(micros) => Some(micros / 1_000_000),
        _ => None,
    };
    number.map_or_else(|| failure(format!("{} is no int", shown(of))), |number| Ok(Value::Int(number)))
}

fn to_double(of: &Value) -> Result<Value, EvalError> {
    match of {
        Value::Int(_) => Ok(widen(of.clone())),
        Value::Double(_) => Ok(of.clone()),
        #[expect(clippy::cast_precision_loss, reason = "as CEL's own conversion of uint to double")]
        Value::UInt(number) => Ok(Value::Double(*number as f64)),
        Value::Decimal(number) => {
            number.to_f64().map_or_else(|| failure("a number is beyond its range"), |number| Ok(Value::Double(number)))
        }
        Value::String(text) => match text.parse() {
            Ok(number) => Ok(Value::Double(number)),
            Err(_) => failure(format!("{} is no number", shown(of))),
        },
        Value::Money(money) => {
            money.amount.to_f64().map_or_else(|| failure("an amount is beyond its range"), |number| Ok(Value::Double(number)))
        }
        _ => failure(format!("{} is no number", shown(of))),
    }
}

/// The text of a plain value, as `string()` and templates show it.
pub(crate) fn to_text(of: &Value) -> Result<Value, EvalError> {
    Ok(Value::string(match of {
        Value::String(text) => return Ok(Value::String(text.clone())),
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        Value::Decimal(number) => number.to_string(),
        Value::Type(name) => name.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Money(money) => money.to_string(),
        Value::Timestamp(micros) => literal::timestamp_text(*micros),
        Value::Duration(micros) => literal::duration_text(*micros),
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => return failure("bytes are no UTF-8 text"),
        },
        Value::Null | Value::List(_) | Value::Record(_) | Value::Map(_) | Value::Optional(_) => {
            return failure("a list or a record has no text");
        }
        Value::Erased => return failure(ERASED),
    }))
}

fn to_bool(of: &Value) -> Result<Value, EvalError> {
    match of {
        Value::Bool(_) => Ok(of.clone()),
        Value::String(text) => match &**text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Value::Bool(false)),
            _ => failure(format!("{} is no bool", shown(of))),
        },
        _ => failure(format!("{} is no bool", shown(of))),
    }
}

fn to_duration(of: &Value) -> Result<Value, EvalError> {
    let micros = match of {
        Value::Duration(micros) => Some(*micros),
        Value::String(text) => literal::duration(text),
        _ => None,
    };
    micros.map_or_else(|| failure(format!("{} is no duration", shown(of))), |micros| Ok(Value::Duration(micros)))
}

fn to_timestamp(of: &Value) -> Result<Value, EvalError> {
    let micros = match of {
        Value::Timestamp(micros) => Some(*micros),
        Value::String(text) => literal::timestamp(text),
        Value::Int(seconds) => seconds.checked_mul(1_000_000).filter(|micros| literal::timestamp_range().contains(micros)),
        _ => None,
    };
    micros.map_or_else(|| failure(format!("{} is no timestamp", shown(of))), |micros| Ok(Value::Timestamp(micros)))
}

fn to_money(number: f64, currency: &str) -> Result<Value, EvalError> {
    let unit = Currency::parse(currency).map(|currency| Money { amount: Decimal::ONE, currency });
    let Some(unit) = unit else { return failure(format!("`{}` is not a currency code", literal::shortened(currency))) };
    unit.times(number).map_or_else(|| failure("an amount of money is beyond its range"), |money| Ok(Value::Money(money)))
}

fn places(digits: i64) -> Result<u32, EvalError> {
    match u32::try_from(digits) {
        Ok(digits) if digits <= 15 => Ok(digits),
        _ => failure(format!("a number is rounded to 0 to 15 digits, not {digits}")),
    }
}

fn rounded(number: f64, digits: u32) -> Result<Value, EvalError> {
    // Through the decimal that is written the same way, so that 0.125 rounds as it reads.
    let decimal = format!("{number}")
        .parse::<Decimal>()
        .ok()
        .map(|decimal| decimal.round_dp_with_strategy(digits, RoundingStrategy::MidpointNearestEven));
    Ok(Value::Double(decimal.and_then(|decimal| decimal.to_f64()).unwrap_or(number)))
}

/// The nearest amount that ends so, the lower of two equally near, never below zero: 12.30 ending 0.99 is 11.99.
fn price_ending(money: Money, ending: &str) -> Result<Value, EvalError> {
    let Ok(ending_amount) = ending.parse::<Decimal>() else {
        return failure(format!("`{}` is no ending such as `0.99`", literal::shortened(ending)));
    };
    if ending_amount.is_sign_negative() {
        return failure("an ending is not below zero");
    }
    // The ending repeats in steps of the next power of ten above it: 0.99 each 1, 9.90 each 10.
    let mut step = Decimal::ONE;
    while step <= ending_amount {
        let Some(wider) = step.checked_mul(Decimal::TEN) else { return failure("an ending is beyond its range") };
        step = wider;
    }
    let ending_at = |steps: Decimal| steps.checked_mul(step).and_then(|base| base.checked_add(ending_amount));
    let steps =
        money.amount.checked_sub(ending_amount).and_then(|above| above.checked_div(step)).map(|steps| steps.floor().max(Decimal::ZERO));
    let (Some(low), Some(high)) = (steps.and_then(ending_at), steps.and_then(|steps| ending_at(steps + Decimal::ONE))) else {
        return failure("an amount of money is beyond its range");
    };
    let nearer = if (money.amount - low).abs() <= (high - money.amount).abs() { low } else { high };
    Ok(Value::Money(Money { amount: nearer, ..money }))
}

fn pick(left: &Value, right: &Value, wanted: Ordering) -> Result<Value, EvalError> {
    match order(left, right)? {
        Some(found) if found == wanted || found == Ordering::Equal => Ok(left.clone()),
        Some(_) => Ok(right.clone()),
        None => failure("not-a-number has no order"),
    }
}

fn between(of: &Value, low: &Value, high: &Value) -> Result<Value, EvalError> {
    let inside =
        order(of, low)?.is_some_and(|order| order != Ordering::Less) && order(of, high)?.is_some_and(|order| order != Ordering::Greater);
    if inside { Ok(of.clone()) } else { failure(format!("{} is not between {} and {}", shown(of), shown(low), shown(high))) }
}

fn absolute(of: &Value) -> Result<Value, EvalError> {
    match of {
        Value::Int(number) => number.checked_abs().map_or_else(|| failure("a number is beyond its range"), |number| Ok(Value::Int(number))),
        Value::Double(number) => Ok(Value::Double(number.abs())),
        Value::Decimal(number) => Ok(Value::Decimal(number.abs())),
        Value::Money(money) => Ok(Value::Money(Money { amount: money.amount.abs(), ..*money })),
        Value::Duration(micros) => {
            micros.checked_abs().map_or_else(|| failure("a duration is beyond its range"), |micros| Ok(Value::Duration(micros)))
        }
        _ => failure("`abs` takes a number, money or a duration"),
    }
}
