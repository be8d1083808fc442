//! Acts: from a step to an intent, through policies, stage and approval. Nothing leaves before the intent is durable.

use super::before::{self, Seen};
use super::inherit::{self, Place};
use super::{Effect, Round, call};
use crate::actor::agent_of;
use crate::approval::{Approval, ApprovalKind};
use crate::backoff::Unreached;
use crate::event::{EventKind, Intent, Used};
use crate::fit;
use crate::fork::FORK;
use crate::guard::Claim;
use crate::hours::Hours;
use crate::key::{approval_id, batch_id, digest_of, effect_key, text_of, undo_key};
use crate::pinned::Node;
use crate::planted::{Bug, planted};
use crate::policy::{Action, Judgement, escalation_of_limit, judge, later, merge};
use crate::ports::Call;
use crate::scope::{Names, run_value, whole};
use crate::state::{Asked, Phase};
use crate::undo::{AGAIN, Back, DONE_AGAIN, TAKEN_BACK};
use std::sync::Arc;
use tradewind_lang::plan::{Digest, Escalation, Micros, Operation, Stage, StepId, StepKind};
use tradewind_lang::value::Value;

/// The compiler saw to it that a person is asked; the policies of now may have changed.
const UNSEEN: &str = "an agent that reads outside text does nothing that nobody looks at";

/// What a step wants to do.
struct Wanted {
    operation: Arc<Operation>,
    request: Value,
    evidence: Value,
    stage: Option<Stage>,
    /// In whose name.
    account: Option<Arc<str>>,
}

impl Wanted {
    /// As what was done before a fork is compared with it.
    fn asked(&self) -> inherit::Asked<'_> {
        inherit::Asked { operation: &self.operation.name, request: &self.request, account: self.account.as_deref() }
    }

    /// What people see beside it: what was done in its place, and in whose name it is.
    fn shown(&self, place: &Place) -> Vec<(String, Value)> {
        let account = self.account.iter().map(|account| ("account".to_owned(), Value::String(account.clone())));
        place.instead_of.iter().map(|done| inherit::shown(done)).chain(account).collect()
    }

    /// What an approval is bound to.
    fn digest(&self, policy: Digest) -> Digest {
        let action = (&self.operation.name, &self.request, &self.evidence, policy);
        match &self.account {
            None => digest_of(&action),
            Some(account) => digest_of(&(action, account)),
        }
    }

    /// What it acts on, as its operation says.
    fn target(&self) -> Option<Arc<str>> {
        let scope = [("request", self.request.clone())];
        let target = self.operation.target.as_ref().and_then(|target| target.evaluate(&Names(&scope)).ok());
        target.map(|target| text_of(&target))
    }
}

/// The step's turn has come; `over` are limits the guards found above their cap.
pub(super) fn start(round: &mut Round<'_>, id: StepId, over: &[String]) {
    match wanted(round, id, None) {
        Ok(wanted) => judge_and_go(round, id, &wanted, over, None),
        Err(message) => round.fail_rule(id, message),
    }
}

/// Whether the step's effect was done before the run was forked, so that nothing of it is to be waited for.
pub(super) fn is_done(round: &mut Round<'_>, id: StepId) -> bool {
    if round.state.fork.is_none() {
        return false;
    }
    wanted(round, id, None).is_ok_and(|wanted| inherit::is_done(round, id, &wanted.asked()))
}

/// A person agreed, or a clock did: the action is judged again by the policies of now.
pub(super) fn approved(round: &mut Round<'_>, id: StepId, asked: &Arc<Asked>) {
    go_on(round, id, asked, &asked.approval.over.clone());
}

/// As [`approved`], with limits that the guards found above their cap since.
pub(super) fn go_on(round: &mut Round<'_>, id: StepId, asked: &Arc<Asked>, over: &[String]) {
    match wanted(round, id, Some(asked)) {
        Ok(wanted) => judge_and_go(round, id, &wanted, over, Some(asked)),
        Err(message) => round.fail_rule(id, message),
    }
}

fn wanted(round: &Round<'_>, id: StepId, asked: Option<&Arc<Asked>>) -> Result<Wanted, String> {
    let graph = &round.state.graph;
    let Some(StepKind::Act { operation, request, evidence, stage }) = graph.step(id).map(|step| &step.kind) else {
        return Err("the step acts on nothing".to_owned());
    };
    let (operation, connector) = round.operation(operation)?;
    let reverses = graph.node(id).and_then(|node| node.reverses.as_ref());
    let asked = asked.filter(|_| !planted(Bug::EditsForgotten));
    let (request, evidence) = match (asked, reverses.map(|reversal| (&reversal.back, &reversal.evidence))) {
        (Some(asked), _) => (asked.request.clone(), asked.approval.evidence.clone()),
        (None, Some((Back::By { request, .. }, evidence))) => (request.clone(), evidence.clone()),
        (None, _) => (round.bind(request)?, round.bind(evidence)?),
    };
    fit::request(&operation.request, &request, &round.state.pinned.plan.types)?;
    let staged = match stage.as_ref().and_then(|stage| stage.when.as_ref()) {
        Some(when) => round.holds(when)?,
        None => true,
    };
    let account = call::named(round, id)?;
    call::whose(round, &connector, account.as_deref())?;
    Ok(Wanted { operation, request, evidence, stage: stage.clone().filter(|_| staged), account })
}

/// Whether the run does again what had failed, under the keys that it had.
fn is_again(round: &Round<'_>) -> bool {
    &*round.state.graph.name == AGAIN
}

/// The flow whose policies hold for a step: of a reversal, that of the effect which is taken back.
pub(super) fn flow_of(round: &Round<'_>, id: StepId) -> Arc<str> {
    let reverses = round.state.graph.node(id).and_then(|node| node.reverses.as_ref());
    match (reverses, agent_of(&round.state.graph.name)) {
        (Some(reversal), _) => reversal.flow.clone(),
        // An agent's own flow is none that a policy could name: it is held as the agent.
        (None, Some(agent)) => agent.into(),
        (None, None) => round.state.graph.name.clone(),
    }
}

/// Whether the step acts on something outside.
pub(super) fn is_act(round: &Round<'_>, id: StepId) -> bool {
    matches!(round.state.graph.step(id).map(|step| &step.kind), Some(StepKind::Act { .. }))
}

/// The read of what is there before a step's effect.
pub(super) fn reads(round: &Round<'_>, id: StepId) -> Option<Call> {
    let asked = match &round.state.step(id)?.phase {
        Phase::Approved(asked) | Phase::Rereading(asked) => Some(asked),
        _ => None,
    };
    let wanted = wanted(round, id, asked).ok()?;
    before::read(round, &wanted.operation, &wanted.request, wanted.account.as_deref()).ok()
}

/// The rule that denies an action with this request for good as things stand, and what it says.
pub(super) fn denial(round: &Round<'_>, id: StepId, request: &Value, approval: &Approval) -> Option<(String, String)> {
    let step = round.state.graph.node(id)?;
    let StepKind::Act { operation, .. } = &round.state.graph.step(id)?.kind else { return None };
    let (operation, _) = round.operation(operation).ok()?;
    let run = run_value(&round.state, round.now);
    let flow = &flow_of(round, id);
    let step = step.reverses.as_ref().map_or(&step.name, |undone| &undone.step);
    let (evidence, before) = (&approval.evidence, approval.before.as_ref());
    let account = call::named(round, id).ok()?;
    let account = account.as_deref();
    match judge(round.active, &Action { operation: &operation, flow, step, run, request, evidence, before, account, now: round.now }) {
        Judgement::Denied { rule, message } => Some((rule, message)),
        Judgement::Allowed { .. } => None,
    }
}

fn judge_and_go(round: &mut Round<'_>, id: StepId, wanted: &Wanted, over: &[String], asked: Option<&Arc<Asked>>) {
    let Some(place) = inherit::place(round, id, &wanted.asked()) else { return };
    let graph = round.state.graph.clone();
    let Some(step) = graph.node(id) else { return };
    let flow = &flow_of(round, id);
    let before = match before::seen(round, id, &wanted.operation) {
        Seen::Nothing => None,
        Seen::Read(before) => before.value().cloned(),
        Seen::Unread => return look(round, id, wanted),
    };
    let action = Action {
        operation: &wanted.operation,
        flow,
        step: step.reverses.as_ref().map_or(&step.name, |reversal| &reversal.step),
        run: run_value(&round.state, round.now),
        request: &wanted.request,
        evidence: &wanted.evidence,
        before: before.as_ref(),
        account: wanted.account.as_deref(),
        now: round.now,
    };
    let (mut claims, mut escalations, money) = match judge(round.active, &action) {
        Judgement::Denied { rule, message } => return round.deny(id, rule, message, Used::State),
        Judgement::Allowed { claims, escalations, money } => (claims, escalations, money),
    };
    claims.extend(kept_apart(round, step).into_iter().chain(place.claim.clone()));
    match inherit::asks(round, id, &wanted.operation.name, &place) {
        Ok(asks) => escalations.extend(asks),
        Err(message) => return round.deny(id, FORK.to_owned(), message, Used::State),
    }
    for rule in over {
        match escalation_of_limit(round.active, &wanted.operation.name, flow, rule) {
            Some(escalation) => escalations.push((rule.clone(), escalation)),
            None => return round.deny(id, rule.clone(), "the limit is reached".to_owned(), guard(over)),
        }
    }
    escalations.extend(wanted.stage.iter().map(|stage| ("stage".to_owned(), stage.escalation.clone())));
    if step.steered && escalations.is_empty() {
        return round.deny(id, "agent".to_owned(), UNSEEN.to_owned(), guard(over));
    }
    let (policy, digest) = (round.active.policy_digest, wanted.digest(round.active.policy_digest));
    let allowed = escalations.is_empty() || asked.is_some_and(|asked| covers(asked, &escalations, policy));
    if !allowed {
        let shown = wanted.shown(&place);
        let approval = approval(round, id, wanted, claims, over, (&escalations, digest));
        let approval = approval.map(|approval| Approval { before: before.clone(), shown, ..approval });
        return approval.into_iter().for_each(|approval| super::person::request(round, id, approval, guard(over)));
    }
    let intent = Arc::new(Intent {
        key: key_of(round, step, &place),
        operation: wanted.operation.name.as_str().into(),
        request: wanted.request.clone(),
        evidence: wanted.evidence.clone(),
        target: wanted.target(),
        money,
        claims,
        forced: if asked.is_some() { over.to_vec() } else { Vec::new() },
        approval: asked.map(|asked| asked.approval.id.clone()),
        digest,
        before,
        undoes: step.reverses.as_ref().filter(|_| !is_again(round)).map(|reversal| reversal.of.clone()),
        instead_of: place.instead_of.map(|done| done.key.clone()),
        account: wanted.account.clone(),
    });
    let Some(effect) = perform(round, id, &intent, 1, (round.now, i64::MAX)) else {
        return round.fail_rule(id, format!("the plan has no operation `{}`", intent.operation));
    };
    record(round, id, intent, over);
    round.perform(effect);
}

fn record(round: &mut Round<'_>, id: StepId, intent: Arc<Intent>, over: &[String]) {
    if planted(Bug::MeantTwice) {
        round.emit(Some(id), EventKind::IntentRecorded(intent.clone()), guard(over), None);
    }
    round.emit(Some(id), EventKind::IntentRecorded(intent), guard(over), None);
}

/// What keeps everybody else from taking back, or doing again, the same effect.
fn kept_apart(round: &Round<'_>, step: &Node) -> Option<Claim> {
    let reversal = step.reverses.as_ref()?;
    let what = if is_again(round) { DONE_AGAIN } else { TAKEN_BACK };
    let key = if planted(Bug::TakenBackTwice) { round.state.id.clone() } else { reversal.of.clone() };
    Some(Claim::Unique { operation: what.into(), key })
}

/// The key of a step's effect. What takes another effect back has one that follows from that one's; what is done again keeps its own.
/// A fork has the keys of the run that it was forked from, but for what that one had done otherwise.
fn key_of(round: &Round<'_>, step: &Node, place: &Place) -> Arc<str> {
    let (state, tenant) = (&round.state, &round.state.pinned.tenant);
    match (&step.reverses, &place.key) {
        (Some(reversal), _) if is_again(round) => reversal.of.clone(),
        (Some(_), _) if planted(Bug::TakenBackTwice) => effect_key(tenant, &state.id, &step.name),
        (Some(reversal), _) => undo_key(&reversal.of),
        (None, Some(key)) => key.clone(),
        (None, None) if place.is_apart => effect_key(tenant, &state.id, &step.name),
        (None, None) => effect_key(tenant, state.place(), &step.name),
    }
}

fn guard(over: &[String]) -> Used {
    if over.is_empty() { Used::State } else { Used::Guard { over: over.to_vec(), refused: None } }
}

/// Whether an approval allows what is asked now: the same policies, and no rule that was not put to the approver.
fn covers(asked: &Asked, escalations: &[(String, Escalation)], policy: Digest) -> bool {
    planted(Bug::ApprovalCoversAll)
        || asked.approval.policy == policy && escalations.iter().all(|(rule, _)| asked.approval.rules.contains(rule))
}

/// Until when people have time: the shortest of what is declared, each counted in the working hours of its team.
pub(super) fn deadline<'a>(round: &Round<'_>, escalations: impl Iterator<Item = &'a Escalation>) -> i64 {
    until(round, escalations.map(|escalation| (&escalation.to, escalation.within)))
}

/// The same for teams and their times.
pub(super) fn until<'a>(round: &Round<'_>, asks: impl Iterator<Item = (&'a String, Micros)>) -> i64 {
    let until = asks.map(|(team, within)| {
        let team = round.active.plan.teams.get(team);
        let hours = team.and_then(|team| team.hours.as_deref()).and_then(Hours::read);
        match hours {
            Some(hours) => hours.after(&round.active.zone, round.now, within),
            None => round.now.saturating_add(within),
        }
    });
    until.min().unwrap_or(round.now)
}

/// What is there is read first; where it cannot even be asked for, that is known at once.
fn look(round: &mut Round<'_>, id: StepId, wanted: &Wanted) {
    match before::read(round, &wanted.operation, &wanted.request, wanted.account.as_deref()) {
        Ok(call) => {
            let (failures, unreached) = (Vec::new(), Unreached::default());
            round.perform(Effect::Read { step: id, attempt: 1, not_before: round.now, failures, unreached, call });
        }
        Err(message) => round.fail_rule(id, message),
    }
}

fn approval(
    round: &Round<'_>,
    id: StepId,
    wanted: &Wanted,
    claims: Vec<Claim>,
    over: &[String],
    (escalations, digest): (&[(String, Escalation)], Digest),
) -> Option<Approval> {
    let (to, merged) = merge(escalations)?;
    let (node, state) = (round.state.graph.node(id)?, round.state.step(id)?);
    let rules: Vec<String> = escalations.iter().map(|(rule, _)| rule.clone()).collect();
    // What a step takes back is asked about together, where its stage says so.
    let together = wanted.stage.as_ref().is_some_and(|stage| node.reverses.is_some() && stage.escalation.batch);
    let asks = node.name.split_once('.').filter(|_| together).map_or(&*node.name, |(around, _)| around);
    let batch = merged.batch.then(|| batch_id(&whole(&round.state).id, asks, &rules, &to));
    Some(Approval {
        id: approval_id(&round.state.id, &node.name, state.asked),
        kind: ApprovalKind::Act,
        to,
        deadline: Some(deadline(round, escalations.iter().map(|(_, escalation)| escalation))),
        on_timeout: merged.on_timeout,
        quorum: merged.quorum.max(1),
        then: later(escalations.iter().map(|(_, escalation)| escalation)),
        rules,
        batch,
        over: over.to_vec(),
        question: format!("May `{}` be done?", wanted.operation.name),
        shown: Vec::new(),
        operation: Some(wanted.operation.name.as_str().into()),
        request: wanted.request.clone(),
        evidence: wanted.evidence.clone(),
        claims,
        editable: wanted.stage.as_ref().map(|stage| stage.editable.clone()).unwrap_or_default(),
        answer: None,
        digest,
        policy: round.active.policy_digest,
        before: None,
    })
}

/// The call of an effect whose intent is, or is about to be, durable.
pub(super) fn perform(round: &Round<'_>, id: StepId, intent: &Intent, attempt: u32, between: (i64, i64)) -> Option<Effect> {
    let (not_before, not_after) = between;
    let again = if attempt > 1 && planted(Bug::AttemptInKey) { attempt.to_string() } else { String::new() };
    let (operation, key) = (round.operation(&intent.operation).ok()?, intent.key.to_string() + &again);
    let call = call::of(round, operation, intent.request.clone(), key, intent.account.as_deref()).ok()?;
    Some(Effect::Perform { step: id, attempt, not_before, not_after, call })
}
