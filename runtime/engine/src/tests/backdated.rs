//! Clocks that are set back while something is under way: what may have been sent is not sent again, and what a day has cost stays there.

use super::world::*;
use crate::approval::ApprovalKind;
use crate::event::{EventKind, Next};
use crate::guard::{Amount, Claim, Guards, Span};
use crate::ports::{CallFailure, Clock};
use crate::replay::replay;
use crate::summary::RunStatus;
use crate::twin::{MemoryLog, Reply, Request};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tradewind_lang::money::Money;
use tradewind_lang::value::Value;

const FLOWS: &str = r#"
type "alarm" { field "text" string }
flow "alarm" {
    summary "Page somebody"
    input "alarm"
    act "page" { call "desk.page" text="=input.text" }
    output { by "=steps.page.settled_by" }
}
flow "write" {
    summary "Write to somebody"
    input "alarm"
    act "reply" { call "desk.reply" message_id="m1" words="=input.text" }
    output { by "=steps.reply.settled_by" }
}
policy "all" owner="leads" { on "desk.page" "desk.reply" "pay.refund" "pay.credit"; limit "flood" count=100 per="24h" }
"#;

/// Busy, and says for how long.
fn busy() -> Option<Reply> {
    Some(Reply::Refused(CallFailure { retry_after: Some(90 * SECOND), ..failure("http-503", true) }))
}

fn sent(world: &World, operation: &str) -> usize {
    world.connectors.requests().iter().filter(|request| request.operation == operation).count()
}

/// Lets everything happen that happens without the clock, where a run waits for it.
async fn heard() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

/// The first request of an operation is refused for now. What follows of the others is for `then` to say, which knows the log: its process
/// dies there.
async fn repeated(flow: &str, then: impl Fn(&Request, &MemoryLog) -> Option<Reply> + Send + Sync + 'static) -> (World, Arc<str>) {
    let log = Arc::new(MemoryLog::new());
    let dying = log.clone();
    let bend = move |request: &Request| if request.earlier == 0 { busy() } else { then(request, &dying) };
    let world = World { log, ..World::new(plan(&[PROJECT, FLOWS]), connectors(Arc::new(bend))) };
    let engine = world.open().await;
    let started = engine.start(flow, Value::record([("text", Value::string("fire"))]), "test").await.unwrap();
    heard().await;
    let events = world.events(&engine).await;
    let due = events.iter().find_map(|event| match event.kind {
        EventKind::EffectAttempted { next: Next::Send(at), .. } => Some(at),
        _ => None,
    });
    assert!(due.unwrap() > world.clock.now(), "it is sent again after a pause");
    world.clock.set(due.unwrap());
    heard().await;
    world.clock.set(START);
    engine.shutdown().await;
    world.log.set_fault(None);
    (world, started.run_id)
}

/// The page is sent again when its pause is over, and happens; nobody hears the answer, as its process dies. By the clock of the next one,
/// which was set back meanwhile, the pause is not over yet.
#[tokio::test]
async fn what_cannot_be_sent_twice_is_not_sent_again_because_the_clock_was_set_back() {
    let (world, run) = repeated("alarm", |_, log| {
        log.die();
        Some(Reply::Lost(Value::Null))
    })
    .await;
    assert_eq!(sent(&world, "desk.page"), 2);
    let engine = world.open().await;
    world.settle(&engine).await;
    assert_eq!(sent(&world, "desk.page"), 2, "it is not sent again");
    let inbox = engine.approvals().await.unwrap();
    assert_eq!((inbox.len(), inbox[0].approval.kind), (1, ApprovalKind::Settle), "a person says what became of it");
    assert_eq!(engine.run(&run).await.unwrap().unwrap().summary.status, RunStatus::Waiting);
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

/// The same where a key makes the repetition harmless: a refusal of it says nothing of the one before, which happened.
#[tokio::test]
async fn a_refusal_is_not_believed_where_the_clock_was_set_back_behind_what_was_sent_before() {
    let sendings = Arc::new(AtomicUsize::new(0));
    let seen = sendings.clone();
    let (world, run) = repeated("write", move |_, log| match seen.fetch_add(1, Ordering::SeqCst) {
        0 => {
            log.die();
            Some(Reply::Lost(Value::Null))
        }
        _ => Some(Reply::Refused(failure("http-409", false))),
    })
    .await;
    let engine = world.open().await;
    world.settle(&engine).await;
    let inbox = engine.approvals().await.unwrap();
    assert_eq!(inbox.iter().map(|item| item.approval.kind).collect::<Vec<_>>(), [ApprovalKind::Settle]);
    assert_eq!(engine.run(&run).await.unwrap().unwrap().summary.status, RunStatus::Waiting);
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

/// Whoever dies in the pause has not sent it again: that is certain, so it is sent when the pause is over, and nobody is asked.
#[tokio::test]
async fn what_waits_to_be_sent_again_when_the_process_ends_is_sent_once_and_nobody_is_asked() {
    let bend = |request: &Request| if request.earlier == 0 { busy() } else { None };
    let world = World::new(plan(&[PROJECT, FLOWS]), connectors(Arc::new(bend)));
    let engine = world.open().await;
    let started = engine.start("alarm", Value::record([("text", Value::string("fire"))]), "test").await.unwrap();
    heard().await;
    engine.shutdown().await;
    let engine = world.open().await;
    heard().await;
    assert_eq!(sent(&world, "desk.page"), 1, "its pause is not over");
    world.settle(&engine).await;
    let run = engine.run(&started.run_id).await.unwrap().unwrap().summary;
    assert_eq!((run.status, run.output.get("by").cloned()), (RunStatus::Completed, Some(Value::string("answer"))));
    assert_eq!(sent(&world, "desk.page"), 2);
    // One more event says that it leaves, as nothing else did.
    let attempted = kinds(&world.events(&engine).await).get("effect-attempted").copied();
    assert_eq!(attempted, Some(2));
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

fn usd(text: &str) -> Money {
    Money::parse(&format!("{text} USD")).unwrap()
}

fn of_budget(amount: &str, span: Span) -> [Claim; 1] {
    let (amount, max) = (Amount::Money(usd(amount)), Amount::Money(usd("10")));
    [Claim::Limit { rule: "budget of route `copy` per day".into(), by: "".into(), amount, max, span, escalates: false }]
}

fn taken(guards: &mut Guards, span: Span, now: i64) -> Option<Amount> {
    guards.taken("budget of route `copy` per day", span, now).pop().map(|(_, amount)| amount)
}

fn amount(text: &str) -> Option<Amount> {
    Some(Amount::Money(usd(text)))
}

/// Asked before midnight and answered after it, when somebody has asked on the new day already: today has cost what was asked today.
#[test]
fn what_was_asked_yesterday_is_settled_in_yesterdays_budget() {
    let mut guards = Guards::default();
    let (yesterday, today) = (Span::Day(20_000), Span::Day(20_001));
    guards.hold(&"late".into(), &of_budget("8", yesterday), START);
    guards.hold(&"early".into(), &of_budget("3", today), START + SECOND);
    guards.spend(&"late".into(), usd("7"));
    assert_eq!(taken(&mut guards, today, START + 2 * SECOND), amount("3"));
    // Another 7 USD fit into the 10 USD of today.
    let answer = guards.take(&"next".into(), &of_budget("7", today), &[], START + 3 * SECOND);
    assert!(answer.is_yes(), "{answer:?}");
    // And what is settled on its own day makes room there.
    guards.spend(&"next".into(), usd("2"));
    assert_eq!(taken(&mut guards, today, START + 4 * SECOND), amount("5"));
}

/// An hour counts from when it was asked, not from when somebody knew what it had cost.
#[test]
fn what_is_settled_late_leaves_the_last_hour_when_its_question_does() {
    let mut guards = Guards::default();
    let hour = Span::Rolling(HOUR);
    guards.hold(&"one".into(), &of_budget("8", hour), START);
    guards.hold(&"two".into(), &of_budget("1", hour), START + HOUR / 2);
    guards.spend(&"one".into(), usd("6"));
    assert_eq!(taken(&mut guards, hour, START + HOUR / 2), amount("7"));
    assert_eq!(taken(&mut guards, hour, START + HOUR), amount("1"), "an hour after it was asked");
    // What is settled when its hour is over counts for no other one, and what cost nothing for none.
    guards.hold(&"three".into(), &of_budget("4", hour), START + HOUR);
    guards.spend(&"two".into(), usd("9"));
    guards.hold(&"four".into(), &of_budget("4", hour), START + 3 * HOUR);
    guards.spend(&"four".into(), usd("0"));
    guards.spend(&"three".into(), usd("4"));
    assert_eq!(taken(&mut guards, hour, START + 3 * HOUR), None);
}
