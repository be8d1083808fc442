//! What can be proved of conditions without running them: that one never holds, always holds, or holds only where others do.
//!
//! It claims only what is certain. What it cannot follow, such as a function of a text, is a truth of its own of which nothing else is known.
//! Where a condition is too large it gives up, and says so: no answer is ever taken for one.

mod formula;
mod satisfy;
mod set;
#[cfg(test)]
mod tests;
mod ways;

use crate::expr::{Scope, Tree};
use crate::ty::TypeTable;
use formula::Formula;
pub(crate) use satisfy::Answer;
use satisfy::MOST_WORK;
pub(crate) use ways::Ways;

/// Conditions of one place, which name the same things.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conditions<'a> {
    scope: &'a Scope,
    types: &'a TypeTable,
}

/// Why conditions cannot hold together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// The path of which nothing is left, such as `input.pieces`; empty where it is no path.
    pub(crate) about: String,
}

impl<'a> Conditions<'a> {
    pub(crate) fn of(scope: &'a Scope, types: &'a TypeTable) -> Self {
        Self { scope, types }
    }

    /// A condition read once, for a proof against many others.
    pub(crate) fn read(self, condition: &Tree) -> Reading {
        let read = |holds| formula::of(condition, holds, self.scope, self.types);
        Reading { holds: read(true), fails: read(false) }
    }

    /// Whether these can all hold while none of those does.
    pub(crate) fn conflict(self, hold: &[&Tree], fail: &[&Tree]) -> Answer {
        let read = |condition: &&Tree, holds| formula::of(condition, holds, self.scope, self.types);
        let held = hold.iter().map(|condition| read(condition, true));
        let formulas: Vec<Formula> = held.chain(fail.iter().map(|condition| read(condition, false))).collect();
        let mut budget = MOST_WORK;
        satisfy::ask(&formulas.iter().collect::<Vec<_>>(), &mut budget)
    }
}

/// What must hold for a condition to be true, and to be false.
#[derive(Debug)]
pub(crate) struct Reading {
    holds: Formula,
    fails: Formula,
}

/// What is known of a condition after those before it.
#[derive(Debug, Default)]
pub(crate) struct Covered {
    /// Which of those before together hold wherever it does; empty where none do, or it is not known.
    pub(crate) by: Vec<usize>,
    /// Whether the question was given up, as there are too many ways in which those before may fail.
    pub(crate) given_up: bool,
    /// Whether those that were asked leave something, and it is not known whether the others do.
    pub(crate) beyond: bool,
}
