//! Records built by the name of their type: `parcel{id: 'a', ?note: input.note}`. Fields that are left out take their default.
//! CEL's messages are such records where their types are declared; its wrappers are the values that they wrap.

use super::{Checker, Range, Typed, over};
use crate::code::expression as codes;
use crate::diagnostic::nearest;
use crate::expr::tree::Tree;
use crate::literal::listed;
use crate::ty::{Field, Marks, Ty};
use crate::value::Value;
use cel_interpreter::common::ast::{EntryExpr, IdedEntryExpr, StructExpr, StructFieldExpr};

impl Checker<'_> {
    /// `name{field: value}`. `token`: its opening brace.
    pub(super) fn build(&mut self, message: &StructExpr, token: Range) -> Typed {
        let name = message.type_name.as_str();
        let range = over(self.name_range(name, token), self.brackets(token));
        if self.cel()
            && let Some((ty, zero)) = wrapper(name.trim_start_matches('.'))
        {
            return self.wrapped_value(&message.entries, &ty, zero, range);
        }
        let Some((record, fields)) = self.record_named(name) else {
            let shown = name.trim_start_matches('.');
            self.report(&codes::UNSUPPORTED, token, format!("`{shown}{{ … }}` builds a message, and there is no type `{shown}`")).help =
                Some("declare the type, or write a map: `{'name': value}`".to_owned());
            return Typed::unknown(token);
        };
        let mut given: Vec<Option<(Tree, bool)>> = fields.iter().map(|_| None).collect();
        let mut marks = Marks::default();
        for entry in &message.entries {
            let EntryExpr::StructField(part) = &entry.expr else { continue };
            let at = self.token_of(entry.id);
            let Some(place) = fields.iter().position(|field| field.name == part.field) else {
                self.no_such_field(&record, &part.field, &fields, at);
                continue;
            };
            let (Some(field), Some(slot)) = (fields.get(place), given.get_mut(place)) else { continue };
            if slot.is_some() {
                self.report(&codes::ARGUMENTS, at, format!("`{}` is given twice", part.field));
                continue;
            }
            let value = self.field_value(part, field);
            marks = marks.with(self.whole(&value));
            *slot = Some((value.tree, part.optional));
        }
        let mut entries = Vec::new();
        for (field, given) in fields.iter().zip(given) {
            entries.extend(self.entry(&record, field, given, range));
        }
        Typed::new(Tree::Entries(entries), Ty::Record(record), range, marks)
    }

    /// The declared record that a name means in its container or above.
    fn record_named(&self, name: &str) -> Option<(String, Vec<Field>)> {
        let (absolute, name) = (name.starts_with('.'), name.trim_start_matches('.'));
        let mut container = if absolute { "" } else { self.container() };
        loop {
            let candidate = if container.is_empty() { name.to_owned() } else { format!("{container}.{name}") };
            if let Some(record) = self.types.records.get(&candidate) {
                return Some((candidate, record.fields.clone()));
            }
            if container.is_empty() {
                return None;
            }
            container = container.rsplit_once('.').map_or("", |(outer, _)| outer);
        }
    }

    fn no_such_field(&mut self, record: &str, name: &str, fields: &[Field], at: Range) {
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        let help = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its fields: {}", listed(&names)),
        };
        self.report(&codes::UNKNOWN_FIELD, at, format!("`{record}` has no field `{name}`")).help = Some(help);
    }

    fn field_value(&mut self, part: &StructFieldExpr, field: &Field) -> Typed {
        let value = self.part(&part.value);
        let value = if part.optional {
            let ty = self.left_out(&value);
            let tree = if self.cel() { value.tree } else { super::fit::lenient(value.tree) };
            Typed { ty, tree, form: super::Form::Plain, ..value }
        } else {
            value
        };
        // To CEL a field that may be absent takes null or a value, never an optional.
        match &field.ty {
            Ty::Optional(inner) if self.cel() && value.ty != Ty::Null => self.fit(value, &inner.as_ref().clone()),
            ty => self.fit(value, &ty.clone()),
        }
    }

    /// A field as it is given, its default, or nothing.
    fn entry(&mut self, record: &str, field: &Field, given: Option<(Tree, bool)>, range: Range) -> Option<(Tree, Tree, bool)> {
        let name = Tree::Constant(Value::string(field.name.as_str()));
        let otherwise = match (&field.default, &field.ty) {
            (Some(default), _) => Some(default.clone()),
            (None, Ty::Optional(_)) => Some(Value::Null),
            _ => None,
        };
        match (given, otherwise) {
            (Some((tree, false)), _) => Some((name, tree, false)),
            (Some((tree, true)), Some(value)) => {
                let second = Box::new(Tree::Constant(value));
                Some((name, Tree::OrElse { first: Box::new(tree), second, value: true }, false))
            }
            (Some((tree, true)), None) if self.cel() => Some((name, tree, true)),
            (None, Some(value)) => Some((name, Tree::Constant(value), false)),
            (None, None) if self.cel() => None,
            (given, None) => {
                let (field, how) = (&field.name, if given.is_some() { "may be absent, and" } else { "is not given, and" });
                self.report(&codes::ARGUMENTS, range, format!("`{field}` {how} `{record}` needs it"));
                None
            }
        }
    }

    /// A wrapper of CEL: its value, or zero. To CEL it may be null, too.
    fn wrapped_value(&mut self, entries: &[IdedEntryExpr], ty: &Ty, zero: Value, range: Range) -> Typed {
        let mut typed = Typed::new(Tree::Constant(zero), Ty::Dyn, range, Marks::default());
        for entry in entries {
            let EntryExpr::StructField(part) = &entry.expr else { continue };
            let at = self.token_of(entry.id);
            if part.field != "value" || part.optional {
                self.report(&codes::UNKNOWN_FIELD, at, "a wrapper has the field `value` alone");
                continue;
            }
            let value = self.part(&part.value);
            let value = self.fit(value, ty);
            typed = Typed { tree: value.tree, marks: value.marks, ..typed };
        }
        typed
    }
}

/// What a wrapper of CEL wraps, and its zero.
fn wrapper(name: &str) -> Option<(Ty, Value)> {
    Some(match name.strip_prefix("google.protobuf.")? {
        "BoolValue" => (Ty::Bool, Value::Bool(false)),
        "BytesValue" => (Ty::Bytes, Value::Bytes([].into())),
        "DoubleValue" | "FloatValue" => (Ty::Double, Value::Double(0.0)),
        "Int32Value" | "Int64Value" => (Ty::Int, Value::Int(0)),
        "UInt32Value" | "UInt64Value" => (Ty::UInt, Value::UInt(0)),
        "StringValue" => (Ty::String, Value::string("")),
        _ => return None,
    })
}
