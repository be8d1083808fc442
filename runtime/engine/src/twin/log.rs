//! A log in memory. It keeps the contract of a real one, durability aside, and fails on demand.

use super::MemoryKeys;
use crate::ports::{BoxFuture, LogStore, ShardHead, StoreError};
use crate::seal::Keyring;
use crate::segment::Segment;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A failure to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full from this append on (counted from 1); nothing is written.
    FullAt(u64),
    /// The process dies at this append: before it is written.
    DiesBefore(u64),
    /// The process dies at this append: after it is written, before anybody is told.
    DiesAfter(u64),
}

#[derive(Debug, Default)]
struct Inner {
    shards: BTreeMap<u32, BTreeMap<u64, Segment>>,
    epochs: BTreeMap<u32, u64>,
    appends: u64,
    fault: Option<Fault>,
    dead: bool,
}

/// A log in memory.
#[derive(Debug, Default)]
pub struct MemoryLog {
    inner: Mutex<Inner>,
    keys: Arc<MemoryKeys>,
}

impl MemoryLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The keys of its personal data.
    #[must_use]
    pub fn vault(&self) -> &MemoryKeys {
        &self.keys
    }

    /// Sets a failure, or none; appends are counted anew, and a dead log lives again.
    pub fn set_fault(&self, fault: Option<Fault>) {
        let mut inner = self.lock();
        inner.fault = fault;
        inner.appends = 0;
        inner.dead = false;
    }

    /// From now on nothing is written any more, as if the process had died.
    pub fn die(&self) {
        self.lock().dead = true;
    }

    /// How many appends were tried since the last [`MemoryLog::set_fault`].
    #[must_use]
    pub fn appends(&self) -> u64 {
        self.lock().appends
    }

    /// Changes one stored segment, as a forger or a bad disk would.
    pub fn tamper(&self, shard: u32, first: u64, change: impl FnOnce(&mut Segment)) {
        if let Some(segment) = self.lock().shards.get_mut(&shard).and_then(|segments| segments.get_mut(&first)) {
            change(segment);
        }
    }

    /// Removes one stored segment.
    pub fn remove(&self, shard: u32, first: u64) {
        if let Some(segments) = self.lock().shards.get_mut(&shard) {
            segments.remove(&first);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn dead() -> StoreError {
    StoreError::Other("the process died".to_owned())
}

impl Inner {
    fn append(&mut self, epoch: u64, segment: Segment) -> Result<(), StoreError> {
        self.appends += 1;
        let number = self.appends;
        if self.dead {
            return Err(dead());
        }
        let mut dies_after = false;
        match self.fault {
            Some(Fault::FullAt(at)) if number >= at => return Err(StoreError::Full("no space left".to_owned())),
            Some(Fault::DiesBefore(at)) if number >= at => {
                self.dead = true;
                return Err(dead());
            }
            Some(Fault::DiesAfter(at)) if number >= at => dies_after = true,
            _ => {}
        }
        if self.epochs.get(&segment.shard) != Some(&epoch) {
            return Err(StoreError::Fenced);
        }
        let segments = self.shards.entry(segment.shard).or_default();
        if segments.contains_key(&segment.first) {
            return Err(StoreError::Other(format!("there is a segment at {} already", segment.first)));
        }
        segments.insert(segment.first, segment);
        if dies_after {
            self.dead = true;
            return Err(dead());
        }
        Ok(())
    }
}

impl LogStore for MemoryLog {
    fn take(&self, shard: u32) -> BoxFuture<'_, Result<ShardHead, StoreError>> {
        Box::pin(async move {
            let mut inner = self.lock();
            let epoch = inner.epochs.entry(shard).or_default();
            *epoch += 1;
            Ok(ShardHead { epoch: *epoch })
        })
    }

    fn append(&self, epoch: u64, segment: Segment) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.lock().append(epoch, segment) })
    }

    fn scan(&self, shard: u32, from: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Segment>, StoreError>> {
        Box::pin(async move {
            let inner = self.lock();
            let Some(segments) = inner.shards.get(&shard) else { return Ok(Vec::new()) };
            Ok(segments.range(from..).take(limit).map(|(_, segment)| segment.clone()).collect())
        })
    }

    fn holds(&self, shard: u32, epoch: u64) -> BoxFuture<'_, bool> {
        Box::pin(async move { self.lock().epochs.get(&shard) == Some(&epoch) })
    }

    fn keys(&self) -> Option<Arc<dyn Keyring>> {
        Some(self.keys.clone())
    }

    fn durable(&self) -> bool {
        false
    }
}
