//! The committed rows, messages and orders are what the stated rule makes of the two source files, and no review is on two sides.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

#[path = "../examples/derive_messages/derivation.rs"]
mod derivation;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../flows/returns-triage/data")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(data().join(name)).unwrap()
}

fn rows(name: &str) -> Vec<serde_json::Value> {
    read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_committed_files_are_byte_for_byte_what_the_rule_makes() {
    let derived = derivation::derive(&read("source/reviews.txt"), &read("source/superstore.csv")).unwrap();
    assert_eq!(derived.len(), 5);
    for (name, text) in derived {
        assert!(read(name) == text, "{name} is not what `cargo run -p tradewind-models --example derive_messages` writes");
    }
}

#[test]
fn no_review_is_on_two_sides_of_the_split_and_no_sentence_is_lost() {
    let mut side_of_review: BTreeMap<String, &str> = BTreeMap::new();
    let mut sentences = BTreeSet::new();
    for side in ["training.jsonl", "threshold.jsonl", "heldout.jsonl"] {
        for row in rows(side) {
            let review = row["group"].as_str().unwrap().to_owned();
            assert_eq!(*side_of_review.entry(review).or_insert(side), side, "{row}");
            assert!(sentences.insert(row["id"].as_str().unwrap().to_owned()), "{row} occurs twice");
        }
    }
    assert_eq!((sentences.len(), side_of_review.len()), (3708, 300));
}

#[test]
fn every_message_is_unseen_and_every_sentence_of_a_review_names_the_same_order() {
    let trained: BTreeSet<String> = rows("training.jsonl").iter().map(|row| row["group"].as_str().unwrap().to_owned()).collect();
    let orders: BTreeMap<String, serde_json::Value> =
        rows("orders.jsonl").into_iter().map(|order| (order["id"].as_str().unwrap().to_owned(), order)).collect();
    let mut order_of_review = BTreeMap::new();
    let messages = rows("messages.jsonl");
    assert!(messages.len() >= 1000);
    for message in messages {
        let review = message["message_id"].as_str().unwrap().split_once('_').unwrap().0.to_owned();
        assert!(!trained.contains(&format!("review {review}")), "{message}");
        let order = message["order_id"].as_str().unwrap().to_owned();
        assert_eq!(orders[&order]["customer_id"], message["customer_id"]);
        assert!(message["received_at"].as_str() > orders[&order]["shipped_at"].as_str(), "{message}");
        assert_eq!(*order_of_review.entry(review).or_insert(order.clone()), order);
    }
    let distinct: BTreeSet<&String> = order_of_review.values().collect();
    assert_eq!(distinct.len(), order_of_review.len(), "two reviews share an order");
}

#[test]
fn amounts_are_rounded_half_to_even_and_a_broken_source_line_is_named() {
    let header = "\"Row ID\",\"Order ID\",\"Order Date\",\"Ship Date\",\"Customer ID\",\"Category\",\"Product Name\",\"Sales\",\"Profit\"";
    let line = |sales: &str| format!("{header}\n1,\"A-1\",2016-11-08,2016-11-11,\"C-1\",\"Technology\",\"Phone, 6\"\"\",{sales},-0.125");
    let derived = derivation::derive("1_1\t-2.0\tbroken.", &line("0.125")).unwrap();
    let order: serde_json::Value = serde_json::from_str(derived["orders.jsonl"].trim()).unwrap();
    assert_eq!(order["paid"], "0.12 USD");
    assert_eq!(order["profit"], "-0.12 USD");
    assert_eq!(order["product"], "Phone, 6\"");
    assert!(derivation::derive("1_1\t-2.0\tbroken.", &line("much")).unwrap_err().contains("line 2: `Sales`"));
    assert!(derivation::derive("1_1\t-2.0\tfine.\nnonsense", &line("1")).unwrap_err().contains("line 2"));
}
