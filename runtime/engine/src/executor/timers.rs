//! Clocks of runs: one sleeper for the nearest of them. What a clock means is decided elsewhere.

use super::{Inside, Shard};
use crate::decide::{Input, Timer};
use std::cmp::Reverse;
use std::sync::Arc;
use tradewind_lang::plan::StepId;

/// When, a number that breaks ties, whose, and what for.
pub(super) type Alarm = (i64, u64, Arc<str>, TimerKey);

/// A timer in an order that only breaks ties.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TimerKey {
    Approval(Arc<str>),
    Deadline,
    Step(u16),
    Wait(u16),
    Repetition(u16),
    /// Of no run: the shard's own clocks for starts.
    Starts,
    /// Of no run: facts have been kept long enough.
    Sweep,
}

impl Shard {
    pub(super) fn ring(&mut self) {
        self.alarm = None;
        let now = self.now();
        while self.timers.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
            let Some(Reverse((_, _, run, key))) = self.timers.pop() else { break };
            let timer = match key {
                TimerKey::Approval(approval) if !self.books.inbox.contains_key(&approval) => continue,
                TimerKey::Approval(approval) => Timer::Approval(approval),
                TimerKey::Deadline => Timer::Deadline,
                TimerKey::Step(step) => Timer::Step(StepId(step)),
                TimerKey::Wait(step) => Timer::Wait(StepId(step)),
                TimerKey::Repetition(step) => Timer::Repetition(StepId(step)),
                TimerKey::Starts => {
                    self.starts_are_due();
                    continue;
                }
                TimerKey::Sweep => {
                    self.sweep();
                    continue;
                }
            };
            self.push(&run, Input::Due { timer }, None);
        }
    }

    pub(super) fn set_timer(&mut self, run: &Arc<str>, timer: Timer, at: i64) {
        let key = match timer {
            Timer::Approval(approval) => TimerKey::Approval(approval),
            Timer::Deadline => TimerKey::Deadline,
            Timer::Step(step) => TimerKey::Step(step.0),
            Timer::Wait(step) => TimerKey::Wait(step.0),
            Timer::Repetition(step) => TimerKey::Repetition(step.0),
        };
        self.timer_count += 1;
        // Clocks of runs that ended are dropped now and then, so that they cost no more than those that still run.
        if self.timers.len() > 1024 + 4 * (self.running + self.waiting) {
            let books = &mut self.books;
            self.timers.retain(|Reverse((_, _, run, _))| run.is_empty() || books.live(run).is_some());
        }
        self.timers.push(Reverse((at, self.timer_count, run.clone(), key)));
    }

    /// Sets a clock of the shard's own.
    pub(super) fn set_own_timer(&mut self, at: i64, key: TimerKey) {
        self.timer_count += 1;
        self.timers.push(Reverse((at, self.timer_count, "".into(), key)));
    }

    pub(crate) fn next_alarm(&self) -> Option<i64> {
        self.timers.peek().map(|Reverse((at, ..))| *at)
    }

    /// One sleeper for the nearest timer.
    pub(super) fn set_alarm(&mut self) {
        let Some(Reverse((at, ..))) = self.timers.peek() else { return };
        let at = *at;
        match &self.alarm {
            Some((set, _)) if *set <= at => return,
            Some((_, sleeper)) => sleeper.abort(),
            None => {}
        }
        let (clock, inside) = (self.ports.clock.clone(), self.inside.clone());
        let sleeper = tokio::spawn(async move {
            clock.sleep_until(at).await;
            let _ = inside.send(Inside::Tick);
        });
        self.alarm = Some((at, sleeper));
    }
}
