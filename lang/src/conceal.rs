//! Values without what their types mark `secret`: what whoever prints a value shows of it. Who shows one goes through here, so that a
//! printer knows no marks. Where a value is not of the shape that its type says, the whole of it is hidden and not guessed at.

use crate::plan::Plan;
use crate::ty::{Field, Ty, TypeTable};
use crate::value::{Record, Value};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What stands where the value of a secret is not shown.
pub const SECRET: &str = "[secret]";

/// Hides a whole value; nothing stays nothing.
pub fn hide(value: &mut Value) {
    if !matches!(value, Value::Null | Value::Erased | Value::Optional(None)) {
        *value = Value::string(SECRET);
    }
}

/// Hides what a type marks `secret`, in records, lists, maps and optionals too.
pub fn conceal(value: &mut Value, ty: &Ty, types: &TypeTable) {
    each_secret(value, ty, types, &mut hide);
}

/// The same in a request or a record, by its fields.
pub fn conceal_fields(value: &mut Value, fields: &[Field], types: &TypeTable) {
    each_secret_of(value, fields, types, &mut hide);
}

/// Goes to every part of a value that a type marks `secret`; a part that is not of its type's shape is taken for one.
pub fn each_secret(value: &mut Value, ty: &Ty, types: &TypeTable, see: &mut dyn FnMut(&mut Value)) {
    if has_secrets(ty, types) {
        walk(value, ty, types, see);
    }
}

/// The same in a request or a record, by its fields.
pub fn each_secret_of(value: &mut Value, fields: &[Field], types: &TypeTable, see: &mut dyn FnMut(&mut Value)) {
    if fields_have_secrets(fields, types) {
        of_fields(value, fields, types, see);
    }
}

/// Whether a value of a type may hold a secret.
#[must_use]
pub fn has_secrets(ty: &Ty, types: &TypeTable) -> bool {
    let mut seen = BTreeSet::new();
    holds(ty, types, &mut seen)
}

/// Whether a value with these fields may.
#[must_use]
pub fn fields_have_secrets(fields: &[Field], types: &TypeTable) -> bool {
    let mut seen = BTreeSet::new();
    fields.iter().any(|field| field.marks.secret || holds(&field.ty, types, &mut seen))
}

/// Whether a plan marks anything that a run may meet as a secret. Where it does not, nothing of its runs is hidden.
#[must_use]
pub fn knows_secrets(plan: &Plan) -> bool {
    let marked = |fields: &[Field]| fields.iter().any(|field| field.marks.secret);
    plan.types.records.values().any(|record| marked(&record.fields)) || plan.operations.values().any(|operation| marked(&operation.request))
}

fn holds<'a>(ty: &'a Ty, types: &'a TypeTable, seen: &mut BTreeSet<&'a str>) -> bool {
    match ty {
        Ty::List(inner) | Ty::Map(inner) | Ty::Optional(inner) => holds(inner, types, seen),
        Ty::Keyed(key, inner) => holds(key, types, seen) || holds(inner, types, seen),
        Ty::Object(fields) => fields.iter().any(|(_, ty)| holds(ty, types, seen)),
        Ty::Record(name) => {
            let Some(record) = types.records.get(name) else { return false };
            seen.insert(name) && record.fields.iter().any(|field| field.marks.secret || holds(&field.ty, types, seen))
        }
        _ => false,
    }
}

fn walk(value: &mut Value, ty: &Ty, types: &TypeTable, see: &mut dyn FnMut(&mut Value)) {
    if !has_secrets(ty, types) {
        return;
    }
    match (ty, value) {
        (_, Value::Null | Value::Erased | Value::Optional(None)) => {}
        (ty, Value::Optional(Some(inner))) => walk(Arc::make_mut(inner), ty, types, see),
        (Ty::Optional(inner), value) => walk(value, inner, types, see),
        (Ty::List(item), Value::List(items)) => Arc::make_mut(items).iter_mut().for_each(|value| walk(value, item, types, see)),
        (Ty::Map(item), Value::Record(record)) => {
            Arc::make_mut(record).0.iter_mut().for_each(|(_, value)| walk(value, item, types, see));
        }
        (Ty::Object(fields), Value::Record(record)) => each_named(
            record,
            see,
            |name| {
                let ty = fields.iter().find(|(field, _)| field == name).map(|(_, ty)| ty)?;
                Some((false, ty))
            },
            types,
        ),
        (Ty::Record(name), value) => match types.records.get(name) {
            Some(record) => of_fields(value, &record.fields, types, see),
            None => see(value),
        },
        (_, value) => see(value),
    }
}

fn of_fields(value: &mut Value, fields: &[Field], types: &TypeTable, see: &mut dyn FnMut(&mut Value)) {
    match value {
        Value::Null | Value::Erased | Value::Optional(None) => {}
        Value::Optional(Some(inner)) => of_fields(Arc::make_mut(inner), fields, types, see),
        Value::Record(record) => each_named(
            record,
            see,
            |name| {
                let field = fields.iter().find(|field| field.name == name)?;
                Some((field.marks.secret, &field.ty))
            },
            types,
        ),
        value => see(value),
    }
}

/// The fields of a record, of each of which is known whether it is a secret, and its type; one that nobody declared is taken for one.
fn each_named<'t>(
    record: &mut Arc<Record>,
    see: &mut dyn FnMut(&mut Value),
    known: impl Fn(&str) -> Option<(bool, &'t Ty)>,
    types: &TypeTable,
) {
    for (name, value) in &mut Arc::make_mut(record).0 {
        match known(name) {
            Some((false, ty)) => walk(value, ty, types, see),
            _ => see(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SECRET, conceal, has_secrets};
    use crate::conform::{to_json, untyped};
    use crate::ty::{Field, Marks, Record, Ty, TypeTable};
    use serde_json::json;

    fn field(name: &str, ty: Ty, secret: bool) -> Field {
        let marks = Marks { secret, ..Marks::default() };
        Field { marks, ..Field::plain(name.to_owned(), ty) }
    }

    /// `login` has a token; `letter` has a list, a map and an optional of them, and points to itself.
    fn types() -> TypeTable {
        let login = || Ty::Record("login".to_owned());
        let record = |fields| Record { version: 1, subject: None, fields };
        let letter = vec![
            field("id", Ty::String, false),
            field("code", Ty::Int, true),
            field("logins", Ty::List(Box::new(login())), false),
            field("by_name", Ty::Map(Box::new(login())), false),
            field("last", login().optional(), false),
            field("answers", Ty::List(Box::new(Ty::Record("letter".to_owned()))), false),
        ];
        let login = vec![field("name", Ty::String, false), field("token", Ty::String.optional(), true)];
        let records = [("login", login), ("letter", letter), ("plain", vec![field("id", Ty::String, false)])];
        TypeTable { records: records.into_iter().map(|(name, fields)| (name.to_owned(), record(fields))).collect(), ..TypeTable::default() }
    }

    fn shown(json: &serde_json::Value, record: &str) -> serde_json::Value {
        let mut value = untyped(json);
        conceal(&mut value, &Ty::Record(record.to_owned()), &types());
        to_json(&value)
    }

    #[test]
    fn a_secret_is_hidden_wherever_it_lies_and_nothing_else_is() {
        let login = |token: serde_json::Value| json!({ "name": "ana", "token": token });
        let letter = |code: serde_json::Value, token: serde_json::Value| {
            json!({
                "id": "l1", "code": code, "logins": [login(token.clone()), login(json!(null))], "by_name": { "ana": login(token.clone()) },
                "last": login(token.clone()), "answers": [],
            })
        };
        let mut given = letter(json!(4711), json!("hunter2"));
        given["answers"] = json!([letter(json!(4711), json!("hunter2"))]);
        let mut wanted = letter(json!(SECRET), json!(SECRET));
        wanted["answers"] = json!([letter(json!(SECRET), json!(SECRET))]);
        assert_eq!(shown(&given, "letter"), wanted);
        assert_eq!(shown(&json!({ "id": "p", "more": 1 }), "plain"), json!({ "id": "p", "more": 1 }), "no secret is declared in it");
        assert!(!has_secrets(&Ty::Record("plain".to_owned()), &types()) && has_secrets(&Ty::Record("letter".to_owned()), &types()));
    }

    #[test]
    fn what_is_not_of_its_types_shape_is_hidden_whole() {
        assert_eq!(shown(&json!("hunter2"), "login"), json!(SECRET));
        assert_eq!(shown(&json!({ "name": "ana", "tokn": "hunter2" }), "login"), json!({ "name": "ana", "tokn": SECRET }));
        assert_eq!(shown(&json!({ "id": "l1", "logins": "hunter2" }), "letter"), json!({ "id": "l1", "logins": SECRET }));
        assert_eq!(shown(&json!(null), "login"), json!(null));
    }
}
