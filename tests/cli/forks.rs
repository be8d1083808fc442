//! Runs in the place of others: what they take over, whom they ask, and what is refused.

use crate::PROGRAM;
use tradewind_connectors::twin::{Effect, effects};
use tradewind_tests::stage::Stage;

const OPS: &str = "ops@northfield.example";
const LEAD: &str = "lead1@northfield.example";
const PHONE: &str = "Panasonic Kx-TS550";

fn prices(stage: &Stage) -> Vec<String> {
    let done = effects(&stage.path(".tradewind/twin.jsonl")).unwrap();
    done.into_iter().map(|Effect { content, .. }| content).collect()
}

fn input(price: &str) -> String {
    format!("{{\"id\":\"c1\",\"product\":\"{PHONE}\",\"price\":\"{price}\"}}\n")
}

fn changed() -> Stage {
    let stage = Stage::shipped(PROGRAM);
    stage.write("work.jsonl", &input("150 USD"));
    stage.write("other.json", &input("152 USD"));
    let _ = stage.run(["run", "price-change", "--input", "work.jsonl"]).exits(0).says("1 completed");
    stage
}

#[test]
fn a_fork_does_nothing_again_and_asks_about_what_it_does_otherwise() {
    let stage = changed();
    let _ = stage.run(["runs", "fork", "c1", "--by", OPS]).exits(0).says("completed").says("it takes over 1 effect;");
    assert_eq!(prices(&stage), ["150.00 USD"]);
    let _ = stage.run(["runs", "show", "c1 fork 1"]).exits(0).says("forked from ").says("inherited from ");
    let _ = stage.run(["runs", "show", "c1"]).exits(0).says("forked into: ").says("c1 fork 1");
    let _ = stage.run(["log"]).exits(0).says("effect-inherited").says("was done by run");
    let _ = stage.run(["runs", "fork", "c1", "--input", "other.json", "--by", OPS]).exits(0).says("waiting");
    assert_eq!(prices(&stage), ["150.00 USD"]);
    let listed = stage.run(["approvals"]).exits(0).says("because of fork; asks support-leads").says("did `shop.price.set` = {");
    let id: String = listed.out.split_whitespace().next().unwrap().to_owned();
    let _ = stage.run(["runs", "fork", "c1", "--by", OPS]).exits(5).says("TW0605").says("has not ended");
    let _ = stage.run(["approvals", "approve", &id, "--by", LEAD]).exits(0).says("set done");
    let mut done = prices(&stage);
    done.sort();
    assert_eq!(done, ["150.00 USD", "152.00 USD"]);
    let _ = stage.run(["log", "verify"]).exits(0);
}

#[test]
fn what_cannot_be_forked_says_why_and_changes_nothing() {
    let stage = changed();
    let _ = stage.run(["runs", "fork", "nobody", "--by", OPS]).exits(64).says("TW0530");
    let _ = stage.run(["runs", "fork", "c1"]).exits(64).says("--by");
    let _ = stage.run(["runs", "fork", "c1", "--from", "sett", "--by", OPS]).exits(64).says("TW0606").says("did you mean `set`?");
    let _ = stage.run(["runs", "fork", "c1", "--input", "nowhere.json", "--by", OPS]).exits(64).says("TW0502");
    stage.write("bad.json", "{\"id\":\"c1\",\"product\":7,\"price\":\"1 USD\"}");
    let _ = stage.run(["runs", "fork", "c1", "--input", "bad.json", "--by", OPS]).exits(5).says("TW0507").says("product");
    stage.write("list.json", "[1]");
    let _ = stage.run(["runs", "fork", "c1", "--input", "list.json", "--by", OPS]).exits(64).says("no JSON object");
    let _ = stage.run(["undo", "c1", "--yes", "--by", LEAD]).exits(0);
    let undone = stage.run(["runs", "--flow", "tradewind.undo", "--format", "json"]).exits(0).json();
    let id = undone["runs"][0]["id"].as_str().unwrap().to_owned();
    let _ = stage.run(["runs", "fork", &id, "--by", OPS]).exits(5).says("TW0605").says("nothing to fork");
    assert_eq!(stage.run(["runs", "--format", "json"]).exits(0).json()["runs"].as_array().unwrap().len(), 2);
}

/// Several prices, each signed by a person, as one item of the inbox.
const SEVERAL: &str = r#"
type "several-changes" { field "id" string; field "changes" list<price-change> }
flow "several-changes" {
    summary "Set the prices of several products"
    input "several-changes"
    key "=input.id"
    each "all" in="=input.changes" as="change" key="=change.id" max=100 on-error=skip {
        act "set" on-denied="skip" {
            call "shop.price.set" product="=change.product" price="=change.price"
            stage to="support-leads" within="8h" on-timeout=deny batch=run editable=price
        }
        output { ran "=steps.set.ran" }
    }
    output { changes "=all" }
}
"#;

#[test]
fn a_batch_is_one_item_that_is_let_pass_as_a_whole_or_in_part_by_whoever_saw_it() {
    let stage = Stage::shipped(PROGRAM);
    stage.write("flows/several.kdl", SEVERAL);
    let changes: Vec<String> =
        (0..5).map(|number| format!("{{\"id\":\"c{number}\",\"product\":\"{PHONE}\",\"price\":\"15{number} USD\"}}")).collect();
    stage.write("several.jsonl", &format!("{{\"id\":\"s1\",\"changes\":[{}]}}\n", changes.join(",")));
    let _ = stage.run(["run", "several-changes", "--input", "several.jsonl"]).exits(0);
    let listed = stage.run(["approvals"]).exits(0).says("1 waiting").says("5 items because of stage; asks support-leads");
    let json = stage.run(["approvals", "--format", "json"]).exits(0).json();
    let batch = &json["batches"][0];
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let (id, seen) = (text(&batch["id"]), text(&batch["seen"]));
    assert!(listed.out.contains(&format!("--seen {seen}")), "{listed}");
    let items: Vec<String> = batch["items"].as_array().unwrap().iter().map(|item| text(&item["id"])).collect();
    let _ = stage.run(["approvals", "approve", &id, "--by", LEAD]).exits(5).says("TW0608").says("nothing says that you saw them");
    let _ = stage.run(["approvals", "approve", &id, "--only", "00000000", "--by", LEAD]).exits(64).says("TW0531");
    let _ = stage.run(["approvals", "deny", &id, "--only", &items[0], "--by", LEAD]).exits(0).says("decided 1 of batch").says("4 wait on");
    let _ = stage.run(["approvals", "approve", &id, "--seen", &seen, "--by", LEAD]).exits(5).says("has changed since: it holds 4 items");
    let seen = text(&stage.run(["approvals", "--format", "json"]).exits(0).json()["batches"][0]["seen"]);
    // 1 USD is less than half of what it was: each is judged with the edit, and none is let pass.
    let edited = ["approvals", "approve", &id, "--seen", &seen, "--edit", "price=1 USD", "--by", LEAD];
    let _ = stage.run(edited).exits(5).says("decided 0 of batch").says("TW0538").says("would be denied by prices.halved");
    assert_eq!(prices(&stage), Vec::<String>::new());
    let _ = stage
        .run(["approvals", "approve", &id, "--seen", &seen, "--except", &items[1], "--by", LEAD])
        .exits(0)
        .says("decided 3")
        .says("1 wait on");
    let mut done = prices(&stage);
    done.sort();
    assert_eq!(done, ["152.00 USD", "153.00 USD", "154.00 USD"]);
    // The last of them is no batch of one that needs more words than its own id.
    let _ = stage.run(["approvals", "approve", &items[1], "--by", LEAD]).exits(0).says("set done");
    let _ = stage.run(["approvals"]).exits(0).says("0 waiting");
    let _ = stage.run(["runs", "show", "s1"]).exits(0).says("completed");
    let _ = stage.run(["log", "verify"]).exits(0);
}
