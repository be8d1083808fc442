//! What a decision used: inputs of the outside that the log must hold, so that it can be decided again.

use crate::finding::Finding;
use crate::question::{Label, Looked};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tradewind_lang::value::Value;

/// What a decision used besides the plan, the instant and the run's earlier events (which the log already holds).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum Used {
    /// Nothing more.
    #[default]
    State,
    /// A provider's answer; the failures are those of earlier attempts at a read.
    Answer {
        /// Code and message of each earlier attempt.
        failures: Vec<String>,
        /// How long the provider asked to wait, in microseconds.
        retry_after: Option<i64>,
    },
    /// What a model said, or that none did.
    Model {
        /// The place of the rung in the route's ladder.
        rung: u16,
        /// The model, or `value` or `template`.
        by: Arc<str>,
        /// Digest of the artifact that answered; empty for none.
        artifact: Arc<str>,
        /// Why each earlier rung gave no answer.
        refused: Vec<String>,
    },
    /// Who answered what a model was to say, of which tier, and how old the answer is, in microseconds.
    Said(Label),
    /// An answer that was kept was looked for, and none was found.
    NothingKept(Looked),
    /// The events that hold the recalled facts.
    Facts {
        /// Their seqs.
        seqs: Vec<u64>,
    },
    /// Facts were looked for.
    Found(Finding),
    /// Figures were reckoned.
    Measured {
        /// Over how many points.
        points: u64,
    },
    /// The answer to a declared lookup.
    Lookup {
        /// What was found.
        found: Value,
    },
    /// A clock that ran out.
    Clock,
    /// What the shard's guards said: limits that are above their cap, or the refusal.
    Guard {
        /// Limits a person may let pass.
        over: Vec<String>,
        /// The rule that refuses for good, and what it says.
        refused: Option<(String, String)>,
    },
    /// The process ended, or the store was taken over, before an answer was logged.
    Restart,
    /// More than the log takes: the event says no more than what happened, and cannot be decided again.
    TooLarge,
}
