//! The twin's books: what is recorded, what survives a kill, and what is refused.

use super::support::{Folder, Running, call_of, options, order, shipped, write_orders};
use crate::twin::{Effect, Twin, effects};
use serde_json::{Value as Json, json};
use std::io::Write;
use std::path::Path;
use tradewind_engine::ports::{CallOutcome, Connectors};

fn lines(ledger: &Path) -> Vec<Json> {
    std::fs::read_to_string(ledger).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn append(ledger: &Path, text: &str) {
    std::fs::OpenOptions::new().append(true).open(ledger).unwrap().write_all(text.as_bytes()).unwrap();
}

/// A ledger with one order and one refund of 10 USD under `k-1`.
async fn with_a_refund(folder: &Folder) -> std::path::PathBuf {
    let (ledger, seeds) = (folder.file("ledger.jsonl"), folder.file("orders.jsonl"));
    write_orders(&seeds, &[order("CA-1", "100 USD")]);
    let mut options = options(&ledger);
    options.orders = Some(seeds);
    let twin = Running::start(&options).await;
    refund(&twin, "k-1").await;
    twin.kill().await;
    ledger
}

async fn refund(twin: &Running, key: &str) {
    let plan = shipped();
    let request = json!({ "order_id": "CA-1", "amount": "10 USD", "reason": "full" });
    let outcome = twin.connectors().call(call_of(&plan, "payments.refund.create", &request, key)).await;
    assert!(matches!(outcome, CallOutcome::Answered(_)), "{outcome:?}");
}

async fn refusal(ledger: &Path) -> String {
    Twin::bind(&options(ledger)).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_request_and_its_outcome_are_in_the_file_before_the_answer() {
    let folder = Folder::new();
    let ledger = with_a_refund(&folder).await;
    let lines = lines(&ledger);
    let [seed, request, outcome] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(seed["seed"]["id"], json!("CA-1"));
    assert!(request["at"].as_i64().unwrap() > 1_700_000_000_000_000);
    assert_eq!(
        (&request["n"], &request["method"], &request["path"], &request["key"]),
        (&json!(1), &json!("POST"), &json!("/payments/refunds"), &json!("k-1"))
    );
    assert_eq!(request["body"], json!({ "order_id": "CA-1", "amount": "10.00 USD", "reason": "full" }));
    assert_eq!((&outcome["n"], &outcome["status"]), (&json!(1), &json!(201)));
    assert_eq!(effects(&ledger).unwrap(), [Effect::new("payments.refund.create", "k-1", "CA-1", "10.00 USD")]);
}

#[tokio::test]
async fn a_torn_line_is_cut_and_the_twin_goes_on() {
    let folder = Folder::new();
    let ledger = with_a_refund(&folder).await;
    let whole = std::fs::read(&ledger).unwrap();
    let request = r#"{"n":2,"at":1,"method":"POST","path":"/payments/refunds","key":"k-2","body":{"order_id":"CA-1","amount":"10.00 USD","reason":"full"}}"#;
    // Killed within a request, between request and outcome, and within an outcome.
    for torn in [&request[..40], request, &format!("{request}\n"), &format!("{request}\n{{\"n\":2,\"sta")] {
        std::fs::write(&ledger, &whole).unwrap();
        append(&ledger, torn);
        assert_eq!(effects(&ledger).unwrap().len(), 1, "{torn}");
        let twin = Running::start(&options(&ledger)).await;
        refund(&twin, "k-1").await;
        refund(&twin, "k-2").await;
        refund(&twin, "k-2").await;
        twin.kill().await;
        assert_eq!(effects(&ledger).unwrap().len(), 2, "{torn}");
        Running::start(&options(&ledger)).await.kill().await;
    }
}

#[tokio::test]
async fn any_prefix_of_a_ledger_is_a_state_to_go_on_from() {
    let folder = Folder::new();
    let ledger = with_a_refund(&folder).await;
    let whole = std::fs::read(&ledger).unwrap();
    for length in 0..=whole.len() {
        std::fs::write(&ledger, &whole[..length]).unwrap();
        let done = effects(&ledger).unwrap().len();
        assert_eq!(done, usize::from(length == whole.len()), "{length} bytes");
        drop(Twin::bind(&options(&ledger)).await.unwrap_or_else(|error| panic!("{length} bytes: {error}")));
    }
}

#[tokio::test]
async fn a_damaged_ledger_is_refused_with_its_line() {
    let folder = Folder::new();
    let ledger = with_a_refund(&folder).await;
    let whole = std::fs::read_to_string(&ledger).unwrap();
    std::fs::write(&ledger, whole.replacen("{\"n\":1,\"at\"", "{\"n\":1,\"at", 1)).unwrap();
    assert!(refusal(&ledger).await.contains("line 2 of the ledger is damaged"), "{}", refusal(&ledger).await);
    assert!(effects(&ledger).unwrap_err().contains("line 2"));
    std::fs::write(&ledger, whole.replace("\"status\":201", "\"status\":422")).unwrap();
    assert!(refusal(&ledger).await.contains("request 1 of the ledger gives another outcome now"));
}

#[tokio::test]
async fn a_ledger_has_one_twin() {
    let folder = Folder::new();
    let ledger = with_a_refund(&folder).await;
    let twin = Running::start(&options(&ledger)).await;
    assert!(refusal(&ledger).await.contains("another twin holds the ledger"));
    twin.kill().await;
    Running::start(&options(&ledger)).await.kill().await;
}

#[tokio::test]
async fn new_orders_join_and_known_ones_stay() {
    let folder = Folder::new();
    let ledger = with_a_refund(&folder).await;
    let seeds = folder.file("more.jsonl");
    write_orders(&seeds, &[order("CA-1", "1 USD"), order("CA-2", "20 USD")]);
    let mut options = options(&ledger);
    options.orders = Some(seeds.clone());
    Running::start(&options).await.kill().await;
    let seeded: Vec<Json> = lines(&ledger).into_iter().filter_map(|line| line.get("seed").cloned()).collect();
    assert_eq!(seeded.iter().map(|order| &order["paid"]).collect::<Vec<_>>(), ["100 USD", "20 USD"]);
    std::fs::write(&seeds, "{\"id\":\"CA-3\",\"paid\":\"1 USD\"}\n\n{\"id\":\"CA-4\"}\n").unwrap();
    let told = Twin::bind(&options).await.unwrap_err().to_string();
    assert!(told.contains("more.jsonl, line 3: order `CA-4` needs `paid`"), "{told}");
}

#[tokio::test]
async fn a_twin_listens_on_this_machine_alone() {
    let folder = Folder::new();
    let mut options = options(&folder.file("ledger.jsonl"));
    options.listen = "0.0.0.0:0".parse().unwrap();
    assert!(Twin::bind(&options).await.is_err());
}

#[tokio::test]
async fn health_is_answered_and_not_recorded() {
    let folder = Folder::new();
    let ledger = folder.file("ledger.jsonl");
    let twin = Running::start(&options(&ledger)).await;
    let answer =
        reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap().get(format!("{}/health", twin.url)).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(lines(&ledger), Vec::<Json>::new());
}
