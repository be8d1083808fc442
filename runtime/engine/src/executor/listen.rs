//! Steps that wait for an event: an index by its name, so that an event touches only runs that wait for one like it.

use super::{Entry, Shard};
use crate::arrivals::Arrived;
use crate::decide::{Input, takes};
use crate::scope::whole;
use std::sync::Arc;
use tradewind_lang::plan::StepId;

impl Shard {
    /// A step begins to wait, or waits again after a restart. What came since its run began counts.
    pub(super) fn listen(&mut self, run: &Arc<str>, step: StepId, event: &Arc<str>) {
        let steps = self.listeners.entry(event.clone()).or_default().entry(run.clone()).or_default();
        if !steps.contains(&step) {
            steps.push(step);
        }
        let Some(Entry::Live(live)) = self.books.runs.get(run) else { return };
        let state = &live.state;
        let found = self.books.arrivals.after(event, whole(state).first).find(|arrived| {
            let Arrived { seq, at, arrival, .. } = arrived;
            takes(state, step, (*seq, *at), &arrival.payload)
        });
        if let Some(arrived) = found.cloned() {
            self.hand(run, step, &arrived);
        }
    }

    /// An event is durable: whoever waits for it is told. Those that wait no more are forgotten.
    pub(super) fn tell_listeners(&mut self, arrived: &Arrived) {
        let Some(mut waiting) = self.listeners.remove(&arrived.arrival.name) else { return };
        let mut found = Vec::new();
        waiting.retain(|run, steps| {
            let Some(Entry::Live(live)) = self.books.runs.get(run) else { return false };
            let state = &live.state;
            steps.retain(|step| state.sleeps().any(|(asleep, _)| asleep == *step));
            let takes = |step: &&StepId| takes(state, **step, (arrived.seq, arrived.at), &arrived.arrival.payload);
            // One event is for one step of a run: the first in the order of the flow.
            found.extend(steps.iter().filter(takes).min().map(|step| (run.clone(), *step)));
            !steps.is_empty()
        });
        if !waiting.is_empty() {
            self.listeners.insert(arrived.arrival.name.clone(), waiting);
        }
        found.into_iter().for_each(|(run, step)| self.hand(&run, step, arrived));
    }

    fn hand(&mut self, run: &Arc<str>, step: StepId, arrived: &Arrived) {
        let payload = arrived.arrival.payload.clone();
        self.push(run, Input::Arrived { step, event: arrived.seq, received_at: arrived.at, payload }, None);
    }
}
