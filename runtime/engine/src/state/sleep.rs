//! Folding waits for time and for events. Their time counts for the run's deadline, unlike a person's.

use super::{Phase, RunState, Sleep};
use crate::event::EventKind;
use std::sync::Arc;
use tradewind_lang::plan::{StepId, StepKind};
use tradewind_lang::value::Value;

impl RunState {
    /// What happens to waits, and to the events that end them.
    pub(super) fn fold_wait(&mut self, id: StepId, kind: &EventKind, at: i64, seq: u64) {
        match kind {
            EventKind::WaitBegun { until, event } => self.fall_asleep(id, *until, event.as_ref(), seq),
            EventKind::WaitEnded { then: None } => self.wake_up(id, at),
            // What follows says what became of the step.
            EventKind::WaitEnded { then: Some(_) } => {}
            EventKind::EventTaken { event, value, .. } => {
                self.taken.push(*event);
                self.settle(id, Phase::Completed(None), value.clone(), at);
            }
            EventKind::EventEmitted(_) => self.settle(id, Phase::Completed(None), Value::record([]), at),
            _ => {}
        }
    }

    fn fall_asleep(&mut self, id: StepId, until: i64, event: Option<&Arc<str>>, seq: u64) {
        self.set_phase(id, Phase::Sleeping(Arc::new(Sleep { until, event: event.cloned(), seq })));
        self.sleeping += 1;
    }

    /// The time of a step is over: a `wait` has come to its end, an act to its beginning.
    fn wake_up(&mut self, id: StepId, at: i64) {
        if matches!(self.graph.step(id).map(|step| &step.kind), Some(StepKind::Wait(_))) {
            return self.settle(id, Phase::Completed(None), Value::record([]), at);
        }
        if let Some(Phase::Sleeping(_)) = self.set_phase(id, Phase::Ready) {
            self.sleeping = self.sleeping.saturating_sub(1);
        }
        if let Some(step) = self.steps.get_mut(usize::from(id.0)) {
            step.slept = true;
        }
    }

    /// Steps that wait for time or an event.
    pub fn sleeps(&self) -> impl Iterator<Item = (StepId, &Arc<Sleep>)> {
        self.steps.iter().enumerate().filter_map(|(place, step)| match &step.phase {
            Phase::Sleeping(sleep) => Some((StepId(u16::try_from(place).ok()?), sleep)),
            _ => None,
        })
    }
}
