//! Folding that a run was led over to another plan: its steps take their places in the new flow, and what depends on what is counted anew.

use super::{Phase, RunState, StepState};
use crate::event::SkipReason;
use crate::migrate::Moved;
use crate::pinned::{FlowGraph, Pinned};
use std::sync::Arc;
use tradewind_lang::plan::StepId;
use tradewind_lang::value::Value;

fn ids(count: usize) -> impl Iterator<Item = StepId> {
    (0..count).filter_map(|place| u16::try_from(place).ok().map(StepId))
}

impl RunState {
    /// Goes on by another plan.
    pub(crate) fn move_to(&mut self, pinned: &Arc<Pinned>, graph: &Arc<FlowGraph>, moved: &Moved) {
        let mut steps: Vec<StepState> = graph.nodes.iter().map(|node| StepState::new(node.blockers)).collect();
        for (old, new) in &moved.steps {
            let (Some(before), Some(after)) = (self.step(*old).cloned(), steps.get_mut(usize::from(new.0))) else { continue };
            *after = StepState { blockers: after.blockers, ..before };
            if matches!(after.phase, Phase::Ready) {
                after.phase = Phase::Waiting;
            }
        }
        for (id, value) in &moved.filled {
            let Some(step) = steps.get_mut(usize::from(id.0)) else { continue };
            (step.phase, step.value) = (Phase::Completed(None), value.clone());
        }
        for id in &moved.skipped {
            let Some(step) = steps.get_mut(usize::from(id.0)) else { continue };
            (step.phase, step.value) = (Phase::Skipped(SkipReason::Arm), Value::Null);
        }
        // A question's name counts how often its step has asked: what a step of the same name asked before counts, too.
        for (before, node) in self.steps.iter().zip(&self.graph.nodes) {
            let after = graph.find(&node.name).and_then(|id| steps.get_mut(usize::from(id.0)));
            if let Some(after) = after {
                after.asked = after.asked.max(before.asked);
            }
        }
        if let (Some(fork), Some(renames)) = (&self.fork, &moved.renamed) {
            self.fork = Some(Arc::new(fork.renamed(self.place(), renames)));
        }
        (self.pinned, self.graph, self.steps) = (pinned.clone(), graph.clone(), steps);
        self.count_anew();
    }

    /// What is kept beside the steps follows from them.
    fn count_anew(&mut self) {
        let graph = self.graph.clone();
        self.ready.clear();
        self.looping.clear();
        let is_settled = |state: &Self, id: StepId| state.step(id).is_none_or(|step| step.phase.is_settled());
        let settled: Vec<StepId> = ids(graph.nodes.len()).filter(|id| is_settled(self, *id)).collect();
        for id in settled {
            for dependent in graph.node(id).map_or(&[][..], |node| &node.dependents) {
                if let Some(step) = self.steps.get_mut(usize::from(dependent.0)) {
                    step.blockers = step.blockers.saturating_sub(1);
                }
            }
        }
        for id in ids(graph.nodes.len()) {
            let Some(Phase::Arm { arm, .. }) = self.step(id).map(|step| &step.phase) else { continue };
            let arm = *arm;
            let inside = graph.node(id).and_then(|node| node.arms.get(usize::from(arm))).map_or(&[][..], Vec::as_slice);
            let left = inside.iter().filter(|inner| !is_settled(self, **inner)).count();
            let left = u16::try_from(left).unwrap_or(u16::MAX);
            if let Some(step) = self.steps.get_mut(usize::from(id.0)) {
                step.phase = Phase::Arm { arm, left };
            }
        }
        let top = ids(graph.nodes.len()).filter(|id| graph.arm_around(*id).is_none() && graph.node(*id).is_some_and(|node| node.is_member));
        self.unsettled = u32::try_from(top.filter(|id| !is_settled(self, *id)).count()).unwrap_or(u32::MAX);
        self.sleeping = u32::try_from(self.sleeps().count()).unwrap_or(u32::MAX);
        for id in ids(graph.nodes.len()) {
            match self.step(id).map(|step| &step.phase) {
                Some(Phase::Waiting) => self.wake(id),
                Some(phase) if phase.may_start() => self.note_ready(id),
                _ => {}
            }
        }
    }
}
