//! CEL as its specification has it: `dyn`, keys of any kind, lists of several types, numbers that never meet unconverted.
//! The operators' language is narrower, and reads literals by their place; its rules are in the files beside this one.

use super::operator::{comparison, operation, sign, symbol};
use super::path::spelled;
use super::{Checker, Range, Typed, over};
use crate::code::expression as codes;
use crate::expr::convert::TYPE_NAMES;
use crate::expr::function::Function;
use crate::expr::select::{Selected, select};
use crate::expr::tree::{Comparison, Operation, Tree};
use crate::ty::{Marks, Ty};
use crate::value::Value;
use cel_interpreter::common::ast::{EntryExpr, Expr as Node, IdedEntryExpr, IdedExpr, ListExpr, operators};

impl Checker<'_> {
    /// An operator's call; `None` where the name is no operator of which CEL has rules of its own.
    pub(super) fn cel_operator(&mut self, name: &str, arguments: &[IdedExpr], token: Range) -> Option<Typed> {
        Some(match (name, arguments) {
            (operators::INDEX, [of, index]) => self.cel_index(of, index, token),
            (operators::IN, [item, list]) => self.cel_membership(item, list),
            (operators::NEGATE, [of]) => {
                let of = self.part(of);
                let range = over(token, of.range);
                if !matches!(of.ty, Ty::Int | Ty::Double | Ty::Decimal | Ty::Money | Ty::Duration | Ty::Unknown | Ty::Dyn) {
                    let (quoted, ty) = (self.quoted(of.range), of.ty.clone());
                    self.report(&codes::OPERATOR, range, format!("`-` takes a number, {quoted} is {ty}"));
                    return Some(Typed::unknown(range));
                }
                Typed::new(Tree::Negate(Box::new(of.tree)), of.ty, range, of.marks)
            }
            (_, [left, right]) => match comparison(name) {
                Some(how) => self.cel_comparison(how, left, right),
                None => self.cel_arithmetic(operation(name)?, left, right),
            },
            _ => return None,
        })
    }

    fn cel_index(&mut self, of: &IdedExpr, index: &IdedExpr, token: Range) -> Typed {
        let (of, index) = (self.part(of), self.part(index));
        let range = over(of.range, self.brackets(token));
        let Some(ty) = self.item_of(&of.ty, &index) else {
            let (quoted, one, other) = (self.quoted(of.range), of.ty.clone(), index.ty.clone());
            self.report(&codes::OPERATOR, range, format!("{quoted} is {one}, which has no items at {other}"));
            return Typed::unknown(range);
        };
        let marks = of.marks.with(index.marks);
        Typed::new(Tree::Index(Box::new(of.tree), Box::new(index.tree)), ty, range, marks)
    }

    /// The type of an item at an index; of an optional, an optional.
    pub(super) fn item_of(&self, of: &Ty, index: &Typed) -> Option<Ty> {
        let fits = |wanted: &Ty| self.assignable(&index.ty, wanted);
        match of {
            Ty::Unknown | Ty::Dyn | Ty::Json => Some(of.clone()),
            Ty::List(item) if fits(&Ty::Int) => Some(item.as_ref().clone()),
            Ty::Map(item) if fits(&Ty::String) => Some(item.as_ref().clone()),
            Ty::Keyed(key, item) if fits(key) => Some(item.as_ref().clone()),
            Ty::Optional(inner) => Some(Ty::Optional(Box::new(self.item_of(inner, index)?))),
            _ => None,
        }
    }

    fn cel_membership(&mut self, item: &IdedExpr, list: &IdedExpr) -> Typed {
        let (item, list) = (self.part(item), self.part(list));
        let range = over(item.range, list.range);
        let wanted = match &list.ty {
            Ty::List(inner) => Some(inner.as_ref().clone()),
            Ty::Map(_) => Some(Ty::String),
            Ty::Keyed(key, _) => Some(key.as_ref().clone()),
            open @ (Ty::Unknown | Ty::Dyn) => Some(open.clone()),
            _ => None,
        };
        if wanted.is_none_or(|wanted| join(&item.ty, &wanted).is_none()) {
            self.clash("in", &item, &list, range);
        }
        let marks = item.marks.with(list.marks);
        Typed::new(Tree::In(Box::new(item.tree), Box::new(list.tree)), Ty::Bool, range, marks)
    }

    fn cel_comparison(&mut self, how: Comparison, left: &IdedExpr, right: &IdedExpr) -> Typed {
        let (left, right) = (self.part(left), self.part(right));
        let range = over(left.range, right.range);
        let equality = matches!(how, Comparison::Equal | Comparison::Different);
        let fits = match (&left.ty, &right.ty) {
            (left, right) if equality => join(left, right).is_some(),
            (Ty::Unknown | Ty::Dyn, right) => ordered(right),
            (left, Ty::Unknown | Ty::Dyn) => ordered(left),
            (Ty::Int | Ty::UInt | Ty::Double, Ty::Int | Ty::UInt | Ty::Double) => true,
            (left, right) => left == right && ordered(left),
        };
        if !fits {
            self.clash(sign(how), &left, &right, range);
        }
        let marks = left.marks.with(right.marks);
        Typed::new(Tree::Compare(how, Box::new(left.tree), Box::new(right.tree)), Ty::Bool, range, marks)
    }

    fn cel_arithmetic(&mut self, what: Operation, left: &IdedExpr, right: &IdedExpr) -> Typed {
        let (left, right) = (self.part(left), self.part(right));
        let range = over(left.range, right.range);
        let Some(ty) = sum(what, &left.ty, &right.ty) else {
            self.clash(symbol(what), &left, &right, range);
            return Typed::unknown(range);
        };
        let marks = left.marks.with(right.marks);
        let known = ![&left.ty, &right.ty].into_iter().any(|ty| matches!(ty, Ty::Unknown | Ty::Dyn));
        let (left, right) = (Box::new(left.tree), Box::new(right.tree));
        let tree = if known { Tree::Arithmetic(what, left, right) } else { Tree::Dynamic(what, left, right) };
        Typed::new(tree, ty, range, marks)
    }

    pub(super) fn cel_list(&mut self, list: &ListExpr, range: Range) -> Typed {
        let mut ty: Option<Ty> = None;
        let mut marks = Marks::default();
        let mut items = Vec::new();
        for (at, element) in list.elements.iter().enumerate() {
            let item = self.part(element);
            let optional = list.optional_indices.contains(&at);
            let own = if optional { self.left_out(&item) } else { item.ty.clone() };
            ty = Some(ty.map_or(own.clone(), |ty| join(&ty, &own).unwrap_or(Ty::Dyn)));
            marks = marks.with(item.marks);
            items.push((item.tree, optional));
        }
        let constants = items.iter().map(|(tree, optional)| match tree {
            Tree::Constant(value) if !optional => Some(value.clone()),
            _ => None,
        });
        // A constant list is built once, here.
        let tree = match constants.collect::<Option<Vec<Value>>>() {
            Some(values) => Tree::Constant(Value::list(values)),
            None => Tree::Items(items),
        };
        Typed::new(tree, Ty::List(Box::new(ty.unwrap_or(Ty::Unknown))), range, marks)
    }

    /// The type of what an optional part of a literal adds.
    pub(super) fn left_out(&mut self, part: &Typed) -> Ty {
        match &part.ty {
            Ty::Optional(inner) => inner.as_ref().clone(),
            open @ (Ty::Unknown | Ty::Dyn) => open.clone(),
            other => {
                let (quoted, ty) = (self.quoted(part.range), other.clone());
                self.report(&codes::TYPE, part.range, format!("{quoted} is {ty}, after `?` stands what may be absent")).label =
                    format!("is {ty}");
                Ty::Unknown
            }
        }
    }

    pub(super) fn cel_map(&mut self, entries: &[IdedEntryExpr], range: Range) -> Typed {
        let (mut keys, mut values): (Option<Ty>, Option<Ty>) = (None, None);
        let mut marks = Marks::default();
        let mut made = Vec::new();
        for entry in entries {
            let EntryExpr::MapEntry(entry) = &entry.expr else { continue };
            let (key, value) = (self.part(&entry.key), self.part(&entry.value));
            if !matches!(key.ty, Ty::String | Ty::Int | Ty::UInt | Ty::Bool | Ty::Unknown | Ty::Dyn) {
                let (quoted, ty) = (self.quoted(key.range), key.ty.clone());
                self.report(&codes::TYPE, key.range, format!("{quoted} is {ty}, which cannot be the key of a map")).label =
                    format!("is {ty}");
            }
            let own = if entry.optional { self.left_out(&value) } else { value.ty.clone() };
            keys = Some(keys.map_or(key.ty.clone(), |ty| join(&ty, &key.ty).unwrap_or(Ty::Dyn)));
            values = Some(values.map_or(own.clone(), |ty| join(&ty, &own).unwrap_or(Ty::Dyn)));
            marks = marks.with(key.marks).with(value.marks);
            made.push((key.tree, value.tree, entry.optional));
        }
        let (key, value) = (keys.unwrap_or(Ty::Unknown), Box::new(values.unwrap_or(Ty::Unknown)));
        let ty = if key == Ty::String { Ty::Map(value) } else { Ty::Keyed(Box::new(key), value) };
        Typed::new(Tree::Entries(made), ty, range, marks)
    }

    /// A name, a qualified name, or fields of another part.
    pub(super) fn cel_path(&mut self, node: &IdedExpr) -> Typed {
        if let Some(path) = spelled_raw(node)
            && let Some(typed) = self.qualified(&path, node)
        {
            return typed;
        }
        match &node.expr {
            Node::Select(selection) => {
                let of = self.part(&selection.operand);
                let range = over(of.range, self.field_range(node, &selection.field));
                self.cel_field(of, &selection.field, range)
            }
            Node::Ident(name) => {
                let range = self.token(node);
                if self.unchecked() {
                    return Typed::new(Tree::Fail(format!("`{name}` has no value").into()), Ty::Dyn, range, Marks::default());
                }
                self.unknown_name(name.trim_start_matches('.'), range);
                Typed::unknown(range)
            }
            _ => Typed::unknown(self.token(node)),
        }
    }

    /// The longest name that a path spells in its container or above; a local hides every other.
    fn qualified(&mut self, path: &str, node: &IdedExpr) -> Option<Typed> {
        let range = self.extent(node);
        let (absolute, path) = (path.starts_with('.'), path.trim_start_matches('.'));
        if let Some(at) = self.locals.iter().rposition(|local| local.name == path)
            && !absolute
        {
            let (ty, marks) = self.locals.get(at).map(|local| (local.ty.clone(), local.marks))?;
            return Some(Typed::new(Tree::Local(u32::try_from(at).unwrap_or(u32::MAX)), ty, range, marks));
        }
        if self.locals.iter().any(|local| path.starts_with(&format!("{}.", local.name))) && !absolute {
            return None;
        }
        let mut container = if absolute { "" } else { self.container() };
        loop {
            let candidate = if container.is_empty() { path.to_owned() } else { format!("{container}.{path}") };
            if let Some(variable) = self.scope.get(&candidate) {
                let (ty, marks) = (variable.ty.clone(), variable.marks);
                self.reads.push((candidate.clone(), self.span(range)));
                return Some(Typed::new(Tree::Bound(candidate.into()), ty, range, marks));
            }
            if container.is_empty() {
                break;
            }
            container = container.rsplit_once('.').map_or("", |(outer, _)| outer);
        }
        let known = TYPE_NAMES.contains(&path);
        known.then(|| Typed::new(Tree::Constant(Value::Type(path.into())), Ty::Type, range, Marks::default()))
    }

    pub(super) fn cel_field(&mut self, of: Typed, field: &str, range: Range) -> Typed {
        let Some(ty) = self.field_of(&of.ty, field) else {
            let (quoted, ty) = (self.quoted(of.range), of.ty.clone());
            self.report(&codes::UNKNOWN_FIELD, range, format!("{quoted} is {ty}, which has no field `{field}`")).label =
                "no such field".to_owned();
            return Typed::unknown(range);
        };
        let tree = Tree::Index(Box::new(of.tree), Box::new(Tree::Constant(Value::string(field))));
        Typed::new(tree, ty, range, of.marks)
    }

    /// The type of a field; of an optional, an optional.
    fn field_of(&self, of: &Ty, field: &str) -> Option<Ty> {
        match of {
            Ty::Keyed(_, value) => Some(value.as_ref().clone()),
            Ty::Optional(inner) => Some(Ty::Optional(Box::new(self.field_of(inner, field)?))),
            other => match select(other, field, self.types) {
                Selected::Field(ty, _) => Some(ty),
                _ => None,
            },
        }
    }

    /// `has(of.field)`
    pub(super) fn cel_has(&mut self, of: Typed, field: &str, range: Range) -> Typed {
        if self.field_of(&of.ty, field).is_none() {
            let (quoted, ty) = (self.quoted(of.range), of.ty.clone());
            self.report(&codes::UNKNOWN_FIELD, range, format!("{quoted} is {ty}, which has no field `{field}`"));
        }
        if let Ty::Record(_) | Ty::Object(_) = &of.ty {
            // A field that is not set is null in a record.
            let selected = Tree::Select { of: Box::new(of.tree), field: field.into(), optional: true };
            return Typed::new(Tree::Present(Box::new(selected)), Ty::Bool, range, of.marks);
        }
        let tree = Tree::Call(Function::Has, vec![of.tree, Tree::Constant(Value::string(field))]);
        Typed::new(tree, Ty::Bool, range, of.marks)
    }
}

/// A path as it was written, a leading dot included.
fn spelled_raw(node: &IdedExpr) -> Option<String> {
    let path = spelled(node)?;
    let mut base = node;
    while let Node::Select(selection) = &base.expr {
        base = &selection.operand;
    }
    match &base.expr {
        Node::Ident(name) if name.starts_with('.') => Some(format!(".{path}")),
        _ => Some(path),
    }
}

/// Whether CEL gives values of a type an order.
pub(super) fn ordered(ty: &Ty) -> bool {
    matches!(
        ty,
        Ty::Bool
            | Ty::Int
            | Ty::UInt
            | Ty::Double
            | Ty::Decimal
            | Ty::Money
            | Ty::String
            | Ty::Bytes
            | Ty::Timestamp
            | Ty::Duration
            | Ty::Unknown
            | Ty::Dyn
    )
}

/// Whether a value of one type stands where CEL wants another.
pub(super) fn assignable(from: &Ty, to: &Ty) -> bool {
    join(from, to).is_some()
}

/// The type that two parts share; `dyn` agrees with everything.
pub(super) fn join(left: &Ty, right: &Ty) -> Option<Ty> {
    Some(match (left, right) {
        (left, right) if left == right => left.clone(),
        (Ty::Dyn, _) | (_, Ty::Dyn) => Ty::Dyn,
        (Ty::Unknown, other) | (other, Ty::Unknown) => other.clone(),
        // Null stands for a message, and these are messages to CEL; an optional is abstract.
        (Ty::Null, other @ (Ty::Optional(_) | Ty::Timestamp | Ty::Duration | Ty::Record(_) | Ty::Object(_) | Ty::Json))
        | (other @ (Ty::Optional(_) | Ty::Timestamp | Ty::Duration | Ty::Record(_) | Ty::Object(_) | Ty::Json), Ty::Null) => other.clone(),
        (Ty::Json, _) | (_, Ty::Json) => Ty::Json,
        (Ty::List(left), Ty::List(right)) => Ty::List(Box::new(join(left, right)?)),
        (Ty::Optional(left), Ty::Optional(right)) => Ty::Optional(Box::new(join(left, right)?)),
        (Ty::Map(left), Ty::Map(right)) => Ty::Map(Box::new(join(left, right)?)),
        (Ty::Keyed(key, left), Ty::Keyed(other, right)) => Ty::Keyed(Box::new(join(key, other)?), Box::new(join(left, right)?)),
        (Ty::Keyed(key, left), Ty::Map(right)) | (Ty::Map(right), Ty::Keyed(key, left)) => {
            Ty::Keyed(Box::new(join(key, &Ty::String)?), Box::new(join(left, right)?))
        }
        _ => return None,
    })
}

/// What arithmetic gives, where CEL has such an operator.
fn sum(what: Operation, left: &Ty, right: &Ty) -> Option<Ty> {
    use Operation::{Add, Divide, Multiply, Remainder, Subtract};
    Some(match (what, left, right) {
        (_, Ty::Unknown | Ty::Dyn, _) | (_, _, Ty::Unknown | Ty::Dyn) => Ty::Dyn,
        (_, Ty::Int, Ty::Int) => Ty::Int,
        (_, Ty::UInt, Ty::UInt) => Ty::UInt,
        (Add | Subtract | Multiply | Divide, Ty::Double, Ty::Double) => Ty::Double,
        (_, Ty::Decimal, Ty::Decimal) => Ty::Decimal,
        (Remainder, ..) => return None,
        (Add, Ty::String, Ty::String) => Ty::String,
        (Add, Ty::Bytes, Ty::Bytes) => Ty::Bytes,
        (Add, Ty::List(left), Ty::List(right)) => Ty::List(Box::new(join(left, right)?)),
        (Add | Subtract, Ty::Timestamp, Ty::Duration) | (Add, Ty::Duration, Ty::Timestamp) => Ty::Timestamp,
        (Subtract, Ty::Timestamp, Ty::Timestamp) | (Add | Subtract, Ty::Duration, Ty::Duration) => Ty::Duration,
        (Add | Subtract, Ty::Money, Ty::Money) => Ty::Money,
        (Multiply | Divide, Ty::Money, Ty::Int | Ty::Double | Ty::Decimal) => Ty::Money,
        (Multiply, Ty::Int | Ty::Double | Ty::Decimal, Ty::Money) => Ty::Money,
        (Divide, Ty::Money, Ty::Money) => Ty::Double,
        _ => return None,
    })
}
