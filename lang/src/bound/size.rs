//! How many bytes a text has at most: literal text, and what is filled in by its type and declared `max`. `None`: nothing says.

use super::names::{Named, Names};
use crate::conform::to_json;
use crate::expr::{Function, Operation, Tree};
use crate::template::Template;
use crate::ty::{Field, Ty};
use crate::value::Value;

/// A character in UTF-8, at most; `max` of a text counts characters.
const CHARACTER: u64 = 4;
/// The longest number of 64 bits, and the longest instant, span or amount, as text.
const WHOLE: u64 = 20;
const DOUBLE: u64 = 330;
const SCALAR: u64 = 64;

/// The text of an expression.
pub(super) fn of_tree(names: &Names<'_>, tree: &Tree) -> Option<u64> {
    match tree {
        Tree::Constant(value) => of_value(value),
        Tree::Text(template) => of_template(names, template),
        Tree::Variable { .. } | Tree::Select { .. } => of_named(names, &names.tree(tree)?),
        Tree::Arithmetic(Operation::Add, left, right) => Some(of_tree(names, left)?.saturating_add(of_tree(names, right)?)),
        Tree::Default(one, other) | Tree::Choose(_, one, other) => Some(of_tree(names, one)?.max(of_tree(names, other)?)),
        Tree::Call(Function::Trim | Function::LowerAscii | Function::UpperAscii | Function::ToString, arguments) => {
            of_tree(names, arguments.first()?)
        }
        Tree::Call(Function::Among, arguments) => of_tree(names, arguments.first()?),
        _ => None,
    }
}

fn of_value(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => u64::try_from(text.len()).ok(),
        Value::List(_) | Value::Record(_) | Value::Map(_) => u64::try_from(to_json(value).to_string().len()).ok(),
        Value::Null => Some(0),
        Value::Double(_) => Some(DOUBLE),
        _ => Some(SCALAR),
    }
}

fn of_named(names: &Names<'_>, named: &Named<'_>) -> Option<u64> {
    match named {
        Named::Constant(value) => of_value(value),
        Named::Field(field) => of_field(names, field),
        Named::Typed(ty) => of_type(names, ty, None),
    }
}

fn of_field(names: &Names<'_>, field: &Field) -> Option<u64> {
    of_type(names, &field.ty, field.max)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a declared maximum is no less than nothing, and is cut above")]
fn of_type(names: &Names<'_>, ty: &Ty, max: Option<f64>) -> Option<u64> {
    let max = max.map(|max| max.max(0.0).ceil() as u64);
    match ty {
        Ty::Bool => Some(5),
        Ty::Int | Ty::UInt => Some(WHOLE),
        Ty::Double => Some(DOUBLE),
        Ty::Timestamp | Ty::Duration | Ty::Money | Ty::Decimal => Some(SCALAR),
        Ty::Null => Some(0),
        Ty::String => max.map(|max| max.saturating_mul(CHARACTER)),
        Ty::Bytes => max,
        Ty::Enum(name) => {
            let longest = names.plan.types.enums.get(name)?.iter().map(String::len).max().unwrap_or(0);
            u64::try_from(longest).ok()
        }
        Ty::Optional(of) => of_type(names, of, max.map(|max| max as f64)),
        Ty::List(_) | Ty::Map(_) | Ty::Keyed(..) | Ty::Record(_) | Ty::Object(_) | Ty::Json | Ty::Type | Ty::Dyn | Ty::Unknown => None,
    }
}

/// The text of a template: all of its text, and every hole, whichever branch of an `if` is taken. A loop has no end here.
pub(super) fn of_template(names: &Names<'_>, template: &Template) -> Option<u64> {
    let mut sum = 0_u64;
    let mut rest = template.text.as_str();
    while let Some(at) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        sum = sum.saturating_add(u64::try_from(at).ok()?);
        let opened = rest.get(at..)?;
        let (inside, after) = match opened.strip_prefix("{{") {
            Some(hole) => hole.split_once("}}")?,
            None => opened.strip_prefix("{%")?.split_once("%}")?,
        };
        if opened.starts_with("{{") {
            sum = sum.saturating_add(of_hole(names, inside.trim_matches(['-', '+', ' ', '\t', '\r', '\n']))?);
        } else if inside.trim_matches(['-', '+', ' ', '\t', '\r', '\n']).starts_with("for") {
            return None;
        }
        rest = after;
    }
    Some(sum.saturating_add(u64::try_from(rest.len()).ok()?))
}

/// A dotted path with its filters.
fn of_hole(names: &Names<'_>, hole: &str) -> Option<u64> {
    let mut parts = hole.split('|').map(str::trim);
    let path: Vec<&str> = parts.next()?.split('.').map(str::trim).collect();
    let mut size = names.path(&path).and_then(|named| of_named(names, &named));
    for filter in parts {
        let name = filter.split('(').next().unwrap_or(filter).trim();
        size = match name {
            "length" => Some(WHOLE),
            "percent" | "round" => Some(SCALAR.max(DOUBLE)),
            "trim" => size,
            // A letter may become three, as `ß` does in capitals.
            "lower" | "upper" | "title" => size.map(|size| size.saturating_mul(3)),
            "default" => size.zip(u64::try_from(filter.len()).ok()).map(|(size, other)| size.max(other)),
            _ => None,
        };
    }
    size
}

/// The text that a template has whatever is filled in.
pub(super) fn least_of_template(template: &Template) -> u64 {
    if template.text.contains("{%") {
        return 0;
    }
    let literal = template.text.split("{{").map(|part| part.split_once("}}").map_or(part, |(_, after)| after).len()).sum::<usize>();
    u64::try_from(literal).unwrap_or(0)
}
