//! Tells which connector cannot be reached, once, and once more when it answers again. It changes no answer.

use crate::output::tell;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use tradewind_engine::ports::{BoxFuture, Call, CallFailure, CallOutcome, Connectors, Permit};

/// Connectors that are watched.
pub(crate) struct Watched {
    connectors: Arc<dyn Connectors>,
    /// Those that could not be reached when they were last called.
    unreached: Mutex<BTreeSet<String>>,
}

impl Watched {
    pub(crate) fn new(connectors: Arc<dyn Connectors>) -> Self {
        Self { connectors, unreached: Mutex::default() }
    }

    fn note(&self, connector: &str, outcome: &CallOutcome) {
        let mut unreached = self.unreached.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            CallOutcome::Failed(failure) if failure.is_unreachable() => {
                if unreached.insert(connector.to_owned()) {
                    tell!("{connector} cannot be reached and is tried again until each run's deadline: {}", failure.message);
                }
            }
            _ => {
                if unreached.remove(connector) {
                    tell!("{connector} answers again");
                }
            }
        }
    }
}

impl Connectors for Watched {
    fn ready<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Permit, CallFailure>> {
        self.connectors.ready(call)
    }

    fn call(&self, call: Call) -> BoxFuture<'_, CallOutcome> {
        Box::pin(async move {
            let connector = call.connector.name.clone();
            let outcome = self.connectors.call(call).await;
            self.note(&connector, &outcome);
            outcome
        })
    }

    fn call_together(&self, calls: Vec<Call>) -> BoxFuture<'_, Vec<CallOutcome>> {
        Box::pin(async move {
            let connector = calls.first().map(|call| call.connector.name.clone());
            let outcomes = self.connectors.call_together(calls).await;
            // One request: where it reached nobody, that is said of each of its calls.
            if let (Some(connector), Some(outcome)) = (connector, outcomes.first()) {
                self.note(&connector, outcome);
            }
            outcomes
        })
    }
}
