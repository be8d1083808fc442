//! The filters of templates: what they take and what they make of it. There are few on purpose.

use crate::money::Money;
use crate::ty::Ty;
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};
use rust_decimal::{Decimal, RoundingStrategy};

/// A filter.
pub(super) struct Filter {
    pub(super) name: &'static str,
    /// What it takes, for people.
    pub(super) takes: &'static str,
    /// Most arguments.
    pub(super) arguments: usize,
}

/// Every filter.
pub(super) const FILTERS: &[Filter] = &[
    Filter { name: "default", takes: "anything", arguments: 1 },
    Filter { name: "join", takes: "a list", arguments: 1 },
    Filter { name: "length", takes: "text or a list", arguments: 0 },
    Filter { name: "lower", takes: "text", arguments: 0 },
    Filter { name: "percent", takes: "a number", arguments: 1 },
    Filter { name: "round", takes: "a number or money", arguments: 1 },
    Filter { name: "title", takes: "text", arguments: 0 },
    Filter { name: "trim", takes: "text", arguments: 0 },
    Filter { name: "upper", takes: "text", arguments: 0 },
];

/// The type that a filter gives; `None` where it does not take the value.
pub(super) fn result(name: &str, of: &Ty, argument: Option<&Ty>) -> Option<Ty> {
    Some(match (name, of) {
        ("default", _) => of.clone(),
        (_, Ty::Unknown | Ty::Json) => {
            if name == "length" {
                Ty::Int
            } else {
                Ty::String
            }
        }
        ("join", Ty::List(item))
            if !matches!(item.as_ref(), Ty::List(_) | Ty::Map(_) | Ty::Record(_) | Ty::Object(_) | Ty::Optional(_)) =>
        {
            Ty::String
        }
        ("length", Ty::List(_) | Ty::Map(_) | Ty::String | Ty::Enum(_)) => Ty::Int,
        ("lower" | "upper" | "title" | "trim", Ty::String | Ty::Enum(_)) => Ty::String,
        ("percent", Ty::Int | Ty::Double) => Ty::String,
        ("round", Ty::Int | Ty::Double | Ty::Money) if argument.is_none_or(|ty| *ty == Ty::Int) => of.clone(),
        _ => return None,
    })
}

/// Adds the filters and the one test.
pub(super) fn add_to(environment: &mut Environment<'_>) {
    environment.add_filter("default", |value: Value, other: Option<Value>| {
        if value.is_undefined() || value.is_none() { other.unwrap_or_else(|| Value::from("")) } else { value }
    });
    environment.add_filter("join", join);
    environment.add_filter("length", |value: Value| value.len().ok_or_else(|| wrong("`length` takes text or a list")));
    environment.add_filter("lower", |value: String| value.to_lowercase());
    environment.add_filter("upper", |value: String| value.to_uppercase());
    environment.add_filter("trim", |value: String| value.trim().to_owned());
    environment.add_filter("title", |value: String| title(&value));
    environment.add_filter("percent", percent);
    environment.add_filter("round", round);
    environment.add_test("defined", |value: Value| !value.is_undefined() && !value.is_none());
}

fn wrong(sentence: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, sentence)
}

fn join(value: Value, between: Option<String>) -> Result<String, Error> {
    let between = between.unwrap_or_default();
    let mut text = String::new();
    for (at, item) in value.try_iter()?.enumerate() {
        if at > 0 {
            text.push_str(&between);
        }
        text.push_str(&item.to_string());
    }
    Ok(text)
}

fn title(text: &str) -> String {
    let mut fresh = true;
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        if fresh {
            result.extend(character.to_uppercase());
        } else {
            result.extend(character.to_lowercase());
        }
        fresh = !(character.is_alphanumeric() || character == '\'');
    }
    result
}

/// The decimal that is written the same way, so that halves round as they read; nothing for what is too small to be written as one.
fn decimal(value: &Value, otherwise: &'static str) -> Result<Decimal, Error> {
    if value.kind() != ValueKind::Number {
        return Err(wrong(otherwise));
    }
    let text = value.to_string();
    let tiny = |number: f64| (number.abs() < 1e-28).then_some(Decimal::ZERO);
    let read = text.parse().ok().or_else(|| text.parse().ok().and_then(tiny));
    read.ok_or_else(|| wrong("a number is beyond its range"))
}

fn digits(digits: Option<i64>, most: u32) -> Result<u32, Error> {
    u32::try_from(digits.unwrap_or(0)).ok().filter(|digits| *digits <= most).ok_or_else(|| wrong("digits are 0 to 15"))
}

fn percent(value: Value, places: Option<i64>) -> Result<String, Error> {
    let places = digits(places, 15)?;
    let share = decimal(&value, "`percent` takes a number")?.checked_mul(Decimal::ONE_HUNDRED);
    let share = share.ok_or_else(|| wrong("a number is beyond its range"))?;
    Ok(format!("{}%", share.round_dp_with_strategy(places, RoundingStrategy::MidpointNearestEven).normalize()))
}

fn round(value: Value, places: Option<i64>) -> Result<Value, Error> {
    if let Some(money) = value.as_str().and_then(Money::parse) {
        let places = places.map_or(Ok(money.currency.digits()), |places| digits(Some(places), 15))?;
        let amount = money.amount.round_dp_with_strategy(places, RoundingStrategy::MidpointNearestEven);
        return Ok(Value::from(Money { amount, ..money }.to_string()));
    }
    let places = digits(places, 15)?;
    let number = decimal(&value, "`round` takes a number or money")?;
    Ok(Value::from(number.round_dp_with_strategy(places, RoundingStrategy::MidpointNearestEven).normalize().to_string()))
}
