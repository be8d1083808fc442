//! While a `run` holds the store, every command reaches it through its socket.

use crate::approvals::{LEAD, waiting};
use crate::{PROGRAM, with_messages};
use std::time::{Duration, Instant};
use tradewind_tests::process::Running;
use tradewind_tests::stage::Stage;
use tradewind_tests::twin::Twin;

/// Long enough for a slow machine to start a process.
const PATIENCE: Duration = Duration::from_secs(60);

fn start(stage: &Stage, twin: &Twin) -> Running {
    let mut command = stage.command(["run", "returns-triage", "--input", "work.jsonl", "--in-flight", "2"]);
    command.env("TRADEWIND_TWIN_URL", &twin.url);
    Running::start(command)
}

/// Waits until something holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what} did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn commands_reach_the_process_that_holds_the_store() {
    let many: Vec<String> = (1..=12).map(|number| format!("303_{number}")).collect();
    let ids: Vec<&str> = ["252_1", "71_1"].into_iter().chain(many.iter().map(String::as_str)).collect();
    let stage = with_messages(&ids);
    let twin = Twin::start(&stage, &["--latency", "700"]);
    let mut running = start(&stage, &twin);
    until("the socket", || stage.path(".tradewind/tradewind.sock").exists());
    let mut listed = serde_json::Value::Null;
    until("the approval", || {
        listed = stage.run(["approvals", "--format", "json"]).exits(0).json();
        listed["approvals"].as_array().unwrap().iter().any(|item| item["step"] == "refund")
    });
    let refund = waiting(&listed, "refund");
    let _ = stage.run(["approvals", "approve", &refund, "--by", "mallory@x.example"]).exits(5).says("TW0532");
    let _ = stage.run(["approvals", "approve", &refund, "--by", LEAD]).exits(0).says("decided");
    let _ = stage.run(["approvals", "approve", &refund, "--by", LEAD]).exits(64).says("TW0531");
    let _ = stage.run(["runs"]).exits(0).says("252_1");
    let _ = stage.run(["runs", "show", "252_1"]).exits(0).says("returns-triage");
    let _ = stage.run(["runs", "show", "nobody"]).exits(64).says("TW0530");
    let _ = stage.run(["log", "--limit", "2"]).exits(0).says("plan-adopted");
    let _ = stage.run(["log", "verify"]).exits(0).says("the chain holds");
    assert!(!running.has_ended(), "the commands above spoke to nobody");
    let _ = running.end().exits(0).says("payments.refund.create                2 done  2040.70 USD");
    assert!(!stage.path(".tradewind/tradewind.sock").exists());
}

#[test]
fn without_its_socket_a_store_that_is_held_is_refused_by_name() {
    let many: Vec<String> = (1..=12).map(|number| format!("303_{number}")).collect();
    let stage = with_messages(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let twin = Twin::start(&stage, &["--latency", "2000"]);
    let mut running = start(&stage, &twin);
    until("the socket", || stage.path(".tradewind/tradewind.sock").exists());
    std::fs::remove_file(stage.path(".tradewind/tradewind.sock")).unwrap();
    let holder = format!("process {}", running.id());
    // Each of them waits a little for the holder to end.
    let looking = stage.start(["runs"]);
    let mut second = stage.command(["run", "returns-triage", "--input", "work.jsonl"]);
    second.env("TRADEWIND_TWIN_URL", &twin.url);
    let second = Running::start(second);
    let _ = looking.end().exits(1).says("TW0510").says(&holder);
    let _ = second.end().exits(1).says("TW0510").says(&holder);
    assert!(!running.has_ended(), "nobody held the store");
    let _ = running.end().exits(0);
    let _ = stage.run(["runs"]).exits(0);
}

#[test]
fn the_socket_of_a_process_that_was_killed_is_no_obstacle() {
    let stage = with_messages(&["303_1", "303_2"]);
    let twin = Twin::start(&stage, &["--latency", "700"]);
    let mut running = start(&stage, &twin);
    until("the socket", || stage.path(".tradewind/tradewind.sock").exists());
    running.kill();
    let _ = running.end();
    assert!(stage.path(".tradewind/tradewind.sock").exists());
    let _ = stage.run(["runs"]).exits(0);
    let _ = start(&stage, &twin).end().exits(0);
    assert_eq!(Stage::empty(PROGRAM).run(["runs"]).code, Some(3));
}
