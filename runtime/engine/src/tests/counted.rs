//! What models count, where that leaves what was declared of them, and that it is the same after a restart.

use super::drafts::{MODELS, questions, said, silent};
use super::world::*;
use crate::event::EventKind;
use crate::ports::Clock;
use crate::question::{Answer, Prompt, Usage};
use crate::replay::replay;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tradewind_lang::value::Value;

const FLOW: &str = r#"
route "copy" needs=text { candidate "small"; fail "nobody wrote it" }
flow "describe" {
    summary "Describe a product"
    input { field "product" string }
    key "=input.product"
    decide "copy" { draft "copy" route="copy" { system "You write copy."; user "Describe {{ input.product }}" } }
    output { title "=copy.title" }
}
policy "others" { on "desk.reply" "desk.page" "pay.refund" "pay.credit"; limit "all" count=9 }
"#;

#[tokio::test]
async fn what_leaves_its_declaration_is_counted_and_stays_so_after_a_restart() {
    let count = AtomicUsize::new(0);
    let usages = [
        Some(Usage { input: 100, cached: 40, output: 50, reasoning: 30 }),
        // Longer than `max-output`, and dearer than all that was reserved.
        Some(Usage { input: 9_000, cached: 0, output: 4_000, reasoning: 0 }),
        None,
    ];
    let says = move |_: &Prompt| {
        let place = count.fetch_add(1, Ordering::SeqCst);
        let Answer::Said(mut reply) = said(r#"{"title": "Oslo", "tags": []}"#) else { panic!() };
        reply.usage = usages[place];
        reply.by = format!("m-{}", place % 2).into();
        Some(Answer::Said(reply))
    };
    let world = World::new(plan(&[PROJECT, MODELS, FLOW]), healthy()).saying(says);
    let engine = world.open().await;
    for product in ["a", "b", "c"] {
        engine.start("describe", Value::record([("product", Value::string(product))]), "test").await.unwrap();
        world.settle(&engine).await;
    }
    let counted = engine.counted().await.unwrap();
    let of = &counted["small"];
    assert_eq!((of.answers, of.uncounted, of.beyond, of.longer), (3, 1, 1, 1));
    assert_eq!((of.input, of.cached, of.output, of.reasoning), (9_100, 40, 4_050, 30));
    let names: Vec<&str> = of.names.iter().map(|name| &**name).collect();
    assert_eq!((names, counted.len()), (vec!["m-0", "m-1"], 1));
    engine.shutdown().await;
    let engine = world.open().await;
    assert_eq!(engine.counted().await.unwrap(), counted);
    engine.shutdown().await;
}

/// Lets everything happen that happens without the clock, where a run waits for it.
async fn heard() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

/// A model is asked again after a pause, works, and says nothing. Then the clock is set back to before the end of that pause, and the
/// process dies: by the clock of the next one the question was not due yet, and it is to be paid all the same.
#[tokio::test]
async fn what_was_asked_before_the_clock_was_set_back_is_counted_by_the_next_process() {
    let count = Arc::new(AtomicUsize::new(0));
    let asked = count.clone();
    let says = move |_: &Prompt| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Some(silent("http-503", false, true)),
        1 => None,
        _ => Some(said(r#"{"title": "Oslo", "tags": []}"#)),
    };
    let world = World::new(plan(&[PROJECT, MODELS, FLOW]), healthy()).saying(says);
    let engine = world.open().await;
    let started = engine.start("describe", Value::record([("product", Value::string("a"))]), "test").await.unwrap();
    heard().await;
    let due = questions(&world.events(&engine).await)[1].not_before;
    assert!(due > world.clock.now(), "it is asked again after a pause");
    world.clock.set(due);
    heard().await;
    assert_eq!(count.load(Ordering::SeqCst), 2, "it was asked again");
    world.clock.set(START);
    engine.shutdown().await;
    let engine = world.open().await;
    world.settle(&engine).await;
    let events = world.events(&engine).await;
    let second = questions(&events)[1].clone();
    let spent = events.iter().find_map(|event| match &event.kind {
        EventKind::ModelAnswered(answered) if answered.key == second.key => Some((answered.spent, event.cost)),
        _ => None,
    });
    assert_eq!(spent, Some((None, second.reserved)), "nobody knows what it cost: what was reserved counts");
    let run = engine.run(&started.run_id).await.unwrap().unwrap().summary;
    assert!(run.cost.unwrap().amount > second.reserved.unwrap().amount, "{:?}", run.cost);
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}
