//! What models count, where that leaves what was declared of them, and that it is the same after a restart.

use super::drafts::{MODELS, said};
use super::world::*;
use crate::question::{Answer, Prompt, Usage};
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
