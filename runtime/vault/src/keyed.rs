//! A log together with the vault of its keys. It does nothing else.

use std::sync::Arc;
use tradewind_engine::anchor::Anchor;
use tradewind_engine::ports::{BoxFuture, LogStore, ShardHead, StoreError};
use tradewind_engine::seal::Keyring;
use tradewind_engine::segment::Segment;

/// A log whose personal data are sealed with the keys of a vault.
pub struct Keyed {
    log: Arc<dyn LogStore>,
    keys: Arc<dyn Keyring>,
}

impl Keyed {
    /// A log and its keys.
    #[must_use]
    pub fn new(log: Arc<dyn LogStore>, keys: Arc<dyn Keyring>) -> Self {
        Self { log, keys }
    }
}

impl LogStore for Keyed {
    fn take(&self, shard: u32) -> BoxFuture<'_, Result<ShardHead, StoreError>> {
        self.log.take(shard)
    }

    fn append(&self, epoch: u64, segment: Segment) -> BoxFuture<'_, Result<(), StoreError>> {
        self.log.append(epoch, segment)
    }

    fn scan(&self, shard: u32, from: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Segment>, StoreError>> {
        self.log.scan(shard, from, limit)
    }

    fn holds(&self, shard: u32, epoch: u64) -> BoxFuture<'_, bool> {
        self.log.holds(shard, epoch)
    }

    fn anchors(&self, shard: u32) -> Vec<Anchor> {
        self.log.anchors(shard)
    }

    fn prune(&self, anchor: Anchor) -> BoxFuture<'_, Result<(), StoreError>> {
        self.log.prune(anchor)
    }

    fn keys(&self) -> Option<Arc<dyn Keyring>> {
        Some(self.keys.clone())
    }

    fn durable(&self) -> bool {
        self.log.durable()
    }
}
