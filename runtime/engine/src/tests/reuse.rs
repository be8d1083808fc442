//! Copy that was approved becomes content that is found again: how often that was of use, and what it saved.

use super::drafts::MODELS;
use super::world::*;
use crate::approval::Verdict;
use crate::engine::Engine;
use crate::question::{Answer, Reply, Usage};
use crate::reuse::{Asset, Which};
use crate::summary::RunStatus;
use tradewind_lang::value::Value;

const CONTENT: &str = r#"
type "content" { field "sku" string; field "text" string }
type "words" { field "text" string }
type "listed" { field "sku" string }
memory "content" tier=long-term record="content" retention=forever key="sku"
route "words" needs=text { candidate "small"; fail "nobody writes" }
flow "describe" {
    input { field "sku" string; field "n" int }
    observe "known" { recall "content" where="fact.sku == input.sku" last=1 }
    decide "draft" when="size(known) == 0" { draft "words" route="words" { user "Describe {{ input.sku }}" } }
    ask "look" when="size(known) == 0" to="leads" within="4h" on-timeout=stop {
        question "Is this well said of {{ input.sku }}?"
        show "=draft"
        answer "words"
    }
    let "text" "=has(look) ? look.text : known[0].text"
    remember "kept" when="size(known) == 0" in="content" { sku "=input.sku"; text "=text" }
    act "tell" { emit "listed" { sku "=input.sku" } }
    output { text "=text" }
}
policy "others" { on "desk.reply" "desk.page" "pay.refund" "pay.credit"; limit "all" count=9 }
"#;

async fn describe(world: &World, engine: &Engine, sku: &str, n: i64) -> Value {
    let input = Value::record([("sku", Value::string(sku)), ("n", Value::Int(n))]);
    let started = engine.start("describe", input, "test").await.unwrap();
    world.settle(engine).await;
    if let Some(item) = engine.approvals().await.unwrap().first() {
        world.clock.advance(HOUR);
        let said = Value::record([("text", Value::string(format!("A fine {sku}, as we say it")))]);
        engine.answer(&item.approval.id, "ann@example.com", Verdict::Answer(said)).await.unwrap();
        world.settle(engine).await;
    }
    let run = engine.run(&started.run_id).await.unwrap().unwrap().summary;
    assert_eq!(run.status, RunStatus::Completed, "{:?}", run.failure);
    run.output.get("text").cloned().unwrap()
}

#[tokio::test]
async fn what_was_approved_is_found_again_and_the_log_says_what_that_saved() {
    let world = World::new(plan(&[PROJECT, MODELS, CONTENT]), healthy()).saying(|_| {
        let usage = Some(Usage { input: 100, cached: 0, output: 10, reasoning: 0 });
        let (text, by) = (r#"{"text": "A lamp."}"#.into(), "s-1".into());
        Some(Answer::Said(Reply { text, calls: Vec::new(), usage, by, hedged: false, took: 1_000 }))
    });
    let engine = world.open().await;
    assert_eq!(engine.reuse(None).await.unwrap(), []);
    for (sku, n) in [("lamp", 1), ("lamp", 2), ("shoe", 1), ("lamp", 3)] {
        assert_eq!(describe(&world, &engine, sku, n).await, Value::string(format!("A fine {sku}, as we say it")));
    }
    let reused = engine.reuse(Some("listed")).await.unwrap();
    let content = reused.iter().find(|reused| reused.asset == Asset::Memory("content".to_owned())).unwrap();
    assert_eq!((&*content.flow, &*content.step, content.looked, content.hits), ("describe", "known", 4, 2));
    assert_eq!((content.with.runs, content.with.cost, content.with.waited, content.with.converted), (2, None, 0, 2));
    assert_eq!((content.without.runs, content.without.converted), (2, 2));
    assert_eq!(content.without.cost.map(Value::Money), Some(money("0.24 USD")), "100 and 10 tokens, twice");
    assert!(content.without.mean_wait() >= HOUR, "{content:?}");
    assert_eq!(content.cost_saved().map(Value::Money), Some(money("0.24 USD")));
    assert!(content.time_saved().unwrap() >= 2 * HOUR);
    let written = reused.iter().find(|reused| reused.asset == Asset::Route("words".to_owned())).unwrap();
    assert_eq!((written.looked, written.hits, written.cost_saved()), (2, 0, None), "a model wrote each of them");
    // Which runs come to something else is another question.
    assert_eq!(engine.reuse(Some("sold")).await.unwrap()[0].with.converted, 0);
}

/// What customers want is known by rows, or a person says it; what is answered to it was approved once, and may be put better.
const INTENTS: &str = r#"
type "answer" { field "intent" "kinds"; field "text" string }
type "words" { field "text" string }
memory "answers" tier=long-term record="answer" retention=forever key="intent"
route "intents" needs=classify { candidate "kind"; person "leads" within="8h" on-timeout=fail }
route "thanks" needs=text { template "Thank you." }
flow "reply" {
    input { field "text" string; field "n" int }
    decide "intent" { classify "kinds" route="intents" text="=input.text" }
    decide "thanks" { draft "words" route="thanks" }
    observe "approved" { recall "answers" where="fact.intent == intent.label" last=1 }
    ask "look" when="size(approved) == 0" to="leads" within="8h" on-timeout=stop {
        question "What do we answer?"
        answer "words"
    }
    let "text" "=has(look) ? look.text : approved[0].text"
    remember "kept" when="size(approved) == 0" in="answers" { intent "=intent.label"; text "=text" }
    output { text "=thanks.text + ' ' + text" }
}
flow "better" {
    input "answer"
    remember "kept" in="answers" { intent "=input.intent"; text "=input.text" }
}
policy "others" { on "desk.reply" "desk.page" "pay.refund" "pay.credit"; limit "all" count=9 }
"#;

/// Starts a run, lets people answer what they are asked an hour later, and gives what it said.
async fn reply(world: &World, engine: &Engine, text: &str, n: i64) -> Value {
    let input = Value::record([("text", Value::string(text)), ("n", Value::Int(n))]);
    let started = engine.start("reply", input, "test").await.unwrap();
    world.settle(engine).await;
    while let Some(item) = engine.approvals().await.unwrap().first() {
        world.clock.advance(HOUR);
        let (field, said) = if &*item.step == "intent" { ("label", "praise") } else { ("text", "We are sorry.") };
        let verdict = Verdict::Answer(Value::record([(field, Value::string(said))]));
        engine.answer(&item.approval.id, "ann@example.com", verdict).await.unwrap();
        world.settle(engine).await;
    }
    let run = engine.run(&started.run_id).await.unwrap().unwrap().summary;
    assert_eq!(run.status, RunStatus::Completed, "{:?}", run.failure);
    run.output.get("text").cloned().unwrap()
}

#[tokio::test]
async fn each_version_of_what_is_reused_is_counted_by_itself() {
    let world = World::new(plan(&[PROJECT, INTENTS]), healthy());
    let engine = world.open().await;
    let said = |text: &str| Value::string(format!("Thank you. {text}"));
    for n in [1, 2] {
        assert_eq!(reply(&world, &engine, "complaint 0.9: where is it", n).await, said("We are sorry."));
    }
    let better = Value::record([("intent", Value::string("complaint")), ("text", Value::string("It will not happen again."))]);
    engine.start("better", better, "test").await.unwrap();
    world.settle(&engine).await;
    for n in [3, 4] {
        assert_eq!(reply(&world, &engine, "complaint 0.9: where is it", n).await, said("It will not happen again."));
    }
    // No row says what that is: a person does.
    assert_eq!(reply(&world, &engine, "unheard", 5).await, said("We are sorry."));

    let reused = engine.reuse(None).await.unwrap();
    let of = |asset: Asset| reused.iter().find(|reused| reused.asset == asset).unwrap();
    let told = |asset: Asset| of(asset).versions.iter().map(|version| (version.which.clone(), version.hits)).collect::<Vec<_>>();
    let kept: Vec<u64> = engine.history_of("answers", None).await.unwrap().iter().map(|fact| fact.seq).collect();
    let answers = Asset::Memory("answers".to_owned());
    assert_eq!((of(answers.clone()).looked, of(answers.clone()).hits), (5, 3));
    assert_eq!(told(answers.clone()), [(Which::Fact((kept[1], 0)), 2), (Which::Fact((kept[0], 0)), 1)], "the newer one first");
    let newer = &of(answers.clone()).versions[0];
    assert!(newer.with.time_saved(&of(answers).without).unwrap() >= 2 * HOUR, "two runs asked nobody");

    let kinds = Asset::Labels("kinds".to_owned());
    let label = Which::Label { label: "complaint".into(), artifact: "a1".into() };
    assert_eq!((of(kinds.clone()).looked, of(kinds.clone()).hits, told(kinds)), (5, 4, vec![(label, 4)]));

    let thanks = of(Asset::Route("thanks".to_owned()));
    assert_eq!((thanks.looked, thanks.hits, thanks.versions.len()), (5, 5, 1));
    assert!(matches!(&thanks.versions[0].which, Which::Template(digest) if digest.len() == 12));
}
