//! Why a function of the `cel` crate has no value, in plain words: the crate's own speak of its insides. It evaluates nothing.

use crate::literal::shortened;
use crate::value::Value;

/// What the crate says before its reason.
const BEFORE: &str = "Error executing function '";

/// Why a call has no value. `said`: what the crate says of it.
pub(super) fn of(name: &str, arguments: &[Value], said: &str) -> String {
    match (name, arguments) {
        ("substring", [Value::String(_), Value::Int(from), Value::Int(to)]) if from > to => {
            format!("a part of a text cannot begin at {from} and end at {to}")
        }
        ("substring", [Value::String(text), Value::Int(from), Value::Int(to)]) => {
            format!("there is no part from {from} to {to}: {}", length(text))
        }
        ("substring", [Value::String(text), Value::Int(from)]) => format!("there is no part from {from} on: {}", length(text)),
        ("charAt", [Value::String(text), Value::Int(at)]) => format!("there is no character at {at}: {}", length(text)),
        ("indexOf" | "lastIndexOf", [Value::String(text), _, Value::Int(at)]) => {
            format!("a search cannot begin at {at}: {}", length(text))
        }
        ("base64.decode", [Value::String(text)]) => format!("`{}` is no base64", shortened(text)),
        ("math.bitShiftLeft" | "math.bitShiftRight", [_, Value::Int(by)]) => format!("bits cannot be shifted by {by}"),
        (_, [Value::Timestamp(_), Value::String(zone)]) if name.starts_with("get") => {
            format!("there is no time zone `{}`", shortened(zone))
        }
        _ => format!("`{name}`: {}", plainly(said)),
    }
}

/// What a text has of characters.
fn length(text: &str) -> String {
    match text.chars().count() {
        1 => "the text has 1 character".to_owned(),
        count => format!("the text has {count} characters"),
    }
}

/// The crate's reason without what it says before it.
fn plainly(said: &str) -> &str {
    said.strip_prefix(BEFORE).and_then(|rest| rest.split_once("': ")).map_or(said, |(_, reason)| reason)
}
