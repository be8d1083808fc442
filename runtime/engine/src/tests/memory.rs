//! Memories: what takes the place of what, how long it is kept, what is stale, what is found, and that a log comes to the same again.

use super::world::*;
use crate::engine::Engine;
use crate::event::{Event, EventKind, Used};
use crate::memory::{Fact, Source, Trust};
use crate::ports::Clock;
use crate::replay::replay;
use crate::summary::RunStatus;
use std::sync::Arc;
use tradewind_lang::value::Value;

const DAY: i64 = 24 * HOUR;

/// Where things stand, what customers were told, and house rules about nobody.
const SHELVES: &str = r#"
type "stand" { field "sku" string; field "shelf" string; field "seen" timestamp?; field "good_until" timestamp? }
memory "stands" tier=working record="stand" retention="60d" key="sku" observed-at="seen" valid-to="good_until" {
    fulltext "sku" "shelf"
    fresh "7d" stale=flag
}
memory "strict-stands" tier=working record="stand" retention="60d" key="sku" { fresh "7d" stale=refuse }
type "hint" { field "sku" string; field "words" string untrusted }
memory "hints" tier=working record="hint" retention=forever key="sku"
type "remark" subject="customer_id" { field "customer_id" string; field "text" string pii untrusted; field "kind" string }
memory "remarks" tier=long-term record="remark" subject="customer_id" { fulltext "text"; retention "10d" after=last-write }
memory "few" tier=session record="remark" subject="customer_id" retention="90d" { cap 3 per=memory evict=oldest }
flow "put" {
    input { field "n" int; field "sku" string; field "shelf" string; field "seen" timestamp?; field "good_until" timestamp? }
    let "place" "=input.shelf"
    remember "kept" in="stands" { sku "=input.sku"; shelf "=place"; seen "=input.seen"; good_until "=input.good_until" }
    remember "strict" in="strict-stands" { sku "=input.sku"; shelf "=place" }
}
flow "find" {
    input { field "n" int; field "query" string }
    observe "all" { recall "stands" where="fact.shelf != 'cellar'" last=10 }
    observe "fresh" { recall "stands" where="true" last=10 fresh="7d" }
    observe "like" { recall "stands" query="=input.query" top=2 }
    observe "strict" { recall "strict-stands" all=#true max=10 }
    output {
        all "=all.map(f, f.shelf)"; stale "=all.map(f, f.stale)"; fresh "=fresh.map(f, f.shelf)"
        like "=like.map(f, f.sku)"; strict "=strict.map(f, f.shelf)"
    }
}
flow "hint" {
    input { field "n" int; field "sku" string; field "words" string untrusted }
    remember "kept" in="hints" { sku "=input.sku"; words "=input.words" }
}
flow "own-hint" {
    input { field "sku" string }
    observe "order" { call "shop.order.get" id="=input.sku" }
    decide "kind" { classify "kinds" route="kind" text="praise 0.9: x" }
    remember "kept" in="stands" { sku "=input.sku"; shelf "=order.id + string(kind.label)" }
}
flow "say" {
    input { field "customer_id" string; field "text" string pii untrusted; field "kind" string }
    remember "kept" in="remarks" subject="=input.customer_id" { customer_id "=input.customer_id"; text "=input.text"; kind "=input.kind" }
    remember "short" in="few" subject="=input.customer_id" { customer_id "=input.customer_id"; text "=input.text"; kind "=input.kind" }
}
flow "heard" {
    input { field "n" int; field "customer_id" string; field "query" string; field "then" timestamp }
    observe "like" { recall "remarks" subject="=input.customer_id" query="=input.query" top=5 }
    observe "kinds" { recall "remarks" where="fact.kind == 'late'" all=#true max=20 }
    observe "then" { recall "remarks" subject="=input.customer_id" as-of="=input.then" last=20 }
    output { like "=like.map(f, f.kind)"; kinds "=size(kinds)"; then "=then.map(f, f.kind)" }
}
flow "at-most" {
    input { field "n" int }
    observe "all" { recall "remarks" where="true" all=#true max=1 }
    output { many "=size(all)" }
}
"#;

fn world() -> World {
    World::new(plan(&[PROJECT, SHELVES]), healthy())
}

async fn run(world: &World, engine: &Engine, flow: &str, fields: &[(&str, Value)]) -> Value {
    let started = engine.start(flow, Value::record(fields.iter().cloned()), "test").await.unwrap();
    world.settle(engine).await;
    let found = engine.run(&started.run_id).await.unwrap().unwrap();
    assert_eq!(found.summary.status, RunStatus::Completed, "{found:#?}");
    found.summary.output.clone()
}

async fn put(world: &World, engine: &Engine, n: i64, sku: &str, shelf: &str) {
    put_seen(world, engine, (n, sku, shelf), (Value::Null, Value::Null)).await;
}

async fn put_seen(world: &World, engine: &Engine, (n, sku, shelf): (i64, &str, &str), (seen, until): (Value, Value)) {
    let fields =
        [("n", Value::Int(n)), ("sku", Value::string(sku)), ("shelf", Value::string(shelf)), ("seen", seen), ("good_until", until)];
    run(world, engine, "put", &fields).await;
}

async fn say(world: &World, engine: &Engine, customer: &str, text: &str, kind: &str) {
    let fields = [("customer_id", Value::string(customer)), ("text", Value::string(text)), ("kind", Value::string(kind))];
    run(world, engine, "say", &fields).await;
}

fn list(texts: &[&str]) -> Value {
    Value::list(texts.iter().map(|text| Value::string(*text)))
}

fn field(value: &Value, name: &str) -> Value {
    value.get(name).cloned().unwrap()
}

/// What a log says again: by a replay, by a fold of all of it, and by one that starts from an image.
async fn comes_to_the_same(world: &World, engine: &Engine) {
    replay(&*world.log, 0).await.unwrap();
    engine.rebuild().await.unwrap();
    let known = |facts: Vec<Arc<Fact>>| format!("{facts:#?}");
    let mut told = Vec::new();
    for memory in ["stands", "strict-stands", "hints", "remarks", "few"] {
        told.push(known(engine.history_of(memory, None).await.unwrap()));
    }
    let again = world.open().await;
    for (memory, told) in ["stands", "strict-stands", "hints", "remarks", "few"].iter().zip(told) {
        assert_eq!(known(again.history_of(memory, None).await.unwrap()), told);
    }
}

#[tokio::test]
async fn a_fact_takes_the_place_of_the_one_it_corrects_in_the_same_commit_and_says_where_it_comes_from() {
    let world = world();
    let engine = world.open().await;
    put(&world, &engine, 1, "lamp", "left").await;
    put(&world, &engine, 1, "shoe", "right").await;
    world.clock.advance(HOUR);
    put(&world, &engine, 2, "lamp", "cellar").await;
    // The same again says that it is still so, and is no fact of its own.
    world.clock.advance(HOUR);
    put(&world, &engine, 3, "shoe", "right").await;
    let history = engine.history_of("stands", None).await.unwrap();
    let told: Vec<(String, bool, i64)> = history
        .iter()
        .map(|fact| {
            (fact.fields.get("shelf").unwrap().as_str().unwrap().to_owned(), fact.superseded_by.is_some(), fact.verified_at - fact.at)
        })
        .collect();
    assert_eq!(told[0].0, "left");
    assert!(told[0].1, "the lamp is not on the left any more");
    assert_eq!((told[1].0.as_str(), told[1].1), ("right", false));
    assert!(told[1].2 >= 2 * HOUR, "the shoe was seen again later: {told:?}");
    assert_eq!((told[2].0.as_str(), told[2].1, told.len()), ("cellar", false, 3));
    assert_eq!(history[0].superseded_by, Some((history[2].seq, history[2].at)), "retired by the very event that corrects it");
    let fact = &history[2];
    assert_eq!((fact.origin.trust, &fact.origin.sources[..], &*fact.step), (Trust::Own, &[Source::Input][..], "kept"));
    assert!(engine.run(&fact.run).await.unwrap().is_some());

    run(&world, &engine, "own-hint", &[("sku", Value::string("hat"))]).await;
    let hat = engine.history_of("stands", None).await.unwrap().pop().unwrap();
    let sources: Vec<String> = hat.origin.sources.iter().map(ToString::to_string).collect();
    assert_eq!(sources, ["input", "order: shop.order.get", "kind: model kind"]);
    comes_to_the_same(&world, &engine).await;
}

#[tokio::test]
async fn what_outside_text_says_takes_the_place_of_nothing_that_is_better_trusted() {
    let world = world();
    let engine = world.open().await;
    let hint = |n: i64, words: Value| [("n", Value::Int(n)), ("sku", Value::string("lamp")), ("words", words)];
    run(&world, &engine, "hint", &hint(1, Value::string("it is in the cellar"))).await;
    run(&world, &engine, "hint", &hint(2, Value::string("it is on the roof"))).await;
    let history = engine.history_of("hints", None).await.unwrap();
    let standing: Vec<(Trust, bool)> = history.iter().map(|fact| (fact.origin.trust, fact.superseded_by.is_some())).collect();
    assert_eq!(standing, [(Trust::Outside, true), (Trust::Outside, false)]);
    comes_to_the_same(&world, &engine).await;
}

#[tokio::test]
async fn stale_facts_are_flagged_or_held_back_as_the_memory_says() {
    let world = world();
    let engine = world.open().await;
    put(&world, &engine, 1, "lamp", "left").await;
    // Seen long before it was remembered; and one that is true for an hour.
    put_seen(&world, &engine, (1, "hat", "top"), (Value::Timestamp(START - 8 * DAY), Value::Null)).await;
    put_seen(&world, &engine, (1, "coat", "hook"), (Value::Timestamp(START + 900 * DAY), Value::Timestamp(START + HOUR))).await;
    let find = |n: i64| [("n", Value::Int(n)), ("query", Value::string("hook left"))];
    let found = run(&world, &engine, "find", &find(1)).await;
    assert_eq!(field(&found, "all"), list(&["left", "top", "hook"]));
    assert_eq!(field(&found, "stale"), Value::list([false, true, false].map(Value::Bool)));
    assert_eq!(field(&found, "fresh"), list(&["left", "hook"]));
    assert_eq!(field(&found, "strict"), list(&["left", "top", "hook"]));
    assert_eq!(field(&found, "like"), list(&["coat", "lamp"]));
    world.clock.advance(8 * DAY);
    put(&world, &engine, 9, "shoe", "right").await;
    let found = run(&world, &engine, "find", &find(2)).await;
    assert_eq!(
        field(&found, "all"),
        list(&["left", "top", "right"]),
        "the coat was true for an hour, whatever it said of when it was seen"
    );
    assert_eq!(field(&found, "stale"), Value::list([true, true, false].map(Value::Bool)));
    assert_eq!((field(&found, "fresh"), field(&found, "strict")), (list(&["right"]), list(&["right"])));
    // Seen again, it is fresh again.
    put(&world, &engine, 10, "lamp", "left").await;
    let found = run(&world, &engine, "find", &find(3)).await;
    assert_eq!(field(&found, "stale"), Value::list([false, true, false].map(Value::Bool)));
    assert_eq!(field(&found, "strict"), list(&["left", "right"]));
    comes_to_the_same(&world, &engine).await;
}

#[tokio::test]
async fn retention_counts_from_the_last_write_and_a_cap_counts_everybodys_facts() {
    let world = world();
    let engine = world.open().await;
    say(&world, &engine, "c1", "one", "late").await;
    world.clock.advance(8 * DAY);
    say(&world, &engine, "c1", "two", "late").await;
    say(&world, &engine, "c2", "three", "broken").await;
    world.clock.advance(8 * DAY);
    // The first is 16 days old, and c1 wrote again 8 days ago.
    assert_eq!(engine.facts("remarks", "c1").await.unwrap().len(), 2);
    say(&world, &engine, "c2", "four", "broken").await;
    let few = engine.history_of("few", None).await.unwrap();
    let texts: Vec<&str> = few.iter().map(|fact| fact.fields.get("text").unwrap().as_str().unwrap()).collect();
    assert_eq!(texts, ["two", "three", "four"], "the oldest of all went");
    world.clock.advance(5 * DAY);
    assert_eq!(engine.facts("remarks", "c1").await.unwrap().len(), 0);
    assert_eq!(engine.facts("remarks", "c2").await.unwrap().len(), 2);
    comes_to_the_same(&world, &engine).await;
}

async fn heard(world: &World, engine: &Engine, n: i64, then: i64) -> Value {
    let fields = [
        ("n", Value::Int(n)),
        ("customer_id", Value::string("c1")),
        ("query", Value::string("parcel late")),
        ("then", Value::Timestamp(then)),
    ];
    run(world, engine, "heard", &fields).await
}

fn findings(events: &[Event]) -> Vec<(usize, u64, String, bool)> {
    let of = |event: &Event| match (&event.kind, &event.used) {
        (EventKind::StepCompleted { .. }, Used::Found(found)) => {
            assert!(found.scores.is_empty() || found.scores.len() == found.facts.len());
            Some((found.facts.len(), found.among, found.by.to_string(), found.as_of.is_some()))
        }
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

#[tokio::test]
async fn facts_are_found_by_words_condition_and_time_and_the_log_says_which_and_how_well() {
    let world = world();
    let engine = world.open().await;
    say(&world, &engine, "c1", "my parcel is late", "late").await;
    let then = world.clock.now() + 1;
    let exactly = run(&world, &engine, "at-most", &[("n", Value::Int(0))]).await;
    assert_eq!(field(&exactly, "many"), Value::Int(1), "as many as may be found are no failure");
    world.clock.advance(HOUR);
    say(&world, &engine, "c1", "the lamp is broken", "broken").await;
    say(&world, &engine, "c2", "late, late, late: my parcel", "late").await;
    let found = heard(&world, &engine, 1, then).await;
    assert_eq!(field(&found, "like"), list(&["late"]), "nobody is told of another one's parcel");
    assert_eq!((field(&found, "kinds"), field(&found, "then")), (Value::Int(2), list(&["late"])));
    let findings = findings(&world.events(&engine).await);
    let wanted = [(1, 1, "", false), (1, 2, "words", false), (2, 2, "", false), (1, 1, "", true)];
    assert_eq!(findings, wanted.map(|(found, among, by, past)| (found, among, by.to_owned(), past)));

    // More than may be found is a failure, and says so.
    let started = engine.start("at-most", Value::record([("n", Value::Int(1))]), "test").await.unwrap();
    world.settle(&engine).await;
    let failure = engine.run(&started.run_id).await.unwrap().unwrap().summary.failure.clone().unwrap();
    assert_eq!((failure.code.as_str(), failure.message.as_str()), ("too-many", "3 facts of `remarks` fit, and at most 1 were to"));
    comes_to_the_same(&world, &engine).await;
}

#[tokio::test]
async fn whoever_is_forgotten_is_found_neither_now_nor_in_the_past() {
    let world = world();
    let engine = world.open().await;
    say(&world, &engine, "c1", "my parcel is late", "late").await;
    say(&world, &engine, "c2", "my parcel is late, too", "late").await;
    let then = world.clock.now() + 1;
    world.clock.advance(HOUR);
    let before = heard(&world, &engine, 1, then).await;
    assert_eq!((field(&before, "kinds"), field(&before, "then")), (Value::Int(2), list(&["late"])));
    engine.forget("c1", "ann@example.com").await.unwrap();
    let gone = |found: &Value| {
        assert_eq!((field(found, "like"), field(found, "kinds"), field(found, "then")), (list(&[]), Value::Int(1), list(&[])))
    };
    gone(&heard(&world, &engine, 2, then).await);
    let again = world.open().await;
    gone(&heard(&world, &again, 3, then).await);
    comes_to_the_same(&world, &again).await;
}

#[tokio::test]
async fn the_twin_of_a_finder_keeps_its_contract() {
    crate::contract::finder(&crate::twin::WordFinder).await.unwrap();
}

/// What `heard` is told of an instant.
async fn then(world: &World, engine: &Engine, n: i64, at: i64) -> Value {
    field(&heard(world, engine, n, at).await, "then")
}

#[tokio::test]
async fn a_look_back_that_begins_at_a_snapshot_comes_to_what_the_whole_log_says() {
    let world = world();
    let engine = world.open().await;
    let mut instants = Vec::new();
    for (n, kind) in ["late", "broken", "late", "lost", "found", "late"].iter().enumerate() {
        say(&world, &engine, if n % 3 == 1 { "c2" } else { "c1" }, &format!("my parcel {n} is late"), kind).await;
        instants.push(world.clock.now() + 1);
        world.clock.advance(HOUR);
    }
    let image = image_of(&engine).await;
    // Each by a process of its own, which has no snapshot.
    let mut whole = Vec::new();
    for (n, at) in instants.iter().enumerate() {
        let alone = world.open().await;
        whole.push(then(&world, &alone, i64::try_from(n).unwrap(), *at).await);
        alone.shutdown().await;
    }
    assert_eq!(whole[5], list(&["late", "late", "lost", "late"]));
    // The later ones begin where the earlier ones have been, the other way round from the beginning, and behind an image from there.
    for (n, order) in [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [2, 5, 2, 0, 4, 5]].iter().enumerate() {
        let engine = world.try_open_with((n == 2).then_some(&*image)).await.unwrap();
        for place in order {
            let n = i64::try_from(100 + n * 10 + place).unwrap();
            assert_eq!(then(&world, &engine, n, instants[*place]).await, whole[*place], "{n}");
        }
        engine.shutdown().await;
    }
    let engine = world.open().await;
    then(&world, &engine, 900, instants[4]).await;
    // What lies before the snapshot is not read again, and cannot be.
    let first = segments(&world.log).await[1].first;
    world.log.remove(0, first);
    assert_eq!(then(&world, &engine, 901, instants[5]).await, whole[5]);
    let found = engine.search("remarks", Some("c1"), "late", 9, Some(instants[0])).await;
    assert!(found.is_err(), "before it there is only the log, which is damaged: {found:?}");
}

#[tokio::test]
async fn no_snapshot_outlives_whoever_is_forgotten() {
    let world = world();
    let engine = world.open().await;
    say(&world, &engine, "c1", "my parcel is late", "late").await;
    let at = world.clock.now() + 1;
    world.clock.advance(HOUR);
    say(&world, &engine, "c2", "my parcel is late, too", "late").await;
    assert_eq!(then(&world, &engine, 1, at).await, list(&["late"]));
    engine.forget("c1", "ann@example.com").await.unwrap();
    assert_eq!(then(&world, &engine, 2, at).await, list(&[]));
    assert!(engine.search("remarks", None, "late", 9, Some(at)).await.unwrap().facts.is_empty());
}
