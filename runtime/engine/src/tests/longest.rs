//! The bounds that `graph` prints are true of what the engine does: however slow and faulty the providers are, a run is over by then.
//! Providers here take their time on a clock that leaps from one thing that is waited for to the next.

use super::random::Random;
use super::world::*;
use crate::approval::{ApprovalKind, Verdict};
use crate::engine::{Config, Engine};
use crate::ports::{BoxFuture, Call, CallOutcome, Classification, Clock, Connectors, UNREACHABLE};
use crate::summary::{RunDetails, RunStatus};
use crate::twin::{MemoryLog, Reply, ScriptedConnectors, ScriptedModels};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;
use tradewind_lang::bound::Bound;
use tradewind_lang::plan::Plan;
use tradewind_lang::value::Value;

/// A clock that knows who sleeps until when.
struct Leaping {
    now: watch::Sender<i64>,
    asleep: Mutex<BTreeMap<i64, usize>>,
}

impl Leaping {
    fn new() -> Self {
        Self { now: watch::Sender::new(START), asleep: Mutex::default() }
    }

    /// Goes on to the next instant that somebody waits for.
    fn leap(&self) {
        let next = self.asleep.lock().unwrap().range(self.now() + 1..).next().map(|(at, _)| *at);
        self.now.send_replace(next.expect("nothing goes on, and nobody waits for a clock"));
    }
}

impl Clock for Leaping {
    fn now(&self) -> i64 {
        *self.now.borrow()
    }

    fn sleep_until(&self, at: i64) -> BoxFuture<'_, ()> {
        *self.asleep.lock().unwrap().entry(at).or_default() += 1;
        let mut seen = self.now.subscribe();
        Box::pin(async move {
            let _ = seen.wait_for(|now| *now >= at).await;
        })
    }
}

/// Connectors whose calls take time: what is never answered all that the connector allows, anything else as long as is said.
struct Slow {
    inner: Arc<ScriptedConnectors>,
    clock: Arc<Leaping>,
    takes: Box<dyn Fn(&Call) -> f64 + Send + Sync>,
}

impl Connectors for Slow {
    fn call(&self, call: Call) -> BoxFuture<'_, CallOutcome> {
        Box::pin(async move {
            let total = call.connector.total_timeout;
            let takes = (total as f64 * (self.takes)(&call)) as i64;
            let begun = self.clock.now();
            let outcome = self.inner.call(call).await;
            let takes = if matches!(outcome, CallOutcome::Unknown(_)) { total } else { takes };
            self.clock.sleep_until(begun + takes).await;
            outcome
        })
    }

    /// As slow as the slowest of them.
    fn call_together(&self, calls: Vec<Call>) -> BoxFuture<'_, Vec<CallOutcome>> {
        Box::pin(async move {
            let (slowest, begun) = (calls.iter().map(|call| (self.takes)(call)).fold(0.0, f64::max), self.clock.now());
            let total = calls.first().map_or(0, |call| call.connector.total_timeout);
            let outcomes = self.inner.call_together(calls).await;
            let lost = outcomes.iter().any(|outcome| matches!(outcome, CallOutcome::Unknown(_)));
            let takes = if lost { total } else { (total as f64 * slowest) as i64 };
            self.clock.sleep_until(begun + takes).await;
            outcomes
        })
    }
}

struct Scene {
    engine: Engine,
    clock: Arc<Leaping>,
    plan: Arc<Plan>,
}

impl Scene {
    async fn open(plan: Arc<Plan>, inner: Arc<ScriptedConnectors>, takes: impl Fn(&Call) -> f64 + Send + Sync + 'static) -> Self {
        let clock = Arc::new(Leaping::new());
        let models = ScriptedModels::new(|_, _, text| {
            let (label, rest) = text.split_once(' ').ok_or("no label")?;
            let confidence = rest.split_once(':').and_then(|(number, _)| number.parse().ok()).ok_or("no confidence")?;
            Ok(Classification { label: label.to_owned(), confidence, artifact: "a1".to_owned() })
        });
        let slow = Arc::new(Slow { inner, clock: clock.clone(), takes: Box::new(takes) });
        let config = Config::new(plan.clone(), Arc::new(MemoryLog::new()), slow, Arc::new(models), clock.clone());
        let config = Config { in_flight: 8, ..config };
        Self { engine: Engine::open(config).await.unwrap(), clock, plan }
    }

    fn bound(&self, flow: &str) -> Bound {
        self.plan.bound(&self.plan.flows[flow])
    }

    /// Lets everything go on that can without the clock: all tasks share this thread, and nothing else wakes them.
    async fn still(&self) {
        for _ in 0..300 {
            tokio::task::yield_now().await;
        }
    }

    /// Runs to the end. Doubts are settled at once; other questions as `answers` says, or by their time-out.
    async fn run(&self, flow: &str, input: Value, mut answers: impl FnMut() -> bool) -> RunDetails {
        let started = self.engine.submit(flow, input, "test").await.unwrap();
        for _ in 0..4000 {
            self.still().await;
            let id = self.engine.runs(crate::summary::RunFilter::default()).await.unwrap().first().map(|run| run.id.clone());
            if let Some(run) = match &id {
                Some(id) => self.engine.run(id).await.unwrap(),
                None => None,
            } && matches!(run.summary.status, RunStatus::Completed | RunStatus::Failed)
            {
                drop(started);
                return run;
            }
            let asked = self.engine.approvals().await.unwrap().into_iter().next().map(|item| item.approval);
            match asked {
                Some(item) if item.kind == ApprovalKind::Settle => {
                    self.engine.answer(&item.id, "ann@example.com", Verdict::Deny { reason: String::new() }).await.unwrap();
                }
                Some(item) if answers() => {
                    let verdict = match item.kind {
                        ApprovalKind::Ask => Verdict::Answer(Value::record([("kind", Value::string("complaint"))])),
                        _ => Verdict::Approve { edits: Value::Null },
                    };
                    for by in ["ann@example.com", "fin@example.com"] {
                        let _ = self.engine.answer(&item.id, by, verdict.clone()).await;
                    }
                }
                _ => self.clock.leap(),
            }
        }
        panic!("the run does not end: {:?}", self.engine.runs(crate::summary::RunFilter::default()).await.unwrap());
    }

    /// How long a run took.
    async fn took(&self) -> i64 {
        let events = self.engine.events(1, usize::MAX, None).await.unwrap();
        events.last().unwrap().header.at - events.first().unwrap().header.at
    }
}

fn triage(deadline: &str) -> Arc<Plan> {
    plan(&[PROJECT, &TRIAGE.replace("deadline \"1h\"", &format!("deadline \"{deadline}\""))])
}

#[tokio::test]
async fn the_worst_that_providers_can_do_takes_nearly_as_long_as_is_said_and_no_longer() {
    // Four attempts at everything, each as slow as it may be: failures of reads, silence for writes, lookups that fail three times
    // and then find nothing.
    let bend = |request: &crate::twin::Request| match request.operation.as_str() {
        "shop.order.get" if request.earlier < 3 => Some(Reply::Refused(failure("busy", true))),
        "pay.refund" | "desk.reply" if request.earlier < 3 => Some(Reply::Silence),
        "pay.find" if request.earlier % 4 < 3 => Some(Reply::Refused(failure("busy", true))),
        "pay.find" => Some(Reply::Done(Value::list([]))),
        _ => None,
    };
    let scene = Scene::open(triage("1h"), connectors(Arc::new(bend)), |_| 1.0).await;
    let run = scene.run("triage", message("m1", "o1", "complaint 0.9: broken", "20 USD"), || true).await;
    assert_eq!(run.summary.status, RunStatus::Completed, "{run:#?}");
    let time = scene.bound("triage").time;
    // Calls take up to 10 s and are tried four times, with pauses of 0.1, 0.2 and 0.4 s: 40.7 s, and so does a lookup. A refund is
    // sent four times, each time followed by 10 s and a lookup: 4 * (10 + 10 + 40.7).
    let (read, refund) = (40_700_000, 4 * 60_700_000);
    assert_eq!(time.own.micros, read + refund + read);
    let took = scene.took().await;
    // The last attempts succeed, so that nothing is looked up behind the fourth.
    assert!(took <= time.own.micros && took > (time.own.micros - 60_700_000) * 9 / 10, "{took} of {}", time.own.micros);
}

/// What a provider does with a request, by chance.
fn chance(random: &mut Random, request: &crate::twin::Request) -> Option<Reply> {
    let field = |name: &str| request.request.get(name).cloned().unwrap_or(Value::Null);
    match random.below(8) {
        0 | 1 => Some(Reply::Silence),
        2 | 3 => Some(Reply::Refused(failure("busy", true))),
        4 if random.below(4) == 0 => Some(Reply::Refused(failure("no", false))),
        5 if request.operation == "pay.refund" => {
            let id = Value::string("r-lost");
            Some(Reply::Lost(Value::record([("id", id), ("order_id", field("order_id")), ("amount", field("amount"))])))
        }
        _ => None,
    }
}

async fn trial(seed: u64, deadline: &str) -> (Scene, i64, RunDetails, bool) {
    let dice = Arc::new(Mutex::new(Random(seed)));
    let inner = {
        let dice = dice.clone();
        connectors(Arc::new(move |request| chance(&mut dice.lock().unwrap(), request)))
    };
    let speed = dice.clone();
    let scene = Scene::open(triage(deadline), inner, move |_| speed.lock().unwrap().below(11) as f64 / 10.0).await;
    let (text, amount) = {
        let mut dice = dice.lock().unwrap();
        (
            ["complaint 0.9: broken", "praise 0.3: lovely"][usize::from(dice.below(2) == 0)],
            ["20 USD", "250 USD"][usize::from(dice.below(2) == 0)],
        )
    };
    let people = std::cell::Cell::new(false);
    let answers = || {
        people.set(true);
        dice.lock().unwrap().below(2) == 0
    };
    let run = scene.run("triage", message("m1", "o1", text, amount), answers).await;
    let took = scene.took().await;
    (scene, took, run, people.get())
}

#[tokio::test]
async fn whatever_providers_and_people_do_a_run_is_over_by_its_bound() {
    let (mut own, mut completed) = (0, 0);
    for seed in 0..120 {
        let (scene, took, run, people) = trial(seed, "1h").await;
        let time = scene.bound("triage").time;
        let most = if people { time.with_people.micros } else { time.own.micros };
        assert!(took <= most, "seed {seed}: {took} of {most}: {run:#?}");
        own += usize::from(!people);
        completed += usize::from(run.summary.status == RunStatus::Completed);
    }
    assert!(own > 20 && own < 100 && completed > 20, "{own} without people, {completed} completed");
}

#[tokio::test]
async fn a_deadline_ends_a_run_and_what_was_begun_is_finished() {
    let mut ended = 0;
    for seed in 0..120 {
        let (scene, took, run, people) = trial(seed, "40s").await;
        let time = scene.bound("triage").time;
        let most = time.within(Some(40 * SECOND));
        assert_eq!(most, 40 * SECOND + 4 * 60_700_000, "the refund is the longest effect");
        assert!(people || took <= most, "seed {seed}: {took} of {most}: {run:#?}");
        ended += usize::from(run.summary.failure.is_some_and(|failure| failure.message.contains("deadline")));
    }
    assert!(ended > 10, "{ended}");
}

const COUNTED: &str = r#"
type "said" { field "kind" kinds }
type "asked" { field "order_id" string }
flow "look" {
    summary "Ask, then look"
    input "asked"
    deadline "3h" COUNTS
    ask "person" to="leads" within="2h" on-timeout=skip { question "Which?"; answer "said" }
    observe "order" after="person" { call "shop.order.get" id="=input.order_id" }
    output { id "=order.id" }
}
policy "rest" { on "desk.reply" "desk.page" "pay.refund" "pay.credit"; limit "all" count=9 }
"#;

#[tokio::test]
async fn people_count_against_a_deadline_that_says_so() {
    for (counts, ends) in [("", 5 * HOUR), ("counts=people", 3 * HOUR)] {
        let plan = plan(&[PROJECT, &COUNTED.replace("COUNTS", counts)]);
        // Nobody answers for two hours; then the provider is out of reach, and is waited for until the deadline.
        let gone = connectors(Arc::new(|_| Some(Reply::Refused(failure(UNREACHABLE, true)))));
        let scene = Scene::open(plan, gone, |_| 0.0).await;
        let run = scene.run("look", Value::record([("order_id", Value::string("o1"))]), || false).await;
        assert_eq!(run.summary.status, RunStatus::Failed);
        assert_eq!(scene.took().await, ends, "`{counts}`");
    }
}
