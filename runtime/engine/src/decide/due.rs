//! Input: a clock ran out. A clock that is early, or late for something already over, changes nothing.

use super::{Cause, Effect, Round, Timer, person};
use crate::approval::ApprovalKind;
use crate::event::{EventKind, SkipReason, Used};
use crate::failure::{Failure, FailureKind};
use crate::state::Phase;
use std::sync::Arc;
use tradewind_lang::literal::duration_text;
use tradewind_lang::plan::{OnTimeout, StepId};

pub(super) fn ran_out(round: &mut Round<'_>, timer: &Timer) {
    match timer {
        // The wave looks at the run's deadline itself.
        Timer::Deadline => {}
        Timer::Approval(approval) => expire(round, approval),
        Timer::Step(step) => overdue(round, *step),
        Timer::Wait(step) => super::wait::ran_out(round, *step),
        Timer::Repetition(step) => super::effect::leaves(round, *step),
    }
}

/// A step took longer than it may. What has an effect under way, or a person to wait for, has bounds of its own.
fn overdue(round: &mut Round<'_>, id: StepId) {
    let graph = round.state.graph.clone();
    let Some(limit) = graph.step(id).and_then(|step| step.bounds.deadline) else { return };
    let failure = || Failure::new(FailureKind::TimeOut, format!("it took longer than {}", duration_text(limit)));
    match round.state.step(id).map(|step| step.phase.clone()) {
        Some(Phase::Asking) if round.is_running() => round.fail(id, failure(), Used::Clock),
        Some(Phase::Items(items)) if round.now >= items.since.saturating_add(limit) && items.failed.is_none() => {
            round.emit(Some(id), EventKind::StepOverdue { failure: failure() }, Used::Clock, None);
            round.perform(Effect::EndChildren { step: Some(id), reason: "its step took too long".into() });
        }
        Some(Phase::Flow { since, overdue: None, .. }) if round.now >= since.saturating_add(limit) => {
            round.emit(Some(id), EventKind::StepOverdue { failure: failure() }, Used::Clock, None);
            round.perform(Effect::EndChildren { step: Some(id), reason: "its step took too long".into() });
        }
        _ => {}
    }
}

fn expire(round: &mut Round<'_>, approval: &Arc<str>) {
    let found = round.state.inbox().find(|(_, asked)| asked.approval.id == *approval).map(|(id, asked)| (id, asked.clone()));
    let Some((id, asked)) = found else { return };
    if asked.approval.deadline.is_none_or(|deadline| round.now < deadline) {
        return;
    }
    if person::raise(round, id, &asked).is_some() {
        return;
    }
    // A question cannot be answered by silence.
    let then = match (asked.approval.kind, asked.approval.on_timeout) {
        (ApprovalKind::Ask, OnTimeout::Approve) => OnTimeout::Skip,
        (_, then) => then,
    };
    let kind = EventKind::ApprovalExpired { approval: approval.clone(), then };
    round.emit_as(Some(id), kind, Used::Clock, None, None, Cause::Seq(asked.seq));
    let nobody = || format!("nobody of {} answered in time", asked.approval.to.join(", "));
    match then {
        OnTimeout::Approve => {}
        OnTimeout::Skip => round.emit(Some(id), EventKind::StepSkipped { why: SkipReason::TimeOut }, Used::Clock, None),
        OnTimeout::Deny if asked.approval.kind == ApprovalKind::Act => round.deny(id, asked.approval.asked_by(), nobody(), Used::Clock),
        OnTimeout::Deny => round.fail(id, Failure::new(FailureKind::Person, nobody()), Used::Clock),
        OnTimeout::Stop => {
            let failure = Failure::new(FailureKind::Person, nobody());
            round.emit(Some(id), EventKind::StepFailed { failure, goes_on: false }, Used::Clock, None);
        }
    }
    person::rearm_deadline(round);
}
