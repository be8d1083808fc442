//! The log store against the real database.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tradewind_engine::ports::{LogStore, StoreError};
use tradewind_engine::segment::{Digest, Segment};
use tradewind_store::{SurrealLog, open};

/// A folder that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tradewind-store-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    async fn open(&self) -> Result<Arc<SurrealLog>, StoreError> {
        open("surrealkv://store", &self.0).await
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A chain of segments of `count` events, each of `size` bytes.
fn chain(shard: u32, segments: u64, count: u32, size: usize) -> Vec<Segment> {
    let mut previous = Digest([0; 32]);
    (0..segments)
        .map(|index| {
            let first = 1 + index * u64::from(count);
            let segment = Segment::seal(shard, first, count, previous, vec![index as u8; size * count as usize]);
            previous = segment.hash;
            segment
        })
        .collect()
}

#[tokio::test]
async fn speed() {
    let folder = Folder::new("speed");
    for url in ["memory://", "surrealkv://store"] {
        let log = open(url, &folder.0).await.unwrap();
        let epoch = log.take(0).await.unwrap().epoch;
        let segments = chain(0, 2000, 64, 400);
        let started = Instant::now();
        for segment in segments.clone() {
            log.append(epoch, segment).await.unwrap();
        }
        let rate = segments.len() as f64 / started.elapsed().as_secs_f64();
        println!("{url}: {rate:.0} commits/s of 64 x 400 bytes, one writer");
        let started = Instant::now();
        let got = log.scan(0, 1, 10_000).await.unwrap();
        println!("{url}: scan {} in {:?}", got.len(), started.elapsed());
        assert!(got == segments);
        assert_eq!(log.append(epoch + 1, segments[0].clone()).await, Err(StoreError::Fenced));
        println!("{:?}", log.append(epoch, segments[0].clone()).await);
        log.close().await.unwrap();
    }
}
#[tokio::test]
async fn locked() {
    let folder = Folder::new("locked");
    let log = folder.open().await.unwrap();
    println!("{:?}", folder.open().await.err());
    log.close().await.unwrap();
    drop(log);
    folder.open().await.unwrap();
    let _ = Path::new("");
}
