//! How far each clock of the active plan is, as the log says. It fires nothing.

use crate::event::{Event, EventKind};
use crate::schedule::words;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use tradewind_lang::plan::{Cause, Plan};

/// A flow, and which of its clocks.
pub(crate) type Clock = (Arc<str>, Arc<str>);

/// The instant up to which each clock is done.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Schedules {
    done: BTreeMap<Clock, i64>,
}

impl Schedules {
    /// A clock that is new counts from the instant at which its plan became the active one; one that is gone is forgotten.
    pub(crate) fn adopt(&mut self, plan: &Plan, at: i64) {
        let mut done = BTreeMap::new();
        for (flow, trigger) in plan.flows.values().flat_map(|flow| flow.terms.triggers.iter().map(move |trigger| (flow, trigger))) {
            if let Cause::Schedule { times, time_zone, .. } = &trigger.cause {
                let zone = time_zone.as_ref().unwrap_or(&plan.project.time_zone);
                let clock: Clock = (flow.name.as_str().into(), words(times, zone).into());
                let since = self.done.get(&clock).copied().unwrap_or(at);
                done.insert(clock, since);
            }
        }
        self.done = done;
    }

    pub(crate) fn fold(&mut self, event: &Event) {
        if let EventKind::ScheduleFired { flow, clock, at, .. } = &event.kind
            && let Some(done) = self.done.get_mut(&(flow.clone(), clock.clone()))
        {
            *done = (*done).max(*at);
        }
    }

    pub(crate) fn done(&self, clock: &Clock) -> Option<i64> {
        self.done.get(clock).copied()
    }
}
