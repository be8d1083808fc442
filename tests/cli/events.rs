//! Events from the command line: told, listed, refused; waits and triggers over several commands; scenarios in which events come.

use crate::{PROGRAM, of_text};
use tradewind_tests::serving::{Serving, http};
use tradewind_tests::stage::Stage;
use tradewind_tests::twin::Twin;

const REPOSITORY: &str = r#"
project "parcels" {
    currency "USD"
    environment "dev" { store "surrealkv://.tradewind/store" }
}
type "parcel" { field "order_id" string; field "weight" int }
type "asked" { field "order_id" string }
flow "exchange" {
    input "asked"
    key "=input.order_id"
    trigger event="asked"
    wait "parcel" event="parcel" where="event.order_id == input.order_id" within="21d" on-timeout=skip
    output { weight "=parcel.weight.or(0)"; came "=steps.parcel.ran" }
}
flow "count" {
    input "parcel"
    trigger event="parcel" where="event.weight > 5"
    act "tell" { emit "asked" order_id="='big-' + input.order_id" }
    output { told "=steps.tell.ran" }
}
scenario "a parcel that comes" {
    at "2026-11-02T09:00:00Z"
    flow "exchange"
    given { input { order_id "o1" } }
    event "parcel" after="2d" { order_id "o1"; weight 3 }
    expect { output came=#true weight=3 }
}
scenario "no parcel" {
    at "2026-11-02T09:00:00Z"
    flow "exchange"
    given { input { order_id "o1" } }
    event "parcel" after="2d" { order_id "o2"; weight 3 }
    advance "20d"
    expect { output came=#false weight=0 }
}
scenario "begun by an event" {
    at "2026-11-02T09:00:00Z"
    flow "exchange"
    event "asked" { order_id "o7" }
    event "parcel" after="1d" { order_id "o7"; weight 9 }
    expect { output came=#true weight=9 }
}
"#;

const BY: [&str; 2] = ["--by", "ops@parcels.example"];

#[test]
fn an_event_starts_and_ends_what_it_is_for_over_several_commands() {
    let stage = of_text(REPOSITORY);
    let ask = ["emit", "asked", "--data", r#"{"order_id":"o1"}"#, "--id", "1", BY[0], BY[1]];
    let _ = stage.run(ask).exits(0).says("event 2, id 1");
    let _ = stage.run(ask).exits(0).says("it came before");
    let _ = stage.run(["runs"]).exits(0).says("waiting").says("event `parcel` until");
    stage.write("parcel.json", r#"{"order_id":"o1","weight":7}"#);
    let _ = stage.run(["emit", "parcel", "--data", "parcel.json", BY[0], BY[1]]).exits(0);
    let runs = stage.run(["runs", "--format", "json"]).exits(0).json();
    let status: Vec<(&str, &str)> =
        runs["runs"].as_array().unwrap().iter().map(|run| (run["key"].as_str().unwrap(), run["status"].as_str().unwrap())).collect();
    assert!(status.contains(&("o1", "completed")) && status.contains(&("big-o1", "waiting")), "{status:?}");
    let events = stage.run(["events", "--format", "json"]).exits(0).json();
    let became: Vec<&str> = events["events"].as_array().unwrap().iter().map(|event| event["became"].as_str().unwrap()).collect();
    assert_eq!(became, ["dispatched"; 3], "two from outside, one of a run");
    let _ = stage.run(["events", "--undispatched"]).exits(0).says("no events");
    let _ = stage.run(["log", "verify"]).exits(0);
}

#[test]
fn what_does_not_fit_or_is_not_known_starts_nothing() {
    let stage = of_text(REPOSITORY);
    let emit = |event: &'static str, data: &'static str| ["emit", event, "--data", data, BY[0], BY[1]];
    let _ = stage.run(emit("asked", r#"{"order_id":1}"#)).exits(5).says("TW0545").says("`order_id`: must be string");
    let _ = stage.run(emit("askd", "{}")).exits(64).says("TW0546");
    let _ = stage.run(emit("asked", "nowhere.json")).exits(64).says("TW0507");
    let _ = stage.run(["emit", "asked", "--data", "{}"]).exits(64).says("--by");
    let _ = stage.run(["runs"]).exits(0).says("no runs");
}

#[test]
fn a_flow_that_is_triggered_is_not_started_by_hand_unless_it_says_so() {
    let stage = of_text(REPOSITORY);
    stage.write("in.jsonl", "{\"order_id\":\"o1\"}\n");
    let _ = stage.run(["run", "exchange", "--input", "in.jsonl"]).exits(3).says("TW0547");
    stage.write("tradewind.kdl", &REPOSITORY.replace("trigger event=\"asked\"", "trigger event=\"asked\"\n    trigger manual=#true"));
    let told = stage.run(["run", "exchange", "--input", "in.jsonl"]).exits(0);
    assert!(told.out.contains("0 escalated and waiting for a person, 1 waiting for an event, 0 failed"), "{told}");
    let told = stage.run(["run", "exchange", "--input", "in.jsonl", "--format", "json"]).exits(0).json();
    assert_eq!(told["waiting_for"], serde_json::json!({ "person": 0, "event": 1, "time": 0 }));
    let _ = stage.run(["runs"]).exits(0).says("waiting");
}

#[test]
fn events_come_in_scenarios_and_begin_runs_there() {
    let _ = of_text(REPOSITORY).run(["test"]).exits(0).says("3 passed, 0 failed");
}

const SERVED: &str = r#"
type "n" { field "n" int untrusted }
flow "look" {
    input "n"
    trigger request="look" auth=(secret)"LOOKS" reply-within="10s"
    let "twice" "=input.n * 2"
    output { twice "=twice" }
}
flow "tick" {
    trigger every="1s" catch-up=skip
    let "now" "=run.now"
}
"#;

#[test]
fn whoever_serves_answers_callers_who_know_a_secret_and_starts_what_clocks_start() {
    let stage = Stage::shipped(PROGRAM);
    let manifest = stage.read("tradewind.kdl");
    let with_secret = manifest.replacen("        store ", "        secret \"LOOKS\" env=\"LOOKS\"\n        store ", 1);
    assert_ne!(manifest, with_secret);
    stage.write("tradewind.kdl", &with_secret);
    stage.write("flows/look.kdl", SERVED);
    let twin = Twin::start(&stage, &[]);
    let variables = [("TRADEWIND_TOKEN", "ours"), ("LOOKS", "new\nold")];
    let serving = Serving::start_with(&stage, &twin, &["--listen", "127.0.0.1:0"], &variables);
    // The caller knows the secret of the address, and not the server's token; while it is replaced, both values count.
    for (secret, n) in [("new", 3), ("old", 4)] {
        let (status, answer) = http(&stage, "POST", "/look", Some(secret), &format!("{{\"n\":{n}}}"));
        assert_eq!((status, answer["twice"].as_i64()), (200, Some(2 * n)), "{answer}");
    }
    assert_eq!(http(&stage, "POST", "/look", Some("ours"), "{\"n\":3}").0, 401);
    assert_eq!(http(&stage, "POST", "/look", None, "{\"n\":3}").0, 401);
    assert_eq!(http(&stage, "POST", "/look", Some("new"), "{\"n\":\"3\"}").0, 422);
    assert_eq!(http(&stage, "GET", "/look", None, "").0, 404);
    assert_eq!(http(&stage, "GET", "/v1/status", Some("new"), "").0, 401, "the server's own routes stay behind its token");
    let (status, answer) = http(&stage, "POST", "/v1/flows/tick/runs", Some("ours"), "{}");
    assert_eq!((status, answer["code"].as_str()), (422, Some("TW0547")), "{answer}");
    let began = std::time::Instant::now();
    let ticks = || stage.run(["runs", "--flow", "tick", "--format", "json"]).exits(0).json()["runs"].as_array().unwrap().len();
    while ticks() < 2 {
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "no clock strikes");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let _ = stage.run(["log"]).exits(0).says("schedule-fired");
    let _ = serving.end("TERM").exits(0);
}
