//! A log that keeps a copy of what passes through it, so that the same bytes can be written again without an engine.

use std::sync::{Arc, Mutex, PoisonError};
use tradewind_engine::ports::{BoxFuture, LogStore, ShardHead, StoreError};
use tradewind_engine::seal::Keyring;
use tradewind_engine::segment::Segment;

/// A log behind which stands another.
pub struct Recording {
    log: Arc<dyn LogStore>,
    segments: Mutex<Vec<Segment>>,
}

impl Recording {
    /// Records what goes to `log`.
    #[must_use]
    pub fn of(log: Arc<dyn LogStore>) -> Self {
        Self { log, segments: Mutex::default() }
    }

    /// Everything that was appended, in order; it is forgotten here.
    #[must_use]
    pub fn take_segments(&self) -> Vec<Segment> {
        std::mem::take(&mut *self.segments.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl LogStore for Recording {
    fn take(&self, shard: u32) -> BoxFuture<'_, Result<ShardHead, StoreError>> {
        self.log.take(shard)
    }

    fn append(&self, epoch: u64, segment: Segment) -> BoxFuture<'_, Result<(), StoreError>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner).push(segment.clone());
        self.log.append(epoch, segment)
    }

    fn scan(&self, shard: u32, from: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Segment>, StoreError>> {
        self.log.scan(shard, from, limit)
    }

    fn holds(&self, shard: u32, epoch: u64) -> BoxFuture<'_, bool> {
        self.log.holds(shard, epoch)
    }

    fn keys(&self) -> Option<Arc<dyn Keyring>> {
        self.log.keys()
    }

    fn durable(&self) -> bool {
        self.log.durable()
    }
}
