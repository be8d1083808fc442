//! What is gone from memory, and what stays: the log tells of every fact that a rule dropped, and a legal hold is stronger than all of them.

use super::world::*;
use crate::arrival::Arrival;
use crate::engine::{Engine, ForgetError, HoldError, SteerError, SteerRefusal};
use crate::event::EventKind;
use crate::finding::{Finder, Ranked, Sought, Unfound};
use crate::memory::{FactId, Why};
use crate::ports::{BoxFuture, Clock, LogStore};
use crate::replay::replay;
use crate::summary::RunStatus;
use crate::twin::{MemoryLog, WordFinder};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;
use tradewind_lang::plan::Plan;
use tradewind_lang::value::Value;

const DAY: i64 = 24 * HOUR;
const ANN: &str = "ann@example.com";

const SHELVES: &str = r#"
type "remark" subject="customer_id" { field "customer_id" string; field "text" string pii untrusted; field "n" int }
memory "kept" tier=long-term record="remark" subject="customer_id" { retention "10d"; fulltext "text" }
memory "alive" tier=long-term record="remark" subject="customer_id" { retention "10d" after=last-write }
memory "two" tier=working record="remark" subject="customer_id" retention="90d" cap=2
memory "few" tier=session record="remark" subject="customer_id" retention="90d" { cap 3 per=memory evict=oldest }
flow "say" {
    input { field "customer_id" string; field "text" string pii untrusted; field "n" int }
    remember "kept" in="kept" subject="=input.customer_id" { customer_id "=input.customer_id"; text "=input.text"; n "=input.n" }
    remember "alive" in="alive" subject="=input.customer_id" { customer_id "=input.customer_id"; text "=input.text"; n "=input.n" }
    remember "two" in="two" subject="=input.customer_id" { customer_id "=input.customer_id"; text "=input.text"; n "=input.n" }
    remember "few" in="few" subject="=input.customer_id" { customer_id "=input.customer_id"; text "=input.text"; n "=input.n" }
}
flow "find" {
    input { field "customer_id" string; field "n" int }
    observe "like" { recall "kept" subject="=input.customer_id" query="late parcel" top=5 }
    output { found "=like.map(f, f.n)" }
}
"#;

fn shelves() -> Arc<Plan> {
    let project = PROJECT.replacen("time-zone", "legal-hold \"leads\"\n    time-zone", 1);
    plan(&[&project, SHELVES])
}

fn world() -> World {
    World::new(shelves(), healthy())
}

async fn say(world: &World, engine: &Engine, customer: &str, n: i64) {
    let fields = [("customer_id", Value::string(customer)), ("text", Value::string("my parcel is late")), ("n", Value::Int(n))];
    let started = engine.start("say", Value::record(fields), "test").await.unwrap();
    world.settle(engine).await;
    assert_eq!(engine.run(&started.run_id).await.unwrap().unwrap().summary.status, RunStatus::Completed);
}

/// The numbers of the facts that are kept.
async fn kept(engine: &Engine, memory: &str) -> Vec<i64> {
    let facts = engine.history_of(memory, None).await.unwrap();
    facts.iter().map(|fact| if let Some(Value::Int(n)) = fact.fields.get("n") { *n } else { -1 }).collect()
}

/// What the log says of facts that are gone: memory, rule, and which.
async fn told(world: &World, engine: &Engine) -> Vec<(String, Why, Vec<FactId>)> {
    let of = |kind: &EventKind| match kind {
        EventKind::FactsDropped { memory, why, facts } => Some((memory.to_string(), *why, facts.clone())),
        _ => None,
    };
    world.events(engine).await.iter().filter_map(|event| of(&event.kind)).collect()
}

/// Lets clocks that are due be heard.
async fn pass(world: &World, engine: &Engine, span: i64) {
    world.clock.advance(span);
    for _ in 0..50 {
        rest(engine).await;
    }
}

async fn comes_to_the_same(world: &World, engine: &Engine) {
    replay(&*world.log, 0).await.unwrap();
    engine.rebuild().await.unwrap();
    let mut before = Vec::new();
    for memory in ["kept", "alive", "two", "few"] {
        before.push((engine.history_of(memory, None).await.unwrap(), engine.sweeps_of(memory).await.unwrap()));
    }
    let again = world.open().await;
    rest(&again).await;
    for (memory, before) in ["kept", "alive", "two", "few"].iter().zip(before) {
        let now = (again.history_of(memory, None).await.unwrap(), again.sweeps_of(memory).await.unwrap());
        assert_eq!(format!("{now:#?}"), format!("{before:#?}"), "{memory}");
    }
}

#[tokio::test]
async fn a_fact_that_a_cap_drops_is_named_by_an_event_of_the_log() {
    let world = world();
    let engine = world.open().await;
    for (n, customer) in [(1, "c1"), (2, "c1"), (3, "c2")] {
        say(&world, &engine, customer, n).await;
    }
    assert_eq!(told(&world, &engine).await, []);
    let two = engine.history_of("two", None).await.unwrap()[0].id();
    let few = engine.history_of("few", None).await.unwrap()[0].id();
    say(&world, &engine, "c1", 4).await;
    let mut told = told(&world, &engine).await;
    told.sort();
    assert_eq!(told, [("few".to_owned(), Why::Cap, vec![few]), ("two".to_owned(), Why::Cap, vec![two])]);
    assert_eq!((kept(&engine, "two").await, kept(&engine, "few").await), (vec![2, 3, 4], vec![2, 3, 4]));
    let sweeps = engine.sweeps_of("few").await.unwrap();
    assert_eq!((sweeps.facts.get(&Why::Cap), sweeps.newest.len()), (Some(&1), 1));
    comes_to_the_same(&world, &engine).await;
}

#[tokio::test]
async fn what_time_alone_drops_goes_by_an_event_too_though_nobody_remembers_anything_any_more() {
    let world = world();
    let engine = world.open().await;
    say(&world, &engine, "c1", 1).await;
    world.clock.advance(DAY);
    say(&world, &engine, "c2", 2).await;
    pass(&world, &engine, 9 * DAY + 2 * HOUR).await;
    assert_eq!((kept(&engine, "kept").await, told(&world, &engine).await.len()), (vec![2], 2));
    pass(&world, &engine, DAY).await;
    let told_of = told(&world, &engine).await;
    assert!(told_of.iter().all(|(_, why, facts)| *why == Why::Retention && facts.len() == 1), "{told_of:?}");
    assert_eq!(told_of.iter().map(|(memory, ..)| memory.as_str()).collect::<Vec<_>>(), ["alive", "kept", "alive", "kept"]);
    assert!(engine.next_alarm().await.unwrap().is_some(), "what is kept for 90 days goes one day, too");
    comes_to_the_same(&world, &engine).await;
}

#[tokio::test]
async fn a_process_that_dies_before_it_told_of_a_sweep_tells_of_it_when_it_is_opened_again() {
    let world = world();
    let engine = world.open().await;
    for n in 1..=4 {
        say(&world, &engine, "c1", n).await;
    }
    let wanted = told(&world, &engine).await;
    assert_eq!(wanted.len(), 3);
    engine.shutdown().await;
    // The log as it was before it told anything.
    let mut cut = world.clone();
    cut.log = Arc::new(MemoryLog::new());
    let epoch = cut.log.take(0).await.unwrap().epoch;
    for segment in segments(&world.log).await {
        let events = crate::recover::events_of(world.log.keys().as_deref(), &segment).unwrap();
        if events.iter().any(|event| matches!(event.kind, EventKind::FactsDropped { .. })) {
            break;
        }
        cut.log.append(epoch, segment).await.unwrap();
    }
    let engine = cut.open().await;
    rest(&engine).await;
    let first = told(&cut, &engine).await;
    assert_eq!(first, wanted[..first.len()], "what was dropped before it died, and nothing else");
    assert!(!first.is_empty());
    comes_to_the_same(&cut, &engine).await;
}

#[tokio::test]
async fn what_is_held_outlives_retention_caps_and_the_wish_to_be_forgotten_until_it_is_released() {
    let world = world();
    let engine = world.open().await;
    for n in 1..=2 {
        say(&world, &engine, "c1", n).await;
    }
    let refused = engine.hold("c1", "eve@example.com", "curious").await;
    assert_eq!(refused, Err(HoldError::Steer(SteerError::Refused(SteerRefusal::MayNotHold("leads".to_owned())))));
    assert_eq!(engine.release("c1", ANN, "none").await, Err(HoldError::Steer(SteerError::Refused(SteerRefusal::NotHeld))));
    assert_eq!(engine.hold("c1", ANN, "case 117").await, Ok(true));
    assert_eq!(engine.hold("c1", ANN, "case 118").await, Ok(false), "the first reason stands");
    for (n, customer) in [(3, "c1"), (4, "c2"), (5, "c2"), (6, "c2"), (7, "c2")] {
        say(&world, &engine, customer, n).await;
    }
    assert_eq!(kept(&engine, "two").await, [1, 2, 3, 6, 7], "two of c2, and all of c1");
    assert_eq!(kept(&engine, "few").await, [1, 2, 3, 5, 6, 7], "what is held counts for nobody's cap");
    pass(&world, &engine, 20 * DAY).await;
    assert_eq!(kept(&engine, "kept").await, [1, 2, 3]);
    assert_eq!(engine.facts("kept", "c1").await.unwrap(), [], "it is kept for the case, and given to no run");
    let hold = engine.hold_of("c1").await.unwrap().unwrap();
    assert_eq!((&*hold.by, &*hold.reason, engine.hold_of("c2").await.unwrap()), (ANN, "case 117", None));
    assert_eq!(engine.foresee_forget("c1").await.unwrap().held, Some(hold.clone()));
    assert_eq!(engine.forget("c1", ANN).await, Err(ForgetError::Held(hold.clone())));
    assert_eq!(world.log.keys().unwrap().gone(), [], "nothing of the wish is noted");
    comes_to_the_same(&world, &engine).await;

    // It lives through a restart, and ends with its release.
    let engine = world.open().await;
    assert_eq!(engine.holds().await.unwrap(), [hold]);
    engine.release("c1", ANN, "the case is closed").await.unwrap();
    rest(&engine).await;
    assert_eq!((kept(&engine, "two").await, kept(&engine, "kept").await), (vec![2, 3, 6, 7], vec![]));
    assert_eq!(kept(&engine, "few").await, [5, 6, 7]);
    let sweeps = engine.sweeps_of("two").await.unwrap();
    assert_eq!(sweeps.facts.get(&Why::Cap), Some(&3), "two of c2 before, one of c1 now: {sweeps:?}");
    comes_to_the_same(&world, &engine).await;
    let engine = world.open().await;
    engine.forget("c1", ANN).await.unwrap();
    assert_eq!(kept(&engine, "two").await, [6, 7]);
    comes_to_the_same(&world, &engine).await;
}

#[tokio::test]
async fn nobody_is_held_where_the_project_names_nobody_who_may() {
    let world = World::new(plan(&[PROJECT, SHELVES]), healthy());
    let engine = world.open().await;
    let refused = engine.hold("c1", ANN, "case 117").await;
    assert_eq!(refused, Err(HoldError::Steer(SteerError::Refused(SteerRefusal::NobodyMayHold))));
}

/// A finder that has found, and waits to be allowed to say it.
struct Slow {
    found: AtomicUsize,
    may_say: Semaphore,
}

impl Finder for Slow {
    fn find(&self, sought: Sought) -> BoxFuture<'_, Result<Ranked, Unfound>> {
        Box::pin(async move {
            let ranked = WordFinder.find(sought).await;
            self.found.fetch_add(1, Ordering::SeqCst);
            self.may_say.acquire().await.unwrap().forget();
            ranked
        })
    }

    fn forget(&self, _: Vec<(Arc<str>, FactId)>) {}
}

#[tokio::test]
async fn a_run_that_reads_while_its_subject_is_forgotten_is_given_nothing_of_him() {
    let mut world = world();
    let slow = Arc::new(Slow { found: AtomicUsize::new(0), may_say: Semaphore::new(0) });
    world.finder = slow.clone();
    let engine = world.open().await;
    say(&world, &engine, "c1", 1).await;
    let look = Value::record([("customer_id", Value::string("c1")), ("n", Value::Int(1))]);
    let started = engine.start("find", look, "test").await.unwrap();
    while slow.found.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    engine.forget("c1", ANN).await.unwrap();
    slow.may_say.add_permits(9);
    world.settle(&engine).await;
    let run = engine.run(&started.run_id).await.unwrap().unwrap();
    assert_eq!(run.summary.output.get("found"), Some(&Value::list([])), "{run:#?}");
    // Neither is there anything of him under a key that he would be given if he came back, nor under that of the run that he began.
    let told = format!("{:?}", world.events(&engine).await);
    assert!(!told.contains("my parcel is late"), "{told}");
    comes_to_the_same(&world, &engine).await;
}

const VISITS: &str = r#"
type "visit" subject="customer_id" { field "customer_id" string; field "pages" int; field "note" string pii untrusted; field "at" timestamp }
series "visits" point="visit" subject="customer_id" at="at" retention="10d" { from event="visit"; rollup "1d" after="5d" }
flow "look" {
    input { field "n" int }
    observe "each" { measure by="customer_id" { points "=count(visits.pages, '90d')" } }
    output { held "='c1' in each ? each['c1'].points : 0"; other "='c2' in each ? each['c2'].points : 0" }
}
"#;

#[tokio::test]
async fn points_of_somebody_who_is_held_are_kept_for_the_case_and_given_to_no_run_until_he_is_released() {
    let project = PROJECT.replacen("time-zone", "legal-hold \"leads\"\n    time-zone", 1);
    let world = World::new(plan(&[&project, VISITS]), healthy());
    let longer = plan(&[
        &project,
        &VISITS
            .replace("retention=\"10d\" { from event=\"visit\"; rollup \"1d\" after=\"5d\" }", "retention=\"1y\" { from event=\"visit\" }"),
    ]);
    let engine = world.open().await;
    let visit = async |engine: &Engine, id: &str, customer: &str| {
        let at = ("at", Value::Timestamp(world.clock.now()));
        let note = ("note", Value::string("looked at lamps"));
        let payload = Value::record([("customer_id", Value::string(customer)), ("pages", Value::Int(3)), note, at]);
        let (name, source, account) = ("visit".into(), "command-line".into(), "".into());
        engine.receive(Arrival { name, source, account, id: id.into(), payload }).await.unwrap();
    };
    let look = async |engine: &Engine, n: i64| {
        let started = engine.start("look", Value::record([("n", Value::Int(n))]), "test").await.unwrap();
        world.settle(engine).await;
        let output = engine.run(&started.run_id).await.unwrap().unwrap().summary.output;
        ["held", "other"].map(|name| output.get(name).cloned().unwrap())
    };
    for (id, customer) in [("a", "c1"), ("b", "c1"), ("c", "c2"), ("d", "c2")] {
        visit(&engine, id, customer).await;
    }
    assert_eq!(engine.hold("c1", ANN, "case 117").await, Ok(true));
    assert_eq!(look(&engine, 1).await, [Value::Int(2), Value::Int(2)]);
    // After their retention no run hears of them, whoever is held.
    pass(&world, &engine, 11 * DAY).await;
    visit(&engine, "e", "c3").await;
    assert_eq!(look(&engine, 2).await, [Value::Int(0), Value::Int(0)]);
    // A longer retention shows what is still there: his, as they were.
    engine.adopt(longer.clone()).await.unwrap();
    assert_eq!(look(&engine, 3).await, [Value::Int(2), Value::Int(0)]);
    replay(&*world.log, 0).await.unwrap();
    let engine = world.open().await;
    engine.release("c1", ANN, "the case is closed").await.unwrap();
    visit(&engine, "f", "c3").await;
    engine.adopt(longer).await.unwrap();
    assert_eq!(look(&engine, 4).await, [Value::Int(0), Value::Int(0)], "nothing keeps them any longer");
    replay(&*world.log, 0).await.unwrap();
}
