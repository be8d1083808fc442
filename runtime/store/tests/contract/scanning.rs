//! Scanning: paging, windows, and the plan of the query.

use crate::*;
use surrealdb::Surreal;
use surrealdb::engine::local::SurrealKv;

/// Segments of very different lengths, some longer than any window.
fn uneven(shard: u32) -> Vec<Segment> {
    let mut chain: Vec<Segment> = Vec::new();
    for count in [1, 1, 64, 3_000, 1, 255, 256, 257, 1, 40_000, 2, 2, 2] {
        let segment = next(shard, chain.last(), count, 50);
        chain.push(segment);
    }
    chain
}

#[tokio::test]
async fn pages_of_any_size_give_the_whole_log_once() {
    let log = in_memory().await;
    let segments = uneven(3);
    let epoch = log.take(3).await.unwrap().epoch;
    append_all(&log, epoch, &segments).await;
    for page in [1, 2, 5, 13, 1_000] {
        let mut read = Vec::new();
        let mut from = 0;
        loop {
            let found = log.scan(3, from, page).await.unwrap();
            assert!(found.len() <= page);
            let Some(last) = found.last() else { break };
            from = last.first + 1;
            read.extend(found);
        }
        assert_eq!(read, segments, "pages of {page}");
    }
    assert_eq!(log.scan(3, segments[3].first + 1, 2).await.unwrap(), segments[4..6]);
    assert_eq!(log.scan(3, 0, 0).await.unwrap(), []);
    assert_eq!(log.scan(3, u64::MAX, 5).await.unwrap(), []);
    assert_eq!(log.scan(2, 0, 5).await.unwrap(), []);
}

#[tokio::test]
async fn a_window_is_one_range_of_ids() {
    let folder = Folder::new("plan");
    let log = folder.open().await.unwrap();
    let epoch = log.take(1).await.unwrap().epoch;
    append_all(&log, epoch, &chain(1, 20, 1, 10)).await;
    log.close().await.unwrap();
    drop(log);

    let raw = Surreal::new::<SurrealKv>(folder.store().to_str().unwrap()).await.unwrap();
    raw.use_ns("tradewind").use_db("log").await.unwrap();
    let range = include_str!("../../src/statements/range.surql");
    let query = raw.query(format!("EXPLAIN {range}")).bind(("shard", 1)).bind(("from", 5)).bind(("until", 9));
    let mut answer = query.await.unwrap().check().unwrap();
    let plan: surrealdb::types::Value = answer.take(0).unwrap();
    let plan = format!("{plan:?}");
    println!("plan of a window: {plan}");
    assert!(plan.contains("RecordIdScan"), "{plan}");
    assert!(!plan.contains("TableScan") && !plan.contains("Filter") && !plan.contains("Sort"), "{plan}");
}
