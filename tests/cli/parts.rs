//! Flows with runs within them: items of `each`, other flows, what follows a failure.

use crate::{RUN, with_messages};
use tradewind_tests::stage::Stage;

const LEAD: &str = "lead1@northfield.example";

/// Beside the shipped flow: one that hands it a list of messages, and says so where one of them fails.
const BATCH: &str = r#"
type "message_batch" { field "id" string; field "messages" list<customer_message> }
flow "triage-all" {
    summary "Triage a batch of messages"
    input "message_batch"
    key "=input.id"
    deadline "2h"
    each "handled" in="=input.messages" as="message" key="=message.message_id" max=100 max-parallel=4 {
        act "one" {
            flow "returns-triage" message_id="=message.message_id" order_id="=message.order_id" customer_id="=message.customer_id" \
                text="=message.text" received_at="=message.received_at"
        }
        output { id "=message.message_id"; remedy "=one.remedy" }
    }
    output { count "=size(handled)"; refunds "=size(handled.filter(h, h.remedy != 'none'))" }
    on-failure {
        act "tell" { call "helpdesk.reply" message_id="=input.id" body="={{}}" }
    }
}
"#;

fn stage(ids: &[&str]) -> Stage {
    let stage = with_messages(ids);
    let messages = stage.read("work.jsonl").lines().collect::<Vec<_>>().join(",");
    stage.write("work.jsonl", &format!("{{\"id\":\"b1\",\"messages\":[{messages}]}}\n"));
    stage.write("flows/batch.kdl", &BATCH.replace("={{}}", "='The batch stopped at ' + failure.step"));
    stage
}

fn run(stage: &Stage) -> tradewind_tests::process::Ended {
    stage.run(["run", "triage-all", "--input", "work.jsonl"])
}

#[test]
fn a_batch_begins_a_run_for_each_of_its_messages() {
    let stage = stage(&["71_1", "303_27", "268_1"]);
    let _ =
        run(&stage).exits(0).says("0 completed, 1 escalated").says("payments.refund.create").says("waiting person: ask (support-leads): 1");
    let shown = stage.run(["runs", "show", "b1"]).exits(0).says("within it").says("2 of 3 items ended");
    let part: String = shown.out.lines().find(|line| line.contains("within it") && line.contains("268_1")).unwrap().trim().to_owned();
    let id = part.split_whitespace().nth(2).unwrap();
    let inner = stage.run(["runs", "show", id]).exits(0).says("one").says("running");
    assert!(inner.out.contains("within it"), "{inner}");
    // What runs of other flows do is listed as runs are, and items are not.
    assert_eq!(stage.run(["runs"]).exits(0).out.lines().count(), 4);
    let item = stage.run(["approvals", "--format", "json"]).exits(0).json();
    let item = item["approvals"][0]["id"].as_str().unwrap().to_owned();
    let _ = stage.run(["approvals", "answer", &item, "--by", LEAD, "kind=complaint", "severity=mild"]).exits(0);
    let _ = stage.run(["runs", "show", "b1"]).exits(0).says("completed").says("\"count\":3");
    let _ = run(&stage).exits(0).says("0 new inputs, 1 known").says("helpdesk.reply                        3 done");
    let _ = stage.run(["log", "verify"]).exits(0);
    // The same message on its own is another run, and its order is not refunded again.
    stage.write("work.jsonl", &stage.message("71_1"));
    let _ = stage.run(RUN).exits(0).says("denied by unique: 1");
}

#[test]
fn a_batch_that_cannot_go_on_says_so_before_it_fails() {
    let stage = stage(&["71_1", "268_1"]);
    let _ = run(&stage).exits(0);
    let item = stage.run(["approvals", "--format", "json"]).exits(0).json();
    let item = item["approvals"][0]["id"].as_str().unwrap().to_owned();
    let _ = stage.run(["approvals", "deny", &item, "--by", LEAD, "--reason", "nobody knows"]).exits(0);
    let shown = stage.run(["runs", "show", "b1"]).exits(0).says("failed").says("nobody knows");
    assert!(shown.out.contains("within it"), "{shown}");
    let ledger = stage.read(".tradewind/twin.jsonl");
    assert!(ledger.contains("The batch stopped at handled"), "{ledger}");
    let _ = stage.run(["log", "--run", "b1"]).exits(0).says("failure-handled").says("run-failed");
}
