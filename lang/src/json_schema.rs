//! The JSON schema of a declared type, for whoever must answer with a value of it. What it cannot say, [`crate::conform`] checks.

use crate::ty::{Field, Record, Ty, TypeTable};
use serde_json::{Map, Value as Json, json};

/// Deepest nesting that is described; a type within itself is any value below that.
const DEEPEST: usize = 6;

/// The schema of a type: every field is required, and one that may be absent may be null; others are not allowed.
#[must_use]
pub fn of(ty: &Ty, types: &TypeTable) -> Json {
    schema(ty, types, 0)
}

/// The schema of the fields of a request, without those that somebody else gives.
#[must_use]
pub fn of_fields(fields: &[Field], types: &TypeTable) -> Json {
    object(fields, types, 0)
}

fn schema(ty: &Ty, types: &TypeTable, depth: usize) -> Json {
    if depth >= DEEPEST {
        return json!({});
    }
    let inner = |ty: &Ty| schema(ty, types, depth + 1);
    match ty {
        Ty::Bool => json!({ "type": "boolean" }),
        Ty::Int | Ty::UInt => json!({ "type": "integer" }),
        Ty::Double => json!({ "type": "number" }),
        Ty::String => json!({ "type": "string" }),
        Ty::Enum(name) => json!({ "type": "string", "enum": types.enums.get(name).cloned().unwrap_or_default() }),
        Ty::Money => json!({ "type": "string", "format": "money", "description": "an amount and a currency, such as 12.30 USD" }),
        Ty::Decimal => json!({ "type": "string", "format": "decimal", "description": "a decimal number, such as 12.50" }),
        Ty::Timestamp => json!({ "type": "string", "format": "date-time", "description": "an instant, such as 2026-01-31T09:00:00Z" }),
        Ty::Duration => json!({ "type": "string", "format": "span", "description": "a span of time, such as 30d" }),
        Ty::Bytes => json!({ "type": "string", "format": "byte", "description": "bytes in base64" }),
        Ty::Null => json!({ "type": "null" }),
        Ty::Optional(of) => json!({ "anyOf": [inner(of), { "type": "null" }] }),
        Ty::List(item) => json!({ "type": "array", "items": inner(item) }),
        Ty::Map(item) => json!({ "type": "object", "additionalProperties": inner(item) }),
        Ty::Record(name) => types.records.get(name).map_or_else(|| json!({}), |Record { fields, .. }| object(fields, types, depth)),
        Ty::Object(fields) => {
            let properties: Map<String, Json> = fields.iter().map(|(name, ty)| (name.clone(), inner(ty))).collect();
            let required: Vec<&String> = fields.iter().map(|(name, _)| name).collect();
            json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
        }
        Ty::Json | Ty::Unknown | Ty::Type | Ty::Dyn | Ty::Keyed(..) => json!({}),
    }
}

fn object(fields: &[Field], types: &TypeTable, depth: usize) -> Json {
    let properties: Map<String, Json> = fields.iter().map(|field| (field.name.clone(), bounded(field, types, depth + 1))).collect();
    let required: Vec<&String> = fields.iter().map(|field| &field.name).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// A field's type, with its bounds and what it is called.
fn bounded(field: &Field, types: &TypeTable, depth: usize) -> Json {
    let open = field.default.is_some() && !matches!(field.ty, Ty::Optional(_));
    let ty = if open { Ty::Optional(Box::new(field.ty.clone())) } else { field.ty.clone() };
    let mut schema = schema(&ty, types, depth);
    let (least, most) = match &field.ty {
        Ty::String => ("minLength", "maxLength"),
        Ty::List(_) => ("minItems", "maxItems"),
        Ty::Int | Ty::Double => ("minimum", "maximum"),
        _ => ("", ""),
    };
    if let Some(members) = schema.as_object_mut().filter(|_| !open) {
        // Lengths and counts are whole numbers in a schema.
        let bound = |number: f64| if number.fract() == 0.0 { json!(number as i64) } else { json!(number) };
        for (name, number) in [(least, field.min), (most, field.max)] {
            if let (false, Some(number)) = (name.is_empty(), number) {
                members.insert(name.to_owned(), bound(number));
            }
        }
        if let (Ty::String, Some(pattern)) = (&field.ty, &field.pattern) {
            members.insert("pattern".to_owned(), json!(pattern));
        }
        if let Some(label) = &field.label {
            members.insert("description".to_owned(), json!(label));
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_its_fields_their_bounds_and_what_may_be_absent() {
        let field = |name: &str, ty: Ty, max: Option<f64>| Field { max, ..Field::plain(name.to_owned(), ty) };
        let fields = vec![
            field("title", Ty::String, Some(70.0)),
            field("kind", Ty::Enum("kind".to_owned()), None),
            field("note", Ty::Optional(Box::new(Ty::String)), None),
            field("next", Ty::Optional(Box::new(Ty::Record("copy".to_owned()))), None),
        ];
        let mut types = TypeTable::default();
        types.enums.insert("kind".to_owned(), vec!["chair".to_owned(), "table".to_owned()]);
        types.records.insert("copy".to_owned(), Record { version: 1, subject: None, fields });
        let schema = of(&Ty::Record("copy".to_owned()), &types);
        assert_eq!(schema["properties"]["title"], json!({ "type": "string", "maxLength": 70 }));
        assert_eq!(schema["properties"]["kind"], json!({ "type": "string", "enum": ["chair", "table"] }));
        assert_eq!(schema["properties"]["note"], json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] }));
        assert_eq!(schema["required"], json!(["title", "kind", "note", "next"]));
        assert_eq!(schema["additionalProperties"], json!(false));
        assert!(schema.to_string().len() < 20_000, "a type within itself ends");
    }
}
