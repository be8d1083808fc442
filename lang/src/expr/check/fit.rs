//! Where types meet: fitting a part into its place, the common type of two parts, and what may be absent.

use super::{Checker, Form, Typed};
use crate::code::expression as codes;
use crate::diagnostic::Diagnostic;
use crate::expr::function::Function;
use crate::expr::operate;
use crate::expr::tree::{Expected, Tree};
use crate::literal::{not_a_member, read, spelt, unlisted};
use crate::ty::Ty;
use crate::value::Value;

/// A type that a string literal can be read as.
pub(super) fn reads_text(ty: &Ty) -> bool {
    match ty {
        Ty::Money | Ty::Decimal | Ty::Duration | Ty::Timestamp | Ty::Enum(_) => true,
        Ty::Optional(inner) => reads_text(inner),
        _ => false,
    }
}

impl Typed {
    /// Whether its type may still follow from its place.
    pub(super) fn flexible(&self) -> bool {
        match &self.form {
            Form::Text(_) => true,
            Form::Items(items) => !items.is_empty() && items.iter().all(Self::flexible),
            Form::Choice(choice) => choice.1.flexible() && choice.2.flexible(),
            Form::Plain => false,
        }
    }
}

impl Checker<'_> {
    /// The part as a value of a type; a diagnostic where it cannot be one.
    pub(super) fn fit(&mut self, typed: Typed, wanted: &Ty) -> Typed {
        if typed.ty == *wanted || matches!(typed.ty, Ty::Unknown | Ty::Dyn) || matches!(wanted, Ty::Unknown | Ty::Dyn | Ty::Json) {
            return typed;
        }
        if self.cel() {
            if super::cel::assignable(&typed.ty, wanted) {
                return typed;
            }
            self.mismatch(&typed, wanted);
            return Typed::unknown(typed.range);
        }
        if let Some(typed) = self.fit_form(&typed, wanted) {
            return typed;
        }
        match (&typed.ty, wanted) {
            (Ty::Null, Ty::Optional(_)) => return Typed { ty: wanted.clone(), ..typed },
            (Ty::Optional(from), Ty::Optional(to)) if self.assignable(from, to) => return self.becomes(typed, wanted),
            (Ty::Optional(_), Ty::Optional(_)) => {}
            (Ty::Json, Ty::Optional(to)) => {
                // A missing member of outside data is an absent value here.
                let present = Tree::Present(Box::new(lenient(typed.tree.clone())));
                let fitted = self.fit(typed, to);
                let tree = Tree::Choose(Box::new(present), Box::new(fitted.tree), Box::new(Tree::Constant(Value::Null)));
                return Typed::new(tree, wanted.clone(), fitted.range, fitted.marks);
            }
            (_, Ty::Optional(to)) => {
                let fitted = self.fit(typed, to);
                return if matches!(fitted.ty, Ty::Unknown) { fitted } else { Typed { ty: wanted.clone(), ..fitted } };
            }
            (Ty::Optional(_), _) => {
                let settled = self.settled(typed);
                return self.fit(settled, wanted);
            }
            (Ty::Json, _) => {
                if let Some(expected) = expectation(wanted) {
                    let tree = Tree::Expect(expected, Box::new(typed.tree));
                    return Typed::new(tree, wanted.clone(), typed.range, typed.marks);
                }
            }
            (from, to) if self.assignable(from, to) => return self.becomes(typed, wanted),
            _ => {}
        }
        self.mismatch(&typed, wanted);
        Typed::unknown(typed.range)
    }

    /// Literals whose type follows from their place.
    fn fit_form(&mut self, typed: &Typed, wanted: &Ty) -> Option<Typed> {
        if let (Tree::Constant(Value::Double(number)), Ty::Decimal) = (&typed.tree, wanted)
            && let Ok(number) = format!("{number}").parse()
        {
            // A number that is written out is the decimal that reads the same.
            return Some(Typed::new(Tree::Constant(Value::Decimal(number)), Ty::Decimal, typed.range, typed.marks));
        }
        match (&typed.form, wanted) {
            (Form::Text(text), _) if reads_text(wanted) => {
                let tree = match read(text, wanted, self.types) {
                    Ok(value) => {
                        self.must_be_listed(&value, typed.range);
                        Tree::Constant(value)
                    }
                    Err(reason) => {
                        self.misread(typed, text, wanted, reason);
                        return Some(Typed::unknown(typed.range));
                    }
                };
                Some(Typed::new(tree, wanted.clone(), typed.range, typed.marks))
            }
            (Form::Items(items), Ty::List(item)) => Some(self.listed(items.clone(), item, typed.range)),
            (Form::Choice(choice), _) if typed.flexible() => {
                let (condition, one, other) = choice.as_ref().clone();
                let (one, other) = (self.fit(one, wanted), self.fit(other, wanted));
                let tree = Tree::Choose(Box::new(condition), Box::new(one.tree), Box::new(other.tree));
                Some(Typed::new(tree, wanted.clone(), typed.range, typed.marks))
            }
            _ => None,
        }
    }

    fn misread(&mut self, typed: &Typed, text: &str, wanted: &Ty, reason: String) {
        let span = self.span(typed.range);
        let inner = if let Ty::Optional(inner) = wanted { inner } else { wanted };
        let diagnostic = match inner {
            Ty::Enum(name) => not_a_member(span, text, name, self.types, "'"),
            _ => {
                let diagnostic = Diagnostic::new(&codes::LITERAL, span, reason).label(format!("must be {inner}"));
                match spelt(text, inner, None) {
                    Some(right) => diagnostic.fix(format!("write `{right}`"), span, format!("'{right}'")),
                    None => diagnostic,
                }
            }
        };
        self.diagnostics.push(diagnostic);
    }

    /// Reports an amount that is written out in a currency which ISO 4217 does not list.
    pub(super) fn must_be_listed(&mut self, value: &Value, range: super::Range) {
        let Value::Money(money) = value else { return };
        let found = unlisted(money.currency, self.span(range));
        // The same literal is read for each place that it may have.
        if !money.currency.is_listed() && !self.diagnostics.contains(&found) {
            self.diagnostics.push(found);
        }
    }

    pub(super) fn mismatch(&mut self, typed: &Typed, wanted: &Ty) {
        let (quoted, ty) = (self.quoted(typed.range), typed.ty.clone());
        let diagnostic = self.report(&codes::TYPE, typed.range, format!("{quoted} is {ty}, its place wants {wanted}"));
        diagnostic.label = format!("is {ty}");
        diagnostic.help = match (&ty, wanted) {
            (Ty::Double, Ty::Int) => Some("write `int(…)` to drop the fraction".to_owned()),
            (Ty::String, Ty::Int) => Some("write `int(…)` to read the number".to_owned()),
            (Ty::String, Ty::Double) => Some("write `double(…)` to read the number".to_owned()),
            (Ty::String, Ty::Money) => Some("write `money(…)` to read the amount".to_owned()),
            (Ty::Int | Ty::Double, Ty::Money) => Some("a number has no currency: write `money(number, 'USD')`".to_owned()),
            (Ty::String, Ty::Enum(_)) => Some("only a literal or a value of the enum fits: choose with `… == 'x' ? 'x' : 'y'`".to_owned()),
            (Ty::String, Ty::Duration | Ty::Timestamp) => Some(format!("write `{wanted}(…)` to read the text")),
            (from, Ty::String) if expectation(from).is_some() => Some("write `string(…)`".to_owned()),
            (from, Ty::Bool) if expectation(from).is_some() => {
                Some("nothing but true and false is a condition: compare it with something".to_owned())
            }
            (Ty::Json, _) => Some("declare its shape with a `type`".to_owned()),
            _ => None,
        };
    }

    /// The part as a type that it can be assigned to.
    fn becomes(&mut self, typed: Typed, wanted: &Ty) -> Typed {
        let tree = match wanted {
            Ty::Decimal if typed.ty == Ty::Int => Tree::Call(Function::ToDecimal, vec![typed.tree]),
            _ if widens(&typed.ty, wanted) => widened(typed.tree),
            _ => typed.tree,
        };
        Typed { tree, ty: wanted.clone(), form: Form::Plain, ..typed }
    }

    /// Whether a value of one type is a value of the other, numbers widened.
    pub(super) fn assignable(&self, from: &Ty, to: &Ty) -> bool {
        if self.cel() {
            return super::cel::assignable(from, to);
        }
        match (from, to) {
            (Ty::Unknown, _) | (_, Ty::Unknown | Ty::Json) | (Ty::Int, Ty::Double | Ty::Decimal) | (Ty::Enum(_), Ty::String) => true,
            (Ty::Null, Ty::Optional(_)) => true,
            (Ty::Optional(from), Ty::Optional(to)) => self.assignable(from, to),
            (from, Ty::Optional(to)) => self.assignable(from, to),
            (Ty::List(from), Ty::List(to)) => self.assignable(from, to) && !widens_inside(from, to),
            (Ty::Map(from), Ty::Map(to)) => self.assignable(from, to) && !widens(from, to),
            (Ty::Object(from), Ty::Object(to)) => to.iter().all(|(name, to)| match from.iter().find(|(other, _)| other == name) {
                Some((_, from)) => self.assignable(from, to) && !widens(from, to),
                None => matches!(to, Ty::Optional(_)),
            }),
            (Ty::Object(from), Ty::Record(to)) => match self.types.records.get(to) {
                None => true,
                Some(record) => {
                    let known = from.iter().all(|(name, _)| record.fields.iter().any(|field| field.name == *name));
                    known
                        && record.fields.iter().all(|field| match from.iter().find(|(name, _)| *name == field.name) {
                            Some((_, from)) => self.assignable(from, &field.ty) && !widens(from, &field.ty),
                            None => matches!(field.ty, Ty::Optional(_)),
                        })
                }
            },
            (from, to) => from == to,
        }
    }

    /// The type that two parts share.
    pub(super) fn common(&self, left: &Typed, right: &Typed) -> Option<Ty> {
        if !self.cel() && (reads_exactly(left, right) || reads_exactly(right, left)) {
            return Some(Ty::Decimal);
        }
        if left.flexible() && !right.flexible() && self.takes_text(left, &right.ty) {
            return Some(right.ty.clone());
        }
        if right.flexible() && !left.flexible() && self.takes_text(right, &left.ty) {
            return Some(left.ty.clone());
        }
        self.join(&left.ty, &right.ty)
    }

    /// Whether the literals of a part can be read as a type or as what it holds.
    fn takes_text(&self, typed: &Typed, ty: &Ty) -> bool {
        match (&typed.form, ty) {
            (Form::Text(_), _) => reads_text(ty),
            (Form::Items(items), Ty::List(item)) => items.iter().all(|typed| self.takes_text(typed, item)),
            (Form::Choice(choice), _) => self.takes_text(&choice.1, ty) && self.takes_text(&choice.2, ty),
            _ => false,
        }
    }

    fn join(&self, left: &Ty, right: &Ty) -> Option<Ty> {
        if self.cel() {
            return super::cel::join(left, right);
        }
        Some(match (left, right) {
            (left, right) if left == right => left.clone(),
            (Ty::Unknown, other) | (other, Ty::Unknown) => other.clone(),
            (Ty::Json, _) | (_, Ty::Json) => Ty::Json,
            (Ty::Null, other) | (other, Ty::Null) => other.clone().optional(),
            (Ty::Optional(left), Ty::Optional(right)) => self.join(left, right)?.optional(),
            (Ty::Optional(inner), other) | (other, Ty::Optional(inner)) => self.join(inner, other)?.optional(),
            (Ty::Int, Ty::Double) | (Ty::Double, Ty::Int) => Ty::Double,
            (Ty::Int, Ty::Decimal) | (Ty::Decimal, Ty::Int) => Ty::Decimal,
            (Ty::Enum(_), Ty::String | Ty::Enum(_)) | (Ty::String, Ty::Enum(_)) => Ty::String,
            (Ty::List(left), Ty::List(right)) if self.assignable(left, right) && !widens_inside(left, right) => Ty::List(right.clone()),
            (Ty::List(left), Ty::List(right)) if self.assignable(right, left) && !widens_inside(right, left) => Ty::List(left.clone()),
            (Ty::List(left), Ty::List(right)) => Ty::List(Box::new(self.join(left, right)?)),
            (Ty::Map(left), Ty::Map(right)) => Ty::Map(Box::new(self.join(left, right)?)),
            (left, right) if self.assignable(left, right) => right.clone(),
            (left, right) if self.assignable(right, left) => left.clone(),
            _ => return None,
        })
    }

    /// The part where a value is needed: an optional is reported.
    pub(super) fn settled(&mut self, typed: Typed) -> Typed {
        let Ty::Optional(inner) = &typed.ty else { return typed };
        let inner = inner.as_ref().clone();
        let quoted = self.quoted(typed.range);
        let text = quoted.trim_matches('`').to_owned();
        let diagnostic = self.report(&codes::ABSENT, typed.range, format!("{quoted} may be absent here"));
        diagnostic.label = labelled(&typed.ty);
        // Only of a path may be asked whether it is there.
        let path = text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.'));
        let ask = if path { format!(", or ask first: `has({text}) && …`") } else { String::new() };
        diagnostic.help = Some(format!("say what holds then: `{text}.or(…)`{ask}"));
        Typed { ty: inner, ..typed }
    }
}

/// What a part is, for a label: a type with a `?` behind it would read as a question.
pub(super) fn labelled(ty: &Ty) -> String {
    match ty {
        Ty::Optional(inner) => format!("{inner}, or absent"),
        ty => format!("is {ty}"),
    }
}

/// Whether a number is written out beside a decimal.
pub(super) fn reads_exactly(number: &Typed, other: &Typed) -> bool {
    other.ty == Ty::Decimal && matches!(number.tree, Tree::Constant(Value::Double(_)))
}

/// Whether numbers inside must be converted, which is done for single values only.
fn widens_inside(from: &Ty, to: &Ty) -> bool {
    match (from, to) {
        (Ty::List(from), Ty::List(to)) | (Ty::Map(from), Ty::Map(to)) => widens(from, to) || widens_inside(from, to),
        (Ty::Optional(from), Ty::Optional(to)) => widens(from, to),
        _ => false,
    }
}

fn widens(from: &Ty, to: &Ty) -> bool {
    match (from, to) {
        (Ty::Int, Ty::Double) => true,
        (Ty::Optional(from), Ty::Optional(to)) | (Ty::List(from), Ty::List(to)) => widens(from, to),
        (from, Ty::Optional(to)) => widens(from, to),
        _ => false,
    }
}

fn widened(tree: Tree) -> Tree {
    match tree {
        Tree::Constant(value) => Tree::Constant(operate::widen(value)),
        other => Tree::Widen(Box::new(other)),
    }
}

/// What a value from outside must be to be of a plain type.
pub(super) fn expectation(ty: &Ty) -> Option<Expected> {
    Some(match ty {
        Ty::Bool => Expected::Bool,
        Ty::Int => Expected::Int,
        Ty::Double => Expected::Double,
        Ty::String => Expected::String,
        Ty::Money => Expected::Money,
        Ty::Decimal => Expected::Decimal,
        Ty::Timestamp => Expected::Timestamp,
        Ty::Duration => Expected::Duration,
        _ => return None,
    })
}

/// A path that is absent where any part of it is.
pub(super) fn lenient(tree: Tree) -> Tree {
    match tree {
        Tree::Variable { name, .. } => Tree::Variable { name, optional: true },
        Tree::Select { of, field, .. } => Tree::Select { of: Box::new(lenient(*of)), field, optional: true },
        other => other,
    }
}
