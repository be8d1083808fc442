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
    /// In whose name it was done; none where nobody has an account.
    account: Option<String>,
    /// Its provider said that it did not happen.
    pub(super) denied: bool,
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
    /// Until then what is written happens, and the answer is lost.
    deaf_until: i64,
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
    /// It happens, and is answered with 429: a lie.
    Denied,
    /// It is answered with 503, and happened or did not.
    Fails503(bool),
    /// Of those that go together the first so many happen, then the connection breaks; the process may end with it.
    Half(usize, bool),
    /// Each of those that go together has a fate of its own.
    Each(Vec<Share>),
}

/// What becomes of one of those that go together.
#[derive(Clone, Copy)]
enum Share {
    Done,
    /// The provider says of this one why it did not happen.
    Refused,
    /// The same, and that it may be tried again.
    Busy,
    /// The answer says nothing of it; it happened, or did not.
    Unsaid(bool),
}

impl Inner {
    /// What becomes of so many that go together, where nothing becomes of all of them.
    fn among(&mut self, count: usize) -> Weather {
        match self.random.below(6) {
            0 => Weather::Half(self.random.below(count as u64 + 1) as usize, self.random.below(3) == 0),
            1..=3 => Weather::Each((0..count).map(|_| self.share()).collect()),
            _ => Weather::Fine,
        }
    }

    fn share(&mut self) -> Share {
        match self.random.below(12) {
            0 => Share::Refused,
            1 | 2 => Share::Busy,
            3 => Share::Unsaid(self.random.below(2) == 0),
            _ => Share::Done,
        }
    }
}

impl Provider {
    pub(super) fn new(seed: u64, clock: Arc<SimulatedClock>, judge: Arc<Mutex<Judge>>, activity: Arc<Activity>) -> Self {
        let inner = Inner {
            random: Random(seed ^ 0x5151),
            calm: false,
            ledger: Vec::new(),
            stored: BTreeMap::new(),
            storm_until: 0,
            deaf_until: 0,
        };
        Self { inner: Mutex::new(inner), clock, judge, activity }
    }

    pub(super) fn calm(&self) {
        self.inner.lock().unwrap().calm = true;
    }

    /// It refuses most of what comes until then.
    pub(super) fn storm(&self, until: i64) {
        self.inner.lock().unwrap().storm_until = until;
    }

    /// The answers to what is written are lost until then.
    pub(super) fn lose_answers(&self, until: i64) {
        self.inner.lock().unwrap().deaf_until = until;
    }

    pub(super) fn ledger(&self) -> Vec<Done> {
        self.inner.lock().unwrap().ledger.clone()
    }

    /// Whether something happened under a key, and what it answered.
    pub(super) fn happened(&self, key: &str) -> Option<Value> {
        self.inner.lock().unwrap().ledger.iter().find(|done| done.key == key).map(|done| done.answer.clone())
    }

    fn weather(&self, calls: &[Call]) -> Weather {
        let mut inner = self.inner.lock().unwrap();
        let Some(first) = calls.first().filter(|_| !inner.calm) else { return Weather::Fine };
        let (now, is_write, has_keys) = (self.clock.now(), !first.key.is_empty(), first.operation.idempotent.is_some());
        if is_write && now < inner.deaf_until {
            return Weather::LostAnswer;
        }
        if inner.storm_until < now && inner.random.below(60) == 0 {
            inner.storm_until = now + SECOND * (1 + inner.random.below(600) as i64);
        }
        let bound = if now < inner.storm_until { 5 } else { 46 };
        let draw = inner.random.below(bound);
        if draw >= 12 && calls.len() > 1 {
            return inner.among(calls.len());
        }
        let mut span = |least: u64, most: u64| least as i64 * SECOND + (inner.random.below((most - least) * 1000) as i64) * 1000;
        match draw {
            0 => Weather::Refused(failure("busy", true)),
            1 => Weather::Refused(CallFailure { retry_after: Some(span(1, 20)), ..failure("http-429", true) }),
            2 => Weather::Refused(failure("connect", true)),
            3 => Weather::Fails503(inner.random.below(2) == 0),
            4 => Weather::LostRequest,
            5 | 6 => Weather::LostAnswer,
            7 => Weather::Slow(span(0, 9)),
            8 if is_write => Weather::Late(span(1, 15)),
            9 if is_write => Weather::Stored500,
            10 => Weather::Refused(failure("refused", false)),
            // Where nothing makes a repetition harmless, nobody is safe from a provider that lies so.
            11 if is_write && has_keys => Weather::Denied,
            _ => Weather::Fine,
        }
    }

    /// What a write does: once for each key that is kept. `denied` where it will be said that it did nothing.
    fn write(&self, call: &Call, stored_500: bool, denied: bool) -> CallOutcome {
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
        // Who believed a provider that lied may be late with the key.
        if inner.ledger.iter().any(|done| done.key == call.key && done.operation == name && !done.denied) {
            self.judge.lock().unwrap().violated("I2", format!("`{name}` happened twice under the key {}", call.key));
        }
        let answer = answer_of(call);
        let (key, request, account) = (call.key.clone(), call.request.clone(), account_of(call));
        let done = Done { operation: name, key, request, answer: answer.clone(), account, denied, at: now };
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
        if call.operation.name == "depot.get" {
            return CallOutcome::Answered(Value::record([("sku", field("sku")), ("shelf", field("shelf"))]));
        }
        let inner = self.inner.lock().unwrap();
        let account = account_of(call);
        if call.operation.name == "branch.get" {
            let of =
                |done: &&Done| done.operation == "branch.set" && done.account == account && done.request.get("id") == Some(&field("id"));
            let title = inner.ledger.iter().rev().find(of).and_then(|done| done.request.get("title").cloned());
            let by = Value::string(account.unwrap_or_default());
            return CallOutcome::Answered(Value::record([
                ("id", field("id")),
                ("title", title.unwrap_or(Value::string("none"))),
                ("by", by),
            ]));
        }
        let tagged = |id: &Value| {
            let newest = inner.ledger.iter().rev().find(|done| done.operation.starts_with("tags.") && done.request.get("id") == Some(id));
            let label = newest.and_then(|done| done.request.get("label").cloned()).unwrap_or_else(|| Value::string("none"));
            Value::record([("id", id.clone()), ("label", label), ("by", Value::string("read"))])
        };
        match (call.operation.name.as_str(), field("ids")) {
            ("tags.get", _) => return CallOutcome::Answered(tagged(&field("id"))),
            ("tags.many", Value::List(ids)) => return CallOutcome::Answered(Value::list(ids.iter().map(tagged))),
            _ => {}
        }
        let (key, now) = (field("key"), self.clock.latest());
        let lag = if inner.calm { 0 } else { LAG };
        let found = inner.ledger.iter().find(|done| Some(&*done.key) == key.as_str() && done.account == account && done.at + lag <= now);
        CallOutcome::Answered(Value::list(found.map(|done| done.answer.clone())))
    }

    fn perform(&self, call: &Call, stored_500: bool) -> CallOutcome {
        if call.key.is_empty() { self.read(call) } else { self.write(call, stored_500, false) }
    }

    /// What one of those that go together comes to, as its connector tells it: a read of which nothing is said has merely failed.
    fn share(&self, call: &Call, share: Share) -> CallOutcome {
        match share {
            Share::Done => self.perform(call, false),
            Share::Refused => CallOutcome::Failed(failure("refused", false)),
            Share::Busy => CallOutcome::Failed(failure("busy", true)),
            Share::Unsaid(happens) => {
                if happens {
                    self.perform(call, false);
                }
                unclear(call, "the answer says nothing of this call")
            }
        }
    }

    /// Calls that are sent as one request are such as their operation takes together.
    fn belong_together(&self, calls: &[Call]) {
        let Some(first) = calls.first() else { return };
        let batch = first.operation.terms.batch.as_ref();
        let group = |call: &Call| if first.operation.name == "tags.set" { call.request.get("label").cloned() } else { None };
        let is_one = calls.iter().all(|call| call.operation.name == first.operation.name && group(call) == group(first));
        if calls.len() > batch.map_or(1, |batch| batch.max as usize) || !is_one {
            let names: Vec<&str> = calls.iter().map(|call| call.operation.name.as_str()).collect();
            self.judge.lock().unwrap().violated("batch", format!("{names:?} go together, and may not"));
        }
    }
}

/// A write that may have happened, or a read that has failed.
fn unclear(call: &Call, why: &str) -> CallOutcome {
    match call.key.is_empty() {
        true => CallOutcome::Failed(failure(why, true)),
        false => CallOutcome::Unknown(why.to_owned()),
    }
}

fn account_of(call: &Call) -> Option<String> {
    call.account.as_ref().map(|whose| whose.name.clone())
}

fn answer_of(call: &Call) -> Value {
    let field = |name: &str| call.request.get(name).cloned().unwrap_or(Value::Null);
    let id = Value::string(format!("p-{}", call.key));
    match call.operation.name.as_str() {
        "pay.refund" | "pay.credit" => Value::record([("id", id), ("order_id", field("order_id")), ("amount", field("amount"))]),
        "branch.set" | "branch.open" => {
            let by = Value::string(account_of(call).unwrap_or_default());
            let title = call.request.get("title").cloned().unwrap_or(Value::string("none"));
            Value::record([("id", field("id")), ("title", title), ("by", by)])
        }
        "stock.hold" => Value::record([("id", id), ("order_id", field("order_id"))]),
        "tags.set" | "tags.put" | "tags.mark" => Value::record([("id", field("id")), ("label", field("label")), ("by", id)]),
        _ => Value::record([("id", id)]),
    }
}

/// The provider as one process reaches it.
pub(super) struct Line(pub(super) Arc<Provider>, pub(super) Arc<Process>);

impl Connectors for Line {
    fn call(&self, call: Call) -> BoxFuture<'_, CallOutcome> {
        Box::pin(async move { self.request(vec![call]).await.pop().unwrap() })
    }

    fn call_together(&self, calls: Vec<Call>) -> BoxFuture<'_, Vec<CallOutcome>> {
        Box::pin(self.request(calls))
    }
}

impl Line {
    async fn request(&self, calls: Vec<Call>) -> Vec<CallOutcome> {
        let outcomes = self.travel(&calls).await;
        // Whoever stands still hears it later.
        self.1.awake().await;
        outcomes
    }

    /// One request, with as many calls in it as go together.
    async fn travel(&self, calls: &[Call]) -> Vec<CallOutcome> {
        let Self(provider, process) = self;
        let lost = || vec![CallOutcome::Unknown("no answer came".to_owned()); calls.len()];
        let perform = |stored_500| calls.iter().map(|call| provider.perform(call, stored_500)).collect::<Vec<_>>();
        provider.activity.note();
        provider.belong_together(calls);
        if !process.sends() {
            return lost();
        }
        let has_log = process.has_the_log();
        calls.iter().for_each(|call| provider.judge.lock().unwrap().sent(call, has_log));
        let sent = provider.clock.now();
        let weather = provider.weather(calls);
        tokio::task::yield_now().await;
        provider.activity.note();
        match weather {
            Weather::Fine => perform(false),
            Weather::LostRequest => lost(),
            Weather::LostAnswer => {
                perform(false);
                lost()
            }
            Weather::Stored500 => perform(true),
            Weather::Refused(failure) => vec![CallOutcome::Failed(failure); calls.len()],
            Weather::Denied => {
                calls.iter().for_each(|call| drop(provider.write(call, false, true)));
                vec![CallOutcome::Failed(failure("http-429", true)); calls.len()]
            }
            Weather::Fails503(happens) => {
                if happens {
                    perform(false);
                }
                calls.iter().map(|call| unclear(call, "http-503")).collect()
            }
            Weather::Half(count, dies) => {
                calls.iter().take(count).for_each(|call| drop(provider.perform(call, false)));
                if dies {
                    process.die();
                }
                lost()
            }
            Weather::Each(shares) => calls.iter().zip(shares).map(|(call, share)| provider.share(call, share)).collect(),
            Weather::Slow(by) => {
                provider.clock.sleep_until(sent + by).await;
                if process.is_dead() {
                    return lost();
                }
                perform(false)
            }
            Weather::Late(by) => {
                provider.clock.sleep_until(sent + by).await;
                // The connection of a process that ended is broken, and what it sent is given up.
                if !process.is_dead() && provider.clock.now() < sent + 2 * TIMEOUT {
                    perform(false);
                }
                provider.clock.sleep_until(sent + TIMEOUT).await;
                lost()
            }
        }
    }
}
