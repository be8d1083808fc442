//! Flows whose drafts are written by models behind a network: without key and network where there are twins, over a real connection
//! where there are none, within budgets in both.

use crate::of_text;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use tradewind_tests::stage::Stage;

/// One flow: a draft, a critic, a budget. `{environment}` and `{model}` are filled in.
const SHOP: &str = r#"
project "shop" {
    currency "USD"
    environment "dev" { store "surrealkv://.tradewind/store"; {environment} }
}
model "writer" {model} {
    price input="3 USD" output="15 USD" per="1M tokens"
    context 32768
    max-output 200
    can text
}
route "copy" needs=text {
    candidate "writer"
    fail "nobody wrote it"
    budget "1 USD" per=day
}
type "copy" { field "title" string max=60; field "tags" list<string> }
critic "brand" of="copy" { require "!draft.title.contains('best ever')" code="promise" message="no promises" }
flow "describe" {
    summary "Describe a product"
    input { field "product" string }
    key "=input.product"
    cost-cap "0.50 USD"
    decide "copy" { draft "copy" route="copy" prompt="Describe {{ input.product }}" }
    reflect "accepted" of="copy" max-revisions=1 { critic "brand" }
    output { title "=accepted.title" }
}
scenario "a promise is taken out" {
    flow "describe"
    at "2026-11-02T09:00:00Z"
    given { input { product "chair" } }
    mock "copy" title="The best ever chair" { tags "oak" }
    expect { that "has(accepted.title) && accepted.title.startsWith('title of')" }
}
"#;

fn stage(environment: &str, model: &str) -> Stage {
    let stage = of_text(&SHOP.replace("{environment}", environment).replace("{model}", model));
    stage.write("work.jsonl", "{\"product\": \"chair\"}\n{\"product\": \"table\"}\n");
    stage
}

const TWINS: (&str, &str) = ("twins #true", r#"provider=openai name="m-1" secret="KEY""#);

fn with_twins() -> Stage {
    stage(&format!("{}; secret \"KEY\" env=\"SHOP_MODEL_KEY\"", TWINS.0), TWINS.1)
}

#[test]
fn drafts_need_no_key_and_no_network_where_there_are_twins() {
    let stage = with_twins();
    let _ = stage.run(["run", "describe", "--input", "work.jsonl"]).exits(0).says("2 completed");
    let _ = stage.run(["runs", "show", "chair"]).exits(0).says("title of: Describe chair").says("by writer, remote");
    let _ = stage.run(["log"]).exits(0).says("model-asked").says("writer for draft, at most 0.0").says("model-answered");
    let answer = stage.run(["budget", "--format", "json"]).exits(0).json();
    assert_eq!((&answer["budgets"][0]["of"], &answer["budgets"][0]["most"]), (&"route `copy`".into(), &"1.00 USD".into()));
    let taken = answer["budgets"][0]["taken"][0]["taken"].as_str().unwrap().to_owned();
    assert!(taken != "0.00 USD" && taken.ends_with(" USD"), "{taken}");
    let _ = stage.run(["budget"]).exits(0).says("route `copy`: 1.00 USD per day").says(&format!("{taken} spent or reserved"));
    let _ = stage.run(["log", "verify"]).exits(0);
}

/// Answers requests over HTTP one after the other; the last answer stands for all that follow.
fn provider(answers: Vec<(u16, String)>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    std::thread::spawn(move || {
        for (place, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { return };
            let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
            loop {
                let read = stream.read(&mut buffer).unwrap_or(0);
                bytes.extend_from_slice(&buffer[..read]);
                let text = String::from_utf8_lossy(&bytes).to_string();
                let whole = text.split_once("\r\n\r\n").and_then(|(head, body)| {
                    let length = head.to_lowercase().split("content-length: ").nth(1)?.split("\r\n").next()?.parse::<usize>().ok()?;
                    Some(body.len() >= length)
                });
                if read == 0 || whole == Some(true) {
                    told.lock().unwrap().push(text);
                    break;
                }
            }
            let (status, body) = &answers[place.min(answers.len() - 1)];
            let _ = write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        }
    });
    (url, seen)
}

fn said(content: &str) -> (u16, String) {
    let message = serde_json::json!({
        "model": "m-1",
        "choices": [{ "message": { "content": content } }],
        "usage": { "prompt_tokens": 1000, "completion_tokens": 100 },
    });
    (200, message.to_string())
}

fn reached(url: &str) -> Stage {
    stage(r#"secret "KEY" env="SHOP_MODEL_KEY""#, &format!("provider=openai name=\"m-1\" secret=\"KEY\" base-url=\"{url}\""))
}

fn run(stage: &Stage) -> tradewind_tests::process::Ended {
    stage.write("work.jsonl", "{\"product\": \"chair\"}\n");
    let mut command = stage.command(["run", "describe", "--input", "work.jsonl"]);
    command.env("SHOP_MODEL_KEY", "sk-of-the-shop");
    tradewind_tests::process::Running::start(command).end()
}

#[test]
fn a_provider_is_asked_repaired_and_told_what_its_critics_say() {
    let answers = vec![
        said("Sure, here it is!"),
        said(r#"{"title": "The best ever chair", "tags": []}"#),
        said(r#"{"title": "An oak chair", "tags": ["oak"]}"#),
    ];
    let (url, seen) = provider(answers);
    let stage = reached(&url);
    let _ = run(&stage).exits(0).says("1 completed");
    let _ = stage.run(["runs", "show", "chair"]).exits(0).says("An oak chair");
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 3);
    assert!(seen[0].contains("Bearer sk-of-the-shop") || seen[0].contains("bearer sk-of-the-shop"));
    assert!(seen[1].contains("it is no JSON"), "{}", seen[1]);
    assert!(seen[2].contains("promise: no promises"), "{}", seen[2]);
    // Three calls of 1,000 tokens read and 100 written.
    let counted = "model `writer`: 3 answers, 3000 tokens read (0 of them kept), 300 written (0 of them thought)";
    let shown = stage.run(["budget"]).exits(0).says("0.0135 USD spent or reserved, 0.9865 USD left").says(counted);
    assert!(!shown.out.contains("answers were longer"), "{shown}");
    let log = stage.run(["log"]).exits(0);
    assert!(!log.out.contains("sk-of-the-shop"), "{log}");
}

#[test]
fn what_a_provider_does_wrong_fails_the_run_and_says_so() {
    let (url, _) = provider(vec![(401, r#"{"error": {"message": "no such key: sk-of-the-shop"}}"#.to_owned())]);
    let stage = reached(&url);
    let ended = run(&stage);
    let shown =
        stage.run(["runs", "show", "chair"]).exits(0).says("nobody wrote it").says("the provider answered 401: no such key: [secret]");
    assert!(!shown.out.contains("sk-of-the-shop") && !ended.out.contains("sk-of-the-shop"), "{shown}");
    let _ = stage.run(["budget"]).exits(0).says("0.00 USD spent or reserved, 1.00 USD left");
}

#[test]
fn a_scenario_says_what_a_model_says() {
    let _ = with_twins().run(["test"]).exits(0).says("ok").says("1 passed, 0 failed");
}

#[test]
fn a_provider_that_this_version_does_not_reach_is_said_before_anything_starts() {
    let stage = stage(&format!("{}; secret \"KEY\" env=\"SHOP_MODEL_KEY\"", TWINS.0), r#"provider=google name="g" secret="KEY""#);
    let _ = stage
        .run(["run", "describe", "--input", "work.jsonl"])
        .exits(3)
        .says("TW0522")
        .says("this version checks models of the provider `google` but cannot run it yet");
}

#[test]
fn a_repository_without_budgets_says_so() {
    let stage = of_text("project \"shop\" { currency \"USD\"; environment \"dev\" { store \"surrealkv://.tradewind/store\" } }");
    let _ = stage.run(["budget"]).exits(0).says("no route, agent, memory or flow has a budget");
    let _ = stage.run(["budget", "--format", "yaml"]).exits(64);
}
