//! Questions that go through a route of the engine: budgets reserved and settled, the question and its answer in the log, breakers, the
//! ladder. The log is in memory and claims no durability, as no gateway has one.

use crate::closed_loop::Waiting;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use tokio::sync::oneshot;
use tradewind_engine::clock::SystemClock;
use tradewind_engine::engine::{Config, Engine};
use tradewind_engine::ports::{BoxFuture, Classification, Models};
use tradewind_engine::question::{Answer, Prompt, Reply as Said, Usage};
use tradewind_engine::twin::{MemoryLog, Reply, ScriptedConnectors};
use tradewind_lang::compile::{Repository, compile};
use tradewind_lang::plan::Model;
use tradewind_lang::value::Value;
use tradewind_models::RemoteModels;

const CONFIGURATION: &str = r#"
project "bench" { currency "USD"; environment "dev" { store "memory://" } }
type "reply" { field "text" string }
model "primary" provider=openai name="primary" base-url="{primary}" {
    price input="1 USD" output="2 USD" per="1M tokens"
    context 8192
    max-output 64
    can text
}
model "fallback" provider=openai name="fallback" base-url="{fallback}" {
    price input="1 USD" output="2 USD" per="1M tokens"
    context 8192
    max-output 64
    can text
}
route "answer" needs=text deadline="10s" repairs=0 {
    candidate "primary" timeout="500ms"
    candidate "fallback" timeout="5s"
    fail "no model answered"
    budget "1000000 USD" per=day
    {breaker}
}
flow "ask" {
    summary "Ask"
    input { field "id" string; field "text" string }
    key "=input.id"
    decide "reply" { draft "reply" route="answer" prompt="{{ input.text }}" }
    output { text "=reply.text" }
}
"#;

/// The answer of every model here, in the shape that is wanted.
pub const ANSWER: &str = r#"{"text": "It ships tomorrow."}"#;

/// What is asked.
pub const QUESTION: &str = "When does my order ship? It has the number 10482, and was paid on Monday.";

/// A gateway: an engine with one route.
#[derive(Clone)]
pub struct Routed {
    engine: Engine,
    waiting: Waiting,
    next: Arc<AtomicUsize>,
}

/// Where the models are.
#[derive(Debug, Clone)]
pub struct Places {
    /// The first candidate's base URL.
    pub primary: String,
    /// The second one's.
    pub fallback: String,
    /// Whether the route has a breaker.
    pub breaker: bool,
}

impl Routed {
    /// Begins, on an empty log.
    ///
    /// # Errors
    /// The configuration's mistakes, or an engine that does not begin.
    pub async fn begin(places: &Places, models: Arc<dyn Models>) -> Result<Self, String> {
        let breaker = if places.breaker { r#"breaker failures=3 in="10s" open="30s""# } else { "" };
        let text =
            CONFIGURATION.replace("{primary}", &places.primary).replace("{fallback}", &places.fallback).replace("{breaker}", breaker);
        let files = [("tradewind.kdl".to_owned(), text)];
        let compiled = compile(&Repository { configuration: &files, library: &[], read: &|_| None, environment: Some("dev") });
        let mistakes: Vec<String> = compiled.diagnostics.iter().map(|diagnostic| diagnostic.message.clone()).collect();
        let plan = compiled.plan.map(Arc::new).ok_or_else(|| mistakes.join("; "))?;
        let connectors = ScriptedConnectors::new(|_| Reply::Done(Value::Null));
        let config = Config::new(plan, Arc::new(MemoryLog::new()), Arc::new(connectors), models, Arc::new(SystemClock));
        let engine = Engine::open(Config { in_flight: 1024, ..config }).await.map_err(|error| format!("{error:?}"))?;
        let waiting = Waiting::default();
        tokio::spawn(crate::closed_loop::route(engine.subscribe().ended, waiting.clone()));
        Ok(Self { engine, waiting, next: Arc::default() })
    }

    /// Asks, and waits for the end of the run: what was answered.
    ///
    /// # Errors
    /// The route had no answer.
    pub async fn ask(&self, text: &str) -> Result<String, String> {
        let id = format!("q{}", self.next.fetch_add(1, Ordering::Relaxed));
        let (ended, end_seen) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), ended);
        let input = Value::record([("id", Value::string(id.as_str())), ("text", Value::string(text))]);
        self.engine.start("ask", input, "bench").await.map_err(|error| error.to_string())?;
        let summary = end_seen.await.map_err(|_| "the engine stopped, or its news were lost".to_owned())?;
        let answer = summary.output.get("text").and_then(Value::as_str).map(str::to_owned);
        answer.ok_or_else(|| summary.failure.as_ref().map_or_else(|| "no answer".to_owned(), ToString::to_string))
    }
}

/// Models that answer at once: what is left is the engine.
pub struct AtOnce;

impl Models for AtOnce {
    fn classify(&self, _: Arc<Model>, _: Arc<[String]>, _: Arc<str>) -> BoxFuture<'_, Result<Classification, String>> {
        Box::pin(std::future::ready(Err("no step asks for a label".to_owned())))
    }

    fn say(&self, _: Arc<Prompt>) -> BoxFuture<'_, Answer> {
        let usage = Some(Usage { input: 30, cached: 0, output: 8, reasoning: 0 });
        let said = Said { text: ANSWER.into(), calls: Vec::new(), usage, by: "primary".into(), hedged: false, took: 0 };
        Box::pin(std::future::ready(Answer::Said(said)))
    }
}

/// Models over HTTP, as they are shipped.
pub struct OverHttp(RemoteModels);

impl Default for OverHttp {
    fn default() -> Self {
        Self(RemoteModels::new(Arc::new(|_| None)))
    }
}

impl Models for OverHttp {
    fn classify(&self, _: Arc<Model>, _: Arc<[String]>, _: Arc<str>) -> BoxFuture<'_, Result<Classification, String>> {
        Box::pin(std::future::ready(Err("no step asks for a label".to_owned())))
    }

    fn say(&self, prompt: Arc<Prompt>) -> BoxFuture<'_, Answer> {
        Box::pin(async move { self.0.say(&prompt).await })
    }
}
