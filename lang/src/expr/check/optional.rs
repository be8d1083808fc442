//! Optionals as CEL writes them: `.?`, `[?]`, `or`, `optMap`. An operator's `T?` and CEL's optional are one type;
//! in the operators' language an absent value is nothing, in CEL an optional of its own that may hold null.

use super::fit::lenient;
use super::path::spelled;
use super::{Checker, Local, Range, Typed, over};
use crate::code::expression as codes;
use crate::expr::function::Function;
use crate::expr::tree::Tree;
use crate::ty::{Marks, Ty};
use crate::value::Value;
use cel_interpreter::common::ast::{Expr as Node, IdedExpr, LiteralValue};

impl Checker<'_> {
    /// A tree that gives an optional of CEL, in the form that this language wants.
    pub(super) fn optional_form(&self, tree: Tree) -> Tree {
        if self.cel() { tree } else { Tree::Call(Function::Plainly, vec![tree]) }
    }

    /// `of.?field`
    pub(super) fn optional_select(&mut self, node: &IdedExpr, field: &IdedExpr, token: Range) -> Typed {
        let Node::Literal(LiteralValue::String(name)) = &field.expr else { return Typed::unknown(token) };
        let name = name.inner().to_owned();
        let at = self.field_asked(&name, field, token);
        let of = self.part(node);
        let range = over(over(of.range, token), at);
        if self.cel() {
            let typed = self.cel_field(of.clone(), &name, range);
            let tree = Tree::Call(Function::OptionalIndex, vec![of.tree, Tree::Constant(Value::string(name))]);
            return Typed::new(tree, wrapped(typed.ty), range, of.marks);
        }
        let path = spelled(node);
        let of = Typed { tree: lenient(of.tree), ..of };
        let typed = self.field(of, &name, range);
        // What is read is the field, not all that it stands in.
        if let Some((read, _)) = self.reads.last()
            && path.as_ref() == Some(read)
        {
            self.reads.pop();
            let (read, span) = (format!("{}.{name}", path.clone().unwrap_or_default()), self.span(range));
            self.outside.retain(|(_, of, _)| Some(of) != path.as_ref());
            self.note_outside(&typed, &read, span);
            self.reads.push((read, span));
        }
        let ty = typed.ty.clone().optional();
        Typed { tree: lenient(typed.tree), ty, range, ..typed }
    }

    /// Where the name in `.?name` stands; the parser records no place of its own for it.
    fn field_asked(&self, name: &str, field: &IdedExpr, token: Range) -> Range {
        let after = self.text.get(token.0..).unwrap_or("");
        let start =
            token.0 + (after.len() - after.trim_start_matches(|letter: char| matches!(letter, '.' | '?') || letter.is_whitespace()).len());
        let end = (start + name.len()).min(self.text.len());
        if self.text.get(start..end) == Some(name) { (start, end) } else { self.token(field) }
    }

    /// `of[?index]`
    pub(super) fn optional_index(&mut self, of: &IdedExpr, index: &IdedExpr, token: Range) -> Typed {
        let (of, index) = (self.part(of), self.part(index));
        let range = over(of.range, self.brackets(token));
        let by = self.picking(&index);
        let index = if self.cel() { whole_index(&of.ty, index) } else { self.plain_index(&of, index) };
        let Some(ty) = self.item_of(&of.ty, &index) else {
            let (quoted, one, other) = (self.quoted(of.range), of.ty.clone(), index.ty.clone());
            self.report(&codes::OPERATOR, range, format!("{quoted} is {one}, which has no items at {other}"));
            return Typed::unknown(range);
        };
        let marks = of.marks.picked(by, self.whole(&of).untrusted);
        let tree = if self.cel() { of.tree } else { lenient(of.tree) };
        let tree = self.optional_form(Tree::Call(Function::OptionalIndex, vec![tree, index.tree]));
        let ty = if self.cel() { wrapped(ty) } else { ty.optional() };
        Typed::new(tree, ty, range, marks)
    }

    /// An index as `of[index]` takes it, which must be there itself.
    fn plain_index(&mut self, of: &Typed, index: Typed) -> Typed {
        let index = self.settled(index);
        let inner = if let Ty::Optional(inner) = &of.ty { inner } else { &of.ty };
        match inner {
            Ty::List(_) => self.fit(index, &Ty::Int),
            Ty::Map(_) => self.fit(index, &Ty::String),
            _ => index,
        }
    }

    /// `of.or(optional)`, `of.orValue(value)` of CEL.
    pub(super) fn cel_or(&mut self, of: &IdedExpr, other: &IdedExpr, value: bool, range: Range) -> Typed {
        let (of, other) = (self.part(of), self.part(other));
        let range = over(of.range, range);
        let Some(inner) = self.inner(&of, range) else { return Typed::unknown(range) };
        let wanted = if value { inner } else { Ty::Optional(Box::new(inner)) };
        let Some(ty) = super::cel::join(&wanted, &other.ty) else {
            self.mismatch(&other, &wanted);
            return Typed::unknown(range);
        };
        let marks = of.marks.with(other.marks);
        Typed::new(Tree::OrElse { first: Box::new(of.tree), second: Box::new(other.tree), value }, ty, range, marks)
    }

    /// What an optional holds; a diagnostic where the part is none.
    fn inner(&mut self, of: &Typed, range: Range) -> Option<Ty> {
        match &of.ty {
            Ty::Optional(inner) => Some(inner.as_ref().clone()),
            Ty::Unknown | Ty::Dyn | Ty::Json => Some(of.ty.clone()),
            ty => {
                let (quoted, ty) = (self.quoted(of.range), ty.clone());
                self.report(&codes::OPERATOR, range, format!("{quoted} is {ty} and never absent")).help =
                    Some("use the value as it is".to_owned());
                None
            }
        }
    }

    /// `of.hasValue()`, `of.value()`
    pub(super) fn optional_ask(&mut self, of: &IdedExpr, value: bool, range: Range) -> Typed {
        let of = self.part(of);
        let range = over(of.range, range);
        if !self.cel() && value {
            if let (Some(held), Ty::Optional(inner)) = (certain(&of.tree), &of.ty) {
                return Typed { tree: held.clone(), ty: inner.as_ref().clone(), range, ..of };
            }
            // What is not known to be there is reported, as everywhere else.
            let settled = self.settled(of);
            return Typed { range, ..settled };
        }
        let Some(inner) = self.inner(&of, range) else { return Typed::unknown(range) };
        let tree = if self.cel() { of.tree } else { lenient(of.tree) };
        let (function, ty) = if value { (Function::OptionalValue, inner) } else { (Function::HasValue, Ty::Bool) };
        Typed::new(Tree::Call(function, vec![tree]), ty, range, of.marks)
    }

    /// `of.optMap(v, made)`, `of.optFlatMap(v, made)`
    pub(super) fn optional_map(&mut self, of: &IdedExpr, variable: &IdedExpr, body: &IdedExpr, flat: bool, range: Range) -> Typed {
        let of = self.part(of);
        let range = over(of.range, range);
        let Some(inner) = self.inner(&of, range) else { return Typed::unknown(range) };
        let Some(made) = self.bound(variable, inner, of.marks, body) else { return Typed::unknown(range) };
        let marks = of.marks.with(self.whole(&made));
        let ty = match made.ty.clone() {
            Ty::Optional(ty) if flat => Ty::Optional(ty),
            open @ (Ty::Unknown | Ty::Dyn) => open,
            other if flat => {
                let (quoted, ty) = (self.quoted(made.range), other);
                self.report(&codes::TYPE, made.range, format!("{quoted} is {ty}, `optFlatMap` wants what may be absent")).help =
                    Some("write `optMap` for a value that is always there".to_owned());
                Ty::Unknown
            }
            other if self.cel() => wrapped(other),
            other => other.optional(),
        };
        let tree = if self.cel() { of.tree } else { lenient(of.tree) };
        let make = if self.cel() { made.tree } else { lenient(made.tree) };
        let tree = self.optional_form(Tree::OptionalMap { of: Box::new(tree), make: Box::new(make), flat });
        Typed::new(tree, ty, range, marks)
    }

    /// `cel.bind(v, value, made)`
    pub(super) fn bind(&mut self, variable: &IdedExpr, value: &IdedExpr, body: &IdedExpr, range: Range) -> Typed {
        let value = self.part(value);
        let Some(made) = self.bound(variable, value.ty.clone(), value.marks, body) else { return Typed::unknown(range) };
        let tree = if self.cel() { value.tree } else { lenient(value.tree) };
        // The marks of what was bound are those of its uses.
        Typed::new(Tree::Bind(Box::new(tree), Box::new(made.tree)), made.ty, range, made.marks)
    }

    /// A body with one more local.
    fn bound(&mut self, variable: &IdedExpr, ty: Ty, marks: Marks, body: &IdedExpr) -> Option<Typed> {
        let Some(name) = spelled(variable).filter(|name| !name.contains('.')) else {
            let at = self.extent(variable);
            self.report(&codes::ARGUMENTS, at, "this argument names a value for the next");
            return None;
        };
        let known = self.present.clone();
        self.present.retain(|path| super::path::root(path) != name);
        self.locals.push(Local { name, ty, marks });
        let made = self.part(body);
        self.locals.pop();
        self.present = known;
        Some(made)
    }
}

/// The value of an optional that was made of one which is certainly there: `optional.of(1)`.
fn certain(tree: &Tree) -> Option<&Tree> {
    let Tree::Call(Function::Plainly, made) = tree else { return None };
    let [Tree::Call(Function::OptionalOf, of)] = made.as_slice() else { return None };
    let [of] = of.as_slice() else { return None };
    let there = match of {
        Tree::Constant(value) => *value != Value::Null,
        Tree::Variable { optional, .. } | Tree::Select { optional, .. } => !optional,
        Tree::Arithmetic(..) | Tree::Negate(_) | Tree::List(_) | Tree::Map(_) => true,
        Tree::Compare(..) | Tree::And(..) | Tree::Or(..) | Tree::Not(_) | Tree::In(..) | Tree::Present(_) | Tree::Matches(..) => true,
        _ => false,
    };
    there.then_some(of)
}

/// An optional of a type; of an optional, that one.
pub(super) fn wrapped(ty: Ty) -> Ty {
    match ty {
        Ty::Optional(_) => ty,
        other => Ty::Optional(Box::new(other)),
    }
}

/// CEL takes a double for an index, and leaves it to the run whether it is whole.
fn whole_index(of: &Ty, index: Typed) -> Typed {
    let listed = matches!(of, Ty::List(_)) || matches!(of, Ty::Optional(inner) if matches!(**inner, Ty::List(_)));
    if listed && index.ty == Ty::Double { Typed { ty: Ty::Int, ..index } } else { index }
}
