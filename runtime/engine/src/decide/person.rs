//! Questions to people: how they are put. What they answer is in `answered`.

use super::{Cause, Effect, Round, Timer, model};
use crate::approval::{Approval, ApprovalKind, Raised};
use crate::event::{EventKind, Used};
use crate::key::{approval_id, batch_id, digest_of};
use crate::planted::{Bug, planted};
use crate::policy::later;
use crate::scope::whole;
use crate::state::{Asked, OpenEffect};
use tradewind_lang::expr::Expr;
use tradewind_lang::plan::{Escalation, LimitElse, OnTimeout, StepId};
use tradewind_lang::template::Template;
use tradewind_lang::value::Value;

pub(super) fn ask(round: &mut Round<'_>, id: StepId, escalation: &Escalation, question: &Template, show: &[Expr], answer: &str) {
    let question = match model::render(round, question) {
        Ok(question) => question,
        Err(message) => return round.fail_rule(id, message),
    };
    // What cannot be shown is shown as absent: a person is asked all the same.
    let shown: Vec<(String, Value)> = show.iter().map(|expr| (expr.source.clone(), round.evaluate(expr).unwrap_or(Value::Null))).collect();
    ask_for(round, id, escalation, (question, shown), (ApprovalKind::Ask, Some(answer.to_owned())), Used::State);
}

/// Asks a team for a record, or for its word on one that is shown.
pub(super) fn ask_for(
    round: &mut Round<'_>,
    id: StepId,
    escalation: &Escalation,
    (question, shown): (String, Vec<(String, Value)>),
    (kind, answer): (ApprovalKind, Option<String>),
    used: Used,
) {
    let graph = round.state.graph.clone();
    let (Some(node), Some(state)) = (graph.node(id), round.state.step(id)) else { return };
    let policy = round.active.policy_digest;
    let approval = Approval {
        id: approval_id(&round.state.id, &node.name, state.asked),
        kind,
        to: vec![escalation.to.clone()],
        deadline: Some(super::act::deadline(round, std::iter::once(escalation))),
        on_timeout: escalation.on_timeout,
        quorum: escalation.quorum.max(1),
        rules: vec!["ask".to_owned()],
        over: Vec::new(),
        digest: digest_of(&(&question, &shown, policy)),
        question,
        shown,
        operation: None,
        request: Value::Null,
        evidence: Value::Null,
        claims: Vec::new(),
        editable: Vec::new(),
        answer,
        policy,
        before: None,
        then: later(std::iter::once(escalation)),
        batch: escalation
            .batch
            .then(|| batch_id(&whole(&round.state).id, &node.name, &["ask".to_owned()], std::slice::from_ref(&escalation.to))),
    };
    request(round, id, approval, used);
}

/// Asks what became of an effect that nothing else can settle. There is no deadline: the doubt does not go away by itself.
pub(super) fn settle(round: &mut Round<'_>, id: StepId, effect: &OpenEffect, why: &str) {
    let graph = round.state.graph.clone();
    let (Some(node), Some(state)) = (graph.node(id), round.state.step(id)) else { return };
    let operation = &effect.intent.operation;
    let to = settlers(round, id, operation);
    let approval = Approval {
        id: approval_id(&round.state.id, &node.name, state.asked),
        kind: ApprovalKind::Settle,
        to,
        deadline: None,
        on_timeout: OnTimeout::Stop,
        quorum: 1,
        rules: vec!["settle".to_owned()],
        over: Vec::new(),
        question: format!("Did `{operation}` happen? {why}"),
        shown: vec![("key".to_owned(), Value::String(effect.intent.key.clone()))],
        operation: Some(operation.clone()),
        request: effect.intent.request.clone(),
        evidence: effect.intent.evidence.clone(),
        claims: Vec::new(),
        editable: Vec::new(),
        answer: None,
        digest: effect.intent.digest,
        policy: round.active.policy_digest,
        before: effect.intent.before.clone(),
        then: Vec::new(),
        batch: None,
    };
    request(round, id, approval, Used::State);
}

/// Which team says what became of an effect: the owner of a policy that covers it, else a team that one of them asks.
///
/// One team's word settles a fact; which of several gives it does not matter. None means that nobody may.
pub(super) fn settlers(round: &Round<'_>, id: StepId, operation: &str) -> Vec<String> {
    let flow = super::act::flow_of(round, id);
    let policies = || round.active.policies(operation, &flow);
    let owner = policies().find_map(|policy| policy.owner.as_ref());
    let asked = || {
        policies().find_map(|policy| {
            let rules = policy.escalates.iter().map(|rule| &rule.escalation.to);
            let limits = policy.limits.iter().filter_map(|limit| match &limit.otherwise {
                LimitElse::Escalate(escalation) => Some(&escalation.to),
                LimitElse::Deny => None,
            });
            rules.chain(limits).next()
        })
    };
    owner.or_else(asked).cloned().into_iter().collect()
}

/// Nobody answered in time: the next team gets it, with a time of its own from now on. None where there is no such team.
pub(super) fn raise(round: &mut Round<'_>, id: StepId, asked: &Asked) -> Option<()> {
    let (next, rest) = asked.approval.then.split_first().filter(|_| !planted(Bug::NextTeamForgotten))?;
    let deadline = super::act::until(round, next.asks.iter().map(|(team, within)| (team, *within)));
    let raised = Raised {
        approval: asked.approval.id.clone(),
        to: next.asks.iter().map(|(team, _)| team.clone()).collect(),
        deadline,
        quorum: next.quorum,
        then: rest.to_vec(),
    };
    let timer = Effect::Timer { timer: Timer::Approval(raised.approval.clone()), at: deadline };
    round.emit_as(Some(id), EventKind::ApprovalRaised(std::sync::Arc::new(raised)), Used::Clock, None, None, Cause::Seq(asked.seq));
    round.perform(timer);
    Some(())
}

pub(super) fn request(round: &mut Round<'_>, id: StepId, approval: Approval, used: Used) {
    let timer = approval.deadline.map(|at| Effect::Timer { timer: Timer::Approval(approval.id.clone()), at });
    round.emit(Some(id), EventKind::ApprovalRequested(std::sync::Arc::new(approval)), used, None);
    if let Some(timer) = timer {
        round.perform(timer);
    }
}

/// Sets the run's clock again after a wait for people.
pub(super) fn rearm_deadline(round: &mut Round<'_>) {
    if let Some(at) = round.state.deadline() {
        round.perform(Effect::Timer { timer: Timer::Deadline, at });
    }
}
