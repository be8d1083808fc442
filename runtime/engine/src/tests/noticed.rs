//! What somebody would notice at once if a decision were a little different: pauses at the very end, questions of runs that are over, clocks
//! behind a wait for people, reads that take too long, versions that nobody looks at.

use super::world::*;
use crate::approval::Verdict;
use crate::decide::{Wish, cap_of, is_budget};
use crate::engine::{AnswerError, Engine};
use crate::event::{Event, EventKind, Used};
use crate::memory::Source;
use crate::ports::{CallFailure, Clock, UNREACHABLE};
use crate::replay::replay;
use crate::summary::{RunStatus, RunSummary};
use crate::twin::{Reply, Request};
use std::sync::Arc;
use tradewind_lang::value::{Record, Value};

const FLOWS: &str = r#"
type "which" { field "id" string }
flow "look" {
    summary "Look an order up"
    input "which"
    deadline "3h"
    observe "order" { call "shop.order.get" id="=input.id" }
    output { paid "=order.paid" }
}
flow "glance" {
    summary "Look an order up, and not for long"
    input "which"
    observe "order" deadline="5s" on-error=skip { call "shop.order.get" id="=input.id" }
    output { ran "=steps.order.ran" }
}
type "said" { field "words" string }
flow "ask" {
    summary "Ask somebody, then look an order up"
    input "which"
    deadline "1h"
    ask "person" to="leads" within="9h" on-timeout=stop { question "What now?"; answer "said" }
    observe "order" after="person" { call "shop.order.get" id="=input.id" }
    output { words "=person.words" }
}
route "strict" needs=classify { candidate "kind"; fail "nobody could sort it" }
flow "sort" {
    summary "Sort a text"
    input "which"
    decide "kind" { classify "kinds" route="strict" text="=input.id" }
    output { kind "=kind.label" }
}
memory "paid" tier=working record="which" retention=forever
memory "seen" tier=working record="which" retention=forever
flow "note" {
    summary "Note each of several"
    input { field "ids" list<string> }
    observe "order" { call "shop.order.get" id="=input.ids[0]" }
    each "all" in="=input.ids" as="one" max=5 {
        remember "kept" in="seen" { id "=one" }
        remember "paid" in="paid" { id "=order.id" }
        output { id "=one" }
    }
    output { count "=size(all)" }
}
policy "all" owner="leads" { on "desk.page" "desk.reply" "pay.refund" "pay.credit"; limit "flood" count=100 per="24h" }
"#;

fn world(bend: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> World {
    World::new(plan(&[PROJECT, FLOWS]), connectors(Arc::new(bend)))
}

fn which(id: &str) -> Value {
    Value::record([("id", Value::string(id))])
}

/// Busy for so long.
fn busy(span: i64) -> Reply {
    Reply::Refused(CallFailure { retry_after: Some(span), ..failure("http-503", true) })
}

/// Lets everything happen that happens without the clock, where a run waits for it.
async fn heard() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

async fn summary(engine: &Engine, run: &str) -> RunSummary {
    engine.run(run).await.unwrap().unwrap().summary
}

#[tokio::test]
async fn a_run_that_is_paused_when_its_last_step_ends_completes_when_it_goes_on() {
    let world = world(|request| (request.earlier == 0).then(|| busy(30 * SECOND)));
    let engine = world.open().await;
    let run = engine.start("look", which("o1"), "test").await.unwrap().run_id;
    heard().await;
    engine.control(&run, "ann@example.com", Wish::Pause).await.unwrap();
    world.clock.set(START + 60 * SECOND);
    heard().await;
    let paused = engine.run(&run).await.unwrap().unwrap();
    assert_eq!((paused.summary.status, paused.steps[0].status), (RunStatus::Paused, "done"), "its last step has ended");
    engine.shutdown().await;
    let engine = world.open().await;
    heard().await;
    assert_eq!(summary(&engine, &run).await.status, RunStatus::Paused);
    engine.control(&run, "ann@example.com", Wish::Resume).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(summary(&engine, &run).await.status, RunStatus::Completed);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn nobody_is_asked_any_more_for_a_run_that_was_cancelled_and_its_answer_comes_too_late() {
    let world = world(|_| None);
    let engine = world.open().await;
    let run = engine.start("ask", which("o1"), "test").await.unwrap().run_id;
    world.settle(&engine).await;
    let item = engine.approvals().await.unwrap().remove(0);
    engine.control(&run, "ann@example.com", Wish::Cancel("a test".into())).await.unwrap();
    world.settle(&engine).await;
    assert_eq!((engine.approvals().await.unwrap().len(), summary(&engine, &run).await.status), (0, RunStatus::Cancelled));
    let withdrawn = world.events(&engine).await.iter().filter(|event| matches!(event.kind, EventKind::ApprovalWithdrawn { .. })).count();
    assert_eq!(withdrawn, 1);
    let late = engine.answer(&item.approval.id, "ann@example.com", Verdict::Answer(Value::record([("words", Value::string("go"))]))).await;
    assert!(matches!(late, Err(AnswerError::Refused(crate::approval::AnswerRefusal::Closed))), "{late:?}");
    engine.shutdown().await;
    let engine = world.open().await;
    world.settle(&engine).await;
    assert_eq!(engine.approvals().await.unwrap().len(), 0);
    replay(&*world.log, 0).await.unwrap();
}

/// An hour is what the run may take; that somebody took five to answer does not count, and what comes after it does.
#[tokio::test]
async fn the_deadline_counts_again_from_the_answer_of_a_person_on() {
    for restarts in [false, true] {
        let world = world(move |request| (request.earlier <= usize::from(restarts)).then(|| busy(2 * HOUR)));
        let mut engine = world.open().await;
        let run = engine.start("ask", which("o1"), "test").await.unwrap().run_id;
        world.settle(&engine).await;
        world.clock.set(START + 5 * HOUR);
        heard().await;
        let item = engine.approvals().await.unwrap().remove(0);
        let words = Value::record([("words", Value::string("go"))]);
        engine.answer(&item.approval.id, "ann@example.com", Verdict::Answer(words)).await.unwrap();
        heard().await;
        if restarts {
            engine.shutdown().await;
            engine = world.open().await;
            heard().await;
        }
        world.clock.set(START + 6 * HOUR - 60 * SECOND);
        heard().await;
        assert_eq!(summary(&engine, &run).await.status, RunStatus::Running, "its hour is not over");
        world.clock.set(START + 6 * HOUR + SECOND);
        heard().await;
        let late = summary(&engine, &run).await;
        assert_eq!(late.failure.map(|failure| failure.message).as_deref(), Some("the run took longer than its deadline"));
        engine.shutdown().await;
        replay(&*world.log, 0).await.unwrap();
    }
}

#[tokio::test]
async fn a_read_that_takes_longer_than_its_step_may_is_given_up_then_and_not_later() {
    let world = world(|request| (request.earlier == 0).then(|| busy(HOUR)));
    let engine = world.open().await;
    let run = engine.start("glance", which("o1"), "test").await.unwrap().run_id;
    heard().await;
    world.clock.set(START + 4 * SECOND);
    heard().await;
    assert_eq!(summary(&engine, &run).await.status, RunStatus::Running);
    world.clock.set(START + 5 * SECOND);
    world.settle(&engine).await;
    let details = engine.run(&run).await.unwrap().unwrap();
    assert_eq!((details.summary.status, details.steps[0].status), (RunStatus::Completed, "failed"));
    assert_eq!(details.summary.output.get("ran"), Some(&Value::Bool(false)));
    assert_eq!(world.clock.now(), START + 5 * SECOND);
    // What it would have said does not matter any more.
    world.clock.set(START + 2 * HOUR);
    world.settle(&engine).await;
    assert_eq!(summary(&engine, &run).await.output.get("ran"), Some(&Value::Bool(false)));
    replay(&*world.log, 0).await.unwrap();
}

/// What the log says of the failures before a read was answered.
fn failures(events: &[Event]) -> Vec<String> {
    let found = events.iter().find_map(|event| match (&event.kind, &event.used) {
        (EventKind::StepCompleted { .. } | EventKind::StepFailed { .. }, Used::Answer { failures, .. }) => Some(failures.clone()),
        _ => None,
    });
    found.unwrap_or_default()
}

#[tokio::test]
async fn a_read_is_tried_as_often_as_its_connector_says_and_the_log_says_what_went_wrong_each_time() {
    let refusing = world(|_| Some(Reply::Refused(failure("http-503", true))));
    let engine = refusing.open().await;
    let run = engine.start("look", which("o1"), "test").await.unwrap().run_id;
    refusing.settle(&engine).await;
    assert_eq!(summary(&engine, &run).await.status, RunStatus::Failed);
    let told = failures(&refusing.events(&engine).await);
    assert_eq!((refusing.connectors.requests().len(), told.len()), (4, 3), "once, and three times more: {told:?}");
    replay(&*refusing.log, 0).await.unwrap();

    // A provider that cannot be reached says so once, however often it is tried, and what it says then beside it.
    let away = world(|request| match request.earlier {
        0 => Some(Reply::Refused(failure("http-503", true))),
        1..=6 => Some(Reply::Refused(failure(UNREACHABLE, true))),
        7 => Some(Reply::Refused(failure("http-500", true))),
        _ => None,
    });
    let engine = away.open().await;
    let run = engine.start("look", which("o1"), "test").await.unwrap().run_id;
    away.settle(&engine).await;
    assert_eq!(summary(&engine, &run).await.status, RunStatus::Completed);
    let told = failures(&away.events(&engine).await);
    let codes: Vec<&str> = told.iter().map(|told| told.split(':').next().unwrap_or_default()).collect();
    assert_eq!((codes, away.connectors.requests().len()), (vec!["http-503", UNREACHABLE, "http-500"], 9));
    replay(&*away.log, 0).await.unwrap();
}

#[test]
fn the_cap_of_a_flow_is_a_budget_of_its_own_and_the_limit_of_a_policy_is_none() {
    assert!(is_budget(&cap_of("triage")) && cap_of("triage").contains("triage"));
    assert_ne!(cap_of("triage"), cap_of("returns"));
    assert!(!is_budget("refunds.daily"));
}

/// A version that no critic accepts, and that somebody is asked about.
async fn version(on_timeout: &str) -> (World, Engine, Arc<str>, Arc<str>) {
    let reflect = format!(r#"max-revisions=0 else=escalate {{ critic "brand"; escalate to="leads" within="4h" on-timeout={on_timeout} }}"#);
    let world = super::reflections::stubborn(&reflect);
    let engine = world.open().await;
    let run = engine.start("describe", Value::record([("product", Value::string("oslo"))]), "test").await.unwrap().run_id;
    world.settle(&engine).await;
    let item = engine.approvals().await.unwrap().remove(0).approval.id.clone();
    (world, engine, run, item)
}

#[tokio::test]
async fn a_version_is_accepted_as_it_is_by_an_approval_without_changes_and_cannot_be_edited() {
    let (world, engine, run, item) = version("stop").await;
    let edits = Value::record([("title", Value::string("Another"))]);
    let refused = engine.answer(&item, "ann@example.com", Verdict::Approve { edits }).await;
    assert!(matches!(refused, Err(AnswerError::Refused(crate::approval::AnswerRefusal::WrongVerdict(_)))), "{refused:?}");
    let nothing = Value::Record(Arc::new(Record::default()));
    engine.answer(&item, "ann@example.com", Verdict::Approve { edits: nothing }).await.unwrap();
    world.settle(&engine).await;
    let accepted = summary(&engine, &run).await;
    assert_eq!((accepted.status, accepted.output.get("title").and_then(Value::as_str)), (RunStatus::Completed, Some("Best chair ever")));
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn silence_about_a_version_accepts_nothing() {
    let (world, engine, run, item) = version("stop").await;
    world.clock.set(world.clock.now() + 4 * HOUR);
    world.settle(&engine).await;
    let silent = summary(&engine, &run).await;
    assert_eq!(silent.status, RunStatus::Failed);
    assert_eq!(silent.failure.unwrap().message, "nobody of leads answered in time");
    let expired = |event: &Event| matches!(&event.kind, EventKind::ApprovalExpired { approval, .. } if *approval == item);
    assert_eq!(world.events(&engine).await.into_iter().filter(expired).count(), 1);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn what_is_remembered_of_an_item_rests_on_where_its_list_came_from() {
    let world = world(|_| None);
    let engine = world.open().await;
    let ids = Value::record([("ids", Value::list([Value::string("a"), Value::string("b")]))]);
    engine.start("note", ids, "test").await.unwrap();
    world.settle(&engine).await;
    let origins: Vec<Vec<Source>> = engine.history_of("seen", None).await.unwrap().iter().map(|fact| fact.origin.sources.clone()).collect();
    assert_eq!(origins, [vec![Source::Input], vec![Source::Input]]);
    // What stands around the loop is no part of its list.
    let around = engine.history_of("paid", None).await.unwrap()[0].origin.sources.clone();
    assert_eq!(around, [Source::Operation { step: "order".into(), operation: "shop.order.get".into() }]);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_ladder_of_labels_that_ends_in_a_failure_says_so_and_keeps_nobody_waiting() {
    let world = world(|_| None);
    let engine = world.open().await;
    let run = engine.start("sort", which("of no kind"), "test").await.unwrap().run_id;
    world.settle(&engine).await;
    let failed = summary(&engine, &run).await;
    assert_eq!((failed.status, failed.failure.unwrap().message.as_str()), (RunStatus::Failed, "nobody could sort it"));
    replay(&*world.log, 0).await.unwrap();
}
