//! Effects under way: answers, failures, doubt. A doubtful outcome is settled by the declared lookup,
//! by a harmless repetition, or by a person; never by a blind repeat.

use super::{Cause, Effect, Round, Timer, act, bind, call, person};
use crate::backoff::{Unreached, asked_for, retry_at};
use crate::event::{EventKind, Next, Outcome, SettledBy, Used};
use crate::failure::{Failure, FailureKind};
use crate::planted::{Bug, planted};
use crate::ports::{CallFailure, CallOutcome};
use crate::scope::{Names, run_value};
use crate::state::{LEAVES, NOT_DONE, OpenEffect, Phase};
use std::sync::Arc;
use tradewind_lang::expr::Expr;
use tradewind_lang::plan::{Idempotent, Lookup, Micros, Retry, StepId};
use tradewind_lang::value::Value;

/// How long a provider may still be at work after a connection broke.
const BROKEN: Micros = 2_000_000;
const NO_REQUEST: &str = "the request of its lookup has no value";
const NO_RETRY: Retry = Retry { max: 0, from: 0, to: 0, when: Vec::new() };

/// The open effect of a step, if this attempt is the one under way.
fn open(round: &Round<'_>, id: StepId, attempt: u32) -> Option<Arc<OpenEffect>> {
    match &round.state.step(id)?.phase {
        Phase::Effect(effect) if effect.attempt == attempt && effect.next != Some(Next::Person) => Some(effect.clone()),
        _ => None,
    }
}

fn retry(round: &Round<'_>, effect: &OpenEffect) -> Retry {
    round.operation(&effect.intent.operation).map_or(NO_RETRY, |(_, connector)| connector.retry.clone())
}

fn emit(round: &mut Round<'_>, id: StepId, effect: &OpenEffect, kind: EventKind, used: Used) {
    let cause = if round.decision.events.is_empty() { Cause::Seq(effect.seq) } else { Cause::First };
    round.emit_as(Some(id), kind, used, None, None, cause);
}

fn settle(round: &mut Round<'_>, id: StepId, effect: &OpenEffect, outcome: Outcome, by: SettledBy, used: Used) {
    let goes_on = round.goes_on_after_failure(id);
    let kind = EventKind::EffectSettled { outcome, by, attempt: effect.attempt, goes_on };
    if planted(Bug::SettledTwice) {
        emit(round, id, effect, kind.clone(), used.clone());
    }
    emit(round, id, effect, kind, used);
}

fn attempted(round: &mut Round<'_>, id: StepId, effect: &OpenEffect, doubt: bool, why: (&str, &str), next: Next, used: Used) {
    let kind = EventKind::EffectAttempted { attempt: effect.attempt, doubt, code: why.0.to_owned(), message: why.1.to_owned(), next };
    emit(round, id, effect, kind, used);
    follow(round, id);
}

/// Issues what an open effect's state says comes next.
pub(super) fn follow(round: &mut Round<'_>, id: StepId) {
    let Some(Phase::Effect(effect)) = round.state.step(id).map(|step| step.phase.clone()) else { return };
    match effect.next {
        Some(Next::Send(at)) if effect.waits => {
            round.perform(Effect::Timer { timer: Timer::Repetition(id), at });
        }
        Some(Next::Send(at)) => send(round, id, &effect, at),
        Some(Next::Lookup(at)) => match lookup(round, id, &effect, (1, Unreached::default()), at) {
            Some(issued) => round.decision.effects.push(issued),
            None => give_up(round, id, &effect, NO_REQUEST, Used::State),
        },
        Some(Next::Person) | None => {}
    }
}

fn send(round: &mut Round<'_>, id: StepId, effect: &OpenEffect, at: i64) {
    let until = if effect.relies { too_late(round, effect) } else { i64::MAX };
    match act::perform(round, id, &effect.intent, effect.attempt, (at, until)) {
        Some(issued) => round.decision.effects.push(issued),
        None => give_up(round, id, effect, "it cannot be sent again", Used::State),
    }
}

/// The time of a repetition has come. That it leaves is written down before it does: by the clock alone, nobody who finds it in the log
/// could tell whether it was sent, as a clock may be set back.
pub(super) fn leaves(round: &mut Round<'_>, id: StepId) {
    let Some(Phase::Effect(effect)) = round.state.step(id).map(|step| step.phase.clone()) else { return };
    let is_due = effect.waits && matches!(effect.next, Some(Next::Send(at)) if at <= round.now);
    if !is_due {
        return;
    }
    // Its run ends, and it is certain that it did not happen: then it does not happen any more.
    if !round.is_working() && !effect.relies {
        return settle(round, id, &effect, Outcome::Failed(too_late_for()), SettledBy::Answer, Used::Clock);
    }
    // While it is frozen nothing leaves: its clock is set again by the thaw.
    if round.state.is_frozen(id) {
        return;
    }
    let (attempt, doubt, next) = (effect.attempt, effect.doubt, Next::Send(round.now));
    let kind = EventKind::EffectAttempted { attempt, doubt, code: LEAVES.to_owned(), message: "its pause is over".to_owned(), next };
    emit(round, id, &effect, kind, Used::Clock);
    send(round, id, &effect, round.now);
}

fn too_late_for() -> Failure {
    Failure::new(FailureKind::Api, "it did not happen, and its run ended before it was sent again")
}

/// The run ends. What certainly did not happen, and waits for its time to be sent again, is not waited for, however long a provider wanted
/// to be left alone. What may have happened is settled first.
pub(super) fn let_go(round: &mut Round<'_>) {
    let steps: Vec<StepId> = round.state.repetitions().map(|(id, _)| id).collect();
    for id in steps {
        let Some(Phase::Effect(effect)) = round.state.step(id).map(|step| step.phase.clone()) else { continue };
        if !effect.relies && !is_early(round, &effect) {
            settle(round, id, &effect, Outcome::Failed(too_late_for()), SettledBy::Answer, Used::State);
        }
    }
}

pub(super) fn performed(round: &mut Round<'_>, id: StepId, attempt: u32, outcome: &CallOutcome) {
    let Some(effect) = open(round, id, attempt) else { return };
    let retry_after = match outcome {
        CallOutcome::Failed(failure) => failure.retry_after,
        CallOutcome::Answered(_) | CallOutcome::Unknown(_) => None,
    };
    let answered = Used::Answer { failures: Vec::new(), retry_after };
    match outcome {
        CallOutcome::Answered(value) => settle(round, id, &effect, Outcome::Done(value.clone()), SettledBy::Answer, answered),
        CallOutcome::Unknown(why) => doubt(round, id, &effect, ("unknown", why), answered),
        CallOutcome::Failed(failure) if failure.is_unreachable() => unreachable(round, id, &effect, failure, answered),
        // An earlier attempt may have happened: this refusal says nothing of that one.
        CallOutcome::Failed(failure) if (effect.doubt || is_early(round, &effect)) && !planted(Bug::RefusalAfterDoubtBelieved) => {
            doubt(round, id, &effect, (&failure.code, &failure.message), answered)
        }
        CallOutcome::Failed(failure) => failed(round, id, &effect, failure, answered),
    }
}

fn failed(round: &mut Round<'_>, id: StepId, effect: &OpenEffect, failure: &CallFailure, used: Used) {
    let retry = retry(round, effect);
    let at = retry_at(&retry, &effect.intent.key, effect.tries + 1, round.now).max(asked_for(failure.retry_after, round.now));
    if failure.retry && effect.tries < retry.max && in_time(round, id, effect, at) {
        attempted(round, id, effect, false, (&failure.code, &failure.message), Next::Send(at), used);
    } else {
        settle(round, id, effect, Outcome::Failed(Failure::of_call(failure)), SettledBy::Answer, used);
    }
}

/// Whether the deadline of its step leaves an attempt at an instant.
fn in_time(round: &Round<'_>, id: StepId, effect: &OpenEffect, at: i64) -> bool {
    let limit = round.state.graph.step(id).and_then(|step| step.bounds.deadline);
    limit.is_none_or(|limit| at < effect.sent_at.saturating_add(limit))
}

/// Nothing was sent, as the provider could not be reached: that uses up no retries while the run waits.
fn unreachable(round: &mut Round<'_>, id: StepId, effect: &OpenEffect, failure: &CallFailure, used: Used) {
    let why = (failure.code.as_str(), failure.message.as_str());
    let at = effect.unreached.again(round.now).next_at(&effect.intent.key, round.now);
    let operation = round.operation(&effect.intent.operation).map(|(operation, _)| operation);
    let may_repeat = !effect.doubt || operation.is_ok_and(|operation| harmless(operation.idempotent.as_ref(), effect, at));
    if round.awaits_provider(effect.unreached) && may_repeat && in_time(round, id, effect, at) {
        attempted(round, id, effect, effect.doubt, why, Next::Send(at), used);
    } else if effect.doubt {
        attempted(round, id, effect, true, why, Next::Person, used);
        person::settle(round, id, effect, why.1);
    } else if is_early(round, effect) {
        doubt(round, id, effect, why, used);
    } else {
        settle(round, id, effect, Outcome::Failed(Failure::of_call(failure)), SettledBy::Answer, used);
    }
}

/// It may have happened.
pub(super) fn doubt(round: &mut Round<'_>, id: StepId, effect: &OpenEffect, why: (&str, &str), used: Used) {
    let retry = retry(round, effect);
    let restarted = used == Used::Restart;
    let connector = round.operation(&effect.intent.operation).map(|(_, connector)| connector);
    let timeout = connector.map_or(0, |connector| connector.total_timeout);
    let at = if restarted { round.now } else { retry_at(&retry, &effect.intent.key, effect.tries + 1, round.now) };
    let operation = round.operation(&effect.intent.operation).map(|(operation, _)| operation);
    let gathering = operation.as_ref().ok().and_then(|operation| operation.terms.batch.as_ref()).map_or(0, |batch| batch.wait);
    let next = match operation {
        Ok(operation) if operation.lookup.is_some() => {
            let settled = settles_at(effect, restarted, (timeout, gathering), round.now);
            // What was looked for in vain, and too early for that to be said, is looked for once more.
            let late = latest(round, effect).filter(|_| !restarted && !effect.doubt && is_early(round, effect));
            Next::Lookup(at.max(settled).max(late.unwrap_or(settled)))
        }
        Ok(operation) if (restarted || effect.tries < retry.max) && harmless(operation.idempotent.as_ref(), effect, at) => Next::Send(at),
        _ => Next::Person,
    };
    attempted(round, id, effect, true, why, next, used);
    if next == Next::Person {
        person::settle(round, id, effect, why.1);
    }
}

/// Whether what another process sent may still arrive: one that lost the log may live, and a provider that is slow gets twice its time.
fn is_early(round: &Round<'_>, effect: &OpenEffect) -> bool {
    latest(round, effect).is_some_and(|latest| round.now < latest)
}

/// When that has come to whatever it comes to.
fn latest(round: &Round<'_>, effect: &OpenEffect) -> Option<i64> {
    let timeout = round.operation(&effect.intent.operation).map_or(0, |(_, connector)| connector.total_timeout);
    effect.taken_up.map(|at| at.saturating_add(timeout).saturating_add(timeout))
}

/// When a lookup may first be believed: the provider may still be at work on what it was sent.
///
/// After a broken connection it has what it will ever get, so a short wait is enough. After a time-out it is slow:
/// it gets as long again as it had. A process that ended broke its connections, at the latest before it was started again; what was
/// to go out with others may have left as much later as it waited for them.
fn settles_at(effect: &OpenEffect, restarted: bool, (timeout, gathering): (Micros, Micros), now: i64) -> i64 {
    let sent = effect.left_at;
    if restarted {
        sent.saturating_add(gathering).saturating_add(BROKEN.min(timeout))
    } else if now.saturating_sub(sent) >= timeout {
        now.saturating_add(timeout)
    } else {
        now.saturating_add(BROKEN.min(timeout))
    }
}

/// When sending it again would no longer be harmless.
fn too_late(round: &Round<'_>, effect: &OpenEffect) -> i64 {
    let operation = round.operation(&effect.intent.operation).map(|(operation, _)| operation);
    match operation.ok().and_then(|operation| operation.idempotent.clone()) {
        Some(Idempotent::Key { window }) if !planted(Bug::KeyWindowIgnored) => effect.sent_at.saturating_add(window),
        _ => i64::MAX,
    }
}

/// Whether sending it again at an instant leaves one effect.
fn harmless(idempotent: Option<&Idempotent>, effect: &OpenEffect, at: i64) -> bool {
    match idempotent {
        Some(Idempotent::Natural) => true,
        Some(Idempotent::Key { window }) => at < effect.sent_at.saturating_add(*window) || planted(Bug::KeyWindowIgnored),
        None => planted(Bug::DoubtSentAgain),
    }
}

fn scope_of(round: &Round<'_>, effect: &OpenEffect, found: Option<&Value>) -> Vec<(&'static str, Value)> {
    let known = Value::record([("key", Value::String(effect.intent.key.clone())), ("sent_at", Value::Timestamp(effect.sent_at))]);
    let named = [
        ("request", effect.intent.request.clone()),
        ("effect", known),
        ("run", run_value(&round.state, round.now)),
        ("found", found.cloned().unwrap_or(Value::Null)),
    ];
    named.into_iter().chain(effect.intent.before.clone().map(|before| ("before", before))).collect()
}

fn declared(round: &Round<'_>, effect: &OpenEffect) -> Option<Lookup> {
    round.operation(&effect.intent.operation).ok().and_then(|(operation, _)| operation.lookup.clone())
}

fn lookup(round: &Round<'_>, id: StepId, effect: &OpenEffect, tries: (u32, Unreached), not_before: i64) -> Option<Effect> {
    let declared = declared(round, effect)?;
    let request = bind(&declared.request, &Names(&scope_of(round, effect, None))).ok()?;
    let (operation, connector) = round.operation(&declared.operation).ok()?;
    let own = round.operation(&effect.intent.operation).is_ok_and(|(_, own)| own.name == connector.name);
    let account = effect.intent.account.as_deref().filter(|_| own);
    let call = call::of(round, (operation, connector), request, String::new(), account).ok()?;
    let (tries, unreached) = tries;
    Some(Effect::Lookup { step: id, attempt: effect.attempt, tries, not_before, unreached, call })
}

pub(super) fn looked_up(round: &mut Round<'_>, id: StepId, attempt: u32, tries: (u32, Unreached), outcome: &CallOutcome) {
    let Some(effect) = open(round, id, attempt) else { return };
    let (tries, unreached) = tries;
    if let CallOutcome::Failed(failure) = outcome
        && failure.is_unreachable()
        && round.awaits_provider(unreached)
    {
        let unreached = unreached.again(round.now);
        let at = unreached.next_at(&effect.intent.key, round.now);
        return look_again(round, id, &effect, (tries, unreached), at);
    }
    let (found, failure) = match outcome {
        CallOutcome::Answered(found) => (Some(found.clone()), None),
        CallOutcome::Failed(failure) => (None, Some((failure.retry, failure.message.clone()))),
        CallOutcome::Unknown(message) => (None, Some((true, message.clone()))),
    };
    if let Some((again, message)) = failure {
        let retry = retry(round, &effect);
        if again && tries <= retry.max {
            let at = retry_at(&retry, &effect.intent.key, tries, round.now);
            return look_again(round, id, &effect, (tries + 1, Unreached::default()), at);
        }
        return give_up(round, id, &effect, &format!("the lookup failed: {message}"), Used::State);
    }
    let (Some(found), Some(declared)) = (found, declared(round, &effect)) else { return };
    let used = Used::Lookup { found: found.clone() };
    match judge_lookup(round, &effect, &declared, &found) {
        Ok(Some(Ok(answer))) => settle(round, id, &effect, Outcome::Done(answer), SettledBy::Lookup, used),
        Ok(Some(Err(()))) => not_done(round, id, &effect, used),
        Ok(None) => give_up(round, id, &effect, "the lookup says neither that it happened nor that it did not", used),
        Err(message) => give_up(round, id, &effect, &message, used),
    }
}

fn look_again(round: &mut Round<'_>, id: StepId, effect: &OpenEffect, tries: (u32, Unreached), at: i64) {
    match lookup(round, id, effect, tries, at) {
        Some(issued) => round.decision.effects.push(issued),
        None => give_up(round, id, effect, NO_REQUEST, Used::State),
    }
}

/// `Some(Ok)`: it happened, with this answer. `Some(Err)`: it did not. `None`: neither is said.
fn judge_lookup(round: &Round<'_>, effect: &OpenEffect, declared: &Lookup, found: &Value) -> Result<Option<Result<Value, ()>>, String> {
    let scope = scope_of(round, effect, Some(found));
    let evaluate = |expr: &Expr| expr.evaluate(&Names(&scope)).map_err(|error| format!("`{}`: {}", expr.source, error.0));
    let holds = |expr: &Expr| match evaluate(expr)? {
        Value::Bool(truth) => Ok(truth),
        _ => Err(format!("`{}` has no value", expr.source)),
    };
    if holds(&declared.done)? {
        let answer = declared.result.as_ref().map_or_else(|| Ok(found.clone()), evaluate)?;
        return Ok(Some(Ok(answer)));
    }
    match &declared.not_done {
        None => Ok(Some(Err(()))),
        Some(not_done) => Ok(holds(not_done)?.then_some(Err(()))),
    }
}

/// No trace of it was found. It is sent again only where that leaves one effect even if it is found later.
fn not_done(round: &mut Round<'_>, id: StepId, effect: &OpenEffect, used: Used) {
    let retry = retry(round, effect);
    let message = "the lookup says that it did not happen";
    let operation = round.operation(&effect.intent.operation).map(|(operation, _)| operation);
    if !operation.is_ok_and(|operation| harmless(operation.idempotent.as_ref(), effect, round.now)) {
        return give_up(round, id, effect, "the lookup found no trace of it, and sending it again might do it twice", used);
    }
    if effect.tries <= retry.max {
        let next = Next::Send(round.now);
        attempted(round, id, effect, false, (NOT_DONE, message), next, used);
    } else {
        let failure = Failure::new(FailureKind::Api, format!("{} attempts did not reach it", effect.attempt));
        settle(round, id, effect, Outcome::Failed(failure), SettledBy::Lookup, used);
    }
}

fn give_up(round: &mut Round<'_>, id: StepId, effect: &OpenEffect, why: &str, used: Used) {
    attempted(round, id, effect, true, ("unknown", why), Next::Person, used);
    person::settle(round, id, effect, why);
}
