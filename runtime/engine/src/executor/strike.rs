//! Clocks that start runs. The log says how far each is, so that no restart and no clock set back makes it strike twice.

use super::Shard;
use super::dispatch::{Origin, runnable};
use super::timers::TimerKey;
use crate::event::EventKind;
use crate::key::run_id;
use crate::pinned::{FlowGraph, Pinned};
use crate::planted::{Bug, planted};
use crate::schedule::{Schedule, words};
use crate::schedules::Clock;
use crate::trigger::{self, Happening};
use std::sync::Arc;
use tradewind_lang::plan::{CatchUp, Cause, Micros, Trigger};

/// How late a clock may be heard and still be on time.
const ON_TIME: Micros = 60_000_000;
/// Most runs for instants that were missed; the newest are kept.
pub(crate) const MOST_MISSED: usize = 1000;
/// Most instants that are counted at once, of those that were missed.
const MOST_COUNTED: usize = 100_000;

impl Shard {
    /// Starts what clocks start by now, and sets the next alarm.
    pub(super) fn strike(&mut self) {
        if !self.schedules {
            return;
        }
        let active = self.active.clone();
        let mut next: Option<i64> = None;
        for (graph, trigger) in active.clocks() {
            let Cause::Schedule { times, catch_up, time_zone } = &trigger.cause else { continue };
            let zone = time_zone.as_ref().unwrap_or(&active.plan.project.time_zone);
            let clock: Clock = (graph.name.clone(), words(times, zone).into());
            // The compiler has read both; a plan that came another way has no such clock.
            let Ok(schedule) = Schedule::new(times, zone) else { continue };
            if self.striking.contains(&clock) {
                continue;
            }
            let Some(done) = self.books.schedules.done(&clock) else { continue };
            let now = self.now();
            let early = if planted(Bug::ScheduleEarly) { 180 * ON_TIME } else { 0 };
            let due = schedule.between(done, now + early, MOST_COUNTED);
            if let Some((at, passed)) = pick(&due, *catch_up, now) {
                self.strike_at(&active, (graph, trigger), clock, (at, passed));
            } else if let Some(latest) = due.last() {
                self.striking.insert(clock.clone());
                let passed = due.len() as u64;
                let (flow, clock, at) = (clock.0, clock.1, *latest);
                self.write_down(EventKind::ScheduleFired { flow, clock, at, run: None, passed, failed: None }, None, 0, None);
            } else {
                let at = schedule.next_after(now.max(done));
                next = next.into_iter().chain(at).min();
            }
        }
        if let Some(at) = next {
            self.set_own_timer(at, TimerKey::Starts);
        }
    }

    fn strike_at(&mut self, active: &Pinned, (graph, trigger): (&Arc<FlowGraph>, &Trigger), clock: Clock, (at, passed): (i64, u64)) {
        self.striking.insert(clock.clone());
        let origin = Origin::Clock { clock: clock.clone(), at, passed };
        let own_key: Arc<str> = format!("{} {}", clock.1, tradewind_lang::literal::timestamp_text(at)).into();
        let (id, _) = run_id(&active.tenant, &graph.name, &own_key);
        let happening = Happening { carried: None, at, id: &id };
        let wanted = runnable(active, graph).and_then(|()| trigger::input(active, graph, trigger, &happening));
        match wanted.and_then(|input| Ok((trigger::key(graph, &input)?.unwrap_or(own_key), input))) {
            Ok((key, input)) => self.begin_start(graph, (key, input, "schedule".into()), origin),
            Err(why) => self.fired(clock, (at, passed), Err(why)),
        }
    }

    /// A clock's run is durable, or there will be none.
    pub(super) fn fired(&mut self, clock: Clock, (at, passed): (i64, u64), run: Result<Arc<str>, String>) {
        let (run, failed) = match run {
            Ok(run) => (Some(run), None),
            Err(why) => (None, Some(why)),
        };
        let (flow, clock) = clock;
        self.write_down(EventKind::ScheduleFired { flow, clock, at, run, passed, failed }, None, 0, None);
    }

    /// That is in the log: the clock goes on from there.
    pub(super) fn struck(&mut self, flow: &Arc<str>, clock: &Arc<str>) {
        self.striking.remove(&(flow.clone(), clock.clone()));
        self.strike();
    }
}

/// Which of the instants that are due strikes next, and how many before it are passed over.
fn pick(due: &[i64], catch_up: CatchUp, now: i64) -> Option<(i64, u64)> {
    let latest = *due.last()?;
    match catch_up {
        CatchUp::Skip if latest < now.saturating_sub(ON_TIME) => None,
        CatchUp::Skip | CatchUp::Latest => Some((latest, due.len() as u64 - 1)),
        CatchUp::All => {
            let passed = due.len().saturating_sub(MOST_MISSED);
            due.get(passed).map(|at| (*at, passed as u64))
        }
    }
}
