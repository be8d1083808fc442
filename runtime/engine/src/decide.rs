//! Deciding: state and input in, events and effects out. Pure: time, answers and chance arrive as inputs.
//!
//! One call records what its input says and advances one wave: every step that may start now. It performs and appends nothing.

mod act;
mod advance;
mod agent;
mod answered;
mod before;
mod budget;
mod call;
pub(crate) mod children;
mod choice;
mod claimed;
mod control;
mod draft;
mod due;
mod effect;
pub(crate) mod inherit;
mod kept;
mod measure;
mod migrate;
mod model;
mod outside;
mod person;
mod picture;
mod question;
mod read;
mod remember;
mod resume;
mod revise;
mod search;
mod start;
mod undo;
mod wait;

use crate::approval::{AnswerRefusal, Verdict};
use crate::backoff::{UNREACHABLE_FOR, Unreached};
use crate::child::{ChildEnd, Parent};
use crate::cohort;
use crate::event::{EventKind, Used};
use crate::failure::{Failure, FailureKind};
use crate::finding::Finding;
use crate::fork::Forked;
use crate::pinned::Pinned;
use crate::ports::{CallOutcome, Classification};
use crate::question::{Answer, Kept, Looked};
use crate::scope::StepScope;
use crate::state::{Phase, RunState, Standing};
use crate::undo::Reversal;
use std::sync::Arc;
use tradewind_lang::expr::Expr;
use tradewind_lang::money::Money;
use tradewind_lang::plan::{Bindings, Connector, OnError, Operation, StepId};
use tradewind_lang::value::{Record, Value};

pub(crate) use self::budget::{cap_of, cost_of_texts, is_budget, most_of_texts, rule_of};
pub use self::outside::Effect;
pub(crate) use self::wait::takes;

/// The instant of a decision: all it may know of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Microseconds since 1970 UTC.
    pub now: i64,
}

/// What a clock was set for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Timer {
    /// The deadline of an inbox item.
    Approval(Arc<str>),
    /// The deadline of the run.
    Deadline,
    /// The deadline of a step.
    Step(StepId),
    /// The time of a step that waits.
    Wait(StepId),
    /// The time of an effect that is sent again.
    Repetition(StepId),
}

/// What becomes of a run that is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It begins.
    Now,
    /// Another run has its concurrency key: it begins after that one.
    Later,
    /// It does not begin, for this reason.
    Never(Arc<str>),
}

/// What may be wanted of a run as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// To end before its work is done, for this reason.
    Cancel(Arc<str>),
    /// To begin nothing new.
    Pause,
    /// To go on after a pause.
    Resume,
}

/// What happened outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A run is to begin.
    Start {
        /// What identifies it.
        key: Arc<str>,
        /// Its input.
        input: Value,
        /// Who started it.
        actor: Arc<str>,
        /// What it shares with runs that may not work beside it.
        concurrency_key: Option<Arc<str>>,
        /// What becomes of it.
        turn: Turn,
        /// The run within which it runs.
        parent: Option<Parent>,
        /// What it takes over, where it is a fork.
        fork: Option<Arc<Forked>>,
    },
    /// A run within it has ended.
    ChildEnded(ChildEnd),
    /// An item of an `each` waits for people as one of a batch.
    ItemAsks {
        /// The step.
        step: StepId,
        /// The item's place.
        place: u32,
    },
    /// Its concurrency key is free.
    Admit,
    /// Somebody, or the engine, wants something of the whole run.
    Control {
        /// Who.
        by: Arc<str>,
        /// What.
        wish: Wish,
    },
    /// The active plan may say how it goes on by that.
    Migrate,
    /// Its last events are durable: it may go on.
    Advance,
    /// It was found unfinished in the log: what was under way is taken up.
    Resume,
    /// A read was answered.
    Read {
        /// The step.
        step: StepId,
        /// Which attempt, from 1.
        attempt: u32,
        /// Earlier failures.
        failures: Vec<String>,
        /// Attempts before it that did not reach the provider.
        unreached: Unreached,
        /// The answer.
        outcome: CallOutcome,
    },
    /// What a step takes back was looked for.
    FoundDone {
        /// The step.
        step: StepId,
        /// The effects, newest first, with how each is taken back.
        found: Result<Vec<Arc<Reversal>>, String>,
    },
    /// Facts were recalled.
    Recalled {
        /// The step.
        step: StepId,
        /// Seq and record of each fact, newest last.
        facts: Vec<(u64, Value)>,
    },
    /// Facts were looked for.
    Found {
        /// The step.
        step: StepId,
        /// Which, and what ranked them.
        finding: Finding,
        /// What each says, in the same order.
        found: Result<Vec<Value>, Failure>,
    },
    /// Figures were reckoned.
    Measured {
        /// The step.
        step: StepId,
        /// Over how many points.
        points: u64,
        /// The figures.
        found: Result<Value, Failure>,
    },
    /// A model answered.
    Classified {
        /// The step.
        step: StepId,
        /// The rung of the route's ladder.
        rung: u16,
        /// Why earlier rungs gave no answer.
        refused: Vec<String>,
        /// The answer.
        result: Result<Classification, String>,
    },
    /// A model behind a network answered, or did not.
    Said {
        /// The step.
        step: StepId,
        /// Which of its questions.
        number: u32,
        /// What became of it.
        answer: Answer,
    },
    /// An answer that was kept was looked for.
    Kept {
        /// The step.
        step: StepId,
        /// Where its ladder stands.
        looked: Looked,
        /// The answer.
        found: Option<Kept>,
    },
    /// An attempt at an effect ended.
    Performed {
        /// The step.
        step: StepId,
        /// Which attempt, from 1.
        attempt: u32,
        /// The answer.
        outcome: CallOutcome,
    },
    /// A lookup ended.
    LookedUp {
        /// The step.
        step: StepId,
        /// Which attempt at the effect was in doubt.
        attempt: u32,
        /// Which try of the lookup, from 1.
        tries: u32,
        /// Tries before it that did not reach the provider.
        unreached: Unreached,
        /// The answer.
        outcome: CallOutcome,
    },
    /// A person answered.
    Answered {
        /// The inbox item.
        approval: Arc<str>,
        /// Who.
        by: Arc<str>,
        /// What.
        verdict: Verdict,
    },
    /// An event came that a step may be waiting for.
    Arrived {
        /// The step.
        step: StepId,
        /// The seq under which it was received.
        event: u64,
        /// When.
        received_at: i64,
        /// What it carries.
        payload: Value,
    },
    /// A clock ran out.
    Due {
        /// Which.
        timer: Timer,
    },
    /// The guards do not let an effect pass: its intent, or the question about it, was not logged.
    ClaimRefused {
        /// The step.
        step: StepId,
        /// The rule that refuses for good, and what it says.
        refused: Option<(String, String)>,
        /// Limits a person may let pass.
        over: Vec<String>,
    },
}

/// The event that led to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// This one.
    Seq(u64),
    /// The first event of the same decision.
    First,
}

/// An event before it has its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The step.
    pub step: Option<StepId>,
    /// What happened.
    pub kind: EventKind,
    /// What the decision used.
    pub used: Used,
    /// What it cost.
    pub cost: Option<Money>,
    /// Who caused it; the run itself for none.
    pub actor: Option<Arc<str>>,
    /// What led to it.
    pub cause: Cause,
}

/// What follows an input.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    /// To be appended, in this order.
    pub events: Vec<Draft>,
    /// To be done once the events are durable.
    pub effects: Vec<Effect>,
    /// Why a person's answer was not taken.
    pub refusal: Option<AnswerRefusal>,
}

/// Decides what follows an input. `active` holds the policies of now; the run's own plan holds its steps.
#[must_use]
pub fn decide(active: &Pinned, state: &RunState, input: &Input, moment: Moment) -> Decision {
    let mut round = Round {
        active,
        state: state.clone(),
        now: moment.now,
        used_last: state.last,
        known: state.steps.len(),
        decision: Decision::default(),
    };
    match input {
        Input::Start { key, input, actor, concurrency_key, turn, parent, fork } => {
            start::begin(&mut round, (key, input), actor, (concurrency_key.as_ref(), turn), (parent.as_ref(), fork.as_ref()));
        }
        Input::ChildEnded(end) => children::ended(&mut round, end),
        Input::ItemAsks { step, place } => children::asks(&mut round, *step, *place),
        Input::Admit => start::admit(&mut round),
        Input::Control { by, wish } => control::wish(&mut round, by, wish),
        Input::Advance => {}
        Input::Resume => resume::take_up(&mut round),
        Input::Read { step, attempt, failures, unreached, outcome } => {
            read::answered(&mut round, *step, (*attempt, *unreached), failures, outcome);
        }
        Input::FoundDone { step, found } => undo::found(&mut round, *step, found),
        Input::Recalled { step, facts } => read::recalled(&mut round, *step, facts),
        Input::Found { step, finding, found } => search::found(&mut round, *step, finding, found),
        Input::Measured { step, points, found } => measure::measured(&mut round, *step, *points, found),
        Input::Classified { step, rung, refused, result } => model::answered(&mut round, *step, *rung, refused, result),
        Input::Said { step, number, answer } => question::heard(&mut round, *step, *number, answer),
        Input::Kept { step, looked, found } => kept::found(&mut round, *step, looked, found.as_ref()),
        Input::Performed { step, attempt, outcome } => effect::performed(&mut round, *step, *attempt, outcome),
        Input::LookedUp { step, attempt, tries, unreached, outcome } => {
            effect::looked_up(&mut round, *step, *attempt, (*tries, *unreached), outcome);
        }
        Input::Answered { approval, by, verdict } => answered::answer(&mut round, approval, by, verdict),
        Input::Arrived { step, event, received_at, payload } => wait::arrived(&mut round, *step, (*event, *received_at), payload),
        Input::Due { timer } => due::ran_out(&mut round, timer),
        Input::Migrate => migrate::lead_over(&mut round),
        Input::ClaimRefused { step, refused, over } => claimed::refused(&mut round, *step, refused.as_ref(), over),
    }
    if round.decision.refusal.is_none() {
        advance::wave(&mut round);
    }
    round.decision
}

/// One decision in the making. It looks ahead: events fold into its own copy of the state as they are written.
struct Round<'a> {
    active: &'a Pinned,
    state: RunState,
    now: i64,
    used_last: u64,
    /// How many steps the run had: those that this decision adds begin when they are durable.
    known: usize,
    decision: Decision,
}

impl Round<'_> {
    fn emit(&mut self, step: Option<StepId>, kind: EventKind, used: Used, cost: Option<Money>) {
        let cause = if self.decision.events.is_empty() { Cause::Seq(self.used_last) } else { Cause::First };
        self.emit_as(step, kind, used, cost, None, cause);
    }

    fn emit_as(&mut self, step: Option<StepId>, kind: EventKind, used: Used, cost: Option<Money>, actor: Option<Arc<str>>, cause: Cause) {
        self.state.fold(step, &kind, cost, actor.as_ref(), self.now, 0);
        self.decision.events.push(Draft { step, kind, used, cost, actor, cause });
    }

    fn perform(&mut self, effect: Effect) {
        match &effect {
            // Asked for the first time: what takes up a read or a ladder goes by the same clock.
            Effect::Read { step, attempt: 1, .. }
            | Effect::FindDone { step, .. }
            | Effect::Recall { step, .. }
            | Effect::Search { step, .. }
            | Effect::Measure { step }
            | Effect::LookKept { step, .. }
            | Effect::Classify { step, .. }
                if matches!(self.state.step(*step).map(|step| &step.phase), Some(Phase::Ready)) =>
            {
                self.state.mark_asking(*step);
                self.limit(*step, self.now);
            }
            Effect::Read { step, .. }
            | Effect::FindDone { step, .. }
            | Effect::Recall { step, .. }
            | Effect::Search { step, .. }
            | Effect::Measure { step }
            | Effect::LookKept { step, .. }
            | Effect::Classify { step, .. } => {
                self.state.mark_asking(*step);
            }
            Effect::Begin { step, child } => self.state.mark_issued(*step, child.parent.part),
            Effect::Say { .. }
            | Effect::Perform { .. }
            | Effect::Lookup { .. }
            | Effect::Listen { .. }
            | Effect::Timer { .. }
            | Effect::EndChildren { .. } => {}
        }
        self.decision.effects.push(effect);
    }

    /// Sets the clock of a step that began at an instant, where it has one.
    fn limit(&mut self, step: StepId, since: i64) {
        if let Some(limit) = self.state.graph.step(step).and_then(|step| step.bounds.deadline) {
            self.perform(Effect::Timer { timer: Timer::Step(step), at: since.saturating_add(limit) });
        }
    }

    fn is_running(&self) -> bool {
        self.state.standing == Standing::Running
    }

    /// Whether the run still waits for a provider that cannot be reached: until its deadline, else for so long as every run does.
    fn awaits_provider(&self, unreached: Unreached) -> bool {
        let in_time = match self.state.graph.flow.deadline {
            Some(_) if self.is_running() => self.state.deadline().is_none_or(|deadline| self.now < deadline),
            _ => unreached.tries == 0 || self.now < unreached.since.saturating_add(UNREACHABLE_FOR),
        };
        in_time && self.is_working()
    }

    fn evaluate(&self, expr: &Expr) -> Result<Value, String> {
        let scope = StepScope { state: &self.state, now: self.now };
        expr.evaluate(&scope).map_err(|error| if expr.source.is_empty() { error.0 } else { format!("`{}`: {}", expr.source, error.0) })
    }

    /// Whether a condition holds; anything but `true` or `false` is an error.
    fn holds(&self, expr: &Expr) -> Result<bool, String> {
        match self.evaluate(expr)? {
            Value::Bool(truth) => Ok(truth),
            _ => Err(format!("`{}` has no value", expr.source)),
        }
    }

    fn bind(&self, bindings: &Bindings) -> Result<Value, String> {
        let scope = StepScope { state: &self.state, now: self.now };
        bind(bindings, &scope)
    }

    fn complete(&mut self, step: StepId, value: Value, used: Used, cost: Option<Money>) {
        let value = cohort::told(&self.state, step, value);
        self.emit(Some(step), EventKind::StepCompleted { value }, used, cost);
    }

    /// The step failed; its `on-error` says whether the run goes on.
    fn fail(&mut self, step: StepId, failure: Failure, used: Used) {
        let goes_on = self.goes_on_after_failure(step);
        self.emit(Some(step), EventKind::StepFailed { failure, goes_on }, used, None);
    }

    fn fail_rule(&mut self, step: StepId, message: String) {
        self.fail(step, Failure::new(FailureKind::Rule, message), Used::State);
    }

    fn goes_on_after_failure(&self, step: StepId) -> bool {
        self.state.graph.step(step).is_some_and(|step| step.on_error == OnError::Skip)
    }

    fn deny(&mut self, step: StepId, rule: String, message: String, used: Used) {
        let goes_on = self.state.graph.step(step).is_some_and(|step| step.skip_denied);
        self.emit(Some(step), EventKind::EffectDenied { rule, message, goes_on }, used, None);
    }

    /// An operation of the run's own plan, with its connector.
    fn operation(&self, name: &str) -> Result<(Arc<Operation>, Arc<Connector>), String> {
        let plan = &self.state.pinned.plan;
        let operation = plan.operations.get(name).ok_or_else(|| format!("the plan has no operation `{name}`"))?;
        let connector = plan.connectors.get(&operation.connector);
        let connector = connector.ok_or_else(|| format!("the plan has no connector `{}`", operation.connector))?;
        Ok((operation.clone(), connector.clone()))
    }
}

/// Bindings as a record, in the order written.
fn bind(bindings: &Bindings, scope: &dyn tradewind_lang::expr::Resolve) -> Result<Value, String> {
    let mut record = Vec::with_capacity(bindings.len());
    for (name, expr) in bindings {
        let value = expr.evaluate(scope).map_err(|error| format!("`{name}`: {}", error.0))?;
        record.push((Arc::from(name.as_str()), value));
    }
    Ok(Value::Record(Arc::new(Record(record))))
}
