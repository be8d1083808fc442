//! A flow from start to end, and people in the middle of it.

use super::world::*;
use crate::approval::{AnswerRefusal, ApprovalKind, Verdict};
use crate::engine::{AnswerError, StartError};
use crate::event::EventKind;
use crate::recover::events_of;
use crate::segment::Segment;
use crate::summary::{RunFilter, RunStatus};
use tradewind_lang::value::Value;

fn approve() -> Verdict {
    Verdict::Approve { edits: Value::Null }
}

fn refused(result: Result<(), AnswerError>) -> AnswerRefusal {
    match result {
        Err(AnswerError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_sure_complaint_is_refunded_and_answered_without_a_person() {
    let world = World::triage();
    let engine = world.open().await;
    let started = start(&engine, message("m1", "o1", "complaint 0.9: broken", "20 USD")).await;
    assert!(started.is_new && !started.conflict);
    world.settle(&engine).await;
    let run = engine.run(&started.run_id).await.unwrap().unwrap();
    assert_eq!(run.summary.status, RunStatus::Completed, "{run:#?}");
    assert_eq!(run.summary.output.get("refunded"), Some(&Value::Bool(true)));
    assert_eq!(run.summary.cost, tradewind_lang::money::Money::parse("0.01 USD"));
    let status = |name: &str| run.steps.iter().find(|step| &*step.name == name).map(|step| step.status).unwrap();
    assert_eq!((status("refund"), status("person"), status("reply")), ("done", "skipped", "done"));
    let effects = world.connectors.effects();
    assert_eq!(effects.len(), 2);
    assert!(
        effects
            .iter()
            .any(|(operation, _, request)| operation == "desk.reply" && request.get("words") == Some(&Value::string("Refunded.")))
    );
    let events = world.events(&engine).await;
    for (place, event) in events.iter().enumerate() {
        assert_eq!(event.header.seq, place as u64 + 1);
        assert_eq!(&*event.header.tenant, "northfield");
        assert!(event.header.causation < event.header.seq, "{event:#?}");
        assert_eq!(event.header.policy, engine.active().policy_digest);
    }
    assert_eq!(engine.verify().await.unwrap().events, events.len() as u64);
}

#[tokio::test]
async fn the_same_key_is_the_same_run_and_another_input_under_it_is_a_conflict() {
    let world = World::triage();
    let engine = world.open().await;
    let input = message("m1", "o1", "praise 0.9: nice", "1 USD");
    let (one, two) = tokio::join!(start(&engine, input.clone()), start(&engine, input.clone()));
    assert_eq!(one.run_id, two.run_id);
    assert_eq!(u8::from(one.is_new) + u8::from(two.is_new), 1);
    world.settle(&engine).await;
    let again = start(&engine, input).await;
    assert!(!again.is_new && !again.conflict);
    let other = start(&engine, message("m1", "o2", "praise 0.9: nice", "1 USD")).await;
    assert!(!other.is_new && other.conflict);
    assert_eq!(kinds(&world.events(&engine).await)["run-started"], 1);
}

#[tokio::test]
async fn starts_handed_in_ahead_begin_in_their_order_and_share_commits() {
    let mut world = World::triage();
    world.in_flight = 4;
    let engine = world.open().await;
    let mut ahead = Vec::new();
    for number in 0..40 {
        let input = message(&format!("m{number:02}"), "o1", "praise 0.9: nice", "1 USD");
        ahead.push(engine.submit("triage", input, "test").await.unwrap());
    }
    // Nobody waits for the last: it goes on all the same.
    ahead.pop();
    for submitted in ahead {
        assert!(world.moving(&engine, submitted.durable()).await.unwrap().is_new);
    }
    world.settle(&engine).await;
    let mut runs = engine.runs(RunFilter::default()).await.unwrap();
    runs.reverse();
    let keys: Vec<&str> = runs.iter().map(|run| &*run.key).collect();
    assert_eq!(keys, (0..40).map(|number| format!("m{number:02}")).collect::<Vec<_>>());
    let commits = segments(&world.log).await.iter().filter(|segment| holds_a_start(segment)).count();
    assert!(commits < 40, "{commits} commits held 40 starts");
}

fn holds_a_start(segment: &Segment) -> bool {
    events_of(None, segment).unwrap().iter().any(|event| matches!(event.kind, EventKind::RunStarted { .. }))
}

#[tokio::test]
async fn a_run_that_waits_for_a_person_lets_the_next_begin() {
    let mut world = World::triage();
    world.in_flight = 1;
    let engine = world.open().await;
    for number in 0..6 {
        let input = message(&format!("m{number}"), "o1", "complaint 0.3: hm", "1 USD");
        engine.submit("triage", input, "test").await.unwrap();
    }
    // The clock stands still and nobody asks for anything: nothing but the engine itself moves the runs.
    let idle = tokio::time::timeout(std::time::Duration::from_secs(10), engine.wait_idle()).await;
    let progress = engine.subscribe().progress.borrow().clone();
    assert!(idle.is_ok(), "the engine hangs: {progress:?}");
    assert_eq!((progress.queued, progress.waiting), (0, 6));
}

#[tokio::test]
async fn an_input_that_does_not_fit_starts_nothing() {
    let world = World::triage();
    let engine = world.open().await;
    let bad = engine.start("triage", Value::record([("id", Value::Int(1))]), "test").await;
    assert_eq!(bad, Err(StartError::Input("`id` is no string".to_owned())));
    assert_eq!(engine.start("nothing", Value::Null, "test").await, Err(StartError::UnknownFlow("nothing".to_owned())));
    assert_eq!(engine.runs(RunFilter::default()).await.unwrap(), Vec::new());
}

#[tokio::test]
async fn an_unsure_message_waits_for_a_member_of_the_team_across_a_restart() {
    let world = World::triage();
    let engine = world.open().await;
    let started = start(&engine, message("m1", "o1", "complaint 0.3: hm", "20 USD")).await;
    world.settle(&engine).await;
    let inbox = engine.approvals().await.unwrap();
    let item = &inbox[0].approval;
    assert_eq!((item.kind, item.question.as_str()), (ApprovalKind::Ask, "What is it about order o1?"));
    engine.shutdown().await;

    let engine = world.open().await;
    world.settle(&engine).await;
    assert_eq!(engine.approvals().await.unwrap(), inbox);
    let said = Verdict::Answer(Value::record([("kind", Value::string("complaint"))]));
    let wrong = Verdict::Answer(Value::record([("kind", Value::string("tirade"))]));
    let answer = |by: &'static str, verdict: Verdict| engine.answer(&item.id, by, verdict);
    assert_eq!(refused(answer("eve@example.com", said.clone()).await), AnswerRefusal::NotAMember(vec!["leads".to_owned()]));
    assert_eq!(refused(answer("ann@example.com", wrong).await), AnswerRefusal::BadValue("`kind` is no kinds".to_owned()));
    assert!(matches!(refused(answer("ann@example.com", approve()).await), AnswerRefusal::WrongVerdict(_)));
    answer("ann@example.com", said.clone()).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(refused(answer("bob@example.com", said).await), AnswerRefusal::Closed);
    let run = engine.run(&started.run_id).await.unwrap().unwrap();
    assert_eq!(run.summary.output.get("by"), Some(&Value::string("person")));
    let events = world.events(&engine).await;
    let answered = events.iter().find(|event| matches!(event.kind, EventKind::ApprovalAnswered { .. })).unwrap();
    assert_eq!(&*answered.header.actor, "ann@example.com");
}

#[tokio::test]
async fn nobody_answers_and_the_run_stops_not_a_moment_before_its_time() {
    let world = World::triage();
    let engine = world.open().await;
    let started = start(&engine, message("m1", "o1", "complaint 0.3: hm", "20 USD")).await;
    world.settle(&engine).await;
    let deadline = engine.approvals().await.unwrap()[0].approval.deadline.unwrap();
    world.clock.set(deadline - 1);
    tokio::task::yield_now().await;
    world.settle(&engine).await;
    assert_eq!(engine.approvals().await.unwrap().len(), 1);
    engine.shutdown().await;
    world.clock.set(deadline);
    let engine = world.open().await;
    let failed = async {
        while engine.runs(RunFilter { status: Some(RunStatus::Failed), ..RunFilter::default() }).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), failed).await.unwrap();
    let run = engine.run(&started.run_id).await.unwrap().unwrap();
    assert_eq!(run.summary.failure.unwrap().message, "nobody of leads answered in time");
    assert!(engine.approvals().await.unwrap().is_empty());
    assert!(world.connectors.effects().is_empty());
}

#[tokio::test]
async fn escalations_merge_into_one_item_and_every_team_must_agree() {
    let world = World::triage();
    let engine = world.open().await;
    for id in ["a", "b", "c"] {
        start(&engine, message(id, id, "complaint 0.9: x", "400 USD")).await;
        world.settle(&engine).await;
        for item in engine.approvals().await.unwrap() {
            let over = !item.approval.over.is_empty();
            assert_eq!(item.approval.to, if over { vec!["leads", "finance"] } else { vec!["leads"] });
            assert_eq!(item.approval.deadline, Some(item.asked_at + 6 * HOUR), "the shortest clock");
            engine.answer(&item.approval.id, "ann@example.com", approve()).await.unwrap();
            world.settle(&engine).await;
            if over {
                let still = engine.approvals().await.unwrap();
                assert_eq!(still[0].agreed.len(), 1, "finance has not agreed");
                assert_eq!(refused(engine.answer(&item.approval.id, "ann@example.com", approve()).await), AnswerRefusal::Twice);
                engine.answer(&item.approval.id, "fin@example.com", approve()).await.unwrap();
            }
        }
        world.settle(&engine).await;
    }
    assert!(engine.approvals().await.unwrap().is_empty());
    assert_eq!(world.connectors.effects().iter().filter(|(operation, ..)| operation == "pay.refund").count(), 3);
    let forced = world
        .events(&engine)
        .await
        .iter()
        .filter(|event| matches!(&event.kind, EventKind::IntentRecorded(intent) if intent.forced == ["refunds.daily"]))
        .count();
    assert_eq!(forced, 1, "the third went above the daily limit, and the log says so");
}

#[tokio::test]
async fn facts_are_recalled_by_later_runs_and_capped() {
    let world = World::triage();
    let engine = world.open().await;
    for id in ["a", "b", "c", "d"] {
        start(&engine, message(id, id, "praise 0.9: x", "1 USD")).await;
        world.settle(&engine).await;
    }
    let facts = engine.facts("notes", "c1").await.unwrap();
    assert_eq!(facts.len(), 3, "the cap");
    let runs = engine.runs(RunFilter::default()).await.unwrap();
    let known: Vec<_> = runs.iter().rev().map(|run| run.output.get("known").cloned().unwrap()).collect();
    assert_eq!(known, [0, 1, 2, 2].map(Value::Int));
    engine.shutdown().await;
    world.clock.advance(31 * 24 * HOUR);
    let engine = world.open().await;
    assert_eq!(engine.facts("notes", "c1").await.unwrap(), Vec::new(), "retention");
}

#[tokio::test]
async fn an_answer_that_the_clock_overtakes_is_told_so() {
    let world = World::triage();
    let engine = world.open().await;
    start(&engine, message("m1", "o1", "complaint 0.3: hm", "20 USD")).await;
    world.settle(&engine).await;
    let item = engine.approvals().await.unwrap().remove(0);
    assert!(!item.is_overdue && item.would_be_denied.is_none());
    engine.shutdown().await;
    world.clock.set(item.approval.deadline.unwrap());
    let engine = world.open().await;
    // The run ends in the very commit that some of the answers wait for.
    let answers = (0..8).map(|_| {
        let (engine, id) = (engine.clone(), item.approval.id.clone());
        tokio::spawn(async move { engine.answer(&id, "ann@example.com", approve()).await })
    });
    for answer in answers.collect::<Vec<_>>() {
        let refusal = refused(answer.await.unwrap());
        assert!(matches!(refusal, AnswerRefusal::Expired | AnswerRefusal::Closed), "{refusal:?}");
    }
}
