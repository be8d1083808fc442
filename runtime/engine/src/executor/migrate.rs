//! Runs that wait are led over to the active plan, where it says how: when it becomes active, when a log is opened with it, and when a run
//! comes to wait later. What was set by the places of the steps before is set anew.

use super::timers::TimerKey;
use super::{Entry, Live, Shard};
use crate::decide::{Input, Timer};
use crate::migrate::{Leads, lead};
use crate::pinned::Pinned;
use crate::planted::{Bug, planted};
use std::cmp::Reverse;
use std::sync::Arc;

impl Shard {
    /// Has a run led over that waits, where the active plan says how.
    pub(super) fn lead_over(&mut self, run: &Arc<str>) {
        if self.leads_over(run) {
            self.push(run, Input::Migrate, None);
        }
    }

    /// Whether the active plan leads a run over, as it stands.
    fn leads_over(&self, run: &str) -> bool {
        match self.books.runs.get(run) {
            Some(Entry::Live(live)) => {
                let is_still = !live.busy && live.mailbox.is_empty() && live.state.first > 0;
                is_still && !self.active.plan.migrations.is_empty() && matches!(lead(&live.state, &self.active), Leads::Over(_))
            }
            _ => false,
        }
    }

    /// A plan is active: every run that waits is looked at.
    pub(super) fn look_at_all(&mut self) {
        // Whoever only steers sets no run going; whoever is not taken up yet is looked at when he is.
        if self.active.plan.migrations.is_empty() || self.steer_only || planted(Bug::MigrationForgotten) {
            return;
        }
        let at_work = |entry: &Entry<Live>| matches!(entry, Entry::Live(live) if live.standing.is_at_work());
        let mut runs: Vec<Arc<str>> = self.books.runs.iter().filter(|(_, entry)| at_work(entry)).map(|(run, _)| run.clone()).collect();
        // In an order of their own, so that a restart does the same.
        runs.sort_unstable();
        self.runnable.extend(runs);
    }

    /// A run was led over: what knows steps by their places is forgotten, and taken up again.
    pub(super) fn was_led_over(&mut self, run: &Arc<str>) {
        for waiting in self.listeners.values_mut() {
            waiting.remove(run);
        }
        let of_step = |key: &TimerKey| matches!(key, TimerKey::Step(_) | TimerKey::Wait(_) | TimerKey::Repetition(_));
        self.timers.retain(|Reverse((_, _, of, key))| of != run || !of_step(key));
        if let Some(live) = self.books.live(run) {
            // An event is looked for again, and a clock is set again.
            let of_step = |input: &Input| {
                matches!(input, Input::Arrived { .. } | Input::Due { timer: Timer::Step(_) | Timer::Wait(_) | Timer::Repetition(_) })
            };
            live.mailbox.retain(|(input, _)| !of_step(input));
            live.mailbox.push_front((Input::Resume, None));
        }
    }

    /// What a plan would mean for a run as it stands now.
    pub(crate) fn lead_of(&self, run: &str, next: &Pinned) -> Leads {
        match self.books.runs.get(run) {
            Some(Entry::Live(live)) => lead(&live.state, next),
            _ => Leads::Nowhere,
        }
    }
}
