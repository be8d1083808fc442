//! Manners on a clock that is moved by hand: how many at once, how many in a time, when to wait and when to leave a provider alone.

use super::provider::Provider;
use super::support::*;
use crate::manners::{Manners, Observe, Observed, ObservedTogether};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tradewind_engine::ports::{BoxFuture, Call, CallFailure, CallOutcome, Connectors};
use tradewind_engine::twin::ManualClock;
use tradewind_lang::plan::{ConnectorTerms, RateLimit};
use tradewind_lang::value::Value;

const SECOND: i64 = 1_000_000;

/// A provider that answers when it is let, and counts.
struct Slow {
    lets: Semaphore,
    under_way: AtomicUsize,
    most: AtomicUsize,
    order: Mutex<Vec<String>>,
    broken: AtomicBool,
    says: Mutex<Observed>,
}

impl Slow {
    fn new(lets: usize) -> Arc<Self> {
        let says = Mutex::new(CallOutcome::Answered(Value::Null).into());
        let (under_way, most, order) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::default());
        Arc::new(Self { lets: Semaphore::new(lets), under_way, most, order, broken: AtomicBool::new(false), says })
    }

    fn done(&self) -> usize {
        self.order.lock().unwrap().len()
    }
}

impl Observe for Slow {
    fn attempt_together(&self, calls: Vec<Call>) -> BoxFuture<'_, ObservedTogether> {
        Box::pin(async move {
            let keys = calls.iter().map(|call| call.key.as_str()).collect::<Vec<_>>().join("+");
            let whole = self.attempt(Call { key: keys, ..calls[0].clone() }).await;
            ObservedTogether { outcomes: vec![whole.outcome.clone(); calls.len()], whole }
        })
    }

    fn attempt(&self, call: Call) -> BoxFuture<'_, Observed> {
        Box::pin(async move {
            let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            self.lets.acquire().await.unwrap().forget();
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            self.order.lock().unwrap().push(call.key);
            match self.broken.load(Ordering::SeqCst) {
                true => CallOutcome::Unknown("no answer came".to_owned()).into(),
                false => self.says.lock().unwrap().clone(),
            }
        })
    }
}

struct Lane {
    manners: Arc<Manners>,
    clock: Arc<ManualClock>,
    terms: ConnectorTerms,
}

impl Lane {
    fn new(inner: Arc<dyn Observe>, terms: ConnectorTerms) -> Self {
        let clock = Arc::new(ManualClock::at(1000 * SECOND));
        Self { manners: Arc::new(Manners::new(inner, clock.clone())), clock, terms }
    }

    /// As the engine does it: first leave, then the call.
    fn send(&self, key: &str, cost: Option<u32>) -> JoinHandle<CallOutcome> {
        let mut connector = connector("shop", "http://127.0.0.1:1");
        connector.terms = self.terms.clone();
        let mut operation = operation("GET", "/probe");
        operation.terms.cost = cost;
        let (manners, call) = (self.manners.clone(), call(connector, operation, Value::record([]), key));
        tokio::spawn(async move {
            match manners.ready(&call).await {
                Ok(permit) => {
                    let outcome = manners.call(call).await;
                    drop(permit);
                    outcome
                }
                Err(failure) => CallOutcome::Failed(failure),
            }
        })
    }
}

impl Lane {
    /// As the engine sends a batch: on the leave of its first call.
    fn send_together(&self, keys: &[String]) -> JoinHandle<Vec<CallOutcome>> {
        let mut connector = connector("shop", "http://127.0.0.1:1");
        connector.terms = self.terms.clone();
        let one = |key: &String| call(connector.clone(), operation("POST", "/probe"), Value::record([]), key);
        let (manners, calls) = (self.manners.clone(), keys.iter().map(one).collect::<Vec<_>>());
        tokio::spawn(async move {
            match manners.ready(&calls[0]).await {
                Ok(_permit) => manners.call_together(calls).await,
                Err(failure) => vec![CallOutcome::Failed(failure); calls.len()],
            }
        })
    }
}

/// Lets everything that can go on do so.
async fn rest() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

fn limited(capacity: u32, refill: u32) -> ConnectorTerms {
    let rate_limit = RateLimit { capacity, refill, per: SECOND, used: None, left: None };
    ConnectorTerms { rate_limit: Some(rate_limit), ..ConnectorTerms::default() }
}

#[tokio::test]
async fn no_more_are_under_way_than_agreed_and_they_go_in_the_order_in_which_they_came() {
    let slow = Slow::new(0);
    let lane = Lane::new(slow.clone(), ConnectorTerms { in_flight: Some(2), ..ConnectorTerms::default() });
    let mut calls = Vec::new();
    for place in 0..6 {
        calls.push(lane.send(&place.to_string(), None));
        rest().await;
    }
    // One that is not waited for any more frees its place in the queue.
    calls.remove(4).abort();
    for _ in 0..6 {
        slow.lets.add_permits(1);
        rest().await;
    }
    for call in calls {
        assert_eq!(call.await.unwrap(), CallOutcome::Answered(Value::Null));
    }
    assert_eq!(slow.most.load(Ordering::SeqCst), 2);
    assert_eq!(*slow.order.lock().unwrap(), ["0", "1", "2", "3", "5"]);
}

#[tokio::test]
async fn a_bucket_lets_go_what_it_holds_and_then_what_comes_back_by_cost() {
    let slow = Slow::new(1000);
    let lane = Lane::new(slow.clone(), limited(10, 2));
    let calls: Vec<_> = (0..13).map(|place| lane.send(&place.to_string(), None)).collect();
    rest().await;
    assert_eq!(slow.done(), 10);
    lane.clock.advance(SECOND / 2);
    rest().await;
    assert_eq!(slow.done(), 11);
    lane.clock.advance(SECOND);
    rest().await;
    assert_eq!(slow.done(), 13);
    for call in calls {
        call.await.unwrap();
    }
    // A dear one waits for enough, and a cheap one does not overtake it for ever.
    let (dear, cheap) = (lane.send("dear", Some(8)), lane.send("cheap", None));
    rest().await;
    lane.clock.advance(3 * SECOND);
    rest().await;
    assert_eq!(slow.done(), 13);
    lane.clock.advance(3 * SECOND / 2);
    rest().await;
    assert_eq!(slow.order.lock().unwrap().last().unwrap(), "cheap");
    dear.await.unwrap();
    cheap.await.unwrap();
    // One that costs more than the bucket ever holds waits for a full one, and goes.
    let huge = lane.send("huge", Some(40));
    rest().await;
    lane.clock.advance(10 * SECOND);
    assert_eq!(huge.await.unwrap(), CallOutcome::Answered(Value::Null));
}

/// However many calls are in it, a batch is one request: for the bucket, for `in-flight` and for the breaker.
#[tokio::test]
async fn a_batch_is_one_request() {
    let slow = Slow::new(1000);
    let lane = Lane::new(slow.clone(), ConnectorTerms { in_flight: Some(1), ..limited(2, 1) });
    for batch in 0..2 {
        let outcomes = lane.send_together(&(0..50).map(|place| format!("{batch}-{place}")).collect::<Vec<_>>()).await.unwrap();
        assert_eq!(outcomes, vec![CallOutcome::Answered(Value::Null); 50]);
    }
    let third = lane.send_together(&["c".to_owned()]);
    rest().await;
    assert_eq!(slow.done(), 2, "the bucket held two requests");
    lane.clock.advance(SECOND);
    third.await.unwrap();
    slow.broken.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        lane.clock.advance(SECOND);
        let outcomes = lane.send_together(&["d".to_owned(), "e".to_owned()]).await.unwrap();
        assert!(outcomes.iter().all(|outcome| matches!(outcome, CallOutcome::Unknown(_))), "{outcomes:?}");
    }
    lane.clock.advance(SECOND / 2);
    let kept = lane.send_together(&["f".to_owned(), "g".to_owned()]).await.unwrap();
    assert!(kept.iter().all(|outcome| failure(outcome.clone()).is_unreachable()), "{kept:?}");
    assert_eq!(slow.done(), 8, "five requests failed, and the provider is left alone");
}

#[tokio::test]
async fn what_a_provider_says_of_its_bucket_is_believed() {
    let slow = Slow::new(1000);
    let lane = Lane::new(slow.clone(), limited(100, 10));
    *slow.says.lock().unwrap() = Observed { outcome: CallOutcome::Answered(Value::Null), used: None, left: Some(0.0) };
    lane.send("a", None).await.unwrap();
    let waits = lane.send("b", Some(10));
    rest().await;
    assert_eq!(slow.done(), 1, "others took the rest");
    *slow.says.lock().unwrap() = Observed { outcome: CallOutcome::Answered(Value::Null), used: Some(2.0), left: None };
    lane.clock.advance(SECOND);
    waits.await.unwrap();
    // It took 2 and not 10: 8 are there at once.
    let next = lane.send("c", Some(8));
    rest().await;
    assert_eq!(slow.done(), 3);
    next.await.unwrap();
}

#[tokio::test]
async fn what_one_call_is_told_to_wait_the_whole_account_waits() {
    let slow = Slow::new(1000);
    let lane = Lane::new(slow.clone(), ConnectorTerms::default());
    let busy = CallFailure { code: "http-429".to_owned(), message: "busy".to_owned(), retry: true, retry_after: Some(7 * SECOND) };
    *slow.says.lock().unwrap() = CallOutcome::Failed(busy).into();
    lane.send("a", None).await.unwrap();
    *slow.says.lock().unwrap() = CallOutcome::Answered(Value::Null).into();
    let other = lane.send("b", None);
    lane.clock.advance(6 * SECOND);
    rest().await;
    assert_eq!(slow.done(), 1);
    lane.clock.advance(SECOND);
    assert_eq!(other.await.unwrap(), CallOutcome::Answered(Value::Null));
}

#[tokio::test]
async fn a_provider_that_fails_again_and_again_is_left_alone_and_tried_with_one_call() {
    let slow = Slow::new(1000);
    let lane = Lane::new(slow.clone(), ConnectorTerms::default());
    slow.broken.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        lane.send("a", None).await.unwrap();
    }
    let kept = failure(lane.send("b", None).await.unwrap());
    assert!(kept.is_unreachable() && kept.message.contains("left alone"), "{kept:?}");
    assert_eq!(slow.done(), 5, "nothing was sent");
    // Half-open: one probe, and everybody else is kept back until it is answered.
    lane.clock.advance(SECOND);
    slow.lets.forget_permits(1000);
    let probe = lane.send("probe", None);
    rest().await;
    assert!(failure(lane.send("c", None).await.unwrap()).is_unreachable());
    slow.lets.add_permits(1000);
    assert!(matches!(probe.await.unwrap(), CallOutcome::Unknown(_)));
    // It failed: the next pause is twice as long.
    lane.clock.advance(SECOND);
    assert!(failure(lane.send("d", None).await.unwrap()).is_unreachable());
    slow.broken.store(false, Ordering::SeqCst);
    lane.clock.advance(SECOND);
    assert_eq!(lane.send("probe", None).await.unwrap(), CallOutcome::Answered(Value::Null));
    assert_eq!(lane.send("e", None).await.unwrap(), CallOutcome::Answered(Value::Null));
    assert_eq!(slow.done(), 8);
}

#[tokio::test]
async fn a_probe_that_is_given_up_lets_the_next_one_try() {
    let slow = Slow::new(5);
    let lane = Lane::new(slow.clone(), ConnectorTerms::default());
    slow.broken.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        lane.send("a", None).await.unwrap();
    }
    lane.clock.advance(SECOND);
    let lost = lane.send("lost", None);
    rest().await;
    lost.abort();
    rest().await;
    slow.broken.store(false, Ordering::SeqCst);
    slow.lets.add_permits(1);
    assert_eq!(lane.send("next", None).await.unwrap(), CallOutcome::Answered(Value::Null));
}

/// Over HTTP: the expressions of `used` and `left` read status, headers and body.
#[tokio::test]
async fn used_and_left_are_read_from_an_answer_over_http() {
    let provider = Provider::answering("200 OK", "X-Left: 3\r\nContent-Type: application/json\r\n", "{\"cost\": 7}").await;
    let text = format!(
        r#"
connector "stock" version="1" {{
    base-url "{}"
    rate-limit capacity=100 refill=1 per="1s" {{ used "=int(body.cost)"; left "=int(headers['x-left'])" }}
    operation "get" effect=read {{ http GET "/probe" }}
}}"#,
        provider.url
    );
    let plan = compiled(&[], &format!("project \"example\" {{ currency \"USD\" }}\n{text}"));
    let call = call_of(&plan, "stock.get", &serde_json::json!({}), "");
    let observed = http().attempt(call).await;
    assert_eq!((observed.used, observed.left), (Some(7.0), Some(3.0)));
}
