//! Events: what happened, with everything needed to recompute why. The log of them is the only truth.
//!
//! An event never changes meaning: a new one gets a new kind or a new last field with a default.

mod blob;
mod describe;
mod remembered;
mod settled;
mod talk;
mod used;

pub use blob::Blob;
pub(crate) use describe::Fields;
pub use settled::SettledBy;
pub use used::Used;

use crate::approval::{Approval, Raised, Verdict};
use crate::arrival::{Arrival, Refusal};
use crate::child::{Parent, Part, Picked};
use crate::failure::Failure;
use crate::fork::{Forked, Inherited, Kept};
use crate::frozen::Scope;
use crate::guard::Claim;
use crate::memory::{FactId, Origin, Why};
use crate::migrate::Moved;
use crate::question::{Answered, Called, Purpose, Question};
use crate::seal::KeyName;
use crate::undo::Reversal;
use crate::vectors::{VectorsAnswered, VectorsAsked};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tradewind_lang::money::Money;
use tradewind_lang::plan::{Digest, OnTimeout, StepId};
use tradewind_lang::value::Value;

/// The format of event bodies; counted up when an older binary could not read a newer one.
pub const EVENT_FORMAT: u16 = 3;

/// The version of the rules by which [`crate::decide`] decides; a log names it, so that a replay uses the same.
pub const SEMANTICS: u32 = 2;

/// A step as the log names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRef {
    /// Its place in the flow of the run's plan.
    pub id: StepId,
    /// Its name there.
    pub name: Arc<str>,
}

/// What every event says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// [`EVENT_FORMAT`] of its writer.
    pub format: u16,
    /// Whose log this is: the project's name.
    pub tenant: Arc<str>,
    /// The shard.
    pub shard: u32,
    /// Its number in the shard, from 1, without gaps.
    pub seq: u64,
    /// The run; none for events of the engine itself.
    pub run: Option<Arc<str>>,
    /// The step; none for events of the whole run.
    pub step: Option<StepRef>,
    /// When it was decided: microseconds since 1970 UTC.
    pub at: i64,
    /// Who caused it: `engine`, `run`, or the address of a person.
    pub actor: Arc<str>,
    /// The seq of the event that led to it; 0 for none.
    pub causation: u64,
    /// The trace of the run, as OpenTelemetry writes it; zeros for none.
    pub trace: [u8; 16],
    /// The plan whose steps it follows.
    pub plan: Digest,
    /// That plan's format.
    pub plan_format: u32,
    /// The policies, teams and settings that were active.
    pub policy: Digest,
    /// [`SEMANTICS`] of its writer.
    pub semantics: u32,
    /// The keys with which what it says of people is sealed.
    pub subjects: Arc<[KeyName]>,
    /// Whether some of that cannot be read any more, as somebody was forgotten.
    pub erased: bool,
}

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What every event says.
    pub header: Header,
    /// What happened.
    pub kind: EventKind,
    /// What the decision used besides the run's earlier events and the plan.
    pub used: Used,
    /// What it cost.
    pub cost: Option<Money>,
}

/// What became of an effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// It happened; this is the answer.
    Done(Value),
    /// It certainly did not happen.
    Failed(Failure),
}

/// What follows an attempt that settled nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Next {
    /// Send again, with the same key, not before this instant.
    Send(i64),
    /// Look it up, not before this instant.
    Lookup(i64),
    /// A person says what became of it.
    Person,
}

/// Why a step was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SkipReason {
    /// Its `when` is false.
    Condition,
    /// Nobody answered in time, and it said `skip`.
    TimeOut,
    /// Its arm was not taken, or the step around it was skipped.
    Arm,
}

/// What an effect is to be, durable before its first byte leaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The key under which the effect happens at most once.
    pub key: Arc<str>,
    /// Full name of the operation.
    pub operation: Arc<str>,
    /// Its request.
    pub request: Value,
    /// What the policies were shown.
    pub evidence: Value,
    /// What it acts on.
    pub target: Option<Arc<str>>,
    /// The money it moves.
    pub money: Option<Money>,
    /// What it takes of limits and business keys.
    pub claims: Vec<Claim>,
    /// Limits that a person let pass: their claims are taken whatever the cap.
    pub forced: Vec<String>,
    /// The approval that allowed it.
    pub approval: Option<Arc<str>>,
    /// The digest of the action that was judged.
    pub digest: Digest,
    /// What was there before it; none where nothing is read, or could be.
    #[serde(default)]
    pub before: Option<Value>,
    /// The key of the effect that it takes back.
    #[serde(default)]
    pub undoes: Option<Arc<str>>,
    /// The key of the effect in whose place it is done: another one of the run that this was forked from.
    #[serde(default)]
    pub instead_of: Option<Arc<str>>,
    /// The account in whose name it is done, without its connector's name; none where the step names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Arc<str>>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum EventKind {
    /// A plan became the active one. Its bytes are here the first time, so that a run in flight keeps its plan.
    PlanAdopted {
        /// Its digest.
        digest: Digest,
        /// The plan, where the log does not hold it yet.
        bytes: Option<Blob>,
        /// Where a person went back to it: the plan that is not taken up again by itself.
        #[serde(default)]
        instead_of: Option<Digest>,
    },
    /// Effects may not leave from now on; who wants it is the event's actor.
    EffectsFrozen {
        /// Whose.
        scope: Scope,
        /// For people.
        reason: Arc<str>,
    },
    /// They may again.
    EffectsThawed {
        /// Whose.
        scope: Scope,
        /// For people.
        reason: Arc<str>,
    },
    /// Somebody's personal data are gone: the keys are destroyed when this is durable. Who wants it is the event's actor.
    SubjectForgotten {
        /// The keys.
        keys: Vec<KeyName>,
    },
    /// A run began.
    RunStarted {
        /// Its flow.
        flow: Arc<str>,
        /// What identifies it among the flow's runs, for people.
        key: Arc<str>,
        /// Its input.
        input: Value,
        /// The digest of the input.
        payload: Digest,
        /// What it shares with runs that may not work beside it.
        #[serde(default)]
        concurrency_key: Option<Arc<str>>,
        /// Whether another run has that key, so that this one begins later.
        #[serde(default)]
        held: bool,
        /// The run within which it runs.
        #[serde(default)]
        parent: Option<Parent>,
        /// What it takes over, where it is a fork.
        #[serde(default)]
        fork: Option<Arc<Forked>>,
    },
    /// Its concurrency key is free: a run that was held begins.
    RunAdmitted,
    /// A person paused a run: what is open is settled, and nothing new begins.
    RunPaused,
    /// A person let a run go on.
    RunResumed,
    /// A run goes on by the plan that is active, as a migration of that plan says.
    RunMigrated(Arc<Moved>),
    /// A run is to end before its work is done; who wants it is the event's actor.
    CancelRequested {
        /// For people.
        reason: Arc<str>,
    },
    /// A `choose` step took an arm; the steps of its other arms are skipped.
    ArmTaken {
        /// The arm's place.
        arm: u16,
    },
    /// The items of an `each` are picked, with what identifies each; the first of them begin.
    ItemsPicked {
        /// In the order of their places.
        items: Vec<Picked>,
    },
    /// An item waits for people as one of a batch: another one may be at work beside it.
    ItemSetAside {
        /// Its place in the list.
        place: u32,
    },
    /// Another flow begins, as a run within this one.
    FlowBegun {
        /// Its input.
        input: Value,
    },
    /// What follows the failure of a run begins, as a run within this one.
    FailureHandled {
        /// The step that failed; empty where none did.
        step: Arc<str>,
        /// Why the run fails.
        failure: Failure,
    },
    /// A run within this one has ended.
    ChildEnded {
        /// Its name.
        child: Arc<str>,
        /// What it was.
        part: Part,
        /// Its output, or why it has none.
        outcome: Outcome,
        /// How long it waited for people, in microseconds.
        waited: i64,
    },
    /// The runs within a step took longer than it may: no more of them begin, and it fails when they have ended.
    StepOverdue {
        /// What it fails with.
        failure: Failure,
    },
    /// Every item of an `each` has ended: its value is the list of their outputs, in their order.
    ItemsCompleted,
    /// A step has its value.
    StepCompleted {
        /// The value.
        value: Value,
    },
    /// A step was left out.
    StepSkipped {
        /// Why.
        why: SkipReason,
    },
    /// A step failed.
    StepFailed {
        /// How.
        failure: Failure,
        /// Whether the run goes on without it.
        goes_on: bool,
    },
    /// A step came to what it had come to before the fork.
    StepInherited(Arc<Kept>),
    /// An effect had been done before the fork, and is not done again.
    EffectInherited(Arc<Inherited>),
    /// What is there before an effect was read, or could not be.
    PreImageRead {
        /// What.
        outcome: Outcome,
    },
    /// What was done is to be taken back, the newest first: by the step, or by the run as a whole.
    UndoPlanned {
        /// Each effect, and how it is taken back or why it is not.
        reversals: Vec<Arc<Reversal>>,
    },
    /// An effect may be sent from now on.
    IntentRecorded(Arc<Intent>),
    /// An attempt that settled nothing; with the code [`crate::state::LEAVES`], one that is about to be sent, as its pause is over.
    EffectAttempted {
        /// Which attempt it was, from 1.
        attempt: u32,
        /// Whether it may have happened.
        doubt: bool,
        /// Code of the failure.
        code: String,
        /// For people.
        message: String,
        /// What follows.
        next: Next,
    },
    /// It is certain what became of an effect.
    EffectSettled {
        /// What.
        outcome: Outcome,
        /// Who says so.
        by: SettledBy,
        /// After how many attempts.
        attempt: u32,
        /// Whether the run goes on although it failed.
        goes_on: bool,
    },
    /// An effect may not happen.
    EffectDenied {
        /// `policy.rule`, `uncovered` or `unique`; where a person or the clock said no, the rules that asked, joined with ` and `.
        rule: String,
        /// For people.
        message: String,
        /// Whether the run goes on without it.
        goes_on: bool,
    },
    /// A model may be asked from now on.
    ModelAsked(Arc<Question>),
    /// What became of it.
    ModelAnswered(Arc<Answered>),
    /// What a model said was taken: a judgement of a draft, or its next version.
    AnswerTaken(Purpose, Value),
    /// A model called tools: each becomes a step, or is refused.
    ToolsCalled(Arc<[Called]>),
    /// A person is asked.
    ApprovalRequested(Arc<Approval>),
    /// A person answered.
    ApprovalAnswered {
        /// The approval.
        approval: Arc<str>,
        /// What was said; who said it is the event's actor.
        verdict: Verdict,
        /// Whether this answer closes it.
        closes: bool,
        /// The request after the approver's edits, where there were any.
        edited: Option<Value>,
    },
    /// Nobody answered in time.
    ApprovalExpired {
        /// The approval.
        approval: Arc<str>,
        /// What follows.
        then: OnTimeout,
    },
    /// Nobody answered in time, and the next team gets it.
    ApprovalRaised(Arc<Raised>),
    /// The question has no object any more.
    ApprovalWithdrawn {
        /// The approval.
        approval: Arc<str>,
    },
    /// A step began to wait.
    WaitBegun {
        /// For the longest; to the microsecond, for a wait on time alone.
        until: i64,
        /// The event that it waits for; none where time alone is waited for.
        event: Option<Arc<str>>,
    },
    /// The time of a wait is over.
    WaitEnded {
        /// What follows where an event was waited for and did not come; none where time alone was waited for.
        then: Option<OnTimeout>,
    },
    /// The event that a step waited for came; what it carries is the step's value.
    EventTaken {
        /// The seq under which it was received.
        event: u64,
        /// When it was received.
        received_at: i64,
        /// What it carries.
        value: Value,
    },
    /// A run tells of something: an event like one from outside, durable with its step.
    EventEmitted(Arc<Arrival>),
    /// An event came from outside. It is acknowledged when this is durable.
    EventReceived(Arc<Arrival>),
    /// A delivery was not taken.
    EventRefused(Arc<Refusal>),
    /// Events start one run together, of a flow that names no key: which ones is settled before it begins.
    EventsGathered {
        /// The flow.
        flow: Arc<str>,
        /// The seqs under which they were received; the first names the run.
        events: Vec<u64>,
    },
    /// Everything that an event starts has been started.
    EventDispatched {
        /// The seq under which it was received.
        event: u64,
        /// The runs.
        runs: Vec<Arc<str>>,
        /// Flows that it should have started, and why it did not.
        failed: Vec<(Arc<str>, String)>,
    },
    /// A clock started a run, or passed an instant at which nothing is to be run any more.
    ScheduleFired {
        /// The flow.
        flow: Arc<str>,
        /// The clock, in words: a flow may have several.
        clock: Arc<str>,
        /// The instant that it stood for.
        at: i64,
        /// The run; none where the flow could not be started.
        run: Option<Arc<str>>,
        /// How many instants before it were passed over.
        passed: u64,
        /// Why nothing was started.
        failed: Option<String>,
    },
    /// A fact entered a memory; it is the value of its step.
    FactRemembered {
        /// The memory.
        memory: Arc<str>,
        /// Whose fact.
        subject: Arc<str>,
        /// The record.
        fields: Value,
        /// What it rests on.
        #[serde(default)]
        origin: Origin,
    },
    /// Several facts entered a memory.
    FactsRemembered {
        /// The memory.
        memory: Arc<str>,
        /// Whose facts; empty for facts about nobody.
        subject: Arc<str>,
        /// The records.
        facts: Vec<Value>,
        /// What each rests on, in the same order.
        #[serde(default)]
        origins: Vec<Origin>,
    },
    /// Facts are gone by a rule of their memory: which it was, and which facts, by the events that hold them.
    FactsDropped {
        /// The memory.
        memory: Arc<str>,
        /// The rule.
        why: Why,
        /// In the order of the log.
        facts: Vec<FactId>,
    },
    /// What is known of somebody stays until the hold is lifted; who set it is the event's actor.
    SubjectHeld {
        /// His key.
        key: KeyName,
        /// For people.
        reason: Arc<str>,
    },
    /// It may go again.
    SubjectReleased {
        /// The key that the hold names.
        key: KeyName,
        /// For people.
        reason: Arc<str>,
    },
    /// A model behind a network may be asked for vectors from now on.
    VectorsAsked(Arc<VectorsAsked>),
    /// What became of that.
    VectorsAnswered(Arc<VectorsAnswered>),
    /// A run ended well.
    RunCompleted {
        /// What it answers.
        output: Value,
    },
    /// A run ended badly.
    RunFailed {
        /// Why.
        failure: Failure,
    },
    /// A run ended before its work was done.
    RunCancelled {
        /// For people.
        reason: Arc<str>,
    },
}

impl EventKind {
    /// Whether nothing follows it in its run.
    #[must_use]
    pub fn ends_run(&self) -> bool {
        matches!(self, Self::RunCompleted { .. } | Self::RunFailed { .. } | Self::RunCancelled { .. })
    }

    /// The kind's name in kebab-case, as the log prints it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::PlanAdopted { .. } => "plan-adopted",
            Self::EffectsFrozen { .. } => "effects-frozen",
            Self::EffectsThawed { .. } => "effects-thawed",
            Self::SubjectForgotten { .. } => "subject-forgotten",
            Self::RunStarted { .. } => "run-started",
            Self::RunAdmitted => "run-admitted",
            Self::RunPaused => "run-paused",
            Self::RunResumed => "run-resumed",
            Self::RunMigrated(_) => "run-migrated",
            Self::CancelRequested { .. } => "cancel-requested",
            Self::ArmTaken { .. } => "arm-taken",
            Self::ItemsPicked { .. } => "items-picked",
            Self::ItemSetAside { .. } => "item-set-aside",
            Self::FlowBegun { .. } => "flow-begun",
            Self::FailureHandled { .. } => "failure-handled",
            Self::ChildEnded { .. } => "child-ended",
            Self::StepOverdue { .. } => "step-overdue",
            Self::ItemsCompleted => "items-completed",
            Self::StepCompleted { .. } => "step-completed",
            Self::StepSkipped { .. } => "step-skipped",
            Self::StepFailed { .. } => "step-failed",
            Self::StepInherited(_) => "step-inherited",
            Self::EffectInherited(_) => "effect-inherited",
            Self::PreImageRead { .. } => "pre-image-read",
            Self::UndoPlanned { .. } => "undo-planned",
            Self::IntentRecorded(_) => "intent-recorded",
            Self::EffectAttempted { .. } => "effect-attempted",
            Self::EffectSettled { .. } => "effect-settled",
            Self::EffectDenied { .. } => "effect-denied",
            Self::ModelAsked(_) => "model-asked",
            Self::ModelAnswered(_) => "model-answered",
            Self::AnswerTaken(..) => "answer-taken",
            Self::ToolsCalled(_) => "tools-called",
            Self::ApprovalRequested(_) => "approval-requested",
            Self::ApprovalAnswered { .. } => "approval-answered",
            Self::ApprovalExpired { .. } => "approval-expired",
            Self::ApprovalRaised(_) => "approval-raised",
            Self::ApprovalWithdrawn { .. } => "approval-withdrawn",
            Self::WaitBegun { .. } => "wait-begun",
            Self::WaitEnded { .. } => "wait-ended",
            Self::EventTaken { .. } => "event-taken",
            Self::EventEmitted(_) => "event-emitted",
            Self::EventReceived(_) => "event-received",
            Self::EventRefused(_) => "event-refused",
            Self::EventsGathered { .. } => "events-gathered",
            Self::EventDispatched { .. } => "event-dispatched",
            Self::ScheduleFired { .. } => "schedule-fired",
            Self::FactRemembered { .. } => "fact-remembered",
            Self::FactsRemembered { .. } => "facts-remembered",
            Self::FactsDropped { .. } => "facts-dropped",
            Self::SubjectHeld { .. } => "subject-held",
            Self::SubjectReleased { .. } => "subject-released",
            Self::VectorsAsked(_) => "vectors-asked",
            Self::VectorsAnswered(_) => "vectors-answered",
            Self::RunCompleted { .. } => "run-completed",
            Self::RunFailed { .. } => "run-failed",
            Self::RunCancelled { .. } => "run-cancelled",
        }
    }
}
