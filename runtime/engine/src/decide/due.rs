//! Input: a clock ran out. A clock that is early, or late for something already over, changes nothing.

use super::{Cause, Round, Timer, person};
use crate::approval::ApprovalKind;
use crate::event::{EventKind, SkipReason, Used};
use crate::failure::{Failure, FailureKind};
use std::sync::Arc;
use tradewind_lang::plan::OnTimeout;

pub(super) fn ran_out(round: &mut Round<'_>, timer: &Timer) {
    match timer {
        // The wave looks at the run's deadline itself.
        Timer::Deadline => {}
        Timer::Approval(approval) => expire(round, approval),
        Timer::Wait(step) => super::wait::ran_out(round, *step),
    }
}

fn expire(round: &mut Round<'_>, approval: &Arc<str>) {
    let found = round.state.inbox().find(|(_, asked)| asked.approval.id == *approval).map(|(id, asked)| (id, asked.clone()));
    let Some((id, asked)) = found else { return };
    if asked.approval.deadline.is_none_or(|deadline| round.now < deadline) {
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
