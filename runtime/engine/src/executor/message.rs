//! What the loop of a shard hears: from callers, and from its own tasks. It does nothing with it.

use super::steer::Steer;
use super::{AnswerReply, ControlReply, Origin, ReceiveReply, Shard, StartRequest, Started};
use crate::approval::Verdict;
use crate::arrival::{Arrival, Refusal};
use crate::decide::{Input, Wish};
use crate::ports::StoreError;
use crate::summary::RunSummary;
use std::sync::Arc;
use tokio::sync::oneshot;
use tradewind_lang::plan::StepId;

/// A question to the loop, answered from its state.
pub(crate) type Query = Box<dyn FnOnce(&mut Shard) + Send>;

/// What callers send.
pub(crate) enum Message {
    Start(StartRequest),
    Answer { approval: Arc<str>, by: Arc<str>, verdict: Verdict, reply: AnswerReply },
    Control { run: Arc<str>, by: Arc<str>, wish: Wish, reply: ControlReply },
    Receive { arrival: Arc<Arrival>, reply: ReceiveReply },
    Refuse { refusal: Arc<Refusal>, reply: oneshot::Sender<()> },
    WhenEnded { run: Arc<str>, reply: oneshot::Sender<Arc<RunSummary>> },
    Steer(Steer),
    Query(Query),
    WhenIdle(oneshot::Sender<()>),
    Shutdown,
}

/// What the loop's own tasks send.
pub(crate) enum Inside {
    Input {
        run: Arc<str>,
        input: Input,
    },
    Committed(Result<(), StoreError>),
    /// What an event or a clock was to start is durable, or could not be started.
    Begun {
        of: Origin,
        flow: Arc<str>,
        started: Result<Started, String>,
    },
    Tick,
    /// An effect was held back by what is frozen: whether it may still leave.
    MayLeave {
        run: Arc<str>,
        step: StepId,
        reply: oneshot::Sender<bool>,
    },
}
