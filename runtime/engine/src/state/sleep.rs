//! Folding waits for time and for events. Their time counts for the run's deadline, unlike a person's.

use super::{Phase, RunState, Sleep};
use std::sync::Arc;
use tradewind_lang::plan::StepId;

impl RunState {
    pub(super) fn fall_asleep(&mut self, id: StepId, until: i64, event: Option<&Arc<str>>, seq: u64) {
        self.set_phase(id, Phase::Sleeping(Arc::new(Sleep { until, event: event.cloned(), seq })));
        self.sleeping += 1;
    }

    /// Steps that wait for time or an event.
    pub fn sleeps(&self) -> impl Iterator<Item = (StepId, &Arc<Sleep>)> {
        self.steps.iter().enumerate().filter_map(|(place, step)| match &step.phase {
            Phase::Sleeping(sleep) => Some((StepId(u16::try_from(place).ok()?), sleep)),
            _ => None,
        })
    }
}
