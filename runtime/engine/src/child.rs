//! Runs within a run: the items of an `each`, the run of another flow, and what follows a failure. Data only.
//!
//! Each is a run of its own, with a log, effects and questions of its own; its parent's log says when it begins and what it ended with.

use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tradewind_lang::money::Money;
use tradewind_lang::plan::StepId;
use tradewind_lang::value::Value;

/// What a run is within another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// An item of an `each`, by its place in the list.
    Item(u32),
    /// The run of another flow.
    Flow,
    /// The steps of `on-failure`.
    OnFailure,
}

/// An item that an `each` picked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Picked {
    /// Its place in the list, from 0.
    pub place: u32,
    /// What identifies it.
    pub key: Arc<str>,
    /// The item.
    pub value: Value,
}

/// The run within which another one runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// Its name.
    pub run: Arc<str>,
    /// Its step; none for `on-failure`.
    pub step: Option<StepId>,
    /// What the inner run is to it.
    pub part: Part,
    /// When its deadline ran out, as it stood when the inner run began.
    pub due: Option<i64>,
    /// What it had cost by then.
    pub spent: Option<Money>,
    /// Within a fork: the inner run of the first of its family that it stands for.
    #[serde(default)]
    pub place: Option<Arc<str>>,
}

/// An inner run that is to begin.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    /// Its name.
    pub run: Arc<str>,
    /// Its trace.
    pub trace: [u8; 16],
    /// What identifies it within its parent.
    pub key: Arc<str>,
    /// Its input: the item, or the input of the flow.
    pub input: Value,
    /// Whose it is.
    pub parent: Parent,
}

/// What an inner run ended with.
#[derive(Debug, Clone, PartialEq)]
pub struct ChildEnd {
    /// Its name.
    pub run: Arc<str>,
    /// The step of its parent.
    pub step: Option<StepId>,
    /// What it was.
    pub part: Part,
    /// Its output, or why it has none.
    pub outcome: Result<Value, Failure>,
    /// What it cost.
    pub cost: Option<Money>,
    /// How long it waited for people.
    pub waited: i64,
}
