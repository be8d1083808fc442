//! The suite's messages as declared records: the fields that counted cases name, unset ones with the zero of their type.
//! Wrappers are fields that may be absent; what an unset message holds in turn, and `Any`, records do not have.

use std::sync::Arc;
use tradewind_lang::ty::{Field, Marks, Record, Ty, TypeTable};
use tradewind_lang::value::{self, Value};

/// Kinds of fields: the middle of their names, their type, and its zero.
fn kinds() -> Vec<(&'static str, Ty, Value)> {
    let whole = ["int32", "int64", "sint32", "sint64", "sfixed32", "sfixed64"].map(|name| (name, Ty::Int, Value::Int(0)));
    let unsigned = ["uint32", "uint64", "fixed32", "fixed64"].map(|name| (name, Ty::UInt, Value::UInt(0)));
    let other = [
        ("float", Ty::Double, Value::Double(0.0)),
        ("double", Ty::Double, Value::Double(0.0)),
        ("bool", Ty::Bool, Value::Bool(false)),
        ("string", Ty::String, Value::string("")),
        ("bytes", Ty::Bytes, Value::Bytes([].into())),
    ];
    whole.into_iter().chain(unsigned).chain(other).collect()
}

fn field(name: &str, ty: Ty, default: Option<Value>) -> Field {
    Field { name: name.to_owned(), ty, marks: Marks::default(), default, min: None, max: None, pattern: None, label: None }
}

/// `TestAllTypes` and `NestedTestAllTypes` of both versions of protobuf.
pub(crate) fn table() -> TypeTable {
    let mut fields = Vec::new();
    for (name, ty, zero) in kinds() {
        fields.push(field(&format!("single_{name}"), ty.clone(), Some(zero)));
        fields.push(field(&format!("repeated_{name}"), Ty::List(Box::new(ty.clone())), None));
        if !name.contains("fixed") && !name.starts_with("sint") {
            fields.push(field(&format!("single_{name}_wrapper"), ty.optional(), None));
        }
    }
    fields.push(field("single_value", Ty::Optional(Box::new(Ty::Json)), None));
    fields.push(field("map_string_string", Ty::Map(Box::new(Ty::String)), Some(Value::record([]))));
    let unset: value::Record = fields.iter().filter_map(|field| Some((field.name.clone(), field.default.clone()?))).collect();
    let mut types = TypeTable::default();
    for version in ["proto2", "proto3"] {
        let full = |name: &str| format!("cel.expr.conformance.{version}.{name}");
        let payload = field("payload", Ty::Record(full("TestAllTypes")), Some(Value::Record(Arc::new(unset.clone()))));
        let child = field("child", Ty::Record(full("NestedTestAllTypes")).optional(), None);
        let record = |fields: Vec<Field>| Record { version: 1, subject: None, fields };
        types.records.insert(full("TestAllTypes"), record(fields.clone()));
        types.records.insert(full("NestedTestAllTypes"), record(vec![child, payload]));
    }
    types
}
