//! A condition as a formula: what must hold of which path for it to be true, or to be false. Negations are pushed to the leaves.

use super::set::{Point, Relation, Set};
use crate::expr::{Comparison, Expr, Function, Scope, Tree};
use crate::ty::{Ty, TypeTable};
use crate::value::{Record, Value};
use std::sync::Arc;

/// What must hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Formula {
    /// Something has one of these values.
    Fact(Subject, Set),
    /// All of these.
    All(Vec<Formula>),
    /// One of these.
    Any(Vec<Formula>),
    /// More than is read.
    Unread,
}

/// Parts of a condition above which it is not read: each `? :` doubles what stands before its question mark.
const MOST_PARTS: usize = 8_192;

/// Of what something is said.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Subject {
    /// The same for the same expression.
    pub(super) key: Arc<str>,
    /// For people: a path, or nothing.
    pub(super) path: String,
}

/// What must hold for a condition to be true (`holds`) or false.
///
/// An error of one side of `&&` and `||` may be absorbed by the other. That adds no way to be true or false but those
/// written here, so nothing more is claimed than what is certain.
pub(super) fn of(tree: &Tree, holds: bool, scope: &Scope, types: &TypeTable) -> Formula {
    let mut reader = Reader { scope, types, left: MOST_PARTS };
    let formula = reader.part(tree, holds);
    if reader.left == 0 { Formula::Unread } else { formula }
}

struct Reader<'a> {
    scope: &'a Scope,
    types: &'a TypeTable,
    /// Parts that may still be read.
    left: usize,
}

impl Reader<'_> {
    fn part(&mut self, tree: &Tree, holds: bool) -> Formula {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            return Formula::Unread;
        }
        let Self { scope, types, .. } = *self;
        match tree {
            Tree::Constant(Value::Bool(truth)) => {
                if *truth == holds {
                    Formula::All(Vec::new())
                } else {
                    Formula::Any(Vec::new())
                }
            }
            Tree::Not(inner) => self.part(inner, !holds),
            Tree::And(one, two) | Tree::Or(one, two) => {
                let both = vec![self.part(one, holds), self.part(two, holds)];
                if matches!(tree, Tree::And(..)) == holds { Formula::All(both) } else { Formula::Any(both) }
            }
            Tree::Choose(condition, yes, no) => Formula::Any(vec![
                Formula::All(vec![self.part(condition, true), self.part(yes, holds)]),
                Formula::All(vec![self.part(condition, false), self.part(no, holds)]),
            ]),
            Tree::Compare(comparison, one, two) => compared(tree, *comparison, one, two, holds, scope, types),
            Tree::In(item, list) => match list.as_ref() {
                Tree::Constant(Value::List(values)) => {
                    let each = values
                        .iter()
                        .map(|value| compared(tree, Comparison::Equal, item, &Tree::Constant(value.clone()), holds, scope, types));
                    if holds { Formula::Any(each.collect()) } else { Formula::All(each.collect()) }
                }
                _ => truth(tree, holds),
            },
            _ => truth(tree, holds),
        }
    }
}

/// Something that is true or false, and of which nothing else is known.
fn truth(tree: &Tree, holds: bool) -> Formula {
    Formula::Fact(subject(tree, ""), Set::names([Arc::from("true")], !holds, None))
}

fn subject(tree: &Tree, line: &str) -> Subject {
    Subject { key: format!("{line}{tree:?}").into(), path: tree.describe() }
}

fn relation(comparison: Comparison) -> Relation {
    let (less, equal, more) = match comparison {
        Comparison::Equal => (false, true, false),
        Comparison::Different => (true, false, true),
        Comparison::Less => (true, false, false),
        Comparison::AtMost => (true, true, false),
        Comparison::More => (false, false, true),
        Comparison::AtLeast => (false, true, true),
    };
    Relation { less, equal, more, apart: comparison == Comparison::Different }
}

fn compared(whole: &Tree, comparison: Comparison, one: &Tree, two: &Tree, holds: bool, scope: &Scope, types: &TypeTable) -> Formula {
    let relation = if holds { relation(comparison) } else { relation(comparison).inverted() };
    let is_equality = matches!(comparison, Comparison::Equal | Comparison::Different);
    match (bare(one), bare(two)) {
        // What is the same in every run is known.
        (Tree::Constant(_), Tree::Constant(_)) => match constant(whole) {
            Some(truth) if truth == holds => Formula::All(Vec::new()),
            Some(_) => Formula::Any(Vec::new()),
            None => truth(whole, holds),
        },
        (Tree::Constant(constant), other) => with_constant(other, constant, relation.turned(), is_equality, scope, types),
        (other, Tree::Constant(constant)) => with_constant(other, constant, relation, is_equality, scope, types),
        (one, two) => {
            // Under one name, whichever stands first.
            let (left, right) = (format!("{one:?}"), format!("{two:?}"));
            if left == right {
                return truth(whole, holds);
            }
            let whole = |tree| matches!(type_of(tree, scope, types), Some(Ty::Int | Ty::Timestamp | Ty::Duration));
            let relation = if whole(one) && whole(two) { Relation { apart: false, ..relation } } else { relation };
            let turned = left > right;
            let key = if turned { format!("{right} : {left}") } else { format!("{left} : {right}") };
            let set = Set::Relation(if turned { relation.turned() } else { relation });
            Formula::Fact(Subject { key: key.into(), path: one.describe() }, set)
        }
    }
    .or_whole_truth(whole, holds)
}

/// What a comparison of two constants comes to.
fn constant(tree: &Tree) -> Option<bool> {
    let expr = Expr { source: String::new(), ty: Ty::Bool, root: tree.clone(), secret: false };
    match expr.evaluate(&Record::default()) {
        Ok(Value::Bool(truth)) => Some(truth),
        _ => None,
    }
}

fn with_constant(of: &Tree, constant: &Value, relation: Relation, is_equality: bool, scope: &Scope, types: &TypeTable) -> Formula {
    if let Some((point, currency)) = Point::of(constant) {
        // What is compared with numbers here and with texts there is two subjects, as nothing follows from the one for the other.
        let line = currency.map_or_else(|| "number ".to_owned(), |currency| format!("{} ", currency.as_str()));
        let ty = type_of(of, scope, types);
        let whole = matches!(ty, Some(Ty::Int | Ty::Timestamp | Ty::Duration)) || matches!(of, Tree::Call(Function::Size, _));
        // Only a double, or what is absent, is neither below nor at nor above a point; amounts of two currencies are an error.
        let relation = if whole || ty == Some(Ty::Money) { Relation { apart: false, ..relation } } else { relation };
        let set = Set::compared(relation, point, whole);
        let held = range_of(of, scope, types).and_then(|range| set.with(&range)).unwrap_or(set);
        return Formula::Fact(subject(of, &line), held);
    }
    let named = match constant {
        Value::String(text) => text.to_string(),
        Value::Bool(truth) => truth.to_string(),
        _ => return Formula::nothing(),
    };
    if !is_equality {
        return Formula::nothing();
    }
    // Nothing but its declared values can be left of an enum, and of a truth its two.
    let (count, declares) = match type_of(of, scope, types) {
        Some(Ty::Enum(name)) => match types.enums.get(&name) {
            Some(values) => (Some(values.len()), values.contains(&named)),
            None => (None, true),
        },
        Some(Ty::Bool) => (Some(2), true),
        _ => (None, true),
    };
    let names = declares.then(|| Arc::from(named));
    Formula::Fact(subject(of, ""), Set::names(names, !relation.equal, count))
}

impl Formula {
    /// Holds always: what could not be read says nothing.
    fn nothing() -> Self {
        Self::All(Vec::new())
    }

    /// How many facts it holds.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Fact(..) => 1,
            Self::Unread => MOST_PARTS,
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::size).sum(),
        }
    }

    /// The same comparison written twice is true twice or false twice, whatever it compares: a fact says that by itself, as what holds and what
    /// fails leave each other nothing.
    fn or_whole_truth(self, whole: &Tree, holds: bool) -> Self {
        if matches!(&self, Self::All(parts) if parts.is_empty()) { truth(whole, holds) } else { self }
    }
}

/// Without the conversion to a double, which changes no order.
fn bare(tree: &Tree) -> &Tree {
    match tree {
        Tree::Widen(inner) => bare(inner),
        tree => tree,
    }
}

/// Where a number lies whatever the run: between the least and the greatest of its field, and a size is never below nothing. Whatever fills
/// a field is held to them, as to the values of an enum.
fn range_of(tree: &Tree, scope: &Scope, types: &TypeTable) -> Option<Set> {
    match tree {
        Tree::Call(Function::Size, _) => Some(Set::between(Some(Point::Whole(0)), None)),
        Tree::Select { of, field, optional: false } => {
            let Ty::Record(name) = type_of(of, scope, types)? else { return None };
            let declared = types.records.get(&name)?.fields.iter().find(|other| *other.name == **field)?;
            let is_number = matches!(declared.ty, Ty::Int | Ty::Double);
            let ends = (declared.min.map(Point::Real), declared.max.map(Point::Real));
            (is_number && ends != (None, None)).then(|| Set::between(ends.0, ends.1))
        }
        _ => None,
    }
}

/// The type of a path that always has a value.
fn type_of(tree: &Tree, scope: &Scope, types: &TypeTable) -> Option<Ty> {
    match tree {
        Tree::Variable { name, optional: false } => scope.get(name).map(|variable| variable.ty.clone()),
        Tree::Select { of, field, optional: false } => match type_of(of, scope, types)? {
            Ty::Record(name) => types.records.get(&name)?.fields.iter().find(|other| *other.name == **field).map(|field| field.ty.clone()),
            Ty::Object(fields) => fields.into_iter().find(|(name, _)| **name == **field).map(|(_, ty)| ty),
            _ => None,
        },
        _ => None,
    }
}
