//! Vectors of models behind a network: reserved before, settled after, refused where nothing is left or what comes fits nowhere.

use super::world::*;
use crate::engine::{Engine, SearchError};
use crate::event::{Event, EventKind};
use crate::finding::{Finder, Ranked, Sought, Unfound, meaning_of};
use crate::memory::FactId;
use crate::ports::{BoxFuture, Made};
use crate::question::{Silence, Usage};
use crate::replay::replay;
use crate::summary::RunStatus;
use crate::vectors::For;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use tradewind_lang::value::Value;

/// A token costs a tenth of a cent; a day may cost ten cents.
const REMOTE: &str = r#"
model "reads" provider=openai name="reads-small" base-url="http://127.0.0.1:1" {
    price input="1 USD" per="1k tokens"
    context 512
    can embed
}
type "note" { field "text" string }
memory "notes" tier=long-term record="note" retention=forever {
    embed "text" model="reads"
    budget "0.10 USD" per=day
}
flow "note" {
    input { field "text" string }
    remember "kept" in="notes" { text "=input.text" }
}
flow "look" {
    cost-cap "0.03 USD"
    input { field "text" string; field "n" int }
    observe "found" { recall "notes" query="=input.text" top=1 }
    output { found "=found.map(n, n.text)" }
}
"#;

/// Ranks by the first number of the vectors that it asks for, each time anew.
struct Asking;

impl Finder for Asking {
    fn find(&self, sought: Sought) -> BoxFuture<'_, Result<Ranked, Unfound>> {
        Box::pin(async move {
            let of = |texts, of| sought.vectors.embed(&sought.memory, sought.model.clone(), texts, of);
            of(vec![sought.query.clone()], For::Question).await?;
            let texts = sought.facts.iter().map(|fact| meaning_of(&sought.memory, fact).unwrap_or_default().into()).collect();
            let made = of(texts, For::Facts).await?;
            let hits = made.vectors.iter().enumerate().map(|(place, vector)| (place, f64::from(vector[0]))).take(sought.most).collect();
            Ok(Ranked { hits, by: made.by.as_str().into() })
        })
    }

    fn forget(&self, _: Vec<(Arc<str>, FactId)>) {}
}

/// Four numbers for each text; a token for every four bytes.
fn good(texts: &[Arc<str>]) -> Made {
    let input = texts.iter().map(|text| text.len() as u64 / 4).sum();
    Made { vectors: vec![vec![3.0, 4.0, 0.0, 0.0]; texts.len()], usage: Some(Usage { input, ..Usage::default() }), took: 1 }
}

fn world(makes: impl Fn(&[Arc<str>]) -> Result<Made, Silence> + Send + Sync + 'static) -> World {
    World { makes: Arc::new(makes), finder: Arc::new(Asking), ..World::new(plan(&[PROJECT, REMOTE]), healthy()) }
}

async fn started(world: &World, engine: &Engine, flow: &str, fields: &[(&str, Value)]) -> (RunStatus, String) {
    let started = engine.start(flow, Value::record(fields.iter().cloned()), "test").await.unwrap();
    world.settle(engine).await;
    let found = engine.run(&started.run_id).await.unwrap().unwrap().summary;
    (found.status, found.failure.map_or_else(|| format!("{:?}", found.output), |failure| failure.to_string()))
}

async fn note(world: &World, engine: &Engine, text: &str) {
    assert_eq!(started(world, engine, "note", &[("text", Value::string(text))]).await.0, RunStatus::Completed);
}

async fn look(world: &World, engine: &Engine, text: &str, n: i64) -> (RunStatus, String) {
    started(world, engine, "look", &[("text", Value::string(text)), ("n", Value::Int(n))]).await
}

/// What is asked and answered, in order.
async fn told(world: &World, engine: &Engine) -> Vec<String> {
    let events: Vec<Event> = world.events(engine).await;
    let money = |money: Option<tradewind_lang::money::Money>| money.map_or_else(|| "nobody knows".to_owned(), |money| money.to_string());
    let each = events.iter().filter_map(|event| match &event.kind {
        EventKind::VectorsAsked(asked) => Some(format!("{} texts of {} bytes: {}", asked.texts, asked.bytes, money(asked.reserved))),
        EventKind::VectorsAnswered(answered) => Some(format!("spent {}", money(answered.spent))),
        _ => None,
    });
    each.collect()
}

async fn taken(engine: &Engine) -> String {
    let budgets = engine.budgets().await.unwrap();
    let of = budgets.iter().find(|budget| budget.of == "memory `notes`").unwrap();
    of.taken.iter().map(|(_, money)| money.to_string()).collect()
}

#[tokio::test]
async fn what_vectors_may_cost_is_reserved_before_and_settled_after() {
    let seen: Arc<Mutex<Vec<u64>>> = Arc::default();
    let (asked, log) = (seen.clone(), Arc::new(Mutex::new(None::<Arc<crate::twin::MemoryLog>>)));
    let known = log.clone();
    let world = world(move |texts| {
        // The question is in the log when its first byte leaves.
        let log: Arc<crate::twin::MemoryLog> = known.lock().unwrap().clone().unwrap();
        asked.lock().unwrap().push(log.appends());
        Ok(good(texts))
    });
    *log.lock().unwrap() = Some(world.log.clone());
    let engine = world.open().await;
    note(&world, &engine, "a lamp of brass").await;
    let before = world.log.appends();
    assert_eq!(look(&world, &engine, "lamp", 1).await.0, RunStatus::Completed);
    // 4 and 15 bytes, with 8 around each; then a token and three.
    assert_eq!(
        told(&world, &engine).await,
        ["1 texts of 4 bytes: 0.012 USD", "spent 0.001 USD", "1 texts of 15 bytes: 0.023 USD", "spent 0.003 USD"]
    );
    assert_eq!(taken(&engine).await, "0.004 USD");
    assert!(seen.lock().unwrap().iter().all(|segments| *segments > before), "each question was durable");
    let counted = engine.counted().await.unwrap();
    assert_eq!((counted["reads"].answers, counted["reads"].input), (2, 4));
    replay(&*world.log, 0).await.unwrap();
    engine.rebuild().await.unwrap();
    let again = world.open().await;
    assert_eq!(taken(&again).await, "0.004 USD");
}

#[tokio::test]
async fn nothing_is_asked_that_no_budget_has_room_for() {
    let calls = Arc::new(AtomicU32::new(0));
    let count = calls.clone();
    let world = world(move |texts| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(good(texts))
    });
    let engine = world.open().await;
    // The question: 30 bytes may cost 0.038 USD, and the flow 0.03.
    note(&world, &engine, "short").await;
    let (status, why) = look(&world, &engine, "a question of just thirty bytes", 1).await;
    assert_eq!(status, RunStatus::Failed, "{why}");
    assert!(why.starts_with("budget: cost-cap of `look`"), "{why}");
    // The facts: 0.013 and 0.208 USD, and a day has 0.10.
    note(&world, &engine, &"long ".repeat(40)).await;
    let (status, why) = look(&world, &engine, "lamp", 2).await;
    assert_eq!(status, RunStatus::Failed, "{why}");
    assert!(why.starts_with("budget: budget of memory `notes` per day"), "{why}");
    assert_eq!(calls.load(Ordering::SeqCst), 1, "the second question alone left");
    assert_eq!(taken(&engine).await, "0.001 USD");
    let Err(SearchError::Finder(unfound)) = engine.search("notes", None, "lamp", 1, None).await else { panic!("there is no room") };
    assert_eq!(unfound.code, "budget");
}

#[tokio::test]
async fn fifty_at_once_never_pass_a_budget() {
    let world = world(|texts| Ok(Made { usage: None, ..good(texts) }));
    let engine = world.open().await;
    note(&world, &engine, "lamp").await;
    let mut under_way = Vec::new();
    for _ in 0..50 {
        let engine = engine.clone();
        under_way.push(tokio::spawn(async move { engine.search("notes", None, "lamp", 1, None).await.is_ok() }));
    }
    let mut well = 0;
    for search in under_way {
        well += u32::from(world.moving(&engine, search).await.unwrap());
    }
    // Each question and its facts are reserved with 0.012 USD, and nobody counts what they were: eight fit into 0.10 USD.
    assert!(well <= 4, "{well}");
    assert_eq!(taken(&engine).await, "0.096 USD");
}

#[tokio::test]
async fn what_nobody_knows_stays_reserved_and_what_did_nothing_is_sent_again_and_costs_nothing() {
    let calls = Arc::new(AtomicU32::new(0));
    let count = calls.clone();
    let world = world(move |texts| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Err(Silence::free("http-429", "the provider answered 429", true)),
        1 => Ok(good(texts)),
        2 => Err(Silence::doubtful("time-out", "it gave no answer in time")),
        _ => Err(Silence::free("http-401", "the provider answered 401", false)),
    });
    let engine = world.open().await;
    note(&world, &engine, "lamp").await;
    let (status, why) = look(&world, &engine, "lamp", 1).await;
    assert_eq!((status, why.as_str()), (RunStatus::Failed, "time-out: the model `reads` gives no vectors: it gave no answer in time"));
    let (_, why) = look(&world, &engine, "lamp", 2).await;
    assert_eq!(why, "http-401: the model `reads` gives no vectors: the provider answered 401");
    assert_eq!(
        told(&world, &engine).await,
        [
            "1 texts of 4 bytes: 0.012 USD",
            "spent 0.001 USD",
            "1 texts of 4 bytes: 0.012 USD",
            "spent nobody knows",
            "1 texts of 4 bytes: 0.012 USD",
            "spent 0.00 USD"
        ]
    );
    assert_eq!(taken(&engine).await, "0.013 USD");
}

#[tokio::test]
async fn vectors_that_fit_nowhere_are_refused_and_told_in_a_sentence() {
    for (bad, told) in [
        (
            vec![vec![1.0, 0.0], vec![1.0]],
            "dimension: the model `reads` gave a vector of 1 numbers where 2 were expected, as the first has",
        ),
        (vec![vec![1.0, 0.0]], "schema: the model `reads` gave 1 vectors for 2 texts"),
        (vec![vec![], vec![]], "dimension: the model `reads` gave vectors of no number at all"),
    ] {
        let world = world(move |texts| Ok(if texts.len() == 2 { Made { vectors: bad.clone(), ..good(texts) } } else { good(texts) }));
        let engine = world.open().await;
        note(&world, &engine, "lamp").await;
        note(&world, &engine, "shoe").await;
        assert_eq!(look(&world, &engine, "lamp", 1).await, (RunStatus::Failed, told.to_owned()));
    }
}
