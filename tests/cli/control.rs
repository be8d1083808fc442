//! Runs as a whole: cancelled, paused, resumed; and runs that share a concurrency key.

use crate::{RUN, with_messages};

const LEAD: &str = "lead1@northfield.example";

#[test]
fn a_run_is_paused_resumed_and_cancelled_by_name() {
    let stage = with_messages(&["71_1", "268_1"]);
    let _ = stage.run(RUN).exits(0).says("1 escalated");
    let _ = stage.run(["runs", "pause", "268_1"]).exits(64).says("--by");
    let _ = stage.run(["runs", "pause", "nobody", "--by", LEAD]).exits(64).says("TW0530");
    let _ = stage.run(["runs", "pause", "268_1", "--by", LEAD]).exits(0).says("paused");
    let _ = stage.run(["runs", "--status", "paused"]).exits(0).says("268_1");
    let _ = stage.run(["runs", "resume", "268_1", "--by", LEAD]).exits(0).says("waiting");
    let cancelled = stage.run(["runs", "cancel", "268_1", "--by", LEAD, "--reason", "a test order", "--format", "json"]).exits(0).json();
    assert_eq!(cancelled["run"]["status"], "cancelled");
    assert_eq!(cancelled["run"]["cancelled"], format!("{LEAD} cancelled it: a test order"));
    let _ = stage.run(["approvals"]).exits(0).says("0 waiting");
    let _ = stage.run(["runs", "cancel", "268_1", "--by", LEAD]).exits(5).says("TW0533");
    let _ = stage.run(["runs", "cancel", "71_1", "--by", LEAD]).exits(5).says("TW0533");
    // The input is known, and is not started again.
    let _ = stage.run(RUN).exits(0).says("0 new inputs, 2 known").says("1 cancelled");
    let log = stage.run(["log", "--run", "268_1"]).exits(0).says("run-paused").says("run-resumed").says("cancel-requested");
    assert!(log.out.contains(LEAD) && log.out.contains("run-cancelled"), "{log}");
    let _ = stage.run(["log", "verify"]).exits(0);
}

#[test]
fn messages_about_one_order_wait_for_each_other_where_the_flow_says_so() {
    // The second is about the same order as the first, which asks a person.
    let stage = with_messages(&["252_1", "252_3", "71_1"]);
    let flow = stage.read("flows/returns-triage/flow.kdl");
    let with_key = flow.replace("    cost-cap", "    concurrency key=\"=input.order_id\" busy=queue\n    cost-cap");
    assert_ne!(flow, with_key);
    stage.write("flows/returns-triage/flow.kdl", &with_key);
    let _ = stage.run(RUN).exits(0).says("1 completed, 1 escalated").says("1 behind another run with the same concurrency key");
    let runs = stage.run(["runs", "--status", "queued", "--format", "json"]).exits(0).json();
    assert_eq!(runs["runs"][0]["key"], "252_3");
    let waiting = stage.run(["approvals", "--format", "json"]).exits(0).json();
    let id = waiting["approvals"][0]["id"].as_str().unwrap().to_owned();
    let _ = stage.run(["approvals", "approve", &id, "--by", LEAD]).exits(0);
    let _ = stage.run(["runs", "--status", "completed"]).exits(0).says("252_1").says("71_1");
    assert_eq!(stage.run(["runs", "--status", "queued", "--format", "json"]).exits(0).json()["runs"].as_array().unwrap().len(), 0);
    let _ = stage.run(["log", "--run", "252_3"]).exits(0).says("run-admitted");
}
