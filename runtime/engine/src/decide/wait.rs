//! Waits: for time to pass, or for an event; and the events that a run tells of. An instant is fixed when a wait begins, so that
//! no restart and no clock moves it.

use super::{Cause, Effect, Round, Timer};
use crate::arrival::{Arrival, emitted_id};
use crate::event::{EventKind, SkipReason, Used};
use crate::failure::{Failure, FailureKind};
use crate::fit;
use crate::planted::{Bug, planted};
use crate::scope::{StepScope, WithEvent, whole};
use crate::state::{Phase, RunState, Sleep};
use std::sync::Arc;
use tradewind_lang::plan::{Emit, OnTimeout, StepId, StepKind, Until, Wait};
use tradewind_lang::ty::Ty;
use tradewind_lang::value::Value;

pub(super) fn start(round: &mut Round<'_>, id: StepId, wait: &Wait) {
    let until = match &wait.until {
        Until::Span(span) => match round.evaluate(span) {
            Ok(Value::Duration(span)) => Ok(round.now.saturating_add(span.max(0))),
            Ok(_) => Err(format!("`{}` has no value", span.source)),
            Err(message) => Err(message),
        },
        Until::Instant(instant) => match round.evaluate(instant) {
            Ok(Value::Timestamp(at)) => Ok(at),
            Ok(_) => Err(format!("`{}` has no value", instant.source)),
            Err(message) => Err(message),
        },
        Until::Event { within, .. } => Ok(round.now.saturating_add(*within)),
    };
    let event: Option<Arc<str>> = match &wait.until {
        Until::Event { event, .. } => Some(event.as_str().into()),
        Until::Span(_) | Until::Instant(_) => None,
    };
    match until {
        Ok(until) => {
            round.emit(Some(id), EventKind::WaitBegun { until, event: event.clone() }, Used::State, None);
            listen(round, id, until, event);
        }
        Err(message) => round.fail_rule(id, message),
    }
}

/// Whether an act is put off to a later instant. What it is to do is worked out then, and judged by the policies of then.
pub(super) fn is_put_off(round: &mut Round<'_>, id: StepId) -> bool {
    let graph = round.state.graph.clone();
    let slept = round.state.step(id).is_none_or(|step| step.slept);
    let Some(not_before) = graph.step(id).and_then(|step| step.bounds.not_before.as_ref()).filter(|_| !slept) else { return false };
    match round.evaluate(not_before) {
        Ok(Value::Timestamp(until)) if until > round.now => {
            round.emit(Some(id), EventKind::WaitBegun { until, event: None }, Used::State, None);
            listen(round, id, until, None);
            true
        }
        Ok(Value::Timestamp(_)) => false,
        Ok(_) => {
            round.fail_rule(id, format!("`{}` has no value", not_before.source));
            true
        }
        Err(message) => {
            round.fail_rule(id, message);
            true
        }
    }
}

/// Events first: what came in time counts, also where the time is over by now.
fn listen(round: &mut Round<'_>, id: StepId, until: i64, event: Option<Arc<str>>) {
    if let Some(event) = event {
        round.perform(Effect::Listen { step: id, event });
    }
    round.perform(Effect::Timer { timer: Timer::Wait(id), at: until - i64::from(planted(Bug::WaitEarly)) });
}

/// Waits that were found in the log go on.
pub(super) fn take_up(round: &mut Round<'_>) {
    let sleeps: Vec<(StepId, Arc<Sleep>)> = round.state.sleeps().map(|(id, sleep)| (id, sleep.clone())).collect();
    for (id, sleep) in sleeps.into_iter().filter(|_| !planted(Bug::WaitForgottenAtRestart)) {
        listen(round, id, sleep.until, sleep.event.clone());
    }
}

fn asleep(round: &Round<'_>, id: StepId) -> Option<Arc<Sleep>> {
    match &round.state.step(id)?.phase {
        Phase::Sleeping(sleep) if round.is_running() => Some(sleep.clone()),
        _ => None,
    }
}

/// Input: the time of a wait is over.
pub(super) fn ran_out(round: &mut Round<'_>, id: StepId) {
    let Some(sleep) = asleep(round, id).filter(|sleep| round.now >= sleep.until - i64::from(planted(Bug::WaitEarly))) else { return };
    let declared = match round.state.graph.step(id).map(|step| &step.kind) {
        Some(StepKind::Wait(wait)) => wait.on_timeout.unwrap_or(OnTimeout::Stop),
        _ => OnTimeout::Stop,
    };
    let then = sleep.event.is_some().then_some(declared);
    round.emit_as(Some(id), EventKind::WaitEnded { then }, Used::Clock, None, None, Cause::Seq(sleep.seq));
    match (then, &sleep.event) {
        (Some(OnTimeout::Skip), _) => round.emit(Some(id), EventKind::StepSkipped { why: SkipReason::TimeOut }, Used::Clock, None),
        (Some(_), Some(event)) => {
            let failure = Failure::new(FailureKind::TimeOut, format!("the event `{event}` did not come in time"));
            round.emit(Some(id), EventKind::StepFailed { failure, goes_on: false }, Used::Clock, None);
        }
        _ => {}
    }
}

/// Whether a step that sleeps takes an event: the one it waits for, received since the run began and in time, that no other step of
/// the run has, and for which its `where` is true. A `where` without a value is not true: one odd event stops nobody.
pub(crate) fn takes(state: &RunState, id: StepId, (event, received_at): (u64, i64), payload: &Value) -> bool {
    let Some(Phase::Sleeping(sleep)) = state.step(id).map(|step| &step.phase) else { return false };
    let Some(StepKind::Wait(wait)) = state.graph.step(id).map(|step| &step.kind) else { return false };
    let Until::Event { condition, .. } = &wait.until else { return false };
    if event <= whole(state).first || received_at >= sleep.until || state.taken.contains(&event) {
        return false;
    }
    let Some(condition) = condition else { return true };
    // The instant of the event, so that it is judged alike whenever it is looked at.
    let scope = WithEvent { event: payload, around: StepScope { state, now: received_at } };
    matches!(condition.evaluate(&scope), Ok(Value::Bool(true)))
}

/// Input: an event came that the step may be waiting for.
pub(super) fn arrived(round: &mut Round<'_>, id: StepId, (event, received_at): (u64, i64), payload: &Value) {
    if asleep(round, id).is_some() && takes(&round.state, id, (event, received_at), payload) {
        let kind = EventKind::EventTaken { event, received_at, value: payload.clone() };
        round.emit_as(Some(id), kind, Used::State, None, None, Cause::Seq(event));
    }
}

/// `act { emit }`: its event is durable with the step, so that it is told exactly once.
pub(super) fn emit(round: &mut Round<'_>, id: StepId, emit: &Emit) {
    let types = &round.state.pinned.plan.types;
    let payload = round.bind(&emit.fields).and_then(|fields| {
        let payload = crate::trigger::complete(types, &emit.event, &fields);
        fit::value(&Ty::Record(emit.event.clone()), &payload, types)?;
        crate::arrival::within_bounds(&payload)?;
        Ok(payload)
    });
    match payload {
        Ok(payload) if super::inherit::is_told(round, id, &emit.event, &payload) => {}
        Ok(payload) => {
            let name = round.state.graph.node(id).map_or_else(|| "".into(), |node| node.name.clone());
            let arrival = Arrival {
                name: emit.event.as_str().into(),
                source: round.state.pinned.tenant.clone(),
                account: "".into(),
                id: emitted_id(&round.state.id, &name),
                payload,
            };
            round.emit(Some(id), EventKind::EventEmitted(Arc::new(arrival)), Used::State, None);
        }
        Err(message) => round.fail_rule(id, message),
    }
}
