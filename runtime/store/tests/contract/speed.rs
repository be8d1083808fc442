//! How fast the store is in this build. Prints, and asserts nothing about time.

use crate::*;
use std::time::Instant;

#[tokio::test]
async fn commits_of_one_writer() {
    let folder = Folder::new("speed");
    for url in ["memory://", "surrealkv://store"] {
        let log = open(url, &folder.0).await.unwrap();
        let epoch = log.take(0).await.unwrap().epoch;
        let segments = chain(0, 1_000, 64, 64 * 400);
        let started = Instant::now();
        append_all(&log, epoch, &segments).await;
        println!("{url}: {:.0} commits/s of 64 x 400 bytes, one writer", segments.len() as f64 / started.elapsed().as_secs_f64());
        let started = Instant::now();
        let found = all(&log, 0).await.unwrap();
        println!("{url}: {} segments read in {:?}", found.len(), started.elapsed());
        assert!(found == segments);
        log.close().await.unwrap();
    }
}
