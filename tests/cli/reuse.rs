//! What was approved is used again: what customers want is known by rows, what is answered to it was approved once, and `memory
//! reuse` tells of each version how often it was found, what came of it, and what it saved.

use crate::of_text;
use serde_json::Value as Json;
use tradewind_tests::stage::Stage;

const SHOP: &str = r#"project "northfield" {
    currency "USD"
    environment "dev" { store "surrealkv://.tradewind/store"; twins #true }
}
team "leads" { member "lea@northfield.example" }
enum "intent" late-parcel invoice
type "message" subject="customer_id" { field "id" string; field "customer_id" string; field "text" string pii untrusted; field "buys" bool }
type "approved" { field "intent" intent; field "text" string }
type "ordered" { field "message" string }
memory "answers" tier=long-term record="approved" retention=forever key="intent"
model "intents" provider=linear rows="intents.jsonl" label="intent" { price "0 USD"; can classify }
model "writer" provider=openai name="writes" base-url="http://127.0.0.1:1" {
    price input="1 USD" output="1 USD" per="1k tokens"
    context 2000
    max-output 20
    can text
    cleared pii
}
route "intents" needs=classify { candidate "intents"; person "leads" within="8h" on-timeout=fail }
route "words" needs=text { candidate "writer"; fail "nobody writes" }
flow "reply" {
    summary "Answer a message"
    input "message"
    key "=input.id"
    decide "intent" { classify "intent" route="intents" text="=input.text" }
    observe "known" { recall "answers" where="fact.intent == intent.label" last=1 }
    decide "draft" when="size(known) == 0" { draft "approved" route="words" { user "Answer: {{ input.text }}" } }
    ask "look" when="size(known) == 0" to="leads" within="8h" on-timeout=stop {
        question "What do we answer whoever writes so?"
        show "=draft"
        answer "approved"
    }
    act "tell" when="input.buys" { emit "ordered" { message "=input.id" } }
    output { text "=has(look) ? look.text : known[0].text" }
}
flow "approve" {
    summary "What we answer from now on"
    input "approved"
    remember "kept" in="answers" { intent "=input.intent"; text "=input.text" }
}
"#;

/// Ten of each, as a model needs them.
fn rows() -> String {
    let row = |intent: &str, text: String| format!("{{\"intent\": \"{intent}\", \"text\": \"{text}\"}}\n");
    let ends = ["", " please"];
    let late =
        ["where is my parcel", "the parcel is late", "my parcel has not come yet", "parcel still not here", "when does the parcel come"];
    let paper = ["send the invoice", "i need an invoice", "the invoice is missing", "an invoice for my company", "send me the invoice"];
    let both = |intent: &str, texts: [&str; 5]| ends.map(|end| texts.map(|text| row(intent, format!("{text}{end}"))).concat()).concat();
    both("late-parcel", late) + &both("invoice", paper)
}

fn write(stage: &Stage, id: &str, customer: &str, text: &str, buys: bool) {
    let line = format!("{{\"id\": \"{id}\", \"customer_id\": \"{customer}\", \"text\": \"{text}\", \"buys\": {buys}}}\n");
    stage.write("work.jsonl", &line);
    let _ = stage.run(["run", "reply", "--input", "work.jsonl"]).exits(0);
    let waiting = stage.run(["approvals", "--format", "json"]).exits(0).json();
    for item in waiting["approvals"].as_array().unwrap() {
        let id = item["id"].as_str().unwrap();
        let said = ["approvals", "answer", id, "--by", "lea@northfield.example", "intent=late-parcel", "text=It comes tomorrow"];
        let _ = stage.run(said).exits(0);
    }
}

fn approve(stage: &Stage, text: &str) {
    stage.write("work.jsonl", &format!("{{\"intent\": \"late-parcel\", \"text\": \"{text}\"}}\n"));
    let _ = stage.run(["run", "approve", "--input", "work.jsonl"]).exits(0);
}

fn lived() -> Stage {
    let stage = of_text(SHOP);
    stage.write("intents.jsonl", &rows());
    write(&stage, "m1", "C-1", "Zanzibar: where is my parcel?", false);
    approve(&stage, "It comes tomorrow");
    write(&stage, "m2", "C-2", "My parcel is late", true);
    approve(&stage, "It comes tomorrow, we are sorry");
    write(&stage, "m3", "C-3", "My parcel has not come", true);
    write(&stage, "m4", "C-1", "When does my Zanzibar parcel come", false);
    stage
}

fn of<'a>(answer: &'a Json, asset: &str) -> &'a Json {
    answer["reused"].as_array().unwrap().iter().find(|reused| reused["asset"] == asset).unwrap()
}

#[test]
fn each_version_of_an_approved_answer_is_told_with_its_hits_conversion_cost_and_time() {
    let stage = lived();
    let told = stage.run(["memory", "reuse", "--event", "ordered", "--format", "json"]).exits(0).json();
    let answers = of(&told, "memory answers");
    assert_eq!((&answers["looked"], &answers["hits"]), (&4.into(), &3.into()), "{told}");
    let versions = answers["versions"].as_array().unwrap();
    let brief = |version: &Json| {
        (version["name"].clone(), version["version"].clone(), version["hits"].clone(), version["with"]["converted"].clone())
    };
    assert_eq!(brief(&versions[0]), ("late-parcel".into(), 2.into(), 2.into(), 1.into()), "{told}");
    assert_eq!(brief(&versions[1]), ("late-parcel".into(), 1.into(), 1.into(), 1.into()), "{told}");
    assert!(versions[0]["superseded_at"].is_null() && versions[1]["superseded_at"].is_string(), "{told}");
    assert_eq!((&versions[0]["versions"], &versions[0]["with"]["mean_cost"]), (&2.into(), &Json::Null), "no model was asked: {told}");
    // The one run that had no answer asked a model behind a network.
    assert_eq!(versions[0]["cost_saved"].as_str().map(|saved| saved.ends_with(" USD")), Some(true), "{told}");
    assert!(versions[0]["seconds_saved"].is_i64(), "{told}");
    let intents = of(&told, "labels intent");
    assert_eq!((&intents["looked"], &intents["hits"]), (&4.into(), &4.into()), "{told}");
    let intent = &intents["versions"][0];
    assert_eq!((&intent["name"], &intent["hits"], intent["artifact"].as_str().unwrap().len()), (&"late-parcel".into(), &4.into(), 12));

    let shown = stage.run(["memory", "reuse", "--event", "ordered"]).exits(0).out;
    assert!(shown.contains("reply.known  memory answers: 3 of 4 found something"), "{shown}");
    assert!(shown.contains("late-parcel, version 2 of 2 of ") && shown.contains("2 hits, 2 runs, no cost"), "{shown}");
    assert!(shown.contains("late-parcel of the artifact "), "{shown}");
}

#[test]
fn other_rows_are_another_version_of_what_customers_want() {
    let stage = lived();
    stage.write("intents.jsonl", &(rows() + "{\"intent\": \"late-parcel\", \"text\": \"no parcel in my letter box\"}\n"));
    write(&stage, "m5", "C-5", "My parcel is late again", true);
    let told = stage.run(["memory", "reuse", "--format", "json"]).exits(0).json();
    let versions = of(&told, "labels intent")["versions"].as_array().unwrap();
    let hits: Vec<&Json> = versions.iter().map(|version| &version["hits"]).collect();
    assert_eq!(hits, [&Json::from(4), &1.into()], "{told}");
    assert_ne!(versions[0]["artifact"], versions[1]["artifact"]);
}

/// What was approved says nothing of whoever asked first; what is counted stays when he is forgotten, and names him nowhere.
#[test]
fn whoever_is_forgotten_stays_in_no_version() {
    let stage = lived();
    let _ = stage.run(["forget", "C-1", "--yes", "--by", "lea@northfield.example"]).exits(0);
    let told = stage.run(["memory", "reuse", "--event", "ordered", "--format", "json"]).exits(0);
    assert!(!told.out.contains("C-1") && !told.out.contains("Zanzibar"), "{told}");
    let told = told.json();
    assert_eq!(of(&told, "memory answers")["hits"], 3, "{told}");
    assert_eq!(of(&told, "labels intent")["looked"], 4, "{told}");
    let known = stage.run(["memory", "search", "answers", "parcel"]);
    assert!(known.code == Some(64) && known.err.contains("TW0611"), "{known}");
    write(&stage, "m6", "C-6", "Where is my parcel", false);
    let _ = stage.run(["runs", "show", "m6"]).exits(0).says("It comes tomorrow, we are sorry");
}
