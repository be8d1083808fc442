//! Manners toward providers: how many calls at once, how many in a time, when to wait, and when to leave one alone.
//!
//! One lane for each account of a connector, or for the connector where it has none, shared by all runs. Waiting happens before a call leaves, so that its last look at the clock comes
//! after it. Nothing here is durable: after a restart a provider that was told too much says so, and is heard.

mod breaker;
mod bucket;
mod lane;

use lane::Lane;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tradewind_engine::ports::{BoxFuture, Call, CallFailure, CallOutcome, Clock, Connectors, Permit};

/// What a call's answer says beside its outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// The outcome.
    pub outcome: CallOutcome,
    /// What it took of the provider's bucket, as the provider says.
    pub used: Option<f64>,
    /// What is left in it, as the provider says.
    pub left: Option<f64>,
}

impl From<CallOutcome> for Observed {
    fn from(outcome: CallOutcome) -> Self {
        Self { outcome, used: None, left: None }
    }
}

/// What the answer to several calls at once says.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedTogether {
    /// Of the request as a whole; answered where each call has an outcome of its own.
    pub whole: Observed,
    /// Of each call, in their order.
    pub outcomes: Vec<CallOutcome>,
}

/// Connectors that tell what an answer says of a provider's bucket.
pub trait Observe: Send + Sync + 'static {
    /// Performs one attempt.
    fn attempt(&self, call: Call) -> BoxFuture<'_, Observed>;

    /// Performs one attempt of several calls as one request.
    fn attempt_together(&self, calls: Vec<Call>) -> BoxFuture<'_, ObservedTogether>;
}

/// Connectors with manners.
pub struct Manners {
    inner: Arc<dyn Observe>,
    clock: Arc<dyn Clock>,
    lanes: Mutex<HashMap<String, Arc<Lane>>>,
}

impl std::fmt::Debug for Manners {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Manners").finish_non_exhaustive()
    }
}

impl Manners {
    /// Gives connectors manners.
    #[must_use]
    pub fn new(inner: Arc<dyn Observe>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, clock, lanes: Mutex::default() }
    }

    fn lane(&self, call: &Call) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let name = call.account.as_ref().map_or(&call.connector.name, |account| &account.name);
        lanes.entry(name.clone()).or_default().clone()
    }
}

impl Connectors for Manners {
    fn ready<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Permit, CallFailure>> {
        Box::pin(async move {
            let lane = self.lane(call);
            lane.enter(call, &*self.clock).await.map(|place| Permit::holding(Box::new(place)))
        })
    }

    fn call(&self, call: Call) -> BoxFuture<'_, CallOutcome> {
        Box::pin(async move {
            let lane = self.lane(&call);
            let (terms, cost) = (call.connector.terms.clone(), lane::cost_of(&call));
            let observed = self.inner.attempt(call).await;
            lane.learn(&terms, cost, &observed, self.clock.now());
            observed.outcome
        })
    }

    fn call_together(&self, calls: Vec<Call>) -> BoxFuture<'_, Vec<CallOutcome>> {
        Box::pin(async move {
            let Some(first) = calls.first() else { return Vec::new() };
            // One request for a bucket, a breaker and whoever waits, however many calls are in it.
            let (lane, terms, cost) = (self.lane(first), first.connector.terms.clone(), lane::cost_of(first));
            let observed = self.inner.attempt_together(calls).await;
            lane.learn(&terms, cost, &observed.whole, self.clock.now());
            observed.outcomes
        })
    }
}
