//! Vectors of a model behind a network, as a user sees them, over a provider on this machine.

use crate::models::provider;
use crate::of_text;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tradewind_tests::stage::Stage;

const NOTES: &str = r#"project "northfield" {
    currency "USD"
    environment "dev" { store "surrealkv://.tradewind/store" }
}
model "reads" provider=openai name="reads-small" base-url="{url}" {
    price {price}
    context 512
    can embed
}
type "note" { field "sku" string; field "text" string }
memory "notes" tier=long-term record="note" retention="2y" {
    embed "text" model="reads"
    budget "0.10 USD" per=day
}
flow "note" {
    summary "Remember a note"
    input { field "sku" string; field "text" string }
    key "=input.sku"
    remember "kept" in="notes" { sku "=input.sku"; text "=input.text" }
    observe "like" { recall "notes" query="=input.text" top=2 }
    output { like "=like.map(f, f.sku)" }
}
"#;

/// What is about light is near to what is about light; so many numbers each.
fn embeds(width: Arc<AtomicUsize>) -> impl Fn(&str) -> (u16, String) + Send + Sync + 'static {
    move |body| {
        let asked: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        let texts = asked["input"].as_array().cloned().unwrap_or_default();
        let of = |text: &serde_json::Value| {
            let is_light = ["lamp", "light"].iter().any(|word| text.as_str().unwrap_or_default().contains(word));
            let vector: Vec<f64> = (0..width.load(Ordering::SeqCst)).map(|place| f64::from(u8::from((place == 0) == is_light))).collect();
            vector
        };
        let data: Vec<_> =
            texts.iter().enumerate().map(|(index, text)| serde_json::json!({ "index": index, "embedding": of(text) })).collect();
        let usage = serde_json::json!({ "prompt_tokens": texts.len() });
        (200, serde_json::json!({ "model": asked["model"], "data": data, "usage": usage }).to_string())
    }
}

fn stage(price: &str) -> (Stage, Arc<AtomicUsize>) {
    let width = Arc::new(AtomicUsize::new(3));
    let url = provider(embeds(width.clone()));
    let stage = of_text(&NOTES.replace("{url}", &url).replace("{price}", price));
    let notes = [("lamp", "The lamp is cracked"), ("shoe", "An invoice for the shoes"), ("bulb", "It gives no light")];
    let lines: String = notes.iter().map(|(sku, text)| format!("{{\"sku\": \"{sku}\", \"text\": \"{text}\"}}\n")).collect();
    stage.write("work.jsonl", &lines);
    (stage, width)
}

#[test]
fn what_vectors_cost_is_in_the_log_and_in_the_budget_of_the_memory() {
    let (stage, _) = stage(r#"input="1 USD" per="1k tokens""#);
    let _ = stage.run(["run", "note", "--input", "work.jsonl", "--in-flight", "1"]).exits(0).says("3 completed");
    let _ = stage.run(["runs", "show", "bulb"]).exits(0).says("\"lamp\"").says("\"bulb\"");
    let log = stage.run(["log", "--format", "json"]).exits(0).json();
    let events = log["events"].as_array().unwrap().iter().map(ToString::to_string);
    let of_vectors: Vec<String> = events.filter(|event| event.contains("vectors-a")).collect();
    assert_eq!(of_vectors.len(), 12, "three questions, each with one new fact: {log}");
    assert!(of_vectors.iter().all(|event| !event.contains("cracked")), "no text is in them: {of_vectors:?}");
    let _ = stage.run(["budget"]).exits(0).says("memory `notes`").says("0.006 USD").says("reads");
    let _ = stage.run(["log", "verify"]).exits(0);
    let _ = stage.run(["replay"]).exits(0);
    let wrong = stage.run(["memory", "search", "notes", "lamp"]);
    assert!(wrong.code == Some(64) && wrong.err.contains("TW0611") && wrong.err.contains("what only looks pays for nothing"), "{wrong}");
}

#[test]
fn what_is_free_is_searched_by_whoever_looks_and_a_wrong_length_has_a_code() {
    let (stage, width) = stage("\"0 USD\"");
    let _ = stage.run(["run", "note", "--input", "work.jsonl", "--in-flight", "1"]).exits(0).says("3 completed");
    let found = stage.run(["memory", "search", "notes", "a broken lamp", "--top", "2", "--format", "json"]).exits(0).json();
    assert!(found["facts"].as_array().unwrap().iter().all(|fact| fact["fields"]["sku"] != "shoe"), "{found}");
    width.store(0, Ordering::SeqCst);
    let wrong = stage.run(["memory", "search", "notes", "lamp"]);
    assert!(wrong.code == Some(1) && wrong.err.contains("TW0617") && wrong.err.contains("vectors of no number at all"), "{wrong}");
}

#[test]
fn nothing_is_sent_that_no_budget_has_room_for() {
    let (stage, _) = stage(r#"input="1 USD" per="100 tokens""#);
    let failed = stage.run(["run", "note", "--input", "work.jsonl", "--in-flight", "1"]);
    assert!(failed.out.contains("failed"), "{failed}");
    let shown = stage.run(["runs", "show", "lamp"]).exits(0);
    assert!(shown.out.contains("budget of memory `notes` per day"), "{shown}");
    let _ = stage.run(["budget"]).exits(0).says("memory `notes`");
    let log = stage.run(["log", "--format", "json"]).exits(0).out;
    assert!(!log.contains("vectors-asked"), "{log}");
}
