//! Between what an expression of whole numbers, spans of time or instants lies, as far as its parts say: constants, settings,
//! declared `min` and `max`, `between`, `least` and `greatest`, the place of an item in its loop. Instants are counted from `run.now`.

use super::names::{Named, Names};
use super::path::{Items, loops};
use crate::expr::{Function, Operation, Tree};
use crate::plan::{Micros, StepKind};
use crate::value::Value;

/// The least and the greatest, both included.
type Range = (i128, i128);

/// The longest span of time that an expression gives; `None` where nothing says.
pub(super) fn longest_span(names: &Names<'_>, items: Items, tree: &Tree) -> Option<Micros> {
    range(names, items, tree).map(|(_, most)| clamped(most))
}

/// How far after now an instant lies at most.
pub(super) fn latest_instant(names: &Names<'_>, items: Items, tree: &Tree) -> Option<Micros> {
    instant(names, items, tree).map(|(_, most)| clamped(most))
}

/// Whether an instant is no later than one that is the same in every run, or than a span after now.
pub(super) fn is_fixed(names: &Names<'_>, items: Items, tree: &Tree) -> bool {
    let fixed = |tree: &Tree| is_fixed(names, items, tree);
    match tree {
        Tree::Constant(Value::Timestamp(_)) => true,
        Tree::Select { .. } => {
            matches!(names.tree(tree), Some(Named::Constant(Value::Timestamp(_)))) || instant(names, items, tree).is_some()
        }
        Tree::Arithmetic(Operation::Add, left, right) => {
            fixed(left) && range(names, items, right).is_some() || fixed(right) && range(names, items, left).is_some()
        }
        Tree::Arithmetic(Operation::Subtract, left, right) => fixed(left) && range(names, items, right).is_some(),
        Tree::Choose(_, one, other) | Tree::Default(one, other) => fixed(one) && fixed(other),
        Tree::Call(Function::Between, arguments) => matches!(arguments.as_slice(), [_, _, most] if fixed(most)),
        Tree::Call(Function::Least, arguments) => arguments.iter().any(fixed),
        Tree::Call(Function::Greatest, arguments) => arguments.iter().all(fixed),
        _ => false,
    }
}

fn clamped(micros: i128) -> Micros {
    Micros::try_from(micros.max(0)).unwrap_or(Micros::MAX)
}

fn instant(names: &Names<'_>, items: Items, tree: &Tree) -> Option<Range> {
    match tree {
        Tree::Select { of, field, .. } if &**field == "now" => {
            matches!(&**of, Tree::Variable { name, .. } if &**name == "run").then_some((0, 0))
        }
        Tree::Arithmetic(Operation::Add, left, right) => match (instant(names, items, left), instant(names, items, right)) {
            (Some(at), None) => Some(sum(at, range(names, items, right)?)),
            (None, Some(at)) => Some(sum(at, range(names, items, left)?)),
            _ => None,
        },
        Tree::Arithmetic(Operation::Subtract, left, right) => {
            let (least, most) = range(names, items, right)?;
            Some(sum(instant(names, items, left)?, (most.saturating_neg(), least.saturating_neg())))
        }
        other => combined(names, items, other, instant),
    }
}

fn range(names: &Names<'_>, items: Items, tree: &Tree) -> Option<Range> {
    match tree {
        Tree::Constant(value) => constant(value),
        Tree::Variable { name, .. } => index(names, items, name),
        Tree::Select { .. } => match names.tree(tree)? {
            Named::Constant(value) => constant(value),
            Named::Field(field) => declared(field.min, field.max),
            Named::Typed(_) => None,
        },
        Tree::Arithmetic(what, left, right) => {
            let (left, right) = (range(names, items, left)?, range(names, items, right)?);
            match what {
                Operation::Add => Some(sum(left, right)),
                Operation::Subtract => Some(sum(left, (right.1.saturating_neg(), right.0.saturating_neg()))),
                Operation::Multiply => product(left, right),
                Operation::Divide | Operation::Remainder => None,
            }
        }
        other => combined(names, items, other, range),
    }
}

type Read = fn(&Names<'_>, Items, &Tree) -> Option<Range>;

/// What picks one of several, or holds one between two others.
fn combined(names: &Names<'_>, items: Items, tree: &Tree, read: Read) -> Option<Range> {
    let of = |tree: &Tree| read(names, items, tree);
    let either = |left: Range, right: Range| (left.0.min(right.0), left.1.max(right.1));
    match tree {
        Tree::Choose(_, one, other) => Some(either(of(one)?, of(other)?)),
        Tree::Default(first, second) => Some(either(of(first)?, of(second)?)),
        Tree::Call(Function::Between, arguments) => match arguments.as_slice() {
            // Anything else is an error of the run.
            [_, least, most] => Some((of(least)?.0, of(most)?.1)),
            _ => None,
        },
        Tree::Call(Function::Least, arguments) => match arguments.as_slice() {
            [left, right] => match (of(left), of(right)) {
                (Some(left), Some(right)) => Some((left.0.min(right.0), left.1.min(right.1))),
                // No more than the one that is known; how little, nobody says.
                (Some(known), None) | (None, Some(known)) => Some((i128::from(i64::MIN), known.1)),
                (None, None) => None,
            },
            _ => None,
        },
        Tree::Call(Function::Greatest, arguments) => match arguments.as_slice() {
            [left, right] => {
                let (left, right) = (of(left)?, of(right)?);
                Some((left.0.max(right.0), left.1.max(right.1)))
            }
            _ => None,
        },
        _ => None,
    }
}

fn constant(value: &Value) -> Option<Range> {
    match value {
        Value::Int(number) | Value::Duration(number) => Some((i128::from(*number), i128::from(*number))),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a bound far beyond every span is cut to the greatest number")]
fn declared(min: Option<f64>, max: Option<f64>) -> Option<Range> {
    Some((min?.floor() as i128, max?.ceil() as i128))
}

fn sum(left: Range, right: Range) -> Range {
    (left.0.saturating_add(right.0), left.1.saturating_add(right.1))
}

fn product(left: Range, right: Range) -> Option<Range> {
    let pairs = [(left.0, right.0), (left.0, right.1), (left.1, right.0), (left.1, right.1)];
    let products: Option<Vec<i128>> = pairs.iter().map(|(one, other)| one.checked_mul(*other)).collect();
    let products = products?;
    Some((*products.iter().min()?, *products.iter().max()?))
}

/// The place of an item: of the nearest loop as given, of one further out any.
fn index(names: &Names<'_>, items: Items, name: &str) -> Option<Range> {
    let flow = names.flow?;
    let around = loops(&flow.steps);
    let mut at = around.get(names.at).copied().flatten();
    let mut nearest = true;
    while let Some(holder) = at {
        if let Some(StepKind::Each(each)) = flow.steps.get(holder).map(|step| &step.kind)
            && each.index.as_deref() == Some(name)
        {
            let any = (0, i128::from(each.max.saturating_sub(1)));
            return Some(if nearest { (i128::from(items.0), i128::from(items.1)) } else { any });
        }
        nearest = false;
        at = around.get(holder).copied().flatten();
    }
    None
}
