//! What can be proved of conditions without running them: that one never holds, always holds, or holds only where others do.
//!
//! It claims only what is certain. Where a condition is too large, or compares what it cannot follow, it claims nothing.

mod formula;
mod satisfy;
mod set;
#[cfg(test)]
mod tests;

use crate::expr::{Scope, Tree};
use crate::ty::TypeTable;
use formula::Formula;

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

    fn read(self, condition: &Tree, holds: bool) -> Formula {
        formula::of(condition, holds, self.scope, self.types)
    }

    /// Why these cannot all hold while none of those does; `None` where they may, or where it is not known.
    pub(crate) fn conflict(self, hold: &[&Tree], fail: &[&Tree]) -> Option<Conflict> {
        let held = hold.iter().map(|condition| self.read(condition, true));
        let failed = fail.iter().map(|condition| self.read(condition, false));
        satisfy::conflict(held.chain(failed).collect())
    }

    /// Which of the earlier conditions together hold wherever this one does; empty where there are none, or it is not known.
    pub(crate) fn covered_by(self, condition: &Tree, earlier: &[&Tree]) -> Vec<usize> {
        let covers = |places: &[usize]| {
            let fail: Vec<&Tree> = places.iter().filter_map(|place| earlier.get(*place).copied()).collect();
            self.conflict(&[condition], &fail).is_some()
        };
        let mut places: Vec<usize> = (0..earlier.len()).collect();
        if places.is_empty() || !covers(&places) {
            return Vec::new();
        }
        for dropped in 0..earlier.len() {
            let fewer: Vec<usize> = places.iter().copied().filter(|place| *place != dropped).collect();
            if !fewer.is_empty() && covers(&fewer) {
                places = fewer;
            }
        }
        places
    }
}
