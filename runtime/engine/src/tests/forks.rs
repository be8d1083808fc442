//! Forks: today's plan in the place of a run that has ended; what was done is never done again unasked.

use super::site::*;
use super::world::*;
use crate::approval::{PendingApproval, Verdict};
use crate::engine::{Engine, ForkError, StartError};
use crate::event::{Event, EventKind};
use crate::history::Which;
use crate::replay::replay;
use crate::summary::{RunDetails, RunStatus};
use crate::twin::{Reply, Request};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tradewind_lang::value::Value;

const BY: &str = "ops@example.com";
const CREDIT: &str = r#"
type "wish" { field "id" string; field "order" string; field "amount" money; field "words" string }
type "credited" { field "order" string }
type "words" { field "text" string }
flow "credit" {
    summary "Credit an order and say so"
    input "wish"
    key "=input.id"
    observe "order" { call "shop.order.get" id="=input.order" }
    choose "size" {
        when "input.amount > '100 USD'" {
            ask "why" to="leads" within="4h" on-timeout=stop { question "Why so much?"; answer "words" }
            output { word "=why.text" }
        }
        otherwise { output { word "small" } }
    }
    act "credit" { call "pay.credit" order_id="=order.id" amount="=input.amount" line="=input.id" }
    act "emitted" { emit "credited" order="=order.id" }
    act "tell" { call "desk.reply" message_id="=input.id" words="=input.words" }
    output { told "=steps.tell.ran"; word "=size.word" }
}
flow "hear" {
    summary "Hear of it"
    input "credited"
    trigger event="credited"
    let "order" "=input.order"
    output { order "=order" }
}
flow "pages" {
    summary "Page somebody"
    input "wish"
    key "=input.id"
    act "page" { call "desk.page" text="=input.words" }
    output { ran "=steps.page.ran" }
}
flow "many" {
    summary "Tell several"
    input { field "id" string; field "words" list<string> }
    key "=input.id"
    each "all" in="=input.words" as="word" max=10 {
        act "tell" { call "desk.reply" message_id="=input.id" words="=word" }
        output { ran "=steps.tell.ran" }
    }
    act "last" { call "desk.reply" message_id="=input.id" words="last" }
    output { count "=size(all)" }
}
policy "credits" owner="leads" { on "pay.credit"; limit "daily" sum="=effect.amount" max="100000 USD" per=day }
policy "replies" owner="leads" { on "desk.reply"; limit "flood" count=100 per=day }
policy "pages" { on "desk.page"; limit "flood" count=100 per=day }
"#;

fn wish(id: &str, amount: &str, words: &str) -> Value {
    Value::record([("id", Value::string(id)), ("order", Value::string("o1")), ("amount", money(amount)), ("words", Value::string(words))])
}

/// A shop whose desk refuses until it is mended.
fn shop(broken: &Arc<AtomicBool>) -> World {
    let broken = broken.clone();
    let bend = move |request: &Request| {
        let refuses = request.operation == "desk.reply" && broken.load(Ordering::SeqCst);
        refuses.then(|| Reply::Refused(failure("closed", false)))
    };
    World::new(plan(&[PROJECT, CREDIT]), connectors(Arc::new(bend)))
}

async fn run(world: &World, engine: &Engine, flow: &str, input: Value) -> Arc<str> {
    let run = engine.start(flow, input, "test").await.unwrap().run_id;
    world.settle(engine).await;
    run
}

async fn fork(world: &World, engine: &Engine, run: &str, from: Option<&str>, input: Option<Value>) -> Result<RunDetails, ForkError> {
    let planned = engine.plan_fork(run, from, input).await?;
    let run = engine.fork(planned, BY).await?.run_id;
    world.settle(engine).await;
    Ok(engine.run(&run).await.unwrap().unwrap())
}

fn sent(world: &World, operation: &str) -> Vec<(String, Value)> {
    let sent = world.connectors.requests().into_iter().filter(|request| request.operation == operation);
    sent.map(|request| (request.key, request.request)).collect()
}

fn note(run: &RunDetails, step: &str) -> (&'static str, String) {
    let step = run.steps.iter().find(|one| &*one.name == step).unwrap();
    (step.status, step.note.clone().unwrap_or_default())
}

async fn waiting(engine: &Engine) -> PendingApproval {
    engine.approvals().await.unwrap().into_iter().next().expect("somebody is asked")
}

async fn of_fork(world: &World, engine: &Engine, run: &str) -> Vec<Event> {
    world.events(engine).await.into_iter().filter(|event| event.header.run.as_deref() == Some(run)).collect()
}

#[tokio::test]
async fn a_fork_takes_over_what_was_done_and_does_what_was_not_under_the_key_that_it_had() {
    let broken = Arc::new(AtomicBool::new(true));
    let world = shop(&broken);
    let engine = world.open().await;
    let first = run(&world, &engine, "credit", wish("w1", "20 USD", "Credited")).await;
    assert_eq!(engine.run(&first).await.unwrap().unwrap().summary.status, RunStatus::Failed);
    broken.store(false, Ordering::SeqCst);
    let forked = fork(&world, &engine, &first, None, None).await.unwrap();
    assert_eq!((forked.summary.status, &*forked.summary.key), (RunStatus::Completed, "w1 fork 1"), "{forked:#?}");
    assert_eq!(forked.summary.forked, Some((first.clone(), None)));
    assert_eq!(sent(&world, "pay.credit").len(), 1, "what was done is not done again");
    assert_eq!(note(&forked, "credit"), ("done", format!("inherited from {}", &first[..12])));
    let tried = sent(&world, "desk.reply");
    assert_eq!((tried.len(), &tried[0]), (2, &tried[1]), "what did not happen happens under its own key");
    assert_eq!(runs(&engine, "hear").await.len(), 1, "an event is told of once");
    // Another fork takes over what the first one did, too.
    let again = fork(&world, &engine, &first, None, None).await.unwrap();
    assert_eq!((again.summary.status, &*again.summary.key), (RunStatus::Completed, "w1 fork 2"));
    assert_eq!((sent(&world, "pay.credit").len(), sent(&world, "desk.reply").len()), (1, 2));
    let tell = note(&again, "tell").1;
    assert_eq!(tell, format!("inherited from {}", &forked.summary.id[..12]));
    replay(&*world.log, 0).await.unwrap();
    engine.shutdown().await;
    let engine = world.open().await;
    assert_eq!(engine.run(&again.summary.id).await.unwrap().unwrap(), again, "a fold of the log says the same");
}

#[tokio::test]
async fn a_fork_takes_over_what_a_dead_letter_did_again_in_its_place() {
    let broken = Arc::new(AtomicBool::new(true));
    let world = shop(&broken);
    let engine = world.open().await;
    let first = run(&world, &engine, "credit", wish("w1", "20 USD", "Credited")).await;
    broken.store(false, Ordering::SeqCst);
    let dead = engine.dead_letters(&Which::default()).await.unwrap();
    let again: Vec<_> = dead.into_iter().map(|(_, again)| again).collect();
    let letter = engine.do_again(&again, BY, "").await.unwrap().run_id;
    world.settle(&engine).await;
    let before = sent(&world, "desk.reply");
    assert_eq!((before.len(), &before[0]), (2, &before[1]), "it failed, and was done again under its key");
    let forked = fork(&world, &engine, &first, None, None).await.unwrap();
    assert_eq!(forked.summary.status, RunStatus::Completed, "{forked:#?}");
    assert_eq!(note(&forked, "tell"), ("done", format!("inherited from {}", &letter[..12])));
    assert_eq!(sent(&world, "desk.reply"), before, "nobody is told twice");
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn another_effect_in_the_place_of_one_is_put_to_a_person_although_no_policy_asks() {
    let world = shop(&Arc::default());
    let engine = world.open().await;
    let first = run(&world, &engine, "credit", wish("w1", "20 USD", "Credited")).await;
    let forked = fork(&world, &engine, &first, None, Some(wish("w1", "20 USD", "Sorry"))).await.unwrap();
    assert_eq!(forked.summary.status, RunStatus::Waiting);
    let item = waiting(&engine).await;
    assert_eq!((item.approval.rules.as_slice(), item.approval.to.as_slice()), (&["fork".to_owned()][..], &["leads".to_owned()][..]));
    assert_eq!(item.approval.shown[0].1.get("words"), Some(&Value::string("Credited")), "people see what was done");
    engine.answer(&item.approval.id, "ann@example.com", Verdict::Approve { edits: Value::Null }).await.unwrap();
    world.settle(&engine).await;
    let replies = sent(&world, "desk.reply");
    assert_eq!(replies.len(), 2);
    assert_ne!(replies[0].0, replies[1].0, "a provider takes another request under a known key for a mistake");
    let events = of_fork(&world, &engine, &forked.summary.id).await;
    let intent = events.iter().find_map(|event| match &event.kind {
        EventKind::IntentRecorded(intent) => Some(intent.clone()),
        _ => None,
    });
    assert_eq!(intent.unwrap().instead_of.as_deref(), Some(replies[0].0.as_str()));
    // From then on that is what was done, and the first one is another.
    let back = fork(&world, &engine, &first, None, None).await.unwrap();
    assert_eq!(back.summary.status, RunStatus::Waiting);
    let item = waiting(&engine).await;
    engine.answer(&item.approval.id, "ann@example.com", Verdict::Deny { reason: "enough".to_owned() }).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(sent(&world, "desk.reply").len(), 2);
    // The business key holds over forks, whoever agrees: nobody is even asked.
    let more = fork(&world, &engine, &first, None, Some(wish("w1", "30 USD", "Sorry"))).await.unwrap();
    assert_eq!((more.summary.status, note(&more, "credit").0), (RunStatus::Failed, "denied"));
    assert!(note(&more, "credit").1.starts_with("unique: "), "{more:#?}");
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn where_nobody_could_agree_another_effect_is_denied() {
    let world = shop(&Arc::default());
    let engine = world.open().await;
    let first = run(&world, &engine, "pages", wish("w1", "1 USD", "Fire")).await;
    let forked = fork(&world, &engine, &first, None, Some(wish("w1", "1 USD", "Flood"))).await.unwrap();
    assert_eq!((forked.summary.status, note(&forked, "page").0), (RunStatus::Failed, "denied"), "{forked:#?}");
    assert!(note(&forked, "page").1.contains("names a team"), "{forked:#?}");
    assert_eq!(sent(&world, "desk.page").len(), 1);
}

#[tokio::test]
async fn from_a_step_on_everything_is_done_anew_and_before_it_everything_is_kept() {
    let broken = Arc::new(AtomicBool::new(true));
    let world = shop(&broken);
    let engine = world.open().await;
    let first = run(&world, &engine, "credit", wish("w1", "120 USD", "Credited")).await;
    let item = waiting(&engine).await;
    let said = Value::record([("text", Value::string("broken"))]);
    engine.answer(&item.approval.id, "ann@example.com", Verdict::Answer(said)).await.unwrap();
    world.settle(&engine).await;
    broken.store(false, Ordering::SeqCst);
    let forked = fork(&world, &engine, &first, Some("tell"), None).await.unwrap();
    assert_eq!(forked.summary.status, RunStatus::Completed, "{forked:#?}");
    assert_eq!(forked.summary.output.get("word"), Some(&Value::string("broken")), "nobody is asked again");
    assert_eq!((sent(&world, "shop.order.get").len(), sent(&world, "pay.credit").len()), (1, 1));
    assert_eq!(kinds(&of_fork(&world, &engine, &forked.summary.id).await)["step-inherited"], 4);
    // What it decided then is kept, although it would decide otherwise today.
    let other = fork(&world, &engine, &first, Some("tell"), Some(wish("w1", "20 USD", "Credited"))).await.unwrap();
    assert_eq!(other.summary.output.get("word"), Some(&Value::string("broken")), "{other:#?}");
    let unknown = engine.plan_fork(&first, Some("tel"), None).await.unwrap_err();
    let ForkError::UnknownStep(_, steps) = unknown else { panic!("{unknown}") };
    assert!(steps.iter().any(|step| &**step == "tell"), "{steps:?}");
    // From within an arm: the arm is kept, its step is not.
    let again = fork(&world, &engine, &first, Some("why"), None).await.unwrap();
    assert_eq!((again.summary.status, note(&again, "why").0), (RunStatus::Waiting, "asked"));
    assert_eq!(sent(&world, "shop.order.get").len(), 1);
    replay(&*world.log, 0).await.unwrap();
    let not_ended = fork(&world, &engine, &first, None, None).await.unwrap_err();
    assert_eq!(not_ended, ForkError::NotEnded(again.summary.id.clone()), "two of a family never work beside each other");
}

#[tokio::test]
async fn items_of_a_fork_take_over_what_their_forerunners_did_and_parts_are_no_runs_to_fork() {
    let broken = Arc::new(AtomicBool::new(false));
    let world = shop(&broken);
    let engine = world.open().await;
    let words = |words: &[&str]| {
        Value::record([("id", Value::string("m1")), ("words", Value::list(words.iter().map(|word| Value::string(*word))))])
    };
    let first = run(&world, &engine, "many", words(&["one", "two"])).await;
    assert_eq!(sent(&world, "desk.reply").len(), 3);
    let forked = fork(&world, &engine, &first, None, Some(words(&["one", "two", "three"]))).await.unwrap();
    assert_eq!(forked.summary.status, RunStatus::Completed, "{forked:#?}");
    let replies = sent(&world, "desk.reply");
    assert_eq!(replies.len(), 4, "only the third is new: {replies:?}");
    assert_eq!(replies[3].1.get("words"), Some(&Value::string("three")));
    let filter = crate::summary::RunFilter { parts: true, parent: Some(forked.summary.id.to_string()), ..Default::default() };
    let part = engine.runs(filter).await.unwrap()[0].id.clone();
    assert_eq!(engine.plan_fork(&part, None, None).await.unwrap_err(), ForkError::Part(forked.summary.id.clone()));
    assert_eq!(engine.plan_fork("nothing", None, None).await.unwrap_err(), ForkError::Unknown);
    let misfit = engine.plan_fork(&first, None, Some(Value::record([("id", Value::Int(1))]))).await.unwrap_err();
    assert!(matches!(misfit, ForkError::Start(StartError::Input(_))), "{misfit}");
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn what_was_taken_back_is_not_done_again_unasked() {
    let pages = pages(&[("a", "10 USD")]);
    let world = World::new(plan(&[SITE, CHANGE]), site(&pages, |_| None));
    let engine = world.open().await;
    let first = run(&world, &engine, "change", change("a", "12 USD")).await;
    let planned = engine.plan_undo(&Which { run: Some(first.clone()), ..Which::default() }).await.unwrap();
    let undone = engine.undo(&planned, BY, "a test").await.unwrap().run_id;
    world.settle(&engine).await;
    assert_eq!(price(&pages, "a").unwrap(), "10.00 USD");
    assert_eq!(engine.plan_fork(&undone, None, None).await.unwrap_err(), ForkError::BuiltIn);
    let forked = fork(&world, &engine, &first, None, None).await.unwrap();
    assert_ne!(forked.summary.status, RunStatus::Completed, "{forked:#?}");
    assert_eq!(price(&pages, "a").unwrap(), "10.00 USD");
    replay(&*world.log, 0).await.unwrap();
}
