//! What is read before a write: for policies, for its own lookup, and again when a person was asked in between.

use super::site::*;
use super::world::*;
use crate::approval::Verdict;
use crate::engine::Engine;
use crate::event::EventKind;
use crate::replay::replay;
use crate::twin::{Fault, Reply, Request};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tradewind_lang::value::Value;

const RULES: &str = r#"
policy "prices" {
    on "site.page.set"
    deny "wild" when="effect.price > before.price * 3" message="from {{ before.price }} to {{ effect.price }}"
    escalate "big" when="effect.price > before.price * 1.5" to="leads" within="4h" on-timeout=deny
}
"#;
const ASKS: &str = r#"
policy "prices" { on "site.page.set"; escalate "big" when="effect.price > before.price * 1.5" to="leads" within="4h" on-timeout=deny }
"#;

fn world(pages: &Pages, rules: &str, bend: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> World {
    World::new(plan(&[SITE, CHANGE, rules]), site(pages, bend))
}

async fn set(world: &World, engine: &Engine, price: &str) {
    engine.start("change", change("a", price), "test").await.unwrap();
    world.settle(engine).await;
}

/// The pre-image of each intent.
async fn befores(world: &World, engine: &Engine) -> Vec<Option<Value>> {
    let events = world.events(engine).await;
    let found = events.iter().filter_map(|event| match &event.kind {
        EventKind::IntentRecorded(intent) => Some(intent.before.as_ref().and_then(|before| before.get("price").cloned())),
        _ => None,
    });
    found.collect()
}

#[tokio::test]
async fn a_rule_compares_with_what_was_there_and_the_intent_keeps_it() {
    let pages = pages(&[("a", "10 USD")]);
    let world = world(&pages, RULES, |_| None);
    assert_eq!(world.plan.not_runnable(&world.plan.flows["change"]), []);
    let engine = world.open().await;
    set(&world, &engine, "12 USD").await;
    set(&world, &engine, "40 USD").await;
    assert_eq!(denied(&world.events(&engine).await), ["prices.wild"]);
    let said = world
        .events(&engine)
        .await
        .iter()
        .any(|event| matches!(&event.kind, EventKind::EffectDenied { message, .. } if message == "from 12.00 USD to 40.00 USD"));
    assert!(said, "the message names both");
    assert_eq!(befores(&world, &engine).await, [Some(money("10 USD"))]);
    assert_eq!(price(&pages, "a").unwrap(), "12.00 USD");
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn it_is_read_again_when_a_person_was_asked_and_judged_with_what_is_there_then() {
    let pages = pages(&[("a", "10 USD")]);
    let world = world(&pages, RULES, |_| None);
    let engine = world.open().await;
    set(&world, &engine, "20 USD").await;
    let item = engine.approvals().await.unwrap().remove(0).approval;
    assert_eq!(item.rules, ["prices.big"]);
    assert_eq!(item.before.as_ref().and_then(|before| before.get("price")), Some(&money("10 USD")));
    // Somebody else changes the price meanwhile.
    pages.lock().unwrap().insert("a".to_owned(), "15 USD".to_owned());
    engine.answer(&item.id, "ann@example.com", Verdict::Approve { edits: Value::Null }).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(befores(&world, &engine).await, [Some(money("15 USD"))], "what it overwrote, not what was there hours ago");
    // And where the change became too wild meanwhile, it does not happen, whoever agreed.
    set(&world, &engine, "31 USD").await;
    let item = engine.approvals().await.unwrap().remove(0).approval;
    pages.lock().unwrap().insert("a".to_owned(), "1 USD".to_owned());
    engine.answer(&item.id, "ann@example.com", Verdict::Approve { edits: Value::Null }).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(denied(&world.events(&engine).await), ["prices.wild"]);
    replay(&*world.log, 0).await.unwrap();
}

/// Who approves another page than was asked for has that one read, also where the first read of it fails.
#[tokio::test]
async fn what_was_edited_is_what_is_read_before_it_is_written() {
    const STAGED: &str = r#"
flow "staged" {
    summary "Set a price when somebody agrees"
    input "change"
    key "=input.id"
    act "set" { call "site.page.set" id="=input.id" price="=input.price"; stage to="leads" within="6h" on-timeout=deny { editable "id" } }
    output { done "=steps.set.ran" }
}
"#;
    let pages = pages(&[("a", "10 USD"), ("b", "20 USD")]);
    let busy = |request: &Request| {
        let is_of_b = request.request.get("id") == Some(&Value::string("b"));
        (request.operation == "site.page.get" && is_of_b && request.earlier == 0).then(|| Reply::Refused(failure("http-503", true)))
    };
    let world = World::new(plan(&[SITE, CHANGE, STAGED]), site(&pages, busy));
    let engine = world.open().await;
    engine.start("staged", change("a", "12 USD"), "test").await.unwrap();
    world.settle(&engine).await;
    let item = engine.approvals().await.unwrap().remove(0).approval;
    let edits = Value::record([("id", Value::string("b"))]);
    engine.answer(&item.id, "ann@example.com", Verdict::Approve { edits }).await.unwrap();
    world.settle(&engine).await;
    let read: Vec<Option<Value>> = world
        .connectors
        .requests()
        .iter()
        .filter(|request| request.operation == "site.page.get")
        .map(|request| request.request.get("id").cloned())
        .collect();
    let named = |id: &str| Some(Value::string(id));
    assert_eq!(read, [named("a"), named("b"), named("b")], "busy at first, and read again");
    assert_eq!(befores(&world, &engine).await, [Some(money("20 USD"))]);
    assert_eq!((price(&pages, "a").unwrap(), price(&pages, "b").unwrap()), ("10 USD".to_owned(), "12.00 USD".to_owned()));
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_read_denies_in_deny_and_asks_in_escalate_and_keeps_nothing_else_back() {
    let lost = |request: &Request| (request.operation == "site.page.get").then(|| Reply::Refused(failure("busy", true)));
    for (rules, denies, asks, done) in [(RULES, 1, 0, 0), (ASKS, 0, 1, 0), ("", 0, 0, 1)] {
        let pages = pages(&[("a", "10 USD")]);
        let world = world(&pages, rules, lost);
        let engine = world.open().await;
        set(&world, &engine, "12 USD").await;
        assert_eq!(denied(&world.events(&engine).await).len(), denies, "{rules}");
        assert_eq!(engine.approvals().await.unwrap().len(), asks, "{rules}");
        assert_eq!(world.connectors.effects().len(), done, "{rules}");
        let reads = world.connectors.requests().iter().filter(|request| request.operation == "site.page.get").count();
        assert_eq!(reads, 3, "the first and two more, as its connector allows");
        replay(&*world.log, 0).await.unwrap();
    }
}

#[tokio::test]
async fn a_lookup_knows_what_was_there_before() {
    let silent = Arc::new(AtomicBool::new(true));
    let once = silent.clone();
    let pages = pages(&[("a", "10 USD")]);
    // The first write is never worked, and nobody knows.
    let world = world(&pages, RULES, move |request| {
        (request.operation == "site.page.set" && once.swap(false, Ordering::SeqCst)).then_some(Reply::Silence)
    });
    let engine = world.open().await;
    set(&world, &engine, "12 USD").await;
    assert!(!silent.load(Ordering::SeqCst));
    assert_eq!(price(&pages, "a").unwrap(), "12.00 USD", "found as it was before, it was sent again");
    assert_eq!(engine.approvals().await.unwrap().len(), 0);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_process_that_ends_at_any_append_reads_it_again_and_writes_once() {
    for at in 1..9 {
        for fault in [Fault::DiesBefore(at), Fault::DiesAfter(at)] {
            let pages = pages(&[("a", "10 USD")]);
            let world = world(&pages, RULES, |_| None);
            world.log.set_fault(Some(fault.clone()));
            if let Ok(engine) = world.try_open().await {
                let _ = engine.start("change", change("a", "12 USD"), "test").await;
                world.settle(&engine).await;
                engine.shutdown().await;
            }
            world.log.set_fault(None);
            let engine = world.open().await;
            set(&world, &engine, "12 USD").await;
            assert_eq!(world.connectors.effects().len(), 1, "{fault:?}");
            assert_eq!(befores(&world, &engine).await, [Some(money("10 USD"))], "{fault:?}");
            replay(&*world.log, 0).await.unwrap();
        }
    }
}
