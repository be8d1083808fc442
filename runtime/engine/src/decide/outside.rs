//! What a decision wants done outside, once its events are durable. It does none of it.

use super::Timer;
use crate::backoff::Unreached;
use crate::child::Child;
use crate::finding::Wanted;
use crate::ports::Call;
use crate::question::{Alike, Looked, Prompt};
use std::sync::Arc;
use tradewind_lang::plan::{Digest, Micros, Model, StepId};

/// What is to be done outside, after the decision's events are durable.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Read.
    Read {
        /// The step.
        step: StepId,
        /// Which attempt, from 1.
        attempt: u32,
        /// Not before this instant.
        not_before: i64,
        /// Earlier failures.
        failures: Vec<String>,
        /// Attempts before it that did not reach the provider.
        unreached: Unreached,
        /// The call.
        call: Call,
    },
    /// Look for what an act did, in the log.
    FindDone {
        /// The step.
        step: StepId,
        /// The flow of the runs that did it.
        flow: Arc<str>,
        /// The act.
        act: Arc<str>,
        /// Not before this instant.
        since: Option<i64>,
    },
    /// Recall facts.
    Recall {
        /// The step.
        step: StepId,
        /// The memory.
        memory: Arc<str>,
        /// Whose facts.
        subject: Arc<str>,
        /// How many of the newest.
        last: u32,
    },
    /// Look for facts.
    Search {
        /// The step.
        step: StepId,
        /// Which.
        wanted: Arc<Wanted>,
    },
    /// Reckon figures over points.
    Measure {
        /// The step.
        step: StepId,
    },
    /// Ask a model.
    Classify {
        /// The step.
        step: StepId,
        /// The rung of the route's ladder.
        rung: u16,
        /// Why earlier rungs gave no answer.
        refused: Vec<String>,
        /// The model.
        model: Arc<Model>,
        /// The labels.
        labels: Arc<[String]>,
        /// The text.
        text: Arc<str>,
    },
    /// Ask a model behind a network; the question is durable.
    Say {
        /// The step.
        step: StepId,
        /// Everything that the provider needs.
        prompt: Arc<Prompt>,
    },
    /// Look for an answer that was kept.
    LookKept {
        /// The step.
        step: StepId,
        /// Where its ladder stands.
        looked: Looked,
        /// What tells equal questions.
        same: Digest,
        /// The question among those that are alike, and how alike at least, 0 to 1; none where only the same one counts.
        alike: Option<(Alike, f64)>,
        /// No older than this.
        max_age: Micros,
    },
    /// Perform a write; its intent is durable.
    Perform {
        /// The step.
        step: StepId,
        /// Which attempt, from 1.
        attempt: u32,
        /// Not before this instant.
        not_before: i64,
        /// Nor at or after this one: a repetition that comes too late would be a second effect.
        not_after: i64,
        /// The call.
        call: Call,
    },
    /// Look up what became of a write.
    Lookup {
        /// The step.
        step: StepId,
        /// Which attempt at the effect is in doubt.
        attempt: u32,
        /// Which try of the lookup, from 1.
        tries: u32,
        /// Not before this instant.
        not_before: i64,
        /// Tries before it that did not reach the provider.
        unreached: Unreached,
        /// The call.
        call: Call,
    },
    /// Begin a run within this one.
    Begin {
        /// The step.
        step: Option<StepId>,
        /// The run.
        child: Child,
    },
    /// Cancel the runs within this one: of a step, or all of them.
    EndChildren {
        /// The step.
        step: Option<StepId>,
        /// Why.
        reason: Arc<str>,
    },
    /// Listen for events: those that came since the run began, and those to come.
    Listen {
        /// The step.
        step: StepId,
        /// Their name.
        event: Arc<str>,
    },
    /// Set a clock.
    Timer {
        /// Which.
        timer: Timer,
        /// When it runs out.
        at: i64,
    },
}
