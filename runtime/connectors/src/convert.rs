//! Values and JSON. To be replaced by `tradewind_lang::conform`.

use serde_json::{Value as Json, json};
use std::sync::Arc;
use tradewind_lang::ty::{Ty, TypeTable};
use tradewind_lang::value::{Record, Value};

pub(crate) fn to_json(value: &Value) -> Json {
    match value {
        Value::Null | Value::Bytes(_) => Json::Null,
        Value::Bool(flag) => json!(flag),
        Value::Int(number) => json!(number),
        Value::Double(number) => json!(number),
        Value::String(text) => json!(&**text),
        Value::Timestamp(micros) | Value::Duration(micros) => json!(micros),
        Value::Money(money) => json!(money.to_string()),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Record(record) => record.0.iter().map(|(name, value)| (name.to_string(), to_json(value))).collect(),
    }
}

pub(crate) fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => number.as_i64().map_or_else(|| Value::Double(number.as_f64().unwrap_or(f64::NAN)), Value::Int),
        Json::String(text) => Value::string(text.as_str()),
        Json::Array(items) => Value::list(items.iter().map(from_json)),
        Json::Object(fields) => {
            Value::Record(Arc::new(fields.iter().map(|(name, value)| (name.clone(), from_json(value))).collect::<Record>()))
        }
    }
}

pub(crate) fn from_answer(value: &Value, ty: &Ty, types: &TypeTable) -> Result<Value, String> {
    let _ = (ty, types);
    Ok(value.clone())
}
