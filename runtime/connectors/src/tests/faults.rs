//! Faults of a twin: told in memory, by count over HTTP. What is said of a call agrees with what was done.

use super::support::{Folder, Running, call_of, failure, options, order, shipped, world, write_orders};
use crate::twin::{Fault, FaultKind, TwinConnectors, TwinFaults, effects};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tradewind_engine::ports::{Call, CallOutcome, Connectors};
use tradewind_lang::plan::Plan;

const REFUND: &str = "payments.refund.create";

fn refund(plan: &Plan, amount: &str, key: &str) -> Call {
    call_of(plan, REFUND, &json!({ "order_id": "CA-1", "amount": amount, "reason": "full" }), key)
}

fn get(plan: &Plan) -> Call {
    call_of(plan, "shop.order.get", &json!({ "id": "CA-1" }), "")
}

fn faulty(plan: &Plan, operation: &str, kind: FaultKind) -> TwinConnectors {
    let twin = TwinConnectors::new(Arc::new(plan.types.clone()), world(&[order("CA-1", "100 USD")]));
    twin.fault(Fault { operation: operation.to_owned(), kind, times: Some(2) });
    twin
}

#[tokio::test]
async fn a_fault_of_a_write_tells_no_lie() {
    let plan = shipped();
    // The fault; the failure's code, or `None` where the outcome is unknown; how many effects there are then.
    let table = [
        (FaultKind::NotSent, Some("connect"), 0),
        (FaultKind::LostRequest, None, 0),
        (FaultKind::LostAnswer, None, 1),
        (FaultKind::Status(429), Some("http-429"), 0),
        (FaultKind::Status(503), None, 0),
        (FaultKind::Status(401), Some("http-401"), 0),
        (FaultKind::Status(200), None, 0),
    ];
    for (kind, code, done) in table {
        let twin = faulty(&plan, REFUND, kind);
        for _ in 0..2 {
            match (twin.call(refund(&plan, "60 USD", "k")).await, code) {
                (CallOutcome::Failed(failure), Some(code)) => assert_eq!(failure.code, code, "{kind:?}"),
                (CallOutcome::Unknown(_), None) => {}
                (other, _) => panic!("{kind:?}: {other:?}"),
            }
            assert_eq!(twin.effects().len(), done, "{kind:?}");
        }
        // The fault was for two calls; the third works, and the effect is there once.
        assert!(matches!(twin.call(refund(&plan, "60 USD", "k")).await, CallOutcome::Answered(_)), "{kind:?}");
        assert_eq!(twin.effects().len(), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn a_fault_of_a_read_is_a_failure_worth_a_retry() {
    let plan = shipped();
    for (kind, code) in [
        (FaultKind::NotSent, "connect"),
        (FaultKind::LostRequest, "time-out"),
        (FaultKind::LostAnswer, "time-out"),
        (FaultKind::Status(503), "http-503"),
    ] {
        let twin = faulty(&plan, "shop.order.get", kind);
        let failure = failure(twin.call(get(&plan)).await);
        assert_eq!((failure.code.as_str(), failure.retry), (code, true), "{kind:?}");
        assert!(matches!(twin.call(refund(&plan, "1 USD", "k")).await, CallOutcome::Answered(_)), "another operation has no fault");
    }
}

#[tokio::test]
async fn a_delay_beyond_the_time_out_loses_the_answer_only() {
    let mut plan = shipped();
    let connector = plan.connectors.get_mut("payments").expect("the shipped connector");
    std::sync::Arc::make_mut(connector).total_timeout = 500_000;
    let twin = faulty(&plan, REFUND, FaultKind::Delay(1_000));
    assert!(matches!(twin.call(refund(&plan, "1 USD", "k-1")).await, CallOutcome::Answered(_)));
    let twin = faulty(&plan, REFUND, FaultKind::Delay(900_000));
    assert!(matches!(twin.call(refund(&plan, "1 USD", "k-1")).await, CallOutcome::Unknown(_)));
    assert_eq!(twin.effects().len(), 1);
}

async fn served(folder: &Folder, faults: TwinFaults) -> Running {
    let seeds = folder.file("orders.jsonl");
    write_orders(&seeds, &[order("CA-1", "100 USD")]);
    let mut options = options(&folder.file("ledger.jsonl"));
    options.orders = Some(seeds);
    options.faults = faults;
    Running::start(&options).await
}

#[tokio::test]
async fn a_dropped_connection_leaves_a_recorded_effect() {
    let (plan, folder) = (shipped(), Folder::new());
    let twin = served(&folder, TwinFaults { drop_every: Some(2), ..TwinFaults::default() }).await;
    let http = twin.connectors();
    assert!(matches!(http.call(refund(&plan, "10 USD", "k-1")).await, CallOutcome::Answered(_)));
    let lost = http.call(refund(&plan, "10 USD", "k-2")).await;
    assert!(matches!(lost, CallOutcome::Unknown(_)), "{lost:?}");
    assert_eq!(effects(&folder.file("ledger.jsonl")).unwrap().len(), 2, "it was done all the same");
    let found = http.call(call_of(&plan, "payments.refund.find", &json!({ "key": "k-2" }), "")).await;
    assert!(matches!(found, CallOutcome::Answered(_)), "the lookup settles it: {found:?}");
    let read = failure(http.call(get(&plan)).await);
    assert_eq!((read.code.as_str(), read.retry), ("connection", true));
}

#[tokio::test]
async fn a_busy_provider_has_done_nothing() {
    let (plan, folder) = (shipped(), Folder::new());
    let twin = served(&folder, TwinFaults { busy_every: Some(1), ..TwinFaults::default() }).await;
    let http = twin.connectors();
    assert!(matches!(http.call(refund(&plan, "10 USD", "k-1")).await, CallOutcome::Unknown(_)), "503 to a write may mean anything");
    let read = failure(http.call(get(&plan)).await);
    assert_eq!((read.code.as_str(), read.retry), ("http-503", true));
    assert_eq!(effects(&folder.file("ledger.jsonl")).unwrap(), []);
    twin.kill().await;
    let twin = served(&folder, TwinFaults::default()).await;
    assert!(matches!(twin.connectors().call(refund(&plan, "10 USD", "k-1")).await, CallOutcome::Answered(_)));
}

#[tokio::test]
async fn whoever_repeats_a_request_reaches_a_busy_provider_in_the_end() {
    let (plan, folder) = (shipped(), Folder::new());
    let twin = served(&folder, TwinFaults { busy_every: Some(1), ..TwinFaults::default() }).await;
    let http = twin.connectors();
    for round in 0..2 {
        for _ in 0..3 {
            assert_eq!(failure(http.call(get(&plan)).await).code, "http-503", "round {round}");
        }
        assert!(matches!(http.call(get(&plan)).await, CallOutcome::Answered(_)), "round {round}");
    }
}

#[tokio::test]
async fn ten_calls_at_once_never_refund_more_than_was_paid() {
    let (plan, folder) = (shipped(), Folder::new());
    let twin = served(&folder, TwinFaults { latency: Some(Duration::from_millis(300)), ..TwinFaults::default() }).await;
    let http = Arc::new(twin.connectors());
    let begun = Instant::now();
    let calls: Vec<_> = (0..10)
        .map(|n| {
            let (http, call) = (http.clone(), refund(&plan, "30 USD", &format!("k-{n}")));
            tokio::spawn(async move { http.call(call).await })
        })
        .collect();
    let mut answered = 0;
    for call in calls {
        match call.await.unwrap() {
            CallOutcome::Answered(_) => answered += 1,
            CallOutcome::Failed(failure) => assert_eq!(failure.code, "refused"),
            CallOutcome::Unknown(message) => panic!("{message}"),
        }
    }
    assert_eq!(answered, 3);
    assert_eq!(effects(&folder.file("ledger.jsonl")).unwrap().len(), 3);
    assert!(begun.elapsed() < Duration::from_millis(2_400), "they ran one after the other: {:?}", begun.elapsed());
}
