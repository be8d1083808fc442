//! What is held up when its run is told to end, or its process ends: behind a freeze, for a provider that wants to be left alone, for a
//! person whom nobody has asked yet.

use super::world::*;
use crate::approval::{ApprovalKind, Verdict};
use crate::decide::Wish;
use crate::engine::Engine;
use crate::event::EventKind;
use crate::frozen::Scope;
use crate::ports::{CallFailure, Clock};
use crate::replay::replay;
use crate::summary::{RunDetails, RunStatus};
use crate::twin::{Reply, Request};
use std::sync::Arc;
use tradewind_lang::value::Value;

const DAY: i64 = 24 * HOUR;

/// Somebody is paged, or rung for together with others.
const FLOWS: &str = r#"
type "alarm" { field "text" string }
connector "bell" version="1" {
    base-url "http://127.0.0.1:1/bell"
    timeout connect="2s" total="10s"
    retry max=3 from="100ms" to="5s" { when "status == 503" }
    operation "ring" effect=irreversible {
        request { field "text" string }
        response "desk.sent"
        batch max=50 wait="200ms" {
            http POST "/rings" { body { texts "=calls.map(c, c.request.text)" } }
            failed "=body.errors" as="e" index="=e.index"
            answered "=body.rings"
        }
    }
}
flow "ring" {
    summary "Ring"
    input "alarm"
    act "ring" { call "bell.ring" text="=input.text" }
    output { ran "=steps.ring.ran" }
}
flow "page" {
    summary "Page somebody"
    input "alarm"
    act "page" { call "desk.page" text="=input.text" }
    output { ran "=steps.page.ran"; by "=steps.page.settled_by" }
}
flow "hurry" {
    summary "Page somebody within an hour"
    input "alarm"
    deadline "1h"
    act "page" { call "desk.page" text="=input.text" }
    output { ran "=steps.page.ran" }
}
type "long" { field "text" string; field "rest" string }
flow "shout" {
    summary "Page somebody with a very long text"
    input "long"
    let "twice" "=input.text + input.text"
    let "often" "=twice + twice + twice + twice"
    act "page" { call "desk.page" text="=often + often + often + often + input.rest" }
    output { ran "=steps.page.ran"; by "=steps.page.settled_by" }
}
policy "all" owner="leads" { on "desk.page" "bell.ring" "desk.reply" "pay.refund" "pay.credit"; limit "flood" count=100 per="24h" }
"#;

fn world(bend: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> World {
    World::new(plan(&[PROJECT, FLOWS]), connectors(Arc::new(bend)))
}

fn alarm(text: &str) -> Value {
    Value::record([("text", Value::string(text))])
}

fn sent(world: &World, operation: &str) -> usize {
    world.connectors.requests().iter().filter(|request| request.operation == operation).count()
}

/// Lets everything happen that happens without the clock, where a run waits for it.
async fn heard() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

async fn told(engine: &Engine, run: &str) -> (RunDetails, &'static str, String) {
    let run = engine.run(run).await.unwrap().unwrap();
    let last = run.steps.last().unwrap();
    let (status, note) = (last.status, last.note.clone().unwrap_or_default());
    (run, status, note)
}

/// A ring whose intent is durable waits for others when everything is frozen; then its wait is over.
async fn held_at_the_gate() -> (World, Engine, Arc<str>) {
    let world = world(|_| None);
    let engine = world.open().await;
    let run = engine.start("ring", alarm("fire"), "test").await.unwrap().run_id;
    while !kinds(&world.events(&engine).await).contains_key("intent-recorded") {
        tokio::task::yield_now().await;
    }
    engine.freeze(Scope::All, "ann@example.com", "a test").await.unwrap();
    for _ in 0..3 {
        world.clock.advance(SECOND);
        heard().await;
    }
    assert_eq!(sent(&world, "bell.ring"), 0, "it is frozen");
    (world, engine, run)
}

#[tokio::test]
async fn what_is_held_back_by_a_freeze_is_not_sent_after_its_run_was_cancelled() {
    let (world, engine, run) = held_at_the_gate().await;
    engine.control(&run, "ann@example.com", Wish::Cancel("a false alarm".into())).await.unwrap();
    heard().await;
    let (cancelled, status, note) = told(&engine, &run).await;
    assert_eq!((cancelled.summary.status, status), (RunStatus::Cancelled, "failed"), "it ends while everything is frozen");
    assert!(note.contains("its run ended before it was sent"), "{note}");
    engine.thaw(Scope::All, "ann@example.com", "").await.unwrap();
    world.settle(&engine).await;
    assert_eq!(sent(&world, "bell.ring"), 0, "nobody rings for a run that was cancelled");
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn what_is_held_back_by_a_freeze_is_sent_once_after_the_thaw() {
    let (world, engine, run) = held_at_the_gate().await;
    // A freeze of something else, and a thaw of that, let nothing through.
    engine.freeze(Scope::Flow("page".into()), "ann@example.com", "").await.unwrap();
    engine.thaw(Scope::Flow("page".into()), "ann@example.com", "").await.unwrap();
    heard().await;
    assert_eq!(sent(&world, "bell.ring"), 0);
    engine.thaw(Scope::All, "ann@example.com", "").await.unwrap();
    world.settle(&engine).await;
    assert_eq!((sent(&world, "bell.ring"), told(&engine, &run).await.0.summary.status), (1, RunStatus::Completed));
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

/// A provider that is busy, and wants to be left alone for ten years.
fn ten_years(request: &Request) -> Option<Reply> {
    let wait = CallFailure { retry_after: Some(3650 * DAY), ..failure("http-429", true) };
    (request.earlier == 0).then_some(Reply::Refused(wait))
}

async fn put_off(flow: &str) -> (World, Engine, Arc<str>) {
    let world = world(ten_years);
    let engine = world.open().await;
    let run = engine.start(flow, alarm("fire"), "test").await.unwrap().run_id;
    while !kinds(&world.events(&engine).await).contains_key("effect-attempted") {
        heard().await;
    }
    (world, engine, run)
}

#[tokio::test]
async fn a_provider_that_wants_to_be_left_alone_for_years_is_asked_again_after_a_day() {
    let (world, engine, run) = put_off("page").await;
    let (_, status, note) = told(&engine, &run).await;
    assert_eq!(status, "open");
    assert!(note.ends_with("sent at 2026-01-02T00:00:00Z"), "{note}");
    world.clock.set(START + DAY - SECOND);
    heard().await;
    assert_eq!(sent(&world, "desk.page"), 1);
    world.clock.set(START + DAY);
    world.settle(&engine).await;
    assert_eq!((sent(&world, "desk.page"), told(&engine, &run).await.0.summary.status), (2, RunStatus::Completed));
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_run_whose_deadline_passes_or_that_is_cancelled_waits_for_no_provider() {
    let (world, engine, run) = put_off("hurry").await;
    world.clock.set(START + HOUR);
    heard().await;
    let (late, status, note) = told(&engine, &run).await;
    assert_eq!(late.summary.failure.unwrap().message, "the run took longer than its deadline");
    assert_eq!(status, "failed");
    assert!(note.contains("its run ended before it was sent again"), "{note}");
    // It failed for good: a person may want it done again.
    assert_eq!(engine.dead_letters(&Default::default()).await.unwrap().len(), 1);

    let second = engine.start("page", alarm("flood"), "test").await.unwrap().run_id;
    heard().await;
    assert_eq!(told(&engine, &second).await.1, "open");
    engine.control(&second, "ann@example.com", Wish::Cancel("a test".into())).await.unwrap();
    heard().await;
    assert_eq!(told(&engine, &second).await.0.summary.status, RunStatus::Cancelled);
    // Nobody hears their clocks any more.
    world.clock.set(START + 30 * DAY);
    world.settle(&engine).await;
    assert_eq!((sent(&world, "desk.page"), world.clock.now()), (2, START + 30 * DAY));
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

/// A request that is nearly as large as the log takes: beside the word that it is in doubt there is no room for the question about it. The
/// sizes differ, so that one of them is just so large.
#[tokio::test]
async fn whoever_has_to_settle_a_doubt_is_asked_even_where_the_question_found_no_room_beside_it() {
    let mut alone = 0;
    for less in (0..1600).step_by(100) {
        let world = world(|request| (request.operation == "desk.page").then_some(Reply::Lost(Value::Null)));
        let engine = world.open().await;
        let (part, rest) = ("x".repeat(128_000), "y".repeat((4 << 20) - 32 * 128_000 - less));
        let input = Value::record([("text", Value::string(part)), ("rest", Value::string(rest))]);
        let run = engine.start("shout", input, "test").await.unwrap().run_id;
        world.settle(&engine).await;
        let (run, status, note) = told(&engine, &run).await;
        if sent(&world, "desk.page") == 0 {
            assert!(note.contains("too large for the log"), "{less}: {note}");
            continue;
        }
        assert_eq!(status, "open", "{less}: {note}");
        let inbox = engine.approvals().await.unwrap();
        let kinds: Vec<ApprovalKind> = inbox.iter().map(|item| item.approval.kind).collect();
        assert_eq!(kinds, [ApprovalKind::Settle], "{less}");
        let together = |segment: &crate::segment::Segment| segment.body.len() < 4096;
        alone += usize::from(segments(&world.log).await.iter().rev().nth(1).is_some_and(together));
        // The next process asks nobody a second time, and takes the answer.
        engine.shutdown().await;
        let engine = world.open().await;
        world.settle(&engine).await;
        assert_eq!(engine.approvals().await.unwrap().len(), 1);
        engine.answer(&inbox[0].approval.id, "ann@example.com", Verdict::Approve { edits: Value::Null }).await.unwrap();
        world.settle(&engine).await;
        assert_eq!(told(&engine, &run.summary.id).await.0.summary.output.get("by"), Some(&Value::string("person")));
        assert_eq!(sent(&world, "desk.page"), 1);
        assert!(!world.events(&engine).await.iter().any(|event| matches!(event.kind, EventKind::StepFailed { .. })));
        engine.shutdown().await;
        replay(&*world.log, 0).await.unwrap();
    }
    assert!(alone > 0, "none of the sizes leaves the question without room");
}
