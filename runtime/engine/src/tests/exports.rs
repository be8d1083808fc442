//! An export is what the log was, and says where it is not any more: whichever byte is changed, wherever it ends.

use super::world::{World, message, segments, start};
use crate::checkpoint::{self, Signer};
use crate::export::{self, Frame, Header, Reading, Writing};
use crate::segment::Segment;
use std::collections::BTreeSet;

fn signer() -> Signer {
    Signer::of_secret(&"17".repeat(32)).unwrap()
}

/// A small log: two runs, one of which refunds.
async fn worked() -> World {
    let world = World::triage();
    let engine = world.open().await;
    start(&engine, message("m1", "o1", "complaint 0.9: broken", "20 USD")).await;
    start(&engine, message("m2", "o2", "praise 0.9: fine", "1 USD")).await;
    world.settle(&engine).await;
    engine.shutdown().await;
    world
}

/// Lines for the ends of every third segment.
fn lines(segments: &[Segment]) -> Vec<String> {
    let end = |segment: &Segment| segment.first + u64::from(segment.count) - 1;
    let every = segments.iter().step_by(3);
    every.map(|segment| signer().sign(&checkpoint::of("northfield", 0, end(segment), segment.hash, 7))).collect()
}

async fn exported(world: &World, lines: &[String]) -> Vec<u8> {
    let engine = world.open().await;
    let until = engine.subscribe().progress.borrow().events;
    let (bytes, report) = engine.export_part(Vec::new(), lines, 1, (1, Default::default(), until)).await.unwrap();
    engine.shutdown().await;
    assert_eq!(report.bytes, bytes.len() as u64);
    bytes
}

#[tokio::test]
async fn an_export_holds_the_log_and_its_checkpoints() {
    let world = worked().await;
    let log = segments(&world.log).await;
    let bytes = exported(&world, &lines(&log)).await;
    let report = export::verify(&*bytes, Some(signer().key())).unwrap();
    let last = log.last().unwrap();
    assert_eq!((report.segments, report.head), (log.len() as u64, last.hash));
    assert_eq!(report.events(), last.first + u64::from(last.count) - 1);
    assert_eq!(report.checkpoints, lines(&log).len() as u64);
    let mut reading = Reading::begin(&*bytes, None).unwrap();
    let mut back = Vec::new();
    while let Some(frame) = reading.next().unwrap() {
        back.extend(match frame {
            Frame::Segment(segment) => Some(segment),
            Frame::Checkpoint(_) => None,
        });
    }
    assert_eq!(back, log);
}

/// Of every byte of the file: whatever it becomes, that is found, and the place that is told holds it.
#[tokio::test]
async fn whichever_byte_is_changed_is_found_where_it_is() {
    let world = worked().await;
    let log = segments(&world.log).await;
    // The plan is most of the log, and like any other byte of it: one that is small enough is quick to read a thousand times.
    let mut small: Vec<Segment> = Vec::new();
    for segment in log.iter().skip(1).take(4) {
        let (first, previous) = small.last().map_or((1, Default::default()), |last| (last.first + u64::from(last.count), last.hash));
        small.push(Segment::seal(0, first, segment.count, previous, segment.body.clone()));
    }
    let header = Header { tenant: "northfield".to_owned(), shard: 0, from: 1, previous: String::new(), at: 1 };
    let mut writing = Writing::begin(Vec::new(), header, Default::default()).unwrap();
    for line in lines(&small) {
        writing.checkpoint(&line, &checkpoint::read(&line).unwrap()).unwrap();
    }
    small.iter().for_each(|segment| writing.segment(segment).unwrap());
    let (good, _) = writing.end().unwrap();
    export::verify(&*good, None).unwrap();
    let mut parts = BTreeSet::new();
    for place in 0..good.len() {
        let mut bytes = good.clone();
        bytes[place] ^= 1 << (place % 8);
        let damage = export::verify(&*bytes, None).expect_err(&format!("byte {place} was changed and nobody minded"));
        assert!((damage.from..damage.until).contains(&(place as u64)), "byte {place} was changed, and this was told: {damage}");
        parts.insert(damage.part);
    }
    assert!(parts.len() > small.len(), "{parts:?}");
    for length in (0..good.len()).step_by(7) {
        let damage = export::verify(&good[..length], None).expect_err("its end is missing");
        assert!(damage.until >= length as u64, "{length}: {damage}");
    }
    let longer = [&*good, b"x"].concat();
    assert!(export::verify(&*longer, None).unwrap_err().what.contains("something follows"));
}

/// A forger who mends every checksum, and has no key.
#[tokio::test]
async fn a_forged_log_does_not_meet_what_was_signed() {
    let world = worked().await;
    let log = segments(&world.log).await;
    let lines = lines(&log);
    let mut previous = Default::default();
    assert!(log.iter().any(|segment| replaced(&segment.body) != *segment.body), "nothing is forged");
    for segment in &log {
        let sealed = Segment::seal(0, segment.first, segment.count, previous, replaced(&segment.body));
        previous = sealed.hash;
        world.log.tamper(0, segment.first, |stored| *stored = sealed);
    }
    let forged = exported(&world, &lines).await;
    let damage = export::verify(&*forged, None).unwrap_err();
    assert!(damage.what.contains("the log is not the one of the checkpoint"), "{damage}");
    let other = Signer::of_secret(&"18".repeat(32)).unwrap();
    let honest = exported(&worked().await, &[]).await;
    assert!(export::verify(&*honest, Some(other.key())).unwrap().key.is_none());
}

/// Who did it, which is written in clear.
fn replaced(body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    while let Some(place) = body.windows(4).position(|window| window == b"test") {
        body[place..place + 4].copy_from_slice(b"nice");
    }
    body
}

#[test]
fn the_end_of_what_is_archived_is_held_against_its_checkpoint() {
    let head = crate::segment::Digest::of(b"head");
    let at = |events: u64, head| checkpoint::of("northfield", 0, events, head, 7);
    let begun = |standing, events| {
        let mut witness = checkpoint::Witness::new(standing, events + 1);
        witness.begin(events, head).and_then(|()| witness.end(events))
    };
    assert_eq!(begun(vec![at(9, head), at(4, head)], 9), Ok(1));
    assert!(begun(vec![at(9, crate::segment::Digest::of(b"other"))], 9).unwrap_err().contains("ends otherwise"));
    assert!(begun(vec![at(9, head), at(12, head)], 9).is_err());
}

#[tokio::test]
async fn a_log_that_was_put_back_or_cut_off_does_not_meet_its_last_checkpoint() {
    let world = worked().await;
    let log = segments(&world.log).await;
    let last = log.last().unwrap();
    let end = last.first + u64::from(last.count) - 1;
    let signed = checkpoint::of("northfield", 0, end, last.hash, 7);
    crate::recover::meets(&*world.log, 0, &signed).await.unwrap();
    let engine = world.open().await;
    assert_eq!(engine.verify_against(vec![signed.clone()]).await.unwrap().checkpoints, 1);
    engine.shutdown().await;
    world.log.remove(0, last.first);
    let older = crate::recover::meets(&*world.log, 0, &signed).await.unwrap_err();
    assert!(matches!(older, crate::ports::StoreError::Older(_)), "{older:?}");
    let engine = world.open().await;
    assert!(engine.verify_against(vec![signed]).await.is_err());
    engine.shutdown().await;
}
