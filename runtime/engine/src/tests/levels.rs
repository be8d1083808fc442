//! Who is asked next when nobody answered: each team has its own time, agreement adds up over them, and silence counts at the end.

use super::world::*;
use crate::approval::{AnswerRefusal, Verdict};
use crate::engine::{AnswerError, Engine};
use crate::event::EventKind;
use crate::ports::Clock;
use crate::replay::replay;
use crate::summary::RunStatus;
use crate::twin::Fault;
use std::sync::Arc;
use tradewind_lang::value::Value;

const FLOW: &str = r#"
type "wish" { field "id" string; field "order" string; field "amount" money }
flow "credit" {
    summary "Credit an order"
    input "wish"
    key "=input.id"
    deadline "1h"
    act "credit" STAGE { call "pay.credit" order_id="=input.order" amount="=input.amount" line="=input.id" }
    output { ran "=steps.credit.ran" }
}
policy "credits" owner="leads" {
    on "pay.credit"
    limit "daily" sum="=effect.amount" max="100000 USD" per=day
    escalate "large" when="effect.amount > '100 USD'" to="leads" within="4h" on-timeout=deny quorum=2 {
        then to="finance" within="2h"
        then to="board" within="1d" quorum=1
    }
    escalate "odd" when="effect.amount == '777 USD'" to="finance" within="1h" on-timeout=deny
}
team "board" { member "cy@example.com" }
"#;

fn world() -> World {
    World::new(plan(&[PROJECT, &FLOW.replace("STAGE", "")]), healthy())
}

async fn begin(world: &World, engine: &Engine, amount: &str) -> Arc<str> {
    let wish = Value::record([("id", Value::string(amount)), ("order", Value::string("o1")), ("amount", money(amount))]);
    let run = engine.start("credit", wish, "test").await.unwrap().run_id;
    world.settle(engine).await;
    run
}

async fn answer(engine: &Engine, by: &str) -> Result<(), AnswerError> {
    let item = engine.approvals().await.unwrap().into_iter().next().expect("somebody is asked");
    engine.answer(&item.approval.id, by, Verdict::Approve { edits: Value::Null }).await
}

fn not_a_member(teams: &[&str]) -> AnswerError {
    AnswerError::Refused(AnswerRefusal::NotAMember(teams.iter().map(|team| (*team).to_owned()).collect()))
}

async fn pass(world: &World, engine: &Engine, span: i64) {
    world.clock.advance(span);
    rest(engine).await;
    world.settle(engine).await;
}

async fn status(engine: &Engine, run: &str) -> RunStatus {
    engine.run(run).await.unwrap().unwrap().summary.status
}

#[tokio::test]
async fn the_next_team_gets_it_with_its_own_time_and_those_who_agreed_before_count_on() {
    let world = world();
    let engine = world.open().await;
    let run = begin(&world, &engine, "500 USD").await;
    assert_eq!(answer(&engine, "fin@example.com").await, Err(not_a_member(&["leads"])), "its turn has not come");
    answer(&engine, "ann@example.com").await.unwrap();
    pass(&world, &engine, 4 * HOUR).await;
    let item = engine.approvals().await.unwrap().remove(0);
    assert_eq!((item.approval.to.as_slice(), item.approval.quorum), (&["finance".to_owned()][..], 2));
    let left = item.approval.deadline.unwrap() - world.clock.now();
    assert!(left > HOUR && left <= 2 * HOUR, "two hours from the moment it was asked: {left}");
    assert_eq!(item.agreed.iter().map(|by| &**by).collect::<Vec<_>>(), ["ann@example.com"]);
    assert_eq!(answer(&engine, "ann@example.com").await, Err(not_a_member(&["finance"])), "nobody agrees twice, nor after their time");
    answer(&engine, "fin@example.com").await.unwrap();
    world.settle(&engine).await;
    assert_eq!(status(&engine, &run).await, RunStatus::Completed, "two people of two teams");
    assert_eq!(world.connectors.effects().len(), 1);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn silence_counts_after_the_last_team_whatever_restarts_and_however_the_clock_jumps() {
    let world = world();
    let engine = world.open().await;
    let run = begin(&world, &engine, "500 USD").await;
    engine.shutdown().await;
    // Nobody was there for three days: the next team has its whole time from now on.
    world.clock.advance(72 * HOUR);
    let engine = world.open().await;
    rest(&engine).await;
    world.settle(&engine).await;
    let item = engine.approvals().await.unwrap().remove(0);
    assert_eq!(item.approval.to, ["finance"]);
    assert!(item.approval.deadline.unwrap() > world.clock.now() + HOUR);
    pass(&world, &engine, 2 * HOUR).await;
    engine.shutdown().await;
    let engine = world.open().await;
    rest(&engine).await;
    let item = engine.approvals().await.unwrap().remove(0);
    assert_eq!((item.approval.to.as_slice(), item.approval.quorum), (&["board".to_owned()][..], 1));
    pass(&world, &engine, 24 * HOUR).await;
    assert_eq!(status(&engine, &run).await, RunStatus::Failed);
    let events = world.events(&engine).await;
    assert_eq!((kinds(&events)["approval-raised"], kinds(&events)["approval-expired"]), (2, 1));
    let denied = events.iter().find_map(|event| match &event.kind {
        EventKind::EffectDenied { rule, message, .. } => Some((rule.clone(), message.clone())),
        _ => None,
    });
    assert_eq!(denied.unwrap(), ("credits.large".to_owned(), "nobody of board answered in time".to_owned()));
    assert!(world.connectors.effects().is_empty());
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_rule_without_a_next_team_ends_the_question_for_all_that_ask_with_it() {
    let world = world();
    let engine = world.open().await;
    let run = begin(&world, &engine, "777 USD").await;
    let item = engine.approvals().await.unwrap().remove(0);
    assert_eq!((item.approval.to.len(), item.approval.then.len()), (2, 0));
    pass(&world, &engine, HOUR).await;
    assert_eq!(status(&engine, &run).await, RunStatus::Failed);
    assert!(!kinds(&world.events(&engine).await).contains_key("approval-raised"));
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn dying_at_any_append_raises_a_question_once() {
    for at in 1..=9 {
        for fault in [Fault::DiesBefore(at), Fault::DiesAfter(at)] {
            let world = world();
            world.log.set_fault(Some(fault.clone()));
            if let Ok(engine) = world.try_open().await {
                let wish = Value::record([("id", Value::string("w")), ("order", Value::string("o1")), ("amount", money("500 USD"))]);
                let _ = engine.start("credit", wish, "test").await;
                pass(&world, &engine, 5 * HOUR).await;
                engine.shutdown().await;
            }
            world.log.set_fault(None);
            let engine = world.open().await;
            let run = begin(&world, &engine, "400 USD").await;
            pass(&world, &engine, 5 * HOUR).await;
            let items = engine.approvals().await.unwrap();
            let own = items.iter().find(|item| item.run == run).unwrap();
            assert_eq!(own.approval.to, ["finance"], "{fault:?}");
            let events = world.events(&engine).await;
            let raised = events.iter().filter_map(|event| match &event.kind {
                EventKind::ApprovalRaised(raised) => Some((raised.approval.clone(), raised.to.clone())),
                _ => None,
            });
            let raised: Vec<_> = raised.collect();
            let distinct: std::collections::BTreeSet<_> = raised.iter().collect();
            assert_eq!(distinct.len(), raised.len(), "{fault:?}");
            engine.shutdown().await;
            replay(&*world.log, 0).await.unwrap();
        }
    }
}
