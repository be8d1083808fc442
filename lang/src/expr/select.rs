//! Fields of types: what selecting one gives, and the marks of everything inside a type.
//! Expressions and templates share it, so that a path means the same in both.

use crate::ty::{Field, Marks, Ty, TypeTable};
use std::collections::BTreeSet;

/// What comes of selecting a field.
pub(crate) enum Selected {
    /// Its type and its own marks.
    Field(Ty, Marks),
    /// There is no such field; these are the fields.
    Missing(Vec<String>),
    /// The type has no fields at all.
    Fieldless,
}

/// Selects a field of a type.
pub(crate) fn select(ty: &Ty, field: &str, types: &TypeTable) -> Selected {
    match ty {
        Ty::Unknown | Ty::Dyn => Selected::Field(ty.clone(), Marks::default()),
        Ty::Json => Selected::Field(Ty::Json, Marks::default()),
        Ty::Map(value) => Selected::Field(value.as_ref().clone(), Marks::default()),
        Ty::Optional(inner) => match select(inner, field, types) {
            Selected::Field(ty, marks) => Selected::Field(ty.optional(), marks),
            other => other,
        },
        Ty::Object(fields) => match fields.iter().find(|(name, _)| name == field) {
            Some((_, ty)) => Selected::Field(ty.clone(), Marks::default()),
            None => Selected::Missing(fields.iter().map(|(name, _)| name.clone()).collect()),
        },
        Ty::Record(name) => match types.records.get(name) {
            // An undeclared type is reported where it is named.
            None => Selected::Field(Ty::Unknown, Marks::default()),
            Some(record) => match record.fields.iter().find(|declared| declared.name == field) {
                Some(declared) => Selected::Field(declared.ty.clone(), narrowed(declared)),
                None => Selected::Missing(record.fields.iter().map(|declared| declared.name.clone()).collect()),
            },
        },
        _ => Selected::Fieldless,
    }
}

/// The marks of a field's value. A number from outside that is held to a least and a greatest is a choice of what the operator allowed,
/// as with `between`.
pub(crate) fn narrowed(field: &Field) -> Marks {
    let number = match &field.ty {
        Ty::Optional(inner) => matches!(**inner, Ty::Int | Ty::Double),
        ty => matches!(ty, Ty::Int | Ty::Double),
    };
    let held = number && field.min.is_some() && field.max.is_some() && field.marks.untrusted;
    if held { Marks { untrusted: false, steered: true, mixed: false, ..field.marks } } else { field.marks }
}

/// The marks of everything inside a type.
pub(crate) fn inner_marks(ty: &Ty, types: &TypeTable) -> Marks {
    fn add(ty: &Ty, types: &TypeTable, seen: &mut BTreeSet<String>) -> Marks {
        match ty {
            Ty::List(inner) | Ty::Map(inner) | Ty::Optional(inner) => add(inner, types, seen),
            Ty::Object(fields) => fields.iter().fold(Marks::default(), |marks, (_, ty)| marks.with(add(ty, types, seen))),
            // A record may hold itself.
            Ty::Record(name) if seen.insert(name.clone()) => types.records.get(name).map_or(Marks::default(), |record| {
                record.fields.iter().fold(Marks::default(), |marks, field| marks.with(field.marks).with(add(&field.ty, types, seen)))
            }),
            _ => Marks::default(),
        }
    }
    add(ty, types, &mut BTreeSet::new())
}
