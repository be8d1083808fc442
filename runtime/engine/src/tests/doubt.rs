//! Effects whose outcome is in doubt, and failures that are not.

use super::world::*;
use crate::approval::{ApprovalKind, Verdict};
use crate::event::EventKind;
use crate::replay::replay;
use crate::summary::RunStatus;
use crate::twin::{MemoryLog, Reply, Request};
use std::sync::Arc;
use tradewind_lang::value::Value;

/// One page to somebody: nothing makes it harmless to send twice, and nothing can look it up.
const PAGE: &str = r#"
type "alarm" { field "text" string }
flow "alarm" {
    summary "Page somebody"
    input "alarm"
    act "page" { call "desk.page" text="=input.text" }
    output { ran "=steps.page.ran"; by "=steps.page.settled_by" }
}
policy "pages" owner="leads" { on "desk.page"; limit "flood" count=100 per="24h" }
"#;

fn writes(world: &World, operation: &str) -> Vec<Request> {
    world.connectors.requests().into_iter().filter(|request| request.operation == operation).collect()
}

async fn refund_of(world: &World) -> crate::summary::RunDetails {
    let engine = world.open().await;
    let started = start(&engine, message("m1", "o1", "complaint 0.9: broken", "20 USD")).await;
    world.settle(&engine).await;
    let run = engine.run(&started.run_id).await.unwrap().unwrap();
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
    run
}

fn note(run: &crate::summary::RunDetails, step: &str) -> (&'static str, String) {
    let step = run.steps.iter().find(|other| &*other.name == step).unwrap();
    (step.status, step.note.clone().unwrap_or_default())
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_lookup_and_nothing_is_sent_again() {
    let world = World::triage_with(|request| {
        (request.operation == "pay.refund").then(|| Reply::Lost(Value::record([("id", Value::string("r1")), ("amount", money("20 USD"))])))
    });
    let run = refund_of(&world).await;
    assert_eq!(note(&run, "refund"), ("done", "settled by lookup".to_owned()));
    let refund = run.steps.iter().find(|step| &*step.name == "refund").unwrap();
    assert_eq!(refund.value.get("id"), Some(&Value::string("r1")), "the lookup's result is the answer");
    assert_eq!(writes(&world, "pay.refund").len(), 1);
}

#[tokio::test]
async fn what_a_lookup_does_not_find_is_sent_again_under_the_same_key() {
    let world = World::triage_with(|request| (request.operation == "pay.refund" && request.earlier == 0).then_some(Reply::Silence));
    let run = refund_of(&world).await;
    assert_eq!(note(&run, "refund").0, "done");
    let sent = writes(&world, "pay.refund");
    assert_eq!((sent.len(), &sent[0].key), (2, &sent[1].key));
    assert_eq!(writes(&world, "pay.find").len(), 1);
}

/// A process takes up a refund that another one had sent, and nobody answers that one; whoever looks for it at first finds nothing.
async fn taken_up(late: bool) -> (World, crate::summary::RunDetails) {
    let log = Arc::new(MemoryLog::new());
    let dying = log.clone();
    let world = World::triage_with(move |request| match (request.operation.as_str(), request.earlier) {
        ("pay.refund", 0) => {
            dying.die();
            Some(Reply::Silence)
        }
        ("pay.refund", _) => Some(Reply::Refused(failure("refused", false))),
        ("pay.find", 1) if late => {
            let refund = [("id", Value::string("r1")), ("order_id", Value::string("o1")), ("amount", money("20 USD"))];
            Some(Reply::Done(Value::list([Value::record(refund)])))
        }
        ("pay.find", _) => Some(Reply::Done(Value::list([]))),
        _ => None,
    });
    let world = World { log, ..world };
    let engine = world.open().await;
    start(&engine, message("m1", "o1", "complaint 0.9: broken", "20 USD")).await;
    world.settle(&engine).await;
    engine.shutdown().await;
    world.log.set_fault(None);
    let run = refund_of(&world).await;
    (world, run)
}

#[tokio::test]
async fn a_refusal_says_nothing_of_what_another_process_sent_and_may_still_arrive() {
    let (world, run) = taken_up(true).await;
    assert_eq!(note(&run, "refund"), ("done", "settled by lookup".to_owned()));
    assert_eq!((writes(&world, "pay.refund").len(), writes(&world, "pay.find").len()), (2, 2));
}

#[tokio::test]
async fn a_refusal_is_believed_when_what_another_process_sent_has_had_its_time() {
    let (world, run) = taken_up(false).await;
    assert_eq!(note(&run, "refund").0, "failed");
    assert_eq!((writes(&world, "pay.refund").len(), writes(&world, "pay.find").len()), (3, 2));
}

#[tokio::test]
async fn without_a_lookup_a_harmless_operation_is_repeated_with_its_key_while_the_key_lives() {
    let world =
        World::triage_with(|request| (request.operation == "desk.reply" && request.earlier < 2).then_some(Reply::Lost(Value::Null)));
    let run = refund_of(&world).await;
    assert_eq!(run.summary.status, RunStatus::Completed);
    assert_eq!(writes(&world, "desk.reply").len(), 3);
    assert_eq!(world.connectors.effects().iter().filter(|(operation, ..)| operation == "desk.reply").count(), 1);
}

#[tokio::test]
async fn a_key_that_the_provider_has_forgotten_is_never_sent_again() {
    let world = World::triage_with(|request| (request.operation == "desk.reply").then_some(Reply::Lost(Value::Null)));
    let engine = world.open().await;
    start(&engine, message("m1", "o1", "praise 0.9: fine", "1 USD")).await;
    // The process dies while the answer is awaited, and comes back 25 hours later.
    while writes(&world, "desk.reply").is_empty() {
        tokio::task::yield_now().await;
    }
    world.log.die();
    engine.shutdown().await;
    world.log.set_fault(None);
    world.clock.advance(25 * HOUR);
    let engine = world.open().await;
    world.settle(&engine).await;
    assert_eq!(writes(&world, "desk.reply").len(), 1);
    let inbox = engine.approvals().await.unwrap();
    assert_eq!(inbox[0].approval.kind, ApprovalKind::Settle);
    engine.answer(&inbox[0].approval.id, "ann@example.com", Verdict::Approve { edits: Value::Null }).await.unwrap();
    world.settle(&engine).await;
    // The hours count: nobody waited for a person.
    let runs = engine.runs(crate::summary::RunFilter::default()).await.unwrap();
    assert_eq!(runs[0].failure.as_ref().unwrap().message, "the run took longer than its deadline");
    let run = engine.run(&runs[0].id).await.unwrap().unwrap();
    assert_eq!(note(&run, "reply"), ("done", "settled by person".to_owned()));
}

#[tokio::test]
async fn a_machine_that_slept_past_the_life_of_a_key_does_not_send_it_again() {
    let world = World::triage_with(|request| (request.operation == "desk.reply").then_some(Reply::Lost(Value::Null)));
    let engine = world.open().await;
    start(&engine, message("m1", "o1", "praise 0.9: fine", "1 USD")).await;
    while !kinds(&world.events(&engine).await).contains_key("effect-attempted") {
        tokio::task::yield_now().await;
    }
    world.clock.advance(25 * HOUR);
    world.settle(&engine).await;
    assert_eq!(writes(&world, "desk.reply").len(), 1);
    assert_eq!(engine.approvals().await.unwrap()[0].approval.kind, ApprovalKind::Settle);
}

#[tokio::test]
async fn what_nothing_can_settle_a_person_settles_and_it_is_never_repeated() {
    for happened in [true, false] {
        let bend = |request: &Request| (request.operation == "desk.page").then_some(Reply::Lost(Value::Null));
        let world = World::new(
            plan(&[PROJECT, PAGE, "policy \"desk\" { on \"desk.reply\" \"pay.refund\" \"pay.credit\"; limit \"all\" count=9 }"]),
            connectors(std::sync::Arc::new(bend)),
        );
        let engine = world.open().await;
        let started = engine.start("alarm", Value::record([("text", Value::string("fire"))]), "test").await.unwrap();
        world.settle(&engine).await;
        engine.shutdown().await;
        let engine = world.open().await;
        world.settle(&engine).await;
        let inbox = engine.approvals().await.unwrap();
        assert_eq!((inbox.len(), inbox[0].approval.kind), (1, ApprovalKind::Settle));
        let verdict = if happened { Verdict::Approve { edits: Value::Null } } else { Verdict::Deny { reason: "it never rang".to_owned() } };
        engine.answer(&inbox[0].approval.id, "ann@example.com", verdict).await.unwrap();
        world.settle(&engine).await;
        let run = engine.run(&started.run_id).await.unwrap().unwrap();
        if happened {
            assert_eq!(run.summary.output.get("by"), Some(&Value::string("person")));
        } else {
            assert_eq!(run.summary.failure.unwrap().message, "it never rang");
        }
        assert_eq!(writes(&world, "desk.page").len(), 1);
        replay(&*world.log, 0).await.unwrap();
    }
}

#[tokio::test]
async fn a_refusal_fails_the_step_and_gives_its_claims_back() {
    let world = World::triage_with(|request| {
        (request.operation == "pay.refund" && request.request.get("amount") == Some(&money("20 USD")))
            .then(|| Reply::Refused(failure("refused", false)))
    });
    let run = refund_of(&world).await;
    assert_eq!(run.summary.failure.as_ref().unwrap().code, "refused");
    assert_eq!(writes(&world, "pay.refund").len(), 1);
    // The business key is free again, after a restart too: a second refund of the order goes through.
    let engine = world.open().await;
    let second = start(&engine, message("m2", "o1", "complaint 0.9: broken", "30 USD")).await;
    world.settle(&engine).await;
    assert_eq!(note(&engine.run(&second.run_id).await.unwrap().unwrap(), "refund").0, "done");
}

#[tokio::test]
async fn a_storm_of_failures_is_weathered_with_growing_waits_and_given_up_in_the_end() {
    let world = World::triage_with(|request| {
        (request.operation == "pay.refund" && request.earlier < 3).then(|| Reply::Refused(failure("http-503", true)))
    });
    let run = refund_of(&world).await;
    assert_eq!(note(&run, "refund").0, "done");
    let world = World::triage_with(|request| (request.operation == "pay.refund").then(|| Reply::Refused(failure("http-503", true))));
    let run = refund_of(&world).await;
    assert_eq!((writes(&world, "pay.refund").len(), run.summary.failure.unwrap().code), (4, "http-503".to_owned()));
    let engine = world.open().await;
    for event in world.events(&engine).await {
        if let EventKind::EffectAttempted { next: crate::event::Next::Send(at), attempt, .. } = event.kind {
            let longest = 100_000 << (attempt - 1);
            assert!((event.header.at..=event.header.at + longest).contains(&at));
        }
    }
}

#[tokio::test]
async fn a_provider_is_not_called_before_the_time_it_asked_for() {
    let world = World::triage_with(|request| {
        let wait = crate::ports::CallFailure { retry_after: Some(90 * SECOND), ..failure("http-503", true) };
        (request.operation == "pay.refund" && request.earlier == 0).then_some(Reply::Refused(wait))
    });
    let run = refund_of(&world).await;
    assert_eq!(note(&run, "refund").0, "done");
    assert!(run.summary.updated_at - run.summary.started_at >= 90 * SECOND);
}

#[tokio::test]
async fn reads_are_simply_tried_again() {
    let world = World::triage_with(|request| match (request.operation.as_str(), request.earlier) {
        ("shop.order.get", 0) => Some(Reply::Silence),
        ("shop.order.get", 1) => Some(Reply::Refused(failure("http-503", true))),
        _ => None,
    });
    let run = refund_of(&world).await;
    assert_eq!(run.summary.status, RunStatus::Completed);
    assert_eq!(writes(&world, "shop.order.get").len(), 3);
    let world = World::triage_with(|request| (request.operation == "shop.order.get").then(|| Reply::Refused(failure("not-found", false))));
    let run = refund_of(&world).await;
    assert_eq!(run.summary.failure.unwrap().code, "not-found");
    assert!(world.connectors.effects().is_empty());
}

#[tokio::test]
async fn a_silent_model_is_followed_by_the_next_rung_and_the_log_says_why() {
    let world = World::triage();
    let engine = world.open().await;
    let started = start(&engine, message("m1", "o1", "gibberish", "20 USD")).await;
    world.settle(&engine).await;
    let run = engine.run(&started.run_id).await.unwrap().unwrap();
    let kind = run.steps.iter().find(|step| &*step.name == "kind").unwrap();
    assert_eq!(kind.value.get("by"), Some(&Value::string("value")));
    let events = world.events(&engine).await;
    let used = events.iter().find_map(|event| match &event.used {
        crate::event::Used::Model { refused, .. } => Some(refused.clone()),
        _ => None,
    });
    assert_eq!(used.unwrap(), ["`kind`: no label"]);
    replay(&*world.log, 0).await.unwrap();
}
