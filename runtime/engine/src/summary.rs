//! What is told of runs to people and programs: summaries, details, progress. It is derived and never decides.

use crate::child::{Parent, Part};
use crate::event::Next;
use crate::failure::Failure;
use crate::ports::StoreError;
use crate::seal::{ERASED, FORGOTTEN, KeyName};
use crate::state::{OpenEffect, Phase, RunState, Standing};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tradewind_lang::literal::timestamp_text;
use tradewind_lang::money::Money;
use tradewind_lang::plan::Digest;
use tradewind_lang::value::Value;

/// Where a run stands, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RunStatus {
    /// Started, and behind another run that has its concurrency key.
    Queued,
    /// Going on by itself.
    Running,
    /// Waiting for a person, for time to pass, or for an event.
    Waiting,
    /// Paused by a person.
    Paused,
    /// Its effects are frozen.
    Frozen,
    /// Ended well.
    Completed,
    /// Ended badly.
    Failed,
    /// Ended before its work was done.
    Cancelled,
}

impl RunStatus {
    /// Every status, in the order of a run's life.
    pub const ALL: [Self; 8] =
        [Self::Queued, Self::Running, Self::Waiting, Self::Paused, Self::Frozen, Self::Completed, Self::Failed, Self::Cancelled];

    /// Whether nothing follows it.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// As it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Frozen => "frozen",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A run in a few words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Its name.
    pub id: Arc<str>,
    /// Its flow.
    pub flow: Arc<str>,
    /// What identifies it among the flow's runs.
    pub key: Arc<str>,
    /// Where it stands.
    pub status: RunStatus,
    /// When it began.
    pub started_at: i64,
    /// When something last happened.
    pub updated_at: i64,
    /// What it answered.
    pub output: Value,
    /// The inbox items it waits for.
    pub waiting_on: Vec<Arc<str>>,
    /// What its steps wait for that is no person: `until …`, or an event and until when.
    pub waits_for: Vec<String>,
    /// Why it failed, or is about to.
    pub failure: Option<Failure>,
    /// Why it was cancelled, or is about to be.
    pub cancelled: Option<Arc<str>>,
    /// What it shares with runs that may not work beside it.
    pub concurrency_key: Option<Arc<str>>,
    /// What it cost.
    pub cost: Option<Money>,
    /// How long it waited for people, and was paused.
    pub waited: i64,
    /// The run within which it runs.
    pub parent: Option<Parent>,
    /// The run that it was forked from, and from which step on.
    pub forked: Option<(Arc<str>, Option<Arc<str>>)>,
    /// The keys of everybody whose data it has met.
    pub subjects: Arc<[KeyName]>,
    /// Whether some of what it met was erased.
    pub erased: bool,
    /// Digest of its input; zeros where that was erased.
    pub payload: Digest,
    /// Digest of the plan it follows.
    pub plan: Digest,
    /// Seq of its first event.
    pub first: u64,
    /// Seq of its newest event.
    pub last: u64,
}

impl RunSummary {
    /// Sums up a run.
    #[must_use]
    pub fn of(state: &RunState) -> Self {
        let status = match &state.standing {
            Standing::Completed => RunStatus::Completed,
            Standing::Failed(_) => RunStatus::Failed,
            Standing::Cancelled(_) => RunStatus::Cancelled,
            Standing::Held if !state.paused => RunStatus::Queued,
            Standing::Held | Standing::Running | Standing::Undoing(_) if state.paused => RunStatus::Paused,
            Standing::Running | Standing::Undoing(_) if state.awaits_thaw() => RunStatus::Frozen,
            Standing::New | Standing::Running | Standing::Undoing(_) if state.is_parked() => RunStatus::Waiting,
            Standing::New | Standing::Held | Standing::Running | Standing::Failing(_) | Standing::Undoing(_) | Standing::Cancelling(_) => {
                RunStatus::Running
            }
        };
        let failure = match &state.standing {
            Standing::Failed(failure) | Standing::Failing(failure) | Standing::Undoing(failure) => Some(failure.clone()),
            _ => None,
        };
        let cancelled = match &state.standing {
            Standing::Cancelled(reason) | Standing::Cancelling(reason) => Some(reason.clone()),
            _ => None,
        };
        let mut summary = Self {
            id: state.id.clone(),
            flow: state.graph.name.clone(),
            key: state.key.clone(),
            status,
            started_at: state.started_at,
            updated_at: state.updated_at,
            output: state.output.clone(),
            waiting_on: if state.has_ended() { Vec::new() } else { state.inbox().map(|(_, asked)| asked.approval.id.clone()).collect() },
            waits_for: if state.has_ended() { Vec::new() } else { state.sleeps().map(|(_, sleep)| sleep.to_string()).collect() },
            failure,
            cancelled,
            concurrency_key: state.concurrency_key.clone(),
            cost: state.cost,
            waited: state.stopped(),
            parent: state.parent.clone(),
            forked: state.fork.as_ref().filter(|_| state.parent.is_none()).map(|fork| (fork.of.clone(), fork.from.clone())),
            subjects: state.subjects.as_slice().into(),
            erased: state.erased,
            payload: state.payload,
            plan: state.pinned.digest,
            first: state.first,
            last: state.last,
        };
        // What it still holds of somebody who was forgotten is shown to nobody.
        if state.erased {
            summary.erase();
        }
        summary
    }
}

impl RunSummary {
    /// Drops what it says of people: somebody whose data it met was forgotten.
    pub(crate) fn erase(&mut self) {
        self.erased = true;
        if self.output != Value::Null {
            self.output = Value::Erased;
        }
        self.payload = Digest::default();
        if let Some(failure) = &mut self.failure {
            ERASED.clone_into(&mut failure.message);
        }
        if let Some(reason) = self.cancelled.as_mut().filter(|reason| ***reason != *FORGOTTEN) {
            *reason = ERASED.into();
        }
    }

    /// Whether it is only a part of another run: an item of an `each`, or what follows a failure.
    #[must_use]
    pub fn is_part(&self) -> bool {
        self.parent.as_ref().is_some_and(|parent| parent.part != Part::Flow)
    }
}

/// A step of a run, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct StepDetails {
    /// Its name.
    pub name: Arc<str>,
    /// `waiting`, `running`, `asked`, `open`, `done`, `skipped`, `denied`, `failed`.
    pub status: &'static str,
    /// More about it: a rule and its message, a failure, who settled it.
    pub note: Option<String>,
    /// Its value.
    pub value: Value,
}

/// A run with its steps.
#[derive(Debug, Clone, PartialEq)]
pub struct RunDetails {
    /// In a few words.
    pub summary: RunSummary,
    /// Its input.
    pub input: Value,
    /// Its steps in the order of the flow.
    pub steps: Vec<StepDetails>,
}

impl RunDetails {
    /// Details of a run.
    #[must_use]
    pub fn of(state: &RunState) -> Self {
        let members = state.graph.nodes.iter().zip(&state.steps).filter(|(node, _)| node.is_member);
        let steps = members.map(|(node, step)| {
            let (status, note) = phase(&step.phase);
            let inherited = step.inherited.as_ref().map(|run| format!("inherited from {}", run.get(..12).unwrap_or(run)));
            let note = inherited.or(note).or_else(|| step.label.as_ref().map(|label| label.to_string()));
            StepDetails { name: node.name.clone(), status, note, value: step.value.clone() }
        });
        Self { summary: RunSummary::of(state), input: state.input.clone(), steps: steps.collect() }
    }

    /// The same of a run in memory: where it met somebody who was forgotten since, without what it still holds of him.
    #[must_use]
    pub(crate) fn of_live(state: &RunState) -> Self {
        let mut details = Self::of(state);
        if state.erased {
            details.input = Value::Erased;
            for step in &mut details.steps {
                step.value = if step.value == Value::Null { Value::Null } else { Value::Erased };
                step.note = step.note.take().map(|_| ERASED.to_owned());
            }
        }
        details
    }
}

fn phase(phase: &Phase) -> (&'static str, Option<String>) {
    match phase {
        Phase::Waiting => ("waiting", None),
        Phase::Ready | Phase::Asking | Phase::Arm { .. } | Phase::Approved(_) | Phase::Rereading(_) => ("running", None),
        Phase::Items(items) => ("running", Some(format!("{} of {} items ended, {} begun", items.ended, items.items.len(), items.begun))),
        Phase::Flow { .. } | Phase::Heard => ("running", None),
        Phase::Talking => ("running", Some("a model is asked".to_owned())),
        Phase::Approval(asked) => ("asked", Some(format!("{} of {}", asked.approval.id, asked.approval.to.join(", ")))),
        Phase::Sleeping(sleep) => ("waits", Some(sleep.to_string())),
        Phase::Effect(effect) => ("open", Some(open(effect))),
        Phase::Completed(by) => ("done", by.map(|by| format!("settled by {}", by.as_str()))),
        Phase::Skipped(why) => ("skipped", Some(skipped(why).to_owned())),
        Phase::Denied { rule, message } => ("denied", Some(format!("{rule}: {message}"))),
        Phase::Failed(failure) => ("failed", Some(failure.to_string())),
    }
}

fn open(effect: &OpenEffect) -> String {
    let sent = format!("attempt {} under key {}", effect.attempt, effect.intent.key);
    match effect.next {
        Some(Next::Send(at)) if effect.waits => format!("{sent}, sent at {}", timestamp_text(at)),
        Some(Next::Lookup(at)) => format!("{sent}, in doubt and looked for at {}", timestamp_text(at)),
        Some(Next::Person) => format!("{sent}, in doubt until a person settles it"),
        Some(Next::Send(_)) | None => sent,
    }
}

fn skipped(why: &crate::event::SkipReason) -> &'static str {
    match why {
        crate::event::SkipReason::Condition => "its condition is false",
        crate::event::SkipReason::TimeOut => "nobody answered in time",
        crate::event::SkipReason::Arm => "its arm was not taken",
    }
}

/// How far the engine is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Runs that wait for their turn.
    pub queued: usize,
    /// Runs in flight.
    pub running: usize,
    /// Runs that wait for a person, for time to pass, or for an event.
    pub waiting: usize,
    /// Runs that ended well, since the log began.
    pub completed: usize,
    /// Runs that ended badly, since the log began.
    pub failed: usize,
    /// Runs that ended before their work was done, since the log began.
    pub cancelled: usize,
    /// Events since the log began.
    pub events: u64,
    /// The hash of the segment that holds the newest of them.
    pub head: Digest,
    /// Commits since the engine was opened.
    pub commits: u64,
    /// Why the engine stopped, where it did.
    pub stopped: Option<StoreError>,
}

/// Which runs to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunFilter {
    /// Of this flow only.
    pub flow: Option<String>,
    /// With this status only.
    pub status: Option<RunStatus>,
    /// With this key only.
    pub key: Option<String>,
    /// Items of `each` and what follows failures, too: runs that are only parts of others.
    pub parts: bool,
    /// Only those that run directly within this one.
    pub parent: Option<String>,
    /// At most so many, newest first.
    pub limit: Option<usize>,
}

impl RunFilter {
    /// Whether a run is wanted.
    #[must_use]
    pub fn admits(&self, run: &RunSummary) -> bool {
        self.flow.as_ref().is_none_or(|flow| **flow == *run.flow)
            && self.status.is_none_or(|status| status == run.status)
            && self.parent.as_ref().is_none_or(|parent| run.parent.as_ref().is_some_and(|own| **parent == *own.run))
            && (self.parts || !run.is_part())
            && self.key.as_ref().is_none_or(|key| **key == *run.key)
    }
}

/// What a look at the whole log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogReport {
    /// How many segments.
    pub segments: u64,
    /// How many events.
    pub events: u64,
    /// The hash of the newest segment; zeros for an empty log.
    pub head: Digest,
    /// How many signed checkpoints it meets.
    pub checkpoints: u64,
    /// The last event that is archived, and was not read; 0 for none.
    pub archived: u64,
}
