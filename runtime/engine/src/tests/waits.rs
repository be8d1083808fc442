//! Waits for time and for events: never early, never twice, whatever the process and the clock do.

use super::world::*;
use crate::arrival::Arrival;
use crate::engine::Engine;
use crate::replay::replay;
use crate::summary::{RunFilter, RunStatus};
use crate::twin::Fault;
use tradewind_lang::value::Value;

const WAITS: &str = r#"
type "parcel" { field "order_id" string; field "weight" int }
policy "replies" { on "desk.reply"; limit "flood" count=200000 per="24h" }
flow "exchange" {
    input { field "order_id" string; field "minutes" int }
    key "=input.order_id"
    deadline "365d"
    wait "cool" for="=duration(string(input.minutes) + 'm')"
    wait "parcel" event="parcel" where="event.order_id == input.order_id" within="2h" on-timeout=skip
    act "thank" when="steps.parcel.ran" { call "desk.reply" message_id="=input.order_id" words="=string(parcel.weight.or(0))" }
    output { came "=steps.parcel.ran" }
}
flow "late" {
    input { field "until" timestamp }
    deadline "1h"
    wait "due" until="=input.until"
    output { at "=run.now" }
}
flow "strict" {
    input { field "id" string }
    wait "parcel" event="parcel" within="1h" on-timeout=stop
    wait "second" event="parcel" within="1h" on-timeout=stop
    output { sum "=parcel.weight + second.weight" }
}
flow "tell" {
    input { field "order_id" string; field "weight" int }
    act "tell" { emit "parcel" order_id="=input.order_id" weight="=input.weight" }
    output { told "=steps.tell.ran" }
}
"#;

const MINUTE: i64 = 60 * SECOND;

fn world() -> World {
    World::new(plan(&[PROJECT, WAITS]), healthy())
}

fn exchange(order: &str, minutes: i64) -> Value {
    Value::record([("order_id", Value::string(order)), ("minutes", Value::Int(minutes))])
}

fn parcel(id: &str, order: &str, weight: i64) -> Arrival {
    let payload = Value::record([("order_id", Value::string(order)), ("weight", Value::Int(weight))]);
    Arrival { name: "parcel".into(), source: "test".into(), account: "".into(), id: id.into(), payload }
}

async fn only(engine: &Engine, flow: &str) -> (RunStatus, Value) {
    let runs = runs(engine, flow).await;
    assert_eq!(runs.len(), 1, "{runs:#?}");
    (runs[0].status, runs[0].output.clone())
}

#[tokio::test]
async fn a_wait_on_time_ends_at_its_instant_and_parks_the_run() {
    let world = world();
    let engine = world.open().await;
    engine.start("exchange", exchange("o1", 30), "test").await.unwrap();
    rest(&engine).await;
    let runs = engine.runs(RunFilter::default()).await.unwrap();
    assert_eq!(runs[0].status, RunStatus::Waiting);
    assert_eq!(runs[0].waits_for, ["until 2026-01-01T00:30:00Z"]);
    assert_eq!((engine.subscribe().progress.borrow().running, engine.subscribe().progress.borrow().waiting), (0, 1));
    world.clock.advance(30 * MINUTE - 1);
    rest(&engine).await;
    assert_eq!(engine.runs(RunFilter::default()).await.unwrap()[0].waits_for, ["until 2026-01-01T00:30:00Z"], "never early");
    world.clock.advance(1);
    rest(&engine).await;
    let waits_for = engine.runs(RunFilter::default()).await.unwrap()[0].waits_for.clone();
    assert_eq!(waits_for, ["event `parcel` until 2026-01-01T02:30:00Z"]);
    world.clock.advance(2 * HOUR);
    rest(&engine).await;
    let (status, output) = only(&engine, "exchange").await;
    assert_eq!((status, output.get("came")), (RunStatus::Completed, Some(&Value::Bool(false))), "the event did not come");
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_clock_that_jumps_ends_no_wait_early_or_twice() {
    let world = world();
    let engine = world.open().await;
    engine.start("exchange", exchange("o1", 30), "test").await.unwrap();
    rest(&engine).await;
    // Back by a day: the wait lasts until the wall shows its instant again.
    world.clock.advance(-24 * HOUR);
    rest(&engine).await;
    world.clock.advance(24 * HOUR + 29 * MINUTE);
    rest(&engine).await;
    assert_eq!(kinds(&world.events(&engine).await).get("wait-ended"), None);
    engine.shutdown().await;
    // Forward by a week while nobody looked.
    world.clock.advance(7 * 24 * HOUR);
    let engine = world.open().await;
    rest(&engine).await;
    world.clock.advance(-24 * HOUR);
    rest(&engine).await;
    assert_eq!(kinds(&world.events(&engine).await).get("wait-ended"), Some(&1));
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn the_time_of_a_wait_counts_for_the_deadline() {
    let world = world();
    let engine = world.open().await;
    let until = Value::record([("until", Value::Timestamp(START + 3 * HOUR))]);
    engine.start("late", until, "test").await.unwrap();
    rest(&engine).await;
    world.clock.advance(HOUR);
    rest(&engine).await;
    let runs = engine.runs(RunFilter::default()).await.unwrap();
    assert_eq!(runs[0].status, RunStatus::Failed);
    assert_eq!(runs[0].failure.as_ref().unwrap().code, "time-out");
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn an_instant_that_is_over_is_not_waited_for() {
    let world = world();
    let engine = world.open().await;
    engine.start("late", Value::record([("until", Value::Timestamp(START - HOUR))]), "test").await.unwrap();
    rest(&engine).await;
    assert_eq!(only(&engine, "late").await.0, RunStatus::Completed);
}

#[tokio::test]
async fn an_event_that_came_before_the_wait_and_after_the_run_began_counts() {
    let world = world();
    let engine = world.open().await;
    // Before the run: not meant.
    engine.receive(parcel("p0", "o1", 1)).await.unwrap();
    engine.start("exchange", exchange("o1", 30), "test").await.unwrap();
    rest(&engine).await;
    // While it waits for time: meant, and the first of them.
    engine.receive(parcel("p1", "o2", 2)).await.unwrap();
    engine.receive(parcel("p2", "o1", 3)).await.unwrap();
    engine.receive(parcel("p3", "o1", 4)).await.unwrap();
    rest(&engine).await;
    engine.shutdown().await;
    let engine = world.open().await;
    world.clock.advance(30 * MINUTE);
    rest(&engine).await;
    let (status, output) = only(&engine, "exchange").await;
    assert_eq!((status, output.get("came")), (RunStatus::Completed, Some(&Value::Bool(true))));
    let replies = world.connectors.effects();
    assert_eq!(replies.len(), 1);
    assert_eq!(replies[0].2.get("words"), Some(&Value::string("3")));
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn one_event_ends_one_wait_of_a_run() {
    let world = world();
    let engine = world.open().await;
    engine.start("strict", Value::record([("id", Value::string("s"))]), "test").await.unwrap();
    rest(&engine).await;
    engine.receive(parcel("p1", "o1", 2)).await.unwrap();
    rest(&engine).await;
    assert_eq!(only(&engine, "strict").await.0, RunStatus::Waiting);
    engine.receive(parcel("p2", "o1", 3)).await.unwrap();
    rest(&engine).await;
    let (status, output) = only(&engine, "strict").await;
    assert_eq!((status, output.get("sum")), (RunStatus::Completed, Some(&Value::Int(5))));
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn an_event_at_or_after_the_end_of_the_wait_is_too_late() {
    let world = world();
    let engine = world.open().await;
    engine.start("strict", Value::record([("id", Value::string("s"))]), "test").await.unwrap();
    rest(&engine).await;
    engine.shutdown().await;
    world.clock.advance(HOUR);
    let engine = world.open().await;
    engine.receive(parcel("p1", "o1", 2)).await.unwrap();
    rest(&engine).await;
    let runs = engine.runs(RunFilter::default()).await.unwrap();
    assert_eq!(runs[0].failure.as_ref().map(|failure| &*failure.code), Some("time-out"));
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn cancelling_and_pausing_reach_a_run_that_waits() {
    use crate::decide::Wish;
    let world = world();
    let engine = world.open().await;
    let run = engine.start("exchange", exchange("o1", 30), "test").await.unwrap().run_id;
    rest(&engine).await;
    engine.control(&run, "ann@example.com", Wish::Pause).await.unwrap();
    world.clock.advance(HOUR);
    rest(&engine).await;
    assert_eq!(only(&engine, "exchange").await.0, RunStatus::Paused);
    engine.control(&run, "ann@example.com", Wish::Resume).await.unwrap();
    rest(&engine).await;
    assert_eq!(only(&engine, "exchange").await.0, RunStatus::Waiting);
    engine.control(&run, "ann@example.com", Wish::Cancel("enough".into())).await.unwrap();
    rest(&engine).await;
    assert_eq!(only(&engine, "exchange").await.0, RunStatus::Cancelled);
    // Nobody waits any more, and nothing happens.
    engine.receive(parcel("p1", "o1", 2)).await.unwrap();
    rest(&engine).await;
    assert!(world.connectors.effects().is_empty());
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

/// Three exchanges, an event from outside for one, an event of another run for the second, none for the third. Ends with its process.
async fn play(world: &World) {
    let Ok(engine) = world.try_open().await else { return };
    for order in ["o1", "o2", "o3"] {
        let _ = engine.start("exchange", exchange(order, 1), "test").await;
    }
    rest(&engine).await;
    let _ = engine.receive(parcel("p1", "o1", 7)).await;
    let tell = Value::record([("order_id", Value::string("o2")), ("weight", Value::Int(8))]);
    let _ = engine.start("tell", tell, "test").await;
    rest(&engine).await;
    for _ in 0..4 {
        if engine.stopped().is_none() {
            world.clock.advance(HOUR);
            rest(&engine).await;
        }
    }
    engine.shutdown().await;
}

#[tokio::test]
async fn dying_at_any_append_ends_each_wait_once() {
    let calm = world();
    play(&calm).await;
    let appends = calm.log.appends();
    let wanted = calm.connectors.effects();
    assert_eq!(wanted.len(), 2);
    assert!(appends > 10, "{appends}");
    for at in 1..=appends {
        for fault in [Fault::DiesBefore(at), Fault::DiesAfter(at)] {
            let world = world();
            world.log.set_fault(Some(fault.clone()));
            play(&world).await;
            world.log.set_fault(None);
            play(&world).await;
            let engine = world.open().await;
            let events = world.events(&engine).await;
            let kinds = kinds(&events);
            let count = |kind: &str| kinds.get(kind).copied().unwrap_or(0);
            assert_eq!((count("event-received"), count("event-emitted"), count("event-dispatched")), (1, 1, 2), "{fault:?}");
            assert_eq!((count("event-taken"), count("run-completed")), (2, 4), "{fault:?}");
            assert_eq!(world.connectors.effects(), wanted, "{fault:?}");
            engine.shutdown().await;
            replay(&*world.log, 0).await.unwrap();
        }
    }
}

#[tokio::test]
async fn ten_thousand_runs_wait_and_one_event_wakes_one() {
    let world = world();
    let engine = world.open().await;
    for number in 0..10_000 {
        engine.submit("exchange", exchange(&format!("o{number}"), 0), "test").await.unwrap();
    }
    rest(&engine).await;
    assert_eq!(engine.subscribe().progress.borrow().waiting, 10_000);
    let before = engine.subscribe().progress.borrow().events;
    let began = std::time::Instant::now();
    engine.receive(parcel("p1", "o7777", 5)).await.unwrap();
    engine.wait_idle().await.unwrap();
    let took = began.elapsed();
    assert_eq!(engine.subscribe().progress.borrow().completed, 1);
    assert!(engine.subscribe().progress.borrow().events - before < 10, "the others did nothing");
    assert!(took < std::time::Duration::from_secs(60), "it hangs: {took:?}");
    engine.shutdown().await;
    let engine = world.open().await;
    rest(&engine).await;
    assert_eq!(engine.subscribe().progress.borrow().waiting, 9_999);
    engine.receive(parcel("p2", "o7776", 5)).await.unwrap();
    engine.wait_idle().await.unwrap();
    assert_eq!(engine.subscribe().progress.borrow().completed, 2);
}
