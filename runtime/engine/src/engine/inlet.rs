//! What comes to an engine from outside: events, and callers who wait for the answer of a run.

use super::{Engine, StartError, Submitted};
use crate::arrival::{Arrival, Refusal, within_bounds};
use crate::arrivals::Listed;
use crate::executor::{Busy, Message, Receipt};
use crate::fit;
use crate::ports::StoreError;
use crate::summary::RunSummary;
use crate::trigger::{self, Happening};
use std::fmt;
use std::sync::Arc;
use tokio::sync::oneshot;
use tradewind_lang::plan::{Cause, Micros};
use tradewind_lang::ty::Ty;
use tradewind_lang::value::Value;

/// Why an event was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiveError {
    /// The plan has no such event.
    Unknown(String),
    /// What it carries does not fit its type; the text names the place. That is in the log, for people.
    Payload(String),
    /// Too many events wait: the sender should come again later.
    Busy(Busy),
    /// The store failed, and the engine stopped: whether it was logged is not known.
    Store(StoreError),
    /// The engine was shut down, or only looks.
    Stopped,
}

impl fmt::Display for ReceiveError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(event) => write!(out, "there is no event `{event}`"),
            Self::Payload(why) => write!(out, "what it carries does not fit: {why}"),
            Self::Busy(busy) => write!(out, "too many events wait; come again in {} seconds", busy.retry_after / 1_000_000),
            Self::Store(error) => write!(out, "the store failed: {error:?}"),
            Self::Stopped => write!(out, "the engine was shut down, or only looks"),
        }
    }
}

/// What a caller who waits is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The run has ended.
    Ended(Arc<RunSummary>),
    /// It goes on; this is its id.
    GoesOn(Arc<str>),
    /// Another input was started under the key of this one, by the run of this id; nothing was started.
    Conflict(Arc<str>),
}

/// The trigger behind an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The flow.
    pub flow: Arc<str>,
    /// The secret that a caller proves to know; none where anybody may call.
    pub auth: Option<String>,
    /// How long a caller waits; none where it is told at once that a run was started.
    pub reply_within: Option<Micros>,
    place: usize,
}

impl Engine {
    /// Takes an event; returns when it is durable, before anything is started by it. The same event again changes nothing.
    ///
    /// # Errors
    /// An event that the plan does not know, that does not fit its type, or that comes while too many wait.
    pub async fn receive(&self, arrival: Arrival) -> Result<Receipt, ReceiveError> {
        let active = self.active();
        let record = active.record_of(&arrival.name).ok_or_else(|| ReceiveError::Unknown(arrival.name.to_string()))?;
        let types = &active.plan.types;
        let payload = trigger::complete(types, &record, &arrival.payload);
        if let Err(why) = fit::value(&Ty::Record(record), &payload, types).and_then(|()| within_bounds(&payload)) {
            let Arrival { name, source, id, .. } = arrival;
            return Err(self.refuse(Refusal { name, source, id, why }).await);
        }
        let (reply, answer) = oneshot::channel();
        let arrival = Arc::new(Arrival { payload, ..arrival });
        self.outside.send(Message::Receive { arrival, reply }).await.map_err(|_| self.no_receipt())?;
        answer.await.map_err(|_| self.no_receipt())?.map_err(ReceiveError::Busy)
    }

    /// Writes down that a delivery was not taken; the error that its sender gets.
    pub async fn refuse(&self, refusal: Refusal) -> ReceiveError {
        let mut refusal = refusal;
        refusal.why = refusal.why.chars().take(1024).collect();
        refusal.id = refusal.id.chars().take(256).collect::<String>().into();
        let why = refusal.why.clone();
        let (reply, answer) = oneshot::channel();
        if self.outside.send(Message::Refuse { refusal: Arc::new(refusal), reply }).await.is_err() || answer.await.is_err() {
            return self.no_receipt();
        }
        ReceiveError::Payload(why)
    }

    fn no_receipt(&self) -> ReceiveError {
        self.stopped().map_or(ReceiveError::Stopped, ReceiveError::Store)
    }

    /// Starts a run and waits for its end, for so long; a run that takes longer goes on.
    ///
    /// # Errors
    /// Those of [`Engine::start`].
    pub async fn request(&self, flow: &str, input: Value, actor: &str, within: Micros) -> Result<Answer, StartError> {
        let until = self.shared.clock.now().saturating_add(within);
        self.await_end(self.submit(flow, input, actor).await?, Some(until)).await
    }

    async fn await_end(&self, submitted: Submitted, until: Option<i64>) -> Result<Answer, StartError> {
        let started = submitted.durable().await?;
        if started.conflict {
            return Ok(Answer::Conflict(started.run_id));
        }
        let Some(until) = until else { return Ok(Answer::GoesOn(started.run_id)) };
        let (reply, ended) = oneshot::channel();
        let stopped = || self.stopped().map_or(StartError::Stopped, StartError::Store);
        self.outside.send(Message::WhenEnded { run: started.run_id.clone(), reply }).await.map_err(|_| stopped())?;
        tokio::select! {
            biased;
            summary = ended => summary.map(Answer::Ended).map_err(|_| stopped()),
            () = self.shared.clock.sleep_until(until) => Ok(Answer::GoesOn(started.run_id)),
        }
    }

    /// Calls an address: its flow is started, and a `request` waits for the run's end as long as it declares. `delivery` is what the
    /// caller tells this call apart by: the same one again is the same run.
    ///
    /// # Errors
    /// Those of [`Engine::start`]; a body that does not fit starts nothing.
    pub async fn call(&self, address: &Address, body: &Value, delivery: Option<&str>, actor: &str) -> Result<Answer, StartError> {
        let input = self.input_of_call(address, body)?;
        let until = address.reply_within.map(|within| self.shared.clock.now().saturating_add(within));
        let known_by = delivery.map(|delivery| format!("delivery {delivery}").into());
        self.await_end(self.hand_in(&address.flow, input, actor, known_by).await?, until).await
    }

    /// What stands behind an address: a trigger by `webhook` or `request`.
    #[must_use]
    pub fn address(&self, path: &str) -> Option<Address> {
        let active = self.active();
        let place = active.triggers.of_path(path)?;
        let (graph, trigger) = active.trigger(place)?;
        let (auth, reply_within) = match &trigger.cause {
            Cause::Webhook { auth, .. } => (auth.clone(), None),
            Cause::Request { auth, reply_within, .. } => (auth.clone(), Some(*reply_within)),
            _ => return None,
        };
        Some(Address { flow: graph.name.clone(), auth, reply_within, place: place.1 })
    }

    /// The input that a call of an address is. `carried` is the body, read by its fields where it names them as the input does.
    ///
    /// # Errors
    /// An expression without a value, or an input that does not fit; the text names the place.
    pub fn input_of_call(&self, address: &Address, body: &Value) -> Result<Value, StartError> {
        let active = self.active();
        let unknown = || StartError::UnknownFlow(address.flow.to_string());
        let (graph, trigger) = active.trigger(&(address.flow.clone(), address.place)).ok_or_else(unknown)?;
        let happening = Happening { carried: Some(("body", body)), at: self.shared.clock.now(), id: "" };
        trigger::input(&active, graph, trigger, &happening).map_err(StartError::Input)
    }

    /// When the nearest clock runs out: of use to whoever moves time by hand.
    ///
    /// # Errors
    /// The engine stopped.
    pub async fn next_alarm(&self) -> Result<Option<i64>, StoreError> {
        self.ask(|shard| shard.next_alarm()).await
    }

    /// Events that came or were emitted, and deliveries that were refused; newest first.
    ///
    /// # Errors
    /// The engine stopped.
    pub async fn arrivals(&self, limit: usize) -> Result<Vec<Listed>, StoreError> {
        self.ask(move |shard| shard.books.arrivals.listed().take(limit).cloned().collect()).await
    }
}
