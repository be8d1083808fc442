//! Batches of what is taken back, and of versions that no critic accepts: people answer for all at once, and each keeps its own answer.

use super::drafts::{MODELS, said, silent};
use super::site::*;
use super::world::*;
use crate::approval::{ApprovalKind, Batch, PendingApproval, Verdict, batches};
use crate::engine::Engine;
use crate::question::Purpose;
use crate::replay::replay;
use crate::summary::RunStatus;
use crate::twin::Fault;
use std::sync::Arc;
use tradewind_lang::value::Value;

const REVERT: &str = r#"
type "week" { field "name" string }
flow "revert" {
    summary "Put the prices of the week back"
    input "week"
    key "=input.name"
    act "back" {
        undo flow="change" step="set" last=10 since="14d"
        stage to="leads" within="6h" on-timeout=deny batch=run
    }
    output { undone "=size(back.effects)" }
}
"#;

fn site_world(pages: &Pages) -> World {
    World::new(plan(&[SITE, CHANGE, REVERT]), site(pages, |_| None))
}

/// Three prices are changed, one of them twice, and somebody wants them back.
async fn reverting(world: &World, engine: &Engine) -> Option<Arc<str>> {
    for (id, price) in [("a", "11 USD"), ("b", "21 USD"), ("a", "12 USD"), ("c", "31 USD")] {
        let _ = engine.start("change", change(id, price), "test").await;
        world.settle(engine).await;
    }
    let week = Value::record([("name", Value::string("w1"))]);
    let run = engine.start("revert", week, "test").await.ok()?.run_id;
    world.settle(engine).await;
    Some(run)
}

async fn inbox(engine: &Engine) -> (Vec<Batch>, Vec<PendingApproval>) {
    batches(engine.approvals().await.unwrap())
}

fn ids(items: &[PendingApproval]) -> Vec<Arc<str>> {
    items.iter().map(|item| item.approval.id.clone()).collect()
}

async fn approve(world: &World, engine: &Engine, items: &[PendingApproval]) {
    let answers = engine.answer_all(&ids(items), "ann@example.com", Verdict::Approve { edits: Value::Null }).await;
    assert!(answers.iter().all(|(_, answer)| answer.is_ok()), "{answers:?}");
    world.settle(engine).await;
}

fn page_of(item: &PendingApproval) -> String {
    item.approval.request.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Which pages were set to which price since so many effects, in the order in which that happened.
fn put_back(world: &World, since: usize) -> Vec<String> {
    let text = |request: &Value, name: &str| match request.get(name) {
        Some(Value::Money(money)) => money.to_string(),
        value => value.and_then(Value::as_str).unwrap_or_default().to_owned(),
    };
    let sent = world.connectors.requests().into_iter().filter(|request| request.operation == "site.page.set").skip(since);
    sent.map(|sent| format!("{} {}", text(&sent.request, "id"), text(&sent.request, "price"))).collect()
}

fn three() -> Pages {
    pages(&[("a", "10 USD"), ("b", "20 USD"), ("c", "30 USD")])
}

#[tokio::test]
async fn what_a_step_takes_back_is_one_item_of_the_inbox_and_goes_back_newest_first() {
    let pages = three();
    let world = site_world(&pages);
    assert_eq!(world.plan.not_runnable(&world.plan.flows["revert"]), []);
    let engine = world.open().await;
    let run = reverting(&world, &engine).await.unwrap();
    let (found, alone) = inbox(&engine).await;
    assert_eq!((found.len(), alone.len()), (1, 0));
    // The older change of `a` is asked about when the newer one is back: nobody could say before what is there then.
    let of = |page: &str| found[0].items.iter().filter(|item| page_of(item) == page).cloned().collect::<Vec<_>>();
    assert_eq!(["a", "b", "c"].map(|page| of(page).len()), [1, 1, 1]);
    // Whatever the order in which people agree, what was done last goes back first.
    approve(&world, &engine, &of("b")).await;
    assert_eq!(put_back(&world, 4), Vec::<String>::new(), "the newer ones have not been agreed to");
    approve(&world, &engine, &of("c")).await;
    assert_eq!(put_back(&world, 4), ["c 30.00 USD"]);
    approve(&world, &engine, &of("a")).await;
    assert_eq!(put_back(&world, 4), ["c 30.00 USD", "a 11.00 USD", "b 20.00 USD"]);
    let (_, alone) = inbox(&engine).await;
    approve(&world, &engine, &alone).await;
    assert_eq!(put_back(&world, 4).last().map(String::as_str), Some("a 10.00 USD"));
    let summary = engine.run(&run).await.unwrap().unwrap().summary;
    assert_eq!((summary.status, summary.output.get("undone")), (RunStatus::Completed, Some(&Value::Int(4))));
    assert_eq!(["a", "b", "c"].map(|id| price(&pages, id).unwrap()), ["10.00 USD", "20.00 USD", "30.00 USD"]);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn what_somebody_refuses_stays_and_the_others_go_back() {
    let pages = three();
    let world = site_world(&pages);
    let engine = world.open().await;
    let run = reverting(&world, &engine).await.unwrap();
    let (found, _) = inbox(&engine).await;
    let newer = found[0].items.iter().find(|item| page_of(item) == "a").unwrap().clone();
    approve(&world, &engine, &found[0].items.iter().filter(|item| page_of(item) != "a").cloned().collect::<Vec<_>>()).await;
    let no = Verdict::Deny { reason: "a is right".to_owned() };
    engine.answer(&newer.approval.id, "ann@example.com", no).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(["a", "b", "c"].map(|id| price(&pages, id).unwrap()), ["12.00 USD", "20.00 USD", "30.00 USD"]);
    assert_eq!(inbox(&engine).await.1.len(), 0, "the older change of `a` is left, and nobody is asked about it");
    assert_eq!(engine.run(&run).await.unwrap().unwrap().summary.status, RunStatus::Failed);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn dying_at_any_append_asks_about_each_once_and_puts_each_back_once() {
    let play = async |world: &World| {
        let Ok(engine) = world.try_open().await else { return };
        let _ = reverting(world, &engine).await;
        for _ in 0..2 {
            let Ok(pending) = engine.approvals().await else { break };
            let _ = engine.answer_all(&ids(&pending), "ann@example.com", Verdict::Approve { edits: Value::Null }).await;
            world.settle(&engine).await;
        }
        engine.shutdown().await;
    };
    let undisturbed = site_world(&three());
    play(&undisturbed).await;
    let (wanted, appends) = (undisturbed.connectors.effects(), undisturbed.log.appends());
    assert_eq!(wanted.len(), 8);
    for at in 1..=appends {
        for fault in [Fault::DiesBefore(at), Fault::DiesAfter(at)] {
            let pages = three();
            let world = site_world(&pages);
            world.log.set_fault(Some(fault.clone()));
            play(&world).await;
            world.log.set_fault(None);
            play(&world).await;
            assert_eq!(world.connectors.effects(), wanted, "{fault:?}");
            assert_eq!(["a", "b", "c"].map(|id| price(&pages, id).unwrap()), ["10.00 USD", "20.00 USD", "30.00 USD"], "{fault:?}");
            replay(&*world.log, 0).await.unwrap();
        }
    }
}

const DESCRIBE: &str = r#"
route "copy" needs=text { candidate "small"; fail "nobody wrote it" }
critic "brand" of="copy" { require "!draft.title.matches('(?i)best')" code="promise" message="no promises" }
flow "describe" {
    summary "Describe several products"
    input { field "id" string; field "products" list<string> }
    key "=input.id"
    each "all" in="=input.products" as="product" max=10 on-error=skip {
        decide "copy" { draft "copy" route="copy" prompt="Describe {{ product }}" }
        reflect "accepted" of="copy" max-revisions=1 else=escalate {
            critic "brand"
            escalate to="leads" within="4h" on-timeout=stop batch=run
        }
        output { title "=accepted.title" }
    }
    output { titles "=all.map(one, one.title)" }
}
policy "others" { on "desk.reply" "desk.page" "pay.refund" "pay.credit"; limit "all" count=9 }
"#;

#[tokio::test]
async fn versions_that_no_critic_accepts_are_one_item_of_the_inbox_although_one_is_at_work_at_once() {
    let answer = |prompt: &crate::question::Prompt| {
        Some(match prompt.question.purpose {
            Purpose::Draft => said(r#"{"title": "Best chair ever", "tags": [], "note": null}"#),
            _ => silent("http-500", false, false),
        })
    };
    let world = World::new(plan(&[PROJECT, MODELS, DESCRIBE]), healthy()).saying(answer);
    assert_eq!(world.plan.not_runnable(&world.plan.flows["describe"]), []);
    let engine = world.open().await;
    let products = Value::list(["oslo", "bergen", "narvik"].map(Value::string));
    let input = Value::record([("id", Value::string("p1")), ("products", products)]);
    let run = engine.start("describe", input, "test").await.unwrap().run_id;
    world.settle(&engine).await;
    let (found, alone) = inbox(&engine).await;
    assert_eq!((found.len(), alone.len()), (1, 0));
    assert_eq!(found[0].items.iter().map(|item| item.approval.kind).collect::<Vec<_>>(), [ApprovalKind::Version; 3]);
    let no = Verdict::Deny { reason: "not this one".to_owned() };
    engine.answer(&found[0].items[0].approval.id, "ann@example.com", no).await.unwrap();
    approve(&world, &engine, &found[0].items[1..]).await;
    let summary = engine.run(&run).await.unwrap().unwrap().summary;
    assert_eq!(summary.status, RunStatus::Completed, "{:?}", summary.failure);
    let Some(Value::List(titles)) = summary.output.get("titles") else { panic!("{summary:?}") };
    assert_eq!(titles.len(), 2, "the two that somebody let pass");
    replay(&*world.log, 0).await.unwrap();
}
