//! Which arrows of a drawing are needed: those that no longer way says already. It draws nothing.

use super::view::{Edge, within};
use crate::plan::Flow;
use std::collections::BTreeSet;

/// What a longer way may go through, where an arrow is left out for it.
pub(super) struct Ways {
    /// The arms and loops that a box stands in, itself one of them where it is one.
    around: Vec<Vec<usize>>,
    /// From each choice and loop to what waits for its end, whichever arm was taken.
    over: Vec<Edge>,
}

impl Ways {
    pub(super) fn of(flow: &Flow, arms: &[Vec<usize>], nodes: usize) -> Self {
        let mut around = vec![Vec::new(); nodes];
        let mut over = Vec::new();
        for (at, step) in flow.steps.iter().enumerate() {
            // What holds a step stands before it.
            let mut own = Vec::new();
            if let Some((holder, arm)) = step.within {
                let holder = usize::from(holder.0);
                own = around.get(holder + 1).cloned().unwrap_or_default();
                own.extend(arms.get(holder).and_then(|arms| arms.get(usize::from(arm))).copied());
            }
            for arm in arms.get(at).into_iter().flatten() {
                if let Some(slot) = around.get_mut(*arm) {
                    *slot = own.iter().copied().chain([*arm]).collect();
                }
            }
            if let Some(slot) = around.get_mut(at + 1) {
                *slot = own;
            }
            let holders = step.depends.iter().map(|id| usize::from(id.0)).filter(|id| arms.get(*id).is_some_and(|arms| !arms.is_empty()));
            over.extend(holders.filter(|id| !within(flow, step, *id)).map(|id| Edge { from: id + 1, to: at + 1 }));
        }
        Self { around, over }
    }

    fn around(&self, node: usize) -> &[usize] {
        self.around.get(node).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a box is passed wherever both ends of an arrow are: it stands in no arm that may be left out.
    fn passes(&self, node: usize, edge: &Edge) -> bool {
        self.around(node).iter().all(|arm| self.around(edge.from).contains(arm) || self.around(edge.to).contains(arm))
    }
}

/// The arrows that no longer way says already. A way through an arm says nothing of runs that take another.
pub(super) fn necessary(edges: &BTreeSet<Edge>, nodes: usize, ways: &Ways) -> Vec<Edge> {
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    for edge in edges.iter().chain(&ways.over) {
        if let Some(next) = next.get_mut(edge.from) {
            next.push(edge.to);
        }
    }
    let reaches = |edge: &Edge| {
        let mut seen = vec![false; nodes];
        let mut open: Vec<usize> = next.get(edge.from).into_iter().flatten().copied().filter(|at| *at != edge.to).collect();
        while let Some(at) = open.pop() {
            if at == edge.to {
                return true;
            }
            if !ways.passes(at, edge) {
                continue;
            }
            if let Some(seen) = seen.get_mut(at)
                && !std::mem::replace(seen, true)
            {
                open.extend(next.get(at).into_iter().flatten());
            }
        }
        false
    };
    edges.iter().copied().filter(|edge| !reaches(edge)).collect()
}
