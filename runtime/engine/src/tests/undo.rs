//! Taking back: a run's effects, one effect, a flow's; by command, by step, and where a run fails after it wrote.

use super::site::*;
use super::world::*;
use crate::approval::Verdict;
use crate::engine::Engine;
use crate::event::{Event, EventKind};
use crate::frozen::Scope;
use crate::history::Which;
use crate::replay::replay;
use crate::summary::{RunFilter, RunStatus, RunSummary};
use crate::twin::{Fault, Reply, Request};
use crate::undo::{Back, NotBack, Reversal, UNDO};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tradewind_lang::value::Value;

const BY: &str = "ann@example.com";
const LAUNCH: &str = r#"
flow "launch" {
    summary "Make a page, set its price, tell everybody"
    input "change"
    key "=input.id"
    act "create" { call "site.page.create" id="=input.id" price="1 USD" }
    act "raise" { call "site.page.set" id="=input.id" price="=input.price" }
    act "mail" on-error=undo { call "site.mail" id="=input.id" }
    output { done "=steps.mail.ran" }
}
"#;
const LOOKS: &str = r#"observe "mail" after="raise" on-error=undo { call "site.page.get" id="nowhere" }"#;
const REVERT: &str = r#"
type "which" { field "id" string; field "turn" int }
flow "revert" {
    summary "Put the last price back"
    input "which"
    key "=input.id + string(input.turn)"
    act "back" { undo flow="change" step="set" where="effect.id == input.id" last=1 since="14d" }
    output { undone "=size(back.effects)" }
}
"#;

fn world(pages: &Pages, parts: &[&str], bend: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> World {
    World::new(plan(&[&[SITE, CHANGE], parts].concat()), site(pages, bend))
}

async fn run(world: &World, engine: &Engine, flow: &str, input: Value) -> Arc<str> {
    let run = engine.start(flow, input, "test").await.unwrap().run_id;
    world.settle(engine).await;
    run
}

async fn set(world: &World, engine: &Engine, id: &str, price: &str) -> Arc<str> {
    run(world, engine, "change", change(id, price)).await
}

fn of_run(run: &Arc<str>) -> Which {
    Which { run: Some(run.clone()), ..Which::default() }
}

/// Plans and does it; the summary of the run that did.
async fn undo(world: &World, engine: &Engine, which: &Which) -> Option<RunSummary> {
    let reversals = engine.plan_undo(which).await.unwrap();
    let run = engine.undo(&reversals, BY, "a test").await.ok()?.run_id;
    world.settle(engine).await;
    Some(engine.run(&run).await.unwrap().unwrap().summary)
}

fn why(reversal: &Reversal) -> Option<&NotBack> {
    match &reversal.back {
        Back::Not(why) => Some(why),
        Back::By { .. } => None,
    }
}

fn intents(events: &[Event]) -> Vec<(String, String, Option<String>)> {
    let found = events.iter().filter_map(|event| match &event.kind {
        EventKind::IntentRecorded(intent) => {
            Some((intent.operation.to_string(), intent.key.to_string(), intent.undoes.as_ref().map(ToString::to_string)))
        }
        _ => None,
    });
    found.collect()
}

#[tokio::test]
async fn a_run_is_taken_back_once_under_a_key_that_follows_from_what_it_takes_back() {
    let pages = pages(&[("a", "10 USD")]);
    let world = world(&pages, &[], |_| None);
    let engine = world.open().await;
    let first = set(&world, &engine, "a", "12 USD").await;
    let planned = engine.plan_undo(&of_run(&first)).await.unwrap();
    let Back::By { operation, request } = &planned[0].back else { panic!("{planned:?}") };
    assert_eq!((planned.len(), &**operation, request.get("price")), (1, "site.page.set", Some(&money("10 USD"))));
    assert_eq!(price(&pages, "a").unwrap(), "12.00 USD", "a plan does nothing");
    let done = undo(&world, &engine, &of_run(&first)).await.unwrap();
    assert_eq!((done.status, &*done.flow, done.output.get("taken_back")), (RunStatus::Completed, UNDO, Some(&Value::Int(1))));
    assert_eq!(price(&pages, "a").unwrap(), "10.00 USD");
    let logged = intents(&world.events(&engine).await);
    assert_eq!(logged[1].2.as_ref(), Some(&logged[0].1), "the log says what it takes back");
    assert_ne!(logged[1].1, logged[0].1);
    let started =
        world.events(&engine).await.into_iter().find(|event| matches!(&event.kind, EventKind::RunStarted { flow, .. } if &**flow == UNDO));
    assert_eq!(&*started.unwrap().header.actor, BY);
    // Twice does nothing, also where somebody planned before the first was done.
    assert_eq!(why(&engine.plan_undo(&of_run(&first)).await.unwrap()[0]), Some(&NotBack::Already));
    assert!(undo(&world, &engine, &of_run(&first)).await.is_none());
    engine.undo(&planned, "bob@example.com", "").await.unwrap();
    world.settle(&engine).await;
    assert_eq!(denied(&world.events(&engine).await), ["unique"]);
    assert_eq!(world.connectors.effects().len(), 2);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_taken_back_says_why_and_the_rest_is_taken_back_newest_first() {
    let pages = pages(&[("a", "10 USD")]);
    let world = world(&pages, &[LAUNCH], |_| None);
    let engine = world.open().await;
    let launched = run(&world, &engine, "launch", change("b", "30 USD")).await;
    let planned = engine.plan_undo(&of_run(&launched)).await.unwrap();
    let steps: Vec<&str> = planned.iter().map(|reversal| &*reversal.step).collect();
    assert_eq!(steps, ["mail", "raise", "create"]);
    assert_eq!(why(&planned[0]), Some(&NotBack::Irreversible));
    assert_eq!(undo(&world, &engine, &of_run(&launched)).await.unwrap().status, RunStatus::Completed);
    assert_eq!(price(&pages, "b"), None, "its price was put back, then it was deleted");
    let order: Vec<String> = intents(&world.events(&engine).await)
        .into_iter()
        .filter(|(.., undoes)| undoes.is_some())
        .map(|(operation, ..)| operation)
        .collect();
    assert_eq!(order, ["site.page.set", "site.page.delete"]);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn an_effect_by_its_key_and_a_flow_since_an_instant() {
    let pages = pages(&[("a", "10 USD"), ("b", "20 USD")]);
    let world = world(&pages, &[LAUNCH], |_| None);
    let engine = world.open().await;
    let _ = set(&world, &engine, "a", "11 USD").await;
    world.clock.advance(HOUR);
    let since = {
        use crate::ports::Clock;
        world.clock.now()
    };
    let _ = set(&world, &engine, "b", "21 USD").await;
    let _ = set(&world, &engine, "b", "22 USD").await;
    let _ = run(&world, &engine, "launch", change("c", "5 USD")).await;
    let which = Which { flow: Some("change".into()), since: Some(since), ..Which::default() };
    assert_eq!(undo(&world, &engine, &which).await.unwrap().status, RunStatus::Completed);
    assert_eq!((price(&pages, "a").unwrap(), price(&pages, "b").unwrap()), ("11.00 USD".to_owned(), "20.00 USD".to_owned()));
    assert_eq!(price(&pages, "c").unwrap(), "5.00 USD");
    let key = intents(&world.events(&engine).await)[0].1.clone();
    let which = Which { key: Some(key.as_str().into()), ..Which::default() };
    assert_eq!(undo(&world, &engine, &which).await.unwrap().status, RunStatus::Completed);
    assert_eq!(price(&pages, "a").unwrap(), "10.00 USD");
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_reversal_that_fails_is_told_keeps_what_came_before_it_and_is_tried_again_under_its_key() {
    let broken = Arc::new(AtomicBool::new(false));
    let breaks = broken.clone();
    let pages = pages(&[("a", "10 USD"), ("b", "20 USD")]);
    let world = world(&pages, &[], move |request| {
        let of_a = request.operation == "site.page.set" && request.request.get("id") == Some(&Value::string("a"));
        (of_a && breaks.load(Ordering::SeqCst)).then(|| Reply::Refused(failure("refused", false)))
    });
    let engine = world.open().await;
    for (id, price) in [("a", "11 USD"), ("b", "21 USD"), ("a", "12 USD")] {
        let _ = set(&world, &engine, id, price).await;
    }
    broken.store(true, Ordering::SeqCst);
    let which = Which { flow: Some("change".into()), ..Which::default() };
    let done = undo(&world, &engine, &which).await.unwrap();
    assert_eq!(done.status, RunStatus::Failed);
    let message = done.failure.unwrap().message;
    assert!(
        message.starts_with("1 of 3 were taken back; ") && message.contains("a newer change of the same thing was not taken back"),
        "{message}"
    );
    assert_eq!((price(&pages, "a").unwrap(), price(&pages, "b").unwrap()), ("12.00 USD".to_owned(), "20.00 USD".to_owned()));
    // The same again goes on where it stopped.
    broken.store(false, Ordering::SeqCst);
    let done = undo(&world, &engine, &which).await.unwrap();
    assert_eq!((done.status, done.output.get("taken_back")), (RunStatus::Completed, Some(&Value::Int(2))));
    assert_eq!(price(&pages, "a").unwrap(), "10.00 USD");
    let keys: Vec<String> =
        intents(&world.events(&engine).await).into_iter().filter(|(.., undoes)| undoes.is_some()).map(|(_, key, _)| key).collect();
    assert_eq!((keys.len(), &keys[0]), (4, &keys[2]), "the one that failed was tried again under its own key");
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn policies_of_the_flow_that_did_it_judge_its_reversal_and_people_are_asked() {
    let rules = r#"
policy "freeze" { on flow="change"; deny "frozen" when="effect.price < '5 USD'" }
policy "large" { on flow="change"; escalate "much" when="effect.price < '8 USD'" to="leads" within="4h" on-timeout=deny }
policy "others" { on flow="launch"; deny "never" when="action.flow == 'change'"; limit "cap" count=9 }
"#
    .replace("on flow=\"change\"", "on \"site.page.set\" flow=\"change\"");
    let pages = pages(&[("a", "3 USD"), ("b", "6 USD")]);
    let world = world(&pages, &[LAUNCH, &rules], |_| None);
    let engine = world.open().await;
    let a = set(&world, &engine, "a", "12 USD").await;
    let b = set(&world, &engine, "b", "12 USD").await;
    let done = undo(&world, &engine, &of_run(&a)).await.unwrap();
    assert!(done.failure.unwrap().message.contains("denied by freeze.frozen"));
    let waiting = undo(&world, &engine, &of_run(&b)).await.unwrap();
    assert_eq!(waiting.status, RunStatus::Waiting);
    assert_eq!(why(&engine.plan_undo(&of_run(&b)).await.unwrap()[0]), None, "nothing is sent yet");
    let item = engine.approvals().await.unwrap().remove(0).approval;
    assert_eq!(item.rules, ["large.much"]);
    assert!(engine.answer(&item.id, BY, Verdict::Approve { edits: Value::Null }).await.is_err(), "not whoever wants it");
    engine.answer(&item.id, "bob@example.com", Verdict::Approve { edits: Value::Null }).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(price(&pages, "b").unwrap(), "6.00 USD");
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn an_effect_that_failed_for_good_is_done_again_once_under_its_key_by_the_policies_of_now() {
    let bounces = Arc::new(AtomicBool::new(true));
    let bounced = bounces.clone();
    let pages = pages(&[("a", "10 USD")]);
    let world = world(&pages, &[], move |request| {
        (request.operation == "site.mail" && bounced.load(Ordering::SeqCst)).then(|| Reply::Refused(failure("bounced", false)))
    });
    let engine = world.open().await;
    let mut input = change("a", "11 USD");
    if let Value::Record(record) = &mut input {
        Arc::make_mut(record).set("mail", Value::Bool(true));
    }
    let _ = run(&world, &engine, "change", input).await;
    let dead = engine.dead_letters(&Which::default()).await.unwrap();
    let (letter, again) = &dead[0];
    assert_eq!((dead.len(), &*letter.step, &*letter.intent.operation), (1, "mail", "site.mail"));
    // It fails again: it stays where it is.
    let failed = engine.do_again(std::slice::from_ref(again), BY, "").await.unwrap().run_id;
    world.settle(&engine).await;
    assert_eq!(engine.run(&failed).await.unwrap().unwrap().summary.status, RunStatus::Failed);
    assert_eq!(engine.dead_letters(&Which::default()).await.unwrap().len(), 1);
    bounces.store(false, Ordering::SeqCst);
    for _ in 0..2 {
        engine.do_again(std::slice::from_ref(again), BY, "").await.unwrap();
        world.settle(&engine).await;
    }
    assert_eq!(denied(&world.events(&engine).await), ["unique"], "the second one is refused");
    let mails: Vec<String> =
        world.connectors.effects().into_iter().filter(|(operation, ..)| operation == "site.mail").map(|(_, key, _)| key).collect();
    assert_eq!(mails, [letter.intent.key.to_string()]);
    assert_eq!(engine.dead_letters(&Which::default()).await.unwrap(), []);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_run_that_fails_after_it_wrote_takes_back_what_it_did_and_ends_failed() {
    let pages = pages(&[]);
    let world = world(&pages, &[LAUNCH], |request| (request.operation == "site.mail").then(|| Reply::Refused(failure("bounced", false))));
    assert_eq!(world.plan.not_runnable(&world.plan.flows["launch"]), []);
    let engine = world.open().await;
    let launched = run(&world, &engine, "launch", change("b", "30 USD")).await;
    let summary = engine.run(&launched).await.unwrap().unwrap().summary;
    assert_eq!(summary.status, RunStatus::Failed);
    let failure = summary.failure.unwrap();
    assert_eq!((failure.code.as_str(), failure.message.as_str()), ("bounced", "bounced happened; 2 of 2 effects were taken back"));
    assert_eq!(price(&pages, "b"), None);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_step_takes_back_the_last_effect_of_another_flow_and_only_once() {
    let pages = pages(&[("a", "10 USD"), ("b", "20 USD")]);
    let world = world(&pages, &[REVERT], |_| None);
    assert_eq!(world.plan.not_runnable(&world.plan.flows["revert"]), []);
    let engine = world.open().await;
    for (id, price) in [("a", "11 USD"), ("a", "12 USD"), ("b", "21 USD")] {
        let _ = set(&world, &engine, id, price).await;
    }
    let which = |turn: i64| Value::record([("id", Value::string("a")), ("turn", Value::Int(turn))]);
    for turn in 1..=2 {
        let back = run(&world, &engine, "revert", which(turn)).await;
        let summary = engine.run(&back).await.unwrap().unwrap().summary;
        assert_eq!((summary.status, summary.output.get("undone")), (RunStatus::Completed, Some(&Value::Int(2 - turn))));
        assert_eq!(price(&pages, "a").unwrap(), "11.00 USD");
    }
    assert_eq!(price(&pages, "b").unwrap(), "21.00 USD");
    // What is older than its `since` is left alone.
    world.clock.advance(15 * 24 * HOUR);
    let late = Value::record([("id", Value::string("b")), ("turn", Value::Int(1))]);
    let _ = run(&world, &engine, "revert", late).await;
    assert_eq!(price(&pages, "b").unwrap(), "21.00 USD");
    replay(&*world.log, 0).await.unwrap();
}

/// Everything until nothing goes on by itself: a launch that fails, changes, and an undo by command and by step.
async fn play(world: &World) {
    let Ok(engine) = world.try_open().await else { return };
    for (flow, input) in [("launch", change("b", "30 USD")), ("change", change("a", "11 USD")), ("change", change("a", "12 USD"))] {
        let _ = engine.start(flow, input, "test").await;
        world.settle(&engine).await;
    }
    let _ = engine.start("revert", Value::record([("id", Value::string("a")), ("turn", Value::Int(1))]), "test").await;
    world.settle(&engine).await;
    if let Ok(reversals) = engine.plan_undo(&Which { flow: Some("change".into()), ..Which::default() }).await {
        let _ = engine.undo(&reversals, BY, "").await;
    }
    world.settle(&engine).await;
    engine.shutdown().await;
}

#[tokio::test]
async fn a_process_that_dies_at_any_append_takes_back_everything_once() {
    let make = || {
        let pages = pages(&[("a", "10 USD")]);
        // A read that fails: a write that dies with the process is in doubt, and a person would be asked.
        let looks = LAUNCH.replace("act \"mail\" on-error=undo { call \"site.mail\" id=\"=input.id\" }", LOOKS);
        assert_ne!(looks, LAUNCH);
        (world(&pages, &[&looks, REVERT], |_| None), pages)
    };
    let (undisturbed, _) = make();
    play(&undisturbed).await;
    let (wanted, appends) = (undisturbed.connectors.effects(), undisturbed.log.appends());
    assert_eq!(wanted.len(), 8, "a launch of two and its reversals, two changes and theirs");
    for at in 1..=appends + 1 {
        for fault in [Fault::DiesBefore(at), Fault::DiesAfter(at)] {
            let (world, pages) = make();
            world.log.set_fault(Some(fault.clone()));
            play(&world).await;
            world.log.set_fault(None);
            play(&world).await;
            assert_eq!(world.connectors.effects(), wanted, "{fault:?}");
            assert_eq!(price(&pages, "a").unwrap(), "10.00 USD", "{fault:?}");
            assert_eq!(price(&pages, "b"), None, "{fault:?}");
            let engine = world.open().await;
            assert_eq!(engine.runs(RunFilter { status: Some(RunStatus::Running), ..RunFilter::default() }).await.unwrap(), [], "{fault:?}");
            engine.shutdown().await;
            replay(&*world.log, 0).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_is_taken_back_where_a_run_fails_waits_for_a_thaw_and_goes_on_after_it() {
    let pages = pages(&[]);
    let looks = LAUNCH.replace("act \"mail\" on-error=undo { call \"site.mail\" id=\"=input.id\" }", LOOKS);
    // The look at what is nowhere takes its time, so that everything is frozen before it fails; reads are not held back.
    let busy = crate::ports::CallFailure { retry_after: Some(30 * SECOND), ..failure("http-503", true) };
    let world = world(&pages, &[&looks], move |request| {
        let is_first =
            request.operation == "site.page.get" && request.request.get("id") == Some(&Value::string("nowhere")) && request.earlier == 0;
        is_first.then(|| Reply::Refused(busy.clone()))
    });
    let engine = world.open().await;
    let run = engine.start("launch", change("b", "5 USD"), "test").await.unwrap().run_id;
    while price(&pages, "b").as_deref() != Some("5.00 USD") {
        tokio::task::yield_now().await;
    }
    engine.freeze(Scope::All, BY, "a test").await.unwrap();
    world.settle(&engine).await;
    assert_eq!(engine.run(&run).await.unwrap().unwrap().summary.status, RunStatus::Frozen);
    assert_eq!(price(&pages, "b").as_deref(), Some("5.00 USD"), "nothing is taken back while it is frozen");
    engine.thaw(Scope::All, BY, "").await.unwrap();
    world.settle(&engine).await;
    assert_eq!(engine.run(&run).await.unwrap().unwrap().summary.status, RunStatus::Failed);
    assert_eq!(price(&pages, "b"), None, "it is taken back as soon as it may be");
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}
