//! The contract of the port: one suite that the twin in memory and the twin over HTTP both pass, with the shipped connectors.

use super::support::{Folder, Running, call_of, failure, options, order, shipped, world, write_orders};
use crate::twin::{Effect, TwinConnectors, effects};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use tradewind_engine::ports::{CallOutcome, Connectors};
use tradewind_lang::conform;
use tradewind_lang::money::Money;
use tradewind_lang::plan::Plan;
use tradewind_lang::value::Value;

/// Connectors, and a count from outside of what they did.
struct Subject<'a> {
    plan: &'a Plan,
    connectors: &'a dyn Connectors,
    effects: &'a dyn Fn() -> Vec<Effect>,
}

impl Subject<'_> {
    async fn call(&self, operation: &str, request: Json, key: &str) -> CallOutcome {
        self.connectors.call(call_of(self.plan, operation, &request, key)).await
    }

    async fn answer(&self, operation: &str, request: Json, key: &str) -> Value {
        match self.call(operation, request, key).await {
            CallOutcome::Answered(value) => value,
            other => panic!("{operation}: {other:?}"),
        }
    }

    async fn refund(&self, order: &str, amount: &str, key: &str) -> CallOutcome {
        self.call("payments.refund.create", json!({ "order_id": order, "amount": amount, "reason": "full" }), key).await
    }
}

fn orders() -> Vec<Json> {
    vec![order("CA-1", "100.00 USD"), order("a/b c%d?é", "5 USD"), order("CA-2", "10 USD")]
}

const ODD_KEY: &str = "run 7/refund&x=1+2%20#é";

async fn suite(subject: &Subject<'_>) {
    orders_are_read(subject).await;
    refunds_are_made_once(subject).await;
    refusals_are_refusals(subject).await;
    replies_are_sent_once(subject).await;
    let mut seen = (subject.effects)();
    seen.sort();
    let expected = [
        Effect::new("helpdesk.reply", "k-reply", "m-1", "Dear \"you\",\n\tsorry — €5 \u{1F605}\\"),
        Effect::new("payments.refund.create", "k-1", "CA-1", "60.00 USD"),
        Effect::new("payments.refund.create", ODD_KEY, "CA-1", "40.00 USD"),
    ];
    assert_eq!(seen, expected, "the effects, counted from outside");
}

async fn orders_are_read(subject: &Subject<'_>) {
    let found = subject.answer("shop.order.get", json!({ "id": "CA-1" }), "").await;
    assert_eq!(found.get("paid"), Money::parse("100 USD").map(Value::Money).as_ref());
    assert_eq!(found.get("refunded"), Money::parse("0 USD").map(Value::Money).as_ref());
    assert_eq!(found.get("shipped_at"), Some(&Value::Timestamp(1_510_358_400_000_000)));
    let found = subject.answer("shop.order.get", json!({ "id": "a/b c%d?é" }), "").await;
    assert_eq!(found.get("id"), Some(&Value::string("a/b c%d?é")));
    for id in ["CA-9", "CA-1/", "ca-1", "orders/CA-1"] {
        let failure = failure(subject.call("shop.order.get", json!({ "id": id }), "").await);
        assert_eq!((failure.code.as_str(), failure.retry), ("not-found", false), "{id}");
    }
    for id in ["", ".", ".."] {
        let failure = failure(subject.call("shop.order.get", json!({ "id": id }), "").await);
        assert_eq!((failure.code.as_str(), failure.retry), ("request", false), "`{id}`");
    }
}

async fn refunds_are_made_once(subject: &Subject<'_>) {
    let first = subject.refund("CA-1", "60 USD", "k-1").await;
    let CallOutcome::Answered(refund) = &first else { panic!("{first:?}") };
    let json = conform::to_json(refund);
    assert_eq!((&json["order_id"], &json["amount"], &json["key"]), (&json!("CA-1"), &json!("60.00 USD"), &json!("k-1")));
    assert_eq!(subject.refund("CA-1", "60 USD", "k-1").await, first, "the same key and request: the same answer");
    assert!(matches!(subject.refund("CA-1", "10 USD", "k-1").await, CallOutcome::Unknown(_)), "the same key, another request");
    assert!(matches!(subject.refund("CA-1", "40 USD", ODD_KEY).await, CallOutcome::Answered(_)));
    for (key, count) in [("k-1", 1), (ODD_KEY, 1), ("k-9", 0), ("", 0)] {
        let found = subject.answer("payments.refund.find", json!({ "key": key }), "").await;
        assert_eq!(conform::to_json(&found).as_array().map(Vec::len), Some(count), "`{key}`");
    }
    let found = subject.answer("shop.order.get", json!({ "id": "CA-1" }), "").await;
    assert_eq!(conform::to_json(&found)["refunded"], json!("100.00 USD"));
}

async fn refusals_are_refusals(subject: &Subject<'_>) {
    let table = [
        ("CA-1", "0.01 USD", "100.00 USD of 100.00 USD was refunded already, so 0.01 USD is too much"),
        ("CA-2", "10.01 USD", "0.00 USD of 10.00 USD was refunded already, so 10.01 USD is too much"),
        ("CA-9", "1 USD", "there is no order CA-9"),
        ("CA-2", "1 EUR", "1.00 EUR cannot be refunded on an order in USD"),
        ("CA-2", "0 USD", "0.00 USD cannot be refunded on an order in USD"),
        ("CA-2", "-1 USD", "-1.00 USD cannot be refunded on an order in USD"),
    ];
    for (order, amount, message) in table {
        let failure = failure(subject.refund(order, amount, &format!("no-{order}-{amount}")).await);
        assert_eq!((failure.code.as_str(), failure.message.as_str(), failure.retry), ("refused", message, false));
    }
    let failure = failure(subject.refund("CA-2", "1 USD", "").await);
    assert_eq!((failure.code.as_str(), failure.retry), ("http-400", false), "no key");
}

async fn replies_are_sent_once(subject: &Subject<'_>) {
    let reply = json!({ "message_id": "m-1", "body": "Dear \"you\",\n\tsorry — €5 \u{1F605}\\" });
    let first = subject.answer("helpdesk.reply", reply.clone(), "k-reply").await;
    assert_eq!(first.get("message_id"), Some(&Value::string("m-1")));
    assert_eq!(subject.answer("helpdesk.reply", reply, "k-reply").await, first);
    let found = subject.answer("helpdesk.reply.find", json!({ "key": "k-reply" }), "").await;
    assert_eq!(found, Value::list([first]));
}

#[tokio::test]
async fn the_twin_in_memory_keeps_the_contract() {
    let plan = shipped();
    let twin = TwinConnectors::new(Arc::new(plan.types.clone()), world(&orders()));
    suite(&Subject { plan: &plan, connectors: &twin, effects: &|| twin.effects() }).await;
}

#[tokio::test]
async fn the_twin_over_http_keeps_the_contract() {
    let plan = shipped();
    let folder = Folder::new();
    let (ledger, seeds) = (folder.file("ledger.jsonl"), folder.file("orders.jsonl"));
    write_orders(&seeds, &orders());
    let mut options = options(&ledger);
    options.orders = Some(seeds);
    let twin = Running::start(&options).await;
    let connectors = twin.connectors();
    suite(&Subject { plan: &plan, connectors: &connectors, effects: &|| effects(&ledger).unwrap() }).await;
    let before = effects(&ledger).unwrap();
    twin.kill().await;
    // Everything again, against a twin that knows only its ledger: nothing is done twice, and every answer is the old one.
    options.orders = None;
    let twin = Running::start(&options).await;
    let connectors = twin.connectors();
    let subject = Subject { plan: &plan, connectors: &connectors, effects: &|| effects(&ledger).unwrap() };
    let again = subject.refund("CA-1", "60 USD", "k-1").await;
    assert!(matches!(again, CallOutcome::Answered(_)), "{again:?}");
    refusals_are_refusals(&subject).await;
    replies_are_sent_once(&subject).await;
    assert_eq!(effects(&ledger).unwrap(), before);
}

#[tokio::test]
async fn an_answer_that_does_not_fit_its_type_is_in_doubt() {
    let plan = shipped();
    let mut odd = order("CA-1", "100 USD");
    odd["shipped_at"] = json!(17);
    let twin = TwinConnectors::new(Arc::new(plan.types.clone()), world(&[odd]));
    let failure = failure(twin.call(call_of(&plan, "shop.order.get", &json!({ "id": "CA-1" }), "")).await);
    assert_eq!((failure.code.as_str(), failure.retry), ("schema", false));
    assert!(failure.message.contains("`shipped_at`"), "{}", failure.message);
}
