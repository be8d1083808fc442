//! `decide { split }`: each unit gets the arm that is its own, and what that arm says is decided like any decision.

use super::drafts::{MODELS, said};
use super::world::*;
use crate::cohort::arm;
use crate::engine::Engine;
use crate::event::{Event, EventKind};
use crate::replay::replay;
use crate::summary::{RunStatus, RunSummary};
use crate::twin::Fault;
use std::collections::BTreeMap;
use tradewind_lang::value::Value;

const ROLLOUTS: &str = r#"
type "product" { field "sku" string; field "text" string; field "price" money }
metric "orders" from="runs" window="1d" value="=count()" better=higher
rollout "prices" {
    unit "sku"
    control "current"
    treatment "lower"
    share "50%" hold="3d" min-sample=400
    share "100%"
    guard "orders" worse-by="3%"
    on-breach revert
}
policy "others" owner="leads" { on "desk.reply" "desk.page" "pay.refund" "pay.credit"; limit "all" count=9000 }
"#;

const PRICES: &str = r#"
flow "price" {
    summary "A price by the arm of the product"
    input "product"
    key "=input.sku"
    decide "target" {
        split "prices" by="=input.sku" {
            arm "current" { otherwise value="=input.price" }
            arm "lower" {
                rule "dear" when="input.price > '100 USD'" value="=input.price * 0.9"
                otherwise value="=input.price"
            }
        }
    }
    output { price "=target.value"; arm "=target.arm"; rule "=target.rule" }
}
"#;

/// One arm has the text labelled by a model of the program itself, or one behind a network; the other goes by rules.
const LABELS: &str = r#"
route "far" needs=classify { candidate "small"; value "praise" confidence=0.0 }
flow "sort" {
    summary "Sort by the arm of the product"
    input "product"
    key "=input.sku"
    decide "kind" {
        split "prices" by="=input.sku" {
            arm "current" { classify "kinds" route="kind" text="=input.text" }
            arm "lower" { classify "kinds" route="far" text="=input.text" }
        }
    }
    output { label "=kind.label"; arm "=kind.arm" }
}
flow "guess" {
    summary "What is labelled in one arm, and ruled in the other"
    input "product"
    key "=input.sku"
    decide "kind" {
        split "prices" by="=input.sku" {
            arm "current" { classify "kinds" route="kind" text="=input.text" }
            arm "lower" { otherwise value="praise" }
        }
    }
    act "tell" { call "desk.reply" message_id="=input.sku" words="=kind.arm" }
    output { arm "=kind.arm" }
}
"#;

const COPY: &str = r#"
route "copy" needs=text { candidate "small"; fail "nobody wrote it" }
route "plain" needs=text { template "Chair" }
flow "describe" {
    summary "Words by the arm of the product"
    input "product"
    key "=input.sku"
    decide "copy" {
        split "prices" by="=input.sku" {
            arm "current" { draft "line" route="plain" }
            arm "lower" { draft "line" route="copy" prompt="Describe {{ input.text }}" }
        }
    }
    output { title "=copy.title"; arm "=copy.arm" }
}
type "line" { field "title" string max=40 }
"#;

fn product(sku: &str, text: &str, price: &str) -> Value {
    Value::record([("sku", Value::string(sku)), ("text", Value::string(text)), ("price", money(price))])
}

/// A product in an arm.
fn in_arm(world: &World, wanted: &str) -> String {
    let rollout = &world.plan.rollouts["prices"];
    (0..).map(|number| format!("s{number}")).find(|sku| arm(rollout, sku) == wanted).unwrap()
}

async fn ended(world: &World, engine: &Engine, flow: &str, input: Value) -> RunSummary {
    let run = engine.start(flow, input, "test").await.unwrap().run_id;
    world.settle(engine).await;
    let summary = engine.run(&run).await.unwrap().unwrap().summary;
    assert_eq!(summary.status, RunStatus::Completed, "{:?}", summary.failure);
    summary
}

fn text(run: &RunSummary, name: &str) -> String {
    run.output.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn every_product_has_an_arm_of_its_own_and_keeps_it() {
    let world = World::new(plan(&[PROJECT, ROLLOUTS, PRICES]), healthy());
    assert_eq!(world.plan.not_runnable(&world.plan.flows["price"]), []);
    let engine = world.open().await;
    let mut arms = BTreeMap::<String, u32>::new();
    for number in 0..60 {
        let sku = format!("s{number}");
        let run = ended(&world, &engine, "price", product(&sku, "", "200 USD")).await;
        let own = text(&run, "arm");
        assert_eq!(own, arm(&world.plan.rollouts["prices"], &sku));
        let wanted = if own == "lower" { ("180.00 USD", "dear") } else { ("200.00 USD", "otherwise") };
        let Some(Value::Money(price)) = run.output.get("price") else { panic!("{run:?}") };
        assert_eq!((price.to_string().as_str(), text(&run, "rule").as_str()), wanted);
        *arms.entry(own).or_default() += 1;
    }
    assert!(arms.values().all(|count| (15..=45).contains(count)), "half of them, by chance: {arms:?}");
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
    let engine = world.open().await;
    let again = ended(&world, &engine, "price", product("s7", "", "200 USD")).await;
    assert_eq!(text(&again, "arm"), arm(&world.plan.rollouts["prices"], "s7"));
}

#[tokio::test]
async fn an_arm_may_have_a_text_labelled_and_is_decided_again_to_the_same() {
    let far = |_: &crate::question::Prompt| Some(said(r#"{"label": "complaint", "confidence": 0.9}"#));
    let world = World::new(plan(&[PROJECT, MODELS, ROLLOUTS, LABELS]), healthy()).saying(far);
    for flow in ["sort", "guess"] {
        assert_eq!(world.plan.not_runnable(&world.plan.flows[flow]), []);
    }
    let engine = world.open().await;
    for wanted in ["current", "lower"] {
        let sku = in_arm(&world, wanted);
        let run = ended(&world, &engine, "sort", product(&sku, "complaint 0.8: it broke", "1 USD")).await;
        assert_eq!((text(&run, "label").as_str(), text(&run, "arm").as_str()), ("complaint", wanted));
        // What the other arm does not say is no field of the step, and a replay knows it all the same.
        let run = ended(&world, &engine, "guess", product(&sku, "complaint 0.8: it broke", "1 USD")).await;
        assert_eq!(text(&run, "arm"), wanted);
    }
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn an_arm_may_be_written_by_a_model_or_a_template() {
    let world = World::new(plan(&[PROJECT, MODELS, ROLLOUTS, COPY]), healthy()).saying(|_| Some(said(r#"{"title": "Oslo chair"}"#)));
    assert_eq!(world.plan.not_runnable(&world.plan.flows["describe"]), []);
    let engine = world.open().await;
    for (wanted, title) in [("current", "Chair"), ("lower", "Oslo chair")] {
        let run = ended(&world, &engine, "describe", product(&in_arm(&world, wanted), "a chair", "1 USD")).await;
        assert_eq!((text(&run, "title").as_str(), text(&run, "arm").as_str()), (title, wanted));
    }
    let events = world.events(&engine).await;
    assert_eq!(super::drafts::questions(&events).len(), 1, "the other arm asks no model");
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_process_that_dies_at_any_append_gives_each_product_the_same_arm() {
    let play = async |world: &World| {
        let Ok(engine) = world.try_open().await else { return };
        for wanted in ["current", "lower"] {
            let _ = engine.start("guess", product(&in_arm(world, wanted), "complaint 0.8: x", "1 USD"), "test").await;
            world.settle(&engine).await;
        }
        engine.shutdown().await;
    };
    let make = || World::new(plan(&[PROJECT, MODELS, ROLLOUTS, LABELS]), healthy());
    let undisturbed = make();
    play(&undisturbed).await;
    let (wanted, appends) = (undisturbed.connectors.effects(), undisturbed.log.appends());
    assert_eq!(wanted.len(), 2);
    for at in 1..=appends {
        for fault in [Fault::DiesBefore(at), Fault::DiesAfter(at)] {
            let world = make();
            world.log.set_fault(Some(fault.clone()));
            play(&world).await;
            world.log.set_fault(None);
            play(&world).await;
            assert_eq!(world.connectors.effects(), wanted, "{fault:?}");
            replay(&*world.log, 0).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_unit_without_a_value_gets_no_arm() {
    let unsure = PRICES.replace("by=\"=input.sku\"", "by=\"=input.maybe\"");
    let types = ROLLOUTS.replace("field \"price\" money }", "field \"price\" money; field \"maybe\" string? }");
    let world = World::new(plan(&[PROJECT, &types, &unsure]), healthy());
    let engine = world.open().await;
    let run = engine.start("price", product("s1", "", "1 USD"), "test").await.unwrap().run_id;
    world.settle(&engine).await;
    let summary = engine.run(&run).await.unwrap().unwrap().summary;
    assert_eq!(summary.status, RunStatus::Failed);
    assert_eq!(summary.failure.unwrap().message, "`input.maybe` has no value");
    let failed = |event: &&Event| matches!(event.kind, EventKind::StepFailed { .. });
    assert_eq!(world.events(&engine).await.iter().filter(failed).count(), 1);
    replay(&*world.log, 0).await.unwrap();
}
