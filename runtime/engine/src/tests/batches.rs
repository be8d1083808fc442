//! Batches of questions: what one run asks of the same people is one item of the inbox, and each effect in it keeps its own answer.

use super::world::*;
use crate::approval::{AnswerRefusal, Batch, PendingApproval, Verdict, batches};
use crate::engine::{AnswerError, Engine};
use crate::event::EventKind;
use crate::replay::replay;
use crate::summary::RunStatus;
use crate::twin::Fault;
use std::sync::Arc;
use tradewind_lang::value::Value;

const FLOW: &str = r#"
type "line" { field "id" string; field "amount" money }
type "claim" { field "order" string; field "lines" list<line> }
flow "credits" {
    summary "Credit the lines of an order"
    input "claim"
    key "=input.order"
    deadline "1h"
    each "lines" in="=input.lines" as="line" key="=line.id" max=500 on-error=skip {
        act "credit" on-denied="skip" {
            call "pay.credit" order_id="=input.order" amount="=line.amount" line="=line.id"
            stage to="leads" within="6h" on-timeout=deny batch=run { editable "amount" }
        }
        output { id "=line.id"; ran "=steps.credit.ran" }
    }
    output { lines "=lines" }
}
policy "credits" owner="leads" {
    on "pay.credit"
    deny "huge" when="effect.amount > '1000 USD'"
    limit "daily" sum="=effect.amount" max="100000 USD" per=day
}
"#;

fn world() -> World {
    World::new(plan(&[PROJECT, FLOW]), healthy())
}

async fn begin(world: &World, engine: &Engine, order: &str, count: usize) -> Arc<str> {
    let line = |number: usize| Value::record([("id", Value::string(format!("l{number:03}"))), ("amount", money("5 USD"))]);
    let claim = Value::record([("order", Value::string(order)), ("lines", Value::list((0..count).map(line)))]);
    let run = engine.start("credits", claim, "test").await.unwrap().run_id;
    world.settle(engine).await;
    run
}

async fn inbox(engine: &Engine) -> (Vec<Batch>, Vec<PendingApproval>) {
    batches(engine.approvals().await.unwrap())
}

fn approve() -> Verdict {
    Verdict::Approve { edits: Value::Null }
}

fn is_ok(answers: &[(Arc<str>, Result<(), AnswerError>)]) -> bool {
    answers.iter().all(|(_, answer)| answer.is_ok())
}

#[tokio::test]
async fn four_hundred_items_are_one_item_of_the_inbox_although_one_is_at_work_at_once() {
    let world = world();
    let engine = world.open().await;
    let run = begin(&world, &engine, "o1", 400).await;
    let other = begin(&world, &engine, "o2", 2).await;
    let (mut found, alone) = inbox(&engine).await;
    assert_eq!((found.len(), alone.len()), (2, 0), "one for each run");
    found.sort_by_key(|batch| std::cmp::Reverse(batch.items.len()));
    assert_eq!((found[0].items.len(), found[1].items.len()), (400, 2));
    let digests: std::collections::BTreeSet<_> = found[0].items.iter().map(|item| item.approval.digest).collect();
    assert_eq!(digests.len(), 400, "each is bound to what it does");
    // Three are refused, the others are let pass.
    let (no, yes) = found[0].items.split_at(3);
    let denied = engine.answer_all(&ids(no), "ann@example.com", Verdict::Deny { reason: "not these".to_owned() }).await;
    assert!(denied.len() == 3 && is_ok(&denied));
    let approved = engine.answer_all(&ids(yes), "ann@example.com", approve()).await;
    assert!(approved.len() == 397 && is_ok(&approved));
    world.settle(&engine).await;
    assert_eq!(world.connectors.effects().len(), 397);
    let details = engine.run(&run).await.unwrap().unwrap();
    assert_eq!(details.summary.status, RunStatus::Completed, "{:?}", details.summary);
    let Some(Value::List(lines)) = details.summary.output.get("lines") else { panic!("{details:?}") };
    assert_eq!(lines.iter().filter(|line| line.get("ran") == Some(&Value::Bool(true))).count(), 397);
    assert_eq!(engine.run(&other).await.unwrap().unwrap().summary.status, RunStatus::Waiting);
    replay(&*world.log, 0).await.unwrap();
}

fn ids(items: &[PendingApproval]) -> Vec<Arc<str>> {
    items.iter().map(|item| item.approval.id.clone()).collect()
}

#[tokio::test]
async fn edits_are_judged_for_each_item_and_what_was_seen_changes_with_them() {
    let world = world();
    let engine = world.open().await;
    begin(&world, &engine, "o1", 3).await;
    let (found, _) = inbox(&engine).await;
    let seen = found[0].seen.clone();
    let edits = |amount: &str| Verdict::Approve { edits: Value::record([("amount", money(amount))]) };
    let refused = engine.answer_all(&ids(&found[0].items), "ann@example.com", edits("2000 USD")).await;
    assert!(refused.iter().all(|(_, answer)| matches!(answer, Err(AnswerError::Refused(AnswerRefusal::WouldBeDenied(..))))), "{refused:?}");
    let (found, _) = inbox(&engine).await;
    assert_eq!((found[0].items.len(), &found[0].seen), (3, &seen), "nothing was logged");
    let one = engine.answer_all(&ids(&found[0].items[..1]), "ann@example.com", edits("4 USD")).await;
    assert!(is_ok(&one));
    world.settle(&engine).await;
    let (found, _) = inbox(&engine).await;
    assert_eq!(found[0].items.len(), 2);
    assert_ne!(found[0].seen, seen, "whoever saw three items did not see two");
    assert_eq!(world.connectors.effects()[0].2.get("amount"), Some(&money("4 USD")));
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn dying_at_any_append_leaves_every_item_in_the_batch() {
    for at in 1..=14 {
        for fault in [Fault::DiesBefore(at), Fault::DiesAfter(at)] {
            let world = world();
            world.log.set_fault(Some(fault.clone()));
            if let Ok(engine) = world.try_open().await {
                let line = |id: &str| Value::record([("id", Value::string(id)), ("amount", money("5 USD"))]);
                let claim = Value::record([("order", Value::string("o1")), ("lines", Value::list(["l000", "l001", "l002"].map(line)))]);
                let _ = engine.start("credits", claim, "test").await;
                world.settle(&engine).await;
                engine.shutdown().await;
            }
            world.log.set_fault(None);
            let engine = world.open().await;
            begin(&world, &engine, "o1", 3).await;
            let (found, _) = inbox(&engine).await;
            assert_eq!(found.iter().map(|batch| batch.items.len()).collect::<Vec<_>>(), [3], "{fault:?}");
            let events = world.events(&engine).await;
            let places: Vec<u32> = events
                .iter()
                .filter_map(|event| match &event.kind {
                    EventKind::ItemSetAside { place } => Some(*place),
                    _ => None,
                })
                .collect();
            assert_eq!(places, [0, 1, 2], "{fault:?}");
            engine.shutdown().await;
            replay(&*world.log, 0).await.unwrap();
        }
    }
}
