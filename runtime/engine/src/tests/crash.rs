//! The process dies at every append and around every effect; the outside world must not notice.

use super::world::*;
use crate::replay::replay;
use crate::twin::{Fault, Reply};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tradewind_lang::value::Value;

type Effects = Vec<(String, String, Value)>;

fn inputs() -> Vec<Value> {
    vec![
        message("m1", "o1", "complaint 0.9: broken", "20 USD"),
        message("m2", "o2", "complaint 0.9: torn", "30 USD"),
        message("m3", "o1", "complaint 0.9: broken again", "10 USD"),
        message("m4", "o4", "praise 0.9: fine", "1 USD"),
        message("m5", "o5", "complaint 0.2: hm", "10 USD"),
    ]
}

/// Starts everything that is not started yet, and lets it go on as far as it gets.
async fn play(world: &World) {
    let Ok(engine) = world.try_open().await else { return };
    for input in inputs() {
        let _ = engine.start("triage", input, "test").await;
    }
    world.settle(&engine).await;
    engine.shutdown().await;
}

async fn uninterrupted() -> (Effects, usize) {
    let world = World::triage();
    play(&world).await;
    (world.connectors.effects(), world.log.appends() as usize)
}

fn sorted(mut effects: Effects) -> Effects {
    effects.sort_by(|one, two| (&one.0, &one.1).cmp(&(&two.0, &two.1)));
    effects
}

#[tokio::test]
async fn dying_at_any_append_leaves_the_same_effects() {
    let (wanted, appends) = uninterrupted().await;
    assert_eq!(wanted.iter().filter(|(operation, ..)| operation == "pay.refund").count(), 2, "one refund for each order");
    for at in 1..=appends + 1 {
        for fault in [Fault::DiesBefore(at as u64), Fault::DiesAfter(at as u64)] {
            let world = World::triage();
            world.log.set_fault(Some(fault.clone()));
            play(&world).await;
            world.log.set_fault(None);
            play(&world).await;
            assert_eq!(sorted(world.connectors.effects()), sorted(wanted.clone()), "{fault:?}");
            let engine = world.open().await;
            engine.verify().await.unwrap();
            assert_eq!(engine.approvals().await.unwrap().len(), 1, "{fault:?}: m5 waits for a person");
            assert_eq!(engine.subscribe().progress.borrow().completed, 4, "{fault:?}");
            engine.shutdown().await;
            replay(&*world.log, 0).await.unwrap();
        }
    }
}

#[tokio::test]
async fn dying_around_any_request_leaves_the_same_effects() {
    let (wanted, _) = uninterrupted().await;
    for after in [false, true] {
        for at in 1.. {
            let seen = Arc::new(AtomicUsize::new(0));
            let log = Arc::new(crate::twin::MemoryLog::new());
            let (count, dying) = (seen.clone(), log.clone());
            // The process dies with the request: before it happened, or after it happened and before the answer.
            let connectors = connectors(Arc::new(move |request| {
                if count.fetch_add(1, Ordering::SeqCst) + 1 != at {
                    return None;
                }
                dying.die();
                match (after, request.operation.as_str()) {
                    (true, "pay.refund" | "desk.reply") => None,
                    _ => Some(Reply::Silence),
                }
            }));
            let world = World { log: log.clone(), connectors, ..World::triage() };
            play(&world).await;
            if seen.load(Ordering::SeqCst) < at {
                break;
            }
            log.set_fault(None);
            play(&world).await;
            assert_eq!(sorted(world.connectors.effects()), sorted(wanted.clone()), "request {at}, after: {after}");
            replay(&*log, 0).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_full_disk_stops_the_engine_with_its_reason_and_nothing_half_done() {
    let world = World::triage();
    world.log.set_fault(Some(Fault::FullAt(2)));
    let engine = world.open().await;
    let result = engine.start("triage", inputs().remove(0), "test").await;
    let full = crate::ports::StoreError::Full("no space left".to_owned());
    assert_eq!(result, Err(crate::engine::StartError::Store(full.clone())));
    assert_eq!(engine.wait_idle().await, Err(full.clone()));
    assert_eq!(engine.stopped(), Some(full));
    assert!(world.connectors.requests().is_empty(), "nothing was performed");
    world.log.set_fault(None);
    play(&world).await;
    assert_eq!(sorted(world.connectors.effects()), sorted(uninterrupted().await.0));
}

#[tokio::test]
async fn an_engine_that_lost_its_shard_writes_nothing_more() {
    let world = World::triage();
    let old = world.open().await;
    start(&old, inputs().remove(3)).await;
    world.settle(&old).await;
    let new = world.open().await;
    world.settle(&new).await;
    let before = segments(&world.log).await;
    let refused = old.start("triage", inputs().remove(0), "test").await;
    assert_eq!(refused, Err(crate::engine::StartError::Store(crate::ports::StoreError::Fenced)));
    assert_eq!(segments(&world.log).await, before);
    start(&new, inputs().remove(0)).await;
    world.settle(&new).await;
    new.verify().await.unwrap();
}

#[tokio::test]
async fn an_engine_that_lost_its_shard_sends_nothing_that_could_happen_twice() {
    let page = r#"
type "alarm" { field "text" string }
flow "alarm" {
    input "alarm"
    act "page" { call "desk.page" text="=input.text" }
    output { ran "=steps.page.ran" }
}
policy "pages" owner="leads" { on "desk.page"; limit "flood" count=100 per="24h" }
"#;
    let refused = failure("http-503", true);
    let busy = connectors(Arc::new(move |request| (request.earlier == 0).then(|| Reply::Refused(refused.clone()))));
    let world = World::new(plan(&[PROJECT, page]), busy);
    let old = world.open().await;
    old.start("alarm", Value::record([("text", Value::string("fire"))]), "test").await.unwrap();
    turns().await;
    assert_eq!(world.connectors.requests().len(), 1, "the next attempt waits for its time");
    let new = world.open().await;
    turns().await;
    world.settle(&new).await;
    turns().await;
    assert_eq!(world.connectors.requests().len(), 2, "only one of the two sends it again");
    assert_eq!(new.subscribe().progress.borrow().completed, 1);
}

/// Lets everything happen that does not wait for the clock.
async fn turns() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn any_damage_to_the_log_is_found_and_named() {
    let world = World::triage();
    play(&world).await;
    let good = segments(&world.log).await;
    let refused = |error: Result<_, crate::ports::StoreError>| match error {
        Err(crate::ports::StoreError::Damaged(message)) => message,
        other => panic!("{:?}", other.map(|_: crate::engine::Engine| ())),
    };
    for segment in &good {
        for byte in [0, segment.body.len() / 2, segment.body.len() - 1] {
            world.log.tamper(0, segment.first, |stored| stored.body[byte] ^= 1);
            let message = refused(world.try_open().await);
            assert!(message.contains(&segment.first.to_string()), "{message}");
            world.log.tamper(0, segment.first, |stored| *stored = segment.clone());
        }
    }
    // A forger who mends the hash of one segment breaks the link to the next.
    let (second, third) = (&good[1], &good[2]);
    let forged =
        crate::segment::Segment::seal(0, second.first, second.count, second.previous, second.body.iter().map(|byte| byte ^ 1).collect());
    world.log.tamper(0, second.first, |stored| *stored = forged);
    assert!(refused(world.try_open().await).contains(&third.first.to_string()) || third.first == second.first + 1);
    world.log.tamper(0, second.first, |stored| *stored = second.clone());
    world.log.remove(0, second.first);
    assert!(refused(world.try_open().await).contains("missing"));
}

#[tokio::test]
async fn deciding_again_from_the_log_gives_the_same_bytes() {
    let world = World::triage();
    play(&world).await;
    let report = replay(&*world.log, 0).await.unwrap();
    assert!(report.decisions > 30, "{report:?}");
    // The check can fail: a value that nobody decided is found.
    let segments = segments(&world.log).await;
    let mut previous = crate::segment::Digest::default();
    for segment in segments {
        let body = replace(&segment.body, b"complaint", b"komplaint");
        let sealed = crate::segment::Segment::seal(0, segment.first, segment.count, previous, body);
        previous = sealed.hash;
        world.log.tamper(0, segment.first, |stored| *stored = sealed);
    }
    assert!(matches!(replay(&*world.log, 0).await, Err(crate::replay::ReplayError::Differs { .. })));
}

/// Replaces the labels that the model gave, and leaves the messages alone.
fn replace(body: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    let label = [b"label".as_slice(), b"\x81\xa6String\xa9", from].concat();
    while let Some(place) = body.windows(label.len()).position(|window| window == label) {
        body[place + label.len() - from.len()..place + label.len()].copy_from_slice(to);
    }
    body
}
