//! `serve`: every command reaches it, and nothing is lost however it ends.

use crate::approvals::{LEAD, waiting};
use crate::with_messages;
use serde_json::Value as Json;
use std::time::{Duration, Instant};
use tradewind_tests::process::Running;
use tradewind_tests::serving::{Serving, http};
use tradewind_tests::stage::Stage;
use tradewind_tests::twin::Twin;

const FEW: &[&str] = &["71_1", "265_15", "303_27", "298_4", "252_1", "268_1"];
const REFUNDS: &str = "payments.refund.create";

/// Requests that write, and whether each was the first under its key.
fn writes(twin: &Twin) -> Vec<(String, bool)> {
    let ledger = std::fs::read_to_string(&twin.ledger).unwrap_or_default();
    let mut seen = std::collections::BTreeSet::new();
    let lines = ledger.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
    let posts = lines.filter(|line| line["method"] == "POST").filter_map(|line| line["key"].as_str().map(str::to_owned));
    posts.map(|key| (key.clone(), seen.insert(key))).collect()
}

/// What a summary says without what differs from run to run.
fn without_time(mut summary: Json) -> Json {
    let fields = summary.as_object_mut().unwrap();
    fields.remove("seconds");
    fields.remove("rejects");
    summary
}

fn run_json(stage: &Stage) -> Json {
    stage.run(["run", "returns-triage", "--input", "work.jsonl", "--format", "json"]).exits(0).json()
}

#[test]
fn a_run_is_handed_over_and_says_what_it_would_say_alone() {
    let alone = with_messages(FEW);
    let twin = Twin::start(&alone, &[]);
    let mut command = alone.command(["run", "returns-triage", "--input", "work.jsonl", "--format", "json"]);
    command.env("TRADEWIND_TWIN_URL", &twin.url);
    let alone = without_time(Running::start(command).end().exits(0).json());

    let stage = with_messages(FEW);
    let twin = Twin::start(&stage, &[]);
    let serving = Serving::start(&stage, &twin);
    assert_eq!(without_time(run_json(&stage)), alone);
    // Known, rejected and in conflict, as ever.
    let _ = stage.run(["run", "returns-triage", "--input", "work.jsonl"]).exits(0).says("0 new inputs, 6 known");
    stage.write("bad.jsonl", &format!("{{\"message_id\":1}}\n{}", stage.message("71_1").replace("\"text\":\"", "\"text\":\"other ")));
    let bad = stage.run(["run", "returns-triage", "--input", "bad.jsonl", "--format", "json"]).exits(3).says("TW0508");
    let inputs = bad.json()["inputs"].clone();
    assert_eq!((inputs["rejected"].as_u64(), inputs["conflicting"].as_u64()), (Some(1), Some(1)), "{bad}");
    let _ = stage.run(["run", "nothing", "--input", "work.jsonl"]).exits(64).says("TW0506");
    // The other commands reach it too.
    let listed = stage.run(["approvals", "--format", "json"]).exits(0).json();
    let _ = stage.run(["approvals", "approve", &waiting(&listed, "refund"), "--by", LEAD]).exits(0).says("decided");
    let _ = stage.run(["runs", "show", "252_1"]).exits(0).says("returns-triage");
    let _ = stage.run(["log", "verify"]).exits(0).says("the chain holds");
    let _ = stage.run(["serve"]).exits(1).says("TW0523");
    let _ = serving.end("TERM").exits(0).says("ended in order");
    assert!(!stage.path(".tradewind/tradewind.sock").exists());
    let _ = stage.run(["status"]).exits(0).says("nobody serves it");
}

#[test]
fn ctrl_c_ends_it_in_order_with_its_own_code() {
    let stage = with_messages(FEW);
    let twin = Twin::start(&stage, &["--latency", "200"]);
    let serving = Serving::start(&stage, &twin);
    let handing = stage.start(["run", "returns-triage", "--input", "work.jsonl"]);
    Serving::until(&stage, "a run", |status| status["queues"]["in_flight"].as_u64() > Some(0));
    let ended = serving.end("INT").exits(130).says("ended in order");
    assert!(!ended.err.contains("next process"), "what was under way came to its end\n{ended}");
    let _ = handing.end();
    assert!(writes(&twin).iter().all(|(_, first)| *first));
    let runs = stage.run(["runs", "--format", "json"]).exits(0).json();
    assert!(runs["runs"].as_array().unwrap().iter().all(|run| run["status"] != "running"), "{runs}");
}

#[test]
fn a_process_that_is_killed_loses_and_doubles_nothing() {
    let undisturbed = with_messages(FEW);
    let twin = Twin::start(&undisturbed, &[]);
    let serving = Serving::start(&undisturbed, &twin);
    let wanted = without_time(run_json(&undisturbed));
    let _ = serving.end("TERM").exits(0);

    let stage = with_messages(FEW);
    let twin = Twin::start(&stage, &["--latency", "60"]);
    for kill in 1..=4_u64 {
        let serving = Serving::start(&stage, &twin);
        let handing = stage.start(["run", "returns-triage", "--input", "work.jsonl"]);
        std::thread::sleep(Duration::from_millis(120 * kill));
        serving.kill();
        let ended = handing.end();
        assert!(matches!(ended.code, Some(0 | 1)), "{ended}");
    }
    let serving = Serving::start(&stage, &twin);
    let summary = without_time(run_json(&stage));
    for part in ["effects", "runs", "denied", "waiting", "failures"] {
        assert_eq!(summary[part], wanted[part], "{part}");
    }
    let _ = stage.run(["log", "verify"]).exits(0).says("the chain holds");
    let _ = serving.end("TERM").exits(0);
}

#[test]
fn a_freeze_stops_effects_at_once_and_survives_a_kill() {
    let stage = Stage::trained(crate::PROGRAM);
    stage.write("work.jsonl", &stage.messages_of_distinct_orders(60));
    let twin = Twin::start(&stage, &["--latency", "40"]);
    let serving = Serving::start_with(&stage, &twin, &["--no-http", "--in-flight", "2"], &[]);
    let handing = stage.start(["run", "returns-triage", "--input", "work.jsonl", "--format", "json"]);
    let began = Instant::now();
    while writes(&twin).len() < 3 {
        assert!(began.elapsed() < Duration::from_secs(90), "nothing is written");
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = stage.run(["freeze", "connector", "paymnts", "--by", LEAD]).exits(64).says("TW0525");
    let _ = stage.run(["freeze", "all"]).exits(64).says("--by");
    let _ = stage.run(["freeze", "all", "--by", LEAD, "--reason", "wrong prices"]).exits(0).says("frozen: all");
    // What had left when the answer came is with the provider by now.
    std::thread::sleep(Duration::from_millis(200));
    let before = writes(&twin).len();
    let _ = handing.end().exits(0);
    assert_eq!(writes(&twin).len(), before, "an effect left although all are frozen");
    let status = Serving::status(&stage);
    assert!(status["runs"]["frozen"].as_u64() > Some(5), "{status}");
    assert_eq!(status["frozen"][0]["reason"], "wrong prices");
    let _ = stage.run(["runs", "--status", "frozen"]).exits(0).says("frozen");
    serving.kill();
    // Nobody works: freezing more, and taking that back, sets nothing going.
    let _ = stage.run(["freeze", "flow", "returns-triage", "--by", LEAD]).exits(0).says("frozen: flow returns-triage");
    let _ = stage.run(["thaw", "flow", "returns-triage", "--by", LEAD]).exits(0).says("frozen: all");
    let serving = Serving::start(&stage, &twin);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(writes(&twin).len(), before, "an effect left after a restart");
    let _ = stage.run(["thaw", "connector", "payments", "--by", LEAD]).exits(64).says("TW0525");
    let _ = stage.run(["thaw", "all", "--by", LEAD]).exits(0).says("nothing is frozen");
    let summary = run_json(&stage);
    assert_eq!(summary["runs"]["frozen"].as_u64().unwrap_or(0), 0, "{summary}");
    let done = |operation: &str| summary["effects"][operation]["done"].as_u64().unwrap_or(0);
    let once = writes(&twin).iter().filter(|(_, first)| *first).count() as u64;
    assert_eq!(done(REFUNDS) + done("helpdesk.reply"), once);
    let _ = serving.end("TERM").exits(0);
}

#[test]
fn http_starts_lists_and_decides() {
    let stage = with_messages(&["252_1"]);
    let twin = Twin::start(&stage, &[]);
    let serving = Serving::start(&stage, &twin);
    let ask = |method: &str, path: &str, body: &str| http(&stage, method, path, None, body);
    let input = stage.read("work.jsonl");
    let (status, begun) = ask("POST", "/v1/flows/returns-triage/runs", &input);
    assert_eq!((status, begun["new"].as_bool()), (202, Some(true)), "{begun}");
    assert_eq!(ask("POST", "/v1/flows/returns-triage/runs", &input).0, 200);
    assert_eq!(ask("POST", "/v1/flows/returns-triage/runs", &input.replace("\"text\":\"", "\"text\":\"other ")).0, 409);
    let (status, problem) = ask("POST", "/v1/flows/returns-triage/runs", "{\"message_id\":\"x\"}");
    assert_eq!((status, problem["code"].as_str()), (422, Some("TW0507")), "{problem}");
    let (status, problem) = ask("POST", "/v1/flows/nothing/runs", &input);
    assert_eq!((status, problem["code"].as_str()), (404, Some("TW0506")), "{problem}");
    let run = begun["run"].as_str().unwrap();
    Serving::until(&stage, "the approval", |status| status["runs"]["waiting"] == 1);
    let (status, found) = ask("GET", &format!("/v1/runs/{run}"), "");
    assert_eq!((status, found["run"]["key"].as_str()), (200, Some("252_1")), "{found}");
    assert_eq!(ask("GET", "/v1/runs/nobody", "").0, 404);
    assert_eq!(ask("GET", "/v1/runs?status=waiting", "").1["runs"].as_array().unwrap().len(), 1);
    let item = waiting(&ask("GET", "/v1/approvals", "").1, "refund");
    let path = format!("/v1/approvals/{item}");
    let (status, problem) = ask("POST", &path, "{\"by\":\"mallory@x.example\",\"approve\":true}");
    assert_eq!((status, problem["code"].as_str()), (403, Some("TW0532")), "{problem}");
    assert_eq!(ask("POST", &path, &format!("{{\"by\":\"{LEAD}\",\"approve\":true}}")).0, 200);
    assert_eq!(ask("POST", &path, &format!("{{\"by\":\"{LEAD}\",\"approve\":true}}")).0, 404);
    Serving::until(&stage, "the end", |status| status["runs"]["completed"] == 1);
    assert_eq!(ask("GET", "/healthz", "").0, 200);
    let _ = serving.end("TERM").exits(0);

    let _ = stage.run(["serve", "--listen", "0.0.0.0:0"]).exits(64).says("TW0527");
    let open = [("TRADEWIND_TOKEN", "a-long-secret")];
    let serving = Serving::start_with(&stage, &twin, &["--listen", "0.0.0.0:0"], &open);
    assert_eq!(http(&stage, "GET", "/v1/status", None, "").0, 401);
    assert_eq!(http(&stage, "GET", "/v1/status", Some("another"), "").0, 401);
    let (status, told) = http(&stage, "GET", "/v1/status", Some("a-long-secret"), "");
    assert_eq!((status, told["runs"]["completed"].as_u64()), (200, Some(1)), "{told}");
    let _ = serving.end("TERM").exits(0);
}
