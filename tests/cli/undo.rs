//! Effects that are taken back, and effects that failed for good: what is told, what is done, and that it is done once.

use crate::PROGRAM;
use tradewind_connectors::twin::{Effect, effects};
use tradewind_tests::stage::Stage;

const LEAD: &str = "lead1@northfield.example";
const PHONE: &str = "Panasonic Kx-TS550";
const DESK_PHONE: &str = "Mitel 5320 IP Phone VoIP phone";
const RULE: &str = "    deny \"frozen\" when=\"effect.price < '160 USD'\"\n    limit \"runaway\"";

/// Prices are 147.17 and 907.15 USD before.
fn with_changes(changes: &[(&str, &str, &str)]) -> Stage {
    let stage = Stage::shipped(PROGRAM);
    let line = |(id, product, price): &(&str, &str, &str)| format!("{{\"id\":\"{id}\",\"product\":\"{product}\",\"price\":\"{price}\"}}\n");
    stage.write("work.jsonl", &changes.iter().map(line).collect::<String>());
    stage
}

const RUN: [&str; 4] = ["run", "price-change", "--input", "work.jsonl"];

/// What the twin did: product and price, in the order of its ledger's keys.
fn prices(stage: &Stage) -> Vec<(String, String)> {
    let done = effects(&stage.path(".tradewind/twin.jsonl")).unwrap();
    done.into_iter().map(|Effect { target, content, .. }| (target, content)).collect()
}

fn set(product: &str, price: &str) -> (String, String) {
    (product.to_owned(), price.to_owned())
}

#[test]
fn a_plan_does_nothing_doing_it_puts_back_what_was_there_and_twice_does_nothing() {
    let stage = with_changes(&[("c1", PHONE, "150 USD")]);
    let _ = stage.run(RUN).exits(0).says("1 completed");
    let _ = stage.run(["undo"]).exits(64).says("say what is to be taken back");
    let _ = stage.run(["undo", "c1", "--yes"]).exits(64).says("--by");
    let _ = stage.run(["undo", "nobody"]).exits(64).says("TW0530");
    let _ = stage.run(["undo", "--effect", "0123456789"]).exits(64).says("TW0537");
    let _ = stage.run(["undo", "--flow", "price-change", "--since", "soon"]).exits(64).says("neither an instant nor a span");
    let _ = stage
        .run(["undo", "c1"])
        .exits(0)
        .says("shop.price.set {\"product\":\"Panasonic Kx-TS550\",\"price\":\"147.17 USD\"}")
        .says("1 of 1");
    assert_eq!(prices(&stage), [set(PHONE, "150.00 USD")]);
    let _ = stage.run(["undo", "c1", "--yes", "--by", LEAD, "--reason", "a mistake"]).exits(0).says("completed");
    for again in [vec!["undo", "c1"], vec!["undo", "c1", "--yes", "--by", LEAD]] {
        let _ = stage.run(again).exits(0).says("it was taken back already");
    }
    let mut done = prices(&stage);
    done.sort();
    assert_eq!(done, [set(PHONE, "147.17 USD"), set(PHONE, "150.00 USD")]);
    let log = stage.run(["log"]).exits(0).says("takes back").says("a mistake");
    assert!(log.out.contains("pre-image-read"), "{log}");
    let _ = stage.run(["log", "verify"]).exits(0);
}

#[test]
fn what_a_policy_denies_is_told_the_rest_is_done_and_the_same_command_goes_on() {
    let stage = with_changes(&[("c1", PHONE, "170 USD"), ("c2", DESK_PHONE, "900 USD")]);
    let _ = stage.run(RUN).exits(0).says("2 completed");
    // The policies of now judge: since the change, a price below 160 USD is forbidden.
    stage.replace("policies/prices.kdl", "    limit \"runaway\"", RULE);
    let undo = ["undo", "--flow", "price-change", "--since", "1h", "--yes", "--by", LEAD];
    let _ = stage.run(undo).exits(5).says("TW0538").says("1 of 2 were taken back").says("prices.frozen");
    assert_eq!(prices(&stage).len(), 3);
    stage.replace("policies/prices.kdl", RULE, "    limit \"runaway\"");
    let _ = stage.run(undo).exits(0).says("completed");
    assert_eq!(prices(&stage).len(), 4, "what was taken back is not taken back again");
    let _ = stage.run(undo).exits(0).says("nothing to be taken back");
}

#[test]
fn only_effects_for_which_a_condition_holds_and_a_person_is_asked_as_ever() {
    let stage = with_changes(&[("c1", PHONE, "100 USD"), ("c2", DESK_PHONE, "900 USD")]);
    let _ = stage.run(RUN).exits(0).says("2 completed");
    let undo = |condition: &'static str| ["undo", "--flow", "price-change", "--since", "1h", "--where", condition, "--yes", "--by", LEAD];
    let _ = stage.run(undo("effect.prize < '200 USD'")).exits(64).says("has no field `prize`");
    // Back to 147.17 USD is a raise of almost half.
    let _ = stage.run(undo("effect.price < '200 USD'")).exits(0).says("waiting");
    assert_eq!(prices(&stage).len(), 2);
    let waiting = stage.run(["approvals", "--format", "json"]).exits(0).json();
    let item = &waiting["approvals"][0];
    assert_eq!((&item["rules"][0], &item["flow"]), (&"prices.raised".into(), &"tradewind.undo".into()));
    let id = item["id"].as_str().unwrap().to_owned();
    let _ = stage.run(["approvals", "approve", &id, "--by", LEAD]).exits(5).says("started the run");
    let _ = stage.run(["approvals", "approve", &id, "--by", "lead2@northfield.example"]).exits(0);
    assert!(prices(&stage).contains(&set(PHONE, "147.17 USD")));
    assert!(!prices(&stage).contains(&set(DESK_PHONE, "907.15 USD")));
}

#[test]
fn an_effect_that_failed_for_good_is_listed_and_done_once_under_its_key() {
    let stage = with_changes(&[("c1", "a new phone", "150 USD")]);
    // Rules that do not read what is there: the shop itself refuses a product that it does not have.
    stage.replace("policies/prices.kdl", "before.price * 0.5", "'1 USD'");
    stage.replace("policies/prices.kdl", "before.price * 1.2", "'9000 USD'");
    let _ = stage.run(RUN).exits(1).says("1 failed");
    let dead = stage.run(["dead-letters", "--format", "json"]).exits(0).json();
    let key = dead["dead_letters"][0]["key"].as_str().unwrap().to_owned();
    let _ = stage.run(["dead-letters", "replay", "0123456789", "--by", LEAD]).exits(64).says("TW0537");
    let _ = stage.run(["dead-letters", "replay", &key, "--by", LEAD]).exits(5).says("TW0538").says("there is no product a new phone");
    // Another shop has it, and knows nothing of the refusal.
    std::fs::remove_file(stage.path(".tradewind/twin.jsonl")).unwrap();
    stage.replace("flows/returns-triage/data/orders.jsonl", DESK_PHONE, "a new phone");
    let _ = stage.run(["dead-letters", "replay", &key, "--by", LEAD]).exits(0).says("completed");
    let done = effects(&stage.path(".tradewind/twin.jsonl")).unwrap();
    assert_eq!((done.len(), &done[0].key), (1, &key));
    let _ = stage.run(["dead-letters"]).exits(0).says("0 effects failed for good");
    let _ = stage.run(["dead-letters", "replay", &key, "--by", LEAD]).exits(64).says("TW0537");
}
