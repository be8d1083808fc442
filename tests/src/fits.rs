//! Whether a value is of a type. Stricter than what lets values in: nothing is converted, nothing has a default.

use tradewind_lang::ty::{Ty, TypeTable};
use tradewind_lang::value::{Record, Value};

/// Whether a value is what its type says, through and through.
#[must_use]
pub fn fits(value: &Value, ty: &Ty, types: &TypeTable) -> bool {
    match (ty, value) {
        (Ty::Json | Ty::Unknown | Ty::Dyn, _)
        | (Ty::Null | Ty::Optional(_), Value::Null)
        | (Ty::Bool, Value::Bool(_))
        | (Ty::Int, Value::Int(_))
        | (Ty::UInt, Value::UInt(_))
        | (Ty::Double, Value::Double(_))
        | (Ty::String, Value::String(_))
        | (Ty::Bytes, Value::Bytes(_))
        | (Ty::Timestamp, Value::Timestamp(_))
        | (Ty::Duration, Value::Duration(_))
        | (Ty::Money, Value::Money(_))
        | (Ty::Type, Value::Type(_))
        | (Ty::Keyed(..), Value::Map(_))
        | (Ty::Decimal, Value::Decimal(_)) => true,
        (Ty::Optional(of), value) => fits(value, of, types),
        (Ty::Enum(name), Value::String(text)) => types.enums.get(name).is_some_and(|values| values.iter().any(|value| **value == **text)),
        (Ty::List(item), Value::List(items)) => items.iter().all(|value| fits(value, item, types)),
        (Ty::Map(item), Value::Record(record)) => record.0.iter().all(|(_, value)| fits(value, item, types)),
        (Ty::Record(name), Value::Record(record)) => {
            let fields = types.records.get(name).map(|record| record.fields.as_slice()).unwrap_or_default();
            fields.iter().all(|field| fits(record.get(&field.name).unwrap_or(&Value::Null), &field.ty, types))
        }
        (Ty::Object(fields), Value::Record(record)) => all(fields, record, types),
        _ => false,
    }
}

fn all(fields: &[(String, Ty)], record: &Record, types: &TypeTable) -> bool {
    fields.iter().all(|(name, ty)| fits(record.get(name).unwrap_or(&Value::Null), ty, types))
}
