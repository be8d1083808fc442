//! The log store against the real database: one test binary, because each one that links the database is large.
//! It asserts what a caller of the port notices, and the plans and caps that speed and memory rest on; never a time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod appending;
mod archiving;
mod caps;
mod damage;
mod full;
mod killed;
mod opening;
mod rotating;
mod scanning;
mod speed;
mod suite;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use tradewind_engine::ports::{LogStore, StoreError};
use tradewind_engine::segment::{Digest, Segment};
use tradewind_store::{SurrealLog, open};

/// A folder that is removed in the end. The store is in its subfolder `store`.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tradewind-store-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn store(&self) -> PathBuf {
        self.0.join("store")
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

async fn in_memory() -> Arc<SurrealLog> {
    open("memory://", Path::new("")).await.unwrap()
}

const GENESIS: Digest = Digest([0; 32]);

/// The segment that follows `last`, with a body of `size` bytes that are its own.
fn next(shard: u32, last: Option<&Segment>, count: u32, size: usize) -> Segment {
    let (first, previous) = last.map_or((1, GENESIS), |last| (last.first + u64::from(last.count), last.hash));
    // Not compressible to nothing, and not the same in two segments.
    let body = (0..size as u64).map(|index| (first.wrapping_mul(2_654_435_761).wrapping_add(index * 31) >> 5) as u8).collect();
    Segment::seal(shard, first, count, previous, body)
}

/// A chain of segments of `count` events.
fn chain(shard: u32, segments: usize, count: u32, size: usize) -> Vec<Segment> {
    let mut chain: Vec<Segment> = Vec::new();
    for _ in 0..segments {
        let segment = next(shard, chain.last(), count, size);
        chain.push(segment);
    }
    chain
}

async fn append_all(log: &SurrealLog, epoch: u64, segments: &[Segment]) {
    for segment in segments {
        log.append(epoch, segment.clone()).await.unwrap();
    }
}

async fn all(log: &SurrealLog, shard: u32) -> Result<Vec<Segment>, StoreError> {
    log.scan(shard, 0, usize::MAX >> 1).await
}

/// Each segment is intact and follows the one before it.
fn assert_unbroken(segments: &[Segment]) {
    let mut previous = GENESIS;
    let mut first = 1;
    for segment in segments {
        assert!(segment.is_intact(), "segment {} is not what was sealed", segment.first);
        assert_eq!((segment.first, segment.previous), (first, previous), "the chain is broken");
        (first, previous) = (segment.first + u64::from(segment.count), segment.hash);
    }
}
