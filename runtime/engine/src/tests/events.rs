//! Events from outside and from runs: each starts what it starts, once, whatever comes twice, late or while the process ends.

use super::random::Random;
use super::world::*;
use crate::arrival::{Arrival, Refusal};
use crate::engine::{Answer, Became, IDS_FOR, ReceiveError, StartError};
use crate::replay::replay;
use crate::summary::{RunStatus, RunSummary};
use crate::twin::Fault;
use std::collections::BTreeMap;
use tradewind_lang::value::Value;

const EVENTS: &str = r#"
type "paid" { field "order_id" string; field "amount" int; field "note" string default="" }
type "shipped" { field "order_id" string }
type "viewed" { field "page" string }
type "order_ref" { field "order_id" string; field "why" string; field "amount" int? }
policy "replies" { on "desk.reply"; limit "flood" count=200000 per="24h" }
flow "ship" {
    input "order_ref"
    key "=input.order_id"
    trigger event="paid" where="event.amount > 10" { why "=event.note + string(event.amount)" }
    act "thank" { call "desk.reply" message_id="=input.order_id" words="=input.why" }
    act "tell" { emit "shipped" order_id="=input.order_id" }
    output { order_id "=input.order_id" }
}
flow "count" {
    input "shipped"
    trigger event="shipped"
    let "seen" "=input.order_id"
    output { seen "=seen" }
}
flow "page" {
    input "viewed"
    trigger event="viewed" debounce="10s"
    let "page" "=input.page"
    output { page "=input.page" }
}
flow "by-order" {
    input "shipped"
    key "=input.order_id"
    trigger event="paid" where="event.amount == 5" debounce="1m"
    let "order" "=input.order_id"
    output { order_id "=input.order_id" }
}
flow "look" {
    input { field "n" int untrusted }
    trigger request="look" auth=none reply-within="2s"
    let "twice" "=input.n * 2"
    output { twice "=twice" }
}
flow "slow" {
    input { field "n" int untrusted }
    trigger webhook="slow/one" auth=none { n "=int(body.number)" }
    wait "hour" for="1h"
    output { n "=input.n" }
}
"#;

fn world() -> World {
    World::new(plan(&[PROJECT, EVENTS]), healthy())
}

fn paid(id: &str, order: &str, amount: i64) -> Arrival {
    let payload = Value::record([("order_id", Value::string(order)), ("amount", Value::Int(amount))]);
    Arrival { name: "paid".into(), source: "shop".into(), account: "".into(), id: id.into(), payload }
}

fn viewed(id: &str, page: &str) -> Arrival {
    let payload = Value::record([("page", Value::string(page))]);
    Arrival { name: "viewed".into(), source: "shop".into(), account: "".into(), id: id.into(), payload }
}

#[tokio::test]
async fn an_event_starts_the_flows_that_wait_for_it_and_their_events_start_others() {
    let world = world();
    let engine = world.open().await;
    let receipt = engine.receive(paid("e1", "o1", 20)).await.unwrap();
    assert!(!receipt.was_known);
    rest(&engine).await;
    let ship = runs(&engine, "ship").await;
    assert_eq!(ship.len(), 1);
    assert_eq!((&*ship[0].key, ship[0].status), ("o1", RunStatus::Completed));
    let input = engine.run(&ship[0].id).await.unwrap().unwrap().input;
    assert_eq!(input.get("why"), Some(&Value::string("20")), "mapped, with the event's default");
    assert_eq!(input.get("amount"), Some(&Value::Int(20)), "by its own name");
    assert_eq!(runs(&engine, "count").await.len(), 1, "what a run tells of starts others");
    let listed = engine.arrivals(10).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[1].became, Became::Dispatched { runs: vec![ship[0].id.clone()], failed: Vec::new() });
    // Where no condition holds, nothing starts.
    engine.receive(paid("e2", "o2", 3)).await.unwrap();
    rest(&engine).await;
    assert_eq!(runs(&engine, "ship").await.len(), 1);
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn the_same_event_again_changes_nothing_also_over_restarts_and_for_a_week() {
    let world = world();
    let engine = world.open().await;
    let (one, two) = tokio::join!(engine.receive(paid("e1", "o1", 20)), engine.receive(paid("e1", "o1", 20)));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!((one.seq, one.was_known, two.was_known), (two.seq, false, true));
    rest(&engine).await;
    engine.shutdown().await;
    let engine = world.open().await;
    assert!(engine.receive(paid("e1", "o1", 20)).await.unwrap().was_known);
    // Of another source, or another event of one delivery, it is another.
    assert!(!engine.receive(Arrival { source: "other".into(), ..paid("e1", "o1", 20) }).await.unwrap().was_known);
    world.clock.advance(IDS_FOR + 1);
    engine.receive(paid("e9", "o9", 1)).await.unwrap();
    assert!(!engine.receive(paid("e1", "o1", 20)).await.unwrap().was_known, "an id is kept for a week");
    rest(&engine).await;
    assert_eq!(runs(&engine, "ship").await.len(), 1, "the flow's key holds beyond that");
    assert_eq!(world.connectors.effects().len(), 1);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_its_place_and_can_be_seen() {
    let world = world();
    let engine = world.open().await;
    let odd = Arrival { payload: Value::record([("order_id", Value::Int(7)), ("amount", Value::Int(1))]), ..paid("e1", "", 1) };
    let error = engine.receive(odd.clone()).await.unwrap_err();
    assert_eq!(error, ReceiveError::Payload("`order_id` is no string".to_owned()));
    assert_eq!(engine.receive(odd).await.unwrap_err(), error);
    assert_eq!(
        engine.receive(Arrival { name: "pait".into(), ..paid("e2", "", 1) }).await.unwrap_err(),
        ReceiveError::Unknown("pait".into())
    );
    let refusal = Refusal { name: "paid".into(), source: "shop".into(), id: "e3".into(), why: "`amount`: must be an int".to_owned() };
    engine.refuse(refusal).await;
    engine.shutdown().await;
    let engine = world.open().await;
    let listed = engine.arrivals(10).await.unwrap();
    let reasons: Vec<&str> = listed
        .iter()
        .map(|listed| match &listed.became {
            Became::Refused(why) => why.as_str(),
            _ => "",
        })
        .collect();
    assert_eq!(reasons, ["`amount`: must be an int", "`order_id` is no string"], "each once, newest first");
    assert!(runs(&engine, "ship").await.is_empty());
}

#[tokio::test]
async fn several_events_within_the_time_start_one_run_with_the_last() {
    let world = world();
    let engine = world.open().await;
    for page in ["a", "b", "c"] {
        engine.receive(viewed(page, page)).await.unwrap();
        world.clock.advance(2 * SECOND);
    }
    rest(&engine).await;
    assert!(runs(&engine, "page").await.is_empty(), "their time is not over");
    // The time runs from the first.
    world.clock.advance(4 * SECOND);
    rest(&engine).await;
    let first = runs(&engine, "page").await;
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].output.get("page"), Some(&Value::string("c")));
    engine.receive(viewed("d", "c")).await.unwrap();
    world.clock.advance(10 * SECOND);
    rest(&engine).await;
    assert_eq!(runs(&engine, "page").await.len(), 2, "the next is another run, however alike");
    // Those of another key are apart.
    for (id, order) in [("1", "o1"), ("2", "o2"), ("3", "o1")] {
        engine.receive(paid(id, order, 5)).await.unwrap();
    }
    world.clock.advance(60 * SECOND);
    rest(&engine).await;
    assert_eq!(runs(&engine, "by-order").await.len(), 2);
    assert_eq!(engine.arrivals(100).await.unwrap().iter().filter(|listed| listed.became == Became::Waiting).count(), 0);
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

/// Nine views over three windows, and payments; ends with its process.
async fn views(world: &World) {
    let Ok(engine) = world.try_open().await else { return };
    for (number, second) in [0, 3, 6, 9, 12, 15, 18, 21, 40].into_iter().enumerate() {
        let at = START + second * SECOND;
        if engine.stopped().is_some() {
            break;
        }
        world.clock.set(at.max(crate::ports::Clock::now(&*world.clock)));
        rest(&engine).await;
        let _ = engine.receive(viewed(&number.to_string(), &number.to_string())).await;
        if number % 3 == 0 {
            let _ = engine.receive(paid(&number.to_string(), &format!("o{number}"), 11)).await;
        }
        rest(&engine).await;
    }
    if engine.stopped().is_none() {
        world.clock.advance(60 * SECOND);
        rest(&engine).await;
    }
    engine.shutdown().await;
}

#[tokio::test]
async fn dying_at_any_append_loses_and_doubles_no_event() {
    let calm = world();
    views(&calm).await;
    let appends = calm.log.appends();
    let engine = calm.open().await;
    let pages = |runs: &[RunSummary]| runs.iter().map(|run| run.output.get("page").cloned().unwrap()).collect::<Vec<_>>();
    let wanted = pages(&runs(&engine, "page").await);
    assert_eq!(wanted, [Value::string("3"), Value::string("7"), Value::string("8")]);
    engine.shutdown().await;
    for at in 1..=appends {
        for fault in [Fault::DiesBefore(at), Fault::DiesAfter(at)] {
            let world = world();
            world.log.set_fault(Some(fault.clone()));
            views(&world).await;
            world.log.set_fault(None);
            views(&world).await;
            let engine = world.open().await;
            rest(&engine).await;
            let events = world.events(&engine).await;
            let count = |kind: &str| kinds(&events).get(kind).copied().unwrap_or(0);
            assert_eq!(count("event-received"), 12, "{fault:?}");
            assert_eq!(count("event-dispatched"), 12 + count("event-emitted"), "{fault:?}");
            assert_eq!((runs(&engine, "ship").await.len(), runs(&engine, "count").await.len()), (3, 3), "{fault:?}");
            assert_eq!(world.connectors.effects().len(), 3, "{fault:?}");
            assert_eq!(pages(&runs(&engine, "page").await), wanted, "{fault:?}");
            engine.shutdown().await;
            replay(&*world.log, 0).await.unwrap();
        }
    }
}

#[tokio::test]
async fn duplicates_late_ones_and_any_order_come_to_the_same() {
    for seed in 0..12 {
        let mut random = Random(seed);
        let world = world();
        let mut deliveries: Vec<(String, String, i64)> = Vec::new();
        for number in 0..30 {
            let times = 1 + random.below(3);
            let amount = if number % 4 == 0 { 3 } else { 20 };
            deliveries.extend((0..times).map(|_| (format!("e{number}"), format!("o{}", number % 20), amount)));
        }
        for place in (1..deliveries.len()).rev() {
            deliveries.swap(place, random.below(place as u64 + 1) as usize);
        }
        let mut engine = world.open().await;
        for (id, order, amount) in &deliveries {
            engine.receive(paid(id, order, *amount)).await.unwrap();
            if random.below(20) == 0 {
                engine.shutdown().await;
                engine = world.open().await;
            }
        }
        rest(&engine).await;
        let mut wanted: BTreeMap<String, usize> = BTreeMap::new();
        deliveries.iter().filter(|(_, _, amount)| *amount > 10).for_each(|(_, order, _)| *wanted.entry(order.clone()).or_default() = 1);
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for run in runs(&engine, "ship").await {
            *found.entry(run.key.to_string()).or_default() += 1;
        }
        assert_eq!(found, wanted, "seed {seed}");
        assert_eq!(world.connectors.effects().len(), wanted.len(), "seed {seed}");
        assert_eq!(kinds(&world.events(&engine).await)["event-received"], 30, "seed {seed}");
        engine.shutdown().await;
        replay(&*world.log, 0).await.unwrap();
    }
}

#[tokio::test]
async fn too_many_that_wait_are_turned_away_and_none_is_lost() {
    let world = world();
    let engine = world.open().await;
    let gathered = |number: usize| paid(&number.to_string(), &format!("o{number}"), 5);
    for number in 0..10_000 {
        engine.receive(gathered(number)).await.unwrap();
    }
    let Err(ReceiveError::Busy(busy)) = engine.receive(gathered(10_000)).await else { panic!("it was taken") };
    assert!(busy.retry_after > 0);
    assert!(engine.receive(gathered(17)).await.unwrap().was_known, "what is in the log is acknowledged all the same");
    world.clock.advance(60 * SECOND);
    rest(&engine).await;
    engine.receive(gathered(10_000)).await.unwrap();
    world.clock.advance(60 * SECOND);
    rest(&engine).await;
    assert_eq!(runs(&engine, "by-order").await.len(), 10_001);
}

#[tokio::test]
async fn a_thousand_events_at_most_start_one_run() {
    let world = world();
    let engine = world.open().await;
    for number in 0..2_500 {
        engine.receive(viewed(&number.to_string(), &number.to_string())).await.unwrap();
    }
    world.clock.advance(10 * SECOND);
    rest(&engine).await;
    let pages: Vec<_> = runs(&engine, "page").await.iter().map(|run| run.output.get("page").cloned().unwrap()).collect();
    assert_eq!(pages, [Value::string("999"), Value::string("1999"), Value::string("2499")]);
}

#[tokio::test]
async fn a_caller_who_waits_is_answered_as_soon_as_the_run_has_ended() {
    let world = world();
    let engine = world.open().await;
    let number = |number| Value::record([("n", Value::Int(number))]);
    for n in 0..200 {
        let Answer::Ended(run) = engine.request("look", number(n), "caller", 2 * SECOND).await.unwrap() else { panic!("it goes on") };
        assert_eq!(run.output.get("twice"), Some(&Value::Int(n * 2)));
    }
    // The same again is the same run.
    assert!(matches!(engine.request("look", number(1), "caller", 2 * SECOND).await, Ok(Answer::Ended(_))));
    assert_eq!(runs(&engine, "look").await.len(), 200);
    let waiting = {
        let engine = engine.clone();
        tokio::spawn(async move { engine.request("slow", number(1), "caller", SECOND).await })
    };
    rest(&engine).await;
    world.clock.advance(SECOND);
    let Answer::GoesOn(run) = waiting.await.unwrap().unwrap() else { panic!("it takes an hour") };
    assert_eq!(engine.run(&run).await.unwrap().unwrap().summary.status, RunStatus::Waiting);
    assert!(matches!(engine.request("looks", number(1), "caller", 1).await, Err(StartError::UnknownFlow(_))));
}

#[tokio::test]
async fn an_address_names_a_flow_and_its_body_becomes_the_input() {
    let world = world();
    let engine = world.open().await;
    assert_eq!(engine.address("/look").unwrap().reply_within, Some(2 * SECOND));
    assert!(engine.address("looks").is_none());
    let slow = engine.address("slow/one").unwrap();
    assert_eq!((&*slow.flow, slow.reply_within), ("slow", None));
    let input = engine.input_of_call(&slow, &Value::record([("number", Value::Int(4))])).unwrap();
    assert_eq!(input, Value::record([("n", Value::Int(4))]));
    let error = engine.input_of_call(&engine.address("look").unwrap(), &Value::record([("n", Value::string("4"))])).unwrap_err();
    assert_eq!(error, StartError::Input("`n`: must be int, is the text `4`".to_owned()));
}
