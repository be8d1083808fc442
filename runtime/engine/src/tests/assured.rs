//! The engine's own assertions, which stay on in every build: a bug is planted, what it would write is not written, its run is stopped and says
//! why, and the runs beside it go on.

use super::drafts::MODELS;
use super::world::*;
use crate::approval::Verdict;
use crate::engine::Engine;
use crate::event::EventKind;
use crate::planted::{Bug, plant};
use crate::ports::Clock;
use crate::question::{Answer, Reply, Usage};
use crate::recover::verify;
use crate::replay::replay;
use crate::summary::{RunFilter, RunStatus, RunSummary};
use tradewind_lang::value::Value;

const FLOWS: &str = r#"
type "wish" { field "id" string; field "order" string; field "amount" money }
type "copy" { field "title" string max=20 }
route "copy" needs=text { candidate "small"; fail "nobody wrote it"; budget "1 USD" per=day }
flow "plain" {
    summary "Say so"
    input "wish"
    key "=input.id"
    act "tell" { call "desk.reply" message_id="=input.id" words="Done" }
}
flow "rests" {
    summary "Rest, then say so"
    input "wish"
    key "=input.id"
    wait "rest" for="5m"
    act "tell" { call "desk.reply" message_id="=input.id" words="Done" }
}
flow "pays" {
    summary "Credit, as far as the limit goes"
    input "wish"
    key "=input.id"
    act "first" { call "pay.credit" order_id="=input.order" amount="=input.amount" line="=input.id + '-1'" }
    act "second" { call "pay.credit" order_id="=input.order" amount="=input.amount" line="=input.id + '-2'" }
}
flow "asks" {
    summary "Credit what somebody signed"
    input "wish"
    key "=input.id"
    act "credit" {
        call "pay.credit" order_id="=input.order" amount="=input.amount" line="=input.id"
        stage to="leads" within="1h" on-timeout=deny
    }
}
flow "writes" {
    summary "Write copy"
    input "wish"
    key "=input.id"
    decide "copy" { draft "copy" route="copy" prompt="Describe {{ input.order }}" }
    output { title "=copy.title" }
}
policy "credits" { on "pay.credit"; limit "daily" sum="=effect.amount" max="1000 USD" per=day }
policy "others" { on "desk.reply" "desk.page" "pay.refund"; limit "all" count=9 }
"#;

/// Takes the bug out again, whatever becomes of the test.
struct Planted;

impl Planted {
    fn new(bug: Bug) -> Self {
        plant(Some(bug));
        Self
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        plant(None);
    }
}

fn wish(id: &str) -> Value {
    Value::record([("id", Value::string(id)), ("order", Value::string("o1")), ("amount", money("70 USD"))])
}

fn world() -> World {
    let said = |_: &crate::question::Prompt| {
        let usage = Some(Usage { input: 100, cached: 0, output: 10, reasoning: 0 });
        let reply = Reply { text: r#"{"title": "Oslo"}"#.into(), calls: Vec::new(), usage, by: "s-1".into(), hedged: false, took: 1_000 };
        Some(Answer::Said(reply))
    };
    World::new(plan(&[PROJECT, MODELS.split("type \"copy\"").next().unwrap(), FLOWS]), healthy()).saying(said)
}

/// What became of a run of a flow with a bug, how many effects there were, and what the log says of why it was cancelled.
async fn with(bug: Bug, flow: &'static str) -> (RunSummary, usize, String) {
    let (world, planted) = (world(), Planted::new(bug));
    let engine = world.open().await;
    engine.start(flow, wish("m1"), "test").await.unwrap();
    world.settle(&engine).await;
    // A microsecond before the wait is over.
    world.clock.set(world.clock.now().max(START + 300 * SECOND - 1));
    rest(&engine).await;
    late_answer(&world, &engine).await;
    world.settle(&engine).await;
    drop(planted);
    let run = runs(&engine, flow).await.remove(0);
    let effects = world.connectors.effects().len();
    // The process goes on with others.
    engine.start("plain", wish("m2"), "test").await.unwrap();
    world.settle(&engine).await;
    let beside = runs(&engine, "plain").await.pop().unwrap();
    assert_eq!((beside.status, engine.stopped()), (RunStatus::Completed, None), "{bug:?}: {:?}", beside.failure);
    let said = world.events(&engine).await.iter().find_map(|event| match &event.kind {
        EventKind::RunCancelled { reason } => Some(reason.to_string()),
        _ => None,
    });
    engine.shutdown().await;
    verify(&*world.log, 0).await.unwrap();
    (run, effects, said.unwrap_or_default())
}

/// Whoever is asked answers a second too late.
async fn late_answer(world: &World, engine: &Engine) {
    let Some(item) = engine.approvals().await.unwrap().pop() else { return };
    let mut answer = Box::pin(engine.answer(&item.approval.id, "ann@example.com", Verdict::Approve { edits: Value::Null }));
    std::future::poll_fn(|context| std::task::Poll::Ready(answer.as_mut().poll(context).is_ready())).await;
    // It is handed in, and is read when its time is over.
    world.clock.set(item.approval.deadline.unwrap() + SECOND);
    let _ = answer.await;
}

#[tokio::test]
async fn what_breaks_an_invariant_is_not_written_and_its_run_is_stopped_with_the_reason() {
    let cases: [(Bug, &str, usize, &str); 6] = [
        (Bug::MeantTwice, "plain", 1, "`desk.reply` is meant twice under the key "),
        (Bug::SettledTwice, "plain", 1, "an effect that was not meant, or is settled, comes to something"),
        (Bug::GuardsUnasked, "pays", 0, "`pay.credit` takes of limits that were not asked"),
        (Bug::QuestionCountedAfter, "writes", 0, "`small` takes of limits that were not asked"),
        (Bug::WaitEarly, "rests", 0, "a wait until "),
        (Bug::LateAnswerCounts, "asks", 0, " is answered after its time"),
    ];
    for (bug, flow, effects, why) in cases {
        let (run, done, said) = with(bug, flow).await;
        assert_eq!(done, effects, "{bug:?}: {run:?}");
        assert_eq!(run.status, RunStatus::Cancelled, "{bug:?}: {run:?}");
        assert!(said.starts_with("an invariant of the engine does not hold: ") && said.contains(why), "{bug:?}: {said}");
    }
}

#[tokio::test]
async fn a_run_that_is_stopped_is_decided_again_as_it_was_and_stays_stopped_for_the_next_process() {
    let (world, planted) = (world(), Planted::new(Bug::WaitEarly));
    let engine = world.open().await;
    engine.start("rests", wish("m1"), "test").await.unwrap();
    world.settle(&engine).await;
    world.clock.set(START + 300 * SECOND - 1);
    rest(&engine).await;
    world.settle(&engine).await;
    drop(planted);
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
    let engine = world.open().await;
    let run = engine.runs(RunFilter::default()).await.unwrap().remove(0);
    assert_eq!(run.status, RunStatus::Cancelled);
    assert!(world.events(&engine).await.iter().any(
        |event| matches!(&event.kind, EventKind::RunCancelled { reason } if reason.starts_with("an invariant of the engine does not hold"))
    ));
    engine.shutdown().await;
}

#[tokio::test]
async fn what_holds_breaks_nothing() {
    let world = world();
    let engine = world.open().await;
    for (place, flow) in ["plain", "rests", "pays", "asks", "writes"].into_iter().enumerate() {
        engine.start(flow, wish(&format!("m{place}")), "test").await.unwrap();
    }
    world.settle(&engine).await;
    let item = engine.approvals().await.unwrap().remove(0);
    engine.answer(&item.approval.id, "ann@example.com", Verdict::Approve { edits: Value::Null }).await.unwrap();
    world.settle(&engine).await;
    let stopped = world.events(&engine).await.iter().filter(|event| event.kind.name() == "cancel-requested").count();
    assert_eq!(stopped, 0);
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}
