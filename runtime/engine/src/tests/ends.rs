//! How runs come to their end: not while they are paused, with nobody left who is asked, in their time whoever took his, and with nothing
//! sent any more that had not happened.

use super::world::*;
use crate::approval::Verdict;
use crate::decide::Wish;
use crate::engine::Engine;
use crate::ports::CallFailure;
use crate::replay::replay;
use crate::summary::{RunStatus, RunSummary};
use crate::twin::{Reply, Request};
use std::sync::Arc;
use tradewind_lang::value::Value;

const FLOWS: &str = r#"
type "alarm" { field "text" string }
type "said" { field "kind" kinds }
flow "alarm" {
    summary "Page somebody"
    input "alarm"
    act "page" { call "desk.page" text="=input.text" }
    output { ran "=steps.page.ran" }
}
flow "both" {
    summary "Page somebody and ask somebody"
    input "alarm"
    act "page" { call "desk.page" text="=input.text" }
    ask "person" to="leads" within="4h" on-timeout=stop { question "What is it?"; show "=input.text"; answer "said" }
    output { ran "=steps.page.ran"; kind "=person.kind" }
}
flow "slow" {
    summary "Ask, then rest"
    input "alarm"
    deadline "1h"
    ask "person" to="leads" within="8h" on-timeout=stop { question "What is it?"; show "=input.text"; answer "said" }
    wait "rest" for="=person.kind == 'praise' ? duration(input.text) : duration('1m')"
    output { kind "=person.kind" }
}
policy "all" owner="leads" { on "desk.page" "desk.reply" "pay.refund" "pay.credit"; limit "flood" count=100 per="24h" }
"#;

fn world(bend: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> World {
    World::new(plan(&[PROJECT, FLOWS]), connectors(Arc::new(bend)))
}

/// Busy at first, and says for how long.
fn busy(request: &Request) -> Option<Reply> {
    let wait = CallFailure { retry_after: Some(90 * SECOND), ..failure("http-503", true) };
    (request.operation == "desk.page" && request.earlier == 0).then_some(Reply::Refused(wait))
}

async fn begin(engine: &Engine, flow: &str) -> Arc<str> {
    let run = engine.start(flow, Value::record([("text", Value::string("10h"))]), "test").await.unwrap().run_id;
    heard().await;
    run
}

/// Lets everything happen that happens without the clock, where a run waits for it.
async fn heard() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

async fn run(engine: &Engine, id: &str) -> RunSummary {
    engine.run(id).await.unwrap().unwrap().summary
}

fn pages(world: &World) -> usize {
    world.connectors.requests().iter().filter(|request| request.operation == "desk.page").count()
}

#[tokio::test]
async fn a_run_that_is_paused_while_its_last_step_is_under_way_ends_when_it_goes_on() {
    let world = world(busy);
    let engine = world.open().await;
    let id = begin(&engine, "alarm").await;
    engine.control(&id, "ann@example.com", Wish::Pause).await.unwrap();
    world.clock.advance(100 * SECOND);
    heard().await;
    assert_eq!(pages(&world), 2, "what was under way is settled");
    assert_eq!(run(&engine, &id).await.status, RunStatus::Paused);
    engine.control(&id, "ann@example.com", Wish::Resume).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(run(&engine, &id).await.status, RunStatus::Completed);
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn the_time_of_a_run_goes_on_when_somebody_has_answered_and_is_over_at_its_instant() {
    let world = world(|_| None);
    let engine = world.open().await;
    let id = begin(&engine, "slow").await;
    world.clock.advance(3 * HOUR);
    heard().await;
    let item = engine.approvals().await.unwrap().remove(0).approval.id.clone();
    let praise = Value::record([("kind", Value::string("praise"))]);
    engine.answer(&item, "ann@example.com", Verdict::Answer(praise)).await.unwrap();
    heard().await;
    world.clock.advance(HOUR - SECOND);
    heard().await;
    assert_eq!(run(&engine, &id).await.status, RunStatus::Waiting, "the hours of people do not count");
    world.clock.advance(SECOND);
    heard().await;
    let ended = run(&engine, &id).await;
    assert_eq!(ended.failure.map(|failure| failure.code), Some("time-out".to_owned()));
    assert_eq!(ended.updated_at, START + 4 * HOUR);
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn what_waits_to_be_sent_again_is_not_sent_for_a_run_that_was_cancelled_meanwhile() {
    let world = world(busy);
    let engine = world.open().await;
    let id = begin(&engine, "alarm").await;
    engine.control(&id, "ann@example.com", Wish::Cancel("wrong number".into())).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(pages(&world), 1, "the provider was busy, so it did not happen; and now it does not happen any more");
    let ended = run(&engine, &id).await;
    assert_eq!((ended.status, ended.cancelled.as_deref()), (RunStatus::Cancelled, Some("wrong number")));
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}
