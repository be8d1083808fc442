//! Deliveries and calls: only genuine ones are taken, whoever sends them, and what they hold is what the engine gets.

use super::support::compiled;
use crate::HttpConnectors;
use crate::hook::routes::{Inlets, routes};
use crate::hook::{Caller, Delivery, Forged, events, knows, verify};
use ring::hmac;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tradewind_engine::engine::{Config, Engine};
use tradewind_engine::twin::{ManualClock, MemoryLog, ScriptedModels};
use tradewind_lang::plan::Plan;
use tradewind_lang::value::Value;

const SECOND: i64 = 1_000_000;
const NOW: i64 = 1_767_225_600 * SECOND;

const PROJECT: &str = r#"
project "example" {
    currency "EUR"
    environment "dev" {
        store "memory://"
        account "stock.north" domain="north.example" hook=(secret)"NORTH"
        account "stock.south" domain="south.example" hook=(secret)"SOUTH"
        secret "NORTH" env="NORTH"
        secret "SOUTH" env="SOUTH"
        secret "CALLS" env="CALLS"
    }
}
type "line" { field "sku" string; field "price" money }
type "sold" { field "id" string; field "lines" list<line> }
type "order" { field "id" string untrusted; field "total" money untrusted }
connector "stock" version="1" {
    account "main" { field "domain" string; field "hook" string secret }
    base-url "https://{{ account.domain }}" { hosts "*.example" }
    webhook "/hooks/stock" {
        verify hmac=sha256 header="X-Hmac" encoding=base64 secret="=account.hook"
        id "=headers['x-id']"
        at "=timestamp(headers['x-at'])" max-age="48h"
        account "=headers['x-domain']"
    }
    webhook "/hooks/old" {
        verify hmac=sha1 header="X-Signature" encoding=hex secret="=account.hook"
        id "=string(body.id)"
    }
    event "sold" when="headers['x-topic'] == 'sold'" {
        payload "sold" { id "=string(body.id)"; lines "=body.lines" }
    }
}
flow "sell" {
    input "sold"
    trigger event="stock.sold"
    let "id" "=input.id"
    output { id "=id"; count "=size(input.lines)" }
}
flow "quote" {
    input "order"
    trigger request="quote" auth=(secret)"CALLS" reply-within="2s"
    let "double" "=input.total * 2.0"
    output { double "=double" }
}
flow "note" {
    input "order"
    trigger webhook="note" auth=none
    let "id" "=input.id"
}
"#;

fn plan() -> Plan {
    compiled(&[], PROJECT)
}

fn secrets(name: &str) -> Vec<String> {
    match name {
        "NORTH" => vec!["new north".to_owned(), "old north".to_owned()],
        "SOUTH" => vec!["south".to_owned()],
        "CALLS" => vec!["call me".to_owned()],
        _ => Vec::new(),
    }
}

fn base64(bytes: &[u8]) -> String {
    let Json::String(text) = tradewind_lang::conform::to_json(&Value::Bytes(bytes.into())) else { panic!("bytes are a text") };
    text
}

fn signed(algorithm: hmac::Algorithm, secret: &str, bytes: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(algorithm, secret.as_bytes()), bytes).as_ref().to_vec()
}

fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A delivery of the north with a change.
fn delivery(secret: &str, body: &str, change: &[(&str, &str)]) -> Vec<(String, String)> {
    let signature = base64(&signed(hmac::HMAC_SHA256, secret, body.as_bytes()));
    let mut all = headers(&[
        ("x-hmac", &signature),
        ("x-id", "d1"),
        ("x-at", "2026-01-01T00:00:00Z"),
        ("x-domain", "north.example"),
        ("x-topic", "sold"),
    ]);
    for (name, value) in change {
        all.retain(|(known, _)| known != name);
        all.push(((*name).to_owned(), (*value).to_owned()));
    }
    all
}

const BODY: &str = r#"{"id":7,"lines":[{"sku":"a","price":"3 EUR","more":1}]}"#;

fn look(plan: &Plan, headers: &[(String, String)], body: &str, now: i64) -> Result<crate::hook::Genuine, Forged> {
    let webhook = &plan.connectors["stock"].terms.webhooks[0];
    verify(plan, "stock", webhook, &Delivery { headers, body: body.as_bytes() }, &secrets, now)
}

#[test]
fn a_genuine_delivery_is_its_account_s_and_holds_its_events() {
    let plan = plan();
    for secret in ["new north", "old north"] {
        let genuine = look(&plan, &delivery(secret, BODY, &[]), BODY, NOW).unwrap();
        assert_eq!((&*genuine.account, &*genuine.id), ("stock.north", "d1"));
        let found = events(&plan, "stock", &genuine);
        let arrival = found[0].as_ref().unwrap();
        assert_eq!((&*arrival.name, &*arrival.source, &*arrival.account, &*arrival.id), ("stock.sold", "stock", "stock.north", "d1"));
        let lines = tradewind_lang::conform::to_json(arrival.payload.get("lines").unwrap());
        assert_eq!(lines[0]["price"], json!("3.00 EUR"), "a list is typed whole: {lines}");
    }
    let genuine = look(&plan, &delivery("old north", BODY, &[("x-topic", "returned")]), BODY, NOW).unwrap();
    assert!(events(&plan, "stock", &genuine).is_empty());
}

#[test]
fn what_is_not_genuine_is_not_believed() {
    let plan = plan();
    let north = |change: &[(&str, &str)]| look(&plan, &delivery("old north", BODY, change), BODY, NOW).map(|_| ());
    assert_eq!(north(&[]), Ok(()));
    assert_eq!(north(&[("x-hmac", "")]), Err(Forged::Signature));
    assert_eq!(north(&[("x-hmac", "AAAA")]), Err(Forged::Signature));
    assert_eq!(north(&[("x-hmac", "not base64!")]), Err(Forged::Signature));
    assert_eq!(north(&[("x-domain", "south.example")]), Err(Forged::Signature), "signed with the secret of another account");
    assert_eq!(north(&[("x-domain", "west.example")]), Err(Forged::Account));
    assert_eq!(look(&plan, &delivery("", BODY, &[]), BODY, NOW).map(|_| ()), Err(Forged::Signature));
    let changed = BODY.replace('7', "8");
    assert_eq!(look(&plan, &delivery("old north", BODY, &[]), &changed, NOW).map(|_| ()), Err(Forged::Signature), "one byte differs");
    for byte in 0..32 {
        let mut signature = signed(hmac::HMAC_SHA256, "old north", BODY.as_bytes());
        signature[byte] ^= 1;
        assert_eq!(north(&[("x-hmac", &base64(&signature))]), Err(Forged::Signature), "byte {byte}");
    }
    // Too old by a microsecond, and of the future.
    let age = |now| look(&plan, &delivery("old north", BODY, &[]), BODY, now).map(|_| ());
    assert_eq!(age(NOW + 48 * 3600 * SECOND), Ok(()));
    assert_eq!(age(NOW + 48 * 3600 * SECOND + 1), Err(Forged::Old));
    assert_eq!(age(NOW - 300 * SECOND), Ok(()));
    assert_eq!(age(NOW - 300 * SECOND - 1), Err(Forged::Old));
    assert!(matches!(north(&[("x-id", "")]), Err(Forged::Unreadable(_))));
    assert!(matches!(look(&plan, &delivery("old north", "{", &[]), "{", NOW), Err(Forged::Unreadable(_))));
}

#[test]
fn sha1_in_hex_and_with_its_name_before_it_is_read_and_every_account_is_tried() {
    let plan = plan();
    let webhook = &plan.connectors["stock"].terms.webhooks[1];
    let hex: String =
        signed(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, "south", BODY.as_bytes()).iter().map(|byte| format!("{byte:02X}")).collect();
    let body = r#"{"id":"x","lines":[]}"#;
    for text in [hex.clone(), format!("sha1={hex}")] {
        let all = headers(&[("X-Signature", &text)]);
        let refused = verify(&plan, "stock", webhook, &Delivery { headers: &all, body: BODY.as_bytes() }, &secrets, NOW);
        // `string(7)` is its id; the account is the one whose secret it is.
        assert_eq!(refused.map(|genuine| genuine.account), Ok("stock.south".to_owned()));
        let other = verify(&plan, "stock", webhook, &Delivery { headers: &all, body: body.as_bytes() }, &secrets, NOW);
        assert_eq!(other.map(|_| ()), Err(Forged::Signature));
    }
}

#[test]
fn a_caller_proves_a_secret_by_token_or_signature() {
    let secret = ["call me".to_owned(), format!("whsec_{}", base64(b"raw key"))];
    let ask = |all: &[(&str, &str)], now| {
        let all = headers(all);
        knows(&Caller { delivery: Delivery { headers: &all, body: b"{}" }, now }, &secret)
    };
    assert!(ask(&[("authorization", "Bearer call me")], NOW));
    for wrong in ["Bearer call m", "Bearer call mee", "Bearer ", "call me", "Basic call me"] {
        assert!(!ask(&[("authorization", wrong)], NOW), "{wrong}");
    }
    let sent = (NOW / SECOND).to_string();
    let bytes = format!("m1.{sent}.{{}}");
    let signature = format!("v1,AAAA v1,{}", base64(&signed(hmac::HMAC_SHA256, "raw key", bytes.as_bytes())));
    let with = |id: &'static str, now| ask(&[("webhook-id", id), ("webhook-timestamp", &sent), ("webhook-signature", &signature)], now);
    assert!(with("m1", NOW));
    assert!(!with("m2", NOW), "the id is signed too");
    assert!(!with("m1", NOW + 301 * SECOND), "it is too old");
    assert!(
        !knows(&Caller { delivery: Delivery { headers: &[], body: b"{}" }, now: NOW }, &[String::new()]),
        "an empty secret proves nothing"
    );
}

struct Served {
    address: std::net::SocketAddr,
    engine: Engine,
}

async fn served() -> Served {
    let plan = Arc::new(plan());
    let connectors = HttpConnectors::new(None).unwrap();
    let clock = Arc::new(ManualClock::at(NOW));
    let models = Arc::new(ScriptedModels::new(|_, _, _| Err("none".to_owned())));
    let engine = Engine::open(Config::new(plan, Arc::new(MemoryLog::new()), Arc::new(connectors), models, clock.clone())).await.unwrap();
    let inlets = Inlets { engine: engine.clone(), clock, secrets: Arc::new(secrets) };
    // As a server merges them beside its own.
    let own = axum::Router::new().route("/healthz", axum::routing::get(|| async { "fine" }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, own.merge(routes(inlets))).await.unwrap() });
    Served { address, engine }
}

impl Served {
    async fn post(&self, path: &str, headers: &[(String, String)], body: &str) -> (u16, String, Json) {
        self.ask("POST", path, headers, body).await
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(String, String)], body: &str) -> (u16, String, Json) {
        let mut stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{lines}content-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_ascii_lowercase(), serde_json::from_str(body).unwrap_or(Json::Null))
    }
}

#[tokio::test]
async fn a_delivery_is_acknowledged_when_it_is_durable_and_starts_its_flow_once() {
    let served = served().await;
    let north = delivery("new north", BODY, &[]);
    let (status, _, answer) = served.post("/in/stock/hooks/stock", &north, BODY).await;
    assert_eq!((status, &answer["events"][0]["known"]), (200, &json!(false)), "{answer}");
    let (status, _, answer) = served.post("/in/stock/hooks/stock", &north, BODY).await;
    assert_eq!((status, &answer["events"][0]["known"]), (200, &json!(true)), "{answer}");
    served.engine.wait_idle().await.unwrap();
    let runs = served.engine.runs(Default::default()).await.unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(tradewind_lang::conform::to_json(&runs[0].output), json!({ "id": "7", "count": 1 }));
    let (status, _, answer) = served.post("/in/stock/hooks/stock", &delivery("wrong", BODY, &[]), BODY).await;
    assert_eq!((status, &answer["error"]["code"]), (401, &json!("signature")));
    assert_eq!(served.post("/in/stock/hooks/none", &north, BODY).await.0, 404);
    assert_eq!(served.post("/in/shelf/hooks/stock", &north, BODY).await.0, 404);
    // Genuine, and not as declared: refused with its place, and on the list.
    let odd = r#"{"id":7,"lines":[{"sku":"a","price":"three"}]}"#;
    let (status, _, answer) = served.post("/in/stock/hooks/stock", &delivery("new north", odd, &[("x-id", "d2")]), odd).await;
    assert_eq!(status, 422, "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("lines[0].price"), "{answer}");
    let listed = served.engine.arrivals(10).await.unwrap();
    assert!(matches!(&listed[0].became, tradewind_engine::engine::Became::Refused(why) if why.contains("lines[0].price")), "{listed:?}");
    let large = "x".repeat(2 << 20);
    assert_eq!(served.post("/in/stock/hooks/stock", &north, &large).await.0, 413);
}

#[tokio::test]
async fn a_call_is_answered_and_a_note_is_taken() {
    let served = served().await;
    let token = headers(&[("authorization", "Bearer call me"), ("content-type", "application/json")]);
    let (status, _, answer) = served.post("/quote", &token, r#"{"id":"o1","total":"4.50 EUR"}"#).await;
    assert_eq!((status, answer), (200, json!({ "double": "9.00 EUR" })));
    assert_eq!(served.post("/quote", &[], r#"{"id":"o1","total":"4.50 EUR"}"#).await.0, 401);
    let (status, _, answer) = served.post("/quote", &token, r#"{"id":"o1","total":"much"}"#).await;
    assert_eq!(status, 422);
    assert!(answer["error"]["message"].as_str().unwrap().starts_with("`total`"), "{answer}");
    assert_eq!(served.post("/quote", &token, "{").await.0, 400);
    assert_eq!(served.post("/quotes", &token, "{}").await.0, 404);
    // A webhook is told at once; the same CloudEvent again, structured or binary, is the same run.
    let event = r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"id":"o1","total":"1 EUR"}}"#;
    let structured = headers(&[("content-type", "application/cloudevents+json; charset=utf-8")]);
    let (status, head, one) = served.post("/note", &structured, event).await;
    assert_eq!(status, 202, "{one}");
    let link = format!("/note/runs/{}", one["run"].as_str().unwrap());
    assert!(head.contains(&format!("location: {link}")), "{head}");
    served.engine.wait_idle().await.unwrap();
    let (status, _, answer) = served.ask("GET", &link, &[], "").await;
    assert_eq!(status, 200, "how it ended: {answer}");
    let elsewhere = link.replace("/note/", "/quote/");
    assert_eq!(served.ask("GET", &elsewhere, &[], "").await.0, 401);
    assert_eq!(served.ask("GET", &elsewhere, &token, "").await.0, 404, "a run of another flow");
    assert_eq!(served.ask("GET", "/note/runs/nothing", &[], "").await.0, 404);
    let binary = headers(&[("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "s"), ("ce-type", "t")]);
    let (_, _, two) = served.post("/note", &binary, r#"{"id":"o1","total":"1 EUR"}"#).await;
    assert_eq!(one["run"], two["run"]);
    let standard = headers(&[("webhook-id", "m1")]);
    let (_, _, three) = served.post("/note", &standard, r#"{"id":"o1","total":"1 EUR"}"#).await;
    assert_ne!(one["run"], three["run"]);
    let (status, _, answer) = served.post("/note", &structured, r#"{"specversion":"1.0","id":"1","type":"t"}"#).await;
    assert_eq!((status, &answer["error"]["message"]), (400, &json!("a CloudEvent has a `source`")));
}
