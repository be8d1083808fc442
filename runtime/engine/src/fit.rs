//! Whether a value fits a declared type: the answers and edits of people. It converts nothing.

use tradewind_lang::ty::{Field, Ty, TypeTable};
use tradewind_lang::value::Value;

/// Whether a value fits a type; the error names the place.
pub(crate) fn value(ty: &Ty, value: &Value, types: &TypeTable) -> Result<(), String> {
    check(ty, value, types, "")
}

/// Whether a request fits the fields its operation declares, their bounds too.
pub(crate) fn request(fields: &[Field], request: &Value, types: &TypeTable) -> Result<(), String> {
    let mut each = fields.iter();
    each.try_for_each(|field| match request.get(&field.name) {
        None | Some(Value::Null) if field.default.is_some() => Ok(()),
        value => check_field(field, value.unwrap_or(&Value::Null), types, ""),
    })
}

fn check_field(field: &Field, value: &Value, types: &TypeTable, path: &str) -> Result<(), String> {
    let path = if path.is_empty() { field.name.clone() } else { format!("{path}.{}", field.name) };
    check(&field.ty, value, types, &path)?;
    if let (Some(pattern), Value::String(text)) = (&field.pattern, value)
        && !tradewind_lang::expr::matches(text, pattern).unwrap_or(false)
    {
        return Err(format!("`{path}` does not match `{pattern}`"));
    }
    let size = match value {
        Value::Int(number) => *number as f64,
        Value::Double(number) => *number,
        Value::String(text) => text.chars().count() as f64,
        Value::List(items) => items.len() as f64,
        Value::Money(money) => money.amount.to_string().parse().unwrap_or(f64::NAN),
        Value::Decimal(number) => number.to_string().parse().unwrap_or(f64::NAN),
        _ => return Ok(()),
    };
    match (field.min, field.max) {
        (Some(min), _) if size.is_nan() || size < min => Err(format!("`{path}` is below {min}")),
        (_, Some(max)) if size.is_nan() || size > max => Err(format!("`{path}` is above {max}")),
        _ => Ok(()),
    }
}

fn check(ty: &Ty, value: &Value, types: &TypeTable, path: &str) -> Result<(), String> {
    let fits = match (ty, value) {
        (Ty::Json | Ty::Unknown, _)
        | (Ty::Null | Ty::Optional(_), Value::Null)
        | (Ty::Bool, Value::Bool(_))
        | (Ty::Int, Value::Int(_))
        | (Ty::String, Value::String(_))
        | (Ty::Bytes, Value::Bytes(_))
        | (Ty::Timestamp, Value::Timestamp(_))
        | (Ty::Duration, Value::Duration(_))
        | (Ty::Money, Value::Money(_))
        | (Ty::Decimal, Value::Decimal(_)) => true,
        (Ty::Double, Value::Double(number)) => !number.is_nan(),
        (Ty::Optional(inner), value) => return check(inner, value, types, path),
        (Ty::Enum(name), Value::String(text)) => types.enums.get(name).is_some_and(|values| values.iter().any(|value| **value == **text)),
        (Ty::List(item), Value::List(items)) => {
            let mut each = items.iter().enumerate();
            return each.try_for_each(|(place, value)| check(item, value, types, &format!("{path}[{place}]")));
        }
        (Ty::Map(item), Value::Record(record)) => {
            return record.0.iter().try_for_each(|(name, value)| check(item, value, types, &format!("{path}.{name}")));
        }
        (Ty::Record(name), Value::Record(record)) => {
            let declared = types.records.get(name).ok_or_else(|| format!("there is no type `{name}`"))?;
            if let Some((extra, _)) = record.0.iter().find(|(name, _)| declared.fields.iter().all(|field| *field.name != **name)) {
                return Err(format!("`{name}` has no field `{extra}`"));
            }
            let mut each = declared.fields.iter();
            return each.try_for_each(|field| check_field(field, record.get(&field.name).unwrap_or(&Value::Null), types, path));
        }
        (Ty::Object(fields), Value::Record(record)) => {
            let mut each = fields.iter();
            return each.try_for_each(|(name, ty)| check(ty, record.get(name).unwrap_or(&Value::Null), types, name));
        }
        _ => false,
    };
    if fits { Ok(()) } else { Err(format!("`{path}` is no {ty}")) }
}
