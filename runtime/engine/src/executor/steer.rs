//! What people and reloads want of the whole shard: another plan, effects frozen or thawed. Each is an event of the log, and what is
//! decided after it is queued comes after it in the log: a replay then knows which plan and which freeze a decision was made under.

use super::{Entry, Reply, Shard, StartRequest};
use crate::decide::Timer;
use crate::engine::StartError;
use crate::engine::prepare::prepare;
use crate::event::{Blob, EventKind};
use crate::frozen::{Frozen, Note, Scope};
use crate::pinned::Pinned;
use crate::seal::KeyName;
use crate::state::{Phase, Standing};
use crate::undo::{AGAIN, UNDO};
use std::fmt;
use std::sync::Arc;
use tokio::sync::{oneshot, watch};
use tradewind_lang::plan::{Digest, StepId};

/// What is wanted.
pub(crate) enum Steer {
    Adopt { plan: Arc<Pinned>, by: Option<Arc<str>>, reply: SteerReply },
    RollBack { to: Option<String>, by: Arc<str>, reply: SteerReply },
    Freeze { scope: Scope, by: Arc<str>, reason: Arc<str>, reply: SteerReply },
    Thaw { scope: Scope, by: Arc<str>, reason: Arc<str>, reply: SteerReply },
    Forget { keys: Vec<KeyName>, by: Arc<str>, reply: SteerReply },
    Hold { key: KeyName, by: Arc<str>, reason: Arc<str>, reply: SteerReply },
    Release { subject: Arc<str>, by: Arc<str>, reason: Arc<str>, reply: SteerReply },
}

pub(crate) type SteerReply = oneshot::Sender<Result<Steered, SteerRefusal>>;

/// A plan that is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adopted {
    /// Its digest.
    pub digest: Digest,
    /// Which was active before it.
    pub before: Digest,
    /// Whether the log holds its bytes only now.
    pub is_new: bool,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Steered {
    /// A plan is active.
    Adopted(Adopted),
    /// Something is frozen or thawed.
    Frozen,
    /// Somebody is forgotten.
    Forgotten,
    /// Somebody is held, or is no more.
    Held,
    /// It was so already, and nothing was logged.
    Already,
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SteerRefusal {
    /// The plan is one of another project.
    OtherProject,
    /// The log holds no such plan, or several.
    UnknownPlan(String),
    /// No plan that is at work has such a connector or flow.
    UnknownScope(Scope),
    /// It is not frozen.
    NotFrozen(Scope),
    /// The project names no team that sets and lifts holds.
    NobodyMayHold,
    /// Only members of these teams do.
    MayNotHold(String),
    /// What is known of the subject is just being destroyed.
    BeingForgotten,
    /// Nobody holds it.
    NotHeld,
}

impl fmt::Display for SteerRefusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherProject => out.write_str("the plan is one of another project"),
            Self::UnknownPlan(plan) if plan.is_empty() => out.write_str("no other plan was ever active"),
            Self::UnknownPlan(plan) => write!(out, "`{plan}` names no plan of the log, or several"),
            Self::UnknownScope(Scope::Connector(name)) => write!(out, "there is no connector `{name}`"),
            Self::UnknownScope(scope) => write!(out, "there is no {scope}"),
            Self::NotFrozen(scope) => write!(out, "{scope} is not frozen"),
            Self::NobodyMayHold => out.write_str("the project names nobody who may set and lift a legal hold"),
            Self::MayNotHold(teams) => write!(out, "only members of {teams} set and lift legal holds"),
            Self::BeingForgotten => out.write_str("what is known of the subject is just being destroyed"),
            Self::NotHeld => out.write_str("the subject is under no legal hold"),
        }
    }
}

impl Shard {
    pub(super) fn steer(&mut self, steer: Steer) {
        match steer {
            Steer::Adopt { plan, by, reply } => self.adopt(plan, by, reply),
            Steer::RollBack { to, by, reply } => match self.earlier(to.as_deref()) {
                Ok(plan) => {
                    let from = self.books.held.unwrap_or(self.active.digest);
                    let instead_of = (from != plan.digest).then_some(from);
                    self.switch_to(plan, Some(by), instead_of, Some(reply));
                }
                Err(refusal) => drop(reply.send(Err(refusal))),
            },
            Steer::Freeze { scope, by, reason, reply } if self.has(&scope) => {
                if self.frozen.0.contains_key(&scope) {
                    return drop(reply.send(Ok(Steered::Already)));
                }
                let note = Note { by: by.clone(), at: self.now(), reason: reason.clone() };
                let frozen = self.frozen.with(&scope, note);
                self.log_of_engine(EventKind::EffectsFrozen { scope, reason }, Some(by), Some(Reply::Steer(reply, Steered::Frozen)));
                self.set_frozen(frozen);
            }
            Steer::Forget { keys, by, reply } => {
                self.erase(keys, Some(by), Some(Reply::Steer(reply, Steered::Forgotten)));
            }
            Steer::Hold { key, by, reason, reply } => self.hold(key, (by, reason), reply),
            Steer::Release { subject, by, reason, reply } => self.unhold(&subject, (by, reason), reply),
            Steer::Freeze { scope, reply, .. } => drop(reply.send(Err(SteerRefusal::UnknownScope(scope)))),
            Steer::Thaw { scope, by, reason, reply } => {
                let frozen = self.frozen.without(&scope);
                if frozen == *self.frozen {
                    return drop(reply.send(Err(SteerRefusal::NotFrozen(scope))));
                }
                self.log_of_engine(EventKind::EffectsThawed { scope, reason }, Some(by), Some(Reply::Steer(reply, Steered::Frozen)));
                self.set_frozen(frozen);
            }
        }
    }

    fn adopt(&mut self, plan: Arc<Pinned>, by: Option<Arc<str>>, reply: SteerReply) {
        if plan.tenant != self.active.tenant {
            return drop(reply.send(Err(SteerRefusal::OtherProject)));
        }
        if plan.digest == self.active.digest && self.books.held.is_none() {
            return drop(reply.send(Ok(Steered::Already)));
        }
        self.switch_to(plan, by, None, Some(reply));
    }

    /// The plan of a digest or the beginning of one; the one before the active plan for none.
    fn earlier(&self, to: Option<&str>) -> Result<Arc<Pinned>, SteerRefusal> {
        let unknown = || SteerRefusal::UnknownPlan(to.unwrap_or_default().to_owned());
        let others = self.books.adoptions.iter().rev().map(|adoption| adoption.digest).filter(|digest| *digest != self.active.digest);
        let mut found: Vec<Digest> = match to {
            None => others.take(1).collect(),
            Some(to) => others.filter(|digest| to.len() >= 6 && digest.to_string().starts_with(to)).collect(),
        };
        found.sort_unstable();
        found.dedup();
        match found.as_slice() {
            [digest] => self.books.plans.get(digest).cloned().ok_or_else(unknown),
            _ => Err(unknown()),
        }
    }

    /// Makes a plan the active one: in the log now, and for every decision after this.
    pub(super) fn switch_to(&mut self, plan: Arc<Pinned>, by: Option<Arc<str>>, instead_of: Option<Digest>, reply: Option<SteerReply>) {
        let known = self.books.plans.get(&plan.digest).cloned();
        let bytes = known.is_none().then(|| Blob(plan.plan.to_bytes().into()));
        let plan = known.unwrap_or(plan);
        let adopted = Adopted { digest: plan.digest, before: self.active.digest, is_new: bytes.is_some() };
        self.books.plans.insert(plan.digest, plan.clone());
        self.active = plan.clone();
        self.outlets.active.send_replace(plan);
        let kind = EventKind::PlanAdopted { digest: adopted.digest, bytes, instead_of };
        self.log_of_engine(kind, by, reply.map(|reply| Reply::Steer(reply, Steered::Adopted(adopted))));
        self.look_at_all();
    }

    pub(super) fn log_of_engine(&mut self, kind: EventKind, actor: Option<Arc<str>>, reply: Option<Reply>) {
        self.write_down(kind, actor, 0, reply);
    }

    /// Whether a plan that is active, or that a run follows, has what is to be frozen: a name with a slip would freeze nothing.
    fn has(&self, scope: &Scope) -> bool {
        let known = |pinned: &Pinned| match scope {
            Scope::All => true,
            Scope::Connector(name) => pinned.plan.connectors.contains_key(&**name),
            Scope::Flow(name) => pinned.flow(name).is_some(),
        };
        known(&self.active)
            || self.books.runs.values().any(|entry| match entry {
                Entry::Live(live) => known(&live.state.pinned),
                Entry::Ended(_) => false,
            })
    }

    /// Whether a run neither ended, nor waits for a person, a thaw or another run.
    pub(crate) fn goes_on_by_itself(&mut self, run: &str) -> bool {
        self.books
            .live(run)
            .is_some_and(|live| live.busy || !live.mailbox.is_empty() || live.state.standing != Standing::Held && !live.state.is_parked())
    }

    fn set_frozen(&mut self, frozen: Frozen) {
        self.frozen = Arc::new(frozen);
        self.set_gate();
        let (mut looks, mut again) = (Vec::new(), Vec::new());
        for (run, entry) in &mut self.books.runs {
            let Entry::Live(live) = entry else { continue };
            live.state.frozen = self.frozen.clone();
            // What can go on now, or waits from now on, is counted so. Whoever is not taken up yet looks when he is.
            if live.standing.is_at_work() && live.state.is_working() {
                looks.push(run.clone());
            }
            if live.standing.is_at_work() && live.state.open > 0 {
                again.extend(live.state.repetitions().map(|(step, at)| (run.clone(), step, at)));
            }
        }
        // In an order of their own: the same happens again where everything is repeated.
        looks.sort_unstable();
        self.runnable.extend(looks);
        // What was to be sent again meanwhile leaves now.
        again.sort_unstable();
        again.into_iter().for_each(|(run, step, at)| self.set_timer(&run, Timer::Repetition(step), at));
    }

    /// Lets leave what neither the next decision nor the log holds: a thaw opens when it is durable, a freeze closes at once.
    pub(super) fn set_gate(&mut self) {
        let held = self.frozen.and(&self.books.frozen);
        self.gate.send_if_modified(|old| {
            let changed = **old != held;
            if changed {
                *old = Arc::new(held);
            }
            changed
        });
    }

    /// Where an effect waits while it is frozen; reads and lookups go on.
    pub(super) fn gate_of(&mut self, run: &Arc<str>, step: StepId) -> Option<(watch::Receiver<Arc<Frozen>>, Arc<str>, StepId)> {
        let flow = self.books.live(run)?.state.graph.name.clone();
        Some((self.gate.subscribe(), flow, step))
    }

    /// Whether an effect that was held back may leave: its run goes on, or what was sent of it before has to be settled.
    pub(super) fn may_leave(&mut self, run: &str, step: StepId) -> bool {
        let Some(live) = self.books.live(run) else { return false };
        let relies = |phase: &Phase| matches!(phase, Phase::Effect(open) if open.relies);
        live.state.is_working() || live.state.step(step).is_some_and(|step| relies(&step.phase))
    }

    /// Whatever is held back of a run that has just been told to end is looked at once more: it does not wait for a thaw.
    pub(super) fn let_go(&mut self, run: &str) {
        let ends = self.books.live(run).is_some_and(|live| !live.state.is_working() && live.state.open > 0);
        if ends && !self.gate.borrow().is_empty() {
            self.gate.send_modify(|_| {});
        }
    }

    /// A start that was found well by the plan of then, found well by the plan of now; none where that refuses it, which is said.
    pub(super) fn asked_again(&self, start: StartRequest) -> Option<StartRequest> {
        // What takes back, or does again, was worked out by what the log says, and is judged by the policies of now.
        if start.active.digest == self.active.digest || [UNDO, AGAIN].contains(&&*start.flow) {
            return Some(start);
        }
        if start.fork.is_some() {
            // What it keeps was held against the plan of then.
            let _ = start.refused.set(StartError::Input("another plan was adopted in the same moment: fork it again".to_owned()));
            return None;
        }
        match prepare(&self.active, &start.flow, &start.input, start.known_by.as_ref(), self.ports.log.keys().as_deref()) {
            Ok(again) => Some(StartRequest {
                run: again.run,
                trace: again.trace,
                flow: again.flow,
                key: again.key,
                payload: again.payload,
                concurrency_key: again.concurrency_key,
                active: self.active.clone(),
                ..start
            }),
            Err(error) => {
                // Whoever waits sees this first when the reply is dropped.
                let _ = start.refused.set(error);
                None
            }
        }
    }
}
