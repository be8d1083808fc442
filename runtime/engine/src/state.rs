//! The state of one run: a fold of its events and of nothing else.
//!
//! Recovery folds; it never decides again. What is under way but not in the log (reads, model calls)
//! is marked beside the fold and is forgotten by a restart.

use crate::approval::{Approval, Verdict};
use crate::backoff::Unreached;
use crate::event::{Event, EventKind, Intent, Next, Outcome, SettledBy, SkipReason};
use crate::failure::{Failure, FailureKind};
use crate::pinned::{FlowGraph, Pinned};
use crate::ports::UNREACHABLE;
use std::sync::Arc;
use tradewind_lang::money::Money;
use tradewind_lang::plan::{Digest, OnTimeout, StepId};
use tradewind_lang::value::Value;

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Not in the log yet.
    New,
    /// Going on.
    Running,
    /// It will fail when its open effects are settled.
    Failing(Failure),
    /// Ended well.
    Completed,
    /// Ended badly.
    Failed(Failure),
}

/// An item of the inbox that a step waits for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The item.
    pub approval: Arc<Approval>,
    /// When it was asked.
    pub at: i64,
    /// Its seq.
    pub seq: u64,
    /// Who agreed so far.
    pub agreed: Vec<Arc<str>>,
    /// The request, with the approver's edits.
    pub request: Value,
}

/// An effect whose intent is durable.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenEffect {
    /// The intent.
    pub intent: Arc<Intent>,
    /// Its seq.
    pub seq: u64,
    /// When it was decided.
    pub sent_at: i64,
    /// The attempt under way or next, from 1.
    pub attempt: u32,
    /// Attempts that a provider's or a network's failure ended.
    pub tries: u32,
    /// Whether an attempt may have happened.
    pub doubt: bool,
    /// Its last attempts, where they did not reach the provider.
    pub unreached: Unreached,
    /// What follows; none while an attempt is under way.
    pub next: Option<Next>,
    /// The person who is asked what became of it.
    pub asked: Option<Arc<Asked>>,
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// Steps before it are not settled, or its arm is not taken.
    Waiting,
    /// It may start.
    Ready,
    /// A read or a model is being asked. Not in the log.
    Asking,
    /// An arm was taken; so many of its steps are not settled.
    Arm {
        /// The arm.
        arm: u16,
        /// Unsettled steps.
        left: u16,
    },
    /// A person is asked.
    Approval(Arc<Asked>),
    /// A person, or a clock, agreed; the effect is to be judged again.
    Approved(Arc<Asked>),
    /// An effect is open.
    Effect(Arc<OpenEffect>),
    /// It has its value.
    Completed(Option<SettledBy>),
    /// Left out.
    Skipped(SkipReason),
    /// Its effect was denied.
    Denied {
        /// By which rule.
        rule: Arc<str>,
        /// For people.
        message: Arc<str>,
    },
    /// It failed.
    Failed(Arc<Failure>),
}

impl Phase {
    /// Whether nothing more will happen to the step.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Completed(_) | Self::Skipped(_) | Self::Denied { .. } | Self::Failed(_))
    }

    fn may_start(&self) -> bool {
        matches!(self, Self::Ready | Self::Approved(_) | Self::Arm { left: 0, .. })
    }
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct StepState {
    /// Where it stands.
    pub phase: Phase,
    /// Its value; `Null` where it has none.
    pub value: Value,
    blockers: u16,
    /// How many approvals were asked for it.
    pub asked: u16,
}

/// The state of one run.
#[derive(Debug, Clone)]
pub struct RunState {
    /// Its name.
    pub id: Arc<str>,
    /// Its trace.
    pub trace: [u8; 16],
    /// The plan it follows.
    pub pinned: Arc<Pinned>,
    /// Its flow in that plan.
    pub graph: Arc<FlowGraph>,
    /// What identifies it among the flow's runs.
    pub key: Arc<str>,
    /// Its input.
    pub input: Value,
    /// The digest of its input.
    pub payload: Digest,
    /// Where it stands.
    pub standing: Standing,
    /// Its steps, in the order of the plan.
    pub steps: Vec<StepState>,
    /// When it began.
    pub started_at: i64,
    /// When something last happened.
    pub updated_at: i64,
    /// Seq of its first event.
    pub first: u64,
    /// Seq of its newest event.
    pub last: u64,
    /// What it answered.
    pub output: Value,
    /// What it cost.
    pub cost: Option<Money>,
    /// How many approvals are open.
    pub approvals: u32,
    /// Effects that do not wait for a person.
    pub moving: u32,
    /// Effects that are not settled.
    pub open: u32,
    /// Reads and model calls under way. Not in the log.
    pub asking: u32,
    /// Time spent waiting for people, up to `waiting_since`.
    waited: i64,
    waiting_since: Option<i64>,
    unsettled: u32,
    ready: Vec<StepId>,
}

impl RunState {
    /// A run before its first event.
    #[must_use]
    pub fn new(id: Arc<str>, trace: [u8; 16], pinned: Arc<Pinned>, graph: Arc<FlowGraph>) -> Self {
        let step = |blockers| StepState { phase: Phase::Waiting, value: Value::Null, blockers, asked: 0 };
        let steps = graph.nodes.iter().map(|node| step(node.blockers)).collect();
        Self {
            id,
            trace,
            pinned,
            key: "".into(),
            input: Value::Null,
            payload: Digest::default(),
            standing: Standing::New,
            steps,
            started_at: 0,
            updated_at: 0,
            first: 0,
            last: 0,
            output: Value::Null,
            cost: None,
            approvals: 0,
            moving: 0,
            open: 0,
            asking: 0,
            waited: 0,
            waiting_since: None,
            unsettled: graph.top,
            ready: Vec::new(),
            graph,
        }
    }

    /// Folds an event of this run.
    pub fn apply(&mut self, event: &Event) {
        let header = &event.header;
        self.fold(header.step.as_ref().map(|step| step.id), &event.kind, event.cost, Some(&header.actor), header.at, header.seq);
    }

    /// A step.
    #[must_use]
    pub fn step(&self, id: StepId) -> Option<&StepState> {
        self.steps.get(usize::from(id.0))
    }

    /// Steps that may start now, in the order of the plan.
    #[must_use]
    pub fn ready(&self) -> Vec<StepId> {
        let mut ready: Vec<StepId> = self.ready.iter().copied().filter(|id| self.may_start(*id)).collect();
        ready.sort_unstable();
        ready.dedup();
        ready
    }

    /// Whether another decision could do something without any input from outside.
    #[must_use]
    pub fn can_advance(&self) -> bool {
        match self.standing {
            Standing::Running => self.unsettled == 0 || self.ready.iter().any(|id| self.may_start(*id)),
            Standing::Failing(_) => self.open == 0,
            Standing::New | Standing::Completed | Standing::Failed(_) => false,
        }
    }

    /// Whether every step is settled.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.unsettled == 0
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.standing, Standing::Completed | Standing::Failed(_))
    }

    /// Whether only a person can make it go on.
    #[must_use]
    pub fn is_parked(&self) -> bool {
        // What is still being asked for a run that fails is not used any more.
        let asking = self.asking > 0 && self.standing == Standing::Running;
        self.approvals > 0 && self.moving == 0 && !asking && !self.can_advance() && !self.has_ended()
    }

    /// When its deadline runs out: waits for people are not counted unless the flow says so. None while it waits for one.
    #[must_use]
    pub fn deadline(&self) -> Option<i64> {
        let deadline = self.graph.flow.deadline?;
        if self.graph.flow.terms.people_count {
            return Some(self.started_at.saturating_add(deadline));
        }
        self.waiting_since.is_none().then(|| self.started_at.saturating_add(deadline).saturating_add(self.waited))
    }

    /// Marks a step as being asked; not folded, forgotten by a restart.
    pub fn mark_asking(&mut self, id: StepId) {
        if let Some(step) = self.steps.get_mut(usize::from(id.0))
            && matches!(step.phase, Phase::Ready)
        {
            step.phase = Phase::Asking;
            self.asking += 1;
            self.ready.retain(|other| *other != id);
        }
    }

    /// Open items of the inbox, with their steps.
    pub fn inbox(&self) -> impl Iterator<Item = (StepId, &Arc<Asked>)> {
        self.steps.iter().enumerate().filter_map(|(place, step)| {
            let asked = match &step.phase {
                Phase::Approval(asked) => asked,
                Phase::Effect(effect) => effect.asked.as_ref()?,
                _ => return None,
            };
            Some((StepId(u16::try_from(place).ok()?), asked))
        })
    }

    /// Folds what happened. `seq` is 0 while a decision looks ahead.
    pub(crate) fn fold(
        &mut self,
        step: Option<StepId>,
        kind: &EventKind,
        cost: Option<Money>,
        actor: Option<&Arc<str>>,
        at: i64,
        seq: u64,
    ) {
        self.updated_at = at;
        if seq > 0 {
            self.last = seq;
        }
        if let Some(cost) = cost {
            self.cost = self.cost.map_or(Some(cost), |sum| sum.plus(cost).or(Some(sum)));
        }
        match (kind, step) {
            (EventKind::RunStarted { key, input, payload, .. }, _) => {
                self.standing = Standing::Running;
                (self.key, self.input, self.payload) = (key.clone(), input.clone(), *payload);
                (self.started_at, self.first) = (at, seq);
                let free = (0..self.steps.len()).filter_map(|place| u16::try_from(place).ok().map(StepId));
                free.for_each(|id| self.wake(id));
            }
            (EventKind::RunCompleted { output }, _) => {
                self.standing = Standing::Completed;
                self.output = output.clone();
            }
            (EventKind::RunFailed { failure }, _) => self.standing = Standing::Failed(failure.clone()),
            (_, Some(id)) => self.fold_step(id, kind, actor, at, seq),
            (_, None) => {}
        }
    }

    fn fold_step(&mut self, id: StepId, kind: &EventKind, actor: Option<&Arc<str>>, at: i64, seq: u64) {
        match kind {
            EventKind::ArmTaken { arm } => self.take_arm(id, *arm),
            EventKind::StepCompleted { value } => self.settle(id, Phase::Completed(None), value.clone(), at),
            EventKind::FactRemembered { fields, .. } => self.settle(id, Phase::Completed(None), fields.clone(), at),
            EventKind::StepSkipped { why } => {
                self.settle(id, Phase::Skipped(why.clone()), Value::Null, at);
                self.skip_arms(id, None);
            }
            EventKind::StepFailed { failure, goes_on } => {
                self.settle(id, Phase::Failed(Arc::new(failure.clone())), Value::Null, at);
                self.skip_arms(id, None);
                self.fail_unless(*goes_on, failure);
            }
            EventKind::IntentRecorded(intent) => self.open_effect(id, intent, at, seq),
            EventKind::EffectAttempted { attempt, doubt, code, next, .. } => self.attempted(id, (*attempt, *doubt), code, *next, at),
            EventKind::EffectSettled { outcome, by, goes_on, .. } => self.settle_effect(id, outcome, *by, *goes_on, at),
            EventKind::EffectDenied { rule, message, goes_on } => {
                self.settle(id, Phase::Denied { rule: rule.as_str().into(), message: message.as_str().into() }, Value::Null, at);
                self.fail_unless(*goes_on, &Failure::coded(FailureKind::Policy, rule.clone(), message.clone()));
            }
            EventKind::ApprovalRequested(approval) => self.ask(id, approval, at, seq),
            EventKind::ApprovalAnswered { verdict, closes, edited, .. } => self.answered(id, actor, verdict, *closes, edited.as_ref(), at),
            EventKind::ApprovalExpired { then, .. } => {
                if matches!(then, OnTimeout::Approve) {
                    self.approve(id, at);
                }
            }
            EventKind::ApprovalWithdrawn { .. } => {
                self.settle(id, Phase::Skipped(SkipReason::Condition), Value::Null, at);
            }
            EventKind::PlanAdopted { .. } | EventKind::RunStarted { .. } | EventKind::RunCompleted { .. } | EventKind::RunFailed { .. } => {
            }
        }
    }

    fn may_start(&self, id: StepId) -> bool {
        self.step(id).is_some_and(|step| step.phase.may_start())
    }

    fn fail_unless(&mut self, goes_on: bool, failure: &Failure) {
        if !goes_on && self.standing == Standing::Running {
            self.standing = Standing::Failing(failure.clone());
        }
    }

    /// Makes a step ready whose steps before it are settled and whose arm is taken.
    fn wake(&mut self, id: StepId) {
        let arm_is_taken = match self.graph.step(id).and_then(|step| step.within) {
            None => true,
            Some((choose, arm)) => {
                self.step(choose).is_some_and(|step| matches!(step.phase, Phase::Arm { arm: taken, .. } if taken == arm))
            }
        };
        if let Some(step) = self.steps.get_mut(usize::from(id.0))
            && arm_is_taken
            && step.blockers == 0
            && matches!(step.phase, Phase::Waiting)
        {
            step.phase = Phase::Ready;
            self.ready.push(id);
        }
    }

    fn set_phase(&mut self, id: StepId, phase: Phase) -> Option<Phase> {
        self.ready.retain(|other| *other != id);
        let may_start = phase.may_start();
        let old = std::mem::replace(&mut self.steps.get_mut(usize::from(id.0))?.phase, phase);
        if may_start {
            self.ready.push(id);
        }
        if matches!(old, Phase::Asking) {
            self.asking = self.asking.saturating_sub(1);
        }
        Some(old)
    }

    /// Nothing more happens to this step: those that wait for it may go on.
    fn settle(&mut self, id: StepId, phase: Phase, value: Value, at: i64) {
        if self.step(id).is_none_or(|step| step.phase.is_settled()) {
            return;
        }
        match self.set_phase(id, phase) {
            Some(Phase::Approval(_)) => self.close_approval(at),
            Some(Phase::Effect(effect)) => self.close_effect(&effect, at),
            _ => {}
        }
        if let Some(step) = self.steps.get_mut(usize::from(id.0)) {
            step.value = value;
        }
        let graph = self.graph.clone();
        match graph.step(id).and_then(|step| step.within) {
            None => self.unsettled = self.unsettled.saturating_sub(1),
            Some((choose, arm)) => self.leave_arm(choose, arm),
        }
        for dependent in graph.node(id).map_or(&[][..], |node| &node.dependents) {
            if let Some(step) = self.steps.get_mut(usize::from(dependent.0)) {
                step.blockers = step.blockers.saturating_sub(1);
            }
            self.wake(*dependent);
        }
    }

    fn leave_arm(&mut self, choose: StepId, arm: u16) {
        let Some(Phase::Arm { arm: taken, left }) = self.step(choose).map(|step| &step.phase) else { return };
        if *taken == arm {
            let phase = Phase::Arm { arm, left: left.saturating_sub(1) };
            self.set_phase(choose, phase);
        }
    }

    fn take_arm(&mut self, id: StepId, arm: u16) {
        let graph = self.graph.clone();
        let inside = graph.node(id).and_then(|node| node.arms.get(usize::from(arm))).map_or(&[][..], Vec::as_slice);
        self.set_phase(id, Phase::Arm { arm, left: u16::try_from(inside.len()).unwrap_or(u16::MAX) });
        inside.iter().for_each(|step| self.wake(*step));
        self.skip_arms(id, Some(arm));
    }

    /// Skips the steps of every arm but one, and of the arms inside those.
    fn skip_arms(&mut self, id: StepId, but: Option<u16>) {
        let graph = self.graph.clone();
        let Some(node) = graph.node(id) else { return };
        let others = node.arms.iter().enumerate().filter(|(place, _)| but.is_none_or(|arm| usize::from(arm) != *place));
        let mut skipped: Vec<StepId> = others.flat_map(|(_, steps)| steps.iter().copied()).collect();
        while let Some(step) = skipped.pop() {
            self.settle(step, Phase::Skipped(SkipReason::Arm), Value::Null, self.updated_at);
            skipped.extend(graph.node(step).into_iter().flat_map(|node| node.arms.iter().flatten().copied()));
        }
    }

    fn open_effect(&mut self, id: StepId, intent: &Arc<Intent>, at: i64, seq: u64) {
        let effect = OpenEffect {
            intent: intent.clone(),
            seq,
            sent_at: at,
            attempt: 1,
            tries: 0,
            doubt: false,
            unreached: Unreached::default(),
            next: None,
            asked: None,
        };
        if let Some(Phase::Approval(_)) = self.set_phase(id, Phase::Effect(Arc::new(effect))) {
            self.close_approval(at);
        }
        self.open += 1;
        self.moving += 1;
    }

    fn attempted(&mut self, id: StepId, attempt: (u32, bool), code: &str, next: Next, at: i64) {
        let (attempt, doubt) = attempt;
        let Some(Phase::Effect(effect)) = self.step(id).map(|step| &step.phase) else { return };
        let mut effect = OpenEffect::clone(effect);
        let was_moving = effect.next != Some(Next::Person);
        effect.doubt = doubt;
        effect.next = Some(next);
        effect.tries += u32::from(code != RESTART && code != NOT_DONE && code != UNREACHABLE);
        effect.unreached = if code == UNREACHABLE { effect.unreached.again(at) } else { Unreached::default() };
        effect.attempt = if matches!(next, Next::Send(_)) { attempt + 1 } else { attempt };
        if was_moving && next == Next::Person {
            self.moving = self.moving.saturating_sub(1);
        }
        self.set_phase(id, Phase::Effect(Arc::new(effect)));
    }

    fn settle_effect(&mut self, id: StepId, outcome: &Outcome, by: SettledBy, goes_on: bool, at: i64) {
        let Some(Phase::Effect(effect)) = self.step(id).map(|step| &step.phase) else { return };
        match outcome {
            Outcome::Done(answer) => {
                let value = value_of_act(answer, &effect.intent.request);
                self.settle(id, Phase::Completed(Some(by)), value, at);
            }
            Outcome::Failed(failure) => {
                self.settle(id, Phase::Failed(Arc::new(failure.clone())), Value::Null, at);
                self.fail_unless(goes_on, failure);
            }
        }
    }

    fn close_effect(&mut self, effect: &OpenEffect, at: i64) {
        self.open = self.open.saturating_sub(1);
        if effect.next != Some(Next::Person) {
            self.moving = self.moving.saturating_sub(1);
        }
        if effect.asked.is_some() {
            self.close_approval(at);
        }
    }

    fn ask(&mut self, id: StepId, approval: &Arc<Approval>, at: i64, seq: u64) {
        let asked = Arc::new(Asked { approval: approval.clone(), at, seq, agreed: Vec::new(), request: approval.request.clone() });
        let phase = match self.step(id).map(|step| &step.phase) {
            Some(Phase::Effect(effect)) => Phase::Effect(Arc::new(OpenEffect { asked: Some(asked), ..OpenEffect::clone(effect) })),
            _ => Phase::Approval(asked),
        };
        self.set_phase(id, phase);
        if let Some(step) = self.steps.get_mut(usize::from(id.0)) {
            step.asked = step.asked.saturating_add(1);
        }
        self.approvals += 1;
        self.waiting_since.get_or_insert(at);
    }

    fn answered(&mut self, id: StepId, actor: Option<&Arc<str>>, verdict: &Verdict, closes: bool, edited: Option<&Value>, at: i64) {
        let Some(Phase::Approval(asked)) = self.step(id).map(|step| &step.phase) else { return };
        let mut asked = Asked::clone(asked);
        if let Some(edited) = edited {
            asked.request = edited.clone();
            asked.agreed.clear();
        }
        asked.agreed.extend(actor.cloned());
        let approves = matches!(verdict, Verdict::Approve { .. });
        self.set_phase(id, Phase::Approval(Arc::new(asked)));
        if closes && approves {
            self.approve(id, at);
        }
    }

    fn approve(&mut self, id: StepId, at: i64) {
        let Some(Phase::Approval(asked)) = self.step(id).map(|step| &step.phase) else { return };
        let asked = asked.clone();
        self.set_phase(id, Phase::Approved(asked));
        self.close_approval(at);
    }

    fn close_approval(&mut self, at: i64) {
        self.approvals = self.approvals.saturating_sub(1);
        if self.approvals == 0
            && let Some(since) = self.waiting_since.take()
        {
            self.waited = self.waited.saturating_add(at.saturating_sub(since).max(0));
        }
    }
}

/// Code of an attempt that ended with the process.
pub(crate) const RESTART: &str = "restart";
/// Code of an attempt that a lookup says did not happen.
pub(crate) const NOT_DONE: &str = "not-done";

/// The value of an `act`: the response's fields, and `request`.
fn value_of_act(answer: &Value, request: &Value) -> Value {
    let mut record = match answer {
        Value::Record(record) => tradewind_lang::value::Record::clone(record),
        _ => tradewind_lang::value::Record::default(),
    };
    record.set("request", request.clone());
    Value::Record(Arc::new(record))
}
