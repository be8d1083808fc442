//! Routes for labels whose ladders keep answers, or end with a person; and answers to questions that are alike.

use super::drafts::{MODELS, questions, said, silent};
use super::world::*;
use crate::approval::Verdict;
use crate::event::{Event, Used};
use crate::question::{Answer, Label, Prompt};
use crate::replay::replay;
use crate::summary::{RunStatus, RunSummary};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tradewind_lang::value::Value;

const COMPLAINT: &str = r#"{"label": "complaint", "confidence": 0.8}"#;

/// One run for each number, which is no part of what is asked.
fn world(route: &str, says: impl Fn(&Prompt) -> Option<Answer> + Send + Sync + 'static) -> World {
    let flow = format!(
        r#"
model "predicts" provider=predict name="p" base-url="http://127.0.0.1:1" {{
    price "0 USD"
    context 8000
    can classify
    cleared pii
    request "/p" {{ text "=text" }}
    response {{ label "=body.l"; confidence "=body.c" }}
}}
route "sorts" needs=classify {{ {route} }}
flow "sort" {{
    summary "Sort"
    input {{ field "text" string; field "number" int }}
    key "=input.text + string(input.number)"
    decide "kind" {{ classify "kinds" route="sorts" text="=input.text" }}
    output {{ kind "=kind.label"; by "=kind.by"; sure "=kind.confidence" }}
}}
policy "others" {{ on "desk.reply" "desk.page" "pay.refund" "pay.credit"; limit "all" count=9 }}
"#
    );
    World::new(plan(&[PROJECT, MODELS, &flow]), healthy()).saying(says)
}

async fn sort(world: &World, text: &str, number: i64) -> (RunSummary, Vec<Event>) {
    let engine = world.open().await;
    let input = Value::record([("text", Value::string(text)), ("number", Value::Int(number))]);
    let started = engine.start("sort", input, "test").await.unwrap();
    world.settle(&engine).await;
    let run = engine.run(&started.run_id).await.unwrap().unwrap().summary;
    let events = world.events(&engine).await;
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
    (run, events)
}

fn field(run: &RunSummary, name: &str) -> String {
    run.output.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Who answered last, where it was kept.
fn kept(events: &[Event]) -> Option<Label> {
    events.iter().rev().find_map(|event| if let Used::Said(label) = &event.used { label.seq.map(|_| label.clone()) } else { None })
}

fn counting(
    answer: impl Fn(usize) -> Answer + Send + Sync + 'static,
) -> (Arc<AtomicUsize>, impl Fn(&Prompt) -> Option<Answer> + Send + Sync) {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    (count, move |_: &Prompt| Some(answer(seen.fetch_add(1, Ordering::SeqCst))))
}

#[tokio::test]
async fn the_same_text_gets_the_label_that_is_kept_as_long_as_it_may() {
    let (count, says) = counting(|_| said(COMPLAINT));
    let world = world(r#"candidate "small"; value "praise" confidence=0.0; cache exact="2h""#, says);
    let (first, events) = sort(&world, "It broke", 1).await;
    assert_eq!((field(&first, "kind"), kept(&events)), ("complaint".to_owned(), None));
    world.clock.advance(HOUR);
    let (second, events) = sort(&world, "It broke", 2).await;
    let label = kept(&events).unwrap();
    assert_eq!((field(&second, "kind").as_str(), field(&second, "by").as_str(), second.cost), ("complaint", "small", None));
    assert_eq!((&*label.tier, label.likeness, label.age >= HOUR), ("cache", None, true));
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let _ = sort(&world, "It broke too", 1).await;
    world.clock.advance(2 * HOUR);
    let _ = sort(&world, "It broke", 3).await;
    assert_eq!(count.load(Ordering::SeqCst), 3, "another text is asked about, and the same one again when its label is too old");
}

#[tokio::test]
async fn a_rung_of_kept_labels_helps_out_and_the_ladder_goes_on_behind_it() {
    let (_, says) = counting(|number| if number == 0 { said(COMPLAINT) } else { silent("refused", false, false) });
    let world = world(r#"candidate "small"; cached max-age="30d"; candidate "kind"; value "praise" confidence=0.0"#, says);
    let (first, _) = sort(&world, "praise 0.9: fine", 1).await;
    assert_eq!(field(&first, "kind"), "complaint");
    let (second, events) = sort(&world, "praise 0.9: fine", 2).await;
    let label = kept(&events).unwrap();
    assert_eq!((field(&second, "kind").as_str(), label.rung), ("complaint", 1));
    assert!(label.passed[0].contains("refused"), "{label:?}");
    // Nothing is kept of this one: the model of this process is asked, and one that does not answer is passed over.
    for (text, kind, by) in [("praise 0.9: good", "praise", "kind"), ("broken", "praise", "value")] {
        let (run, _) = sort(&world, text, 1).await;
        assert_eq!((field(&run, "kind").as_str(), field(&run, "by").as_str()), (kind, by), "{text}");
    }
}

#[tokio::test]
async fn a_model_of_this_process_that_fails_is_followed_by_what_is_kept_and_by_a_person() {
    let (_, says) = counting(|_| silent("refused", false, false));
    let world = world(r#"candidate "kind"; cached max-age="30d"; person "leads" within="4h" on-timeout=fail"#, says);
    let engine = world.open().await;
    let input = Value::record([("text", Value::string("broken")), ("number", Value::Int(1))]);
    let started = engine.start("sort", input, "test").await.unwrap();
    world.settle(&engine).await;
    let inbox = engine.approvals().await.unwrap();
    assert_eq!(inbox[0].approval.question, "No model answered. Which `kinds` is it?");
    let shown: Vec<&str> = inbox[0].approval.shown.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(shown, ["text", "models"]);
    let id = inbox[0].approval.id.clone();
    let answer = |label: &str| Verdict::Answer(Value::record([("label", Value::string(label))]));
    assert!(engine.answer(&id, "ann@example.com", answer("anger")).await.is_err(), "none of the labels");
    assert!(engine.answer(&id, "fin@example.com", answer("praise")).await.is_err(), "not of the team");
    engine.answer(&id, "ann@example.com", answer("praise")).await.unwrap();
    world.settle(&engine).await;
    let run = engine.run(&started.run_id).await.unwrap().unwrap().summary;
    assert_eq!((field(&run, "kind").as_str(), field(&run, "by").as_str()), ("praise", "person"));
    assert_eq!(run.output.get("sure"), Some(&Value::Double(1.0)));
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn nobody_who_gives_a_label_in_time_fails_the_step() {
    let world = world(r#"candidate "small"; person "leads" within="4h" on-timeout=fail"#, |_| Some(silent("refused", false, false)));
    let engine = world.open().await;
    let input = Value::record([("text", Value::string("x")), ("number", Value::Int(1))]);
    let started = engine.start("sort", input, "test").await.unwrap();
    world.settle(&engine).await;
    world.clock.advance(5 * HOUR);
    world.settle(&engine).await;
    let run = engine.run(&started.run_id).await.unwrap().unwrap().summary;
    assert_eq!((run.status, run.failure.unwrap().kind.to_string().as_str()), (RunStatus::Failed, "person"));
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_question_that_is_alike_enough_gets_the_answer_and_is_told_how_alike() {
    let (count, says) = counting(|_| said(COMPLAINT));
    let world = world(r#"candidate "small"; value "praise" confidence=0.0; cache exact="2h" similar=0.85"#, says);
    let _ = sort(&world, "my new chair broke after a day", 1).await;
    let (run, events) = sort(&world, "my new chair broke after a week", 1).await;
    let label = kept(&events).unwrap();
    assert_eq!((field(&run, "kind").as_str(), count.load(Ordering::SeqCst)), ("complaint", 1));
    assert!(label.likeness.is_some_and(|likeness| (0.85..1.0).contains(&likeness)), "{label:?}");
    assert!(label.to_string().contains("alike"), "{label}");
    let (_, events) = sort(&world, "where is my parcel", 1).await;
    assert_eq!(questions(&events).len(), 2, "one that is not is asked about");
}

#[tokio::test]
async fn what_only_predicts_is_not_told_what_was_wrong_with_its_answer() {
    let world = world(r#"candidate "predicts"; candidate "small"; value "praise" confidence=0.0; repairs 3"#, |prompt| {
        Some(said(if prompt.model.name == "predicts" { r#"{"label": "anger", "confidence": 0.8}"# } else { COMPLAINT }))
    });
    let (run, events) = sort(&world, "It broke", 1).await;
    let asked = questions(&events);
    let asked: Vec<&str> = asked.iter().map(|question| &*question.model).collect();
    assert_eq!((field(&run, "by").as_str(), asked), ("small", vec!["predicts", "small"]));
}

/// Somebody's words, which are remembered, and of which a model says what they are.
const WORDS: &str = r#"
type "word" subject="customer_id" { field "customer_id" string; field "text" string pii; field "number" int }
memory "words" tier=long-term record="word" subject="customer_id" retention="30d"
flow "note" {
    input "word"
    key "=input.customer_id + string(input.number)"
    remember "kept" in="words" subject="=input.customer_id" { customer_id "=input.customer_id"; text "=input.text"; number "=input.number" }
    output { done "=true" }
}
"#;
const TELL: &str = r#"
flow "tell" {
    input "word"
    key "=input.customer_id + string(input.number)"
    decide "kind" { classify "kinds" route="sorts" text="=input.text" }
    output { kind "=kind.label" }
}
"#;

fn with(world: World, route: &str, parts: &[&str]) -> World {
    let route = format!(r#"route "sorts" needs=classify {{ {route} }}"#);
    let model = r#"
model "predicts" provider=predict name="p" base-url="http://127.0.0.1:1" {
    price "0 USD"
    context 8000
    can classify
    cleared pii
    request "/p" { text "=text" }
    response { label "=body.l"; confidence "=body.c" }
}
flow "sort" {
    input { field "text" string; field "number" int }
    key "=input.text + string(input.number)"
    decide "kind" { classify "kinds" route="sorts" text="=input.text" }
    output { kind "=kind.label" }
}
policy "others" { on "desk.reply" "desk.page" "pay.refund" "pay.credit"; limit "all" count=9 }
"#;
    World { plan: plan(&[&[PROJECT, MODELS, model, &route, WORDS], parts].concat()), ..world }
}

async fn word(world: &World, flow: &str, customer: &str, number: i64) {
    let engine = world.open().await;
    let fields = [("customer_id", Value::string(customer)), ("text", Value::string("It broke")), ("number", Value::Int(number))];
    let started = engine.start(flow, Value::record(fields), "test").await.unwrap();
    world.settle(&engine).await;
    assert_eq!(engine.run(&started.run_id).await.unwrap().unwrap().summary.status, RunStatus::Completed);
    engine.shutdown().await;
}

/// An answer repeats what it was given to, and may be a person's words: when somebody is forgotten, none is given again.
#[tokio::test]
async fn answers_that_are_kept_are_given_to_nobody_when_somebody_was_forgotten() {
    let (count, says) = counting(|_| said(COMPLAINT));
    let exact = r#"candidate "predicts"; value "praise" confidence=0.0; cache exact="2h""#;
    let world = with(world(exact, says), exact, &[TELL]);
    word(&world, "tell", "c1", 1).await;
    word(&world, "tell", "c2", 1).await;
    assert_eq!(count.load(Ordering::SeqCst), 1, "the same words");
    let engine = world.open().await;
    engine.forget("c1", "ann@example.com").await.unwrap();
    engine.shutdown().await;
    word(&world, "tell", "c3", 1).await;
    assert_eq!(count.load(Ordering::SeqCst), 2);
    word(&world, "tell", "c3", 2).await;
    assert_eq!(count.load(Ordering::SeqCst), 2, "what is said from then on is kept");
}

/// The same for what is given to questions that are alike, which holds nobody's data at all.
#[tokio::test]
async fn answers_to_questions_that_are_alike_are_gone_when_somebody_was_forgotten() {
    let (count, says) = counting(|_| said(COMPLAINT));
    let similar = r#"candidate "small"; value "praise" confidence=0.0; cache exact="2h" similar=0.85"#;
    let world = with(world(similar, says), similar, &[]);
    word(&world, "note", "c1", 1).await;
    let _ = sort(&world, "my new chair broke after a day", 1).await;
    let _ = sort(&world, "my new chair broke after a week", 1).await;
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let engine = world.open().await;
    engine.forget("c1", "ann@example.com").await.unwrap();
    engine.shutdown().await;
    let _ = sort(&world, "my new chair broke after a month", 1).await;
    assert_eq!(count.load(Ordering::SeqCst), 2);
}
