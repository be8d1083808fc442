//! Fills a template: strictly, without escaping, within a budget. A hole without a value is an error, not an empty text.

use super::{Template, filter};
use crate::expr::Resolve;
use crate::literal;
use crate::value::Value;
use minijinja::value::Value as Shown;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use std::sync::LazyLock;

/// Instructions of one rendering; text costs, too.
const FUEL: u64 = 1_000_000;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::empty();
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    // Printing what is absent fails; testing it with `if` does not.
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(FUEL));
    environment.set_debug(false);
    filter::add_to(&mut environment);
    environment
});

/// See [`Template::render`].
pub(super) fn render(template: &Template, scope: &dyn Resolve) -> Result<String, String> {
    if !template.text.contains('{') {
        return Ok(template.text.clone());
    }
    let pairs = template.variables.iter().filter_map(|name| Some((name.clone(), shown(&scope.resolve(name)?))));
    let context = Shown::from_pairs(pairs);
    let result = ENVIRONMENT.template_from_str(&template.text).and_then(|parsed| parsed.render(context));
    result.map_err(|error| sentence(&error))
}

fn sentence(error: &Error) -> String {
    let reason = match error.kind() {
        ErrorKind::UndefinedError => "a value is absent".to_owned(),
        ErrorKind::OutOfFuel => "it takes too many steps".to_owned(),
        _ => error.detail().map_or_else(|| error.kind().to_string(), str::to_owned),
    };
    match error.line() {
        Some(line) => format!("the template cannot be filled in line {line}: {reason}"),
        None => format!("the template cannot be filled: {reason}"),
    }
}

fn shown(value: &Value) -> Shown {
    match value {
        Value::Null => Shown::UNDEFINED,
        Value::Bool(truth) => Shown::from(*truth),
        Value::Int(number) => Shown::from(*number),
        Value::Double(number) => Shown::from(*number),
        Value::String(text) => Shown::from(text.clone()),
        Value::Bytes(bytes) => Shown::from(&**bytes),
        Value::Timestamp(micros) => Shown::from(literal::timestamp_text(*micros)),
        Value::Duration(micros) => Shown::from(literal::duration_text(*micros)),
        Value::Money(money) => Shown::from(money.to_string()),
        Value::Decimal(number) => Shown::from(number.to_string()),
        Value::UInt(number) => Shown::from(*number),
        // What stays inside expressions has nothing to show.
        Value::Type(_) | Value::Optional(_) | Value::Map(_) | Value::Erased => Shown::UNDEFINED,
        Value::List(items) => items.iter().map(shown).collect(),
        Value::Record(record) => Shown::from_pairs(record.0.iter().map(|(name, value)| (name.to_string(), shown(value)))),
    }
}
