//! Several calls as one request, over HTTP: what is sent, and what every kind of answer comes to for each of them.

use super::provider::{Provider, Then};
use super::support::{Folder, Running, call_of, compiled, http, options, order, shipped, world, write_orders};
use crate::twin::{Fault, FaultKind, TwinConnectors, effects};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tradewind_engine::ports::{Call, CallOutcome, Connectors};
use tradewind_lang::conform;
use tradewind_lang::plan::Plan;

/// A provider of labels, of which nothing is keyed.
fn labels(url: &str) -> Plan {
    let text = format!(
        r#"
project "example" {{ currency "USD" }}
type "label" {{ field "id" string }}
type "card" {{ field "number" string secret; field "holder" string }}
type "door" {{ field "keys" list<string> secret; field "pin" int secret }}
connector "labels" version="1" {{
    base-url "{url}"
    timeout connect="400ms" total="800ms"
    failure "closed" when="status == 418" message="=body.why" retry=#false
    operation "set" effect=irreversible {{
        request {{ field "id" string; field "token" string? secret }}
        response "label"
        batch max=10 wait="1s" {{
            http POST "/labels" {{ body {{ ids "=requests.map(r, r.id)" }} }}
            failed "=body.errors.or([])" as="e" index="=e.index" code="=e.code" message="=e.why" retry="e.code == 'busy'"
            answered "=body.labels" as="a" index="=a.place" at="=a.label"
        }}
    }}
    operation "pay" effect=irreversible {{
        request {{ field "id" string; field "cards" list<card>; field "door" door }}
        batch max=10 wait="1s" {{
            http POST "/pay" {{ body {{ ids "=requests.map(r, r.id)" }} }}
            failed "=body.errors" as="e" index="=e.index"
        }}
    }}
    operation "drop" effect=irreversible {{
        request {{ field "id" string }}
        batch max=10 wait="1s" {{
            http POST "/drops" {{ body {{ ids "=requests.map(r, r.id)" }} }}
            failed "=body.errors" as="e" index="=e.index"
        }}
    }}
    operation "get" effect=read {{
        request {{ field "id" string }}
        response "label"
        batch max=10 wait="1s" {{
            http POST "/labels/search" safe=#true {{ body {{ ids "=requests.map(r, r.id)" }} }}
            failed "=[]" index="=0"
            answered "=body.labels"
        }}
    }}
}}"#
    );
    compiled(&[], &text)
}

fn calls(plan: &Plan, operation: &str, ids: &[&str]) -> Vec<Call> {
    ids.iter().map(|id| call_of(plan, operation, &json!({ "id": id }), &format!("k-{id}"))).collect()
}

/// JSON with its fields in the order of their names, whatever order they came in.
fn sorted(json: &Json) -> String {
    match json {
        Json::Object(fields) => serde_json::to_string(&fields.iter().collect::<BTreeMap<_, _>>()).unwrap(),
        other => other.to_string(),
    }
}

/// Outcomes in a few words.
fn said(outcomes: &[CallOutcome]) -> Vec<String> {
    let one = |outcome: &CallOutcome| match outcome {
        CallOutcome::Answered(value) => format!("answered {}", sorted(&conform::to_json(value))),
        CallOutcome::Failed(failure) => {
            format!("failed {}{}: {}", failure.code, if failure.retry { " (again)" } else { "" }, failure.message)
        }
        CallOutcome::Unknown(message) => format!("unknown: {message}"),
    };
    outcomes.iter().map(one).collect()
}

/// What each of three calls comes to where this is answered.
async fn answered(operation: &str, status: &str, body: &str) -> Vec<String> {
    let provider = Provider::answering(status, "Content-Type: application/json\r\n", body).await;
    let plan = labels(&provider.url);
    let outcomes = http().call_together(calls(&plan, operation, &["a", "b", "c"])).await;
    assert_eq!(provider.seen(), 1, "one request");
    said(&outcomes)
}

#[tokio::test]
async fn each_call_has_the_answer_that_names_its_place() {
    let body = r#"{"labels": [{"place": 2, "label": {"id": "C"}}, {"place": 0, "label": {"id": "A"}}], "errors": [{"index": 1, "code": "busy", "why": "later"}]}"#;
    let told = answered("labels.set", "200 OK", body).await;
    assert_eq!(told, [r#"answered {"id":"A"}"#, "failed busy (again): later", r#"answered {"id":"C"}"#]);
    let told = answered("labels.get", "200 OK", r#"{"labels": [{"id": "A"}, null, {"id": "C", "more": 1}]}"#).await;
    assert_eq!(told, [r#"answered {"id":"A"}"#, "failed schema: the answer says nothing of this call", r#"answered {"id":"C"}"#]);
}

#[tokio::test]
async fn a_call_that_the_answer_does_not_name_is_in_doubt() {
    let short = answered("labels.set", "200 OK", r#"{"labels": [{"place": 0, "label": {"id": "A"}}]}"#).await;
    let nothing = "unknown: the answer says nothing of this call";
    assert_eq!(short, [r#"answered {"id":"A"}"#, nothing, nothing]);
    let misfit = answered("labels.set", "200 OK", r#"{"labels": [{"place": 0, "label": {"id": 1}}, {"place": 1}, {"place": "2"}]}"#).await;
    assert!(misfit[0].starts_with("unknown: the answer does not fit `label`"), "{misfit:?}");
    assert_eq!(misfit[1..], [nothing, nothing]);
    // A failure of none of them may be one of any of them.
    for index in ["7", "-1", "null", "\"0\""] {
        let body = format!(r#"{{"errors": [{{"index": {index}, "code": "x"}}, {{"index": 1, "code": "gone"}}]}}"#);
        let told = answered("labels.drop", "200 OK", &body).await;
        let doubt = "unknown: a failure was told that names none of the calls: it failed with `refused`";
        assert_eq!(told, [doubt, "failed refused: it failed with `refused`", doubt], "{index}");
    }
    // Without the list of failures nobody knows that there was none.
    let told = answered("labels.drop", "200 OK", r#"{"ok": true}"#).await;
    assert!(told.iter().all(|told| told.starts_with("unknown: the answer cannot be told apart")), "{told:?}");
    assert_eq!(answered("labels.drop", "200 OK", r#"{"errors": []}"#).await, ["answered null"; 3]);
    let told = answered("labels.drop", "200 OK", "<html>").await;
    assert!(told.iter().all(|told| told.starts_with("unknown: the answer is not JSON")), "{told:?}");
}

#[tokio::test]
async fn what_the_whole_request_meets_every_call_meets() {
    assert_eq!(answered("labels.drop", "418 Closed", r#"{"why": "closed for today"}"#).await, ["failed closed: closed for today"; 3]);
    assert_eq!(answered("labels.drop", "429 Busy", "").await, ["failed http-429 (again): labels answered with status 429"; 3]);
    assert_eq!(answered("labels.drop", "400 Bad", "").await, ["failed http-400: labels answered with status 400"; 3]);
    assert_eq!(answered("labels.drop", "500 Broken", "").await, ["unknown: labels answered with status 500"; 3]);
    assert_eq!(answered("labels.get", "500 Broken", "").await, ["failed http-500 (again): labels answered with status 500"; 3]);
    let silent = Provider::start("", Then::Hold).await;
    let told = said(&http().call_together(calls(&labels(&silent.url), "labels.drop", &["a", "b"])).await);
    assert_eq!(told, ["unknown: labels did not answer in time"; 2]);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let told = said(&http().call_together(calls(&labels(&url), "labels.drop", &["a", "b"])).await);
    assert!(told.iter().all(|told| told.starts_with("failed connect (again)")), "{told:?}");
}

#[tokio::test]
async fn no_message_holds_a_secret_of_any_call() {
    let provider = Provider::answering("418 Closed", "", r#"{"why": "token s3cret-b is wrong"}"#).await;
    let plan = labels(&provider.url);
    let one = |id: &str| call_of(&plan, "labels.set", &json!({ "id": id, "token": format!("s3cret-{id}") }), "");
    let told = said(&http().call_together(vec![one("a"), one("b")]).await);
    assert_eq!(told, ["failed closed: token [secret] is wrong"; 2]);
}

#[tokio::test]
async fn no_message_holds_a_secret_that_stands_deep_in_a_request() {
    let echo = r#"{"why": "card 4111111111111111 of gate-key-1, spare-key-2 and 40999123 is wrong"}"#;
    let provider = Provider::answering("418 Closed", "", echo).await;
    let plan = labels(&provider.url);
    let request = json!({
        "id": "a",
        "cards": [{ "number": "4111111111111111", "holder": "Ada" }],
        "door": { "keys": ["gate-key-1", "spare-key-2"], "pin": 40_999_123 },
    });
    let told = said(&http().call_together(vec![call_of(&plan, "labels.pay", &request, "")]).await);
    assert_eq!(told, ["failed closed: card [secret] of [secret], [secret] and [secret] is wrong"]);
}

fn prices(plan: &Plan, of: &[(&str, &str, &str)]) -> Vec<Call> {
    let one =
        |(product, price, key): &(&str, &str, &str)| call_of(plan, "shop.price.set", &json!({ "product": product, "price": price }), key);
    of.iter().map(one).collect()
}

fn orders() -> [Json; 2] {
    let second = Json::Object(
        order("CA-2", "50 USD").as_object().unwrap().clone().into_iter().chain([("product".to_owned(), json!("Desk"))]).collect(),
    );
    [order("CA-1", "100 USD"), second]
}

#[tokio::test]
async fn the_twin_sets_many_prices_at_once_and_each_under_its_own_key() {
    let folder = Folder::new();
    let (ledger, seeds) = (folder.file("ledger.jsonl"), folder.file("orders.jsonl"));
    write_orders(&seeds, &orders());
    let mut options = options(&ledger);
    options.orders = Some(seeds);
    let (twin, plan) = (Running::start(&options).await, shipped());
    let batch = [("Chair", "90 USD", "k-1"), ("Lamp", "5 USD", "k-2"), ("Desk", "55 USD", "k-3")];
    let told = said(&twin.connectors().call_together(prices(&plan, &batch)).await);
    let wanted = [
        r#"answered {"price":"90.00 USD","product":"Chair"}"#,
        "failed refused: there is no product Lamp",
        r#"answered {"price":"55.00 USD","product":"Desk"}"#,
    ];
    assert_eq!(told, wanted);
    // Sent again among others, and alone: the key is known in either form, and nothing happens twice.
    let again = [("Desk", "55 USD", "k-3"), ("Chair", "80 USD", "k-4")];
    twin.connectors().call_together(prices(&plan, &again)).await;
    let alone = twin.connectors().call(prices(&plan, &batch[..1]).remove(0)).await;
    assert_eq!(said(&[alone]), wanted[..1]);
    let other = twin.connectors().call_together(prices(&plan, &[("Chair", "70 USD", "k-1")])).await;
    assert_eq!(said(&other), ["failed key-used: the Idempotency-Key was used for another request"]);
    let done: Vec<(String, String)> = effects(&ledger).unwrap().into_iter().map(|effect| (effect.key, effect.content)).collect();
    let done: Vec<(&str, &str)> = done.iter().map(|(key, content)| (key.as_str(), content.as_str())).collect();
    assert_eq!(done, [("k-1", "90.00 USD"), ("k-3", "55.00 USD"), ("k-4", "80.00 USD")]);
    // The ledger is its whole state.
    twin.kill().await;
    let twin = Running::start(&options).await;
    assert_eq!(said(&twin.connectors().call_together(prices(&plan, &batch)).await), wanted);
    assert_eq!(effects(&ledger).unwrap().len(), 3);
}

#[tokio::test]
async fn the_twin_in_memory_does_the_same_and_meets_its_faults_once_for_all() {
    let plan = shipped();
    let twin = TwinConnectors::new(Arc::new(plan.types.clone()), world(&orders()));
    for kind in [FaultKind::LostAnswer, FaultKind::NotSent, FaultKind::Status(429)] {
        twin.fault(Fault { operation: "shop.price.set".to_owned(), kind, times: Some(1) });
    }
    let batch = [("Chair", "90 USD", "k-1"), ("Desk", "55 USD", "k-2")];
    let mut told = Vec::new();
    for _ in 0..4 {
        told.push(said(&twin.call_together(prices(&plan, &batch)).await));
    }
    assert_eq!(told[0], ["unknown: shop did not answer in time"; 2]);
    assert!(told[1][0].starts_with("failed connect (again)") && told[2][1].starts_with("failed http-429 (again)"), "{told:?}");
    assert_eq!(told[3], [r#"answered {"price":"90.00 USD","product":"Chair"}"#, r#"answered {"price":"55.00 USD","product":"Desk"}"#]);
    assert_eq!(twin.effects().len(), 2, "what had happened when the answer was lost did not happen again");
}
