//! JSON at the border: what comes in enters through a declared type or is refused with path and reason.
//! Every problem is reported, not only the first; nothing is guessed or silently dropped from an input. Of a field marked `secret`
//! only its place is told, not what stands there.

use crate::conceal;
use crate::diagnostic::nearest;
use crate::literal::{self, listed, shortened};
use crate::ty::{Field, Ty, TypeTable};
use crate::value::{Record, Value};
use serde_json::Value as Json;
use std::fmt;
use std::sync::Arc;

/// Deepest nesting of an outside value.
const MAX_DEPTH: usize = 64;
/// What is said of a secret that does not fit.
pub const UNTOLD: &str = "does not fit its type; it is a secret, so what stands there is not told";
/// Problems reported of one value; a thousandth wrong item says nothing new.
const MAX_PROBLEMS: usize = 50;

/// Why an outside value does not fit its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, such as `lines[2].price`; empty for the whole.
    pub path: String,
    /// Why: one lower-case sentence for people.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { out.write_str(&self.reason) } else { write!(out, "`{}`: {}", self.path, self.reason) }
    }
}

/// A value of a type from JSON; fields that the type does not have are refused.
///
/// # Errors
/// Everything that does not fit, each with its path.
pub fn from_json(json: &Json, ty: &Ty, types: &TypeTable) -> Result<Value, Vec<Problem>> {
    Reader::read(json, ty, types, true)
}

/// A value of a type from a provider's answer; answers grow, so fields that the type does not have are left out.
///
/// # Errors
/// Everything that does not fit, each with its path.
pub fn from_answer(json: &Json, ty: &Ty, types: &TypeTable) -> Result<Value, Vec<Problem>> {
    Reader::read(json, ty, types, false)
}

/// A value of the fields of a request or a record from JSON, as [`from_json`].
///
/// # Errors
/// Everything that does not fit, each with its path.
pub fn fields_from_json(json: &Json, fields: &[Field], types: &TypeTable) -> Result<Value, Vec<Problem>> {
    let mut reader = Reader { types, strict: true, path: String::new(), depth: 0, problems: Vec::new() };
    let value = reader.fields(json, fields);
    if reader.problems.is_empty() { Ok(value) } else { Err(reader.problems) }
}

/// The value of one field from JSON, as [`from_json`]; the paths begin behind its name.
///
/// # Errors
/// Everything that does not fit, each with its path.
pub fn field_from_json(json: &Json, field: &Field, types: &TypeTable) -> Result<Value, Vec<Problem>> {
    field_value(json, field, types, true)
}

/// The same from a provider's answer, as [`from_answer`].
///
/// # Errors
/// Everything that does not fit, each with its path.
pub fn field_from_answer(json: &Json, field: &Field, types: &TypeTable) -> Result<Value, Vec<Problem>> {
    field_value(json, field, types, false)
}

fn field_value(json: &Json, field: &Field, types: &TypeTable, strict: bool) -> Result<Value, Vec<Problem>> {
    let read = Reader::read(json, &field.ty, types, strict);
    if field.marks.secret { read.map_err(|_| vec![Problem { path: String::new(), reason: UNTOLD.to_owned() }]) } else { read }
}

/// JSON as it is, untyped: for what a connector's answer may hold before it is selected from.
#[must_use]
pub fn untyped(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => number.as_i64().map_or_else(|| Value::Double(number.as_f64().unwrap_or(f64::NAN)), Value::Int),
        Json::String(text) => Value::string(text.as_str()),
        Json::Array(items) => Value::list(items.iter().map(untyped)),
        Json::Object(fields) => {
            Value::Record(Arc::new(Record(fields.iter().map(|(name, value)| (name.as_str().into(), untyped(value))).collect())))
        }
    }
}

/// JSON of a value: money, timestamps and durations as their texts, bytes in base64, what is not a number as null.
#[must_use]
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Int(number) => Json::from(*number),
        Value::Double(number) => Json::from(*number),
        Value::String(text) => Json::from(&**text),
        Value::Bytes(bytes) => Json::from(base64(bytes)),
        Value::Timestamp(micros) => Json::from(literal::timestamp_text(*micros)),
        Value::Duration(micros) => Json::from(literal::duration_text(*micros)),
        Value::Money(money) => Json::from(money.to_string()),
        Value::Decimal(number) => Json::from(number.to_string()),
        // The kinds below stay inside expressions; they are shown for the sake of messages.
        Value::UInt(number) => Json::from(*number),
        Value::Type(name) => Json::from(&**name),
        Value::Erased => Json::from("erased"),
        Value::Optional(of) => of.as_deref().map_or(Json::Null, to_json),
        Value::Map(entries) => Json::Array(entries.iter().map(|(key, value)| Json::Array(vec![to_json(key), to_json(value)])).collect()),
        Value::List(items) => Json::Array(items.iter().map(to_json).collect()),
        Value::Record(record) => Json::Object(record.0.iter().map(|(name, value)| (name.to_string(), to_json(value))).collect()),
    }
}

struct Reader<'a> {
    types: &'a TypeTable,
    /// Whether unknown fields are refused.
    strict: bool,
    path: String,
    depth: usize,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn read(json: &Json, ty: &Ty, types: &'a TypeTable, strict: bool) -> Result<Value, Vec<Problem>> {
        let mut reader = Self { types, strict, path: String::new(), depth: 0, problems: Vec::new() };
        let value = reader.value(json, ty);
        if reader.problems.is_empty() { Ok(value) } else { Err(reader.problems) }
    }

    /// Reports a problem; what stands for the value does not matter any more.
    fn problem(&mut self, reason: impl Into<String>) -> Value {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem { path: self.path.clone(), reason: reason.into() });
        }
        Value::Null
    }

    fn mismatch(&mut self, json: &Json, wanted: &str) -> Value {
        self.problem(format!("must be {wanted}, is {}", kind(json)))
    }

    /// The same where fields are wanted, some of which may be secrets: what stands there instead may be one.
    fn no_fields(&mut self, json: &Json, wanted: &str, secret: bool) -> Value {
        if secret { self.problem(format!("must be {wanted}, is {}", shape(json))) } else { self.mismatch(json, wanted) }
    }

    /// Takes back what was said of a secret since then: that it does not fit is enough.
    fn untold(&mut self, since: usize) {
        if self.problems.len() > since {
            self.problems.truncate(since);
            self.problem(UNTOLD);
        }
    }

    fn at<T>(&mut self, step: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.path.len();
        if !step.starts_with('[') && before > 0 {
            self.path.push('.');
        }
        self.path.push_str(step);
        let result = read(self);
        self.path.truncate(before);
        result
    }

    fn value(&mut self, json: &Json, ty: &Ty) -> Value {
        if self.depth >= MAX_DEPTH {
            return self.problem(format!("nests deeper than {MAX_DEPTH} levels"));
        }
        self.depth += 1;
        let value = self.typed(json, ty);
        self.depth -= 1;
        value
    }

    fn typed(&mut self, json: &Json, ty: &Ty) -> Value {
        match (ty, json) {
            (Ty::Optional(_) | Ty::Null, Json::Null) => Value::Null,
            (Ty::Optional(inner), _) => self.typed(json, inner),
            (Ty::Json | Ty::Unknown, _) => self.outside(json),
            (Ty::Bool, Json::Bool(truth)) => Value::Bool(*truth),
            (Ty::Int, Json::Number(number)) => match whole(number) {
                Some(number) => Value::Int(number),
                None => self.problem(format!("must be int, is {number}")),
            },
            (Ty::Double, Json::Number(number)) => Value::Double(number.as_f64().unwrap_or(f64::NAN)),
            (Ty::String | Ty::Enum(_) | Ty::Money | Ty::Decimal | Ty::Timestamp | Ty::Duration, Json::String(text)) => {
                match literal::read(text, ty, self.types) {
                    Ok(value) => value,
                    Err(reason) => self.problem(reason),
                }
            }
            (Ty::Decimal, Json::Number(number)) => match literal::decimal(&number.to_string()) {
                Some(number) => Value::Decimal(number),
                None => self.problem(format!("must be decimal, is {number}")),
            },
            (Ty::Bytes, Json::String(text)) => match unbase64(text) {
                Some(bytes) => Value::Bytes(bytes.into()),
                None => self.problem("must be bytes in base64"),
            },
            (Ty::List(item), Json::Array(items)) => {
                let items = items.iter().enumerate().map(|(at, json)| self.at(&format!("[{at}]"), |reader| reader.value(json, item)));
                Value::List(Arc::new(items.collect()))
            }
            (Ty::Map(item), Json::Object(fields)) => {
                let pairs = fields.iter().map(|(name, json)| (name.as_str().into(), self.at(name, |reader| reader.value(json, item))));
                Value::Record(Arc::new(Record(pairs.collect())))
            }
            (Ty::Record(name), _) => {
                let types = self.types;
                match types.records.get(name) {
                    Some(record) => self.fields(json, &record.fields),
                    None => self.problem(format!("there is no type `{name}`")),
                }
            }
            (Ty::Object(fields), _) => {
                let fields: Vec<Field> = fields.iter().map(|(name, ty)| plain_field(name, ty)).collect();
                self.fields(json, &fields)
            }
            (Ty::Null, _) => self.mismatch(json, "null"),
            (Ty::Money, _) => self.mismatch(json, "money such as \"12.30 USD\""),
            (Ty::Decimal, _) => self.mismatch(json, "a decimal such as \"12.50\""),
            (Ty::UInt | Ty::Type | Ty::Dyn | Ty::Keyed(..), _) => self.problem("stands where only values of declared types may"),
            (Ty::Timestamp, _) => self.mismatch(json, "a timestamp such as \"2026-01-31T09:00:00Z\""),
            (Ty::Duration, _) => self.mismatch(json, "a duration such as \"30d\""),
            (Ty::List(_), _) => self.no_fields(json, "a list", conceal::has_secrets(ty, self.types)),
            (Ty::Map(_), _) => self.no_fields(json, "an object", conceal::has_secrets(ty, self.types)),
            (Ty::Enum(name), _) => self.mismatch(json, &format!("a value of `{name}`")),
            _ => self.mismatch(json, &ty.to_string()),
        }
    }

    fn outside(&mut self, json: &Json) -> Value {
        if deeper(json, MAX_DEPTH - self.depth.min(MAX_DEPTH)) {
            return self.problem(format!("nests deeper than {MAX_DEPTH} levels"));
        }
        untyped(json)
    }

    fn fields(&mut self, json: &Json, fields: &[Field]) -> Value {
        let Json::Object(given) = json else {
            return self.no_fields(json, "an object", conceal::fields_have_secrets(fields, self.types));
        };
        if self.strict {
            for name in given.keys().filter(|name| !fields.iter().any(|field| field.name == **name)) {
                let near = nearest(name, fields.iter().map(|field| field.name.as_str()));
                let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
                let hint = near.map_or_else(|| format!("; its fields: {}", listed(&names)), |near| format!("; did you mean `{near}`?"));
                self.at(name, |reader| reader.problem(format!("there is no such field{hint}")));
            }
        }
        let mut record = Record(Vec::with_capacity(fields.len()));
        for field in fields {
            let value = match (given.get(&field.name).filter(|json| !json.is_null()), &field.default) {
                (Some(json), _) => self.at(&field.name, |reader| {
                    let before = reader.problems.len();
                    let value = reader.value(json, &field.ty);
                    reader.bounds(&value, field);
                    if field.marks.secret {
                        reader.untold(before);
                    }
                    value
                }),
                (None, Some(default)) => default.clone(),
                (None, None) if matches!(field.ty, Ty::Optional(_) | Ty::Null | Ty::Json) => Value::Null,
                (None, None) => self.at(&field.name, |reader| reader.problem("is missing")),
            };
            record.0.push((field.name.as_str().into(), value));
        }
        Value::Record(Arc::new(record))
    }

    fn bounds(&mut self, value: &Value, field: &Field) {
        use rust_decimal::prelude::ToPrimitive;
        #[expect(clippy::cast_precision_loss, reason = "bounds are doubles; sizes and whole numbers meet them as doubles")]
        let (size, what) = match value {
            Value::Int(number) => (*number as f64, "is"),
            Value::Double(number) => (*number, "is"),
            Value::Money(money) => (money.amount.to_f64().unwrap_or(f64::NAN), "is"),
            Value::Decimal(number) => (number.to_f64().unwrap_or(f64::NAN), "is"),
            Value::String(text) => (text.chars().count() as f64, "has length"),
            Value::List(items) => (items.len() as f64, "has length"),
            _ => return,
        };
        if let (Some(pattern), Value::String(text)) = (&field.pattern, value)
            && !crate::expr::matches(text, pattern).unwrap_or(false)
        {
            self.problem(format!("must match `{pattern}`"));
        }
        if let Some(min) = field.min
            && size < min
        {
            self.problem(format!("{what} {size}, at least {min} is allowed"));
        }
        if let Some(max) = field.max
            && size > max
        {
            self.problem(format!("{what} {size}, at most {max} is allowed"));
        }
    }
}

fn plain_field(name: &str, ty: &Ty) -> Field {
    Field::plain(name.to_owned(), ty.clone())
}

/// A whole number of 64 bits; some providers write `3.0`.
fn whole(number: &serde_json::Number) -> Option<i64> {
    if let Some(number) = number.as_i64() {
        return Some(number);
    }
    let double = number.as_f64().filter(|double| double.fract() == 0.0 && double.abs() < 9e15)?;
    #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53 by the filter")]
    Some(double as i64)
}

fn deeper(json: &Json, levels: usize) -> bool {
    let Some(inner) = levels.checked_sub(1) else { return true };
    match json {
        Json::Array(items) => items.iter().any(|item| deeper(item, inner)),
        Json::Object(fields) => fields.values().any(|value| deeper(value, inner)),
        _ => false,
    }
}

/// What JSON is, without what it says.
fn shape(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

fn kind(json: &Json) -> String {
    match json {
        Json::Null => "null".to_owned(),
        Json::Bool(truth) => truth.to_string(),
        Json::Number(number) => format!("the number {number}"),
        Json::String(text) => format!("the text `{}`", shortened(text)),
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an object".to_owned(),
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = (group >> (18 - 6 * place)) & 63;
            let digit = ALPHABET.get(digit as usize).copied().unwrap_or(b'=');
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// The bytes of a text in base64, RFC 4648, section 4.
#[must_use]
pub fn unbase64(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let plain = text.trim_end_matches('=');
    if text.len() - plain.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(plain.len() * 3 / 4);
    let (mut group, mut bits) = (0_u32, 0_u32);
    for character in plain.bytes() {
        let digit = ALPHABET.iter().position(|other| *other == character)?;
        group = (group << 6 | u32::try_from(digit).ok()?) & 0xFFFF;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(group >> bits & 0xFF).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
