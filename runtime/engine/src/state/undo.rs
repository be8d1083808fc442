//! Folding what is to be taken back: each reversal becomes a step of the run.

use super::{Phase, RunState, Standing, StepState};
use crate::child::Part;
use crate::pinned::FlowGraph;
use crate::undo::Reversal;
use std::sync::Arc;
use tradewind_lang::plan::{OnError, StepId};
use tradewind_lang::value::Value;

impl RunState {
    /// Whether the failure of a step takes back what the run did: as the step says, or, for an item, as its `each` does.
    pub(super) fn is_taken_back_after(&self, id: StepId) -> bool {
        let wants = |graph: &FlowGraph, id: StepId| graph.step(id).is_some_and(|step| step.on_error == OnError::Undo);
        let loops = self.parent.as_ref().filter(|parent| matches!(parent.part, Part::Item(_))).and_then(|parent| parent.step);
        wants(&self.graph, id) || loops.zip(self.outer.as_ref()).is_some_and(|(each, outer)| wants(&outer.graph, each))
    }

    /// What is taken back, newest first: by a step, or by the run as a whole.
    pub(super) fn take_back(&mut self, step: Option<StepId>, reversals: &[Arc<Reversal>]) {
        let (possible, left): (Vec<_>, Vec<_>) = reversals.iter().cloned().partition(|reversal| reversal.is_possible());
        if step.is_none() {
            self.left.extend(left);
            self.takes_back = false;
        }
        let first = self.steps.len();
        self.graph = Arc::new(self.graph.with_reversals(step, &possible));
        let added = self.graph.nodes.iter().skip(first);
        self.steps.extend(added.map(|node| StepState::new(node.blockers)));
        match step {
            Some(step) => self.take_arm(step, 0),
            None => {
                if let Standing::Failing(failure) = &self.standing {
                    // Nothing else of the run begins any more.
                    self.standing = Standing::Undoing(failure.clone());
                    self.ready.clear();
                    self.unsettled = 0;
                }
                self.unsettled += u32::try_from(possible.len()).unwrap_or(u32::MAX);
                if self.standing != Standing::New && self.standing != Standing::Held {
                    let added = first..self.steps.len();
                    added.filter_map(|place| u16::try_from(place).ok()).for_each(|place| self.wake(StepId(place)));
                }
            }
        }
    }
}

impl StepState {
    pub(super) fn new(blockers: u16) -> Self {
        Self {
            phase: Phase::Waiting,
            value: Value::Null,
            blockers,
            asked: 0,
            slept: false,
            before: None,
            done: None,
            inherited: None,
            talk: None,
            label: None,
        }
    }
}
