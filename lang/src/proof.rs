//! What can be proved of conditions without running them: that one never holds, always holds, or holds only where others do.
//!
//! It claims only what is certain. What it cannot follow, such as a function of a text, is a truth of its own of which nothing else is known.
//! Where a condition is too large it gives up, and says so: no answer is ever taken for one.

mod formula;
mod satisfy;
mod set;
#[cfg(test)]
mod tests;

use crate::expr::{Scope, Tree};
use crate::ty::TypeTable;
use formula::Formula;
pub(crate) use satisfy::Answer;
use satisfy::MOST_WORK;

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

/// Earlier conditions that leave nothing to a later one.
#[derive(Debug, Default)]
pub(crate) struct Covered {
    /// Which together hold wherever the later one does; empty where there are none, or it is not known.
    pub(crate) by: Vec<usize>,
    /// Whether the question was given up, as there are too many ways in which the earlier ones may fail.
    pub(crate) given_up: bool,
}

impl Reading {
    /// Which of the earlier conditions together hold wherever this one does.
    pub(crate) fn covered_by(&self, earlier: &[&Self]) -> Covered {
        // What holds comes last, and so narrows first: what is left of few values costs little to narrow further.
        let covers = |places: &[usize], work: &mut u32| {
            let fail = places.iter().filter_map(|place| earlier.get(*place)).map(|earlier| &earlier.fails);
            satisfy::ask(&fail.chain([&self.holds]).collect::<Vec<_>>(), work)
        };
        let mut places: Vec<usize> = (0..earlier.len()).collect();
        if places.is_empty() {
            return Covered::default();
        }
        let mut work = MOST_WORK;
        match covers(&places, &mut work) {
            Answer::Conflict(_) => {}
            answer => return Covered { by: Vec::new(), given_up: answer == Answer::GivenUp },
        }
        // Those that are not needed are left out of what is said, many at once and then fewer, as far as the work of one more question goes.
        let mut work = MOST_WORK;
        let mut size = places.len().next_power_of_two() / 2;
        while size > 0 {
            let mut at = 0;
            while at < places.len() {
                let end = at.saturating_add(size).min(places.len());
                let fewer: Vec<usize> = places.iter().take(at).chain(places.iter().skip(end)).copied().collect();
                if !fewer.is_empty() && matches!(covers(&fewer, &mut work), Answer::Conflict(_)) {
                    places = fewer;
                } else {
                    at = end;
                }
            }
            size /= 2;
        }
        Covered { by: places, given_up: false }
    }
}
