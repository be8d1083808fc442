//! Counted to the last one: how often something in doubt is sent, or looked up, before a person is asked.

use super::world::*;
use crate::approval::ApprovalKind;
use crate::replay::replay;
use crate::twin::Reply;

/// How often an operation was called by a run that ends, or waits for somebody; and what for.
async fn asked_after(world: &World, operation: &str) -> (usize, Option<ApprovalKind>) {
    let engine = world.open().await;
    start(&engine, message("m1", "o1", "complaint 0.9: broken", "20 USD")).await;
    world.settle(&engine).await;
    let asked = engine.approvals().await.unwrap().first().map(|item| item.approval.kind);
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
    (world.connectors.requests().iter().filter(|request| request.operation == operation).count(), asked)
}

#[tokio::test]
async fn a_lookup_that_is_refused_is_repeated_as_often_as_the_connector_says_and_then_a_person_is_asked() {
    let world = World::triage_with(|request| match request.operation.as_str() {
        "pay.refund" => Some(Reply::Silence),
        "pay.find" => Some(Reply::Refused(failure("busy", true))),
        _ => None,
    });
    assert_eq!(asked_after(&world, "pay.find").await, (4, Some(ApprovalKind::Settle)), "once, and three times more");
}

#[tokio::test]
async fn what_is_harmless_is_repeated_as_often_as_the_connector_says_and_then_a_person_is_asked() {
    let world = World::triage_with(|request| (request.operation == "desk.reply").then_some(Reply::Silence));
    assert_eq!(asked_after(&world, "desk.reply").await, (4, Some(ApprovalKind::Settle)), "once, and three times more");
}
