//! Clocks and waits: never early, never twice, and not late while somebody is there to hear them (I18).

use super::Judge;
use crate::event::{Event, EventKind};
use crate::schedule::{Schedule, words};
use std::collections::BTreeMap;
use std::sync::Arc;
use tradewind_lang::plan::{Cause, Plan};

#[derive(Default)]
pub(in super::super) struct Timely {
    /// Until when each step waits.
    waits: BTreeMap<(Arc<str>, u16), i64>,
    struck: BTreeMap<(Arc<str>, Arc<str>), i64>,
}

impl Timely {
    /// Whether a step of a run waits for time, or for an event.
    pub(super) fn waits(&self, run: &Arc<str>) -> bool {
        self.waits.keys().any(|(of, _)| of == run)
    }

    /// Where a run waits and until when: it waits there no more.
    pub(super) fn take_waits(&mut self, run: &Arc<str>) -> Vec<(u16, i64)> {
        let found: Vec<(u16, i64)> = self.waits.iter().filter(|((of, _), _)| of == run).map(|((_, step), until)| (*step, *until)).collect();
        self.waits.retain(|(of, _), _| of != run);
        found
    }

    pub(super) fn wait(&mut self, run: &Arc<str>, step: u16, until: i64) {
        self.waits.insert((run.clone(), step), until);
    }
}

/// How late anything may be.
const LATE: i64 = 1_000_000;

pub(super) fn look(judge: &mut Judge, event: &Event) {
    let at = event.header.at;
    if let EventKind::ScheduleFired { flow, clock, at: instant, .. } = &event.kind {
        let before = judge.timely.struck.insert((flow.clone(), clock.clone()), *instant);
        if *instant > at || before.is_some_and(|before| before >= *instant) || !strikes(&judge.plan, flow, clock, *instant) {
            judge.violated("I18", format!("clock `{clock}` of `{flow}` struck at {at} for {instant}, after {before:?}"));
        }
    }
    let (Some(run), Some(step)) = (&event.header.run, &event.header.step) else { return };
    let place = (run.clone(), step.id.0);
    match &event.kind {
        EventKind::WaitBegun { until, .. } => drop(judge.timely.waits.insert(place, *until)),
        EventKind::WaitEnded { .. } => match judge.timely.waits.remove(&place) {
            Some(until) if at >= until => {}
            until => judge.violated("I18", format!("a wait of run {run} until {until:?} ended at {at}")),
        },
        EventKind::EventTaken { received_at, .. } => match judge.timely.waits.remove(&place) {
            Some(until) if *received_at < until => {}
            until => judge.violated("I18", format!("a wait of run {run} until {until:?} took an event of {received_at}")),
        },
        _ => {}
    }
}

/// Whether a clock of the plan strikes at an instant.
fn strikes(plan: &Plan, flow: &str, clock: &str, at: i64) -> bool {
    let triggers = plan.flows.get(flow).into_iter().flat_map(|flow| &flow.terms.triggers);
    triggers.into_iter().any(|trigger| match &trigger.cause {
        Cause::Schedule { times, time_zone, .. } => {
            let zone = time_zone.as_ref().unwrap_or(&plan.project.time_zone);
            words(times, zone) == clock && Schedule::new(times, zone).is_ok_and(|schedule| schedule.next_after(at - 1) == Some(at))
        }
        _ => false,
    })
}

/// What should have run out by now: everything is quiet, and the engine is up.
pub(in super::super) fn overdue(judge: &mut Judge, now: i64) {
    let is_live = |run: &Arc<str>| judge.runs.get(run).is_some_and(|run| run.ended.is_none() && !run.paused && !run.ending);
    let waits = judge.timely.waits.iter().map(|((run, _), until)| (run, *until));
    let late: Vec<String> = waits
        .chain(judge.questions.due())
        .filter(|(run, until)| is_live(run) && *until + LATE < now)
        .map(|(run, until)| format!("run {run} still waits until {until}, and it is {now}"))
        .collect();
    late.into_iter().for_each(|what| judge.violated("I18", what));
}
