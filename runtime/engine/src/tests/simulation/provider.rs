//! Providers that lose, refuse, delay and forget within what their contracts allow, and keep a ledger of what happened.

use super::super::random::Random;
use super::super::world::{HOUR, SECOND, failure, money};
use super::clock::SimulatedClock;
use super::disk::Process;
use super::judge::Judge;
use super::quiet::Activity;
use crate::ports::{BoxFuture, Call, CallFailure, CallOutcome, Clock, Connectors};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tradewind_lang::value::Value;

/// How long a provider keeps a key, as its connector declares it.
const WINDOW: i64 = 24 * HOUR;
/// How long the connector waits for an answer.
const TIMEOUT: i64 = 10 * SECOND;
/// How long what happened may be missing in a lookup: less than the engine waits after a broken connection.
const LAG: i64 = 3 * SECOND / 2;

/// What happened outside.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub(super) operation: String,
    pub(super) key: String,
    pub(super) request: Value,
    pub(super) answer: Value,
    at: i64,
}

/// What the provider keeps under a key: the request, and its answer; none for a stored failure.
struct Stored {
    request: Value,
    answer: Option<Value>,
    at: i64,
}

struct Inner {
    random: Random,
    calm: bool,
    ledger: Vec<Done>,
    stored: BTreeMap<(String, String), Stored>,
    /// While it lasts, everything is answered with 503 or 429.
    storm_until: i64,
}

pub(super) struct Provider {
    inner: Mutex<Inner>,
    clock: Arc<SimulatedClock>,
    judge: Arc<Mutex<Judge>>,
    activity: Arc<Activity>,
}

/// What becomes of a request on its way.
enum Weather {
    Fine,
    LostRequest,
    LostAnswer,
    Slow(i64),
    /// It happens so long after it was sent; the caller has given up by then.
    Late(i64),
    Stored500,
    Refused(CallFailure),
}

impl Provider {
    pub(super) fn new(seed: u64, clock: Arc<SimulatedClock>, judge: Arc<Mutex<Judge>>, activity: Arc<Activity>) -> Self {
        let inner = Inner { random: Random(seed ^ 0x5151), calm: false, ledger: Vec::new(), stored: BTreeMap::new(), storm_until: 0 };
        Self { inner: Mutex::new(inner), clock, judge, activity }
    }

    pub(super) fn calm(&self) {
        self.inner.lock().unwrap().calm = true;
    }

    /// It refuses most of what comes until then.
    pub(super) fn storm(&self, until: i64) {
        self.inner.lock().unwrap().storm_until = until;
    }

    pub(super) fn ledger(&self) -> Vec<Done> {
        self.inner.lock().unwrap().ledger.clone()
    }

    /// Whether something happened under a key, and what it answered.
    pub(super) fn happened(&self, key: &str) -> Option<Value> {
        self.inner.lock().unwrap().ledger.iter().find(|done| done.key == key).map(|done| done.answer.clone())
    }

    fn weather(&self, call: &Call) -> Weather {
        let mut inner = self.inner.lock().unwrap();
        if inner.calm {
            return Weather::Fine;
        }
        let (now, is_write) = (self.clock.now(), !call.key.is_empty());
        if inner.storm_until < now && inner.random.below(60) == 0 {
            inner.storm_until = now + SECOND * (1 + inner.random.below(600) as i64);
        }
        let bound = if now < inner.storm_until { 4 } else { 40 };
        let draw = inner.random.below(bound);
        let mut span = |least: u64, most: u64| least as i64 * SECOND + (inner.random.below((most - least) * 1000) as i64) * 1000;
        match draw {
            0 => Weather::Refused(failure("http-503", true)),
            1 => Weather::Refused(CallFailure { retry_after: Some(span(1, 20)), ..failure("http-429", true) }),
            2 => Weather::Refused(failure("connect", true)),
            3 => Weather::LostRequest,
            4 | 5 => Weather::LostAnswer,
            6 => Weather::Slow(span(0, 9)),
            7 if is_write => Weather::Late(span(1, 15)),
            8 if is_write => Weather::Stored500,
            9 => Weather::Refused(failure("refused", false)),
            _ => Weather::Fine,
        }
    }

    /// What a write does: once for each key that is kept.
    fn write(&self, call: &Call, stored_500: bool) -> CallOutcome {
        let mut inner = self.inner.lock().unwrap();
        let (now, name) = (self.clock.latest(), call.operation.name.clone());
        let place = (name.clone(), call.key.clone());
        let has_keys = call.operation.idempotent.is_some();
        inner.stored.retain(|_, stored| now < stored.at + WINDOW);
        if let Some(stored) = inner.stored.get(&place).filter(|_| has_keys) {
            if stored.request != call.request {
                self.judge.lock().unwrap().violated("I2", format!("`{name}` was sent twice under one key with different requests"));
            }
            return match &stored.answer {
                Some(answer) => CallOutcome::Answered(answer.clone()),
                None => CallOutcome::Unknown("500 under this key".to_owned()),
            };
        }
        if stored_500 && has_keys {
            inner.stored.insert(place, Stored { request: call.request.clone(), answer: None, at: now });
            return CallOutcome::Unknown("500".to_owned());
        }
        if inner.ledger.iter().any(|done| done.key == call.key && done.operation == name) {
            self.judge.lock().unwrap().violated("I2", format!("`{name}` happened twice under the key {}", call.key));
        }
        let answer = answer_of(call);
        let done = Done { operation: name, key: call.key.clone(), request: call.request.clone(), answer: answer.clone(), at: now };
        inner.ledger.push(done);
        inner.stored.insert(place, Stored { request: call.request.clone(), answer: Some(answer.clone()), at: now });
        CallOutcome::Answered(answer)
    }

    fn read(&self, call: &Call) -> CallOutcome {
        let field = |name: &str| call.request.get(name).cloned().unwrap_or(Value::Null);
        if call.operation.name == "shop.order.get" {
            let order = [("id", field("id")), ("customer_id", Value::string("c1")), ("paid", money("500 USD"))];
            return CallOutcome::Answered(Value::record(order));
        }
        if call.operation.name == "stock.level" {
            let is_odd = self.clock.latest() / SECOND % 4 == 0;
            return CallOutcome::Answered(Value::record([("id", field("id")), ("count", Value::Int(if is_odd { 200 } else { 7 }))]));
        }
        let inner = self.inner.lock().unwrap();
        let (key, now) = (field("key"), self.clock.latest());
        let lag = if inner.calm { 0 } else { LAG };
        let found = inner.ledger.iter().find(|done| Some(&*done.key) == key.as_str() && done.at + lag <= now);
        CallOutcome::Answered(Value::list(found.map(|done| done.answer.clone())))
    }

    fn perform(&self, call: &Call, stored_500: bool) -> CallOutcome {
        if call.key.is_empty() { self.read(call) } else { self.write(call, stored_500) }
    }
}

fn answer_of(call: &Call) -> Value {
    let field = |name: &str| call.request.get(name).cloned().unwrap_or(Value::Null);
    let id = Value::string(format!("p-{}", call.key));
    match call.operation.name.as_str() {
        "pay.refund" | "pay.credit" => Value::record([("id", id), ("order_id", field("order_id")), ("amount", field("amount"))]),
        "stock.hold" => Value::record([("id", id), ("order_id", field("order_id"))]),
        _ => Value::record([("id", id)]),
    }
}

/// The provider as one process reaches it.
pub(super) struct Line(pub(super) Arc<Provider>, pub(super) Arc<Process>);

impl Connectors for Line {
    fn call(&self, call: Call) -> BoxFuture<'_, CallOutcome> {
        Box::pin(async move {
            let outcome = self.travel(&call).await;
            // Whoever stands still hears it later.
            self.1.awake().await;
            outcome
        })
    }

    /// No operation of the simulation's flows has a `batch`; one that had would meet a weather of its own for each of its calls.
    fn call_together(&self, calls: Vec<Call>) -> BoxFuture<'_, Vec<CallOutcome>> {
        Box::pin(async move {
            let mut outcomes = Vec::with_capacity(calls.len());
            for call in calls {
                outcomes.push(self.call(call).await);
            }
            outcomes
        })
    }
}

impl Line {
    async fn travel(&self, call: &Call) -> CallOutcome {
        let Self(provider, process) = self;
        let lost = || CallOutcome::Unknown("no answer came".to_owned());
        provider.activity.note();
        if !process.sends() {
            return lost();
        }
        provider.judge.lock().unwrap().sent(call);
        let sent = provider.clock.now();
        let weather = provider.weather(call);
        tokio::task::yield_now().await;
        provider.activity.note();
        match weather {
            Weather::Fine => provider.perform(call, false),
            Weather::LostRequest => lost(),
            Weather::LostAnswer => {
                provider.perform(call, false);
                lost()
            }
            Weather::Stored500 => provider.perform(call, true),
            Weather::Refused(failure) => CallOutcome::Failed(failure),
            Weather::Slow(by) => {
                provider.clock.sleep_until(sent + by).await;
                if process.is_dead() {
                    return lost();
                }
                provider.perform(call, false)
            }
            Weather::Late(by) => {
                provider.clock.sleep_until(sent + by).await;
                // The connection of a process that ended is broken, and what it sent is given up.
                if !process.is_dead() && provider.clock.now() < sent + 2 * TIMEOUT {
                    provider.perform(call, false);
                }
                provider.clock.sleep_until(sent + TIMEOUT).await;
                lost()
            }
        }
    }
}
