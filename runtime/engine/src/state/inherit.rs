//! Folding what a fork takes over from the run that it was forked from.

use super::effects::value_of_act;
use super::{Phase, RunState};
use crate::fork::{CameTo, Inherited, Kept};
use std::sync::Arc;
use tradewind_lang::plan::{StepId, StepKind};
use tradewind_lang::value::Value;

impl RunState {
    /// Whose place it has: its own, or, in a fork, that of the run that it stands for.
    #[must_use]
    pub fn place(&self) -> &Arc<str> {
        match (&self.parent, &self.fork) {
            (Some(parent), Some(_)) => parent.place.as_ref().unwrap_or(&self.id),
            (None, Some(fork)) => &fork.origin,
            (_, None) => &self.id,
        }
    }

    pub(super) fn keep(&mut self, id: StepId, kept: &Kept, at: i64) {
        self.note_inherited(id, &kept.of);
        let (phase, value) = match &kept.came_to {
            CameTo::Value(value, by) => (Phase::Completed(*by), value.clone()),
            CameTo::Skipped(why) => (Phase::Skipped(why.clone()), Value::Null),
            CameTo::Denied(rule, message) => (Phase::Denied { rule: rule.clone(), message: message.clone() }, Value::Null),
            CameTo::Failed(failure) => (Phase::Failed(Arc::new(failure.clone())), Value::Null),
            // An arm is taken anew; what it comes to follows from its steps.
            CameTo::Arm(_) => return,
        };
        self.settle(id, phase, value, at);
        self.skip_arms(id, None);
    }

    pub(super) fn inherit(&mut self, id: StepId, done: &Inherited, at: i64) {
        self.note_inherited(id, &done.run);
        let answer = done.answer.clone().unwrap_or(Value::Null);
        let value = match self.graph.step(id).map(|step| &step.kind) {
            // An event that is told of comes to nothing.
            Some(StepKind::Emit(_)) => Value::record([]),
            _ => value_of_act(&answer, &done.request),
        };
        self.settle(id, Phase::Completed(Some(done.by)), value, at);
    }

    fn note_inherited(&mut self, id: StepId, of: &Arc<str>) {
        if let Some(step) = self.steps.get_mut(usize::from(id.0)) {
            step.inherited = Some(of.clone());
        }
    }
}
