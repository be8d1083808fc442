//! A small shop on twins, for the tests beside it.

use crate::engine::{Config, Engine, Started};
use crate::event::{Event, EventKind};
use crate::ports::{CallFailure, Classification, LogStore, Made};
use crate::question::{Answer, Prompt, Silence};
use crate::summary::{RunFilter, RunStatus};
use crate::twin::{ManualClock, MemoryLog, Reply, Request, ScriptedConnectors, ScriptedModels, WordFinder};
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use tradewind_lang::compile::{Repository, compile};
use tradewind_lang::money::Money;
use tradewind_lang::plan::Plan;
use tradewind_lang::value::Value;

pub(super) const SECOND: i64 = 1_000_000;
pub(super) const HOUR: i64 = 3600 * SECOND;
pub(super) const START: i64 = 1_767_225_600 * SECOND;

pub(super) const PROJECT: &str = r#"
project "northfield" {
    currency "USD"
    time-zone "America/Chicago"
    setting "sure" double 0.65
    environment "dev" { store "memory://"; twins #true }
}
team "leads" { member "ann@example.com"; member "bob@example.com" }
team "finance" { member "fin@example.com"; member "bob@example.com" }
type "pay.refund" { field "id" string; field "order_id" string; field "amount" money }
type "desk.sent" { field "id" string }
type "shop.order" subject="customer_id" { field "id" string; field "customer_id" string; field "paid" money }
connector "shop" version="1" {
    base-url "http://127.0.0.1:1/shop"
    timeout connect="2s" total="10s"
    retry max=3 from="100ms" to="5s" { when "status == 503" }
    operation "order.get" effect=read {
        request { field "id" string }
        http GET "/orders/{id}"
        response "shop.order" at="=body.order"
    }
}
connector "pay" version="1" {
    base-url "http://127.0.0.1:1/pay"
    timeout connect="2s" total="10s"
    retry max=3 from="100ms" to="5s" { when "status == 503" }
    operation "refund" effect=irreversible {
        request { field "order_id" string; field "amount" money; field "reason" string }
        http POST "/refunds" { header "Idempotency-Key" "=effect.key"; body { order_id "=request.order_id"; amount "=request.amount" } }
        response "pay.refund" at="=body.refund"
        target "=request.order_id"
        money "=request.amount" as=out
        unique "=request.order_id"
        idempotent key="=effect.key" for="24h"
        lookup {
            call "pay.find" key="=effect.key"
            done when="size(found) > 0" result="=found[0]"
        }
    }
    operation "find" effect=read {
        request { field "key" string }
        http GET "/refunds" { query { key "=request.key" } }
        response list<pay.refund> at="=body.refunds"
    }
    operation "credit" effect=irreversible {
        request { field "order_id" string; field "amount" money; field "line" string }
        unique "=request.order_id" "=request.line"
        http POST "/credits" { header "Idempotency-Key" "=effect.key"; body { order_id "=request.order_id"; amount "=request.amount" } }
        response "pay.refund" at="=body.refund"
        money "=request.amount" as=out
        idempotent key="=effect.key" for="24h"
    }
}
connector "desk" version="1" {
    base-url "http://127.0.0.1:1/desk"
    timeout connect="2s" total="10s"
    retry max=3 from="100ms" to="5s" { when "status == 503" }
    operation "reply" effect=irreversible {
        request { field "message_id" string; field "words" string untrusted }
        http POST "/replies" { header "Idempotency-Key" "=effect.key"; body { words "=request.words" } }
        response "desk.sent" at="=body.reply"
        idempotent key="=effect.key" for="24h"
    }
    operation "page" effect=irreversible {
        request { field "text" string }
        http POST "/pages" { body { text "=request.text" } }
        response "desk.sent" at="=body.page"
    }
}
model "kind" provider=linear rows="rows.jsonl" label="kind" { price "0.01 USD"; can classify }
enum "kinds" complaint praise
route "kind" needs=classify { candidate "kind"; value "praise" confidence=0.0 }
"#;

pub(super) const TRIAGE: &str = r#"
type "message" subject="customer_id" {
    field "id" string
    field "order_id" string
    field "customer_id" string
    field "text" string pii untrusted
    field "amount" money
}
type "note" subject="customer_id" { field "customer_id" string; field "handled" string untrusted }
type "said" { field "kind" kinds }
type "words" { field "text" string }
memory "notes" tier=long-term record="note" subject="customer_id" retention="30d" cap=3
route "words" needs=text { template "{% if steps.refund.ran %}Refunded.{% else %}Noted.{% endif %}" }
flow "triage" {
    summary "Refund, or ask"
    input "message"
    key "=input.id"
    deadline "1h"
    cost-cap "1 USD"
    observe "order" { call "shop.order.get" id="=input.order_id" }
    observe "history" { recall "notes" subject="=input.customer_id" last=2 }
    decide "kind" { classify "kinds" route="kind" text="=input.text" }
    reflect "sure" else=continue { require "kind.confidence >= settings.sure" code="unsure" }
    choose "verdict" {
        when "sure.passed" { output { kind "=kind.label"; by "model" } }
        otherwise {
            ask "person" to="leads" within="4h" on-timeout=stop {
                question "What is it about order {{ order.id }}?"
                show "=input.text"
                answer "said"
            }
            output { kind "=person.kind"; by "person" }
        }
    }
    act "refund" when="verdict.kind == 'complaint'" on-denied="skip" {
        call "pay.refund" order_id="=order.id" amount="=input.amount" reason="complaint"
        evidence paid="=order.paid"
    }
    decide "answer" { draft "words" route="words" }
    act "reply" { call "desk.reply" message_id="=input.id" words="=answer.text" }
    remember "note" in="notes" subject="=input.customer_id" {
        customer_id "=input.customer_id"
        handled "=verdict.kind"
    }
    output { kind "=verdict.kind"; by "=verdict.by"; refunded "=steps.refund.ran"; known "=size(history)" }
}
policy "replies" owner="leads" {
    on "desk.reply"
    limit "flood" count=20000 per="24h"
}
policy "refunds" owner="leads" {
    on "pay.refund"
    needs "paid" money
    deny "too-much" when="effect.amount > evidence.paid" message="{{ effect.amount }} is more than {{ evidence.paid }}"
    limit "daily" sum="=effect.amount" max="1000 USD" per="24h" else=escalate to="finance" within="8h" on-timeout=deny
    escalate "large" when="effect.amount > '200 USD'" to="leads" within="6h" on-timeout=deny
}
"#;

/// Compiles a configuration; every mistake is shown.
pub(super) fn plan(parts: &[&str]) -> Arc<Plan> {
    let files: Vec<(String, String)> =
        parts.iter().enumerate().map(|(place, text)| (format!("part{place}.kdl"), (*text).to_owned())).collect();
    let read = |_: &str| Some("{\"text\":\"x\",\"kind\":\"praise\"}\n".to_owned());
    let compiled = compile(&Repository { configuration: &files, library: &[], read: &read, environment: None });
    let mistakes: Vec<String> =
        compiled.diagnostics.iter().map(|diagnostic| format!("{} {}", diagnostic.code.id, diagnostic.message)).collect();
    Arc::new(compiled.plan.unwrap_or_else(|| panic!("{mistakes:#?}")))
}

pub(super) fn money(text: &str) -> Value {
    Value::Money(Money::parse(text).unwrap())
}

/// A message: a text that begins with a kind and a confidence says what the model will say of it.
pub(super) fn message(id: &str, order: &str, text: &str, amount: &str) -> Value {
    Value::record([
        ("id", Value::string(id)),
        ("order_id", Value::string(order)),
        ("customer_id", Value::string("c1")),
        ("text", Value::string(text)),
        ("amount", money(amount)),
    ])
}

type Script = dyn Fn(&Request) -> Option<Reply> + Send + Sync;

/// The answers of a provider in good health; `bend` may answer first.
pub(super) fn connectors(bend: Arc<Script>) -> Arc<ScriptedConnectors> {
    Arc::new_cyclic(|me: &std::sync::Weak<ScriptedConnectors>| {
        let me = me.clone();
        ScriptedConnectors::new(move |request| {
            if let Some(reply) = bend(request) {
                return reply;
            }
            let field = |name: &str| request.request.get(name).cloned().unwrap_or(Value::Null);
            match request.operation.as_str() {
                "shop.order.get" => {
                    Reply::Done(Value::record([("id", field("id")), ("customer_id", Value::string("c1")), ("paid", money("500 USD"))]))
                }
                "pay.find" => {
                    let found = me.upgrade().and_then(|me| me.answer_of(field("key").as_str().unwrap_or("")));
                    Reply::Done(Value::list(found))
                }
                "pay.refund" | "pay.credit" => Reply::Done(Value::record([
                    ("id", Value::string(format!("r-{}", request.key))),
                    ("order_id", field("order_id")),
                    ("amount", field("amount")),
                ])),
                _ => Reply::Done(Value::record([("id", Value::string(format!("d-{}", request.key)))])),
            }
        })
    })
}

pub(super) fn healthy() -> Arc<ScriptedConnectors> {
    connectors(Arc::new(|_| None))
}

pub(super) fn failure(code: &str, retry: bool) -> CallFailure {
    CallFailure { code: code.to_owned(), message: format!("{code} happened"), retry, retry_after: None }
}

/// Everything an engine needs, kept outside of it, so that it can be opened again.
#[derive(Clone)]
pub(super) struct World {
    pub(super) plan: Arc<Plan>,
    pub(super) log: Arc<MemoryLog>,
    pub(super) connectors: Arc<ScriptedConnectors>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) in_flight: usize,
    pub(super) schedules: bool,
    pub(super) says: Arc<Saying>,
    /// The plan of the log stays.
    pub(super) keeps: bool,
    pub(super) finder: Arc<dyn crate::finding::Finder>,
    pub(super) makes: Arc<Making>,
}

/// Vectors of models behind a network.
pub(super) type Making = dyn Fn(&[Arc<str>]) -> Result<Made, Silence> + Send + Sync;

/// What models behind a network say; nothing where they never answer.
pub(super) type Saying = dyn Fn(&Prompt) -> Option<Answer> + Send + Sync;

impl World {
    pub(super) fn new(plan: Arc<Plan>, connectors: Arc<ScriptedConnectors>) -> Self {
        Self {
            plan,
            log: Arc::new(MemoryLog::new()),
            connectors,
            clock: Arc::new(ManualClock::at(START)),
            in_flight: 64,
            schedules: true,
            says: Arc::new(|_| None),
            keeps: false,
            finder: Arc::new(WordFinder),
            makes: Arc::new(|_| Err(Silence::free("unreachable", "nobody makes vectors", false))),
        }
    }

    /// The same, with models behind a network.
    pub(super) fn saying(mut self, says: impl Fn(&Prompt) -> Option<Answer> + Send + Sync + 'static) -> Self {
        self.says = Arc::new(says);
        self
    }

    pub(super) fn triage() -> Self {
        Self::new(plan(&[PROJECT, TRIAGE]), healthy())
    }

    pub(super) fn triage_with(bend: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Self {
        Self::new(plan(&[PROJECT, TRIAGE]), connectors(Arc::new(bend)))
    }

    pub(super) async fn try_open(&self) -> Result<Engine, crate::ports::StoreError> {
        self.try_open_with(None).await
    }

    /// The same from an image.
    pub(super) async fn try_open_with(&self, image: Option<&[u8]>) -> Result<Engine, crate::ports::StoreError> {
        // `complaint 0.9: text`
        let models = ScriptedModels::new(|_, _, text| {
            let (label, rest) = text.split_once(' ').ok_or("no label")?;
            let confidence = rest.split_once(':').and_then(|(number, _)| number.parse().ok()).ok_or("no confidence")?;
            Ok(Classification { label: label.to_owned(), confidence, artifact: "a1".to_owned() })
        });
        let says = self.says.clone();
        let makes = self.makes.clone();
        let models = models.saying(move |prompt| says(prompt)).making(move |texts| makes(texts));
        let config = Config {
            plan: self.plan.clone(),
            log: self.log.clone(),
            connectors: self.connectors.clone(),
            models: Arc::new(models),
            clock: self.clock.clone(),
            finder: self.finder.clone(),
            shard: 0,
            in_flight: self.in_flight,
            look_only: false,
            schedules: self.schedules,
            steer_only: false,
            keeps: self.keeps,
            wanted_by: None,
        };
        let mut image = image;
        Engine::open_with(config, image.as_mut().map(|image| image as &mut (dyn Read + Send))).await
    }

    pub(super) async fn open(&self) -> Engine {
        self.try_open().await.unwrap()
    }

    /// Waits for something, moving the clock over every delay on the way.
    pub(super) async fn moving<T>(&self, engine: &Engine, waiting: impl Future<Output = T>) -> T {
        let mut waiting = Box::pin(waiting);
        let progress = engine.subscribe().progress;
        for step in 0..600 {
            // What has not moved after so many turns waits for the clock, however slow the machine is; the last of them also gives
            // other threads a moment.
            let (mut still, mut commits) = (0, 0);
            while still < 64 {
                let result = std::future::poll_fn(|context| std::task::Poll::Ready(waiting.as_mut().poll(context))).await;
                if let std::task::Poll::Ready(result) = result {
                    return result;
                }
                if still == 63 {
                    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                }
                tokio::task::yield_now().await;
                let now = progress.borrow().commits;
                still = if now == commits { still + 1 } else { 0 };
                commits = now;
            }
            self.clock.advance(if step < 100 { SECOND } else { 60 * SECOND });
        }
        let runs = engine.runs(RunFilter { status: Some(RunStatus::Running), ..RunFilter::default() }).await.unwrap();
        let run = engine.run(&runs[0].id).await.unwrap();
        panic!("the engine hangs: {:?} {run:#?}", engine.subscribe().progress.borrow());
    }

    /// Waits until nothing goes on by itself. A store that fails on the way is what some tests want.
    pub(super) async fn settle(&self, engine: &Engine) {
        let _ = self.moving(engine, engine.wait_idle()).await;
    }

    pub(super) async fn events(&self, engine: &Engine) -> Vec<Event> {
        engine.events(1, usize::MAX, None).await.unwrap()
    }
}

/// How often each kind of event occurs.
pub(super) fn kinds(events: &[Event]) -> BTreeMap<&'static str, usize> {
    let mut kinds = BTreeMap::new();
    for event in events {
        *kinds.entry(event.kind.name()).or_default() += 1;
    }
    kinds
}

pub(super) fn denied(events: &[Event]) -> Vec<String> {
    let denied = events.iter().filter_map(|event| match &event.kind {
        EventKind::EffectDenied { rule, .. } => Some(rule.clone()),
        _ => None,
    });
    denied.collect()
}

pub(super) async fn start(engine: &Engine, input: Value) -> Started {
    engine.start("triage", input, "test").await.unwrap()
}

/// The log as text without what differs from run to run of a test.
pub(super) async fn segments(log: &MemoryLog) -> Vec<crate::segment::Segment> {
    log.scan(0, 1, usize::MAX).await.unwrap()
}

/// An image as it lies in a file.
pub(super) async fn image_of(engine: &Engine) -> Vec<u8> {
    engine.image().await.unwrap().write(Vec::new()).unwrap()
}

/// Lets everything happen that happens without the clock; clocks are heard on tasks of their own.
pub(super) async fn rest(engine: &Engine) {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    let _ = engine.wait_idle().await;
}

/// The runs of a flow, oldest first.
pub(super) async fn runs(engine: &Engine, flow: &str) -> Vec<crate::summary::RunSummary> {
    let mut runs = engine.runs(RunFilter { flow: Some(flow.to_owned()), ..RunFilter::default() }).await.unwrap();
    runs.reverse();
    runs
}
