//! Input: a person answered. An answer counts once, in time, from a member, and for exactly what was asked.

use super::{Cause, Round, act as acting, person};
use crate::approval::{AnswerRefusal, ApprovalKind, Verdict};
use crate::cohort::verb;
use crate::event::{EventKind, Outcome, SettledBy, Used};
use crate::failure::{Failure, FailureKind};
use crate::fit;
use crate::planted::{Bug, planted};
use crate::state::{Asked, Phase};
use std::collections::BTreeSet;
use std::sync::Arc;
use tradewind_lang::plan::{StepId, StepKind};
use tradewind_lang::ty::Ty;
use tradewind_lang::value::{Record, Value};

pub(super) fn answer(round: &mut Round<'_>, approval: &Arc<str>, by: &Arc<str>, verdict: &Verdict) {
    let found = round.state.inbox().find(|(_, asked)| asked.approval.id == *approval).map(|(id, asked)| (id, asked.clone()));
    let result = match found {
        None => Err(AnswerRefusal::Closed),
        Some((id, asked)) => may_answer(round, id, &asked, by).and_then(|()| match asked.approval.kind {
            ApprovalKind::Act => act(round, id, &asked, by, verdict),
            ApprovalKind::Ask => ask(round, id, &asked, by, verdict),
            ApprovalKind::Settle => settle(round, id, &asked, by, verdict),
            ApprovalKind::Version => version(round, id, &asked, by, verdict),
        }),
    };
    round.decision.refusal = result.err();
}

fn may_answer(round: &Round<'_>, id: StepId, asked: &Asked, by: &str) -> Result<(), AnswerRefusal> {
    if asked.approval.deadline.is_some_and(|deadline| round.now >= deadline) && !planted(Bug::LateAnswerCounts) {
        return Err(AnswerRefusal::Expired);
    }
    let to = match (asked.approval.kind, &asked.approval.operation) {
        // Whoever has become responsible since may answer: otherwise nobody ever could.
        (ApprovalKind::Settle, Some(operation)) if asked.approval.to.is_empty() => &person::settlers(round, id, operation),
        _ => &asked.approval.to,
    };
    if to.iter().any(|team| is_member(round, team, by)) { Ok(()) } else { Err(AnswerRefusal::NotAMember(to.clone())) }
}

/// Who belongs to a team is what the active plan says, not the run's own.
fn is_member(round: &Round<'_>, team: &str, address: &str) -> bool {
    planted(Bug::AnybodyMayAnswer)
        || round.active.plan.teams.get(team).is_some_and(|team| team.members.iter().any(|member| member.eq_ignore_ascii_case(address)))
}

fn record(round: &mut Round<'_>, id: StepId, asked: &Asked, by: &Arc<str>, verdict: &Verdict, closes: bool, edited: Option<Value>) {
    let kind = EventKind::ApprovalAnswered { approval: asked.approval.id.clone(), verdict: verdict.clone(), closes, edited };
    round.emit_as(Some(id), kind, Used::State, None, Some(by.clone()), Cause::Seq(asked.seq));
}

fn act(round: &mut Round<'_>, id: StepId, asked: &Asked, by: &Arc<str>, verdict: &Verdict) -> Result<(), AnswerRefusal> {
    match verdict {
        Verdict::Answer(_) => Err(AnswerRefusal::WrongVerdict("an action is approved or denied".to_owned())),
        Verdict::Deny { reason } => {
            record(round, id, asked, by, verdict, true, None);
            let message = if reason.is_empty() { format!("{by} said no") } else { format!("{by} said no: {reason}") };
            round.deny(id, asked.approval.asked_by(), message, Used::State);
            person::rearm_deadline(round);
            Ok(())
        }
        // Nobody lets pass what they set going themselves; to say no is another matter.
        Verdict::Approve { .. } if round.state.starter.eq_ignore_ascii_case(by) => Err(AnswerRefusal::OwnRun),
        Verdict::Approve { edits } => {
            let edited = edit(round, id, asked, edits)?;
            if let Some((rule, message)) = edited.as_ref().and_then(|edited| acting::denial(round, id, edited, &asked.approval)) {
                return Err(AnswerRefusal::WouldBeDenied(rule, message));
            }
            let mut agreed: BTreeSet<String> = asked.agreed.iter().map(|one| one.to_lowercase()).collect();
            if edited.is_some() && !planted(Bug::EditKeepsAgreement) {
                // Whoever agreed before agreed to something else.
                agreed.clear();
            }
            if !agreed.insert(by.to_lowercase()) {
                return Err(AnswerRefusal::Twice);
            }
            let every_team = asked.approval.to.iter().all(|team| agreed.iter().any(|one| is_member(round, team, one)));
            let closes = every_team && agreed.len() + usize::from(planted(Bug::QuorumOffByOne)) >= asked.approval.quorum as usize;
            record(round, id, asked, by, verdict, closes, edited);
            if closes {
                person::rearm_deadline(round);
            }
            Ok(())
        }
    }
}

/// The request with the approver's changes, checked; `None` where there are none.
fn edit(round: &Round<'_>, id: StepId, asked: &Asked, edits: &Value) -> Result<Option<Value>, AnswerRefusal> {
    let edits = match edits {
        Value::Null => return Ok(None),
        Value::Record(edits) if edits.0.is_empty() => return Ok(None),
        Value::Record(edits) => edits,
        _ => return Err(AnswerRefusal::BadValue("edits are named fields".to_owned())),
    };
    let Some(StepKind::Act { operation, .. }) = round.state.graph.step(id).map(|step| &step.kind) else { return Ok(None) };
    let fields = round.operation(operation).map(|(operation, _)| operation.request.clone()).unwrap_or_default();
    let mut request = match &asked.request {
        Value::Record(record) => Record::clone(record),
        _ => Record::default(),
    };
    for (name, value) in &edits.0 {
        if !asked.approval.editable.iter().any(|field| **field == **name) {
            return Err(AnswerRefusal::BadValue(format!("`{name}` may not be changed")));
        }
        request.set(name, value.clone());
    }
    fit::request(&fields, &Value::Record(Arc::new(request.clone())), &round.state.pinned.plan.types).map_err(AnswerRefusal::BadValue)?;
    Ok(Some(Value::Record(Arc::new(request))))
}

fn ask(round: &mut Round<'_>, id: StepId, asked: &Asked, by: &Arc<str>, verdict: &Verdict) -> Result<(), AnswerRefusal> {
    match verdict {
        Verdict::Approve { .. } => Err(AnswerRefusal::WrongVerdict("a question needs an answer".to_owned())),
        Verdict::Deny { reason } => {
            record(round, id, asked, by, verdict, true, None);
            let message = if reason.is_empty() { format!("{by} gave no answer") } else { reason.clone() };
            round.fail(id, Failure::new(FailureKind::Person, message), Used::State);
            person::rearm_deadline(round);
            Ok(())
        }
        Verdict::Answer(value) => {
            if let Some(name) = &asked.approval.answer {
                fit::value(&Ty::Record(name.clone()), value, &round.state.pinned.plan.types).map_err(AnswerRefusal::BadValue)?;
            }
            record(round, id, asked, by, verdict, true, None);
            let is_label = matches!(verb(&round.state, id).as_deref(), Ok(StepKind::Classify { .. } | StepKind::Look(_)));
            let value = if is_label { super::model::by_hand(value) } else { value.clone() };
            round.complete(id, value, Used::State, None);
            person::rearm_deadline(round);
            Ok(())
        }
    }
}

/// A draft that no critic accepts: a person does, writes another, or says no.
fn version(round: &mut Round<'_>, id: StepId, asked: &Asked, by: &Arc<str>, verdict: &Verdict) -> Result<(), AnswerRefusal> {
    let written = match verdict {
        Verdict::Approve { edits: Value::Null } => None,
        Verdict::Approve { edits: Value::Record(edits) } if edits.0.is_empty() => None,
        Verdict::Approve { .. } => return Err(AnswerRefusal::WrongVerdict("another version is an answer, not an edit".to_owned())),
        Verdict::Deny { reason } => {
            record(round, id, asked, by, verdict, true, None);
            let message = if reason.is_empty() { format!("{by} accepts no version") } else { reason.clone() };
            round.fail(id, Failure::new(FailureKind::Person, message), Used::State);
            person::rearm_deadline(round);
            return Ok(());
        }
        Verdict::Answer(value) => {
            let Some(name) = &asked.approval.answer else {
                return Err(AnswerRefusal::WrongVerdict("it is approved or denied".to_owned()));
            };
            fit::value(&Ty::Record(name.clone()), value, &round.state.pinned.plan.types).map_err(AnswerRefusal::BadValue)?;
            Some(value.clone())
        }
    };
    record(round, id, asked, by, verdict, true, None);
    super::revise::accepted(round, id, written);
    person::rearm_deadline(round);
    Ok(())
}

fn settle(round: &mut Round<'_>, id: StepId, asked: &Asked, by: &Arc<str>, verdict: &Verdict) -> Result<(), AnswerRefusal> {
    let Some(Phase::Effect(effect)) = round.state.step(id).map(|step| step.phase.clone()) else { return Err(AnswerRefusal::Closed) };
    let outcome = match verdict {
        Verdict::Approve { .. } => Outcome::Done(Value::Null),
        Verdict::Answer(value) => {
            let (operation, _) = round.operation(&effect.intent.operation).map_err(AnswerRefusal::BadValue)?;
            fit::value(&operation.response, value, &round.state.pinned.plan.types).map_err(AnswerRefusal::BadValue)?;
            Outcome::Done(value.clone())
        }
        Verdict::Deny { reason } => {
            let message = if reason.is_empty() { format!("{by} says that it did not happen") } else { reason.clone() };
            Outcome::Failed(Failure::new(FailureKind::Api, message))
        }
    };
    record(round, id, asked, by, verdict, true, None);
    let goes_on = round.goes_on_after_failure(id);
    let kind = EventKind::EffectSettled { outcome, by: SettledBy::Person, attempt: effect.attempt, goes_on };
    round.emit(Some(id), kind, Used::State, None);
    person::rearm_deadline(round);
    Ok(())
}
