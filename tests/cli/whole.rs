//! The main job, whole: every shipped message. Nobody gets back more than was paid, and a second time nothing is done.

use crate::trained;
use std::collections::BTreeMap;
use tradewind_connectors::twin::{Effect, effects};

/// An amount such as `12.30 USD` in hundredths.
fn hundredths(text: &str) -> u64 {
    let digits = text.strip_suffix(" USD").unwrap_or_else(|| panic!("`{text}` is not in dollars"));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    assert!(part.len() <= 2, "`{text}` is finer than a cent");
    whole.parse::<u64>().unwrap() * 100 + format!("{part:0<2}").parse::<u64>().unwrap()
}

#[test]
fn every_shipped_message_is_handled_and_no_order_gets_back_more_than_was_paid() {
    let stage = trained();
    let data = "flows/returns-triage/data";
    let messages = stage.read(&format!("{data}/messages.jsonl")).lines().count();
    assert!(messages >= 1_000);
    let run = || stage.run(["run", "returns-triage", "--input", &format!("{data}/messages.jsonl"), "--format", "json"]).exits(0).json();
    let first = run();
    assert_eq!(first["inputs"]["new"].as_u64(), Some(messages as u64));
    let (completed, waiting) = (first["runs"]["completed"].as_u64().unwrap(), first["runs"]["waiting"].as_u64().unwrap());
    assert_eq!(completed + waiting, messages as u64, "{first}");
    assert!(completed * 3 > messages as u64, "asking people everything is no result: {first}");
    assert!(first["denied"]["unique"].as_u64() > Some(0), "no second refund of an order was asked for: {first}");

    let orders = stage.read(&format!("{data}/orders.jsonl"));
    let orders = orders.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let paid: BTreeMap<String, u64> =
        orders.map(|order| (order["id"].as_str().unwrap().to_owned(), hundredths(order["paid"].as_str().unwrap()))).collect();
    let done = effects(&stage.path(".tradewind/twin.jsonl")).unwrap();
    let of = |operation: &'static str| done.iter().filter(move |effect| effect.operation == operation);
    let mut refunded: BTreeMap<&str, u64> = BTreeMap::new();
    for Effect { target, content, .. } in of("payments.refund.create") {
        *refunded.entry(target).or_default() += hundredths(content);
    }
    assert!(refunded.len() >= 20, "hardly anybody was refunded: {first}");
    for (order, sum) in &refunded {
        assert!(*sum <= paid[*order], "{order}: {sum} of {} came back", paid[*order]);
    }
    let mut answered: Vec<&str> = of("helpdesk.reply").map(|effect| effect.target.as_str()).collect();
    let replies = answered.len();
    answered.sort_unstable();
    answered.dedup();
    assert_eq!((answered.len(), replies as u64), (replies, completed), "each message that is done was answered once");

    let second = run();
    assert_eq!((second["inputs"]["new"].as_u64(), second["inputs"]["known"].as_u64()), (Some(0), Some(messages as u64)));
    assert_eq!((&second["runs"], &second["effects"], &second["denied"]), (&first["runs"], &first["effects"], &first["denied"]));
    assert_eq!(effects(&stage.path(".tradewind/twin.jsonl")).unwrap(), done);
    let _ = stage.run(["log", "verify"]).exits(0);
}
