//! What an expression may cost at most, estimated before any run, and what can be computed before any run.
//! An estimate refuses nothing: the budget of an evaluation does.

use super::evaluate::evaluate;
use super::function::Function;
use super::tree::{Gather, Operation, Over, Tree};
use crate::value::{Record, Value};

/// Steps of work before an evaluation is given up: parts evaluated, items and pieces of text built.
pub const BUDGET: u64 = 1_000_000;

/// How long a list is taken to be whose length only a run knows.
const ASSUMED: u64 = 200;

/// The most steps that a tree takes, where lists from outside are as long as assumed.
pub(super) fn cost(tree: &Tree) -> u64 {
    let parts = || tree.parts().into_iter().map(cost).fold(1_u64, u64::saturating_add);
    match tree {
        Tree::Each { range, when, make, .. } | Tree::Pairs { range, when, make, .. } => {
            let body = [when, make].into_iter().flatten().map(|part| cost(part)).fold(1_u64, u64::saturating_add);
            cost(range).saturating_add(length(range).saturating_mul(body)).saturating_add(1)
        }
        // Only one of two is evaluated.
        Tree::Choose(condition, one, other) => cost(condition).saturating_add(cost(one).max(cost(other))).saturating_add(1),
        Tree::In(_, list) => parts().saturating_add(length(list)),
        Tree::Arithmetic(Operation::Add, left, right) | Tree::Dynamic(Operation::Add, left, right) => match (known(left), known(right)) {
            (None, None) => parts(),
            _ => parts().saturating_add(length(tree)),
        },
        Tree::Call(
            Function::Range
            | Function::Slice
            | Function::Flatten
            | Function::Sort
            | Function::SortBy
            | Function::Distinct
            | Function::Reverse
            | Function::UnwrapOptionals,
            _,
        ) => parts().saturating_add(length(tree)),
        _ => parts(),
    }
}

/// How long the list or map of a tree may be.
fn length(tree: &Tree) -> u64 {
    known(tree).unwrap_or(ASSUMED)
}

/// The length of a list or map where the tree itself gives it.
fn known(tree: &Tree) -> Option<u64> {
    let count = |items: usize| u64::try_from(items).unwrap_or(u64::MAX);
    match tree {
        Tree::Constant(Value::List(items)) => Some(count(items.len())),
        Tree::Constant(Value::Record(record)) => Some(count(record.0.len())),
        Tree::Constant(Value::Map(entries)) => Some(count(entries.len())),
        Tree::List(items) => Some(count(items.len())),
        Tree::Items(items) => Some(count(items.len())),
        Tree::Map(entries) => Some(count(entries.len())),
        Tree::Entries(entries) => Some(count(entries.len())),
        Tree::Each { over: Over::Map | Over::Filter, range, .. } => known(range),
        Tree::Pairs { gather: Gather::List | Gather::Map, range, .. } => known(range),
        Tree::Arithmetic(Operation::Add, left, right) | Tree::Dynamic(Operation::Add, left, right) => {
            known(left)?.checked_add(known(right)?)
        }
        Tree::Call(Function::Range, arguments) => match arguments.as_slice() {
            [Tree::Constant(Value::Int(count))] => u64::try_from(*count).ok(),
            _ => None,
        },
        Tree::Call(Function::Sort | Function::Distinct | Function::Reverse | Function::SortBy, arguments) => known(arguments.first()?),
        Tree::Choose(_, one, other) => Some(known(one)?.max(known(other)?)),
        _ => None,
    }
}

/// Computes the parts that are the same in every run. What fails stays: another part may decide before it is reached.
pub(super) fn fold(tree: &mut Tree) {
    for part in tree.parts_mut() {
        fold(part);
    }
    let computes = !matches!(
        tree,
        Tree::Constant(_)
            | Tree::Variable { .. }
            | Tree::Local(_)
            | Tree::Bound(_)
            | Tree::Fail(_)
            | Tree::Each { .. }
            | Tree::Pairs { .. }
            | Tree::Bind(..)
            | Tree::OptionalMap { .. }
            // A long list is better made in a run than kept in a plan.
            | Tree::Call(Function::Range, _)
    );
    if !computes || !tree.parts().iter().all(|part| matches!(part, Tree::Constant(_))) {
        return;
    }
    if let Ok(value) = evaluate(tree, &Record::default()) {
        *tree = Tree::Constant(value);
    }
}
