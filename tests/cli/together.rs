//! Items of a loop that go out as one request: what the provider hears, and what each of them comes to.

use crate::PROGRAM;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use tradewind_connectors::twin::effects;
use tradewind_tests::stage::Stage;

const REPRICE: &str = r#"
type "new_price" { field "product" string; field "price" money }
type "new_prices" { field "id" string; field "prices" list<new_price> }
flow "reprice-all" {
    summary "Set many prices"
    input "new_prices"
    key "=input.id"
    deadline "1h"
    each "all" in="=input.prices" as="one" key="=one.product" max=500 max-parallel=200 {
        act "set" on-denied="skip" { call "shop.price.set" product="=one.product" price="=one.price" }
        output { product "=one.product"; done "=steps.set.ran" }
    }
    output { done "=size(all.filter(one, one.done))"; of "=size(all)" }
}
"#;

/// Products of the shipped orders and what they cost, each once.
fn products(stage: &Stage, count: usize) -> Vec<(String, String)> {
    let text = stage.read("flows/returns-triage/data/orders.jsonl");
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for line in text.lines() {
        let order: Json = serde_json::from_str(line).unwrap();
        let (product, paid) = (order["product"].as_str().unwrap(), order["paid"].as_str().unwrap());
        if seen.insert(product.to_owned()) {
            found.push((product.to_owned(), paid.to_owned()));
        }
    }
    found.truncate(count);
    found
}

#[test]
fn two_hundred_prices_are_two_requests_and_each_has_an_outcome_of_its_own() {
    let stage = Stage::shipped(PROGRAM);
    let mut prices: Vec<Json> =
        products(&stage, 200).into_iter().map(|(product, price)| json!({ "product": product, "price": price })).collect();
    // Less than half of what it costs, and nothing that the shop sells: the policy denies both, and they leave with nobody.
    prices[7]["price"] = json!("0.01 USD");
    prices[9]["product"] = json!("A thing that nobody sells");
    stage.write("flows/reprice.kdl", REPRICE);
    stage.write("work.jsonl", &format!("{}\n", json!({ "id": "all", "prices": prices })));
    let _ = stage.run(["run", "reprice-all", "--input", "work.jsonl"]).exits(0).says("1 completed");
    let _ = stage.run(["runs", "show", "all"]).exits(0).says("\"done\":198").says("\"of\":200");
    let ledger = stage.path(".tradewind/twin.jsonl");
    let done: BTreeSet<String> = effects(&ledger).unwrap().into_iter().map(|effect| effect.target).collect();
    assert_eq!(done.len(), 198);
    let heard: Vec<String> = stage
        .read(".tradewind/twin.jsonl")
        .lines()
        .filter_map(|line| serde_json::from_str::<Json>(line).unwrap().get("path")?.as_str().map(str::to_owned))
        .collect();
    let of = |path: &str| heard.iter().filter(|heard| *heard == path).count();
    assert!(of("/shop/prices/search") <= 4 && of("/shop/prices") <= 4 && heard.len() <= 12, "{heard:?}");
    let _ = stage.run(["log", "verify"]).exits(0);
    let again = stage.run(["run", "reprice-all", "--input", "work.jsonl"]).exits(0);
    assert!(again.out.contains("0 new inputs, 1 known"), "{again}");
    assert_eq!(effects(&ledger).unwrap().len(), 198);
}
