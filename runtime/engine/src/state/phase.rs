//! Where a run stands, and each of its steps. Data only; the fold is beside it.

use super::Talk;
use super::children::Items;
use crate::approval::Approval;
use crate::backoff::Unreached;
use crate::event::{Intent, Next, Outcome, SettledBy, SkipReason};
use crate::failure::Failure;
use crate::question::Label;
use std::sync::Arc;
use tradewind_lang::value::Value;

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Not in the log yet.
    New,
    /// In the log; it begins when its concurrency key is free.
    Held,
    /// Going on.
    Running,
    /// It will fail when its open effects are settled.
    Failing(Failure),
    /// It will be cancelled, for this reason, when its open effects are settled.
    Cancelling(Arc<str>),
    /// It failed, and takes back what it had done.
    Undoing(Failure),
    /// Ended well.
    Completed,
    /// Ended badly.
    Failed(Failure),
    /// Ended before its work was done, for this reason.
    Cancelled(Arc<str>),
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
    /// When it was taken up by a process that had not sent it, last.
    pub taken_up: Option<i64>,
    /// Its last attempts, where they did not reach the provider.
    pub unreached: Unreached,
    /// When the attempt under way, or the last one, left at the earliest.
    pub left_at: i64,
    /// Whether the next attempt waits for its time: until the log says that it leaves, it was not sent.
    pub waits: bool,
    /// Whether the next attempt may be a second one of what happened, so that it relies on its key.
    pub relies: bool,
    /// What follows; none while an attempt is under way.
    pub next: Option<Next>,
    /// The person who is asked what became of it.
    pub asked: Option<Arc<Asked>>,
}

/// A wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sleep {
    /// For the longest.
    pub until: i64,
    /// The event that is waited for; none where time alone is.
    pub event: Option<Arc<str>>,
    /// The seq of its beginning.
    pub seq: u64,
}

impl std::fmt::Display for Sleep {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let until = tradewind_lang::literal::timestamp_text(self.until);
        match &self.event {
            Some(event) => write!(out, "event `{event}` until {until}"),
            None => write!(out, "until {until}"),
        }
    }
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
    /// The items of an `each` are worked.
    Items(Arc<Items>),
    /// Another flow runs.
    Flow {
        /// Its input.
        input: Value,
        /// When it began.
        since: i64,
        /// Why the step will fail when it has ended.
        overdue: Option<Failure>,
        /// Whether it was begun by this process. Not in the log.
        issued: bool,
    },
    /// A person is asked.
    Approval(Arc<Asked>),
    /// A person, or a clock, agreed; the effect is to be judged again.
    Approved(Arc<Asked>),
    /// The same, and what is there before it is being read again. Not in the log.
    Rereading(Arc<Asked>),
    /// An effect is open.
    Effect(Arc<OpenEffect>),
    /// A model is being asked; the question is in the log.
    Talking,
    /// What a model said, or that it said nothing, is in the log, and nothing was made of it yet.
    Heard,
    /// It waits for time to pass, or for an event.
    Sleeping(Arc<Sleep>),
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

    pub(super) fn may_start(&self) -> bool {
        match self {
            Self::Ready | Self::Approved(_) | Self::Heard | Self::Arm { left: 0, .. } => true,
            Self::Items(items) => items.is_through() || items.unissued().next().is_some(),
            Self::Flow { issued, .. } => !issued,
            _ => false,
        }
    }
}

/// What was there before an effect.
#[derive(Debug, Clone, PartialEq)]
pub struct PreImage {
    /// What, or why it could not be read.
    pub outcome: Outcome,
    /// When it was read.
    pub at: i64,
}

impl PreImage {
    /// What was there, where it could be read.
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        match &self.outcome {
            Outcome::Done(value) => Some(value),
            Outcome::Failed(_) => None,
        }
    }
}

/// An effect that happened, as long as its run goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct DoneEffect {
    /// The intent.
    pub intent: Arc<Intent>,
    /// What was answered.
    pub answer: Value,
    /// Seq of the intent.
    pub seq: u64,
    /// When it was decided.
    pub at: i64,
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct StepState {
    /// Where it stands.
    pub phase: Phase,
    /// Its value; `Null` where it has none.
    pub value: Value,
    pub(super) blockers: u16,
    /// How many approvals were asked for it.
    pub asked: u16,
    /// Whether it is an act whose `not-before` is over.
    pub slept: bool,
    /// What was there before its effect, until a person is asked about it or it is sent.
    pub before: Option<Arc<PreImage>>,
    /// The effect that it did.
    pub done: Option<Arc<DoneEffect>>,
    /// The run that it has this from: it was forked from it.
    pub inherited: Option<Arc<str>>,
    /// What it says to models, and what they say.
    pub talk: Option<Arc<Talk>>,
    /// Who answered what a model was to say.
    pub label: Option<Arc<Label>>,
}
