//! The state of one run: a fold of its events and of nothing else.
//!
//! Recovery folds; it never decides again. What is under way but not in the log (reads, model calls)
//! is marked beside the fold and is forgotten by a restart.

mod children;
mod effects;
mod inherit;
mod migrate;
mod phase;
mod settle;
mod sleep;
mod talk;
mod undo;

use crate::child::Parent;
use crate::event::{Event, EventKind, SkipReason, Used};
use crate::failure::{Failure, FailureKind};
use crate::fork::Forked;
use crate::frozen::Frozen;
use crate::pinned::{FlowGraph, Pinned};
use crate::planted::{Bug, planted};
use crate::seal::KeyName;
use crate::undo::{AGAIN, Reversal, UNDO, of_input};
use std::sync::Arc;
use tradewind_lang::money::Money;
use tradewind_lang::plan::{Digest, OnTimeout, StepId};
use tradewind_lang::value::Value;

pub use children::{Handled, Items};
pub use phase::{Asked, DoneEffect, OpenEffect, Phase, PreImage, Sleep, Standing, StepState};
pub use talk::Talk;

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
    /// Who started it.
    pub starter: Arc<str>,
    /// Its input.
    pub input: Value,
    /// The digest of its input.
    pub payload: Digest,
    /// Where it stands.
    pub standing: Standing,
    /// Its steps, in the order of the plan.
    pub steps: Vec<StepState>,
    /// What it shares with runs that may not work beside it; none where its flow declares none.
    pub concurrency_key: Option<Arc<str>>,
    /// When it was started.
    pub started_at: i64,
    /// When it began to work: later than it was started where another run had its concurrency key.
    pub began_at: i64,
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
    /// The run within which it runs.
    pub parent: Option<Parent>,
    /// That run as it stood when this one began, for an item of an `each` and for what follows a failure.
    pub outer: Option<Arc<RunState>>,
    /// What it takes over, where it is a fork or runs within one.
    pub fork: Option<Arc<Forked>>,
    /// Runs within it that have not ended.
    pub children: u32,
    /// Whether what follows its failure has been done.
    pub handled: Handled,
    /// Which step failed and why, once what follows is done: `failure` of the steps of `on-failure`.
    pub failure: Value,
    /// Steps that run others within them.
    looping: Vec<StepId>,
    /// Steps that wait for time to pass, or for an event.
    pub sleeping: u32,
    /// Seqs of the events that its steps have taken.
    pub taken: Vec<u64>,
    /// Whether a person paused it.
    pub paused: bool,
    /// Whether it failed at a step that wants what was done to be taken back.
    pub takes_back: bool,
    /// Effects that cannot be taken back, and why.
    pub left: Vec<Arc<Reversal>>,
    /// Everybody whose data it has met.
    pub subjects: Vec<KeyName>,
    /// Whether some of what it met was erased.
    pub erased: bool,
    /// What is frozen as it decides. Folded beside it, as it is the same for all runs.
    pub frozen: Arc<Frozen>,
    /// Time that does not count, up to `stopped_since`: waits for people, and pauses.
    stopped: i64,
    stopped_since: Option<i64>,
    unsettled: u32,
    ready: Vec<StepId>,
}

impl RunState {
    /// A run before its first event.
    #[must_use]
    pub fn new(id: Arc<str>, trace: [u8; 16], pinned: Arc<Pinned>, graph: Arc<FlowGraph>) -> Self {
        let steps = graph.nodes.iter().map(|node| StepState::new(node.blockers)).collect();
        Self {
            id,
            trace,
            pinned,
            key: "".into(),
            starter: "".into(),
            input: Value::Null,
            payload: Digest::default(),
            standing: Standing::New,
            steps,
            concurrency_key: None,
            started_at: 0,
            began_at: 0,
            updated_at: 0,
            first: 0,
            last: 0,
            output: Value::Null,
            cost: None,
            approvals: 0,
            moving: 0,
            open: 0,
            asking: 0,
            parent: None,
            outer: None,
            fork: None,
            children: 0,
            handled: Handled::No,
            failure: Value::Null,
            looping: Vec::new(),
            sleeping: 0,
            taken: Vec::new(),
            paused: false,
            takes_back: false,
            left: Vec::new(),
            subjects: Vec::new(),
            erased: false,
            frozen: Arc::default(),
            stopped: 0,
            stopped_since: None,
            unsettled: graph.top,
            ready: Vec::new(),
            graph,
        }
    }

    /// Folds an event of this run.
    pub fn apply(&mut self, event: &Event) {
        let header = &event.header;
        self.erased |= header.erased;
        for name in header.subjects.iter() {
            if !self.subjects.contains(name) {
                self.subjects.push(*name);
            }
        }
        self.fold(header.step.as_ref().map(|step| step.id), &event.kind, event.cost, Some(&header.actor), header.at, header.seq);
        if let (Used::Said(label), Some(step)) = (&event.used, &header.step) {
            self.note_label(step.id, label);
        }
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
        self.goes_on() || self.unasked().next().is_some()
    }

    fn goes_on(&self) -> bool {
        match self.standing {
            Standing::Running => !self.paused && (self.unsettled == 0 || self.ready.iter().any(|id| self.may_start(*id))),
            Standing::Undoing(_) => !self.paused && (self.unsettled == 0 || self.ready.iter().any(|id| self.may_start(*id))),
            // What has begun ends first; then what follows a failure is done.
            Standing::Failing(_) | Standing::Cancelling(_) => self.open == 0 && (self.children == 0 || self.handled == Handled::Begun),
            Standing::New | Standing::Held | Standing::Completed | Standing::Failed(_) | Standing::Cancelled(_) => false,
        }
    }

    /// Whether every step is settled.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.unsettled == 0
    }

    /// Whether steps may begin: it goes on, or takes back what it did.
    #[must_use]
    pub fn is_working(&self) -> bool {
        matches!(self.standing, Standing::Running | Standing::Undoing(_))
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.standing, Standing::Completed | Standing::Failed(_) | Standing::Cancelled(_))
    }

    /// Whether only a person, a clock or an event can make it go on.
    #[must_use]
    pub fn is_parked(&self) -> bool {
        // What is still being asked for a run that fails is not used any more.
        let asking = self.asking > 0 && self.standing == Standing::Running;
        let waits = self.approvals > 0 || self.paused || self.children > 0 || self.sleeping > 0 || self.awaits_thaw();
        waits && self.moving == self.held_back() && !asking && !self.can_advance() && !self.has_ended()
    }

    /// When its deadline runs out: waits for people (unless the flow says that they count), for its concurrency key, and pauses are not
    /// counted. None while one lasts, and while runs within it go on: they have their parent's deadline.
    #[must_use]
    pub fn deadline(&self) -> Option<i64> {
        let counts = self.stopped_since.is_none() && self.standing != Standing::Held && self.children == 0;
        self.due().filter(|_| counts)
    }

    /// When the whole run is due, as its clock stands now; none where nothing limits it. Items of an `each` have no time of their own
    /// but that of the run around them.
    #[must_use]
    pub fn due(&self) -> Option<i64> {
        let own = self.graph.flow.deadline.filter(|_| self.graph.body.is_none()).map(|deadline| self.began_at.saturating_add(deadline));
        let outer = self.parent.as_ref().and_then(|parent| parent.due);
        own.into_iter().chain(outer).min().map(|due| due.saturating_add(self.stopped))
    }

    /// What it has cost, with what the run around it had cost when it began: what its flow's cap is held against.
    #[must_use]
    pub fn spent(&self) -> Option<Money> {
        let around =
            self.parent.as_ref().filter(|_| self.outer.is_some() && !planted(Bug::BudgetOfParentForgotten)).and_then(|parent| parent.spent);
        match (around, self.cost) {
            (Some(around), Some(cost)) => around.plus(cost),
            (one, other) => one.or(other),
        }
    }

    /// How long its clock stood still so far.
    #[must_use]
    pub fn stopped(&self) -> i64 {
        self.stopped
    }

    /// Whether what follows its failure is being done.
    #[must_use]
    pub fn is_handling(&self) -> bool {
        matches!(self.handled, Handled::Begun | Handled::Issued)
    }

    /// Marks a step as being asked; not folded, forgotten by a restart.
    pub fn mark_asking(&mut self, id: StepId) {
        let Some(step) = self.steps.get_mut(usize::from(id.0)) else { return };
        step.phase = match &step.phase {
            Phase::Ready | Phase::Heard => Phase::Asking,
            Phase::Approved(asked) => Phase::Rereading(asked.clone()),
            _ => return,
        };
        self.asking += 1;
        self.ready.retain(|other| *other != id);
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
            (EventKind::RunStarted { key, input, payload, concurrency_key, held, parent, fork, .. }, _) => {
                self.parent.clone_from(parent);
                self.fork = fork.clone().or_else(|| self.fork.take());
                (self.key, self.input, self.payload) = (key.clone(), input.clone(), *payload);
                self.starter = actor.cloned().unwrap_or_else(|| "".into());
                (self.concurrency_key, self.started_at, self.first) = (concurrency_key.clone(), at, seq);
                self.standing = Standing::Held;
                if matches!(&*self.graph.name, UNDO | AGAIN) {
                    self.take_back(None, &of_input(input));
                }
                if !held {
                    self.begin(at);
                }
            }
            (EventKind::RunAdmitted, _) if self.standing == Standing::Held => self.begin(at),
            (EventKind::RunPaused, _) if !self.paused => self.pause(at),
            (EventKind::RunResumed, _) if self.paused => self.resume(at),
            (EventKind::CancelRequested { reason }, _) if matches!(self.standing, Standing::Held | Standing::Running) => {
                self.standing = Standing::Cancelling(reason.clone());
            }
            (EventKind::RunCancelled { reason }, _) => self.standing = Standing::Cancelled(reason.clone()),
            (EventKind::RunCompleted { output }, _) => {
                self.standing = Standing::Completed;
                self.output = output.clone();
            }
            (EventKind::UndoPlanned { reversals }, step) => self.take_back(step, reversals),
            (EventKind::RunFailed { failure }, _) => self.standing = Standing::Failed(failure.clone()),
            (EventKind::FailureHandled { step, failure }, _) => {
                self.children += 1;
                self.handled = Handled::Begun;
                self.failure = Value::record([
                    ("step", Value::String(step.clone())),
                    ("kind", Value::string(failure.kind.to_string())),
                    ("message", Value::string(failure.message.as_str())),
                ]);
                self.standing = Standing::Failing(failure.clone());
            }
            (EventKind::ChildEnded { part, outcome, waited, .. }, step) => self.child_ended(step, *part, outcome, *waited),
            (_, Some(id)) => {
                let went_on = self.standing == Standing::Running;
                self.fold_step(id, kind, actor, at, seq);
                let failed = went_on && matches!(self.standing, Standing::Failing(_));
                self.takes_back |= failed && self.is_taken_back_after(id);
            }
            (_, None) => {}
        }
    }

    fn fold_step(&mut self, id: StepId, kind: &EventKind, actor: Option<&Arc<str>>, at: i64, seq: u64) {
        match kind {
            EventKind::ItemsPicked { items } => self.pick(id, items, at),
            EventKind::ItemsCompleted => self.complete_items(id, at),
            EventKind::FlowBegun { input } => self.begin_flow(id, input, at),
            EventKind::StepOverdue { failure } => self.overdue(id, failure),
            EventKind::FactsRemembered { .. } => self.settle(id, Phase::Completed(None), Value::Record(Arc::default()), at),
            EventKind::ArmTaken { arm } => self.take_arm(id, *arm),
            EventKind::StepCompleted { value } | EventKind::FactRemembered { fields: value, .. } => {
                self.settle(id, Phase::Completed(None), value.clone(), at);
            }
            EventKind::StepSkipped { why } => {
                self.settle(id, Phase::Skipped(why.clone()), Value::Null, at);
                self.skip_arms(id, None);
            }
            EventKind::StepFailed { failure, goes_on } => self.step_failed(id, failure, *goes_on, at),
            EventKind::StepInherited(kept) => self.keep(id, kept, at),
            EventKind::EffectInherited(done) => self.inherit(id, done, at),
            EventKind::PreImageRead { outcome } => self.seen(id, outcome, at),
            EventKind::IntentRecorded(intent) => self.open_effect(id, intent, at, seq),
            EventKind::EffectAttempted { attempt, doubt, code, next, .. } => self.attempted(id, (*attempt, *doubt), code, *next, at),
            EventKind::EffectSettled { outcome, by, goes_on, .. } => self.settle_effect(id, outcome, *by, *goes_on, at),
            EventKind::EffectDenied { rule, message, goes_on } => {
                self.settle(id, Phase::Denied { rule: rule.as_str().into(), message: message.as_str().into() }, Value::Null, at);
                self.fail_unless(*goes_on, &Failure::coded(FailureKind::Policy, rule.clone(), message.clone()));
            }
            EventKind::ModelAsked(_) | EventKind::ModelAnswered(_) | EventKind::AnswerTaken(..) | EventKind::ToolsCalled(_) => {
                self.fold_talk(id, kind, at);
            }
            EventKind::ApprovalRequested(approval) => self.ask(id, approval, at, seq),
            EventKind::ApprovalAnswered { verdict, closes, edited, .. } => self.answered(id, actor, verdict, *closes, edited.as_ref(), at),
            EventKind::ApprovalRaised(raised) => self.raise(id, raised),
            EventKind::ItemSetAside { place } => self.set_aside(id, *place),
            EventKind::ApprovalExpired { then: OnTimeout::Approve, .. } => self.approve(id, at),
            EventKind::ApprovalWithdrawn { .. } => self.settle(id, Phase::Skipped(SkipReason::Condition), Value::Null, at),
            EventKind::WaitBegun { .. } | EventKind::WaitEnded { .. } | EventKind::EventTaken { .. } | EventKind::EventEmitted(_) => {
                self.fold_wait(id, kind, at, seq);
            }
            // Of the engine, or of the whole run.
            EventKind::PlanAdopted { .. }
            | EventKind::SubjectForgotten { .. }
            | EventKind::SubjectHeld { .. }
            | EventKind::SubjectReleased { .. }
            | EventKind::FactsDropped { .. }
            | EventKind::VectorsAsked(_)
            | EventKind::VectorsAnswered(_)
            | EventKind::ApprovalExpired { .. }
            | EventKind::EventReceived(_)
            | EventKind::EventRefused(_)
            | EventKind::EventsGathered { .. }
            | EventKind::EventDispatched { .. }
            | EventKind::ScheduleFired { .. }
            | EventKind::EffectsFrozen { .. }
            | EventKind::EffectsThawed { .. }
            | EventKind::RunStarted { .. }
            | EventKind::RunAdmitted
            | EventKind::RunPaused
            | EventKind::RunResumed
            | EventKind::RunMigrated(_)
            | EventKind::CancelRequested { .. }
            | EventKind::FailureHandled { .. }
            | EventKind::ChildEnded { .. }
            | EventKind::UndoPlanned { .. }
            | EventKind::RunCompleted { .. }
            | EventKind::RunFailed { .. }
            | EventKind::RunCancelled { .. } => {}
        }
    }

    fn step_failed(&mut self, id: StepId, failure: &Failure, goes_on: bool, at: i64) {
        self.settle(id, Phase::Failed(Arc::new(failure.clone())), Value::Null, at);
        self.skip_arms(id, None);
        self.fail_unless(goes_on, failure);
    }

    fn pause(&mut self, at: i64) {
        self.paused = true;
        self.stop_clock(at);
    }

    fn resume(&mut self, at: i64) {
        self.paused = false;
        self.start_clock(at);
        self.advance_all_items();
    }

    /// Its turn has come: the steps that wait for nothing may start.
    fn begin(&mut self, at: i64) {
        self.standing = Standing::Running;
        self.began_at = at;
        let free = (0..self.steps.len()).filter_map(|place| u16::try_from(place).ok().map(StepId));
        free.for_each(|id| self.wake(id));
    }

    /// From now on time does not count.
    fn stop_clock(&mut self, at: i64) {
        self.stopped_since.get_or_insert(at);
    }

    /// Time counts again where nothing else keeps it from counting.
    fn start_clock(&mut self, at: i64) {
        if (self.approvals == 0 || self.graph.flow.terms.people_count)
            && !self.paused
            && let Some(since) = self.stopped_since.take()
        {
            self.stopped = self.stopped.saturating_add(at.saturating_sub(since).max(0));
        }
    }
}

/// Code of an attempt that ended with the process.
pub(crate) const RESTART: &str = "restart";
/// Code of an attempt that a lookup says did not happen.
pub(crate) const NOT_DONE: &str = "not-done";
/// Code of an attempt at an effect that had waited, and leaves: it is in the log before it is sent.
pub const LEAVES: &str = "leaves";
