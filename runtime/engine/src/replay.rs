//! Replay: every decision of a log is made again, from what the log says it used, and must come out the same.
//!
//! A check and nothing else: it appends nothing, performs nothing, and recovery does not use it.

use crate::approval::Verdict;
use crate::backoff::Unreached;
use crate::books::{Books, Entry};
use crate::child::ChildEnd;
use crate::conceal::Shown;
use crate::decide::{Cause, Decision, Draft, Input, Moment, Timer, Turn, Wish, decide};
use crate::event::{Event, EventKind, Outcome, Used};
use crate::failure::Failure;
use crate::memory::Origin;
use crate::pinned::Pinned;
use crate::ports::{CallFailure, CallOutcome, Classification, LogStore, StoreError};
use crate::question::{Kept, Looked};
use crate::recover::Reader;
use crate::state::{Phase, RESTART, RunState};
use std::sync::Arc;
use tradewind_lang::plan::{Rung, StepId, StepKind};
use tradewind_lang::value::Value;

/// What a replay found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplayReport {
    /// Decisions made again.
    pub decisions: u64,
    /// Events compared.
    pub events: u64,
    /// Decisions that were not made again, as somebody's data that they rest on were erased. Their hashes were checked, and what
    /// they came to was taken from the log.
    pub erased: u64,
    /// Decisions among them that used more than the log takes, and were not made again.
    pub too_large: u64,
}

/// Why a replay ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayError {
    /// The log cannot be read.
    Store(StoreError),
    /// A decision came out otherwise.
    Differs {
        /// The event of the log.
        seq: u64,
        /// The run.
        run: Arc<str>,
        /// What the log says.
        logged: String,
        /// What was decided now.
        decided: String,
    },
}

impl From<StoreError> for ReplayError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Decides everything in a shard's log again.
///
/// # Errors
/// A log that cannot be read, or the first decision that comes out otherwise.
pub async fn replay(log: &dyn LogStore, shard: u32) -> Result<ReplayReport, ReplayError> {
    replay_run(log, shard, None).await
}

/// The same for one run, where one is named. What the others did is folded, as far as that run saw it.
///
/// # Errors
/// A log that cannot be read, or the first decision that comes out otherwise.
pub async fn replay_run(log: &dyn LogStore, shard: u32, run: Option<&str>) -> Result<ReplayReport, ReplayError> {
    let mut reader = Reader::new(log, shard);
    let mut books: Books<RunState> = Books::new("".into());
    books.keys = log.keys();
    let mut report = ReplayReport::default();
    loop {
        let segments = reader.page().await?;
        if segments.is_empty() {
            return Ok(report);
        }
        for segment in &segments {
            replay_segment(&mut books, &reader.events(segment)?, run, &mut report)?;
        }
    }
}

/// A run has at most one decision in a segment: it only goes on when its events are durable.
fn replay_segment(
    books: &mut Books<RunState>,
    events: &[Event],
    wanted: Option<&str>,
    report: &mut ReplayReport,
) -> Result<(), ReplayError> {
    for decision in events.chunk_by(|one, two| one.header.run.is_some() && one.header.run == two.header.run) {
        let Some(first) = decision.first() else { continue };
        books.tenant = first.header.tenant.clone();
        let active = books.adopted.and_then(|digest| books.plans.get(&digest)).cloned();
        let (Some(run), Some(active)) = (&first.header.run, &active) else {
            for event in decision {
                let damaged = |message: String| StoreError::Damaged(format!("event {}: {message}", event.header.seq));
                // The engine's own events adopt plans, freeze and thaw, which need no active plan.
                books.adopt(event).map_err(damaged)?;
            }
            continue;
        };
        if let EventKind::RunStarted { flow, .. } = &first.kind {
            let state = books.begun(first, run, flow).map_err(StoreError::Damaged)?;
            books.runs.insert(run.clone(), Entry::Live(Box::new(state)));
        }
        let frozen = books.frozen.clone();
        let Some(state) = books.live(run) else {
            return Err(StoreError::Damaged(format!("event {}: its run has ended, or never began", first.header.seq)).into());
        };
        state.frozen = frozen;
        let mut asked = Vec::new();
        if wanted.is_none_or(|wanted| *wanted == **run) {
            let is_erased = state.erased || decision.iter().any(|event| event.header.erased);
            // What was too large for the log is not in it, and what was erased is not any more: nothing to decide from.
            if is_erased {
                report.erased += 1;
            } else if first.used == Used::TooLarge {
                report.too_large += 1;
            } else {
                let decided = decide_again(active, state, first, decision);
                compare(decision, &decided, &Shown::new(Some(state.pinned.clone()), Some(state.graph.clone())))?;
                asked = decided.effects;
            }
            report.decisions += u64::from(!is_erased);
            report.events += decision.len() as u64;
        }
        for event in decision {
            books.apply(active, event).map_err(StoreError::Damaged)?;
        }
        // As the executor does: what is asked is marked in the state that the decision's own events have led to.
        if let Some(state) = books.live(run) {
            asked.iter().for_each(|effect| crate::executor::mark(state, effect));
        }
    }
    Ok(())
}

fn decide_again(active: &Pinned, state: &mut RunState, first: &Event, decision: &[Event]) -> Decision {
    let input = started(decision).unwrap_or_else(|| input_of(state, first));
    if let Input::Read { step, .. }
    | Input::FoundDone { step, .. }
    | Input::Recalled { step, .. }
    | Input::Found { step, .. }
    | Input::Measured { step, .. }
    | Input::Kept { step, .. }
    | Input::Classified { step, .. }
    | Input::Due { timer: Timer::Step(step) } = &input
    {
        state.mark_asking(*step);
    }
    decide(active, state, &input, Moment { now: first.header.at })
}

fn compare(logged: &[Event], decided: &Decision, shown: &Shown) -> Result<(), ReplayError> {
    let lead = logged.first().map_or(0, |event| event.header.seq);
    let mut drafts = decided.events.iter();
    for event in logged {
        let differs = |draft: Option<&Draft>| ReplayError::Differs {
            seq: event.header.seq,
            run: event.header.run.clone().unwrap_or_default(),
            logged: told(shown, event.header.step.as_ref().map(|step| step.id), &event.kind),
            decided: draft.map_or_else(|| "nothing".to_owned(), |draft| told(shown, draft.step, &draft.kind)),
        };
        loop {
            let Some(draft) = drafts.next() else { return Err(differs(None)) };
            if is_same(event, draft, lead) {
                break;
            }
            // What the guards refused was decided and not logged; what followed from that is the next decision.
            if !matches!(draft.kind, EventKind::IntentRecorded(_) | EventKind::ModelAsked(_) | EventKind::ApprovalRequested(_)) {
                return Err(differs(Some(draft)));
            }
        }
    }
    Ok(())
}

/// What happened, for people: without the secrets in it.
fn told(shown: &Shown, step: Option<StepId>, kind: &EventKind) -> String {
    let mut kind = kind.clone();
    shown.event(step, &mut kind, &mut Used::State);
    format!("{kind:?}")
}

fn is_same(event: &Event, draft: &Draft, lead: u64) -> bool {
    let bytes = |kind: &EventKind, used: &Used| rmp_serde::to_vec(&(kind, used)).unwrap_or_default();
    let causation = match draft.cause {
        Cause::Seq(seq) => seq,
        Cause::First => lead,
    };
    event.header.step.as_ref().map(|step| step.id) == draft.step
        && event.header.causation == causation
        && event.cost == draft.cost
        && draft.actor.as_deref().is_none_or(|actor| *actor == *event.header.actor)
        && bytes(&event.kind, &event.used) == bytes(&as_of(event.header.semantics, &draft.kind), &draft.used)
}

/// What a decision of today would have been by the rules of the log: those before the second said nothing of what facts rest on.
fn as_of(semantics: u32, kind: &EventKind) -> EventKind {
    let mut kind = kind.clone();
    match &mut kind {
        EventKind::FactRemembered { origin, .. } if semantics < 2 => *origin = Origin::default(),
        EventKind::FactsRemembered { origins, .. } if semantics < 2 => origins.clear(),
        _ => {}
    }
    kind
}

/// The input that a decision answered, from its first event.
fn input_of(state: &RunState, event: &Event) -> Input {
    let step = event.header.step.as_ref().map_or(StepId(0), |step| step.id);
    if let Some(input) = of_whole_or_wait(event, step).or_else(|| of_talk(event, step)).or_else(|| of_look(event, step)) {
        return input;
    }
    match (&event.kind, &event.used) {
        (EventKind::ApprovalAnswered { approval, verdict, .. }, _) => {
            Input::Answered { approval: approval.clone(), by: event.header.actor.clone(), verdict: Verdict::clone(verdict) }
        }
        (EventKind::ApprovalRaised(raised), _) => Input::Due { timer: Timer::Approval(raised.approval.clone()) },
        (EventKind::ApprovalExpired { approval, .. }, _) => Input::Due { timer: Timer::Approval(approval.clone()) },
        (EventKind::EffectAttempted { .. } | EventKind::EffectSettled { .. }, Used::Clock) => Input::Due { timer: Timer::Repetition(step) },
        (EventKind::EffectAttempted { code, .. }, _) if code == RESTART => Input::Resume,
        (EventKind::EffectAttempted { attempt, .. } | EventKind::EffectSettled { attempt, .. }, Used::Lookup { found }) => {
            Input::LookedUp {
                step,
                attempt: *attempt,
                tries: 1,
                unreached: Unreached::default(),
                outcome: CallOutcome::Answered(found.clone()),
            }
        }
        (EventKind::EffectAttempted { attempt, code, message, .. }, Used::Answer { retry_after, .. }) => {
            let outcome = match code.as_str() {
                "unknown" => CallOutcome::Unknown(message.clone()),
                _ => CallOutcome::Failed(call_failure(code, message, true, *retry_after)),
            };
            Input::Performed { step, attempt: *attempt, outcome }
        }
        (EventKind::EffectAttempted { attempt, message, .. }, _) => {
            let message = message.strip_prefix("the lookup failed: ").unwrap_or(message);
            let outcome = CallOutcome::Failed(call_failure("unknown", message, false, None));
            Input::LookedUp { step, attempt: *attempt, tries: 1, unreached: Unreached::default(), outcome }
        }
        (EventKind::EffectSettled { attempt, outcome, .. }, Used::Answer { retry_after, .. }) => {
            let outcome = match outcome {
                Outcome::Done(value) => CallOutcome::Answered(value.clone()),
                Outcome::Failed(failure) => CallOutcome::Failed(of_failure(failure, *retry_after)),
            };
            Input::Performed { step, attempt: *attempt, outcome }
        }
        (EventKind::StepCompleted { value }, Used::Answer { failures, .. }) => {
            let outcome = CallOutcome::Answered(value.clone());
            Input::Read { step, attempt: u32::MAX, failures: failures.clone(), unreached: Unreached::default(), outcome }
        }
        (EventKind::StepFailed { failure, .. }, Used::Answer { failures, .. }) => {
            let outcome = CallOutcome::Failed(of_failure(failure, None));
            Input::Read { step, attempt: u32::MAX, failures: failures.clone(), unreached: Unreached::default(), outcome }
        }
        (EventKind::PreImageRead { outcome }, Used::Answer { failures, .. }) => {
            let outcome = match outcome {
                Outcome::Done(value) => CallOutcome::Answered(value.clone()),
                Outcome::Failed(failure) => CallOutcome::Failed(of_failure(failure, None)),
            };
            Input::Read { step, attempt: u32::MAX, failures: failures.clone(), unreached: Unreached::default(), outcome }
        }
        (EventKind::UndoPlanned { reversals }, _) if event.header.step.is_some() => Input::FoundDone { step, found: Ok(reversals.clone()) },
        (kind, Used::Model { rung, by, artifact, refused }) => said(state, step, kind, (*rung, by, artifact), refused),
        (_, Used::Guard { over, refused }) => Input::ClaimRefused { step, refused: refused.clone(), over: over.clone() },
        _ => Input::Advance,
    }
}

/// The same for what a step and its models say to each other.
fn of_talk(event: &Event, step: StepId) -> Option<Input> {
    Some(match (&event.kind, &event.used) {
        (_, Used::NothingKept(looked)) => Input::Kept { step, looked: looked.clone(), found: None },
        (EventKind::StepCompleted { value }, Used::Said(label)) if label.seq.is_some() => {
            let (passed, barred) = (label.passed.clone(), Vec::new());
            let looked = Looked { next: label.rung.saturating_add(1), since: event.header.at, passed, barred };
            let (seq, at) = (label.seq.unwrap_or_default(), event.header.at.saturating_sub(label.age));
            let kept = Kept { seq, at, value: value.clone(), likeness: label.likeness };
            Input::Kept { step, looked, found: Some(kept) }
        }
        (EventKind::ModelAnswered(_), Used::Restart) => Input::Resume,
        (EventKind::ModelAnswered(answered), _) => Input::Said { step, number: answered.number, answer: answered.answer.clone() },
        _ => return None,
    })
}

/// The same for facts that were looked for and figures that were reckoned.
fn of_look(event: &Event, step: StepId) -> Option<Input> {
    Some(match (&event.kind, &event.used) {
        (EventKind::StepCompleted { value: Value::List(facts) }, Used::Facts { seqs }) => {
            Input::Recalled { step, facts: seqs.iter().copied().zip(facts.iter().cloned()).collect() }
        }
        (kind, Used::Found(finding)) => {
            let found = match kind {
                EventKind::StepCompleted { value: Value::List(facts) } => Ok(facts.to_vec()),
                EventKind::StepFailed { failure, .. } => Err(failure.clone()),
                _ => Ok(Vec::new()),
            };
            Input::Found { step, finding: finding.clone(), found }
        }
        (EventKind::StepCompleted { value }, Used::Measured { points }) => {
            Input::Measured { step, points: *points, found: Ok(value.clone()) }
        }
        (EventKind::StepFailed { failure, .. }, Used::Measured { points }) => {
            Input::Measured { step, points: *points, found: Err(failure.clone()) }
        }
        _ => return None,
    })
}

/// The same for what concerns a run as a whole, its parts and its waits.
fn of_whole_or_wait(event: &Event, step: StepId) -> Option<Input> {
    Some(match (&event.kind, &event.used) {
        (EventKind::RunAdmitted, _) => Input::Admit,
        (EventKind::ItemSetAside { place }, _) => Input::ItemAsks { step, place: *place },
        (EventKind::StepOverdue { .. } | EventKind::StepFailed { .. }, Used::Clock) => Input::Due { timer: Timer::Step(step) },
        (EventKind::ChildEnded { child, part, outcome, waited }, _) => {
            let outcome = match outcome {
                Outcome::Done(output) => Ok(output.clone()),
                Outcome::Failed(failure) => Err(failure.clone()),
            };
            let step = event.header.step.as_ref().map(|step| step.id);
            Input::ChildEnded(ChildEnd { run: child.clone(), step, part: *part, outcome, cost: event.cost, waited: *waited })
        }
        (EventKind::CancelRequested { reason }, _) => control(event, Wish::Cancel(reason.clone())),
        (EventKind::RunPaused, _) => control(event, Wish::Pause),
        (EventKind::RunResumed, _) => control(event, Wish::Resume),
        (EventKind::RunMigrated(_), _) => Input::Migrate,
        (EventKind::WaitEnded { .. }, _) => Input::Due { timer: Timer::Wait(step) },
        (EventKind::EventTaken { event, received_at, value }, _) => {
            Input::Arrived { step, event: *event, received_at: *received_at, payload: value.clone() }
        }
        _ => return None,
    })
}

fn control(event: &Event, wish: Wish) -> Input {
    Input::Control { by: event.header.actor.clone(), wish }
}

/// How a run was started; a second event of the same decision says that it never began.
fn started(events: &[Event]) -> Option<Input> {
    let first = events.first()?;
    let EventKind::RunStarted { key, input, concurrency_key, held, parent, fork, .. } = &first.kind else { return None };
    let turn = match events.get(1).map(|event| &event.kind) {
        Some(EventKind::RunCancelled { reason }) => Turn::Never(reason.clone()),
        _ if *held => Turn::Later,
        _ => Turn::Now,
    };
    let (actor, concurrency_key) = (first.header.actor.clone(), concurrency_key.clone());
    Some(Input::Start { key: key.clone(), input: input.clone(), actor, concurrency_key, turn, parent: parent.clone(), fork: fork.clone() })
}

fn call_failure(code: &str, message: &str, retry: bool, retry_after: Option<i64>) -> CallFailure {
    CallFailure { code: code.to_owned(), message: message.to_owned(), retry, retry_after }
}

fn of_failure(failure: &Failure, retry_after: Option<i64>) -> CallFailure {
    call_failure(&failure.code, &failure.message, false, retry_after)
}

/// The answer of a model, or its silence, after which the ladder went on. Each rung below left one refusal, in order.
fn said(state: &RunState, step: StepId, kind: &EventKind, on: (u16, &Arc<str>, &Arc<str>), refused: &[String]) -> Input {
    let (rung, by, artifact) = on;
    if let (EventKind::StepCompleted { value }, false) = (kind, matches!(&**by, "value" | "template" | "")) {
        let label = value.get("label").and_then(Value::as_str).unwrap_or_default().to_owned();
        let confidence = match value.get("confidence") {
            Some(Value::Double(confidence)) => *confidence,
            _ => f64::NAN,
        };
        let said = Classification { label, confidence, artifact: artifact.to_string() };
        return Input::Classified { step, rung, refused: refused.to_vec(), result: Ok(said) };
    }
    let Ok(StepKind::Classify { route, .. }) = crate::cohort::verb(state, step).map(std::borrow::Cow::into_owned) else {
        return Input::Advance;
    };
    let rungs = state.pinned.plan.routes.get(&route).map_or(&[][..], |route| &route.rungs);
    let asked = refused.iter().zip(rungs).enumerate().rev().find_map(|(place, (why, rung))| match rung {
        Rung::Candidate { model } => Some((place, why.strip_prefix(&format!("`{model}`: "))?)),
        _ => None,
    });
    let was_asked = state.step(step).is_some_and(|step| matches!(step.phase, Phase::Asking | Phase::Ready));
    match asked {
        Some((place, why)) if was_asked => Input::Classified {
            step,
            rung: u16::try_from(place).unwrap_or(u16::MAX),
            refused: refused.iter().take(place).cloned().collect(),
            result: Err(why.to_owned()),
        },
        _ => Input::Advance,
    }
}
