//! Providers that cannot be reached: runs wait, and nothing is used up by waiting.

use super::world::*;
use crate::event::EventKind;
use crate::ports::UNREACHABLE;
use crate::replay::replay;
use crate::summary::{RunFilter, RunStatus};
use crate::twin::Reply;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A world in which these operations cannot be reached until somebody says so.
fn unreachable(operations: &'static [&'static str]) -> (World, Arc<AtomicBool>) {
    let reachable = Arc::new(AtomicBool::new(false));
    let seen = reachable.clone();
    let world = World::triage_with(move |request| {
        let down = operations.contains(&request.operation.as_str()) && !seen.load(Ordering::Relaxed);
        down.then(|| Reply::Refused(failure(UNREACHABLE, true)))
    });
    (world, reachable)
}

/// Lets so many seconds pass, one after another.
async fn pass(world: &World, seconds: i64) {
    for _ in 0..seconds {
        world.clock.advance(SECOND);
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

fn asked(world: &World, operation: &str) -> usize {
    world.connectors.requests().iter().filter(|request| request.operation == operation).count()
}

#[tokio::test]
async fn reads_and_effects_wait_for_their_provider_and_use_up_no_retries() {
    for (operations, operation) in [(&["shop.order.get"][..], "shop.order.get"), (&["pay.refund"], "pay.refund")] {
        let (world, reachable) = unreachable(operations);
        let engine = world.open().await;
        let started = start(&engine, message("m1", "o1", "complaint 0.9: broken", "20 USD")).await;
        pass(&world, 600).await;
        let tried = asked(&world, operation);
        assert!((20..80).contains(&tried), "{tried} attempts at {operation} in ten minutes");
        let run = engine.run(&started.run_id).await.unwrap().unwrap();
        assert_eq!(run.summary.status, RunStatus::Running, "{:?}", run.summary.failure);
        reachable.store(true, Ordering::Relaxed);
        world.settle(&engine).await;
        let run = engine.run(&started.run_id).await.unwrap().unwrap();
        assert_eq!(run.summary.status, RunStatus::Completed, "{:?}", run.summary.failure);
        assert_eq!(world.connectors.effects().len(), 2);
        engine.shutdown().await;
        replay(&*world.log, 0).await.unwrap();
    }
}

#[tokio::test]
async fn a_lookup_that_cannot_be_reached_is_tried_again_and_no_person_is_asked() {
    let reachable = Arc::new(AtomicBool::new(false));
    let seen = reachable.clone();
    let world = World::triage_with(move |request| match request.operation.as_str() {
        "pay.refund" if request.earlier == 0 => Some(Reply::Silence),
        "pay.find" if !seen.load(Ordering::Relaxed) => Some(Reply::Refused(failure(UNREACHABLE, true))),
        _ => None,
    });
    let engine = world.open().await;
    let started = start(&engine, message("m1", "o1", "complaint 0.9: broken", "20 USD")).await;
    pass(&world, 300).await;
    assert!(asked(&world, "pay.find") > 5);
    assert!(engine.approvals().await.unwrap().is_empty());
    reachable.store(true, Ordering::Relaxed);
    world.settle(&engine).await;
    assert_eq!(engine.run(&started.run_id).await.unwrap().unwrap().summary.status, RunStatus::Completed);
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn the_deadline_of_the_run_ends_the_wait_and_no_more_runs_are_admitted_meanwhile() {
    for operation in [&["shop.order.get"][..], &["pay.refund"]] {
        let (mut world, _) = unreachable(operation);
        world.in_flight = 1;
        let engine = world.open().await;
        let first = start(&engine, message("m1", "o1", "complaint 0.9: broken", "20 USD")).await;
        let second = engine.submit("triage", message("m2", "o2", "complaint 0.9: broken", "20 USD"), "test").await.unwrap();
        pass(&world, 120).await;
        assert_eq!(engine.runs(RunFilter::default()).await.unwrap().len(), 1);
        world.clock.advance(HOUR);
        let second = world.moving(&engine, second.durable()).await.unwrap();
        let run = engine.run(&first.run_id).await.unwrap().unwrap();
        assert_eq!(run.summary.status, RunStatus::Failed);
        world.settle(&engine).await;
        assert_eq!(engine.run(&second.run_id).await.unwrap().unwrap().summary.status, RunStatus::Failed);
        assert!(world.connectors.effects().iter().all(|(operation, ..)| operation != "pay.refund"));
        engine.shutdown().await;
        replay(&*world.log, 0).await.unwrap();
    }
}

#[tokio::test]
async fn without_a_deadline_an_hour_is_waited() {
    let (mut world, _) = unreachable(&["pay.refund"]);
    world.plan = plan(&[PROJECT, &TRIAGE.replace("    deadline \"1h\"\n", "")]);
    let engine = world.open().await;
    let started = start(&engine, message("m1", "o1", "complaint 0.9: broken", "20 USD")).await;
    pass(&world, 60).await;
    world.clock.advance(HOUR - 120 * SECOND);
    pass(&world, 40).await;
    assert_eq!(engine.run(&started.run_id).await.unwrap().unwrap().summary.status, RunStatus::Running);
    world.clock.advance(HOUR / 30);
    world.settle(&engine).await;
    let run = engine.run(&started.run_id).await.unwrap().unwrap();
    assert_eq!(run.summary.failure.unwrap().code, UNREACHABLE);
    let events = world.events(&engine).await;
    assert!(events.iter().any(|event| matches!(&event.kind, EventKind::EffectAttempted { code, doubt: false, .. } if code == UNREACHABLE)));
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_process_that_ends_while_it_waits_goes_on_waiting() {
    let (world, reachable) = unreachable(&["shop.order.get", "pay.refund", "pay.find"]);
    let engine = world.open().await;
    let started = start(&engine, message("m1", "o1", "complaint 0.9: broken", "20 USD")).await;
    for _ in 0..3 {
        pass(&world, 30).await;
    }
    engine.shutdown().await;
    let engine = world.open().await;
    pass(&world, 120).await;
    assert_eq!(engine.run(&started.run_id).await.unwrap().unwrap().summary.status, RunStatus::Running);
    reachable.store(true, Ordering::Relaxed);
    world.settle(&engine).await;
    assert_eq!(engine.run(&started.run_id).await.unwrap().unwrap().summary.status, RunStatus::Completed);
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}
