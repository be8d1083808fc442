//! Conversions as CEL writes them, and the types of values. How operators write durations and texts is in `native.rs`.

use super::EvalError;
use super::evaluate::failure;
use super::native::{shown, to_text};
use crate::literal;
use crate::value::Value;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::sync::Arc;

/// The names that CEL gives types, beside those of messages, which this language does not have.
pub(super) const TYPE_NAMES: &[&str] = &[
    "bool",
    "int",
    "uint",
    "double",
    "bytes",
    "string",
    "list",
    "map",
    "null_type",
    "type",
    "optional_type",
    "google.protobuf.Timestamp",
    "google.protobuf.Duration",
    "money",
    "decimal",
];

/// `type(x)`
pub(super) fn type_of(of: &Value) -> Value {
    let name = match of {
        Value::Null => "null_type",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::UInt(_) => "uint",
        Value::Double(_) => "double",
        Value::String(_) => "string",
        Value::Bytes(_) => "bytes",
        Value::Timestamp(_) => "google.protobuf.Timestamp",
        Value::Duration(_) => "google.protobuf.Duration",
        Value::Money(_) => "money",
        Value::Decimal(_) => "decimal",
        Value::Type(_) => "type",
        Value::Erased => "erased",
        Value::Optional(_) => "optional_type",
        Value::List(_) => "list",
        Value::Record(_) | Value::Map(_) => "map",
    };
    Value::Type(name.into())
}

/// `uint(x)`
pub(super) fn to_uint(of: &Value) -> Result<Value, EvalError> {
    let number = match of {
        Value::UInt(number) => Some(*number),
        Value::Int(number) => u64::try_from(*number).ok(),
        // Strictly below 2^64, as CEL has it: the bound itself is not exact as a double.
        Value::Double(number) if *number >= 0.0 && *number < 18_446_744_073_709_551_616.0 => number.trunc().to_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    number.map_or_else(|| failure(format!("{} is no uint", shown(of))), |number| Ok(Value::UInt(number)))
}

/// `decimal(x)`, exact: a double in its decimal reading.
pub(super) fn to_decimal(of: &Value) -> Result<Value, EvalError> {
    let number = match of {
        Value::Decimal(number) => Some(*number),
        Value::Int(number) => Some(Decimal::from(*number)),
        Value::UInt(number) => Some(Decimal::from(*number)),
        Value::Double(number) => format!("{number}").parse().ok(),
        Value::String(text) => literal::decimal(text),
        Value::Money(money) => Some(money.amount),
        _ => None,
    };
    number.map_or_else(|| failure(format!("{} is no decimal", shown(of))), |number| Ok(Value::Decimal(number)))
}

/// `string(x)` as CEL writes it: a duration in seconds.
pub(super) fn cel_text(of: &Value) -> Result<Value, EvalError> {
    match of {
        Value::Duration(micros) => Ok(Value::string(seconds_text(*micros))),
        Value::Double(_) => super::borrowed::call("string", false, std::slice::from_ref(of)),
        other => to_text(other),
    }
}

/// A duration as CEL writes it: seconds, and what is beyond them.
pub(super) fn seconds_text(micros: i64) -> String {
    let (sign, size) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
    let fraction = match size % 1_000_000 {
        0 => String::new(),
        rest => format!(".{rest:06}").trim_end_matches('0').to_owned(),
    };
    format!("{sign}{}{fraction}s", size / 1_000_000)
}

/// `duration(x)` as CEL reads it: hours and below, no days.
pub(super) fn cel_duration(of: &Value) -> Result<Value, EvalError> {
    match of {
        Value::String(text) if text.contains(['d', 'w', 'y']) => failure(format!("{} is no duration", shown(of))),
        // A sign and a fraction without digits before it are CEL's alone.
        Value::String(text) => {
            let text = text.strip_prefix('+').unwrap_or(text);
            let text = if text == "0" { "0s" } else { text };
            let micros = literal::duration(text);
            micros.map_or_else(|| failure(format!("{} is no duration", shown(of))), |micros| Ok(Value::Duration(micros)))
        }
        Value::Duration(_) => Ok(of.clone()),
        _ => failure(format!("{} is no duration", shown(of))),
    }
}

/// A map with keys of any kind: a record where all are text, so that there is one form for each map.
pub(super) fn map_of(entries: Vec<(Value, Value)>) -> Value {
    let record: Option<Vec<(Arc<str>, Value)>> =
        entries.iter().map(|(key, value)| if let Value::String(key) = key { Some((key.clone(), value.clone())) } else { None }).collect();
    match record {
        Some(pairs) => Value::Record(Arc::new(crate::value::Record(pairs))),
        None => Value::Map(Arc::new(entries)),
    }
}
