//! What must not slip through: bounds, units, doubt that is not settled, and questions nobody could answer.

use super::world::*;
use crate::approval::Verdict;
use crate::event::{EventKind, Next};
use crate::guard::{Amount, Claim, Guards, Span};
use crate::replay::replay;
use crate::summary::RunDetails;
use crate::twin::Reply;
use std::sync::Arc;
use tradewind_lang::money::Money;
use tradewind_lang::value::Value;

const ALARM: &str = r#"
type "alarm" { field "text" string }
flow "alarm" {
    summary "Page somebody"
    input "alarm"
    act "page" { call "desk.page" text="=input.text" }
    output { ran "=steps.page.ran" }
}
policy "rest" { on "desk.reply" "pay.refund" "pay.credit"; limit "all" count=9 }
"#;

fn usd(text: &str) -> Amount {
    Amount::Money(Money::parse(text).unwrap())
}

fn share(amount: Amount) -> Vec<Claim> {
    let span = Span::Rolling(HOUR);
    vec![Claim::Limit { rule: "p.cap".into(), by: "".into(), amount, max: usd("100 USD"), span, escalates: false }]
}

#[test]
fn an_amount_of_another_currency_neither_frees_a_limit_nor_passes_it() {
    let mut guards = Guards::default();
    let (one, two): (Arc<str>, Arc<str>) = ("one".into(), "two".into());
    assert!(guards.take(&one, &share(usd("90 USD")), &[], 0).is_yes());
    assert!(!guards.probe(&share(usd("5 EUR")), &[], 0).is_yes(), "it cannot be compared with the cap");
    // A log from before the currency was changed may hold one all the same.
    guards.hold(&two, &share(usd("5 EUR")), SECOND);
    guards.release("two");
    assert!(!guards.probe(&share(usd("20 USD")), &[], SECOND).is_yes(), "90 are still taken");
    guards.hold(&two, &share(usd("5 EUR")), SECOND);
    assert!(guards.probe(&share(usd("100 USD")), &[], HOUR).is_yes(), "and free again after their hour");
    assert!(!guards.probe(&share(usd("101 USD")), &[], HOUR).is_yes());
}

async fn alarm(world: &World, text: &str) -> RunDetails {
    let engine = world.open().await;
    let started = engine.start("alarm", Value::record([("text", Value::string(text))]), "test").await.unwrap();
    world.settle(&engine).await;
    let run = engine.run(&started.run_id).await.unwrap().unwrap();
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
    run
}

#[tokio::test]
async fn a_request_outside_its_declared_bounds_is_not_sent() {
    let project = PROJECT.replace("request { field \"text\" string }", "request { field \"text\" string max=5 }");
    let world =
        World::new(plan(&[&project, ALARM, "policy \"pages\" owner=\"leads\" { on \"desk.page\"; limit \"f\" count=9 }"]), healthy());
    let failure = alarm(&world, "much too long").await.summary.failure.unwrap();
    assert_eq!((failure.code.as_str(), failure.message.as_str()), ("rule", "`text` is above 5"));
    assert!(world.connectors.effects().is_empty());
    assert!(alarm(&world, "short").await.summary.failure.is_none());
}

#[tokio::test]
async fn a_doubt_without_an_owner_is_settled_by_the_team_that_is_asked_or_by_nobody() {
    let lost =
        || connectors(Arc::new(|request: &crate::twin::Request| (request.operation == "desk.page").then_some(Reply::Lost(Value::Null))));
    let yes = || Verdict::Approve { edits: Value::Null };
    let bare = "policy \"pages\" { on \"desk.page\"; limit \"flood\" count=9 }";
    let asks = "policy \"pages\" { on \"desk.page\"; limit \"flood\" count=9 else=escalate to=\"finance\" within=\"1h\" on-timeout=deny }";
    let world = World::new(plan(&[PROJECT, ALARM, bare]), lost());
    alarm(&world, "fire").await;
    let engine = world.open().await;
    let item = engine.approvals().await.unwrap().remove(0).approval;
    let refused = engine.answer(&item.id, "ann@example.com", yes()).await.unwrap_err().to_string();
    assert_eq!(refused, "no team may decide it: no policy that covers the operation has an owner or an escalation");
    engine.shutdown().await;
    // Once the operator has named a team, that team may.
    let world = World { plan: plan(&[PROJECT, ALARM, asks]), ..world };
    let engine = world.open().await;
    assert!(engine.answer(&item.id, "ann@example.com", yes()).await.is_err());
    engine.answer(&item.id, "fin@example.com", yes()).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(engine.approvals().await.unwrap(), Vec::new());
}

async fn refund(project: &str, reply: Reply) -> (World, RunDetails) {
    let bend = move |request: &crate::twin::Request| (request.operation == "pay.refund").then(|| reply.clone());
    let world = World::new(plan(&[project, TRIAGE]), connectors(Arc::new(bend)));
    let engine = world.open().await;
    let started = start(&engine, message("m1", "o1", "complaint 0.9: broken", "20 USD")).await;
    world.settle(&engine).await;
    let run = engine.run(&started.run_id).await.unwrap().unwrap();
    (world, run)
}

#[tokio::test]
async fn a_lookup_gives_the_provider_time_and_an_effect_whose_key_is_forgotten_is_not_repeated() {
    // Attempts that are soon given up: else a window as short as this would be refused.
    let project = PROJECT
        .replace("for=\"24h\"\n        lookup", "for=\"1s\"\n        lookup")
        .replace("connect=\"2s\" total=\"10s\"", "connect=\"100ms\" total=\"300ms\"")
        .replace("retry max=3 from=\"100ms\" to=\"5s\"", "retry max=1 from=\"100ms\" to=\"100ms\"");
    let (world, _) = refund(&project, Reply::Silence).await;
    let sent = world.connectors.requests().into_iter().filter(|request| request.operation == "pay.refund").count();
    assert_eq!(sent, 1, "that nothing is found is no proof");
    let engine = world.open().await;
    assert_eq!(engine.approvals().await.unwrap().len(), 1);
    let waits: Vec<i64> = world
        .events(&engine)
        .await
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::EffectAttempted { next: Next::Lookup(at), .. } => Some(at - event.header.at),
            _ => None,
        })
        .collect();
    assert!(waits.len() == 1 && waits[0] >= 3 * SECOND / 10, "{waits:?}");
}

#[tokio::test]
async fn a_lookup_that_cannot_be_asked_is_left_to_a_person() {
    let project =
        PROJECT.replace("call \"pay.find\" key=\"=effect.key\"", "call \"pay.find\" key=\"=string(1 / (size(request.reason) - 9))\"");
    let (world, _) = refund(&project, Reply::Silence).await;
    let engine = world.open().await;
    assert_eq!(engine.approvals().await.unwrap().len(), 1);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn of_three_acts_of_one_wave_only_what_the_limit_leaves_is_sent() {
    let flow = r#"
type "claim" { field "line" string }
flow "credit" {
    summary "Pay three times"
    input "claim"
    act "one" on-denied="skip" { call "pay.credit" order_id="o1" amount="10 USD" line="a" }
    act "two" on-denied="skip" { call "pay.credit" order_id="o1" amount="10 USD" line="b" }
    act "three" on-denied="skip" { call "pay.credit" order_id="o1" amount="10 USD" line="c" }
    output { ran "=steps.one.ran" }
}
policy "credits" { on "pay.credit"; limit "one" count=1 }
policy "rest" { on "desk.reply" "desk.page" "pay.refund"; limit "all" count=9 }
"#;
    let world = World::new(plan(&[PROJECT, flow]), healthy());
    let engine = world.open().await;
    engine.start("credit", Value::record([("line", Value::string("x"))]), "test").await.unwrap();
    world.settle(&engine).await;
    assert_eq!((world.connectors.effects().len(), denied(&world.events(&engine).await)), (1, vec!["credits.one".to_owned(); 2]));
    replay(&*world.log, 0).await.unwrap();
}

fn large(kib: usize) -> Value {
    Value::string("x".repeat(kib << 10))
}

fn order(request: &crate::twin::Request, customer: Value) -> Reply {
    let field = Value::record([("id", request.request.get("id").unwrap().clone()), ("customer_id", customer), ("paid", money("90 USD"))]);
    Reply::Done(field)
}

#[tokio::test]
async fn what_is_too_large_for_the_log_fails_its_run_and_no_other() {
    let world = World::triage_with(|request| match request.operation.as_str() {
        "shop.order.get" if request.request.get("id") == Some(&Value::string("huge")) => Some(order(request, large(9 << 10))),
        "shop.order.get" => Some(order(request, large(700))),
        "pay.refund" => Some(Reply::Done(Value::record([("id", large(9 << 10))]))),
        _ => None,
    });
    let engine = world.open().await;
    let refused = start_of(&engine, "m0", "o1", &"x".repeat(300 << 10)).await.unwrap_err().to_string();
    assert!(refused.contains("at most 262144"), "{refused}");
    let huge = start_of(&engine, "m1", "huge", "complaint 0.9: broken").await.unwrap();
    for number in 2..8 {
        start_of(&engine, &format!("m{number}"), &format!("o{number}"), "complaint 0.9: broken").await.unwrap();
    }
    world.settle(&engine).await;
    engine.shutdown().await;
    let engine = world.open().await;
    assert_eq!(engine.stopped(), None);
    let failure = engine.run(&huge.run_id).await.unwrap().unwrap().summary.failure.unwrap();
    assert_eq!((failure.code.as_str(), failure.message.as_str()), ("schema", "what it holds is too large for the log"));
    let runs = engine.runs(crate::summary::RunFilter::default()).await.unwrap();
    assert_eq!(runs.iter().filter(|run| run.output.get("refunded") == Some(&Value::Bool(true))).count(), 6);
    let longest = segments(&world.log).await.iter().map(|segment| segment.body.len()).max().unwrap();
    assert!(longest < 2 << 20, "{longest}");
    replay(&*world.log, 0).await.unwrap();
}

async fn start_of(
    engine: &crate::engine::Engine,
    id: &str,
    order: &str,
    text: &str,
) -> Result<crate::engine::Started, crate::engine::StartError> {
    engine.start("triage", message(id, order, text, "20 USD"), "test").await
}

#[tokio::test]
async fn a_failing_run_that_waits_for_a_person_does_not_count_as_running() {
    let flow = ALARM.replace(
        "    act \"page\"",
        "    observe \"gone\" { call \"shop.order.get\" id=\"gone\" }\n    observe \"slow\" { call \"shop.order.get\" id=\"slow\" }\n    act \"page\"",
    );
    let pages = "policy \"pages\" owner=\"leads\" { on \"desk.page\"; limit \"flood\" count=9 }";
    let bend = |request: &crate::twin::Request| match (request.operation.as_str(), request.request.get("id"), request.earlier) {
        ("desk.page", ..) => Some(Reply::Lost(Value::Null)),
        ("shop.order.get", Some(id), _) if *id == Value::string("gone") => Some(Reply::Refused(failure("not-found", false))),
        ("shop.order.get", _, 0) => Some(Reply::Silence),
        _ => None,
    };
    let world = World::new(plan(&[PROJECT, &flow, pages]), connectors(Arc::new(bend)));
    let engine = world.open().await;
    engine.start("alarm", Value::record([("text", Value::string("fire"))]), "test").await.unwrap();
    world.settle(&engine).await;
    let progress = engine.subscribe().progress.borrow().clone();
    assert_eq!((progress.running, progress.waiting), (0, 1));
}

#[test]
fn what_a_person_gives_matches_the_pattern_of_its_field() {
    let plan = plan(&[PROJECT, "type \"label\" { field \"code\" string match=\"^[A-Z]+$\" }"]);
    let ty = tradewind_lang::ty::Ty::Record("label".to_owned());
    let fit = |code: &str| crate::fit::value(&ty, &Value::record([("code", Value::string(code))]), &plan.types);
    assert_eq!(fit("ABC"), Ok(()));
    assert_eq!(fit("abc"), Err("`code` does not match `^[A-Z]+$`".to_owned()));
}
