//! Whether a value of one plan may be read by another: by the types that both declare, field by field, and by what each says of where a
//! value comes from. It looks at no value.

use std::collections::BTreeSet;
use tradewind_lang::plan::Origin;
use tradewind_lang::ty::{Marks, Ty, TypeTable};

/// Whether two types of two plans are the same through and through, with the marks of every field.
pub(super) fn same_type(one: &Ty, of: &TypeTable, other: &Ty, and: &TypeTable) -> bool {
    Same { of, and, seen: BTreeSet::new() }.ty(one, other)
}

struct Same<'a> {
    of: &'a TypeTable,
    and: &'a TypeTable,
    seen: BTreeSet<(String, String)>,
}

impl Same<'_> {
    fn ty(&mut self, one: &Ty, other: &Ty) -> bool {
        match (one, other) {
            (Ty::Optional(one), Ty::Optional(other)) | (Ty::List(one), Ty::List(other)) | (Ty::Map(one), Ty::Map(other)) => {
                self.ty(one, other)
            }
            (Ty::Keyed(key, value), Ty::Keyed(other_key, other_value)) => self.ty(key, other_key) && self.ty(value, other_value),
            (Ty::Object(one), Ty::Object(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|((name, ty), (of, and))| name == of && self.ty(ty, and))
            }
            (Ty::Enum(one), Ty::Enum(other)) => self.of.enums.get(one) == self.and.enums.get(other),
            (Ty::Record(one), Ty::Record(other)) => self.record(one, other),
            (one, other) => one == other,
        }
    }

    fn record(&mut self, one: &str, other: &str) -> bool {
        // What contains itself is the same where all the rest is.
        if !self.seen.insert((one.to_owned(), other.to_owned())) {
            return true;
        }
        let (Some(one), Some(other)) = (self.of.records.get(one), self.and.records.get(other)) else { return false };
        let fields = one.fields.iter().zip(&other.fields);
        one.fields.len() == other.fields.len()
            && fields.into_iter().all(|(own, and)| own.name == and.name && own.marks == and.marks && self.ty(&own.ty, &and.ty))
    }
}

/// Whether a step of a plan says of its value, and of each field of it, no more than another plan's step says of the one that stands for
/// it. A plan that was made before steps said anything may have said everything.
pub(super) fn carries_no_more(before: Option<&Origin>, after: Option<&Origin>) -> bool {
    let (Some(before), Some(after)) = (before, after) else { return false };
    let within = |one: Marks, other: Marks| one.with(other) == other;
    // A field of which one of them says nothing of its own may hold what is said anywhere of the value.
    let anywhere = before.parts.iter().fold(before.value, |all, (_, marks)| all.with(*marks));
    let part = |origin: &Origin, path: &str| origin.parts.iter().find(|(known, _)| known == path).map(|(_, marks)| *marks);
    let fields = before
        .parts
        .iter()
        .chain(&after.parts)
        .all(|(path, _)| within(part(before, path).unwrap_or(anywhere), part(after, path).unwrap_or(after.value)));
    within(before.value, after.value) && within(before.told, after.told) && (!before.steered || after.steered) && fields
}
