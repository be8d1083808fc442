//! `memory`: what is remembered is found, printed with where it comes from, and written out; a slip is told.

use crate::of_text;
use tradewind_tests::stage::Stage;

const NOTES: &str = r#"project "northfield" {
    currency "USD"
    environment "dev" { store "surrealkv://.tradewind/store"; twins #true }
}
type "note" subject="customer_id" { field "customer_id" string; field "sku" string; field "text" string }
memory "notes" tier=long-term record="note" subject="customer_id" retention="2y" key="sku" embed="text" {
    fulltext "text"
    fresh "30d" stale=flag
}
memory "plain" tier=session record="note" subject="customer_id" retention="2y"
flow "note" {
    summary "Remember a note"
    input { field "customer_id" string; field "sku" string; field "text" string }
    remember "kept" in="notes" subject="=input.customer_id" { customer_id "=input.customer_id"; sku "=input.sku"; text "=input.text" }
    observe "like" { recall "notes" subject="=input.customer_id" query="=input.text" top=2 }
    output { like "=like.map(f, f.sku)"; stale "=like.map(f, f.stale)" }
}
"#;

fn lived() -> Stage {
    let stage = of_text(NOTES);
    let note =
        |customer: &str, sku: &str, text: &str| format!("{{\"customer_id\": \"{customer}\", \"sku\": \"{sku}\", \"text\": \"{text}\"}}\n");
    let work = [
        note("C-1", "lamp", "The lamp arrived with a cracked shade"),
        note("C-1", "shoe", "Asked for an invoice for the shoes"),
        note("C-2", "lamp", "The lamp is wonderful"),
        note("C-1", "lamp", "The lamp was replaced and works"),
    ];
    stage.write("work.jsonl", &work.concat());
    let _ = stage.run(["run", "note", "--input", "work.jsonl", "--in-flight", "1"]).exits(0);
    stage
}

fn json(stage: &Stage, arguments: &[&str]) -> serde_json::Value {
    stage.run(arguments).exits(0).json()
}

fn field<'a>(answer: &'a serde_json::Value, name: &str) -> Vec<&'a str> {
    answer["facts"].as_array().unwrap().iter().map(|fact| fact["fields"][name].as_str().unwrap()).collect()
}

#[test]
fn facts_are_found_by_meaning_and_words_and_printed_with_where_they_come_from() {
    let stage = lived();
    let found = json(&stage, &["memory", "search", "notes", "is it defective or damaged?", "--top", "2", "--format", "json"]);
    assert_eq!(found["facts"].as_array().unwrap().len(), 2, "{found}");
    assert!(found["by"].as_str().unwrap().starts_with("words and vectors of "), "{found}");
    let found = json(&stage, &["memory", "search", "notes", "invoice", "--subject", "C-1", "--format", "json"]);
    assert_eq!(field(&found, "sku")[0], "shoe");
    assert!(found["facts"].as_array().unwrap().iter().all(|fact| fact["subject"] == "C-1"));

    let history = json(&stage, &["memory", "history", "notes", "--format", "json"]);
    assert_eq!(field(&history, "text").len(), 4);
    let corrected = &history["facts"][0];
    assert_eq!(corrected["superseded_by"], history["facts"][3]["seq"], "{history}");
    assert_eq!((&corrected["trust"], &corrected["sources"][0]), (&"own".into(), &"input".into()));
    let told = stage.run(["memory", "history", "notes", "--subject", "C-1"]).exits(0).out;
    assert_eq!(told.lines().filter(|line| line.contains("corrected by ")).count(), 1, "{told}");
    assert!(told.contains("from input"), "{told}");
    let lines = stage.run(["memory", "export", "notes"]).exits(0);
    assert_eq!(lines.out.lines().count(), 4);
    assert!(lines.out.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    assert!(lines.err.contains("4 facts of `notes`"), "{}", lines.err);
}

#[test]
fn what_is_not_there_cannot_be_searched_or_is_no_instant_is_told() {
    let stage = lived();
    let wrong = stage.run(["memory", "history", "note"]);
    assert!(wrong.code == Some(64) && wrong.err.contains("TW0610") && wrong.err.contains("one of: notes, plain"), "{wrong}");
    let wrong = stage.run(["memory", "search", "plain", "lamp"]);
    assert!(wrong.code == Some(64) && wrong.err.contains("TW0611"), "{wrong}");
    let wrong = stage.run(["memory", "search", "notes", "lamp", "--as-of", "yesterday"]);
    assert!(wrong.code == Some(64) && wrong.err.contains("`yesterday` is no instant"), "{wrong}");
    // Nothing was known then.
    let _ = stage.run(["memory", "search", "notes", "lamp", "--as-of", "2020-01-01T00:00:00Z"]).exits(0).says("no fact is about that");
    let nobody = stage.run(["memory", "forget", "C-9"]);
    assert!(nobody.err.contains("TW0576"), "{nobody}");
    let affected = stage.run(["memory", "forget", "C-1"]).exits(0).out;
    assert!(affected.contains("3 facts"), "{affected}");
}

/// A shop that keeps two facts of each customer, and whose lawyer holds what a case needs.
const HELD: &str = r#"project "northfield" {
    currency "USD"
    legal-hold "legal"
    environment "dev" { store "surrealkv://.tradewind/store"; twins #true }
}
team "legal" { member "lea@northfield.example" }
type "note" subject="customer_id" { field "customer_id" string; field "text" string pii }
memory "notes" tier=long-term record="note" subject="customer_id" retention="2y" cap=2
flow "note" {
    summary "Remember a note"
    input { field "customer_id" string; field "text" string pii }
    remember "kept" in="notes" subject="=input.customer_id" { customer_id "=input.customer_id"; text "=input.text" }
}
scenario "what was known before is found" {
    flow "note"
    at "2026-11-02T09:00:00Z"
    given {
        input { customer_id "C-1"; text "again" }
        memory "notes" { - customer_id="C-1" text="hello" age="3d" }
    }
    expect { that "steps.kept.ran" }
}
"#;

fn noted(stage: &Stage, texts: &[&str]) {
    let line = |text: &&str| format!("{{\"customer_id\": \"C-1\", \"text\": \"{text}\"}}\n");
    stage.write("work.jsonl", &texts.iter().map(line).collect::<String>());
    let _ = stage.run(["run", "note", "--input", "work.jsonl", "--in-flight", "1"]).exits(0);
}

#[test]
fn what_a_cap_drops_is_told_and_a_legal_hold_keeps_everything_until_it_is_lifted() {
    let stage = of_text(HELD);
    let hold = |verb: &str, by: &str| stage.run(["memory", verb, "C-1", "--by", by, "--reason", "case 2026-117"]);
    noted(&stage, &["one", "two", "three"]);
    let history = stage.run(["memory", "history", "notes"]).exits(0).says("1 fact dropped by cap, the last at ");
    let seq: String = history.out.split("(event ").nth(1).unwrap().chars().take_while(char::is_ascii_digit).collect();
    let _ = stage.run(["log", "--from", &seq, "--limit", "1"]).exits(0).says("facts-dropped").says("notes 1 fact by cap");
    assert_eq!(json(&stage, &["memory", "history", "notes", "--format", "json"])["dropped"]["facts"]["cap"], 1);

    let _ = hold("hold", "eve@northfield.example").exits(5).says("TW0612").says("only members of legal");
    let _ = hold("release", "lea@northfield.example").exits(64).says("TW0614");
    let _ = hold("hold", "lea@northfield.example").exits(0).says("`C-1` is held: 2 facts").says("case 2026-117");
    let _ = hold("hold", "lea@northfield.example").exits(0).says("was held already");
    let _ = stage.run(["memory", "holds"]).exits(0).says("by lea@northfield.example").says("case 2026-117");
    noted(&stage, &["four", "five"]);
    let texts = |stage: &Stage| field(&json(stage, &["memory", "history", "notes", "--format", "json"]), "text").len();
    assert_eq!(texts(&stage), 4, "the cap is 2, and nothing went");
    let _ = stage.run(["forget", "C-1"]).exits(0).says("a legal hold that lea@northfield.example set at ");
    let refused = stage.run(["forget", "C-1", "--yes", "--by", "ann@northfield.example"]).exits(5);
    let _ = refused.says("TW0613").says("case 2026-117").says("tradewind memory release");
    assert_eq!(texts(&stage), 4);

    let _ = hold("release", "lea@northfield.example").exits(0).says("is held no longer");
    let _ = stage.run(["memory", "holds"]).exits(0).says("nobody is held");
    assert_eq!(texts(&stage), 2);
    let _ = stage.run(["forget", "C-1", "--yes", "--by", "ann@northfield.example"]).exits(0).says("the keys are destroyed");
    // What the run was begun with names nobody, and goes with him all the same.
    let log = stage.run(["log"]).exits(0);
    assert!(["one", "two", "five"].iter().all(|text| !log.out.contains(&format!("\"text\":\"{text}\""))), "{log}");
}

#[test]
fn nobody_is_held_where_no_team_may() {
    let stage = lived();
    let hold = stage.run(["memory", "hold", "C-1", "--by", "lea@northfield.example", "--reason", "case"]).exits(5);
    let _ = hold.says("TW0612").says("legal-hold");
}
