//! Folding what is to be taken back: each reversal becomes a step of the run.

use super::{Phase, RunState, Standing, StepState};
use crate::undo::Reversal;
use std::sync::Arc;
use tradewind_lang::plan::StepId;
use tradewind_lang::value::Value;

impl RunState {
    /// What is taken back, newest first: by a step, or by the run as a whole.
    pub(super) fn take_back(&mut self, step: Option<StepId>, reversals: &[Arc<Reversal>]) {
        let (possible, left): (Vec<_>, Vec<_>) = reversals.iter().cloned().partition(|reversal| reversal.is_possible());
        if step.is_none() {
            self.left.extend(left);
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
        Self { phase: Phase::Waiting, value: Value::Null, blockers, asked: 0, before: None, done: None }
    }
}
