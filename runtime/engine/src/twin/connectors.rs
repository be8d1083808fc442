//! Connectors that answer by script and record every request before they answer, as a provider does.
//!
//! A write is deduplicated on its key: the same key again gets the first answer and leaves no second effect.

use crate::key::digest_of;
use crate::ports::{BoxFuture, Call, CallFailure, CallOutcome, Connectors};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tradewind_lang::plan::Digest;
use tradewind_lang::value::Value;

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Full name of the operation.
    pub operation: String,
    /// The idempotency key; empty for reads.
    pub key: String,
    /// The request.
    pub request: Value,
    /// The account in whose name it came.
    pub account: Option<String>,
    /// How many of the same operation, key and request came before.
    pub earlier: usize,
}

/// What the script says to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// It happens; this is the answer.
    Done(Value),
    /// It happens, and the answer is lost.
    Lost(Value),
    /// It does not happen, and that is known.
    Refused(CallFailure),
    /// It does not happen, and nobody knows.
    Silence,
}

type Script = Box<dyn Fn(&Request) -> Reply + Send + Sync>;

#[derive(Debug, Default)]
struct Inner {
    requests: Vec<Request>,
    /// How many calls each batch held.
    batches: Vec<usize>,
    earlier: BTreeMap<Digest, usize>,
    /// Operation and key to request and answer: what happened, once for each key.
    effects: BTreeMap<(String, String), (Value, Value)>,
}

/// Connectors that answer by script.
pub struct ScriptedConnectors {
    script: Script,
    inner: Mutex<Inner>,
}

impl std::fmt::Debug for ScriptedConnectors {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ScriptedConnectors").finish_non_exhaustive()
    }
}

impl ScriptedConnectors {
    /// Connectors that answer by a function.
    #[must_use]
    pub fn new(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self { script: Box::new(script), inner: Mutex::default() }
    }

    /// Every request so far, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.lock().requests.clone()
    }

    /// How many calls each batch held, in order of arrival.
    #[must_use]
    pub fn batches(&self) -> Vec<usize> {
        self.lock().batches.clone()
    }

    /// What happened: operation, key and request of each effect, in order of key.
    #[must_use]
    pub fn effects(&self) -> Vec<(String, String, Value)> {
        let effects = &self.lock().effects;
        effects.iter().map(|((operation, key), (request, _))| (operation.clone(), key.clone(), request.clone())).collect()
    }

    /// The answer that an effect got, by key.
    #[must_use]
    pub fn answer_of(&self, key: &str) -> Option<Value> {
        self.lock().effects.iter().find(|((_, other), _)| other == key).map(|(_, (_, answer))| answer.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, call: &Call) -> CallOutcome {
        let operation = call.operation.name.clone();
        let account = call.account.as_ref().map(|account| account.name.clone());
        let mut request = Request { operation, key: call.key.clone(), request: call.request.clone(), account, earlier: 0 };
        {
            let mut inner = self.lock();
            let same = digest_of(&(&request.operation, &request.key, &request.request));
            let earlier = inner.earlier.entry(same).or_default();
            request.earlier = *earlier;
            *earlier += 1;
            inner.requests.push(request.clone());
        }
        let reply = (self.script)(&request);
        let lost = || CallOutcome::Unknown("no answer came".to_owned());
        let (answer, told) = match reply {
            Reply::Refused(failure) => return CallOutcome::Failed(failure),
            Reply::Silence => return lost(),
            Reply::Done(answer) => (answer, true),
            Reply::Lost(answer) => (answer, false),
        };
        if call.key.is_empty() {
            return if told { CallOutcome::Answered(answer) } else { lost() };
        }
        let mut inner = self.lock();
        let (_, answer) = inner.effects.entry((request.operation, request.key)).or_insert((request.request, answer));
        if told { CallOutcome::Answered(answer.clone()) } else { lost() }
    }
}

impl Connectors for ScriptedConnectors {
    fn call(&self, call: Call) -> BoxFuture<'_, CallOutcome> {
        Box::pin(async move {
            // Gives way once, so that an answer never comes within the call itself.
            tokio::task::yield_now().await;
            self.answer(&call)
        })
    }

    fn call_together(&self, calls: Vec<Call>) -> BoxFuture<'_, Vec<CallOutcome>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.lock().batches.push(calls.len());
            calls.iter().map(|call| self.answer(call)).collect()
        })
    }
}
