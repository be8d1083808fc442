//! Providers that cannot be reached: `run` waits, says so once, and goes on when they answer.

use crate::{RUN, trained, with_messages};
use std::process::Command;
use std::time::{Duration, Instant};
use tradewind_connectors::twin::effects;
use tradewind_tests::process::Running;
use tradewind_tests::stage::Stage;
use tradewind_tests::twin::Twin;

fn start(stage: &Stage, url: &str) -> Running {
    let mut command = stage.command(RUN);
    command.env("TRADEWIND_TWIN_URL", url);
    Running::start(command)
}

#[test]
fn a_run_without_its_provider_waits_and_the_same_command_goes_on() {
    let stage = with_messages(&["71_1", "303_27", "268_1"]);
    let mut waiting = start(&stage, "http://127.0.0.1:9");
    std::thread::sleep(Duration::from_secs(12));
    assert!(!waiting.has_ended(), "it did not wait");
    let _ = stage.run(["runs", "--status", "failed"]).exits(0).says("no runs");
    waiting.signal("INT");
    let ended = waiting.end().exits(130).says("shop cannot be reached and is tried again").says("0 ended, 0 waiting, 3 in flight");
    assert_eq!(ended.err.matches("cannot be reached").count(), 1, "{ended}");
    let twin = Twin::start(&stage, &[]);
    let _ = start(&stage, &twin.url).end().exits(0).says("2 completed").says("0 failed");
    assert_eq!(effects(&twin.ledger).unwrap().len(), 3);
}

/// The processes that another one started.
fn children(parent: u32) -> Vec<String> {
    let listed = Command::new("ps").args(["-o", "pid=", "--ppid", &parent.to_string()]).output().unwrap();
    String::from_utf8(listed.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_twin_that_a_run_started_is_started_again_when_it_dies() {
    let stage = trained();
    let messages = stage.read("flows/returns-triage/data/messages.jsonl");
    stage.write("work.jsonl", &messages.lines().take(400).map(|line| format!("{line}\n")).collect::<String>());
    let mut running = stage.start(["run", "returns-triage", "--input", "work.jsonl", "--in-flight", "4"]);
    let began = Instant::now();
    while children(running.id()).is_empty() && began.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(2));
    }
    let twins = children(running.id());
    assert!(!running.has_ended() && twins.len() == 1, "{twins:?}");
    // Dead before it listened it would be a failure to start.
    while std::fs::metadata(stage.path(".tradewind/twin.jsonl")).map_or(0, |data| data.len()) == 0 && !running.has_ended() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = Command::new("kill").arg("-KILL").args(&twins).status().unwrap();
    let _ = running.end().exits(0).says("the twin ended, and is started again").says(" 0 failed");
}
