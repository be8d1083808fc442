//! Runs that wait are led over to another plan: as a migration says, as was foretold, whatever dies meanwhile; and not where they would do
//! something twice, or take outside text for the operator's own.

use super::world::*;
use crate::engine::Engine;
use crate::event::EventKind;
use crate::migrate::Leads;
use crate::pinned::Pinned;
use crate::replay::replay;
use crate::summary::{RunFilter, RunStatus};
use crate::twin::Fault;
use std::sync::Arc;
use tradewind_lang::plan::Plan;
use tradewind_lang::value::Value;

/// A flow that looks, asks, and pays.
const ONE: &str = r#"
type "message" subject="customer_id" {
    field "id" string
    field "order_id" string
    field "customer_id" string
    field "text" string untrusted
    field "amount" money
}
type "said" { field "kind" kinds }
policy "pays" { on "pay.refund"; limit "all" sum="=effect.amount" max="1000 USD" per=day }
flow "triage" {
    input "message"
    key "=input.id"
    observe "order" { call "shop.order.get" id="=input.order_id" }
    let "check" "=input.amount < '500 USD'"
    ask "person" to="leads" within="4h" on-timeout=stop {
        question "Is it about order {{ order.id }}?"
        answer "said"
    }
    act "refund" when="check && person.kind == 'complaint'" {
        call "pay.refund" order_id="=order.id" amount="=input.amount" reason="complaint"
    }
    output kind="=person.kind"
}
"#;

/// The same with other steps before and behind the question, and what leads its runs there.
fn two(migration: &str) -> Arc<Plan> {
    let flow = ONE
        .replace(
            "let \"check\" \"=input.amount < '500 USD'\"",
            "let \"small\" \"=input.amount < '500 USD'\"\n    decide \"verdict\" { otherwise value=\"by hand\" }",
        )
        .replace("when=\"check && person", "when=\"small && verdict.rule != 'never' && person")
        .replace("output kind", "let \"thanks\" \"='thank you'\"\n    output thanks=\"=thanks\" kind");
    plan(&[PROJECT, &flow, migration])
}

const LEADING: &str = "migration \"two\" { flow \"triage\" { moved \"check\" to=\"small\" } }";

fn one() -> World {
    World::new(plan(&[PROJECT, ONE]), healthy())
}

fn input(id: &str) -> Value {
    message(id, &format!("o{id}"), "text", "20 USD")
}

/// What a plan would mean, as `plan` tells before it is adopted.
async fn foretold(engine: &Engine, next: &Arc<Plan>) -> Leads {
    let run = engine.live().await.unwrap().remove(0).id;
    engine.lead(&run, Arc::new(Pinned::new(next.clone()))).await.unwrap()
}

async fn migrated(world: &World, engine: &Engine) -> Vec<(String, String)> {
    let moves = world.events(engine).await.into_iter().filter_map(|event| match event.kind {
        EventKind::RunMigrated(moved) => Some((moved.from.short(), moved.to.short())),
        _ => None,
    });
    moves.collect()
}

async fn answer(engine: &Engine) {
    let asked = engine.approvals().await.unwrap().remove(0).approval.id.clone();
    let kind = Value::record([("kind", Value::string("complaint"))]);
    engine.answer(&asked, "ann@example.com", crate::approval::Verdict::Answer(kind)).await.unwrap();
}

#[tokio::test]
async fn a_run_that_waits_goes_on_by_the_new_steps_and_does_nothing_twice() {
    let world = one();
    let engine = world.open().await;
    start(&engine, input("m1")).await;
    world.settle(&engine).await;
    let next = two(LEADING);
    assert!(matches!(foretold(&engine, &next).await, Leads::Over(_)), "{:?}", foretold(&engine, &next).await);
    engine.adopt(next.clone()).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(migrated(&world, &engine).await, [(world.plan.digest().short(), next.digest().short())]);
    assert_eq!(engine.live().await.unwrap()[0].plan, next.digest());
    answer(&engine).await;
    world.settle(&engine).await;
    let run = engine.runs(RunFilter::default()).await.unwrap().remove(0);
    assert_eq!((run.status, run.plan), (RunStatus::Completed, next.digest()));
    assert_eq!(run.output.get("thanks"), Some(&Value::string("thank you")));
    assert_eq!(world.connectors.effects().len(), 1);
    // It is shown as it went, and is decided again as it was.
    let details = engine.run(&run.id).await.unwrap().unwrap();
    let steps: Vec<(String, &str)> = details.steps.iter().map(|step| (step.name.to_string(), step.status)).collect();
    let names = ["order", "small", "verdict", "person", "refund", "thanks"];
    assert_eq!(steps.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), names);
    assert!(steps.iter().all(|(_, status)| *status == "done"), "{steps:?}");
    replay(&*world.log, 0).await.unwrap();
    // And a process that reads the log knows the same.
    engine.shutdown().await;
    let again = World { plan: next.clone(), ..world };
    let engine = again.open().await;
    assert_eq!(engine.runs(RunFilter::default()).await.unwrap().remove(0), run);
}

#[tokio::test]
async fn what_the_migration_cannot_lead_keeps_its_plan_and_says_why() {
    let cases: &[(&str, &str, &str, &str)] = &[
        ("migration \"two\" { flow \"triage\" }", "", "", "`check` is over, and the new flow does not have it: say `moved` or `gone`"),
        (LEADING, "Is it about", "Was it about", "it waits at `person`, which is written differently"),
        (LEADING, "\"=input.amount < '500 USD'\"", "\"=input.amount\"", "`check` has a value of another type"),
        (
            LEADING,
            "field \"order_id\" string",
            "field \"order_id\" string; field \"shop\" string?",
            "the input of its flow has another type",
        ),
        (
            LEADING,
            "ask \"person\"",
            "let \"words\" \"='x'\"\n    ask \"person\" after=\"words\"",
            "`words` comes before `person`, which it has reached: `fill` gives it a value",
        ),
    ];
    for (migration, old, new, why) in cases {
        let world = one();
        let engine = world.open().await;
        start(&engine, input("m1")).await;
        world.settle(&engine).await;
        let flow = ONE.replace("check", "small").replace(old, new);
        let flow = if *new == "\"=input.amount\"" { flow.replace("small && ", "small < '1 USD' && ") } else { flow };
        let next = plan(&[PROJECT, &flow, migration]);
        let said = foretold(&engine, &next).await;
        engine.adopt(next).await.unwrap();
        world.settle(&engine).await;
        let moved = migrated(&world, &engine).await.len();
        match said {
            Leads::Not(reasons) => assert!(reasons.contains(&(*why).to_owned()) && moved == 0, "{why}: {reasons:?}"),
            other => panic!("{why}: {other:?}"),
        }
        answer(&engine).await;
        world.settle(&engine).await;
        assert_eq!(engine.runs(RunFilter::default()).await.unwrap()[0].status, RunStatus::Completed, "{why}");
        replay(&*world.log, 0).await.unwrap();
    }
}

#[tokio::test]
async fn outside_text_is_never_taken_for_the_operators_own() {
    // What the check says rests on a customer's words; the new flow takes it for its own.
    let outside = ONE.replace("\"=input.amount < '500 USD'\"", "\"=input.text == 'yes'\"").replace("when=\"check && ", "when=\"");
    let world = World::new(plan(&[PROJECT, &outside]), healthy());
    let engine = world.open().await;
    start(&engine, input("m1")).await;
    world.settle(&engine).await;
    let next = two(LEADING);
    let why = "`check` rests on text from outside, or holds personal data, more than the new flow takes it for";
    assert_eq!(foretold(&engine, &next).await, Leads::Not(vec![why.to_owned()]));
    engine.adopt(next).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(migrated(&world, &engine).await, []);
}

#[tokio::test]
async fn a_step_that_was_passed_has_what_the_migration_gives_it() {
    let world = one();
    let engine = world.open().await;
    start(&engine, input("m1")).await;
    world.settle(&engine).await;
    let flow = ONE.replace("ask \"person\"", "decide \"early\" { otherwise value=\"now\" }\n    ask \"person\" after=\"early\"");
    let flow = flow.replace("output kind", "output early=\"=early.value\" kind");
    let next = plan(&[PROJECT, &flow, "migration \"two\" { flow \"triage\" { fill \"early\" { value before; rule \"migration\" } } }"]);
    engine.adopt(next).await.unwrap();
    world.settle(&engine).await;
    answer(&engine).await;
    world.settle(&engine).await;
    let run = engine.runs(RunFilter::default()).await.unwrap().remove(0);
    assert_eq!(run.output.get("early"), Some(&Value::string("before")));
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_process_that_dies_at_any_append_around_it_leads_over_once() {
    for append in 1.. {
        for fault in [Fault::DiesBefore(append), Fault::DiesAfter(append)] {
            let (mut world, next) = (one(), two(LEADING));
            world.log.set_fault(Some(fault.clone()));
            let whole = match world.try_open().await {
                Ok(engine) => {
                    let _ = engine.start("triage", input("m1"), "test").await;
                    world.settle(&engine).await;
                    let adopted = engine.adopt(next.clone()).await.is_ok();
                    world.settle(&engine).await;
                    adopted && engine.stopped().is_none()
                }
                Err(_) => false,
            };
            world.log.set_fault(None);
            world.plan = next.clone();
            let engine = world.open().await;
            start(&engine, input("m1")).await;
            world.settle(&engine).await;
            answer(&engine).await;
            world.settle(&engine).await;
            assert!(migrated(&world, &engine).await.len() <= 1, "{fault:?}");
            let run = engine.runs(RunFilter::default()).await.unwrap().remove(0);
            assert_eq!((run.status, run.plan), (RunStatus::Completed, next.digest()), "{fault:?}");
            assert_eq!(world.connectors.effects().len(), 1, "{fault:?}");
            replay(&*world.log, 0).await.unwrap();
            if whole {
                assert!(append > 5, "{append}");
                return;
            }
        }
    }
}
