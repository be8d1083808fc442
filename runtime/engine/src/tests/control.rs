//! Runs as a whole: those that share a concurrency key, priorities, and what people want of a run.

use super::world::*;
use crate::decide::Wish;
use crate::engine::{ControlError, ControlRefusal, Engine};
use crate::event::EventKind;
use crate::replay::replay;
use crate::summary::{RunFilter, RunStatus};
use crate::twin::{Fault, Reply};
use std::sync::Arc;
use tradewind_lang::value::Value;

/// The triage flow, where messages about one order never work beside each other.
fn lanes(busy: &str) -> World {
    let flow = TRIAGE.replace("cost-cap \"1 USD\"", &format!("cost-cap \"1 USD\"\n    concurrency key=\"=input.order_id\" busy={busy}"));
    World::new(plan(&[PROJECT, &flow]), healthy())
}

/// A complaint whose refund a person must allow.
fn large(id: &str, order: &str) -> Value {
    message(id, order, "complaint 0.9: broken", "300 USD")
}

fn small(id: &str, order: &str) -> Value {
    message(id, order, "complaint 0.9: broken", "20 USD")
}

async fn statuses(engine: &Engine) -> Vec<(String, RunStatus)> {
    let mut runs = engine.runs(RunFilter::default()).await.unwrap();
    runs.reverse();
    runs.iter().map(|run| (run.key.to_string(), run.status)).collect()
}

async fn approve(world: &World, engine: &Engine) {
    for item in engine.approvals().await.unwrap() {
        let verdict = crate::approval::Verdict::Approve { edits: Value::Null };
        engine.answer(&item.approval.id, "bob@example.com", verdict).await.unwrap();
    }
    world.settle(engine).await;
}

fn named(statuses: &[(&str, RunStatus)]) -> Vec<(String, RunStatus)> {
    statuses.iter().map(|(key, status)| ((*key).to_owned(), *status)).collect()
}

#[tokio::test]
async fn runs_of_one_key_work_one_after_the_other_in_the_order_of_their_starts() {
    let world = lanes("queue");
    let engine = world.open().await;
    for (id, order) in [("m1", "o1"), ("m2", "o1"), ("m3", "o2"), ("m4", "o1")] {
        let started = if id == "m1" { start(&engine, large(id, order)).await } else { start(&engine, small(id, order)).await };
        assert!(started.is_new);
    }
    world.settle(&engine).await;
    use RunStatus::{Completed, Queued, Waiting};
    assert_eq!(statuses(&engine).await, named(&[("m1", Waiting), ("m2", Queued), ("m3", Completed), ("m4", Queued)]));
    approve(&world, &engine).await;
    assert_eq!(statuses(&engine).await, named(&[("m1", Completed), ("m2", Completed), ("m3", Completed), ("m4", Completed)]));
    let events = world.events(&engine).await;
    // The first complaint of an order got its refund, whatever the hurry of the others.
    assert_eq!(denied(&events), ["unique", "unique"]);
    let order: Vec<String> = events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::RunAdmitted => event.header.run.as_ref().map(ToString::to_string),
            _ => None,
        })
        .collect();
    let runs = engine.runs(RunFilter::default()).await.unwrap();
    let id = |key: &str| runs.iter().find(|run| &*run.key == key).unwrap().id.to_string();
    assert_eq!(order, [id("m2"), id("m4")]);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_process_that_ends_between_two_runs_of_one_key_begins_the_second_when_it_comes_back() {
    let mut moments = 0;
    for append in 1.. {
        let world = lanes("queue");
        world.log.set_fault(Some(Fault::DiesAfter(append)));
        let mut engine = world.try_open().await.ok();
        if let Some(engine) = &engine {
            for id in ["m1", "m2", "m3"] {
                let engine = engine.clone();
                drop(tokio::spawn(async move { engine.start("triage", small(id, "o1"), "test").await }));
            }
            world.settle(engine).await;
        }
        let failed = engine.as_ref().is_none_or(|engine| engine.stopped().is_some());
        if failed {
            moments += 1;
            world.log.set_fault(None);
            engine = Some(world.open().await);
            for id in ["m1", "m2", "m3"] {
                let _ = start(engine.as_ref().unwrap(), small(id, "o1")).await;
            }
        }
        let engine = engine.unwrap();
        world.settle(&engine).await;
        let ended = statuses(&engine).await;
        assert!(ended.len() == 3 && ended.iter().all(|(_, status)| *status == RunStatus::Completed), "after append {append}: {ended:?}");
        replay(&*world.log, 0).await.unwrap();
        if !failed {
            break;
        }
    }
    assert!(moments > 20, "{moments}");
}

#[tokio::test]
async fn a_key_that_is_taken_skips_or_replaces_where_the_flow_says_so() {
    use RunStatus::{Cancelled, Completed, Waiting};
    let world = lanes("skip");
    let engine = world.open().await;
    let _ = start(&engine, large("m1", "o1")).await;
    world.settle(&engine).await;
    let skipped = start(&engine, small("m2", "o1")).await;
    assert!(skipped.is_new);
    let again = start(&engine, small("m2", "o1")).await;
    assert!(!again.is_new && !again.conflict && again.run_id == skipped.run_id);
    assert_eq!(statuses(&engine).await, named(&[("m1", Waiting), ("m2", Cancelled)]));
    approve(&world, &engine).await;
    let _ = start(&engine, small("m3", "o1")).await;
    world.settle(&engine).await;
    assert_eq!(statuses(&engine).await, named(&[("m1", Completed), ("m2", Cancelled), ("m3", Completed)]));
    replay(&*world.log, 0).await.unwrap();

    let world = lanes("replace");
    let engine = world.open().await;
    let _ = start(&engine, large("m1", "o1")).await;
    world.settle(&engine).await;
    let _ = start(&engine, small("m2", "o1")).await;
    world.settle(&engine).await;
    assert_eq!(statuses(&engine).await, named(&[("m1", Cancelled), ("m2", Completed)]));
    assert!(engine.approvals().await.unwrap().is_empty(), "nobody is asked for a run that was replaced");
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_cancelled_run_settles_what_it_has_under_way_and_begins_nothing_more() {
    // The refund is lost on its way back: whether it happened is looked up, although the run is to end.
    let world = World::triage_with(|request| match (request.operation.as_str(), request.earlier) {
        ("pay.refund", 0) => {
            let amount = request.request.get("amount").cloned().unwrap_or(Value::Null);
            Some(Reply::Lost(Value::record([("id", Value::string("lost")), ("amount", amount)])))
        }
        _ => None,
    });
    let engine = world.open().await;
    let started = start(&engine, small("m1", "o1")).await;
    while !world.events(&engine).await.iter().any(|event| matches!(event.kind, EventKind::IntentRecorded(_))) {
        tokio::task::yield_now().await;
    }
    engine.control(&started.run_id, "ann@example.com", Wish::Cancel("a test".into())).await.unwrap();
    world.settle(&engine).await;
    let run = engine.run(&started.run_id).await.unwrap().unwrap();
    assert_eq!(run.summary.status, RunStatus::Cancelled);
    assert_eq!(run.summary.cancelled.as_deref(), Some("a test"));
    let status = |name: &str| run.steps.iter().find(|step| &*step.name == name).unwrap().status;
    assert_eq!((status("refund"), status("reply")), ("done", "waiting"));
    let events = world.events(&engine).await;
    let asked = events.iter().find(|event| matches!(event.kind, EventKind::CancelRequested { .. })).unwrap();
    assert_eq!(&*asked.header.actor, "ann@example.com");
    let refusal = engine.control(&started.run_id, "ann@example.com", Wish::Pause).await;
    assert_eq!(refusal, Err(ControlError::Refused(ControlRefusal::Ended)));
    let refusal = engine.control("nothing", "ann@example.com", Wish::Pause).await;
    assert_eq!(refusal, Err(ControlError::Refused(ControlRefusal::Unknown)));
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_paused_run_begins_nothing_and_its_clock_stands_still() {
    let world = World::triage();
    let engine = world.open().await;
    let started = start(&engine, large("m1", "o1")).await;
    world.settle(&engine).await;
    engine.control(&started.run_id, "ann@example.com", Wish::Pause).await.unwrap();
    engine.control(&started.run_id, "ann@example.com", Wish::Pause).await.unwrap();
    approve(&world, &engine).await;
    assert_eq!(statuses(&engine).await, named(&[("m1", RunStatus::Paused)]));
    assert_eq!(kinds(&world.events(&engine).await).get("run-paused"), Some(&1), "a second wish changes nothing");
    // Longer than the deadline of the run, and over a restart.
    engine.shutdown().await;
    let engine = world.open().await;
    world.clock.advance(5 * HOUR);
    world.settle(&engine).await;
    assert_eq!(statuses(&engine).await, named(&[("m1", RunStatus::Paused)]));
    engine.control(&started.run_id, "ann@example.com", Wish::Resume).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(statuses(&engine).await, named(&[("m1", RunStatus::Completed)]));
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_run_of_high_priority_goes_before_those_that_wait() {
    let urgent =
        TRIAGE.replace("flow \"triage\" {", "flow \"urgent\" priority=high {").replace("summary \"Refund, or ask\"", "summary \"At once\"");
    let urgent = urgent.split_once("flow \"urgent\"").map(|(_, rest)| format!("flow \"urgent\"{rest}")).unwrap();
    let urgent = urgent.split_once("policy \"replies\"").map(|(flow, _)| flow.to_owned()).unwrap();
    let mut world = World::new(plan(&[PROJECT, TRIAGE, &urgent]), healthy());
    world.in_flight = 1;
    let engine = world.open().await;
    let submitted: Vec<_> = {
        let mut all = Vec::new();
        for number in 0..5 {
            all.push(engine.submit("triage", small(&format!("m{number}"), &format!("o{number}")), "test").await.unwrap());
        }
        all.push(engine.submit("urgent", small("u1", "o9"), "test").await.unwrap());
        all
    };
    for start in submitted {
        let _ = world.moving(&engine, start.durable()).await.unwrap();
    }
    world.settle(&engine).await;
    let events = world.events(&engine).await;
    let flows: Vec<Arc<str>> = events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::RunStarted { flow, .. } => Some(flow.clone()),
            _ => None,
        })
        .collect();
    let place = flows.iter().position(|flow| &**flow == "urgent").unwrap();
    assert!(place <= 1, "{flows:?}");
}
