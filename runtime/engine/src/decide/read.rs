//! Reads: a call that changes nothing, and the recall of facts. Failed reads are simply tried again.

use super::{Effect, Round, act, before, call};
use crate::backoff::{Unreached, asked_for, retry_at};
use crate::event::{Outcome, Used};
use crate::failure::{Failure, FailureKind};
use crate::ports::{Call, CallFailure, CallOutcome};
use crate::state::Phase;
use tradewind_lang::plan::{Bindings, StepId, StepKind};
use tradewind_lang::value::Value;

pub(super) fn start(round: &mut Round<'_>, id: StepId, operation: &str, request: &Bindings) {
    let call = call_of(round, id, operation, request);
    match call {
        Ok(call) => {
            let (failures, unreached) = (Vec::new(), Unreached::default());
            round.perform(Effect::Read { step: id, attempt: 1, not_before: round.now, failures, unreached, call });
        }
        Err(message) => round.fail_rule(id, message),
    }
}

pub(super) fn answered(round: &mut Round<'_>, id: StepId, attempt: (u32, Unreached), failures: &[String], outcome: &CallOutcome) {
    let of_act = before::is_under_way(round, id);
    if !(round.is_running() || of_act && round.is_working())
        || !(of_act || matches!(round.state.step(id).map(|step| &step.phase), Some(Phase::Asking)))
    {
        return;
    }
    let used = || Used::Answer { failures: failures.to_vec(), retry_after: None };
    let failure = match outcome {
        CallOutcome::Answered(value) if of_act => return before::found(round, id, Outcome::Done(value.clone()), used()),
        CallOutcome::Answered(value) => return round.complete(id, value.clone(), used(), None),
        CallOutcome::Failed(failure) => failure.clone(),
        // A read changes nothing: whether the first one arrived does not matter.
        CallOutcome::Unknown(message) => {
            CallFailure { code: "time-out".to_owned(), message: message.clone(), retry: true, retry_after: None }
        }
    };
    match again(round, id, attempt, failures, &failure) {
        Some(effect) => round.decision.effects.push(effect),
        None if of_act => before::found(round, id, Outcome::Failed(Failure::of_call(&failure)), used()),
        None => round.fail(id, Failure::of_call(&failure), used()),
    }
}

/// The next attempt at a read, while its connector allows one; where nothing could be sent, while the run waits.
fn again(round: &Round<'_>, id: StepId, attempt: (u32, Unreached), failures: &[String], failure: &CallFailure) -> Option<Effect> {
    let call = asked(round, id)?;
    let (attempt, unreached) = attempt;
    let seed = format!("{} {}", round.state.id, id.0);
    let (attempt, unreached, not_before) = if failure.is_unreachable() {
        if !round.awaits_provider(unreached) {
            return None;
        }
        let unreached = unreached.again(round.now);
        (attempt, unreached, unreached.next_at(&seed, round.now))
    } else {
        let retry = &call.connector.retry;
        if !failure.retry || attempt > retry.max {
            return None;
        }
        let at = retry_at(retry, &seed, attempt, round.now).max(asked_for(failure.retry_after, round.now));
        (attempt + 1, Unreached::default(), at)
    };
    let mut failures = failures.to_vec();
    let told = format!("{}: {}", failure.code, failure.message);
    // A provider that cannot be reached for an hour says so once.
    if unreached.tries < 2 || failures.last() != Some(&told) {
        failures.push(told);
    }
    Some(Effect::Read { step: id, attempt, not_before, failures, unreached, call })
}

/// What a step reads: a read of its own, or what is there before its effect.
fn asked(round: &Round<'_>, id: StepId) -> Option<Call> {
    let StepKind::Call { operation, request } = &round.state.graph.step(id)?.kind else { return act::reads(round, id) };
    call_of(round, id, operation, request).ok()
}

fn call_of(round: &Round<'_>, id: StepId, operation: &str, request: &Bindings) -> Result<Call, String> {
    let account = call::named(round, id)?;
    call::of(round, round.operation(operation)?, round.bind(request)?, String::new(), account.as_deref())
}

pub(super) fn recalled(round: &mut Round<'_>, id: StepId, facts: &[(u64, Value)]) {
    if !round.is_running() || !matches!(round.state.step(id).map(|step| &step.phase), Some(Phase::Asking)) {
        return;
    }
    if matches!(round.state.graph.step(id).map(|step| &step.kind), Some(StepKind::Recall { .. })) {
        let seqs = facts.iter().map(|(seq, _)| *seq).collect();
        round.complete(id, Value::list(facts.iter().map(|(_, fact)| fact.clone())), Used::Facts { seqs }, None);
    } else {
        round.fail(id, Failure::new(FailureKind::Rule, "the step recalls nothing"), Used::State);
    }
}
