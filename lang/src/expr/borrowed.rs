//! Functions that the `cel` crate evaluates: one prepared program for each way of calling one.
//! Values are converted here, whole numbers always to `int`: the crate's own conversion makes some of them `uint`.

use super::EvalError;
use super::evaluate::failure;
use super::operate::MAX_TEXT;
use crate::value::{Record, Value};
use cel_interpreter::objects::{Key, Map};
use cel_interpreter::{Context, Env, Program, Value as Cel, extensions};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// The standard functions and the strings extension, built once.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut environment = Env::stdlib();
    // Extensions of one name could clash, these do not: their functions have names of their own.
    for extension in [extensions::strings, extensions::math, extensions::encoders] {
        let _ = environment.add_extension(extension);
    }
    Arc::new(environment)
});

type Programs = BTreeMap<(String, bool, usize), Arc<Program>>;
static PROGRAMS: LazyLock<Mutex<Programs>> = LazyLock::new(Mutex::default);

/// Bytes that a value without parts counts for.
const PLAIN: usize = 8;
/// Bytes that a number takes at most as text.
const NUMBER: usize = 412;

const ARGUMENTS: [&str; 5] = ["a0", "a1", "a2", "a3", "a4"];

/// Calls a function of the crate; `member`: on its first argument.
pub(super) fn call(name: &str, member: bool, arguments: &[Value]) -> Result<Value, EvalError> {
    bounded(name, arguments)?;
    let program = program(name, member, arguments.len())?;
    let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
    for (variable, argument) in ARGUMENTS.iter().zip(arguments) {
        context.add_variable_from_value(*variable, given(argument));
    }
    match program.execute(&context) {
        Ok(value) => taken(&value),
        Err(error) => failure(super::reason::of(name, arguments, &error.to_string())),
    }
}

/// Refuses what would copy or build more text than an expression may.
fn bounded(name: &str, arguments: &[Value]) -> Result<(), EvalError> {
    let mut left = MAX_TEXT;
    let number = if name == "format" { NUMBER } else { PLAIN };
    let fits = arguments.iter().all(|argument| weighs(argument, number, &mut left));
    let fits = fits
        && match (name, arguments) {
            ("replace", [Value::String(text), Value::String(from), Value::String(to), ..]) => {
                let times = if from.is_empty() { text.len() + 1 } else { text.matches(&**from).count() };
                times.saturating_mul(to.len()).saturating_add(text.len()) <= MAX_TEXT
            }
            ("join", [Value::List(items), Value::String(between)]) => items.len().saturating_mul(between.len()) <= MAX_TEXT,
            // Each character may become an item.
            ("split", [Value::String(text), ..]) => text.len() <= 100_000,
            // A number has at most 309 digits before the point, and a verb asks for at most 100 behind it.
            ("format", [Value::String(text), Value::List(items)]) => {
                let digits = |rest: &str| rest.bytes().take_while(u8::is_ascii_digit).count();
                let precise = text.split("%.").skip(1).all(|rest| digits(rest) <= 3);
                precise && items.len().saturating_mul(NUMBER).saturating_add(text.len()) <= MAX_TEXT
            }
            _ => true,
        };
    if fits { Ok(()) } else { failure(format!("`{name}` would build too long a text")) }
}

/// Whether a value, with all that it holds, is no larger than an expression may build.
pub(super) fn fits(value: &Value) -> bool {
    let mut left = MAX_TEXT;
    weighs(value, PLAIN, &mut left)
}

/// Takes the size of a value from what is left, of a double so many bytes; false where that is not enough.
fn weighs(value: &Value, number: usize, left: &mut usize) -> bool {
    let own = match value {
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Double(_) => number,
        _ => PLAIN,
    };
    let Some(rest) = left.checked_sub(own) else { return false };
    *left = rest;
    match value {
        Value::List(items) => items.iter().all(|item| weighs(item, number, left)),
        Value::Record(record) => record.0.iter().all(|(_, value)| weighs(value, number, left)),
        Value::Map(entries) => entries.iter().all(|(key, value)| weighs(key, number, left) && weighs(value, number, left)),
        Value::Optional(Some(value)) => weighs(value, number, left),
        _ => true,
    }
}

fn program(name: &str, member: bool, count: usize) -> Result<Arc<Program>, EvalError> {
    let mut programs = PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (name.to_owned(), member, count);
    if let Some(program) = programs.get(&key) {
        return Ok(Arc::clone(program));
    }
    let arguments: Vec<&str> = ARGUMENTS.into_iter().take(count).collect();
    let text = match arguments.split_first() {
        Some((receiver, rest)) if member => format!("{receiver}.{name}({})", rest.join(", ")),
        _ => format!("{name}({})", arguments.join(", ")),
    };
    let Ok(program) = ENVIRONMENT.compile(&text) else { return failure(format!("there is no function `{name}`")) };
    let program = Arc::new(program);
    programs.insert(key, Arc::clone(&program));
    Ok(program)
}

fn given(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(truth) => Cel::Bool(*truth),
        Value::Int(number) => Cel::Int(*number),
        Value::Double(number) => Cel::Float(*number),
        Value::String(text) => Cel::String(Arc::new(text.to_string())),
        Value::Bytes(bytes) => Cel::Bytes(Arc::new(bytes.to_vec())),
        Value::Timestamp(micros) => instant(*micros),
        Value::Duration(micros) => span(*micros),
        Value::Money(money) => Cel::String(Arc::new(money.to_string())),
        Value::Decimal(number) => Cel::String(Arc::new(number.to_string())),
        Value::UInt(number) => Cel::UInt(*number),
        Value::Type(name) => type_value(name),
        Value::Optional(_) | Value::Erased => Cel::Null,
        Value::Map(entries) => {
            let map = entries.iter().filter_map(|(key, value)| Some((key_given(key)?, given(value)))).collect();
            Cel::Map(Map { map: Arc::new(map) })
        }
        Value::List(items) => Cel::List(Arc::new(items.iter().map(given).collect())),
        Value::Record(record) => {
            let map = record.0.iter().map(|(key, value)| (Key::String(Arc::new(key.to_string())), given(value))).collect();
            Cel::Map(Map { map: Arc::new(map) })
        }
    }
}

fn key_given(key: &Value) -> Option<Key> {
    Some(match key {
        Value::Int(number) => Key::Int(*number),
        Value::UInt(number) => Key::Uint(*number),
        Value::Bool(truth) => Key::Bool(*truth),
        Value::String(text) => Key::String(Arc::new(text.to_string())),
        _ => return None,
    })
}

/// The crate's own value of a type's name.
fn type_value(name: &str) -> Cel {
    let Ok(program) = ENVIRONMENT.compile(name) else { return Cel::Null };
    program.execute(&Context::with_env(Arc::clone(&ENVIRONMENT))).unwrap_or(Cel::Null)
}

/// The crate's instant; it reads RFC 3339 itself, so that its clock library stays its own affair.
fn instant(micros: i64) -> Cel {
    constant("timestamp", crate::literal::timestamp_text(micros))
}

/// The crate counts nanoseconds, which end after 292 years; a longer span is only ever written, so it goes as its text.
fn span(micros: i64) -> Cel {
    match micros.checked_mul(1_000) {
        Some(_) => constant("duration", format!("{micros}us")),
        None => Cel::String(Arc::new(super::convert::seconds_text(micros))),
    }
}

fn constant(function: &str, text: String) -> Cel {
    let Ok(program) = program(function, false, 1) else { return Cel::Null };
    let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
    context.add_variable_from_value("a0", Cel::String(Arc::new(text)));
    program.execute(&context).unwrap_or(Cel::Null)
}

fn taken(value: &Cel) -> Result<Value, EvalError> {
    Ok(match value {
        Cel::Null => Value::Null,
        Cel::Bool(truth) => Value::Bool(*truth),
        Cel::Int(number) => Value::Int(*number),
        Cel::UInt(number) => Value::UInt(*number),
        Cel::Float(number) => Value::Double(*number),
        Cel::String(text) => Value::string(text.as_str()),
        Cel::Bytes(bytes) => Value::Bytes(bytes.as_slice().into()),
        Cel::List(items) => Value::list(items.iter().map(taken).collect::<Result<Vec<Value>, EvalError>>()?),
        Cel::Map(map) => {
            let mut record = Record::default();
            for (key, value) in map.map.iter() {
                record.set(&key.to_string(), taken(value)?);
            }
            Value::Record(Arc::new(record))
        }
        _ => return failure("a function gave a value that this language does not have"),
    })
}
