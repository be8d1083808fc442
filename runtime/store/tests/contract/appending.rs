//! Appending: fencing, duplicates, racing writers, callers that go away.

use crate::*;
use std::time::Duration;

#[tokio::test]
async fn an_older_holder_is_refused_and_writes_nothing() {
    for log in [in_memory().await, Folder::new("fenced").open().await.unwrap()] {
        let segments = chain(7, 3, 2, 100);
        let old = log.take(7).await.unwrap().epoch;
        log.append(old, segments[0].clone()).await.unwrap();
        let new = log.take(7).await.unwrap().epoch;
        assert!(new > old);
        assert_eq!(log.append(old, segments[1].clone()).await, Err(StoreError::Fenced));
        assert_eq!(log.append(new + 1, segments[1].clone()).await, Err(StoreError::Fenced));
        assert_eq!(all(&log, 7).await.unwrap(), segments[..1]);
        // Being fenced off is no reason to doubt the store.
        append_all(&log, new, &segments[1..]).await;
        assert_eq!(all(&log, 7).await.unwrap(), segments);
        // Nobody has taken this one.
        assert_eq!(log.append(1, chain(8, 1, 1, 10)[0].clone()).await, Err(StoreError::Fenced));
    }
}

#[tokio::test]
async fn the_same_place_is_never_written_twice() {
    let log = in_memory().await;
    let epoch = log.take(0).await.unwrap().epoch;
    let segments = chain(0, 3, 2, 100);
    append_all(&log, epoch, &segments[..2]).await;
    let other = Segment::seal(0, 1, 5, GENESIS, b"other".to_vec());
    for again in [segments[1].clone(), other] {
        let refused = log.append(epoch, again).await;
        assert!(matches!(&refused, Err(StoreError::Other(text)) if text.contains("already in the log")), "{refused:?}");
    }
    append_all(&log, epoch, &segments[2..]).await;
    assert_eq!(all(&log, 0).await.unwrap(), segments);
}

#[tokio::test]
async fn shards_do_not_mix_and_racing_writers_all_succeed() {
    for log in [in_memory().await, Folder::new("racing").open().await.unwrap()] {
        let mut writers = Vec::new();
        for shard in 0..3 {
            let epoch = log.take(shard).await.unwrap().epoch;
            for segment in chain(shard, 8, 3, 500) {
                let log = Arc::clone(&log);
                writers.push(tokio::spawn(async move { log.append(epoch, segment).await }));
            }
        }
        for writer in writers {
            writer.await.unwrap().unwrap();
        }
        for shard in 0..3 {
            assert_eq!(all(&log, shard).await.unwrap(), chain(shard, 8, 3, 500));
        }
    }
}

#[tokio::test]
async fn a_holder_that_lost_the_shard_in_mid_flight_stops() {
    let folder = Folder::new("mid-flight");
    let log = folder.open().await.unwrap();
    let old = log.take(0).await.unwrap().epoch;
    let stale = {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let mut written: Vec<Segment> = Vec::new();
            loop {
                let segment = next(0, written.last(), 1, 200);
                match log.append(old, segment.clone()).await {
                    Ok(()) => written.push(segment),
                    refused => return (written, refused),
                }
            }
        })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    let new = log.take(0).await.unwrap().epoch;
    // Whatever is read after taking the shard is all that the older holder will ever have written.
    let before = all(&log, 0).await.unwrap();
    let (written, refused) = stale.await.unwrap();
    assert_eq!(refused, Err(StoreError::Fenced));
    assert_eq!(written, before);
    log.append(new, next(0, before.last(), 1, 200)).await.unwrap();
    assert_unbroken(&all(&log, 0).await.unwrap());
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_a_whole_segment() {
    let folder = Folder::new("gone");
    let log = folder.open().await.unwrap();
    let epoch = log.take(0).await.unwrap().epoch;
    let segments = chain(0, 20, 4, 2_000);
    for segment in &segments {
        // Polled once, then dropped.
        tokio::select! {
            biased;
            _ = log.append(epoch, segment.clone()) => {}
            () = std::future::ready(()) => {}
        }
        let mut found = Vec::new();
        for _ in 0..500 {
            found = log.scan(0, segment.first, 1).await.unwrap();
            if !found.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(found.first(), Some(segment), "the write ended with its caller");
    }
    log.append(epoch, next(0, segments.last(), 1, 1)).await.unwrap();
}

#[tokio::test]
async fn a_body_that_no_memtable_can_hold_is_refused_beforehand() {
    let folder = Folder::new("large");
    let log = folder.open().await.unwrap();
    let epoch = log.take(0).await.unwrap().epoch;
    let refused = log.append(epoch, next(0, None, 1, tradewind_store::LARGEST_BODY_BYTES + 1)).await;
    assert!(matches!(&refused, Err(StoreError::Other(text)) if text.contains("8388608")), "{refused:?}");
    // So many that some fill a memtable, and are written once more.
    let mut last = None;
    for _ in 0..9 {
        let segment = next(0, last.as_ref(), 1, tradewind_store::LARGEST_BODY_BYTES);
        log.append(epoch, segment.clone()).await.unwrap();
        last = Some(segment);
    }
    assert_unbroken(&all(&log, 0).await.unwrap());
}
