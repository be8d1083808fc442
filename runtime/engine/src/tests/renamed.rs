//! Forks of runs whose steps have other names by now: what was done under a name is done, whatever the name, and never again unasked.

use super::world::*;
use crate::approval::Verdict;
use crate::engine::Engine;
use crate::event::EventKind;
use crate::replay::replay;
use crate::summary::{RunDetails, RunStatus};
use std::sync::Arc;
use tradewind_lang::plan::Plan;
use tradewind_lang::value::Value;

const BY: &str = "ops@example.com";

const SERVE: &str = r#"
type "wishes" { field "id" string; field "words" list<string> }
type "words" { field "text" string }
flow "serve" {
    summary "Note, tell each, ask, page"
    input "wishes"
    key "=input.id"
    act "note" { call "desk.reply" message_id="=input.id" words="Noted" }
    each "all" in="=input.words" as="word" max=10 {
        act "tell" { call "desk.reply" message_id="=input.id" words="=word" }
        output { ran "=steps.tell.ran" }
    }
    ask "why" to="leads" within="4h" on-timeout=stop { question "Why?"; answer "words" }
    act "last" { call "desk.page" text="=input.id" }
    output { count "=size(all)"; why "=why.text" }
}
policy "replies" owner="leads" { on "desk.reply"; limit "flood" count=100 per=day }
policy "pages" owner="leads" { on "desk.page"; limit "flood" count=100 per=day }
"#;

/// The same with other names, and the migration that says so.
fn renamed(names: &[(&str, &str)]) -> Arc<Plan> {
    let mut flow = SERVE.to_owned();
    let mut says = String::new();
    for (before, after) in names {
        for (left, right) in [("act \"", "\""), ("each \"", "\""), ("steps.", "."), ("size(", ")")] {
            flow = flow.replace(&format!("{left}{before}{right}"), &format!("{left}{after}{right}"));
        }
        says.push_str(&format!("moved \"{before}\" to=\"{after}\"; "));
    }
    plan(&[PROJECT, &flow, &format!("migration \"names\" {{ flow \"serve\" {{ {says} }} }}")])
}

const ALL: &[(&str, &str)] = &[("note", "told"), ("all", "every"), ("tell", "say"), ("last", "end")];

async fn begun(world: &World, engine: &Engine) -> Arc<str> {
    let words = Value::list(["one", "two"].map(Value::string));
    let input = Value::record([("id", Value::string("w1")), ("words", words)]);
    let run = engine.start("serve", input, "test").await.unwrap().run_id;
    world.settle(engine).await;
    run
}

async fn answer(world: &World, engine: &Engine) {
    let asked = engine.approvals().await.unwrap().remove(0).approval.id.clone();
    let said = Value::record([("text", Value::string("because"))]);
    engine.answer(&asked, "ann@example.com", Verdict::Answer(said)).await.unwrap();
    world.settle(engine).await;
}

async fn adopt(world: &World, engine: &Engine, next: &Arc<Plan>) {
    engine.adopt(next.clone()).await.unwrap();
    world.settle(engine).await;
}

async fn fork(world: &World, engine: &Engine, run: &str, from: Option<&str>) -> Arc<str> {
    let planned = engine.plan_fork(run, from, None).await.unwrap();
    let run = engine.fork(planned, BY).await.unwrap().run_id;
    world.settle(engine).await;
    run
}

async fn details(engine: &Engine, run: &str) -> RunDetails {
    engine.run(run).await.unwrap().unwrap()
}

fn sent(world: &World) -> Vec<String> {
    world.connectors.requests().into_iter().map(|request| request.key).collect()
}

async fn led_over(world: &World, engine: &Engine) -> usize {
    world.events(engine).await.iter().filter(|event| matches!(event.kind, EventKind::RunMigrated(_))).count()
}

#[tokio::test]
async fn a_fork_of_a_run_that_was_led_over_does_nothing_again_under_the_new_names() {
    let world = World::new(plan(&[PROJECT, SERVE]), healthy());
    let engine = world.open().await;
    let first = begun(&world, &engine).await;
    adopt(&world, &engine, &renamed(ALL)).await;
    assert_eq!(led_over(&world, &engine).await, 1);
    answer(&world, &engine).await;
    assert_eq!(details(&engine, &first).await.summary.status, RunStatus::Completed);
    let before = sent(&world);
    assert_eq!(before.len(), 4, "noted, told twice, paged");
    let whole = fork(&world, &engine, &first, None).await;
    answer(&world, &engine).await;
    assert_eq!(details(&engine, &whole).await.summary.status, RunStatus::Completed);
    assert_eq!(sent(&world), before, "all of it was done, whatever its names were then");
    // From a step on, which has another name by now, what is before it is kept.
    let again = fork(&world, &engine, &first, Some("end")).await;
    let again = details(&engine, &again).await;
    assert_eq!(again.summary.status, RunStatus::Completed, "{again:#?}");
    assert_eq!(again.summary.output.get("why"), Some(&Value::string("because")), "nobody is asked again");
    assert_eq!(sent(&world), before);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_run_that_ended_before_its_steps_were_renamed_is_forked_by_the_new_names() {
    let world = World::new(plan(&[PROJECT, SERVE]), healthy());
    let engine = world.open().await;
    let first = begun(&world, &engine).await;
    answer(&world, &engine).await;
    let before = sent(&world);
    adopt(&world, &engine, &renamed(ALL)).await;
    let again = fork(&world, &engine, &first, Some("end")).await;
    assert_eq!(details(&engine, &again).await.summary.output.get("why"), Some(&Value::string("because")));
    let whole = fork(&world, &engine, &first, None).await;
    answer(&world, &engine).await;
    assert_eq!(details(&engine, &whole).await.summary.status, RunStatus::Completed);
    assert_eq!(sent(&world), before);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_fork_that_is_led_over_takes_what_it_inherits_with_it() {
    let world = World::new(plan(&[PROJECT, SERVE]), healthy());
    let engine = world.open().await;
    let first = begun(&world, &engine).await;
    answer(&world, &engine).await;
    let before = sent(&world);
    // It waits for the answer: what comes after it was done by the run that it was forked from, and it has not come to that yet.
    let waiting = fork(&world, &engine, &first, Some("why")).await;
    adopt(&world, &engine, &renamed(&[("note", "told"), ("last", "end")])).await;
    assert_eq!(led_over(&world, &engine).await, 1);
    answer(&world, &engine).await;
    assert_eq!(details(&engine, &waiting).await.summary.status, RunStatus::Completed);
    assert_eq!(sent(&world), before, "what it inherits is known by the new name");
    replay(&*world.log, 0).await.unwrap();
    engine.shutdown().await;
    let again = World { plan: renamed(&[("note", "told"), ("last", "end")]), ..world };
    let engine = again.open().await;
    let next = fork(&again, &engine, &waiting, None).await;
    answer(&again, &engine).await;
    assert_eq!(details(&engine, &next).await.summary.status, RunStatus::Completed);
    assert_eq!(sent(&again), before, "and so does a fork of the fork, in a process that read the log");
}

#[tokio::test]
async fn a_fork_keeps_its_plan_where_what_was_done_within_a_step_would_have_another_name() {
    let world = World::new(plan(&[PROJECT, SERVE]), healthy());
    let engine = world.open().await;
    let first = begun(&world, &engine).await;
    answer(&world, &engine).await;
    let before = sent(&world);
    let waiting = fork(&world, &engine, &first, None).await;
    adopt(&world, &engine, &renamed(ALL)).await;
    assert_eq!(led_over(&world, &engine).await, 0);
    answer(&world, &engine).await;
    assert_eq!(details(&engine, &waiting).await.summary.status, RunStatus::Completed);
    assert_eq!(sent(&world), before);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn what_was_renamed_without_a_word_is_not_done_again_unasked() {
    let world = World::new(plan(&[PROJECT, SERVE]), healthy());
    let engine = world.open().await;
    let first = begun(&world, &engine).await;
    answer(&world, &engine).await;
    let before = sent(&world);
    adopt(&world, &engine, &plan(&[PROJECT, &SERVE.replace("act \"note\"", "act \"told\"")])).await;
    let silent = fork(&world, &engine, &first, None).await;
    assert_eq!(sent(&world), before);
    let asked = engine.approvals().await.unwrap().into_iter().find(|item| item.approval.rules == ["fork"]).expect("somebody is asked");
    assert_eq!(asked.approval.shown[0].1.get("words"), Some(&Value::string("Noted")), "and sees what was done under the other name");
    engine.answer(&asked.approval.id, "ann@example.com", Verdict::Deny { reason: "it was".to_owned() }).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(details(&engine, &silent).await.summary.status, RunStatus::Failed);
    assert_eq!(sent(&world), before);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn what_a_lost_step_did_is_no_reason_to_ask_about_another_operation() {
    let world = World::new(plan(&[PROJECT, SERVE]), healthy());
    let engine = world.open().await;
    let first = begun(&world, &engine).await;
    answer(&world, &engine).await;
    let before = sent(&world);
    let replies = SERVE.replace(
        "act \"last\" { call \"desk.page\" text=\"=input.id\" }",
        "act \"more\" { call \"desk.reply\" message_id=\"=input.id\" words=\"More\" }",
    );
    adopt(&world, &engine, &plan(&[PROJECT, &replies])).await;
    let forked = fork(&world, &engine, &first, None).await;
    answer(&world, &engine).await;
    assert_eq!(details(&engine, &forked).await.summary.status, RunStatus::Completed);
    assert_eq!(sent(&world).len(), before.len() + 1, "and it is done");
    replay(&*world.log, 0).await.unwrap();
}
