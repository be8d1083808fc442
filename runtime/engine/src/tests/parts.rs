//! Runs within a run: items of `each`, other flows, what follows a failure.

use super::world::*;
use crate::approval::Verdict;
use crate::decide::Wish;
use crate::engine::Engine;
use crate::event::{Event, EventKind};
use crate::replay::replay;
use crate::summary::{RunDetails, RunFilter, RunStatus};
use crate::twin::{Fault, Reply, Request};
use std::collections::BTreeMap;
use std::sync::Arc;
use tradewind_lang::value::Value;

/// Credits for the lines of an order: small ones at once, large ones after a person agreed.
const CREDITS: &str = r#"
type "line" { field "id" string; field "amount" money; field "good" bool }
type "claim" { field "order" string; field "lines" list<line> }
flow "credits" {
    summary "Credit the lines of an order"
    input "claim"
    key "=input.order"
    deadline "1h"
    let "prefix" "=input.order + '-'"
    each "lines" in="=input.lines" as="line" index="n" key="=line.id" where="line.good" max=20 max-parallel=3 ON-ERROR {
        let "name" "=prefix + line.id"
        choose "size" {
            when "line.amount > '100 USD'" { let "big" "='large'"; output { word "=big" } }
            otherwise { output { word "small" } }
        }
        act "credit" { call "pay.credit" order_id="=input.order" amount="=line.amount" line="=name" }
        output { id "=line.id"; place "=n"; size "=size.word"; ran "=steps.credit.ran"; run "=run.id" }
    }
    let "count" "=size(lines)"
    output { count "=count"; lines "=lines"; own "=run.id" }
    AFTER
}
policy "credits" owner="leads" {
    on "pay.credit"
    deny "huge" when="effect.amount > '1000 USD'"
    limit "daily" sum="=effect.amount" max="100000 USD" per=day
    escalate "large" when="effect.amount > '200 USD'" to="leads" within="6h" on-timeout=deny
}
"#;

fn credits(on_error: &str, after: &str) -> String {
    CREDITS.replace("ON-ERROR", on_error).replace("AFTER", after)
}

fn line(id: &str, amount: &str) -> Value {
    Value::record([("id", Value::string(id)), ("amount", money(amount)), ("good", Value::Bool(id != "bad"))])
}

fn claim(lines: &[(&str, &str)]) -> Value {
    Value::record([("order", Value::string("o1")), ("lines", Value::list(lines.iter().map(|(id, amount)| line(id, amount))))])
}

async fn begin(engine: &Engine, lines: &[(&str, &str)]) -> Arc<str> {
    engine.start("credits", claim(lines), "test").await.unwrap().run_id
}

async fn show(engine: &Engine, run: &str) -> RunDetails {
    engine.run(run).await.unwrap().unwrap()
}

async fn status(engine: &Engine, run: &str) -> RunStatus {
    engine.runs(RunFilter::default()).await.unwrap().into_iter().find(|summary| &*summary.id == run).unwrap().status
}

/// How often each credit was done, by its line.
fn done(world: &World) -> BTreeMap<String, usize> {
    let mut done = BTreeMap::new();
    for request in world.connectors.requests().iter().filter(|request| request.operation == "pay.credit") {
        *done.entry(request.request.get("line").and_then(Value::as_str).unwrap().to_owned()).or_default() += 1;
    }
    done
}

fn ids(output: &Value) -> Vec<String> {
    let Some(Value::List(lines)) = output.get("lines") else { panic!("{output:?}") };
    lines.iter().map(|line| line.get("id").and_then(Value::as_str).unwrap().to_owned()).collect()
}

#[tokio::test]
async fn each_item_runs_its_steps_and_the_outputs_come_in_the_order_of_the_items() {
    let world = World::new(plan(&[PROJECT, &credits("", "")]), healthy());
    let engine = world.open().await;
    let run = begin(&engine, &[("a", "20 USD"), ("bad", "1 USD"), ("b", "120 USD"), ("c", "30 USD"), ("d", "40 USD")]).await;
    world.settle(&engine).await;
    let shown = show(&engine, &run).await;
    assert_eq!(shown.summary.status, RunStatus::Completed, "{shown:#?}");
    let output = &shown.summary.output;
    assert_eq!(ids(output), ["a", "b", "c", "d"]);
    let Some(Value::List(lines)) = output.get("lines") else { panic!() };
    let second = &lines[1];
    assert_eq!((second.get("place"), second.get("size")), (Some(&Value::Int(2)), Some(&Value::string("large"))));
    assert_eq!((second.get("ran"), second.get("run")), (Some(&Value::Bool(true)), output.get("own")));
    assert_eq!(done(&world), BTreeMap::from(["o1-a", "o1-b", "o1-c", "o1-d"].map(|line| (line.to_owned(), 1))));
    // Parts of a run are no runs for people, unless they are asked for.
    assert_eq!(engine.runs(RunFilter::default()).await.unwrap().len(), 1);
    let parts = RunFilter { parent: Some(run.to_string()), parts: true, ..RunFilter::default() };
    let parts = engine.runs(parts).await.unwrap();
    assert_eq!(parts.iter().map(|part| &*part.key).collect::<Vec<_>>(), ["d", "c", "b", "a"]);
    let part = show(&engine, &parts[0].id).await;
    assert_eq!(part.steps.iter().map(|step| &*step.name).collect::<Vec<_>>(), ["name", "size", "big", "credit"]);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn no_more_items_are_at_work_than_the_step_allows() {
    let world = World::new(plan(&[PROJECT, &credits("", "")]), healthy());
    let engine = world.open().await;
    let lines: Vec<(String, &str)> = (0..12).map(|number| (format!("l{number:02}"), "5 USD")).collect();
    let lines: Vec<(&str, &str)> = lines.iter().map(|(id, amount)| (id.as_str(), *amount)).collect();
    let run = begin(&engine, &lines).await;
    world.settle(&engine).await;
    assert_eq!(show(&engine, &run).await.summary.status, RunStatus::Completed);
    let (mut open, mut most) = (0_usize, 0_usize);
    for event in world.events(&engine).await {
        match event.kind {
            EventKind::IntentRecorded(_) => open += 1,
            EventKind::EffectSettled { .. } => open -= 1,
            _ => {}
        }
        most = most.max(open);
    }
    assert_eq!(most, 3);
}

#[tokio::test]
async fn too_many_items_doubled_keys_and_no_items_are_told_apart() {
    let world = World::new(plan(&[PROJECT, &credits("", "")]), healthy());
    let engine = world.open().await;
    let none = engine.start("credits", claim(&[("bad", "1 USD")]), "test").await.unwrap().run_id;
    world.settle(&engine).await;
    assert_eq!(show(&engine, &none).await.summary.output.get("count"), Some(&Value::Int(0)));
    let failing = |lines: Vec<(&'static str, &'static str)>, order: &'static str| {
        let Value::Record(mut record) = claim(&lines) else { panic!() };
        Arc::make_mut(&mut record).set("order", Value::string(order));
        Value::Record(record)
    };
    let many = (0..21).map(|number| (Box::leak(number.to_string().into_boxed_str()) as &str, "1 USD")).collect();
    for (input, why) in [(failing(many, "o2"), "more than 20 items"), (failing(vec![("a", "1 USD"), ("a", "2 USD")], "o3"), "two items")] {
        let run = engine.start("credits", input, "test").await.unwrap().run_id;
        world.settle(&engine).await;
        let failure = show(&engine, &run).await.summary.failure.unwrap();
        assert!(failure.message.contains(why), "{failure}");
    }
    assert!(done(&world).is_empty(), "nothing may begin");
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn an_item_that_fails_is_left_out_or_ends_the_step() {
    let world = World::new(plan(&[PROJECT, &credits("on-error=skip", "")]), healthy());
    let engine = world.open().await;
    let lines = [("a", "20 USD"), ("b", "1500 USD"), ("c", "30 USD"), ("d", "40 USD"), ("e", "50 USD")];
    let run = begin(&engine, &lines).await;
    world.settle(&engine).await;
    let shown = show(&engine, &run).await;
    assert_eq!(
        (shown.summary.status, ids(&shown.summary.output)),
        (RunStatus::Completed, ["a", "c", "d", "e"].map(str::to_owned).to_vec())
    );
    replay(&*world.log, 0).await.unwrap();

    let world = World::new(plan(&[PROJECT, &credits("", "")]), healthy());
    let engine = world.open().await;
    let run = begin(&engine, &lines).await;
    world.settle(&engine).await;
    let shown = show(&engine, &run).await;
    let failure = shown.summary.failure.unwrap();
    assert_eq!((shown.summary.status, failure.code.as_str()), (RunStatus::Failed, "credits.huge"));
    assert!(!done(&world).contains_key("o1-e"), "an item began after another had failed");
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_person_who_is_asked_within_an_item_keeps_neither_place_nor_clock() {
    let mut world = World::new(plan(&[PROJECT, &credits("", "")]), healthy());
    world.in_flight = 1;
    let engine = world.open().await;
    let run = begin(&engine, &[("a", "300 USD"), ("b", "20 USD")]).await;
    world.settle(&engine).await;
    assert_eq!(status(&engine, &run).await, RunStatus::Waiting);
    // Its place is free for another one.
    let other = Value::record([("order", Value::string("o2")), ("lines", Value::list([line("x", "10 USD")]))]);
    let other = engine.start("credits", other, "test").await.unwrap().run_id;
    world.settle(&engine).await;
    assert_eq!(status(&engine, &other).await, RunStatus::Completed);
    // Longer than the deadline of the flow.
    world.clock.advance(3 * HOUR);
    world.settle(&engine).await;
    let waiting = engine.approvals().await.unwrap();
    engine.answer(&waiting[0].approval.id, "bob@example.com", Verdict::Approve { edits: Value::Null }).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(status(&engine, &run).await, RunStatus::Completed);
    assert_eq!(done(&world)["o1-a"], 1);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn the_deadline_of_a_run_ends_its_items_too() {
    let silent =
        connectors(Arc::new(|request: &Request| (request.operation == "pay.credit").then(|| Reply::Refused(failure("http-503", true)))));
    let flow = credits("", "").replace("deadline \"1h\"", "deadline \"1s\"");
    let world = World::new(plan(&[PROJECT, &flow]), silent);
    let engine = world.open().await;
    let run = begin(&engine, &[("a", "20 USD"), ("b", "30 USD"), ("c", "30 USD"), ("d", "30 USD")]).await;
    world.settle(&engine).await;
    let shown = show(&engine, &run).await;
    assert_eq!(shown.summary.status, RunStatus::Failed);
    let parts = engine.runs(RunFilter { parent: Some(run.to_string()), parts: true, ..RunFilter::default() }).await.unwrap();
    assert!(!parts.is_empty() && parts.iter().all(|part| part.status > RunStatus::Paused && part.status != RunStatus::Completed));
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn cancelling_and_pausing_a_run_reaches_its_items() {
    let world = World::new(plan(&[PROJECT, &credits("", "")]), healthy());
    let engine = world.open().await;
    let run = begin(&engine, &[("a", "300 USD"), ("b", "20 USD"), ("c", "30 USD"), ("d", "40 USD")]).await;
    world.settle(&engine).await;
    engine.control(&run, "ann@example.com", Wish::Pause).await.unwrap();
    world.settle(&engine).await;
    let waiting = engine.approvals().await.unwrap();
    engine.answer(&waiting[0].approval.id, "bob@example.com", Verdict::Approve { edits: Value::Null }).await.unwrap();
    world.settle(&engine).await;
    assert_eq!((status(&engine, &run).await, done(&world).get("o1-a")), (RunStatus::Paused, None));
    engine.control(&run, "ann@example.com", Wish::Resume).await.unwrap();
    world.settle(&engine).await;
    assert_eq!((status(&engine, &run).await, done(&world).len()), (RunStatus::Completed, 4));

    let other = Value::record([("order", Value::string("o2")), ("lines", Value::list([line("x", "300 USD"), line("y", "10 USD")]))]);
    let other = engine.start("credits", other, "test").await.unwrap().run_id;
    world.settle(&engine).await;
    engine.control(&other, "ann@example.com", Wish::Cancel("a test".into())).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(status(&engine, &other).await, RunStatus::Cancelled);
    assert!(engine.approvals().await.unwrap().is_empty());
    replay(&*world.log, 0).await.unwrap();
}

/// A flow that begins another one, whose failure it survives or not.
const OUTER: &str = r#"
type "whole" { field "orders" list<claim> }
flow "outer" {
    summary "Credit several orders"
    input "whole"
    key "=input.orders[0].order"
    deadline "2h"
    each "orders" in="=input.orders" as="order" max=5 max-parallel=2 on-error=skip {
        act "inner" { flow "credits" order="=order.order" lines="=order.lines" }
        output { order "=order.order"; count "=inner.count" }
    }
    output { orders "=orders" }
}
"#;

fn whole(orders: &[(&str, &[(&str, &str)])]) -> Value {
    let orders = orders.iter().map(|(order, lines)| {
        let lines = lines.iter().map(|(id, amount)| line(id, amount));
        Value::record([("order", Value::string(*order)), ("lines", Value::list(lines))])
    });
    Value::record([("orders", Value::list(orders))])
}

#[tokio::test]
async fn a_flow_begins_another_and_goes_on_with_its_output() {
    let world = World::new(plan(&[PROJECT, &credits("", ""), OUTER]), healthy());
    let engine = world.open().await;
    let input = whole(&[("o1", &[("a", "20 USD"), ("b", "30 USD")]), ("o2", &[("c", "2000 USD")]), ("o3", &[("d", "20 USD")])]);
    let run = engine.start("outer", input, "test").await.unwrap().run_id;
    world.settle(&engine).await;
    let shown = show(&engine, &run).await;
    assert_eq!(shown.summary.status, RunStatus::Completed, "{shown:#?}");
    let orders = shown.summary.output.get("orders").unwrap();
    let expected =
        [("o1", 2), ("o3", 1)].map(|(order, count)| Value::record([("order", Value::string(order)), ("count", Value::Int(count))]));
    assert_eq!(orders, &Value::list(expected));
    // Runs of another flow are runs for people.
    let flows: Vec<String> = engine.runs(RunFilter::default()).await.unwrap().iter().map(|run| run.flow.to_string()).collect();
    assert_eq!(flows.iter().filter(|flow| *flow == "credits").count(), 3);
    replay(&*world.log, 0).await.unwrap();
}

const AFTER: &str = r#"on-failure {
        act "tell" when="count.orValue(0) == 0" { call "desk.reply" message_id="=input.order" words="={{failure}}" }
        remember "log" in="notes" subject="=input.order" {
            - customer_id="=input.order" handled="=failure.step"
            - customer_id="=input.order" handled="=failure.kind"
        }
    }"#;

fn with_after() -> Vec<String> {
    let memory = r#"
type "note" subject="customer_id" { field "customer_id" string; field "handled" string untrusted }
memory "notes" tier=long-term record="note" subject="customer_id" retention="30d" cap=30
policy "replies" owner="leads" { on "desk.reply"; limit "flood" count=20000 per="24h" }
"#;
    let after = AFTER.replace("{{failure}}", "failure.step + ' failed: ' + failure.message").replace("count.orValue(0)", "count.or(0)");
    vec![credits("", &after), memory.to_owned()]
}

#[tokio::test]
async fn what_follows_a_failure_is_done_before_the_run_fails() {
    let parts = with_after();
    let world = World::new(plan(&[PROJECT, &parts[0], &parts[1]]), healthy());
    let engine = world.open().await;
    let run = begin(&engine, &[("a", "20 USD"), ("b", "1500 USD")]).await;
    world.settle(&engine).await;
    let shown = show(&engine, &run).await;
    assert_eq!((shown.summary.status, shown.summary.failure.unwrap().code.as_str()), (RunStatus::Failed, "credits.huge"));
    let told: Vec<String> = world.connectors.requests().iter().filter(|request| request.operation == "desk.reply").map(words).collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("lines failed: "), "{told:?}");
    let events = world.events(&engine).await;
    let remembered = events.iter().find_map(|event| match &event.kind {
        EventKind::FactsRemembered { facts, .. } => Some(facts.clone()),
        _ => None,
    });
    let handled: Vec<Value> = remembered.unwrap().iter().map(|fact| fact.get("handled").cloned().unwrap()).collect();
    assert_eq!(handled, [Value::string("lines"), Value::string("policy")]);
    let ends = |events: &[Event]| events.iter().filter(|event| event.kind.ends_run()).map(|event| event.kind.name()).collect::<Vec<_>>();
    assert_eq!(ends(&events).last(), Some(&"run-failed"));
    replay(&*world.log, 0).await.unwrap();
}

fn words(request: &crate::twin::Request) -> String {
    request.request.get("words").and_then(Value::as_str).unwrap().to_owned()
}

#[tokio::test]
async fn a_crash_at_any_append_leaves_the_same_effects_of_all_parts() {
    let parts = with_after();
    let input = whole(&[("o1", &[("a", "20 USD"), ("b", "300 USD")]), ("o2", &[("c", "2000 USD"), ("e", "10 USD")])]);
    let mut moments = 0;
    let mut expected: Option<Vec<(String, String)>> = None;
    for append in 0.. {
        let world = World::new(plan(&[PROJECT, &parts[0], &parts[1], OUTER]), healthy());
        let faults = [Fault::DiesAfter(append), Fault::DiesBefore(append)];
        world.log.set_fault((append > 0).then(|| faults[usize::from(append % 2 == 0)].clone()));
        let mut engine = world.try_open().await.ok();
        if let Some(engine) = &engine {
            let (starting, input) = (engine.clone(), input.clone());
            drop(tokio::spawn(async move { starting.start("outer", input, "test").await }));
            live(&world, engine).await;
        }
        let failed = engine.as_ref().is_none_or(|engine| engine.stopped().is_some());
        if failed {
            moments += 1;
            world.log.set_fault(None);
            let again = world.open().await;
            let _ = again.start("outer", input.clone(), "test").await.unwrap();
            live(&world, &again).await;
            engine = Some(again);
        }
        let engine = engine.unwrap();
        let runs = engine.runs(RunFilter { parts: true, ..RunFilter::default() }).await.unwrap();
        assert!(runs.iter().all(|run| run.status > RunStatus::Paused), "append {append}: {runs:#?}");
        let mut done: Vec<(String, String)> = world.connectors.effects().into_iter().map(|(operation, key, _)| (operation, key)).collect();
        done.sort();
        assert_eq!(*expected.get_or_insert_with(|| done.clone()), done, "append {append}");
        replay(&*world.log, 0).await.unwrap();
        if append > 0 && !failed {
            break;
        }
    }
    assert!(moments > 20, "{moments}");
}

async fn live(world: &World, engine: &Engine) {
    for _ in 0..20 {
        world.settle(engine).await;
        let Ok(inbox) = engine.approvals().await else { return };
        if inbox.is_empty() {
            return;
        }
        for item in inbox {
            let _ = engine.answer(&item.approval.id, "bob@example.com", Verdict::Approve { edits: Value::Null }).await;
        }
    }
}

#[tokio::test]
async fn ten_thousand_items_are_worked_a_few_at_once_and_survive_a_restart() {
    let many = r#"
flow "many" {
    summary "Tell ten thousand people"
    input { field "count" int }
    deadline "10h"
    each "people" in="=lists.range(input.count)" as="number" max=10000 max-parallel=64 {
        act "tell" { call "desk.reply" message_id="='m' + string(number)" words="Hello" }
        output { number "=number" }
    }
    output { count "=size(people)" }
}
policy "replies" owner="leads" { on "desk.reply"; limit "flood" count=20000 per="24h" }
"#;
    let world = World::new(plan(&[PROJECT, many]), healthy());
    let engine = world.open().await;
    let run = engine.start("many", Value::record([("count", Value::Int(10_000))]), "test").await.unwrap().run_id;
    while world.connectors.requests().len() < 3_000 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    engine.shutdown().await;
    let engine = world.open().await;
    world.settle(&engine).await;
    assert_eq!(show(&engine, &run).await.summary.output.get("count"), Some(&Value::Int(10_000)));
    assert_eq!(world.connectors.effects().len(), 10_000);
    let (mut open, mut most) = (0_usize, 0_usize);
    for event in world.events(&engine).await {
        match event.kind {
            EventKind::RunStarted { parent: Some(_), .. } => open += 1,
            EventKind::ChildEnded { .. } => open -= 1,
            _ => {}
        }
        most = most.max(open);
    }
    assert_eq!(most, 64);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_step_that_takes_longer_than_its_deadline_fails_and_ends_what_runs_within_it() {
    let slow = |operation: &'static str| {
        connectors(Arc::new(move |request: &Request| (request.operation == operation).then(|| Reply::Refused(failure("http-503", true)))))
    };
    // A read that is tried again for longer than its step may take.
    let read = r#"
flow "look" {
    summary "Look an order up"
    input { field "id" string }
    observe "order" deadline="200ms" on-error=skip { call "shop.order.get" id="=input.id" }
    output { known "=steps.order.ran"; failed "=steps.order.failed" }
}
"#;
    let world = World::new(plan(&[PROJECT, read]), slow("shop.order.get"));
    let engine = world.open().await;
    let run = engine.start("look", Value::record([("id", Value::string("o1"))]), "test").await.unwrap().run_id;
    world.settle(&engine).await;
    let shown = show(&engine, &run).await;
    assert_eq!(shown.summary.output.get("failed"), Some(&Value::Bool(true)), "{shown:#?}");
    let events = world.events(&engine).await;
    let failed = events.iter().find(|event| matches!(event.kind, EventKind::StepFailed { .. })).unwrap();
    assert!(failed.header.at - events[1].header.at < 2 * SECOND, "it was tried on and on");
    replay(&*world.log, 0).await.unwrap();

    // Items that wait for a person: when the step's time is up, nobody is asked any more.
    let world = World::new(
        plan(&[PROJECT, &credits("deadline=\"2h\" on-error=fail", "").replace("deadline \"1h\"", "deadline \"9h\"")]),
        healthy(),
    );
    let engine = world.open().await;
    let run = begin(&engine, &[("a", "300 USD"), ("b", "20 USD")]).await;
    world.settle(&engine).await;
    engine.shutdown().await;
    let engine = world.open().await;
    world.settle(&engine).await;
    assert_eq!(status(&engine, &run).await, RunStatus::Waiting, "{:#?}", show(&engine, &run).await);
    world.clock.advance(2 * HOUR);
    world.settle(&engine).await;
    let shown = show(&engine, &run).await;
    let failure = shown.summary.failure.unwrap();
    assert_eq!((shown.summary.status, failure.code.as_str()), (RunStatus::Failed, "time-out"));
    assert!(engine.approvals().await.unwrap().is_empty());
    assert_eq!(done(&world), BTreeMap::from([("o1-b".to_owned(), 1)]));
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn an_act_is_put_off_to_its_instant_also_over_a_restart() {
    let later = r#"
flow "later" {
    summary "Write later"
    input { field "id" string }
    deadline "9h"
    act "write" not-before="=run.now + duration('2h')" { call "desk.reply" message_id="=input.id" words="Hello" }
    output { at "=run.now" }
}
policy "replies" owner="leads" { on "desk.reply"; limit "flood" count=20000 per="24h" }
"#;
    let world = World::new(plan(&[PROJECT, later]), healthy());
    let engine = world.open().await;
    let run = engine.start("later", Value::record([("id", Value::string("m1"))]), "test").await.unwrap().run_id;
    world.settle(&engine).await;
    assert_eq!(status(&engine, &run).await, RunStatus::Waiting);
    engine.shutdown().await;
    world.clock.advance(HOUR);
    let engine = world.open().await;
    world.settle(&engine).await;
    assert!(world.connectors.requests().is_empty(), "it was sent too early");
    world.clock.advance(HOUR);
    world.settle(&engine).await;
    assert_eq!((status(&engine, &run).await, world.connectors.effects().len()), (RunStatus::Completed, 1));
    let Some(Value::Timestamp(at)) = show(&engine, &run).await.summary.output.get("at").cloned() else { panic!() };
    assert!(at >= START + 2 * HOUR);
    replay(&*world.log, 0).await.unwrap();
}
