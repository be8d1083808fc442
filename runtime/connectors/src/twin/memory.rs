//! The twin in memory, as connectors: the same requests and the same reading of answers as over HTTP, without a socket.
//!
//! Faults are told beforehand, by operation and number of calls; nothing here is random.

use super::effects::Effect;
use super::world::{TwinAnswer, TwinRequest, TwinWorld};
use crate::account::opened;
use crate::answer::{Body, Exchange, Received, conclude};
use crate::prepare::{Prepared, prepare};
use crate::redact::{redact, redact_together};
use crate::together::{conclude_together, prepare_together};
use serde_json::Value as Json;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tradewind_engine::ports::{BoxFuture, Call, CallFailure, CallOutcome, Connectors};
use tradewind_lang::plan::Micros;
use tradewind_lang::ty::TypeTable;

/// Something that goes wrong, so many times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Full name of the operation.
    pub operation: String,
    /// What goes wrong.
    pub kind: FaultKind,
    /// For how many calls; `None` for all.
    pub times: Option<u32>,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// No connection: nothing is sent.
    NotSent,
    /// Sent, never worked, never answered.
    LostRequest,
    /// Sent and worked; the answer is lost.
    LostAnswer,
    /// Not worked; answered with this status.
    Status(u16),
    /// Worked and answered after so long; beyond the connector's total time-out the answer is lost.
    Delay(Micros),
}

#[derive(Debug, Default)]
struct State {
    world: TwinWorld,
    faults: Vec<Fault>,
    effects: Vec<Effect>,
}

/// Connectors that reach a [`TwinWorld`] in this process.
#[derive(Debug)]
pub struct TwinConnectors {
    types: Arc<TypeTable>,
    state: Mutex<State>,
}

impl TwinConnectors {
    /// Connectors to a world.
    #[must_use]
    pub fn new(types: Arc<TypeTable>, world: TwinWorld) -> Self {
        Self { types, state: Mutex::new(State { world, ..State::default() }) }
    }

    /// Adds a fault; of several for an operation the first that still has calls left applies.
    pub fn fault(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// What was really done so far, in order.
    #[must_use]
    pub fn effects(&self) -> Vec<Effect> {
        self.state().effects.clone()
    }

    /// The world as it is now.
    #[must_use]
    pub fn world(&self) -> TwinWorld {
        self.state().world.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn attempt(&self, call: &Call) -> CallOutcome {
        let prepared = match opened(call, None).and_then(|account| prepare(call, account)) {
            Ok(prepared) => prepared,
            Err(message) => return refused(message),
        };
        let exchange = self.exchange(call, &prepared).await;
        redact(call, &prepared, conclude(call, &self.types, exchange))
    }

    async fn attempt_together(&self, calls: &[Call]) -> Vec<CallOutcome> {
        let prepared = calls.first().and_then(|first| Some((first, first.operation.terms.batch.as_ref()?)));
        let prepared =
            prepared.map(|(first, batch)| (first, batch, opened(first, None).and_then(|account| prepare_together(calls, batch, account))));
        match prepared {
            Some((first, batch, Ok(prepared))) => {
                let exchange = self.exchange(first, &prepared).await;
                redact_together(calls, &prepared, conclude_together(calls, batch, exchange).1)
            }
            Some((_, _, Err(message))) => vec![refused(message); calls.len()],
            None => vec![refused("the operation is not sent in batches".to_owned()); calls.len()],
        }
    }

    async fn exchange(&self, call: &Call, prepared: &Prepared) -> Exchange {
        let name = &call.connector.name;
        let fault = self.state().next_fault(&call.operation.name);
        match fault {
            None => received(self.state().work(name, prepared)),
            Some(FaultKind::NotSent) => {
                Exchange::NotSent { code: "connect", message: format!("cannot connect to {name}: a fault of the twin"), retry: true }
            }
            Some(FaultKind::LostRequest) => timed_out(name),
            Some(FaultKind::LostAnswer) => {
                self.state().work(name, prepared);
                timed_out(name)
            }
            Some(FaultKind::Status(status)) => {
                Exchange::Received(Received { status, retry_after: None, headers: Vec::new(), body: Body::Json(Json::Null) })
            }
            Some(FaultKind::Delay(delay)) => {
                let answer = self.state().work(name, prepared);
                let wait = delay.min(call.connector.total_timeout);
                tokio::time::sleep(Duration::from_micros(u64::try_from(wait).unwrap_or_default())).await;
                if delay >= call.connector.total_timeout { timed_out(name) } else { received(answer) }
            }
        }
    }
}

impl State {
    fn next_fault(&mut self, operation: &str) -> Option<FaultKind> {
        let fault = self.faults.iter_mut().find(|fault| fault.operation == operation && fault.times != Some(0))?;
        fault.times = fault.times.map(|times| times - 1);
        Some(fault.kind)
    }

    fn work(&mut self, connector: &str, prepared: &Prepared) -> TwinAnswer {
        let request = TwinRequest {
            method: prepared.method.to_string(),
            path: format!("/{connector}{}", prepared.path),
            query: prepared.query.clone(),
            key: prepared.header("idempotency-key").map(str::to_owned),
            body: prepared.body.clone().unwrap_or(Json::Null),
        };
        let answer = self.world.handle(&request);
        self.effects.extend(answer.effects.iter().cloned());
        answer
    }
}

impl Connectors for TwinConnectors {
    fn call(&self, call: Call) -> BoxFuture<'_, CallOutcome> {
        Box::pin(async move { self.attempt(&call).await })
    }

    fn call_together(&self, calls: Vec<Call>) -> BoxFuture<'_, Vec<CallOutcome>> {
        Box::pin(async move { self.attempt_together(&calls).await })
    }
}

fn refused(message: String) -> CallOutcome {
    CallOutcome::Failed(CallFailure { code: "request".to_owned(), message, retry: false, retry_after: None })
}

fn received(answer: TwinAnswer) -> Exchange {
    Exchange::Received(Received { status: answer.status, retry_after: None, headers: Vec::new(), body: Body::Json(answer.body) })
}

fn timed_out(connector: &str) -> Exchange {
    Exchange::Doubt { code: "time-out", message: format!("{connector} did not answer in time") }
}
